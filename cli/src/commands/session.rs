//! Payment sessions.

use std::collections::BTreeMap;

use anyhow::{bail, Context as _, Result};
use serde_json::{json, Value};
use smartlayer_chain_client::{calls, ChainClient, Event};
use smartlayer_primitives::{
    session::{Payee, Session},
    AccountId, SessionId,
};
use smartlayer_sdk::{node_service, Book, Error, Opening};

use super::show::{percent, planck, slt};
use crate::{
    args::SessionCommand,
    context::Context,
    output::{table, Report},
};

pub async fn run(context: &Context, command: SessionCommand) -> Result<Report> {
    match command {
        SessionCommand::Open { node, deposit, token, lifetime, signer } => {
            let chain = context.chain().await?;
            let payer = context.payer(chain, context.key()?, context.signer(signer.as_deref())?)?;
            context.say(&format!("opening a session to {node} and waiting until it is finalised"));
            let opening = Opening { node: node.clone(), deposit, token_type: token, lifetime };
            let (session, included) = payer.open_all([opening]).await?.remove(0);
            let expires_at = included.block.number.saturating_add(lifetime);
            let value = json!({
                "session": session,
                "node": node,
                "deposit": planck(deposit),
                "tokenType": token,
                "expiresAt": expires_at,
                "fee": planck(included.fee),
                "block": included.block.hash,
            });
            let fields = [
                ("session", format!("{session:?}")),
                ("node", node.to_string()),
                ("deposit", slt(deposit)),
                (
                    "pays calls of",
                    token.map_or("every token type without a share".into(), |t| format!("token type {t}")),
                ),
                ("expires", format!("at block {expires_at}")),
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
                Event::SessionClosed { deposit, paid, burned, issuer, refunded, .. } => {
                    Some((*deposit, *paid, *burned, *issuer, *refunded))
                }
                _ => None,
            });
            let (deposit, paid, burned, issuer, refunded) =
                closed.context("the chain did not say how the session ended")?;
            let value = json!({
                "session": session,
                "deposit": planck(deposit),
                "paid": planck(paid),
                "burned": planck(burned),
                "issuer": planck(issuer),
                "refunded": planck(refunded),
                "block": included.block.hash,
            });
            let fields = [
                ("session", format!("{session:?}, closed")),
                ("deposit", slt(deposit)),
                ("paid", slt(paid)),
                ("burned", slt(burned)),
                ("the issuer received", slt(issuer)),
                ("refunded", slt(refunded)),
            ];
            Ok(Report::object(value, &fields))
        }
    }
}

fn value(id: &SessionId, session: &Session) -> Value {
    let network = match &session.payee {
        Payee::Node(_) => Value::Null,
        Payee::Network(n) => json!({
            "notary": n.current.notary,
            "round": n.current.number,
            "startsAt": n.current.starts_at,
            "formerNotary": n.former.as_ref().map(|former| &former.notary),
            "nodes": n.nodes,
            "maxNodes": n.max_nodes,
        }),
    };
    let issuer = session.issuer.as_ref().map(|issuer| {
        let share = issuer.share.deconstruct();
        json!({ "tokenType": issuer.token_type, "account": issuer.account, "share": share })
    });
    json!({
        "session": id,
        "payer": session.payer,
        "node": session.node(),
        "network": network,
        "signer": session.signer,
        "issuer": issuer,
        "deposit": planck(session.deposit),
        "paid": planck(session.paid),
        "burned": planck(session.burned),
        "issuerPaid": planck(session.issuer_paid),
        "held": planck(session.held()),
        "storageDeposit": planck(session.storage_deposit),
        "burnRatePermill": session.burn_rate.deconstruct(),
        "challengeWindow": session.challenge_window,
        "expiresAt": session.expires_at,
        "closingAt": session.closing_at,
    })
}

/// Whom a session pays.
fn payee(session: &Session) -> String {
    match &session.payee {
        Payee::Node(node) => node.to_string(),
        Payee::Network(n) => format!("up to {} nodes, notary {}", n.max_nodes, n.current.notary),
    }
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
                payee(s),
                slt(s.deposit),
                slt(s.claimed()),
                promised(id).map(slt).unwrap_or_else(|| "-".into()),
                match s.closing_at {
                    Some(at) => format!("closing at block {at}"),
                    None => format!("open until block {}", s.expires_at),
                },
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
    Ok(Report::new(values.into(), table(&["session", "pays", "deposit", "claimed", "promised", "state"], &rows)))
}

async fn show(context: &Context, id: SessionId) -> Result<Report> {
    let chain = context.chain().await?;
    let session = chain.best().await?.session(&id).await?;
    let session = session.with_context(|| format!("there is no open session {id:?}; it may have been closed"))?;
    let state = async {
        let node = session.node().ok_or_else(|| Error::Impossible("it pays more than one".into()))?;
        node_service(&chain, &context.http, node).await?.session_state(id).await
    }
    .await;
    let mut value = value(&id, &session);
    let mut fields = vec![
        ("session", format!("{id:?}")),
        ("payer", session.payer.to_string()),
        ("pays", payee(&session)),
        ("signer", session.signer.to_string()),
        ("deposit", slt(session.deposit)),
        ("paid", slt(session.paid)),
        ("burned", slt(session.burned)),
        ("held", slt(session.held())),
        ("returned when it ends", slt(session.storage_deposit)),
        ("challenge window", format!("{} blocks", session.challenge_window)),
        ("expires", format!("at block {}", session.expires_at)),
    ];
    if let Some(issuer) = &session.issuer {
        let share = format!("{} for {}, token type {}", percent(issuer.share), issuer.account, issuer.token_type);
        fields.push(("the issuer's share", share));
        fields.push(("the issuer received", slt(session.issuer_paid)));
    }
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
    let now = chain.best().await?.block().number;
    if stored.payer != key.account() && now < stored.expires_at {
        bail!(
            "until block {} only the payer {} can ask the chain to close the session",
            stored.expires_at,
            stored.payer
        );
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
