//! Every governed number within its bounds: what the runtime reads.
//!
//! `pallet-parameters` stores any value that fits the type; the origin that it asks sees only the key. So the bounds hold where a
//! number is read: less than the least counts as the least, more than the most as the most. Each type has the name of the number in
//! [`dynamic_params`](super::dynamic_params), whose documentation says the bounds in words.

use frame_support::traits::Get;
use sp_runtime::Permill;

use super::dynamic_params;
use crate::{
    configs::{snapshots::History, validators::HISTORY_DEPTH},
    Balance, DAYS, HOURS, SLT,
};

/// Writes down the type that reads each number, from its least to its most.
macro_rules! bounds {
    ($($(#[$doc:meta])* $module:ident::$variant:ident { $($name:ident: $type:ty = $least:expr, $most:expr;)* })*) => {
        $(
            $(#[$doc])*
            pub mod $module {
                use super::*;

                $(
                    #[doc = concat!("See [`dynamic_params::", stringify!($module), "::", stringify!($name), "`].")]
                    pub struct $name;

                    impl $name {
                        /// The least it can be.
                        pub const LEAST: $type = $least;
                        /// The most it can be.
                        pub const MOST: $type = $most;
                    }

                    impl Get<$type> for $name {
                        fn get() -> $type {
                            let governed: $type = dynamic_params::$module::$name::get();
                            governed.max(Self::LEAST).min(Self::MOST)
                        }
                    }
                )*
            }
        )*

        /// Every number: its group and its name; its default, its least and its most in SCALE.
        #[cfg(test)]
        pub fn all() -> alloc::vec::Vec<(&'static str, &'static str, [alloc::vec::Vec<u8>; 3])> {
            use codec::Encode;

            alloc::vec![$($({
                type Number = $module::$name;
                let default: $type = dynamic_params::$module::$name::get();
                let numbers = [default, Number::LEAST, Number::MOST].map(|number| number.encode());
                (stringify!($variant), stringify!($name), numbers)
            },)*)*]
        }

        /// Sets every number to the ends of its type and of its bounds, and checks what is read; returns how many there are.
        #[cfg(test)]
        pub fn check_all() -> usize {
            use super::{genesis::store, RuntimeParameters};
            use sp_runtime::traits::Bounded;

            let mut count = 0;
            $($({
                type Number = $module::$name;
                let default: $type = dynamic_params::$module::$name::get();
                let set = |value: Option<$type>| {
                    let parameter = dynamic_params::$module::Parameters::$name(dynamic_params::$module::$name, value);
                    store(RuntimeParameters::$variant(parameter));
                    <Number as Get<$type>>::get()
                };
                let name = concat!(stringify!($module), "::", stringify!($name));
                assert!((Number::LEAST..=Number::MOST).contains(&default), "{name}: the default is out of bounds");
                assert_eq!(set(None), default, "{name}");
                assert_eq!(set(Some(<$type as Bounded>::min_value())), Number::LEAST, "{name}");
                assert_eq!(set(Some(<$type as Bounded>::max_value())), Number::MOST, "{name}");
                assert_eq!(set(Some(Number::LEAST)), Number::LEAST, "{name}");
                assert_eq!(set(Some(Number::MOST)), Number::MOST, "{name}");
                set(None);
                count += 1;
            })*)*
            count
        }
    };
}

bounds! {
    /// What every node reads at genesis.
    consensus::Consensus {
        EpochDuration: u64 = 10, DAYS as u64;
        SessionsPerEra: u32 = 1, 48;
        // In the last session of an era the next one is planned, and what is older than the history is forgotten: an offence that is
        // as old would cost nothing.
        BondingDuration: u32 = 2, HISTORY_DEPTH - 1;
        SlashDeferDuration: u32 = 1, HISTORY_DEPTH - 2;
    }

    /// The election of anchors.
    elections::Elections {
        // Half of the largest set that a quorum certificate can carry; runners-up take at most the other half.
        DesiredMembers: u32 = 1, 64;
        DesiredRunnersUp: u32 = 0, 32;
        // An election fills much of a block: not in every one.
        TermDuration: u32 = 10, 365 * DAYS;
        CandidacyBond: Balance = SLT, 1_000_000 * SLT;
    }

    /// Anchor organisations.
    anchors::Anchors {
        MinBond: Balance = SLT, 10_000_000 * SLT;
        BondDelay: u32 = HOURS, 365 * DAYS;
        RotationInterval: u32 = 1, 30 * DAYS;
        BountyShare: Permill = Permill::zero(), Permill::from_percent(50);
    }

    /// Service nodes: stake and rewards.
    service_staking::ServiceStaking {
        MinBond: Balance = SLT, 1_000_000 * SLT;
        UnbondingDelay: u32 = 1, 365 * DAYS;
        RewardPerPeriod: Balance = 0, 10_000 * SLT;
        AnchorShare: Permill = Permill::zero(), Permill::from_percent(50);
        // A claim is proved against a stored commitment.
        RewardHistory: u32 = 1, History::get();
        // Enough for two tries after a fork. Not more, because the periods of local networks are half a minute long, and whoever
        // tries breaches and slashes there doesn't want to wait for hours.
        ReportWindow: u32 = 10, 30 * DAYS;
        SlashDeferral: u32 = 5, 30 * DAYS;
        BountyShare: Permill = Permill::zero(), Permill::from_percent(50);
        PoolShare: Permill = Permill::zero(), Permill::one();
        PoolRelease: Permill = Permill::zero(), Permill::one();
        WriterBonus: Permill = Permill::zero(), Permill::from_percent(50);
        RentTreasuryShare: Permill = Permill::zero(), Permill::one();
    }

    /// Sessions.
    promise_settlement::PromiseSettlement {
        BurnRate: Permill = Permill::zero(), Permill::from_percent(50);
        // Some blocks at least in which a watchtower can bring the last promise. Not more, for local networks; a session keeps the
        // window that it was opened with.
        ChallengeWindow: u32 = 5, 30 * DAYS;
        MinDeposit: Balance = SLT / 1_000, 10_000 * SLT;
        MaxLifetime: u32 = HOURS, 3_650 * DAYS;
        StorageDeposit: Balance = 0, 100 * SLT;
        ChannelDeposit: Balance = 0, 10 * SLT;
        OverAllocationSlash: Permill = Permill::zero(), Permill::one();
    }

    /// Periods and their commitments.
    commitment_snapshots::CommitmentSnapshots {
        PeriodLength: u32 = 2, 7 * DAYS;
        Grace: u32 = 1, DAYS;
        EquivocationSlash: Permill = Permill::zero(), Permill::one();
        MaxStrikes: u32 = 1, 1_000;
    }

    /// Token types: rent and deposits.
    smart_tokens::SmartTokens {
        RentPerPeriod: Balance = 0, 100 * SLT;
        DepositBase: Balance = 0, 10_000 * SLT;
        DepositPerByte: Balance = 0, SLT;
        MaxRevenueShare: Permill = Permill::zero(), Permill::from_percent(90);
    }

    /// What validators and their nominators earn.
    validators::Validators {
        EraReward: Balance = 0, 60_000 * SLT;
    }

    /// Referenda, and what the treasury may be told to spend.
    governance::Governance {
        PreparePeriod: u32 = 1, 7 * DAYS;
        DecisionPeriod: u32 = 5, 60 * DAYS;
        ConfirmPeriod: u32 = 1, 14 * DAYS;
        EnactmentPeriod: u32 = 1, 14 * DAYS;
        ShortPeriod: u32 = 5, 14 * DAYS;
        VoteLockingPeriod: u32 = 1, 90 * DAYS;
        SubmissionDeposit: Balance = SLT / 10, 10_000 * SLT;
        DecisionDeposit: Balance = SLT, 100_000 * SLT;
        TreasurySpendLimit: Balance = SLT, 10_000_000 * SLT;
    }

    /// Service level agreements.
    sla_registry::SlaRegistry {
        AnswerInterval: u32 = 1, DAYS;
        ProposalLifetime: u32 = 1, 30 * DAYS;
        StepTimeout: u32 = 1, 30 * DAYS;
        Probation: u32 = 1, 10_000;
        MaxMaintenance: u32 = 0, 168;
        MaintenanceSpan: u32 = 1, 10_000;
    }
}
