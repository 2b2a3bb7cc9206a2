//! What a token script offers, described for machines: names, labels and JSON Schemas.

use serde::Serialize;
use serde_json::{json, Map, Value as Json};

mod requirements;
mod types;

pub use requirements::Requirement;

use crate::{
    Access, As, AttestationDefinition, Attribute, Card, CardType, Contract, DataObject, Exchanged, Labels, Namespace,
    OriginKind, Problem, Syntax, TokenScript, Transaction, View,
};
use types::{as_schema, entry_schema, event_schema, integer, outputs_schema, time, type_schema};

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
    /// What the token is called, in the language that was asked for or the nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What the token is, by language.
    pub descriptions: Labels,
    /// What the token is, in the language that was asked for or the nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
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
    /// The attestations it knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<AttestationDefinition>,
    /// Its data objects.
    pub data_objects: Vec<DataObject>,
    /// What of which contracts is read and called.
    pub requirements: Vec<Requirement>,
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
    /// That, in the language that was asked for or the nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The JSON Schema of its value.
    pub schema: Json,
    /// Who may see it, by the script.
    pub access: Access,
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
    /// That, in the language that was asked for or the nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The condition as written.
    pub filter: String,
    /// Who may know whether an instance is in it, by the script.
    pub access: Access,
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
    /// That, in the language that was asked for or the nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The selections whose instances it is not for.
    pub exclude: Vec<String>,
    /// Its own attributes that nobody enters.
    pub attributes: Vec<AttributeDescription>,
    /// The JSON Schema of its arguments, an object.
    pub parameters: Json,
    /// Who may use it, by the script.
    pub access: Access,
    /// Whether it makes a transaction for its caller to sign.
    pub transaction: bool,
    /// Why it can't be used, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// Its own selections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub selections: Vec<SelectionDescription>,
    /// The contracts whose tokens it is for; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// The events it is about: names, and the JSON Schemas of their fields.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub events: Map<String, Json>,
    /// What it says that it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Exchanged>,
    /// What it says that it gives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Exchanged>,
    /// Its views, without their content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<View>,
}

impl TokenScript {
    /// What the script offers, for who reads English.
    pub fn describe(&self) -> Description {
        self.describe_in("en")
    }

    /// What the script offers, for who reads `language`, a BCP 47 tag.
    pub fn describe_in(&self, language: &str) -> Description {
        let text = |labels: &Labels| labels.text(language).map(String::from);
        let cards = |action: bool| {
            let cards = self.cards.iter().filter(move |card| (card.card_type == CardType::Action) == action);
            cards.map(|card| self.card_description(card, language)).collect()
        };
        Description {
            name: self.name.clone(),
            namespace: self.namespace,
            label: text(&self.labels),
            labels: self.labels.clone(),
            description: text(&self.descriptions),
            descriptions: self.descriptions.clone(),
            signed: self.signed,
            contracts: self.contracts.iter().map(contract).collect(),
            attributes: self.attributes.iter().map(|a| self.attribute_description(a, language)).collect(),
            selections: self.selections.iter().map(|s| selection(s, language)).collect(),
            actions: cards(true),
            cards: cards(false),
            attestations: self.attestations.clone(),
            data_objects: self.data_objects.clone(),
            requirements: self.requirements(),
            problems: self.problems.clone(),
        }
    }

    /// The JSON Schema of an action's arguments; none if there is no such action.
    pub fn parameters_schema(&self, action: &str) -> Option<Json> {
        self.action(action).map(|card| self.parameters_of(card, "en"))
    }

    fn attribute_description(&self, attribute: &Attribute, language: &str) -> AttributeDescription {
        AttributeDescription {
            name: attribute.name.clone(),
            label: attribute.labels.text(language).map(String::from),
            labels: attribute.labels.clone(),
            schema: self.value_schema(attribute, 0),
            access: attribute.access,
            unavailable: attribute.unsupported().map(|(kind, line)| format!("{kind} (line {line}) is not served")),
        }
    }

    fn card_description(&self, card: &Card, language: &str) -> ActionDescription {
        let computed = card.attributes.iter().filter(|attribute| attribute.user_entry().is_none());
        ActionDescription {
            name: card.name.clone(),
            card_type: card.card_type,
            label: card.labels.text(language).map(String::from),
            labels: card.labels.clone(),
            exclude: card.exclude.clone(),
            attributes: computed.map(|attribute| self.attribute_description(attribute, language)).collect(),
            parameters: self.parameters_of(card, language),
            access: card.access,
            transaction: card.transaction.is_some(),
            unavailable: match &card.transaction {
                Some(Transaction::Unsupported { kind, line }) => Some(format!("{kind} (line {line}) is not served")),
                _ => None,
            },
            selections: card.selections.iter().map(|s| selection(s, language)).collect(),
            origins: card.origins.clone(),
            events: card.events.iter().map(|e| (e.event.name.clone(), event_schema(&e.event))).collect(),
            inputs: card.inputs.clone(),
            outputs: card.outputs.clone(),
            views: card.views.clone(),
        }
    }

    fn parameters_of(&self, card: &Card, language: &str) -> Json {
        let mut properties = Map::new();
        for attribute in self.parameters(card) {
            let Some(origin) = attribute.user_entry() else { continue };
            let syntax = attribute.syntax.as_ref().filter(|_| origin.mapping.is_none());
            let mut schema = match &origin.mapping {
                Some(mapping) => {
                    json!({ "type": "string", "enum": mapping.0.iter().map(|(key, _)| key).collect::<Vec<_>>() })
                }
                None => entry_schema(origin.as_, syntax, self.limits.entry),
            };
            if let (Some(label), Some(object)) = (attribute.labels.text(language), schema.as_object_mut()) {
                object.insert("title".into(), label.into());
            }
            properties.insert(attribute.name.clone(), schema);
        }
        for entry in &card.entries {
            properties.entry(&entry.name).or_insert_with(|| type_schema(&entry.ty));
        }
        let required: Vec<&String> = properties.keys().filter(|name| card.needed.contains(*name)).collect();
        json!({ "type": "object", "properties": &properties, "required": required, "additionalProperties": false })
    }

    /// The schema of the value that the first origin that is served gives. `depth`: how many references led here.
    fn value_schema(&self, attribute: &Attribute, depth: usize) -> Json {
        let by_syntax = || match attribute.syntax {
            Some(Syntax::Boolean) => json!({ "type": "boolean" }),
            Some(Syntax::Integer) => integer(),
            Some(Syntax::Text) => json!({ "type": "string" }),
            Some(Syntax::Time) => time(),
            _ => json!({}),
        };
        let first = attribute.origins.iter().find(|origin| !matches!(origin.kind, OriginKind::Unsupported(_)));
        let Some(origin) = first else { return by_syntax() };
        if origin.mapping.is_some() {
            let schema = by_syntax();
            return if schema == json!({}) { json!({ "type": "string" }) } else { schema };
        }
        if attribute.syntax == Some(Syntax::Time) {
            return time();
        }
        match (&origin.kind, origin.as_) {
            (_, Some(as_)) if !matches!(as_, As::Abi | As::Mapping) => as_schema(as_),
            (OriginKind::Call(call), _) => match &call.outputs {
                Some(outputs) if call.select.is_none() && !outputs.is_empty() => outputs_schema(outputs),
                _ => by_syntax(),
            },
            (OriginKind::Event(query), _) => match query.select.and_then(|at| query.event.fields.get(at)) {
                Some(field) if field.indexed && field.ty.is_hashed() => as_schema(As::Bytes),
                Some(field) => type_schema(&field.ty),
                None => event_schema(&query.event),
            },
            (OriginKind::Storage(variable), _) => variable.ty.as_ref().map_or_else(by_syntax, type_schema),
            (OriginKind::TokenId { .. }, _) => integer(),
            (OriginKind::Literal(_, Some(ty)), _) => type_schema(ty),
            // The whole of another attribute has its type; a part of one has that part's, whatever the syntax says.
            (OriginKind::Data(reference), _) if *reference != attribute.name => match self.attribute(reference) {
                Some(other) if depth < self.limits.reference_depth => self.value_schema(other, depth + 1),
                _ if self.refers_to_attribute(reference) => json!({}),
                _ => by_syntax(),
            },
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

fn selection(selection: &crate::Selection, language: &str) -> SelectionDescription {
    SelectionDescription {
        name: selection.name.clone(),
        label: selection.labels.text(language).map(String::from),
        labels: selection.labels.clone(),
        filter: selection.expression.clone(),
        access: selection.access,
        error: selection.filter.as_ref().err().map(ToString::to_string),
    }
}
