//! Whoever pays: opens sessions, signs promises, keeps count.

use std::{path::Path, sync::Arc, time::Duration};

use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{self, method},
    ApiError,
};
use smartlayer_chain_client::{calls, Call, ChainClient, Included, Keypair};
use smartlayer_primitives::{
    promise::session_id,
    session::{Beneficiary, CloseSession},
    AccountId, Balance, BlockNumber, SessionId, TokenTypeId,
};

use crate::{
    error::Error,
    record::{Book, Record},
    service::ServiceClient,
    till::{Paid, Till},
};

/// How long a session's opening may take to be finalised.
const FINALITY_PATIENCE: Duration = Duration::from_secs(120);
/// A session that expires within so many blocks is not paid from any more: nodes stop a little later.
const EXPIRY_MARGIN: BlockNumber = 20;
/// How many blocks a session lasts unless it is said otherwise: a week.
pub const LIFETIME: BlockNumber = 7 * 24 * 60 * 20;

/// A session to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The node that it pays.
    pub node: AccountId,
    /// What is put in, in planck.
    pub deposit: Balance,
    /// The token type whose calls it pays, and no others; needed if the type's issuer has a share in the payments.
    pub token_type: Option<TokenTypeId>,
    /// After so many blocks anyone may have it closed.
    pub lifetime: BlockNumber,
}

impl From<(AccountId, Balance)> for Opening {
    /// A session with this deposit for the calls of every token type whose issuer has no share, for [`LIFETIME`].
    fn from((node, deposit): (AccountId, Balance)) -> Self {
        Self { node, deposit, token_type: None, lifetime: LIFETIME }
    }
}

/// Pays nodes from sessions. Cheap to clone; clones share sessions and count together.
///
/// **What can be lost to a node that cheats is the price of one call**, never more: each promise is for what receipts confirm plus one
/// price within the caller's limit, and the next is signed only after this one's receipt, or the node's own account of the session,
/// was checked.
#[derive(Clone)]
pub struct Payer {
    inner: Arc<Inner>,
}

struct Inner {
    chain: ChainClient,
    /// Whose deposits they are.
    account: Keypair,
    till: Till,
    /// Sessions are opened one after the other: their nonces must rise.
    opening: tokio::sync::Mutex<()>,
}

impl Payer {
    /// A payer whose count is forgotten with the process. It can take up its sessions again with [`Payer::adopt`].
    pub fn new(chain: ChainClient, account: Keypair) -> Self {
        let record = Record::in_memory(chain.genesis_hash());
        Self::build(chain, account.clone(), account, record)
    }

    /// A payer that keeps count in the file `path`. No two processes can pay from one file at once.
    ///
    /// `signer` signs promises; it may be another key than the account's, so that the account's can stay away from the network.
    pub fn with_record(
        chain: ChainClient,
        account: Keypair,
        signer: Keypair,
        path: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let record = Record::open(path.as_ref(), chain.genesis_hash())?;
        Ok(Self::build(chain, account, signer, record))
    }

    fn build(chain: ChainClient, account: Keypair, signer: Keypair, record: Record) -> Self {
        let till = Till::new(chain.genesis_hash(), Box::new(chain.clone()), signer, record);
        let inner = Inner { chain, account, till, opening: Default::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The chain that the sessions are on.
    pub fn chain(&self) -> &ChainClient {
        &self.inner.chain
    }

    /// Whose deposits they are.
    pub fn account(&self) -> AccountId {
        self.inner.account.account()
    }

    /// The sessions that this payer counts for.
    pub fn sessions(&self) -> Vec<Book> {
        self.inner.till.record().all().cloned().collect()
    }

    /// The session to this node that has the most left, of those that can pay for calls of the token type; `shared` says whether its
    /// issuer has a share in the payments.
    pub fn session_to(&self, node: &AccountId, token_type: TokenTypeId, shared: bool) -> Option<SessionId> {
        let now = self.inner.chain.status().borrow().finalized.number.saturating_add(EXPIRY_MARGIN);
        let pays = |book: &&Book| {
            &book.node == node && book.expires_at > now && book.token_type.map_or(!shared, |of| of == token_type)
        };
        self.inner.till.record().all().filter(pays).max_by_key(|b| b.left()).map(|b| b.session)
    }

    // Sessions on the chain

    /// Opens a session to `node` with `deposit` planck, and waits until it is finalised, so that the node accepts it.
    pub async fn open(&self, node: &AccountId, deposit: Balance) -> Result<SessionId, Error> {
        Ok(self.open_all([(node.clone(), deposit)]).await?.remove(0).0)
    }

    /// Opens all these sessions in one transaction, or none. Returns them in order, with what included them.
    pub async fn open_all(
        &self,
        openings: impl IntoIterator<Item = impl Into<Opening>>,
    ) -> Result<Vec<(SessionId, Included)>, Error> {
        let Inner { chain, account, till, .. } = &*self.inner;
        let turn = self.inner.opening.lock().await;
        let (payer, genesis) = (account.account(), chain.genesis_hash());
        let exhausted = || Error::Impossible("this account has used up all session nonces; use another".into());
        let mut nonce = chain.best().await?.next_session_nonce(&payer).await?;
        let (mut opened, mut calls) = (Vec::new(), Vec::new());
        for opening in openings {
            let Opening { node, deposit, token_type, lifetime } = opening.into();
            let this = nonce.ok_or_else(exhausted)?;
            nonce = this.checked_add(1);
            let session = session_id(&genesis, &payer, &node, this);
            let (beneficiary, signer) = (Beneficiary::Node(node.clone()), till.signer().account());
            calls.push(calls::promise_settlement::open(beneficiary, signer, token_type, deposit, this, lifetime));
            // Until it is known which block opens it, this is when it expires after that block.
            let (settled, promised, in_doubt) = (0, 0, false);
            opened.push(Book { session, node, token_type, expires_at: lifetime, deposit, settled, promised, in_doubt });
        }
        let call = if calls.len() == 1 { calls.remove(0) } else { Call::batch_all(calls) };
        let included = chain.submit(account, call).await?;
        drop(turn);
        // The block may still be replaced, so the record has the sessions before they are final; one that never becomes final is
        // just never accepted.
        for book in &mut opened {
            book.expires_at = book.expires_at.saturating_add(included.block.number);
            self.inner.till.record().put(book.clone())?;
        }
        self.wait_for_finality(included.block.number).await?;
        Ok(opened.into_iter().map(|book| (book.session, included.clone())).collect())
    }

    async fn wait_for_finality(&self, number: u32) -> Result<(), Error> {
        let mut status = self.inner.chain.status();
        let waited = tokio::time::timeout(FINALITY_PATIENCE, status.wait_for(|s| s.finalized.number >= number)).await;
        match waited {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Chain(smartlayer_chain_client::Error::Disconnected {
                url: self.inner.chain.url().to_owned(),
                reason: format!("block {number} was not finalised within {} s", FINALITY_PATIENCE.as_secs()),
            })),
        }
    }

    /// Takes up an open session of the chain whose promises this payer's signer signs; how far it got, its node will say.
    pub async fn adopt(&self, session: SessionId) -> Result<Book, Error> {
        if let Some(book) = self.inner.till.record().get(&session) {
            return Ok(book.clone());
        }
        let stored = self.inner.chain.finalized()?.session(&session).await?;
        let refused = |reason: &str| Error::Impossible(format!("session {session:?} {reason}"));
        let stored = stored.ok_or_else(|| refused("is not open"))?;
        if stored.signer != self.inner.till.signer().account() {
            return Err(refused("has another signer"));
        }
        let claimed = stored.claimed();
        let Some(node) = stored.node().cloned() else {
            return Err(refused("pays through a notary, which this client does not do"));
        };
        let token_type = stored.issuer.map(|issuer| issuer.token_type);
        let (expires_at, deposit) = (stored.expires_at, stored.deposit);
        // Nothing is known of what was promised: the node is asked, and has to show our signature.
        let (settled, promised, in_doubt) = (claimed, claimed, true);
        let book = Book { session, node, token_type, expires_at, deposit, settled, promised, in_doubt };
        self.inner.till.record().put(book.clone())?;
        Ok(book)
    }

    /// Puts `amount` planck more into a session.
    pub async fn top_up(&self, session: SessionId, amount: Balance) -> Result<Included, Error> {
        let Inner { chain, account, .. } = &*self.inner;
        let included = chain.submit_finalized(account, calls::promise_settlement::top_up(session, amount)).await?;
        let mut record = self.inner.till.record();
        if let Some(mut book) = record.get(&session).cloned() {
            book.deposit = book.deposit.saturating_add(amount);
            record.put(book)?;
        }
        Ok(included)
    }

    /// Asks the node to settle and close the session now. The rest of the deposit comes back in the same transaction.
    pub async fn close(&self, service: &ServiceClient, session: SessionId) -> Result<rpc::Closed, Error> {
        let turn = self.inner.till.turn(session);
        let _turn = turn.lock().await;
        let signature =
            self.inner.till.signer().sign_payload(&CloseSession { session }, &self.inner.chain.genesis_hash());
        let params = rpc::SessionClose { session, signature: (&signature).into() };
        let closed: rpc::Closed = service.call(method::SESSION_CLOSE, params).await?;
        // The chain settled no more than what our own signature showed it.
        self.inner.till.record().remove(&session)?;
        Ok(closed)
    }

    /// Asks the chain to close a session whose node does not: the node has the challenge window to claim, then [`Payer::finish`]
    /// gives the rest back.
    pub async fn request_close(&self, session: SessionId) -> Result<Included, Error> {
        let Inner { chain, account, .. } = &*self.inner;
        Ok(chain.submit(account, calls::promise_settlement::request_close(session)).await?)
    }

    /// Ends a session whose challenge window is over.
    pub async fn finish(&self, session: SessionId) -> Result<Included, Error> {
        let Inner { chain, account, .. } = &*self.inner;
        let included = chain.submit(account, calls::promise_settlement::finish(session)).await?;
        self.inner.till.record().remove(&session)?;
        Ok(included)
    }

    /// Forgets a session that is no longer on the chain.
    pub fn forget(&self, session: &SessionId) -> Result<(), Error> {
        self.inner.till.record().remove(session)
    }

    /// Calls a paid method and pays for it from `session`, at most `limit` planck. The receipt is checked before this returns.
    ///
    /// Calls in one session wait for each other; for more at once, open more sessions. If this fails after the promise was sent, the
    /// next call first asks the node how far it got.
    pub async fn call<R: DeserializeOwned>(
        &self,
        service: &ServiceClient,
        session: SessionId,
        method: &str,
        params: impl Serialize,
        limit: Balance,
    ) -> Result<Paid<R>, Error> {
        self.inner.till.call(service, session, method, params, limit).await
    }

    /// Calls several methods, each with its parameters, in one batch and pays for them with one promise, at most `limit` planck for all: much
    /// faster than one by one. If one of the paid calls fails, nothing is charged and nothing delivered, and each answer says why. Not for
    /// key operations, nor over WebSocket.
    pub async fn call_all(
        &self,
        service: &ServiceClient,
        session: SessionId,
        calls: impl IntoIterator<Item = (&str, Value)>,
        limit: Balance,
    ) -> Result<Paid<Vec<Result<Value, ApiError>>>, Error> {
        self.inner.till.call_all(service, session, calls, limit).await
    }
}
