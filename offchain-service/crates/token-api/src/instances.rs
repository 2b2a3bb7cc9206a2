//! The instances that this node serves or holds shards of: what anchors placed here, and how it is read.
//!
//! **Invariant.** Nothing is kept that a quorum of the chain's anchors did not assign to this node, and nothing is served that has
//! not the hash which that assignment states.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use codec::{Decode, DecodeAll};
use schnellru::{ByLength, LruMap};
use smartlayer_api_types::{
    rpc::{Holder, Holders, ShardHolder},
    ApiError, ErrorCode, HexBytes, Instance,
};
use smartlayer_network::{
    messages::{Content, Placement, RefusalCode, Request, Response},
    PeerId,
};
use smartlayer_primitives::{
    assignment::{Assignment, SignedAssignment},
    instance::InstanceState,
    payload::{blake2_256, Payload},
    quorum::AnchorSet,
    token::TokenType,
    AccountId, Hash, InstanceId, TokenTypeId,
};
use tokio::sync::watch;

use crate::{
    chain::api_error,
    node::Node,
    script::{Script, Scripts},
};

/// How many token types are kept in memory; they are small.
const MAX_TOKENS: u32 = 65_536;
/// How many decoded states are kept in memory.
const MAX_STATES: u32 = 4096;
/// For how long it is taken that there is no newer assignment than the one that was found.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What this node knows of tokens and instances, beside what is on disk.
pub(crate) struct Instances {
    /// The active anchors as last seen; the network's record validator reads it too.
    anchors: watch::Sender<AnchorSet>,
    /// Token types by the finalised block at which they were read.
    tokens: Mutex<LruMap<TokenTypeId, (u32, TokenType)>>,
    scripts: Scripts,
    states: Mutex<LruMap<Hash, Arc<InstanceState>>>,
    /// The newest assignment that is known of an instance whose content for this node has not come yet.
    awaited: Mutex<BTreeMap<InstanceId, Assignment>>,
    /// When newer assignments were looked for.
    looked: Mutex<LruMap<InstanceId, Instant>>,
}

/// An instance that this node can read.
#[derive(Clone)]
pub(crate) struct Held {
    pub assignment: Arc<SignedAssignment>,
    pub token: TokenType,
    pub script: Arc<Script>,
    pub state: Arc<InstanceState>,
}

/// Why a placement was not taken.
pub(crate) type Refused = (RefusalCode, String);

impl Instances {
    /// `script_bytes`: how much memory parsed scripts may take.
    pub fn new(anchors: watch::Sender<AnchorSet>, script_bytes: usize) -> Self {
        Self {
            anchors,
            tokens: Mutex::new(LruMap::new(ByLength::new(MAX_TOKENS))),
            scripts: Scripts::new(script_bytes),
            states: Mutex::new(LruMap::new(ByLength::new(MAX_STATES))),
            awaited: Default::default(),
            looked: Mutex::new(LruMap::new(ByLength::new(MAX_TOKENS))),
        }
    }

    /// Looks at the chain's anchors again.
    pub async fn refresh_anchors(&self, node: &Node) -> Result<(), ApiError> {
        let set = node.chain.active_set().await.map_err(api_error)?;
        self.anchors.send_if_modified(|known| {
            let changed = *known != set;
            *known = set;
            changed
        });
        Ok(())
    }

    /// Whether a quorum of the active anchors signed the assignment.
    pub fn is_attested(&self, node: &Node, signed: &SignedAssignment) -> bool {
        is_attested(&self.anchors.borrow(), &node.chain.genesis(), signed)
    }

    /// The token type as of the last finalised block; as last seen while the chain is away.
    pub async fn token(&self, node: &Node, id: TokenTypeId) -> Result<TokenType, ApiError> {
        let now = node.chain.status().finalized;
        let cached = lock(&self.tokens).get(&id).cloned();
        match cached {
            Some((block, token)) if block == now => return Ok(token),
            _ => {}
        }
        match (node.chain.token(id).await, cached) {
            (Ok(Some(token)), _) => {
                lock(&self.tokens).insert(id, (now, token.clone()));
                Ok(token)
            }
            (Ok(None), _) => Err(ApiError::new(ErrorCode::UnknownToken, format!("no token type {id}"))),
            (Err(_), Some((_, token))) => Ok(token),
            (Err(e), None) => Err(api_error(e)),
        }
    }

    /// The script with this hash: from memory, from disk, or from another service.
    pub async fn script(&self, node: &Node, hash: Hash, near: &[AccountId]) -> Result<Arc<Script>, ApiError> {
        if let Some(script) = self.scripts.get(&hash) {
            return Ok(script);
        }
        let script = Script::parse(self.script_bytes(node, hash, near).await?).await?;
        self.scripts.insert(hash, script.clone());
        Ok(script)
    }

    /// The bytes of the script with this hash: from disk, or from another service.
    pub async fn script_bytes(&self, node: &Node, hash: Hash, near: &[AccountId]) -> Result<Vec<u8>, ApiError> {
        match node.data.blob(hash).await? {
            Some(bytes) => Ok(bytes),
            None => self.fetch_script(node, hash, near).await,
        }
    }

    /// Asks `near` and the anchors for a script, and keeps it.
    async fn fetch_script(&self, node: &Node, hash: Hash, near: &[AccountId]) -> Result<Vec<u8>, ApiError> {
        let mut peers = Vec::new();
        for account in near.iter().filter(|a| **a != node.account) {
            peers.extend(node_peer(node, account).await);
        }
        peers.extend(anchor_peers(node).await);
        for peer in peers {
            if let Ok(Response::Blob(bytes)) = node.network.request(peer, Request::Blob { hash }).await {
                if blake2_256(&bytes) == hash {
                    node.data.put_blob(bytes.clone()).await?;
                    return Ok(bytes);
                }
            }
        }
        Err(ApiError::new(ErrorCode::ScriptUnavailable, format!("nobody sends the script {hash:?}")))
    }

    /// The assignment of an instance: the one kept here, else the newest that the network finds and the anchors signed.
    pub async fn assignment(&self, node: &Node, id: InstanceId) -> Result<Arc<SignedAssignment>, ApiError> {
        if let Some(kept) = node.data.assignment(id).await? {
            return Ok(Arc::new(kept));
        }
        self.newest(node, id).await.map(Arc::new).ok_or_else(|| {
            let message = format!("nobody holds instance {} of token type {}", id.index, id.token_type);
            ApiError::new(ErrorCode::UnknownInstance, message)
        })
    }

    /// The newest assignment that the network finds and the anchors signed.
    async fn newest(&self, node: &Node, id: InstanceId) -> Option<SignedAssignment> {
        let found = node.network.find_assignments(id).await;
        let attested =
            found.into_iter().filter(|found| found.assignment.instance == id && self.is_attested(node, found));
        attested.max_by_key(|signed| signed.assignment.version)
    }

    /// Looks whether the network knows a newer assignment of an instance that is kept here: a node that was away while the instance was placed anew
    /// must not go on as if nothing had happened.
    pub async fn look_for_newer(&self, node: &Node, id: InstanceId) -> Result<(), ApiError> {
        match self.newest(node, id).await {
            Some(newest) => self.heard(node, newest).await,
            None => Ok(()),
        }
    }

    /// The same before an operation, unless that was done a moment ago. Fails as [`Instances::check_executor`], and with `catching_up` while there
    /// is nobody to ask.
    pub async fn look_before_operation(&self, node: &Node, id: InstanceId) -> Result<(), ApiError> {
        if lock(&self.looked).get(&id).is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return Ok(());
        }
        self.check_executor(node, id).await?;
        // Whoever hears nobody can't know.
        if node.network.peers().is_empty() {
            return Err(ErrorCode::CatchingUp.into());
        }
        self.look_for_newer(node, id).await?;
        lock(&self.looked).insert(id, Instant::now());
        Ok(())
    }

    /// Fails with `not_the_executor` if another node executes the instance's operations, with `catching_up` if this node does by an assignment of
    /// which the content has not come yet.
    pub async fn check_executor(&self, node: &Node, id: InstanceId) -> Result<(), ApiError> {
        let kept = node.data.assignment(id).await?;
        let kept = kept.ok_or_else(|| ApiError::from(ErrorCode::NotServing))?.assignment;
        let awaited = lock(&self.awaited).get(&id).cloned().filter(|newer| newer.version > kept.version);
        match awaited.as_ref().unwrap_or(&kept).serving.first() {
            Some(executor) if *executor != node.account => {
                let executor = holder(node, executor).await;
                Err(ApiError::from(ErrorCode::NotTheExecutor).with(serde_json::json!({ "executor": executor })))
            }
            _ if awaited.is_some() => Err(ErrorCode::CatchingUp.into()),
            _ => Ok(()),
        }
    }

    /// Everything needed to read an instance. Serving nodes have it; a holder of a shard restores it first.
    ///
    /// Fails with `unknown_token`, `unknown_instance`, `not_serving` with the nodes that do, or because of the script.
    pub async fn held(&self, node: &Node, id: InstanceId) -> Result<Held, ApiError> {
        let token = self.token(node, id.token_type).await?;
        let assignment = self.assignment(node, id).await?;
        let Assignment { serving, holdings, .. } = &assignment.assignment;
        if !serving.contains(&node.account) && !holdings.iter().any(|h| h.node == node.account) {
            let holders = self.serving(node, &assignment.assignment).await;
            return Err(ApiError::from(ErrorCode::NotServing).with(serde_json::json!({ "serving": holders })));
        }
        self.read(node, token, assignment).await
    }

    /// What is needed to read an instance that need not be kept here: its state as it was placed is restored from the shards of its holders. What
    /// changed since then only they know.
    pub async fn placed(&self, node: &Node, id: InstanceId) -> Result<Held, ApiError> {
        let token = self.token(node, id.token_type).await?;
        let assignment = self.assignment(node, id).await?;
        self.read(node, token, assignment).await
    }

    async fn read(&self, node: &Node, token: TokenType, assignment: Arc<SignedAssignment>) -> Result<Held, ApiError> {
        let serving = &assignment.assignment.serving;
        let script = self.script(node, token.spec.script_hash, serving).await?;
        let state = self.state(node, &assignment.assignment).await?;
        Ok(Held { assignment, token, script, state })
    }

    /// The instance's state as placed.
    async fn state(&self, node: &Node, assignment: &Assignment) -> Result<Arc<InstanceState>, ApiError> {
        let cached = lock(&self.states).get(&assignment.state_hash).cloned();
        if let Some(state) = cached {
            return Ok(state);
        }
        let bytes = match node.data.state(assignment).await? {
            Some(bytes) => bytes,
            None => self.restore(node, assignment).await?,
        };
        let state = InstanceState::decode_all(&mut &bytes[..])
            .map_err(|e| ApiError::new(ErrorCode::Internal, format!("the placed state does not decode: {e}")))?;
        let state = Arc::new(state);
        lock(&self.states).insert(assignment.state_hash, state.clone());
        Ok(state)
    }

    /// Collects shards from their holders until the state can be restored. A serving node keeps what came of it.
    async fn restore(&self, node: &Node, assignment: &Assignment) -> Result<Vec<u8>, ApiError> {
        use futures::stream::{FuturesUnordered, StreamExt};
        let needed = usize::from(assignment.coding.threshold);
        let mut shards = Vec::new();
        let mut remote = FuturesUnordered::new();
        for holding in &assignment.holdings {
            if holding.node == node.account {
                let kept = node.data.shard(assignment.instance, assignment.version, holding.shard).await?;
                shards
                    .extend(kept.and_then(|bytes| smartlayer_shards::verify(bytes, &assignment.coding, holding).ok()));
            } else {
                remote.push(fetch_shard(node, assignment, holding));
            }
        }
        let mut last = None;
        loop {
            if shards.len() >= needed {
                match smartlayer_shards::restore(&assignment.coding, &assignment.state_hash, shards.clone()) {
                    Ok(state) => {
                        tracing::info!(instance = ?assignment.instance, shards = shards.len(), "restored a state");
                        if assignment.serving.contains(&node.account) {
                            node.data.put_blob(state.clone()).await?;
                        }
                        return Ok(state);
                    }
                    Err(e) => last = Some(e.to_string()),
                }
            }
            match remote.next().await {
                Some(shard) => shards.extend(shard),
                None => break,
            }
        }
        let why = last.unwrap_or_else(|| format!("{} of {needed} shards could be had", shards.len()));
        Err(ApiError::new(ErrorCode::Internal, format!("the state cannot be restored: {why}")))
    }

    /// Takes in what an anchor placed here. On success all of it is on disk.
    pub async fn place(&self, node: &Node, placement: Placement) -> Result<(), Refused> {
        let invalid = |why: String| (RefusalCode::Invalid, why);
        let failed = |e: ApiError| (RefusalCode::Failed, e.to_string());
        let Placement { assignment: signed, content, script } = placement;
        if !self.is_attested(node, &signed) {
            self.refresh_anchors(node).await.map_err(failed)?;
            if !self.is_attested(node, &signed) {
                return Err((RefusalCode::NotAllowed, "no quorum of the active anchors signed the assignment".into()));
            }
        }
        let assignment = &signed.assignment;
        let (id, version) = (assignment.instance, assignment.version);
        // No operation is executed under one assignment while the next is taken in.
        let turn = node.operations.turn(id);
        let _turn = turn.lock().await;
        let kept = node.data.assignment(id).await.map_err(failed)?;
        if let Some(kept) = kept.as_ref().filter(|k| k.assignment.version >= assignment.version) {
            let same = kept.assignment == *assignment;
            return if same { Ok(()) } else { Err(invalid(format!("version {} is kept", kept.assignment.version))) };
        }
        let serves = assignment.serving.contains(&node.account);
        let own: Vec<_> = assignment.holdings.iter().filter(|h| h.node == node.account).collect();
        if !serves && own.is_empty() {
            return Err(invalid("this node is not in the assignment".into()));
        }
        let token = self.token(node, id.token_type).await.map_err(|e| match e.code {
            // The anchors may have seen a block that this node has not.
            ErrorCode::UnknownToken => (RefusalCode::NotYet, e.message),
            _ => failed(e),
        })?;
        if blake2_256(&script) != token.spec.script_hash {
            return Err(invalid("the script is not the registered one".into()));
        }
        Script::parse(script.clone()).await.map_err(|e| invalid(e.message))?;

        let (mut state, mut shards) = (None, Vec::new());
        for part in content {
            match part {
                Content::State(bytes) if serves && blake2_256(&bytes) == assignment.state_hash => {
                    let decoded = InstanceState::decode(&mut &bytes[..]).map_err(|e| invalid(e.to_string()))?;
                    if decoded.instance != id {
                        return Err(invalid("the state is another instance's".into()));
                    }
                    node.operations.check_reservation(node, &decoded).await.map_err(|e| invalid(e.message))?;
                    state = Some(bytes);
                }
                Content::State(_) => return Err(invalid("the state is not what the assignment states".into())),
                Content::Shard { number, bytes } => {
                    let holding = own.iter().find(|h| h.shard == number);
                    let holding = holding.ok_or_else(|| invalid(format!("shard {number} is not this node's")))?;
                    let shard = smartlayer_shards::verify(bytes, &assignment.coding, holding);
                    shards.push((number, shard.map_err(|e| invalid(e.to_string()))?.into_bytes()));
                }
            }
        }
        // What is kept from the version before counts as well: only what changed has to be sent.
        if serves && state.is_none() {
            let kept = node.data.state(assignment).await.map_err(failed)?;
            state = Some(kept.ok_or_else(|| invalid("no state came".into()))?);
        }
        for holding in own.iter().filter(|h| !shards.iter().any(|(n, _)| *n == h.shard)).collect::<Vec<_>>() {
            let version = kept.as_ref().map_or(0, |k| k.assignment.version);
            let bytes = node.data.shard(id, version, holding.shard).await.map_err(failed)?;
            let missing = || invalid(format!("shard {} did not come", holding.shard));
            let shard = smartlayer_shards::verify(bytes.ok_or_else(missing)?, &assignment.coding, holding);
            shards.push((holding.shard, shard.map_err(|_| missing())?.into_bytes()));
        }
        let blobs = state.into_iter().chain([script]).collect();
        node.data.place(signed, blobs, shards).await.map_err(failed)?;
        let mut awaited = lock(&self.awaited);
        if awaited.get(&id).is_some_and(|newer| newer.version <= version) {
            awaited.remove(&id);
        }
        drop(awaited);
        self.update_metrics(node);
        Ok(())
    }

    /// Takes note of an assignment that went round, if it is about an instance that is kept here.
    pub async fn heard(&self, node: &Node, signed: SignedAssignment) -> Result<(), ApiError> {
        let id = signed.assignment.instance;
        let Some(kept) = node.data.assignment(id).await? else { return Ok(()) };
        let ours =
            |a: &Assignment| a.serving.contains(&node.account) || a.holdings.iter().any(|h| h.node == node.account);
        if signed.assignment.version <= kept.assignment.version || !self.is_attested(node, &signed) {
            return Ok(());
        }
        // A new part for this node comes with its content, by placement; until then it is known that there is one.
        if ours(&signed.assignment) {
            let mut awaited = lock(&self.awaited);
            let newest = awaited.entry(id).or_insert_with(|| signed.assignment.clone());
            if newest.version < signed.assignment.version {
                *newest = signed.assignment;
            }
        } else {
            let turn = node.operations.turn(id);
            let _turn = turn.lock().await;
            // A still newer one may have been placed meanwhile.
            let kept = node.data.assignment(id).await?;
            if kept.is_none_or(|kept| kept.assignment.version >= signed.assignment.version) {
                return Ok(());
            }
            tracing::info!(instance = ?id, version = signed.assignment.version, "relieved of an instance");
            node.data.relieve(id).await?;
            node.feeds.forget(id).await;
            // What was in memory until now is no answer any more either.
            node.data.changed(id);
            lock(&self.awaited).remove(&id);
            self.update_metrics(node);
        }
        Ok(())
    }

    /// Who serves and holds an instance, with where they answer.
    pub async fn holders(&self, node: &Node, id: InstanceId) -> Result<Holders, ApiError> {
        self.token(node, id.token_type).await?;
        let signed = self.assignment(node, id).await?;
        let shards = signed.assignment.holdings.iter();
        Ok(Holders {
            instance: Instance::from(id),
            version: signed.assignment.version,
            assignment: HexBytes::of(&*signed),
            serving: self.serving(node, &signed.assignment).await,
            shards: shards.map(|h| ShardHolder { account: h.node.clone(), shard: h.shard }).collect(),
        })
    }

    /// The nodes that serve an instance, and where they answer; the first executes its operations.
    pub async fn serving(&self, node: &Node, assignment: &Assignment) -> Vec<Holder> {
        let mut holders = Vec::new();
        for account in &assignment.serving {
            holders.push(holder(node, account).await);
        }
        holders
    }

    /// Counts what is kept.
    pub fn update_metrics(&self, node: &Node) {
        let (serving, shards) = node.data.kept();
        node.metrics.serving.set(serving.len() as i64);
        node.metrics.shards.set(shards as i64);
    }
}

/// A node and where it answers.
pub(crate) async fn holder(node: &Node, account: &AccountId) -> Holder {
    let registered = node.chain.node(account).await.ok().flatten();
    let endpoint = registered.and_then(|n| String::from_utf8(n.endpoint.into_inner()).ok());
    Holder { account: account.clone(), endpoint }
}

/// Whether more than two thirds of `set` signed the assignment.
fn is_attested(set: &AnchorSet, genesis: &Hash, signed: &SignedAssignment) -> bool {
    // An empty set has no quorum; its threshold of one signer can't be met, and its id may be anyone's.
    !set.members.is_empty() && set.verify(genesis, signed.assignment.payload_hash(genesis), &signed.certificate).is_ok()
}

/// Decides for the network which assignment records are kept for others: those that the anchors in `set` signed.
pub fn record_validator(
    set: watch::Receiver<AnchorSet>,
    genesis: Hash,
) -> Arc<dyn smartlayer_network::RecordValidator> {
    Arc::new(move |signed: &SignedAssignment| is_attested(&set.borrow(), &genesis, signed))
}

/// One shard from its holder, checked.
async fn fetch_shard(
    node: &Node,
    assignment: &Assignment,
    holding: &smartlayer_primitives::assignment::Holding,
) -> Option<smartlayer_shards::VerifiedShard> {
    let peer = node_peer(node, &holding.node).await?;
    let request = Request::Shard { instance: assignment.instance, version: assignment.version, shard: holding.shard };
    let Ok(Response::Shard(bytes)) = node.network.request(peer, request).await else { return None };
    match smartlayer_shards::verify(bytes, &assignment.coding, holding) {
        Ok(shard) => Some(shard),
        Err(e) => {
            tracing::warn!(holder = %holding.node, shard = holding.shard, reason = %e, "a holder sent a bad shard");
            None
        }
    }
}

/// The peer id that a service node registered.
pub(crate) async fn node_peer(node: &Node, account: &AccountId) -> Option<PeerId> {
    let registered = node.chain.node(account).await.ok()??;
    smartlayer_network::peer_id(&registered.peer_id)
}

/// The peer ids of the active anchors.
pub(crate) async fn anchor_peers(node: &Node) -> Vec<PeerId> {
    let members = node.instances.anchors.borrow().members.clone();
    let mut peers = Vec::new();
    for member in members {
        let organisation = node.chain.organisation(&member.account).await.ok().flatten();
        peers.extend(organisation.and_then(|o| smartlayer_network::peer_id(&o.peer_id)));
    }
    peers
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
