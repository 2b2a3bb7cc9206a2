//! `token_transaction`: what an action would have its caller's wallet send, simulated and priced before it is handed out. No key of a
//! caller is ever here.

use alloy_primitives::Address;
use bytes::Bytes;
use smartlayer_api_types::{
    rpc::{TokenTransaction, Transaction, TransactionAnswer},
    ApiError, ErrorCode,
};
use smartlayer_ethereum::{EstimateError, Transaction as Unpriced};
use smartlayer_primitives::{token::TokenType, TokenTypeId};
use smartlayer_token_script::Context;

use crate::{
    access::{self, Needed, Shown, Use},
    evaluate::{self, Chains},
    instances::Held,
    node::Node,
    reading::{self, Reading},
};

/// A call that can be served.
pub(crate) struct TransactionWork {
    held: Held,
    reading: Reading,
    sender: Address,
    params: TokenTransaction,
    needed: Needed,
    shown: Option<Shown>,
}

pub(super) async fn prepare(
    node: &Node,
    params: TokenTransaction,
    shown: Option<Shown>,
) -> Result<TransactionWork, ApiError> {
    let held = node.instances.held(node, params.instance.into()).await?;
    let sender = reading::address(&params.sender)?;
    let reading = Reading::new(&held, &params.reading)?.of_caller(sender)?;
    let context = Context::default();
    let _ = held.script.evaluate_action(&params.action, &params.inputs, &context).map_err(evaluate::action_error)?;
    if held.script.action(&params.action).is_some_and(|card| card.transaction.is_none()) {
        let message = format!("action {} makes no transaction; call it with token_call", params.action);
        return Err(ApiError::new(ErrorCode::InvalidParams, message));
    }
    let values = node.operations.values(node, &held).await?;
    let action = access::private_among(&held, &values, [params.action.as_str()]).pop_first();
    let needed = Needed { attributes: Default::default(), action };
    access::authorise(node, &held, &reading, shown.as_ref(), &needed, Use::Look).await?;
    Ok(TransactionWork { held, reading, sender, params, needed, shown })
}

impl TransactionWork {
    /// The token type that is called.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.params.instance.token_type, &self.held.token)
    }

    /// Makes the transaction, and has it simulated at the block that its values were read at.
    pub async fn run(self, node: &Node) -> Result<Bytes, ApiError> {
        let Self { held, reading, sender, params, needed, shown } = self;
        let chains = Chains::new(node);
        let context = reading.context(node, &held, &chains).await?;
        let evaluation = held.script.evaluate_action(&params.action, &params.inputs, &context);
        let values = evaluate::run(&chains, evaluation.map_err(evaluate::action_error)?).await?;
        let made = held.script.transaction(&params.action, &context, &values).map_err(evaluate::action_error)?;
        // That there is one was seen before it was paid for.
        let made = made.ok_or_else(|| ApiError::from(ErrorCode::Internal))?;
        let unpriced = Unpriced { from: sender, to: made.to, value: made.value, data: made.data.clone().into() };
        let estimate = chains.estimate(made.chain_id, &unpriced).await?;
        access::authorise(node, &held, &reading, shown.as_ref(), &needed, Use::Take).await?;
        let hex = |number: u128| format!("{number:#x}");
        let transaction = Transaction {
            kind: if estimate.fees.is_some() { "0x2" } else { "0x0" }.into(),
            chain_id: hex(made.chain_id.into()),
            from: sender.to_checksum(None),
            to: made.to.to_checksum(None),
            value: format!("{:#x}", made.value),
            data: format!("0x{}", hex::encode(&made.data)),
            gas: hex(estimate.gas.into()),
            max_fee_per_gas: estimate.fees.map(|fees| hex(fees.max_fee)),
            max_priority_fee_per_gas: estimate.fees.map(|fees| hex(fees.max_priority_fee)),
            nonce: hex(estimate.nonce.into()),
        };
        super::text(&TransactionAnswer {
            instance: params.instance,
            action: params.action,
            transaction,
            exceeds_block: estimate.bounded,
            blocks: chains.blocks().await,
        })
    }
}

/// Why there is no estimate, as callers are told.
pub(crate) fn estimate_error(error: EstimateError) -> ApiError {
    match error {
        EstimateError::Reverted(revert) => {
            let details = serde_json::json!({ "revert": revert.reason.map(|reason| reason.to_string()) });
            ApiError::new(ErrorCode::TransactionFails, revert.words).with(details)
        }
        EstimateError::Chain(error) => evaluate::chain_error(&error),
    }
}
