//! Paid calls over WebSocket, and over HTTP without headers: payments in the parameters.

use std::{sync::atomic::Ordering, time::Duration};

use crate::common::*;
use futures::{SinkExt, StreamExt};
use serde_json::{json, Value};
use smartlayer_api_types::{
    inband::{self, PAYMENT, PAYMENT_REQUIRED},
    x402::{self, PaymentRequired, SettlementResponse},
    Amount, ErrorCode,
};
use smartlayer_primitives::{
    payload::blake2_256,
    promise::call_hash,
    receipt::{Receipt, SignedReceipt},
    Balance, SessionId, SLT,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{tungstenite::Message, MaybeTlsStream, WebSocketStream};

const PARAMS: &str = r#"{"instance":{"tokenType":0,"index":7},"names":["seat"]}"#;

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(world: &World) -> Self {
        Self(tokio_tungstenite::connect_async(world.url.replace("http", "ws")).await.unwrap().0)
    }

    async fn ask(&mut self, text: &str) -> String {
        self.0.send(Message::text(text)).await.unwrap();
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return text.as_str().to_owned();
            }
        }
    }
}

/// The bytes that are paid for, and those that are sent.
fn paying(id: u64, method: &str, params: &str, session: SessionId, cumulative: Balance) -> (String, String) {
    let bare = inband::request_bytes(&json!(id), method, params);
    let payment = payment(&promise(session, cumulative, bare.as_bytes()));
    let sent = inband::request_bytes(&json!(id), method, &inband::attach(params, PAYMENT, &payment).unwrap());
    (bare, sent)
}

/// The receipt of an answer, checked against the bytes of the request and of the answer without it.
fn receipt(request: &str, answer: &str) -> Receipt {
    let value: Value = serde_json::from_str(answer).unwrap();
    let carrier = value.get("result").unwrap_or_else(|| &value["error"]["data"]);
    let header = carrier[PAYMENT].as_str().unwrap_or_else(|| panic!("no payment in {answer}"));
    let settled: SettlementResponse = x402::decode_header(header.as_bytes()).unwrap();
    let signed = SignedReceipt::try_from(&settled.extra.unwrap().receipt).unwrap();
    assert!(signed.verify(&GENESIS, &account(SERVICE)));
    let bare = answer.replacen(&format!(r#","payment":"{header}""#), "", 1);
    assert_eq!(signed.receipt.request_hash, call_hash(request.as_bytes()));
    assert_eq!(signed.receipt.result_hash, blake2_256(bare.as_bytes()), "{bare}");
    signed.receipt
}

fn code(answer: &str) -> ErrorCode {
    let answer: Value = serde_json::from_str(answer).unwrap();
    ErrorCode::from_code(i32::try_from(answer["error"]["code"].as_i64().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_call_over_websocket_is_priced_paid_and_receipted() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let mut client = Client::connect(&world).await;
    let info = client.ask(&inband::request_bytes(&json!(0), "node_info", "{}")).await;
    assert!(info.contains(&account(NODE).to_string()));

    let unpaid = client.ask(&inband::request_bytes(&json!(1), "token_attributes", PARAMS)).await;
    assert_eq!(code(&unpaid), ErrorCode::PaymentRequired);
    let unpaid: Value = serde_json::from_str(&unpaid).unwrap();
    let required = unpaid["error"]["data"][PAYMENT_REQUIRED].as_str().unwrap();
    let required: PaymentRequired = x402::decode_header(required.as_bytes()).unwrap();
    assert_eq!(required.offer(&GENESIS).unwrap().amount, Amount(PRICE));

    for call in 1..=3 {
        let (request, sent) = paying(call, "token_attributes", PARAMS, session, u128::from(call) * PRICE);
        let answer = client.ask(&sent).await;
        let receipt = receipt(&request, &answer);
        assert_eq!((receipt.charged, receipt.cumulative), (PRICE, u128::from(call) * PRICE));
        assert!(answer.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{call},"result":{{"#)), "{answer}");
        // Sent again, it is the same answer.
        assert_eq!(client.ask(&sent).await, answer);
    }
    let (_, less) = paying(9, "token_attributes", PARAMS, session, PRICE);
    assert_eq!(code(&client.ask(&less).await), ErrorCode::CumulativeTooLow);
    let (_, other) = paying(4, "token_attributes", PARAMS, session, 4 * PRICE);
    assert_eq!(code(&client.ask(&other.replace("\"id\":4", "\"id\":5")).await), ErrorCode::OtherRequest);
    assert_eq!(
        code(&client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"token_attributes","params":[]}"#).await),
        ErrorCode::InvalidParams
    );
}

#[tokio::test]
async fn an_error_over_websocket_carries_its_receipt_too() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let mut client = Client::connect(&world).await;
    world.ethereum_fails.store(true, Ordering::SeqCst);
    let (request, sent) = paying(1, "token_attributes", PARAMS, session, PRICE);
    let failed = client.ask(&sent).await;
    assert_eq!(code(&failed), ErrorCode::EvmFailure);
    assert_eq!(receipt(&request, &failed).charged, 0);
    world.ethereum_fails.store(false, Ordering::SeqCst);
    // The endpoint is given a rest after its failure; trying costs nothing.
    for _ in 0..100 {
        let answer = client.ask(&sent).await;
        let charged = receipt(&request, &answer).charged;
        if answer.contains("\"result\"") {
            assert_eq!(charged, PRICE);
            return;
        }
        assert_eq!(charged, 0);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the call is never answered");
}

#[tokio::test]
async fn payments_in_parameters_work_over_http_and_one_by_one_in_batches() {
    let world = World::start().await;
    world.serve_instance().await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let (request, sent) = paying(1, "token_attributes", PARAMS, session, PRICE);
    let answer = world.post(sent.as_bytes(), None).await;
    assert_eq!(receipt(&request, &String::from_utf8(answer.body).unwrap()).cumulative, PRICE);

    let redeem = r#"{"instance":{"tokenType":0,"index":7},"action":"redeem"}"#;
    let (first, sent_first) = paying(2, "token_attributes", PARAMS, session, 2 * PRICE);
    let (second, sent_second) = paying(3, "token_call", redeem, session, 2 * PRICE + CALL_PRICE);
    let mut client = Client::connect(&world).await;
    let answers = client.ask(&format!("[{sent_first},{sent_second}]")).await;
    let answers: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(&answers).unwrap();
    assert_eq!(receipt(&first, answers[0].get()).charged, PRICE);
    assert_eq!(receipt(&second, answers[1].get()).operation.unwrap().kind, 0);
}
