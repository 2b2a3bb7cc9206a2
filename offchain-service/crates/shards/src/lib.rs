//! # Shards: how an instance's state survives the loss of its holders
//!
//! A state object is encoded with RaptorQ (RFC 6330) into *symbols*; a *shard* is a run of symbols that no other holder has.
//! Any `threshold` shards restore the object, and a replacement for a lost shard gets symbols that were never given out.
//! This crate also decides who holds what ([`place`]) and what moves when somebody leaves ([`repair`]). It does no I/O, draws no
//! randomness and uses no floating-point numbers: every anchor computes the same.
//!
//! **Invariants.** Only a [`VerifiedShard`] reaches the decoder, and there is no way to make one but [`verify`], which checks the
//! coding's bounds, the shard's number, its length and its Merkle root. What [`restore`] returns has the hash that was asked for.
//! Nothing here panics on bytes from outside. A node's leaving moves only what it held.
//!
//! ```
//! use smartlayer_primitives::{assignment::Holding, payload::blake2_256, token::Redundancy, AccountId};
//! use smartlayer_shards::{encode, restore, verify};
//!
//! let state = b"seat 12A, not redeemed".to_vec();
//! let (coding, shards) = encode(&state, &Redundancy { serving: 1, shards: 5, threshold: 2 }).unwrap();
//! // Three of the five holders are gone; what the others send is checked against the assignment's holdings.
//! let sent = [&shards[4], &shards[2]].map(|shard| {
//!     let holding = Holding { node: AccountId::new([1; 32]), shard: shard.number, root: shard.root };
//!     verify(shard.bytes.clone(), &coding, &holding).unwrap()
//! });
//! assert_eq!(restore(&coding, &blake2_256(&state), sent), Ok(state));
//! ```

mod chunk;
mod coding;
mod encode;
mod log;
mod placement;
mod repair;
mod restore;

pub use chunk::{chunk_count, prove_chunk, shard_root, verify_chunk, CHUNK_BYTES};
pub use coding::{
    check_coding, choose_coding, shard_length, CodingError, MAX_SOURCE_SYMBOLS, MAX_SYMBOL_SIZE, OVERHEAD,
};
pub use encode::{encode, shard, EncodeError, Shard};
pub use placement::{place, rank, Candidate, Placement};
pub use repair::{repair, RepairError, RepairPlan};
pub use restore::{restore, verify, RestoreError, ShardError, VerifiedShard};
