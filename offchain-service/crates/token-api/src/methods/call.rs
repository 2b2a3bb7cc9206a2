//! `token_call`: an action of the script. Key operations are executed by one node, once, and recorded.

use serde_json::Value;
use smartlayer_api_types::{
    rpc::{CallResult, TokenCall},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{
    operation::{Operation, ISSUE, TRANSFER},
    receipt::Executed,
    token::TokenType,
    InstanceId, OperationKind, TokenTypeId,
};
use smartlayer_token_script::Context;

use crate::{
    access::{self, Needed, Shown, Use},
    config::Class,
    evaluate::{self, Chains},
    instances::Held,
    node::Node,
    operations::kind_of,
    paid::Settled,
    reading::Reading,
};

/// A call that can be served.
pub(crate) struct CallWork {
    held: Held,
    reading: Reading,
    params: TokenCall,
    /// Which key operation it is, if it is one.
    kind: Option<OperationKind>,
    needed: Needed,
    shown: Option<Shown>,
}

pub(super) async fn prepare(node: &Node, params: TokenCall, shown: Option<Shown>) -> Result<CallWork, ApiError> {
    let held = node.instances.held(node, params.instance.into()).await?;
    // Arguments are checked before anybody pays for them; the values don't matter for that.
    let context = Context::default();
    let _ = held.script.evaluate_action(&params.action, &params.inputs, &context).map_err(evaluate::action_error)?;
    let reading = Reading::new(&held, &params.reading)?;
    let kind = kind_of(&held.token, &params.action);
    if kind.is_some() {
        if [TRANSFER, ISSUE].contains(&params.action.as_str()) {
            let message = format!("{} is a side of a transfer: call token_transfer", params.action);
            return Err(ApiError::new(ErrorCode::InvalidParams, message));
        }
        node.instances.look_before_operation(node, held.state.instance).await?;
        node.operations.check_executable(node, held.state.instance).await?;
    }
    let values = node.operations.values(node, &held).await?;
    let action = access::private_among(&held, &values, [params.action.as_str()]).pop_first();
    let needed = Needed { attributes: Default::default(), action };
    access::authorise(node, &held, &reading, shown.as_ref(), &needed, Use::Look).await?;
    Ok(CallWork { held, reading, params, kind, needed, shown })
}

impl CallWork {
    /// The token type that is called.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.params.instance.token_type, &self.held.token)
    }

    /// Key operations are recorded, and dear.
    pub fn class(&self) -> Class {
        self.kind.map_or(Class::Call, |_| Class::Operation)
    }

    /// Does what the action does. `settle` turns the result into the signed answer; for a key operation both are on disk together
    /// when this returns.
    pub async fn run(self, node: &Node, settle: &super::Settle<'_>) -> Result<Settled, ApiError> {
        let Self { held, reading, params, kind, needed, shown } = self;
        let instance: InstanceId = params.instance.into();
        // From judging the selection to recording the operation no other operation on the instance comes between.
        let turn = kind.map(|_| node.operations.turn(instance));
        let _turn = match &turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        if kind.is_some() {
            node.operations.check_executable(node, instance).await?;
        }
        let chains = Chains::new(node);
        let context = reading.context(node, &held, &chains).await?;
        let evaluation = held.script.evaluate_action(&params.action, &params.inputs, &context);
        let values = evaluate::run(&chains, evaluation.map_err(evaluate::action_error)?).await?;
        let transaction = held.script.transaction(&params.action, &context, &values).map_err(evaluate::action_error)?;
        let (mut attributes, _) = super::attributes::split(values)?;
        // What an action was judged on can be private although the action is not; token_attributes shows it to whom it is granted.
        let private = access::private_among(&held, &context.values, attributes.keys().map(String::as_str));
        attributes.retain(|name, _| !private.contains(name));
        let result = CallResult {
            instance: params.instance,
            action: params.action,
            operation: kind,
            attributes,
            transaction: transaction.map(|t| serde_json::to_value(t).unwrap_or(Value::Null)),
            blocks: chains.blocks().await,
        };
        let executed = kind.map(|kind| Executed::new(instance, kind));
        // An answer that is too large fails here, before anything is recorded.
        let settled = settle(super::text(&result)?, executed)?;
        access::authorise(node, &held, &reading, shown.as_ref(), &needed, Use::Take).await?;
        if let Some(kind) = kind {
            let operation = Operation { instance, kind, receipt: settled.receipt.clone() };
            node.operations.executed(node, operation, &settled).await?;
        }
        Ok(settled)
    }
}
