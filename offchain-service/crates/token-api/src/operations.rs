//! Key operations: executed here or by another, told to everyone until a commitment covers them, and visible in the instance's
//! values from then on.
//!
//! Each key operation of a token type is a value of every instance, under `operations.<name>`: how often it was executed, `"0"` at
//! first. A script reads it like any value of its issuer, so a selection can say "already redeemed".

use std::time::Duration;

use smartlayer_api_types::{
    rpc::{AnchorProof, Proof},
    ApiError, ErrorCode, Instance,
};
use smartlayer_network::messages::Gossip;
use smartlayer_primitives::{
    operation::Operation, payload::Payload, token::TokenType, Hash, InstanceId, OperationKind,
};
use std::sync::Arc;
use tokio::sync::Mutex as AsyncMutex;

use crate::{feeds::ChangeKind, instances::Held, node::Node, paid::Settled, turns::Turns};

/// How often operations that no commitment covers are told again.
const REPEAT: Duration = Duration::from_secs(15);

/// Which instances an operation is being executed on.
#[derive(Default)]
pub(crate) struct Operations {
    turns: Turns<InstanceId>,
}

impl Operations {
    /// The turn of an instance: operations on it are executed one after the other, whoever pays for them.
    pub fn turn(&self, id: InstanceId) -> Arc<AsyncMutex<()>> {
        self.turns.of(id)
    }

    /// Keeps an operation of this node together with the answer that it was paid for, and tells everyone.
    pub async fn executed(&self, node: &Node, operation: Operation, settled: &Settled) -> Result<(), ApiError> {
        let mut turn = node.feeds.turn(operation.instance).await;
        let change = turn.change(node, ChangeKind::Operation { kind: operation.kind })?;
        node.data.executed(operation.clone(), settled.clone(), &change).await?;
        turn.changed(change);
        node.metrics.operation("executed");
        tell(node, operation).await;
        Ok(())
    }

    /// Takes in an operation that another node executed, if it is on an instance that is kept here.
    pub async fn heard(&self, node: &Node, operation: Operation) -> Result<(), ApiError> {
        let genesis = node.chain.genesis();
        let Some(signed) = node.data.assignment(operation.instance).await? else { return Ok(()) };
        if node.data.has_operation(&operation).await? {
            return Ok(());
        }
        let executor = &operation.receipt.receipt.node;
        let refuse = |why: &str| ApiError::new(ErrorCode::ProofInvalid, why);
        if signed.assignment.serving.first() != Some(executor) {
            return Err(refuse("not from the node that executes the instance's operations"));
        }
        let token = node.instances.token(node, operation.instance.token_type).await?;
        if usize::from(operation.kind) >= token.spec.key_operations.len() {
            return Err(refuse("the token type has no such key operation"));
        }
        let registered = node.chain.node(executor).await.map_err(crate::chain::api_error)?;
        let key = registered.map(|n| n.service_key).ok_or_else(|| refuse("the executor is not registered"))?;
        if !operation.verify(&genesis, &key) {
            return Err(refuse("the receipt is not signed by the executor's service key"));
        }
        let mut turn = node.feeds.turn(operation.instance).await;
        let change = turn.change(node, ChangeKind::Operation { kind: operation.kind })?;
        node.data.apply(operation, &change).await?;
        turn.changed(change);
        node.metrics.operation("applied");
        Ok(())
    }

    /// The instance's values: the issuer's, as placed and as its updates changed them since, and how often each key operation was executed.
    pub async fn values(
        &self,
        node: &Node,
        held: &Held,
    ) -> Result<std::collections::BTreeMap<String, String>, ApiError> {
        let mut values = node.feeds.values(node, held.state.instance, &held.state.values).await?;
        let done = node.data.operations(held.state.instance).await?;
        for (position, name) in held.token.spec.key_operations.iter().enumerate() {
            let count = done.iter().filter(|o| usize::from(o.kind) == position).count();
            values.insert(format!("operations.{}", String::from_utf8_lossy(name)), count.to_string());
        }
        Ok(values)
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
            let hash = operation.payload_hash(&node.chain.genesis());
            let query = AnchorProof::Operation {
                instance: Instance::from(operation.instance),
                kind: operation.kind,
                period: None,
                hash: Some(hash),
            };
            match node.anchors.operation(&*node.chain, query, |leaf| *leaf == operation).await {
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
        let query = AnchorProof::Operation { instance: Instance::from(id), kind, period, hash: None };
        let fits = |leaf: &Operation| leaf.instance == id && leaf.kind == kind;
        Ok(node.anchors.operation(&*node.chain, query, fits).await?.answer)
    }
}

/// The position of a key operation's name in its token type.
pub(crate) fn kind_of(token: &TokenType, name: &str) -> Option<OperationKind> {
    let position = token.spec.key_operations.iter().position(|n| &n[..] == name.as_bytes())?;
    u8::try_from(position).ok()
}

async fn tell(node: &Node, operation: Operation) {
    let hash: Hash = operation.payload_hash(&node.chain.genesis());
    if let Err(e) = node.network.publish(Gossip::Operation(operation)).await {
        tracing::debug!(operation = ?hash, reason = %e, "an operation was not told, it will be again");
    }
}
