//! The `smartlayer` command line, used as its users do.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{bail, Context, Result};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::process::binary;

/// How long any one command may take.
const LIMIT: Duration = Duration::from_secs(180);

/// One user: a key file, and a folder for what the command line remembers.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's account, SS58.
    pub account: String,
    /// The file with the secret seed.
    pub key: PathBuf,
    chain: String,
    state: PathBuf,
}

impl User {
    /// A user of the chain at `chain` (`ws://…`) with a key file.
    pub fn new(chain: &str, account: &str, key: &Path, state: &Path) -> Self {
        Self { account: account.into(), key: key.into(), chain: chain.into(), state: state.into() }
    }

    /// Runs `smartlayer --json …` and returns what it printed.
    pub async fn run(&self, args: &[&str]) -> Result<Value> {
        let output = timeout(
            LIMIT,
            Command::new(binary("smartlayer")?)
                .args(["--json", "--chain", &self.chain, "--key"])
                .arg(&self.key)
                .arg("--state")
                .arg(&self.state)
                .args(args)
                .kill_on_drop(true)
                .output(),
        )
        .await
        .with_context(|| format!("smartlayer {} took longer than {LIMIT:?}", args.join(" ")))??;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("smartlayer {}: {}{}", args.join(" "), stdout, String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_str(&stdout).with_context(|| format!("smartlayer {} printed {stdout}", args.join(" ")))
    }
}
