//! Promises and receipts: paid calls, one after the other in each session.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use smartlayer_api_types::{
    rpc::SessionState,
    x402::{self, PaymentPayload, SessionTerms, SettlementResponse},
    Amount, ApiError, ErrorCode,
};
use smartlayer_chain_client::{ChainClient, Keypair};
use smartlayer_primitives::{
    promise::{call_hash, Promise, SignedPromise},
    receipt::SignedReceipt,
    session::Session,
    AccountId, Balance, Hash, SessionId,
};

use crate::{
    error::Error,
    record::{Book, Record},
    service::{request, Answer, ServiceClient},
};

/// How often a node that does not know a finalised session yet is asked again.
const UNKNOWN_SESSION_RETRIES: u32 = 20;
/// How long to wait in between.
const UNKNOWN_SESSION_PAUSE: Duration = Duration::from_millis(500);

/// What a paid call needs to know from the chain.
#[async_trait]
pub(crate) trait Source: Send + Sync {
    /// A session, as finalised.
    async fn session(&self, id: &SessionId) -> Result<Option<Session>, Error>;
    /// The key that signs a node's receipts, as finalised.
    async fn service_key(&self, node: &AccountId) -> Result<Option<AccountId>, Error>;
}

#[async_trait]
impl Source for ChainClient {
    async fn session(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        Ok(self.finalized()?.session(id).await?)
    }

    async fn service_key(&self, node: &AccountId) -> Result<Option<AccountId>, Error> {
        Ok(self.finalized()?.node(node).await?.map(|n| n.service_key))
    }
}

/// Signs promises and keeps count. Knows nothing of how sessions are opened.
pub(crate) struct Till {
    genesis: Hash,
    chain: Box<dyn Source>,
    /// What signs promises.
    signer: Keypair,
    record: Mutex<Record>,
    /// One call at a time in each session: its promises rise one after the other.
    turns: Mutex<HashMap<SessionId, Arc<tokio::sync::Mutex<()>>>>,
    /// What nodes told of their terms, by URL.
    terms: Mutex<HashMap<String, Arc<Offer>>>,
    /// What calls cost that do not cost the least of their method, by URL, method and action.
    dearer: Mutex<HashMap<Kind, Balance>>,
    /// Which key signs for which node.
    service_keys: Mutex<HashMap<AccountId, AccountId>>,
}

/// Calls that cost the same: a service's URL, a method, and an action if there is one.
type Kind = (String, String, Option<String>);

fn kind(service: &ServiceClient, method: &str, params: &Value) -> Kind {
    let action = params.get("action").and_then(Value::as_str).map(str::to_owned);
    (service.url().to_owned(), method.to_owned(), action)
}

/// The most kinds of calls whose price is remembered.
const MAX_KINDS: usize = 10_000;

/// A node's terms and prices.
struct Offer {
    terms: SessionTerms,
    /// By method and class.
    prices: BTreeMap<String, BTreeMap<String, Amount>>,
}

impl Offer {
    /// What a call of the method costs at least; nothing if it is free.
    fn least(&self, method: &str) -> Option<Balance> {
        self.prices.get(method)?.values().map(|price| price.0).min()
    }
}

/// An answer that was paid for, its receipt checked.
#[derive(Clone, Debug)]
pub struct Paid<R> {
    /// The result.
    pub result: R,
    /// The request's bytes, which the receipt's request hash is of.
    pub request: Vec<u8>,
    /// The answer's bytes, which the receipt's result hash is of.
    pub body: Vec<u8>,
    /// What the node said of the payment, with its receipt; nothing for a method that this node gives for free.
    pub settlement: Option<SettlementResponse>,
    /// The node's receipt; nothing for a method that this node gives for free.
    pub receipt: Option<SignedReceipt>,
    /// From sending to the last byte.
    pub latency: Duration,
}

impl<R> Paid<R> {
    /// What it cost, in planck.
    pub fn charged(&self) -> Balance {
        self.receipt.as_ref().map_or(0, |r| r.receipt.charged)
    }
}

impl Till {
    pub fn new(genesis: Hash, chain: Box<dyn Source>, signer: Keypair, record: Record) -> Self {
        Self {
            genesis,
            chain,
            signer,
            record: Mutex::new(record),
            turns: Default::default(),
            terms: Default::default(),
            dearer: Default::default(),
            service_keys: Default::default(),
        }
    }

    pub fn signer(&self) -> &Keypair {
        &self.signer
    }

    /// Calls a paid method and pays for it from `session`, at most `limit` planck. The receipt is checked before this returns.
    ///
    /// Calls in one session wait for each other; for more at once, open more sessions. If this fails after the promise was sent, the
    /// next call first asks the node how far it got. A call that failed without being charged ends in [`Error::NotCharged`].
    pub async fn call<R: DeserializeOwned>(
        &self,
        service: &ServiceClient,
        session: SessionId,
        method: &str,
        params: impl Serialize,
        limit: Balance,
    ) -> Result<Paid<R>, Error> {
        let params = serde_json::to_value(params).map_err(|e| Error::Impossible(format!("the parameters: {e}")))?;
        let kinds = [kind(service, method, &params)];
        let request = request(method, params);
        let (answer, receipt) = self.pay(service, session, &request, &kinds, limit).await?;
        let result = service.result(&answer).map_err(|e| match (e, &receipt) {
            (Error::Api { url, error }, Some(receipt)) => {
                let free = receipt.receipt.charged == 0;
                let receipt = Box::new(receipt.clone());
                match free {
                    true => Error::NotCharged { url, error, receipt },
                    false => Error::Charged { url, error, receipt },
                }
            }
            (other, _) => other,
        })?;
        let Answer { body, settlement, latency, .. } = answer;
        Ok(Paid { result, request, body, settlement, receipt, latency })
    }

    /// Calls several methods in one batch and pays for them with one promise, at most `limit` planck for all. If one of the paid calls
    /// fails, nothing is charged and nothing delivered, and each answer says why. Not for key operations, nor over WebSocket.
    pub async fn call_all(
        &self,
        service: &ServiceClient,
        session: SessionId,
        calls: impl IntoIterator<Item = (&str, Value)>,
        limit: Balance,
    ) -> Result<Paid<Vec<Result<Value, ApiError>>>, Error> {
        let (mut kinds, mut bodies) = (Vec::new(), Vec::new());
        for (method, params) in calls {
            kinds.push(kind(service, method, &params));
            bodies.push(request(method, params));
        }
        if service.is_socket() {
            return Err(Error::Impossible("a batch is paid over HTTP".into()));
        }
        let body = [b"[", &bodies.join(&b","[..])[..], b"]"].concat();
        let (answer, receipt) = self.pay(service, session, &body, &kinds, limit).await?;
        let result = service.results(&answer, bodies.len())?;
        let Answer { body: answered, settlement, latency, .. } = answer;
        Ok(Paid { result, request: body, body: answered, settlement, receipt, latency })
    }

    /// Sends a request's body, or a batch's, and pays for it. Returns the answer with its receipt, checked; none if nothing was paid.
    async fn pay(
        &self,
        service: &ServiceClient,
        session: SessionId,
        body: &[u8],
        kinds: &[Kind],
        limit: Balance,
    ) -> Result<(Answer, Option<SignedReceipt>), Error> {
        let turn = self.turn(session);
        let _turn = turn.lock().await;
        let mut book = self.book(&session)?;
        if book.in_doubt {
            let state = service.session_state(session).await?;
            self.synchronise(&mut book, &state).await?;
        }
        let offer = self.offer(service, &book.node).await?;
        // The node knows the call's class. Until it is known here too, the cheapest is tried, and the node says what it is.
        let prices = kinds.iter().map(|kind| self.known_price(kind).or_else(|| offer.least(&kind.1)).unwrap_or(0));
        let mut price = prices.fold(0, Balance::saturating_add);
        if price == 0 {
            let answer = service.post(body, None).await?;
            let asked = answer.required.as_ref().and_then(|required| required.offer(&self.genesis));
            let Some(asked) = asked else { return Ok((answer, None)) };
            price = asked.amount.0;
        }
        let (mut corrected, mut unknown) = (false, 0);
        loop {
            self.guard(&mut book, price, limit).await?;
            let promise = self.promise(&mut book, price, body)?;
            let payment = PaymentPayload::new(&x402::offer(&offer.terms, price, 0), &promise);
            let answer = service.post(body, Some(&payment)).await?;
            if let Some(settled) = answer.settlement.as_ref().filter(|s| s.success).and_then(|s| s.extra.as_ref()) {
                let receipt = SignedReceipt::try_from(&settled.receipt)
                    .map_err(|e| service.nonsense(format!("the receipt: {e}")))?;
                // Only what was not delivered is free; what is free is an error.
                let free = receipt.receipt.charged == 0 && service.first_error(&answer)?.is_some();
                let amounts = if free { (0, book.settled) } else { (price, promise.promise.cumulative) };
                self.check(&receipt, &book, amounts, &promise, &answer).await?;
                (book.settled, book.in_doubt) = (amounts.1, false);
                self.record().put(book)?;
                if let [kind] = kinds {
                    self.remember(kind, price, offer.least(&kind.1));
                }
                return Ok((answer, Some(receipt)));
            }
            let error = match service.first_error(&answer)? {
                None => return Err(Error::BadReceipt { node: book.node, problem: "there is none" }),
                // A batch of which something cannot be served: nothing was paid, and each answer says why.
                Some(_) if answer.is_batch() => return Ok((answer, None)),
                Some(error) => error,
            };
            match error.code() {
                // The price has changed, or the node counts differently. What it says is checked, and believed once.
                Some(ErrorCode::CumulativeTooLow | ErrorCode::Overpaid) if !corrected => {
                    corrected = true;
                    let required = answer.required.as_ref();
                    let fresh = required.and_then(|r| r.offer(&self.genesis)).ok_or(error)?;
                    price = fresh.amount.0;
                    self.terms().remove(service.url());
                    let terms = fresh.terms().map_err(|e| service.nonsense(format!("its terms: {e}")))?;
                    if let Some(state) = terms.session_state {
                        self.synchronise(&mut book, &state).await?;
                    }
                }
                // The node has not seen the block that we have.
                Some(ErrorCode::UnknownSession) if unknown < UNKNOWN_SESSION_RETRIES => {
                    unknown += 1;
                    if self.chain.session(&session).await?.is_none() {
                        return Err(error);
                    }
                    tokio::time::sleep(UNKNOWN_SESSION_PAUSE).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Remembers what a call costs, if it is more than the least for its method.
    fn remember(&self, kind: &Kind, price: Balance, least: Option<Balance>) {
        let mut dearer = lock(&self.dearer);
        if least == Some(price) {
            dearer.remove(kind);
        } else if dearer.len() < MAX_KINDS {
            dearer.insert(kind.clone(), price);
        }
    }

    fn known_price(&self, kind: &Kind) -> Option<Balance> {
        lock(&self.dearer).get(kind).copied()
    }

    /// Whether the price is within the limit, and within what is left.
    async fn guard(&self, book: &mut Book, price: Balance, limit: Balance) -> Result<(), Error> {
        if price > limit {
            return Err(Error::TooExpensive { price, limit });
        }
        if book.left() < price {
            // Somebody may have topped it up.
            if let Some(stored) = self.chain.session(&book.session).await? {
                book.deposit = stored.deposit;
            }
        }
        let left = book.left();
        if left < price {
            return Err(Error::DepositSpent { session: book.session, left, price });
        }
        Ok(())
    }

    /// Signs what is owed with this call, and notes it before anyone sees it.
    fn promise(&self, book: &mut Book, price: Balance, body: &[u8]) -> Result<SignedPromise, Error> {
        let cumulative = book.settled.saturating_add(price);
        let promise = Promise { session: book.session, cumulative, call_hash: call_hash(body), ticks: None };
        book.promised = book.promised.max(cumulative);
        book.in_doubt = true;
        self.record().put(book.clone())?;
        let signature = self.signer.sign_payload(&promise, &self.genesis);
        Ok(SignedPromise { promise, signature })
    }

    /// Every sentence of the receipt. The amounts are what the call should cost, and what is owed in total after it.
    async fn check(
        &self,
        signed: &SignedReceipt,
        book: &Book,
        (price, cumulative): (Balance, Balance),
        promise: &SignedPromise,
        answer: &Answer,
    ) -> Result<(), Error> {
        let bad = |problem| Err(Error::BadReceipt { node: book.node.clone(), problem });
        let (receipt, promise) = (&signed.receipt, &promise.promise);
        if receipt.node != book.node {
            return bad("it names another node");
        }
        if receipt.session != promise.session {
            return bad("it names another session");
        }
        if receipt.charged != price {
            return bad("it charges another price than agreed");
        }
        if receipt.cumulative != cumulative {
            return bad("it names another amount than is owed");
        }
        if receipt.request_hash != promise.call_hash {
            return bad("it is for another request");
        }
        if receipt.result_hash != answer.result_hash() {
            return bad("it is for another answer");
        }
        let genesis = self.genesis;
        for known in [true, false] {
            // A key that was rotated meanwhile is read anew, once.
            if signed.verify(&genesis, &self.service_key(&book.node, known).await?) {
                return Ok(());
            }
        }
        bad("its signature is not of the node's service key")
    }

    /// The key that signs for a node, from the chain.
    async fn service_key(&self, node: &AccountId, known: bool) -> Result<AccountId, Error> {
        let cached = lock(&self.service_keys).get(node).cloned();
        if let Some(key) = cached.filter(|_| known) {
            return Ok(key);
        }
        let stored = self.chain.service_key(node).await?;
        let key = stored.ok_or_else(|| Error::NotANode { node: node.clone() })?;
        lock(&self.service_keys).insert(node.clone(), key.clone());
        Ok(key)
    }

    /// Takes over the node's account of a session, as far as it is true.
    async fn synchronise(&self, book: &mut Book, state: &SessionState) -> Result<(), Error> {
        let (session, owed) = (book.session, state.owed.0);
        if owed > book.promised {
            // More than we remember: our own signature, or the chain, has to show it.
            let genesis = self.genesis;
            let signer = self.signer.account();
            let promised = state.last_promise.as_ref().and_then(|p| SignedPromise::try_from(p).ok());
            let signed = promised.is_some_and(|p| {
                p.promise.session == session && p.promise.cumulative == owed && p.verify(&genesis, &signer)
            });
            if !signed {
                let stored = self.chain.session(&session).await?;
                if stored.is_none_or(|s| s.claimed() < owed) {
                    return Err(Error::FalseDebt { session, claimed: owed });
                }
            }
        }
        book.settled = owed;
        book.promised = book.promised.max(owed);
        book.in_doubt = false;
        Ok(())
    }

    /// What the node at this URL offers. It must be the node that the session pays.
    async fn offer(&self, service: &ServiceClient, node: &AccountId) -> Result<Arc<Offer>, Error> {
        let cached = self.terms().get(service.url()).cloned();
        let offer = match cached {
            Some(offer) => offer,
            None => {
                let answer = service.session_terms().await?;
                let offer = Arc::new(Offer { terms: answer.terms, prices: answer.prices });
                self.terms().insert(service.url().to_owned(), offer.clone());
                offer
            }
        };
        let genesis = self.genesis;
        if offer.terms.genesis != genesis {
            return Err(service.refused(ErrorCode::OtherChain, "the service is on another chain"));
        }
        if &offer.terms.node != node {
            self.terms().remove(service.url());
            return Err(service.refused(ErrorCode::OtherNode, "another node answers at this address"));
        }
        Ok(offer)
    }

    fn book(&self, session: &SessionId) -> Result<Book, Error> {
        let book = self.record().get(session).cloned();
        book.ok_or_else(|| Error::Impossible(format!("session {session:?} is not known to this payer; adopt it first")))
    }

    pub fn turn(&self, session: SessionId) -> Arc<tokio::sync::Mutex<()>> {
        lock(&self.turns).entry(session).or_default().clone()
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    fn terms(&self) -> MutexGuard<'_, HashMap<String, Arc<Offer>>> {
        lock(&self.terms)
    }
}

/// These locks are never held while anything can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests;
