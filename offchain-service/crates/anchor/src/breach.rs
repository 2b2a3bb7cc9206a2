//! Bringing persistent breaches to the chain: their slash begins when somebody shows one, and is taken when somebody asks for it.
//!
//! All that it takes is in the committed reports. So every anchor comes to the same, and they have an order for each: the next one acts only
//! when those before it did not. Acting twice costs nothing but a fee.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use codec::Encode;
use smartlayer_primitives::{
    agreement::Agreement,
    duty,
    merkle::MerkleProof,
    node::{Breach, BreachState},
    payload::blake2_256,
    report::ReportEntry,
    AccountId, BlockNumber, Period,
};
use tracing::{debug, info, warn};

use crate::{
    error::Result,
    shared::{Facts, Shared},
};

/// How many blocks an anchor has before the next one in the order acts.
const TAKEOVER: BlockNumber = 5;
/// How many blocks to wait after an attempt that failed.
const RETRY: BlockNumber = 3;
/// How often something is tried: what the chain refuses so often, it does not want.
const ATTEMPTS: u32 = 5;
/// How many periods back reports are looked at after a start.
const LOOK_BACK: Period = 16;

/// A node and the period of its breach.
type Name = (AccountId, Period);

/// Watches the committed reports until the service stops.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut facts = shared.facts.subscribe();
    let mut watch = Watch::default();
    while facts.changed().await.is_ok() {
        let Some(now) = facts.borrow_and_update().clone() else { continue };
        if !shared.is_active(&now) {
            continue;
        }
        if let Err(error) = watch.step(shared, &now).await {
            warn!(%error, "could not look after breaches");
        }
    }
}

#[derive(Default)]
struct Watch {
    /// The periods whose reports were looked at.
    looked: BTreeSet<Period>,
    /// Breaches to be reported.
    found: BTreeMap<Name, Found>,
    /// Slashes that were tried to take.
    slashes: BTreeMap<Name, Tries>,
}

/// A persistent breach that a committed report shows.
struct Found {
    entry: ReportEntry,
    proof: MerkleProof,
    /// The block at which it was found.
    since: BlockNumber,
    tries: Tries,
}

/// How often something was tried, and when it may be tried again.
#[derive(Clone, Copy, Default)]
struct Tries {
    count: u32,
    not_before: BlockNumber,
}

impl Tries {
    fn failed(&mut self, now: BlockNumber) {
        self.count = self.count.saturating_add(1);
        self.not_before = now.saturating_add(RETRY);
    }

    fn may_try(&self, now: BlockNumber) -> bool {
        self.count < ATTEMPTS && now >= self.not_before
    }
}

impl Watch {
    async fn step(&mut self, shared: &Shared, facts: &Facts) -> Result<()> {
        self.look(shared, facts).await?;
        self.report(shared, facts).await?;
        self.slash(shared, facts).await
    }

    /// Looks for persistent breaches in reports that were not looked at.
    async fn look(&mut self, shared: &Shared, facts: &Facts) -> Result<()> {
        let oldest = facts.next_to_commit.saturating_sub(LOOK_BACK);
        self.looked = self.looked.split_off(&oldest);
        for period in oldest..facts.next_to_commit {
            if self.looked.contains(&period) {
                continue;
            }
            // Contents that are not here yet come later.
            let Some((_, leaves)) = shared.committed(period).await? else { continue };
            self.looked.insert(period);
            for entry in leaves.report.iter().filter(|entry| is_persistent(facts.agreements.get(&entry.node), entry)) {
                let Some((_, proof)) = leaves.prove_report(&entry.node) else { continue };
                let found = Found { entry: entry.clone(), proof, since: facts.block.number, tries: Tries::default() };
                self.found.insert((entry.node.clone(), period), found);
            }
        }
        Ok(())
    }

    /// Reports what was found, when it is this anchor's turn and nobody else has.
    async fn report(&mut self, shared: &Shared, facts: &Facts) -> Result<()> {
        let now = facts.block.number;
        self.found.retain(|_, found| found.tries.count < ATTEMPTS);
        let mut done = Vec::new();
        for (name, found) in &mut self.found {
            if now < turn(facts, name, &shared.account, found.since) || !found.tries.may_try(now) {
                continue;
            }
            let (node, period) = name;
            if shared.chain.breaches(node).await?.iter().any(|breach| breach.period == *period) {
                done.push(name.clone());
                continue;
            }
            match shared.chain.report_breach(&shared.key, found.entry.clone(), found.proof.clone()).await {
                Ok(included) => {
                    info!(%node, period, breaches = found.entry.breaches, block = included.block.number, "reported a breach");
                    done.push(name.clone());
                }
                Err(error) => {
                    debug!(%node, period, %error, "a breach was not reported");
                    found.tries.failed(now);
                }
            }
        }
        for name in done {
            self.found.remove(&name);
        }
        Ok(())
    }

    /// Takes the slashes that are due, when it is this anchor's turn.
    async fn slash(&mut self, shared: &Shared, facts: &Facts) -> Result<()> {
        let now = facts.block.number;
        let mut waiting = BTreeSet::new();
        for (node, breaches) in shared.chain.all_breaches().await? {
            for Breach { period, due_at, .. } in breaches.into_iter().filter(|b| b.state == BreachState::Deferred) {
                let name = (node.clone(), period);
                waiting.insert(name.clone());
                let tries = self.slashes.get(&name).copied().unwrap_or_default();
                if now < turn(facts, &name, &shared.account, due_at) || !tries.may_try(now) {
                    continue;
                }
                let tries = self.slashes.entry(name).or_default();
                // One that was taken is no longer deferred once its block is finalised; until then it isn't tried again.
                tries.failed(now);
                match shared.chain.apply_slash(&shared.key, node.clone(), period).await {
                    Ok(included) => info!(%node, period, block = included.block.number, "a slash was taken"),
                    Err(error) => debug!(%node, period, %error, "a slash was not taken"),
                }
            }
        }
        self.slashes.retain(|name, _| waiting.contains(name));
        Ok(())
    }
}

/// The first block at which the anchor acts on something that was there at `since`; never if it is not active.
fn turn(facts: &Facts, (node, period): &Name, own: &AccountId, since: BlockNumber) -> BlockNumber {
    let seed = blake2_256(&("smartlayer/breach/1".as_bytes(), node).encode());
    let order = duty::ranking(&seed, *period, facts.anchors.keys().cloned());
    match order.iter().position(|anchor| anchor == own) {
        Some(rank) => since.saturating_add((rank as BlockNumber).saturating_mul(TAKEOVER)),
        None => BlockNumber::MAX,
    }
}

/// Whether a report's entry is a persistent breach that costs something, as far as it can be told here: the chain has the last word.
fn is_persistent(agreement: Option<&Agreement>, entry: &ReportEntry) -> bool {
    let held = agreement.filter(|agreement| !agreement.in_maintenance(entry.period));
    let penalty = held.and_then(|agreement| agreement.terms_at(entry.period)).map(|terms| terms.penalty);
    penalty.is_some_and(|penalty| !penalty.slash.is_zero() && penalty.is_persistent(entry.breaches))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shared::tests::facts,
        testing::{account, agreements, entry, PERIOD},
    };
    use smartlayer_primitives::agreement::{InForce, Maintenance, Standing};

    #[test]
    fn each_anchor_has_its_turn_and_they_share_the_work() {
        let facts = facts(4);
        let mut firsts = BTreeSet::new();
        for period in 0..32 {
            let name = (account(9), period);
            let turns: BTreeSet<_> = facts.anchors.keys().map(|anchor| turn(&facts, &name, anchor, 100)).collect();
            assert_eq!(turns, [100, 105, 110, 115].into());
            firsts.insert(facts.anchors.keys().find(|anchor| turn(&facts, &name, anchor, 100) == 100).cloned());
            assert_eq!(turn(&facts, &name, &account(200), 100), BlockNumber::MAX);
        }
        assert_eq!(firsts.len(), 4);
    }

    #[test]
    fn only_what_the_terms_call_persistent_is_reported() {
        let terms = agreements([1])[&account(1)].terms;
        let in_force = Some(InForce { terms, since: PERIOD, standing: Standing::Good });
        let agreement = Agreement { in_force, ..Default::default() };
        let with = |breaches| ReportEntry { breaches, ..entry(1) };
        let persistent: Vec<_> = (0..10).filter(|b| is_persistent(Some(&agreement), &with(*b))).collect();
        assert_eq!(persistent, [3, 6, 9]);
        assert!(!is_persistent(None, &with(3)));
        assert!(!is_persistent(Some(&agreement), &ReportEntry { period: PERIOD - 1, ..with(3) }));
        let maintenance = vec![Maintenance { from: PERIOD, periods: 1 }].try_into().unwrap();
        assert!(!is_persistent(Some(&Agreement { maintenance, ..agreement.clone() }), &with(3)));
        let mut free = agreement;
        free.in_force.as_mut().unwrap().terms.penalty.slash = Default::default();
        assert!(!is_persistent(Some(&free), &with(3)));
    }

    #[test]
    fn trying_ends() {
        let mut tries = Tries::default();
        let mut now = 0;
        while tries.may_try(now) {
            tries.failed(now);
            assert!(!tries.may_try(now));
            now += RETRY;
        }
        assert_eq!(now, ATTEMPTS * RETRY);
    }
}
