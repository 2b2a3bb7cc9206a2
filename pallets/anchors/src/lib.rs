//! # Anchors pallet
//!
//! The active set of anchors: organisations that are elected *and* registered, and the quorums they form.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for calls, storage, events, errors and the configuration. Other pallets meet this one
//! through [`smartlayer_primitives::traits::Anchors`] and [`smartlayer_primitives::traits::AnchorBonds`]; the elections
//! pallet feeds it through [`frame_support::traits::ChangeMembers`] and [`frame_support::traits::InitializeMembers`].
//!
//! ## Overview
//!
//! Anchors are known organisations that watch over the network: they measure whether service nodes keep their promises
//! and write down, period by period, what happened. Token holders elect them. To take part, an organisation also
//! registers here: it says where its anchor can be reached, names the key that its anchor signs with, and puts down a
//! bond; and somebody whom the DAO trusts with that has confirmed that it is who it says it is. Who is elected but not
//! registered, or registered but not elected, or unknown by name, is no anchor.
//!
//! What more than two thirds of the active anchors sign counts as the network's word. Every change of the active set
//! gets a new number, so that a certificate says exactly which set signed it.
//!
//! The bond stands behind that word. Who signs against itself, or gives away more of a payer's deposit than there is,
//! loses part of it, and who neglects its duties or breaks its word is *suspended*: no anchor until the next election.
//!
//! An organisation that wants to leave deregisters once it is no longer elected, and gets its bond back after a delay.
//! Until then both bond and keys are remembered, so that leaving is no way out.
//!
//! ## Example
//!
//! Two organisations are elected, but only one is registered; it becomes active, and leaves again.
#![doc = docify::embed!("src/tests.rs", elected_and_registered_is_active)]
//! An anchor breaks its word: it is suspended until the next election, and its bond pays.
#![doc = docify::embed!("src/tests.rs", a_broken_word_costs_seat_and_bond)]
//!
//! ## Low-level details
//!
//! * **The active set** is who is elected, registered with a bond of at least [`Config::MinBond`], of judged identity
//!   ([`Config::Identity`]) and not suspended, sorted by account. When the elected members change it is worked out anew
//!   for all of them; when an organisation registers, adds to its bond or rotates its key, and by [`Call::refresh`], for
//!   that organisation alone. So a raised `MinBond`, a slashed bond or a lost judgement takes effect at the next of these
//!   events. The set's number rises only when accounts or keys really changed.
//! * **Keys.** A signing key belongs to one organisation, and its account (the key's 32 bytes) may not be another
//!   organisation's account: otherwise it would be unclear for whom a signature speaks. Its holder proves possession by
//!   signing [`KeyOwnership`](smartlayer_primitives::node::KeyOwnership), which binds the organisation's account and
//!   this chain's genesis hash. Using the account's own key is allowed.
//! * **Former keys** stay their organisation's for [`Config::BondDelay`] after it gave them up, because evidence of what
//!   they signed may still come; at most [`MAX_FORMER_KEYS`] of them, and none once the last of the bond is gone. They act
//!   for nobody; only the organisation itself can take one up again.
//! * **Rotation is slow on purpose.** A new key is a new set, and a new set voids all certificates in the making. An
//!   anchor that rotated in every block could keep the others from ever finishing one, so that
//!   [`Config::RotationInterval`] must pass between two rotations.
//! * **Suspension** ends with the next election, which the elections pallet tells from the mere replacement of a member
//!   by calling [`ChangeMembers::set_prime`](frame_support::traits::ChangeMembers::set_prime): a friend that gives up its
//!   seat frees nobody. It never leaves fewer active anchors than [`Config::MinActive`] of the elected, rounded up:
//!   otherwise a fault that hits many, or evidence against many at once, would hand the network to the few that are left.
//!   If so many elected lose their seats that more are suspended than that allows, the earliest suspensions end.
//! * **Bonds** are held balances ([`HoldReason::Bond`]). What is held always equals the organisation's bond plus what
//!   is departing. What is taken is taken of the departing part first, because that leaves first. A slash is a fraction of
//!   both together, rounded up; [`Config::BountyShare`] of it, rounded down, goes to who reported, the rest to
//!   [`Config::OnSlash`].
//! * **Costs** are bounded by [`MAX_ANCHORS`](smartlayer_primitives::quorum::MAX_ANCHORS): a change of the elected
//!   members reads each of them once. The elections pallet doesn't account for that, so that it is added to the block's weight when it
//!   happens ([`WeightInfo::change_members`]).

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
mod bonds;
mod impls;
mod keys;
#[cfg(test)]
mod mock;
mod set;
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

/// The active set of anchors: organisations that are elected *and* registered, and the quorums they form.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::{
        pallet_prelude::*,
        traits::{
            fungible::{
                hold::{Balanced as HoldBalanced, Mutate as HoldMutate},
                Credit, Inspect,
            },
            OnUnbalanced,
        },
    };
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        node::{Endpoint, PeerId},
        organisation::Organisation,
        quorum::{AnchorKey, AnchorSet, AnchorSignature, MAX_ANCHORS},
        traits::JudgedIdentity,
        AccountId, Balance, BlockNumber, Hash,
    };
    use sp_runtime::Permill;

    use crate::WeightInfo;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(0);

    /// How many keys that it gave up are remembered of an organisation. Who has so many waits before giving up another.
    pub const MAX_FORMER_KEYS: u32 = 16;

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId = AccountId, Hash = Hash> {
        /// The token in which bonds are held.
        type Currency: Inspect<AccountId, Balance = Balance>
            + HoldMutate<AccountId, Reason: From<HoldReason>>
            + HoldBalanced<AccountId>;

        /// Who is known by name.
        type Identity: JudgedIdentity;

        /// The least bond of an active anchor, in planck.
        type MinBond: Get<Balance>;

        /// How many blocks a deregistered organisation waits for its bond, and for how many a key that was given up is
        /// remembered: longer than anything can still be held against them.
        type BondDelay: Get<BlockNumber>;

        /// How many blocks must pass between two key rotations of one organisation: much longer than collecting a
        /// quorum takes.
        type RotationInterval: Get<BlockNumber>;

        /// The share of a slash that goes to who reported the offence.
        type BountyShare: Get<Permill>;

        /// Where the rest of it goes.
        type OnSlash: OnUnbalanced<Credit<AccountId, Self::Currency>>;

        /// The share of the elected that suspension must leave active, rounded up. For two thirds give 666,666 parts in a
        /// million: a part more would be one anchor too many. It changes only with the runtime.
        #[pallet::constant]
        type MinActive: Get<Permill>;

        /// What the calls cost.
        type WeightInfo: WeightInfo;
    }

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why a balance is held.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// The bond of an organisation, until it is withdrawn after deregistering.
        #[codec(index = 0)]
        Bond,
    }

    /// The registered organisations, by account.
    ///
    /// Written by `register`, `update`, `rotate_key`, `bond_more` and `deregister`, and when a bond is slashed or seized.
    #[pallet::storage]
    pub type Organisations<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Organisation>;

    /// The organisation that a signing key belongs to, by the key's account.
    ///
    /// Written by `register`, `rotate_key` and `deregister`.
    #[pallet::storage]
    pub type Keys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, AccountId>;

    /// The organisation whose key this was, by the key's account, and the first block at which that is forgotten.
    ///
    /// Written by `register`, `rotate_key`, `deregister` and `withdraw_bond`, and when the last of a bond is taken.
    #[pallet::storage]
    pub type FormerKeys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, (AccountId, BlockNumber)>;

    /// The accounts of the keys that an organisation gave up, earliest first: the entries of [`FormerKeys`] that are its
    /// own, written together with them.
    #[pallet::storage]
    pub type FormerKeysOf<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, BoundedVec<AccountId, ConstU32<MAX_FORMER_KEYS>>, ValueQuery>;

    /// The elected accounts, sorted, registered or not.
    ///
    /// Written by the elections through `ChangeMembers` and `InitializeMembers`; by no call.
    #[pallet::storage]
    pub type Elected<T: Config> = StorageValue<_, BoundedVec<AccountId, ConstU32<MAX_ANCHORS>>, ValueQuery>;

    /// The elected that are suspended, the earliest first.
    ///
    /// Written by other pallets through `AnchorBonds`, and by the elections; by no call.
    #[pallet::storage]
    pub type Suspended<T: Config> = StorageValue<_, BoundedVec<AccountId, ConstU32<MAX_ANCHORS>>, ValueQuery>;

    /// The active anchors, sorted by account, and the number of this very set.
    ///
    /// Written whenever the elections change the members or one is suspended, and by `register`, `rotate_key`, `bond_more`
    /// and `refresh` of an elected account.
    #[pallet::storage]
    pub type ActiveSet<T: Config> = StorageValue<_, AnchorSet, ValueQuery>;

    /// Bonds of organisations that deregistered: the amount in planck, and the first block at which it can be
    /// withdrawn.
    ///
    /// Written by `deregister` and `withdraw_bond`, and when a bond is slashed or seized.
    #[pallet::storage]
    pub type Departing<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, (Balance, BlockNumber)>;

    /// The block of an organisation's last key rotation; nothing if it never rotated.
    ///
    /// Written by `rotate_key` and `deregister`.
    #[pallet::storage]
    pub type RotatedAt<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, BlockNumber>;

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// An organisation was registered.
        Registered {
            /// The organisation.
            account: AccountId,
            /// Its bond, in planck.
            bond: Balance,
        },
        /// An organisation's endpoint and peer id were changed.
        Updated {
            /// The organisation.
            account: AccountId,
        },
        /// An organisation's signing key was replaced.
        KeyRotated {
            /// The organisation.
            account: AccountId,
            /// The new key.
            key: AnchorKey,
        },
        /// An organisation's bond was raised.
        BondRaised {
            /// The organisation.
            account: AccountId,
            /// Its whole bond now, in planck.
            bond: Balance,
        },
        /// An organisation was deregistered.
        Deregistered {
            /// The organisation.
            account: AccountId,
            /// All that is departing now, in planck.
            amount: Balance,
            /// The first block at which it can be withdrawn.
            release_at: BlockNumber,
        },
        /// A departing bond was given back.
        BondWithdrawn {
            /// The former organisation.
            account: AccountId,
            /// How much, in planck.
            amount: Balance,
        },
        /// Part of an organisation's bond was taken for an offence.
        Slashed {
            /// The organisation.
            account: AccountId,
            /// How much was taken, in planck.
            amount: Balance,
            /// How much of it the reporter got, in planck.
            bounty: Balance,
            /// Who reported the offence.
            reporter: AccountId,
        },
        /// Part of an organisation's bond paid what the organisation owed.
        Seized {
            /// The organisation.
            account: AccountId,
            /// Who was owed.
            to: AccountId,
            /// How much, in planck.
            amount: Balance,
        },
        /// An elected organisation is no anchor until the next election.
        Suspended {
            /// The organisation.
            account: AccountId,
        },
        /// A suspension ended.
        SuspensionEnded {
            /// The organisation.
            account: AccountId,
        },
        /// The active set was changed.
        ActiveSetChanged {
            /// The number of the new set.
            id: u32,
            /// How many members it has.
            members: u32,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// This account is registered already. Change the organisation with `update`, `rotate_key` or `bond_more`.
        AlreadyRegistered,
        /// The sender is neither an organisation's account nor the signing key of one. Register first, or send it from
        /// there.
        NotRegistered,
        /// This account is the signing key of an organisation. Register from an account of its own.
        AccountIsKey,
        /// This key belongs to an organisation, belonged to another one not long ago, or is the account of another one.
        /// Make a new key.
        KeyInUse,
        /// The proof is not the key's signature over this account and this chain's genesis hash. Sign anew with the key
        /// to be registered.
        BadProof,
        /// The name is empty or not UTF-8. Send a name that people can read.
        BadName,
        /// The endpoint is empty or not UTF-8. Send the URL at which the anchor answers.
        BadEndpoint,
        /// The peer id is empty. Send the libp2p peer id in its binary form.
        BadPeerId,
        /// The bond is below the minimum. Send at least `MinBond`.
        BondTooLow,
        /// The bond would be larger than any balance can be. Send a smaller amount.
        BondOverflow,
        /// The key was rotated not long ago. Wait until `RotationInterval` blocks have passed since the last rotation.
        RotatedRecently,
        /// Too many keys that the organisation gave up are still remembered. Wait until `BondDelay` blocks have passed
        /// since it gave up the earliest.
        TooManyFormerKeys,
        /// The account is not elected, so that nothing can make it an anchor. Wait for an election.
        NotElected,
        /// The organisation is elected. Renounce the seat, or wait for the next election, then deregister.
        StillElected,
        /// Nothing of this account's is departing. Deregister first.
        NothingDeparting,
        /// The bond can't be withdrawn yet. Wait for the block named in the `Deregistered` event.
        NotReleasedYet,
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
        /// Registers the sender as an organisation.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's (cold) account.
        ///
        /// ## Details
        ///
        /// Holds `bond` on the sender's balance. `proof` is the signature by `key` over `KeyOwnership { account: sender
        /// }` and the genesis hash. If the account is elected and its identity judged, it becomes active at once.
        ///
        /// ## Errors
        ///
        /// [`Error::AlreadyRegistered`], [`Error::AccountIsKey`], [`Error::BadName`], [`Error::BadEndpoint`],
        /// [`Error::BadPeerId`], [`Error::BondTooLow`], [`Error::KeyInUse`], [`Error::BadProof`],
        /// [`Error::TooManyFormerKeys`]; an error of the balance if it can't hold the bond.
        ///
        /// ## Events
        ///
        /// [`Event::Registered`]; [`Event::ActiveSetChanged`] if the account becomes active.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::register())]
        pub fn register(
            origin: OriginFor<T>,
            name: BoundedVec<u8, ConstU32<64>>,
            endpoint: Endpoint,
            peer_id: PeerId,
            key: AnchorKey,
            proof: AnchorSignature,
            bond: Balance,
        ) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_register(account, Organisation { name, endpoint, peer_id, key, bond }, proof)
        }

        /// Changes where an organisation's anchor answers.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's account or by its signing key's account. It need not be active.
        ///
        /// ## Details
        ///
        /// Replaces endpoint and peer id. The active set stays as it is.
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

        /// Replaces an organisation's signing key.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's account. The signing key can't: whoever stole it must not be able to keep it.
        ///
        /// ## Details
        ///
        /// `proof` is the signature by the new `key` as for `register`. The old key acts for nobody from here on, but what it
        /// signed is the organisation's word for [`Config::BondDelay`] more. The change of an active anchor's key is a new
        /// active set, so that certificates that are still being collected must be collected again.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::RotatedRecently`], [`Error::KeyInUse`], [`Error::BadProof`],
        /// [`Error::TooManyFormerKeys`].
        ///
        /// ## Events
        ///
        /// [`Event::KeyRotated`]; [`Event::ActiveSetChanged`] if the organisation is active.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::rotate_key())]
        pub fn rotate_key(origin: OriginFor<T>, key: AnchorKey, proof: AnchorSignature) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_rotate_key(account, key, proof)
        }

        /// Removes the sender's organisation and starts the release of its bond.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's account.
        ///
        /// ## Details
        ///
        /// The bond can be withdrawn after `BondDelay` blocks. If something of an earlier registration is departing
        /// still, both become one amount with the later of the two blocks. The signing key acts for
        /// nobody any more, and is remembered for as long.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::StillElected`].
        ///
        /// ## Events
        ///
        /// [`Event::Deregistered`].
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::deregister())]
        pub fn deregister(origin: OriginFor<T>) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_deregister(account)
        }

        /// Gives a departing bond back.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the account that deregistered.
        ///
        /// ## Details
        ///
        /// Releases all that is departing. A newer registration of the same account keeps its own bond. If there is none,
        /// the account's former keys are forgotten.
        ///
        /// ## Errors
        ///
        /// [`Error::NothingDeparting`], [`Error::NotReleasedYet`].
        ///
        /// ## Events
        ///
        /// [`Event::BondWithdrawn`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::withdraw_bond())]
        pub fn withdraw_bond(origin: OriginFor<T>) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_withdraw_bond(account)
        }

        /// Adds to an organisation's bond.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the organisation's account.
        ///
        /// ## Details
        ///
        /// Holds `amount` more. This is how an organisation stays in office, or returns to it, after the minimum was
        /// raised.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::BondOverflow`]; an error of the balance if it can't hold the amount.
        ///
        /// ## Events
        ///
        /// [`Event::BondRaised`]; [`Event::ActiveSetChanged`] if an elected organisation reaches the minimum by it.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::bond_more())]
        pub fn bond_more(origin: OriginFor<T>, amount: Balance) -> DispatchResult {
            let account = ensure_signed(origin)?;
            Self::do_bond_more(account, amount)
        }

        /// Looks again whether an elected account is an anchor.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone.
        ///
        /// ## Details
        ///
        /// For what this pallet doesn't hear of: an identity that was judged, or is not any more, and a bond that fell below
        /// the minimum because it was slashed or the minimum raised. Does nothing if nothing changed.
        ///
        /// ## Errors
        ///
        /// [`Error::NotElected`].
        ///
        /// ## Events
        ///
        /// [`Event::ActiveSetChanged`] if the account became active, or stopped to be.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::refresh())]
        pub fn refresh(origin: OriginFor<T>, account: AccountId) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_refresh(account)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// The organisation that an account may act for: its own, or the one whose signing key it is; active or not.
        pub fn organisation_of(account: AccountId) -> Option<(AccountId, Organisation)> {
            Self::find(&account)
        }

        /// The organisation whose word a signature by `key` is: the one that has the key, or gave it up not long ago.
        pub fn key_owner(key: AnchorKey) -> Option<AccountId> {
            Self::owner(&key)
        }

        /// Whether [`Call::refresh`] would change something: the account is elected, and is an active anchor without a right to
        /// it, or has a right to be one and isn't, or not with its present key.
        pub fn needs_refresh(account: AccountId) -> bool {
            let is_elected = Elected::<T>::get().binary_search(&account).is_ok();
            let member = ActiveSet::<T>::get().members.into_iter().find(|member| member.account == account);
            is_elected && member != Self::eligible(&account)
        }
    }
}
