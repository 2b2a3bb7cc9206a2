//! The promise is for the session that the request names, and the chain has it.

use smartlayer_primitives::{promise::SignedPromise, session::Session};

use crate::{Check, Rejection};

pub fn check<'a>(check: &Check<'a>, promise: &SignedPromise) -> Result<&'a Session, Rejection> {
    let (presented, promised) = (*check.session_id, promise.promise.session);
    if presented != promised {
        return Err(Rejection::OtherSession { presented, promised });
    }
    check.session.ok_or(Rejection::UnknownSession { session: presented })
}
