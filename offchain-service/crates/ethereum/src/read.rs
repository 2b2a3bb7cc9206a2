//! What can be read of a chain, and what comes of it.

use std::sync::Arc;

use alloy_primitives::{Address, Bytes, B256, U256};

use crate::Revert;

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
        /// Who calls; nobody in particular if none.
        from: Option<Address>,
        /// The contract.
        to: Address,
        /// How much of the chain's own currency would go with it, in its smallest unit.
        value: Option<U256>,
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
    /// How much gas a transaction takes.
    Gas(Transaction),
    /// What a transaction in the next block costs by the block's header.
    Fees,
    /// What transactions of the last blocks gave beyond that.
    Tip,
    /// How many transactions an account has made, those that wait for a block included. This changes within a block, so it is
    /// never answered from memory.
    Nonce(Address),
}

/// A transaction that somebody could make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// Who makes it.
    pub from: Address,
    /// Who gets it.
    pub to: Address,
    /// How much of the chain's own currency goes with it, in its smallest unit.
    pub value: U256,
    /// Selector and arguments.
    pub data: Bytes,
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
    /// The contract did not return.
    Reverted(Revert),
    /// The word of the storage.
    Word(B256),
    /// The events.
    Logs(Arc<Logs>),
    /// So much gas.
    Gas(u64),
    /// What the block's header says.
    Fees {
        /// The most gas that all transactions of a block use together.
        gas_limit: u64,
        /// What each unit of gas cost, in the smallest unit of the chain's own currency; none on a chain without EIP-1559.
        base_fee: Option<u128>,
    },
    /// What half of the transactions gave for a unit of gas beyond the base fee, in the smallest unit.
    Tip(u128),
    /// So many transactions.
    Nonce(u64),
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
    /// A call of nobody in particular.
    pub fn call(to: Address, data: Bytes) -> Self {
        Read::Call { from: None, to, value: None, data }
    }

    /// Whether its answer stays what it is as long as the block does.
    pub(crate) fn is_of_block(&self) -> bool {
        !matches!(self, Read::Nonce(_))
    }

    /// Why it is not asked, if it is not.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self {
            Read::Call { data, .. } | Read::Gas(Transaction { data, .. }) if data.len() > 128 << 10 => {
                Some("a call takes at most 128 KiB")
            }
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
            Read::Call { data, .. } | Read::Gas(Transaction { data, .. }) => data.len(),
            Read::Storage { .. } | Read::Fees | Read::Tip | Read::Nonce(_) => 0,
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
            Answer::Reverted(revert) => revert.size(),
            Answer::Word(_) | Answer::Gas(_) | Answer::Fees { .. } | Answer::Tip(_) | Answer::Nonce(_) => 0,
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
