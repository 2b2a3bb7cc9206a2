//! Nothing is charged for what was not delivered, and nothing is claimed that was not earned.

use std::{sync::atomic::Ordering, sync::Arc, time::Duration};

use crate::common::*;
use serde_json::json;
use smartlayer_api_types::{x402, Amount, ErrorCode};
use smartlayer_chain_client::calls::promise_settlement;
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::{session::CloseSession, SessionId, Signature, SLT};
use smartlayer_token_api::{Config, EvmConfig};

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
    let two = |config: &mut Config| config.payment.max_uncharged_failures = 2;
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

/// An Ethereum node that takes connections and says nothing.
async fn hanging() -> (tokio::net::TcpListener, EvmConfig) {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let long = Some(600_000);
    let chain = EvmConfig::new(ChainId(31337), vec![endpoint]);
    (silent, EvmConfig { request_timeout_ms: long, deadline_ms: long, ..chain })
}

#[tokio::test]
async fn while_a_call_is_in_work_only_what_was_earned_before_is_claimed() {
    let (silent, hanging) = hanging().await;
    let configure = |config: &mut Config| {
        config.evm = vec![hanging];
        config.payment.claim_above = Amount(1);
    };
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), configure).await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let read = attributes_named(&["gate"]);
    let earned = promise(session, PRICE, &read);
    assert_eq!(world.post(&read, Some(&payment(&earned))).await.status, 200);

    let seat = attributes_named(&["seat"]);
    let header = payment(&promise(session, 2 * PRICE, &seat));
    let call = world.http.post(&world.url).header(x402::PAYMENT_SIGNATURE, header).body(seat);
    let call = tokio::spawn(call.send());
    let _asked = tokio::time::timeout(Duration::from_secs(20), silent.accept()).await.unwrap().unwrap();
    eventually("the claim", || {
        world.chain.advance(&[]);
        !world.chain.calls().is_empty()
    })
    .await;
    world.chain.change(|s| s.sessions.get_mut(&session).unwrap().paid = PRICE);
    for _ in 0..5 {
        world.chain.advance(&[session]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let submitted = world.chain.submitted.lock().unwrap().clone();
    assert_eq!(submitted, vec![(account(SERVICE), promise_settlement::claim(earned.into()))]);
    assert_eq!(owed(&world, session).await, Amount(PRICE).to_string());
    assert!(!call.is_finished());
}

/// Starts a node, has it work on a call that it cannot end, and kills it. Returns what is left.
fn killed_at_work(deposit: u128, request: &'static [u8]) -> (Arc<FakeChain>, tempfile::TempDir, SessionId) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let left = runtime.block_on(async {
        let (silent, hanging) = hanging().await;
        let configure = |config: &mut Config| config.evm = vec![hanging];
        let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), configure).await;
        world.serve_instance().await;
        let session = world.chain.open_session(&account(NODE), 0, deposit);
        let header = payment(&promise(session, PRICE, request));
        let call = world.http.post(&world.url).header(x402::PAYMENT_SIGNATURE, header).body(request);
        let call = tokio::spawn(call.send());
        // It asks the chain only once the promise is on disk.
        let asked = tokio::time::timeout(Duration::from_secs(20), silent.accept()).await;
        assert!(asked.is_ok() && !call.is_finished());
        let World { chain, dir, .. } = world;
        (chain, dir, session)
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    left
}

#[test]
fn a_call_that_a_crash_interrupted_is_not_claimed_and_worked_on_when_it_is_asked_for_again() {
    let request: &'static [u8] = Vec::leak(attributes_named(&["seat"]));
    for same in [true, false] {
        let (chain, dir, session) = killed_at_work(SLT, request);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let all = |config: &mut Config| {
                (config.payment.claim_above, config.payment.claim_interval_seconds) = (Amount(1), 1)
            };
            let world = World::start_with(chain, dir, all).await;
            assert_eq!(owed(&world, session).await, "0");
            for _ in 0..3 {
                world.chain.advance(&[session]);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(world.chain.calls(), Vec::<String>::new());
            // The same request, or another with the same amount, since the first was never answered.
            let request = if same { request.to_vec() } else { attributes_named(&["gate"]) };
            let answer = world.paid(&request, session, PRICE).await;
            let receipt = answer.receipt(&request).receipt;
            assert_eq!((answer.status, receipt.charged, receipt.cumulative), (200, PRICE, PRICE));
            let chain = world.chain.clone();
            eventually("the claim", || {
                chain.advance(&[session]);
                !chain.calls().is_empty()
            })
            .await;
        });
    }
}

#[tokio::test]
async fn an_answer_is_remembered_with_the_next_block() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = attributes();
    let header = payment(&promise(session, PRICE, &request));
    assert_eq!(world.post(&request, Some(&header)).await.status, 200);
    let world = world.restart().await;
    assert_eq!(owed(&world, session).await, Amount(PRICE).to_string());
    // Whoever did not get the answer gets one, charged once.
    let again = world.post(&request, Some(&header)).await;
    assert_eq!(again.receipt(&request).receipt.cumulative, PRICE);
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.status, 200);
}
