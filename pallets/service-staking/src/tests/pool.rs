//! What goes into the pot, and what it gives.

use super::*;

#[test]
fn rent_goes_into_the_pot_and_leaves_the_payer_alive() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(ServiceStaking::pay_rent(&account(1), 100));
        assert_eq!(last_event(), Event::RentReceived { from: account(1), amount: 100, treasury: 0 });
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 100);
        assert_noop!(ServiceStaking::pay_rent(&account(1), RICH - 100), TokenError::FundsUnavailable);
        assert_ok!(ServiceStaking::pay_rent(&account(1), RICH - 100 - EXISTENTIAL_DEPOSIT));
        assert_eq!(free(1), EXISTENTIAL_DEPOSIT);
    });
}

#[test]
fn rent_is_shared_with_the_treasury() {
    ExtBuilder::build_and_execute(|| {
        RentTreasuryShare::set(Permill::from_percent(25));
        let issuance = Balances::total_issuance();
        assert_ok!(ServiceStaking::pay_rent(&account(1), 103));
        // The treasury's part is rounded down.
        assert_eq!(last_event(), Event::RentReceived { from: account(1), amount: 103, treasury: 25 });
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 78);
        assert_eq!(free(TREASURY), RICH + 25);
        assert_eq!(Balances::total_issuance(), issuance);
        // What the payer can't spare is refused whole.
        assert_noop!(ServiceStaking::pay_rent(&account(1), RICH - 103), TokenError::FundsUnavailable);
        RentTreasuryShare::set(Permill::one());
        assert_ok!(ServiceStaking::pay_rent(&account(1), 10));
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 78);
    });
}

#[test]
fn the_pot_releases_a_part_of_what_it_does_not_owe() {
    ExtBuilder::build_and_execute(|| {
        PoolRelease::set(Permill::from_percent(10));
        assert_ok!(ServiceStaking::pay_rent(&account(1), 20_000));
        let issuance = Balances::total_issuance();
        commit(7, &[(1, 1)], &[1]);
        // 10 000 minted and 2 000 released: a fifth of it for the anchors.
        let expected = Event::RewardsMinted {
            period: 7,
            nodes: 9_600,
            each_anchor: 2_400,
            writer_bonus: 0,
            minted: REWARD,
            released: 2_000,
        };
        assert_eq!(last_event(), expected);
        assert_eq!(Balances::total_issuance(), issuance + REWARD);
        // What is owed is not there to be released again.
        commit(8, &[(1, 1)], &[1]);
        let Event::RewardsMinted { released, .. } = last_event() else { panic!() };
        assert_eq!(released, 1_800);
        assert_eq!(Owed::<Test>::get(), 2 * REWARD + 3_800);
    });
}

#[test]
fn what_nobody_can_claim_stays_in_the_pot_and_is_minted_last() {
    ExtBuilder::build_and_execute(|| {
        PoolRelease::set(Permill::one());
        assert_ok!(ServiceStaking::pay_rent(&account(1), 1_000));
        let issuance = Balances::total_issuance();
        // Nobody at all.
        commit(7, &[], &[]);
        assert_eq!((Owed::<Test>::get(), pot()), (0, EXISTENTIAL_DEPOSIT + 1_000));
        // Anchors only: a fifth of 11 000, of which the pot gives 1 000.
        commit(8, &[], &[1]);
        assert_eq!(Owed::<Test>::get(), 2_200);
        assert_eq!(Balances::total_issuance(), issuance + 1_200);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 2_200);
    });
}

#[test]
fn what_was_not_claimed_in_time_is_released_again() {
    ExtBuilder::build_and_execute(|| {
        RewardHistory::set(1);
        commit(7, &[(1, 1), (2, 3)], &[1, 2]);
        let claimed = commit(8, &[(1, 1), (2, 3)], &[1, 2]);
        assert_ok!(ServiceStaking::claim_reward(origin(1), claimed[0].0.clone(), claimed[0].1.clone()));
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(1), 8));
        assert_eq!(Owed::<Test>::get(), 7_000);
        RewardPerPeriod::set(0);
        PoolRelease::set(Permill::one());
        // The first period's 10 000 are free; those of the second only after this.
        commit(9, &[(1, 1)], &[]);
        let Event::RewardsMinted { released, minted, .. } = last_event() else { panic!() };
        assert_eq!((released, minted), (8_000, 0));
        assert_eq!(Owed::<Test>::get(), 8_000);
        assert_eq!(pot(), EXISTENTIAL_DEPOSIT + 17_000);
    });
}

#[test]
fn the_writer_earns_a_bonus_with_the_same_call() {
    ExtBuilder::build_and_execute(|| {
        WriterBonus::set(Permill::from_percent(10));
        // Account 1 writes. 2 000 are the anchors': 200 for the writer, 600 for each that signed.
        commit(7, &[(20, 1)], &[1, 2, 3]);
        let reward = |n| ServiceStaking::anchor_reward(7, account(n));
        assert_eq!((reward(1), reward(2), reward(4)), (Some(800), Some(600), None));
        let hot = RuntimeOrigin::signed(service_key(1));
        assert_ok!(ServiceStaking::claim_anchor_reward(hot, 7));
        assert_eq!(last_event(), Event::AnchorRewardPaid { period: 7, anchor: account(1), amount: 800 });
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 7), Error::<Test>::NotASigner);
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(2), 7));
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(3), 7));
        assert_eq!(Owed::<Test>::get(), 8_000);
    });
}

#[test]
fn the_writer_earns_its_bonus_without_having_signed() {
    ExtBuilder::build_and_execute(|| {
        WriterBonus::set(Permill::from_percent(10));
        commit(7, &[(20, 1)], &[2]);
        assert_eq!(ServiceStaking::anchor_reward(7, account(1)), Some(200));
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(1), 7));
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 7), Error::<Test>::NotASigner);
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(2), 7));
        assert_eq!(free(2), RICH + 1_800);
        // All for the writer: nothing for those that signed.
        WriterBonus::set(Permill::one());
        commit(8, &[(20, 1)], &[1, 2]);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(2), 8), Error::<Test>::NotASigner);
        assert_ok!(ServiceStaking::claim_anchor_reward(origin(1), 8));
        assert_eq!(free(1), RICH + 200 + 2_000);
    });
}

#[test]
fn nothing_is_owed_to_who_could_earn_nothing() {
    ExtBuilder::build_and_execute(|| {
        RewardPerPeriod::set(1);
        AnchorShare::set(Permill::one());
        // One planck among two signers is none for each.
        commit(7, &[], &[1, 2]);
        assert_noop!(ServiceStaking::claim_anchor_reward(origin(1), 7), Error::<Test>::NotASigner);
        assert_eq!((Owed::<Test>::get(), pot()), (0, EXISTENTIAL_DEPOSIT));
    });
}

#[test]
fn the_pots_share_of_a_slash_is_released() {
    ExtBuilder::build_and_execute(|| {
        RewardPerPeriod::set(0);
        assert_ok!(register(1, MIN_BOND));
        assert_eq!(slash(1, 100), MIN_BOND);
        PoolRelease::set(Permill::one());
        let before = Balances::total_issuance();
        commit(9, &[(2, 1)], &[]);
        let Event::RewardsMinted { nodes, minted, released, .. } = last_event() else { panic!() };
        assert_eq!((nodes, minted, released), (240, 0, 240));
        assert_eq!(Balances::total_issuance(), before);
    });
}
