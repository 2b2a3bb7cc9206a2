//! Token types as the chain knows them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::{BoundedVec, Permill};

use crate::{operation::MAX_KEY_OPERATIONS, sla::Objectives, AccountId, Hash, OperationKind, Period};

/// A place from which a token script can be fetched.
pub type ScriptUri = BoundedVec<u8, ConstU32<256>>;
/// The name of a key operation: the `name` of the script's action.
pub type OperationName = BoundedVec<u8, ConstU32<64>>;

/// How many copies and shards of each instance the network keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Redundancy {
    /// Nodes that hold the whole state and serve it, 1 to [`crate::assignment::MAX_SERVING`].
    pub serving: u8,
    /// Shards, `threshold` to [`crate::assignment::MAX_SHARDS`].
    pub shards: u8,
    /// How many shards restore the state, at least 1.
    pub threshold: u8,
}

impl Redundancy {
    /// Whether the numbers make sense together.
    pub fn is_valid(&self) -> bool {
        self.serving >= 1
            && u32::from(self.serving) <= crate::assignment::MAX_SERVING
            && self.threshold >= 1
            && self.threshold <= self.shards
    }
}

/// What an issuer registers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct TokenSpec {
    /// blake2-256 of the token script.
    pub script_hash: Hash,
    /// Where the script can be fetched.
    pub script_uris: BoundedVec<ScriptUri, ConstU32<4>>,
    /// What a node's agreement must meet to be given instances.
    pub requirement: Objectives,
    /// How many copies and shards of each instance.
    pub redundancy: Redundancy,
    /// The actions that are recorded and can be proved; their positions are the operation kinds.
    pub key_operations: BoundedVec<OperationName, ConstU32<MAX_KEY_OPERATIONS>>,
    /// What the issuer receives of the payments for calls of this type, after the burn. A session has to be opened for the type then.
    pub revenue_share: Permill,
}

impl TokenSpec {
    /// The position of a key operation's name.
    pub fn kind_of(&self, name: &str) -> Option<OperationKind> {
        let position = self.key_operations.iter().position(|known| known[..] == *name.as_bytes())?;
        position.try_into().ok()
    }
}

/// A registered token type.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct TokenType {
    /// Who registered it, and alone may change it.
    pub issuer: AccountId,
    /// What was registered.
    pub spec: TokenSpec,
    /// The first period that is not paid for.
    pub paid_until: Period,
}
