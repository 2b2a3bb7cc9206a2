//! What all parts of a running service node share.

use std::{sync::Arc, time::Instant};

use smartlayer_api_types::x402::SessionTerms;
use smartlayer_chain_client::Keypair;
use smartlayer_ethereum::Ethereum;
use smartlayer_network::Network;
use smartlayer_primitives::{payload::Payload, promise::Promise, AccountId};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::{
    access::Grants, anchors::Anchors, answers::Answers, chain::Chain, config::Config, data::Data, feeds::Feeds,
    instances::Instances, metrics::Metrics, operations::Operations, seals::Seals, sessions::Sessions, watch::Watches,
};

/// The shared state of a service node.
pub(crate) struct Node {
    pub config: Config,
    /// The node's account on the chain.
    pub account: AccountId,
    /// The hot key that signs receipts and transactions in the node's name.
    pub service_key: Keypair,
    /// The key of the account itself, if it is on this machine.
    pub account_key: Option<Keypair>,
    pub chain: Arc<dyn Chain>,
    pub network: Network,
    pub data: Data,
    pub sessions: Sessions,
    pub instances: Instances,
    pub operations: Operations,
    pub grants: Grants,
    pub feeds: Feeds,
    pub watches: Watches,
    pub seals: Seals,
    pub anchors: Anchors,
    pub answers: Answers,
    /// For asking anchors and watchtowers.
    pub http: reqwest::Client,
    pub ethereum: Ethereum,
    pub metrics: Metrics,
    /// One permit for each paid call in work.
    pub paid_calls: Arc<Semaphore>,
    /// Work that must come to its end before the service stops.
    pub tasks: TaskTracker,
    /// The newest finalised block that was taken in.
    pub blocks: tokio::sync::watch::Sender<u32>,
    pub started: Instant,
    /// The URL under which callers reach the node.
    pub endpoint: std::sync::OnceLock<Url>,
}

impl Node {
    /// What a payer needs to know.
    pub fn terms(&self) -> SessionTerms {
        SessionTerms {
            genesis: self.chain.genesis(),
            node: self.account.clone(),
            service_key: self.service_key.account(),
            promise_domain: Promise::DOMAIN.into(),
            min_deposit: self.config.payment.min_deposit,
            session_state: None,
        }
    }

    /// The URL under which callers reach the node.
    pub fn url(&self) -> String {
        self.endpoint.get().map(Url::to_string).unwrap_or_default()
    }
}
