//! Gathering what others tell: operations, measurements and assignments, each checked before it is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use smartlayer_network::messages::{Gossip, Request, Response, MAX_MEASUREMENTS};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    operation::Operation,
    payload::Payload,
    quorum::QuorumError,
    sla::SignedMeasurement,
    AccountId, Hash, InstanceId,
};
use tokio::sync::broadcast::error::RecvError;
use tracing::{debug, warn};

use crate::{
    data::Data,
    error::Result,
    proposal::{self, OperationError},
    report::{self, MeasurementError},
    shared::{lock, Facts, Shared},
};

/// Why something told is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrue {
    #[error(transparent)]
    Operation(#[from] OperationError),
    #[error(transparent)]
    Measurement(#[from] MeasurementError),
    #[error("the token type has no such key operation")]
    UnknownOperation,
    #[error("of another period than can still be committed")]
    OtherPeriod,
    #[error(transparent)]
    NoQuorum(#[from] NoQuorum),
}

/// No quorum of the active anchors signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no quorum signed it: {0:?}")]
pub(crate) struct NoQuorum(QuorumError);

/// What has to be looked up to judge operations and assignments.
pub(crate) struct Known<'a> {
    pub data: &'a Data,
    /// The service keys of nodes.
    pub keys: &'a dyn Fn(&AccountId) -> Option<AccountId>,
    /// Who executed operations that were found valid when they came: it may serve no more.
    pub executed: BTreeSet<(InstanceId, AccountId)>,
}

impl proposal::Facts for Known<'_> {
    fn service_key(&self, node: &AccountId) -> Option<AccountId> {
        (self.keys)(node)
    }

    fn serves(&self, instance: &InstanceId, node: &AccountId) -> bool {
        let kept = self.data.assignment(instance).ok().flatten();
        kept.is_some_and(|kept| kept.assignment.serving.contains(node))
            || self.executed.contains(&(*instance, node.clone()))
    }

    fn is_committed(&self, name: &Hash) -> bool {
        // What cannot be read is not committed again: that would be for ever.
        self.data.committed_in(name).map_or(true, |period| period.is_some())
    }

    fn is_attested(&self, assignment: &Assignment) -> bool {
        self.data.has_assignment(assignment).unwrap_or(false)
    }
}

/// Takes in gossip until the network ends.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut gossip = shared.network.gossip();
    let asking: Arc<Mutex<BTreeSet<AccountId>>> = Default::default();
    loop {
        let told = match gossip.recv().await {
            Ok((_, told)) => told,
            Err(RecvError::Lagged(missed)) => {
                // What matters is told again, or handed over when a period is committed.
                warn!(missed, "gossip came faster than it could be taken in");
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        let Ok(facts) = shared.facts() else { continue };
        let (kind, taken) = match told {
            Gossip::Operation(operation) => ("operation", operation_told(shared, &facts, operation).await),
            Gossip::Measurement(signed) => {
                let anchor = signed.measurement.anchor.clone();
                let taken = measurements_told(shared, &facts, vec![signed]).await;
                if matches!(taken, Ok(Ok(true))) {
                    close_gap(shared, &facts, anchor, &asking);
                }
                ("measurement", taken)
            }
            // For those who keep the instance; an anchor only passes it on, which the network does.
            Gossip::Update(_) => continue,
            Gossip::Assignment(signed) => ("assignment", assignment_told(shared, &facts, &signed).await),
        };
        match taken {
            Ok(Ok(new)) => shared.metrics.gathered(kind, if new { "new" } else { "known" }),
            Ok(Err(untrue)) => {
                debug!(kind, %untrue, "not kept");
                shared.metrics.gathered(kind, "refused");
            }
            Err(error) => {
                warn!(kind, %error, "could not be kept");
                shared.metrics.gathered(kind, "failed");
            }
        }
    }
}

/// Whether an operation really happened, as far as this anchor can tell: its receipt is signed by a node that serves the instance.
pub(crate) async fn check_operation(
    shared: &Shared,
    facts: &Facts,
    operation: &Operation,
) -> Result<Result<(), Untrue>> {
    let Some(token) = shared.token(facts, operation.instance.token_type).await? else {
        return Ok(Err(Untrue::UnknownOperation));
    };
    let other = match operation.issued() {
        Some(issued) => shared.token(facts, issued.instance.token_type).await?,
        None => None,
    };
    if !operation.fits(&token.spec, other.as_ref().map(|token| &token.spec)) {
        return Ok(Err(Untrue::UnknownOperation));
    }
    let node = &operation.receipt.receipt.node;
    // Before anything is looked up, so that only registered nodes can cause that.
    let Some(registered) = facts.nodes.get(node) else { return Ok(Err(OperationError::UnknownNode.into())) };
    if !operation.verify(&shared.genesis, &registered.service_key) {
        return Ok(Err(OperationError::BadSignature.into()));
    }
    let known = shared.data.assignment(&operation.instance)?;
    if !known.is_some_and(|known| known.assignment.serving.contains(node)) {
        look_up(shared, facts, operation.instance).await?;
    }
    let keys = |node: &AccountId| facts.nodes.get(node).map(|node| node.service_key.clone());
    let known = Known { data: &shared.data, keys: &keys, executed: BTreeSet::new() };
    let view = proposal::View {
        genesis: shared.genesis,
        anchors: &facts.set,
        period: facts.next_to_commit,
        previous: facts.last_hash,
        agreements: &BTreeMap::new(),
        before: None,
        facts: &known,
    };
    Ok(proposal::check_operation(&view, operation).map_err(Untrue::from))
}

/// Looks for a newer assignment of an instance than is known here.
pub(crate) async fn look_up(shared: &Shared, facts: &Facts, instance: InstanceId) -> Result<()> {
    for found in shared.network.find_assignments(instance).await {
        if check_assignment(shared, facts, &found).is_ok() {
            shared.data.add_assignment(&found).await?;
        }
    }
    Ok(())
}

/// Whether an active anchor really stated this measurement, of a period that can still be committed.
pub(crate) fn check_measurement(shared: &Shared, facts: &Facts, signed: &SignedMeasurement) -> Result<(), Untrue> {
    let period = signed.measurement.period;
    if !(facts.next_to_commit..=facts.clock.period.saturating_add(1)).contains(&period) {
        return Err(Untrue::OtherPeriod);
    }
    Ok(report::check_measurement(signed, &shared.genesis, &facts.set, period)?)
}

/// Whether a quorum of the active anchors signed the assignment.
pub(crate) fn check_assignment(shared: &Shared, facts: &Facts, signed: &SignedAssignment) -> Result<(), NoQuorum> {
    let hash = signed.assignment.payload_hash(&shared.genesis);
    facts.set.verify(&shared.genesis, hash, &signed.certificate).map_err(NoQuorum)
}

async fn operation_told(shared: &Shared, facts: &Facts, operation: Operation) -> Result<Result<bool, Untrue>> {
    if shared.data.knows_operation(&operation)? {
        return Ok(Ok(false));
    }
    if let Err(untrue) = check_operation(shared, facts, &operation).await? {
        return Ok(Err(untrue));
    }
    let instance = operation.instance;
    let new = shared.data.add_operations(vec![operation], facts.block.number).await? > 0;
    debug!(?instance, "an operation waits for its commitment");
    shared.metrics.uncommitted.set(shared.data.pending_count()? as i64);
    Ok(Ok(new))
}

async fn measurements_told(
    shared: &Shared,
    facts: &Facts,
    measurements: Vec<SignedMeasurement>,
) -> Result<Result<bool, Untrue>> {
    for signed in &measurements {
        if let Err(untrue) = check_measurement(shared, facts, signed) {
            return Ok(Err(untrue));
        }
    }
    Ok(Ok(!shared.data.add_measurements(measurements, facts.block.number).await?.is_empty()))
}

async fn assignment_told(shared: &Shared, facts: &Facts, signed: &SignedAssignment) -> Result<Result<bool, Untrue>> {
    if let Err(untrue) = check_assignment(shared, facts, signed) {
        return Ok(Err(untrue.into()));
    }
    Ok(Ok(shared.data.add_assignment(signed).await?))
}

/// Asks an anchor for its measurements of periods not yet committed, if one of its numbers is missing here. One question at a time.
fn close_gap(shared: &Arc<Shared>, facts: &Arc<Facts>, anchor: AccountId, asking: &Arc<Mutex<BTreeSet<AccountId>>>) {
    let Some(peer) = facts.anchors.get(&anchor).and_then(|contact| contact.peer) else { return };
    if !lock(asking).insert(anchor.clone()) {
        return;
    }
    let (shared, facts, asking) = (shared.clone(), facts.clone(), asking.clone());
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        if let Ok(Some(from_sequence)) = first_gap(&shared, &facts, &anchor) {
            let request = Request::Gaps { anchor: anchor.clone(), from_sequence };
            if let Ok(Response::Measurements(sent)) = shared.network.request(peer, request).await {
                // Those of committed periods are of no use; one that is wrong spoils only itself.
                let good: Vec<_> =
                    sent.into_iter().filter(|signed| check_measurement(&shared, &facts, signed).is_ok()).collect();
                debug!(%anchor, from_sequence, count = good.len(), "asked for missing measurements");
                if let Err(error) = shared.data.add_measurements(good, facts.block.number).await {
                    warn!(%error, "could not keep measurements");
                }
            }
        }
        lock(&asking).remove(&anchor);
    });
}

/// The first number that is missing among the anchor's measurements of periods not yet committed.
fn first_gap(shared: &Shared, facts: &Facts, anchor: &AccountId) -> Result<Option<u64>> {
    let mut numbers = Vec::new();
    for period in facts.next_to_commit..=facts.clock.period {
        let measured = shared.data.measured_in(period)?;
        numbers.extend(measured.into_iter().map(|s| s.measurement).filter(|m| m.anchor == *anchor).map(|m| m.sequence));
    }
    Ok(gap(numbers))
}

/// The first number that is missing between the smallest and the largest.
fn gap(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    numbers.windows(2).find(|pair| pair[1] > pair[0].saturating_add(1)).map(|pair| pair[0] + 1)
}

/// The measurements of an anchor from a number on, for another anchor.
pub(crate) fn measurements_for(shared: &Shared, anchor: &AccountId, from_sequence: u64) -> Result<Response> {
    Ok(Response::Measurements(shared.data.measurements_from(anchor, from_sequence, MAX_MEASUREMENTS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found() {
        assert_eq!(gap(vec![]), None);
        assert_eq!(gap(vec![7]), None);
        assert_eq!(gap(vec![3, 1, 2]), None);
        assert_eq!(gap(vec![5, 1, 2]), Some(3));
        assert_eq!(gap(vec![0, 2, 4, 4]), Some(1));
    }
}
