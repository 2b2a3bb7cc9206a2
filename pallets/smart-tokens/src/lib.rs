//! # Smart tokens pallet
//!
//! Token types: their scripts, what they require of the nodes that serve them, and their prepaid rent.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for calls, storage, events, errors and the configuration. Rent goes to another pallet
//! through [`RentPool`](smartlayer_primitives::traits::RentPool); the running period comes from
//! [`Snapshots`](smartlayer_primitives::traits::Snapshots).
//!
//! ## Overview
//!
//! An issuer turns a token into a web service by registering its *token type*: the hash of the token script, where the
//! script can be fetched, how good the nodes that serve it must be, how many copies and shards of each instance the
//! network keeps, and which operations are *key operations*, recorded by the network and provable afterwards.
//!
//! The network serves a token type as long as its rent is paid. Rent is paid ahead, for a number of periods; anyone may
//! pay more of it. The more copies a token type asks for, the more rent it pays. Registering also holds a deposit for
//! the space that the registration takes up on the chain.
//!
//! The issuer may take a *revenue share*: a part of what the calls of its token pay, after the burn. Who calls such a token pays
//! from a session that was opened for it.
//!
//! Only the issuer may publish a new version of the script, or change its revenue share, up to a bound that the DAO sets.
//! Sessions that are open keep the share with which they were opened. Everything else about a token type stays as it was
//! registered, since those who hold the token and those who serve it relied on it.
//!
//! ## Example
//!
//! An issuer registers a token type for ten periods; somebody else pays for five more.
#![doc = docify::embed!("src/tests.rs", register_and_fund)]
//!
//! The issuer takes a tenth of what sessions pay that are opened from now on:
#![doc = docify::embed!("src/tests.rs", take_a_share)]
//!
//! ## Low-level details
//!
//! * **Rent** per period is [`Config::RentPerPeriod`] for each whole copy's worth of data that the network keeps of an
//!   instance; see [`rent_per_period`]. It is never below the floor, `RentPerPeriod` itself.
//! * **Paid until** is the first period that is not paid for. A payment counts from there, or from the running period
//!   if rent ran out before: time without rent isn't paid for afterwards, and rent isn't refunded.
//! * **Deposit**: [`Config::DepositBase`] plus [`Config::DepositPerByte`] for each byte of the encoded specification,
//!   held on the issuer's balance ([`HoldReason::Registration`]). It is worked out anew, at the rates of the day, when
//!   the script is updated. What is held of an issuer always equals the deposits of its token types.
//! * **Revenue share**: at most [`Config::MaxRevenueShare`] when it is set. A bound that is lowered later leaves the shares of
//!   registered types as they are, until their issuers change them. Other pallets learn the issuer and its share through
//!   [`TokenTypes`](smartlayer_primitives::traits::TokenTypes).
//! * **Numbers** are given in order and never again.
//! * **Costs**: every call is constant in storage; specifications are bounded by their types.

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

#[cfg(any(feature = "std", feature = "try-runtime", feature = "runtime-benchmarks"))]
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
mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
// Sums of constants.
#[allow(clippy::arithmetic_side_effects)]
pub mod weights;

pub use impls::{copies, rent_per_period};
pub use pallet::*;
pub use weights::WeightInfo;

/// Token types: their scripts, what they require of the nodes that serve them, and their prepaid rent.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::{
        pallet_prelude::*,
        traits::fungible::{hold::Mutate as HoldMutate, Inspect},
    };
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        token::{Redundancy, ScriptUri, TokenSpec, TokenType},
        traits::{RentPool, Snapshots},
        AccountId, Balance, Hash, Period, TokenTypeId,
    };
    use sp_runtime::Permill;

    use crate::WeightInfo;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(0);

    /// What the pallet needs from the runtime.
    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId = AccountId, Hash = Hash> {
        /// The token in which deposits are held.
        type Currency: Inspect<AccountId, Balance = Balance> + HoldMutate<AccountId, Reason: From<HoldReason>>;

        /// Where rent goes.
        type RentPool: RentPool;

        /// Which period is running.
        type Snapshots: Snapshots;

        /// The rent of one copy's worth of data for one period, in planck, and so the least rent of any token type.
        type RentPerPeriod: Get<Balance>;

        /// The part of a registration's deposit that does not depend on its size, in planck.
        type DepositBase: Get<Balance>;

        /// The deposit for each byte of the encoded specification, in planck.
        type DepositPerByte: Get<Balance>;

        /// The most that an issuer may take of the payments for calls, after the burn.
        type MaxRevenueShare: Get<Permill>;

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
        /// The deposits of an issuer's token types.
        #[codec(index = 0)]
        Registration,
    }

    /// The registered token types, by number.
    ///
    /// Written by `register`, `update_script`, `fund_rent` and `set_revenue_share`.
    #[pallet::storage]
    pub type Tokens<T: Config> = StorageMap<_, Twox64Concat, TokenTypeId, TokenType>;

    /// The deposit that is held for a token type, in planck.
    ///
    /// Written by `register` and `update_script`.
    #[pallet::storage]
    pub type Deposits<T: Config> = StorageMap<_, Twox64Concat, TokenTypeId, Balance, ValueQuery>;

    /// The number of the next token type to be registered.
    ///
    /// Written by `register`.
    #[pallet::storage]
    pub type NextTokenType<T: Config> = StorageValue<_, TokenTypeId, ValueQuery>;

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A token type was registered.
        Registered {
            /// Its number.
            token_type: TokenTypeId,
            /// Who registered it.
            issuer: AccountId,
        },
        /// A token type's script was replaced.
        ScriptUpdated {
            /// The token type.
            token_type: TokenTypeId,
            /// blake2-256 of the new script.
            script_hash: Hash,
        },
        /// Rent was paid.
        RentPaid {
            /// The token type.
            token_type: TokenTypeId,
            /// Who paid.
            from: AccountId,
            /// How much, in planck.
            amount: Balance,
            /// The first period that is not paid for now.
            paid_until: Period,
        },
        /// A token type's revenue share was changed. Sessions that are open keep theirs.
        RevenueShareSet {
            /// The token type.
            token_type: TokenTypeId,
            /// The share that its issuer takes from now on of payments after the burn.
            share: Permill,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// There is no token type of this number. Look its number up in the `Registered` event.
        NoSuchTokenType,
        /// The sender did not register this token type. Send it from the issuer's account.
        NotIssuer,
        /// There is no URI. Name at least one place from which the script can be fetched.
        NoUri,
        /// A URI is empty or not UTF-8. Send URIs that programs can read.
        BadUri,
        /// Serving copies, shards and threshold don't make sense together. Ask for 1 to 16 serving nodes, and a
        /// threshold between 1 and the number of shards.
        BadRedundancy,
        /// A key operation's name is empty or not UTF-8. Send the names of the script's actions.
        BadOperationName,
        /// Two key operations have the same name. Name each action once.
        DuplicateOperation,
        /// Rent for no period at all. Pay for at least one.
        NoPeriods,
        /// Rent for so many periods that the last one has no number, or costs more than any balance can be. Pay for
        /// fewer.
        TooManyPeriods,
        /// All numbers of token types are given. Only an upgrade of the chain can help.
        NoNumberLeft,
        /// The revenue share is above the bound. Take at most `MaxRevenueShare`.
        RevenueShareTooHigh,
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
        /// Registers a token type and pays its first rent.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by whoever becomes the issuer.
        ///
        /// ## Details
        ///
        /// Holds the deposit and pays rent for `periods` periods, the running one included. The token type's number is
        /// in the event.
        ///
        /// ## Errors
        ///
        /// [`Error::NoUri`], [`Error::BadUri`], [`Error::BadRedundancy`], [`Error::BadOperationName`],
        /// [`Error::DuplicateOperation`], [`Error::RevenueShareTooHigh`], [`Error::NoPeriods`], [`Error::TooManyPeriods`],
        /// [`Error::NoNumberLeft`]; an error of the balance if it can't pay the rent or hold the deposit.
        ///
        /// ## Events
        ///
        /// [`Event::Registered`], [`Event::RentPaid`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::register())]
        pub fn register(origin: OriginFor<T>, spec: TokenSpec, periods: Period) -> DispatchResult {
            let issuer = ensure_signed(origin)?;
            Self::do_register(issuer, spec, periods)
        }

        /// Publishes a new version of a token type's script.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the issuer.
        ///
        /// ## Details
        ///
        /// Replaces the script's hash and URIs, and adjusts the deposit to the new size. Requirement, redundancy and
        /// key operations stay.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchTokenType`], [`Error::NotIssuer`], [`Error::NoUri`], [`Error::BadUri`]; an error of the
        /// balance if it can't hold a larger deposit.
        ///
        /// ## Events
        ///
        /// [`Event::ScriptUpdated`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::update_script())]
        pub fn update_script(
            origin: OriginFor<T>,
            token_type: TokenTypeId,
            script_hash: Hash,
            script_uris: BoundedVec<ScriptUri, ConstU32<4>>,
        ) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_update_script(sender, token_type, script_hash, script_uris)
        }

        /// Pays more rent for a token type.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone: it only gives.
        ///
        /// ## Details
        ///
        /// Pays for `periods` periods more, at the price of the day; from the running period on if rent ran out before.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchTokenType`], [`Error::NoPeriods`], [`Error::TooManyPeriods`]; an error of the balance if it
        /// can't pay.
        ///
        /// ## Events
        ///
        /// [`Event::RentPaid`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::fund_rent())]
        pub fn fund_rent(origin: OriginFor<T>, token_type: TokenTypeId, periods: Period) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_fund_rent(sender, token_type, periods)
        }

        /// Changes the issuer's part in what the calls of a token type pay.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the issuer.
        ///
        /// ## Details
        ///
        /// `share` is of what the burn leaves of a payment. It holds for sessions that are opened from now on; those that are
        /// open keep the share with which they were opened.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchTokenType`], [`Error::NotIssuer`], [`Error::RevenueShareTooHigh`].
        ///
        /// ## Events
        ///
        /// [`Event::RevenueShareSet`].
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::set_revenue_share())]
        pub fn set_revenue_share(origin: OriginFor<T>, token_type: TokenTypeId, share: Permill) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            Self::do_set_revenue_share(sender, token_type, share)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// What rent for so many periods costs today, in planck; nothing if it is more than a balance can be, or the
        /// redundancy makes no sense.
        pub fn rent_quote(redundancy: Redundancy, periods: Period) -> Option<Balance> {
            redundancy.is_valid().then(|| Self::rent(&redundancy, periods)).flatten()
        }

        /// What would be held for a registration of this specification today, in planck.
        pub fn deposit_quote(spec: TokenSpec) -> Balance {
            Self::deposit(&spec)
        }

        /// Whether a token type's rent is paid for the running period.
        pub fn is_paid(token_type: TokenTypeId) -> bool {
            Tokens::<T>::get(token_type).is_some_and(|token| token.paid_until > T::Snapshots::current_period())
        }
    }
}
