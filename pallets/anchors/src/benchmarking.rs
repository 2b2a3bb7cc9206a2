//! What the calls cost, measured in the worst case.

use frame_benchmarking::v2::*;
use frame_support::{
    traits::{
        fungible::{hold::Mutate as _, Balanced as _},
        ChangeMembers, Get,
    },
    BoundedVec,
};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    node::KeyOwnership,
    organisation::Organisation,
    payload::Payload,
    quorum::{AnchorKey, AnchorSignature, MAX_ANCHORS},
    traits::{AnchorBonds, JudgedIdentity},
    AccountId, Balance, SLT,
};
use sp_core::{crypto::KeyTypeId, ByteArray};
use sp_runtime::{
    traits::{SaturatedConversion, Zero},
    Permill,
};

use crate::*;

const KEYS: KeyTypeId = KeyTypeId(*b"bnch");

fn bond<T: Config>() -> Balance {
    T::MinBond::get().max(SLT)
}

/// Makes an account rich enough for ten bonds.
fn endow<T: Config>(account: &AccountId) {
    let money = T::Currency::issue(bond::<T>().saturating_mul(10));
    assert!(T::Currency::resolve(account, money).is_ok());
}

/// A new key and its proof that it acts for `account`.
fn key_for<T: Config>(account: &AccountId) -> (AnchorKey, AnchorSignature) {
    let genesis = frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::zero());
    let key = sp_io::crypto::sr25519_generate(KEYS, None);
    let payload = KeyOwnership { account: account.clone() }.signing_payload(&genesis);
    let proof = sp_io::crypto::sr25519_sign(KEYS, &key, &payload).expect("the key was just made; qed");
    (key, proof)
}

fn full<S: sp_core::Get<u32>>() -> BoundedVec<u8, S> {
    BoundedVec::truncate_from(alloc::vec![b'a'; S::get() as usize])
}

/// Registers an organisation of judged identity without the call.
pub(crate) fn put<T: Config>(account: &AccountId, key: AnchorKey) {
    let bond = bond::<T>();
    if !Organisations::<T>::contains_key(account) {
        endow::<T>(account);
        T::Currency::hold(&HoldReason::Bond.into(), account, bond).expect("it has ten times as much; qed");
    }
    T::Identity::judge_for_benchmark(account);
    Keys::<T>::insert(AccountId::from(key), account);
    let organisation = Organisation { name: full(), endpoint: full(), peer_id: full(), key, bond };
    Organisations::<T>::insert(account, organisation);
}

/// Lets `account` have given up so many keys, all of them due to be forgotten.
fn put_former_keys<T: Config>(account: &AccountId, count: u32) {
    let keys = (0..count).map(|n| frame_benchmarking::account("key", n, 0)).collect::<alloc::vec::Vec<AccountId>>();
    for key in &keys {
        FormerKeys::<T>::insert(key, (account, 0));
    }
    FormerKeysOf::<T>::insert(account, BoundedVec::truncate_from(keys));
}

/// Elects `account` and as many registered organisations as fit beside it.
fn elect_with<T: Config>(account: &AccountId) {
    let others = (1..MAX_ANCHORS).map(|n| {
        let other: AccountId = frame_benchmarking::account("anchor", n, 0);
        put::<T>(&other, AnchorKey::from_slice(other.as_ref()).expect("both have 32 bytes; qed"));
        other
    });
    let members = others.chain([account.clone()]).collect();
    Pallet::<T>::change_members(&[], &[], members);
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register() {
        let caller: AccountId = whitelisted_caller();
        let (key, proof) = key_for::<T>(&caller);
        endow::<T>(&caller);
        T::Identity::judge_for_benchmark(&caller);
        put_former_keys::<T>(&caller, MAX_FORMER_KEYS);
        elect_with::<T>(&caller);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), full(), full(), full(), key, proof, bond::<T>());
        assert!(ActiveSet::<T>::get().position(&caller).is_some());
        assert!(!FormerKeysOf::<T>::contains_key(&caller));
    }

    #[benchmark]
    fn update() {
        let account: AccountId = account("organisation", 0, 0);
        let (key, _) = key_for::<T>(&account);
        put::<T>(&account, key);
        #[extrinsic_call]
        _(RawOrigin::Signed(key.into()), full(), full());
        assert!(Organisations::<T>::contains_key(&account));
    }

    #[benchmark]
    fn rotate_key() {
        let caller: AccountId = whitelisted_caller();
        let (old, _) = key_for::<T>(&caller);
        let (key, proof) = key_for::<T>(&caller);
        put::<T>(&caller, old);
        put_former_keys::<T>(&caller, MAX_FORMER_KEYS - 1);
        elect_with::<T>(&caller);
        RotatedAt::<T>::insert(&caller, 0);
        frame_system::Pallet::<T>::set_block_number(T::RotationInterval::get().saturated_into());
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), key, proof);
        assert_eq!(Keys::<T>::get(AccountId::from(key)), Some(caller));
    }

    #[benchmark]
    fn deregister() {
        let caller: AccountId = whitelisted_caller();
        let (key, _) = key_for::<T>(&caller);
        put::<T>(&caller, key);
        put_former_keys::<T>(&caller, MAX_FORMER_KEYS - 1);
        elect_with::<T>(&account("other", 0, 0));
        Departing::<T>::insert(&caller, (0, 0));
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()));
        assert!(!Organisations::<T>::contains_key(&caller));
    }

    #[benchmark]
    fn withdraw_bond() {
        let caller: AccountId = whitelisted_caller();
        let (key, _) = key_for::<T>(&caller);
        put::<T>(&caller, key);
        Pallet::<T>::deregister(RawOrigin::Signed(caller.clone()).into()).expect("it is registered; qed");
        put_former_keys::<T>(&caller, MAX_FORMER_KEYS);
        frame_system::Pallet::<T>::set_block_number(u32::MAX.into());
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()));
        assert!(!Departing::<T>::contains_key(&caller));
        assert!(!FormerKeysOf::<T>::contains_key(&caller));
    }

    #[benchmark]
    fn bond_more() {
        let caller: AccountId = whitelisted_caller();
        let (key, _) = key_for::<T>(&caller);
        put::<T>(&caller, key);
        // Without a bond, so that the set changes when it is added.
        Organisations::<T>::mutate(&caller, |organisation| organisation.iter_mut().for_each(|o| o.bond = 0));
        elect_with::<T>(&caller);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), bond::<T>());
        assert!(ActiveSet::<T>::get().position(&caller).is_some());
    }

    #[benchmark]
    fn refresh() {
        let caller: AccountId = whitelisted_caller();
        let anchor: AccountId = account("organisation", 0, 0);
        elect_with::<T>(&anchor);
        let (key, _) = key_for::<T>(&anchor);
        put::<T>(&anchor, key);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), anchor.clone());
        assert!(ActiveSet::<T>::get().position(&anchor).is_some());
    }

    /// Puts an organisation whose keys are due, with as much departing as its bond.
    fn put_to_be_taken<T: Config>() -> AccountId {
        let anchor: AccountId = account("organisation", 0, 0);
        let (key, _) = key_for::<T>(&anchor);
        put::<T>(&anchor, key);
        put_former_keys::<T>(&anchor, MAX_FORMER_KEYS - 1);
        let bond = bond::<T>();
        T::Currency::hold(&HoldReason::Bond.into(), &anchor, bond).expect("it has ten times as much; qed");
        Departing::<T>::insert(&anchor, (bond, 0));
        anchor
    }

    #[benchmark]
    fn slash() {
        let anchor = put_to_be_taken::<T>();
        let reporter: AccountId = whitelisted_caller();
        #[block]
        {
            let taken = Pallet::<T>::slash(&anchor, Permill::one(), &reporter);
            assert_eq!(taken, Ok(bond::<T>().saturating_mul(2)));
        }
        assert!(!Departing::<T>::contains_key(&anchor));
        assert!(!FormerKeysOf::<T>::contains_key(&anchor));
    }

    #[benchmark]
    fn seize() {
        let anchor = put_to_be_taken::<T>();
        let to: AccountId = whitelisted_caller();
        #[block]
        {
            let taken = Pallet::<T>::seize(&anchor, Balance::MAX, &to);
            assert_eq!(taken, bond::<T>().saturating_mul(2));
        }
        assert!(!Departing::<T>::contains_key(&anchor));
        assert!(!FormerKeysOf::<T>::contains_key(&anchor));
    }

    #[benchmark]
    fn suspend() {
        let anchor: AccountId = account("organisation", 0, 0);
        let (key, _) = key_for::<T>(&anchor);
        put::<T>(&anchor, key);
        elect_with::<T>(&anchor);
        #[block]
        {
            assert!(Pallet::<T>::suspend(&anchor));
        }
        assert!(ActiveSet::<T>::get().position(&anchor).is_none());
    }

    /// New members, all of them with a right to be anchors, instead of as many that were suspended.
    #[benchmark]
    fn change_members(n: Linear<0, MAX_ANCHORS>) {
        let mut members: alloc::vec::Vec<AccountId> = (0..n)
            .map(|n| {
                let member: AccountId = account("anchor", n, 0);
                put::<T>(&member, AnchorKey::from_slice(member.as_ref()).expect("both have 32 bytes; qed"));
                member
            })
            .collect();
        members.sort();
        let former = (0..n).map(|n| account("former", n, 0)).collect();
        Suspended::<T>::put(BoundedVec::truncate_from(former));
        #[block]
        {
            Pallet::<T>::change_members_sorted(&[], &[], &members);
        }
        assert_eq!(ActiveSet::<T>::get().members.len() as u32, n);
        assert!(Suspended::<T>::get().is_empty());
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder::build(), crate::mock::Test);
}
