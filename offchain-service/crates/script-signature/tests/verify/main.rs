//! Signatures of scripts, from outside.
//!
//! Scripts are written in canonical form by hand here and signed over these bytes, so that the canonicalisation is not
//! tested against itself.

mod attacks;
mod hostile;
mod published;
mod signer;
mod valid;

/// 2026-11-20.
const NOW: u64 = 1_795_132_800;

fn verify(script: impl AsRef<[u8]>) -> smartlayer_script_signature::Verdict {
    smartlayer_script_signature::verify(script.as_ref(), NOW, &Default::default())
}
