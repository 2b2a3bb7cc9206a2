//! What `frame-omni-bencher` measures: the call and the clock at their most expensive.

use alloc::{boxed::Box, vec::Vec};
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use smartlayer_primitives::{
    commitment::{Commitment, PeriodClock, PeriodRecord, StoredCommitment},
    payload::Payload,
    quorum::{attestation, Member, QuorumCertificate, MAX_ANCHORS},
    traits::{Anchors, Snapshots},
    AccountId, BlockNumber, Period,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::traits::Get;

use crate::{Call, Clock, Commitments, Config, NextToCommit, Pallet, Periods, Strikes};

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

fn certificate<T: Config>(members: &[Member], message: &[u8]) -> Result<QuorumCertificate, BenchmarkError> {
    let signatures =
        members.iter().map(|m| sp_io::crypto::sr25519_sign(KEY_TYPE, &m.key, message)).collect::<Option<Vec<_>>>();
    let signatures = signatures.ok_or(BenchmarkError::Stop("the key store does not sign"))?;
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

    /// All signed, and the last in the ranking writes: everyone else gets a strike.
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
        let commitment = commitment(0, writer.clone());
        let genesis = frame_system::Pallet::<T>::block_hash(0);
        let certificate = certificate::<T>(&members, &attestation(&genesis, commitment.payload_hash(&genesis)))?;
        #[extrinsic_call]
        _(RawOrigin::Signed(writer), Box::new(commitment), certificate);
        assert_eq!(NextToCommit::<T>::get(), 1);
        assert_eq!(Strikes::<T>::iter().count() as u32, n.saturating_sub(1));
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
