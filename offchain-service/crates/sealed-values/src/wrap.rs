//! Instance keys at rest.

use codec::Encode;
use smartlayer_primitives::InstanceId;
use zeroize::Zeroizing;

use crate::key::{decrypt, encrypt, InstanceKey};

/// Wraps instance keys for a node's disk. Derived from a secret that is not on that disk.
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
}

fn context(instance: InstanceId) -> Vec<u8> {
    ("smartlayer/wrapped-key/1", instance).encode()
}
