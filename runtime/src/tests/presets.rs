use super::*;

#[test]
fn all_presets_build() {
    for preset in genesis_presets::preset_names() {
        genesis(&preset);
    }
}

#[test]
fn local_presets_name_their_validators_and_anchors() {
    for (preset, validators) in [("development", 1), ("local_testnet", 2), ("local_four", 4)] {
        genesis(preset).execute_with(|| {
            assert_eq!(Session::validators().len(), validators);
            assert_eq!(Babe::authorities().len(), validators);
            assert_eq!(Grandpa::grandpa_authorities().len(), validators);
            // Elected, with a stake behind each, and nobody is above the law.
            assert_eq!(pallet_staking::ErasTotalStake::<Runtime>::get(0), validators as Balance * 100_000 * SLT);
            assert!(pallet_staking::Invulnerables::<Runtime>::get().is_empty());
            assert_eq!(pallet_elections_phragmen::Members::<Runtime>::get().len(), 4);
        });
    }
}

#[test]
fn a_testnet_names_nobody() {
    genesis("testnet").execute_with(|| {
        assert_eq!(Session::validators().len(), 0);
        // Nothing but what keeps the reward pool and the treasury alive.
        assert_eq!(Balances::total_issuance(), 2 * configs::system::EXISTENTIAL_DEPOSIT);
    });
}

#[test]
fn the_lengths_of_epoch_and_period_come_from_genesis() {
    fn lengths() -> (u64, BlockNumber) {
        let clock = pallet_commitment_snapshots::Clock::<Runtime>::get().expect("genesis starts the clock");
        (<Runtime as pallet_babe::Config>::EpochDuration::get(), clock.length)
    }
    genesis("development").execute_with(|| assert_eq!(lengths(), (20, 10)));
    genesis("testnet").execute_with(|| assert_eq!(lengths(), (1_200, 1_200)));
}

#[test]
fn templates_are_there_in_every_preset() {
    for preset in genesis_presets::preset_names() {
        genesis(&preset).execute_with(|| {
            let basic = pallet_sla_registry::Templates::<Runtime>::get(0).expect("there is a basic template");
            let premium = pallet_sla_registry::Templates::<Runtime>::get(1).expect("there is a premium template");
            assert!(premium.floor.meet(&basic.floor) && premium.reward_weight > basic.reward_weight);
        });
    }
}

/// The spelling of numbers in a genesis configuration is what founders type: it must not change by accident.
#[test]
fn a_misspelt_number_is_refused() {
    let numbers = |json| serde_json::from_value::<ParametersGenesisConfig>(json);
    assert!(
        numbers(serde_json::json!({ "commitmentSnapshots": { "periodLength": 600 } })).is_err(),
        "groups are required"
    );
    let mut all = serde_json::to_value(ParametersGenesisConfig::default()).expect("the default is JSON");
    merge(&mut all, serde_json::json!({ "commitmentSnapshots": { "periodLength": 600 } }));
    assert!(numbers(all.clone()).is_ok());
    merge(&mut all, serde_json::json!({ "commitmentSnapshots": { "periodLenght": 600 } }));
    assert!(numbers(all).is_err());
}
