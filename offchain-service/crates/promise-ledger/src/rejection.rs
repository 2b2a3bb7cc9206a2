use smartlayer_primitives::{AccountId, Balance, BlockNumber, Hash, SessionId, TokenTypeId};

/// Why a promise is not accepted. Nothing was charged, and no work was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The node has not seen the chain for too long.
    #[error("this node has lost sight of the chain and can't tell what the session holds; pay another node")]
    StaleChainView,
    /// The promise is for another session than the request says.
    #[error("the promise is for session {promised:?} and was presented for {presented:?}; sign it for the session that pays")]
    OtherSession {
        /// The session that the request says it is paid from.
        presented: SessionId,
        /// The session in the promise.
        promised: SessionId,
    },
    /// The chain knows no such session.
    #[error("the chain knows no session {session:?}; open one to this node and wait until it is finalised")]
    UnknownSession {
        /// The session.
        session: SessionId,
    },
    /// The session pays another node.
    #[error("the session pays {expected}, not this node; pay from a session that was opened to this node")]
    OtherNode {
        /// The node that the session pays.
        expected: AccountId,
    },
    /// The session pays many nodes through a notary.
    #[error("the session pays through a notary, and allocations are not taken; pay from a session that was opened to this node")]
    NetworkSession,
    /// The session was not opened for the token type that is called, whose issuer has a share; or it was opened for another.
    #[error("the call is for token type {called} and the session was opened for {}; open one to this node for token type {called}",
        session.map_or("none".to_owned(), |session| format!("token type {session}")))]
    OtherToken {
        /// The token type that is called.
        called: TokenTypeId,
        /// The token type that the session was opened for, if any.
        session: Option<TokenTypeId>,
    },
    /// The session expires too soon.
    #[error("the session expires at block {at}; open another one")]
    SessionExpiring {
        /// From this block on anyone may have it closed.
        at: BlockNumber,
    },
    /// Closing the session was asked for.
    #[error("the session is closing and may be finished from block {at}; open another one")]
    SessionClosing {
        /// The first block at which the session may be finished.
        at: BlockNumber,
    },
    /// The promise commits to ticks.
    #[error("promises with ticks are not taken; sign one without a tick commitment")]
    TicksUnsupported,
    /// The promise pays for another request.
    #[error("the promise pays for request {promised:?}, and this is {expected:?}; sign the hash of exactly the bytes that are sent")]
    OtherRequest {
        /// The hash of the request that came.
        expected: Hash,
        /// The hash in the promise.
        promised: Hash,
    },
    /// The promise doesn't raise what is owed by the price.
    #[error("the promise is for {found} planck in total and this call needs {expected}; sign for {expected}")]
    CumulativeTooLow {
        /// What was owed before, plus the price.
        expected: Balance,
        /// What the promise says.
        found: Balance,
    },
    /// The promise, or the amount that this call needs, is more than the session has.
    #[error("the session's deposit is {deposit} planck and this would take {needed}; top it up or open another one")]
    OverDeposit {
        /// All that was put in.
        deposit: Balance,
        /// What it would have to be at least.
        needed: Balance,
    },
    /// The promise raises what is owed by more than the price.
    #[error(
        "the promise is for {found} planck in total and this call needs only {expected}; sign for exactly {expected}"
    )]
    Overpaid {
        /// What was owed before, plus the price.
        expected: Balance,
        /// What the promise says.
        found: Balance,
    },
    /// The signature is not the session signer's over this promise, for this chain.
    #[error("the signature is not by {signer} over this promise for this chain; sign with the key named when the session was opened")]
    BadSignature {
        /// The key that signs for the session.
        signer: AccountId,
    },
}

impl Rejection {
    /// The stable name, the same as the API's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::StaleChainView => "stale_chain_view",
            Self::OtherSession { .. } => "other_session",
            Self::UnknownSession { .. } => "unknown_session",
            Self::OtherNode { .. } => "other_node",
            Self::NetworkSession => "network_session",
            Self::OtherToken { .. } => "other_token",
            Self::SessionExpiring { .. } => "session_expiring",
            Self::SessionClosing { .. } => "session_closing",
            Self::TicksUnsupported => "ticks_unsupported",
            Self::OtherRequest { .. } => "other_request",
            Self::CumulativeTooLow { .. } => "cumulative_too_low",
            Self::OverDeposit { .. } => "over_deposit",
            Self::Overpaid { .. } => "overpaid",
            Self::BadSignature { .. } => "bad_signature",
        }
    }
}
