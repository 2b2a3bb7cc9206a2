//! `token_describe`: what a token type offers, and what it costs here.

use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{method, AttributeDescription, MethodDescription, TokenDescribe, TokenDescription},
    Amount, ApiError,
};

use crate::{config::Class, node::Node, operations::kind_of};

pub(super) async fn describe(node: &Node, params: TokenDescribe) -> Result<TokenDescription, ApiError> {
    let token = node.instances.token(node, params.token_type).await?;
    let script = node.instances.script(node, token.spec.script_hash, &[]).await?;
    let described = script.describe();
    let price = |class: Class| Amount(node.config.prices.of(class));
    let mut methods = vec![MethodDescription {
        method: method::TOKEN_ATTRIBUTES.into(),
        action: None,
        label: None,
        key_operation: false,
        transaction: false,
        excluded_by: Vec::new(),
        params: object(
            json!({ "instance": instance_schema(), "names": { "type": "array", "items": { "type": "string" } } }),
            &["instance"],
        ),
        price: price(Class::Query),
    }];
    methods.extend(described.actions.into_iter().map(|action| MethodDescription {
        method: method::TOKEN_CALL.into(),
        label: action.labels.text("en").map(str::to_owned),
        key_operation: kind_of(&token, &action.name).is_some(),
        price: price(kind_of(&token, &action.name).map_or(Class::Call, |_| Class::Operation)),
        transaction: action.transaction,
        excluded_by: action.exclude,
        params: object(
            json!({ "instance": instance_schema(), "action": { "const": action.name }, "inputs": action.parameters }),
            &["instance", "action"],
        ),
        action: Some(action.name),
    }));
    let attributes = described.attributes.into_iter().map(|attribute| AttributeDescription {
        label: attribute.labels.text("en").map(str::to_owned),
        name: attribute.name,
        schema: attribute.schema,
        unavailable: attribute.unavailable,
    });
    let key_operations = token.spec.key_operations.iter().map(|name| String::from_utf8_lossy(name).into_owned());
    Ok(TokenDescription {
        token_type: params.token_type,
        issuer: token.issuer.clone(),
        name: described.name,
        script_hash: token.spec.script_hash,
        key_operations: key_operations.collect(),
        revenue_share: token.spec.revenue_share.deconstruct(),
        paid_until: token.paid_until,
        attributes: attributes.collect(),
        methods,
    })
}

/// The JSON schema of an instance.
pub(super) fn instance_schema() -> Value {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    object(json!({ "tokenType": number, "index": number }), &["tokenType", "index"])
}

/// The JSON schema of an object with these properties and no others.
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
