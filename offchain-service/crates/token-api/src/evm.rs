//! Ethereum nodes, as far as token scripts need them: `eth_blockNumber` and batches of `eth_call` at one pinned block.
//!
//! Each chain has one or more endpoints; they are tried in order, beginning with the one that answered last. Answers are bounded
//! in size and time. A call that the contract reverts is an answer, not a failure.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{json, Value};
use url::Url;

/// A call to a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvmCall {
    /// The contract's address.
    pub to: [u8; 20],
    /// Selector and arguments.
    pub data: Vec<u8>,
}

/// What a call came to: the returned bytes, or the node's words for why the contract did not return.
pub type EvmResult = Result<Vec<u8>, String>;

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvmError {
    /// No endpoint is configured for the chain.
    #[error("no Ethereum node is configured for chain {0}")]
    UnknownChain(u64),
    /// Every endpoint failed; the last one's reason.
    #[error("no Ethereum node of chain {chain} answered: {reason}")]
    Unreachable {
        /// The chain's id.
        chain: u64,
        /// What the last attempt said.
        reason: String,
    },
}

/// Bounds on talking to Ethereum nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvmLimits {
    /// How long one HTTP request may take.
    pub timeout: Duration,
    /// The most bytes of an answer that are read.
    pub max_response_bytes: usize,
}

impl Default for EvmLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), max_response_bytes: 10 << 20 }
    }
}

struct Chain {
    endpoints: Vec<Url>,
    /// The endpoint that answered last.
    preferred: AtomicUsize,
}

/// Client for the Ethereum nodes of all configured chains.
pub struct Evm {
    http: reqwest::Client,
    chains: BTreeMap<u64, Chain>,
    limits: EvmLimits,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    result: Option<Value>,
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Evm {
    /// A client for these endpoints by chain id.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be set up (no TLS roots).
    pub fn new(
        endpoints: impl IntoIterator<Item = (u64, Vec<Url>)>,
        limits: EvmLimits,
    ) -> Result<Self, reqwest::Error> {
        // An Ethereum node never redirects; following one would let it choose what this service asks.
        let http =
            reqwest::Client::builder().timeout(limits.timeout).redirect(reqwest::redirect::Policy::none()).build()?;
        let chains = endpoints
            .into_iter()
            .map(|(id, endpoints)| (id, Chain { endpoints, preferred: AtomicUsize::new(0) }))
            .collect();
        Ok(Self { http, chains, limits })
    }

    /// The number of the newest block.
    pub async fn block_number(&self, chain: u64) -> Result<u64, EvmError> {
        self.attempt(chain, &[("eth_blockNumber", json!([]))], |answers| {
            let number = answers[0].as_ref().map_err(|e| e.message.clone())?;
            let text = number.as_str().and_then(|t| t.strip_prefix("0x"));
            text.and_then(|t| u64::from_str_radix(t, 16).ok()).ok_or_else(|| "no block number".to_owned())
        })
        .await
    }

    /// What these calls return at `block`, in order.
    pub async fn call(&self, chain: u64, block: u64, calls: &[EvmCall]) -> Result<Vec<EvmResult>, EvmError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let requests: Vec<_> = calls
            .iter()
            .map(|call| {
                let to = format!("0x{}", hex::encode(call.to));
                let data = format!("0x{}", hex::encode(&call.data));
                ("eth_call", json!([{ "to": to, "data": data }, format!("0x{block:x}")]))
            })
            .collect();
        self.attempt(chain, &requests, |answers| answers.iter().map(read_call).collect()).await
    }

    /// Asks one endpoint after the other until one gives an answer that `read` understands.
    async fn attempt<T>(
        &self,
        chain: u64,
        requests: &[(&str, Value)],
        read: impl Fn(&[Result<Value, AnswerError>]) -> Result<T, String>,
    ) -> Result<T, EvmError> {
        let known = self.chains.get(&chain).filter(|c| !c.endpoints.is_empty());
        let Chain { endpoints, preferred } = known.ok_or(EvmError::UnknownChain(chain))?;
        let first = preferred.load(Ordering::Relaxed);
        let mut reason = String::new();
        for position in (0..endpoints.len()).map(|i| (first + i) % endpoints.len()) {
            match self.post(&endpoints[position], requests).await.and_then(|answers| read(&answers)) {
                Ok(answer) => {
                    preferred.store(position, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(why) => {
                    // The endpoint's path and query may hold an access key; only its host is logged.
                    let host = endpoints[position].host_str().unwrap_or_default();
                    tracing::warn!(chain, host, %why, "an Ethereum node did not answer");
                    reason = why;
                }
            }
        }
        Err(EvmError::Unreachable { chain, reason })
    }

    /// Sends the requests as one batch; answers are in the order of the requests.
    async fn post(
        &self,
        endpoint: &Url,
        requests: &[(&str, Value)],
    ) -> Result<Vec<Result<Value, AnswerError>>, String> {
        let batch: Vec<_> = requests
            .iter()
            .enumerate()
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let plain = |e: reqwest::Error| e.without_url().to_string();
        let mut response = self.http.post(endpoint.clone()).json(&batch).send().await.map_err(plain)?;
        if !response.status().is_success() {
            return Err(format!("HTTP status {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(plain)? {
            if body.len() + chunk.len() > self.limits.max_response_bytes {
                return Err(format!("more than {} bytes", self.limits.max_response_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        let answers: Vec<Answer> = serde_json::from_slice(&body).map_err(|e| format!("not a batch answer: {e}"))?;
        let mut ordered: Vec<Option<Result<Value, AnswerError>>> = requests.iter().map(|_| None).collect();
        for answer in answers {
            let outcome = match (answer.result, answer.error) {
                (_, Some(error)) => Err(error),
                (Some(result), None) => Ok(result),
                (None, None) => Err(AnswerError { code: 0, message: "neither result nor error".into() }),
            };
            let place = usize::try_from(answer.id).ok().and_then(|id| ordered.get_mut(id));
            *place.ok_or("an answer to no request")? = Some(outcome);
        }
        ordered.into_iter().collect::<Option<_>>().ok_or_else(|| "an answer is missing".to_owned())
    }
}

/// The returned bytes, or that the contract reverted; anything else is a failure of the node.
fn read_call(answer: &Result<Value, AnswerError>) -> Result<EvmResult, String> {
    match answer {
        Ok(value) => {
            let digits = value.as_str().and_then(|t| t.strip_prefix("0x")).ok_or("eth_call returned no hex")?;
            hex::decode(digits).map(Ok).map_err(|e| format!("eth_call returned no hex: {e}"))
        }
        // 3 is "execution error" by EIP-1474's successors; nodes that don't use it say it in words.
        Err(e) if e.code == 3 || e.message.contains("revert") || e.message.contains("execution") => {
            let mut message = e.message.clone();
            message.truncate(message.char_indices().nth(200).map_or(message.len(), |(at, _)| at));
            Ok(Err(message))
        }
        Err(e) => Err(format!("error {}: {}", e.code, e.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// An HTTP server that answers every request with this status and body.
    async fn server(status: u16, body: String) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/secret-key", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    let mut seen = Vec::new();
                    // The body ends with the batch's bracket.
                    while !seen.ends_with(b"]") {
                        match stream.read(&mut buffer).await {
                            Ok(n) if n > 0 => seen.extend_from_slice(&buffer[..n]),
                            _ => return,
                        }
                    }
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        url
    }

    fn evm(endpoints: Vec<Url>) -> Evm {
        let limits = EvmLimits { timeout: Duration::from_millis(500), max_response_bytes: 1000 };
        Evm::new([(1, endpoints)], limits).unwrap()
    }

    fn calls(n: u8) -> Vec<EvmCall> {
        (0..n).map(|i| EvmCall { to: [i; 20], data: vec![i] }).collect()
    }

    #[tokio::test]
    async fn the_next_endpoint_answers_when_one_does_not() {
        let good = r#"[{"id":1,"error":{"code":3,"message":"execution reverted"}},{"id":0,"result":"0x0102"}]"#;
        let dead: Url = "http://127.0.0.1:9/".parse().unwrap();
        let broken = server(200, "[]".into()).await;
        let failing = server(500, String::new()).await;
        let large = server(200, "x".repeat(2000)).await;
        let evm = evm(vec![dead, broken, failing, large, server(200, good.into()).await]);
        let answers = evm.call(1, 7, &calls(2)).await.unwrap();
        assert_eq!(answers, vec![Ok(vec![1, 2]), Err("execution reverted".into())]);
        assert_eq!(evm.chains[&1].preferred.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_node_that_fails_is_no_reverted_call() {
        let limited = server(200, r#"[{"id":0,"error":{"code":-32005,"message":"limit exceeded"}}]"#.into()).await;
        let error = evm(vec![limited]).call(1, 7, &calls(1)).await.unwrap_err();
        assert_eq!(error, EvmError::Unreachable { chain: 1, reason: "error -32005: limit exceeded".into() });
        assert_eq!(evm(vec![]).block_number(1).await, Err(EvmError::UnknownChain(1)));
        assert_eq!(evm(vec![]).call(2, 7, &calls(1)).await, Err(EvmError::UnknownChain(2)));
        assert_eq!(evm(vec![]).call(2, 7, &[]).await, Ok(vec![]));
    }

    #[tokio::test]
    async fn reads_block_numbers_and_keeps_urls_out_of_errors() {
        let good = server(200, r#"[{"id":0,"result":"0x1f"}]"#.into()).await;
        assert_eq!(evm(vec![good]).block_number(1).await, Ok(31));
        let dead: Url = "http://127.0.0.1:9/secret-key".parse().unwrap();
        let error = evm(vec![dead]).block_number(1).await.unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        for odd in [r#"[{"id":0,"result":"31"}]"#, r#"[{"id":5,"result":"0x1"}]"#, r#"[{"id":0}]"#, "{}"] {
            let odd = server(200, odd.into()).await;
            assert!(matches!(evm(vec![odd]).block_number(1).await, Err(EvmError::Unreachable { .. })));
        }
    }
}
