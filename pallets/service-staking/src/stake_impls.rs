//! What a node has at stake: bonded, on its way out, given back, and remembered for as long as an offence is judged by
//! it.

use frame_support::{
    ensure,
    traits::{fungible::hold::Mutate as _, tokens::Precision, Defensive, Get},
};
use smartlayer_primitives::{
    node::{ServiceNode, UnbondingChunk},
    traits::Snapshots,
    AccountId, Balance, BlockNumber, Period,
};
use sp_runtime::{
    traits::{SaturatedConversion, Zero},
    DispatchResult,
};

use crate::{pallet::*, StakeChange, MAX_REPORT_HISTORY};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_bond_more(account: AccountId, amount: Balance) -> DispatchResult {
        let bond = Self::try_mutate_node(&account, |node| {
            ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
            node.bond = node.bond.checked_add(amount).ok_or(Error::<T>::BondOverflow)?;
            T::Currency::hold(&HoldReason::Bond.into(), &account, amount)?;
            Self::remember_stake(&account, stake(node));
            Ok(node.bond)
        })?;
        Self::deposit_event(Event::BondRaised { node: account, bond });
        Ok(())
    }

    pub(crate) fn do_unbond(account: AccountId, amount: Balance) -> DispatchResult {
        let release_at = Self::now().saturating_add(Self::effective_unbonding_delay());
        let asked_in = T::Snapshots::current_period();
        Self::try_mutate_node(&account, |node| {
            ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
            let rest = node.bond.checked_sub(amount).ok_or(Error::<T>::NotThatMuch)?;
            ensure!(rest.is_zero() || rest >= Self::min_bond(), Error::<T>::BondTooLow);
            node.bond = rest;
            match node.unbonding.last_mut() {
                // Both parts were bonded by one account, so that their sum is a balance.
                Some(last) if last.release_at == release_at && last.asked_in == asked_in => {
                    last.amount = last.amount.checked_add(amount).ok_or(Error::<T>::BondOverflow)?;
                }
                _ => {
                    let chunk = UnbondingChunk { amount, release_at, asked_in };
                    node.unbonding.try_push(chunk).map_err(|_| Error::<T>::TooManyChunks)?;
                }
            }
            Ok(())
        })?;
        Self::deposit_event(Event::Unbonding { node: account, amount, release_at });
        Ok(())
    }

    pub(crate) fn do_withdraw(account: AccountId) -> DispatchResult {
        let mut node = Nodes::<T>::get(&account).ok_or(Error::<T>::NotRegistered)?;
        let now = Self::now();
        let due = Self::due(&node);
        let amount = due.min(Self::unclaimed_by_slashes(&account, &node));
        if !is_empty(&node) {
            ensure!(node.unbonding.iter().any(|chunk| chunk.release_at <= now), Error::<T>::NothingToWithdraw);
            ensure!(!due.is_zero(), Error::<T>::StillReportable);
            ensure!(!amount.is_zero(), Error::<T>::SlashPending);

            T::Currency::release(&HoldReason::Bond.into(), &account, amount, Precision::Exact)?;
            let mut left = amount;
            let due = node.unbonding.iter_mut().filter(|chunk| Self::is_due(chunk, now));
            due.for_each(|chunk| deduct(&mut chunk.amount, &mut left));
            node.unbonding.retain(|chunk| !chunk.amount.is_zero());
            Self::deposit_event(Event::Withdrawn { node: account.clone(), amount });
        }
        if is_empty(&node) {
            ServiceKeys::<T>::remove(&node.service_key);
            // Slashes still deferred found nothing left. Should the account register again, they are not about its new
            // stake; and no period before that has a stake to be judged by.
            Breaches::<T>::remove(&account);
            StakeHistory::<T>::remove(&account);
            Nodes::<T>::remove(&account);
            Self::deposit_event(Event::Left { node: account });
        } else {
            Self::remember_stake(&account, stake(&node));
            Nodes::<T>::insert(&account, node);
        }
        Ok(())
    }

    /// The chunks that waited long enough, together.
    pub(crate) fn due(node: &ServiceNode) -> Balance {
        let now = Self::now();
        let due = node.unbonding.iter().filter(|chunk| Self::is_due(chunk, now));
        due.fold(0, |sum, chunk| sum.saturating_add(chunk.amount))
    }

    /// A chunk waits for its block, and for as long as an offence before it was asked for can still be reported. The
    /// block is enough as long as commitments come in time.
    fn is_due(chunk: &UnbondingChunk, now: BlockNumber) -> bool {
        chunk.release_at <= now && !Self::may_yet_be_reported(chunk.asked_in)
    }

    /// What deferred slashes leave of a node's stake.
    pub(crate) fn unclaimed_by_slashes(account: &AccountId, node: &ServiceNode) -> Balance {
        stake(node).saturating_sub(Self::deferred(account))
    }

    /// Whatever governance sets: a chunk outlasts the period that it was asked for in, the time to report it, and the
    /// deferral.
    pub(crate) fn effective_unbonding_delay() -> BlockNumber {
        let least =
            T::ReportWindow::get().saturating_add(T::SlashDeferral::get()).saturating_add(T::PeriodLength::get());
        T::UnbondingDelay::get().max(least)
    }

    /// Notes what a node has at stake after a change, and forgets what no offence is judged by any more.
    pub(crate) fn remember_stake(account: &AccountId, stake: Balance) {
        let period = T::Snapshots::current_period();
        let oldest = period.saturating_sub(Self::report_history());
        StakeHistory::<T>::mutate(account, |history| {
            // What held at the end of the oldest period is needed still; what held before is not.
            let superseded = history.iter().take_while(|change| change.period <= oldest).count().saturating_sub(1);
            history.drain(..superseded);
            match history.last_mut() {
                Some(last) if last.period >= period => last.stake = stake,
                _ => {
                    let _ = history
                        .try_push(StakeChange { period, stake })
                        .defensive_proof("each period of the history, and one before, has room");
                }
            }
        });
    }

    /// What a node had at stake at the end of a period; zero before it registered.
    pub(crate) fn stake_at_end_of(account: &AccountId, period: Period) -> Balance {
        let history = StakeHistory::<T>::get(account);
        history.iter().rev().find(|change| change.period <= period).map_or(0, |change| change.stake)
    }

    pub(crate) fn report_history() -> Period {
        T::ReportHistory::get().min(MAX_REPORT_HISTORY)
    }

    pub(crate) fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }
}

/// All that can be slashed of a node. Its parts are held on one account, so that their sum is a balance.
pub(crate) fn stake(node: &ServiceNode) -> Balance {
    node.unbonding.iter().fold(node.bond, |sum, chunk| sum.saturating_add(chunk.amount))
}

fn is_empty(node: &ServiceNode) -> bool {
    node.bond.is_zero() && node.unbonding.is_empty()
}

/// Takes as much of `left` from a part as there is.
pub(crate) fn deduct(part: &mut Balance, left: &mut Balance) {
    let taken = (*part).min(*left);
    *part = part.saturating_sub(taken);
    *left = left.saturating_sub(taken);
}
