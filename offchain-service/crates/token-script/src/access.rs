//! Who may see what: the marks in a script, and what follows from them.
//!
//! Whatever is computed from something private is private: an attribute from another, a selection from the attributes in its
//! filter, an action from the selections that exclude it and from what its transaction holds, and what an action has of its
//! own from the action. Only a mark that says `public` ends that, where the script's author says that what is left tells
//! nothing. In doubt, as where a name could mean two things, it is private.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Attribute, Card, CardType, EventQuery, OriginKind, Part, Selection, Source, TokenScript};

/// The namespace of marks: `sl:access="owner"` with `xmlns:sl` being this, on an attribute, a selection or a card.
pub const MARKS: &str = "https://smartlayer.network/tokenscript/2026/11";

/// Who may see an attribute's value, know whether an instance is in a selection, or use an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Everyone.
    #[default]
    Public,
    /// The token's owner, and whom the owner grants it.
    Owner,
}

impl Access {
    /// The access that a mark's value names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "public" => Some(Access::Public),
            "owner" => Some(Access::Owner),
            _ => None,
        }
    }
}

/// Something that can be private. Attributes and selections belong to the token or to a card, by its position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Attribute(Option<usize>, String),
    Selection(Option<usize>, String),
    Card(usize),
    /// A name that may be the issuer's or the node's instead of the script's.
    Name(String),
}

/// What a script's things are computed from, the other way round.
struct Graph {
    /// What is computed from each.
    dependents: BTreeMap<Thing, BTreeSet<Thing>>,
    marks: BTreeMap<Thing, Access>,
}

impl TokenScript {
    /// Those of `names` that are private: attributes (or paths into them), selections and actions that the script marks, or
    /// that `extra` names, which is what the issuer's policy adds, or that are computed from such. What a script marks as
    /// public is private all the same if `extra` names it.
    pub fn private_among<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        extra: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let private = Graph::of(self).private(self, extra);
        let mut known = BTreeSet::new();
        for thing in &private {
            match thing {
                Thing::Attribute(_, name) | Thing::Selection(_, name) | Thing::Name(name) => {
                    known.insert(name.as_str())
                }
                Thing::Card(card) => self.cards.get(*card).is_some_and(|card| known.insert(&card.name)),
            };
        }
        let is_private = |name: &&str| {
            let operations = operations(name).is_some_and(|action| known.contains(action));
            operations || known.contains(name) || known.contains(base(name))
        };
        names.into_iter().filter(is_private).map(String::from).collect()
    }

    /// Sets what follows from the script's own marks.
    pub(crate) fn settle_access(&mut self) {
        let is_marked = |(_, attributes, selections): (_, &[Attribute], &[Selection])| {
            attributes.iter().any(|attribute| attribute.marked.is_some())
                || selections.iter().any(|selection| selection.marked.is_some())
        };
        if !self.scopes().any(is_marked) && self.cards.iter().all(|card| card.marked.is_none()) {
            return;
        }
        let private = Graph::of(self).private(self, &BTreeSet::new());
        let access = |thing| if private.contains(&thing) { Access::Owner } else { Access::Public };
        let settle = |attributes: &mut [Attribute], selections: &mut [Selection], card: Option<usize>| {
            for attribute in attributes {
                attribute.access = access(Thing::Attribute(card, attribute.name.clone()));
            }
            for selection in selections {
                selection.access = access(Thing::Selection(card, selection.name.clone()));
            }
        };
        settle(&mut self.attributes, &mut self.selections, None);
        for (i, card) in self.cards.iter_mut().enumerate() {
            settle(&mut card.attributes, &mut card.selections, Some(i));
            card.access = access(Thing::Card(i));
        }
    }

    /// The attributes and selections of the token and of each card, with the card's position.
    fn scopes(&self) -> impl Iterator<Item = (Option<usize>, &[Attribute], &[Selection])> {
        let cards = self.cards.iter().enumerate();
        let cards = cards.map(|(i, card)| (Some(i), card.attributes.as_slice(), card.selections.as_slice()));
        std::iter::once((None, self.attributes.as_slice(), self.selections.as_slice())).chain(cards)
    }
}

impl Graph {
    fn of(script: &TokenScript) -> Self {
        let mut graph = Graph { dependents: BTreeMap::new(), marks: BTreeMap::new() };
        let mut of_cards: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut actions: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, card) in script.cards.iter().enumerate() {
            card.attributes.iter().for_each(|attribute| of_cards.entry(&attribute.name).or_default().push(i));
            if card.card_type == CardType::Action {
                actions.insert(&card.name, i);
            }
        }
        // All that a reference may mean.
        let meant = |card: Option<usize>, reference: &str| {
            let mut things = Vec::new();
            for name in BTreeSet::from([reference, base(reference)]) {
                things.push(Thing::Name(name.into()));
                things.push(Thing::Attribute(None, name.into()));
                match card {
                    Some(card) => things.push(Thing::Attribute(Some(card), name.into())),
                    None if script.attribute(name).is_none() => {
                        let cards = of_cards.get(name).into_iter().flatten();
                        things.extend(cards.map(|card| Thing::Attribute(Some(*card), name.into())));
                    }
                    None => {}
                }
            }
            things.extend(operations(reference).and_then(|action| actions.get(action)).map(|card| Thing::Card(*card)));
            things
        };
        for (card, attributes, selections) in script.scopes() {
            for attribute in attributes {
                let thing = Thing::Attribute(card, attribute.name.clone());
                graph.mark(&thing, attribute.marked);
                for reference in references(attribute) {
                    graph.depend(&thing, meant(card, &reference));
                }
                graph.depend(&thing, card.map(Thing::Card));
            }
            for selection in selections {
                let thing = Thing::Selection(card, selection.name.clone());
                graph.mark(&thing, selection.marked);
                for name in filtered(selection) {
                    graph.depend(&thing, meant(card, name));
                }
                graph.depend(&thing, card.map(Thing::Card));
            }
        }
        for (i, card) in script.cards.iter().enumerate() {
            let thing = Thing::Card(i);
            graph.mark(&thing, card.marked);
            for name in &card.exclude {
                let own = card.selections.iter().any(|selection| selection.name == *name);
                graph.depend(&thing, [Thing::Selection(own.then_some(i), name.clone())]);
                // Within the card, the names in the token's selections mean the card's attributes first.
                let selection = script.selection(name).filter(|s| !own && s.marked != Some(Access::Public));
                for name in selection.into_iter().flat_map(filtered) {
                    graph.depend(&thing, meant(Some(i), name));
                }
            }
            for reference in shown(card) {
                graph.depend(&thing, meant(Some(i), reference));
            }
        }
        graph
    }

    fn mark(&mut self, thing: &Thing, mark: Option<Access>) {
        if let Some(mark) = mark {
            self.marks.insert(thing.clone(), mark);
        }
    }

    fn depend(&mut self, thing: &Thing, on: impl IntoIterator<Item = Thing>) {
        for on in on {
            self.dependents.entry(on).or_default().insert(thing.clone());
        }
    }

    /// All that is private: what is marked so or is in `extra`, and what is computed from that.
    fn private(&self, script: &TokenScript, extra: &BTreeSet<String>) -> BTreeSet<Thing> {
        let marked = self.marks.iter().filter(|(_, mark)| **mark == Access::Owner).map(|(thing, _)| thing.clone());
        let mut private: BTreeSet<Thing> = marked.collect();
        // Who may see the whole sees the part.
        for name in extra.iter().flat_map(|name| [name.as_str(), base(name)]) {
            private.insert(Thing::Name(name.into()));
            for card in std::iter::once(None).chain((0..script.cards.len()).map(Some)) {
                private.insert(Thing::Attribute(card, name.into()));
                private.insert(Thing::Selection(card, name.into()));
            }
            private.extend((0..).zip(&script.cards).filter(|(_, card)| card.name == name).map(|(i, _)| Thing::Card(i)));
        }
        let mut reached: Vec<Thing> = private.iter().cloned().collect();
        while let Some(thing) = reached.pop() {
            for dependent in self.dependents.get(&thing).into_iter().flatten() {
                let is_public = self.marks.get(dependent) == Some(&Access::Public);
                if !is_public && private.insert(dependent.clone()) {
                    reached.push(dependent.clone());
                }
            }
        }
        private
    }
}

/// The attribute that a path leads into.
fn base(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// The action that a name of the node's own, which says how often it was executed, is about.
fn operations(name: &str) -> Option<&str> {
    name.strip_prefix("operations.")
}

/// The names that an attribute's origins refer to.
fn references(attribute: &Attribute) -> Vec<String> {
    let mut names = Vec::new();
    for origin in &attribute.origins {
        let mut source = |source: &Source| match source {
            Source::Reference(reference) => names.push(reference.clone()),
            Source::Literal(_) => {}
        };
        match &origin.kind {
            OriginKind::Call(call) => call.arguments.iter().for_each(|argument| source(&argument.source)),
            OriginKind::Record(fields) => fields.iter().for_each(|(_, argument)| source(&argument.source)),
            OriginKind::Event(query) => names.extend(conditions(query).map(String::from)),
            OriginKind::Data(reference) => names.push(reference.clone()),
            OriginKind::Attestation(path) => names.push(format!("attestation.{path}")),
            OriginKind::TokenId { .. } => names.push("tokenId".into()),
            OriginKind::Storage(_) | OriginKind::UserEntry | OriginKind::Literal(..) | OriginKind::Unsupported(_) => {}
        }
    }
    names
}

fn conditions(query: &EventQuery) -> impl Iterator<Item = &str> {
    query.conditions.iter().flat_map(|(_, parts)| parts).filter_map(|part| match part {
        Part::Attribute(name) => Some(name.as_str()),
        Part::Text(_) => None,
    })
}

/// The names in a selection's filter.
fn filtered(selection: &Selection) -> impl Iterator<Item = &str> {
    selection.filter.iter().flat_map(|filter| filter.attributes())
}

/// The names whose values the card's transaction holds, or its events are found by.
fn shown(card: &Card) -> impl Iterator<Item = &str> {
    crate::action::references(card).chain(card.events.iter().flat_map(conditions))
}
