//! What chains change, as subscribers hear of it.

use std::{
    future::Future,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::Duration,
};

use crate::common::*;
use crate::contract::{number, word};
use crate::ethereum::{self, answers, requests, Anvil, Reply};
use alloy_primitives::Address;
use serde_json::{json, Value};
use smartlayer_api_types::rpc::IssuerPublish;
use smartlayer_ethereum::ChainId;
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_network::messages::Gossip;
use smartlayer_token_api::EvmConfig;
use url::Url;

const TOKEN: Address = Address::repeat_byte(0x70);
const HOLDER: Address = Address::repeat_byte(0xaa);

/// Attributes that a contract says, one of them for the owner and one computed from that; and one that the issuer says.
fn script() -> String {
    let call = |name: &str, mark: &str| {
        format!(
            r#"<ts:attribute name="{name}" {mark}><ts:origins><ethereum:call function="{name}" contract="C" as="uint"/></ts:origins></ts:attribute>"#
        )
    };
    let (level, seat, secret) = (call("level", ""), call("seat", ""), call("secret", r#"sl:access="owner""#));
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople"
          xmlns:sl="https://smartlayer.network/tokenscript/2026/11" name="Pass">
        <ts:contract interface="erc721" name="C"><ts:address network="1">{TOKEN}</ts:address></ts:contract>
        <ts:origins><ts:ethereum contract="C"/></ts:origins>
        {level}{seat}{secret}
        <ts:attribute name="hint"><ts:origins><ts:data ref="secret" as="uint"/></ts:origins></ts:attribute>
        <ts:attribute name="gate"><ts:origins><ts:data ref="gate" as="utf8"/></ts:origins></ts:attribute>
        <ts:attribute name="whose"><ts:origins><ts:data ref="ownerAddress" as="address"/></ts:origins></ts:attribute>
        </ts:token>"#
    )
}

async fn world_at(chain: Arc<FakeChain>, dir: tempfile::TempDir, url: &Url) -> World {
    let mut evm = EvmConfig::new(ChainId(1), vec![url.clone()]);
    evm.poll_interval_ms = Some(50);
    World::start_with(chain, dir, |config| config.evm = vec![evm]).await
}

/// A node with an instance of the script, on this chain.
async fn world(url: &Url, values: &[(&str, &str)]) -> World {
    let world = world_at(FakeChain::new(), tempfile::tempdir().unwrap(), url).await;
    world.register_script(&script());
    world.place_instance(&script(), INSTANCE.index, 5, values).await;
    world
}

/// What the contract says from the next block on.
async fn says(anvil: &Anvil, level: u64, seat: Option<u64>, secret: u64, holder: Address) {
    let mut functions =
        vec![("level()", number(level)), ("secret()", number(secret)), ("ownerOf(uint256)", word(holder))];
    functions.extend(seat.map(|seat| ("seat()", number(seat))));
    anvil.put(TOKEN, &functions).await;
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
}

fn evaluations(world: &World, outcome: &str) -> u64 {
    world.counted(&format!(r#"service_watch_evaluations_total{{outcome="{outcome}"}}"#))
}

/// Does something that has the instance looked at again, and waits for that.
async fn looked_at(world: &World, cause: impl Future<Output = ()>) {
    let all = || ["told", "same", "incomplete"].map(|outcome| evaluations(world, outcome)).iter().sum::<u64>();
    let before = all();
    cause.await;
    eventually_slowly("it is looked at", || all() > before).await;
}

async fn mine(anvil: &Anvil) {
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
}

async fn subscribe(world: &World, after: Option<u64>) -> Subscriber {
    let (subscriber, answer) = Subscriber::subscribe(world, after).await;
    assert!(!answer["result"].is_null(), "{answer}");
    subscriber
}

async fn last_change(world: &World) -> Value {
    let params = json!({ "instance": { "tokenType": 0, "index": 7 } });
    world.free("issuer_feed", params).await.result()["lastChange"].clone()
}

/// The change has this number and names these attributes; returns the block's number.
fn attributes(change: &Value, number: u64, names: &[&str]) -> u64 {
    assert_eq!((&change["kind"], &change["number"]), (&json!("attributes"), &json!(number)), "{change}");
    assert_eq!((&change["names"], &change["instance"]["index"]), (&json!(names), &json!(7)), "{change}");
    assert!(change["blocks"]["eip155:1"]["hash"].is_string(), "{change}");
    change["blocks"]["eip155:1"]["number"].as_u64().unwrap()
}

async fn publish(world: &World, sequence: u64, values: &[(&str, &str)]) {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
    let update = StateUpdate { instance: INSTANCE, sequence, reset: false, values, issued_at: 1 };
    let signed = SignedUpdate { signature: key(ISSUER).sign_payload(&update, &GENESIS), update };
    world.free("issuer_publish", serde_json::to_value(IssuerPublish::from(&signed)).unwrap()).await.result();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_contract_changes_is_told_and_nothing_else() {
    let anvil = Anvil::start().await;
    says(&anvil, 1, Some(7), 1, HOLDER).await;
    let world = world(&anvil.url, &[("gate", "A")]).await;
    let mut one = subscribe(&world, None).await;
    let mut two = subscribe(&world, None).await;
    // The first time nothing is told.
    eventually("it was seen", || evaluations(&world, "same") == 1).await;
    assert_eq!(world.counted("service_watched_instances"), 1);

    // A value, and the lack of one, and the owner; blocks in between change nothing.
    says(&anvil, 2, Some(7), 1, HOLDER).await;
    let changes = [one.change().await, two.change().await];
    assert_eq!(changes[0], changes[1]);
    let first = attributes(&changes[0], 1, &["level"]);
    for _ in 0..2 {
        looked_at(&world, mine(&anvil)).await;
    }
    says(&anvil, 2, None, 1, HOLDER).await;
    assert!(attributes(&one.change().await, 2, &["seat"]) > first);
    says(&anvil, 3, Some(8), 1, Address::repeat_byte(0xbb)).await;
    attributes(&one.change().await, 3, &["level", "seat", "whose"]);

    // What is for the owner, and what is computed from it, is never told.
    looked_at(&world, says(&anvil, 3, Some(8), 2, Address::repeat_byte(0xbb))).await;
    looked_at(&world, mine(&anvil)).await;
    assert_eq!(last_change(&world).await, 3);
    // Nor what the issuer keeps for the owner, from then on.
    looked_at(&world, publish(&world, 1, &[("access.owner", "level")])).await;
    let update = one.change().await;
    assert_eq!((&update["kind"], &update["number"]), (&json!("update"), &json!(4)));
    says(&anvil, 4, Some(9), 3, Address::repeat_byte(0xbb)).await;
    attributes(&one.change().await, 5, &["seat"]);
    assert_eq!((evaluations(&world, "told"), last_change(&world).await), (4, json!(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_nobody_followed_is_told_once() {
    let anvil = Anvil::start().await;
    says(&anvil, 1, Some(7), 1, HOLDER).await;
    let world = world(&anvil.url, &[]).await;
    let mut subscriber = subscribe(&world, None).await;
    eventually("it was seen", || evaluations(&world, "same") == 1).await;
    says(&anvil, 2, Some(7), 1, HOLDER).await;
    attributes(&subscriber.change().await, 1, &["level"]);
    drop(subscriber);
    eventually("nobody follows", || world.counted("service_watched_instances") == 0).await;

    says(&anvil, 3, Some(7), 1, HOLDER).await;
    let (chain, dir) = world.stop().await;
    says(&anvil, 3, Some(8), 1, HOLDER).await;
    let world = world_at(chain, dir, &anvil.url).await;
    let mut subscriber = subscribe(&world, Some(1)).await;
    attributes(&subscriber.change().await, 2, &["level", "seat"]);
    let mut other = subscribe(&world, Some(1)).await;
    attributes(&other.change().await, 2, &["level", "seat"]);
    looked_at(&world, mine(&anvil)).await;

    let (chain, dir) = world.stop().await;
    let world = world_at(chain, dir, &anvil.url).await;
    let _subscriber = subscribe(&world, Some(2)).await;
    eventually("it was seen again", || evaluations(&world, "same") == 1).await;
    assert_eq!(last_change(&world).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_forgotten_with_the_instance() {
    let anvil = Anvil::start().await;
    says(&anvil, 1, Some(7), 1, HOLDER).await;
    let world = world(&anvil.url, &[]).await;
    let subscriber = subscribe(&world, None).await;
    eventually("it was seen", || evaluations(&world, "same") == 1).await;
    let (elsewhere, ..) = assignment(2, &[account(OTHER_NODE)]);
    let signed = sign(elsewhere);
    let relieved = async {
        for _ in 0..400 {
            if world.counted("service_instances") == 0 {
                break;
            }
            // Fails as long as nobody listens.
            let _ = world.anchor.publish(Gossip::Assignment(signed.clone())).await;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    looked_at(&world, relieved).await;
    assert_eq!(world.counted("service_instances"), 0);
    says(&anvil, 2, Some(7), 1, HOLDER).await;
    // Also while somebody still follows it here.
    looked_at(&world, world.place_version(&script(), INSTANCE, 3, 5, &[])).await;
    drop(subscriber);
    assert_eq!((last_change(&world).await, evaluations(&world, "told")), (json!(0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_told_as_one_and_not_as_attributes_too() {
    // Its head stays, so whatever differs is the issuer's doing.
    let node = contract_at_rest().await;
    let world = world(&node.url, &[("gate", "A")]).await;
    let mut subscriber = subscribe(&world, None).await;
    eventually("it was seen", || evaluations(&world, "same") == 1).await;
    publish(&world, 1, &[("gate", "B")]).await;
    assert_eq!(subscriber.change().await["kind"], "update");
    eventually("it was seen", || evaluations(&world, "same") == 2).await;
    assert_eq!((last_change(&world).await, evaluations(&world, "told")), (json!(1), 0));
}

/// A chain at which every call returns 1, and no block comes by itself.
async fn contract_at_rest() -> ethereum::Node {
    let node = ethereum::Node::start().await;
    let at = node.clone();
    node.does(move |body| {
        Some(Reply::Json(answers(body, |method, params| match method {
            "eth_call" => Ok(json!(format!("0x{:064x}", 1))),
            _ => at.answer(method, params),
        })))
    });
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_any_more_when_nobody_follows() {
    let anvil = Anvil::start().await;
    says(&anvil, 1, Some(7), 1, HOLDER).await;
    let (url, seen) = anvil.behind_proxy().await;
    let world = world(&url, &[]).await;
    let calls = || {
        let seen = seen.lock().unwrap();
        seen.iter().flat_map(requests).filter(|request| request["method"] == "eth_call").count()
    };
    let mut subscriber = subscribe(&world, None).await;
    eventually("it was seen", || evaluations(&world, "same") == 1).await;
    // One of two goes.
    drop(subscribe(&world, None).await);
    says(&anvil, 2, Some(7), 1, HOLDER).await;
    attributes(&subscriber.change().await, 1, &["level"]);
    assert_eq!(world.counted("service_watched_instances"), 1);
    subscriber.end().await;
    eventually("nobody follows", || world.counted("service_watched_instances") == 0).await;
    let before = (calls(), evaluations(&world, "same"));
    assert!(before.0 > 0);
    says(&anvil, 3, Some(7), 1, HOLDER).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((calls(), evaluations(&world, "same")), before);
    assert_eq!(last_change(&world).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_has_not_changed_and_keeps_nobody_waiting() {
    let node = contract_at_rest().await;
    let world = world(&node.url, &[("gate", "A")]).await;
    let well = node.deed.lock().unwrap().clone();
    let fails = |reply: fn() -> Reply| {
        node.does(move |body| requests(body).iter().any(|request| request["method"] == "eth_call").then(reply));
    };
    // Whoever subscribes while the chain's endpoint hangs is accepted at once, and hears of updates.
    fails(|| Reply::Hang);
    let mut subscriber = subscribe(&world, None).await;
    publish(&world, 1, &[("gate", "B")]).await;
    assert_eq!(subscriber.change().await["number"], 1);
    *node.deed.lock().unwrap() = well.clone();
    eventually_slowly("it was seen", || evaluations(&world, "same") >= 1).await;

    for round in 1..3 {
        fails(|| Reply::Status(500, "down".into()));
        *node.head.lock().unwrap() = ethereum::block(1000 + round, ethereum::now());
        let before = evaluations(&world, "incomplete");
        eventually_slowly("it was looked at", || evaluations(&world, "incomplete") > before).await;
        *node.deed.lock().unwrap() = well.clone();
        let before = evaluations(&world, "same");
        eventually_slowly("it was seen", || evaluations(&world, "same") > before).await;
    }
    assert_eq!((last_change(&world).await, evaluations(&world, "told")), (json!(1), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_answers_slowly_is_followed_all_the_same() {
    let node = contract_at_rest().await;
    let level = Arc::new(AtomicU64::new(1));
    let (at, says) = (node.clone(), level.clone());
    let url = ethereum::serve(Arc::new(move |body| {
        let (at, says) = (at.clone(), says.clone());
        Box::pin(async move {
            if requests(&body).iter().any(|request| request["method"] == "eth_call") {
                tokio::time::sleep(Duration::from_millis(1300)).await;
            }
            Reply::Json(answers(&body, |method, params| match method {
                "eth_call" => Ok(json!(format!("0x{:064x}", says.load(Ordering::SeqCst)))),
                _ => at.answer(method, params),
            }))
        })
    }))
    .await;
    let world = world(&url, &[]).await;
    let mut subscriber = subscribe(&world, None).await;
    eventually_slowly("it was seen", || evaluations(&world, "same") >= 1).await;
    for round in 1..3 {
        level.store(1 + round, Ordering::SeqCst);
        *node.head.lock().unwrap() = ethereum::block(1000 + round, ethereum::now());
        let block = attributes(&subscriber.change().await, round, &["level", "seat", "whose"]);
        assert_eq!(block, 1000 + round);
    }
}

async fn eventually_slowly(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_reads_no_chain_is_looked_at_only_when_its_records_change() {
    let world = World::start().await;
    let script = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="Plain">
        <ts:attribute name="gate"><ts:origins><ts:data ref="gate" as="utf8"/></ts:origins></ts:attribute></ts:token>"#;
    world.register_script(script);
    world.place_instance(script, INSTANCE.index, 5, &[("gate", "A")]).await;
    let mut subscriber = subscribe(&world, None).await;
    eventually("it was looked at", || evaluations(&world, "same") == 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(evaluations(&world, "same"), 1);
    publish(&world, 1, &[("gate", "B")]).await;
    assert_eq!(subscriber.change().await["kind"], "update");
    eventually("it was looked at", || evaluations(&world, "same") == 2).await;
    assert_eq!(last_change(&world).await, 1);
}
