//! # Smart Layer for dApps and tools
//!
//! - [`Payer`] opens sessions, signs promises and checks receipts. What a cheating node can take is the price of one call.
//! - [`TokenClient`] calls tokens: it finds the nodes that serve an instance, pays one, and asks the next when one fails.
//! - [`ServiceClient`] is one service over HTTP or WebSocket, for free methods and for whoever wants to choose the node.
//! - [`prove`] shows from the chain's snapshot that an operation happened.
//! - [`grant`] lets an owner grant a website private attributes and actions, and signs the website's calls.
//! - [`transfer`] has a token instance destroyed and another issued in exchange, at the order of its owner.
//! - [`place_instance`] stores a token instance, [`publish_update`] changes its values, [`seal`] keeps some of them from all but the nodes
//!   that serve it; for issuers.
//! - [`amount`] reads and writes `1.5SLT`.
//!
//! ```no_run
//! use smartlayer_chain_client::{ChainClient, Keypair};
//! use smartlayer_primitives::{InstanceId, SLT};
//! use smartlayer_sdk::{Options, Payer, TokenClient};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let chain = ChainClient::connect("ws://127.0.0.1:9944").await?;
//! let key = Keypair::load("payer.key")?;
//! let payer = Payer::with_record(chain, key.clone(), key, "payments.json")?;
//! let tokens = TokenClient::new(payer, Options { open_with: Some(SLT), ..Options::default() });
//!
//! let seat = tokens.attributes(InstanceId { token_type: 0, index: 7 }).await?;
//! println!("{:?}, answered by {} for {} planck", seat.paid.result.attributes, seat.node, seat.paid.charged());
//! # Ok(())
//! # }
//! ```

pub mod amount;
mod attested;
mod error;
pub mod grant;
mod payer;
mod place;
pub mod prove;
mod publish;
mod record;
pub mod seal;
mod service;
mod socket;
mod till;
mod token;
pub mod transfer;

pub use attested::Attested;
pub use error::Error;
pub use payer::{Opening, Payer, LIFETIME};
pub use place::place_instance;
pub use publish::{issuer_feed, publish_update};
pub use record::Book;
/// A pool of connections; see [`http_client`].
pub use reqwest::Client as HttpClient;
pub use service::{http_client, ServiceClient};
pub use smartlayer_api_types as api;
pub use smartlayer_issuer_feed::StateUpdate;
pub use till::Paid;
pub use token::{anchor_services, node_service, Answered, Options, TokenClient};
