//! Bounded XML: what could cost more than it weighs is refused before the parser sees it.

use std::{borrow::Cow, ops::Range};

use roxmltree::{Document, Node, ParsingOptions};

use crate::{Limits, Reason, ScriptError};

/// A parsed document that knows where each node is.
pub(crate) struct Xml<'a> {
    pub(crate) document: Document<'a>,
    lines: Cow<'a, Lines>,
    cuts: &'a [Cut],
}

impl<'a> Xml<'a> {
    /// Parses `bytes` within `limits`.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, ScriptError> {
        let (text, lines) = bounded(bytes, limits)?;
        scan(text, limits, &lines)?;
        let document = document(text, limits).map_err(|e| malformed(&e, &lines, limits))?;
        Ok(Xml { document, lines: Cow::Owned(lines), cuts: &[] })
    }

    /// Where `node` starts, in bytes.
    pub(crate) fn start(&self, node: Node<'_, '_>) -> usize {
        let start = node.range().start;
        let before = self.cuts.partition_point(|cut| cut.at <= start);
        start + before.checked_sub(1).and_then(|last| self.cuts.get(last)).map_or(0, |cut| cut.removed)
    }

    /// The line that `node` starts on, counted from 1.
    pub(crate) fn line(&self, node: Node<'_, '_>) -> u32 {
        self.lines.at(self.start(node))
    }
}

/// A document without the text of its programs and styles, which are most of its bytes and nothing to the model. What is left
/// out was found well-formed; where there is the least doubt it is left in, for the parser to judge.
pub(crate) struct Outline<'a> {
    /// The whole document.
    whole: &'a str,
    text: Cow<'a, str>,
    lines: Lines,
    cuts: Vec<Cut>,
}

/// Where something was left out.
struct Cut {
    /// The place in what is left.
    at: usize,
    /// How many bytes were left out up to here.
    removed: usize,
}

impl<'a> Outline<'a> {
    /// Looks through `bytes` within `limits`.
    pub(crate) fn of(bytes: &'a [u8], limits: &Limits) -> Result<Self, ScriptError> {
        let (whole, lines) = bounded(bytes, limits)?;
        let programs = scan(whole, limits, &lines)?;
        let (mut text, mut cuts, mut from) = (String::new(), Vec::new(), 0);
        for program in programs {
            text.push_str(whole.get(from..program.start).unwrap_or_default());
            from = program.end;
            cuts.push(Cut { at: text.len(), removed: from - text.len() });
        }
        let text = match cuts.is_empty() {
            true => Cow::Borrowed(whole),
            false => Cow::Owned(text + whole.get(from..).unwrap_or_default()),
        };
        Ok(Outline { whole, text, lines, cuts })
    }

    /// Parses what is left.
    pub(crate) fn parse(&self, limits: &Limits) -> Result<Xml<'_>, ScriptError> {
        let document = document(&self.text, limits).map_err(|error| {
            // The place of an error is that in the whole.
            let error = document(self.whole, limits).err().unwrap_or(error);
            malformed(&error, &self.lines, limits)
        })?;
        Ok(Xml { document, lines: Cow::Borrowed(&self.lines), cuts: &self.cuts })
    }
}

fn bounded<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(&'a str, Lines), ScriptError> {
    if bytes.len() > limits.bytes {
        return Err(ScriptError::new(Reason::TooLarge { limit: limits.bytes }, None));
    }
    let lines = Lines::of(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text, lines)),
        Err(error) => Err(ScriptError::new(Reason::NotUtf8, lines.at(error.valid_up_to()))),
    }
}

fn document<'a>(text: &'a str, limits: &Limits) -> Result<Document<'a>, roxmltree::Error> {
    // The scan has bounded the elements; text nodes lie between them.
    let nodes_limit = u32::try_from(limits.nodes.saturating_mul(2).saturating_add(2)).unwrap_or(u32::MAX);
    Document::parse_with_options(text, ParsingOptions { allow_dtd: false, nodes_limit, entity_resolver: None })
}

fn malformed(error: &roxmltree::Error, lines: &Lines, limits: &Limits) -> ScriptError {
    use roxmltree::Error;
    let line = match error {
        // These carry no position: the parser noticed at the end.
        Error::NoRootNode | Error::UnclosedRootNode | Error::UnexpectedEndOfStream => lines.last(),
        _ => error.pos().row,
    };
    let reason = match error {
        Error::DtdDetected => Reason::Doctype,
        Error::NodesLimitReached => Reason::TooManyNodes { limit: limits.nodes },
        Error::NamespacesLimitReached => Reason::TooManyNamespaces { limit: limits.namespaces },
        // The text quotes the script: keep it short.
        other => Reason::Malformed(other.to_string().chars().take(200).collect()),
    };
    ScriptError::new(reason, line)
}

/// Texts shorter than this are not worth being left out.
const SHORT: usize = 256;

/// Whether the parser would find nothing wrong with this text: only characters that XML allows, and if it is `marked_up` only
/// references to characters and no end of a CDATA section. May say no of what is right.
fn is_plain(text: &[u8], marked_up: bool) -> bool {
    let allowed =
        |part: &[u8]| part.iter().fold(true, |all, b| all & ((*b >= b' ') | matches!(b, b'\t' | b'\n' | b'\r')));
    // U+FFFE and U+FFFF are the only ones above that XML excludes, and UTF-8 has no surrogates.
    let excluded = |at: usize| matches!(text.get(at + 2), Some(0xbe | 0xbf));
    if !text.chunks(256).all(allowed) || memchr::memmem::find_iter(text, &[0xef, 0xbf]).any(excluded) {
        return false;
    }
    let known = |at: usize| {
        let after = text.get(at + 1..).unwrap_or_default();
        ["amp;", "lt;", "gt;", "quot;", "apos;"].iter().any(|name| after.starts_with(name.as_bytes()))
    };
    !marked_up || (memchr::memchr_iter(b'&', text).all(known) && memchr::memmem::find(text, b"]]>").is_none())
}

/// Where lines start, so that a node's line costs O(log n).
#[derive(Clone)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let breaks = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
        Lines(std::iter::once(0).chain(breaks).collect())
    }

    fn at(&self, position: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= position)).unwrap_or(u32::MAX)
    }

    fn last(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// Walks the markup once, without building anything and without recursion. Refuses what the parser would take, but at a cost
/// out of proportion: deep nesting, very many nodes, elements with very many attributes (it compares them pairwise) or
/// namespaces (children copy their parents'). Whether the rest is well-formed is the parser's to say. Returns where the texts
/// of programs and styles are, as far as nothing is wrong with them.
fn scan(text: &str, limits: &Limits, lines: &Lines) -> Result<Vec<Range<usize>>, ScriptError> {
    let bytes = text.as_bytes();
    let refuse = |reason, at| Err(ScriptError::new(reason, lines.at(at)));
    let skip = |from: usize, end: &str| {
        let rest = bytes.get(from..)?;
        memchr::memmem::find(rest, end.as_bytes()).map(|at| from + at + end.len())
    };

    let mut programs = Vec::new();
    let mut leave_out = |range: Range<usize>, marked_up: bool| {
        let long = bytes.get(range.clone()).filter(|text| text.len() >= SHORT);
        if long.is_some_and(|text| is_plain(text, marked_up)) {
            programs.push(range);
        }
    };
    let mut in_program = false;
    let (mut at, mut depth, mut nodes, mut namespaces) = (0, 0usize, 0usize, 0usize);
    while let Some(start) = memchr::memchr(b'<', &bytes[at..]).map(|i| at + i) {
        nodes += 1;
        if nodes > limits.nodes.saturating_mul(2) {
            return refuse(Reason::TooManyNodes { limit: limits.nodes }, start);
        }
        let rest = &bytes[start..];
        if in_program {
            leave_out(at..start, true);
        }
        let next = if rest.starts_with(b"<!--") {
            skip(start + 4, "-->")
        } else if rest.starts_with(b"<![CDATA[") {
            let end = skip(start + 9, "]]>");
            if let Some(end) = end.filter(|_| in_program) {
                leave_out(start + 9..end - 3, false);
            }
            end
        } else if rest.starts_with(b"<?") {
            let end = skip(start + 2, "?>");
            if start <= 3 {
                check_encoding(&text[start..end.unwrap_or(text.len())], lines)?;
            }
            end
        } else if rest.starts_with(b"<!") {
            // What stands where it may was taken out before.
            return refuse(Reason::Malformed("a markup declaration where none may be".into()), start);
        } else if rest.starts_with(b"</") {
            depth = depth.saturating_sub(1);
            in_program = false;
            skip(start + 2, ">")
        } else {
            let tag = Tag::scan(bytes, start);
            namespaces += tag.namespaces;
            if tag.attributes > limits.xml_attributes {
                return refuse(Reason::TooManyXmlAttributes { limit: limits.xml_attributes }, start);
            }
            if namespaces > limits.namespaces {
                return refuse(Reason::TooManyNamespaces { limit: limits.namespaces }, start);
            }
            if !tag.empty {
                depth += 1;
            }
            in_program = !tag.empty && is_program(&rest[1..]);
            if depth > limits.depth {
                return refuse(Reason::TooDeep { limit: limits.depth }, start);
            }
            tag.end
        };
        match next {
            Some(next) => at = next,
            // Never closed: the parser says what is wrong.
            None => break,
        }
    }
    Ok(programs)
}

/// Whether a tag is a `script` or a `style`, of whatever namespace; all text that the model holds is in others.
fn is_program(tag: &[u8]) -> bool {
    let name = tag.split(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/')).next().unwrap_or_default();
    matches!(name.rsplit(|b| *b == b':').next(), Some(b"script" | b"style"))
}

/// One start tag, as far as the scan needs it.
struct Tag {
    attributes: usize,
    namespaces: usize,
    empty: bool,
    end: Option<usize>,
}

impl Tag {
    fn scan(bytes: &[u8], start: usize) -> Tag {
        let mut tag = Tag { attributes: 0, namespaces: 0, empty: false, end: None };
        let (mut quote, mut word) = (None, start + 1);
        for (i, &b) in bytes.iter().enumerate().skip(start + 1) {
            match (quote, b) {
                (Some(q), _) if b == q => (quote, word) = (None, i + 1),
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(b),
                (None, b'=') => {
                    tag.attributes += 1;
                    if bytes[word..i].starts_with(b"xmlns") {
                        tag.namespaces += 1;
                    }
                }
                (None, b' ' | b'\t' | b'\r' | b'\n') => word = i + 1,
                (None, b'>') => {
                    tag.empty = bytes[i - 1] == b'/';
                    tag.end = Some(i + 1);
                    break;
                }
                (None, _) => {}
            }
        }
        tag
    }
}

fn check_encoding(declaration: &str, lines: &Lines) -> Result<(), ScriptError> {
    let Some((_, value)) = declaration.split_once("encoding") else { return Ok(()) };
    let value = value.trim_start_matches(|c: char| c.is_whitespace() || c == '=' || c == '"' || c == '\'');
    let name: String = value.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(40).collect();
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(()),
        _ => Err(ScriptError::new(Reason::UnsupportedEncoding(name), lines.at(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, limits: &Limits) -> (Reason, Option<u32>) {
        let error = Xml::parse(text.as_bytes(), limits).err().expect("refused");
        (error.reason, error.line)
    }

    #[test]
    fn nodes_know_their_lines() {
        let xml = Xml::parse(b"<a>\n<b/>\n\n<c\nd=''/></a>", &Limits::default()).ok().unwrap();
        let lines: Vec<_> =
            xml.document.root_element().children().filter(|n| n.is_element()).map(|n| xml.line(n)).collect();
        assert_eq!(lines, [2, 4]);
    }

    #[test]
    fn quoted_markup_does_not_confuse_the_scan() {
        let text = "<a x='>' y=\"/>\"><!-- <b> --><![CDATA[<c><d>]]><?pi <e>?></a>";
        assert!(Xml::parse(text.as_bytes(), &Limits { depth: 1, ..Limits::default() }).is_ok());
    }

    /// An outline has the same nodes at the same places, refuses what the whole is refused for, and lacks only what it says.
    #[test]
    fn an_outline_differs_in_programs_only() {
        let limits = Limits::default();
        let long = "x = 1;\n".repeat(100);
        let places = |xml: &Xml<'_>| -> Vec<(usize, u32)> {
            xml.document.descendants().filter(|n| n.is_element()).map(|n| (xml.start(n), xml.line(n))).collect()
        };
        for (text, cut) in [
            (format!("<a><script>{long}</script>\n<b/><h:style xmlns:h='h'>{long}&amp;&lt;</h:style><c/></a>"), 2),
            (format!("<a><script\n>{long}<![CDATA[{long}<b></b>&]]>{long}</script><c/></a>"), 3),
            (format!("<a><script>{long}<b/>{long}</script><c/></a>"), 1),
            (format!("<a><p>{long}</p><scripts>{long}</scripts><script/>{long}<c/></a>"), 0),
            // What only the parser judges is left to it.
            (format!("<a><script>{long}&#65;</script><c/></a>"), 0),
        ] {
            let (whole, outline) = (Xml::parse(text.as_bytes(), &limits), Outline::of(text.as_bytes(), &limits));
            let (whole, outline) = (whole.ok().unwrap(), outline.ok().unwrap());
            assert_eq!(outline.cuts.len(), cut, "{text}");
            assert_eq!(places(&outline.parse(&limits).ok().unwrap()), places(&whole), "{text}");
        }
        for wrong in ["\u{1}", "\u{ffff}", "&nothing;", "]]>", "&", "</b>", "<c>"] {
            let text = format!("<a>\n<script>{long}{wrong}</script>\n</a>");
            let outlined = Outline::of(text.as_bytes(), &limits).ok().unwrap();
            let outlined = outlined.parse(&limits).err().unwrap_or_else(|| panic!("{wrong:?} is taken"));
            assert_eq!(Some(outlined), Xml::parse(text.as_bytes(), &limits).err(), "{wrong:?}");
        }
        // The line is that of the whole.
        let late = format!("<a><script>{long}</script>\n<b></a>");
        assert_eq!(Outline::of(late.as_bytes(), &limits).ok().unwrap().parse(&limits).err().unwrap().line, Some(102));
    }

    #[test]
    fn depth_is_bounded_before_the_parser() {
        let limits = Limits { bytes: 64 << 20, nodes: usize::MAX, ..Limits::default() };
        let deep = "<a>\n".repeat(1_000_000);
        assert_eq!(refusal(&deep, &limits), (Reason::TooDeep { limit: 128 }, Some(129)));
    }

    #[test]
    fn pairwise_comparison_is_bounded_before_the_parser() {
        let many: String = (0..100_000).map(|i| format!(" a{i}='' ")).collect();
        assert_eq!(refusal(&format!("<a{many}/>"), &Limits::default()).0, Reason::TooManyXmlAttributes { limit: 128 });
        let namespaces: String = (0..2000).map(|i| format!("<b xmlns:n{i}='u{i}'/>\n")).collect();
        assert_eq!(
            refusal(&format!("<a>{namespaces}</a>"), &Limits::default()),
            (Reason::TooManyNamespaces { limit: 1024 }, Some(1025))
        );
    }

    #[test]
    fn nodes_and_bytes_are_bounded() {
        let limits = Limits { nodes: 10, bytes: 1000, ..Limits::default() };
        assert_eq!(refusal(&format!("<a>{}</a>", "<b/>".repeat(50)), &limits).0, Reason::TooManyNodes { limit: 10 });
        assert_eq!(refusal(&" ".repeat(1001), &limits), (Reason::TooLarge { limit: 1000 }, None));
    }

    #[test]
    fn declarations_where_none_may_be_are_refused() {
        let late = "<l>\n<!DOCTYPE l [<!ENTITY a 'lol'>]>&a;</l>";
        assert!(matches!(refusal(late, &Limits::default()), (Reason::Malformed(_), Some(2))));
        // An entity that nobody declared is not well-formed either.
        assert!(matches!(refusal("<l>\n&a;</l>", &Limits::default()), (Reason::Malformed(_), Some(2))));
    }

    #[test]
    fn malformed_documents_say_where() {
        for (text, line) in [("<a>\n<b>\n</a>", 3), ("<a>\n\n", 3), ("", 1), ("<a x='1' x='2'/>", 1), ("<a>\n<", 2)] {
            let (reason, at) = refusal(text, &Limits::default());
            assert!(matches!(reason, Reason::Malformed(_)), "{text:?}: {reason:?}");
            assert_eq!(at, Some(line), "{text:?}");
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        let latin = "<?xml version='1.0' encoding='ISO-8859-1'?><a/>";
        assert_eq!(refusal(latin, &Limits::default()).0, Reason::UnsupportedEncoding("ISO-8859-1".into()));
        assert_eq!(Xml::parse(b"<a>\n\xff</a>", &Limits::default()).err(), Some(ScriptError::new(Reason::NotUtf8, 2)));
        assert!(Xml::parse("\u{feff}<?xml version='1.0' encoding='utf-8'?><a/>".as_bytes(), &Limits::default()).is_ok());
    }
}
