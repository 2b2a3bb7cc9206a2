//! Keys that were given up.

use super::*;
use crate::{FormerKeys, FormerKeysOf, MAX_FORMER_KEYS};

fn rotate(n: u8, to: u8) -> sp_runtime::DispatchResult {
    Anchors::rotate_key(origin(n), key(to), proof(&hot(to), &account(n)))
}

#[test]
fn a_rotated_key_still_speaks_for_its_organisation_until_the_bond_could_be_gone() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, BOND));
        assert_eq!(Anchors::owner_of_key(&key(1)), Some(account(1)));
        assert_eq!(Anchors::owner_of_key(&key(11)), None);
        run_to(3);
        assert_ok!(rotate(1, 11));
        run_to(3 + DELAY - 1);
        assert_eq!(Anchors::owner_of_key(&key(1)), Some(account(1)));
        assert_eq!(Anchors::key_owner(key(11)), Some(account(1)));
        run_to(3 + DELAY);
        assert_eq!(Anchors::owner_of_key(&key(1)), None);
        // What is due is removed with the next rotation.
        assert!(FormerKeys::<Test>::contains_key(AccountId::from(key(1))));
        assert_ok!(rotate(1, 12));
        assert_eq!(FormerKeysOf::<Test>::get(account(1)).to_vec(), [AccountId::from(key(11))]);
        assert!(!FormerKeys::<Test>::contains_key(AccountId::from(key(1))));
    });
}

#[test]
fn the_key_of_who_left_is_remembered_as_long_as_the_bond_is_held() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, BOND));
        assert_ok!(Anchors::deregister(origin(1)));
        run_to(DELAY);
        assert_eq!(Anchors::owner_of_key(&key(1)), Some(account(1)));
        run_to(1 + DELAY);
        assert_ok!(Anchors::withdraw_bond(origin(1)));
        assert_eq!(FormerKeys::<Test>::iter().count(), 0);
        assert_eq!(FormerKeysOf::<Test>::iter().count(), 0);
    });
}

#[test]
fn an_organisation_may_take_its_own_key_up_again() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, BOND));
        assert_ok!(rotate(1, 11));
        run_to(1 + ROTATION);
        assert_ok!(rotate(1, 1));
        assert_eq!(Keys::<Test>::get(AccountId::from(key(1))), Some(account(1)));
        assert_eq!(FormerKeysOf::<Test>::get(account(1)).to_vec(), [AccountId::from(key(11))]);
        Anchors::do_try_state().unwrap();
        assert_ok!(Anchors::deregister(origin(1)));
        assert_ok!(register(1, BOND));
        assert_eq!(Anchors::owner_of_key(&key(1)), Some(account(1)));
        // For everybody else the other one is still taken.
        assert_noop!(register_with(2, &hot(11), BOND), Error::<Test>::KeyInUse);
    });
}

#[test]
fn nobody_gives_up_more_keys_than_are_remembered() {
    ExtBuilder::build_and_execute(|| {
        // Leaving and coming back goes faster than rotating, as long as there is money.
        let most = MAX_FORMER_KEYS as u8;
        for n in 0..most {
            assert_ok!(register_with(1, &hot(n + 20), BOND));
            assert_ok!(Anchors::deregister(origin(1)));
            Anchors::do_try_state().unwrap();
        }
        assert_noop!(register_with(1, &hot(60), BOND), Error::<Test>::TooManyFormerKeys);
        run_to(1 + DELAY);
        assert_ok!(register_with(1, &hot(60), BOND));
        assert_eq!(FormerKeys::<Test>::iter().count(), 0);

        // Rotating leaves room for the last key.
        for n in 0..most - 1 {
            assert_ok!(rotate(1, n + 20));
            crate::RotatedAt::<Test>::remove(account(1));
        }
        assert_noop!(rotate(1, 80), Error::<Test>::TooManyFormerKeys);
        assert_ok!(Anchors::deregister(origin(1)));
        assert_eq!(FormerKeysOf::<Test>::get(account(1)).len() as u8, most);
    });
}
