//! What all parts of a running anchor share.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Instant,
};

use smartlayer_chain_client::{BlockRef, Keypair};
use smartlayer_network::{Network, PeerId};
use smartlayer_primitives::{
    agreement::{Agreement, Standing},
    commitment::PeriodClock,
    node::ServiceNode,
    quorum::{AnchorKey, AnchorSet, AnchorSignature},
    sla::Terms,
    token::TokenType,
    AccountId, BlockNumber, Hash, Period, TokenTypeId,
};
use tokio::sync::{watch, Semaphore};
use tokio_util::task::TaskTracker;

use crate::{
    chain::{Chain, Nodes},
    config::Config,
    data::Data,
    error::{Error, Result},
    metrics::Metrics,
    probe::{Prober, Seen},
    proofs::Leaves,
    publish::Pace,
    report::Held,
};

/// Token types kept in memory.
const MAX_TOKENS: usize = 4096;
/// Ends of periods kept in memory.
const MAX_ENDS: usize = 8;
/// Periods whose leaves are kept in memory.
const MAX_LEAVES: usize = 4;

/// The shared state of an anchor.
pub(crate) struct Shared {
    pub config: Config,
    /// The organisation's account.
    pub account: AccountId,
    /// The hot key that signs for quorums and sends the anchor's transactions.
    pub key: Keypair,
    /// The organisation's own key, if it is on this machine.
    pub account_key: Option<Keypair>,
    pub genesis: Hash,
    pub chain: Arc<dyn Chain>,
    pub network: Network,
    pub data: Data,
    pub prober: Arc<dyn Prober>,
    pub probes: Seen,
    pub metrics: Metrics,
    /// What was last read of the chain; nothing before the first block.
    pub facts: watch::Sender<Option<Arc<Facts>>>,
    /// The active anchors; the network's record validator listens to it.
    pub anchors: watch::Sender<AnchorSet>,
    /// Work that is not waited for, until the service stops.
    pub tasks: TaskTracker,
    /// One permit for each instance being placed.
    pub placements: Arc<Semaphore>,
    /// The URL under which callers reach the anchor.
    pub endpoint: OnceLock<String>,
    pub started: Instant,
    pub tokens: Mutex<BTreeMap<TokenTypeId, (BlockRef, TokenType)>>,
    pub ends: Mutex<BTreeMap<Period, Arc<PeriodEnd>>>,
    /// Leaves that were read last.
    pub leaves: Mutex<BTreeMap<Period, Arc<Leaves>>>,
    /// How many issuers' updates may be passed on.
    pub updates: Pace,
    /// Serviceability tests that were passed: hashes of node, terms and period.
    pub passed_tests: Mutex<BTreeSet<Hash>>,
}

/// An anchor as the others see it.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub key: AnchorKey,
    pub peer: Option<PeerId>,
}

/// What is known of the chain at one finalised block.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub block: BlockRef,
    pub set: AnchorSet,
    /// The active anchors by account.
    pub anchors: BTreeMap<AccountId, Contact>,
    pub nodes: BTreeMap<AccountId, ServiceNode>,
    pub agreements: BTreeMap<AccountId, Agreement>,
    pub clock: PeriodClock,
    /// The running period's seed.
    pub seed: Hash,
    pub next_to_commit: Period,
    pub last_hash: Hash,
}

impl Facts {
    /// The active anchor whose service this peer is.
    pub fn anchor_of(&self, peer: &PeerId) -> Option<&AccountId> {
        self.anchors.iter().find(|(_, contact)| contact.peer.as_ref() == Some(peer)).map(|(account, _)| account)
    }

    /// The nodes with terms in force that are not suspended, with these terms.
    pub fn active(&self) -> impl Iterator<Item = (&AccountId, &ServiceNode, &Terms)> {
        self.agreements
            .iter()
            .filter_map(|(account, agreement)| Some((account, self.nodes.get(account)?, agreement.active_terms()?)))
    }

    /// A node's peer id.
    pub fn peer_of(&self, node: &AccountId) -> Option<PeerId> {
        self.nodes.get(node).and_then(|node| smartlayer_network::peer_id(&node.peer_id))
    }

    /// Where a node answers.
    pub fn endpoint_of(&self, node: &AccountId) -> Option<String> {
        String::from_utf8(self.nodes.get(node)?.endpoint.to_vec()).ok()
    }
}

/// What counted when a period ended: the same for every anchor, because all read it at the same block.
#[derive(Clone, Debug)]
pub(crate) struct PeriodEnd {
    /// The first block after the period.
    pub ended_at: BlockNumber,
    /// What each node was held to.
    pub held: BTreeMap<AccountId, Held>,
    /// Every node's service key.
    pub keys: BTreeMap<AccountId, AccountId>,
}

impl PeriodEnd {
    fn new(period: Period, ended_at: BlockNumber, nodes: Nodes) -> Self {
        Self {
            ended_at,
            held: nodes.agreements.into_iter().filter_map(|(node, a)| Some((node, held(&a, period)?))).collect(),
            keys: nodes.nodes.into_iter().map(|(account, node)| (account, node.service_key)).collect(),
        }
    }
}

/// What a node was held to in a period, by its agreement right after that; nothing if no terms held, or if it was suspended and so had
/// nothing to serve.
fn held(agreement: &Agreement, period: Period) -> Option<Held> {
    let in_force = agreement.in_force.as_ref().filter(|in_force| in_force.since <= period);
    if in_force.is_some_and(|in_force| matches!(in_force.standing, Standing::Suspended { .. })) {
        return None;
    }
    Some(Held { terms: *agreement.terms_at(period)?, in_maintenance: agreement.in_maintenance(period) })
}

impl Shared {
    /// What was last read of the chain.
    pub fn facts(&self) -> Result<Arc<Facts>> {
        self.facts.borrow().clone().ok_or_else(|| Error::Other("the chain was not read yet".into()))
    }

    /// Whether this anchor is in the active set.
    pub fn is_active(&self, facts: &Facts) -> bool {
        facts.anchors.get(&self.account).is_some_and(|contact| contact.key == self.key.public())
    }

    /// Signs the hash of what this anchor agrees with.
    pub fn attest(&self, hash: Hash) -> AnchorSignature {
        self.key.sign(&smartlayer_primitives::quorum::attestation(&self.genesis, hash))
    }

    /// A token type, as of a block not older than the facts.
    pub async fn token(&self, facts: &Facts, id: TokenTypeId) -> Result<Option<TokenType>> {
        if let Some((block, token)) = lock(&self.tokens).get(&id) {
            if block.number >= facts.block.number {
                return Ok(Some(token.clone()));
            }
        }
        let token = self.chain.token(id).await?;
        let mut tokens = lock(&self.tokens);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        if let Some(token) = &token {
            tokens.insert(id, (facts.block, token.clone()));
        }
        Ok(token)
    }

    /// What counted when a period ended; nothing while it runs.
    pub async fn period_end(&self, period: Period) -> Result<Option<Arc<PeriodEnd>>> {
        if let Some(end) = lock(&self.ends).get(&period) {
            return Ok(Some(end.clone()));
        }
        let Some(ended_at) = self.chain.period(period).await?.and_then(|record| record.ended_at) else {
            return Ok(None);
        };
        let end = Arc::new(PeriodEnd::new(period, ended_at, self.chain.nodes_at(ended_at).await?));
        let mut ends = lock(&self.ends);
        while ends.len() >= MAX_ENDS {
            ends.pop_first();
        }
        ends.insert(period, end.clone());
        Ok(Some(end))
    }

    /// What the period's commitment on the chain sums up, if it is kept here, and the commitment's hash.
    pub async fn committed(&self, period: Period) -> Result<Option<(Hash, Arc<Leaves>)>> {
        let Some(hash) = self.data.settled(period)? else { return Ok(None) };
        if let Some(leaves) = lock(&self.leaves).get(&period) {
            return Ok(Some((hash, leaves.clone())));
        }
        let Some(leaves) = self.data.leaves(period, hash).await? else { return Ok(None) };
        let leaves = Arc::new(leaves);
        let mut kept = lock(&self.leaves);
        while kept.len() >= MAX_LEAVES {
            kept.pop_first();
        }
        kept.insert(period, leaves.clone());
        Ok(Some((hash, leaves)))
    }
}

/// A panic while it was held leaves nothing half done that the next holder could trip over.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A number in [0, 1) that nobody else can foresee: the standard library keys its hashers from the system's randomness.
pub(crate) fn random() -> f64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use smartlayer_primitives::quorum::Member;

    /// The facts of a chain with so many anchors and nothing else.
    pub fn facts(anchors: u8) -> Facts {
        let account = |n: u8| AccountId::new([n; 32]);
        let key = |n: u8| Keypair::from_seed(&[n; 32]).public();
        let members: Vec<_> = (1..=anchors).map(|n| Member { account: account(n), key: key(n) }).collect();
        Facts {
            block: BlockRef { number: 10, hash: Hash::zero() },
            anchors: members.iter().map(|m| (m.account.clone(), Contact { key: m.key, peer: None })).collect(),
            set: AnchorSet { id: 1, members: members.try_into().expect("few") },
            nodes: Default::default(),
            agreements: Default::default(),
            clock: PeriodClock { period: 0, started_at: 0, length: 20 },
            seed: Hash::zero(),
            next_to_commit: 0,
            last_hash: Hash::zero(),
        }
    }

    #[test]
    fn a_node_is_held_to_the_terms_of_the_period() {
        use smartlayer_primitives::{
            agreement::{FormerTerms, InForce, Maintenance},
            sla::{Objectives, PenaltySchedule},
        };
        let terms = |reward_weight| Terms {
            template: 0,
            objectives: Objectives::default(),
            reward_weight,
            penalty: PenaltySchedule { persistent_after: 1, slash: Default::default() },
        };
        let agreement = |standing| Agreement {
            in_force: Some(InForce { terms: terms(2), since: 10, standing }),
            former: Some(FormerTerms { terms: terms(1), since: 5, until: 10 }),
            maintenance: vec![Maintenance { from: 11, periods: 2 }].try_into().unwrap(),
            ..Default::default()
        };
        let found = |standing, period| {
            let held = held(&agreement(standing), period);
            held.map(|held| (held.terms.reward_weight, held.in_maintenance))
        };
        assert_eq!(found(Standing::Good, 4), None);
        assert_eq!(found(Standing::Good, 9), Some((1, false)));
        assert_eq!(found(Standing::Good, 10), Some((2, false)));
        assert_eq!(found(Standing::Breached { period: 9 }, 12), Some((2, true)));
        assert_eq!(found(Standing::Suspended { period: 9 }, 10), None);
        assert_eq!(held(&Agreement::default(), 3), None);
    }

    #[test]
    fn random_numbers_spread() {
        let drawn: Vec<f64> = (0..1000).map(|_| random()).collect();
        assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        // Five standard deviations of the mean of a thousand uniform draws.
        assert!((mean - 0.5).abs() < 5.0 * 0.29 / 1000f64.sqrt(), "{mean}");
    }
}
