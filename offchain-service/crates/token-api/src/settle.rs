//! Cashing in: promises become SLT when a session is to be closed or expires, when it owes much, and from time to time.
//!
//! Only earned promises are claimed, whose calls were answered. What is owed is on disk, so a claim that fails is simply made again; the chain pays each planck once.

use std::sync::Arc;

use smartlayer_api_types::{
    rpc::{Closed, SessionClose},
    Amount, ApiError, ErrorCode,
};
use smartlayer_chain_client::{calls::promise_settlement, Error};
use smartlayer_primitives::{
    payload::Payload,
    promise::{Claim, SignedPromise},
    session::CloseSession,
    AccountId, BlockNumber, Signature,
};
use smartlayer_promise_ledger::is_expiring;
use sp_runtime::traits::Verify;

use crate::{chain::api_error, node::Node, sessions::Entry};

/// The most claims in one transaction; the pallet's bound.
const BATCH: usize = 32;
/// For how many blocks a transaction that was lost sight of may still happen.
const MORTALITY: BlockNumber = 256;
/// A block's time, to turn the configured seconds into blocks.
const SECONDS_PER_BLOCK: u64 = 3;

/// Claims, after each finalised block, what has to be claimed. Runs beside the calls; at most one claim at a time.
pub(crate) async fn run(node: &Node) {
    let mut blocks = node.blocks.subscribe();
    // If nothing was ever claimed by the clock, the first block does it: after a start, everything is claimed once.
    let mut last_round = 0;
    while blocks.changed().await.is_ok() {
        let block = *blocks.borrow_and_update();
        let interval = node.config.payment.claim_interval_seconds / SECONDS_PER_BLOCK;
        let round = u64::from(block).checked_div(interval).unwrap_or(0);
        if let Err(e) = node.sessions.write_earned(node).await {
            tracing::error!(error = %e, "could not write down what was earned");
        }
        claim_what_is_due(node, block, round != last_round).await;
        last_round = round;
    }
}

async fn claim_what_is_due(node: &Node, block: u32, all: bool) {
    let entries = node.sessions.all();
    let due = entries.iter().filter_map(|entry| {
        let state = entry.state();
        let urgent = state.session.closing_at.is_some() || is_expiring(&state.session, block);
        let much = state.exposure() >= node.config.payment.claim_above.0;
        let due = state.is_claimable(block) && (urgent || much || all);
        due.then_some((urgent, entry, state.account.earned?))
    });
    let (urgent, others): (Vec<_>, Vec<_>) = due.partition(|(urgent, ..)| *urgent);
    // One that is closing goes alone: no other claim may spoil its transaction.
    for batch in urgent.chunks(1).chain(others.chunks(BATCH)) {
        claim(node, batch).await;
    }
}

async fn claim(node: &Node, due: &[(bool, &Arc<Entry>, SignedPromise)]) {
    let count = due.len();
    let call = match due {
        [(_, _, promise)] => promise_settlement::claim(promise.clone().into()),
        _ => promise_settlement::claim_batch(due.iter().map(|(_, _, promise)| promise.clone().into()).collect()),
    };
    match node.chain.submit(&node.service_key, call).await {
        Ok(included) => {
            node.metrics.claim("claimed");
            for (_, entry, promise) in due {
                entry.claimed(promise.promise.cumulative, included.block.number);
            }
            tracing::info!(sessions = count, block = included.block.number, "claimed what sessions owe");
        }
        Err(e) => {
            node.metrics.claim("failed");
            tracing::warn!(sessions = count, error = %e, "a claim failed; it is made again");
        }
    }
}

/// Closes a session at its signer's or payer's request: settles the highest promise and gives the payer the rest back.
pub(crate) async fn close(node: &Arc<Node>, request: SessionClose) -> Result<Closed, ApiError> {
    let entry = node.sessions.get(node, request.session).await?;
    let bad = |_| ApiError::new(ErrorCode::InvalidParams, "the signature has not the form of its scheme");
    let signature = Signature::try_from(&request.signature).map_err(bad)?;
    let session = entry.state().session;
    let payload = CloseSession { session: request.session }.signing_payload(&node.chain.genesis());
    let by = |who: &AccountId| signature.verify(&payload[..], who);
    if !by(&session.signer) && !by(&session.payer) {
        let message = format!("only {} or {} closes the session", session.signer, session.payer);
        return Err(ApiError::new(ErrorCode::BadSignature, message));
    }
    // In a task of its own: a client that hangs up does not leave the session half closed.
    let node = node.clone();
    let tasks = node.tasks.clone();
    let closed = tasks.spawn(async move { settle(&node, &entry).await });
    closed.await.map_err(|_| ApiError::from(ErrorCode::Internal))?
}

async fn settle(node: &Node, entry: &Entry) -> Result<Closed, ApiError> {
    // Calls in work end first, and others wait until it is known what came of this.
    let _turn = entry.turn.lock().await;
    let state = entry.state();
    if state.closing == Some(BlockNumber::MAX) {
        return Err(ApiError::new(ErrorCode::SessionClosing, "this node has closed the session"));
    }
    let last = state.account.earned.clone().filter(|p| p.promise.cumulative > state.session.claimed());
    let call = promise_settlement::close(entry.id, last.map(Claim::from));
    match node.chain.submit(&node.service_key, call).await {
        Ok(included) => {
            entry.set_closing(Some(BlockNumber::MAX));
            node.metrics.claim("closed");
            tracing::info!(session = ?entry.id, block = included.block.number, "closed a session");
            Ok(Closed {
                session: entry.id,
                cumulative: Amount(state.owed()),
                block: included.block.hash,
                transaction: included.extrinsic,
            })
        }
        Err(e) => {
            node.metrics.claim("failed");
            // While it may still happen, no promise is taken: it would be worth nothing. Closing can be tried again.
            entry.set_closing(match &e {
                Error::Unresolved { until, .. } => Some(*until),
                e if e.is_transient() => Some(node.chain.status().finalized.saturating_add(MORTALITY)),
                _ => None,
            });
            Err(api_error(e))
        }
    }
}
