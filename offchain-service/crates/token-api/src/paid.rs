//! A paid call from its request to its receipt.
//!
//! The order is the point: can the node do it at all → is the payment right → is the promise on disk → do the work → sign the
//! receipt. So nobody pays for what is refused beforehand, and no work is done for what is not promised yet.
//!
//! **Nothing is charged for what was not delivered.** The promise is pending while its call is worked on, and earned by the answer;
//! see [`smartlayer_promise_ledger::Account`]. If the work ends in an error, the promise is let go, on disk too, before the caller hears of it, and the
//! receipt says so: charged 0, and the cumulative amount from before. The next call promises that amount plus its price again. Claims,
//! closings and watchtowers know earned promises only. A caller that makes too many calls fail pays for them; its receipt says so.
//!
//! A promise pays for one request. Whoever sends the same request with the same promise again gets the same answer, or the work
//! that failed the first time, and is never charged twice.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{self, Outcome},
    x402::{self, Accepted, PaymentPayload, PaymentRequired, Resource, SettlementResponse},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{
    payload::blake2_256,
    promise::{call_hash, SignedPromise},
    receipt::{Executed, Receipt, SignedReceipt},
    Balance, Hash,
};

use tokio::sync::MutexGuard;

use crate::{
    http::{self, Answer},
    methods::{self, Work},
    node::Node,
    payments::{self, Payment},
    sessions::Entry,
};

/// How long a client is told that an answer may take, in seconds.
const MAX_TIMEOUT_SECONDS: u32 = 30;

/// An answer that was paid for, and its receipt.
#[derive(Clone, Debug, PartialEq, Eq, codec::Encode, codec::Decode)]
pub(crate) struct Settled {
    /// The body, to the byte.
    pub body: Vec<u8>,
    /// Its HTTP status.
    pub status: u16,
    /// The signed receipt over it.
    pub receipt: SignedReceipt,
}

impl Settled {
    fn answers(&self, promise: &SignedPromise) -> bool {
        let receipt = &self.receipt.receipt;
        let promise = &promise.promise;
        (receipt.session, receipt.cumulative, receipt.request_hash)
            == (promise.session, promise.cumulative, promise.call_hash)
    }

    fn into_answer(self, genesis: &Hash, entry: &Entry) -> Answer {
        let response = SettlementResponse::settled(genesis, entry.state().session.payer, &self.receipt);
        let headers = vec![(x402::PAYMENT_RESPONSE, x402::encode_header(&response))];
        Answer { status: self.status, body: self.body.into(), headers }
    }
}

/// The answer to a request of a paid method.
pub(crate) async fn answer(node: &Arc<Node>, body: &Bytes, request: rpc::Request, payment: Option<&[u8]>) -> Answer {
    let started = Instant::now();
    let method = methods::PAID.iter().find(|m| **m == request.method).copied().unwrap_or("unknown");
    let id = request.id.clone();
    let outcome = attempt(node, body, request, payment).await;
    node.metrics.call(method, outcome.as_ref().err().map(|refused| refused.error.code));
    node.metrics.paid_seconds.observe(started.elapsed().as_secs_f64());
    outcome.unwrap_or_else(|refused| refused.into_answer(node, id, method))
}

/// Why a call was not answered.
struct Refused {
    error: ApiError,
    /// What the call costs.
    price: Balance,
    /// The session that should have paid, if it was found.
    entry: Option<Arc<Entry>>,
}

impl Refused {
    fn into_answer(self, node: &Node, id: Value, method: &'static str) -> Answer {
        let Self { error, price, entry } = self;
        let mut answer = Answer::error(id, &error);
        if error.code.is_payment() {
            let mut terms = node.terms();
            terms.session_state = entry.map(|e| e.state().describe(e.id));
            let resource = Resource {
                url: format!("{}#{method}", node.url()),
                description: None,
                mime_type: Some("application/json".into()),
            };
            let required = PaymentRequired {
                x402_version: x402::VERSION,
                error: Some(error.code.name().into()),
                resource,
                accepts: vec![x402::offer(&terms, price, MAX_TIMEOUT_SECONDS)],
                extensions: None,
            };
            answer.headers.push((x402::PAYMENT_REQUIRED, x402::encode_header(&required)));
            if error.code != ErrorCode::PaymentRequired {
                let rejected = SettlementResponse::rejected(&node.chain.genesis(), error.code);
                answer.headers.push((x402::PAYMENT_RESPONSE, x402::encode_header(&rejected)));
            }
        }
        answer
    }
}

async fn attempt(
    node: &Arc<Node>,
    body: &Bytes,
    request: rpc::Request,
    payment: Option<&[u8]>,
) -> Result<Answer, Refused> {
    let price = node.config.prices.of(&request.method).unwrap_or_default();
    let refuse = |error: ApiError| Refused { error, price, entry: None };
    let genesis = node.chain.genesis();
    let request_hash = call_hash(body);

    let payment = payment.map(|header| read_payment(node, header)).transpose();
    if let Ok(Some(promise)) = &payment {
        // What was answered before is answered again, whatever has changed since.
        if let Some((settled, entry)) = answered_before(node, promise, request_hash).await.map_err(refuse)? {
            return Ok(settled.into_answer(&genesis, &entry));
        }
    }
    let work = methods::prepare(node, &request.method, request.params).await.map_err(refuse)?;
    let promise = payment.and_then(|p| p.ok_or_else(|| ErrorCode::PaymentRequired.into())).map_err(|error| {
        if error.code != ErrorCode::PaymentRequired {
            node.metrics.promise(Some(error.code));
        }
        refuse(error)
    })?;

    let entry = node.sessions.get(node, promise.promise.session).await.map_err(|error| {
        node.metrics.promise(Some(error.code));
        refuse(error)
    })?;
    let mut turn = wait_for_turn(node, &entry, &promise).await.map_err(refuse)?;
    if let Some(settled) = turn.as_ref().filter(|settled| settled.answers(&promise)) {
        payments::check_signature(node, &entry, &promise).map_err(refuse)?;
        return Ok(settled.clone().into_answer(&genesis, &entry));
    }
    let accepted = payments::accept(node, &entry, &promise, request_hash, work.token(), price).await;
    node.metrics.promise(accepted.as_ref().err().map(|e| e.code));
    let Payment { charged, earned } = accepted.map_err(|error| Refused { error, price, entry: Some(entry.clone()) })?;
    let cumulative = promise.promise.cumulative;

    let limit = node.config.rpc.max_response_bytes as usize;
    let settle = |outcome: Outcome, executed: Option<Executed>| {
        let body = http::body(request.id.clone(), outcome);
        if body.len() > limit {
            let reason = format!("the answer has more than {limit} bytes");
            return Err(ApiError::new(ErrorCode::EvaluationFailed, reason));
        }
        Ok(sign(node, &promise, (charged, cumulative), executed, body, 200))
    };
    let done = match work {
        Work::Attributes(work) => work.run(node).await.and_then(|result| settle(Outcome::Result(result), None)),
        Work::Call(work) => work.run(node, &settle).await,
    };
    let settled = match done {
        Ok(settled) => {
            entry.earned(1);
            settled
        }
        // It was charged when it was answered, and can be asked for again.
        Err(e) if earned => return Err(refuse(e)),
        Err(e) => {
            let free = payments::failed(node, &entry, 1, is_own_fault(e.code)).await.map_err(&refuse)?;
            node.metrics.failed_call(free);
            let (status, body) = (e.code.http_status(), http::body(request.id, Outcome::Error(e.to_object())));
            let amounts = if free { (0, entry.state().owed()) } else { (charged, cumulative) };
            sign(node, &promise, amounts, None, body, status)
        }
    };
    *turn = Some(settled.clone());
    Ok(settled.into_answer(&genesis, &entry))
}

/// Waits until the calls of this session that came before are answered. Only who can sign for the session may wait: nobody else can
/// keep its payer from calling.
async fn wait_for_turn<'a>(
    node: &Node,
    entry: &'a Entry,
    promise: &SignedPromise,
) -> Result<MutexGuard<'a, Option<Settled>>, ApiError> {
    if let Ok(turn) = entry.turn.try_lock() {
        return Ok(turn);
    }
    payments::check_signature(node, entry, promise)?;
    let _place = entry.queue.try_acquire().map_err(|_| ApiError::from(ErrorCode::Overloaded))?;
    Ok(entry.turn.lock().await)
}

/// Whether a call failed through no fault of the caller or the script: that is never charged.
fn is_own_fault(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::EvmFailure
            | ErrorCode::Internal
            | ErrorCode::ChainUnavailable
            | ErrorCode::Overloaded
            | ErrorCode::ShuttingDown
    )
}

/// The promise in the header, if it offers what this node takes.
fn read_payment(node: &Node, header: &[u8]) -> Result<SignedPromise, ApiError> {
    let malformed = |why: String| ApiError::new(ErrorCode::PaymentMalformed, why);
    let payment: PaymentPayload = x402::decode_header(header).map_err(|e| malformed(e.to_string()))?;
    let Accepted { scheme, network, asset, pay_to, .. } = &payment.accepted;
    if payment.x402_version != x402::VERSION || scheme != x402::SCHEME || asset != x402::ASSET {
        let offered = format!("x402 version {}, {}, {}", x402::VERSION, x402::SCHEME, x402::ASSET);
        return Err(ApiError::new(ErrorCode::OtherScheme, format!("this node takes {offered}")));
    }
    let own = x402::network(&node.chain.genesis());
    if *network != own {
        return Err(ApiError::new(ErrorCode::OtherChain, format!("this node is on {own}")));
    }
    if *pay_to != node.account.to_string() {
        return Err(ApiError::new(ErrorCode::OtherNode, format!("this node is {}", node.account)));
    }
    SignedPromise::try_from(&payment.payload).map_err(|e| malformed(e.to_string()))
}

/// The answer that this promise has already paid for, if it is on disk.
async fn answered_before(
    node: &Node,
    promise: &SignedPromise,
    request_hash: Hash,
) -> Result<Option<(Settled, Arc<Entry>)>, ApiError> {
    let SignedPromise { promise: p, .. } = promise;
    if p.call_hash != request_hash {
        return Ok(None);
    }
    let Some(settled) = node.data.answer(p.session, p.cumulative).await?.filter(|s| s.answers(promise)) else {
        return Ok(None);
    };
    let entry = node.sessions.get(node, p.session).await?;
    payments::check_signature(node, &entry, promise)?;
    Ok(Some((settled, entry)))
}

/// The answer with its receipt: what is charged, and what the session owes in total after it.
fn sign(
    node: &Node,
    promise: &SignedPromise,
    (charged, cumulative): (Balance, Balance),
    operation: Option<Executed>,
    body: Bytes,
    status: u16,
) -> Settled {
    let receipt = Receipt {
        node: node.account.clone(),
        session: promise.promise.session,
        charged,
        cumulative,
        request_hash: promise.promise.call_hash,
        result_hash: blake2_256(&body),
        operation,
    };
    let signature = node.service_key.sign_payload(&receipt, &node.chain.genesis());
    Settled { body: body.into(), status, receipt: SignedReceipt { receipt, signature } }
}
