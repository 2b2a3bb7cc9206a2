//! One service, over HTTP or WebSocket: JSON-RPC requests, and what comes back as bytes.

use std::{
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use smartlayer_api_types::{
    error::ErrorObject,
    rpc::{self, method, Outcome},
    x402::{self, PaymentPayload, PaymentRequired, SettlementResponse},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{Hash, SessionId};

use crate::{error::Error, socket::Socket};

/// The longest answer that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 4 << 20;

/// A service node or an anchor, by its URL. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct ServiceClient {
    http: reqwest::Client,
    url: String,
    /// The connection, if the service is called over WebSocket.
    socket: Option<Arc<Socket>>,
}

/// Request numbers, so that no two requests of this process have the same bytes.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl ServiceClient {
    /// A client for the service at `url` (`http://…`, `https://…`, `ws://…` or `wss://…`). Nothing is sent yet. Over WebSocket calls wait
    /// for each other; clones share the connection.
    pub fn new(url: impl Into<String>) -> Self {
        Self::with_http(http_client(Duration::from_secs(30)), url)
    }

    /// As [`ServiceClient::new`], with connections that are shared with other clients, and their time limits; see [`http_client`].
    pub fn with_http(http: reqwest::Client, url: impl Into<String>) -> Self {
        let url = url.into();
        let socket = (url.starts_with("ws://") || url.starts_with("wss://")).then(|| Arc::new(Socket::new(&url)));
        Self { http, url, socket }
    }

    /// Where the service is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls a free method.
    pub async fn call<R: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<R, Error> {
        let body = request(method, params);
        let answer = self.post(&body, None).await?;
        self.result(&answer)
    }

    /// What the node charges and what it must be told: `session_terms`.
    pub async fn session_terms(&self) -> Result<rpc::SessionTermsAnswer, Error> {
        self.call(method::SESSION_TERMS, empty()).await
    }

    /// Where a session stands in the eyes of its node: `session_state`.
    pub async fn session_state(&self, session: SessionId) -> Result<rpc::SessionState, Error> {
        self.call(method::SESSION_STATE, rpc::SessionQuery { session }).await
    }

    /// The service node's state: `node_info`.
    pub async fn node_info(&self) -> Result<rpc::NodeInfo, Error> {
        self.call(method::NODE_INFO, empty()).await
    }

    /// The anchor's state: `anchor_info`.
    pub async fn anchor_info(&self) -> Result<rpc::AnchorInfo, Error> {
        self.call(method::ANCHOR_INFO, empty()).await
    }

    /// What a token type offers: `token_describe`.
    pub async fn token_describe(&self, token_type: u32) -> Result<rpc::TokenDescription, Error> {
        self.call(method::TOKEN_DESCRIBE, rpc::TokenDescribe { token_type, language: None }).await
    }

    /// Sends one request body, with a payment if there is one.
    pub(crate) async fn post(&self, body: &[u8], payment: Option<&PaymentPayload>) -> Result<Answer, Error> {
        if let Some(socket) = &self.socket {
            return socket.post(body, payment).await;
        }
        let unreachable = |e: reqwest::Error| Error::Unreachable { url: self.url.clone(), reason: in_full(&e) };
        let mut request = self.http.post(&self.url).header("content-type", "application/json").body(body.to_vec());
        if let Some(payment) = payment {
            request = request.header(x402::PAYMENT_SIGNATURE, x402::encode_header(payment));
        }
        let started = Instant::now();
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let headers = response.headers();
        let required = headers.get(x402::PAYMENT_REQUIRED).map(|h| self.header(h.as_bytes())).transpose()?;
        let settlement = headers.get(x402::PAYMENT_RESPONSE).map(|h| self.header(h.as_bytes())).transpose()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(self.nonsense(format!("more than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body, required, settlement, latency: started.elapsed() })
    }

    /// The result in an answer's body, or the error in it.
    pub(crate) fn result<R: DeserializeOwned>(&self, answer: &Answer) -> Result<R, Error> {
        let response: rpc::Response = serde_json::from_slice(&answer.body)
            .map_err(|e| self.nonsense(format!("HTTP status {}, no JSON-RPC answer: {e}", answer.status)))?;
        match response.outcome {
            Outcome::Result(value) => {
                serde_json::from_value(value).map_err(|e| self.nonsense(format!("unexpected result: {e}")))
            }
            Outcome::Error(object) => Err(self.error(object)),
        }
    }

    /// The first error in an answer, or in a batch's answers.
    pub(crate) fn first_error(&self, answer: &Answer) -> Result<Option<Error>, Error> {
        if answer.is_batch() {
            let mut failed = self.responses(answer)?.into_iter().filter_map(|response| match response.outcome {
                Outcome::Result(_) => None,
                Outcome::Error(object) => Some(self.error(object)),
            });
            return Ok(failed.next());
        }
        match self.result::<Value>(answer) {
            Ok(_) => Ok(None),
            Err(e @ (Error::Api { .. } | Error::UnknownError { .. })) => Ok(Some(e)),
            Err(e) => Err(e),
        }
    }

    /// The results in a batch's answer to so many requests, in the requests' order.
    pub(crate) fn results(&self, answer: &Answer, count: usize) -> Result<Vec<Result<Value, ApiError>>, Error> {
        if !answer.is_batch() {
            return Err(self.first_error(answer)?.unwrap_or_else(|| self.nonsense("one answer to a batch".into())));
        }
        let mut responses = self.responses(answer)?;
        if responses.len() != count {
            return Err(self.nonsense(format!("{} answers to {count} requests", responses.len())));
        }
        // Requests of a batch are numbered in their order, and any order of answers is allowed.
        responses.sort_by_key(|response| response.id.as_u64());
        let result = |response: rpc::Response| match response.outcome {
            Outcome::Result(value) => Ok(Ok(value)),
            Outcome::Error(object) => match object.known() {
                Some(error) => Ok(Err(error)),
                None => Err(self.error(object)),
            },
        };
        responses.into_iter().map(result).collect()
    }

    fn responses(&self, answer: &Answer) -> Result<Vec<rpc::Response>, Error> {
        serde_json::from_slice(&answer.body).map_err(|e| self.nonsense(format!("no answer to a batch: {e}")))
    }

    fn error(&self, object: ErrorObject) -> Error {
        match object.known() {
            Some(error) => Error::Api { url: self.url.clone(), error },
            None => Error::UnknownError { url: self.url.clone(), code: object.code, message: object.message },
        }
    }

    pub(crate) fn is_socket(&self) -> bool {
        self.socket.is_some()
    }

    pub(crate) fn nonsense(&self, reason: String) -> Error {
        Error::Nonsense { url: self.url.clone(), reason }
    }

    pub(crate) fn refused(&self, code: ErrorCode, message: &str) -> Error {
        Error::Api { url: self.url.clone(), error: ApiError::new(code, message) }
    }

    fn header<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, Error> {
        x402::decode_header(value).map_err(|e| self.nonsense(format!("a payment header: {e}")))
    }
}

/// What came back.
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub required: Option<PaymentRequired>,
    pub settlement: Option<SettlementResponse>,
    /// From the first byte sent to the last byte read.
    pub latency: Duration,
}

impl Answer {
    /// Whether it answers a batch.
    pub fn is_batch(&self) -> bool {
        self.body.first() == Some(&b'[')
    }

    /// What a receipt names.
    pub fn result_hash(&self) -> Hash {
        smartlayer_primitives::payload::blake2_256(&self.body)
    }
}

/// The bytes of a request, different from any other's.
pub(crate) fn request(method: &str, params: impl Serialize) -> Vec<u8> {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    serde_json::to_vec(&rpc::Request::new(id, method, params)).expect("parameters are objects with string keys; qed")
}

/// No parameters.
fn empty() -> Value {
    Value::Object(Default::default())
}

/// A pool of connections; no request takes longer than `timeout`.
pub fn http_client(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("the TLS backend is built in; qed")
}

/// An error with its causes in one line.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
