//! Payment sessions.

use std::collections::BTreeMap;

use anyhow::{bail, Context as _, Result};
use serde_json::{json, Value};
use smartlayer_chain_client::{calls, ChainClient, Event};
use smartlayer_primitives::{session::Session, AccountId, SessionId};
use smartlayer_sdk::{node_service, Book, Error};

use super::show::{planck, slt};
use crate::{
    args::SessionCommand,
    context::Context,
    output::{table, Report},
};

pub async fn run(context: &Context, command: SessionCommand) -> Result<Report> {
    match command {
        SessionCommand::Open { node, deposit, signer } => {
            let chain = context.chain().await?;
            let payer = context.payer(chain, context.key()?, context.signer(signer.as_deref())?)?;
            context.say(&format!("opening a session to {node} and waiting until it is finalised"));
            let (session, included) = payer.open_all([(node.clone(), deposit)]).await?.remove(0);
            let value = json!({
                "session": session,
                "node": node,
                "deposit": planck(deposit),
                "fee": planck(included.fee),
                "block": included.block.hash,
            });
            let fields = [
                ("session", format!("{session:?}")),
                ("node", node.to_string()),
                ("deposit", slt(deposit)),
                ("fee", slt(included.fee)),
                ("block", included.block.number.to_string()),
            ];
            Ok(Report::object(value, &fields))
        }
        SessionCommand::List { node } => list(context, node).await,
        SessionCommand::Show { session } => show(context, session).await,
        SessionCommand::TopUp { session, amount } => {
            let chain = context.chain().await?;
            let included =
                chain.submit_finalized(&context.key()?, calls::promise_settlement::top_up(session, amount)).await?;
            let value = json!({
                "session": session,
                "amount": planck(amount),
                "fee": planck(included.fee),
                "block": included.block.hash,
            });
            Ok(Report::new(value, format!("{} more in session {session:?}", slt(amount))))
        }
        SessionCommand::Close { session, signer, on_chain } => {
            let chain = context.chain().await?;
            if on_chain {
                return request_close(context, &chain, session).await;
            }
            close(context, chain, session, signer.as_deref()).await
        }
        SessionCommand::Finish { session } => {
            let chain = context.chain().await?;
            let included = chain.submit(&context.key()?, calls::promise_settlement::finish(session)).await?;
            let closed = included.events.iter().find_map(|event| match event {
                Event::SessionClosed { deposit, paid, burned, refunded, .. } => {
                    Some((*deposit, *paid, *burned, *refunded))
                }
                _ => None,
            });
            let (deposit, paid, burned, refunded) = closed.context("the chain did not say how the session ended")?;
            let value = json!({
                "session": session,
                "deposit": planck(deposit),
                "paid": planck(paid),
                "burned": planck(burned),
                "refunded": planck(refunded),
                "block": included.block.hash,
            });
            let fields = [
                ("session", format!("{session:?}, closed")),
                ("deposit", slt(deposit)),
                ("paid", slt(paid)),
                ("burned", slt(burned)),
                ("refunded", slt(refunded)),
            ];
            Ok(Report::object(value, &fields))
        }
    }
}

fn value(id: &SessionId, session: &Session) -> Value {
    json!({
        "session": id,
        "payer": session.payer,
        "node": session.node,
        "signer": session.signer,
        "deposit": planck(session.deposit),
        "paid": planck(session.paid),
        "burned": planck(session.burned),
        "held": planck(session.held()),
        "burnRatePermill": session.burn_rate.deconstruct(),
        "challengeWindow": session.challenge_window,
        "closingAt": session.closing_at,
    })
}

async fn list(context: &Context, node: Option<AccountId>) -> Result<Report> {
    let chain = context.chain().await?;
    let view = chain.best().await?;
    let (sessions, books) = match node {
        Some(node) => (view.sessions_of_node(&node).await?, BTreeMap::new()),
        None => {
            let key = context.key()?;
            let sessions = view.sessions_of_payer(&key.account()).await?;
            // Another process may be paying just now; then only the chain's side is shown.
            let payer = context.payer(chain.clone(), key.clone(), key).ok();
            let books: Vec<Book> = payer.map(|p| p.sessions()).unwrap_or_default();
            (sessions, books.into_iter().map(|b| (b.session, b)).collect::<BTreeMap<_, _>>())
        }
    };
    let promised = |id| books.get(id).map(|b| b.promised);
    let rows: Vec<_> = sessions
        .iter()
        .map(|(id, s)| {
            vec![
                format!("{id:?}"),
                s.node.to_string(),
                slt(s.deposit),
                slt(s.claimed()),
                promised(id).map(slt).unwrap_or_else(|| "-".into()),
                s.closing_at.map(|at| format!("closing at block {at}")).unwrap_or_else(|| "open".into()),
            ]
        })
        .collect();
    let values: Vec<_> = sessions
        .iter()
        .map(|(id, s)| {
            let mut value = value(id, s);
            value["promised"] = promised(id).map(planck).unwrap_or_default();
            value
        })
        .collect();
    Ok(Report::new(values.into(), table(&["session", "node", "deposit", "claimed", "promised", "state"], &rows)))
}

async fn show(context: &Context, id: SessionId) -> Result<Report> {
    let chain = context.chain().await?;
    let session = chain.best().await?.session(&id).await?;
    let session = session.with_context(|| format!("there is no open session {id:?}; it may have been closed"))?;
    let state = async { node_service(&chain, &context.http, &session.node).await?.session_state(id).await }.await;
    let mut value = value(&id, &session);
    let mut fields = vec![
        ("session", format!("{id:?}")),
        ("payer", session.payer.to_string()),
        ("node", session.node.to_string()),
        ("signer", session.signer.to_string()),
        ("deposit", slt(session.deposit)),
        ("paid", slt(session.paid)),
        ("burned", slt(session.burned)),
        ("held", slt(session.held())),
        ("challenge window", format!("{} blocks", session.challenge_window)),
    ];
    if let Some(at) = session.closing_at {
        fields.push(("closing", format!("anyone may finish it from block {at} on")));
    }
    match &state {
        Ok(state) => {
            value["owed"] = json!(state.owed);
            value["available"] = json!(state.available);
            fields.push(("owed, says the node", slt(state.owed.0)));
            fields.push(("left, says the node", slt(state.available.0)));
        }
        Err(e) => fields.push(("the node says", format!("nothing: {e}"))),
    }
    Ok(Report::object(value, &fields))
}

async fn close(
    context: &Context,
    chain: ChainClient,
    session: SessionId,
    signer: Option<&std::path::Path>,
) -> Result<Report> {
    let signer = context.signer(signer)?;
    let payer = context.payer(chain.clone(), context.key_or(&signer)?, signer)?;
    let node = payer.adopt(session).await?.node;
    let asked = async {
        let service = node_service(&chain, &context.http, &node).await?;
        payer.close(&service, session).await
    };
    match asked.await {
        Ok(closed) => {
            let value = json!({
                "session": session,
                "closed": true,
                "cumulative": closed.cumulative,
                "block": closed.block,
                "transaction": closed.transaction,
            });
            let text = format!("session {session:?} is closed; {} were settled", slt(closed.cumulative.0));
            Ok(Report::new(value, text))
        }
        Err(Error::Chain(e)) => Err(e.into()),
        Err(e) => {
            context.say(&format!("the node does not close it ({e}); asking the chain"));
            request_close(context, &chain, session).await
        }
    }
}

async fn request_close(context: &Context, chain: &ChainClient, session: SessionId) -> Result<Report> {
    let key = context.key()?;
    let stored = chain.best().await?.session(&session).await?;
    let stored = stored.with_context(|| format!("there is no open session {session:?}"))?;
    if stored.payer != key.account() {
        bail!("only the payer {} can ask the chain to close the session", stored.payer);
    }
    let at = match stored.closing_at {
        Some(at) => at,
        None => {
            let included = chain.submit(&key, calls::promise_settlement::request_close(session)).await?;
            let at = included.events.iter().find_map(|event| match event {
                Event::SessionCloseRequested { at, .. } => Some(*at),
                _ => None,
            });
            at.context("the chain did not say when the session can be finished")?
        }
    };
    let value = json!({ "session": session, "closed": false, "finishFrom": at });
    let text = format!("session {session:?} is closing; from block {at} on run: smartlayer session finish {session:?}");
    Ok(Report::new(value, text))
}
