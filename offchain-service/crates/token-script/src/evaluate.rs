//! Evaluation of attributes: a graph walked within bounds, that says which calls it lacks instead of making them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};

use crate::{
    abi, Argument, As, Attribute, Call, Card, Contract, FilterError, NotConvertible, Origin, Selection, Source, Syntax,
    TokenScript, Value,
};

/// What is known about the instance that a script is evaluated for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The token's id on its contract: `tokenId`.
    pub token_id: U256,
    /// Who holds it: `ownerAddress`. Attributes that need it are unavailable without.
    pub owner: Option<Address>,
    /// The chain the token is on, for scripts whose contracts are on several; EIP-155.
    pub chain_id: Option<u64>,
    /// What `ts:data` reads, by name: the issuer's values, and what the node knows itself. A node says under
    /// `operations.<action>` how often that key operation was executed on the instance: `"0"`, `"1"`…
    pub values: BTreeMap<String, String>,
}

/// Values by the names that were asked for.
pub type Values = BTreeMap<String, Result<Value, AttributeError>>;

/// A read-only call to a contract. It is its own key: equal calls have equal results in the same block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EthereumCall {
    /// The chain, as an EIP-155 id.
    pub chain_id: u64,
    /// The contract.
    pub to: Address,
    /// What is sent to it.
    pub data: Vec<u8>,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The contract reverted; its message, if it gave one.
    #[error("the contract reverted: {0}")]
    Reverted(String),
    /// No endpoint of the chain answered, or there is none.
    #[error("chain unavailable: {0}")]
    Unavailable(String),
}

/// Why an attribute has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// There is no such attribute.
    #[error("there is no attribute {0}")]
    Unknown(String),
    /// None of its origins is served.
    #[error("{kind} (line {line}) is not served")]
    Unsupported {
        /// The first of its origins.
        kind: String,
        /// Where it is in the script.
        line: u32,
    },
    /// Another attribute that it refers to has no value.
    #[error("{name}: {error}")]
    Reference {
        /// The attribute at the root of it.
        name: String,
        /// Why that has none.
        error: Box<AttributeError>,
    },
    /// It refers to itself.
    #[error("it refers to itself through {0}")]
    Cycle(String),
    /// It refers to something that doesn't exist, or has no such part.
    #[error("{0} refers to nothing")]
    Unresolved(String),
    /// The issuer stored no value of that name for the instance.
    #[error("the issuer gave no value {0}")]
    NoValue(String),
    /// The caller must enter it and didn't.
    #[error("it must be entered")]
    NotEntered,
    /// The holder is not known.
    #[error("the token's owner is not known")]
    NoOwner,
    /// The contract has no address on the chain.
    #[error("contract {contract} has no address{}", chain_id.map(|id| format!(" on chain {id}")).unwrap_or_default())]
    NoAddress {
        /// The contract's name in the script.
        contract: String,
        /// The chain that was asked for.
        chain_id: Option<u64>,
    },
    /// The contract is on several chains and none was named.
    #[error("contract {0} is on several chains; name one")]
    AmbiguousChain(String),
    /// The call has no result.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The call's result is not what the script says.
    #[error("the contract's answer can't be read: {0}")]
    Undecodable(String),
    /// A value can't be had as what is needed.
    #[error(transparent)]
    NotConvertible(#[from] NotConvertible),
    /// Attributes refer to each other deeper than allowed.
    #[error("attributes refer to each other deeper than {0} levels")]
    TooDeep(usize),
    /// The evaluation takes more steps than allowed.
    #[error("the evaluation takes more than {0} steps")]
    TooManySteps(usize),
    /// The evaluation needs more calls than allowed.
    #[error("the evaluation needs more than {0} calls")]
    TooManyCalls(usize),
}

impl AttributeError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            AttributeError::Unknown(_) => "unknown-attribute",
            AttributeError::Unsupported { .. } => "unsupported",
            AttributeError::Reference { error, .. } => error.code(),
            AttributeError::Cycle(_) => "cycle",
            AttributeError::Unresolved(_) => "unresolved-reference",
            AttributeError::NoValue(_) => "no-value",
            AttributeError::NotEntered => "not-entered",
            AttributeError::NoOwner => "owner-unknown",
            AttributeError::NoAddress { .. } => "no-address",
            AttributeError::AmbiguousChain(_) => "ambiguous-chain",
            AttributeError::Call(CallError::Reverted(_)) => "reverted",
            AttributeError::Call(CallError::Unavailable(_)) => "chain-unavailable",
            AttributeError::Undecodable(_) => "undecodable",
            AttributeError::NotConvertible(_) => "not-convertible",
            AttributeError::TooDeep(_) => "too-deep",
            AttributeError::TooManySteps(_) => "too-many-steps",
            AttributeError::TooManyCalls(_) => "too-many-calls",
        }
    }
}

/// Where an evaluation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It goes on when every one of these has been [supplied](Evaluation::supply). They don't depend on each other.
    NeedCalls(Vec<EthereumCall>),
    /// It is done: a value or an error for each name.
    Done(Values),
}

/// An evaluation under way. It owns no resource: dropping it is all there is to cancelling it.
#[derive(Debug)]
#[must_use]
pub struct Evaluation<'a> {
    script: &'a TokenScript,
    context: &'a Context,
    /// The card whose own attributes are visible, if any.
    card: Option<&'a Card>,
    /// What the caller entered, by attribute.
    entries: BTreeMap<String, Value>,
    wanted: BTreeSet<String>,
    results: BTreeMap<EthereumCall, Result<Vec<u8>, CallError>>,
    asked: BTreeSet<EthereumCall>,
    /// Final values, by whether the attribute is the card's own, and its name.
    known: BTreeMap<(bool, String), Result<Value, AttributeError>>,
    done: Option<Values>,
}

/// Why an attribute has no value yet.
enum Stop {
    /// It waits for calls.
    Pending,
    /// It has none.
    Failed(AttributeError),
}

impl<E: Into<AttributeError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.into())
    }
}

/// What one step keeps while it walks.
struct Walk {
    steps: usize,
    /// The attributes being evaluated, outermost first.
    path: Vec<(bool, String)>,
    /// The attributes that were found to wait in this step, so that none is walked twice.
    pending: BTreeSet<(bool, String)>,
    needed: BTreeSet<EthereumCall>,
}

impl TokenScript {
    /// Starts evaluating attributes of the token. Names may be paths into a value (`info.level`) or `tokenId`, `ownerAddress`,
    /// `contractAddress`.
    pub fn evaluate<'a, N: Into<String>>(
        &'a self,
        attributes: impl IntoIterator<Item = N>,
        context: &'a Context,
    ) -> Evaluation<'a> {
        self.evaluation(attributes.into_iter().map(Into::into).collect(), context, None, BTreeMap::new())
    }

    pub(crate) fn evaluation<'a>(
        &'a self,
        wanted: BTreeSet<String>,
        context: &'a Context,
        card: Option<&'a Card>,
        entries: BTreeMap<String, Value>,
    ) -> Evaluation<'a> {
        let (results, asked, known, done) = Default::default();
        Evaluation { script: self, context, card, entries, wanted, results, asked, known, done }
    }

    /// The first calls that evaluating `attributes` needs: all of them, unless one's arguments depend on another's result.
    pub fn plan<'a, N: Into<String>>(
        &'a self,
        attributes: impl IntoIterator<Item = N>,
        context: &'a Context,
    ) -> Vec<EthereumCall> {
        match self.evaluate(attributes, context).step() {
            Step::NeedCalls(calls) => calls,
            Step::Done(_) => Vec::new(),
        }
    }

    /// Whether an instance with these values satisfies the selection. `values` are what [evaluating](TokenScript::evaluate) the
    /// selection's [attributes](crate::Filter::attributes) gave.
    pub fn is_selected(&self, selection: &str, context: &Context, values: &Values) -> Result<bool, FilterError> {
        let selection = self.selection(selection).ok_or_else(|| FilterError::UnknownSelection(selection.into()))?;
        self.matches(selection, context, values)
    }

    pub(crate) fn matches(
        &self,
        selection: &Selection,
        context: &Context,
        values: &Values,
    ) -> Result<bool, FilterError> {
        selection.filter.as_ref().map_err(Clone::clone)?.matches(&|name| match values.get(name) {
            Some(Err(AttributeError::Unknown(_))) => None,
            Some(value) => Some(value.clone()),
            None => self.reserved(name, context),
        })
    }

    /// What a name stands for that the script doesn't define.
    pub(crate) fn reserved(&self, name: &str, context: &Context) -> Option<Result<Value, AttributeError>> {
        let address = |contract: Option<&Contract>| {
            let contract = contract.ok_or_else(|| AttributeError::Unresolved(name.into()))?;
            contract_address(contract, context).map(|(_, address)| Value::Address(address))
        };
        match name {
            "tokenId" => Some(Ok(Value::Uint(context.token_id))),
            "ownerAddress" => Some(context.owner.map(Value::Address).ok_or(AttributeError::NoOwner)),
            "contractAddress" => Some(address(self.holding_contract())),
            _ => name.strip_prefix("contractAddress_").map(|contract| address(self.contract(contract))),
        }
    }

    pub(crate) fn contract_address(&self, name: &str, context: &Context) -> Result<(u64, Address), AttributeError> {
        let contract = self.contract(name).ok_or_else(|| AttributeError::Unresolved(name.into()))?;
        contract_address(contract, context)
    }
}

/// Where the contract is: on the context's chain, else where it is at all if that is one place.
fn contract_address(contract: &Contract, context: &Context) -> Result<(u64, Address), AttributeError> {
    let name = || contract.name.clone();
    match (context.chain_id.and_then(|id| Some((id, contract.address(id)?))), contract.addresses.as_slice()) {
        (Some(found), _) => Ok(found),
        (None, [only]) => Ok(*only),
        (None, [_, _, ..]) if context.chain_id.is_none() => Err(AttributeError::AmbiguousChain(name())),
        _ => Err(AttributeError::NoAddress { contract: name(), chain_id: context.chain_id }),
    }
}

impl<'a> Evaluation<'a> {
    /// Goes as far as it can. Once it is done, it stays so.
    pub fn step(&mut self) -> Step {
        if let Some(values) = &self.done {
            return Step::Done(values.clone());
        }
        let mut walk = Walk { steps: 0, path: Vec::new(), pending: BTreeSet::new(), needed: BTreeSet::new() };
        let mut values = Values::new();
        for name in self.wanted.clone() {
            match self.resolve(&name, self.card.is_some(), &mut walk) {
                Ok(value) => drop(values.insert(name, Ok(value))),
                // The name itself is known to who asked for it.
                Err(Stop::Failed(AttributeError::Reference { name: root, error })) if root == name => {
                    drop(values.insert(name, Err(*error)))
                }
                Err(Stop::Failed(error)) => drop(values.insert(name, Err(error))),
                Err(Stop::Pending) => {}
            }
        }
        match walk.needed.is_empty() {
            true => Step::Done(self.done.insert(values).clone()),
            false => Step::NeedCalls(walk.needed.into_iter().collect()),
        }
    }

    /// Says what came of a call. Results of calls that weren't asked for are ignored.
    pub fn supply(&mut self, call: EthereumCall, result: Result<Vec<u8>, CallError>) {
        if self.asked.contains(&call) {
            self.results.insert(call, result);
        }
    }

    /// The value that `reference` stands for. `local`: whether it stands in the card, whose own attributes then come first.
    fn resolve(&mut self, reference: &str, local: bool, walk: &mut Walk) -> Result<Value, Stop> {
        if let Some(value) = self.script.reserved(reference, self.context) {
            return Ok(value?);
        }
        let base = reference.split(['.', '[']).next().unwrap_or_default();
        for name in [reference, base] {
            let Some((own, attribute)) = self.find(name, local) else { continue };
            let value = self.attribute(own, attribute, walk).map_err(|stop| match stop {
                // Only the root of a chain of references is told.
                Stop::Failed(error @ (AttributeError::Reference { .. } | AttributeError::TooManySteps(_))) => {
                    Stop::Failed(error)
                }
                Stop::Failed(error) => {
                    Stop::Failed(AttributeError::Reference { name: name.into(), error: Box::new(error) })
                }
                Stop::Pending => Stop::Pending,
            })?;
            let part = value.at(&reference[name.len()..]).cloned();
            return part.ok_or_else(|| AttributeError::Unresolved(reference.into()).into());
        }
        Err(AttributeError::Unknown(reference.into()).into())
    }

    /// The attribute called `name`, and whether it is the card's own.
    fn find(&self, name: &str, local: bool) -> Option<(bool, &'a Attribute)> {
        let own = self.card.and_then(|card| card.attribute(name)).map(|attribute| (true, attribute));
        let global = self.script.attribute(name).map(|attribute| (false, attribute));
        if local {
            own.or(global)
        } else {
            global.or(own)
        }
    }

    fn attribute(&mut self, own: bool, attribute: &'a Attribute, walk: &mut Walk) -> Result<Value, Stop> {
        let key = (own, attribute.name.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone()?);
        }
        if walk.pending.contains(&key) {
            return Err(Stop::Pending);
        }
        let limits = &self.script.limits;
        if walk.path.contains(&key) {
            let through = walk.path.last().map(|(_, name)| name.clone()).unwrap_or_default();
            return Err(AttributeError::Cycle(through).into());
        }
        if walk.path.len() >= limits.reference_depth {
            return Err(AttributeError::TooDeep(limits.reference_depth).into());
        }
        walk.path.push(key.clone());
        let result = self.origins(own, attribute, walk);
        walk.path.pop();
        match &result {
            Ok(value) => drop(self.known.insert(key, Ok(value.clone()))),
            Err(Stop::Pending) => drop(walk.pending.insert(key)),
            Err(Stop::Failed(error)) => {
                // These depend on where the walk came from: reached otherwise, the attribute may have a value.
                let root = match error {
                    AttributeError::Reference { error, .. } => error,
                    error => error,
                };
                if !matches!(
                    root,
                    AttributeError::TooDeep(_) | AttributeError::TooManySteps(_) | AttributeError::Cycle(_)
                ) {
                    self.known.insert(key, Err(error.clone()));
                }
            }
        }
        result
    }

    /// The value of the first origin that has one. An origin that can't be read for this instance or this service makes way
    /// for the next; one that was read and failed doesn't, since the next could then contradict it unnoticed.
    fn origins(&mut self, own: bool, attribute: &'a Attribute, walk: &mut Walk) -> Result<Value, Stop> {
        let mut first = None;
        for origin in &attribute.origins {
            walk.steps += 1;
            if walk.steps > self.script.limits.steps {
                return Err(AttributeError::TooManySteps(self.script.limits.steps).into());
            }
            match self.origin(own, attribute, origin, walk) {
                Err(Stop::Failed(
                    error @ (AttributeError::Unsupported { .. }
                    | AttributeError::NoValue(_)
                    | AttributeError::NotEntered
                    | AttributeError::NoOwner
                    | AttributeError::NoAddress { .. }),
                )) => first = first.or(Some(error)),
                result => return result,
            }
        }
        let none =
            || AttributeError::Unsupported { kind: "an attribute without an origin".into(), line: attribute.line };
        Err(first.unwrap_or_else(none).into())
    }

    fn origin(
        &mut self,
        own: bool,
        attribute: &'a Attribute,
        origin: &'a Origin,
        walk: &mut Walk,
    ) -> Result<Value, Stop> {
        let syntax = attribute.syntax.as_ref();
        Ok(match origin {
            Origin::EthereumCall(call) => self.call(own, call, syntax, walk)?,
            Origin::UserEntry { .. } => self.entries.get(&attribute.name).cloned().ok_or(AttributeError::NotEntered)?,
            Origin::TokenId { bitmask, as_ } => token_id_bits(self.context.token_id, *bitmask, *as_)?,
            Origin::Data { reference, as_ } => {
                // An attribute may read the issuer's value of its own name.
                let value = match *reference == attribute.name {
                    true => Err(AttributeError::Unknown(reference.clone()).into()),
                    false => self.resolve(reference, own, walk),
                };
                match value {
                    Err(Stop::Failed(AttributeError::Unknown(_))) => {
                        let text =
                            self.context.values.get(reference).ok_or(AttributeError::NoValue(reference.clone()))?;
                        Value::read(text, *as_, syntax)?
                    }
                    value => convert(value?, *as_)?,
                }
            }
            Origin::Literal { text, ty: Some(ty), as_ } => convert(ty.read(text)?, *as_)?,
            Origin::Literal { text, ty: None, as_ } => Value::read(text, *as_, syntax)?,
            Origin::Unsupported { kind, line } => {
                return Err(AttributeError::Unsupported { kind: kind.clone(), line: *line }.into())
            }
        })
    }

    fn call(&mut self, own: bool, call: &'a Call, syntax: Option<&Syntax>, walk: &mut Walk) -> Result<Value, Stop> {
        let (chain_id, to) = self.script.contract_address(&call.contract, self.context)?;
        let mut arguments = Vec::with_capacity(call.arguments.len());
        let mut pending = false;
        for argument in &call.arguments {
            match self.argument(own, argument, walk) {
                Ok(value) => arguments.push((&argument.ty, value)),
                // Go on, so that all that the other arguments need is asked for at once.
                Err(Stop::Pending) => pending = true,
                Err(failed) => return Err(failed),
            }
        }
        if pending {
            return Err(Stop::Pending);
        }
        let request = EthereumCall { chain_id, to, data: abi::calldata(&call.function, &arguments)? };
        match self.results.get(&request) {
            Some(result) => self.decode(call, result.as_ref().map_err(Clone::clone)?, syntax),
            None => {
                let limit = self.script.limits.calls;
                if !self.asked.contains(&request) && self.asked.len() >= limit {
                    return Err(AttributeError::TooManyCalls(limit).into());
                }
                self.asked.insert(request.clone());
                walk.needed.insert(request);
                Err(Stop::Pending)
            }
        }
    }

    fn argument(&mut self, own: bool, argument: &Argument, walk: &mut Walk) -> Result<Value, Stop> {
        match &argument.source {
            Source::Literal(text) => Ok(argument.ty.read(text)?),
            Source::Reference(reference) => self.resolve(reference, own, walk),
        }
    }

    /// What a contract returned, as the script's ABI or its `as` says.
    fn decode(&self, call: &Call, data: &[u8], syntax: Option<&Syntax>) -> Result<Value, Stop> {
        let limits = &self.script.limits;
        let undecodable = |why: String| Stop::Failed(AttributeError::Undecodable(why));
        if data.len() > limits.call_result {
            return Err(undecodable(format!("it is longer than {} bytes", limits.call_result)));
        }
        if data.is_empty() {
            return Err(undecodable("it is empty; is there a contract at this address?".into()));
        }
        let contract = self.script.contract(&call.contract);
        let function = contract.and_then(|contract| contract.function(&call.function, call.arguments.len()));
        if let Some(function) = function.filter(|function| !function.outputs.is_empty()) {
            let mut values =
                abi::decode(&function.outputs, data, limits.decoded).map_err(|e| undecodable(e.to_string()))?;
            let single = values.len() == 1 || !matches!(call.as_, None | Some(As::Abi));
            // `as` of one kind with several results means the first of them.
            return match single {
                true => Ok(convert(values.swap_remove(0).1, call.as_)?),
                false => Ok(Value::Record(values)),
            };
        }
        let as_ = call.as_.or(match syntax {
            Some(Syntax::Boolean) => Some(As::Bool),
            Some(Syntax::Integer) => Some(As::Uint),
            Some(Syntax::Text) => Some(As::Utf8),
            _ => None,
        });
        let name = match as_ {
            None => return Err(undecodable("neither `as` nor an ABI says what it is".into())),
            Some(As::Abi) => return Err(undecodable("the script's ABI has no such function".into())),
            // Contracts of before the string type was common return texts in one word.
            Some(As::Utf8 | As::Bytes) if data.len() == 32 => "bytes32",
            Some(As::Utf8) => "string",
            Some(As::Bytes) => "bytes",
            Some(As::Int) => "int256",
            Some(As::Address) => "address",
            Some(As::Uint | As::Bool | As::Scaled(_)) => "uint256",
        };
        let ty = abi::AbiType::elementary(name).map(|ty| (String::new(), ty));
        let values = abi::decode(ty.as_slice(), data, limits.decoded).map_err(|e| undecodable(e.to_string()))?;
        let value = values.into_iter().next().ok_or_else(|| undecodable("it is empty".into()))?;
        Ok(convert(value.1, as_)?)
    }
}

fn convert(value: Value, as_: Option<As>) -> Result<Value, NotConvertible> {
    match as_ {
        Some(as_) => value.convert(as_),
        None => Ok(value),
    }
}

/// The bits of the id that the mask selects, shifted down to the lowest of them.
fn token_id_bits(token_id: U256, bitmask: Option<U256>, as_: Option<As>) -> Result<Value, NotConvertible> {
    let bits = bitmask.map_or(token_id, |mask| match mask.is_zero() {
        true => U256::ZERO,
        false => (token_id & mask) >> mask.trailing_zeros(),
    });
    match as_ {
        // A text or bytes in an id start at its first byte that is not zero.
        Some(as_ @ (As::Utf8 | As::Bytes)) => Value::Bytes(bits.to_be_bytes_trimmed_vec()).convert(as_),
        as_ => convert(Value::Uint(bits), as_),
    }
}
