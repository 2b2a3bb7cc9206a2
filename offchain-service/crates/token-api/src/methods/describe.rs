//! `token_describe`: what a token type offers, and what it costs here.

use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{method, AttributeDescription, MethodDescription, SelectionDescription, TokenDescribe, TokenDescription},
    Amount, ApiError, ErrorCode,
};

use super::{attributes::MAX_NAMES, select::MAX_INSTANCES, trust};
use crate::{node::Node, operations::kind_of};

pub(super) async fn describe(node: &Node, params: TokenDescribe) -> Result<TokenDescription, ApiError> {
    let token = node.instances.token(node, params.token_type).await?;
    let script = node.instances.script(node, token.spec.script_hash, &[]).await?;
    let language = params.language.as_deref().unwrap_or("en");
    if language.len() > 35 {
        return Err(ApiError::new(ErrorCode::InvalidParams, "language: a BCP 47 tag has at most 35 characters"));
    }
    let described = script.describe_in(language);
    let price = |method: &str| Amount(node.config.prices.of(method).unwrap_or_default());
    let names: Vec<_> = described.attributes.iter().map(|attribute| &attribute.name).collect();
    let mut methods = vec![MethodDescription {
        method: method::TOKEN_ATTRIBUTES.into(),
        action: None,
        label: None,
        key_operation: false,
        transaction: false,
        excluded_by: Vec::new(),
        params: object(
            json!({
                "instance": instance_schema(),
                "names": { "type": "array", "items": { "enum": names }, "maxItems": MAX_NAMES },
                "reading": reading_schema(),
            }),
            &["instance"],
        ),
        price: price(method::TOKEN_ATTRIBUTES),
    }];
    if !described.selections.is_empty() {
        let names: Vec<_> = described.selections.iter().map(|selection| &selection.name).collect();
        methods.push(MethodDescription {
            method: method::TOKEN_SELECT.into(),
            action: None,
            label: None,
            key_operation: false,
            transaction: false,
            excluded_by: Vec::new(),
            params: object(
                json!({
                    "tokenType": { "const": params.token_type },
                    "indices": indices_schema(),
                    "selection": { "enum": names },
                    "reading": reading_schema(),
                }),
                &["tokenType", "indices", "selection"],
            ),
            price: price(method::TOKEN_SELECT),
        });
    }
    methods.extend(described.actions.into_iter().map(|action| MethodDescription {
        method: method::TOKEN_CALL.into(),
        label: action.label,
        key_operation: kind_of(&token, &action.name).is_some(),
        transaction: action.transaction,
        excluded_by: action.exclude,
        params: object(
            json!({
                "instance": instance_schema(),
                "action": { "const": action.name },
                "inputs": action.parameters,
                "reading": reading_schema(),
            }),
            &["instance", "action"],
        ),
        action: Some(action.name),
        price: price(method::TOKEN_CALL),
    }));
    let attributes = described.attributes.into_iter().map(|attribute| AttributeDescription {
        label: attribute.label,
        name: attribute.name,
        schema: attribute.schema,
        unavailable: attribute.unavailable,
    });
    let selections = described.selections.into_iter().map(|selection| SelectionDescription {
        name: selection.name,
        label: selection.label,
        filter: selection.filter,
        error: selection.error,
    });
    let key_operations = token.spec.key_operations.iter().map(|name| String::from_utf8_lossy(name).into_owned());
    Ok(TokenDescription {
        token_type: params.token_type,
        issuer: token.issuer.clone(),
        name: described.name,
        label: described.label,
        description: described.description,
        script_hash: token.spec.script_hash,
        trust: trust::trust(node, &token, &script).await?,
        key_operations: key_operations.collect(),
        revenue_share: token.spec.revenue_share.deconstruct(),
        paid_until: token.paid_until,
        attributes: attributes.collect(),
        selections: selections.collect(),
        methods,
    })
}

/// The JSON schema of an instance.
pub(super) fn instance_schema() -> Value {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    object(json!({ "tokenType": number, "index": number }), &["tokenType", "index"])
}

/// The JSON schema of some instances of one type.
pub(super) fn indices_schema() -> Value {
    let index = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    json!({ "type": "array", "items": index, "minItems": 1, "maxItems": MAX_INSTANCES })
}

/// The JSON schema of how an instance is to be read.
pub(super) fn reading_schema() -> Value {
    object(
        json!({
            "chain": { "type": "string", "pattern": "^eip155:[1-9][0-9]*$" },
            "caller": { "type": "string", "pattern": "^0x[0-9a-fA-F]{40}$" },
            "language": { "type": "string", "maxLength": 35 },
        }),
        &[],
    )
}

/// The JSON schema of an object with these properties and no others.
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
