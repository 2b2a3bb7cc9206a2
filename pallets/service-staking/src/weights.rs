//! What the calls cost.
//!
//! The values of `()` are **conservative bounds, not measurements**: the storage items that a call can touch at the
//! slower of the SDK's database weights, a fixed allowance for computing, and allowances for each signature and hash
//! that are several times what they take on a server core. They stand until a run of frame-omni-bencher over
//! `benchmarking.rs` replaces them.

use frame_support::weights::{constants::RocksDbWeight, Weight};
use smartlayer_primitives::merkle::MAX_DEPTH;

use crate::{PRUNED_PER_COMMITMENT, SWEPT_PER_CLAIM, SWEPT_PER_COMMITMENT};

/// The weight of each call, and of what happens when a commitment is accepted.
pub trait WeightInfo {
    /// Of `register`.
    fn register() -> Weight;
    /// Of `update`, sent by the service key.
    fn update() -> Weight;
    /// Of `rotate_key`.
    fn rotate_key() -> Weight;
    /// Of `bond_more`.
    fn bond_more() -> Weight;
    /// Of `unbond`, with all chunks but one in use.
    fn unbond() -> Weight;
    /// Of `withdraw`, with all chunks due and the node leaving.
    fn withdraw() -> Weight;
    /// Of `claim_reward`, with the longest proof and as many old marks as it sweeps.
    fn claim_reward() -> Weight;
    /// Of `claim_anchor_reward`, by the last of a full set of signers.
    fn claim_anchor_reward() -> Weight;
    /// Of `on_commitment`, with a full set of signers, and as much to prune and to sweep as it can do. Whoever accepts
    /// commitments adds it to the weight of doing so.
    fn on_commitment() -> Weight;
}

/// Decoding, checks, encoding and events, in picoseconds: 200 µs.
const BASE: u64 = 200_000_000;
/// One signature of the slowest scheme (ecdsa), in picoseconds: 600 µs, where 174 µs were measured natively.
const SIGNATURE: u64 = 600_000_000;
/// One blake2-256 of a leaf or two hashes, in picoseconds: 5 µs, where 0.12 µs were measured natively.
const HASH: u64 = 5_000_000;
/// More than any storage item of this pallet and its path in the trie, in bytes.
const ITEM: u64 = 12_288;

fn bound(reads: u64, writes: u64) -> Weight {
    Weight::from_parts(BASE, reads * ITEM).saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

fn signed(reads: u64, writes: u64) -> Weight {
    bound(reads, writes).saturating_add(Weight::from_parts(SIGNATURE, 0))
}

/// Reads of a sweep of `marks`: each looks for the next key and reads it; and the sweep's state and bound.
const fn sweep_reads(marks: u32) -> u64 {
    2 * marks as u64 + 2
}

impl WeightInfo for () {
    fn register() -> Weight {
        // Nodes twice, ServiceKeys twice, MinBond, block hash, balance, holds
        signed(8, 4)
    }
    fn update() -> Weight {
        // Nodes twice, ServiceKeys
        bound(3, 1)
    }
    fn rotate_key() -> Weight {
        // Nodes twice, ServiceKeys, block hash
        signed(4, 3)
    }
    fn bond_more() -> Weight {
        // Nodes, balance, holds
        bound(3, 3)
    }
    fn unbond() -> Weight {
        // Nodes, UnbondingDelay, MinBond
        bound(3, 1)
    }
    fn withdraw() -> Weight {
        // Nodes, balance, holds
        bound(3, 4)
    }
    fn claim_reward() -> Weight {
        // Rewards, commitment, Claimed, Paid, two balances; then the sweep
        bound(6 + sweep_reads(SWEPT_PER_CLAIM), 5 + u64::from(SWEPT_PER_CLAIM))
            .saturating_add(Weight::from_parts(HASH * (u64::from(MAX_DEPTH) + 1), 0))
    }
    fn claim_anchor_reward() -> Weight {
        // Rewards, RewardSigners, active set, key, two balances
        bound(6, 3)
    }
    fn on_commitment() -> Weight {
        // Rewards, balance, RewardPerPeriod, AnchorShare, RewardHistory, OldestReward
        bound(
            7 + sweep_reads(SWEPT_PER_COMMITMENT),
            6 + 3 * u64::from(PRUNED_PER_COMMITMENT) + u64::from(SWEPT_PER_COMMITMENT),
        )
    }
}
