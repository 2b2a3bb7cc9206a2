//! # The chain as the off-chain crates see it
//!
//! The only crate that knows how to speak to a chain node. Everything goes in and out as the primitives' types.
//!
//! - [`ChainClient`] keeps one connection alive, for ever: [`ChainClient::status`] says whether it stands and what was last seen
//!   finalised.
//! - [`View`] is the state at one block: [`ChainClient::finalized`], [`ChainClient::best`], [`ChainClient::at`].
//! - [`calls`] makes calls, [`ChainClient::submit`] signs them, sends them and waits.
//! - [`Keypair`] is a secret key from a file.
//!
//! Names and types of calls and storages come from this crate, their indices and hashers from the connected node's metadata. A chain
//! that lacks any of them is refused when connecting, and arguments are checked against the metadata before they are signed.

pub mod calls;
mod client;
mod error;
pub mod events;
mod keypair;
mod link;
mod storage;
mod submit;
mod view;

pub use calls::Call;
pub use client::{ChainClient, ChainStatus, FinalizedBlocks};
pub use error::{DispatchFailure, Error};
pub use events::{Event, EventRecord};
pub use keypair::{load_seed, store_seed, KeyError, Keypair};
pub use submit::{Included, Wait};
pub use view::{AccountBalance, View, MAX_ENTRIES};

use smartlayer_primitives::{BlockNumber, Hash};

/// A block by number and hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockRef {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: Hash,
}
