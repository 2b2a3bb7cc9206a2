//! # `smartlayer-node`
//!
//! The chain node of Smart Layer: validator, full node or archive. Wasm executor, ParityDB, BABE and GRANDPA.
//!
//! - [`cli`] is what can be typed, [`command`] what is done about it;
//! - [`chain_spec`] names the chains that are built in;
//! - [`service`] puts a running node together;
//! - [`rpc`] is what it answers beyond sc-service's own methods;
//! - [`watchtower`] keeps claims for service nodes that may be away.

// polkadot-sdk's errors are large, and every function here passes them on.
#![allow(clippy::result_large_err)]

mod chain_spec;
mod cli;
mod command;
mod equivocation;
mod rpc;
mod service;
mod watchtower;

fn main() -> sc_cli::Result<()> {
    command::run()
}
