//! What the network is for: token types, the nodes that serve them, their agreements, and how they are paid.

use frame_support::{
    parameter_types,
    traits::{EitherOf, Get},
    PalletId,
};
use frame_system::EnsureRoot;
use smartlayer_primitives::Period;

use super::{
    governance::{origins::EnsureSlashCanceller, RootOrAdmin, ToTreasury},
    snapshots::History,
};
use crate::{
    parameters::bounded::{commitment_snapshots, promise_settlement, service_staking, sla_registry, smart_tokens},
    AccountId, Anchors, Balance, Balances, CommitmentSnapshots, Runtime, RuntimeHoldReason, ServiceStaking,
    SlaRegistry, SmartTokens, SLT,
};

parameter_types! {
    /// The reward pool's account.
    pub const PotId: PalletId = PalletId(*b"slt/pool");
    /// A breach is reported within a week of hours, however late its commitment came.
    pub const ReportHistory: Period = 168;
}

impl pallet_service_staking::Config for Runtime {
    type Agreements = SlaRegistry;
    type AnchorShare = service_staking::AnchorShare;
    type Anchors = Anchors;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = crate::benchmarks::StoredCommitments;
    type BountyShare = service_staking::BountyShare;
    type CancelOrigin = EitherOf<EnsureRoot<AccountId>, EnsureSlashCanceller>;
    type Currency = Balances;
    type MinBond = service_staking::MinBond;
    type OnRent = ToTreasury;
    type OnSlash = ToTreasury;
    type PeriodLength = commitment_snapshots::PeriodLength;
    type PoolRelease = service_staking::PoolRelease;
    type PoolShare = service_staking::PoolShare;
    type PotId = PotId;
    type RentTreasuryShare = service_staking::RentTreasuryShare;
    type ReportHistory = ReportHistory;
    type ReportWindow = service_staking::ReportWindow;
    type RewardHistory = service_staking::RewardHistory;
    type RewardPerPeriod = RewardPerPeriod;
    type SlashDeferral = service_staking::SlashDeferral;
    type Snapshots = CommitmentSnapshots;
    type UnbondingDelay = service_staking::UnbondingDelay;
    type WeightInfo = crate::weights::pallet_service_staking::WeightInfo<Self>;
    type WriterBonus = service_staking::WriterBonus;
}

/// The most that a period is rewarded with for each of its blocks: the most of all periods together is then a number as well, 288,000 SLT
/// a day, however short they are.
pub const MAX_REWARD_PER_BLOCK: Balance = 10 * SLT;

/// At most [`MAX_REWARD_PER_BLOCK`] for each block of a period.
pub struct RewardPerPeriod;

impl Get<Balance> for RewardPerPeriod {
    fn get() -> Balance {
        let most = MAX_REWARD_PER_BLOCK.saturating_mul(commitment_snapshots::PeriodLength::get().into());
        service_staking::RewardPerPeriod::get().min(most)
    }
}

/// At most half of the span that it is counted over, so that no node is in maintenance for ever.
pub struct MaxMaintenance;

impl Get<Period> for MaxMaintenance {
    fn get() -> Period {
        sla_registry::MaxMaintenance::get().min(sla_registry::MaintenanceSpan::get() / 2)
    }
}

impl pallet_sla_registry::Config for Runtime {
    type AdminOrigin = RootOrAdmin;
    type Anchors = Anchors;
    type AnswerInterval = sla_registry::AnswerInterval;
    type History = History;
    type MaintenanceSpan = sla_registry::MaintenanceSpan;
    type MaxMaintenance = MaxMaintenance;
    type Probation = sla_registry::Probation;
    type ProposalLifetime = sla_registry::ProposalLifetime;
    type ReportWindow = service_staking::ReportWindow;
    type ServiceNodes = ServiceStaking;
    type Snapshots = CommitmentSnapshots;
    type StepTimeout = sla_registry::StepTimeout;
    type WeightInfo = crate::weights::pallet_sla_registry::WeightInfo<Self>;
}

impl pallet_promise_settlement::Config for Runtime {
    type AnchorBonds = Anchors;
    type Anchors = Anchors;
    type BurnRate = promise_settlement::BurnRate;
    type ChallengeWindow = promise_settlement::ChallengeWindow;
    type ChannelDeposit = promise_settlement::ChannelDeposit;
    type Currency = Balances;
    type MaxLifetime = promise_settlement::MaxLifetime;
    type MinDeposit = promise_settlement::MinDeposit;
    type OverAllocationSlash = promise_settlement::OverAllocationSlash;
    type RuntimeHoldReason = RuntimeHoldReason;
    type ServiceNodes = ServiceStaking;
    type StorageDeposit = promise_settlement::StorageDeposit;
    type TokenTypes = SmartTokens;
    type WeightInfo = crate::weights::pallet_promise_settlement::WeightInfo<Self>;
}

impl pallet_smart_tokens::Config for Runtime {
    type Currency = Balances;
    type DepositBase = smart_tokens::DepositBase;
    type DepositPerByte = smart_tokens::DepositPerByte;
    type MaxRevenueShare = smart_tokens::MaxRevenueShare;
    type RentPerPeriod = smart_tokens::RentPerPeriod;
    type RentPool = ServiceStaking;
    type Snapshots = CommitmentSnapshots;
    type WeightInfo = crate::weights::pallet_smart_tokens::WeightInfo<Self>;
}
