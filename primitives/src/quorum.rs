//! Quorum certificates: more than two thirds of the anchors signed the same hash.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{sr25519, ConstU32};
use sp_runtime::{traits::Verify, BoundedVec};

use crate::{
    bitmap::{bit, mask},
    payload::Payload,
    AccountId, Hash,
};

/// The most anchors that can be active at once.
pub const MAX_ANCHORS: u32 = 128;

/// The key with which an anchor signs for quorums.
pub type AnchorKey = sr25519::Public;
/// An anchor's signature.
pub type AnchorSignature = sr25519::Signature;

/// One active anchor: the organisation's account and its signing key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Member {
    /// The organisation's account.
    pub account: AccountId,
    /// The key it signs with.
    pub key: AnchorKey,
}

/// The active anchors, ordered by account, under the number of this very set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct AnchorSet {
    /// Rises with every change, so that a certificate says which set its bitmap means.
    pub id: u32,
    /// The members, ordered by account.
    pub members: BoundedVec<Member, ConstU32<MAX_ANCHORS>>,
}

/// Signatures of some members of a set over one hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct QuorumCertificate {
    /// Which set signed.
    pub set_id: u32,
    /// Bit i (least significant first) says that member i signed.
    pub signers: BoundedVec<u8, ConstU32<{ MAX_ANCHORS / 8 }>>,
    /// The signatures of the members whose bit is set, in member order.
    pub signatures: BoundedVec<AnchorSignature, ConstU32<MAX_ANCHORS>>,
}

/// Why a certificate is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum QuorumError {
    /// It was signed by another anchor set than the current one; collect the signatures again.
    OtherSet,
    /// The bitmap is not ⌈members / 8⌉ bytes long, or names a member that is not there.
    BadBitmap,
    /// There is not exactly one signature for each bit.
    SignatureCount,
    /// Not more than two thirds of the members signed.
    TooFew,
    /// One of the signatures is not its member's over this hash.
    BadSignature,
}

/// The hash of any payload, as anchors sign it.
#[derive(Encode)]
struct Attested(Hash);

impl Payload for Attested {
    const DOMAIN: &'static str = "smartlayer/quorum/1";
}

/// The bytes that an anchor signs to attest `hash`, the [`Payload::payload_hash`] of what it agrees with.
pub fn attestation(genesis: &Hash, hash: Hash) -> Vec<u8> {
    Attested(hash).signing_payload(genesis)
}

/// The least number of signers that is more than two thirds of `members`.
pub fn threshold(members: usize) -> usize {
    (members.saturating_mul(2) / 3).saturating_add(1)
}

impl AnchorSet {
    /// The position of `account` among the members.
    pub fn position(&self, account: &AccountId) -> Option<usize> {
        self.members.binary_search_by(|m| m.account.cmp(account)).ok()
    }

    /// Whether `certificate` proves that more than two thirds of this set attested `hash`.
    pub fn verify(&self, genesis: &Hash, hash: Hash, certificate: &QuorumCertificate) -> Result<(), QuorumError> {
        if certificate.set_id != self.id {
            return Err(QuorumError::OtherSet);
        }
        let signers = certificate.signer_positions(self.members.len())?;
        if signers.len() != certificate.signatures.len() {
            return Err(QuorumError::SignatureCount);
        }
        if signers.len() < threshold(self.members.len()) {
            return Err(QuorumError::TooFew);
        }
        let message = attestation(genesis, hash);
        let good = signers.iter().zip(&certificate.signatures).all(|(position, signature)| {
            self.members.get(*position).is_some_and(|member| signature.verify(&message[..], &member.key))
        });
        good.then_some(()).ok_or(QuorumError::BadSignature)
    }

    /// A certificate from signatures by position; one a member, invalid ones are the caller's to leave out.
    pub fn certificate(&self, signatures: impl IntoIterator<Item = (usize, AnchorSignature)>) -> QuorumCertificate {
        let mut sorted: alloc::collections::BTreeMap<usize, AnchorSignature> = Default::default();
        sorted.extend(signatures.into_iter().filter(|(position, _)| *position < self.members.len()));
        let mut signers = alloc::vec![0u8; self.members.len().div_ceil(8)];
        for position in sorted.keys() {
            if let Some(byte) = signers.get_mut(position / 8) {
                *byte |= mask(*position);
            }
        }
        QuorumCertificate {
            set_id: self.id,
            signers: BoundedVec::truncate_from(signers),
            signatures: BoundedVec::truncate_from(sorted.into_values().collect()),
        }
    }
}

impl QuorumCertificate {
    /// The positions whose bit is set, ascending, for a set of `members`.
    pub fn signer_positions(&self, members: usize) -> Result<Vec<usize>, QuorumError> {
        if self.signers.len() != members.div_ceil(8) {
            return Err(QuorumError::BadBitmap);
        }
        let positions: Vec<usize> =
            (0..self.signers.len().saturating_mul(8)).filter(|i| bit(&self.signers, *i)).collect();
        if positions.last().is_some_and(|last| *last >= members) {
            return Err(QuorumError::BadBitmap);
        }
        Ok(positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_core::Pair;

    const GENESIS: Hash = sp_core::H256([7; 32]);

    fn set(count: u8) -> (Vec<sr25519::Pair>, AnchorSet) {
        let pairs: Vec<_> = (0..count).map(|i| sr25519::Pair::from_seed(&[i; 32])).collect();
        let members = pairs
            .iter()
            .enumerate()
            .map(|(i, p)| Member { account: AccountId::new([i as u8; 32]), key: p.public() })
            .collect::<Vec<_>>();
        (pairs, AnchorSet { id: 3, members: members.try_into().unwrap() })
    }

    fn signed(pairs: &[sr25519::Pair], set: &AnchorSet, positions: &[usize], hash: Hash) -> QuorumCertificate {
        let message = attestation(&GENESIS, hash);
        set.certificate(positions.iter().map(|i| (*i, pairs[*i].sign(&message))))
    }

    #[test]
    fn more_than_two_thirds_and_not_one_less() {
        for count in 1..=10u8 {
            let (pairs, set) = set(count);
            let hash = Hash::repeat_byte(1);
            let enough: Vec<usize> = (0..threshold(count as usize)).collect();
            assert!(enough.len() * 3 > count as usize * 2);
            assert_eq!(set.verify(&GENESIS, hash, &signed(&pairs, &set, &enough, hash)), Ok(()));
            let short = &enough[1..];
            assert!(short.len() * 3 <= count as usize * 2);
            assert_eq!(set.verify(&GENESIS, hash, &signed(&pairs, &set, short, hash)), Err(QuorumError::TooFew));
        }
    }

    #[test]
    fn an_empty_set_has_no_quorum() {
        assert_eq!(AnchorSet::default().verify(&GENESIS, Hash::zero(), &Default::default()), Err(QuorumError::TooFew));
    }

    #[test]
    fn forged_certificates_are_refused() {
        let (pairs, set) = set(4);
        let hash = Hash::repeat_byte(1);
        let good = signed(&pairs, &set, &[0, 2, 3], hash);
        assert_eq!(set.verify(&GENESIS, hash, &good), Ok(()));
        assert_eq!(set.verify(&GENESIS, Hash::zero(), &good), Err(QuorumError::BadSignature));
        assert_eq!(set.verify(&Hash::zero(), hash, &good), Err(QuorumError::BadSignature));

        let mut other = good.clone();
        other.set_id = 4;
        assert_eq!(set.verify(&GENESIS, hash, &other), Err(QuorumError::OtherSet));
        let mut outside = good.clone();
        outside.signers[0] |= 1 << 5;
        assert_eq!(set.verify(&GENESIS, hash, &outside), Err(QuorumError::BadBitmap));
        let mut long = good.clone();
        long.signers.try_push(0).unwrap();
        assert_eq!(set.verify(&GENESIS, hash, &long), Err(QuorumError::BadBitmap));
        let mut twice = good.clone();
        twice.signatures.try_push(good.signatures[0]).unwrap();
        assert_eq!(set.verify(&GENESIS, hash, &twice), Err(QuorumError::SignatureCount));
        let mut claimed = good;
        claimed.signers[0] = 0b0111;
        assert_eq!(set.verify(&GENESIS, hash, &claimed), Err(QuorumError::BadSignature));
    }
}
