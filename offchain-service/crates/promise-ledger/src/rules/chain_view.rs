//! A node that has lost the chain can't know what a session still holds.

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>) -> Result<(), Rejection> {
    check.fresh.then_some(()).ok_or(Rejection::StaleChainView)
}
