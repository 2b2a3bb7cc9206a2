//! Admitting nodes: accepting what they propose, testing them, and having the other anchors attest the result.
//!
//! For each node the anchors have an order of their own. The first does the work; when it doesn't, the next does after some blocks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use codec::Encode;
use smartlayer_network::messages::{AttestRequest, RefusalCode};
use smartlayer_primitives::{
    agreement::Stage,
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

/// What is under way for a node: since when its agreement is in this stage, and when to try (again).
struct Watched {
    stage: Stage,
    terms: Terms,
    since: BlockNumber,
    not_before: BlockNumber,
}

/// Admits nodes until the service stops.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut facts = shared.facts.subscribe();
    let mut watched: BTreeMap<AccountId, Watched> = BTreeMap::new();
    let under_way: Arc<Mutex<BTreeSet<AccountId>>> = Default::default();
    while facts.changed().await.is_ok() {
        let Some(facts) = facts.borrow_and_update().clone() else { continue };
        if !shared.is_active(&facts) {
            continue;
        }
        let now = facts.block.number;
        let waiting = facts.agreements.iter().filter(|(_, a)| matches!(a.stage, Stage::Proposed | Stage::Accepted));
        let waiting: BTreeMap<_, _> = waiting.collect();
        watched.retain(|node, _| waiting.contains_key(node));
        for (node, agreement) in waiting {
            let fresh =
                || Watched { stage: agreement.stage.clone(), terms: agreement.terms, since: now, not_before: now };
            let entry = watched.entry(node.clone()).or_insert_with(fresh);
            if entry.stage != agreement.stage || entry.terms != agreement.terms {
                *entry = fresh();
            }
            let Some(rank) = rank(&facts, node, &shared.account) else { continue };
            let turn = entry.since.saturating_add(rank.saturating_mul(TAKEOVER)).max(entry.not_before);
            if now < turn || !lock(&under_way).insert(node.clone()) {
                continue;
            }
            entry.not_before = now.saturating_add(RETRY);
            let (shared, facts, under_way) = (shared.clone(), facts.clone(), under_way.clone());
            let (node, stage, terms) = (node.clone(), agreement.stage.clone(), agreement.terms);
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                let done = match stage {
                    Stage::Proposed => accept(&shared, &node).await,
                    _ => examine(&shared, &facts, &node, terms).await,
                };
                if let Err(error) = done {
                    warn!(%node, %error, "could not admit a node yet");
                }
                lock(&under_way).remove(&node);
            });
        }
    }
}

/// The template's floor is what the chain already checked; there is nothing to counter here.
async fn accept(shared: &Shared, node: &AccountId) -> Result<()> {
    info!(%node, "accepting the terms that a node proposes");
    shared.chain.accept_proposal(&shared.key, node.clone()).await?;
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
        Error::Other(format!("{} anchors attest the test, which are too few: {reason}", collected.agreed))
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
    match facts.agreements.get(node) {
        Some(agreement) if agreement.terms == *terms && agreement.stage == Stage::Accepted => {}
        Some(agreement) if agreement.terms == *terms && agreement.stage == Stage::Proposed => {
            return refused(RefusalCode::NotYet, "this anchor has not seen the terms accepted")
        }
        _ => return refused(RefusalCode::Invalid, "the node has no accepted agreement on these terms"),
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
