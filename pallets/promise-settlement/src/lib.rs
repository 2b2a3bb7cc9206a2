//! # Promise settlement pallet
//!
//! Sessions: deposits against which a service node claims what it was promised, with a burn.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for more information about the interfaces this pallet exposes, including its configuration trait,
//! dispatchables, storage items, events and errors.
//!
//! ## Overview
//!
//! A *payer* who wants to call a service node many times does not pay for every call on the chain. It opens a *session*: it
//! sets money aside for one node, and names a *signer*, the key that may spend it. With every call the signer gives the node a
//! *promise*: "of this session I owe you so much in total". Each promise replaces the one before it, so the node keeps only the
//! highest and, whenever it likes, brings it to the chain. The chain then pays the node the difference to what it was paid
//! before, and destroys ("burns") a percentage of it.
//!
//! * The node can never get more than was set aside, whatever was promised.
//! * The percentage is fixed when the session opens. Nobody, not even the DAO, changes it for an open session.
//! * The node closes a session at once: the payer gets back the rest in the same moment.
//! * The payer closes a session with a delay (the *challenge window*, fixed at opening too), so that the node has the time to
//!   bring its last promise.
//! * A promise of one session is worth nothing in another one, on another chain, or after the session ended.
//!
//! ## Example
//!
//! A session from opening to closing, out of this pallet's tests:
#![doc = docify::embed!("src/tests.rs", a_session_from_opening_to_closing)]
//!
//! ## Low-level details
//!
//! * **Money.** A deposit is held in the payer's own account ([`HoldReason::Session`]); this pallet has no pot. A claim destroys
//!   its burned part out of the hold, which lowers the total issuance, and moves the paid part to the node's free balance.
//!   Always `deposit = paid + burned + held`; when a session closes, what was held is refunded. `try_state` checks both this and that
//!   each payer's hold is exactly the sum of what its sessions hold.
//! * **Identifiers.** A session is identified by [`session_id`](smartlayer_primitives::promise::session_id) of (genesis, payer,
//!   node, nonce). A payer's nonces must rise from session to session ([`LastNonce`]), so an identifier never comes back, and
//!   neither does the value of an old promise. Wallets ask the view function `next_nonce`.
//! * **Promises** are those of [`smartlayer_primitives::promise`]. The signature is checked against the session's signer and the
//!   genesis hash of this chain. Only `cumulative` settles: a tick chain inside a promise is between the payer and the node,
//!   until the signer turns the ticks into a promise with a higher `cumulative`.
//! * **Claims are for anybody to send**, a watchtower for example. They pay the session's node, never the sender.
//! * **Rounding** is in favour of the burn ([`smartlayer_primitives::fees::settle`]): claiming in many small steps never burns
//!   less than claiming once.
//! * **Constant cost.** Calls, promises and ticks leave nothing on the chain; what is stored is one record for each open session
//!   and one number for each payer that ever opened one.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(any(feature = "try-runtime", feature = "runtime-benchmarks", test))]
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

/// The most promises that one [`Call::claim_batch`] carries.
pub const MAX_BATCH: u32 = 32;

#[frame_support::pallet]
pub mod pallet {
    use super::{WeightInfo, MAX_BATCH};
    use frame_support::{pallet_prelude::*, traits::fungible};
    use frame_system::pallet_prelude::*;
    use smartlayer_primitives::{
        promise::SignedPromise, session::Session, traits::ServiceNodes, AccountId, Balance, BlockNumber, Hash,
        SessionId,
    };
    use sp_runtime::{
        traits::{Header, HeaderProvider},
        Permill,
    };

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<
        AccountId = AccountId,
        Hash = Hash,
        Block: HeaderProvider<HeaderT: Header<Number = BlockNumber>>,
    >
    {
        /// The money that sessions are paid with.
        type Currency: fungible::Mutate<AccountId, Balance = Balance>
            + fungible::MutateHold<AccountId, Balance = Balance, Reason = Self::RuntimeHoldReason>;

        /// The runtime's union of all reasons to hold money.
        type RuntimeHoldReason: From<HoldReason>;

        /// Knows which accounts are service nodes, and who acts for them.
        type ServiceNodes: ServiceNodes;

        /// The share of every claim that is destroyed. Pinned by each session when it opens.
        type BurnRate: Get<Permill>;

        /// How many blocks a node has to bring its last promise after the payer asked to close. Pinned by each session when it
        /// opens.
        type ChallengeWindow: Get<BlockNumber>;

        /// The least deposit that opens a session, in planck: what makes a session record worth its place.
        type MinDeposit: Get<Balance>;

        /// What the calls cost.
        type WeightInfo: WeightInfo;
    }

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// The deposits of open sessions.
        #[codec(index = 0)]
        Session,
    }

    /// The open sessions.
    ///
    /// Inserted by [`Call::open`]; changed by [`Call::top_up`], [`Call::claim`], [`Call::claim_batch`] and
    /// [`Call::request_close`]; removed by [`Call::close`] and [`Call::finish`]. The key is a blake2-256 hash already, so it is
    /// not hashed again.
    #[pallet::storage]
    pub type Sessions<T: Config> = StorageMap<_, Identity, SessionId, Session>;

    /// The nonce of the last session that a payer opened: the next one's must be higher.
    ///
    /// Written by [`Call::open`] and never removed: an entry that were forgotten would let old promises become good again.
    #[pallet::storage]
    pub type LastNonce<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, u64>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A session was opened; its deposit is held.
        Opened {
            /// The session.
            session: SessionId,
            /// Whose money it is.
            payer: AccountId,
            /// The node that may claim.
            node: AccountId,
            /// What is held, in planck.
            deposit: Balance,
        },
        /// A session's deposit was raised.
        ToppedUp {
            /// The session.
            session: SessionId,
            /// What was added, in planck.
            amount: Balance,
            /// The deposit from now on, in planck.
            deposit: Balance,
        },
        /// A promise was settled.
        Claimed {
            /// The session.
            session: SessionId,
            /// The node that was paid.
            node: AccountId,
            /// What it received by this claim, in planck.
            paid: Balance,
            /// What this claim burned, in planck.
            burned: Balance,
            /// What was claimed of the session so far, this claim included, in planck.
            cumulative: Balance,
        },
        /// A promise of a batch could not be settled; the others were not affected.
        ClaimFailed {
            /// The session that the promise named.
            session: SessionId,
            /// Why.
            error: DispatchError,
        },
        /// The payer asked to close a session.
        CloseRequested {
            /// The session.
            session: SessionId,
            /// The first block at which anyone may finish it.
            at: BlockNumber,
        },
        /// A session ended. Of all time: `deposit = paid + burned + refunded`.
        Closed {
            /// The session.
            session: SessionId,
            /// The node that served.
            node: AccountId,
            /// The payer that got the refund.
            payer: AccountId,
            /// All that was ever put in, in planck.
            deposit: Balance,
            /// What the node received in total, in planck.
            paid: Balance,
            /// What was burned in total, in planck.
            burned: Balance,
            /// What the payer got back, in planck.
            refunded: Balance,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// There is no open session with this identifier: it never opened, or it is closed. Check the identifier, or open a session.
        NoSuchSession,
        /// A session with this identifier is open already. Use a higher nonce.
        SessionExists,
        /// The nonce is not higher than that of the payer's last session. Ask the view function `next_nonce` for one that is.
        NonceNotHigher,
        /// The account is not a service node with the minimum stake, so nobody would be accountable. Choose another node.
        NodeNotBonded,
        /// The deposit is below the minimum. Put in at least `MinDeposit`.
        DepositTooLow,
        /// Nothing was to be added. Name an amount above zero.
        NothingToAdd,
        /// The deposit would exceed what a balance can express. Add less.
        DepositOverflow,
        /// The session's signer did not sign this promise for this chain. Ask the payer's side for a promise signed by the session's
        /// signer over this chain's genesis hash.
        BadSignature,
        /// The promise is not higher than what was claimed already. Bring a later promise.
        NothingNew,
        /// The promise exceeds the deposit, and is refused whole. Claim a promise within the deposit, or have the payer top up.
        OverDeposit,
        /// The promise belongs to another session than the one to be closed. Bring this session's last promise, or none.
        OtherSession,
        /// The node's account is gone and the payment is too small to bring it back. Fund the node's account first.
        NodeCannotReceive,
        /// Only the session's payer may do this. Sign with the account that opened the session.
        NotThePayer,
        /// Only the session's node may do this. Sign with the node's account or its service key.
        NotTheNode,
        /// The session is about to close. Open a new one instead.
        Closing,
        /// The payer did not ask to close this session. It does so with `request_close`; the node closes with `close`.
        NotClosing,
        /// The challenge window is not over. Finish at the block that `CloseRequested` told, or later.
        WindowOpen,
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
        /// Open a session to a service node.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the payer.
        ///
        /// ## Details
        ///
        /// Holds `deposit` planck of the payer's free balance (the existential deposit stays free) and lets `node` claim it
        /// against promises that `signer` signs. `signer` is an account or any key's account: it needs no funds. The burn rate
        /// and the challenge window of this block are the session's for its whole life. `nonce` must be higher than that of the
        /// payer's last session, whichever node that was for; the session's identifier follows from it.
        ///
        /// ## Errors
        ///
        /// [`Error::NodeNotBonded`], [`Error::DepositTooLow`], [`Error::NonceNotHigher`], [`Error::SessionExists`], and the
        /// currency's own if the payer can't afford the deposit.
        ///
        /// ## Events
        ///
        /// [`Event::Opened`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::open())]
        pub fn open(
            origin: OriginFor<T>,
            node: AccountId,
            signer: AccountId,
            deposit: Balance,
            nonce: u64,
        ) -> DispatchResult {
            Self::do_open(ensure_signed(origin)?, node, signer, deposit, nonce)
        }

        /// Raise a session's deposit.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the session's payer.
        ///
        /// ## Details
        ///
        /// Holds `amount` planck more. The pinned burn rate and challenge window stay. Refused once the payer asked to close.
        ///
        /// ## Errors
        ///
        /// [`Error::NothingToAdd`], [`Error::NoSuchSession`], [`Error::NotThePayer`], [`Error::Closing`],
        /// [`Error::DepositOverflow`], and the currency's own if the payer can't afford it.
        ///
        /// ## Events
        ///
        /// [`Event::ToppedUp`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::top_up())]
        pub fn top_up(origin: OriginFor<T>, session: SessionId, amount: Balance) -> DispatchResult {
            Self::do_top_up(ensure_signed(origin)?, session, amount)
        }

        /// Settle a promise: pay the node what is new in it.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone; the session's node is paid, whoever sends it.
        ///
        /// ## Details
        ///
        /// What the promise owes in total, less what was claimed before, is divided at the session's burn rate: one part is
        /// destroyed, the other paid to the node. The session stays open, also while it is closing.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::OverDeposit`], [`Error::NothingNew`], [`Error::BadSignature`],
        /// [`Error::NodeCannotReceive`].
        ///
        /// ## Events
        ///
        /// [`Event::Claimed`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::claim())]
        pub fn claim(origin: OriginFor<T>, promise: SignedPromise) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_claim(&promise)
        }

        /// Settle promises of several sessions; those that can't be settled don't keep the others from it.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone; the sessions' nodes are paid, whoever sends it.
        ///
        /// ## Details
        ///
        /// Does what [`Call::claim`] does for each promise, in order. A promise that fails changes nothing and leaves an event.
        ///
        /// ## Errors
        ///
        /// None of its own; read the events.
        ///
        /// ## Events
        ///
        /// [`Event::Claimed`] or [`Event::ClaimFailed`] for each promise.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::claim_batch(promises.len() as u32))]
        pub fn claim_batch(
            origin: OriginFor<T>,
            promises: BoundedVec<SignedPromise, ConstU32<MAX_BATCH>>,
        ) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_claim_batch(&promises);
            Ok(())
        }

        /// Close a session at once: settle a last promise, refund the payer.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the session's node or its service key.
        ///
        /// ## Details
        ///
        /// If `last` is given, it is settled first, as [`Call::claim`] does. It is no error if it was settled by someone else
        /// in the meantime. What is still held then goes back to the payer, and the session is gone: promises that were not
        /// brought are worth nothing from then on.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotTheNode`], [`Error::OtherSession`], and with `last` also
        /// [`Error::OverDeposit`], [`Error::BadSignature`], [`Error::NodeCannotReceive`].
        ///
        /// ## Events
        ///
        /// [`Event::Claimed`] if `last` had something new, then [`Event::Closed`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::close())]
        pub fn close(origin: OriginFor<T>, session: SessionId, last: Option<SignedPromise>) -> DispatchResult {
            Self::do_close(ensure_signed(origin)?, session, last)
        }

        /// Ask to close a session: the challenge window begins.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the session's payer.
        ///
        /// ## Details
        ///
        /// From now on the session can't be topped up. The node goes on claiming until somebody finishes the session, which
        /// is possible once its pinned challenge window is over.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotThePayer`], [`Error::Closing`].
        ///
        /// ## Events
        ///
        /// [`Event::CloseRequested`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::request_close())]
        pub fn request_close(origin: OriginFor<T>, session: SessionId) -> DispatchResult {
            Self::do_request_close(ensure_signed(origin)?, session)
        }

        /// Finish a session whose challenge window is over: refund the payer.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone; the refund is the payer's, whoever sends it.
        ///
        /// ## Details
        ///
        /// What is still held goes back to the payer, and the session is gone: promises that were not brought are worth nothing
        /// from then on.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotClosing`], [`Error::WindowOpen`].
        ///
        /// ## Events
        ///
        /// [`Event::Closed`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::finish())]
        pub fn finish(origin: OriginFor<T>, session: SessionId) -> DispatchResult {
            ensure_signed(origin)?;
            Self::do_finish(session)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// An open session.
        pub fn session(id: SessionId) -> Option<Session> {
            Sessions::<T>::get(id)
        }

        /// The least nonce that the next session of `payer` may have; nothing if it used up all of them.
        pub fn next_nonce(payer: AccountId) -> Option<u64> {
            match LastNonce::<T>::get(payer) {
                Some(last) => last.checked_add(1),
                None => Some(0),
            }
        }
    }
}
