//! What the calls cost.
//!
//! The values of `()` are **conservative bounds, not measurements**: the storage items that a call can touch at the
//! slower of the SDK's database weights, a fixed allowance for computing, and an allowance for each signature that is
//! several times what verification takes on a server core. They stand until a run of frame-omni-bencher over
//! `benchmarking.rs` replaces them.

use frame_support::weights::{constants::RocksDbWeight, Weight};
use smartlayer_primitives::quorum::MAX_ANCHORS;

/// The weight of each call.
pub trait WeightInfo {
    /// Of `register`, of an elected account in a full set.
    fn register() -> Weight;
    /// Of `update`, sent by the signing key.
    fn update() -> Weight;
    /// Of `rotate_key`, of an elected account in a full set.
    fn rotate_key() -> Weight;
    /// Of `deregister`, with a bond that is departing already.
    fn deregister() -> Weight;
    /// Of `withdraw_bond`.
    fn withdraw_bond() -> Weight;
    /// Of `bond_more`, of an elected account in a full set.
    fn bond_more() -> Weight;
}

/// Decoding, checks, encoding and events, in picoseconds: 200 µs.
const BASE: u64 = 200_000_000;
/// One sr25519 verification, in picoseconds: 300 µs, where about 31 µs were measured natively.
const SIGNATURE: u64 = 300_000_000;
/// More than any storage item of this pallet and its path in the trie, in bytes.
const ITEM: u64 = 12_288;
/// What working the active set out anew reads: each elected organisation.
const REFRESH: u64 = MAX_ANCHORS as u64;

fn bound(reads: u64, writes: u64, signatures: u64) -> Weight {
    Weight::from_parts(BASE + signatures * SIGNATURE, reads * ITEM)
        .saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    fn register() -> Weight {
        // Organisations twice, Keys twice, MinBond twice, block hash, balance, holds, Elected, ActiveSet
        bound(11 + REFRESH, 5, 1)
    }
    fn update() -> Weight {
        // Organisations twice, Keys
        bound(3, 1, 0)
    }
    fn rotate_key() -> Weight {
        // Organisations twice, RotatedAt, RotationInterval, Keys, block hash, Elected, MinBond, ActiveSet
        bound(9 + REFRESH, 5, 1)
    }
    fn deregister() -> Weight {
        // Organisations, Elected, Departing, BondDelay
        bound(4, 4, 0)
    }
    fn withdraw_bond() -> Weight {
        // Departing, balance, holds
        bound(3, 3, 0)
    }
    fn bond_more() -> Weight {
        // Organisations, balance, holds, Elected, MinBond, ActiveSet
        bound(6 + REFRESH, 4, 0)
    }
}
