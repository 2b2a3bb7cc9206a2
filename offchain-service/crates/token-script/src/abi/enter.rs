//! Arguments in JSON, by the type of the contract's ABI.

use serde_json::Value as Json;

use super::AbiType;
use crate::{entry, NotConvertible, Value};

impl AbiType {
    /// Reads JSON as a value of this type: arrays for arrays, objects by name or arrays by position for structs, and for all
    /// else what [`Value::typed`] takes. That it fits (bits, bytes, number of items) is seen when it is encoded.
    pub(crate) fn enter(&self, json: &Json) -> Result<Value, NotConvertible> {
        let refuse = |to| NotConvertible { from: crate::value::shorten(&json.to_string()), to };
        let value = match (self, json) {
            (AbiType::Array(inner) | AbiType::FixedArray(inner, _), Json::Array(items)) => {
                Value::List(items.iter().map(|item| inner.enter(item)).collect::<Result<_, _>>()?)
            }
            (AbiType::Tuple(fields), Json::Array(items)) if items.len() == fields.len() => {
                let fields = fields.iter().zip(items).map(|((name, ty), item)| Ok((name.clone(), ty.enter(item)?)));
                Value::Record(fields.collect::<Result<_, _>>()?)
            }
            (AbiType::Tuple(fields), Json::Object(items)) if items.len() == fields.len() => {
                let field = |(name, ty): &(String, AbiType)| {
                    let item = items.get(name).ok_or_else(|| refuse("a record with these fields"))?;
                    Ok((name.clone(), ty.enter(item)?))
                };
                Value::Record(fields.iter().map(field).collect::<Result<_, _>>()?)
            }
            (AbiType::Array(_) | AbiType::FixedArray(..), _) => return Err(refuse("a list")),
            (AbiType::Tuple(_), _) => return Err(refuse("a record with these fields")),
            (AbiType::Uint(_), _) => Value::Uint(entry::scalar(json)?.uint()?),
            (AbiType::Int(_), _) => Value::Int(entry::scalar(json)?.int()?),
            (AbiType::Address, _) => Value::Address(entry::scalar(json)?.address()?),
            (AbiType::Bool, _) => Value::Bool(entry::scalar(json)?.bool()?),
            (AbiType::Bytes | AbiType::FixedBytes(_), Json::String(text)) => {
                Value::Bytes(Value::Text(text.clone()).bytes()?)
            }
            (AbiType::Bytes | AbiType::FixedBytes(_), _) => return Err(refuse("bytes in hexadecimal after 0x")),
            (AbiType::String, _) => Value::Text(entry::scalar(json)?.utf8()?),
        };
        // What does not fit is refused here already, where it can be said which argument it is.
        self.argument(&value).map(|_| value)
    }
}
