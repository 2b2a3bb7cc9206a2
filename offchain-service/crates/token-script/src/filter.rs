//! Filters of selections: RFC 4515 as token scripts use it, compared by type.
//!
//! `(&(expiry>20260101)(!(locality=Sydney)))`. Items are `attribute` `=`, `<`, `>`, `<=` or `>=` value; the outermost
//! parentheses may be left out; white space around parts means nothing. In a value, `\29` is the byte 29 (hexadecimal) and
//! `${attribute}` is that attribute's value. A lone attribute, as scripts of 2019 write it, asks whether it is true.
//!
//! Numbers compare as exact numbers of any size, times with a zone as instants, truth values and addresses as such, and
//! texts, where neither side is any of these, by their bytes.

use std::{cmp::Ordering, collections::BTreeSet};

use crate::{
    number::{Number, Time},
    value::{self, shorten},
    AttributeError, Limits, Value,
};

/// A filter, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    root: Node,
}

/// A part of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// All of these.
    And(Vec<Node>),
    /// Any of these.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// The attribute is true.
    IsTrue(String),
    /// The attribute compares so to the value.
    Compare {
        /// The attribute's name.
        attribute: String,
        /// How it must compare.
        comparison: Comparison,
        /// The value's parts, to be joined.
        value: Vec<Part>,
    },
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is written in the filter.
    Text(String),
    /// It is an attribute's value.
    Attribute(String),
}

/// How an attribute must compare to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Less => ordering.is_lt(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// What is wrong with a filter as written. Positions are bytes, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterSyntaxError {
    /// There is nothing, or nothing between parentheses.
    #[error("a condition is missing at {at}")]
    Missing {
        /// Where.
        at: usize,
    },
    /// Something else should stand here.
    #[error("expected {expected} at {at}")]
    Expected {
        /// What should.
        expected: &'static str,
        /// Where.
        at: usize,
    },
    /// Not the name of an attribute.
    #[error("{name:?} at {at} is not an attribute's name")]
    AttributeName {
        /// What stands there.
        name: String,
        /// Where.
        at: usize,
    },
    /// A backslash must be followed by two hexadecimal digits, and the bytes written so must be UTF-8.
    #[error("invalid escape at {at}; write a backslash and two hexadecimal digits, for example \\29")]
    InvalidEscape {
        /// Where.
        at: usize,
    },
    /// An operator or a wildcard that is not served.
    #[error("{what} at {at} is not supported; {remedy}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// What to write instead.
        remedy: &'static str,
        /// Where.
        at: usize,
    },
    /// Parts nest deeper than allowed.
    #[error("parts nest deeper than {limit}")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// There are more parts than allowed.
    #[error("more than {limit} parts")]
    TooManyParts {
        /// The bound.
        limit: usize,
    },
}

/// Why a filter has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There is no such selection.
    #[error("there is no selection {0}")]
    UnknownSelection(String),
    /// It can't be read.
    #[error("the filter can't be read: {0}")]
    Syntax(#[from] FilterSyntaxError),
    /// It names an attribute that doesn't exist.
    #[error("there is no attribute {0}")]
    UnknownAttribute(String),
    /// One of its attributes has no value.
    #[error("attribute {name} has no value: {error}")]
    Attribute {
        /// The attribute's name.
        name: String,
        /// Why it has none.
        error: AttributeError,
    },
    /// The two sides are of kinds that can't be compared.
    #[error("attribute {attribute} is of kind {kind}, which does not compare to {value:?}")]
    NotComparable {
        /// The attribute's name.
        attribute: String,
        /// The kind of its value.
        kind: &'static str,
        /// The other side, shortened.
        value: String,
    },
    /// Its kind has no order.
    #[error("attribute {attribute} is of kind {kind}, which has no order; compare with =")]
    NotOrdered {
        /// The attribute's name.
        attribute: String,
        /// The kind of its value.
        kind: &'static str,
    },
}

impl FilterError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            FilterError::UnknownSelection(_) => "unknown-selection",
            FilterError::Syntax(FilterSyntaxError::InvalidEscape { .. }) => "invalid-escape",
            FilterError::Syntax(_) => "invalid-filter",
            FilterError::UnknownAttribute(_) => "unknown-attribute",
            FilterError::Attribute { .. } => "attribute-unavailable",
            FilterError::NotComparable { .. } => "not-comparable",
            FilterError::NotOrdered { .. } => "not-ordered",
        }
    }
}

/// What a filter asks for attributes' values: none if there is no such attribute.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<Result<Value, AttributeError>> + 'a;

impl Filter {
    /// Reads a filter within the limits on its depth and its parts.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, FilterSyntaxError> {
        let mut parser = Parser { text, at: 0, nodes: 0, limits };
        parser.space();
        let root = match parser.peek() {
            Some(b'(') => parser.parenthesised(0)?,
            _ => parser.component(0)?,
        };
        parser.space();
        match parser.at == text.len() {
            true => Ok(Filter { root }),
            false => Err(FilterSyntaxError::Expected { expected: "the end", at: parser.at }),
        }
    }

    /// Its outermost part.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The attributes whose values it needs.
    pub fn attributes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.root.collect(&mut names);
        names
    }

    /// Whether it holds for the values that `lookup` gives. Every part is looked at, so that an error is never hidden by
    /// another part's result.
    pub(crate) fn matches(&self, lookup: &Lookup<'_>) -> Result<bool, FilterError> {
        self.root.matches(lookup)
    }
}

impl Node {
    // Recursion is bounded by the depth that parsing allowed.
    fn collect<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.collect(names)),
            Node::Not(node) => node.collect(names),
            Node::IsTrue(attribute) => drop(names.insert(attribute)),
            Node::Compare { attribute, value, .. } => {
                names.insert(attribute);
                names.extend(value.iter().filter_map(|part| match part {
                    Part::Attribute(name) => Some(name.as_str()),
                    Part::Text(_) => None,
                }));
            }
        }
    }

    fn matches(&self, lookup: &Lookup<'_>) -> Result<bool, FilterError> {
        let all = |nodes: &[Node]| nodes.iter().map(|node| node.matches(lookup)).collect::<Result<Vec<_>, _>>();
        match self {
            Node::And(nodes) => Ok(all(nodes)?.into_iter().all(|holds| holds)),
            Node::Or(nodes) => Ok(all(nodes)?.into_iter().any(|holds| holds)),
            Node::Not(node) => Ok(!node.matches(lookup)?),
            Node::IsTrue(attribute) => compare(attribute, &get(attribute, lookup)?, Comparison::Equal, "TRUE"),
            Node::Compare { attribute, comparison, value } => {
                let left = get(attribute, lookup)?;
                let mut right = String::new();
                for part in value {
                    match part {
                        Part::Text(text) => right.push_str(text),
                        Part::Attribute(name) => {
                            let value = get(name, lookup)?;
                            let kind = value.kind();
                            right.push_str(&value.text().ok_or_else(|| FilterError::NotComparable {
                                attribute: name.clone(),
                                kind,
                                value: "text".into(),
                            })?);
                        }
                    }
                }
                compare(attribute, &left, *comparison, &right)
            }
        }
    }
}

fn get(name: &str, lookup: &Lookup<'_>) -> Result<Value, FilterError> {
    match lookup(name) {
        Some(value) => value.map_err(|error| FilterError::Attribute { name: name.into(), error }),
        None => Err(FilterError::UnknownAttribute(name.into())),
    }
}

/// Compares an attribute's value to a text, as the value's kind demands.
fn compare(attribute: &str, left: &Value, comparison: Comparison, right: &str) -> Result<bool, FilterError> {
    let kind = left.kind();
    let not_comparable = || FilterError::NotComparable { attribute: attribute.into(), kind, value: shorten(right) };
    let equal = |is_equal: bool| match comparison {
        Comparison::Equal => Ok(is_equal),
        _ => Err(FilterError::NotOrdered { attribute: attribute.into(), kind }),
    };
    match left {
        Value::Bool(left) => equal(value::parse_bool(right).ok_or_else(not_comparable)? == *left),
        Value::Address(left) => equal(value::address(right).ok_or_else(not_comparable)? == *left),
        Value::Bytes(left) => {
            let right = right.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
            equal(right.ok_or_else(not_comparable)? == *left)
        }
        Value::Uint(_) | Value::Int(_) | Value::Decimal(_) => {
            let left = left.text().and_then(|text| Number::parse(&text)).ok_or_else(not_comparable)?;
            Ok(comparison.holds(left.cmp(&Number::parse(right).ok_or_else(not_comparable)?)))
        }
        Value::Text(left) => Ok(comparison.holds(compare_texts(left, right))),
        Value::List(_) | Value::Record(_) => Err(not_comparable()),
    }
}

/// As numbers, times or addresses if both are, else by their bytes.
fn compare_texts(left: &str, right: &str) -> Ordering {
    if let (Some((left, left_zone)), Some((right, right_zone))) = (Time::parse(left), Time::parse(right)) {
        if left_zone || right_zone {
            return left.cmp(&right);
        }
    }
    if let (Some(left), Some(right)) = (Number::parse(left), Number::parse(right)) {
        return left.cmp(&right);
    }
    if let (Some(left), Some(right)) = (value::address(left), value::address(right)) {
        return left.cmp(&right);
    }
    left.cmp(right)
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
            Some(b'!') => {
                self.at += 1;
                self.space();
                match self.peek() {
                    Some(b'(') => Ok(Node::Not(Box::new(self.parenthesised(depth + 1)?))),
                    _ => Err(FilterSyntaxError::Expected { expected: "(", at: self.at }),
                }
            }
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
        Ok(Node::Compare { attribute, comparison, value: self.value()? })
    }

    /// Up to the next parenthesis or the end: parentheses inside a value are escaped.
    fn value(&mut self) -> Result<Vec<Part>, FilterSyntaxError> {
        let rest = &self.text[self.at..];
        let raw = &rest[..rest.find(')').unwrap_or(rest.len())];
        let start = self.at + raw.len() - raw.trim_start().len();
        self.at += raw.len();
        let raw = raw.trim();

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
                    let (what, remedy) = ("a wildcard", "compare the whole value, or write \\2a for an asterisk");
                    return Err(FilterSyntaxError::Unsupported { what, remedy, at: start + i });
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
        self.nodes += parts.len();
        match self.nodes > self.limits.filter_nodes {
            true => Err(FilterSyntaxError::TooManyParts { limit: self.limits.filter_nodes }),
            false => Ok(parts),
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
