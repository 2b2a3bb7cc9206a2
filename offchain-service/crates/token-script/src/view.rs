//! The content of views, read from the script's bytes when it is asked for: the model holds only where it is.

use roxmltree::Node;
use serde::Serialize;

use crate::{entities, parse::token_element, xml::Xml, Include, TokenScript, View, ViewKind};

/// A view's content as HTML, for a browser to show; nothing in it was run or fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewContent {
    /// What the script says about the view.
    pub view: View,
    /// The content.
    pub html: String,
    /// The files that it includes and that were not supplied.
    pub missing: Vec<Include>,
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
}

impl ViewError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            ViewError::UnknownCard(_) => "unknown-card",
            ViewError::NoView(_) => "no-view",
            ViewError::OtherBytes => "other-bytes",
            ViewError::TooLarge(_) => "view-too-large",
        }
    }
}

/// What supplies an included file's text, if the caller has the bundle that it is in.
pub type Bundle<'a> = dyn Fn(&Include) -> Option<String> + 'a;

impl TokenScript {
    /// The content of a card's view in the language that suits best. `bytes` is what the script was parsed from. Shared contents
    /// are put in where the view uses them, the card's styles before it, and included files where `bundle` supplies them.
    ///
    /// # Errors
    ///
    /// A [`ViewError`] if there is no such card or view, or the bytes are others.
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
            let mut writer = Writer { script: self, xml, bundle, html: String::new(), missing: Vec::new() };
            let styles = node.parent().into_iter().flat_map(|card| card.children());
            for style in styles.filter(|n| n.is_element() && n.tag_name().name() == "style") {
                writer.element(style, false)?;
            }
            writer.children(node, true)?;
            Ok(ViewContent { html: writer.html, missing: writer.missing, view })
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

/// Writes XHTML as HTML.
struct Writer<'a, 'i> {
    script: &'a TokenScript,
    xml: &'a Xml<'i>,
    bundle: &'a Bundle<'a>,
    html: String,
    missing: Vec<Include>,
}

impl<'a, 'i> Writer<'a, 'i> {
    fn push(&mut self, text: &str) -> Result<(), ViewError> {
        let limit = self.script.limits.view;
        match self.html.len() + text.len() <= limit {
            true => {
                self.html.push_str(text);
                Ok(())
            }
            false => Err(ViewError::TooLarge(limit)),
        }
    }

    // Recursion is bounded by the depth that parsing allowed. `shared`: whether shared contents may be used here; they don't
    // use each other.
    fn children(&mut self, node: Node<'a, 'i>, shared: bool) -> Result<(), ViewError> {
        for child in node.children() {
            match child.text().filter(|_| child.is_text()) {
                Some(text) => self.escaped(text, false)?,
                None if child.is_element() => self.element(child, shared)?,
                None => {}
            }
        }
        Ok(())
    }

    fn element(&mut self, node: Node<'a, 'i>, shared: bool) -> Result<(), ViewError> {
        let name = node.tag_name().name();
        let ours = node.tag_name().namespace().is_some_and(|uri| uri.starts_with("http://tokenscript.org/"));
        match name {
            "viewContent" if ours => {
                let named = node.attribute("name").map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
                let start = self.script.contents.iter().find(|(name, _)| Some(name) == named.as_ref());
                return match start.and_then(|(_, start)| find(self.xml, *start)).filter(|_| shared) {
                    Some(content) => self.children(content, false),
                    None => Ok(()),
                };
            }
            "include" if ours => return self.include(node),
            _ => {}
        }
        self.push("<")?;
        self.push(name)?;
        for attribute in node.attributes() {
            let prefix = match attribute.namespace() {
                Some("http://www.w3.org/1999/xlink") => "xlink:",
                _ => "",
            };
            self.push(" ")?;
            self.push(prefix)?;
            self.push(attribute.name())?;
            self.push("=\"")?;
            self.escaped(attribute.value(), true)?;
            self.push("\"")?;
        }
        self.push(">")?;
        if is_void(name) {
            return Ok(());
        }
        match name {
            // Nothing is escaped in these, and only their own end tag ends them.
            "script" | "style" => {
                for text in node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()) {
                    self.raw(text, name)?;
                }
            }
            _ => self.children(node, shared)?,
        }
        self.push("</")?;
        self.push(name)?;
        self.push(">")
    }

    fn include(&mut self, node: Node<'a, 'i>) -> Result<(), ViewError> {
        let attribute = |name: &str| node.attribute(name).unwrap_or_default().trim().to_string();
        let include = Include { kind: attribute("type"), src: attribute("src") };
        let Some(text) = (self.bundle)(&include) else {
            self.missing.push(include);
            return Ok(());
        };
        let element = match include.kind.as_str() {
            "css" => "style",
            "js" => "script",
            _ => return self.push(&text),
        };
        self.push(&format!("<{element}>"))?;
        self.raw(&text, element)?;
        self.push(&format!("</{element}>"))
    }

    fn escaped(&mut self, text: &str, quotes: bool) -> Result<(), ViewError> {
        let mut rest = text;
        while let Some(at) = rest.find(|c| matches!(c, '&' | '<' | '>') || (quotes && c == '"')) {
            self.push(&rest[..at])?;
            self.push(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                _ => "&quot;",
            })?;
            rest = &rest[at + 1..];
        }
        self.push(rest)
    }

    /// A script's or a style's text: where it says its own end tag, a backslash keeps that from ending it.
    fn raw(&mut self, text: &str, element: &str) -> Result<(), ViewError> {
        let mut rest = text;
        while let Some(at) = rest.find("</") {
            let name = rest.get(at + 2..at + 2 + element.len());
            self.push(&rest[..at])?;
            self.push(if name.is_some_and(|name| name.eq_ignore_ascii_case(element)) { "<\\/" } else { "</" })?;
            rest = &rest[at + 2..];
        }
        self.push(rest)
    }
}

/// Whether HTML has no end tag for it.
fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}
