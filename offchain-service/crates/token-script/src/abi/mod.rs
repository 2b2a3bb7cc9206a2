//! Solidity's ABI: what a script's types mean, encoding of calls, and bounded decoding of what comes back.

mod decode;
mod enter;
mod event;
#[cfg(test)]
mod tests;

use alloy_dyn_abi::DynSolValue;
use alloy_json_abi::{EventParam, Param};
use alloy_primitives::{keccak256, B256, I256};

pub(crate) use decode::decode;
pub use decode::DecodeError;
pub use event::{AbiEvent, EventField};

use crate::{NotConvertible, Value};

/// How deep types may nest.
const MAX_TYPE_DEPTH: usize = 8;
/// How many parts a function's types may have in all.
const MAX_TYPE_NODES: usize = 512;
/// The longest array of a fixed length.
const MAX_FIXED_LENGTH: usize = 1024;

/// A function of a contract's ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiFunction {
    /// Its name.
    pub name: String,
    /// Its arguments: names, empty if they have none, and types.
    pub inputs: Vec<(String, AbiType)>,
    /// Its results: names, empty if they have none, and types.
    pub outputs: Vec<(String, AbiType)>,
}

impl AbiFunction {
    pub(crate) fn new(name: &str, inputs: &[Param], outputs: &[Param]) -> Result<Self, &'static str> {
        let mut nodes = MAX_TYPE_NODES;
        let mut types = |params: &[Param]| -> Result<Vec<_>, &'static str> {
            params.iter().map(|p| Ok((p.name.clone(), AbiType::of(p, 0, &mut nodes)?))).collect()
        };
        Ok(AbiFunction { inputs: types(inputs)?, outputs: types(outputs)?, name: name.into() })
    }
}

/// A Solidity type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AbiType {
    /// `uint8` to `uint256`: its bits.
    Uint(usize),
    /// `int8` to `int256`: its bits.
    Int(usize),
    /// `address`
    Address,
    /// `bool`
    Bool,
    /// `bytes1` to `bytes32`: its bytes.
    FixedBytes(usize),
    /// `bytes`
    Bytes,
    /// `string`
    String,
    /// `T[]`
    Array(Box<AbiType>),
    /// `T[n]`
    FixedArray(Box<AbiType>, usize),
    /// A struct, or several results: names and types.
    Tuple(Vec<(String, AbiType)>),
}

impl AbiType {
    /// The type that a name like `uint256` stands for, if it has no parts.
    pub fn elementary(name: &str) -> Option<Self> {
        let number = |digits: &str| match digits.starts_with('0') || digits.len() > 3 {
            true => None,
            false => digits.parse::<usize>().ok(),
        };
        let bits = |digits: &str| match digits {
            "" => Some(256),
            digits => number(digits).filter(|bits| *bits <= 256 && *bits % 8 == 0),
        };
        match name {
            "address" => Some(AbiType::Address),
            "bool" => Some(AbiType::Bool),
            "string" => Some(AbiType::String),
            "bytes" => Some(AbiType::Bytes),
            "byte" => Some(AbiType::FixedBytes(1)),
            _ => match (name.strip_prefix("uint"), name.strip_prefix("int"), name.strip_prefix("bytes")) {
                (Some(digits), _, _) => bits(digits).map(AbiType::Uint),
                (_, Some(digits), _) => bits(digits).map(AbiType::Int),
                (_, _, Some(digits)) => number(digits).filter(|n| *n <= 32).map(AbiType::FixedBytes),
                _ => None,
            },
        }
    }

    /// Decodes ABI-encoded `data` to a record of `fields`: names, and types that nest no deeper than the caller's stack bears.
    /// A field without a name is named by its position. What is built takes at most `budget` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the data is not of these types, or is more than that.
    pub fn decode(fields: &[(String, AbiType)], data: &[u8], budget: usize) -> Result<Value, DecodeError> {
        decode(fields, data, budget).map(Value::Record)
    }

    /// The type that a script's `ethereum:type` or `type` names: elementary, or an array of such.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let param = Param { ty: name.trim().into(), ..Param::default() };
        AbiType::of(&param, 0, &mut 1).ok()
    }

    fn of_event(param: &EventParam, nodes: &mut usize) -> Result<Self, &'static str> {
        let (name, ty, components) = (param.name.clone(), param.ty.clone(), param.components.clone());
        AbiType::of(&Param { name, ty, components, internal_type: None }, 0, nodes)
    }

    fn of(param: &Param, depth: usize, nodes: &mut usize) -> Result<Self, &'static str> {
        *nodes = nodes.checked_sub(1).ok_or("its types have too many parts")?;
        let base = param.ty.split('[').next().unwrap_or_default();
        let sizes = &param.ty[base.len()..];
        let mut ty = match base {
            "tuple" if depth < MAX_TYPE_DEPTH => {
                let fields =
                    param.components.iter().enumerate().map(|(i, field)| {
                        Ok((name_or_position(&field.name, i), AbiType::of(field, depth + 1, nodes)?))
                    });
                AbiType::Tuple(fields.collect::<Result<_, &'static str>>()?)
            }
            "tuple" => return Err("its types nest too deep"),
            base => AbiType::elementary(base).ok_or("a type that is not served")?,
        };
        let mut nesting = depth;
        for size in sizes.split('[').skip(1) {
            nesting += 1;
            if nesting > MAX_TYPE_DEPTH {
                return Err("its types nest too deep");
            }
            ty = match size.strip_suffix(']') {
                Some("") => AbiType::Array(Box::new(ty)),
                Some(length) => {
                    let length =
                        length.parse().ok().filter(|n| *n <= MAX_FIXED_LENGTH).ok_or("an array that is too long")?;
                    AbiType::FixedArray(Box::new(ty), length)
                }
                None => return Err("a type that is not served"),
            };
        }
        Ok(ty)
    }

    /// Its canonical name, as it stands in a function's signature.
    pub fn name(&self) -> String {
        match self {
            AbiType::Uint(bits) => format!("uint{bits}"),
            AbiType::Int(bits) => format!("int{bits}"),
            AbiType::Address => "address".into(),
            AbiType::Bool => "bool".into(),
            AbiType::FixedBytes(length) => format!("bytes{length}"),
            AbiType::Bytes => "bytes".into(),
            AbiType::String => "string".into(),
            AbiType::Array(inner) => format!("{}[]", inner.name()),
            AbiType::FixedArray(inner, length) => format!("{}[{length}]", inner.name()),
            AbiType::Tuple(fields) => {
                format!("({})", fields.iter().map(|(_, ty)| ty.name()).collect::<Vec<_>>().join(","))
            }
        }
    }

    fn is_dynamic(&self) -> bool {
        match self {
            AbiType::Bytes | AbiType::String | AbiType::Array(_) => true,
            AbiType::FixedArray(inner, _) => inner.is_dynamic(),
            AbiType::Tuple(fields) => fields.iter().any(|(_, ty)| ty.is_dynamic()),
            _ => false,
        }
    }

    /// Reads a text of the script as a value of this type: of an array or a struct, JSON.
    pub(crate) fn read(&self, text: &str) -> Result<Value, NotConvertible> {
        let value = Value::Text(text.into());
        match self {
            AbiType::Uint(_) => value.uint().map(Value::Uint),
            AbiType::Int(_) => value.int().map(Value::Int),
            AbiType::Address => value.address().map(Value::Address),
            AbiType::Bool => value.bool().map(Value::Bool),
            AbiType::FixedBytes(_) | AbiType::Bytes => value.bytes().map(Value::Bytes),
            AbiType::String => Ok(value),
            AbiType::Array(_) | AbiType::FixedArray(..) | AbiType::Tuple(_) => {
                let json = serde_json::from_str(text).map_err(|_| NotConvertible {
                    from: crate::value::shorten(text),
                    to: "JSON of a list or a record",
                })?;
                self.enter(&json)
            }
        }
    }

    /// The value, as an argument of this type.
    fn argument(&self, value: &Value) -> Result<DynSolValue, NotConvertible> {
        let refuse = |to| NotConvertible {
            from: value.text().map_or_else(|| value.kind().into(), |t| crate::value::shorten(&t)),
            to,
        };
        Ok(match self {
            AbiType::Uint(bits) => {
                let number = value.uint()?;
                match number.bit_len() <= *bits {
                    true => DynSolValue::Uint(number, *bits),
                    false => return Err(refuse("an integer of so few bits")),
                }
            }
            AbiType::Int(bits) => {
                let number = value.int()?;
                match fits_int(number, *bits) {
                    true => DynSolValue::Int(number, *bits),
                    false => return Err(refuse("an integer of so few bits")),
                }
            }
            AbiType::Address => DynSolValue::Address(value.address()?),
            AbiType::Bool => DynSolValue::Bool(value.bool()?),
            AbiType::FixedBytes(length) => {
                let bytes = match value {
                    // A number is written in as many bytes as there are.
                    Value::Uint(number) if number.byte_len() <= *length => {
                        number.to_be_bytes::<32>()[32 - length..].to_vec()
                    }
                    other => other.bytes()?,
                };
                match bytes.len() == *length {
                    true => DynSolValue::FixedBytes(B256::right_padding_from(&bytes), *length),
                    false => return Err(refuse("so many bytes")),
                }
            }
            AbiType::Bytes => DynSolValue::Bytes(value.bytes()?),
            AbiType::String => DynSolValue::String(value.utf8()?),
            AbiType::Array(inner) => DynSolValue::Array(inner.items(value)?),
            AbiType::FixedArray(inner, length) => {
                let items = inner.items(value)?;
                match items.len() == *length {
                    true => DynSolValue::FixedArray(items),
                    false => return Err(refuse("a list of so many items")),
                }
            }
            AbiType::Tuple(fields) => DynSolValue::Tuple(AbiType::fields(fields, value)?),
        })
    }

    /// The items of a list, each as an argument of this type.
    fn items(&self, value: &Value) -> Result<Vec<DynSolValue>, NotConvertible> {
        match value {
            Value::List(items) => items.iter().map(|item| self.argument(item)).collect(),
            other => Err(NotConvertible { from: format!("a {}", other.kind()), to: "a list" }),
        }
    }

    /// The fields of a record by their names, or the items of a list by their positions, as arguments.
    fn fields(fields: &[(String, AbiType)], value: &Value) -> Result<Vec<DynSolValue>, NotConvertible> {
        let refuse = || NotConvertible { from: format!("a {}", value.kind()), to: "a record with these fields" };
        let count = match value {
            Value::Record(given) => given.len(),
            Value::List(given) => given.len(),
            _ => return Err(refuse()),
        };
        if count != fields.len() {
            return Err(refuse());
        }
        let argument = |(i, (name, ty)): (usize, &(String, AbiType))| {
            let field = match value {
                Value::Record(given) => given.iter().find(|(given, _)| given == name).map(|(_, value)| value),
                Value::List(given) => given.get(i),
                _ => None,
            };
            ty.argument(field.ok_or_else(refuse)?)
        };
        fields.iter().enumerate().map(argument).collect()
    }

    /// Whether two values are the same as arguments of this type.
    pub(crate) fn is_same(&self, left: &Value, right: &Value) -> Result<bool, NotConvertible> {
        Ok(self.argument(left)? == self.argument(right)?)
    }
}

fn name_or_position(name: &str, position: usize) -> String {
    if name.is_empty() {
        position.to_string()
    } else {
        name.into()
    }
}

fn fits_int(number: I256, bits: usize) -> bool {
    // Every bit above the sign must repeat it.
    let magnitude = if number.is_negative() { !number } else { number };
    magnitude.into_raw().bit_len() < bits
}

/// What a call of `function` with `arguments` sends.
pub(crate) fn calldata(function: &str, arguments: &[(&AbiType, Value)]) -> Result<Vec<u8>, NotConvertible> {
    let types: Vec<String> = arguments.iter().map(|(ty, _)| ty.name()).collect();
    let selector = &keccak256(format!("{function}({})", types.join(",")))[..4];
    let values = arguments.iter().map(|(ty, value)| ty.argument(value)).collect::<Result<Vec<_>, _>>()?;
    Ok([selector, &DynSolValue::Tuple(values).abi_encode_params()].concat())
}
