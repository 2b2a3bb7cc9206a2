//! A whole Smart Layer on one machine: real chain nodes, services, an EVM node, and the story that shows them at work.
//!
//! `scripts/start` runs it for people; the end-to-end tests run the same and assert each of its sentences.

pub mod chain;
pub mod cli;
pub mod dashboard;
pub mod developer;
pub mod evm;
pub mod network;
pub mod process;
pub mod rpc;
pub mod story;

use std::{future::Future, time::Duration};

use anyhow::{bail, Result};
use tokio::time::{sleep, Instant};

/// Asks again and again until the answer is yes; fails at once on an error and after `limit` without a yes.
pub async fn wait_until<F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let end = Instant::now() + limit;
    while !ask().await? {
        if Instant::now() > end {
            bail!("waited {limit:?} in vain until {what}");
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
