//! How measurements become a score and a reward weight. Rounded down: doubt is not rewarded.

use sp_runtime::{traits::Saturating, Permill};

use crate::sla::Objectives;

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

/// What a node's reward is proportional to: its terms' weight times its score, in millionths.
pub fn reward_weight(terms_weight: u32, score: Permill) -> u128 {
    u128::from(terms_weight) * u128::from(score.deconstruct())
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
