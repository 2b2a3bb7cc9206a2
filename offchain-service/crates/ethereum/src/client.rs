//! The client of all chains, and the view of one at one block.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    endpoint::Endpoint,
    follow::Head,
    load::{Chain, Found},
    metrics::Metrics,
    Answer, Block, ChainConfig, EthereumError, Read,
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);

/// Reads several Ethereum-compatible chains. Nothing is asked of a chain before somebody asks for it, nor a minute after nobody does any
/// more; nothing is after this is dropped, but for what is under way.
pub struct Ethereum {
    chains: BTreeMap<u64, Arc<Chain>>,
    _stop: DropGuard,
}

/// A chain at one block, for one evaluation: with a deadline for all that is read.
#[derive(Clone)]
pub struct View {
    chain: Arc<Chain>,
    block: Block,
    end: Instant,
}

impl Ethereum {
    /// A client for these chains. Metrics are registered under `ethereum_`. Endpoints of a chain that is named twice are added up.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be set up (no TLS roots).
    pub fn new(chains: impl IntoIterator<Item = ChainConfig>, registry: &mut Registry) -> Result<Self, reqwest::Error> {
        // An Ethereum node never redirects; following one would let it choose what this service asks.
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT).redirect(reqwest::redirect::Policy::none()).build()?;
        let metrics = Metrics::register(registry);
        let stop = CancellationToken::new();
        let mut configs: BTreeMap<u64, ChainConfig> = BTreeMap::new();
        for config in chains {
            match configs.get_mut(&config.chain_id) {
                Some(known) => known.endpoints.extend(config.endpoints),
                None => drop(configs.insert(config.chain_id, config)),
            }
        }
        let chain = |config: ChainConfig| {
            let endpoint = |url: &url::Url| Endpoint::new(&config, url.clone(), http.clone(), &metrics);
            let endpoints = config.endpoints.iter().map(endpoint).collect();
            let (head, metrics) = (Head::new(stop.clone()), metrics.chain(config.chain_id));
            Arc::new(Chain::new(config, endpoints, head, metrics))
        };
        let chains = configs.into_iter().map(|(id, config)| (id, chain(config))).collect();
        Ok(Self { chains, _stop: stop.drop_guard() })
    }

    /// The chain at its newest block, for an evaluation that began at `since`; the deadline counts from there.
    ///
    /// # Errors
    ///
    /// If the chain is not configured, no endpoint says a believable newest block, or the deadline is over.
    pub async fn view(&self, chain: u64, since: std::time::Instant) -> Result<View, EthereumError> {
        let known = self.chains.get(&chain).filter(|known| !known.endpoints.is_empty());
        let chain = known.ok_or(EthereumError::UnknownChain(chain))?;
        let end = Instant::from_std(since) + chain.config.deadline;
        let block = chain.head.newest(chain, end).await?;
        Ok(View { chain: chain.clone(), block, end })
    }

    /// The block that a [`View`] of the chain would be at, if that is known without waiting. Counts as asking for it.
    pub fn newest(&self, chain: u64) -> Option<Block> {
        let chain = self.chains.get(&chain)?;
        chain.head.known(chain)
    }
}

impl View {
    /// The block that everything is read at.
    pub fn block(&self) -> Block {
        self.block
    }

    pub(crate) fn max_fee_per_gas(&self) -> u128 {
        self.chain.config.max_fee_per_gas
    }

    /// Reads, in one round trip if nothing stands against it; answers in the order of the reads, each on its own.
    pub async fn read(&self, reads: &[Read]) -> Vec<Result<Answer, EthereumError>> {
        let mut answers = Vec::with_capacity(reads.len());
        for found in self.chain.find(self.block, reads) {
            answers.push(match found {
                Found::Now(answer) => answer,
                Found::Later(waiting) => match tokio::time::timeout_at(self.end, waiting).await {
                    Ok(answer) => answer.unwrap_or(Err(EthereumError::Stopped)),
                    Err(_) => Err(EthereumError::Deadline {
                        chain: self.chain.config.chain_id,
                        limit: self.chain.config.deadline,
                    }),
                },
            });
        }
        answers
    }
}
