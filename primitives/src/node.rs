//! Service nodes as the chain keeps them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

use crate::{payload::Payload, AccountId, Balance, BlockNumber, Period};

/// The URL at which a service answers, UTF-8.
pub type Endpoint = BoundedVec<u8, ConstU32<128>>;
/// A libp2p peer id in its binary (multihash) form.
pub type PeerId = BoundedVec<u8, ConstU32<64>>;

/// A registered service node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ServiceNode {
    /// Where it answers.
    pub endpoint: Endpoint,
    /// Who it is among the services.
    pub peer_id: PeerId,
    /// The hot key that signs in the node's name.
    pub service_key: AccountId,
    /// What is bonded, in planck; unbonding chunks not included.
    pub bond: Balance,
    /// What is on its way out, oldest first.
    pub unbonding: BoundedVec<UnbondingChunk, ConstU32<16>>,
    /// The node takes no new work: its own wish.
    pub chilled: bool,
}

/// A part of the bond on its way out. It can still be slashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct UnbondingChunk {
    /// How much, in planck.
    pub amount: Balance,
    /// The first block at which it can be withdrawn.
    pub release_at: BlockNumber,
    /// The period in which it was asked for: it stays for as long as this period can be reported, however late it is committed to.
    pub asked_in: Period,
}

/// A persistent breach that was reported, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Breach {
    /// The period whose report shows it.
    pub period: Period,
    /// What it costs the node, in planck.
    pub amount: Balance,
    /// Who reported it, and is owed the bounty.
    pub reporter: AccountId,
    /// The first block at which the slash can be applied.
    pub due_at: BlockNumber,
    /// What became of it.
    pub state: BreachState,
}

/// What became of a reported breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum BreachState {
    /// The slash waits; governance can cancel it.
    Deferred,
    /// The slash was taken.
    Applied,
    /// Governance cancelled it.
    Cancelled,
}

/// What a service or anchor key signs to show that its holder agreed to act for `account`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyOwnership {
    /// The account that registers the key.
    pub account: AccountId,
}

impl Payload for KeyOwnership {
    const DOMAIN: &'static str = "smartlayer/key-ownership/1";
}

/// What a node can earn for a period, and what its anchors can: fixed when the period's commitment is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct PeriodReward {
    /// For all service nodes together, in planck.
    pub nodes: Balance,
    /// What the nodes' reward weights add up to.
    pub total_weight: u128,
    /// For each anchor that signed the commitment, in planck.
    pub each_anchor: Balance,
    /// Who wrote the commitment, and has not claimed yet what that earns.
    pub writer: Option<AccountId>,
    /// For the writer, beside its part as a signer, in planck.
    pub writer_bonus: Balance,
}
