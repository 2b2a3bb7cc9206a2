//! Why an attribute has no value.

use super::CallError;
use crate::NotConvertible;

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
    /// The issuer sealed the value of that name, and whoever evaluates can't open it.
    #[error("the value {0} is sealed, and the key to it is not here")]
    Locked(String),
    /// The caller must enter it and didn't.
    #[error("it must be entered")]
    NotEntered,
    /// The holder is not known.
    #[error("the token's owner is not known")]
    NoOwner,
    /// The caller's address is not known.
    #[error("the caller's address is not known")]
    NoCaller,
    /// The token is no attestation.
    #[error("there is no attestation")]
    NoAttestation,
    /// No log of the event fits.
    #[error("no log of event {0} fits")]
    NoEvent(String),
    /// The mapping has no option for the value.
    #[error("the mapping has no option {0:?}")]
    Unmapped(String),
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
    /// The evaluation asks for more than allowed: calls, logs and storage together.
    #[error("the evaluation needs more than {0} reads of chains")]
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
            AttributeError::Locked(_) => "locked",
            AttributeError::NotEntered => "not-entered",
            AttributeError::NoOwner => "owner-unknown",
            AttributeError::NoCaller => "caller-unknown",
            AttributeError::NoAttestation => "no-attestation",
            AttributeError::NoEvent(_) => "no-event",
            AttributeError::Unmapped(_) => "unmapped",
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

    /// Whether a value that it needs is sealed and can't be opened here.
    pub fn is_locked(&self) -> bool {
        match self {
            AttributeError::Reference { error, .. } => error.is_locked(),
            error => matches!(error, AttributeError::Locked(_)),
        }
    }

    /// The same without what it quotes of values.
    pub(crate) fn unquoted(self) -> Self {
        let hidden = || String::from("…");
        match self {
            AttributeError::Reference { name, error } => {
                AttributeError::Reference { name, error: Box::new(error.unquoted()) }
            }
            AttributeError::Unmapped(_) => AttributeError::Unmapped(hidden()),
            AttributeError::NotConvertible(error) => NotConvertible { from: hidden(), ..error }.into(),
            error => error,
        }
    }

    /// Whether it says that there is no value, and not that a value could not be had.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            AttributeError::Reference { error, .. } => error.is_absence(),
            AttributeError::NoValue(_)
            | AttributeError::NotEntered
            | AttributeError::NoAttestation
            | AttributeError::NoEvent(_)
            | AttributeError::Unmapped(_) => true,
            _ => false,
        }
    }

    /// Whether the attribute's next origin may have the value instead: this one has none, or can't be read for this instance
    /// or at all. One that was read and failed doesn't make way: the next could then contradict it unnoticed.
    pub(crate) fn makes_way(&self) -> bool {
        match self {
            AttributeError::Reference { error, .. } => error.makes_way(),
            AttributeError::Unsupported { .. }
            | AttributeError::NoOwner
            | AttributeError::NoCaller
            | AttributeError::NoAddress { .. } => true,
            error => error.is_absence(),
        }
    }
}
