//! `issuer_publish` and `issuer_feed`: what an issuer says about an instance that is kept here.

use std::sync::Arc;

use smartlayer_api_types::{
    rpc::{FeedState, IssuerFeed, IssuerPublish, PublishStatus, Published},
    ApiError, ErrorCode,
};
use smartlayer_issuer_feed::{Outcome, SignedUpdate};
use smartlayer_primitives::InstanceId;

use crate::{feeds, node::Node};

pub(super) async fn publish(node: &Arc<Node>, params: IssuerPublish) -> Result<Published, ApiError> {
    let signed = SignedUpdate::try_from(params).map_err(|e| ApiError::new(ErrorCode::InvalidParams, e.to_string()))?;
    let instance = signed.update.instance;
    kept_here(node, instance).await?;
    node.feeds.verify(node, &signed).await?;
    // In a task of its own: an issuer that hangs up doesn't leave it half done.
    let taken_in = {
        let (node, signed) = (node.clone(), signed.clone());
        let tasks = node.tasks.clone();
        tasks.spawn(async move {
            let outcome = node.feeds.offer(&node, &signed).await?;
            if matches!(outcome, Outcome::Applied(_) | Outcome::Waiting { .. }) {
                node.feeds.tell(&node, signed).await;
            }
            Ok::<_, ApiError>(outcome)
        })
    };
    let outcome = taken_in.await.map_err(|_| ApiError::from(ErrorCode::Internal))??;
    let (status, missing) = match outcome {
        Outcome::Applied(_) => (PublishStatus::Applied, None),
        Outcome::Waiting { missing } => (PublishStatus::Waiting, Some(missing.into())),
        Outcome::Known => (PublishStatus::Known, None),
        Outcome::Refused(refusal) => {
            let missing = node.feeds.state(node, instance).await?.missing;
            return Err(feeds::refused(refusal, missing));
        }
    };
    Ok(Published { instance: instance.into(), sequence: signed.update.sequence, status, missing })
}

pub(super) async fn feed(node: &Node, params: IssuerFeed) -> Result<FeedState, ApiError> {
    let instance = params.instance.into();
    kept_here(node, instance).await?;
    let state = node.feeds.state(node, instance).await?;
    Ok(FeedState {
        instance: params.instance,
        sequence: state.applied,
        missing: state.missing,
        waiting: u32::try_from(state.waiting).unwrap_or(u32::MAX),
        since_reset: u32::try_from(state.kept).unwrap_or(u32::MAX),
        last_change: state.last_change,
    })
}

/// Whether the instance is kept here; else fails with the nodes that serve it.
async fn kept_here(node: &Node, instance: InstanceId) -> Result<(), ApiError> {
    if node.data.assignment(instance).await?.is_some() {
        return Ok(());
    }
    let holders = node.instances.holders(node, instance).await?;
    Err(ApiError::from(ErrorCode::NotServing).with(serde_json::json!({ "serving": holders.serving })))
}
