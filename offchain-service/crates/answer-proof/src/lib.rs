//! # Whether a saved answer holds
//!
//! A [`SavedAnswer`] is what a caller keeps of a paid call: the request as sent, the answer as received, the node's receipt, and
//! for a key operation the proof that a commitment covers it. A [`Snapshot`] is what the chain says, taken once from a node of
//! one's own: which key signs for which service node, and the commitments. [`verify`] needs nothing else: no network, no clock,
//! and nobody to trust but who took the snapshot.
//!
//! What it shows: *this node signed, for this very request and on this chain, that it answered with these very bytes and charged
//! this much; and the anchors committed to it in this period.* It doesn't show that the answer is right: which blocks of which
//! chains it was computed at is part of what the node signed, so whoever doubts it can compute it again, and a node that lied has
//! signed the lie.

mod saved;
mod snapshot;
mod verify;

pub use saved::{SavedAnswer, MAX_SAVED_BYTES};
pub use snapshot::{Commitment, Snapshot, TakenAt, MAX_SNAPSHOT_BYTES};
pub use verify::{verify, Claim, Finding, Flaw};

/// Why a file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// More bytes than are read.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// Not the JSON of such a file.
    #[error("it is no such file: {0}")]
    Json(#[from] serde_json::Error),
    /// A version of the format that is not known.
    #[error("its format has version {0}, of which nothing is known here; a newer smartlayer may read it")]
    Version(u32),
}
