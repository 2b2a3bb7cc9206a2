//! The chain's snapshot.

use anyhow::{Context as _, Result};
use serde_json::json;
use smartlayer_primitives::{merkle::MerkleRoot, Period};

use super::show::{self, slt};
use crate::{
    args::SnapshotCommand,
    context::Context,
    output::{fields_text, table, Report},
};

/// How many commitments are listed.
const LISTED: usize = 20;

pub async fn run(context: &Context, command: SnapshotCommand) -> Result<Report> {
    match command {
        SnapshotCommand::Show { period: None } => overview(context).await,
        SnapshotCommand::Show { period: Some(period) } => one(context, period).await,
    }
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
