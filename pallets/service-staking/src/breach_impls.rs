//! How a breach becomes a slash: reported, deferred, and applied or cancelled.

use frame_support::{
    defensive, ensure,
    traits::{
        fungible::{hold::Balanced as _, Balanced},
        tokens::imbalance::{Imbalance, OnUnbalanced},
        Get,
    },
    BoundedVec,
};
use smartlayer_primitives::{
    fees,
    merkle::MerkleProof,
    node::{Breach, BreachState},
    report::ReportEntry,
    traits::{Agreements, Snapshots},
    AccountId, Balance, Period,
};
use sp_core::ConstU32;
use sp_runtime::{traits::Zero, DispatchError, DispatchResult};

use crate::{
    pallet::*,
    stake_impls::{deduct, stake},
    CreditOf, MAX_BREACHES,
};

impl<T: Config> Pallet<T> {
    /// Returns whether there is something to be slashed.
    pub(crate) fn do_report_breach(
        reporter: AccountId,
        entry: ReportEntry,
        proof: MerkleProof,
    ) -> Result<bool, DispatchError> {
        let (period, node) = (entry.period, &entry.node);
        ensure!(Self::is_reportable(period), Error::<T>::NotReportable);
        let commitment = T::Snapshots::commitment(period).ok_or(Error::<T>::NotReportable)?;
        ensure!(commitment.report.contains(&entry, &proof), Error::<T>::NotInReport);
        ensure!(Nodes::<T>::contains_key(node), Error::<T>::NoSuchNode);
        let fraction = T::Agreements::penalty(&entry).ok_or(Error::<T>::NoBreach)?;
        let mut breaches = Breaches::<T>::get(node);
        ensure!(breaches.iter().all(|breach| breach.period != period), Error::<T>::AlreadyReported);

        let stake = Self::stake_at_end_of(node, period);
        let amount = fees::mul_ceil(fraction, stake).min(stake);
        // Terms may know breaches that cost no stake, but the standing.
        let state = if amount.is_zero() { BreachState::Applied } else { BreachState::Deferred };
        let due_at = Self::now().saturating_add(T::SlashDeferral::get());
        Self::forget_old(&mut breaches);
        let breach = Breach { period, amount, reporter: reporter.clone(), due_at, state };
        breaches.try_push(breach).map_err(|_| Error::<T>::TooManyBreaches)?;
        Breaches::<T>::insert(node, breaches);
        T::Agreements::on_breach(node, period);
        Self::deposit_event(Event::BreachReported { node: entry.node, period, amount, reporter, due_at });
        Ok(!amount.is_zero())
    }

    pub(crate) fn do_apply_slash(account: AccountId, period: Period) -> DispatchResult {
        let breach = Self::end_deferral(&account, period, |breach| {
            ensure!(breach.due_at <= Self::now(), Error::<T>::NotDueYet);
            breach.state = BreachState::Applied;
            breach.amount = breach.amount.min(Nodes::<T>::get(&account).map_or(0, |node| stake(&node)));
            Ok(())
        })?;
        let credit = Self::take_stake(&account, breach.amount)?;
        let (amount, reporter) = (credit.peek(), breach.reporter);
        let (bounty, pooled) = Self::divide_slash(credit, &reporter);
        Self::deposit_event(Event::Slashed { node: account, period, amount, reporter, bounty, pooled });
        Ok(())
    }

    pub(crate) fn do_cancel_slash(node: AccountId, period: Period) -> DispatchResult {
        Self::end_deferral(&node, period, |breach| {
            breach.state = BreachState::Cancelled;
            Ok(())
        })?;
        Self::deposit_event(Event::SlashCancelled { node, period });
        Ok(())
    }

    /// Changes a deferred breach, and returns it.
    fn end_deferral(
        node: &AccountId,
        period: Period,
        change: impl FnOnce(&mut Breach) -> DispatchResult,
    ) -> Result<Breach, DispatchError> {
        Breaches::<T>::try_mutate(node, |breaches| {
            let breach = breaches.iter_mut().find(|b| b.period == period).ok_or(Error::<T>::NoSuchBreach)?;
            ensure!(breach.state == BreachState::Deferred, Error::<T>::NotDeferred);
            change(breach)?;
            Ok(breach.clone())
        })
    }

    /// Takes `amount` off a node: off its bond first, then off the chunks, oldest first.
    fn take_stake(account: &AccountId, amount: Balance) -> Result<CreditOf<T>, DispatchError> {
        Self::try_mutate_node(account, |node| {
            let (credit, missing) = T::Currency::slash(&HoldReason::Bond.into(), account, amount);
            if !missing.is_zero() {
                defensive!("what is held is bond plus unbonding chunks");
            }
            let mut left = credit.peek();
            deduct(&mut node.bond, &mut left);
            node.unbonding.iter_mut().for_each(|chunk| deduct(&mut chunk.amount, &mut left));
            node.unbonding.retain(|chunk| !chunk.amount.is_zero());
            Self::remember_stake(account, stake(node));
            Ok(credit)
        })
    }

    /// Gives reporter and pot their shares, rounded down, and the rest to where slashes go, with all that could not be
    /// paid. Returns what reporter and pot were paid.
    fn divide_slash(credit: CreditOf<T>, reporter: &AccountId) -> (Balance, Balance) {
        let amount = credit.peek();
        let pay = |to: &AccountId, share: Balance, from: CreditOf<T>| {
            let (part, rest) = from.split(share);
            let paid = part.peek();
            match T::Currency::resolve(to, part) {
                Ok(()) => (paid, rest),
                Err(part) => (0, rest.merge(part)),
            }
        };
        let (bounty, rest) = pay(reporter, T::BountyShare::get().mul_floor(amount), credit);
        let (pooled, rest) = pay(&Self::pot_account(), T::PoolShare::get().mul_floor(amount), rest);
        T::OnSlash::on_unbalanced(rest);
        (bounty, pooled)
    }

    /// What a node's deferred slashes take together, if it is there.
    pub(crate) fn deferred(node: &AccountId) -> Balance {
        let breaches = Breaches::<T>::get(node);
        let deferred = breaches.iter().filter(|breach| breach.state == BreachState::Deferred);
        deferred.fold(0, |sum, breach| sum.saturating_add(breach.amount))
    }

    /// Removes what only stood against a second report of a period that can't be reported any more. The bound in periods
    /// counts, and not the window in blocks: governance can widen the window again, and a breach must not come back.
    fn forget_old(breaches: &mut BoundedVec<Breach, ConstU32<MAX_BREACHES>>) {
        breaches.retain(|breach| breach.state == BreachState::Deferred || Self::in_report_history(breach.period));
    }

    fn in_report_history(period: Period) -> bool {
        T::Snapshots::current_period().saturating_sub(period) <= Self::report_history()
    }

    /// Whether breaches of a period can be reported now.
    pub(crate) fn is_reportable(period: Period) -> bool {
        Self::in_report_history(period) && T::Snapshots::committed_at(period).is_some_and(Self::in_window)
    }

    /// Whether breaches of a period can be reported now or later.
    pub(crate) fn may_yet_be_reported(period: Period) -> bool {
        Self::in_report_history(period)
            && match T::Snapshots::committed_at(period) {
                Some(at) => Self::in_window(at),
                // Periods are committed to in their order, so that one before the last was skipped or forgotten.
                None => LastCommitted::<T>::get().is_none_or(|last| period > last),
            }
    }

    fn in_window(committed_at: smartlayer_primitives::BlockNumber) -> bool {
        Self::now().saturating_sub(committed_at) <= T::ReportWindow::get()
    }
}
