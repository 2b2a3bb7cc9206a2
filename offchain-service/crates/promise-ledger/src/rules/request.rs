//! The promise pays for this request and no other: nobody on the way can spend it on something else.

use smartlayer_primitives::promise::SignedPromise;

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, promise: &SignedPromise) -> Result<(), Rejection> {
    let (expected, promised) = (*check.call_hash, promise.promise.call_hash);
    if expected != promised {
        return Err(Rejection::OtherRequest { expected, promised });
    }
    Ok(())
}
