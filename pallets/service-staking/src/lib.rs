//! # Service staking pallet
//!
//! Service nodes: their registration, their stake, what is slashed of it, and what they and the anchors earn.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for calls, storage, events, errors and the configuration. Other pallets meet this one
//! through [`ServiceNodes`](smartlayer_primitives::traits::ServiceNodes),
//! [`OnCommitment`](smartlayer_primitives::traits::OnCommitment) and
//! [`RentPool`](smartlayer_primitives::traits::RentPool).
//!
//! ## Overview
//!
//! Whoever runs a service node registers it here: where it answers, who it is on the network, and which *service key*
//! signs in its name. The service key lies on the machine that is reachable from the internet; the account that holds
//! the stake does not have to. The stake (the *bond*) answers for the node's work. A node that wants part of it back
//! asks for it, waits, and withdraws; until then all of it can still be slashed. A node that wants a rest *chills*: it
//! is given no new work until it re-enters.
//!
//! A node that breaks its agreement persistently is *reported*, by anyone who brings its line of a period's report. The
//! agreement says which share of the stake that costs. The slash is *deferred*, so that governance can cancel it if
//! the report was wrong; after that anyone may apply it. A part of it is the reporter's bounty, a part goes into the
//! pot, and the rest to the treasury.
//!
//! For every period that the anchors commit to, new tokens and a part of what the pot has to spare are set aside. The
//! nodes share their part in proportion to the *reward weight* that the period's report gives each of them, and the
//! anchors that signed share the other part equally, after a bonus for the one that wrote the commitment. Nobody is
//! sent anything: whoever earned something brings their line of the report with its proof, and is paid. The pot takes
//! in most of the rent that issuers pay and a part of the slashes. What nobody claims stays in the pot.
//!
//! ## Example
//!
//! A node registers, a period is committed to, and the node is paid for its line of the report; once and no more.
#![doc = docify::embed!("src/tests.rs", a_node_earns_its_share_once)]
//!
//! Another breaks its agreement, is reported, and pays when the deferral is over.
#![doc = docify::embed!("src/tests.rs", a_persistent_breach_is_slashed_after_the_deferral)]
//!
//! ## Low-level details
//!
//! * **Stake** is a held balance ([`HoldReason::Bond`]). What is held of a node's account always equals its bond plus
//!   its unbonding chunks.
//! * **Unbonding** is in chunks, each with its own block of release, fixed when it was asked for. The bond may only be
//!   lowered to at least [`Config::MinBond`] or to nothing. A node is gone, and its service key free, when its last
//!   chunk is withdrawn.
//! * **Withdrawing never outruns a slash.** A chunk waits for [`Config::UnbondingDelay`], but at least
//!   [`Config::ReportWindow`] + [`Config::SlashDeferral`] + [`Config::PeriodLength`], whatever governance sets. Should
//!   commitments come late, it waits on until the period in which it was asked for can't be reported any more; as a
//!   report reaches back at most [`Config::ReportHistory`] periods, this ends even if no commitment ever comes. And
//!   what deferred slashes need stays: of a node's stake, only what exceeds their sum is given back.
//! * **Reports** are taken for [`Config::ReportWindow`] blocks after the commitment, and for [`Config::ReportHistory`]
//!   periods at most. Each (node, period) is reported once, cancelled or not. The records that see to it are removed
//!   when the period is out of the history; the window in blocks does not count for that, so that a breach does not come
//!   back when governance widens it. A node has [`MAX_BREACHES`] records at most.
//! * **A slash** is the agreement's share, rounded up, of the stake at the end of the period of the offence, chunks
//!   included: what was bonded later is no measure for it, and what was withdrawn or slashed since is. It takes at most
//!   what is left when it is applied: from the bond first, then from the chunks, oldest first. A node whose bond falls
//!   below the minimum is not bonded any more; it can add to it or leave. Nothing is burned: the bounty and the pot's
//!   part are rounded down, and what can't be paid (a reporter's account that does not exist, and a bounty below the
//!   existential deposit) goes with the rest to [`Config::OnSlash`].
//! * **The stake of the past** is remembered as it was at the end of each period in which it changed. That is at most
//!   one entry for each period of the history and one before: it has room by construction, and no call fails for it.
//! * **Rewards.** A period's reward is [`Config::RewardPerPeriod`] plus [`Config::PoolRelease`] of what the pot holds
//!   beyond what it owes. The anchors' part, the writer's bonus within it, each signer's and each node's share are
//!   rounded down. What nobody could claim, because all weights are zero or nobody signed, is not set aside; what is
//!   set aside comes from the pot's release first, and only the rest of it is minted. What rounding leaves over, and
//!   what was not claimed in time, is the pot's to spare again. A period never pays its nodes more than its own part,
//!   whatever the weights in its report add up to, so that a wrong total can't eat into rent or other periods.
//! * **The pot** is endowed with the existential deposit at genesis (or at the first commitment) and pays only above
//!   it: it is never reaped. [`Owed`] is what can be claimed; the pot always holds that and the existential deposit.
//! * **Bounded history.** The rewards of a period can be claimed until [`Config::RewardHistory`] newer commitments were
//!   accepted (and as long as the snapshots keep the commitment). Then they are removed with the list of anchors, at
//!   most [`PRUNED_PER_COMMITMENT`] periods a commitment. The marks in [`Claimed`] can be as many as there are nodes,
//!   so that they are swept a few at a time: [`SWEPT_PER_CLAIM`] with each claim and [`SWEPT_PER_COMMITMENT`] with each
//!   commitment. As a claim adds one mark and sweeps two, marks of the past go at least as fast as new ones come, and
//!   every call's cost is constant. The sweep remembers where it stopped, so that it never walks over what it removed
//!   in the same block.
//! * **Costs** of claims and reports grow with the logarithm of the number of nodes (the proof), those of everything
//!   else are constant.

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
mod breach_impls;
#[cfg(test)]
mod mock;
mod node_impls;
mod reward_impls;
mod stake_impls;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
// Checks that only tests and try-runtime run.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod try_state;
mod types;
// Sums of constants.
#[allow(clippy::arithmetic_side_effects)]
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::{StakeChange, SweepState};
pub use weights::WeightInfo;

/// How many periods' rewards one commitment removes at most.
pub const PRUNED_PER_COMMITMENT: u32 = 4;
/// How many marks of past periods one node's claim removes at most: more than the one that it adds.
pub const SWEPT_PER_CLAIM: u32 = 2;
/// How many marks of past periods one commitment removes at most.
pub const SWEPT_PER_COMMITMENT: u32 = 16;
/// The most that [`Config::ReportHistory`] can be, in periods: a week of hours.
pub const MAX_REPORT_HISTORY: smartlayer_primitives::Period = 168;
/// How many stakes of the past are remembered of a node: one for each period of the longest history, and one before.
pub const MAX_STAKE_CHANGES: u32 = 1 + MAX_REPORT_HISTORY;
/// How many reported breaches are kept of a node.
pub const MAX_BREACHES: u32 = 32;

/// Stake or rent on its way to somewhere else.
pub type CreditOf<T> =
    frame_support::traits::fungible::Credit<smartlayer_primitives::AccountId, <T as Config>::Currency>;

/// Service nodes: their registration, their stake, what is slashed of it, and what they and the anchors earn.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::{
        pallet_prelude::*,
        traits::{
            fungible::{
                hold::{Balanced as HoldBalanced, Mutate as HoldMutate},
                Balanced, Inspect, Mutate,
            },
            EnsureOrigin, OnUnbalanced,
        },
        PalletId,
    };
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        merkle::MerkleProof,
        node::{Breach, Endpoint, PeerId, PeriodReward, ServiceNode},
        quorum::MAX_ANCHORS,
        report::ReportEntry,
        traits::{Agreements, Anchors, Snapshots},
        AccountId, Balance, BlockNumber, Hash, Period, Signature,
    };
    use sp_runtime::Permill;

    use crate::{CreditOf, StakeChange, SweepState, WeightInfo, MAX_BREACHES, MAX_STAKE_CHANGES};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(0);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId = AccountId, Hash = Hash> {
        /// The token in which bonds are held and rewards are paid.
        type Currency: Inspect<AccountId, Balance = Balance>
            + Mutate<AccountId>
            + Balanced<AccountId>
            + HoldMutate<AccountId, Reason: From<HoldReason>>
            + HoldBalanced<AccountId>;

        /// For whom an anchor's key acts.
        type Anchors: Anchors;

        /// The commitments whose reports are paid for, and judged. They should be kept at least as long as
        /// [`Config::RewardHistory`] and [`Config::ReportHistory`].
        type Snapshots: Snapshots;

        /// What nodes agreed to: whether a line of a report is a breach, and what it costs.
        type Agreements: Agreements;

        /// The pot's account.
        #[pallet::constant]
        type PotId: Get<PalletId>;

        /// The least bond of a node that is given work, in planck. Zero counts as one.
        type MinBond: Get<Balance>;

        /// How many blocks a chunk waits before it can be withdrawn. Counts as at least [`Config::ReportWindow`],
        /// [`Config::SlashDeferral`] and [`Config::PeriodLength`] together.
        type UnbondingDelay: Get<BlockNumber>;

        /// How many blocks a period has.
        type PeriodLength: Get<BlockNumber>;

        /// For how many blocks after its commitment was accepted a period's breaches can be reported.
        type ReportWindow: Get<BlockNumber>;

        /// How many periods before the running one a report reaches back at most, however late the commitment came.
        /// Counts as at most [`MAX_REPORT_HISTORY`](crate::MAX_REPORT_HISTORY). A runtime that raises it makes periods
        /// reportable again that fell out of it: wait for as many periods with reports stopped, or accept that.
        #[pallet::constant]
        type ReportHistory: Get<Period>;

        /// How many blocks a slash waits before it can be applied: governance's time to cancel it.
        type SlashDeferral: Get<BlockNumber>;

        /// The reporter's share of a slash. It should be small: a node may well report itself from another account.
        type BountyShare: Get<Permill>;

        /// The pot's share of a slash, as far as the bounty leaves it.
        type PoolShare: Get<Permill>;

        /// Takes the rest of a slash: the treasury.
        type OnSlash: OnUnbalanced<CreditOf<Self>>;

        /// Who may cancel a deferred slash.
        type CancelOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// What nodes and anchors earn together for a period, in planck, beside what the pot releases.
        type RewardPerPeriod: Get<Balance>;

        /// The part of what the pot holds and does not owe that is added to a period's reward.
        type PoolRelease: Get<Permill>;

        /// The anchors' part of a period's reward; the rest is the nodes'.
        type AnchorShare: Get<Permill>;

        /// The part of the anchors' part that goes to the writer of the commitment; the rest is the signers'.
        type WriterBonus: Get<Permill>;

        /// The treasury's part of the rent; the rest is the pot's.
        type RentTreasuryShare: Get<Permill>;

        /// Takes the treasury's part of the rent.
        type OnRent: OnUnbalanced<CreditOf<Self>>;

        /// For how many periods back rewards can be claimed. Zero counts as one.
        type RewardHistory: Get<Period>;

        /// What the calls cost.
        type WeightInfo: WeightInfo;

        /// Sets the scene for the benchmarks.
        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkHelper: crate::BenchmarkHelper;
    }

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why a balance is held.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// The stake of a service node, unbonding chunks included.
        #[codec(index = 0)]
        Bond,
    }

    /// The registered nodes, by account.
    ///
    /// Written by `register`, `update`, `rotate_key`, `bond_more`, `unbond`, `withdraw`, `apply_slash`, `chill` and
    /// `reenter`.
    #[pallet::storage]
    pub type Nodes<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, ServiceNode>;

    /// The node that a service key belongs to, by the key's account.
    ///
    /// Written by `register`, `rotate_key` and `withdraw`.
    #[pallet::storage]
    pub type ServiceKeys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, AccountId>;

    /// What each node had at stake at the end of each period in which that changed, oldest first: what an offence is
    /// judged by.
    ///
    /// Written by `register`, `bond_more`, `withdraw` and `apply_slash`.
    #[pallet::storage]
    pub type StakeHistory<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, BoundedVec<StakeChange, ConstU32<MAX_STAKE_CHANGES>>, ValueQuery>;

    /// The reported breaches of each node: the deferred ones, and those that must not be reported again.
    ///
    /// Written by `report_breach`, `apply_slash`, `cancel_slash`, and by the `withdraw` with which a node leaves.
    #[pallet::storage]
    pub type Breaches<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, BoundedVec<Breach, ConstU32<MAX_BREACHES>>, ValueQuery>;

    /// The last period that was committed to; nothing before the first commitment.
    ///
    /// Written when a commitment is accepted; by no call.
    #[pallet::storage]
    pub type LastCommitted<T: Config> = StorageValue<_, Period>;

    /// What can be claimed of the pot, in planck: of all kept periods, nodes, signers and writers together.
    ///
    /// Written by `claim_reward` and `claim_anchor_reward`, and when a commitment is accepted.
    #[pallet::storage]
    pub type Owed<T: Config> = StorageValue<_, Balance, ValueQuery>;

    /// What can be claimed for a period.
    ///
    /// Written by `claim_anchor_reward`, and when a commitment is accepted.
    #[pallet::storage]
    pub type Rewards<T: Config> = StorageMap<_, Twox64Concat, Period, PeriodReward>;

    /// What a period's nodes have claimed together, in planck; never more than their part.
    ///
    /// Written by `claim_reward`, and when a commitment is accepted (removal of the oldest).
    #[pallet::storage]
    pub type Paid<T: Config> = StorageMap<_, Twox64Concat, Period, Balance, ValueQuery>;

    /// Which nodes have claimed a period's reward. Marks of periods that are not kept any more are swept bit by bit.
    ///
    /// Written by `claim_reward`, and when a commitment is accepted (the sweep).
    #[pallet::storage]
    pub type Claimed<T: Config> =
        StorageDoubleMap<_, Twox64Concat, Period, Blake2_128Concat, AccountId, (), OptionQuery>;

    /// The anchors that signed a period's commitment and have not claimed their reward yet.
    ///
    /// Written by `claim_anchor_reward`, and when a commitment is accepted.
    #[pallet::storage]
    pub type RewardSigners<T: Config> =
        StorageMap<_, Twox64Concat, Period, BoundedVec<AccountId, ConstU32<MAX_ANCHORS>>, ValueQuery>;

    /// The oldest period whose rewards may be kept still; nothing before the first commitment.
    ///
    /// Written when a commitment is accepted; by no call.
    #[pallet::storage]
    pub type OldestReward<T: Config> = StorageValue<_, Period>;

    /// How far the sweep of [`Claimed`] is.
    ///
    /// Written by `claim_reward`, and when a commitment is accepted.
    #[pallet::storage]
    pub type Sweep<T: Config> = StorageValue<_, SweepState, ValueQuery>;

    /// The genesis configuration: there is nothing to configure, but the pot is endowed.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// No value.
        #[serde(skip)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            Pallet::<T>::endow_pot();
        }
    }

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A node was registered.
        Registered {
            /// The node.
            node: AccountId,
            /// Its bond, in planck.
            bond: Balance,
        },
        /// A node's endpoint and peer id were changed.
        Updated {
            /// The node.
            node: AccountId,
        },
        /// A node's service key was replaced.
        KeyRotated {
            /// The node.
            node: AccountId,
            /// The new key's account.
            service_key: AccountId,
        },
        /// A node's bond was raised.
        BondRaised {
            /// The node.
            node: AccountId,
            /// Its whole bond now, in planck.
            bond: Balance,
        },
        /// A part of a bond was put on its way out.
        Unbonding {
            /// The node.
            node: AccountId,
            /// How much, in planck.
            amount: Balance,
            /// The first block at which it can be withdrawn.
            release_at: BlockNumber,
        },
        /// Unbonded stake was given back.
        Withdrawn {
            /// The node.
            node: AccountId,
            /// How much, in planck.
            amount: Balance,
        },
        /// A node with nothing at stake any more was removed.
        Left {
            /// The former node.
            node: AccountId,
        },
        /// A node takes no new work.
        Chilled {
            /// The node.
            node: AccountId,
        },
        /// A node takes new work again.
        Reentered {
            /// The node.
            node: AccountId,
        },
        /// A persistent breach was reported, and its slash deferred.
        BreachReported {
            /// The node.
            node: AccountId,
            /// The period of the breach.
            period: Period,
            /// What the slash takes if it is there, in planck. Zero if nothing was at stake: then it is over.
            amount: Balance,
            /// Who reported it.
            reporter: AccountId,
            /// The first block at which the slash can be applied.
            due_at: BlockNumber,
        },
        /// A deferred slash was applied.
        Slashed {
            /// The node.
            node: AccountId,
            /// The period of the breach.
            period: Period,
            /// How much was taken, in planck.
            amount: Balance,
            /// Who reported the breach.
            reporter: AccountId,
            /// What the reporter was paid of it, in planck.
            bounty: Balance,
            /// What went into the pot of it, in planck. All else went to the treasury.
            pooled: Balance,
        },
        /// A deferred slash was cancelled.
        SlashCancelled {
            /// The node.
            node: AccountId,
            /// The period of the breach.
            period: Period,
        },
        /// A period's rewards were set aside in the pot.
        RewardsMinted {
            /// The period.
            period: Period,
            /// For its nodes together, in planck.
            nodes: Balance,
            /// For each anchor that signed, in planck.
            each_anchor: Balance,
            /// For the writer of the commitment, in planck.
            writer_bonus: Balance,
            /// What was minted for it, in planck.
            minted: Balance,
            /// What the pot gave to it, in planck.
            released: Balance,
        },
        /// A period's rewards could not be minted, because the total issuance would be more than a balance can be.
        /// Nothing can be claimed for the period.
        MintingFailed {
            /// The period.
            period: Period,
        },
        /// A node was paid for a period.
        RewardPaid {
            /// The period.
            period: Period,
            /// The node.
            node: AccountId,
            /// How much, in planck.
            amount: Balance,
        },
        /// An anchor was paid for a period.
        AnchorRewardPaid {
            /// The period.
            period: Period,
            /// The organisation.
            anchor: AccountId,
            /// How much, as signer and as writer together, in planck.
            amount: Balance,
        },
        /// Rent was taken in.
        RentReceived {
            /// Who paid.
            from: AccountId,
            /// How much, in planck.
            amount: Balance,
            /// What the treasury received of it, in planck. The rest is in the pot.
            treasury: Balance,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// This account is registered already. Change the node with `update`, `rotate_key` or `bond_more`.
        AlreadyRegistered,
        /// The sender is neither a node's account nor, where that is allowed, its service key. Register first, or send
        /// it from there.
        NotRegistered,
        /// This account is the service key of a node. Register from an account of its own.
        AccountIsKey,
        /// This key belongs to a node, or is the account of another one. Make a new key.
        KeyInUse,
        /// The proof is not the key's signature over this account and this chain's genesis hash. Sign anew with the key
        /// to be registered.
        BadProof,
        /// The endpoint is empty or not UTF-8. Send the URL at which the node answers.
        BadEndpoint,
        /// The peer id is empty. Send the libp2p peer id in its binary form.
        BadPeerId,
        /// The bond would be below the minimum. Bond at least `MinBond`; to leave, unbond all of it.
        BondTooLow,
        /// The bond would be larger than any balance can be. Send a smaller amount.
        BondOverflow,
        /// The amount is zero. Send one that is not.
        ZeroAmount,
        /// That much is not bonded. Unbond at most the bond; chunks that are unbonding don't count.
        NotThatMuch,
        /// Too many chunks are unbonding. Withdraw those that are due, or wait until the first is.
        TooManyChunks,
        /// No chunk is due. Wait for the block named in the `Unbonding` event.
        NothingToWithdraw,
        /// Chunks are due, but breaches of the period in which they were asked for can still be reported, because its
        /// commitment came late. Wait until `ReportWindow` blocks after that commitment.
        StillReportable,
        /// Deferred slashes need all that is left of the stake. Wait until they are applied or cancelled.
        SlashPending,
        /// The node takes no new work already. To take some, send `reenter`.
        AlreadyChilled,
        /// The node takes new work already. To take none, send `chill`.
        NotChilled,
        /// Breaches of this period can't be reported: it is not committed yet, or too long ago. Report within
        /// `ReportWindow` blocks after its commitment.
        NotReportable,
        /// No such node is registered any more. There is nothing to be slashed.
        NoSuchNode,
        /// By the node's agreement the line is no persistent breach, or one in declared maintenance. Report a line that
        /// is.
        NoBreach,
        /// The breach of this node in this period was reported. See what became of it in `Breaches`.
        AlreadyReported,
        /// Too many breaches of the node are kept. Apply those whose deferral is over, or wait until the oldest period is
        /// out of the history.
        TooManyBreaches,
        /// No breach of this node in this period is known. Report it with `report_breach`, while that can be done.
        NoSuchBreach,
        /// The slash was applied or cancelled already. There is nothing left to do.
        NotDeferred,
        /// The deferral is not over. Wait for the block named in the `BreachReported` event.
        NotDueYet,
        /// Nothing can be claimed for this period: it is not committed yet, or too long ago. Claim within
        /// `RewardHistory` periods.
        NoSuchReward,
        /// The entry is not in the period's report where the proof says. Build the proof from the report that was
        /// committed.
        NotInReport,
        /// This node's reward for the period is paid. Claim the next one.
        AlreadyClaimed,
        /// The share is less than one planck, or the period's part is used up. There is nothing to be had.
        NothingToClaim,
        /// The sender is, or acts for, no anchor that signed the period's commitment and has not claimed yet. Claim
        /// periods that it signed; once it is not active any more, from the organisation's account.
        NotASigner,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Registers the sender as a service node.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's (cold) account.
        ///
        /// ## Details
        ///
        /// Holds `bond` on the sender's balance. `proof` is the signature by `service_key` over `KeyOwnership {
        /// account: sender }` and the genesis hash. The service key may be the account's own key.
        ///
        /// ## Errors
        ///
        /// [`Error::AlreadyRegistered`], [`Error::AccountIsKey`], [`Error::BadEndpoint`], [`Error::BadPeerId`],
        /// [`Error::BondTooLow`], [`Error::KeyInUse`], [`Error::BadProof`]; an error of the balance if it can't hold
        /// the bond.
        ///
        /// ## Events
        ///
        /// [`Event::Registered`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::register())]
        pub fn register(
            origin: OriginFor<T>,
            endpoint: Endpoint,
            peer_id: PeerId,
            service_key: AccountId,
            proof: Signature,
            bond: Balance,
        ) -> DispatchResult {
            let account = ensure_signed(origin)?;
            let unbonding = Default::default();
            let node = ServiceNode { endpoint, peer_id, service_key, bond, unbonding, chilled: false };
            Self::do_register(account, node, proof)
        }

        /// Changes where a node answers.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or by its service key.
        ///
        /// ## Details
        ///
        /// Replaces endpoint and peer id.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::BadEndpoint`], [`Error::BadPeerId`].
        ///
        /// ## Events
        ///
        /// [`Event::Updated`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::update())]
        pub fn update(origin: OriginFor<T>, endpoint: Endpoint, peer_id: PeerId) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_update(sender, endpoint, peer_id)
        }

        /// Replaces a node's service key.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account. The service key can't: whoever stole it must not be able to keep it.
        ///
        /// ## Details
        ///
        /// `proof` is the signature by the new `service_key` as for `register`. The old key means nothing from here on.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::KeyInUse`], [`Error::BadProof`].
        ///
        /// ## Events
        ///
        /// [`Event::KeyRotated`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::rotate_key())]
        pub fn rotate_key(origin: OriginFor<T>, service_key: AccountId, proof: Signature) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_rotate_key(account, service_key, proof)
        }

        /// Adds to a node's bond.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account.
        ///
        /// ## Details
        ///
        /// Holds `amount` more. A node that was slashed below the minimum, or unbonded everything, is bonded again when
        /// it reaches the minimum.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::ZeroAmount`], [`Error::BondOverflow`]; an error of the balance if it
        /// can't hold the amount.
        ///
        /// ## Events
        ///
        /// [`Event::BondRaised`].
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::bond_more())]
        pub fn bond_more(origin: OriginFor<T>, amount: Balance) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_bond_more(account, amount)
        }

        /// Puts a part of the bond, or all of it, on its way out.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account.
        ///
        /// ## Details
        ///
        /// The amount can be withdrawn after `UnbondingDelay` blocks (at least report window, deferral and a period
        /// together), and be slashed until it is withdrawn. At least `MinBond` or nothing must stay bonded; who unbonds
        /// everything is leaving. Amounts that are due at the same block become one chunk.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::ZeroAmount`], [`Error::NotThatMuch`], [`Error::BondTooLow`],
        /// [`Error::TooManyChunks`].
        ///
        /// ## Events
        ///
        /// [`Event::Unbonding`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::unbond())]
        pub fn unbond(origin: OriginFor<T>, amount: Balance) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_unbond(account, amount)
        }

        /// Gives back the chunks that are due, and removes a node that has nothing at stake any more.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account.
        ///
        /// ## Details
        ///
        /// Releases all chunks that are due, but keeps of the stake what deferred slashes need. If neither bond nor
        /// chunks are left, the node is gone and its service key is free again.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::NothingToWithdraw`], [`Error::StillReportable`],
        /// [`Error::SlashPending`].
        ///
        /// ## Events
        ///
        /// [`Event::Withdrawn`] if a chunk was due; [`Event::Left`] if the node is gone.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::withdraw())]
        pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_withdraw(account)
        }

        /// Pays a node its reward for a period.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone; the entry's node is paid.
        ///
        /// ## Details
        ///
        /// `entry` is the node's line in the period's report, `proof` its way to the report's root in the commitment.
        /// The share is rounded down, and never more than what is left of the period's part for nodes. It goes to the
        /// node's account, registered still or not.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchReward`], [`Error::NotInReport`], [`Error::AlreadyClaimed`], [`Error::NothingToClaim`]; an
        /// error of the balance if the node's account does not exist and the share is less than the existential
        /// deposit.
        ///
        /// ## Events
        ///
        /// [`Event::RewardPaid`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::claim_reward())]
        pub fn claim_reward(origin: OriginFor<T>, entry: ReportEntry, proof: MerkleProof) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_claim_reward(entry, proof)
        }

        /// Pays an anchor its reward for a period whose commitment it signed or wrote.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's account, or by its signing key while it is active. The organisation is paid.
        ///
        /// ## Details
        ///
        /// All signers of a commitment are paid the same; its writer is paid a bonus as well.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchReward`], [`Error::NotASigner`], [`Error::NothingToClaim`]; an error of the balance if the
        /// organisation's account does not exist and the reward is less than the existential deposit.
        ///
        /// ## Events
        ///
        /// [`Event::AnchorRewardPaid`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::claim_anchor_reward())]
        pub fn claim_anchor_reward(origin: OriginFor<T>, period: Period) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_claim_anchor_reward(sender, period)
        }

        /// Reports a node's persistent breach of its agreement.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone. Whoever reports first earns the bounty. Costs no fee if there is something to be slashed.
        ///
        /// ## Details
        ///
        /// `entry` is the node's line in the period's report, `proof` its way to the report's root in the commitment. The
        /// agreement that held for the period says whether it is a persistent breach, and which share of the stake it
        /// costs. The slash is that share, rounded up, of what the node had at stake at the end of the period, and is
        /// deferred for `SlashDeferral` blocks.
        ///
        /// ## Errors
        ///
        /// [`Error::NotReportable`], [`Error::NotInReport`], [`Error::NoSuchNode`], [`Error::NoBreach`],
        /// [`Error::AlreadyReported`], [`Error::TooManyBreaches`].
        ///
        /// ## Events
        ///
        /// [`Event::BreachReported`].
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::report_breach().saturating_add(T::Agreements::weight()))]
        pub fn report_breach(
            origin: OriginFor<T>,
            entry: ReportEntry,
            proof: MerkleProof,
        ) -> DispatchResultWithPostInfo {
            let reporter = ensure_signed(origin)?;
            let costs = Self::do_report_breach(reporter, entry, proof)?;
            Ok(if costs { Pays::No.into() } else { Pays::Yes.into() })
        }

        /// Applies a slash whose deferral is over.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone. Costs no fee when it succeeds.
        ///
        /// ## Details
        ///
        /// Takes the slash from the bond first, then from the unbonding chunks, oldest first; at most what is there.
        /// Pays the reporter's bounty and the pot's share, and the rest to the treasury.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchBreach`], [`Error::NotDeferred`], [`Error::NotDueYet`].
        ///
        /// ## Events
        ///
        /// [`Event::Slashed`].
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::apply_slash())]
        pub fn apply_slash(origin: OriginFor<T>, node: AccountId, period: Period) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_apply_slash(node, period)?;
            Ok(Pays::No.into())
        }

        /// Cancels a deferred slash.
        ///
        /// ## Dispatch Origin
        ///
        /// [`Config::CancelOrigin`]: governance.
        ///
        /// ## Details
        ///
        /// Possible until the slash is applied. The breach can't be reported again. How the node stands with its agreement
        /// does not change.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchBreach`], [`Error::NotDeferred`].
        ///
        /// ## Events
        ///
        /// [`Event::SlashCancelled`].
        #[pallet::call_index(10)]
        #[pallet::weight(T::WeightInfo::cancel_slash())]
        pub fn cancel_slash(origin: OriginFor<T>, node: AccountId, period: Period) -> DispatchResult {
            T::CancelOrigin::ensure_origin(origin)?;
            Self::do_cancel_slash(node, period)
        }

        /// Lets a node take no new work.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or by its service key.
        ///
        /// ## Details
        ///
        /// The node stays bonded and is held to its agreement for the work that it has.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::AlreadyChilled`].
        ///
        /// ## Events
        ///
        /// [`Event::Chilled`].
        #[pallet::call_index(11)]
        #[pallet::weight(T::WeightInfo::chill())]
        pub fn chill(origin: OriginFor<T>) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_chill(sender)
        }

        /// Lets a chilled node take new work again.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node's account or by its service key.
        ///
        /// ## Details
        ///
        /// It is given work once its bond reaches the minimum, if it does not.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::NotChilled`].
        ///
        /// ## Events
        ///
        /// [`Event::Reentered`].
        #[pallet::call_index(12)]
        #[pallet::weight(T::WeightInfo::reenter())]
        pub fn reenter(origin: OriginFor<T>) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_reenter(sender)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// What `claim_reward` would pay a node with this reward weight for a period, in planck; nothing if it can't be
        /// claimed (any more).
        pub fn node_reward(period: Period, node: AccountId, reward_weight: u128) -> Option<Balance> {
            if Claimed::<T>::contains_key(period, node) {
                return None;
            }
            let reward = Rewards::<T>::get(period)?;
            Some(Self::payout(period, &reward, reward_weight)).filter(|amount| *amount > 0)
        }

        /// What `claim_anchor_reward` would pay an organisation for a period, in planck; nothing if it can't be claimed
        /// (any more).
        pub fn anchor_reward(period: Period, anchor: AccountId) -> Option<Balance> {
            Self::earned_by_anchor(period, &anchor).filter(|amount| *amount > 0)
        }

        /// What a node had at stake at the end of a period, unbonding chunks included, in planck; for the running period
        /// what it has now. Known for as long as breaches of the period can be reported.
        pub fn stake_at(node: AccountId, period: Period) -> Balance {
            Self::stake_at_end_of(&node, period)
        }

        /// What the deferred slashes of a node take together if it is there, in planck.
        pub fn deferred_slashes(node: AccountId) -> Balance {
            Self::deferred(&node)
        }

        /// What `withdraw` would give a node back now, in planck.
        pub fn withdrawable(node: AccountId) -> Balance {
            let Some(known) = Nodes::<T>::get(&node) else { return 0 };
            Self::due(&known).min(Self::unclaimed_by_slashes(&node, &known))
        }

        /// How many blocks what is unbonded now waits.
        pub fn unbonding_delay() -> BlockNumber {
            Self::effective_unbonding_delay()
        }

        /// Whether breaches of a period can be reported now.
        pub fn reportable(period: Period) -> bool {
            Self::is_reportable(period)
        }

        /// The pot's account and its balance in planck.
        pub fn pot() -> (AccountId, Balance) {
            let account = Self::pot_account();
            let balance = T::Currency::balance(&account);
            (account, balance)
        }
    }
}
