//! Issuers' updates, what was seen of attributes, and the list of what changed in an instance.

use std::collections::BTreeMap;

use smartlayer_api_types::ApiError;
use smartlayer_issuer_feed::{Limits, SignedUpdate};
use smartlayer_primitives::{Hash, InstanceId};
use smartlayer_store::{Batch, Table};

use super::{read, Data, MAX_READ};
use crate::feeds::Change;

tables! {
    /// Issuers' updates, by instance and number: those since the last reset, and those that wait.
    Updates = "updates": (InstanceId, u64) => SignedUpdate;
    /// What changed, by instance and the change's number: the newest [`KEPT_CHANGES`], without gaps.
    Changes = "changes": (InstanceId, u64) => Change;
    /// What was seen last of the attributes that chains change, by instance: the hash of each one's value.
    Seen = "seen": InstanceId => BTreeMap<String, Hash>;
}

/// How many changes of each instance are kept for whoever missed them.
pub(crate) const KEPT_CHANGES: u64 = 1024;

impl Data {
    /// The kept updates of an instance, ascending.
    pub fn updates(&self, instance: InstanceId) -> Result<Vec<SignedUpdate>, ApiError> {
        let Limits { kept, waiting, .. } = Limits::default();
        let all = self.store.range::<Updates>((instance, 0)..=(instance, u64::MAX), kept.saturating_add(waiting));
        Ok(all.map_err(read)?.into_iter().map(|(_, update)| update).collect())
    }

    /// Keeps an update if there is one, forgets others of the instance, and notes what changed; all together.
    pub async fn keep_update(
        &self,
        instance: InstanceId,
        update: Option<&SignedUpdate>,
        dropped: &[u64],
        changes: &[Change],
    ) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        for sequence in dropped {
            batch.delete::<Updates>(&(instance, *sequence));
        }
        if let Some(update) = update {
            batch.put::<Updates>(&(instance, update.update.sequence), update);
        }
        changes.iter().for_each(|change| note(&mut batch, change));
        self.commit_changes([instance], batch).await
    }

    /// The kept changes of an instance from this number on, ascending.
    pub fn changes(&self, instance: InstanceId, from: u64) -> Result<Vec<Change>, ApiError> {
        let all = self.store.range::<Changes>((instance, from)..=(instance, u64::MAX), MAX_READ).map_err(read)?;
        Ok(all.into_iter().map(|(_, change)| change).collect())
    }

    /// What was seen last of an instance's attributes: the hashes of their values.
    pub fn seen(&self, instance: InstanceId) -> Result<BTreeMap<String, Hash>, ApiError> {
        Ok(self.store.get::<Seen>(&instance).map_err(read)?.unwrap_or_default())
    }

    /// Keeps what was seen of an instance's attributes, and notes that they changed if they did; all together.
    pub async fn keep_seen(
        &self,
        instance: InstanceId,
        seen: &BTreeMap<String, Hash>,
        change: Option<&Change>,
    ) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        match seen.is_empty() {
            true if self.seen(instance)?.is_empty() => {}
            true => drop(batch.delete::<Seen>(&instance)),
            false => drop(batch.put::<Seen>(&instance, seen)),
        }
        if let Some(change) = change {
            note(&mut batch, change);
        }
        // No answer is another by this.
        self.commit(batch).await
    }

    /// All instances that this node serves or holds shards of.
    pub fn kept_instances(&self) -> Vec<InstanceId> {
        self.lock().keys().copied().collect()
    }

    /// Adds to the batch that the instance's updates and what was seen of it go, and all changes but the last, whose number is gone on from.
    pub(super) fn drop_feed(&self, instance: InstanceId, batch: &mut Batch) -> Result<(), ApiError> {
        for (key, _) in self.store.range::<Updates>((instance, 0)..=(instance, u64::MAX), MAX_READ).map_err(read)? {
            batch.delete::<Updates>(&key);
        }
        batch.delete::<Seen>(&instance);
        let mut changes = self.store.range::<Changes>((instance, 0)..=(instance, u64::MAX), MAX_READ).map_err(read)?;
        changes.pop();
        for (key, _) in changes {
            batch.delete::<Changes>(&key);
        }
        Ok(())
    }
}

/// Adds a change to the batch, and that the one which is too old by now goes.
pub(super) fn note(batch: &mut Batch, change: &Change) {
    batch.put::<Changes>(&(change.instance, change.number), change);
    if let Some(old) = change.number.checked_sub(KEPT_CHANGES) {
        batch.delete::<Changes>(&(change.instance, old));
    }
}
