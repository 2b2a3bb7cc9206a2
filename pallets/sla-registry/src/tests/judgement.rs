//! What a committed line of a report costs, and how a node stands after breaches.

use frame_support::assert_ok;
use smartlayer_primitives::{agreement::Standing, traits::Agreements as _};
use sp_runtime::Permill;

use super::*;

fn breach(period: u32) -> Option<Standing> {
    SlaRegistry::on_breach(&node(), period);
    standing()
}

#[test]
fn only_persistent_breaches_cost() {
    run(|| {
        in_force();
        let slash = Some(Permill::from_percent(1));
        let costs: Vec<_> = (0..=10).map(|breaches| SlaRegistry::penalty(&line(6, breaches)).is_some()).collect();
        let every_third = [false, false, false, true, false, false, true, false, false, true, false];
        assert_eq!(costs, every_third);
        assert_eq!(SlaRegistry::penalty(&line(6, 3)), slash);
        assert_eq!(SlaRegistry::penalty(&line(6, u16::MAX)), slash, "65,535 is a multiple of three");
        assert_eq!(SlaRegistry::penalty(&line(6, u16::MAX - 1)), None);
    });
}

#[test]
fn without_terms_for_the_period_nothing_costs() {
    run(|| {
        assert_eq!(SlaRegistry::penalty(&line(6, 3)), None);
        tested();
        assert_eq!(SlaRegistry::penalty(&line(6, 3)), None);
        assert_ok!(SlaRegistry::activate(origin(node())));
        // The terms are in force, but hold from the next period on.
        assert_eq!(SlaRegistry::penalty(&line(5, 3)), None);
        assert!(SlaRegistry::penalty(&line(6, 3)).is_some());
        let of_another = smartlayer_primitives::report::ReportEntry { node: other_node(), ..line(6, 3) };
        assert_eq!(SlaRegistry::penalty(&of_another), None);
    });
}

#[test]
fn each_period_is_judged_by_the_terms_that_held_for_it() {
    run(|| {
        in_force();
        let penalty =
            smartlayer_primitives::sla::PenaltySchedule { persistent_after: 2, slash: Permill::from_percent(4) };
        let template = smartlayer_primitives::sla::Template { penalty, ..templates()[0] };
        assert_ok!(SlaRegistry::set_template(RuntimeOrigin::root(), 0, template));
        assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
        assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
        let result = TestResult { terms: template.terms(0, floor()).unwrap(), ..result(floor(), true) };
        assert_ok!(SlaRegistry::record_test(origin(anyone()), result.clone(), certified(&result, &[0, 1, 2])));
        assert_ok!(SlaRegistry::activate(origin(node())));
        let costs = |period| [2, 3, 4].map(|breaches| SlaRegistry::penalty(&line(period, breaches)));
        let (old, new) = (Some(Permill::from_percent(1)), Some(Permill::from_percent(4)));
        assert_eq!(costs(6), [None, old, None]);
        assert_eq!(costs(7), [new, None, new]);
    });
}

#[test]
fn two_breaches_near_each_other_suspend() {
    run(|| {
        in_force();
        CurrentPeriod::set(20);
        assert_eq!(standing(), Some(Standing::Good));
        assert_eq!(breach(10), Some(Standing::Good), "it was more than the probation ago");
        assert_eq!(breach(14), Some(Standing::Suspended { period: 14 }));
        assert_eq!(
            events()[events().len() - 2..],
            [
                Event::StandingChanged { node: node(), standing: Standing::Breached { period: 10 } },
                Event::StandingChanged { node: node(), standing: Standing::Suspended { period: 14 } },
            ]
        );
        // There is nothing worse, and no time heals it.
        assert_eq!(breach(15), Some(Standing::Suspended { period: 14 }));
        CurrentPeriod::set(1000);
        assert_eq!(standing(), Some(Standing::Suspended { period: 14 }));
        assert_eq!(SlaRegistry::active_terms(node()), None);
    });
}

#[test]
fn one_breach_told_twice_is_one() {
    run(|| {
        in_force();
        CurrentPeriod::set(12);
        assert_eq!(breach(10), Some(Standing::Breached { period: 10 }));
        let before = events().len();
        assert_eq!(breach(10), Some(Standing::Breached { period: 10 }));
        assert_eq!(events().len(), before);
    });
}

#[test]
fn a_breach_is_forgotten_after_the_probation() {
    run(|| {
        in_force();
        CurrentPeriod::set(18);
        assert_eq!(breach(10), Some(Standing::Breached { period: 10 }));
        CurrentPeriod::set(19);
        assert_eq!(standing(), Some(Standing::Good));
        assert_eq!(breach(19), Some(Standing::Breached { period: 19 }));
        CurrentPeriod::set(27);
        assert_eq!(breach(27), Some(Standing::Suspended { period: 27 }));
    });
}

#[test]
fn the_order_of_reports_matters_little() {
    for (reports, suspended) in [([18, 10], true), ([10, 18], true), ([19, 10], false), ([10, 19], false)] {
        run(|| {
            in_force();
            CurrentPeriod::set(20);
            reports.into_iter().for_each(|period| SlaRegistry::on_breach(&node(), period));
            let period = *reports.iter().max().unwrap();
            let expected = if suspended { Standing::Suspended { period } } else { Standing::Breached { period } };
            assert_eq!(standing(), Some(expected));
        });
    }
}

#[test]
fn terms_that_did_not_hold_then_are_not_breached() {
    run(|| {
        in_force();
        assert_eq!(breach(5), Some(Standing::Good));
        renegotiated();
        assert_ok!(SlaRegistry::activate(origin(node())));
        // The old terms were breached: that costs, but the node was tested since.
        assert_eq!(breach(6), Some(Standing::Good));
        assert_ok!(SlaRegistry::end(origin(node())));
        assert_eq!(breach(6), None);
        SlaRegistry::on_breach(&other_node(), 6);
        assert_eq!(SlaRegistry::agreement(other_node()), None);
    });
}

#[test]
fn a_suspended_node_comes_back_by_negotiating_anew() {
    run(|| {
        in_force();
        next_period();
        breach(6);
        breach(7);
        assert_eq!(SlaRegistry::active_terms(node()), None);
        renegotiated();
        assert_eq!(SlaRegistry::active_terms(node()), None);
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!(standing(), Some(Standing::Good));
        assert_eq!(SlaRegistry::active_terms(node()), Some(terms(better())));
        // Suspension did not end what it is liable for.
        assert!(SlaRegistry::penalty(&line(7, 3)).is_some());
    });
}

#[test]
fn judging_is_weighed() {
    assert!(SlaRegistry::weight().any_gt(frame_support::weights::Weight::zero()));
}
