//! Probing nodes: is each there, and how fast does it answer?
//!
//! Every node whose agreement is in force is called at times that nobody can foresee. A probe is a free call as any client makes it:
//! mostly `node_info`, every third time `token_describe` of a token type that the node serves. **These calls are not paid**, so a node
//! could treat the free methods better than the paid ones; probes that are paid like any other call are work of a later issue.
//!
//! When a period is over, what was seen of each node becomes a signed, numbered measurement that is told to everyone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use smartlayer_network::messages::Gossip;
use smartlayer_primitives::{
    payload::Payload,
    score,
    sla::{SignedMeasurement, Terms},
    AccountId, Period,
};
use smartlayer_sdk::{http_client, ServiceClient};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use crate::{
    error::Result,
    latency::Probes,
    shared::{lock, random, Facts, Shared},
};

/// How often the schedule is looked at.
const TICK: Duration = Duration::from_millis(200);

/// Calls a node as a client would.
#[async_trait]
pub trait Prober: Send + Sync + 'static {
    /// How long the node took to answer properly; nothing if it did not.
    async fn probe(&self, node: &AccountId, endpoint: &str) -> Option<Duration>;
}

/// Probes over HTTP.
pub struct HttpProber {
    http: smartlayer_sdk::HttpClient,
}

impl HttpProber {
    /// A probe without an answer by `timeout` has failed.
    pub fn new(timeout: Duration) -> Self {
        Self { http: http_client(timeout) }
    }
}

#[async_trait]
impl Prober for HttpProber {
    async fn probe(&self, node: &AccountId, endpoint: &str) -> Option<Duration> {
        let client = ServiceClient::with_http(self.http.clone(), endpoint);
        let started = Instant::now();
        let info = client.node_info().await.map_err(|error| debug!(%node, %error, "a probe failed")).ok()?;
        let first = started.elapsed();
        if info.account != *node {
            debug!(%node, answers = %info.account, "another node answers at the endpoint");
            return None;
        }
        match info.serving.first() {
            Some(instance) if random() < 1.0 / 3.0 => {
                let started = Instant::now();
                client.token_describe(instance.token_type).await.ok()?;
                Some(started.elapsed())
            }
            _ => Some(first),
        }
    }
}

/// What was seen of nodes.
#[derive(Default)]
pub(crate) struct Seen {
    seen: Mutex<BTreeMap<(Period, AccountId), Probes>>,
    /// Probes in a row that failed, and since when.
    failing: Mutex<BTreeMap<AccountId, (u32, Instant)>>,
}

impl Seen {
    fn record(&self, period: Period, node: &AccountId, answer: Option<Duration>) {
        count(lock(&self.seen).entry((period, node.clone())).or_default(), answer);
        let mut failing = lock(&self.failing);
        match answer {
            Some(_) => {
                failing.remove(node);
            }
            None => failing.entry(node.clone()).or_insert((0, Instant::now())).0 += 1,
        }
    }

    /// How many probes of the node failed in a row, and for how long already.
    pub fn failing(&self, node: &AccountId) -> (u32, Duration) {
        lock(&self.failing).get(node).map_or((0, Duration::ZERO), |(count, since)| (*count, since.elapsed()))
    }

    /// Takes out what belongs to periods before `period`.
    fn take_before(&self, period: Period) -> BTreeMap<(Period, AccountId), Probes> {
        let mut seen = lock(&self.seen);
        let rest = seen.split_off(&(period, AccountId::new([0; 32])));
        std::mem::replace(&mut *seen, rest)
    }
}

/// Probes until the service stops.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut due: BTreeMap<AccountId, Instant> = BTreeMap::new();
    let at_once = Arc::new(Semaphore::new(shared.config.probes.at_once.max(1)));
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Ok(facts) = shared.facts() else { continue };
        if let Err(error) = measure(shared, &facts).await {
            warn!(%error, "could not keep this period's measurements");
        }
        if !shared.is_active(&facts) {
            continue;
        }
        let now = Instant::now();
        due.retain(|node, _| facts.agreements.contains_key(node));
        for (node, _, _) in facts.active() {
            // A node that has just become active is probed soon, not at once: the anchors don't all come together.
            let at = *due.entry(node.clone()).or_insert_with(|| now + wait(shared) / 4);
            if at > now {
                continue;
            }
            due.insert(node.clone(), now + wait(shared));
            let Some(endpoint) = facts.endpoint_of(node) else { continue };
            let Ok(permit) = at_once.clone().try_acquire_owned() else {
                // This machine is the one that is too slow; that is not the node's failure.
                shared.metrics.probe("skipped");
                continue;
            };
            let (shared, node, period) = (shared.clone(), node.clone(), facts.clock.period);
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                let answer = shared.prober.probe(&node, &endpoint).await;
                shared.metrics.probe(if answer.is_some() { "answered" } else { "failed" });
                shared.probes.record(period, &node, answer);
                drop(permit);
            });
        }
    }
}

/// The time to the next probe: random, the mean as configured, from a tenth of it to four times.
fn wait(shared: &Shared) -> Duration {
    let factor = -(1.0 - random()).ln();
    Duration::from_millis(shared.config.probes.interval_ms.max(1)).mul_f64(factor.clamp(0.1, 4.0))
}

/// Turns what was seen in periods that are over into measurements, keeps them and tells everyone.
async fn measure(shared: &Shared, facts: &Facts) -> Result<()> {
    let seen = shared.probes.take_before(facts.clock.period);
    if seen.is_empty() {
        return Ok(());
    }
    let mut next = shared.data.next_sequence()?;
    let mut measurements = Vec::new();
    for ((period, node), probes) in seen {
        let measurement = probes.measurement(shared.account.clone(), next, node, period);
        next += 1;
        let signature = shared.key.sign(&measurement.signing_payload(&shared.genesis));
        measurements.push(SignedMeasurement { measurement, signature });
    }
    shared.data.add_own_measurements(&measurements, next, facts.block.number).await?;
    info!(nodes = measurements.len(), period = facts.clock.period.saturating_sub(1), "measured");
    for signed in measurements {
        if let Err(error) = shared.network.publish(Gossip::Measurement(signed)).await {
            debug!(%error, "a measurement was not told; it is asked for when the period is committed");
        }
    }
    Ok(())
}

/// The serviceability test: whether a node answers as well as the terms say.
pub(crate) async fn test(shared: &Shared, node: &AccountId, endpoint: &str, terms: &Terms) -> bool {
    let count_to = shared.config.probes.test_probes.max(1);
    let mut probes = Probes::new();
    let mut failed = 0;
    for _ in 0..count_to {
        let answer = shared.prober.probe(node, endpoint).await;
        count(&mut probes, answer);
        failed += u32::from(answer.is_none());
        // The rest cannot make up for it.
        if score::availability(count_to, failed) < terms.objectives.availability {
            break;
        }
    }
    let availability = score::availability(probes.count(), failed);
    let p95 = probes.p95_latency_ms();
    let passed = availability >= terms.objectives.availability && p95 <= terms.objectives.p95_latency_ms;
    info!(%node, passed, probes = probes.count(), failed, p95_ms = p95, "tested");
    passed
}

fn count(probes: &mut Probes, answer: Option<Duration>) {
    match answer {
        Some(after) => probes.answered(after),
        None => probes.failed(),
    }
}
