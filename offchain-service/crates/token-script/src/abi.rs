//! Solidity's ABI: what a script's types mean, encoding of calls, and bounded decoding of what comes back.

use alloy_dyn_abi::DynSolValue;
use alloy_json_abi::{Function, Param};
use alloy_primitives::{keccak256, Address, B256, I256, U256};

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
    pub(crate) fn new(function: &Function) -> Result<Self, &'static str> {
        let mut nodes = MAX_TYPE_NODES;
        let mut types = |params: &[Param]| -> Result<Vec<_>, &'static str> {
            params.iter().map(|p| Ok((p.name.clone(), AbiType::of(p, 0, &mut nodes)?))).collect()
        };
        Ok(AbiFunction {
            inputs: types(&function.inputs)?,
            outputs: types(&function.outputs)?,
            name: function.name.clone(),
        })
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

    /// Reads a text of the script as a value of this type.
    pub(crate) fn read(&self, text: &str) -> Result<Value, NotConvertible> {
        let value = Value::Text(text.into());
        match self {
            AbiType::Uint(_) => value.uint().map(Value::Uint),
            AbiType::Int(_) => value.int().map(Value::Int),
            AbiType::Address => value.address().map(Value::Address),
            AbiType::Bool => value.bool().map(Value::Bool),
            AbiType::FixedBytes(_) | AbiType::Bytes => value.bytes().map(Value::Bytes),
            _ => Ok(value),
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
            AbiType::Array(_) | AbiType::FixedArray(..) | AbiType::Tuple(_) => {
                return Err(refuse("an argument of that type"))
            }
        })
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

/// Why a call's result could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("it ends early")]
    Short,
    #[error("it has more values than are looked at")]
    TooMany,
    #[error("not a {0}")]
    Invalid(String),
}

/// Decodes the results of a call, whose types are `types`. Offsets in `data` are whatever the other side wrote: they may
/// overlap and repeat, so everything that is built is charged to `budget`, in bytes.
pub(crate) fn decode(
    types: &[(String, AbiType)],
    data: &[u8],
    budget: usize,
) -> Result<Vec<(String, Value)>, DecodeError> {
    let mut decoder = Decoder { data, budget };
    decoder.sequence(types.iter().map(|(_, ty)| ty), 0).map(|values| {
        let names = types.iter().enumerate().map(|(i, (name, _))| name_or_position(name, i));
        names.zip(values).collect()
    })
}

struct Decoder<'a> {
    data: &'a [u8],
    budget: usize,
}

impl<'a> Decoder<'a> {
    fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(DecodeError::TooMany)?;
        Ok(())
    }

    fn slice(&self, at: usize, length: usize) -> Result<&'a [u8], DecodeError> {
        at.checked_add(length).and_then(|end| self.data.get(at..end)).ok_or(DecodeError::Short)
    }

    fn word(&self, at: usize) -> Result<U256, DecodeError> {
        Ok(U256::from_be_slice(self.slice(at, 32)?))
    }

    fn length(&self, at: usize) -> Result<usize, DecodeError> {
        usize::try_from(self.word(at)?).map_err(|_| DecodeError::Short)
    }

    /// Values one after the other; what is dynamic has its offset there, counted from `start`.
    fn sequence<'t>(
        &mut self,
        types: impl Iterator<Item = &'t AbiType>,
        start: usize,
    ) -> Result<Vec<Value>, DecodeError> {
        let mut values = Vec::new();
        let mut head = start;
        for ty in types {
            self.charge(size_of::<Value>())?;
            if ty.is_dynamic() {
                let at = start.checked_add(self.length(head)?).ok_or(DecodeError::Short)?;
                values.push(self.value(ty, at)?.0);
                head += 32;
            } else {
                let (value, end) = self.value(ty, head)?;
                values.push(value);
                head = end;
            }
        }
        Ok(values)
    }

    /// The value at `at`, and where it ends if it is not dynamic. Recursion is bounded by the type's depth.
    fn value(&mut self, ty: &AbiType, at: usize) -> Result<(Value, usize), DecodeError> {
        let invalid = || DecodeError::Invalid(ty.name());
        let value = match ty {
            AbiType::Uint(bits) => {
                Value::Uint(Some(self.word(at)?).filter(|n| n.bit_len() <= *bits).ok_or_else(invalid)?)
            }
            AbiType::Int(bits) => {
                let number = I256::from_raw(self.word(at)?);
                Value::Int(Some(number).filter(|n| fits_int(*n, *bits)).ok_or_else(invalid)?)
            }
            AbiType::Address => {
                let word = self.slice(at, 32)?;
                match word[..12].iter().all(|b| *b == 0) {
                    true => Value::Address(Address::from_slice(&word[12..])),
                    false => return Err(invalid()),
                }
            }
            AbiType::Bool => match self.word(at)? {
                U256::ZERO => Value::Bool(false),
                U256::ONE => Value::Bool(true),
                _ => return Err(invalid()),
            },
            AbiType::FixedBytes(length) => {
                self.charge(*length)?;
                Value::Bytes(self.slice(at, 32)?[..*length].to_vec())
            }
            AbiType::Bytes | AbiType::String => {
                let length = self.length(at)?;
                let bytes = self.slice(at + 32, length)?;
                self.charge(length)?;
                match ty {
                    AbiType::String => Value::Text(std::str::from_utf8(bytes).map_err(|_| invalid())?.into()),
                    _ => Value::Bytes(bytes.to_vec()),
                }
            }
            AbiType::Array(inner) => {
                let length = self.length(at)?;
                // Before the loop, so that an array of empty structs is bounded too.
                self.charge(length)?;
                return Ok((Value::List(self.sequence(std::iter::repeat_n(&**inner, length), at + 32)?), at));
            }
            AbiType::FixedArray(inner, length) => {
                let items = self.sequence(std::iter::repeat_n(&**inner, *length), at)?;
                return Ok((Value::List(items), at.saturating_add(head_size(ty))));
            }
            AbiType::Tuple(fields) => {
                let values = self.sequence(fields.iter().map(|(_, ty)| ty), at)?;
                self.charge(fields.iter().map(|(name, _)| name.len()).sum())?;
                let names = fields.iter().map(|(name, _)| name.clone());
                return Ok((Value::Record(names.zip(values).collect()), at.saturating_add(head_size(ty))));
            }
        };
        Ok((value, at + 32))
    }
}

/// The bytes that a value of the type takes where it stands.
fn head_size(ty: &AbiType) -> usize {
    match ty {
        _ if ty.is_dynamic() => 32,
        AbiType::FixedArray(inner, length) => head_size(inner).saturating_mul(*length),
        AbiType::Tuple(fields) => fields.iter().fold(0, |sum, (_, ty)| sum.saturating_add(head_size(ty))),
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use alloy_dyn_abi::DynSolType;
    use alloy_primitives::hex;
    use proptest::prelude::*;

    use super::*;

    fn param(json: &str) -> AbiType {
        AbiType::of(&serde_json::from_str(json).unwrap(), 0, &mut 100).unwrap()
    }

    #[test]
    fn elementary_types() {
        for (name, canonical) in [("uint", "uint256"), ("int8", "int8"), ("byte", "bytes1"), ("bytes32", "bytes32")] {
            assert_eq!(AbiType::elementary(name).unwrap().name(), canonical);
        }
        for bad in ["uint7", "uint264", "uint08", "bytes33", "bytes0", "int0", "tuple", "struct", "", "uint256[]"] {
            assert_eq!(AbiType::elementary(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_known_call_is_encoded() {
        // transfer(address,uint256), from the ERC-20 standard
        let to = Value::Text("0x63cCEF733a093E5Bd773b41C96D3eCE361464942".into());
        let data = calldata("transfer", &[(&AbiType::Address, to), (&AbiType::Uint(256), Value::Uint(U256::from(1)))])
            .unwrap();
        let expected = "a9059cbb00000000000000000000000063ccef733a093e5bd773b41c96d3ece3614649420000000000000000000000000000000000000000000000000000000000000001";
        assert_eq!(hex::encode(data), expected);
        assert_eq!(hex::encode(calldata("totalSupply", &[]).unwrap()), "18160ddd");
    }

    #[test]
    fn arguments_must_fit() {
        let fits = |ty: &str, value: Value| calldata("f", &[(&AbiType::elementary(ty).unwrap(), value)]).is_ok();
        let text = |s: &str| Value::Text(s.into());
        assert!(fits("uint8", text("255")) && !fits("uint8", text("256")) && !fits("uint8", text("-1")));
        assert!(fits("int8", text("127")) && !fits("int8", text("128")));
        assert!(fits("int8", text("-128")) && !fits("int8", text("-129")));
        assert!(fits("bytes2", text("0x0102")) && !fits("bytes2", text("0x01")) && !fits("bytes2", text("zz")));
        assert!(fits("string", text("")) && fits("bytes", text("0x")));
        assert!(!fits("uint256", Value::List(vec![])));
    }

    #[test]
    fn structs_are_decoded_with_their_names() {
        let ty = param(
            r#"{"name":"","type":"tuple","components":[
                {"name":"state","type":"tuple","components":[{"name":"level","type":"uint8"},{"name":"friends","type":"uint256[]"}]},
                {"name":"ok","type":"bool"},{"name":"","type":"int16[2]"}]}"#,
        );
        let same: DynSolType = ty.name().parse().unwrap();
        let number = |n: u64| DynSolValue::Uint(U256::from(n), 256);
        let value = DynSolValue::Tuple(vec![
            DynSolValue::Tuple(vec![
                DynSolValue::Uint(U256::from(3), 8),
                DynSolValue::Array(vec![number(5), number(6)]),
            ]),
            DynSolValue::Bool(true),
            DynSolValue::FixedArray(vec![DynSolValue::Int(I256::MINUS_ONE, 16), DynSolValue::Int(I256::ONE, 16)]),
        ]);
        assert!(value.matches(&same));
        let data = DynSolValue::Tuple(vec![value]).abi_encode_params();
        let decoded = decode(&[(String::new(), ty)], &data, 1 << 20).unwrap().remove(0).1;
        assert_eq!(decoded.at("state.level").unwrap().text().unwrap(), "3");
        assert_eq!(decoded.at("state.friends[1]").unwrap().text().unwrap(), "6");
        assert_eq!(decoded.at("2[0]").unwrap().text().unwrap(), "-1");
    }

    #[test]
    fn dirty_words_are_refused() {
        let refused = |ty: &str, word: U256| {
            decode(&[(String::new(), AbiType::elementary(ty).unwrap())], &word.to_be_bytes::<32>(), 1000).is_err()
        };
        assert!(refused("uint8", U256::from(256)) && refused("bool", U256::from(2)));
        assert!(refused("address", U256::MAX) && refused("int8", U256::from(128)));
        assert!(!refused("int8", U256::MAX));
    }

    #[test]
    fn overlapping_offsets_are_bounded() {
        // Every element of every level points at the same next level: exponential, if it were not charged.
        let ty = param(r#"{"name":"","type":"uint256[][][][][][][]"}"#);
        let mut data = Vec::new();
        let push = |data: &mut Vec<u8>, n: usize| data.extend(U256::from(n).to_be_bytes::<32>());
        push(&mut data, 32);
        for _ in 0..7 {
            push(&mut data, 64);
            (0..64).for_each(|_| push(&mut data, 64 * 32));
        }
        assert_eq!(decode(&[(String::new(), ty)], &data, 1 << 20), Err(DecodeError::TooMany));
        let empty = param(r#"{"name":"","type":"tuple[]","components":[]}"#);
        let mut data = Vec::new();
        push(&mut data, 32);
        push(&mut data, usize::MAX);
        assert_eq!(decode(&[(String::new(), empty)], &data, 1 << 20), Err(DecodeError::TooMany));
    }

    #[test]
    fn types_are_bounded() {
        let refused = |ty: &str| AbiType::of(&Param { ty: ty.into(), ..Param::default() }, 0, &mut 100).is_err();
        assert!(
            refused("uint256[99999999]") && refused(&format!("uint256{}", "[]".repeat(9))) && refused("uint256[-1]")
        );
        assert!(refused("uint256[") && refused("uint256[]x") && refused("mapping"));
    }

    proptest! {
        #[test]
        fn decoding_never_panics(data in proptest::collection::vec(any::<u8>(), 0..600), small in any::<bool>()) {
            let data: Vec<u8> = if small { data.iter().map(|b| b % 3 * 32).collect() } else { data };
            for ty in ["uint256[]", "string", "bytes[][2]", "(uint8,string[],(bool,bytes32)[])"] {
                let ty = match ty.starts_with('(') {
                    true => param(r#"{"name":"","type":"tuple","components":[{"name":"a","type":"uint8"},{"name":"b","type":"string[]"},
                        {"name":"c","type":"tuple[]","components":[{"name":"d","type":"bool"},{"name":"e","type":"bytes32"}]}]}"#),
                    false => param(&format!(r#"{{"name":"","type":"{ty}"}}"#)),
                };
                let _ = decode(&[(String::new(), ty)], &data, 1 << 16);
            }
        }

        /// The library that encodes, and the decoder here, agree.
        #[test]
        fn what_is_encoded_is_decoded(numbers in proptest::collection::vec(any::<u64>(), 0..20), text in ".{0,80}", flag in any::<bool>()) {
            let ty = param(r#"{"name":"","type":"tuple[]","components":[{"name":"n","type":"uint64"},{"name":"s","type":"string"},
                {"name":"f","type":"bool[2]"}]}"#);
            let items = numbers.iter().map(|n| DynSolValue::Tuple(vec![
                DynSolValue::Uint(U256::from(*n), 64), DynSolValue::String(text.clone()),
                DynSolValue::FixedArray(vec![DynSolValue::Bool(flag), DynSolValue::Bool(!flag)])]));
            let data = DynSolValue::Tuple(vec![DynSolValue::Array(items.collect())]).abi_encode_params();
            let decoded = decode(&[(String::new(), ty)], &data, 1 << 20).unwrap().remove(0).1;
            for (i, n) in numbers.iter().enumerate() {
                prop_assert_eq!(decoded.at(&format!("[{i}].n")), Some(&Value::Uint(U256::from(*n))));
                prop_assert_eq!(decoded.at(&format!("[{i}].s")), Some(&Value::Text(text.clone())));
                prop_assert_eq!(decoded.at(&format!("[{i}].f[1]")), Some(&Value::Bool(!flag)));
            }
        }
    }
}
