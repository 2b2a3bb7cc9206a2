//! on_commitment, claim_reward, claim_anchor_reward.

use super::*;

#[test]
fn a_commitment_mints_into_the_pot() {
    ExtBuilder::build_and_execute(|| {
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT);
        let issuance = Balances::total_issuance();
        commit(7, &[(1, 1)], &[1, 2, 3]);
        let expected = Event::RewardsMinted {
            period: 7,
            nodes: 8_000,
            each_anchor: 666,
            writer_bonus: 0,
            minted: 9_998,
            released: 0,
        };
        assert_eq!(last_event(), expected);
        assert_eq!(Balances::total_issuance(), issuance + 9_998);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 9_998);
        assert_eq!(Owed::<Test>::get(), 9_998);
    });
}

#[test]
fn what_nobody_could_claim_is_not_minted() {
    ExtBuilder::build_and_execute(|| {
        let issuance = Balances::total_issuance();
        commit(7, &[], &[1]);
        assert_eq!(Balances::total_issuance(), issuance + 2_000);
        commit(8, &[(1, 0)], &[]);
        assert_eq!(Balances::total_issuance(), issuance + 2_000);
        commit(9, &[(1, 1)], &[]);
        assert_eq!(Balances::total_issuance(), issuance + 10_000);
    });
}

#[test]
fn what_cannot_be_minted_cannot_be_claimed() {
    ExtBuilder::build_and_execute(|| {
        RewardPerPeriod::set(Balance::MAX);
        let report = commit(7, &[(1, 1)], &[1]);
        assert_eq!(last_event(), Event::MintingFailed { period: 7 });
        let (entry, proof) = report[0].clone();
        assert_noop!(ServiceStaking::claim_reward(origin(1), entry, proof), Error::<Test>::NoSuchReward);
    });
}

#[test]
#[should_panic = "committed to twice"]
fn a_second_commitment_for_a_period_is_a_defect() {
    ExtBuilder::build().execute_with(|| {
        commit(7, &[(1, 1)], &[1]);
        ServiceStaking::on_commitment(&Reports::commitment(7).unwrap(), &[]);
    });
}

#[test]
fn shares_follow_weights_and_add_up_to_no_more_than_the_part() {
    ExtBuilder::build_and_execute(|| {
        let report = commit(7, &[(1, 1), (2, 1), (3, 1)], &[4]);
        for (n, (entry, proof)) in (1..).zip(report) {
            assert_eq!(ServiceStaking::node_reward(7, account(n), 1), Some(2_666));
            assert_ok!(ServiceStaking::claim_reward(origin(9), entry, proof));
            assert_eq!(free(n), RICH + 2_666);
            assert_eq!(ServiceStaking::node_reward(7, account(n), 1), None);
        }
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(4), 7));
        // What rounding leaves over stays in the pot.
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 2);
    });
}

#[test]
fn a_wrong_total_cannot_eat_into_other_funds() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(ServiceStaking::pay_rent(&account(9), 5_000));
        let report = commit_with_total(7, &[(1, 6), (2, 6), (3, 6)], 10, &[]);
        let claim = |i: usize| ServiceStaking::claim_reward(origin(9), report[i].0.clone(), report[i].1.clone());
        assert_ok!(claim(0));
        assert_eq!(free(1), RICH + 4_800);
        assert_ok!(claim(1));
        assert_eq!(free(2), RICH + 3_200);
        assert_noop!(claim(2), Error::<Test>::NothingToClaim);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 5_000);
    });
}

#[test]
fn claim_reward_refuses_what_the_report_does_not_say() {
    ExtBuilder::build_and_execute(|| {
        let report = commit(7, &[(1, 1), (2, 3), (3, 0)], &[1]);
        commit(8, &[(1, 1)], &[1]);
        let (entry, proof) = report[0].clone();
        let claim = |entry, proof| ServiceStaking::claim_reward(origin(1), entry, proof);
        let not_in_report = Error::<Test>::NotInReport;

        let mut more = entry.clone();
        more.reward_weight = 2;
        assert_noop!(claim(more, proof.clone()), not_in_report);
        let mut other_node = entry.clone();
        other_node.node = account(5);
        assert_noop!(claim(other_node, proof.clone()), Error::<Test>::NotInReport);
        let mut other_period = entry.clone();
        other_period.period = 8;
        assert_noop!(claim(other_period, proof.clone()), Error::<Test>::NotInReport);
        assert_noop!(claim(entry.clone(), report[1].1.clone()), Error::<Test>::NotInReport);
        let mut not_yet = entry.clone();
        not_yet.period = 9;
        assert_noop!(claim(not_yet, proof.clone()), Error::<Test>::NoSuchReward);
        // A line without weight is worth nothing.
        assert_noop!(claim(report[2].0.clone(), report[2].1.clone()), Error::<Test>::NothingToClaim);
        // The snapshots forgot the commitment.
        forget(7);
        assert_noop!(claim(entry, proof), Error::<Test>::NoSuchReward);
    });
}

#[test]
fn claim_reward_needs_an_account_that_can_exist() {
    ExtBuilder::build_and_execute(|| {
        let report = commit(7, &[(200, 1), (1, 9_999)], &[]);
        let (entry, proof) = report[0].clone();
        assert_eq!(free(200), 0);
        assert_noop!(ServiceStaking::claim_reward(origin(1), entry, proof), Error::<Test>::NothingToClaim);
        let report = commit(8, &[(200, 1), (1, 999)], &[]);
        let (entry, proof) = report[0].clone();
        assert_noop!(ServiceStaking::claim_reward(origin(1), entry, proof), TokenError::BelowMinimum);
        let report = commit(9, &[(200, 1)], &[]);
        let (entry, proof) = report[0].clone();
        assert_ok!(ServiceStaking::claim_reward(origin(1), entry, proof));
        assert_eq!(free(200), 8_000);
    });
}

#[test]
fn claim_anchor_reward_pays_each_signer_once() {
    ExtBuilder::build_and_execute(|| {
        commit(7, &[(20, 1)], &[1, 2, 50]);
        let each = 666;
        assert_eq!(ServiceStaking::anchor_reward(7, account(1)), Some(each));
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(1), 7));
        assert_eq!(last_event(), Event::AnchorRewardPaid { period: 7, anchor: account(1), amount: each });
        assert_eq!(ServiceStaking::anchor_reward(7, account(1)), None);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 7), Error::<Test>::NotASigner);
        // By its key, but the organisation is paid.
        assert_ok!(ServiceStaking::claim_anchor_reward(RuntimeOrigin::signed(service_key(2)), 7));
        assert_eq!(free(2), RICH + each);
        // Not active any more, but it signed.
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(50), 7));
        assert_eq!(RewardSigners::<Test>::iter().count(), 0);
    });
}

#[test]
fn claim_anchor_reward_refuses_others_and_other_periods() {
    ExtBuilder::build_and_execute(|| {
        commit(7, &[(20, 1)], &[1]);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(2), 7), Error::<Test>::NotASigner);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(60), 7), Error::<Test>::NotASigner);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 8), Error::<Test>::NoSuchReward);
        AnchorShare::set(Permill::zero());
        commit(8, &[(20, 1)], &[1]);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 8), Error::<Test>::NotASigner);
    });
}

#[test]
fn old_rewards_are_forgotten_and_stay_in_the_pot() {
    ExtBuilder::build_and_execute(|| {
        let old = commit(7, &[(1, 1)], &[1]);
        commit(8, &[(1, 1)], &[1]);
        commit(9, &[(1, 1)], &[1]);
        assert!(Rewards::<Test>::contains_key(7));
        commit(10, &[(1, 1)], &[1]);
        assert!(!Rewards::<Test>::contains_key(7));
        let (entry, proof) = old[0].clone();
        assert_noop!(ServiceStaking::claim_reward(origin(1), entry, proof), Error::<Test>::NoSuchReward);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 7), Error::<Test>::NoSuchReward);
        assert_eq!(OldestReward::<Test>::get(), Some(8));
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 4 * REWARD);
        assert_eq!(Owed::<Test>::get(), 3 * REWARD);
    });
}

#[test]
fn a_shorter_history_is_reached_step_by_step() {
    ExtBuilder::build_and_execute(|| {
        RewardHistory::set(10);
        for period in 0..10 {
            commit(period, &[(1, 1)], &[1]);
        }
        assert_eq!(Rewards::<Test>::iter().count(), 10);
        RewardHistory::set(0);
        commit(10, &[(1, 1)], &[1]);
        assert_eq!(Rewards::<Test>::iter().count(), 7);
        commit(11, &[(1, 1)], &[1]);
        commit(12, &[(1, 1)], &[1]);
        assert_eq!(Rewards::<Test>::iter_keys().collect::<Vec<_>>(), vec![12]);
    });
}

/// Commits to `period` with 40 nodes, and claims for the first `claims` of them.
fn commit_and_claim(period: Period, claims: usize) {
    let weights: Vec<_> = (1..=40).map(|n| (n, 1)).collect();
    for (entry, proof) in commit(period, &weights, &[1]).into_iter().take(claims) {
        assert_ok!(ServiceStaking::claim_reward(origin(90), entry, proof));
    }
}

#[test]
fn marks_of_the_past_are_swept_as_fast_as_new_ones_come() {
    ExtBuilder::build_and_execute(|| {
        for period in 0..20 {
            commit_and_claim(period, 40);
            // Three kept periods, and at most what is left of one before.
            let marks = Claimed::<Test>::iter().count();
            assert!(marks <= 4 * 40, "{marks} marks in period {period}");
            assert_eq!(Paid::<Test>::iter().count(), Rewards::<Test>::iter().count());
            ServiceStaking::do_try_state().unwrap();
        }
    });
}

#[test]
fn marks_of_the_past_go_without_claims_too() {
    let mut ext = ExtBuilder::build();
    ext.execute_with(|| (0..3).for_each(|period| commit_and_claim(period, 40)));
    // From the database as well as from the running block's changes.
    ext.commit_all().unwrap();
    ext.execute_with(|| {
        assert_eq!(Claimed::<Test>::iter().count(), 120);
        (3..20).for_each(|period| commit_and_claim(period, 0));
        assert_eq!(Claimed::<Test>::iter().count(), 0);
        assert_eq!(Sweep::<Test>::get().period, OldestReward::<Test>::get().unwrap());
        ServiceStaking::do_try_state().unwrap();
    });
}

#[test]
fn a_first_commitment_far_from_zero_sweeps_nothing() {
    ExtBuilder::build_and_execute(|| {
        commit_and_claim(1_000_000, 2);
        commit_and_claim(1_000_001, 2);
        assert_eq!(Sweep::<Test>::get().period, 1_000_000);
        assert_eq!(Claimed::<Test>::iter().count(), 4);
    });
}
