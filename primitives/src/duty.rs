//! Duty: whose turn it is to write a period's commitment.

use alloc::vec::Vec;
use codec::Encode;

use crate::{payload::blake2_256, AccountId, BlockNumber, Hash, Period};

/// The anchors in the order in which they may write the commitment of `period`: by blake2-256 of (seed, period, account).
///
/// The seed must be randomness that was fixed before the period began and that nobody picks.
pub fn ranking(seed: &Hash, period: Period, anchors: impl IntoIterator<Item = AccountId>) -> Vec<AccountId> {
    let mut keyed: Vec<(Hash, AccountId)> = anchors
        .into_iter()
        .map(|a| (blake2_256(&("smartlayer/duty/1".as_bytes(), seed, period, &a).encode()), a))
        .collect();
    keyed.sort();
    keyed.into_iter().map(|(_, account)| account).collect()
}

/// The first block at which the anchor of this rank may write: rank 0 as soon as the period is over, rank r after r grace
/// intervals.
pub fn may_write_from(rank: u32, period_end: BlockNumber, grace: BlockNumber) -> BlockNumber {
    period_end.saturating_add(rank.saturating_mul(grace))
}

/// The anchor that answers the proposal of `node` when `elapsed` blocks have passed since: each has `interval` blocks, in an order that
/// the seed decides for this node, and after the last the first again. Nothing without anchors.
pub fn answering(
    seed: &Hash,
    node: &AccountId,
    anchors: impl IntoIterator<Item = AccountId>,
    elapsed: BlockNumber,
    interval: BlockNumber,
) -> Option<AccountId> {
    let mut keyed: Vec<(Hash, AccountId)> = anchors
        .into_iter()
        .map(|a| (blake2_256(&("smartlayer/answer/1".as_bytes(), seed, node, &a).encode()), a))
        .collect();
    keyed.sort();
    let turn = (elapsed.checked_div(interval.max(1))? as usize).checked_rem(keyed.len())?;
    keyed.into_iter().nth(turn).map(|(_, account)| account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_permutation_that_the_seed_decides(seed: [u8; 32], period: u32, count in 1u8..50) {
            let anchors: Vec<_> = (0..count).map(|i| AccountId::new([i; 32])).collect();
            let ranked = ranking(&sp_core::H256(seed), period, anchors.clone());
            let reversed = ranking(&sp_core::H256(seed), period, anchors.iter().rev().cloned());
            prop_assert_eq!(&ranked, &reversed);
            let mut sorted = ranked;
            sorted.sort();
            prop_assert_eq!(sorted, anchors);
        }
    }

    #[test]
    fn first_place_is_shared_fairly() {
        let anchors: Vec<_> = (0..4).map(|i| AccountId::new([i; 32])).collect();
        let mut firsts = [0u32; 4];
        for period in 0..4000 {
            let first = ranking(&Hash::repeat_byte(9), period, anchors.clone()).remove(0);
            firsts[AsRef::<[u8]>::as_ref(&first)[0] as usize] += 1;
        }
        // Expected 1000 each, standard deviation 27: five of them either way.
        assert!(firsts.iter().all(|f| (865..1135).contains(f)), "{firsts:?}");
    }
}
