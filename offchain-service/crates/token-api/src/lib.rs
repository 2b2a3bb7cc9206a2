//! # The service node
//!
//! Serves token instances as TokenAPIs over JSON-RPC, takes a promise for every paid call, and cashes the promises in.
//!
//! **The one invariant: no work is done for what is not promised, nothing is charged for what was not delivered, and nothing that was
//! earned is lost.** A promise is checked and on disk before its call is worked on, and earned by the answer; a key operation, its receipt and its answer reach the disk together, before the caller hears of it;
//! whoever asks again with the same promise gets the same answer and is not charged again.
//!
//! | module | what it does |
//! | --- | --- |
//! | `http` | one port for HTTP and WebSocket; takes payments in front of jsonrpsee |
//! | `accept`, `tls` | connections, bounded, and encrypted if a certificate is configured |
//! | `ready` | whether the node can do its work |
//! | `inband` | payments in parameters, for WebSocket |
//! | `paid` | a paid call, or a batch, from its request to its receipt |
//! | `payments`, `sessions` | what is owed, by session; the rules are in `smartlayer-promise-ledger` |
//! | `methods` | what each JSON-RPC method does |
//! | `evaluate` | token scripts, and what they read of Ethereum-compatible chains |
//! | `reading` | whose token it is and on which chain, as its contract and the caller say |
//! | `access` | what is for the token's owner, and whom the owner grants it |
//! | `instances`, `script`, `operations`, `feeds` | what is served: placed by anchors, changed by key operations and by its issuer |
//! | `watch` | what chains change in the instances that somebody follows |
//! | `inbound` | what other services ask and tell |
//! | `follow`, `settle`, `onboarding` | the chain: following it, claiming, joining |
//! | `data` | what is on disk |
//!
//! The chain is behind the trait [`Chain`], so all of this is tested without one.

mod accept;
mod access;
mod anchors;
mod answers;
mod attested;
mod catch_up;
mod chain;
mod config;
mod data;
mod evaluate;
mod feeds;
mod follow;
mod http;
mod inband;
mod inbound;
mod instances;
mod methods;
mod metrics;
mod node;
mod onboarding;
mod operations;
mod paid;
mod payments;
mod reading;
mod ready;
mod script;
mod seals;
mod service;
mod sessions;
mod settle;
mod tls;
mod turns;
mod watch;
mod watchtowers;

pub use chain::{Chain, Status};
pub use config::{Class, Config, EvmConfig, OnboardingConfig, PaymentConfig, Prices, RpcConfig};
pub use feeds::{Change, ChangeKind, Changes};
pub use instances::record_validator;
pub use ready::Readiness;
pub use service::{Parts, RunError, ServiceNode, StartError};
pub use tls::TlsConfig;
