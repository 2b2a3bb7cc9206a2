//! The election of anchors, however many vote.

use frame_support::{
    assert_ok,
    traits::{fungible::Mutate, Hooks},
};
use pallet_elections_phragmen::{Config, Event, WeightInfo};

use super::*;
use crate::{
    configs::system::RuntimeBlockWeights,
    parameters::bounded::{anchors, elections},
};

/// Has so many new accounts vote for somebody.
fn vote(count: u32, candidate: &AccountId) {
    for number in 0..count {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        let voter = AccountId::from(bytes);
        assert_ok!(Balances::mint_into(&voter, 100 * SLT));
        assert_ok!(Elections::vote(RuntimeOrigin::signed(voter), vec![candidate.clone()], 70 * SLT));
    }
}

/// Once 512 were all that an election could hear: one more for a few SLT, and the anchors stayed who they were.
#[test]
fn many_small_voters_do_not_stop_an_election() {
    genesis("development").execute_with(|| {
        System::set_block_number(1);
        assert_ok!(Elections::submit_candidacy(signed("Bob"), 0));
        vote(600, &account("Bob"));
        Elections::on_initialize(elections::TermDuration::get());

        let elected = |event: &RuntimeEvent| matches!(event, RuntimeEvent::Elections(Event::NewTerm { .. }));
        assert!(System::events().iter().any(|record| elected(&record.event)));
        assert!(pallet_anchors::Elected::<Runtime>::get().contains(&account("Bob")));
        assert_eq!(pallet_anchors::Elected::<Runtime>::get().len(), 5);
    });
}

fn most<Limit: Get<u32>>() -> u32 {
    Limit::get()
}

/// An election that hears nobody because there are too many changes nothing, and whoever wants that must lock up a fortune.
#[test]
fn stopping_an_election_locks_up_what_the_anchors_do() {
    genesis("testnet").execute_with(|| {
        let bond = <Runtime as Config>::VotingBondBase::get() + <Runtime as Config>::VotingBondFactor::get();
        let anchors = Balance::from(elections::DesiredMembers::get()) * anchors::MinBond::get();
        assert!(bond * Balance::from(most::<<Runtime as Config>::MaxVoters>()) >= anchors);
        // And no more than a small part of what a validator or a candidate puts up, for whoever only wants to vote.
        assert!(bond <= elections::CandidacyBond::get() / 40);
    });
}

#[test]
fn the_largest_election_takes_half_a_block_at_most() {
    // What the SDK measured with twenty seats. The time that a vote takes grows with them.
    type Weights = <Runtime as Config>::WeightInfo;
    let seats = elections::DesiredMembers::MOST + elections::DesiredRunnersUp::MOST;
    let voters = most::<<Runtime as Config>::MaxVoters>();
    let votes = voters * most::<<Runtime as Config>::MaxVotesPerVoter>();
    let candidates = most::<<Runtime as Config>::MaxCandidates>() + seats;
    let without_votes = Weights::election_phragmen(candidates, voters, 0);
    let of_votes = Weights::election_phragmen(candidates, voters, votes).saturating_sub(without_votes);
    let all = without_votes.saturating_add(of_votes.saturating_mul(seats.into()).saturating_div(20));
    assert!(all.all_lte(RuntimeBlockWeights::get().max_block.saturating_div(2)), "{all:?}");
}
