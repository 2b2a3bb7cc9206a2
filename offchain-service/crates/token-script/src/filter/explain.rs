//! How a filter's result comes about.

use serde::{Serialize, Serializer};

use super::{
    compare::{get, join, text_of},
    FilterError, Lookup, Node,
};
use crate::Value;

/// How the result of a filter, or of a part of it, comes about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The part, as a filter writes it.
    pub expression: String,
    /// Whether it holds; none if it has no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<bool>,
    /// Why it has no result: a `code` and a `message`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "error")]
    pub error: Option<FilterError>,
    /// The attribute's value, for an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The value that it was compared to, or a pattern it was matched with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Value>,
    /// The parts of a list, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explanation>,
}

fn error<S: Serializer>(error: &Option<FilterError>, serializer: S) -> Result<S::Ok, S::Error> {
    let error = error.iter().flat_map(|error| [("code", error.code().to_string()), ("message", error.to_string())]);
    serializer.collect_map(error)
}

impl Node {
    pub(super) fn explain(&self, lookup: &Lookup<'_>) -> Explanation {
        let (value, compared, parts) = match self {
            Node::And(nodes) | Node::Or(nodes) | Node::Not(nodes) => {
                (None, None, nodes.iter().map(|node| node.explain(lookup)).collect())
            }
            Node::IsTrue(attribute) => (get(attribute, lookup).ok(), Some(Value::Bool(true)), Vec::new()),
            Node::Present(attribute) => (get(attribute, lookup).ok(), None, Vec::new()),
            Node::Compare { attribute, value, .. } => {
                (get(attribute, lookup).ok(), join(value, lookup).ok(), Vec::new())
            }
            Node::Matches { attribute, pieces } => {
                let pieces: Result<Vec<_>, _> = pieces.iter().map(|piece| text_of(piece, lookup)).collect();
                (get(attribute, lookup).ok(), pieces.ok().map(|pieces| Value::Text(pieces.join("*"))), Vec::new())
            }
        };
        // What decides is asked again, so that an explanation never differs from it. Depth is bounded, and so is the cost.
        let (result, error) = match self.matches(lookup) {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Explanation { expression: self.to_string(), result, error, value, compared, parts }
    }
}
