//! Promises: what a session's signer signs with every paid call.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::traits::Verify;

use crate::{
    payload::{blake2_256, Payload},
    AccountId, Balance, Hash, SessionId, Signature,
};

/// The longest tick chain that a promise may commit to.
pub const MAX_TICKS: u32 = 4096;

/// "Of this session I owe in total `cumulative`." Only the highest promise of a session counts.
///
/// Signed as `"smartlayer/promise/1" ‖ SCALE(genesis hash, session, cumulative, call hash, tick commitment)`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Promise {
    /// The session that pays.
    pub session: SessionId,
    /// What is owed in total since the session opened, in planck.
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
