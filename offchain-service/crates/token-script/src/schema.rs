//! What a token script offers, described for machines: names, labels and JSON Schemas.

use serde::Serialize;
use serde_json::{json, Map, Value as Json};

use crate::{
    abi::{AbiFunction, AbiType},
    action::references,
    As, Attribute, Card, CardType, Contract, DataObject, Labels, Namespace, Origin, Problem, Syntax, TokenScript,
};

/// What a token script offers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Its name.
    pub name: String,
    /// The namespace version it was written in.
    pub namespace: Namespace,
    /// What the token is called, by language.
    pub labels: Labels,
    /// What the token is, by language.
    pub descriptions: Labels,
    /// Whether the script carries a signature, which is not verified here.
    pub signed: bool,
    /// Its contracts.
    pub contracts: Vec<ContractDescription>,
    /// The token's attributes.
    pub attributes: Vec<AttributeDescription>,
    /// The token's selections.
    pub selections: Vec<SelectionDescription>,
    /// Its actions.
    pub actions: Vec<ActionDescription>,
    /// Its other cards.
    pub cards: Vec<ActionDescription>,
    /// Its data objects.
    pub data_objects: Vec<DataObject>,
    /// What it says that is not served.
    pub problems: Vec<Problem>,
}

/// A contract of a script.
#[derive(Clone, Debug, Serialize)]
pub struct ContractDescription {
    /// Its name in the script.
    pub name: String,
    /// What it claims to implement.
    pub interface: Option<String>,
    /// Where it is, as CAIP-10 accounts: `eip155:1:0x…`.
    pub addresses: Vec<String>,
}

/// An attribute of a script.
#[derive(Clone, Debug, Serialize)]
pub struct AttributeDescription {
    /// Its name.
    pub name: String,
    /// What it is called, by language.
    pub labels: Labels,
    /// The JSON Schema of its value.
    pub schema: Json,
    /// Why it is never available, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// A selection of a script.
#[derive(Clone, Debug, Serialize)]
pub struct SelectionDescription {
    /// Its name.
    pub name: String,
    /// What it is called, by language.
    pub labels: Labels,
    /// The condition as written.
    pub filter: String,
    /// What is wrong with the condition, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An action, or another card, of a script.
#[derive(Clone, Debug, Serialize)]
pub struct ActionDescription {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub card_type: CardType,
    /// What it is called, by language.
    pub labels: Labels,
    /// The selections whose instances it is not for.
    pub exclude: Vec<String>,
    /// Its own attributes that nobody enters.
    pub attributes: Vec<AttributeDescription>,
    /// The JSON Schema of its arguments, an object.
    pub parameters: Json,
    /// Whether it makes a transaction for its caller to sign.
    pub transaction: bool,
}

impl TokenScript {
    /// What the script offers.
    pub fn describe(&self) -> Description {
        Description {
            name: self.name.clone(),
            namespace: self.namespace,
            labels: self.labels.clone(),
            descriptions: self.descriptions.clone(),
            signed: self.signed,
            contracts: self.contracts.iter().map(contract).collect(),
            attributes: self.attributes.iter().map(|a| self.attribute_description(a)).collect(),
            selections: self.selections.iter().map(selection).collect(),
            actions: self.actions().map(|card| self.card_description(card)).collect(),
            cards: self
                .cards
                .iter()
                .filter(|c| c.card_type != CardType::Action)
                .map(|c| self.card_description(c))
                .collect(),
            data_objects: self.data_objects.clone(),
            problems: self.problems.clone(),
        }
    }

    /// The JSON Schema of an action's arguments; none if there is no such action.
    pub fn parameters_schema(&self, action: &str) -> Option<Json> {
        self.action(action).map(|card| self.parameters_of(card))
    }

    fn attribute_description(&self, attribute: &Attribute) -> AttributeDescription {
        AttributeDescription {
            name: attribute.name.clone(),
            labels: attribute.labels.clone(),
            schema: self.value_schema(attribute),
            unavailable: attribute.unsupported().map(|(kind, line)| format!("{kind} (line {line}) is not served")),
        }
    }

    fn card_description(&self, card: &Card) -> ActionDescription {
        let computed = card.attributes.iter().filter(|attribute| attribute.user_entry().is_none());
        ActionDescription {
            name: card.name.clone(),
            card_type: card.card_type,
            labels: card.labels.clone(),
            exclude: card.exclude.clone(),
            attributes: computed.map(|attribute| self.attribute_description(attribute)).collect(),
            parameters: self.parameters_of(card),
            transaction: card.transaction.is_some(),
        }
    }

    fn parameters_of(&self, card: &Card) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for attribute in self.parameters(card) {
            let mut schema =
                entry_schema(attribute.user_entry().flatten(), attribute.syntax.as_ref(), self.limits.entry);
            if let (Some(label), Some(object)) = (attribute.labels.text("en"), schema.as_object_mut()) {
                object.insert("title".into(), label.into());
            }
            if references(card).any(|reference| reference == attribute.name) {
                required.push(attribute.name.clone());
            }
            properties.insert(attribute.name.clone(), schema);
        }
        required.sort();
        required.dedup();
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }

    /// The schema of the value that the first origin that is served gives.
    fn value_schema(&self, attribute: &Attribute) -> Json {
        let by_syntax = || match attribute.syntax {
            Some(Syntax::Boolean) => json!({ "type": "boolean" }),
            Some(Syntax::Integer) => integer(),
            Some(Syntax::Text | Syntax::Time) => json!({ "type": "string" }),
            _ => json!({}),
        };
        let first = attribute.origins.iter().find(|origin| !matches!(origin, Origin::Unsupported { .. }));
        match first {
            Some(Origin::EthereumCall(call)) => match call.as_ {
                Some(as_) if as_ != As::Abi => as_schema(as_),
                _ => {
                    let function =
                        self.contract(&call.contract).and_then(|c| c.function(&call.function, call.arguments.len()));
                    function.map_or_else(by_syntax, outputs_schema)
                }
            },
            Some(
                Origin::UserEntry { as_: Some(as_) }
                | Origin::TokenId { as_: Some(as_), .. }
                | Origin::Data { as_: Some(as_), .. }
                | Origin::Literal { as_: Some(as_), .. },
            ) => as_schema(*as_),
            Some(Origin::TokenId { .. }) => integer(),
            Some(Origin::Literal { ty: Some(ty), .. }) => type_schema(ty),
            // A part of another attribute has that part's type, whatever the syntax says.
            Some(Origin::Data { reference, .. })
                if *reference != attribute.name && self.refers_to_attribute(reference) =>
            {
                json!({})
            }
            _ => by_syntax(),
        }
    }

    fn refers_to_attribute(&self, reference: &str) -> bool {
        let base = reference.split(['.', '[']).next().unwrap_or_default();
        self.attribute(reference).or(self.attribute(base)).is_some()
    }
}

fn contract(contract: &Contract) -> ContractDescription {
    let account =
        |(chain, address): &(u64, alloy_primitives::Address)| format!("eip155:{chain}:{}", address.to_checksum(None));
    ContractDescription {
        name: contract.name.clone(),
        interface: contract.interface.clone(),
        addresses: contract.addresses.iter().map(account).collect(),
    }
}

fn selection(selection: &crate::Selection) -> SelectionDescription {
    SelectionDescription {
        name: selection.name.clone(),
        labels: selection.labels.clone(),
        filter: selection.expression.clone(),
        error: selection.filter.as_ref().err().map(ToString::to_string),
    }
}

/// Integers are decimal strings, so that none loses a digit on its way.
fn integer() -> Json {
    json!({ "type": "string", "pattern": "^-?[0-9]{1,78}$" })
}

fn address() -> Json {
    json!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{40}$" })
}

fn bytes() -> Json {
    json!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$" })
}

fn as_schema(as_: As) -> Json {
    match as_ {
        As::Uint => json!({ "type": "string", "pattern": "^[0-9]{1,78}$" }),
        As::Int => integer(),
        As::Address => address(),
        As::Utf8 => json!({ "type": "string" }),
        As::Bool => json!({ "type": "boolean" }),
        As::Bytes => bytes(),
        As::Scaled(_) => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" }),
        As::Abi => json!({}),
    }
}

/// What a caller may enter.
fn entry_schema(as_: Option<As>, syntax: Option<&Syntax>, limit: usize) -> Json {
    match (as_, syntax) {
        (Some(As::Scaled(0)), _) => json!({ "type": "string", "pattern": "^[0-9]{1,78}$" }),
        (Some(As::Scaled(scale)), _) => {
            json!({ "type": "string", "pattern": format!("^[0-9]{{1,78}}(\\.[0-9]{{1,{scale}}})?$") })
        }
        (Some(As::Bytes), _) => {
            json!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$", "maxLength": limit })
        }
        (Some(As::Utf8), _) => json!({ "type": "string", "maxLength": limit }),
        (Some(as_), _) => as_schema(as_),
        (None, Some(Syntax::Boolean)) => json!({ "type": "boolean" }),
        (None, Some(Syntax::Integer)) => integer(),
        (None, _) => json!({ "type": "string", "maxLength": limit }),
    }
}

fn outputs_schema(function: &AbiFunction) -> Json {
    match function.outputs.as_slice() {
        [(_, only)] => type_schema(only),
        outputs => fields_schema(outputs),
    }
}

// Recursion is bounded by the depth that reading the ABI allowed.
fn type_schema(ty: &AbiType) -> Json {
    match ty {
        AbiType::Uint(_) => as_schema(As::Uint),
        AbiType::Int(_) => as_schema(As::Int),
        AbiType::Address => address(),
        AbiType::Bool => as_schema(As::Bool),
        AbiType::FixedBytes(_) | AbiType::Bytes => bytes(),
        AbiType::String => as_schema(As::Utf8),
        AbiType::Array(inner) => json!({ "type": "array", "items": type_schema(inner) }),
        AbiType::FixedArray(inner, length) => {
            json!({ "type": "array", "items": type_schema(inner), "minItems": length, "maxItems": length })
        }
        AbiType::Tuple(fields) => fields_schema(fields),
    }
}

fn fields_schema(fields: &[(String, AbiType)]) -> Json {
    let name = |(i, (name, ty)): (usize, &(String, AbiType))| match name.is_empty() {
        true => (i.to_string(), type_schema(ty)),
        false => (name.clone(), type_schema(ty)),
    };
    let properties: Map<String, Json> = fields.iter().enumerate().map(name).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "properties": &properties, "required": required })
}
