//! The attestations that a script knows.

use roxmltree::Node;

use super::{collapse, text, Parser};
use crate::{AttestationDefinition, ScriptError};

impl<'a, 'i> Parser<'a, 'i> {
    pub(super) fn attestations(&self, root: Node<'a, 'i>) -> Result<Vec<AttestationDefinition>, ScriptError> {
        let nodes = self.bounded(self.children(root, "attestation"), "attestations")?;
        nodes.into_iter().map(|node| self.attestation(node)).collect()
    }

    fn attestation(&self, node: Node<'a, 'i>) -> Result<AttestationDefinition, ScriptError> {
        let attribute = |node: Node<'a, 'i>, name: &str| node.attribute(name).map(collapse).unwrap_or_default();
        let texts = |parent: Node<'a, 'i>, name: &str| {
            let texts = self.children(parent, name).map(|n| collapse(&text(n))).filter(|text| !text.is_empty());
            self.bounded(texts, "fields of an attestation")
        };
        let collection = match self.child(node, "collectionFields") {
            Some(fields) => {
                let pairs = self.children(fields, "collectionField").map(|n| match attribute(n, "name") {
                    name if name.is_empty() => (collapse(&text(n)), String::new()),
                    name => (name, collapse(&text(n))),
                });
                self.bounded(pairs, "fields of an attestation")?
            }
            None => Vec::new(),
        };
        // What collection fields came to replace.
        let event = self.child(node, "eventId").map(|n| collapse(&text(n))).filter(|event| !event.is_empty());
        let collection = match event {
            Some(event) if collection.is_empty() => vec![("eventId".into(), event)],
            _ => collection,
        };
        let shown = self.child(node, "meta").into_iter().flat_map(|meta| self.children(meta, "attributeField"));
        let shown = shown.map(|n| (attribute(n, "name"), collapse(&text(n))));
        Ok(AttestationDefinition {
            name: attribute(node, "name"),
            kind: attribute(node, "type"),
            schema_uid: self.child(node, "eas").map(|eas| attribute(eas, "schemaUID")).filter(|uid| !uid.is_empty()),
            keys: texts(node, "key")?,
            id_fields: texts(node, "idFields")?
                .iter()
                .flat_map(|fields| fields.split([',', ' ']))
                .filter(|field| !field.is_empty())
                .map(String::from)
                .collect(),
            collection_fields: collection,
            fields: self.bounded(shown, "fields of an attestation")?,
        })
    }
}
