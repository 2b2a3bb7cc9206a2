//! What others build with: the usual JavaScript libraries against a real chain, `tests/js` under Node.js' own test runner.
//!
//! Needs npm, which `scripts/setup` installs, and its registry.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{ensure, Context, Result};
use smartlayer_tests::chain::{self, ChainNode};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_usual_clients_work_with_no_custom_types() -> Result<()> {
    let npm = Command::new("npm").arg("--version").stdout(Stdio::null()).status();
    ensure!(npm.is_ok_and(|status| status.success()), "there is no npm: run scripts/setup, which installs it");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::Builder::new().prefix("smartlayer-clients-").tempdir()?;
    // Nothing is written into the checkout.
    let js = dir.path().join("js");
    copy(&tests.join("js"), &js)?;
    let install = tokio::task::spawn_blocking({
        let js = js.clone();
        // The packages' own scripts are not needed, and run nobody's code at installation.
        move || run(&js, "npm", &["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--prefer-offline"], &[])
    });

    let logs = dir.path().join("logs");
    fs::create_dir(&logs)?;
    let spec = chain::export_spec(dir.path(), "local")?;
    // Two, because with one of two validators nothing gets final.
    let alice = ChainNode::start(dir.path(), &logs, &spec, "alice", None).await?;
    let bob = ChainNode::start(dir.path(), &logs, &spec, "bob", Some(&alice.multiaddr)).await?;

    install.await??;
    let ws = alice.ws.clone();
    let vectors = tests.join("../primitives/golden/vectors.json");
    let openrpc = tests.join("../docs/reference/openrpc.json");
    let told = tokio::task::spawn_blocking(move || {
        let vectors = vectors.to_str().context("a path in UTF-8")?;
        let openrpc = openrpc.to_str().context("a path in UTF-8")?;
        let files = [("SMARTLAYER_WS", ws.as_str()), ("SMARTLAYER_VECTORS", vectors), ("SMARTLAYER_OPENRPC", openrpc)];
        run(&js, "node", &["--test"], &files)
    })
    .await?;
    for node in [&alice, &bob] {
        node.process.check()?;
    }
    // What was tested and what was skipped stays visible with --no-capture.
    eprintln!("{}", told?);
    Ok(())
}

/// Runs a program in `dir` to its end; its output, which is also the error if it fails.
fn run(dir: &Path, program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success(), "{program} {} failed ({}):\n{text}", args.join(" "), output.status);
    Ok(text)
}

/// Copies a folder, without what npm may have installed in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), target)?;
        } else if entry.file_name() != "node_modules" {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}
