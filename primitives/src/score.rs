//! How measurements become a score, a reward weight and a judgement. Doubt is neither rewarded nor punished: scores are rounded down, and
//! a node is in breach only when chance does not explain what was measured. Whole numbers only, so that everyone computes the same.

use alloc::vec::Vec;
use sp_runtime::{traits::Saturating, PerThing, Permill};

use crate::{quorum::threshold, sla::Objectives};

/// The fewest probes whose 95th percentile says something about a node: of fewer it is the slowest single answer.
pub const MIN_LATENCY_PROBES: u32 = 20;

/// What one anchor measured of a node in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many probes.
    pub probes: u32,
    /// How many of them failed.
    pub failed: u32,
    /// The 95th percentile of the answer times in milliseconds.
    pub p95_latency_ms: u32,
}

/// The middle of the values; of two middles the lower. With fewer than a third liars among the values, the result lies between
/// honest ones. Nothing for no values.
pub fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// The share of probes that were answered; nothing measured counts as nothing reached.
pub fn availability(probes: u32, failed: u32) -> Permill {
    if probes == 0 {
        return Permill::zero();
    }
    Permill::from_rational(probes.saturating_sub(failed), probes)
}

/// How far a node reached its objectives: the product of the attainments in availability and p95 latency, each at most one.
pub fn score(availability: Permill, p95_latency_ms: u32, objectives: &Objectives) -> Permill {
    let reached = if availability >= objectives.availability {
        Permill::one()
    } else {
        Permill::from_rational(availability.deconstruct(), objectives.availability.deconstruct().max(1))
    };
    let fast = if p95_latency_ms <= objectives.p95_latency_ms {
        Permill::one()
    } else {
        Permill::from_rational(objectives.p95_latency_ms, p95_latency_ms)
    };
    reached.saturating_mul(fast)
}

/// Whether so many answers out of so many probes show that the true share of answers lies below the objective: the upper end of their
/// Wilson interval of 95 % is below it.
///
/// That is so exactly where `(objective - answered / probes)² > z² × objective × (1 - objective) / probes` with z = 1.96, which needs
/// neither roots nor fractions.
pub fn surely_below(answered: u64, probes: u64, objective: Permill) -> bool {
    let (one, wanted) = (u128::from(Permill::ACCURACY), u128::from(objective.deconstruct()));
    let (answered, probes) = (u128::from(answered), u128::from(probes));
    let Some(lacking) = wanted.saturating_mul(probes).checked_sub(one.saturating_mul(answered)) else { return false };
    // z² is 2401 / 625. The left side may saturate, and then the right side, below 2^115, is smaller all the same.
    let square = lacking.saturating_mul(lacking).saturating_mul(625);
    let spread = wanted.saturating_mul(one.saturating_sub(wanted)).saturating_mul(probes).saturating_mul(2401);
    square > spread
}

/// Whether a node was below one of its objectives with confidence. `samples` are at most one an anchor, of so many active `anchors`.
///
/// More than two thirds of the anchors must have measured it. Fewer than a third of them may lie:
///
/// - availability: as many anchors as may lie are left out, those that saw the most failures. The probes of the others are counted
///   together, of none of them more than the median anchor made, and judged by [`surely_below`];
/// - latency: more than two thirds of the anchors, each with [`MIN_LATENCY_PROBES`] at least, found the 95th percentile above the objective.
///
/// So a node that every honest anchor found within its objectives is never in breach, whatever the others say.
pub fn in_breach(samples: &[Sample], anchors: usize, objectives: &Objectives) -> bool {
    let quorum = threshold(anchors);
    let mut measured: Vec<Sample> = samples.iter().filter(|s| s.probes > 0 && s.failed <= s.probes).copied().collect();
    if measured.len() < quorum {
        return false;
    }
    let is_slow = |s: &&Sample| s.probes >= MIN_LATENCY_PROBES && s.p95_latency_ms > objectives.p95_latency_ms;
    if measured.iter().filter(is_slow).count() >= quorum {
        return true;
    }
    let mut counts: Vec<u32> = measured.iter().map(|s| s.probes).collect();
    let most = median(&mut counts).unwrap_or(0);
    let share = |s: &Sample, of: &Sample| u64::from(s.failed).saturating_mul(of.probes.into());
    measured.sort_unstable_by(|a, b| share(b, a).cmp(&share(a, b)).then(b.probes.cmp(&a.probes)));
    let (mut answered, mut probes) = (0u64, 0u64);
    for sample in measured.iter().skip(anchors.saturating_sub(quorum)) {
        let counted = u64::from(sample.probes.min(most));
        let failed = u64::from(sample.failed).saturating_mul(counted).checked_div(sample.probes.into()).unwrap_or(0);
        probes = probes.saturating_add(counted);
        answered = answered.saturating_add(counted.saturating_sub(failed));
    }
    surely_below(answered, probes, objectives.availability)
}

/// What a node's reward is proportional to: its terms' weight times its score, in millionths.
pub fn reward_weight(terms_weight: u32, score: Permill) -> u128 {
    u128::from(terms_weight).saturating_mul(score.deconstruct().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn objectives() -> Objectives {
        Objectives { availability: Permill::from_percent(99), p95_latency_ms: 200, ..Default::default() }
    }

    proptest! {
        #[test]
        fn fewer_than_a_third_liars_stay_between_honest_values(honest in prop::collection::vec(any::<u32>(), 1..60), lies in prop::collection::vec(any::<u32>(), 0..30)) {
            prop_assume!(lies.len() * 2 < honest.len());
            let (low, high) = (*honest.iter().min().unwrap(), *honest.iter().max().unwrap());
            let mut all: Vec<u32> = honest.into_iter().chain(lies).collect();
            let middle = median(&mut all).unwrap();
            prop_assert!((low..=high).contains(&middle));
        }

        #[test]
        fn better_service_never_scores_lower(a in 0u32..=1_000_000, b in 0u32..=1_000_000, l: u32, m: u32) {
            let (worse, better) = (a.min(b), a.max(b));
            let (fast, slow) = (l.min(m), l.max(m));
            let o = objectives();
            prop_assert!(score(Permill::from_parts(worse), slow, &o) <= score(Permill::from_parts(better), fast, &o));
        }
    }

    /// The upper end of the Wilson interval, as the textbook has it.
    fn wilson_upper(answered: u64, probes: u64) -> f64 {
        let (n, z) = (probes as f64, 1.96f64);
        let p = answered as f64 / n;
        (p + z * z / (2.0 * n) + z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt()) / (1.0 + z * z / n)
    }

    fn sample(probes: u32, failed: u32, p95_latency_ms: u32) -> Sample {
        Sample { probes, failed, p95_latency_ms }
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        let numbers = (prop_oneof![0u32..100, any::<u32>()], prop_oneof![0u32..100, any::<u32>()], any::<u32>());
        numbers.prop_map(|(probes, failed, latency)| sample(probes, failed, latency))
    }

    proptest! {
        #[test]
        fn the_whole_numbers_say_what_the_interval_says(probes in 1u64..100_000, share in 0.0f64..=1.0, parts in 1u32..1_000_000) {
            let answered = (probes as f64 * share) as u64;
            let (upper, objective) = (wilson_upper(answered, probes), f64::from(parts) / 1e6);
            // Floats cannot tell at the very border.
            prop_assume!((upper - objective).abs() > 1e-9);
            prop_assert_eq!(surely_below(answered, probes, Permill::from_parts(parts)), upper < objective);
        }

        #[test]
        fn answering_more_is_never_worse(probes: u64, a: u64, b: u64, parts in 0u32..=1_000_000) {
            let objective = Permill::from_parts(parts);
            let (fewer, more) = (a.min(b), a.max(b));
            prop_assert!(!surely_below(more, probes, objective) || surely_below(fewer, probes, objective));
            prop_assert!(!surely_below(probes, probes, objective));
        }

        #[test]
        fn no_lie_puts_a_good_node_in_breach(
            honest in prop::collection::vec((1u32..500, 0.0f64..=1.0, 0u32..=200), 1..20),
            lies in prop::collection::vec(any_sample(), 0..10),
            silent in 0usize..10,
            parts in 0u32..=1_000_000,
        ) {
            let objectives = Objectives { availability: Permill::from_parts(parts), p95_latency_ms: 200, ..Default::default() };
            let anchors = honest.len() + lies.len() + silent;
            prop_assume!(lies.len() <= anchors - threshold(anchors));
            let good = honest.into_iter().map(|(probes, share, latency)| {
                let allowed = u64::from(probes) * u64::from(1_000_000 - parts) / 1_000_000;
                sample(probes, (allowed as f64 * share) as u32, latency)
            });
            let all: Vec<Sample> = good.chain(lies).collect();
            prop_assert!(!in_breach(&all, anchors, &objectives));
        }

        #[test]
        fn no_praise_saves_a_dead_node(probes in 10u32..500, lies in prop::collection::vec(any_sample(), 0..10), more in 0usize..5) {
            let liars = lies.len();
            let honest = 2 * liars + 1 + more;
            prop_assume!(liars <= honest + liars - threshold(honest + liars));
            let mut all = lies;
            all.extend((0..honest).map(|_| sample(probes, probes, u32::MAX)));
            let objectives = Objectives { availability: Permill::from_percent(90), ..Default::default() };
            prop_assert!(in_breach(&all, honest + liars, &objectives));
        }

        #[test]
        fn the_order_of_samples_does_not_matter(samples in prop::collection::vec(any_sample(), 0..12), turn in 0usize..12) {
            let o = objectives();
            let mut turned = samples.clone();
            turned.rotate_left(turn % samples.len().max(1));
            prop_assert_eq!(in_breach(&samples, samples.len(), &o), in_breach(&turned, samples.len(), &o));
        }
    }

    #[test]
    fn one_unlucky_probe_is_no_breach() {
        let o = objectives();
        // One of ten failed at one anchor: far below 99 %, and explained by chance.
        let unlucky = [sample(10, 1, u32::MAX), sample(10, 0, 5), sample(10, 0, 5), sample(10, 0, 5)];
        assert!(availability(10, 1) < o.availability && !in_breach(&unlucky, 4, &o));
        // The same share seen by all of them often enough is none.
        assert!(in_breach(&[sample(100, 10, 5); 4], 4, &o));
        // Down is down at once.
        assert!(in_breach(&[sample(3, 3, u32::MAX); 3], 4, &o));
        // Two of four are too few to say so.
        assert!(!in_breach(&[sample(100, 100, u32::MAX); 2], 4, &o));
        assert!(!in_breach(&[], 4, &o) && !in_breach(&[], 0, &o));
    }

    #[test]
    fn slowness_needs_a_quorum_and_enough_probes() {
        let o = objectives();
        let (slow, fast) = (sample(MIN_LATENCY_PROBES, 0, 201), sample(MIN_LATENCY_PROBES, 0, 200));
        assert!(in_breach(&[slow, slow, slow, fast], 4, &o));
        assert!(!in_breach(&[slow, slow, fast, fast], 4, &o));
        let few = sample(MIN_LATENCY_PROBES - 1, 0, 5_000);
        assert!(!in_breach(&[few; 4], 4, &o));
    }

    #[test]
    fn objectives_met_score_one_and_half_scores_half() {
        let o = objectives();
        assert_eq!(score(Permill::from_percent(99), 200, &o), Permill::one());
        assert_eq!(score(Permill::one(), 400, &o), Permill::from_percent(50));
        assert_eq!(score(availability(0, 0), 1, &o), Permill::zero());
        assert_eq!(median::<u32>(&mut []), None);
        assert_eq!(median(&mut [4, 1, 3, 2]), Some(2));
    }
}
