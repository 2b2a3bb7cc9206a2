//! Slashing, seizing and suspension.

use super::*;
use crate::{FormerKeysOf, Suspended};

const HALF: Permill = Permill::from_percent(50);

fn free(n: u8) -> Balance {
    Balances::free_balance(account(n))
}

fn active_of(count: u8) {
    for n in 1..=count {
        assert_ok!(register(n, BOND));
    }
    elect(&(1..=count).collect::<Vec<_>>());
}

mod slash {
    use super::*;

    #[test]
    fn rounds_up_and_shares_with_the_reporter() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND + 1));
            let (reporter, pot, issuance) = (free(8), free(9), Balances::total_issuance());
            // Half of 1001 is 501; a tenth of that, rounded down, is 50.
            assert_eq!(Anchors::slash(&account(1), HALF, &account(8)), Ok(501));
            assert_eq!((free(8), free(9)), (reporter + 50, pot + 451));
            assert_eq!(Balances::total_issuance(), issuance);
            assert_eq!(held(1), 500);
            assert_eq!(Organisations::<Test>::get(account(1)).unwrap().bond, 500);
            assert_eq!(
                last_event(),
                Event::Slashed { account: account(1), amount: 501, bounty: 50, reporter: account(8) }
            );
        });
    }

    #[test]
    fn a_departing_bond_is_reached() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(Anchors::deregister(origin(1)));
            run_to(DELAY);
            assert_eq!(Anchors::slash(&account(1), HALF, &account(8)), Ok(BOND / 2));
            assert_eq!(Departing::<Test>::get(account(1)), Some((BOND / 2, 1 + DELAY)));
            Anchors::do_try_state().unwrap();
            // Registered again, both parts count, and what leaves first is taken first.
            assert_ok!(register(1, BOND));
            assert_eq!(Anchors::slash(&account(1), HALF, &account(8)), Ok(3 * BOND / 4));
            assert_eq!(Departing::<Test>::get(account(1)), None);
            assert_eq!(Organisations::<Test>::get(account(1)).unwrap().bond, 3 * BOND / 4);
            assert_noop!(Anchors::withdraw_bond(origin(1)), Error::<Test>::NothingDeparting);
        });
    }

    #[test]
    fn who_lost_everything_and_left_is_forgotten() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(Anchors::deregister(origin(1)));
            assert_eq!(Anchors::slash(&account(1), Permill::one(), &account(8)), Ok(BOND));
            assert_eq!(Anchors::owner_of_key(&key(1)), None);
            assert_eq!(FormerKeysOf::<Test>::iter().count(), 0);

            // In the other order too.
            assert_ok!(register(2, BOND));
            assert_eq!(Anchors::slash(&account(2), Permill::one(), &account(8)), Ok(BOND));
            assert_eq!(Anchors::owner_of_key(&key(2)), Some(account(2)));
            assert_ok!(Anchors::deregister(origin(2)));
            assert_eq!(Departing::<Test>::get(account(2)), None);
            assert_eq!(Anchors::owner_of_key(&key(2)), None);
        });
    }

    #[test]
    fn of_nothing_takes_nothing() {
        ExtBuilder::build_and_execute(|| {
            assert_eq!(Anchors::slash(&account(1), Permill::one(), &account(8)), Ok(0));
            assert_ok!(register(1, BOND));
            let events = System::events().len();
            assert_eq!(Anchors::slash(&account(1), Permill::zero(), &account(8)), Ok(0));
            assert_eq!(System::events().len(), events);
        });
    }

    #[test]
    fn a_reporter_whose_account_cannot_hold_so_little_gets_nothing() {
        ExtBuilder::build_and_execute(|| {
            MinBond::set(50);
            assert_ok!(register(1, 50));
            let (nobody, pot) = (account(77), free(9));
            assert_eq!(Anchors::slash(&account(1), Permill::one(), &nobody), Ok(50));
            // Five would be below the existential deposit.
            assert_eq!((Balances::free_balance(nobody), free(9)), (0, pot + 50));
        });
    }

    #[test]
    fn a_bond_below_the_minimum_counts_when_somebody_looks() {
        ExtBuilder::build_and_execute(|| {
            active_of(2);
            assert_ok!(Anchors::slash(&account(1), HALF, &account(8)));
            assert_eq!(active(), sorted(&[1, 2]));
            assert_ok!(Anchors::refresh(origin(8), account(1)));
            assert_eq!(active(), sorted(&[2]));
        });
    }
}

mod seize {
    use super::*;

    #[test]
    fn pays_up_to_the_bond_and_no_more() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            let before = free(8);
            assert_eq!(Anchors::seize(&account(1), 300, &account(8)), 300);
            assert_eq!(last_event(), Event::Seized { account: account(1), to: account(8), amount: 300 });
            assert_eq!((free(8), held(1)), (before + 300, BOND - 300));
            Anchors::do_try_state().unwrap();
            assert_eq!(Anchors::seize(&account(1), BOND, &account(8)), BOND - 300);
            assert_eq!(Anchors::seize(&account(1), 1, &account(8)), 0);
            assert_eq!(Anchors::seize(&account(2), 1, &account(8)), 0);
            assert_eq!((free(8), held(1)), (before + BOND, 0));
        });
    }

    #[test]
    fn reaches_a_departing_bond_first() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(Anchors::deregister(origin(1)));
            assert_ok!(register(1, BOND));
            assert_eq!(Anchors::seize(&account(1), BOND + 1, &account(8)), BOND + 1);
            assert_eq!(Departing::<Test>::get(account(1)), None);
            assert_eq!(Organisations::<Test>::get(account(1)).unwrap().bond, BOND - 1);
        });
    }

    #[test]
    fn moves_nothing_to_an_account_that_cannot_hold_so_little() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_eq!(Anchors::seize(&account(1), 9, &account(77)), 0);
            assert_eq!(Anchors::seize(&account(1), 0, &account(8)), 0);
            assert_eq!(held(1), BOND);
            assert_eq!(Anchors::seize(&account(1), 10, &account(77)), 10);
        });
    }
}

mod suspend {
    use super::*;

    #[test]
    fn takes_out_until_the_next_election() {
        ExtBuilder::build_and_execute(|| {
            active_of(4);
            let id = ActiveSet::<Test>::get().id;
            assert!(Anchors::suspend(&account(2)));
            System::assert_has_event(Event::Suspended { account: account(2) }.into());
            assert_eq!(last_event(), Event::ActiveSetChanged { id: id + 1, members: 3 });
            assert_eq!(active(), sorted(&[1, 3, 4]));
            assert_eq!(Anchors::acting_for(&key(2).into()), None);
            // Once is enough.
            assert!(!Anchors::suspend(&account(2)));

            // Nothing it can do brings it back.
            assert_ok!(Anchors::bond_more(origin(2), 1));
            assert_ok!(Anchors::rotate_key(origin(2), key(12), proof(&hot(12), &account(2))));
            assert_ok!(Anchors::refresh(origin(2), account(2)));
            assert_noop!(Anchors::deregister(origin(2)), Error::<Test>::StillElected);
            assert_eq!(active(), sorted(&[1, 3, 4]));

            elect(&[1, 2, 3, 4]);
            System::assert_has_event(Event::SuspensionEnded { account: account(2) }.into());
            assert_eq!(active(), sorted(&[1, 2, 3, 4]));
            assert!(Suspended::<Test>::get().is_empty());
        });
    }

    #[test]
    fn a_friend_that_gives_up_its_seat_frees_nobody() {
        ExtBuilder::build_and_execute(|| {
            active_of(4);
            assert!(Anchors::suspend(&account(2)));
            assert_ok!(register(5, BOND));
            replace(&[1, 2, 3, 5]);
            assert_eq!(active(), sorted(&[1, 3, 5]));
            assert_eq!(Suspended::<Test>::get().to_vec(), [account(2)]);
            // Its own seat given up, its suspension has nothing to hold any more.
            replace(&[1, 3, 5]);
            assert!(Suspended::<Test>::get().is_empty());
        });
    }

    #[test]
    fn never_below_two_thirds_of_the_elected() {
        for (elected, most) in [(1u8, 0usize), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 2)] {
            ExtBuilder::build_and_execute(|| {
                active_of(elected);
                let suspended = (1..=elected).filter(|n| Anchors::suspend(&account(*n))).count();
                assert_eq!(suspended, most, "of {elected}");
                assert!(active().len() * 3 >= usize::from(elected) * 2);
                assert_eq!(active().len(), usize::from(elected) - most);
            });
        }
    }

    #[test]
    fn counts_the_elected_that_are_not_there() {
        ExtBuilder::build_and_execute(|| {
            for n in 1..=4 {
                assert_ok!(register(n, BOND));
            }
            elect(&[1, 2, 3, 4, 5, 6]);
            // Four of six are just two thirds.
            assert!(!Anchors::suspend(&account(1)));
            assert!(!Anchors::suspend(&account(7)));
            // One that is not active anyway may be kept out.
            assert!(Anchors::suspend(&account(5)));
            assert_ok!(register(5, BOND));
            assert_eq!(active(), sorted(&[1, 2, 3, 4]));
        });
    }

    #[test]
    fn lost_seats_end_the_earliest_suspensions() {
        ExtBuilder::build_and_execute(|| {
            active_of(6);
            assert!(Anchors::suspend(&account(4)));
            assert!(Anchors::suspend(&account(2)));
            replace(&[1, 2, 3, 4, 5]);
            assert_eq!(Suspended::<Test>::get().to_vec(), [account(2)]);
            assert_eq!(active(), sorted(&[1, 3, 4, 5]));
            replace(&[1, 2]);
            assert_eq!(active(), sorted(&[1, 2]));
        });
    }
}

#[test]
fn try_state_sees_what_is_wrong() {
    use crate::{FormerKeys, RotatedAt};
    let broken = |breaks: fn()| {
        ExtBuilder::build().execute_with(|| {
            active_of(4);
            assert_ok!(Anchors::rotate_key(origin(1), key(11), proof(&hot(11), &account(1))));
            assert_ok!(register(5, BOND));
            assert_ok!(Anchors::deregister(origin(5)));
            assert!(Anchors::suspend(&account(2)));
            assert_ok!(Anchors::do_try_state());
            breaks();
            assert!(Anchors::do_try_state().is_err());
        });
    };
    broken(|| Suspended::<Test>::mutate(|s| s.try_push(account(2)).unwrap()));
    broken(|| Suspended::<Test>::mutate(|s| s.try_push(account(3)).unwrap()));
    broken(|| Suspended::<Test>::put(sp_runtime::BoundedVec::truncate_from(vec![account(7)])));
    broken(|| Elected::<Test>::mutate(|e| e.retain(|a| *a != account(1))));
    broken(|| Elected::<Test>::mutate(|e| e[..].reverse()));
    broken(|| ActiveSet::<Test>::mutate(|s| s.members[..].reverse()));
    broken(|| ActiveSet::<Test>::mutate(|s| s.members[0].key = key(50)));
    broken(|| Organisations::<Test>::remove(account(3)));
    broken(|| Organisations::<Test>::mutate(account(3), |o| o.as_mut().unwrap().bond += 1));
    broken(|| Departing::<Test>::remove(account(5)));
    broken(|| Departing::<Test>::insert(account(7), (0, 0)));
    broken(|| Keys::<Test>::insert(AccountId::from(key(50)), account(3)));
    broken(|| Keys::<Test>::insert(AccountId::from(key(3)), account(4)));
    broken(|| FormerKeys::<Test>::remove(AccountId::from(key(1))));
    broken(|| FormerKeys::<Test>::insert(AccountId::from(key(50)), (account(3), 9)));
    broken(|| FormerKeysOf::<Test>::insert(account(3), sp_runtime::BoundedVec::default()));
    broken(|| RotatedAt::<Test>::insert(account(7), 1));
}
