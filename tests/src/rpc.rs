//! JSON-RPC over HTTP POST, for what no client of ours speaks: the chain node's own methods and the EVM's.

use anyhow::{bail, Context, Result};
use serde_json::{json, Value};

/// Calls `method` at `url` and returns its result.
pub async fn call(url: &str, method: &str, params: Value) -> Result<Value> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer: Value = reqwest::Client::new()
        .post(url)
        .json(&body)
        .send()
        .await
        .with_context(|| format!("{method} at {url}"))?
        .json()
        .await?;
    match answer.get("error") {
        Some(error) => bail!("{method} at {url}: {error}"),
        None => Ok(answer["result"].clone()),
    }
}
