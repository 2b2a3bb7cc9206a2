//! Whether an attestation is one that a script defines, and which instance of the token it then is.

use alloy_primitives::{keccak256, Address, B256};
use k256::ecdsa::VerifyingKey;
use smartlayer_token_script::{AttestationDefinition, Value};

use crate::{Attestation, Data, Refusal};

impl Attestation {
    /// Whether a script's definition is of such attestations: of the type `eas` (in any case, or not said), of the definition's
    /// schema, and signed by one of its keys (SEC1 in hexadecimal, `04…` or compressed, with or without `0x`; what is no key
    /// matches nobody). A definition that names no schema is one of the zero schema, as in the engine that scripts were first
    /// written for: what its issuer signs of other schemas and for other purposes is no such token.
    ///
    /// This looks at neither the [time](Attestation::valid_at) nor the [collection](Attestation::is_in_collection).
    ///
    /// # Errors
    ///
    /// [`Refusal::OtherKind`], [`Refusal::OtherSchema`], [`Refusal::OtherIssuer`].
    pub fn matches(&self, definition: &AttestationDefinition) -> Result<(), Refusal> {
        if !definition.kind.is_empty() && !definition.kind.eq_ignore_ascii_case("eas") {
            return Err(Refusal::OtherKind { kind: definition.kind.clone() });
        }
        let expected = definition.schema_uid.as_deref().map_or(Some(B256::ZERO), schema_uid);
        if expected != Some(self.schema_uid()) {
            let expected = definition.schema_uid.clone().unwrap_or_else(|| B256::ZERO.to_string());
            return Err(Refusal::OtherSchema { expected, found: self.schema_uid() });
        }
        let signer = self.signer();
        match definition.keys.iter().any(|key| address_of(key) == Some(signer)) {
            true => Ok(()),
            false => Err(Refusal::OtherIssuer { signer }),
        }
    }

    /// Whether it is of the definition's collection: each collection field with a text has that text in the data. Texts are
    /// compared as they are; of addresses, bytes and truth values the case does not matter. Fields are those of the data, with or
    /// without `data.` before them.
    ///
    /// # Errors
    ///
    /// [`Refusal::OtherCollection`], [`Refusal::MissingField`], [`Refusal::NoText`].
    pub fn is_in_collection(&self, definition: &AttestationDefinition, data: &Data) -> Result<(), Refusal> {
        for (field, expected) in definition.collection_fields.iter().filter(|(_, text)| !text.is_empty()) {
            let value = data.field(field)?;
            let found = text(value).ok_or_else(|| Refusal::NoText(field.clone()))?;
            let same = match value {
                Value::Text(_) => found == *expected,
                _ => found.eq_ignore_ascii_case(expected),
            };
            if !same {
                return Err(Refusal::OtherCollection { field: field.clone(), expected: expected.clone(), found });
            }
        }
        Ok(())
    }

    /// The id of the instance that it is. This is how an issuer says it: without `idFields` in the definition, the attestation's
    /// [uid](Attestation::uid), so that each is an instance of its own; with them, the keccak-256 of their texts in UTF-8, joined
    /// by `-` in the definition's order, so that a reissued attestation is still the same instance.
    ///
    /// Texts are those that the engine which scripts were first written for joins: numbers in decimal, truth values as `true` and
    /// `false`, bytes as `0x` and lower case, addresses with their checksum. Where the engine leaves out a field that is missing,
    /// zero, false or empty, here a missing one is an error, and the others stay. The join is not injective (`a-b` and `c` join
    /// like `a` and `b-c`): an issuer with such texts does not name both fields.
    ///
    /// # Errors
    ///
    /// [`Refusal::MissingField`], [`Refusal::NoText`].
    pub fn token_id(&self, definition: &AttestationDefinition, data: &Data) -> Result<[u8; 32], Refusal> {
        if definition.id_fields.is_empty() {
            return Ok(self.uid().0);
        }
        let texts = definition
            .id_fields
            .iter()
            .map(|field| text(data.field(field)?).ok_or_else(|| Refusal::NoText(field.clone())));
        Ok(keccak256(texts.collect::<Result<Vec<_>, _>>()?.join("-")).0)
    }
}

/// The text of a value as the engine joins it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        value => value.text(),
    }
}

/// Hexadecimal digits, with or without `0x`, as bytes. White space, as line breaks leave it in scripts, is passed over.
fn digits(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    hex::decode(text.strip_prefix("0x").or(text.strip_prefix("0X")).unwrap_or(&text)).ok()
}

fn schema_uid(text: &str) -> Option<B256> {
    B256::try_from(digits(text)?.as_slice()).ok()
}

/// The address of a public key; none if the text is not one of the two forms of a key on the curve.
fn address_of(key: &str) -> Option<Address> {
    let key = digits(key)?;
    match key.as_slice() {
        [2 | 3, rest @ ..] if rest.len() == 32 => {}
        [4, rest @ ..] if rest.len() == 64 => {}
        _ => return None,
    }
    VerifyingKey::from_sec1_bytes(&key).ok().map(|key| Address::from_public_key(&key))
}
