//! `session_terms` and `session_state`.

use smartlayer_api_types::{
    rpc::{SessionQuery, SessionTermsAnswer},
    x402::{self, SessionState},
    ApiError,
};

use crate::node::Node;

pub(super) fn terms(node: &Node) -> SessionTermsAnswer {
    SessionTermsAnswer {
        network: x402::network(&node.chain.genesis()),
        terms: node.terms(),
        prices: node.config.prices.all(),
    }
}

pub(super) async fn state(node: &Node, params: SessionQuery) -> Result<SessionState, ApiError> {
    let entry = node.sessions.get(node, params.session).await?;
    Ok(entry.state().describe(entry.id))
}
