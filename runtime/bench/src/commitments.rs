//! What accepting a commitment costs with few and many anchors.

use pallet_commitment_snapshots::{Config, WeightInfo};
use smartlayer_primitives::{
    payload::Payload,
    quorum::{AnchorSet, Member},
    traits::OnCommitment,
};
use smartlayer_runtime::{CommitmentSnapshots, Runtime, RuntimeOrigin};
use smartlayer_runtime_fuzz::world::{certify_with, commitment, genesis, genesis_hash, next_block, quorum, set_up};
use sp_core::{sr25519, Pair};

use crate::{figures::Figures, median, micros_of};

/// Time and weight of a commitment that as many anchors signed as it takes.
pub fn measure(figures: &mut Figures) {
    figures.heading("Accepting a commitment: grows with the anchors, never with nodes or operations");
    for anchors in [4u32, 31, 100] {
        let time = genesis().execute_with(|| time(anchors));
        let weight = <Runtime as Config>::WeightInfo::submit(anchors)
            .saturating_add(<<Runtime as Config>::OnCommitment as OnCommitment>::weight());
        figures.plain(&format!("measured time with {anchors} anchors"), time, "us");
        figures.plain(&format!("weight with {anchors} anchors"), weight.ref_time() as f64 / 1e6, "us");
    }
}

fn time(anchors: u32) -> f64 {
    set_up();
    let mut pairs: Vec<sr25519::Pair> = (0..anchors)
        .map(|number| {
            let mut seed = [9u8; 32];
            seed[..4].copy_from_slice(&number.to_le_bytes());
            sr25519::Pair::from_seed(&seed)
        })
        .collect();
    pairs.sort_by_key(|pair| pair.public().0);
    let members: Vec<_> =
        pairs.iter().map(|pair| Member { account: pair.public().into(), key: pair.public() }).collect();
    pallet_anchors::ActiveSet::<Runtime>::put(AnchorSet {
        id: 99,
        members: members.try_into().expect("they fit; qed"),
    });
    while pallet_commitment_snapshots::Clock::<Runtime>::get().is_none_or(|clock| clock.period == 0) {
        next_block();
    }
    let writer = CommitmentSnapshots::duty(0).remove(0);
    let commitment = commitment(0, &[], writer.clone());
    let certificate =
        certify_with(commitment.payload_hash(&genesis_hash()), 0..quorum(), |at, message| pairs[at].sign(message));
    let times = (0..101).map(|_| {
        let (origin, commitment, certificate) =
            (RuntimeOrigin::signed(writer.clone()), Box::new(commitment.clone()), certificate.clone());
        micros_of(|| CommitmentSnapshots::submit(origin, commitment, certificate).expect("it is good; qed"))
    });
    median(times.collect())
}
