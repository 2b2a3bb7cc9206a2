//! An issuer that shares in the payments for its token gets its share: such calls are paid from a session that was opened for the token
//! type. And from that session no others, because every claim from it pays the issuer.

use smartlayer_primitives::session::Session;

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session) -> Result<(), Rejection> {
    let called = check.token_type;
    match session.issuer.as_ref().map(|issuer| issuer.token_type) {
        Some(token_type) if token_type == called => Ok(()),
        None if !check.shares_revenue => Ok(()),
        session => Err(Rejection::OtherToken { called, session }),
    }
}
