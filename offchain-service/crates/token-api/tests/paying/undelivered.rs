//! Nothing is charged for what was not delivered, and nothing is claimed that was not earned.

use std::sync::atomic::Ordering;

use crate::common::*;
use serde_json::json;
use smartlayer_api_types::{Amount, ErrorCode};
use smartlayer_chain_client::calls::promise_settlement;
use smartlayer_primitives::{session::CloseSession, SessionId, Signature, SLT};

/// A redemption that is denied from the second on.
async fn denied(world: &World, session: SessionId, id: u64, cumulative: u128) -> (u128, u128) {
    let answer = world.paid(&redeem(id), session, cumulative).await;
    assert_eq!(answer.code(), ErrorCode::SelectionDenies);
    let receipt = answer.receipt(&redeem(id)).receipt;
    (receipt.charged, receipt.cumulative)
}

async fn owed(world: &World, session: SessionId) -> String {
    world.free("session_state", json!({ "session": session })).await.result()["owed"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_error_costs_nothing_and_the_same_promise_may_be_tried_again() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let earned = promise(session, CALL_PRICE, &redeem(1));
    assert_eq!(world.post(&redeem(1), Some(&payment(&earned))).await.status, 200);
    for _ in 0..2 {
        assert_eq!(denied(&world, session, 2, 2 * CALL_PRICE).await, (0, CALL_PRICE));
    }
    assert_eq!(owed(&world, session).await, Amount(CALL_PRICE).to_string());
    // It stays so on disk.
    let world = world.restart().await;
    assert_eq!(owed(&world, session).await, Amount(CALL_PRICE).to_string());
    assert_eq!(denied(&world, session, 3, 2 * CALL_PRICE).await, (0, CALL_PRICE));

    // The promise of a failed call is not what a closing settles.
    let signature: Signature = key(SIGNER).sign_payload(&CloseSession { session }, &GENESIS);
    let close = json!({ "session": session, "signature": smartlayer_api_types::SignatureJson::from(&signature) });
    assert_eq!(world.free("session_close", close).await.result()["cumulative"], Amount(CALL_PRICE).to_string());
    let submitted = world.chain.submitted.lock().unwrap().clone();
    assert_eq!(submitted, vec![(account(SERVICE), promise_settlement::close(session, Some(earned.into())))]);
}

#[tokio::test]
async fn who_makes_too_many_calls_fail_pays_until_calls_succeed_again() {
    let two = |config: &mut smartlayer_token_api::Config| config.payment.max_uncharged_failures = 2;
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), two).await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    assert_eq!(world.paid(&redeem(1), session, CALL_PRICE).await.status, 200);
    let mut total = CALL_PRICE;
    for id in 2..4 {
        assert_eq!(denied(&world, session, id, total + CALL_PRICE).await, (0, total));
    }
    // The node's own failures are not counted.
    world.ethereum_fails.store(true, Ordering::SeqCst);
    let read = attributes_named(&["seat"]);
    let failed = world.paid(&read, session, total + PRICE).await;
    assert_eq!((failed.code(), failed.receipt(&read).receipt.charged), (ErrorCode::EvmFailure, 0));
    world.ethereum_fails.store(false, Ordering::SeqCst);
    total += CALL_PRICE;
    assert_eq!(denied(&world, session, 4, total).await, (CALL_PRICE, total));
    // Asked for again it is the same answer, charged once.
    assert_eq!(denied(&world, session, 4, total).await, (CALL_PRICE, total));
    total += PRICE;
    assert_eq!(world.paid(&attributes(), session, total).await.status, 200);
    assert_eq!(denied(&world, session, 5, total + CALL_PRICE).await, (0, total));
    assert_eq!(denied(&world, session, 6, total + CALL_PRICE).await, (CALL_PRICE, total + CALL_PRICE));
    assert_eq!(owed(&world, session).await, Amount(total + CALL_PRICE).to_string());
}
