//! The clock, the writing of commitments and its failures, outages, and random histories; discipline and proofs beside it.

mod equivocation;
mod proofs;
mod strikes;

use frame_support::{
    assert_noop, assert_ok,
    dispatch::{DispatchResult, Pays},
    traits::Hooks,
};
use proptest::prelude::*;
use smartlayer_primitives::{
    commitment::{Commitment, PeriodClock, PeriodRecord},
    history,
    payload::Payload,
    quorum::QuorumCertificate,
    traits::{OnCommitment, Snapshots},
    AccountId, Hash, Period,
};
use sp_core::Pair;
use sp_runtime::DispatchError;

use crate::{
    mock::*, Ancestry, Clock, Commitments, Equivocators, Error, Event, LastHash, NextToCommit, Periods, Strikes,
};

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

/// How many turns were missed so far.
fn missed() -> usize {
    events().iter().filter(|event| matches!(event, Event::DutyMissed { .. })).count()
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
        assert_eq!(CommitmentSnapshots::committed_at(0), Some(10));
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
            let seeds = [0, 1, 2].map(<CommitmentSnapshots as Snapshots>::seed);
            assert_eq!(seeds, [Some(Hash::repeat_byte(1)), Some(Hash::repeat_byte(2)), None]);
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
            assert_eq!(missed(), 0);
        });
    }

    #[test]
    fn a_chain_of_commitments() {
        run(|| {
            for period in 0..8 {
                run_to((period + 1) * 10);
                assert_ok!(bring(period, &ranked(period, 0)));
            }
            assert_eq!(missed(), 0);
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
    fn a_stand_in_writes_and_the_missing_get_missed() {
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
            assert_eq!(missed(), 0);
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
            assert_eq!(missed(), 3);
            // Period 1 only since this very block: its last in rank may write, but nobody missed anything.
            assert_ok!(bring(1, &ranked(1, 3)));
            assert_eq!(missed(), 3);
            // Two grace intervals later two anchors had theirs.
            run_to(46);
            assert_ok!(bring(2, &ranked(2, 3)));
            assert_eq!(missed(), 5);
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
    fn broken(breaks: impl FnOnce()) {
        new_test_ext().execute_with(|| {
            run_to(20);
            assert_ok!(bring(0, &ranked(0, 0)));
            assert_ok!(bring(1, &ranked(1, 0)));
            assert_ok!(CommitmentSnapshots::do_try_state());
            breaks();
            assert!(CommitmentSnapshots::do_try_state().is_err());
        });
    }
    broken(|| NextToCommit::<Test>::put(3));
    broken(LastHash::<Test>::kill);
    broken(Clock::<Test>::kill);
    broken(|| Periods::<Test>::remove(1));
    broken(|| Periods::<Test>::insert(9, PeriodRecord { seed: Hash::zero(), ended_at: None }));
    broken(|| Periods::<Test>::mutate(2, |r| r.as_mut().unwrap().ended_at = Some(1)));
    broken(|| Commitments::<Test>::mutate(1, |c| c.as_mut().unwrap().commitment.previous = Hash::zero()));
    broken(|| Commitments::<Test>::mutate(0, |c| c.as_mut().unwrap().hash = Hash::zero()));
    broken(|| Commitments::<Test>::insert(2, Commitments::<Test>::get(1).unwrap()));
    broken(Ancestry::<Test>::kill);
    broken(|| Ancestry::<Test>::mutate(|ancestry| ancestry.leaves += 1));
    broken(|| Ancestry::<Test>::mutate(|ancestry| assert!(ancestry.push(Hash::zero()))));
    broken(|| Strikes::<Test>::insert(account(1), 0));
    broken(|| (0..200).for_each(|n| Strikes::<Test>::insert(account(n), 1)));
    let reported = |accounts: &[u8]| {
        sp_runtime::BoundedVec::truncate_from(accounts.iter().map(|n| account(*n)).collect::<Vec<_>>())
    };
    let [nobody, one, twice] = [reported(&[]), reported(&[1]), reported(&[1, 2, 1])];
    broken(move || Equivocators::<Test>::insert(1, nobody.clone()));
    broken(move || Equivocators::<Test>::insert(9, one.clone()));
    broken(move || Equivocators::<Test>::insert(1, twice.clone()));
}

#[derive(Clone, Debug)]
enum Step {
    Blocks(u32),
    Bring { rank: usize, signers: usize, ahead: u32 },
    Elect { first: u8, count: u8 },
    Govern { length: u32, grace: u32 },
    Reseed(u8),
    Report { anchor: u8, back: u32, fabricated: bool },
    MaxStrikes(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..25u32).prop_map(Step::Blocks),
        6 => (0..5usize, 0..6usize, prop_oneof![5 => Just(0u32), 1 => 1..3u32])
            .prop_map(|(rank, signers, ahead)| Step::Bring { rank, signers, ahead }),
        1 => (1..5u8, 0..6u8).prop_map(|(first, count)| Step::Elect { first, count }),
        1 => (0..15u32, 0..5u32).prop_map(|(length, grace)| Step::Govern { length, grace }),
        1 => any::<u8>().prop_map(Step::Reseed),
        1 => (1..9u8, 0..9u32, any::<bool>())
            .prop_map(|(anchor, back, fabricated)| Step::Report { anchor, back, fabricated }),
        1 => (0..5u32).prop_map(Step::MaxStrikes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..Default::default() })]

    /// Whatever happens: one commitment a period and in order, by a quorum, never early; the chain can always go on; every commitment can be
    /// proved for ever; nobody answers twice for one period, or for what it did not do.
    #[test]
    fn no_history_forks_or_blocks_the_chain(steps in prop::collection::vec(step(), 1..40)) {
        run(|| {
            let mut accepted = Vec::new();
            let mut reported = std::collections::BTreeSet::new();
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
                        let before = missed();
                        let result = submit(&writer, commitment.clone(), certificate);
                        assert_eq!(result.is_ok(), allowed, "{result:?}");
                        if allowed {
                            assert_eq!(NextToCommit::<Test>::get(), next + 1);
                            accepted.push(commitment);
                            assert!(missed() - before <= rank);
                        } else {
                            assert_eq!((NextToCommit::<Test>::get(), LastHash::<Test>::get()), (next, last));
                        }
                    },
                    Step::Elect { first, count } => elect(first..first + count),
                    Step::Govern { length, grace } => {
                        PeriodLength::set(length);
                        Grace::set(grace);
                    },
                    Step::Report { anchor, back, fabricated } => {
                        let back = back.min(CommitmentSnapshots::current_period());
                        let period = CommitmentSnapshots::current_period() - back;
                        let first = commitment(period, &account(anchor));
                        let second = Commitment { report: Default::default(), ..first.clone() };
                        let mut evidence = signed_both(&anchor_pair(&account(anchor)), &first, &second);
                        if fabricated {
                            evidence.second.bitmaps = Default::default();
                        }
                        let allowed = back <= HISTORY && !fabricated && !reported.contains(&(anchor, period));
                        let slashed = Slashed::get().len();
                        let result = CommitmentSnapshots::report_equivocation(origin(&anyone()), Box::new(evidence));
                        assert_eq!(result.is_ok(), allowed, "{result:?}");
                        assert_eq!(Slashed::get().len() - slashed, usize::from(allowed));
                        if allowed {
                            reported.insert((anchor, period));
                        }
                    },
                    Step::MaxStrikes(most) => MaxStrikes::set(most),
                    Step::Reseed(seed) => Seed::set((Hash::repeat_byte(seed), System::block_number())),
                }
                CommitmentSnapshots::do_try_state().unwrap();
            }
            let periods: Vec<_> = Told::get().into_iter().map(|(period, _)| period).collect();
            assert!(periods.windows(2).all(|pair| pair[0] < pair[1]), "a period twice, or out of order");
            assert_eq!(accepted.iter().map(|commitment| commitment.period).collect::<Vec<_>>(), periods);
            let hashes: Vec<_> = accepted.iter().map(|commitment| commitment.payload_hash(&genesis())).collect();
            assert_eq!(Ancestry::<Test>::get(), hashes.iter().copied().collect());
            for (number, commitment) in (0u32..).zip(accepted) {
                let ancestry = history::prove(&hashes, number).unwrap();
                assert!(CommitmentSnapshots::verify_commitment(commitment, ancestry));
            }

            // Once there are anchors and the running period is over, its first in rank can go on.
            elect(1..=4);
            run_to(System::block_number() + 20);
            let next = NextToCommit::<Test>::get();
            assert_ok!(bring(next, &ranked(next, 0)));
        });
    }
}
