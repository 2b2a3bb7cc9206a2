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
//! is over. If it doesn't, the second may, after some grace, then the third. Who let its turn pass gets a *strike*.
//!
//! ## Example
//!
//! A period and its commitment, out of this pallet's tests:
#![doc = docify::embed!("src/tests.rs", a_period_and_its_commitment)]
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
//! * **Chain.** Periods are committed in their order; each commitment names the hash of the one before ([`LastHash`]).
//! * **Bounded history.** Records and commitments of the last [`Config::History`] periods that ended are kept; every turn of a
//!   period removes exactly one of each. When a period grows so old uncommitted, it is *skipped*: it will never have a commitment,
//!   the next one becomes the one to commit, and that commitment's `previous` is the hash of the last one that was accepted. So an
//!   outage of any length neither blocks the chain of commitments nor makes the state grow. After an outage the anchors catch
//!   up as fast as blocks take the commitments in. `History` changes only with the runtime, together with a migration.
//! * **Fees.** An accepted commitment costs its writer nothing.
//! * **Constant cost.** A commitment's size does not depend on how much happened. Its cost grows with the number of anchors only, of
//!   which there are at most [`MAX_ANCHORS`](smartlayer_primitives::quorum::MAX_ANCHORS).

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
    use super::WeightInfo;
    use alloc::{boxed::Box, vec::Vec};
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        commitment::{Commitment, PeriodClock, PeriodRecord, StoredCommitment},
        merkle::MerkleProof,
        operation::Operation,
        quorum::{QuorumCertificate, MAX_ANCHORS},
        report::ReportEntry,
        traits::{Anchors, OnCommitment, PeriodRandomness},
        AccountId, BlockNumber, Hash, Period,
    };
    use sp_runtime::traits::{Header, HeaderProvider};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

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

        /// What the call and the clock cost.
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

    /// How often each anchor let its turn pass. Raised by [`Call::submit`], for at most one entry an organisation that ever was an
    /// active anchor.
    #[pallet::storage]
    pub type Strikes<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

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
    }

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
        /// `commitment`. Anchors that let their turn pass get a strike. An accepted commitment costs no fee.
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
            Commitments::<T>::get(period)
                .is_some_and(|stored| stored.commitment.operations.contains(&operation, &proof))
        }

        /// Whether `entry` is under the report of `period`'s commitment where `proof` says. No, if the commitment is not kept any more.
        pub fn proves_report(period: Period, entry: ReportEntry, proof: MerkleProof) -> bool {
            entry.period == period
                && Commitments::<T>::get(period).is_some_and(|stored| stored.commitment.report.contains(&entry, &proof))
        }
    }
}
