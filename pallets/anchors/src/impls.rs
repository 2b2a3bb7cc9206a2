//! What the calls do, and what other pallets are given.

use alloc::vec::Vec;
use frame_support::{
    defensive, ensure,
    traits::{
        fungible::hold::Mutate as _, tokens::Precision, ChangeMembers, DefensiveSaturating, Get, InitializeMembers,
    },
    BoundedVec,
};
use smartlayer_primitives::{
    node::{Endpoint, KeyOwnership, PeerId},
    organisation::Organisation,
    payload::Payload,
    quorum::{AnchorKey, AnchorSet, AnchorSignature, Member, QuorumCertificate, QuorumError, MAX_ANCHORS},
    traits::Anchors,
    AccountId, Balance, BlockNumber, Hash,
};
use sp_runtime::{
    traits::{SaturatedConversion, Verify, Zero},
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

        let bond = organisation.bond;
        T::Currency::hold(&HoldReason::Bond.into(), &account, bond)?;
        Keys::<T>::insert(AccountId::from(organisation.key), &account);
        Organisations::<T>::insert(&account, organisation);
        Self::deposit_event(Event::Registered { account: account.clone(), bond });
        Self::refresh_for(&account);
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

        Keys::<T>::remove(AccountId::from(organisation.key));
        Keys::<T>::insert(AccountId::from(key), &account);
        RotatedAt::<T>::insert(&account, now);
        organisation.key = key;
        Organisations::<T>::insert(&account, organisation);
        Self::deposit_event(Event::KeyRotated { account: account.clone(), key });
        Self::refresh_for(&account);
        Ok(())
    }

    pub(crate) fn do_deregister(account: AccountId) -> DispatchResult {
        let organisation = Organisations::<T>::get(&account).ok_or(Error::<T>::NotRegistered)?;
        ensure!(Elected::<T>::get().binary_search(&account).is_err(), Error::<T>::StillElected);

        let (departing, earlier_release) = Departing::<T>::get(&account).unwrap_or_default();
        // Both parts are held on one account, so that their sum is a balance.
        let amount = departing.defensive_saturating_add(organisation.bond);
        let release_at = Self::now().saturating_add(T::BondDelay::get()).max(earlier_release);
        Departing::<T>::insert(&account, (amount, release_at));
        Keys::<T>::remove(AccountId::from(organisation.key));
        RotatedAt::<T>::remove(&account);
        Organisations::<T>::remove(&account);
        Self::deposit_event(Event::Deregistered { account, amount, release_at });
        Ok(())
    }

    pub(crate) fn do_withdraw_bond(account: AccountId) -> DispatchResult {
        let (amount, release_at) = Departing::<T>::get(&account).ok_or(Error::<T>::NothingDeparting)?;
        ensure!(Self::now() >= release_at, Error::<T>::NotReleasedYet);
        T::Currency::release(&HoldReason::Bond.into(), &account, amount, Precision::Exact)?;
        Departing::<T>::remove(&account);
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
        Self::refresh_for(&account);
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

    /// Whether `key` may become the key of `account`: nobody's yet, nobody else's account, and its holder agrees.
    fn check_key(account: &AccountId, key: &AnchorKey, proof: &AnchorSignature) -> DispatchResult {
        let key_account = AccountId::from(*key);
        let is_an_account = key_account != *account && Organisations::<T>::contains_key(&key_account);
        ensure!(!is_an_account && !Keys::<T>::contains_key(&key_account), Error::<T>::KeyInUse);
        let payload = KeyOwnership { account: account.clone() }.signing_payload(&Self::genesis_hash());
        ensure!(proof.verify(&payload[..], key), Error::<T>::BadProof);
        Ok(())
    }

    /// Works the active set out anew if `account` is elected; nobody else can change it.
    fn refresh_for(account: &AccountId) {
        let elected = Elected::<T>::get();
        if elected.binary_search(account).is_ok() {
            Self::refresh(elected);
        }
    }

    /// Works the active set out anew.
    fn refresh(elected: BoundedVec<AccountId, sp_core::ConstU32<MAX_ANCHORS>>) {
        let members = Self::active_among(elected);
        ActiveSet::<T>::mutate(|set| {
            if set.members == members {
                return;
            }
            set.id = set.id.defensive_saturating_add(1);
            set.members = members;
            Self::deposit_event(Event::ActiveSetChanged { id: set.id, members: set.members.len() as u32 });
        });
    }

    fn active_among(
        elected: BoundedVec<AccountId, sp_core::ConstU32<MAX_ANCHORS>>,
    ) -> BoundedVec<Member, sp_core::ConstU32<MAX_ANCHORS>> {
        let min_bond = T::MinBond::get();
        let members = elected.into_iter().filter_map(|account| {
            let organisation = Organisations::<T>::get(&account)?;
            (organisation.bond >= min_bond).then_some(Member { account, key: organisation.key })
        });
        // A part of a list with the same bound: nothing is cut off.
        BoundedVec::truncate_from(members.collect())
    }

    fn set_elected(mut members: Vec<AccountId>) {
        members.sort();
        members.dedup();
        if members.len() > MAX_ANCHORS as usize {
            // The runtime must not elect more members than an anchor set holds.
            defensive!("more members were elected than an anchor set holds");
        }
        let elected = BoundedVec::truncate_from(members);
        Elected::<T>::put(&elected);
        Self::refresh(elected);
    }

    fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    fn genesis_hash() -> Hash {
        frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::zero())
    }

    /// Checks what must always hold.
    #[cfg(any(feature = "try-runtime", test))]
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        use frame_support::traits::fungible::hold::Inspect;

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

        let mut organisations = 0usize;
        for (account, organisation) in Organisations::<T>::iter() {
            organisations = organisations.saturating_add(1);
            let key = AccountId::from(organisation.key);
            ensure!(Keys::<T>::get(&key).as_ref() == Some(&account), "an organisation's key is not its own");
            ensure!(
                key == account || !Organisations::<T>::contains_key(&key),
                "a key is another organisation's account"
            );
            let departing = Departing::<T>::get(&account).map_or(0, |(amount, _)| amount);
            let held = T::Currency::balance_on_hold(&HoldReason::Bond.into(), &account);
            ensure!(
                organisation.bond.checked_add(departing) == Some(held),
                "what is held is not bond plus what is departing"
            );
        }
        ensure!(Keys::<T>::iter().count() == organisations, "there is a key without its organisation");
        for (account, (amount, _)) in Departing::<T>::iter() {
            let bond = Organisations::<T>::get(&account).map_or(0, |organisation| organisation.bond);
            let held = T::Currency::balance_on_hold(&HoldReason::Bond.into(), &account);
            ensure!(bond.checked_add(amount) == Some(held), "what is held is not what is departing");
        }
        for account in RotatedAt::<T>::iter_keys() {
            ensure!(Organisations::<T>::contains_key(&account), "a rotation is remembered of nobody");
        }
        Ok(())
    }
}

impl<T: Config> Anchors for Pallet<T> {
    fn active() -> AnchorSet {
        ActiveSet::<T>::get()
    }

    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        let active = ActiveSet::<T>::get();
        if active.position(origin).is_some() {
            return Some(origin.clone());
        }
        Keys::<T>::get(origin).filter(|owner| active.position(owner).is_some())
    }

    fn verify_quorum(hash: Hash, certificate: &QuorumCertificate) -> Result<(), QuorumError> {
        ActiveSet::<T>::get().verify(&Self::genesis_hash(), hash, certificate)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn activate_for_benchmark(members: alloc::vec::Vec<Member>) {
        let members = BoundedVec::truncate_from(members);
        ActiveSet::<T>::mutate(|set| *set = AnchorSet { id: set.id.wrapping_add(1), members });
    }
}

impl<T: Config> ChangeMembers<AccountId> for Pallet<T> {
    fn change_members_sorted(_: &[AccountId], _: &[AccountId], sorted_new: &[AccountId]) {
        Self::set_elected(sorted_new.to_vec());
    }
}

impl<T: Config> InitializeMembers<AccountId> for Pallet<T> {
    fn initialize_members(members: &[AccountId]) {
        Self::set_elected(members.to_vec());
    }
}

/// Whether these bytes can be read by people: UTF-8, and not empty.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && core::str::from_utf8(bytes).is_ok()
}
