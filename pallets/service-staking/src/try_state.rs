//! What must be true after every call and every commitment.

use frame_support::{
    ensure,
    traits::fungible::{Inspect, InspectHold},
};
use smartlayer_primitives::{node::BreachState, traits::Snapshots, Balance};
use sp_runtime::TryRuntimeError;

use crate::{pallet::*, reward_impls::owed_by, stake_impls::stake};

impl<T: Config> Pallet<T> {
    /// Checks what must always hold.
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        Self::check_stakes()?;
        Self::check_stake_history()?;
        Self::check_breaches()?;
        Self::check_rewards()
    }

    fn check_stakes() -> Result<(), TryRuntimeError> {
        let mut nodes = 0usize;
        for (account, node) in Nodes::<T>::iter() {
            nodes = nodes.saturating_add(1);
            let held = T::Currency::balance_on_hold(&HoldReason::Bond.into(), &account);
            ensure!(held == stake(&node), "what is held is not bond plus unbonding chunks");
            ensure!(node.unbonding.iter().all(|chunk| chunk.amount > 0), "there is an empty chunk");
            let owner = ServiceKeys::<T>::get(&node.service_key);
            ensure!(owner.as_ref() == Some(&account), "a node's service key is not its own");
            ensure!(
                node.service_key == account || !Nodes::<T>::contains_key(&node.service_key),
                "a service key is another node's account"
            );
        }
        ensure!(ServiceKeys::<T>::iter().count() == nodes, "there is a service key without its node");
        Ok(())
    }

    fn check_stake_history() -> Result<(), TryRuntimeError> {
        let now = T::Snapshots::current_period();
        for (account, history) in StakeHistory::<T>::iter() {
            let node = Nodes::<T>::get(&account).ok_or("a stake is remembered of who is no node")?;
            let last = history.last().ok_or("a stake history is empty")?;
            ensure!(last.stake == stake(&node), "the last remembered stake is not the stake");
            ensure!(last.period <= now, "a stake is remembered of the future");
            ensure!(history.is_sorted_by(|one, other| one.period < other.period), "a period has two stakes");
        }
        ensure!(StakeHistory::<T>::iter().count() == Nodes::<T>::iter().count(), "a node's stake is not remembered");
        Ok(())
    }

    fn check_breaches() -> Result<(), TryRuntimeError> {
        for (account, breaches) in Breaches::<T>::iter() {
            ensure!(Nodes::<T>::contains_key(&account), "breaches are kept of who is no node");
            ensure!(!breaches.is_empty(), "an empty list of breaches is kept");
            for (i, breach) in breaches.iter().enumerate() {
                let later = breaches.iter().skip(i.saturating_add(1));
                ensure!(later.clone().all(|b| b.period != breach.period), "a breach was reported twice");
                if breach.state == BreachState::Deferred {
                    ensure!(breach.amount > 0, "a slash of nothing is deferred");
                }
                let known = StakeHistory::<T>::get(&account).first().is_some_and(|first| first.period <= breach.period);
                let stake = Self::stake_at_end_of(&account, breach.period);
                ensure!(!known || breach.amount <= stake, "a slash is more than the stake at the offence");
            }
        }
        Ok(())
    }

    fn check_rewards() -> Result<(), TryRuntimeError> {
        let mut owed: Balance = 0;
        let oldest = OldestReward::<T>::get();
        for (period, reward) in Rewards::<T>::iter() {
            ensure!(oldest.is_some_and(|oldest| period >= oldest), "a reward is kept too long");
            let paid = Paid::<T>::get(period);
            ensure!(paid <= reward.nodes, "a period paid its nodes more than their part");
            owed = owed.saturating_add(owed_by(&reward, paid, RewardSigners::<T>::get(period).len()));
        }
        ensure!(Owed::<T>::get() == owed, "what is owed is not what can be claimed");
        let least = owed.saturating_add(T::Currency::minimum_balance());
        ensure!(
            oldest.is_none() || T::Currency::balance(&Self::pot_account()) >= least,
            "the pot holds less than what can be claimed"
        );
        for period in Paid::<T>::iter_keys().chain(RewardSigners::<T>::iter_keys()) {
            ensure!(Rewards::<T>::contains_key(period), "claims are remembered of a period without rewards");
        }
        let swept = Sweep::<T>::get().period;
        ensure!(oldest.is_none_or(|oldest| swept <= oldest), "marks were swept that are still needed");
        for (period, _) in Claimed::<T>::iter_keys() {
            ensure!(period >= swept, "a mark was left behind by the sweep");
        }
        Ok(())
    }
}
