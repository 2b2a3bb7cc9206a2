//! Receipts: what a node signs for every paid answer.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::traits::Verify;

use crate::{payload::Payload, AccountId, Balance, Hash, InstanceId, OperationKind, SessionId, Signature};

/// A node's statement that it answered a paid request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Receipt {
    /// The node that answered (its account, not its service key).
    pub node: AccountId,
    /// The session that paid.
    pub session: SessionId,
    /// What this call cost, in planck.
    pub charged: Balance,
    /// What the session owes in total after it.
    pub cumulative: Balance,
    /// [`crate::promise::call_hash`] of the request.
    pub request_hash: Hash,
    /// blake2-256 of the answer's bytes.
    pub result_hash: Hash,
    /// The key operation that the call executed, if it was one; so that nobody can attach the receipt to another.
    pub operation: Option<Executed>,
}

/// Which key operation was executed, and on which instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Executed {
    /// On which instance; a transfer destroys it.
    pub instance: InstanceId,
    /// Which of its type's key operations.
    pub kind: OperationKind,
    /// What a transfer issued in exchange; nothing for every other operation.
    pub issued: Option<Issued>,
}

impl Executed {
    /// A key operation that is no transfer.
    pub fn new(instance: InstanceId, kind: OperationKind) -> Self {
        Self { instance, kind, issued: None }
    }
}

/// The other side of a transfer: what came into being.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Issued {
    /// Which instance.
    pub instance: InstanceId,
    /// Which of its type's key operations issuing it is.
    pub kind: OperationKind,
    /// Whose it is from then on.
    pub owner: Owner,
}

/// Who owns what a transfer issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Owner {
    /// An externally owned account of Ethereum.
    #[codec(index = 0)]
    Ethereum([u8; 20]),
    /// An account of this chain.
    #[codec(index = 1)]
    Account(AccountId),
}

/// A receipt with the signature of the node's service key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SignedReceipt {
    /// What is stated.
    pub receipt: Receipt,
    /// By the node's service key.
    pub signature: Signature,
}

impl Payload for Receipt {
    const DOMAIN: &'static str = "smartlayer/receipt/1";
}

impl SignedReceipt {
    /// Whether `service_key` signed this receipt for the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash, service_key: &AccountId) -> bool {
        self.signature.verify(&self.receipt.signing_payload(genesis)[..], service_key)
    }
}
