//! What the calls cost, measured in the worst case.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{
    traits::{
        fungible::{hold::Mutate as _, Mutate},
        Get,
    },
    BoundedVec,
};
use frame_system::RawOrigin;
use smartlayer_primitives::{
    commitment::{Commitment, Totals},
    merkle::{Leaf, MerkleProof, MerkleRoot, MAX_DEPTH},
    node::{KeyOwnership, PeriodReward, ServiceNode, UnbondingChunk},
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
    /// Makes [`Config::Snapshots`] answer with this commitment for its period.
    fn store(commitment: Commitment);
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
    Nodes::<T>::insert(node, ServiceNode { endpoint, peer_id, service_key: node.clone(), bond, unbonding });
}

/// Moves a part of the node's bond into `count` chunks that are due.
fn unbonding<T: Config>(node: &AccountId, count: u32) {
    Nodes::<T>::mutate(node, |node| {
        let node = node.as_mut().expect("it was just registered; qed");
        let chunk = UnbondingChunk { amount: bond::<T>(), release_at: 0 };
        node.unbonding = BoundedVec::truncate_from(alloc::vec![chunk; count as usize]);
        node.bond = node.bond.saturating_sub(chunk.amount.saturating_mul(count.into()));
    });
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

/// A pot that can pay, and what it owes.
fn put_reward<T: Config>(period: Period) {
    Pallet::<T>::endow_pot();
    let rich: AccountId = account("issuer", 0, 0);
    fund::<T>(&rich);
    Pallet::<T>::pay_rent(&rich, bond::<T>().saturating_mul(10)).expect("it has ten times as much; qed");
    let reward = PeriodReward { nodes: bond::<T>(), total_weight: 1, each_anchor: bond::<T>() };
    Rewards::<T>::insert(period, reward);
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
        register_node::<T>(&node);
        let (key, proof) = key_for::<T>(&node);
        Pallet::<T>::rotate_key(RawOrigin::Signed(node.clone()).into(), key.clone(), proof)
            .expect("the key is new; qed");
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
        let entry = ReportEntry {
            period: PERIOD,
            node: account("node", 0, 0),
            availability: Permill::one(),
            p95_latency_ms: 1,
            served_value: 0,
            score: Permill::one(),
            reward_weight: 1,
        };
        // The first of as many leaves as there can be: each sibling is to the right.
        let siblings: Vec<Hash> = (0..MAX_DEPTH).map(|n| Hash::from_low_u64_be(n.into())).collect();
        let hash = siblings
            .iter()
            .fold(entry.leaf_hash(), |inner, sibling| blake2_256(&[inner.as_bytes(), sibling.as_bytes()].concat()));
        T::BenchmarkHelper::store(commitment(PERIOD, MerkleRoot { hash, leaves: u32::MAX }));
        let proof = MerkleProof { leaf_index: 0, siblings: BoundedVec::truncate_from(siblings) };
        #[extrinsic_call]
        _(RawOrigin::Signed(caller), entry.clone(), proof);
        assert!(Claimed::<T>::contains_key(PERIOD, &entry.node));
    }

    #[benchmark]
    fn claim_anchor_reward() {
        let caller: AccountId = whitelisted_caller();
        put_reward::<T>(PERIOD);
        RewardSigners::<T>::insert(PERIOD, BoundedVec::truncate_from(signers_with(&caller)));
        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), PERIOD);
        assert!(!RewardSigners::<T>::get(PERIOD).contains(&caller));
    }

    #[benchmark]
    fn on_commitment() {
        let last: AccountId = account("anchor", 0, 0);
        for period in 1..=PRUNED_PER_COMMITMENT {
            put_reward::<T>(period);
            RewardSigners::<T>::insert(period, BoundedVec::truncate_from(signers_with(&last)));
            Paid::<T>::insert(period, 1);
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
