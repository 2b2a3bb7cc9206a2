//! What an issuer signs, by version: the EIP-712 digest and the uid over the same content.

use std::borrow::Cow;

use alloy_primitives::{keccak256, Address, Bytes, Signature, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};

/// The name in the domain of every off-chain attestation.
pub(crate) const DOMAIN_NAME: &str = "EAS Attestation";

/// The types that are signed. The names of the Solidity structs and of their fields go into the digest.
mod legacy {
    alloy_sol_types::sol! {
        struct Attest {
            bytes32 schema;
            address recipient;
            uint64 time;
            uint64 expirationTime;
            bool revocable;
            bytes32 refUID;
            bytes data;
        }

        struct Attestation {
            bytes32 schema;
            address recipient;
            uint64 time;
            uint64 expirationTime;
            bool revocable;
            bytes32 refUID;
            bytes data;
        }
    }
}

mod version1 {
    alloy_sol_types::sol! {
        struct Attest {
            uint16 version;
            bytes32 schema;
            address recipient;
            uint64 time;
            uint64 expirationTime;
            bool revocable;
            bytes32 refUID;
            bytes data;
        }
    }
}

mod version2 {
    alloy_sol_types::sol! {
        struct Attest {
            uint16 version;
            bytes32 schema;
            address recipient;
            uint64 time;
            uint64 expirationTime;
            bool revocable;
            bytes32 refUID;
            bytes data;
            bytes32 salt;
        }
    }
}

/// Which of the types was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Version 0, with the type's present name `Attest`.
    Legacy,
    /// Version 0, with the type's other name `Attestation`.
    LegacyAttestation,
    /// Version 1: the version is signed too.
    Version1,
    /// Version 2: so is a salt.
    Version2 {
        /// Makes the uids of equal statements differ.
        salt: B256,
    },
}

impl Form {
    pub(crate) fn version(self) -> u16 {
        match self {
            Form::Legacy | Form::LegacyAttestation => 0,
            Form::Version1 => 1,
            Form::Version2 { .. } => 2,
        }
    }
}

/// All that is signed, and the domain that it is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub form: Form,
    pub domain_version: String,
    pub chain_id: u64,
    pub verifying_contract: Address,
    pub schema: B256,
    pub recipient: Address,
    pub time: u64,
    pub expiration_time: u64,
    pub revocable: bool,
    pub ref_uid: B256,
    pub data: Bytes,
}

impl Content {
    /// What the issuer's key signed.
    pub(crate) fn digest(&self) -> B256 {
        let domain = Eip712Domain::new(
            Some(Cow::Borrowed(DOMAIN_NAME)),
            Some(Cow::Owned(self.domain_version.clone())),
            Some(U256::from(self.chain_id)),
            Some(self.verifying_contract),
            None,
        );
        // Field by field, for the structs have nothing in common but their fields' names.
        macro_rules! hash {
            ($name:path $(, $field:ident: $value:expr)*) => {{
                use $name as Signed;
                Signed {
                    schema: self.schema,
                    recipient: self.recipient,
                    time: self.time,
                    expirationTime: self.expiration_time,
                    revocable: self.revocable,
                    refUID: self.ref_uid,
                    data: self.data.clone(),
                    $($field: $value,)*
                }
                .eip712_signing_hash(&domain)
            }};
        }
        let version = self.form.version();
        match self.form {
            Form::Legacy => hash!(legacy::Attest),
            Form::LegacyAttestation => hash!(legacy::Attestation),
            Form::Version1 => hash!(version1::Attest, version: version),
            Form::Version2 { salt } => hash!(version2::Attest, version: version, salt: salt),
        }
    }

    /// The uid that the SDK computes: of the packed fields, where the schema's uid is its text in hexadecimal. Always in lower
    /// case here, as the registry's tools write it, so that one signed statement has one uid however its package is written.
    pub(crate) fn uid(&self) -> B256 {
        let version = self.form.version().to_be_bytes();
        let schema = format!("0x{}", hex::encode(self.schema));
        let salt: &[u8] = match &self.form {
            Form::Version2 { salt } => salt.as_slice(),
            _ => &[],
        };
        let packed = [
            if self.form.version() == 0 { &[] } else { version.as_slice() },
            schema.as_bytes(),
            self.recipient.as_slice(),
            // Where an attestation on the chain has its attester.
            Address::ZERO.as_slice(),
            &self.time.to_be_bytes(),
            &self.expiration_time.to_be_bytes(),
            &[u8::from(self.revocable)],
            self.ref_uid.as_slice(),
            &self.data,
            salt,
            // Where an attestation on the chain has a number that makes it unique.
            &[0; 4],
        ];
        keccak256(packed.concat())
    }
}

/// The address whose key signed the digest. Of the two signatures that are good for one digest only the one with the low s is taken.
pub(crate) fn recover(digest: &B256, r: B256, s: B256, v: u64) -> Option<Address> {
    let odd = match v {
        0 | 27 => false,
        1 | 28 => true,
        _ => return None,
    };
    let signature = Signature::from_scalars_and_parity(r, s, odd);
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(digest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_those_that_the_sdk_signs() {
        let rest = "bytes32 schema,address recipient,uint64 time,uint64 expirationTime,bool revocable,bytes32 refUID,bytes data";
        assert_eq!(legacy::Attest::eip712_encode_type(), format!("Attest({rest})"));
        assert_eq!(legacy::Attestation::eip712_encode_type(), format!("Attestation({rest})"));
        assert_eq!(version1::Attest::eip712_encode_type(), format!("Attest(uint16 version,{rest})"));
        assert_eq!(version2::Attest::eip712_encode_type(), format!("Attest(uint16 version,{rest},bytes32 salt)"));
    }
}
