//! The JSON-RPC methods. Free ones are answered at once; paid ones are prepared, paid for, and then worked on.

mod attributes;
mod call;
mod describe;
mod discover;
mod info;
mod proof;
mod publish;
mod results;
mod select;
mod session;
pub(crate) mod subscribe;
mod transaction;
mod transfer;
mod trust;
mod view;

pub(crate) use {
    attributes::AttributesWork,
    call::CallWork,
    describe::check_language,
    select::SelectWork,
    transaction::{estimate_error, TransactionWork},
    transfer::TransferWork,
    view::ViewWork,
};

use std::sync::Arc;

use bytes::Bytes;
use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{self, method},
    ApiError, ErrorCode,
};

use smartlayer_primitives::{receipt::Executed, token::TokenType, TokenTypeId};

use crate::{
    access::{self, Shown},
    answers::{Kept, Key},
    config::Class,
    node::Node,
    paid::Settled,
    settle,
};

/// The methods that cost nothing.
pub(crate) const FREE: &[&str] = &[
    method::TOKEN_DESCRIBE,
    method::TOKEN_PROOF,
    method::TOKEN_HOLDERS,
    method::GRANT_REVOKE,
    method::SESSION_TERMS,
    method::SESSION_STATE,
    method::SESSION_CLOSE,
    method::ISSUER_PUBLISH,
    method::ISSUER_FEED,
    method::ISSUER_UNLOCK,
    method::NODE_INFO,
    method::DISCOVER,
];
/// The methods that are paid for, and the classes that a call of each may fall into: what it costs.
pub(crate) const PAID: &[(&str, &[Class])] = &[
    (method::TOKEN_ATTRIBUTES, &[Class::Query]),
    (method::TOKEN_SELECT, &[Class::Query]),
    (method::TOKEN_VIEW, &[Class::Query]),
    (method::TOKEN_TRANSACTION, &[Class::Call]),
    (method::TOKEN_CALL, &[Class::Call, Class::Operation]),
    (method::TOKEN_TRANSFER, &[Class::Operation]),
];

/// The methods that cost nothing and that only a WebSocket carries.
#[cfg(test)]
pub(crate) const SUBSCRIPTIONS: &[&str] = &[method::TOKEN_SUBSCRIBE, method::TOKEN_UNSUBSCRIBE];

/// Whether calls of the method can cost something.
pub(crate) fn is_payable(method: &str) -> bool {
    PAID.iter().any(|(name, _)| *name == method)
}

/// Whether the method is one that only reads: its answers may be kept for a moment.
pub(crate) fn is_query(method: &str) -> bool {
    PAID.iter().any(|(name, classes)| *name == method && **classes == [Class::Query])
}

/// The method's name as this program has it; `unknown` if there is no such method.
pub(crate) fn name(method: &str) -> &'static str {
    let all = PAID.iter().map(|(name, _)| name).chain(FREE);
    all.copied().find(|name| *name == method).unwrap_or("unknown")
}

/// Turns a result, which is JSON, and what was executed to get it into the signed answer.
pub(crate) type Settle<'a> = dyn Fn(Bytes, Option<Executed>) -> Result<Settled, ApiError> + Send + Sync + 'a;

/// Answers a free method.
pub(crate) async fn free(node: &Arc<Node>, name: &str, given: Option<Value>) -> Result<Value, ApiError> {
    match name {
        method::TOKEN_DESCRIBE => answer(describe::describe(node, params(given)?).await?),
        method::TOKEN_PROOF => answer(proof::prove(node, params(given)?).await?),
        method::TOKEN_HOLDERS => {
            let rpc::TokenHolders { instance } = params(given)?;
            answer(node.instances.holders(node, instance.into()).await?)
        }
        method::GRANT_REVOKE => {
            // Beside what was signed, the caller may show the token.
            let mut given = given;
            let reading = given.as_mut().and_then(Value::as_object_mut).and_then(|given| given.remove("reading"));
            let reading = reading.map(|reading| params(Some(reading))).transpose()?.unwrap_or_default();
            let changed = access::revoke(node, &params(given)?, &reading).await?;
            answer(rpc::Revoked { changed })
        }
        method::SESSION_TERMS => answer(session::terms(node)),
        method::SESSION_STATE => answer(session::state(node, params(given)?).await?),
        method::SESSION_CLOSE => answer(settle::close(node, params(given)?).await?),
        method::ISSUER_PUBLISH => answer(publish::publish(node, params(given)?).await?),
        method::ISSUER_UNLOCK => {
            let rpc::IssuerUnlock { instance, key } = params(given)?;
            let changed = node.seals.take(node, instance.into(), &key.0).await?;
            answer(rpc::Unlocked { changed })
        }
        method::ISSUER_FEED => answer(publish::feed(node, params(given)?).await?),
        method::NODE_INFO => answer(info::info(node).await?),
        method::DISCOVER => Ok(discover::document(node)),
        _ => Err(ErrorCode::MethodNotFound.into()),
    }
}

/// Work that is done once it is paid for.
pub(crate) enum Work {
    /// What was answered a moment ago, and its method and parameters, should something change before it is answered again.
    Kept(Arc<Kept>, &'static str, Option<Bytes>),
    /// Reading attributes.
    Attributes(AttributesWork),
    /// Judging a selection.
    Select(SelectWork),
    /// Reading a view.
    View(ViewWork),
    /// Making a transaction.
    Transaction(TransactionWork),
    /// An action.
    Call(CallWork),
    /// Exchanging an instance for another.
    Transfer(Box<TransferWork>),
}

impl Work {
    /// The token type that is called, and whether its issuer has a share in the payments.
    pub fn called(&self) -> (TokenTypeId, bool) {
        match self {
            Self::Kept(kept, ..) => kept.called,
            Self::Attributes(work) => called(work.token()),
            Self::Select(work) => called(work.token()),
            Self::View(work) => called(work.token()),
            Self::Transaction(work) => called(work.token()),
            Self::Call(work) => called(work.token()),
            Self::Transfer(work) => called(work.token()),
        }
    }

    /// What it costs depends on this.
    pub fn class(&self) -> Class {
        match self {
            Self::Kept(..) | Self::Attributes(_) | Self::Select(_) | Self::View(_) => Class::Query,
            Self::Transaction(_) => Class::Call,
            Self::Call(work) => work.class(),
            Self::Transfer(_) => Class::Operation,
        }
    }

    /// Does it. What is recorded is on disk with its answer when this returns.
    pub async fn run(self, node: &Node, settle: &Settle<'_>) -> Result<Settled, ApiError> {
        match self {
            Self::Kept(kept, ..) if kept.holds(node) => settle(kept.result.clone(), None),
            Self::Kept(_, name, params) => Box::pin(prepare(node, name, params).await?.run(node, settle)).await,
            Self::Attributes(work) => settle(work.run(node).await?, None),
            Self::Select(work) => settle(work.run(node).await?, None),
            Self::View(work) => settle(work.run(node).await?, None),
            Self::Transaction(work) => settle(work.run(node).await?, None),
            Self::Call(work) => work.run(node, settle).await,
            Self::Transfer(work) => work.run(node, settle).await,
        }
    }
}

fn called((id, token): (TokenTypeId, &TokenType)) -> (TokenTypeId, bool) {
    (id, !token.spec.revenue_share.is_zero())
}

/// Checks whether a paid call can be served at all, before anybody pays for it. The parameters are JSON.
pub(crate) async fn prepare(node: &Node, name: &'static str, given: Option<Bytes>) -> Result<Work, ApiError> {
    let key = Key::new(name, given.as_ref());
    if let Some(kept) = key.as_ref().and_then(|key| node.answers.get(node, key)) {
        return Ok(Work::Kept(kept, name, given));
    }
    let given = parse(given)?;
    let shown = Shown::read(name, given.as_ref())?;
    // What a grant shows is for who shows it.
    let key = key.filter(|_| shown.is_none());
    match name {
        method::TOKEN_ATTRIBUTES => Ok(Work::Attributes(attributes::prepare(node, params(given)?, shown, key).await?)),
        method::TOKEN_SELECT => Ok(Work::Select(select::prepare(node, params(given)?, shown, key).await?)),
        method::TOKEN_VIEW => Ok(Work::View(view::prepare(node, params(given)?, key).await?)),
        method::TOKEN_TRANSACTION => Ok(Work::Transaction(transaction::prepare(node, params(given)?, shown).await?)),
        method::TOKEN_CALL => Ok(Work::Call(call::prepare(node, params(given)?, shown).await?)),
        method::TOKEN_TRANSFER => Ok(Work::Transfer(Box::new(transfer::prepare(node, params(given)?).await?))),
        _ => Err(ErrorCode::MethodNotFound.into()),
    }
}

/// The parameters, passed by name.
fn params<P: DeserializeOwned>(given: Option<Value>) -> Result<P, ApiError> {
    let given = given.unwrap_or_else(|| Value::Object(Default::default()));
    P::deserialize(given).map_err(|e| ApiError::new(ErrorCode::InvalidParams, e.to_string()))
}

/// Parameters as they came.
pub(crate) fn parse(params: Option<Bytes>) -> Result<Option<Value>, ApiError> {
    let parse = |text: Bytes| serde_json::from_slice(&text);
    params.map(parse).transpose().map_err(|e| ApiError::new(ErrorCode::InvalidParams, e.to_string()))
}

/// A result as JSON.
pub(crate) fn text(result: &impl Serialize) -> Result<Bytes, ApiError> {
    let text = serde_json::to_vec(result).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))?;
    Ok(text.into())
}

fn answer(answer: impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(answer).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
}
