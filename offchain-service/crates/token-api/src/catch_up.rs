//! Coming to know what happened to an instance before it was placed here.
//!
//! Whoever executes the operations of an instance must know all of them. So a new executor asks the other holders and the anchors first, and executes
//! nothing until then. What it is told it believes
//!
//! - of the node that executes the instance's operations now;
//! - if an anchor proves that a commitment on the chain covers it;
//! - if more than half of the holders that knew the instance before say the same, and at least two: what was gossiped all of them have.
//!
//! What one holder alone says may be made up, or the last trace of what really happened. It waits for the commitments of the periods in which
//! it can still be proved, and is left out after that.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::join_all;
use smartlayer_api_types::{rpc::AnchorProof, ApiError, ErrorCode, Instance};
use smartlayer_network::messages::{Operations as Told, RefusalCode, Request, Response};
use smartlayer_primitives::{
    assignment::Assignment, operation::Operation, payload::Payload, AccountId, Hash, InstanceId, Period,
};

use crate::{
    access::now,
    chain::api_error,
    data::CatchUp,
    feeds::other_holders,
    instances::node_peer,
    node::Node,
    operations::{self, Operations},
};

/// For how long, in seconds, a new executor waits for holders that don't answer.
const SILENCE: u64 = 600;
/// The most operations that one holder is asked for, in pages.
const MAX_PAGES: usize = 64;
/// For how many operations anchors are asked for proofs at one attempt: in all, and of one node.
const MAX_PROOFS: (usize, usize) = (32, 8);
/// How long one holder may take to tell everything.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a holder answered.
enum Answer {
    /// What happened to the instance, as far as it knows.
    Told(Vec<(Hash, Operation)>),
    /// It has the instance only since now, and does not know yet.
    New,
    /// Nothing, or nothing that can be an answer.
    Silent,
}

impl Operations {
    /// What another holder is told of an instance: the operations after that with this hash. Whoever has the instance since now only, and does
    /// not know what happened before, says so.
    pub async fn after(&self, node: &Node, id: InstanceId, after: Option<Hash>) -> Result<Response, ApiError> {
        if node.data.catching_up(id)?.is_some_and(|state| state.new) {
            return Ok(Response::refused(RefusalCode::NotYet, "this node does not know yet what happened before"));
        }
        Ok(Response::Operations(Told::truncate_from(node.data.operations_after(id, after, Told::bound())?)))
    }

    /// Asks others what happened to an instance. Returns whether nothing is left to ask.
    pub async fn fetch(&self, node: &Node, id: InstanceId) -> Result<bool, ApiError> {
        let Some(kept) = node.data.assignment(id).await? else { return Ok(true) };
        let holders = other_holders(node, &kept.assignment);
        let answers = join_all(holders.iter().map(|account| ask(node, id, account))).await;
        let (mut told, mut informed, mut silent) = (BTreeMap::new(), 0, 0);
        for answer in answers {
            match answer {
                Answer::Told(operations) => {
                    informed += 1;
                    for (hash, operation) in operations {
                        told.entry(hash).or_insert((operation, 0)).1 += 1;
                    }
                }
                Answer::New => {}
                Answer::Silent => silent += 1,
            }
        }
        let state = node.data.catching_up(id)?;
        let unproved = self.believe(node, &kept.assignment, told.into_values().collect(), informed).await?;
        let Some(state) = state else { return Ok(silent < holders.len() || holders.is_empty()) };

        let waits = unproved && waits_for_proof(node, id, state).await?;
        let late = now() >= state.since.saturating_add(SILENCE);
        if waits || !(silent == 0 || late) || !self.ask_anchors(node, id).await? {
            return Ok(false);
        }
        node.data.caught_up(id, state).await?;
        tracing::info!(instance = ?id, "knows what happened to an instance before");
        Ok(true)
    }

    /// Takes in what can be believed of what was told, each with how many of the `informed` holders said it. Returns whether something is left
    /// that nothing shows yet.
    async fn believe(
        &self,
        node: &Node,
        assignment: &Assignment,
        told: Vec<(Operation, usize)>,
        informed: usize,
    ) -> Result<bool, ApiError> {
        let mut unproved = false;
        let mut doubtful = Vec::new();
        for (operation, count) in told {
            if node.data.has_operation(&operation).await? {
                continue;
            }
            let majority = count >= 2 && 2 * count > informed;
            // Of another executor, or another instance, nothing is looked up: who tells of many such would hold everything up.
            let claims = operation.instance == assignment.instance
                && assignment.serving.first() == Some(&operation.receipt.receipt.node);
            match majority || claims && matches!(self.is_by_executor(node, &operation).await, Ok(true)) {
                true => unproved |= !accepted(self.accept(node, operation).await)?,
                false => doubtful.push(operation),
            }
        }
        let asked = self.to_be_proved(node, &mut doubtful);
        unproved |= !doubtful.is_empty();
        let proofs = asked.iter().map(|operation| operations::is_committed(node, operation));
        for (operation, is_committed) in asked.iter().zip(join_all(proofs).await) {
            match is_committed {
                true => unproved |= !accepted(self.accept(node, operation.clone()).await)?,
                false => unproved = true,
            }
        }
        Ok(unproved)
    }

    /// Takes those out of `doubtful` that anchors are asked about now: those first that they were not asked about, or not lately.
    fn to_be_proved(&self, node: &Node, doubtful: &mut Vec<Operation>) -> Vec<Operation> {
        let genesis = node.chain.genesis();
        let mut last = self.asked.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        doubtful.sort_by_cached_key(|operation| last.peek(&operation.payload_hash(&genesis)).copied());
        let (mut of_node, mut chosen) = (BTreeMap::<AccountId, usize>::new(), Vec::new());
        doubtful.retain(|operation| {
            let count = of_node.entry(operation.receipt.receipt.node.clone()).or_default();
            let is_chosen = chosen.len() < MAX_PROOFS.0 && *count < MAX_PROOFS.1;
            if is_chosen {
                *count += 1;
                last.insert(operation.payload_hash(&genesis), Instant::now());
                chosen.push(operation.clone());
            }
            !is_chosen
        });
        chosen
    }

    /// Takes in what anchors prove to have happened to the instance, whatever holders say. Returns whether one of them could be asked.
    async fn ask_anchors(&self, node: &Node, id: InstanceId) -> Result<bool, ApiError> {
        let token = node.instances.token(node, id.token_type).await?;
        let kinds = (0..).take(token.spec.key_operations.len());
        let proofs = kinds.map(|kind| async move {
            let query = AnchorProof::Operation { instance: Instance::from(id), kind, period: None, hash: None };
            node.anchors.operation(&*node.chain, query, |leaf| leaf.did(id, kind)).await
        });
        let mut all = true;
        for proven in join_all(proofs).await {
            match proven {
                Ok(proven) => all &= accepted(self.accept(node, proven.leaf).await)?,
                Err(e) if e.code == ErrorCode::NotCommitted => {}
                Err(e) => {
                    tracing::debug!(instance = ?id, error = %e, "no anchor says what happened to an instance");
                    all = false;
                }
            }
        }
        Ok(all)
    }
}

/// Whether an operation was judged. One that can't have happened to the instance spoils only itself.
fn accepted(result: Result<(), ApiError>) -> Result<bool, ApiError> {
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.code == ErrorCode::Internal => Err(e),
        Err(e) => {
            tracing::warn!(error = %e, "told of an operation that was not taken in");
            // The others may be known a moment later.
            let final_ones =
                [ErrorCode::ProofInvalid, ErrorCode::AlreadyIssued, ErrorCode::Destroyed, ErrorCode::UnknownToken];
            Ok(final_ones.contains(&e.code))
        }
    }
}

/// All that a holder knows of the instance.
async fn ask(node: &Node, id: InstanceId, account: &AccountId) -> Answer {
    let told = tokio::time::timeout(PATIENCE, pages(node, id, account)).await;
    told.unwrap_or(Answer::Silent)
}

async fn pages(node: &Node, id: InstanceId, account: &AccountId) -> Answer {
    let Some(peer) = node_peer(node, account).await else { return Answer::Silent };
    let genesis = node.chain.genesis();
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = match node.network.request(peer, Request::Operations { instance: id, after }).await {
            Ok(Response::Operations(page)) => page,
            Ok(Response::Refused(refusal)) if refusal.code == RefusalCode::NotYet => return Answer::New,
            _ => return Answer::Silent,
        };
        let is_full = page.len() == Told::bound();
        for operation in page {
            let hash = operation.payload_hash(&genesis);
            if after.is_some_and(|after| hash <= after) || !operation.sides().any(|(side, _)| side == id) {
                tracing::warn!(%peer, instance = ?id, "a holder told of what it was not asked for");
                return Answer::Silent;
            }
            after = Some(hash);
            all.push((hash, operation));
        }
        if !is_full {
            break;
        }
    }
    Answer::Told(all)
}

/// Whether what was told can still be proved: until the periods are committed in which it can have been executed and heard of.
async fn waits_for_proof(node: &Node, id: InstanceId, state: CatchUp) -> Result<bool, ApiError> {
    let committed = node.chain.next_to_commit().await.map_err(api_error)?;
    let due = match state.proof_due {
        Some(due) => due,
        None => {
            let running = node.chain.clock().await.map_err(api_error)?.map_or(committed, |clock| clock.period);
            let due: Period = running.saturating_add(2);
            node.data.wait_for_proof(id, due).await?;
            due
        }
    };
    Ok(committed < due)
}
