//! Key operations when another node comes to execute them.

use serde_json::json;
use smartlayer_api_types::{rpc::Outcome, ErrorCode};
use smartlayer_network::messages::{Content, Placement, Request as PeerRequest, Response as PeerResponse};
use smartlayer_primitives::{operation::Operation, SLT};

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
