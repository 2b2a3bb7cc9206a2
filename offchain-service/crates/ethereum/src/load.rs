//! A chain's reads on their way: what is asked at the same time goes together, and to the next endpoint when one fails.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy_primitives::{Address, B256};
use futures::{future::BoxFuture, FutureExt};
use schnellru::{ByLength, LruMap};
use tokio::{
    sync::{oneshot, Notify},
    task::JoinSet,
    time::Instant,
};

use crate::{
    cache::Cache,
    endpoint::Endpoint,
    follow::Head,
    logs::{Search, Searches},
    metrics::ChainMetrics,
    rpc::{Miss, Question, Unit},
    Answer, Block, ChainConfig, EthereumError, Fault, Read,
};

/// How long what is asked waits at the most for a batch under way to come back, so that it goes with the others.
const WINDOW: Duration = Duration::from_millis(20);
/// How many batches are under way at once.
const MAX_FLIGHTS: usize = 16;
/// How many reads of a chain are under way at once.
const MAX_READS: usize = 16_384;
/// How many contracts are remembered for having made a batch fail.
const MAX_SUSPECTS: u32 = 1024;

/// A chain: its endpoints, its newest block, and what is asked of it.
pub(crate) struct Chain {
    pub(crate) config: ChainConfig,
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    pub(crate) head: Head,
    pub(crate) metrics: ChainMetrics,
    /// How many blocks of logs were taken at once lately.
    pub(crate) log_range: std::sync::atomic::AtomicU64,
    shared: Mutex<Shared>,
    /// More was asked.
    more: Notify,
}

/// An answer on its way to somebody who waits.
pub(crate) type Waiting = oneshot::Receiver<Result<Answer, EthereumError>>;

/// A range of logs on its way to its search.
pub(crate) type WaitingRange = oneshot::Receiver<Result<Answer, LogMiss>>;

/// Those who wait for one answer.
type Askers = Vec<oneshot::Sender<Result<Answer, EthereumError>>>;

struct Shared {
    cache: Cache,
    /// Who waits for what is under way, by block and read.
    reads: HashMap<(B256, Read), Askers>,
    queue: VecDeque<Job>,
    /// Whether a task takes from the queue.
    loading: bool,
    /// Contracts whose reads made a batch fail: they are asked for apart.
    suspects: LruMap<Address, (), ByLength>,
    searches: Searches,
}

/// A question and who wants to know.
struct Job {
    question: Question,
    reply: Reply,
    /// What the last endpoint did wrong.
    fault: Option<Fault>,
}

enum Reply {
    /// Everybody who asked the same.
    Read(Ticket),
    /// A search for logs.
    Search(oneshot::Sender<Result<Answer, LogMiss>>),
}

/// Why a range of logs has no answer.
#[derive(Debug)]
pub(crate) enum LogMiss {
    TooWide,
    Failed(EthereumError),
}

/// The duty to answer whoever waits for a read. Dropped unfulfilled, as when its task ends, it says so.
pub(crate) struct Ticket {
    chain: Arc<Chain>,
    key: Option<(B256, Read)>,
}

impl Ticket {
    /// Answers everybody who waits. Answers are kept, failures are not.
    pub(crate) fn answer(mut self, result: Result<Answer, EthereumError>) {
        self.fulfil(result);
    }

    fn fulfil(&mut self, result: Result<Answer, EthereumError>) {
        let Some(key) = self.key.take() else { return };
        let waiting = {
            let mut shared = self.chain.shared();
            let waiting = shared.reads.remove(&key);
            if let Some(answer) = result.as_ref().ok().filter(|_| key.1.is_of_block()) {
                shared.cache.insert(&key.0, key.1, answer.clone());
            }
            waiting
        };
        for waiting in waiting.into_iter().flatten() {
            let _ = waiting.send(result.clone());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.fulfil(Err(EthereumError::Stopped));
    }
}

/// A read as whoever asks finds it.
pub(crate) enum Found {
    Now(Result<Answer, EthereumError>),
    Later(Waiting),
}

impl Chain {
    pub(crate) fn new(config: ChainConfig, endpoints: Vec<Arc<Endpoint>>, head: Head, metrics: ChainMetrics) -> Self {
        let shared = Shared {
            cache: Cache::new(config.cache_entries, config.cache_bytes),
            reads: HashMap::new(),
            queue: VecDeque::new(),
            loading: false,
            suspects: LruMap::new(ByLength::new(MAX_SUSPECTS)),
            searches: Searches::new(),
        };
        let log_range = config.log_range.max(1).into();
        Self { config, endpoints, head, metrics, log_range, shared: Mutex::new(shared), more: Notify::new() }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on what is remembered of searches for logs.
    pub(crate) fn searches(&self, work: impl FnOnce(&mut Searches)) {
        work(&mut self.shared().searches);
    }

    /// There is a new newest block.
    pub(crate) fn new_head(&self, block: &Block) {
        self.shared().cache.new_head(block.hash);
    }

    /// Looks reads up, or asks for those that nobody asked for yet. They are in one batch, as far as that is allowed to be large.
    pub(crate) fn find(self: &Arc<Self>, block: Block, reads: &[Read]) -> Vec<Found> {
        let mut searches = Vec::new();
        let mut shared = self.shared();
        let found = reads.iter().map(|read| {
            if let Some(problem) = read.problem() {
                return Found::Now(Err(EthereumError::InvalidRead(problem)));
            }
            if let Some(answer) = shared.cache.get(&block.hash, read) {
                self.metrics.cached.inc();
                return Found::Now(Ok(answer.clone()));
            }
            let key = (block.hash, read.clone());
            let (sender, receiver) = oneshot::channel();
            if let Some(waiting) = shared.reads.get_mut(&key) {
                self.metrics.joined.inc();
                waiting.push(sender);
                return Found::Later(receiver);
            }
            if shared.reads.len() >= MAX_READS {
                return Found::Now(Err(EthereumError::Overloaded(self.config.chain_id)));
            }
            self.metrics.asked.inc();
            shared.reads.insert(key.clone(), vec![sender]);
            let ticket = Ticket { chain: self.clone(), key: Some(key) };
            let unit = match read {
                Read::Call { from, to, value, data } => {
                    Unit::Call { from: *from, to: *to, value: *value, data: data.clone() }
                }
                Read::Gas(transaction) => Unit::Gas(transaction.clone()),
                Read::Fees => Unit::Fees { most: self.config.max_fee_per_gas },
                Read::Tip => Unit::Tip { most: self.config.max_fee_per_gas },
                Read::Nonce(account) => Unit::Nonce(*account),
                Read::Storage { address, slot } => Unit::Storage { address: *address, slot: *slot },
                Read::Logs(query) => {
                    let (sender, first) = oneshot::channel();
                    let search = Search::new(self.clone(), block, query.clone(), &mut shared.searches);
                    let question = search.question(block.number);
                    shared.queue.push_back(Job { question, reply: Reply::Search(sender), fault: None });
                    searches.push(search.run(first, ticket));
                    return Found::Later(receiver);
                }
            };
            let question = Question { block, unit };
            shared.queue.push_back(Job { question, reply: Reply::Read(ticket), fault: None });
            Found::Later(receiver)
        });
        let found = found.collect();
        let waits = !shared.queue.is_empty();
        drop(shared);
        for search in searches {
            tokio::spawn(search);
        }
        if waits {
            self.load();
        }
        found
    }

    /// Asks for another range of logs, with whatever else is asked.
    pub(crate) fn range(self: &Arc<Self>, question: Question) -> WaitingRange {
        let (sender, receiver) = oneshot::channel();
        self.shared().queue.push_back(Job { question, reply: Reply::Search(sender), fault: None });
        self.load();
        receiver
    }

    /// Has the queue worked on.
    fn load(self: &Arc<Self>) {
        if std::mem::replace(&mut self.shared().loading, true) {
            self.more.notify_one();
        } else {
            tokio::spawn(load(Loading { chain: self.clone(), done: false }));
        }
    }

    /// The endpoint to ask: of those not tried the first that is well, else the one whose pause ends first.
    fn choose(&self, tried: &[bool]) -> Option<usize> {
        let untried = (0..self.endpoints.len()).filter(|place| !tried.get(*place).is_some_and(|tried| *tried));
        untried.min_by_key(|place| (self.endpoints[*place].until(), *place))
    }
}

/// The task that takes from the queue. When it ends otherwise than by itself, the next one who asks starts another.
struct Loading {
    chain: Arc<Chain>,
    done: bool,
}

impl Drop for Loading {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let left = {
            let mut shared = self.chain.shared();
            shared.loading = false;
            std::mem::take(&mut shared.queue)
        };
        // Not under the lock, which answering takes.
        drop(left);
    }
}

/// Sends what waits until nothing does.
async fn load(mut loading: Loading) {
    let chain = loading.chain.clone();
    let mut flights = JoinSet::new();
    // Who asks in the same moment goes along.
    tokio::task::yield_now().await;
    loop {
        let waits = !chain.shared().queue.is_empty();
        match (flights.is_empty(), waits) {
            (true, _) => {}
            (false, false) => {
                tokio::select! {
                    _ = flights.join_next() => {}
                    () = chain.more.notified() => {}
                }
                continue;
            }
            (false, true) if flights.len() >= MAX_FLIGHTS => drop(flights.join_next().await),
            (false, true) => drop(tokio::time::timeout(WINDOW, flights.join_next()).await),
        }
        let (jobs, suspected) = {
            let mut shared = chain.shared();
            if shared.queue.is_empty() && flights.is_empty() {
                shared.loading = false;
                loading.done = true;
                return;
            }
            let Shared { queue, suspects, .. } = &mut *shared;
            queue.drain(..).partition::<Vec<_>, _>(|job| suspects.peek(&job.question.unit.address()).is_none())
        };
        let mut jobs = jobs.into_iter().peekable();
        let end = Instant::now() + chain.config.deadline;
        let mut send = |batch: Vec<Job>| drop(flights.spawn(resolve(chain.clone(), batch, Vec::new(), end)));
        while jobs.peek().is_some() {
            send(jobs.by_ref().take(chain.config.max_batch.max(1)).collect());
        }
        suspected.into_iter().for_each(|job| send(vec![job]));
    }
}

/// Has the jobs answered by one endpoint after the other.
fn resolve(chain: Arc<Chain>, jobs: Vec<Job>, tried: Vec<bool>, end: Instant) -> BoxFuture<'static, ()> {
    async move {
        let (mut jobs, mut tried) = (jobs, tried);
        tried.resize(chain.endpoints.len(), false);
        while let Some(place) = chain.choose(&tried) {
            let endpoint = &chain.endpoints[place];
            let limit = chain.config.request_timeout.min(end.saturating_duration_since(Instant::now()));
            if limit.is_zero() {
                break;
            }
            let questions: Vec<_> = jobs.iter().map(|job| &job.question).collect();
            match endpoint.ask(&questions, limit).await {
                Ok(answers) => {
                    jobs = reply(&chain, endpoint, jobs, answers);
                    if jobs.is_empty() {
                        return;
                    }
                }
                Err(fault) if fault.may_be_one_reads() && jobs.len() > 1 => {
                    let too_large = matches!(fault, Fault::TooLarge(_));
                    match too_large {
                        true => endpoint.failed_one(&fault),
                        false => endpoint.failed(&fault),
                    }
                    // Too large an answer is so everywhere; who is too slow is asked again only if there is nobody else.
                    tried[place] = !too_large;
                    if tried.iter().all(|tried| *tried) {
                        tried.fill(false);
                    }
                    let other = jobs.split_off(jobs.len() / 2);
                    let halves = [jobs, other].map(|jobs| resolve(chain.clone(), jobs, tried.clone(), end));
                    futures::future::join_all(halves).await;
                    return;
                }
                Err(fault) => {
                    tried[place] = true;
                    let unit = jobs.first().filter(|_| fault.may_be_one_reads()).map(|job| &job.question.unit);
                    let is_last = matches!(fault, Fault::TooLarge(_)) || tried.iter().all(|tried| *tried);
                    if unit.is_some_and(|unit| unit.is_wide() && is_last) {
                        endpoint.failed_one(&fault);
                        jobs.into_iter().for_each(|job| job.reply.miss(LogMiss::TooWide));
                        return;
                    }
                    // Not held against the endpoint when it is known to be the read's.
                    match unit.is_some_and(|unit| !unit.is_wide() && chain.suspect(unit.address())) {
                        true => endpoint.failed_one(&fault),
                        false => endpoint.failed(&fault),
                    }
                    jobs.iter_mut().for_each(|job| job.fault = Some(fault.clone()));
                }
            }
            tried[place] = true;
        }
        let (id, limit) = (chain.config.chain_id, chain.config.deadline);
        for job in jobs {
            let error = match job.fault {
                Some(fault) => EthereumError::Unanswered { chain: id, fault },
                None => EthereumError::Deadline { chain: id, limit },
            };
            job.reply.miss(LogMiss::Failed(error));
        }
    }
    .boxed()
}

/// Tells whoever asked; returns what has no answer yet.
fn reply(chain: &Chain, endpoint: &Endpoint, jobs: Vec<Job>, answers: Vec<Result<Answer, Miss>>) -> Vec<Job> {
    let single = jobs.len() == 1;
    let mut limited = None;
    let mut left = Vec::new();
    for (mut job, answer) in jobs.into_iter().zip(answers) {
        match answer {
            Ok(answer) => {
                if single {
                    chain.shared().suspects.remove(&job.question.unit.address());
                }
                job.reply.answer(answer);
            }
            Err(Miss::TooWide) => job.reply.miss(LogMiss::TooWide),
            Err(Miss::Fault(fault)) => {
                match fault {
                    Fault::RateLimited => limited = Some(fault.clone()),
                    _ => endpoint.failed_one(&fault),
                }
                job.fault = Some(fault);
                left.push(job);
            }
        }
    }
    match limited {
        Some(fault) => endpoint.failed(&fault),
        None => endpoint.well(),
    }
    left
}

impl Chain {
    /// Remembers that a contract's reads are to be asked for apart. Returns whether they were already.
    fn suspect(&self, address: Address) -> bool {
        let mut shared = self.shared();
        let known = shared.suspects.peek(&address).is_some();
        shared.suspects.insert(address, ());
        known
    }
}

impl Reply {
    fn answer(self, answer: Answer) {
        match self {
            Reply::Read(ticket) => ticket.answer(Ok(answer)),
            Reply::Search(search) => drop(search.send(Ok(answer))),
        }
    }

    fn miss(self, miss: LogMiss) {
        match (self, miss) {
            (Reply::Search(search), miss) => drop(search.send(Err(miss))),
            (Reply::Read(ticket), LogMiss::Failed(error)) => ticket.answer(Err(error)),
            (Reply::Read(ticket), LogMiss::TooWide) => drop(ticket),
        }
    }
}
