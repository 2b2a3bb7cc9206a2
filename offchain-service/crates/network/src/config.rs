//! What can be set.

use std::{sync::Arc, time::Duration};

use libp2p::{identity::Keypair, Multiaddr};
use smartlayer_primitives::Hash;

use crate::records::RecordValidator;

/// The network's configuration. [`Config::new`] gives every field its default.
#[derive(Clone)]
pub struct Config {
    /// Who this service is: its peer id is the public key's hash. See [`keypair`].
    pub keypair: Keypair,
    /// The genesis hash of the chain. It is part of every protocol's name, so that services of different chains never talk.
    pub genesis: Hash,
    /// Where to listen. Default: `/ip4/0.0.0.0/tcp/0`, any free port.
    pub listen: Vec<Multiaddr>,
    /// Where others reach this service, told to peers in addition to the addresses it listens on: set it behind a NAT or a proxy.
    /// Default: none.
    pub external: Vec<Multiaddr>,
    /// Peers to join by, each ending in `/p2p/<peer id>`. While connections to them are missing, they are dialled again every
    /// [`Config::redial_interval`]. Default: none.
    pub bootstrap: Vec<Multiaddr>,
    /// Decides which assignment records are kept for others.
    pub record_validator: Arc<dyn RecordValidator>,
    /// How long a request may take, sending, work and answering together. Default: 30 s.
    pub request_timeout: Duration,
    /// How often missing bootstrap peers are dialled. Default: 5 s.
    pub redial_interval: Duration,
    /// How often the routing table is refreshed. Default: 60 s.
    pub bootstrap_interval: Duration,
    /// After this long without any use a connection is closed. Default: 10 min.
    pub idle_timeout: Duration,
    /// What strangers may cost.
    pub limits: Limits,
}

/// What strangers may cost this service.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections, each way. Default: 512.
    pub connections: u32,
    /// The most requests of one peer that are in work at once; more are refused as busy. Default: 8.
    pub requests_per_peer: u32,
    /// The most requests of all peers that are in work at once; more are refused as busy. Default: 64.
    pub requests: u32,
    /// How many requests a second one peer may make for long; ten times as many at once. Default: 20.
    pub requests_per_second: u32,
    /// The most own requests to one peer that are under way at once; more fail at once. Default: 16.
    pub outbound_per_peer: u32,
    /// The memory for messages that are being read, over all peers, in bytes; beyond it reading fails. Default: 128 MiB.
    pub reading_bytes: usize,
    /// How many gossip messages a second of one author are passed on for long; ten times as many at once. Default: 200.
    pub gossip_per_second: u32,
    /// How many gossip messages wait for a slow reader; the oldest are lost beyond it. Default: 4096.
    pub gossip_queue: usize,
    /// The most assignment records kept. Default: 65 536, at most 4 GiB and in practice some 100 MiB.
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            requests_per_peer: 8,
            requests: 64,
            requests_per_second: 20,
            outbound_per_peer: 16,
            reading_bytes: 128 << 20,
            gossip_per_second: 200,
            gossip_queue: 4096,
            records: 1 << 16,
        }
    }
}

impl Config {
    /// A configuration with every default.
    pub fn new(keypair: Keypair, genesis: Hash, record_validator: Arc<dyn RecordValidator>) -> Self {
        Self {
            keypair,
            genesis,
            listen: vec!["/ip4/0.0.0.0/tcp/0".parse().expect("a valid multiaddress; qed")],
            external: Vec::new(),
            bootstrap: Vec::new(),
            record_validator,
            request_timeout: Duration::from_secs(30),
            redial_interval: Duration::from_secs(5),
            bootstrap_interval: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            limits: Limits::default(),
        }
    }

    /// The name of one of this chain's protocols: `/smartlayer/<first 16 hex digits of the genesis hash>/<name>/1`.
    pub fn protocol(&self, name: &str) -> String {
        format!("/smartlayer/{}/{name}/1", &format!("{:x}", self.genesis)[..16])
    }
}

/// The key pair of an ed25519 seed, as kept in `network.key`. The seed passed in is wiped.
pub fn keypair(mut seed: [u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(&mut seed[..]).expect("32 bytes are an ed25519 seed; qed")
}
