//! What can be read of a chain, and what comes of it.

use std::sync::Arc;

use alloy_primitives::{Address, Bytes, B256};

/// A block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// When it was made, in seconds since 1970.
    pub timestamp: u64,
}

/// A question to a chain at one block. It is its own key: equal reads have equal answers at the same block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// What a contract returns to a call that changes nothing.
    Call {
        /// The contract.
        to: Address,
        /// Selector and arguments.
        data: Bytes,
    },
    /// A word of a contract's storage.
    Storage {
        /// The contract.
        address: Address,
        /// Which word.
        slot: B256,
    },
    /// The newest events of a contract.
    Logs(LogQuery),
}

/// Which events of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogQuery {
    /// The contract.
    pub address: Address,
    /// For each topic in order the values that it may have; none: any. At most four topics with at most 64 values in total.
    pub topics: Vec<Vec<B256>>,
    /// The oldest block that is searched.
    pub from_block: u64,
    /// How many are wanted, 1 to 1000; the newest come first.
    pub newest: usize,
}

/// What a read came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the contract returned.
    Returned(Bytes),
    /// The contract did not return; the endpoint's words for why, cut to 200 characters.
    Reverted(String),
    /// The word of the storage.
    Word(B256),
    /// The events.
    Logs(Arc<Logs>),
}

/// What a search for events found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The newest first, as many as were wanted or there are.
    pub found: Vec<Log>,
    /// The oldest block that was searched. When it is above the one asked for and fewer events than wanted were found, the search
    /// went over its bound: older events are unknown.
    pub searched_from: u64,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Who it is of.
    pub address: Address,
    /// Its topics, of which the first says which event it is.
    pub topics: Vec<B256>,
    /// Its other data.
    pub data: Bytes,
    /// The block it is in.
    pub block_number: u64,
    /// That block's hash.
    pub block_hash: B256,
    /// The transaction that made it.
    pub transaction: B256,
    /// Its place in the block.
    pub index: u64,
}

impl Read {
    /// Why it is not asked, if it is not.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Read::Call { data, .. } if data.len() > 128 << 10 => Some("a call takes at most 128 KiB"),
            Read::Logs(query) if query.topics.len() > 4 => Some("an event has at most four topics"),
            Read::Logs(query) if query.topics.iter().map(Vec::len).sum::<usize>() > 64 => {
                Some("at most 64 values of topics are searched for")
            }
            Read::Logs(query) if !(1..=1000).contains(&query.newest) => Some("1 to 1000 events can be asked for"),
            _ => None,
        }
    }

    /// What it takes up in memory, in bytes; about.
    pub(crate) fn size(&self) -> usize {
        let more = match self {
            Read::Call { data, .. } => data.len(),
            Read::Storage { .. } => 0,
            Read::Logs(query) => query.topics.iter().map(|values| 24 + 32 * values.len()).sum(),
        };
        size_of::<Self>() + more
    }
}

impl Answer {
    /// What it takes up in memory, in bytes; about.
    pub(crate) fn size(&self) -> usize {
        let more = match self {
            Answer::Returned(data) => data.len(),
            Answer::Reverted(words) => words.len(),
            Answer::Word(_) => 0,
            Answer::Logs(logs) => logs.found.iter().map(Log::size).sum(),
        };
        size_of::<Self>() + more
    }
}

impl Log {
    /// What it takes up in memory, in bytes; about.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + 32 * self.topics.len() + self.data.len()
    }
}

impl LogQuery {
    /// Whether an event is one of those asked for. Endpoints have been seen to overlook parts of a filter.
    pub(crate) fn admits(&self, log: &Log) -> bool {
        let topics_fit = self.topics.iter().enumerate().all(|(place, values)| match log.topics.get(place) {
            Some(topic) => values.is_empty() || values.contains(topic),
            None => false,
        });
        log.address == self.address && log.topics.len() <= 4 && topics_fit
    }
}
