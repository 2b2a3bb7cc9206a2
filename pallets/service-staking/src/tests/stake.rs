//! bond_more, unbond, withdraw.

use super::*;

#[test]
fn bond_more_holds_more() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::bond_more(origin(1), 5));
        assert_eq!(last_event(), Event::BondRaised { node: account(1), bond: MIN_BOND + 5 });
        assert_eq!(held(1), MIN_BOND + 5);
    });
}

#[test]
fn bond_more_refuses_strangers_nothing_and_what_is_not_there() {
    ExtBuilder::build_and_execute(|| {
        assert_noop!(ServiceStaking::bond_more(origin(1), 1), Error::<Test>::NotRegistered);
        assert_ok!(register(1, MIN_BOND));
        let hot = RuntimeOrigin::signed(service_key(1));
        assert_noop!(ServiceStaking::bond_more(hot, 1), Error::<Test>::NotRegistered);
        assert_noop!(ServiceStaking::bond_more(origin(1), 0), Error::<Test>::ZeroAmount);
        assert_noop!(ServiceStaking::bond_more(origin(1), RICH), TokenError::FundsUnavailable);
        assert_noop!(ServiceStaking::bond_more(origin(1), Balance::MAX), Error::<Test>::BondOverflow);
    });
}

#[test]
fn unbond_keeps_the_minimum_or_nothing() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 2 * MIN_BOND));
        assert_noop!(ServiceStaking::unbond(origin(1), MIN_BOND + 1), Error::<Test>::BondTooLow);
        assert_noop!(ServiceStaking::unbond(origin(1), 2 * MIN_BOND + 1), Error::<Test>::NotThatMuch);
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert_eq!(last_event(), Event::Unbonding { node: account(1), amount: MIN_BOND, release_at: 1 + DELAY });
        assert!(bonded(1));
        // The unbonding part doesn't count any more.
        assert_noop!(ServiceStaking::unbond(origin(1), MIN_BOND + 1), Error::<Test>::NotThatMuch);
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert!(!bonded(1));
        assert_eq!(held(1), 2 * MIN_BOND);
        assert_eq!(ServiceStaking::stake_at(account(1), 0), 2 * MIN_BOND);
    });
}

#[test]
fn unbond_refuses_strangers_and_nothing() {
    ExtBuilder::build_and_execute(|| {
        assert_noop!(ServiceStaking::unbond(origin(1), 1), Error::<Test>::NotRegistered);
        assert_ok!(register(1, MIN_BOND));
        let hot = RuntimeOrigin::signed(service_key(1));
        assert_noop!(ServiceStaking::unbond(hot, MIN_BOND), Error::<Test>::NotRegistered);
        assert_noop!(ServiceStaking::unbond(origin(1), 0), Error::<Test>::ZeroAmount);
    });
}

#[test]
fn unbond_merges_what_is_due_at_the_same_block_and_bounds_the_rest() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 2 * MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), 1));
        assert_ok!(ServiceStaking::unbond(origin(1), 2));
        assert_eq!(Nodes::<Test>::get(account(1)).unwrap().unbonding.len(), 1);
        for block in 2..17 {
            run_to(block);
            assert_ok!(ServiceStaking::unbond(origin(1), 1));
        }
        run_to(17);
        assert_noop!(ServiceStaking::unbond(origin(1), 1), Error::<Test>::TooManyChunks);
        // The first chunk is withdrawn, and there is room again.
        run_to(1 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(last_event(), Event::Withdrawn { node: account(1), amount: 3 });
        assert_ok!(ServiceStaking::unbond(origin(1), 1));
    });
}

#[test]
fn withdraw_waits_for_the_delay() {
    ExtBuilder::build_and_execute(|| {
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::NotRegistered);
        assert_ok!(register(1, 2 * MIN_BOND));
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::NothingToWithdraw);
        assert_ok!(ServiceStaking::unbond(origin(1), 10));
        run_to(5);
        assert_ok!(ServiceStaking::unbond(origin(1), 20));
        run_to(DELAY);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::NothingToWithdraw);
        run_to(1 + DELAY);
        let hot = RuntimeOrigin::signed(service_key(1));
        assert_noop!(ServiceStaking::withdraw(hot), Error::<Test>::NotRegistered);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(held(1), 2 * MIN_BOND - 10);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::NothingToWithdraw);
        run_to(5 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(held(1), 2 * MIN_BOND - 30);
    });
}

#[test]
fn withdraw_of_the_last_removes_the_node_and_frees_its_key() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert_eq!(ServiceStaking::acting_for(&service_key(1)), Some(account(1)));
        run_to(1 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(last_event(), Event::Left { node: account(1) });
        assert_eq!(free(1), RICH);
        assert_eq!(Nodes::<Test>::iter().count(), 0);
        assert_eq!(ServiceKeys::<Test>::iter().count(), 0);
        assert_ok!(register_with(2, &hot(1), MIN_BOND));
    });
}

#[test]
fn who_is_leaving_may_stay() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert_ok!(ServiceStaking::bond_more(origin(1), MIN_BOND));
        assert!(bonded(1));
        run_to(1 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(held(1), MIN_BOND);
        assert!(bonded(1));
    });
}
