//! Following the chain: one finalised block after the other, what it changes for this node.

use std::collections::BTreeSet;

use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_primitives::{SessionId, SLT};

use crate::node::Node;

/// Follows the chain until the service stops, and says all the while whether it is there.
pub(crate) async fn run(node: &Node) {
    tokio::select! {
        () = follow(node) => {}
        () = watch_status(node) => {}
    }
}

/// Takes in block after block; never ends. Blocks that come while the chain was away are all looked at.
async fn follow(node: &Node) {
    let mut last = node.chain.status().finalized;
    let mut committed = 0;
    // Sessions that promised something before the last stop: what happened to them since?
    let mut resuming = node.data.promised_sessions().unwrap_or_else(|e| {
        tracing::error!(error = %e, "could not read the kept promises");
        Default::default()
    });
    resume(node, &mut resuming).await;
    catch_up(node).await;
    loop {
        let block = node.chain.next_block(last).await;
        last = block.number;
        node.metrics.finalized_block.set(i64::from(block.number));
        resume(node, &mut resuming).await;
        if let Err(e) = at_block(node, block, &mut committed).await {
            tracing::warn!(block = block.number, error = %e, "could not take in a block, taking everything in anew");
            catch_up(node).await;
        }
    }
}

async fn at_block(node: &Node, block: smartlayer_chain_client::BlockRef, committed: &mut u32) -> Result<(), ApiError> {
    let touched = node.chain.sessions_touched(block).await.map_err(crate::chain::api_error)?;
    node.sessions.refresh(node, touched).await?;
    node.instances.refresh_anchors(node).await?;
    node.blocks.send_replace(block.number);
    let next = node.chain.next_to_commit().await.map_err(crate::chain::api_error)?;
    if next != *committed {
        *committed = next;
        if let Err(e) = node.operations.collect_proofs(node).await {
            tracing::warn!(error = %e, "could not collect the proofs of this node's operations yet");
        }
    }
    node.metrics.sessions.set(node.sessions.all().len() as i64);
    node.metrics.exposure.set(node.sessions.exposure() as f64 / SLT as f64);
    Ok(())
}

/// Reads everything again that blocks could have changed: after a start, and after a block that could not be taken in.
async fn catch_up(node: &Node) {
    let all: Vec<_> = node.sessions.all().iter().map(|e| e.id).collect();
    if let Err(e) = node.sessions.refresh(node, all).await {
        tracing::warn!(error = %e, "could not read the sessions yet");
    }
    if let Err(e) = node.instances.refresh_anchors(node).await {
        tracing::warn!(error = %e, "could not read the anchors yet");
    }
}

/// Keeps the connection's metric up to date, also while a block is being taken in; never ends.
async fn watch_status(node: &Node) {
    loop {
        node.metrics.chain_connected.set(i64::from(node.chain.status().connected));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// Takes sessions up again that are on disk, or forgets them if they were closed meanwhile. Those that could not be read stay in the
/// list.
async fn resume(node: &Node, sessions: &mut BTreeSet<SessionId>) {
    for id in std::mem::take(sessions) {
        match node.sessions.get(node, id).await {
            Ok(_) => {}
            Err(e) if e.code == ErrorCode::UnknownSession => {
                if let Err(e) = node.data.forget_session(id).await {
                    tracing::error!(session = ?id, error = %e, "could not forget a session that ended");
                }
            }
            Err(e) => {
                tracing::warn!(session = ?id, error = %e, "could not take a session up again yet");
                sessions.insert(id);
            }
        }
    }
}
