//! Collects the anchors' signatures over one hash until they are a certificate.

use std::collections::BTreeMap;

use smartlayer_primitives::{
    quorum::{attestation, threshold, AnchorSet, AnchorSignature, QuorumCertificate},
    AccountId, Hash,
};
use sp_core::{sr25519, Pair};

/// Signatures over one hash by the members of one anchor set.
#[derive(Clone, Debug)]
pub struct Collector {
    set: AnchorSet,
    hash: Hash,
    message: Vec<u8>,
    signatures: BTreeMap<usize, AnchorSignature>,
}

/// Why a signature was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Whoever sent it is not in the set.
    #[error("{0} is not an active anchor")]
    NotAnAnchor(AccountId),
    /// It is not that anchor's signature over this hash.
    #[error("the signature is not by {0} over this")]
    BadSignature(AccountId),
}

impl Collector {
    /// For [`smartlayer_primitives::payload::Payload::payload_hash`] `hash`, to be signed by members of `set`.
    pub fn new(genesis: &Hash, set: AnchorSet, hash: Hash) -> Self {
        Self { message: attestation(genesis, hash), set, hash, signatures: BTreeMap::new() }
    }

    /// What is being signed.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes an anchor's signature; a second one by the same anchor changes nothing. Returns whether there are enough now.
    pub fn add(&mut self, anchor: &AccountId, signature: AnchorSignature) -> Result<bool, Rejected> {
        let position = self.set.position(anchor).ok_or_else(|| Rejected::NotAnAnchor(anchor.clone()))?;
        if !self.signatures.contains_key(&position) {
            if !sr25519::Pair::verify(&signature, &self.message, &self.set.members[position].key) {
                return Err(Rejected::BadSignature(anchor.clone()));
            }
            self.signatures.insert(position, signature);
        }
        Ok(self.is_complete())
    }

    /// Whether more than two thirds have signed.
    pub fn is_complete(&self) -> bool {
        self.signatures.len() >= threshold(self.set.members.len())
    }

    /// Who has not signed yet.
    pub fn missing(&self) -> impl Iterator<Item = &AccountId> {
        let members = self.set.members.iter().enumerate();
        members.filter(|(position, _)| !self.signatures.contains_key(position)).map(|(_, member)| &member.account)
    }

    /// The certificate over all signatures so far, once there are enough.
    pub fn certificate(&self) -> Option<QuorumCertificate> {
        self.is_complete().then(|| self.set.certificate(self.signatures.iter().map(|(p, s)| (*p, *s))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn three_of_four_make_a_certificate() {
        let (pairs, set) = anchors();
        let hash = Hash::repeat_byte(9);
        let sign = |i: usize, hash| pairs[i].sign(&attestation(&GENESIS, hash));
        let mut collector = Collector::new(&GENESIS, set.clone(), hash);
        assert_eq!(collector.add(&anchor_account(2), sign(2, hash)), Ok(false));
        assert_eq!(collector.add(&anchor_account(2), sign(2, hash)), Ok(false));
        assert_eq!(collector.add(&account(99), sign(1, hash)), Err(Rejected::NotAnAnchor(account(99))));
        for bad in [sign(0, hash), sign(1, Hash::zero())] {
            assert_eq!(collector.add(&anchor_account(1), bad), Err(Rejected::BadSignature(anchor_account(1))));
        }
        assert_eq!(collector.add(&anchor_account(0), sign(0, hash)), Ok(false));
        assert_eq!(collector.certificate(), None);
        assert_eq!(collector.missing().collect::<Vec<_>>(), [&anchor_account(1), &anchor_account(3)]);
        assert_eq!(collector.add(&anchor_account(3), sign(3, hash)), Ok(true));
        let certificate = collector.certificate().unwrap();
        assert_eq!(set.verify(&GENESIS, hash, &certificate), Ok(()));
        // The fourth only makes it better.
        assert_eq!(collector.add(&anchor_account(1), sign(1, hash)), Ok(true));
        assert_eq!(set.verify(&GENESIS, collector.hash(), &collector.certificate().unwrap()), Ok(()));
        assert_eq!(collector.missing().count(), 0);
    }

    #[test]
    fn nobody_is_no_quorum() {
        let collector = Collector::new(&GENESIS, AnchorSet::default(), Hash::zero());
        assert!(!collector.is_complete());
        assert_eq!(collector.certificate(), None);
    }
}
