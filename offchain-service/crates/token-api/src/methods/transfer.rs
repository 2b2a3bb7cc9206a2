//! `token_transfer`: one instance is destroyed and another issued in exchange, by one record, at the order of the owner.

use std::collections::BTreeMap;

use smartlayer_api_types::{
    rpc::{self, TokenTransfer, Transferred},
    x402::ExecutedJson,
    ApiError, ErrorCode,
};
use smartlayer_grants::SignedTransfer;
use smartlayer_primitives::{
    operation::{Operation, ISSUE, TRANSFER},
    receipt::{Executed, Issued},
    token::TokenType,
    InstanceId, OperationKind, TokenTypeId,
};

use super::Settle;
use crate::{
    access,
    evaluate::{self, Chains},
    instances::Held,
    node::Node,
    operations::reserved_for,
    paid::Settled,
    reading::Reading,
};

/// A transfer that can be made.
pub(crate) struct TransferWork {
    held: Held,
    reading: Reading,
    signed: SignedTransfer,
    /// The key operation that destroys.
    kind: OperationKind,
    /// The type of what is issued, and the key operation that issues it.
    other: TokenType,
    issue: OperationKind,
}

pub(super) async fn prepare(node: &Node, params: TokenTransfer) -> Result<TransferWork, ApiError> {
    let signed = access::read_order(&params)?;
    let held = node.instances.held(node, params.instance.into()).await?;
    let source = held.state.instance;
    let kind = required(&held.token, source, TRANSFER, "no-transfer-operation")?;
    node.instances.look_before_operation(node, source).await?;
    node.operations.check_executable(node, source).await?;
    let reading = Reading::new(&held, &params.reading)?;
    access::authorise_transfer(node, &held, &reading, &signed).await?;
    check_is_issued(node, &held).await?;
    // Only now: nobody but the owner has another instance looked up.
    let id = signed.order.issued;
    let other = node.instances.placed(node, id).await?;
    let issue = required(&other.token, id, ISSUE, "no-issue-operation")?;
    if other.script.has_contract() || !other.script.attestations.is_empty() {
        let why = format!("a contract or an attestation says who owns the instances of token type {}", id.token_type);
        return Err(impossible("owned-on-chain", why));
    }
    if reserved_for(&other.state) != Some(source) {
        let why = format!(
            "instance {} of token type {} is not reserved for this exchange by its value issue.from",
            id.index, id.token_type
        );
        return Err(impossible("not-reserved", why));
    }
    check_issuable(node, &other.token, id).await?;
    check_gate(node, &held, &reading).await?;
    Ok(TransferWork { held, reading, signed, kind, other: other.token, issue })
}

impl TransferWork {
    /// The token type that is called.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.held.state.instance.token_type, &self.held.token)
    }

    /// Makes it. The record and the answer are on disk together when this returns.
    pub async fn run(self, node: &Node, settle: &Settle<'_>) -> Result<Settled, ApiError> {
        let Self { held, reading, signed, kind, other, issue } = self;
        let (source, id) = (held.state.instance, signed.order.issued);
        // From judging the order to recording it no other operation on the instances comes between. Whoever waits for two waits for them in
        // one order.
        let turns = node.operations.both(source, id);
        let _turns = (turns.0.lock().await, turns.1.lock().await);
        node.operations.check_executable(node, source).await?;
        check_is_issued(node, &held).await?;
        check_issuable(node, &other, id).await?;
        let mut blocks = check_gate(node, &held, &reading).await?;
        blocks.extend(access::authorise_transfer(node, &held, &reading, &signed).await?);

        let issued = Issued { instance: id, kind: issue, owner: signed.order.to.into() };
        let executed = Executed { instance: source, kind, issued: Some(issued) };
        let ExecutedJson { instance, kind: operation, issued } = executed.clone().into();
        let Some(issued) = issued else { return Err(ErrorCode::Internal.into()) };
        let result = super::text(&Transferred { instance, operation, issued, blocks })?;
        let settled = settle(result, Some(executed))?;
        let operation = Operation { instance: source, kind, receipt: settled.receipt.clone() };
        node.operations.executed(node, operation, &settled).await?;
        Ok(settled)
    }
}

/// What is still to be issued for something else is not there yet to be given away.
async fn check_is_issued(node: &Node, held: &Held) -> Result<(), ApiError> {
    let source = held.state.instance;
    if reserved_for(&held.state).is_some() && !node.operations.is_issued(node, source).await? {
        let why = format!("instance {} of token type {} is not issued yet", source.index, source.token_type);
        return Err(impossible("not-issued", why));
    }
    Ok(())
}

async fn check_issuable(node: &Node, token: &TokenType, id: InstanceId) -> Result<(), ApiError> {
    node.operations.check_unissued(node, token, id).await?;
    node.operations.check_alive(node, id).await
}

/// Whether the script lets the source be transferred: by the selections that its action of that name excludes, if it has one. Returns the blocks
/// that were read.
async fn check_gate(
    node: &Node,
    held: &Held,
    reading: &Reading,
) -> Result<BTreeMap<String, rpc::ChainBlock>, ApiError> {
    if held.script.action(TRANSFER).is_none() {
        return Ok(BTreeMap::new());
    }
    let chains = Chains::new(node);
    let context = reading.context(node, held, &chains).await?;
    let (script, inputs) = (&held.script, serde_json::Map::new());
    let evaluation = script.evaluate_action(TRANSFER, &inputs, &context).map_err(evaluate::action_error)?;
    let values = evaluate::run(&chains, evaluation).await?;
    script.check_action(TRANSFER, &context, &values).map_err(evaluate::action_error)?;
    Ok(chains.blocks().await)
}

/// The position of the key operation that a transfer needs.
fn required(token: &TokenType, id: InstanceId, name: &str, refusal: &str) -> Result<OperationKind, ApiError> {
    let missing = || impossible(refusal, format!("token type {} has no key operation {name}", id.token_type));
    token.spec.kind_of(name).ok_or_else(missing)
}

fn impossible(refusal: &str, why: String) -> ApiError {
    ApiError::new(ErrorCode::NotTransferable, why).with(serde_json::json!({ "refusal": refusal }))
}
