//! The calls, and who is active; bonds, suspension and random histories beside it.

mod bonds;
mod keys;
mod sequences;

use frame_support::{
    assert_noop, assert_ok,
    dispatch::DispatchClass,
    traits::{fungible::InspectHold, InitializeMembers},
};
use smartlayer_primitives::{
    quorum::{attestation, QuorumError},
    traits::{AnchorBonds, Anchors as _},
    AccountId, Balance, Hash,
};
use sp_core::Pair;
use sp_runtime::{Permill, TokenError};

use crate::{mock::*, ActiveSet, Departing, Elected, Error, Event, HoldReason, Keys, Organisations, WeightInfo};

fn held(n: u8) -> Balance {
    Balances::balance_on_hold(&HoldReason::Bond.into(), &account(n))
}

fn origin(n: u8) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(n))
}

/// The active accounts, by number.
fn active() -> Vec<AccountId> {
    ActiveSet::<Test>::get().members.into_iter().map(|member| member.account).collect()
}

fn sorted(numbers: &[u8]) -> Vec<AccountId> {
    let mut accounts: Vec<_> = numbers.iter().map(|n| account(*n)).collect();
    accounts.sort();
    accounts
}

#[docify::export]
#[test]
fn elected_and_registered_is_active() {
    ExtBuilder::build_and_execute(|| {
        // Organisations 1 and 2 are elected, but only 1 has registered.
        assert_ok!(register(1, BOND));
        elect(&[1, 2]);
        assert_eq!(active(), vec![account(1)]);

        // Not elected any more, it is not active any more, and may leave.
        elect(&[2]);
        assert_eq!(active(), vec![]);
        assert_ok!(Anchors::deregister(origin(1)));
        run_to(1 + DELAY);
        assert_ok!(Anchors::withdraw_bond(origin(1)));
        assert_eq!(held(1), 0);
    });
}

#[docify::export]
#[test]
fn a_broken_word_costs_seat_and_bond() {
    ExtBuilder::build_and_execute(|| {
        for n in 1..=3 {
            assert_ok!(register(n, BOND));
        }
        elect(&[1, 2, 3]);

        // Account 8 proved that anchor 1 broke its word, and gets a tenth of what that costs.
        let before = Balances::free_balance(account(8));
        assert_eq!(Anchors::slash(&account(1), Permill::from_percent(50), &account(8)), Ok(BOND / 2));
        assert_eq!(Balances::free_balance(account(8)), before + BOND / 20);
        assert!(Anchors::suspend(&account(1)));
        assert_eq!(active(), sorted(&[2, 3]));

        // With its bond made good it is an anchor again as soon as it is elected again.
        assert_ok!(Anchors::bond_more(origin(1), BOND / 2));
        assert_eq!(active(), sorted(&[2, 3]));
        elect(&[1, 2, 3]);
        assert_eq!(active(), sorted(&[1, 2, 3]));
    });
}

mod register {
    use super::*;

    #[test]
    fn holds_the_bond_and_knows_the_key() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_eq!(last_event(), Event::Registered { account: account(1), bond: BOND });
            assert_eq!(held(1), BOND);
            assert_eq!(Keys::<Test>::get(AccountId::from(key(1))), Some(account(1)));
            assert_eq!(Anchors::organisation_of(key(1).into()).unwrap().0, account(1));
            assert_eq!(ActiveSet::<Test>::get().id, 0);
        });
    }

    #[test]
    fn of_an_elected_account_takes_effect_at_once() {
        ExtBuilder::build_and_execute(|| {
            elect(&[1]);
            assert_eq!(ActiveSet::<Test>::get().id, 0);
            assert_ok!(register(1, BOND));
            assert_eq!(last_event(), Event::ActiveSetChanged { id: 1, members: 1 });
            assert_eq!(active(), vec![account(1)]);
        });
    }

    #[test]
    fn refuses_a_second_time() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_noop!(register_with(1, &hot(2), BOND), Error::<Test>::AlreadyRegistered);
        });
    }

    #[test]
    fn refuses_keys_that_speak_for_others() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            // The key of another organisation.
            assert_noop!(register_with(2, &hot(1), BOND), Error::<Test>::KeyInUse);
            // The account of another organisation.
            assert_noop!(register_with(2, &pair(1), BOND), Error::<Test>::KeyInUse);
            // An account that is an organisation's key.
            assert_noop!(register_with(101, &pair(50), BOND), Error::<Test>::AccountIsKey);
            // Its own account's key is nobody else's.
            assert_ok!(register_with(2, &pair(2), BOND));
        });
    }

    #[test]
    fn refuses_a_proof_for_another_account_chain_or_key() {
        ExtBuilder::build_and_execute(|| {
            let attempt = |proof| {
                Anchors::register(
                    origin(1),
                    bytes("org").try_into().unwrap(),
                    bytes("http://a").try_into().unwrap(),
                    bytes("peer").try_into().unwrap(),
                    key(1),
                    proof,
                    BOND,
                )
            };
            assert_noop!(attempt(proof(&hot(1), &account(2))), Error::<Test>::BadProof);
            assert_noop!(attempt(proof(&hot(2), &account(1))), Error::<Test>::BadProof);
            let right = proof(&hot(1), &account(1));
            frame_system::BlockHash::<Test>::insert(0, Hash::zero());
            assert_noop!(attempt(right), Error::<Test>::BadProof);
            frame_system::BlockHash::<Test>::insert(0, GENESIS);
            assert_ok!(attempt(right));
        });
    }

    #[test]
    fn refuses_what_nobody_can_read_or_reach() {
        ExtBuilder::build_and_execute(|| {
            let attempt = |name: &[u8], endpoint: &[u8], peer: &[u8]| {
                Anchors::register(
                    origin(1),
                    name.to_vec().try_into().unwrap(),
                    endpoint.to_vec().try_into().unwrap(),
                    peer.to_vec().try_into().unwrap(),
                    key(1),
                    proof(&hot(1), &account(1)),
                    BOND,
                )
            };
            assert_noop!(attempt(b"", b"e", b"p"), Error::<Test>::BadName);
            assert_noop!(attempt(&[0xff], b"e", b"p"), Error::<Test>::BadName);
            assert_noop!(attempt(b"n", b"", b"p"), Error::<Test>::BadEndpoint);
            assert_noop!(attempt(b"n", &[0xff], b"p"), Error::<Test>::BadEndpoint);
            assert_noop!(attempt(b"n", b"e", b""), Error::<Test>::BadPeerId);
        });
    }

    #[test]
    fn refuses_a_bond_too_low_or_not_there() {
        ExtBuilder::build_and_execute(|| {
            assert_noop!(register(1, BOND - 1), Error::<Test>::BondTooLow);
            assert_noop!(register(1, RICH), TokenError::FundsUnavailable);
        });
    }
}

mod update {
    use super::*;

    #[test]
    fn by_account_or_key() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            for sender in [account(1), key(1).into()] {
                assert_ok!(Anchors::update(
                    RuntimeOrigin::signed(sender.clone()),
                    sender.to_string().into_bytes().try_into().unwrap(),
                    bytes("new peer").try_into().unwrap(),
                ));
                let organisation = Organisations::<Test>::get(account(1)).unwrap();
                assert_eq!(organisation.endpoint.to_vec(), sender.to_string().into_bytes());
                assert_eq!(organisation.peer_id.to_vec(), bytes("new peer"));
                assert_eq!(last_event(), Event::Updated { account: account(1) });
            }
        });
    }

    #[test]
    fn refuses_strangers_and_nonsense() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            let some = || bytes("x").try_into().unwrap();
            assert_noop!(
                Anchors::update(origin(2), some(), bytes("x").try_into().unwrap()),
                Error::<Test>::NotRegistered
            );
            assert_noop!(Anchors::update(origin(1), some(), Default::default()), Error::<Test>::BadPeerId);
            assert_noop!(
                Anchors::update(origin(1), Default::default(), bytes("x").try_into().unwrap()),
                Error::<Test>::BadEndpoint
            );
        });
    }
}

mod rotate_key {
    use super::*;

    #[test]
    fn replaces_the_key_and_the_set() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            elect(&[1]);
            let before = ActiveSet::<Test>::get();
            assert_ok!(Anchors::rotate_key(origin(1), key(2), proof(&hot(2), &account(1))));
            let after = ActiveSet::<Test>::get();
            assert_eq!(after.id, before.id + 1);
            assert_eq!(after.members[0].key, key(2));
            assert_eq!(Keys::<Test>::get(AccountId::from(key(1))), None);
            assert_eq!(Anchors::acting_for(&key(2).into()), Some(account(1)));
            System::assert_has_event(Event::KeyRotated { account: account(1), key: key(2) }.into());
            // The old key acts for nobody, and is nobody else's for a while.
            assert_eq!(Anchors::acting_for(&key(1).into()), None);
            assert_noop!(register_with(2, &hot(1), BOND), Error::<Test>::KeyInUse);
            run_to(1 + DELAY);
            assert_ok!(register_with(2, &hot(1), BOND));
        });
    }

    #[test]
    fn only_by_the_account_and_not_too_often() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            let rotate = |sender: AccountId, n: u8| {
                Anchors::rotate_key(RuntimeOrigin::signed(sender), key(n), proof(&hot(n), &account(1)))
            };
            assert_noop!(rotate(key(1).into(), 2), Error::<Test>::NotRegistered);
            assert_ok!(rotate(account(1), 2));
            run_to(ROTATION);
            assert_noop!(rotate(account(1), 3), Error::<Test>::RotatedRecently);
            run_to(1 + ROTATION);
            assert_ok!(rotate(account(1), 3));
        });
    }

    #[test]
    fn refuses_keys_in_use_and_bad_proofs() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(register(2, BOND));
            let me = account(1);
            let rotate = |pair: &sp_core::sr25519::Pair, proof| Anchors::rotate_key(origin(1), pair.public(), proof);
            assert_noop!(rotate(&hot(2), proof(&hot(2), &me)), Error::<Test>::KeyInUse);
            assert_noop!(rotate(&pair(2), proof(&pair(2), &me)), Error::<Test>::KeyInUse);
            assert_noop!(rotate(&hot(1), proof(&hot(1), &me)), Error::<Test>::KeyInUse);
            assert_noop!(rotate(&hot(3), proof(&hot(3), &account(2))), Error::<Test>::BadProof);
        });
    }
}

mod deregister {
    use super::*;

    #[test]
    fn takes_the_key_and_lets_the_bond_wait() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(Anchors::deregister(origin(1)));
            let release_at = 1 + DELAY;
            assert_eq!(last_event(), Event::Deregistered { account: account(1), amount: BOND, release_at });
            assert_eq!(held(1), BOND);
            assert_eq!(Departing::<Test>::get(account(1)), Some((BOND, release_at)));
            assert_eq!(Keys::<Test>::get(AccountId::from(key(1))), None);
            assert_eq!(Anchors::key_owner(key(1)), Some(account(1)));
        });
    }

    #[test]
    fn adds_to_what_departs_already() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(Anchors::deregister(origin(1)));
            run_to(5);
            assert_ok!(register(1, BOND + 1));
            Anchors::do_try_state().unwrap();
            assert_ok!(Anchors::deregister(origin(1)));
            assert_eq!(Departing::<Test>::get(account(1)), Some((2 * BOND + 1, 5 + DELAY)));
        });
    }

    #[test]
    fn refuses_the_elected_and_strangers() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            elect(&[1]);
            assert_noop!(Anchors::deregister(origin(1)), Error::<Test>::StillElected);
            assert_noop!(Anchors::deregister(origin(2)), Error::<Test>::NotRegistered);
            assert_noop!(Anchors::deregister(RuntimeOrigin::signed(key(1).into())), Error::<Test>::NotRegistered);
        });
    }
}

mod withdraw_bond {
    use super::*;

    #[test]
    fn gives_back_when_due_and_no_more() {
        ExtBuilder::build_and_execute(|| {
            assert_noop!(Anchors::withdraw_bond(origin(1)), Error::<Test>::NothingDeparting);
            assert_ok!(register(1, BOND));
            assert_noop!(Anchors::withdraw_bond(origin(1)), Error::<Test>::NothingDeparting);
            assert_ok!(Anchors::deregister(origin(1)));
            assert_ok!(register(1, 2 * BOND));
            run_to(DELAY);
            assert_noop!(Anchors::withdraw_bond(origin(1)), Error::<Test>::NotReleasedYet);
            run_to(1 + DELAY);
            assert_ok!(Anchors::withdraw_bond(origin(1)));
            assert_eq!(last_event(), Event::BondWithdrawn { account: account(1), amount: BOND });
            assert_eq!(held(1), 2 * BOND);
            assert_noop!(Anchors::withdraw_bond(origin(1)), Error::<Test>::NothingDeparting);
        });
    }
}

mod bond_more {
    use super::*;

    #[test]
    fn returns_an_elected_organisation_to_office() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            elect(&[1]);
            // Governance raises the minimum: it takes effect at the next election.
            MinBond::set(BOND + 5);
            assert_eq!(active(), vec![account(1)]);
            elect(&[1]);
            assert_eq!(active(), vec![]);
            assert_ok!(Anchors::bond_more(origin(1), 4));
            assert_eq!(active(), vec![]);
            assert_ok!(Anchors::bond_more(origin(1), 1));
            assert_eq!(active(), vec![account(1)]);
            assert_eq!(held(1), BOND + 5);
            System::assert_has_event(Event::BondRaised { account: account(1), bond: BOND + 5 }.into());
        });
    }

    #[test]
    fn refuses_strangers_and_what_is_not_there() {
        ExtBuilder::build_and_execute(|| {
            assert_noop!(Anchors::bond_more(origin(1), 1), Error::<Test>::NotRegistered);
            assert_ok!(register(1, BOND));
            assert_noop!(Anchors::bond_more(origin(1), RICH), TokenError::FundsUnavailable);
            assert_noop!(Anchors::bond_more(origin(1), Balance::MAX), Error::<Test>::BondOverflow);
        });
    }
}

mod refresh {
    use super::*;

    #[test]
    fn sees_identities_that_come_and_go() {
        ExtBuilder::build_and_execute(|| {
            Unknown::set(vec![account(1)]);
            assert_ok!(register(1, BOND));
            elect(&[1]);
            // Elected and registered, but nobody said who it is.
            assert_eq!(active(), vec![]);
            assert!(!Anchors::needs_refresh(account(1)));
            Unknown::set(vec![]);
            assert_eq!(active(), vec![]);
            assert!(Anchors::needs_refresh(account(1)));
            assert_ok!(Anchors::refresh(origin(5), account(1)));
            assert!(!Anchors::needs_refresh(account(1)));
            assert_eq!(last_event(), Event::ActiveSetChanged { id: 1, members: 1 });
            assert_ok!(Anchors::refresh(origin(5), account(1)));
            assert_eq!(ActiveSet::<Test>::get().id, 1);
            Unknown::set(vec![account(1)]);
            assert!(Anchors::needs_refresh(account(1)));
            assert_ok!(Anchors::refresh(origin(5), account(1)));
            assert_eq!(active(), vec![]);
            assert!(!Anchors::needs_refresh(account(1)));
        });
    }

    #[test]
    fn of_one_organisation_leaves_the_others_alone() {
        ExtBuilder::build_and_execute(|| {
            for n in 1..=3 {
                assert_ok!(register(n, BOND));
            }
            elect(&[1, 2, 3]);
            MinBond::set(BOND + 1);
            assert_ok!(Anchors::refresh(origin(5), account(2)));
            assert_eq!(active(), sorted(&[1, 3]));
            assert_ok!(Anchors::bond_more(origin(2), 1));
            assert_eq!(active(), sorted(&[1, 2, 3]));
        });
    }

    #[test]
    fn refuses_the_unelected_and_unsigned() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert!(!Anchors::needs_refresh(account(1)));
            assert_noop!(Anchors::refresh(origin(5), account(1)), Error::<Test>::NotElected);
            assert_noop!(Anchors::refresh(RuntimeOrigin::none(), account(1)), sp_runtime::DispatchError::BadOrigin);
        });
    }
}

mod active_set {
    use super::*;

    #[test]
    fn is_sorted_and_numbered_by_real_changes() {
        ExtBuilder::build_and_execute(|| {
            for n in [3, 1, 2] {
                assert_ok!(register(n, BOND));
            }
            elect(&[3, 9, 1]);
            assert_eq!(active(), sorted(&[1, 3]));
            assert_eq!(ActiveSet::<Test>::get().id, 1);
            // The same members, in another order and with another unregistered one: the same set.
            elect(&[1, 8, 3]);
            assert_eq!(ActiveSet::<Test>::get().id, 1);
            assert_eq!(Elected::<Test>::get().to_vec(), sorted(&[1, 3, 8]));
            // More than needed, or nothing about keys, changes nothing either.
            assert_ok!(Anchors::bond_more(origin(1), 1));
            assert_eq!(ActiveSet::<Test>::get().id, 1);
            elect(&[1, 2, 3]);
            assert_eq!(ActiveSet::<Test>::get().id, 2);
            elect(&[]);
            assert_eq!(ActiveSet::<Test>::get().id, 3);
        });
    }

    #[test]
    fn what_a_change_costs_is_added_to_the_block() {
        ExtBuilder::build_and_execute(|| {
            let weight = || System::block_weight().get(DispatchClass::Mandatory).ref_time();
            let of = |n| <() as WeightInfo>::change_members(n).ref_time();
            for n in 1..=3 {
                assert_ok!(register(n, BOND));
            }
            assert_eq!(weight(), 0);
            replace(&[1, 2, 3]);
            assert_eq!(weight(), of(3));
            // Nobody is suspended: an election that changes nothing costs as much, and its end nothing.
            elect(&[1, 2, 3]);
            assert_eq!(weight(), 2 * of(3));
            // Where somebody is suspended, the set is worked out twice.
            assert!(Anchors::suspend(&account(1)));
            elect(&[1, 2, 3]);
            assert_eq!(weight(), 4 * of(3));
            assert_eq!(active(), sorted(&[1, 2, 3]));
        });
    }

    #[test]
    fn genesis_members_need_not_be_sorted() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(2, BOND));
            Anchors::initialize_members(&[account(3), account(2), account(1)]);
            assert_eq!(Elected::<Test>::get().to_vec(), sorted(&[1, 2, 3]));
            assert_eq!(active(), vec![account(2)]);
        });
    }

    #[test]
    fn acts_through_accounts_and_keys() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, BOND));
            assert_ok!(register(2, BOND));
            elect(&[1]);
            assert_eq!(Anchors::acting_for(&account(1)), Some(account(1)));
            assert_eq!(Anchors::acting_for(&key(1).into()), Some(account(1)));
            assert_eq!(Anchors::acting_for(&account(2)), None);
            assert_eq!(Anchors::acting_for(&key(2).into()), None);
        });
    }

    #[test]
    fn a_quorum_is_more_than_two_thirds_of_this_very_set() {
        ExtBuilder::build_and_execute(|| {
            for n in 1..=3 {
                assert_ok!(register(n, BOND));
            }
            elect(&[1, 2, 3]);
            let set = Anchors::active();
            let hash = Hash::repeat_byte(1);
            let signed = |numbers: &[u8]| {
                set.certificate(
                    numbers
                        .iter()
                        .map(|n| (set.position(&account(*n)).unwrap(), hot(*n).sign(&attestation(&GENESIS, hash)))),
                )
            };
            assert_eq!(Anchors::verify_quorum(hash, &signed(&[1, 2])), Err(QuorumError::TooFew));
            let certificate = signed(&[1, 2, 3]);
            assert_eq!(Anchors::verify_quorum(hash, &certificate), Ok(()));
            assert_eq!(Anchors::verify_quorum(Hash::zero(), &certificate), Err(QuorumError::BadSignature));
            elect(&[1, 2]);
            assert_eq!(Anchors::verify_quorum(hash, &certificate), Err(QuorumError::OtherSet));
        });
    }

    #[test]
    fn nobody_is_no_quorum() {
        ExtBuilder::build_and_execute(|| {
            assert_eq!(Anchors::verify_quorum(Hash::zero(), &Default::default()), Err(QuorumError::TooFew));
        });
    }
}
