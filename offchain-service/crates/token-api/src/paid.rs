//! A paid call, or a batch with paid calls, from its request to its receipt.
//!
//! The order is the point: can the node do it at all → is the payment right → is the promise on disk → do the work → sign the
//! receipt. So nobody pays for what is refused beforehand, and no work is done for what is not promised yet.
//!
//! **Nothing is charged for what was not delivered.** The promise is pending while its call is worked on, and earned by the answer;
//! see [`smartlayer_promise_ledger::Account`]. If the work ends in an error, the promise is let go, on disk too, before the caller hears of it,
//! and the receipt says so: charged 0, and the cumulative amount from before. The next call promises that amount plus its price again.
//! Claims, closings and watchtowers know earned promises only. A caller that makes too many calls fail pays for them; its receipt says so.
//!
//! A promise pays for one request. Whoever sends the same request with the same promise again gets the same answer, or the work
//! that failed the first time, and is never charged twice.
//!
//! **A batch is paid by one promise**, over the whole body's bytes, for the sum of the prices. All paid elements are worked on at the
//! same time, so that what they read of chains shares round trips, and it is all or nothing: if one fails, nothing is charged, and
//! those that did not fail are answered with `batch_not_charged` instead. Free elements are answered as ever. Key operations are not
//! taken in batches: what was executed cannot be taken back.
//!
//! A call whose class has the price 0 is free: no payment is asked for.

use std::{
    collections::BTreeSet,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc, OnceLock,
    },
    time::Instant,
};

use bytes::Bytes;
use futures::future::join_all;
use serde_json::Value;
use smartlayer_api_types::{
    x402::{self, Accepted, PaymentPayload, PaymentRequired, Resource, SettlementResponse},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{
    payload::blake2_256,
    promise::SignedPromise,
    receipt::{Executed, Receipt, SignedReceipt},
    Balance, Hash,
};
use tokio::sync::MutexGuard;

use crate::{
    config::Class,
    http::{self, Answer, Call},
    methods::{self, Work},
    node::Node,
    payments::{self, Payment},
    sessions::Entry,
};

/// How long a client is told that an answer may take, in seconds.
const MAX_TIMEOUT_SECONDS: u32 = 30;

/// What somebody asks, with at least one method among it that can cost something.
pub(crate) struct Asked {
    /// What a promise for it binds.
    pub hash: Hash,
    /// The requests; an error stands for what is none.
    pub requests: Vec<Result<Call, ApiError>>,
    /// Whether they came as a batch, and are answered as one.
    pub batch: bool,
}

impl Asked {
    /// How many of the requests can cost something.
    pub fn payable(&self) -> usize {
        self.requests.iter().flatten().filter(|request| methods::is_payable(request.method)).count()
    }

    /// The id of the one request; null for a batch.
    pub fn id(&self) -> Value {
        match self.requests.first() {
            Some(Ok(request)) if !self.batch => request.id.clone(),
            _ => Value::Null,
        }
    }

    /// For people: what is paid for.
    fn name(&self) -> &'static str {
        match self.requests.first() {
            Some(Ok(request)) if !self.batch => request.method,
            _ => "batch",
        }
    }
}

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

/// The answer to what is asked, and perhaps paid for.
pub(crate) async fn answer(node: &Arc<Node>, asked: Asked, payment: Option<&[u8]>) -> Answer {
    let started = Instant::now();
    let (id, name) = (asked.id(), asked.name());
    let answer = match attempt(node, asked, payment).await {
        Ok(answer) => answer,
        Err(refused) => {
            node.metrics.call(name, Some(refused.error.code));
            refused.into_answer(node, id, name)
        }
    };
    node.metrics.paid_seconds.observe(started.elapsed().as_secs_f64());
    answer
}

/// Why nothing was answered.
struct Refused {
    error: ApiError,
    /// What it all costs.
    price: Balance,
    /// The session that should have paid, if it was found.
    entry: Option<Arc<Entry>>,
}

impl Refused {
    fn into_answer(self, node: &Node, id: Value, name: &'static str) -> Answer {
        let Self { error, price, entry } = self;
        let mut answer = Answer::error(id, &error);
        if error.code.is_payment() {
            let mut terms = node.terms();
            terms.session_state = entry.map(|e| e.state().describe(e.id));
            let resource = Resource {
                url: format!("{}#{name}", node.url()),
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

/// One request of what was asked: where it stands in a batch, and what it takes to answer it.
struct Part {
    place: usize,
    id: Value,
    method: &'static str,
    task: Task,
}

enum Task {
    /// No request.
    Malformed(ApiError),
    /// A free method.
    Free(Option<Bytes>),
    /// A call that costs nothing.
    Gratis(Work),
    /// A call that costs something.
    Paid(Work, Balance),
    /// A call that cannot be served.
    Refused(ApiError),
    /// A call that can be served, in a batch with one that cannot.
    Spoilt,
}

impl Part {
    async fn prepare(node: &Node, place: usize, request: Result<Call, ApiError>, batch: bool) -> Self {
        let Call { id, method, params } = match request {
            Ok(request) => request,
            Err(e) => return Self { place, id: Value::Null, method: "unknown", task: Task::Malformed(e) },
        };
        let task = if !methods::is_payable(method) {
            Task::Free(params)
        } else {
            match methods::prepare(node, method, params).await {
                Err(e) => Task::Refused(e),
                Ok(work) if batch && work.class() == Class::Operation => {
                    Task::Refused(ErrorCode::OperationInBatch.into())
                }
                Ok(work) => match node.config.prices.of(work.class()) {
                    0 => Task::Gratis(work),
                    price => Task::Paid(work, price),
                },
            }
        };
        Self { place, id, method, task }
    }

    fn price(&self) -> Balance {
        match &self.task {
            Task::Paid(_, price) => *price,
            _ => 0,
        }
    }

    /// The bytes of its answer, at most `limit`, and its error if there is one.
    async fn answer(self, node: &Arc<Node>, room: &AtomicUsize) -> (usize, Bytes, Option<ErrorCode>) {
        let Self { place, id, method, task } = self;
        let outcome = match task {
            Task::Free(params) => free(node, method, params).await,
            Task::Gratis(work) | Task::Paid(work, _) => unrecorded(node, work).await,
            Task::Malformed(e) | Task::Refused(e) => Err(e),
            Task::Spoilt => Err(ErrorCode::BatchNotCharged.into()),
        };
        let fits = outcome.and_then(|result| {
            let body = http::success(&id, &result);
            let left = room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(body.len()));
            left.map(|_| body).map_err(|_| too_large(node))
        });
        let (body, code) = match fits {
            Ok(body) => (body, None),
            Err(e) => (http::failure(id, &e), Some(e.code)),
        };
        node.metrics.call(method, code);
        (place, body, code)
    }
}

fn too_large(node: &Node) -> ApiError {
    let reason = format!("the answer has more than {} bytes", node.config.rpc.max_response_bytes);
    ApiError::new(ErrorCode::EvaluationFailed, reason)
}

async fn attempt(node: &Arc<Node>, asked: Asked, payment: Option<&[u8]>) -> Result<Answer, Refused> {
    let Asked { hash, requests, batch } = asked;
    let refuse_before = |error: ApiError| Refused { error, price: 0, entry: None };
    let genesis = node.chain.genesis();

    let payment = payment.map(|header| read_payment(node, header)).transpose();
    if let Ok(Some(promise)) = &payment {
        // What was answered before is answered again, whatever has changed since.
        if let Some((settled, entry)) = answered_before(node, promise, hash).await.map_err(refuse_before)? {
            return Ok(settled.into_answer(&genesis, &entry));
        }
    }
    let prepared = requests.into_iter().enumerate().map(|(place, request)| Part::prepare(node, place, request, batch));
    let mut parts = join_all(prepared).await;
    let price = parts.iter().map(Part::price).fold(0, Balance::saturating_add);
    let refuse = |error: ApiError| Refused { error, price, entry: None };
    let spoilt = parts.iter().any(|part| matches!(part.task, Task::Refused(_)));
    if price == 0 || spoilt {
        for part in parts.iter_mut().filter(|part| part.price() > 0) {
            part.task = Task::Spoilt;
        }
        return Ok(unpaid(node, parts, batch).await);
    }
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
    let (paid, free): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.price() > 0);
    // Before the turn: a free method may wait for the session's turn itself.
    let room = AtomicUsize::new(node.config.rpc.max_response_bytes as usize);
    let free = join_all(free.into_iter().map(|part| part.answer(node, &room))).await;

    let mut turn = wait_for_turn(node, &entry, &promise).await.map_err(refuse)?;
    if let Some(settled) = turn.as_ref().filter(|settled| settled.answers(&promise)) {
        payments::check_signature(node, &entry, &promise).map_err(refuse)?;
        return Ok(settled.clone().into_answer(&genesis, &entry));
    }
    let called: BTreeSet<_> = paid.iter().filter_map(called).collect();
    let called: Vec<_> = called.into_iter().collect();
    let accepted = payments::accept(node, &entry, &promise, hash, &called, price).await;
    node.metrics.promise(accepted.as_ref().err().map(|e| e.code));
    let payment = accepted.map_err(|error| Refused { error, price, entry: Some(entry.clone()) })?;

    let till = Till { node, entry: &entry, promise: &promise, payment };
    let settled = match batch {
        true => till.many(paid, free, &room).await,
        false => till.one(paid).await,
    };
    let settled = settled.map_err(refuse)?;
    *turn = Some(settled.clone());
    Ok(settled.into_answer(&genesis, &entry))
}

/// The token type that a paid call is of, and whether its issuer has a share in the payments.
fn called(part: &Part) -> Option<(smartlayer_primitives::TokenTypeId, bool)> {
    match &part.task {
        Task::Paid(work, _) => Some(work.called()),
        _ => None,
    }
}

/// The answer when no payment is taken.
async fn unpaid(node: &Arc<Node>, parts: Vec<Part>, batch: bool) -> Answer {
    let room = AtomicUsize::new(node.config.rpc.max_response_bytes as usize);
    let answers = join_all(parts.into_iter().map(|part| part.answer(node, &room))).await;
    match answers.first() {
        Some((_, body, code)) if !batch => {
            let status = code.map_or(200, ErrorCode::http_status);
            Answer { status, body: body.clone(), headers: Vec::new() }
        }
        _ => Answer { status: 200, body: array(answers), headers: Vec::new() },
    }
}

/// The bytes of a batch's answer, in the requests' order.
fn array(mut answers: Vec<(usize, Bytes, Option<ErrorCode>)>) -> Bytes {
    answers.sort_by_key(|(place, ..)| *place);
    let mut body = Vec::with_capacity(2 + answers.iter().map(|(_, body, _)| body.len() + 1).sum::<usize>());
    for (place, answer, _) in &answers {
        body.push(if *place == 0 { b'[' } else { b',' });
        body.extend_from_slice(answer);
    }
    body.push(b']');
    body.into()
}

/// The result of a free method.
async fn free(node: &Arc<Node>, method: &str, params: Option<Bytes>) -> Result<Bytes, ApiError> {
    methods::text(&methods::free(node, method, methods::parse(params)?).await?)
}

/// The result of work that records nothing.
async fn unrecorded(node: &Node, work: Work) -> Result<Bytes, ApiError> {
    let taken = OnceLock::new();
    // Without a receipt nothing can be recorded: settling hands out the result and then refuses.
    let settle = |result: Bytes, executed: Option<Executed>| -> Result<Settled, ApiError> {
        if executed.is_none() {
            let _ = taken.set(result);
        }
        Err(ErrorCode::OperationInBatch.into())
    };
    let ended = work.run(node, &settle).await;
    match (taken.into_inner(), ended) {
        (Some(result), _) => Ok(result),
        (None, Err(e)) => Err(e),
        (None, Ok(_)) => Err(ErrorCode::Internal.into()),
    }
}

/// Works for a payment that was taken. Whoever has it holds the session's turn.
struct Till<'a> {
    node: &'a Arc<Node>,
    entry: &'a Arc<Entry>,
    promise: &'a SignedPromise,
    payment: Payment,
}

impl Till<'_> {
    /// One call.
    async fn one(self, paid: Vec<Part>) -> Result<Settled, ApiError> {
        let Some(Part { id, method, task: Task::Paid(work, _), .. }) = paid.into_iter().next() else {
            return Err(ErrorCode::Internal.into());
        };
        let limit = self.node.config.rpc.max_response_bytes as usize;
        let settle = |result: Bytes, executed: Option<Executed>| {
            let body = http::success(&id, &result);
            if body.len() > limit {
                return Err(too_large(self.node));
            }
            Ok(self.sign(self.full(), executed, body, 200))
        };
        let done = work.run(self.node, &settle).await;
        self.node.metrics.call(method, done.as_ref().err().map(|e| e.code));
        match done {
            Ok(settled) => {
                self.entry.earned(1);
                Ok(settled)
            }
            Err(e) => {
                let free = self.failed(1, is_own_fault(e.code), &e).await?;
                let (status, body) = (e.code.http_status(), http::failure(id, &e));
                Ok(self.sign(if free { self.nothing() } else { self.full() }, None, body, status))
            }
        }
    }

    /// A batch, with the answers to its free parts.
    async fn many(
        self,
        paid: Vec<Part>,
        free: Vec<(usize, Bytes, Option<ErrorCode>)>,
        room: &AtomicUsize,
    ) -> Result<Settled, ApiError> {
        let ids: Vec<_> = paid.iter().map(|part| part.id.clone()).collect();
        let count = u32::try_from(paid.len()).unwrap_or(u32::MAX);
        let mut answers = join_all(paid.into_iter().map(|part| part.answer(self.node, room))).await;
        let codes: Vec<_> = answers.iter().filter_map(|(_, _, code)| *code).collect();
        let amounts = if let Some(first) = codes.first() {
            let own_fault = codes.iter().all(|code| is_own_fault(*code));
            let free = self.failed(count, own_fault, &ApiError::from(*first)).await?;
            // Nothing was charged: what was found is kept back with it.
            if free {
                let spoilt = ApiError::from(ErrorCode::BatchNotCharged);
                for ((_, body, code), id) in answers.iter_mut().zip(ids).filter(|((_, _, code), _)| code.is_none()) {
                    *body = http::failure(id, &spoilt);
                    *code = Some(spoilt.code);
                }
            }
            if free {
                self.nothing()
            } else {
                self.full()
            }
        } else {
            self.entry.earned(count);
            self.full()
        };
        answers.extend(free);
        Ok(self.sign(amounts, None, array(answers), 200))
    }

    /// What is charged for what was delivered, and what the session owes then.
    fn full(&self) -> (Balance, Balance) {
        (self.payment.charged, self.promise.promise.cumulative)
    }

    /// That nothing is charged, and what the session owes.
    fn nothing(&self) -> (Balance, Balance) {
        (0, self.entry.state().owed())
    }

    /// So many calls have failed, this is why. Returns whether that is not charged. If the promise was earned before, when the same request
    /// was answered, that stays so, and it can be asked for again.
    async fn failed(&self, calls: u32, own_fault: bool, error: &ApiError) -> Result<bool, ApiError> {
        if self.payment.earned {
            return Err(error.clone());
        }
        let free = payments::failed(self.node, self.entry, calls, own_fault).await?;
        self.node.metrics.failed_call(free);
        Ok(free)
    }

    /// The answer with its receipt: what is charged, and what the session owes in total after it.
    fn sign(
        &self,
        (charged, cumulative): (Balance, Balance),
        operation: Option<Executed>,
        body: Bytes,
        status: u16,
    ) -> Settled {
        let Self { node, promise, .. } = self;
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
            | ErrorCode::Locked
            | ErrorCode::CatchingUp
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

/// The answer that this promise has already paid for, if it is the session's last, or on disk.
async fn answered_before(
    node: &Node,
    promise: &SignedPromise,
    request_hash: Hash,
) -> Result<Option<(Settled, Arc<Entry>)>, ApiError> {
    let SignedPromise { promise: p, .. } = promise;
    if p.call_hash != request_hash {
        return Ok(None);
    }
    let last = || {
        let entry = node.sessions.known(&p.session)?;
        let settled = entry.turn.try_lock().ok()?.clone();
        settled.filter(|settled| settled.answers(promise))
    };
    let (settled, concealed) = match last() {
        Some(settled) => (settled, false),
        None => match node.data.answer(p.session, p.cumulative).await?.filter(|settled| settled.answers(promise)) {
            Some(kept) => (kept, true),
            None => return Ok(None),
        },
    };
    let entry = node.sessions.get(node, p.session).await?;
    payments::check_signature(node, &entry, promise)?;
    // What can't be read any more was still done: it is not done again.
    let settled = if concealed { node.seals.reveal(settled)? } else { settled };
    Ok(Some((settled, entry)))
}
