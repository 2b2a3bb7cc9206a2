//! Service nodes and their agreements.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::json;
use smartlayer_primitives::AccountId;
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
    }
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
            agreement.map(|a| show::stage(&a.stage)).unwrap_or_else(|| "no agreement".into()),
        ]);
        values.push(json!({
            "account": account,
            "endpoint": text(&node.endpoint),
            "serviceKey": node.service_key,
            "bond": planck(node.bond),
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
    match &agreement {
        Some(agreement) => {
            fields.push(("agreement", show::stage(&agreement.stage)));
            fields.push(("promises", objectives(&agreement.terms.objectives)));
        }
        None => fields.push(("agreement", "none".into())),
    }
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
        for (method, price) in &terms.prices {
            fields.push(("price", format!("{method} {}", slt(price.0))));
        }
    }
    let value = json!({
        "account": account,
        "endpoint": endpoint,
        "serviceKey": node.service_key,
        "bond": planck(node.bond),
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
    let terms = &agreement.terms;
    let fields = [
        ("node", node.to_string()),
        ("stage", show::stage(&agreement.stage)),
        ("template", terms.template.to_string()),
        ("promises", objectives(&terms.objectives)),
        ("reward weight", terms.reward_weight.to_string()),
        (
            "a persistent breach costs",
            format!(
                "up to {} of the stake, after {} periods",
                percent(terms.penalty.slash),
                terms.penalty.persistent_after
            ),
        ),
    ];
    let mut value = show::agreement(&agreement);
    value["node"] = json!(node);
    Ok(Report::object(value, &fields))
}
