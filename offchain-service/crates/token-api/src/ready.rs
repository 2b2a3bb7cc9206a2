//! Whether the node can do its work: `GET /health` and `GET /ready`.

use std::sync::{Arc, Weak};

use serde_json::{json, Value};

use crate::node::Node;

/// Tells whether the node can serve, for as long as there is one.
#[derive(Clone)]
pub struct Readiness(Weak<Node>);

impl Readiness {
    pub(crate) fn of(node: &Arc<Node>) -> Self {
        Self(Arc::downgrade(node))
    }

    /// 200 if nothing is missing, else 503; and the body that says so.
    pub fn answer(&self) -> (u16, Value) {
        let stopped = || vec![("listening", "the node has stopped".to_owned())];
        Self::answer_of(&self.0.upgrade().map_or_else(stopped, |node| missing(&node)))
    }

    /// The answer when this is missing: stable names with a sentence each.
    pub fn answer_of(missing: &[(&'static str, String)]) -> (u16, Value) {
        let status = if missing.is_empty() { 200 } else { 503 };
        let missing: serde_json::Map<_, _> =
            missing.iter().map(|(name, why)| ((*name).to_owned(), Value::from(why.as_str()))).collect();
        (status, json!({ "ready": status == 200, "missing": missing }))
    }
}

/// What is missing for it to serve.
pub(crate) fn missing(node: &Node) -> Vec<(&'static str, String)> {
    let status = node.chain.status();
    let mut missing = Vec::new();
    let seconds = status.last_seen.elapsed().as_secs();
    if !status.connected {
        missing.push(("chain", format!("not connected, last seen {seconds} s ago")));
    } else if !status.is_fresh(node.config.payment.max_chain_age()) {
        missing.push(("chain", format!("its last block was seen {seconds} s ago")));
    }
    if let Err(e) = node.data.check() {
        missing.push(("store", e.message));
    }
    if node.endpoint.get().is_none() || node.paid_calls.is_closed() {
        missing.push(("listening", "the node starts or stops".into()));
    }
    missing
}
