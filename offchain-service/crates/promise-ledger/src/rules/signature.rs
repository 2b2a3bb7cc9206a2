//! The session's signer signed this promise for this chain. Last, because it is what costs.

use smartlayer_primitives::{promise::SignedPromise, session::Session};

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session, promise: &SignedPromise) -> Result<(), Rejection> {
    if !promise.verify(check.genesis, &session.signer) {
        return Err(Rejection::BadSignature { signer: session.signer.clone() });
    }
    Ok(())
}
