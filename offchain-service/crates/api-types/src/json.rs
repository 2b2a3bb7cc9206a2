//! Plain values in JSON form.

use std::{fmt, str::FromStr};

use codec::{Decode, DecodeAll, Encode};
use serde::{de::Error as _, Deserialize, Deserializer, Serialize, Serializer};
use smartlayer_primitives::{Balance, InstanceId, Signature};
use sp_core::{ecdsa, ed25519, sr25519};

/// An amount in planck, as a decimal string: `"1000000"`. No sign, no leading zeros, no fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Balance);

impl From<Balance> for Amount {
    fn from(value: Balance) -> Self {
        Self(value)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a decimal number of planck without sign, leading zeros or fraction, below 2^128")]
pub struct BadAmount;

impl FromStr for Amount {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        if !digits || (text.len() > 1 && text.starts_with('0')) {
            return Err(BadAmount);
        }
        text.parse().map(Self).map_err(|_| BadAmount)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Bytes as hex with `0x`. What they hold is said where they are used, most often the SCALE encoding of a type of the primitives.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HexBytes(pub Vec<u8>);

/// Why bytes are not the value they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid encoding: {0}")]
pub struct BadEncoding(String);

impl HexBytes {
    /// The SCALE encoding of `value`.
    pub fn of(value: &impl Encode) -> Self {
        Self(value.encode())
    }

    /// Decodes a SCALE value; nothing may be left over.
    pub fn decode<T: Decode>(&self) -> Result<T, BadEncoding> {
        T::decode_all(&mut &self.0[..]).map_err(|e| BadEncoding(e.to_string()))
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0..=64 => write!(f, "0x{}", hex::encode(&self.0)),
            n => write!(f, "0x{}… ({n} bytes)", hex::encode(&self.0[..32])),
        }
    }
}

impl From<Vec<u8>> for HexBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("0x{}", hex::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("bytes are hex with 0x"))?;
        hex::decode(digits).map(Self).map_err(D::Error::custom)
    }
}

/// A token instance: `{"tokenType": 0, "index": 7}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// The token type.
    pub token_type: u32,
    /// The instance's index within its type.
    pub index: u32,
}

impl From<InstanceId> for Instance {
    fn from(id: InstanceId) -> Self {
        Self { token_type: id.token_type, index: id.index }
    }
}

impl From<Instance> for InstanceId {
    fn from(instance: Instance) -> Self {
        Self { token_type: instance.token_type, index: instance.index }
    }
}

/// A signature: `{"scheme": "sr25519", "hex": "0x…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignatureJson {
    /// How it was made.
    pub scheme: SignatureScheme,
    /// Its bytes: 64 for sr25519 and ed25519, 65 for ecdsa (r, s, recovery id).
    pub hex: HexBytes,
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureScheme {
    /// Schnorr on Ristretto; 64 bytes.
    Sr25519,
    /// EdDSA; 64 bytes.
    Ed25519,
    /// secp256k1 over blake2-256 of the message; 65 bytes.
    Ecdsa,
    /// secp256k1 over keccak-256 of the message, the account derived as Ethereum's; 65 bytes.
    Eth,
}

/// Why a signature has not the form of its scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature has 64 bytes (sr25519, ed25519) or 65 (ecdsa, eth)")]
pub struct BadSignatureForm;

impl From<&Signature> for SignatureJson {
    fn from(signature: &Signature) -> Self {
        let (scheme, bytes): (_, &[u8]) = match signature {
            Signature::Sr25519(s) => (SignatureScheme::Sr25519, s.as_ref()),
            Signature::Ed25519(s) => (SignatureScheme::Ed25519, s.as_ref()),
            Signature::Ecdsa(s) => (SignatureScheme::Ecdsa, s.as_ref()),
            Signature::Eth(s) => (SignatureScheme::Eth, s.as_ref()),
        };
        Self { scheme, hex: HexBytes(bytes.to_vec()) }
    }
}

impl TryFrom<&SignatureJson> for Signature {
    type Error = BadSignatureForm;

    fn try_from(json: &SignatureJson) -> Result<Self, BadSignatureForm> {
        let bytes = &json.hex.0[..];
        let signature = match json.scheme {
            SignatureScheme::Sr25519 => sr25519::Signature::try_from(bytes).map(Signature::Sr25519),
            SignatureScheme::Ed25519 => ed25519::Signature::try_from(bytes).map(Signature::Ed25519),
            SignatureScheme::Ecdsa => ecdsa::Signature::try_from(bytes).map(Signature::Ecdsa),
            SignatureScheme::Eth => ecdsa::KeccakSignature::try_from(bytes).map(Signature::Eth),
        };
        signature.map_err(|_| BadSignatureForm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_decimal_strings() {
        let max = serde_json::to_string(&Amount(u128::MAX)).unwrap();
        assert_eq!(max, "\"340282366920938463463374607431768211455\"");
        assert_eq!(serde_json::from_str::<Amount>(&max).unwrap(), Amount(u128::MAX));
        for bad in [
            "\"\"",
            "\"-1\"",
            "\"+1\"",
            "\"01\"",
            "\"1.0\"",
            "\"1e3\"",
            "1",
            "\"340282366920938463463374607431768211456\"",
        ] {
            assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_need_their_prefix_and_leave_nothing_over() {
        let bytes = HexBytes::of(&7u32);
        assert_eq!(serde_json::to_string(&bytes).unwrap(), "\"0x07000000\"");
        assert_eq!(bytes.decode::<u32>().unwrap(), 7);
        assert!(bytes.decode::<u16>().is_err());
        assert!(serde_json::from_str::<HexBytes>("\"07\"").is_err());
        assert!(serde_json::from_str::<HexBytes>("\"0x7\"").is_err());
    }

    #[test]
    fn signatures_of_every_scheme_round_trip() {
        let all = [
            Signature::Sr25519(sr25519::Signature::from_raw([1; 64])),
            Signature::Ed25519(ed25519::Signature::from_raw([2; 64])),
            Signature::Ecdsa(ecdsa::Signature::from_raw([3; 65])),
            Signature::Eth(ecdsa::KeccakSignature::from_raw([4; 65])),
        ];
        for signature in all {
            let json = SignatureJson::from(&signature);
            let text = serde_json::to_string(&json).unwrap();
            let back: SignatureJson = serde_json::from_str(&text).unwrap();
            assert_eq!(Signature::try_from(&back), Ok(signature));
        }
        let short = SignatureJson { scheme: SignatureScheme::Sr25519, hex: HexBytes(vec![0; 63]) };
        assert_eq!(Signature::try_from(&short), Err(BadSignatureForm));
    }
}
