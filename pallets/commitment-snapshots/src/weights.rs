//! What the calls and the clock cost.
//!
//! The runtime has what was measured (`runtime/src/weights`, by `scripts/weights` over `benchmarking.rs`). The values of `()` are for the
//! pallets' own tests: bounds by the storage items that a call can touch, with generous allowances for signatures and the code around.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// What the calls and the clock cost.
pub trait WeightInfo {
    /// Of `submit` with `n` active anchors, all of which signed, the last in the ranking writing, a third of the others suspended, and as many
    /// strikes of others removed; with what happens on an accepted commitment.
    fn submit(n: u32) -> Weight;
    /// Of `report_equivocation` by an anchor of a full set, with slash and suspension, but without the keys that it gave up.
    fn report_equivocation() -> Weight;
    /// Of the hook while the period runs.
    fn period_running() -> Weight;
    /// Of the hook in the first block of a period.
    fn period_turn() -> Weight;
}

/// What the code around storage accesses may take, in picoseconds: 100 µs.
const CODE: u64 = 100_000_000;
/// What checking one sr25519 signature may take with its hashing, in picoseconds: 200 µs. 31 µs were measured.
const SIGNATURE: u64 = 200_000_000;
/// What giving one anchor its rank may take, in picoseconds: 20 µs. It is one hash and a sort.
const RANK: u64 = 20_000_000;
/// What taking one anchor out of the set may take, in picoseconds: 100 µs. It decodes and encodes three lists of up to 128.
const SUSPENSION: u64 = 100_000_000;
/// What one item read may add to a proof, in bytes.
const PROOF: u64 = 4096;
/// The anchor set is one item of up to 8 KiB, as is the list of who was reported for a period.
const ANCHOR_SET: Weight = Weight::from_parts(0, 8192);

fn bound(code: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(code, reads.saturating_mul(PROOF))
        .saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    /// Reads the anchor set and keys, the elected, the suspended, the genesis hash, the grace, the period's record; reads and writes the
    /// pallet's five items; allows ten reads and ten writes for what happens on an accepted commitment; an anchor costs a signature, a rank, a
    /// strike, a strike removed, and a third of a suspension.
    fn submit(n: u32) -> Weight {
        let n = u64::from(n);
        bound(
            CODE.saturating_add(SIGNATURE.saturating_add(RANK).saturating_add(SUSPENSION).saturating_mul(n)),
            n.saturating_mul(2).saturating_add(25),
            n.saturating_mul(2).saturating_add(18),
        )
        .saturating_add(ANCHOR_SET)
    }
    /// Reads the genesis hash, the period's record, whose key it is, who was reported, the bond, the anchor set and who is suspended; allows
    /// thirty reads and writes for the slash.
    fn report_equivocation() -> Weight {
        bound(CODE.saturating_add(SIGNATURE.saturating_mul(2)).saturating_add(SUSPENSION), 40, 34)
            .saturating_add(ANCHOR_SET)
            .saturating_add(ANCHOR_SET)
    }
    /// Reads the clock.
    fn period_running() -> Weight {
        bound(CODE, 1, 0)
    }
    /// Reads the randomness, the length, the clock and the next period; writes the clock, both records, the next period and since when;
    /// removes a record, a commitment and who was reported.
    fn period_turn() -> Weight {
        bound(CODE, 8, 9)
    }
}
