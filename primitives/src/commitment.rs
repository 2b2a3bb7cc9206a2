//! Commitments: the record of a period that the anchors sign and the chain stores.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use sp_runtime::traits::Verify;

use crate::{
    merkle::MerkleRoot,
    payload::Payload,
    quorum::{attestation, AnchorKey, AnchorSignature},
    AccountId, Balance, BlockNumber, Hash, Period,
};

/// What happened in a period, as roots and totals. Its size does not depend on how much happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Commitment {
    /// The period that it covers.
    pub period: Period,
    /// The [`Payload::payload_hash`] of the commitment before it; zero for the first.
    pub previous: Hash,
    /// Over [`crate::operation::Operation`]s.
    pub operations: MerkleRoot,
    /// Over [`crate::operation::OperationBitmap`]s.
    pub bitmaps: MerkleRoot,
    /// Over [`crate::report::ReportEntry`]s: the service-level report.
    pub report: MerkleRoot,
    /// Over [`crate::assignment::Assignment`]s.
    pub assignments: MerkleRoot,
    /// Sums over the leaves.
    pub totals: Totals,
    /// The anchor on duty, or the stand-in, that writes it.
    pub writer: AccountId,
}

/// Sums over a period.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Totals {
    /// How many key operations.
    pub operations: u64,
    /// What they charged, in planck.
    pub served_value: Balance,
    /// The sum of the report's reward weights: the denominator of every reward.
    pub reward_weight: u128,
}

impl Payload for Commitment {
    const DOMAIN: &'static str = "smartlayer/commitment/1";
}

/// Two commitments by one writer for one period, both signed by the same anchor: proof that it signed against itself.
///
/// Only commitments of the same writer contradict each other: a stand-in's commitment names another writer and may well be built on other
/// measurements, so honest anchors sign it after the one of a writer that fell silent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Equivocation {
    /// The key that signed both.
    pub key: AnchorKey,
    /// One.
    pub first: Commitment,
    /// The signature over the attestation of it.
    pub first_signature: AnchorSignature,
    /// The other.
    pub second: Commitment,
    /// The signature over the attestation of it.
    pub second_signature: AnchorSignature,
}

impl Equivocation {
    /// Whether the two contradict each other and the key signed both, on the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash) -> bool {
        let signed = |commitment: &Commitment, signature: &AnchorSignature| {
            signature.verify(&attestation(genesis, commitment.payload_hash(genesis))[..], &self.key)
        };
        self.first.period == self.second.period
            && self.first.writer == self.second.writer
            && self.first != self.second
            && signed(&self.first, &self.first_signature)
            && signed(&self.second, &self.second_signature)
    }
}

/// A commitment as the chain keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct StoredCommitment {
    /// What was committed.
    pub commitment: Commitment,
    /// Its [`Payload::payload_hash`].
    pub hash: Hash,
    /// The block that took it in.
    pub block: BlockNumber,
}

/// The running period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct PeriodClock {
    /// Its number.
    pub period: Period,
    /// Its first block.
    pub started_at: BlockNumber,
    /// How many blocks it has.
    pub length: BlockNumber,
}

/// What stays known of a period: when it was over, and the randomness that ranks its writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct PeriodRecord {
    /// The seed of its duty ranking, from an epoch that ended before it began.
    pub seed: Hash,
    /// The first block after it; nothing while it runs.
    pub ended_at: Option<BlockNumber>,
}
