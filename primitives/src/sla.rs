//! Service level agreements: objectives, templates, terms, tests and measurements.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_runtime::Permill;

use crate::{payload::Payload, AccountId, Period, TemplateId};

/// The numeric objectives (SLOs) of an agreement. The default promises nothing.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objectives {
    /// The share of calls answered, at least.
    pub availability: Permill,
    /// The 95th percentile of answer times in milliseconds, at most.
    pub p95_latency_ms: u32,
    /// Calls answered a second, at least.
    pub throughput: u32,
    /// Shard reads in kbit/s, at least.
    pub bandwidth_kbit: u32,
    /// Space for instances and shards in MiB, at least.
    pub storage_mib: u32,
}

impl Default for Objectives {
    fn default() -> Self {
        Self {
            availability: Permill::zero(),
            p95_latency_ms: u32::MAX,
            throughput: 0,
            bandwidth_kbit: 0,
            storage_mib: 0,
        }
    }
}

impl Objectives {
    /// Whether these objectives are at least as good as `required` in every respect.
    pub fn meet(&self, required: &Self) -> bool {
        self.availability >= required.availability
            && self.p95_latency_ms <= required.p95_latency_ms
            && self.throughput >= required.throughput
            && self.bandwidth_kbit >= required.bandwidth_kbit
            && self.storage_mib >= required.storage_mib
    }
}

/// What an agreement of one class must hold to, and what it earns and risks.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// The least that terms of this template may promise.
    pub floor: Objectives,
    /// The weight in the division of rewards.
    pub reward_weight: u32,
    /// What a breach costs.
    pub penalty: PenaltySchedule,
}

/// What a breach costs, agreed when joining.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PenaltySchedule {
    /// How many periods in a row below an objective make the breach persistent.
    pub persistent_after: u16,
    /// The share of the stake that a persistent breach costs, at most.
    pub slash: Permill,
}

impl PenaltySchedule {
    /// Whether the row of periods in breach is a persistent breach in its last period: once in every `persistent_after` periods, so that a
    /// breach that lasts is paid for again and again, and never twice for one period.
    pub fn is_persistent(&self, breaches: u16) -> bool {
        breaches > 0 && breaches.checked_rem(self.persistent_after) == Some(0)
    }
}

/// What one node agreed to: numbers within a template, with the template's weight and penalties as they were then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Terms {
    /// The template that they are within.
    pub template: TemplateId,
    /// The objectives.
    pub objectives: Objectives,
    /// The weight in the division of rewards.
    pub reward_weight: u32,
    /// What a breach costs.
    pub penalty: PenaltySchedule,
}

impl Template {
    /// The terms with these objectives, if the template allows them.
    pub fn terms(&self, template: TemplateId, objectives: Objectives) -> Option<Terms> {
        objectives.meet(&self.floor).then_some(Terms {
            template,
            objectives,
            reward_weight: self.reward_weight,
            penalty: self.penalty,
        })
    }
}

/// The result of a serviceability test: what the anchors measured of a node before its agreement may become active.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct TestResult {
    /// The node that was tested.
    pub node: AccountId,
    /// The terms that it was tested against; a result for other terms is worth nothing.
    pub terms: Terms,
    /// The period in which it was tested.
    pub period: Period,
    /// Whether it passed.
    pub passed: bool,
}

impl Payload for TestResult {
    const DOMAIN: &'static str = "smartlayer/test-result/1";
}

/// What one anchor measured of one node in one period.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Measurement {
    /// The anchor that measured.
    pub anchor: AccountId,
    /// Counts the anchor's measurements, so that a gap shows.
    pub sequence: u64,
    /// The node that was measured.
    pub node: AccountId,
    /// The period.
    pub period: Period,
    /// How many probes.
    pub probes: u32,
    /// How many of them failed.
    pub failed: u32,
    /// The 95th percentile of the answer times in milliseconds; a failed probe counts as infinite (`u32::MAX`).
    pub p95_latency_ms: u32,
}

impl Payload for Measurement {
    const DOMAIN: &'static str = "smartlayer/measurement/1";
}

/// A measurement with its anchor's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SignedMeasurement {
    /// What was measured.
    pub measurement: Measurement,
    /// By the anchor's signing key.
    pub signature: crate::quorum::AnchorSignature,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_breach_is_persistent_once_in_so_many_periods() {
        let after = |persistent_after| {
            let schedule = PenaltySchedule { persistent_after, slash: Permill::from_percent(1) };
            (0..=7).filter(|breaches| schedule.is_persistent(*breaches)).collect::<alloc::vec::Vec<u16>>()
        };
        assert_eq!(after(3), [3, 6]);
        assert_eq!(after(1), [1, 2, 3, 4, 5, 6, 7]);
        // No template says zero; if one did, it would mean never.
        assert!(after(0).is_empty());
    }

    #[test]
    fn terms_stay_within_their_template() {
        let floor = Objectives { availability: Permill::from_percent(90), p95_latency_ms: 500, ..Default::default() };
        let template = Template {
            floor,
            reward_weight: 10,
            penalty: PenaltySchedule { persistent_after: 3, slash: Permill::from_percent(1) },
        };
        assert!(template.terms(0, floor).is_some());
        assert!(template.terms(0, Objectives { p95_latency_ms: 501, ..floor }).is_none());
        assert!(template.terms(0, Objectives { availability: Permill::from_percent(89), ..floor }).is_none());
        assert!(template.terms(0, Objectives { storage_mib: 1, ..floor }).is_some());
    }
}
