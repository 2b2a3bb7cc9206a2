//! Anchor organisations as the chain keeps them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

use crate::{
    node::{Endpoint, PeerId},
    quorum::AnchorKey,
    Balance,
};

/// An organisation registered to be an anchor. It is active while it is also elected.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Organisation {
    /// Its name, UTF-8.
    pub name: BoundedVec<u8, ConstU32<64>>,
    /// Where its anchor answers.
    pub endpoint: Endpoint,
    /// Who its anchor is among the services.
    pub peer_id: PeerId,
    /// The hot key that signs for quorums and sends the anchor's extrinsics.
    pub key: AnchorKey,
    /// What is bonded, in planck.
    pub bond: Balance,
}
