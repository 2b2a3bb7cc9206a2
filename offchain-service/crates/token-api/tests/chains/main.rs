//! Token scripts served by a service node against a real EVM. Needs anvil at the path in `ANVIL`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../ethereum/tests/common/mod.rs"]
mod ethereum;
#[path = "../../../token-script/tests/common/files.rs"]
mod files;

mod access;
mod attested;
mod batching;
mod contract;
mod memory;
mod published;
mod reading;
mod transaction;
mod watch;
