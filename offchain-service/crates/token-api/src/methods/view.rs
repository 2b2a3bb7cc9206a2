//! `token_view`: a card's view, for a browser to show. It is served and never run here.

use std::sync::Arc;

use bytes::Bytes;
use smartlayer_api_types::{
    rpc::{TokenView, ViewKind, ViewPage},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{token::TokenType, TokenTypeId};
use smartlayer_token_script::{ViewError, ViewKind as Kind};

use crate::{
    answers::{Draft, Key},
    node::Node,
    script::Script,
};

/// A call that can be served.
pub(crate) struct ViewWork {
    token: TokenType,
    script: Arc<Script>,
    params: TokenView,
    draft: Option<Draft>,
}

pub(super) async fn prepare(node: &Node, params: TokenView, key: Option<Key>) -> Result<ViewWork, ApiError> {
    let draft = key.map(|key| Draft::begin(node, key, []));
    super::describe::check_language(params.language.as_deref())?;
    let token = node.instances.token(node, params.token_type).await?;
    let script = node.instances.script(node, token.spec.script_hash, &[]).await?;
    let views = script.card(&params.card).map(|card| &card.views);
    if !views.is_some_and(|views| views.iter().any(|view| view.kind == kind(params.kind))) {
        let message = format!("no card {:.64?} with such a view", params.card);
        return Err(ApiError::new(ErrorCode::UnknownCard, message));
    }
    Ok(ViewWork { token, script, params, draft })
}

impl ViewWork {
    /// The token type that is shown.
    pub fn token(&self) -> (TokenTypeId, &TokenType) {
        (self.params.token_type, &self.token)
    }

    /// Reads the view from the script's bytes.
    pub async fn run(self, node: &Node) -> Result<Bytes, ApiError> {
        let called = super::called(self.token());
        let Self { token, script, params, draft } = self;
        let bytes = node.instances.script_bytes(node, token.spec.script_hash, &[]).await?;
        let read = tokio::task::spawn_blocking(move || {
            let language = params.language.as_deref().unwrap_or("en");
            // Bundles are not fetched: what a view includes from one is listed as missing.
            script.view(&params.card, kind(params.kind), language, &bytes, &|_| None)
        });
        let content = read.await.map_err(|_| ApiError::from(ErrorCode::Internal))?.map_err(view_error)?;
        let result = super::text(&ViewPage {
            html: content.html,
            content_security_policy: content.policy,
            language: content.view.language,
            url: content.view.url,
            url_fragment: content.view.url_fragment,
            missing: content.missing.into_iter().map(|include| include.src).collect(),
            remote: content.remote,
        })?;
        if let Some(draft) = draft {
            draft.keep(node, called, None, &result).await;
        }
        Ok(result)
    }
}

fn kind(kind: ViewKind) -> Kind {
    match kind {
        ViewKind::View => Kind::View,
        ViewKind::ItemView => Kind::ItemView,
        ViewKind::GuideView => Kind::GuideView,
    }
}

fn view_error(error: ViewError) -> ApiError {
    ApiError::new(ErrorCode::EvaluationFailed, error.to_string()).with(serde_json::json!({ "refusal": error.code() }))
}
