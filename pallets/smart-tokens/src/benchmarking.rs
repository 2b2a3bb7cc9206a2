//! What the calls cost, measured in the worst case.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{traits::fungible::Mutate, BoundedVec};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    operation::MAX_KEY_OPERATIONS,
    sla::Objectives,
    token::{OperationName, Redundancy, ScriptUri, TokenSpec},
    AccountId, Hash, SLT,
};
use sp_core::{ConstU32, Get};
use sp_runtime::Permill;

use crate::*;

/// A runtime whose token can be made for benchmarks.
trait Minting: Config<Currency: Mutate<AccountId>> {}

impl<T: Config<Currency: Mutate<AccountId>>> Minting for T {}

/// The longest text, numbered in its last byte.
fn full<S: Get<u32>>(number: u32) -> BoundedVec<u8, S> {
    let mut text = alloc::vec![b'a'; S::get() as usize];
    text.iter_mut().rev().take(1).for_each(|byte| *byte = b'0'.saturating_add(number as u8));
    BoundedVec::truncate_from(text)
}

fn uris() -> BoundedVec<ScriptUri, ConstU32<4>> {
    BoundedVec::truncate_from((0..4).map(full).collect())
}

/// The largest specification.
pub(crate) fn spec() -> TokenSpec {
    let names: Vec<OperationName> = (0..MAX_KEY_OPERATIONS).map(full).collect();
    TokenSpec {
        script_hash: Hash::zero(),
        script_uris: uris(),
        requirement: Objectives::default(),
        redundancy: Redundancy { serving: 1, shards: 3, threshold: 2 },
        key_operations: BoundedVec::truncate_from(names),
        revenue_share: Permill::zero(),
    }
}

/// Somebody who can pay for two registrations.
fn issuer<T: Minting>() -> AccountId {
    let caller: AccountId = whitelisted_caller();
    let rent = Pallet::<T>::rent_quote(spec().redundancy, 1).expect("the redundancy is valid; qed");
    let amount = rent.saturating_add(Pallet::<T>::deposit_quote(spec())).saturating_add(SLT).saturating_mul(2);
    T::Currency::mint_into(&caller, amount).expect("an account can be given money; qed");
    caller
}

fn register<T: Minting>(spec: TokenSpec) -> AccountId {
    let issuer = issuer::<T>();
    Pallet::<T>::register(RawOrigin::Signed(issuer.clone()).into(), spec, 1).expect("it can pay; qed");
    issuer
}

#[benchmarks(where T: Minting)]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register() {
        let caller = issuer::<T>();
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), spec(), 1);
        assert!(Tokens::<T>::contains_key(0));
    }

    #[benchmark]
    fn update_script() {
        let small = BoundedVec::truncate_from(alloc::vec![ScriptUri::truncate_from(alloc::vec![b'a'])]);
        let caller = super::register::<T>(TokenSpec { script_uris: small, ..spec() });
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), 0, Hash::repeat_byte(1), uris());
        assert!(Tokens::<T>::get(0).is_some_and(|token| token.spec.script_uris == uris()));
    }

    #[benchmark]
    fn fund_rent() {
        let caller = super::register::<T>(spec());
        let before = Tokens::<T>::get(0).expect("it was just registered; qed").paid_until;
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), 0, 1);
        assert!(Tokens::<T>::get(0).is_some_and(|token| token.paid_until > before));
    }

    #[benchmark]
    fn set_revenue_share() {
        let caller = super::register::<T>(spec());
        let share = T::MaxRevenueShare::get();
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), 0, share);
        assert!(Tokens::<T>::get(0).is_some_and(|token| token.spec.revenue_share == share));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder::build(), crate::mock::Test);
}
