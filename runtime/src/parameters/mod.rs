//! Every number that the DAO governs: what it means, and its default on a real network. The runtime reads each through
//! [`bounded`], so that a mistaken vote stays harmless.
//!
//! The defaults hold until a genesis preset or a vote says otherwise. `Consensus` is the exception: its numbers are set at
//! genesis and never again, because nodes read them once, or because a change would cut short what was promised under them.

pub mod bounded;
pub mod genesis;

use frame_support::{
    dynamic_params::{dynamic_pallet_params, dynamic_params},
    traits::{EnsureOrigin, EnsureOriginWithArg},
};
use frame_system::EnsureRoot;
use smartlayer_primitives::Period;
use sp_runtime::Permill;

use crate::{
    configs::governance::RootOrAdmin, AccountId, Balance, BlockNumber, Runtime, RuntimeOrigin, DAYS, HOURS, MINUTES,
    SLT,
};

#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
pub mod dynamic_params {
    use super::*;

    /// What every node reads at genesis. Nobody can change it afterwards.
    #[dynamic_pallet_params]
    #[codec(index = 0)]
    pub mod consensus {
        /// How many slots an epoch has: how long a set of session keys and a piece of randomness last; 10 to as many
        /// as a day has.
        #[codec(index = 0)]
        pub static EpochDuration: u64 = HOURS as u64;
        /// How many sessions, each as long as an epoch, an era has: how long a set of validators lasts; 1 to 48.
        #[codec(index = 1)]
        pub static SessionsPerEra: u32 = 6;
        /// How many eras a validator's or nominator's stake waits after unbonding, and can be slashed; 2 to 83.
        #[codec(index = 2)]
        pub static BondingDuration: u32 = 56;
        /// How many eras a validator's slash waits, and can be cancelled; 1 to 82, and less than `BondingDuration`.
        #[codec(index = 3)]
        pub static SlashDeferDuration: u32 = 28;
    }

    /// The election of anchors.
    #[dynamic_pallet_params]
    #[codec(index = 1)]
    pub mod elections {
        /// How many anchors are elected; 1 to 64.
        #[codec(index = 0)]
        pub static DesiredMembers: u32 = 13;
        /// How many runners-up stand by; at most 32.
        #[codec(index = 1)]
        pub static DesiredRunnersUp: u32 = 7;
        /// Blocks between elections; from 10 blocks to a year.
        #[codec(index = 2)]
        pub static TermDuration: BlockNumber = 7 * DAYS;
        /// What a candidate puts up, and loses with the election, in planck; 1 to 1,000,000 SLT.
        #[codec(index = 3)]
        pub static CandidacyBond: Balance = 1_000 * SLT;
    }

    /// Anchor organisations.
    #[dynamic_pallet_params]
    #[codec(index = 2)]
    pub mod anchors {
        /// The least bond of an active anchor, in planck; 1 to 10,000,000 SLT.
        #[codec(index = 0)]
        pub static MinBond: Balance = 10_000 * SLT;
        /// Blocks that a deregistered organisation waits for its bond; from an hour to a year, and never less than evidence of
        /// equivocations is good for, which is `PeriodLength` for each period that is kept, nor than `ChallengeWindow`.
        #[codec(index = 1)]
        pub static BondDelay: BlockNumber = 14 * DAYS;
        /// Blocks between two key rotations of one organisation; from 1 block to 30 days.
        #[codec(index = 2)]
        pub static RotationInterval: BlockNumber = HOURS;
        /// The share of an anchor's slash that goes to who reported the offence; at most half.
        #[codec(index = 3)]
        pub static BountyShare: Permill = Permill::from_percent(10);
    }

    /// Service nodes: stake and rewards.
    #[dynamic_pallet_params]
    #[codec(index = 3)]
    pub mod service_staking {
        /// The least bond of a node that is given work, in planck; 1 to 1,000,000 SLT.
        #[codec(index = 0)]
        pub static MinBond: Balance = 1_000 * SLT;
        /// Blocks that an unbonding chunk waits; from 1 block to a year, and never less than `ReportWindow`, `SlashDeferral` and a
        /// period together.
        #[codec(index = 1)]
        pub static UnbondingDelay: BlockNumber = 15 * DAYS;
        /// What nodes and anchors earn together for a period, in planck: minted when its commitment is accepted; at most
        /// 10,000 SLT, and never more than 10 SLT for each block of `PeriodLength`.
        #[codec(index = 2)]
        pub static RewardPerPeriod: Balance = 100 * SLT;
        /// The anchors' part of it; at most half.
        #[codec(index = 3)]
        pub static AnchorShare: Permill = Permill::from_percent(20);
        /// For how many periods back rewards can be claimed; 1 to as many as commitments are kept.
        #[codec(index = 4)]
        pub static RewardHistory: Period = 168;
        /// Blocks after its commitment for which a period's breaches can be reported; from 10 blocks to 30 days.
        #[codec(index = 5)]
        pub static ReportWindow: BlockNumber = 7 * DAYS;
        /// Blocks that a slash waits, and can be cancelled; from 5 blocks to 30 days.
        #[codec(index = 6)]
        pub static SlashDeferral: BlockNumber = 7 * DAYS;
        /// The share of a slash that goes to who reported the breach; at most half.
        #[codec(index = 7)]
        pub static BountyShare: Permill = Permill::from_percent(10);
        /// The share of a slash that goes to the reward pool, as far as the bounty leaves it; the treasury takes the rest.
        #[codec(index = 8)]
        pub static PoolShare: Permill = Permill::from_percent(40);
        /// The part of what the reward pool holds and does not owe that is added to each period's reward.
        #[codec(index = 9)]
        pub static PoolRelease: Permill = Permill::from_percent(1);
        /// The part of the anchors' part of a reward that goes to the writer of the commitment; at most half.
        #[codec(index = 10)]
        pub static WriterBonus: Permill = Permill::from_percent(10);
        /// The treasury's part of the rent; the reward pool takes the rest.
        #[codec(index = 11)]
        pub static RentTreasuryShare: Permill = Permill::from_percent(20);
    }

    /// Sessions.
    #[dynamic_pallet_params]
    #[codec(index = 4)]
    pub mod promise_settlement {
        /// The share of every claim that is burned; at most half. Pinned by each session when it opens.
        #[codec(index = 0)]
        pub static BurnRate: Permill = Permill::from_percent(5);
        /// Blocks that a node has to bring its last promise once the payer asks to close; from 5 blocks to 30 days. Pinned by each
        /// session when it opens.
        #[codec(index = 1)]
        pub static ChallengeWindow: BlockNumber = DAYS;
        /// The least deposit that opens a session, in planck; 0.001 to 10,000 SLT.
        #[codec(index = 2)]
        pub static MinDeposit: Balance = SLT / 10;
        /// The longest that a session lives before anyone may ask to close it, in blocks; from an hour to ten years.
        #[codec(index = 3)]
        pub static MaxLifetime: BlockNumber = 365 * DAYS;
        /// What is held for a session's record, in planck; at most 100 SLT.
        #[codec(index = 4)]
        pub static StorageDeposit: Balance = SLT / 10;
        /// What is held for each node that a network session has room for, in planck; at most 10 SLT.
        #[codec(index = 5)]
        pub static ChannelDeposit: Balance = SLT / 20;
        /// The part of its bond that a notary loses when it allocated more than a session had.
        #[codec(index = 6)]
        pub static OverAllocationSlash: Permill = Permill::from_percent(10);
    }

    /// Periods and their commitments.
    #[dynamic_pallet_params]
    #[codec(index = 5)]
    pub mod commitment_snapshots {
        /// Blocks in a period; from 2 blocks to a week. Read when it begins.
        #[codec(index = 0)]
        pub static PeriodLength: BlockNumber = HOURS;
        /// Blocks that each anchor has for itself before the next in the ranking may write as well; from 1 block to a
        /// day.
        #[codec(index = 1)]
        pub static Grace: BlockNumber = MINUTES;
        /// The part of its bond that an anchor loses when it signed against itself.
        #[codec(index = 2)]
        pub static EquivocationSlash: Permill = Permill::from_percent(10);
        /// With how many missed duties an anchor is suspended until the next election; 1 to 1,000.
        #[codec(index = 3)]
        pub static MaxStrikes: u32 = 10;
    }

    /// Token types: rent and deposits.
    #[dynamic_pallet_params]
    #[codec(index = 6)]
    pub mod smart_tokens {
        /// The rent of one copy's worth of data for one period, in planck; at most 100 SLT.
        #[codec(index = 0)]
        pub static RentPerPeriod: Balance = SLT / 100;
        /// The part of a registration's deposit that does not depend on its size, in planck; at most 10,000 SLT.
        #[codec(index = 1)]
        pub static DepositBase: Balance = SLT;
        /// The deposit for each byte of a registration, in planck; at most 1 SLT.
        #[codec(index = 2)]
        pub static DepositPerByte: Balance = SLT / 1_000;
        /// The most that an issuer takes of the payments for calls, after the burn; at most nine tenths.
        #[codec(index = 3)]
        pub static MaxRevenueShare: Permill = Permill::from_percent(50);
    }

    /// What validators and their nominators earn.
    #[dynamic_pallet_params]
    #[codec(index = 7)]
    pub mod validators {
        /// What they earn together for an era, in planck, beside the fees: minted when somebody has it paid out; at most 60,000
        /// SLT.
        #[codec(index = 0)]
        pub static EraReward: Balance = 600 * SLT;
    }

    /// Referenda, and what the treasury may be told to spend. Only root may set these: a lesser origin could make its own way
    /// to root shorter.
    #[dynamic_pallet_params]
    #[codec(index = 8)]
    pub mod governance {
        /// Blocks that a referendum must have been known before it is decided; from 1 block to 7 days.
        #[codec(index = 0)]
        pub static PreparePeriod: BlockNumber = 2 * HOURS;
        /// Blocks within which it must be approved; from 5 blocks to 60 days.
        #[codec(index = 1)]
        pub static DecisionPeriod: BlockNumber = 14 * DAYS;
        /// Blocks that its approval must hold without a break; from 1 block to 14 days.
        #[codec(index = 2)]
        pub static ConfirmPeriod: BlockNumber = DAYS;
        /// Blocks between its approval and its execution, at least; from 1 block to 14 days.
        #[codec(index = 3)]
        pub static EnactmentPeriod: BlockNumber = DAYS;
        /// The decision period, in blocks, of what cannot wait: emergencies and the cancelling of slashes; from 5 blocks to 14
        /// days. Preparing, confirming and enacting take at most a twelfth of it each.
        #[codec(index = 4)]
        pub static ShortPeriod: BlockNumber = DAYS;
        /// Blocks for which a vote with a conviction of one is locked; from 1 block to 90 days, and never less than
        /// `EnactmentPeriod`.
        #[codec(index = 5)]
        pub static VoteLockingPeriod: BlockNumber = 7 * DAYS;
        /// What submitting a referendum takes as a deposit, in planck; 0.1 to 10,000 SLT.
        #[codec(index = 6)]
        pub static SubmissionDeposit: Balance = 10 * SLT;
        /// What having it decided takes as a deposit, in planck, and ten times as much on the root track; 1 to 100,000 SLT.
        #[codec(index = 7)]
        pub static DecisionDeposit: Balance = 500 * SLT;
        /// The most that one referendum on the treasury track may spend, in planck; 1 to 10,000,000 SLT. Root may spend more.
        #[codec(index = 8)]
        pub static TreasurySpendLimit: Balance = 100_000 * SLT;
    }

    /// Service level agreements: deadlines, probation and maintenance.
    #[dynamic_pallet_params]
    #[codec(index = 9)]
    pub mod sla_registry {
        /// Blocks that an anchor has to answer a proposal before it is the next one's turn; from 1 block to a day.
        #[codec(index = 0)]
        pub static AnswerInterval: BlockNumber = 10 * MINUTES;
        /// Blocks that a proposal waits for an answer by any anchor; from 1 block to 30 days.
        #[codec(index = 1)]
        pub static ProposalLifetime: BlockNumber = DAYS;
        /// Blocks that each later step of a negotiation may take; from 1 block to 30 days.
        #[codec(index = 2)]
        pub static StepTimeout: BlockNumber = DAYS;
        /// How many periods a persistent breach counts against a node: with another so near to it the node is suspended; 1 to 10,000.
        #[codec(index = 3)]
        pub static Probation: Period = 168;
        /// For how many periods in any `MaintenanceSpan` in a row a node may declare maintenance; at most 168,
        /// and never more than half of the span.
        #[codec(index = 4)]
        pub static MaxMaintenance: Period = 12;
        /// The periods in a row that `MaxMaintenance` is counted over, and how far ahead maintenance is declared; 1 to 10,000.
        #[codec(index = 5)]
        pub static MaintenanceSpan: Period = 336;
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
    fn default() -> Self {
        use dynamic_params::elections;
        RuntimeParameters::Elections(elections::Parameters::CandidacyBond(elections::CandidacyBond, Some(1)))
    }
}

/// Nobody may set what genesis fixed, root alone the rules of governance; the admin track may set the rest as well.
pub struct GovernanceOnly;

impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for GovernanceOnly {
    type Success = ();

    fn try_origin(origin: RuntimeOrigin, key: &RuntimeParametersKey) -> Result<(), RuntimeOrigin> {
        match key {
            RuntimeParametersKey::Consensus(_) => Err(origin),
            RuntimeParametersKey::Governance(_) => <EnsureRoot<AccountId> as EnsureOrigin<_>>::try_origin(origin),
            _ => <RootOrAdmin as EnsureOrigin<_>>::try_origin(origin).map(|_| ()),
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn try_successful_origin(key: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
        match key {
            RuntimeParametersKey::Consensus(_) => Err(()),
            _ => Ok(RuntimeOrigin::root()),
        }
    }
}
