//! Attributes.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{shorten, text, Parser, Scope};
use crate::{Access, Attribute, Origin, OriginKind, ScriptError, Syntax};

impl<'a, 'i> Parser<'a, 'i> {
    /// The attributes that are children of `parent`, under any of the names that the versions gave them.
    pub(super) fn attributes(&mut self, parent: Node<'a, 'i>, scope: &Scope) -> Result<Vec<Attribute>, ScriptError> {
        let groups = parent.children().filter(|n| self.is(*n, "attribute-types") || self.is(*n, "attributes"));
        let nodes = std::iter::once(parent)
            .chain(groups)
            .flat_map(|group| group.children())
            .filter(|n| self.is(*n, "attribute") || self.is(*n, "attribute-type"));
        let nodes = self.bounded(nodes, "attributes")?;
        let mut names = BTreeSet::new();
        let mut attributes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let line = self.xml.line(node);
            let name = self.name(node, "attribute")?;
            self.unique(&mut names, &name, "attributes", line)?;
            let origins = self.origins(node, scope)?;
            for origin in &origins {
                if let OriginKind::Unsupported(kind) = &origin.kind {
                    self.problem(origin.line, format!("attribute {}: {kind} is not served", shorten(&name)));
                }
            }
            if origins.is_empty() {
                self.problem(line, format!("attribute {} has no origin", shorten(&name)));
            }
            let labels = self.labels(node, &["label", "name"]);
            let marked = self.access(node)?;
            let access = Access::default();
            attributes.push(Attribute { marked, access, labels, syntax: self.syntax(node), origins, line, name });
        }
        Ok(attributes)
    }

    fn syntax(&self, attribute: Node<'a, 'i>) -> Option<Syntax> {
        let nested = self.child(attribute, "type").unwrap_or(attribute);
        let oid = match (attribute.attribute("syntax"), self.child(nested, "syntax")) {
            (Some(oid), _) => oid.trim().to_string(),
            (None, Some(node)) => text(node).trim().to_string(),
            (None, None) => return None,
        };
        Some(match oid.strip_prefix("1.3.6.1.4.1.1466.115.121.1.") {
            Some("7") => Syntax::Boolean,
            Some("27" | "36") => Syntax::Integer,
            Some("24") => Syntax::Time,
            Some("15" | "26") => Syntax::Text,
            _ => Syntax::Other(shorten(&oid)),
        })
    }

    fn origins(&mut self, attribute: Node<'a, 'i>, scope: &Scope) -> Result<Vec<Origin>, ScriptError> {
        // 2019/05 has `origin` beside `origins`.
        let groups = attribute.children().filter(|n| self.is(*n, "origins") || self.is(*n, "origin"));
        let nodes =
            self.bounded(groups.flat_map(|g| g.children()).filter(|n| n.is_element()), "origins of an attribute")?;
        nodes.into_iter().map(|node| self.origin(node, scope)).collect()
    }
}
