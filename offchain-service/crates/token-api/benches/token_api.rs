//! What serving a token costs, beside what it could cost at best: `scripts/bench token-api` builds and runs it.
//!
//! The service is a whole node with its disk and its network, with a fake chain and a fake Ethereum node; the yardstick is a hyper
//! server that answers the same bytes to whoever asks. Both are in this process, on one thread each beside the one of the clients, and
//! are measured by turns; the best of many short rounds are compared, since other work on the machine only ever slows one down.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/chains/contract.rs"]
mod contract;
#[path = "../../ethereum/tests/common/mod.rs"]
mod ethereum;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use common::*;
use futures::future::join_all;
use serde_json::{json, Value};
use smartlayer_api_types::Amount;
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::{SessionId, SLT};
use smartlayer_token_api::{Config, EvmConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

/// How many clients ask at once.
const CLIENTS: usize = 16;
/// How many calls one batch has.
const BATCH: usize = 100;
/// How often each figure is taken.
const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(250);
const TYPES: u32 = 10_000;

fn main() -> ExitCode {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut table = Table { json, missed: false };
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let asking = Builder::new_current_thread().enable_all().build().expect("a runtime");
    answers_from_cache(&mut table, &serving, &asking);
    batches(&mut table, &serving, &asking);
    round_trips(&mut table, &serving);
    memory(&mut table, &serving);
    if table.missed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

/// What is printed.
struct Table {
    json: bool,
    missed: bool,
}

impl Table {
    fn title(&self, text: &str) {
        if !self.json {
            println!("\n{text}");
        }
    }

    fn row(&mut self, figure: &str, value: f64, unit: &str, goal: Option<(&str, f64)>) {
        let holds = goal.map(|(side, goal)| if side == "at least" { value >= goal } else { value <= goal });
        self.missed |= holds == Some(false);
        if self.json {
            println!(
                "{}",
                json!({ "figure": figure, "value": value, "unit": unit, "goal": goal.map(|g| g.1), "holds": holds })
            );
            return;
        }
        let goal = goal.map(|(side, goal)| {
            format!("  goal {side} {goal}: {}", if holds == Some(true) { "holds" } else { "MISSED" })
        });
        println!("{figure:<66} {value:>12.3} {unit}{}", goal.unwrap_or_default());
    }
}

/// The bytes of a POST.
fn post(body: &[u8], payment: Option<&str>) -> Vec<u8> {
    let payment = payment.map(|value| format!("payment-signature: {value}\r\n")).unwrap_or_default();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{payment}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// One kept connection.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a request and waits for the whole answer; returns the body.
    async fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.stream.write_all(request).await.expect("sent");
        self.buffer.clear();
        let mut part = [0; 65536];
        loop {
            let read = self.stream.read(&mut part).await.expect("an answer");
            assert!(read > 0, "the server hung up");
            self.buffer.extend_from_slice(&part[..read]);
            let Some(end) = self.buffer.windows(4).position(|at| at == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).expect("a head").to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            let length: usize = length.trim().parse().expect("a length");
            if self.buffer.len() >= end + 4 + length {
                assert!(head.starts_with("http/1.1 200"), "{head}\n{}", String::from_utf8_lossy(&self.buffer[end..]));
                return self.buffer[end + 4..].to_vec();
            }
        }
    }
}

/// How many requests a second are answered when each client asks again as soon as it has its answer. `next` gives a client's next request.
async fn rate(address: &str, next: impl Fn(usize) -> Vec<u8>) -> f64 {
    let connections = join_all((0..CLIENTS).map(|_| Connection::open(address))).await;
    let (count, start) = (AtomicUsize::new(0), Instant::now());
    let (count, next) = (&count, &next);
    let clients = connections.into_iter().enumerate().map(|(client, mut connection)| async move {
        while start.elapsed() < ROUND {
            let answer = connection.ask(&next(client)).await;
            assert!(!answer.windows(7).any(|at| at == b"\"error\""), "{}", String::from_utf8_lossy(&answer));
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    join_all(clients).await;
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn best(values: Vec<f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

/// A hyper server that answers these bytes to every request.
async fn bare(body: Vec<u8>) -> String {
    use http_body_util::{BodyExt, Full};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let body = bytes::Bytes::from(body);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a socket");
            let body = body.clone();
            let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let body = body.clone();
                async move {
                    request.into_body().collect().await?;
                    let mut response = hyper::Response::new(Full::new(body));
                    let json = hyper::header::HeaderValue::from_static("application/json");
                    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
                    Ok::<_, hyper::Error>(response)
                }
            });
            let serving = hyper::server::conn::http1::Builder::new();
            tokio::spawn(serving.serve_connection(hyper_util::rt::TokioIo::new(stream), service));
        }
    });
    address
}

async fn world(change: impl FnOnce(&mut Config)) -> World {
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().expect("a folder"), change).await;
    world.serve_instance().await;
    world
}

fn address(world: &World) -> String {
    world.url.trim_start_matches("http://").to_owned()
}

fn answers_from_cache(table: &mut Table, serving: &Runtime, asking: &Runtime) {
    table.title("token_attributes, answered from memory, beside a hyper server that answers the same bytes");
    let (world, bare) = serving.block_on(async {
        let world = world(|config| config.prices.query = Amount(0)).await;
        let answer = world.post(&attributes(), None).await;
        assert!(answer.result()["attributes"]["gate"] == "B12");
        let bare = bare(answer.body).await;
        (world, bare)
    });
    let request = post(&attributes(), None);
    let (mut own, mut yardstick) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        yardstick.push(asking.block_on(rate(&bare, |_| request.clone())));
        own.push(asking.block_on(rate(&address(&world), |_| request.clone())));
    }
    let (own, yardstick) = (best(own), best(yardstick));
    table.row("the hyper server, the yardstick", yardstick, "per s", None);
    table.row("token_attributes where reading is free", own, "per s", None);
    table.row("the service to the hyper server", own / yardstick, "ratio", Some(("at least", 0.8)));
    serving.block_on(world.stop());
}

fn batches(table: &mut Table, serving: &Runtime, asking: &Runtime) {
    table.title("Paid calls: one promise a call, and one for a batch of 100");
    let world = serving.block_on(world(|_| ()));
    let sessions: Vec<SessionId> =
        (0..CLIENTS as u64).map(|nonce| world.chain.open_session(&account(NODE), nonce, 1_000_000 * SLT)).collect();
    let owed: Vec<_> = (0..CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    let paid = |client: usize, body: &[u8], calls: usize| {
        let calls = owed[client].fetch_add(calls, Ordering::Relaxed) + calls;
        post(body, Some(&payment(&promise(sessions[client], calls as u128 * PRICE, body))))
    };
    let one = attributes();
    let element: Value = serde_json::from_slice(&one).expect("JSON");
    let many = serde_json::to_vec(&vec![element; BATCH]).expect("JSON");
    let (mut single, mut batched) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        single.push(asking.block_on(rate(&address(&world), |client| paid(client, &one, 1))));
        batched.push(asking.block_on(rate(&address(&world), |client| paid(client, &many, BATCH))) * BATCH as f64);
    }
    let (single, batched) = (best(single), best(batched));
    table.row("calls paid one by one", single, "per s", None);
    table.row("calls paid in batches", batched, "per s", None);
    table.row("a call in a batch to a single one", batched / single, "ratio", Some(("at least", 10.0)));
    serving.block_on(world.stop());
}

/// A script with 20 attributes that are read from a contract.
fn twenty() -> String {
    let attributes: String = (0..20)
        .map(|n| {
            format!(
                r#"<ts:attribute name="a{n}"><ts:origins><ethereum:call function="f{n}" contract="C" as="uint"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ethereum:call></ts:origins></ts:attribute>"#
            )
        })
        .collect();
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="Twenty">
        <ts:contract interface="erc721" name="C"><ts:address network="1">0x5FbDB2315678afecb367f032d93F642f64180aa3</ts:address></ts:contract>
        <ts:origins><ts:ethereum contract="C"/></ts:origins>{attributes}</ts:token>"#
    )
}

fn round_trips(table: &mut Table, serving: &Runtime) {
    table.title("Round trips to the Ethereum node");
    serving.block_on(async {
        let node = ethereum::Node::start().await;
        let evm = EvmConfig::new(ChainId(1), vec![node.url.clone()]);
        let world = World::start_with(FakeChain::new(), tempfile::tempdir().expect("a folder"), |config| {
            config.evm = vec![evm];
            config.prices.query = Amount(0);
        })
        .await;
        let script = twenty();
        world.register_script(&script);
        for index in [1, 2] {
            world.place_instance(&script, index, u8::try_from(index).expect("small"), &[]).await;
        }
        let ask = |index: u32| body("token_attributes", json!({ "instance": { "tokenType": 0, "index": index } }));
        let calls = || {
            let seen = node.seen.lock().expect("not poisoned");
            let of = |body: &Value| ethereum::requests(body).iter().filter(|r| r["method"] == "eth_call").count();
            (seen.iter().filter(|body| of(body) > 0).count(), seen.iter().map(of).sum::<usize>())
        };
        let answer = world.post(&ask(1), None).await.result();
        assert_eq!(answer["attributes"].as_object().map(|a| a.len()), Some(20), "{answer}");
        let (trips, read) = calls();
        assert_eq!(read, 20);
        table.row("requests to the Ethereum node for 20 attributes", trips as f64, "requests", Some(("at most", 1.0)));
        let before = calls();
        join_all((0..100).map(|_| async { world.post(&ask(2), None).await.result() })).await;
        let after = calls();
        let per_call = (after.1 - before.1) as f64 / 20.0;
        table.row("calls per distinct one, for 100 at the same time", per_call, "calls", Some(("at most", 1.0)));
        table.row("and requests for all of them", (after.0 - before.0) as f64, "requests", None);
        world.stop().await;
    });
}

/// The memory that this process has in use, in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().expect("a number") * 1024.0
}

fn memory(table: &mut Table, serving: &Runtime) {
    table.title("Memory with many token types, each with a script of its own");
    serving.block_on(async {
        // The first name is the token's; the contract has another, which attributes refer to.
        let text = |n: u32| SCRIPT.replacen("name=\"Ticket\"", &format!("name=\"Ticket{n:05}\""), 1);
        let (chain, dir) = (FakeChain::new(), tempfile::tempdir().expect("a folder"));
        let store = smartlayer_store::Store::open(dir.path()).expect("a store");
        let template = chain.change(|s| s.tokens[&0].clone());
        for chunk in (0..TYPES).collect::<Vec<_>>().chunks(256) {
            let keep = chunk.iter().map(|n| async {
                let mut token = template.clone();
                token.spec.script_hash = smartlayer_primitives::payload::blake2_256(text(*n).as_bytes());
                store.put_blob(&token.spec.script_hash, text(*n).into_bytes()).await.expect("kept");
                chain.change(|s| s.tokens.insert(*n, token));
            });
            join_all(keep).await;
        }
        drop(store);
        let world = World::start_with(chain, dir, |_| ()).await;
        let before = resident();
        for chunk in (0..TYPES).collect::<Vec<_>>().chunks(64) {
            let described = chunk.iter().map(|n| world.free("token_describe", json!({ "tokenType": n })));
            for answer in join_all(described).await {
                assert!(answer.result()["name"].as_str().is_some());
            }
        }
        let after = resident();
        table.row("token types loaded", f64::from(TYPES), "types", None);
        table.row("length of each script", text(0).len() as f64, "bytes", None);
        table.row("memory for all of them", (after - before) / 1048576.0, "MiB", None);
        table.row("memory for each", (after - before) / f64::from(TYPES) / 1024.0, "KiB", None);
        world.stop().await;
    });
}
