//! Counters and gauges of the anchor, under the prefix `anchor_`.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

type ByOutcome = Family<[(&'static str, &'static str); 1], Counter>;
type ByKind = Family<[(&'static str, &'static str); 2], Counter>;

/// The anchor's metrics.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    /// 1 while the chain is connected.
    pub(crate) chain_connected: Gauge,
    /// The newest finalised block that was taken in.
    pub(crate) finalized_block: Gauge,
    /// 1 while this anchor is in the active set.
    pub(crate) active: Gauge,
    /// Strikes of this anchor on the chain.
    pub(crate) strikes: Gauge,
    /// Nodes whose agreement is in force.
    pub(crate) nodes: Gauge,
    /// Operations that no commitment covers yet.
    pub(crate) uncommitted: Gauge,
    /// The next period to be committed.
    pub(crate) next_to_commit: Gauge,
    probes: ByOutcome,
    gathered: ByKind,
    attested: ByKind,
    placements: ByOutcome,
    commitments: ByOutcome,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("anchor");
        registry.register("chain_connected", "1 while the chain is connected", metrics.chain_connected.clone());
        registry.register("finalized_block", "The newest finalised block taken in", metrics.finalized_block.clone());
        registry.register("active", "1 while this anchor is in the active set", metrics.active.clone());
        registry.register("strikes", "Turns to write that this anchor let pass of late", metrics.strikes.clone());
        registry.register("nodes", "Nodes whose agreement is in force", metrics.nodes.clone());
        registry.register("uncommitted", "Operations that no commitment covers yet", metrics.uncommitted.clone());
        registry.register("next_to_commit", "The next period to be committed", metrics.next_to_commit.clone());
        registry.register("probes", "Probes, by outcome", metrics.probes.clone());
        registry.register("gathered", "What was told by others, by kind and outcome", metrics.gathered.clone());
        registry.register("attested", "What others asked to attest, by kind and outcome", metrics.attested.clone());
        registry.register("placements", "Instances placed, by outcome", metrics.placements.clone());
        registry.register("commitments", "Own turns to write a commitment, by outcome", metrics.commitments.clone());
        metrics
    }

    pub(crate) fn probe(&self, outcome: &'static str) {
        self.probes.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn gathered(&self, kind: &'static str, outcome: &'static str) {
        self.gathered.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
    }

    pub(crate) fn attested(&self, kind: &'static str, outcome: &'static str) {
        self.attested.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
    }

    pub(crate) fn placement(&self, outcome: &'static str) {
        self.placements.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn commitment(&self, outcome: &'static str) {
        self.commitments.get_or_create(&[("outcome", outcome)]).inc();
    }
}
