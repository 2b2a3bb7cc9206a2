//! The active set: who is in it, and who is kept out of it.

use alloc::vec::Vec;
use frame_support::{
    defensive,
    dispatch::DispatchClass,
    traits::{ChangeMembers, DefensiveSaturating, Get, InitializeMembers},
    BoundedVec,
};
use smartlayer_primitives::{
    quorum::{AnchorSet, Member, QuorumCertificate, QuorumError, MAX_ANCHORS},
    traits::{Anchors, JudgedIdentity},
    AccountId, Hash,
};

use crate::{pallet::*, WeightInfo};

type UpToMax<Item> = BoundedVec<Item, sp_core::ConstU32<MAX_ANCHORS>>;

impl<T: Config> Pallet<T> {
    /// Looks again whether `account` is an anchor, if it is elected; no other can be. Returns whether it is elected.
    pub(crate) fn refresh_one(account: &AccountId) -> bool {
        if Elected::<T>::get().binary_search(account).is_err() {
            return false;
        }
        let mut members = ActiveSet::<T>::get().members;
        match (members.binary_search_by(|member| member.account.cmp(account)), Self::eligible(account)) {
            (Ok(position), Some(member)) => {
                if let Some(current) = members.get_mut(position) {
                    *current = member;
                }
            }
            (Ok(position), None) => {
                members.remove(position);
            }
            (Err(position), Some(member)) => {
                if members.try_insert(position, member).is_err() {
                    defensive!("all members of the set are elected, and of those there are no more than fit in it");
                }
            }
            (Err(_), None) => {}
        }
        Self::put_members(members);
        true
    }

    /// Works the active set out anew for all that are elected.
    fn refresh_all(elected: UpToMax<AccountId>) {
        let members = elected.iter().filter_map(Self::eligible).collect();
        // A part of a list with the same bound: nothing is cut off.
        Self::put_members(BoundedVec::truncate_from(members));
    }

    /// The elected `account` as a member, if nothing speaks against it.
    pub(crate) fn eligible(account: &AccountId) -> Option<Member> {
        let organisation = Organisations::<T>::get(account)?;
        let is_eligible = organisation.bond >= T::MinBond::get()
            && !Suspended::<T>::get().contains(account)
            && T::Identity::is_judged(account);
        is_eligible.then(|| Member { account: account.clone(), key: organisation.key })
    }

    fn put_members(members: UpToMax<Member>) {
        let set = ActiveSet::<T>::get();
        if set.members == members {
            return;
        }
        let id = set.id.defensive_saturating_add(1);
        Self::deposit_event(Event::ActiveSetChanged { id, members: members.len() as u32 });
        ActiveSet::<T>::put(AnchorSet { id, members });
    }

    pub(crate) fn do_suspend(account: &AccountId) -> bool {
        let elected = Elected::<T>::get();
        let mut suspended = Suspended::<T>::get();
        if elected.binary_search(account).is_err() || suspended.contains(account) {
            return false;
        }
        let mut members = ActiveSet::<T>::get().members;
        members.retain(|member| member.account != *account);
        if members.len() < Self::least_active(elected.len()) || suspended.try_push(account.clone()).is_err() {
            return false;
        }
        Suspended::<T>::put(suspended);
        Self::deposit_event(Event::Suspended { account: account.clone() });
        Self::put_members(members);
        true
    }

    /// How many of so many elected suspension must leave active.
    pub(crate) fn least_active(elected: usize) -> usize {
        // There are at most 128.
        T::MinActive::get().mul_ceil(elected as u32) as usize
    }

    /// Adds what a change to so many elected costs to the weight of the block: whoever makes it knows nothing of what it does here, and it
    /// can't be refused.
    fn weigh_change(elected: usize) {
        let most = elected.max(Suspended::<T>::decode_len().unwrap_or_default());
        let weight = T::WeightInfo::change_members(most as u32);
        frame_system::Pallet::<T>::register_extra_weight_unchecked(weight, DispatchClass::Mandatory);
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
        Self::end_suspensions_beyond(elected.len().saturating_sub(Self::least_active(elected.len())));
        Self::refresh_all(elected);
    }

    /// Ends the suspension of who is not elected any more, and the earliest of those that are more than `most`.
    fn end_suspensions_beyond(most: usize) {
        let elected = Elected::<T>::get();
        let (mut keep, mut ended): (Vec<_>, Vec<_>) =
            Suspended::<T>::get().into_iter().partition(|account| elected.binary_search(account).is_ok());
        ended.extend(keep.drain(..keep.len().saturating_sub(most)));
        if ended.is_empty() {
            return;
        }
        Suspended::<T>::put(UpToMax::truncate_from(keep));
        for account in ended {
            Self::deposit_event(Event::SuspensionEnded { account });
        }
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
    fn activate_for_benchmark(members: Vec<Member>) {
        for member in &members {
            crate::benchmarking::put::<T>(&member.account, member.key);
        }
        Self::set_elected(members.into_iter().map(|member| member.account).collect());
    }
}

impl<T: Config> ChangeMembers<AccountId> for Pallet<T> {
    fn change_members_sorted(_: &[AccountId], _: &[AccountId], sorted_new: &[AccountId]) {
        Self::weigh_change(sorted_new.len());
        Self::set_elected(sorted_new.to_vec());
    }

    /// The elections pallet names a prime after an election, and never when it only replaces a member, as long as it is told
    /// that there is no prime: this is how the two are told apart. Nobody else asks for the prime.
    fn set_prime(_: Option<AccountId>) {
        if !Suspended::<T>::get().is_empty() {
            let elected = Elected::<T>::get();
            Self::weigh_change(elected.len());
            Self::end_suspensions_beyond(0);
            Self::refresh_all(elected);
        }
    }
}

impl<T: Config> InitializeMembers<AccountId> for Pallet<T> {
    fn initialize_members(members: &[AccountId]) {
        Self::set_elected(members.to_vec());
    }
}
