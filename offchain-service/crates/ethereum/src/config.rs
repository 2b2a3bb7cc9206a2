//! What is configured of a chain.

use std::time::Duration;

use url::Url;

/// A chain, its endpoints, and the bounds on asking them.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// The chain's EIP-155 number.
    pub chain_id: u64,
    /// JSON-RPC over HTTP, the preferred one first.
    pub endpoints: Vec<Url>,
    /// How long after one look at the newest block the next one is taken. Default: 1 s.
    pub poll_interval: Duration,
    /// How long one HTTP request may take. Default: 3 s.
    pub request_timeout: Duration,
    /// How long all reads of one view may take together, whatever fails meanwhile. Default: 10 s.
    pub deadline: Duration,
    /// The most requests in one JSON-RPC batch. Default: 100.
    pub max_batch: usize,
    /// The most bytes of an answer that are read. Default: 10 MiB.
    pub max_response_bytes: usize,
    /// What a unit of gas may cost at the most, in the smallest unit of the chain's own currency: an endpoint that says more is
    /// not believed. Default: 10,000 gwei.
    pub max_fee_per_gas: u128,
    /// The oldest newest block that is believed; none: blocks may be of any age. Default: an hour.
    pub max_block_age: Option<Duration>,
    /// By how many blocks the newest one may go back. Default: 64.
    pub max_reorg: u64,
    /// By how many blocks endpoints may differ at the same time. Default: 64.
    pub max_difference: u64,
    /// How many answers are kept in memory. Default: 100,000.
    pub cache_entries: usize,
    /// What the answers kept may take up, in bytes. Default: 64 MiB.
    pub cache_bytes: usize,
    /// The most blocks whose logs are asked for in one request; fewer where an endpoint takes fewer. Default: 10,000.
    pub log_range: u64,
    /// How many requests one search for logs may take; what is further back than that is not found. Default: 64.
    pub log_requests: u32,
}

impl ChainConfig {
    /// The chain with the default bounds.
    pub fn new(chain_id: u64, endpoints: Vec<Url>) -> Self {
        Self {
            chain_id,
            endpoints,
            poll_interval: Duration::from_secs(1),
            request_timeout: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            max_batch: 100,
            max_response_bytes: 10 << 20,
            max_fee_per_gas: 10_000_000_000_000,
            max_block_age: Some(Duration::from_secs(3600)),
            max_reorg: 64,
            max_difference: 64,
            cache_entries: 100_000,
            cache_bytes: 64 << 20,
            log_range: 10_000,
            log_requests: 64,
        }
    }
}
