//! What other services ask of this anchor.

use std::sync::Arc;

use smartlayer_network::{
    messages::{AttestRequest, RefusalCode, Request, Response},
    InboundRequest, PeerId,
};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::{admission, duty, error::Result, gather, place, shared::Shared};

/// Answers requests until the network ends. The network bounds how many come at once.
pub(crate) async fn run(shared: &Arc<Shared>, mut inbound: mpsc::Receiver<InboundRequest>) {
    while let Some(InboundRequest { peer, request, respond }) = inbound.recv().await {
        let shared = shared.clone();
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            let response = answer(&shared, peer, request).await.unwrap_or_else(|error| {
                warn!(%peer, %error, "could not answer a peer");
                Response::refused(RefusalCode::Failed, "this anchor failed")
            });
            // A peer that has hung up doesn't need the answer.
            let _ = respond.send(response);
        });
    }
}

async fn answer(shared: &Arc<Shared>, peer: PeerId, request: Request) -> Result<Response> {
    Ok(match request {
        Request::Blob { hash } => match shared.data.blob(&hash).await? {
            Some(bytes) if bytes.len() <= smartlayer_network::messages::MAX_SCRIPT_BYTES => Response::Blob(bytes),
            _ => Response::refused(RefusalCode::NotFound, "not here"),
        },
        Request::Gaps { anchor, from_sequence } => gather::measurements_for(shared, &anchor, from_sequence)?,
        Request::Committed { period } => duty::committed_for(shared, period).await?,
        Request::Attest(request) => attest(shared, peer, *request).await?,
        Request::Place(_)
        | Request::Shard { .. }
        | Request::State { .. }
        | Request::Updates { .. }
        | Request::InstanceKeys { .. }
        | Request::Operations { .. } => {
            Response::refused(RefusalCode::Invalid, "this is an anchor, not a service node")
        }
    })
}

/// Attests what another anchor asks for, if this one comes to the same.
async fn attest(shared: &Arc<Shared>, peer: PeerId, request: AttestRequest) -> Result<Response> {
    let Ok(facts) = shared.facts() else {
        return Ok(Response::refused(RefusalCode::NotYet, "this anchor has not read the chain yet"));
    };
    let Some(from) = facts.anchor_of(&peer).cloned() else {
        return Ok(Response::refused(RefusalCode::NotAllowed, "only active anchors may ask for attestations"));
    };
    if !shared.is_active(&facts) {
        return Ok(Response::refused(RefusalCode::NotAllowed, "this anchor is not active"));
    }
    let (kind, response) = match request {
        AttestRequest::Proposal(proposal) => ("proposal", duty::check(shared, &facts, &from, &proposal).await?),
        AttestRequest::Commitment(commitment) => ("commitment", duty::sign(shared, &facts, &from, &commitment).await?),
        AttestRequest::Assignment { assignment, order } => {
            let checked = place::check(shared, &facts, &assignment, order.as_ref()).await?;
            ("assignment", answered(shared, checked))
        }
        AttestRequest::TestResult(result) => {
            ("test_result", answered(shared, admission::check(shared, &facts, &result).await?))
        }
    };
    let outcome = match &response {
        Response::Agreed => "agreed",
        Response::Attested(_) => "attested",
        Response::Missing(_) => "missing",
        _ => "refused",
    };
    if let Response::Refused(refusal) = &response {
        debug!(anchor = %from, kind, %refusal, "did not attest");
    }
    shared.metrics.attested(kind, outcome);
    Ok(response)
}

fn answered(
    shared: &Shared,
    checked: std::result::Result<smartlayer_primitives::Hash, (RefusalCode, String)>,
) -> Response {
    match checked {
        Ok(hash) => Response::Attested(shared.attest(hash)),
        Err((code, reason)) => Response::refused(code, reason),
    }
}
