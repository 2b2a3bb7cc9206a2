//! Key operations: executed here or by another, told to everyone until a commitment covers them, and visible in the instance's
//! values from then on.
//!
//! Each key operation of a token type is a value of every instance, under `operations.<name>`: how often it was executed, `"0"` at
//! first. A script reads it like any value of its issuer, so a selection can say "already redeemed".
//!
//! A transfer is one record of two instances. The one is destroyed: no key operation is executed on it any more. The other is issued, to the owner
//! that the record names; the issuer reserved it for exactly that exchange when he stored it, in the value `issue.from`. So what is destroyed once
//! issues once, whichever nodes execute the operations of the two.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::future::OptionFuture;
use schnellru::{ByLength, LruMap};
use smartlayer_api_types::{
    rpc::{AnchorProof, Proof},
    ApiError, ErrorCode, Instance,
};
use smartlayer_grants::Principal;
use smartlayer_network::messages::Gossip;
use smartlayer_primitives::{
    instance::InstanceState,
    operation::{Operation, ISSUE, TRANSFER},
    payload::Payload,
    receipt::Issued,
    token::TokenType,
    Hash, InstanceId, OperationKind,
};
use smartlayer_sealed_values::Opened;
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    access::{self, OWNER},
    feeds::{Change, ChangeKind, Turn},
    instances::Held,
    node::Node,
    paid::Settled,
    turns::Turns,
};

/// The issuer's value that says in exchange for which instance this one is issued: `tokenType/index`. It counts as it was placed: updates don't
/// change it.
const ISSUED_FROM: &str = "issue.from";

/// How often operations that no commitment covers are told again.
const REPEAT: Duration = Duration::from_secs(15);
/// Of how many operations it is remembered when anchors were asked about them.
const MAX_ASKED: u32 = 65_536;

/// Which instances an operation is being executed on.
pub(crate) struct Operations {
    turns: Turns<InstanceId>,
    /// When anchors were asked last to prove operations that nothing else shows.
    pub asked: Mutex<LruMap<Hash, Instant>>,
}

impl Default for Operations {
    fn default() -> Self {
        Self { turns: Default::default(), asked: Mutex::new(LruMap::new(ByLength::new(MAX_ASKED))) }
    }
}

impl Operations {
    /// The turn of an instance: operations on it are executed one after the other, whoever pays for them.
    pub fn turn(&self, id: InstanceId) -> Arc<AsyncMutex<()>> {
        self.turns.of(id)
    }

    /// Keeps an operation of this node together with the answer that it was paid for, and tells everyone.
    pub async fn executed(&self, node: &Node, operation: Operation, settled: &Settled) -> Result<(), ApiError> {
        let (mut turns, changes) = changes(node, &operation).await?;
        node.data.executed(&operation, &node.seals.conceal(settled), &changes).await?;
        turns.iter_mut().zip(changes).for_each(|(turn, change)| turn.changed(change));
        node.metrics.operation("executed");
        tell(node, operation).await;
        Ok(())
    }

    /// Takes in an operation that another node executed, if it happened to an instance that is kept here.
    pub async fn heard(&self, node: &Node, operation: Operation) -> Result<(), ApiError> {
        match self.take_in(node, operation).await? {
            true => Ok(()),
            false => {
                let why = "not from the node that executes the instance's operations";
                Err(ApiError::new(ErrorCode::ProofInvalid, why))
            }
        }
    }

    /// Takes in an operation that happened to an instance that is kept here. Returns false if it is not from the node that executes the
    /// instance's operations.
    async fn take_in(&self, node: &Node, operation: Operation) -> Result<bool, ApiError> {
        if !is_of_interest(node, &operation).await? {
            return Ok(true);
        }
        if !self.is_by_executor(node, &operation).await? {
            return Ok(false);
        }
        self.accept(node, operation).await?;
        Ok(true)
    }

    /// Whether the operation is from the node that executes the instance's operations now; fails if that node did not sign it.
    pub async fn is_by_executor(&self, node: &Node, operation: &Operation) -> Result<bool, ApiError> {
        let executor = &operation.receipt.receipt.node;
        let registered = node.chain.node(executor).await.map_err(crate::chain::api_error)?;
        let key = registered.map(|n| n.service_key).ok_or_else(|| refuse("the executor is not registered"))?;
        if !operation.verify(&node.chain.genesis(), &key) {
            return Err(refuse("the receipt is not signed by the executor's service key"));
        }
        // From here on only registered nodes have anything looked up.
        let signed = node.instances.assignment(node, operation.instance).await?;
        Ok(signed.assignment.serving.first() == Some(executor))
    }

    /// Takes in an operation that did happen, if it can have happened to an instance that is kept here.
    pub async fn accept(&self, node: &Node, operation: Operation) -> Result<(), ApiError> {
        if !operation.is_stated() {
            return Err(refuse("the receipt states another operation"));
        }
        let turns = self.turns_of(&operation);
        let _turns = (turns.0.lock().await, OptionFuture::from(turns.1.as_ref().map(|turn| turn.lock())).await);
        if !is_of_interest(node, &operation).await? {
            return Ok(());
        }
        let issued = operation.issued();
        let token = node.instances.token(node, operation.instance.token_type).await?;
        let other = match issued {
            Some(issued) => Some(node.instances.token(node, issued.instance.token_type).await?),
            None => None,
        };
        if !operation.fits(&token.spec, other.as_ref().map(|token| &token.spec)) {
            return Err(refuse("the token type has no such key operation"));
        }
        if let Some(issued) = issued {
            if node.data.assignment(issued.instance).await?.is_some() {
                let held = node.instances.held(node, issued.instance).await?;
                if reserved_for(&held.state) != Some(operation.instance) {
                    return Err(refuse("its issuer reserved the instance for another exchange"));
                }
                self.check_unissued(node, &held.token, issued.instance).await?;
            }
            // Of two transfers of one instance the one that came first counts.
            self.check_alive(node, operation.instance).await?;
        }
        let (mut turns, changes) = changes(node, &operation).await?;
        node.data.apply(&operation, &changes).await?;
        turns.iter_mut().zip(changes).for_each(|(turn, change)| turn.changed(change));
        node.metrics.operation("applied");
        Ok(())
    }

    /// The turns of an operation's instances: of two always in the same order, so that no two wait for each other.
    fn turns_of(&self, operation: &Operation) -> (Arc<AsyncMutex<()>>, Option<Arc<AsyncMutex<()>>>) {
        match operation.issued() {
            None => (self.turn(operation.instance), None),
            Some(issued) => {
                let (first, second) = self.both(operation.instance, issued.instance);
                (first, Some(second))
            }
        }
    }

    /// The turns of two instances, always in the same order, so that no two wait for each other.
    pub fn both(&self, one: InstanceId, other: InstanceId) -> (Arc<AsyncMutex<()>>, Arc<AsyncMutex<()>>) {
        (self.turn(one.min(other)), self.turn(one.max(other)))
    }

    /// Fails if this node can execute no key operation on the instance: with `not_the_executor` if another does, with `catching_up` while it
    /// doesn't know what its predecessor executed, with `destroyed` if a transfer destroyed the instance.
    pub async fn check_executable(&self, node: &Node, id: InstanceId) -> Result<(), ApiError> {
        node.instances.check_executor(node, id).await?;
        if node.data.catching_up(id)?.is_some_and(|state| state.executes) {
            return Err(ErrorCode::CatchingUp.into());
        }
        self.check_alive(node, id).await
    }

    /// Fails with `destroyed` if a transfer destroyed the instance.
    pub async fn check_alive(&self, node: &Node, id: InstanceId) -> Result<(), ApiError> {
        let done = node.data.operations(id).await?;
        let transfer = done.iter().filter(|operation| operation.instance == id).find_map(Operation::issued);
        let Some(Issued { instance: issued, .. }) = transfer else { return Ok(()) };
        let (Instance { token_type, index }, gone) = (Instance::from(*issued), Instance::from(id));
        let message = format!(
            "instance {} of token type {} was destroyed, and instance {index} of token type {token_type} was issued for it",
            gone.index, gone.token_type
        );
        let details = serde_json::json!({ "operation": TRANSFER, "issued": Instance::from(*issued) });
        Err(ApiError::new(ErrorCode::Destroyed, message).with(details))
    }

    /// Fails with `already_issued` if the instance was issued by an operation that is known here.
    pub async fn check_unissued(&self, node: &Node, token: &TokenType, id: InstanceId) -> Result<(), ApiError> {
        let Some(kind) = token.spec.kind_of(ISSUE) else { return Ok(()) };
        let done = node.data.operations(id).await?;
        let Some(before) = done.iter().find(|operation| operation.did(id, kind)) else { return Ok(()) };
        let details = serde_json::json!({ "source": Instance::from(before.instance) });
        Err(ApiError::from(ErrorCode::AlreadyIssued).with(details))
    }

    /// Whether a transfer issued the instance, as far as it is known here.
    pub async fn is_issued(&self, node: &Node, id: InstanceId) -> Result<bool, ApiError> {
        let done = node.data.operations(id).await?;
        Ok(done.iter().filter_map(Operation::issued).any(|issued| issued.instance == id))
    }

    /// Fails with `already_issued` if the instance was issued for another than the one that this state reserves it for: an issuer can't take
    /// back what was exchanged by storing the instance anew.
    pub async fn check_reservation(&self, node: &Node, state: &InstanceState) -> Result<(), ApiError> {
        let done = node.data.operations(state.instance).await?;
        let issue = done.iter().find(|o| o.issued().is_some_and(|issued| issued.instance == state.instance));
        match issue {
            Some(issue) if reserved_for(state) != Some(issue.instance) => Err(ErrorCode::AlreadyIssued.into()),
            _ => Ok(()),
        }
    }

    /// The instance's values as far as they can be read here; see [`Operations::opened`].
    pub async fn values(&self, node: &Node, held: &Held) -> Result<BTreeMap<String, String>, ApiError> {
        Ok(self.opened(node, held).await?.0)
    }

    /// The instance's values: the issuer's, as placed and as its updates changed them since, opened as far as the keys are here; the owner if
    /// a transfer named him; and how often each key operation was executed. What is sealed is for the owner. And what was sealed.
    pub async fn opened(&self, node: &Node, held: &Held) -> Result<(BTreeMap<String, String>, Opened), ApiError> {
        let mut values = node.feeds.values(node, held.state.instance, &held.state.values).await?;
        let done = node.data.operations(held.state.instance).await?;
        for (position, name) in held.token.spec.key_operations.iter().enumerate() {
            let kind = u8::try_from(position).ok();
            let count = done.iter().filter(|o| kind.is_some_and(|kind| o.did(held.state.instance, kind))).count();
            values.insert(format!("operations.{}", String::from_utf8_lossy(name)), count.to_string());
        }
        let opened = node.seals.open(node, held.state.instance, &mut values);
        access::keep_for_owner(&mut values, opened.sealed.clone());
        // Whom the owner gave it to, not even the issuer changes.
        if let Some(issued) = done.iter().filter_map(Operation::issued).find(|i| i.instance == held.state.instance) {
            values.insert(OWNER.into(), Principal::from(issued.owner.clone()).to_string());
        }
        Ok((values, opened))
    }

    /// Tells everyone of the operations that no commitment covers, again and again.
    pub async fn repeat(&self, node: &Node) {
        let mut interval = tokio::time::interval(REPEAT);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match node.data.outbox().await {
                Ok(pending) => {
                    node.metrics.uncommitted.set(pending.len() as i64);
                    for operation in pending {
                        tell(node, operation).await;
                    }
                }
                Err(e) => tracing::error!(error = %e, "cannot read the pending operations"),
            }
        }
    }

    /// After a new commitment: finds the proofs of pending operations that it covers, and keeps them.
    pub async fn collect_proofs(&self, node: &Node) -> Result<(), ApiError> {
        for operation in node.data.outbox().await? {
            match node.anchors.operation(&*node.chain, proof_of(node, &operation), |leaf| *leaf == operation).await {
                Ok(proven) => {
                    node.data.committed(&operation, proven.answer).await?;
                    node.metrics.operation("committed");
                    tracing::info!(instance = ?operation.instance, kind = operation.kind, "an operation was committed");
                }
                Err(e) if e.code == ErrorCode::NotCommitted => {}
                Err(e) => return Err(e),
            }
        }
        node.metrics.uncommitted.set(node.data.outbox().await?.len() as i64);
        Ok(())
    }

    /// Proves that an operation of this kind happened on the instance.
    pub async fn prove(
        &self,
        node: &Node,
        id: InstanceId,
        kind: OperationKind,
        period: Option<u32>,
    ) -> Result<Proof, ApiError> {
        if let Some(kept) = node.data.proof(id, kind, period).await? {
            return Ok(kept);
        }
        // Anchors commit a transfer without knowing what is reserved for what: who keeps the instance does.
        let done = node.data.operations(id).await?;
        let transfer = done.iter().find(|operation| operation.issued().is_some() && operation.did(id, kind));
        let hash = transfer.map(|operation| operation.payload_hash(&node.chain.genesis()));
        let query = AnchorProof::Operation { instance: Instance::from(id), kind, period, hash };
        let fits = |leaf: &Operation| leaf.did(id, kind) && (leaf.issued().is_none() || transfer == Some(leaf));
        Ok(node.anchors.operation(&*node.chain, query, fits).await?.answer)
    }
}

/// Why an operation is not taken in.
fn refuse(why: &str) -> ApiError {
    ApiError::new(ErrorCode::ProofInvalid, why)
}

/// Whether the operation happened to an instance that is kept here, and is not known yet.
async fn is_of_interest(node: &Node, operation: &Operation) -> Result<bool, ApiError> {
    let mut kept = false;
    for (instance, _) in operation.sides() {
        kept |= node.data.assignment(instance).await?.is_some();
    }
    Ok(kept && !node.data.has_operation(operation).await?)
}

/// Whether an anchor proves that a commitment covers the operation.
pub(crate) async fn is_committed(node: &Node, operation: &Operation) -> bool {
    node.anchors.operation(&*node.chain, proof_of(node, operation), |leaf| leaf == operation).await.is_ok()
}

/// What anchors are asked for the proof of this very operation.
fn proof_of(node: &Node, operation: &Operation) -> AnchorProof {
    AnchorProof::Operation {
        instance: Instance::from(operation.instance),
        kind: operation.kind,
        period: None,
        hash: Some(operation.payload_hash(&node.chain.genesis())),
    }
}

/// The position of a key operation's name in its token type.
pub(crate) fn kind_of(token: &TokenType, name: &str) -> Option<OperationKind> {
    token.spec.kind_of(name)
}

/// For which instance the issuer reserved this one.
pub(crate) fn reserved_for(placed: &InstanceState) -> Option<InstanceId> {
    let (token_type, index) = placed.values.get(ISSUED_FROM)?.split_once('/')?;
    Some(InstanceId { token_type: token_type.trim().parse().ok()?, index: index.trim().parse().ok()? })
}

/// What an operation changes, and the right to change it: always in the same order, so that no two wait for each other.
async fn changes(node: &Node, operation: &Operation) -> Result<(Vec<Turn>, Vec<Change>), ApiError> {
    let mut sides: Vec<_> = operation.sides().collect();
    sides.sort_unstable();
    let (mut turns, mut changes) = (Vec::new(), Vec::new());
    for (instance, kind) in sides {
        let mut turn = node.feeds.turn(instance).await;
        changes.push(turn.change(node, ChangeKind::Operation { kind })?);
        turns.push(turn);
    }
    Ok((turns, changes))
}

async fn tell(node: &Node, operation: Operation) {
    let hash: Hash = operation.payload_hash(&node.chain.genesis());
    if let Err(e) = node.network.publish(Gossip::Operation(operation)).await {
        tracing::debug!(operation = ?hash, reason = %e, "an operation was not told, it will be again");
    }
}
