//! Counters of what happens on the network, under the prefix `network_`.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

type Labels = [(&'static str, &'static str); 2];

/// The network's metrics.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) peers: Gauge,
    pub(crate) records_kept: Gauge,
    requests_in: Family<Labels, Counter>,
    requests_out: Family<Labels, Counter>,
    gossip_in: Family<Labels, Counter>,
    gossip_out: Family<Labels, Counter>,
    records: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("network");
        registry.register("peers", "Peers that are connected and speak this chain's protocols", metrics.peers.clone());
        registry.register("records_kept", "Assignment records kept for others", metrics.records_kept.clone());
        registry.register("requests_in", "Requests of others, by kind and outcome", metrics.requests_in.clone());
        registry.register("requests_out", "Own requests, by kind and outcome", metrics.requests_out.clone());
        registry.register("gossip_in", "Gossip received, by topic and outcome", metrics.gossip_in.clone());
        registry.register("gossip_out", "Gossip published, by topic and outcome", metrics.gossip_out.clone());
        registry.register("records_in", "Assignment records received, by outcome", metrics.records.clone());
        metrics
    }

    pub(crate) fn request_in(&self, kind: &'static str, outcome: &'static str) {
        self.requests_in.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
    }

    pub(crate) fn request_out(&self, kind: &'static str, outcome: &'static str) {
        self.requests_out.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
    }

    pub(crate) fn gossip_in(&self, topic: &'static str, outcome: &'static str) {
        self.gossip_in.get_or_create(&[("topic", topic), ("outcome", outcome)]).inc();
    }

    pub(crate) fn gossip_out(&self, topic: &'static str, outcome: &'static str) {
        self.gossip_out.get_or_create(&[("topic", topic), ("outcome", outcome)]).inc();
    }

    pub(crate) fn record(&self, outcome: &'static str) {
        self.records.get_or_create(&[("outcome", outcome)]).inc();
    }
}
