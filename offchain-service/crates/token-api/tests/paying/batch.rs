//! One promise pays a batch, all of it or nothing; a call whose class costs nothing needs none.

use std::{sync::atomic::Ordering, time::Duration};

use crate::common::*;
use serde_json::{json, Value};
use smartlayer_api_types::{Amount, ErrorCode};
use smartlayer_primitives::SLT;
use smartlayer_token_api::Config;

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn read(id: u64, names: &[&str]) -> Value {
    request(id, "token_attributes", json!({ "instance": { "tokenType": 0, "index": 7 }, "names": names }))
}

fn redeeming(id: u64) -> Value {
    request(id, "token_call", json!({ "instance": { "tokenType": 0, "index": 7 }, "action": "redeem" }))
}

fn bytes(batch: &[Value]) -> Vec<u8> {
    serde_json::to_vec(batch).unwrap()
}

/// The answers of a batch, each its result or its error's code.
fn answers(answer: &Answer) -> Vec<Result<Value, ErrorCode>> {
    let all: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
    let one = |answer: Value| match answer.get("error") {
        Some(error) => Err(ErrorCode::from_code(i32::try_from(error["code"].as_i64().unwrap()).unwrap()).unwrap()),
        None => Ok(answer["result"].clone()),
    };
    all.into_iter().map(one).collect()
}

#[tokio::test]
async fn one_promise_pays_all_calls_of_a_batch() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let batch =
        bytes(&[read(1, &["seat"]), request(2, "node_info", json!({})), read(3, &["gate"]), read(4, &["seat"])]);

    let unpaid = world.post(&batch, None).await;
    assert_eq!((unpaid.status, unpaid.code()), (402, ErrorCode::PaymentRequired));
    assert_eq!(unpaid.required.unwrap().offer(&GENESIS).unwrap().amount, Amount(3 * PRICE));

    let paid = world.paid(&batch, session, 3 * PRICE).await;
    assert_eq!(paid.status, 200);
    let results: Vec<_> = answers(&paid).into_iter().map(Result::unwrap).collect();
    assert_eq!(results[0]["attributes"], json!({ "seat": "12" }));
    assert_eq!(results[1]["account"], account(NODE).to_string());
    assert_eq!(results[2]["attributes"], json!({ "gate": "B12" }));
    let receipt = paid.receipt(&batch).receipt;
    assert_eq!((receipt.charged, receipt.cumulative), (3 * PRICE, 3 * PRICE));
    // Asked for again, it is the same answer and costs nothing more.
    assert_eq!(world.paid(&batch, session, 3 * PRICE).await, paid);
    // Its promise pays no other bytes, nor less.
    let mut other: Vec<Value> = serde_json::from_slice(&batch).unwrap();
    other[0]["id"] = json!(9);
    let promised = promise(session, 6 * PRICE, &batch);
    assert_eq!(world.post(&bytes(&other), Some(&payment(&promised))).await.code(), ErrorCode::OtherRequest);
    assert_eq!(world.paid(&batch, session, 5 * PRICE).await.code(), ErrorCode::CumulativeTooLow);
}

#[tokio::test]
async fn a_batch_with_a_failing_call_costs_nothing() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let batch = bytes(&[read(1, &["seat"]), read(2, &["gate"]), request(3, "node_info", json!({}))]);
    world.ethereum_fails.store(true, Ordering::SeqCst);
    let failed = world.paid(&batch, session, 2 * PRICE).await;
    let all = answers(&failed);
    assert_eq!((all[0].clone(), all[1].clone()), (Err(ErrorCode::EvmFailure), Err(ErrorCode::BatchNotCharged)));
    assert!(all[2].is_ok());
    let receipt = failed.receipt(&batch).receipt;
    assert_eq!((receipt.charged, receipt.cumulative), (0, 0));
    world.ethereum_fails.store(false, Ordering::SeqCst);
    // The endpoint is given a rest after its failure; trying costs nothing.
    for _ in 0..100 {
        let paid = world.paid(&batch, session, 2 * PRICE).await;
        let charged = paid.receipt(&batch).receipt.charged;
        if answers(&paid).iter().all(Result::is_ok) {
            assert_eq!(charged, 2 * PRICE);
            return;
        }
        assert_eq!(charged, 0);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the batch is never answered");
}

#[tokio::test]
async fn what_cannot_be_served_in_a_batch_is_said_before_anybody_pays() {
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |c| c.rpc.max_batch = 4).await;
    world.serve_instance().await;
    let nowhere = request(2, "token_attributes", json!({ "instance": { "tokenType": 5, "index": 0 } }));
    let info = request(3, "node_info", json!({}));
    let refused = world.post(&bytes(&[read(1, &["seat"]), nowhere, info, json!({ "id": {} })]), None).await;
    assert_eq!((refused.status, refused.required.clone(), refused.settled.clone()), (200, None, None));
    let all = answers(&refused);
    assert_eq!((all[0].clone(), all[1].clone()), (Err(ErrorCode::BatchNotCharged), Err(ErrorCode::UnknownToken)));
    assert_eq!((all[2].is_ok(), all[3].clone()), (true, Err(ErrorCode::InvalidRequest)));

    let operation = world.post(&bytes(&[redeeming(1), read(2, &["redeemed"])]), None).await;
    assert_eq!(answers(&operation), vec![Err(ErrorCode::OperationInBatch), Err(ErrorCode::BatchNotCharged)]);

    let five: Vec<_> = (0..5).map(|id| read(id, &["gate"])).collect();
    assert_eq!(world.post(&bytes(&five), None).await.code(), ErrorCode::BatchTooLarge);
}

#[tokio::test]
async fn a_batch_whose_answers_are_too_large_together_costs_nothing() {
    let small = |config: &mut Config| config.rpc.max_response_bytes = 500;
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), small).await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let batch = bytes(&(0..10).map(|id| read(id, &["gate"])).collect::<Vec<_>>());
    let failed = world.paid(&batch, session, 10 * PRICE).await;
    assert_eq!(failed.receipt(&batch).receipt.charged, 0);
    let all = answers(&failed);
    assert!(all.contains(&Err(ErrorCode::EvaluationFailed)) && all.iter().all(Result::is_err), "{all:?}");
}

#[tokio::test]
async fn a_session_for_one_token_type_pays_no_batch_with_another() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    world.chain.change(|s| {
        let share = smartlayer_primitives::session::IssuerShare {
            token_type: 3,
            account: account(ISSUER),
            share: Default::default(),
        };
        s.sessions.get_mut(&session).unwrap().issuer = Some(share);
    });
    let batch = bytes(&[read(1, &["seat"]), read(2, &["gate"])]);
    assert_eq!(world.paid(&batch, session, 2 * PRICE).await.code(), ErrorCode::OtherToken);
}

#[tokio::test]
async fn what_costs_nothing_needs_no_payment() {
    let free = |config: &mut Config| config.prices.query = Amount(0);
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), free).await;
    world.serve_instance().await;
    let answer = world.post(&attributes(), None).await;
    assert_eq!((answer.status, answer.settled.clone()), (200, None));
    assert_eq!(answer.result()["attributes"]["gate"], "B12");
    // A key operation still costs, in the same method as a free action would be.
    assert_eq!(world.post(&redeem(1), None).await.code(), ErrorCode::PaymentRequired);
    let batch = world.post(&bytes(&[read(1, &["seat"]), read(2, &["gate"])]), None).await;
    assert!(answers(&batch).iter().all(Result::is_ok));
    let described = world.free("token_describe", json!({ "tokenType": 0 })).await.result();
    let methods = described["methods"].as_array().unwrap();
    let price = |of: &dyn Fn(&Value) -> bool| methods.iter().find(|method| of(method)).unwrap()["price"].clone();
    assert_eq!(price(&|method| method["method"] == "token_attributes"), "0");
    assert_eq!(price(&|method| method["action"] == "redeem"), CALL_PRICE.to_string());
    let terms = world.free("session_terms", json!({})).await.result();
    assert_eq!(terms["prices"]["token_attributes"], json!({ "query": "0" }));
}
