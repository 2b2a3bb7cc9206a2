//! The JSON-RPC methods. Free ones are answered at once; paid ones are prepared, paid for, and then worked on.

mod attributes;
mod call;
mod describe;
mod discover;
mod info;
mod proof;
mod publish;
mod session;

pub(crate) use {attributes::AttributesWork, call::CallWork};

use std::sync::Arc;

use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{self, method},
    ApiError, ErrorCode,
};

use smartlayer_primitives::{token::TokenType, TokenTypeId};

use crate::{node::Node, settle};

/// The methods that cost nothing.
pub(crate) const FREE: &[&str] = &[
    method::TOKEN_DESCRIBE,
    method::TOKEN_PROOF,
    method::TOKEN_HOLDERS,
    method::SESSION_TERMS,
    method::SESSION_STATE,
    method::SESSION_CLOSE,
    method::ISSUER_PUBLISH,
    method::ISSUER_FEED,
    method::NODE_INFO,
    method::DISCOVER,
];
/// The methods that are paid for.
pub(crate) const PAID: &[&str] = &[method::TOKEN_ATTRIBUTES, method::TOKEN_CALL];

/// Answers a free method.
pub(crate) async fn free(node: &Arc<Node>, name: &str, given: Option<Value>) -> Result<Value, ApiError> {
    match name {
        method::TOKEN_DESCRIBE => answer(describe::describe(node, params(given)?).await?),
        method::TOKEN_PROOF => answer(proof::prove(node, params(given)?).await?),
        method::TOKEN_HOLDERS => {
            let rpc::TokenHolders { instance } = params(given)?;
            answer(node.instances.holders(node, instance.into()).await?)
        }
        method::SESSION_TERMS => answer(session::terms(node)),
        method::SESSION_STATE => answer(session::state(node, params(given)?).await?),
        method::SESSION_CLOSE => answer(settle::close(node, params(given)?).await?),
        method::ISSUER_PUBLISH => answer(publish::publish(node, params(given)?).await?),
        method::ISSUER_FEED => answer(publish::feed(node, params(given)?).await?),
        method::NODE_INFO => answer(info::info(node).await?),
        method::DISCOVER => Ok(discover::document(node)),
        _ => Err(ErrorCode::MethodNotFound.into()),
    }
}

/// Work that is done once it is paid for.
pub(crate) enum Work {
    /// Reading attributes.
    Attributes(AttributesWork),
    /// An action.
    Call(CallWork),
}

impl Work {
    /// The token type that is called.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        match self {
            Self::Attributes(work) => work.token(),
            Self::Call(work) => work.token(),
        }
    }
}

/// Checks whether a paid call can be served at all, before anybody pays for it.
pub(crate) async fn prepare(node: &Node, name: &str, given: Option<Value>) -> Result<Work, ApiError> {
    match name {
        method::TOKEN_ATTRIBUTES => Ok(Work::Attributes(attributes::prepare(node, params(given)?).await?)),
        method::TOKEN_CALL => Ok(Work::Call(call::prepare(node, params(given)?).await?)),
        _ => Err(ErrorCode::MethodNotFound.into()),
    }
}

/// The parameters, passed by name.
fn params<P: DeserializeOwned>(given: Option<Value>) -> Result<P, ApiError> {
    let given = given.unwrap_or_else(|| Value::Object(Default::default()));
    P::deserialize(given).map_err(|e| ApiError::new(ErrorCode::InvalidParams, e.to_string()))
}

fn answer(answer: impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(answer).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
}
