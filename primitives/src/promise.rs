//! Promises: what a session's signer signs with every paid call.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::traits::Verify;

use crate::{
    notary::SignedAllocation,
    payload::{blake2_256, Payload},
    AccountId, Balance, Hash, SessionId, Signature,
};

/// The longest tick chain that a promise may commit to.
pub const MAX_TICKS: u32 = 4096;

/// "Of this session I owe in total `cumulative`." Only the highest promise of a session counts.
///
/// In a session that names a notary instead of a node, each node has a count of its own: `session` is then the [`channel_id`] of the
/// node in the notary's round, so that a promise is worth nothing to any other node.
///
/// Signed as `"smartlayer/promise/1" ‖ SCALE(genesis hash, session, cumulative, call hash, tick commitment)`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Promise {
    /// The session that pays, or the node's channel in it.
    pub session: SessionId,
    /// What is owed in total since the session opened (or the channel began), in planck.
    pub cumulative: Balance,
    /// The request that this promise pays for; see [`call_hash`].
    pub call_hash: Hash,
    /// A hash chain whose preimages add to `cumulative` one unit each.
    pub ticks: Option<TickCommitment>,
}

/// The end of a hash chain: each preimage revealed pays one unit more.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct TickCommitment {
    /// The last hash of the chain, which is published first.
    pub root: Hash,
    /// What one preimage pays, in planck.
    pub unit: Balance,
    /// How many preimages there are, at most [`MAX_TICKS`].
    pub length: u32,
}

impl TickCommitment {
    /// Whether hashing `preimage` `count` times gives the root. Costs `count` hashes, of which there are at most [`MAX_TICKS`].
    pub fn verify(&self, ticks: &Ticks) -> bool {
        self.length <= MAX_TICKS
            && ticks.count <= self.length
            && (0..ticks.count).fold(ticks.preimage, |hash, _| tick_hash(&hash)) == self.root
    }
}

/// The ticks that were revealed under a promise's [`TickCommitment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Ticks {
    /// How many were revealed: each owes one unit.
    pub count: u32,
    /// The last one: hashed `count` times it gives the root.
    pub preimage: Hash,
}

/// One step towards the root of a hash chain: blake2-256 of `"smartlayer/tick/1" ‖ preimage`.
pub fn tick_hash(preimage: &Hash) -> Hash {
    const DOMAIN: &[u8; 17] = b"smartlayer/tick/1";
    // On the stack: a claim can cost thousands of these.
    let mut bytes = [0u8; DOMAIN.len() + 32];
    for (to, from) in bytes.iter_mut().zip(DOMAIN.iter().chain(preimage.as_fixed_bytes())) {
        *to = *from;
    }
    blake2_256(&bytes)
}

/// All that it takes to be paid on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Claim {
    /// The highest promise.
    pub promise: SignedPromise,
    /// What was revealed under the promise's tick commitment, if it has one.
    pub ticks: Option<Ticks>,
    /// The notary's allocation, in a session that names one.
    pub allocation: Option<SignedAllocation>,
}

impl Claim {
    /// The session that is claimed from. The promise itself names it, or the node's channel in it.
    pub fn session(&self) -> SessionId {
        self.allocation.as_ref().map_or(self.promise.promise.session, |signed| signed.allocation.session)
    }

    /// The notary's round that is claimed in, in a network session.
    pub fn round(&self) -> Option<u16> {
        self.allocation.as_ref().map(|signed| signed.allocation.round)
    }

    /// What is owed in total: the promise's cumulative amount and one unit for each tick. Nothing if that is more than a balance can
    /// be, or if there are ticks without a commitment. Whether the ticks are good is for [`TickCommitment::verify`] to say.
    pub fn owed(&self) -> Option<Balance> {
        match (&self.ticks, &self.promise.promise.ticks) {
            (None, _) => Some(self.promise.promise.cumulative),
            (Some(_), None) => None,
            (Some(ticks), Some(commitment)) => {
                commitment.unit.checked_mul(ticks.count.into())?.checked_add(self.promise.promise.cumulative)
            }
        }
    }
}

impl From<SignedPromise> for Claim {
    /// The claim of a promise between a payer and one node, without ticks.
    fn from(promise: SignedPromise) -> Self {
        Self { promise, ticks: None, allocation: None }
    }
}

/// A promise and its signature by the session's signer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SignedPromise {
    /// What is promised.
    pub promise: Promise,
    /// The signer's signature over the promise's signing payload.
    pub signature: Signature,
}

impl Payload for Promise {
    const DOMAIN: &'static str = "smartlayer/promise/1";
}

impl SignedPromise {
    /// Whether `signer` signed this promise for the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash, signer: &AccountId) -> bool {
        self.signature.verify(&self.promise.signing_payload(genesis)[..], signer)
    }
}

/// The identifier of the session that `payer` opens to `node` with `nonce`: blake2-256 of genesis, payer, node, nonce.
pub fn session_id(genesis: &Hash, payer: &AccountId, node: &AccountId, nonce: u64) -> SessionId {
    blake2_256(&("smartlayer/session/1".as_bytes(), genesis, payer, node, nonce).encode())
}

/// What binds a promise to its request: the blake2-256 hash of the request body's bytes as sent.
pub fn call_hash(request: &[u8]) -> Hash {
    blake2_256(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(seed: [u8; 32], length: u32) -> Vec<Hash> {
        let mut hashes = alloc::vec![Hash::from(seed)];
        for _ in 0..length {
            hashes.push(tick_hash(hashes.last().unwrap()));
        }
        hashes.reverse();
        hashes
    }

    proptest! {
        #[test]
        fn each_preimage_pays_exactly_its_count(seed: [u8; 32], length in 1u32..64, count in 0u32..70, other in 0u32..70) {
            let hashes = chain(seed, length);
            let commitment = TickCommitment { root: hashes[0], unit: 1, length };
            if let Some(preimage) = hashes.get(count as usize) {
                let (right, wrong) = (Ticks { count, preimage: *preimage }, Ticks { count: other, preimage: *preimage });
                prop_assert!(commitment.verify(&right));
                prop_assert_eq!(commitment.verify(&wrong), other == count);
            } else {
                let beyond = Ticks { count, preimage: Hash::from(seed) };
                prop_assert!(!commitment.verify(&beyond));
            }
        }
    }

    #[test]
    fn a_chain_longer_than_the_bound_pays_nothing() {
        let hashes = chain([1; 32], MAX_TICKS + 1);
        let commitment = TickCommitment { root: hashes[0], unit: 1, length: MAX_TICKS + 1 };
        assert!(!commitment.verify(&Ticks { count: 1, preimage: hashes[1] }));
    }
}
