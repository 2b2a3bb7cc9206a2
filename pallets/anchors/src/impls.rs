//! What the calls do.

use frame_support::{
    ensure,
    traits::{fungible::hold::Mutate as _, tokens::Precision, DefensiveSaturating, Get},
};
use smartlayer_primitives::{
    node::{Endpoint, PeerId},
    organisation::Organisation,
    quorum::{AnchorKey, AnchorSignature},
    AccountId, Balance, BlockNumber, Hash,
};
use sp_runtime::{
    traits::{SaturatedConversion, Zero},
    DispatchResult,
};

use crate::pallet::*;

impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(
        account: AccountId,
        organisation: Organisation,
        proof: AnchorSignature,
    ) -> DispatchResult {
        ensure!(!Organisations::<T>::contains_key(&account), Error::<T>::AlreadyRegistered);
        ensure!(!Keys::<T>::contains_key(&account), Error::<T>::AccountIsKey);
        ensure!(is_text(&organisation.name), Error::<T>::BadName);
        Self::check_address(&organisation.endpoint, &organisation.peer_id)?;
        ensure!(organisation.bond >= T::MinBond::get(), Error::<T>::BondTooLow);
        Self::check_key(&account, &organisation.key, &proof)?;
        Self::ensure_room_for_keys(&account, 0)?;

        let bond = organisation.bond;
        T::Currency::hold(&HoldReason::Bond.into(), &account, bond)?;
        Self::take_key(&account, &organisation.key);
        Organisations::<T>::insert(&account, organisation);
        Self::deposit_event(Event::Registered { account: account.clone(), bond });
        Self::refresh_one(&account);
        Ok(())
    }

    pub(crate) fn do_update(sender: AccountId, endpoint: Endpoint, peer_id: PeerId) -> DispatchResult {
        let (account, mut organisation) = Self::find(&sender).ok_or(Error::<T>::NotRegistered)?;
        Self::check_address(&endpoint, &peer_id)?;
        organisation.endpoint = endpoint;
        organisation.peer_id = peer_id;
        Organisations::<T>::insert(&account, organisation);
        Self::deposit_event(Event::Updated { account });
        Ok(())
    }

    pub(crate) fn do_rotate_key(account: AccountId, key: AnchorKey, proof: AnchorSignature) -> DispatchResult {
        let mut organisation = Organisations::<T>::get(&account).ok_or(Error::<T>::NotRegistered)?;
        let now = Self::now();
        if let Some(last) = RotatedAt::<T>::get(&account) {
            ensure!(now >= last.saturating_add(T::RotationInterval::get()), Error::<T>::RotatedRecently);
        }
        Self::check_key(&account, &key, &proof)?;
        Self::ensure_room_for_keys(&account, 1)?;

        Self::give_up_key(&account, &organisation.key);
        Self::take_key(&account, &key);
        RotatedAt::<T>::insert(&account, now);
        organisation.key = key;
        Organisations::<T>::insert(&account, organisation);
        Self::deposit_event(Event::KeyRotated { account: account.clone(), key });
        Self::refresh_one(&account);
        Ok(())
    }

    pub(crate) fn do_deregister(account: AccountId) -> DispatchResult {
        let organisation = Organisations::<T>::get(&account).ok_or(Error::<T>::NotRegistered)?;
        ensure!(Elected::<T>::get().binary_search(&account).is_err(), Error::<T>::StillElected);

        let (departing, earlier_release) = Departing::<T>::get(&account).unwrap_or_default();
        // Both parts are held on one account, so that their sum is a balance.
        let amount = departing.defensive_saturating_add(organisation.bond);
        let release_at = Self::now().saturating_add(T::BondDelay::get()).max(earlier_release);
        if !amount.is_zero() {
            Departing::<T>::insert(&account, (amount, release_at));
        }
        Organisations::<T>::remove(&account);
        RotatedAt::<T>::remove(&account);
        Self::give_up_key(&account, &organisation.key);
        // With nothing left of its bond, it is gone.
        Self::forget_due_keys(&account);
        Self::deposit_event(Event::Deregistered { account, amount, release_at });
        Ok(())
    }

    pub(crate) fn do_withdraw_bond(account: AccountId) -> DispatchResult {
        let (amount, release_at) = Departing::<T>::get(&account).ok_or(Error::<T>::NothingDeparting)?;
        ensure!(Self::now() >= release_at, Error::<T>::NotReleasedYet);
        T::Currency::release(&HoldReason::Bond.into(), &account, amount, Precision::Exact)?;
        Departing::<T>::remove(&account);
        Self::forget_due_keys(&account);
        Self::deposit_event(Event::BondWithdrawn { account, amount });
        Ok(())
    }

    pub(crate) fn do_bond_more(account: AccountId, amount: Balance) -> DispatchResult {
        let mut organisation = Organisations::<T>::get(&account).ok_or(Error::<T>::NotRegistered)?;
        let bond = organisation.bond.checked_add(amount).ok_or(Error::<T>::BondOverflow)?;
        T::Currency::hold(&HoldReason::Bond.into(), &account, amount)?;
        organisation.bond = bond;
        Organisations::<T>::insert(&account, organisation);
        Self::deposit_event(Event::BondRaised { account: account.clone(), bond });
        Self::refresh_one(&account);
        Ok(())
    }

    pub(crate) fn do_refresh(account: AccountId) -> DispatchResult {
        ensure!(Self::refresh_one(&account), Error::<T>::NotElected);
        Ok(())
    }

    /// The organisation that `account` is, or whose signing key it is.
    pub(crate) fn find(account: &AccountId) -> Option<(AccountId, Organisation)> {
        if let Some(organisation) = Organisations::<T>::get(account) {
            return Some((account.clone(), organisation));
        }
        let owner = Keys::<T>::get(account)?;
        let organisation = Organisations::<T>::get(&owner)?;
        Some((owner, organisation))
    }

    fn check_address(endpoint: &Endpoint, peer_id: &PeerId) -> DispatchResult {
        ensure!(is_text(endpoint), Error::<T>::BadEndpoint);
        ensure!(!peer_id.is_empty(), Error::<T>::BadPeerId);
        Ok(())
    }

    pub(crate) fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    pub(crate) fn genesis_hash() -> Hash {
        frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::zero())
    }
}

/// Whether these bytes can be read by people: UTF-8, and not empty.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && core::str::from_utf8(bytes).is_ok()
}
