//! What the calls cost, measured in the worst case.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{
    traits::{
        fungible::{hold::Mutate as _, Mutate},
        EnsureOrigin, Get,
    },
    BoundedVec,
};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    commitment::{Commitment, Totals},
    merkle::{Leaf, MerkleProof, MerkleRoot, MAX_DEPTH},
    node::{Breach, BreachState, KeyOwnership, PeriodReward, ServiceNode, UnbondingChunk},
    payload::{blake2_256, Payload},
    quorum::MAX_ANCHORS,
    report::ReportEntry,
    traits::{OnCommitment, RentPool},
    AccountId, Balance, Hash, Period, Signature, SLT,
};
use sp_core::{crypto::KeyTypeId, ecdsa};
use sp_runtime::{
    traits::{IdentifyAccount, Zero},
    MultiSigner, Permill,
};

use crate::*;

const KEYS: KeyTypeId = KeyTypeId(*b"bnch");
/// The period that the benchmarks claim for; those before it are the past.
const PERIOD: Period = 1_000_000;

/// Sets the scene for the benchmarks.
pub trait BenchmarkHelper {
    /// Makes [`Config::Snapshots`] answer with this commitment for its period, as accepted in the running block.
    fn store(commitment: Commitment);
    /// Changes the line, and what is agreed with its node, so that it is a persistent breach that costs a share of the
    /// stake; as expensive to judge as can be.
    fn breach(entry: &mut ReportEntry);
}

fn bond<T: Config>() -> Balance {
    T::MinBond::get().max(SLT)
}

fn full<S: sp_core::Get<u32>>() -> BoundedVec<u8, S> {
    BoundedVec::truncate_from(alloc::vec![b'a'; S::get() as usize])
}

fn fund<T: Config>(account: &AccountId) {
    T::Currency::mint_into(account, bond::<T>().saturating_mul(100)).expect("an account can be given money; qed");
}

/// A new key of the slowest scheme, and its proof that it acts for `account`.
fn key_for<T: Config>(account: &AccountId) -> (AccountId, Signature) {
    let genesis = frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::zero());
    let key: ecdsa::Public = sp_io::crypto::ecdsa_generate(KEYS, None);
    let payload = KeyOwnership { account: account.clone() }.signing_payload(&genesis);
    let proof = sp_io::crypto::ecdsa_sign(KEYS, &key, &payload).expect("the key was just made; qed");
    (MultiSigner::from(key).into_account(), proof.into())
}

/// Registers a node without the call: it is its own service key, and as rich as it needs to be.
pub(crate) fn register_node<T: Config>(node: &AccountId) {
    fund::<T>(node);
    let bond = bond::<T>().saturating_mul(20);
    T::Currency::hold(&HoldReason::Bond.into(), node, bond).expect("it has five times as much; qed");
    ServiceKeys::<T>::insert(node, node);
    let (endpoint, peer_id) = (full(), full());
    let unbonding = Default::default();
    let service_key = node.clone();
    Nodes::<T>::insert(node, ServiceNode { endpoint, peer_id, service_key, bond, unbonding, chilled: false });
    Pallet::<T>::remember_stake(node, bond);
}

/// The same with a service key of its own, which is returned.
fn register_with_key<T: Config>(node: &AccountId) -> AccountId {
    register_node::<T>(node);
    let (key, proof) = key_for::<T>(node);
    Pallet::<T>::rotate_key(RawOrigin::Signed(node.clone()).into(), key.clone(), proof).expect("the key is new; qed");
    key
}

/// Moves a part of the node's bond into `count` chunks that are due.
fn unbonding<T: Config>(node: &AccountId, count: u32) {
    Nodes::<T>::mutate(node, |node| {
        let node = node.as_mut().expect("it was just registered; qed");
        let chunk = |asked_in| UnbondingChunk { amount: bond::<T>(), release_at: 0, asked_in };
        node.unbonding = BoundedVec::truncate_from((0..count).map(chunk).collect());
        node.bond = node.bond.saturating_sub(bond::<T>().saturating_mul(count.into()));
    });
}

/// Marks that periods before [`PERIOD`] can't be reported any more, so that chunks which were asked for then are due.
fn committed<T: Config>() {
    LastCommitted::<T>::put(PERIOD);
}

/// A stake history as long as it can be, all of it needed still, ending before the running period.
fn long_history<T: Config>(node: &AccountId) {
    let stake = bond::<T>().saturating_mul(20);
    let change = |period| StakeChange { period, stake };
    StakeHistory::<T>::insert(node, BoundedVec::truncate_from((0..MAX_STAKE_CHANGES).map(change).collect()));
}

/// So many breaches whose slashes are due.
fn breaches<T: Config>(node: &AccountId, count: u32) {
    let reporter: AccountId = account("reporter", 0, 0);
    fund::<T>(&reporter);
    let breach = |period| Breach {
        period,
        amount: bond::<T>(),
        reporter: reporter.clone(),
        due_at: 0,
        state: BreachState::Deferred,
    };
    Breaches::<T>::insert(node, BoundedVec::truncate_from((0..count).map(breach).collect()));
}

/// Marks of `count` claims in the oldest period, which is not kept any more.
fn leave_marks<T: Config>(count: u32) {
    for n in 0..count {
        Claimed::<T>::insert(0, account::<AccountId>("claimant", n, 0), ());
    }
    Sweep::<T>::put(SweepState { period: 0, after: None });
    OldestReward::<T>::put(1);
}

fn signers_with(last: &AccountId) -> Vec<AccountId> {
    (1..MAX_ANCHORS).map(|n| account("anchor", n, 0)).chain([last.clone()]).collect()
}

fn commitment(period: Period, report: MerkleRoot) -> Commitment {
    Commitment {
        period,
        previous: Default::default(),
        operations: Default::default(),
        bitmaps: Default::default(),
        report,
        assignments: Default::default(),
        totals: Totals { operations: 0, served_value: 0, reward_weight: 1 },
        writer: account("anchor", 0, 0),
    }
}

fn entry() -> ReportEntry {
    ReportEntry {
        period: PERIOD,
        node: account("node", 0, 0),
        availability: Permill::one(),
        p95_latency_ms: 1,
        served_value: 0,
        score: Permill::one(),
        breaches: 0,
        reward_weight: 1,
    }
}

/// Stores a commitment to the line as the first of as many as there can be: each sibling is to the right. Returns the
/// proof.
fn commit_to<T: Config>(entry: &ReportEntry) -> MerkleProof {
    let siblings: Vec<Hash> = (0..MAX_DEPTH).map(|n| Hash::repeat_byte(n as u8)).collect();
    let hash = siblings
        .iter()
        .fold(entry.leaf_hash(), |inner, sibling| blake2_256(&[inner.as_bytes(), sibling.as_bytes()].concat()));
    T::BenchmarkHelper::store(commitment(PERIOD, MerkleRoot { hash, leaves: u32::MAX }));
    MerkleProof { leaf_index: 0, siblings: BoundedVec::truncate_from(siblings) }
}

/// A pot that can pay, and what it owes.
fn put_reward<T: Config>(period: Period) {
    Pallet::<T>::endow_pot();
    let rich: AccountId = account("issuer", 0, 0);
    fund::<T>(&rich);
    Pallet::<T>::pay_rent(&rich, bond::<T>().saturating_mul(10)).expect("it has ten times as much; qed");
    let writer = Some(account("anchor", 0, 0));
    let (nodes, each_anchor, writer_bonus) = (bond::<T>(), bond::<T>(), bond::<T>());
    Rewards::<T>::insert(period, PeriodReward { nodes, total_weight: 1, each_anchor, writer, writer_bonus });
    Owed::<T>::mutate(|owed| *owed = owed.saturating_add(bond::<T>().saturating_mul(3)));
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register() {
        let caller: AccountId = whitelisted_caller();
        fund::<T>(&caller);
        let (key, proof) = key_for::<T>(&caller);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), full(), full(), key, proof, bond::<T>());
        assert!(Nodes::<T>::contains_key(&caller));
    }

    #[benchmark]
    fn update() {
        let node: AccountId = account("node", 0, 0);
        let key = register_with_key::<T>(&node);
        #[extrinsic_call]
        _(RawOrigin::Signed(key), full(), full());
        assert!(Nodes::<T>::contains_key(&node));
    }

    #[benchmark]
    fn rotate_key() {
        let caller: AccountId = whitelisted_caller();
        register_node::<T>(&caller);
        let (key, proof) = key_for::<T>(&caller);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), key.clone(), proof);
        assert_eq!(ServiceKeys::<T>::get(&key), Some(caller));
    }

    #[benchmark]
    fn bond_more() {
        let caller: AccountId = whitelisted_caller();
        register_node::<T>(&caller);
        unbonding::<T>(&caller, 16);
        long_history::<T>(&caller);
        let before = Nodes::<T>::get(&caller).expect("it was just registered; qed").bond;
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), 1);
        assert!(Nodes::<T>::get(&caller).is_some_and(|node| node.bond > before));
    }

    #[benchmark]
    fn unbond() {
        let caller: AccountId = whitelisted_caller();
        register_node::<T>(&caller);
        unbonding::<T>(&caller, 15);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), bond::<T>());
        assert!(Nodes::<T>::get(&caller).is_some_and(|node| node.unbonding.len() == 16));
    }

    #[benchmark]
    fn withdraw() {
        let caller: AccountId = whitelisted_caller();
        register_node::<T>(&caller);
        unbonding::<T>(&caller, 16);
        committed::<T>();
        long_history::<T>(&caller);
        breaches::<T>(&caller, MAX_BREACHES);
        // All cancelled: none keeps the stake back.
        Breaches::<T>::mutate(&caller, |all| all.iter_mut().for_each(|breach| breach.state = BreachState::Cancelled));
        Nodes::<T>::mutate(&caller, |node| node.iter_mut().for_each(|node| node.bond = 0));
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()));
        assert!(!Nodes::<T>::contains_key(&caller));
    }

    #[benchmark]
    fn claim_reward() {
        let caller: AccountId = whitelisted_caller();
        put_reward::<T>(PERIOD);
        leave_marks::<T>(SWEPT_PER_CLAIM);
        let entry = entry();
        let proof = commit_to::<T>(&entry);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), entry.clone(), proof);
        assert!(Claimed::<T>::contains_key(PERIOD, &entry.node));
    }

    #[benchmark]
    fn claim_anchor_reward() {
        // The organisation that wrote the commitment as well.
        let caller: AccountId = account("anchor", 0, 0);
        put_reward::<T>(PERIOD);
        RewardSigners::<T>::insert(PERIOD, BoundedVec::truncate_from(signers_with(&caller)));
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), PERIOD);
        assert!(!RewardSigners::<T>::get(PERIOD).contains(&caller));
    }

    #[benchmark]
    fn report_breach() {
        let caller: AccountId = whitelisted_caller();
        let mut entry = entry();
        register_node::<T>(&entry.node);
        long_history::<T>(&entry.node);
        breaches::<T>(&entry.node, MAX_BREACHES - 1);
        T::BenchmarkHelper::breach(&mut entry);
        let proof = commit_to::<T>(&entry);
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), entry.clone(), proof);
        assert!(Breaches::<T>::get(&entry.node).iter().any(|breach| breach.period == PERIOD));
    }

    #[benchmark]
    fn apply_slash() {
        let caller: AccountId = whitelisted_caller();
        let node: AccountId = account("node", 0, 0);
        register_node::<T>(&node);
        Pallet::<T>::endow_pot();
        unbonding::<T>(&node, 16);
        Nodes::<T>::mutate(&node, |node| node.iter_mut().for_each(|node| node.bond = 0));
        T::Currency::release(
            &HoldReason::Bond.into(),
            &node,
            bond::<T>().saturating_mul(4),
            frame_support::traits::tokens::Precision::Exact,
        )
        .expect("20 times the bond is held; qed");
        long_history::<T>(&node);
        breaches::<T>(&node, MAX_BREACHES);
        // The last of the list takes all there is.
        let period = MAX_BREACHES - 1;
        Breaches::<T>::mutate(&node, |all| all.iter_mut().for_each(|b| b.amount = bond::<T>().saturating_mul(20)));
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), node.clone(), period);
        assert!(Nodes::<T>::get(&node).is_some_and(|node| node.unbonding.is_empty()));
    }

    #[benchmark]
    fn cancel_slash() -> Result<(), BenchmarkError> {
        let origin = T::CancelOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        let node: AccountId = account("node", 0, 0);
        register_node::<T>(&node);
        breaches::<T>(&node, MAX_BREACHES);
        let period = MAX_BREACHES - 1;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, node.clone(), period);
        assert!(Breaches::<T>::get(&node).last().is_some_and(|breach| breach.state == BreachState::Cancelled));
        Ok(())
    }

    #[benchmark]
    fn chill() {
        let node: AccountId = account("node", 0, 0);
        let key = register_with_key::<T>(&node);
        #[extrinsic_call]
        _(RawOrigin::Signed(key));
        assert!(Nodes::<T>::get(&node).is_some_and(|node| node.chilled));
    }

    #[benchmark]
    fn reenter() {
        let node: AccountId = account("node", 0, 0);
        let key = register_with_key::<T>(&node);
        Pallet::<T>::chill(RawOrigin::Signed(key.clone()).into()).expect("the node is registered; qed");
        #[extrinsic_call]
        _(RawOrigin::Signed(key));
        assert!(Nodes::<T>::get(&node).is_some_and(|node| !node.chilled));
    }

    #[benchmark]
    fn on_commitment() {
        let last: AccountId = account("anchor", 0, 0);
        for period in 1..=PRUNED_PER_COMMITMENT {
            put_reward::<T>(period);
            RewardSigners::<T>::insert(period, BoundedVec::truncate_from(signers_with(&last)));
            Paid::<T>::insert(period, 1);
            Owed::<T>::mutate(|owed| *owed = owed.saturating_sub(1));
        }
        leave_marks::<T>(SWEPT_PER_COMMITMENT);
        let (commitment, signers) = (commitment(PERIOD, Default::default()), signers_with(&last));
        #[block]
        {
            Pallet::<T>::on_commitment(&commitment, &signers);
        }
        assert!(Rewards::<T>::contains_key(PERIOD));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder::build(), crate::mock::Test);
}
