//! What the calls of the own pallets cost, in time and proof, as `scripts/weights` measured it. Written by `frame-omni-bencher`: measure anew
//! instead of editing.

pub mod pallet_anchors;
pub mod pallet_commitment_snapshots;
pub mod pallet_promise_settlement;
pub mod pallet_service_staking;
pub mod pallet_sla_registry;
pub mod pallet_smart_tokens;
