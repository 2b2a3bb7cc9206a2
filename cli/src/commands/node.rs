//! Service nodes and their agreements.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::json;
use smartlayer_chain_client::{
    calls::{service_staking, sla_registry},
    Call,
};
use smartlayer_primitives::{sla::Terms, AccountId};
use smartlayer_sdk::ServiceClient;

use super::show::{self, objectives, percent, planck, slt, text};
use crate::{
    args::{NodeCommand, SlaCommand},
    context::Context,
    output::{table, Report},
};

pub async fn run(context: &Context, command: NodeCommand) -> Result<Report> {
    match command {
        NodeCommand::List => list(context).await,
        NodeCommand::Show { node } => show(context, node).await,
        NodeCommand::Bond { amount } => {
            send(context, service_staking::bond_more(amount), &format!("bonded {} more", slt(amount))).await
        }
        NodeCommand::Unbond { amount } => {
            let done = format!("{} are on their way out; smartlayer node show says from which block", slt(amount));
            send(context, service_staking::unbond(amount), &done).await
        }
        NodeCommand::Withdraw => send(context, service_staking::withdraw(), "what was released is yours again").await,
        NodeCommand::Chill => send(context, service_staking::chill(), "the node takes no new work").await,
        NodeCommand::Reenter => send(context, service_staking::reenter(), "the node takes new work again").await,
        NodeCommand::Maintenance { from, periods } => {
            let last = from.saturating_add(periods.saturating_sub(1));
            let done = format!("maintenance is announced for periods {from} to {last}");
            send(context, sla_registry::declare_maintenance(from, periods), &done).await
        }
    }
}

/// Sends a call with the key, and says what it did.
pub(super) async fn send(context: &Context, call: Call, done: &str) -> Result<Report> {
    let name = call.name();
    let included = context.chain().await?.submit(&context.key()?, call).await?;
    let value = json!({ "call": name, "fee": planck(included.fee), "block": included.block.hash });
    Ok(Report::new(value, format!("{done} (block {}, fee {})", included.block.number, slt(included.fee))))
}

async fn list(context: &Context) -> Result<Report> {
    let view = context.chain().await?.best().await?;
    let mut nodes = view.nodes().await?;
    nodes.sort_by(|a, b| a.0.cmp(&b.0));
    let agreements: BTreeMap<_, _> = view.agreements().await?.into_iter().collect();
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for (account, node) in &nodes {
        let agreement = agreements.get(account);
        rows.push(vec![
            account.to_string(),
            text(&node.endpoint),
            slt(node.bond),
            show::standing(agreement, node.chilled),
        ]);
        values.push(json!({
            "account": account,
            "endpoint": text(&node.endpoint),
            "serviceKey": node.service_key,
            "bond": planck(node.bond),
            "chilled": node.chilled,
            "agreement": agreement.map(show::agreement),
        }));
    }
    Ok(Report::new(values.into(), table(&["account", "endpoint", "bond", "agreement"], &rows)))
}

async fn show(context: &Context, account: AccountId) -> Result<Report> {
    let view = context.chain().await?.best().await?;
    let node = view.node(&account).await?;
    let node =
        node.with_context(|| format!("{account} is not a service node; list them with: smartlayer node list"))?;
    let agreement = view.agreement(&account).await?;
    let breaches = view.breaches(&account).await?;
    let endpoint = text(&node.endpoint);
    let service = ServiceClient::with_http(context.http.clone(), endpoint.clone());
    let info = service.node_info().await;
    let terms = service.session_terms().await;
    let mut fields = vec![
        ("account", account.to_string()),
        ("endpoint", endpoint.clone()),
        ("service key", node.service_key.to_string()),
        ("bond", slt(node.bond)),
    ];
    for chunk in &node.unbonding {
        fields.push(("unbonding", format!("{} from block {}", slt(chunk.amount), chunk.release_at)));
    }
    fields.push(("agreement", show::standing(agreement.as_ref(), node.chilled)));
    if let Some(in_force) = agreement.as_ref().and_then(|agreement| agreement.in_force.as_ref()) {
        fields.push(("promises", objectives(&in_force.terms.objectives)));
    }
    fields.extend(breaches.iter().map(|breach| ("breach", show::breach(breach))));
    match &info {
        Ok(info) => {
            let known = info.account == account && info.service_key == node.service_key;
            fields.push(("it says", format!("version {}, up {} s", info.version, info.uptime_seconds)));
            if !known {
                fields.push(("warning", format!("another node answers at this address: {}", info.account)));
            }
            let chain = &info.chain;
            let connection = if chain.connected { "connected" } else { "not connected" };
            fields.push(("chain", format!("{connection}, block {} is the last finalised seen", chain.finalized_block)));
            fields.push(("serves", format!("{} instances, holds {} shards", info.serving.len(), info.shards)));
        }
        Err(e) => fields.push(("it says", format!("nothing: {e}"))),
    }
    if let Ok(terms) = &terms {
        for (method, classes) in &terms.prices {
            let classes = classes.iter().map(|(class, price)| format!("{class} {}", slt(price.0)));
            fields.push(("price", format!("{method}: {}", classes.collect::<Vec<_>>().join(", "))));
        }
    }
    let value = json!({
        "account": account,
        "endpoint": endpoint,
        "serviceKey": node.service_key,
        "bond": planck(node.bond),
        "chilled": node.chilled,
        "breaches": breaches.iter().map(show::breach_value).collect::<Vec<_>>(),
        "unbonding": node.unbonding.iter()
            .map(|c| json!({ "amount": planck(c.amount), "releaseAt": c.release_at })).collect::<Vec<_>>(),
        "agreement": agreement.as_ref().map(show::agreement),
        "info": info.as_ref().ok(),
        "prices": terms.ok().map(|t| t.prices),
        "unreachable": info.as_ref().err().map(ToString::to_string),
    });
    Ok(Report::object(value, &fields))
}

pub async fn sla(context: &Context, command: SlaCommand) -> Result<Report> {
    let SlaCommand::Show { node } = command;
    let view = context.chain().await?.best().await?;
    let Some(node) = node else {
        let mut templates = view.templates().await?;
        templates.sort_by_key(|(id, _)| *id);
        let rows: Vec<_> = templates
            .iter()
            .map(|(id, t)| {
                vec![
                    id.to_string(),
                    objectives(&t.floor),
                    t.reward_weight.to_string(),
                    format!("{} after {} periods", percent(t.penalty.slash), t.penalty.persistent_after),
                ]
            })
            .collect();
        let values: Vec<_> = templates.iter().map(|(id, t)| json!({ "template": id, "terms": t })).collect();
        let headings = ["template", "at least", "reward weight", "a persistent breach costs"];
        return Ok(Report::new(values.into(), table(&headings, &rows)));
    };
    let agreement = view.agreement(&node).await?;
    let agreement = agreement.with_context(|| format!("{node} has no agreement"))?;
    let breaches = view.breaches(&node).await?;
    let mut fields = vec![("node", node.to_string())];
    if let Some(in_force) = &agreement.in_force {
        fields
            .push(("in force", format!("since period {}, {}", in_force.since, show::standing_word(in_force.standing))));
        terms_fields(&mut fields, &in_force.terms);
    }
    if let Some(negotiation) = &agreement.negotiation {
        let step = show::step(&negotiation.step);
        fields.push(("negotiation", format!("{step}; it lapses at block {}", negotiation.until)));
        terms_fields(&mut fields, &negotiation.terms);
    }
    if let Some(former) = &agreement.former {
        fields.push(("before", format!("periods {} to {}", former.since, former.until.saturating_sub(1))));
        fields.push(("promised", objectives(&former.terms.objectives)));
    }
    for span in &agreement.maintenance {
        let last = span.from.saturating_add(span.periods.saturating_sub(1));
        fields.push(("maintenance", format!("periods {} to {last}", span.from)));
    }
    fields.extend(breaches.iter().map(|breach| ("breach", show::breach(breach))));
    let mut value = show::agreement(&agreement);
    value["node"] = json!(node);
    value["breaches"] = breaches.iter().map(show::breach_value).collect();
    Ok(Report::object(value, &fields))
}

fn terms_fields(fields: &mut Vec<(&'static str, String)>, terms: &Terms) {
    fields.push(("template", terms.template.to_string()));
    fields.push(("promises", objectives(&terms.objectives)));
    fields.push(("reward weight", terms.reward_weight.to_string()));
    let (slash, after) = (percent(terms.penalty.slash), terms.penalty.persistent_after);
    fields.push(("a persistent breach costs", format!("up to {slash} of the stake, after {after} periods")));
}
