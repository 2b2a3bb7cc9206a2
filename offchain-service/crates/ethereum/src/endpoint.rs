//! One endpoint: what it can do, how it is, and asking it.

use std::{
    error::Error as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{stream, StreamExt, TryStreamExt};
use reqwest::StatusCode;
use tokio::time::Instant;
use url::Url;

use crate::{
    metrics::{EndpointMetrics, Metrics},
    rpc::{self, Miss, Outcome, Question, Request},
    Answer, Block, ChainConfig, ChainId, Fault,
};

/// The pause after a first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How many HTTP requests go out at once where one batch takes several.
const AT_ONCE: usize = 8;

/// An endpoint of a chain.
pub(crate) struct Endpoint {
    chain: u64,
    url: Url,
    /// Host and port; the rest may hold a key.
    pub(crate) name: String,
    http: reqwest::Client,
    max_bytes: usize,
    memory: Mutex<Memory>,
    metrics: EndpointMetrics,
}

/// What was learnt of an endpoint.
struct Memory {
    /// Whether it said that it belongs to the chain.
    checked: bool,
    /// How often it failed since it was last well.
    failures: u32,
    /// While it is not well: until when the follower leaves it alone.
    until: Option<Instant>,
    /// The most requests that it takes at once.
    batch: usize,
    /// Whether it takes blocks by their numbers only.
    by_number: bool,
}

impl Endpoint {
    pub(crate) fn new(config: &ChainConfig, url: Url, http: reqwest::Client, metrics: &Metrics) -> Arc<Self> {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = format!("{}{port}", url.host_str().unwrap_or_default());
        let memory =
            Memory { checked: false, failures: 0, until: None, batch: config.max_batch.max(1), by_number: false };
        Arc::new(Self {
            chain: config.chain_id,
            metrics: metrics.endpoint(config.chain_id, &name),
            name,
            url,
            http,
            max_bytes: config.max_response_bytes,
            memory: Mutex::new(memory),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None while it is well, and until when it is left alone otherwise: those that sort first are asked first.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.memory().until
    }

    /// It answered as it should.
    pub(crate) fn well(&self) {
        let mut memory = self.memory();
        if std::mem::take(&mut memory.failures) > 0 {
            memory.until = None;
            tracing::info!(chain = %ChainId(self.chain), endpoint = self.name, "an Ethereum node is well again");
        }
    }

    /// It failed: it is asked last, and left alone for a while by the follower.
    pub(crate) fn failed(&self, fault: &Fault) {
        self.metrics.failure(fault);
        let mut memory = self.memory();
        if matches!(fault, Fault::WrongChain(_)) {
            memory.checked = false;
        }
        let now = Instant::now();
        if memory.until.is_some_and(|until| until > now) {
            // What was under way when it failed fails as well, for the same reason.
            return;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << memory.failures.min(10)).min(LONGEST_PAUSE);
        memory.until = Some(now + pause);
        memory.failures = memory.failures.saturating_add(1);
        if memory.failures == 1 {
            tracing::warn!(chain = %ChainId(self.chain), endpoint = self.name, %fault, "an Ethereum node failed");
        }
    }

    /// One read of it had no answer, which is not held against the endpoint.
    pub(crate) fn failed_one(&self, fault: &Fault) {
        self.metrics.failure(fault);
        tracing::debug!(chain = %ChainId(self.chain), endpoint = self.name, %fault, "an Ethereum node did not answer a read");
    }

    /// The newest block. Which chain it belongs to is asked as well, if it is `anew` or not known.
    pub(crate) async fn newest(&self, anew: bool, limit: Duration) -> Result<Block, Fault> {
        let mut requests = vec![Request::newest_block()];
        if anew || !self.memory().checked {
            requests.push(Request::chain_id());
        }
        let mut outcomes = self.send(&requests, limit).await?;
        if requests.len() > 1 {
            self.check(outcomes.pop())?;
        }
        let block = rpc::block(outcomes.pop().ok_or(Fault::MissingAnswer)?)?;
        block.ok_or_else(|| Fault::Garbage("no newest block".into()))
    }

    fn check(&self, chain_id: Option<Outcome>) -> Result<(), Fault> {
        let found = rpc::chain_id(chain_id.ok_or(Fault::MissingAnswer)?)?;
        self.memory().checked = found == self.chain;
        match found == self.chain {
            true => Ok(()),
            false => Err(Fault::WrongChain(found)),
        }
    }

    /// Asks questions, each at its block; answers in the same order.
    pub(crate) async fn ask(
        &self,
        questions: &[&Question],
        limit: Duration,
    ) -> Result<Vec<Result<Answer, Miss>>, Fault> {
        if !self.memory().checked {
            self.check(self.send(&[Request::chain_id()], limit).await?.pop())?;
        }
        let by_number = self.memory().by_number;
        let outcomes = self.ask_so(questions, by_number, limit).await?;
        let named = |outcomes: &[Outcome]| {
            let of_named = questions.iter().zip(outcomes).filter(|(question, _)| question.unit.names_block());
            let refused: Vec<_> = of_named.map(|(_, o)| o.as_ref().is_err_and(|e| e.is_about_params())).collect();
            !refused.is_empty() && refused.iter().all(|refused| *refused)
        };
        let (outcomes, known) = match !by_number && named(&outcomes.0) {
            false => outcomes,
            true => {
                let outcomes = self.ask_so(questions, true, limit).await?;
                if !named(&outcomes.0) {
                    self.memory().by_number = true;
                    tracing::info!(chain = %ChainId(self.chain), endpoint = self.name, "takes blocks by number only");
                }
                outcomes
            }
        };
        let answers = questions.iter().zip(outcomes).map(|(question, outcome)| match known.contains(&question.block) {
            true => rpc::answer(question, outcome),
            false => Err(Miss::Fault(Fault::BlockUnknown(question.block.number))),
        });
        Ok(answers.collect())
    }

    /// Asks with blocks by hash or by number; the outcomes, and of which blocks it is certain that they were answered at.
    async fn ask_so(
        &self,
        questions: &[&Question],
        by_number: bool,
        limit: Duration,
    ) -> Result<(Vec<Outcome>, Vec<Block>), Fault> {
        let mut requests: Vec<_> = questions.iter().map(|question| Request::question(question, by_number)).collect();
        let mut known = Vec::new();
        let mut to_check = Vec::new();
        for question in questions {
            let blocks = match by_number || !question.unit.names_block() {
                true => &mut to_check,
                false => &mut known,
            };
            if !blocks.contains(&question.block) {
                blocks.push(question.block);
            }
        }
        // Last, so that a block that is replaced meanwhile is noticed.
        requests.extend(to_check.iter().map(|block| Request::block(block.number)));
        let mut outcomes = self.send(&requests, limit).await?;
        let checks = outcomes.split_off(questions.len());
        for (block, check) in to_check.into_iter().zip(checks) {
            match rpc::block(check)?.is_some_and(|found| found.hash == block.hash) {
                true => known.push(block),
                false => known.retain(|other| *other != block),
            }
        }
        Ok((outcomes, known))
    }

    /// Sends requests in as few batches as it takes.
    async fn send(&self, requests: &[Request], limit: Duration) -> Result<Vec<Outcome>, Fault> {
        let end = Instant::now() + limit;
        let known = self.memory().batch;
        let mut size = known;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let parts: Vec<_> = requests.chunks(size).map(|part| self.post(part, left)).collect();
            match stream::iter(parts).buffered(AT_ONCE).try_collect::<Vec<_>>().await {
                Ok(outcomes) => {
                    if size < known {
                        self.memory().batch = size;
                        let name = &self.name;
                        tracing::info!(chain = %ChainId(self.chain), endpoint = name, size, "takes smaller batches");
                    }
                    return Ok(outcomes.concat());
                }
                Err(Fault::BatchRefused { too_many: true }) if size > 1 => size = (size.min(requests.len()) / 2).max(1),
                Err(Fault::BatchRefused { too_many: false }) if size > 1 => size = 1,
                Err(fault) => return Err(fault),
            }
        }
    }

    /// One HTTP request.
    async fn post(&self, requests: &[Request], limit: Duration) -> Result<Vec<Outcome>, Fault> {
        self.metrics.round_trip(requests.len());
        let fault = |e: reqwest::Error| match e.is_timeout() {
            true => Fault::Timeout(limit),
            false if e.is_connect() || e.is_request() => Fault::Unreachable(words(e)),
            false => Fault::BrokenOff(words(e)),
        };
        let request = self.http.post(self.url.clone()).header("content-type", "application/json").timeout(limit);
        let mut response = request.body(rpc::body(requests)).send().await.map_err(fault)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > self.max_bytes {
                return Err(Fault::TooLarge(self.max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Fault::RateLimited);
        }
        match (rpc::outcomes(&body, requests.len()), status.is_success()) {
            (outcomes, true) => outcomes,
            // Some endpoints say with their status as well that an answer is an error.
            (Ok(outcomes), false) if outcomes.iter().any(Result::is_err) => Ok(outcomes),
            (Err(refused @ Fault::BatchRefused { .. }), false) => Err(refused),
            (_, false) if requests.len() > 1 && matches!(status.as_u16(), 400 | 405 | 413 | 415 | 422 | 501) => {
                Err(Fault::BatchRefused { too_many: status == StatusCode::PAYLOAD_TOO_LARGE })
            }
            (_, false) => Err(Fault::Status(status.as_u16())),
        }
    }
}

/// What happened to a connection, without the URL, which may hold a key.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    rpc::cut(&match error.source() {
        Some(_) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}
