use codec::Encode;
use frame_support::{
    assert_noop, assert_ok,
    traits::fungible::{Inspect, InspectHold},
};
use proptest::prelude::*;
use smartlayer_primitives::{
    token::{Redundancy, TokenSpec},
    Balance, Hash, Period,
};
use sp_runtime::{DispatchResult, TokenError};

use crate::{copies, mock::*, rent_per_period, Deposits, Error, Event, HoldReason, NextTokenType, Tokens};

fn held(n: u8) -> Balance {
    Balances::balance_on_hold(&HoldReason::Registration.into(), &account(n))
}

fn pooled() -> Balance {
    Balances::balance(&pool()) - 10
}

fn register(n: u8, spec: TokenSpec, periods: Period) -> DispatchResult {
    SmartTokens::register(origin(n), spec, periods)
}

fn paid_until(token_type: u32) -> Period {
    Tokens::<Test>::get(token_type).unwrap().paid_until
}

#[docify::export]
#[test]
fn register_and_fund() {
    ExtBuilder::build_and_execute(|| {
        // Period 5 is running. Two serving nodes and a set of shards are three copies' worth.
        assert_ok!(SmartTokens::register(origin(1), spec(), 10));
        assert_eq!(paid_until(0), 15);
        assert_eq!(pooled(), 3 * RENT * 10);

        assert_ok!(SmartTokens::fund_rent(origin(2), 0, 5));
        assert_eq!(paid_until(0), 20);
    });
}

mod register {
    use super::*;

    #[test]
    fn gives_numbers_in_order_and_holds_deposits() {
        ExtBuilder::build_and_execute(|| {
            let deposit = BASE + 2 * spec().encoded_size() as Balance;
            assert_eq!(SmartTokens::deposit_quote(spec()), deposit);
            for token_type in 0..3 {
                assert_ok!(register(1, spec(), 1));
                System::assert_has_event(Event::Registered { token_type, issuer: account(1) }.into());
                let paid = Event::RentPaid { token_type, from: account(1), amount: 3 * RENT, paid_until: 6 };
                assert_eq!(last_event(), paid);
            }
            assert_eq!(held(1), 3 * deposit);
            assert_eq!(Tokens::<Test>::get(2).unwrap().spec, spec());
        });
    }

    #[test]
    fn refuses_bad_uris() {
        ExtBuilder::build_and_execute(|| {
            let with = |script_uris| TokenSpec { script_uris, ..spec() };
            assert_noop!(register(1, with(uris(&[])), 1), Error::<Test>::NoUri);
            assert_noop!(register(1, with(uris(&[b"a", b""])), 1), Error::<Test>::BadUri);
            assert_noop!(register(1, with(uris(&[&[0xff]])), 1), Error::<Test>::BadUri);
        });
    }

    #[test]
    fn refuses_bad_operations() {
        ExtBuilder::build_and_execute(|| {
            let with = |names: &[&[u8]]| TokenSpec { key_operations: operations(names), ..spec() };
            assert_noop!(register(1, with(&[b"a", b""]), 1), Error::<Test>::BadOperationName);
            assert_noop!(register(1, with(&[&[0xff]]), 1), Error::<Test>::BadOperationName);
            assert_noop!(register(1, with(&[b"a", b"b", b"a"]), 1), Error::<Test>::DuplicateOperation);
            assert_ok!(register(1, with(&[]), 1));
        });
    }

    #[test]
    fn refuses_redundancy_that_makes_no_sense() {
        ExtBuilder::build_and_execute(|| {
            for (serving, shards, threshold) in [(0, 4, 2), (17, 4, 2), (1, 4, 0), (1, 4, 5), (1, 0, 0)] {
                let redundancy = Redundancy { serving, shards, threshold };
                assert_noop!(register(1, TokenSpec { redundancy, ..spec() }, 1), Error::<Test>::BadRedundancy);
                assert_eq!(SmartTokens::rent_quote(redundancy, 1), None);
            }
        });
    }

    #[test]
    fn refuses_no_rent_or_too_much() {
        ExtBuilder::build_and_execute(|| {
            assert_noop!(register(1, spec(), 0), Error::<Test>::NoPeriods);
            assert_noop!(register(1, spec(), Period::MAX), Error::<Test>::TooManyPeriods);
            assert_noop!(register(1, spec(), 10_000), TokenError::FundsUnavailable);
        });
    }

    #[test]
    fn refuses_who_cannot_pay_the_deposit() {
        ExtBuilder::build_and_execute(|| {
            assert_noop!(register(100, spec(), 1), TokenError::FundsUnavailable);
            DepositPerByte::set(Balance::MAX);
            assert_noop!(register(1, spec(), 1), TokenError::FundsUnavailable);
        });
    }

    #[test]
    fn refuses_when_there_is_no_number_left() {
        ExtBuilder::build_and_execute(|| {
            NextTokenType::<Test>::put(u32::MAX);
            assert_noop!(register(1, spec(), 1), Error::<Test>::NoNumberLeft);
            NextTokenType::<Test>::kill();
        });
    }
}

mod update_script {
    use super::*;

    #[test]
    fn replaces_hash_and_uris_only_and_adjusts_the_deposit() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, spec(), 1));
            let before = held(1);
            let script_hash = Hash::repeat_byte(2);

            let longer = uris(&[b"https://issuer/script.xml", b"ipfs://hash"]);
            assert_ok!(SmartTokens::update_script(origin(1), 0, script_hash, longer.clone()));
            assert_eq!(last_event(), Event::ScriptUpdated { token_type: 0, script_hash });
            let expected = TokenSpec { script_hash, script_uris: longer, ..spec() };
            assert_eq!(Tokens::<Test>::get(0).unwrap().spec, expected);
            assert_eq!(held(1), before + 2 * 12);

            assert_ok!(SmartTokens::update_script(origin(1), 0, script_hash, uris(&[b"a"])));
            assert_eq!(held(1), before - 2 * 24);
            assert_eq!(Deposits::<Test>::get(0), held(1));
        });
    }

    #[test]
    fn follows_the_rates_of_the_day() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, spec(), 1));
            assert_ok!(register(1, spec(), 1));
            DepositPerByte::set(0);
            assert_ok!(SmartTokens::update_script(origin(1), 0, Hash::zero(), spec().script_uris));
            assert_eq!(Deposits::<Test>::get(0), BASE);
            assert_eq!(held(1), BASE + Deposits::<Test>::get(1));
            DepositPerByte::set(RICH);
            assert_noop!(
                SmartTokens::update_script(origin(1), 0, Hash::zero(), spec().script_uris),
                TokenError::FundsUnavailable
            );
        });
    }

    #[test]
    fn only_by_the_issuer_and_only_to_what_can_be_fetched() {
        ExtBuilder::build_and_execute(|| {
            let update = |n, uris| SmartTokens::update_script(origin(n), 0, Hash::zero(), uris);
            assert_noop!(update(1, uris(&[b"a"])), Error::<Test>::NoSuchTokenType);
            assert_ok!(register(1, spec(), 1));
            assert_noop!(update(2, uris(&[b"a"])), Error::<Test>::NotIssuer);
            assert_noop!(update(1, uris(&[])), Error::<Test>::NoUri);
            assert_noop!(update(1, uris(&[b""])), Error::<Test>::BadUri);
        });
    }
}

mod fund_rent {
    use super::*;

    #[test]
    fn by_anyone_from_where_rent_ends_or_from_now() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, spec(), 1));
            assert_ok!(SmartTokens::fund_rent(origin(2), 0, 2));
            let paid = Event::RentPaid { token_type: 0, from: account(2), amount: 6 * RENT, paid_until: 8 };
            assert_eq!(last_event(), paid);
            assert_eq!(pooled(), 9 * RENT);

            CurrentPeriod::set(7);
            assert!(SmartTokens::is_paid(0));
            CurrentPeriod::set(8);
            assert!(!SmartTokens::is_paid(0));
            // Nobody pays for the time without rent.
            CurrentPeriod::set(100);
            assert_ok!(SmartTokens::fund_rent(origin(2), 0, 1));
            assert_eq!(paid_until(0), 101);
            assert!(SmartTokens::is_paid(0));
        });
    }

    #[test]
    fn refuses_unknown_types_nothing_and_too_much() {
        ExtBuilder::build_and_execute(|| {
            assert_noop!(SmartTokens::fund_rent(origin(1), 0, 1), Error::<Test>::NoSuchTokenType);
            assert!(!SmartTokens::is_paid(0));
            assert_ok!(register(1, spec(), 1));
            assert_noop!(SmartTokens::fund_rent(origin(1), 0, 0), Error::<Test>::NoPeriods);
            assert_noop!(SmartTokens::fund_rent(origin(1), 0, Period::MAX), Error::<Test>::TooManyPeriods);
            assert_noop!(SmartTokens::fund_rent(origin(1), 0, 10_000), TokenError::FundsUnavailable);
        });
    }
}

#[test]
fn rent_counts_whole_copies() {
    let redundancy = |serving, shards, threshold| Redundancy { serving, shards, threshold };
    assert_eq!(copies(&redundancy(1, 1, 1)), 2);
    assert_eq!(copies(&redundancy(2, 10, 4)), 2 + 3);
    assert_eq!(copies(&redundancy(16, 255, 1)), 16 + 255);
    assert_eq!(rent_per_period(RENT, &redundancy(2, 10, 4)), Some(5 * RENT));
    assert_eq!(rent_per_period(Balance::MAX, &redundancy(2, 10, 4)), None);
    ExtBuilder::build_and_execute(|| {
        assert_eq!(SmartTokens::rent_quote(redundancy(2, 10, 4), 7), Some(35 * RENT));
    });
}

proptest! {
    #[test]
    fn rent_is_never_below_the_floor_and_grows_with_copies(
        floor in 0..Balance::MAX / 512, serving: u8, shards: u8, threshold: u8,
    ) {
        let rent = |serving, shards| {
            rent_per_period(floor, &Redundancy { serving, shards, threshold }).expect("fits")
        };
        prop_assert!(rent(serving, shards) >= floor);
        prop_assert!(rent(serving.saturating_add(1), shards) >= rent(serving, shards));
        prop_assert!(rent(serving, shards.saturating_add(1)) >= rent(serving, shards));
    }
}
