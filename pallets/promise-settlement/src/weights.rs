//! What the calls cost.
//!
//! The runtime has what was measured (`runtime/src/weights`, by `scripts/weights` over `benchmarking.rs`). The values of `()` are for the
//! pallets' own tests: bounds by the storage items that a call can touch, with generous allowances for signatures and the code around.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// What each call costs, and the parts that calls are weighed by.
pub trait WeightInfo {
    /// Of `open` to a node.
    fn open_node() -> Weight;
    /// Of `open` to a network.
    fn open_network() -> Weight;
    /// Of `top_up`.
    fn top_up() -> Weight;
    /// Of `claim` from a session with one node, with an issuer; ticks not included.
    fn claim() -> Weight;
    /// Of `claim` from a network session, with an issuer; neither ticks nor the notary's bond included.
    fn claim_network() -> Weight;
    /// Of `claim_batch` with `n` claims from sessions with one node; neither ticks nor paying accounts included.
    fn claim_batch(n: u32) -> Weight;
    /// Of `claim_batch` with `n` claims from network sessions; neither ticks nor paying accounts nor the notaries'
    /// bonds included.
    fn claim_batch_network(n: u32) -> Weight;
    /// Of paying `r` accounts at the end of a batch.
    fn payouts(r: u32) -> Weight;
    /// Of checking `t` ticks.
    fn ticks(t: u32) -> Weight;
    /// Of `close` with a last promise, ticks not included.
    fn close() -> Weight;
    /// Of `request_close`.
    fn request_close() -> Weight;
    /// Of `finish` of a session with `n` channels.
    fn finish(n: u32) -> Weight;
    /// Of `change_notary` of a session with `n` channels.
    fn change_notary(n: u32) -> Weight;
    /// Of `report_over_allocation` with `n` allocations, the slash not included.
    fn report_over_allocation(n: u32) -> Weight;
    /// Of `claim_authorized`, neither ticks nor the notary's bond included.
    fn claim_authorized() -> Weight;
    /// Of saying whether a `claim_authorized` is valid, neither ticks nor the notary's bond included.
    fn authorize_claim() -> Weight;
}

/// What the code around storage accesses may take, in picoseconds: 100 µs.
const CODE: u64 = 100_000_000;
/// What the code for one more claim of a batch may take, in picoseconds: 30 µs.
const CODE_EACH: u64 = 30_000_000;
/// What checking one signature may take with its hashing, in picoseconds: 60 µs. The slowest scheme was measured at 36
/// µs with the library that nodes use.
const SIGNATURE: u64 = 60_000_000;
/// What one tick may take, in picoseconds: 1 µs. The hash itself was measured at 0.12 µs.
const TICK: u64 = 1_000_000;
/// What one item read may add to a proof, in bytes.
const PROOF: u64 = 4096;

fn bound(code: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(code, reads.saturating_mul(PROOF))
        .saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
    /// Reads the node, the nonce, the session, the genesis hash, the token type, six governed numbers, the payer's
    /// account and holds; writes nonce, session, account and holds.
    fn open_node() -> Weight {
        bound(CODE, 14, 4)
    }
    /// As to a node; the anchors instead of the node, which are up to 8 KiB.
    fn open_network() -> Weight {
        bound(CODE, 16, 4)
    }
    /// Reads and writes the session, the payer's account and holds.
    fn top_up() -> Weight {
        bound(CODE, 3, 3)
    }
    /// Reads the genesis hash; reads and writes the session, the payer's account and holds, the node's account, the
    /// issuer's, and the issuance.
    fn claim() -> Weight {
        bound(CODE.saturating_add(SIGNATURE), 7, 6)
    }
    /// Besides, the notary's signature, and the channel.
    fn claim_network() -> Weight {
        Self::claim().saturating_add(bound(SIGNATURE, 1, 1))
    }
    /// The genesis hash and the issuance; for each claim its signature, the session, the payer's account and holds.
    fn claim_batch(n: u32) -> Weight {
        bound(CODE, 2, 1).saturating_add(bound(CODE_EACH.saturating_add(SIGNATURE), 3, 3).saturating_mul(n.into()))
    }
    /// For each besides, the notary's signature, and the channel.
    fn claim_batch_network(n: u32) -> Weight {
        Self::claim_batch(n).saturating_add(bound(SIGNATURE, 1, 1).saturating_mul(n.into()))
    }
    /// Reads and writes each account.
    fn payouts(r: u32) -> Weight {
        bound(CODE_EACH, 1, 1).saturating_mul(r.into())
    }
    /// A hash each.
    fn ticks(t: u32) -> Weight {
        Weight::from_parts(TICK, 0).saturating_mul(t.into())
    }
    /// A claim, the node's keys, the free claim, and the release of the rest.
    fn close() -> Weight {
        Self::claim().saturating_add(bound(CODE, 5, 4))
    }
    /// Reads and writes the session.
    fn request_close() -> Weight {
        bound(CODE, 1, 1)
    }
    /// Reads and writes the session, the payer's account and holds, the report and the free claim; a channel and its
    /// free claim each.
    fn finish(n: u32) -> Weight {
        bound(CODE, 6, 5).saturating_add(bound(CODE_EACH, 2, 2).saturating_mul(n.into()))
    }
    /// Reads and writes the session, reads the anchors, which are up to 8 KiB; removes each channel.
    fn change_notary(n: u32) -> Weight {
        bound(CODE, 5, 1).saturating_add(bound(CODE_EACH, 1, 1).saturating_mul(n.into()))
    }
    /// Reads the session, the genesis hash and a governed number; reads and writes the report; a signature each.
    fn report_over_allocation(n: u32) -> Weight {
        bound(CODE, 4, 1).saturating_add(Weight::from_parts(SIGNATURE, 0).saturating_mul(n.into()))
    }
    /// A claim from a network, and the free claim.
    fn claim_authorized() -> Weight {
        Self::claim_network().saturating_add(bound(0, 1, 1))
    }
    /// A claim from a network that is tried without effect, and the free claim.
    fn authorize_claim() -> Weight {
        bound(CODE.saturating_add(SIGNATURE.saturating_mul(2)), 9, 0)
    }
}
