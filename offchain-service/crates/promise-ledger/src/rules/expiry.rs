//! A session that expires soon takes no more: once it has, anyone can have it closed, and the node should have claimed by then.

use smartlayer_primitives::session::Session;

use crate::{is_expiring, Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session) -> Result<(), Rejection> {
    if is_expiring(session, check.block) {
        return Err(Rejection::SessionExpiring { at: session.expires_at });
    }
    Ok(())
}
