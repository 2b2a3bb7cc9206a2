//! Several service nodes at once: what issuers' updates and the keys to sealed values do between them.

#[path = "../common/mod.rs"]
mod common;
mod feeds;
mod operations;
mod seals;

use std::time::Duration;

use common::*;
use prometheus_client::registry::Registry;
use smartlayer_api_types::{
    rpc::Response,
    x402::{self, PaymentPayload},
};
use smartlayer_network::Network;
use smartlayer_primitives::SessionId;
use smartlayer_store::Store;
use smartlayer_token_api::{record_validator, Changes, Config, EvmConfig, Parts, RunError, ServiceNode};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The service key of the other node.
const OTHER_SERVICE: u8 = 13;
const SOON: Duration = Duration::from_secs(20);

/// A second service node beside that of the [`World`].
struct Second {
    network: Network,
    url: String,
    changes: Changes,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), RunError>>,
    network_stopped: tokio::task::JoinHandle<()>,
}

impl Second {
    async fn start(world: &World, dir: &std::path::Path) -> Self {
        let mut config = Config::default();
        config.rpc.listen = "127.0.0.1:0".parse().unwrap();
        config.onboarding.enabled = false;
        config.onboarding.claim_rewards = false;
        let evm = ethereum(world.ethereum_fails.clone()).await;
        config.evm = vec![EvmConfig::new(smartlayer_ethereum::ChainId(31337), vec![evm])];
        let (anchors, set) = watch::channel(world.chain.change(|s| s.anchors.clone()));
        let mut network_config = smartlayer_network::Config::new(
            smartlayer_network::keypair([101; 32]),
            GENESIS,
            record_validator(set, GENESIS),
        );
        network_config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        network_config.bootstrap = world.network.wait_for_addresses().await;
        let mut registry = Registry::default();
        let (network, runner, inbound) = smartlayer_network::new(network_config, &mut registry).unwrap();
        let stop = CancellationToken::new();
        let network_stopped = tokio::spawn(runner.run(stop.clone()));
        world.chain.register(account(OTHER_NODE), account(OTHER_SERVICE), &network);
        let parts = Parts {
            config,
            account: account(OTHER_NODE),
            service_key: key(OTHER_SERVICE),
            account_key: None,
            chain: world.chain.clone(),
            network: network.clone(),
            inbound,
            store: Store::open(dir).unwrap(),
            anchors,
        };
        let node = ServiceNode::start(parts, &mut registry).await.unwrap();
        let url = format!("http://{}", node.address());
        let changes = node.changes();
        let running = tokio::spawn(node.run(stop.clone()));
        network.wait_for_peers(1, SOON).await.unwrap();
        for address in network.wait_for_addresses().await {
            world.anchor.dial(address).await;
        }
        Self { network, url, changes, stop, running, network_stopped }
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.running).await.expect("stops in time").unwrap().unwrap();
        self.network_stopped.await.unwrap();
    }

    /// What a paying caller is answered here.
    async fn paid(&self, world: &World, request: Vec<u8>, session: SessionId, cumulative: u128) -> Response {
        let terms = x402::SessionTerms {
            genesis: GENESIS,
            node: account(OTHER_NODE),
            service_key: account(OTHER_SERVICE),
            promise_domain: String::new(),
            min_deposit: Default::default(),
            session_state: None,
        };
        let paid = PaymentPayload::new(&x402::offer(&terms, PRICE, 30), &promise(session, cumulative, &request));
        let post = world.http.post(&self.url).header("content-type", "application/json").body(request);
        let answer = post.header(x402::PAYMENT_SIGNATURE, x402::encode_header(&paid)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}
