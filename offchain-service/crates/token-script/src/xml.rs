//! Bounded XML: what could cost more than it weighs is refused before the parser sees it.

use roxmltree::{Document, Node, ParsingOptions};

use crate::{Limits, Reason, ScriptError};

/// A parsed document that knows the line of each node.
pub(crate) struct Xml<'a> {
    pub(crate) document: Document<'a>,
    lines: Lines,
}

impl<'a> Xml<'a> {
    /// Parses `bytes` within `limits`.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, ScriptError> {
        if bytes.len() > limits.bytes {
            return Err(ScriptError::new(Reason::TooLarge { limit: limits.bytes }, None));
        }
        let lines = Lines::of(bytes);
        let text =
            std::str::from_utf8(bytes).map_err(|e| ScriptError::new(Reason::NotUtf8, lines.at(e.valid_up_to())))?;
        scan(text, limits, &lines)?;
        // The scan has bounded the elements; text nodes lie between them.
        let nodes_limit = u32::try_from(limits.nodes.saturating_mul(2).saturating_add(2)).unwrap_or(u32::MAX);
        let options = ParsingOptions { allow_dtd: false, nodes_limit, entity_resolver: None };
        let document = Document::parse_with_options(text, options).map_err(|e| malformed(&e, &lines, limits))?;
        Ok(Xml { document, lines })
    }

    /// The line that `node` starts on, counted from 1.
    pub(crate) fn line(&self, node: Node<'_, '_>) -> u32 {
        self.lines.at(node.range().start)
    }
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

/// Where lines start, so that a node's line costs O(log n).
struct Lines(Vec<usize>);

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let breaks = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1);
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
/// namespaces (children copy their parents'). Whether the rest is well-formed is the parser's to say.
fn scan(text: &str, limits: &Limits, lines: &Lines) -> Result<(), ScriptError> {
    let bytes = text.as_bytes();
    let refuse = |reason, at| Err(ScriptError::new(reason, lines.at(at)));
    let skip = |from: usize, end: &str| text.get(from..).and_then(|rest| rest.find(end)).map(|i| from + i + end.len());

    let (mut at, mut depth, mut nodes, mut namespaces) = (0, 0usize, 0usize, 0usize);
    while let Some(start) = bytes[at..].iter().position(|b| *b == b'<').map(|i| at + i) {
        nodes += 1;
        if nodes > limits.nodes.saturating_mul(2) {
            return refuse(Reason::TooManyNodes { limit: limits.nodes }, start);
        }
        let rest = &bytes[start..];
        let next = if rest.starts_with(b"<!--") {
            skip(start + 4, "-->")
        } else if rest.starts_with(b"<![CDATA[") {
            skip(start + 9, "]]>")
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
    Ok(())
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
