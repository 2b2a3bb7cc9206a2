//! From single probes to what an anchor measured of a node in a period.

use std::{collections::BTreeMap, time::Duration};

use smartlayer_primitives::{sla::Measurement, AccountId, Period};

/// Longer answers count as failed. Also bounds the memory that [`Probes`] takes: it counts answers by millisecond.
pub const MAX_LATENCY: Duration = Duration::from_secs(30);

/// The probes of one node in one period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// How many answers took so many milliseconds.
    answered: BTreeMap<u32, u32>,
    count: u32,
    failed: u32,
}

impl Probes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an answer, rounded up to whole milliseconds; one after [`MAX_LATENCY`] counts as failed.
    pub fn answered(&mut self, after: Duration) {
        if after > MAX_LATENCY {
            return self.failed();
        }
        let millis = u32::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
        let same = self.answered.entry(millis).or_default();
        *same = same.saturating_add(1);
        self.count = self.count.saturating_add(1);
    }

    /// Counts a probe that failed or was not answered in time.
    pub fn failed(&mut self) {
        self.count = self.count.saturating_add(1);
        self.failed = self.failed.saturating_add(1);
    }

    /// How many probes there were.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The 95th percentile of the answer times in milliseconds, by nearest rank: the smallest time within which at least 95 of 100
    /// probes were answered. A failed probe counts as infinite, so it is `u32::MAX` if more than 5 of 100 failed, or without any
    /// probe.
    pub fn p95_latency_ms(&self) -> u32 {
        let rank = (u64::from(self.count) * 95).div_ceil(100);
        let mut within = 0u64;
        for (millis, count) in &self.answered {
            within += u64::from(*count);
            if within >= rank {
                return *millis;
            }
        }
        u32::MAX
    }

    /// What goes to the other anchors, once signed.
    pub fn measurement(&self, anchor: AccountId, sequence: u64, node: AccountId, period: Period) -> Measurement {
        let (probes, failed, p95_latency_ms) = (self.count, self.failed, self.p95_latency_ms());
        Measurement { anchor, sequence, node, period, probes, failed, p95_latency_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_nearest_rank(mut times in prop::collection::vec(prop::option::weighted(0.9, 0u32..2_000), 1..200)) {
            let mut probes = Probes::new();
            for time in &times {
                match time {
                    Some(millis) => probes.answered(Duration::from_millis((*millis).into())),
                    None => probes.failed(),
                }
            }
            prop_assert_eq!(probes.count() as usize, times.len());
            times.sort_by_key(|time| time.unwrap_or(u32::MAX));
            let rank = (times.len() * 95).div_ceil(100);
            prop_assert_eq!(probes.p95_latency_ms(), times[rank - 1].unwrap_or(u32::MAX));
        }
    }

    #[test]
    fn failures_are_infinite() {
        let mut probes = Probes::new();
        assert_eq!(probes.p95_latency_ms(), u32::MAX);
        for _ in 0..19 {
            probes.answered(Duration::from_micros(7_001));
        }
        probes.failed();
        assert_eq!(probes.p95_latency_ms(), 8);
        probes.answered(MAX_LATENCY + Duration::from_nanos(1));
        assert_eq!(probes.p95_latency_ms(), u32::MAX);
        let node = AccountId::new([1; 32]);
        let measurement = probes.measurement(AccountId::new([2; 32]), 3, node, 4);
        assert_eq!((measurement.probes, measurement.failed, measurement.sequence, measurement.period), (21, 2, 3, 4));
    }
}
