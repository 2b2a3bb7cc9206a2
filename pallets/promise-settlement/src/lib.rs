//! # Promise settlement pallet
//!
//! Sessions: deposits against which service nodes claim what they were promised, with a burn.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for more information about the interfaces this pallet exposes, including its configuration
//! trait, dispatchables, storage items, events and errors.
//!
//! ## Overview
//!
//! A *payer* who wants to call a service node many times does not pay for every call on the chain. It opens a
//! *session*: it sets money aside for one node, and names a *signer*, the key that may spend it. With every call the
//! signer gives the node a *promise*: "of this session I owe you so much in total". Each promise replaces the one
//! before it, so the node keeps only the highest and, whenever it likes, brings it to the chain. The chain then pays
//! the node the difference to what it was paid before, and destroys ("burns") a percentage of it.
//!
//! * Nodes can never get more of the deposit than was set aside, whatever was promised. A promise above it is paid as
//!   far as it goes.
//! * The percentage is fixed when the session opens. Nobody, not even the DAO, changes it for an open session. So is
//!   the share of what the burn leaves that goes to the issuer of a token, if the session was opened to pay for calls
//!   of that token.
//! * The node closes a session at once: the payer gets back the rest in the same moment.
//! * The payer closes a session with a delay (the *challenge window*, fixed at opening too), so that nodes have the
//!   time to bring their last promises. When the session's lifetime is over, anybody may ask for that in the payer's
//!   place.
//! * A promise of one session is worth nothing in another one, on another chain, or after the session ended.
//! * Beside the deposit, the payer leaves a storage deposit for the room that the session takes on the chain. It gets
//!   it back at the end.
//!
//! A website that calls many nodes need not set money aside for each. Its *network session* names a *notary* instead of
//! a node: one of the anchors. The notary tells each node, signed, how much of the deposit it may count on: an
//! *allocation*. A node claims with a promise and an allocation, up to the smaller of the two. If the notary allocates
//! more than there is, it pays what is missing out of the bond that every anchor has, and whoever shows the evidence
//! makes it lose a part of the bond besides. The payer can name another notary at any time; the former one's
//! allocations stay good for the challenge window, and only then do the new one's begin.
//!
//! A node that is offline when a payer closes would lose its last promises. So nodes give them to chain nodes to keep
//! (the *watchtower*), which claim in their place, without a fee, when a session is closing or changes its notary.
//!
//! ## Example
//!
//! A session from opening to closing, out of this pallet's tests:
#![doc = docify::embed!("src/tests/mod.rs", a_session_from_opening_to_closing)]
//!
//! A network session:
#![doc = docify::embed!("src/tests/mod.rs", a_network_session)]
//!
//! ## Low-level details
//!
//! * **Money.** A deposit is held in the payer's own account ([`HoldReason::Session`]); this pallet has no pot. A claim
//!   takes what it settles out of the hold, drops the burned part, which lowers the total issuance, and adds the rest
//!   to the free balances of the node and the issuer. Always `deposit = paid + burned + issuer's part + held`; when a
//!   session closes, what was held is refunded. `try_state` checks both this and that each payer's holds are exactly
//!   the sums of what its sessions hold.
//! * **Identifiers.** A session is identified by [`session_id`](smartlayer_primitives::promise::session_id) of
//!   (genesis, payer, node or notary, nonce). A payer's nonces must rise from session to session ([`LastNonce`]), so an
//!   identifier never comes back, and neither does the value of an old promise. Wallets ask the view function
//!   `next_nonce`.
//! * **Promises** are those of [`smartlayer_primitives::promise`]. The signature is checked against the session's
//!   signer and the genesis hash of this chain. A promise may carry a tick chain: the claim then brings how many ticks
//!   were revealed and the last of them, and each adds a unit to what is owed. The chain hashes at most
//!   [`MAX_TICKS`](smartlayer_primitives::promise::MAX_TICKS) times, which the claim's weight counts.
//! * **Channels.** In a network session each node has a count of its own in each round: promises name
//!   [`channel_id`](smartlayer_primitives::notary::channel_id) of (session, round, node), and [`Channels`] says what
//!   was settled of it. A session has room for as many channels as it paid the storage of. When its round starts a
//!   notary knows exactly how much room and how much money there is, because nothing can be claimed of earlier rounds
//!   any more; it allocates to at most `max_nodes - nodes` nodes, and no more than the view function `budget`.
//! * **More than the deposit.** A promise that exceeds what a session with one node holds is paid with all that is
//!   held, and again after a top-up. In a network session, a claim that the deposit can't pay proves by itself that its
//!   notary allocated too much: the sum of what was claimed in its round is never more than what it allocated. The rest
//!   of such a claim comes from the notary's bond as far as that goes, with no burn and no issuer's share.
//! * **Batches** settle each claim by itself: one that fails leaves an event and nothing else. What accounts receive is
//!   added up and paid once.
//! * **Claims are for anybody to send.** They pay the node, never the sender. Claims and closings are in the
//!   operational class, so that a mass exit finds room in blocks that are full of other things.
//! * **The watchtower's claims** ([`Call::claim_authorized`]) are transactions without signature and fee. They are
//!   valid only while a session is closing, or a change of notary is pending for claims of the round that it ends, and
//!   only if they pay more than was settled and nothing keeps them from it.
//!   So that nobody fills blocks with free claims that rise by a planck, every free claim of a count after its first
//!   must pay at least a [`FREE_CLAIM_STEP`]th of the deposit, of which a part is burned: there are never more than
//!   that many and one for each count. Of several in a pool the one that pays most waits. What chain nodes keep, and
//!   how, is in [`smartlayer_primitives::watchtower`].
//! * **Rounding** is in favour of the burn ([`smartlayer_primitives::fees::settle`]): claiming in many small steps
//!   never burns less than claiming once. The issuer's share is rounded down. If the issuer's account is gone and its
//!   part is too small to bring it back, that part is burned as well: a node never waits for an issuer.
//! * **Constant cost.** Calls, promises, ticks and allocations leave nothing on the chain; what is stored is one record
//!   for each open session, one for each channel of a network session, and one number for each payer that ever opened
//!   one.

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
mod impls;
#[cfg(test)]
mod mock;
mod notaries;
mod settle;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
// Checks that only tests and try-runtime run.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod try_state;
mod watchtower;
// Sums of constants.
#[allow(clippy::arithmetic_side_effects)]
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

/// The most claims that one [`Call::claim_batch`] carries.
pub const MAX_BATCH: u32 = 32;
/// A free claim of a count that had one before pays at least this part of the deposit: one divided by it, rounded up.
pub const FREE_CLAIM_STEP: u128 = 64;
/// The most allocations that show a notary's fault: to one node more than a session can have.
pub const MAX_EVIDENCE: u32 = smartlayer_primitives::notary::MAX_SESSION_NODES as u32 + 1;
/// For how many blocks a chain node's watchtower misses a session before it forgets it.
pub const FORGET_AFTER: u32 = 256;

/// Sessions: deposits against which service nodes claim what they were promised, with a burn.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use super::{WeightInfo, MAX_BATCH, MAX_EVIDENCE};
    use alloc::boxed::Box;
    use frame_support::{pallet_prelude::*, traits::fungible};
    use frame_system::{offchain::CreateAuthorizedTransaction, pallet_prelude::*};
    use smartlayer_primitives::{
        notary::{channel_id, SignedAllocation, MAX_SESSION_NODES},
        promise::Claim,
        session::{Beneficiary, Channel, Session},
        traits::{AnchorBonds, Anchors, ServiceNodes, TokenTypes},
        AccountId, Balance, BlockNumber, Hash, SessionId, TokenTypeId,
    };
    use sp_runtime::{
        traits::{Header, HeaderProvider},
        Permill,
    };

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    /// What the pallet needs from the runtime. Its off-chain worker makes transactions of [`Call::claim_authorized`].
    #[pallet::config]
    pub trait Config:
        frame_system::Config<
            AccountId = AccountId,
            Hash = Hash,
            Block: HeaderProvider<HeaderT: Header<Number = BlockNumber>>,
        > + CreateAuthorizedTransaction<Call<Self>>
    {
        /// The money that sessions are paid with.
        type Currency: fungible::Mutate<AccountId, Balance = Balance>
            + fungible::MutateHold<AccountId, Balance = Balance, Reason = Self::RuntimeHoldReason>
            + fungible::BalancedHold<AccountId, Balance = Balance, Reason = Self::RuntimeHoldReason>;

        /// The runtime's union of all reasons to hold money.
        type RuntimeHoldReason: From<HoldReason>;

        /// Knows which accounts are service nodes, and who acts for them.
        type ServiceNodes: ServiceNodes;

        /// Knows the active anchors, who can be notaries.
        type Anchors: Anchors;

        /// Pays what notaries allocated but deposits can't pay, and slashes them.
        type AnchorBonds: AnchorBonds;

        /// Knows the issuers of tokens and their shares.
        type TokenTypes: TokenTypes;

        /// The share of every claim that is destroyed. Pinned by each session when it opens.
        type BurnRate: Get<Permill>;

        /// How many blocks nodes have to bring their last promises after closing was asked for. Pinned by each session
        /// when it opens.
        type ChallengeWindow: Get<BlockNumber>;

        /// The longest lifetime of a session, in blocks.
        type MaxLifetime: Get<BlockNumber>;

        /// The least deposit that opens a session, in planck: what makes a session worth its settlement.
        type MinDeposit: Get<Balance>;

        /// What is held for a session's record, in planck.
        type StorageDeposit: Get<Balance>;

        /// What is held for each node that a network session has room for, in planck.
        type ChannelDeposit: Get<Balance>;

        /// The part of its bond that a notary loses when it allocated more than a session had.
        type OverAllocationSlash: Get<Permill>;

        /// What the calls cost.
        type WeightInfo: WeightInfo;
    }

    /// The pallet.
    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Why this pallet holds money.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// The deposits of open sessions.
        #[codec(index = 0)]
        Session,
        /// For the room that open sessions take on the chain; returned when they end.
        #[codec(index = 1)]
        SessionStorage,
    }

    /// The open sessions.
    ///
    /// Inserted by [`Call::open`]; changed by [`Call::top_up`], [`Call::claim`], [`Call::claim_batch`],
    /// [`Call::claim_authorized`], [`Call::request_close`] and [`Call::change_notary`]; removed by [`Call::close`] and
    /// [`Call::finish`]. The key is a blake2-256 hash already, so it is not hashed again.
    #[pallet::storage]
    pub type Sessions<T: Config> = StorageMap<_, Identity, SessionId, Session>;

    /// The nonce of the last session that a payer opened: the next one's must be higher.
    ///
    /// Written by [`Call::open`] and never removed: an entry that were forgotten would let old promises become good
    /// again.
    #[pallet::storage]
    pub type LastNonce<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, u64>;

    /// What nodes claimed of network sessions, by session and [`channel_id`].
    ///
    /// Written by the claims; removed by [`Call::finish`], and by [`Call::change_notary`] once nothing can be claimed
    /// of a round any more. At most as many for each session as it has room for. Both keys are blake2-256 hashes
    /// already.
    #[pallet::storage]
    pub type Channels<T: Config> = StorageDoubleMap<_, Identity, SessionId, Identity, SessionId, Channel, OptionQuery>;

    /// The rounds of a session whose notary was slashed for allocating too much.
    ///
    /// Written by [`Call::report_over_allocation`]; removed by [`Call::finish`]. Only the two rounds that can still be
    /// reported are remembered.
    #[pallet::storage]
    pub type Reported<T: Config> = StorageMap<_, Identity, SessionId, BoundedVec<u16, ConstU32<2>>, ValueQuery>;

    /// The counts (what a promise names as its session: a session or a channel) that had a claim without fee.
    ///
    /// Written by [`Call::claim_authorized`]; removed by [`Call::close`] and [`Call::finish`].
    #[pallet::storage]
    pub type FreeClaims<T: Config> = StorageMap<_, Identity, SessionId, ()>;

    /// What happened.
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A session was opened; its deposit is held.
        Opened {
            /// The session.
            session: SessionId,
            /// Whose money it is.
            payer: AccountId,
            /// Who may claim, or who says who may.
            beneficiary: Beneficiary,
            /// What is held, in planck, the storage deposit not included.
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
        /// A claim was settled.
        Claimed {
            /// The session.
            session: SessionId,
            /// The node that was paid.
            node: AccountId,
            /// What it received of the deposit by this claim, in planck.
            paid: Balance,
            /// What this claim burned, in planck.
            burned: Balance,
            /// What the token's issuer received by this claim, in planck.
            issuer: Balance,
            /// What was settled with this node so far, this claim included, in planck: of the session, or of its
            /// channel in a network session.
            cumulative: Balance,
        },
        /// A claim of a batch could not be settled; the others were not affected.
        ClaimFailed {
            /// The session that the claim named.
            session: SessionId,
            /// Why.
            error: DispatchError,
        },
        /// Closing a session was asked for.
        CloseRequested {
            /// The session.
            session: SessionId,
            /// The first block at which anyone may finish it.
            at: BlockNumber,
        },
        /// A session ended. Of all time: `deposit = paid + burned + issuer + refunded`.
        Closed {
            /// The session.
            session: SessionId,
            /// The payer that got the refund.
            payer: AccountId,
            /// All that was ever put in, in planck.
            deposit: Balance,
            /// What nodes received of it in total, in planck.
            paid: Balance,
            /// What was burned in total, in planck.
            burned: Balance,
            /// What the token's issuer received in total, in planck.
            issuer: Balance,
            /// What the payer got back, in planck, beside the storage deposit.
            refunded: Balance,
        },
        /// The payer of a network session named another notary.
        NotaryChanged {
            /// The session.
            session: SessionId,
            /// The new notary.
            notary: AccountId,
            /// From this block on its allocations are good, and those of the former notary no longer are.
            starts_at: BlockNumber,
        },
        /// A notary's bond paid a node what the deposit could not.
        ShortfallPaid {
            /// The session.
            session: SessionId,
            /// The node that was paid.
            node: AccountId,
            /// What it received of the bond, in planck.
            amount: Balance,
        },
        /// A notary was shown to have allocated more than a session had, or to more nodes than it had room for.
        OverAllocated {
            /// The session.
            session: SessionId,
            /// The notary.
            notary: AccountId,
            /// By how much, in planck; zero if it allocated to too many nodes only.
            excess: Balance,
        },
    }

    /// Why a call was refused.
    #[pallet::error]
    pub enum Error<T> {
        /// There is no open session with this identifier: it never opened, or it is closed. Check the identifier, or
        /// open a session.
        NoSuchSession,
        /// A session with this identifier is open already. Use a higher nonce.
        SessionExists,
        /// The nonce is not higher than that of the payer's last session. Ask the view function `next_nonce` for one
        /// that is.
        NonceNotHigher,
        /// The account is not a service node that takes new work with at least the minimum stake. Choose another node.
        NodeNotAvailable,
        /// The account is not an active anchor. Choose a notary out of the active anchors.
        NotaryNotActive,
        /// A network session has room for 1 to 256 nodes. Ask for that many.
        BadRoom,
        /// There is no token type of this number. Look its number up, or open the session for no token type.
        NoSuchTokenType,
        /// The lifetime is zero or longer than `MaxLifetime`. Choose one in between, and open the next session when it
        /// is over.
        BadLifetime,
        /// The deposit is below the minimum. Put in at least `MinDeposit`.
        DepositTooLow,
        /// Nothing was to be added. Name an amount above zero.
        NothingToAdd,
        /// The deposit would exceed what a balance can express. Add less.
        DepositOverflow,
        /// The session's signer did not sign this promise for this chain. Ask the payer's side for a promise signed by
        /// the session's signer over this chain's genesis hash.
        BadSignature,
        /// The ticks don't belong to the promise: it has no tick chain, or a shorter one, or hashing the preimage does
        /// not lead to its root. Bring the preimage and count that the payer's side revealed under this promise.
        BadTicks,
        /// The claim owes nothing beyond what was settled already. Bring a later promise, or a higher allocation.
        NothingNew,
        /// Nothing is left of the deposit, nor of the notary's bond in a network session. Have the payer top up, and
        /// claim again.
        OverDeposit,
        /// A network session's claims need the notary's allocation, and those of a session with one node have none.
        /// Bring or leave out the allocation.
        AllocationMismatch,
        /// The notary's key of this round did not sign the allocation for this chain. Ask the session's notary for one.
        BadAllocation,
        /// The promise is for another session, or for another node or round of a network session. Bring a promise whose
        /// `session` is this session, or the channel of the allocation's session, round and node.
        OtherSession,
        /// The allocation is of a round that has not begun. Claim from the round's first block on.
        RoundNotStarted,
        /// The allocation is of a round that is over or never was. Ask the session's notary of today for an allocation.
        RoundOver,
        /// The session has no room for one more node. Its payer opens a session with room for more; if the notary
        /// allocated to more nodes than there was room for, report that.
        NoRoom,
        /// The node's account is gone and the payment is too small to bring it back. Fund the node's account first.
        NodeCannotReceive,
        /// Only the session's payer may do this, or anyone may ask to close once it expired. Sign with the account that
        /// opened the session, or wait.
        NotThePayer,
        /// Only the node of a session with one node may do this. Sign with the node's account or its service key; a
        /// network session is closed with `request_close`.
        NotTheNode,
        /// The session is about to close. Open a new one instead.
        Closing,
        /// Nobody asked to close this session, or, where it has a notary, to change it. The payer does so with `request_close` or
        /// `change_notary`; the node closes with `close`; an open session is claimed from with `claim`.
        NotClosing,
        /// The challenge window is not over. Finish at the block that `CloseRequested` told, or later.
        WindowOpen,
        /// The session is with one node and has no notary. Use a network session's identifier.
        NotANetworkSession,
        /// The notary that was named last has not begun yet. Name another one when its round has started.
        ChangePending,
        /// The session had as many notaries as it can count. Open a new one.
        TooManyRounds,
        /// The allocations are not all of one round of this session, or not of distinct nodes in ascending order. Sort
        /// them by node, one for each.
        BadEvidence,
        /// The allocations don't add up to more than the session had for the round, and are not to more nodes than it had
        /// room for. There is nothing to report.
        NotOverAllocated,
        /// The notary was slashed for this round already. There is nothing left to report.
        AlreadyReported,
        /// This count had a claim without fee before, and this one would pay less than a 64th of the deposit. Claim
        /// with a signed transaction.
        TooLittleForFree,
        /// Less is held than the session's record says, which must never be. Nothing was changed; report it to those
        /// who maintain the chain.
        HoldMissing,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// The watchtower of a chain node: claims for sessions that are closing what it was given to keep.
        fn offchain_worker(now: BlockNumberFor<T>) {
            Self::watch(now);
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Open a session to a service node, or to many through a notary.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the payer.
        ///
        /// ## Details
        ///
        /// Holds `deposit` planck of the payer's free balance (the existential deposit stays free) and lets the
        /// beneficiary claim it against promises that `signer` signs. `signer` is an account or any key's account: it
        /// needs no funds. The burn rate and the challenge window of this block are the session's for its whole life,
        /// and so are the issuer and its share if the session is for the calls of a token type. A storage deposit is
        /// held besides: `StorageDeposit`, and `ChannelDeposit` for each node that a network session has room for.
        ///
        /// `nonce` must be higher than that of the payer's last session, whichever that was; the session's identifier
        /// follows from it. After `lifetime` blocks anyone may ask to close the session.
        ///
        /// ## Errors
        ///
        /// [`Error::NodeNotAvailable`] or [`Error::NotaryNotActive`] and [`Error::BadRoom`],
        /// [`Error::NoSuchTokenType`], [`Error::BadLifetime`], [`Error::DepositTooLow`], [`Error::NonceNotHigher`],
        /// [`Error::SessionExists`], and the currency's own if the payer can't afford the deposits.
        ///
        /// ## Events
        ///
        /// [`Event::Opened`].
        #[pallet::call_index(0)]
        #[pallet::weight(match beneficiary {
            Beneficiary::Node(_) => T::WeightInfo::open_node(),
            Beneficiary::Network { .. } => T::WeightInfo::open_network(),
        })]
        pub fn open(
            origin: OriginFor<T>,
            beneficiary: Beneficiary,
            signer: AccountId,
            token_type: Option<TokenTypeId>,
            deposit: Balance,
            nonce: u64,
            lifetime: BlockNumber,
        ) -> DispatchResult {
            Self::do_open(ensure_signed(origin)?, beneficiary, signer, token_type, deposit, nonce, lifetime)
        }

        /// Raise a session's deposit.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the session's payer.
        ///
        /// ## Details
        ///
        /// Holds `amount` planck more. What the session pinned stays. Refused once closing was asked for.
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

        /// Settle a claim: pay the node what is new in it.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone; the node is paid, whoever sends it.
        ///
        /// ## Details
        ///
        /// What the promise and its ticks owe in total (in a network session, no more than what is allocated), less
        /// what was settled before, is divided at the session's rates: one part is destroyed, one goes to the token's
        /// issuer, the rest to the node. If the session holds less, what it holds is divided; in a network session the
        /// notary's bond pays what is missing. The session stays open, also while it is closing.
        ///
        /// Weighs what its ticks take to check, and less afterwards if the bond was not needed.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::AllocationMismatch`], [`Error::RoundNotStarted`], [`Error::RoundOver`],
        /// [`Error::OtherSession`], [`Error::NoRoom`], [`Error::NothingNew`], [`Error::OverDeposit`],
        /// [`Error::BadSignature`], [`Error::BadAllocation`], [`Error::BadTicks`], [`Error::NodeCannotReceive`].
        ///
        /// ## Events
        ///
        /// [`Event::Claimed`], and [`Event::ShortfallPaid`] if the bond paid.
        #[pallet::call_index(2)]
        #[pallet::weight((Pallet::<T>::claim_weight(claim, true), DispatchClass::Operational))]
        pub fn claim(origin: OriginFor<T>, claim: Box<Claim>) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_claim(&claim)
        }

        /// Settle claims of several sessions; those that can't be settled don't keep the others from it.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone; the nodes are paid, whoever sends it.
        ///
        /// ## Details
        ///
        /// Does what [`Call::claim`] does for each claim, in order. A claim that fails changes nothing and leaves an
        /// event. What an account receives by all of them reaches it at the end, in one sum; a batch weighs less than
        /// its claims by themselves, and the less the fewer accounts it pays.
        ///
        /// ## Errors
        ///
        /// None of its own; read the events.
        ///
        /// ## Events
        ///
        /// [`Event::Claimed`] (and [`Event::ShortfallPaid`]) or [`Event::ClaimFailed`] for each claim.
        #[pallet::call_index(3)]
        #[pallet::weight((Pallet::<T>::batch_weight(claims, None), DispatchClass::Operational))]
        pub fn claim_batch(
            origin: OriginFor<T>,
            claims: BoundedVec<Claim, ConstU32<MAX_BATCH>>,
        ) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Ok(Self::do_claim_batch(&claims))
        }

        /// Close a session at once: settle a last claim, refund the payer.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the node of a session with one node, or its service key.
        ///
        /// ## Details
        ///
        /// If `last` is given, it is settled first, as [`Call::claim`] does. It is no error if it was settled by
        /// someone else in the meantime. What is still held then goes back to the payer, and the session is gone:
        /// promises that were not brought are worth nothing from then on.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotTheNode`], and with `last` also [`Error::OtherSession`],
        /// [`Error::AllocationMismatch`], [`Error::BadSignature`], [`Error::BadTicks`], [`Error::NodeCannotReceive`].
        ///
        /// ## Events
        ///
        /// [`Event::Claimed`] if `last` had something new, then [`Event::Closed`].
        #[pallet::call_index(4)]
        #[pallet::weight((Pallet::<T>::close_weight(last.as_deref()), DispatchClass::Operational))]
        pub fn close(origin: OriginFor<T>, session: SessionId, last: Option<Box<Claim>>) -> DispatchResult {
            Self::do_close(ensure_signed(origin)?, session, last.as_deref())
        }

        /// Ask to close a session: the challenge window begins.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the session's payer, or by anyone once the session expired.
        ///
        /// ## Details
        ///
        /// From now on the session can't be topped up, nor its notary changed. Nodes go on claiming until somebody
        /// finishes the session, which nobody can before the window is over. If a notary was named whose round has not
        /// begun, the window begins with the round. Asking again does not move it.
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
        /// What is still held goes back to the payer, the storage deposit too, and the session and its channels are
        /// gone: promises that were not brought are worth nothing from then on.
        ///
        /// Weighs as if there were channels of 256 nodes, and afterwards what those weigh that there were.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotClosing`], [`Error::WindowOpen`].
        ///
        /// ## Events
        ///
        /// [`Event::Closed`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::finish(MAX_SESSION_NODES.into()))]
        pub fn finish(origin: OriginFor<T>, session: SessionId) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            Self::do_finish(session)
        }

        /// Name another notary for a network session.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by the session's payer.
        ///
        /// ## Details
        ///
        /// The notary of today becomes the former one. Its allocations are good until the session's challenge window is
        /// over; then the new notary's round begins. What is left of the deposit at that moment is what the new one can
        /// allocate. Naming the same anchor again pins its signing key of today. Refused while a round has not begun,
        /// and once closing was asked for.
        ///
        /// Weighs as if the session had channels of 256 nodes, and afterwards what those weigh that there were.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotThePayer`], [`Error::NotANetworkSession`], [`Error::Closing`],
        /// [`Error::ChangePending`], [`Error::NotaryNotActive`], [`Error::TooManyRounds`].
        ///
        /// ## Events
        ///
        /// [`Event::NotaryChanged`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::change_notary(MAX_SESSION_NODES.into()))]
        pub fn change_notary(
            origin: OriginFor<T>,
            session: SessionId,
            notary: AccountId,
        ) -> DispatchResultWithPostInfo {
            Self::do_change_notary(ensure_signed(origin)?, session, notary)
        }

        /// Show that a notary allocated more than a session had.
        ///
        /// ## Dispatch Origin
        ///
        /// Signed by anyone, who earns the bounty.
        ///
        /// ## Details
        ///
        /// `allocations` are of one round of the session, the running one or the one before, one for each node, ordered
        /// by node, and signed by the key that the session pinned for the round. If their caps add up to more than the
        /// deposit less what was claimed in earlier rounds, or if more nodes have a cap above nothing than there was room
        /// for, the notary loses `OverAllocationSlash` of its bond, once
        /// for each round. Nodes are paid by claiming, not by this.
        ///
        /// ## Errors
        ///
        /// [`Error::NoSuchSession`], [`Error::NotANetworkSession`], [`Error::BadEvidence`], [`Error::RoundOver`],
        /// [`Error::AlreadyReported`], [`Error::NotOverAllocated`], [`Error::BadAllocation`], and those of the bond.
        ///
        /// ## Events
        ///
        /// [`Event::OverAllocated`].
        #[pallet::call_index(8)]
        #[pallet::weight(
            T::WeightInfo::report_over_allocation(allocations.len() as u32).saturating_add(T::AnchorBonds::weight())
        )]
        pub fn report_over_allocation(
            origin: OriginFor<T>,
            session: SessionId,
            allocations: BoundedVec<SignedAllocation, ConstU32<MAX_EVIDENCE>>,
        ) -> DispatchResult {
            Self::do_report_over_allocation(ensure_signed(origin)?, session, &allocations)
        }

        /// Settle a claim of what is about to end without a fee: the watchtower's way.
        ///
        /// ## Dispatch Origin
        ///
        /// None and no signature: a general transaction that is authorised by what it carries. It is valid only for a
        /// session that is closing or a round that a change of notary ends, and only if the claim pays more than was settled, by at least a 64th of the deposit
        /// if its count had a free claim before.
        ///
        /// ## Details
        ///
        /// Does what [`Call::claim`] does. Chain nodes submit it for the claims they keep; of several with one count
        /// the pool keeps the one that pays most.
        ///
        /// ## Errors
        ///
        /// As [`Call::claim`], and [`Error::NotClosing`], [`Error::TooLittleForFree`].
        ///
        /// ## Events
        ///
        /// As [`Call::claim`].
        #[pallet::call_index(9)]
        #[pallet::weight((Pallet::<T>::free_claim_weight(claim, true), DispatchClass::Operational, Pays::No))]
        #[pallet::authorize(|_source, claim| Pallet::<T>::authorize_claim(claim))]
        #[pallet::weight_of_authorize(Pallet::<T>::authorize_weight(claim))]
        pub fn claim_authorized(origin: OriginFor<T>, claim: Box<Claim>) -> DispatchResultWithPostInfo {
            ensure_authorized(origin)?;
            Self::do_claim_authorized(&claim)
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

        /// What a node claimed in a round of a network session; nothing before its first claim.
        pub fn channel(session: SessionId, round: u16, node: AccountId) -> Option<Channel> {
            Channels::<T>::get(session, channel_id(&session, round, &node))
        }

        /// The most that the notary of a network session may allocate in its round, in planck, to all nodes together;
        /// nothing before its round has begun, when that is not known yet.
        pub fn budget(session: SessionId) -> Option<Balance> {
            Self::running_budget(session)
        }
    }
}
