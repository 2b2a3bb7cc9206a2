use codec::Encode;
use frame_support::{
    assert_noop, assert_ok,
    traits::fungible::{Inspect, InspectHold},
};
use proptest::prelude::*;
use smartlayer_primitives::{
    token::{Redundancy, TokenSpec},
    traits::TokenTypes,
    Balance, Hash, Period,
};
use sp_runtime::{DispatchResult, Permill, TokenError};

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

#[docify::export]
#[test]
fn take_a_share() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(SmartTokens::register(origin(1), spec(), 10));
        assert_ok!(SmartTokens::set_revenue_share(origin(1), 0, Permill::from_percent(10)));
        assert_eq!(SmartTokens::revenue(0), Some((account(1), Permill::from_percent(10))));
    });
}

mod revenue_share {
    use super::*;

    #[test]
    fn is_registered_and_changed_within_the_bound() {
        ExtBuilder::build_and_execute(|| {
            let with = |percent| TokenSpec { revenue_share: Permill::from_percent(percent), ..spec() };
            let above = TokenSpec { revenue_share: Permill::from_parts(500_001), ..spec() };
            assert_noop!(register(1, above, 1), Error::<Test>::RevenueShareTooHigh);
            assert_ok!(register(1, with(50), 1));
            assert_eq!(SmartTokens::revenue(0), Some((account(1), Permill::from_percent(50))));
            assert_eq!(SmartTokens::revenue(1), None);

            let before = held(1);
            assert_ok!(SmartTokens::set_revenue_share(origin(1), 0, Permill::zero()));
            assert_eq!(last_event(), Event::RevenueShareSet { token_type: 0, share: Permill::zero() });
            assert_eq!(Tokens::<Test>::get(0).unwrap().spec, with(0));
            assert_eq!(held(1), before);
        });
    }

    #[test]
    fn only_by_the_issuer() {
        ExtBuilder::build_and_execute(|| {
            let set = |n, parts| SmartTokens::set_revenue_share(origin(n), 0, Permill::from_parts(parts));
            assert_noop!(set(1, 0), Error::<Test>::NoSuchTokenType);
            assert_ok!(register(1, spec(), 1));
            assert_noop!(set(2, 0), Error::<Test>::NotIssuer);
            assert_noop!(set(1, 500_001), Error::<Test>::RevenueShareTooHigh);
            assert_noop!(
                SmartTokens::set_revenue_share(RuntimeOrigin::none(), 0, Permill::zero()),
                sp_runtime::DispatchError::BadOrigin
            );
        });
    }

    #[test]
    fn a_lower_bound_leaves_what_is_registered() {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, spec(), 1));
            MaxRevenueShare::set(Permill::from_percent(1));
            assert_eq!(SmartTokens::revenue(0), Some((account(1), Permill::from_percent(5))));
            // Nor does it keep the issuer from publishing a new script.
            assert_ok!(SmartTokens::update_script(origin(1), 0, Hash::zero(), spec().script_uris));
            let five = SmartTokens::set_revenue_share(origin(1), 0, Permill::from_percent(5));
            assert_eq!(five, Err(Error::<Test>::RevenueShareTooHigh.into()));
            assert_ok!(SmartTokens::set_revenue_share(origin(1), 0, Permill::from_percent(1)));
        });
    }
}

/// One step of a random sequence.
#[derive(Clone, Debug)]
enum Step {
    Register { issuer: u8, uri: usize, share: u32, periods: Period },
    UpdateScript { sender: u8, token_type: u32, uri: usize },
    FundRent { sender: u8, token_type: u32, periods: Period },
    SetShare { sender: u8, token_type: u32, share: u32 },
    Govern { per_byte: Balance, max_share: u32 },
    Pass { periods: Period },
}

fn step() -> impl Strategy<Value = Step> {
    let (who, token_type, share) = (|| 1..4u8, || 0..6u32, || 0..=1_000_000u32);
    prop_oneof![
        3 => (who(), 0..257usize, share(), 0..30u32)
            .prop_map(|(issuer, uri, share, periods)| Step::Register { issuer, uri, share, periods }),
        3 => (who(), token_type(), 0..257usize)
            .prop_map(|(sender, token_type, uri)| Step::UpdateScript { sender, token_type, uri }),
        2 => (who(), token_type(), 0..30u32)
            .prop_map(|(sender, token_type, periods)| Step::FundRent { sender, token_type, periods }),
        2 => (who(), token_type(), share())
            .prop_map(|(sender, token_type, share)| Step::SetShare { sender, token_type, share }),
        1 => (0..2_000u128, share()).prop_map(|(per_byte, max_share)| Step::Govern { per_byte, max_share }),
        1 => (0..10u32).prop_map(|periods| Step::Pass { periods }),
    ]
}

/// Whatever the call answers: what must be true is checked afterwards.
fn take(step: Step) {
    let uri = |length: usize| uris(&[&[b'a'; 256][..length.min(256)]]);
    let _ = match step {
        Step::Register { issuer, uri: length, share, periods } => {
            let revenue_share = Permill::from_parts(share);
            register(issuer, TokenSpec { script_uris: uri(length), revenue_share, ..spec() }, periods)
        }
        Step::UpdateScript { sender, token_type, uri: length } => {
            SmartTokens::update_script(origin(sender), token_type, Hash::zero(), uri(length))
        }
        Step::FundRent { sender, token_type, periods } => SmartTokens::fund_rent(origin(sender), token_type, periods),
        Step::SetShare { sender, token_type, share } => {
            SmartTokens::set_revenue_share(origin(sender), token_type, Permill::from_parts(share))
        }
        Step::Govern { per_byte, max_share } => {
            DepositPerByte::set(per_byte);
            MaxRevenueShare::set(Permill::from_parts(max_share));
            Ok(())
        }
        Step::Pass { periods } => {
            CurrentPeriod::set(CurrentPeriod::get() + periods);
            Ok(())
        }
    };
}

proptest! {
    #[test]
    fn no_sequence_of_calls_breaks_the_books(steps in prop::collection::vec(step(), 1..50)) {
        ExtBuilder::build().execute_with(|| {
            DepositPerByte::set(2);
            MaxRevenueShare::set(Permill::from_percent(50));
            CurrentPeriod::set(5);
            let issuance = Balances::total_issuance();
            for step in steps {
                let before = (Tokens::<Test>::iter().collect::<std::collections::BTreeMap<_, _>>(), pooled());
                take(step);
                SmartTokens::do_try_state().unwrap();
                assert_eq!(Balances::total_issuance(), issuance, "rent and deposits make or destroy nothing");
                assert!(pooled() >= before.1, "rent is never given back");
                for (token_type, token) in before.0 {
                    let now = Tokens::<Test>::get(token_type).expect("token types are never removed");
                    assert!(now.paid_until >= token.paid_until, "what is paid stays paid");
                    assert_eq!((now.issuer, now.spec.redundancy), (token.issuer, token.spec.redundancy));
                    assert_eq!(now.spec.key_operations, token.spec.key_operations);
                }
            }
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
