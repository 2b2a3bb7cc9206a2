//! # Promise ledger: whether a node accepts a promise
//!
//! **The one invariant: what a node has accepted of a session never exceeds what the chain was last seen to hold for it, and never
//! decreases.**
//!
//! [`accept`] takes a view of the session, what was accepted so far, the price and the promise, and answers with the amount to
//! record or with a [`Rejection`] that says what to do instead. It is pure and synchronous: it asks no chain, keeps no state and
//! reads no clock. The caller makes what was accepted durable *before* the call's work is done, and runs one check of a session at
//! a time.
//!
//! Each rule is one file under `rules/`. They run from the cheapest to the dearest and the signature comes last, so that a replayed
//! or senseless promise costs a node a few comparisons.
//!
//! [`Account`] is what is kept of a session: which promise is earned, and which one still waits for its answer. What is claimable never
//! exceeds what was charged for answers.
//!
//! A promise must raise the amount owed by *exactly* the price. Less would be unpaid work. More would, when two calls of one payer
//! cross on their way, charge the earlier one's price to the later one; so it is refused too, and the error tells the expected
//! amount: whoever lost count signs again.
//!
//! ```
//! use smartlayer_primitives::{promise::*, session::{Payee, Session}, AccountId, Hash, Signature, SLT};
//! use smartlayer_promise_ledger::{accept, Check, Rejection};
//! use sp_keyring::Sr25519Keyring::{Alice, Bob};
//!
//! let (genesis, call) = (Hash::repeat_byte(1), call_hash(b"{}"));
//! let (payer, node) = (Alice.to_account_id(), Bob.to_account_id());
//! let id = session_id(&genesis, &payer, &node, 0);
//! let session = Session {
//!     payer: payer.clone(),
//!     payee: Payee::Node(node.clone()),
//!     signer: payer,
//!     issuer: None,
//!     deposit: SLT,
//!     paid: 0,
//!     burned: 0,
//!     issuer_paid: 0,
//!     storage_deposit: 0,
//!     burn_rate: Default::default(),
//!     challenge_window: 100,
//!     expires_at: 5_000,
//!     closing_at: None,
//! };
//! let promise = Promise { session: id, cumulative: 30, call_hash: call, ticks: None };
//! let signature = Signature::Sr25519(Alice.sign(&smartlayer_primitives::payload::Payload::signing_payload(&promise, &genesis)));
//! let promise = SignedPromise { promise, signature };
//!
//! let check = Check {
//!     genesis: &genesis,
//!     node: &node,
//!     session_id: &id,
//!     session: Some(&session),
//!     fresh: true,
//!     block: 1_000,
//!     accepted: 20,
//!     called: &[(7, false)],
//!     price: 10,
//!     call_hash: &call,
//! };
//! let accepted = accept(&check, &promise).unwrap();
//! assert_eq!((accepted.cumulative, accepted.charged), (30, 10));
//! // The same promise again pays for nothing.
//! let again = Check { accepted: 30, ..check };
//! assert_eq!(accept(&again, &promise), Err(Rejection::CumulativeTooLow { expected: 40, found: 30 }));
//! ```

mod account;
mod rejection;
mod rules;

pub use account::Account;
pub use rejection::Rejection;

use smartlayer_primitives::{
    promise::SignedPromise, session::Session, AccountId, Balance, BlockNumber, Hash, SessionId, TokenTypeId,
};

/// So many blocks before a session expires, nodes take no more promises: a claim that is sent then is on the chain in time.
pub const EXPIRY_MARGIN: BlockNumber = 10;

/// All that the answer depends on, apart from the promise itself.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The chain's genesis hash.
    pub genesis: &'a Hash,
    /// This node's account.
    pub node: &'a AccountId,
    /// The session that the request says it is paid from.
    pub session_id: &'a SessionId,
    /// That session as the chain was last seen; nothing if it is not there.
    pub session: Option<&'a Session>,
    /// Whether the chain was seen recently enough to rely on that view. How recent is enough is the caller's to say; it must be well
    /// within the session's challenge window.
    pub fresh: bool,
    /// The block as of which the chain was last seen.
    pub block: BlockNumber,
    /// The token types that are called, and of each whether its issuer has a share in the payments for calls now.
    pub called: &'a [(TokenTypeId, bool)],
    /// The highest cumulative amount accepted so far, in planck.
    pub accepted: Balance,
    /// What the call costs, or all calls together that one promise pays, in planck.
    pub price: Balance,
    /// [`smartlayer_primitives::promise::call_hash`] of the request.
    pub call_hash: &'a Hash,
}

impl Check<'_> {
    /// What is owed before this call: what was accepted, or what the chain has already paid out if that is more (a node that lost
    /// its records goes on from there).
    pub fn owed(&self) -> Balance {
        self.accepted.max(self.session.map_or(0, Session::claimed))
    }

    /// The cumulative amount that pays for this call.
    pub fn expected(&self) -> Balance {
        self.owed().saturating_add(self.price)
    }
}

/// What to record before the call's work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What the session owes from now on, in planck.
    pub cumulative: Balance,
    /// What this call costs, in planck; the receipt says so.
    pub charged: Balance,
}

/// Whether the session expires within [`EXPIRY_MARGIN`], or has: then a node claims what it has and takes no more.
pub fn is_expiring(session: &Session, block: BlockNumber) -> bool {
    block.saturating_add(EXPIRY_MARGIN) >= session.expires_at
}

/// Whether the promise pays for the call.
pub fn accept(check: &Check<'_>, promise: &SignedPromise) -> Result<Accepted, Rejection> {
    rules::chain_view::check(check)?;
    let session = rules::session::check(check, promise)?;
    rules::node::check(check, session)?;
    rules::token::check(check, session)?;
    rules::closing::check(session)?;
    rules::expiry::check(check, session)?;
    rules::ticks::check(promise)?;
    rules::request::check(check, promise)?;
    rules::cumulative::check(check, session, promise)?;
    rules::signature::check(check, session, promise)?;
    Ok(Accepted { cumulative: check.expected(), charged: check.price })
}
