//! What an evaluation asks for, as values.

use alloy_primitives::{Address, B256, U256};

/// A read-only call to a contract. It is its own key: equal calls have equal results in the same block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EthereumCall {
    /// The chain, as an EIP-155 id.
    pub chain_id: u64,
    /// The contract.
    pub to: Address,
    /// What is sent to it.
    pub data: Vec<u8>,
}

/// A question for the logs of a contract, from a block to the one that all else is read at. It is its own key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogQuery {
    /// The chain, as an EIP-155 id.
    pub chain_id: u64,
    /// The contract.
    pub address: Address,
    /// What the log's topics must be, by position; any where none.
    pub topics: Vec<Option<B256>>,
    /// The first block whose logs count.
    pub from_block: u64,
}

/// A log, as far as an evaluation looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Its topics.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Vec<u8>,
    /// The block it is in.
    pub block: u64,
    /// Its index in the block.
    pub index: u64,
}

/// A slot of a contract's storage. It is its own key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageRead {
    /// The chain, as an EIP-155 id.
    pub chain_id: u64,
    /// The contract.
    pub address: Address,
    /// The slot.
    pub slot: U256,
}

/// What an evaluation lacks. None of it depends on another, so that all can be asked for at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Calls to contracts: nearly always the only ones.
    pub calls: Vec<EthereumCall>,
    /// Questions for logs.
    pub logs: Vec<LogQuery>,
    /// Slots of storage.
    pub storage: Vec<StorageRead>,
}

impl Requests {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.calls.len() + self.logs.len() + self.storage.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a call, a question for logs, or a slot has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The contract reverted; its message, if it gave one.
    #[error("the contract reverted: {0}")]
    Reverted(String),
    /// No endpoint of the chain answered, or there is none.
    #[error("chain unavailable: {0}")]
    Unavailable(String),
}
