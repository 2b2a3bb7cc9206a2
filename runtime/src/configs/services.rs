//! What the network is for: token types, the nodes that serve them, their agreements, and how they are paid.

use frame_support::{parameter_types, PalletId};

use crate::{
    parameters::bounded::{promise_settlement, service_staking, smart_tokens},
    Anchors, Balances, CommitmentSnapshots, Runtime, RuntimeHoldReason, ServiceStaking,
};

parameter_types! {
    /// The reward pool's account.
    pub const PotId: PalletId = PalletId(*b"slt/pool");
}

impl pallet_service_staking::Config for Runtime {
    type AnchorShare = service_staking::AnchorShare;
    type Anchors = Anchors;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = crate::benchmarks::StoredCommitments;
    type Currency = Balances;
    type MinBond = service_staking::MinBond;
    type PotId = PotId;
    type RewardHistory = service_staking::RewardHistory;
    type RewardPerPeriod = service_staking::RewardPerPeriod;
    type Snapshots = CommitmentSnapshots;
    type UnbondingDelay = service_staking::UnbondingDelay;
    type WeightInfo = ();
}

impl pallet_sla_registry::Config for Runtime {
    type Anchors = Anchors;
    type ServiceNodes = ServiceStaking;
    type Snapshots = CommitmentSnapshots;
    type WeightInfo = ();
}

impl pallet_promise_settlement::Config for Runtime {
    type BurnRate = promise_settlement::BurnRate;
    type ChallengeWindow = promise_settlement::ChallengeWindow;
    type Currency = Balances;
    type MinDeposit = promise_settlement::MinDeposit;
    type RuntimeHoldReason = RuntimeHoldReason;
    type ServiceNodes = ServiceStaking;
    type WeightInfo = ();
}

impl pallet_smart_tokens::Config for Runtime {
    type Currency = Balances;
    type DepositBase = smart_tokens::DepositBase;
    type DepositPerByte = smart_tokens::DepositPerByte;
    type RentPerPeriod = smart_tokens::RentPerPeriod;
    type RentPool = ServiceStaking;
    type Snapshots = CommitmentSnapshots;
    type WeightInfo = ();
}
