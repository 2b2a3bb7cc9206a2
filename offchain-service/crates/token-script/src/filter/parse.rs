//! Reading filters.

use super::{Comparison, FilterSyntaxError, Node, Part};
use crate::{value::shorten, Limits};

pub(super) fn filter(text: &str, limits: &Limits) -> Result<Node, FilterSyntaxError> {
    let mut parser = Parser { text, at: 0, nodes: 0, limits };
    parser.space();
    let root = match parser.peek() {
        Some(b'(') => parser.parenthesised(0)?,
        _ => parser.component(0)?,
    };
    parser.space();
    match parser.at == text.len() {
        true => Ok(root),
        false => Err(FilterSyntaxError::Expected { expected: "the end", at: parser.at }),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
    limits: &'a Limits,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// `(` component `)`
    fn parenthesised(&mut self, depth: usize) -> Result<Node, FilterSyntaxError> {
        if depth >= self.limits.filter_depth {
            return Err(FilterSyntaxError::TooDeep { limit: self.limits.filter_depth });
        }
        self.at += 1;
        self.space();
        let node = match self.peek() {
            // Redundant parentheses are common.
            Some(b'(') => self.parenthesised(depth + 1)?,
            _ => self.component(depth)?,
        };
        self.space();
        if self.peek() != Some(b')') {
            return Err(FilterSyntaxError::Expected { expected: ")", at: self.at });
        }
        self.at += 1;
        Ok(node)
    }

    /// What stands between parentheses.
    fn component(&mut self, depth: usize) -> Result<Node, FilterSyntaxError> {
        self.nodes += 1;
        if self.nodes > self.limits.filter_nodes {
            return Err(FilterSyntaxError::TooManyParts { limit: self.limits.filter_nodes });
        }
        match self.peek() {
            None | Some(b')') => Err(FilterSyntaxError::Missing { at: self.at }),
            Some(b'&') => self.list(depth).map(Node::And),
            Some(b'|') => self.list(depth).map(Node::Or),
            // RFC 4515 has one filter behind it; token scripts write several, of which none must hold.
            Some(b'!') => self.list(depth).map(Node::Not),
            Some(_) => self.item(),
        }
    }

    /// One or more filters in parentheses.
    fn list(&mut self, depth: usize) -> Result<Vec<Node>, FilterSyntaxError> {
        self.at += 1;
        self.space();
        let mut nodes = Vec::new();
        while self.peek() == Some(b'(') {
            nodes.push(self.parenthesised(depth + 1)?);
            self.space();
        }
        match nodes.is_empty() {
            true => Err(FilterSyntaxError::Missing { at: self.at }),
            false => Ok(nodes),
        }
    }

    fn item(&mut self) -> Result<Node, FilterSyntaxError> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = rest.find(['=', '<', '>', '~', ':', '!', '(', ')']).unwrap_or(rest.len());
        let attribute = name(&rest[..end], start)?;
        self.at += end;
        let unsupported = |what, remedy, at| Err(FilterSyntaxError::Unsupported { what, remedy, at });
        let rest = &self.text[self.at..];
        let (comparison, length) = match rest.as_bytes() {
            [b'<', b'=', ..] => (Comparison::LessOrEqual, 2),
            [b'>', b'=', ..] => (Comparison::GreaterOrEqual, 2),
            [b'<', ..] => (Comparison::Less, 1),
            [b'>', ..] => (Comparison::Greater, 1),
            [b'=', b'=', ..] => return unsupported("==", "write = once, or \\3d in a value", self.at),
            [b'=', b'<', ..] => return unsupported("=<", "write <=, or \\3c in a value", self.at),
            [b'=', b'>', ..] => return unsupported("=>", "write >=, or \\3e in a value", self.at),
            [b'=', ..] => (Comparison::Equal, 1),
            [b'~', b'=', ..] => return unsupported("~=", "write =", self.at),
            [b':', ..] => return unsupported("an extensible match", "write =", self.at),
            [b'!', b'=', ..] => return unsupported("!=", "write (!(attribute=value))", self.at),
            [] | [b')', ..] => return Ok(Node::IsTrue(attribute)),
            _ => return Err(FilterSyntaxError::Expected { expected: "=, <, >, <= or >=", at: self.at }),
        };
        self.at += length;
        let start = self.at;
        let mut pieces = self.value()?;
        let wildcards = pieces.len() > 1;
        match comparison {
            Comparison::Equal if wildcards && pieces.iter().all(Vec::is_empty) => Ok(Node::Present(attribute)),
            Comparison::Equal if wildcards => {
                // Several asterisks in a row are one.
                let last = pieces.len() - 1;
                let mut at = 0..=last;
                pieces.retain(|piece| at.next().is_some_and(|i| i == 0 || i == last) || !piece.is_empty());
                Ok(Node::Matches { attribute, pieces })
            }
            _ if wildcards => unsupported("a wildcard", "compare with =, or write \\2a for an asterisk", start),
            comparison => Ok(Node::Compare { attribute, comparison, value: pieces.pop().unwrap_or_default() }),
        }
    }

    /// Up to the next parenthesis or the end: parentheses inside a value are escaped. In pieces, between asterisks.
    fn value(&mut self) -> Result<Vec<Vec<Part>>, FilterSyntaxError> {
        let rest = &self.text[self.at..];
        let raw = &rest[..rest.find(')').unwrap_or(rest.len())];
        let start = self.at + raw.len() - raw.trim_start().len();
        self.at += raw.len();
        let raw = raw.trim();

        let mut pieces = Vec::new();
        let mut parts = Vec::new();
        // Escapes are bytes, of which several may make a character.
        let mut text: Vec<u8> = Vec::new();
        let flush = |text: &mut Vec<u8>, parts: &mut Vec<Part>, at| match String::from_utf8(std::mem::take(text)) {
            Ok(text) if text.is_empty() => Ok(()),
            Ok(text) => {
                parts.push(Part::Text(text));
                Ok(())
            }
            Err(_) => Err(FilterSyntaxError::InvalidEscape { at }),
        };
        let bytes = raw.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b'\\' => {
                    let digits = bytes.get(i + 1..i + 3).and_then(|digits| hex::decode(digits).ok());
                    text.extend(digits.ok_or(FilterSyntaxError::InvalidEscape { at: start + i })?);
                    i += 3;
                }
                b'*' => {
                    flush(&mut text, &mut parts, start + i)?;
                    pieces.push(std::mem::take(&mut parts));
                    i += 1;
                }
                b'(' => return Err(FilterSyntaxError::Expected { expected: "\\28 for a parenthesis", at: start + i }),
                b'$' if bytes.get(i + 1) == Some(&b'{') => {
                    flush(&mut text, &mut parts, start + i)?;
                    let inner = &raw[i + 2..];
                    let end =
                        inner.find('}').ok_or(FilterSyntaxError::Expected { expected: "}", at: start + raw.len() })?;
                    parts.push(Part::Attribute(name(&inner[..end], start + i + 2)?));
                    i += end + 3;
                }
                byte => {
                    text.push(byte);
                    i += 1;
                }
            }
        }
        flush(&mut text, &mut parts, start)?;
        pieces.push(parts);
        self.nodes += pieces.iter().map(|parts| parts.len().max(1)).sum::<usize>() - 1;
        match self.nodes > self.limits.filter_nodes {
            true => Err(FilterSyntaxError::TooManyParts { limit: self.limits.filter_nodes }),
            false => Ok(pieces),
        }
    }
}

/// An attribute's name, or a path into its value.
fn name(text: &str, at: usize) -> Result<String, FilterSyntaxError> {
    let name = text.trim();
    match !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-.[]".contains(c)) {
        true => Ok(name.into()),
        false => Err(FilterSyntaxError::AttributeName { name: shorten(name), at }),
    }
}
