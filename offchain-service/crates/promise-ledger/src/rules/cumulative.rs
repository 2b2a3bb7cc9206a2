//! The promise raises what is owed by exactly the price, and stays within the deposit.

use smartlayer_primitives::{promise::SignedPromise, session::Session, Balance};

use crate::{Check, Rejection};

pub fn check(check: &Check<'_>, session: &Session, promise: &SignedPromise) -> Result<(), Rejection> {
    let (found, deposit) = (promise.promise.cumulative, session.deposit);
    let Some(expected) = check.owed().checked_add(check.price) else {
        return Err(Rejection::OverDeposit { deposit, needed: Balance::MAX });
    };
    // A call that costs more than is left can't be paid for by any promise: that comes first.
    let needed = expected.max(found);
    if needed > deposit {
        return Err(Rejection::OverDeposit { deposit, needed });
    }
    if found < expected {
        return Err(Rejection::CumulativeTooLow { expected, found });
    }
    if found > expected {
        return Err(Rejection::Overpaid { expected, found });
    }
    Ok(())
}
