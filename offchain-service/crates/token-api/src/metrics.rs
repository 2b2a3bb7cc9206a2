//! Counters and gauges of the service node, under the prefix `service_`.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use smartlayer_api_types::ErrorCode;

type Outcomes = Family<[(&'static str, &'static str); 2], Counter>;
type ByReason = Family<[(&'static str, &'static str); 1], Counter>;

/// The service node's metrics.
#[derive(Clone)]
pub struct Metrics {
    calls: Outcomes,
    promises: ByReason,
    operations: ByReason,
    claims: ByReason,
    failures: ByReason,
    placements: ByReason,
    updates: ByReason,
    watchtowers: ByReason,
    looks: ByReason,
    /// Queries that were answered from memory.
    pub(crate) from_memory: Counter,
    /// Seconds from the request to the answer of paid calls.
    pub(crate) paid_seconds: Histogram,
    /// What is owed and not claimed yet, in SLT.
    pub(crate) exposure: Gauge<f64, AtomicU64>,
    /// Sessions with this node that are watched.
    pub(crate) sessions: Gauge,
    /// 1 while the chain is connected.
    pub(crate) chain_connected: Gauge,
    /// The newest finalised block seen.
    pub(crate) finalized_block: Gauge,
    /// Instances served.
    pub(crate) serving: Gauge,
    /// Shards held.
    pub(crate) shards: Gauge,
    /// Instances of which it is looked for what chains change.
    pub(crate) watched_instances: Gauge,
    /// Operations that no commitment covers yet.
    pub(crate) uncommitted: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        // From 1 ms to 8 s, doubling.
        let paid_seconds = Histogram::new((0..14).map(|i| 0.001 * f64::from(1 << i)));
        let metrics = Self {
            from_memory: Default::default(),
            calls: Default::default(),
            promises: Default::default(),
            operations: Default::default(),
            claims: Default::default(),
            failures: Default::default(),
            placements: Default::default(),
            updates: Default::default(),
            watchtowers: Default::default(),
            looks: Default::default(),
            paid_seconds,
            exposure: Default::default(),
            sessions: Default::default(),
            chain_connected: Default::default(),
            finalized_block: Default::default(),
            serving: Default::default(),
            shards: Default::default(),
            watched_instances: Default::default(),
            uncommitted: Default::default(),
        };
        let registry = registry.sub_registry_with_prefix("service");
        registry.register("calls", "Calls, by method and outcome", metrics.calls.clone());
        registry.register("promises", "Promises, by whether and why not they were accepted", metrics.promises.clone());
        registry.register("operations", "Key operations, by what happened to them", metrics.operations.clone());
        registry.register("claims", "Claims on the chain, by outcome", metrics.claims.clone());
        registry.register(
            "failed_calls",
            "Paid calls that failed, by whether they were charged",
            metrics.failures.clone(),
        );
        registry.register("placements", "Placements by anchors, by outcome", metrics.placements.clone());
        registry.register("updates", "Issuers' updates that were new here, by outcome", metrics.updates.clone());
        registry.register("watchtowers", "Claims given to watchtowers, by outcome", metrics.watchtowers.clone());
        // From the start, so that the first refusal shows as an increase.
        for outcome in ["kept", "refused", "failed"] {
            let _ = metrics.watchtowers.get_or_create(&[("outcome", outcome)]);
        }
        registry.register(
            "watch_evaluations",
            "Evaluations for subscribers, by whether they told a change, saw the same, or not everything",
            metrics.looks.clone(),
        );
        for outcome in ["told", "same", "incomplete"] {
            let _ = metrics.looks.get_or_create(&[("outcome", outcome)]);
        }
        registry.register(
            "watched_instances",
            "Instances with subscribers, for whom chains are read",
            metrics.watched_instances.clone(),
        );
        registry.register(
            "answers_from_memory",
            "Queries answered with what was computed a moment ago",
            metrics.from_memory.clone(),
        );
        registry.register("paid_seconds", "Time to answer paid calls", metrics.paid_seconds.clone());
        registry.register("exposure_slt", "Owed by promises and not claimed yet, in SLT", metrics.exposure.clone());
        registry.register("sessions", "Open sessions with this node", metrics.sessions.clone());
        registry.register("chain_connected", "1 while the chain is connected", metrics.chain_connected.clone());
        registry.register("finalized_block", "The newest finalised block seen", metrics.finalized_block.clone());
        registry.register("instances", "Instances served", metrics.serving.clone());
        registry.register("shards", "Shards held", metrics.shards.clone());
        registry.register("uncommitted_operations", "Operations not committed yet", metrics.uncommitted.clone());
        metrics
    }

    /// Counts a call; no code is success.
    pub(crate) fn call(&self, method: &'static str, error: Option<ErrorCode>) {
        let outcome = error.map_or("ok", ErrorCode::name);
        self.calls.get_or_create(&[("method", method), ("outcome", outcome)]).inc();
    }

    /// Counts a promise that came with a call; no code is accepted.
    pub(crate) fn promise(&self, error: Option<ErrorCode>) {
        self.promises.get_or_create(&[("outcome", error.map_or("accepted", ErrorCode::name))]).inc();
    }

    /// Counts a call that failed after its promise was accepted.
    pub(crate) fn failed_call(&self, free: bool) {
        self.failures.get_or_create(&[("charged", if free { "no" } else { "yes" })]).inc();
    }

    pub(crate) fn operation(&self, outcome: &'static str) {
        self.operations.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn claim(&self, outcome: &'static str) {
        self.claims.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a look at an instance that somebody follows.
    pub(crate) fn look(&self, outcome: &'static str) {
        self.looks.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn watched(&self, outcome: &'static str) {
        self.watchtowers.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn update(&self, outcome: &'static str) {
        self.updates.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn placement(&self, outcome: &'static str) {
        self.placements.get_or_create(&[("outcome", outcome)]).inc();
    }
}
