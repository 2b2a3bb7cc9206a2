//! # Smart Layer primitives
//!
//! The one definition of everything that two parts of the network must agree on to the byte: identifiers, promises, service
//! level terms, commitments, assignments, Merkle leaves, signing payloads, the arithmetic of fees and scores, and the traits
//! through which pallets meet. The runtime, the off-chain services and the clients all use this crate and nothing of each other.
//!
//! Nothing here does I/O, and everything builds without `std`.

#![cfg_attr(not(feature = "std"), no_std)]
// Much of this runs on the chain: it never panics and never wraps.
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

pub mod agreement;
pub mod assignment;
pub mod bitmap;
pub mod commitment;
pub mod duty;
pub mod fees;
pub mod history;
pub mod ids;
pub mod instance;
pub mod merkle;
pub mod node;
pub mod notary;
pub mod operation;
pub mod organisation;
pub mod payload;
pub mod promise;
pub mod quorum;
pub mod receipt;
pub mod report;
pub mod score;
pub mod session;
pub mod sla;
pub mod token;
pub mod traits;
pub mod watchtower;

pub use ids::*;
