//! The chain's state at one block, as the primitives' types.

use std::sync::Arc;

use codec::Decode;
use smartlayer_primitives::{
    agreement::Agreement,
    commitment::{PeriodClock, PeriodRecord, StoredCommitment},
    duty,
    node::{Breach, PeriodReward, ServiceNode},
    notary::channel_id,
    organisation::Organisation,
    quorum::AnchorSet,
    session::{Channel, Payee, Session},
    sla::{Template, Terms},
    token::{Redundancy, TokenType},
    AccountId, Balance, BlockNumber, Hash, Period, SessionId, TemplateId, TokenTypeId,
};

use crate::{
    error::Error,
    events::{self, EventRecord},
    link::Link,
    storage::{self, Key, One, Storage},
    BlockRef,
};

/// The most entries that one iteration collects.
pub const MAX_ENTRIES: usize = 100_000;

/// The chain's state at one block. All reads of one view fit together. Cheap to clone; node states are pruned after a while, so take a
/// new view rather than keep one.
#[derive(Clone)]
pub struct View {
    pub(crate) link: Arc<Link>,
    pub(crate) block: BlockRef,
}

/// What an account has, in planck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountBalance {
    /// Free: spendable but for the existential deposit and what is frozen.
    pub free: Balance,
    /// Held by pallets: bonds and deposits.
    pub held: Balance,
    /// Of the free balance, what must not be spent.
    pub frozen: Balance,
    /// How many transactions the account sent.
    pub nonce: u32,
}

impl View {
    /// The block.
    pub fn block(&self) -> BlockRef {
        self.block
    }

    async fn get<K: Key, V: Decode>(&self, storage: &Storage<K, V>, key: K) -> Result<Option<V>, Error> {
        self.link.get(self.block.hash, storage, &key).await
    }

    /// The value, or the type's default where the chain stores nothing.
    async fn value<V: Decode + Default>(&self, storage: &Storage<(), V>) -> Result<V, Error> {
        Ok(self.get(storage, ()).await?.unwrap_or_default())
    }

    async fn map<K: Decode + codec::Encode, V: Decode>(
        &self,
        storage: &Storage<One<K>, V>,
    ) -> Result<Vec<(K, V)>, Error> {
        let entries = self.link.entries(self.block.hash, storage, &[], MAX_ENTRIES).await?;
        Ok(entries.into_iter().map(|(One(key), value)| (key, value)).collect())
    }

    // Accounts and money

    /// What `account` has; all zero if it does not exist.
    pub async fn balance(&self, account: &AccountId) -> Result<AccountBalance, Error> {
        let info = self.get(&storage::ACCOUNT, One(account.clone())).await?.unwrap_or_default();
        Ok(AccountBalance { free: info.free, held: info.reserved, frozen: info.frozen, nonce: info.nonce })
    }

    /// All SLT that exist, in planck.
    pub async fn total_issuance(&self) -> Result<Balance, Error> {
        self.value(&storage::TOTAL_ISSUANCE).await
    }

    /// The block's time, in milliseconds since 1970.
    pub async fn timestamp(&self) -> Result<u64, Error> {
        self.value(&storage::NOW).await
    }

    // Anchors

    /// The organisation registered by `account`.
    pub async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error> {
        self.get(&storage::ORGANISATIONS, One(account.clone())).await
    }

    /// All registered organisations.
    pub async fn organisations(&self) -> Result<Vec<(AccountId, Organisation)>, Error> {
        self.map(&storage::ORGANISATIONS).await
    }

    /// The organisation whose signing key this is.
    pub async fn organisation_of_key(&self, key: &AccountId) -> Result<Option<AccountId>, Error> {
        self.get(&storage::ANCHOR_KEYS, One(key.clone())).await
    }

    /// Who is elected, registered or not.
    pub async fn elected(&self) -> Result<Vec<AccountId>, Error> {
        self.value(&storage::ELECTED).await
    }

    /// Whether the account's place in the active set is not what it has a right to, until someone refreshes it.
    pub async fn needs_refresh(&self, account: &AccountId) -> Result<bool, Error> {
        self.link.view_function(self.block.hash, "Anchors", "needs_refresh", account).await
    }

    /// The active anchors.
    pub async fn active_set(&self) -> Result<AnchorSet, Error> {
        self.value(&storage::ACTIVE_SET).await
    }

    /// The bond that a deregistered organisation may take back, in planck, and from which block.
    pub async fn departing(&self, account: &AccountId) -> Result<Option<(Balance, BlockNumber)>, Error> {
        self.get(&storage::DEPARTING, One(account.clone())).await
    }

    // Service nodes

    /// The service node registered by `account`.
    pub async fn node(&self, account: &AccountId) -> Result<Option<ServiceNode>, Error> {
        self.get(&storage::NODES, One(account.clone())).await
    }

    /// All service nodes.
    pub async fn nodes(&self) -> Result<Vec<(AccountId, ServiceNode)>, Error> {
        self.map(&storage::NODES).await
    }

    /// The node whose service key this is.
    pub async fn node_of_service_key(&self, key: &AccountId) -> Result<Option<AccountId>, Error> {
        self.get(&storage::SERVICE_KEYS, One(key.clone())).await
    }

    /// What a period's commitment gave out.
    pub async fn period_reward(&self, period: Period) -> Result<Option<PeriodReward>, Error> {
        self.get(&storage::REWARDS, One(period)).await
    }

    /// Whether `account` has claimed its reward for the period.
    pub async fn reward_claimed(&self, period: Period, account: &AccountId) -> Result<bool, Error> {
        Ok(self.get(&storage::CLAIMED, (period, account.clone())).await?.is_some())
    }

    /// The anchors that signed the period's commitment, and so can claim.
    pub async fn reward_signers(&self, period: Period) -> Result<Option<Vec<AccountId>>, Error> {
        self.get(&storage::REWARD_SIGNERS, One(period)).await
    }

    /// The reported breaches of a node, as long as they are kept.
    pub async fn breaches(&self, node: &AccountId) -> Result<Vec<Breach>, Error> {
        Ok(self.get(&storage::BREACHES, One(node.clone())).await?.unwrap_or_default())
    }

    /// The reported breaches of all nodes that have any.
    pub async fn all_breaches(&self) -> Result<Vec<(AccountId, Vec<Breach>)>, Error> {
        self.map(&storage::BREACHES).await
    }

    // Agreements

    /// A node's agreement.
    pub async fn agreement(&self, node: &AccountId) -> Result<Option<Agreement>, Error> {
        self.get(&storage::AGREEMENTS, One(node.clone())).await
    }

    /// All agreements.
    pub async fn agreements(&self) -> Result<Vec<(AccountId, Agreement)>, Error> {
        self.map(&storage::AGREEMENTS).await
    }

    /// The anchor whose turn it is to answer what a node proposed; nothing if nothing waits for an answer.
    pub async fn answering(&self, node: &AccountId) -> Result<Option<AccountId>, Error> {
        self.link.view_function(self.block.hash, "SlaRegistry", "answering", node).await
    }

    /// The terms under which a node is given work: in force, not suspended, and with the minimum stake behind them.
    pub async fn active_terms(&self, node: &AccountId) -> Result<Option<Terms>, Error> {
        self.link.view_function(self.block.hash, "SlaRegistry", "active_terms", node).await
    }

    /// A master template.
    pub async fn template(&self, id: TemplateId) -> Result<Option<Template>, Error> {
        self.get(&storage::TEMPLATES, One(id)).await
    }

    /// All master templates.
    pub async fn templates(&self) -> Result<Vec<(TemplateId, Template)>, Error> {
        self.map(&storage::TEMPLATES).await
    }

    // Sessions

    /// A session; nothing once it is closed.
    pub async fn session(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        self.get(&storage::SESSIONS, One(*id)).await
    }

    /// All open sessions.
    pub async fn sessions(&self) -> Result<Vec<(SessionId, Session)>, Error> {
        self.map(&storage::SESSIONS).await
    }

    /// The open sessions with a node; those of networks are not among them.
    pub async fn sessions_of_node(&self, node: &AccountId) -> Result<Vec<(SessionId, Session)>, Error> {
        let mut sessions = self.sessions().await?;
        sessions.retain(|(_, s)| s.node() == Some(node));
        Ok(sessions)
    }

    /// The open network sessions that a notary allocates, or did until the one after it began.
    pub async fn sessions_of_notary(&self, notary: &AccountId) -> Result<Vec<(SessionId, Session)>, Error> {
        let mut sessions = self.sessions().await?;
        sessions.retain(|(_, s)| match &s.payee {
            Payee::Node(_) => false,
            Payee::Network(n) => {
                &n.current.notary == notary || n.former.as_ref().is_some_and(|former| &former.notary == notary)
            }
        });
        Ok(sessions)
    }

    /// What a node has claimed in a notary's round of a network session; nothing before its first claim.
    pub async fn channel(&self, session: &SessionId, round: u16, node: &AccountId) -> Result<Option<Channel>, Error> {
        self.get(&storage::CHANNELS, (*session, channel_id(session, round, node))).await
    }

    /// All that nodes have claimed in a network session.
    pub async fn channels(&self, session: &SessionId) -> Result<Vec<Channel>, Error> {
        let under = [codec::Encode::encode(session)];
        let entries = self.link.entries(self.block.hash, &storage::CHANNELS, &under, MAX_ENTRIES).await?;
        Ok(entries.into_iter().map(|(_, channel)| channel).collect())
    }

    /// The open sessions of a payer.
    pub async fn sessions_of_payer(&self, payer: &AccountId) -> Result<Vec<(SessionId, Session)>, Error> {
        let mut sessions = self.sessions().await?;
        sessions.retain(|(_, s)| &s.payer == payer);
        Ok(sessions)
    }

    /// The least nonce that the payer's next session may have; nothing once all are used.
    pub async fn next_session_nonce(&self, payer: &AccountId) -> Result<Option<u64>, Error> {
        let last = self.get(&storage::LAST_NONCE, One(payer.clone())).await?;
        Ok(last.map_or(Some(0), |last| last.checked_add(1)))
    }

    // Tokens

    /// A token type.
    pub async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error> {
        self.get(&storage::TOKENS, One(id)).await
    }

    /// All token types.
    pub async fn tokens(&self) -> Result<Vec<(TokenTypeId, TokenType)>, Error> {
        self.map(&storage::TOKENS).await
    }

    /// What keeping each instance of a token type with this redundancy available costs for so many periods, in planck; nothing if the
    /// chain would not allow it.
    pub async fn rent_quote(&self, redundancy: Redundancy, periods: Period) -> Result<Option<Balance>, Error> {
        self.link.view_function(self.block.hash, "SmartTokens", "rent_quote", &(redundancy, periods)).await
    }

    /// The number that the next registered token type gets.
    pub async fn next_token_type(&self) -> Result<TokenTypeId, Error> {
        self.value(&storage::NEXT_TOKEN_TYPE).await
    }

    // Periods and commitments

    /// The running period.
    pub async fn clock(&self) -> Result<Option<PeriodClock>, Error> {
        self.get(&storage::CLOCK, ()).await
    }

    /// A period's seed and end, as long as they are kept.
    pub async fn period(&self, period: Period) -> Result<Option<PeriodRecord>, Error> {
        self.get(&storage::PERIODS, One(period)).await
    }

    /// The first period without a commitment.
    pub async fn next_to_commit(&self) -> Result<Period, Error> {
        self.value(&storage::NEXT_TO_COMMIT).await
    }

    /// The hash of the last commitment, which the next one must name; zero before the first.
    pub async fn last_hash(&self) -> Result<Hash, Error> {
        self.value(&storage::LAST_HASH).await
    }

    /// A period's commitment, as long as it is kept.
    pub async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error> {
        self.get(&storage::COMMITMENTS, One(period)).await
    }

    /// All commitments that are kept, oldest first.
    pub async fn commitments(&self) -> Result<Vec<StoredCommitment>, Error> {
        let mut all: Vec<_> = self.map(&storage::COMMITMENTS).await?.into_iter().map(|(_, c)| c).collect();
        all.sort_by_key(|c| c.commitment.period);
        Ok(all)
    }

    /// How often an anchor missed its duty.
    pub async fn strikes(&self, anchor: &AccountId) -> Result<u32, Error> {
        Ok(self.get(&storage::STRIKES, One(anchor.clone())).await?.unwrap_or_default())
    }

    /// The active anchors in the order in which they may write the period's commitment; empty while the period's seed is unknown.
    pub async fn duty(&self, period: Period) -> Result<Vec<AccountId>, Error> {
        let Some(record) = self.period(period).await? else { return Ok(Vec::new()) };
        let set = self.active_set().await?;
        Ok(duty::ranking(&record.seed, period, set.members.into_iter().map(|m| m.account)))
    }

    /// The first block in which `account` may write the commitment of `period`; nothing if the period runs or is not known, or if the
    /// account is no active anchor.
    pub async fn writable_from(&self, period: Period, account: &AccountId) -> Result<Option<BlockNumber>, Error> {
        self.link
            .view_function(self.block.hash, "CommitmentSnapshots", "writable_from", &(period, account.clone()))
            .await
    }

    // Events

    /// What happened in this block.
    pub async fn events(&self) -> Result<Vec<EventRecord>, Error> {
        let key = storage::prefix("System", "Events");
        let bytes = self.link.get_raw(self.block.hash, &key).await?.unwrap_or_default();
        events::decode(&self.link, bytes)
    }
}
