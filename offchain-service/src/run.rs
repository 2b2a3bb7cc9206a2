//! Wiring, running and stopping.

use std::{fs, future::Future, io::IsTerminal, path::Path, sync::Arc, time::Duration};

use anyhow::{bail, Context};
use prometheus_client::registry::Registry;
use smartlayer_anchor::Anchor;
use smartlayer_chain_client::{ChainClient, Keypair};
use smartlayer_network::{keypair, Network};
use smartlayer_primitives::AccountId;
use smartlayer_store::Store;
use smartlayer_token_api::{record_validator, Parts, ServiceNode};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, LogConfig, Role},
    keys::Keys,
    monitor,
};

/// How long stopping may take before the process ends anyway. What is accepted is on disk at any time.
const GRACE: Duration = Duration::from_millis(4_800);

/// Sends logs to standard error.
pub fn init_tracing(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter).with_context(|| format!("log.filter {:?}", config.filter))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.json {
        true => logs.json().init(),
        false => logs.init(),
    }
    Ok(())
}

/// Runs the service until it gets SIGTERM or SIGINT, or one of its parts ends.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_on_signals(&stop)?;
    let outcome = tokio::select! {
        started = start(config, &stop) => started,
        // Told to stop while it was still waiting for the chain.
        () = stop.cancelled() => return Ok(()),
    };
    let mut parts = outcome?;
    let failure = tokio::select! {
        () = stop.cancelled() => None,
        ended = parts.join_next() => ended.and_then(reason),
    };
    tracing::info!("stopping");
    stop.cancel();
    let rest = async {
        let mut failure = failure;
        while let Some(ended) = parts.join_next().await {
            failure = failure.or(reason(ended));
        }
        failure
    };
    match tokio::time::timeout(GRACE, rest).await {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure),
        Err(_) => bail!("stopped with work under way; what was accepted is on disk"),
    }
}

/// Why a part ended, if it was no orderly end.
fn reason(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> Option<anyhow::Error> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(e)) => Some(e),
        Err(e) if e.is_cancelled() => None,
        Err(_) => Some(anyhow::anyhow!("a part of the service panicked; the log says where")),
    }
}

type Running = JoinSet<anyhow::Result<()>>;

/// Starts every part and says when all of them are up.
async fn start(config: Config, stop: &CancellationToken) -> anyhow::Result<Running> {
    fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("cannot make the data directory {}", config.data_dir.display()))?;
    let keys = Keys::load(&config)?;
    let store = Store::open(config.data_dir.join("store"))?;
    let chain = ChainClient::connect_patiently(&config.chain.url).await?;
    let genesis = chain.genesis_hash();
    let account = account(&config, &keys, &chain).await?;
    let mut registry = Registry::default();

    let set = chain.finalized()?.active_set().await?;
    let (anchors, anchor_set) = watch::channel(set);
    let mut network_config =
        smartlayer_network::Config::new(keypair(*keys.network), genesis, record_validator(anchor_set, genesis));
    network_config.listen = config.network.listen.clone();
    network_config.external = config.network.external.clone();
    network_config.bootstrap = config.network.bootstrap.clone();
    let (network, runner, inbound) = smartlayer_network::new(network_config, &mut registry)?;
    let metrics = monitor::bind(config.metrics.listen)
        .await
        .with_context(|| format!("cannot listen for metrics on {}", config.metrics.listen))?;
    let metrics_address = metrics.local_addr()?;

    let mut parts = Running::new();
    let token = stop.child_token();
    parts.spawn(async move {
        runner.run(token.clone()).await;
        unless_stopped(&token, "the network")
    });
    let (account_key, service_key) = (keys.account.clone(), keys.service.clone());
    let token = stop.child_token();
    let mut readiness = None;
    let secure = if config.role == Role::ServiceNode && config.service_node.rpc.tls.is_some() { "s" } else { "" };
    let rpc = match config.role {
        Role::ServiceNode => {
            let node = Parts {
                config: config.service_node,
                account: account.clone(),
                service_key,
                account_key,
                chain: Arc::new(chain.clone()),
                network: network.clone(),
                inbound,
                store,
                anchors,
            };
            let node = ServiceNode::start(node, &mut registry).await?;
            let address = node.address();
            readiness = Some(node.readiness());
            parts.spawn(async move { node.run(token).await.context("the service node failed") });
            address
        }
        Role::Anchor => {
            let listen = config.anchor.rpc.listen;
            let anchor = smartlayer_anchor::Parts {
                config: config.anchor,
                account: account.clone(),
                key: service_key,
                account_key,
                chain: Arc::new(chain.clone()),
                network: network.clone(),
                inbound,
                store,
                anchors,
                prober: None,
            };
            let started = Anchor::start(anchor, &mut registry).await;
            let anchor = started.with_context(|| format!("cannot listen on {listen}"))?;
            let address = anchor.address();
            parts.spawn(async move { anchor.run(token).await.context("the anchor failed") });
            address
        }
    };
    let token = stop.child_token();
    let monitored = chain.clone();
    parts.spawn(async move {
        monitor::serve(metrics, registry, monitored, readiness, token.clone())
            .await
            .context("the metrics server failed")?;
        unless_stopped(&token, "the metrics server")
    });

    let endpoints = Endpoints {
        role: config.role.to_string(),
        account,
        service_key: keys.service.account(),
        http: format!("http{secure}://{rpc}"),
        ws: format!("ws{secure}://{rpc}"),
        metrics: format!("http://{metrics_address}/metrics"),
        peer_id: network.local_peer_id().to_string(),
        addresses: addresses(&network).await,
        pid: std::process::id(),
    };
    endpoints.announce(&config.data_dir)?;
    Ok(parts)
}

fn unless_stopped(stop: &CancellationToken, what: &str) -> anyhow::Result<()> {
    match stop.is_cancelled() {
        true => Ok(()),
        false => bail!("{what} ended unexpectedly"),
    }
}

/// The account on the chain: that of the account key, the configured one, or the one that registered the service key.
async fn account(config: &Config, keys: &Keys, chain: &ChainClient) -> anyhow::Result<AccountId> {
    if let Some(account) = keys.account.as_ref().map(Keypair::account) {
        return Ok(account);
    }
    let view = chain.finalized()?;
    let service = keys.service.account();
    let (configured, registered) = match config.role {
        Role::ServiceNode => (config.service_node.account.clone(), view.node_of_service_key(&service).await?),
        Role::Anchor => (None, view.organisation_of_key(&service).await?),
    };
    configured.or(registered).with_context(|| {
        format!("no account has registered the service key {service}; put the account's key at keys/account.key in the data directory")
    })
}

/// Where peers reach this service, with the actual ports.
async fn addresses(network: &Network) -> Vec<String> {
    let known = tokio::time::timeout(Duration::from_secs(10), network.wait_for_addresses()).await;
    known.unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Where everything is: printed when ready, and kept as `endpoints.json` in the data directory for programs.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoints {
    role: String,
    account: AccountId,
    service_key: AccountId,
    http: String,
    ws: String,
    metrics: String,
    peer_id: String,
    addresses: Vec<String>,
    pid: u32,
}

impl Endpoints {
    fn announce(&self, dir: &Path) -> anyhow::Result<()> {
        let path = dir.join("endpoints.json");
        let text = serde_json::to_string_pretty(self)?;
        // Renamed into place, so that whoever waits for the file never reads half of it.
        let incoming = dir.join("endpoints.json.new");
        let written = fs::write(&incoming, text).and_then(|()| fs::rename(&incoming, &path));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        let Self { role, account, http, metrics, peer_id, addresses, .. } = self;
        println!(
            "ready role={role} account={account} rpc={http} metrics={metrics} peer={peer_id} addresses={}",
            addresses.join(",")
        );
        Ok(())
    }
}

/// Cancels `stop` on SIGTERM and Ctrl-C. A second signal ends the process at once.
fn stop_on_signals(stop: &CancellationToken) -> anyhow::Result<()> {
    let stop = stop.clone();
    let signal = signals()?;
    tokio::spawn(async move {
        signal.await;
        stop.cancel();
    });
    Ok(())
}

#[cfg(unix)]
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{signal, SignalKind};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async move {
        let _ = tokio::signal::ctrl_c().await;
    })
}
