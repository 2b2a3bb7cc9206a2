//! One update, and its bounds.

use std::collections::BTreeMap;

use codec::{Compact, Decode, DecodeWithMemTracking, Encode, Input};
use serde::{Deserialize, Serialize};
use smartlayer_primitives::{payload::Payload, AccountId, Hash, InstanceId, Signature};
use sp_core::ConstU32;
use sp_runtime::{traits::Verify, BoundedVec};

/// The largest update, SCALE-encoded, in bytes: with its signature and a tag it fits into a message of 64 KiB.
pub const MAX_UPDATE_BYTES: usize = (64 << 10) - 128;
/// The most values that one update sets and removes.
pub const MAX_VALUES: usize = 256;
/// The longest name of a value, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// How no name begins: these values are the services' own.
pub const RESERVED: [&str; 2] = ["operations.", "feed."];
/// The most updates that are sent at once: 4 MiB at most.
pub const MAX_SENT: u32 = 64;

/// Updates of one instance, ascending by number, as one service sends them to another. More are refused before they are decoded.
pub type Updates = BoundedVec<SignedUpdate, ConstU32<MAX_SENT>>;

/// What an issuer says about the state of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateUpdate {
    /// The instance.
    #[serde(with = "instance")]
    pub instance: InstanceId,
    /// The update's number: 1 for an instance's first, then one more each time. Only a reset may leave numbers out.
    pub sequence: u64,
    /// Whether the values replace all that was said before, the placed state included.
    #[serde(default)]
    pub reset: bool,
    /// New values by name; nothing removes the value. At most [`MAX_VALUES`], names of 1 to [`MAX_NAME_BYTES`] bytes that begin with
    /// none of [`RESERVED`].
    #[serde(default)]
    pub values: BTreeMap<String, Option<String>>,
    /// When the issuer says that it signed, in seconds since 1970. For people: order is by number alone.
    pub issued_at: u64,
}

impl Payload for StateUpdate {
    const DOMAIN: &'static str = "smartlayer/state-update/1";
}

/// Why an update cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Numbers begin at 1.
    #[error("the first update of an instance has number 1")]
    SequenceZero,
    /// More than [`MAX_VALUES`].
    #[error("{0} values are more than {MAX_VALUES}")]
    TooManyValues(usize),
    /// A name is empty or longer than [`MAX_NAME_BYTES`].
    #[error("a name has 1 to {MAX_NAME_BYTES} bytes, not {0}")]
    NameLength(usize),
    /// A name begins as those of the services do.
    #[error("{0:?} is reserved: no name begins with {1:?}")]
    ReservedName(String, &'static str),
    /// More than [`MAX_UPDATE_BYTES`].
    #[error("{0} bytes are more than {MAX_UPDATE_BYTES}")]
    TooLarge(usize),
}

impl StateUpdate {
    /// Whether the update keeps within its bounds.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.sequence == 0 {
            return Err(Malformed::SequenceZero);
        }
        if self.values.len() > MAX_VALUES {
            return Err(Malformed::TooManyValues(self.values.len()));
        }
        for name in self.values.keys() {
            if name.is_empty() || name.len() > MAX_NAME_BYTES {
                return Err(Malformed::NameLength(name.len()));
            }
            if let Some(prefix) = RESERVED.into_iter().find(|prefix| name.starts_with(prefix)) {
                return Err(Malformed::ReservedName(name.clone(), prefix));
            }
        }
        match self.encoded_size() {
            size if size > MAX_UPDATE_BYTES => Err(Malformed::TooLarge(size)),
            _ => Ok(()),
        }
    }
}

// By hand, so that a count is refused before anything is decoded for it, and every update has one encoding only. At most 256 nodes of a
// map are not counted as memory; the texts are.
impl Decode for StateUpdate {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        Ok(Self {
            instance: Decode::decode(input)?,
            sequence: Decode::decode(input)?,
            reset: Decode::decode(input)?,
            values: decode_values(input)?,
            issued_at: Decode::decode(input)?,
        })
    }
}

impl DecodeWithMemTracking for StateUpdate {}

fn decode_values<I: Input>(input: &mut I) -> Result<BTreeMap<String, Option<String>>, codec::Error> {
    let Compact(count) = Compact::<u32>::decode(input)?;
    if count as usize > MAX_VALUES {
        return Err("too many values".into());
    }
    let mut values = BTreeMap::<String, Option<String>>::new();
    for _ in 0..count {
        let (name, value) = <(String, Option<String>)>::decode(input)?;
        if values.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err("names are not in ascending order".into());
        }
        values.insert(name, value);
    }
    Ok(values)
}

/// An update with its issuer's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct SignedUpdate {
    /// What is said.
    pub update: StateUpdate,
    /// By the account that registered the token type, over the update's signing payload.
    pub signature: Signature,
}

impl SignedUpdate {
    /// Whether `issuer` signed this update for the chain with this genesis hash.
    pub fn verify(&self, genesis: &Hash, issuer: &AccountId) -> bool {
        self.signature.verify(&self.update.signing_payload(genesis)[..], issuer)
    }
}

/// `{"tokenType": 0, "index": 7}`, as everywhere in JSON.
mod instance {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use smartlayer_primitives::InstanceId;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Instance {
        token_type: u32,
        index: u32,
    }

    pub fn serialize<S: Serializer>(id: &InstanceId, serializer: S) -> Result<S::Ok, S::Error> {
        Instance { token_type: id.token_type, index: id.index }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InstanceId, D::Error> {
        let Instance { token_type, index } = Instance::deserialize(deserializer)?;
        Ok(InstanceId { token_type, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::DecodeAll;
    use sp_core::{sr25519, Pair};

    fn update(values: &[(&str, Option<&str>)]) -> StateUpdate {
        StateUpdate {
            instance: InstanceId { token_type: 3, index: 7 },
            sequence: 2,
            reset: false,
            values: values.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect(),
            issued_at: 1_790_000_000,
        }
    }

    /// The example of docs/integrate/issuer-feeds.md: whoever signs in another language compares with it.
    #[test]
    fn the_signing_payload_is_as_documented() {
        let payload = update(&[("gate", Some("C3")), ("delay", None)]).signing_payload(&Hash::repeat_byte(0x42));
        let expected = concat!(
            "736d6172746c617965722f73746174652d7570646174652f31",
            "4242424242424242424242424242424242424242424242424242424242424242",
            "03000000",
            "07000000",
            "0200000000000000",
            "00",
            "08",
            "1464656c6179",
            "00",
            "1067617465",
            "01",
            "084333",
            "803bb16a00000000",
        );
        assert_eq!(hex::encode(payload), expected);
    }

    #[test]
    fn json_is_as_documented_and_comes_back() {
        let given = update(&[("gate", Some("C3")), ("delay", None)]);
        let json = serde_json::json!({
            "instance": { "tokenType": 3, "index": 7 },
            "sequence": 2,
            "reset": false,
            "values": { "gate": "C3", "delay": null },
            "issuedAt": 1_790_000_000,
        });
        assert_eq!(serde_json::to_value(&given).unwrap(), json);
        assert_eq!(serde_json::from_value::<StateUpdate>(json).unwrap(), given);
    }

    #[test]
    fn only_the_issuer_signs_and_for_one_chain_only() {
        let pair = sr25519::Pair::from_seed(&[1; 32]);
        let genesis = Hash::repeat_byte(1);
        let given = update(&[("gate", Some("C3"))]);
        let signature = pair.sign(&given.signing_payload(&genesis)).into();
        let mut signed = SignedUpdate { update: given, signature };
        let issuer = AccountId::new(pair.public().0);
        assert!(signed.verify(&genesis, &issuer));
        assert!(!signed.verify(&Hash::zero(), &issuer));
        assert!(!signed.verify(&genesis, &AccountId::new([9; 32])));
        signed.update.sequence = 3;
        assert!(!signed.verify(&genesis, &issuer));
    }

    #[test]
    fn bounds_hold() {
        let named = |name: &str| update(&[(name, None)]).check();
        assert_eq!(named("gate"), Ok(()));
        assert_eq!(named(&"n".repeat(MAX_NAME_BYTES)), Ok(()));
        assert_eq!(named(""), Err(Malformed::NameLength(0)));
        assert_eq!(named(&"n".repeat(MAX_NAME_BYTES + 1)), Err(Malformed::NameLength(129)));
        assert!(matches!(named("operations.redeem"), Err(Malformed::ReservedName(..))));
        assert!(matches!(named("feed.sequence"), Err(Malformed::ReservedName(..))));
        assert_eq!(named("operations"), Ok(()));
        assert_eq!(StateUpdate { sequence: 0, ..update(&[]) }.check(), Err(Malformed::SequenceZero));
        let large = "x".repeat(MAX_UPDATE_BYTES);
        assert!(matches!(update(&[("gate", Some(&large))]).check(), Err(Malformed::TooLarge(_))));
        let mut many = update(&[]);
        many.values = (0..=MAX_VALUES).map(|i| (i.to_string(), None)).collect();
        assert_eq!(many.check(), Err(Malformed::TooManyValues(257)));
        // A count over the bound is not even decoded.
        assert!(StateUpdate::decode_all(&mut &many.encode()[..]).is_err());
    }

    #[test]
    fn an_update_has_one_encoding() {
        let given = update(&[("a", None), ("b", Some("1"))]);
        let bytes = given.encode();
        assert_eq!(StateUpdate::decode_all(&mut &bytes[..]).unwrap(), given);
        for cut in 0..bytes.len() {
            assert!(StateUpdate::decode_all(&mut &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for names in [["b", "a"], ["a", "a"]] {
            let pairs: Vec<(String, Option<String>)> = names.iter().map(|n| ((*n).to_owned(), None)).collect();
            let other = (given.instance, given.sequence, given.reset, pairs, given.issued_at).encode();
            assert!(StateUpdate::decode_all(&mut &other[..]).is_err(), "{names:?}");
        }
    }
}
