//! Key operations when another node comes to execute them.

use std::time::Duration;

use serde_json::json;
use smartlayer_api_types::{rpc::Outcome, ErrorCode};
use smartlayer_network::{
    messages::{Content, Placement, RefusalCode, Request as PeerRequest, Response as PeerResponse},
    Network,
};
use smartlayer_primitives::{assignment::Assignment, operation::Operation, AccountId, SessionId, SLT};

use crate::{common::*, Second, SOON};

/// What was redeemed at one node is redeemed at the next, which waits until it can tell.
#[tokio::test]
async fn a_new_executor_knows_what_its_predecessor_executed_before_it_executes() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = redeem(1);
    let answer = world.paid(&request, session, CALL_PRICE).await;
    assert_eq!(answer.result()["operation"], 0);
    let operation = Operation { instance: INSTANCE, kind: 0, receipt: answer.receipt(&request) };

    // Another node is to serve from now on; the first still holds a shard.
    let dir = tempfile::tempdir().unwrap();
    let second = Second::start(&world, dir.path()).await;
    let (assignment, state, shards) = assignment(2, &[account(OTHER_NODE), account(NODE)]);
    let placement = |content| Placement { assignment: sign(assignment.clone()), content, script: SCRIPT.into() };
    let shard = |number: u32| Content::Shard { number, bytes: shards[number as usize].clone() };
    assert_eq!(world.place(placement(vec![shard(1)])).await, PeerResponse::Done);
    world.anchor.wait_for_peers(2, SOON).await.unwrap();
    let theirs = PeerRequest::Place(Box::new(placement(vec![Content::State(state), shard(0)])));
    assert_eq!(world.anchor.request(second.network.local_peer_id(), theirs).await.unwrap(), PeerResponse::Done);

    // Nothing proves the operation yet: it is not believed, and nothing is executed in its place either.
    let there = world.chain.open_session(&account(OTHER_NODE), 1, SLT);
    let refused = second.paid(&world, redeem(2), there, CALL_PRICE).await;
    assert!(matches!(&refused.outcome, Outcome::Error(e) if e.code == ErrorCode::CatchingUp.code()), "{refused:?}");
    let told = second
        .network
        .request(world.network.local_peer_id(), PeerRequest::Operations { instance: INSTANCE, after: None });
    let Ok(PeerResponse::Operations(told)) = told.await else { panic!() };
    assert_eq!(told.into_inner(), std::slice::from_ref(&operation));

    // The period is committed: now it is.
    let mut other = operation.clone();
    other.receipt.receipt.charged += 1;
    let leaves = [other, operation];
    commit(&world.chain, 0, &leaves, &[]);
    anchor_rpc(&world.chain, 1, proven(0, &leaves)).await;
    let mut outcome = refused.outcome;
    for _ in 0..200 {
        if !matches!(&outcome, Outcome::Error(e) if e.code == ErrorCode::CatchingUp.code()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        outcome = second.paid(&world, redeem(2), there, CALL_PRICE).await.outcome;
    }
    assert!(matches!(&outcome, Outcome::Error(e) if e.code == ErrorCode::SelectionDenies.code()), "{outcome:?}");
    let read = second.paid(&world, attributes_named(&["redeemed"]), there, PRICE).await;
    let Outcome::Result(read) = read.outcome else { panic!("{read:?}") };
    assert_eq!(read["attributes"], json!({ "redeemed": true }));
    second.stop().await;
}

/// Accounts of other holders.
const HOLDERS: [u8; 2] = [60, 61];

/// A holder that answers this when it is asked what happened.
async fn holder(world: &World, number: u8, answer: PeerResponse) -> Network {
    let mut config = smartlayer_network::Config::new(
        smartlayer_network::keypair([number; 32]),
        GENESIS,
        std::sync::Arc::new(|_: &smartlayer_primitives::assignment::SignedAssignment| true),
    );
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootstrap = world.network.wait_for_addresses().await;
    let mut registry = prometheus_client::registry::Registry::default();
    let (network, runner, mut inbound) = smartlayer_network::new(config, &mut registry).unwrap();
    tokio::spawn(runner.run(tokio_util::sync::CancellationToken::new()));
    tokio::spawn(async move {
        while let Some(request) = inbound.recv().await {
            let told = matches!(request.request, PeerRequest::Operations { .. }).then(|| answer.clone());
            let nothing = PeerResponse::refused(RefusalCode::NotFound, "not here");
            let _ = request.respond.send(told.unwrap_or(nothing));
        }
    });
    world.chain.register(account(number), account(number), &network);
    network
}

fn redeemed_by(node: u8, key_number: u8) -> Operation {
    use smartlayer_primitives::receipt::{Executed, Receipt, SignedReceipt};
    let receipt = Receipt {
        node: account(node),
        session: SessionId::zero(),
        charged: CALL_PRICE,
        cumulative: CALL_PRICE,
        request_hash: Default::default(),
        result_hash: Default::default(),
        operation: Some(Executed::new(INSTANCE, 0)),
    };
    let signature = key(key_number).sign_payload(&receipt, &GENESIS);
    Operation { instance: INSTANCE, kind: 0, receipt: SignedReceipt { receipt, signature } }
}

/// The second version of the instance's assignment: these nodes serve it, the first executes.
fn served_by(nodes: &[u8]) -> (Assignment, Vec<u8>) {
    let serving: Vec<AccountId> = nodes.iter().map(|number| account(*number)).collect();
    let (mut assignment, state, _) = assignment(2, &serving[1..]);
    assignment.serving = serving.try_into().unwrap();
    (assignment, state)
}

/// A second node that comes to execute the operations of an instance which these others served, in a world whose anchors answer nothing but this.
async fn successor(
    world: &World,
    dir: &std::path::Path,
    others: &[u8],
    anchor: serde_json::Value,
) -> (Second, SessionId) {
    anchor_rpc(&world.chain, 1, anchor).await;
    let second = Second::start(world, dir).await;
    world.anchor.wait_for_peers(2, SOON).await.unwrap();
    let (assignment, state) = served_by(&[&[OTHER_NODE], others].concat());
    let content = vec![Content::State(state)];
    let placement = Placement { assignment: sign(assignment), content, script: SCRIPT.into() };
    let place = PeerRequest::Place(Box::new(placement));
    assert_eq!(world.anchor.request(second.network.local_peer_id(), place).await.unwrap(), PeerResponse::Done);
    (second, world.chain.open_session(&account(OTHER_NODE), 1, SLT))
}

/// How an order to redeem ends, once the node knows what happened before; nothing if it does not come to know that soon.
async fn redeemed(world: &World, second: &Second, session: SessionId, soon: Duration) -> Option<Outcome> {
    let end = std::time::Instant::now() + soon;
    while std::time::Instant::now() < end {
        let outcome = second.paid(world, redeem(2), session, CALL_PRICE).await.outcome;
        if !matches!(&outcome, Outcome::Error(e) if e.code == ErrorCode::CatchingUp.code()) {
            return Some(outcome);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

fn is_denied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Error(e) if e.code == ErrorCode::SelectionDenies.code())
}

/// What most of those who knew the instance say needs no commitment, nor the key that the executor had then: anchors may remember what the chain
/// has forgotten.
#[tokio::test]
async fn what_all_holders_say_is_believed_at_once() {
    let world = World::start().await;
    let told = PeerResponse::Operations(vec![redeemed_by(70, 71)].try_into().unwrap());
    let _holders = [holder(&world, HOLDERS[0], told.clone()).await, holder(&world, HOLDERS[1], told).await];
    let dir = tempfile::tempdir().unwrap();
    let (second, session) =
        successor(&world, dir.path(), &HOLDERS, proven(5, &[redeemed_by(70, 71), redeemed_by(70, 71)])).await;
    let outcome = redeemed(&world, &second, session, SOON).await.expect("knows soon");
    assert!(is_denied(&outcome), "{outcome:?}");
    second.stop().await;
}

/// One holder alone neither makes something up nor makes something unhappen: the last word have the commitments.
#[tokio::test]
async fn what_one_holder_says_waits_for_the_commitments_of_its_time() {
    let world = World::start().await;
    let told = |operations: Vec<Operation>| PeerResponse::Operations(operations.try_into().unwrap());
    let alone = holder(&world, HOLDERS[0], told(vec![redeemed_by(HOLDERS[0], HOLDERS[0])])).await;
    let silent = holder(&world, HOLDERS[1], told(Vec::new())).await;
    let dir = tempfile::tempdir().unwrap();
    let (second, session) = successor(&world, dir.path(), &HOLDERS, not_committed()).await;
    assert_eq!(redeemed(&world, &second, session, Duration::from_secs(6)).await, None);
    // Two periods later nothing can prove it any more.
    commit(&world.chain, 0, &[], &[]);
    commit(&world.chain, 1, &[], &[]);
    let outcome = redeemed(&world, &second, session, 2 * SOON).await.expect("goes on");
    assert!(matches!(outcome, Outcome::Result(_)), "{outcome:?}");
    second.stop().await;
    drop((alone, silent));
}

/// A holder that knows nothing, or pretends to, does not speak for one that can't be reached.
#[tokio::test]
async fn an_empty_answer_of_one_holder_is_not_enough() {
    let world = World::start().await;
    let nothing = PeerResponse::Operations(Default::default());
    let _present = holder(&world, HOLDERS[0], nothing).await;
    let refused = PeerResponse::refused(RefusalCode::Busy, "later");
    let _busy = holder(&world, HOLDERS[1], refused).await;
    let dir = tempfile::tempdir().unwrap();
    let (second, session) = successor(&world, dir.path(), &HOLDERS, not_committed()).await;
    assert_eq!(redeemed(&world, &second, session, Duration::from_secs(8)).await, None);
    second.stop().await;
}

/// A node that was away while another was made the executor finds that out before it executes anything.
#[tokio::test]
async fn a_replaced_executor_that_heard_nothing_of_it_executes_nothing() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let other = holder(&world, OTHER_NODE, PeerResponse::Operations(Default::default())).await;
    other.wait_for_peers(1, SOON).await.unwrap();
    let (assignment, _) = served_by(&[OTHER_NODE, NODE]);
    let signed = sign(assignment);
    let mut found = false;
    for _ in 0..100 {
        let _ = other.publish_assignment(signed.clone()).await;
        found = world.network.find_assignments(INSTANCE).await.iter().any(|found| found.assignment.version == 2);
        if found {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(found);
    let answer = world.paid(&redeem(1), session, CALL_PRICE).await;
    assert_eq!(answer.code(), ErrorCode::NotTheExecutor);
}

/// Where nobody had the instance before, nobody is waited for.
#[tokio::test]
async fn new_holders_do_not_wait_for_each_other() {
    let world = World::start().await;
    let new = PeerResponse::refused(RefusalCode::NotYet, "not yet");
    let _holders = [holder(&world, HOLDERS[0], new.clone()).await, holder(&world, HOLDERS[1], new).await];
    let dir = tempfile::tempdir().unwrap();
    let (second, session) = successor(&world, dir.path(), &HOLDERS, not_committed()).await;
    let outcome = redeemed(&world, &second, session, SOON).await.expect("knows soon");
    assert!(matches!(outcome, Outcome::Result(_)), "{outcome:?}");
    second.stop().await;
}
