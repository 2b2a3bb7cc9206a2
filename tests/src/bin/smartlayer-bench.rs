//! `smartlayer-bench`: what a paid call costs beside a free one, on a real network. `scripts/bench calls` builds and runs it.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use smartlayer_primitives::{InstanceId, SLT};
use smartlayer_sdk::{http_client, node_service, Payer, ServiceClient};
use smartlayer_tests::{
    network::{LocalNetwork, Plan},
    story::{self, Teller},
};

/// Measures calls per second, unpaid and paid, at one service node of a local network.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench calls")]
struct Arguments {
    /// One JSON object per figure instead of a table.
    #[arg(long)]
    json: bool,
    /// How long each figure is measured, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many clients call at once; paying ones have a session each.
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// The checkout, for the example token.
    #[arg(long, default_value = ".", hide = true)]
    repository: PathBuf,
    /// anvil's executable.
    #[arg(long, env = "ANVIL", hide_env = true, hide = true)]
    anvil: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(e) => {
            eprintln!("bench: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool> {
    let dir = tempfile::Builder::new().prefix("smartlayer-bench-").tempdir()?;
    let plan = Plan {
        dir: dir.path().canonicalize()?,
        repository: arguments.repository.canonicalize()?,
        anvil: arguments.anvil.clone(),
        anchors: 4,
        nodes: 6,
    };
    let teller = Teller::quiet();
    let mut network = LocalNetwork::start(&plan, &teller).await?;
    story::nodes_are_active(&network, &teller).await?;
    let (token_type, assignments) = story::publish(&network, &teller, story::REDUNDANCY, story::TICKETS).await?;
    let (index, assignment) = assignments.first_key_value().context("an instance was placed")?;
    let instance = InstanceId { token_type, index: *index };
    let node = assignment.serving[0].clone();
    let http = http_client(Duration::from_secs(30));
    let service = node_service(&network.client, &http, &node).await?;

    // Each client has a session of its own, so that promises need not wait for each other.
    let payer = Payer::new(network.client.clone(), network.key("Dapp")?);
    let sessions = payer.open_all((0..arguments.clients).map(|_| (node.clone(), 20 * SLT))).await?;
    // The issuer's values only, so that no EVM node is measured.
    let params =
        json!({ "instance": { "tokenType": instance.token_type, "index": instance.index }, "names": ["class"] });
    let length = Duration::from_secs(arguments.seconds);

    let unpaid = rate(length, (0..arguments.clients).map(|_| free_calls(&service, token_type))).await?;
    let paying = sessions.iter().map(|(session, _)| {
        let (payer, service, params) = (&payer, &service, &params);
        move || async move {
            payer.call::<serde_json::Value>(service, *session, "token_attributes", params, SLT).await?;
            Ok(())
        }
    });
    let paid = rate(length, paying).await?;
    network.stop().await?;

    // Paying adds a signature by the client, one check and one receipt by the node, and a flush to disk shared by the calls of a moment.
    let goal = 0.2;
    let ratio = paid / unpaid;
    let figures = [
        ("unpaid calls (token_describe), the yardstick", unpaid, "calls/s", None),
        ("paid calls (token_attributes)", paid, "calls/s", None),
        ("paid to unpaid", ratio, "ratio", Some(goal)),
    ];
    for (figure, value, unit, goal) in figures {
        let holds = goal.is_none_or(|g| value >= g);
        if arguments.json {
            println!("{}", json!({ "figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds }));
        } else {
            let goal =
                goal.map_or(String::new(), |g| format!("  goal {g}: {}", if holds { "holds" } else { "missed" }));
            println!("{figure:<46} {value:>10.2} {unit}{goal}");
        }
    }
    Ok(ratio >= goal)
}

fn free_calls(
    service: &ServiceClient,
    token_type: u32,
) -> impl FnMut() -> std::pin::Pin<Box<dyn std::future::Future<Output = Result<()>>>> {
    let service = service.clone();
    move || {
        let service = service.clone();
        Box::pin(async move {
            service.token_describe(token_type).await?;
            Ok(())
        })
    }
}

/// Calls per second that these clients reach together.
async fn rate<C, F>(length: Duration, clients: impl Iterator<Item = C>) -> Result<f64>
where
    C: FnMut() -> F,
    F: std::future::Future<Output = Result<()>>,
{
    let begin = Instant::now();
    let counting = clients.map(|mut call| async move {
        let mut calls = 0u64;
        while begin.elapsed() < length {
            call().await?;
            calls += 1;
        }
        Ok::<_, anyhow::Error>(calls)
    });
    let counts = futures::future::try_join_all(counting).await?;
    Ok(counts.iter().sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
}
