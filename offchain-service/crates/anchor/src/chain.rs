//! What the anchor reads of the chain and does on it, behind one trait so that it can be tested without a chain.
//!
//! All reads are at the newest finalised block unless they name another: anchors that agree on a block agree on everything in it.

use async_trait::async_trait;
use smartlayer_chain_client::{calls, BlockRef, Call, ChainClient, ChainStatus, Error, Event, Included, Keypair};
use smartlayer_primitives::{
    agreement::Agreement,
    commitment::{Commitment, PeriodClock, PeriodRecord, StoredCommitment},
    merkle::MerkleProof,
    node::{Breach, ServiceNode},
    organisation::Organisation,
    quorum::{AnchorSet, QuorumCertificate},
    report::ReportEntry,
    sla::{Terms, TestResult},
    token::TokenType,
    AccountId, Balance, BlockNumber, Hash, Period, TokenTypeId,
};

/// Where the chain stands, at one block.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The block.
    pub block: BlockRef,
    /// The running period; nothing before the chain's first block.
    pub clock: Option<PeriodClock>,
    /// The first period without a commitment.
    pub next_to_commit: Period,
    /// The hash of the last commitment.
    pub last_hash: Hash,
    /// The active anchors.
    pub set: AnchorSet,
}

/// The service nodes, at one block.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// Every registered node.
    pub nodes: Vec<(AccountId, ServiceNode)>,
    /// Every agreement.
    pub agreements: Vec<(AccountId, Agreement)>,
}

/// The chain as the anchor needs it.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// The genesis hash.
    fn genesis(&self) -> Hash;
    /// Whether the chain is connected, and what was last seen of it.
    fn status(&self) -> ChainStatus;
    /// The next finalised block after `last`, each once and in order; waits for it.
    async fn next_block(&self, last: BlockNumber) -> BlockRef;
    /// Where the chain stands.
    async fn progress(&self) -> Result<Progress, Error>;
    /// Whether a block changed anything about organisations, nodes or agreements.
    async fn changes_members(&self, block: BlockRef) -> Result<bool, Error>;
    /// The nodes and agreements as of the newest finalised block.
    async fn nodes(&self) -> Result<Nodes, Error>;
    /// The nodes and agreements as of an earlier block; fails if its state is no longer kept.
    async fn nodes_at(&self, block: BlockNumber) -> Result<Nodes, Error>;
    /// An organisation.
    async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error>;
    /// Whether the organisation's place in the active set is not what it has a right to, until someone refreshes it.
    async fn needs_refresh(&self, account: &AccountId) -> Result<bool, Error>;
    /// How many turns to write an anchor let pass of late.
    async fn strikes(&self, anchor: &AccountId) -> Result<u32, Error>;
    /// A token type.
    async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error>;
    /// A period's seed and end.
    async fn period(&self, period: Period) -> Result<Option<PeriodRecord>, Error>;
    /// A period's commitment.
    async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error>;
    /// The first block in which the anchor may write the period's commitment; nothing while the period runs.
    async fn writable_from(&self, period: Period, anchor: &AccountId) -> Result<Option<BlockNumber>, Error>;
    /// The first period without a commitment as of the newest block, finalised or not.
    async fn best_next_to_commit(&self) -> Result<Period, Error>;
    /// The anchors that can claim a reward for the period.
    async fn reward_signers(&self, period: Period) -> Result<Option<Vec<AccountId>>, Error>;
    /// Whether an account has claimed its reward for the period.
    async fn reward_claimed(&self, period: Period, account: &AccountId) -> Result<bool, Error>;
    /// What an account can spend, in planck.
    async fn free_balance(&self, account: &AccountId) -> Result<Balance, Error>;
    /// The anchor whose turn it is to answer what a node proposed; nothing if nothing waits for an answer.
    async fn answering(&self, node: &AccountId) -> Result<Option<AccountId>, Error>;
    /// The terms under which a node is given work: in force, not suspended, and with the minimum stake behind them.
    async fn active_terms(&self, node: &AccountId) -> Result<Option<Terms>, Error>;
    /// The reported breaches of a node.
    async fn breaches(&self, node: &AccountId) -> Result<Vec<Breach>, Error>;
    /// The reported breaches of all nodes that have any.
    async fn all_breaches(&self) -> Result<Vec<(AccountId, Vec<Breach>)>, Error>;
    /// Accepts what a node proposes, and waits until that is in a block.
    async fn accept_proposal(&self, signer: &Keypair, node: AccountId) -> Result<Included, Error>;
    /// Records the result of a node's serviceability test, and waits until that is in a block.
    async fn record_test(
        &self,
        signer: &Keypair,
        result: TestResult,
        certificate: QuorumCertificate,
    ) -> Result<Included, Error>;
    /// Writes a commitment, and waits until it is in a block.
    async fn commit(
        &self,
        signer: &Keypair,
        commitment: Commitment,
        certificate: QuorumCertificate,
    ) -> Result<Included, Error>;
    /// Reports a persistent breach that a committed report shows, and waits until that is in a block.
    async fn report_breach(&self, signer: &Keypair, entry: ReportEntry, proof: MerkleProof) -> Result<Included, Error>;
    /// Takes the slash of a breach that is due, and waits until that is in a block.
    async fn apply_slash(&self, signer: &Keypair, node: AccountId, period: Period) -> Result<Included, Error>;
    /// Signs and sends any other call, and waits until it is in a block.
    async fn submit(&self, signer: &Keypair, call: Call) -> Result<Included, Error>;
}

#[async_trait]
impl Chain for ChainClient {
    fn genesis(&self) -> Hash {
        self.genesis_hash()
    }

    fn status(&self) -> ChainStatus {
        *ChainClient::status(self).borrow()
    }

    async fn next_block(&self, last: BlockNumber) -> BlockRef {
        self.follow(last).next().await
    }

    async fn progress(&self) -> Result<Progress, Error> {
        let view = self.finalized()?;
        Ok(Progress {
            block: view.block(),
            clock: view.clock().await?,
            next_to_commit: view.next_to_commit().await?,
            last_hash: view.last_hash().await?,
            set: view.active_set().await?,
        })
    }

    async fn changes_members(&self, block: BlockRef) -> Result<bool, Error> {
        let ours = |pallet: &str| matches!(pallet, "Anchors" | "ServiceStaking" | "SlaRegistry" | "Elections");
        let events = self.events_at(block).await?;
        Ok(events.into_iter().any(|record| match record.event {
            Event::ActiveSetChanged { .. }
            | Event::TestPassed { .. }
            | Event::TestFailed { .. }
            | Event::BreachReported { .. }
            | Event::Slashed { .. } => true,
            Event::Other { pallet, .. } => ours(&pallet),
            _ => false,
        }))
    }

    async fn nodes(&self) -> Result<Nodes, Error> {
        let view = self.finalized()?;
        Ok(Nodes { nodes: view.nodes().await?, agreements: view.agreements().await? })
    }

    async fn nodes_at(&self, block: BlockNumber) -> Result<Nodes, Error> {
        let view = self.at(self.block(block).await?)?;
        Ok(Nodes { nodes: view.nodes().await?, agreements: view.agreements().await? })
    }

    async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error> {
        self.finalized()?.organisation(account).await
    }

    async fn needs_refresh(&self, account: &AccountId) -> Result<bool, Error> {
        self.finalized()?.needs_refresh(account).await
    }

    async fn strikes(&self, anchor: &AccountId) -> Result<u32, Error> {
        self.finalized()?.strikes(anchor).await
    }

    async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error> {
        self.finalized()?.token(id).await
    }

    async fn period(&self, period: Period) -> Result<Option<PeriodRecord>, Error> {
        self.finalized()?.period(period).await
    }

    async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error> {
        self.finalized()?.commitment(period).await
    }

    async fn writable_from(&self, period: Period, anchor: &AccountId) -> Result<Option<BlockNumber>, Error> {
        self.finalized()?.writable_from(period, anchor).await
    }

    async fn best_next_to_commit(&self) -> Result<Period, Error> {
        self.best().await?.next_to_commit().await
    }

    async fn reward_signers(&self, period: Period) -> Result<Option<Vec<AccountId>>, Error> {
        self.finalized()?.reward_signers(period).await
    }

    async fn reward_claimed(&self, period: Period, account: &AccountId) -> Result<bool, Error> {
        self.finalized()?.reward_claimed(period, account).await
    }

    async fn free_balance(&self, account: &AccountId) -> Result<Balance, Error> {
        Ok(self.finalized()?.balance(account).await?.free)
    }

    async fn answering(&self, node: &AccountId) -> Result<Option<AccountId>, Error> {
        self.finalized()?.answering(node).await
    }

    async fn active_terms(&self, node: &AccountId) -> Result<Option<Terms>, Error> {
        self.finalized()?.active_terms(node).await
    }

    async fn breaches(&self, node: &AccountId) -> Result<Vec<Breach>, Error> {
        self.finalized()?.breaches(node).await
    }

    async fn all_breaches(&self) -> Result<Vec<(AccountId, Vec<Breach>)>, Error> {
        self.finalized()?.all_breaches().await
    }

    async fn accept_proposal(&self, signer: &Keypair, node: AccountId) -> Result<Included, Error> {
        ChainClient::submit(self, signer, calls::sla_registry::accept_proposal(node)).await
    }

    async fn record_test(
        &self,
        signer: &Keypair,
        result: TestResult,
        certificate: QuorumCertificate,
    ) -> Result<Included, Error> {
        ChainClient::submit(self, signer, calls::sla_registry::record_test(result, certificate)).await
    }

    async fn commit(
        &self,
        signer: &Keypair,
        commitment: Commitment,
        certificate: QuorumCertificate,
    ) -> Result<Included, Error> {
        ChainClient::submit(self, signer, calls::commitment_snapshots::submit(commitment, certificate)).await
    }

    async fn report_breach(&self, signer: &Keypair, entry: ReportEntry, proof: MerkleProof) -> Result<Included, Error> {
        ChainClient::submit(self, signer, calls::service_staking::report_breach(entry, proof)).await
    }

    async fn apply_slash(&self, signer: &Keypair, node: AccountId, period: Period) -> Result<Included, Error> {
        ChainClient::submit(self, signer, calls::service_staking::apply_slash(node, period)).await
    }

    async fn submit(&self, signer: &Keypair, call: Call) -> Result<Included, Error> {
        ChainClient::submit(self, signer, call).await
    }
}
