//! The clock, the call and its failures, outages, and random histories.

use frame_support::{
    assert_noop, assert_ok,
    dispatch::{DispatchResult, Pays},
    traits::Hooks,
};
use proptest::prelude::*;
use smartlayer_primitives::{
    commitment::{Commitment, PeriodClock, PeriodRecord},
    merkle::{prove, MerkleRoot},
    operation::Operation,
    payload::Payload,
    quorum::QuorumCertificate,
    receipt::{Receipt, SignedReceipt},
    report::ReportEntry,
    traits::{OnCommitment, Snapshots},
    AccountId, Hash, InstanceId, Period,
};
use sp_core::Pair;
use sp_runtime::{DispatchError, Permill};

use crate::{mock::*, Clock, Commitments, Error, Event, LastHash, NextToCommit, Periods, Strikes};

fn origin(who: &AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

fn submit(who: &AccountId, commitment: Commitment, certificate: QuorumCertificate) -> DispatchResult {
    CommitmentSnapshots::submit(origin(who), Box::new(commitment), certificate).map(|_| ()).map_err(|e| e.error)
}

/// Has `writer` bring a good commitment of `period`, signed by all.
fn bring(period: Period, writer: &AccountId) -> DispatchResult {
    let commitment = commitment(period, writer);
    let certificate = certified(&commitment, 0..ActiveSet::get().members.len());
    submit(writer, commitment, certificate)
}

fn events() -> Vec<Event<Test>> {
    System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::CommitmentSnapshots(event) => Some(event),
            _ => None,
        })
        .collect()
}

fn strikes() -> u32 {
    Strikes::<Test>::iter_values().sum()
}

#[test]
#[docify::export]
fn a_period_and_its_commitment() {
    run(|| {
        // Period 0 has ten blocks. Who writes its commitment is known while it runs.
        let writer = CommitmentSnapshots::duty(0)[0].clone();
        run_to(10);
        assert_eq!(CommitmentSnapshots::writable_from(0, writer.clone()), Some(10));

        // Three of the four anchors sign what the writer wrote.
        let commitment = commitment(0, &writer);
        let certificate = certified(&commitment, [0, 1, 3]);
        assert_ok!(CommitmentSnapshots::submit(origin(&writer), Box::new(commitment.clone()), certificate));

        // It is kept, and the next one will name its hash.
        assert_eq!(<CommitmentSnapshots as Snapshots>::commitment(0), Some(commitment.clone()));
        assert_eq!(LastHash::<Test>::get(), commitment.payload_hash(&genesis()));
        assert_eq!(NextToCommit::<Test>::get(), 1);
    });
}

mod clock {
    use super::*;

    #[test]
    fn starts_with_the_genesis_block_and_advances() {
        run(|| {
            assert_eq!(Clock::<Test>::get(), Some(PeriodClock { period: 0, started_at: 0, length: 10 }));
            Seed::set((Hash::repeat_byte(2), 9));
            run_to(9);
            assert_eq!(CommitmentSnapshots::current_period(), 0);
            run_to(10);
            assert_eq!(Clock::<Test>::get(), Some(PeriodClock { period: 1, started_at: 10, length: 10 }));
            let record = |seed, ended_at| Some(PeriodRecord { seed: Hash::repeat_byte(seed), ended_at });
            assert_eq!(Periods::<Test>::get(0), record(1, Some(10)));
            assert_eq!(Periods::<Test>::get(1), record(2, None));
            // A seed stays what it was when its period began.
            Seed::set((Hash::repeat_byte(3), 12));
            run_to(20);
            assert_eq!(Periods::<Test>::get(1), record(2, Some(20)));
            assert_eq!(
                events().last(),
                Some(&Event::PeriodStarted { period: 2, length: 10, seed: Hash::repeat_byte(3) })
            );
        });
    }

    #[test]
    fn a_length_counts_from_the_next_period_on() {
        run(|| {
            PeriodLength::set(3);
            run_to(9);
            assert_eq!(CommitmentSnapshots::current_period(), 0);
            run_to(13);
            assert_eq!(CommitmentSnapshots::current_period(), 2);
            // Nobody stops the clock.
            PeriodLength::set(0);
            run_to(18);
            assert_eq!(CommitmentSnapshots::current_period(), 5);
        });
    }

    #[test]
    fn starts_without_a_genesis_too() {
        let mut ext = sp_io::TestExternalities::default();
        ext.execute_with(|| {
            assert_eq!(CommitmentSnapshots::current_period(), 0);
            System::set_block_number(99);
            run_to(100);
            assert_eq!(
                Clock::<Test>::get(),
                Some(PeriodClock { period: 0, started_at: 100, length: PeriodLength::get() })
            );
        });
    }

    #[test]
    fn costs_the_same_in_every_period() {
        run(|| {
            let running = CommitmentSnapshots::on_initialize(1);
            let mut turns = std::collections::BTreeSet::new();
            for period in 1..20 {
                run_to(period * 10 - 1);
                assert_eq!(CommitmentSnapshots::on_initialize(period * 10 - 1), running);
                System::set_block_number(period * 10);
                turns.insert(CommitmentSnapshots::on_initialize(period * 10).ref_time());
            }
            assert_eq!(turns.len(), 1);
        });
    }
}

mod submit {
    use super::*;

    #[test]
    fn tells_who_signed_and_costs_no_fee() {
        run(|| {
            run_to(10);
            let writer = ranked(0, 0);
            let commitment = commitment(0, &writer);
            let certificate = certified(&commitment, [0, 2, 3]);
            // The signing key brings it just as well.
            let key = AccountId::new(anchor_pair(&writer).public().0);
            let info = CommitmentSnapshots::submit(origin(&key), Box::new(commitment.clone()), certificate).unwrap();
            assert_eq!(info.pays_fee, Pays::No);
            // What the commitment sets off elsewhere is part of what it weighs.
            let own = <() as crate::WeightInfo>::submit(4);
            assert_eq!(info.actual_weight, Some(own + <Recorder as OnCommitment>::weight()));
            assert_eq!(Told::get(), [(0, vec![account(1), account(3), account(4)])]);
            let stored = Commitments::<Test>::get(0).unwrap();
            assert_eq!((stored.hash, stored.block), (commitment.payload_hash(&genesis()), 10));
            assert_eq!(events().last(), Some(&Event::Committed { period: 0, hash: stored.hash, writer }));
            assert_eq!(strikes(), 0);
        });
    }

    #[test]
    fn a_chain_of_commitments() {
        run(|| {
            for period in 0..8 {
                run_to((period + 1) * 10);
                assert_ok!(bring(period, &ranked(period, 0)));
            }
            assert_eq!(strikes(), 0);
            assert_eq!(Commitments::<Test>::iter().count() as u32, HISTORY);
        });
    }

    #[test]
    fn only_an_anchor_and_only_for_itself() {
        run(|| {
            run_to(10);
            let (first, second) = (ranked(0, 0), ranked(0, 1));
            let commitment = commitment(0, &first);
            let certificate = certified(&commitment, 0..4);
            assert_noop!(
                CommitmentSnapshots::submit(RuntimeOrigin::none(), Box::new(commitment.clone()), certificate.clone()),
                DispatchError::BadOrigin
            );
            assert_noop!(submit(&anyone(), commitment.clone(), certificate.clone()), Error::<Test>::NotAnAnchor);
            assert_noop!(submit(&second, commitment.clone(), certificate.clone()), Error::<Test>::NotTheWriter);
            // An anchor that is voted out in between writes no more.
            elect((1..=5).filter(|n| account(*n) != first));
            assert_noop!(submit(&first, commitment, certificate), Error::<Test>::NotAnAnchor);
        });
    }

    #[test]
    fn nobody_is_early() {
        run(|| {
            let ranking = CommitmentSnapshots::duty(0);
            run_to(9);
            for anchor in &ranking {
                assert_eq!(CommitmentSnapshots::writable_from(0, anchor.clone()), None);
                assert_noop!(bring(0, anchor), Error::<Test>::StillRunning);
            }
            run_to(10);
            assert_eq!(CommitmentSnapshots::writable_from(0, ranking[0].clone()), Some(10));
            for (rank, anchor) in (1u32..).zip(&ranking[1..]) {
                let turn = 10 + rank * 3;
                assert_eq!(CommitmentSnapshots::writable_from(0, anchor.clone()), Some(turn));
                run_to(turn - 1);
                assert_noop!(bring(0, anchor), Error::<Test>::NotYourTurn);
            }
            run_to(19);
            assert_ok!(bring(0, &ranking[3]));
        });
    }

    #[test]
    fn a_stand_in_writes_and_the_missing_get_strikes() {
        run(|| {
            let ranking = CommitmentSnapshots::duty(0);
            run_to(16);
            assert_ok!(bring(0, &ranking[2]));
            assert_eq!([0, 1, 2, 3].map(|rank| Strikes::<Test>::get(&ranking[rank])), [1, 1, 0, 0]);
            let missed = |anchor: &AccountId| Event::DutyMissed { anchor: anchor.clone(), period: 0 };
            let events = events();
            assert_eq!(events[events.len() - 3..][..2], [missed(&ranking[0]), missed(&ranking[1])]);
        });
    }

    #[test]
    fn the_first_may_still_write_late() {
        run(|| {
            run_to(17);
            assert_ok!(bring(0, &ranked(0, 0)));
            assert_eq!(strikes(), 0);
        });
    }

    #[test]
    fn periods_come_in_order_and_once() {
        run(|| {
            run_to(30);
            assert_noop!(bring(1, &ranked(1, 0)), Error::<Test>::NotNext);
            assert_noop!(bring(3, &ranked(3, 0)), Error::<Test>::NotNext);
            assert_noop!(bring(1000, &account(1)), Error::<Test>::NotNext);
            assert_ok!(bring(0, &ranked(0, 0)));
            assert_noop!(bring(0, &ranked(0, 0)), Error::<Test>::AlreadyCommitted);
            assert_noop!(bring(0, &ranked(0, 1)), Error::<Test>::AlreadyCommitted);
            assert_ok!(bring(1, &ranked(1, 0)));
            assert_ok!(bring(2, &ranked(2, 0)));
            assert_noop!(bring(3, &ranked(3, 0)), Error::<Test>::StillRunning);
        });
    }

    #[test]
    fn the_chain_does_not_fork() {
        run(|| {
            run_to(20);
            let bring_on = |period, previous| {
                let writer = ranked(period, 0);
                let commitment = Commitment { previous, ..commitment(period, &writer) };
                let certificate = certified(&commitment, 0..4);
                submit(&writer, commitment, certificate)
            };
            assert_noop!(bring_on(0, Hash::repeat_byte(1)), Error::<Test>::WrongPrevious);
            assert_ok!(bring_on(0, Hash::zero()));
            assert_noop!(bring_on(1, Hash::zero()), Error::<Test>::WrongPrevious);
        });
    }

    #[test]
    fn forged_quorums_are_refused() {
        run(|| {
            run_to(10);
            let writer = ranked(0, 0);
            let good = commitment(0, &writer);
            let submit = |certificate| submit(&writer, good.clone(), certificate);
            // One short.
            assert_noop!(submit(certified(&good, [0, 1])), Error::<Test>::QuorumTooFew);
            assert_noop!(submit(Default::default()), Error::<Test>::QuorumOtherSet);
            // One signer twice: as a signature too many, and under another member's bit.
            let mut twice = certified(&good, [0, 1]);
            twice.signatures.force_push(twice.signatures[0]);
            assert_noop!(submit(twice.clone()), Error::<Test>::QuorumSignatureCount);
            twice.signers[0] = 0b0111;
            assert_noop!(submit(twice), Error::<Test>::QuorumBadSignature);
            // Another set's certificate, for the same members.
            let old = certified(&good, 0..4);
            elect(1..=4);
            assert_noop!(submit(old), Error::<Test>::QuorumOtherSet);
            // A member that is not there.
            let mut outside = certified(&good, [0, 1, 2]);
            outside.signers[0] |= 1 << 4;
            assert_noop!(submit(outside), Error::<Test>::QuorumBadBitmap);
            // Signatures over something else of the same chain, and over the same on another chain.
            let other = Commitment { operations: Default::default(), ..good.clone() };
            assert_noop!(submit(certified(&other, 0..4)), Error::<Test>::QuorumBadSignature);
            let mut elsewhere = certified(&good, [0, 1, 2]);
            let away = Hash::repeat_byte(9);
            let message = smartlayer_primitives::quorum::attestation(&away, good.payload_hash(&away));
            elsewhere.signatures[0] = anchor_pair(&account(1)).sign(&message);
            assert_noop!(submit(elsewhere), Error::<Test>::QuorumBadSignature);
            assert_ok!(submit(certified(&good, [1, 2, 3])));
        });
    }

    #[test]
    fn a_signature_over_the_bare_commitment_attests_nothing() {
        run(|| {
            run_to(10);
            let writer = ranked(0, 0);
            let good = commitment(0, &writer);
            let set = ActiveSet::get();
            let raw = set.certificate(
                set.members
                    .iter()
                    .enumerate()
                    .map(|(i, m)| (i, anchor_pair(&m.account).sign(&good.signing_payload(&genesis())))),
            );
            assert_noop!(submit(&writer, good, raw), Error::<Test>::QuorumBadSignature);
        });
    }
}

mod outage {
    use super::*;

    #[test]
    fn old_periods_are_skipped_and_the_chain_goes_on() {
        run(|| {
            run_to(10);
            assert_ok!(bring(0, &ranked(0, 0)));
            let last = LastHash::<Test>::get();
            // Periods 1 to 12 pass without a commitment; 8 to 12 and the running 13 are still known.
            run_to(130);
            assert_eq!(CommitmentSnapshots::current_period(), 13);
            assert_eq!(NextToCommit::<Test>::get(), 8);
            let mut kept: Vec<_> = Periods::<Test>::iter_keys().collect();
            kept.sort();
            assert_eq!(kept, [8, 9, 10, 11, 12, 13]);
            let skipped = events()
                .into_iter()
                .filter_map(|e| match e {
                    Event::PeriodSkipped { period } => Some(period),
                    _ => None,
                })
                .collect::<Vec<_>>();
            assert_eq!(skipped, [1, 2, 3, 4, 5, 6, 7]);
            assert_noop!(bring(7, &account(1)), Error::<Test>::AlreadyCommitted);
            assert!(CommitmentSnapshots::duty(7).is_empty());

            // All the kept ones are caught up with in one block, on top of the last that was accepted.
            assert_eq!(commitment(8, &account(1)).previous, last);
            for period in 8..13 {
                assert_ok!(bring(period, &ranked(period, 0)));
            }
            assert_eq!(NextToCommit::<Test>::get(), 13);
        });
    }

    #[test]
    fn nobody_is_struck_for_a_turn_it_could_not_take() {
        run(|| {
            run_to(40);
            // Period 0 was everybody's to write for a long time.
            assert_ok!(bring(0, &ranked(0, 3)));
            assert_eq!(strikes(), 3);
            // Period 1 only since this very block: its last in rank may write, but nobody missed anything.
            assert_ok!(bring(1, &ranked(1, 3)));
            assert_eq!(strikes(), 3);
            // Two grace intervals later two anchors had theirs.
            run_to(46);
            assert_ok!(bring(2, &ranked(2, 3)));
            assert_eq!(strikes(), 5);
        });
    }
}

mod proofs {
    use super::*;

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
        Operation {
            instance: InstanceId { token_type: 1, index },
            kind: 0,
            receipt: SignedReceipt { receipt, signature },
        }
    }

    fn entry(n: u8, period: Period) -> ReportEntry {
        ReportEntry {
            period,
            node: account(n),
            availability: Permill::one(),
            p95_latency_ms: 10,
            served_value: 1,
            score: Permill::one(),
            reward_weight: 1,
        }
    }

    #[test]
    fn what_is_under_a_commitment_can_be_proved() {
        run(|| {
            run_to(10);
            let operations: Vec<_> = (0..7).map(operation).collect();
            let report: Vec<_> = [entry(50, 0), entry(51, 0), entry(52, 1)].to_vec();
            let writer = ranked(0, 0);
            let commitment = Commitment {
                operations: MerkleRoot::of(&operations),
                report: MerkleRoot::of(&report),
                ..commitment(0, &writer)
            };
            let certificate = certified(&commitment, 0..4);
            assert_ok!(submit(&writer, commitment, certificate));

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

            // As long as the commitment is kept.
            let proof = prove(&operations, 5).unwrap();
            run_to(59);
            assert!(CommitmentSnapshots::proves_operation(0, operations[5].clone(), proof.clone()));
            run_to(60);
            assert!(!CommitmentSnapshots::proves_operation(0, operations[5].clone(), proof));
        });
    }
}

#[test]
fn nobody_has_a_turn_without_anchors() {
    run(|| {
        run_to(10);
        elect([]);
        assert!(CommitmentSnapshots::duty(0).is_empty());
        assert_eq!(CommitmentSnapshots::writable_from(0, account(1)), None);
        assert_noop!(bring(0, &account(1)), Error::<Test>::NotAnAnchor);
        run_to(200);
        elect([7]);
        assert_ok!(bring(NextToCommit::<Test>::get(), &account(7)));
    });
}

#[test]
fn try_state_sees_what_is_wrong() {
    let broken = |breaks: fn()| {
        new_test_ext().execute_with(|| {
            run_to(20);
            assert_ok!(bring(0, &ranked(0, 0)));
            assert_ok!(bring(1, &ranked(1, 0)));
            assert_ok!(CommitmentSnapshots::do_try_state());
            breaks();
            assert!(CommitmentSnapshots::do_try_state().is_err());
        });
    };
    broken(|| NextToCommit::<Test>::put(3));
    broken(LastHash::<Test>::kill);
    broken(Clock::<Test>::kill);
    broken(|| Periods::<Test>::remove(1));
    broken(|| Periods::<Test>::insert(9, PeriodRecord { seed: Hash::zero(), ended_at: None }));
    broken(|| Periods::<Test>::mutate(2, |r| r.as_mut().unwrap().ended_at = Some(1)));
    broken(|| Commitments::<Test>::mutate(1, |c| c.as_mut().unwrap().commitment.previous = Hash::zero()));
    broken(|| Commitments::<Test>::mutate(0, |c| c.as_mut().unwrap().hash = Hash::zero()));
    broken(|| Commitments::<Test>::insert(2, Commitments::<Test>::get(1).unwrap()));
}

#[derive(Clone, Debug)]
enum Step {
    Blocks(u32),
    Bring { rank: usize, signers: usize, ahead: u32 },
    Elect { first: u8, count: u8 },
    Govern { length: u32, grace: u32 },
    Reseed(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..25u32).prop_map(Step::Blocks),
        6 => (0..5usize, 0..6usize, prop_oneof![5 => Just(0u32), 1 => 1..3u32])
            .prop_map(|(rank, signers, ahead)| Step::Bring { rank, signers, ahead }),
        1 => (1..5u8, 0..6u8).prop_map(|(first, count)| Step::Elect { first, count }),
        1 => (0..15u32, 0..5u32).prop_map(|(length, grace)| Step::Govern { length, grace }),
        1 => any::<u8>().prop_map(Step::Reseed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..Default::default() })]

    /// Whatever happens: one commitment a period and in order, by a quorum, never early; and the chain can always go on.
    #[test]
    fn no_history_forks_or_blocks_the_chain(steps in prop::collection::vec(step(), 1..40)) {
        run(|| {
            for step in steps {
                match step {
                    Step::Blocks(count) => run_to(System::block_number() + count),
                    Step::Bring { rank, signers, ahead } => {
                        let (next, last) = (NextToCommit::<Test>::get(), LastHash::<Test>::get());
                        let period = next + ahead;
                        let members = ActiveSet::get().members.len();
                        let Some(writer) = CommitmentSnapshots::duty(period).get(rank).cloned() else { continue };
                        let commitment = commitment(period, &writer);
                        let certificate = certified(&commitment, 0..signers.min(members));
                        let turn = CommitmentSnapshots::writable_from(period, writer.clone());
                        let allowed = ahead == 0
                            && signers.min(members) * 3 > members * 2
                            && turn.is_some_and(|turn| turn <= System::block_number());
                        let before = strikes();
                        let result = submit(&writer, commitment, certificate);
                        assert_eq!(result.is_ok(), allowed, "{result:?}");
                        if allowed {
                            assert_eq!(NextToCommit::<Test>::get(), next + 1);
                            assert!(strikes() - before <= rank as u32);
                        } else {
                            assert_eq!((NextToCommit::<Test>::get(), LastHash::<Test>::get()), (next, last));
                        }
                    },
                    Step::Elect { first, count } => elect(first..first + count),
                    Step::Govern { length, grace } => {
                        PeriodLength::set(length);
                        Grace::set(grace);
                    },
                    Step::Reseed(seed) => Seed::set((Hash::repeat_byte(seed), System::block_number())),
                }
                CommitmentSnapshots::do_try_state().unwrap();
            }
            let periods: Vec<_> = Told::get().into_iter().map(|(period, _)| period).collect();
            assert!(periods.windows(2).all(|pair| pair[0] < pair[1]), "a period twice, or out of order");

            // Once there are anchors and the running period is over, its first in rank can go on.
            elect(1..=4);
            run_to(System::block_number() + 20);
            let next = NextToCommit::<Test>::get();
            assert_ok!(bring(next, &ranked(next, 0)));
        });
    }
}
