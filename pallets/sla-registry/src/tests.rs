//! Every call, its failures, and random sequences of all of them.

use frame_support::{assert_noop, assert_ok};
use proptest::prelude::*;
use smartlayer_primitives::{
    agreement::{Agreement, Stage},
    sla::{Objectives, TestResult},
    traits::Agreements as _,
    AccountId,
};
use sp_runtime::DispatchError;

use crate::{mock::*, Agreements, Error, Event, LastTest, Templates};

fn origin(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

fn last_event() -> Event<Test> {
    System::events()
        .into_iter()
        .rev()
        .find_map(|record| match record.event {
            RuntimeEvent::SlaRegistry(event) => Some(event),
            _ => None,
        })
        .expect("an event of this pallet")
}

fn stage() -> Option<Stage> {
    agreement().map(|a| a.stage)
}

fn proposed() {
    assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
}

fn accepted() {
    proposed();
    assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
}

fn recorded(passed: bool) {
    let result = result(floor(), passed);
    let certificate = certified(&result, &[0, 1, 2]);
    assert_ok!(SlaRegistry::record_test(origin(anyone()), result, certificate));
}

fn tested() {
    accepted();
    recorded(true);
}

fn active() {
    tested();
    assert_ok!(SlaRegistry::activate(origin(node())));
}

#[test]
#[docify::export]
fn an_agreement_from_proposal_to_end() {
    run(|| {
        // The node promises the least that template 0 allows; an anchor wants more; the node agrees.
        assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
        assert_ok!(SlaRegistry::counter(origin(anchor()), node(), better()));
        assert_ok!(SlaRegistry::accept_counter(origin(node())));

        // Three of four anchors attest that it passed the test at these very terms.
        let result = TestResult { node: node(), terms: terms(better()), period: CurrentPeriod::get(), passed: true };
        let certificate = certified(&result, &[0, 2, 3]);
        assert_ok!(SlaRegistry::record_test(origin(anyone()), result, certificate));

        // From here on the agreement is in force, until the node ends it.
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!(SlaRegistry::active_terms(&node()), Some(terms(better())));
        assert_ok!(SlaRegistry::end(origin(node())));
        assert_eq!(SlaRegistry::active_terms(&node()), None);
    });
}

#[test]
fn templates_are_numbered_by_position() {
    run(|| {
        assert_eq!(Templates::<Test>::get(0), Some(templates()[0]));
        assert_eq!(Templates::<Test>::get(1), Some(templates()[1]));
        assert_eq!(Templates::<Test>::get(2), None);
    });
}

#[test]
fn terms_count_only_while_active() {
    run(|| {
        let none = || assert_eq!(SlaRegistry::active_terms(&node()), None);
        none();
        proposed();
        none();
        assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
        none();
        recorded(true);
        none();
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!(SlaRegistry::active_terms(&node()), Some(terms(floor())));
        assert_eq!(SlaRegistry::active_terms(&other_node()), None);
    });
}

mod propose {
    use super::*;

    #[test]
    fn replaces_proposals_and_counters() {
        run(|| {
            proposed();
            assert_eq!(last_event(), Event::Proposed { node: node(), terms: terms(floor()) });
            assert_ok!(SlaRegistry::propose(origin(service_key(&node())), 0, better()));
            assert_eq!(agreement(), Some(Agreement { terms: terms(better()), stage: Stage::Proposed }));
            assert_ok!(SlaRegistry::counter(origin(anchor()), node(), floor()));
            proposed();
            assert_eq!(agreement(), Some(Agreement { terms: terms(floor()), stage: Stage::Proposed }));
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let propose = |who, template, objectives| SlaRegistry::propose(origin(who), template, objectives);
            assert_noop!(SlaRegistry::propose(RuntimeOrigin::none(), 0, floor()), DispatchError::BadOrigin);
            assert_noop!(propose(anyone(), 0, floor()), Error::<Test>::NotANode);
            assert_noop!(propose(anchor(), 0, floor()), Error::<Test>::NotANode);
            assert_noop!(propose(node(), 2, floor()), Error::<Test>::NoSuchTemplate);
            assert_noop!(propose(node(), 0, too_low()), Error::<Test>::TermsOutsideTemplate);
            assert_noop!(propose(node(), 1, floor()), Error::<Test>::TermsOutsideTemplate);
            Bonded::set(vec![]);
            assert_noop!(propose(node(), 0, floor()), Error::<Test>::NotBonded);
        });
    }

    #[test]
    fn must_end_first_once_accepted() {
        for reach in [accepted, tested, active] {
            run(|| {
                reach();
                assert_noop!(SlaRegistry::propose(origin(node()), 0, better()), Error::<Test>::EndFirst);
                assert_ok!(SlaRegistry::end(origin(node())));
                assert_ok!(SlaRegistry::propose(origin(node()), 0, better()));
            });
        }
    }
}

mod counter {
    use super::*;

    #[test]
    fn puts_other_terms_on_the_table() {
        run(|| {
            proposed();
            // The signing key acts for its organisation.
            let key = AccountId::new(ActiveSet::get().members[1].key.0);
            assert_ok!(SlaRegistry::counter(origin(key), node(), better()));
            assert_eq!(stage(), Some(Stage::Countered { by: account(2) }));
            assert_eq!(last_event(), Event::Countered { node: node(), by: account(2), terms: terms(better()) });
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let counter = |who, objectives: Objectives| SlaRegistry::counter(origin(who), node(), objectives);
            assert_noop!(counter(anchor(), better()), Error::<Test>::NoAgreement);
            proposed();
            assert_noop!(counter(anyone(), better()), Error::<Test>::NotAnAnchor);
            assert_noop!(counter(node(), better()), Error::<Test>::NotAnAnchor);
            assert_noop!(counter(anchor(), too_low()), Error::<Test>::TermsOutsideTemplate);
            assert_ok!(counter(anchor(), better()));
            assert_noop!(counter(account(2), floor()), Error::<Test>::NotProposed);
        });
        for reach in [accepted, tested, active] {
            run(|| {
                reach();
                assert_noop!(SlaRegistry::counter(origin(anchor()), node(), better()), Error::<Test>::NotProposed);
            });
        }
    }
}

mod accept {
    use super::*;

    #[test]
    fn either_side_accepts_what_the_other_put_on_the_table() {
        run(|| {
            accepted();
            assert_eq!(stage(), Some(Stage::Accepted));
            assert_eq!(last_event(), Event::Accepted { node: node(), terms: terms(floor()) });
            assert_ok!(SlaRegistry::end(origin(node())));
            proposed();
            assert_ok!(SlaRegistry::counter(origin(anchor()), node(), better()));
            assert_ok!(SlaRegistry::accept_counter(origin(service_key(&node()))));
            assert_eq!(agreement(), Some(Agreement { terms: terms(better()), stage: Stage::Accepted }));
        });
    }

    #[test]
    fn nobody_accepts_for_the_other_side() {
        run(|| {
            assert_noop!(SlaRegistry::accept_proposal(origin(anchor()), node()), Error::<Test>::NoAgreement);
            assert_noop!(SlaRegistry::accept_counter(origin(node())), Error::<Test>::NoAgreement);
            proposed();
            assert_noop!(SlaRegistry::accept_proposal(origin(node()), node()), Error::<Test>::NotAnAnchor);
            assert_noop!(SlaRegistry::accept_proposal(origin(anyone()), node()), Error::<Test>::NotAnAnchor);
            assert_noop!(SlaRegistry::accept_counter(origin(node())), Error::<Test>::NotCountered);
            assert_ok!(SlaRegistry::counter(origin(anchor()), node(), better()));
            assert_noop!(SlaRegistry::accept_proposal(origin(anchor()), node()), Error::<Test>::NotProposed);
            assert_noop!(SlaRegistry::accept_counter(origin(anchor())), Error::<Test>::NotANode);
            assert_noop!(SlaRegistry::accept_counter(origin(other_node())), Error::<Test>::NoAgreement);
        });
    }
}

mod record_test {
    use super::*;

    fn record(result: TestResult, positions: &[u8]) -> frame_support::dispatch::DispatchResult {
        let certificate = certified(&result, positions);
        SlaRegistry::record_test(origin(anyone()), result, certificate)
    }

    #[test]
    fn a_passed_test_lets_the_node_activate() {
        run(|| {
            tested();
            assert_eq!(stage(), Some(Stage::Tested));
            assert_eq!(last_event(), Event::TestPassed { node: node(), period: 5 });
            assert_eq!(LastTest::<Test>::get(node()), Some(5));
        });
    }

    #[test]
    fn a_failed_test_removes_the_agreement() {
        run(|| {
            accepted();
            recorded(false);
            assert_eq!(agreement(), None);
            assert_eq!(last_event(), Event::TestFailed { node: node(), period: 5 });
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NoAgreement);
        });
    }

    #[test]
    fn only_an_accepted_agreement_is_tested() {
        run(|| {
            assert_noop!(record(result(floor(), true), &[0, 1, 2]), Error::<Test>::NoAgreement);
            proposed();
            assert_noop!(record(result(floor(), true), &[0, 1, 2]), Error::<Test>::NotAccepted);
        });
        for reach in [tested, active] {
            run(|| {
                reach();
                for passed in [true, false] {
                    assert_noop!(record(result(floor(), passed), &[0, 1, 2]), Error::<Test>::NotAccepted);
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
    fn forged_quorums_are_refused() {
        run(|| {
            accepted();
            let result = result(floor(), true);
            let record = |certificate| SlaRegistry::record_test(origin(anyone()), result.clone(), certificate);
            let good = certified(&result, &[0, 1, 2]);
            assert_noop!(
                SlaRegistry::record_test(RuntimeOrigin::none(), result.clone(), good.clone()),
                DispatchError::BadOrigin
            );
            assert_noop!(record(certified(&result, &[0, 1])), Error::<Test>::QuorumTooFew);
            let mut twice = certified(&result, &[0, 1]);
            twice.signatures.force_push(twice.signatures[0]);
            assert_noop!(record(twice.clone()), Error::<Test>::QuorumSignatureCount);
            twice.signers[0] |= 1 << 3;
            assert_noop!(record(twice), Error::<Test>::QuorumBadSignature);
            let mut other_set = good.clone();
            other_set.set_id -= 1;
            assert_noop!(record(other_set), Error::<Test>::QuorumOtherSet);
            let mut outside = good;
            outside.signers[0] |= 1 << 7;
            assert_noop!(record(outside), Error::<Test>::QuorumBadBitmap);
            // A quorum over the opposite result.
            let opposite = TestResult { passed: false, ..result.clone() };
            assert_noop!(record(certified(&opposite, &[0, 1, 2])), Error::<Test>::QuorumBadSignature);
        });
    }
}

mod activate_end_expire {
    use super::*;

    #[test]
    fn a_tested_agreement_comes_into_force() {
        run(|| {
            tested();
            System::set_block_number(42);
            assert_ok!(SlaRegistry::activate(origin(service_key(&node()))));
            assert_eq!(stage(), Some(Stage::Active { since: 42 }));
            assert_eq!(last_event(), Event::Activated { node: node(), terms: terms(floor()) });
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotTested);
        });
    }

    #[test]
    fn nothing_else_does() {
        run(|| {
            assert_noop!(SlaRegistry::activate(origin(anyone())), Error::<Test>::NotANode);
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NoAgreement);
            proposed();
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotTested);
            assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotTested);
            recorded(true);
            Bonded::set(vec![]);
            assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::NotBonded);
        });
    }

    #[test]
    fn the_node_ends_at_any_stage() {
        for reach in [proposed, accepted, tested, active] {
            run(|| {
                reach();
                assert_noop!(SlaRegistry::end(origin(anchor())), Error::<Test>::NotANode);
                assert_noop!(SlaRegistry::end(origin(other_node())), Error::<Test>::NoAgreement);
                assert_ok!(SlaRegistry::end(origin(node())));
                assert_eq!(last_event(), Event::Ended { node: node() });
                assert_eq!(agreement(), None);
                assert_noop!(SlaRegistry::end(origin(node())), Error::<Test>::NoAgreement);
            });
        }
    }

    #[test]
    fn without_stake_anyone_ends_it() {
        run(|| {
            active();
            assert_noop!(SlaRegistry::expire(origin(anyone()), node()), Error::<Test>::StillBonded);
            Bonded::set(vec![other_node()]);
            assert_noop!(SlaRegistry::expire(RuntimeOrigin::none(), node()), DispatchError::BadOrigin);
            assert_ok!(SlaRegistry::expire(origin(anyone()), node()));
            assert_eq!(last_event(), Event::Expired { node: node() });
            assert_noop!(SlaRegistry::expire(origin(anyone()), node()), Error::<Test>::NoAgreement);
        });
    }
}

#[test]
fn try_state_sees_what_is_wrong() {
    let broken = |breaks: fn()| {
        new_test_ext().execute_with(|| {
            active();
            assert_ok!(SlaRegistry::do_try_state());
            breaks();
            assert!(SlaRegistry::do_try_state().is_err());
        });
    };
    broken(|| Templates::<Test>::remove(0));
    broken(|| LastTest::<Test>::remove(node()));
    broken(|| LastTest::<Test>::insert(node(), 6));
    broken(|| Agreements::<Test>::mutate(node(), |a| a.as_mut().unwrap().terms.reward_weight += 1));
    broken(|| Agreements::<Test>::mutate(node(), |a| a.as_mut().unwrap().stage = Stage::Active { since: 2 }));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Propose(bool),
    Counter(bool),
    AcceptProposal,
    AcceptCounter,
    Record { passed: bool, better: bool, late: bool, signers: u8 },
    Activate,
    End,
    Expire,
    Bond(bool),
    NextPeriod,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<bool>().prop_map(Step::Propose),
        2 => any::<bool>().prop_map(Step::Counter),
        3 => Just(Step::AcceptProposal),
        2 => Just(Step::AcceptCounter),
        4 => (prop::bool::weighted(0.8), any::<bool>(), any::<bool>(), 2..5u8)
            .prop_map(|(passed, better, late, signers)| Step::Record { passed, better, late, signers }),
        3 => Just(Step::Activate),
        1 => Just(Step::End),
        1 => Just(Step::Expire),
        1 => prop::bool::weighted(0.7).prop_map(Step::Bond),
        2 => Just(Step::NextPeriod),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..Default::default() })]

    /// However the calls come, an agreement is in force only after both sides agreed and a quorum attested the test.
    #[test]
    fn no_sequence_of_calls_skips_a_stage(steps in prop::collection::vec(step(), 1..60)) {
        run(|| {
            for step in steps {
                let before = stage();
                let terms_of = |better_ones| if better_ones { better() } else { floor() };
                let result = match step {
                    Step::Propose(b) => SlaRegistry::propose(origin(node()), 0, terms_of(b)),
                    Step::Counter(b) => SlaRegistry::counter(origin(anchor()), node(), terms_of(b)),
                    Step::AcceptProposal => SlaRegistry::accept_proposal(origin(anchor()), node()),
                    Step::AcceptCounter => SlaRegistry::accept_counter(origin(node())),
                    Step::Record { passed, better, late, signers } => {
                        let mut result = result(terms_of(better), passed);
                        result.period -= u32::from(late);
                        let certificate = certified(&result, &[0, 1, 2, 3][..signers as usize]);
                        let recorded = SlaRegistry::record_test(origin(anyone()), result, certificate);
                        assert!(recorded.is_err() || signers > 2);
                        recorded
                    },
                    Step::Activate => SlaRegistry::activate(origin(node())),
                    Step::End => SlaRegistry::end(origin(node())),
                    Step::Expire => SlaRegistry::expire(origin(anyone()), node()),
                    Step::Bond(bonded) => {
                        Bonded::set(if bonded { vec![node()] } else { vec![] });
                        Ok(())
                    },
                    Step::NextPeriod => {
                        CurrentPeriod::mutate(|period| *period += 1);
                        System::set_block_number(System::block_number() + 1);
                        Ok(())
                    },
                };
                SlaRegistry::do_try_state().unwrap();
                let after = stage();
                if result.is_err() {
                    assert_eq!(before, after);
                }
                let moved_well = before == after
                    || match (before, after) {
                        (_, None) => matches!(step, Step::End | Step::Expire | Step::Record { passed: false, .. }),
                        (None | Some(Stage::Countered { .. }), Some(Stage::Proposed)) => matches!(step, Step::Propose(_)),
                        (Some(Stage::Proposed), Some(Stage::Countered { .. })) => matches!(step, Step::Counter(_)),
                        (Some(Stage::Proposed), Some(Stage::Accepted)) => matches!(step, Step::AcceptProposal),
                        (Some(Stage::Countered { .. }), Some(Stage::Accepted)) => matches!(step, Step::AcceptCounter),
                        (Some(Stage::Accepted), Some(Stage::Tested)) => {
                            matches!(step, Step::Record { passed: true, signers: 3.., .. })
                        },
                        (Some(Stage::Tested), Some(Stage::Active { .. })) => matches!(step, Step::Activate),
                        _ => false,
                    };
                assert!(moved_well, "{step:?} moved {result:?}");
            }
        });
    }
}
