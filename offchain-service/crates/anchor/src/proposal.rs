//! From what happened in a period to its commitment, and whether another anchor's proposal is right.
//!
//! The anchor on duty [`build`]s a proposal from all it knows. Every other anchor [`check`]s it: it recomputes the commitment
//! from the proposal's own sets, and refuses if something in them is not valid, or if something that it has known for long enough is
//! missing. In the latter case it answers with what is missing, and the proposer builds again with that added. Both sides choose
//! between two versions of the same thing by the same rule, so this ends.
//!
//! An operation belongs to the first commitment that it is in: receipts carry no time. So does an assignment, but no commitment has one
//! of a later period. A measurement belongs to the period that it names.

use std::collections::{btree_map::Entry, BTreeMap, BTreeSet};

use codec::Encode;
use smartlayer_network::messages::{Message, Missing, Proposal, Refusal, RefusalCode, Response, MAX_PROPOSED};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    merkle::Leaf,
    operation::{Operation, MAX_KEY_OPERATIONS},
    quorum::AnchorSet,
    sla::SignedMeasurement,
    AccountId, Hash, InstanceId, OperationKind, Period,
};

use crate::{
    proofs::{receipt_name, Leaves},
    report::{check_measurement, report, Held, MeasurementError},
};

/// A proposal this close to its limit may have left things out for want of room; they come in the next period.
const ROOM: usize = 64 << 10;

/// What an anchor knows from the chain and its own records, apart from the proposal. The chain's part must be read at one block that
/// all anchors choose alike: the last of the period.
pub struct View<'a> {
    /// The chain's genesis hash.
    pub genesis: Hash,
    /// The active anchors.
    pub anchors: &'a AnchorSet,
    /// The period that is to be committed next.
    pub period: Period,
    /// The hash of the last commitment; zero before the first.
    pub previous: Hash,
    /// What each node is held to in the period.
    pub agreements: &'a BTreeMap<AccountId, Held>,
    /// How many periods in a row nodes were in breach at the end of the period before, by its committed report: see
    /// [`crate::report::breaches`]. Empty if that period has no commitment. Nothing if it has one, and its report can't be had from anybody.
    pub before: Option<&'a BTreeMap<AccountId, u16>>,
    /// What has to be looked up one by one.
    pub facts: &'a dyn Facts,
}

/// What has to be looked up one by one, on the chain or in the anchor's own records.
pub trait Facts {
    /// The key that signs in a node's name; nothing if there is no such node.
    fn service_key(&self, node: &AccountId) -> Option<AccountId>;

    /// Whether the node executes the instance's operations: it is the first of those that serve it. Or it did so, and an operation of it
    /// came in time.
    fn executes(&self, instance: &InstanceId, node: &AccountId) -> bool;

    /// Whether an earlier commitment has an operation of this kind on this instance, as far back as commitments are kept.
    fn happened(&self, instance: &InstanceId, kind: OperationKind) -> bool;

    /// Whether an earlier commitment has this: the name of an operation ([`receipt_name`]), or the [`Leaf::leaf_hash`] of an
    /// assignment. [`Leaves::names`] lists them.
    fn is_committed(&self, name: &Hash) -> bool;

    /// Whether this anchor has seen a valid certificate for exactly this assignment.
    fn is_attested(&self, assignment: &Assignment) -> bool;
}

/// Why a proposal is not signed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Disagreement {
    /// It is larger than it may be.
    #[error("the proposal is larger than it may be")]
    TooLarge,
    /// It is for another period than the one to be committed next.
    #[error("period {expected} is to be committed next, not {found}")]
    Period {
        /// The period to be committed next, as this anchor sees the chain.
        expected: Period,
        /// The proposal's.
        found: Period,
    },
    /// It doesn't build on the last commitment.
    #[error("the last commitment is {expected:?}, not {found:?}")]
    Previous {
        /// The last commitment, as this anchor sees the chain.
        expected: Hash,
        /// What the proposal builds on.
        found: Hash,
    },
    /// Its writer may not write yet, or not at all.
    #[error("it is not the turn of {0} to write")]
    Writer(AccountId),
    /// It counts periods in breach on from a report that can't be had here.
    #[error("the report of the period before is not known here")]
    ReportUnknown,
    /// It counts periods in breach anew, though the report before is known here.
    #[error("the proposal counts breaches anew, and the report of the period before is known here")]
    ReportForgotten,
    /// A set is not in its order, or has something twice.
    #[error("the {0} are not in their order, each once")]
    Order(&'static str),
    /// An operation is not valid.
    #[error("the operation with receipt {receipt:?} is not valid: {reason}")]
    Operation {
        /// The receipt's hash.
        receipt: Hash,
        /// What is wrong.
        reason: OperationError,
    },
    /// A measurement is not valid.
    #[error("a measurement by {anchor} is not valid: {reason}")]
    Measurement {
        /// The anchor that it names.
        anchor: AccountId,
        /// What is wrong.
        reason: MeasurementError,
    },
    /// An assignment is of a later period, or was committed before.
    #[error("version {version} of the assignment of instance {}/{} doesn't belong to this period", instance.token_type, instance.index)]
    Assignment {
        /// The instance.
        instance: InstanceId,
        /// The assignment's version.
        version: u32,
    },
    /// This anchor has not seen the certificate of an assignment.
    #[error("the certificate for version {version} of the assignment of instance {}/{} has not come yet", instance.token_type, instance.index)]
    Unattested {
        /// The instance.
        instance: InstanceId,
        /// The assignment's version.
        version: u32,
    },
    /// The commitment is not the one that its own sets make.
    #[error("the commitment is not what the proposal's contents amount to: {0} differ")]
    Commitment(&'static str),
    /// This belongs into it as well.
    #[error("{} operations, {} measurements and {} assignments are missing", .0.operations.len(), .0.measurements.len(), .0.assignments.len())]
    Missing(Box<Missing>),
}

/// What is wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// No token type has so many key operations.
    #[error("there is no such kind of operation")]
    Kind,
    /// An earlier commitment has its receipt.
    #[error("an earlier commitment has it")]
    Committed,
    /// The chain knows no such node.
    #[error("no such node is registered")]
    UnknownNode,
    /// The node doesn't execute the instance's operations: it is not the first of those that serve it.
    #[error("the node doesn't execute the instance's operations")]
    NotTheExecutor,
    /// A transfer of what was destroyed before, or of what was issued before.
    #[error("another transfer destroyed the one instance or issued the other")]
    Spent,
    /// The receipt is not signed by the node's service key.
    #[error("the receipt is not signed by the node's service key")]
    BadSignature,
}

impl Disagreement {
    /// The answer to whoever proposed.
    pub fn into_response(self) -> Response {
        let code = match self {
            Self::Missing(missing) => return Response::Missing(*missing),
            Self::TooLarge | Self::Order(_) | Self::Commitment(_) => RefusalCode::Invalid,
            Self::Period { .. }
            | Self::Previous { .. }
            | Self::Writer(_)
            | Self::ReportUnknown
            | Self::Unattested { .. } => RefusalCode::NotYet,
            Self::ReportForgotten | Self::Operation { .. } | Self::Measurement { .. } | Self::Assignment { .. } => {
                RefusalCode::Disagrees
            }
        };
        Response::Refused(Refusal::new(code, self.to_string()))
    }
}

/// The proposal of `writer` from all that it knows, oldest first, and the leaves to keep when it is committed.
///
/// Whatever is not valid is left out, and so is what doesn't fit: first the measurements are taken, then the operations, then the assignments,
/// each in the order given. Of transfers that destroy or issue the same instance only the first is taken.
pub fn build(view: &View<'_>, writer: AccountId, known: &Missing) -> (Proposal, Leaves) {
    let mut room = Proposal::MAX_BYTES.saturating_sub(ROOM / 2);

    let mut measurements: BTreeMap<_, SignedMeasurement> = BTreeMap::new();
    for measurement in &known.measurements {
        let valid = check_measurement(measurement, &view.genesis, view.anchors, view.period).is_ok();
        if valid && (measurements.len() < MAX_PROPOSED || measurements.contains_key(&measurement_key(measurement))) {
            insert_better(&mut measurements, measurement_key(measurement), measurement, better_measurement, &mut room);
        }
    }
    let mut operations: BTreeMap<_, Operation> = BTreeMap::new();
    let mut spent = Spent::new();
    for operation in &known.operations {
        let name = receipt_name(operation, &view.genesis);
        if (operations.len() < MAX_PROPOSED || operations.contains_key(&name))
            && !moved(operation).any(|side| spent.contains(&side))
            && check_operation(view, operation).is_ok()
        {
            insert_better(&mut operations, name, operation, better_operation, &mut room);
            if operations.contains_key(&name) {
                spent.extend(moved(operation));
            }
        }
    }
    let mut assignments: BTreeMap<_, Assignment> = BTreeMap::new();
    for SignedAssignment { assignment, .. } in &known.assignments {
        if assignments.len() < MAX_PROPOSED && check_assignment(view, assignment).is_ok() {
            insert_better(&mut assignments, assignment_key(assignment), assignment, |_, _| false, &mut room);
        }
    }

    let mut operations: Vec<_> = operations.into_values().collect();
    operations.sort_by_cached_key(Encode::encode);
    let measurements: Vec<_> = measurements.into_values().collect();
    let assignments: Vec<_> = assignments.into_values().collect();
    let leaves = leaves(view, &operations, &measurements, &assignments);
    let commitment = leaves.commitment(view.period, view.previous, writer);
    (Proposal { commitment, operations, measurements, assignments, continues: view.before.is_some() }, leaves)
}

/// Whether the proposal is right, and its leaves, to keep when it is committed. An anchor signs only after this.
///
/// `writers` are the anchors that may write now, `due` is what this anchor has known for so long that the writer must know it too;
/// it need not be checked.
pub fn check(
    view: &View<'_>,
    writers: &[AccountId],
    proposal: &Proposal,
    due: &Missing,
) -> Result<Leaves, Disagreement> {
    if proposal.check().is_err() || proposal.encoded_size() > Proposal::MAX_BYTES {
        return Err(Disagreement::TooLarge);
    }
    let commitment = &proposal.commitment;
    if commitment.period != view.period {
        return Err(Disagreement::Period { expected: view.period, found: commitment.period });
    }
    if commitment.previous != view.previous {
        return Err(Disagreement::Previous { expected: view.previous, found: commitment.previous });
    }
    if !writers.contains(&commitment.writer) {
        return Err(Disagreement::Writer(commitment.writer.clone()));
    }
    match (proposal.continues, view.before) {
        (true, None) => return Err(Disagreement::ReportUnknown),
        (false, Some(_)) => return Err(Disagreement::ReportForgotten),
        _ => {}
    }
    check_sets(view, proposal)?;

    let leaves = leaves(view, &proposal.operations, &proposal.measurements, &proposal.assignments);
    let own = leaves.commitment(view.period, view.previous, commitment.writer.clone());
    let parts = [
        ("the operations", own.operations == commitment.operations),
        ("the bitmaps", own.bitmaps == commitment.bitmaps),
        ("the reports", own.report == commitment.report),
        ("the assignments", own.assignments == commitment.assignments),
        ("the totals", own.totals == commitment.totals),
    ];
    if let Some((part, _)) = parts.iter().find(|(_, same)| !same) {
        return Err(Disagreement::Commitment(part));
    }
    let missing = missing(view, proposal, due);
    if !missing.is_empty() {
        return Err(Disagreement::Missing(Box::new(missing)));
    }
    Ok(leaves)
}

fn check_sets(view: &View<'_>, proposal: &Proposal) -> Result<(), Disagreement> {
    if !ascending(&proposal.operations, Encode::encode) {
        return Err(Disagreement::Order("operations"));
    }
    if !ascending(&proposal.measurements, measurement_key) {
        return Err(Disagreement::Order("measurements"));
    }
    if !ascending(&proposal.assignments, assignment_key) {
        return Err(Disagreement::Order("assignments"));
    }
    let (mut receipts, mut spent) = (BTreeMap::new(), Spent::new());
    for operation in &proposal.operations {
        let receipt = receipt_name(operation, &view.genesis);
        if receipts.insert(receipt, ()).is_some() {
            return Err(Disagreement::Order("operations"));
        }
        check_operation(view, operation).map_err(|reason| Disagreement::Operation { receipt, reason })?;
        if !moved(operation).all(|side| spent.insert(side)) {
            return Err(Disagreement::Operation { receipt, reason: OperationError::Spent });
        }
    }
    for measurement in &proposal.measurements {
        check_measurement(measurement, &view.genesis, view.anchors, view.period)
            .map_err(|reason| Disagreement::Measurement { anchor: measurement.measurement.anchor.clone(), reason })?;
    }
    proposal.assignments.iter().try_for_each(|assignment| check_assignment(view, assignment))
}

/// Whether an operation may be in the commitment. The signature last: it is what costs.
pub fn check_operation(view: &View<'_>, operation: &Operation) -> Result<(), OperationError> {
    let node = &operation.receipt.receipt.node;
    if operation.sides().any(|(_, kind)| u32::from(kind) >= MAX_KEY_OPERATIONS) {
        return Err(OperationError::Kind);
    }
    if view.facts.is_committed(&receipt_name(operation, &view.genesis)) {
        return Err(OperationError::Committed);
    }
    let key = view.facts.service_key(node).ok_or(OperationError::UnknownNode)?;
    if !view.facts.executes(&operation.instance, node) {
        return Err(OperationError::NotTheExecutor);
    }
    if moved(operation).any(|(instance, kind)| view.facts.happened(&instance, kind)) {
        return Err(OperationError::Spent);
    }
    if !operation.verify(&view.genesis, &key) {
        return Err(OperationError::BadSignature);
    }
    Ok(())
}

/// What transfers destroyed and issued.
type Spent = BTreeSet<(InstanceId, OperationKind)>;

/// What a transfer destroyed and what it issued, each of which happens once; nothing for any other operation.
fn moved(operation: &Operation) -> impl Iterator<Item = (InstanceId, OperationKind)> + '_ {
    operation.issued().into_iter().flat_map(|_| operation.sides())
}

fn check_assignment(view: &View<'_>, assignment: &Assignment) -> Result<(), Disagreement> {
    let Assignment { instance, version, .. } = *assignment;
    if assignment.period > view.period || view.facts.is_committed(&assignment.leaf_hash()) {
        return Err(Disagreement::Assignment { instance, version });
    }
    if !view.facts.is_attested(assignment) {
        return Err(Disagreement::Unattested { instance, version });
    }
    Ok(())
}

/// What of `due` is valid and not in the proposal, or there in a worse version; as much of it as fits into an answer. Not a transfer that
/// another one in the proposal excludes: who heard of the one first and who heard of the other must agree.
fn missing(view: &View<'_>, proposal: &Proposal, due: &Missing) -> Missing {
    let size = proposal.encoded_size();
    let mut missing = Missing::default();
    if size + ROOM > Proposal::MAX_BYTES {
        // Full: something had to be left out.
        return missing;
    }
    let mut room = Proposal::MAX_BYTES - ROOM;
    let mut fits = |size: usize| room.checked_sub(size).map(|left| room = left).is_some();

    let there: BTreeMap<_, _> = proposal.operations.iter().map(|o| (receipt_name(o, &view.genesis), o)).collect();
    let spent: Spent = proposal.operations.iter().flat_map(moved).collect();
    for operation in &due.operations {
        let lacking = match there.get(&receipt_name(operation, &view.genesis)) {
            Some(there) => better_operation(operation, there),
            None => there.len() < MAX_PROPOSED && !moved(operation).any(|side| spent.contains(&side)),
        };
        if lacking && check_operation(view, operation).is_ok() && fits(operation.encoded_size()) {
            missing.operations.push(operation.clone());
        }
    }
    let there: BTreeMap<_, _> = proposal.measurements.iter().map(|m| (measurement_key(m), m)).collect();
    for measurement in &due.measurements {
        let lacking = match there.get(&measurement_key(measurement)) {
            Some(there) => better_measurement(measurement, there),
            None => there.len() < MAX_PROPOSED,
        };
        let valid = || check_measurement(measurement, &view.genesis, view.anchors, view.period).is_ok();
        if lacking && valid() && fits(measurement.encoded_size()) {
            missing.measurements.push(measurement.clone());
        }
    }
    let there: BTreeMap<_, _> = proposal.assignments.iter().map(|a| (assignment_key(a), ())).collect();
    for signed in &due.assignments {
        let lacking = there.len() < MAX_PROPOSED && !there.contains_key(&assignment_key(&signed.assignment));
        if lacking && check_assignment(view, &signed.assignment).is_ok() && fits(signed.encoded_size()) {
            missing.assignments.push(signed.clone());
        }
    }
    missing.operations.truncate(MAX_PROPOSED);
    missing.measurements.truncate(MAX_PROPOSED);
    missing.assignments.truncate(MAX_PROPOSED);
    missing
}

fn leaves(
    view: &View<'_>,
    operations: &[Operation],
    measurements: &[SignedMeasurement],
    assignments: &[Assignment],
) -> Leaves {
    let mut served: BTreeMap<AccountId, u128> = BTreeMap::new();
    for Operation { receipt, .. } in operations {
        let sum = served.entry(receipt.receipt.node.clone()).or_default();
        *sum = sum.saturating_add(receipt.receipt.charged);
    }
    let measurements = measurements.iter().map(|signed| &signed.measurement);
    let none = BTreeMap::new();
    let before = view.before.unwrap_or(&none);
    let report = report(view.period, view.anchors, view.agreements, measurements, &served, before);
    Leaves::new(operations.to_vec(), report, assignments.to_vec())
}

fn measurement_key(signed: &SignedMeasurement) -> (AccountId, AccountId) {
    (signed.measurement.node.clone(), signed.measurement.anchor.clone())
}

fn assignment_key(assignment: &Assignment) -> (InstanceId, u32) {
    (assignment.instance, assignment.version)
}

/// Of two operations with one receipt the one whose bytes come first counts. Two signatures over the same thing are as good as each
/// other: sr25519 signatures differ every time.
fn better_operation(new: &Operation, old: &Operation) -> bool {
    let content = |operation: &Operation| (operation.instance, operation.kind).encode();
    content(new) < content(old)
}

/// Of two measurements of a node by one anchor the later counts; if both have one number, the one whose bytes come first.
fn better_measurement(new: &SignedMeasurement, old: &SignedMeasurement) -> bool {
    let (new, old) = (&new.measurement, &old.measurement);
    new.sequence > old.sequence || (new.sequence == old.sequence && new.encode() < old.encode())
}

/// Puts `new` in if there is room and nothing better.
fn insert_better<K: Ord, V: Encode + Clone>(
    map: &mut BTreeMap<K, V>,
    key: K,
    new: &V,
    better: impl Fn(&V, &V) -> bool,
    room: &mut usize,
) {
    match map.entry(key) {
        Entry::Occupied(mut there) => {
            // Versions of one thing have nearly the same size; the reserve covers the difference.
            if better(new, there.get()) {
                there.insert(new.clone());
            }
        }
        Entry::Vacant(free) => {
            if let Some(left) = room.checked_sub(new.encoded_size()) {
                *room = left;
                free.insert(new.clone());
            }
        }
    }
}

fn ascending<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> bool {
    let mut keys = items.iter().map(key);
    let Some(mut last) = keys.next() else { return true };
    keys.all(|next| {
        let rises = last < next;
        last = next;
        rises
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use proptest::prelude::*;
    use smartlayer_primitives::{payload::blake2_256, sla::Measurement};
    use sp_core::{sr25519, Pair};
    use std::sync::OnceLock;

    /// What every anchor looks up alike: nodes 1 to 3 with their keys, each of which executes for the first thousand instances of token type 1.
    /// Node 4 serves them only.
    #[derive(Clone, Default)]
    struct Records {
        committed: BTreeSet<Hash>,
        happened: Spent,
        unattested: BTreeSet<u32>,
    }

    impl Facts for Records {
        fn service_key(&self, node: &AccountId) -> Option<AccountId> {
            let found = (1..=4).map(service_node).find(|(account, _)| account == node);
            found.map(|(_, key)| AccountId::new(key.public().0))
        }

        fn executes(&self, instance: &InstanceId, node: &AccountId) -> bool {
            instance.token_type == 1 && instance.index < 1_000 && *node != account(4)
        }

        fn happened(&self, instance: &InstanceId, kind: OperationKind) -> bool {
            self.happened.contains(&(*instance, kind))
        }

        fn is_committed(&self, name: &Hash) -> bool {
            self.committed.contains(name)
        }

        fn is_attested(&self, assignment: &Assignment) -> bool {
            !self.unattested.contains(&assignment.version)
        }
    }

    /// An anchor's whole situation.
    struct Anchor {
        pairs: Vec<sr25519::Pair>,
        set: AnchorSet,
        agreements: BTreeMap<AccountId, Held>,
        before: Option<BTreeMap<AccountId, u16>>,
        records: Records,
        known: Missing,
    }

    const PREVIOUS: Hash = Hash::repeat_byte(3);

    impl Anchor {
        /// Every one of them knows the same, to the signature.
        fn new() -> Self {
            static KNOWN: OnceLock<Missing> = OnceLock::new();
            let (pairs, set) = anchors();
            let mut anchor = Self {
                agreements: agreements(1..=3),
                before: Some(BTreeMap::from([(account(2), 4)])),
                records: Records::default(),
                known: Missing::default(),
                pairs,
                set,
            };
            anchor.known = KNOWN.get_or_init(|| anchor.everything()).clone();
            anchor
        }

        fn everything(&self) -> Missing {
            let mut known = Missing::default();
            for node in 1..=3 {
                let (account, key) = service_node(node);
                for i in 0..4u32 {
                    let number = u128::from(node) * 100 + u128::from(i);
                    known.operations.push(operation(&key, &account, i, (i % 2) as u8, number));
                }
                known.measurements.extend((0..4).map(|by| self.measured(by, node, 1, 20)));
            }
            known.assignments = (0..5).map(|i| signed(assignment(i, i, PERIOD))).collect();
            known
        }

        fn measured(&self, by: usize, node: u8, sequence: u64, p95_latency_ms: u32) -> SignedMeasurement {
            let (anchor, node) = (anchor_account(by), account(node));
            let measurement =
                Measurement { anchor, sequence, node, period: PERIOD, probes: 50, failed: 0, p95_latency_ms };
            sign_measurement(&self.pairs[by], measurement)
        }

        fn view(&self) -> View<'_> {
            View {
                genesis: GENESIS,
                anchors: &self.set,
                period: PERIOD,
                previous: PREVIOUS,
                agreements: &self.agreements,
                before: self.before.as_ref(),
                facts: &self.records,
            }
        }

        fn build(&self) -> Proposal {
            build(&self.view(), anchor_account(0), &self.known).0
        }

        fn check(&self, proposal: &Proposal) -> Result<Leaves, Disagreement> {
            check(&self.view(), &[anchor_account(0)], proposal, &self.known)
        }
    }

    fn signed(assignment: Assignment) -> SignedAssignment {
        SignedAssignment { assignment, certificate: Default::default() }
    }

    fn shuffled(known: &Missing, seed: u64) -> Missing {
        fn by<T: Encode>(items: &mut [T], seed: u64) {
            items.sort_by_key(|item| blake2_256(&(seed, item).encode()));
        }
        let mut known = known.clone();
        by(&mut known.operations, seed);
        by(&mut known.measurements, seed);
        by(&mut known.assignments, seed);
        known
    }

    #[test]
    fn all_who_know_the_same_agree() {
        let anchor = Anchor::new();
        let (proposal, leaves) = build(&anchor.view(), anchor_account(0), &anchor.known);
        assert_eq!(anchor.check(&proposal), Ok(leaves.clone()));
        assert_eq!((leaves.operations.len(), leaves.bitmaps.len()), (12, 2));
        assert_eq!((leaves.report.len(), leaves.assignments.len()), (3, 5));
        let totals = proposal.commitment.totals;
        assert_eq!((totals.operations, totals.served_value, totals.reward_weight), (12, 60, 30_000_000));
        assert_eq!(leaves.report[0].served_value, 20);
        // Who knows less agrees as well.
        assert!(check(&anchor.view(), &[anchor_account(0)], &proposal, &Missing::default()).is_ok());
        // An idle period has a commitment too.
        let idle = Anchor { known: Missing::default(), agreements: BTreeMap::new(), ..Anchor::new() };
        assert!(idle.check(&idle.build()).is_ok());
    }

    #[test]
    fn what_was_left_out_is_answered_and_added() {
        let anchor = Anchor::new();
        let mut writer = Anchor::new();
        let operation = writer.known.operations.remove(3);
        let measurement = writer.known.measurements.remove(5);
        let assignment = writer.known.assignments.remove(2);
        let Err(Disagreement::Missing(missing)) = anchor.check(&writer.build()) else { panic!("agreed") };
        assert_eq!(missing.operations, [operation]);
        assert_eq!(missing.measurements, [measurement]);
        assert_eq!(missing.assignments, [assignment]);
        assert!(matches!(Disagreement::Missing(missing.clone()).into_response(), Response::Missing(_)));
        writer.known.operations.extend(missing.operations);
        writer.known.measurements.extend(missing.measurements);
        writer.known.assignments.extend(missing.assignments);
        assert_eq!(writer.build(), anchor.build());
        assert!(anchor.check(&writer.build()).is_ok());
    }

    #[test]
    fn a_lying_anchor_of_four_is_outvoted() {
        let mut anchor = Anchor::new();
        // Anchor 3 slanders node 1 and praises node 2, which is down.
        anchor
            .known
            .measurements
            .retain(|m| m.measurement.anchor != anchor_account(3) && m.measurement.node != account(2));
        let honest = (0..3).map(|by| {
            let mut measurement = anchor.measured(by, 2, 1, u32::MAX).measurement;
            measurement.failed = 50;
            sign_measurement(&anchor.pairs[by], measurement)
        });
        let honest: Vec<_> = honest.collect();
        anchor.known.measurements.extend(honest);
        anchor.known.measurements.extend([anchor.measured(3, 1, 1, u32::MAX), anchor.measured(3, 2, 1, 1)]);
        let leaves = anchor.check(&anchor.build()).unwrap();
        let scores: Vec<_> = leaves.report.iter().map(|entry| entry.score.deconstruct()).collect();
        assert_eq!(scores, [1_000_000, 0, 1_000_000]);

        // A writer who forges honest anchors' measurements, or a report that doesn't follow from them, gets no signature.
        let mut forged = anchor.build();
        forged.measurements[0].measurement.p95_latency_ms = u32::MAX;
        assert!(matches!(
            anchor.check(&forged),
            Err(Disagreement::Measurement { reason: MeasurementError::BadSignature, .. })
        ));
        let mut favoured = anchor.build();
        favoured.commitment.totals.reward_weight += 1;
        assert_eq!(anchor.check(&favoured), Err(Disagreement::Commitment("the totals")));
        let mut favoured = anchor.build();
        favoured.commitment.report.hash = Hash::zero();
        assert_eq!(anchor.check(&favoured), Err(Disagreement::Commitment("the reports")));
    }

    #[test]
    fn breaches_are_counted_on_from_the_report_before() {
        let down = |mut anchor: Anchor| {
            for signed in anchor.known.measurements.iter_mut().filter(|m| m.measurement.node == account(2)) {
                let by = (0..4).find(|i| anchor_account(*i) == signed.measurement.anchor).unwrap();
                let measurement = Measurement { failed: 50, p95_latency_ms: u32::MAX, ..signed.measurement.clone() };
                *signed = sign_measurement(&anchor.pairs[by], measurement);
            }
            anchor
        };
        let anchor = down(Anchor::new());
        let proposal = anchor.build();
        let leaves = anchor.check(&proposal).unwrap();
        assert_eq!(leaves.report.iter().map(|entry| entry.breaches).collect::<Vec<_>>(), [0, 5, 0]);

        // A writer that counts another row gets no signature.
        let other = Anchor { before: Some(BTreeMap::new()), ..down(Anchor::new()) };
        assert_eq!(anchor.check(&other.build()), Err(Disagreement::Commitment("the reports")));
        // Nor does one that leaves the row out, as long as anybody honest knows it.
        let forgetful = Anchor { before: None, ..down(Anchor::new()) };
        assert!(!forgetful.build().continues);
        assert_eq!(anchor.check(&forgetful.build()), Err(Disagreement::ReportForgotten));
        // Who doesn't know it signs nothing that needs it. When nobody does, the count begins anew and all agree.
        assert_eq!(forgetful.check(&proposal), Err(Disagreement::ReportUnknown));
        let anew = forgetful.check(&forgetful.build()).unwrap();
        assert_eq!(anew.report.iter().map(|entry| entry.breaches).collect::<Vec<_>>(), [0, 1, 0]);
    }

    #[test]
    fn duplicates_are_built_once_and_refused_twice() {
        let anchor = Anchor::new();
        let mut twice = Anchor::new();
        twice.known = shuffled(&twice.known, 1);
        let again = twice.known.clone();
        twice.known.operations.extend(again.operations);
        twice.known.measurements.extend(again.measurements);
        twice.known.assignments.extend(again.assignments);
        assert_eq!(twice.build(), anchor.build());

        let mut proposal = anchor.build();
        let copy = proposal.operations[0].clone();
        proposal.operations.insert(0, copy);
        assert_eq!(anchor.check(&proposal), Err(Disagreement::Order("operations")));
        let mut proposal = anchor.build();
        proposal.measurements.swap(0, 1);
        assert_eq!(anchor.check(&proposal), Err(Disagreement::Order("measurements")));
        let mut proposal = anchor.build();
        let copy = proposal.assignments[4].clone();
        proposal.assignments.push(copy);
        assert_eq!(anchor.check(&proposal), Err(Disagreement::Order("assignments")));
        // One receipt under two instances.
        let mut proposal = anchor.build();
        let mut variant = proposal.operations[0].clone();
        variant.instance.index = 999;
        proposal.operations.push(variant);
        proposal.operations.sort_by_cached_key(Encode::encode);
        assert_eq!(anchor.check(&proposal), Err(Disagreement::Order("operations")));
    }

    #[test]
    fn of_two_versions_both_sides_take_the_same() {
        let mut anchor = Anchor::new();
        let mut writer = Anchor::new();
        // The checker has a later measurement, and the same receipt under an instance that comes first.
        let later = anchor.measured(2, 1, 2, 50);
        let (node, key) = service_node(1);
        let first = operation(&key, &node, 0, 0, 77);
        let second = Operation { instance: InstanceId { index: 9, ..first.instance }, ..first.clone() };
        writer.known.operations.push(second.clone());
        anchor.known.operations.push(first.clone());
        anchor.known.measurements.push(later.clone());
        let Err(Disagreement::Missing(missing)) = anchor.check(&writer.build()) else { panic!("agreed") };
        assert_eq!((&missing.operations[..], &missing.measurements[..]), (&[first][..], &[later][..]));
        writer.known.operations.extend(missing.operations);
        writer.known.measurements.extend(missing.measurements);
        assert!(anchor.check(&writer.build()).is_ok());
        // The other way round there is nothing to object to.
        assert!(writer.check(&anchor.build()).is_ok());
        // Another signature over the same is no other version.
        let mut resigned = Anchor::new();
        for measurement in &mut resigned.known.measurements {
            let by = (0..4).find(|i| anchor_account(*i) == measurement.measurement.anchor).unwrap();
            *measurement = sign_measurement(&resigned.pairs[by], measurement.measurement.clone());
        }
        assert!(Anchor::new().check(&resigned.build()).is_ok());
    }

    #[test]
    fn invalid_things_are_left_out_and_refused() {
        let good = Anchor::new();
        let (node, key) = service_node(1);
        let (stranger, strangers_key) = service_node(9);
        let (replica, replicas_key) = service_node(4);
        let mut forged = operation(&key, &node, 1, 0, 500);
        forged.receipt.receipt.charged = 1_000_000;
        let cases = [
            (forged, OperationError::BadSignature),
            (operation(&strangers_key, &node, 1, 0, 501), OperationError::BadSignature),
            (operation(&strangers_key, &stranger, 1, 0, 502), OperationError::UnknownNode),
            (operation(&key, &node, 1_000, 0, 503), OperationError::NotTheExecutor),
            (operation(&replicas_key, &replica, 1, 0, 506), OperationError::NotTheExecutor),
            (operation(&key, &node, 1, 32, 504), OperationError::Kind),
            (transfer(&key, &node, 1, 0, (InstanceId { token_type: 2, index: 1 }, 32), 505), OperationError::Kind),
        ];
        for (operation, reason) in cases {
            let mut anchor = Anchor::new();
            anchor.known.operations.push(operation.clone());
            assert_eq!(anchor.build(), good.build());
            // Nor does a checker miss it.
            assert!(anchor.check(&good.build()).is_ok());
            let mut proposal = good.build();
            proposal.operations.push(operation.clone());
            proposal.operations.sort_by_cached_key(Encode::encode);
            let receipt = receipt_name(&operation, &GENESIS);
            assert_eq!(good.check(&proposal), Err(Disagreement::Operation { receipt, reason }));
        }

        let mut settled = Anchor::new();
        let committed = receipt_name(&settled.known.operations[0], &GENESIS);
        settled.records.committed.insert(committed);
        assert_eq!(settled.build().operations.len(), 11);
        let reason = OperationError::Committed;
        assert_eq!(settled.check(&good.build()), Err(Disagreement::Operation { receipt: committed, reason }));

        let mut behind = Anchor::new();
        behind.records.unattested.insert(2);
        assert!(matches!(behind.check(&good.build()), Err(Disagreement::Unattested { version: 2, .. })));
        // An assignment that came late belongs into the next commitment, once; one of a later period doesn't yet.
        let late = assignment(8, 8, PERIOD - 1);
        let mut with_late = Anchor::new();
        with_late.known.assignments.push(signed(late.clone()));
        assert_eq!(with_late.build().assignments.len(), 6);
        assert!(good.check(&with_late.build()).is_ok());
        settled.records = Records { committed: [late.leaf_hash()].into(), ..Records::default() };
        let again = settled.check(&with_late.build());
        assert!(matches!(again, Err(Disagreement::Assignment { version: 8, .. })));
        let mut early = good.build();
        early.assignments.push(assignment(9, 9, PERIOD + 1));
        assert!(matches!(good.check(&early), Err(Disagreement::Assignment { version: 9, .. })));
    }

    /// Transfers by node 1: what is given, and what comes for it, by the last digits of their indices.
    fn exchange(from: u32, to: u32, number: u128) -> Operation {
        let (node, key) = service_node(1);
        transfer(&key, &node, 100 + from, 4, (InstanceId { token_type: 2, index: to }, 5), number)
    }

    #[test]
    fn an_instance_is_destroyed_once_and_issued_once() {
        let [first, same_source, same_issue] = [exchange(1, 1, 600), exchange(1, 2, 601), exchange(2, 1, 602)];
        let knowing = |transfers: &[&Operation]| {
            let mut anchor = Anchor::new();
            anchor.known.operations.extend(transfers.iter().map(|&transfer| transfer.clone()));
            anchor
        };
        for other in [&same_source, &same_issue] {
            // Of two that are known, one is proposed, and who heard of them in another order agrees.
            let (one, two) = (knowing(&[&first, other]), knowing(&[other, &first]));
            assert_eq!(one.build(), knowing(&[&first]).build());
            assert_eq!(two.build(), knowing(&[other]).build());
            assert!(one.check(&two.build()).is_ok() && two.check(&one.build()).is_ok());
            // So does who knows only the other one.
            let (one, two) = (knowing(&[&first]), knowing(&[other]));
            assert!(one.check(&two.build()).is_ok() && two.check(&one.build()).is_ok());

            // Both in one proposal get no signature.
            let mut both = one.build();
            both.operations.push(other.clone());
            both.operations.sort_by_cached_key(Encode::encode);
            let refused = one.check(&both).unwrap_err();
            assert!(matches!(refused, Disagreement::Operation { reason: OperationError::Spent, .. }), "{refused:?}");

            // Nor does one in a later period, and nobody misses it.
            let mut later = knowing(&[other]);
            later.records.happened.extend(first.sides());
            assert_eq!(later.build(), Anchor::new().build());
            assert!(later.check(&Anchor::new().build()).is_ok());
            let receipt = receipt_name(other, &GENESIS);
            let refused = Disagreement::Operation { receipt, reason: OperationError::Spent };
            assert_eq!(later.check(&two.build()), Err(refused));
        }

        // What is issued may be given away in the same period, and other operations happen as often as they like.
        let (node, key) = service_node(1);
        let issued = InstanceId { token_type: 1, index: 300 };
        let issue = transfer(&key, &node, 200, 4, (issued, 5), 603);
        let give = transfer(&key, &node, 300, 4, (InstanceId { token_type: 1, index: 301 }, 5), 604);
        let both = knowing(&[&issue, &give]);
        assert_eq!(both.build().operations.len(), 14);
        assert!(both.check(&both.build()).is_ok());
        let mut again = Anchor::new();
        again.records.happened.extend(again.known.operations.iter().flat_map(Operation::sides).collect::<Vec<_>>());
        assert_eq!(again.build(), Anchor::new().build());
    }

    #[test]
    fn the_frame_must_be_right() {
        let anchor = Anchor::new();
        let changed = |change: fn(&mut Proposal)| {
            let mut proposal = anchor.build();
            change(&mut proposal);
            anchor.check(&proposal).unwrap_err()
        };
        let expected = PERIOD;
        assert_eq!(changed(|p| p.commitment.period += 1), Disagreement::Period { expected, found: PERIOD + 1 });
        let found = Hash::zero();
        assert_eq!(
            changed(|p| p.commitment.previous = Hash::zero()),
            Disagreement::Previous { expected: PREVIOUS, found }
        );
        assert_eq!(changed(|p| p.commitment.writer = anchor_account(1)), Disagreement::Writer(anchor_account(1)));
        assert_eq!(changed(|p| p.commitment.operations.leaves += 1), Disagreement::Commitment("the operations"));
        assert_eq!(changed(|p| p.commitment.bitmaps = Default::default()), Disagreement::Commitment("the bitmaps"));
        let refused = changed(|p| p.commitment.writer = anchor_account(1)).into_response();
        assert!(matches!(refused, Response::Refused(Refusal { code: RefusalCode::NotYet, .. })));
        let many = |p: &mut Proposal| p.assignments = vec![p.assignments[0].clone(); MAX_PROPOSED + 1];
        assert_eq!(changed(many), Disagreement::TooLarge);
    }

    /// A full proposal fits into a message, and nobody misses what had no room.
    #[test]
    fn too_much_waits_for_the_next_period() {
        let mut anchor = Anchor::new();
        // Large assignments are the cheapest way to fill it: no signatures to check.
        let wide = |i: u32| {
            let holding =
                |shard| smartlayer_primitives::assignment::Holding { node: account(1), shard, root: Hash::zero() };
            let holdings: Vec<_> = (0..255).map(holding).collect();
            signed(Assignment { holdings: holdings.try_into().unwrap(), ..assignment(i, 0, PERIOD) })
        };
        anchor.known.assignments = (0..600).map(wide).collect();
        let proposal = anchor.build();
        assert!(proposal.assignments.len() < 600);
        assert!(proposal.encoded_size() <= Proposal::MAX_BYTES);
        assert!(proposal.to_bytes().is_ok());
        assert!(anchor.check(&proposal).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_order_of_hearing_does_not_matter(seed: u64) {
            let anchor = Anchor::new();
            let other = Anchor { known: shuffled(&anchor.known, seed), ..Anchor::new() };
            prop_assert_eq!(anchor.build(), other.build());
            prop_assert!(other.check(&anchor.build()).is_ok());
        }

        /// Each of four anchors has heard of some transfers, most of which exclude each other. Whoever writes, after a few rounds all
        /// agree, and no instance is destroyed or issued twice.
        #[test]
        fn anchors_that_know_other_transfers_agree(
            transfers in prop::collection::vec((0u32..4, 0u32..4, 0u8..16), 0..12),
            writer in 0usize..4,
            seed: u64,
        ) {
            let part = |who: usize| {
                let mut anchor = Anchor { known: Missing::default(), ..Anchor::new() };
                for (number, (from, to, heard)) in transfers.iter().enumerate() {
                    if heard & (1 << who) != 0 {
                        anchor.known.operations.push(exchange(*from, *to, 700 + number as u128));
                    }
                }
                anchor.known = shuffled(&anchor.known, seed.wrapping_add(who as u64));
                anchor
            };
            let mut anchors: Vec<_> = (0..4).map(part).collect();
            // Each round but the last adds at least one to what the writer knows.
            for _ in 0..transfers.len() {
                let proposal = anchors[writer].build();
                for who in 0..4 {
                    if let Err(Disagreement::Missing(missing)) = anchors[who].check(&proposal) {
                        anchors[writer].known.operations.extend(missing.operations);
                    }
                }
            }
            let proposal = anchors[writer].build();
            let sides: Vec<_> = proposal.operations.iter().flat_map(Operation::sides).collect();
            prop_assert_eq!(sides.iter().collect::<BTreeSet<_>>().len(), sides.len());
            for anchor in &anchors {
                prop_assert!(anchor.check(&proposal).is_ok());
            }
        }

        /// Each of four anchors has heard a part. Whoever writes, a few rounds of answers bring it to what all of them know.
        #[test]
        fn partial_knowledge_converges(heard in prop::collection::vec(1u8..16, 40), writer in 0usize..4) {
            let all = Anchor::new();
            let part = |who: usize| {
                let mut heard = heard.iter().cycle();
                let mut mine = move || heard.next().is_some_and(|by| by & (1 << who) != 0);
                let mut known = all.known.clone();
                known.operations.retain(|_| mine());
                known.measurements.retain(|_| mine());
                known.assignments.retain(|_| mine());
                Anchor { known, ..Anchor::new() }
            };
            let mut anchors: Vec<_> = (0..4).map(part).collect();
            for _ in 0..4 {
                let proposal = anchors[writer].build();
                for who in 0..4 {
                    if let Err(Disagreement::Missing(missing)) = anchors[who].check(&proposal) {
                        anchors[writer].known.operations.extend(missing.operations);
                        anchors[writer].known.measurements.extend(missing.measurements);
                        anchors[writer].known.assignments.extend(missing.assignments);
                    }
                }
            }
            let proposal = anchors[writer].build();
            prop_assert_eq!(&proposal, &all.build());
            for anchor in &anchors {
                prop_assert!(anchor.check(&proposal).is_ok());
            }
        }
    }
}
