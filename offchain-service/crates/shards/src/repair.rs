//! What moves when nodes leave: what they held, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use smartlayer_primitives::{
    assignment::{Assignment, Holding},
    token::Redundancy,
    AccountId,
};

use crate::coding::{check_coding, first_symbol, CodingError};

/// How an assignment is to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairPlan {
    /// All who serve from now on: those who stay, in their old order, then the new ones.
    pub serving: Vec<AccountId>,
    /// Those among them who need the state.
    pub new_serving: Vec<AccountId>,
    /// The holdings that stay as they are.
    pub kept: Vec<Holding>,
    /// Shards to make out of fresh symbols: their numbers, never given before, and who gets them.
    pub fresh: Vec<(u32, AccountId)>,
}

impl RepairPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self, assignment: &Assignment) -> bool {
        self.new_serving.is_empty() && self.fresh.is_empty() && self.serving == assignment.serving.to_vec()
    }
}

/// Why an assignment can't be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepairError {
    /// Everybody who served is gone and there is no candidate.
    #[error("no node is left to serve the instance; wait for candidates")]
    NobodyToServe,
    /// The coding has no symbols left, or is out of bounds.
    #[error(transparent)]
    Coding(#[from] CodingError),
}

/// The plan for an assignment of which the nodes in `gone` have left.
///
/// `ranked` are the candidates in the instance's [`crate::rank`]ing, at least as many as `redundancy` asks for nodes, twice. Those
/// who stay keep what they hold whether they are still candidates or not. A new serving node is the first candidate by (shards
/// held, rank) that doesn't serve yet; a new holder the first by (shards held, serving or not, rank), as in [`crate::place`]. The
/// same plan also brings an assignment up to its redundancy that was short of nodes before.
pub fn repair(
    assignment: &Assignment,
    gone: &BTreeSet<AccountId>,
    ranked: &[AccountId],
    redundancy: &Redundancy,
) -> Result<RepairPlan, RepairError> {
    check_coding(&assignment.coding)?;
    let mut serving: Vec<AccountId> = assignment.serving.iter().filter(|node| !gone.contains(*node)).cloned().collect();
    let kept: Vec<Holding> = assignment.holdings.iter().filter(|h| !gone.contains(&h.node)).cloned().collect();
    let mut load: BTreeMap<&AccountId, u32> = BTreeMap::new();
    for holding in &kept {
        *load.entry(&holding.node).or_default() += 1;
    }
    // At most as many candidates are busy as there are parts, so twice as many always include the best free ones.
    let enough = 2 * (usize::from(redundancy.serving) + usize::from(redundancy.shards));
    let candidates: Vec<&AccountId> = ranked.iter().filter(|node| !gone.contains(*node)).take(enough).collect();

    let mut new_serving = Vec::new();
    while serving.len() < redundancy.serving.into() {
        let free = candidates.iter().enumerate().filter(|(_, node)| !serving.contains(node));
        let Some((_, best)) = free.min_by_key(|(rank, node)| (load.get(*node).copied().unwrap_or(0), *rank)) else {
            break;
        };
        serving.push((*best).clone());
        new_serving.push((*best).clone());
    }
    if serving.is_empty() {
        return Err(RepairError::NobodyToServe);
    }

    // Numbers of lost shards are not given again: their holders may come back. The largest number is never lost track of,
    // because whoever holds it is replaced under a larger one in the same plan.
    let mut number = assignment.holdings.iter().map(|h| h.shard.saturating_add(1)).max().unwrap_or(0);
    let mut fresh = Vec::new();
    while kept.len() + fresh.len() < redundancy.shards.into() {
        // When no candidate is left, those who serve hold the shards.
        let nodes = candidates.iter().copied().chain(serving.iter()).enumerate();
        let best =
            nodes.min_by_key(|(rank, node)| (load.get(*node).copied().unwrap_or(0), serving.contains(node), *rank));
        let Some((_, best)) = best else { break };
        first_symbol(&assignment.coding, number)?;
        *load.entry(best).or_default() += 1;
        fresh.push((number, best.clone()));
        number += 1;
    }
    Ok(RepairPlan { serving, new_serving, kept, fresh })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{choose_coding, place, rank, Candidate};
    use proptest::prelude::*;
    use smartlayer_primitives::{Hash, InstanceId};

    const INSTANCE: InstanceId = InstanceId { token_type: 1, index: 2 };

    fn node(i: u8) -> AccountId {
        AccountId::new([i; 32])
    }

    fn seed() -> Hash {
        Hash::repeat_byte(1)
    }

    fn candidates(count: u8) -> Vec<Candidate> {
        (0..count).map(|i| Candidate { node: node(i), weight: 1 }).collect()
    }

    fn ranked(count: u8) -> Vec<AccountId> {
        rank(&seed(), INSTANCE, &candidates(count), usize::MAX)
    }

    fn assignment(serving: Vec<AccountId>, holdings: Vec<Holding>, threshold: u8) -> Assignment {
        Assignment {
            instance: INSTANCE,
            version: 1,
            period: 0,
            state_hash: Hash::zero(),
            coding: choose_coding(100, threshold).unwrap(),
            serving: serving.try_into().unwrap(),
            holdings: holdings.try_into().unwrap(),
        }
    }

    fn placed(count: u8, redundancy: &Redundancy) -> Assignment {
        let placement = place(&seed(), INSTANCE, &candidates(count), redundancy).unwrap();
        let holdings = placement.holders.into_iter().zip(0..);
        let holdings = holdings.map(|(node, shard)| Holding { node, shard, root: Hash::zero() }).collect();
        assignment(placement.serving, holdings, redundancy.threshold)
    }

    fn applied(plan: &RepairPlan, redundancy: &Redundancy) -> Assignment {
        let fresh =
            plan.fresh.iter().map(|(shard, node)| Holding { node: node.clone(), shard: *shard, root: Hash::zero() });
        assignment(plan.serving.clone(), plan.kept.iter().cloned().chain(fresh).collect(), redundancy.threshold)
    }

    proptest! {
        #[test]
        fn leaving_moves_only_what_the_leavers_held(
            count in 3u8..40, serving in 1u8..4, shards in 1u8..12, leavers in prop::collection::vec(0u8..40, 1..12),
        ) {
            let redundancy = Redundancy { serving, shards, threshold: 1 };
            prop_assume!(count >= serving);
            let mut current = placed(count, &redundancy);
            let mut gone = BTreeSet::new();
            let mut numbers: BTreeSet<u32> = current.holdings.iter().map(|h| h.shard).collect();
            for leaver in leavers {
                gone.insert(node(leaver));
                let plan = match repair(&current, &gone, &ranked(count), &redundancy) {
                    Ok(plan) => plan,
                    Err(error) => {
                        prop_assert_eq!(error, RepairError::NobodyToServe);
                        prop_assert!((0..count).all(|i| gone.contains(&node(i))));
                        return Ok(());
                    }
                };
                let next = applied(&plan, &redundancy);
                // All parts of those who stay, stay.
                for holding in current.holdings.iter().filter(|h| !gone.contains(&h.node)) {
                    prop_assert!(next.holdings.contains(holding));
                }
                let stayed: Vec<_> = current.serving.iter().filter(|n| !gone.contains(*n)).cloned().collect();
                prop_assert_eq!(&next.serving[..stayed.len()], &stayed[..]);
                // Nobody who left has anything; numbers are new; serving nodes differ; the redundancy is reached.
                prop_assert!(next.serving.iter().chain(next.holdings.iter().map(|h| &h.node)).all(|n| !gone.contains(n)));
                for (number, _) in &plan.fresh {
                    prop_assert!(numbers.insert(*number));
                }
                prop_assert_eq!(next.holdings.len(), usize::from(shards));
                let left = (0..count).filter(|i| !gone.contains(&node(*i))).count();
                prop_assert_eq!(next.serving.len(), left.min(serving.into()));
                prop_assert_eq!(next.serving.iter().collect::<BTreeSet<_>>().len(), next.serving.len());
                // Nobody holds two parts while somebody holds none.
                if left >= usize::from(serving) + usize::from(shards) {
                    let busy: BTreeSet<_> = next.serving.iter().chain(next.holdings.iter().map(|h| &h.node)).collect();
                    prop_assert_eq!(busy.len(), usize::from(serving) + usize::from(shards));
                }
                prop_assert!(repair(&next, &gone, &ranked(count), &redundancy).unwrap().is_empty(&next));
                current = next;
            }
        }
    }

    #[test]
    fn nobody_left_is_an_error_and_a_survivor_takes_all() {
        let redundancy = Redundancy { serving: 2, shards: 3, threshold: 2 };
        let current = placed(5, &redundancy);
        let all: BTreeSet<_> = (0..5).map(node).collect();
        assert_eq!(repair(&current, &all, &ranked(5), &redundancy), Err(RepairError::NobodyToServe));
        let mut but_one = all;
        but_one.remove(&current.serving[1]);
        let plan = repair(&current, &but_one, &[], &redundancy).unwrap();
        assert_eq!(plan.serving, [current.serving[1].clone()]);
        assert_eq!(plan.fresh.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4, 5]);
    }

    #[test]
    fn exhausted_numbers_are_an_error() {
        let redundancy = Redundancy { serving: 1, shards: 2, threshold: 2 };
        let mut current = placed(4, &redundancy);
        current.holdings[1].shard = u32::MAX;
        let gone = [current.holdings[1].node.clone()].into();
        assert!(matches!(repair(&current, &gone, &ranked(4), &redundancy), Err(RepairError::Coding(_))));
    }
}
