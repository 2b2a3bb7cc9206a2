//! Once the session is to be closed, the node claims what it has and accepts no more: it might not be able to claim it in time.

use smartlayer_primitives::session::Session;

use crate::Rejection;

pub fn check(session: &Session) -> Result<(), Rejection> {
    match session.closing_at {
        Some(at) => Err(Rejection::SessionClosing { at }),
        None => Ok(()),
    }
}
