//! Certificates beside a signature. They are read leniently: what real tools wrote against the book (`CA:FALSE` with a path
//! length, a raw key for a name) says nothing about the signature.

use x509_parser::{
    certificate::X509Certificate, oid_registry::Oid, prelude::FromDer, public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

use crate::{
    algorithm::Method,
    key::{Curve, Encoding, Key, NoKey},
    verdict::{Certificate, Standing, Unsupported},
};

const ISSUER_ALT_NAME: &str = "2.5.29.18";

/// Reads a certificate.
pub(crate) fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// The key that `certificate` is for.
pub(crate) fn key(certificate: &X509Certificate<'_>) -> Result<Key, NoKey> {
    public_key(certificate.public_key())
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> Result<Key, NoKey> {
    let unsupported = NoKey::Unsupported(Unsupported::KeyKind);
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => Key::rsa(key.modulus, key.exponent),
        Ok(PublicKey::EC(point)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok()).and_then(|oid| curve(&oid));
            Key::ec(curve.ok_or(unsupported)?, point.data())
        }
        _ => Err(unsupported),
    }
}

fn curve(oid: &Oid<'_>) -> Option<Curve> {
    Curve::of(&oid.to_id_string())
}

/// Describes `certificate` beside a signature of `signer`, at `now`.
pub(crate) fn describe(certificate: &X509Certificate<'_>, signer: &Key, now: u64) -> Certificate {
    let (not_before, not_after) =
        (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let own_key = key(certificate).ok();
    Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before,
        not_after,
        standing: if now < not_before {
            Standing::NotYetValid
        } else if now > not_after {
            Standing::Expired
        } else {
            Standing::Valid
        },
        is_signing_key: own_key.as_ref() == Some(signer),
        self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw()
            && own_key.is_some_and(|key| is_signed_by(certificate, &key)),
        certifier: certifier(certificate).and_then(|key| key.certifier(is_signed_by(certificate, &key))),
    }
}

/// The raw point that stands in IssuerAltName. Names as the book has them are not points, and are ignored.
fn certifier(certificate: &X509Certificate<'_>) -> Option<Key> {
    let mut named = certificate.extensions().iter().filter(|e| e.oid.to_id_string() == ISSUER_ALT_NAME);
    Key::ec(Curve::Secp256k1, named.next()?.value).ok()
}

fn is_signed_by(certificate: &X509Certificate<'_>, key: &Key) -> bool {
    let method = match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.11" => Method::RsaSha256,
        "1.2.840.113549.1.1.12" => Method::RsaSha384,
        "1.2.840.113549.1.1.13" => Method::RsaSha512,
        "1.2.840.10045.4.3.2" => Method::EcdsaSha256,
        "1.2.840.10045.4.3.3" => Method::EcdsaSha384,
        "1.2.840.10045.4.3.4" => Method::EcdsaSha512,
        _ => return false,
    };
    let signed = certificate.tbs_certificate.as_ref();
    key.verify(method, signed, &certificate.signature_value.data, Encoding::Der).is_ok()
}
