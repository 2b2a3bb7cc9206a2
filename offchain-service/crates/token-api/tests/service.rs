//! A service node over its real HTTP, WebSocket, disk and peer-to-peer network, with a fake chain and a fake Ethereum node.

mod common;

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use common::*;
use serde_json::{json, Value};
use smartlayer_api_types::{x402, Amount, ErrorCode};
use smartlayer_chain_client::calls::promise_settlement;
use smartlayer_network::messages::{Content, Gossip, Placement, RefusalCode, Response};
use smartlayer_primitives::{
    agreement::{Agreement, InForce, Negotiation, Standing, Step},
    merkle::MerkleProof,
    notary::{Notary, Round},
    operation::Operation,
    payload::Payload,
    promise::SignedPromise,
    report::ReportEntry,
    session::{CloseSession, IssuerShare, Payee},
    sla::{Objectives, PenaltySchedule, Template},
    AccountId, Hash, Signature, SLT,
};
use sp_runtime::Permill;

#[tokio::test]
async fn a_call_is_priced_paid_answered_and_receipted() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = attributes();

    let unpaid = world.post(&request, None).await;
    assert_eq!((unpaid.status, unpaid.code()), (402, ErrorCode::PaymentRequired));
    let required = unpaid.required.unwrap();
    let offer = required.offer(&GENESIS).unwrap();
    assert_eq!((offer.amount, offer.pay_to.clone()), (Amount(PRICE), account(NODE).to_string()));
    assert_eq!(offer.terms().unwrap().service_key, account(SERVICE));

    for call in 1..=3 {
        let answer = world.paid(&request, session, call * PRICE).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let result = answer.result();
        assert_eq!(result["attributes"], json!({ "seat": "12", "gate": "B12", "redeemed": false }));
        let block = json!({ "number": 100, "hash": Hash::repeat_byte(0x64) });
        assert_eq!(result["blocks"], json!({ "eip155:31337": block }));
        let receipt = answer.receipt(&request).receipt;
        assert_eq!((receipt.charged, receipt.cumulative, receipt.session), (PRICE, call * PRICE, session));
    }
    let state = world.free("session_state", json!({ "session": session })).await.result();
    assert_eq!(state["owed"], Amount(3 * PRICE).to_string());
    assert_eq!(state["lastPromise"]["cumulative"], Amount(3 * PRICE).to_string());
}

#[tokio::test]
async fn each_bad_promise_has_its_own_error_and_costs_nothing() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, 3 * PRICE);
    let elsewhere = world.chain.open_session(&account(OTHER_NODE), 0, SLT);
    let request = attributes();
    assert_eq!(world.paid(&request, session, PRICE).await.status, 200);

    let good = promise(session, 2 * PRICE, &request);
    let with = |change: &dyn Fn(&mut smartlayer_api_types::x402::PaymentPayload)| {
        let mut payload = payload(&good);
        change(&mut payload);
        x402::encode_header(&payload)
    };
    let other_chain = {
        let signature = key(SIGNER).sign_payload(&good.promise, &smartlayer_primitives::Hash::zero());
        SignedPromise { promise: good.promise.clone(), signature }
    };
    let other_signer =
        SignedPromise { promise: good.promise.clone(), signature: key(PAYER).sign_payload(&good.promise, &GENESIS) };
    let mut ticks = good.promise.clone();
    ticks.ticks = Some(smartlayer_primitives::promise::TickCommitment { root: session, unit: 1, length: 1 });
    let ticks = SignedPromise { signature: key(SIGNER).sign_payload(&ticks, &GENESIS), promise: ticks };
    let unknown = smartlayer_primitives::Hash::repeat_byte(0x77);
    let cases: Vec<(ErrorCode, String)> = vec![
        (ErrorCode::OtherChain, with(&|p| p.accepted.network = "polkadot:00000000000000000000000000000000".into())),
        (ErrorCode::BadSignature, payment(&other_chain)),
        (ErrorCode::BadSignature, payment(&other_signer)),
        (ErrorCode::OtherNode, with(&|p| p.accepted.pay_to = account(OTHER_NODE).to_string())),
        (ErrorCode::OtherNode, payment(&promise(elsewhere, PRICE, &request))),
        (ErrorCode::UnknownSession, payment(&promise(unknown, PRICE, &request))),
        (ErrorCode::OtherScheme, with(&|p| p.accepted.scheme = "exact".into())),
        (ErrorCode::OtherScheme, with(&|p| p.x402_version = 1)),
        (ErrorCode::OtherRequest, payment(&promise(session, 2 * PRICE, b"{}"))),
        (ErrorCode::CumulativeTooLow, payment(&promise(session, PRICE - 1, &request))),
        (ErrorCode::CumulativeTooLow, payment(&promise(session, 2 * PRICE - 1, &request))),
        (ErrorCode::Overpaid, payment(&promise(session, 2 * PRICE + 1, &request))),
        (ErrorCode::OverDeposit, payment(&promise(session, 4 * PRICE, &request))),
        (ErrorCode::TicksUnsupported, payment(&ticks)),
        (ErrorCode::PaymentMalformed, "e30=".into()),
        (ErrorCode::PaymentMalformed, "???".into()),
        (ErrorCode::PaymentMalformed, "A".repeat(20_000)),
    ];
    for (code, header) in cases {
        let refused = world.post(&request, Some(&header)).await;
        assert_eq!((refused.code(), refused.status), (code, code.http_status()));
        assert_eq!(refused.settled.unwrap().error_reason.as_deref(), Some(code.name()));
        assert_eq!(refused.required.unwrap().error.as_deref(), Some(code.name()));
    }
    // Who lost count is told where to go on.
    let lost = world.paid(&request, session, PRICE * 3).await;
    let terms = lost.required.unwrap().offer(&GENESIS).unwrap().terms().unwrap();
    let state = terms.session_state.unwrap();
    assert_eq!((state.owed, state.available), (Amount(PRICE), Amount(2 * PRICE)));
    assert!(SignedPromise::try_from(&state.last_promise.unwrap()).unwrap().verify(&GENESIS, &account(SIGNER)));
    assert_eq!(world.post(&request, Some(&payment(&good))).await.status, 200);
}

#[tokio::test]
async fn an_operation_happens_once_however_often_it_is_asked_for() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let mut told = world.anchor.gossip();

    let request = redeem(1);
    let header = payment(&promise(session, CALL_PRICE, &request));
    // Four at once with the same promise: one executes, all get its answer.
    let answers = futures::future::join_all((0..4).map(|_| world.post(&request, Some(&header)))).await;
    assert_eq!(answers[0].status, 200, "{:?}", String::from_utf8_lossy(&answers[0].body));
    assert!(answers.iter().all(|a| *a == answers[0]));
    assert_eq!(answers[0].result()["operation"], 0);
    let receipt = answers[0].receipt(&request);
    // Signed anew, since a client may not have kept the bytes.
    let again = world.paid(&request, session, CALL_PRICE).await;
    assert_eq!(again, answers[0]);

    let (_, gossip) = tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
    assert_eq!(gossip, Gossip::Operation(Operation { instance: INSTANCE, kind: 0, receipt }));

    // Paid anew it is refused by the script's selection; that is not charged.
    let denied = world.paid(&redeem(2), session, 2 * CALL_PRICE).await;
    assert_eq!((denied.status, denied.code()), (200, ErrorCode::SelectionDenies));
    let receipt = denied.receipt(&redeem(2)).receipt;
    assert_eq!((receipt.charged, receipt.cumulative), (0, CALL_PRICE));
    let read = world.paid(&attributes(), session, CALL_PRICE + PRICE).await;
    assert_eq!(read.result()["attributes"]["redeemed"], true);

    // All of it survives a restart, the answer to the byte.
    let world = world.restart().await;
    assert_eq!(world.post(&request, Some(&header)).await, answers[0]);
    let state = world.free("session_state", json!({ "session": session })).await.result();
    assert_eq!(state["owed"], Amount(CALL_PRICE + PRICE).to_string());
    let read = world.paid(&attributes(), session, CALL_PRICE + 2 * PRICE).await;
    assert_eq!(read.result()["attributes"]["redeemed"], true);
}

#[tokio::test]
async fn an_operation_whose_answer_is_too_large_does_not_happen() {
    let limit = |config: &mut smartlayer_token_api::Config| config.rpc.max_response_bytes = 120;
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), limit).await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let failed = world.paid(&redeem(1), session, CALL_PRICE).await;
    assert_eq!(failed.code(), ErrorCode::EvaluationFailed);
    let receipt = failed.receipt(&redeem(1)).receipt;
    assert_eq!((receipt.operation, receipt.charged), (None, 0));
    let params = json!({ "instance": { "tokenType": 0, "index": 7 }, "names": ["redeemed"] });
    let read = world.paid(&body("token_attributes", params), session, PRICE).await;
    assert_eq!(read.result()["attributes"]["redeemed"], false);
}

#[tokio::test]
async fn what_fails_is_owed_and_not_charged_again() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = attributes_named(&["seat"]);
    let header = payment(&promise(session, PRICE, &request));
    world.ethereum_fails.store(true, Ordering::SeqCst);
    let failed = world.post(&request, Some(&header)).await;
    assert_eq!(failed.code(), ErrorCode::EvmFailure);
    assert_eq!(failed.receipt(&request).receipt.charged, 0);
    // Even another process of this node owes the work.
    let world = world.restart().await;
    world.ethereum_fails.store(false, Ordering::SeqCst);
    let answer = world.post(&request, Some(&header)).await;
    assert_eq!(answer.receipt(&request).receipt.cumulative, PRICE);
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_served_is_said_before_anybody_pays() {
    let world = World::start().await;
    let call = |method: &str, params: Value| body(method, params);
    let at = |token_type: u32, index: u32| json!({ "tokenType": token_type, "index": index });
    let code = |request: Vec<u8>| {
        let world = &world;
        async move {
            let answer = world.post(&request, None).await;
            assert_eq!((answer.status, answer.required.clone()), (200, None));
            answer.code()
        }
    };
    assert_eq!(code(call("token_attributes", json!({ "instance": at(5, 0) }))).await, ErrorCode::UnknownToken);
    assert_eq!(code(call("token_attributes", json!({ "instance": at(0, 9) }))).await, ErrorCode::UnknownInstance);
    assert_eq!(code(call("token_attributes", json!({ "instanc": at(0, 7) }))).await, ErrorCode::InvalidParams);
    world.serve_instance().await;
    let redeem = |action: &str, inputs: Value| json!({ "instance": at(0, 7), "action": action, "inputs": inputs });
    assert_eq!(code(call("token_call", redeem("fly", json!({})))).await, ErrorCode::UnknownAction);
    assert_eq!(code(call("token_call", redeem("redeem", json!({ "x": 1 })))).await, ErrorCode::InvalidParams);
    assert_eq!(world.free("token_describe", json!({ "tokenType": 5 })).await.code(), ErrorCode::UnknownToken);
    assert_eq!(world.free("no_such", json!({})).await.code(), ErrorCode::MethodNotFound);
}

#[tokio::test]
async fn free_methods_tell_the_truth() {
    let world = World::start().await;
    world.serve_instance().await;
    let described = world.free("token_describe", json!({ "tokenType": 0 })).await.result();
    assert_eq!((&described["name"], &described["keyOperations"]), (&json!("Ticket"), &json!(["redeem"])));
    let methods = described["methods"].as_array().unwrap();
    let redeem = methods.iter().find(|method| method["action"] == "redeem").unwrap();
    assert_eq!((&redeem["action"], &redeem["keyOperation"]), (&json!("redeem"), &json!(true)));
    assert_eq!(redeem["price"], Amount(CALL_PRICE).to_string());
    assert_eq!(redeem["excludedBy"], json!(["used"]));

    let info = world.free("node_info", json!({})).await.result();
    assert_eq!(info["account"], account(NODE).to_string());
    assert_eq!((&info["serving"], &info["shards"]), (&json!([{ "tokenType": 0, "index": 7 }]), &json!(2)));
    assert_eq!(info["chain"]["connected"], true);

    let terms = world.free("session_terms", json!({})).await.result();
    assert_eq!(terms["network"], x402::network(&GENESIS));
    assert_eq!(terms["prices"]["token_call"]["operation"], Amount(CALL_PRICE).to_string());

    let holders = world.free("token_holders", json!({ "instance": { "tokenType": 0, "index": 7 } })).await.result();
    assert_eq!(
        holders["serving"],
        json!([{ "account": account(NODE).to_string(), "endpoint": "http://node.example/" }])
    );
    let discovered = world.free("rpc.discover", json!({})).await.result();
    assert_eq!(discovered["methods"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn nothing_goes_around_the_payment() {
    let world = World::start().await;
    world.serve_instance().await;
    let one = |method: &str| serde_json::from_slice::<Value>(&body(method, json!({}))).unwrap();
    let free = world.post(json!([one("node_info"), one("session_terms")]).to_string().as_bytes(), None).await;
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&free.body).unwrap().len(), 2);
    // Hidden from the layer by an extra field, the methods behind it refuse as well.
    let mut odd: Value = serde_json::from_slice(&attributes()).unwrap();
    odd["extra"] = json!(1);
    let answer = world.post(odd.to_string().as_bytes(), None).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("payment_required"), "{answer:?}");
    let answer = world.post(json!([odd]).to_string().as_bytes(), None).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("payment_required"), "{answer:?}");

    let large = world.post(&vec![b' '; 70_000], None).await;
    assert_eq!((large.status, large.code()), (413, ErrorCode::BodyTooLarge));
}

#[tokio::test]
async fn browsers_are_let_in() {
    let world = World::start().await;
    let preflight = world
        .http
        .request(reqwest::Method::OPTIONS, &world.url)
        .header("origin", "https://dapp.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,payment-signature");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let allowed = answer.headers()["access-control-allow-headers"].to_str().unwrap().to_ascii_lowercase();
    assert!(allowed.contains("payment-signature"), "{allowed}");
}

#[tokio::test]
async fn without_the_chain_nothing_is_accepted_beyond_what_was_seen() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, 3 * PRICE);
    let request = attributes();
    assert_eq!(world.paid(&request, session, PRICE).await.status, 200);
    world.chain.disconnect(Duration::from_secs(1));
    // A payer topped up, but this node has not seen it.
    world.chain.change(|s| s.sessions.get_mut(&session).unwrap().deposit = SLT);
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.status, 200);
    assert_eq!(world.paid(&request, session, 3 * PRICE).await.status, 200);
    assert_eq!(world.paid(&request, session, 4 * PRICE).await.code(), ErrorCode::OverDeposit);
    world.chain.disconnect(Duration::from_secs(3600));
    assert_eq!(world.paid(&request, session, 4 * PRICE).await.code(), ErrorCode::StaleChainView);
    let chain = world.free("node_info", json!({})).await.result()["chain"].clone();
    assert_eq!((&chain["connected"], &chain["secondsDisconnected"]), (&json!(false), &json!(3600)));
}

#[tokio::test]
async fn a_closing_session_is_claimed_and_takes_no_more() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = attributes();
    assert_eq!(world.paid(&request, session, PRICE).await.status, 200);
    // Nothing is claimed while little is owed; then a restart must not lose sight of the session.
    let world = world.restart().await;
    world.chain.change(|s| s.sessions.get_mut(&session).unwrap().closing_at = Some(50));
    let claimed = {
        let chain = world.chain.clone();
        move || chain.submitted.lock().unwrap().clone()
    };
    eventually("the claim", || {
        world.chain.advance(&[session]);
        !claimed().is_empty()
    })
    .await;
    let (by, call) = claimed().remove(0);
    let kept = world.free("session_state", json!({ "session": session })).await.result();
    let last: x402::PromiseJson = serde_json::from_value(kept["lastPromise"].clone()).unwrap();
    assert_eq!(by, account(SERVICE));
    assert_eq!(call, promise_settlement::claim(SignedPromise::try_from(&last).unwrap().into()));
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.code(), ErrorCode::SessionClosing);

    // Once the chain has closed it, it is gone here too.
    world.chain.change(|s| s.sessions.remove(&session));
    world.chain.advance(&[session]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.code(), ErrorCode::UnknownSession);
}

#[tokio::test]
async fn an_expiring_session_is_claimed_and_takes_no_more() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    assert_eq!(world.paid(&attributes(), session, PRICE).await.status, 200);
    world.chain.change(|s| s.sessions.get_mut(&session).unwrap().expires_at = 12);
    let chain = world.chain.clone();
    eventually("the claim", || {
        chain.advance(&[session]);
        chain.calls().first().is_some_and(|call| call == "PromiseSettlement.claim")
    })
    .await;
    assert_eq!(world.paid(&attributes(), session, 2 * PRICE).await.code(), ErrorCode::SessionExpiring);
}

#[tokio::test]
async fn an_issuer_with_a_share_gets_it() {
    let world = World::start().await;
    world.serve_instance().await;
    let plain = world.chain.open_session(&account(NODE), 0, SLT);
    let shared = world.chain.open_session(&account(NODE), 1, SLT);
    let other = world.chain.open_session(&account(NODE), 2, SLT);
    let issuer = |token_type| IssuerShare { token_type, account: account(ISSUER), share: Permill::from_percent(10) };
    world.chain.change(|s| {
        s.sessions.get_mut(&shared).unwrap().issuer = Some(issuer(INSTANCE.token_type));
        s.sessions.get_mut(&other).unwrap().issuer = Some(issuer(INSTANCE.token_type + 1));
        s.tokens.get_mut(&INSTANCE.token_type).unwrap().spec.revenue_share = Permill::from_percent(10);
    });
    world.chain.advance(&[]);
    let described = world.free("token_describe", json!({ "tokenType": INSTANCE.token_type })).await.result();
    assert_eq!(described["revenueShare"], 100_000);
    assert_eq!(world.paid(&attributes(), plain, PRICE).await.code(), ErrorCode::OtherToken);
    assert_eq!(world.paid(&attributes(), other, PRICE).await.code(), ErrorCode::OtherToken);
    assert_eq!(world.paid(&attributes(), shared, PRICE).await.status, 200);
    let state = world.free("session_state", json!({ "session": shared })).await.result();
    assert_eq!((&state["tokenType"], &state["expiresAt"]), (&json!(INSTANCE.token_type), &json!(10_000)));
}

#[tokio::test]
async fn a_network_session_pays_nobody_here_yet() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let current = Round { number: 0, notary: account(1), key: key(1).public(), starts_at: 0, before: None };
    let notary = Notary { current, former: None, max_nodes: 2, nodes: 0 };
    world.chain.change(|s| s.sessions.get_mut(&session).unwrap().payee = Payee::Network(notary));
    assert_eq!(world.paid(&attributes(), session, PRICE).await.code(), ErrorCode::NetworkSession);
}

#[tokio::test]
async fn much_is_claimed_at_once() {
    let chain = FakeChain::new();
    let world = World::start_with(chain, tempfile::tempdir().unwrap(), |c| {
        c.payment.claim_above = Amount(2 * PRICE);
        c.payment.claim_interval_seconds = 0;
    })
    .await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    assert_eq!(world.paid(&attributes(), session, PRICE).await.status, 200);
    world.chain.advance(&[]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.chain.calls(), Vec::<String>::new());
    assert_eq!(world.paid(&attributes(), session, 2 * PRICE).await.status, 200);
    world.chain.advance(&[]);
    let chain = world.chain.clone();
    eventually("the claim", || chain.calls() == ["PromiseSettlement.claim"]).await;
}

#[tokio::test]
async fn the_signer_closes_a_session_and_nobody_else() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = attributes();
    let paid = promise(session, PRICE, &request);
    assert_eq!(world.post(&request, Some(&payment(&paid))).await.status, 200);
    let close = |by: u8| {
        let signature: Signature = key(by).sign_payload(&CloseSession { session }, &GENESIS);
        json!({ "session": session, "signature": smartlayer_api_types::SignatureJson::from(&signature) })
    };
    assert_eq!(world.free("session_close", close(ISSUER)).await.code(), ErrorCode::BadSignature);
    let closed = world.free("session_close", close(SIGNER)).await.result();
    assert_eq!(closed["cumulative"], Amount(PRICE).to_string());
    let submitted = world.chain.submitted.lock().unwrap().clone();
    assert_eq!(submitted, vec![(account(SERVICE), promise_settlement::close(session, Some(paid.into())))]);
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.code(), ErrorCode::SessionClosing);
    assert_eq!(world.free("session_close", close(SIGNER)).await.code(), ErrorCode::SessionClosing);
}

#[tokio::test]
async fn placements_are_checked() {
    let world = World::start().await;
    let (assignment, state, shards) = assignment(1, &[account(NODE)]);
    let good = || {
        let content = vec![
            Content::State(state.clone()),
            Content::Shard { number: 0, bytes: shards[0].clone() },
            Content::Shard { number: 1, bytes: shards[1].clone() },
        ];
        Placement { assignment: sign(assignment.clone()), content, script: SCRIPT.into() }
    };
    let refusal = |change: &dyn Fn(&mut Placement)| {
        let mut placement = good();
        change(&mut placement);
        let world = &world;
        async move {
            match world.place(placement).await {
                Response::Refused(refusal) => refusal.code,
                other => panic!("{other:?}"),
            }
        }
    };
    let set = world.chain.change(|s| s.anchors.clone());
    let too_few = certificate(&set, assignment.payload_hash(&GENESIS), 2);
    assert_eq!(refusal(&|p| p.assignment.certificate = too_few.clone()).await, RefusalCode::NotAllowed);
    assert_eq!(refusal(&|p| p.assignment.assignment.version = 9).await, RefusalCode::NotAllowed);
    assert_eq!(refusal(&|p| p.script.push(b' ')).await, RefusalCode::Invalid);
    assert_eq!(refusal(&|p| drop(p.content.remove(0))).await, RefusalCode::Invalid);
    assert_eq!(refusal(&|p| drop(p.content.pop())).await, RefusalCode::Invalid);
    assert_eq!(refusal(&|p| p.content[0] = Content::State(vec![1])).await, RefusalCode::Invalid);
    let mut flipped = shards[0].clone();
    flipped[0] ^= 1;
    assert_eq!(
        refusal(&|p| p.content[1] = Content::Shard { number: 0, bytes: flipped.clone() }).await,
        RefusalCode::Invalid
    );
    let (elsewhere, ..) = common::assignment(1, &[account(OTHER_NODE)]);
    assert_eq!(refusal(&|p| p.assignment = sign(elsewhere.clone())).await, RefusalCode::Invalid);
    assert_eq!(world.place(good()).await, Response::Done);
    assert_eq!(world.place(good()).await, Response::Done);
    assert_eq!(world.free("node_info", json!({})).await.result()["shards"], 2);
}

#[tokio::test]
async fn a_shard_holder_restores_what_it_is_asked_for_and_leaves_operations_to_the_executor() {
    let world = World::start().await;
    let (assignment, _, shards) = assignment(1, &[account(OTHER_NODE), account(NODE)]);
    // The other holder first sends a bad shard, then is replaced by one that sends the right one.
    let mut bad = shards[0].clone();
    bad[3] ^= 0x10;
    let liar = peer(50, HashMap::from([(0, bad)])).await;
    let honest = peer(51, HashMap::from([(0, shards[0].clone())])).await;
    for other in [&liar, &honest] {
        for address in other.wait_for_addresses().await {
            world.network.dial(address).await;
        }
    }
    world.network.wait_for_peers(3, Duration::from_secs(10)).await.unwrap();
    let content = vec![Content::Shard { number: 1, bytes: shards[1].clone() }];
    let placement = Placement { assignment: sign(assignment), content, script: SCRIPT.into() };
    assert_eq!(world.place(placement).await, Response::Done);
    let session = world.chain.open_session(&account(NODE), 0, SLT);

    world.chain.register(account(OTHER_NODE), account(OTHER_NODE), &liar);
    assert_eq!(world.paid(&attributes(), session, PRICE).await.code(), ErrorCode::Internal);
    world.chain.register(account(OTHER_NODE), account(OTHER_NODE), &honest);
    let answer = world.paid(&attributes(), session, PRICE).await;
    assert_eq!(answer.result()["attributes"]["gate"], "B12");

    let refused = world.post(&redeem(1), None).await;
    assert_eq!(refused.code(), ErrorCode::NotTheExecutor);
    let error: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(error["error"]["data"]["executor"]["account"], account(OTHER_NODE).to_string());
    assert_eq!(error["error"]["data"]["executor"]["endpoint"], "http://node.example/");

    // The executor tells of an operation: it shows here. A forged one does not.
    let receipt = answer.receipt(&attributes()).receipt;
    let executed = smartlayer_primitives::receipt::Executed::new(INSTANCE, 0);
    let receipt =
        smartlayer_primitives::receipt::Receipt { node: account(OTHER_NODE), operation: Some(executed), ..receipt };
    let signed = |by: u8| smartlayer_primitives::receipt::SignedReceipt {
        signature: key(by).sign_payload(&receipt, &GENESIS),
        receipt: receipt.clone(),
    };
    let operation = |by: u8| Gossip::Operation(Operation { instance: INSTANCE, kind: 0, receipt: signed(by) });
    let mut cumulative = PRICE;
    for (by, redeemed) in [(ISSUER, false), (OTHER_NODE, true)] {
        world.anchor.publish(operation(by)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        cumulative += PRICE;
        let read = world.paid(&attributes(), session, cumulative).await;
        assert_eq!(read.result()["attributes"]["redeemed"], redeemed);
    }
}

#[tokio::test]
async fn an_operation_is_proved_once_it_is_committed_and_lies_are_not_passed_on() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let answer = world.paid(&redeem(1), session, CALL_PRICE).await;
    let operation = Operation { instance: INSTANCE, kind: 0, receipt: answer.receipt(&redeem(1)) };
    let prove =
        || world.free("token_proof", json!({ "instance": { "tokenType": 0, "index": 7 }, "operation": "redeem" }));
    assert_eq!(prove().await.code(), ErrorCode::NoAnchor);
    let none =
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": ErrorCode::NotCommitted.code(), "message": "no" } });
    anchor_rpc(&world.chain, 1, none).await;
    assert_eq!(prove().await.code(), ErrorCode::NotCommitted);

    let mut other = operation.clone();
    other.instance.index = 3;
    // The commitment holds both operations; one anchor proves from other leaves, another proves the wrong one, the third is right.
    let leaves = [other.clone(), operation.clone()];
    let forged = [operation.clone(), operation.clone()];
    anchor_rpc(&world.chain, 1, proven(4, &forged)).await;
    anchor_rpc(&world.chain, 2, proven(4, &[operation.clone(), other])).await;
    commit(&world.chain, 4, &leaves, &[]);
    assert_eq!(prove().await.code(), ErrorCode::ProofInvalid);
    anchor_rpc(&world.chain, 3, proven(4, &leaves)).await;
    let proof: smartlayer_api_types::rpc::Proof = serde_json::from_value(prove().await.result()).unwrap();
    let stored = world.chain.change(|s| s.commitments[&4].clone());
    assert_eq!((proof.period, proof.commitment), (4, stored.hash));
    let (leaf, way) = (proof.leaf.decode::<Operation>().unwrap(), proof.proof.decode::<MerkleProof>().unwrap());
    assert_eq!(leaf, operation);
    assert!(stored.commitment.operations.contains(&leaf, &way));

    // With the next commitment the node finds its own operation's proof and keeps it: it needs no anchor any more.
    commit(&world.chain, 5, &[], &[]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.chain.change(|s| s.organisations.clear());
    let kept: smartlayer_api_types::rpc::Proof = serde_json::from_value(prove().await.result()).unwrap();
    assert_eq!(kept, proof);
}

#[tokio::test]
async fn a_node_joins_agrees_and_claims_its_rewards_by_itself() {
    let chain = FakeChain::new();
    let floor = Objectives { p95_latency_ms: 500, ..Default::default() };
    let template = Template {
        floor,
        reward_weight: 1,
        penalty: PenaltySchedule { persistent_after: 1, slash: Default::default() },
    };
    chain.change(|s| {
        s.templates.insert(0, template);
        s.balances.insert(account(SERVICE), 0);
    });
    let world = World::start_with(chain, tempfile::tempdir().unwrap(), |c| {
        c.onboarding.enabled = true;
        c.onboarding.claim_rewards = true;
    })
    .await;
    // Waits until this was called, blocks going by; what was called before the last one waited for does not count.
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let called = |name: &'static str, by: AccountId| {
        let (chain, seen) = (&world.chain, &seen);
        async move {
            eventually(name, || {
                chain.advance(&[]);
                let submitted = chain.submitted.lock().unwrap();
                let from = seen.load(Ordering::SeqCst);
                let found =
                    submitted[from..].iter().position(|(who, call)| (who, call.name()) == (&by, name.to_owned()));
                seen.store(from + found.map_or(0, |at| at + 1), Ordering::SeqCst);
                found.is_some()
            })
            .await;
        }
    };
    called("Balances.transfer_keep_alive", account(NODE)).await;
    world.chain.change(|s| s.balances.clear());
    called("ServiceStaking.register", account(NODE)).await;
    // Registered, but with another endpoint than it has.
    world.chain.register(account(NODE), account(SERVICE), &world.network);
    called("ServiceStaking.update", account(SERVICE)).await;
    let endpoint = format!("{}/", world.url).into_bytes();
    world.chain.change(|s| s.nodes.get_mut(&account(NODE)).unwrap().endpoint = endpoint.try_into().unwrap());
    called("SlaRegistry.propose", account(SERVICE)).await;
    let step = |step: Step, objectives: Objectives| {
        let terms = template.terms(0, objectives).unwrap();
        let negotiation = Some(Negotiation { terms, step, since: 1, until: u32::MAX, seed: Hash::zero() });
        world.chain.change(|s| s.agreements.insert(account(NODE), Agreement { negotiation, ..Default::default() }));
    };
    // More than the node offers: it insists.
    let more = Objectives { p95_latency_ms: 100, ..floor };
    step(Step::Countered { by: account(1) }, more);
    called("SlaRegistry.propose", account(SERVICE)).await;
    step(Step::Countered { by: account(1) }, floor);
    called("SlaRegistry.accept_counter", account(SERVICE)).await;
    step(Step::Tested, floor);
    called("SlaRegistry.activate", account(SERVICE)).await;
    assert_eq!(world.free("node_info", json!({})).await.result()["agreementActive"], false);
    let terms = template.terms(0, floor).unwrap();
    let in_force = Some(InForce { terms, since: 1, standing: Standing::Good });
    world.chain.change(|s| s.agreements.insert(account(NODE), Agreement { in_force, ..Default::default() }));
    assert_eq!(world.free("node_info", json!({})).await.result()["agreementActive"], true);

    let entry = |node: u8, reward_weight: u128| ReportEntry {
        period: 0,
        node: account(node),
        availability: Default::default(),
        p95_latency_ms: 1,
        served_value: 0,
        score: Default::default(),
        breaches: 0,
        reward_weight,
    };
    let report = [entry(OTHER_NODE, 1), entry(NODE, 7)];
    anchor_rpc(&world.chain, 1, proven(0, &report)).await;
    commit(&world.chain, 0, &[], &report);
    called("ServiceStaking.claim_reward", account(SERVICE)).await;
    world.chain.change(|s| s.rewards_claimed.push(0));
    let claims = || world.chain.calls().iter().filter(|c| *c == "ServiceStaking.claim_reward").count();
    let once = claims();
    for _ in 0..5 {
        world.chain.advance(&[]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(claims(), once);
}

#[tokio::test]
async fn closing_that_may_have_happened_can_be_tried_again() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let request = attributes();
    assert_eq!(world.paid(&request, session, PRICE).await.status, 200);
    let signature: Signature = key(SIGNER).sign_payload(&CloseSession { session }, &GENESIS);
    let close = json!({ "session": session, "signature": smartlayer_api_types::SignatureJson::from(&signature) });
    world.chain.disconnect(Duration::from_secs(1));
    assert_eq!(world.free("session_close", close.clone()).await.code(), ErrorCode::ChainUnavailable);
    world.chain.connect();
    assert_eq!(world.paid(&request, session, 2 * PRICE).await.code(), ErrorCode::SessionClosing);
    assert_eq!(world.free("session_close", close).await.result()["cumulative"], Amount(PRICE).to_string());
}

#[tokio::test]
async fn what_changes_is_told_to_subscribers_from_where_they_left_off() {
    use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let (mut subscriber, subscribed) = Subscriber::subscribe(&world, None).await;
    assert!(!subscribed["result"].is_null(), "{subscribed}");

    let update = StateUpdate {
        instance: INSTANCE,
        sequence: 1,
        reset: false,
        values: [("gate".to_owned(), Some("C3".to_owned()))].into(),
        issued_at: 1,
    };
    let signed = SignedUpdate { signature: key(ISSUER).sign_payload(&update, &GENESIS), update };
    let params = serde_json::to_value(smartlayer_api_types::rpc::IssuerPublish::from(&signed)).unwrap();
    world.free("issuer_publish", params).await.result();
    let instance = json!({ "tokenType": 0, "index": 7 });
    let updated = json!({ "instance": instance, "number": 1, "kind": "update", "sequence": 1, "names": ["gate"] });
    assert_eq!(subscriber.change().await, updated);
    let read = world.paid(&attributes_named(&["gate"]), session, PRICE).await.result();
    assert_eq!(read["attributes"]["gate"], "C3");
    world.paid(&redeem(1), session, PRICE + CALL_PRICE).await.result();
    let redeemed = json!({ "instance": instance, "number": 2, "kind": "operation", "operation": "redeem" });
    assert_eq!(subscriber.change().await, redeemed);

    // After a restart too, from the number that was heard last.
    drop(subscriber);
    let world = world.restart().await;
    let (mut subscriber, _) = Subscriber::subscribe(&world, Some(0)).await;
    assert_eq!((subscriber.change().await, subscriber.change().await), (updated, redeemed.clone()));
    let (mut subscriber, _) = Subscriber::subscribe(&world, Some(1)).await;
    assert_eq!(subscriber.change().await, redeemed);
    let (_, refused) = Subscriber::subscribe(&world, Some(7)).await;
    assert_eq!(refused["error"]["code"], ErrorCode::ChangesForgotten.code());
}
