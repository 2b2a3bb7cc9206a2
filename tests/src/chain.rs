//! The chain's processes: validators of the `local` preset.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{ensure, Context, Result};
use serde_json::json;

use crate::{
    process::{binary, free_port, Process, Program},
    rpc, wait_until,
};

/// Writes a preset as a raw specification, from which nodes start much faster than by name.
pub fn export_spec(dir: &Path, preset: &str) -> Result<PathBuf> {
    let path = dir.join(preset).with_extension("json");
    let status = Command::new(binary("smartlayer-node")?)
        .args(["export-chain-spec", "--chain", preset, "--raw", "--output"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "smartlayer-node export-chain-spec failed: {status}");
    Ok(path)
}

/// A running chain node.
pub struct ChainNode {
    /// The process.
    pub process: Process,
    /// `ws://…`
    pub ws: String,
    /// `http://…`
    pub http: String,
    /// Its Prometheus endpoint.
    pub metrics: String,
    /// Where others dial it.
    pub multiaddr: String,
}

impl ChainNode {
    /// Starts the validator of a development key (`alice`, `bob`) on the chain of a raw specification, and waits until it answers.
    pub async fn start(dir: &Path, logs: &Path, spec: &Path, key: &str, bootnode: Option<&str>) -> Result<Self> {
        Self::start_as(dir, logs, spec, key, key, bootnode).await
    }

    /// The same with a database and a log of this name, so that two nodes can have one key.
    pub async fn start_as(
        dir: &Path,
        logs: &Path,
        spec: &Path,
        name: &str,
        key: &str,
        bootnode: Option<&str>,
    ) -> Result<Self> {
        let [p2p, rpc_port, metrics] = [free_port()?, free_port()?, free_port()?];
        let mut args = vec![
            format!("--chain={}", spec.display()),
            format!("--{key}"),
            "--validator".into(),
            format!("--base-path={}", dir.join("chain").join(name).display()),
            format!("--listen-addr=/ip4/127.0.0.1/tcp/{p2p}"),
            format!("--rpc-port={rpc_port}"),
            format!("--prometheus-port={metrics}"),
            "--rpc-max-connections=200".into(),
            "--no-telemetry".into(),
            "--allow-private-ip".into(),
            // Other local networks on this machine have the same genesis; they must not find each other.
            "--no-mdns".into(),
        ];
        args.extend(bootnode.map(|b| format!("--bootnodes={b}")));
        let process = Program::new(&format!("chain-{name}"), &binary("smartlayer-node")?, logs).args(args).start()?;
        let http = format!("http://127.0.0.1:{rpc_port}");
        wait_until("the chain node answers", Duration::from_secs(90), || {
            let ended = process.check();
            let http = http.clone();
            async move {
                ended?;
                Ok(rpc::call(&http, "system_health", json!([])).await.is_ok())
            }
        })
        .await?;
        let peer = rpc::call(&http, "system_localPeerId", json!([])).await?;
        let peer = peer.as_str().context("a peer id")?;
        Ok(Self {
            process,
            ws: format!("ws://127.0.0.1:{rpc_port}"),
            http,
            metrics: format!("http://127.0.0.1:{metrics}/metrics"),
            multiaddr: format!("/ip4/127.0.0.1/tcp/{p2p}/p2p/{peer}"),
        })
    }

    /// The finalized height.
    pub async fn finalized(&self) -> Result<u32> {
        let hash = rpc::call(&self.http, "chain_getFinalizedHead", json!([])).await?;
        let header = rpc::call(&self.http, "chain_getHeader", json!([hash])).await?;
        let number = header["number"].as_str().context("a block number")?;
        Ok(u32::from_str_radix(number.trim_start_matches("0x"), 16)?)
    }
}
