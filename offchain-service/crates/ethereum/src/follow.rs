//! The newest block of a chain, followed as long as somebody asks for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{heads::Judge, load::Chain, Block, EthereumError, Fault};

/// How long after the last demand a chain is still followed.
const DEMAND: Duration = Duration::from_secs(60);
/// How often all endpoints are asked, to compare them and to see which are well again.
const COMPARE: Duration = Duration::from_secs(15);
/// How long the others are waited for after the first has answered.
const GRACE: Duration = Duration::from_millis(500);
/// The shortest pause between two looks, in which whoever waits is told.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// A block that nobody confirmed for so long says nothing any more about later ones: the chain may have been started anew, or the block
/// been made up.
const FORGET: Duration = Duration::from_secs(60);

/// What is known of a chain's newest block.
pub(crate) struct Head {
    state: watch::Sender<State>,
    follower: Mutex<Follower>,
    stop: CancellationToken,
}

#[derive(Clone, Default)]
struct State {
    /// The block, and when an endpoint last said that it is the newest.
    believed: Option<(Block, Instant)>,
    /// Why there was no block when it was last looked for, and when it is looked for again.
    failing: Option<(Fault, Instant)>,
}

impl State {
    /// The block, unless it was confirmed too long ago to be the newest still.
    fn recent(&self, chain: &Chain) -> Option<Block> {
        let recent = 3 * chain.config.poll_interval + chain.config.request_timeout;
        self.believed.filter(|(_, at)| at.elapsed() <= recent).map(|(block, _)| block)
    }
}

struct Follower {
    task: Option<JoinHandle<()>>,
    demanded: Instant,
}

impl Head {
    /// Nothing is known yet. Following ends with `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        let follower = Follower { task: None, demanded: Instant::now() };
        Self { state: watch::Sender::default(), follower: Mutex::new(follower), stop }
    }

    fn demand(&self, chain: &Arc<Chain>) {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        follower.demanded = Instant::now();
        if follower.task.as_ref().is_none_or(JoinHandle::is_finished) {
            let (chain, stop) = (chain.clone(), self.stop.clone());
            follower.task = Some(tokio::spawn(async move {
                tokio::select! {
                    () = follow(&chain) => {}
                    () = stop.cancelled() => {}
                }
            }));
        }
    }

    /// Whether anybody still asks; if not, the next who does starts another follower.
    fn is_demanded(&self) -> bool {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        let demanded = follower.demanded.elapsed() < DEMAND;
        if !demanded {
            follower.task = None;
        }
        demanded
    }

    /// The newest block, if it was confirmed lately.
    pub(crate) fn known(&self, chain: &Arc<Chain>) -> Option<Block> {
        self.demand(chain);
        self.state.borrow().recent(chain)
    }

    /// The newest block: at once if it was confirmed lately, else as soon as an endpoint says it, or all have failed to.
    pub(crate) async fn newest(&self, chain: &Arc<Chain>, end: Instant) -> Result<Block, EthereumError> {
        self.demand(chain);
        let config = &chain.config;
        let mut state = self.state.subscribe();
        loop {
            {
                let state = state.borrow_and_update();
                if let Some(block) = state.recent(chain) {
                    return Ok(block);
                }
                if let Some((fault, again)) = &state.failing {
                    if *again > Instant::now() {
                        return Err(EthereumError::Unanswered { chain: config.chain_id, fault: fault.clone() });
                    }
                }
            }
            let changed = tokio::time::timeout_at(end, state.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(EthereumError::Deadline { chain: config.chain_id, limit: config.deadline });
            }
        }
    }
}

/// Looks for the newest block again and again while it is in demand.
async fn follow(chain: &Arc<Chain>) {
    let head = &chain.head;
    let mut compared: Option<Instant> = None;
    while head.is_demanded() {
        let last = head.state.borrow().believed.filter(|(_, at)| at.elapsed() < FORGET).map(|(block, _)| block);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let judge = Judge { config: &chain.config, last, now };
        let found = match compared.is_some_and(|at| at.elapsed() < COMPARE) {
            true => ask_preferred(chain, &judge).await,
            false => Err(None),
        };
        let found = match found {
            Ok(block) => Ok(block),
            Err(fault) => {
                compared = Some(Instant::now());
                ask_all(chain, &judge, fault).await
            }
        };
        let newest = found.as_ref().ok().copied().or(last);
        if let Some(block) = newest {
            chain.metrics.head_age.set(now.saturating_sub(block.timestamp) as f64);
        }
        let mut pause = chain.config.poll_interval.max(SHORTEST_PAUSE);
        match found {
            Ok(block) => {
                chain.new_head(&block);
                chain.metrics.head_number.set(i64::try_from(block.number).unwrap_or(i64::MAX));
                head.state.send_replace(State { believed: Some((block, Instant::now())), failing: None });
            }
            Err(fault) => {
                compared = None;
                let next = chain.endpoints.iter().filter_map(|endpoint| endpoint.until()).min();
                pause = pause.max(next.map_or(pause, |at| at.saturating_duration_since(Instant::now())));
                head.state.send_modify(|state| state.failing = Some((fault, Instant::now() + pause)));
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// The newest block by the first endpoint that is well. No block and no fault: nobody is well, or the others have to confirm the block.
async fn ask_preferred(chain: &Chain, judge: &Judge<'_>) -> Result<Block, Option<Fault>> {
    let endpoint = chain.endpoints.iter().find(|endpoint| endpoint.until().is_none()).ok_or(None)?;
    let newest = endpoint.newest(false, chain.config.request_timeout).await;
    match newest.and_then(|block| judge.alone(&block).map(|()| block)) {
        Ok(block) if judge.leaps(&block) && chain.endpoints.len() > 1 => Err(None),
        Ok(block) => {
            endpoint.well();
            Ok(block)
        }
        Err(fault) => {
            endpoint.failed(&fault);
            Err(Some(fault))
        }
    }
}

/// The newest block by the first of all endpoints that are believed, but for those that are left alone for a while. `fault` is what went
/// wrong just before.
async fn ask_all(chain: &Chain, judge: &Judge<'_>, fault: Option<Fault>) -> Result<Block, Fault> {
    let now = Instant::now();
    let (sender, mut receiver) = mpsc::channel(chain.endpoints.len().max(1));
    for (place, endpoint) in chain.endpoints.iter().enumerate() {
        if endpoint.until().is_some_and(|until| until > now) {
            continue;
        }
        let (endpoint, sender, limit) = (endpoint.clone(), sender.clone(), chain.config.request_timeout);
        // Tasks, so that who is not waited for is still found out to fail.
        tokio::spawn(async move {
            let newest = endpoint.newest(true, limit).await;
            if let Err(fault) = &newest {
                endpoint.failed(fault);
            }
            let _ = sender.send((place, newest)).await;
        });
    }
    drop(sender);
    let mut fault = fault.unwrap_or_else(|| Fault::Unreachable("it failed a moment ago".into()));
    let mut said = Vec::new();
    let mut end = None;
    while let Some((place, newest)) = match end {
        None => receiver.recv().await,
        Some(end) => tokio::time::timeout_at(end, receiver.recv()).await.unwrap_or_default(),
    } {
        match newest {
            Ok(block) => {
                end.get_or_insert_with(|| Instant::now() + GRACE);
                said.push((place, block));
            }
            Err(other) => fault = other,
        }
    }
    said.sort_by_key(|(place, _)| *place);
    let blocks: Vec<_> = said.iter().map(|(_, block)| *block).collect();
    let mut believed = None;
    for ((place, block), verdict) in said.into_iter().zip(judge.together(&blocks)) {
        match verdict {
            Ok(()) => {
                chain.endpoints[place].well();
                believed.get_or_insert(block);
            }
            Err(other) => {
                chain.endpoints[place].failed(&other);
                fault = other;
            }
        }
    }
    believed.ok_or(fault)
}
