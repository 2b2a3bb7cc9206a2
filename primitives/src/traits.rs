//! How pallets meet: each asks for what it needs and knows none of the others.

use sp_runtime::{DispatchError, DispatchResult, Permill};
use sp_weights::Weight;

use crate::{
    commitment::Commitment,
    quorum::{AnchorKey, AnchorSet, QuorumCertificate, QuorumError},
    report::ReportEntry,
    sla::Terms,
    AccountId, Balance, BlockNumber, Hash, Period, TokenTypeId,
};

/// The active anchors. Implemented by `anchors`.
pub trait Anchors {
    /// The active set.
    fn active() -> AnchorSet;
    /// The active anchor that `origin` may act for: itself, or the one whose signing key it is.
    fn acting_for(origin: &AccountId) -> Option<AccountId>;
    /// Whether more than two thirds of the active set attested `hash`.
    fn verify_quorum(hash: Hash, certificate: &QuorumCertificate) -> Result<(), QuorumError>;
    /// Makes exactly these the active anchors, each elected, registered and with a bond, for the benchmarks of other pallets. Without it,
    /// benchmarks that need a quorum fail.
    #[cfg(feature = "runtime-benchmarks")]
    fn activate_for_benchmark(_members: alloc::vec::Vec<crate::quorum::Member>) {}
}

/// What stands behind an anchor's word. Implemented by `anchors`.
pub trait AnchorBonds {
    /// The organisation whose signing key this is, or was until less than the bond's delay ago.
    fn owner_of_key(key: &AnchorKey) -> Option<AccountId>;
    /// Moves up to `amount` of the organisation's bond, departing bond included, to `to`; returns what was moved.
    fn seize(anchor: &AccountId, amount: Balance, to: &AccountId) -> Balance;
    /// Takes `fraction` of the organisation's bond, departing bond included, rounded up; a part goes to `reporter` as a bounty, the rest
    /// where slashes go. Returns what was taken.
    fn slash(anchor: &AccountId, fraction: Permill, reporter: &AccountId) -> Result<Balance, DispatchError>;
    /// Takes the anchor out of the active set until the next election, unless too few would be left. Returns whether it did.
    fn suspend(anchor: &AccountId) -> bool;
    /// What [`AnchorBonds::seize`] or [`AnchorBonds::slash`] costs at most. The default is a generous bound, 1 ms and 32 KiB of proof.
    fn weight() -> Weight {
        Weight::from_parts(1_000_000_000, 32_768)
    }
}

/// Whether an account is known by name to somebody whom the DAO trusts with that. Implemented by the runtime over `pallet-identity`.
pub trait JudgedIdentity {
    /// Whether the account has an identity that a registrar judged reasonable or known good.
    fn is_judged(account: &AccountId) -> bool;
    /// Makes the account's identity a judged one, for benchmarks.
    #[cfg(feature = "runtime-benchmarks")]
    fn judge_for_benchmark(_account: &AccountId) {}
}

/// The registered service nodes. Implemented by `service-staking`.
pub trait ServiceNodes {
    /// The node that `origin` may act for: itself, or the one whose service key it is.
    fn acting_for(origin: &AccountId) -> Option<AccountId>;
    /// Whether the node is registered and holds at least the minimum stake, chilled or not.
    fn is_bonded(node: &AccountId) -> bool;
    /// Whether the node takes new work: bonded and not chilled.
    fn is_available(node: &AccountId) -> bool;
    /// Makes the node known to the benchmarks of other pallets.
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId);
}

/// Service level agreements. Implemented by `sla-registry`.
pub trait Agreements {
    /// The terms under which the node is given work.
    fn active_terms(node: &AccountId) -> Option<Terms>;
    /// What a committed line of a report costs its node by the penalty schedule that held for the line's period: the share of the stake, or
    /// nothing if the line is no persistent breach, or one in declared maintenance, or no terms held.
    fn penalty(entry: &ReportEntry) -> Option<Permill>;
    /// A persistent breach of the node in this period was reported.
    fn on_breach(node: &AccountId, period: Period);
    /// What [`Agreements::penalty`] and [`Agreements::on_breach`] cost together at most.
    fn weight() -> Weight;
}

/// The registered token types. Implemented by `smart-tokens`.
pub trait TokenTypes {
    /// The issuer of a token type and its share in the payments for calls, or nothing if there is no such type.
    fn revenue(token_type: TokenTypeId) -> Option<(AccountId, Permill)>;
    /// Registers a token type with this share for the benchmarks of other pallets, and returns its number.
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(issuer: &AccountId, share: Permill) -> TokenTypeId;
}

impl TokenTypes for () {
    fn revenue(_: TokenTypeId) -> Option<(AccountId, Permill)> {
        None
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(_: &AccountId, _: Permill) -> TokenTypeId {
        0
    }
}

/// Stored commitments. Implemented by `commitment-snapshots`.
pub trait Snapshots {
    /// The period that is running.
    fn current_period() -> Period;
    /// The commitment of a period, as long as it is kept.
    fn commitment(period: Period) -> Option<Commitment>;
    /// The block at which the commitment of a period was accepted, as long as it is kept.
    fn committed_at(period: Period) -> Option<BlockNumber>;
    /// The randomness of a period that began, as long as it is kept.
    fn seed(period: Period) -> Option<Hash>;
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
