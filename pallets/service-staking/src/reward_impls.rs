//! The pot: what goes in, what a period's nodes and anchors are owed of it, and how they get it.

use frame_support::{
    defensive,
    dispatch::DispatchResult,
    ensure,
    traits::{
        fungible::{Balanced, Inspect, Mutate},
        tokens::{
            imbalance::{Imbalance, OnUnbalanced},
            Fortitude, Precision, Preservation,
        },
        Defensive, Get,
    },
    weights::Weight,
    BoundedVec,
};
use smartlayer_primitives::{
    commitment::Commitment,
    fees,
    merkle::MerkleProof,
    node::PeriodReward,
    report::ReportEntry,
    traits::{Anchors, OnCommitment, RentPool, Snapshots},
    AccountId, Balance, Period,
};
use sp_runtime::traits::{AccountIdConversion, Zero};

use crate::{pallet::*, SweepState, WeightInfo, PRUNED_PER_COMMITMENT, SWEPT_PER_CLAIM, SWEPT_PER_COMMITMENT};

impl<T: Config> Pallet<T> {
    /// The pot's account.
    pub fn pot_account() -> AccountId {
        T::PotId::get().into_account_truncating()
    }

    /// Gives the pot what keeps its account alive, if it has less.
    pub(crate) fn endow_pot() {
        let (pot, least) = (Self::pot_account(), T::Currency::minimum_balance());
        if T::Currency::balance(&pot) < least {
            let _ = T::Currency::mint_into(&pot, least).defensive_proof("the existential deposit can be minted");
        }
    }

    pub(crate) fn do_claim_reward(entry: ReportEntry, proof: MerkleProof) -> DispatchResult {
        let (period, node) = (entry.period, &entry.node);
        let reward = Rewards::<T>::get(period).ok_or(Error::<T>::NoSuchReward)?;
        let commitment = T::Snapshots::commitment(period).ok_or(Error::<T>::NoSuchReward)?;
        ensure!(commitment.report.contains(&entry, &proof), Error::<T>::NotInReport);
        ensure!(!Claimed::<T>::contains_key(period, node), Error::<T>::AlreadyClaimed);
        let amount = Self::payout(period, &reward, entry.reward_weight);
        ensure!(!amount.is_zero(), Error::<T>::NothingToClaim);

        Claimed::<T>::insert(period, node, ());
        Paid::<T>::mutate(period, |paid| *paid = paid.saturating_add(amount));
        Self::pay_out(node, amount)?;
        Self::deposit_event(Event::RewardPaid { period, node: entry.node, amount });
        Self::sweep(SWEPT_PER_CLAIM);
        Ok(())
    }

    pub(crate) fn do_claim_anchor_reward(sender: AccountId, period: Period) -> DispatchResult {
        let mut reward = Rewards::<T>::get(period).ok_or(Error::<T>::NoSuchReward)?;
        let mut signers = RewardSigners::<T>::get(period);
        // Asked for in any case, so that the call always costs the same.
        let acting_for = T::Anchors::acting_for(&sender);
        let anchor = [Some(sender), acting_for]
            .into_iter()
            .flatten()
            .find(|account| earned_by(account, &reward, &signers).is_some())
            .ok_or(Error::<T>::NotASigner)?;
        let amount = earned_by(&anchor, &reward, &signers).unwrap_or_default();
        ensure!(!amount.is_zero(), Error::<T>::NothingToClaim);

        if reward.writer.as_ref() == Some(&anchor) {
            reward.writer = None;
            Rewards::<T>::insert(period, reward);
        }
        signers.retain(|signer| *signer != anchor);
        if signers.is_empty() {
            RewardSigners::<T>::remove(period);
        } else {
            RewardSigners::<T>::insert(period, signers);
        }
        Self::pay_out(&anchor, amount)?;
        Self::deposit_event(Event::AnchorRewardPaid { period, anchor, amount });
        Ok(())
    }

    /// What an organisation can claim as signer and writer of a period's commitment; nothing if it was neither or
    /// claimed it.
    pub(crate) fn earned_by_anchor(period: Period, anchor: &AccountId) -> Option<Balance> {
        earned_by(anchor, &Rewards::<T>::get(period)?, &RewardSigners::<T>::get(period))
    }

    /// The share of a reward weight, rounded down, at most what is left of the nodes' part.
    pub(crate) fn payout(period: Period, reward: &PeriodReward, weight: u128) -> Balance {
        let left = reward.nodes.saturating_sub(Paid::<T>::get(period));
        fees::share(reward.nodes, weight, reward.total_weight).min(left)
    }

    /// Pays what was owed.
    fn pay_out(to: &AccountId, amount: Balance) -> DispatchResult {
        T::Currency::transfer(&Self::pot_account(), to, amount, Preservation::Preserve)?;
        Owed::<T>::mutate(|owed| *owed = owed.saturating_sub(amount));
        Ok(())
    }

    /// What the pot holds beyond its existential deposit and what it owes.
    pub(crate) fn unowed() -> Balance {
        T::Currency::balance(&Self::pot_account())
            .saturating_sub(T::Currency::minimum_balance())
            .saturating_sub(Owed::<T>::get())
    }

    /// Works out what a period's nodes and anchors can claim, mints what the pool's share does not cover of it, and
    /// records it.
    fn fund_rewards(commitment: &Commitment, signers: &[AccountId]) {
        let period = commitment.period;
        let total_weight = commitment.totals.reward_weight;
        // The same bound as the anchor set's, so that nothing is cut off.
        let signers = BoundedVec::truncate_from(signers.to_vec());

        let released = T::PoolRelease::get().mul_floor(Self::unowed());
        let whole = T::RewardPerPeriod::get().saturating_add(released);
        let anchors = T::AnchorShare::get().mul_floor(whole);
        let nodes = if total_weight.is_zero() { 0 } else { whole.saturating_sub(anchors) };
        let writer_bonus = T::WriterBonus::get().mul_floor(anchors);
        let for_signers = anchors.saturating_sub(writer_bonus);
        let each_anchor = for_signers.checked_div(signers.len() as Balance).unwrap_or(0);
        let writer = (!writer_bonus.is_zero()).then(|| commitment.writer.clone());
        let reward = PeriodReward { nodes, total_weight, each_anchor, writer, writer_bonus };

        let owed = owed_by(&reward, 0, signers.len());
        let released = released.min(owed);
        let minted = owed.saturating_sub(released);
        if T::Currency::mint_into(&Self::pot_account(), minted).is_err() {
            Self::deposit_event(Event::MintingFailed { period });
            return;
        }
        Owed::<T>::mutate(|all| *all = all.saturating_add(owed));
        Rewards::<T>::insert(period, reward);
        if !each_anchor.is_zero() {
            RewardSigners::<T>::insert(period, signers);
        }
        Self::deposit_event(Event::RewardsMinted { period, nodes, each_anchor, writer_bonus, minted, released });
    }

    /// Removes the rewards of periods that are too long before `newest`, a bounded number of them. What was not claimed
    /// is not owed any more.
    fn prune(newest: Period) {
        let history = T::RewardHistory::get().max(1);
        let mut oldest = OldestReward::<T>::get().unwrap_or_else(|| {
            // Nothing was ever claimed before the first commitment.
            Sweep::<T>::put(SweepState { period: newest, after: None });
            newest
        });
        for _ in 0..PRUNED_PER_COMMITMENT {
            if oldest.saturating_add(history) > newest {
                break;
            }
            let (signers, paid) = (RewardSigners::<T>::take(oldest), Paid::<T>::take(oldest));
            if let Some(reward) = Rewards::<T>::take(oldest) {
                Owed::<T>::mutate(|owed| *owed = owed.saturating_sub(owed_by(&reward, paid, signers.len())));
            }
            oldest = oldest.saturating_add(1);
        }
        OldestReward::<T>::put(oldest);
    }

    /// Removes at most `limit` marks of periods whose rewards are not kept any more. The end of a period counts as one.
    fn sweep(limit: u32) {
        let Some(oldest) = OldestReward::<T>::get() else { return };
        let mut state = Sweep::<T>::get();
        if state.period >= oldest {
            return;
        }
        for _ in 0..limit {
            if state.period >= oldest {
                break;
            }
            let period = state.period;
            let mut rest = match &state.after {
                Some(after) => Claimed::<T>::iter_key_prefix_from(period, Claimed::<T>::hashed_key_for(period, after)),
                None => Claimed::<T>::iter_key_prefix(period),
            };
            match rest.next() {
                Some(node) => {
                    Claimed::<T>::remove(period, &node);
                    state.after = Some(node);
                }
                None => state = SweepState { period: period.saturating_add(1), after: None },
            }
        }
        Sweep::<T>::put(state);
    }
}

impl<T: Config> OnCommitment for Pallet<T> {
    fn weight() -> Weight {
        T::WeightInfo::on_commitment()
    }

    fn on_commitment(commitment: &Commitment, signers: &[AccountId]) {
        if LastCommitted::<T>::get().is_some_and(|last| commitment.period <= last) {
            // Periods are committed to in their order and once; anything else would mint a reward twice.
            defensive!("a period was committed to twice, or too late");
            return;
        }
        LastCommitted::<T>::put(commitment.period);
        Self::endow_pot();
        Self::fund_rewards(commitment, signers);
        Self::prune(commitment.period);
        Self::sweep(SWEPT_PER_COMMITMENT);
    }
}

impl<T: Config> RentPool for Pallet<T> {
    fn pay_rent(from: &AccountId, amount: Balance) -> DispatchResult {
        let whole = T::Currency::withdraw(from, amount, Precision::Exact, Preservation::Preserve, Fortitude::Polite)?;
        let (for_treasury, for_pot) = whole.split(T::RentTreasuryShare::get().mul_floor(amount));
        // A pot that does not exist yet can't take less than the existential deposit.
        let for_treasury = match T::Currency::resolve(&Self::pot_account(), for_pot) {
            Ok(()) => for_treasury,
            Err(for_pot) => for_treasury.merge(for_pot),
        };
        let treasury = for_treasury.peek();
        T::OnRent::on_unbalanced(for_treasury);
        Self::deposit_event(Event::RentReceived { from: from.clone(), amount, treasury });
        Ok(())
    }
}

/// What an account can claim as signer and writer; nothing if it is neither.
fn earned_by(account: &AccountId, reward: &PeriodReward, signers: &[AccountId]) -> Option<Balance> {
    let signed = signers.contains(account).then_some(reward.each_anchor);
    let wrote = (reward.writer.as_ref() == Some(account)).then_some(reward.writer_bonus);
    match (signed, wrote) {
        (None, None) => None,
        (signed, wrote) => Some(signed.unwrap_or(0).saturating_add(wrote.unwrap_or(0))),
    }
}

/// What is owed of a period's reward still, when its nodes were paid `paid` and so many signers have not claimed.
pub(crate) fn owed_by(reward: &PeriodReward, paid: Balance, signers: usize) -> Balance {
    let writer = reward.writer.as_ref().map_or(0, |_| reward.writer_bonus);
    reward
        .nodes
        .saturating_sub(paid)
        .saturating_add(reward.each_anchor.saturating_mul(signers as Balance))
        .saturating_add(writer)
}
