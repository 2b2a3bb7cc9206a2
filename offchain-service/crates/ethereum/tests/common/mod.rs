//! Ethereum nodes over real sockets: anvil, and ones that do what a test says.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use alloy_primitives::{hex, keccak256, Address, Bytes, B256};
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use serde_json::{json, Value};
use smartlayer_ethereum::{ChainConfig, Ethereum, EthereumError, Read, View};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// What an HTTP server does with a request.
pub enum Reply {
    /// Answers with this JSON.
    Json(Value),
    /// Answers with this status and body.
    Status(u16, String),
    /// Never answers.
    Hang,
    /// Answers half, and closes the connection.
    Die,
}

type Handler = Arc<dyn Fn(Value) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Serves HTTP on a free port; the URL ends in what looks like a key.
pub async fn serve(handler: Handler) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-key", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, handler.clone()));
        }
    });
    url
}

async fn connection(mut stream: TcpStream, handler: Handler) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            match buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => more(&mut stream, &mut buffer).await?,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse::<usize>().ok()?;
        while buffer.len() < end + length {
            more(&mut stream, &mut buffer).await?;
        }
        let body = serde_json::from_slice(&buffer[end..end + length]).ok()?;
        buffer.drain(..end + length);
        let (status, body, dies) = match handler(body).await {
            Reply::Json(value) => (200, value.to_string(), false),
            Reply::Status(status, body) => (status, body, false),
            Reply::Hang => std::future::pending().await,
            Reply::Die => (200, "[".repeat(1000), true),
        };
        let length = body.len() * if dies { 2 } else { 1 };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body.as_bytes()).await.ok()?;
        if dies {
            return None;
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 4096];
    let read = stream.read(&mut part).await.ok().filter(|n| *n > 0)?;
    buffer.extend_from_slice(&part[..read]);
    Some(())
}

/// The requests in a body, one or a batch.
pub fn requests(body: &Value) -> Vec<Value> {
    body.as_array().cloned().unwrap_or_else(|| vec![body.clone()])
}

/// The answer to a body, request by request.
pub fn answers(body: &Value, answer: impl Fn(&str, &Value) -> Result<Value, Value>) -> Value {
    let one = |request: &Value| match answer(request["method"].as_str().unwrap_or_default(), &request["params"]) {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }),
    };
    match body.as_array() {
        Some(batch) => batch.iter().map(one).collect(),
        None => one(body),
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub fn block(number: u64, timestamp: u64) -> Value {
    let hash = keccak256(format!("{number} {timestamp}"));
    json!({ "number": format!("0x{number:x}"), "hash": hash.to_string(), "timestamp": format!("0x{timestamp:x}") })
}

type Deed = Arc<dyn Fn(&Value) -> Option<Reply> + Send + Sync>;

/// A node that returns to every call the data it was called with.
#[derive(Clone)]
pub struct Node {
    pub url: Url,
    pub chain_id: Arc<Mutex<u64>>,
    /// Its newest block.
    pub head: Arc<Mutex<Value>>,
    /// What it does instead, if it does.
    pub deed: Arc<Mutex<Deed>>,
    /// The bodies it was sent.
    pub seen: Arc<Mutex<Vec<Value>>>,
}

impl Node {
    /// A node of chain 1 at block 1000 of now.
    pub async fn start() -> Self {
        let mut node = Self {
            url: "http://unset".parse().unwrap(),
            chain_id: Arc::new(Mutex::new(1)),
            head: Arc::new(Mutex::new(block(1000, now()))),
            deed: Arc::new(Mutex::new(Arc::new(|_| None))),
            seen: Arc::default(),
        };
        let serving = node.clone();
        node.url = serve(Arc::new(move |body| {
            serving.seen.lock().unwrap().push(body.clone());
            let deed = serving.deed.lock().unwrap().clone();
            let reply = deed(&body).unwrap_or_else(|| Reply::Json(answers(&body, |m, p| serving.answer(m, p))));
            Box::pin(async move { reply })
        }))
        .await;
        node
    }

    pub fn answer(&self, method: &str, params: &Value) -> Result<Value, Value> {
        match method {
            "eth_chainId" => Ok(format!("0x{:x}", *self.chain_id.lock().unwrap()).into()),
            "eth_getBlockByNumber" => Ok(self.head.lock().unwrap().clone()),
            "eth_call" if params[0]["data"] == "0xdead" => {
                Err(json!({ "code": 3, "message": "execution reverted: no" }))
            }
            "eth_call" => Ok(params[0]["data"].clone()),
            "eth_getStorageAt" => Ok(params[1].clone()),
            "eth_getLogs" => Ok(json!([])),
            _ => Err(json!({ "code": -32601, "message": "the method does not exist" })),
        }
    }

    /// What it does from now on, unless that is nothing.
    pub fn does(&self, deed: impl Fn(&Value) -> Option<Reply> + Send + Sync + 'static) {
        *self.deed.lock().unwrap() = Arc::new(deed);
    }

    /// How many HTTP requests had such a request in them.
    pub fn count(&self, method: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|body| requests(body).iter().any(|r| r["method"] == method)).count()
    }
}

/// A chain of these endpoints, impatient.
pub fn config(endpoints: &[&Node]) -> ChainConfig {
    ChainConfig {
        request_timeout: Duration::from_millis(400),
        deadline: Duration::from_secs(4),
        poll_interval: Duration::from_millis(50),
        ..ChainConfig::new(1, endpoints.iter().map(|node| node.url.clone()).collect())
    }
}

/// A client and what it counts.
pub struct Client {
    pub ethereum: Ethereum,
    pub registry: Registry,
}

impl Client {
    pub fn new(chains: impl IntoIterator<Item = ChainConfig>) -> Self {
        let mut registry = Registry::default();
        Self { ethereum: Ethereum::new(chains, &mut registry).unwrap(), registry }
    }

    pub async fn view(&self) -> Result<View, EthereumError> {
        self.ethereum.view(1, Instant::now()).await
    }

    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// The sum of a counter over the lines that have all these words.
    pub fn counted(&self, words: &[&str]) -> u64 {
        let metrics = self.metrics();
        let lines = metrics.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

/// A call of a contract by its number.
pub fn call(contract: u8, data: &[u8]) -> Read {
    Read::call(Address::repeat_byte(contract), Bytes::copy_from_slice(data))
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A real EVM node.
pub struct Anvil {
    process: Child,
    pub url: Url,
    http: reqwest::Client,
}

impl Anvil {
    pub async fn start() -> Self {
        Self::of_chain(1).await
    }

    /// One whose chain has this id.
    pub async fn of_chain(chain_id: u64) -> Self {
        let binary = std::env::var_os("ANVIL").map(PathBuf::from).filter(|path| path.is_file());
        let binary = binary.expect("ANVIL must be the path of anvil's binary; scripts/test sets it");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (chain_id, port_text) = (chain_id.to_string(), port.to_string());
        let arguments = ["--host", "127.0.0.1", "--silent", "--chain-id", &chain_id, "--port", &port_text];
        let process = Command::new(binary).args(arguments).stdout(Stdio::null()).spawn().expect("anvil starts");
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        let anvil = Self { process, url, http: reqwest::Client::new() };
        until("anvil answers", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        anvil
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer: Value = self.http.post(self.url.clone()).json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Mines a transaction; returns its receipt.
    pub async fn send(&self, transaction: Value) -> Value {
        let hash = self.rpc("eth_sendTransaction", json!([transaction])).await;
        loop {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return receipt;
            }
        }
    }

    /// Deploys the example's contract with so many tickets, all of `holder`.
    pub async fn deploy(&self, holder: Address, tickets: u64) -> Address {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../examples/flight-ticket/FlightTicket.json");
        let artefact: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let departs = 1_800_000_000u64;
        let arguments = format!("{:0>64}{tickets:064x}{departs:064x}", hex::encode(holder));
        let data = format!("{}{arguments}", artefact["bytecode"].as_str().unwrap());
        let from = self.rpc("eth_accounts", json!([])).await[0].clone();
        let receipt = self.send(json!({ "from": from, "data": data, "gas": "0x989680" })).await;
        receipt["contractAddress"].as_str().unwrap().parse().unwrap()
    }

    /// An endpoint in front of it that keeps the bodies it is sent.
    pub async fn behind_proxy(&self) -> (Url, Arc<Mutex<Vec<Value>>>) {
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (keep, http, target) = (seen.clone(), self.http.clone(), self.url.clone());
        let url = serve(Arc::new(move |body| {
            keep.lock().unwrap().push(body.clone());
            let request = http.post(target.clone()).json(&body).send();
            Box::pin(async move { Reply::Json(request.await.unwrap().json().await.unwrap()) })
        }))
        .await;
        (url, seen)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first four bytes of a function's hash, and words as its arguments.
pub fn calldata(signature: &str, words: &[B256]) -> Bytes {
    let mut data = keccak256(signature)[..4].to_vec();
    words.iter().for_each(|word| data.extend_from_slice(word.as_slice()));
    data.into()
}
