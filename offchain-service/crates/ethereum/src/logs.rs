//! Searching for logs, from the newest block back, in ranges that the endpoints take.

use std::sync::{atomic::Ordering, Arc};

use alloy_primitives::{Address, B256};
use schnellru::{ByLength, LruMap};
use tokio::time::Instant;

use crate::{
    load::{Chain, LogMiss, Ticket, WaitingRange},
    rpc::{Question, Unit},
    Answer, Block, EthereumError, Log, LogQuery, Logs,
};

/// How many searches are remembered, and how large one may be, in bytes.
const MAX_SEARCHES: u32 = 256;
const MAX_SEARCH: usize = 256 << 10;

/// What searches found in blocks that no reorganisation reaches any more, so that only newer blocks are searched the next time, and older
/// ones where the last search stopped at its bound.
pub(crate) struct Searches(LruMap<(Address, Vec<Vec<B256>>), Searched, ByLength>);

/// All logs from a block to another, both included; the newest first.
#[derive(Clone)]
struct Searched {
    from: u64,
    to: u64,
    found: Vec<Log>,
}

impl Searches {
    pub(crate) fn new() -> Self {
        Self(LruMap::new(ByLength::new(MAX_SEARCHES)))
    }
}

/// A search under way.
pub(crate) struct Search {
    chain: Arc<Chain>,
    block: Block,
    query: Arc<LogQuery>,
    /// How many blocks are asked for at once.
    width: u64,
    /// What an earlier search found.
    known: Option<Searched>,
}

impl Search {
    /// A search from the block back.
    pub(crate) fn new(chain: Arc<Chain>, block: Block, query: LogQuery, searches: &mut Searches) -> Self {
        // What was taken last, or twice as much: what was too much for one filter may do for another.
        let taken = chain.log_range.load(Ordering::Relaxed);
        let width = taken.saturating_mul(2).min(chain.config.log_range).max(1);
        let known = searches.0.get(&(query.address, query.topics.clone())).cloned();
        Self { chain, block, query: Arc::new(query), width, known: known.filter(|known| known.to < block.number) }
    }

    /// The question for the blocks up to `to`.
    pub(crate) fn question(&self, to: u64) -> Question {
        let from = self.from(to);
        Question { block: self.block, unit: Unit::Range { query: self.query.clone(), from, to } }
    }

    fn from(&self, to: u64) -> u64 {
        let known = self.known.as_ref().filter(|known| known.to < to).map_or(0, |known| known.to + 1);
        to.saturating_sub(self.width - 1).max(known).max(self.query.from_block.min(to))
    }

    /// Goes on until enough is found, everything searched, or the bound on requests or time reached. `first` is the answer to the
    /// [question](Self::question) for the newest blocks, which has been asked with what was asked beside it.
    pub(crate) async fn run(mut self, first: WaitingRange, ticket: Ticket) {
        let mut logs = Logs { found: Vec::new(), searched_from: self.block.number.saturating_add(1) };
        let outcome = self.search(&mut logs, first).await;
        self.remember(&logs);
        logs.found.retain(|log| log.block_number >= self.query.from_block);
        logs.found.truncate(self.query.newest);
        ticket.answer(outcome.map(|()| Answer::Logs(Arc::new(logs))));
    }

    async fn search(&mut self, logs: &mut Logs, first: WaitingRange) -> Result<(), EthereumError> {
        let config = &self.chain.config;
        let late = || EthereumError::Deadline { chain: config.chain_id, limit: config.deadline };
        let end = Instant::now() + config.deadline;
        let (mut to, mut answer) = (self.block.number, first);
        let mut requests = 1;
        loop {
            let from = self.from(to);
            let outcome = tokio::time::timeout_at(end, answer).await.map_err(|_| late())?;
            match outcome.unwrap_or(Err(LogMiss::Failed(EthereumError::Stopped))) {
                Ok(Answer::Logs(range)) => {
                    self.chain.log_range.store(self.width, Ordering::Relaxed);
                    logs.found.extend_from_slice(&range.found);
                    logs.searched_from = from;
                    if let Some(known) = self.known.take_if(|known| known.to.saturating_add(1) == from) {
                        logs.found.extend(known.found);
                        logs.searched_from = known.from;
                    }
                    if logs.found.len() >= self.query.newest || logs.searched_from <= self.query.from_block {
                        break;
                    }
                    to = logs.searched_from - 1;
                }
                Ok(_) => return Err(EthereumError::Stopped),
                Err(LogMiss::TooWide) => self.width = (to - from).div_ceil(2).max(1),
                Err(LogMiss::Failed(error)) => return Err(error),
            }
            if requests >= config.log_requests {
                break;
            }
            requests += 1;
            answer = self.chain.range(self.question(to));
        }
        Ok(())
    }

    /// Keeps what no reorganisation reaches any more.
    fn remember(&self, logs: &Logs) {
        let (from, to) = (logs.searched_from, self.block.number.saturating_sub(self.chain.config.max_reorg));
        let found: Vec<_> = logs.found.iter().filter(|log| log.block_number <= to).cloned().collect();
        let size: usize = found.iter().map(Log::size).sum();
        if from <= to && size <= MAX_SEARCH {
            let key = (self.query.address, self.query.topics.clone());
            self.chain.searches(|searches| {
                searches.0.insert(key, Searched { from, to, found });
            });
        }
    }
}
