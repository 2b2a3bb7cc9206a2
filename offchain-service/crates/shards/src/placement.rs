//! Which nodes serve an instance and which hold its shards.
//!
//! Weighted rendezvous hashing: every candidate draws a number from the hash of (seed, instance, candidate), and the smallest
//! `-ln(draw) / weight` come first, so that a node's chance is proportional to its weight and no node's place depends on who else
//! is a candidate (D. Thaler and C. Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998; the logarithmic weighting:
//! C. Schindelhauer and G. Schomaker, "Weighted Distributed Hash Tables", 2005). The logarithm is computed in integers and the
//! quotients are compared by cross-multiplication, so all machines agree to the bit.

use std::cmp::Ordering;

use codec::Encode;
use smartlayer_primitives::{payload::blake2_256, token::Redundancy, AccountId, Hash, InstanceId};

use crate::log::neg_log2;

/// A node that may be given instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node. Each node is a candidate at most once.
    pub node: AccountId,
    /// Its chance in proportion to the others'; a candidate without weight is never chosen.
    pub weight: u64,
}

/// Who serves and who holds shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Different nodes that hold the whole state. The first executes operations.
    pub serving: Vec<AccountId>,
    /// The holder of shard 0, 1 and so on.
    pub holders: Vec<AccountId>,
}

/// The candidates in the order in which this instance prefers them, the best `at_most` of them.
///
/// `seed` is the period's randomness: nobody can pick an account or an instance index so as to be chosen.
pub fn rank(seed: &Hash, instance: InstanceId, candidates: &[Candidate], at_most: usize) -> Vec<AccountId> {
    let mut draws: Vec<Draw> = candidates
        .iter()
        .filter(|candidate| candidate.weight > 0)
        .map(|candidate| Draw::new(seed, instance, candidate))
        .collect();
    if at_most == 0 {
        return Vec::new();
    }
    if at_most < draws.len() {
        // Only the front has to be sorted: there may be a million candidates, and a few are wanted.
        draws.select_nth_unstable(at_most - 1);
        draws.truncate(at_most);
    }
    draws.sort_unstable();
    draws.into_iter().map(|draw| draw.candidate.node.clone()).collect()
}

/// Places an instance: the first `redundancy.serving` candidates in its [`rank`]ing serve, the next ones hold a shard each.
///
/// Nothing if the redundancy is not valid or there are fewer candidates than serving nodes. When there are too few others to hold
/// the shards, they are doubled up in the order of (shards held so far, serving or not, rank): first every other candidate holds
/// one, then every serving node, then everybody a second one, and so on.
pub fn place(
    seed: &Hash,
    instance: InstanceId,
    candidates: &[Candidate],
    redundancy: &Redundancy,
) -> Option<Placement> {
    let (serving, shards) = (usize::from(redundancy.serving), usize::from(redundancy.shards));
    let ranked = rank(seed, instance, candidates, serving + shards);
    if !redundancy.is_valid() || ranked.len() < serving {
        return None;
    }
    let (serving, others) = ranked.split_at(serving);
    let holders = others.iter().chain(serving).cycle().take(shards).cloned().collect();
    Some(Placement { serving: serving.to_vec(), holders })
}

/// A candidate's draw, ordered by `-log2(draw) / weight`; the base of the logarithm doesn't change the order.
struct Draw<'a> {
    cost: u64,
    hash: Hash,
    candidate: &'a Candidate,
}

impl<'a> Draw<'a> {
    fn new(seed: &Hash, instance: InstanceId, candidate: &'a Candidate) -> Self {
        let hash = blake2_256(&("smartlayer/placement/1".as_bytes(), seed, instance, &candidate.node).encode());
        let mut head = [0; 8];
        head.copy_from_slice(&hash[..8]);
        Self { cost: neg_log2(u64::from_be_bytes(head)), hash, candidate }
    }
}

impl Ord for Draw<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.cost) * u128::from(other.candidate.weight);
        let right = u128::from(other.cost) * u128::from(self.candidate.weight);
        left.cmp(&right).then_with(|| self.hash.cmp(&other.hash))
    }
}

impl PartialOrd for Draw<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Draw<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Draw<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SEED: Hash = Hash::repeat_byte(3);

    fn node(i: u16) -> AccountId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&i.to_be_bytes());
        AccountId::new(bytes)
    }

    fn instance(index: u32) -> InstanceId {
        InstanceId { token_type: 1, index }
    }

    fn equal(count: u16) -> Vec<Candidate> {
        (0..count).map(|i| Candidate { node: node(i), weight: 1 }).collect()
    }

    fn everybody(placement: &Placement) -> BTreeSet<AccountId> {
        placement.serving.iter().chain(&placement.holders).cloned().collect()
    }

    proptest! {
        #[test]
        fn order_of_candidates_does_not_matter_and_others_keep_theirs(
            weights in prop::collection::vec(0u64..1000, 1..40), gone: prop::sample::Index, index: u32,
        ) {
            let candidates: Vec<_> =
                weights.iter().enumerate().map(|(i, weight)| Candidate { node: node(i as u16), weight: *weight }).collect();
            let all = rank(&SEED, instance(index), &candidates, usize::MAX);
            let mut reversed = candidates.clone();
            reversed.reverse();
            prop_assert_eq!(&all, &rank(&SEED, instance(index), &reversed, usize::MAX));
            prop_assert_eq!(all.len(), weights.iter().filter(|w| **w > 0).count());
            for count in 0..all.len() {
                prop_assert_eq!(&all[..count], &rank(&SEED, instance(index), &candidates, count)[..]);
            }
            // Whoever leaves, the others stay in their order.
            let gone = gone.get(&candidates).node.clone();
            let rest: Vec<_> = candidates.iter().filter(|c| c.node != gone).cloned().collect();
            let expected: Vec<_> = all.into_iter().filter(|n| *n != gone).collect();
            prop_assert_eq!(expected, rank(&SEED, instance(index), &rest, usize::MAX));
        }

        #[test]
        fn leaving_brings_in_at_most_one_other(count in 12u16..60, gone in 0u16..60, index: u32) {
            let redundancy = Redundancy { serving: 3, shards: 8, threshold: 4 };
            let candidates = equal(count);
            let before = place(&SEED, instance(index), &candidates, &redundancy).unwrap();
            let rest: Vec<_> = candidates.into_iter().filter(|c| c.node != node(gone)).collect();
            let after = place(&SEED, instance(index), &rest, &redundancy).unwrap();
            let (before, after) = (everybody(&before), everybody(&after));
            let came = after.difference(&before).count();
            let left: Vec<_> = before.difference(&after).collect();
            prop_assert_eq!(came, left.len());
            prop_assert!(left.is_empty() || left == [&node(gone)]);
        }
    }

    #[test]
    fn enough_candidates_have_one_part_each() {
        let redundancy = Redundancy { serving: 2, shards: 5, threshold: 3 };
        let placement = place(&SEED, instance(1), &equal(7), &redundancy).unwrap();
        assert_eq!(everybody(&placement).len(), 7);
    }

    #[test]
    fn too_few_candidates_double_up_in_order() {
        let redundancy = Redundancy { serving: 2, shards: 7, threshold: 3 };
        let candidates = equal(4);
        let ranked = rank(&SEED, instance(1), &candidates, 4);
        let placement = place(&SEED, instance(1), &candidates, &redundancy).unwrap();
        assert_eq!(placement.serving, ranked[..2]);
        let expected: Vec<_> = [2, 3, 0, 1, 2, 3, 0].iter().map(|i: &usize| ranked[*i].clone()).collect();
        assert_eq!(placement.holders, expected);

        assert!(place(&SEED, instance(1), &equal(2), &redundancy).is_some());
        assert_eq!(place(&SEED, instance(1), &equal(1), &redundancy), None);
        assert_eq!(place(&SEED, instance(1), &[], &redundancy), None);
        assert_eq!(place(&SEED, instance(1), &candidates, &Redundancy { threshold: 8, ..redundancy }), None);
    }

    #[test]
    fn chances_are_proportional_to_weights() {
        let candidates: Vec<_> =
            [1u64, 2, 3, 4].iter().zip(0..).map(|(w, i)| Candidate { node: node(i), weight: *w }).collect();
        let mut firsts = [0u32; 4];
        for index in 0..10_000 {
            let first = rank(&SEED, instance(index), &candidates, 1).remove(0);
            firsts[usize::from(AsRef::<[u8]>::as_ref(&first)[1])] += 1;
        }
        // Expected 1000, 2000, 3000, 4000; standard deviations 30 to 49, five of them either way.
        for (first, expected) in firsts.iter().zip([1000i64, 2000, 3000, 4000]) {
            assert!((i64::from(*first) - expected).abs() < 245, "{firsts:?}");
        }
    }

    /// Anchors of different versions must agree.
    #[test]
    fn golden_order() {
        let candidates: Vec<_> = (0..8).map(|i| Candidate { node: node(i), weight: u64::from(i) + 1 }).collect();
        let order: Vec<u8> =
            rank(&SEED, instance(7), &candidates, 8).iter().map(|n| AsRef::<[u8]>::as_ref(n)[1]).collect();
        assert_eq!(order, GOLDEN);
    }

    const GOLDEN: [u8; 8] = [4, 3, 2, 6, 5, 7, 0, 1];
}
