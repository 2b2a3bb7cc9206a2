//! What the calls cost.
//!
//! The runtime has what was measured (`runtime/src/weights`, by `scripts/weights` over `benchmarking.rs`). The values of `()` are for the
//! pallets' own tests: bounds by the storage items that a call can touch, with generous allowances for signatures and the code around.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// The weight of each call.
pub trait WeightInfo {
    /// Of `register`, with the largest specification.
    fn register() -> Weight;
    /// Of `update_script`, of the largest specification.
    fn update_script() -> Weight;
    /// Of `fund_rent`, of the largest specification.
    fn fund_rent() -> Weight;
    /// Of `set_revenue_share`, of the largest specification.
    fn set_revenue_share() -> Weight;
}

/// Decoding and encoding up to 4 KiB, comparing 32 names, checks and events, in picoseconds: 300 µs.
const BASE: u64 = 300_000_000;
/// More than any storage item of this pallet and its path in the trie, in bytes.
const ITEM: u64 = 12_288;

fn bound(reads: u64, writes: u64) -> Weight {
    Weight::from_parts(BASE, reads * ITEM).saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    fn register() -> Weight {
        // NextTokenType, two deposit rates, two balances, holds, period, RentPerPeriod
        bound(8, 6)
    }
    fn update_script() -> Weight {
        // Tokens, Deposits, two deposit rates, balance, holds
        bound(6, 4)
    }
    fn fund_rent() -> Weight {
        // Tokens, period, RentPerPeriod, two balances
        bound(5, 3)
    }
    fn set_revenue_share() -> Weight {
        // Tokens, MaxRevenueShare
        bound(2, 1)
    }
}
