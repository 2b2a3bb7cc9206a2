//! # The service node
//!
//! Serves token instances as TokenAPIs over JSON-RPC, takes a promise for every paid call, and cashes the promises in.
//!
//! **The one invariant: no work is done for what is not owed, and nothing that is owed is lost.** A promise is checked and on disk
//! before its call is worked on; a key operation, its receipt and its answer reach the disk together, before the caller hears of it;
//! whoever asks again with the same promise gets the same answer and is not charged again.
//!
//! | module | what it does |
//! | --- | --- |
//! | `http` | one port for HTTP and WebSocket; takes payments in front of jsonrpsee |
//! | `paid` | a paid call from its request to its receipt |
//! | `payments`, `sessions` | what is owed, by session; the rules are in `smartlayer-promise-ledger` |
//! | `methods` | what each JSON-RPC method does |
//! | `evaluate` | token scripts, and what they read of Ethereum-compatible chains |
//! | `instances`, `operations`, `feeds` | what is served: placed by anchors, changed by key operations and by its issuer |
//! | `inbound` | what other services ask and tell |
//! | `follow`, `settle`, `onboarding` | the chain: following it, claiming, joining |
//! | `data` | what is on disk |
//!
//! The chain is behind the trait [`Chain`], so all of this is tested without one.

mod anchors;
mod chain;
mod config;
mod data;
mod evaluate;
mod feeds;
mod follow;
mod http;
mod inbound;
mod instances;
mod methods;
mod metrics;
mod node;
mod onboarding;
mod operations;
mod paid;
mod payments;
mod service;
mod sessions;
mod settle;
mod watchtowers;

pub use chain::{Chain, Status};
pub use config::{Config, EvmConfig, OnboardingConfig, PaymentConfig, Prices, RpcConfig};
pub use feeds::{Change, ChangeKind, Changes};
pub use instances::record_validator;
pub use service::{Parts, RunError, ServiceNode, StartError};
