//! Cards of every type, and the transactions of actions.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{
    call::{is_identifier, source},
    collapse, shorten, Parser,
};
use crate::{Card, CardType, Contract, Labels, ScriptError, Transaction};

impl<'a, 'i> Parser<'a, 'i> {
    pub(super) fn cards(
        &mut self,
        root: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Vec<Card>, ScriptError> {
        let groups: Vec<_> = self.children(root, "cards").collect();
        let elements = groups.into_iter().flat_map(|cards| cards.children()).filter(|n| n.is_element());
        let elements = self.bounded(elements, "cards")?;
        let nodes: Vec<_> = elements.into_iter().filter_map(|n| Some((n, self.card_type(n)?))).collect();
        // Names that are written come first, so that a made one never takes them.
        let written = |node: Node<'a, 'i>| node.attribute("name").map(collapse).filter(|name| !name.is_empty());
        let mut names = BTreeSet::new();
        for (node, _) in &nodes {
            if let Some(name) = written(*node) {
                self.unique(&mut names, &name, "cards", self.xml.line(*node))?;
            }
        }
        let mut cards = Vec::with_capacity(nodes.len());
        for (node, card_type) in nodes {
            let line = self.xml.line(node);
            let labels = self.labels(node, &["label", "name"]);
            let name = written(node).unwrap_or_else(|| make_name(&labels, card_type, &mut names));
            let own = node.attribute("exclude").unwrap_or_default().split_whitespace();
            let nested = self.children(node, "exclude").filter_map(|n| n.attribute("selection"));
            let exclude = self.bounded(own.chain(nested), "excluded selections")?.into_iter().map(collapse).collect();
            let origins = node.attribute("origins").unwrap_or_default().split_whitespace();
            let origins = self.bounded(origins, "origins of a card")?.into_iter().map(String::from).collect();
            let attributes = self.attributes(node, contracts, holding)?;
            let selections = self.selections(node)?;
            let transaction = self.transaction(node, contracts, holding)?;
            cards.push(Card { name, card_type, labels, exclude, origins, attributes, selections, transaction, line });
        }
        Ok(cards)
    }

    fn card_type(&mut self, node: Node<'a, 'i>) -> Option<CardType> {
        if node.tag_name().namespace() != Some(self.namespace) {
            return None;
        }
        match node.tag_name().name() {
            "token-card" | "token" => Some(CardType::Token),
            "action" => Some(CardType::Action),
            "activity" | "activity-card" => Some(CardType::Activity),
            "onboarding" | "onboarding-card" => Some(CardType::Onboarding),
            "card" => match node.attribute("type").map(str::trim) {
                Some("token") => Some(CardType::Token),
                Some("action") => Some(CardType::Action),
                Some("activity") => Some(CardType::Activity),
                Some("onboarding") => Some(CardType::Onboarding),
                Some("public") => Some(CardType::Public),
                other => {
                    self.problem(
                        self.xml.line(node),
                        format!("a card of type {:?}", shorten(other.unwrap_or_default())),
                    );
                    None
                }
            },
            _ => None,
        }
    }

    fn transaction(
        &mut self,
        card: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Option<Transaction>, ScriptError> {
        let Some(wrapper) = self.child(card, "transaction") else { return Ok(None) };
        let Some(node) = wrapper.children().find(|n| n.is_element()) else { return Ok(None) };
        let line = self.xml.line(node);
        let (uri, name) = (node.tag_name().namespace().unwrap_or_default(), node.tag_name().name());
        // Until 2020/03 it was `ts:ethereum`, later `ethereum:transaction`; some scripts of between use `ethereum:call`.
        let known = (uri == self.namespace && matches!(name, "ethereum" | "transaction"))
            || (uri.starts_with("urn:ethereum:") && matches!(name, "transaction" | "call"));
        let parsed = match known {
            true => self.ethereum_transaction(node, contracts, holding)?,
            false => Err(format!("a transaction of kind {}", shorten(name))),
        };
        Ok(Some(parsed.unwrap_or_else(|kind| {
            self.problem(line, format!("{kind} is not served"));
            Transaction::Unsupported { kind, line }
        })))
    }

    fn ethereum_transaction(
        &mut self,
        node: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Result<Transaction, String>, ScriptError> {
        let line = self.xml.line(node);
        let inside = |name: &str| {
            node.children().find(|n| {
                let uri = n.tag_name().namespace().unwrap_or_default();
                n.tag_name().name() == name && (uri == self.namespace || uri.starts_with("urn:ethereum:"))
            })
        };
        let (to, value) = (inside("to").map(source), inside("value").map(source));
        let contract = node.attribute("contract").map(collapse).or(match to {
            Some(_) => None,
            None => holding.map(String::from),
        });
        if let Some(name) = contract.as_ref().filter(|name| !contracts.iter().any(|c| c.name == **name)) {
            return Ok(Err(format!("a transaction with contract {}, which the script does not define", shorten(name))));
        }
        if contract.is_none() && to.is_none() {
            return Ok(Err("a transaction without a recipient".into()));
        }
        let function = match node.attribute("function").map(str::trim) {
            None => None,
            Some(name) if !is_identifier(name) => return Ok(Err(format!("function {:?}", shorten(name)))),
            Some(name) => match self.arguments(node)? {
                Ok(arguments) => Some((name.to_string(), arguments)),
                Err(kind) => return Ok(Err(kind)),
            },
        };
        Ok(Ok(Transaction::Ethereum { contract, to, function, value, line }))
    }
}

/// A name for a card that has none: its label in ASCII words, else its type; with a number if it is taken.
fn make_name(labels: &Labels, card_type: CardType, taken: &mut BTreeSet<String>) -> String {
    let label = labels.text("en").unwrap_or_default().to_ascii_lowercase();
    let words: Vec<&str> = label.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let base = match words.is_empty() {
        true => format!("{card_type:?}").to_ascii_lowercase(),
        false => words.join("-").chars().take(48).collect(),
    };
    let mut name = base.clone();
    let mut number = 1;
    while !taken.insert(name.clone()) {
        number += 1;
        name = format!("{base}-{number}");
    }
    name
}
