//! Sets governed numbers at genesis, which `pallet-parameters` cannot: a pallet with a genesis configuration and nothing else.

use frame_support::{traits::dynamic_params::AggregatedKeyValue, DefaultNoBound};
pub use pallet::*;
use serde::{Deserialize, Serialize};
use smartlayer_primitives::Period;
use sp_runtime::Permill;

use super::{dynamic_params as groups, RuntimeParameters};
use crate::{Balance, BlockNumber, Runtime};

/// Writes down one struct a group, one optional field a parameter, and how they are stored; what is left out keeps its default.
macro_rules! genesis_groups {
    ($($(#[$doc:meta])* $config:ident: $module:ident::$variant:ident { $($field:ident: $parameter:ident($type:ty)),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
            pub struct $config {
                $(
                    #[doc = concat!("See [`groups::", stringify!($module), "::", stringify!($parameter), "`].")]
                    #[serde(skip_serializing_if = "Option::is_none")]
                    pub $field: Option<$type>,
                )*
            }

            impl $config {
                fn store(&self) {
                    $(if self.$field.is_some() {
                        store(RuntimeParameters::$variant(groups::$module::Parameters::$parameter(
                            groups::$module::$parameter,
                            self.$field,
                        )));
                    })*
                }
            }
        )*
    };
}

genesis_groups! {
    /// The numbers that nobody can change after genesis.
    ConsensusNumbers: consensus::Consensus {
        epoch_duration: EpochDuration(u64),
        sessions_per_era: SessionsPerEra(u32),
        bonding_duration: BondingDuration(u32),
        slash_defer_duration: SlashDeferDuration(u32),
    }

    /// The election of anchors.
    ElectionNumbers: elections::Elections {
        desired_members: DesiredMembers(u32),
        desired_runners_up: DesiredRunnersUp(u32),
        term_duration: TermDuration(BlockNumber),
        candidacy_bond: CandidacyBond(Balance),
    }

    /// Anchor organisations.
    AnchorNumbers: anchors::Anchors {
        min_bond: MinBond(Balance),
        bond_delay: BondDelay(BlockNumber),
        rotation_interval: RotationInterval(BlockNumber),
        bounty_share: BountyShare(Permill),
    }

    /// Service nodes: stake and rewards.
    StakingNumbers: service_staking::ServiceStaking {
        min_bond: MinBond(Balance),
        unbonding_delay: UnbondingDelay(BlockNumber),
        reward_per_period: RewardPerPeriod(Balance),
        anchor_share: AnchorShare(Permill),
        reward_history: RewardHistory(Period),
        report_window: ReportWindow(BlockNumber),
        slash_deferral: SlashDeferral(BlockNumber),
        bounty_share: BountyShare(Permill),
        pool_share: PoolShare(Permill),
        pool_release: PoolRelease(Permill),
        writer_bonus: WriterBonus(Permill),
        rent_treasury_share: RentTreasuryShare(Permill),
    }

    /// Sessions.
    SettlementNumbers: promise_settlement::PromiseSettlement {
        burn_rate: BurnRate(Permill),
        challenge_window: ChallengeWindow(BlockNumber),
        min_deposit: MinDeposit(Balance),
        max_lifetime: MaxLifetime(BlockNumber),
        storage_deposit: StorageDeposit(Balance),
        channel_deposit: ChannelDeposit(Balance),
        over_allocation_slash: OverAllocationSlash(Permill),
    }

    /// Periods and their commitments.
    CommitmentNumbers: commitment_snapshots::CommitmentSnapshots {
        period_length: PeriodLength(BlockNumber),
        grace: Grace(BlockNumber),
        equivocation_slash: EquivocationSlash(Permill),
        max_strikes: MaxStrikes(u32),
    }

    /// Token types: rent and deposits.
    TokenNumbers: smart_tokens::SmartTokens {
        rent_per_period: RentPerPeriod(Balance),
        deposit_base: DepositBase(Balance),
        deposit_per_byte: DepositPerByte(Balance),
        max_revenue_share: MaxRevenueShare(Permill),
    }

    /// What validators and their nominators earn.
    ValidatorNumbers: validators::Validators { era_reward: EraReward(Balance) }

    /// Referenda, and what the treasury may be told to spend.
    GovernanceNumbers: governance::Governance {
        prepare_period: PreparePeriod(BlockNumber),
        decision_period: DecisionPeriod(BlockNumber),
        confirm_period: ConfirmPeriod(BlockNumber),
        enactment_period: EnactmentPeriod(BlockNumber),
        short_period: ShortPeriod(BlockNumber),
        vote_locking_period: VoteLockingPeriod(BlockNumber),
        submission_deposit: SubmissionDeposit(Balance),
        decision_deposit: DecisionDeposit(Balance),
        treasury_spend_limit: TreasurySpendLimit(Balance),
    }

    /// Service level agreements.
    AgreementNumbers: sla_registry::SlaRegistry {
        answer_interval: AnswerInterval(BlockNumber),
        proposal_lifetime: ProposalLifetime(BlockNumber),
        step_timeout: StepTimeout(BlockNumber),
        probation: Probation(Period),
        max_maintenance: MaxMaintenance(Period),
        maintenance_span: MaintenanceSpan(Period),
    }
}

pub(super) fn store(parameter: RuntimeParameters) {
    let (key, value) = parameter.into_parts();
    pallet_parameters::Parameters::<Runtime>::set(key, value);
}

/// The pallet.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;

    use super::*;

    /// See the [module](super).
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// Nothing to configure.
    #[pallet::config]
    pub trait Config: frame_system::Config {}

    /// The numbers that shall not have their default.
    #[pallet::genesis_config]
    #[derive(DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Fixed for ever.
        pub consensus: ConsensusNumbers,
        /// The election of anchors.
        pub elections: ElectionNumbers,
        /// Anchor organisations.
        pub anchors: AnchorNumbers,
        /// Service nodes: stake and rewards.
        pub service_staking: StakingNumbers,
        /// Sessions.
        pub promise_settlement: SettlementNumbers,
        /// Periods and their commitments.
        pub commitment_snapshots: CommitmentNumbers,
        /// Token types: rent and deposits.
        pub smart_tokens: TokenNumbers,
        /// What validators and their nominators earn.
        pub validators: ValidatorNumbers,
        /// Referenda, and what the treasury may be told to spend.
        pub governance: GovernanceNumbers,
        /// Service level agreements.
        pub sla_registry: AgreementNumbers,
        #[serde(skip)]
        #[allow(missing_docs)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            self.consensus.store();
            self.elections.store();
            self.anchors.store();
            self.service_staking.store();
            self.promise_settlement.store();
            self.commitment_snapshots.store();
            self.smart_tokens.store();
            self.validators.store();
            self.governance.store();
            self.sla_registry.store();
        }
    }
}
