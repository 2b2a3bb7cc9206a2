//! The watchtower: what a chain node keeps for service nodes that may be offline when a session closes.
//!
//! A service node gives the highest claim of each session to chain nodes that it trusts to be up. A chain node checks it against
//! the chain ([`WatchtowerApi`]), keeps it in its off-chain storage, and its off-chain worker submits it once the session is
//! closing.
//!
//! The node's RPC writes and the runtime's off-chain worker reads the same *persistent* off-chain storage, so the layout is fixed
//! here:
//!
//! | key | value |
//! | --- | --- |
//! | [`INDEX_KEY`] | SCALE of [`Index`]: what is kept, in the order of its ids; absent is empty |
//! | [`claim_key`] of an id | SCALE of [`Claim`] |
//!
//! Write the claim first and the index after it, and the index only by comparing and setting, since the worker prunes it at the
//! same time.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

use crate::{promise::Claim, Balance, BlockNumber, SessionId};

/// The most claims that one chain node keeps.
pub const MAX_KEPT: u32 = 4096;
/// The key of the [`Index`] in the persistent off-chain storage.
pub const INDEX_KEY: &[u8] = b"smartlayer/watchtower/1/index";
const CLAIM_PREFIX: &[u8] = b"smartlayer/watchtower/1/claim/";

/// What is kept, in the order of its ids.
pub type Index = BoundedVec<Kept, ConstU32<MAX_KEPT>>;

/// One kept claim.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Kept {
    /// What the promise names: the session, or the node's channel in it. There is one claim for each.
    pub id: SessionId,
    /// The session that the claim is of.
    pub session: SessionId,
    /// The first block at which the worker missed the session. It is forgotten when it stays missing, and not at once, because a
    /// short reorganisation of the chain can hide a session that just opened.
    pub missing_since: Option<BlockNumber>,
}

/// Why a claim is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum WatchtowerError {
    /// There is no such session: it never opened, or it is closed. There is nothing to watch.
    NoSuchSession,
    /// It claims nothing beyond what was settled. Keep a later promise.
    NothingNew,
    /// The notary's round that its allocation is of has not begun. Bring it when it has.
    TooEarly,
    /// The chain would refuse it: a signature, the ticks or the allocation is not good. Check how it was made.
    BadClaim,
    /// The chain node keeps as many claims as it can. Ask another chain node.
    Full,
}

/// The key of the claim with this [`Kept::id`] in the persistent off-chain storage.
pub fn claim_key(id: &SessionId) -> Vec<u8> {
    [CLAIM_PREFIX, id.as_bytes()].concat()
}

/// Enters a claim into the index, unless it is there already.
pub fn keep(index: &mut Index, claim: &Claim) -> Result<(), WatchtowerError> {
    let (id, session) = (claim.promise.promise.session, claim.session());
    match index.binary_search_by(|kept| kept.id.cmp(&id)) {
        Ok(_) => Ok(()),
        Err(position) => {
            index.try_insert(position, Kept { id, session, missing_since: None }).map_err(|_| WatchtowerError::Full)
        }
    }
}

sp_api::decl_runtime_apis! {
    /// Lets a chain node's RPC check what it is given to keep.
    pub trait WatchtowerApi {
        /// What the claim is worth in total, in planck, if the chain would settle it today: what is owed, and of a network
        /// session no more than what is allocated. Of two good claims with one id the one that is worth more is the one to keep.
        fn check_claim(claim: Claim) -> Result<Balance, WatchtowerError>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        promise::{Promise, SignedPromise},
        Hash,
    };

    fn claim(n: u64) -> Claim {
        let promise =
            Promise { session: Hash::from_low_u64_be(n), cumulative: 1, call_hash: Hash::zero(), ticks: None };
        SignedPromise { promise, signature: sp_core::sr25519::Signature::default().into() }.into()
    }

    #[test]
    fn the_index_is_ordered_has_each_id_once_and_is_bounded() {
        let mut index = Index::default();
        for n in [3, 1, 2, 1] {
            keep(&mut index, &claim(n)).unwrap();
        }
        let ids: Vec<_> = index.iter().map(|kept| kept.id).collect();
        assert_eq!(ids, [1, 2, 3].map(Hash::from_low_u64_be));
        for n in 0..u64::from(MAX_KEPT) {
            keep(&mut index, &claim(n)).unwrap();
        }
        assert_eq!(keep(&mut index, &claim(u64::MAX)), Err(WatchtowerError::Full));
        assert_eq!(keep(&mut index, &claim(7)), Ok(()));
    }

    #[test]
    fn keys_are_apart() {
        assert_ne!(claim_key(&Hash::zero()), claim_key(&Hash::repeat_byte(1)));
        assert!(!claim_key(&Hash::zero()).starts_with(INDEX_KEY));
    }
}
