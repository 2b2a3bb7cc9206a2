//! The chain's snapshot.

use std::{fs, path::Path};

use anyhow::{bail, Context as _, Result};
use serde_json::json;
use smartlayer_answer_proof::{Snapshot, TakenAt, MAX_SNAPSHOT_BYTES};
use smartlayer_primitives::{merkle::MerkleRoot, AccountId, Period};

use super::{
    show::{self, slt},
    verify::read_bounded,
};
use crate::{
    args::{SnapshotArgs, SnapshotCommand},
    context::Context,
    output::{fields_text, table, Report},
};

/// How many commitments are listed.
const LISTED: usize = 20;

/// How many nodes' keys are kept.
const MAX_NODES: usize = 10_000;

pub async fn run(context: &Context, args: SnapshotArgs) -> Result<Report> {
    match (args.command, args.out) {
        (Some(SnapshotCommand::Show { period: None }), _) => overview(context).await,
        (Some(SnapshotCommand::Show { period: Some(period) }), _) => one(context, period).await,
        (None, Some(file)) => keep(context, &file, &args.nodes).await,
        (None, None) => bail!("give --out FILE, or show"),
    }
}

/// What the chain says at its last finalised block; of all nodes if none is named. A node that it doesn't know has no key.
pub async fn take(context: &Context, nodes: &[AccountId]) -> Result<Snapshot> {
    let chain = context.chain().await?;
    let view = chain.finalized()?;
    let mut keys = Vec::new();
    match nodes {
        [] => keys.extend(view.nodes().await?.into_iter().map(|(account, node)| (account, node.service_key))),
        nodes => {
            for account in nodes {
                keys.extend(view.node(account).await?.map(|node| (account.clone(), node.service_key)));
            }
        }
    }
    if keys.len() > MAX_NODES {
        bail!("there are {} service nodes; name those that you ask with --node, at most {MAX_NODES}", keys.len());
    }
    let block = TakenAt { number: view.block().number, hash: view.block().hash };
    Ok(Snapshot::new(chain.genesis_hash(), block, &view.commitments().await?, keys))
}

async fn keep(context: &Context, file: &Path, nodes: &[AccountId]) -> Result<Report> {
    let name = file.display();
    let earlier = match file.exists() {
        true => Some(read_snapshot(file)?),
        false => None,
    };
    let mut snapshot = take(context, nodes).await?;
    if let Some(unknown) = nodes.iter().find(|node| !snapshot.service_keys.contains_key(node)) {
        bail!("{unknown} is not a service node");
    }
    if earlier.is_some_and(|earlier| !snapshot.remember(earlier)) {
        bail!("{name} is of another chain; name a new file");
    }
    // Whole or not at all: what an earlier one remembers is nowhere else.
    let partial = file.with_extension("partial");
    fs::write(&partial, serde_json::to_vec_pretty(&snapshot)?)
        .and_then(|()| fs::rename(&partial, file))
        .with_context(|| format!("cannot write the snapshot to {name}"))?;
    let value = json!({
        "file": name.to_string(),
        "genesis": snapshot.genesis,
        "block": snapshot.block,
        "commitments": snapshot.commitments.len(),
        "nodes": snapshot.service_keys.len(),
    });
    let fields = [
        ("kept in", name.to_string()),
        ("genesis", format!("{:?}", snapshot.genesis)),
        ("block", format!("{} ({:?}), finalised", snapshot.block.number, snapshot.block.hash)),
        ("commitments", snapshot.commitments.len().to_string()),
        ("nodes with keys", snapshot.service_keys.len().to_string()),
    ];
    Ok(Report::object(value, &fields))
}

/// A snapshot that `snapshot --out` wrote.
pub fn read_snapshot(path: &Path) -> Result<Snapshot> {
    let bytes = read_bounded(path, MAX_SNAPSHOT_BYTES)?;
    Snapshot::read(&bytes).with_context(|| format!("{} is not a snapshot", path.display()))
}

async fn overview(context: &Context) -> Result<Report> {
    let view = context.chain().await?.best().await?;
    let clock = view.clock().await?;
    let next = view.next_to_commit().await?;
    let commitments = view.commitments().await?;
    let shown = &commitments[commitments.len().saturating_sub(LISTED)..];
    let mut fields = Vec::new();
    if let Some(clock) = &clock {
        let end = clock.started_at.saturating_add(clock.length);
        fields.push(("running", format!("period {}, until block {end}", clock.period)));
    }
    fields.push(("block", view.block().number.to_string()));
    fields.push(("next to be committed", format!("period {next}")));
    fields.push(("commitments kept", commitments.len().to_string()));
    let rows: Vec<_> = shown
        .iter()
        .map(|s| {
            let c = &s.commitment;
            vec![
                c.period.to_string(),
                s.block.to_string(),
                c.totals.operations.to_string(),
                slt(c.totals.served_value),
                c.report.leaves.to_string(),
                c.writer.to_string(),
            ]
        })
        .collect();
    let value = json!({
        "block": view.block().number,
        "period": clock.map(|c| c.period),
        "periodStartedAt": clock.map(|c| c.started_at),
        "periodLength": clock.map(|c| c.length),
        "nextToCommit": next,
        "commitments": shown.iter().map(show::commitment).collect::<Vec<_>>(),
    });
    let headings = ["period", "block", "operations", "served value", "nodes", "writer"];
    Ok(Report::new(value, format!("{}\n{}", fields_text(&fields), table(&headings, &rows))))
}

async fn one(context: &Context, period: Period) -> Result<Report> {
    let view = context.chain().await?.best().await?;
    let stored = view.commitment(period).await?;
    let next = view.next_to_commit().await?;
    let stored = stored.with_context(|| match period >= next {
        true => format!("period {period} is not committed yet; the next is period {next}"),
        false => format!("the chain has no commitment of period {period}: it was skipped, or is no longer kept"),
    })?;
    let reward = view.period_reward(period).await?;
    let c = &stored.commitment;
    let root = |r: &MerkleRoot| format!("{:?} over {} leaves", r.hash, r.leaves);
    let mut fields = vec![
        ("period", period.to_string()),
        ("commitment", format!("{:?}", stored.hash)),
        ("previous", format!("{:?}", c.previous)),
        ("written by", c.writer.to_string()),
        ("in block", stored.block.to_string()),
        ("operations", root(&c.operations)),
        ("bitmaps", root(&c.bitmaps)),
        ("report", root(&c.report)),
        ("assignments", root(&c.assignments)),
        ("key operations", format!("{}, worth {}", c.totals.operations, slt(c.totals.served_value))),
    ];
    let mut value = show::commitment(&stored);
    if let Some(reward) = reward {
        fields.push((
            "rewards",
            format!("{} for nodes, {} for each anchor that signed", slt(reward.nodes), slt(reward.each_anchor)),
        ));
        value["rewards"] =
            json!({ "nodes": show::planck(reward.nodes), "eachAnchor": show::planck(reward.each_anchor) });
    }
    Ok(Report::object(value, &fields))
}
