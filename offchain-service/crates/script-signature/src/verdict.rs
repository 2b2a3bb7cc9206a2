//! What came out of looking at a signature.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::algorithm::{Canonicalization, Digest, Method};

/// What is known of a script's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Verdict {
    /// The script carries no signature.
    None,
    /// The holder of the signer's key signed this script as it is. Nothing is said about whether to trust that key.
    Valid(Box<Signed>),
    /// There is a signature, and it doesn't hold: the script was changed, or the signature is not of the key beside it.
    Invalid {
        /// What doesn't hold.
        reason: Flaw,
        /// The line of the element that it is about, counted from 1.
        line: u32,
    },
    /// The script or its signature is not of the kind that is looked at; nothing is known.
    Unsupported {
        /// What stands in the way.
        reason: Unsupported,
        /// The line that it is about, counted from 1; none if it is about the whole.
        line: Option<u32>,
    },
}

impl Verdict {
    pub(crate) fn invalid(reason: Flaw, line: u32) -> Self {
        Verdict::Invalid { reason, line }
    }

    pub(crate) fn unsupported(reason: Unsupported, line: impl Into<Option<u32>>) -> Self {
        Verdict::Unsupported { reason, line: line.into() }
    }

    /// `none`, `valid`, `invalid` or `unsupported`.
    pub fn status(&self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Valid(_) => "valid",
            Verdict::Invalid { .. } => "invalid",
            Verdict::Unsupported { .. } => "unsupported",
        }
    }

    /// The stable code of the reason, if the verdict has one.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Verdict::None | Verdict::Valid(_) => None,
            Verdict::Invalid { reason, .. } => Some(reason.code()),
            Verdict::Unsupported { reason, .. } => Some(reason.code()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::None => f.write_str("not signed"),
            Verdict::Valid(signed) => {
                write!(f, "valid, signed by {} {}", signed.signer.key_kind, signed.signer.fingerprint)?;
                match signed.certificate.as_ref().map(|c| c.standing) {
                    Some(Standing::Expired) => f.write_str(", certificate expired"),
                    Some(Standing::NotYetValid) => f.write_str(", certificate not yet valid"),
                    Some(Standing::Valid) | None => Ok(()),
                }
            }
            Verdict::Invalid { reason, line } => write!(f, "invalid, line {line}: {reason}"),
            Verdict::Unsupported { reason, line: Some(line) } => write!(f, "unsupported, line {line}: {reason}"),
            Verdict::Unsupported { reason, line: None } => write!(f, "unsupported: {reason}"),
        }
    }
}

/// A valid signature: who made it, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signed {
    /// The line of the `Signature` element, counted from 1.
    pub line: u32,
    /// The key that the signature is of.
    pub signer: Signer,
    /// The certificate of the signer's key, else the first certificate beside the signature that could be read, if any.
    pub certificate: Option<Certificate>,
    /// What the signature was made with.
    pub algorithms: Algorithms,
}

/// The key that a signature is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// `rsa-` and the modulus' bits, `p-256`, `p-384`, `p-521` or `secp256k1`.
    pub key_kind: String,
    /// The key in hex: the uncompressed SEC1 point for a curve, SubjectPublicKeyInfo in DER for RSA.
    pub public_key: String,
    /// The SHA-256 of the key's SubjectPublicKeyInfo in DER, in hex.
    pub fingerprint: String,
    /// The Ethereum address of a secp256k1 key, with its checksum (EIP-55).
    pub ethereum_address: Option<String>,
    /// The name that stands beside the key, at most 256 characters. The signature doesn't cover it: anybody can change it.
    pub key_name: Option<String>,
}

/// A certificate beside a signature, and how it relates to it. No chain is built: whether its issuer deserves trust is
/// another question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Whom it names. It names the signer only if `is_signing_key` holds.
    pub subject: String,
    /// Who is said to have issued it.
    pub issuer: String,
    /// From when it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: i64,
    /// How it stands at the time asked about.
    pub standing: Standing,
    /// Whether its key is the one that the signature is of.
    pub is_signing_key: bool,
    /// Whether it names itself as its issuer and is signed with its own key.
    pub self_signed: bool,
    /// The key that is said to have certified it, where TokenScript's tools wrote it: raw, as IssuerAltName.
    pub certifier: Option<Certifier>,
}

/// How a certificate stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The time is within its validity.
    Valid,
    /// The time is past its validity.
    Expired,
    /// The time is before its validity.
    NotYetValid,
}

/// The secp256k1 key in a certificate's IssuerAltName.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certifier {
    /// The uncompressed SEC1 point in hex.
    pub public_key: String,
    /// Its Ethereum address, with its checksum (EIP-55).
    pub ethereum_address: String,
    /// Whether the certificate is really signed with this key. If not, it was merely written down.
    pub signed: bool,
}

/// What a signature was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Algorithms {
    /// How the script was turned into the bytes that were digested.
    pub canonicalization: Canonicalization,
    /// How `SignedInfo` was turned into the bytes that were signed.
    pub signed_info_canonicalization: Canonicalization,
    /// How `SignedInfo` was signed.
    pub method: Method,
    /// How the script was digested.
    pub digest: Digest,
}

/// An enumeration of reasons, each with its stable code and its message.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal, $message:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $message] #[serde(rename = $code)] $variant,)*
        }

        impl $name {
            /// Every reason there is.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The stable code, in kebab case.
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$variant => $message,)* })
            }
        }
    };
}

reasons! {
    /// Why a signature doesn't hold.
    Flaw {
        DigestMismatch = "digest-mismatch", "the script is not the one that was signed";
        SignatureMismatch = "signature-mismatch", "SignedInfo or the signature value was changed, or another key made it";
        SignatureLength = "signature-length", "the signature value has not the length that its key demands";
        BadBase64 = "bad-base64", "a value in the signature is not base64";
        BadKey = "bad-key", "the key beside the signature is none, such as a point that is not on its curve";
        WrongKeyKind = "wrong-key-kind", "the key beside the signature is not of the kind that its method demands";
    }
}

reasons! {
    /// Why nothing can be said about a signature.
    Unsupported {
        TooLarge = "too-large", "the script is larger than allowed";
        NotUtf8 = "not-utf8", "the script is not UTF-8; save and sign it as UTF-8";
        Malformed = "malformed", "the script is not well-formed XML";
        Doctype = "doctype", "the document type has declarations, which could change what was signed; remove it and sign again";
        TooDeep = "too-deep", "elements nest deeper than allowed";
        TooManyNodes = "too-many-nodes", "the script has more elements and texts than allowed";
        TooManyAttributes = "too-many-attributes", "an element has more attributes than allowed";
        TooManyNamespaces = "too-many-namespaces", "the script declares more namespaces than allowed";
        SeveralSignatures = "several-signatures", "there is more than one signature; sign the script once";
        Misplaced = "misplaced", "the signature is not a child of the document element";
        Structure = "structure", "the signature is not built of the elements, in the order, that are expected here";
        ForeignElement = "foreign-element", "the signature holds an element that has no place in one, and that nobody signed";
        SeveralReferences = "several-references", "the signature refers to more than the script as a whole";
        ReferenceUri = "reference-uri", "the signature refers to something other than the script as a whole; sign with URI=\"\"";
        Transforms = "transforms", "the transforms are not enveloped-signature and one canonicalisation";
        Canonicalization = "canonicalization", "the canonicalisation is not Canonical XML 1.0, inclusive or exclusive";
        CanonicalizationParameters = "canonicalization-parameters", "the canonicalisation has parameters; sign without";
        WeakDigest = "weak-digest", "the digest or the signature is over SHA-1 or MD5, which can be forged; sign with SHA-256";
        DigestMethod = "digest-method", "the digest is not SHA-256, SHA-384 or SHA-512";
        SignatureMethod = "signature-method", "the signature is neither RSA (PKCS#1 v1.5) nor ECDSA with SHA-256, SHA-384 or SHA-512";
        NoKey = "no-key", "no key stands beside the signature: neither a KeyValue nor a certificate";
        TooManyKeys = "too-many-keys", "more than 16 keys or certificates stand beside the signature";
        KeyKind = "key-kind", "the key is neither RSA nor of P-256, P-384, P-521 or secp256k1, or is not written as expected";
        WeakKey = "weak-key", "the RSA key has fewer than 2048 bits; sign with a longer one";
        KeyTooLarge = "key-too-large", "the RSA key has more than 8192 bits";
        Certificate = "certificate", "the certificate could not be read, and there is no other key";
    }
}
