//! Merkle trees over typed leaves: blake2-256, each kind of leaf hashed under a domain of its own.

use alloc::vec::Vec;
use binary_merkle_tree::{merkle_proof_raw, merkle_root_raw, verify_proof, Leaf as TreeLeaf};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::{traits::BlakeTwo256, BoundedVec};

use crate::{payload::blake2_256, Hash};

/// A tree has at most 2^32 leaves, so no proof is longer.
pub const MAX_DEPTH: u32 = 32;

/// Something that a tree commits to.
pub trait Leaf: Encode {
    /// Keeps leaves of one kind from being read as another, or as inner nodes.
    const DOMAIN: &'static [u8];

    /// blake2-256(domain ‖ SCALE(self)).
    fn leaf_hash(&self) -> Hash {
        let mut bytes = Self::DOMAIN.to_vec();
        self.encode_to(&mut bytes);
        blake2_256(&bytes)
    }
}

/// A root and how many leaves it commits to; the count is part of what a proof is checked against.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct MerkleRoot {
    /// The root's hash; zero for no leaves.
    pub hash: Hash,
    /// The number of leaves.
    pub leaves: u32,
}

/// The way from one leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct MerkleProof {
    /// The leaf's position.
    pub leaf_index: u32,
    /// The sibling hashes from the leaf upwards.
    pub siblings: BoundedVec<Hash, ConstU32<MAX_DEPTH>>,
}

impl MerkleRoot {
    /// The root over `leaves`, in their order.
    pub fn of<'a, L: Leaf + 'a>(leaves: impl IntoIterator<Item = &'a L>) -> Self {
        let hashes: Vec<H256> = leaves.into_iter().map(Leaf::leaf_hash).collect();
        if hashes.is_empty() {
            return Self::default();
        }
        let leaves = hashes.len() as u32;
        Self { hash: merkle_root_raw::<BlakeTwo256, _>(hashes), leaves }
    }

    /// Whether `leaf` lies under this root where `proof` says. Costs one hash a level.
    pub fn contains<L: Leaf>(&self, leaf: &L, proof: &MerkleProof) -> bool {
        proof.leaf_index < self.leaves
            && verify_proof::<BlakeTwo256, _, _>(
                &self.hash,
                proof.siblings.iter().copied(),
                self.leaves,
                proof.leaf_index,
                TreeLeaf::Hash(leaf.leaf_hash()),
            )
    }
}

/// The proof for the leaf at `index`, or nothing if there is no such leaf.
pub fn prove<'a, L: Leaf + 'a>(leaves: impl IntoIterator<Item = &'a L>, index: u32) -> Option<MerkleProof> {
    let hashes: Vec<H256> = leaves.into_iter().map(Leaf::leaf_hash).collect();
    if index as usize >= hashes.len() {
        return None;
    }
    let proof = merkle_proof_raw::<BlakeTwo256, _>(hashes, index);
    Some(MerkleProof { leaf_index: index, siblings: proof.proof.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Encode)]
    struct Number(u64);
    impl Leaf for Number {
        const DOMAIN: &'static [u8] = b"test";
    }

    proptest! {
        #[test]
        fn every_leaf_proves_and_no_other_does(count in 1u64..200, pick in any::<prop::sample::Index>(), other in any::<u64>()) {
            let leaves: Vec<_> = (0..count).map(Number).collect();
            let root = MerkleRoot::of(&leaves);
            let index = pick.index(leaves.len());
            let proof = prove(&leaves, index as u32).unwrap();
            prop_assert!(root.contains(&leaves[index], &proof));
            prop_assert!(proof.siblings.len() <= 8);
            prop_assume!(other != index as u64);
            prop_assert!(!root.contains(&Number(other), &proof));
        }

        #[test]
        fn hostile_proofs_are_refused(siblings in prop::collection::vec(any::<[u8; 32]>(), 0..=32), leaf_index: u32, leaves: u32, hash: [u8; 32]) {
            let siblings = siblings.into_iter().map(H256).collect::<Vec<_>>().try_into().unwrap();
            let root = MerkleRoot { hash: H256(hash), leaves };
            let proof = MerkleProof { leaf_index, siblings };
            prop_assert!(!root.contains(&Number(1), &proof));
        }
    }

    #[test]
    fn no_leaves_prove_nothing() {
        let root = MerkleRoot::of::<Number>([]);
        assert_eq!(root, MerkleRoot::default());
        assert!(prove::<Number>([], 0).is_none());
        let proof = MerkleProof { leaf_index: 0, siblings: Default::default() };
        assert!(!root.contains(&Number(0), &proof));
    }
}
