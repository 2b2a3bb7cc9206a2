//! What Ethereum-compatible chains change in an instance that somebody follows: its attributes are read again with each new block, and
//! which of them came to another value is a change like the issuer's and the operations', with the next number of the instance.
//!
//! **Invariant.** What is told is on disk, in one batch with what was seen; so each change is told once, also across restarts and after
//! a while in which nobody followed.
//!
//! **What is seen** are the attributes that everybody may read, as everybody reads them: without a caller, on the issuer's chain. Of each
//! a hash is kept. One that could not be read says nothing; one that has no value for another reason has that reason as its value. What is
//! seen for the first time is only kept. If who owns the token could not be read, nothing counts as seen of a script that asks for it: an
//! attribute may take another origin when there is no owner.
//!
//! **What is told** is what differs from what was seen before. If no chain has a new block since the look before, and something was told
//! meanwhile, that made the difference, and it is not told again. In every other case it is: an update that comes together with a block is
//! told as an update, and the attributes that it changed as attributes too. Where scripts read no chain, nothing is told.
//!
//! **Bounds.** A chain is followed only as long as somebody asks for its newest block; a watch asks once a second. Looks that take
//! long, or took long the last time, are made beside the others and only a few at once, so that an endpoint that hangs keeps up
//! nobody who asks others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use smartlayer_api_types::{rpc::ChainBlock, ApiError, ErrorCode};
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::{payload::blake2_256, Hash, InstanceId};
use smartlayer_token_script::{AttributeError, Value};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    access,
    evaluate::{self, Chains},
    feeds::ChangeKind,
    instances::Held,
    methods,
    node::Node,
    reading::Reading,
};

/// How many instances are watched at once.
const MAX_WATCHED: usize = 1024;
/// How long after a look the next one of the same instance may follow.
const PAUSE: Duration = Duration::from_secs(1);
/// How many looks are made at once: of those that are quick, and of those that are not.
const AT_ONCE: usize = 8;
/// What is not done by then is slow.
const QUICK: Duration = Duration::from_secs(2);
/// How long a look may take, without what it waits for others.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long after a look that did not see everything another one follows, without a new block: from the first to the last, doubling.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// How long the names of an instance's watched attributes are together, in bytes; the first ones of the script are.
const MAX_NAMES_BYTES: usize = 64 << 10;

/// The instances that are watched.
pub(crate) struct Watches {
    /// How many subscriptions each has. One without is watched until its next look would come.
    watched: Mutex<HashMap<InstanceId, usize>>,
    quick: Semaphore,
    slow: Semaphore,
    stop: CancellationToken,
}

impl Default for Watches {
    fn default() -> Self {
        let (watched, stop) = Default::default();
        Self { watched, quick: Semaphore::new(AT_ONCE), slow: Semaphore::new(AT_ONCE), stop }
    }
}

/// Has an instance watched as long as it is there.
pub(crate) struct Watched {
    node: Arc<Node>,
    instance: InstanceId,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.node.watches.leave(self.instance);
    }
}

impl Watches {
    /// Has the instance watched from now on. Waits for nothing. Fails with `overloaded` if too many are.
    pub fn watch(&self, node: &Arc<Node>, instance: InstanceId) -> Result<Watched, ApiError> {
        if self.enter(instance)? {
            let watching = node.clone();
            // Among what the service waits for when it stops: what is being written is told as well.
            node.tasks.spawn(async move { watch(&watching, instance).await });
        }
        node.metrics.watched_instances.set(self.lock().len() as i64);
        Ok(Watched { node: node.clone(), instance })
    }

    /// Counts a subscription; returns whether nobody watches its instance yet.
    fn enter(&self, instance: InstanceId) -> Result<bool, ApiError> {
        let mut watched = self.lock();
        let (count, new) = (watched.len(), !watched.contains_key(&instance));
        if new && count >= MAX_WATCHED {
            let why = format!("{MAX_WATCHED} instances have subscribers, which is as many as this node follows");
            return Err(ApiError::new(ErrorCode::Overloaded, why));
        }
        let subscriptions = watched.entry(instance).or_default();
        *subscriptions = subscriptions.saturating_add(1);
        Ok(new)
    }

    fn leave(&self, instance: InstanceId) {
        if let Some(subscriptions) = self.lock().get_mut(&instance) {
            *subscriptions = subscriptions.saturating_sub(1);
        }
    }

    /// Takes an instance off the list that has no subscription any more; returns whether it is off.
    fn end(&self, instance: InstanceId) -> bool {
        let mut watched = self.lock();
        let ends = watched.get(&instance).is_none_or(|subscriptions| *subscriptions == 0);
        if ends {
            watched.remove(&instance);
        }
        ends
    }

    /// Ends all watches.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Does the work when it may begin, and as long as it may take; nothing if it took too long. And whether it was slow.
    async fn within_bounds<R>(&self, was_slow: bool, work: impl Future<Output = R>) -> (Option<R>, bool) {
        let mut work = pin!(work);
        if !was_slow {
            let _quick = self.quick.acquire().await;
            if let Ok(done) = timeout(QUICK, &mut work).await {
                return (Some(done), false);
            }
        }
        // What was begun either goes on beside the others now, or is begun again later.
        let _slow = match was_slow {
            true => self.slow.acquire().await.ok(),
            false => match self.slow.try_acquire() {
                Ok(permit) => Some(permit),
                Err(_) => return (None, true),
            },
        };
        let began = Instant::now();
        let done = timeout(DEADLINE, work).await.ok();
        let slow = !was_slow || done.is_none() || began.elapsed() > QUICK;
        (done, slow)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, usize>> {
        self.watched.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What was seen of an instance at one time.
#[derive(Default)]
struct Look {
    /// The attributes that everybody may read, each with the hash of its value; nothing if it could not be read.
    attributes: BTreeMap<String, Option<Hash>>,
    /// The chains that were read, and at which blocks.
    blocks: BTreeMap<u64, ChainBlock>,
    /// Whether the same reads at the same blocks would come to the same.
    complete: bool,
    /// The instance's last change before anything was read.
    last_change: u64,
}

/// Looks again and again until nobody follows the instance any more, or the service stops.
async fn watch(node: &Node, instance: InstanceId) {
    let watches = &node.watches;
    let (mut before, mut slow, mut delay) = (None, false, RETRY.0);
    loop {
        // Looked at before anything is read: what changes meanwhile is seen by the next look.
        let changes = node.data.change_count(instance);
        let looking = watches.within_bounds(slow, look(node, instance));
        let Some((look, is_slow)) = watches.stop.run_until_cancelled(looking).await else { break };
        slow = is_slow;
        let look = look.unwrap_or_else(|| Err(ApiError::new(ErrorCode::EvmFailure, "it took too long")));
        let look = look.unwrap_or_else(|e| {
            tracing::debug!(?instance, error = %e, "could not see what chains changed in an instance");
            Look::default()
        });
        // Not cancelled: what is on disk is told.
        let told = record(node, instance, &look, before.take()).await.unwrap_or_else(|e| {
            tracing::error!(?instance, error = %e, "could not keep what chains changed in an instance");
            None
        });
        node.metrics.look(match (told, look.complete) {
            (Some(_), _) => "told",
            (None, true) => "same",
            (None, false) => "incomplete",
        });
        // Not with every block then, which would take it all the time.
        let hangs = slow && !look.complete;
        let again = (!look.complete).then(|| Instant::now() + delay);
        delay = if look.complete { RETRY.0 } else { delay.saturating_mul(2).min(RETRY.1) };
        let is_due = || {
            let new_block = |(chain, at): (&u64, &ChainBlock)| {
                node.ethereum.newest(*chain).is_some_and(|newest| newest.hash.0 != at.hash.0)
            };
            node.data.change_count(instance) != changes
                || again.is_some_and(|at| at <= Instant::now())
                || (!hangs && look.blocks.iter().any(new_block))
        };
        loop {
            let pause = watches.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            if pause.is_none() {
                return;
            }
            if watches.end(instance) {
                node.metrics.watched_instances.set(watches.lock().len() as i64);
                return;
            }
            if is_due() {
                break;
            }
        }
        before = look.complete.then(|| Look { last_change: told.unwrap_or(look.last_change), ..look });
    }
}

/// Reads what everybody may read of the instance.
async fn look(node: &Node, instance: InstanceId) -> Result<Look, ApiError> {
    if !node.data.is_kept(instance) {
        let _turn = node.feeds.turn(instance).await;
        // One look may have been under way when this node was relieved of it.
        node.data.keep_seen(instance, &BTreeMap::new(), None).await?;
        return Ok(Look { complete: true, ..Look::default() });
    }
    let last_change = node.feeds.state(node, instance).await?.last_change;
    let held = node.instances.held(node, instance).await?;
    let reading = Reading::new(&held, &Default::default())?;
    let chains = Chains::new(node);
    let context = reading.context(node, &held, &chains).await?;
    // Of the same values that are read: what is private by them is not seen.
    let names = names(&held, &context.values);
    let owner_missing = held.script.names_owner && context.owner.is_none() && chains.failed().is_some();
    let values = match owner_missing {
        true => Default::default(),
        // Fails if nothing could be read.
        false => evaluate::run(&chains, held.script.evaluate(names.clone(), &context)).await.unwrap_or_default(),
    };
    let mut attributes: BTreeMap<_, _> = names.into_iter().map(|name| (name, None)).collect();
    for (name, value) in values {
        attributes.insert(name, hash(&value)?);
    }
    let blocks = chains.blocks().await.into_iter();
    let blocks = blocks.filter_map(|(chain, block)| Some((chain.parse::<ChainId>().ok()?.0, block))).collect();
    Ok(Look { attributes, blocks, complete: chains.read_at().await.is_some(), last_change })
}

/// The names of what is watched.
fn names(held: &Held, values: &BTreeMap<String, String>) -> BTreeSet<String> {
    let all = || held.script.attributes.iter().map(|attribute| attribute.name.as_str());
    let private = access::private_among(held, values, all());
    let mut room = MAX_NAMES_BYTES;
    let fits = |name: &&str| {
        let left = room.checked_sub(name.len());
        room = left.unwrap_or_default();
        left.is_some()
    };
    all().filter(|name| !private.contains(*name)).take_while(fits).map(String::from).collect()
}

/// What a value is remembered by; nothing if a chain that could not be read is why there is none.
fn hash(value: &Result<Value, AttributeError>) -> Result<Option<Hash>, ApiError> {
    let value = value.as_ref().map_err(AttributeError::code);
    match value {
        Err("chain-unavailable") => Ok(None),
        value => Ok(Some(blake2_256(&methods::text(&value)?))),
    }
}

/// Keeps what was seen, and tells what is another than was seen before; returns the number under which it is told. `before` is the look
/// before, if it saw everything.
async fn record(node: &Node, instance: InstanceId, look: &Look, before: Option<Look>) -> Result<Option<u64>, ApiError> {
    if look.blocks.is_empty() {
        return Ok(None);
    }
    let mut turn = node.feeds.turn(instance).await;
    let known = node.data.seen(instance)?;
    let mut seen = BTreeMap::new();
    for (name, hash) in &look.attributes {
        if let Some(hash) = hash.or_else(|| known.get(name).copied()) {
            seen.insert(name.clone(), hash);
        }
    }
    if seen == known {
        return Ok(None);
    }
    let differs = |(name, hash): &(&String, &Hash)| known.get(*name).is_some_and(|before| before != *hash);
    let names: Vec<_> = seen.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    let told_already = before
        .is_some_and(|before| look.complete && look.blocks == before.blocks && look.last_change > before.last_change);
    let change = match names.is_empty() || told_already {
        true => None,
        false => {
            let blocks = look.blocks.iter().map(|(chain, at)| (*chain, (at.number, at.hash))).collect();
            Some(turn.change(node, ChangeKind::Attributes { names, blocks })?)
        }
    };
    node.data.keep_seen(instance, &seen, change.as_ref()).await?;
    let number = change.as_ref().map(|change| change.number);
    if let Some(change) = change {
        turn.changed(change);
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn what_hangs_keeps_up_nobody_else() {
        let watches = Watches::default();
        // As many as are made at once hang, and hung before: others don't wait for them.
        let hang = |was_slow| watches.within_bounds(was_slow, std::future::pending::<()>());
        let mut slow = pin!(join_all((0..AT_ONCE).map(|_| hang(true))));
        assert!(futures::poll!(&mut slow).is_pending());
        assert_eq!(watches.within_bounds(false, async { 7 }).await, (Some(7), false));
        // As many hang for the first time: others wait until that is noticed.
        let mut quick = pin!(join_all((0..AT_ONCE).map(|_| hang(false))));
        assert!(futures::poll!(&mut quick).is_pending());
        let (hung, done) = futures::join!(quick, watches.within_bounds(false, async { 8 }));
        assert!(hung.into_iter().all(|outcome| outcome == (None, true)));
        assert_eq!(done, (Some(8), false));
    }

    #[tokio::test]
    async fn what_is_slow_goes_on_beside_the_others_and_what_is_not_any_more_comes_back() {
        let watches = Watches::default();
        // Not done before it was found to be slow, however slow this machine is.
        let slow = async {
            while watches.slow.available_permits() == AT_ONCE {
                tokio::time::sleep(QUICK / 100).await;
            }
            1
        };
        assert_eq!(watches.within_bounds(false, slow).await, (Some(1), true));
        assert_eq!(watches.within_bounds(true, async { 2 }).await, (Some(2), false));
    }

    #[test]
    fn as_many_are_watched_as_may_be_and_each_once() {
        let watches = Watches::default();
        let id = |index| InstanceId { token_type: 0, index };
        for index in 0..MAX_WATCHED as u32 {
            assert_eq!(watches.enter(id(index)), Ok(true));
        }
        assert_eq!(watches.enter(id(7)), Ok(false));
        let another = id(MAX_WATCHED as u32);
        assert_eq!(watches.enter(another).unwrap_err().code, ErrorCode::Overloaded);
        // One of two leaves, then the other.
        watches.leave(id(7));
        assert!(!watches.end(id(7)));
        watches.leave(id(7));
        // Whoever comes back before it ends takes it over.
        assert_eq!(watches.enter(id(7)), Ok(false));
        assert!(!watches.end(id(7)));
        watches.leave(id(7));
        assert!(watches.end(id(7)));
        assert_eq!(watches.enter(another), Ok(true));
    }

    #[test]
    fn a_value_is_another_than_another_and_than_its_absence() {
        let hash = |value| hash(&value).unwrap();
        let text = |text: &str| Ok(Value::Text(text.into()));
        let failed = |error| Err(AttributeError::Reference { name: "a".into(), error: Box::new(error) });
        let unavailable = || smartlayer_token_script::CallError::Unavailable("down".into()).into();
        let all = [text("a"), text("no-value"), Err(AttributeError::NoValue("a".into())), Err(AttributeError::NoOwner)];
        let all: BTreeSet<_> = all.into_iter().map(|value| hash(value).unwrap()).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(hash(text("a")), hash(text("a")));
        // Why in particular does not matter.
        assert_eq!(hash(Err(AttributeError::NoValue("a".into()))), hash(failed(AttributeError::NoValue("b".into()))));
        assert_eq!((hash(Err(unavailable())), hash(failed(unavailable()))), (None, None));
    }
}
