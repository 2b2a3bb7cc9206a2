//! What a node keeps encrypted on its disk: instance keys, and answers that may hold what they open.

use codec::Encode;
use smartlayer_primitives::{Hash, InstanceId};
use zeroize::Zeroizing;

use crate::key::{decrypt, encrypt, InstanceKey};

/// Encrypts what lies on a node's disk. Derived from a secret that is not on that disk.
pub struct WrappingKey(Zeroizing<[u8; 32]>);

impl WrappingKey {
    /// From a secret of the node's that serves nothing else.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// What is kept in place of the key.
    pub fn wrap(&self, instance: InstanceId, key: &InstanceKey) -> Vec<u8> {
        encrypt(&self.0, &context(instance), key.bytes())
    }

    /// The key that was wrapped for this instance; nothing if it was wrapped with another secret, or changed.
    pub fn unwrap(&self, instance: InstanceId, wrapped: &[u8]) -> Option<InstanceKey> {
        InstanceKey::read(&decrypt(&self.0, &context(instance), wrapped)?)
    }

    /// What is kept in place of an answer that goes by this name.
    pub fn wrap_answer(&self, name: &Hash, answer: &[u8]) -> Vec<u8> {
        encrypt(&self.0, &answer_context(name), answer)
    }

    /// The answer that was wrapped under this name; nothing if it was wrapped with another secret, or changed.
    pub fn unwrap_answer(&self, name: &Hash, wrapped: &[u8]) -> Option<Vec<u8>> {
        Some(decrypt(&self.0, &answer_context(name), wrapped)?.to_vec())
    }
}

fn context(instance: InstanceId) -> Vec<u8> {
    ("smartlayer/wrapped-key/1", instance).encode()
}

fn answer_context(name: &Hash) -> Vec<u8> {
    ("smartlayer/wrapped-answer/1", name).encode()
}
