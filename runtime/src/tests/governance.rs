use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

use super::*;
use crate::parameters::dynamic_params::{consensus, elections, governance};

#[test]
fn nobody_changes_what_genesis_fixed() {
    genesis("development").execute_with(|| {
        let longer =
            RuntimeParameters::Consensus(consensus::Parameters::EpochDuration(consensus::EpochDuration, Some(40)));
        for origin in [RuntimeOrigin::root(), RuntimeOrigin::signed([1; 32].into()), RuntimeOrigin::none()] {
            assert_noop!(Parameters::set_parameter(origin, longer.clone()), DispatchError::BadOrigin);
        }
    });
}

#[test]
fn governance_changes_the_rest_within_bounds() {
    genesis("development").execute_with(|| {
        let members =
            |n| RuntimeParameters::Elections(elections::Parameters::DesiredMembers(elections::DesiredMembers, Some(n)));
        let desired = || <Runtime as pallet_elections_phragmen::Config>::DesiredMembers::get();
        assert_eq!(desired(), 13);
        assert_noop!(
            Parameters::set_parameter(RuntimeOrigin::signed([1; 32].into()), members(5)),
            DispatchError::BadOrigin
        );
        assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), members(5)));
        assert_eq!(desired(), 5);
        assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), members(1_000)));
        assert_eq!(desired(), 64);
    });
}

#[test]
fn the_rules_of_governance_are_for_root_alone() {
    genesis("development").execute_with(|| {
        let admin = || RuntimeOrigin::from(configs::governance::origins::Origin::Admin);
        let period = RuntimeParameters::Governance(governance::Parameters::DecisionPeriod(
            governance::DecisionPeriod,
            Some(100),
        ));
        let members =
            RuntimeParameters::Elections(elections::Parameters::DesiredMembers(elections::DesiredMembers, Some(5)));
        assert_noop!(Parameters::set_parameter(admin(), period.clone()), DispatchError::BadOrigin);
        assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), period));
        assert_ok!(Parameters::set_parameter(admin(), members));
    });
}
