//! What can go wrong on the way to an answer.

use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_chain_client as chain;
use smartlayer_primitives::{receipt::SignedReceipt, AccountId, Balance, InstanceId, SessionId};

/// Why there is no answer, or none that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chain could not be read, or refused.
    #[error(transparent)]
    Chain(#[from] chain::Error),
    /// The service could not be reached, or hung up. If a promise was sent, the service may have taken it.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The service.
        url: String,
        /// What the attempt said.
        reason: String,
    },
    /// The service answered something that is not what it should be.
    #[error("{url} answered nonsense: {reason}")]
    Nonsense {
        /// The service.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service refused the request, or failed. [`ApiError::code`] says which, and its remedy.
    #[error("{url} refused: {error}; {}", error.code.remedy())]
    Api {
        /// The service.
        url: String,
        /// Its error.
        error: ApiError,
    },
    /// The call failed, and the node charged for finding out: too many calls of this session had failed before. Another session starts
    /// anew; or calls that succeed win back that failing ones are free.
    #[error("{url} answered: {error}; {}; it was charged {}", error.code.remedy(), crate::amount::format(receipt.receipt.charged))]
    Charged {
        /// The service.
        url: String,
        /// Why not.
        error: ApiError,
        /// The node's receipt, checked.
        receipt: Box<SignedReceipt>,
    },
    /// The node took the promise, the call failed, and nothing is charged: the node's receipt says so, and the next promise is for the same
    /// total again.
    #[error("{url} answered: {error}; {}; it was not charged", error.code.remedy())]
    NotCharged {
        /// The service.
        url: String,
        /// Why not.
        error: ApiError,
        /// The node's receipt, checked.
        receipt: Box<SignedReceipt>,
    },
    /// The service answered with an error that this program does not know.
    #[error("{url} refused with the unknown error {code}: {message}")]
    UnknownError {
        /// The service.
        url: String,
        /// The number.
        code: i32,
        /// The service's words.
        message: String,
    },
    /// The service asks for more than the caller allows.
    #[error("the call costs {}, more than the allowed {}", crate::amount::format(*price), crate::amount::format(*limit))]
    TooExpensive {
        /// What it asks for, in planck.
        price: Balance,
        /// What the caller allows.
        limit: Balance,
    },
    /// The session's deposit does not cover the call.
    #[error("session {session:?} has {} left, the call costs {}; top it up or open another", crate::amount::format(*left), crate::amount::format(*price))]
    DepositSpent {
        /// The session.
        session: SessionId,
        /// What is left to promise, in planck.
        left: Balance,
        /// What the call costs.
        price: Balance,
    },
    /// There is no session to pay this node from.
    #[error("no open session to {node}; open one first")]
    NoSession {
        /// The node.
        node: AccountId,
    },
    /// The service's receipt does not hold. The promise was given, so up to one call's price may be lost.
    #[error("the receipt of {node} does not hold: {problem}")]
    BadReceipt {
        /// The node.
        node: AccountId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The service claims that more is owed than was ever promised.
    #[error("the node says that session {session:?} owes {}, but no such promise was signed", crate::amount::format(*claimed))]
    FalseDebt {
        /// The session.
        session: SessionId,
        /// What the node says is owed, in planck.
        claimed: Balance,
    },
    /// The node says that it carried out another transfer than the owner ordered. Its receipt, if there is one, shows it to others.
    #[error("{node} did not do what was ordered: {problem}; keep its receipt, which binds it to that")]
    NotAsOrdered {
        /// The node.
        node: AccountId,
        /// What differs.
        problem: &'static str,
        /// The node's receipt, checked.
        receipt: Option<Box<SignedReceipt>>,
    },
    /// Nobody shows that a quorum of the anchors that are active now signed who serves an instance.
    #[error(
        "nobody shows that the active anchors attested who serves instance {} of token type {}: {reason}; store the instance again \
         to have them attest it, or try again if an anchor was out of reach",
        instance.index,
        instance.token_type
    )]
    NotAttested {
        /// The instance.
        instance: InstanceId,
        /// What was found instead.
        reason: String,
    },
    /// What was answered does not prove what was asked.
    #[error("not proved: {0}")]
    NotProved(String),
    /// The account is no registered service node, or no longer.
    #[error("{node} is not a registered service node")]
    NotANode {
        /// The account.
        node: AccountId,
    },
    /// What was asked for cannot be done; the text says why.
    #[error("{0}")]
    Impossible(String),
    /// None of the nodes that could answer did.
    #[error("none of the {} nodes tried answered; the last said: {last}", tried)]
    AllFailed {
        /// How many.
        tried: usize,
        /// The last error.
        last: Box<Error>,
    },
    /// The file that remembers what was promised cannot be used.
    #[error("cannot use the payment record {path}: {reason}")]
    Record {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// The service's error code, if a service refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Api { error, .. } | Self::Charged { error, .. } | Self::NotCharged { error, .. } => Some(error.code),
            _ => None,
        }
    }

    /// Whether another node may answer the same call.
    pub fn is_about_the_node(&self) -> bool {
        use ErrorCode::*;
        match self {
            Self::Unreachable { .. } | Self::Nonsense { .. } | Self::NoSession { .. } | Self::DepositSpent { .. } => {
                true
            }
            Self::TooExpensive { .. } | Self::UnknownError { .. } | Self::FalseDebt { .. } => true,
            Self::BadReceipt { .. } | Self::NotANode { .. } => true,
            Self::Api { error, .. } | Self::NotCharged { error, .. } => {
                error.code.is_payment()
                    || matches!(
                        error.code,
                        Internal
                            | Overloaded
                            | ShuttingDown
                            | NotServing
                            | Locked
                            | CatchingUp
                            | NotTheExecutor
                            | UnknownInstance
                            | ScriptUnavailable
                            | EvmFailure
                            | ChainUnavailable
                            | NoAnchor
                            | ProofInvalid
                    )
            }
            _ => false,
        }
    }
}
