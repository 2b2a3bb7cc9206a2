//! What the chain says, kept to check answers without it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smartlayer_api_types::HexBytes;
use smartlayer_primitives::{commitment::StoredCommitment, AccountId, Hash};

use crate::FileError;

/// The largest file that is read, in bytes: some 50,000 commitments or nodes.
pub const MAX_SNAPSHOT_BYTES: usize = 64 << 20;
const VERSION: u32 = 1;

/// The chain at a finalised block, as far as answers are checked against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    version: u32,
    /// The chain's genesis hash, which every signature is bound to.
    pub genesis: Hash,
    /// The finalised block that it was taken at.
    pub block: TakenAt,
    /// The commitments, by rising period.
    pub commitments: Vec<Commitment>,
    /// The keys that sign for each service node: the one that the chain has, then former ones. The chain keeps no former ones:
    /// they are those of earlier snapshots.
    pub service_keys: BTreeMap<AccountId, Vec<AccountId>>,
}

/// A block of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenAt {
    /// Its number.
    pub number: u32,
    /// Its hash.
    pub hash: Hash,
}

/// A commitment as the chain has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commitment {
    /// The period that it covers.
    pub period: u32,
    /// Its hash.
    pub hash: Hash,
    /// The block that took it in.
    pub block: u32,
    /// SCALE of the `Commitment`.
    pub commitment: HexBytes,
}

impl From<&StoredCommitment> for Commitment {
    fn from(stored: &StoredCommitment) -> Self {
        Commitment {
            period: stored.commitment.period,
            hash: stored.hash,
            block: stored.block,
            commitment: HexBytes::of(&stored.commitment),
        }
    }
}

impl Snapshot {
    /// What the chain says at a finalised block: its commitments, and the nodes with their service keys.
    pub fn new(
        genesis: Hash,
        block: TakenAt,
        commitments: &[StoredCommitment],
        nodes: impl IntoIterator<Item = (AccountId, AccountId)>,
    ) -> Self {
        let mut commitments: Vec<Commitment> = commitments.iter().map(Commitment::from).collect();
        commitments.sort_by_key(|commitment| commitment.period);
        let service_keys = nodes.into_iter().map(|(node, key)| (node, vec![key])).collect();
        Snapshot { version: VERSION, genesis, block, commitments, service_keys }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A [`FileError`] if it is too large, not of this form, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > MAX_SNAPSHOT_BYTES {
            return Err(FileError::TooLarge(MAX_SNAPSHOT_BYTES));
        }
        let snapshot: Snapshot = serde_json::from_slice(bytes)?;
        match snapshot.version {
            VERSION => Ok(snapshot),
            other => Err(FileError::Version(other)),
        }
    }

    /// Adds what an earlier snapshot of the same chain knew and the chain has forgotten: service keys that were replaced, nodes
    /// that left, commitments that are no longer kept. Says whether it is of the same chain; if not, nothing is added.
    pub fn remember(&mut self, earlier: Snapshot) -> bool {
        if earlier.genesis != self.genesis {
            return false;
        }
        for (node, keys) in earlier.service_keys {
            let known = self.service_keys.entry(node).or_default();
            let new: Vec<_> = keys.into_iter().filter(|key| !known.contains(key)).collect();
            known.extend(new);
        }
        let oldest = self.commitments.first().map_or(u32::MAX, |commitment| commitment.period);
        let forgotten = earlier.commitments.into_iter().filter(|commitment| commitment.period < oldest);
        self.commitments.splice(0..0, forgotten.collect::<Vec<_>>());
        true
    }

    /// The commitment of a period.
    pub fn commitment(&self, period: u32) -> Option<&Commitment> {
        self.commitments.iter().find(|commitment| commitment.period == period)
    }
}
