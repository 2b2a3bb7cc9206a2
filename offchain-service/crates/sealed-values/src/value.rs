//! Sealed values as texts: `sealed:1:<key id>:<base64url of nonce ‖ ciphertext ‖ tag>`.

use std::collections::{BTreeMap, BTreeSet};

use base64::{engine::general_purpose::URL_SAFE_NO_PAD, Engine};
use codec::Encode;
use smartlayer_primitives::InstanceId;

use crate::key::{decrypt, encrypt, InstanceKey, KeyId};

/// What sealed values begin with, and no other value should.
pub const PREFIX: &str = "sealed:1:";
/// What is sealed is padded to a multiple of so many bytes, so that its length says less.
const BLOCK: usize = 32;
/// Values with names that begin so mean something to nodes, which have to read them before they know who asks.
const RESERVED: [&str; 5] = ["access.", "feed.", "issue.", "operations.", "token."];

/// Why a value can't be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSeal {
    /// Nodes have to read it.
    #[error("{0} can't be sealed: names that begin with access., feed., issue., operations. or token. mean something to every node")]
    Reserved(String),
    /// It could not be listed among what is private.
    #[error("{0:?} can't be sealed: its name is empty or has a comma")]
    Name(String),
}

/// What became of the values of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The names of all that were sealed, opened or not.
    pub sealed: BTreeSet<String>,
    /// Those that could not be opened: their key is not here, or they were tampered with.
    pub locked: BTreeSet<String>,
}

/// Whether a value may be sealed under this name.
pub fn check_name(name: &str) -> Result<(), CannotSeal> {
    if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
        return Err(CannotSeal::Reserved(name.into()));
    }
    match name.is_empty() || name.contains(',') {
        true => Err(CannotSeal::Name(name.into())),
        false => Ok(()),
    }
}

/// Whether the value is sealed.
pub fn is_sealed(value: &str) -> bool {
    value.starts_with(PREFIX)
}

/// Which key the value is sealed with; nothing if it is not sealed, or not well.
pub fn key_of(value: &str) -> Option<KeyId> {
    split(value).map(|(id, _)| id)
}

fn split(value: &str) -> Option<(KeyId, &str)> {
    let (id, sealed) = value.strip_prefix(PREFIX)?.split_once(':')?;
    let mut bytes = [0; 8];
    hex::decode_to_slice(id, &mut bytes).ok()?;
    // One text for each id, so that no change of a seal goes unnoticed.
    let key = KeyId(bytes);
    (key.to_string() == id).then_some((key, sealed))
}

impl InstanceKey {
    /// What is stored in place of the value. Twice the same value gives two different texts.
    pub fn seal(&self, instance: InstanceId, name: &str, value: &str) -> Result<String, CannotSeal> {
        check_name(name)?;
        // As ISO/IEC 7816-4 pads: a one bit, then zeros.
        let mut padded = zeroize::Zeroizing::new(Vec::with_capacity(value.len().saturating_add(BLOCK)));
        padded.extend_from_slice(value.as_bytes());
        padded.push(0x80);
        let length = padded.len().next_multiple_of(BLOCK);
        padded.resize(length, 0);
        let sealed = encrypt(self.bytes(), &context(instance, name), &padded);
        Ok(format!("{PREFIX}{}:{}", self.id(), URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The value that was sealed with this key for this name of this instance; nothing if it was not.
    pub fn open(&self, instance: InstanceId, name: &str, sealed: &str) -> Option<String> {
        let (id, sealed) = split(sealed)?;
        if id != self.id() {
            return None;
        }
        let padded = decrypt(self.bytes(), &context(instance, name), &URL_SAFE_NO_PAD.decode(sealed).ok()?)?;
        let end = padded.iter().rposition(|byte| *byte != 0).filter(|end| padded.get(*end) == Some(&0x80))?;
        String::from_utf8(padded.get(..end)?.to_vec()).ok()
    }
}

fn context(instance: InstanceId, name: &str) -> Vec<u8> {
    ("smartlayer/sealed-value/1", instance, name).encode()
}

/// Opens what of an instance's values is sealed; what can't be opened is taken out.
pub fn open_values(
    values: &mut BTreeMap<String, String>,
    instance: InstanceId,
    key: impl Fn(KeyId) -> Option<InstanceKey>,
) -> Opened {
    let mut opened = Opened::default();
    values.retain(|name, value| {
        if !is_sealed(value) {
            return true;
        }
        opened.sealed.insert(name.clone());
        let plain = check_name(name).ok().and_then(|()| key(key_of(value)?)?.open(instance, name, value));
        match plain {
            Some(plain) => *value = plain,
            None => drop(opened.locked.insert(name.clone())),
        }
        !opened.locked.contains(name)
    });
    opened
}
