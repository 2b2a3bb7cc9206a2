//! A feed does not care how its updates arrive.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use smartlayer_issuer_feed::{Feed, Limits, Outcome, Refusal, SignedUpdate, StateUpdate};
use smartlayer_primitives::InstanceId;
use sp_core::sr25519::Signature;

const INSTANCE: InstanceId = InstanceId { token_type: 1, index: 2 };

fn signed(sequence: u64, reset: bool, values: &[(&str, Option<&str>)]) -> SignedUpdate {
    let values = values.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect();
    let update = StateUpdate { instance: INSTANCE, sequence, reset, values, issued_at: 0 };
    SignedUpdate { update, signature: Signature::from_raw([0; 64]).into() }
}

fn placed() -> BTreeMap<String, String> {
    [("a".to_owned(), "placed".to_owned()), ("z".to_owned(), "placed".to_owned())].into()
}

fn applied(outcome: Outcome) -> Vec<u64> {
    match outcome {
        Outcome::Applied(all) => all.into_iter().map(|a| a.sequence).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_follow_the_updates() {
    let mut feed = Feed::new(INSTANCE);
    assert_eq!(feed.values(&placed()), placed());
    feed.offer(signed(1, false, &[("a", Some("1")), ("z", None)]));
    assert_eq!(feed.values(&placed()), [("a".to_owned(), "1".to_owned())].into());
    feed.offer(signed(2, false, &[("z", Some("back"))]));
    assert_eq!(feed.values(&placed())["z"], "back");
    feed.offer(signed(3, true, &[("b", Some("2")), ("c", None)]));
    assert_eq!(feed.values(&placed()), [("b".to_owned(), "2".to_owned())].into());
    assert_eq!((feed.applied(), feed.next(), feed.kept()), (3, 4, 1));
}

#[test]
fn only_real_changes_are_told() {
    let mut feed = Feed::new(INSTANCE);
    let mut changed = |update| match feed.offer(update).outcome {
        Outcome::Applied(all) => all.into_iter().flat_map(|a| a.changed).collect::<Vec<_>>().join(","),
        other => panic!("{other:?}"),
    };
    assert_eq!(changed(signed(1, false, &[("a", Some("1")), ("b", None)])), "a,b");
    assert_eq!(changed(signed(2, false, &[("a", Some("1")), ("b", Some("2"))])), "b");
    assert_eq!(changed(signed(3, true, &[("a", Some("1")), ("c", Some("3"))])), "a,b,c");
    assert_eq!(changed(signed(4, false, &[("d", None), ("c", None)])), "c");
}

#[test]
fn a_full_feed_takes_a_reset_and_nothing_else() {
    let limits = Limits { kept: 3, ..Limits::default() };
    let mut feed = Feed::with_limits(INSTANCE, limits);
    for n in 1..=3 {
        assert_eq!(applied(feed.offer(signed(n, false, &[("a", Some("x"))])).outcome), [n]);
    }
    assert_eq!(feed.offer(signed(4, false, &[])).outcome, Outcome::Refused(Refusal::NeedsReset));
    // What was refused was not taken: its number is free.
    let reset = feed.offer(signed(4, true, &[("a", Some("y"))]));
    assert_eq!((applied(reset.outcome), reset.dropped), (vec![4], vec![1, 2, 3]));
    assert_eq!(feed.kept(), 1);

    // What had waited where the reset has to come is dropped.
    let mut feed = Feed::with_limits(INSTANCE, limits);
    for n in 2..=5 {
        feed.offer(signed(n, false, &[]));
    }
    let offered = feed.offer(signed(1, false, &[]));
    assert_eq!((applied(offered.outcome), offered.dropped), (vec![1, 2, 3], vec![4]));
    assert_eq!((feed.gap(), feed.waiting()), (Some(4..=4), 1));
    assert_eq!(applied(feed.offer(signed(4, true, &[])).outcome), [4, 5]);
}

#[test]
fn size_fills_a_feed_too() {
    let limits = Limits { kept_bytes: 1000, ..Limits::default() };
    let mut feed = Feed::with_limits(INSTANCE, limits);
    let long = "x".repeat(300);
    for n in 1..=2 {
        feed.offer(signed(n, false, &[("a", Some(&long))]));
    }
    assert_eq!(feed.offer(signed(3, false, &[("a", Some(&long))])).outcome, Outcome::Refused(Refusal::NeedsReset));
    assert!(feed.bytes() <= 1000);
    // The next may still be small enough.
    assert_eq!(applied(feed.offer(signed(3, false, &[])).outcome), [3]);
}

#[test]
fn the_nearest_wait_and_the_farthest_give_way() {
    let limits = Limits { waiting: 2, ..Limits::default() };
    let mut feed = Feed::with_limits(INSTANCE, limits);
    assert_eq!(feed.offer(signed(9, false, &[])).outcome, Outcome::Waiting { missing: 1..=8 });
    assert_eq!(feed.offer(signed(5, false, &[])).outcome, Outcome::Waiting { missing: 1..=4 });
    assert_eq!(feed.offer(signed(10, false, &[])).outcome, Outcome::Refused(Refusal::TooFarAhead));
    let nearer = feed.offer(signed(7, false, &[]));
    assert_eq!((nearer.outcome, nearer.dropped), (Outcome::Waiting { missing: 1..=4 }, vec![9]));
    assert_eq!(feed.offer(signed(7, false, &[])).outcome, Outcome::Known);
    assert_eq!(feed.gap(), Some(1..=4));
}

#[test]
fn two_updates_with_one_number_are_evidence() {
    let mut feed = Feed::new(INSTANCE);
    let (first, second) = (signed(1, false, &[("a", Some("1"))]), signed(1, false, &[("a", Some("2"))]));
    feed.offer(first.clone());
    let conflict = Outcome::Refused(Refusal::Conflict(Box::new(first.clone())));
    assert_eq!(feed.offer(second).outcome, conflict);
    assert_eq!(feed.offer(signed(1, true, &[])).outcome, conflict);
    // Signed anew it is the same.
    let again = SignedUpdate { signature: Signature::from_raw([1; 64]).into(), ..first };
    assert_eq!(feed.offer(again).outcome, Outcome::Known);
    // Also while it waits; but a reset does not wait.
    feed.offer(signed(3, false, &[("a", None)]));
    assert!(matches!(feed.offer(signed(3, false, &[])).outcome, Outcome::Refused(Refusal::Conflict(_))));
    assert_eq!(applied(feed.offer(signed(3, true, &[])).outcome), [3]);
    assert_eq!((feed.waiting(), feed.gap()), (0, None));
}

#[test]
fn strangers_are_refused() {
    let mut feed = Feed::new(INSTANCE);
    let mut other = signed(1, false, &[]);
    other.update.instance.index = 3;
    assert_eq!(feed.offer(other).outcome, Outcome::Refused(Refusal::OtherInstance));
    let reserved = feed.offer(signed(1, false, &[("operations.redeem", Some("0"))]));
    assert!(matches!(reserved.outcome, Outcome::Refused(Refusal::Malformed(_))));
    // The last number there is does not overflow.
    assert_eq!(applied(feed.offer(signed(u64::MAX, true, &[])).outcome), [u64::MAX]);
    assert_eq!(feed.offer(signed(u64::MAX, false, &[])).outcome.clone(), {
        Outcome::Refused(Refusal::Conflict(Box::new(signed(u64::MAX, true, &[]))))
    });
}

/// What an issuer publishes: values of a few names, resets here and there.
fn stream() -> impl Strategy<Value = Vec<SignedUpdate>> {
    let value = ("[abz]", proptest::option::of("[0-3]"));
    let update = (proptest::bool::weighted(0.15), proptest::collection::vec(value, 0..4));
    proptest::collection::vec(update, 1..60).prop_map(|all| {
        let numbered = all.into_iter().zip(1..);
        type Said = (bool, Vec<(String, Option<String>)>);
        let update = |((reset, values), n): (Said, u64)| {
            let values: Vec<_> = values.iter().map(|(n, v)| (n.as_str(), v.as_deref())).collect();
            signed(n, reset, &values)
        };
        numbered.map(update).collect()
    })
}

/// Small enough to be reached, and large enough that what is refused in order is rare.
const SMALL: Limits = Limits { kept: 12, kept_bytes: 1100, waiting: 5, waiting_bytes: 500 };

/// Offers an update, and follows on the side what storage would hold and how often each number was applied.
fn offer(feed: &mut Feed, disk: &mut BTreeMap<u64, SignedUpdate>, seen: &mut BTreeSet<u64>, update: &SignedUpdate) {
    let known = feed.knows(&update.update);
    let offered = feed.offer(update.clone());
    assert_eq!(known, offered.outcome == Outcome::Known);
    for dropped in &offered.dropped {
        disk.remove(dropped);
    }
    if matches!(offered.outcome, Outcome::Applied(_) | Outcome::Waiting { .. }) {
        assert!(!offered.dropped.contains(&update.update.sequence));
        disk.insert(update.update.sequence, update.clone());
    }
    if let Outcome::Applied(all) = offered.outcome {
        for one in all {
            assert!(seen.insert(one.sequence), "{} was applied twice", one.sequence);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any order, any duplicates, any losses: after asking again the values are those of in-order application, nothing was applied
    /// twice, memory stayed within its limits, and storage holds what the feed does.
    #[test]
    fn order_duplicates_and_losses_do_not_matter(
        updates in stream(),
        arrivals in proptest::collection::vec(any::<prop::sample::Index>(), 0..120),
    ) {
        let mut source = Feed::with_limits(INSTANCE, SMALL);
        updates.iter().for_each(|update| drop(source.offer(update.clone())));

        let mut feed = Feed::with_limits(INSTANCE, SMALL);
        let (mut disk, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for arrival in arrivals {
            offer(&mut feed, &mut disk, &mut seen, arrival.get(&updates));
            prop_assert!(feed.kept() <= SMALL.kept && feed.waiting() <= SMALL.waiting);
            prop_assert!(feed.bytes() <= SMALL.kept_bytes + SMALL.waiting_bytes);
        }
        // Asked for from the next number on, a few at a time.
        loop {
            let sent: Vec<_> = source.since(feed.next()).take(4).cloned().collect();
            if sent.is_empty() {
                break;
            }
            let before = feed.applied();
            sent.iter().for_each(|update| offer(&mut feed, &mut disk, &mut seen, update));
            prop_assert!(feed.applied() > before);
        }
        prop_assert_eq!(feed.applied(), source.applied());
        prop_assert_eq!(feed.values(&placed()), source.values(&placed()));
        prop_assert!(feed.since(0).eq(source.since(0)));

        let mut restored = Feed::with_limits(INSTANCE, SMALL);
        disk.into_values().for_each(|update| drop(restored.offer(update)));
        prop_assert_eq!(restored, feed);
    }
}
