//! What can be proved with commitments, as long as they are kept and after.

use super::*;
use smartlayer_primitives::{
    assignment::{Assignment, Coding},
    bitmap,
    merkle::{prove, MerkleProof, MerkleRoot},
    operation::{Operation, OperationBitmap},
    receipt::{Receipt, SignedReceipt},
    report::ReportEntry,
    InstanceId,
};
use sp_runtime::Permill;

fn operation(index: u32) -> Operation {
    let receipt = Receipt {
        node: account(50),
        session: Hash::zero(),
        charged: 1,
        cumulative: index.into(),
        request_hash: Hash::zero(),
        result_hash: Hash::zero(),
        operation: None,
    };
    let signature = sp_core::sr25519::Signature::default().into();
    Operation { instance: InstanceId { token_type: 1, index }, kind: 0, receipt: SignedReceipt { receipt, signature } }
}

fn entry(n: u8, period: Period) -> ReportEntry {
    ReportEntry {
        period,
        node: account(n),
        availability: Permill::one(),
        p95_latency_ms: 10,
        served_value: 1,
        score: Permill::one(),
        breaches: 0,
        reward_weight: 1,
    }
}

fn assignment(index: u32) -> Assignment {
    Assignment {
        instance: InstanceId { token_type: 1, index },
        version: 1,
        period: 0,
        state_hash: Hash::zero(),
        coding: Coding { length: 1, symbol_size: 1, symbols_per_shard: 1, threshold: 1 },
        serving: Default::default(),
        holdings: Default::default(),
    }
}

/// A bitmap with the instances 3 and 7.
fn bits(kind: u8) -> OperationBitmap {
    let header = [12346u32, 1].map(u32::to_le_bytes).concat();
    let words = [0u16, 1, 16, 0, 3, 7].map(u16::to_le_bytes).concat();
    OperationBitmap { token_type: 1, kind, bitmap: [header, words].concat() }
}

/// Has a commitment of `period` over the roots of these leaves accepted, and returns it.
fn accept(period: Period, operations: &[Operation], bitmaps: &[OperationBitmap], report: &[ReportEntry]) -> Commitment {
    run_to((period + 1) * 10);
    let writer = ranked(period, 0);
    let commitment = Commitment {
        operations: MerkleRoot::of(operations),
        bitmaps: MerkleRoot::of(bitmaps),
        report: MerkleRoot::of(report),
        assignments: MerkleRoot::of(&[assignment(0), assignment(1)]),
        ..commitment(period, &writer)
    };
    let certificate = certified(&commitment, 0..4);
    assert_ok!(submit(&writer, commitment.clone(), certificate));
    commitment
}

#[docify::export]
#[test]
fn an_old_commitment_still_proves() {
    run(|| {
        let operations: Vec<_> = (0..7).map(operation).collect();
        let mut commitments = vec![accept(0, &operations, &[], &[])];
        commitments.extend((1..12).map(|period| accept(period, &[], &[], &[])));

        // Period 0 is long gone from the chain.
        let proof = prove(&operations, 5).unwrap();
        assert!(!CommitmentSnapshots::proves_operation(0, operations[5].clone(), proof.clone()));

        // But whoever kept its commitment and all hashes, which the chain once told in events, can still prove what it says.
        let hashes: Vec<_> = commitments.iter().map(|c| c.payload_hash(&genesis())).collect();
        let ancestry = history::prove(&hashes, 0).unwrap();
        assert!(CommitmentSnapshots::verify_commitment(commitments[0].clone(), ancestry.clone()));
        assert!(CommitmentSnapshots::proves_old_operation(
            commitments[0].clone(),
            ancestry,
            operations[5].clone(),
            proof
        ));
    });
}

#[test]
fn what_is_under_a_commitment_can_be_proved() {
    run(|| {
        let operations: Vec<_> = (0..7).map(operation).collect();
        let report: Vec<_> = [entry(50, 0), entry(51, 0), entry(52, 1)].to_vec();
        accept(0, &operations, &[], &report);

        let proof = prove(&operations, 5).unwrap();
        assert!(CommitmentSnapshots::proves_operation(0, operations[5].clone(), proof.clone()));
        assert!(!CommitmentSnapshots::proves_operation(0, operations[4].clone(), proof.clone()));
        assert!(!CommitmentSnapshots::proves_operation(0, operation(9), proof.clone()));
        assert!(!CommitmentSnapshots::proves_operation(1, operations[5].clone(), proof));

        let proof = prove(&report, 1).unwrap();
        assert!(CommitmentSnapshots::proves_report(0, report[1].clone(), proof.clone()));
        assert!(!CommitmentSnapshots::proves_report(0, report[0].clone(), proof));
        // An entry that speaks of another period proves nothing about this one.
        assert!(!CommitmentSnapshots::proves_report(0, report[2].clone(), prove(&report, 2).unwrap()));

        let assignments = [assignment(0), assignment(1)];
        let proof = prove(&assignments, 1).unwrap();
        assert!(CommitmentSnapshots::proves_assignment(0, assignment(1), proof.clone()));
        assert!(!CommitmentSnapshots::proves_assignment(0, assignment(0), proof.clone()));
        assert!(!CommitmentSnapshots::proves_assignment(1, assignment(1), proof));

        // As long as the commitment is kept.
        let proof = prove(&operations, 5).unwrap();
        run_to(59);
        assert!(CommitmentSnapshots::proves_operation(0, operations[5].clone(), proof.clone()));
        run_to(60);
        assert!(!CommitmentSnapshots::proves_operation(0, operations[5].clone(), proof));
    });
}

#[test]
fn was_instance_seven_redeemed() {
    run(|| {
        let bitmaps = [bits(0), bits(1)];
        let commitment = accept(0, &[], &bitmaps, &[]);
        let proof = prove(&bitmaps, 1).unwrap();
        let ask = |leaf: &OperationBitmap, instance| {
            CommitmentSnapshots::operation_happened(0, leaf.clone(), proof.clone(), instance)
        };
        assert_eq!([3, 6, 7, 65_543].map(|i| ask(&bits(1), i)), [Some(true), Some(false), Some(true), Some(false)]);
        // Another leaf's proof, another leaf, another period.
        assert_eq!(ask(&bits(0), 7), None);
        assert_eq!(ask(&OperationBitmap { token_type: 2, ..bits(1) }, 7), None);
        assert_eq!(CommitmentSnapshots::operation_happened(1, bits(1), proof.clone(), 7), None);

        // The same of a commitment that is not kept.
        run_to(80);
        assert_eq!(ask(&bits(1), 7), None);
        let ancestry = history::prove(&[commitment.payload_hash(&genesis())], 0).unwrap();
        let ask = |commitment: &Commitment, leaf, instance| {
            CommitmentSnapshots::old_operation_happened(
                commitment.clone(),
                ancestry.clone(),
                leaf,
                proof.clone(),
                instance,
            )
        };
        assert_eq!([6, 7].map(|i| ask(&commitment, bits(1), i)), [Some(false), Some(true)]);
        assert_eq!(ask(&commitment, bits(0), 7), None);
        assert_eq!(ask(&Commitment { report: MerkleRoot::of(&[entry(1, 1)]), ..commitment }, bits(1), 7), None);
    });
}

#[test]
fn hostile_bitmaps_mean_nothing() {
    run(|| {
        // Even if the anchors signed them.
        let with = |bitmap: Vec<u8>| OperationBitmap { token_type: 1, kind: 0, bitmap };
        let endless = [12346u32, u32::MAX].map(u32::to_le_bytes).concat();
        let longer = [bits(0).bitmap, vec![0]].concat();
        let shorter = bits(0).bitmap[..19].to_vec();
        let huge = vec![0; bitmap::MAX_BYTES + 1];
        let bitmaps = [with(vec![]), with(endless), with(longer), with(shorter), with(huge)];
        accept(0, &[], &bitmaps, &[]);
        for (number, leaf) in (0u32..).zip(&bitmaps) {
            let proof = prove(&bitmaps, number).unwrap();
            assert_eq!(CommitmentSnapshots::operation_happened(0, leaf.clone(), proof, 3), None);
        }
    });
}

#[test]
fn old_proofs_still_verify_after_pruning_and_skipped_periods() {
    run(|| {
        let report = [entry(50, 2), entry(51, 2)];
        let first = [accept(0, &[], &[], &[]), accept(1, &[], &[], &[]), accept(2, &[operation(1)], &[], &report)];
        // An outage: periods 3 to 9 are never committed.
        run_to(150);
        let next = NextToCommit::<Test>::get();
        assert_eq!(next, 10);
        let later = (next..next + 4).map(|period| accept(period, &[], &[], &[]));
        let all: Vec<_> = first.into_iter().chain(later).collect();
        let hashes: Vec<_> = all.iter().map(|c| c.payload_hash(&genesis())).collect();
        run_to(400);
        assert_eq!(Commitments::<Test>::iter().count(), 0);
        for (number, commitment) in (0u32..).zip(&all) {
            let ancestry = history::prove(&hashes, number).unwrap();
            let verify = CommitmentSnapshots::verify_commitment;
            assert!(verify(commitment.clone(), ancestry.clone()));
            // Not in another place, not another commitment, not with anything missing or added.
            let place = MerkleProof { leaf_index: number + 1, ..ancestry.clone() };
            assert!(!verify(commitment.clone(), place));
            assert!(!verify(Commitment { writer: account(9), ..commitment.clone() }, ancestry.clone()));
            let mut longer = ancestry.clone();
            longer.siblings.try_push(Hash::zero()).unwrap();
            assert!(!verify(commitment.clone(), longer));
            let mut shorter = ancestry.clone();
            if shorter.siblings.pop().is_some() {
                assert!(!verify(commitment.clone(), shorter));
            }
        }

        let ancestry = history::prove(&hashes, 2).unwrap();
        let proof = prove(&report, 1).unwrap();
        let of = |commitment: &Commitment, entry: &ReportEntry| {
            CommitmentSnapshots::proves_old_report(commitment.clone(), ancestry.clone(), entry.clone(), proof.clone())
        };
        assert!(of(&all[2], &report[1]));
        assert!(!of(&all[2], &report[0]));
        // A commitment that nobody accepted proves nothing, whatever is under it.
        assert!(!of(&Commitment { writer: account(9), ..all[2].clone() }, &report[1]));
        let proof = prove(&[assignment(0), assignment(1)], 0).unwrap();
        let old = CommitmentSnapshots::proves_old_assignment;
        assert!(old(all[2].clone(), ancestry.clone(), assignment(0), proof.clone()));
        assert!(!old(all[1].clone(), ancestry, assignment(0), proof));
    });
}
