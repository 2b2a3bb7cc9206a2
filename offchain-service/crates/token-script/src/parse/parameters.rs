//! What must be entered for a card.

use std::collections::BTreeSet;

use super::Scope;
use crate::{AbiType, Argument, Attribute, Card, Entry, EventQuery, OriginKind, Part, Source, Transaction};

/// Finds what each card refers to, directly or through attributes: what its transaction needs, and the names that are nobody's
/// and must be entered. Issuers' programs in wallets set those; here the caller does, as the argument's type demands. Names
/// that only selections use are never entered: who is judged doesn't say what is judged.
pub(super) fn find(cards: &mut [Card], attributes: &[Attribute], scope: &Scope) {
    for card in cards {
        let mut search =
            Search { card, attributes, scope, seen: BTreeSet::new(), names: BTreeSet::new(), entries: Vec::new() };
        search.transaction();
        let needed = search.names.clone();
        card.attributes.iter().for_each(|attribute| search.attribute(true, attribute));
        let entries = search.entries;
        (card.needed, card.entries) = (needed, entries);
    }
}

struct Search<'a> {
    card: &'a Card,
    attributes: &'a [Attribute],
    scope: &'a Scope,
    /// The attributes that were looked at, by whether they are the card's own.
    seen: BTreeSet<(bool, &'a str)>,
    names: BTreeSet<String>,
    entries: Vec<Entry>,
}

impl<'a> Search<'a> {
    fn transaction(&mut self) {
        let Some(Transaction::Ethereum { to, function, value, .. }) = &self.card.transaction else { return };
        let arguments = function.iter().flat_map(|(_, arguments)| arguments);
        if let Some(to) = to {
            self.source(to, &AbiType::Address, true);
        }
        if let Some(value) = value {
            self.source(value, &AbiType::Uint(256), true);
        }
        arguments.for_each(|argument| self.source(&argument.source, &argument.ty, true));
    }

    fn source(&mut self, source: &'a Source, ty: &AbiType, own: bool) {
        if let Source::Reference(reference) = source {
            self.reference(reference, Some(ty), own);
        }
    }

    /// `ty`: the type of the argument that it stands for; none where the issuer's values stand in.
    fn reference(&mut self, reference: &'a str, ty: Option<&AbiType>, own: bool) {
        let base = reference.split(['.', '[']).next().unwrap_or_default();
        if self.scope.is_reserved(base) {
            return;
        }
        for name in [reference, base] {
            let of_card = self.card.attribute(name).map(|attribute| (true, attribute));
            let of_token = self.attributes.iter().find(|a| a.name == name).map(|attribute| (false, attribute));
            let found = if own { of_card.or(of_token) } else { of_token.or(of_card) };
            if let Some((own, attribute)) = found {
                self.names.insert(attribute.name.clone());
                return self.attribute(own, attribute);
            }
        }
        let Some(ty) = ty.filter(|_| base == reference) else { return };
        self.names.insert(reference.into());
        if !self.entries.iter().any(|entry| entry.name == reference) {
            self.entries.push(Entry { name: reference.into(), ty: ty.clone() });
        }
    }

    // The recursion is as deep as attributes refer to each other, each once: at most as many as there are.
    fn attribute(&mut self, own: bool, attribute: &'a Attribute) {
        if !self.seen.insert((own, &attribute.name)) {
            return;
        }
        for origin in &attribute.origins {
            match &origin.kind {
                OriginKind::Call(call) => self.arguments(&call.arguments, own),
                OriginKind::Record(fields) => {
                    fields.iter().for_each(|(_, argument)| self.source(&argument.source, &argument.ty, own))
                }
                OriginKind::Event(query) => self.event(query, own),
                OriginKind::Data(reference) => self.reference(reference, None, own),
                _ => {}
            }
        }
    }

    fn arguments(&mut self, arguments: &'a [Argument], own: bool) {
        arguments.iter().for_each(|argument| self.source(&argument.source, &argument.ty, own));
    }

    fn event(&mut self, query: &'a EventQuery, own: bool) {
        for (position, parts) in &query.conditions {
            for part in parts {
                if let Part::Attribute(name) = part {
                    self.reference(name, query.event.fields.get(*position).map(|field| &field.ty), own);
                }
            }
        }
    }
}
