//! What the calls cost.
//!
//! The runtime has what was measured (`runtime/src/weights`, by `scripts/weights` over `benchmarking.rs`). The values of `()` are for the
//! pallets' own tests: bounds by the storage items that a call can touch, with generous allowances for signatures and the code around.

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
    /// Of `claim_anchor_reward`, by the last of a full set of signers, who is the writer too.
    fn claim_anchor_reward() -> Weight;
    /// Of `report_breach`, with the longest proof, the longest stake history, and all breaches but one in use. Without
    /// what the agreements do.
    fn report_breach() -> Weight;
    /// Of `apply_slash`, with the longest lists, of a stake that is all in chunks.
    fn apply_slash() -> Weight;
    /// Of `cancel_slash`, with all breaches in use.
    fn cancel_slash() -> Weight;
    /// Of `chill`, sent by the service key.
    fn chill() -> Weight;
    /// Of `reenter`, sent by the service key.
    fn reenter() -> Weight;
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

/// The chunks of a node: each looks for its period's commitment.
const CHUNKS: u64 = 16;

/// Hashes along the longest proof.
fn proof() -> Weight {
    Weight::from_parts(HASH * (u64::from(MAX_DEPTH) + 1), 0)
}

impl WeightInfo for () {
    fn register() -> Weight {
        // Nodes twice, ServiceKeys twice, MinBond, block hash, balance, holds, running period, StakeHistory
        signed(10, 5)
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
        // Nodes, balance, holds, running period, StakeHistory
        bound(5, 4)
    }
    fn unbond() -> Weight {
        // Nodes, UnbondingDelay, ReportWindow, SlashDeferral, PeriodLength, MinBond, running period
        bound(7, 1)
    }
    fn withdraw() -> Weight {
        // Nodes, balance, holds, Breaches, StakeHistory, running period, ReportWindow, LastCommitted, commitments
        bound(8 + CHUNKS, 6)
    }
    fn claim_reward() -> Weight {
        // Rewards, commitment, Claimed, Paid, Owed, two balances; then the sweep
        bound(7 + sweep_reads(SWEPT_PER_CLAIM), 6 + u64::from(SWEPT_PER_CLAIM)).saturating_add(proof())
    }
    fn claim_anchor_reward() -> Weight {
        // Rewards, RewardSigners, active set, key, Owed, two balances
        bound(7, 5)
    }
    fn report_breach() -> Weight {
        // running period, commitment twice, ReportWindow, Nodes, Breaches, StakeHistory, SlashDeferral
        bound(8, 1).saturating_add(proof())
    }
    fn apply_slash() -> Weight {
        // Breaches, Nodes, balance, holds, running period, StakeHistory, BountyShare, PoolShare, reporter, pot, treasury
        bound(11, 8)
    }
    fn cancel_slash() -> Weight {
        // Breaches
        bound(1, 1)
    }
    fn chill() -> Weight {
        // Nodes twice, ServiceKeys
        bound(3, 1)
    }
    fn reenter() -> Weight {
        // As `chill`
        bound(3, 1)
    }
    fn on_commitment() -> Weight {
        // LastCommitted, balance, Owed, PoolRelease, RewardPerPeriod, AnchorShare, WriterBonus, RewardHistory,
        // OldestReward; and what each pruned period had
        bound(
            9 + 3 * u64::from(PRUNED_PER_COMMITMENT) + sweep_reads(SWEPT_PER_COMMITMENT),
            8 + 3 * u64::from(PRUNED_PER_COMMITMENT) + u64::from(SWEPT_PER_COMMITMENT),
        )
    }
}
