//! What an operator configures of an anchor. Every field has a default; unknown keys are refused.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;
use smartlayer_api_types::Amount;
use smartlayer_primitives::{Period, SLT};

/// All of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The URL that is registered on the chain. If absent, the address that the server listens on.
    pub endpoint: Option<String>,
    /// The JSON-RPC server.
    pub rpc: RpcConfig,
    /// Probing nodes.
    pub probes: ProbeConfig,
    /// Writing commitments.
    pub duty: DutyConfig,
    /// Being an organisation on the chain.
    pub onboarding: OnboardingConfig,
}

/// The HTTP and WebSocket server.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RpcConfig {
    /// Where it listens; any free port if 0. Default: `127.0.0.1:9934`.
    pub listen: SocketAddr,
    /// The largest request body in bytes: a token script and a state, in hex. Default: 12 MiB.
    pub max_request_bytes: u32,
    /// How many connections at once. Default: 200.
    pub max_connections: u32,
    /// How many instances are placed at once; more are refused as `overloaded`. Default: 8.
    pub max_placements: usize,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9934)),
            max_request_bytes: 12 << 20,
            max_connections: 200,
            max_placements: 8,
        }
    }
}

/// Probing nodes, and the serviceability test.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// The mean time between two probes of a node, in milliseconds; the real times are drawn at random. Default: 20 000.
    pub interval_ms: u64,
    /// A probe without an answer by then has failed, in milliseconds. Default: 5000.
    pub timeout_ms: u64,
    /// How many probes make a serviceability test. Default: 20.
    pub test_probes: u32,
    /// How many probes are under way at once. Default: 64.
    pub at_once: usize,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { interval_ms: 20_000, timeout_ms: 5_000, test_probes: 20, at_once: 64 }
    }
}

impl ProbeConfig {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Writing commitments, and keeping what they are made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DutyConfig {
    /// How long after a period's end its measurements may take to arrive before the first proposal, in milliseconds. Default: 3000.
    pub settle_ms: u64,
    /// For how many periods everything that a commitment was made of is kept, to prove from. Default: 1024.
    pub keep_periods: Period,
}

impl Default for DutyConfig {
    fn default() -> Self {
        Self { settle_ms: 3_000, keep_periods: 1024 }
    }
}

/// Being an organisation on the chain.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnboardingConfig {
    /// Whether the service registers the organisation, and keeps its endpoint and peer id on the chain up to date. Registering needs
    /// the organisation's key. Default: true.
    pub enabled: bool,
    /// The organisation's name. Default: `anchor`.
    pub name: String,
    /// What is bonded, in planck. Default: 10 000 SLT.
    pub bond: Amount,
    /// The signing key's account is kept above this for fees, from the organisation's account, in planck. Default: 10 SLT.
    pub fee_float: Amount,
    /// Whether the anchor claims its rewards. Default: true.
    pub claim_rewards: bool,
}

impl Default for OnboardingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            name: "anchor".into(),
            bond: Amount(10_000 * SLT),
            fee_float: Amount(10 * SLT),
            claim_rewards: true,
        }
    }
}
