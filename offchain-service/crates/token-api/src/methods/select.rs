//! `token_select`: which of some instances are in a selection of the script.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use futures::future::join_all;
use smartlayer_api_types::{
    rpc::{Selected, TokenSelect, Unavailable},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{token::TokenType, InstanceId, TokenTypeId};
use smartlayer_token_script::FilterError;

use crate::{
    access::{self, Needed, Shown, Use},
    answers::{Draft, Key},
    evaluate::{self, Chains},
    node::Node,
    reading::Reading,
    script::Script,
};

/// The most instances that one call asks about.
pub(super) const MAX_INSTANCES: usize = 100;

/// A call that can be served.
pub(crate) struct SelectWork {
    token: TokenType,
    script: Arc<Script>,
    params: TokenSelect,
    shown: Option<Shown>,
    draft: Option<Draft>,
}

pub(super) async fn prepare(
    node: &Node,
    params: TokenSelect,
    shown: Option<Shown>,
    key: Option<Key>,
) -> Result<SelectWork, ApiError> {
    if params.indices.is_empty() || params.indices.len() > MAX_INSTANCES {
        return Err(ApiError::new(ErrorCode::InvalidParams, format!("indices: 1 to {MAX_INSTANCES}")));
    }
    let ids = params.indices.iter().map(|index| InstanceId { token_type: params.token_type, index: *index });
    let draft = key.map(|key| Draft::begin(node, key, ids));
    let token = node.instances.token(node, params.token_type).await?;
    let script = node.instances.script(node, token.spec.script_hash, &[]).await?;
    let selection = script
        .selection(&params.selection)
        .ok_or_else(|| ApiError::new(ErrorCode::UnknownSelection, format!("no selection {:.64?}", params.selection)))?;
    if let Err(e) = &selection.filter {
        return Err(ApiError::new(ErrorCode::EvaluationFailed, format!("selection {}: {e}", selection.name)));
    }
    Ok(SelectWork { token, script, params, shown, draft })
}

impl SelectWork {
    /// The token type that is read.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.params.token_type, &self.token)
    }

    /// Judges each instance; all are read at the same blocks, and together.
    pub async fn run(self, node: &Node) -> Result<Bytes, ApiError> {
        let called = super::called(self.token());
        let chains = Chains::new(node);
        let judged =
            self.params.indices.iter().map(|index| async { (*index, self.judge(node, *index, &chains).await) });
        let (mut selected, mut undecided) = (Vec::new(), BTreeMap::new());
        // Why an instance could not be read may be gone the next moment.
        let mut all_read = true;
        for (index, judgement) in join_all(judged).await {
            match judgement {
                Ok(Ok(true)) => selected.push(index),
                Ok(Ok(false)) => {}
                Ok(Err(e)) => {
                    drop(undecided.insert(index, Unavailable { reason: e.code().into(), message: e.to_string() }));
                }
                Err(e) => {
                    all_read &= e.code == ErrorCode::NotAuthorised;
                    undecided.insert(index, Unavailable { reason: e.code.name().into(), message: e.message });
                }
            }
        }
        let asked = &self.params.indices;
        if let Some(error) = chains.failed().filter(|_| asked.iter().all(|index| undecided.contains_key(index))) {
            return Err(error);
        }
        let Self { params: TokenSelect { token_type, selection, .. }, draft, .. } = self;
        let blocks = chains.blocks().await;
        let result = super::text(&Selected { token_type, selection, selected, undecided, blocks })?;
        if let Some(draft) = draft.filter(|_| all_read) {
            draft.keep(node, called, Some(&chains), &result).await;
        }
        Ok(result)
    }

    /// Whether an instance is selected, or why nobody can say; fails if it could not be read.
    async fn judge(&self, node: &Node, index: u32, chains: &Chains<'_>) -> Result<Result<bool, FilterError>, ApiError> {
        let TokenSelect { token_type, selection, reading, .. } = &self.params;
        let held = node.instances.held(node, InstanceId { token_type: *token_type, index }).await?;
        let reading = Reading::new(&held, reading)?;
        // A grant is for one instance: of what is private, each has to be asked for by itself.
        let values = node.operations.values(node, &held).await?;
        let needed = Needed { attributes: access::private_among(&held, &values, [selection.as_str()]), action: None };
        let shown = self.shown.as_ref();
        access::authorise(node, &held, &reading, shown, &needed, Use::Look).await?;
        let context = reading.context(node, &held, chains).await?;
        let filter = self.script.selection(selection).and_then(|found| found.filter.as_ref().ok());
        let names: Vec<_> = filter.map(|filter| filter.attributes().into_iter().collect()).unwrap_or_default();
        let values = evaluate::run(chains, held.script.evaluate(names, &context)).await?;
        let judged = held.script.is_selected(selection, &context, &values);
        access::authorise(node, &held, &reading, shown, &needed, Use::Take).await?;
        Ok(judged)
    }
}
