//! `token_describe`: what a token type offers, and what it costs here.

use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{
        method, AttributeDescription, CardDescription, MethodDescription, SelectionDescription, TokenDescribe,
        TokenDescription, ViewKind,
    },
    Amount, ApiError, ErrorCode,
};
use smartlayer_primitives::operation::{ISSUE, TRANSFER};
use smartlayer_token_script::Access;

use super::{attributes::MAX_NAMES, select::MAX_INSTANCES, trust};
use crate::{config::Class, node::Node, operations::kind_of};

pub(super) async fn describe(node: &Node, params: TokenDescribe) -> Result<TokenDescription, ApiError> {
    let token = node.instances.token(node, params.token_type).await?;
    let script = node.instances.script(node, token.spec.script_hash, &[]).await?;
    check_language(params.language.as_deref())?;
    let language = params.language.as_deref().unwrap_or("en");
    let described = script.describe_in(language);
    let price = |class: Class| Amount(node.config.prices.of(class));
    let names: Vec<_> = described.attributes.iter().map(|attribute| &attribute.name).collect();
    // What reads is for everyone; what of it is private, the names say.
    let reading = |method: &str, params| MethodDescription {
        method: method.into(),
        action: None,
        label: None,
        key_operation: false,
        transaction: false,
        access: access(Access::Public),
        excluded_by: Vec::new(),
        params,
        price: price(Class::Query),
    };
    let mut methods = vec![reading(
        method::TOKEN_ATTRIBUTES,
        object(
            json!({
                "instance": instance_schema(),
                "names": { "type": "array", "items": { "enum": names }, "maxItems": MAX_NAMES },
                "reading": reading_schema(),
                "authorisation": smartlayer_grants::authorisation_schema(),
            }),
            &["instance"],
        ),
    )];
    if !described.selections.is_empty() {
        let names: Vec<_> = described.selections.iter().map(|selection| &selection.name).collect();
        methods.push(reading(
            method::TOKEN_SELECT,
            object(
                json!({
                    "tokenType": { "const": params.token_type },
                    "indices": indices_schema(),
                    "selection": { "enum": names },
                    "reading": reading_schema(),
                    "authorisation": smartlayer_grants::authorisation_schema(),
                }),
                &["tokenType", "indices", "selection"],
            ),
        ));
    }
    let shown = described.actions.iter().chain(&described.cards).filter(|card| !card.views.is_empty());
    let cards: Vec<_> = shown
        .map(|card| CardDescription {
            name: card.name.clone(),
            card_type: serde_json::to_value(card.card_type).unwrap_or_default(),
            label: card.label.clone(),
            views: card.views.iter().filter_map(|view| text_of(&view.kind)).collect(),
        })
        .collect();
    if !cards.is_empty() {
        let names: Vec<_> = cards.iter().map(|card| &card.name).collect();
        methods.push(reading(
            method::TOKEN_VIEW,
            object(
                json!({
                    "tokenType": { "const": params.token_type },
                    "card": { "enum": names },
                    "kind": view_kind_schema(),
                    "language": language_schema(),
                }),
                &["tokenType", "card"],
            ),
        ));
    }
    // The sides of a transfer are not called as actions, even if the script has actions of their names, which gate it.
    let is_side = |name: &str| [TRANSFER, ISSUE].contains(&name) && kind_of(&token, name).is_some();
    if kind_of(&token, TRANSFER).is_some() {
        let gate = described.actions.iter().find(|action| action.name == TRANSFER);
        methods.push(MethodDescription {
            method: method::TOKEN_TRANSFER.into(),
            action: None,
            label: gate.and_then(|action| action.label.clone()),
            key_operation: true,
            transaction: false,
            access: access(Access::Owner),
            excluded_by: gate.map(|action| action.exclude.clone()).unwrap_or_default(),
            params: super::discover::transfer_schema(),
            price: price(Class::Operation),
        });
    }
    methods.extend(described.actions.iter().filter(|action| action.transaction).map(|action| MethodDescription {
        method: method::TOKEN_TRANSACTION.into(),
        action: Some(action.name.clone()),
        label: action.label.clone(),
        key_operation: false,
        transaction: true,
        access: access(action.access),
        excluded_by: action.exclude.clone(),
        params: object(
            json!({
                "instance": instance_schema(),
                "action": { "const": action.name },
                "inputs": action.parameters,
                "sender": address_schema(),
                "reading": reading_schema(),
                "authorisation": smartlayer_grants::authorisation_schema(),
            }),
            &["instance", "action", "sender"],
        ),
        price: price(Class::Call),
    }));
    methods.extend(described.actions.into_iter().filter(|action| !is_side(&action.name)).map(|action| {
        MethodDescription {
            method: method::TOKEN_CALL.into(),
            label: action.label,
            key_operation: kind_of(&token, &action.name).is_some(),
            price: price(kind_of(&token, &action.name).map_or(Class::Call, |_| Class::Operation)),
            transaction: action.transaction,
            access: access(action.access),
            excluded_by: action.exclude,
            params: object(
                json!({
                    "instance": instance_schema(),
                    "action": { "const": action.name },
                    "inputs": action.parameters,
                    "reading": reading_schema(),
                    "authorisation": smartlayer_grants::authorisation_schema(),
                }),
                &["instance", "action"],
            ),
            action: Some(action.name),
        }
    }));
    let attributes = described.attributes.into_iter().map(|attribute| AttributeDescription {
        label: attribute.label,
        name: attribute.name,
        schema: attribute.schema,
        access: access(attribute.access),
        unavailable: attribute.unavailable,
    });
    let selections = described.selections.into_iter().map(|selection| SelectionDescription {
        name: selection.name,
        label: selection.label,
        filter: selection.filter,
        access: access(selection.access),
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
        cards,
        methods,
    })
}

/// Whether this can be the tag of a language.
pub(crate) fn check_language(language: Option<&str>) -> Result<(), ApiError> {
    let longest = 35;
    match language.is_some_and(|tag| tag.len() > longest) {
        true => Err(ApiError::new(ErrorCode::InvalidParams, format!("a BCP 47 tag has at most {longest} characters"))),
        false => Ok(()),
    }
}

/// The JSON schema of an instance.
pub(super) fn instance_schema() -> Value {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    object(json!({ "tokenType": number, "index": number }), &["tokenType", "index"])
}

/// Who may ask, as it is answered.
fn access(access: Access) -> Value {
    serde_json::to_value(access).unwrap_or_default()
}

/// The name that a value without fields has in JSON.
fn text_of(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// The JSON schema of a language.
pub(super) fn language_schema() -> Value {
    json!({ "type": "string", "maxLength": 35 })
}

/// The JSON schema of a kind of view.
pub(super) fn view_kind_schema() -> Value {
    let kinds = [ViewKind::View, ViewKind::ItemView, ViewKind::GuideView];
    json!({ "enum": kinds.map(|kind| text_of(&kind)) })
}

/// The JSON schema of some instances of one type.
pub(super) fn indices_schema() -> Value {
    let index = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    json!({ "type": "array", "items": index, "minItems": 1, "maxItems": MAX_INSTANCES })
}

/// The JSON schema of an Ethereum address.
pub(super) fn address_schema() -> Value {
    json!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{40}$" })
}

/// The JSON schema of how an instance is to be read.
pub(super) fn reading_schema() -> Value {
    object(
        json!({
            "chain": { "type": "string", "pattern": "^eip155:[1-9][0-9]*$" },
            "caller": address_schema(),
            "language": language_schema(),
            "attestation": { "type": "string", "maxLength": 8192 },
        }),
        &[],
    )
}

/// The JSON schema of an object with these properties and no others.
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
