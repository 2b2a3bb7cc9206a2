//! Answers that are given again as long as they would be computed again: to queries, which change nothing.
//!
//! **Invariant.** An answer is given again only while everything that it was computed from is as it was: the finalised block, which token
//! types are read at; the records of the instances, which are counted when they change; and the newest block of each chain that was read.
//! All three are looked at before anything is read, so what changes meanwhile makes an answer one that is never given again. An answer
//! is not kept at all that a grant took part in, or of which something failed or was not complete: that may be had a moment later.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use schnellru::{Limiter, LruMap};
use smartlayer_primitives::{InstanceId, TokenTypeId};

use crate::{
    evaluate::{Chains, ReadAt},
    methods,
    node::Node,
};

/// How long an answer is given again at most. What makes it another is noticed at once; this is for what nobody thought of.
const LIFE: Duration = Duration::from_secs(5);
/// How many answers are kept.
const MAX_ENTRIES: usize = 16_384;
/// How large they are together with their requests, in bytes; one alone has at most a part of that.
const MAX_BYTES: usize = 32 << 20;
const MAX_ENTRY_BYTES: usize = MAX_BYTES / 64;
/// What an entry takes up beside its request and its answer, in bytes; about.
const OVERHEAD: usize = 256;

/// What was asked, but for the request's id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    method: &'static str,
    /// The parameters, to the byte.
    params: Bytes,
}

impl Key {
    /// Nothing if answers of the method are not kept.
    pub fn new(method: &'static str, params: Option<&Bytes>) -> Option<Self> {
        methods::is_query(method).then(|| params.map(|params| Self { method, params: params.clone() })).flatten()
    }
}

/// An answer, and what it was computed from.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The token type that was called, and whether its issuer has a share in the payments.
    pub called: (TokenTypeId, bool),
    /// The result, as JSON.
    pub result: Bytes,
    basis: Basis,
    blocks: Vec<ReadAt>,
    until: Instant,
}

/// What is looked at before anything is read.
#[derive(Debug)]
struct Basis {
    finalized: u32,
    /// How often the records of each instance had changed.
    instances: Vec<(InstanceId, u64)>,
}

impl Basis {
    fn is_current(&self, node: &Node) -> bool {
        node.chain.status().finalized == self.finalized
            && self.instances.iter().all(|(id, changes)| node.data.change_count(*id) == *changes)
    }
}

impl Kept {
    /// Whether it would be computed again now.
    pub fn holds(&self, node: &Node) -> bool {
        let is_newest = |at: &ReadAt| node.ethereum.newest(at.chain).is_some_and(|block| block.hash == at.block);
        Instant::now() < self.until && self.basis.is_current(node) && self.blocks.iter().all(is_newest)
    }
}

/// An answer that is being computed, to be kept.
#[derive(Debug)]
pub(crate) struct Draft {
    key: Key,
    basis: Basis,
}

impl Draft {
    /// Begins before anything is read. `instances`: all whose records may be.
    pub fn begin(node: &Node, key: Key, instances: impl IntoIterator<Item = InstanceId>) -> Self {
        let finalized = node.chain.status().finalized;
        let instances = instances.into_iter().map(|id| (id, node.data.change_count(id))).collect();
        Self { key, basis: Basis { finalized, instances } }
    }

    /// Keeps the answer, unless it would be another by now. `chains`: those that were read.
    pub async fn keep(self, node: &Node, called: (TokenTypeId, bool), chains: Option<&Chains<'_>>, result: &Bytes) {
        let blocks = match chains {
            Some(chains) => chains.read_at().await,
            None => Some(Vec::new()),
        };
        let Some(blocks) = blocks else { return };
        let Self { key, basis } = self;
        // Where an instance is that is not kept here, only the network knows.
        let all_kept = basis.instances.iter().all(|(id, _)| node.data.is_kept(*id));
        if !all_kept || !basis.is_current(node) {
            return;
        }
        // What the request came in is larger, and not to be held.
        let key = Key { params: Bytes::copy_from_slice(&key.params), ..key };
        let (result, until) = (result.clone(), Instant::now() + LIFE);
        node.answers.lock().insert(key, Arc::new(Kept { called, result, basis, blocks, until }));
    }
}

/// The answers that are kept. Those that were not asked for longest go when they become too much.
pub(crate) struct Answers(Mutex<LruMap<Key, Arc<Kept>, Bound>>);

impl Default for Answers {
    fn default() -> Self {
        Self(Mutex::new(LruMap::new(Bound { entries: MAX_ENTRIES, bytes: MAX_BYTES, used: 0 })))
    }
}

impl Answers {
    /// The answer to this, if it would be computed again now.
    pub fn get(&self, node: &Node, key: &Key) -> Option<Arc<Kept>> {
        let kept = self.lock().get(key).cloned()?;
        if kept.holds(node) {
            node.metrics.from_memory.inc();
            return Some(kept);
        }
        let mut all = self.lock();
        // Another may be there by now.
        if all.peek(key).is_some_and(|there| Arc::ptr_eq(there, &kept)) {
            all.remove(key);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, LruMap<Key, Arc<Kept>, Bound>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A bound in entries and bytes.
struct Bound {
    entries: usize,
    bytes: usize,
    used: usize,
}

fn size(key: &Key, kept: &Kept) -> usize {
    let lists = size_of_val(&kept.basis.instances[..]) + size_of_val(&kept.blocks[..]);
    OVERHEAD + key.params.len() + kept.result.len() + lists
}

impl Limiter<Key, Arc<Kept>> for Bound {
    type KeyToInsert<'a> = Key;
    type LinkType = u32;

    fn is_over_the_limit(&self, length: usize) -> bool {
        length > self.entries || self.used > self.bytes
    }

    fn on_insert(&mut self, _: usize, key: Key, kept: Arc<Kept>) -> Option<(Key, Arc<Kept>)> {
        let size = size(&key, &kept);
        if size > MAX_ENTRY_BYTES {
            return None;
        }
        self.used += size;
        Some((key, kept))
    }

    fn on_replace(&mut self, _: usize, key: &mut Key, _: Key, before: &mut Arc<Kept>, after: &mut Arc<Kept>) -> bool {
        let size_after = size(key, after);
        if size_after > MAX_ENTRY_BYTES {
            return false;
        }
        self.used = self.used.saturating_sub(size(key, before)) + size_after;
        true
    }

    fn on_removed(&mut self, key: &mut Key, kept: &mut Arc<Kept>) {
        self.used = self.used.saturating_sub(size(key, kept));
    }

    fn on_cleared(&mut self) {
        self.used = 0;
    }

    fn on_grow(&mut self, _: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key { method: "token_view", params: vec![number].into() }
    }

    fn kept(bytes: usize) -> Arc<Kept> {
        let basis = Basis { finalized: 1, instances: Vec::new() };
        let (blocks, until) = (Vec::new(), Instant::now());
        Arc::new(Kept { called: (0, false), result: vec![0; bytes].into(), basis, blocks, until })
    }

    #[test]
    fn what_is_kept_is_bounded_in_entries_and_bytes() {
        let one = size(&key(0), &kept(1000));
        let mut all = LruMap::<_, _, Bound>::new(Bound { entries: 5, bytes: 3 * one, used: 0 });
        let numbers =
            |all: &LruMap<Key, Arc<Kept>, Bound>| all.iter().map(|(key, _)| key.params[0]).collect::<Vec<_>>();
        for number in 0..10 {
            all.insert(key(number), kept(1000));
        }
        assert_eq!(numbers(&all), [9, 8, 7]);
        all.insert(key(8), kept(1500));
        assert_eq!(all.limiter().used, all.iter().map(|(key, kept)| size(key, kept)).sum::<usize>());
        assert!(all.limiter().used <= 3 * one);
        for number in 0..10 {
            all.insert(key(number), kept(0));
        }
        assert_eq!(numbers(&all), [9, 8, 7, 6, 5]);
        all.insert(key(20), kept(MAX_ENTRY_BYTES));
        assert_eq!(numbers(&all), [9, 8, 7, 6, 5], "one that is too large alone pushes nothing out");
    }

    #[test]
    fn only_queries_with_parameters_have_a_key() {
        let params = Bytes::from_static(b"{}");
        for method in ["token_attributes", "token_select", "token_view"] {
            assert!(Key::new(method, Some(&params)).is_some());
        }
        for method in ["token_call", "token_transaction", "node_info", "unknown"] {
            assert_eq!(Key::new(method, Some(&params)), None);
        }
        assert_eq!(Key::new("token_view", None), None);
    }
}
