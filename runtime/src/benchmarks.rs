//! Which pallets are benchmarked, for `frame-omni-bencher`.

use alloc::{string::String, vec::Vec};

use frame_benchmarking::{define_benchmarks, BenchmarkBatch, BenchmarkConfig, BenchmarkList};
use frame_support::traits::{StorageInfo, StorageInfoTrait, WhitelistedStorageKeys};
use frame_system_benchmarking::Pallet as SystemBench;
use smartlayer_primitives::commitment::{Commitment, StoredCommitment};

use crate::*;

impl frame_system_benchmarking::Config for Runtime {}
impl pallet_transaction_payment::BenchmarkConfig for Runtime {}

define_benchmarks!(
    [frame_system, SystemBench::<Runtime>]
    [pallet_balances, Balances]
    [pallet_elections_phragmen, Elections]
    [pallet_parameters, Parameters]
    [pallet_timestamp, Timestamp]
    [pallet_transaction_payment, TransactionPayment]
    [pallet_utility, Utility]
    [pallet_anchors, Anchors]
    [pallet_commitment_snapshots, CommitmentSnapshots]
    [pallet_promise_settlement, PromiseSettlement]
    [pallet_service_staking, ServiceStaking]
    [pallet_sla_registry, SlaRegistry]
    [pallet_smart_tokens, SmartTokens]
);

/// Puts a commitment where the claims of rewards look for it, without the quorum that it takes otherwise.
pub struct StoredCommitments;

impl pallet_service_staking::BenchmarkHelper for StoredCommitments {
    fn store(commitment: Commitment) {
        let stored = StoredCommitment { hash: Hash::zero(), block: System::block_number(), commitment };
        pallet_commitment_snapshots::Commitments::<Runtime>::insert(stored.commitment.period, stored);
    }
}

/// What can be measured, and the storage that it touches.
pub fn metadata(extra: bool) -> (Vec<BenchmarkList>, Vec<StorageInfo>) {
    let mut list = Vec::<BenchmarkList>::new();
    list_benchmarks!(list, extra);
    (list, AllPalletsWithSystem::storage_info())
}

/// Runs one benchmark.
pub fn dispatch(config: BenchmarkConfig) -> Result<Vec<BenchmarkBatch>, String> {
    let whitelist = AllPalletsWithSystem::whitelisted_storage_keys();
    let mut batches = Vec::<BenchmarkBatch>::new();
    let params = (&config, &whitelist);
    add_benchmarks!(params, batches);
    Ok(batches)
}
