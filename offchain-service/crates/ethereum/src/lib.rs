//! # Reading Ethereum-compatible chains
//!
//! [`Ethereum`] reads contracts' answers, storage and logs of several chains, each pinned to one block. Whoever evaluates something
//! takes a [`View`] of a chain, which is a block and a deadline, and asks it for any number of [`Read`]s at once.
//!
//! | module | what it does |
//! | --- | --- |
//! | `client` | [`Ethereum`] and [`View`]: the cache, and joining whoever asks the same |
//! | `load` | what is asked at the same time goes in one batch; the next endpoint when one fails |
//! | `estimate`, `revert` | what a transaction would cost, and why it would fail |
//! | `logs` | logs of many blocks, in ranges that the endpoints take |
//! | `follow`, `heads` | the newest block of a chain that somebody asks for; which endpoint's is believed |
//! | `endpoint`, `rpc` | one endpoint: what it can do, how it is; JSON-RPC as it travels |
//! | `cache` | answers by block, within bounds |
//!
//! **One block.** All reads of a view are made at one block, named by its hash (EIP-1898, with `requireCanonical`), so that the answers
//! fit together and say what they were computed from. Endpoints that take only numbers are asked by number, and in the same batch for
//! the block's hash, which must be the same; so are reads of logs. A reorganisation changes the hash, so nothing stale is served.
//!
//! **Few round trips.** Reads that are asked together go in one JSON-RPC batch, also those of different views: what is asked while a
//! batch is under way goes with the next. Equal reads at one block are made once, and answered from memory afterwards. A contract that
//! reverts is an answer like any other; a failure of an endpoint is not, and is never remembered as one.
//!
//! **Failing endpoints.** The first configured endpoint that is well is asked; when it fails, the next, within the deadline. One that
//! failed comes last until the follower finds it well, which it tries after a pause that doubles. A read that
//! makes a whole batch fail (too slow, too large an answer) is found by halving the batch, and its contract is then asked apart from
//! the others for a while: what one script asks does not disturb another's.
//!
//! **What an endpoint is believed.** An endpoint of another chain is refused. A newest block is refused from the future, older than
//! configured, further back than a reorganisation goes, and one that differs from what most endpoints say at the same time. What
//! cannot be seen here: wrong values at a right block, a lie that most endpoints share, a single endpoint's plausible lie, and blocks
//! withheld for less than the configured age. Who needs that asks an own node, or names several endpoints of different owners.
//!
//! Endpoints' paths and queries may be access keys: only hosts and ports are logged or counted under.

mod cache;
mod chain_id;
mod client;
mod config;
mod endpoint;
mod error;
mod estimate;
mod follow;
mod heads;
mod load;
mod logs;
mod metrics;
mod read;
mod revert;
mod rpc;

pub use chain_id::{ChainId, NotAChainId};
pub use client::{Ethereum, View};
pub use config::ChainConfig;
pub use error::{EthereumError, Fault};
pub use estimate::{EstimateError, Fees, GasEstimate};
pub use read::{Answer, Block, Log, LogQuery, Logs, Read, Transaction};
pub use revert::{Reason, Revert};
