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
//! asks for it, waits, and withdraws; until then all of it can still be slashed.
//!
//! For every period that the anchors commit to, new tokens go into a pot. The nodes share their part in proportion to
//! the *reward weight* that the period's report gives each of them, and the anchors that signed share the other part
//! equally. Nobody is sent anything: whoever earned something brings their line of the report with its proof, and is
//! paid. The pot also takes in the rent that issuers pay. What nobody claims stays in the pot.
//!
//! ## Example
//!
//! A node registers, a period is committed to, and the node is paid for its line of the report; once and no more.
#![doc = docify::embed!("src/tests.rs", a_node_earns_its_share_once)]
//!
//! ## Low-level details
//!
//! * **Stake** is a held balance ([`HoldReason::Bond`]). What is held of a node's account always equals its bond plus
//!   its unbonding chunks.
//! * **Unbonding** is in chunks, each with its own block of release, fixed when it was asked for. The bond may only be
//!   lowered to at least [`Config::MinBond`] or to nothing. A node is gone, and its service key free, when its last
//!   chunk is withdrawn.
//! * **Slashing** takes a fraction, rounded up, of bond and chunks together: from the bond first, then from the chunks,
//!   oldest first. It is burned, so that the total issuance falls. A node whose bond falls below the minimum is not
//!   bonded any more; it can add to it or leave.
//! * **Rewards.** [`Config::RewardPerPeriod`] is minted into the pot when a commitment is accepted. The anchors' part
//!   is rounded down and divided among the signers, rounded down; the rest is the nodes', and each share is rounded
//!   down. A part that nobody could claim, because all weights are zero, is not minted; what rounding leaves over stays
//!   in the pot. A period never pays its nodes more than its own part, whatever the weights in its report add up to, so
//!   that a wrong total can't eat into rent or other periods.
//! * **The pot** is endowed with the existential deposit at genesis (or at the first commitment) and pays only above
//!   it: it is never reaped.
//! * **Bounded history.** The rewards of a period can be claimed until [`Config::RewardHistory`] newer commitments were
//!   accepted (and as long as the snapshots keep the commitment). Then they are removed with the list of anchors, at
//!   most [`PRUNED_PER_COMMITMENT`] periods a commitment. The marks in [`Claimed`] can be as many as there are nodes,
//!   so that they are swept a few at a time: [`SWEPT_PER_CLAIM`] with each claim and [`SWEPT_PER_COMMITMENT`] with each
//!   commitment. As a claim adds one mark and sweeps two, marks of the past go at least as fast as new ones come, and
//!   every call's cost is constant. The sweep remembers where it stopped, so that it never walks over what it removed
//!   in the same block.
//! * **Costs** of claims grow with the logarithm of the number of nodes (the proof), those of everything else are
//!   constant.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use types::SweepState;
pub use weights::WeightInfo;

/// How many periods' rewards one commitment removes at most.
pub const PRUNED_PER_COMMITMENT: u32 = 4;
/// How many marks of past periods one node's claim removes at most: more than the one that it adds.
pub const SWEPT_PER_CLAIM: u32 = 2;
/// How many marks of past periods one commitment removes at most.
pub const SWEPT_PER_COMMITMENT: u32 = 16;

#[frame_support::pallet]
pub mod pallet {
    use frame_support::{
        pallet_prelude::*,
        traits::fungible::{hold::Mutate as HoldMutate, Inspect, Mutate},
        PalletId,
    };
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        merkle::MerkleProof,
        node::{Endpoint, PeerId, PeriodReward, ServiceNode},
        quorum::MAX_ANCHORS,
        report::ReportEntry,
        traits::{Anchors, Snapshots},
        AccountId, Balance, BlockNumber, Hash, Period, Signature,
    };
    use sp_runtime::Permill;

    use crate::{SweepState, WeightInfo};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(0);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId = AccountId, Hash = Hash> {
        /// The token in which bonds are held and rewards are paid.
        type Currency: Inspect<AccountId, Balance = Balance>
            + Mutate<AccountId>
            + HoldMutate<AccountId, Reason: From<HoldReason>>;

        /// For whom an anchor's key acts.
        type Anchors: Anchors;

        /// The commitments whose reports are paid for. They should be kept at least as long as
        /// [`Config::RewardHistory`].
        type Snapshots: Snapshots;

        /// The pot's account.
        #[pallet::constant]
        type PotId: Get<PalletId>;

        /// The least bond of a node that is given work, in planck. Zero counts as one.
        type MinBond: Get<Balance>;

        /// How many blocks a chunk waits before it can be withdrawn: longer than a report can still lead to a slash.
        type UnbondingDelay: Get<BlockNumber>;

        /// What nodes and anchors earn together for a period, in planck.
        type RewardPerPeriod: Get<Balance>;

        /// The anchors' part of it; the rest is the nodes'.
        type AnchorShare: Get<Permill>;

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
    /// Written by `register`, `update`, `rotate_key`, `bond_more`, `unbond` and `withdraw`, and when a node is slashed.
    #[pallet::storage]
    pub type Nodes<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, ServiceNode>;

    /// The node that a service key belongs to, by the key's account.
    ///
    /// Written by `register`, `rotate_key` and `withdraw`.
    #[pallet::storage]
    pub type ServiceKeys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, AccountId>;

    /// What can be claimed for a period.
    ///
    /// Written when a commitment is accepted; by no call.
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
        /// Stake was slashed and burned.
        Slashed {
            /// The node.
            node: AccountId,
            /// How much, in planck.
            amount: Balance,
        },
        /// A period's rewards were minted into the pot.
        RewardsMinted {
            /// The period.
            period: Period,
            /// For its nodes together, in planck.
            nodes: Balance,
            /// For each anchor that signed, in planck.
            each_anchor: Balance,
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
            /// How much, in planck.
            amount: Balance,
        },
        /// Rent was taken into the pot.
        RentReceived {
            /// Who paid.
            from: AccountId,
            /// How much, in planck.
            amount: Balance,
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
            let node = ServiceNode { endpoint, peer_id, service_key, bond, unbonding: Default::default() };
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
        /// The amount can be withdrawn after `UnbondingDelay` blocks, and be slashed until it is withdrawn. At least
        /// `MinBond` or nothing must stay bonded; who unbonds everything is leaving. Amounts that are due at the same
        /// block become one chunk.
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
        /// Releases all chunks that are due. If neither bond nor chunks are left, the node is gone and its service key
        /// is free again.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::NothingToWithdraw`].
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

        /// Pays an anchor its reward for a period whose commitment it signed.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's account, or by its signing key while it is active. The organisation is paid.
        ///
        /// ## Details
        ///
        /// All signers of a commitment are paid the same.
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
            let reward = Rewards::<T>::get(period)?;
            RewardSigners::<T>::get(period).contains(&anchor).then_some(reward.each_anchor).filter(|amount| *amount > 0)
        }

        /// The pot's account and its balance in planck.
        pub fn pot() -> (AccountId, Balance) {
            let account = Self::pot_account();
            let balance = T::Currency::balance(&account);
            (account, balance)
        }
    }
}
