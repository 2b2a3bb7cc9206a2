//! Cards of every type, and the transactions of actions.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{collapse, origin::source, shorten, Parser, Scope};
use crate::{Access, Card, CardType, EventQuery, Exchanged, Labels, ScriptError, Transaction};

impl<'a, 'i> Parser<'a, 'i> {
    pub(super) fn cards(&mut self, root: Node<'a, 'i>, scope: &Scope) -> Result<Vec<Card>, ScriptError> {
        let groups: Vec<_> = self.children(root, "cards").collect();
        // A script may also be a card by itself.
        let alone = (!self.is(root, "token")).then_some(root);
        let elements = groups.into_iter().flat_map(|cards| cards.children()).chain(alone).filter(|n| n.is_element());
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
            let labels = self.labels(node, &["label", "name"]);
            let name = written(node).unwrap_or_else(|| make_name(&labels, card_type, &mut names));
            cards.push(self.card(node, card_type, name, labels, scope)?);
        }
        Ok(cards)
    }

    fn card(
        &mut self,
        node: Node<'a, 'i>,
        card_type: CardType,
        name: String,
        labels: Labels,
        scope: &Scope,
    ) -> Result<Card, ScriptError> {
        let line = self.xml.line(node);
        let names = |text: &'a str| text.split([' ', ',', '\t', '\r', '\n']).filter(|name| !name.is_empty());
        let own = names(node.attribute("exclude").unwrap_or_default());
        let nested = self.children(node, "exclude").filter_map(|n| n.attribute("selection"));
        let exclude = self.bounded(own.chain(nested), "excluded selections")?.into_iter().map(collapse).collect();
        let origins = self.bounded(names(node.attribute("origins").unwrap_or_default()), "origins of a card")?;
        let (inputs, outputs) = (self.exchanged(node, "input")?, self.exchanged(node, "output")?);
        Ok(Card {
            exclude,
            origins: origins.into_iter().map(String::from).collect(),
            attributes: self.attributes(node, scope)?,
            selections: self.selections(node)?,
            events: self.card_events(node, scope)?,
            transaction: self.transaction(node, inputs.iter().find_map(|input| input.chain_id), scope)?,
            inputs,
            outputs,
            views: self.views(node)?,
            button_class: node.attribute("buttonClass").map(collapse).filter(|class| !class.is_empty()),
            // Found once all attributes are read.
            entries: Vec::new(),
            needed: BTreeSet::new(),
            marked: self.access(node)?,
            access: Access::default(),
            name,
            card_type,
            labels,
            line,
        })
    }

    /// The events in the card's own origins.
    fn card_events(&mut self, card: Node<'a, 'i>, scope: &Scope) -> Result<Vec<EventQuery>, ScriptError> {
        let Some(origins) = self.child(card, "origins") else { return Ok(Vec::new()) };
        let nodes = self.bounded(origins.children().filter(|n| n.is_element()), "origins of a card")?;
        let mut events = Vec::new();
        for node in nodes {
            match (node.tag_name().name(), self.event(node, scope)) {
                ("event" | "ethereum", Ok(event)) => events.push(event),
                ("event" | "ethereum", Err(kind)) => {
                    self.problem(self.xml.line(node), format!("the origin of a card: {kind} is not served"))
                }
                (name, _) => {
                    self.problem(self.xml.line(node), format!("the origin of a card: {} is not served", shorten(name)))
                }
            }
        }
        Ok(events)
    }

    /// The tokens that the card takes or gives.
    fn exchanged(&mut self, card: Node<'a, 'i>, side: &str) -> Result<Vec<Exchanged>, ScriptError> {
        let tokens: Vec<_> = self.children(card, side).flat_map(|side| self.children(side, "token")).collect();
        let mut exchanged = Vec::new();
        for token in self.bounded(tokens.into_iter(), "inputs and outputs of a card")? {
            let chain = self.child(token, "ethereum").and_then(|n| n.attribute("network"));
            let contract = self.child(token, "contract");
            exchanged.push(Exchanged {
                name: token.attribute("name").map(collapse).unwrap_or_default(),
                chain_id: chain.and_then(|chain| chain.trim().parse().ok()),
                contracts: contract.map(|contract| self.addresses(contract)).transpose()?.unwrap_or_default(),
            });
        }
        Ok(exchanged)
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
        chain_id: Option<u64>,
        scope: &Scope,
    ) -> Result<Option<Transaction>, ScriptError> {
        let Some(wrapper) = self.child(card, "transaction") else { return Ok(None) };
        let Some(node) = wrapper.children().find(|n| n.is_element()) else { return Ok(None) };
        let line = self.xml.line(node);
        let (uri, name) = (node.tag_name().namespace().unwrap_or_default(), node.tag_name().name());
        // Until 2020/03 it was `ts:ethereum`, later `ethereum:transaction`; some scripts of between use `ethereum:call`.
        let known = (uri == self.namespace && matches!(name, "ethereum" | "transaction"))
            || (uri.starts_with("urn:ethereum:") && matches!(name, "transaction" | "call"));
        let parsed = match known {
            true => self.ethereum_transaction(node, chain_id, scope)?,
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
        chain_id: Option<u64>,
        scope: &Scope,
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
            None => scope.holding.clone(),
        });
        if let Some(name) = contract.as_ref().filter(|name| scope.contract(name).is_none()) {
            return Ok(Err(format!("a transaction with contract {}, which the script does not define", shorten(name))));
        }
        if contract.is_none() && to.is_none() {
            return Ok(Err("a transaction without a recipient".into()));
        }
        let function = match node.attribute("function") {
            None => None,
            Some(_) => match self.function(node, contract.as_deref(), scope)? {
                Ok((name, arguments, _)) => Some((name, arguments)),
                Err(kind) => return Ok(Err(kind)),
            },
        };
        Ok(Ok(Transaction::Ethereum { contract, to, function, value, chain_id, line }))
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
