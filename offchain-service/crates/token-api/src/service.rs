//! Starting, running and stopping the service node.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration, time::Instant};

use jsonrpsee::server::ServerHandle;
use prometheus_client::registry::Registry;
use smartlayer_chain_client::Keypair;
use smartlayer_ethereum::Ethereum;
use smartlayer_network::{InboundRequest, Network};
use smartlayer_primitives::{quorum::AnchorSet, AccountId};
use smartlayer_store::{Store, StoreError};
use tokio::{
    sync::{mpsc, watch, Semaphore},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access,
    anchors::Anchors,
    chain::Chain,
    config::{Config, EvmConfig},
    data::Data,
    feeds::{Changes, Feeds},
    follow, http, inbound,
    instances::Instances,
    metrics::Metrics,
    node::Node,
    onboarding,
    ready::Readiness,
    seals::Seals,
    settle, watchtowers,
};

/// How long calls in work may take when the service is told to stop.
const GRACE: Duration = Duration::from_secs(4);

/// What a service node is made of.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The node's account.
    pub account: AccountId,
    /// The hot key that signs in its name.
    pub service_key: Keypair,
    /// The account's own key, if it is on this machine; without it the node does not register itself.
    pub account_key: Option<Keypair>,
    /// The chain.
    pub chain: Arc<dyn Chain>,
    /// The network, whose runner somebody else runs.
    pub network: Network,
    /// What other services ask of this one.
    pub inbound: mpsc::Receiver<InboundRequest>,
    /// The disk.
    pub store: Store,
    /// The active anchors. The network's validator, see [`crate::record_validator`], listens to it.
    pub anchors: watch::Sender<AnchorSet>,
}

/// Why the service node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP clients cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    HttpClient(#[from] reqwest::Error),
    /// The server cannot listen, or its certificate cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// Why the service node ended without having been told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part of it ended or panicked.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
    /// The store took no more.
    #[error("the store failed: {0}")]
    Store(String),
}

/// A service node that listens. Nothing but answering free calls happens until it runs.
#[must_use = "run it"]
pub struct ServiceNode {
    node: Arc<Node>,
    address: SocketAddr,
    server: ServerHandle,
    inbound: mpsc::Receiver<InboundRequest>,
}

impl ServiceNode {
    /// Reads the disk and starts to listen. Metrics are registered under `service_` and `ethereum_`.
    pub async fn start(parts: Parts, registry: &mut Registry) -> Result<Self, StartError> {
        let Parts { config, account, service_key, account_key, chain, network, inbound, store, anchors } = parts;
        // Whom this node asks has no reason to send it elsewhere.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let node = Arc::new(Node {
            data: Data::open(store, account.clone(), chain.genesis())?,
            sessions: Default::default(),
            instances: Instances::new(anchors, config.script_cache_bytes),
            operations: Default::default(),
            grants: Default::default(),
            feeds: Feeds::new(),
            watches: Default::default(),
            seals: Seals::new(&service_key, &account, &chain.genesis()),
            anchors: Anchors::new(http.clone()),
            answers: Default::default(),
            http,
            ethereum: Ethereum::new(config.evm.iter().map(EvmConfig::chain_config), registry)?,
            metrics: Metrics::register(registry),
            paid_calls: Arc::new(Semaphore::new(config.rpc.max_paid_calls)),
            tasks: TaskTracker::new(),
            blocks: watch::Sender::new(0),
            started: Instant::now(),
            endpoint: std::sync::OnceLock::new(),
            config,
            account,
            service_key,
            account_key,
            chain,
            network,
        });
        node.instances.update_metrics(&node);
        if let Err(e) = node.instances.refresh_anchors(&node).await {
            tracing::warn!(error = %e, "the anchors are not known yet");
        }
        let listening = http::listen(node.clone()).await;
        let (address, server) =
            listening.map_err(|source| StartError::Listen { address: node.config.rpc.listen, source })?;
        let scheme = if node.config.rpc.tls.is_some() { "https" } else { "http" };
        let own = || format!("{scheme}://{address}").parse().expect("an address makes a URL; qed");
        let _ = node.endpoint.set(node.config.endpoint.clone().unwrap_or_else(own));
        Ok(Self { node, address, server, inbound })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells whether it can serve.
    pub fn readiness(&self) -> Readiness {
        Readiness::of(&self.node)
    }

    /// What changes in the instances that it keeps.
    pub fn changes(&self) -> Changes {
        Changes::new(self.node.clone())
    }

    /// Works until it is told to stop, which takes at most five seconds: calls in work are answered, new ones refused.
    ///
    /// # Errors
    ///
    /// When a part of it ends or panics, or the store fails. Everything has stopped then as well.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let Self { node, server, inbound, .. } = self;
        let mut parts = JoinSet::new();
        let mut spawn = |name: &'static str, part: Part| {
            parts.spawn(async move {
                let ended = tokio::spawn(part);
                // Whether it returned or panicked: these never end by themselves.
                let _ = AbortOnDrop(ended).await;
                name
            });
        };
        macro_rules! part {
            ($name:literal, |$node:ident| $work:expr) => {{
                let $node = node.clone();
                spawn($name, Box::pin(async move { $work.await }));
            }};
        }
        part!("following the chain", |node| follow::run(&node));
        part!("claiming", |node| settle::run(&node));
        part!("giving claims to watchtowers", |node| watchtowers::run(&node));
        part!("joining the network", |node| onboarding::run(&node));
        part!("telling operations", |node| node.operations.repeat(&node));
        part!("forgetting grants", |node| access::forget(&node));
        part!("following issuers", |node| node.feeds.follow(&node));
        part!("listening to gossip", |node| inbound::gossip(&node));
        part!("answering peers", |node| inbound::requests(&node, inbound));

        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = parts.join_next() => {
                let name = ended.and_then(Result::ok).unwrap_or("a task");
                match stop.is_cancelled() {
                    true => Ok(()),
                    false => Err(RunError::Ended(name)),
                }
            }
            reason = node.data.failed() => Err(RunError::Store(reason)),
        };
        // No new connections or calls; what is in work comes to its end.
        let _ = server.stop();
        node.paid_calls.close();
        node.watches.stop();
        node.tasks.close();
        if tokio::time::timeout(GRACE, node.tasks.wait()).await.is_err() {
            tracing::warn!("stopping with calls in work; what they were paid for is on disk");
        }
        parts.shutdown().await;
        if let Err(e) = node.sessions.write_earned(&node).await {
            tracing::error!(error = %e, "stopping without a note of the last answers");
        }
        outcome
    }
}

type Part = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that ends with whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Future for AbortOnDrop {
    type Output = Result<(), tokio::task::JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
