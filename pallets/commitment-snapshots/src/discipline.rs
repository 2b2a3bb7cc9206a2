//! What becomes of anchors that neglect their duty or sign against themselves.

use alloc::vec::Vec;
use frame_support::{
    ensure,
    pallet_prelude::{DispatchResult, Get, Weight},
};
use smartlayer_primitives::{commitment::Equivocation, traits::AnchorBonds, AccountId, Period};

use crate::{Config, Equivocators, Error, Event, Pallet, Periods, Strikes, WeightInfo};

impl<T: Config> Pallet<T> {
    /// Gives who `missed` its turn a strike, takes one off the writer, and removes those of who is not among the `active`. Returns how many
    /// anchors had strikes before.
    pub(crate) fn take_duties_into_account<'a>(
        period: Period,
        writer: &AccountId,
        missed: impl Iterator<Item = &'a AccountId>,
        active: &[AccountId],
    ) -> u32 {
        // No more than were active when the last commitment was accepted.
        let struck: Vec<AccountId> = Strikes::<T>::iter_keys().collect();
        for anchor in struck.iter().filter(|anchor| !active.contains(anchor)) {
            Strikes::<T>::remove(anchor);
        }
        for anchor in missed {
            let strikes = Strikes::<T>::get(anchor).saturating_add(1);
            Self::deposit_event(Event::DutyMissed { anchor: anchor.clone(), period });
            if strikes >= T::MaxStrikes::get().max(1) && T::AnchorBonds::suspend(anchor) {
                Strikes::<T>::remove(anchor);
            } else {
                Strikes::<T>::insert(anchor, strikes);
            }
        }
        Strikes::<T>::mutate_exists(writer, |strikes| {
            *strikes = strikes.and_then(|strikes| strikes.checked_sub(1)).filter(|strikes| *strikes > 0);
        });
        struck.len() as u32
    }

    /// What a report costs at most: where the anchor has keys that it gave up, one of them is looked up, and the slash forgets the others.
    pub(crate) fn report_weight() -> Weight {
        T::WeightInfo::report_equivocation()
            .saturating_add(T::AnchorBonds::weight())
            .saturating_add(T::DbWeight::get().reads(1))
    }

    pub(crate) fn do_report_equivocation(reporter: AccountId, evidence: Equivocation) -> DispatchResult {
        let period = evidence.first.period;
        ensure!(Periods::<T>::contains_key(period), Error::<T>::PeriodNotKept);
        let anchor = T::AnchorBonds::owner_of_key(&evidence.key).ok_or(Error::<T>::UnknownKey)?;
        let mut equivocators = Equivocators::<T>::get(period);
        ensure!(!equivocators.contains(&anchor), Error::<T>::AlreadyReported);
        equivocators.try_push(anchor.clone()).map_err(|_| Error::<T>::TooManyReports)?;
        // The signatures last: they cost most.
        ensure!(evidence.verify(&frame_system::Pallet::<T>::block_hash(0)), Error::<T>::NotAnEquivocation);

        Equivocators::<T>::insert(period, equivocators);
        let slashed = T::AnchorBonds::slash(&anchor, T::EquivocationSlash::get(), &reporter)?;
        let suspended = T::AnchorBonds::suspend(&anchor);
        Self::deposit_event(Event::EquivocationProven { anchor, period, slashed, suspended, reporter });
        Ok(())
    }
}
