//! # Anchor: what an anchoring node does
//!
//! The decisions are pure and live in modules of their own; none of them does I/O, reads a clock or draws randomness:
//!
//! - [`latency`]: from probes to a measurement.
//! - [`report`]: from measurements to the service-level report.
//! - [`proposal`]: from what happened in a period to its commitment, and whether another anchor's proposal is right.
//! - [`quorum`]: from signatures to a certificate.
//! - [`proofs`]: from a kept period to proofs for whoever asks.
//!
//! Around them, [`Anchor`] is the service: everything that waits, asks, stores or sends.
//!
//! | module | what it does |
//! | --- | --- |
//! | `follow`, `shared` | what is known of the chain after each finalised block, and all that the others share |
//! | `onboarding` | being an organisation on the chain: registered, reachable, in funds, paid |
//! | `admission` | accepting nodes' proposals; the serviceability test |
//! | `breach` | bringing persistent breaches to the chain, and taking the slashes that are due |
//! | `probe` | probing nodes, and what comes of it each period |
//! | `gather` | operations, measurements and assignments that others tell |
//! | `place` | placing instances, and replacing nodes that are gone |
//! | `duty` | writing commitments, and attesting those of others |
//! | `attest`, `serve` | asking the other anchors, and being asked |
//! | `publish` | passing issuers' updates on |
//! | `rpc` | JSON-RPC for issuers, nodes and whoever wants proof |
//! | `data` | what is on disk |
//!
//! The chain is behind the trait [`Chain`], probing behind [`Prober`], so all of this is tested without either.
//!
//! **Invariants.** Two anchors with the same chain state and the same proposal compute the same bytes. An anchor signs only what it
//! has recomputed. What fewer than a third of the anchors claim can't lift a node's score above what an honest anchor measured, and can't
//! put a node in breach that every honest anchor found within its objectives.

mod admission;
mod attest;
mod breach;
mod chain;
mod config;
mod data;
mod duty;
mod error;
mod follow;
mod gather;
pub mod latency;
mod metrics;
mod onboarding;
mod place;
mod probe;
pub mod proofs;
pub mod proposal;
mod publish;
pub mod quorum;
pub mod report;
mod rpc;
mod serve;
mod service;
mod shared;

pub use chain::{Chain, Nodes, Progress};
pub use config::{Config, DutyConfig, OnboardingConfig, ProbeConfig, RpcConfig};
pub use probe::{HttpProber, Prober};
pub use service::{record_validator, Anchor, Parts, RunError};

#[cfg(test)]
mod testing;
