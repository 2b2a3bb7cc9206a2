//! Coming to an agreement with the other anchors, and collecting their signatures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use smartlayer_network::messages::{AttestRequest, Missing, Proposal, Refusal, Request, Response};
use smartlayer_primitives::{
    quorum::{threshold, AnchorSignature, QuorumCertificate},
    AccountId, Hash,
};
use tokio::sync::mpsc;
use tracing::debug;

use crate::{
    quorum::Collector,
    shared::{Facts, Shared},
};

/// How long stragglers are waited for once there are enough: whoever signs a commitment earns for it.
const LINGER: Duration = Duration::from_millis(500);

/// What came of proposing.
pub(crate) struct Agreement {
    /// Whether more than two thirds came to the same, this anchor included.
    pub enough: bool,
    /// How many did.
    pub agreed: usize,
    /// What others found missing; unverified.
    pub missing: Missing,
    /// Why others refused.
    pub refusals: Vec<Refusal>,
}

/// What came of asking for signatures.
pub(crate) struct Collected {
    /// More than two thirds signed.
    pub certificate: Option<QuorumCertificate>,
    /// How many signed, this anchor included.
    pub signed: usize,
    /// Why others refused.
    pub refusals: Vec<Refusal>,
}

/// Asks all other active anchors whether they come to the same commitment, until more than two thirds do or `patience` is over. Nothing
/// is signed, so that what some find missing can still be added.
pub(crate) async fn agree(shared: &Arc<Shared>, facts: &Facts, proposal: Proposal, patience: Duration) -> Agreement {
    let mut agreement = Agreement { enough: false, agreed: 1, missing: Missing::default(), refusals: Vec::new() };
    let mut answers = ask(shared, facts, AttestRequest::Proposal(proposal));
    let mut until = Instant::now() + patience;
    loop {
        if !agreement.enough && agreement.agreed >= threshold(facts.set.members.len()) {
            agreement.enough = true;
            until = until.min(Instant::now() + LINGER);
        }
        let Some((account, answer)) = next(&mut answers, until).await else { return agreement };
        match answer {
            Response::Agreed => agreement.agreed += 1,
            Response::Missing(missing) => {
                debug!(anchor = %account, operations = missing.operations.len(),
                    measurements = missing.measurements.len(), "an anchor knows more");
                agreement.missing.operations.extend(missing.operations);
                agreement.missing.measurements.extend(missing.measurements);
                agreement.missing.assignments.extend(missing.assignments);
            }
            other => agreement.refusals.extend(refusal(&account, other)),
        }
    }
}

/// Asks all other active anchors to sign `hash`, which this anchor signs as well, until more than two thirds did or `patience` is over.
/// Everyone is asked in any case, and so learns what the request tells.
pub(crate) async fn collect(
    shared: &Arc<Shared>,
    facts: &Facts,
    request: AttestRequest,
    hash: Hash,
    patience: Duration,
) -> Collected {
    let mut refusals = Vec::new();
    let mut collector = Collector::new(&shared.genesis, facts.set.clone(), hash);
    let mut signed = usize::from(take(&mut collector, &shared.account, shared.attest(hash)));
    let mut answers = ask(shared, facts, request);
    let mut until = Instant::now() + patience;
    loop {
        if collector.is_complete() {
            until = until.min(Instant::now() + LINGER);
        }
        let Some((account, answer)) = next(&mut answers, until).await else { break };
        match answer {
            Response::Attested(signature) => signed += usize::from(take(&mut collector, &account, signature)),
            other => refusals.extend(refusal(&account, other)),
        }
    }
    Collected { certificate: collector.certificate(), signed, refusals }
}

/// Puts the request to all other active anchors, of which each answers at most once.
fn ask(shared: &Arc<Shared>, facts: &Facts, request: AttestRequest) -> mpsc::Receiver<(AccountId, Response)> {
    let (sender, answers) = mpsc::channel(facts.anchors.len().max(1));
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
    answers
}

/// The next answer; nothing once all have answered or failed, or time is up.
async fn next(answers: &mut mpsc::Receiver<(AccountId, Response)>, until: Instant) -> Option<(AccountId, Response)> {
    tokio::time::timeout_at(until.into(), answers.recv()).await.ok().flatten()
}

fn refusal(anchor: &AccountId, answer: Response) -> Option<Refusal> {
    match answer {
        Response::Refused(refusal) => {
            debug!(%anchor, %refusal, "an anchor refuses");
            Some(refusal)
        }
        other => {
            debug!(%anchor, answer = ?std::mem::discriminant(&other), "an answer that makes no sense");
            None
        }
    }
}

fn take(collector: &mut Collector, account: &AccountId, signature: AnchorSignature) -> bool {
    let taken = collector.add(account, signature);
    if let Err(rejected) = &taken {
        debug!(%rejected, "an attestation that is none");
    }
    taken.is_ok()
}
