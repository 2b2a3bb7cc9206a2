//! Rewards.

use anyhow::{bail, Context as _, Result};
use serde_json::json;
use smartlayer_chain_client::{calls, Event};
use smartlayer_primitives::{AccountId, Period};
use smartlayer_sdk::{anchor_services, prove::prove_report};

use super::show::{planck, slt};
use crate::{args::RewardCommand, context::Context, output::Report};

pub async fn run(context: &Context, command: RewardCommand) -> Result<Report> {
    let RewardCommand::Claim { period, node } = command;
    let key = context.key()?;
    let chain = context.chain().await?;
    let view = chain.finalized()?;
    let own = key.account();
    if node.is_none() {
        let organisation = match view.organisation(&own).await? {
            Some(_) => Some(own.clone()),
            None => view.organisation_of_key(&own).await?,
        };
        if let Some(anchor) = organisation {
            if view.reward_claimed(period, &anchor).await? {
                bail!("{anchor} has claimed its reward for period {period} already");
            }
            let included = chain.submit(&key, calls::service_staking::claim_anchor_reward(period)).await?;
            return paid(period, &anchor, &included.events);
        }
    }
    let node = match node {
        Some(node) => node,
        None => match view.node_of_service_key(&own).await? {
            Some(node) => node,
            None => own,
        },
    };
    if view.node(&node).await?.is_none() {
        bail!("{node} is neither a service node nor an anchor; name the node with --node");
    }
    if view.reward_claimed(period, &node).await? {
        bail!("{node} has claimed its reward for period {period} already");
    }
    let anchors = anchor_services(&view, &context.http).await?;
    let proved = prove_report(&chain, &anchors, period, &node).await?;
    if proved.entry.reward_weight == 0 {
        bail!("{node} earned nothing in period {period}: it was unavailable, or had no agreement in force");
    }
    let included = chain.submit(&key, calls::service_staking::claim_reward(proved.entry, proved.proof)).await?;
    paid(period, &node, &included.events)
}

fn paid(period: Period, account: &AccountId, events: &[Event]) -> Result<Report> {
    let amount = events.iter().find_map(|event| match event {
        Event::RewardPaid { amount, .. } | Event::AnchorRewardPaid { amount, .. } => Some(*amount),
        _ => None,
    });
    let amount = amount.context("the chain did not say how much was paid")?;
    let value = json!({ "period": period, "account": account, "amount": planck(amount) });
    Ok(Report::new(value, format!("{} were paid to {account} for period {period}", slt(amount))))
}
