//! Handing an instance's key to one node: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.

use codec::{Decode, DecodeWithMemTracking, Encode};
use hpke::{
    aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256, Deserializable, Kem, OpModeR, OpModeS, Serializable,
};
use smartlayer_primitives::{payload::Payload, AccountId, Hash, InstanceId, Signature};
use sp_runtime::traits::Verify;
use zeroize::Zeroizing;

use crate::key::InstanceKey;

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// What is left of the key after its seal, in bytes: an encapsulated key, and the key with its tag.
pub const HANDED_BYTES: usize = 32 + 32 + 16;

/// Where a node's instance keys are to be sealed to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct KeyOffer {
    /// The node.
    pub node: AccountId,
    /// Its X25519 public key (RFC 7748).
    pub public_key: [u8; 32],
}

impl Payload for KeyOffer {
    const DOMAIN: &'static str = "smartlayer/key-offer/1";
}

/// An offer with the signature of the node's service key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct SignedKeyOffer {
    /// The offer.
    pub offer: KeyOffer,
    /// Over its [`Payload::signing_payload`].
    pub signature: Signature,
}

/// The offer is not the node's, or its key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key to seal to is not signed by the node's service key, or is no key")]
pub struct BadOffer;

impl SignedKeyOffer {
    /// Whether this service key signed it.
    pub fn verify(&self, genesis: &Hash, service_key: &AccountId) -> bool {
        self.signature.verify(&self.offer.signing_payload(genesis)[..], service_key)
    }

    /// Seals an instance's key to the node, if its service key is this.
    pub fn hand_over(
        &self,
        key: &InstanceKey,
        genesis: &Hash,
        instance: InstanceId,
        service_key: &AccountId,
    ) -> Result<Vec<u8>, BadOffer> {
        match self.verify(genesis, service_key) {
            true => hand_over(key, genesis, instance, &self.offer.public_key),
            false => Err(BadOffer),
        }
    }
}

/// Seals an instance's key to whom the public key belongs to. Whose it is, [`SignedKeyOffer`] says.
pub fn hand_over(
    key: &InstanceKey,
    genesis: &Hash,
    instance: InstanceId,
    public_key: &[u8; 32],
) -> Result<Vec<u8>, BadOffer> {
    let receiver = Public::from_bytes(public_key).map_err(|_| BadOffer)?;
    let (encapsulated, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &receiver,
        &info(genesis, instance),
        key.bytes(),
        &[],
    )
    .map_err(|_| BadOffer)?;
    Ok([&encapsulated.to_bytes()[..], &sealed].concat())
}

/// What was handed over is no key of this instance for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this was not sealed to this node for this instance")]
pub struct NotForThisNode;

/// A node's side: it opens what was sealed to it.
pub struct Receiver {
    private: Private,
    public: Public,
}

impl Receiver {
    /// From a secret of the node's that serves nothing else; the same secret gives the same receiver again.
    pub fn derive(secret: &[u8; 32]) -> Self {
        let (private, public) = X25519HkdfSha256::derive_keypair(secret);
        Self { private, public }
    }

    /// Where to seal keys to.
    pub fn public_key(&self) -> [u8; 32] {
        self.public.to_bytes().into()
    }

    /// The instance key that was sealed to this node.
    pub fn open(&self, genesis: &Hash, instance: InstanceId, handed: &[u8]) -> Result<InstanceKey, NotForThisNode> {
        let (encapsulated, sealed) = handed.split_at_checked(32).ok_or(NotForThisNode)?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &Encapsulated::from_bytes(encapsulated).map_err(|_| NotForThisNode)?,
            &info(genesis, instance),
            sealed,
            &[],
        );
        InstanceKey::read(&Zeroizing::new(key.map_err(|_| NotForThisNode)?)).ok_or(NotForThisNode)
    }
}

fn info(genesis: &Hash, instance: InstanceId) -> Vec<u8> {
    ("smartlayer/hand-over/1", genesis, instance).encode()
}
