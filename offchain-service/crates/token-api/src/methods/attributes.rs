//! `token_attributes`: the attributes of an instance, read at one block.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{Attributes, TokenAttributes, Unavailable},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{token::TokenType, TokenTypeId};
use smartlayer_token_script::Values;

use crate::{
    access::{self, Needed, Shown, Use},
    answers::{Draft, Key},
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
    /// What is read.
    names: Vec<String>,
    /// What is not, because it is for the owner and nobody said that it must be there.
    hidden: BTreeSet<String>,
    needed: Needed,
    shown: Option<Shown>,
    draft: Option<Draft>,
}

pub(super) async fn prepare(
    node: &Node,
    params: TokenAttributes,
    shown: Option<Shown>,
    key: Option<Key>,
) -> Result<AttributesWork, ApiError> {
    let draft = key.map(|key| Draft::begin(node, key, [params.instance.into()]));
    if params.names.as_ref().is_some_and(|names| names.len() > MAX_NAMES) {
        return Err(ApiError::new(ErrorCode::InvalidParams, format!("at most {MAX_NAMES} names")));
    }
    let held = node.instances.held(node, params.instance.into()).await?;
    let reading = Reading::new(&held, &params.reading)?;
    let all = || held.script.attributes.iter().map(|a| a.name.clone()).collect();
    let mut names: Vec<String> = params.names.clone().unwrap_or_else(all);
    let values = node.operations.values(node, &held).await?;
    let mut private = access::private_among(&held, &values, names.iter().map(String::as_str));
    // Who asks for everything gets what they may see; who asks by name is told that they may not.
    let mut hidden = BTreeSet::new();
    if params.names.is_none() {
        hidden = private.iter().filter(|name| !shown.as_ref().is_some_and(|s| s.grants(name))).cloned().collect();
        names.retain(|name| !hidden.contains(name));
        private.retain(|name| !hidden.contains(name));
    }
    let needed = Needed { attributes: private, action: None };
    access::authorise(node, &held, &reading, shown.as_ref(), &needed, Use::Look).await?;
    Ok(AttributesWork { held, reading, params, names, hidden, needed, shown, draft })
}

impl AttributesWork {
    /// The token type that is read.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.params.instance.token_type, &self.held.token)
    }

    /// Reads the attributes.
    pub async fn run(self, node: &Node) -> Result<Bytes, ApiError> {
        let called = super::called(self.token());
        let Self { held, reading, params, names, hidden, needed, shown, draft } = self;
        let chains = Chains::new(node);
        let context = reading.context(node, &held, &chains).await?;
        let values = evaluate::run(&chains, held.script.evaluate(names, &context)).await?;
        let (attributes, mut unavailable) = split(values)?;
        access::authorise(node, &held, &reading, shown.as_ref(), &needed, Use::Take).await?;
        unavailable.extend(hidden.into_iter().map(|name| (name, access::hidden())));
        let blocks = chains.blocks().await;
        let result = super::text(&Attributes { instance: params.instance, attributes, unavailable, blocks })?;
        if let Some(draft) = draft {
            draft.keep(node, called, Some(&chains), &result).await;
        }
        Ok(result)
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
