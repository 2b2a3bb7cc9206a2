//! What must be read from the attestation's chain, as calldata and returned bytes.

use alloy_primitives::{keccak256, Address, B256};
use alloy_sol_types::SolCall;

use crate::{fields, Data, Refusal};

/// The longest answer of a contract that is looked at, in bytes.
pub(crate) const MAX_ANSWER: usize = 64 << 10;

mod eas {
    alloy_sol_types::sol! {
        function getSchemaRegistry() external view returns (address);
        function getRevokeOffchain(address revoker, bytes32 data) external view returns (uint64);
    }
}

mod registry {
    alloy_sol_types::sol! {
        struct SchemaRecord {
            bytes32 uid;
            address resolver;
            bool revocable;
            string schema;
        }

        function getSchema(bytes32 uid) external view returns (SchemaRecord memory);
    }
}

/// What to call the [EAS contract](crate::Attestation::verifying_contract) with to have its schema registry's address, which
/// [`registry`] reads.
pub fn registry_call() -> Vec<u8> {
    eas::getSchemaRegistryCall {}.abi_encode()
}

/// The schema registry's address, from what [`registry_call`] returned.
///
/// # Errors
///
/// [`Refusal::BadAnswer`], also if it is the zero address.
pub fn registry(returned: &[u8]) -> Result<Address, Refusal> {
    let registry: Option<Address> = answer(returned, eas::getSchemaRegistryCall::abi_decode_returns_validate);
    registry.filter(|address| !address.is_zero()).ok_or(Refusal::BadAnswer { function: "getSchemaRegistry" })
}

/// What to call the schema registry with to have the schema `uid`, which [`Schema::read`] reads.
pub fn schema_call(uid: B256) -> Vec<u8> {
    registry::getSchemaCall { uid }.abi_encode()
}

/// What to call the [EAS contract](crate::Attestation::verifying_contract) with to hear whether `signer` revoked the attestation
/// `uid`, which [`is_revoked`] reads.
pub fn revocation_call(signer: Address, uid: B256) -> Vec<u8> {
    eas::getRevokeOffchainCall { revoker: signer, data: uid }.abi_encode()
}

/// Whether the attestation is revoked, from what [`revocation_call`] returned. Ask whatever the schema says of revocation: EAS
/// lets an issuer revoke any off-chain attestation.
///
/// # Errors
///
/// [`Refusal::BadAnswer`].
pub fn is_revoked(returned: &[u8]) -> Result<bool, Refusal> {
    let since: Option<u64> = answer(returned, eas::getRevokeOffchainCall::abi_decode_returns_validate);
    since.map(|since| since > 0).ok_or(Refusal::BadAnswer { function: "getRevokeOffchain" })
}

/// As [`is_revoked`], as a check.
///
/// # Errors
///
/// [`Refusal::Revoked`], [`Refusal::BadAnswer`].
pub fn not_revoked(returned: &[u8]) -> Result<(), Refusal> {
    match is_revoked(returned)? {
        true => Err(Refusal::Revoked),
        false => Ok(()),
    }
}

fn answer<T>(returned: &[u8], decode: impl Fn(&[u8]) -> alloy_sol_types::Result<T>) -> Option<T> {
    Some(returned).filter(|returned| returned.len() <= MAX_ANSWER).and_then(|returned| decode(returned).ok())
}

/// A schema of attestations as it is registered. Its uid is the hash of all that it says: who sends it can't forge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The fields of its data, for example `string eventId,uint8 ticketClass`.
    pub text: String,
    /// The contract that has a say in attestations on the chain; zero if there is none. It has none in those off the chain.
    pub resolver: Address,
    /// Whether attestations of it may be revoked.
    pub revocable: bool,
}

impl Schema {
    /// Reads what [`schema_call`] for `uid` returned.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadAnswer`], [`Refusal::UnknownSchema`], and [`Refusal::ForgedSchema`] if it is not the schema of that uid.
    pub fn read(uid: B256, returned: &[u8]) -> Result<Self, Refusal> {
        let record: Option<registry::SchemaRecord> =
            answer(returned, registry::getSchemaCall::abi_decode_returns_validate);
        let record = record.ok_or(Refusal::BadAnswer { function: "getSchema" })?;
        if record.uid.is_zero() {
            return Err(Refusal::UnknownSchema { uid });
        }
        let schema = Self { text: record.schema, resolver: record.resolver, revocable: record.revocable };
        match schema.uid() {
            found if found == uid => Ok(schema),
            found => Err(Refusal::ForgedSchema { expected: uid, found }),
        }
    }

    /// What attestations without a schema say, which name the zero schema: tickets, as the libraries that issue and show them have always made
    /// them. No registry has it; that their data is so rests on this convention, and on the issuer's signature over the data.
    pub fn of_tickets() -> Self {
        let text = "string eventId,string ticketId,uint8 ticketClass,bytes commitment".into();
        Self { text, resolver: Address::ZERO, revocable: false }
    }

    /// Its uid: the hash of its text, its resolver and whether it is revocable, packed.
    pub fn uid(&self) -> B256 {
        keccak256([self.text.as_bytes(), self.resolver.as_slice(), &[u8::from(self.revocable)]].concat())
    }

    /// The data of an attestation, by the fields that the text lists: `type name`, separated by commas. Types are Solidity's
    /// elementary ones, `(type name, …)` with or without `tuple` before it, arrays of any, and `ipfsHash` for `bytes32`. A
    /// field without a name is named by its position.
    pub(crate) fn decode(&self, data: &[u8]) -> Result<Data, Refusal> {
        Data::decode(&fields::parse(&self.text).map_err(Refusal::BadSchema)?, data)
    }
}
