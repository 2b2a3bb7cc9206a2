//! The namespace version of a script that was refused, as far as its document element states one. Nothing is parsed: whatever
//! made the parser refuse it, this only searches.

const PREFIX: &str = "http://tokenscript.org/";
const SUFFIX: &str = "/tokenscript";

/// The version, for example `2024/01`, also one that nobody knows.
pub fn stated(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let rest = after_prolog(&text)?;
    let (name, tag) = start_tag(rest)?;
    if local(name) == "Signature" {
        // A signature may wrap the script. Few elements come before it, and a hostile file could make each take long.
        let inside = |(at, _): (usize, &str)| start_tag(&rest[at..]).filter(|(name, _)| local(name) == "token");
        let (name, tag) = rest.match_indices('<').take(64).find_map(inside)?;
        return version(name, tag);
    }
    version(name, tag)
}

/// What the element's prefix stands for, by its own start tag.
fn version(name: &str, tag: &str) -> Option<String> {
    let uri = match name.split_once(':') {
        Some((prefix, _)) => attribute(tag, &format!("xmlns:{prefix}"))?,
        None => attribute(tag, "xmlns")?,
    };
    let version = uri.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let plausible = (1..=16).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit() || b == b'/');
    plausible.then(|| version.to_owned())
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// From the document element on: behind the XML declaration, comments and a document type declaration.
fn after_prolog(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = &rest[rest.find('<')?..];
        let end = if rest.starts_with("<?") {
            rest.find("?>")? + 2
        } else if rest.starts_with("<!--") {
            rest.find("-->")? + 3
        } else if rest.starts_with("<!") {
            declaration(rest)?
        } else {
            return Some(rest);
        };
        rest = &rest[end..];
    }
}

/// Where the document type declaration that `text` starts with ends. Its brackets and quotes may hold further `>`.
fn declaration(text: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0usize);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(q), _) if q == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'[') => depth += 1,
            (None, b']') => depth = depth.saturating_sub(1),
            (None, b'>') if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The name and the attributes of the start tag that `text` starts with, which need not be closed.
fn start_tag(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let mut quote = None;
    let end = inner.bytes().position(|byte| match quote {
        Some(q) => {
            if q == byte {
                quote = None;
            }
            false
        }
        None if byte == b'"' || byte == b'\'' => {
            quote = Some(byte);
            false
        }
        None => byte == b'>',
    });
    let tag = &inner[..end.unwrap_or(inner.len())];
    let name = tag.split(|c: char| c.is_ascii_whitespace() || c == '/').next()?;
    (!name.is_empty()).then(|| (name, &tag[name.len()..]))
}

/// The value of the attribute called `wanted`.
fn attribute<'a>(tag: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let (name, behind) = rest.split_once('=')?;
        let behind = behind.trim_start();
        let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = behind[1..].split_once(quote)?;
        if name.trim() == wanted {
            return Some(value);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_document_element_states() {
        let table: &[(&str, Option<&str>)] = &[
            (r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript"/>"#, Some("2024/01")),
            (r#"<token a = '>' xmlns = 'http://tokenscript.org/2019/05/tokenscript'>"#, Some("2019/05")),
            (r#"<ts:token xmlns:ts="http://tokenscript.org/2031/01/tokenscript""#, Some("2031/01")),
            (
                r#"<?xml version="1.0"?><!-- <a> --><!DOCTYPE t [<!ENTITY a SYSTEM "x>"><!ENTITY b ']'>]>
                   <ts:token name="&a;" xmlns:ts="http://tokenscript.org/2020/06/tokenscript">&a;</ts:token>"#,
                Some("2020/06"),
            ),
            (
                r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><Object>
                   <ts:token xmlns:ts="http://tokenscript.org/2019/10/tokenscript"/></Object></Signature>"#,
                Some("2019/10"),
            ),
            (r#"<a xmlns:ts="http://tokenscript.org/2024/01/tokenscript"/>"#, None),
            (r#"<ts:token xmlns:ts="http://tokenscript.org/<script>/tokenscript"/>"#, None),
            (r#"<!-- xmlns:ts="http://tokenscript.org/2024/01/tokenscript" -->"#, None),
            ("<!DOCTYPE [", None),
            ("<", None),
            ("<č =", None),
            ("", None),
        ];
        for (xml, expected) in table {
            assert_eq!(stated(xml.as_bytes()).as_deref(), *expected, "{xml}");
        }
        assert_eq!(stated(&[0xff, b'<', 0xff, b'=']), None);
    }
}
