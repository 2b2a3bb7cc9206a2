//! The session pays this node.

use smartlayer_primitives::session::Session;

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session) -> Result<(), Rejection> {
    if session.node != *check.node {
        return Err(Rejection::OtherNode { expected: session.node.clone() });
    }
    Ok(())
}
