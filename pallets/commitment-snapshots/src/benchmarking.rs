//! What `frame-omni-bencher` measures: the call and the clock at their most expensive.

use alloc::{boxed::Box, vec::Vec};
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use smartlayer_primitives::{
    commitment::{Commitment, Equivocation, PeriodClock, PeriodRecord, StoredCommitment},
    history::MountainRange,
    payload::Payload,
    quorum::{attestation, Member, QuorumCertificate, MAX_ANCHORS},
    traits::{Anchors, Snapshots},
    AccountId, BlockNumber, Hash, Period,
};
use sp_core::{crypto::KeyTypeId, sr25519};
use sp_runtime::{traits::Get, BoundedVec};

use crate::{
    Ancestry, Call, Clock, Commitments, Config, Equivocators, NextToCommit, Pallet, Periods, Strikes, MAX_EQUIVOCATORS,
};

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"anch");

/// Makes `count` anchors active.
fn anchors<T: Config>(count: u32) -> Vec<Member> {
    let mut members: Vec<Member> = (0..count)
        .map(|n| Member { account: account("anchor", n, 0), key: sp_io::crypto::sr25519_generate(KEY_TYPE, None) })
        .collect();
    members.sort_by(|a, b| a.account.cmp(&b.account));
    T::Anchors::activate_for_benchmark(members.clone());
    members
}

fn sign(key: &sr25519::Public, message: &[u8]) -> Result<sr25519::Signature, BenchmarkError> {
    sp_io::crypto::sr25519_sign(KEY_TYPE, key, message).ok_or(BenchmarkError::Stop("the key store does not sign"))
}

/// So many accounts that are no anchors, as equivocators of a period.
fn equivocators(count: u32) -> BoundedVec<AccountId, sp_core::ConstU32<MAX_EQUIVOCATORS>> {
    BoundedVec::truncate_from((0..count).map(|n| account("equivocator", n, 0)).collect())
}

fn certificate<T: Config>(members: &[Member], message: &[u8]) -> Result<QuorumCertificate, BenchmarkError> {
    let signatures = members.iter().map(|m| sign(&m.key, message)).collect::<Result<Vec<_>, _>>()?;
    Ok(T::Anchors::active().certificate(signatures.into_iter().enumerate()))
}

fn commitment(period: Period, writer: AccountId) -> Commitment {
    Commitment {
        period,
        previous: Default::default(),
        operations: Default::default(),
        bitmaps: Default::default(),
        report: Default::default(),
        assignments: Default::default(),
        totals: Default::default(),
        writer,
    }
}

#[benchmarks]
mod benchmarks {
    use super::*;

    /// All signed, and the last in the ranking writes: everyone else gets a strike, a third is suspended, and as many as there are others have
    /// old strikes. A commitment that merges as many peaks as there can be.
    #[benchmark]
    fn submit(n: Linear<1, MAX_ANCHORS>) -> Result<(), BenchmarkError> {
        let members = anchors::<T>(n);
        let seed = Default::default();
        Periods::<T>::insert(0, PeriodRecord { seed, ended_at: Some(0) });
        Periods::<T>::insert(1, PeriodRecord { seed, ended_at: None });
        Clock::<T>::put(PeriodClock { period: 1, started_at: 0, length: BlockNumber::MAX });
        NextToCommit::<T>::put(0);
        frame_system::Pallet::<T>::set_block_number(T::Grace::get().max(1).saturating_mul(MAX_ANCHORS));

        let ranking = Pallet::<T>::duty(0);
        let writer = ranking.last().cloned().ok_or(BenchmarkError::Stop("no anchors"))?;
        let (lazy, others) = ranking.split_at(ranking.len() / 3);
        lazy.iter().for_each(|anchor| Strikes::<T>::insert(anchor, T::MaxStrikes::get().max(1).saturating_sub(1)));
        (0..others.len() as u32).for_each(|n| Strikes::<T>::insert(account::<AccountId>("former", n, 0), 1));
        let peaks = BoundedVec::truncate_from(alloc::vec![Hash::zero(); 31]);
        Ancestry::<T>::put(MountainRange { leaves: u32::MAX >> 1, peaks });
        let commitment = commitment(0, writer.clone());
        let genesis = frame_system::Pallet::<T>::block_hash(0);
        let certificate = certificate::<T>(&members, &attestation(&genesis, commitment.payload_hash(&genesis)))?;
        #[extrinsic_call]
        _(RawOrigin::Signed(writer), Box::new(commitment), certificate);
        assert_eq!(NextToCommit::<T>::get(), 1);
        assert!(ranking.last().is_some_and(|writer| !Strikes::<T>::contains_key(writer)));
        assert!((0..n).all(|n| !Strikes::<T>::contains_key(account::<AccountId>("former", n, 0))));
        assert_eq!(Ancestry::<T>::get().peaks.len(), 1);
        Ok(())
    }

    /// By an anchor of a full set, when all but one of those that can be remembered were reported.
    #[benchmark]
    fn report_equivocation() -> Result<(), BenchmarkError> {
        let members = anchors::<T>(MAX_ANCHORS);
        let anchor = members.last().cloned().ok_or(BenchmarkError::Stop("no anchors"))?;
        Clock::<T>::put(PeriodClock { period: 0, started_at: 0, length: BlockNumber::MAX });
        Periods::<T>::insert(0, PeriodRecord { seed: Default::default(), ended_at: None });
        Equivocators::<T>::insert(0, equivocators(MAX_EQUIVOCATORS - 1));
        let first = commitment(0, anchor.account.clone());
        let second = Commitment { previous: Hash::repeat_byte(1), ..first.clone() };
        let genesis = frame_system::Pallet::<T>::block_hash(0);
        let signed =
            |commitment: &Commitment| sign(&anchor.key, &attestation(&genesis, commitment.payload_hash(&genesis)));
        let evidence = Equivocation {
            key: anchor.key,
            first_signature: signed(&first)?,
            second_signature: signed(&second)?,
            first,
            second,
        };
        let reporter: AccountId = whitelisted_caller();
        #[extrinsic_call]
        _(RawOrigin::Signed(reporter), Box::new(evidence));
        assert_eq!(Equivocators::<T>::get(0).last(), Some(&anchor.account));
        assert!(T::Anchors::active().position(&anchor.account).is_none());
        Ok(())
    }

    #[benchmark]
    fn period_running() {
        Clock::<T>::put(PeriodClock { period: 0, started_at: 0, length: BlockNumber::MAX });
        #[block]
        {
            Pallet::<T>::advance_clock(1);
        }
        assert_eq!(Pallet::<T>::current_period(), 0);
    }

    /// The oldest period falls out of the history, and was never committed.
    #[benchmark]
    fn period_turn() {
        let period = T::History::get();
        Clock::<T>::put(PeriodClock { period, started_at: 0, length: 1 });
        for kept in [0, period] {
            Periods::<T>::insert(kept, PeriodRecord { seed: Default::default(), ended_at: None });
        }
        let stored =
            StoredCommitment { commitment: commitment(0, account("anchor", 0, 0)), hash: Default::default(), block: 0 };
        Commitments::<T>::insert(0, stored);
        Equivocators::<T>::insert(0, equivocators(MAX_EQUIVOCATORS));
        NextToCommit::<T>::put(0);
        #[block]
        {
            Pallet::<T>::advance_clock(1);
        }
        assert_eq!(Pallet::<T>::current_period(), period + 1);
        assert_eq!(NextToCommit::<T>::get(), 1);
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
