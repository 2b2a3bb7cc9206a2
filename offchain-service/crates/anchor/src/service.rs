//! Starting, running and stopping the anchor.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use jsonrpsee::server::ServerHandle;
use prometheus_client::registry::Registry;
use smartlayer_chain_client::Keypair;
use smartlayer_network::{InboundRequest, Network, RecordValidator};
use smartlayer_primitives::{assignment::SignedAssignment, payload::Payload, quorum::AnchorSet, AccountId, Hash};
use smartlayer_store::Store;
use tokio::{
    sync::{mpsc, watch, Semaphore},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admission, breach,
    chain::Chain,
    config::Config,
    data::Data,
    duty, follow, gather,
    metrics::Metrics,
    onboarding, place,
    probe::{self, HttpProber, Prober},
    publish::Pace,
    rpc, serve,
    shared::Shared,
};

/// How long what is under way may take when the service is told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// What an anchor is made of.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The organisation's account.
    pub account: AccountId,
    /// The hot key that signs for quorums and sends the anchor's transactions.
    pub key: Keypair,
    /// The organisation's own key, if it is on this machine; without it the anchor does not register itself.
    pub account_key: Option<Keypair>,
    /// The chain.
    pub chain: Arc<dyn Chain>,
    /// The network, whose runner somebody else runs.
    pub network: Network,
    /// What other services ask of this one.
    pub inbound: mpsc::Receiver<InboundRequest>,
    /// The disk.
    pub store: Store,
    /// The active anchors. The network's validator, see [`record_validator`], listens to it.
    pub anchors: watch::Sender<AnchorSet>,
    /// How nodes are probed; over HTTP if absent.
    pub prober: Option<Arc<dyn Prober>>,
}

/// Lets the network keep the assignments that a quorum of the anchors in `set` signed.
pub fn record_validator(set: watch::Receiver<AnchorSet>, genesis: Hash) -> Arc<dyn RecordValidator> {
    Arc::new(move |signed: &SignedAssignment| {
        let hash = signed.assignment.payload_hash(&genesis);
        set.borrow().verify(&genesis, hash, &signed.certificate).is_ok()
    })
}

/// Why the anchor ended without having been told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part of it ended or panicked.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

/// An anchor that listens. Nothing but answering calls happens until it runs.
#[must_use = "run it"]
pub struct Anchor {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: ServerHandle,
    inbound: mpsc::Receiver<InboundRequest>,
}

impl Anchor {
    /// Starts to listen. Metrics are registered under `anchor_`. Fails if the address cannot be listened on.
    pub async fn start(parts: Parts, registry: &mut Registry) -> std::io::Result<Self> {
        let Parts { config, account, key, account_key, chain, network, inbound, store, anchors, prober } = parts;
        let genesis = chain.genesis();
        let prober = prober.unwrap_or_else(|| Arc::new(HttpProber::new(config.probes.timeout())));
        let shared = Arc::new(Shared {
            data: Data::new(store, genesis),
            placements: Arc::new(Semaphore::new(config.rpc.max_placements)),
            config,
            account,
            key,
            account_key,
            genesis,
            chain,
            network,
            prober,
            probes: Default::default(),
            metrics: Metrics::register(registry),
            facts: watch::Sender::new(None),
            anchors,
            tasks: TaskTracker::new(),
            endpoint: OnceLock::new(),
            started: Instant::now(),
            tokens: Default::default(),
            ends: Default::default(),
            leaves: Default::default(),
            passed_tests: Default::default(),
            updates: Pace::new(Instant::now()),
        });
        let (address, server) = rpc::serve(shared.clone()).await?;
        let endpoint = shared.config.endpoint.clone().unwrap_or_else(|| format!("http://{address}"));
        let _ = shared.endpoint.set(endpoint);
        Ok(Self { shared, address, server, inbound })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works until it is told to stop, which takes at most five seconds.
    ///
    /// # Errors
    ///
    /// When a part of it ends or panics. Everything has stopped then as well.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let Self { shared, server, inbound, .. } = self;
        let mut parts = JoinSet::new();
        let mut spawn = |name: &'static str, part: Pin<Box<dyn Future<Output = ()> + Send>>| {
            parts.spawn(async move {
                // Whether it returned or panicked: these never end by themselves.
                let _ = AbortOnDrop(tokio::spawn(part)).await;
                name
            });
        };
        macro_rules! part {
            ($name:literal, |$shared:ident| $work:expr) => {{
                let $shared = shared.clone();
                spawn($name, Box::pin(async move { $work.await }));
            }};
        }
        part!("following the chain", |shared| follow::run(&shared));
        part!("being an organisation", |shared| onboarding::run(&shared));
        part!("admitting nodes", |shared| admission::run(&shared));
        part!("probing nodes", |shared| probe::run(&shared));
        part!("gathering", |shared| gather::run(&shared));
        part!("looking after instances", |shared| place::look_after(&shared));
        part!("doing duty", |shared| duty::run(&shared));
        part!("reporting breaches", |shared| breach::run(&shared));
        part!("answering peers", |shared| serve::run(&shared, inbound));

        let ended = tokio::select! {
            () = stop.cancelled() => None,
            ended = parts.join_next() => Some(ended.and_then(Result::ok).unwrap_or("a task")),
        };
        let _ = server.stop();
        shared.tasks.close();
        parts.shutdown().await;
        // Attestations and placements under way come to their end, if that is soon.
        let _ = tokio::time::timeout(GRACE, shared.tasks.wait()).await;
        match ended {
            Some(name) if !stop.is_cancelled() => Err(RunError::Ended(name)),
            _ => Ok(()),
        }
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Future for AbortOnDrop {
    type Output = Result<(), tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
