//! What must be true after every block and call.

use alloc::vec::Vec;
use frame_support::{ensure, pallet_prelude::Get};
use smartlayer_primitives::{commitment::StoredCommitment, payload::Payload, quorum::MAX_ANCHORS, Period};

use crate::{Ancestry, Clock, Commitments, Config, Equivocators, LastHash, NextToCommit, Pallet, Periods, Strikes};

impl<T: Config> Pallet<T> {
    /// Checks what must be true after every block and call.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        let Some(clock) = Clock::<T>::get() else {
            ensure!(Periods::<T>::iter().next().is_none(), "periods without a clock");
            return Ok(());
        };
        let now = clock.period;
        let oldest = now.saturating_sub(T::History::get());
        let next = NextToCommit::<T>::get();
        ensure!((oldest..=now).contains(&next), "the next period to commit is not one that is kept");
        // All that is kept, and nothing else: so the state is bounded.
        for period in oldest..=now {
            let record = Periods::<T>::get(period).ok_or("a period of the window without a record")?;
            ensure!(record.ended_at.is_none() == (period == now), "only the running period has no end");
        }
        ensure!(Periods::<T>::iter().count() as u64 == u64::from(now - oldest) + 1, "records outside the window");

        let genesis = frame_system::Pallet::<T>::block_hash(0);
        let mut stored: Vec<(Period, StoredCommitment)> = Commitments::<T>::iter().collect();
        stored.sort_by_key(|(period, _)| *period);
        for (period, commitment) in &stored {
            ensure!((oldest..next).contains(period), "a commitment outside the window");
            ensure!(commitment.commitment.period == *period, "a commitment under another period");
            ensure!(commitment.hash == commitment.commitment.payload_hash(&genesis), "a commitment's hash is wrong");
        }
        for pair in stored.windows(2) {
            ensure!(pair[1].1.commitment.previous == pair[0].1.hash, "the chain of commitments is broken");
        }
        if let Some((_, last)) = stored.last() {
            ensure!(last.hash == LastHash::<T>::get(), "the last hash is not the last commitment's");
        }
        ensure!(next > 0 || LastHash::<T>::get().is_zero(), "a last hash without a commitment");

        let ancestry = Ancestry::<T>::get();
        ensure!(ancestry.peaks.len() as u32 == ancestry.leaves.count_ones(), "not a peak for each mountain");
        ensure!((stored.len()..=next as usize).contains(&(ancestry.leaves as usize)), "not a leaf for each commitment");
        ensure!((ancestry.leaves == 0) == LastHash::<T>::get().is_zero(), "commitments without ancestry");
        if ancestry.leaves & 1 == 1 {
            ensure!(ancestry.peaks.last() == Some(&LastHash::<T>::get()), "the last leaf is not the last commitment");
        }

        for (period, anchors) in Equivocators::<T>::iter() {
            ensure!((oldest..=now).contains(&period), "an equivocation outside the window");
            ensure!(!anchors.is_empty(), "an empty list of equivocators is kept");
            ensure!((1..anchors.len()).all(|i| !anchors[..i].contains(&anchors[i])), "an anchor was reported twice");
        }
        ensure!(Strikes::<T>::iter_values().all(|strikes| strikes > 0), "no strikes are kept as an entry");
        ensure!(Strikes::<T>::iter().count() <= MAX_ANCHORS as usize, "more have strikes than can be anchors");
        Ok(())
    }
}
