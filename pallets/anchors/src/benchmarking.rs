//! What the calls cost, measured in the worst case.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{
    traits::{
        fungible::{hold::Mutate as _, Mutate},
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
    AccountId, Balance, SLT,
};
use sp_core::{crypto::KeyTypeId, ByteArray};
use sp_runtime::traits::{SaturatedConversion, Zero};

use crate::*;

const KEYS: KeyTypeId = KeyTypeId(*b"bnch");

/// A runtime whose token can be made for benchmarks.
trait Minting: Config<Currency: Mutate<AccountId>> {}

impl<T: Config<Currency: Mutate<AccountId>>> Minting for T {}

fn bond<T: Config>() -> Balance {
    T::MinBond::get().max(SLT)
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

/// Registers an organisation without the call: its key is its account's, or the one given.
fn put<T: Minting>(account: &AccountId, key: AnchorKey) {
    let bond = bond::<T>();
    T::Currency::mint_into(account, bond.saturating_mul(10)).expect("an account can be given money; qed");
    T::Currency::hold(&HoldReason::Bond.into(), account, bond).expect("it has ten times as much; qed");
    Keys::<T>::insert(AccountId::from(key), account);
    let organisation = Organisation { name: full(), endpoint: full(), peer_id: full(), key, bond };
    Organisations::<T>::insert(account, organisation);
}

/// Elects `account` and as many registered organisations as fit beside it.
fn elect_with<T: Minting>(account: &AccountId) {
    let others = (1..MAX_ANCHORS).map(|n| {
        let other: AccountId = frame_benchmarking::account("anchor", n, 0);
        put::<T>(&other, AnchorKey::from_slice(other.as_ref()).expect("both have 32 bytes; qed"));
        other
    });
    let members: Vec<_> = others.chain([account.clone()]).collect();
    Pallet::<T>::change_members(&[], &[], members);
}

#[benchmarks(where T: Minting)]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register() {
        let caller: AccountId = whitelisted_caller();
        let (key, proof) = key_for::<T>(&caller);
        let bond = bond::<T>();
        T::Currency::mint_into(&caller, bond.saturating_mul(10)).expect("an account can be given money; qed");
        elect_with::<T>(&caller);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), full(), full(), full(), key, proof, bond);
        assert!(ActiveSet::<T>::get().position(&caller).is_some());
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
        frame_system::Pallet::<T>::set_block_number(u32::MAX.into());
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()));
        assert!(!Departing::<T>::contains_key(&caller));
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

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder::build(), crate::mock::Test);
}
