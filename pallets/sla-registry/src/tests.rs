//! What the tests have in common, an agreement's whole life, and what the bookkeeping check sees.

use frame_support::assert_ok;
use smartlayer_primitives::{
    agreement::{Agreement, FormerTerms, Maintenance, Standing, Step},
    sla::TestResult,
    traits::Agreements as _,
    AccountId,
};
use sp_runtime::Permill;

use crate::{mock::*, Agreements, Event, LastTest, Templates};

mod adversarial;
mod judgement;
mod negotiation;
mod sequences;
mod tenure;

fn origin(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

fn events() -> Vec<Event<Test>> {
    let own = |record: frame_system::EventRecord<RuntimeEvent, _>| match record.event {
        RuntimeEvent::SlaRegistry(event) => Some(event),
        _ => None,
    };
    System::events().into_iter().filter_map(own).collect()
}

fn last_event() -> Event<Test> {
    events().pop().expect("an event of this pallet")
}

fn proposed() {
    assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
}

fn countered() {
    proposed();
    assert_ok!(SlaRegistry::counter(origin(anchor()), node(), better()));
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

fn activated() {
    tested();
    assert_ok!(SlaRegistry::activate(origin(node())));
}

/// The terms at the floor are in force and hold for the running period.
fn in_force() {
    activated();
    next_period();
}

/// The node goes through all steps with the better objectives.
fn renegotiated() {
    assert_ok!(SlaRegistry::propose(origin(node()), 0, better()));
    assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
    let result = result(better(), true);
    assert_ok!(SlaRegistry::record_test(origin(anyone()), result.clone(), certified(&result, &[1, 2, 3])));
}

fn standing() -> Option<Standing> {
    SlaRegistry::standing(node())
}

#[test]
#[docify::export]
fn an_agreement_from_proposal_to_end() {
    run(|| {
        // The node promises the least that template 0 allows; the anchor whose turn it is wants more; the node agrees.
        assert_ok!(SlaRegistry::propose(origin(node()), 0, floor()));
        let asked = SlaRegistry::answering(node()).unwrap();
        assert_ok!(SlaRegistry::counter(origin(asked), node(), better()));
        assert_ok!(SlaRegistry::accept_counter(origin(node())));

        // Three of four anchors attest that it passed the test at these very terms.
        let result = TestResult { node: node(), terms: terms(better()), period: CurrentPeriod::get(), passed: true };
        let certificate = certified(&result, &[0, 2, 3]);
        assert_ok!(SlaRegistry::record_test(origin(anyone()), result, certificate));

        // From here on the agreement is in force, and from the next period on the node is held to it.
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!(SlaRegistry::active_terms(node()), Some(terms(better())));
        next_period();

        // It misses an objective for three periods in a row, which these terms call persistent.
        assert_eq!(SlaRegistry::penalty(&line(8, 2)), None);
        assert_eq!(SlaRegistry::penalty(&line(8, 3)), Some(Permill::from_percent(1)));

        // The node ends the agreement. What it did until then can still be reported.
        (6..=8).for_each(|_| next_period());
        assert_ok!(SlaRegistry::end(origin(node())));
        assert_eq!(SlaRegistry::active_terms(node()), None);
        assert_eq!(SlaRegistry::penalty(&line(8, 3)), Some(Permill::from_percent(1)));
    });
}

#[test]
fn terms_are_active_only_in_force_and_backed_by_stake() {
    run(|| {
        let none = || assert_eq!(SlaRegistry::active_terms(node()), None);
        none();
        proposed();
        none();
        assert_ok!(SlaRegistry::accept_proposal(origin(anchor()), node()));
        none();
        recorded(true);
        none();
        assert_ok!(SlaRegistry::activate(origin(node())));
        assert_eq!(SlaRegistry::active_terms(node()), Some(terms(floor())));
        assert_eq!(SlaRegistry::active_terms(other_node()), None);
        Bonded::set(vec![]);
        none();
        Bonded::set(vec![node()]);
        SlaRegistry::on_breach(&node(), 6);
        assert_eq!(SlaRegistry::active_terms(node()), Some(terms(floor())));
        SlaRegistry::on_breach(&node(), 7);
        none();
        CurrentPeriod::set(7);
    });
}

#[test]
fn try_state_sees_what_is_wrong() {
    let broken = |breaks: fn(&mut Agreement)| {
        new_test_ext().execute_with(|| {
            in_force();
            proposed();
            assert_ok!(SlaRegistry::do_try_state());
            Agreements::<Test>::mutate(node(), |agreement| breaks(agreement.as_mut().unwrap()));
            assert!(SlaRegistry::do_try_state().is_err());
        });
    };
    let maintenance = |spans: &[(u32, u32)]| {
        let spans = spans.iter().map(|(from, periods)| Maintenance { from: *from, periods: *periods });
        spans.collect::<Vec<_>>().try_into().unwrap()
    };
    new_test_ext().execute_with(|| {
        in_force();
        Agreements::<Test>::mutate(node(), |a| a.as_mut().unwrap().maintenance = maintenance(&[(9, 1), (7, 2)]));
        assert_ok!(SlaRegistry::do_try_state());
        for wrong in [maintenance(&[(9, 1), (7, 3)]), maintenance(&[(9, 0)])] {
            Agreements::<Test>::mutate(node(), |a| a.as_mut().unwrap().maintenance = wrong);
            assert!(SlaRegistry::do_try_state().is_err());
        }
    });
    broken(|a| *a = Agreement::default());
    broken(|a| a.in_force.as_mut().unwrap().since = 8);
    broken(|a| a.in_force.as_mut().unwrap().terms.template = 2);
    broken(|a| a.in_force.as_mut().unwrap().terms.penalty.persistent_after = 0);
    broken(|a| a.in_force.as_mut().unwrap().standing = Standing::Breached { period: 5 });
    broken(|a| a.in_force.as_mut().unwrap().standing = Standing::Suspended { period: 7 });
    broken(|a| a.negotiation.as_mut().unwrap().since += 1);
    broken(|a| a.negotiation.as_mut().unwrap().until = 11);
    let former = |since, until| Some(FormerTerms { terms: terms(floor()), since, until });
    for wrong in [former(5, 5), former(5, 8), former(5, 7)] {
        new_test_ext().execute_with(|| {
            in_force();
            Agreements::<Test>::mutate(node(), |a| a.as_mut().unwrap().former = former(5, 6));
            assert_ok!(SlaRegistry::do_try_state());
            Agreements::<Test>::mutate(node(), |a| a.as_mut().unwrap().former = wrong);
            assert!(SlaRegistry::do_try_state().is_err());
        });
    }

    let broken = |reach: fn(), breaks: fn()| {
        new_test_ext().execute_with(|| {
            reach();
            assert_ok!(SlaRegistry::do_try_state());
            breaks();
            assert!(SlaRegistry::do_try_state().is_err());
        });
    };
    broken(tested, || LastTest::<Test>::remove(node()));
    broken(activated, || LastTest::<Test>::remove(node()));
    broken(activated, || LastTest::<Test>::insert(node(), 6));
    broken(activated, || Templates::<Test>::remove(0));
    broken(|| {}, || Templates::<Test>::mutate(0, |t| t.as_mut().unwrap().penalty.persistent_after = 0));
}

/// Where a negotiation can be, and how it got there.
fn all_steps() -> [(fn(), Step); 4] {
    [
        (proposed, Step::Proposed),
        (countered, Step::Countered { by: account(0) }),
        (accepted, Step::Accepted),
        (tested, Step::Tested),
    ]
}
