//! Proposal, answer, test and activation: each call with what it refuses.

use frame_support::{assert_noop, assert_ok, dispatch::DispatchResult};
use smartlayer_primitives::{
    agreement::{FormerTerms, InForce, Negotiation, Standing, Step},
    sla::{Objectives, PenaltySchedule, Template, TestResult},
    AccountId, Hash,
};
use sp_runtime::{DispatchError, Permill};

use super::*;
use crate::Error;

fn at(block: u32, step: Step, until: u32, objectives: Objectives) -> Option<Negotiation> {
    let seed = Hash::from_low_u64_be(5);
    Some(Negotiation { terms: terms(objectives), step, since: block, until, seed })
}

mod templates {
    use super::*;

    #[test]
    fn are_numbered_by_position() {
        run(|| {
            assert_eq!(Templates::<Test>::get(0), Some(templates()[0]));
            assert_eq!(Templates::<Test>::get(1), Some(templates()[1]));
            assert_eq!(Templates::<Test>::get(2), None);
        });
    }

    #[test]
    #[should_panic(expected = "persistentAfter")]
    fn of_the_genesis_state_are_checked() {
        use sp_runtime::BuildStorage;
        let penalty = PenaltySchedule { persistent_after: 0, slash: Permill::one() };
        let templates = vec![Template { penalty, ..templates()[0] }];
        let _ = crate::GenesisConfig::<Test> { templates, ..Default::default() }.build_storage();
    }

    #[test]
    fn are_set_by_governance() {
        run(|| {
            let penalty = PenaltySchedule { persistent_after: 1, slash: Permill::from_percent(5) };
            let template = Template { floor: better(), reward_weight: 7, penalty };
            assert_noop!(SlaRegistry::set_template(origin(anyone()), 0, template), DispatchError::BadOrigin);
            let never = Template { penalty: PenaltySchedule { persistent_after: 0, ..penalty }, ..template };
            assert_noop!(SlaRegistry::set_template(RuntimeOrigin::root(), 0, never), Error::<Test>::NeverPersistent);
            for number in [0, 9] {
                assert_ok!(SlaRegistry::set_template(RuntimeOrigin::root(), number, template));
                assert_eq!(Templates::<Test>::get(number), Some(template));
                assert_eq!(last_event(), Event::TemplateSet { number, template });
            }
        });
    }

    #[test]
    fn change_nothing_that_was_put_on_the_table_before() {
        run(|| {
            activated();
            CurrentPeriod::set(6);
            proposed();
            let harsh = PenaltySchedule { persistent_after: 1, slash: Permill::one() };
            let template = Template { floor: better(), reward_weight: 7, penalty: harsh };
            assert_ok!(SlaRegistry::set_template(RuntimeOrigin::root(), 0, template));
            assert_eq!(SlaRegistry::active_terms(node()), Some(terms(floor())));
            assert_eq!(negotiation().unwrap().terms, terms(floor()));
            // A counter is a new offer: it is within the template of now.
            let counter = |objectives| SlaRegistry::counter(origin(anchor()), node(), objectives);
            assert_noop!(counter(floor()), Error::<Test>::TermsOutsideTemplate);
            assert_ok!(counter(better()));
            assert_eq!(negotiation().unwrap().terms, template.terms(0, better()).unwrap());
        });
    }
}

mod propose {
    use super::*;

    #[test]
    fn begins_a_negotiation_with_a_deadline() {
        run(|| {
            proposed();
            assert_eq!(last_event(), Event::Proposed { node: node(), terms: terms(floor()) });
            assert_eq!(negotiation(), at(1, Step::Proposed, 101, floor()));
        });
    }

    #[test]
    fn replaces_any_negotiation() {
        for (reach, _) in all_steps() {
            run(|| {
                reach();
                System::set_block_number(7);
                assert_ok!(SlaRegistry::propose(origin(service_key(&node())), 0, better()));
                assert_eq!(negotiation(), at(7, Step::Proposed, 107, better()));
            });
        }
    }

    #[test]
    fn leaves_what_is_in_force_alone() {
        run(|| {
            in_force();
            let before = agreement().unwrap();
            assert_ok!(SlaRegistry::propose(origin(node()), 0, better()));
            let after = agreement().unwrap();
            assert_eq!(after.in_force, before.in_force);
            assert_eq!(SlaRegistry::active_terms(node()), Some(terms(floor())));
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let propose = |who, template, objectives| SlaRegistry::propose(origin(who), template, objectives);
            assert_noop!(SlaRegistry::propose(RuntimeOrigin::none(), 0, floor()), DispatchError::BadOrigin);
            assert_noop!(propose(anyone(), 0, floor()), Error::<Test>::NotANode);
            assert_noop!(propose(account(1), 0, floor()), Error::<Test>::NotANode);
            assert_noop!(propose(node(), 2, floor()), Error::<Test>::NoSuchTemplate);
            assert_noop!(propose(node(), 0, too_low()), Error::<Test>::TermsOutsideTemplate);
            assert_noop!(propose(node(), 1, floor()), Error::<Test>::TermsOutsideTemplate);
            Bonded::set(vec![]);
            assert_noop!(propose(node(), 0, floor()), Error::<Test>::NotBonded);
        });
    }
}

mod answer {
    use super::*;

    #[test]
    fn a_counter_puts_other_terms_on_the_table() {
        run(|| {
            proposed();
            System::set_block_number(5);
            // The signing key acts for its organisation.
            let by = anchor();
            let position = ActiveSet::get().position(&by).unwrap();
            let key = AccountId::new(ActiveSet::get().members[position].key.0);
            assert_ok!(SlaRegistry::counter(origin(key), node(), better()));
            assert_eq!(negotiation(), at(5, Step::Countered { by: by.clone() }, 55, better()));
            assert_eq!(last_event(), Event::Countered { node: node(), by, terms: terms(better()) });
            assert_eq!(SlaRegistry::answering(node()), None);
        });
    }

    #[test]
    fn either_side_accepts_what_the_other_put_on_the_table() {
        run(|| {
            System::set_block_number(3);
            accepted();
            assert_eq!(negotiation(), at(3, Step::Accepted, 53, floor()));
            assert_eq!(last_event(), Event::Accepted { node: node(), terms: terms(floor()) });
            countered();
            assert_ok!(SlaRegistry::accept_counter(origin(service_key(&node()))));
            assert_eq!(negotiation(), at(3, Step::Accepted, 53, better()));
            assert_eq!(last_event(), Event::Accepted { node: node(), terms: terms(better()) });
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let counter = |who, objectives: Objectives| SlaRegistry::counter(origin(who), node(), objectives);
            let accept = |who| SlaRegistry::accept_proposal(origin(who), node());
            assert_noop!(counter(account(1), better()), Error::<Test>::NoAgreement);
            assert_noop!(accept(account(1)), Error::<Test>::NoAgreement);
            assert_noop!(SlaRegistry::accept_counter(origin(node())), Error::<Test>::NoAgreement);
            proposed();
            for outsider in [anyone(), node(), service_key(&node())] {
                assert_noop!(counter(outsider.clone(), better()), Error::<Test>::NotAnAnchor);
                assert_noop!(accept(outsider), Error::<Test>::NotAnAnchor);
            }
            assert_noop!(counter(anchor(), too_low()), Error::<Test>::TermsOutsideTemplate);
            assert_noop!(SlaRegistry::counter(RuntimeOrigin::none(), node(), better()), DispatchError::BadOrigin);
            assert_noop!(SlaRegistry::accept_proposal(RuntimeOrigin::none(), node()), DispatchError::BadOrigin);
            assert_noop!(SlaRegistry::accept_counter(RuntimeOrigin::none()), DispatchError::BadOrigin);
            assert_noop!(SlaRegistry::accept_counter(origin(anchor())), Error::<Test>::NotANode);
            assert_noop!(SlaRegistry::accept_counter(origin(other_node())), Error::<Test>::NoAgreement);
        });
    }

    #[test]
    fn is_only_for_what_waits_for_it() {
        for (reach, step) in all_steps() {
            run(|| {
                reach();
                if step != Step::Proposed {
                    for anchor in (1..=ANCHORS).map(account) {
                        let counter = SlaRegistry::counter(origin(anchor.clone()), node(), better());
                        assert_eq!(counter, Err(Error::<Test>::NotProposed.into()));
                        let accept = SlaRegistry::accept_proposal(origin(anchor), node());
                        assert_eq!(accept, Err(Error::<Test>::NotProposed.into()));
                    }
                }
                if !matches!(step, Step::Countered { .. }) {
                    assert_noop!(SlaRegistry::accept_counter(origin(node())), Error::<Test>::NotCountered);
                }
            });
        }
    }

    #[test]
    fn an_anchor_that_keeps_silent_loses_its_turn_to_the_next() {
        run(|| {
            proposed();
            let mut asked = vec![];
            for turn in 0..2 * u32::from(ANCHORS) {
                for block in [turn * 10 + 1, turn * 10 + 10] {
                    System::set_block_number(block);
                    asked.push(anchor());
                }
            }
            // Each anchor once, for ten blocks, and then in the same order again.
            let round: Vec<_> = asked.chunks(2).map(|both| both[0].clone()).collect();
            assert!(asked.chunks(2).all(|both| both[0] == both[1]));
            assert_eq!(round[..4], round[4..]);
            let each: std::collections::BTreeSet<_> = round.into_iter().collect();
            assert_eq!(each.len(), 4);
        });
    }

    #[test]
    fn the_order_outlives_the_period_and_differs_between_nodes() {
        run(|| {
            proposed();
            let first = anchor();
            CurrentPeriod::set(6);
            assert_eq!(anchor(), first);
            // Over many periods everybody comes first at some time.
            let mut firsts = std::collections::BTreeSet::new();
            let mut differs = false;
            for period in 6..60 {
                CurrentPeriod::set(period);
                proposed();
                assert_ok!(SlaRegistry::propose(origin(other_node()), 0, floor()));
                differs |= SlaRegistry::answering(other_node()) != SlaRegistry::answering(node());
                firsts.insert(anchor());
            }
            assert_eq!(firsts.len(), usize::from(ANCHORS));
            assert!(differs);
        });
    }

    #[test]
    fn without_anchors_nobody_answers() {
        run(|| {
            ActiveSet::set(Default::default());
            proposed();
            assert_eq!(SlaRegistry::answering(node()), None);
            assert_noop!(SlaRegistry::accept_proposal(origin(account(1)), node()), Error::<Test>::NotAnAnchor);
        });
    }
}

mod record_test {
    use super::*;

    fn record(result: TestResult, positions: &[u8]) -> DispatchResult {
        let certificate = certified(&result, positions);
        SlaRegistry::record_test(origin(anyone()), result, certificate)
    }

    #[test]
    fn a_passed_test_lets_the_node_activate() {
        run(|| {
            System::set_block_number(4);
            tested();
            assert_eq!(negotiation(), at(4, Step::Tested, 54, floor()));
            assert_eq!(last_event(), Event::TestPassed { node: node(), period: 5 });
            assert_eq!(LastTest::<Test>::get(node()), Some(5));
        });
    }

    #[test]
    fn a_failed_test_ends_the_negotiation() {
        run(|| {
            accepted();
            recorded(false);
            assert_eq!(agreement(), None);
            assert_eq!(last_event(), Event::TestFailed { node: node(), period: 5 });
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NoAgreement);
        });
    }

    #[test]
    fn a_failed_test_leaves_what_is_in_force_alone() {
        run(|| {
            in_force();
            accepted();
            recorded(false);
            assert_eq!(negotiation(), None);
            assert_eq!(SlaRegistry::active_terms(node()), Some(terms(floor())));
        });
    }

    #[test]
    fn only_what_was_accepted_is_tested() {
        run(|| {
            assert_noop!(record(result(floor(), true), &[0, 1, 2]), Error::<Test>::NoAgreement);
        });
        for (reach, step) in all_steps() {
            run(|| {
                reach();
                if step != Step::Accepted {
                    for passed in [true, false] {
                        assert_noop!(record(result(floor(), passed), &[0, 1, 2]), Error::<Test>::NotAccepted);
                    }
                }
            });
        }
    }

    #[test]
    fn the_result_is_for_these_terms_and_this_time() {
        run(|| {
            accepted();
            assert_noop!(record(result(better(), true), &[0, 1, 2]), Error::<Test>::OtherTerms);
            for period in [0, 3, 6, u32::MAX] {
                let result = TestResult { period, ..result(floor(), true) };
                assert_noop!(record(result, &[0, 1, 2]), Error::<Test>::StaleResult);
            }
            assert_ok!(record(TestResult { period: 4, ..result(floor(), true) }, &[0, 1, 2]));
        });
    }

    #[test]
    fn no_result_is_brought_twice() {
        run(|| {
            accepted();
            let failed = result(floor(), false);
            assert_ok!(record(failed.clone(), &[0, 1, 2]));
            accepted();
            assert_noop!(record(failed.clone(), &[0, 1, 2]), Error::<Test>::AlreadyTested);
            assert_noop!(record(TestResult { period: 4, ..failed }, &[0, 1, 2]), Error::<Test>::AlreadyTested);
            CurrentPeriod::set(6);
            assert_ok!(record(result(floor(), true), &[0, 1, 2]));
        });
    }

    #[test]
    fn needs_a_signed_origin() {
        run(|| {
            accepted();
            let result = result(floor(), true);
            let certificate = certified(&result, &[0, 1, 2]);
            assert_noop!(
                SlaRegistry::record_test(RuntimeOrigin::none(), result, certificate),
                DispatchError::BadOrigin
            );
        });
    }
}

mod activate {
    use super::*;

    #[test]
    fn brings_terms_into_force_from_the_next_period_on() {
        run(|| {
            tested();
            assert_ok!(SlaRegistry::activate(origin(service_key(&node()))));
            let agreement = agreement().unwrap();
            let in_force = InForce { terms: terms(floor()), since: 6, standing: Standing::Good };
            assert_eq!(agreement.in_force, Some(in_force));
            assert_eq!(agreement.negotiation, None);
            assert_eq!(agreement.former, None);
            assert_eq!(last_event(), Event::Activated { node: node(), terms: terms(floor()), since: 6 });
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotTested);
        });
    }

    #[test]
    fn what_it_replaces_holds_to_the_end_of_the_period() {
        run(|| {
            in_force();
            renegotiated();
            assert_ok!(SlaRegistry::activate(origin(node())));
            let agreement = agreement().unwrap();
            assert_eq!(agreement.former, Some(FormerTerms { terms: terms(floor()), since: 6, until: 7 }));
            assert_eq!(
                agreement.in_force,
                Some(InForce { terms: terms(better()), since: 7, standing: Standing::Good })
            );
            let at = |period| agreement.terms_at(period).copied();
            assert_eq!([at(5), at(6), at(7)], [None, Some(terms(floor())), Some(terms(better()))]);
        });
    }

    #[test]
    fn what_never_held_is_replaced_without_a_trace() {
        run(|| {
            accepted();
            let early = TestResult { period: 4, ..result(floor(), true) };
            assert_ok!(SlaRegistry::record_test(origin(anyone()), early.clone(), certified(&early, &[0, 1, 2])));
            assert_ok!(SlaRegistry::activate(origin(node())));
            renegotiated();
            assert_ok!(SlaRegistry::activate(origin(node())));
            let agreement = agreement().unwrap();
            assert_eq!(agreement.former, None);
            assert_eq!(
                agreement.in_force,
                Some(InForce { terms: terms(better()), since: 6, standing: Standing::Good })
            );
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            assert_noop!(SlaRegistry::activate(RuntimeOrigin::none()), DispatchError::BadOrigin);
            assert_noop!(SlaRegistry::activate(origin(anyone())), Error::<Test>::NotANode);
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NoAgreement);
        });
        for (reach, step) in all_steps() {
            run(|| {
                reach();
                if step == Step::Tested {
                    Bonded::set(vec![]);
                    assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotBonded);
                    Bonded::set(vec![node()]);
                    assert_ok!(SlaRegistry::activate(origin(node())));
                } else {
                    assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotTested);
                }
            });
        }
    }
}
