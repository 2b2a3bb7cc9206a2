//! What a reward claim costs among few and many nodes.

use frame_support::traits::fungible::Mutate;
use pallet_service_staking::{Config, WeightInfo};
use smartlayer_primitives::{
    commitment::StoredCommitment,
    merkle::{prove, MerkleProof},
    node::PeriodReward,
    report::ReportEntry,
    AccountId, Hash, SLT,
};
use smartlayer_runtime::{Balances, Runtime, RuntimeOrigin, ServiceStaking};
use smartlayer_runtime_fuzz::{
    cast::cast,
    world::{commitment, genesis, set_up},
};
use sp_runtime::Permill;

use crate::{
    figures::{Figures, Goal},
    median, micros_of,
};

/// Time and weight of a claim with the proof that so many nodes make.
pub fn measure(figures: &mut Figures) {
    figures.heading("Claiming a reward: grows with the logarithm of the nodes");
    let (mut times, mut depths) = (Vec::new(), Vec::new());
    for nodes in [1_000u32, 100_000, 1_000_000] {
        let (report, proof) = report(nodes);
        let depth = proof.siblings.len() as f64;
        let time = genesis().execute_with(|| time(&report, &proof));
        figures.plain(&format!("hashes in the proof among {} nodes", grouped(nodes)), depth, "hashes");
        figures.plain(&format!("measured time among {} nodes", grouped(nodes)), time, "us");
        times.push(time);
        depths.push(depth);
    }
    // The part that grows is the proof: at most as much longer as the proof is.
    let goal = (depths[2] / depths[0] * 100.0).round() / 100.0;
    figures.with_goal("1,000,000 nodes to 1,000", times[2] / times[0], "ratio", Goal::AtMost(goal));
    let weight = <Runtime as Config>::WeightInfo::claim_reward();
    figures.plain("weight, with the longest proof that there can be", weight.ref_time() as f64 / 1e6, "us");
}

/// A report of so many nodes, and the proof of one in the middle.
fn report(nodes: u32) -> (Vec<ReportEntry>, MerkleProof) {
    let entry = |number: u32| {
        let mut account = [0u8; 32];
        account[..4].copy_from_slice(&number.to_le_bytes());
        ReportEntry {
            period: 0,
            node: AccountId::new(account),
            availability: Permill::one(),
            p95_latency_ms: 100,
            served_value: SLT,
            score: Permill::one(),
            breaches: 0,
            reward_weight: 1_000,
        }
    };
    let report: Vec<_> = (0..nodes).map(entry).collect();
    let proof = prove(&report, nodes / 2).expect("it is one of them; qed");
    (report, proof)
}

fn time(report: &[ReportEntry], proof: &MerkleProof) -> f64 {
    set_up();
    let writer = cast().organisations[0].clone();
    let commitment = commitment(0, report, writer);
    let total_weight = commitment.totals.reward_weight;
    let stored = StoredCommitment { commitment, hash: Hash::default(), block: 1 };
    pallet_commitment_snapshots::Commitments::<Runtime>::insert(0, stored);
    let nodes = 10_000_000 * SLT;
    let reward = PeriodReward { nodes, total_weight, each_anchor: 0, writer: None, writer_bonus: 0 };
    pallet_service_staking::Rewards::<Runtime>::insert(0, reward);
    pallet_service_staking::Owed::<Runtime>::put(nodes);
    Balances::mint_into(&ServiceStaking::pot_account(), nodes).expect("it can be minted; qed");
    let entry = &report[proof.leaf_index as usize];
    let times = (0..501).map(|_| {
        let (origin, entry, proof) = (RuntimeOrigin::signed(cast().payers[0].clone()), entry.clone(), proof.clone());
        micros_of(|| ServiceStaking::claim_reward(origin, entry, proof).expect("it is owed; qed"))
    });
    median(times.collect())
}

fn grouped(number: u32) -> String {
    match number {
        1_000_000.. => format!("{},{:03},{:03}", number / 1_000_000, number / 1_000 % 1_000, number % 1_000),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    }
}
