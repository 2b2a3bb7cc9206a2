//! Collecting the other anchors' signatures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use smartlayer_network::messages::{AttestRequest, Missing, Refusal, Request, Response};
use smartlayer_primitives::{
    quorum::{AnchorSignature, QuorumCertificate},
    AccountId, Hash,
};
use tokio::sync::mpsc;
use tracing::debug;

use crate::{
    quorum::Collector,
    shared::{Facts, Shared},
};

/// How long stragglers are waited for once there is a quorum: whoever signs a commitment earns for it.
const LINGER: Duration = Duration::from_millis(500);

/// What came of asking.
pub(crate) struct Collected {
    /// More than two thirds agreed.
    pub certificate: Option<QuorumCertificate>,
    /// How many agreed, this anchor included.
    pub agreed: usize,
    /// What others found missing; unverified.
    pub missing: Missing,
    /// Why others refused.
    pub refusals: Vec<Refusal>,
}

/// Asks all other active anchors to attest `hash`, which this anchor attests as well, until more than two thirds agree or
/// `patience` is over. Everyone is asked in any case, and so learns what the request tells.
pub(crate) async fn collect(
    shared: &Arc<Shared>,
    facts: &Facts,
    request: AttestRequest,
    hash: Hash,
    patience: Duration,
) -> Collected {
    let mut collected = Collected { certificate: None, agreed: 0, missing: Missing::default(), refusals: Vec::new() };
    let mut collector = Collector::new(&shared.genesis, facts.set.clone(), hash);
    collected.agreed += usize::from(take(&mut collector, &shared.account, shared.attest(hash)));
    let (sender, mut answers) = mpsc::channel::<(AccountId, Response)>(facts.anchors.len().max(1));
    for (account, contact) in facts.anchors.iter().filter(|(account, _)| **account != shared.account) {
        let Some(peer) = contact.peer else { continue };
        let (shared, request, account) = (shared.clone(), request.clone(), account.clone());
        let sender = sender.clone();
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            match shared.network.request(peer, Request::Attest(Box::new(request))).await {
                Ok(answer) => {
                    let _ = sender.send((account, answer)).await;
                }
                Err(error) => debug!(anchor = %account, %error, "an anchor does not answer"),
            }
        });
    }
    drop(sender);

    let mut until = Instant::now() + patience;
    loop {
        if collector.is_complete() {
            until = until.min(Instant::now() + LINGER);
        }
        let answer = tokio::time::timeout_at(until.into(), answers.recv()).await;
        // All have answered or failed, or time is up.
        let Ok(Some((account, answer))) = answer else { break };
        match answer {
            Response::Attested(signature) => collected.agreed += usize::from(take(&mut collector, &account, signature)),
            Response::Missing(missing) => {
                debug!(anchor = %account, operations = missing.operations.len(),
                    measurements = missing.measurements.len(), "an anchor knows more");
                collected.missing.operations.extend(missing.operations);
                collected.missing.measurements.extend(missing.measurements);
                collected.missing.assignments.extend(missing.assignments);
            }
            Response::Refused(refusal) => {
                debug!(anchor = %account, %refusal, "an anchor refuses");
                collected.refusals.push(refusal);
            }
            other => {
                debug!(anchor = %account, answer = ?std::mem::discriminant(&other), "an answer that makes no sense")
            }
        }
    }
    collected.certificate = collector.certificate();
    collected
}

fn take(collector: &mut Collector, account: &AccountId, signature: AnchorSignature) -> bool {
    let taken = collector.add(account, signature);
    if let Err(rejected) = &taken {
        debug!(%rejected, "an attestation that is none");
    }
    taken.is_ok()
}
