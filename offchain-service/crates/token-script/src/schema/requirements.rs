//! What a script needs of chains: an operator sees from it which endpoints a node must have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Attribute, EventQuery, OriginKind, TokenScript, Transaction};

/// What of one contract on one chain is read and called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The chain, as CAIP-2 writes it: `eip155:1`.
    pub chain: String,
    /// The contract's name in the script.
    pub contract: String,
    /// Its address.
    pub address: String,
    /// What is read: `call balanceOf(address)`, `event Transfer(address,address,uint256)`, `storage 3`.
    pub reads: BTreeSet<String>,
    /// The functions that transactions call.
    pub transactions: BTreeSet<String>,
}

impl TokenScript {
    /// What the script reads and calls, by chain and contract, in their order; contracts that nothing needs are left out.
    pub fn requirements(&self) -> Vec<Requirement> {
        let mut needs: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
        let attributes = self.attributes.iter().chain(self.cards.iter().flat_map(|card| &card.attributes));
        for (contract, read) in attributes.flat_map(reads) {
            needs.entry(contract).or_default().0.insert(read);
        }
        for card in &self.cards {
            for query in &card.events {
                needs.entry(&query.contract).or_default().0.insert(event(query));
            }
            if let Some(Transaction::Ethereum { contract: Some(contract), function, .. }) = &card.transaction {
                let called = match function {
                    Some((name, arguments)) => signature(name, arguments.iter().map(|argument| argument.ty.name())),
                    None => "a transfer".into(),
                };
                needs.entry(contract).or_default().1.insert(called);
            }
        }
        let mut requirements = Vec::new();
        for (name, (reads, transactions)) in needs {
            for (chain_id, address) in self.contract(name).map(|c| c.addresses.as_slice()).unwrap_or_default() {
                requirements.push((
                    *chain_id,
                    Requirement {
                        chain: format!("eip155:{chain_id}"),
                        contract: name.into(),
                        address: address.to_checksum(None),
                        reads: reads.clone(),
                        transactions: transactions.clone(),
                    },
                ));
            }
        }
        requirements.sort_by_key(|(chain_id, _)| *chain_id);
        requirements.into_iter().map(|(_, requirement)| requirement).collect()
    }
}

/// The contracts that an attribute is read from, and what of them.
fn reads(attribute: &Attribute) -> impl Iterator<Item = (&str, String)> {
    attribute.origins.iter().filter_map(|origin| match &origin.kind {
        OriginKind::Call(call) => {
            let types = call.arguments.iter().map(|argument| argument.ty.name());
            Some((call.contract.as_str(), format!("call {}", signature(&call.function, types))))
        }
        OriginKind::Event(query) => Some((query.contract.as_str(), event(query))),
        OriginKind::Storage(variable) => Some((variable.contract.as_str(), format!("storage {}", variable.slot))),
        _ => None,
    })
}

fn event(query: &EventQuery) -> String {
    format!("event {}", signature(&query.event.name, query.event.fields.iter().map(|field| field.ty.name())))
}

fn signature(name: &str, types: impl Iterator<Item = String>) -> String {
    format!("{name}({})", types.collect::<Vec<_>>().join(","))
}
