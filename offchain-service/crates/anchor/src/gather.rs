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
    token::TokenSpec,
    AccountId, Hash, InstanceId, OperationKind, TokenTypeId,
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

    fn executes(&self, instance: &InstanceId, node: &AccountId) -> bool {
        let kept = self.data.assignment(instance).ok().flatten();
        kept.is_some_and(|kept| executes(&kept, node)) || self.executed.contains(&(*instance, node.clone()))
    }

    fn happened(&self, instance: &InstanceId, kind: OperationKind) -> bool {
        // As with what is committed: in doubt it is not done twice.
        self.data.periods_with(*instance, kind, 1).map_or(true, |periods| !periods.is_empty())
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

/// Whether this node is the one that executes the instance's operations.
pub(crate) fn executes(signed: &SignedAssignment, node: &AccountId) -> bool {
    signed.assignment.serving.first() == Some(node)
}

/// Whether the token types of an operation have it. `specs` has those that are registered, as far as the operation names them.
pub(crate) fn fits(operation: &Operation, specs: &BTreeMap<TokenTypeId, TokenSpec>) -> bool {
    let spec = |instance: InstanceId| specs.get(&instance.token_type);
    let issued = operation.issued().and_then(|issued| spec(issued.instance));
    spec(operation.instance).is_some_and(|token| operation.fits(token, issued))
}

/// Whether an operation really happened, as far as this anchor can tell: its receipt is signed by the node that executes for the instance.
pub(crate) async fn check_operation(
    shared: &Shared,
    facts: &Facts,
    operation: &Operation,
) -> Result<Result<(), Untrue>> {
    let mut specs = BTreeMap::new();
    for (instance, _) in operation.sides() {
        let token = shared.token(facts, instance.token_type).await?;
        specs.extend(token.map(|token| (instance.token_type, token.spec)));
    }
    if !fits(operation, &specs) {
        return Ok(Err(Untrue::UnknownOperation));
    }
    let node = &operation.receipt.receipt.node;
    // Before anything is looked up, so that only registered nodes can cause that.
    let Some(registered) = facts.nodes.get(node) else { return Ok(Err(OperationError::UnknownNode.into())) };
    if !operation.verify(&shared.genesis, &registered.service_key) {
        return Ok(Err(OperationError::BadSignature.into()));
    }
    let known = shared.data.assignment(&operation.instance)?;
    if !known.is_some_and(|known| executes(&known, node)) {
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
    use crate::{
        proofs::Leaves,
        proposal::{build, check, Disagreement, View},
        testing::*,
    };
    use codec::Encode as _;
    use smartlayer_network::messages::Missing;
    use smartlayer_primitives::token::Redundancy;
    use smartlayer_store::Store;
    use sp_core::Pair as _;

    /// A node that serves an instance, but not first, executes nothing: neither what is told is taken in nor what is proposed.
    #[tokio::test]
    async fn operations_are_the_executors() {
        let dir = tempfile::tempdir().unwrap();
        let data = Data::new(Store::open(dir.path()).unwrap(), GENESIS);
        let serving = vec![account(1), account(2)].try_into().unwrap();
        let placed = Assignment { serving, ..assignment(7, 1, PERIOD) };
        data.add_assignment(&SignedAssignment { assignment: placed, certificate: Default::default() }).await.unwrap();
        let [(executor, key), (replica, replicas_key)] = [1, 2].map(service_node);
        let (good, bad) = (operation(&key, &executor, 7, 0, 1), operation(&replicas_key, &replica, 7, 0, 2));

        let (_, set) = anchors();
        let keys =
            |node: &AccountId| (1..=2).map(service_node).find(|(n, _)| n == node).map(|(_, k)| k.public().into());
        let (agreements, none) = (BTreeMap::new(), BTreeMap::new());
        let view = |known| View {
            genesis: GENESIS,
            anchors: &set,
            period: PERIOD,
            previous: Hash::zero(),
            agreements: &agreements,
            before: Some(&none),
            facts: known,
        };
        let known = Known { data: &data, keys: &keys, executed: BTreeSet::new() };
        assert_eq!(proposal::check_operation(&view(&known), &good), Ok(()));
        assert_eq!(proposal::check_operation(&view(&known), &bad), Err(OperationError::NotTheExecutor));

        // One that was good when it came stays so when another executes.
        let lasting = Known { executed: [(bad.instance, replica.clone())].into(), ..known };
        let all = Missing { operations: vec![good.clone(), bad.clone()], ..Missing::default() };
        let writer = anchor_account(0);
        let (proposal, _) = build(&view(&lasting), writer.clone(), &all);
        assert_eq!(proposal.operations.len(), 2);
        assert!(check(&view(&lasting), std::slice::from_ref(&writer), &proposal, &all).is_ok());
        let refused = check(&view(&known), std::slice::from_ref(&writer), &proposal, &all);
        let receipt = data.name(&bad);
        assert_eq!(refused, Err(Disagreement::Operation { receipt, reason: OperationError::NotTheExecutor }));
        assert_eq!(build(&view(&known), writer, &all).0.operations, [good]);
    }

    #[tokio::test]
    async fn what_a_commitment_destroyed_or_issued_is_spent() {
        let dir = tempfile::tempdir().unwrap();
        let data = Data::new(Store::open(dir.path()).unwrap(), GENESIS);
        let (node, key) = service_node(1);
        let issued = InstanceId { token_type: 2, index: 8 };
        let (done, again) = (transfer(&key, &node, 7, 1, (issued, 2), 1), transfer(&key, &node, 9, 1, (issued, 2), 2));
        let other = transfer(&key, &node, 10, 1, (InstanceId { index: 9, ..issued }, 2), 3);
        data.add_operations(vec![done.clone(), again.clone(), other.clone()], 1).await.unwrap();
        let keys = |_: &AccountId| None;
        let known = Known { data: &data, keys: &keys, executed: BTreeSet::new() };
        let happened = |instance, kind| proposal::Facts::happened(&known, &instance, kind);
        assert!(!happened(issued, 2));
        let leaves = Leaves::new(vec![done.clone()], vec![], vec![]);
        data.settle(3, Hash::repeat_byte(1), &leaves, 0).await.unwrap();
        assert!(happened(issued, 2) && happened(done.instance, 1));
        assert!(!happened(issued, 1) && !happened(again.instance, 1));
        // What can't be committed any more waits no longer.
        assert_eq!(data.pending().unwrap().into_iter().map(|p| p.operation).collect::<Vec<_>>(), [other]);
    }

    #[test]
    fn an_operation_fits_both_token_types() {
        let spec = |names: &[&str]| TokenSpec {
            script_hash: Hash::zero(),
            script_uris: Default::default(),
            requirement: Default::default(),
            redundancy: Redundancy { serving: 1, shards: 1, threshold: 1 },
            key_operations: names
                .iter()
                .map(|n| n.as_bytes().to_vec().try_into().unwrap())
                .collect::<Vec<_>>()
                .try_into()
                .unwrap(),
            revenue_share: Default::default(),
        };
        let specs = BTreeMap::from([(1, spec(&["redeem", "transfer"])), (2, spec(&["issue"]))]);
        let (node, key) = service_node(1);
        let issued = |token_type| InstanceId { token_type, index: 8 };
        assert!(fits(&operation(&key, &node, 7, 0, 1), &specs));
        assert!(fits(&transfer(&key, &node, 7, 1, (issued(2), 0), 2), &specs));
        for wrong in [
            // A transfer that issues nothing, one under another name, of a kind or a type that there is not, and one that issues so.
            operation(&key, &node, 7, 1, 3),
            transfer(&key, &node, 7, 0, (issued(2), 0), 4),
            operation(&key, &node, 7, 2, 5),
            transfer(&key, &node, 7, 1, (issued(3), 0), 6),
            transfer(&key, &node, 7, 1, (issued(1), 0), 7),
        ] {
            assert!(!fits(&wrong, &specs), "{:?}", wrong.encode());
        }
        assert!(!fits(&operation(&key, &node, 7, 0, 1), &BTreeMap::new()));
    }

    #[test]
    fn gaps_are_found() {
        assert_eq!(gap(vec![]), None);
        assert_eq!(gap(vec![7]), None);
        assert_eq!(gap(vec![3, 1, 2]), None);
        assert_eq!(gap(vec![5, 1, 2]), Some(3));
        assert_eq!(gap(vec![0, 2, 4, 4]), Some(1));
    }
}
