//! Who is a service node, which key signs for it, and whether it takes new work.

use frame_support::ensure;
use smartlayer_primitives::{
    node::{Endpoint, KeyOwnership, PeerId, ServiceNode},
    payload::Payload,
    traits::ServiceNodes,
    AccountId, Hash, Signature,
};
use sp_runtime::{
    traits::{Verify, Zero},
    DispatchError, DispatchResult,
};

use frame_support::traits::{fungible::hold::Mutate as _, Get};

use crate::pallet::*;

impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(account: AccountId, node: ServiceNode, proof: Signature) -> DispatchResult {
        ensure!(!Nodes::<T>::contains_key(&account), Error::<T>::AlreadyRegistered);
        ensure!(!ServiceKeys::<T>::contains_key(&account), Error::<T>::AccountIsKey);
        Self::check_address(&node.endpoint, &node.peer_id)?;
        ensure!(node.bond >= Self::min_bond(), Error::<T>::BondTooLow);
        Self::check_key(&account, &node.service_key, &proof)?;

        let bond = node.bond;
        T::Currency::hold(&HoldReason::Bond.into(), &account, bond)?;
        ServiceKeys::<T>::insert(&node.service_key, &account);
        Self::remember_stake(&account, bond);
        Nodes::<T>::insert(&account, node);
        Self::deposit_event(Event::Registered { node: account, bond });
        Ok(())
    }

    pub(crate) fn do_update(sender: AccountId, endpoint: Endpoint, peer_id: PeerId) -> DispatchResult {
        let account = <Self as ServiceNodes>::acting_for(&sender).ok_or(Error::<T>::NotRegistered)?;
        Self::check_address(&endpoint, &peer_id)?;
        Self::try_mutate_node(&account, |node| {
            node.endpoint = endpoint;
            node.peer_id = peer_id;
            Ok(())
        })?;
        Self::deposit_event(Event::Updated { node: account });
        Ok(())
    }

    pub(crate) fn do_rotate_key(account: AccountId, service_key: AccountId, proof: Signature) -> DispatchResult {
        Self::try_mutate_node(&account, |node| {
            Self::check_key(&account, &service_key, &proof)?;
            ServiceKeys::<T>::remove(&node.service_key);
            ServiceKeys::<T>::insert(&service_key, &account);
            node.service_key = service_key.clone();
            Ok(())
        })?;
        Self::deposit_event(Event::KeyRotated { node: account, service_key });
        Ok(())
    }

    pub(crate) fn do_chill(sender: AccountId) -> DispatchResult {
        let node = Self::set_chilled(&sender, true, Error::<T>::AlreadyChilled)?;
        Self::deposit_event(Event::Chilled { node });
        Ok(())
    }

    pub(crate) fn do_reenter(sender: AccountId) -> DispatchResult {
        let node = Self::set_chilled(&sender, false, Error::<T>::NotChilled)?;
        Self::deposit_event(Event::Reentered { node });
        Ok(())
    }

    fn set_chilled(sender: &AccountId, chilled: bool, is_so: Error<T>) -> Result<AccountId, DispatchError> {
        let account = <Self as ServiceNodes>::acting_for(sender).ok_or(Error::<T>::NotRegistered)?;
        Self::try_mutate_node(&account, |node| {
            ensure!(node.chilled != chilled, is_so);
            node.chilled = chilled;
            Ok(())
        })?;
        Ok(account)
    }

    pub(crate) fn try_mutate_node<R>(
        account: &AccountId,
        change: impl FnOnce(&mut ServiceNode) -> Result<R, DispatchError>,
    ) -> Result<R, DispatchError> {
        Nodes::<T>::try_mutate(account, |node| change(node.as_mut().ok_or(Error::<T>::NotRegistered)?))
    }

    fn check_address(endpoint: &Endpoint, peer_id: &PeerId) -> DispatchResult {
        ensure!(!endpoint.is_empty() && core::str::from_utf8(endpoint).is_ok(), Error::<T>::BadEndpoint);
        ensure!(!peer_id.is_empty(), Error::<T>::BadPeerId);
        Ok(())
    }

    /// Whether `key` may become the service key of `account`: nobody's yet, nobody else's account, and its holder
    /// agrees.
    fn check_key(account: &AccountId, key: &AccountId, proof: &Signature) -> DispatchResult {
        let is_a_node = key != account && Nodes::<T>::contains_key(key);
        ensure!(!is_a_node && !ServiceKeys::<T>::contains_key(key), Error::<T>::KeyInUse);
        let payload = KeyOwnership { account: account.clone() }.signing_payload(&Self::genesis_hash());
        ensure!(proof.verify(&payload[..], key), Error::<T>::BadProof);
        Ok(())
    }

    /// Zero counts as one: a node that unbonded everything must not count as bonded.
    pub(crate) fn min_bond() -> smartlayer_primitives::Balance {
        T::MinBond::get().max(1)
    }

    fn genesis_hash() -> Hash {
        frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::zero())
    }
}

impl<T: Config> ServiceNodes for Pallet<T> {
    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        if Nodes::<T>::contains_key(origin) {
            return Some(origin.clone());
        }
        ServiceKeys::<T>::get(origin)
    }

    fn is_bonded(node: &AccountId) -> bool {
        Nodes::<T>::get(node).is_some_and(|node| node.bond >= Self::min_bond())
    }

    fn is_available(node: &AccountId) -> bool {
        Nodes::<T>::get(node).is_some_and(|node| node.bond >= Self::min_bond() && !node.chilled)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId) {
        crate::benchmarking::register_node::<T>(node);
    }
}
