//! Bounded XML: what would cost the parser more than it weighs is refused before.

use roxmltree::{Document, ParsingOptions};

use crate::{
    verdict::{Unsupported, Verdict},
    Limits,
};

/// Parses `script` within `limits`.
pub(crate) fn parse<'a>(script: &'a [u8], limits: &Limits) -> Result<Document<'a>, Verdict> {
    if script.len() > limits.bytes {
        return Err(Verdict::unsupported(Unsupported::TooLarge, None));
    }
    let line = |at: usize| {
        let breaks = script[..at].iter().filter(|b| **b == b'\n').count();
        u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
    };
    let text =
        std::str::from_utf8(script).map_err(|e| Verdict::unsupported(Unsupported::NotUtf8, line(e.valid_up_to())))?;
    scan(text, limits).map_err(|(reason, at)| Verdict::unsupported(reason, line(at)))?;
    let options = ParsingOptions { allow_dtd: true, nodes_limit: limits.nodes, entity_resolver: None };
    Document::parse_with_options(text, options).map_err(|error| {
        let reason = match error {
            roxmltree::Error::NodesLimitReached => Unsupported::TooManyNodes,
            roxmltree::Error::NamespacesLimitReached => Unsupported::TooManyNamespaces,
            _ => Unsupported::Malformed,
        };
        Verdict::unsupported(reason, error.pos().row)
    })
}

/// Walks the markup once, without building anything. Refuses deep nesting, elements with very many attributes (the parser
/// compares them pairwise), very many namespaces (it copies them from parents to children), and what could give the same
/// bytes another meaning: declarations in a document type, and encodings other than UTF-8. Whether the rest is well-formed is
/// the parser's to say.
fn scan(text: &str, limits: &Limits) -> Result<(), (Unsupported, usize)> {
    let (mut at, mut depth, mut namespaces) = (0, 0usize, 0usize);
    while let Some(start) = text[at..].find('<').map(|i| at + i) {
        let rest = &text[start..];
        let refuse = |reason| Err((reason, start));
        let end = if rest.starts_with("<!--") {
            until(rest, 4, "-->")
        } else if rest.starts_with("<![CDATA[") {
            until(rest, 9, "]]>")
        } else if rest.starts_with("<?") {
            let end = until(rest, 2, "?>");
            if rest.starts_with("<?xml") && !declares_utf8(&rest[..end.unwrap_or(rest.len())]) {
                return refuse(Unsupported::NotUtf8);
            }
            end
        } else if rest.starts_with("<!") {
            match Tag::read(rest) {
                // Entities and defaults of attributes; there is no other place to declare them that would be read.
                Some(tag) if tag.bracket => return refuse(Unsupported::Doctype),
                tag => tag.map(|tag| tag.length),
            }
        } else if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
            until(rest, 2, ">")
        } else {
            let tag = Tag::read(rest);
            if let Some(tag) = &tag {
                namespaces += tag.namespaces;
                depth += usize::from(!tag.empty);
                if tag.attributes > limits.attributes {
                    return refuse(Unsupported::TooManyAttributes);
                }
                if namespaces > limits.namespaces {
                    return refuse(Unsupported::TooManyNamespaces);
                }
                if depth > limits.depth {
                    return refuse(Unsupported::TooDeep);
                }
            }
            tag.map(|tag| tag.length)
        };
        match end {
            Some(end) => at = start + end,
            // Never closed: nothing follows that the parser would take.
            None => break,
        }
    }
    Ok(())
}

fn until(rest: &str, from: usize, end: &str) -> Option<usize> {
    rest.get(from..)?.find(end).map(|i| from + i + end.len())
}

/// Whether an XML declaration names no encoding, or one that says the same of these bytes as UTF-8.
fn declares_utf8(declaration: &str) -> bool {
    let Some((_, rest)) = declaration.split_once("encoding") else { return true };
    let name = rest.split(['"', '\'']).nth(1).unwrap_or_default();
    ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// One start tag, or one document type declaration, read without regard to whether it is well-formed.
pub(crate) struct Tag {
    /// In bytes, with both angle brackets.
    length: usize,
    attributes: usize,
    /// How many namespaces it declares, or more.
    pub(crate) namespaces: usize,
    empty: bool,
    /// Whether there is a `[` outside quotes.
    bracket: bool,
}

impl Tag {
    /// Reads the tag that `rest` starts with; none if it isn't closed.
    pub(crate) fn read(rest: &str) -> Option<Tag> {
        let bytes = rest.as_bytes();
        let mut tag = Tag { length: 0, attributes: 0, namespaces: 0, empty: false, bracket: false };
        let mut quote = None;
        for (i, &byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => tag.attributes += 1,
                (None, b'x') if bytes[i..].starts_with(b"xmlns") => tag.namespaces += 1,
                (None, b'[') => {
                    tag.bracket = true;
                    if bytes.starts_with(b"<!") {
                        return Some(tag);
                    }
                }
                (None, b'>') => {
                    tag.empty = bytes[i - 1] == b'/';
                    tag.length = i + 1;
                    return Some(tag);
                }
                (None, _) => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(script: &str, limits: &Limits) -> Option<(&'static str, Option<u32>)> {
        match parse(script.as_bytes(), limits) {
            Ok(_) => None,
            Err(Verdict::Unsupported { reason, line }) => Some((reason.code(), line)),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn bounds_are_met_exactly() {
        let limits = Limits { bytes: 400, depth: 3, nodes: 9, attributes: 2, namespaces: 2 };
        let cases = [
            ("<a><b><c/><c></c></b></a>", None),
            ("<a>\n<b><c><d>\n</d></c></b></a>", Some(("too-deep", Some(2)))),
            ("<a b='=' c='&lt;>'/>", None),
            ("<a b='' c='' d=''/>", Some(("too-many-attributes", Some(1)))),
            ("<a xmlns='u'><b xmlns:c='xmlns=\"v\"'/></a>", None),
            ("<a xmlns='u'><b xmlns:c='v' xmlns:d='w'/></a>", Some(("too-many-namespaces", Some(1)))),
            ("<a><![CDATA[<b><b><b><b><b c='' d='' e=''>]]><!--<b><b><b>--><?p <b><b><b>?></a>", None),
            ("<a><b/><b/><b/><b/><b/><b/><b/></a>", None),
            ("<a><b/><b/><b/><b/><b/><b/><b/><b/></a>", Some(("too-many-nodes", Some(1)))),
            ("<a>\n\n<b></a>", Some(("malformed", Some(3)))),
            ("<a>&unknown;</a>", Some(("malformed", Some(1)))),
            ("<a", Some(("malformed", Some(1)))),
            ("", Some(("malformed", Some(1)))),
        ];
        for (script, expected) in cases {
            assert_eq!(reason(script, &limits), expected, "{script}");
        }
        assert_eq!(reason(&format!("<a>{}</a>", "x".repeat(400)), &limits), Some(("too-large", None)));
    }

    #[test]
    fn declarations_and_other_encodings_are_refused() {
        let limits = Limits::default();
        let cases = [
            ("<!DOCTYPE a><a/>", None),
            ("<!DOCTYPE a SYSTEM \"x[y>.dtd\"><a/>", None),
            ("<!DOCTYPE a [<!ENTITY e 'f'>]><a>&e;</a>", Some(("doctype", Some(1)))),
            ("<!--x-->\n<!DOCTYPE a SYSTEM 'x' [<!ATTLIST a b CDATA 'c'>]><a/>", Some(("doctype", Some(2)))),
            ("<!DOCTYPE a []><a/>", Some(("doctype", Some(1)))),
            ("<?xml version='1.0' encoding='utf-8'?><a/>", None),
            ("<?xml version='1.0' encoding=\"US-ASCII\"?><a/>", None),
            ("<?xml version='1.0'?><a/>", None),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", Some(("not-utf8", Some(1)))),
            ("<?xml-stylesheet href='encoding=\"utf-8\"'?><a/>", None),
            ("\u{feff}<a/>", None),
        ];
        for (script, expected) in cases {
            assert_eq!(reason(script, &limits), expected, "{script}");
        }
        assert_eq!(parse(b"<a>\n\xff</a>", &limits).unwrap_err(), Verdict::unsupported(Unsupported::NotUtf8, 2),);
    }
}
