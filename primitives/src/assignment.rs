//! Assignments: which nodes serve an instance, and which hold its shards.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

use crate::{merkle::Leaf, payload::Payload, quorum::QuorumCertificate, AccountId, Hash, InstanceId, Period};

/// The most nodes that can serve one instance.
pub const MAX_SERVING: u32 = 16;
/// The most shards that one instance can have.
pub const MAX_SHARDS: u32 = 255;
/// The largest state object of an instance, in bytes.
pub const MAX_STATE_BYTES: u32 = 1 << 20;

/// How an instance's state object was encoded (RaptorQ, RFC 6330, one source block).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Coding {
    /// The state object's length in bytes, 1 to [`MAX_STATE_BYTES`].
    pub length: u32,
    /// A symbol's size in bytes.
    pub symbol_size: u16,
    /// How many symbols a shard has.
    pub symbols_per_shard: u16,
    /// How many shards restore the object.
    pub threshold: u8,
}

/// One shard and its holder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Holding {
    /// The node that holds the shard.
    pub node: AccountId,
    /// The shard's number; its symbols start at `number × symbols_per_shard`, and a number is never given twice for one state.
    pub shard: u32,
    /// The Merkle root over the shard's chunks, which every byte is checked against before it is decoded.
    pub root: Hash,
}

/// Who serves and who holds one instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Assignment {
    /// The instance.
    pub instance: InstanceId,
    /// Rises with every change; the highest valid one counts.
    pub version: u32,
    /// The period whose randomness ordered the candidates.
    pub period: Period,
    /// blake2-256 of the state object as placed.
    pub state_hash: Hash,
    /// How the state object was encoded.
    pub coding: Coding,
    /// The nodes that hold the whole state and serve it. The first executes operations.
    pub serving: BoundedVec<AccountId, ConstU32<MAX_SERVING>>,
    /// The shards and who holds them.
    pub holdings: BoundedVec<Holding, ConstU32<MAX_SHARDS>>,
}

impl Payload for Assignment {
    const DOMAIN: &'static str = "smartlayer/assignment/1";
}

impl Leaf for Assignment {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/assignment/1";
}

/// An assignment that more than two thirds of the anchors attested.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SignedAssignment {
    /// What was decided.
    pub assignment: Assignment,
    /// Over its [`Payload::payload_hash`].
    pub certificate: QuorumCertificate,
}
