//! Signs scripts and certificates with keys of its own.

use std::sync::OnceLock;

use aws_lc_rs::{
    digest,
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaKeyPair},
};
use base64::{engine::general_purpose::STANDARD, Engine};
use x509_parser::{prelude::FromDer, public_key::RSAPublicKey};

pub const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
pub const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";

/// A script in canonical form, around where its signature goes.
pub const HEAD: &str = "<ts:token xmlns:ts=\"http://tokenscript.org/2024/01/tokenscript\" name=\"entry\">\n\
                        <ts:label>Entry &amp; exit</ts:label>\n";
pub const TAIL: &str = "\n<ts:attribute name=\"level\"></ts:attribute>\n</ts:token>";

pub enum Key {
    Rsa(RsaKeyPair),
    Ec { fixed: EcdsaKeyPair, der: EcdsaKeyPair, oid: &'static str, width: usize },
}

impl Key {
    fn ec(
        fixed: &'static EcdsaSigningAlgorithm,
        der: &'static EcdsaSigningAlgorithm,
        oid: &'static str,
        width: usize,
    ) -> Key {
        let pair = EcdsaKeyPair::generate(fixed).unwrap();
        let der = EcdsaKeyPair::from_pkcs8(der, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
        Key::Ec { fixed: pair, der, oid, width }
    }

    pub fn sign(&self, method: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Key::Rsa(pair) => {
                let padding = match method {
                    "rsa-sha384" => &signature::RSA_PKCS1_SHA384,
                    "rsa-sha512" => &signature::RSA_PKCS1_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut out).unwrap();
                out
            }
            Key::Ec { fixed, .. } => fixed.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    /// SubjectPublicKeyInfo.
    pub fn info(&self) -> Vec<u8> {
        match self {
            Key::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Key::Ec { fixed, .. } => fixed.public_key().as_der().unwrap().as_ref().to_vec(),
        }
    }

    pub fn point(&self) -> &[u8] {
        match self {
            Key::Rsa(_) => unreachable!(),
            Key::Ec { fixed, .. } => fixed.public_key().as_ref(),
        }
    }

    /// A KeyValue as TokenScript's tools write it.
    pub fn value(&self) -> String {
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let value = match self {
            Key::Rsa(pair) => {
                let (_, key) = RSAPublicKey::from_der(pair.public_key().as_ref()).unwrap();
                let modulus = &key.modulus[key.modulus.len() - pair.public_modulus_len()..];
                format!(
                    "<ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent></ds:RSAKeyValue>",
                    base64(modulus),
                    base64(key.exponent),
                )
            }
            Key::Ec { oid, width, .. } => {
                let (x, y) = self.point()[1..].split_at(*width);
                format!(
                    "<e:ECDSAKeyValue xmlns:e=\"{MORE}\"><e:DomainParameters><e:NamedCurve URI=\"urn:oid:{oid}\"/>\
                     </e:DomainParameters><e:PublicKey><e:X>{}</e:X><e:Y>{}</e:Y></e:PublicKey></e:ECDSAKeyValue>",
                    base64(x),
                    base64(y),
                )
            }
        };
        format!("<ds:KeyValue>{value}</ds:KeyValue>")
    }
}

/// Keys are made once; RSA takes its time.
pub fn rsa() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
}

pub fn p256() -> Key {
    use signature as s;
    Key::ec(&s::ECDSA_P256_SHA256_FIXED_SIGNING, &s::ECDSA_P256_SHA256_ASN1_SIGNING, "1.2.840.10045.3.1.7", 32)
}

pub fn p384() -> Key {
    use signature as s;
    Key::ec(&s::ECDSA_P384_SHA384_FIXED_SIGNING, &s::ECDSA_P384_SHA384_ASN1_SIGNING, "1.3.132.0.34", 48)
}

pub fn p521() -> Key {
    use signature as s;
    Key::ec(&s::ECDSA_P521_SHA512_FIXED_SIGNING, &s::ECDSA_P521_SHA512_ASN1_SIGNING, "1.3.132.0.35", 66)
}

pub fn secp256k1() -> Key {
    use signature as s;
    Key::ec(&s::ECDSA_P256K1_SHA256_FIXED_SIGNING, &s::ECDSA_P256K1_SHA256_ASN1_SIGNING, "1.3.132.0.10", 32)
}

/// What a signature is to say. The fields can be changed before [`Signing::script`], the text after it.
#[derive(Clone)]
pub struct Signing<'a> {
    pub key: &'a Key,
    pub method: &'static str,
    pub signed_info_canonicalization: String,
    pub canonicalization: String,
    pub digest: &'static str,
    pub reference_attributes: &'static str,
    pub key_info: String,
    /// The canonical script without its signature, in two parts, for the digest.
    pub canonical: (String, String),
}

impl<'a> Signing<'a> {
    pub fn new(key: &'a Key, method: &'static str, canonicalization: &str) -> Self {
        Signing {
            key,
            method,
            signed_info_canonicalization: canonicalization.into(),
            canonicalization: canonicalization.into(),
            digest: SHA256,
            reference_attributes: " URI=\"\"",
            key_info: format!("<ds:KeyInfo><ds:KeyName>Ann\n</ds:KeyName>{}</ds:KeyInfo>", key.value()),
            canonical: (HEAD.into(), TAIL.into()),
        }
    }

    /// With the certificate instead of a KeyValue.
    pub fn certified(mut self, certificate: &[u8]) -> Self {
        self.key_info = format!("<ds:KeyInfo>{}</ds:KeyInfo>", x509(certificate));
        self
    }

    /// The signature element, in canonical form but for what it inherits.
    pub fn signature(&self) -> String {
        let algorithm = match self.digest {
            SHA384 => &digest::SHA384,
            SHA512 => &digest::SHA512,
            _ => &digest::SHA256,
        };
        let digest =
            digest::digest(algorithm, [self.canonical.0.as_bytes(), self.canonical.1.as_bytes()].concat().as_slice());
        let signed_info = format!(
            "<ds:SignedInfo>\n<ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>\n\
             <ds:SignatureMethod Algorithm=\"{MORE}{}\"></ds:SignatureMethod>\n<ds:Reference{}><ds:Transforms>\
             <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
             <ds:Transform Algorithm=\"{}\"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>\
             <ds:DigestValue>{}</ds:DigestValue></ds:Reference>\n</ds:SignedInfo>",
            self.signed_info_canonicalization,
            self.method,
            self.reference_attributes,
            self.canonicalization,
            self.digest,
            STANDARD.encode(digest),
        );
        self.enclose(&signed_info)
    }

    /// Signs `signed_info`, which must be canonical but for the namespaces in scope.
    pub fn enclose(&self, signed_info: &str) -> String {
        let ds = " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
        let ts = " xmlns:ts=\"http://tokenscript.org/2024/01/tokenscript\"";
        let in_scope =
            if self.signed_info_canonicalization.contains("exc-c14n") { ds.into() } else { [ds, ts].concat() };
        let canonical = signed_info.replacen("<ds:SignedInfo", &format!("<ds:SignedInfo{in_scope}"), 1);
        let value = STANDARD.encode(self.key.sign(self.method, canonical.as_bytes()));
        let (first, second) = value.split_at(40);
        format!(
            "<ds:Signature{ds}>{signed_info}<ds:SignatureValue>\n{first}\n {second}</ds:SignatureValue>{}</ds:Signature>",
            self.key_info
        )
    }

    pub fn script(&self) -> String {
        [HEAD, &self.signature(), TAIL].concat()
    }
}

pub fn x509(certificate: &[u8]) -> String {
    format!("<ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>", STANDARD.encode(certificate))
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        n @ 0..128 => vec![n as u8],
        n @ 128..256 => vec![0x81, n as u8],
        n => vec![0x82, (n >> 8) as u8, n as u8],
    };
    [&[tag], &length[..], &content].concat()
}

/// What a certificate is to say.
pub struct Certificate<'a> {
    pub subject: &'a str,
    pub issuer: &'a str,
    /// As GeneralizedTime.
    pub not_before: &'a str,
    pub not_after: &'a str,
    /// What stands in IssuerAltName.
    pub issuer_alt_name: Option<&'a [u8]>,
}

impl Default for Certificate<'_> {
    fn default() -> Self {
        Certificate {
            subject: "Ann",
            issuer: "Root",
            not_before: "20260101000000Z",
            not_after: "20270101000000Z",
            issuer_alt_name: None,
        }
    }
}

impl Certificate<'_> {
    /// Issues it for `key`, signed by `by`.
    pub fn issue(&self, key: &Key, by: &Key) -> Vec<u8> {
        let oid = |hex: &str| der(0x06, &[&hex::decode(hex).unwrap()]);
        let algorithm = match by {
            Key::Rsa(_) => der(0x30, &[&oid("2a864886f70d01010b"), &[5, 0]]),
            Key::Ec { width: 32, .. } => der(0x30, &[&oid("2a8648ce3d040302")]),
            Key::Ec { width: 48, .. } => der(0x30, &[&oid("2a8648ce3d040303")]),
            Key::Ec { .. } => der(0x30, &[&oid("2a8648ce3d040304")]),
        };
        let name =
            |name: &str| der(0x30, &[&der(0x31, &[&der(0x30, &[&oid("550403"), &der(0x0c, &[name.as_bytes()])])])]);
        let time = |time: &str| der(0x18, &[time.as_bytes()]);
        let extension = |id: &str, value: &[u8]| der(0x30, &[&oid(id), &[1, 1, 0xff], &der(0x04, &[value])]);
        // CA:FALSE with a path length, which the book forbids and real certificates have.
        let mut extensions = extension("551d13", &der(0x30, &[&[2, 1, 0]]));
        if let Some(raw) = self.issuer_alt_name {
            extensions.extend(extension("551d12", raw));
        }
        let body = der(
            0x30,
            &[
                &der(0xa0, &[&[2, 1, 2]]),
                &[2, 1, 1],
                &algorithm,
                &name(self.issuer),
                &der(0x30, &[&time(self.not_before), &time(self.not_after)]),
                &name(self.subject),
                &key.info(),
                &der(0xa3, &[&der(0x30, &[&extensions])]),
            ],
        );
        let signature = match by {
            Key::Rsa(_) => by.sign("rsa-sha256", &body),
            Key::Ec { der, .. } => der.sign(&SystemRandom::new(), &body).unwrap().as_ref().to_vec(),
        };
        der(0x30, &[&body, &algorithm, &der(0x03, &[&[0], &signature])])
    }
}
