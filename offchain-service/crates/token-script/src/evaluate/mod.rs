//! Evaluation of attributes: a graph walked within bounds, that says what it lacks instead of fetching it.

mod chain;
mod error;
mod names;
mod request;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};

pub use error::AttributeError;
pub use request::{CallError, EthereumCall, Log, LogQuery, Requests, StorageRead};

use crate::{
    Argument, As, Attribute, Card, Explanation, FilterError, Mapping, NotConvertible, Origin, OriginKind, Selection,
    Source, TokenScript, Value,
};

/// What is known about the instance that a script is evaluated for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The token's id on its contract: `tokenId`.
    pub token_id: U256,
    /// Who holds it: `ownerAddress`. Attributes that need it are unavailable without.
    pub owner: Option<Address>,
    /// Who asks, or would sign: `walletAddress`.
    pub caller: Option<Address>,
    /// The chain the token is on, for scripts whose contracts are on several; EIP-155.
    pub chain_id: Option<u64>,
    /// What `ts:data` reads, by name: the issuer's values, and what the node knows itself. A node says under
    /// `operations.<action>` how often that key operation was executed on the instance: `"0"`, `"1"`…
    pub values: BTreeMap<String, String>,
    /// The names of values that the issuer sealed and that can't be opened here: not absent, but not to be had.
    pub locked: BTreeSet<String>,
    /// Whether values are not for everybody who hears of an error: none quotes any then.
    pub discreet: bool,
    /// The attestation that the token is, if it is one: `attestation`, `attestation.field` and `attestationSig`.
    pub attestation: Option<Attested>,
    /// The first block whose logs can matter, for example the one that the contract was created in.
    pub from_block: u64,
    /// The language of texts that mappings give; English if empty. For values that are shown: what selections decide must not
    /// depend on it, and [`TokenScript::evaluate_action`] takes no notice of it.
    pub language: String,
}

/// An attestation as scripts see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// What was signed, as the struct that contracts take who check it themselves: `attestation`.
    pub message: Value,
    /// The same with its data in the fields of its schema: `attestation.data.field`.
    pub parts: Value,
    /// The signature: `attestationSig`.
    pub signature: Vec<u8>,
}

impl Attested {
    fn at(&self, path: &str) -> Option<&Value> {
        match path.is_empty() {
            true => Some(&self.message),
            false => self.parts.at(path),
        }
    }
}

/// Values by the names that were asked for.
pub type Values = BTreeMap<String, Result<Value, AttributeError>>;

/// Where an evaluation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It goes on when every one of these has been supplied.
    Need(Requests),
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
    /// What the caller entered, by name.
    entries: BTreeMap<String, Value>,
    /// The language of mapped values.
    language: &'a str,
    wanted: BTreeSet<String>,
    answers: Answers,
    /// Final values, by whether the attribute is the card's own, and its name.
    known: BTreeMap<(bool, String), Result<Value, AttributeError>>,
    done: Option<Values>,
}

/// What was asked for, each with its result once it is there.
#[derive(Debug, Default)]
struct Answers {
    calls: BTreeMap<EthereumCall, Option<Result<Vec<u8>, CallError>>>,
    logs: BTreeMap<LogQuery, Option<Result<Vec<Log>, CallError>>>,
    storage: BTreeMap<StorageRead, Option<Result<B256, CallError>>>,
}

impl Answers {
    fn asked(&self) -> usize {
        self.calls.len() + self.logs.len() + self.storage.len()
    }
}

/// Why an attribute has no value yet.
enum Stop {
    /// It waits for what was asked for.
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
#[derive(Default)]
struct Walk {
    steps: usize,
    /// The attributes being evaluated, outermost first.
    path: Vec<(bool, String)>,
    /// The attributes that were found to wait in this step, so that none is walked twice.
    pending: BTreeSet<(bool, String)>,
    waits: bool,
}

impl TokenScript {
    /// Starts evaluating attributes of the token. Names may be paths into a value (`info.level`), or `tokenId`,
    /// `ownerAddress`, `walletAddress`, `chainId`, `contractAddress`, `contractAddress_<name>`,
    /// `contractAddress_<name>_<chain>`, `attestation`.
    pub fn evaluate<'a, N: Into<String>>(
        &'a self,
        attributes: impl IntoIterator<Item = N>,
        context: &'a Context,
    ) -> Evaluation<'a> {
        let wanted = attributes.into_iter().map(Into::into).collect();
        Evaluation { language: &context.language, ..self.evaluation(wanted, context, None, BTreeMap::new()) }
    }

    pub(crate) fn evaluation<'a>(
        &'a self,
        wanted: BTreeSet<String>,
        context: &'a Context,
        card: Option<&'a Card>,
        entries: BTreeMap<String, Value>,
    ) -> Evaluation<'a> {
        let (answers, known, done) = Default::default();
        Evaluation { script: self, context, card, entries, language: "", wanted, answers, known, done }
    }

    /// What evaluating `attributes` needs first: all of it, unless one's arguments depend on another's result.
    pub fn plan<'a, N: Into<String>>(
        &'a self,
        attributes: impl IntoIterator<Item = N>,
        context: &'a Context,
    ) -> Requests {
        match self.evaluate(attributes, context).step() {
            Step::Need(requests) => requests,
            Step::Done(_) => Requests::default(),
        }
    }

    /// Starts evaluating what the token's selection needs. What it gives when it is done goes to
    /// [`TokenScript::is_selected`] and [`TokenScript::explain_selection`].
    ///
    /// # Errors
    ///
    /// [`FilterError::UnknownSelection`], or what is wrong with its filter.
    pub fn evaluate_selection<'a>(
        &'a self,
        selection: &str,
        context: &'a Context,
    ) -> Result<Evaluation<'a>, FilterError> {
        let filter = self.find_selection(selection)?.filter.as_ref().map_err(Clone::clone)?;
        let wanted = filter.attributes().into_iter().map(String::from).collect();
        Ok(self.evaluation(wanted, context, None, BTreeMap::new()))
    }

    /// Whether an instance with these values satisfies the selection, and how that comes about, part by part.
    ///
    /// # Errors
    ///
    /// [`FilterError::UnknownSelection`], or what is wrong with its filter. That it can't be decided is in the explanation.
    pub fn explain_selection(
        &self,
        selection: &str,
        context: &Context,
        values: &Values,
    ) -> Result<Explanation, FilterError> {
        let filter = self.find_selection(selection)?.filter.as_ref().map_err(Clone::clone)?;
        Ok(filter.explain_by(&|name| self.lookup(name, context, values)))
    }

    fn find_selection(&self, name: &str) -> Result<&Selection, FilterError> {
        self.selection(name).ok_or_else(|| FilterError::UnknownSelection(crate::value::shorten(name)))
    }

    fn lookup(&self, name: &str, context: &Context, values: &Values) -> Option<Result<Value, AttributeError>> {
        match values.get(name) {
            Some(Err(AttributeError::Unknown(_))) => None,
            Some(value) => Some(value.clone()),
            None => self.reserved(name, context).or_else(|| self.ambient(name, context)),
        }
    }

    /// Whether an instance with these values satisfies the selection. `values` are what [evaluating](TokenScript::evaluate) the
    /// selection's [attributes](crate::Filter::attributes) gave.
    pub fn is_selected(&self, selection: &str, context: &Context, values: &Values) -> Result<bool, FilterError> {
        self.matches(self.find_selection(selection)?, context, values)
    }

    pub(crate) fn matches(
        &self,
        selection: &Selection,
        context: &Context,
        values: &Values,
    ) -> Result<bool, FilterError> {
        let judged =
            selection.filter.as_ref().map_err(Clone::clone)?.matches(&|name| self.lookup(name, context, values));
        match context.discreet {
            true => judged.map_err(FilterError::unquoted),
            false => judged,
        }
    }
}

impl<'a> Evaluation<'a> {
    /// Goes as far as it can. Once it is done, it stays so.
    pub fn step(&mut self) -> Step {
        if let Some(values) = &self.done {
            return Step::Done(values.clone());
        }
        let mut walk = Walk::default();
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
        if self.context.discreet {
            values = values.into_iter().map(|(name, value)| (name, value.map_err(AttributeError::unquoted))).collect();
        }
        match walk.waits {
            false => Step::Done(self.done.insert(values).clone()),
            true => Step::Need(Requests {
                calls: lacking(&self.answers.calls),
                logs: lacking(&self.answers.logs),
                storage: lacking(&self.answers.storage),
            }),
        }
    }

    /// Says what came of a call. Results of calls that weren't asked for are ignored.
    pub fn supply(&mut self, call: EthereumCall, result: Result<Vec<u8>, CallError>) {
        self.answers.calls.entry(call).and_modify(|answer| *answer = Some(result));
    }

    /// Says which logs there are, in any order. Answers to what wasn't asked for are ignored.
    pub fn supply_logs(&mut self, query: LogQuery, result: Result<Vec<Log>, CallError>) {
        self.answers.logs.entry(query).and_modify(|answer| *answer = Some(result));
    }

    /// Says what a slot of storage holds. Answers to what wasn't asked for are ignored.
    pub fn supply_storage(&mut self, read: StorageRead, result: Result<B256, CallError>) {
        self.answers.storage.entry(read).and_modify(|answer| *answer = Some(result));
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
                Stop::Failed(error) => Stop::Failed(within(name, error)),
                Stop::Pending => Stop::Pending,
            })?;
            let part = value.at(&reference[name.len()..]).cloned();
            return part.ok_or_else(|| AttributeError::Unresolved(reference.into()).into());
        }
        if self.card.is_some_and(|card| card.entries.iter().any(|entry| entry.name == reference)) {
            let missing = || within(reference, AttributeError::NotEntered);
            return Ok(self.entries.get(reference).cloned().ok_or_else(missing)?);
        }
        match self.script.ambient(reference, self.context) {
            Some(value) => Ok(value?),
            None => Err(AttributeError::Unknown(reference.into()).into()),
        }
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

    /// The value of the first origin that has one; see [`AttributeError::makes_way`].
    fn origins(&mut self, own: bool, attribute: &'a Attribute, walk: &mut Walk) -> Result<Value, Stop> {
        let mut first = None;
        for origin in &attribute.origins {
            walk.steps += 1;
            if walk.steps > self.script.limits.steps {
                return Err(AttributeError::TooManySteps(self.script.limits.steps).into());
            }
            match self.origin(own, attribute, origin, walk) {
                Err(Stop::Failed(error)) if error.makes_way() => first = first.or(Some(error)),
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
        let as_ = origin.as_;
        // What is mapped is read as the key; the syntax is that of the result.
        let syntax = attribute.syntax.as_ref().filter(|_| origin.mapping.is_none());
        let value = match &origin.kind {
            OriginKind::Call(call) => self.call(own, call, as_, syntax, walk)?,
            OriginKind::Event(event) => convert(self.event(own, event, walk)?, as_)?,
            OriginKind::Storage(slot) => self.storage(slot, as_, syntax, walk)?,
            OriginKind::UserEntry => self.entries.get(&attribute.name).cloned().ok_or(AttributeError::NotEntered)?,
            OriginKind::TokenId { bitmask } => token_id_bits(self.context.token_id, *bitmask, as_)?,
            OriginKind::Data(reference) => {
                // An attribute may read the issuer's value of its own name.
                let value = match *reference == attribute.name {
                    true => Err(AttributeError::Unknown(reference.clone()).into()),
                    false => self.resolve(reference, own, walk),
                };
                match value {
                    Err(Stop::Failed(AttributeError::Unknown(_))) => {
                        if self.context.locked.contains(reference) {
                            return Err(AttributeError::Locked(reference.clone()).into());
                        }
                        let text =
                            self.context.values.get(reference).ok_or(AttributeError::NoValue(reference.clone()))?;
                        Value::read(text, as_, syntax)?
                    }
                    value => convert(value?, as_)?,
                }
            }
            OriginKind::Literal(text, Some(ty)) => convert(ty.read(text)?, as_)?,
            OriginKind::Literal(text, None) => Value::read(text, as_, syntax)?,
            OriginKind::Record(fields) => {
                let values = self.arguments(own, fields.iter().map(|(_, argument)| argument), walk)?;
                Value::Record(fields.iter().map(|(name, _)| name.clone()).zip(values).collect())
            }
            OriginKind::Attestation(path) => {
                let attestation = self.context.attestation.as_ref().ok_or(AttributeError::NoAttestation)?;
                let part = attestation.at(path).cloned();
                convert(part.ok_or_else(|| AttributeError::NoValue(format!("attestation.{path}")))?, as_)?
            }
            OriginKind::Unsupported(kind) => {
                return Err(AttributeError::Unsupported { kind: kind.clone(), line: origin.line }.into())
            }
        };
        match &origin.mapping {
            Some(mapping) => {
                Ok(Value::Text(mapped(mapping, &value, self.language)?).typed_by(attribute.syntax.as_ref())?)
            }
            None => Ok(value.timed(syntax)?),
        }
    }

    /// The values of arguments. If one waits, the others are looked at all the same, so that all that they need is asked for at
    /// once.
    fn arguments<'b>(
        &mut self,
        own: bool,
        arguments: impl Iterator<Item = &'b Argument>,
        walk: &mut Walk,
    ) -> Result<Vec<Value>, Stop> {
        let mut values = Vec::new();
        let mut waits = false;
        for argument in arguments {
            let value = match &argument.source {
                Source::Literal(text) => Ok(argument.ty.read(text)?),
                Source::Reference(reference) => self.resolve(reference, own, walk),
            };
            match value {
                Err(Stop::Pending) => waits = true,
                value => values.push(value?),
            }
        }
        match waits {
            true => Err(Stop::Pending),
            false => Ok(values),
        }
    }
}

/// The error of the attribute that is referred to.
fn within(name: &str, error: AttributeError) -> AttributeError {
    AttributeError::Reference { name: name.into(), error: Box::new(error) }
}

fn lacking<Q: Clone, A>(answers: &BTreeMap<Q, Option<A>>) -> Vec<Q> {
    answers.iter().filter(|(_, answer)| answer.is_none()).map(|(query, _)| query.clone()).collect()
}

fn convert(value: Value, as_: Option<As>) -> Result<Value, NotConvertible> {
    match as_ {
        Some(as_) => value.convert(as_),
        None => Ok(value),
    }
}

fn mapped(mapping: &Mapping, value: &Value, language: &str) -> Result<String, AttributeError> {
    let to = "the key of a mapping";
    let text = value.text().ok_or_else(|| NotConvertible { from: format!("a {}", value.kind()), to })?;
    let number = crate::number::Number::parse(&text);
    let is_key = |key: &str| key == text || (number.is_some() && crate::number::Number::parse(key) == number);
    let option = mapping.0.iter().find(|(key, _)| match value {
        Value::Bool(value) => crate::value::parse_bool(key) == Some(*value),
        _ => is_key(key),
    });
    let shown = option.and_then(|(_, labels)| labels.text(language)).map(String::from);
    shown.ok_or_else(|| AttributeError::Unmapped(crate::value::shorten(&text)))
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
