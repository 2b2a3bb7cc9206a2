//! `token_transfer`: one instance is destroyed and another issued in exchange, by one record, at the order of the owner.

use smartlayer_api_types::{
    rpc::{TokenTransfer, Transferred},
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
    instances::{check_executor, Held},
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
    check_executor(node, &held).await?;
    let kind = required(&held.token, held.state.instance, TRANSFER, "no-transfer-operation")?;
    node.operations.check_executable(node, held.state.instance).await?;
    let reading = Reading::new(&held, &params.reading)?;
    access::authorise_transfer(node, &held, &reading, &signed).await?;
    // Only now: nobody but the owner has another instance looked up.
    let id = signed.order.issued;
    let other = node.instances.placed(node, id).await?;
    let issue = required(&other.token, id, ISSUE, "no-issue-operation")?;
    if other.script.has_contract() {
        let why = format!("the contract of token type {} says who owns its instances", id.token_type);
        return Err(impossible("owned-on-chain", why));
    }
    if reserved_for(&other.state) != Some(held.state.instance) {
        let why = format!(
            "instance {} of token type {} is not reserved for this exchange by its value issue.from",
            id.index, id.token_type
        );
        return Err(impossible("not-reserved", why));
    }
    node.operations.check_unissued(node, &other.token, id).await?;
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
        let turns = [source.min(id), source.max(id)].map(|id| node.operations.turn(id));
        let _turns = (turns[0].lock().await, turns[1].lock().await);
        node.operations.check_executable(node, source).await?;
        node.operations.check_unissued(node, &other, id).await?;
        access::authorise_transfer(node, &held, &reading, &signed).await?;

        let issued = Issued { instance: id, kind: issue, owner: signed.order.to.into() };
        let executed = Executed { instance: source, kind, issued: Some(issued) };
        let ExecutedJson { instance, kind: operation, issued } = executed.clone().into();
        let Some(issued) = issued else { return Err(ErrorCode::Internal.into()) };
        let result = super::text(&Transferred { instance, operation, issued })?;
        let settled = settle(result, Some(executed))?;
        let operation = Operation { instance: source, kind, receipt: settled.receipt.clone() };
        node.operations.executed(node, operation, &settled).await?;
        Ok(settled)
    }
}

/// The position of the key operation that a transfer needs.
fn required(token: &TokenType, id: InstanceId, name: &str, refusal: &str) -> Result<OperationKind, ApiError> {
    let missing = || impossible(refusal, format!("token type {} has no key operation {name}", id.token_type));
    token.spec.kind_of(name).ok_or_else(missing)
}

fn impossible(refusal: &str, why: String) -> ApiError {
    ApiError::new(ErrorCode::NotTransferable, why).with(serde_json::json!({ "refusal": refusal }))
}
