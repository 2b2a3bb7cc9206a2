use smartlayer_token_script::{AbiType, Value};

use crate::Refusal;

/// What the values of one attestation's data may take up in memory, in bytes.
const MAX_DECODED: usize = 1 << 20;

/// The data of an attestation, decoded by its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data(Value);

impl Data {
    pub(crate) fn decode(fields: &[(String, AbiType)], data: &[u8]) -> Result<Self, Refusal> {
        Ok(Self(AbiType::decode(fields, data, MAX_DECODED)?))
    }

    /// The record of its fields, by the names in the schema.
    pub fn record(&self) -> &Value {
        &self.0
    }

    /// The field that a definition names: a path into the data, with or without `data.` before it.
    pub(crate) fn field(&self, path: &str) -> Result<&Value, Refusal> {
        let inner = || path.strip_prefix("data.").and_then(|path| self.0.at(path));
        self.0.at(path).or_else(inner).ok_or_else(|| Refusal::MissingField(path.chars().take(80).collect()))
    }
}
