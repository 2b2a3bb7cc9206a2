//! What the calls cost.
//!
//! The runtime has what was measured (`runtime/src/weights`, by `scripts/weights` over `benchmarking.rs`). The values of `()` are for the
//! pallets' own tests: bounds by the storage items that a call can touch, with generous allowances for signatures and the code around.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// What each call costs.
pub trait WeightInfo {
    /// Of `propose`.
    fn propose() -> Weight;
    /// Of `counter`.
    fn counter() -> Weight;
    /// Of `accept_proposal`.
    fn accept_proposal() -> Weight;
    /// Of `accept_counter`.
    fn accept_counter() -> Weight;
    /// Of `record_test` with `n` signatures.
    fn record_test(n: u32) -> Weight;
    /// Of `activate`.
    fn activate() -> Weight;
    /// Of `end`.
    fn end() -> Weight;
    /// Of `expire`.
    fn expire() -> Weight;
    /// Of `declare_maintenance`.
    fn declare_maintenance() -> Weight;
    /// Of `set_template`.
    fn set_template() -> Weight;
    /// Of finding out what a breach costs and recording it, for whoever reports breaches.
    fn judge() -> Weight;
}

/// What the code around storage accesses may take, in picoseconds: 100 µs.
const CODE: u64 = 100_000_000;
/// What ranking 128 anchors may take, in picoseconds: 1 ms. They are 128 hashes of 101 bytes and a sort.
const RANKING: u64 = 1_000_000_000;
/// What checking one sr25519 signature may take with its hashing, in picoseconds: 200 µs. 31 µs were measured.
const SIGNATURE: u64 = 200_000_000;
/// What one item read may add to a proof, in bytes.
const PROOF: u64 = 4096;
/// The anchor set is one item of up to 8 KiB.
const ANCHOR_SET: Weight = Weight::from_parts(0, 8192);
/// Of forgetting: the clock, a commitment for the former terms and for each of four maintenances, and the governed
/// numbers.
const FORGET: u64 = 9;

fn bound(code: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(code, reads.saturating_mul(PROOF))
        .saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    /// Reads the node by account and by key, its stake's minimum, the template, the clock, the period's seed and a
    /// governed number; reads and writes the agreement.
    fn propose() -> Weight {
        bound(CODE, 9, 1)
    }
    /// Reads the anchor set and keys, the template and two governed numbers; reads and writes the agreement.
    fn counter() -> Weight {
        bound(CODE.saturating_add(RANKING), 6, 1).saturating_add(ANCHOR_SET)
    }
    /// Reads the anchor set and keys and two governed numbers; reads and writes the agreement.
    fn accept_proposal() -> Weight {
        bound(CODE.saturating_add(RANKING), 5, 1).saturating_add(ANCHOR_SET)
    }
    /// Reads the node by account and by key and a governed number; reads and writes the agreement.
    fn accept_counter() -> Weight {
        bound(CODE, 4, 1)
    }
    /// Reads the genesis hash, the clock, the anchor set and a governed number; reads and writes the agreement and the
    /// last test.
    fn record_test(n: u32) -> Weight {
        bound(CODE.saturating_add(SIGNATURE.saturating_mul(n.into())), 7, 2).saturating_add(ANCHOR_SET)
    }
    /// Reads the node by account and by key, its stake's minimum and what forgetting takes; reads and writes the
    /// agreement.
    fn activate() -> Weight {
        bound(CODE, FORGET.saturating_add(5), 1)
    }
    /// Reads the node by account and by key and what forgetting takes; reads and writes the agreement and the last
    /// test.
    fn end() -> Weight {
        bound(CODE, FORGET.saturating_add(4), 2)
    }
    /// Reads the node, its stake's minimum and what forgetting takes; reads and writes the agreement and the last test.
    fn expire() -> Weight {
        bound(CODE, FORGET.saturating_add(4), 2)
    }
    /// Reads the node by account and by key, a governed number and what forgetting takes; reads and writes the
    /// agreement.
    fn declare_maintenance() -> Weight {
        bound(CODE, FORGET.saturating_add(4), 1)
    }
    /// Writes the template.
    fn set_template() -> Weight {
        bound(CODE, 0, 1)
    }
    /// Reads the agreement and a governed number; reads and writes the agreement.
    fn judge() -> Weight {
        bound(CODE, 3, 1)
    }
}
