//! Network sessions: one deposit for many nodes, shared out by a notary.
//!
//! A session may name a *notary*, an active anchor, instead of a node. The notary signs *allocations*: how much of the deposit each
//! node may count on. A node accepts promises up to its allocation and claims with both. The caps that a notary signs must never add up to
//! more than its budget; when they do, its bond pays what the deposit cannot.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::traits::Verify;

use crate::{
    payload::{blake2_256, Payload},
    quorum::{AnchorKey, AnchorSignature},
    AccountId, Balance, BlockNumber, Hash, SessionId,
};

/// The most nodes that one network session can pay.
pub const MAX_SESSION_NODES: u16 = 256;

/// "Of this session, `node` may claim up to `cap` in my round." Only the highest cap of a node counts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Allocation {
    /// The session.
    pub session: SessionId,
    /// The notary's round in it.
    pub round: u16,
    /// Whose part it is.
    pub node: AccountId,
    /// The most that the node may claim in this round, in planck.
    pub cap: Balance,
}

impl Payload for Allocation {
    const DOMAIN: &'static str = "smartlayer/allocation/1";
}

/// An allocation with the notary's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SignedAllocation {
    /// What is allocated.
    pub allocation: Allocation,
    /// By the key that the session pinned for the round.
    pub signature: AnchorSignature,
}

impl SignedAllocation {
    /// Whether `key` signed this allocation for the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash, key: &AnchorKey) -> bool {
        self.signature.verify(&self.allocation.signing_payload(genesis)[..], key)
    }
}

/// A notary's time in a network session. It may allocate what the earlier rounds left: of the deposit, and of the room for nodes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Round {
    /// Counts the session's notaries.
    pub number: u16,
    /// The anchor.
    pub notary: AccountId,
    /// Its signing key when it was named; rotating it changes nothing for this session.
    pub key: AnchorKey,
    /// From this block on its allocations are good: when those of the notary before it no longer are.
    pub starts_at: BlockNumber,
    /// What earlier rounds used up of the session; known from the first claim of this round on, because nothing can be claimed of the
    /// earlier ones any more.
    pub before: Option<Used>,
}

/// What rounds used up of a network session.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Used {
    /// Of the deposit, in planck.
    pub claimed: Balance,
    /// Of the room for nodes.
    pub nodes: u16,
}

/// The notary of a network session, and the one that it took over from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Notary {
    /// The running round, or the one that begins at its `starts_at`.
    pub current: Round,
    /// The round before it, whose allocations are good until the current one starts.
    pub former: Option<Round>,
    /// How many nodes the session has room for; paid for by its storage deposit.
    pub max_nodes: u16,
    /// How many channels have been claimed from.
    pub nodes: u16,
}

/// What names a node's count in one round of a network session: blake2-256 of session, round, node.
pub fn channel_id(session: &SessionId, round: u16, node: &AccountId) -> SessionId {
    blake2_256(&("smartlayer/channel/1".as_bytes(), session, round, node).encode())
}
