//! `rpc.discover`: the OpenRPC document of this service.

use serde_json::{json, Value};
use smartlayer_api_types::{rpc::method, x402, ErrorCode};

use super::{
    attributes::MAX_NAMES,
    describe::{
        address_schema, indices_schema, instance_schema, language_schema, object, reading_schema, view_kind_schema,
    },
};
use crate::{config::Prices, node::Node};

/// A method: name, what it does, the schema of its parameters, the name of its result in the reference.
fn methods() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let hash = json!({ "type": "string", "pattern": "^0x[0-9a-f]{64}$" });
    let number = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    let none = || object(json!({}), &[]);
    let instance = || object(json!({ "instance": instance_schema() }), &["instance"]);
    let signature = object(
        json!({ "scheme": { "enum": ["sr25519", "ed25519", "ecdsa", "eth"] }, "hex": { "type": "string" } }),
        &["scheme", "hex"],
    );
    vec![
        (
            method::TOKEN_DESCRIBE,
            "What a token type offers and what it costs here",
            object(json!({ "tokenType": number, "language": language_schema() }), &["tokenType"]),
            "TokenDescription",
        ),
        (
            method::TOKEN_ATTRIBUTES,
            "The attributes of an instance",
            object(
                json!({
                    "instance": instance_schema(),
                    "names": { "type": "array", "items": { "type": "string" }, "maxItems": MAX_NAMES },
                    "reading": reading_schema(),
                    "authorisation": smartlayer_grants::authorisation_schema(),
                }),
                &["instance"],
            ),
            "Attributes",
        ),
        (
            method::TOKEN_SELECT,
            "Which of some instances are in a selection of the script",
            object(
                json!({
                    "tokenType": number,
                    "indices": indices_schema(),
                    "selection": { "type": "string" },
                    "reading": reading_schema(),
                    "authorisation": smartlayer_grants::authorisation_schema(),
                }),
                &["tokenType", "indices", "selection"],
            ),
            "Selected",
        ),
        (
            method::TOKEN_VIEW,
            "A card's view as a document for a browser, with its content security policy",
            object(
                json!({
                    "tokenType": number,
                    "card": { "type": "string" },
                    "kind": view_kind_schema(),
                    "language": language_schema(),
                }),
                &["tokenType", "card"],
            ),
            "ViewPage",
        ),
        (
            method::TOKEN_CALL,
            "An action on an instance; key operations are recorded and can be proved",
            object(
                json!({
                    "instance": instance_schema(),
                    "action": { "type": "string" },
                    "inputs": { "type": "object" },
                    "reading": reading_schema(),
                    "authorisation": smartlayer_grants::authorisation_schema(),
                }),
                &["instance", "action"],
            ),
            "CallResult",
        ),
        (
            method::TOKEN_TRANSFER,
            "Destroys an instance and issues another in exchange, at its owner's order; recorded, and can be proved from both sides",
            transfer_schema(),
            "Transferred",
        ),
        (
            method::TOKEN_TRANSACTION,
            "What an action's caller would send, simulated and priced, unsigned",
            object(
                json!({
                    "instance": instance_schema(),
                    "action": { "type": "string" },
                    "inputs": { "type": "object" },
                    "sender": address_schema(),
                    "reading": reading_schema(),
                    "authorisation": smartlayer_grants::authorisation_schema(),
                }),
                &["instance", "action", "sender"],
            ),
            "TransactionAnswer",
        ),
        (
            method::TOKEN_SUBSCRIBE,
            "What changes in an instance, from now on or from where one left off; over WebSocket. Each change comes as a token_change",
            object(json!({ "instance": instance_schema(), "after": { "type": "integer", "minimum": 0 } }), &["instance"]),
            "SubscriptionId",
        ),
        (
            method::TOKEN_UNSUBSCRIBE,
            "Ends a subscription; over WebSocket",
            object(json!({ "subscription": { "type": ["string", "integer"] } }), &["subscription"]),
            "Ended",
        ),
        (
            method::TOKEN_PROOF,
            "Proves from the snapshot that a key operation happened",
            object(
                json!({ "instance": instance_schema(), "operation": { "type": "string" }, "period": number }),
                &["instance", "operation"],
            ),
            "Proof",
        ),
        (method::TOKEN_HOLDERS, "The nodes that serve an instance and hold its shards", instance(), "Holders"),
        (
            method::GRANT_REVOKE,
            "Takes back what a token's owner granted",
            {
                let mut schema = smartlayer_grants::revocation_schema();
                schema["properties"]["reading"] = reading_schema();
                schema
            },
            "Revoked",
        ),
        (method::SESSION_TERMS, "What a payer needs to open a session to this node", none(), "SessionTermsAnswer"),
        (
            method::SESSION_STATE,
            "Where a session stands",
            object(json!({ "session": hash }), &["session"]),
            "SessionState",
        ),
        (
            method::SESSION_CLOSE,
            "Settles a session on the chain at its signer's request",
            object(json!({ "session": hash, "signature": signature }), &["session", "signature"]),
            "Closed",
        ),
        (
            method::ISSUER_PUBLISH,
            "What an issuer says about an instance, signed and numbered",
            object(
                json!({
                    "update": object(
                        json!({
                            "instance": instance_schema(),
                            "sequence": { "type": "integer", "minimum": 1 },
                            "reset": { "type": "boolean" },
                            "values": { "type": "object", "additionalProperties": { "type": ["string", "null"] } },
                            "issuedAt": { "type": "integer", "minimum": 0 },
                        }),
                        &["instance", "sequence", "issuedAt"],
                    ),
                    "signature": signature,
                }),
                &["update", "signature"],
            ),
            "Published",
        ),
        (method::ISSUER_FEED, "Where the updates of an instance stand", instance(), "FeedState"),
        (
            method::ISSUER_UNLOCK,
            "The key to an instance's sealed values, sealed to this node",
            object(
                json!({ "instance": instance_schema(), "key": { "type": "string", "pattern": "^0x[0-9a-f]{160}$" } }),
                &["instance", "key"],
            ),
            "Unlocked",
        ),
        (method::NODE_INFO, "This node and how it stands", none(), "NodeInfo"),
        (method::DISCOVER, "This document", none(), "OpenRPC"),
    ]
}

/// The owner's order, and the instance that it is sent to.
pub(super) fn transfer_schema() -> Value {
    let mut schema = smartlayer_grants::transfer_schema();
    schema["properties"]["instance"] = instance_schema();
    schema["properties"]["reading"] = reading_schema();
    schema["required"] = json!(["instance", "order", "signature"]);
    schema
}

/// The document of this node.
pub(super) fn document(node: &Node) -> Value {
    describe(&node.config.prices, &x402::network(&node.chain.genesis()), &node.url())
}

/// The document of a node with these prices, on the chain of this CAIP-2 name, at this URL.
fn describe(prices: &Prices, network: &str, url: &str) -> Value {
    let all: Vec<_> = ErrorCode::ALL.iter().map(|code| json!({ "$ref": reference("errors", code.name()) })).collect();
    let methods = methods().into_iter().map(|(name, summary, params, result)| {
        let required = params["required"].clone();
        let is_required = |n: &str| required.as_array().is_some_and(|r| r.iter().any(|v| v == n));
        let properties = params["properties"].as_object().cloned().unwrap_or_default();
        let mut params: Vec<_> = properties
            .into_iter()
            .map(|(n, schema)| json!({ "required": is_required(&n), "name": n, "schema": schema }))
            .collect();
        // What may be left out comes last.
        params.sort_by_key(|param| param["required"] != true);
        let mut method = json!({
            "name": name,
            "summary": summary,
            "paramStructure": if name == method::TOKEN_UNSUBSCRIBE { "by-position" } else { "by-name" },
            "params": params,
            "result": { "name": result, "schema": { "$ref": reference("schemas", result) } },
            "errors": all,
        });
        // By class; see `session_terms`.
        if let Some(amounts) = prices.of_method(name) {
            method["x-payment"] = json!({
                "scheme": x402::SCHEME, "network": network, "asset": x402::ASSET, "amounts": amounts,
            });
        }
        method
    });
    let methods: Vec<_> = methods.collect();
    let error = |code: &ErrorCode| {
        let data = json!({ "reason": code.name(), "remedy": code.remedy() });
        (code.name().to_owned(), json!({ "code": code.code(), "message": code.meaning(), "data": data }))
    };
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Smart Layer service node",
            "description": "Token instances served as TokenAPIs. token_describe gives the schemas of a token type's own actions.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "name": "this node", "url": url }],
        "methods": methods,
        "components": {
            "schemas": super::results::schemas(),
            "errors": ErrorCode::ALL.iter().map(error).collect::<serde_json::Map<_, _>>(),
        },
    })
}

fn reference(kind: &str, name: &str) -> String {
    format!("#/components/{kind}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_is_described_and_no_other() {
        let described: BTreeSet<_> = methods().into_iter().map(|m| m.0).collect();
        let served: BTreeSet<_> = {
            let paid = super::super::PAID.iter().map(|(name, _)| name);
            super::super::FREE.iter().chain(paid).chain(super::super::SUBSCRIPTIONS).copied().collect()
        };
        assert_eq!(described, served);
    }

    #[test]
    fn every_result_has_a_schema_and_there_is_no_other() {
        let named: BTreeSet<_> = methods().into_iter().map(|m| m.3.to_owned()).collect();
        let schemas: BTreeSet<_> = super::super::results::schemas().keys().cloned().collect();
        assert_eq!(named, schemas);
    }

    /// The reference, which the tests of JavaScript clients hold against the meta-schema.
    #[test]
    fn the_reference_is_what_is_answered() {
        let mut document = describe(&Prices::default(), &x402::network(&Default::default()), "http://localhost:9933/");
        document["info"]["version"] = "0.0.0".into();
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/reference/openrpc.json");
        if std::env::var_os("SMARTLAYER_BLESS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == text,
            "docs/reference/openrpc.json is not what rpc.discover answers; rewrite it with SMARTLAYER_BLESS=1"
        );
    }
}
