//! Calls and their arguments, which attributes and transactions share.

use roxmltree::Node;

use super::{collapse, shorten, text, Parser};
use crate::{AbiType, Argument, Call, Contract, ScriptError, Source};

impl<'a, 'i> Parser<'a, 'i> {
    /// The call that `node` describes, or what about it is not served.
    pub(super) fn call(
        &mut self,
        node: Node<'a, 'i>,
        contracts: &[Contract],
        holding: Option<&str>,
    ) -> Result<Result<Call, String>, ScriptError> {
        let Some(function) = node.attribute("function").map(str::trim).filter(|f| is_identifier(f)) else {
            return Ok(Err(format!("function {:?}", shorten(node.attribute("function").unwrap_or_default()))));
        };
        let Some(contract) = node.attribute("contract").map(collapse).or(holding.map(String::from)) else {
            return Ok(Err("a call without a contract".into()));
        };
        if !contracts.iter().any(|c| c.name == contract) {
            return Ok(Err(format!("a call to contract {}, which the script does not define", shorten(&contract))));
        }
        let line = self.xml.line(node);
        let arguments = self.arguments(node)?;
        Ok(arguments.map(|arguments| Call { contract, function: function.into(), arguments, as_: None, line }))
    }

    /// The arguments in the `data` of `node`, or what about them is not served.
    pub(super) fn arguments(&self, node: Node<'a, 'i>) -> Result<Result<Vec<Argument>, String>, ScriptError> {
        let Some(data) = self.child(node, "data") else { return Ok(Ok(Vec::new())) };
        let nodes = self.bounded(data.children().filter(|n| n.is_element()), "arguments of a call")?;
        Ok(nodes
            .into_iter()
            .map(|node| {
                let name = node.tag_name().name();
                let ty = AbiType::elementary(name).ok_or_else(|| format!("an argument of type {}", shorten(name)))?;
                Ok(Argument { ty, source: source(node) })
            })
            .collect())
    }
}

/// Where the value of the element `node` comes from.
pub(super) fn source(node: Node<'_, '_>) -> Source {
    let reference = node.attribute("ref").or(node.attribute("local-ref")).map(collapse).filter(|r| !r.is_empty());
    reference.map_or_else(|| Source::Literal(text(node)), Source::Reference)
}

/// Whether `name` can be a Solidity function's; anything else would change what is called.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'$');
    first && name.len() <= 256 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
}
