//! What can go wrong between this process and the chain.

use std::fmt;

use smartlayer_primitives::{BlockNumber, Hash};

/// Why something on the chain could not be read or done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The node could not be reached at all.
    #[error("cannot reach a chain node at {url}: {reason}; check that it runs and that the address is right")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What the attempt said.
        reason: String,
    },
    /// The connection is lost. The client is reconnecting on its own.
    #[error("not connected to the chain ({reason}); reconnecting to {url}")]
    Disconnected {
        /// Where the node was.
        url: String,
        /// What ended the connection.
        reason: String,
    },
    /// The node answers, but its chain lacks what this program needs.
    #[error("the chain at {url} is not a Smart Layer chain or is of another version: missing {missing}")]
    OtherChain {
        /// The node.
        url: String,
        /// The first things that are missing, by name.
        missing: String,
    },
    /// The node refused a request.
    #[error("the chain node refused {what}: {reason}")]
    Node {
        /// Which request.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
    /// What the node sent is not what its metadata promises.
    #[error("cannot decode {what}: {reason}; this program is of another version than the chain")]
    Decode {
        /// What was read.
        what: String,
        /// Where it failed.
        reason: String,
    },
    /// The block is not known to the node: it never was, or its state was pruned.
    #[error("the chain node knows no block {0}")]
    UnknownBlock(String),
    /// An iteration met more entries than this program is willing to hold.
    #[error("{what} has more than {limit} entries; read them one by one")]
    TooMany {
        /// The storage map.
        what: String,
        /// The bound.
        limit: usize,
    },
    /// A transaction could not be built from the call.
    #[error("cannot build the call {call}: {reason}")]
    BadCall {
        /// The call, as `Pallet.call`.
        call: String,
        /// Why not.
        reason: String,
    },
    /// The node's pool refused the transaction; it did not happen, and cost nothing.
    #[error("the chain node did not take the transaction {call}: {reason}")]
    Rejected {
        /// The call, as `Pallet.call`.
        call: String,
        /// The pool's reason.
        reason: String,
    },
    /// The transaction is in a block, and its call failed. The fee was paid, nothing else happened.
    #[error("{call} failed: {failure}")]
    Failed {
        /// The call, as `Pallet.call`.
        call: String,
        /// Why.
        failure: DispatchFailure,
    },
    /// It is not known whether the transaction happened: the connection was lost, or it waited too long.
    #[error("lost sight of the transaction {call} ({reason}); until block {until} it may still happen")]
    Unresolved {
        /// The call, as `Pallet.call`.
        call: String,
        /// What happened.
        reason: String,
        /// The transaction's hash.
        extrinsic: Hash,
        /// After this block it can no longer happen.
        until: BlockNumber,
    },
}

impl Error {
    /// The failure of a call that is in a block, for telling one pallet error from another.
    pub fn failure(&self) -> Option<&DispatchFailure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Whether asking again later can help without anything else changing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Disconnected { .. } | Self::Unresolved { .. })
    }
}

/// Why a call failed, in the chain's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchFailure {
    /// The pallet whose error it is; nothing for errors of the runtime itself.
    pub pallet: Option<String>,
    /// The error's name.
    pub name: String,
    /// What its documentation says: the reason and the remedy.
    pub docs: String,
}

impl DispatchFailure {
    /// Whether it is this error of this pallet.
    pub fn is(&self, pallet: &str, name: &str) -> bool {
        self.pallet.as_deref() == Some(pallet) && self.name == name
    }
}

impl fmt::Display for DispatchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pallet) = &self.pallet {
            write!(f, "{pallet}.")?;
        }
        f.write_str(&self.name)?;
        if !self.docs.is_empty() {
            write!(f, ": {}", self.docs)?;
        }
        Ok(())
    }
}

/// `first` and how many more, so that an error stays one readable line.
pub(crate) fn shorten(names: &[String]) -> String {
    match names {
        [] => String::new(),
        few if few.len() <= 5 => few.join(", "),
        many => format!("{} and {} more", many[..4].join(", "), many.len() - 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_as_a_sentence_and_can_be_told_apart() {
        let failure = DispatchFailure {
            pallet: Some("PromiseSettlement".into()),
            name: "UnknownSession".into(),
            docs: "There is no such session.".into(),
        };
        let error = Error::Failed { call: "PromiseSettlement.claim".into(), failure };
        assert_eq!(
            error.to_string(),
            "PromiseSettlement.claim failed: PromiseSettlement.UnknownSession: There is no such session."
        );
        assert!(error.failure().unwrap().is("PromiseSettlement", "UnknownSession"));
        assert!(!error.is_transient());
    }

    #[test]
    fn long_lists_are_shortened() {
        let names: Vec<String> = (0..9).map(|i| format!("A.{i}")).collect();
        assert_eq!(shorten(&names), "A.0, A.1, A.2, A.3 and 5 more");
        assert_eq!(shorten(&names[..2]), "A.0, A.1");
    }
}
