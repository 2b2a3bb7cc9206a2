//! What the calls cost.
//!
//! The runtime has what was measured (`runtime/src/weights`, by `scripts/weights` over `benchmarking.rs`). The values of `()` are for the
//! pallets' own tests: bounds by the storage items that a call can touch, with generous allowances for signatures and the code around.

use frame_support::weights::{constants::RocksDbWeight, Weight};

use crate::MAX_FORMER_KEYS;

/// The weight of each call, and of what other pallets ask for.
pub trait WeightInfo {
    /// Of `register`, of an elected account in a full set, with as many former keys to forget as there can be.
    fn register() -> Weight;
    /// Of `update`, sent by the signing key.
    fn update() -> Weight;
    /// Of `rotate_key`, of an elected account in a full set, with as many former keys to forget as there can be.
    fn rotate_key() -> Weight;
    /// Of `deregister`, with a bond that is departing already, and as many former keys as there can be.
    fn deregister() -> Weight;
    /// Of `withdraw_bond`, with as many former keys to forget as there can be.
    fn withdraw_bond() -> Weight;
    /// Of `bond_more`, of an elected account in a full set.
    fn bond_more() -> Weight;
    /// Of `refresh`, of an account that becomes active in a full set.
    fn refresh() -> Weight;
    /// Of slashing the last of a departing bond and what is left of a new one, and forgetting as many former keys as there can be.
    fn slash() -> Weight;
    /// Of seizing the same.
    fn seize() -> Weight;
    /// Of suspending a member of a full set.
    fn suspend() -> Weight;
    /// Of a change of the elected, or of an election's end, where there are at most `n` of them, all anchors now, and as many suspensions
    /// that end.
    fn change_members(n: u32) -> Weight;
}

/// Decoding, checks, encoding and events, in picoseconds: 200 µs.
const BASE: u64 = 200_000_000;
/// One sr25519 verification, in picoseconds: 300 µs, where about 31 µs were measured natively.
const SIGNATURE: u64 = 300_000_000;
/// Looking at one elected account and telling that its suspension ended, in picoseconds: 50 µs.
const MEMBER: u64 = 50_000_000;
/// More than any storage item of this pallet and its path in the trie, in bytes.
const ITEM: u64 = 12_288;
/// The most keys that are forgotten at once: each is read and removed.
const FORMER_KEYS: u64 = MAX_FORMER_KEYS as u64;

fn bound(reads: u64, writes: u64, signatures: u64) -> Weight {
    Weight::from_parts(BASE + signatures * SIGNATURE, reads * ITEM)
        .saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    fn register() -> Weight {
        // Organisations twice, Keys twice, FormerKeys, FormerKeysOf, MinBond twice, block hash, balance, holds, Elected, Suspended,
        // identity, ActiveSet
        bound(15 + FORMER_KEYS, 7 + FORMER_KEYS, 1)
    }
    fn update() -> Weight {
        // Organisations twice, Keys
        bound(3, 1, 0)
    }
    fn rotate_key() -> Weight {
        // Organisations twice, RotatedAt, RotationInterval, BondDelay, Keys, FormerKeys, FormerKeysOf, block hash, Elected, Suspended,
        // MinBond, identity, ActiveSet
        bound(14 + FORMER_KEYS, 8 + FORMER_KEYS, 1)
    }
    fn deregister() -> Weight {
        // Organisations, Elected, Departing, BondDelay, Keys, FormerKeys, FormerKeysOf
        bound(7 + FORMER_KEYS, 6 + FORMER_KEYS, 0)
    }
    fn withdraw_bond() -> Weight {
        // Departing, Organisations, balance, holds, FormerKeysOf
        bound(5 + FORMER_KEYS, 4 + FORMER_KEYS, 0)
    }
    fn bond_more() -> Weight {
        // Organisations, balance, holds, Elected, Suspended, MinBond, identity, ActiveSet
        bound(8, 4, 0)
    }
    fn refresh() -> Weight {
        // Elected, Organisations, Suspended, MinBond, identity, ActiveSet
        bound(6, 1, 0)
    }
    fn slash() -> Weight {
        // Organisations, Departing, two balances and the treasury's, holds, BountyShare, FormerKeysOf
        bound(9 + FORMER_KEYS, 8 + FORMER_KEYS, 0)
    }
    fn seize() -> Weight {
        // Organisations, Departing, two balances, holds, FormerKeysOf
        bound(6 + FORMER_KEYS, 6 + FORMER_KEYS, 0)
    }
    fn suspend() -> Weight {
        // Elected, Suspended, ActiveSet
        bound(3, 2, 0)
    }
    fn change_members(n: u32) -> Weight {
        // Elected, Suspended, ActiveSet, MinBond; Organisations and identity of each
        bound(2 * u64::from(n) + 6, 3, 0).saturating_add(Weight::from_parts(MEMBER * u64::from(n), 0))
    }
}
