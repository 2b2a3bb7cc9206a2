//! Identifiers and the plain types that everything else is made of.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;

/// A 256-bit hash; blake2-256 wherever this project computes it.
pub type Hash = H256;
/// An account, and equally the public side of any signing key: a 32-byte sr25519 or ed25519 key, or the blake2-256 hash of a
/// compressed ecdsa key.
pub type AccountId = sp_runtime::AccountId32;
/// A signature by any scheme an [`AccountId`] can stand for.
pub type Signature = sp_runtime::MultiSignature;
/// An amount of SLT in planck, its smallest unit; see [`SLT`].
pub type Balance = u128;
/// A block's height.
pub type BlockNumber = u32;
/// One SLT: 10^12 planck.
pub const SLT: Balance = 1_000_000_000_000;
/// A token type's number, given at registration.
pub type TokenTypeId = u32;
/// The dense number of an instance within its token type: the bit it owns in bitmaps.
pub type InstanceIndex = u32;
/// A token's own id on its contract, big-endian as in the EVM's `uint256`.
pub type TokenId = [u8; 32];
/// The position of a key operation in its token type's list.
pub type OperationKind = u8;
/// A period's number: one commitment covers one period.
pub type Period = u32;
/// The number of a master template for service level terms.
pub type TemplateId = u16;
/// A session's identifier; see [`crate::promise::session_id`].
pub type SessionId = H256;

/// One token instance: a token type and the instance's index in it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    core::hash::Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct InstanceId {
    /// The token type.
    pub token_type: TokenTypeId,
    /// The instance's index within its type.
    pub index: InstanceIndex,
}
