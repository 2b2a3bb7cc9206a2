use scale_info::{TypeDef, TypeInfo};

use super::*;
use crate::{
    configs::{governance::VoteLockingPeriod, validators::SlashDeferDuration},
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
fn votes_stay_locked_until_what_they_approved_is_done() {
    let numbers =
        genesis::GovernanceNumbers { vote_locking_period: Some(3), enactment_period: Some(50), ..Default::default() };
    let config = ParametersGenesisConfig { governance: numbers, ..Default::default() };
    sp_io::TestExternalities::from(config.build_storage().unwrap())
        .execute_with(|| assert_eq!(VoteLockingPeriod::get(), 50));
}
