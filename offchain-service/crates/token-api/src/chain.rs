//! What the service node reads of the chain and does on it, behind one trait so that it can be tested without a chain.
//!
//! All reads are at the newest finalised block: whatever involves money goes by what can no longer be taken back.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use smartlayer_api_types::{rpc::ChainInfo, ApiError, ErrorCode};
use smartlayer_chain_client::{BlockRef, Call, ChainClient, Error, Included, Keypair};
use smartlayer_primitives::{
    agreement::Agreement,
    commitment::{PeriodClock, StoredCommitment},
    node::ServiceNode,
    organisation::Organisation,
    quorum::AnchorSet,
    session::Session,
    sla::Template,
    token::TokenType,
    AccountId, Balance, Hash, Period, SessionId, TemplateId, TokenTypeId,
};

/// The chain as the service node needs it.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// The genesis hash.
    fn genesis(&self) -> Hash;
    /// Whether the chain is connected, and what was last seen of it.
    fn status(&self) -> Status;
    /// The next finalised block after `last`, each once and in order; waits for it.
    async fn next_block(&self, last: u32) -> BlockRef;
    /// The sessions that something happened to in this block.
    async fn sessions_touched(&self, block: BlockRef) -> Result<Vec<SessionId>, Error>;
    /// A session; nothing once it is closed.
    async fn session(&self, id: SessionId) -> Result<Option<Session>, Error>;
    /// A token type.
    async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error>;
    /// A service node.
    async fn node(&self, account: &AccountId) -> Result<Option<ServiceNode>, Error>;
    /// The active anchors.
    async fn active_set(&self) -> Result<AnchorSet, Error>;
    /// An anchor organisation.
    async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error>;
    /// A node's agreement.
    async fn agreement(&self, node: &AccountId) -> Result<Option<Agreement>, Error>;
    /// A master template.
    async fn template(&self, id: TemplateId) -> Result<Option<Template>, Error>;
    /// The running period.
    async fn clock(&self) -> Result<Option<PeriodClock>, Error>;
    /// The first period without a commitment.
    async fn next_to_commit(&self) -> Result<Period, Error>;
    /// A period's commitment.
    async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error>;
    /// Whether the node has claimed its reward for the period.
    async fn reward_claimed(&self, period: Period, node: &AccountId) -> Result<bool, Error>;
    /// What an account can spend, in planck.
    async fn free_balance(&self, account: &AccountId) -> Result<Balance, Error>;
    /// Signs and sends a call, and waits until it is in a block.
    async fn submit(&self, signer: &Keypair, call: Call) -> Result<Included, Error>;
}

/// How the connection to the chain stands.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Whether the node answers now.
    pub connected: bool,
    /// The newest finalised block seen.
    pub finalized: u32,
    /// When the node last answered.
    pub last_seen: Instant,
}

impl Status {
    /// Whether what was last seen of the chain is not older than `max_age`.
    pub fn is_fresh(&self, max_age: Duration) -> bool {
        self.last_seen.elapsed() <= max_age
    }

    /// As it is answered.
    pub fn info(&self, genesis: Hash) -> ChainInfo {
        let seconds = self.last_seen.elapsed().as_secs();
        ChainInfo {
            connected: self.connected,
            genesis,
            finalized_block: self.finalized,
            seconds_since_seen: seconds,
            seconds_disconnected: (!self.connected).then_some(seconds),
        }
    }
}

#[async_trait]
impl Chain for ChainClient {
    fn genesis(&self) -> Hash {
        self.genesis_hash()
    }

    fn status(&self) -> Status {
        let status = *ChainClient::status(self).borrow();
        Status { connected: status.connected, finalized: status.finalized.number, last_seen: status.last_seen }
    }

    async fn next_block(&self, last: u32) -> BlockRef {
        self.follow(last).next().await
    }

    async fn sessions_touched(&self, block: BlockRef) -> Result<Vec<SessionId>, Error> {
        Ok(self.events_at(block).await?.into_iter().filter_map(|record| record.event.session()).collect())
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>, Error> {
        self.finalized()?.session(&id).await
    }

    async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error> {
        self.finalized()?.token(id).await
    }

    async fn node(&self, account: &AccountId) -> Result<Option<ServiceNode>, Error> {
        self.finalized()?.node(account).await
    }

    async fn active_set(&self) -> Result<AnchorSet, Error> {
        self.finalized()?.active_set().await
    }

    async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error> {
        self.finalized()?.organisation(account).await
    }

    async fn agreement(&self, node: &AccountId) -> Result<Option<Agreement>, Error> {
        self.finalized()?.agreement(node).await
    }

    async fn template(&self, id: TemplateId) -> Result<Option<Template>, Error> {
        self.finalized()?.template(id).await
    }

    async fn clock(&self) -> Result<Option<PeriodClock>, Error> {
        self.finalized()?.clock().await
    }

    async fn next_to_commit(&self) -> Result<Period, Error> {
        self.finalized()?.next_to_commit().await
    }

    async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error> {
        self.finalized()?.commitment(period).await
    }

    async fn reward_claimed(&self, period: Period, node: &AccountId) -> Result<bool, Error> {
        self.finalized()?.reward_claimed(period, node).await
    }

    async fn free_balance(&self, account: &AccountId) -> Result<Balance, Error> {
        Ok(self.finalized()?.balance(account).await?.free)
    }

    async fn submit(&self, signer: &Keypair, call: Call) -> Result<Included, Error> {
        ChainClient::submit(self, signer, call).await
    }
}

/// A chain error as callers of the API see it.
pub(crate) fn api_error(error: Error) -> ApiError {
    let code = match &error {
        e if e.is_transient() => ErrorCode::ChainUnavailable,
        Error::Failed { .. } | Error::Rejected { .. } => ErrorCode::ChainRefused,
        _ => ErrorCode::Internal,
    };
    ApiError::new(code, error.to_string())
}
