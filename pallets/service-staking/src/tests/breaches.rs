//! report_breach, apply_slash, cancel_slash.

use frame_support::dispatch::Pays;

use super::*;

fn chunks(n: u8) -> Vec<Balance> {
    Nodes::<Test>::get(account(n)).unwrap().unbonding.iter().map(|chunk| chunk.amount).collect()
}

fn treasury() -> Balance {
    free(TREASURY)
}

#[test]
fn report_breach_defers_the_slash_and_tells_the_agreement() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(1));
        let (entry, proof) = commit_breaches(0, &[1]).remove(0);
        let info = ServiceStaking::report_breach(origin(9), entry, proof).unwrap();
        assert_eq!(info.pays_fee, Pays::No);
        let due_at = PERIOD + DEFERRAL;
        let (node, reporter) = (account(1), account(9));
        let expected = Event::BreachReported { node, period: 0, amount: 100, reporter: reporter.clone(), due_at };
        assert_eq!(last_event(), expected);
        assert_eq!(breach(1, 0), Breach { period: 0, amount: 100, reporter, due_at, state: BreachState::Deferred });
        assert_eq!(Told::get(), vec![(account(1), 0)]);
        assert_eq!(ServiceStaking::deferred_slashes(account(1)), 100);
        assert_eq!(held(1), MIN_BOND);
        assert!(bonded(1));
    });
}

#[test]
fn report_breach_refuses_periods_that_are_not_committed_or_too_long_ago() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(1));
        let line = commit_breaches(0, &[1]).remove(0);
        let mut next = line.clone();
        next.0.period = 1;
        assert_noop!(report(9, &next), Error::<Test>::NotReportable);
        // The last block of the window, and the first after it.
        run_to(PERIOD + WINDOW);
        assert!(ServiceStaking::reportable(0));
        run_to(PERIOD + WINDOW + 1);
        assert!(!ServiceStaking::reportable(0));
        assert_noop!(report(9, &line), Error::<Test>::NotReportable);
        // However long the window: not longer than the history of stakes.
        ReportWindow::set(1_000);
        run_to(start_of(HISTORY + 1) - 1);
        assert!(ServiceStaking::reportable(0));
        run_to(start_of(HISTORY + 1));
        assert_noop!(report(9, &line), Error::<Test>::NotReportable);
    });
}

#[test]
fn report_breach_refuses_what_is_not_in_the_report_or_no_breach() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_ok!(register(2, MIN_BOND));
        run_to(start_of(2));
        commit_breaches(0, &[2]);
        let breached = ReportEntry { breaches: 1, ..entry(1, 1, 0) };
        let lines = commit_entries(1, vec![breached, entry(1, 2, 0)], 0, &[]);
        assert_noop!(report(9, &lines[1]), Error::<Test>::NoBreach);

        let mut forged = lines[1].clone();
        forged.0.breaches = 9;
        assert_noop!(report(9, &forged), Error::<Test>::NotInReport);
        // Another period's report, another node, another line's proof.
        let mut replayed = lines[0].clone();
        replayed.0.period = 0;
        assert_noop!(report(9, &replayed), Error::<Test>::NotInReport);
        let mut other = lines[0].clone();
        other.0.node = account(2);
        assert_noop!(report(9, &other), Error::<Test>::NotInReport);
        assert_noop!(report(9, &(lines[0].0.clone(), lines[1].1.clone())), Error::<Test>::NotInReport);
        forget(1);
        assert_noop!(report(9, &lines[0]), Error::<Test>::NotReportable);
        assert!(Told::get().is_empty());
    });
}

#[test]
fn report_breach_refuses_who_is_no_node() {
    ExtBuilder::build_and_execute(|| {
        run_to(start_of(1));
        let line = commit_breaches(0, &[1]).remove(0);
        assert_noop!(report(9, &line), Error::<Test>::NoSuchNode);
    });
}

#[test]
fn report_breach_refuses_a_second_report() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(1));
        let line = commit_breaches(0, &[1]).remove(0);
        assert_ok!(report(9, &line));
        assert_noop!(report(9, &line), Error::<Test>::AlreadyReported);
        assert_noop!(report(8, &line), Error::<Test>::AlreadyReported);
        run_to(PERIOD + DEFERRAL);
        assert_ok!(apply(1, 0));
        assert_noop!(report(8, &line), Error::<Test>::AlreadyReported);
        assert_eq!(Told::get().len(), 1);
    });
}

#[test]
fn a_breach_that_costs_nothing_is_reported_for_the_standing_and_a_fee() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        Penalty::set(Permill::zero());
        run_to(start_of(1));
        let (entry, proof) = commit_breaches(0, &[1]).remove(0);
        let info = ServiceStaking::report_breach(origin(9), entry.clone(), proof.clone()).unwrap();
        assert_eq!(info.pays_fee, Pays::Yes);
        assert_eq!(breach(1, 0).state, BreachState::Applied);
        assert_eq!(Told::get(), vec![(account(1), 0)]);
        assert_noop!(report(9, &(entry, proof)), Error::<Test>::AlreadyReported);
        run_to(100);
        assert_noop!(apply(1, 0), Error::<Test>::NotDeferred);
    });
}

#[test]
fn apply_slash_waits_for_the_deferral_and_applies_once() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_noop!(apply(1, 0), Error::<Test>::NoSuchBreach);
        run_to(start_of(1));
        assert_ok!(report(9, &commit_breaches(0, &[1])[0]));
        assert_noop!(apply(1, 1), Error::<Test>::NoSuchBreach);
        assert_noop!(apply(2, 0), Error::<Test>::NoSuchBreach);
        run_to(PERIOD + DEFERRAL - 1);
        assert_noop!(apply(1, 0), Error::<Test>::NotDueYet);
        run_to(PERIOD + DEFERRAL);
        let info = ServiceStaking::apply_slash(origin(8), account(1), 0).unwrap();
        assert_eq!(info.pays_fee, Pays::No);
        assert_eq!(breach(1, 0).state, BreachState::Applied);
        assert_noop!(apply(1, 0), Error::<Test>::NotDeferred);
        assert_noop!(cancel(1, 0), Error::<Test>::NotDeferred);
        assert_eq!(held(1), MIN_BOND - 100);
    });
}

#[test]
fn cancel_slash_is_governances() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(1));
        assert_noop!(cancel(1, 0), Error::<Test>::NoSuchBreach);
        assert_ok!(report(9, &commit_breaches(0, &[1])[0]));
        assert_noop!(ServiceStaking::cancel_slash(origin(1), account(1), 0), DispatchError::BadOrigin);
        assert_ok!(cancel(1, 0));
        assert_eq!(last_event(), Event::SlashCancelled { node: account(1), period: 0 });
        assert_noop!(cancel(1, 0), Error::<Test>::NotDeferred);
        assert_eq!(ServiceStaking::deferred_slashes(account(1)), 0);
    });
}

#[test]
fn a_slash_takes_the_bond_then_the_chunks_oldest_first() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 3_000));
        assert_ok!(ServiceStaking::unbond(origin(1), 400));
        run_to(2);
        assert_ok!(ServiceStaking::unbond(origin(1), 600));
        assert_eq!(slash(1, 10), 300);
        assert_eq!(Nodes::<Test>::get(account(1)).unwrap().bond, 1_700);
        assert_eq!(chunks(1), vec![400, 600]);
        assert_eq!(held(1), 2_700);

        // 80 % of 2 700 are 2 160: the bond, the older chunk, and a part of the other.
        assert_eq!(slash(1, 80), 2_160);
        assert_eq!(Nodes::<Test>::get(account(1)).unwrap().bond, 0);
        assert_eq!(chunks(1), vec![540]);
        assert!(!bonded(1));
    });
}

#[test]
fn a_slash_is_rounded_up_and_never_more_than_there_is() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND + 1));
        assert_eq!(slash(1, 10), 101);
        assert_eq!(slash(1, 100), 900);
        assert_eq!(held(1), 0);
    });
}

#[test]
fn a_slash_is_shared_and_nothing_is_burned() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, 1_239));
        run_to(start_of(1));
        assert_ok!(report(9, &commit_breaches(0, &[1])[0]));
        run_to(PERIOD + DEFERRAL);
        let (issuance, before) = (Balances::total_issuance(), treasury());
        assert_ok!(apply(1, 0));
        // 10 % of 1 239, rounded up, is 124; of that 10 % and 30 %, rounded down.
        let (node, reporter) = (account(1), account(9));
        let expected = Event::Slashed { node, period: 0, amount: 124, reporter, bounty: 12, pooled: 37 };
        assert_eq!(last_event(), expected);
        assert_eq!(free(9), RICH + 12);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 37);
        assert_eq!(treasury(), before + 75);
        assert_eq!(Balances::total_issuance(), issuance);
    });
}

#[test]
fn shares_of_more_than_everything_leave_the_treasury_nothing() {
    ExtBuilder::build_and_execute(|| {
        BountyShare::set(Permill::from_percent(60));
        PoolShare::set(Permill::from_percent(70));
        assert_ok!(register(1, MIN_BOND));
        let before = treasury();
        assert_eq!(slash(1, 100), MIN_BOND);
        assert_eq!(free(90), RICH + 600);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 400);
        assert_eq!(treasury(), before);
    });
}

#[test]
fn a_bounty_that_nobody_can_be_paid_goes_to_the_treasury() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(1));
        // Account 200 does not exist, and a bounty of 9 is below the existential deposit.
        Penalty::set(Permill::from_parts(90_000));
        assert_ok!(report(200, &commit_breaches(0, &[1])[0]));
        run_to(PERIOD + DEFERRAL);
        let (issuance, before) = (Balances::total_issuance(), treasury());
        assert_ok!(apply(1, 0));
        assert_eq!(free(200), 0);
        assert_eq!(treasury(), before + 90 - 27);
        assert_eq!(Balances::total_issuance(), issuance);
    });
}

#[test]
fn below_the_minimum_is_not_bonded_until_it_adds() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_eq!(slash(1, 1), 10);
        assert!(!bonded(1) && !ServiceStaking::is_available(&account(1)));
        // It may leave with what is left, but not with a part of it.
        assert_noop!(ServiceStaking::unbond(origin(1), 1), Error::<Test>::BondTooLow);
        assert_ok!(ServiceStaking::bond_more(origin(1), 10));
        assert!(bonded(1));
    });
}

#[test]
fn who_lost_everything_can_leave_at_once_and_begin_anew() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        assert_eq!(slash(1, 100), MIN_BOND);
        assert_ok!(ServiceStaking::withdraw(origin(1)));
        assert_eq!(last_event(), Event::Left { node: account(1) });
        assert_eq!(Breaches::<Test>::iter().count(), 0);
        assert_eq!(StakeHistory::<Test>::iter().count(), 0);

        // What it did before it left does not cost the new stake.
        let period = Reports::current_period();
        assert_ok!(register(1, MIN_BOND));
        run_to(start_of(period + 1));
        let line = commit_breaches(period - 1, &[1]).remove(0);
        assert_ok!(report(9, &line));
        assert_eq!(breach(1, period - 1).amount, 0);
    });
}

#[test]
fn records_are_bounded_and_go_when_their_period_is_out_of_the_history() {
    ExtBuilder::build_and_execute(|| {
        SlashDeferral::set(10_000);
        Penalty::set(Permill::from_percent(1));
        assert_ok!(register(1, MIN_BOND));
        let line_of = |period| {
            run_to(start_of(period + 1));
            commit_breaches(period, &[1]).remove(0)
        };
        for period in 0..MAX_BREACHES {
            assert_ok!(report(9, &line_of(period)));
        }
        // None is due, so none can go.
        let one_more = line_of(MAX_BREACHES);
        assert_noop!(report(9, &one_more), Error::<Test>::TooManyBreaches);
        assert_ok!(cancel(1, 3));
        assert_ok!(report(9, &line_of(MAX_BREACHES + 1)));
        assert_eq!(Breaches::<Test>::get(account(1)).len() as u32, MAX_BREACHES);
        // A cancelled one of late stays, and stands against a second report.
        assert_ok!(cancel(1, MAX_BREACHES + 1));
        let one_more = line_of(MAX_BREACHES + 2);
        assert_noop!(report(9, &one_more), Error::<Test>::TooManyBreaches);
    });
}
