//! What the anchor keeps on disk. Everything is bounded: by number while it waits, by age once it is committed.

use std::{collections::BTreeSet, sync::Arc};

use codec::{Decode, DecodeAll, Encode};
use smartlayer_network::messages::{Proposal, MAX_PROPOSED};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    merkle::Leaf,
    operation::Operation,
    payload::blake2_256,
    sla::SignedMeasurement,
    AccountId, BlockNumber, Hash, InstanceId, OperationKind, Period,
};
use smartlayer_store::{Batch, Store, Table};
use tokio::sync::Mutex;

use crate::{
    error::{Error, Result},
    proofs::{receipt_name, Leaves},
};

/// The most operations that wait for a commitment; some 25 MiB.
pub(crate) const MAX_PENDING: u64 = 100_000;

/// Operations that no commitment covers, by their receipt's hash.
struct PendingOperations;
impl Table for PendingOperations {
    const NAME: &'static str = "pending_operations";
    type Key = Hash;
    type Value = Pending;
}

/// The period whose commitment covers an operation or an assignment, by its name; see [`Leaves::names`].
struct Committed;
impl Table for Committed {
    const NAME: &'static str = "committed";
    type Key = Hash;
    type Value = Period;
}

/// The same the other way round, to forget by age.
struct CommittedByPeriod;
impl Table for CommittedByPeriod {
    const NAME: &'static str = "committed_by_period";
    type Key = (Period, Hash);
    type Value = ();
}

/// Measurements by anchor and sequence number.
struct Measurements;
impl Table for Measurements {
    const NAME: &'static str = "measurements";
    type Key = (AccountId, u64);
    type Value = SignedMeasurement;
}

/// Which measurements a period has: anchor and sequence number.
struct MeasuredInPeriod;
impl Table for MeasuredInPeriod {
    const NAME: &'static str = "measured_in_period";
    type Key = (Period, AccountId, u64);
    /// The newest finalised block when it was first seen here.
    type Value = BlockNumber;
}

/// The sequence number of this anchor's next measurement.
struct NextSequence;
impl Table for NextSequence {
    const NAME: &'static str = "next_sequence";
    type Key = ();
    type Value = u64;
}

/// The newest assignment of every instance.
struct Assignments;
impl Table for Assignments {
    const NAME: &'static str = "assignments";
    type Key = InstanceId;
    type Value = SignedAssignment;
}

/// Assignments that no commitment covers, by the period they were made in.
struct PendingAssignments;
impl Table for PendingAssignments {
    const NAME: &'static str = "pending_assignments";
    type Key = (Period, InstanceId, u32);
    type Value = SignedAssignment;
}

/// The highest version of an instance's assignment that this anchor attested, and what it attested.
struct AttestedVersions;
impl Table for AttestedVersions {
    const NAME: &'static str = "attested_versions";
    type Key = InstanceId;
    type Value = (u32, Hash);
}

/// The leaves of commitments that were proposed, as blobs: by period and the commitment's hash.
struct Proposed;
impl Table for Proposed {
    const NAME: &'static str = "proposed";
    type Key = (Period, Hash);
    type Value = Hash;
}

/// The only commitment of a period by this writer that the anchor signs, by its hash.
struct SignedCommitments;
impl Table for SignedCommitments {
    const NAME: &'static str = "signed_commitments";
    type Key = (Period, AccountId);
    type Value = Hash;
}

/// What this anchor proposed for a period when it asked for signatures, as a blob.
struct OwnProposals;
impl Table for OwnProposals {
    const NAME: &'static str = "own_proposals";
    type Key = Period;
    type Value = Hash;
}

/// The commitments on the chain whose leaves are kept, by period.
struct Settled;
impl Table for Settled {
    const NAME: &'static str = "settled";
    type Key = Period;
    type Value = Hash;
}

/// The periods that have an operation of a kind on an instance.
struct OperationIndex;
impl Table for OperationIndex {
    const NAME: &'static str = "operation_index";
    type Key = (InstanceId, OperationKind, Period);
    type Value = ();
}

/// An operation that waits for its commitment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Pending {
    pub operation: Operation,
    /// The newest finalised block when it was first seen here.
    pub first_seen: BlockNumber,
}

/// The anchor's records.
#[derive(Clone)]
pub(crate) struct Data {
    store: Store,
    genesis: Hash,
    /// Held from looking whether a commitment was signed until it is kept that another is.
    signing: Arc<Mutex<()>>,
}

impl Data {
    pub fn new(store: Store, genesis: Hash) -> Self {
        Self { store, genesis, signing: Arc::default() }
    }

    // Operations

    /// Whether the operation waits or is committed.
    pub fn knows_operation(&self, operation: &Operation) -> Result<bool> {
        let name = self.name(operation);
        Ok(self.store.get::<PendingOperations>(&name)?.is_some() || self.committed_in(&name)?.is_some())
    }

    /// What an operation is known by: its receipt, however often it was signed.
    pub fn name(&self, operation: &Operation) -> Hash {
        receipt_name(operation, &self.genesis)
    }

    /// The period whose commitment has something of this name, as far back as it is kept.
    pub fn committed_in(&self, name: &Hash) -> Result<Option<Period>> {
        Ok(self.store.get::<Committed>(name)?)
    }

    /// Has operations wait for a commitment; those that do or did already are left as they are. Returns how many are new.
    pub async fn add_operations(&self, operations: Vec<Operation>, first_seen: BlockNumber) -> Result<usize> {
        let mut batch = Batch::new();
        let room = MAX_PENDING.saturating_sub(self.store.count::<PendingOperations>()?);
        let mut new = 0;
        for operation in operations {
            if self.knows_operation(&operation)? {
                continue;
            }
            if new as u64 >= room {
                return Err(Error::Other(format!("{MAX_PENDING} operations wait for a commitment already")));
            }
            new += 1;
            batch.put::<PendingOperations>(&self.name(&operation), &Pending { operation, first_seen });
        }
        self.store.commit(batch).await?;
        Ok(new)
    }

    /// All operations that wait.
    pub fn pending(&self) -> Result<Vec<Pending>> {
        let all = self.store.range::<PendingOperations>(.., MAX_PENDING as usize)?;
        Ok(all.into_iter().map(|(_, pending)| pending).collect())
    }

    pub fn pending_count(&self) -> Result<u64> {
        Ok(self.store.count::<PendingOperations>()?)
    }

    // Measurements

    /// Keeps measurements that are new. Returns them.
    pub async fn add_measurements(
        &self,
        measurements: Vec<SignedMeasurement>,
        first_seen: BlockNumber,
    ) -> Result<Vec<SignedMeasurement>> {
        let mut batch = Batch::new();
        let mut new = Vec::new();
        for signed in measurements {
            let measurement = &signed.measurement;
            let key = (measurement.anchor.clone(), measurement.sequence);
            if self.store.get::<Measurements>(&key)?.is_none() {
                batch.put::<Measurements>(&key, &signed);
                batch.put::<MeasuredInPeriod>(&(measurement.period, key.0, key.1), &first_seen);
                new.push(signed);
            }
        }
        self.store.commit(batch).await?;
        Ok(new)
    }

    /// Keeps this anchor's own measurements and the number that the next one gets, together.
    pub async fn add_own_measurements(
        &self,
        measurements: &[SignedMeasurement],
        next: u64,
        first_seen: BlockNumber,
    ) -> Result<()> {
        let mut batch = Batch::new();
        for signed in measurements {
            let measurement = &signed.measurement;
            let key = (measurement.anchor.clone(), measurement.sequence);
            batch.put::<Measurements>(&key, signed);
            batch.put::<MeasuredInPeriod>(&(measurement.period, key.0, key.1), &first_seen);
        }
        batch.put::<NextSequence>(&(), &next);
        Ok(self.store.commit(batch).await?)
    }

    /// The sequence number of this anchor's next measurement.
    pub fn next_sequence(&self) -> Result<u64> {
        Ok(self.store.get::<NextSequence>(&())?.unwrap_or(0))
    }

    /// The measurements of a period.
    pub fn measured_in(&self, period: Period) -> Result<Vec<SignedMeasurement>> {
        self.measured_before(period, BlockNumber::MAX)
    }

    /// The measurements of a period that were seen here before a block was final.
    pub fn measured_before(&self, period: Period, block: BlockNumber) -> Result<Vec<SignedMeasurement>> {
        let first = (period, AccountId::new([0; 32]), 0);
        let last = (period, AccountId::new([255; 32]), u64::MAX);
        let keys = self.store.range::<MeasuredInPeriod>(first..=last, MAX_PROPOSED)?;
        let mut all = Vec::with_capacity(keys.len());
        for ((_, anchor, sequence), _) in keys.into_iter().filter(|(_, first_seen)| *first_seen < block) {
            all.extend(self.store.get::<Measurements>(&(anchor, sequence))?);
        }
        Ok(all)
    }

    /// An anchor's measurements from a sequence number on, at most `limit`.
    pub fn measurements_from(&self, anchor: &AccountId, from: u64, limit: usize) -> Result<Vec<SignedMeasurement>> {
        let range = (anchor.clone(), from)..=(anchor.clone(), u64::MAX);
        Ok(self.store.range::<Measurements>(range, limit)?.into_iter().map(|(_, signed)| signed).collect())
    }

    // Assignments

    /// The newest assignment of an instance.
    pub fn assignment(&self, instance: &InstanceId) -> Result<Option<SignedAssignment>> {
        Ok(self.store.get::<Assignments>(instance)?)
    }

    /// All newest assignments after `after`, at most `limit`.
    pub fn assignments_after(&self, after: Option<InstanceId>, limit: usize) -> Result<Vec<SignedAssignment>> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.store.range::<Assignments>((start, Bound::Unbounded), limit)?;
        Ok(found.into_iter().map(|(_, signed)| signed).collect())
    }

    /// Keeps an assignment, if it is the newest of its instance. Returns whether it was.
    pub async fn add_assignment(&self, signed: &SignedAssignment) -> Result<bool> {
        let assignment = &signed.assignment;
        let kept = self.assignment(&assignment.instance)?;
        if kept.is_some_and(|kept| kept.assignment.version >= assignment.version) {
            return Ok(false);
        }
        let mut batch = Batch::new();
        batch.put::<Assignments>(&assignment.instance, signed);
        if self.committed_in(&assignment.leaf_hash())?.is_none() {
            let key = (assignment.period, assignment.instance, assignment.version);
            batch.put::<PendingAssignments>(&key, signed);
        }
        self.store.commit(batch).await?;
        Ok(true)
    }

    /// The assignments that no commitment covers, of periods up to this one.
    pub fn pending_assignments(&self, until: Period) -> Result<Vec<SignedAssignment>> {
        let last = InstanceId { token_type: u32::MAX, index: u32::MAX };
        let found = self.store.range::<PendingAssignments>(..=(until, last, u32::MAX), MAX_PROPOSED)?;
        Ok(found.into_iter().map(|(_, signed)| signed).collect())
    }

    /// Whether a certificate for exactly this assignment was seen here.
    pub fn has_assignment(&self, assignment: &Assignment) -> Result<bool> {
        let key = (assignment.period, assignment.instance, assignment.version);
        let pending = self.store.get::<PendingAssignments>(&key)?;
        let newest = || self.assignment(&assignment.instance);
        Ok(pending.is_some_and(|kept| kept.assignment == *assignment)
            || newest()?.is_some_and(|kept| kept.assignment == *assignment))
    }

    /// The highest version of the instance's assignment that this anchor attested, and its hash.
    pub fn attested_version(&self, instance: &InstanceId) -> Result<Option<(u32, Hash)>> {
        Ok(self.store.get::<AttestedVersions>(instance)?)
    }

    /// Remembers what this anchor is about to attest.
    pub async fn attest_version(&self, instance: &InstanceId, version: u32, hash: Hash) -> Result<()> {
        let mut batch = Batch::new();
        batch.put::<AttestedVersions>(instance, &(version, hash));
        Ok(self.store.commit(batch).await?)
    }

    // Commitments

    /// Keeps the leaves of a commitment, before it is attested.
    pub async fn keep_leaves(&self, period: Period, commitment: Hash, leaves: &Leaves) -> Result<()> {
        let bytes = leaves.encode();
        let blob = blake2_256(&bytes);
        self.store.put_blob(&blob, bytes).await?;
        let mut batch = Batch::new();
        batch.put::<Proposed>(&(period, commitment), &blob);
        Ok(self.store.commit(batch).await?)
    }

    /// The leaves of the commitment with this hash, if they are kept.
    pub async fn leaves(&self, period: Period, commitment: Hash) -> Result<Option<Leaves>> {
        let Some(blob) = self.store.get::<Proposed>(&(period, commitment))? else { return Ok(None) };
        let Some(bytes) = self.store.get_blob(&blob).await? else { return Ok(None) };
        let decoded = Leaves::decode_all(&mut &bytes[..]);
        decoded.map(Some).map_err(|e| Error::Other(format!("kept leaves do not decode: {e}")))
    }

    /// Keeps what this anchor is about to have signed.
    pub async fn keep_own_proposal(&self, proposal: &Proposal) -> Result<()> {
        let bytes = proposal.encode();
        let blob = blake2_256(&bytes);
        self.store.put_blob(&blob, bytes).await?;
        let mut batch = Batch::new();
        batch.put::<OwnProposals>(&proposal.commitment.period, &blob);
        Ok(self.store.commit(batch).await?)
    }

    /// What this anchor had signed for the period.
    pub async fn own_proposal(&self, period: Period) -> Result<Option<Proposal>> {
        let Some(blob) = self.store.get::<OwnProposals>(&period)? else { return Ok(None) };
        let Some(bytes) = self.store.get_blob(&blob).await? else { return Ok(None) };
        let decoded = Proposal::decode_all(&mut &bytes[..]);
        decoded.map(Some).map_err(|e| Error::Other(format!("a kept proposal does not decode: {e}")))
    }

    /// The commitment of the period by this writer that this anchor signed, by its hash.
    pub fn signed_commitment(&self, period: Period, writer: &AccountId) -> Result<Option<Hash>> {
        Ok(self.store.get::<SignedCommitments>(&(period, writer.clone()))?)
    }

    /// Whether this commitment may be signed: if another of the same period and writer was, the chain would take the anchor's bond for
    /// it. Once the answer was yes it is no for any other, also after a restart.
    pub async fn may_sign(&self, period: Period, writer: &AccountId, commitment: Hash) -> Result<bool> {
        let _guard = self.signing.lock().await;
        if let Some(signed) = self.signed_commitment(period, writer)? {
            return Ok(signed == commitment);
        }
        let mut batch = Batch::new();
        batch.put::<SignedCommitments>(&(period, writer.clone()), &commitment);
        self.store.commit(batch).await?;
        Ok(true)
    }

    /// The hash of the period's commitment on the chain, if its leaves are kept.
    pub fn settled(&self, period: Period) -> Result<Option<Hash>> {
        Ok(self.store.get::<Settled>(&period)?)
    }

    /// The periods that have an operation of this kind on this instance, newest first, at most `limit`.
    pub fn periods_with(&self, instance: InstanceId, kind: OperationKind, limit: usize) -> Result<Vec<Period>> {
        let range = (instance, kind, 0)..=(instance, kind, Period::MAX);
        let found = self.store.range::<OperationIndex>(range, usize::MAX)?;
        Ok(found.into_iter().rev().take(limit).map(|((_, _, period), ())| period).collect())
    }

    /// The newest period whose commitment's leaves are kept.
    pub fn last_settled(&self) -> Result<Option<Period>> {
        Ok(self.store.last::<Settled>()?.map(|(period, _)| period))
    }

    /// Takes in that the chain has this commitment: what it covers or excludes waits no more, other proposals of the period are forgotten,
    /// and so is everything of periods before `oldest`.
    pub async fn settle(&self, period: Period, commitment: Hash, leaves: &Leaves, oldest: Period) -> Result<()> {
        let mut batch = Batch::new();
        batch.put::<Settled>(&period, &commitment);
        for name in leaves.names(&self.genesis) {
            batch.put::<Committed>(&name, &period);
            batch.put::<CommittedByPeriod>(&(period, name), &());
            batch.delete::<PendingOperations>(&name);
        }
        for operation in &leaves.operations {
            for (instance, kind) in operation.sides() {
                batch.put::<OperationIndex>(&(instance, kind, period), &());
            }
        }
        // Another transfer of the same will never be committed.
        let transfers = leaves.operations.iter().filter(|operation| operation.issued().is_some());
        let spent: BTreeSet<_> = transfers.flat_map(Operation::sides).collect();
        if !spent.is_empty() {
            for Pending { operation, .. } in self.pending()? {
                if operation.issued().is_some() && operation.sides().any(|side| spent.contains(&side)) {
                    batch.delete::<PendingOperations>(&self.name(&operation));
                }
            }
        }
        for assignment in &leaves.assignments {
            let key = (assignment.period, assignment.instance, assignment.version);
            batch.delete::<PendingAssignments>(&key);
        }
        for (old, commitment) in self.store.range::<Settled>(..oldest, usize::MAX)? {
            for operation in self.leaves(old, commitment).await?.unwrap_or_default().operations {
                for (instance, kind) in operation.sides() {
                    batch.delete::<OperationIndex>(&(instance, kind, old));
                }
            }
        }
        let proposed = self.store.range::<Proposed>(.., usize::MAX)?;
        let is_outdated = |(of, hash): &(Period, Hash)| *of < oldest || (*of == period && *hash != commitment);
        let (outdated, kept): (Vec<_>, Vec<_>) = proposed.into_iter().partition(|(key, _)| is_outdated(key));
        // Periods in which nothing happened share a blob.
        let kept: BTreeSet<Hash> = kept.into_iter().map(|(_, blob)| blob).collect();
        let mut blobs = BTreeSet::new();
        for (key, blob) in outdated {
            batch.delete::<Proposed>(&key);
            blobs.extend(Some(blob).filter(|blob| !kept.contains(blob)));
        }
        for (own, blob) in self.store.range::<OwnProposals>(..=period, usize::MAX)? {
            batch.delete::<OwnProposals>(&own);
            blobs.insert(blob);
        }
        self.forget(&mut batch, oldest)?;
        self.store.commit(batch).await?;
        for blob in blobs {
            self.store.remove_blob(&blob).await?;
        }
        Ok(())
    }

    /// Removes what belongs to periods before `oldest`.
    fn forget(&self, batch: &mut Batch, oldest: Period) -> Result<()> {
        for (period, _) in self.store.range::<Settled>(..oldest, usize::MAX)? {
            batch.delete::<Settled>(&period);
        }
        for ((period, name), ()) in self.store.range::<CommittedByPeriod>(..(oldest, Hash::zero()), usize::MAX)? {
            batch.delete::<CommittedByPeriod>(&(period, name));
            batch.delete::<Committed>(&name);
        }
        let measured = self.store.range::<MeasuredInPeriod>(..(oldest, AccountId::new([0; 32]), 0), usize::MAX)?;
        for ((period, anchor, sequence), _) in measured {
            batch.delete::<Measurements>(&(anchor.clone(), sequence));
            batch.delete::<MeasuredInPeriod>(&(period, anchor, sequence));
        }
        for (key, _) in self.store.range::<SignedCommitments>(..(oldest, AccountId::new([0; 32])), usize::MAX)? {
            batch.delete::<SignedCommitments>(&key);
        }
        // Never committed in so long a time: by an anchor set that is gone.
        let first = InstanceId { token_type: 0, index: 0 };
        for (key, _) in self.store.range::<PendingAssignments>(..(oldest, first, 0), usize::MAX)? {
            batch.delete::<PendingAssignments>(&key);
        }
        Ok(())
    }

    // Blobs

    pub async fn put_blob(&self, bytes: Vec<u8>) -> Result<()> {
        Ok(self.store.put_blob(&blake2_256(&bytes), bytes).await?)
    }

    pub async fn blob(&self, hash: &Hash) -> Result<Option<Vec<u8>>> {
        Ok(self.store.get_blob(hash).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{account, assignment, operation, service_node, GENESIS};
    use smartlayer_primitives::{quorum::AnchorSignature, sla::Measurement};

    fn signed(index: u32, version: u32, period: Period) -> SignedAssignment {
        SignedAssignment { assignment: assignment(index, version, period), certificate: Default::default() }
    }

    fn measurement(sequence: u64, period: Period) -> SignedMeasurement {
        let (anchor, node) = (account(1), account(2));
        let measurement = Measurement { anchor, sequence, node, period, probes: 1, failed: 0, p95_latency_ms: 1 };
        SignedMeasurement { measurement, signature: AnchorSignature::from_raw([0; 64]) }
    }

    #[tokio::test]
    async fn what_is_committed_waits_no_more_and_is_forgotten_by_age() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Data::new(Store::open(dir.path()).unwrap(), GENESIS);
        let data = open();
        let (node, key) = service_node(1);
        let (first, second) = (operation(&key, &node, 7, 0, 1), operation(&key, &node, 8, 1, 2));
        let placed = signed(7, 1, 3);
        assert_eq!(data.add_operations(vec![first.clone(), second.clone()], 5).await.unwrap(), 2);
        assert_eq!(data.add_operations(vec![first.clone()], 6).await.unwrap(), 0);
        assert!(data.pending().unwrap().iter().all(|pending| pending.first_seen == 5));
        assert!(data.add_assignment(&placed).await.unwrap());
        assert!(!data.add_assignment(&placed).await.unwrap());
        assert!(data.has_assignment(&placed.assignment).unwrap());
        assert!(!data.has_assignment(&signed(7, 1, 4).assignment).unwrap());
        assert_eq!(data.pending_assignments(2).unwrap(), []);
        assert_eq!(data.pending_assignments(3).unwrap(), std::slice::from_ref(&placed));

        let leaves = Leaves::new(vec![first.clone()], vec![], vec![placed.assignment.clone()]);
        let (right, other) = (Hash::repeat_byte(1), Hash::repeat_byte(2));
        data.keep_leaves(3, right, &leaves).await.unwrap();
        data.keep_leaves(3, other, &Leaves::default()).await.unwrap();
        data.settle(3, right, &leaves, 0).await.unwrap();
        drop(data);

        let data = open();
        assert_eq!(data.leaves(3, right).await.unwrap(), Some(leaves));
        assert_eq!(data.leaves(3, other).await.unwrap(), None);
        assert_eq!((data.settled(3).unwrap(), data.last_settled().unwrap()), (Some(right), Some(3)));
        assert_eq!(data.pending_count().unwrap(), 1);
        assert!(data.knows_operation(&first).unwrap() && data.knows_operation(&second).unwrap());
        assert_eq!(data.pending_assignments(9).unwrap(), []);
        assert_eq!(data.periods_with(first.instance, first.kind, 9).unwrap(), [3]);
        assert!(data.periods_with(second.instance, second.kind, 9).unwrap().is_empty());

        data.settle(9, other, &Leaves::default(), 4).await.unwrap();
        assert!(!data.knows_operation(&first).unwrap());
        assert_eq!(data.leaves(3, right).await.unwrap(), None);
        assert!(data.periods_with(first.instance, first.kind, 9).unwrap().is_empty());
        // Where instances are stays known.
        assert_eq!(data.assignment(&placed.assignment.instance).unwrap(), Some(placed));
    }

    #[tokio::test]
    async fn measurements_are_kept_once_and_by_period() {
        let dir = tempfile::tempdir().unwrap();
        let data = Data::new(Store::open(dir.path()).unwrap(), GENESIS);
        assert_eq!(data.next_sequence().unwrap(), 0);
        data.add_own_measurements(&[measurement(0, 3), measurement(1, 4)], 2, 30).await.unwrap();
        assert_eq!(data.next_sequence().unwrap(), 2);
        let new = data.add_measurements(vec![measurement(1, 4), measurement(2, 4)], 40).await.unwrap();
        assert_eq!(new, [measurement(2, 4)]);
        assert_eq!(data.measured_in(4).unwrap(), [measurement(1, 4), measurement(2, 4)]);
        assert_eq!(data.measurements_from(&account(1), 1, 1).unwrap(), [measurement(1, 4)]);
        assert_eq!(data.measurements_from(&account(9), 0, 9).unwrap(), []);
        data.settle(9, Hash::zero(), &Leaves::default(), 4).await.unwrap();
        assert_eq!(data.measured_in(3).unwrap(), []);
        assert_eq!(data.measurements_from(&account(1), 0, 9).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn of_a_period_and_writer_one_commitment_is_signed_even_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = [1, 2].map(Hash::repeat_byte);
        {
            let data = Data::new(Store::open(dir.path()).unwrap(), GENESIS);
            let writer = account(1);
            let both = tokio::join!(data.may_sign(3, &writer, one), data.may_sign(3, &writer, other));
            assert_eq!((both.0.unwrap(), both.1.unwrap()), (true, false));
            assert!(data.may_sign(3, &account(2), other).await.unwrap(), "a stand-in's may differ");
            assert!(data.may_sign(4, &account(1), other).await.unwrap());
        }
        let data = Data::new(Store::open(dir.path()).unwrap(), GENESIS);
        assert!(!data.may_sign(3, &account(1), other).await.unwrap());
        assert!(data.may_sign(3, &account(1), one).await.unwrap(), "the same again proves nothing");
        assert_eq!(data.signed_commitment(3, &account(1)).unwrap(), Some(one));
        data.settle(9, Hash::zero(), &Leaves::default(), 4).await.unwrap();
        assert_eq!(data.signed_commitment(3, &account(1)).unwrap(), None, "too old to be reported");
        assert_eq!(data.signed_commitment(4, &account(1)).unwrap(), Some(other));
    }

    #[tokio::test]
    async fn one_content_a_version_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let data = Data::new(Store::open(dir.path()).unwrap(), GENESIS);
        let instance = signed(7, 1, 3).assignment.instance;
        assert_eq!(data.attested_version(&instance).unwrap(), None);
        data.attest_version(&instance, 4, Hash::repeat_byte(4)).await.unwrap();
        assert_eq!(data.attested_version(&instance).unwrap(), Some((4, Hash::repeat_byte(4))));
    }
}
