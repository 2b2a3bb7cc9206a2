//! Domain-separated bytes: what gets signed, and what gets hashed, never collides between two purposes or two chains.

use alloc::vec::Vec;
use codec::Encode;
use sp_runtime::traits::{BlakeTwo256, Hash as _};

use crate::Hash;

/// A value that is signed or hashed under a domain of its own.
pub trait Payload: Encode {
    /// The domain, `smartlayer/<purpose>/<version>`.
    const DOMAIN: &'static str;

    /// The bytes to sign: domain ‖ SCALE(genesis hash, self). The genesis hash binds them to one chain.
    fn signing_payload(&self, genesis: &Hash) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::DOMAIN.len().saturating_add(32).saturating_add(self.size_hint()));
        bytes.extend_from_slice(Self::DOMAIN.as_bytes());
        genesis.encode_to(&mut bytes);
        self.encode_to(&mut bytes);
        bytes
    }

    /// The blake2-256 hash of [`Payload::signing_payload`]: the name of this value, and what a quorum signs.
    fn payload_hash(&self, genesis: &Hash) -> Hash {
        blake2_256(&self.signing_payload(genesis))
    }
}

/// blake2-256 of some bytes.
pub fn blake2_256(bytes: &[u8]) -> Hash {
    BlakeTwo256::hash(bytes)
}
