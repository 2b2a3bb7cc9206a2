//! How values compare.
//!
//! - Numbers as exact numbers of any size, whichever side is a text.
//! - Times as instants. A date written in part (`2026`, `202601`, `20260131`) is the whole year, month or day: an instant in
//!   it equals it, and is neither before nor behind it. A number that another attribute gives is seconds since 1970.
//! - Truth values, addresses and bytes as such; they have no order.
//! - Texts as numbers if both are, as times if one is unmistakably, else by their bytes: case counts.
//! - A list equals what one of its items equals, and matches if one does; it has no order. A record compares to nothing.
//!
//! Zero, false and the empty text are values. An attribute without a value is an error, except that `attribute=*` is then
//! false.

use std::{borrow::Cow, cmp::Ordering};

use super::{Comparison, FilterError, Lookup, Node, Part};
use crate::{
    number::Number,
    time::Period,
    value::{self, shorten},
    Time, Value,
};

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

impl Node {
    /// Every part is looked at, so that an error is never hidden by another part's result.
    pub(super) fn matches(&self, lookup: &Lookup<'_>) -> Result<bool, FilterError> {
        let all = |nodes: &[Node]| nodes.iter().map(|node| node.matches(lookup)).collect::<Result<Vec<_>, _>>();
        match self {
            Node::And(nodes) => Ok(all(nodes)?.into_iter().all(|holds| holds)),
            Node::Or(nodes) => Ok(all(nodes)?.into_iter().any(|holds| holds)),
            Node::Not(nodes) => Ok(!all(nodes)?.into_iter().any(|holds| holds)),
            Node::IsTrue(attribute) => {
                let value = get(attribute, lookup)?;
                Comparer { attribute, comparison: Comparison::Equal }.compare(&value, &Value::Bool(true))
            }
            Node::Present(attribute) => match get(attribute, lookup) {
                Ok(Value::List(items)) => Ok(!items.is_empty()),
                Ok(_) => Ok(true),
                Err(FilterError::Attribute { error, .. }) if error.is_absence() => Ok(false),
                Err(error) => Err(error),
            },
            Node::Compare { attribute, comparison, value } => {
                let left = get(attribute, lookup)?;
                Comparer { attribute, comparison: *comparison }.compare(&left, &join(value, lookup)?)
            }
            Node::Matches { attribute, pieces } => {
                let value = get(attribute, lookup)?;
                let pieces = pieces.iter().map(|piece| text_of(piece, lookup)).collect::<Result<Vec<_>, _>>()?;
                matches_pieces(attribute, &value, &pieces)
            }
        }
    }
}

pub(super) fn get(name: &str, lookup: &Lookup<'_>) -> Result<Value, FilterError> {
    match lookup(name) {
        Some(value) => value.map_err(|error| FilterError::Attribute { name: name.into(), error }),
        None => Err(FilterError::UnknownAttribute(name.into())),
    }
}

/// The value that parts make: an attribute's own if it stands alone, else a text.
pub(super) fn join(parts: &[Part], lookup: &Lookup<'_>) -> Result<Value, FilterError> {
    match parts {
        [Part::Attribute(name)] => get(name, lookup),
        parts => text_of(parts, lookup).map(Value::Text),
    }
}

pub(super) fn text_of(parts: &[Part], lookup: &Lookup<'_>) -> Result<String, FilterError> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Ok(Cow::Borrowed(text.as_str())),
            Part::Attribute(name) => {
                let value = get(name, lookup)?;
                let none = || not_comparable(name, &value, "a text");
                value.text().map(Cow::Owned).ok_or_else(none)
            }
        })
        .collect()
}

fn not_comparable(attribute: &str, value: &Value, other: &str) -> FilterError {
    FilterError::NotComparable { attribute: attribute.into(), kind: value.kind(), value: shorten(other) }
}

/// One comparison, as far as errors name it.
struct Comparer<'a> {
    attribute: &'a str,
    comparison: Comparison,
}

impl Comparer<'_> {
    fn compare(&self, left: &Value, right: &Value) -> Result<bool, FilterError> {
        let refuse = || {
            let right = right.text().unwrap_or_else(|| format!("a {}", right.kind()));
            not_comparable(self.attribute, left, &right)
        };
        let ordered = |ordering: Option<Ordering>| Ok(self.comparison.holds(ordering.ok_or_else(refuse)?));
        match (left, right) {
            (Value::Record(_), _) | (_, Value::Record(_)) => Err(refuse()),
            (Value::List(items), other) => self.any(left, items, |item| self.compare(item, other)),
            (other, Value::List(items)) => self.any(left, items, |item| self.compare(other, item)),
            (Value::Time(_), _) | (_, Value::Time(_)) => ordered(compare_times(left, right)),
            (Value::Bool(_), _) | (_, Value::Bool(_)) => {
                let sides = truth(left).zip(truth(right)).ok_or_else(refuse)?;
                self.equal(left, sides.0 == sides.1)
            }
            (Value::Address(_), _) | (_, Value::Address(_)) => {
                let sides = left.address().ok().zip(right.address().ok()).ok_or_else(refuse)?;
                self.equal(left, sides.0 == sides.1)
            }
            (Value::Bytes(_), _) | (_, Value::Bytes(_)) => {
                let sides = bytes(left).zip(bytes(right)).ok_or_else(refuse)?;
                self.equal(left, sides.0 == sides.1)
            }
            (Value::Text(left), Value::Text(right)) => Ok(self.comparison.holds(compare_texts(left, right))),
            // At least one is a number.
            _ => ordered(number(left).zip(number(right)).map(|(left, right)| left.cmp(&right))),
        }
    }

    /// For kinds without an order.
    fn equal(&self, left: &Value, is_equal: bool) -> Result<bool, FilterError> {
        match self.comparison {
            Comparison::Equal => Ok(is_equal),
            _ => Err(FilterError::NotOrdered { attribute: self.attribute.into(), kind: left.kind() }),
        }
    }

    /// Whether one of the items compares so. Every item is looked at, as every part of a filter is.
    fn any(
        &self,
        left: &Value,
        items: &[Value],
        compare: impl FnMut(&Value) -> Result<bool, FilterError>,
    ) -> Result<bool, FilterError> {
        self.equal(left, true)?;
        Ok(items.iter().map(compare).collect::<Result<Vec<_>, _>>()?.into_iter().any(|holds| holds))
    }
}

fn number(value: &Value) -> Option<Number> {
    Number::parse(&value.text()?)
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Text(text) => value::parse_bool(text.trim()),
        other => value::parse_bool(&other.text()?),
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(_) | Value::Text(_) | Value::Address(_) => value.bytes().ok(),
        _ => None,
    }
}

/// One of the two is a time.
fn compare_times(left: &Value, right: &Value) -> Option<Ordering> {
    let instant = |value: &Value| match value {
        Value::Time(time) => Some(*time),
        Value::Uint(seconds) => Time::from_uint(*seconds),
        Value::Int(seconds) => Time::from_int(*seconds),
        _ => None,
    };
    match (left, right) {
        (left, Value::Text(right)) => Some(Period::parse(right)?.order(instant(left)?)),
        (Value::Text(left), right) => Some(Period::parse(left)?.order(instant(right)?).reverse()),
        (left, right) => Some(instant(left)?.cmp(&instant(right)?)),
    }
}

fn compare_texts(left: &str, right: &str) -> Ordering {
    if let (Some(left), Some(right)) = (Period::parse(left), Period::parse(right)) {
        if left.unmistakable {
            return right.order(left.start);
        }
        if right.unmistakable {
            return left.order(right.start).reverse();
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

/// Texts match as they are, addresses and bytes in any case, times by their GeneralizedTime in UTC. Numbers and truth values
/// don't: what their digits begin with means nothing.
fn matches_pieces(attribute: &str, value: &Value, pieces: &[String]) -> Result<bool, FilterError> {
    let pieces_in = |text: &str, fold: bool| match fold {
        true => in_order(&text.to_ascii_lowercase(), pieces.iter().map(|piece| piece.to_ascii_lowercase())),
        false => in_order(text, pieces.iter()),
    };
    match value {
        Value::Text(text) => Ok(pieces_in(text, false)),
        Value::Time(time) => Ok(pieces_in(&time.to_string(), false)),
        Value::Address(_) | Value::Bytes(_) => Ok(pieces_in(&value.text().unwrap_or_default(), true)),
        Value::List(items) => {
            let results = items.iter().map(|item| matches_pieces(attribute, item, pieces));
            Ok(results.collect::<Result<Vec<_>, _>>()?.into_iter().any(|holds| holds))
        }
        other => Err(not_comparable(attribute, other, &pieces.join("*"))),
    }
}

/// Whether `text` is the pieces in their order with anything in between.
fn in_order(text: &str, pieces: impl DoubleEndedIterator<Item = impl AsRef<str>>) -> bool {
    let mut pieces = pieces;
    let (first, last) = (pieces.next(), pieces.next_back());
    let begun = first.map_or(Some(text), |first| text.strip_prefix(first.as_ref()));
    let ended = begun.and_then(|rest| last.map_or(Some(rest), |last| rest.strip_suffix(last.as_ref())));
    // The earliest place for each piece leaves the most for the next.
    let rest = ended.and_then(|rest| {
        pieces.try_fold(rest, |rest, piece| rest.find(piece.as_ref()).map(|at| &rest[at + piece.as_ref().len()..]))
    });
    rest.is_some()
}
