//! How pallets meet: each asks for what it needs and knows none of the others.

use sp_runtime::{DispatchError, DispatchResult, Permill};
use sp_weights::Weight;

use crate::{
    commitment::Commitment,
    quorum::{AnchorSet, QuorumCertificate, QuorumError},
    sla::Terms,
    AccountId, Balance, BlockNumber, Hash, Period,
};

/// The active anchors. Implemented by `anchors`.
pub trait Anchors {
    /// The active set.
    fn active() -> AnchorSet;
    /// The active anchor that `origin` may act for: itself, or the one whose signing key it is.
    fn acting_for(origin: &AccountId) -> Option<AccountId>;
    /// Whether more than two thirds of the active set attested `hash`.
    fn verify_quorum(hash: Hash, certificate: &QuorumCertificate) -> Result<(), QuorumError>;
    /// Makes exactly these the active anchors, for the benchmarks of other pallets. Without it, benchmarks that need a quorum fail.
    #[cfg(feature = "runtime-benchmarks")]
    fn activate_for_benchmark(_members: alloc::vec::Vec<crate::quorum::Member>) {}
}

/// The registered service nodes. Implemented by `service-staking`.
pub trait ServiceNodes {
    /// The node that `origin` may act for: itself, or the one whose service key it is.
    fn acting_for(origin: &AccountId) -> Option<AccountId>;
    /// Whether the node is registered and holds at least the minimum stake.
    fn is_bonded(node: &AccountId) -> bool;
    /// What could be slashed of the node: its bond and its unbonding chunks, in planck.
    fn slashable(node: &AccountId) -> Balance;
    /// Takes `fraction` of what the node had at stake, unbonding chunks included, never more than is left; returns what was taken.
    fn slash(node: &AccountId, fraction: Permill) -> Result<Balance, DispatchError>;
    /// Makes the node known to the benchmarks of other pallets.
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId);
}

/// Service level agreements. Implemented by `sla-registry`.
pub trait Agreements {
    /// The node's terms while its agreement is active.
    fn active_terms(node: &AccountId) -> Option<Terms>;
}

/// Stored commitments. Implemented by `commitment-snapshots`.
pub trait Snapshots {
    /// The period that is running.
    fn current_period() -> Period;
    /// The commitment of a period, as long as it is kept.
    fn commitment(period: Period) -> Option<Commitment>;
}

/// What happens when a commitment was accepted. Implemented by `service-staking`, which mints the period's rewards.
pub trait OnCommitment {
    /// `signers` are the anchors whose signatures made the quorum.
    fn on_commitment(commitment: &Commitment, signers: &[AccountId]);
    /// What [`OnCommitment::on_commitment`] costs at most; whoever accepts commitments adds it to what that costs.
    fn weight() -> Weight;
}

impl OnCommitment for () {
    fn on_commitment(_: &Commitment, _: &[AccountId]) {}

    fn weight() -> Weight {
        Weight::zero()
    }
}

/// Takes in what issuers pay for the availability of their tokens. Implemented by `service-staking`'s reward pool.
pub trait RentPool {
    /// Moves `amount` of `from`'s free balance into the pool.
    fn pay_rent(from: &AccountId, amount: Balance) -> DispatchResult;
}

/// Randomness that was fixed at a known block. Implemented by the runtime over BABE's epoch randomness.
pub trait PeriodRandomness {
    /// The randomness of an epoch that ended before now, and the block from which it was known.
    fn seed() -> (Hash, BlockNumber);
}
