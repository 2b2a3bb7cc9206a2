//! # How services talk to each other
//!
//! libp2p between service nodes and anchors: a cloneable handle, [`Network`], and a [`NetworkRunner`] that drives it.
//!
//! - **Requests** ([`messages::Request`]) go to one peer and are answered by it. All content moves this way.
//! - **Gossip** ([`messages::Gossip`]) reaches everyone: key operations, measurements, assignments, issuers'
//!   updates.
//! - **The DHT** (Kademlia) only locates: peers by their id, and the assignment record of an instance. What a peer puts into it is
//!   kept only if a [`RecordValidator`] finds the anchors' quorum on it.
//!
//! Every protocol's name carries the chain's genesis hash, so services of different chains never talk. Whatever a stranger sends
//! is bounded in size, rate and number ([`Limits`]) and decoded before anyone sees it, but not verified: signatures are checked by
//! whoever knows the chain.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use smartlayer_network::{keypair, new, Config};
//! use std::sync::Arc;
//! # let (seed, genesis) = ([0; 32], Default::default());
//!
//! // A real validator checks the quorum.
//! let config = Config::new(keypair(seed), genesis, Arc::new(|_: &_| false));
//! let (network, runner, mut inbound) = new(config, &mut Default::default())?;
//! let stop = tokio_util::sync::CancellationToken::new();
//! tokio::spawn(runner.run(stop.clone()));
//! while let Some(request) = inbound.recv().await {
//!     println!("{} asks for {:?}", request.peer, request.request);
//! }
//! # Ok(())
//! # }
//! ```

mod behaviour;
mod bounds;
mod codec;
mod config;
mod handle;
pub mod messages;
mod metrics;
mod records;
mod runner;

pub use config::{keypair, Config, Limits};
pub use handle::{InboundRequest, Network, PublishError, RecordError, RequestError, TooFewPeers};
pub use libp2p::{Multiaddr, PeerId};
pub use records::RecordValidator;
pub use runner::NetworkRunner;

/// Why the network could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// An address to listen on is not possible, or taken.
    #[error("cannot listen on {0}: {1}")]
    Listen(Multiaddr, String),
    /// A protocol could not be set up.
    #[error("cannot set up the network: {0}")]
    Protocol(String),
}

/// Sets the network up: the handle, the runner that has to run for anything to happen, and the requests of others, at most
/// [`Limits::requests`] of them waiting. Metrics are registered under `network_`. Needs a tokio runtime.
pub fn new(
    config: Config,
    registry: &mut prometheus_client::registry::Registry,
) -> Result<(Network, NetworkRunner, tokio::sync::mpsc::Receiver<InboundRequest>), NetworkError> {
    runner::build(config, metrics::Metrics::register(registry))
}

/// The peer id in the binary form in which the chain keeps it; nothing if the bytes are none.
pub fn peer_id(bytes: &[u8]) -> Option<PeerId> {
    PeerId::from_bytes(bytes).ok()
}
