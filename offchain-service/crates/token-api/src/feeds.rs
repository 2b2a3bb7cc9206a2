//! Issuers' updates of the instances that are kept here: taken in once and in order, whoever brings them, and asked for when some are
//! missing. And the list of what changed in an instance, by updates, by operations and by chains, for whoever follows it.
//!
//! **Invariant.** What is told to have been applied is on disk, together with its change's number.
//!
//! The updates of an instance and the numbers of its changes belong to whoever has its [`Turn`].

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use codec::{Decode, Encode};
use futures::future::join_all;
use smartlayer_api_types::{
    rpc::{IssuerPublish, Numbers},
    ApiError, ErrorCode,
};
use smartlayer_issuer_feed::{Applied, Feed, Outcome, Refusal, SignedUpdate, StateUpdate, Updates};
use smartlayer_network::{
    messages::{Gossip, Request, Response},
    PublishError,
};
use smartlayer_primitives::{assignment::Assignment, AccountId, Hash, InstanceId, OperationKind};
use smartlayer_sealed_values::key_of;
use tokio::sync::{broadcast, Mutex as AsyncMutex, Notify, OwnedMutexGuard};

use crate::{instances::node_peer, node::Node};

/// How many feeds are in memory, and how large they are together in bytes, beside those in use.
const MAX_LOADED: usize = 4096;
const MAX_LOADED_BYTES: usize = 64 << 20;
/// How many changes a subscriber may fall behind before it has to read them from disk.
const CHANGES_QUEUE: usize = 1024;
/// How long after an attempt to get missing updates the next one follows: from the first to the last, doubling.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// How long one attempt may take, so that a holder that is slow does not hold up the other instances.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long after one instance the next one is asked for, when all are.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);
/// How many instances are asked for at the same time.
const ASKED_AT_ONCE: usize = 8;
/// How many other holders of an instance are asked at each attempt.
const HOLDERS_ASKED: usize = 4;
/// How many updates wait for somebody to listen to gossip.
const MAX_UNTOLD: usize = 256;

/// Something that changed what an instance answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Change {
    /// In which instance.
    pub instance: InstanceId,
    /// The change's number at this node: 1 for the instance's first, then one more each time, also across restarts.
    pub number: u64,
    /// What it was.
    pub kind: ChangeKind,
}

/// What changed an instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ChangeKind {
    /// The issuer changed values.
    #[codec(index = 0)]
    Update {
        /// The update's number.
        sequence: u64,
        /// The values' names; nothing if the update was a reset, after which every value may be another.
        names: Option<Vec<String>>,
    },
    /// A key operation was executed, here or by another node.
    #[codec(index = 1)]
    Operation {
        /// Which of the token type's key operations.
        kind: OperationKind,
    },
    /// Attributes that everybody may read came to other values by what happened on Ethereum-compatible chains.
    #[codec(index = 2)]
    Attributes {
        /// The attributes' names.
        names: Vec<String>,
        /// The chains that the instance was read from, by their EIP-155 numbers, and each one's block: its number and hash.
        blocks: BTreeMap<u64, (u64, Hash)>,
    },
}

impl From<Applied> for ChangeKind {
    fn from(applied: Applied) -> Self {
        let names = (!applied.reset).then(|| applied.changed.into_iter().collect());
        Self::Update { sequence: applied.sequence, names }
    }
}

/// The feeds of the instances that are kept here.
pub(crate) struct Feeds {
    loaded: Mutex<HashMap<InstanceId, Arc<AsyncMutex<Loaded>>>>,
    /// The instances of which updates are, or may be, missing.
    wanted: Mutex<BTreeMap<InstanceId, Attempt>>,
    /// Updates that nobody has heard of yet.
    untold: Mutex<VecDeque<SignedUpdate>>,
    /// Something is wanted at once.
    wake: Notify,
    changes: broadcast::Sender<Change>,
}

/// What is read from disk when it is needed.
#[derive(Default)]
struct Loaded {
    feed: Option<Feed>,
    /// The number of the last change.
    last_change: Option<u64>,
}

/// When the holders of an instance are asked, and how long to wait after that.
#[derive(Clone, Copy)]
struct Attempt {
    at: Instant,
    delay: Duration,
}

/// The right to change an instance's updates and to number its changes, one after the other.
pub(crate) struct Turn {
    instance: InstanceId,
    loaded: OwnedMutexGuard<Loaded>,
    changes: broadcast::Sender<Change>,
}

impl Turn {
    fn feed(&mut self, node: &Node) -> Result<&mut Feed, ApiError> {
        let feed = match self.loaded.feed.take() {
            Some(feed) => feed,
            None => Feed::restore(self.instance, node.data.updates(self.instance)?),
        };
        Ok(self.loaded.feed.insert(feed))
    }

    fn last_change(&mut self, node: &Node) -> Result<u64, ApiError> {
        if let Some(last) = self.loaded.last_change {
            return Ok(last);
        }
        let last = node.data.changes(self.instance, 0)?.last().map_or(0, |change| change.number);
        self.loaded.last_change = Some(last);
        Ok(last)
    }

    /// The next change of the instance. It counts once it is on disk and [`Turn::changed`] was called.
    pub fn change(&mut self, node: &Node, kind: ChangeKind) -> Result<Change, ApiError> {
        let number = self.last_change(node)?.saturating_add(1);
        // Read again if nobody waits until it is on disk.
        self.loaded.last_change = None;
        Ok(Change { instance: self.instance, number, kind })
    }

    /// The next changes of the instance, in their order.
    fn changes(&mut self, node: &Node, kinds: impl IntoIterator<Item = ChangeKind>) -> Result<Vec<Change>, ApiError> {
        let instance = self.instance;
        let mut kinds = kinds.into_iter();
        let Some(first) = kinds.next() else { return Ok(Vec::new()) };
        let first = self.change(node, first)?;
        let numbers = (first.number..).skip(1);
        let rest: Vec<_> = numbers.zip(kinds).map(|(number, kind)| Change { instance, number, kind }).collect();
        Ok([vec![first], rest].concat())
    }

    /// Tells subscribers of a change that is on disk.
    pub fn changed(&mut self, change: Change) {
        self.loaded.last_change = Some(change.number);
        // Nobody follows: nothing to do.
        let _ = self.changes.send(change);
    }
}

/// Where an instance's feed stands.
pub(crate) struct State {
    pub applied: u64,
    pub missing: Option<Numbers>,
    pub waiting: usize,
    pub kept: usize,
    pub last_change: u64,
}

impl Feeds {
    pub fn new() -> Self {
        Self {
            loaded: Default::default(),
            wanted: Default::default(),
            untold: Default::default(),
            wake: Notify::new(),
            changes: broadcast::channel(CHANGES_QUEUE).0,
        }
    }

    /// Waits for the instance's turn.
    pub async fn turn(&self, instance: InstanceId) -> Turn {
        let slot = self.slot(instance);
        Turn { instance, loaded: slot.lock_owned().await, changes: self.changes.clone() }
    }

    fn slot(&self, instance: InstanceId) -> Arc<AsyncMutex<Loaded>> {
        let mut loaded = lock(&self.loaded);
        if let Some(slot) = loaded.get(&instance) {
            return slot.clone();
        }
        // Nobody gets hold of a slot but here, so what has no other owner is idle.
        let size = |slot: &Arc<AsyncMutex<Loaded>>| {
            slot.try_lock().map_or(0, |loaded| loaded.feed.as_ref().map_or(0, Feed::bytes))
        };
        let (mut count, mut bytes) = (loaded.len(), loaded.values().map(size).sum::<usize>());
        if count >= MAX_LOADED || bytes > MAX_LOADED_BYTES {
            loaded.retain(|_, slot| {
                let enough = count <= MAX_LOADED / 2 && bytes <= MAX_LOADED_BYTES / 2;
                let stays = enough || Arc::strong_count(slot) > 1;
                if !stays {
                    count -= 1;
                    bytes = bytes.saturating_sub(size(slot));
                }
                stays
            });
        }
        loaded.entry(instance).or_default().clone()
    }

    /// Forgets what is in memory of an instance whose records are gone.
    pub async fn forget(&self, instance: InstanceId) {
        lock(&self.wanted).remove(&instance);
        self.turn(instance).await.loaded.feed = None;
    }

    /// The placed values with what the issuer said since.
    pub async fn values(
        &self,
        node: &Node,
        instance: InstanceId,
        placed: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        Ok(self.turn(instance).await.feed(node)?.values(placed))
    }

    /// Where an instance's feed stands.
    pub async fn state(&self, node: &Node, instance: InstanceId) -> Result<State, ApiError> {
        let mut turn = self.turn(instance).await;
        let last_change = turn.last_change(node)?;
        let feed = turn.feed(node)?;
        let (applied, missing) = (feed.applied(), feed.gap().map(Numbers::from));
        Ok(State { applied, missing, waiting: feed.waiting(), kept: feed.kept(), last_change })
    }

    /// What another holder is sent that has everything before this number.
    pub async fn since(&self, node: &Node, instance: InstanceId, from: u64) -> Result<Updates, ApiError> {
        let mut turn = self.turn(instance).await;
        let most = Updates::bound();
        let updates: Vec<_> = turn.feed(node)?.since(from).take(most).cloned().collect();
        Ok(Updates::truncate_from(updates))
    }

    /// Whether the issuer signed an update that keeps within its bounds.
    pub async fn verify(&self, node: &Node, signed: &SignedUpdate) -> Result<(), ApiError> {
        let update = &signed.update;
        update.check().map_err(|e| ApiError::new(ErrorCode::UpdateInvalid, e.to_string()))?;
        let token = node.instances.token(node, update.instance.token_type).await?;
        if !signed.verify(&node.chain.genesis(), &token.issuer) {
            let message = format!("the update is not signed by {}", token.issuer);
            return Err(ApiError::new(ErrorCode::NotTheIssuer, message));
        }
        Ok(())
    }

    /// Takes in a verified update of an instance that is kept here. What comes of it is on disk when this returns.
    pub async fn offer(&self, node: &Node, signed: &SignedUpdate) -> Result<Outcome, ApiError> {
        let instance = signed.update.instance;
        let mut turn = self.turn(instance).await;
        turn.feed(node)?;
        // Put back when it is on disk; if that fails, or nobody waits for it any more, it is read again.
        let Some(mut feed) = turn.loaded.feed.take() else { return Err(ErrorCode::Internal.into()) };
        let offered = feed.offer(signed.clone());
        let changes = match &offered.outcome {
            Outcome::Applied(all) => turn.changes(node, all.iter().cloned().map(ChangeKind::from))?,
            _ => Vec::new(),
        };
        let kept = matches!(offered.outcome, Outcome::Applied(_) | Outcome::Waiting { .. });
        node.data.keep_update(instance, kept.then_some(signed), &offered.dropped, &changes).await?;
        changes.into_iter().for_each(|change| turn.changed(change));
        let has_gap = feed.gap().is_some();
        turn.loaded.feed = Some(feed);
        drop(turn);
        node.metrics.update(outcome_name(&offered.outcome));
        if let Outcome::Refused(Refusal::Conflict(first)) = &offered.outcome {
            tracing::warn!(?instance, sequence = first.update.sequence, "an issuer signed two updates with one number");
        }
        // A new key comes from whoever the issuer gave it to.
        let keys = signed.update.values.values().flatten().filter_map(|value| key_of(value));
        let lacks_key = |id| node.data.serves(instance) && matches!(node.data.instance_key(instance, id), Ok(None));
        if has_gap || keys.into_iter().any(lacks_key) {
            self.want(instance);
        }
        Ok(offered.outcome)
    }

    /// Takes in an update that went round, if it is of an instance that is kept here.
    pub async fn heard(&self, node: &Node, signed: SignedUpdate) -> Result<(), ApiError> {
        let instance = signed.update.instance;
        if node.data.assignment(instance).await?.is_none() || self.knows(node, &signed.update).await? {
            return Ok(());
        }
        self.verify(node, &signed).await?;
        match self.offer(node, &signed).await? {
            Outcome::Refused(refusal) => Err(refused(refusal, None)),
            Outcome::Applied(_) | Outcome::Waiting { .. } | Outcome::Known => Ok(()),
        }
    }

    async fn knows(&self, node: &Node, update: &StateUpdate) -> Result<bool, ApiError> {
        Ok(self.turn(update.instance).await.feed(node)?.knows(update))
    }

    /// Tells everyone of an update; again later if nobody listens now.
    pub async fn tell(&self, node: &Node, signed: SignedUpdate) {
        let gossip = Gossip::Update(Box::new(signed.clone()));
        match node.network.publish(gossip).await {
            Ok(()) | Err(PublishError::Duplicate) => {}
            // It never will be: what is within its bounds fits.
            Err(PublishError::Message(reason)) => tracing::error!(%reason, "an update cannot be told"),
            Err(reason) => {
                tracing::debug!(%reason, "an update was not told, it will be again");
                let mut untold = lock(&self.untold);
                // Whoever asks gets what is pushed out here all the same.
                if untold.len() >= MAX_UNTOLD {
                    untold.pop_front();
                }
                untold.push_back(signed);
            }
        }
    }

    /// Has the other holders of an instance asked for its updates at once, and again until there is an answer and no gap.
    pub fn want(&self, instance: InstanceId) {
        self.want_at(instance, Instant::now());
        self.wake.notify_one();
    }

    /// Has everything asked for, one instance after the other: after gossip was missed. Holders answer only so many questions.
    pub fn want_all(&self, node: &Node) {
        let mut at = Instant::now();
        for instance in node.data.kept_instances() {
            self.want_at(instance, at);
            at += SWEEP_PAUSE;
        }
    }

    fn want_at(&self, instance: InstanceId, at: Instant) {
        let mut wanted = lock(&self.wanted);
        let attempt = wanted.entry(instance).or_insert(Attempt { at, delay: RETRY.0 });
        // What was just tried in vain, and is wanted anew because of news, comes again after the shortest time.
        let tried = attempt.delay > RETRY.0;
        attempt.at = attempt.at.min(if tried { at + RETRY.0 } else { at });
    }

    /// Gets what is missing; never ends. At the start all kept instances are asked for, since updates may have gone round meanwhile.
    pub async fn follow(&self, node: &Node) {
        self.want_all(node);
        loop {
            let told: Vec<_> = lock(&self.untold).drain(..).collect();
            for signed in told {
                self.tell(node, signed).await;
            }
            let due = self.due(Instant::now());
            let attempt = |instance| tokio::time::timeout(PATIENCE, self.attempt(node, instance));
            join_all(due.iter().copied().map(attempt)).await;
            if due.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        }
    }

    async fn attempt(&self, node: &Node, instance: InstanceId) {
        if let Err(e) = node.instances.look_for_newer(node, instance).await {
            tracing::debug!(?instance, error = %e, "could not look for a newer assignment");
        }
        let caught_up = self.catch_up(node, instance).await;
        // After the updates: they may be sealed with a key that nothing was sealed with before.
        let unlocked = node.seals.fetch(node, instance).await.unwrap_or_else(|e| {
            tracing::debug!(?instance, error = %e, "could not ask for keys");
            false
        });
        let operations = node.operations.fetch(node, instance).await.unwrap_or_else(|e| {
            tracing::debug!(?instance, error = %e, "could not ask for operations");
            false
        });
        let caught_up = match caught_up {
            Ok(true) if unlocked && operations => {
                lock(&self.wanted).remove(&instance);
                // One that came meanwhile may have left a gap, and found the instance wanted already.
                let is_open = node.seals.is_open(node, instance).await;
                self.state(node, instance).await.and_then(|state| Ok(state.missing.is_none() && is_open?))
            }
            other => other.map(|_| true),
        };
        match caught_up {
            Ok(true) => {}
            Ok(false) => self.want(instance),
            Err(e) => tracing::debug!(?instance, error = %e, "could not ask for updates"),
        }
    }

    /// The instances to ask for now. Each is due again later, unless it is taken off the list.
    fn due(&self, now: Instant) -> Vec<InstanceId> {
        let mut wanted = lock(&self.wanted);
        // Those that have waited longest: the others would keep them from their turn.
        let mut due: Vec<_> = wanted.iter().filter(|(_, a)| a.at <= now).map(|(id, a)| (a.at, *id)).collect();
        due.sort_unstable();
        let due: Vec<_> = due.into_iter().map(|(_, id)| id).take(ASKED_AT_ONCE).collect();
        for instance in &due {
            if let Some(attempt) = wanted.get_mut(instance) {
                attempt.at = now + attempt.delay;
                attempt.delay = attempt.delay.saturating_mul(2).min(RETRY.1);
            }
        }
        due
    }

    /// Asks the other holders of an instance for what comes after the last update known here. Returns whether nothing is missing, as
    /// far as one of them knows.
    async fn catch_up(&self, node: &Node, instance: InstanceId) -> Result<bool, ApiError> {
        let Some(kept) = node.data.assignment(instance).await? else { return Ok(true) };
        let others = other_holders(node, &kept.assignment);
        let mut answered = others.is_empty();
        for account in others {
            let Some(peer) = node_peer(node, account).await else { continue };
            loop {
                let from = self.state(node, instance).await?.applied.saturating_add(1);
                let asked = node.network.request(peer, Request::Updates { instance, from }).await;
                let Ok(Response::Updates(sent)) = asked else { break };
                answered = true;
                for signed in sent {
                    // What is not asked for, or not the issuer's, spoils only itself.
                    if signed.update.instance != instance || self.knows(node, &signed.update).await? {
                        continue;
                    }
                    match self.verify(node, &signed).await {
                        Ok(()) => drop(self.offer(node, &signed).await?),
                        Err(e) => tracing::warn!(%peer, error = %e, "a holder sent a wrong update"),
                    }
                }
                if self.state(node, instance).await?.applied < from {
                    break;
                }
            }
        }
        Ok(answered && self.state(node, instance).await?.missing.is_none())
    }

    /// What changes from now on, in all instances. Who falls behind is told so and reads on with [`Feeds::changes_since`].
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// The changes of an instance after this number, ascending; nothing if they are not all kept any more, or the number never was.
    pub async fn changes_since(
        &self,
        node: &Node,
        instance: InstanceId,
        after: u64,
    ) -> Result<Option<Vec<Change>>, ApiError> {
        let last = self.turn(instance).await.last_change(node)?;
        let from = after.saturating_add(1);
        let changes = node.data.changes(instance, from)?;
        let complete = match changes.first() {
            Some(first) => first.number == from,
            None => after == last,
        };
        Ok(complete.then_some(changes))
    }
}

/// The other nodes that keep an instance, those that serve it first; not more than are to be asked.
pub(crate) fn other_holders<'a>(node: &Node, assignment: &'a Assignment) -> Vec<&'a AccountId> {
    let mut others: Vec<&AccountId> = Vec::new();
    let holders = assignment.serving.iter().chain(assignment.holdings.iter().map(|h| &h.node));
    for account in holders.filter(|account| **account != node.account) {
        if others.len() < HOLDERS_ASKED && !others.contains(&account) {
            others.push(account);
        }
    }
    others
}

/// Following what changes in the instances of a service node. Cheap to clone.
#[derive(Clone)]
pub struct Changes {
    node: Arc<Node>,
}

impl Changes {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// What changes from now on, in all instances. A receiver that falls behind by 1,024 changes is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.node.feeds.subscribe()
    }

    /// The changes of an instance after this number, ascending; nothing if they are not all kept any more, or the number never was.
    /// Then everything may have changed. The last 1,024 of each instance are kept.
    pub async fn since(&self, instance: InstanceId, after: u64) -> Result<Option<Vec<Change>>, ApiError> {
        self.node.feeds.changes_since(&self.node, instance, after).await
    }
}

/// Why an update was not taken, as its publisher is told.
pub(crate) fn refused(refusal: Refusal, missing: Option<Numbers>) -> ApiError {
    let code = match &refusal {
        Refusal::OtherInstance | Refusal::Malformed(_) => ErrorCode::UpdateInvalid,
        Refusal::NeedsReset => ErrorCode::FeedFull,
        Refusal::TooFarAhead => ErrorCode::UpdateTooFarAhead,
        Refusal::Conflict(_) => ErrorCode::UpdateConflict,
    };
    let error = ApiError::new(code, refusal.to_string());
    match (refusal, missing) {
        (Refusal::Conflict(first), _) => error.with(serde_json::json!({ "first": IssuerPublish::from(&*first) })),
        (_, Some(missing)) => error.with(serde_json::json!({ "missing": missing })),
        _ => error,
    }
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Applied(_) => "applied",
        Outcome::Waiting { .. } => "waiting",
        Outcome::Known => "known",
        Outcome::Refused(Refusal::Conflict(_)) => "conflict",
        Outcome::Refused(_) => "refused",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_asked_for_at_once_and_then_less_and_less_often() {
        let feeds = Feeds::new();
        let instance = InstanceId { token_type: 0, index: 1 };
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        feeds.want_at(instance, start);
        let asked: Vec<_> = (0..300).filter(|second| feeds.due(at(*second)) == [instance]).collect();
        assert_eq!(asked, [0, 2, 6, 14, 30, 62, 122, 182, 242]);
        // News bring it forward, but not to every second.
        feeds.want_at(instance, at(300));
        let asked: Vec<_> = (300..310).filter(|second| feeds.due(at(*second)) == [instance]).collect();
        assert_eq!(asked, [302]);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_what_is_in_use_stays() {
        let feeds = Feeds::new();
        let id = |index| InstanceId { token_type: 0, index };
        let in_use = feeds.slot(id(0));
        for index in 1..2 * MAX_LOADED as u32 {
            feeds.slot(id(index));
        }
        assert!(lock(&feeds.loaded).len() <= MAX_LOADED);
        assert!(Arc::ptr_eq(&in_use, &feeds.slot(id(0))));
    }
}
