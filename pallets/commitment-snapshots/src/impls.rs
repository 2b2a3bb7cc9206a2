//! The clock, and what it takes for a commitment to be accepted.

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
    AccountId, BlockNumber, Hash, Period,
};

use crate::{
    Ancestry, Clock, Commitments, Config, Equivocators, Error, Event, LastHash, NextSince, NextToCommit, Pallet,
    Periods, WeightInfo,
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
        Equivocators::<T>::remove(period);
        if NextToCommit::<T>::get() <= period {
            NextToCommit::<T>::put(period.saturating_add(1));
            NextSince::<T>::put(now);
            Self::deposit_event(Event::PeriodSkipped { period });
        }
    }
}

/// Commitments.
impl<T: Config> Pallet<T> {
    /// Takes a commitment in; returns how many anchors are active, or had strikes if that is more: its cost depends on it.
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
        let missed = ranking
            .iter()
            .take(rank)
            .enumerate()
            .filter(|(missed, _)| Self::may_write_from(missed.saturating_add(1), since) <= now)
            .map(|(_, anchor)| anchor);
        let struck = Self::take_duties_into_account(period, &writer, missed, &ranking);
        NextToCommit::<T>::put(period.saturating_add(1));
        NextSince::<T>::put(now);
        LastHash::<T>::put(hash);
        if !Ancestry::<T>::mutate(|ancestry| ancestry.push(hash)) {
            defensive!("more commitments than there can be periods");
        }
        Self::deposit_event(Event::Committed { period, hash, writer });
        Commitments::<T>::insert(period, StoredCommitment { commitment: commitment.clone(), hash, block: now });
        T::OnCommitment::on_commitment(&commitment, &signers);
        Ok((members.len() as u32).max(struck))
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
        Self::kept(period)
    }

    fn committed_at(period: Period) -> Option<BlockNumber> {
        Commitments::<T>::get(period).map(|stored| stored.block)
    }

    fn seed(period: Period) -> Option<Hash> {
        Periods::<T>::get(period).map(|record| record.seed)
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
