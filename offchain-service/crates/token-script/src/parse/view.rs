//! Views of cards: what they are and where they are, without their content.

use roxmltree::Node;

use super::{collapse, Parser};
use crate::{Include, ScriptError, View, ViewKind};

impl<'a, 'i> Parser<'a, 'i> {
    /// The views that are children of the card.
    pub(super) fn views(&self, card: Node<'a, 'i>) -> Result<Vec<View>, ScriptError> {
        let nodes = self.bounded(card.children().filter(|n| self.view_kind(*n).is_some()), "views of a card")?;
        let view = |node: Node<'a, 'i>| {
            let text = |name: &str| node.attribute(name).map(collapse).filter(|value| !value.is_empty());
            let is = |name: &str, default: bool| match node.attribute(name).map(str::trim) {
                Some("true" | "1") => true,
                Some("false" | "0") => false,
                _ => default,
            };
            let shared = self.bounded(
                node.descendants().filter(|n| self.is(*n, "viewContent")).filter_map(|n| n.attribute("name")),
                "shared contents of a view",
            )?;
            Ok(View {
                kind: self.view_kind(node).unwrap_or(ViewKind::View),
                language: super::label::language(node).map(collapse).unwrap_or_default(),
                url: text("url"),
                url_fragment: text("urlFragment"),
                ui_button: is("uiButton", true),
                full_screen: is("fullScreen", false),
                contents: shared.into_iter().map(collapse).collect(),
                includes: self.includes(node)?,
                start: self.start(node),
            })
        };
        nodes.into_iter().map(view).collect()
    }

    fn view_kind(&self, node: Node<'a, 'i>) -> Option<ViewKind> {
        if node.tag_name().namespace() != Some(self.namespace) {
            return None;
        }
        match node.tag_name().name() {
            "view" => Some(ViewKind::View),
            "item-view" | "view-iconified" => Some(ViewKind::ItemView),
            "guide-view" => Some(ViewKind::GuideView),
            _ => None,
        }
    }

    fn includes(&self, node: Node<'a, 'i>) -> Result<Vec<Include>, ScriptError> {
        let nodes = node.descendants().filter(|n| self.is(*n, "include") && n.attribute("src").is_some());
        let include = |n: Node<'a, 'i>| Include {
            kind: n.attribute("type").map(collapse).unwrap_or_default(),
            src: n.attribute("src").map(collapse).unwrap_or_default(),
        };
        self.bounded(nodes.map(include), "files that a view includes")
    }

    /// Where the elements of shared contents start, by name.
    pub(super) fn contents(&self, root: Node<'a, 'i>) -> Result<Vec<(String, u32)>, ScriptError> {
        let cards: Vec<_> = self.children(root, "cards").collect();
        let contents = cards.into_iter().flat_map(|cards| self.children(cards, "viewContent"));
        let named = contents.filter_map(|n| Some((collapse(n.attribute("name")?), self.start(n))));
        self.bounded(named, "shared contents")
    }

    fn start(&self, node: Node<'a, 'i>) -> u32 {
        u32::try_from(self.xml.start(node)).unwrap_or(u32::MAX)
    }
}
