//! Reports validators that author two blocks in one slot.
//!
//! sc-consensus-babe looks for them too, but since its check became part of the import (polkadot-sdk's pull request 9147) it sees headers
//! whose seals are off already. Such a report proves nothing: the runtime hands it to nobody, though the SDK logs that it was submitted. Here the
//! headers are seen whole. They are remembered until the node stops; the others remember them too.

use std::{
    collections::{btree_map::Entry, BTreeMap},
    sync::{Arc, Mutex, PoisonError},
};

use sc_consensus::{BlockCheckParams, BlockImport, BlockImportParams, ImportResult};
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use smartlayer_runtime::{opaque::Block, Hash, Header};
use sp_api::{ApiError, ApiExt, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_consensus::{BlockOrigin, Error as ConsensusError};
use sp_consensus_babe::{
    check_equivocation_proof, digests::CompatibleDigestItem, AuthorityIndex, BabeApi, EquivocationProof, Slot,
};

use crate::service::FullClient;

/// Imports blocks through `Inner`, and reports who authored two of one slot.
#[derive(Clone)]
pub struct EquivocationWatch<Inner> {
    inner: Inner,
    client: Arc<FullClient>,
    transactions: OffchainTransactionPoolFactory<Block>,
    seen: Arc<Mutex<Seen>>,
}

impl<Inner> EquivocationWatch<Inner> {
    /// Watches what `inner` imports; reports go to the pool of this node, which alone can include them.
    pub fn new(inner: Inner, client: Arc<FullClient>, transactions: OffchainTransactionPoolFactory<Block>) -> Self {
        Self { inner, client, transactions, seen: Arc::default() }
    }

    /// Remembers a header. Returns the author's other one of the slot, if there was one before, as a proof without its offender.
    fn note(&self, header: &Header) -> Option<Pair> {
        let pre_digest = header.digest.logs().iter().find_map(CompatibleDigestItem::as_babe_pre_digest)?;
        let (slot, author) = (pre_digest.slot(), pre_digest.authority_index());
        let first = self.seen.lock().unwrap_or_else(PoisonError::into_inner).note(slot, author, header)?;
        Some(Pair { slot, author, first, second: header.clone() })
    }

    /// Reports the pair, by what the state of the block `at` says about its epoch.
    fn report(&self, Pair { slot, author, first, second }: Pair, at: Hash) -> Result<(), ApiError> {
        let epoch = self.client.runtime_api().current_epoch(at)?;
        let end = epoch.start_slot.saturating_add(epoch.duration);
        let Some((offender, _)) = epoch.authorities.get(author as usize).filter(|_| slot < end) else { return Ok(()) };
        let (first_header, second_header) = (first.clone(), second.clone());
        let proof = EquivocationProof { offender: offender.clone(), slot, first_header, second_header };
        if !check_equivocation_proof(proof.clone()) {
            return Ok(());
        }
        let (first, second) = (first.hash(), second.hash());
        tracing::warn!(%slot, %offender, ?first, ?second, "a validator authored two blocks in one slot");
        let owner = self.client.runtime_api().generate_key_ownership_proof(at, slot, proof.offender.clone())?;
        let best = self.client.info().best_hash;
        // An instance of the API is good for one block.
        let mut api = self.client.runtime_api();
        api.register_extension(self.transactions.offchain_transaction_pool(best));
        let submitted = match owner {
            Some(owner) => api.submit_report_equivocation_unsigned_extrinsic(best, proof, owner)?,
            None => None,
        };
        if submitted.is_none() {
            tracing::debug!(%slot, "no report was made: the chain knows of it, or does not know the author");
        }
        Ok(())
    }
}

/// Two blocks of one slot by one author.
struct Pair {
    slot: Slot,
    author: AuthorityIndex,
    first: Header,
    second: Header,
}

#[async_trait::async_trait]
impl<Inner: BlockImport<Block, Error = ConsensusError> + Send + Sync> BlockImport<Block> for EquivocationWatch<Inner> {
    type Error = ConsensusError;

    async fn check_block(&self, block: BlockCheckParams<Block>) -> Result<ImportResult, Self::Error> {
        self.inner.check_block(block).await
    }

    async fn import_block(&self, block: BlockImportParams<Block>) -> Result<ImportResult, Self::Error> {
        // What comes in an initial sync is most likely too old to be reported. The seal was verified before this.
        let is_new = matches!(block.origin, BlockOrigin::NetworkBroadcast | BlockOrigin::Own);
        let pair = is_new.then(|| self.note(&block.post_header())).flatten();
        let result = self.inner.import_block(block).await;
        if let Some(pair) = pair {
            // A block that could not be imported was authored all the same; then its parent's state has to do.
            let at = match &result {
                Ok(ImportResult::Imported(_)) => pair.second.hash(),
                _ => pair.second.parent_hash,
            };
            if let Err(error) = self.report(pair, at) {
                tracing::warn!(%error, "could not report two blocks of one slot");
            }
        }
        result
    }
}

/// How many slots back headers are remembered.
const REMEMBERED_SLOTS: u64 = 1_000;

/// The first header of each author in each of the last slots.
#[derive(Default)]
struct Seen(BTreeMap<(Slot, AuthorityIndex), Header>);

impl Seen {
    /// Remembers the header. Returns the author's other one of the slot, if there was one before.
    fn note(&mut self, slot: Slot, author: AuthorityIndex, header: &Header) -> Option<Header> {
        let newest = self.0.last_key_value().map_or(slot, |((newest, _), _)| slot.max(*newest));
        let oldest = newest.saturating_sub(REMEMBERED_SLOTS);
        self.0 = self.0.split_off(&(oldest, 0));
        if slot < oldest {
            return None;
        }
        match self.0.entry((slot, author)) {
            Entry::Vacant(entry) => {
                entry.insert(header.clone());
                None
            }
            Entry::Occupied(entry) => Some(entry.get().clone()).filter(|first| first.hash() != header.hash()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(mark: u8) -> Header {
        Header {
            number: 1,
            parent_hash: Hash::zero(),
            state_root: Hash::repeat_byte(mark),
            extrinsics_root: Hash::zero(),
            digest: Default::default(),
        }
    }

    #[test]
    fn two_headers_of_one_author_in_one_slot_are_noticed() {
        let mut seen = Seen::default();
        assert_eq!(seen.note(7.into(), 0, &header(1)), None);
        assert_eq!(seen.note(7.into(), 0, &header(1)), None, "the same block came twice");
        assert_eq!(seen.note(7.into(), 1, &header(2)), None, "another author had the slot as well");
        assert_eq!(seen.note(8.into(), 0, &header(3)), None);
        assert_eq!(seen.note(7.into(), 0, &header(4)), Some(header(1)));
    }

    #[test]
    fn memory_is_bounded_by_slots() {
        let mut seen = Seen::default();
        for slot in 0..3 * REMEMBERED_SLOTS {
            seen.note(slot.into(), 0, &header(1));
        }
        assert_eq!(seen.0.len() as u64, REMEMBERED_SLOTS + 1);
        assert_eq!(seen.note(0.into(), 0, &header(2)), None, "too old to be remembered");
        assert_eq!(seen.0.len() as u64, REMEMBERED_SLOTS + 1);
    }
}
