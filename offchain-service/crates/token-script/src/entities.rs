//! Document type declarations: internal entities are expanded within bounds, external ones never fetched.
//!
//! The parser sees a text without a declaration, so that its bounds hold for what entities expand to as well. What else a
//! declaration says (elements, default attributes) is not looked at.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{Limits, Reason, ScriptError};

/// How deep entities may refer to each other.
const MAX_DEPTH: usize = 16;

/// The document without its document type declaration, with internal entities expanded; as it is if it has none. Lines are
/// kept, except behind entities of several lines.
pub(crate) fn expand<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, ScriptError> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(Cow::Borrowed(bytes)) };
    let Some(start) = declaration(text).filter(|_| bytes.len() <= limits.bytes) else {
        return Ok(Cow::Borrowed(bytes));
    };
    let line = |at: usize| u32::try_from(text[..at].matches('\n').count() + 1).unwrap_or(u32::MAX);
    let mut reader = Reader { text, at: start + "<!DOCTYPE".len() };
    let doctype = Doctype::read(&mut reader).map_err(|reason| ScriptError::new(reason, line(start)))?;
    let end = reader.at;
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..start]);
    out.extend(text[start..end].chars().filter(|c| *c == '\n'));
    let mut expansion = Expansion { doctype: &doctype, limits, references: 0, out };
    // Where it stopped is known by how much of the document itself was read.
    let mut at = 0;
    let result = expansion.content(&text[end..], 0, &mut at);
    result.map_err(|reason| ScriptError::new(reason, line((end + at).min(text.len()))))?;
    Ok(Cow::Owned(expansion.out.into_bytes()))
}

/// Where the declaration starts, if there is one where it may be.
fn declaration(text: &str) -> Option<usize> {
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    loop {
        let rest = &text[at..];
        let begin = at + rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        let end = match rest {
            _ if rest.starts_with("<!DOCTYPE") => return Some(begin),
            _ if rest.starts_with("<?") => rest.find("?>")? + 2,
            _ if rest.starts_with("<!--") => rest.find("-->")? + 3,
            _ => return None,
        };
        at = begin + end;
    }
}

/// What a declaration says of entities.
#[derive(Default)]
struct Doctype {
    /// Their texts; none of those outside the document.
    entities: BTreeMap<String, Option<String>>,
    /// Whether a part of the declaration is outside the document.
    external: bool,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    /// Goes behind the next `end`.
    fn behind(&mut self, end: &str) -> Result<(), Reason> {
        let found = self.rest().find(end).ok_or_else(|| malformed("the document type declaration is not closed"))?;
        self.at += found + end.len();
        Ok(())
    }

    /// Goes to the next of `ends` outside quotes, and says which it is.
    fn until(&mut self, ends: &[u8]) -> Result<u8, Reason> {
        let mut quote = None;
        for (i, byte) in self.rest().bytes().enumerate() {
            match (quote, byte) {
                (Some(open), _) if byte == open => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, _) if ends.contains(&byte) => {
                    self.at += i;
                    return Ok(byte);
                }
                _ => {}
            }
        }
        Err(malformed("the document type declaration is not closed"))
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || "<>&;'\"[]%/".contains(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn quoted(&mut self) -> Result<&'a str, Reason> {
        let rest = self.rest();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let quote = quote.ok_or_else(|| malformed("an entity without a value"))?;
        let length = rest[1..].find(quote).ok_or_else(|| malformed("an entity whose value is not closed"))?;
        self.at += length + 2;
        Ok(&rest[1..=length])
    }
}

fn malformed(what: &str) -> Reason {
    Reason::Malformed(what.into())
}

impl Doctype {
    /// Reads what is behind `<!DOCTYPE`, and goes behind its end.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Reason> {
        let mut doctype = Doctype::default();
        let head = reader.at;
        let subset = reader.until(b"[>")? == b'[';
        let head = &reader.text[head..reader.at];
        doctype.external = head.split_whitespace().any(|word| matches!(word, "SYSTEM" | "PUBLIC"));
        reader.at += 1;
        if !subset {
            return Ok(doctype);
        }
        loop {
            reader.space();
            if reader.skip("]") {
                break;
            } else if reader.skip("<!--") {
                reader.behind("-->")?;
            } else if reader.skip("<?") {
                reader.behind("?>")?;
            } else if reader.skip("<!ENTITY") {
                doctype.entity(reader)?;
            } else if reader.rest().starts_with("<!") {
                reader.until(b">")?;
                reader.at += 1;
            } else if reader.rest().starts_with('%') {
                return Err(Reason::Doctype);
            } else {
                return Err(malformed("the document type declaration is not closed"));
            }
        }
        reader.space();
        match reader.skip(">") {
            true => Ok(doctype),
            false => Err(malformed("the document type declaration is not closed")),
        }
    }

    fn entity(&mut self, reader: &mut Reader<'_>) -> Result<(), Reason> {
        reader.space();
        // Parameter entities matter only where they are referred to, which is refused.
        let parameter = reader.skip("%");
        reader.space();
        let name = reader.name();
        reader.space();
        let value = match reader.rest().starts_with("SYSTEM") || reader.rest().starts_with("PUBLIC") {
            true => None,
            false => Some(characters(reader.quoted()?)?),
        };
        reader.until(b">")?;
        reader.at += 1;
        // The first declaration counts.
        if !parameter && !name.is_empty() {
            self.entities.entry(name.into()).or_insert(value);
        }
        Ok(())
    }
}

/// A value with its character references replaced; entities in it are left for where it is used.
fn characters(value: &str) -> Result<String, Reason> {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("&#") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';').ok_or_else(|| malformed("a character reference is not closed"))?;
        let digits = &rest[at + 2..at + end];
        let code = match digits.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => digits.parse(),
        };
        out.push(code.ok().and_then(char::from_u32).ok_or_else(|| malformed("a character that does not exist"))?);
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

struct Expansion<'a> {
    doctype: &'a Doctype,
    limits: &'a Limits,
    references: usize,
    out: String,
}

impl Expansion<'_> {
    fn push(&mut self, text: &str) -> Result<(), Reason> {
        match self.out.len() + text.len() <= self.limits.bytes {
            true => {
                self.out.push_str(text);
                Ok(())
            }
            false => Err(Reason::TooLarge { limit: self.limits.bytes }),
        }
    }

    /// Copies content, with the entities in it expanded; `at` is how far it got.
    fn content(&mut self, text: &str, depth: usize, at: &mut usize) -> Result<(), Reason> {
        while let Some(next) = text[*at..].find(['<', '&']).map(|i| *at + i) {
            self.push(&text[*at..next])?;
            *at = next;
            let rest = &text[next..];
            let raw = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
            let verbatim = raw.into_iter().find(|(begin, _)| rest.starts_with(begin));
            let length = match verbatim {
                Some((begin, end)) => rest[begin.len()..].find(end).map_or(rest.len(), |i| begin.len() + i + end.len()),
                None if rest.starts_with('<') => {
                    let length = tag_length(rest);
                    self.tag(&rest[..length], depth)?;
                    *at += length;
                    continue;
                }
                None => match self.reference(rest)? {
                    (length, Some(value)) => {
                        self.deeper(depth)?;
                        self.content(&value, depth + 1, &mut 0)?;
                        *at += length;
                        continue;
                    }
                    (length, None) => length,
                },
            };
            self.push(&rest[..length])?;
            *at += length;
        }
        self.push(&text[*at..])?;
        *at = text.len();
        Ok(())
    }

    /// Copies a tag, with the entities in its attributes expanded as values.
    fn tag(&mut self, tag: &str, depth: usize) -> Result<(), Reason> {
        let mut rest = tag;
        while let Some(next) = rest.find('&') {
            self.push(&rest[..next])?;
            rest = &rest[next..];
            let (length, value) = self.reference(rest)?;
            match value {
                Some(value) => {
                    self.deeper(depth)?;
                    self.value(&value, depth + 1)?;
                }
                None => self.push(&rest[..length])?,
            }
            rest = &rest[length..];
        }
        self.push(rest)
    }

    /// Copies the text of an entity into an attribute's value.
    fn value(&mut self, text: &str, depth: usize) -> Result<(), Reason> {
        let mut rest = text;
        while let Some(next) = rest.find(['&', '<', '"', '\'', '\n', '\r', '\t']) {
            self.push(&rest[..next])?;
            rest = &rest[next..];
            let length = match rest.as_bytes()[0] {
                b'<' => return Err(malformed("markup in an attribute's value")),
                b'"' => self.push("&quot;").map(|()| 1)?,
                b'\'' => self.push("&apos;").map(|()| 1)?,
                b'&' => {
                    let (length, value) = self.reference(rest)?;
                    match value {
                        Some(value) => {
                            self.deeper(depth)?;
                            self.value(&value, depth + 1)?;
                        }
                        None => self.push(&rest[..length])?,
                    }
                    length
                }
                _ => self.push(" ").map(|()| 1)?,
            };
            rest = &rest[length..];
        }
        self.push(rest)
    }

    fn deeper(&self, depth: usize) -> Result<(), Reason> {
        match depth < MAX_DEPTH {
            true => Ok(()),
            false => Err(malformed("entities refer to each other deeper than 16 levels")),
        }
    }

    /// What `text` refers to, which begins with `&`: the length of the reference, and what it stands for. None for what the
    /// parser knows itself, or refuses.
    fn reference(&mut self, text: &str) -> Result<(usize, Option<String>), Reason> {
        let name = Reader { text, at: 1 }.name();
        let length = name.len() + 2;
        if !text[1 + name.len()..].starts_with(';') || name.starts_with('#') {
            return Ok((1, None));
        }
        if matches!(name, "lt" | "gt" | "amp" | "quot" | "apos") {
            return Ok((length, None));
        }
        self.references += 1;
        if self.references > self.limits.nodes {
            return Err(Reason::TooManyNodes { limit: self.limits.nodes });
        }
        match self.doctype.entities.get(name) {
            Some(Some(value)) => Ok((length, Some(value.clone()))),
            Some(None) => Err(Reason::ExternalEntity),
            // It may be defined outside.
            None if self.doctype.external => Err(Reason::ExternalEntity),
            None => Ok((length, None)),
        }
    }
}

/// How long the tag is that `text` begins with.
fn tag_length(text: &str) -> usize {
    let mut quote = None;
    for (i, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return i + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, (Reason, Option<u32>)> {
        let limits = Limits { bytes: 10_000, nodes: 1_000, ..Limits::default() };
        let result = expand(text.as_bytes(), &limits).map_err(|error| (error.reason, error.line));
        result.map(|bytes| String::from_utf8(bytes.into_owned()).unwrap())
    }

    #[test]
    fn internal_entities_are_expanded() {
        for (text, expected) in [
            ("<a>&lt;</a>", "<a>&lt;</a>"),
            ("<!DOCTYPE a><a/>", "<a/>"),
            ("<?xml version='1.0'?><!-- <!DOCTYPE --><!DOCTYPE a\n[\n]><a/>", "<?xml version='1.0'?><!-- <!DOCTYPE -->\n\n<a/>"),
            ("<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY b 'd'>]><a>&b;</a>", "<a>c</a>"),
            ("<!DOCTYPE a [<!ENTITY b '<c>&d;</c>'><!ENTITY d \"e\">]><a>&b;&d;</a>", "<a><c>e</c>e</a>"),
            ("<!DOCTYPE a [<!ENTITY b '&#60;&#x63;/>'>]><a>&b;</a>", "<a><c/></a>"),
            ("<!DOCTYPE a [<!ENTITY b '\"&c;'><!ENTITY c \"'\n\">]><a x=\"&b;\"/>", "\n<a x=\"&quot;&apos; \"/>"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a><!-- &b; --><![CDATA[&b;]]><?p &b;?></a>", "<a><!-- &b; --><![CDATA[&b;]]><?p &b;?></a>"),
            ("<!DOCTYPE a [<!ENTITY b 'c'><!-- ]> --><!ELEMENT a ANY><!ATTLIST a x CDATA \">\"><?p ]>?>] ><a>&b;&#65;&amp;</a>", "<a>c&#65;&amp;</a>"),
            ("<!DOCTYPE a SYSTEM 'a.dtd' [<!ENTITY b SYSTEM 'file:///etc/passwd'><!ENTITY % p SYSTEM 'p'>]><a/>", "<a/>"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&unknown; & &b</a>", "<a>&unknown; & &b</a>"),
            ("<!DOCTYPE a><a x='>&lt;' y=\"/>\"><!-- open", "<a x='>&lt;' y=\"/>\"><!-- open"),
        ] {
            assert_eq!(expanded(text), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn what_reaches_outside_or_explodes_is_refused() {
        let laughs: String =
            (1..12).map(|i| format!("<!ENTITY l{i} '{}'>", format!("&l{};", i - 1).repeat(10))).collect();
        let silence = format!("<!DOCTYPE a [<!ENTITY l0 ''>{laughs}]><a>&l11;</a>");
        let laughs = format!("<!DOCTYPE a [<!ENTITY l0 'lol'>{laughs}]><a>&l11;</a>");
        for (text, reason, line) in [
            ("<!DOCTYPE a [\n<!ENTITY b SYSTEM 'file:///etc/passwd'>]>\n<a>\n&b;</a>", Reason::ExternalEntity, 4),
            ("<!DOCTYPE a PUBLIC 'a' 'http://example.org/a.dtd'>\n<a>&b;</a>", Reason::ExternalEntity, 2),
            ("<!DOCTYPE a [<!ENTITY b SYSTEM 'x'>]><a x='&b;'/>", Reason::ExternalEntity, 1),
            ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'p'> %p;]><a/>", Reason::Doctype, 1),
            ("<!DOCTYPE a [<!ENTITY b '<c/>'>]><a x='&b;'/>", malformed("markup in an attribute's value"), 1),
            (
                "<!DOCTYPE a [<!ENTITY b '&b;'>]><a>&b;</a>",
                malformed("entities refer to each other deeper than 16 levels"),
                1,
            ),
            ("\n<!DOCTYPE a [", malformed("the document type declaration is not closed"), 2),
            ("<!DOCTYPE a [<!ENTITY b", malformed("an entity without a value"), 1),
            ("<!DOCTYPE a [<!ENTITY b '&#xD800;'>]><a/>", malformed("a character that does not exist"), 1),
        ] {
            assert_eq!(expanded(text), Err((reason, Some(line))), "{text}");
        }
        assert!(matches!(expanded(&silence), Err((Reason::TooManyNodes { limit: 1_000 }, _))));
        assert!(expanded(&laughs).is_err());
        let long = format!("<!DOCTYPE a [<!ENTITY b '{}'>]><a>{}</a>", "x".repeat(100), "&b;".repeat(100));
        assert!(matches!(expanded(&long), Err((Reason::TooLarge { limit: 10_000 }, _))));
    }
}
