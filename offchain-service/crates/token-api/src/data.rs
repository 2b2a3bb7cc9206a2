//! What the service node keeps on disk. The only place that knows the store's tables.
//!
//! Everything that says "keep" or "put" is durable when it returns. A store that fails to write takes nothing more, so the first
//! failure stops the service: see [`Data::failed`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex,
    },
};

use codec::{Decode, Encode};
use smartlayer_api_types::{rpc::Proof, ApiError, ErrorCode, HexBytes};
use smartlayer_grants::{Known, Principal, Revocations};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    operation::Operation,
    payload::{blake2_256, Payload},
    promise::SignedPromise,
    AccountId, Balance, Hash, InstanceId, OperationKind, Period, SessionId,
};
use smartlayer_promise_ledger::Account;
use smartlayer_sealed_values::KeyId;
use smartlayer_store::{Batch, Store, StoreError, Table};
use tokio::sync::watch;

use crate::{access::now, feeds::Change, paid::Settled};

macro_rules! tables {
    ($($(#[doc = $doc:literal])+ $table:ident = $name:literal: $key:ty => $value:ty;)+) => {
        $($(#[doc = $doc])+
        struct $table;
        impl Table for $table {
            const NAME: &'static str = $name;
            type Key = $key;
            type Value = $value;
        })+
    };
}

mod feeds;

tables! {
    /// The highest promise of each session that was earned.
    Promises = "promises": SessionId => SignedPromise;
    /// The sessions with a promise whose call is not answered, or with failures that were not charged.
    Unearned = "unearned": SessionId => StoredUnearned;
    /// The answers to key operations, by session and cumulative amount, for whoever asks again.
    Answers = "answers": (SessionId, Balance) => Settled;
    /// The assignments that name this node.
    Assignments = "assignments": InstanceId => SignedAssignment;
    /// Shards by instance, version and number: the hash of the blob.
    Shards = "shards": (InstanceId, u32, u32) => Hash;
    /// Operations by instance and hash; transfers are there under both of their instances.
    Operations = "operations": (InstanceId, Hash) => Operation;
    /// Operations of this node that no commitment covers.
    Outbox = "outbox": Hash => InstanceId;
    /// What is known of each grant that was used, and when it is over, in seconds since 1970.
    Grants = "grants": Hash => (Known, u64);
    /// What owners took back, by instance and the owner's hash.
    Revoked = "revoked": (InstanceId, Hash) => Revocations;
    /// The instances of which this node does not know yet what happened before.
    CatchingUp = "catching-up": InstanceId => CatchUp;
    /// The keys to instances' sealed values, wrapped, by instance and the key's name.
    InstanceKeys = "instance-keys": (InstanceId, [u8; 8]) => Vec<u8>;
    /// Proofs of committed operations, by instance, kind and period.
    Proofs = "proofs": (InstanceId, OperationKind, Period) => StoredProof;
}

/// That it is not known yet what happened to an instance before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct CatchUp {
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// By which version of the assignment.
    pub version: u32,
    /// Whether this node had no part in the instance before.
    pub new: bool,
    /// Whether it executes the instance's operations.
    pub executes: bool,
    /// Which period has to be the next to commit before what was told and is not proved is left out.
    pub proof_due: Option<Period>,
}

#[derive(Default, Encode, Decode)]
struct StoredUnearned {
    pending: Option<SignedPromise>,
    failures: u32,
}

#[derive(Encode, Decode)]
struct StoredProof {
    commitment: Hash,
    leaf: Vec<u8>,
    proof: Vec<u8>,
}

/// The most records of one kind that are read at once.
const MAX_READ: usize = 100_000;

/// The disk.
pub(crate) struct Data {
    store: Store,
    account: AccountId,
    genesis: Hash,
    /// What is kept, in memory: by instance, whether it is served and how many shards are held.
    kept: Mutex<BTreeMap<InstanceId, (bool, u64)>>,
    /// How often the records of each instance have changed.
    changes: Arc<ChangeCounts>,
    failure: watch::Sender<Option<String>>,
}

/// How often things have changed, by instance. Several instances share a count: then one seems to change with the other.
struct ChangeCounts([AtomicU64; 4096]);

impl ChangeCounts {
    fn of(&self, id: InstanceId) -> &AtomicU64 {
        let mixed = id.token_type.wrapping_mul(0x9e37_79b1).wrapping_add(id.index);
        let Self(counts) = self;
        &counts[mixed as usize % counts.len()]
    }
}

impl Data {
    /// Reads what is there. `account` is this node's.
    pub fn open(store: Store, account: AccountId, genesis: Hash) -> Result<Self, StoreError> {
        let all = store.range::<Assignments>(.., usize::MAX)?;
        let kept = all.into_iter().map(|(id, signed)| (id, part(&signed.assignment, &account))).collect();
        let changes = Arc::new(ChangeCounts([const { AtomicU64::new(0) }; 4096]));
        Ok(Self { store, account, genesis, kept: Mutex::new(kept), changes, failure: watch::Sender::new(None) })
    }

    /// How often something changed that may be read of the instance: grows with every change, after it is on disk and before whoever
    /// makes it goes on. In memory only.
    pub fn change_count(&self, instance: InstanceId) -> u64 {
        self.changes.of(instance).load(Ordering::Acquire)
    }

    /// Counts a change of the instance.
    pub fn changed(&self, instance: InstanceId) {
        self.changes.of(instance).fetch_add(1, Ordering::AcqRel);
    }

    /// Commits what changes instances, and counts that, even if nobody waits for it any more.
    async fn commit_changes(
        &self,
        instances: impl IntoIterator<Item = InstanceId>,
        batch: Batch,
    ) -> Result<(), ApiError> {
        let instances: Vec<_> = instances.into_iter().collect();
        let (store, changes) = (self.store.clone(), self.changes.clone());
        let committed = tokio::spawn(async move {
            let committed = store.commit(batch).await;
            for instance in instances {
                changes.of(instance).fetch_add(1, Ordering::AcqRel);
            }
            committed
        });
        self.written(committed.await.unwrap_or(Err(StoreError::Closed)))
    }

    /// Waits until the store has failed to write; returns why.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await.map(|reason| reason.clone().unwrap_or_default());
        match failed {
            Ok(reason) => reason,
            // The sender is in `self`.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether it can be read, and has never failed to write.
    pub fn check(&self) -> Result<(), ApiError> {
        if let Some(reason) = self.failure.borrow().clone() {
            return Err(ApiError::new(ErrorCode::Internal, reason));
        }
        self.store.get::<Promises>(&SessionId::zero()).map_err(read).map(drop)
    }

    fn written<T>(&self, result: Result<T, StoreError>) -> Result<T, ApiError> {
        result.map_err(|e| {
            if !matches!(e, StoreError::TooLarge { .. } | StoreError::Hash { .. }) {
                self.failure.send_replace(Some(e.to_string()));
            }
            read(e)
        })
    }

    async fn commit(&self, batch: Batch) -> Result<(), ApiError> {
        self.written(self.store.commit(batch).await)
    }

    // Sessions

    /// What is known of a session's promises.
    pub async fn account(&self, session: SessionId) -> Result<Account, ApiError> {
        self.stored_account(session)
    }

    fn stored_account(&self, session: SessionId) -> Result<Account, ApiError> {
        let earned = self.store.get::<Promises>(&session).map_err(read)?;
        let StoredUnearned { pending, failures } =
            self.store.get::<Unearned>(&session).map_err(read)?.unwrap_or_default();
        Ok(Account { earned, pending, failures })
    }

    /// The sessions that promised something.
    pub fn promised_sessions(&self) -> Result<BTreeSet<SessionId>, ApiError> {
        let earned = self.store.range::<Promises>(.., MAX_READ).map_err(read)?;
        let unearned = self.store.range::<Unearned>(.., MAX_READ).map_err(read)?;
        Ok(earned.into_iter().map(|(id, _)| id).chain(unearned.into_iter().map(|(id, _)| id)).collect())
    }

    /// Keeps what is known of these sessions' promises in place of what was, all together.
    pub async fn keep_accounts(
        &self,
        accounts: impl IntoIterator<Item = (SessionId, Account)>,
    ) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        for (session, account) in accounts {
            put_account(&mut batch, &session, &account);
        }
        self.commit(batch).await
    }

    /// Forgets what was kept of a session that the chain has closed.
    pub async fn forget_session(&self, session: SessionId) -> Result<(), ApiError> {
        let answers = self.store.range::<Answers>((session, 0)..=(session, Balance::MAX), MAX_READ).map_err(read)?;
        let mut batch = Batch::new();
        batch.delete::<Promises>(&session).delete::<Unearned>(&session);
        for (key, _) in answers {
            batch.delete::<Answers>(&key);
        }
        self.commit(batch).await
    }

    /// The kept answer, concealed, to a call that this amount paid for.
    pub async fn answer(&self, session: SessionId, cumulative: Balance) -> Result<Option<Settled>, ApiError> {
        self.store.get::<Answers>(&(session, cumulative)).map_err(read)
    }

    // Grants

    /// What is known of a grant.
    pub async fn grant(&self, id: Hash) -> Result<Known, ApiError> {
        Ok(self.store.get::<Grants>(&id).map_err(read)?.map(|(known, _)| known).unwrap_or_default())
    }

    /// Keeps that a grant was used.
    pub async fn use_grant(&self, id: Hash, known: Known, until: u64) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        batch.put::<Grants>(&id, &(known, until));
        self.commit(batch).await
    }

    /// Forgets the grants that are over.
    pub async fn forget_grants(&self, now: u64) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        for (id, (_, until)) in self.store.range::<Grants>(.., MAX_READ).map_err(read)? {
            if until <= now {
                batch.delete::<Grants>(&id);
            }
        }
        self.commit(batch).await
    }

    /// What an owner took back.
    pub async fn revocations(&self, instance: InstanceId, owner: &Principal) -> Result<Revocations, ApiError> {
        Ok(self.store.get::<Revoked>(&(instance, blake2_256(&owner.encode()))).map_err(read)?.unwrap_or_default())
    }

    /// Keeps what an owner took back.
    pub async fn keep_revocations(
        &self,
        instance: InstanceId,
        owner: &Principal,
        revocations: Revocations,
    ) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        batch.put::<Revoked>(&(instance, blake2_256(&owner.encode())), &revocations);
        self.commit(batch).await
    }

    // Operations

    /// Keeps an operation of this node, the answer (concealed) that earns its promise, what it changed, and that it has to be told, all together.
    pub async fn executed(&self, operation: &Operation, settled: &Settled, changes: &[Change]) -> Result<(), ApiError> {
        let hash = operation.payload_hash(&self.genesis);
        let receipt = &settled.receipt.receipt;
        let mut batch = Batch::new();
        let mut account = self.stored_account(receipt.session)?;
        account.earn(1);
        put_account(&mut batch, &receipt.session, &account);
        batch.put::<Outbox>(&hash, &operation.instance).put::<Answers>(&(receipt.session, receipt.cumulative), settled);
        put_operation(&mut batch, hash, operation, changes);
        self.commit_changes(changed_by(operation), batch).await
    }

    /// Keeps an operation of another node, and what it changed.
    pub async fn apply(&self, operation: &Operation, changes: &[Change]) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        put_operation(&mut batch, operation.payload_hash(&self.genesis), operation, changes);
        self.commit_changes(changed_by(operation), batch).await
    }

    /// Whether the operation is kept.
    pub async fn has_operation(&self, operation: &Operation) -> Result<bool, ApiError> {
        let key = (operation.instance, operation.payload_hash(&self.genesis));
        Ok(self.store.get::<Operations>(&key).map_err(read)?.is_some())
    }

    /// All operations that happened to an instance.
    pub async fn operations(&self, instance: InstanceId) -> Result<Vec<Operation>, ApiError> {
        let range = (instance, Hash::zero())..=(instance, Hash::repeat_byte(0xff));
        let all = self.store.range::<Operations>(range, MAX_READ).map_err(read)?;
        Ok(all.into_iter().map(|(_, operation)| operation).collect())
    }

    /// The operations that happened to an instance, by their hashes, after this one; at most so many.
    pub fn operations_after(
        &self,
        instance: InstanceId,
        after: Option<Hash>,
        most: usize,
    ) -> Result<Vec<Operation>, ApiError> {
        let range = (instance, after.unwrap_or_default())..=(instance, Hash::repeat_byte(0xff));
        let all = self.store.range::<Operations>(range, most.saturating_add(1)).map_err(read)?;
        let new = all.into_iter().filter(|((_, hash), _)| after != Some(*hash));
        Ok(new.map(|(_, operation)| operation).take(most).collect())
    }

    /// Whether it is not known yet what happened to the instance before.
    pub fn catching_up(&self, instance: InstanceId) -> Result<Option<CatchUp>, ApiError> {
        self.store.get::<CatchingUp>(&instance).map_err(read)
    }

    /// Keeps until which commitment a proof of what was told is waited for.
    pub async fn wait_for_proof(&self, instance: InstanceId, due: Period) -> Result<(), ApiError> {
        let Some(state) = self.catching_up(instance)? else { return Ok(()) };
        let mut batch = Batch::new();
        batch.put::<CatchingUp>(&instance, &CatchUp { proof_due: Some(due), ..state });
        self.commit(batch).await
    }

    /// Keeps that what happened before to the instance is known; not if it was placed anew since this was to be found out.
    pub async fn caught_up(&self, instance: InstanceId, asked: CatchUp) -> Result<(), ApiError> {
        let same = |state: CatchUp| CatchUp { proof_due: None, ..state } == CatchUp { proof_due: None, ..asked };
        if !self.catching_up(instance)?.is_some_and(same) {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.delete::<CatchingUp>(&instance);
        self.commit(batch).await
    }

    /// The operations of this node that no commitment covers.
    pub async fn outbox(&self) -> Result<Vec<Operation>, ApiError> {
        let all = self.store.range::<Outbox>(.., MAX_READ).map_err(read)?;
        all.into_iter()
            .filter_map(|(hash, instance)| self.store.get::<Operations>(&(instance, hash)).map_err(read).transpose())
            .collect()
    }

    /// Keeps the proof of an operation of this node, which needs no telling any more.
    pub async fn committed(&self, operation: &Operation, proof: Proof) -> Result<(), ApiError> {
        let Proof { period, commitment, leaf, proof } = proof;
        let stored = StoredProof { commitment, leaf: leaf.0, proof: proof.0 };
        let mut batch = Batch::new();
        for (instance, kind) in operation.sides() {
            batch.put::<Proofs>(&(instance, kind, period), &stored);
        }
        batch.delete::<Outbox>(&operation.payload_hash(&self.genesis));
        self.commit(batch).await
    }

    /// The kept proof of an operation of this kind, of this period or else of the latest.
    pub async fn proof(
        &self,
        instance: InstanceId,
        kind: OperationKind,
        period: Option<Period>,
    ) -> Result<Option<Proof>, ApiError> {
        let (from, to) = (period.unwrap_or(0), period.unwrap_or(Period::MAX));
        let found =
            self.store.range::<Proofs>((instance, kind, from)..=(instance, kind, to), MAX_READ).map_err(read)?;
        Ok(found.into_iter().next_back().map(|((_, _, period), stored)| Proof {
            period,
            commitment: stored.commitment,
            leaf: HexBytes(stored.leaf),
            proof: HexBytes(stored.proof),
        }))
    }

    // Keys to sealed values

    /// The key of this name to an instance's values, wrapped.
    pub fn instance_key(&self, instance: InstanceId, id: KeyId) -> Result<Option<Vec<u8>>, ApiError> {
        self.store.get::<InstanceKeys>(&(instance, id.0)).map_err(read)
    }

    /// The names of the kept keys to an instance's values.
    pub fn instance_keys(&self, instance: InstanceId) -> Result<Vec<KeyId>, ApiError> {
        let range = (instance, [0; 8])..=(instance, [0xff; 8]);
        let all = self.store.range::<InstanceKeys>(range, MAX_READ).map_err(read)?;
        Ok(all.into_iter().map(|((_, id), _)| KeyId(id)).collect())
    }

    /// Keeps a key to an instance's values, and forgets those that are not needed any more.
    pub async fn keep_instance_key(
        &self,
        instance: InstanceId,
        id: KeyId,
        wrapped: Vec<u8>,
        needed: &BTreeSet<KeyId>,
    ) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        for old in self.instance_keys(instance)?.into_iter().filter(|old| !needed.contains(old)) {
            batch.delete::<InstanceKeys>(&(instance, old.0));
        }
        batch.put::<InstanceKeys>(&(instance, id.0), &wrapped);
        self.commit_changes([instance], batch).await
    }

    /// Adds to the batch that the keys to an instance's values go.
    fn drop_keys(&self, instance: InstanceId, batch: &mut Batch) -> Result<(), ApiError> {
        for id in self.instance_keys(instance)? {
            batch.delete::<InstanceKeys>(&(instance, id.0));
        }
        Ok(())
    }

    // Instances

    /// The assignment that names this node.
    pub async fn assignment(&self, instance: InstanceId) -> Result<Option<SignedAssignment>, ApiError> {
        self.store.get::<Assignments>(&instance).map_err(read)
    }

    /// The state of a served instance.
    pub async fn state(&self, assignment: &Assignment) -> Result<Option<Vec<u8>>, ApiError> {
        self.blob(assignment.state_hash).await
    }

    /// A shard that is held here.
    pub async fn shard(&self, instance: InstanceId, version: u32, number: u32) -> Result<Option<Vec<u8>>, ApiError> {
        match self.store.get::<Shards>(&(instance, version, number)).map_err(read)? {
            Some(hash) => self.blob(hash).await,
            None => Ok(None),
        }
    }

    /// A script, a state or a shard by its hash.
    pub async fn blob(&self, hash: Hash) -> Result<Option<Vec<u8>>, ApiError> {
        match self.store.get_blob(&hash).await {
            // A file that went bad is as good as lost: it is fetched or restored again.
            Err(StoreError::Corrupt(file)) => {
                tracing::error!(%file, "a kept file is corrupt");
                Ok(None)
            }
            other => other.map_err(read),
        }
    }

    /// Keeps a script or a state.
    pub async fn put_blob(&self, bytes: Vec<u8>) -> Result<(), ApiError> {
        self.written(self.store.put_blob(&blake2_256(&bytes), bytes).await)
    }

    /// Keeps what was placed here, in place of the version before.
    pub async fn place(
        &self,
        signed: SignedAssignment,
        blobs: Vec<Vec<u8>>,
        shards: Vec<(u32, Vec<u8>)>,
    ) -> Result<(), ApiError> {
        let assignment = &signed.assignment;
        let (instance, version) = (assignment.instance, assignment.version);
        for blob in blobs {
            self.put_blob(blob).await?;
        }
        let mut batch = Batch::new();
        let mut used = BTreeSet::from([assignment.state_hash]);
        for (number, bytes) in shards {
            let hash = blake2_256(&bytes);
            self.put_blob(bytes).await?;
            batch.put::<Shards>(&(instance, version, number), &hash);
            used.insert(hash);
        }
        let unused = self.drop_content(instance, &mut batch)?;
        // Nothing happened before the first version. Whoever was an executor in the one before knows what happened, if it knew then.
        let before = self.store.get::<Assignments>(&instance).map_err(read)?;
        let executor = |signed: &SignedAssignment| signed.assignment.serving.first() == Some(&self.account);
        let (executes, new) = (executor(&signed), before.is_none());
        let went_on = before.as_ref().is_some_and(|b| executor(b) && b.assignment.version.saturating_add(1) == version);
        if version > 1 && (new || executes && !went_on) {
            let known = self.catching_up(instance)?;
            let since = known.map_or_else(now, |known| known.since);
            let new = new || known.is_some_and(|known| known.new);
            batch.put::<CatchingUp>(&instance, &CatchUp { since, version, new, executes, proof_due: None });
        }
        batch.put::<Assignments>(&instance, &signed);
        let part = part(assignment, &self.account);
        // Who holds shards only has no business with the keys.
        if !assignment.serving.contains(&self.account) {
            self.drop_keys(instance, &mut batch)?;
        }
        self.commit_changes([instance], batch).await?;
        self.lock().insert(instance, part);
        self.remove_blobs(unused.difference(&used)).await;
        Ok(())
    }

    /// Forgets an instance that this node no longer has a part in. Its operations stay: they may not be committed yet.
    pub async fn relieve(&self, instance: InstanceId) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        let unused = self.drop_content(instance, &mut batch)?;
        self.drop_feed(instance, &mut batch)?;
        self.drop_keys(instance, &mut batch)?;
        batch.delete::<Assignments>(&instance).delete::<CatchingUp>(&instance);
        self.commit_changes([instance], batch).await?;
        self.lock().remove(&instance);
        self.remove_blobs(unused.iter()).await;
        Ok(())
    }

    /// Adds to the batch that the kept version's shards go; returns the blobs that nobody refers to then.
    fn drop_content(&self, instance: InstanceId, batch: &mut Batch) -> Result<BTreeSet<Hash>, ApiError> {
        let Some(kept) = self.store.get::<Assignments>(&instance).map_err(read)? else { return Ok(BTreeSet::new()) };
        let version = kept.assignment.version;
        // A state names its instance, so no two instances share one, nor shards.
        let mut unused = BTreeSet::from([kept.assignment.state_hash]);
        let range = (instance, version, 0)..=(instance, version, u32::MAX);
        for (key, hash) in self.store.range::<Shards>(range, MAX_READ).map_err(read)? {
            batch.delete::<Shards>(&key);
            unused.insert(hash);
        }
        Ok(unused)
    }

    async fn remove_blobs<'a>(&self, hashes: impl Iterator<Item = &'a Hash>) {
        for hash in hashes {
            if let Err(e) = self.store.remove_blob(hash).await {
                tracing::warn!(error = %e, "a file that is not needed any more stays");
            }
        }
    }

    /// The instances that this node serves, and how many shards it holds.
    pub fn kept(&self) -> (Vec<InstanceId>, u64) {
        let kept = self.lock();
        let serving = kept.iter().filter(|(_, (serves, _))| *serves).map(|(id, _)| *id).collect();
        (serving, kept.values().map(|(_, shards)| shards).sum())
    }

    /// Whether this node serves the instance.
    pub fn serves(&self, instance: InstanceId) -> bool {
        self.lock().get(&instance).is_some_and(|(serves, _)| *serves)
    }

    /// Whether this node serves the instance or holds shards of it.
    pub fn is_kept(&self, instance: InstanceId) -> bool {
        self.lock().contains_key(&instance)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<InstanceId, (bool, u64)>> {
        self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn put_account(batch: &mut Batch, session: &SessionId, account: &Account) {
    let Account { earned, pending, failures } = account;
    match earned {
        Some(promise) => batch.put::<Promises>(session, promise),
        None => batch.delete::<Promises>(session),
    };
    match (pending, failures) {
        (None, 0) => batch.delete::<Unearned>(session),
        _ => batch.put::<Unearned>(session, &StoredUnearned { pending: pending.clone(), failures: *failures }),
    };
}

/// The instances that an operation changes.
fn changed_by(operation: &Operation) -> impl Iterator<Item = InstanceId> + '_ {
    operation.sides().map(|(instance, _)| instance)
}

/// Adds to the batch an operation, and what it changed.
fn put_operation(batch: &mut Batch, hash: Hash, operation: &Operation, changes: &[Change]) {
    for (instance, _) in operation.sides() {
        batch.put::<Operations>(&(instance, hash), operation);
    }
    changes.iter().for_each(|change| feeds::note(batch, change));
}

/// Whether `account` serves the instance, and how many of its shards it holds.
fn part(assignment: &Assignment, account: &AccountId) -> (bool, u64) {
    let shards = assignment.holdings.iter().filter(|h| h.node == *account).count();
    (assignment.serving.contains(account), shards as u64)
}

fn read(error: StoreError) -> ApiError {
    tracing::error!(%error, "the store failed");
    ApiError::new(ErrorCode::Internal, "this node's store failed")
}
