//! Bounded decoding of what contracts return and log.

use alloy_primitives::{Address, I256, U256};

use super::{fits_int, name_or_position, AbiType};
use crate::Value;

/// Why ABI-encoded data could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends before its values do.
    #[error("it ends early")]
    Short,
    /// Its values are more than may be built.
    #[error("it has more values than are looked at")]
    TooMany,
    /// A value is not of this type.
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
