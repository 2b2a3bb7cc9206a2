//! Random sequences of all calls by several actors, with everything checked after each.

use std::collections::{BTreeMap, BTreeSet};

use frame_support::dispatch::DispatchResult;
use proptest::prelude::*;
use smartlayer_primitives::{
    agreement::{Agreement, Standing, Step},
    sla::{PenaltySchedule, Template, Terms, TestResult},
    traits::Agreements as _,
    AccountId, Period,
};
use sp_runtime::Permill;

use super::*;

/// One thing that somebody does about a node.
#[derive(Clone, Debug)]
enum Action {
    Propose { better: bool },
    Counter { better: bool, in_turn: bool },
    AcceptProposal { in_turn: bool },
    AcceptCounter,
    Record { passed: bool, of_agreed: bool, late: bool, signers: u8 },
    Activate,
    End,
    Expire,
    DeclareMaintenance { ahead: u32, periods: u32 },
    SetTemplate { persistent_after: u16, slash: u8 },
    Bond(bool),
    Breach { ago: u32 },
    Blocks(u32),
    NextPeriod { committed: bool },
    ChangeAnchors(u8),
}

fn action() -> impl Strategy<Value = Action> {
    use Action::*;
    prop_oneof![
        2 => any::<bool>().prop_map(|better| Propose { better }),
        2 => (any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(better, in_turn)| Counter { better, in_turn }),
        2 => prop::bool::weighted(0.8).prop_map(|in_turn| AcceptProposal { in_turn }),
        2 => Just(AcceptCounter),
        3 => (prop::bool::weighted(0.8), prop::bool::weighted(0.8), prop::bool::weighted(0.3), 2..5u8)
            .prop_map(|(passed, of_agreed, late, signers)| Record { passed, of_agreed, late, signers }),
        2 => Just(Activate),
        2 => Just(End),
        4 => Just(Expire),
        6 => (0..14u32, 0..4u32).prop_map(|(ahead, periods)| DeclareMaintenance { ahead, periods }),
        1 => (0..5u16, 0..=100u8).prop_map(|(persistent_after, slash)| SetTemplate { persistent_after, slash }),
        1 => prop::bool::weighted(0.9).prop_map(Bond),
        4 => (0..6u32).prop_map(|ago| Breach { ago }),
        2 => (1..60u32).prop_map(Blocks),
        8 => prop::bool::weighted(0.8).prop_map(|committed| NextPeriod { committed }),
        1 => (3..=ANCHORS).prop_map(ChangeAnchors),
    ]
}

/// What one actor does in a row: one thing, or a negotiation from its beginning to any step, so that the rare states
/// are met often.
fn stretch() -> impl Strategy<Value = Vec<Action>> {
    let negotiation = (any::<bool>(), any::<bool>(), 1..=5usize).prop_map(|(better, countered, length)| {
        let answer = if countered {
            vec![Action::Counter { better: !better, in_turn: true }, Action::AcceptCounter]
        } else {
            vec![Action::AcceptProposal { in_turn: true }]
        };
        let test = Action::Record { passed: true, of_agreed: true, late: false, signers: 4 };
        let all = [vec![Action::Propose { better }], answer, vec![test, Action::Activate]].concat();
        all.into_iter().take(length).collect()
    });
    prop_oneof![6 => action().prop_map(|action| vec![action]), 1 => negotiation]
}

fn perform(who: &AccountId, action: &Action) -> DispatchResult {
    let of = |better_ones: bool| if better_ones { better() } else { floor() };
    let on_turn = |in_turn: bool| {
        let asked = SlaRegistry::answering(who.clone());
        let mut all = ActiveSet::get().members.into_iter().map(|m| m.account);
        all.find(|a| (Some(a) == asked.as_ref()) == in_turn).unwrap_or_else(anyone)
    };
    match *action {
        Action::Propose { better } => SlaRegistry::propose(origin(who.clone()), 0, of(better)),
        Action::Counter { better, in_turn } => SlaRegistry::counter(origin(on_turn(in_turn)), who.clone(), of(better)),
        Action::AcceptProposal { in_turn } => SlaRegistry::accept_proposal(origin(on_turn(in_turn)), who.clone()),
        Action::AcceptCounter => SlaRegistry::accept_counter(origin(service_key(who))),
        Action::Record { passed, of_agreed, late, signers } => {
            let agreed = SlaRegistry::agreement(who.clone()).and_then(|a| a.negotiation).map(|n| n.terms);
            let terms = agreed.filter(|_| of_agreed).unwrap_or(terms(floor()));
            let period = CurrentPeriod::get() - u32::from(late);
            let result = TestResult { node: who.clone(), terms, period, passed };
            let members = ActiveSet::get().members.len();
            let positions: Vec<u8> = (0..signers.min(members as u8)).collect();
            let certificate = certified(&result, &positions);
            let recorded = SlaRegistry::record_test(origin(anyone()), result, certificate);
            assert!(recorded.is_err() || positions.len() * 3 > members * 2, "without a quorum");
            recorded
        }
        Action::Activate => SlaRegistry::activate(origin(who.clone())),
        Action::End => SlaRegistry::end(origin(who.clone())),
        Action::Expire => SlaRegistry::expire(origin(anyone()), who.clone()),
        Action::DeclareMaintenance { ahead, periods } => {
            SlaRegistry::declare_maintenance(origin(who.clone()), CurrentPeriod::get() + ahead, periods)
        }
        Action::SetTemplate { persistent_after, slash } => {
            let penalty = PenaltySchedule { persistent_after, slash: Permill::from_percent(slash.into()) };
            SlaRegistry::set_template(RuntimeOrigin::root(), 0, Template { penalty, ..templates()[0] })
        }
        Action::Bond(bonded) => {
            Bonded::mutate(|all| {
                all.retain(|n| n != who);
                all.extend(bonded.then(|| who.clone()));
            });
            Ok(())
        }
        Action::Breach { ago } => {
            // Like `service-staking`: only what costs something is a breach.
            let period = CurrentPeriod::get() - 1 - ago.min(4);
            let entry = smartlayer_primitives::report::ReportEntry { node: who.clone(), ..line(period, 12) };
            if SlaRegistry::penalty(&entry).is_some() {
                SlaRegistry::on_breach(who, period);
            }
            Ok(())
        }
        Action::Blocks(blocks) => {
            System::set_block_number(System::block_number() + blocks);
            Ok(())
        }
        Action::NextPeriod { committed } => {
            next_period_uncommitted();
            let now = CurrentPeriod::get();
            let next = Committed::get().keys().max().map_or(5, |last| last + 1).max(now.saturating_sub(History::get()));
            // In order, all that are due.
            (next..now).filter(|_| committed).for_each(commit);
            Ok(())
        }
        Action::ChangeAnchors(count) => {
            let members = (1..=count).map(|n| smartlayer_primitives::quorum::Member {
                account: account(n),
                key: sp_core::Pair::public(&anchor_pair(n)),
            });
            let members = members.collect::<Vec<_>>().try_into().unwrap();
            ActiveSet::mutate(|set| {
                set.id += 1;
                set.members = members;
            });
            Ok(())
        }
    }
}

/// Whether the negotiation may go from one step to another by this.
fn moved_well(action: &Action, before: Option<&Step>, after: Option<&Step>) -> bool {
    use Step::*;
    match (action, before, after) {
        (Action::Propose { .. }, _, Some(Proposed)) => true,
        (Action::Counter { in_turn: true, .. }, Some(Proposed), Some(Countered { .. })) => true,
        (Action::AcceptProposal { in_turn: true }, Some(Proposed), Some(Accepted)) => true,
        (Action::AcceptCounter, Some(Countered { .. }), Some(Accepted)) => true,
        (Action::Record { passed: true, .. }, Some(Accepted), Some(Tested)) => true,
        (Action::Record { passed: false, .. }, Some(Accepted), None) => true,
        (Action::Activate, Some(Tested), None) => true,
        (Action::End | Action::Expire, _, None) => true,
        _ => before == after,
    }
}

/// What a period was like for a node when it began: nothing that happens later may change it.
type Judged = BTreeMap<(AccountId, Period), (Option<Terms>, bool)>;

fn as_it_is_now(node: &AccountId, period: Period) -> (Option<Terms>, bool) {
    let agreement = SlaRegistry::agreement(node.clone()).unwrap_or_default();
    let terms = agreement.terms_at(period).copied();
    (terms, terms.is_some() && agreement.in_maintenance(period))
}

/// All maintenance that was declared since the node's agreement began, kept or not.
type Declared = BTreeMap<AccountId, BTreeSet<Period>>;

fn is_within_bounds(declared: &BTreeSet<Period>) -> bool {
    let busy = |from: &Period| declared.range(from..&(from + MaintenanceSpan::get())).count() as u32;
    declared.iter().all(|from| busy(from) <= MaxMaintenance::get())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..Default::default() })]

    /// However the calls come: no step is skipped; what fails changes nothing; what a period that can still be reported
    /// is judged by was fixed when it began; no node has more maintenance than it may; and the bookkeeping holds after
    /// every step.
    #[test]
    fn no_sequence_of_calls_breaks_the_rules(
        stretches in prop::collection::vec((prop::bool::weighted(0.3), stretch()), 1..120),
    ) {
        new_test_ext().execute_with(|| {
            let nodes = [node(), other_node()];
            let (mut judged, mut declared) = (Judged::new(), Declared::new());
            let actions = stretches.into_iter().flat_map(|(second, all)| all.into_iter().map(move |one| (second, one)));
            for (second, action) in actions {
                let who = &nodes[usize::from(second)];
                let before = nodes.clone().map(|node| SlaRegistry::agreement(node).unwrap_or_default());
                let events_before = events().len();
                let (block, last_test) = (System::block_number(), LastTest::<Test>::get(who));
                let result = perform(who, &action);
                SlaRegistry::do_try_state().unwrap();
                let after = nodes.clone().map(|node| SlaRegistry::agreement(node).unwrap_or_default());

                if result.is_err() {
                    prop_assert_eq!(&before, &after);
                    prop_assert_eq!(events().len(), events_before);
                }
                let (mine, other) = (usize::from(second), usize::from(!second));
                prop_assert_eq!(&before[other], &after[other], "it is nobody else's agreement");
                let (before, after) = (&before[mine], &after[mine]);
                prop_assert!(moved_well(&action, before.step(), after.step()), "{action:?}: {before:?} to {after:?}");
                let (held, holds) = (before.in_force.as_ref(), after.in_force.as_ref());
                if holds.is_some() && held.map(|f| (f.terms, f.since)) != holds.map(|f| (f.terms, f.since)) {
                    prop_assert!(matches!(action, Action::Activate), "only activation brings terms into force");
                    prop_assert_eq!(before.step(), Some(&Step::Tested));
                    prop_assert_eq!(after.in_force.as_ref().map(|f| f.standing), Some(Standing::Good));
                }
                let lapsed = before.negotiation.as_ref().is_some_and(|negotiation| negotiation.until <= block);
                if lapsed && before.negotiation != after.negotiation {
                    let may = matches!(action, Action::Propose { .. } | Action::End | Action::Expire);
                    prop_assert!(may, "{action:?} revived what had lapsed");
                }
                if matches!(action, Action::Record { .. }) && result.is_ok() {
                    prop_assert!(LastTest::<Test>::get(who) > last_test, "an old result was recorded");
                }
                if let (Action::DeclareMaintenance { ahead, periods }, true) = (&action, result.is_ok()) {
                    let from = CurrentPeriod::get() + ahead;
                    declared.entry(who.clone()).or_default().extend(from..from + periods);
                }
                if *after == Agreement::default() {
                    declared.remove(who);
                }
                prop_assert!(declared.values().all(is_within_bounds), "too much maintenance");

                let now = CurrentPeriod::get();
                for node in &nodes {
                    judged.entry((node.clone(), now)).or_insert_with(|| as_it_is_now(node, now));
                }
                for ((node, period), was) in &judged {
                    if SlaRegistry::is_reportable(*period) {
                        prop_assert_eq!(&as_it_is_now(node, *period), was, "{:?} changed {}", action, period);
                    }
                }
            }
            Ok(())
        })?;
    }
}
