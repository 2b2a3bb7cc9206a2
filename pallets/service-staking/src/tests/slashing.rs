//! slash.

use super::*;

fn chunks(n: u8) -> Vec<Balance> {
    Nodes::<Test>::get(account(n)).unwrap().unbonding.iter().map(|chunk| chunk.amount).collect()
}

#[test]
fn takes_bond_then_chunks_and_burns_them() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 3_000));
        assert_ok!(ServiceStaking::unbond(origin(1), 400));
        run_to(2);
        assert_ok!(ServiceStaking::unbond(origin(1), 600));
        let issuance = Balances::total_issuance();

        assert_eq!(slash(1, 10), 300);
        assert_eq!(last_event(), Event::Slashed { node: account(1), amount: 300 });
        assert_eq!(Nodes::<Test>::get(account(1)).unwrap().bond, 1_700);
        assert_eq!(chunks(1), vec![400, 600]);
        assert_eq!(held(1), 2_700);
        assert_eq!(Balances::total_issuance(), issuance - 300);

        // 80 % of 2 700 are 2 160: the bond, the older chunk, and a part of the other.
        assert_eq!(slash(1, 80), 2_160);
        assert_eq!(Nodes::<Test>::get(account(1)).unwrap().bond, 0);
        assert_eq!(chunks(1), vec![540]);
        assert!(!bonded(1));
        assert_eq!(Balances::total_issuance(), issuance - 2_460);
    });
}

#[test]
fn reaches_what_is_unbonding_entirely() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert_eq!(slash(1, 50), MIN_BOND / 2);
        run_to(1 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(free(1), RICH - MIN_BOND / 2);
    });
}

#[test]
fn rounds_up_and_never_takes_more_than_there_is() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND + 1));
        assert_eq!(slash(1, 10), 101);
        assert_eq!(slash(1, 100), 900);
        assert_eq!(slash(1, 100), 0);
        assert_eq!(held(1), 0);
        assert_eq!(slash(1, 0), 0);
    });
}

#[test]
fn below_the_minimum_is_not_bonded_until_it_adds() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_eq!(slash(1, 1), 10);
        assert!(!bonded(1));
        // It may leave with what is left, but not with a part of it.
        assert_noop!(ServiceStaking::unbond(origin(1), 1), Error::<Test>::BondTooLow);
        assert_ok!(ServiceStaking::bond_more(origin(1), 10));
        assert!(bonded(1));
    });
}

#[test]
fn who_lost_everything_can_leave_at_once() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_eq!(slash(1, 100), MIN_BOND);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(last_event(), Event::Left { node: account(1) });
    });
}

#[test]
fn refuses_who_is_not_registered() {
    ExtBuilder::build_and_execute(|| {
        assert_noop!(
            ServiceStaking::slash(&account(1), Permill::one()),
            sp_runtime::DispatchError::from(Error::<Test>::NotRegistered)
        );
    });
}
