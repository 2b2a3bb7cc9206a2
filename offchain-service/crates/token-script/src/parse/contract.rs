//! Contracts: where they live and what they offer.

use std::collections::BTreeSet;

use alloy_json_abi::JsonAbi;
use roxmltree::Node;

use super::{collapse, shorten, text, Parser};
use crate::{abi::AbiFunction, value, Contract, ScriptError};

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
            let functions = self.functions(node)?;
            contracts.push(Contract { name, interface, addresses, functions, line });
        }
        Ok(contracts)
    }

    /// Templates are published with placeholders where addresses belong: those are problems, not refusals.
    fn addresses(&mut self, contract: Node<'a, 'i>) -> Result<Vec<(u64, alloy_primitives::Address)>, ScriptError> {
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

    fn functions(&mut self, contract: Node<'a, 'i>) -> Result<Vec<AbiFunction>, ScriptError> {
        let Some(node) = self.child(contract, "abi") else { return Ok(Vec::new()) };
        let abi = match serde_json::from_str::<JsonAbi>(&text(node)) {
            Ok(abi) => abi,
            Err(error) => {
                self.problem(self.xml.line(node), format!("the ABI: {}", shorten(&error.to_string())));
                return Ok(Vec::new());
            }
        };
        let mut functions = Vec::new();
        for function in self.bounded(abi.functions(), "functions of an ABI")? {
            match AbiFunction::new(function) {
                Ok(function) => functions.push(function),
                Err(why) => {
                    self.problem(self.xml.line(node), format!("function {} of the ABI: {why}", shorten(&function.name)))
                }
            }
        }
        Ok(functions)
    }

    /// The contracts that the token's origins name.
    pub(super) fn token_origins(&self, root: Node<'a, 'i>) -> Vec<String> {
        let Some(origins) = self.child(root, "origins") else { return Vec::new() };
        let contracts = self.children(origins, "ethereum").filter_map(|n| n.attribute("contract"));
        contracts.take(self.limits.items).map(collapse).filter(|name| !name.is_empty()).collect()
    }
}
