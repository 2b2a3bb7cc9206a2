//! Which pallets are benchmarked, for `frame-omni-bencher`.
//!
//! The SDK's pallets take the weights that the SDK publishes, `SubstrateWeight`, which were measured on its reference machine. The
//! benchmarks of pallet-session and pallet-offences are crates of their own, which this runtime does without.

use alloc::{string::String, vec::Vec};

use frame_benchmarking::{define_benchmarks, BenchmarkBatch, BenchmarkConfig, BenchmarkList};
use frame_support::traits::{StorageInfo, StorageInfoTrait, WhitelistedStorageKeys};
use frame_system_benchmarking::Pallet as SystemBench;
use smartlayer_primitives::{
    agreement::{Agreement, InForce, Maintenance, Standing},
    commitment::{Commitment, StoredCommitment},
    report::ReportEntry,
    sla::{Objectives, PenaltySchedule, Template},
};
use sp_runtime::{BoundedVec, Permill};

use crate::*;

impl frame_system_benchmarking::Config for Runtime {}
impl pallet_transaction_payment::BenchmarkConfig for Runtime {}

define_benchmarks!(
    [frame_system, SystemBench::<Runtime>]
    [pallet_bags_list, VoterList]
    [pallet_balances, Balances]
    [pallet_collective, AnchorCouncil]
    [pallet_conviction_voting, ConvictionVoting]
    [pallet_elections_phragmen, Elections]
    [pallet_identity, Identity]
    [pallet_multisig, Multisig]
    [pallet_parameters, Parameters]
    [pallet_preimage, Preimage]
    [pallet_proxy, Proxy]
    [pallet_referenda, Referenda]
    [pallet_scheduler, Scheduler]
    [pallet_staking, Staking]
    [pallet_timestamp, Timestamp]
    [pallet_transaction_payment, TransactionPayment]
    [pallet_treasury, Treasury]
    [pallet_utility, Utility]
    [pallet_whitelist, Whitelist]
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

    /// Under the first template, with as much maintenance declared as there can be, none of it for the line's period.
    fn breach(entry: &mut ReportEntry) {
        let template = pallet_sla_registry::Templates::<Runtime>::get(0).unwrap_or(Template {
            floor: Objectives::default(),
            reward_weight: 1,
            penalty: PenaltySchedule { persistent_after: 1, slash: Permill::from_percent(1) },
        });
        let Some(terms) = template.terms(0, template.floor) else { return };
        entry.breaches = terms.penalty.persistent_after;
        let maintenance = (1..=4).map(|n| Maintenance { from: entry.period.saturating_add(n), periods: 1 });
        let agreement = Agreement {
            in_force: Some(InForce { terms, since: entry.period, standing: Standing::Good }),
            maintenance: BoundedVec::truncate_from(maintenance.collect()),
            ..Default::default()
        };
        pallet_sla_registry::Agreements::<Runtime>::insert(&entry.node, agreement);
    }
}

/// A treasury that holds nothing but SLT pays accounts.
pub struct TreasuryArguments;

impl pallet_treasury::ArgumentsFactory<(), AccountId> for TreasuryArguments {
    fn create_asset_kind(_seed: u32) {}

    fn create_beneficiary(seed: [u8; 32]) -> AccountId {
        seed.into()
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
