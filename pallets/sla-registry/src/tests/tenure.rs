//! Maintenance, end and expiry: each call with what it refuses, and how long terms are remembered.

use frame_support::{assert_noop, assert_ok, dispatch::DispatchResult};
use proptest::prelude::*;
use smartlayer_primitives::{agreement::Maintenance, traits::Agreements as _};
use sp_runtime::{DispatchError, Permill};

use super::*;
use crate::{
    tenure::{busiest, end},
    Error,
};

fn slashed(period: u32) -> bool {
    SlaRegistry::penalty(&line(period, 3)) == Some(Permill::from_percent(1))
}

mod ending {
    use super::*;

    #[test]
    fn needs_something_to_end() {
        run(|| {
            assert_noop!(SlaRegistry::end(RuntimeOrigin::none()), DispatchError::BadOrigin);
            assert_noop!(SlaRegistry::end(origin(anyone())), Error::<Test>::NotANode);
            assert_noop!(SlaRegistry::end(origin(node())), Error::<Test>::NoAgreement);
            in_force();
            assert_noop!(SlaRegistry::end(origin(account(1))), Error::<Test>::NotANode);
            assert_noop!(SlaRegistry::end(origin(other_node())), Error::<Test>::NoAgreement);
            assert_ok!(SlaRegistry::end(origin(service_key(&node()))));
            // Only former terms are left.
            assert_noop!(SlaRegistry::end(origin(node())), Error::<Test>::NoAgreement);
        });
    }

    #[test]
    fn leaves_nothing_of_a_negotiation_or_of_terms_that_never_held() {
        for reach in [proposed, countered, accepted, tested, activated] {
            run(|| {
                reach();
                assert_ok!(SlaRegistry::end(origin(node())));
                assert_eq!(last_event(), Event::Ended { node: node(), until: 6 });
                assert_eq!(agreement(), None);
            });
        }
    }

    #[test]
    fn terms_hold_to_the_end_of_the_running_period() {
        run(|| {
            in_force();
            next_period();
            renegotiated();
            assert_ok!(SlaRegistry::end(origin(node())));
            let agreement = agreement().unwrap();
            assert_eq!((agreement.in_force.clone(), agreement.negotiation.clone()), (None, None));
            assert_eq!(agreement.former, Some(FormerTerms { terms: terms(floor()), since: 6, until: 8 }));
            assert_eq!(SlaRegistry::active_terms(node()), None);
            assert_eq!((5..=8).map(slashed).collect::<Vec<_>>(), [false, true, true, false]);
        });
    }

    #[test]
    fn former_terms_are_one_set_at_a_time() {
        run(|| {
            in_force();
            renegotiated();
            assert_ok!(SlaRegistry::activate(origin(node())));
            // The new terms never held yet, so nothing of them has to be remembered.
            let before = agreement();
            assert_ok!(SlaRegistry::end(origin(node())));
            Agreements::<Test>::set(node(), before);

            next_period();
            assert_noop!(SlaRegistry::end(origin(node())), Error::<Test>::TermsStillReportable);
            Bonded::set(vec![]);
            assert_noop!(SlaRegistry::expire(origin(anyone()), node()), Error::<Test>::TermsStillReportable);
            Bonded::set(vec![node()]);
            // Period 6 was committed at this block.
            System::set_block_number(System::block_number() + 20);
            assert_noop!(SlaRegistry::end(origin(node())), Error::<Test>::TermsStillReportable);
            System::set_block_number(System::block_number() + 1);
            assert_ok!(SlaRegistry::end(origin(node())));
            assert_eq!(agreement().unwrap().former, Some(FormerTerms { terms: terms(better()), since: 7, until: 8 }));
        });
    }

    #[test]
    fn uncommitted_periods_stay_reportable_until_they_are_too_old() {
        run(|| {
            in_force();
            assert_ok!(SlaRegistry::end(origin(node())));
            for _ in 0..6 {
                next_period_uncommitted();
                assert_noop!(SlaRegistry::expire(origin(anyone()), node()), Error::<Test>::NothingToExpire);
            }
            // A late commitment counts from the block that it came in.
            let before = Agreements::<Test>::get(node());
            commit(6);
            next_period_uncommitted();
            next_period_uncommitted();
            assert_noop!(SlaRegistry::expire(origin(anyone()), node()), Error::<Test>::NothingToExpire);
            // Without one, period 6 is now too old.
            Committed::set(Default::default());
            assert_ok!(SlaRegistry::expire(origin(anyone()), node()));
            assert!(before.is_some() && agreement().is_none());
        });
    }
}

mod expiring {
    use super::*;

    fn expire() -> DispatchResult {
        SlaRegistry::expire(origin(anyone()), node())
    }

    #[test]
    fn needs_something_that_does_not_count_any_more() {
        run(|| {
            assert_noop!(SlaRegistry::expire(RuntimeOrigin::none(), node()), DispatchError::BadOrigin);
            assert_noop!(expire(), Error::<Test>::NoAgreement);
        });
        for reach in [proposed, countered, accepted, tested, activated, in_force] {
            run(|| {
                reach();
                assert_noop!(expire(), Error::<Test>::NothingToExpire);
            });
        }
    }

    #[test]
    fn lapsed_negotiations_go() {
        for (reach, step) in all_steps() {
            run(|| {
                in_force();
                reach();
                let until = 11 + if step == Step::Proposed { 100 } else { 50 };
                System::set_block_number(until - 1);
                assert_noop!(expire(), Error::<Test>::NothingToExpire);
                System::set_block_number(until);
                assert_ok!(expire());
                assert_eq!(last_event(), Event::Lapsed { node: node() });
                assert_eq!(negotiation(), None);
                assert_eq!(SlaRegistry::active_terms(node()), Some(terms(floor())));
            });
        }
    }

    #[test]
    fn without_stake_everything_ends_and_stays_reportable() {
        run(|| {
            in_force();
            proposed();
            Bonded::set(vec![other_node()]);
            assert_ok!(expire());
            let all = events();
            assert!(all.ends_with(&[Event::Expired { node: node(), until: 7 }, Event::Lapsed { node: node() }]));
            assert_eq!(agreement().unwrap().former, Some(FormerTerms { terms: terms(floor()), since: 6, until: 7 }));
            assert!(slashed(6));
            assert_noop!(expire(), Error::<Test>::NothingToExpire);
        });
    }

    #[test]
    fn what_nothing_refers_to_is_forgotten_to_the_last_bit() {
        run(|| {
            in_force();
            assert_ok!(SlaRegistry::declare_maintenance(origin(node()), 7, 1));
            assert_ok!(SlaRegistry::end(origin(node())));
            next_period();
            System::set_block_number(System::block_number() + 20);
            assert_noop!(expire(), Error::<Test>::NothingToExpire);
            System::set_block_number(System::block_number() + 1);
            assert_ok!(expire());
            assert_eq!(last_event(), Event::Forgotten { node: node() });
            assert_eq!((agreement(), LastTest::<Test>::get(node())), (None, None));
            assert_noop!(expire(), Error::<Test>::NoAgreement);
        });
    }

    #[test]
    fn the_last_test_goes_when_its_result_can_not_come_again() {
        run(|| {
            accepted();
            recorded(false);
            for _ in 0..2 {
                assert_noop!(expire(), Error::<Test>::NoAgreement);
                next_period();
            }
            assert_eq!(LastTest::<Test>::get(node()), Some(5));
            assert_ok!(expire());
            assert_eq!(last_event(), Event::Forgotten { node: node() });
            assert_eq!(LastTest::<Test>::get(node()), None);
        });
    }
}

mod maintenance {
    use super::*;

    fn declare(from: u32, periods: u32) -> DispatchResult {
        SlaRegistry::declare_maintenance(origin(node()), from, periods)
    }

    #[test]
    fn excuses_from_the_declared_periods_only() {
        run(|| {
            in_force();
            assert_ok!(SlaRegistry::declare_maintenance(origin(service_key(&node())), 8, 2));
            assert_eq!(last_event(), Event::MaintenanceDeclared { node: node(), from: 8, periods: 2 });
            assert_eq!((6..=10).map(slashed).collect::<Vec<_>>(), [true, true, false, false, true]);
        });
    }

    #[test]
    fn is_for_nodes_with_terms_in_force() {
        run(|| {
            assert_noop!(SlaRegistry::declare_maintenance(RuntimeOrigin::none(), 8, 1), DispatchError::BadOrigin);
            assert_noop!(SlaRegistry::declare_maintenance(origin(anyone()), 8, 1), Error::<Test>::NotANode);
            assert_noop!(declare(8, 1), Error::<Test>::NoAgreement);
            tested();
            assert_noop!(declare(8, 1), Error::<Test>::NotInForce);
            assert_ok!(SlaRegistry::activate(origin(node())));
            assert_ok!(declare(8, 1));
        });
    }

    #[test]
    fn is_declared_ahead_and_not_too_far() {
        run(|| {
            in_force();
            assert_noop!(declare(8, 0), Error::<Test>::MaintenanceEmpty);
            for past in [0, 5, 6] {
                assert_noop!(declare(past, 1), Error::<Test>::MaintenanceNotAhead);
            }
            for (from, periods) in [(19, 1), (18, 2), (7, 13), (u32::MAX, 1), (7, u32::MAX), (u32::MAX, u32::MAX)] {
                assert_noop!(declare(from, periods), Error::<Test>::MaintenanceTooFar);
            }
            assert_ok!(declare(7, 1));
            assert_ok!(declare(18, 1));
        });
    }

    #[test]
    fn is_bounded_over_every_span() {
        run(|| {
            in_force();
            assert_noop!(declare(7, 4), Error::<Test>::MaintenanceTooMuch);
            assert_ok!(declare(10, 2));
            for (from, periods) in [(10, 1), (11, 1), (9, 2), (9, 4), (11, 3)] {
                assert_noop!(declare(from, periods), Error::<Test>::MaintenanceOverlaps);
            }
            assert_noop!(declare(12, 2), Error::<Test>::MaintenanceTooMuch);
            assert_noop!(declare(8, 2), Error::<Test>::MaintenanceTooMuch);
            assert_ok!(declare(12, 1));
            // 10, 11 and 12 are full; a span of twelve from 11 on has room for one again.
            (7..=12).for_each(|_| next_period());
            assert_noop!(declare(21, 1), Error::<Test>::MaintenanceTooMuch);
            assert_ok!(declare(22, 1));
        });
    }

    #[test]
    fn old_ones_make_room() {
        run(|| {
            in_force();
            for from in [7, 9, 11] {
                assert_ok!(declare(from, 1));
            }
            while CurrentPeriod::get() < 18 {
                next_period();
            }
            // 7 is twelve periods ago at 19.
            assert_ok!(declare(19, 1));
            assert_eq!(agreement().unwrap().maintenance.len(), 4);
            assert_noop!(declare(30, 1), Error::<Test>::MaintenanceTooMany);
            next_period();
            assert_ok!(declare(30, 1));
            assert_eq!(agreement().unwrap().maintenance.iter().map(|m| m.from).collect::<Vec<_>>(), [9, 11, 19, 30]);
        });
    }

    #[test]
    fn is_remembered_as_long_as_it_can_be_reported() {
        run(|| {
            in_force();
            MaintenanceSpan::set(2);
            assert_ok!(declare(7, 1));
            // It does not count against new maintenance for long, but period 7 is not committed.
            (6..13).for_each(|_| next_period_uncommitted());
            assert_ok!(declare(14, 1));
            assert!(!slashed(7));
            next_period_uncommitted();
            assert_ok!(declare(15, 1));
            assert_eq!(agreement().unwrap().maintenance.iter().map(|m| m.from).collect::<Vec<_>>(), [14, 15]);
        });
    }

    #[test]
    fn a_renegotiation_keeps_it() {
        run(|| {
            in_force();
            assert_ok!(declare(8, 3));
            renegotiated();
            assert_ok!(SlaRegistry::activate(origin(node())));
            assert_eq!((7..=11).map(slashed).collect::<Vec<_>>(), [true, false, false, false, true]);
            assert_noop!(declare(11, 1), Error::<Test>::MaintenanceTooMuch);
        });
    }

    proptest! {
        /// Against trying every stretch there is.
        #[test]
        fn busiest_is_the_busiest_of_all(
            gaps in prop::collection::vec((0..6u32, 1..6u32), 0..5),
            span in 1..20u32,
        ) {
            let mut next = 0;
            let maintenances: Vec<_> = gaps.into_iter().map(|(gap, periods)| {
                let from = next + gap;
                next = from + periods;
                Maintenance { from, periods }
            }).collect();
            let within = |first: u32| {
                (first..first + span).filter(|p| maintenances.iter().any(|m| m.covers(*p))).count() as u32
            };
            let most = (0..=next).map(within).max().unwrap_or_default();
            prop_assert_eq!(busiest(&maintenances, span), most);
            prop_assert!(maintenances.iter().all(|m| !m.covers(end(m)) && m.covers(end(m) - 1)));
        }
    }
}
