//! The sessions that pay this node: what the chain holds for each, what was promised, and whose turn it is.
//!
//! **Invariant.** What a session is known to hold is what the chain was last seen to hold; it is never guessed upwards.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use smartlayer_api_types::{x402::SessionState, Amount, ApiError, ErrorCode};
use smartlayer_primitives::{session::Session, Balance, BlockNumber, SessionId};
use smartlayer_promise_ledger::Account;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use crate::{chain::api_error, node::Node, paid::Settled};

/// The most sessions kept in memory; those that owe nothing are forgotten first and read from the chain again when they come back.
const MAX_SESSIONS: usize = 100_000;

/// How many calls of one session wait for their turn at most.
const MAX_QUEUE: usize = 32;

/// Of how many sessions it is written at once what they earned.
const WRITTEN_AT_ONCE: usize = 1000;

/// The sessions with this node that are in use.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Arc<Entry>>>);

/// One session.
pub(crate) struct Entry {
    pub id: SessionId,
    state: Mutex<State>,
    /// Held from taking a payment to its answer, so that calls of one session are worked on in their order. Inside: the last answer,
    /// for whoever asks again because it did not arrive.
    pub turn: AsyncMutex<Option<Settled>>,
    /// One permit for each call that waits for its turn.
    pub queue: Semaphore,
}

/// What is known of a session.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// As last seen on the chain.
    pub session: Session,
    /// Its promises: what is earned, and what still waits for an answer.
    pub account: Account,
    /// Whether a promise was earned that the disk has as pending only.
    unwritten: bool,
    /// Set while this node is closing it: up to this block it may still happen, and no promise is taken.
    pub closing: Option<BlockNumber>,
    /// The cumulative amount of a claim that was made, and its block, which may not be finalised yet.
    pub claiming: Option<(Balance, BlockNumber)>,
}

impl State {
    /// What is owed in total: what was earned, or claimed if that is more.
    pub fn owed(&self) -> Balance {
        self.account.owed().max(self.session.claimed())
    }

    /// What is owed and was not claimed yet.
    pub fn exposure(&self) -> Balance {
        self.owed().saturating_sub(self.session.claimed())
    }

    /// Whether there is something to claim at this block: owed, and not in a claim that is being finalised.
    pub fn is_claimable(&self, block: BlockNumber) -> bool {
        let under_way = self.claiming.is_some_and(|(amount, at)| amount >= self.owed() && block <= at);
        self.exposure() > 0 && !self.is_closing(block) && !under_way
    }

    /// Whether this node is closing it.
    pub fn is_closing(&self, block: BlockNumber) -> bool {
        self.closing.is_some_and(|until| block <= until)
    }

    /// As it is answered.
    pub fn describe(&self, id: SessionId) -> SessionState {
        SessionState {
            session: id,
            payer: self.session.payer.clone(),
            signer: self.session.signer.clone(),
            deposit: Amount(self.session.deposit),
            claimed: Amount(self.session.claimed()),
            owed: Amount(self.owed()),
            available: Amount(self.session.deposit.saturating_sub(self.owed())),
            last_promise: self.account.earned.as_ref().map(Into::into),
            token_type: self.session.issuer.as_ref().map(|issuer| issuer.token_type),
            expires_at: self.session.expires_at,
            closing_at: self.session.closing_at,
        }
    }
}

impl Entry {
    /// What is known of it now.
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Notes what is on disk of its promises.
    pub fn set_account(&self, account: Account) {
        let mut state = self.lock();
        (state.account, state.unwritten) = (account, false);
    }

    /// Notes that the pending promise is earned by so many calls. The disk gets to know with the next promise, or with the next block.
    pub fn earned(&self, calls: u32) {
        let mut state = self.lock();
        state.account.earn(calls);
        state.unwritten = true;
    }

    /// Takes no more promises up to this block, or takes them again.
    pub fn set_closing(&self, closing: Option<BlockNumber>) {
        self.lock().closing = closing;
    }

    /// Notes that a claim up to this amount is in this block.
    pub fn claimed(&self, cumulative: Balance, block: BlockNumber) {
        self.lock().claiming = Some((cumulative, block));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Sessions {
    /// The session, from memory or from the chain and the disk.
    ///
    /// Fails with `unknown_session` if the chain knows no such session, with `other_node` if it does not pay this node, and with
    /// `network_session` if it pays many.
    pub async fn get(&self, node: &Node, id: SessionId) -> Result<Arc<Entry>, ApiError> {
        if let Some(entry) = self.known(&id) {
            return Ok(entry);
        }
        let unknown = || ApiError::new(ErrorCode::UnknownSession, format!("no session {id:?} at the finalised head"));
        let session = node.chain.session(id).await.map_err(api_error)?.ok_or_else(unknown)?;
        match session.node() {
            Some(payee) if *payee == node.account => {}
            Some(payee) => return Err(ApiError::new(ErrorCode::OtherNode, format!("the session pays {payee}"))),
            None => return Err(ErrorCode::NetworkSession.into()),
        }
        let account = node.data.account(id).await?;
        let state = State { session, account, unwritten: false, closing: None, claiming: None };
        let new = Arc::new(Entry {
            id,
            state: Mutex::new(state),
            turn: AsyncMutex::new(None),
            queue: Semaphore::new(MAX_QUEUE),
        });
        let mut sessions = self.lock();
        if sessions.len() >= MAX_SESSIONS {
            // Entries in use elsewhere stay: a second entry of one session would be a second turn.
            sessions.retain(|_, e| Arc::strong_count(e) > 1 || e.state().exposure() > 0);
            if sessions.len() >= MAX_SESSIONS {
                return Err(ErrorCode::Overloaded.into());
            }
        }
        Ok(sessions.entry(id).or_insert(new).clone())
    }

    /// The session if it is in memory.
    pub fn known(&self, id: &SessionId) -> Option<Arc<Entry>> {
        self.lock().get(id).cloned()
    }

    /// All sessions in memory.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    /// Looks at the chain again for these sessions, as far as they are in memory. Sessions that the chain has closed are forgotten,
    /// on disk as well.
    pub async fn refresh(&self, node: &Node, ids: impl IntoIterator<Item = SessionId>) -> Result<(), ApiError> {
        for id in ids {
            let Some(entry) = self.known(&id) else { continue };
            match node.chain.session(id).await.map_err(api_error)? {
                Some(session) => entry.lock().session = session,
                None => {
                    entry.set_closing(Some(BlockNumber::MAX));
                    // A call in work ends first; its promise is worth nothing any more, but its answer is still given.
                    drop(entry.turn.lock().await);
                    node.data.forget_session(id).await?;
                    self.lock().remove(&id);
                    tracing::info!(session = ?id, "a session ended");
                }
            }
        }
        Ok(())
    }

    /// Writes down which promises were earned since they were accepted. Sessions with a call in work are left out: their next promise
    /// writes it, or the next time.
    ///
    /// A node that stops too early for this forgets at most the last answered promise of a session, until its payer pays again.
    pub async fn write_earned(&self, node: &Node) -> Result<(), ApiError> {
        let unwritten: Vec<_> = self.all().into_iter().filter(|entry| entry.lock().unwritten).collect();
        for some in unwritten.chunks(WRITTEN_AT_ONCE) {
            let held: Vec<_> = some.iter().filter_map(|entry| Some((entry, entry.turn.try_lock().ok()?))).collect();
            let accounts: Vec<_> = held.iter().map(|(entry, _)| (entry.id, entry.state().account)).collect();
            node.data.keep_accounts(accounts.clone()).await?;
            for ((entry, _), (_, account)) in held.iter().zip(accounts) {
                entry.set_account(account);
            }
        }
        Ok(())
    }

    /// What is owed and not claimed over all sessions, in planck.
    pub fn exposure(&self) -> Balance {
        self.all().iter().map(|e| e.state().exposure()).fold(0, Balance::saturating_add)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
