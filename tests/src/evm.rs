//! A real EVM node (anvil) with the example contract deployed.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::{json, Value};

use crate::{
    process::{free_port, Process, Program},
    rpc, wait_until,
};

/// A running EVM node.
pub struct Evm {
    /// The process.
    pub process: Process,
    /// Its JSON-RPC endpoint.
    pub url: String,
    /// Its chain id.
    pub chain_id: u64,
}

impl Evm {
    /// Starts anvil on a free port.
    pub async fn start(anvil: &Path, logs: &Path) -> Result<Self> {
        let port = free_port()?;
        let chain_id = 31337;
        let process = Program::new("anvil", anvil, logs)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--chain-id", &chain_id.to_string()])
            .start()?;
        let url = format!("http://127.0.0.1:{port}");
        wait_until("anvil answers", Duration::from_secs(30), || async {
            Ok(rpc::call(&url, "eth_chainId", json!([])).await.is_ok())
        })
        .await?;
        Ok(Self { process, url, chain_id })
    }

    /// The first unlocked account.
    pub async fn account(&self) -> Result<String> {
        let accounts = rpc::call(&self.url, "eth_accounts", json!([])).await?;
        Ok(accounts[0].as_str().context("anvil has no accounts")?.to_owned())
    }

    /// Deploys a compiled contract with ABI-encoded constructor arguments; returns its address.
    pub async fn deploy(&self, artefact: &Path, arguments: &[u8]) -> Result<String> {
        let artefact: Value = serde_json::from_slice(&std::fs::read(artefact)?)?;
        let code = artefact["bytecode"].as_str().context("the artefact has no bytecode")?;
        let data = format!("0x{}{}", code.trim_start_matches("0x"), hex::encode(arguments));
        let receipt = self.send(json!({ "from": self.account().await?, "data": data, "gas": "0x5b8d80" })).await?;
        Ok(receipt["contractAddress"].as_str().context("no contract was created")?.to_owned())
    }

    /// Sends a transaction from an unlocked account and returns its receipt; fails if it reverted.
    pub async fn send(&self, transaction: Value) -> Result<Value> {
        let hash = rpc::call(&self.url, "eth_sendTransaction", json!([transaction])).await?;
        let mut receipt = Value::Null;
        while receipt.is_null() {
            receipt = rpc::call(&self.url, "eth_getTransactionReceipt", json!([hash])).await?;
        }
        anyhow::ensure!(receipt["status"] == "0x1", "the transaction reverted: {receipt}");
        Ok(receipt)
    }
}
