//! Who is first must not matter: withdrawals, slashes, reports and governance against each other.

use super::*;

/// Reports and applies nothing: the line of node `n` for the period before the running one, as a breach.
fn breach_last_period(n: u8) -> (ReportEntry, MerkleProof) {
    commit_breaches(Reports::current_period() - 1, &[n]).remove(0)
}

#[test]
fn withdraw_racing_a_slash_leaves_what_the_slash_needs() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        // Reported in the last block before the chunk is due.
        run_to(DELAY);
        Penalty::set(Permill::from_percent(40));
        assert_ok!(report(9, &breach_last_period(1)));
        run_to(1 + DELAY);
        assert_eq!(ServiceStaking::withdrawable(account(1)), 600);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(last_event(), Event::Withdrawn { node: account(1), amount: 600 });
        assert_eq!(held(1), 400);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::SlashPending);

        run_to(DELAY + DEFERRAL);
        assert_ok!(apply(1, 3));
        assert_eq!(held(1), 0);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(last_event(), Event::Left { node: account(1) });
        assert_eq!(free(1), RICH - 400);
    });
}

#[test]
fn withdraw_racing_a_slash_of_everything_waits_for_governance() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        run_to(DELAY);
        Penalty::set(Permill::one());
        assert_ok!(report(9, &breach_last_period(1)));
        run_to(1 + DELAY);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::SlashPending);
        // The bond answers first, so that a due chunk is free as soon as there is enough of it.
        assert_ok!(ServiceStaking::bond_more(origin(1), MIN_BOND));
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(held(1), MIN_BOND);
        assert_ok!(cancel(1, 3));
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::NothingToWithdraw);
    });
}

/// However late the commitment comes: as long as the offence can be reported, or will be, the chunk stays.
#[test]
fn withdraw_never_outruns_a_report_of_what_was_done_before_unbonding() {
    for committed_at in PERIOD..=start_of(HISTORY + 3) {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, MIN_BOND));
            run_to(PERIOD - 1);
            assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
            // The least delay that there can be does not reach for the latest commitments.
            let mut line = None;
            for block in PERIOD..=start_of(HISTORY + 10) {
                run_to(block);
                if block == committed_at {
                    line = Some(commit_breaches(0, &[1]).remove(0));
                }
                let withdrawn = ServiceStaking::withdraw(origin(1)).is_ok();
                let reportable = ServiceStaking::reportable(0);
                assert!(!(withdrawn && reportable), "withdrawn at {block} what could be reported");
                if withdrawn {
                    assert!(line.is_none_or(|line| report(9, &line).is_err()));
                    return;
                }
            }
            panic!("the chunk was never released");
        });
    }
}

#[test]
fn a_late_commitment_keeps_a_chunk_that_is_due() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(PERIOD - 1);
        // A window and a deferral so short that the history of stakes is longer.
        ReportWindow::set(2);
        SlashDeferral::set(1);
        UnbondingDelay::set(0);
        assert_eq!(ServiceStaking::unbonding_delay(), 2 + 1 + PERIOD);
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        let due = PERIOD - 1 + 2 + 1 + PERIOD;
        run_to(due - 1);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::NothingToWithdraw);
        run_to(due);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::StillReportable);
        let line = commit_breaches(0, &[1]).remove(0);
        run_to(due + 2);
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::StillReportable);
        run_to(due + 3);
        assert_noop!(report(9, &line), Error::<Test>::NotReportable);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(held(1), 0);
    });
}

#[test]
fn a_skipped_period_keeps_no_chunk() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        ReportWindow::set(2);
        SlashDeferral::set(1);
        UnbondingDelay::set(0);
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        run_to(start_of(2));
        assert_noop!(ServiceStaking::withdraw(origin(1)), Error::<Test>::StillReportable);
        // Period 0 was never committed to, and can't be any more once period 1 is.
        commit_breaches(1, &[1]);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
    });
}

#[test]
fn slash_racing_another_takes_what_is_left_and_no_more() {
    for first in [0, 1] {
        ExtBuilder::build_and_execute(|| {
            assert_ok!(register(1, MIN_BOND));
            Penalty::set(Permill::from_percent(60));
            run_to(start_of(2));
            let lines = [commit_breaches(0, &[1]).remove(0), commit_breaches(1, &[1]).remove(0)];
            for line in &lines {
                assert_ok!(report(9, line));
            }
            // Each is of the stake at its offence: the other was not applied then.
            assert_eq!((breach(1, 0).amount, breach(1, 1).amount), (600, 600));
            assert_eq!(ServiceStaking::deferred_slashes(account(1)), 1_200);
            run_to(start_of(2) + DEFERRAL);
            assert_ok!(apply(1, first));
            assert_eq!(held(1), 400);
            assert_ok!(apply(1, 1 - first));
            assert_eq!(held(1), 0);
            assert_eq!(breach(1, 1 - first).amount, 400);
        });
    }
}

#[test]
fn a_cancelled_slash_leaves_the_other_whole() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        Penalty::set(Permill::from_percent(60));
        run_to(start_of(2));
        assert_ok!(report(9, &commit_breaches(0, &[1])[0]));
        assert_ok!(report(9, &commit_breaches(1, &[1])[0]));
        assert_ok!(cancel(1, 0));
        run_to(start_of(2) + DEFERRAL);
        assert_noop!(apply(1, 0), Error::<Test>::NotDeferred);
        assert_ok!(apply(1, 1));
        assert_eq!(held(1), 400);
    });
}

#[test]
fn a_cancelled_slash_is_not_executed_nor_reported_again() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(1));
        let line = commit_breaches(0, &[1]).remove(0);
        assert_ok!(report(9, &line));
        // Due, but not applied yet.
        run_to(start_of(1) + DEFERRAL);
        assert_ok!(cancel(1, 0));
        assert_noop!(apply(1, 0), Error::<Test>::NotDeferred);
        assert_noop!(report(9, &line), Error::<Test>::AlreadyReported);
        assert_eq!(held(1), MIN_BOND);
        assert_eq!(free(9), RICH);
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        run_to(System::block_number() + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(free(1), RICH);
    });
}

#[test]
fn a_widened_window_brings_no_breach_back() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 10 * MIN_BOND));
        run_to(start_of(1));
        let line = commit_breaches(0, &[1]).remove(0);
        assert_ok!(report(9, &line));
        run_to(start_of(1) + DEFERRAL);
        assert_ok!(apply(1, 0));
        // Another report clears out what is too old.
        run_to(start_of(1) + WINDOW + 1);
        assert_ok!(report(9, &breach_last_period(1)));
        ReportWindow::set(1_000);
        assert_noop!(report(9, &line), Error::<Test>::AlreadyReported);
        run_to(start_of(HISTORY + 1));
        assert_ok!(report(9, &breach_last_period(1)));
        assert_noop!(report(9, &line), Error::<Test>::NotReportable);
    });
}

#[test]
fn stake_bonded_after_the_offence_is_no_measure_for_the_slash() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        // In the last block of the period it counts, in the first block after it does not.
        run_to(start_of(1) - 1);
        assert_ok!(ServiceStaking::bond_more(origin(1), 500));
        run_to(start_of(1));
        assert_ok!(ServiceStaking::bond_more(origin(1), 100_000));
        assert_ok!(report(9, &breach_last_period(1)));
        assert_eq!(breach(1, 0).amount, 150);
        assert_eq!(ServiceStaking::stake_at(account(1), 0), 1_500);
        assert_eq!(ServiceStaking::stake_at(account(1), 1), 101_500);
    });
}

#[test]
fn stake_withdrawn_or_slashed_since_the_offence_is_a_measure_for_the_slash() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 3 * MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        run_to(DELAY);
        assert_ok!(report(9, &breach_last_period(1)));
        run_to(1 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        run_to(start_of(5));
        // Period 3 ended before the withdrawal, period 4 after.
        assert_ok!(report(9, &breach_last_period(1)));
        assert_eq!(breach(1, 3).amount, 300);
        assert_eq!(breach(1, 4).amount, 200);
        run_to(start_of(5) + DEFERRAL);
        assert_ok!(apply(1, 3));
        run_to(start_of(7));
        // Period 5 ended before the slash, period 6 after.
        let [before, after] = [commit_breaches(5, &[1]).remove(0), commit_breaches(6, &[1]).remove(0)];
        assert_ok!(report(9, &before));
        assert_ok!(report(9, &after));
        assert_eq!((breach(1, 5).amount, breach(1, 6).amount), (200, 170));
    });
}

#[test]
fn unbonding_chunks_are_reached_entirely() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(ServiceStaking::unbond(origin(1), MIN_BOND));
        assert_eq!(slash(1, 50), MIN_BOND / 2);
        run_to(1 + DELAY);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(free(1), RICH - MIN_BOND / 2);
    });
}

#[test]
fn an_account_reaped_with_holds_is_slashed_all_the_same() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, RICH / 2));
        // It gives away all it can.
        assert_ok!(Balances::transfer_all(origin(1), account(50), false));
        assert!(free(1) <= EXISTENTIAL_DEPOSIT);
        let issuance = Balances::total_issuance();
        assert_eq!(slash(1, 50), RICH / 4);
        ServiceStaking::do_try_state().unwrap();
        assert_eq!(slash(1, 100), RICH / 4);
        assert_eq!(held(1), 0);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(Balances::total_issuance(), issuance);
    });
}

#[test]
fn leaving_with_a_slash_that_found_nothing_frees_the_new_stake_of_it() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        Penalty::set(Permill::one());
        run_to(start_of(2));
        assert_ok!(report(9, &commit_breaches(0, &[1])[0]));
        assert_ok!(report(9, &commit_breaches(1, &[1])[0]));
        run_to(start_of(2) + DEFERRAL);
        assert_ok!(apply(1, 0));
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_ok!(register(1, 5 * MIN_BOND));
        assert_noop!(apply(1, 1), Error::<Test>::NoSuchBreach);
        assert_eq!(held(1), 5 * MIN_BOND);
    });
}

#[test]
fn unbounded_input_finds_bounds_everywhere() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 500_000));
        // A stake that changes in every block, for many periods.
        for block in 2..300 {
            run_to(block);
            assert_ok!(ServiceStaking::bond_more(origin(1), 1));
            let _ = ServiceStaking::unbond(origin(1), 1);
            let _ = ServiceStaking::withdraw(origin(1));
            assert!(StakeHistory::<Test>::get(account(1)).len() as u32 <= HISTORY + 1);
            assert!(Nodes::<Test>::get(account(1)).unwrap().unbonding.len() <= 16);
        }
        // A proof as long as it can be, of nothing.
        let (entry, mut proof) = breach_last_period(1);
        let siblings = vec![Hash::repeat_byte(1); smartlayer_primitives::merkle::MAX_DEPTH as usize];
        proof.siblings = siblings.try_into().unwrap();
        assert_noop!(report(9, &(entry.clone(), proof.clone())), Error::<Test>::NotInReport);
        proof.leaf_index = u32::MAX;
        assert_noop!(report(9, &(entry, proof)), Error::<Test>::NotInReport);
        // Of one period and node there is one breach, whatever its report says of it.
        let twice: Vec<_> = (1..=2).map(|breaches| ReportEntry { breaches, ..entry_of_last_period(1) }).collect();
        run_to(start_of(61));
        let twice: Vec<_> = twice.into_iter().map(|entry| ReportEntry { period: 60, ..entry }).collect();
        let lines = commit_entries(60, twice, 0, &[]);
        assert_ok!(report(9, &lines[0]));
        assert_noop!(report(9, &lines[1]), Error::<Test>::AlreadyReported);
    });
}

fn entry_of_last_period(n: u8) -> ReportEntry {
    entry(Reports::current_period() - 1, n, 0)
}
