//! A tick commitment would let the promise grow without another signature; nodes don't count ticks yet, so they take none.

use smartlayer_primitives::promise::SignedPromise;

use crate::Rejection;

pub fn check(promise: &SignedPromise) -> Result<(), Rejection> {
    match promise.promise.ticks {
        Some(_) => Err(Rejection::TicksUnsupported),
        None => Ok(()),
    }
}
