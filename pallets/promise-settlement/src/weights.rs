//! What the calls cost.
//!
//! The implementation for `()` is a **conservative bound, not a measurement**: it counts storage accesses at the price of RocksDB
//! (ParityDB, which the node uses, is cheaper), adds a generous allowance for each signature and for the code around, and 4 KiB
//! of proof for each item read. It stands until `frame-omni-bencher` has run `benchmarking.rs` and its results replace it.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// What each call costs.
pub trait WeightInfo {
    /// Of `open`.
    fn open() -> Weight;
    /// Of `top_up`.
    fn top_up() -> Weight;
    /// Of `claim`.
    fn claim() -> Weight;
    /// Of `claim_batch` with `n` promises.
    fn claim_batch(n: u32) -> Weight;
    /// Of `close` with a last promise.
    fn close() -> Weight;
    /// Of `request_close`.
    fn request_close() -> Weight;
    /// Of `finish`.
    fn finish() -> Weight;
}

/// What the code around storage accesses may take, in picoseconds: 100 µs.
const CODE: u64 = 100_000_000;
/// What checking one signature may take with its hashing, in picoseconds: 300 µs. The slowest scheme, ecdsa, was measured at 174 µs with
/// the slower of two libraries.
const SIGNATURE: u64 = 300_000_000;
/// What one item read may add to a proof, in bytes.
const PROOF: u64 = 4096;

fn bound(code: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(code, reads.saturating_mul(PROOF))
        .saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    /// Reads the node, the nonce, the session, the genesis hash, three governed numbers, the payer's account and holds; writes nonce,
    /// session, account and holds.
    fn open() -> Weight {
        bound(CODE, 9, 4)
    }
    /// Reads and writes the session, the payer's account and holds.
    fn top_up() -> Weight {
        bound(CODE, 3, 3)
    }
    /// Reads the genesis hash; reads and writes the session, the payer's account and holds, the node's account and the issuance.
    fn claim() -> Weight {
        bound(CODE.saturating_add(SIGNATURE), 7, 6)
    }
    /// A claim for each promise.
    fn claim_batch(n: u32) -> Weight {
        bound(CODE, 1, 1).saturating_add(Self::claim().saturating_mul(n.into()))
    }
    /// A claim, the node's keys, and the release of the rest.
    fn close() -> Weight {
        Self::claim().saturating_add(bound(CODE, 4, 3))
    }
    /// Reads and writes the session.
    fn request_close() -> Weight {
        bound(CODE, 1, 1)
    }
    /// Reads and writes the session, the payer's account and holds.
    fn finish() -> Weight {
        bound(CODE, 3, 3)
    }
}
