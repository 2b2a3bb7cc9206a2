//! From the anchors' measurements to the service-level report.

use std::collections::BTreeMap;

use smartlayer_primitives::{
    payload::Payload,
    quorum::{threshold, AnchorSet},
    report::ReportEntry,
    score::{availability, in_breach, median, reward_weight, score, Sample},
    sla::{Measurement, SignedMeasurement, Terms},
    AccountId, Balance, Hash, Period,
};
use sp_core::{sr25519, Pair};

/// What a node is held to in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The terms that hold for the period.
    pub terms: Terms,
    /// Whether the node announced maintenance for it.
    pub in_maintenance: bool,
}

/// Why a measurement doesn't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasurementError {
    /// It is of another period.
    #[error("the measurement is of period {found}, not {expected}")]
    OtherPeriod {
        /// The period of the report.
        expected: Period,
        /// The measurement's.
        found: Period,
    },
    /// Its anchor is not active.
    #[error("the measurement is by nobody in the active set")]
    NotAnAnchor,
    /// More probes failed than there were.
    #[error("more probes failed than there were")]
    Contradiction,
    /// The signature is not its anchor's.
    #[error("the measurement is not signed by its anchor")]
    BadSignature,
}

/// Whether a measurement counts for the report of `period`.
pub fn check_measurement(
    signed: &SignedMeasurement,
    genesis: &Hash,
    anchors: &AnchorSet,
    period: Period,
) -> Result<(), MeasurementError> {
    let measurement = &signed.measurement;
    if measurement.period != period {
        return Err(MeasurementError::OtherPeriod { expected: period, found: measurement.period });
    }
    if measurement.failed > measurement.probes {
        return Err(MeasurementError::Contradiction);
    }
    let position = anchors.position(&measurement.anchor).ok_or(MeasurementError::NotAnAnchor)?;
    let key = &anchors.members[position].key;
    if !sr25519::Pair::verify(&signed.signature, measurement.signing_payload(genesis), key) {
        return Err(MeasurementError::BadSignature);
    }
    Ok(())
}

/// The report: an entry for every node that is held to terms, ordered by node.
///
/// `measurements` have passed [`check_measurement`] and are at most one an anchor and node. `served` is what each node charged for
/// the period's key operations, and `before` how many periods in a row each node was in breach at the end of the period before, if it was;
/// see [`breaches`]. Both sides of a comparison must take `agreements` from the same block and `before` from the committed report.
///
/// Per metric the median over the anchors counts. Anchors that didn't measure a node are left out, as long as more than two thirds of
/// the set did; up to that number the silent ones count as having found nothing. So a liar who is alone with its claim
/// gains nothing by it, and a node that nobody measured scores zero. Whether a node is in breach, [`in_breach`] says; announced
/// maintenance is left out of the row, and neither lengthens nor ends it.
pub fn report<'a>(
    period: Period,
    anchors: &AnchorSet,
    agreements: &BTreeMap<AccountId, Held>,
    measurements: impl IntoIterator<Item = &'a Measurement>,
    served: &BTreeMap<AccountId, Balance>,
    before: &BTreeMap<AccountId, u16>,
) -> Vec<ReportEntry> {
    let mut of_node: BTreeMap<&AccountId, Vec<&Measurement>> = BTreeMap::new();
    for measurement in measurements {
        of_node.entry(&measurement.node).or_default().push(measurement);
    }
    let quorum = threshold(anchors.members.len());
    let entry = |(node, Held { terms, in_maintenance }): (&AccountId, &Held)| {
        let measured = of_node.get(node).map(Vec::as_slice).unwrap_or_default();
        let mut availabilities: Vec<_> = measured.iter().map(|m| availability(m.probes, m.failed)).collect();
        let mut latencies: Vec<_> = measured.iter().map(|m| m.p95_latency_ms).collect();
        availabilities.resize(availabilities.len().max(quorum), availability(0, 0));
        latencies.resize(latencies.len().max(quorum), u32::MAX);
        let availability = median(&mut availabilities).unwrap_or_default();
        let p95_latency_ms = median(&mut latencies).unwrap_or(u32::MAX);
        let score = score(availability, p95_latency_ms, &terms.objectives);
        let sample = |m: &&Measurement| Sample { probes: m.probes, failed: m.failed, p95_latency_ms: m.p95_latency_ms };
        let samples: Vec<_> = measured.iter().map(sample).collect();
        let so_far = before.get(node).copied().unwrap_or(0);
        let breaches = match in_breach(&samples, anchors.members.len(), &terms.objectives) {
            // Or a node could end its row by announcing a period of maintenance now and then.
            _ if *in_maintenance => so_far,
            true => so_far.saturating_add(1),
            false => 0,
        };
        ReportEntry {
            period,
            node: node.clone(),
            availability,
            p95_latency_ms,
            served_value: served.get(node).copied().unwrap_or(0),
            score,
            breaches,
            reward_weight: reward_weight(terms.reward_weight, score),
        }
    };
    agreements.iter().map(entry).collect()
}

/// How many periods in a row the nodes of a report were in breach at its end; those that were not are left out.
pub fn breaches(report: &[ReportEntry]) -> BTreeMap<AccountId, u16> {
    let in_breach = report.iter().filter(|entry| entry.breaches > 0);
    in_breach.map(|entry| (entry.node.clone(), entry.breaches)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use proptest::prelude::*;
    use sp_runtime::Permill;

    fn measured(anchor: usize, node: u8, probes: u32, failed: u32, p95_latency_ms: u32) -> Measurement {
        Measurement {
            anchor: anchor_account(anchor),
            sequence: 1,
            node: account(node),
            period: PERIOD,
            probes,
            failed,
            p95_latency_ms,
        }
    }

    fn one(measurements: &[Measurement]) -> ReportEntry {
        report(PERIOD, &anchors().1, &agreements([1]), measurements, &BTreeMap::new(), &BTreeMap::new()).remove(0)
    }

    #[test]
    fn one_liar_of_four_moves_nobody_across_its_objective() {
        let honest: Vec<_> = (0..3).map(|anchor| measured(anchor, 1, 100, 0, 100 + anchor as u32)).collect();
        let good = one(&honest);
        assert_eq!((good.availability, good.score), (Permill::one(), Permill::one()));
        let slander = measured(3, 1, 100, 100, u32::MAX);
        let with_slander = one(&[&honest[..], &[slander]].concat());
        assert_eq!((with_slander.score, with_slander.reward_weight), (good.score, good.reward_weight));

        // A node that is down, praised by one.
        let down: Vec<_> = (0..3).map(|anchor| measured(anchor, 1, 100, 90, u32::MAX)).collect();
        let praise = measured(3, 1, 100, 0, 1);
        let praised = one(&[&down[..], std::slice::from_ref(&praise)].concat());
        assert_eq!(praised.availability, Permill::from_percent(10));
        assert_eq!(praised.score, one(&down).score);

        // And praised by one while nobody else measured.
        assert_eq!(one(&[praise]).score, Permill::zero());
        assert_eq!(one(&[]).score, Permill::zero());
        // One silent anchor is no harm.
        assert_eq!(one(&honest[..2]).score, Permill::one());
    }

    #[test]
    fn every_agreement_has_an_entry_in_order_and_nobody_else_has() {
        let served = BTreeMap::from([(account(2), 70), (account(9), 5)]);
        let measurements: Vec<_> = (0..4).flat_map(|a| [measured(a, 2, 10, 0, 5), measured(a, 9, 10, 0, 5)]).collect();
        let entries = report(PERIOD, &anchors().1, &agreements([3, 1, 2]), &measurements, &served, &BTreeMap::new());
        let found: Vec<_> = entries.iter().map(|e| (e.node.clone(), e.served_value, e.reward_weight)).collect();
        assert_eq!(found, [(account(1), 0, 0), (account(2), 70, 10_000_000), (account(3), 0, 0)]);
    }

    #[test]
    fn periods_in_breach_are_counted_in_a_row() {
        let (set, mut held) = (anchors().1, agreements([1, 2, 3, 4]));
        held.get_mut(&account(3)).unwrap().in_maintenance = true;
        // Nodes 1 to 3 are down, node 4 is up.
        let down = (1..=3).flat_map(|node| (0..4).map(move |anchor| measured(anchor, node, 50, 50, u32::MAX)));
        let up = (0..4).map(|anchor| measured(anchor, 4, 50, 0, 10));
        let measurements: Vec<_> = down.chain(up).collect();
        let before = BTreeMap::from([(account(1), 2), (account(3), 7), (account(4), 5)]);
        let entries = report(PERIOD, &set, &held, &measurements, &BTreeMap::new(), &before);
        assert_eq!(entries.iter().map(|entry| entry.breaches).collect::<Vec<_>>(), [3, 1, 7, 0]);
        assert_eq!(breaches(&entries), BTreeMap::from([(account(1), 3), (account(2), 1), (account(3), 7)]));
        // Maintenance keeps a node from the count, not from the score.
        assert_eq!(entries[2].score, Permill::zero());
        let longest = BTreeMap::from([(account(1), u16::MAX)]);
        assert_eq!(report(PERIOD, &set, &held, &measurements, &BTreeMap::new(), &longest)[0].breaches, u16::MAX);
    }

    #[test]
    fn measurements_that_do_not_count() {
        let (pairs, set) = anchors();
        let check = |signed: &SignedMeasurement| check_measurement(signed, &GENESIS, &set, PERIOD);
        let good = sign_measurement(&pairs[1], measured(1, 1, 10, 2, 30));
        assert_eq!(check(&good), Ok(()));
        let changed = |change: fn(&mut Measurement)| {
            let mut measurement = good.measurement.clone();
            change(&mut measurement);
            sign_measurement(&pairs[1], measurement)
        };
        assert_eq!(
            check(&changed(|m| m.period += 1)),
            Err(MeasurementError::OtherPeriod { expected: PERIOD, found: PERIOD + 1 })
        );
        assert_eq!(check(&changed(|m| m.anchor = account(77))), Err(MeasurementError::NotAnAnchor));
        assert_eq!(check(&changed(|m| m.anchor = anchor_account(0))), Err(MeasurementError::BadSignature));
        assert_eq!(check(&changed(|m| m.failed = 11)), Err(MeasurementError::Contradiction));
        let mut forged = good.clone();
        forged.measurement.p95_latency_ms = 1;
        assert_eq!(check(&forged), Err(MeasurementError::BadSignature));
        assert_eq!(check_measurement(&good, &Hash::zero(), &set, PERIOD), Err(MeasurementError::BadSignature));
    }

    proptest! {
        #[test]
        fn order_does_not_matter(
            values in prop::collection::vec((0u8..4, 0u32..100, 0u32..500), 0..16).prop_map(|values| {
                values.into_iter().enumerate().map(|(i, (node, failed, p95))| measured(i % 4, node, 100, failed, p95)).collect::<Vec<_>>()
            }),
            seed: u64,
        ) {
            let (set, terms, served) = (anchors().1, agreements(0..4), BTreeMap::from([(account(2), 9)]));
            let before = BTreeMap::from([(account(1), 3)]);
            let mut shuffled = values.clone();
            shuffled.sort_by_key(|m| smartlayer_primitives::payload::blake2_256(&codec::Encode::encode(&(seed, m))));
            prop_assert_eq!(
                report(PERIOD, &set, &terms, &values, &served, &before),
                report(PERIOD, &set, &terms, &shuffled, &served, &before)
            );
        }

        /// Whatever one of four anchors says, availability and latency stay between what the honest ones measured, or get worse only
        /// down to the worst of them.
        #[test]
        fn a_liar_stays_between_honest_values(honest in prop::array::uniform3((0u32..=100, 0u32..1000)), lie: (u32, u32)) {
            let said: Vec<_> = honest.iter().enumerate().map(|(a, (failed, p95))| measured(a, 1, 100, *failed, *p95)).collect();
            let lie = measured(3, 1, lie.0.max(1), 0, lie.1);
            let entry = one(&[&said[..], &[lie]].concat());
            let best = honest.iter().map(|(failed, _)| availability(100, *failed)).max().unwrap();
            let worst = honest.iter().map(|(failed, _)| availability(100, *failed)).min().unwrap();
            prop_assert!((worst..=best).contains(&entry.availability));
            let fastest = honest.iter().map(|(_, p95)| *p95).min().unwrap();
            let slowest = honest.iter().map(|(_, p95)| *p95).max().unwrap();
            prop_assert!((fastest..=slowest).contains(&entry.p95_latency_ms));
        }
    }
}
