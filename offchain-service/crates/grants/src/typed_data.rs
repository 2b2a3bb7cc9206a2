//! The EIP-712 form of what is signed: its types, its digest, and the JSON that a wallet shows.

use alloy_sol_types::{sol, Eip712Domain, SolStruct};
use serde_json::{json, Map, Value};
use smartlayer_primitives::Hash;

/// The domain's name.
pub const DOMAIN_NAME: &str = "Smart Layer";
/// The domain's version: another one whenever a type below changes.
pub const DOMAIN_VERSION: &str = "1";
/// The domain's type. Its salt is the genesis hash of the chain, so that a signature is good on one chain only.
pub const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,bytes32 salt)";
/// The type of a [`crate::Grant`]. Addresses and the audience are in their text form; `uses` is 0 if uses are not counted.
pub const GRANT_TYPE: &str = "Grant(Instance instance,string owner,string grantee,string audience,string[] attributes,\
    string[] actions,uint64 notBefore,uint64 expiresAt,uint32 uses,bytes32 nonce)Instance(uint32 tokenType,uint32 index)";
/// The type of a [`crate::Use`].
pub const USE_TYPE: &str = "Use(bytes32 grant,string node,uint64 sequence,uint64 issuedAt,bytes32 request)";
/// The type of a [`crate::Revocation`] of one grant.
pub const REVOKE_GRANT_TYPE: &str =
    "RevokeGrant(Instance instance,string owner,bytes32 grant)Instance(uint32 tokenType,uint32 index)";
/// The type of a [`crate::Revocation`] of all grants that begin before a time.
pub const REVOKE_BEFORE_TYPE: &str =
    "RevokeBefore(Instance instance,string owner,uint64 before)Instance(uint32 tokenType,uint32 index)";
/// The type of a [`crate::TransferOrder`].
pub const TRANSFER_TYPE: &str = "Transfer(Instance source,Instance issued,string owner,string to,uint64 validUntil,\
    bytes32 nonce)Instance(uint32 tokenType,uint32 index)";

/// The structures as Solidity names them; the names of types and fields are signed.
#[allow(missing_docs, non_snake_case)]
pub(crate) mod structs {
    use super::sol;

    sol! {
        struct Instance {
            uint32 tokenType;
            uint32 index;
        }

        struct Grant {
            Instance instance;
            string owner;
            string grantee;
            string audience;
            string[] attributes;
            string[] actions;
            uint64 notBefore;
            uint64 expiresAt;
            uint32 uses;
            bytes32 nonce;
        }

        struct Use {
            bytes32 grant;
            string node;
            uint64 sequence;
            uint64 issuedAt;
            bytes32 request;
        }

        struct RevokeGrant {
            Instance instance;
            string owner;
            bytes32 grant;
        }

        struct RevokeBefore {
            Instance instance;
            string owner;
            uint64 before;
        }

        struct Transfer {
            Instance source;
            Instance issued;
            string owner;
            string to;
            uint64 validUntil;
            bytes32 nonce;
        }
    }
}

fn domain(genesis: &Hash) -> Eip712Domain {
    Eip712Domain::new(
        Some(DOMAIN_NAME.into()),
        Some(DOMAIN_VERSION.into()),
        None,
        None,
        Some(genesis.to_fixed_bytes().into()),
    )
}

/// The digest that an Ethereum key signs.
pub(crate) fn digest(genesis: &Hash, value: &impl SolStruct) -> [u8; 32] {
    value.eip712_signing_hash(&domain(genesis)).0
}

/// What `eth_signTypedData_v4` takes: `message` is a value of the first type in `encoded_type`.
pub(crate) fn request(genesis: &Hash, encoded_type: &str, message: Value) -> Value {
    let mut types = Map::new();
    let mut primary = "";
    for (i, (name, fields)) in declarations(encoded_type).chain(declarations(DOMAIN_TYPE)).enumerate() {
        if i == 0 {
            primary = name;
        }
        let fields: Vec<Value> = fields
            .split(',')
            .filter_map(|field| field.split_once(' '))
            .map(|(kind, name)| json!({ "name": name, "type": kind }))
            .collect();
        types.insert(name.to_owned(), fields.into());
    }
    json!({
        "types": types,
        "primaryType": primary,
        "domain": { "name": DOMAIN_NAME, "version": DOMAIN_VERSION, "salt": genesis },
        "message": message,
    })
}

/// The names and fields in an encoded type: `A(B b)B(uint8 c)`.
fn declarations(encoded_type: &str) -> impl Iterator<Item = (&str, &str)> {
    encoded_type.split(')').filter_map(|one| one.split_once('('))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_type_strings_are_those_that_are_hashed() {
        assert_eq!(structs::Grant::eip712_encode_type(), GRANT_TYPE);
        assert_eq!(structs::Use::eip712_encode_type(), USE_TYPE);
        assert_eq!(structs::RevokeGrant::eip712_encode_type(), REVOKE_GRANT_TYPE);
        assert_eq!(structs::RevokeBefore::eip712_encode_type(), REVOKE_BEFORE_TYPE);
        assert_eq!(structs::Transfer::eip712_encode_type(), TRANSFER_TYPE);
        assert_eq!(domain(&Hash::zero()).encode_type(), DOMAIN_TYPE);
    }
}
