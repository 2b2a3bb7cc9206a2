//! How a claimed amount is divided. Every rounding is in the network's favour, and nothing is lost: the parts add up.

use sp_runtime::{PerThing, Permill, Rounding};

use crate::Balance;

/// The parts of a settled amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Destroyed; rounded up to a whole planck.
    pub burned: Balance,
    /// What the issuer of the token receives; rounded down.
    pub issuer: Balance,
    /// What the node receives: all the rest.
    pub paid: Balance,
}

/// Divides `amount` at the rates that the session pinned when it opened: first the burn, then the issuer's share of what the burn left.
pub fn settle(amount: Balance, burn_rate: Permill, issuer_share: Permill) -> Settlement {
    let burned = mul_ceil(burn_rate, amount);
    let rest = amount.saturating_sub(burned);
    let issuer = issuer_share.mul_floor(rest);
    Settlement { burned, issuer, paid: rest.saturating_sub(issuer) }
}

/// `rate` of `amount`, rounded up.
pub fn mul_ceil(rate: Permill, amount: Balance) -> Balance {
    rate.mul_ceil(amount)
}

/// The part of `pool` that `weight` out of `total` earns, rounded down; nothing out of nothing.
pub fn share(pool: Balance, weight: u128, total: u128) -> Balance {
    if total == 0 {
        return 0;
    }
    sp_runtime::helpers_128bit::multiply_by_rational_with_rounding(pool, weight.min(total), total, Rounding::Down)
        .unwrap_or(0)
}

/// The most that a rate can be: everything.
pub const ALL: Permill = Permill::from_parts(Permill::ACCURACY);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_add_up_and_burn_is_never_short(amount: u128, parts in 0u32..=1_000_000, share in 0u32..=1_000_000) {
            let (rate, share) = (Permill::from_parts(parts), Permill::from_parts(share));
            let s = settle(amount, rate, share);
            prop_assert_eq!(s.burned.checked_add(s.issuer).and_then(|p| p.checked_add(s.paid)), Some(amount));
            prop_assert!(s.issuer <= share.mul_floor(amount));
            prop_assert!(s.burned >= rate.mul_floor(amount));
            prop_assert!(parts == 0 || amount == 0 || s.burned > 0);
        }

        #[test]
        fn claiming_in_steps_never_burns_less(first in 0u128..1 << 100, second in 0u128..1 << 100, parts in 0u32..=1_000_000) {
            let rate = Permill::from_parts(parts);
            let none = Permill::zero();
            let whole = settle(first + second, rate, none);
            let steps = settle(first, rate, none).burned + settle(second, rate, none).burned;
            prop_assert!(steps >= whole.burned && steps <= whole.burned + 1);
        }

        #[test]
        fn shares_never_exceed_the_pool(pool: u128, weights in prop::collection::vec(0u128..1 << 90, 1..20)) {
            let total: u128 = weights.iter().sum();
            let mut left = pool;
            for weight in weights {
                left = left.checked_sub(share(pool, weight, total)).expect("shares exceed the pool");
            }
        }
    }
}
