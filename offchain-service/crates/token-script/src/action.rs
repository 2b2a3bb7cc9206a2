//! Actions: who they are for, what they take, and the transactions they make.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use serde::{ser::SerializeStruct, Serialize, Serializer};
use serde_json::{Map, Value as Json};

use crate::{
    abi, AttributeError, Card, Context, Evaluation, FilterError, Labels, NotConvertible, Selection, Source,
    TokenScript, Transaction, Value, Values,
};

/// A transaction that its sender has yet to sign and price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedTransaction {
    /// The chain, as an EIP-155 id.
    pub chain_id: u64,
    /// Who gets it.
    pub to: Address,
    /// How much of the chain's own currency goes with it, in its smallest unit.
    pub value: U256,
    /// What is sent to the contract.
    pub data: Vec<u8>,
}

/// As a JSON-RPC transaction object: `chainId`, `to`, `value`, `data` in hexadecimal.
impl Serialize for UnsignedTransaction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("UnsignedTransaction", 4)?;
        object.serialize_field("chainId", &format!("{:#x}", self.chain_id))?;
        object.serialize_field("to", &self.to.to_checksum(None))?;
        object.serialize_field("value", &format!("{:#x}", self.value))?;
        object.serialize_field("data", &format!("0x{}", hex::encode(&self.data)))?;
        object.end()
    }
}

/// Why an action is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// There is no such action.
    #[error("there is no action {0}")]
    Unknown(String),
    /// An argument that the action doesn't take.
    #[error("the action takes no argument {0}")]
    UnknownArgument(String),
    /// An argument that is not of its type.
    #[error("argument {name}: {error}")]
    InvalidArgument {
        /// Its name.
        name: String,
        /// What is wrong with it.
        error: NotConvertible,
    },
    /// An argument that is missing.
    #[error("argument {0} is missing")]
    MissingArgument(String),
    /// The instance is in a selection that the action excludes.
    #[error("not for instances in the selection {selection}{}", reason.text("en").map(|r| format!(": {r}")).unwrap_or_default())]
    Denied {
        /// The selection's name.
        selection: String,
        /// What the issuer says to who is denied, by language.
        reason: Labels,
    },
    /// Whether the instance is in a selection that the action excludes can't be said.
    #[error("selection {selection}: {error}")]
    Undecided {
        /// The selection's name.
        selection: String,
        /// Why not.
        error: FilterError,
    },
    /// A value that the transaction needs is not there.
    #[error("attribute {name}: {error}")]
    Attribute {
        /// Its name.
        name: String,
        /// Why not.
        error: AttributeError,
    },
    /// The transaction is not served.
    #[error("{kind} (line {line}) is not served")]
    Unsupported {
        /// What about it is not.
        kind: String,
        /// Where it is in the script.
        line: u32,
    },
}

impl ActionError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            ActionError::Unknown(_) => "unknown-action",
            ActionError::UnknownArgument(_) => "unknown-argument",
            ActionError::InvalidArgument { .. } => "invalid-argument",
            ActionError::MissingArgument(_) => "missing-argument",
            ActionError::Denied { .. } => "denied",
            ActionError::Undecided { error, .. } => error.code(),
            ActionError::Attribute { error, .. } => error.code(),
            ActionError::Unsupported { .. } => "unsupported",
        }
    }
}

impl TokenScript {
    /// Starts evaluating what `action` needs: the attributes of the selections that it excludes, and those of its transaction.
    /// `arguments` are checked first: each must be one that the action takes, of its type.
    ///
    /// What it gives when it is done goes to [`TokenScript::check_action`] and [`TokenScript::transaction`].
    pub fn evaluate_action<'a>(
        &'a self,
        action: &str,
        arguments: &Map<String, Json>,
        context: &'a Context,
    ) -> Result<Evaluation<'a>, ActionError> {
        let card = self.find_action(action)?;
        let mut entries = BTreeMap::new();
        for (name, json) in arguments {
            let invalid = |error| ActionError::InvalidArgument { name: name.clone(), error };
            entries.insert(name.clone(), self.argument(card, name, json)?.map_err(invalid)?);
        }
        let mut wanted = BTreeSet::new();
        for selection in card.exclude.iter().filter_map(|name| self.card_selection(card, name)) {
            if let Ok(filter) = &selection.filter {
                wanted.extend(filter.attributes().into_iter().map(String::from));
            }
        }
        wanted.extend(references(card).map(String::from));
        Ok(self.evaluation(wanted, context, Some(card), entries))
    }

    /// Whether `action` is for this instance. `values` are what [`TokenScript::evaluate_action`] gave.
    ///
    /// # Errors
    ///
    /// [`ActionError::Denied`] if it is not. If a selection can't be decided, the action is refused as well.
    pub fn check_action(&self, action: &str, context: &Context, values: &Values) -> Result<(), ActionError> {
        let card = self.find_action(action)?;
        for name in &card.exclude {
            let undecided = |error| ActionError::Undecided { selection: name.clone(), error };
            let selection = self
                .card_selection(card, name)
                .ok_or_else(|| undecided(FilterError::UnknownSelection(name.clone())))?;
            if self.matches(selection, context, values).map_err(undecided)? {
                let reason = if selection.denial.is_empty() { &selection.labels } else { &selection.denial };
                return Err(ActionError::Denied { selection: name.clone(), reason: reason.clone() });
            }
        }
        Ok(())
    }

    /// The transaction that `action` makes, for its sender to sign; none if it makes none. The action's selections are
    /// [checked](TokenScript::check_action) first.
    pub fn transaction(
        &self,
        action: &str,
        context: &Context,
        values: &Values,
    ) -> Result<Option<UnsignedTransaction>, ActionError> {
        self.check_action(action, context, values)?;
        let card = self.find_action(action)?;
        let (contract, to, function, value, chain, line) = match &card.transaction {
            None => return Ok(None),
            Some(Transaction::Unsupported { kind, line }) => {
                return Err(ActionError::Unsupported { kind: kind.clone(), line: *line })
            }
            Some(Transaction::Ethereum { contract, to, function, value, chain_id, line }) => {
                (contract, to, function, value, *chain_id, *line)
            }
        };
        let get = |reference: &str| {
            let value = match values.get(reference) {
                Some(value) => value.clone(),
                None => {
                    let value = self.reserved(reference, context).or_else(|| self.ambient(reference, context));
                    value.unwrap_or_else(|| Err(AttributeError::Unknown(reference.into())))
                }
            };
            value.map_err(|error| match error {
                AttributeError::NotEntered => ActionError::MissingArgument(reference.into()),
                AttributeError::Reference { name, error } if *error == AttributeError::NotEntered => {
                    ActionError::MissingArgument(name)
                }
                error => ActionError::Attribute { name: reference.into(), error },
            })
        };
        let read = |source: &Source, ty: &abi::AbiType| match source {
            Source::Literal(text) => ty.read(text).map_err(|error| not_convertible("a literal", error)),
            Source::Reference(reference) => get(reference),
        };
        let home = contract.as_ref().or(self.holding_contract().map(|contract| &contract.name));
        let home = home.map(|name| {
            self.contract_address(name, context).map_err(|error| ActionError::Attribute { name: name.clone(), error })
        });
        let unaddressed = || ActionError::Unsupported { kind: "a transaction on no chain".into(), line };
        // Where nothing else is called, the chain that the card's input names.
        let (chain_id, contract_address) = match (home, chain.or(context.chain_id)) {
            (Some(home), _) if chain.is_none() || contract.is_some() => home?,
            (_, Some(chain_id)) => (chain_id, Address::ZERO),
            (_, None) => return Err(unaddressed()),
        };
        let to = match to {
            Some(source) => {
                let value = read(source, &abi::AbiType::Address)?;
                value.address().map_err(|error| not_convertible("the recipient", error))?
            }
            None if contract.is_some() => contract_address,
            None => return Err(unaddressed()),
        };
        let value = match value {
            Some(source) => {
                let value = read(source, &abi::AbiType::Uint(256))?;
                value.uint().map_err(|error| not_convertible("the amount", error))?
            }
            None => U256::ZERO,
        };
        let data = match function {
            None => Vec::new(),
            Some((name, arguments)) => {
                let values = arguments
                    .iter()
                    .map(|argument| Ok((&argument.ty, read(&argument.source, &argument.ty)?)))
                    .collect::<Result<Vec<_>, ActionError>>()?;
                abi::calldata(name, &values).map_err(|error| not_convertible(name, error))?
            }
        };
        Ok(Some(UnsignedTransaction { chain_id, to, value, data }))
    }

    fn find_action(&self, name: &str) -> Result<&Card, ActionError> {
        self.action(name).ok_or_else(|| ActionError::Unknown(crate::value::shorten(name)))
    }

    /// The selection that `name` means on the card: its own, else the token's.
    fn card_selection<'a>(&'a self, card: &'a Card, name: &str) -> Option<&'a Selection> {
        card.selections.iter().find(|selection| selection.name == name).or_else(|| self.selection(name))
    }

    /// The attributes that the caller can enter for an action: its own, and those of the token that it needs. Beside them there
    /// are the card's [entries](Card::entries).
    pub(crate) fn parameters<'a>(&'a self, card: &'a Card) -> impl Iterator<Item = &'a crate::Attribute> {
        let of_token = self
            .attributes
            .iter()
            .filter(|attribute| card.needed.contains(&attribute.name) && card.attribute(&attribute.name).is_none());
        card.attributes.iter().chain(of_token).filter(|attribute| attribute.user_entry().is_some())
    }

    /// What the caller gave for the parameter called `name`.
    fn argument(&self, card: &Card, name: &str, json: &Json) -> Result<Result<Value, NotConvertible>, ActionError> {
        let attribute = self.parameters(card).find(|attribute| attribute.name == *name);
        let entry = card.entries.iter().find(|entry| entry.name == *name);
        if attribute.is_none() && entry.is_none() {
            return Err(ActionError::UnknownArgument(crate::value::shorten(name)));
        }
        let limit = self.limits.entry;
        let length = json.as_str().map_or_else(|| json.to_string().len(), str::len);
        Ok(match (attribute.and_then(crate::Attribute::user_entry), attribute, entry) {
            _ if length > limit => {
                Err(NotConvertible { from: format!("a value of more than {limit} bytes"), to: "an argument" })
            }
            (Some(origin), Some(attribute), _) => {
                // What is mapped is entered as the key; the syntax is that of the result.
                let syntax = attribute.syntax.as_ref().filter(|_| origin.mapping.is_none());
                Value::enter(json, origin.as_, syntax)
            }
            (_, _, Some(entry)) => entry.ty.enter(json),
            _ => Err(NotConvertible { from: crate::value::shorten(name), to: "a parameter that can be entered" }),
        })
    }
}

/// A failed conversion that belongs to no attribute.
fn not_convertible(what: &str, error: NotConvertible) -> ActionError {
    ActionError::Attribute { name: what.into(), error: error.into() }
}

/// The attributes that the card's transaction refers to.
pub(crate) fn references(card: &Card) -> impl Iterator<Item = &str> {
    let sources: Vec<&Source> = match &card.transaction {
        Some(Transaction::Ethereum { to, function, value, .. }) => {
            let arguments = function.iter().flat_map(|(_, arguments)| arguments).map(|argument| &argument.source);
            to.iter().chain(value).chain(arguments).collect()
        }
        _ => Vec::new(),
    };
    sources.into_iter().filter_map(|source| match source {
        Source::Reference(reference) => Some(reference.as_str()),
        Source::Literal(_) => None,
    })
}
