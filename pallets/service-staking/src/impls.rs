//! What the calls do, and what other pallets are given.

use frame_support::{
    defensive, ensure,
    traits::{
        fungible::{hold::Mutate as _, Inspect, Mutate},
        tokens::{Fortitude, Precision, Preservation},
        Defensive, Get,
    },
    weights::Weight,
    BoundedVec,
};
use smartlayer_primitives::{
    commitment::Commitment,
    fees,
    merkle::MerkleProof,
    node::{Endpoint, KeyOwnership, PeerId, PeriodReward, ServiceNode, UnbondingChunk},
    payload::Payload,
    report::ReportEntry,
    traits::{Anchors, OnCommitment, RentPool, ServiceNodes, Snapshots},
    AccountId, Balance, BlockNumber, Hash, Period, Signature,
};
use sp_runtime::{
    traits::{AccountIdConversion, SaturatedConversion, Verify, Zero},
    DispatchError, DispatchResult, Permill,
};

use crate::{pallet::*, SweepState, WeightInfo, PRUNED_PER_COMMITMENT, SWEPT_PER_CLAIM, SWEPT_PER_COMMITMENT};

/// Registration and stake.
impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(account: AccountId, node: ServiceNode, proof: Signature) -> DispatchResult {
        ensure!(!Nodes::<T>::contains_key(&account), Error::<T>::AlreadyRegistered);
        ensure!(!ServiceKeys::<T>::contains_key(&account), Error::<T>::AccountIsKey);
        Self::check_address(&node.endpoint, &node.peer_id)?;
        ensure!(node.bond >= Self::min_bond(), Error::<T>::BondTooLow);
        Self::check_key(&account, &node.service_key, &proof)?;

        let bond = node.bond;
        T::Currency::hold(&HoldReason::Bond.into(), &account, bond)?;
        ServiceKeys::<T>::insert(&node.service_key, &account);
        Nodes::<T>::insert(&account, node);
        Self::deposit_event(Event::Registered { node: account, bond });
        Ok(())
    }

    pub(crate) fn do_update(sender: AccountId, endpoint: Endpoint, peer_id: PeerId) -> DispatchResult {
        let account = <Self as ServiceNodes>::acting_for(&sender).ok_or(Error::<T>::NotRegistered)?;
        Self::check_address(&endpoint, &peer_id)?;
        Self::try_mutate_node(&account, |node| {
            node.endpoint = endpoint;
            node.peer_id = peer_id;
            Ok(())
        })?;
        Self::deposit_event(Event::Updated { node: account });
        Ok(())
    }

    pub(crate) fn do_rotate_key(account: AccountId, service_key: AccountId, proof: Signature) -> DispatchResult {
        Self::try_mutate_node(&account, |node| {
            Self::check_key(&account, &service_key, &proof)?;
            ServiceKeys::<T>::remove(&node.service_key);
            ServiceKeys::<T>::insert(&service_key, &account);
            node.service_key = service_key.clone();
            Ok(())
        })?;
        Self::deposit_event(Event::KeyRotated { node: account, service_key });
        Ok(())
    }

    pub(crate) fn do_bond_more(account: AccountId, amount: Balance) -> DispatchResult {
        let bond = Self::try_mutate_node(&account, |node| {
            ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
            node.bond = node.bond.checked_add(amount).ok_or(Error::<T>::BondOverflow)?;
            T::Currency::hold(&HoldReason::Bond.into(), &account, amount)?;
            Ok(node.bond)
        })?;
        Self::deposit_event(Event::BondRaised { node: account, bond });
        Ok(())
    }

    pub(crate) fn do_unbond(account: AccountId, amount: Balance) -> DispatchResult {
        let release_at = Self::now().saturating_add(T::UnbondingDelay::get());
        Self::try_mutate_node(&account, |node| {
            ensure!(!amount.is_zero(), Error::<T>::ZeroAmount);
            let rest = node.bond.checked_sub(amount).ok_or(Error::<T>::NotThatMuch)?;
            ensure!(rest.is_zero() || rest >= Self::min_bond(), Error::<T>::BondTooLow);
            node.bond = rest;
            match node.unbonding.last_mut() {
                // Both parts were bonded by one account, so that their sum is a balance.
                Some(last) if last.release_at == release_at => {
                    last.amount = last.amount.checked_add(amount).ok_or(Error::<T>::BondOverflow)?;
                }
                _ => {
                    let chunk = UnbondingChunk { amount, release_at };
                    node.unbonding.try_push(chunk).map_err(|_| Error::<T>::TooManyChunks)?;
                }
            }
            Ok(())
        })?;
        Self::deposit_event(Event::Unbonding { node: account, amount, release_at });
        Ok(())
    }

    pub(crate) fn do_withdraw(account: AccountId) -> DispatchResult {
        let now = Self::now();
        let mut node = Nodes::<T>::get(&account).ok_or(Error::<T>::NotRegistered)?;
        let mut due: Balance = 0;
        node.unbonding.retain(|chunk| {
            let keep = chunk.release_at > now;
            if !keep {
                due = due.saturating_add(chunk.amount);
            }
            keep
        });
        let leaves = node.bond.is_zero() && node.unbonding.is_empty();
        ensure!(leaves || !due.is_zero(), Error::<T>::NothingToWithdraw);

        if !due.is_zero() {
            T::Currency::release(&HoldReason::Bond.into(), &account, due, Precision::Exact)?;
            Self::deposit_event(Event::Withdrawn { node: account.clone(), amount: due });
        }
        if leaves {
            ServiceKeys::<T>::remove(&node.service_key);
            Nodes::<T>::remove(&account);
            Self::deposit_event(Event::Left { node: account });
        } else {
            Nodes::<T>::insert(&account, node);
        }
        Ok(())
    }

    fn try_mutate_node<R>(
        account: &AccountId,
        change: impl FnOnce(&mut ServiceNode) -> Result<R, DispatchError>,
    ) -> Result<R, DispatchError> {
        Nodes::<T>::try_mutate(account, |node| change(node.as_mut().ok_or(Error::<T>::NotRegistered)?))
    }

    fn check_address(endpoint: &Endpoint, peer_id: &PeerId) -> DispatchResult {
        ensure!(!endpoint.is_empty() && core::str::from_utf8(endpoint).is_ok(), Error::<T>::BadEndpoint);
        ensure!(!peer_id.is_empty(), Error::<T>::BadPeerId);
        Ok(())
    }

    /// Whether `key` may become the service key of `account`: nobody's yet, nobody else's account, and its holder
    /// agrees.
    fn check_key(account: &AccountId, key: &AccountId, proof: &Signature) -> DispatchResult {
        let is_a_node = key != account && Nodes::<T>::contains_key(key);
        ensure!(!is_a_node && !ServiceKeys::<T>::contains_key(key), Error::<T>::KeyInUse);
        let payload = KeyOwnership { account: account.clone() }.signing_payload(&Self::genesis_hash());
        ensure!(proof.verify(&payload[..], key), Error::<T>::BadProof);
        Ok(())
    }

    /// Zero counts as one: a node that unbonded everything must not count as bonded.
    fn min_bond() -> Balance {
        T::MinBond::get().max(1)
    }

    fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    fn genesis_hash() -> Hash {
        frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::zero())
    }
}

/// Rewards.
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
        T::Currency::transfer(&Self::pot_account(), node, amount, Preservation::Preserve)?;
        Self::deposit_event(Event::RewardPaid { period, node: entry.node, amount });
        Self::sweep(SWEPT_PER_CLAIM);
        Ok(())
    }

    pub(crate) fn do_claim_anchor_reward(sender: AccountId, period: Period) -> DispatchResult {
        let reward = Rewards::<T>::get(period).ok_or(Error::<T>::NoSuchReward)?;
        let mut signers = RewardSigners::<T>::get(period);
        // Asked for in any case, so that the call always costs the same.
        let acting_for = T::Anchors::acting_for(&sender);
        let position_of = |account: &AccountId| signers.iter().position(|signer| signer == account);
        let position =
            position_of(&sender).or_else(|| position_of(acting_for.as_ref()?)).ok_or(Error::<T>::NotASigner)?;
        let amount = reward.each_anchor;
        ensure!(!amount.is_zero(), Error::<T>::NothingToClaim);

        let anchor = signers.remove(position);
        if signers.is_empty() {
            RewardSigners::<T>::remove(period);
        } else {
            RewardSigners::<T>::insert(period, signers);
        }
        T::Currency::transfer(&Self::pot_account(), &anchor, amount, Preservation::Preserve)?;
        Self::deposit_event(Event::AnchorRewardPaid { period, anchor, amount });
        Ok(())
    }

    /// The share of a reward weight, rounded down, at most what is left of the nodes' part.
    pub(crate) fn payout(period: Period, reward: &PeriodReward, weight: u128) -> Balance {
        let left = reward.nodes.saturating_sub(Paid::<T>::get(period));
        fees::share(reward.nodes, weight, reward.total_weight).min(left)
    }

    /// Mints what a period's nodes and signers can claim, and records it.
    fn mint_rewards(commitment: &Commitment, signers: &[AccountId]) {
        let period = commitment.period;
        let total_weight = commitment.totals.reward_weight;
        // The same bound as the anchor set's, so that nothing is cut off.
        let signers = BoundedVec::truncate_from(signers.to_vec());

        let whole = T::RewardPerPeriod::get();
        let anchors_part = T::AnchorShare::get().mul_floor(whole);
        let nodes = if total_weight.is_zero() { 0 } else { whole.saturating_sub(anchors_part) };
        let each_anchor = anchors_part.checked_div(signers.len() as Balance).unwrap_or(0);
        let anchors = if each_anchor.is_zero() { 0 } else { anchors_part };

        if T::Currency::mint_into(&Self::pot_account(), nodes.saturating_add(anchors)).is_err() {
            Self::deposit_event(Event::MintingFailed { period });
            return;
        }
        Rewards::<T>::insert(period, PeriodReward { nodes, total_weight, each_anchor });
        if !each_anchor.is_zero() {
            RewardSigners::<T>::insert(period, signers);
        }
        Self::deposit_event(Event::RewardsMinted { period, nodes, each_anchor });
    }

    /// Removes the rewards of periods that are too long before `newest`, a bounded number of them.
    fn prune(newest: Period) {
        let history = T::RewardHistory::get().max(1);
        let first = OldestReward::<T>::get().unwrap_or_else(|| {
            // Nothing was ever claimed before the first commitment.
            Sweep::<T>::put(SweepState { period: newest, after: None });
            newest
        });
        let mut oldest = first;
        for _ in 0..PRUNED_PER_COMMITMENT {
            if oldest.saturating_add(history) > newest {
                break;
            }
            Rewards::<T>::remove(oldest);
            RewardSigners::<T>::remove(oldest);
            Paid::<T>::remove(oldest);
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
        let gone = OldestReward::<T>::get().is_some_and(|oldest| commitment.period < oldest);
        if gone || Rewards::<T>::contains_key(commitment.period) {
            // Periods are committed to in their order and once; anything else would mint a reward twice.
            defensive!("a period was committed to twice, or too late");
            return;
        }
        Self::endow_pot();
        Self::mint_rewards(commitment, signers);
        Self::prune(commitment.period);
        Self::sweep(SWEPT_PER_COMMITMENT);
    }
}

impl<T: Config> ServiceNodes for Pallet<T> {
    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        if Nodes::<T>::contains_key(origin) {
            return Some(origin.clone());
        }
        ServiceKeys::<T>::get(origin)
    }

    fn is_bonded(node: &AccountId) -> bool {
        Nodes::<T>::get(node).is_some_and(|node| node.bond >= Self::min_bond())
    }

    fn slashable(node: &AccountId) -> Balance {
        Nodes::<T>::get(node).map_or(0, |node| stake(&node))
    }

    fn slash(account: &AccountId, fraction: Permill) -> Result<Balance, DispatchError> {
        let amount = Self::try_mutate_node(account, |node| {
            let stake = stake(node);
            let amount = fees::mul_ceil(fraction, stake).min(stake);
            if amount.is_zero() {
                return Ok(amount);
            }
            T::Currency::burn_held(&HoldReason::Bond.into(), account, amount, Precision::Exact, Fortitude::Force)?;
            let mut left = amount;
            let mut take = |from: &mut Balance| {
                let part = left.min(*from);
                *from = from.saturating_sub(part);
                left = left.saturating_sub(part);
            };
            take(&mut node.bond);
            node.unbonding.iter_mut().for_each(|chunk| take(&mut chunk.amount));
            node.unbonding.retain(|chunk| !chunk.amount.is_zero());
            Ok(amount)
        })?;
        if !amount.is_zero() {
            Self::deposit_event(Event::Slashed { node: account.clone(), amount });
        }
        Ok(amount)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId) {
        crate::benchmarking::register_node::<T>(node);
    }
}

impl<T: Config> RentPool for Pallet<T> {
    fn pay_rent(from: &AccountId, amount: Balance) -> DispatchResult {
        T::Currency::transfer(from, &Self::pot_account(), amount, Preservation::Preserve)?;
        Self::deposit_event(Event::RentReceived { from: from.clone(), amount });
        Ok(())
    }
}

/// All that can be slashed of a node. Its parts are held on one account, so that their sum is a balance.
fn stake(node: &ServiceNode) -> Balance {
    node.unbonding.iter().fold(node.bond, |sum, chunk| sum.saturating_add(chunk.amount))
}

#[cfg(any(feature = "try-runtime", test))]
impl<T: Config> Pallet<T> {
    /// Checks what must always hold.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        Self::check_stakes()?;
        Self::check_rewards()
    }

    fn check_stakes() -> Result<(), sp_runtime::TryRuntimeError> {
        use frame_support::traits::fungible::hold::Inspect as _;

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

    fn check_rewards() -> Result<(), sp_runtime::TryRuntimeError> {
        let mut owed = T::Currency::minimum_balance();
        let oldest = OldestReward::<T>::get();
        for (period, reward) in Rewards::<T>::iter() {
            ensure!(oldest.is_some_and(|oldest| period >= oldest), "a reward is kept too long");
            let paid = Paid::<T>::get(period);
            ensure!(paid <= reward.nodes, "a period paid its nodes more than their part");
            let anchors = reward.each_anchor.saturating_mul(RewardSigners::<T>::get(period).len() as Balance);
            owed = owed.saturating_add(reward.nodes.saturating_sub(paid)).saturating_add(anchors);
        }
        ensure!(
            oldest.is_none() || T::Currency::balance(&Self::pot_account()) >= owed,
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
