//! Evaluating token scripts: the script says which contract calls it lacks, this makes them.

use std::collections::BTreeMap;

use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_token_script::{ActionError, AttributeError, CallError, Context, Evaluation, FilterError, Step, Values};

use crate::{
    evm::{EvmCall, EvmError},
    instances::Held,
    node::Node,
};

/// What the script may know of the instance.
pub(crate) async fn context(node: &Node, held: &Held) -> Result<Context, ApiError> {
    let token_id = alloy_primitives::U256::from_be_bytes(held.state.token_id);
    Ok(Context { token_id, values: node.operations.values(node, held).await?, ..Context::default() })
}

/// Runs an evaluation to its end. All calls to one chain are made at one block, which is returned by chain id.
pub(crate) async fn run(
    node: &Node,
    mut evaluation: Evaluation<'_>,
) -> Result<(Values, BTreeMap<String, u64>), ApiError> {
    let mut blocks: BTreeMap<u64, u64> = BTreeMap::new();
    loop {
        let calls = match evaluation.step() {
            Step::Done(values) => return Ok((values, blocks.into_iter().map(|(c, b)| (c.to_string(), b)).collect())),
            Step::NeedCalls(calls) => calls,
        };
        let mut by_chain: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for call in calls {
            by_chain.entry(call.chain_id).or_default().push(call);
        }
        for (chain, calls) in by_chain {
            match results(node, chain, &mut blocks, &calls).await {
                Ok(results) => {
                    for (call, result) in calls.into_iter().zip(results) {
                        evaluation.supply(call, result.map_err(CallError::Reverted));
                    }
                }
                // What this node is not set up for is no failure: attributes that don't need it are answered.
                Err(e @ EvmError::UnknownChain(_)) => {
                    for call in calls {
                        evaluation.supply(call, Err(CallError::Unavailable(e.to_string())));
                    }
                }
                Err(e) => return Err(ApiError::new(ErrorCode::EvmFailure, e.to_string())),
            }
        }
    }
}

async fn results(
    node: &Node,
    chain: u64,
    blocks: &mut BTreeMap<u64, u64>,
    calls: &[smartlayer_token_script::EthereumCall],
) -> Result<Vec<Result<Vec<u8>, String>>, EvmError> {
    let block = match blocks.get(&chain) {
        Some(block) => *block,
        None => node.evm.block_number(chain).await?,
    };
    blocks.insert(chain, block);
    let calls: Vec<_> = calls.iter().map(|c| EvmCall { to: c.to.into_array(), data: c.data.clone() }).collect();
    node.evm.call(chain, block, &calls).await
}

/// Why an action is refused, as callers are told.
pub(crate) fn action_error(error: ActionError) -> ApiError {
    let code = match &error {
        ActionError::Unknown(_) => ErrorCode::UnknownAction,
        ActionError::UnknownArgument(_) | ActionError::InvalidArgument { .. } | ActionError::MissingArgument(_) => {
            ErrorCode::InvalidParams
        }
        ActionError::Denied { .. } => ErrorCode::SelectionDenies,
        ActionError::Undecided { error: FilterError::Attribute { error, .. }, .. }
        | ActionError::Attribute { error, .. }
            if is_unavailable(error) =>
        {
            ErrorCode::EvmFailure
        }
        _ => ErrorCode::EvaluationFailed,
    };
    let mut details = serde_json::json!({ "refusal": error.code() });
    if let ActionError::Denied { selection, reason } = &error {
        details["selection"] = selection.as_str().into();
        details["denial"] = serde_json::to_value(reason).unwrap_or_default();
    }
    ApiError::new(code, error.to_string()).with(details)
}

fn is_unavailable(error: &AttributeError) -> bool {
    match error {
        AttributeError::Call(CallError::Unavailable(_)) => true,
        AttributeError::Reference { error, .. } => is_unavailable(error),
        _ => false,
    }
}
