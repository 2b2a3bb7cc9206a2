//! The history: one short value that stands for every commitment that was ever accepted, so that old ones can be proved after the chain
//! dropped them.
//!
//! A *mountain range* is a row of perfect binary trees over the leaves in their order, each lower than the one before it; a binary number's
//! ones say how high they are. Adding a leaf merges trees of equal height, like a carry. The chain keeps only the peaks: at most 32
//! hashes. These few lines are our own because the peaks are at hand wherever a proof is checked: a proof is the plain way up to one of
//! them, and the position arithmetic, node store and bagging of a general library would only be in the way.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

use crate::{
    merkle::{MerkleProof, MAX_DEPTH},
    payload::blake2_256,
    Hash,
};

/// The peaks over all leaves so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct MountainRange {
    /// How many leaves there are.
    pub leaves: u32,
    /// The peaks, the highest first: one for each bit that is set in `leaves`.
    pub peaks: BoundedVec<Hash, ConstU32<MAX_DEPTH>>,
}

impl MountainRange {
    /// Adds a leaf. Returns false, and changes nothing, if there are 2^32 - 1 already.
    ///
    /// A leaf must be the hash of something that no inner node can be read as; a [`payload_hash`](crate::payload::Payload::payload_hash)
    /// is.
    pub fn push(&mut self, leaf: Hash) -> bool {
        let Some(leaves) = self.leaves.checked_add(1) else { return false };
        let mut peak = leaf;
        for _ in 0..self.leaves.trailing_ones() {
            let Some(left) = self.peaks.pop() else { return false };
            peak = parent(&left, &peak);
        }
        self.leaves = leaves;
        self.peaks.try_push(peak).is_ok()
    }

    /// Whether `leaf` is the one that was added as number `proof.leaf_index`, from zero. Costs one hash a level.
    ///
    /// A proof ends at a peak. It stays good until that peak is merged into a higher one, when only its siblings above are to be added.
    pub fn contains(&self, leaf: &Hash, proof: &MerkleProof) -> bool {
        let Some(place) = place(self.leaves, proof.leaf_index) else { return false };
        if proof.siblings.len() != place.height as usize {
            return false;
        }
        let peak = proof.siblings.iter().enumerate().fold(*leaf, |node, (level, sibling)| {
            let is_left = place.position.checked_shr(level as u32).unwrap_or(0) & 1 == 0;
            if is_left {
                parent(&node, sibling)
            } else {
                parent(sibling, &node)
            }
        });
        self.peaks.get(place.mountain) == Some(&peak)
    }
}

impl FromIterator<Hash> for MountainRange {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut range = Self::default();
        for leaf in leaves {
            range.push(leaf);
        }
        range
    }
}

/// The proof that `leaves[index]` lies in the range over all `leaves`, or nothing if there is no such leaf. Takes time in proportion to
/// the leaves.
pub fn prove(leaves: &[Hash], index: u32) -> Option<MerkleProof> {
    let place = place(u32::try_from(leaves.len()).ok()?, index)?;
    let start = index.checked_sub(place.position)? as usize;
    let mut level: Vec<Hash> = leaves.get(start..)?.iter().take(1usize.checked_shl(place.height)?).copied().collect();
    let mut position = place.position as usize;
    let mut siblings = Vec::new();
    while level.len() > 1 {
        siblings.push(*level.get(position ^ 1)?);
        level = level.chunks_exact(2).filter_map(|pair| Some(parent(pair.first()?, pair.last()?))).collect();
        position /= 2;
    }
    Some(MerkleProof { leaf_index: index, siblings: siblings.try_into().ok()? })
}

/// Where a leaf lies.
struct Place {
    /// In which mountain, from the highest.
    mountain: usize,
    /// How high that mountain is.
    height: u32,
    /// At which place at its foot.
    position: u32,
}

/// Where leaf number `index` lies among `leaves`; nothing if there is no such leaf.
fn place(leaves: u32, index: u32) -> Option<Place> {
    if index >= leaves {
        return None;
    }
    // The highest bit in which the two differ is one of `leaves`: the mountains of the bits above it lie wholly before the leaf, and the
    // leaf's own bits below it are its place in this one.
    let height = (leaves ^ index).ilog2();
    let below = 1u32.checked_shl(height)?.wrapping_sub(1);
    let higher = (leaves & !below).count_ones().checked_sub(1)?;
    Some(Place { mountain: higher as usize, height, position: index & below })
}

/// blake2-256 of two nodes, under a domain of its own.
fn parent(left: &Hash, right: &Hash) -> Hash {
    blake2_256(&("smartlayer/history/1".as_bytes(), left, right).encode())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaf(n: u32) -> Hash {
        blake2_256(&n.encode())
    }

    proptest! {
        #[test]
        fn every_leaf_proves_and_no_other_does(count in 1u32..300, pick in any::<prop::sample::Index>(), other: u32) {
            let leaves: Vec<_> = (0..count).map(leaf).collect();
            let range: MountainRange = leaves.iter().copied().collect();
            prop_assert_eq!(range.peaks.len() as u32, count.count_ones());
            let index = pick.index(leaves.len()) as u32;
            let proof = prove(&leaves, index).unwrap();
            prop_assert!(proof.siblings.len() as u32 <= count.ilog2());
            prop_assert!(range.contains(&leaf(index), &proof));
            prop_assume!(other != index);
            prop_assert!(!range.contains(&leaf(other), &proof));
            let elsewhere = MerkleProof { leaf_index: other, ..proof };
            prop_assert!(!range.contains(&leaf(index), &elsewhere));
        }

        #[test]
        fn a_proof_only_grows(count in 1u32..200, more in 0u32..200, pick in any::<prop::sample::Index>()) {
            let leaves: Vec<_> = (0..count + more).map(leaf).collect();
            let index = pick.index(count as usize) as u32;
            let before = prove(&leaves[..count as usize], index).unwrap();
            let after = prove(&leaves, index).unwrap();
            prop_assert!(after.siblings.starts_with(&before.siblings));
        }

        #[test]
        fn hostile_proofs_are_refused(
            leaves: u32,
            peaks in prop::collection::vec(any::<[u8; 32]>(), 0..=32),
            siblings in prop::collection::vec(any::<[u8; 32]>(), 0..=32),
            leaf_index: u32,
        ) {
            let hashes = |bytes: Vec<[u8; 32]>| bytes.into_iter().map(sp_core::H256).collect::<Vec<_>>().try_into().unwrap();
            let range = MountainRange { leaves, peaks: hashes(peaks) };
            let proof = MerkleProof { leaf_index, siblings: hashes(siblings) };
            prop_assert!(!range.contains(&leaf(1), &proof));
        }
    }

    /// Worked out by another implementation, of blake2-256 over 0x50 ‖ "smartlayer/history/1" ‖ left ‖ right.
    #[test]
    fn the_peaks_over_seven_leaves() {
        let range: MountainRange = (0..7).map(leaf).collect();
        let peaks: Vec<_> = range.peaks.iter().map(hex::encode).collect();
        assert_eq!(
            peaks,
            [
                "5df1ad065042f66c6de7252803b5009815fdbaec7c3bfb339019a97bbe286009",
                "3963f27cb815e3ced459b16e07bab58ff5d9751fd343be803790e74fb4c7dcc4",
                "f4aac2fbe33f03554bfeb559ea2690ed8521caa4be961e61c91ac9a1530dce7a",
            ]
        );
    }

    #[test]
    fn an_inner_node_is_no_leaf() {
        let leaves: Vec<_> = (0..4).map(leaf).collect();
        let range: MountainRange = leaves.iter().copied().collect();
        let node = parent(&leaves[0], &leaves[1]);
        let siblings = [parent(&leaves[2], &leaves[3])].to_vec().try_into().unwrap();
        assert!(!range.contains(&node, &MerkleProof { leaf_index: 0, siblings }));
    }

    #[test]
    fn nothing_is_under_nothing_and_a_full_range_takes_no_more() {
        assert!(prove(&[], 0).is_none());
        let nothing = MerkleProof { leaf_index: 0, siblings: Default::default() };
        assert!(!MountainRange::default().contains(&leaf(0), &nothing));
        let peaks: Vec<_> = (0..32).map(leaf).collect();
        let mut full = MountainRange { leaves: u32::MAX, peaks: peaks.try_into().unwrap() };
        let before = full.clone();
        assert!(!full.push(leaf(1)));
        assert_eq!(full, before);
        // The last leaf is a mountain of its own.
        assert!(full.contains(&leaf(31), &MerkleProof { leaf_index: u32::MAX - 1, ..nothing }));
    }
}
