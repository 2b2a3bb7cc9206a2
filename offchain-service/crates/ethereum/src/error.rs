//! What goes wrong: with one endpoint, and with a read after all endpoints were tried.

use std::time::Duration;

use crate::ChainId;

/// What an endpoint did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// No whole answer in time.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    /// The connection ended in the middle of the answer.
    #[error("its answer broke off: {0}")]
    BrokenOff(String),
    /// An HTTP status that is no success.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// It wants to be asked less.
    #[error("it limits how much it is asked")]
    RateLimited,
    /// More bytes than are read.
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
    /// What is no answer to what was asked.
    #[error("its answer makes no sense: {0}")]
    Garbage(String),
    /// An answer to a part of the batch is missing.
    #[error("an answer is missing")]
    MissingAnswer,
    /// It does not take several requests at once, and not one by one either.
    #[error("it refuses batches")]
    BatchRefused {
        /// Whether fewer at once might do.
        too_many: bool,
    },
    /// It belongs to another chain.
    #[error("it belongs to chain {}", ChainId(*.0))]
    WrongChain(u64),
    /// It does not know the block, or the block is no longer part of the chain.
    #[error("it does not know block {0}, or that was replaced")]
    BlockUnknown(u64),
    /// Its newest block's time lies ahead.
    #[error("its newest block is {0} s ahead of the clock")]
    FromTheFuture(u64),
    /// Its newest block is old.
    #[error("its newest block is {0} s old")]
    Stale(u64),
    /// Its newest block is further back than a reorganisation goes.
    #[error("its newest block went back by {0}")]
    WentBack(u64),
    /// Its newest block is not near the other endpoints'.
    #[error("its newest block is {0} blocks away from what the other endpoints say")]
    Differs(u64),
    /// It answered with an error.
    #[error("error {code}: {message}")]
    Refused {
        /// JSON-RPC's number.
        code: i64,
        /// Its words, cut to 200 characters.
        message: String,
    },
}

impl Fault {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Unreachable(_) => "unreachable",
            Fault::Timeout(_) => "timeout",
            Fault::BrokenOff(_) => "broken-off",
            Fault::Status(_) => "http-status",
            Fault::RateLimited => "rate-limited",
            Fault::TooLarge(_) => "too-large",
            Fault::Garbage(_) => "garbage",
            Fault::MissingAnswer => "missing-answer",
            Fault::BatchRefused { .. } => "batch-refused",
            Fault::WrongChain(_) => "wrong-chain",
            Fault::BlockUnknown(_) => "block-unknown",
            Fault::FromTheFuture(_) => "head-from-the-future",
            Fault::Stale(_) => "head-stale",
            Fault::WentBack(_) => "head-went-back",
            Fault::Differs(_) => "head-differs",
            Fault::Refused { .. } => "refused",
        }
    }

    /// Whether one read of a batch may be the reason, and not the endpoint.
    pub(crate) fn may_be_one_reads(&self) -> bool {
        matches!(self, Fault::Timeout(_) | Fault::TooLarge(_))
    }
}

/// Why a read has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EthereumError {
    /// No endpoint is configured for the chain.
    #[error("no Ethereum node is configured for chain {}", ChainId(*.0))]
    UnknownChain(u64),
    /// Every endpoint failed; what the last one did wrong.
    #[error("no Ethereum node of chain {} answered: {fault}", ChainId(*chain))]
    Unanswered {
        /// The chain's number.
        chain: u64,
        /// The last endpoint's fault.
        fault: Fault,
    },
    /// The time is over.
    #[error("no Ethereum node of chain {} answered within {limit:?}", ChainId(*chain))]
    Deadline {
        /// The chain's number.
        chain: u64,
        /// How long it was waited.
        limit: Duration,
    },
    /// More is asked of the chain at once than is kept waiting.
    #[error("too much is asked of chain {} at once", ChainId(*.0))]
    Overloaded(u64),
    /// The read is beyond a bound.
    #[error("this is not asked: {0}")]
    InvalidRead(&'static str),
    /// The work on it stopped, as when the service ends.
    #[error("the work on it stopped")]
    Stopped,
}

impl EthereumError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            EthereumError::UnknownChain(_) => "unknown-chain",
            EthereumError::Unanswered { .. } => "chain-unanswered",
            EthereumError::Deadline { .. } => "chain-deadline",
            EthereumError::Overloaded(_) => "chain-overloaded",
            EthereumError::InvalidRead(_) => "invalid-read",
            EthereumError::Stopped => "stopped",
        }
    }

    /// What can be done about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            EthereumError::UnknownChain(_) => "Ask another node; this one's operator has to name endpoints of the chain.",
            EthereumError::Unanswered { fault: Fault::Stale(_), .. } => {
                "Ask another node; if the chain makes blocks so seldom, the operator has to raise max_block_age_seconds."
            }
            EthereumError::Unanswered { fault: Fault::BlockUnknown(_), .. } => "Ask again; it is then read at a newer block.",
            EthereumError::Unanswered { .. } | EthereumError::Deadline { .. } => {
                "Ask again later, or another node; the operator sees in the log which endpoints fail and why."
            }
            EthereumError::Overloaded(_) | EthereumError::Stopped => "Ask again in a moment, or another node.",
            EthereumError::InvalidRead(_) => "The script has to ask for less.",
        }
    }
}
