//! What must always hold.

use frame_support::{ensure, traits::fungible::hold::Inspect};
use smartlayer_primitives::{AccountId, Balance};
use sp_runtime::TryRuntimeError;

use crate::pallet::*;

impl<T: Config> Pallet<T> {
    /// Checks what must always hold.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        Self::check_set()?;
        Self::check_keys()?;
        Self::check_bonds()
    }

    fn check_set() -> Result<(), TryRuntimeError> {
        let elected = Elected::<T>::get();
        ensure!(elected.windows(2).all(|pair| pair[0] < pair[1]), "Elected is not sorted and free of duplicates");
        let active = ActiveSet::<T>::get();
        ensure!(
            active.members.windows(2).all(|pair| pair[0].account < pair[1].account),
            "ActiveSet is not sorted and free of duplicates"
        );
        for member in &active.members {
            ensure!(elected.binary_search(&member.account).is_ok(), "an active anchor is not elected");
            let organisation = Organisations::<T>::get(&member.account).ok_or("an active anchor is not registered")?;
            ensure!(organisation.key == member.key, "an active anchor has another key than its organisation");
        }

        let suspended = Suspended::<T>::get();
        let least = Self::least_active(elected.len());
        ensure!(suspended.len().saturating_add(least) <= elected.len(), "more are suspended than may be");
        for (position, account) in suspended.iter().enumerate() {
            ensure!(elected.binary_search(account).is_ok(), "a suspended account is not elected");
            ensure!(active.position(account).is_none(), "a suspended anchor is active");
            ensure!(!suspended[..position].contains(account), "an account is suspended twice");
        }
        Ok(())
    }

    fn check_keys() -> Result<(), TryRuntimeError> {
        for (account, organisation) in Organisations::<T>::iter() {
            let key = AccountId::from(organisation.key);
            ensure!(Keys::<T>::get(&key).as_ref() == Some(&account), "an organisation's key is not its own");
            ensure!(
                key == account || !Organisations::<T>::contains_key(&key),
                "a key is another organisation's account"
            );
            ensure!(
                FormerKeysOf::<T>::get(&account).len() < MAX_FORMER_KEYS as usize,
                "there is no room for an organisation's key when it gives it up"
            );
        }
        ensure!(
            Keys::<T>::iter().count() == Organisations::<T>::iter().count(),
            "there is a key without its organisation"
        );

        let mut former = 0usize;
        for (account, keys) in FormerKeysOf::<T>::iter() {
            ensure!(!keys.is_empty(), "an empty list of former keys is kept");
            ensure!(
                Organisations::<T>::contains_key(&account) || Departing::<T>::contains_key(&account),
                "former keys are remembered of who is gone"
            );
            for key in &keys {
                let owner = FormerKeys::<T>::get(key).map(|(owner, _)| owner);
                ensure!(owner.as_ref() == Some(&account), "a former key is not that of the one whose list it is in");
                ensure!(!Keys::<T>::contains_key(key), "a key is former and current at once");
            }
            former = former.saturating_add(keys.len());
        }
        ensure!(FormerKeys::<T>::iter().count() == former, "a former key is in nobody's list");
        for account in RotatedAt::<T>::iter_keys() {
            ensure!(Organisations::<T>::contains_key(&account), "a rotation is remembered of nobody");
        }
        Ok(())
    }

    fn check_bonds() -> Result<(), TryRuntimeError> {
        let held = |account: &AccountId| T::Currency::balance_on_hold(&HoldReason::Bond.into(), account);
        let departing = |account: &AccountId| Departing::<T>::get(account).map_or(0, |(amount, _)| amount);
        for (account, organisation) in Organisations::<T>::iter() {
            let sum: Option<Balance> = organisation.bond.checked_add(departing(&account));
            ensure!(sum == Some(held(&account)), "what is held is not bond plus what is departing");
        }
        for (account, (amount, _)) in Departing::<T>::iter() {
            ensure!(amount > 0, "nothing is departing");
            let bond = Organisations::<T>::get(&account).map_or(0, |organisation| organisation.bond);
            ensure!(bond.checked_add(amount) == Some(held(&account)), "what is held is not what is departing");
        }
        Ok(())
    }
}
