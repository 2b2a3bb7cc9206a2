//! What somebody with something to gain would try.

use frame_support::{assert_noop, assert_ok};
use smartlayer_primitives::{agreement::Standing, agreement::Step, sla::TestResult, traits::Agreements as _};
use sp_runtime::Permill;

use super::*;
use crate::Error;

const SLASH: Option<Permill> = Some(Permill::from_percent(1));

fn penalty(period: u32) -> Option<Permill> {
    SlaRegistry::penalty(&line(period, 3))
}

#[test]
fn spam_of_proposals_stays_one_item_and_keeps_the_judge() {
    run(|| {
        proposed();
        let asked = anchor();
        assert_ok!(SlaRegistry::propose(origin(other_node()), 0, floor()));
        let undisturbed = SlaRegistry::agreement(other_node());
        for n in 0..200 {
            System::set_block_number(1 + n / 30);
            assert_ok!(SlaRegistry::propose(origin(node()), 0, if n % 2 == 0 { better() } else { floor() }));
            assert_eq!(anchor(), asked, "proposing anew chooses no other anchor");
        }
        assert_eq!(Agreements::<Test>::iter().count(), 2);
        assert_eq!(SlaRegistry::agreement(other_node()), undisturbed);
        // Nor does it keep the turn from passing on: it only begins at the first anchor again.
        System::set_block_number(200);
        assert_eq!(SlaRegistry::answering(node()), None);
    });
}

#[test]
fn spam_by_accounts_that_are_no_nodes_leaves_nothing() {
    run(|| {
        for n in 20..60 {
            assert_noop!(SlaRegistry::propose(origin(account(n)), 0, floor()), Error::<Test>::NotANode);
        }
        Bonded::set(vec![]);
        assert_noop!(SlaRegistry::propose(origin(node()), 0, floor()), Error::<Test>::NotBonded);
        assert_eq!(Agreements::<Test>::iter().count(), 0);
    });
}

#[test]
fn an_anchor_out_of_turn_answers_nothing() {
    run(|| {
        proposed();
        for turn in 0..10 {
            System::set_block_number(1 + turn * 10);
            for other in others() {
                assert_noop!(SlaRegistry::accept_proposal(origin(other.clone()), node()), Error::<Test>::NotYourTurn);
                assert_noop!(SlaRegistry::counter(origin(other), node(), better()), Error::<Test>::NotYourTurn);
            }
        }
        // The turn passes on with the block, not with the first who tries.
        System::set_block_number(10);
        let (first, block) = (anchor(), System::block_number());
        System::set_block_number(block + 1);
        assert_noop!(SlaRegistry::accept_proposal(origin(first), node()), Error::<Test>::NotYourTurn);
        assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
    });
}

#[test]
fn an_anchor_that_left_the_set_answers_nothing() {
    run(|| {
        proposed();
        let gone = anchor();
        ActiveSet::mutate(|set| {
            let position = set.position(&gone).unwrap();
            set.members.remove(position);
            set.id += 1;
        });
        assert_noop!(SlaRegistry::accept_proposal(origin(gone.clone()), node()), Error::<Test>::NotAnAnchor);
        assert_ne!(anchor(), gone);
        assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
    });
}

#[test]
fn a_lapsed_step_is_taken_by_nobody() {
    for (reach, due) in all_steps() {
        run(|| {
            in_force();
            reach();
            let until = negotiation().unwrap().until;
            let result = result(floor(), true);
            let recorded =
                || SlaRegistry::record_test(origin(anyone()), result.clone(), certified(&result, &[0, 1, 2]));
            System::set_block_number(until);
            match due {
                Step::Proposed => {
                    assert_eq!(SlaRegistry::answering(node()), None);
                    for anchor in (1..=ANCHORS).map(account) {
                        let accept = SlaRegistry::accept_proposal(origin(anchor.clone()), node());
                        assert_eq!(accept, Err(Error::<Test>::Lapsed.into()));
                        let counter = SlaRegistry::counter(origin(anchor), node(), better());
                        assert_eq!(counter, Err(Error::<Test>::Lapsed.into()));
                    }
                }
                Step::Countered { .. } => {
                    assert_noop!(SlaRegistry::accept_counter(origin(node())), Error::<Test>::Lapsed);
                }
                Step::Accepted => {
                    assert_noop!(recorded(), Error::<Test>::Lapsed);
                }
                Step::Tested => {
                    assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::Lapsed);
                }
            }
            // In the block before it would still have been taken; and proposing anew is always possible.
            System::set_block_number(until - 1);
            let negotiation_before = negotiation();
            assert_ok!(match due {
                Step::Proposed => SlaRegistry::accept_proposal(origin(anchor()), node()),
                Step::Countered { .. } => SlaRegistry::accept_counter(origin(node())),
                Step::Accepted => recorded(),
                Step::Tested => SlaRegistry::activate(origin(node())),
            });
            assert_ne!(negotiation(), negotiation_before);
            System::set_block_number(until + 1000);
            proposed();
            assert_eq!(step(), Some(Step::Proposed));
        });
    }
}

#[test]
fn a_quorum_one_signature_short_or_one_signer_twice_is_none() {
    run(|| {
        accepted();
        let result = result(floor(), true);
        let record = |certificate| SlaRegistry::record_test(origin(anyone()), result.clone(), certificate);
        let good = certified(&result, &[0, 1, 2]);

        // Two of four are one short of more than two thirds.
        assert_noop!(record(certified(&result, &[0, 1])), Error::<Test>::QuorumTooFew);
        assert_noop!(record(certified(&result, &[])), Error::<Test>::QuorumTooFew);
        // One signer twice: a signature without a bit, under another's bit, or its bit only once.
        let mut twice = certified(&result, &[0, 1]);
        twice.signatures.force_push(twice.signatures[0]);
        assert_noop!(record(twice.clone()), Error::<Test>::QuorumSignatureCount);
        twice.signers[0] |= 1 << 3;
        assert_noop!(record(twice), Error::<Test>::QuorumBadSignature);

        let mut other_set = good.clone();
        other_set.set_id -= 1;
        assert_noop!(record(other_set), Error::<Test>::QuorumOtherSet);
        let mut outside = good.clone();
        outside.signers[0] |= 1 << 7;
        assert_noop!(record(outside), Error::<Test>::QuorumBadBitmap);
        // Signatures over the opposite result, and over the same one for another node.
        let opposite = TestResult { passed: false, ..result.clone() };
        assert_noop!(record(certified(&opposite, &[0, 1, 2])), Error::<Test>::QuorumBadSignature);
        let of_another = TestResult { node: other_node(), ..result.clone() };
        assert_noop!(record(certified(&of_another, &[0, 1, 2])), Error::<Test>::QuorumBadSignature);
        assert_ok!(record(good));
    });
}

#[test]
fn no_anchors_make_no_quorum() {
    run(|| {
        accepted();
        ActiveSet::set(Default::default());
        let result = result(floor(), true);
        let nobody = certified(&result, &[]);
        assert_noop!(SlaRegistry::record_test(origin(anyone()), result, nobody), Error::<Test>::QuorumTooFew);
    });
}

#[test]
fn maintenance_declared_after_the_fact_excuses_nothing() {
    run(|| {
        in_force();
        let declare = |from, periods| SlaRegistry::declare_maintenance(origin(node()), from, periods);
        // It runs badly, and the node notices in the running period, or after it.
        assert_noop!(declare(6, 1), Error::<Test>::MaintenanceNotAhead);
        assert_noop!(declare(6, 2), Error::<Test>::MaintenanceNotAhead);
        next_period();
        assert_noop!(declare(6, 1), Error::<Test>::MaintenanceNotAhead);
        assert_ok!(declare(8, 1));
        assert_eq!([penalty(6), penalty(7), penalty(8)], [SLASH, SLASH, None]);
        // Neither can a declaration be stretched backwards, nor be had without end.
        assert_noop!(declare(7, 2), Error::<Test>::MaintenanceNotAhead);
        let mut declared = 1;
        for _ in 0..100 {
            let next = CurrentPeriod::get() + 1;
            declared += u32::from(declare(next, 1).is_ok());
            next_period();
        }
        // A quarter of the time at most, and what began in the last span.
        assert!(declared <= 101 / 12 * 3 + 3, "{declared}");
    });
}

#[test]
fn ending_the_agreement_dodges_no_slash() {
    run(|| {
        in_force();
        (6..8).for_each(|_| next_period());
        assert_eq!(penalty(8), SLASH);
        assert_ok!(SlaRegistry::end(origin(node())));
        assert_eq!([penalty(6), penalty(7), penalty(8), penalty(9)], [SLASH, SLASH, SLASH, None]);
        // Neither tidying up, nor leaving with the stake, nor beginning anew makes it go away.
        assert_noop!(SlaRegistry::expire(origin(node()), node()), Error::<Test>::NothingToExpire);
        Bonded::set(vec![]);
        assert_noop!(SlaRegistry::expire(origin(node()), node()), Error::<Test>::NothingToExpire);
        Bonded::set(vec![node()]);
        renegotiated();
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!([penalty(6), penalty(7), penalty(8)], [SLASH; 3]);
        // Ending again and again doesn't push it out.
        next_period();
        assert_noop!(SlaRegistry::end(origin(node())), Error::<Test>::TermsStillReportable);
        assert_eq!([penalty(6), penalty(7), penalty(8), penalty(9)], [SLASH; 4]);
    });
}

#[test]
fn renegotiating_dodges_no_slash() {
    run(|| {
        in_force();
        next_period();
        // It negotiates terms whose breaches become persistent later, and cost nothing.
        let mild = smartlayer_primitives::sla::PenaltySchedule { persistent_after: 100, slash: Permill::zero() };
        let template = smartlayer_primitives::sla::Template { penalty: mild, ..templates()[0] };
        assert_ok!(SlaRegistry::set_template(RuntimeOrigin::root(), 0, template));
        let mild = template.terms(0, floor()).unwrap();
        let renegotiate = || {
            assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
            assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
            let result = TestResult { terms: mild, ..result(floor(), true) };
            assert_ok!(SlaRegistry::record_test(origin(anyone()), result.clone(), certified(&result, &[0, 1, 2])));
        };
        renegotiate();
        assert_eq!([penalty(6), penalty(7), penalty(8)], [SLASH; 3], "nothing changes until it activates");
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!([penalty(6), penalty(7), penalty(8)], [SLASH, SLASH, None]);
        // A second change would push out the old terms.
        next_period();
        renegotiate();
        assert_noop!(SlaRegistry::activate(origin(node())), Error::<Test>::TermsStillReportable);
        assert_eq!(penalty(7), SLASH);
        // Once period 7 can't be reported any more, it goes.
        System::set_block_number(System::block_number() + 21);
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!([penalty(6), penalty(7)], [None, None]);
    });
}

#[test]
fn a_late_commitment_dodges_no_slash() {
    run(|| {
        in_force();
        assert_ok!(SlaRegistry::end(origin(node())));
        // The anchors are late by more than the report window.
        (0..5).for_each(|_| next_period_uncommitted());
        assert_noop!(SlaRegistry::expire(origin(node()), node()), Error::<Test>::NothingToExpire);
        commit(6);
        System::set_block_number(System::block_number() + 20);
        assert_noop!(SlaRegistry::expire(origin(node()), node()), Error::<Test>::NothingToExpire);
        assert_eq!(penalty(6), SLASH);
        System::set_block_number(System::block_number() + 1);
        assert_ok!(SlaRegistry::expire(origin(node()), node()));
    });
}

#[test]
fn a_period_is_judged_by_one_set_of_terms_at_its_boundaries() {
    run(|| {
        in_force();
        (6..8).for_each(|_| next_period());
        renegotiated();
        // In the last block of period 8, or in the first of 9: the period decides, not the block.
        let before = agreement();
        assert_ok!(SlaRegistry::activate(origin(node())));
        let held = |period| agreement().unwrap().terms_at(period).copied();
        assert_eq!([held(8), held(9)], [Some(terms(floor())), Some(terms(better()))]);
        Agreements::<Test>::set(node(), before);
        next_period();
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!([held(8), held(9), held(10)], [Some(terms(floor())), Some(terms(floor())), Some(terms(better()))]);
        // A gap between an end and a new beginning belongs to neither.
        System::set_block_number(System::block_number() + 200);
        (9..17).for_each(|_| next_period());
        assert_ok!(SlaRegistry::end(origin(node())));
        next_period();
        next_period();
        renegotiated();
        assert_ok!(SlaRegistry::activate(origin(node())));
        let all = [held(17), held(18), held(19), held(20)];
        assert_eq!(all, [Some(terms(better())), None, None, Some(terms(better()))]);
    });
}

#[test]
fn an_end_and_a_new_beginning_in_one_period_leave_no_gap() {
    run(|| {
        in_force();
        assert_ok!(SlaRegistry::end(origin(node())));
        renegotiated();
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!([penalty(5), penalty(6), penalty(7)], [None, SLASH, SLASH]);
    });
}

#[test]
fn a_breached_node_washes_its_standing_only_by_a_test() {
    run(|| {
        in_force();
        next_period();
        SlaRegistry::on_breach(&node(), 6);
        let breached = Some(Standing::Breached { period: 6 });
        assert_eq!(standing(), breached);
        proposed();
        assert_eq!(standing(), breached);
        assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
        recorded(false);
        assert_eq!(standing(), breached);
        SlaRegistry::on_breach(&node(), 7);
        assert_eq!(SlaRegistry::active_terms(node()), None);
    });
}

#[test]
fn a_proposal_swapped_before_the_answer_is_still_tested_as_it_is() {
    run(|| {
        assert_ok!(SlaRegistry::propose(origin(node()), 0, better()));
        let asked = anchor();
        assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
        assert_ok!(SlaRegistry::accept_proposal(origin(asked), node()));
        let better = result(better(), true);
        let certificate = certified(&better, &[0, 1, 2]);
        assert_noop!(SlaRegistry::record_test(origin(anyone()), better, certificate), Error::<Test>::OtherTerms);
    });
}
