//! # What an issuer says about its token instances after they were placed
//!
//! An issuer's website publishes a [`StateUpdate`] for an instance: numbered from 1 on, signed by the account that registered the
//! token type. Services pass updates on to each other, in any order and more than once. A [`Feed`] makes of what arrives what the
//! issuer meant: each update applied once, in order; what comes early waits until the gap before it is closed.
//!
//! An update that is a *reset* states all values anew. It stands for everything before it: older updates are dropped, missing ones are
//! not missed any more, and the placed state counts no longer.
//!
//! Nothing here does I/O, and everything is bounded: one update ([`MAX_UPDATE_BYTES`], [`MAX_VALUES`], [`MAX_NAME_BYTES`]), what is
//! kept since the last reset and what waits ([`Limits`]). Whether the issuer signed an update is checked with [`SignedUpdate::verify`]
//! before it is offered to a feed; who the issuer is, the chain says.
//!
//! ```
//! use smartlayer_issuer_feed::{Feed, Outcome, SignedUpdate, StateUpdate};
//! use smartlayer_primitives::InstanceId;
//!
//! let instance = InstanceId { token_type: 0, index: 7 };
//! let gate = |sequence, gate: &str| SignedUpdate {
//!     update: StateUpdate {
//!         instance,
//!         sequence,
//!         reset: false,
//!         values: [("gate".to_owned(), Some(gate.to_owned()))].into(),
//!         issued_at: 1_790_000_000,
//!     },
//!     signature: sp_core::sr25519::Signature::from_raw([0; 64]).into(), // a real one, in truth
//! };
//! let mut feed = Feed::new(instance);
//! // The second arrives first, and waits.
//! assert_eq!(feed.offer(gate(2, "C3")).outcome, Outcome::Waiting { missing: 1..=1 });
//! assert!(matches!(feed.offer(gate(1, "B12")).outcome, Outcome::Applied(both) if both.len() == 2));
//! assert_eq!(feed.values(&Default::default())["gate"], "C3");
//! ```

mod feed;
mod update;

pub use feed::{Applied, Feed, Limits, Offered, Outcome, Refusal};
pub use update::{
    Malformed, SignedUpdate, StateUpdate, Updates, MAX_NAME_BYTES, MAX_SENT, MAX_UPDATE_BYTES, MAX_VALUES, RESERVED,
};
