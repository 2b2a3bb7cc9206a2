use scale_info::{TypeDef, TypeInfo};

use super::*;
use crate::{
    configs::{governance::VoteLockingPeriod, services::MAX_REWARD_PER_BLOCK, validators::SlashDeferDuration},
    parameters::{bounded, genesis},
};

/// How many numbers there are, by the type that votes name them by.
fn governed_numbers() -> usize {
    let TypeDef::Variant(groups) = <RuntimeParameters as TypeInfo>::type_info().type_def else {
        panic!("groups are variants")
    };
    let numbers = groups.variants.iter().map(|group| match group.fields[0].ty.type_info().type_def {
        TypeDef::Variant(numbers) => numbers.variants.len(),
        _ => panic!("numbers are variants"),
    });
    numbers.sum()
}

#[test]
fn every_governed_number_is_read_within_its_bounds() {
    genesis("testnet").execute_with(|| assert_eq!(bounded::check_all(), governed_numbers()));
}

#[test]
fn a_slash_waits_less_than_the_stake_that_it_takes() {
    for (bonding, defer, expected) in [(4, 1, 1), (4, 4, 3), (2, 100, 1), (0, 0, 1)] {
        let numbers = genesis::ConsensusNumbers {
            bonding_duration: Some(bonding),
            slash_defer_duration: Some(defer),
            ..Default::default()
        };
        let config = ParametersGenesisConfig { consensus: numbers, ..Default::default() };
        sp_io::TestExternalities::from(config.build_storage().unwrap()).execute_with(|| {
            assert_eq!(SlashDeferDuration::get(), expected);
            assert!(SlashDeferDuration::get() < <Runtime as pallet_staking::Config>::BondingDuration::get());
        });
    }
}

#[test]
fn an_offence_that_can_be_reported_finds_what_it_costs() {
    // In an era's last session the next one is planned already, and counts.
    let history = <Runtime as pallet_staking::Config>::HistoryDepth::get();
    assert!(bounded::consensus::BondingDuration::MOST < history);
}

#[test]
fn a_bond_stays_for_longer_than_what_it_answers_for() {
    let history = <Runtime as pallet_commitment_snapshots::Config>::History::get();
    for (delay, period, window, expected) in [
        (500_000, HOURS, DAYS, 500_000),
        (0, 2, 10, HOURS),
        (0, HOURS, DAYS, (history + 1) * HOURS),
        (14 * DAYS, HOURS + 1, DAYS, (history + 1) * (HOURS + 1)),
        (0, 2, 30 * DAYS, 30 * DAYS),
        (u32::MAX, u32::MAX, u32::MAX, (history + 1) * 7 * DAYS),
    ] {
        let config = ParametersGenesisConfig {
            anchors: genesis::AnchorNumbers { bond_delay: Some(delay), ..Default::default() },
            commitment_snapshots: genesis::CommitmentNumbers { period_length: Some(period), ..Default::default() },
            promise_settlement: genesis::SettlementNumbers { challenge_window: Some(window), ..Default::default() },
            ..Default::default()
        };
        sp_io::TestExternalities::from(config.build_storage().unwrap())
            .execute_with(|| assert_eq!(<Runtime as pallet_anchors::Config>::BondDelay::get(), expected));
    }
}

#[test]
fn short_periods_do_not_multiply_the_reward() {
    for (reward, period, expected) in [
        (100 * SLT, HOURS, 100 * SLT),
        (Balance::MAX, HOURS, 10_000 * SLT),
        (Balance::MAX, 7 * DAYS, 10_000 * SLT),
        (Balance::MAX, 0, 2 * MAX_REWARD_PER_BLOCK),
        (100 * SLT, 10, 100 * SLT),
        (100 * SLT, 9, 9 * MAX_REWARD_PER_BLOCK),
        (0, 2, 0),
    ] {
        let config = ParametersGenesisConfig {
            service_staking: genesis::StakingNumbers { reward_per_period: Some(reward), ..Default::default() },
            commitment_snapshots: genesis::CommitmentNumbers { period_length: Some(period), ..Default::default() },
            ..Default::default()
        };
        sp_io::TestExternalities::from(config.build_storage().unwrap()).execute_with(|| {
            let effective = <Runtime as pallet_service_staking::Config>::RewardPerPeriod::get();
            assert_eq!(effective, expected, "{reward} in {period}");
        });
    }
}

#[test]
fn votes_stay_locked_until_what_they_approved_is_done() {
    let numbers =
        genesis::GovernanceNumbers { vote_locking_period: Some(3), enactment_period: Some(50), ..Default::default() };
    let config = ParametersGenesisConfig { governance: numbers, ..Default::default() };
    sp_io::TestExternalities::from(config.build_storage().unwrap())
        .execute_with(|| assert_eq!(VoteLockingPeriod::get(), 50));
}
