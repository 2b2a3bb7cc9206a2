//! The service-level report: one entry a node, a leaf under the commitment's report root.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::Permill;

use crate::{merkle::Leaf, AccountId, Balance, Period};

/// What a node reached in a period.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ReportEntry {
    /// The period.
    pub period: Period,
    /// The node.
    pub node: AccountId,
    /// The median over the anchors of the measured availability.
    pub availability: Permill,
    /// The median over the anchors of the measured 95th percentile, in milliseconds.
    pub p95_latency_ms: u32,
    /// What the node charged for key operations in the period, in planck.
    pub served_value: Balance,
    /// How far it reached its objectives.
    pub score: Permill,
    /// How many periods in a row, this one included, the node was below an objective with confidence (not by a single unlucky
    /// sample). Zero if it was not. Periods of declared maintenance are left out: they carry the count of the period before.
    pub breaches: u16,
    /// What its reward is proportional to.
    pub reward_weight: u128,
}

impl Leaf for ReportEntry {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/report/1";
}
