use frame_support::{
    assert_noop, assert_ok,
    traits::fungible::{Inspect, InspectHold},
};
use smartlayer_primitives::{
    merkle::MerkleProof,
    node::{Breach, BreachState},
    report::ReportEntry,
    traits::{OnCommitment, RentPool, ServiceNodes, Snapshots},
    AccountId, Balance, BlockNumber, Hash, Period,
};
use sp_runtime::{DispatchError, Permill, TokenError};

use crate::{
    mock::*, stake_impls, Breaches, Claimed, Error, Event, HoldReason, Nodes, OldestReward, Owed, Paid, RewardSigners,
    Rewards, ServiceKeys, StakeHistory, Sweep, MAX_BREACHES,
};

mod breaches;
mod claims;
mod pool;
mod properties;
mod races;
mod registration;
mod stake;

fn held(n: u8) -> Balance {
    Balances::balance_on_hold(&HoldReason::Bond.into(), &account(n))
}

fn free(n: u8) -> Balance {
    Balances::balance(&account(n))
}

fn pot() -> Balance {
    ServiceStaking::pot().1
}

fn bonded(n: u8) -> bool {
    ServiceStaking::is_bonded(&account(n))
}

fn stake(n: u8) -> Balance {
    Nodes::<Test>::get(account(n)).map_or(0, |node| stake_impls::stake(&node))
}

/// Account `reporter` reports a line.
fn report(reporter: u8, line: &(ReportEntry, MerkleProof)) -> Result<(), DispatchError> {
    let outcome = ServiceStaking::report_breach(origin(reporter), line.0.clone(), line.1.clone());
    outcome.map(drop).map_err(|error| error.error)
}

/// Account 90 applies the slash for a period.
fn apply(n: u8, period: Period) -> Result<(), DispatchError> {
    ServiceStaking::apply_slash(origin(90), account(n), period).map(drop).map_err(|error| error.error)
}

fn cancel(n: u8, period: Period) -> Result<(), DispatchError> {
    ServiceStaking::cancel_slash(RuntimeOrigin::root(), account(n), period)
}

/// The first block of a period.
fn start_of(period: Period) -> BlockNumber {
    period * PERIOD
}

/// Takes `percent` of the node's stake at the end of the running period: runs to the next, and until it is applied.
fn slash(n: u8, percent: u32) -> Balance {
    let (period, before) = (Reports::current_period(), stake(n));
    run_to(start_of(period + 1));
    let line = commit_breaches(period, &[n]).remove(0);
    Penalty::set(Permill::from_percent(percent));
    report(90, &line).unwrap();
    run_to(System::block_number() + DEFERRAL);
    apply(n, period).unwrap();
    before - stake(n)
}

fn breach(n: u8, period: Period) -> Breach {
    Breaches::<Test>::get(account(n)).into_iter().find(|breach| breach.period == period).unwrap()
}

#[docify::export]
#[test]
fn a_node_earns_its_share_once() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        // A period is committed to: node 1 has a third of the weight. 80 % of 10 000 are the nodes'.
        let report = commit(40, &[(1, 5), (2, 10)], &[3, 4]);
        let (entry, proof) = report[0].clone();
        assert_ok!(ServiceStaking::claim_reward(origin(9), entry.clone(), proof.clone()));
        assert_eq!(last_event(), Event::RewardPaid { period: 40, node: account(1), amount: 2_666 });
        assert_noop!(ServiceStaking::claim_reward(origin(9), entry, proof), Error::<Test>::AlreadyClaimed);
    });
}

#[docify::export]
#[test]
fn a_persistent_breach_is_slashed_after_the_deferral() {
    ExtBuilder::build_and_execute(|| {
        assert_ok!(register(1, MIN_BOND));
        run_to(PERIOD);
        // The report of the period that is over says that node 1 breached its agreement, which costs 10 %.
        let (entry, proof) = commit_breaches(0, &[1]).remove(0);
        assert_ok!(ServiceStaking::report_breach(origin(9), entry, proof));
        assert_eq!(ServiceStaking::deferred_slashes(account(1)), 100);
        assert_noop!(apply(1, 0), Error::<Test>::NotDueYet);

        run_to(PERIOD + DEFERRAL);
        assert_ok!(ServiceStaking::apply_slash(origin(8), account(1), 0));
        let (node, reporter) = (account(1), account(9));
        assert_eq!(last_event(), Event::Slashed { node, period: 0, amount: 100, reporter, bounty: 10, pooled: 30 });
        assert_eq!(held(1), MIN_BOND - 100);
        assert_eq!(free(9), RICH + 10);
    });
}
