use frame_support::{
    assert_noop, assert_ok,
    traits::fungible::{Inspect, InspectHold},
};
use smartlayer_primitives::{
    traits::{OnCommitment, RentPool, ServiceNodes, Snapshots},
    AccountId, Balance, Hash, Period,
};
use sp_runtime::{Permill, TokenError};

use crate::{
    mock::*, Claimed, Error, Event, HoldReason, Nodes, OldestReward, Paid, RewardSigners, Rewards, ServiceKeys, Sweep,
};

mod claims;
mod properties;
mod registration;
mod slashing;
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

fn slash(n: u8, percent: u32) -> Balance {
    ServiceStaking::slash(&account(n), Permill::from_percent(percent)).unwrap()
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
