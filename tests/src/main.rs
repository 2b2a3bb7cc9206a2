//! `smartlayer-local`: a whole Smart Layer on this machine, shown at work. `scripts/start` builds and runs it.

use std::{future::Future, path::PathBuf, process::ExitCode};

use anyhow::{bail, Context, Result};
use clap::Parser;
use smartlayer_tests::{
    network::{LocalNetwork, Plan},
    story::{self, Teller},
};
use tokio::signal::unix::{signal, SignalKind};

/// Starts a chain of two validators, four anchors, six service nodes and an EVM node on this machine; registers a token, serves
/// it, pays for calls, kills a node, settles, proves. Then the network stays up until Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "scripts/start", version, about, long_about = None)]
struct Arguments {
    /// Ends after the story; the exit code is 0 only if every step held.
    #[arg(long)]
    once: bool,
    /// Keeps all data, logs, keys and network.json here [default: a new temporary folder].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The checkout, for the example token.
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    repository: PathBuf,
    /// anvil's executable.
    #[arg(long, value_name = "FILE", env = "ANVIL", hide_env = true, hide = true)]
    anvil: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("start: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let dir = match &arguments.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            let used = dir.join("network.json").exists() || dir.join("chain").exists();
            anyhow::ensure!(!used, "{} holds another network; name an empty folder", dir.display());
            dir.canonicalize()?
        }
        None => {
            // Kept, so that what happened stays readable.
            tempfile::Builder::new().prefix("smartlayer-").tempdir()?.keep()
        }
    };
    let plan = Plan {
        dir: dir.clone(),
        repository: arguments.repository.canonicalize()?,
        anvil: arguments.anvil,
        anchors: 4,
        nodes: 6,
    };
    let teller = Teller::default();
    teller.say(format!("all data is in {}", dir.display()));
    let stopped = interruption()?;
    tokio::pin!(stopped);

    let mut network = tokio::select! {
        network = LocalNetwork::start(&plan, &teller) => network.with_context(|| logs(&dir))?,
        _ = &mut stopped => bail!("interrupted while starting"),
    };
    let outcome = tokio::select! {
        outcome = story::tell(&mut network, &teller) => outcome.with_context(|| logs(&dir))?,
        _ = &mut stopped => {
            finish(&mut network, &teller).await?;
            bail!("interrupted before the story ended");
        }
    };
    network.write_description()?;
    println!("\n{}\n\n{}\n", outcome.summary(&network), network.endpoints());
    if !arguments.once {
        teller.say("the network stays up; Ctrl-C stops it");
        stopped.await;
    }
    finish(&mut network, &teller).await
}

/// Ctrl-C or SIGTERM.
fn interruption() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn finish(network: &mut LocalNetwork, teller: &Teller) -> Result<()> {
    teller.say("stopping");
    let longest = network.stop().await?;
    teller.say(format!("every process stopped within {:.1} s of SIGTERM", longest.as_secs_f64()));
    Ok(())
}

fn logs(dir: &std::path::Path) -> String {
    format!("the logs are in {}", dir.join("logs").display())
}
