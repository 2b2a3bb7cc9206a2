//! `token_attributes`: the attributes of an instance, read at one block.

use std::collections::BTreeMap;

use serde_json::Value;
use smartlayer_api_types::{
    rpc::{Attributes, TokenAttributes, Unavailable},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{token::TokenType, TokenTypeId};
use smartlayer_token_script::Values;

use crate::{
    evaluate::{self, Chains},
    instances::Held,
    node::Node,
    reading::Reading,
};

/// The most attributes that one call asks for.
pub(super) const MAX_NAMES: usize = 256;

/// A call that can be served.
pub(crate) struct AttributesWork {
    held: Held,
    reading: Reading,
    params: TokenAttributes,
}

pub(super) async fn prepare(node: &Node, params: TokenAttributes) -> Result<AttributesWork, ApiError> {
    if params.names.as_ref().is_some_and(|names| names.len() > MAX_NAMES) {
        return Err(ApiError::new(ErrorCode::InvalidParams, format!("at most {MAX_NAMES} names")));
    }
    let held = node.instances.held(node, params.instance.into()).await?;
    let reading = Reading::new(&held, &params.reading)?;
    Ok(AttributesWork { held, reading, params })
}

impl AttributesWork {
    /// The token type that is read.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.params.instance.token_type, &self.held.token)
    }

    /// Reads the attributes.
    pub async fn run(self, node: &Node) -> Result<Value, ApiError> {
        let Self { held, reading, params } = self;
        let names = params.names.unwrap_or_else(|| held.script.attributes.iter().map(|a| a.name.clone()).collect());
        let chains = Chains::new(node);
        let context = reading.context(node, &held, &chains).await?;
        let values = evaluate::run(&chains, held.script.evaluate(names, &context)).await?;
        let (attributes, unavailable) = split(values)?;
        let blocks = chains.blocks().await;
        super::answer(Attributes { instance: params.instance, attributes, unavailable, blocks })
    }
}

/// Values by name, and why others are not.
type Split = (BTreeMap<String, Value>, BTreeMap<String, Unavailable>);

/// The values that there are, and why the others are not.
pub(super) fn split(values: Values) -> Result<Split, ApiError> {
    let (mut attributes, mut unavailable) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in values {
        match value {
            Ok(value) => drop(attributes.insert(name, super::answer(value)?)),
            Err(e) => {
                drop(unavailable.insert(name, Unavailable { reason: e.code().into(), message: e.to_string() }));
            }
        }
    }
    Ok((attributes, unavailable))
}
