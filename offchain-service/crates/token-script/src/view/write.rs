//! A view's XML as HTML that every HTML parser reads alike: what would change how the rest is read is left out.
//!
//! HTML has no rule that says "as written": inside of `svg`, `select`, `title` and others a start tag means something else or
//! nothing, and some elements swallow what follows. So that the policy's hashes are those of the texts that a browser sees,
//! the document holds only what is read the same way everywhere.

use std::{borrow::Cow, collections::BTreeSet};

use roxmltree::Node;

use super::{find, policy::Policy, Bundle, ViewContent, ViewError};
use crate::{value::shorten, xml::Xml, Include, TokenScript, View};

/// What the HTML parser is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// HTML itself.
    Html,
    /// An `svg`: scripts and styles are read like any other element.
    Svg,
    /// A `math`: some of its elements hold HTML again, so that no script may be in it.
    Math,
    /// A `select`: most start tags mean nothing.
    Select,
}

pub(super) struct Writer<'a, 'i> {
    script: &'a TokenScript,
    xml: &'a Xml<'i>,
    bundle: &'a Bundle<'a>,
    html: String,
    policy: Policy,
    missing: Vec<Include>,
    remote: BTreeSet<String>,
}

impl<'a, 'i> Writer<'a, 'i> {
    pub(super) fn new(script: &'a TokenScript, xml: &'a Xml<'i>, bundle: &'a Bundle<'a>) -> Self {
        let (html, policy, missing, remote) = Default::default();
        Writer { script, xml, bundle, html, policy, missing, remote }
    }

    pub(super) fn finish(self, view: View) -> ViewContent {
        ViewContent { policy: self.policy.header(), html: self.html, missing: self.missing, remote: self.remote, view }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), ViewError> {
        let limit = self.script.limits.view;
        if self.html.len() + text.len() > limit {
            return Err(ViewError::TooLarge(limit));
        }
        self.html.push_str(text);
        Ok(())
    }

    // Recursion is bounded by the depth that parsing allowed. `shared`: whether shared contents may be used here; they don't
    // use each other.
    pub(super) fn children(&mut self, node: Node<'a, 'i>, shared: bool, inside: Inside) -> Result<(), ViewError> {
        for child in node.children() {
            match child.text().filter(|_| child.is_text()) {
                Some(text) => self.escaped(text, false)?,
                None if child.is_element() => self.element(child, shared, inside)?,
                None => {}
            }
        }
        Ok(())
    }

    pub(super) fn element(&mut self, node: Node<'a, 'i>, shared: bool, inside: Inside) -> Result<(), ViewError> {
        let name = node.tag_name().name();
        let ours = node.tag_name().namespace().is_some_and(|uri| uri.starts_with("http://tokenscript.org/"));
        match name {
            "viewContent" if ours => {
                let named = node.attribute("name").map(super::collapse);
                let start = self.script.contents.iter().find(|(name, _)| Some(name) == named.as_ref());
                return match start.and_then(|(_, start)| find(self.xml, *start)).filter(|_| shared) {
                    Some(content) => self.children(content, false, inside),
                    None => Ok(()),
                };
            }
            "include" if ours => return self.include(node, inside),
            _ => {}
        }
        // HTML's names know no case.
        let lower = name.to_ascii_lowercase();
        let attributes = attributes(node);
        match place(&lower, inside, node, &attributes) {
            Place::Whole => {}
            Place::Content => return self.children(node, shared, inside),
            Place::Nothing => return self.note(&lower, &attributes),
        }
        self.note(&lower, &attributes)?;
        self.push("<")?;
        self.push(name)?;
        for (name, value) in &attributes {
            self.push(" ")?;
            self.push(name)?;
            self.push("=\"")?;
            self.escaped(value, true)?;
            self.push("\"")?;
        }
        self.push(">")?;
        match (lower.as_str(), inside) {
            (name, Inside::Html) if is_void(name) => return Ok(()),
            ("script", _) => {
                let text = text(node);
                let text = self.program(&text, "script", inside)?;
                if is_inline_script(&attributes, inside) {
                    self.policy.script(&text)?;
                }
            }
            ("style", _) => {
                let text = text(node);
                let text = self.program(&text, "style", inside)?;
                if value(&attributes, "type").is_none_or(|ty| ty.is_empty() || ty.eq_ignore_ascii_case("text/css")) {
                    self.policy.style(&text)?;
                }
            }
            // Markup in these is text.
            ("title" | "textarea", Inside::Html) | ("title" | "desc", Inside::Svg) => {
                self.escaped(&text(node), false)?
            }
            ("svg", Inside::Html) => self.children(node, shared, Inside::Svg)?,
            ("math", Inside::Html) => self.children(node, shared, Inside::Math)?,
            ("select", Inside::Html) => self.children(node, shared, Inside::Select)?,
            _ => self.children(node, shared, inside)?,
        }
        self.push("</")?;
        self.push(name)?;
        self.push(">")
    }

    /// Writes a script's or a style's text, and gives it back as a browser sees it.
    fn program<'t>(&mut self, text: &'t str, element: &str, inside: Inside) -> Result<Cow<'t, str>, ViewError> {
        // Parsers of HTML know no carriage return.
        let text = match text.contains('\r') {
            true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
            false => Cow::Borrowed(text),
        };
        if inside == Inside::Svg {
            self.escaped(&text, false)?;
            return Ok(text);
        }
        let text = match unended(&text, element) {
            Some(changed) => Cow::Owned(changed),
            None => text,
        };
        self.push(&text)?;
        Ok(text)
    }

    fn include(&mut self, node: Node<'a, 'i>, inside: Inside) -> Result<(), ViewError> {
        let attribute = |name: &str| node.attribute(name).unwrap_or_default().trim().to_string();
        let include = Include { kind: attribute("type"), src: attribute("src") };
        let element = match include.kind.as_str() {
            "css" => "style",
            "js" => "script",
            _ => "",
        };
        let supplied = (self.bundle)(&include).filter(|_| !element.is_empty() && inside == Inside::Html);
        let Some(text) = supplied else {
            self.missing.push(include);
            return Ok(());
        };
        self.push(&format!("<{element}>"))?;
        let text = self.program(&text, element, inside)?;
        match element {
            "style" => self.policy.style(&text)?,
            _ => self.policy.script(&text)?,
        }
        self.push(&format!("</{element}>"))
    }

    /// Notes what the element refers to elsewhere.
    fn note(&mut self, element: &str, attributes: &[(String, &str)]) -> Result<(), ViewError> {
        for (name, value) in attributes {
            let loads = match name.to_ascii_lowercase().as_str() {
                "src" | "srcset" | "poster" | "data" => true,
                "href" | "xlink:href" => matches!(element, "link" | "script" | "use" | "image" | "feimage" | "base"),
                _ => false,
            };
            let value = value.trim();
            let here = value.is_empty() || value.starts_with('#') || value.starts_with("data:");
            if loads && !here && self.remote.len() < self.script.limits.items {
                self.remote.insert(shorten(value));
            }
        }
        Ok(())
    }

    pub(super) fn escaped(&mut self, text: &str, quotes: bool) -> Result<(), ViewError> {
        let mut rest = text;
        while let Some(at) = rest.find(|c| matches!(c, '&' | '<' | '>') || (quotes && c == '"')) {
            let (before, special) = rest.split_at(at);
            self.push(before)?;
            self.push(match special.as_bytes().first() {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                _ => "&quot;",
            })?;
            rest = special.get(1..).unwrap_or_default();
        }
        self.push(rest)
    }
}

/// What of an element is written.
enum Place {
    Whole,
    /// Only what is in it.
    Content,
    Nothing,
}

fn place(name: &str, inside: Inside, node: Node<'_, '_>, attributes: &[(String, &str)]) -> Place {
    let parent = node.parent_element().map(|parent| parent.tag_name().name().to_ascii_lowercase());
    match (name, inside) {
        // What would be a page in the page, or turn what follows into text.
        ("iframe" | "frame" | "frameset" | "object" | "embed" | "applet" | "base", _)
        | ("noscript" | "noframes" | "noembed" | "plaintext" | "xmp", _) => Place::Nothing,
        // It could send the reader elsewhere.
        ("meta", _) if value(attributes, "http-equiv").is_some() => Place::Nothing,
        // The document has these.
        ("html" | "head" | "body", Inside::Html) => Place::Content,
        // Outside of a table they would make a parser pass over what follows.
        ("col", Inside::Html) if !matches!(parent.as_deref(), Some("colgroup" | "table")) => Place::Nothing,
        ("colgroup", Inside::Html) if parent.as_deref() != Some("table") => Place::Content,
        // These end an svg or a math, or are HTML within it.
        (name, Inside::Svg | Inside::Math) if ends_foreign(name) => Place::Nothing,
        ("foreignobject", Inside::Svg) => Place::Nothing,
        ("script" | "style" | "svg", Inside::Math) => Place::Nothing,
        ("script" | "style", Inside::Select) => Place::Nothing,
        ("option" | "optgroup", Inside::Select) => Place::Whole,
        (_, Inside::Select) => Place::Content,
        // Only a letter begins a tag.
        (name, _) if !name.starts_with(|c: char| c.is_ascii_alphabetic()) => Place::Content,
        _ => Place::Whole,
    }
}

/// The attributes as HTML has them: each name once, whatever its case. Those of other vocabularies are not HTML's.
fn attributes<'a>(node: Node<'a, '_>) -> Vec<(String, &'a str)> {
    let mut attributes: Vec<(String, &str)> = Vec::new();
    for attribute in node.attributes() {
        let name = match attribute.namespace() {
            None => attribute.name().to_string(),
            Some("http://www.w3.org/1999/xlink") => format!("xlink:{}", attribute.name()),
            Some("http://www.w3.org/XML/1998/namespace") if attribute.name() == "lang" => "lang".into(),
            Some(_) => continue,
        };
        if attributes.iter().all(|(other, _)| !other.eq_ignore_ascii_case(&name)) {
            attributes.push((name, attribute.value()));
        }
    }
    attributes
}

fn value<'a>(attributes: &[(String, &'a str)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// All text in the element.
fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect()
}

/// Whether a browser would run the script's text: HTML, "prepare the script element".
fn is_inline_script(attributes: &[(String, &str)], inside: Inside) -> bool {
    let elsewhere: &[&str] = if inside == Inside::Svg { &["href", "xlink:href"] } else { &["src"] };
    if elsewhere.iter().any(|name| value(attributes, name).is_some()) {
        return false;
    }
    let javascript = |ty: &str| {
        let ty = ty.to_ascii_lowercase();
        let of_text = ["ecmascript", "javascript", "jscript", "livescript", "x-ecmascript", "x-javascript"];
        let versions = ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"];
        match ty.split_once('/') {
            Some(("text", name)) => {
                of_text.contains(&name) || name.strip_prefix("javascript").is_some_and(|v| versions.contains(&v))
            }
            Some(("application", name)) => {
                matches!(name, "ecmascript" | "javascript" | "x-ecmascript" | "x-javascript")
            }
            _ => false,
        }
    };
    match (value(attributes, "type"), value(attributes, "language")) {
        (Some(""), _) | (None, None | Some("")) => true,
        (Some(ty), _) => {
            let ty = ty.trim_matches([' ', '\t', '\n', '\r', '\u{c}']);
            ty.eq_ignore_ascii_case("module") || javascript(ty)
        }
        (None, Some(language)) => javascript(&format!("text/{language}")),
    }
}

/// A text that ends neither its element nor hides its end, if it has to be changed for that; in the strings of programs and
/// styles a backslash more means the same.
fn unended(text: &str, element: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let ends = lower.contains(&format!("</{element}"));
    // After `<!--` a `<script` makes a parser expect its end tag too.
    let hides = element == "script" && lower.find("<!--").is_some_and(|at| lower[at..].contains("<script"));
    if !ends && !hides {
        return None;
    }
    let mut changed = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        changed.push_str(before);
        let begins = |what: &str| from.get(..what.len()).is_some_and(|start| start.eq_ignore_ascii_case(what));
        changed.push('<');
        if begins(&format!("</{element}")) || (hides && begins("<!--")) {
            changed.push('\\');
        }
        rest = from.get(1..).unwrap_or_default();
    }
    changed.push_str(rest);
    Some(changed)
}

/// What begins HTML again where an svg or a math is: HTML, "the rules for parsing tokens in foreign content".
fn ends_foreign(name: &str) -> bool {
    matches!(
        name,
        "b" | "big"
            | "blockquote"
            | "body"
            | "br"
            | "center"
            | "code"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "em"
            | "embed"
            | "font"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "hr"
            | "i"
            | "img"
            | "li"
            | "listing"
            | "menu"
            | "meta"
            | "nobr"
            | "ol"
            | "p"
            | "pre"
            | "ruby"
            | "s"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "table"
            | "tt"
            | "u"
            | "ul"
            | "var"
    )
}

/// Whether HTML has no end tag for it.
fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area" | "br" | "col" | "hr" | "img" | "input" | "link" | "meta" | "param" | "source" | "track" | "wbr"
    )
}
