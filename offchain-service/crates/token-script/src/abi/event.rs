//! Events: their topics, and what their logs say.

use alloy_json_abi::Event;
use alloy_primitives::{keccak256, B256};

use super::{decode, AbiType, DecodeError, MAX_TYPE_NODES};
use crate::{NotConvertible, Value};

/// The most fields that a log can index beside its event's own topic.
const MAX_INDEXED: usize = 3;

/// An event of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiEvent {
    /// Its name.
    pub name: String,
    /// Its fields, in their order.
    pub fields: Vec<EventField>,
}

/// A field of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: AbiType,
    /// Whether it is a topic of its own.
    pub indexed: bool,
}

impl AbiEvent {
    pub(crate) fn new(name: &str, fields: Vec<EventField>) -> Result<Self, &'static str> {
        match fields.iter().filter(|field| field.indexed).count() <= MAX_INDEXED {
            true => Ok(AbiEvent { name: name.into(), fields }),
            false => Err("more than three indexed fields"),
        }
    }

    pub(crate) fn of(event: &Event) -> Result<Self, &'static str> {
        if event.anonymous {
            return Err("an anonymous event, which has no topic to look for");
        }
        let mut nodes = MAX_TYPE_NODES;
        let fields = event.inputs.iter().map(|input| {
            let ty = AbiType::of_event(input, &mut nodes)?;
            Ok(EventField { name: input.name.clone(), ty, indexed: input.indexed })
        });
        AbiEvent::new(&event.name, fields.collect::<Result<_, &'static str>>()?)
    }

    /// The topic that every one of its logs begins with: the hash of its signature.
    pub fn topic(&self) -> B256 {
        let types: Vec<_> = self.fields.iter().map(|field| field.ty.name()).collect();
        keccak256(format!("{}({})", self.name, types.join(",")))
    }

    /// How many topics its logs have.
    pub(crate) fn topics(&self) -> usize {
        1 + self.fields.iter().filter(|field| field.indexed).count()
    }

    /// Which topic a field is, if it is one.
    pub(crate) fn topic_of(&self, position: usize) -> Option<usize> {
        let field = self.fields.get(position).filter(|field| field.indexed);
        field.map(|_| 1 + self.fields[..position].iter().filter(|field| field.indexed).count())
    }

    /// The fields of a log that has as many topics as its logs have. Of an indexed text, bytes, list or record the log has only
    /// the hash.
    pub(crate) fn decode(
        &self,
        topics: &[B256],
        data: &[u8],
        budget: usize,
    ) -> Result<Vec<(String, Value)>, DecodeError> {
        let types = |indexed: bool| {
            let fields = self.fields.iter().filter(move |field| field.indexed == indexed);
            fields.map(move |field| match indexed && field.ty.is_hashed() {
                true => (field.name.clone(), AbiType::FixedBytes(32)),
                false => (field.name.clone(), field.ty.clone()),
            })
        };
        let words: Vec<u8> = topics.iter().skip(1).flat_map(|topic| topic.0).collect();
        let mut indexed = decode(&types(true).collect::<Vec<_>>(), &words, budget)?.into_iter();
        let mut others = decode(&types(false).collect::<Vec<_>>(), data, budget)?.into_iter();
        let next = |(i, field): (usize, &EventField)| {
            let value = if field.indexed { indexed.next() } else { others.next() };
            let (_, value) = value.ok_or(DecodeError::Short)?;
            Ok((super::name_or_position(&field.name, i), value))
        };
        self.fields.iter().enumerate().map(next).collect()
    }
}

impl AbiType {
    /// Whether a topic holds the hash of such a value instead of the value.
    pub(crate) fn is_hashed(&self) -> bool {
        matches!(
            self,
            AbiType::Bytes | AbiType::String | AbiType::Array(_) | AbiType::FixedArray(..) | AbiType::Tuple(_)
        )
    }

    /// The topic that an indexed field of this type and value has. Lists and records are not looked for.
    pub(crate) fn topic(&self, value: &Value) -> Result<B256, NotConvertible> {
        match self {
            AbiType::String => Ok(keccak256(value.utf8()?)),
            AbiType::Bytes => Ok(keccak256(value.bytes()?)),
            _ if self.is_hashed() => {
                Err(NotConvertible { from: format!("a {}", value.kind()), to: "something to look for in logs" })
            }
            _ => Ok(B256::from_slice(&self.argument(value)?.abi_encode())),
        }
    }
}
