//! `token_subscribe`: what changes in an instance, by its issuer, by key operations and by chains, as it happens and from where one left
//! off.

use std::sync::Arc;

use jsonrpsee::{
    core::SubscriptionResult, types::ErrorObjectOwned, PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
};
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{ChainBlock, TokenChange, TokenChangeKind, TokenSubscribe},
    ApiError, ErrorCode,
};
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::InstanceId;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    feeds::{Change, ChangeKind},
    instances::Held,
    node::Node,
};

/// Serves a subscription until its client or the node ends it. `refuse` makes an error that clients are told.
pub(crate) async fn serve(
    node: Arc<Node>,
    pending: PendingSubscriptionSink,
    given: Result<Option<Value>, ApiError>,
    refuse: fn(ApiError) -> ErrorObjectOwned,
) -> SubscriptionResult {
    // Before anything is read: nothing that changes meanwhile is missed.
    let mut changes = node.feeds.subscribe();
    let begun = async {
        let TokenSubscribe { instance, after } = super::params(given?)?;
        let held = node.instances.held(&node, instance.into()).await?;
        let missed = match after {
            Some(after) => since(&node, held.state.instance, after).await?,
            None => Vec::new(),
        };
        let last = match after {
            Some(after) => after,
            None => node.feeds.state(&node, held.state.instance).await?.last_change,
        };
        let watched = node.watches.watch(&node, held.state.instance)?;
        Ok::<_, ApiError>((held, missed, last, watched))
    };
    // What chains change is looked for until this ends.
    let (held, missed, mut last, _watched) = match begun.await {
        Ok(begun) => begun,
        Err(e) => {
            pending.reject(refuse(e)).await;
            return Ok(());
        }
    };
    let sink = pending.accept().await?;
    let instance = held.state.instance;
    for change in missed {
        last = change.number;
        send(&sink, &held, change).await?;
    }
    loop {
        let next = tokio::select! {
            () = sink.closed() => return Ok(()),
            next = changes.recv() => next,
        };
        let new = match next {
            Ok(change) if change.instance == instance && change.number > last => vec![change],
            Ok(_) => continue,
            // What went by is on disk; if not even there, the client has to read the instance anew.
            Err(RecvError::Lagged(_)) => since(&node, instance, last).await.map_err(|e| e.to_string())?,
            Err(RecvError::Closed) => return Ok(()),
        };
        for change in new {
            last = change.number;
            send(&sink, &held, change).await?;
        }
    }
}

async fn since(node: &Node, instance: InstanceId, after: u64) -> Result<Vec<Change>, ApiError> {
    let changes = node.feeds.changes_since(node, instance, after).await?;
    changes.ok_or_else(|| ErrorCode::ChangesForgotten.into())
}

async fn send(sink: &SubscriptionSink, held: &Held, change: Change) -> SubscriptionResult {
    let kind = match change.kind {
        ChangeKind::Update { sequence, names } => TokenChangeKind::Update { sequence, names },
        ChangeKind::Operation { kind } => {
            let name = held.token.spec.key_operations.get(usize::from(kind));
            let name = name.map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
            TokenChangeKind::Operation { operation: name }
        }
        ChangeKind::Attributes { names, blocks } => {
            let blocks = blocks.into_iter();
            let named = |(chain, (number, hash))| (ChainId(chain).to_string(), ChainBlock { number, hash });
            TokenChangeKind::Attributes { names, blocks: blocks.map(named).collect() }
        }
    };
    let change = TokenChange { instance: change.instance.into(), number: change.number, change: kind };
    let message = SubscriptionMessage::from(serde_json::value::to_raw_value(&change)?);
    Ok(sink.send(message).await?)
}
