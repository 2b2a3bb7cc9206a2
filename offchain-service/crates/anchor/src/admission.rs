//! Admitting nodes: accepting what they propose, testing them, having the other anchors attest the result, and clearing away negotiations
//! that have lapsed and terms that no stake is behind any more.
//!
//! Who answers a proposal, the chain says. For the rest the anchors have an order of their own for each node: the first does the work; when
//! it doesn't, the next does after some blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use codec::Encode;
use smartlayer_chain_client::calls::sla_registry;
use smartlayer_network::messages::{AttestRequest, RefusalCode};
use smartlayer_primitives::{
    agreement::{Agreement, Step},
    payload::{blake2_256, Payload},
    sla::{Terms, TestResult},
    AccountId, BlockNumber, Hash, Period,
};
use tracing::{debug, info, warn};

use crate::{
    attest,
    error::{Error, Result},
    probe,
    shared::{lock, Facts, Shared},
};

/// How many blocks an anchor has before the next one in the order does its work.
const TAKEOVER: BlockNumber = 5;
/// How many blocks to wait after an attempt that failed.
const RETRY: BlockNumber = 3;
/// How long the others may take to test the node themselves.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often a node that fails is tested again before the result counts: it may have just started.
const ATTEMPTS: u32 = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(2);
/// Test results kept in memory.
const MAX_TESTED: usize = 1024;

/// This anchor's place in the order for a node; nothing if it is not active.
fn rank(facts: &Facts, node: &AccountId, own: &AccountId) -> Option<BlockNumber> {
    let draw = |anchor: &AccountId| blake2_256(&("smartlayer/admission/1".as_bytes(), node, anchor).encode());
    let mut order: Vec<(Hash, &AccountId)> = facts.anchors.keys().map(|anchor| (draw(anchor), anchor)).collect();
    order.sort();
    order.iter().position(|(_, anchor)| *anchor == own).map(|position| position as BlockNumber)
}

/// What anchors have to do about a node's negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    /// Answer its proposal of these terms.
    Answer(Terms),
    /// Test it against these terms.
    Test(Terms),
    /// Remove what does not count any more.
    Remove,
}

/// Finds the nodes whose terms are in force with too little stake behind them: one node is asked about at a time, all in turn.
#[derive(Default)]
struct Sweep {
    last: Option<AccountId>,
    unbacked: BTreeSet<AccountId>,
}

impl Sweep {
    async fn step(&mut self, shared: &Shared, facts: &Facts) -> Result<()> {
        self.unbacked.retain(|node| facts.agreements.get(node).is_some_and(|a| a.active_terms().is_some()));
        let Some(node) = self.next(facts.active().map(|(node, _, _)| node)) else { return Ok(()) };
        self.last = Some(node.clone());
        match shared.chain.active_terms(&node).await? {
            Some(_) => self.unbacked.remove(&node),
            None => self.unbacked.insert(node),
        };
        Ok(())
    }

    /// The node after the last one, in the order of accounts; after the last of all the first.
    fn next<'a>(&self, mut nodes: impl Iterator<Item = &'a AccountId>) -> Option<AccountId> {
        let first = nodes.next()?;
        let after = std::iter::once(first).chain(nodes).find(|node| self.last.as_ref().is_none_or(|last| *node > last));
        Some(after.unwrap_or(first).clone())
    }
}

fn work(agreement: &Agreement, now: BlockNumber) -> Option<Work> {
    let negotiation = agreement.negotiation.as_ref()?;
    if now >= negotiation.until {
        return Some(Work::Remove);
    }
    match negotiation.step {
        Step::Proposed => Some(Work::Answer(negotiation.terms)),
        Step::Accepted => Some(Work::Test(negotiation.terms)),
        // The node's turn.
        Step::Countered { .. } | Step::Tested => None,
    }
}

/// What is under way for a node: since when there is this to do, and when to try (again).
struct Watched {
    work: Work,
    since: BlockNumber,
    not_before: BlockNumber,
}

impl Watched {
    /// The first block at which the anchor of this rank does it. The node may clear away what lapsed itself, by proposing anew.
    fn turn(&self, rank: BlockNumber) -> BlockNumber {
        let after = match self.work {
            Work::Answer(_) => 0,
            Work::Test(_) => rank,
            Work::Remove => rank.saturating_add(1),
        };
        self.since.saturating_add(after.saturating_mul(TAKEOVER)).max(self.not_before)
    }
}

/// Admits nodes until the service stops.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut facts = shared.facts.subscribe();
    let mut watched: BTreeMap<AccountId, Watched> = BTreeMap::new();
    let mut sweep = Sweep::default();
    let under_way: Arc<Mutex<BTreeSet<AccountId>>> = Default::default();
    while facts.changed().await.is_ok() {
        let Some(facts) = facts.borrow_and_update().clone() else { continue };
        if !shared.is_active(&facts) {
            continue;
        }
        let now = facts.block.number;
        if let Err(error) = sweep.step(shared, &facts).await {
            debug!(%error, "could not ask about a node's stake");
        }
        let waiting = facts.agreements.iter().filter_map(|(node, agreement)| Some((node, work(agreement, now)?)));
        let waiting: BTreeMap<_, _> = waiting.chain(sweep.unbacked.iter().map(|node| (node, Work::Remove))).collect();
        watched.retain(|node, _| waiting.contains_key(node));
        for (node, work) in waiting {
            let fresh = || Watched { work: work.clone(), since: now, not_before: now };
            let entry = watched.entry(node.clone()).or_insert_with(fresh);
            if entry.work != work {
                *entry = fresh();
            }
            let Some(rank) = rank(&facts, node, &shared.account) else { continue };
            if now < entry.turn(rank) || !lock(&under_way).insert(node.clone()) {
                continue;
            }
            // Whose turn it is to answer can be another's at every block, and asking costs little.
            if !matches!(work, Work::Answer(_)) {
                entry.not_before = now.saturating_add(RETRY);
            }
            let (shared, facts, under_way) = (shared.clone(), facts.clone(), under_way.clone());
            let node = node.clone();
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                let done = match work {
                    Work::Answer(_) => accept(&shared, &node).await,
                    Work::Test(terms) => examine(&shared, &facts, &node, terms).await,
                    Work::Remove => remove(&shared, &node).await,
                };
                if let Err(error) = done {
                    warn!(%node, %error, "could not admit a node yet");
                }
                lock(&under_way).remove(&node);
            });
        }
    }
}

/// Accepts if it is this anchor's turn to answer. The template's floor is what the chain already checked; there is nothing to counter here.
async fn accept(shared: &Shared, node: &AccountId) -> Result<()> {
    if shared.chain.answering(node).await?.as_ref() != Some(&shared.account) {
        return Ok(());
    }
    info!(%node, "accepting the terms that a node proposes");
    shared.chain.accept_proposal(&shared.key, node.clone()).await?;
    Ok(())
}

/// Removes a negotiation that has lapsed, or terms without stake.
async fn remove(shared: &Shared, node: &AccountId) -> Result<()> {
    info!(%node, "removing what does not count any more of a node's agreement");
    shared.chain.submit(&shared.key, sla_registry::expire(node.clone())).await?;
    Ok(())
}

/// Tests the node, has the others attest the result, and records it.
async fn examine(shared: &Arc<Shared>, facts: &Facts, node: &AccountId, terms: Terms) -> Result<()> {
    let period = facts.clock.period;
    let passed = tested(shared, facts, node, terms, period, ATTEMPTS).await?;
    let result = TestResult { node: node.clone(), terms, period, passed };
    let hash = result.payload_hash(&shared.genesis);
    let facts = shared.facts()?;
    let collected = attest::collect(shared, &facts, AttestRequest::TestResult(result.clone()), hash, PATIENCE).await;
    let certificate = collected.certificate.ok_or_else(|| {
        let reason = collected.refusals.first().map(ToString::to_string).unwrap_or_else(|| "no answer".into());
        Error::Other(format!("{} anchors attest the test, which are too few: {reason}", collected.signed))
    })?;
    shared.chain.record_test(&shared.key, result, certificate).await?;
    info!(%node, passed, "a serviceability test is on the chain");
    Ok(())
}

/// This anchor's own result of the node's test in this period; a node that passed is not tested again for the same terms.
async fn tested(
    shared: &Shared,
    facts: &Facts,
    node: &AccountId,
    terms: Terms,
    period: Period,
    attempts: u32,
) -> Result<bool> {
    let key = blake2_256(&(node, terms, period).encode());
    if lock(&shared.passed_tests).contains(&key) {
        return Ok(true);
    }
    let endpoint = facts.endpoint_of(node).ok_or_else(|| Error::Other("the node is not registered".into()))?;
    let mut passed = false;
    for attempt in 0..attempts {
        if attempt > 0 {
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
        passed = probe::test(shared, node, &endpoint, &terms).await;
        if passed {
            break;
        }
    }
    if passed {
        let mut tests = lock(&shared.passed_tests);
        if tests.len() >= MAX_TESTED {
            tests.clear();
        }
        tests.insert(key);
    }
    Ok(passed)
}

/// Whether this anchor comes to the same result: asked by another.
pub(crate) async fn check(
    shared: &Shared,
    facts: &Facts,
    result: &TestResult,
) -> Result<Result<Hash, (RefusalCode, String)>> {
    let refused = |code, why: &str| Ok(Err((code, why.to_owned())));
    let TestResult { node, terms, period, passed } = result;
    let now = facts.clock.period;
    if *period > now {
        return refused(RefusalCode::NotYet, "this anchor has not seen the period begin");
    }
    if period.saturating_add(1) < now {
        return refused(RefusalCode::Invalid, "the test is of a period long over");
    }
    let negotiation = facts.agreements.get(node).and_then(|agreement| agreement.negotiation.as_ref());
    match negotiation.filter(|negotiation| negotiation.terms == *terms).map(|negotiation| &negotiation.step) {
        Some(Step::Accepted) => {}
        Some(Step::Proposed | Step::Countered { .. }) => {
            return refused(RefusalCode::NotYet, "this anchor has not seen the terms accepted")
        }
        _ => return refused(RefusalCode::Invalid, "the node has not agreed on these terms"),
    }
    let own = tested(shared, facts, node, *terms, *period, 1).await?;
    debug!(%node, own, theirs = passed, "asked to attest a test");
    if own != *passed {
        return refused(RefusalCode::Disagrees, "this anchor's own test came out differently");
    }
    Ok(Ok(result.payload_hash(&shared.genesis)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::tests::facts;
    use smartlayer_primitives::{
        agreement::Negotiation,
        sla::{Objectives, PenaltySchedule},
    };

    #[test]
    fn every_step_has_its_work_until_it_lapses() {
        let terms = Terms {
            template: 0,
            objectives: Objectives::default(),
            reward_weight: 1,
            penalty: PenaltySchedule { persistent_after: 1, slash: Default::default() },
        };
        let at = |step: Step, now| {
            let negotiation = Negotiation { terms, step, since: 1, until: 10, seed: Hash::zero() };
            work(&Agreement { negotiation: Some(negotiation), ..Default::default() }, now)
        };
        assert_eq!(at(Step::Proposed, 9), Some(Work::Answer(terms)));
        assert_eq!(at(Step::Accepted, 9), Some(Work::Test(terms)));
        assert_eq!((at(Step::Tested, 9), at(Step::Countered { by: AccountId::new([1; 32]) }, 9)), (None, None));
        assert_eq!(at(Step::Tested, 10), Some(Work::Remove));
        assert_eq!(work(&Agreement::default(), 10), None);

        // All nodes are asked about in turn.
        let nodes: Vec<_> = (1..=3).map(|n| AccountId::new([n; 32])).collect();
        let mut sweep = Sweep::default();
        let mut asked = Vec::new();
        for _ in 0..4 {
            sweep.last = sweep.next(nodes.iter());
            asked.extend(sweep.last.clone());
        }
        assert_eq!(asked, [&nodes[..], &nodes[..1]].concat());
        assert_eq!(sweep.next(std::iter::empty()), None);

        // The chain says who answers; everything else goes round.
        let turn = |work| Watched { work, since: 100, not_before: 0 }.turn(2);
        assert_eq!(turn(Work::Answer(terms)), 100);
        assert_eq!(turn(Work::Test(terms)), 100 + 2 * TAKEOVER);
        assert_eq!(turn(Work::Remove), 100 + 3 * TAKEOVER);
    }

    #[test]
    fn every_anchor_has_its_place_and_nodes_differ() {
        let facts = facts(4);
        let mut firsts = BTreeSet::new();
        for n in 0..32u8 {
            let node = AccountId::new([n; 32]);
            let ranks: BTreeSet<_> = facts.anchors.keys().map(|a| rank(&facts, &node, a).unwrap()).collect();
            assert_eq!(ranks, (0..4).collect());
            firsts.insert(facts.anchors.keys().find(|a| rank(&facts, &node, a) == Some(0)).cloned());
            assert_eq!(rank(&facts, &node, &AccountId::new([200; 32])), None);
        }
        assert_eq!(firsts.len(), 4);
    }
}
