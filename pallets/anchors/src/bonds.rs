//! What stands behind the anchors' word, and how it is taken.

use frame_support::{
    traits::{
        fungible::{
            hold::{Balanced as _, Mutate as _},
            Balanced as _,
        },
        tokens::{Fortitude, Precision, Restriction},
        DefensiveSaturating, Get, Imbalance, OnUnbalanced,
    },
    weights::Weight,
};
use smartlayer_primitives::{quorum::AnchorKey, traits::AnchorBonds, AccountId, Balance};
use sp_runtime::{traits::Zero, DispatchError, Permill};

use crate::{pallet::*, WeightInfo};

impl<T: Config> AnchorBonds for Pallet<T> {
    fn owner_of_key(key: &AnchorKey) -> Option<AccountId> {
        Self::owner(key)
    }

    fn seize(anchor: &AccountId, amount: Balance, to: &AccountId) -> Balance {
        let amount = amount.min(Self::at_stake(anchor));
        if amount.is_zero() {
            return 0;
        }
        // Nothing is moved to an account that can't hold so little.
        let amount = T::Currency::transfer_on_hold(
            &HoldReason::Bond.into(),
            anchor,
            to,
            amount,
            Precision::BestEffort,
            Restriction::Free,
            Fortitude::Force,
        )
        .unwrap_or_default();
        if !amount.is_zero() {
            Self::book_loss(anchor, amount);
            Self::deposit_event(Event::Seized { account: anchor.clone(), to: to.clone(), amount });
        }
        amount
    }

    fn slash(anchor: &AccountId, fraction: Permill, reporter: &AccountId) -> Result<Balance, DispatchError> {
        let wanted = fraction.mul_ceil(Self::at_stake(anchor));
        if wanted.is_zero() {
            return Ok(0);
        }
        let (taken, _) = T::Currency::slash(&HoldReason::Bond.into(), anchor, wanted);
        let amount = taken.peek();
        Self::book_loss(anchor, amount);

        let (bounty, rest) = taken.split(T::BountyShare::get().mul_floor(amount));
        let offered = bounty.peek();
        // A reporter whose account can't hold so little gets nothing.
        let (bounty, rest) = match T::Currency::resolve(reporter, bounty) {
            Ok(()) => (offered, rest),
            Err(refused) => (0, rest.merge(refused)),
        };
        T::OnSlash::on_unbalanced(rest);
        Self::deposit_event(Event::Slashed { account: anchor.clone(), amount, bounty, reporter: reporter.clone() });
        Ok(amount)
    }

    fn suspend(anchor: &AccountId) -> bool {
        Self::do_suspend(anchor)
    }

    fn weight() -> Weight {
        T::WeightInfo::slash().max(T::WeightInfo::seize())
    }
}

impl<T: Config> Pallet<T> {
    /// All that is held of an organisation: its bond and what is departing.
    fn at_stake(account: &AccountId) -> Balance {
        let bond = Organisations::<T>::get(account).map_or(0, |organisation| organisation.bond);
        let departing = Departing::<T>::get(account).map_or(0, |(amount, _)| amount);
        // Both are held on one account, so that their sum is a balance.
        bond.defensive_saturating_add(departing)
    }

    /// Writes down that `amount` of what was held is gone: of the departing part first, because that leaves first.
    fn book_loss(account: &AccountId, amount: Balance) {
        let (departing, release_at) = Departing::<T>::get(account).unwrap_or_default();
        match departing.checked_sub(amount) {
            Some(left) if !left.is_zero() => Departing::<T>::insert(account, (left, release_at)),
            _ => Departing::<T>::remove(account),
        }
        let of_bond = amount.saturating_sub(departing);
        if let Some(mut organisation) = Organisations::<T>::get(account).filter(|_| !of_bond.is_zero()) {
            organisation.bond = organisation.bond.defensive_saturating_sub(of_bond);
            Organisations::<T>::insert(account, organisation);
        }
        Self::forget_due_keys(account);
    }
}
