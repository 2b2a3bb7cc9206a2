//! What other services ask of this node and tell everyone.

use std::sync::Arc;

use smartlayer_api_types::ApiError;
use smartlayer_network::{
    messages::{Gossip, RefusalCode, Request, Response},
    InboundRequest, PeerId,
};
use tokio::sync::{broadcast::error::RecvError, mpsc};

use crate::{
    instances::{anchor_peers, node_peer},
    node::Node,
};

/// Answers requests until the service stops. The network bounds how many come at once.
pub(crate) async fn requests(node: &Arc<Node>, mut inbound: mpsc::Receiver<InboundRequest>) {
    while let Some(InboundRequest { peer, request, respond }) = inbound.recv().await {
        let node = node.clone();
        let tasks = node.tasks.clone();
        tasks.spawn(async move {
            let response = answer(&node, peer, request).await.unwrap_or_else(|e| {
                tracing::error!(error = %e, "could not answer a peer");
                Response::refused(RefusalCode::Failed, "this node failed")
            });
            // A peer that has hung up doesn't need the answer.
            let _ = respond.send(response);
        });
    }
}

async fn answer(node: &Node, peer: PeerId, request: Request) -> Result<Response, ApiError> {
    let not_found = || Response::refused(RefusalCode::NotFound, "not here");
    Ok(match request {
        Request::Place(placement) => {
            let instance = placement.assignment.assignment.instance;
            match node.instances.place(node, *placement).await {
                Ok(()) => {
                    node.metrics.placement("taken");
                    tracing::info!(?instance, "an instance was placed here");
                    // What the issuer said since the state was placed, other holders know.
                    node.feeds.want(instance);
                    Response::Done
                }
                Err((code, reason)) => {
                    node.metrics.placement("refused");
                    tracing::warn!(?instance, %peer, ?code, %reason, "refused a placement");
                    Response::refused(code, reason)
                }
            }
        }
        // A repair that did not reach everyone leaves some nodes a version ahead of who asks: they answer with what they have. Whoever
        // asks checks the bytes against the root or the hash that it knows.
        Request::Shard { instance, version, shard } => {
            let mut found = node.data.shard(instance, version, shard).await?;
            if found.is_none() {
                let Some(kept) = node.data.assignment(instance).await? else { return Ok(not_found()) };
                found = node.data.shard(instance, kept.assignment.version, shard).await?;
            }
            found.map_or_else(not_found, Response::Shard)
        }
        Request::State { instance, .. } => {
            let Some(kept) = node.data.assignment(instance).await? else { return Ok(not_found()) };
            let mut allowed = anchor_peers(node).await.contains(&peer);
            for account in &kept.assignment.serving {
                allowed = allowed || node_peer(node, account).await == Some(peer);
            }
            match allowed {
                true => node.data.state(&kept.assignment).await?.map_or_else(not_found, Response::State),
                false => Response::refused(RefusalCode::NotAllowed, "for serving nodes and anchors only"),
            }
        }
        Request::Blob { hash } => node.data.blob(hash).await?.map_or_else(not_found, Response::Blob),
        Request::Updates { instance, from } => match node.data.assignment(instance).await? {
            Some(_) => Response::Updates(node.feeds.since(node, instance, from).await?),
            None => not_found(),
        },
        Request::InstanceKeys { instance, offer } => node.seals.hand_over(node, peer, instance, &offer).await?,
        Request::Operations { instance, after } => match node.data.assignment(instance).await? {
            Some(_) => node.operations.after(node, instance, after).await?,
            None => not_found(),
        },
        Request::Attest(_) | Request::Gaps { .. } | Request::Committed { .. } => {
            Response::refused(RefusalCode::Invalid, "this is a service node, not an anchor")
        }
    })
}

/// Takes in what everyone is told, until the network ends.
pub(crate) async fn gossip(node: &Arc<Node>) {
    let mut gossip = node.network.gossip();
    loop {
        let taken_in = match gossip.recv().await {
            Ok((_, Gossip::Operation(operation))) => node.operations.heard(node, operation).await,
            Ok((_, Gossip::Assignment(assignment))) => node.instances.heard(node, assignment).await,
            Ok((_, Gossip::Update(update))) => node.feeds.heard(node, *update).await,
            Ok((_, Gossip::Measurement(_))) => Ok(()),
            // What was missed is told again while it matters; issuers' updates are asked for.
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "gossip came faster than it could be taken in");
                node.feeds.want_all(node);
                Ok(())
            }
            Err(RecvError::Closed) => return,
        };
        if let Err(e) = taken_in {
            tracing::debug!(error = %e, "gossip that was not taken in");
        }
    }
}
