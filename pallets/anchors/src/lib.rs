//! # Anchors pallet
//!
//! The active set of anchors: organisations that are elected *and* registered, and the quorums they form.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for calls, storage, events, errors and the configuration. Other pallets meet this one
//! through [`smartlayer_primitives::traits::Anchors`]; the elections pallet feeds it through
//! [`frame_support::traits::ChangeMembers`] and [`frame_support::traits::InitializeMembers`].
//!
//! ## Overview
//!
//! Anchors are known organisations that watch over the network: they measure whether service nodes keep their promises
//! and write down, period by period, what happened. Token holders elect them. To take part, an organisation also
//! registers here: it says where its anchor can be reached, names the key that its anchor signs with, and puts down a
//! bond. Whoever is elected but not registered, or registered but not elected, is no anchor.
//!
//! What more than two thirds of the active anchors sign counts as the network's word. Every change of the active set
//! gets a new number, so that a certificate says exactly which set signed it.
//!
//! An organisation that wants to leave deregisters once it is no longer elected, and gets its bond back after a delay.
//!
//! ## Example
//!
//! Two organisations are elected, but only one is registered; it becomes active, and leaves again.
#![doc = docify::embed!("src/tests.rs", elected_and_registered_is_active)]
//!
//! ## Low-level details
//!
//! * **The active set** is `Elected ∩ Organisations` with a bond of at least [`Config::MinBond`], sorted by account. It
//!   is worked out anew when the elected members change and when an elected organisation registers, adds to its bond or
//!   rotates its key, never otherwise. A raised `MinBond` therefore takes effect at the next of these events. The set's
//!   number rises only when accounts or keys really changed.
//! * **Keys.** A signing key belongs to one organisation, and its account (the key's 32 bytes) may not be another
//!   organisation's account: otherwise it would be unclear for whom a signature speaks. Its holder proves possession by
//!   signing [`KeyOwnership`](smartlayer_primitives::node::KeyOwnership), which binds the organisation's account and
//!   this chain's genesis hash. Using the account's own key is allowed.
//! * **Rotation is slow on purpose.** A new key is a new set, and a new set voids all certificates in the making. An
//!   anchor that rotated in every block could keep the others from ever finishing one, so that
//!   [`Config::RotationInterval`] must pass between two rotations.
//! * **Bonds** are held balances ([`HoldReason::Bond`]). What is held always equals the organisation's bond plus what
//!   is departing.
//! * **Costs** are bounded by [`MAX_ANCHORS`](smartlayer_primitives::quorum::MAX_ANCHORS): a change of the set reads
//!   each elected organisation once. Where elections change the members, that cost comes on top of the weight that the
//!   elections pallet accounts for.

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
    use frame_support::{
        pallet_prelude::*,
        traits::fungible::{hold::Mutate as HoldMutate, Inspect},
    };
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        node::{Endpoint, PeerId},
        organisation::Organisation,
        quorum::{AnchorKey, AnchorSet, AnchorSignature, MAX_ANCHORS},
        AccountId, Balance, BlockNumber, Hash,
    };

    use crate::WeightInfo;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(0);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId = AccountId, Hash = Hash> {
        /// The token in which bonds are held.
        type Currency: Inspect<AccountId, Balance = Balance> + HoldMutate<AccountId, Reason: From<HoldReason>>;

        /// The least bond of an active anchor, in planck.
        type MinBond: Get<Balance>;

        /// How many blocks a deregistered organisation waits for its bond: longer than anything can still be held
        /// against it.
        type BondDelay: Get<BlockNumber>;

        /// How many blocks must pass between two key rotations of one organisation: much longer than collecting a
        /// quorum takes.
        type RotationInterval: Get<BlockNumber>;

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
    /// Written by `register`, `update`, `rotate_key`, `bond_more` and `deregister`.
    #[pallet::storage]
    pub type Organisations<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Organisation>;

    /// The organisation that a signing key belongs to, by the key's account.
    ///
    /// Written by `register`, `rotate_key` and `deregister`.
    #[pallet::storage]
    pub type Keys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, AccountId>;

    /// The elected accounts, sorted, registered or not.
    ///
    /// Written by the elections through `ChangeMembers` and `InitializeMembers`; by no call.
    #[pallet::storage]
    pub type Elected<T: Config> = StorageValue<_, BoundedVec<AccountId, ConstU32<MAX_ANCHORS>>, ValueQuery>;

    /// The active anchors, sorted by account, and the number of this very set.
    ///
    /// Written whenever the elections change the members, and by `register`, `rotate_key` and `bond_more` of an elected
    /// account.
    #[pallet::storage]
    pub type ActiveSet<T: Config> = StorageValue<_, AnchorSet, ValueQuery>;

    /// Bonds of organisations that deregistered: the amount in planck, and the first block at which it can be
    /// withdrawn.
    ///
    /// Written by `deregister` and `withdraw_bond`.
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
        /// This key belongs to an organisation, or is the account of another one. Make a new key.
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
        /// }` and the genesis hash. If the account is elected, it becomes active at once.
        ///
        /// ## Errors
        ///
        /// [`Error::AlreadyRegistered`], [`Error::AccountIsKey`], [`Error::BadName`], [`Error::BadEndpoint`],
        /// [`Error::BadPeerId`], [`Error::BondTooLow`], [`Error::KeyInUse`], [`Error::BadProof`]; an error of the
        /// balance if it can't hold the bond.
        ///
        /// ## Events
        ///
        /// [`Event::Registered`]; [`Event::ActiveSetChanged`] if the account is elected.
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
        /// `proof` is the signature by the new `key` as for `register`. The old key means nothing from here on. The
        /// change of an active anchor's key is a new active set, so that certificates that are still being collected
        /// must be collected again.
        ///
        /// ## Errors
        ///
        /// [`Error::NotRegistered`], [`Error::RotatedRecently`], [`Error::KeyInUse`], [`Error::BadProof`].
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
        /// still, both become one amount with the later of the two blocks. The signing key is free again.
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
        /// Releases all that is departing. A newer registration of the same account keeps its own bond.
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
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// The organisation that an account may act for: its own, or the one whose signing key it is; active or not.
        pub fn organisation_of(account: AccountId) -> Option<(AccountId, Organisation)> {
            Self::find(&account)
        }
    }
}
