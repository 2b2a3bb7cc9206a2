//! XML signatures of token scripts: bytes in, verdict out.
//!
//! Pure: no I/O, no clock (the time is a value), nothing is fetched. What the signature says about the script is separate from
//! what may be thought of the signer: a signature that verifies is valid even if the certificate beside it has expired, and
//! the verdict says both. Whom to trust is the caller's to decide.
//!
//! What counts as a signature of a script is narrow on purpose: exactly one `Signature`, a child of the document element, with
//! one reference to the whole document, so that everything outside the signature is signed and nothing can be wrapped around it.
//!
//! Not covered, by the rules of XML signatures themselves: comments, whatever the method's name says (a reference to the whole
//! document leaves them out), so whoever shows or runs parts of a script must drop its comments; with the exclusive
//! canonicalisation, namespace declarations that no element or attribute name uses; and the contents of `KeyInfo`, of which
//! only the key that verifies is proved.
//!
//! ```
//! use smartlayer_script_signature::{verify, Limits, Verdict};
//!
//! assert_eq!(verify(b"<token/>", 1_700_000_000, &Limits::default()), Verdict::None);
//! ```

mod algorithm;
mod c14n;
mod certificate;
mod key;
mod scan;
mod signature;
mod verdict;

pub use algorithm::{Canonicalization, Digest, Method};
pub use verdict::{Algorithms, Certificate, Certifier, Flaw, Signed, Signer, Standing, Unsupported, Verdict};

/// The bounds within which a script is looked at. The defaults admit every published script known to the authors with room to
/// spare (the largest has 2.4 MB).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The script's size in bytes. Default: 4 MiB.
    pub bytes: usize,
    /// How deep elements may nest. Default: 128.
    pub depth: usize,
    /// How many elements, texts, comments and processing instructions there may be. Default: 200,000.
    pub nodes: u32,
    /// How many attributes one element may have. Default: 128.
    pub attributes: usize,
    /// How many namespace declarations there may be in total. Default: 1,024.
    pub namespaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 4 << 20, depth: 128, nodes: 200_000, attributes: 128, namespaces: 1024 }
    }
}

/// Verifies the signature of `script`. Certificates are held against `now`, seconds since 1970.
///
/// Never panics and never fails: what cannot be looked at is [`Verdict::Unsupported`].
pub fn verify(script: &[u8], now: u64, limits: &Limits) -> Verdict {
    let verdict = scan::parse(script, limits).and_then(|document| match signature::find(&document)? {
        None => Ok(Verdict::None),
        Some(element) => {
            signature::Signature::read(element)?.verify(now).map(|signed| Verdict::Valid(Box::new(signed)))
        }
    });
    verdict.unwrap_or_else(|verdict| verdict)
}
