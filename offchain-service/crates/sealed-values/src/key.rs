//! The key of one instance, and encrypting with it.

use std::fmt;

use chacha20poly1305::{
    aead::{Aead, Payload},
    KeyInit, XChaCha20Poly1305, XNonce,
};
use codec::{Decode, Encode};
use hkdf::Hkdf;
use sha2::Sha256;
use smartlayer_primitives::{payload::blake2_256, Hash, InstanceId};
use zeroize::Zeroizing;

/// A nonce's length, in bytes.
const NONCE: usize = 24;

/// The secret that opens the sealed values of one instance.
#[derive(Clone)]
pub struct InstanceKey(Zeroizing<[u8; 32]>);

/// Which key something is sealed with: the beginning of the key's blake2-256. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl InstanceKey {
    /// The instance's key, from a secret of its issuer: HKDF-SHA-256 (RFC 5869). The same secret gives the same key again.
    pub fn derive(secret: &[u8; 32], genesis: &Hash, instance: InstanceId) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let info = ("smartlayer/instance-key/1", genesis, instance).encode();
        Hkdf::<Sha256>::new(None, secret).expand(&info, &mut *key).expect("32 bytes are less than 255 hashes; qed");
        Self(key)
    }

    /// The key of these bytes, if there are 32.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What it is known by.
    pub fn id(&self) -> KeyId {
        let hash = blake2_256(&("smartlayer/instance-key-id/1", &*self.0).encode());
        let [a, b, c, d, e, f, g, h, ..] = hash.0;
        KeyId([a, b, c, d, e, f, g, h])
    }
}

/// Says which key it is, not the key.
impl fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceKey({})", self.id())
    }
}

/// A random nonce, and the plaintext encrypted under it and bound to `context`.
pub(crate) fn encrypt(key: &[u8; 32], context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    // Without random bytes nothing can be kept secret, so nothing goes on.
    getrandom::fill(&mut nonce).expect("the system has random bytes");
    let payload = Payload { msg: plaintext, aad: context };
    let sealed = XChaCha20Poly1305::new(&(*key).into()).encrypt(&XNonce::from(nonce), payload);
    [&nonce[..], &sealed.expect("a plaintext in memory is shorter than 256 GiB; qed")].concat()
}

/// What [`encrypt`] encrypted with the same key and context; nothing if it was anything else.
pub(crate) fn decrypt(key: &[u8; 32], context: &[u8], bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: sealed, aad: context };
    XChaCha20Poly1305::new(&(*key).into()).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}
