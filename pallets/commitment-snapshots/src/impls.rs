//! The clock, and what the call does.

use alloc::vec::Vec;
use frame_support::{
    defensive, ensure,
    pallet_prelude::{DispatchError, Get, Weight},
    traits::defensive_prelude::*,
};
use smartlayer_primitives::{
    commitment::{Commitment, PeriodClock, PeriodRecord, StoredCommitment},
    duty,
    payload::Payload,
    quorum::{QuorumCertificate, QuorumError},
    traits::{Anchors, OnCommitment, PeriodRandomness, Snapshots},
    AccountId, BlockNumber, Period,
};

use crate::{
    Clock, Commitments, Config, Error, Event, LastHash, NextSince, NextToCommit, Pallet, Periods, Strikes, WeightInfo,
};

/// The clock.
impl<T: Config> Pallet<T> {
    /// Ends the running period if it is over, and begins the next.
    pub(crate) fn advance_clock(now: BlockNumber) -> Weight {
        let Some(clock) = Clock::<T>::get() else {
            // The pallet came with a runtime upgrade: there was no genesis state to start the clock.
            Self::begin_period(0, now);
            return T::WeightInfo::period_turn();
        };
        if now < clock.started_at.saturating_add(clock.length) {
            return T::WeightInfo::period_running();
        }
        let Some(next) = clock.period.checked_add(1).defensive_proof("not in ten thousand years") else {
            return T::WeightInfo::period_running();
        };
        Periods::<T>::mutate_exists(clock.period, |record| match record {
            Some(record) => record.ended_at = Some(now),
            None => {
                defensive!("the running period has a record");
            }
        });
        if let Some(oldest) = clock.period.checked_sub(T::History::get()) {
            Self::forget_period(oldest, now);
        }
        Self::begin_period(next, now);
        T::WeightInfo::period_turn()
    }

    pub(crate) fn begin_period(period: Period, now: BlockNumber) {
        let length = T::PeriodLength::get().max(1);
        let (seed, known_from) = T::Randomness::seed();
        if known_from > now {
            defensive!("the seed's randomness is of the future");
        }
        Clock::<T>::put(PeriodClock { period, started_at: now, length });
        Periods::<T>::insert(period, PeriodRecord { seed, ended_at: None });
        Self::deposit_event(Event::PeriodStarted { period, length, seed });
    }

    /// Removes what is kept of a period, and skips it if it was never committed.
    fn forget_period(period: Period, now: BlockNumber) {
        Periods::<T>::remove(period);
        Commitments::<T>::remove(period);
        if NextToCommit::<T>::get() <= period {
            NextToCommit::<T>::put(period.saturating_add(1));
            NextSince::<T>::put(now);
            Self::deposit_event(Event::PeriodSkipped { period });
        }
    }
}

/// Commitments.
impl<T: Config> Pallet<T> {
    /// Takes a commitment in; returns how many anchors are active, which its cost depends on.
    pub(crate) fn do_submit(
        who: AccountId,
        commitment: Commitment,
        certificate: QuorumCertificate,
    ) -> Result<u32, DispatchError> {
        let now = frame_system::Pallet::<T>::block_number();
        let period = commitment.period;
        let writer = T::Anchors::acting_for(&who).ok_or(Error::<T>::NotAnAnchor)?;
        ensure!(writer == commitment.writer, Error::<T>::NotTheWriter);
        let next = NextToCommit::<T>::get();
        ensure!(period >= next, Error::<T>::AlreadyCommitted);
        ensure!(period == next, Error::<T>::NotNext);
        let record = Periods::<T>::get(period).ok_or(Error::<T>::NotNext)?;
        let ended_at = record.ended_at.ok_or(Error::<T>::StillRunning)?;
        ensure!(commitment.previous == LastHash::<T>::get(), Error::<T>::WrongPrevious);

        let members = T::Anchors::active().members;
        let ranking = duty::ranking(&record.seed, period, members.iter().map(|m| m.account.clone()));
        let rank = ranking.iter().position(|a| *a == writer).ok_or(Error::<T>::NotAnAnchor)?;
        ensure!(now >= Self::may_write_from(rank, ended_at), Error::<T>::NotYourTurn);

        let hash = commitment.payload_hash(&frame_system::Pallet::<T>::block_hash(0));
        T::Anchors::verify_quorum(hash, &certificate).map_err(Error::<T>::from)?;
        let positions = certificate.signer_positions(members.len()).map_err(Error::<T>::from)?;
        let signers: Vec<AccountId> =
            positions.into_iter().filter_map(|i| members.get(i)).map(|m| m.account.clone()).collect();

        // A period that became next only after its end gave nobody a turn before.
        let since = ended_at.max(NextSince::<T>::get());
        for (missed, anchor) in ranking.iter().enumerate().take(rank) {
            if Self::may_write_from(missed.saturating_add(1), since) <= now {
                Strikes::<T>::mutate(anchor, |strikes| *strikes = strikes.saturating_add(1));
                Self::deposit_event(Event::DutyMissed { anchor: anchor.clone(), period });
            }
        }
        NextToCommit::<T>::put(period.saturating_add(1));
        NextSince::<T>::put(now);
        LastHash::<T>::put(hash);
        Self::deposit_event(Event::Committed { period, hash, writer });
        Commitments::<T>::insert(period, StoredCommitment { commitment: commitment.clone(), hash, block: now });
        T::OnCommitment::on_commitment(&commitment, &signers);
        Ok(members.len() as u32)
    }

    pub(crate) fn ranking(period: Period, record: &PeriodRecord) -> Vec<AccountId> {
        duty::ranking(&record.seed, period, T::Anchors::active().members.into_iter().map(|m| m.account))
    }

    pub(crate) fn turn_of(period: Period, account: &AccountId) -> Option<BlockNumber> {
        let record = Periods::<T>::get(period)?;
        let rank = Self::ranking(period, &record).iter().position(|a| a == account)?;
        Some(Self::may_write_from(rank, record.ended_at?))
    }

    fn may_write_from(rank: usize, end: BlockNumber) -> BlockNumber {
        duty::may_write_from(rank.try_into().unwrap_or(u32::MAX), end, T::Grace::get().max(1))
    }
}

impl<T: Config> Snapshots for Pallet<T> {
    fn current_period() -> Period {
        Clock::<T>::get().map(|clock| clock.period).unwrap_or_default()
    }

    fn commitment(period: Period) -> Option<Commitment> {
        Commitments::<T>::get(period).map(|stored| stored.commitment)
    }
}

impl<T: Config> From<QuorumError> for Error<T> {
    fn from(error: QuorumError) -> Self {
        match error {
            QuorumError::OtherSet => Self::QuorumOtherSet,
            QuorumError::BadBitmap => Self::QuorumBadBitmap,
            QuorumError::SignatureCount => Self::QuorumSignatureCount,
            QuorumError::TooFew => Self::QuorumTooFew,
            QuorumError::BadSignature => Self::QuorumBadSignature,
        }
    }
}

#[cfg(any(feature = "try-runtime", test))]
impl<T: Config> Pallet<T> {
    /// Checks what must be true after every block and call.
    pub(crate) fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
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
        Ok(())
    }
}
