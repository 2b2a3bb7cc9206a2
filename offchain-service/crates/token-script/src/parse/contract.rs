//! Contracts: where they live and what they offer.

use std::collections::BTreeSet;

use alloy_json_abi::JsonAbi;
use roxmltree::Node;

use super::{collapse, shorten, text, Parser};
use crate::{value, AbiEvent, AbiFunction, Contract, ScriptError};

#[derive(Default)]
struct Abi {
    functions: Vec<AbiFunction>,
    events: Vec<AbiEvent>,
    errors: Vec<AbiFunction>,
}

impl<'a, 'i> Parser<'a, 'i> {
    pub(super) fn contracts(&mut self, root: Node<'a, 'i>) -> Result<Vec<Contract>, ScriptError> {
        let nodes = self.bounded(self.children(root, "contract"), "contracts")?;
        let mut names = BTreeSet::new();
        let mut contracts = Vec::with_capacity(nodes.len());
        for node in nodes {
            let line = self.xml.line(node);
            let name = self.name(node, "contract")?;
            self.unique(&mut names, &name, "contracts", line)?;
            let interface = node
                .attribute("interface")
                .map(collapse)
                .or_else(|| self.child(node, "interface").map(|n| collapse(&text(n))))
                .filter(|interface| !interface.is_empty());
            let addresses = self.addresses(node)?;
            let Abi { functions, events, errors } = self.abi(node)?;
            contracts.push(Contract { name, interface, addresses, functions, events, errors, line });
        }
        Ok(contracts)
    }

    /// Templates are published with placeholders where addresses belong: those are problems, not refusals.
    pub(super) fn addresses(
        &mut self,
        contract: Node<'a, 'i>,
    ) -> Result<Vec<(u64, alloy_primitives::Address)>, ScriptError> {
        let mut addresses: Vec<(u64, alloy_primitives::Address)> = Vec::new();
        for node in self.bounded(self.children(contract, "address"), "addresses of a contract")? {
            let (network, address) = (node.attribute("network").unwrap_or("1").trim(), text(node));
            match (network.parse(), value::address(address.trim())) {
                (Ok(chain), Some(_)) if addresses.iter().any(|(id, _)| *id == chain) => {
                    self.problem(self.xml.line(node), format!("a second address on chain {chain}; the first counts"))
                }
                (Ok(chain), Some(address)) => addresses.push((chain, address)),
                (Err(_), _) => self.problem(self.xml.line(node), format!("not a chain id: {}", shorten(network))),
                (_, None) => self.problem(self.xml.line(node), format!("not an address: {}", shorten(address.trim()))),
            }
        }
        Ok(addresses)
    }

    /// The functions, events and errors of the ABI, without those that are not served.
    fn abi(&mut self, contract: Node<'a, 'i>) -> Result<Abi, ScriptError> {
        let Some(node) = self.child(contract, "abi") else { return Ok(Abi::default()) };
        let line = self.xml.line(node);
        let json = match serde_json::from_str::<JsonAbi>(&text(node)) {
            Ok(json) => json,
            Err(error) => {
                self.problem(line, format!("the ABI: {}", shorten(&error.to_string())));
                return Ok(Abi::default());
            }
        };
        let mut abi = Abi::default();
        for function in self.bounded(json.functions(), "functions of an ABI")? {
            match AbiFunction::new(&function.name, &function.inputs, &function.outputs) {
                Ok(function) => abi.functions.push(function),
                Err(why) => self.problem(line, format!("function {} of the ABI: {why}", shorten(&function.name))),
            }
        }
        for event in self.bounded(json.events(), "events of an ABI")? {
            match AbiEvent::of(event) {
                Ok(event) => abi.events.push(event),
                Err(why) => self.problem(line, format!("event {} of the ABI: {why}", shorten(&event.name))),
            }
        }
        for error in self.bounded(json.errors(), "errors of an ABI")? {
            match AbiFunction::new(&error.name, &error.inputs, &[]) {
                Ok(error) => abi.errors.push(error),
                Err(why) => self.problem(line, format!("error {} of the ABI: {why}", shorten(&error.name))),
            }
        }
        Ok(abi)
    }

    /// The contracts that the token's origins name.
    pub(super) fn token_origins(&self, root: Node<'a, 'i>) -> Vec<String> {
        let Some(origins) = self.child(root, "origins") else { return Vec::new() };
        // An attestation is a token of its own, in no contract.
        let contracts = self.children(origins, "ethereum").filter_map(|n| n.attribute("contract"));
        contracts.take(self.limits.items).map(collapse).filter(|name| !name.is_empty()).collect()
    }
}
