//! What the watchtower keeps: claims and their index in the persistent off-chain storage, as [`smartlayer_primitives::watchtower`]
//! lays it out.

use std::sync::{Arc, Mutex, PoisonError};

use codec::{Decode, Encode};
use smartlayer_primitives::{
    promise::Claim,
    watchtower::{claim_key, keep, Index, Kept, INDEX_KEY},
    Balance, SessionId,
};
use sp_core::offchain::{OffchainStorage, STORAGE_PREFIX};
use substrate_prometheus_endpoint::{
    prometheus::Opts, register, MetricSource, PrometheusError, Registry, SourcedGauge,
};

use super::Error;

/// The kept claims. Its clones are of one shelf.
///
/// The runtime's off-chain worker reads what is put here, and takes out what it has no more use for, at the same time.
#[derive(Clone)]
pub struct Shelf<S> {
    storage: S,
    /// Held while a claim is put, so that of two at a time for one session the better one stays. The worker puts none.
    putting: Arc<Mutex<()>>,
}

/// A change of the index in the storage: from these bytes to those.
struct Change {
    old: Option<Vec<u8>>,
    new: Vec<u8>,
}

impl<S: OffchainStorage> Shelf<S> {
    /// The shelf in this storage. Make only one, and clone it.
    pub fn new(storage: S) -> Self {
        Self { storage, putting: Arc::default() }
    }

    /// The claim with this id, and what the index says of it. It may be neither worth anything nor made any more.
    pub fn get(&self, id: &SessionId) -> Result<Option<(Kept, Claim)>, Error> {
        let (index, _) = self.index()?;
        let position = index.binary_search_by(|kept| kept.id.cmp(id)).ok();
        let entry = position.and_then(|position| index.get(position).cloned());
        Ok(entry.zip(self.claim(id)))
    }

    /// Keeps a claim that is worth `worth`, unless one with its id is kept that is worth as much by `worth_of`, which is `None` for
    /// what the chain would refuse. What the kept one of them is worth.
    pub fn put(
        &self,
        claim: &Claim,
        worth: Balance,
        worth_of: impl FnOnce(&Claim) -> Result<Option<Balance>, Error>,
    ) -> Result<Balance, Error> {
        // It guards no data that a panic could have left half done.
        let _alone = self.putting.lock().unwrap_or_else(PoisonError::into_inner);
        // Clones share one database, and writing wants a mutable one.
        let mut storage = self.storage.clone();
        let id = claim.promise.promise.session;

        // Before the claim is written: a claim without room in the index would lie there for ever.
        let mut change = self.enter(claim)?;
        let kept = match self.claim(&id) {
            Some(kept) => worth_of(&kept)?.filter(|kept| *kept >= worth),
            None => None,
        };
        if kept.is_none() {
            storage.set(STORAGE_PREFIX, &claim_key(&id), &claim.encode());
        }
        while let Some(Change { old, new }) = change {
            if storage.compare_and_set(STORAGE_PREFIX, INDEX_KEY, old.as_deref(), &new) {
                break;
            }
            // The worker was faster. It writes once a block, and takes entries out, so there is room still.
            change = self.enter(claim)?;
        }
        Ok(kept.unwrap_or(worth))
    }

    /// What has to change in the index for this claim to be in it; nothing if it is.
    fn enter(&self, claim: &Claim) -> Result<Option<Change>, Error> {
        let (mut index, old) = self.index()?;
        let before = index.len();
        keep(&mut index, claim).map_err(Error::Refused)?;
        Ok((index.len() > before).then(|| Change { old, new: index.encode() }))
    }

    /// The index, and the bytes that it has in the storage.
    fn index(&self) -> Result<(Index, Option<Vec<u8>>), Error> {
        let bytes = self.storage.get(STORAGE_PREFIX, INDEX_KEY);
        let index = match &bytes {
            Some(bytes) => Index::decode(&mut &bytes[..]).map_err(|_| Error::Unreadable)?,
            None => Index::default(),
        };
        Ok((index, bytes))
    }

    /// The claim with this id. One that cannot be read is as good as none: it can be replaced.
    fn claim(&self, id: &SessionId) -> Option<Claim> {
        let bytes = self.storage.get(STORAGE_PREFIX, &claim_key(id))?;
        Claim::decode(&mut &bytes[..]).ok()
    }
}

impl<S: OffchainStorage + 'static> Shelf<S> {
    /// Shows in Prometheus how many claims are kept. It is counted whenever it is looked at, since the worker takes claims out.
    pub fn register_gauge(&self, registry: &Registry) -> Result<(), PrometheusError> {
        let about =
            Opts::new("smartlayer_watchtower_kept_claims", "Claims that the watchtower keeps for service nodes.");
        register(SourcedGauge::new(&about, self.clone())?, registry).map(drop)
    }
}

impl<S: OffchainStorage> MetricSource for Shelf<S> {
    type N = u64;

    fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
        if let Ok((index, _)) = self.index() {
            set(&[], index.len() as u64);
        }
    }
}
