//! Signatures in both forms: EIP-712 by Ethereum accounts, raw bytes by Substrate accounts.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smartlayer_api_types::{
    json::{BadSignatureForm, SignatureScheme},
    HexBytes, SignatureJson,
};
use smartlayer_primitives::Signature;
use sp_runtime::traits::Verify;

use crate::Principal;

/// What browser extensions put before raw bytes that they sign, so that nobody can pass off a transaction as a message.
const WRAP_BEFORE: &[u8] = b"<Bytes>";
/// What they put after them.
const WRAP_AFTER: &[u8] = b"</Bytes>";

/// Something that is signed, in both forms over the same content.
pub trait Statement {
    /// The bytes that a Substrate account signs, bare or between `<Bytes>` and `</Bytes>`: the signing payload of
    /// [`smartlayer_primitives::payload::Payload`].
    fn signing_payload(&self) -> Vec<u8>;

    /// The digest that an Ethereum account signs: keccak-256 of `0x1901`, the domain's hash and the message's hash (EIP-712).
    fn typed_hash(&self) -> [u8; 32];

    /// The JSON that goes into `eth_signTypedData_v4`; the wallet shows it and signs [`Statement::typed_hash`].
    fn typed_data(&self) -> Value;
}

/// A signature under a [`Statement`]. In JSON `{"scheme": "eip712", "hex": "0x…"}`, or one of the other schemes of the API.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(try_from = "SignatureText", into = "SignatureText")]
pub enum StatementSignature {
    /// By an Ethereum account over the typed data: r, s, and v as 27 or 28, or as 0 or 1.
    Eip712([u8; 65]),
    /// By a Substrate account over the signing payload.
    Substrate(Signature),
}

impl StatementSignature {
    /// Whether `signer` made this signature under `statement`. A contract wallet (ERC-1271) cannot sign: to ask it would take a call
    /// to its chain, whose answer may change from block to block.
    pub fn verify(&self, statement: &impl Statement, signer: &Principal) -> bool {
        match (self, signer) {
            (Self::Eip712(signature), Principal::Ethereum(address)) => {
                recover(&statement.typed_hash(), signature).as_ref() == Some(address)
            }
            (Self::Substrate(signature), Principal::Substrate(account)) => {
                let payload = statement.signing_payload();
                let wrapped = || [WRAP_BEFORE, &payload, WRAP_AFTER].concat();
                signature.verify(&payload[..], account) || signature.verify(&wrapped()[..], account)
            }
            _ => false,
        }
    }
}

/// The address whose key signed the digest. Of the two signatures that are good for one digest only the one with the low s is taken.
fn recover(digest: &[u8; 32], signature: &[u8; 65]) -> Option<[u8; 20]> {
    let [r_and_s @ .., v] = signature;
    let odd = match v {
        0 | 27 => false,
        1 | 28 => true,
        _ => return None,
    };
    let signature = alloy_primitives::Signature::from_bytes_and_parity(r_and_s, odd);
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&(*digest).into()).ok().map(|address| address.into_array())
}

/// The JSON of a [`StatementSignature`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureText {
    scheme: Scheme,
    hex: HexBytes,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    Eip712,
    #[serde(untagged)]
    Substrate(SignatureScheme),
}

impl TryFrom<SignatureText> for StatementSignature {
    type Error = BadSignatureForm;

    fn try_from(text: SignatureText) -> Result<Self, BadSignatureForm> {
        match text.scheme {
            Scheme::Eip712 => text.hex.0.try_into().map(Self::Eip712).map_err(|_| BadSignatureForm),
            Scheme::Substrate(scheme) => {
                Signature::try_from(&SignatureJson { scheme, hex: text.hex }).map(Self::Substrate)
            }
        }
    }
}

impl From<StatementSignature> for SignatureText {
    fn from(signature: StatementSignature) -> Self {
        match signature {
            StatementSignature::Eip712(bytes) => Self { scheme: Scheme::Eip712, hex: bytes.to_vec().into() },
            StatementSignature::Substrate(signature) => {
                let SignatureJson { scheme, hex } = SignatureJson::from(&signature);
                Self { scheme: Scheme::Substrate(scheme), hex }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// The example of EIP-712 itself: "Hello, Bob!" from the Cow, with the digest and signature that its Example.js asserts.
    #[test]
    fn the_signature_of_the_mail_example_recovers_to_the_cow() {
        let digest = bytes("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
        let cow: [u8; 20] = bytes("cd2a3d9f938e13cd947ec05abc7fe734df8dd826");
        let mut signature: [u8; 65] = bytes(concat!(
            "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d",
            "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562",
            "1c"
        ));
        assert_eq!(recover(&digest, &signature), Some(cow));
        signature[64] = 1;
        assert_eq!(recover(&digest, &signature), Some(cow));
        for v in [0, 27] {
            signature[64] = v;
            assert_ne!(recover(&digest, &signature), Some(cow));
        }
        for v in [2, 3, 26, 29, 35, 36, 37, 255] {
            signature[64] = v;
            assert_eq!(recover(&digest, &signature), None, "v = {v}");
        }
    }

    #[test]
    fn the_twin_with_the_high_s_is_refused_and_so_is_every_number_off_the_curve() {
        let digest = bytes("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
        let r = "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d";
        // The order of the curve minus the s of the example, and the other parity.
        let high = "f8d666c92cfb3eac09bbc205fa0bf00eb2d7b3d4f8517d33c63c3b76ca7d2bdf";
        assert_eq!(recover(&digest, &bytes(&format!("{r}{high}1b"))), None);
        let (zeros, ones) = ("00".repeat(32), "ff".repeat(32));
        for (r, s) in [(&zeros[..], &zeros[..]), (&ones, &ones), (&zeros, &ones), (r, &zeros), (&ones, r), (r, &ones)] {
            assert_eq!(recover(&digest, &bytes(&format!("{r}{s}1b"))), None, "{r} {s}");
        }
    }

    #[test]
    fn signatures_have_one_json_form_each() {
        for (scheme, length) in [("eip712", 65), ("sr25519", 64), ("ed25519", 64), ("ecdsa", 65), ("eth", 65)] {
            let json = serde_json::json!({ "scheme": scheme, "hex": format!("0x{}", "01".repeat(length)) });
            let signature: StatementSignature = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(&signature).unwrap(), json);
            let short = serde_json::json!({ "scheme": scheme, "hex": "0x01" });
            assert!(serde_json::from_value::<StatementSignature>(short).is_err());
        }
        let unknown = serde_json::json!({ "scheme": "bls", "hex": "0x01" });
        assert!(serde_json::from_value::<StatementSignature>(unknown).is_err());
    }
}
