//! The session pays this node. A network session's payments are bound to a notary's allocation, which nodes don't take yet.

use smartlayer_primitives::session::{Payee, Session};

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session) -> Result<(), Rejection> {
    match &session.payee {
        Payee::Node(node) if node == check.node => Ok(()),
        Payee::Node(node) => Err(Rejection::OtherNode { expected: node.clone() }),
        Payee::Network(_) => Err(Rejection::NetworkSession),
    }
}
