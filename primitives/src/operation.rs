//! Key operations and the bitmaps over them: what a commitment lets anyone prove.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{
    merkle::Leaf,
    payload::Payload,
    receipt::{Executed, SignedReceipt},
    AccountId, Hash, InstanceId, OperationKind, TokenTypeId,
};

/// The most key operations that one token type may have.
pub const MAX_KEY_OPERATIONS: u32 = 32;

/// One key operation that a node executed on an instance; a leaf under a commitment's operations root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Operation {
    /// On which instance.
    pub instance: InstanceId,
    /// Which of its type's key operations.
    pub kind: OperationKind,
    /// The receipt of the call that did it.
    pub receipt: SignedReceipt,
}

impl Payload for Operation {
    const DOMAIN: &'static str = "smartlayer/operation/1";
}

impl Operation {
    /// Whether `service_key` signed, for the chain with this genesis hash, that its node executed exactly this operation.
    pub fn verify(&self, genesis: &Hash, service_key: &AccountId) -> bool {
        let executed = Executed { instance: self.instance, kind: self.kind };
        self.receipt.receipt.operation == Some(executed) && self.receipt.verify(genesis, service_key)
    }
}

impl Leaf for Operation {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/operation/1";
}

/// The instances on which one kind of key operation happened in a period; a leaf under a commitment's bitmaps root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct OperationBitmap {
    /// Of which token type.
    pub token_type: TokenTypeId,
    /// Which of its key operations.
    pub kind: OperationKind,
    /// Instance indices as a roaring bitmap in its portable serialisation (RoaringFormatSpec).
    pub bitmap: Vec<u8>,
}

impl Leaf for OperationBitmap {
    const DOMAIN: &'static [u8] = b"smartlayer/leaf/bitmap/1";
}
