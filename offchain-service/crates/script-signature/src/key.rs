//! Public keys: read, told apart, and used to verify.

use alloy_primitives::Address;
use aws_lc_rs::{
    digest,
    encoding::AsDer,
    signature::{self, EcdsaVerificationAlgorithm, RsaPublicKeyComponents, UnparsedPublicKey},
};

use crate::{
    algorithm::{Digest, Method},
    verdict::{Certifier, Flaw, Signer, Unsupported},
};

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
}

impl Curve {
    /// By object identifier, in dots.
    pub(crate) fn of(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.2.840.10045.3.1.7" => Curve::P256,
            "1.3.132.0.34" => Curve::P384,
            "1.3.132.0.35" => Curve::P521,
            "1.3.132.0.10" => Curve::Secp256k1,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Curve::P256 => "p-256",
            Curve::P384 => "p-384",
            Curve::P521 => "p-521",
            Curve::Secp256k1 => "secp256k1",
        }
    }

    /// The bytes of a coordinate, and of each half of a signature.
    pub(crate) fn width(self) -> usize {
        match self {
            Curve::P256 | Curve::Secp256k1 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    /// The digest that the library pairs the curve with, and its algorithms for signatures of fixed width and in DER.
    fn algorithms(self) -> (&'static digest::Algorithm, [&'static EcdsaVerificationAlgorithm; 2]) {
        use signature as s;
        match self {
            Curve::P256 => (&digest::SHA256, [&s::ECDSA_P256_SHA256_FIXED, &s::ECDSA_P256_SHA256_ASN1]),
            Curve::P384 => (&digest::SHA384, [&s::ECDSA_P384_SHA384_FIXED, &s::ECDSA_P384_SHA384_ASN1]),
            Curve::P521 => (&digest::SHA512, [&s::ECDSA_P521_SHA512_FIXED, &s::ECDSA_P521_SHA512_ASN1]),
            Curve::Secp256k1 => (&digest::SHA256, [&s::ECDSA_P256K1_SHA256_FIXED, &s::ECDSA_P256K1_SHA256_ASN1]),
        }
    }
}

/// How an ECDSA signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Two numbers of the curve's width, as in XML.
    Fixed,
    /// A sequence of two integers, as in certificates.
    Der,
}

#[derive(Clone, Debug)]
enum Kind {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ec { curve: Curve, point: Vec<u8> },
}

/// A public key. Two are equal if they are the same key, however they were written.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    kind: Kind,
    /// SubjectPublicKeyInfo in DER.
    info: Vec<u8>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.info == other.info
    }
}

/// Why there is no key to verify with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    Flaw(Flaw),
    Unsupported(Unsupported),
}

impl Key {
    /// From big-endian numbers.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Key, NoKey> {
        let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<u8>>();
        let (modulus, exponent) = (number(modulus), number(exponent));
        let bits = bits(&modulus);
        if bits < 2048 {
            return Err(NoKey::Unsupported(Unsupported::WeakKey));
        }
        if bits > 8192 {
            return Err(NoKey::Unsupported(Unsupported::KeyTooLarge));
        }
        // The library takes up to 33 bits when it verifies, so that nobody can make it slow.
        if exponent.len() > 5 {
            return Err(NoKey::Flaw(Flaw::BadKey));
        }
        let info =
            RsaPublicKeyComponents { n: &modulus, e: &exponent }.as_der().map_err(|_| NoKey::Flaw(Flaw::BadKey))?;
        Ok(Key { info: info.as_ref().to_vec(), kind: Kind::Rsa { modulus, exponent } })
    }

    /// From a SEC1 point, compressed or not.
    pub(crate) fn ec(curve: Curve, point: &[u8]) -> Result<Key, NoKey> {
        let bad = NoKey::Flaw(Flaw::BadKey);
        let width = curve.width();
        if !matches!((point.first(), point.len()), (Some(4), n) if n == 1 + 2 * width)
            && !matches!((point.first(), point.len()), (Some(2 | 3), n) if n == 1 + width)
        {
            return Err(bad);
        }
        let (_, [algorithm, _]) = curve.algorithms();
        let parsed = UnparsedPublicKey::new(algorithm, point).parse().map_err(|_| bad)?;
        let info = parsed.as_der().map_err(|_| bad)?.as_ref().to_vec();
        let point = info.get(info.len().saturating_sub(1 + 2 * width)..).unwrap_or_default().to_vec();
        Ok(Key { info, kind: Kind::Ec { curve, point } })
    }

    /// Whether `signature` over `message` is of this key.
    pub(crate) fn verify(
        &self,
        method: Method,
        message: &[u8],
        signature: &[u8],
        encoding: Encoding,
    ) -> Result<(), Flaw> {
        match &self.kind {
            Kind::Rsa { modulus, exponent } if method.is_rsa() => {
                let algorithm = match method.digest() {
                    Digest::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Digest::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Digest::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                };
                if signature.len() != modulus.len() {
                    return Err(Flaw::SignatureLength);
                }
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(algorithm, message, signature).map_err(|_| Flaw::SignatureMismatch)
            }
            Kind::Ec { curve, point } if !method.is_rsa() => {
                let (paired, [fixed, der]) = curve.algorithms();
                let algorithm = match encoding {
                    Encoding::Fixed if signature.len() != 2 * curve.width() => return Err(Flaw::SignatureLength),
                    Encoding::Fixed => fixed,
                    Encoding::Der => der,
                };
                let digest = digest::digest(method.digest().algorithm(), message);
                let digest = digest::Digest::import_less_safe(&fit(digest.as_ref(), paired.output_len()), paired)
                    .map_err(|_| Flaw::SignatureMismatch)?;
                UnparsedPublicKey::new(algorithm, point)
                    .verify_digest(&digest, signature)
                    .map_err(|_| Flaw::SignatureMismatch)
            }
            _ => Err(Flaw::WrongKeyKind),
        }
    }

    /// The key as the verdict names it.
    pub(crate) fn signer(&self, key_name: Option<String>) -> Signer {
        let (key_kind, public_key) = match &self.kind {
            Kind::Rsa { modulus, .. } => (format!("rsa-{}", bits(modulus)), &self.info),
            Kind::Ec { curve, point } => (curve.name().into(), point),
        };
        Signer {
            key_kind,
            public_key: hex::encode(public_key),
            fingerprint: hex::encode(digest::digest(&digest::SHA256, &self.info)),
            ethereum_address: self.ethereum_address(),
            key_name,
        }
    }

    /// The key as a certificate's certifier; none if it is not of secp256k1.
    pub(crate) fn certifier(&self, signed: bool) -> Option<Certifier> {
        match &self.kind {
            Kind::Ec { point, .. } => {
                Some(Certifier { public_key: hex::encode(point), ethereum_address: self.ethereum_address()?, signed })
            }
            Kind::Rsa { .. } => None,
        }
    }

    fn ethereum_address(&self) -> Option<String> {
        match &self.kind {
            Kind::Ec { curve: Curve::Secp256k1, point } if point.len() == 65 => {
                Some(Address::from_raw_public_key(&point[1..]).to_checksum(None))
            }
            _ => None,
        }
    }
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// What ECDSA makes of `digest`: a number, of which the leftmost bits count. Cut or padded to `length`, which is never shorter than
/// the curve's order in whole bytes except for P-521, whose order no digest reaches, the number stays the same. So the
/// library's one algorithm of each curve serves for all digests.
fn fit(digest: &[u8], length: usize) -> Vec<u8> {
    let padding = length.saturating_sub(digest.len());
    std::iter::repeat_n(0, padding).chain(digest.iter().copied()).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"token script";

    /// Made by OpenSSL: curve, compressed point, SubjectPublicKeyInfo.
    const KEYS: [(Curve, &str, &str); 4] = [
        (
            Curve::P256,
            "024236b2bd5a631e44f74254f9db8c0ab9fa0b35fa10914000bf8b6fd0daa51aff",
            "3059301306072a8648ce3d020106082a8648ce3d030107034200044236b2bd5a631e44f74254f9db8c0ab9fa0b35fa10914000bf8b6fd0daa51affdb5854647523e6796e0b96a59dcf53a2f1e46bd7527342f6430a71f69ae0d304",
        ),
        (
            Curve::P384,
            "03130810a6f566e01899a8007f2906a3b0634c6473e6b240f2ea2c9416d82f4d17e7031e329489a2668611fcf8f7802122",
            "3076301006072a8648ce3d020106052b8104002203620004130810a6f566e01899a8007f2906a3b0634c6473e6b240f2ea2c9416d82f4d17e7031e329489a2668611fcf8f780212267b772c6d52e4f26ca93aa4002f6cd72eb9550d40056baab8b04159193c26e033063275ac1ac9fcbeeb3eb28b5494583",
        ),
        (
            Curve::P521,
            "0201a4733c29ad0f6730281906724fc0734fae346105a838ec39e9d4dfbf671bce37bbd24d097ddb73c27784ea4aa7c4d18722a55af7a371f2d98be586ab895d45e364",
            "30819b301006072a8648ce3d020106052b81040023038186000401a4733c29ad0f6730281906724fc0734fae346105a838ec39e9d4dfbf671bce37bbd24d097ddb73c27784ea4aa7c4d18722a55af7a371f2d98be586ab895d45e3640123b507d9d533d9fea435e4cf0d3a9e2f4e11d7dd496e0c6213c96be4c54251e328c871a3376c7f5df7fdfd348f38fdb07337c79409439a59c9863c23b083427dda",
        ),
        (
            Curve::Secp256k1,
            "03b199850b382ef057125c98971bc9271779b3de51ee40bc28c0c010fe38ddedf8",
            "3056301006072a8648ce3d020106052b8104000a03420004b199850b382ef057125c98971bc9271779b3de51ee40bc28c0c010fe38ddedf83ae91694d458e32aa99ffe69ddd03196629f01170e0893eaeabdb7315068bcd5",
        ),
    ];

    /// Made by OpenSSL over the message with the keys above, in DER.
    const SIGNATURES: [(Curve, Method, &str); 12] = [
        (Curve::P256, Method::EcdsaSha256, "3045022100defbd4f7e0197530ba2dd1dee0e65aec1007e82e61173a2705a619242ddc8248022014342124e9dd549cda9c7e4d0c5dbb6ee2ab61e64fc5ed5aef07a66435a4ff00"),
        (Curve::P256, Method::EcdsaSha384, "3045022060daa4e9245311596a89b45e82cdee3f9c9b06eace1a5bc1abc794d2077f8976022100d3da51324ee2539e35c6b618af469f489aa6bdb65ded49039c342ac3cb1da867"),
        (Curve::P256, Method::EcdsaSha512, "304402207364402384c7c166edcb3266b914cabcc2f6aa2634431dcb6846b3a8aca6d24b0220277834b42abaa0258cef3faf6b448ae4179d8b6c108c10100e04b44f525fc9d1"),
        (Curve::P384, Method::EcdsaSha256, "3065023100af384752002ff65c236b844c517808b9a49765ff47d19a9700e1318a3d1c8e7cb6d1ff70ff93c26cf74c3d31a1fe2ef402301b43aacde5adc0e4fe8b97c1a5b9e5e560a9893f7a41001bafcbc10e404e77805c278cc7a94eb7b49d29f13ef795f633"),
        (Curve::P384, Method::EcdsaSha384, "3066023100d04868926f403e3009b1e368462a6a46ae8000ebdcb16afbc19f6096f6cf13c8702e3dd7cd71df56f5c45f230457b8ef023100b0f7d0563cb86abc0d839786b985ab97e9d646a10bc9b3ddb24326744b23998230b57694497f017d005a8ee4385e7ba1"),
        (Curve::P384, Method::EcdsaSha512, "3066023100f5f1672559b580034de15efa01fed31a8c3e8b8e18044c4b244b112bbe2d629373c939c1f9c708a6ed5c8858cef1a472023100e7a1f2d3235c87529b2a1fa7ebafd1e353a1eecc37a10a0ece6e499b356a65c02cbafd05a4de9188734e0905093bbd2a"),
        (Curve::P521, Method::EcdsaSha256, "308188024200fafbb232985a106e010a5f0b02b30fb2b66d5c8745406896bfde03c2bea8f5711060b9f9b1b031f7b7324c327ffcad5855ba2f5379452152ddf9a6b20f1907752d024201889be6c95d6d522bc107a65ddd1f001b659193875d37ac8f3ec47632aa0eaa9ab64c5f41fb9ceff851e0259b27797eaaf65d00bfe8f51b77e16ce2de1ecc96614a"),
        (Curve::P521, Method::EcdsaSha384, "30818802420171e84642a88e30841d727aed904ebcd44c93289e94976876ddb9d60c3a926c8e5fa292dd362fe3c28af916d63e11803a302ae0fc1487dd951a08c05bff41f1fe26024201fe0d101aa6f6c70eac95b06f57dd88497197e087ec893f5b7fa52a0f35ecb4720bfd4c2b63dba5b602d0996d5499f12f36aa181f6f6fe87f254945f9768cce5c4f"),
        (Curve::P521, Method::EcdsaSha512, "3081880242017c4f1241b2303ecf0af3949961755b0bb8387a81227fff5ab588ed7edcfdff5b692b2f1e8be9ab48428adbad3b9f7a45d496b324d3e513c2e5e3a4593d3033c1260242009062d2c58d8601813f0da855ca0764a5d9aa306587be45f2688b08fd41a147d9ea074a06016cf743bc5aab3a57cac281003951477af117922df412c3ed8f19a5ed"),
        (Curve::Secp256k1, Method::EcdsaSha256, "3045022100ff5129a77eb31f4df847ee2b93a5c0f79e702036ae4dcb9553b446786ee4bb2202202337a2e2d0e428978ebb74c6deaec30e3f634226184c89c6ab76d38cba248fa1"),
        (Curve::Secp256k1, Method::EcdsaSha384, "30450221008b2f8656deaf069039da4b1fd82e85153fb419fad01d427ef61a156d64d9217b02202f7de796480128f26d6e5a2df4c6a17ec334bfcd93d657c25b20ab5d47b18d77"),
        (Curve::Secp256k1, Method::EcdsaSha512, "3044022042cf5bb160548127d307920b66d4989b65c7f1343ee4d38ea2deab364c6b707a02200e4a5b02ee6f835cbde6c409f965ce41c31a3bf81e156766479edbd18449754a"),
    ];

    fn keys() -> Vec<Key> {
        KEYS.iter().map(|(curve, point, _)| Key::ec(*curve, &hex::decode(point).unwrap()).unwrap()).collect()
    }

    fn curve(key: &Key) -> Curve {
        match key.kind {
            Kind::Ec { curve, .. } => curve,
            Kind::Rsa { .. } => unreachable!(),
        }
    }

    /// Two positive integers in a sequence, to fixed width.
    fn fixed(der: &[u8], width: usize) -> Vec<u8> {
        let mut rest = if der[1] == 0x81 { &der[3..] } else { &der[2..] };
        let mut out = Vec::new();
        for _ in 0..2 {
            let (number, after) = rest[2..].split_at(usize::from(rest[1]));
            let number: Vec<u8> = number.iter().copied().skip_while(|b| *b == 0).collect();
            out.extend(std::iter::repeat_n(0, width - number.len()).chain(number));
            rest = after;
        }
        out
    }

    #[test]
    fn keys_are_the_same_however_they_are_written() {
        for ((curve, compressed, info), key) in KEYS.iter().zip(keys()) {
            let info = hex::decode(info).unwrap();
            assert_eq!(key.info, info, "{curve:?}");
            let point = &info[info.len() - 1 - 2 * curve.width()..];
            assert_eq!(Key::ec(*curve, point).unwrap(), key);
            assert_eq!(key.signer(None).public_key, hex::encode(point));
            let mut off_the_curve = point.to_vec();
            *off_the_curve.last_mut().unwrap() ^= 1;
            for bad in [&off_the_curve[..], &point[1..], &info, &[], &[0], &hex::decode(compressed).unwrap()[1..]] {
                assert_eq!(Key::ec(*curve, bad).unwrap_err(), NoKey::Flaw(Flaw::BadKey), "{curve:?}");
            }
        }
    }

    /// Every curve with every digest, against another implementation, in both encodings.
    #[test]
    fn ecdsa_agrees_with_openssl() {
        for (of, method, der) in SIGNATURES {
            let der = hex::decode(der).unwrap();
            let fixed = fixed(&der, of.width());
            for key in keys() {
                let expected = if curve(&key) == of { Ok(()) } else { Err(Flaw::SignatureMismatch) };
                assert_eq!(key.verify(method, MESSAGE, &der, Encoding::Der), expected, "{of:?} {method:?}");
                if curve(&key).width() == of.width() {
                    assert_eq!(key.verify(method, MESSAGE, &fixed, Encoding::Fixed), expected, "{of:?} {method:?}");
                }
            }
            let key = keys().into_iter().find(|key| curve(key) == of).unwrap();
            assert_eq!(key.verify(method, b"token scripT", &fixed, Encoding::Fixed), Err(Flaw::SignatureMismatch));
            let other = if method == Method::EcdsaSha256 { Method::EcdsaSha384 } else { Method::EcdsaSha256 };
            assert_eq!(key.verify(other, MESSAGE, &fixed, Encoding::Fixed), Err(Flaw::SignatureMismatch));
            let mut wide = fixed.clone();
            wide.push(0);
            for wrong in [&wide[..], &fixed[1..], &der, &[]] {
                if wrong.len() != fixed.len() {
                    assert_eq!(key.verify(method, MESSAGE, wrong, Encoding::Fixed), Err(Flaw::SignatureLength));
                }
            }
            assert_eq!(key.verify(Method::RsaSha256, MESSAGE, &fixed, Encoding::Fixed), Err(Flaw::WrongKeyKind));
            assert!(key.verify(method, MESSAGE, &vec![0; fixed.len()], Encoding::Fixed).is_err());
        }
    }

    #[test]
    fn rsa_keys_have_2048_to_8192_bits() {
        let of = |bits: usize| {
            let mut modulus = vec![0xff; bits / 8];
            modulus.insert(0, 0);
            Key::rsa(&modulus, &[0, 1, 0, 1])
        };
        assert_eq!(of(1024).unwrap_err(), NoKey::Unsupported(Unsupported::WeakKey));
        assert_eq!(of(2040).unwrap_err(), NoKey::Unsupported(Unsupported::WeakKey));
        assert_eq!(of(8200).unwrap_err(), NoKey::Unsupported(Unsupported::KeyTooLarge));
        assert_eq!(of(2048).unwrap().signer(None).key_kind, "rsa-2048");
        assert_eq!(of(8192).unwrap().signer(None).key_kind, "rsa-8192");
        assert_eq!(Key::rsa(&[], &[]).unwrap_err(), NoKey::Unsupported(Unsupported::WeakKey));
        assert_eq!(Key::rsa(&[0xff; 256], &[]).unwrap_err(), NoKey::Flaw(Flaw::BadKey));
        assert_eq!(Key::rsa(&[0xff; 256], &[3; 256]).unwrap_err(), NoKey::Flaw(Flaw::BadKey));
        // With an exponent of one, everybody could sign.
        let weak = Key::rsa(&[0xff; 256], &[1]).unwrap();
        let mut padded = [0xff; 256];
        padded[0] = 0;
        assert_eq!(weak.verify(Method::RsaSha256, MESSAGE, &padded, Encoding::Fixed), Err(Flaw::SignatureMismatch));
    }
}
