//! The client: one connection that is kept alive by a task of its own.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use smartlayer_primitives::{AccountId, BlockNumber, Hash};
use subxt::config::substrate::H256;
use tokio::{sync::watch, task::AbortHandle};

use crate::{
    error::Error,
    events::EventRecord,
    link::{in_full, Link},
    view::View,
    BlockRef,
};

/// Waits between attempts to connect grow from the first to the last of these.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often the node is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long it may take to say so.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);

/// How the connection stands, and what was last seen of the chain.
#[derive(Clone, Copy, Debug)]
pub struct ChainStatus {
    /// Whether the node answers now.
    pub connected: bool,
    /// The newest finalised block seen; stays when the connection is lost.
    pub finalized: BlockRef,
    /// When the node last answered.
    pub last_seen: Instant,
}

/// A chain, through one of its nodes. Cheap to clone; all clones share the connection, which closes when the last is dropped.
#[derive(Clone)]
pub struct ChainClient {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    genesis: Hash,
    /// The standing connection, or why there is none.
    link: watch::Receiver<Result<Arc<Link>, String>>,
    status: watch::Receiver<ChainStatus>,
    /// One lock an account: held from reading the nonce until the pool has the transaction.
    senders: Mutex<HashMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
    supervisor: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl fmt::Debug for ChainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainClient").field("url", &self.inner.url).field("genesis", &self.inner.genesis).finish()
    }
}

impl ChainClient {
    /// Connects once. From then on the connection is kept: when it breaks, the client reconnects for ever, to the same chain only.
    ///
    /// Fails with [`Error::Unreachable`] if nobody answers at `url` (`ws://…` or `wss://…`), and with [`Error::OtherChain`] if the chain
    /// lacks what this crate uses. Must be called within a tokio runtime.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let link = Link::open(url).await?;
        let finalized = link.finalized().await?;
        Ok(Self::supervise(link, finalized))
    }

    /// As [`ChainClient::connect`], but waits for a node that is not there yet, trying again with growing pauses. Still fails at once
    /// with [`Error::OtherChain`].
    pub async fn connect_patiently(url: &str) -> Result<Self, Error> {
        let mut pause = BACKOFF.0;
        loop {
            match Self::connect(url).await {
                Err(e) if e.is_transient() => {
                    tracing::warn!(reason = %e, "no chain yet; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACKOFF.1);
                }
                settled => return settled,
            }
        }
    }

    fn supervise(link: Link, finalized: BlockRef) -> Self {
        let (url, genesis) = (link.url.clone(), link.genesis);
        let (link_sender, link_receiver) = watch::channel(Ok(Arc::new(link)));
        let (status_sender, status) =
            watch::channel(ChainStatus { connected: true, finalized, last_seen: Instant::now() });
        let supervisor = Supervisor { url: url.clone(), genesis, link: link_sender, status: status_sender };
        let supervisor = tokio::spawn(supervisor.run()).abort_handle();
        let inner = Inner { url, genesis, link: link_receiver, status, senders: Default::default(), supervisor };
        Self { inner: Arc::new(inner) }
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The chain's genesis hash, which every signature of this project is bound to.
    pub fn genesis_hash(&self) -> Hash {
        self.inner.genesis
    }

    /// The connection's state, now and as it changes.
    pub fn status(&self) -> watch::Receiver<ChainStatus> {
        self.inner.status.clone()
    }

    /// The state at the newest finalised block: what everything that involves money should go by. Fails with [`Error::Disconnected`]
    /// while there is no connection.
    pub fn finalized(&self) -> Result<View, Error> {
        let link = self.link()?;
        let block = self.inner.status.borrow().finalized;
        Ok(View { link, block })
    }

    /// The state at the newest block of the best chain, which may still be replaced by another.
    pub async fn best(&self) -> Result<View, Error> {
        let link = self.link()?;
        let block = link.best().await?;
        Ok(View { link, block })
    }

    /// The state at a block, if the node still has it.
    pub fn at(&self, block: BlockRef) -> Result<View, Error> {
        Ok(View { link: self.link()?, block })
    }

    /// The finalised block of this number; [`Error::UnknownBlock`] if there is none yet.
    pub async fn block(&self, number: BlockNumber) -> Result<BlockRef, Error> {
        let link = self.link()?;
        if number > self.inner.status.borrow().finalized.number {
            return Err(Error::UnknownBlock(number.to_string()));
        }
        let hash = link.ask("a block hash", link.rpc.chain_get_block_hash(Some(number.into()))).await?;
        let hash = hash.ok_or_else(|| Error::UnknownBlock(number.to_string()))?;
        Ok(BlockRef { number, hash: Hash::from(hash.0) })
    }

    /// What happened in a block.
    pub async fn events_at(&self, block: BlockRef) -> Result<Vec<EventRecord>, Error> {
        self.at(block)?.events().await
    }

    /// The finalised blocks one after the other, each once and none left out, from the one after `last`; over lost connections as well.
    pub fn follow(&self, last: BlockNumber) -> FinalizedBlocks {
        FinalizedBlocks { client: self.clone(), status: self.status(), last }
    }

    /// The standing connection.
    pub(crate) fn link(&self) -> Result<Arc<Link>, Error> {
        let link = self.inner.link.borrow();
        link.clone().map_err(|reason| Error::Disconnected { url: self.inner.url.clone(), reason })
    }

    /// The lock that keeps transactions of one account in order.
    pub(crate) fn sender(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<()>> {
        let mut senders = self.inner.senders.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        senders.entry(account.clone()).or_default().clone()
    }
}

/// See [`ChainClient::follow`].
#[derive(Debug)]
pub struct FinalizedBlocks {
    client: ChainClient,
    status: watch::Receiver<ChainStatus>,
    last: BlockNumber,
}

impl FinalizedBlocks {
    /// Waits for the next block. Cancelling loses nothing.
    pub async fn next(&mut self) -> BlockRef {
        loop {
            let status = *self.status.borrow_and_update();
            let wanted = self.last.saturating_add(1);
            if status.connected && wanted == status.finalized.number {
                self.last = wanted;
                return status.finalized;
            }
            if status.connected && wanted < status.finalized.number {
                if let Ok(block) = self.client.block(wanted).await {
                    self.last = wanted;
                    return block;
                }
            }
            // The supervisor lives as long as the client that is held here.
            if self.status.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Keeps a link alive and tells how it stands.
struct Supervisor {
    url: String,
    genesis: Hash,
    link: watch::Sender<Result<Arc<Link>, String>>,
    status: watch::Sender<ChainStatus>,
}

impl Supervisor {
    async fn run(self) {
        loop {
            let standing = self.link.borrow().clone();
            let reason = match standing {
                Ok(link) => self.watch_over(&link).await,
                Err(reason) => reason,
            };
            tracing::warn!(url = %self.url, %reason, "lost the chain");
            self.link.send_modify(|l| *l = Err(reason));
            self.status.send_modify(|s| s.connected = false);
            let (link, finalized) = self.reconnect().await;
            tracing::info!(url = %self.url, finalized = finalized.number, "connected to the chain again");
            self.link.send_modify(|l| *l = Ok(Arc::new(link)));
            self.status.send_modify(|s| {
                s.connected = true;
                s.last_seen = Instant::now();
                advance(s, finalized);
            });
        }
    }

    /// Tries for as long as it takes.
    async fn reconnect(&self) -> (Link, BlockRef) {
        let mut pause = BACKOFF.0;
        loop {
            let attempt = async {
                let link = Link::open(&self.url).await?;
                let finalized = link.finalized().await?;
                Ok::<_, Error>((link, finalized))
            };
            let reason = match attempt.await {
                Ok((link, finalized)) if link.genesis == self.genesis => return (link, finalized),
                Ok(_) => "the node has another chain than before".to_owned(),
                Err(e) => e.to_string(),
            };
            tracing::debug!(url = %self.url, %reason, "cannot reconnect yet");
            self.link.send_modify(|l| *l = Err(reason));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    /// Follows the chain until the link breaks; returns why it broke.
    async fn watch_over(&self, link: &Link) -> String {
        let heads = link.ask("finalised heads", link.rpc.chain_subscribe_finalized_heads()).await;
        let versions = link.ask("runtime versions", link.rpc.state_subscribe_runtime_version()).await;
        let (mut heads, mut versions) = match (heads, versions) {
            (Ok(heads), Ok(versions)) => (heads, versions),
            (Err(e), _) | (_, Err(e)) => return e.to_string(),
        };
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                head = heads.next() => match head {
                    Some(Ok(head)) => match self.hash_of(link, head.number).await {
                        Ok(block) => self.status.send_modify(|s| {
                            s.last_seen = Instant::now();
                            advance(s, block);
                        }),
                        Err(e) => return e.to_string(),
                    },
                    Some(Err(e)) => return in_full(&e),
                    None => return "the node closed the connection".into(),
                },
                version = versions.next() => match version {
                    // New code has new metadata, so everything is read anew.
                    Some(Ok(v)) if v.spec_version != link.spec_version => return "the chain's code was upgraded".into(),
                    Some(Ok(_)) => {}
                    Some(Err(e)) => return in_full(&e),
                    None => return "the node closed the connection".into(),
                },
                _ = heartbeat.tick() => {
                    match tokio::time::timeout(HEARTBEAT_TIMEOUT, link.rpc.system_health()).await {
                        Ok(Ok(_)) => self.status.send_modify(|s| s.last_seen = Instant::now()),
                        Ok(Err(e)) => return in_full(&e),
                        Err(_) => return format!("the node did not answer for {} s", HEARTBEAT_TIMEOUT.as_secs()),
                    }
                }
            }
        }
    }

    /// A finalised header says its number; its hash is asked for, so that no hashing rule is repeated here.
    async fn hash_of(&self, link: &Link, number: u64) -> Result<BlockRef, Error> {
        let hash: Option<H256> = link.ask("a block hash", link.rpc.chain_get_block_hash(Some(number.into()))).await?;
        let hash = hash.ok_or_else(|| Error::UnknownBlock(number.to_string()))?;
        Ok(BlockRef { number: number as BlockNumber, hash: Hash::from(hash.0) })
    }
}

/// Finality never goes back; a node that is still catching up may say so, and is not believed.
fn advance(status: &mut ChainStatus, finalized: BlockRef) {
    if finalized.number >= status.finalized.number {
        status.finalized = finalized;
    }
}
