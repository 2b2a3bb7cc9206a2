//! # Commitment snapshots pallet
//!
//! The period clock, the duty to write, and the chain of commitments.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for more information about the interfaces this pallet exposes, including its configuration trait,
//! dispatchables, storage items, events and errors.
//!
//! ## Overview
//!
//! Most of what happens in the network happens outside the chain: nodes answer calls, anchors measure them. So that it can be
//! proved later, the anchors write it down *period* by period. At the end of each period one of them brings a *commitment*: a
//! few fingerprints that stand for everything that happened, signed by more than two thirds of the anchors. The chain keeps it.
//! From then on anybody can prove, with a short proof, that an operation was recorded or what a node's report said.
//!
//! Who writes is decided by lot, afresh for each period and known from its beginning. The first in the order writes as soon as the period
//! is over. If it doesn't, the second may, after some grace, then the third. Who let its turn pass gets a *strike*; who writes loses one.
//! An anchor with too many strikes is suspended until the next election.
//!
//! An anchor must not sign two different stories of one period. Whoever finds that one did brings both signatures: part of the anchor's
//! bond is taken, the finder gets a share of it, and the anchor is suspended.
//!
//! The chain keeps the commitments of the last weeks whole, and of all older ones a fingerprint of a few hundred bytes. Whoever kept an old
//! commitment can prove with it that it was accepted, and with that everything that it stands for.
//!
//! ## Example
//!
//! A period and its commitment, out of this pallet's tests:
#![doc = docify::embed!("src/tests.rs", a_period_and_its_commitment)]
//! An anchor that signed against itself:
#![doc = docify::embed!("src/tests/equivocation.rs", who_signs_against_itself_pays)]
//! A commitment that the chain does not keep any more:
#![doc = docify::embed!("src/tests/proofs.rs", an_old_commitment_still_proves)]
//!
//! ## Low-level details
//!
//! * **Clock.** Period 0 begins with the genesis block. The length of a period is read from the governed number when the period
//!   begins, and stays. The clock advances in `on_initialize`, at constant cost.
//! * **Seed.** A period's seed is what [`PeriodRandomness`](smartlayer_primitives::traits::PeriodRandomness) gives in the period's
//!   first block. It **must** be of an epoch that ended before the period began: if blocks of the period itself could still change
//!   it, their authors would choose the writer.
//! * **Turns.** The [`ranking`](smartlayer_primitives::duty::ranking) is over the anchors that are active when the commitment comes.
//!   Rank r may write r grace intervals after the period's end.
//! * **Strikes.** When a stand-in writes, each anchor ranked before it gets a strike, if it had its own whole grace interval
//!   while the period was the next to commit. Who could not write because an earlier period was missing gets none.
//! * **Their end.** With [`Config::MaxStrikes`] the anchor is suspended and its strikes are over. If it can't be suspended, because too few
//!   anchors would be left, it keeps them, and its next miss asks again. Each commitment that an anchor writes takes one strike off, so
//!   that only who misses more turns than it takes is suspended, however long it serves. Who is no active anchor when a commitment is
//!   accepted loses its strikes: so there are never more entries than anchors.
//! * **Equivocation.** Two commitments contradict each other only if they are of one period *and one writer*: a stand-in writes another one
//!   from its own measurements, and honest anchors sign it after that of a writer that fell silent. An anchor answers once for each period,
//!   as long as the period is kept, and for keys that it gave up as well. It also answers for what it signed of a period that it had no
//!   seat in: a signature that counted for nothing is as false as one that counted.
//! * **Chain.** Periods are committed in their order; each commitment names the hash of the one before ([`LastHash`]).
//! * **Bounded history.** Records and commitments of the last [`Config::History`] periods that ended are kept; every turn of a
//!   period removes exactly one of each. When a period grows so old uncommitted, it is *skipped*: it will never have a commitment,
//!   the next one becomes the one to commit, and that commitment's `previous` is the hash of the last one that was accepted. So an
//!   outage of any length neither blocks the chain of commitments nor makes the state grow. After an outage the anchors catch
//!   up as fast as blocks take the commitments in. `History` changes only with the runtime, together with a migration.
//! * **Ancestry.** The hashes of all accepted commitments, in their order, are the leaves of a
//!   [`MountainRange`](smartlayer_primitives::history::MountainRange), of which the chain keeps the peaks. The hashes are in the
//!   [`Event::Committed`]s, and each commitment names the one before; with all of them
//!   [`history::prove`](smartlayer_primitives::history::prove) makes the proof for any. A leaf's number is its commitment's place among the
//!   accepted ones, which is not its period if periods were skipped.
//! * **Bits.** A commitment's bitmaps are read where they lie, without memory of their own, and only if they are well formed to the last byte
//!   and at most [`bitmap::MAX_BYTES`](smartlayer_primitives::bitmap::MAX_BYTES) long.
//! * **Fees.** An accepted commitment costs its writer nothing, and a proven equivocation who reported it neither.
//! * **Constant cost.** A commitment's size does not depend on how much happened. Its cost grows with the number of anchors only, of
//!   which there are at most [`MAX_ANCHORS`](smartlayer_primitives::quorum::MAX_ANCHORS).

#![cfg_attr(not(feature = "std"), no_std)]
// What runs on the chain never panics and never wraps.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod benchmarking;
mod discipline;
mod impls;
#[cfg(test)]
mod mock;
mod proofs;
#[cfg(any(feature = "std", feature = "try-runtime"))]
// Checks that only tests and try-runtime run.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod state;
#[cfg(test)]
mod tests;
// Sums of constants.
#[allow(clippy::arithmetic_side_effects)]
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

/// The period clock, the duty to write, and the chain of commitments.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use super::WeightInfo;
    use alloc::{boxed::Box, vec::Vec};
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        assignment::Assignment,
        commitment::{Commitment, Equivocation, PeriodClock, PeriodRecord, StoredCommitment},
        history::MountainRange,
        merkle::MerkleProof,
        operation::{Operation, OperationBitmap},
        quorum::{QuorumCertificate, MAX_ANCHORS},
        report::ReportEntry,
        traits::{AnchorBonds, Anchors, OnCommitment, PeriodRandomness},
        AccountId, Balance, BlockNumber, Hash, InstanceIndex, Period,
    };
    use sp_runtime::{
        traits::{Header, HeaderProvider},
        Permill,
    };

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    /// How many organisations can be reported for one period: twice as many as can be active at once, and each of them pays with its bond.
    pub const MAX_EQUIVOCATORS: u32 = 2 * MAX_ANCHORS;

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<
        AccountId = AccountId,
        Hash = Hash,
        Block: HeaderProvider<HeaderT: Header<Number = BlockNumber>>,
    >
    {
        /// The active anchors: who may write, and whose quorum makes a commitment.
        type Anchors: Anchors;

        /// What the anchors lose if they sign against themselves or neglect their duty.
        type AnchorBonds: AnchorBonds;

        /// The randomness that ranks the writers. Must be of an epoch that ended before the block that asks for it.
        type Randomness: PeriodRandomness;

        /// What else happens when a commitment is accepted.
        type OnCommitment: OnCommitment;

        /// How many blocks a period has; read when it begins. Zero counts as one.
        type PeriodLength: Get<BlockNumber>;

        /// How many blocks each anchor has for itself before the next in the ranking may write as well. Zero counts as one.
        type Grace: Get<BlockNumber>;

        /// How many periods that ended are kept; at least one. A smaller number needs a migration that removes what is older.
        #[pallet::constant]
        type History: Get<Period>;

        /// The share of its bond that an anchor loses if it signed two commitments that contradict each other.
        type EquivocationSlash: Get<Permill>;

        /// With how many strikes an anchor is suspended. Zero counts as one.
        type MaxStrikes: Get<u32>;

        /// What the calls and the clock cost.
        type WeightInfo: WeightInfo;
    }

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// The running period. Written by the genesis state and by the hook in the first block of each period.
    #[pallet::storage]
    pub type Clock<T: Config> = StorageValue<_, PeriodClock>;

    /// The running period's record and those of the last [`Config::History`] periods.
    ///
    /// Written by the genesis state, and in the first block of each period by the hook, which also removes the oldest.
    #[pallet::storage]
    pub type Periods<T: Config> = StorageMap<_, Twox64Concat, Period, PeriodRecord>;

    /// The period whose commitment is due next, or is running. Raised by [`Call::submit`], and by the hook when it skips a
    /// period that grew too old.
    #[pallet::storage]
    pub type NextToCommit<T: Config> = StorageValue<_, Period, ValueQuery>;

    /// The block in which [`NextToCommit`] took its value, and is written with it: before, nobody could commit that period, and so
    /// nobody missed its turn.
    #[pallet::storage]
    pub type NextSince<T: Config> = StorageValue<_, BlockNumber, ValueQuery>;

    /// The hash of the last commitment that was accepted; zero before the first. Written by [`Call::submit`].
    #[pallet::storage]
    pub type LastHash<T: Config> = StorageValue<_, Hash, ValueQuery>;

    /// The commitments of the last [`Config::History`] periods, as far as they were made.
    ///
    /// Inserted by [`Call::submit`]; the hook removes the oldest in the first block of each period.
    #[pallet::storage]
    pub type Commitments<T: Config> = StorageMap<_, Twox64Concat, Period, StoredCommitment>;

    /// How often each anchor let its turn pass and didn't make up for it. Raised, lowered and removed by [`Call::submit`], which also
    /// removes those of who is no active anchor any more: there are never more entries than anchors.
    #[pallet::storage]
    pub type Strikes<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

    /// The peaks over the hashes of all commitments that were ever accepted, in their order. Written by [`Call::submit`].
    #[pallet::storage]
    pub type Ancestry<T: Config> = StorageValue<_, MountainRange, ValueQuery>;

    /// Who was reported for signing against itself, by the period of what it signed, for the running period and the last
    /// [`Config::History`].
    ///
    /// Written by [`Call::report_equivocation`]; the hook removes the oldest in the first block of each period.
    #[pallet::storage]
    pub type Equivocators<T: Config> =
        StorageMap<_, Twox64Concat, Period, BoundedVec<AccountId, ConstU32<MAX_EQUIVOCATORS>>, ValueQuery>;

    /// Starts the clock; there is nothing to configure.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        #[serde(skip)]
        #[doc(hidden)]
        pub _config: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            Pallet::<T>::begin_period(0, 0);
        }
    }

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A period began; the one before is over, and its commitment may be written.
        PeriodStarted {
            /// The period that began.
            period: Period,
            /// How many blocks it has.
            length: BlockNumber,
            /// What ranks its writers.
            seed: Hash,
        },
        /// A period grew too old without a commitment, and will never have one.
        PeriodSkipped {
            /// The period.
            period: Period,
        },
        /// A commitment was accepted.
        Committed {
            /// The period that it covers.
            period: Period,
            /// Its hash, which the next commitment names.
            hash: Hash,
            /// The anchor that wrote it.
            writer: AccountId,
        },
        /// An anchor let its turn pass and a stand-in wrote the commitment.
        DutyMissed {
            /// The anchor.
            anchor: AccountId,
            /// The period.
            period: Period,
        },
        /// An organisation was proved to have signed two commitments that contradict each other.
        EquivocationProven {
            /// The organisation.
            anchor: AccountId,
            /// The period of both commitments.
            period: Period,
            /// What it lost of its bond, in planck.
            slashed: Balance,
            /// Whether it was suspended by this. It was not if it had no seat, was suspended already, or too few would be left.
            suspended: bool,
            /// Who proved it.
            reporter: AccountId,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// The origin acts for no active anchor. Sign with an active organisation's account or its signing key.
        NotAnAnchor,
        /// The commitment names another writer than the anchor that brings it. Bring it as its writer.
        NotTheWriter,
        /// The period has its commitment, or was skipped because it grew too old. Write the one of `NextToCommit`.
        AlreadyCommitted,
        /// An earlier period has to be committed first, or this one did not begin. Write the one of `NextToCommit`.
        NotNext,
        /// The period is still running. Wait until it is over.
        StillRunning,
        /// The commitment does not name the hash of the last one. Build it on `LastHash`.
        WrongPrevious,
        /// It is not this anchor's turn yet. Ask the view function `writable_from` when it will be.
        NotYourTurn,
        /// The certificate is of another anchor set than the current one. Collect the signatures again.
        QuorumOtherSet,
        /// The certificate's bitmap has the wrong length or names a member that is not there. Build it from the current set.
        QuorumBadBitmap,
        /// The certificate has not exactly one signature for each bit. Build it from the current set.
        QuorumSignatureCount,
        /// Not more than two thirds of the anchors signed. Collect more signatures.
        QuorumTooFew,
        /// A signature in the certificate is not its member's over this commitment. Leave that signature out.
        QuorumBadSignature,
        /// The two don't contradict each other, or the key did not sign both on this chain. Bring two different commitments of one writer for
        /// one period, each with the key's signature over its attestation.
        NotAnEquivocation,
        /// The period has not begun, or is kept no more. Report while it is among `Periods`.
        PeriodNotKept,
        /// The key is no organisation's, and was none's until not long ago: there is no bond to answer for it. Report sooner next time.
        UnknownKey,
        /// This organisation has answered for this period. Report another period, if it signed against itself there too.
        AlreadyReported,
        /// As many organisations as can be remembered were reported for this period. Report what they did in another one.
        TooManyReports,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(now: BlockNumberFor<T>) -> Weight {
            Self::advance_clock(now)
        }

        #[cfg(feature = "std")]
        fn integrity_test() {
            assert!(T::History::get() > 0, "a history of no periods leaves nothing to commit");
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Write the commitment of the period that is due next.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the account or the signing key of the active anchor that the commitment names as its writer.
        ///
        /// ## Details
        ///
        /// The period must be over and all before it committed or skipped; the commitment must name the hash of the last one, and it must be
        /// the writer's turn. `certificate` proves that more than two thirds of the active anchors attested the payload hash of
        /// `commitment`. Anchors that let their turn pass get a strike, and with too many are suspended; the writer loses one. An
        /// accepted commitment costs no fee.
        ///
        /// ## Errors
        ///
        /// [`Error::NotAnAnchor`], [`Error::NotTheWriter`], [`Error::AlreadyCommitted`], [`Error::NotNext`],
        /// [`Error::StillRunning`], [`Error::WrongPrevious`], [`Error::NotYourTurn`], [`Error::QuorumOtherSet`],
        /// [`Error::QuorumBadBitmap`], [`Error::QuorumSignatureCount`], [`Error::QuorumTooFew`],
        /// [`Error::QuorumBadSignature`].
        ///
        /// ## Events
        ///
        /// [`Event::DutyMissed`] for each anchor that let its turn pass, then [`Event::Committed`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::submit(MAX_ANCHORS).saturating_add(T::OnCommitment::weight()))]
        pub fn submit(
            origin: OriginFor<T>,
            commitment: Box<Commitment>,
            certificate: QuorumCertificate,
        ) -> DispatchResultWithPostInfo {
            let anchors = Self::do_submit(ensure_signed(origin)?, *commitment, certificate)?;
            let weight = T::WeightInfo::submit(anchors).saturating_add(T::OnCommitment::weight());
            Ok((Some(weight), Pays::No).into())
        }

        /// Prove that an anchor signed two commitments that contradict each other.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone.
        ///
        /// ## Details
        ///
        /// The evidence holds two different commitments of one writer for one period, and a signature by one key over the attestation of
        /// each. The organisation whose key it is, or was until not long ago, loses [`Config::EquivocationSlash`] of its bond, also of one
        /// that is departing, and is suspended until the next election unless too few anchors would be left. The sender gets a share of what
        /// it loses. Once for each organisation and period. A report that proves true costs no fee.
        ///
        /// ## Errors
        ///
        /// [`Error::PeriodNotKept`], [`Error::UnknownKey`], [`Error::AlreadyReported`], [`Error::TooManyReports`],
        /// [`Error::NotAnEquivocation`].
        ///
        /// ## Events
        ///
        /// [`Event::EquivocationProven`], after those of the slash and the suspension.
        #[pallet::call_index(1)]
        #[pallet::weight(Pallet::<T>::report_weight())]
        pub fn report_equivocation(origin: OriginFor<T>, evidence: Box<Equivocation>) -> DispatchResultWithPostInfo {
            Self::do_report_equivocation(ensure_signed(origin)?, *evidence)?;
            Ok(Pays::No.into())
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// The active anchors in the order in which they may write the commitment of `period`; empty if nothing is known of that period.
        pub fn duty(period: Period) -> Vec<AccountId> {
            Periods::<T>::get(period).map(|record| Self::ranking(period, &record)).unwrap_or_default()
        }

        /// The first block in which `account` may write the commitment of `period`; nothing if the period runs or is not known, or
        /// if the account is no active anchor.
        pub fn writable_from(period: Period, account: AccountId) -> Option<BlockNumber> {
            Self::turn_of(period, &account)
        }

        /// Whether `operation` is under the commitment of `period` where `proof` says. No, if the commitment is not kept any more.
        pub fn proves_operation(period: Period, operation: Operation, proof: MerkleProof) -> bool {
            Self::kept(period).is_some_and(|commitment| commitment.operations.contains(&operation, &proof))
        }

        /// Whether `entry` is under the report of `period`'s commitment where `proof` says. No, if the commitment is not kept any more.
        pub fn proves_report(period: Period, entry: ReportEntry, proof: MerkleProof) -> bool {
            Self::kept(period).is_some_and(|commitment| Self::has_report(&commitment, &entry, &proof))
        }

        /// Whether `assignment` is under the commitment of `period` where `proof` says. No, if the commitment is not kept any more.
        pub fn proves_assignment(period: Period, assignment: Assignment, proof: MerkleProof) -> bool {
            Self::kept(period).is_some_and(|commitment| commitment.assignments.contains(&assignment, &proof))
        }

        /// Whether the operation that `leaf` is about happened on this instance in `period`. Nothing, if `leaf` is not under the period's
        /// commitment where `proof` says, if it is no readable bitmap, or if the commitment is not kept any more.
        pub fn operation_happened(
            period: Period,
            leaf: OperationBitmap,
            proof: MerkleProof,
            instance: InstanceIndex,
        ) -> Option<bool> {
            Self::bit(&Self::kept(period)?, &leaf, &proof, instance)
        }

        /// Whether `commitment` was accepted on this chain as number `ancestry.leaf_index` of all, kept or not.
        pub fn verify_commitment(commitment: Commitment, ancestry: MerkleProof) -> bool {
            Self::was_accepted(&commitment, &ancestry)
        }

        /// As `proves_operation`, under a commitment that need not be kept: its number and place among all is `ancestry`.
        pub fn proves_old_operation(
            commitment: Commitment,
            ancestry: MerkleProof,
            operation: Operation,
            proof: MerkleProof,
        ) -> bool {
            commitment.operations.contains(&operation, &proof) && Self::was_accepted(&commitment, &ancestry)
        }

        /// As `proves_report`, under a commitment that need not be kept: its number and place among all is `ancestry`.
        pub fn proves_old_report(
            commitment: Commitment,
            ancestry: MerkleProof,
            entry: ReportEntry,
            proof: MerkleProof,
        ) -> bool {
            Self::has_report(&commitment, &entry, &proof) && Self::was_accepted(&commitment, &ancestry)
        }

        /// As `proves_assignment`, under a commitment that need not be kept: its number and place among all is `ancestry`.
        pub fn proves_old_assignment(
            commitment: Commitment,
            ancestry: MerkleProof,
            assignment: Assignment,
            proof: MerkleProof,
        ) -> bool {
            commitment.assignments.contains(&assignment, &proof) && Self::was_accepted(&commitment, &ancestry)
        }

        /// As `operation_happened`, under a commitment that need not be kept: its number and place among all is `ancestry`.
        pub fn old_operation_happened(
            commitment: Commitment,
            ancestry: MerkleProof,
            leaf: OperationBitmap,
            proof: MerkleProof,
            instance: InstanceIndex,
        ) -> Option<bool> {
            Self::bit(&commitment, &leaf, &proof, instance).filter(|_| Self::was_accepted(&commitment, &ancestry))
        }
    }
}
