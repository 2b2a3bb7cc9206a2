//! What `frame-omni-bencher` measures: every call at its most expensive.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{traits::fungible::Mutate, BoundedVec};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    payload::Payload,
    promise::{session_id, Promise, SignedPromise},
    traits::ServiceNodes,
    AccountId, Balance, Hash, SessionId,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::{
    traits::{Get, IdentifyAccount},
    MultiSigner,
};

use crate::{Call, Config, Pallet, Sessions, MAX_BATCH};

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"prms");

/// A deposit from which every claim pays more than any existential deposit.
fn deposit<T: Config>() -> Balance {
    T::MinDeposit::get().saturating_add(smartlayer_primitives::SLT.saturating_mul(1_000))
}

fn payer<T: Config>(n: u32) -> AccountId {
    let payer: AccountId = account("payer", n, 0);
    T::Currency::set_balance(&payer, deposit::<T>().saturating_mul(10));
    payer
}

fn node<T: Config>() -> AccountId {
    let node: AccountId = account("node", 0, 0);
    T::Currency::set_balance(&node, deposit::<T>());
    if !T::ServiceNodes::is_bonded(&node) {
        T::ServiceNodes::register_for_benchmark(&node);
    }
    node
}

/// A session and a promise of most of its deposit, signed with the slowest scheme.
fn session<T: Config>(n: u32) -> Result<(AccountId, SessionId, SignedPromise), BenchmarkError> {
    let (payer, node) = (payer::<T>(n), node::<T>());
    let key = sp_io::crypto::ecdsa_generate(KEY_TYPE, None);
    let signer = MultiSigner::from(key).into_account();
    Pallet::<T>::do_open(payer.clone(), node.clone(), signer, deposit::<T>(), 0)?;
    let genesis = Pallet::<T>::genesis();
    let session = session_id(&genesis, &payer, &node, 0);
    let promise = Promise { session, cumulative: deposit::<T>() / 2, call_hash: Hash::repeat_byte(1), ticks: None };
    let signature = sp_io::crypto::ecdsa_sign(KEY_TYPE, &key, &promise.signing_payload(&genesis))
        .ok_or(BenchmarkError::Stop("the key store does not sign"))?
        .into();
    Ok((payer, session, SignedPromise { promise, signature }))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn open() -> Result<(), BenchmarkError> {
        let (payer, node) = (payer::<T>(0), node::<T>());
        #[extrinsic_call]
        _(RawOrigin::Signed(payer.clone()), node.clone(), payer.clone(), deposit::<T>(), 0);
        assert!(Sessions::<T>::contains_key(session_id(&Pallet::<T>::genesis(), &payer, &node, 0)));
        Ok(())
    }

    #[benchmark]
    fn top_up() -> Result<(), BenchmarkError> {
        let (payer, id, _) = session::<T>(0)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(payer), id, 1);
        assert_eq!(Sessions::<T>::get(id).map(|s| s.deposit), Some(deposit::<T>() + 1));
        Ok(())
    }

    #[benchmark]
    fn claim() -> Result<(), BenchmarkError> {
        let (_, id, promise) = session::<T>(0)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), promise);
        assert_eq!(Sessions::<T>::get(id).map(|s| s.claimed()), Some(deposit::<T>() / 2));
        Ok(())
    }

    #[benchmark]
    fn claim_batch(n: Linear<0, MAX_BATCH>) -> Result<(), BenchmarkError> {
        let sessions = (0..n).map(session::<T>).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<_> = sessions.iter().map(|(_, id, _)| *id).collect();
        let promises = BoundedVec::truncate_from(sessions.into_iter().map(|(_, _, promise)| promise).collect());
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), promises);
        assert!(ids.iter().all(|id| Sessions::<T>::get(id).is_some_and(|s| s.claimed() > 0)));
        Ok(())
    }

    #[benchmark]
    fn close() -> Result<(), BenchmarkError> {
        let (_, id, promise) = session::<T>(0)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(node::<T>()), id, Some(promise));
        assert!(!Sessions::<T>::contains_key(id));
        Ok(())
    }

    #[benchmark]
    fn request_close() -> Result<(), BenchmarkError> {
        let (payer, id, _) = session::<T>(0)?;
        #[extrinsic_call]
        _(RawOrigin::Signed(payer), id);
        assert!(Sessions::<T>::get(id).is_some_and(|s| s.closing_at.is_some()));
        Ok(())
    }

    #[benchmark]
    fn finish() -> Result<(), BenchmarkError> {
        let (payer, id, _) = session::<T>(0)?;
        Pallet::<T>::do_request_close(payer, id)?;
        let at = frame_system::Pallet::<T>::block_number().saturating_add(T::ChallengeWindow::get());
        frame_system::Pallet::<T>::set_block_number(at);
        #[extrinsic_call]
        _(RawOrigin::Signed(account("anyone", 0, 0)), id);
        assert!(!Sessions::<T>::contains_key(id));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
