//! Calls and their arguments, which attributes and transactions share.

use roxmltree::Node;

use super::{collapse, origin::source, shorten, Parser, Scope};
use crate::{AbiFunction, AbiType, Argument, Call, ScriptError, Source};

/// A function's name, its arguments, and the ABI's entry for it if there is one.
type Function<'s> = (String, Vec<Argument>, Option<&'s AbiFunction>);

impl<'a, 'i> Parser<'a, 'i> {
    /// The call that `node` describes, or what about it is not served.
    pub(super) fn call(&mut self, node: Node<'a, 'i>, scope: &Scope) -> Result<Result<Call, String>, ScriptError> {
        let contract = match scope.contract_of(node, "a call") {
            Ok(contract) => contract,
            Err(kind) => return Ok(Err(kind)),
        };
        Ok(self.function(node, Some(&contract), scope)?.map(|(function, arguments, abi)| Call {
            outputs: abi.map(|abi| abi.outputs.clone()),
            select: node.attribute("select").map(collapse).filter(|select| !select.is_empty()),
            contract,
            function,
            arguments,
        }))
    }

    /// The function that `node` names and the arguments in its `data`, or what about them is not served.
    pub(super) fn function<'s>(
        &self,
        node: Node<'a, 'i>,
        contract: Option<&str>,
        scope: &'s Scope,
    ) -> Result<Result<Function<'s>, String>, ScriptError> {
        let Some(function) = node.attribute("function").map(str::trim).filter(|f| is_identifier(f)) else {
            return Ok(Err(format!("function {:?}", shorten(node.attribute("function").unwrap_or_default()))));
        };
        let data = self.child(node, "data").into_iter().flat_map(|data| data.children());
        let nodes = self.bounded(data.filter(|n| n.is_element()), "arguments of a call")?;
        let abi = match overload(scope, contract, function, &nodes) {
            Ok(abi) => abi,
            Err(kind) => return Ok(Err(kind)),
        };
        let arguments = self.typed_arguments(&nodes, abi);
        Ok(arguments.map(|arguments| (function.to_string(), arguments, abi)))
    }

    /// The arguments that elements are: of the type that they are called after, or that the ABI says.
    pub(super) fn typed_arguments(
        &self,
        nodes: &[Node<'a, 'i>],
        abi: Option<&AbiFunction>,
    ) -> Result<Vec<Argument>, String> {
        let argument = |(position, node): (usize, &Node<'a, 'i>)| {
            let name = node.tag_name().name();
            let source = source(*node);
            let ty = match AbiType::elementary(name) {
                Some(ty) => ty,
                None if is_abi_typed(name) => {
                    let inputs = abi.map(|abi| abi.inputs.as_slice()).unwrap_or_default();
                    // By the name of what it refers to, as scripts mean it; else by its place.
                    let named = inputs.iter().find(|(input, _)| match &source {
                        Source::Reference(reference) => !input.is_empty() && input == reference,
                        Source::Literal(_) => false,
                    });
                    let unknown = || format!("an argument of type {name}, which the contract's ABI does not tell");
                    named.or(inputs.get(position)).map(|(_, ty)| ty.clone()).ok_or_else(unknown)?
                }
                None => return Err(format!("an argument of type {}", shorten(name))),
            };
            Ok(Argument { ty, source })
        };
        nodes.iter().enumerate().map(argument).collect()
    }
}

/// Whether the ABI says the type of such an argument.
fn is_abi_typed(name: &str) -> bool {
    matches!(name, "struct" | "abi")
}

/// The entry of the contract's ABI that a call means: of the overloads with as many arguments the one whose types are those
/// that the script says, else the only one there is.
fn overload<'s>(
    scope: &'s Scope,
    contract: Option<&str>,
    function: &str,
    arguments: &[Node<'_, '_>],
) -> Result<Option<&'s AbiFunction>, String> {
    let functions = contract.and_then(|name| scope.contract(name)).map(|c| c.functions.as_slice()).unwrap_or_default();
    let candidates: Vec<_> =
        functions.iter().filter(|f| f.name == function && f.inputs.len() == arguments.len()).collect();
    let agrees = |f: &&&AbiFunction| {
        f.inputs.iter().zip(arguments).all(|((_, ty), node)| {
            let name = node.tag_name().name();
            is_abi_typed(name) || AbiType::elementary(name).as_ref() == Some(ty)
        })
    };
    let exact: Vec<_> = candidates.iter().filter(agrees).collect();
    match (exact.as_slice(), candidates.as_slice()) {
        ([only], _) => Ok(Some(only)),
        ([], [only]) => Ok(Some(only)),
        ([], _) => Ok(None),
        _ => Err(format!("a call of {}, of which the ABI has several that fit", shorten(function))),
    }
}

/// Whether `name` can be a Solidity function's; anything else would change what is called.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'$');
    first && name.len() <= 256 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
}
