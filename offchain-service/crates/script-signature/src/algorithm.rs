//! The algorithms that signatures of scripts may use, and their names in XML.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::verdict::Unsupported;

/// How XML is turned into bytes before it is digested or signed. All are Canonical XML 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Canonicalization {
    /// With all namespaces in scope, without comments.
    Inclusive,
    /// With all namespaces in scope and comments.
    InclusiveWithComments,
    /// With the namespaces that are used, without comments.
    Exclusive,
    /// With the namespaces that are used and comments.
    ExclusiveWithComments,
}

impl Canonicalization {
    pub(crate) fn of(uri: &str) -> Result<Self, Unsupported> {
        Ok(match uri {
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" => Canonicalization::Inclusive,
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments" => Canonicalization::InclusiveWithComments,
            "http://www.w3.org/2001/10/xml-exc-c14n#" => Canonicalization::Exclusive,
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments" => Canonicalization::ExclusiveWithComments,
            _ => return Err(Unsupported::Canonicalization),
        })
    }

    pub(crate) fn exclusive(self) -> bool {
        matches!(self, Canonicalization::Exclusive | Canonicalization::ExclusiveWithComments)
    }

    pub(crate) fn comments(self) -> bool {
        matches!(self, Canonicalization::InclusiveWithComments | Canonicalization::ExclusiveWithComments)
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    pub(crate) fn of(uri: &str) -> Result<Self, Unsupported> {
        Ok(match uri {
            "http://www.w3.org/2001/04/xmlenc#sha256" => Digest::Sha256,
            "http://www.w3.org/2001/04/xmldsig-more#sha384" => Digest::Sha384,
            "http://www.w3.org/2001/04/xmlenc#sha512" => Digest::Sha512,
            "http://www.w3.org/2000/09/xmldsig#sha1" | "http://www.w3.org/2001/04/xmldsig-more#md5" => {
                return Err(Unsupported::WeakDigest)
            }
            _ => return Err(Unsupported::DigestMethod),
        })
    }

    pub(crate) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Digest::Sha256 => &digest::SHA256,
            Digest::Sha384 => &digest::SHA384,
            Digest::Sha512 => &digest::SHA512,
        }
    }
}

/// A signature method: a kind of key and a hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// RSA with the padding of PKCS#1 v1.5, over SHA-256.
    RsaSha256,
    /// RSA with the padding of PKCS#1 v1.5, over SHA-384.
    RsaSha384,
    /// RSA with the padding of PKCS#1 v1.5, over SHA-512.
    RsaSha512,
    /// ECDSA over SHA-256.
    EcdsaSha256,
    /// ECDSA over SHA-384.
    EcdsaSha384,
    /// ECDSA over SHA-512.
    EcdsaSha512,
}

impl Method {
    pub(crate) fn of(uri: &str) -> Result<Self, Unsupported> {
        Ok(match uri {
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Method::RsaSha256,
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Method::RsaSha384,
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Method::RsaSha512,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => Method::EcdsaSha256,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => Method::EcdsaSha384,
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512" => Method::EcdsaSha512,
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
            | "http://www.w3.org/2000/09/xmldsig#dsa-sha1"
            | "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
            | "http://www.w3.org/2001/04/xmldsig-more#rsa-md5" => return Err(Unsupported::WeakDigest),
            _ => return Err(Unsupported::SignatureMethod),
        })
    }

    pub(crate) fn is_rsa(self) -> bool {
        matches!(self, Method::RsaSha256 | Method::RsaSha384 | Method::RsaSha512)
    }

    pub(crate) fn digest(self) -> Digest {
        match self {
            Method::RsaSha256 | Method::EcdsaSha256 => Digest::Sha256,
            Method::RsaSha384 | Method::EcdsaSha384 => Digest::Sha384,
            Method::RsaSha512 | Method::EcdsaSha512 => Digest::Sha512,
        }
    }
}
