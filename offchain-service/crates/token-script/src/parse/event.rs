//! Events, by the modules of the script or the contract's ABI.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{call::is_identifier, collapse, shorten, Parser, Scope};
use crate::{AbiEvent, AbiType, Comparison, DataObject, EventField, EventQuery, Filter, Part};

impl<'a, 'i> Parser<'a, 'i> {
    /// The question for an event that `node` is, or what about it is not served.
    pub(super) fn event(&self, node: Node<'a, 'i>, scope: &Scope) -> Result<EventQuery, String> {
        let contract = scope.contract_of(node, "an event")?;
        let name = node.attribute("type").or(node.attribute("event")).map(collapse).unwrap_or_default();
        let event = self.event_type(&name, &contract, scope)?;
        let position = |field: &str| {
            let found = event.fields.iter().position(|f| f.name == field);
            found.ok_or_else(|| format!("event {} has no field {}", shorten(&name), shorten(field)))
        };
        let filter = node.attribute("filter").unwrap_or_default();
        let mut conditions = Vec::new();
        for (field, value) in self.conditions(filter)? {
            let position = position(&field)?;
            let field = &event.fields[position];
            if field.ty.is_hashed() && !matches!(field.ty, AbiType::String | AbiType::Bytes) {
                return Err(format!("a filter by a field of type {}", field.ty.name()));
            }
            conditions.push((position, value));
        }
        let select = match node.attribute("select").map(collapse).filter(|select| !select.is_empty()) {
            Some(select) => Some(position(&select)?),
            None => None,
        };
        Ok(EventQuery { contract, select, conditions, event })
    }

    /// The event called `name`: as one of the script's modules says, else the contract's ABI.
    fn event_type(&self, name: &str, contract: &str, scope: &Scope) -> Result<AbiEvent, String> {
        if !is_identifier(name) {
            return Err(format!("event {:?}", shorten(name)));
        }
        if let Some(object) = scope.objects.iter().find(|object| object.name == name) {
            return event_of(object).map_err(|why| format!("event {}: {why}", shorten(name)));
        }
        let events = scope.contract(contract).map(|contract| contract.events.as_slice()).unwrap_or_default();
        let found = events.iter().find(|event| event.name == name).cloned();
        found.ok_or_else(|| format!("event {}, whose fields the script does not define", shorten(name)))
    }

    /// `field=value`, several joined by `&` or as a filter writes it.
    fn conditions(&self, text: &str) -> Result<Vec<(String, Vec<Part>)>, String> {
        let unreadable = |why: String| format!("the event's filter {}: {why}", shorten(text));
        let text = text.trim();
        let parts: Vec<&str> = match text.starts_with('(') || text.starts_with('&') {
            true => vec![text],
            false => text.split('&').filter(|part| !part.trim().is_empty()).take(self.limits.items).collect(),
        };
        let mut conditions = Vec::new();
        for part in parts {
            let filter = Filter::parse(part, self.limits).map_err(|error| unreadable(error.to_string()))?;
            equalities(filter.root(), &mut conditions).ok_or_else(|| unreadable("only = and & are served".into()))?;
        }
        let fields: BTreeSet<&String> = conditions.iter().map(|(field, _)| field).collect();
        match fields.len() == conditions.len() {
            true => Ok(conditions),
            false => Err(unreadable("a field is named twice".into())),
        }
    }
}

fn equalities(node: &crate::Node, conditions: &mut Vec<(String, Vec<Part>)>) -> Option<()> {
    match node {
        crate::Node::And(nodes) => nodes.iter().try_for_each(|node| equalities(node, conditions)),
        crate::Node::Compare { attribute, comparison: Comparison::Equal, value } => {
            conditions.push((attribute.clone(), value.clone()));
            Some(())
        }
        _ => None,
    }
}

fn event_of(object: &DataObject) -> Result<AbiEvent, String> {
    let field = |field: &crate::DataField| match AbiType::named(&field.ty) {
        Some(ty) => Ok(EventField { name: field.name.clone(), ty, indexed: field.indexed }),
        None => Err(format!("a field of type {:?}", shorten(&field.ty))),
    };
    let fields = object.fields.iter().map(field).collect::<Result<_, String>>()?;
    AbiEvent::new(&object.name, fields).map_err(String::from)
}
