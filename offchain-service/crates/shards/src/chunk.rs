//! The Merkle tree over a shard's chunks: what a shard is checked against, and how a holder proves that it still has it.

use codec::Encode;
use smartlayer_primitives::{
    assignment::Coding,
    merkle::{prove, Leaf, MerkleProof, MerkleRoot},
    Hash,
};

use crate::coding::{check_coding, shard_length};

/// A chunk's size in bytes; a shard's last chunk may be shorter.
pub const CHUNK_BYTES: usize = 1024;

/// A chunk of a shard as a Merkle leaf. Its position is part of the proof.
#[derive(Encode)]
struct Chunk<'a>(&'a [u8]);

impl Leaf for Chunk<'_> {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/chunk/1";
}

fn chunks(shard: &[u8]) -> Vec<Chunk<'_>> {
    shard.chunks(CHUNK_BYTES).map(Chunk).collect()
}

/// The Merkle root over a shard's chunks: what [`smartlayer_primitives::assignment::Holding::root`] holds.
pub fn shard_root(shard: &[u8]) -> Hash {
    MerkleRoot::of(&chunks(shard)).hash
}

/// How many chunks every shard of this coding has: an audit asks for one of them.
pub fn chunk_count(coding: &Coding) -> u32 {
    shard_length(coding).div_ceil(CHUNK_BYTES) as u32
}

/// A chunk of a shard and its proof: a holder's answer to an audit. Nothing if the shard has no such chunk.
pub fn prove_chunk(shard: &[u8], index: u32) -> Option<(Vec<u8>, MerkleProof)> {
    let chunks = chunks(shard);
    let proof = prove(&chunks, index)?;
    Some((chunks.get(index as usize)?.0.to_vec(), proof))
}

/// Whether `chunk` is the chunk `index` of the shard with this root. Costs a hash of the chunk and one a tree level.
pub fn verify_chunk(coding: &Coding, root: &Hash, index: u32, chunk: &[u8], proof: &MerkleProof) -> bool {
    check_coding(coding).is_ok()
        && proof.leaf_index == index
        && chunk.len() <= CHUNK_BYTES
        && MerkleRoot { hash: *root, leaves: chunk_count(coding) }.contains(&Chunk(chunk), proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode;
    use proptest::prelude::*;
    use smartlayer_primitives::token::Redundancy;

    proptest! {
        #[test]
        fn a_holder_proves_every_chunk_and_no_other(length in 1usize..40_000, pick in any::<prop::sample::Index>(), flip: u8) {
            let state: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (coding, shards) = encode(&state, &Redundancy { serving: 1, shards: 3, threshold: 2 }).unwrap();
            let count = chunk_count(&coding);
            let index = pick.index(count as usize) as u32;
            let (chunk, proof) = prove_chunk(&shards[1].bytes, index).unwrap();
            prop_assert!(verify_chunk(&coding, &shards[1].root, index, &chunk, &proof));
            prop_assert!(!verify_chunk(&coding, &shards[2].root, index, &chunk, &proof));
            prop_assert!(!verify_chunk(&coding, &shards[1].root, index + 1, &chunk, &proof));
            let mut bad = chunk.clone();
            let at = flip as usize % bad.len();
            bad[at] ^= 1;
            prop_assert!(!verify_chunk(&coding, &shards[1].root, index, &bad, &proof));
            prop_assert!(prove_chunk(&shards[1].bytes, count).is_none());
        }
    }
}
