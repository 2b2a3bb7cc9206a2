//! The JSON schemas of what the methods answer, for `rpc.discover`. Members may be added; those that are required stay.

use serde_json::{json, Map, Value};

use super::describe::{address_schema, instance_schema};

/// The schemas, by the names that the reference gives the answers.
pub(super) fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let hash = || json!({ "type": "string", "pattern": "^0x[0-9a-f]{64}$" });
    let hex = || json!({ "type": "string", "pattern": "^0x([0-9a-f]{2})*$" });
    let quantity = || json!({ "type": "string", "pattern": "^0x(0|[1-9a-f][0-9a-f]*)$" });
    let number = || json!({ "type": "integer", "minimum": 0 });
    let yes_or_no = || json!({ "type": "boolean" });
    let amount = || json!({ "type": "string", "pattern": "^[0-9]+$", "description": "in planck" });
    let list = |of: Value| json!({ "type": "array", "items": of });
    let by_name = |of: Value| json!({ "type": "object", "additionalProperties": of });
    let unavailable = || by_name(object(json!({ "reason": text(), "message": text() }), &["reason", "message"]));
    let blocks = || {
        let block = object(json!({ "number": number(), "hash": hash() }), &["number", "hash"]);
        json!({ "type": "object", "additionalProperties": block, "description": "by chain, as CAIP-2 names it" })
    };
    let access = || json!({ "enum": ["public", "owner"] });
    let any = || by_name(json!({}));
    let holder = || object(json!({ "account": text(), "endpoint": text() }), &["account"]);
    let terms = || json!({ "type": "object" });
    let all = [
        (
            "TokenDescription",
            object(
                json!({
                    "tokenType": number(),
                    "issuer": text(),
                    "name": text(),
                    "label": text(),
                    "description": text(),
                    "scriptHash": hash(),
                    "trust": { "type": "object", "required": ["registeredBy", "scriptUris", "signature", "contracts"] },
                    "keyOperations": list(text()),
                    "revenueShare": number(),
                    "paidUntil": number(),
                    "attributes": list(object(
                        json!({ "name": text(), "label": text(), "schema": {}, "access": access(), "unavailable": text() }),
                        &["name", "schema", "access"],
                    )),
                    "selections": list(object(
                        json!({ "name": text(), "label": text(), "filter": text(), "access": access(), "error": text() }),
                        &["name", "filter", "access"],
                    )),
                    "cards": list(object(
                        json!({ "name": text(), "type": text(), "label": text(), "views": list(text()) }),
                        &["name", "type", "views"],
                    )),
                    "methods": list(object(
                        json!({
                            "method": text(), "action": text(), "label": text(), "keyOperation": yes_or_no(),
                            "transaction": yes_or_no(), "access": access(), "excludedBy": list(text()), "params": {},
                            "price": amount(),
                        }),
                        &["method", "keyOperation", "transaction", "access", "params", "price"],
                    )),
                }),
                &["tokenType", "issuer", "name", "scriptHash", "trust", "attributes", "selections", "cards", "methods"],
            ),
        ),
        (
            "Attributes",
            object(
                json!({
                    "instance": instance_schema(), "attributes": any(), "unavailable": unavailable(), "blocks": blocks(),
                }),
                &["instance", "attributes"],
            ),
        ),
        (
            "Selected",
            object(
                json!({
                    "tokenType": number(), "selection": text(), "selected": list(number()),
                    "undecided": unavailable(), "blocks": blocks(),
                }),
                &["tokenType", "selection", "selected"],
            ),
        ),
        (
            "ViewPage",
            object(
                json!({
                    "html": text(), "contentSecurityPolicy": text(), "language": text(), "url": text(),
                    "urlFragment": text(), "missing": list(text()), "remote": list(text()),
                }),
                &["html", "contentSecurityPolicy", "language"],
            ),
        ),
        (
            "CallResult",
            object(
                json!({
                    "instance": instance_schema(), "action": text(), "operation": number(), "attributes": any(),
                    "transaction": { "type": "object" }, "blocks": blocks(),
                }),
                &["instance", "action", "attributes"],
            ),
        ),
        (
            "Transferred",
            object(
                json!({
                    "instance": instance_schema(),
                    "operation": number(),
                    "issued": object(
                        json!({
                            "instance": instance_schema(),
                            "kind": number(),
                            "owner": {
                                "oneOf": [
                                    object(json!({ "ethereum": hex() }), &["ethereum"]),
                                    object(json!({ "account": text() }), &["account"]),
                                ],
                            },
                        }),
                        &["instance", "kind", "owner"],
                    ),
                    "blocks": blocks(),
                }),
                &["instance", "operation", "issued"],
            ),
        ),
        (
            "TransactionAnswer",
            object(
                json!({
                    "instance": instance_schema(),
                    "action": text(),
                    "transaction": object(
                        json!({
                            "type": { "enum": ["0x2", "0x0"] }, "chainId": quantity(), "from": address_schema(),
                            "to": address_schema(), "value": quantity(), "data": hex(), "gas": quantity(),
                            "maxFeePerGas": quantity(), "maxPriorityFeePerGas": quantity(), "nonce": quantity(),
                        }),
                        &["type", "chainId", "from", "to", "value", "data", "gas", "nonce"],
                    ),
                    "exceedsBlock": yes_or_no(),
                    "blocks": blocks(),
                }),
                &["instance", "action", "transaction", "exceedsBlock"],
            ),
        ),
        ("SubscriptionId", json!({ "type": ["string", "integer"] })),
        ("Ended", yes_or_no()),
        (
            "Proof",
            object(
                json!({ "period": number(), "commitment": hash(), "leaf": hex(), "proof": hex() }),
                &["period", "commitment", "leaf", "proof"],
            ),
        ),
        (
            "Holders",
            object(
                json!({
                    "instance": instance_schema(),
                    "version": number(),
                    "assignment": hex(),
                    "serving": list(holder()),
                    "shards": list(object(json!({ "account": text(), "shard": number() }), &["account", "shard"])),
                }),
                &["instance", "version", "assignment", "serving", "shards"],
            ),
        ),
        ("Revoked", object(json!({ "changed": yes_or_no() }), &["changed"])),
        (
            "SessionTermsAnswer",
            object(
                json!({ "network": text(), "terms": terms(), "prices": by_name(by_name(amount())) }),
                &["network", "terms", "prices"],
            ),
        ),
        (
            "SessionState",
            object(
                json!({
                    "session": hash(), "payer": text(), "signer": text(), "deposit": amount(), "claimed": amount(),
                    "owed": amount(), "available": amount(), "lastPromise": { "type": ["object", "null"] },
                    "tokenType": { "type": ["integer", "null"] }, "expiresAt": number(),
                    "closingAt": { "type": ["integer", "null"] },
                }),
                &["session", "payer", "signer", "deposit", "claimed", "owed", "available", "expiresAt"],
            ),
        ),
        (
            "Closed",
            object(
                json!({ "session": hash(), "cumulative": amount(), "block": hash(), "transaction": hash() }),
                &["session", "cumulative", "block", "transaction"],
            ),
        ),
        (
            "Published",
            object(
                json!({
                    "instance": instance_schema(), "sequence": number(), "status": text(),
                    "missing": { "type": ["object", "null"] },
                }),
                &["instance", "sequence", "status"],
            ),
        ),
        (
            "FeedState",
            object(
                json!({
                    "instance": instance_schema(), "sequence": number(), "missing": { "type": ["object", "null"] },
                    "waiting": number(), "sinceReset": number(), "lastChange": number(),
                }),
                &["instance", "sequence", "waiting", "sinceReset", "lastChange"],
            ),
        ),
        ("Unlocked", object(json!({ "changed": yes_or_no() }), &["changed"])),
        (
            "NodeInfo",
            object(
                json!({
                    "version": text(), "account": text(), "serviceKey": text(), "peerId": text(),
                    "addresses": list(text()), "chain": { "type": "object" }, "serving": list(instance_schema()),
                    "shards": number(), "agreementActive": yes_or_no(), "uptimeSeconds": number(),
                    "keyOffer": object(json!({ "publicKey": hex(), "signature": { "type": "object" } }), &["publicKey", "signature"]),
                }),
                &["version", "account", "serviceKey", "peerId", "addresses", "chain", "serving", "shards"],
            ),
        ),
        ("OpenRPC", object(json!({ "openrpc": text() }), &["openrpc", "info", "methods"])),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// An object with at least these members.
fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}
