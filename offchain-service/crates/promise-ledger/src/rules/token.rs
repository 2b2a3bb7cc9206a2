//! An issuer that shares in the payments for its token gets its share: such calls are paid from a session that was opened for the token
//! type. And from that session no others, because every claim from it pays the issuer.

use smartlayer_primitives::session::Session;

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session) -> Result<(), Rejection> {
    let opened_for = session.issuer.as_ref().map(|issuer| issuer.token_type);
    let mut called = check.called.iter();
    let other = called.find(|(called, shares_revenue)| match opened_for {
        Some(token_type) => token_type != *called,
        None => *shares_revenue,
    });
    match other {
        Some((called, _)) => Err(Rejection::OtherToken { called: *called, session: opened_for }),
        None => Ok(()),
    }
}
