//! Labels, names and descriptions in their languages.

use roxmltree::Node;

use super::{collapse, text, Parser};
use crate::{Label, Labels};

const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl<'a, 'i> Parser<'a, 'i> {
    /// The texts in the first child of `node` that is called one of `names`.
    pub(super) fn labels(&self, node: Node<'a, 'i>, names: &[&str]) -> Labels {
        let Some(label) = names.iter().find_map(|name| self.child(node, name)) else { return Labels::default() };
        let plurals = self.children(label, "plurals").flat_map(|plurals| self.children(plurals, "string"));
        let mut labels = self.strings(plurals.chain(self.children(label, "string")));
        if labels.is_empty() {
            labels = self.strings(std::iter::once(label));
        }
        labels
    }

    /// The texts of `nodes`, in the language that they or their parents state.
    pub(super) fn strings(&self, nodes: impl Iterator<Item = Node<'a, 'i>>) -> Labels {
        let labels = nodes.take(self.limits.items).filter_map(|node| {
            let language = language(node);
            let label = Label {
                language: language.map(collapse).unwrap_or_default(),
                quantity: node.attribute("quantity").map(collapse),
                text: collapse(&text(node)),
            };
            (!label.text.is_empty()).then_some(label)
        });
        Labels(labels.collect())
    }
}

/// The language that an element or its parent states.
pub(super) fn language<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    [Some(node), node.parent()].into_iter().flatten().find_map(|n| n.attribute((XML, "lang")))
}
