//! What an operator configures of a service node. Every field has a default; unknown keys are refused.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::{Deserialize, Deserializer};
use smartlayer_api_types::Amount;
use smartlayer_ethereum::{ChainConfig, ChainId};
use smartlayer_primitives::{sla::Objectives, AccountId, Balance, TemplateId, SLT};
use url::Url;

use crate::{methods::PAID, tls::TlsConfig};

/// The HTTP and WebSocket server.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RpcConfig {
    /// Where it listens; any free port if 0. Default: `127.0.0.1:9933`.
    pub listen: SocketAddr,
    /// The largest request body in bytes. Default: 64 KiB.
    pub max_request_bytes: u32,
    /// The largest answer in bytes. Default: 1 MiB.
    pub max_response_bytes: u32,
    /// How many connections at once. Default: 1000.
    pub max_connections: u32,
    /// How many paid calls are worked on at once, those of batches counted one by one; who has waited for a second in vain is refused
    /// as `overloaded`. Default: 256.
    pub max_paid_calls: usize,
    /// The most requests in one JSON-RPC batch. Default: 100.
    pub max_batch: u32,
    /// Certificate and key, to speak HTTPS and secure WebSocket. Default: none, all is plain.
    pub tls: Option<TlsConfig>,
    /// Web origins that may call from a browser; `*` is all. Default: `["*"]`, since nothing here relies on cookies.
    pub cors_origins: Vec<String>,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9933)),
            max_request_bytes: 64 << 10,
            max_response_bytes: 1 << 20,
            max_connections: 1000,
            max_paid_calls: 256,
            max_batch: 100,
            tls: None,
            cors_origins: vec!["*".into()],
        }
    }
}

/// What a call costs depends on what it takes to answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reading.
    Query,
    /// An action that leaves no record.
    Call,
    /// A key operation: executed once, recorded, and proved against the chain later.
    Operation,
}

impl Class {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Call => "call",
            Self::Operation => "operation",
        }
    }
}

/// What calls cost, in planck, by class. Calls of a class that costs 0 are free: no payment is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Reading, like `token_attributes`. Default: 0.001 SLT.
    pub query: Amount,
    /// An action that is not recorded, of `token_call`. Default: 0.002 SLT.
    pub call: Amount,
    /// A key operation. At least 1, because the receipt that is recorded names the session that paid. Default: 0.01 SLT.
    #[serde(deserialize_with = "at_least_one")]
    pub operation: Amount,
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let amount = Amount::deserialize(deserializer)?;
    match amount.0 {
        0 => Err(serde::de::Error::custom("a key operation costs at least 1 planck")),
        _ => Ok(amount),
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self { query: Amount(SLT / 1000), call: Amount(SLT / 500), operation: Amount(SLT / 100) }
    }
}

impl Prices {
    /// The price of a class, in planck.
    pub fn of(&self, class: Class) -> Balance {
        match class {
            Class::Query => self.query.0,
            Class::Call => self.call.0,
            Class::Operation => self.operation.0,
        }
    }

    /// The prices of a method's classes, by their names; nothing if it is none that is paid for.
    pub(crate) fn of_method(&self, method: &str) -> Option<BTreeMap<String, Amount>> {
        let (_, classes) = PAID.iter().find(|(name, _)| *name == method)?;
        Some(classes.iter().map(|class| (class.name().to_owned(), Amount(self.of(*class)))).collect())
    }

    /// All paid methods with the prices of their classes.
    pub(crate) fn all(&self) -> BTreeMap<String, BTreeMap<String, Amount>> {
        PAID.iter().filter_map(|(name, _)| Some(((*name).to_owned(), self.of_method(name)?))).collect()
    }
}

/// Taking payments and cashing them in.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentConfig {
    /// The least deposit that payers are told to put in, in planck. Default: 0.1 SLT.
    pub min_deposit: Amount,
    /// How many seconds after the last finalised block promises are still accepted, up to what was last seen held. It must be
    /// shorter than the chain's challenge window, in which a payer could close behind this node's back. Default: 60.
    pub max_chain_age_seconds: u64,
    /// A session is claimed once it owes this much more than was claimed, in planck. Default: 10 SLT.
    pub claim_above: Amount,
    /// Everything that is owed is claimed at least this often, in seconds; zero is never. Default: 3600.
    pub claim_interval_seconds: u64,
    /// How many failing calls of a session are not charged, for each charged call one more, up to this again. Further ones are charged like
    /// calls that succeed, because finding out is work. Default: 64.
    pub max_uncharged_failures: u32,
    /// Chain nodes that claim what sessions owe if their payers close them while this node is away: their JSON-RPC over HTTP. Default:
    /// none.
    pub watchtowers: Vec<Url>,
}

impl Default for PaymentConfig {
    fn default() -> Self {
        Self {
            min_deposit: Amount(SLT / 10),
            max_chain_age_seconds: 60,
            claim_above: Amount(10 * SLT),
            claim_interval_seconds: 3600,
            max_uncharged_failures: 64,
            watchtowers: Vec::new(),
        }
    }
}

/// The Ethereum nodes of one chain. What is not named is as [`ChainConfig`] has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvmConfig {
    /// The chain, as CAIP-2 names it: `eip155:1`.
    pub chain: ChainId,
    /// JSON-RPC over HTTP; the preferred one first, the others when it fails.
    pub endpoints: Vec<Url>,
    /// How often the newest block is looked for while somebody asks, in milliseconds. Default: 1000.
    pub poll_interval_ms: Option<u64>,
    /// How long one HTTP request may take, in milliseconds. Default: 3000.
    pub request_timeout_ms: Option<u64>,
    /// How long everything that one call reads of the chain may take together, in milliseconds. Default: 10,000.
    pub deadline_ms: Option<u64>,
    /// The most requests in one JSON-RPC batch. Default: 100.
    pub max_batch: Option<usize>,
    /// The oldest newest block that is believed, in seconds; zero is any age. Default: 3600.
    pub max_block_age_seconds: Option<u64>,
    /// By how many blocks the newest one may go back. Default: 64.
    pub max_reorg_blocks: Option<u64>,
    /// By how many blocks the endpoints may differ. Default: 64.
    pub max_difference_blocks: Option<u64>,
    /// The most memory for answers, in bytes. Default: 64 MiB.
    pub cache_bytes: Option<usize>,
    /// The most blocks whose logs are asked for in one request. Default: 10,000.
    pub log_range_blocks: Option<u64>,
    /// How many requests one search for logs may take. Default: 64.
    pub log_requests: Option<u32>,
}

impl EvmConfig {
    /// The chain with its endpoints and all defaults.
    pub fn new(chain: ChainId, endpoints: Vec<Url>) -> Self {
        Self {
            chain,
            endpoints,
            poll_interval_ms: None,
            request_timeout_ms: None,
            deadline_ms: None,
            max_batch: None,
            max_block_age_seconds: None,
            max_reorg_blocks: None,
            max_difference_blocks: None,
            cache_bytes: None,
            log_range_blocks: None,
            log_requests: None,
        }
    }

    /// As the client of Ethereum-compatible chains takes it.
    pub fn chain_config(&self) -> ChainConfig {
        let defaults = ChainConfig::new(self.chain.0, self.endpoints.clone());
        let duration = |milliseconds: Option<u64>, default| milliseconds.map_or(default, Duration::from_millis);
        ChainConfig {
            poll_interval: duration(self.poll_interval_ms, defaults.poll_interval),
            request_timeout: duration(self.request_timeout_ms, defaults.request_timeout),
            deadline: duration(self.deadline_ms, defaults.deadline),
            max_batch: self.max_batch.unwrap_or(defaults.max_batch),
            max_block_age: match self.max_block_age_seconds {
                None => defaults.max_block_age,
                Some(0) => None,
                Some(seconds) => Some(Duration::from_secs(seconds)),
            },
            max_reorg: self.max_reorg_blocks.unwrap_or(defaults.max_reorg),
            max_difference: self.max_difference_blocks.unwrap_or(defaults.max_difference),
            cache_bytes: self.cache_bytes.unwrap_or(defaults.cache_bytes),
            log_range: self.log_range_blocks.unwrap_or(defaults.log_range),
            log_requests: self.log_requests.unwrap_or(defaults.log_requests),
            ..defaults
        }
    }
}

/// How the node joins the network, with its account's key.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnboardingConfig {
    /// Whether the service registers the node, bonds, proposes its agreement and activates it. Needs the account's key.
    /// Default: true.
    pub enabled: bool,
    /// What is bonded, in planck. Default: 1000 SLT.
    pub bond: Amount,
    /// The service key's account is kept above this for fees, from the node's account, in planck. Default: 1 SLT.
    pub fee_float: Amount,
    /// The template of the agreement. Default: 0.
    pub template: TemplateId,
    /// The objectives that the node proposes. Default: the template's floor.
    pub objectives: Option<Objectives>,
    /// Whether the node claims its rewards each period. Default: true.
    pub claim_rewards: bool,
}

impl Default for OnboardingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            bond: Amount(1000 * SLT),
            fee_float: Amount(SLT),
            template: 0,
            objectives: None,
            claim_rewards: true,
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The URL that is registered on the chain. If absent, the address that the server listens on.
    pub endpoint: Option<Url>,
    /// The node's account, where its key is not on this machine.
    pub account: Option<AccountId>,
    /// The server.
    pub rpc: RpcConfig,
    /// What calls cost.
    pub prices: Prices,
    /// Taking payments.
    pub payment: PaymentConfig,
    /// Ethereum nodes.
    pub evm: Vec<EvmConfig>,
    /// Joining the network.
    pub onboarding: OnboardingConfig,
    /// How long the token scripts kept in memory may be together, in bytes; parsed they take a multiple. Default: 64 MiB.
    pub script_cache_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            account: None,
            rpc: Default::default(),
            prices: Default::default(),
            payment: Default::default(),
            evm: Vec::new(),
            onboarding: Default::default(),
            script_cache_bytes: 64 << 20,
        }
    }
}

impl PaymentConfig {
    /// See [`Self::max_chain_age_seconds`].
    pub fn max_chain_age(&self) -> Duration {
        Duration::from_secs(self.max_chain_age_seconds)
    }
}
