//! The till against a node of each character: honest, forgetful, greedy, lying.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::{extract::State, http::HeaderMap, response::IntoResponse, Router};
use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{self, Outcome, SessionTermsAnswer, Version},
    x402::{PaymentRequired, Resource, SettlementResponse},
    ApiError,
};
use smartlayer_primitives::{payload::blake2_256, receipt::Receipt, session::Payee, BlockNumber};

use super::*;

const GENESIS: Hash = Hash::repeat_byte(7);
const PRICE: Balance = 10;
const LIMIT: Balance = 100;

fn session() -> SessionId {
    SessionId::repeat_byte(1)
}

fn node_account() -> AccountId {
    AccountId::new([2; 32])
}

fn key(seed: u8) -> Keypair {
    Keypair::from_seed(&[seed; 32])
}

/// The chain's side of the one session.
struct FakeChain {
    deposit: Balance,
    paid: Balance,
}

#[async_trait]
impl Source for FakeChain {
    async fn session(&self, _: &SessionId) -> Result<Option<Session>, Error> {
        Ok(Some(Session {
            payer: key(9).account(),
            payee: Payee::Node(node_account()),
            signer: key(9).account(),
            issuer: None,
            deposit: self.deposit,
            paid: self.paid,
            burned: 0,
            issuer_paid: 0,
            storage_deposit: 0,
            burn_rate: Default::default(),
            challenge_window: 10 as BlockNumber,
            expires_at: 1_000,
            closing_at: None,
        }))
    }

    async fn service_key(&self, node: &AccountId) -> Result<Option<AccountId>, Error> {
        Ok((*node == node_account()).then(|| key(3).account()))
    }
}

/// How the node behaves.
#[derive(Clone, Copy, PartialEq)]
enum Character {
    Honest,
    /// Takes the promise, and hangs up on the first paid call.
    DropsFirst,
    /// Charges more than it says beforehand.
    PriceRose,
    /// One sentence of the receipt is wrong.
    Lies(&'static str),
    /// Says that more is owed than was promised.
    ClaimsDebt,
    /// Does not know the session at first.
    LagsBehind,
    /// Answers that the selection denies the call, and charges.
    Denies,
    /// Answers so, and does not charge.
    DeniesFreely,
    /// Answers, and says that it did not charge.
    AnswersFreely,
}

struct FakeNode {
    character: Character,
    owed: Mutex<(Balance, Option<SignedPromise>)>,
    paid_calls: AtomicU32,
}

impl FakeNode {
    fn price(&self) -> Balance {
        if self.character == Character::PriceRose {
            PRICE * 2
        } else {
            PRICE
        }
    }

    fn state(&self) -> SessionState {
        let (owed, last) = lock(&self.owed).clone();
        let owed = if self.character == Character::ClaimsDebt { 90 } else { owed };
        SessionState {
            session: session(),
            payer: key(9).account(),
            signer: key(9).account(),
            deposit: Amount(100),
            claimed: Amount(0),
            owed: Amount(owed),
            available: Amount(100u128.saturating_sub(owed)),
            last_promise: last.as_ref().map(Into::into),
            token_type: None,
            expires_at: 1_000,
            closing_at: None,
        }
    }

    fn terms(&self, state: bool) -> SessionTerms {
        SessionTerms {
            genesis: GENESIS,
            node: node_account(),
            service_key: key(3).account(),
            promise_domain: "smartlayer/promise/1".into(),
            min_deposit: Amount(0),
            session_state: state.then(|| self.state()),
        }
    }

    fn refuse(&self, id: Value, price: Balance, code: ErrorCode) -> axum::response::Response {
        let required = PaymentRequired {
            x402_version: x402::VERSION,
            error: Some(code.name().into()),
            resource: Resource { url: "x".into(), description: None, mime_type: None },
            accepts: vec![x402::offer(&self.terms(true), price, 30)],
            extensions: None,
        };
        let body = json_rpc(id, Outcome::Error(ApiError::from(code).to_object()));
        let status = axum::http::StatusCode::from_u16(code.http_status()).unwrap();
        (status, [(x402::PAYMENT_REQUIRED, x402::encode_header(&required))], body).into_response()
    }

    /// The rules of the real ledger, in short.
    fn pay(&self, ids: &[Value], body: &[u8], headers: &HeaderMap) -> axum::response::Response {
        let (id, price) = (ids[0].clone(), self.price() * ids.len() as Balance);
        let count = self.paid_calls.fetch_add(1, Ordering::Relaxed);
        let Some(payment) = headers.get(x402::PAYMENT_SIGNATURE) else {
            return self.refuse(id, price, ErrorCode::PaymentRequired);
        };
        if self.character == Character::LagsBehind && count < 2 {
            return self.refuse(id, price, ErrorCode::UnknownSession);
        }
        let payment: PaymentPayload = x402::decode_header(payment.as_bytes()).unwrap();
        let signed = SignedPromise::try_from(&payment.payload).unwrap();
        let promise = &signed.promise;
        assert!(signed.verify(&GENESIS, &key(9).account()), "a bad signature");
        assert_eq!(promise.call_hash, call_hash(body), "a promise for another request");
        assert_eq!(payment.accepted.pay_to, node_account().to_string());
        let mut owed = lock(&self.owed);
        let due = owed.0 + price;
        if promise.cumulative < due || payment.accepted.amount.0 != price {
            drop(owed);
            return self.refuse(id, price, ErrorCode::CumulativeTooLow);
        }
        if promise.cumulative > due {
            drop(owed);
            return self.refuse(id, price, ErrorCode::Overpaid);
        }
        *owed = (promise.cumulative, Some(signed.clone()));
        drop(owed);
        if self.character == Character::DropsFirst && count == 0 {
            return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let free = matches!(self.character, Character::DeniesFreely | Character::AnswersFreely);
        if free {
            *lock(&self.owed) = (due - price, None);
        }
        let outcome = match self.character {
            Character::Denies | Character::DeniesFreely => {
                Outcome::Error(ApiError::from(ErrorCode::SelectionDenies).to_object())
            }
            _ => Outcome::Result(json!({ "answer": 42 })),
        };
        let body = match ids {
            [_] => json_rpc(id, outcome),
            _ => {
                let others = match &outcome {
                    Outcome::Error(_) => Outcome::Error(ApiError::from(ErrorCode::BatchNotCharged).to_object()),
                    result => result.clone(),
                };
                let rest = ids[1..].iter().rev().map(|id| json_rpc(id.clone(), others.clone()));
                // In any order.
                let all: Vec<_> = rest.chain([json_rpc(id, outcome)]).collect();
                format!("[{}]", all.join(","))
            }
        };
        let mut receipt = Receipt {
            node: node_account(),
            session: promise.session,
            charged: if free { 0 } else { price },
            cumulative: if free { due - price } else { promise.cumulative },
            request_hash: promise.call_hash,
            result_hash: blake2_256(body.as_bytes()),
            operation: None,
        };
        let mut signer = key(3);
        match self.character {
            Character::Lies("node") => receipt.node = AccountId::new([0; 32]),
            Character::Lies("session") => receipt.session = Default::default(),
            Character::Lies("charged") => receipt.charged += 1,
            Character::Lies("cumulative") => receipt.cumulative += 1,
            Character::Lies("request") => receipt.request_hash = Default::default(),
            Character::Lies("result") => receipt.result_hash = Default::default(),
            Character::Lies("signature") => signer = key(4),
            _ => {}
        }
        if self.character == Character::Lies("nothing") {
            return body.into_response();
        }
        let signed = SignedReceipt { signature: signer.sign_payload(&receipt, &GENESIS), receipt };
        let settled = SettlementResponse::settled(&GENESIS, key(9).account(), &signed);
        ([(x402::PAYMENT_RESPONSE, x402::encode_header(&settled))], body).into_response()
    }
}

fn json_rpc(id: Value, outcome: Outcome) -> String {
    serde_json::to_string(&rpc::Response { jsonrpc: Version::V2, id, outcome }).unwrap()
}

async fn answer(State(node): State<Arc<FakeNode>>, headers: HeaderMap, body: String) -> axum::response::Response {
    if body.starts_with('[') {
        let batch: Vec<rpc::Request> = serde_json::from_str(&body).unwrap();
        let ids: Vec<_> = batch.into_iter().map(|request| request.id).collect();
        return node.pay(&ids, body.as_bytes(), &headers);
    }
    let request: rpc::Request = serde_json::from_str(&body).unwrap();
    let result = match request.method.as_str() {
        rpc::method::SESSION_TERMS => {
            let prices = BTreeMap::from([("query".to_owned(), Amount(PRICE))]);
            let prices = BTreeMap::from([("token_attributes".to_owned(), prices)]);
            let answer = SessionTermsAnswer { network: x402::network(&GENESIS), terms: node.terms(false), prices };
            serde_json::to_value(answer).unwrap()
        }
        rpc::method::SESSION_STATE => serde_json::to_value(node.state()).unwrap(),
        rpc::method::TOKEN_ATTRIBUTES => return node.pay(&[request.id], body.as_bytes(), &headers),
        _ => json!({ "free": true }),
    };
    json_rpc(request.id, Outcome::Result(result)).into_response()
}

struct Setting {
    till: Till,
    service: ServiceClient,
    node: Arc<FakeNode>,
}

async fn setting(character: Character) -> Setting {
    setting_with(character, FakeChain { deposit: 100, paid: 0 }).await
}

async fn setting_with(character: Character, chain: FakeChain) -> Setting {
    let node = Arc::new(FakeNode { character, owed: Default::default(), paid_calls: Default::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(node.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut record = Record::in_memory(GENESIS);
    let book = Book {
        session: session(),
        node: node_account(),
        token_type: None,
        expires_at: 1_000,
        deposit: chain.deposit,
        settled: 0,
        promised: 0,
        in_doubt: false,
    };
    record.put(book).unwrap();
    let till = Till::new(GENESIS, Box::new(chain), key(9), record);
    Setting { till, service: ServiceClient::new(url), node }
}

impl Setting {
    async fn call(&self, limit: Balance) -> Result<Paid<Value>, Error> {
        self.till.call(&self.service, session(), "token_attributes", json!({ "instance": 7 }), limit).await
    }

    fn book(&self) -> Book {
        self.till.record().get(&session()).cloned().unwrap()
    }
}

#[tokio::test]
async fn calls_are_paid_one_after_the_other_until_the_deposit_is_spent() {
    let s = setting(Character::Honest).await;
    for n in 1..=10 {
        let paid = s.call(LIMIT).await.unwrap();
        assert_eq!((paid.charged(), s.book().settled, s.book().promised), (PRICE, n * PRICE, n * PRICE));
        assert_eq!(paid.result["answer"], 42);
    }
    assert!(matches!(s.call(LIMIT).await, Err(Error::DepositSpent { left: 0, price: PRICE, .. })));
    assert_eq!(lock(&s.node.owed).0, 100);
}

#[tokio::test]
async fn concurrent_calls_of_a_session_wait_for_each_other() {
    let s = Arc::new(setting(Character::Honest).await);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let s = s.clone();
            tokio::spawn(async move { s.call(LIMIT).await.map(|p| p.charged()) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), PRICE);
    }
    assert_eq!(s.book().settled, 100);
}

#[tokio::test]
async fn nothing_is_signed_above_the_limit() {
    let s = setting(Character::Honest).await;
    assert!(matches!(s.call(PRICE - 1).await, Err(Error::TooExpensive { price: PRICE, .. })));
    assert_eq!((s.book().promised, s.node.paid_calls.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn a_risen_price_is_paid_within_the_limit_only() {
    let s = setting(Character::PriceRose).await;
    assert!(matches!(s.call(PRICE).await, Err(Error::TooExpensive { price: 20, .. })));
    let s = setting(Character::PriceRose).await;
    assert_eq!(s.call(2 * PRICE).await.unwrap().charged(), 2 * PRICE);
    assert_eq!(s.book().settled, 2 * PRICE);
}

#[tokio::test]
async fn after_a_lost_answer_the_node_is_asked_how_far_it_got() {
    let s = setting(Character::DropsFirst).await;
    assert!(s.call(LIMIT).await.is_err());
    assert_eq!((s.book().settled, s.book().promised), (0, PRICE));
    assert_eq!(s.call(LIMIT).await.unwrap().receipt.unwrap().receipt.cumulative, 2 * PRICE);
    assert_eq!(s.book().settled, 2 * PRICE);
}

#[tokio::test]
async fn every_lie_in_a_receipt_is_noticed() {
    for lie in ["node", "session", "charged", "cumulative", "request", "result", "signature", "nothing"] {
        let s = setting(Character::Lies(lie)).await;
        assert!(matches!(s.call(LIMIT).await, Err(Error::BadReceipt { .. })), "{lie}");
        assert_eq!((s.book().settled, s.book().promised), (0, PRICE), "{lie}");
    }
}

#[tokio::test]
async fn a_debt_needs_our_signature_or_the_chain() {
    let doubtful = |s: &Setting| {
        let mut book = s.book();
        book.in_doubt = true;
        s.till.record().put(book).unwrap();
    };
    let s = setting(Character::ClaimsDebt).await;
    doubtful(&s);
    assert!(matches!(s.call(LIMIT).await, Err(Error::FalseDebt { claimed: 90, .. })));
    assert_eq!(s.book().settled, 0);

    // The same words are true when the chain has seen the promise.
    let s = setting_with(Character::ClaimsDebt, FakeChain { deposit: 100, paid: 90 }).await;
    doubtful(&s);
    lock(&s.node.owed).0 = 90;
    assert_eq!(s.call(LIMIT).await.unwrap().receipt.unwrap().receipt.cumulative, 100);

    // Or when our own signature is on it, though the record was lost.
    let s = setting(Character::Honest).await;
    doubtful(&s);
    let promise = Promise { session: session(), cumulative: 50, call_hash: Hash::zero(), ticks: None };
    let signature = key(9).sign_payload(&promise, &GENESIS);
    *lock(&s.node.owed) = (50, Some(SignedPromise { promise, signature }));
    assert_eq!(s.call(LIMIT).await.unwrap().receipt.unwrap().receipt.cumulative, 60);
}

#[tokio::test]
async fn a_node_that_lags_behind_is_waited_for() {
    let s = setting(Character::LagsBehind).await;
    assert_eq!(s.call(LIMIT).await.unwrap().charged(), PRICE);
    assert_eq!(s.node.paid_calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_charged_refusal_is_counted() {
    let s = setting(Character::Denies).await;
    let Err(Error::Charged { error, receipt, .. }) = s.call(LIMIT).await else { panic!("not charged") };
    assert_eq!((error.code, receipt.receipt.charged, s.book().settled), (ErrorCode::SelectionDenies, PRICE, PRICE));
}

#[tokio::test]
async fn a_refusal_that_is_not_charged_leaves_the_count_as_it_was() {
    let s = setting(Character::DeniesFreely).await;
    for _ in 0..3 {
        let Err(Error::NotCharged { error, receipt, .. }) = s.call(LIMIT).await else { panic!("charged") };
        assert_eq!((error.code, receipt.receipt.charged), (ErrorCode::SelectionDenies, 0));
        assert_eq!((s.book().settled, s.book().promised, s.book().in_doubt), (0, PRICE, false));
    }
    // An answer for nothing is not what was agreed: the promise could still be cashed.
    let s = setting(Character::AnswersFreely).await;
    assert!(matches!(s.call(LIMIT).await, Err(Error::BadReceipt { .. })));
}

#[tokio::test]
async fn free_methods_cost_nothing() {
    let s = setting(Character::Honest).await;
    let paid: Paid<Value> = s.till.call(&s.service, session(), "node_info", json!({}), 0).await.unwrap();
    assert_eq!((paid.charged(), paid.result["free"].as_bool(), s.book().promised), (0, Some(true), 0));
}

/// The node behind a WebSocket: what is a header over HTTP is a member there.
async fn over_websocket(character: Character) -> Setting {
    use futures::{SinkExt, StreamExt};
    use smartlayer_api_types::inband::{attach, detach, PAYMENT, PAYMENT_REQUIRED};
    use tokio_tungstenite::tungstenite::Message;

    async fn respond(node: &Arc<FakeNode>, text: &str) -> String {
        let (front, params) = text.split_once("\"params\":").unwrap();
        let params = params.strip_suffix('}').unwrap();
        let mut headers = HeaderMap::new();
        let params = match detach(params, PAYMENT) {
            Some((params, payment)) => {
                headers.insert(x402::PAYMENT_SIGNATURE, payment.parse().unwrap());
                params
            }
            None => params.to_owned(),
        };
        let (parts, body) =
            answer(State(node.clone()), headers, format!("{front}\"params\":{params}}}")).await.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let (required, settled) = (header(x402::PAYMENT_REQUIRED), header(x402::PAYMENT_RESPONSE));
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        // The object ends where the answer does: one brace before it, or two in an error.
        let depth = if body.contains("\"error\"") { 2 } else { 1 };
        let (mut object, rest) = (body[..body.len() - depth].to_owned(), &body[body.len() - depth..]);
        for (member, value) in [(PAYMENT_REQUIRED, required), (PAYMENT, settled)] {
            if let Some(value) = value {
                object = attach(&object, member, &value).unwrap();
            }
        }
        format!("{object}{rest}")
    }

    let mut setting = setting(character).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    setting.service = ServiceClient::new(format!("ws://{}", listener.local_addr().unwrap()));
    let node = setting.node.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { continue };
            // Each connection bears three requests, so that reconnecting is shown too.
            for _ in 0..3 {
                let Some(Ok(Message::Text(text))) = socket.next().await else { break };
                socket.send(Message::text(respond(&node, text.as_str()).await)).await.unwrap();
            }
        }
    });
    setting
}

#[tokio::test]
async fn calls_are_paid_over_websocket_and_their_receipts_checked() {
    let s = over_websocket(Character::Honest).await;
    let mut paid = 0;
    for _ in 0..9 {
        match s.call(LIMIT).await {
            Ok(answer) => {
                paid += PRICE;
                assert_eq!((answer.charged(), s.book().settled), (PRICE, paid));
            }
            // The connection was used up; what was not sent is not owed, as the node says when it is asked.
            Err(e) => assert!(matches!(e, Error::Unreachable { .. }), "{e}"),
        }
    }
    assert!(paid >= 4 * PRICE, "{paid}");

    // Whoever is no TLS server is said not to be.
    let mut s = over_websocket(Character::Honest).await;
    s.service = ServiceClient::new(s.service.url().replace("ws:", "wss:"));
    assert!(matches!(s.call(LIMIT).await, Err(Error::Unreachable { .. })));

    let s = over_websocket(Character::DeniesFreely).await;
    assert!(matches!(s.call(LIMIT).await, Err(Error::NotCharged { .. })));
    let s = over_websocket(Character::PriceRose).await;
    assert_eq!(s.call(2 * PRICE).await.unwrap().charged(), 2 * PRICE);
    let s = over_websocket(Character::Lies("result")).await;
    assert!(matches!(s.call(LIMIT).await, Err(Error::BadReceipt { .. })));
}

#[tokio::test]
async fn one_promise_pays_a_batch_all_of_it_or_nothing() {
    let calls = || (0..3).map(|index| ("token_attributes", json!({ "instance": index })));
    let s = setting(Character::Honest).await;
    for batch in 1..=3 {
        let paid = s.till.call_all(&s.service, session(), calls(), LIMIT).await.unwrap();
        assert_eq!((paid.charged(), paid.result.len(), s.book().settled), (3 * PRICE, 3, batch * 3 * PRICE));
        assert!(paid.result.iter().all(Result::is_ok));
    }
    assert!(matches!(s.till.call_all(&s.service, session(), calls(), 2).await, Err(Error::TooExpensive { .. })));

    let s = setting(Character::DeniesFreely).await;
    let paid = s.till.call_all(&s.service, session(), calls(), LIMIT).await.unwrap();
    let codes: Vec<_> = paid.result.iter().map(|result| result.as_ref().unwrap_err().code).collect();
    let (denied, kept) = (ErrorCode::SelectionDenies, ErrorCode::BatchNotCharged);
    assert_eq!((paid.charged(), codes, s.book().settled), (0, vec![denied, kept, kept], 0));

    let s = setting(Character::Lies("result")).await;
    assert!(matches!(s.till.call_all(&s.service, session(), calls(), LIMIT).await, Err(Error::BadReceipt { .. })));
    let s = over_websocket(Character::Honest).await;
    assert!(matches!(s.till.call_all(&s.service, session(), calls(), LIMIT).await, Err(Error::Impossible(_))));
}
