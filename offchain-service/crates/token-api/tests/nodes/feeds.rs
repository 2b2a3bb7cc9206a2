//! Issuers' updates between service nodes: published, gossiped, asked for, kept, and refused.

use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::Duration,
};

use prometheus_client::registry::Registry;
use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{IssuerPublish, Outcome},
    ErrorCode,
};
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_network::{
    messages::{Content, Gossip, Placement, RefusalCode, Request as PeerRequest, Response as PeerResponse},
    Network,
};
use smartlayer_primitives::{SessionId, SLT};
use smartlayer_token_api::{Change, ChangeKind};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::{common::*, Second, OTHER_SERVICE, SOON};

fn update_by(signer: u8, sequence: u64, reset: bool, values: &[(&str, Option<&str>)]) -> SignedUpdate {
    let values = values.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect();
    let update = StateUpdate { instance: INSTANCE, sequence, reset, values, issued_at: 1_790_000_000 };
    SignedUpdate { signature: key(signer).sign_payload(&update, &GENESIS), update }
}

fn gate(sequence: u64, gate: &str) -> SignedUpdate {
    update_by(ISSUER, sequence, false, &[("gate", Some(gate))])
}

fn publication(signed: &SignedUpdate) -> Value {
    serde_json::to_value(IssuerPublish::from(signed)).unwrap()
}

fn instance() -> Value {
    json!({ "instance": { "tokenType": 0, "index": 7 } })
}

fn update_change(number: u64, sequence: u64, names: Option<&[&str]>) -> Change {
    let names = names.map(|names| names.iter().map(|n| (*n).to_owned()).collect());
    Change { instance: INSTANCE, number, kind: ChangeKind::Update { sequence, names } }
}

async fn next(changes: &mut broadcast::Receiver<Change>) -> Change {
    tokio::time::timeout(SOON, changes.recv()).await.expect("a change comes").unwrap()
}

/// The gate, as a paying caller reads it at the other node.
async fn gate_there(second: &Second, world: &World, session: SessionId, cumulative: u128) -> Value {
    match second.paid(world, attributes_named(&["gate"]), session, cumulative).await.outcome {
        Outcome::Result(result) => result["attributes"]["gate"].clone(),
        Outcome::Error(e) => panic!("{e:?}"),
    }
}

/// Places [`INSTANCE`] at this world's node and, if it runs, at the other one; both serve it and hold a shard.
async fn place_at_both(world: &World, second: Option<&Second>) {
    let (mut assignment, state, shards) = assignment(1, &[account(NODE), account(OTHER_NODE)]);
    assignment.serving = vec![account(NODE), account(OTHER_NODE)].try_into().unwrap();
    let placement = |number: u32| {
        let shard = Content::Shard { number, bytes: shards[number as usize].clone() };
        let content = vec![Content::State(state.clone()), shard];
        Placement { assignment: sign(assignment.clone()), content, script: SCRIPT.into() }
    };
    assert_eq!(world.place(placement(0)).await, PeerResponse::Done);
    if let Some(second) = second {
        world.anchor.wait_for_peers(2, SOON).await.unwrap();
        let request = PeerRequest::Place(Box::new(placement(1)));
        let placed = world.anchor.request(second.network.local_peer_id(), request).await.unwrap();
        assert_eq!(placed, PeerResponse::Done);
    }
}

async fn gate_here(world: &World, session: SessionId, cumulative: u128) -> Value {
    world.paid(&attributes_named(&["gate"]), session, cumulative).await.result()["attributes"]["gate"].clone()
}

#[tokio::test]
async fn an_update_reaches_the_other_holder_and_changes_what_it_answers() {
    let world = World::start().await;
    let dir = tempfile::tempdir().unwrap();
    let second = Second::start(&world, dir.path()).await;
    place_at_both(&world, Some(&second)).await;
    let session = world.chain.open_session(&account(OTHER_NODE), 0, SLT);
    assert_eq!(gate_there(&second, &world, session, PRICE).await, "B12");

    let mut told = second.changes.subscribe();
    let published = world.free("issuer_publish", publication(&gate(1, "C3"))).await.result();
    let expected = json!({ "instance": { "tokenType": 0, "index": 7 }, "sequence": 1, "status": "applied" });
    assert_eq!(published, expected);
    assert_eq!(next(&mut told).await, update_change(1, 1, Some(&["gate"])));
    assert_eq!(gate_there(&second, &world, session, 2 * PRICE).await, "C3");

    // While the other node is down it misses one; when it is back it asks.
    second.stop().await;
    assert_eq!(world.free("issuer_publish", publication(&gate(2, "D4"))).await.result()["status"], "applied");
    let second = Second::start(&world, dir.path()).await;
    let mut told = second.changes.subscribe();
    if second.changes.since(INSTANCE, 1).await.unwrap() == Some(vec![]) {
        assert_eq!(next(&mut told).await, update_change(2, 2, Some(&["gate"])));
    }
    assert_eq!(gate_there(&second, &world, session, 3 * PRICE).await, "D4");
    second.stop().await;
}

#[tokio::test]
async fn a_new_holder_asks_for_what_was_said_since() {
    let world = World::start().await;
    place_at_both(&world, None).await;
    for (number, name) in [(1, "C3"), (2, "D4")] {
        world.free("issuer_publish", publication(&gate(number, name))).await.result();
    }
    let reset = update_by(ISSUER, 70, true, &[("gate", Some("E5"))]);
    assert_eq!(world.free("issuer_publish", publication(&reset)).await.result()["status"], "applied");
    let many = (71..=200).map(|number| gate(number, &format!("F{number}")));
    for update in many {
        world.free("issuer_publish", publication(&update)).await.result();
    }

    let dir = tempfile::tempdir().unwrap();
    let second = Second::start(&world, dir.path()).await;
    let mut told = second.changes.subscribe();
    place_at_both(&world, Some(&second)).await;
    assert_eq!(next(&mut told).await, update_change(1, 70, None));
    for sequence in 71..=200 {
        assert_eq!(next(&mut told).await, update_change(sequence - 69, sequence, Some(&["gate"])));
    }
    let session = world.chain.open_session(&account(OTHER_NODE), 0, SLT);
    assert_eq!(gate_there(&second, &world, session, PRICE).await, "F200");
    second.stop().await;
}

/// A peer that holds updates 1 and 2, and refuses the first question for them.
async fn reluctant_holder(asked: Arc<AtomicUsize>) -> Network {
    let mut config =
        smartlayer_network::Config::new(smartlayer_network::keypair([60; 32]), GENESIS, Arc::new(|_: &_| true));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let (network, runner, mut inbound) = smartlayer_network::new(config, &mut Registry::default()).unwrap();
    tokio::spawn(runner.run(CancellationToken::new()));
    tokio::spawn(async move {
        while let Some(request) = inbound.recv().await {
            let response = match &request.request {
                PeerRequest::Updates { from, .. } if asked.fetch_add(1, Ordering::SeqCst) > 0 => {
                    // With one of a stranger among them.
                    let all = [gate(1, "C3"), update_by(PAYER, 2, false, &[]), gate(2, "D4")];
                    let sent: Vec<_> = all.into_iter().filter(|u| u.update.sequence >= *from).collect();
                    PeerResponse::Updates(sent.try_into().unwrap())
                }
                _ => PeerResponse::refused(RefusalCode::NotFound, "not now"),
            };
            let _ = request.respond.send(response);
        }
    });
    network
}

#[tokio::test]
async fn a_gap_is_asked_for_until_it_is_closed() {
    let world = World::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let holder = reluctant_holder(asked.clone()).await;
    world.chain.register(account(OTHER_NODE), account(OTHER_SERVICE), &holder);
    for address in holder.wait_for_addresses().await {
        world.network.dial(address).await;
    }
    world.network.wait_for_peers(2, SOON).await.unwrap();
    place_at_both(&world, None).await;

    let mut told = world.changes.subscribe();
    let waiting = world.free("issuer_publish", publication(&gate(3, "E5"))).await.result();
    assert_eq!((&waiting["status"], &waiting["missing"]), (&json!("waiting"), &json!({ "first": 1, "last": 2 })));
    for (number, names) in [(1, ["gate"]), (2, ["gate"]), (3, ["gate"])] {
        assert_eq!(next(&mut told).await, update_change(number, number, Some(&names)));
    }
    assert!(asked.load(Ordering::SeqCst) >= 2);
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    assert_eq!(gate_here(&world, session, PRICE).await, "E5");
}

#[tokio::test]
async fn a_replay_changes_nothing_and_a_restart_loses_nothing() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let mut told = world.changes.subscribe();
    world.free("issuer_publish", publication(&gate(1, "C3"))).await.result();
    world.free("issuer_publish", publication(&gate(2, "D4"))).await.result();
    let early = world.free("issuer_publish", publication(&gate(5, "E5"))).await.result();
    assert_eq!(early["missing"], json!({ "first": 3, "last": 4 }));

    // Published again, and told by gossip again: known.
    let again = world.free("issuer_publish", publication(&gate(1, "C3"))).await.result();
    assert_eq!(again["status"], "known");
    world.anchor.publish(Gossip::Update(Box::new(gate(1, "C3")))).await.unwrap();
    assert_eq!(gate_here(&world, session, PRICE).await, "D4");

    let world = world.restart().await;
    assert_eq!(next(&mut told).await, update_change(1, 1, Some(&["gate"])));
    assert_eq!(next(&mut told).await, update_change(2, 2, Some(&["gate"])));
    assert!(told.recv().await.is_err(), "nothing else changed");
    let state = world.free("issuer_feed", instance()).await.result();
    let expected = json!({
        "instance": { "tokenType": 0, "index": 7 },
        "sequence": 2,
        "missing": { "first": 3, "last": 4 },
        "waiting": 1,
        "sinceReset": 2,
        "lastChange": 2,
    });
    assert_eq!(state, expected);
    assert_eq!(gate_here(&world, session, 2 * PRICE).await, "D4");

    // A key operation is a change too; numbers go on. What had waited is still there.
    let done = world.paid(&redeem(1), session, 2 * PRICE + CALL_PRICE).await;
    assert_eq!(done.result()["operation"], 0);
    for update in [gate(4, "X"), gate(3, "Y")] {
        world.free("issuer_publish", publication(&update)).await.result();
    }
    assert_eq!(gate_here(&world, session, 3 * PRICE + CALL_PRICE).await, "E5");
    let since = world.changes.since(INSTANCE, 2).await.unwrap().unwrap();
    let operation = Change { instance: INSTANCE, number: 3, kind: ChangeKind::Operation { kind: 0 } };
    let updates = (4..=6).map(|number| update_change(number, number - 1, Some(&["gate"])));
    assert_eq!(since, [operation].into_iter().chain(updates).collect::<Vec<_>>());
    assert_eq!(world.changes.since(INSTANCE, 6).await.unwrap(), Some(vec![]));
    assert_eq!(world.changes.since(INSTANCE, 7).await.unwrap(), None, "no such change was ever told");
}

#[tokio::test]
async fn values_are_removed_and_reset() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    world.free("issuer_publish", publication(&update_by(ISSUER, 1, false, &[("gate", None)]))).await.result();
    let read = world.paid(&attributes_named(&["gate"]), session, PRICE).await.result();
    assert_eq!(read["attributes"].get("gate"), None, "{read}");
    let reset = update_by(ISSUER, 9, true, &[("gate", Some("Z9"))]);
    world.free("issuer_publish", publication(&reset)).await.result();
    assert_eq!(gate_here(&world, session, 2 * PRICE).await, "Z9");
    assert_eq!(world.free("issuer_feed", instance()).await.result()["sinceReset"], 1);
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let world = World::start().await;
    assert_eq!(world.free("issuer_feed", instance()).await.code(), ErrorCode::UnknownInstance);
    world.serve_instance().await;
    let publish = async |signed: SignedUpdate| world.free("issuer_publish", publication(&signed)).await;
    assert_eq!(publish(update_by(PAYER, 1, false, &[])).await.code(), ErrorCode::NotTheIssuer);
    assert_eq!(publish(gate(0, "C3")).await.code(), ErrorCode::UpdateInvalid);
    let reserved = update_by(ISSUER, 1, false, &[("operations.redeem", Some("0"))]);
    assert_eq!(publish(reserved).await.code(), ErrorCode::UpdateInvalid);
    let mut other_type = gate(1, "C3");
    other_type.update.instance.token_type = 5;
    assert_eq!(publish(other_type).await.code(), ErrorCode::UnknownToken);
    let mut short = publication(&gate(1, "C3"));
    short["signature"]["hex"] = json!("0x00");
    assert_eq!(world.free("issuer_publish", short).await.code(), ErrorCode::InvalidParams);

    publish(gate(1, "C3")).await.result();
    let conflict = publish(gate(1, "D4")).await;
    assert_eq!(conflict.code(), ErrorCode::UpdateConflict);
    let error: Value = serde_json::from_slice(&conflict.body).unwrap();
    assert_eq!(error["error"]["data"]["first"]["update"]["values"]["gate"], "C3");

    for number in 3..=66 {
        publish(gate(number, "E5")).await.result();
    }
    let far = publish(gate(67, "E5")).await;
    assert_eq!(far.code(), ErrorCode::UpdateTooFarAhead);
    let error: Value = serde_json::from_slice(&far.body).unwrap();
    assert_eq!(error["error"]["data"]["missing"], json!({ "first": 2, "last": 2 }));

    // A forged one that goes round is not taken in either.
    world.anchor.publish(Gossip::Update(Box::new(update_by(PAYER, 2, false, &[])))).await.unwrap();
    let mut told = world.changes.subscribe();
    world.anchor.publish(Gossip::Update(Box::new(gate(2, "D4")))).await.unwrap();
    assert_eq!(next(&mut told).await, update_change(2, 2, Some(&["gate"])));
}

#[tokio::test]
async fn who_does_not_keep_the_instance_names_those_who_serve_it() {
    let world = World::start().await;
    let other = peer(50, HashMap::new()).await;
    world.chain.register(account(OTHER_NODE), account(OTHER_SERVICE), &other);
    let (assignment, ..) = assignment(1, &[account(OTHER_NODE)]);
    // Whoever put it there keeps offering it.
    world.anchor.publish_assignment(sign(assignment)).await.unwrap();
    let signed = gate(1, "C3");
    let mut refused = None;
    for _ in 0..100 {
        let answer = world.free("issuer_publish", publication(&signed)).await;
        if answer.code() == ErrorCode::NotServing {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.code(), ErrorCode::UnknownInstance);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let error: Value = serde_json::from_slice(&refused.expect("it is found").body).unwrap();
    assert_eq!(error["error"]["data"]["serving"][0]["account"], account(OTHER_NODE).to_string());
}
