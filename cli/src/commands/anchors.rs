//! Anchors.

use anyhow::Result;
use serde_json::json;
use smartlayer_chain_client::calls;
use smartlayer_primitives::quorum::threshold;

use super::{
    node::send,
    show::{planck, slt, text},
};
use crate::{
    args::AnchorsCommand,
    context::Context,
    output::{fields_text, table, Report},
};

pub async fn run(context: &Context, command: AnchorsCommand) -> Result<Report> {
    match command {
        AnchorsCommand::Show => show(context).await,
        AnchorsCommand::Refresh { account } => {
            let done =
                format!("the chain looked at {account} again; smartlayer anchors show says whether it is active");
            send(context, calls::anchors::refresh(account), &done).await
        }
    }
}

async fn show(context: &Context) -> Result<Report> {
    let view = context.chain().await?.best().await?;
    let set = view.active_set().await?;
    let elected = view.elected().await?;
    let next = view.next_to_commit().await?;
    let duty = view.duty(next).await?;
    let mut organisations = view.organisations().await?;
    organisations.sort_by(|a, b| a.0.cmp(&b.0));
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for (account, organisation) in &organisations {
        let active = set.position(account).is_some();
        let rank = duty.iter().position(|a| a == account);
        let strikes = view.strikes(account).await?;
        let state = match (active, elected.contains(account)) {
            (true, _) => "active",
            (false, true) => "elected",
            (false, false) => "registered",
        };
        rows.push(vec![
            text(&organisation.name),
            account.to_string(),
            state.into(),
            rank.map(|r| r.to_string()).unwrap_or_else(|| "-".into()),
            strikes.to_string(),
            slt(organisation.bond),
            text(&organisation.endpoint),
        ]);
        values.push(json!({
            "account": account,
            "name": text(&organisation.name),
            "active": active,
            "elected": elected.contains(account),
            "rank": rank,
            "strikes": strikes,
            "bond": planck(organisation.bond),
            "endpoint": text(&organisation.endpoint),
            "key": format!("0x{}", hex::encode(organisation.key.0)),
        }));
    }
    let members = set.members.len();
    let unregistered: Vec<_> =
        elected.iter().filter(|e| !organisations.iter().any(|(account, _)| account == *e)).collect();
    let mut fields = vec![
        ("set", format!("{}, {members} active, {} make a quorum", set.id, threshold(members))),
        ("next to write", format!("the commitment of period {next}, in the order of the ranks")),
    ];
    for account in &unregistered {
        fields.push(("elected, not registered", account.to_string()));
    }
    let headings = ["name", "account", "state", "rank", "strikes", "bond", "endpoint"];
    let value = json!({
        "setId": set.id,
        "nextToCommit": next,
        "organisations": values,
        "electedUnregistered": unregistered,
    });
    Ok(Report::new(value, format!("{}\n{}", fields_text(&fields), table(&headings, &rows))))
}
