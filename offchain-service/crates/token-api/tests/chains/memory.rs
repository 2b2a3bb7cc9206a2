//! Answers from memory: the same as they would be computed, whatever changes.

use std::time::Duration;

use crate::common::*;
use crate::ethereum::{answers, block, now, requests, Node, Reply};
use futures::future::join_all;
use proptest::prelude::*;
use serde_json::{json, Value};
use smartlayer_api_types::{rpc::IssuerPublish, Amount, ErrorCode};
use smartlayer_ethereum::ChainId;
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_network::messages::Gossip;
use smartlayer_primitives::{InstanceId, SLT};
use smartlayer_token_api::{Config, EvmConfig};

const ID: InstanceId = InstanceId { token_type: 0, index: 1 };

fn script(name: &str) -> String {
    let value = |name: &str, of: &str| {
        format!(
            r#"<ts:attribute name="{name}"><ts:origins><ts:data ref="{of}" as="utf8"/></ts:origins></ts:attribute>"#
        )
    };
    let values = [("gate", "gate"), ("row", "row"), ("redeemed", "operations.redeem"), ("asks", "walletAddress")];
    let values: String = values.iter().map(|(name, of)| value(name, of)).collect();
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="{name}">
        <ts:contract interface="erc721" name="C"><ts:address network="1">0x5FbDB2315678afecb367f032d93F642f64180aa3</ts:address></ts:contract>
        <ts:origins><ts:ethereum contract="C"/></ts:origins>
        <ts:selection name="front" filter="(row=a)"/>
        <ts:cards><ts:card type="action" name="redeem"><ts:label><ts:string xml:lang="en">Redeem</ts:string></ts:label></ts:card>
        <ts:card type="token" name="info"><ts:view xml:lang="en"><p>{name}</p></ts:view></ts:card></ts:cards>
        {values}
        <ts:attribute name="height"><ts:origins>
          <ethereum:call function="height" contract="C" as="uint"/>
        </ts:origins></ts:attribute></ts:token>"#
    )
}

/// An Ethereum node at which every call returns the newest block's number.
async fn heights() -> Node {
    let node = Node::start().await;
    let at = node.clone();
    node.does(move |body| {
        let height = at.head.lock().unwrap()["number"].as_str().map(|number| number[2..].to_owned())?;
        let height = format!("0x{height:0>64}");
        requests(body).iter().any(|request| request["method"] == "eth_call").then(|| {
            Reply::Json(answers(body, |method, params| match method {
                "eth_call" => Ok(json!(height)),
                _ => at.answer(method, params),
            }))
        })
    });
    node
}

/// A node at which reading is free, with an instance of the script.
async fn world(node: &Node, change: impl FnOnce(&mut Config)) -> World {
    let mut evm = EvmConfig::new(ChainId(1), vec![node.url.clone()]);
    evm.poll_interval_ms = Some(20);
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| {
        config.evm = vec![evm];
        config.prices.query = Amount(0);
        change(config);
    })
    .await;
    world.register_script(&script("One"));
    world.place_instance(&script("One"), 1, 5, &[("row", "a")]).await;
    world
}

fn instance() -> Value {
    json!({ "instance": { "tokenType": 0, "index": 1 } })
}

async fn read(world: &World) -> Value {
    world.free("token_attributes", instance()).await.result()
}

fn from_memory(world: &World) -> u64 {
    world.counted("service_answers_from_memory_total")
}

fn request(id: &str, params: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"token_attributes","params":{params}}}"#).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_is_answered_from_memory_with_the_id_of_who_asks() {
    let world = world(&heights().await, |_| ()).await;
    let first: Value =
        serde_json::from_slice(&world.post(&request("1", &instance().to_string()), None).await.body).unwrap();
    assert_eq!((from_memory(&world), &first["result"]["attributes"]["row"]), (0, &json!("a")));
    for (count, id) in (1..).zip(["2", "null", r#""x""#, r#""\u0041\"\\""#, "-1", "1.5"]) {
        let answer = world.post(&request(id, &instance().to_string()), None).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&answer["id"], &answer["result"]), (&serde_json::from_str(id).unwrap(), &first["result"]));
        assert_eq!(from_memory(&world), count, "{id}");
    }
    // A browser gets what browsers need.
    let asked = world.http.post(&world.url).header("origin", "https://dapp.example");
    let answer = asked.body(request("3", &instance().to_string())).send().await.unwrap();
    assert_eq!((&answer.headers()["access-control-allow-origin"], from_memory(&world)), (&"*".parse().unwrap(), 7));
    // What is no request gets the same error as ever.
    for id in ["[1]", "{}", "true"] {
        assert_eq!(world.post(&request(id, &instance().to_string()), None).await.code(), ErrorCode::InvalidRequest);
    }
    assert_eq!(world.post(&request("1", r#"{"instance":"\ud800"}"#), None).await.code(), ErrorCode::InvalidParams);
    assert_eq!(from_memory(&world), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_chain_and_language_has_an_answer_of_its_own() {
    let world = world(&heights().await, |_| ()).await;
    let callers = ["0x00000000000000000000000000000000000000a1", "0x00000000000000000000000000000000000000b2"];
    let ask = async |reading: Value| {
        let mut params = instance();
        params["reading"] = reading;
        world.free("token_attributes", params).await
    };
    for _ in 0..2 {
        for caller in callers {
            let answer = ask(json!({ "caller": caller })).await.result();
            let asks = answer["attributes"]["asks"].as_str().unwrap_or_else(|| panic!("{answer}"));
            assert_eq!(asks.to_lowercase(), caller);
        }
        assert_eq!(ask(json!({})).await.result()["attributes"]["asks"], Value::Null);
        assert_eq!(ask(json!({ "chain": "eip155:1", "language": "de" })).await.result()["attributes"]["row"], "a");
        assert_eq!(ask(json!({ "chain": "eip155:5" })).await.code(), ErrorCode::InvalidParams);
    }
    assert_eq!(from_memory(&world), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_block_of_a_chain_that_was_read_is_read() {
    let node = heights().await;
    let world = world(&node, |_| ()).await;
    assert_eq!(read(&world).await["attributes"]["height"], "1000");
    for height in 1001..1004 {
        *node.head.lock().unwrap() = block(height, now());
        // Until the node has seen it, the answer is that of the block that it names.
        for _ in 0..500 {
            let answer = read(&world).await;
            assert_eq!(answer["attributes"]["height"], answer["blocks"]["eip155:1"]["number"].to_string());
            if answer["blocks"]["eip155:1"]["number"] == height {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(read(&world).await["attributes"]["height"], height.to_string());
    }
    assert!(from_memory(&world) > 0);
    // Another block of the same number.
    *node.head.lock().unwrap() = block(1003, now() - 9);
    let hash = node.head.lock().unwrap()["hash"].clone();
    let mut answer = read(&world).await;
    for _ in 0..500 {
        answer = read(&world).await;
        if answer["blocks"]["eip155:1"]["hash"] == hash {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(answer["blocks"]["eip155:1"]["hash"], hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_is_read_again() {
    let node = heights().await;
    let world = world(&node, |_| ()).await;
    let well = node.deed.lock().unwrap().clone();
    node.does(|body| {
        let reads = requests(body).iter().any(|request| request["method"] == "eth_call");
        reads.then(|| Reply::Status(500, "down".into()))
    });
    assert_eq!(read(&world).await["unavailable"]["height"]["reason"], "chain-unavailable");
    *node.deed.lock().unwrap() = well;
    let mut answer = Value::Null;
    for _ in 0..200 {
        answer = read(&world).await;
        if answer["attributes"]["height"] == "1000" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(answer["attributes"]["height"], "1000", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_script_answers_and_shows_another_thing() {
    let world = world(&heights().await, |_| ()).await;
    let view = json!({ "tokenType": 0, "card": "info" });
    let front = json!({ "tokenType": 0, "indices": [1], "selection": "front" });
    for _ in 0..2 {
        assert!(world.free("token_view", view.clone()).await.result()["html"].as_str().unwrap().contains("One"));
        assert_eq!(world.free("token_select", front.clone()).await.result()["selected"], json!([1]));
        assert!(read(&world).await["attributes"].get("row").is_some());
    }
    assert_eq!(from_memory(&world), 3);
    let other = script("Two").replace(r#"name="row""#, r#"name="rank""#).replace("(row=a)", "(rank=b)");
    world.register_script(&other);
    // It comes with the placement of another instance.
    world.place_instance(&other, 2, 6, &[]).await;
    let attributes = read(&world).await["attributes"].clone();
    assert_eq!((attributes.get("row"), &attributes["rank"]), (None, &json!("a")));
    assert_eq!(world.free("token_select", front).await.result()["selected"], json!([]));
    assert!(world.free("token_view", view).await.result()["html"].as_str().unwrap().contains("Two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_this_node_was_relieved_of_is_answered_by_others() {
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| {
        config.prices.query = Amount(0);
    })
    .await;
    world.serve_instance().await;
    let ask = async || world.post(&attributes_named(&["gate"]), None).await;
    assert_eq!(ask().await.result(), ask().await.result());
    assert_eq!(from_memory(&world), 1);
    let (elsewhere, ..) = assignment(2, &[account(OTHER_NODE)]);
    let signed = sign(elsewhere);
    for _ in 0..400 {
        if world.counted("service_instances") == 0 {
            break;
        }
        // Fails as long as nobody listens.
        let _ = world.anchor.publish(Gossip::Assignment(signed.clone())).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(world.counted("service_instances"), 0);
    let last = ask().await;
    assert!([ErrorCode::NotServing, ErrorCode::UnknownInstance].contains(&last.code()), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_free_is_paid_for_when_it_has_a_price_and_then_comes_from_memory_too() {
    let world = world(&heights().await, |config| config.evm.clear()).await;
    let ask = body("token_attributes", json!({ "instance": { "tokenType": 0, "index": 1 }, "names": ["row"] }));
    assert_eq!((world.post(&ask, None).await.status, world.post(&ask, None).await.status), (200, 200));
    let (chain, dir) = world.stop().await;
    let world = World::start_with(chain, dir, |_| ()).await;
    let (one, two) = (0, 1);
    let [one, two] = [one, two].map(|nonce| world.chain.open_session(&account(NODE), nonce, SLT));
    for (session, count) in [(one, 0), (two, 1)] {
        assert_eq!(world.post(&ask, None).await.code(), ErrorCode::PaymentRequired);
        let before = from_memory(&world);
        let paid = world.paid(&ask, session, PRICE).await;
        assert_eq!(paid.result()["attributes"]["row"], "a");
        let receipt = paid.receipt(&ask).receipt;
        assert_eq!((receipt.charged, receipt.cumulative, from_memory(&world) - before), (PRICE, PRICE, count));
    }
    // Also each call of a batch.
    let element: Value = serde_json::from_slice(&ask).unwrap();
    let batch = serde_json::to_vec(&vec![element; 10]).unwrap();
    let before = from_memory(&world);
    let paid = world.paid(&batch, one, 11 * PRICE).await;
    assert_eq!(paid.receipt(&batch).receipt.charged, 10 * PRICE);
    assert_eq!(from_memory(&world) - before, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_as_much_is_worked_on_as_may_be_waits() {
    let world = world(&heights().await, |config| {
        config.prices.query = Amount(PRICE);
        config.rpc.max_paid_calls = 4;
    })
    .await;
    let element: Value = serde_json::from_slice(&body("token_attributes", instance())).unwrap();
    let batch = serde_json::to_vec(&vec![element; 4]).unwrap();
    let asked = (0..16).map(|nonce| {
        let session = world.chain.open_session(&account(NODE), nonce, SLT);
        world.paid(&batch, session, 4 * PRICE)
    });
    for answer in join_all(asked).await {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// What can happen to an instance.
#[derive(Clone, Debug)]
enum Event {
    /// The issuer publishes a value.
    Update(u8),
    /// Anchors place another version.
    Place(u8),
    /// Somebody executes a key operation.
    Redeem,
    /// A block is finalised.
    Finalise,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        any::<u8>().prop_map(Event::Update),
        any::<u8>().prop_map(Event::Place),
        Just(Event::Redeem),
        Just(Event::Finalise),
    ]
}

async fn changing(events: Vec<Event>) {
    let world = world(&heights().await, |_| ()).await;
    let session = world.chain.open_session(&account(NODE), 0, 100 * SLT);
    let (mut gate, mut row, mut redeemed) = (Value::Null, "a".to_owned(), 0u128);
    let (mut sequence, mut version) = (0, 1);
    for event in events {
        match &event {
            Event::Update(value) => {
                sequence += 1;
                gate = json!(value.to_string());
                let values = [("gate".to_owned(), Some(value.to_string()))].into();
                let update = StateUpdate { instance: ID, sequence, reset: false, values, issued_at: 1_790_000_000 };
                let signed = SignedUpdate { signature: key(ISSUER).sign_payload(&update, &GENESIS), update };
                let published = serde_json::to_value(IssuerPublish::from(&signed)).unwrap();
                world.free("issuer_publish", published).await.result();
            }
            Event::Place(value) => {
                version += 1;
                row = format!("row {value}");
                world.place_version(&script("One"), ID, version, 5, &[("row", &row)]).await;
            }
            Event::Redeem => {
                redeemed += 1;
                let params = json!({ "instance": { "tokenType": 0, "index": 1 }, "action": "redeem" });
                let call = body("token_call", params);
                world.paid(&call, session, redeemed * CALL_PRICE).await.result();
            }
            Event::Finalise => world.chain.advance(&[]),
        }
        let before = from_memory(&world);
        for _ in 0..3 {
            let found = read(&world).await["attributes"].clone();
            let found = (&found["gate"], &found["row"], &found["redeemed"]);
            assert_eq!(found, (&gate, &json!(row), &json!(redeemed.to_string())), "after {event:?}");
        }
        let again = from_memory(&world) - before;
        assert!(again <= 2, "{again} after {event:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    /// Whatever changes an instance, the next answer has it, also right after an answer from memory.
    #[test]
    fn no_answer_is_one_from_before_a_change(events in proptest::collection::vec(event(), 1..16)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(changing(events));
    }
}
