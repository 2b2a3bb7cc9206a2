//! The content of views, read from the script's bytes when it is asked for: the model holds only where it is.

mod policy;
mod write;

use std::collections::BTreeSet;

use roxmltree::Node;
use serde::Serialize;

use crate::{entities, parse::token_element, xml::Xml, Include, TokenScript, View, ViewKind};
use write::{Inside, Writer};

/// A view, ready to be served to a browser; nothing in it was run or fetched.
///
/// What is guaranteed when `html` is served with `policy` as its `Content-Security-Policy`:
///
/// - Only scripts and styles that stand in the script's own bytes run, or in the files of its bundle: each by the SHA-256 of
///   its text. Nothing that a view's program writes into the page later is run as a script or heeded as a style.
/// - Attributes that are programs or styles (`onclick`, `style`) and `javascript:` addresses are not heeded.
/// - Nothing is loaded from elsewhere, and no request is made: images are `data:` or none, there are no frames, forms go
///   nowhere, and no `base` changes what addresses mean.
/// - The page has an origin of its own, so that it reads neither cookies nor storage of the site that shows it, and it opens
///   no windows.
///
/// What is not: a policy can't keep a program from navigating its own frame. Who embeds a view that shows what is private
/// says with `frame-src` where its frames may go. `frame-ancestors` is the server's to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewContent {
    /// What the script says about the view. A view that is a page elsewhere has its `url` here, and no content.
    pub view: View,
    /// An HTML document in UTF-8, without the script's comments, which no signature covers.
    pub html: String,
    /// The `Content-Security-Policy` to serve it with.
    pub policy: String,
    /// The files that it includes and that are not in it: what the bundle did not supply, and HTML, of which it can't be said
    /// what a browser makes of it.
    pub missing: Vec<Include>,
    /// What it refers to elsewhere, as written, shortened: with the policy none of it is loaded.
    pub remote: BTreeSet<String>,
}

/// Why there is no such view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// There is no such card.
    #[error("there is no card {0}")]
    UnknownCard(String),
    /// The card has no view of the kind.
    #[error("card {0} has no such view")]
    NoView(String),
    /// The bytes are not the script's.
    #[error("these are not the script's bytes")]
    OtherBytes,
    /// It is larger than allowed.
    #[error("the view is larger than {0} bytes")]
    TooLarge(usize),
    /// It has more scripts or styles than one policy can list.
    #[error("the view has more than {0} scripts or styles")]
    TooManyScripts(usize),
}

impl ViewError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            ViewError::UnknownCard(_) => "unknown-card",
            ViewError::NoView(_) => "no-view",
            ViewError::OtherBytes => "other-bytes",
            ViewError::TooLarge(_) => "view-too-large",
            ViewError::TooManyScripts(_) => "too-many-scripts",
        }
    }
}

/// What supplies an included file's text, if the caller has the bundle that it is in.
pub type Bundle<'a> = dyn Fn(&Include) -> Option<String> + 'a;

impl TokenScript {
    /// A card's view as a document, in the language that suits best. `bytes` is what the script was parsed from. The card's
    /// styles come first; shared contents, and included files that `bundle` supplies, are put in where the view uses them.
    ///
    /// # Errors
    ///
    /// A [`ViewError`] if there is no such card or view, the bytes are others, or it is too large.
    pub fn view(
        &self,
        card: &str,
        kind: ViewKind,
        language: &str,
        bytes: &[u8],
        bundle: &Bundle<'_>,
    ) -> Result<ViewContent, ViewError> {
        let found = self.card(card).ok_or_else(|| ViewError::UnknownCard(crate::value::shorten(card)))?;
        let views = found.views.iter().filter(|view| view.kind == kind);
        let view = views.min_by_key(|view| language_rank(&view.language, language));
        let view = view.ok_or_else(|| ViewError::NoView(found.name.clone()))?.clone();
        self.with_document(bytes, |xml| {
            let node = find(xml, view.start).ok_or(ViewError::OtherBytes)?;
            let mut writer = Writer::new(self, xml, bundle);
            writer.push("<!doctype html>\n<html lang=\"")?;
            writer.escaped(&view.language, true)?;
            writer.push("\"><head><meta charset=\"utf-8\">")?;
            let styles = node.parent().into_iter().flat_map(|card| card.children());
            for style in styles.filter(|n| n.is_element() && n.tag_name().name() == "style") {
                writer.element(style, false, Inside::Html)?;
            }
            writer.push("</head><body>")?;
            writer.children(node, true, Inside::Html)?;
            writer.push("</body></html>")?;
            Ok(writer.finish(view))
        })
    }

    /// The styles that the script suggests for a list of tokens (`ts:style`), if it has any.
    pub fn style(&self, bytes: &[u8]) -> Result<Option<String>, ViewError> {
        self.with_document(bytes, |xml| {
            let root = token_element(xml).map_err(|_| ViewError::OtherBytes)?;
            let style = root.children().find(|n| n.is_element() && n.tag_name().name() == "style");
            Ok(style.map(|style| style.descendants().filter_map(|n| n.text().filter(|_| n.is_text())).collect()))
        })
    }

    fn with_document<T>(
        &self,
        bytes: &[u8],
        read: impl FnOnce(&Xml<'_>) -> Result<T, ViewError>,
    ) -> Result<T, ViewError> {
        if bytes.len() != self.length {
            return Err(ViewError::OtherBytes);
        }
        let text = entities::expand(bytes, &self.limits).map_err(|_| ViewError::OtherBytes)?;
        let xml = Xml::parse(&text, &self.limits).map_err(|_| ViewError::OtherBytes)?;
        read(&xml)
    }
}

/// The same tag, the same language, English, any.
fn language_rank(tag: &str, wanted: &str) -> u8 {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    match primary(tag) {
        _ if tag.eq_ignore_ascii_case(wanted) => 0,
        language if language == primary(wanted) => 1,
        language if language == "en" => 2,
        _ => 3,
    }
}

fn find<'a, 'i>(xml: &'a Xml<'i>, start: u32) -> Option<Node<'a, 'i>> {
    let start = usize::try_from(start).ok()?;
    xml.document.descendants().find(|n| n.is_element() && n.range().start == start)
}

/// A text with its white space collapsed.
fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
