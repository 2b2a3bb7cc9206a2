//! Filters of selections: RFC 4515 as token scripts use it, compared by type.
//!
//! `(&(expiry>20260101)(!(locality=Sydney)))`. Items are `attribute` `=`, `<`, `>`, `<=` or `>=` value; the outermost
//! parentheses may be left out; white space around parts means nothing. In a value, `\29` is the byte 29 (hexadecimal) and
//! `${attribute}` is that attribute's value. `attribute=*` asks whether there is a value, `attribute=S*y` for what begins and
//! ends so. `(!(a=1)(b=2))` is neither. A lone attribute, as scripts of 2019 write it, asks whether it is true.
//!
//! The module `compare` says how values compare.

mod compare;
mod error;
mod explain;
mod parse;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use error::{FilterError, FilterSyntaxError};
pub use explain::Explanation;

use crate::{AttributeError, Limits, Value, Values};

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
    /// None of these.
    Not(Vec<Node>),
    /// The attribute is true.
    IsTrue(String),
    /// The attribute has a value.
    Present(String),
    /// The attribute compares so to the value.
    Compare {
        /// The attribute's name.
        attribute: String,
        /// How it must compare.
        comparison: Comparison,
        /// The value's parts, to be joined.
        value: Vec<Part>,
    },
    /// The attribute's text consists of these pieces, in their order, with anything in between.
    Matches {
        /// The attribute's name.
        attribute: String,
        /// What it begins with, what it contains, and what it ends with; two at least. An empty first or last says nothing.
        pieces: Vec<Vec<Part>>,
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
    /// As filters write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::Less => "<",
            Comparison::Greater => ">",
            Comparison::LessOrEqual => "<=",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// What a filter asks for attributes' values: none if there is no such attribute.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<Result<Value, AttributeError>> + 'a;

impl Filter {
    /// Reads a filter within the limits on its depth and its parts.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, FilterSyntaxError> {
        parse::filter(text, limits).map(|root| Filter { root })
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

    /// Whether it holds for these values, by attribute. Names with paths (`info.level`) are looked for as they are, then as
    /// parts of a value.
    ///
    /// # Errors
    ///
    /// A [`FilterError`] if an attribute is not among the values, or can't be compared as the filter asks. Every part is
    /// looked at, so that an error is never hidden by another part's result.
    pub fn evaluate(&self, values: &BTreeMap<String, Value>) -> Result<bool, FilterError> {
        self.matches(&|name| find(name, values).map(|value| Ok(value.clone())))
    }

    /// Like [`Filter::evaluate`], of values of which some may be missing with a reason.
    pub fn evaluate_values(&self, values: &Values) -> Result<bool, FilterError> {
        self.matches(&|name| lookup(name, values))
    }

    /// How the result for these values comes about, part by part.
    pub fn explain(&self, values: &BTreeMap<String, Value>) -> Explanation {
        self.root.explain(&|name| find(name, values).map(|value| Ok(value.clone())))
    }

    /// Like [`Filter::explain`], of values of which some may be missing with a reason.
    pub fn explain_values(&self, values: &Values) -> Explanation {
        self.root.explain(&|name| lookup(name, values))
    }

    pub(crate) fn matches(&self, lookup: &Lookup<'_>) -> Result<bool, FilterError> {
        self.root.matches(lookup)
    }

    pub(crate) fn explain_by(&self, lookup: &Lookup<'_>) -> Explanation {
        self.root.explain(lookup)
    }
}

fn find<'a>(name: &str, values: &'a BTreeMap<String, Value>) -> Option<&'a Value> {
    let base = name.split(['.', '[']).next().unwrap_or_default();
    values.get(name).or_else(|| values.get(base)?.at(&name[base.len()..]))
}

fn lookup(name: &str, values: &Values) -> Option<Result<Value, AttributeError>> {
    let base = name.split(['.', '[']).next().unwrap_or_default();
    match (values.get(name), values.get(base)) {
        (Some(Err(AttributeError::Unknown(_))), _) => None,
        (Some(value), _) => Some(value.clone()),
        (None, Some(Ok(value))) => value.at(&name[base.len()..]).cloned().map(Ok),
        (None, missing) => missing.cloned(),
    }
}

impl Node {
    // Recursion, here and in the other modules, is bounded by the depth that parsing allowed.
    fn collect<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        let values = |parts: &'a [Part], names: &mut BTreeSet<&'a str>| {
            names.extend(parts.iter().filter_map(|part| match part {
                Part::Attribute(name) => Some(name.as_str()),
                Part::Text(_) => None,
            }))
        };
        match self {
            Node::And(nodes) | Node::Or(nodes) | Node::Not(nodes) => nodes.iter().for_each(|node| node.collect(names)),
            Node::IsTrue(attribute) | Node::Present(attribute) => drop(names.insert(attribute)),
            Node::Compare { attribute, value, .. } => {
                names.insert(attribute);
                values(value, names);
            }
            Node::Matches { attribute, pieces } => {
                names.insert(attribute);
                pieces.iter().for_each(|piece| values(piece, names));
            }
        }
    }
}

/// As a filter writes it, with every item in parentheses. Reading that gives the same filter again.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, sign: char, nodes: &[Node]| {
            write!(f, "({sign}")?;
            nodes.iter().try_for_each(|node| node.fmt(f))?;
            f.write_str(")")
        };
        match self {
            Node::And(nodes) => list(f, '&', nodes),
            Node::Or(nodes) => list(f, '|', nodes),
            Node::Not(nodes) => list(f, '!', nodes),
            Node::IsTrue(attribute) => write!(f, "({attribute})"),
            Node::Present(attribute) => write!(f, "({attribute}=*)"),
            Node::Compare { attribute, comparison, value } => {
                write!(f, "({attribute}{}", comparison.as_str())?;
                write_parts(f, value)?;
                f.write_str(")")
            }
            Node::Matches { attribute, pieces } => {
                write!(f, "({attribute}=")?;
                for (i, piece) in pieces.iter().enumerate() {
                    f.write_str(if i > 0 { "*" } else { "" })?;
                    write_parts(f, piece)?;
                }
                f.write_str(")")
            }
        }
    }
}

fn write_parts(f: &mut fmt::Formatter<'_>, parts: &[Part]) -> fmt::Result {
    parts.iter().try_for_each(|part| match part {
        Part::Attribute(name) => write!(f, "${{{name}}}"),
        Part::Text(text) => text.chars().try_for_each(|c| match c {
            // White space at the ends would be lost, and a dollar could begin a reference.
            '(' | ')' | '*' | '\\' | '$' | '=' | '<' | '>' => write!(f, "\\{:02x}", c as u32),
            c if c.is_control() || c.is_whitespace() => {
                c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "\\{byte:02x}"))
            }
            c => write!(f, "{c}"),
        }),
    })
}
