//! The JSON schemas, for the OpenRPC document.

use serde_json::{json, Value};

use crate::grant::{MAX_NAMES, MAX_NAME_BYTES, MAX_NUMBER};

/// The JSON schema (2020-12, and draft 7 alike) of [`crate::Authorisation`].
pub fn authorisation_schema() -> Value {
    object(
        "A grant by the token's owner, and one use of it by the grantee",
        json!({
            "grant": grant(),
            "signature": signature("By the owner of the grant"),
            "use": object(
                "The use that is made of the grant, signed anew for every call",
                json!({
                    "grant": hash("The grant's id: blake2-256 of its signing payload"),
                    "node": account("The account of the node that is called"),
                    "sequence": number("Larger with every use of the grant at this node; the time in milliseconds will do"),
                    "issuedAt": number("When the use was signed, in seconds since 1970 (UTC)"),
                    "request": hash("The hash of the method and of the parameters without authorisation and payment"),
                }),
                &["grant", "node", "sequence", "issuedAt", "request"],
            ),
            "useSignature": signature("By the grantee of the grant"),
        }),
        &["grant", "signature", "use", "useSignature"],
    )
}

/// The JSON schema of [`crate::SignedRevocation`].
pub fn revocation_schema() -> Value {
    let which = |name: &str, schema: Value| object("Which grants", json!({ name: schema }), &[name]);
    object(
        "The owner's word that grants count no more",
        json!({
            "revocation": object(
                "What is revoked",
                json!({
                    "genesis": hash("The genesis hash of the chain"),
                    "instance": instance(),
                    "owner": address("Who signed the grants"),
                    "revoke": { "oneOf": [
                        which("grant", hash("The id of the grant")),
                        which("before", number("All grants whose notBefore is earlier, in seconds since 1970 (UTC)")),
                    ] },
                }),
                &["genesis", "instance", "owner", "revoke"],
            ),
            "signature": signature("By the owner"),
        }),
        &["revocation", "signature"],
    )
}

/// The JSON schema of the parameters `order` and `signature` that make a [`crate::SignedTransfer`].
pub fn transfer_schema() -> Value {
    object(
        "The owner's order to exchange an instance for another",
        json!({
            "order": object(
                "What is ordered",
                json!({
                    "genesis": hash("The genesis hash of the chain"),
                    "source": instance(),
                    "issued": instance(),
                    "owner": address("Who owns the source, and signs"),
                    "to": address("Who owns the issued instance from then on"),
                    "validUntil": number("The first second at which it is too late, since 1970 (UTC); at most 30 days ahead"),
                    "nonce": hash("Random bytes"),
                }),
                &["genesis", "source", "issued", "owner", "to", "validUntil", "nonce"],
            ),
            "signature": signature("By the owner"),
        }),
        &["order", "signature"],
    )
}

fn grant() -> Value {
    object(
        "What the owner grants; at least one name, attributes and actions together",
        json!({
            "genesis": hash("The genesis hash of the chain"),
            "instance": instance(),
            "owner": address("Who grants: the token's owner"),
            "grantee": address("Who is granted something: the key that signs each use"),
            "audience": { "type": "string", "description": "The account of the node that may be asked, in SS58, or any" },
            "attributes": names("The attributes, sorted by their bytes"),
            "actions": names("The actions, sorted by their bytes"),
            "notBefore": number("From when on, in seconds since 1970 (UTC)"),
            "expiresAt": number("The first second at which it is over, at most 365 days later"),
            "uses": {
                "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX,
                "description": "How many times it can be used; only with one node as the audience",
            },
            "nonce": hash("Random bytes"),
        }),
        &["genesis", "instance", "owner", "grantee", "audience", "notBefore", "expiresAt", "nonce"],
    )
}

fn object(description: &str, properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn instance() -> Value {
    let index =
        |description: &str| json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX, "description": description });
    object(
        "The token instance",
        json!({ "tokenType": index("The token type"), "index": index("The instance's index within its type") }),
        &["tokenType", "index"],
    )
}

fn names(description: &str) -> Value {
    json!({
        "type": "array",
        "description": description,
        "items": { "type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES },
        "maxItems": MAX_NAMES,
        "uniqueItems": true,
    })
}

fn number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": MAX_NUMBER, "description": description })
}

fn hash(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{64}$", "description": description })
}

fn account(description: &str) -> Value {
    json!({ "type": "string", "description": format!("{description}, in SS58") })
}

fn address(description: &str) -> Value {
    json!({
        "type": "string",
        "description": format!("{description}; an Ethereum address as 0x and 40 hex digits, or an account in SS58"),
    })
}

fn signature(description: &str) -> Value {
    object(
        description,
        json!({
            "scheme": { "type": "string", "enum": ["eip712", "sr25519", "ed25519", "ecdsa", "eth"] },
            "hex": { "type": "string", "pattern": "^0x([0-9a-fA-F]{128}|[0-9a-fA-F]{130})$" },
        }),
        &["scheme", "hex"],
    )
}
