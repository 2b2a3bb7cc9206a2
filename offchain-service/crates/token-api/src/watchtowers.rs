//! Giving watchtowers what sessions owe: chain nodes that claim it if a payer closes a session while this node is away.
//!
//! After each finalised block they get what was promised since. A watchtower can't steal: a promise pays this node, whoever claims it.

use std::{collections::HashMap, time::Duration};

use codec::Encode;
use serde::Deserialize;
use serde_json::json;
use smartlayer_primitives::{
    promise::{Claim, Promise, SignedPromise},
    Balance, SessionId,
};
use url::Url;

use crate::node::Node;

const TIMEOUT: Duration = Duration::from_secs(5);
/// The most claims in one request.
const BATCH: usize = 32;
/// An answer says for each claim what is kept, or why not.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// After how many blocks a watchtower that keeps a claim gets it again: it may have lost it with its database.
const RENEW: u32 = 1_200;
/// After how many blocks one that did not take a claim is asked again: it may be full, or behind.
const RETRY: u32 = 20;
/// The error code of a claim that is worth no more than what was settled.
const NOTHING_NEW: i64 = 9002;

#[derive(Deserialize)]
struct Answer {
    id: usize,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

/// Gives each configured watchtower what it has not got yet, until the service stops.
pub(crate) async fn run(node: &Node) {
    let mut watchtowers: Vec<_> = node.config.payment.watchtowers.iter().map(Watchtower::new).collect();
    let mut blocks = node.blocks.subscribe();
    while blocks.changed().await.is_ok() {
        let block = *blocks.borrow_and_update();
        let owing = node.sessions.all().into_iter().filter_map(|entry| {
            let state = entry.state();
            let owes = state.exposure() > 0;
            Some((entry.id, state.account.earned.filter(|_| owes)?))
        });
        let owed: HashMap<_, _> = owing.collect();
        let give = watchtowers.iter_mut().map(|watchtower| watchtower.give(node, block, &owed));
        futures::future::join_all(give).await;
    }
}

struct Watchtower<'a> {
    url: &'a Url,
    given: HashMap<SessionId, Given>,
}

/// What a watchtower got last of a session.
struct Given {
    cumulative: Balance,
    /// The block from which on it gets the same again.
    again_at: u32,
}

impl<'a> Watchtower<'a> {
    fn new(url: &'a Url) -> Self {
        Self { url, given: HashMap::new() }
    }

    async fn give(&mut self, node: &Node, block: u32, owed: &HashMap<SessionId, SignedPromise>) {
        self.given.retain(|session, _| owed.contains_key(session));
        let is_due = |Promise { session, cumulative, .. }: &Promise| {
            self.given.get(session).is_none_or(|given| given.cumulative < *cumulative || given.again_at <= block)
        };
        let due: Vec<_> = owed.values().filter(|signed| is_due(&signed.promise)).collect();
        let host = self.url.host_str();
        for batch in due.chunks(BATCH) {
            let answers = match keep(&node.http, self.url, batch).await {
                Ok(answers) => answers,
                Err(reason) => {
                    node.metrics.watched("failed");
                    tracing::warn!(host, %reason, "a watchtower does not answer; it is asked again");
                    return;
                }
            };
            for (SignedPromise { promise, .. }, answer) in batch.iter().zip(answers) {
                let pause = match answer {
                    Ok(()) => {
                        node.metrics.watched("kept");
                        RENEW
                    }
                    Err(reason) => {
                        node.metrics.watched("refused");
                        tracing::warn!(session = ?promise.session, host, %reason, "a watchtower did not take a claim; it is asked again");
                        RETRY
                    }
                };
                let given = Given { cumulative: promise.cumulative, again_at: block.saturating_add(pause) };
                self.given.insert(promise.session, given);
            }
        }
    }
}

/// Hands promises over. Returns of each, in their order, why it was not taken if it was not.
async fn keep(
    http: &reqwest::Client,
    url: &Url,
    promises: &[&SignedPromise],
) -> Result<Vec<Result<(), String>>, String> {
    let request = promises.iter().enumerate().map(|(id, promise)| {
        let claim = format!("0x{}", hex::encode(Claim::from((*promise).clone()).encode()));
        json!({"jsonrpc": "2.0", "id": id, "method": "watchtower_keep", "params": [claim]})
    });
    let plain = |e: reqwest::Error| e.without_url().to_string();
    let request = http.post(url.clone()).timeout(TIMEOUT).json(&request.collect::<Vec<_>>());
    let mut response = request.send().await.map_err(plain)?.error_for_status().map_err(plain)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(plain)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!("more than {MAX_ANSWER_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let answers: Vec<Answer> = serde_json::from_slice(&body).map_err(|e| format!("not a batch answer: {e}"))?;
    let answers: HashMap<usize, Option<Refusal>> = answers.into_iter().map(|a| (a.id, a.error)).collect();
    let outcome = |place| match answers.get(&place) {
        // All that it is worth is paid, which this node sees once the payment is final.
        Some(Some(refusal)) if refusal.code == NOTHING_NEW => Ok(Ok(())),
        Some(Some(refusal)) => Ok(Err(refusal.message.clone())),
        Some(None) => Ok(Ok(())),
        None => Err("an answer is missing".to_owned()),
    };
    (0..promises.len()).map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartlayer_primitives::Hash;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// What `keep` makes of a watchtower's answer to `count` promises.
    async fn answered(count: usize, body: &str) -> Result<Vec<Result<(), String>>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 << 10];
            let length = stream.read(&mut request).await.unwrap();
            assert!(String::from_utf8_lossy(&request[..length]).contains("watchtower_keep"));
            // Who has heard enough hangs up.
            let _ = stream.write_all(response.as_bytes()).await;
        });
        let promise = Promise { session: Hash::zero(), cumulative: 1, call_hash: Hash::zero(), ticks: None };
        let signed = SignedPromise { promise, signature: sp_core::ed25519::Signature::from_raw([0; 64]).into() };
        let answer = keep(&reqwest::Client::new(), &url, &vec![&signed; count]).await;
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn every_promise_has_its_own_answer_in_any_order() {
        let body = r#"[{"jsonrpc":"2.0","id":2,"error":{"code":9002,"message":"worth no more"}},
                       {"jsonrpc":"2.0","id":1,"error":{"code":9005,"message":"full"}},
                       {"jsonrpc":"2.0","id":0,"result":true}]"#;
        assert_eq!(answered(3, body).await, Ok(vec![Ok(()), Err("full".into()), Ok(())]));
    }

    #[tokio::test]
    async fn what_is_no_whole_answer_is_none() {
        assert_eq!(answered(2, r#"[{"id":0,"result":true}]"#).await, Err("an answer is missing".into()));
        assert!(answered(1, r#"{"id":0,"result":true}"#).await.unwrap_err().starts_with("not a batch answer"));
        let endless = " ".repeat(MAX_ANSWER_BYTES + 1);
        assert_eq!(answered(1, &endless).await, Err(format!("more than {MAX_ANSWER_BYTES} bytes")));
    }
}
