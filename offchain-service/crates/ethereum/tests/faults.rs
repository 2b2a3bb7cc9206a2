//! Endpoints that fail in every way there is, over real sockets.

mod common;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use common::*;
use serde_json::{json, Value};
use smartlayer_ethereum::{Answer, ChainConfig, EthereumError, Fault, LogQuery, Read, Transaction};

fn returned(data: &[u8]) -> Result<Answer, EthereumError> {
    Ok(Answer::Returned(data.to_vec().into()))
}

fn asks(body: &Value, method: &str) -> bool {
    requests(body).iter().any(|request| request["method"] == method)
}

/// The bodies' first requests for calls: what they were called with.
fn called(body: &Value) -> Vec<String> {
    let calls = requests(body).into_iter().filter(|r| r["method"] == "eth_call");
    calls.map(|r| r["params"][0]["to"].as_str().unwrap()[2..4].to_owned()).collect()
}

#[tokio::test]
async fn the_next_endpoint_answers_in_time_whatever_the_first_does() {
    type Deed = fn(&Value) -> Option<Reply>;
    let everything: [(&str, Deed); 9] = [
        ("timeout", |_| Some(Reply::Hang)),
        ("garbage", |_| Some(Reply::Status(200, "<html>".into()))),
        ("garbage", |_| Some(Reply::Json(json!([{ "id": 77, "result": "0x1" }])))),
        ("too-large", |_| Some(Reply::Status(200, "[".repeat(20_000)))),
        ("broken-off", |_| Some(Reply::Die)),
        ("rate-limited", |_| Some(Reply::Status(429, String::new()))),
        ("http-status", |_| Some(Reply::Status(503, String::new()))),
        ("missing-answer", |_| Some(Reply::Json(json!([])))),
        ("refused", |body| Some(Reply::Json(answers(body, |_, _| Err(json!({ "code": -32603, "message": "no" })))))),
    ];
    for (reason, deed) in everything {
        // At once, and when it answered well before.
        for only_reads in [false, true] {
            let (bad, good) = (Node::start().await, Node::start().await);
            bad.does(move |body| deed(body).filter(|_| !only_reads || asks(body, "eth_call")));
            let config = ChainConfig { max_response_bytes: 10_000, ..config(&[&bad, &good]) };
            let client = Client::new([config]);
            let start = Instant::now();
            let reads = [call(1, &[1]), call(2, &[2]), call(3, &[0xde, 0xad])];
            let answers = client.view().await.unwrap().read(&reads).await;
            assert_eq!(answers[..2], [returned(&[1]), returned(&[2])], "{reason}");
            assert!(matches!(&answers[2], Ok(Answer::Reverted(revert)) if revert.words == "execution reverted: no"));
            assert!(start.elapsed() < Duration::from_secs(2), "{reason} took {:?}", start.elapsed());
            assert!(client.counted(&["endpoint_failures_total", reason]) > 0, "{reason}: {}", client.metrics());
            assert!(!client.metrics().contains("secret"));
            // What failed is asked last from now on.
            if !only_reads {
                let asked = bad.count("eth_call");
                assert_eq!(client.view().await.unwrap().read(&[call(1, &[7])]).await, [returned(&[7])]);
                assert_eq!(bad.count("eth_call"), asked, "{reason}");
            }
        }
    }
    // Nobody there.
    let (mut gone, good) = (Node::start().await, Node::start().await);
    gone.url = "http://127.0.0.1:9/secret-key".parse().unwrap();
    let client = Client::new([config(&[&gone, &good])]);
    assert_eq!(client.view().await.unwrap().read(&[call(1, &[1])]).await, [returned(&[1])]);
    assert_eq!(client.counted(&["endpoint_failures_total", "\"unreachable\"", "127.0.0.1:9"]), 1);
    let error = Client::new([config(&[&gone])]).view().await.err().unwrap();
    assert!(matches!(&error, EthereumError::Unanswered { chain: 1, fault: Fault::Unreachable(_) }), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_never_read() {
    let (other, good) = (Node::start().await, Node::start().await);
    *other.chain_id.lock().unwrap() = 5;
    let client = Client::new([config(&[&other, &good])]);
    assert_eq!(client.view().await.unwrap().read(&[call(1, &[1])]).await, [returned(&[1])]);
    assert_eq!(other.count("eth_call"), 0);
    assert_eq!(client.counted(&["endpoint_failures_total", "wrong-chain"]), 1);
    let error = Client::new([config(&[&other])]).view().await.err().unwrap();
    assert_eq!(error, EthereumError::Unanswered { chain: 1, fault: Fault::WrongChain(5) });
    assert_eq!(error.to_string(), "no Ethereum node of chain eip155:1 answered: it belongs to chain eip155:5");
    assert_eq!(error.code(), "chain-unanswered");
    // Nor is one that is not followed first, because it is only asked when the others fail.
    let first = Node::start().await;
    other.does(|body| Some(Reply::Hang).filter(|_| asks(body, "eth_getBlockByNumber")));
    first.does(|body| Some(Reply::Status(500, String::new())).filter(|_| asks(body, "eth_call")));
    let client = Client::new([config(&[&first, &other])]);
    let answers = client.view().await.unwrap().read(&[call(1, &[1])]).await;
    assert_eq!(other.count("eth_call"), 0);
    assert_eq!(answers, [Err(EthereumError::Unanswered { chain: 1, fault: Fault::WrongChain(5) })]);
    let none = Client::new([]);
    assert_eq!(none.view().await.err(), Some(EthereumError::UnknownChain(1)));
}

#[tokio::test]
async fn newest_blocks_that_lie_are_not_believed() {
    let fault = async |head: Value| {
        let node = Node::start().await;
        *node.head.lock().unwrap() = head;
        match Client::new([config(&[&node])]).view().await {
            Err(EthereumError::Unanswered { fault, .. }) => fault.code(),
            Err(other) => other.code(),
            Ok(_) => "believed",
        }
    };
    assert_eq!(fault(block(1000, now())).await, "believed");
    assert_eq!(fault(block(1000, now() + 30)).await, "believed");
    assert_eq!(fault(block(1000, now() + 100)).await, "head-from-the-future");
    assert_eq!(fault(block(1000, now() - 4000)).await, "head-stale");
    assert_eq!(fault(Value::Null).await, "garbage");
    assert_eq!(fault(json!({ "number": "1000" })).await, "garbage");

    // Another endpoint is asked instead.
    let (liar, good) = (Node::start().await, Node::start().await);
    *liar.head.lock().unwrap() = block(1001, now() + 1000);
    let client = Client::new([config(&[&liar, &good])]);
    assert_eq!(client.view().await.unwrap().block().number, 1000);
    assert_eq!(client.counted(&["endpoint_failures_total", "head-from-the-future"]), 1);

    // Two against one.
    let (liar, good, better) = (Node::start().await, Node::start().await, Node::start().await);
    *liar.head.lock().unwrap() = block(5000, now());
    *better.head.lock().unwrap() = block(1001, now());
    let client = Client::new([config(&[&liar, &good, &better])]);
    assert_eq!(client.view().await.unwrap().block().number, 1000);
    assert_eq!(client.counted(&["endpoint_failures_total", "head-differs"]), 1);

    // One that goes back, and one that leaps.
    for (number, reason) in [(900, "head-went-back"), (9000, "head-differs")] {
        let (liar, good) = (Node::start().await, Node::start().await);
        let client = Client::new([config(&[&liar, &good])]);
        assert_eq!(client.view().await.unwrap().block().number, 1000);
        let honest = good.count("eth_getBlockByNumber");
        *liar.head.lock().unwrap() = block(number, now());
        *good.head.lock().unwrap() = block(1001, now());
        until("the other is asked", async || good.count("eth_getBlockByNumber") > honest).await;
        until(reason, async || client.counted(&["endpoint_failures_total", reason]) > 0).await;
        until("the other is believed", async || client.view().await.unwrap().block().number == 1001).await;
    }
    // A short way back is a reorganisation.
    let node = Node::start().await;
    let client = Client::new([config(&[&node])]);
    client.view().await.unwrap();
    *node.head.lock().unwrap() = block(998, now());
    until("it is believed", async || client.view().await.unwrap().block().number == 998).await;
}

#[tokio::test]
async fn without_any_endpoint_it_fails_at_once_and_recovers_by_itself() {
    let (one, two) = (Node::start().await, Node::start().await);
    let client = Client::new([config(&[&one, &two])]);
    let view = client.view().await.unwrap();
    for node in [&one, &two] {
        node.does(|_| Some(Reply::Hang));
    }
    let start = Instant::now();
    let answers = view.read(&[call(1, &[1])]).await;
    assert!(matches!(&answers[0], Err(EthereumError::Unanswered { fault: Fault::Timeout(_), .. })), "{answers:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    until("the last block is too old", async || client.view().await.is_err()).await;
    let start = Instant::now();
    assert!(client.view().await.is_err());
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    let asked = one.seen.lock().unwrap().len();
    for _ in 0..50 {
        let _ = client.view().await;
    }
    assert!(one.seen.lock().unwrap().len() < asked + 5, "it is left alone for a while");
    for node in [&one, &two] {
        node.does(|_| None);
    }
    until("it is well again", async || client.view().await.is_ok()).await;
    // The failure was not kept.
    assert_eq!(client.view().await.unwrap().read(&[call(1, &[1])]).await, [returned(&[1])]);
}

#[tokio::test]
async fn the_deadline_holds_and_others_go_on() {
    let (slow, well) = (Node::start().await, Node::start().await);
    *well.chain_id.lock().unwrap() = 2;
    let first = ChainConfig {
        request_timeout: Duration::from_secs(60),
        deadline: Duration::from_millis(700),
        ..config(&[&slow])
    };
    let client = Client::new([first, ChainConfig { chain_id: 2, ..config(&[&well]) }]);
    let view = client.view().await.unwrap();
    slow.does(|body| Some(Reply::Hang).filter(|_| asks(body, "eth_call")));
    let start = Instant::now();
    let hung = tokio::spawn(async move { view.read(&[call(1, &[1])]).await });
    let other = client.ethereum.view(2, Instant::now()).await.unwrap();
    assert_eq!(other.read(&[call(1, &[1])]).await, [returned(&[1])]);
    assert!(start.elapsed() < Duration::from_millis(500));
    let answers = hung.await.unwrap();
    assert!(answers[0].is_err() && start.elapsed() < Duration::from_millis(1500), "{answers:?} {:?}", start.elapsed());
    // It counts from when the evaluation began.
    let late = client.ethereum.view(1, Instant::now() - Duration::from_secs(1)).await;
    if let Ok(view) = late {
        assert!(matches!(&view.read(&[call(5, &[5])]).await[0], Err(EthereumError::Deadline { .. })));
    }
}

#[tokio::test]
async fn answers_may_come_in_any_order() {
    let node = Node::start().await;
    let sorted = node.clone();
    node.does(move |body| {
        let mut answers = answers(body, |m, p| sorted.answer(m, p));
        if let Some(all) = answers.as_array_mut() {
            all.reverse();
        }
        Some(Reply::Json(answers))
    });
    let client = Client::new([config(&[&node])]);
    let reads: Vec<_> = (0..50).map(|n| call(n, &[n])).collect();
    let expected: Vec<_> = (0..50).map(|n| returned(&[n])).collect();
    assert_eq!(client.view().await.unwrap().read(&reads).await, expected);
    assert_eq!(node.count("eth_call"), 1);
}

#[tokio::test]
async fn batches_are_as_large_as_the_endpoint_takes() {
    let reads = |from: u8| (from..from + 40).map(|n| call(n, &[n])).collect::<Vec<_>>();
    for limit in [1, 10] {
        for refusal in [
            |_: &Value| Reply::Json(json!({ "id": null, "error": { "code": -32600, "message": "batch too large" } })),
            |body: &Value| {
                Reply::Json(json!([{ "id": body[0]["id"], "error": { "code": -32600, "message": "batch too large" } }]))
            },
            |_: &Value| Reply::Json(json!({ "id": null, "error": { "code": -32600, "message": "no batches here" } })),
            |_: &Value| Reply::Status(413, "too large".into()),
            |_: &Value| Reply::Status(400, String::new()),
        ] {
            let node = Node::start().await;
            node.does(move |body| body.as_array().filter(|batch| batch.len() > limit).map(|_| refusal(body)));
            let client = Client::new([config(&[&node])]);
            let view = client.view().await.unwrap();
            let expected: Vec<_> = (0..40).map(|n| returned(&[n])).collect();
            assert_eq!(view.read(&reads(0)).await, expected);
            // The second time it is known.
            node.seen.lock().unwrap().clear();
            let expected: Vec<_> = (100..140).map(|n| returned(&[n])).collect();
            assert_eq!(view.read(&reads(100)).await, expected);
            let seen = node.seen.lock().unwrap().clone();
            assert!(seen.iter().all(|body| requests(body).len() <= limit), "{limit}");
            assert_eq!(client.counted(&["endpoint_failures_total{"]), 0);
        }
    }
    // As configured.
    let node = Node::start().await;
    let client = Client::new([ChainConfig { max_batch: 15, ..config(&[&node]) }]);
    client.view().await.unwrap().read(&reads(0)).await;
    assert_eq!(node.count("eth_call"), 3);
}

#[tokio::test]
async fn an_endpoint_without_block_hashes_is_asked_by_number_and_checked() {
    for (code, message) in [(-32602, "invalid params"), (-32000, "json: cannot unmarshal object into Go value")] {
        let node = Node::start().await;
        let inner = node.clone();
        node.does(move |body| {
            Some(Reply::Json(answers(body, |method, params| match method {
                "eth_call" if params[1].is_object() => Err(json!({ "code": code, "message": message })),
                _ => inner.answer(method, params),
            })))
        });
        let client = Client::new([config(&[&node])]);
        let view = client.view().await.unwrap();
        assert_eq!(view.read(&[call(1, &[1]), call(2, &[2])]).await, [returned(&[1]), returned(&[2])]);
        assert_eq!(node.count("eth_call"), 2);
        assert_eq!(view.read(&[call(3, &[3])]).await, [returned(&[3])]);
        assert_eq!(node.count("eth_call"), 3, "it is remembered");
        let body = node.seen.lock().unwrap().iter().rfind(|body| asks(body, "eth_call")).cloned().unwrap();
        assert_eq!(body[0]["params"][1], "0x3e8");

        // The block is replaced by another with the same number.
        *node.head.lock().unwrap() = block(1000, now() - 100);
        let answers = view.read(&[call(4, &[4])]).await;
        let unknown = Fault::BlockUnknown(1000);
        assert_eq!(answers, [Err(EthereumError::Unanswered { chain: 1, fault: unknown })]);
    }
}

#[tokio::test]
async fn one_bad_read_does_not_spoil_the_others() {
    for (reason, two_endpoints) in [("too-large", false), ("too-large", true), ("timeout", false), ("timeout", true)] {
        let nodes = [Node::start().await, Node::start().await];
        for node in &nodes {
            node.does(move |body| match called(body).contains(&"66".into()) {
                true if reason == "timeout" => Some(Reply::Hang),
                true => Some(Reply::Status(200, " ".repeat(20_000))),
                false => None,
            });
        }
        let nodes: Vec<_> = nodes.iter().take(1 + usize::from(two_endpoints)).collect();
        let config = ChainConfig { max_response_bytes: 10_000, deadline: Duration::from_secs(9), ..config(&nodes) };
        let client = Client::new([config]);
        let view = client.view().await.unwrap();
        let reads: Vec<_> = (0x60..0x68).map(|n| call(n, &[n])).collect();
        let answers = view.read(&reads).await;
        for (read, answer) in (0x60..0x68).zip(&answers) {
            match (read, answer) {
                (0x66, Err(EthereumError::Unanswered { fault, .. })) => assert_eq!(fault.code(), reason),
                _ => assert_eq!(*answer, returned(&[read]), "{reason}"),
            }
        }
        // From now on that contract is asked apart.
        let counts = |client: &Client| client.counted(&["round_trips_total{"]);
        let reads: Vec<_> = (0x60..0x68).map(|n| call(n, &[n, 1])).collect();
        nodes.iter().for_each(|node| node.seen.lock().unwrap().clear());
        let trips = counts(&client);
        let start = Instant::now();
        let answers = view.read(&reads).await;
        assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 7);
        let calls = nodes.iter().map(|node| node.count("eth_call")).sum::<usize>();
        assert_eq!(calls, 1 + nodes.len(), "{reason}");
        assert!(start.elapsed() < Duration::from_secs(2) && counts(&client) > trips);
    }
}

#[tokio::test]
async fn logs_are_asked_for_in_ranges_that_the_endpoint_takes() {
    let log = |number: u64| {
        json!({
            "address": Address::repeat_byte(1).to_string(),
            "topics": [B256::repeat_byte(7).to_string()],
            "data": "0x01",
            "blockNumber": format!("0x{number:x}"),
            "blockHash": block(1000, 0)["hash"],
            "transactionHash": B256::repeat_byte(3).to_string(),
            "logIndex": "0x0",
        })
    };
    let number = |value: &Value| u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    type Limit = Result<u64, u64>;
    // Ranges of at most 100 blocks, and at most 3 logs in an answer.
    for limit in [Ok(100), Err(3)] as [Limit; 2] {
        let node = Node::start().await;
        let (inner, asked) = (node.clone(), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        node.does(move |body| {
            Some(Reply::Json(answers(body, |method, params| {
                if method != "eth_getLogs" {
                    return inner.answer(method, params);
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (from, to) = (number(&params[0]["fromBlock"]), number(&params[0]["toBlock"]));
                let found: Vec<_> = (from..=to).filter(|n| n % 50 == 7).map(log).collect();
                let refused = match limit {
                    Ok(blocks) => to - from >= blocks,
                    Err(logs) => found.len() as u64 > logs,
                };
                match refused {
                    true => Err(json!({ "code": -32005, "message": "query returned more than it may" })),
                    false => Ok(found.into()),
                }
            })))
        });
        let client = Client::new([config(&[&node])]);
        let view = client.view().await.unwrap();
        let query = |newest, from_block| {
            let topics = vec![vec![B256::repeat_byte(7)]];
            Read::Logs(LogQuery { address: Address::repeat_byte(1), topics, from_block, newest })
        };
        let found = |answers: Vec<Result<Answer, EthereumError>>| match &answers[..] {
            [Ok(Answer::Logs(logs))] => {
                (logs.found.iter().map(|l| l.block_number).collect::<Vec<_>>(), logs.searched_from)
            }
            other => panic!("{other:?}"),
        };
        let (numbers, from) = found(view.read(&[query(2, 0)]).await);
        assert_eq!(numbers, [957, 907]);
        assert!(from > 700 && from <= 907);
        let first = asked.swap(0, Ordering::SeqCst);
        let (numbers, from) = found(view.read(&[query(1000, 300)]).await);
        assert_eq!((numbers.len(), from), (14, 300));
        assert!(asked.load(Ordering::SeqCst) <= 20 && first <= 12, "{first} {asked:?}");
        assert_eq!(found(view.read(&[query(1, 1000)]).await), (vec![], 1000));
        assert_eq!(client.counted(&["endpoint_failures_total{"]), 0);
    }
    // What is not asked at all.
    let client = Client::new([config(&[&Node::start().await])]);
    let topics = vec![vec![B256::ZERO; 65]];
    let wild = Read::Logs(LogQuery { address: Address::ZERO, topics, from_block: 0, newest: 1 });
    let large = Read::call(Address::ZERO, vec![0; 200_000].into());
    for answer in client.view().await.unwrap().read(&[wild, large]).await {
        assert_eq!(answer.unwrap_err().code(), "invalid-read");
    }
}

#[tokio::test]
async fn what_is_asked_while_a_batch_is_under_way_goes_with_the_next() {
    let node = Node::start().await;
    let client = Client::new([config(&[&node])]);
    let view = client.view().await.unwrap();
    let ask = |n: u8| {
        let view = view.clone();
        tokio::spawn(async move { view.read(&[call(n, &[n])]).await })
    };
    let mut asked = Vec::new();
    for n in 0..100 {
        asked.push((n, ask(n)));
    }
    for (n, asked) in asked {
        assert_eq!(asked.await.unwrap(), [returned(&[n])]);
    }
    assert!(node.count("eth_call") <= 3, "{}", node.count("eth_call"));
    let metrics = client.metrics();
    assert!(metrics.contains(r#"ethereum_batch_size_count{chain="eip155:1"}"#), "{metrics}");
    assert!(metrics.contains(r#"ethereum_head_number{chain="eip155:1"} 1000"#), "{metrics}");
    assert!(metrics.contains("ethereum_head_age_seconds"), "{metrics}");
}

#[tokio::test]
async fn nobody_is_asked_before_anybody_asks_nor_after_it_is_dropped() {
    let node = Node::start().await;
    let client = Client::new([config(&[&node])]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(node.seen.lock().unwrap().len(), 0);
    client.view().await.unwrap();
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let seen = node.seen.lock().unwrap().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(node.seen.lock().unwrap().len(), seen);
}

#[tokio::test]
async fn blocks_are_searched_for_logs_once_unless_they_may_be_replaced() {
    let node = Node::start().await;
    let config = ChainConfig { log_range: 100, log_requests: 4, max_reorg: 10, ..config(&[&node]) };
    let client = Client::new([config]);
    let query = LogQuery { address: Address::ZERO, topics: vec![], from_block: 0, newest: 5 };
    let mut ranges = Vec::new();
    for number in [1000, 1001, 1002] {
        *node.head.lock().unwrap() = block(number, now());
        until("the block is seen", async || client.view().await.unwrap().block().number == number).await;
        node.seen.lock().unwrap().clear();
        let answers = client.view().await.unwrap().read(&[Read::Logs(query.clone())]).await;
        let seen = node.seen.lock().unwrap().clone();
        let asked = seen.iter().flat_map(requests).filter(|r| r["method"] == "eth_getLogs");
        let asked: Vec<_> = asked.map(|r| r["params"][0]["fromBlock"].as_str().unwrap().to_owned()).collect();
        let Ok(Answer::Logs(logs)) = &answers[0] else { panic!("{answers:?}") };
        ranges.push((asked, logs.searched_from));
    }
    let from = |numbers: &[u64]| numbers.iter().map(|n| format!("0x{n:x}")).collect::<Vec<_>>();
    assert_eq!(ranges[0], (from(&[901, 801, 701, 601]), 601));
    assert_eq!(ranges[1], (from(&[991, 501, 401, 301]), 301));
    assert_eq!(ranges[2], (from(&[992, 201, 101, 1]), 1));
}

/// An endpoint can't make an estimate absurd: the next is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_lying_endpoints_estimate_is_not_believed() {
    let (liar, honest) = (Node::start().await, Node::start().await);
    let estimating = |node: &Node, gas: &'static str, base_fee: &'static str| {
        let head = node.head.clone();
        let answering = node.clone();
        node.does(move |body| {
            let mut header = head.lock().unwrap().clone();
            (header["gasLimit"], header["baseFeePerGas"]) = ("0x7530".into(), base_fee.into());
            Some(Reply::Json(answers(body, |method, params| match method {
                "eth_estimateGas" => Ok(gas.into()),
                "eth_getBlockByHash" => Ok(header.clone()),
                "eth_feeHistory" => Ok(json!({ "reward": [["0x2"]] })),
                "eth_getTransactionCount" => Ok("0x5".into()),
                _ => answering.answer(method, params),
            })))
        });
    };
    *honest.head.lock().unwrap() = liar.head.lock().unwrap().clone();
    estimating(&liar, "0xffffffffffff", "0xffffffffffffffff");
    estimating(&honest, "0x5208", "0x3");
    let client = Client::new([config(&[&liar, &honest])]);
    let transaction = Transaction {
        from: Address::repeat_byte(1),
        to: Address::repeat_byte(2),
        value: Default::default(),
        data: Default::default(),
    };
    let estimate = client.view().await.unwrap().estimate(&transaction).await.unwrap();
    assert_eq!((estimate.gas, estimate.bounded, estimate.nonce), (21_000, false, 5));
    assert_eq!(estimate.fees.map(|fees| (fees.base_fee, fees.max_priority_fee, fees.max_fee)), Some((3, 2, 8)));
    assert!(client.counted(&["endpoint_failures_total{", "garbage"]) >= 2);

    // More than a block holds, and less than any transaction may take.
    estimating(&honest, "0xc350", "0x3");
    let client = Client::new([config(&[&honest])]);
    let estimate = client.view().await.unwrap().estimate(&transaction).await.unwrap();
    assert_eq!((estimate.gas, estimate.bounded), (30_000, true));
}
