//! Assignment records in the DHT: their keys, and which are kept.

use codec::Encode;
use libp2p::kad::{
    store::{MemoryStore, RecordStore},
    Record, RecordKey,
};
use smartlayer_primitives::{assignment::SignedAssignment, InstanceId};

use crate::messages::Message;

/// Decides whether an assignment may be kept for others: whether the chain's anchors really signed it.
///
/// Called in the network's own task: it must be quick and must not wait, so it looks at an anchor set that the caller keeps up to
/// date. Closures are validators.
pub trait RecordValidator: Send + Sync + 'static {
    /// Whether the record's certificate is a quorum of the chain's anchors.
    fn is_valid(&self, record: &SignedAssignment) -> bool;
}

impl<F: Fn(&SignedAssignment) -> bool + Send + Sync + 'static> RecordValidator for F {
    fn is_valid(&self, record: &SignedAssignment) -> bool {
        self(record)
    }
}

/// Why a record is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordRefusal {
    #[error("not an assignment, or under another instance's key")]
    Malformed,
    #[error("older than what is kept, or another of the same version")]
    Older,
    #[error("not signed by the anchors")]
    Invalid,
    #[error("no room")]
    Full,
}

/// The key under which an instance's assignment is found.
pub(crate) fn key(instance: &InstanceId) -> RecordKey {
    RecordKey::from([b"assignment".as_slice(), &instance.encode()].concat())
}

/// The record of an assignment, if it has the key of its instance.
pub(crate) fn decode(record: &Record) -> Option<SignedAssignment> {
    let assignment = SignedAssignment::from_bytes(&record.value).ok()?;
    (key(&assignment.assignment.instance) == record.key).then_some(assignment)
}

/// Whether `new` may take the place of what is kept: a higher version, or the same assignment again.
pub(crate) fn supersedes(store: &MemoryStore, new: &SignedAssignment) -> bool {
    let kept = store.get(&key(&new.assignment.instance)).and_then(|record| decode(&record));
    kept.is_none_or(|kept| new.assignment.version > kept.assignment.version || new.assignment == kept.assignment)
}

/// Keeps a record that a peer sent, if it is one that may be kept. The costly check of the signatures comes last.
pub(crate) fn keep(
    store: &mut MemoryStore,
    record: Record,
    validator: &dyn RecordValidator,
) -> Result<(), RecordRefusal> {
    let assignment = decode(&record).ok_or(RecordRefusal::Malformed)?;
    if !supersedes(store, &assignment) {
        return Err(RecordRefusal::Older);
    }
    if !validator.is_valid(&assignment) {
        return Err(RecordRefusal::Invalid);
    }
    store.put(record).map_err(|_| RecordRefusal::Full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::{kad::store::MemoryStoreConfig, PeerId};
    use smartlayer_primitives::{
        assignment::{Assignment, Coding},
        Hash,
    };

    fn signed(index: u32, version: u32) -> SignedAssignment {
        SignedAssignment {
            assignment: Assignment {
                instance: InstanceId { token_type: 1, index },
                version,
                period: 0,
                state_hash: Hash::zero(),
                coding: Coding { length: 1, symbol_size: 1, symbols_per_shard: 1, threshold: 1 },
                serving: Default::default(),
                holdings: Default::default(),
            },
            certificate: Default::default(),
        }
    }

    fn record(assignment: &SignedAssignment) -> Record {
        Record::new(key(&assignment.assignment.instance), assignment.encode())
    }

    #[test]
    fn only_valid_and_newer_records_are_kept() {
        let config = MemoryStoreConfig { max_records: 1, ..Default::default() };
        let mut store = MemoryStore::with_config(PeerId::random(), config);
        let all = |_: &SignedAssignment| true;
        let none = |_: &SignedAssignment| false;
        let (first, second) = (signed(1, 1), signed(1, 2));

        let misplaced = Record::new(key(&InstanceId { token_type: 1, index: 2 }), first.encode());
        assert_eq!(keep(&mut store, misplaced, &all), Err(RecordRefusal::Malformed));
        let garbage = Record::new(key(&first.assignment.instance), vec![1, 2, 3]);
        assert_eq!(keep(&mut store, garbage, &all), Err(RecordRefusal::Malformed));
        assert_eq!(keep(&mut store, record(&first), &none), Err(RecordRefusal::Invalid));
        assert!(store.get(&key(&first.assignment.instance)).is_none());

        assert_eq!(keep(&mut store, record(&second), &all), Ok(()));
        assert_eq!(keep(&mut store, record(&second), &all), Ok(()));
        assert_eq!(keep(&mut store, record(&first), &all), Err(RecordRefusal::Older));
        let mut other = second.clone();
        other.assignment.period = 9;
        assert_eq!(keep(&mut store, record(&other), &all), Err(RecordRefusal::Older));
        assert_eq!(decode(&store.get(&key(&first.assignment.instance)).unwrap()), Some(second));
        assert_eq!(keep(&mut store, record(&signed(2, 1)), &all), Err(RecordRefusal::Full));
    }
}
