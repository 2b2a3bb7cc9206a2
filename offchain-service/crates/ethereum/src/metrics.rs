//! Counters and gauges, under the prefix `ethereum_`.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{ChainId, Fault};

type Labels<const N: usize> = [(&'static str, String); N];

/// All chains' metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    round_trips: Family<Labels<2>, Counter>,
    batch_sizes: Family<Labels<1>, Histogram, fn() -> Histogram>,
    reads: Family<Labels<2>, Counter>,
    failures: Family<Labels<3>, Counter>,
    head_number: Family<Labels<1>, Gauge>,
    head_age: Family<Labels<1>, Gauge<f64, AtomicU64>>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        // 1 to 128, doubling.
        let sizes: fn() -> Histogram = || Histogram::new((0..8).map(|i| f64::from(1 << i)));
        let metrics = Self {
            round_trips: Family::default(),
            batch_sizes: Family::new_with_constructor(sizes),
            reads: Family::default(),
            failures: Family::default(),
            head_number: Family::default(),
            head_age: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("ethereum");
        registry.register("round_trips", "HTTP requests, by chain and endpoint", metrics.round_trips.clone());
        registry.register("batch_size", "Requests in one HTTP request, by chain", metrics.batch_sizes.clone());
        registry.register(
            "reads",
            "Reads, by chain and whether they were cached, joined an equal one under way, or were asked",
            metrics.reads.clone(),
        );
        registry.register("endpoint_failures", "Faults, by chain, endpoint and reason", metrics.failures.clone());
        registry.register("head_number", "The newest block that is believed, by chain", metrics.head_number.clone());
        registry.register(
            "head_age_seconds",
            "The newest block's age when it was last looked for, by chain",
            metrics.head_age.clone(),
        );
        metrics
    }

    /// The metrics of one chain.
    pub(crate) fn chain(&self, chain: u64) -> ChainMetrics {
        let chain = ChainId(chain).to_string();
        let reads = |outcome: &str| {
            let labels = [("chain", chain.clone()), ("outcome", outcome.to_owned())];
            self.reads.get_or_create(&labels).clone()
        };
        let labels = [("chain", chain.clone())];
        ChainMetrics {
            cached: reads("cached"),
            joined: reads("joined"),
            asked: reads("asked"),
            head_number: self.head_number.get_or_create(&labels).clone(),
            head_age: self.head_age.get_or_create(&labels).clone(),
        }
    }

    /// The metrics of one endpoint, under its host.
    pub(crate) fn endpoint(&self, chain: u64, host: &str) -> EndpointMetrics {
        let chain = ChainId(chain).to_string();
        let labels = [("chain", chain.clone()), ("endpoint", host.to_owned())];
        EndpointMetrics {
            round_trips: self.round_trips.get_or_create(&labels).clone(),
            batch_sizes: self.batch_sizes.get_or_create(&[("chain", chain.clone())]).clone(),
            failures: self.failures.clone(),
            chain,
            host: host.to_owned(),
        }
    }
}

/// One chain's metrics.
pub(crate) struct ChainMetrics {
    pub(crate) cached: Counter,
    pub(crate) joined: Counter,
    pub(crate) asked: Counter,
    pub(crate) head_number: Gauge,
    pub(crate) head_age: Gauge<f64, AtomicU64>,
}

/// One endpoint's metrics.
pub(crate) struct EndpointMetrics {
    round_trips: Counter,
    batch_sizes: Histogram,
    failures: Family<Labels<3>, Counter>,
    chain: String,
    host: String,
}

impl EndpointMetrics {
    pub(crate) fn round_trip(&self, requests: usize) {
        self.round_trips.inc();
        self.batch_sizes.observe(requests as f64);
    }

    pub(crate) fn failure(&self, fault: &Fault) {
        let reason = fault.code().to_owned();
        let labels = [("chain", self.chain.clone()), ("endpoint", self.host.clone()), ("reason", reason)];
        self.failures.get_or_create(&labels).inc();
    }
}
