//! Network sessions: allocations, notaries, and their bonds.

use frame_support::BoundedVec;
use smartlayer_primitives::{
    notary::{Allocation, SignedAllocation},
    session::{Channel, Payee},
};

use super::*;
use crate::MAX_EVIDENCE;

fn second_notary() -> AccountId {
    account(ANCHORS[1])
}

fn change(session: SessionId, notary: AccountId) -> DispatchResultWithPostInfo {
    PromiseSettlement::change_notary(origin(payer()), session, notary)
}

fn report(session: SessionId, allocations: Vec<SignedAllocation>) -> DispatchResult {
    PromiseSettlement::report_over_allocation(origin(anyone()), session, BoundedVec::try_from(allocations).unwrap())
}

fn nodes(session: SessionId) -> u16 {
    match PromiseSettlement::session(session).unwrap().payee {
        Payee::Network(notary) => notary.nodes,
        Payee::Node(_) => panic!("not a network"),
    }
}

#[test]
fn a_node_claims_up_to_the_smaller_of_promise_and_allocation() {
    run(|| {
        let session = opened_network(1_000, 2);
        assert_ok!(bring(network_claim(session, 0, &node(), 100, 500)));
        assert_eq!(last_event(), claimed(session, 90, 10, 100));
        assert_ok!(bring(network_claim(session, 0, &node(), 600, 500)));
        assert_eq!(last_event(), claimed(session, 360, 40, 500));
        assert_noop!(bring(network_claim(session, 0, &node(), 700, 500)), Error::<Test>::NothingNew);
        // A lower allocation than before takes nothing back, a higher one gives more.
        assert_noop!(bring(network_claim(session, 0, &node(), 700, 400)), Error::<Test>::NothingNew);
        assert_ok!(bring(network_claim(session, 0, &node(), 700, 650)));
        assert_eq!(last_event(), claimed(session, 135, 15, 650));
        let channel = Channel { node: node(), round: 0, claimed: 650 };
        assert_eq!(PromiseSettlement::channel(session, 0, node()), Some(channel));
        assert_eq!(PromiseSettlement::channel(session, 1, node()), None);
    });
}

#[test]
fn ticks_count_under_the_allocation() {
    run(|| {
        let session = opened_network(1_000, 2);
        let (commitment, ticks) = tick_chain(10, 50);
        let mut claim = network_claim(session, 0, &node(), 0, 300);
        let channel = channel_id(&session, 0, &node());
        let promise = smartlayer_primitives::promise::Promise { ticks: Some(commitment), ..promise(channel, 100) };
        claim.promise = signed_by(SIGNER, promise);
        claim.ticks = Some(ticks[15]);
        assert_ok!(bring(claim.clone()));
        assert_eq!(last_event(), claimed(session, 225, 25, 250));
        claim.ticks = Some(ticks[40]);
        assert_ok!(bring(claim));
        assert_eq!(last_event(), claimed(session, 45, 5, 300));
    });
}

#[test]
fn refuses_what_it_must() {
    run(|| {
        let session = opened_network(1_000, 1);
        let good = network_claim(session, 0, &node(), 100, 100);
        let bare = Claim { allocation: None, ..good.clone() };
        // Without its allocation nothing says which session it is of.
        assert_noop!(bring(bare), Error::<Test>::NoSuchSession);
        assert_noop!(bring(claim(session, 100)), Error::<Test>::AllocationMismatch);
        // Another node's allocation, another round's, another session's.
        let with = |allocation| Claim { allocation: Some(allocation), ..good.clone() };
        assert_noop!(bring(with(allocation(session, 0, &other_node(), 100))), Error::<Test>::OtherSession);
        assert_noop!(bring(with(allocation(session, 1, &node(), 100))), Error::<Test>::RoundOver);
        assert_noop!(bring(with(allocation(SessionId::zero(), 0, &node(), 100))), Error::<Test>::NoSuchSession);
        // Not by the notary, and for less.
        let of = |cap| Allocation { session, round: 0, node: node(), cap };
        assert_noop!(bring(with(allocation_by(&second_notary(), of(100)))), Error::<Test>::BadAllocation);
        let mut more = allocation_by(&notary(), of(100));
        more.allocation.cap = 101;
        assert_noop!(bring(with(more)), Error::<Test>::BadAllocation);
        // There is room for one node.
        assert_ok!(bring(good));
        assert_noop!(bring(network_claim(session, 0, &other_node(), 100, 100)), Error::<Test>::NoRoom);
        assert_ok!(bring(network_claim(session, 0, &node(), 200, 200)));
    });
}

#[test]
fn issuers_have_their_share_of_networks_too() {
    run(|| {
        let session = open(network(2), Some(0), 1_000, 0).unwrap();
        assert_ok!(bring(network_claim(session, 0, &node(), 102, 200)));
        let event = Event::Claimed { session, node: node(), paid: 69, burned: 11, issuer: 22, cumulative: 102 };
        assert_eq!(last_event(), event);
    });
}

mod shortfall {
    use super::*;

    #[test]
    fn what_the_deposit_cannot_pay_the_bond_pays_without_a_burn() {
        run(|| {
            let bonded = bond(&notary());
            let session = opened_network(1_000, 3);
            assert_ok!(bring(network_claim(session, 0, &node(), 700, 700)));
            assert_ok!(bring(network_claim(session, 0, &other_node(), 800, 800)));
            let (paid, burned) = (270, 30);
            assert_eq!(
                events()[2..],
                [
                    Event::Claimed { session, node: other_node(), paid, burned, issuer: 0, cumulative: 800 },
                    Event::ShortfallPaid { session, node: other_node(), amount: 500 }
                ]
            );
            assert_eq!(bond(&notary()), bonded - 500);
            assert_eq!(Balances::balance(&other_node()), FUNDS + 270 + 500);
            // From now on only the bond pays.
            assert_ok!(bring(network_claim(session, 0, &account(50), 100, 100)));
            assert_eq!(Balances::balance(&account(50)), 100);
            let stored = PromiseSettlement::session(session).unwrap();
            assert_eq!((stored.claimed(), stored.held()), (1_000, 0));
        });
    }

    #[test]
    fn a_bond_pays_no_more_than_there_is() {
        run(|| {
            let session = opened_network(1_000, 3);
            let bonded = bond(&notary());
            assert_ok!(bring(network_claim(session, 0, &node(), 1_000 + bonded + 77, Balance::MAX)));
            assert_eq!(last_event(), Event::ShortfallPaid { session, node: node(), amount: bonded });
            assert_noop!(
                bring(network_claim(session, 0, &node(), Balance::MAX, Balance::MAX)),
                Error::<Test>::OverDeposit
            );
            // What it lacked is still owed.
            assert_ok!(PromiseSettlement::top_up(origin(payer()), session, 50));
            assert_ok!(bring(network_claim(session, 0, &node(), 1_000 + bonded + 77, Balance::MAX)));
            assert_eq!(last_event(), claimed(session, 45, 5, 1_050 + bonded));
        });
    }

    #[test]
    fn weighs_the_bond_only_when_it_was_asked() {
        run(|| {
            let session = opened_network(1_000, 3);
            let free = bring(network_claim(session, 0, &node(), 700, 700)).unwrap().actual_weight.unwrap();
            let asked = bring(network_claim(session, 0, &node(), 1_100, 1_100)).unwrap().actual_weight.unwrap();
            assert_eq!(asked - free, <Organisations as smartlayer_primitives::traits::AnchorBonds>::weight());
        });
    }
}

mod change_notary {
    use super::*;

    #[test]
    fn the_former_one_is_good_until_the_new_one_begins() {
        run(|| {
            let session = opened_network(1_000, 10);
            assert_ok!(bring(network_claim(session, 0, &node(), 100, 100)));
            assert_ok!(change(session, second_notary()));
            assert_eq!(last_event(), Event::NotaryChanged { session, notary: second_notary(), starts_at: 11 });
            assert_eq!(PromiseSettlement::budget(session), None);

            System::set_block_number(10);
            assert_ok!(bring(network_claim(session, 0, &node(), 200, 200)));
            assert_noop!(bring(network_claim(session, 1, &node(), 50, 50)), Error::<Test>::RoundNotStarted);

            System::set_block_number(11);
            assert_eq!(PromiseSettlement::budget(session), Some(800));
            assert_noop!(bring(network_claim(session, 0, &node(), 300, 300)), Error::<Test>::RoundOver);
            // A node's count begins anew with the round.
            assert_ok!(bring(network_claim(session, 1, &node(), 50, 50)));
            assert_eq!(last_event(), claimed(session, 45, 5, 50));
            assert_ok!(bring(network_claim(session, 1, &other_node(), 50, 50)));
            // What was claimed in the round is part of its budget.
            assert_eq!(PromiseSettlement::budget(session), Some(800));
        });
    }

    #[test]
    fn what_is_dead_makes_room() {
        run(|| {
            let session = opened_network(1_000, 2);
            assert_ok!(bring(network_claim(session, 0, &node(), 100, 100)));
            assert_ok!(bring(network_claim(session, 0, &other_node(), 100, 100)));
            assert_ok!(change(session, second_notary()));
            wait(10);
            // The former round's channels still take the room.
            assert_noop!(bring(network_claim(session, 1, &node(), 100, 100)), Error::<Test>::NoRoom);
            assert_eq!(nodes(session), 2);
            let weight = change(session, notary()).unwrap().actual_weight;
            assert_eq!(weight, Some(<() as crate::WeightInfo>::change_notary(2)));
            assert_eq!(nodes(session), 0);
            wait(10);
            assert_ok!(bring(network_claim(session, 2, &node(), 100, 100)));
            assert_eq!(nodes(session), 1);
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let one = opened(1_000, 0);
            let session = opened_network(1_000, 1);
            assert_noop!(change(SessionId::zero(), second_notary()), Error::<Test>::NoSuchSession);
            assert_noop!(change(one, second_notary()), Error::<Test>::NotANetworkSession);
            assert_noop!(change(session, anyone()), Error::<Test>::NotaryNotActive);
            for stranger in [notary(), anyone()] {
                assert_noop!(
                    PromiseSettlement::change_notary(origin(stranger), session, second_notary()),
                    Error::<Test>::NotThePayer
                );
            }
            assert_ok!(change(session, second_notary()));
            assert_noop!(change(session, notary()), Error::<Test>::ChangePending);
            wait(10);
            assert_ok!(change(session, second_notary()));
            wait(10);
            Sessions::<Test>::mutate(session, |session| match &mut session.as_mut().unwrap().payee {
                Payee::Network(notary) => notary.current.number = u16::MAX,
                Payee::Node(_) => panic!("not a network"),
            });
            assert_noop!(change(session, notary()), Error::<Test>::TooManyRounds);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_noop!(change(session, notary()), Error::<Test>::Closing);
        });
    }

    #[test]
    fn a_notary_that_has_not_begun_gets_its_nodes_the_whole_window() {
        run(|| {
            let session = opened_network(1_000, 2);
            assert_ok!(change(session, second_notary()));
            wait(5);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_eq!(last_event(), Event::CloseRequested { session, at: 21 });
            System::set_block_number(11);
            assert_ok!(bring(network_claim(session, 1, &node(), 100, 100)));
        });
    }
}

mod report_over_allocation {
    use super::*;

    /// One allocation of each cap to nodes in order.
    fn allocations(session: SessionId, round: u16, caps: &[Balance]) -> Vec<SignedAllocation> {
        (100..).zip(caps).map(|(n, cap)| allocation(session, round, &account(n), *cap)).collect()
    }

    #[test]
    fn slashes_the_notary_once_a_round() {
        run(|| {
            let session = opened_network(1_000, 10);
            let bonded = bond(&notary());
            assert_noop!(report(session, allocations(session, 0, &[400, 600])), Error::<Test>::NotOverAllocated);
            assert_ok!(report(session, allocations(session, 0, &[400, 607])));
            assert_eq!(last_event(), Event::OverAllocated { session, notary: notary(), excess: 7 });
            assert_eq!(Slashed::get(), [(notary(), bonded.div_ceil(10), anyone())]);
            let again = allocations(session, 0, &[Balance::MAX, Balance::MAX]);
            assert_noop!(report(session, again), Error::<Test>::AlreadyReported);
            // In the next round it is judged anew, also after the one after it began.
            for round in 1..4 {
                assert_ok!(change(session, account(ANCHORS[usize::from(round) % 2])));
                wait(10);
                assert_ok!(report(session, allocations(session, round, &[1_001])));
                assert_eq!(Slashed::get().len(), usize::from(round) + 1);
                let former = allocations(session, round - 1, &[1_001]);
                assert_noop!(report(session, former), Error::<Test>::AlreadyReported);
            }
            assert_noop!(report(session, allocations(session, 0, &[1_001])), Error::<Test>::RoundOver);
        });
    }

    #[test]
    fn the_budget_is_what_earlier_rounds_left() {
        run(|| {
            let session = opened_network(1_000, 10);
            assert_ok!(bring(network_claim(session, 0, &node(), 300, 300)));
            // Claims of the round itself are part of what it allocated.
            assert_noop!(report(session, allocations(session, 0, &[1_000])), Error::<Test>::NotOverAllocated);
            assert_ok!(change(session, second_notary()));
            // Before it begins a round can't have more than what is left now.
            assert_noop!(report(session, allocations(session, 1, &[700])), Error::<Test>::NotOverAllocated);
            wait(10);
            assert_noop!(report(session, allocations(session, 1, &[700])), Error::<Test>::NotOverAllocated);
            assert_ok!(bring(network_claim(session, 1, &node(), 200, 200)));
            assert_noop!(report(session, allocations(session, 1, &[700])), Error::<Test>::NotOverAllocated);
            assert_ok!(PromiseSettlement::top_up(origin(payer()), session, 100));
            assert_noop!(report(session, allocations(session, 1, &[800])), Error::<Test>::NotOverAllocated);
            assert_ok!(report(session, allocations(session, 1, &[801])));
            // The former round is judged by what it began with.
            assert_noop!(report(session, allocations(session, 0, &[1_100])), Error::<Test>::NotOverAllocated);
            assert_ok!(report(session, allocations(session, 0, &[1_101])));
        });
    }

    #[test]
    fn refuses_what_is_no_evidence() {
        run(|| {
            let one = opened(1_000, 0);
            let session = opened_network(1_000, 10);
            let evidence = || allocations(session, 0, &[600, 600]);
            assert_noop!(report(SessionId::zero(), evidence()), Error::<Test>::NoSuchSession);
            assert_noop!(report(one, evidence()), Error::<Test>::NotANetworkSession);
            assert_noop!(report(session, vec![]), Error::<Test>::BadEvidence);
            // One node twice, nodes out of order, rounds or sessions mixed.
            let twice = allocation(session, 0, &node(), 600);
            assert_noop!(report(session, vec![twice.clone(), twice]), Error::<Test>::BadEvidence);
            let reversed = evidence().into_iter().rev().collect();
            assert_noop!(report(session, reversed), Error::<Test>::BadEvidence);
            let mut mixed = evidence();
            mixed[1] = allocation(session, 1, &account(101), 600);
            assert_noop!(report(session, mixed), Error::<Test>::BadEvidence);
            let mut mixed = evidence();
            mixed[1] = allocation(one, 0, &account(101), 600);
            assert_noop!(report(session, mixed), Error::<Test>::BadEvidence);
            assert_noop!(report(session, allocations(session, 1, &[1_001])), Error::<Test>::RoundOver);
            // Not signed by the notary, or raised afterwards.
            let mut raised = evidence();
            raised[1].allocation.cap = 700;
            assert_noop!(report(session, raised), Error::<Test>::BadAllocation);
            assert!(Slashed::get().is_empty());
        });
    }

    #[test]
    fn of_as_many_as_there_can_be() {
        run(|| {
            let session = opened_network(2_559, 256);
            let all: Vec<_> = (0..=255).map(|n| allocation(session, 0, &account(n), 10)).collect();
            assert_ok!(report(session, all));
            assert_eq!(last_event(), Event::OverAllocated { session, notary: notary(), excess: 1 });
        });
    }

    #[test]
    fn of_more_nodes_than_there_is_room_for() {
        run(|| {
            let session = opened_network(1_000, 2);
            // Who was given nothing takes no room.
            assert_noop!(report(session, allocations(session, 0, &[10, 10, 0])), Error::<Test>::NotOverAllocated);
            assert_ok!(report(session, allocations(session, 0, &[10, 10, 10])));
            assert_eq!(last_event(), Event::OverAllocated { session, notary: notary(), excess: 0 });
            assert_eq!(Slashed::get().len(), 1);

            let largest = opened_network(1_000, 256);
            let nodes = (0..MAX_EVIDENCE).map(|n| AccountId::new(sp_core::U256::from(n).to_big_endian()));
            let all: Vec<_> = nodes.map(|node| allocation(largest, 0, &node, 1)).collect();
            assert_noop!(report(largest, all[1..].to_vec()), Error::<Test>::NotOverAllocated);
            assert_ok!(report(largest, all));
        });
    }

    #[test]
    fn the_room_is_what_earlier_rounds_left() {
        run(|| {
            let session = opened_network(1_000, 3);
            assert_ok!(bring(network_claim(session, 0, &node(), 100, 100)));
            // Claims of the round itself are among those that it gave room to.
            assert_noop!(report(session, allocations(session, 0, &[10; 3])), Error::<Test>::NotOverAllocated);
            assert_ok!(change(session, second_notary()));
            wait(10);
            assert_noop!(report(session, allocations(session, 1, &[10; 2])), Error::<Test>::NotOverAllocated);
            assert_ok!(bring(network_claim(session, 1, &node(), 10, 10)));
            assert_noop!(report(session, allocations(session, 1, &[10; 2])), Error::<Test>::NotOverAllocated);
            assert_ok!(report(session, allocations(session, 1, &[10; 3])));
            // The former round is judged by what it began with.
            assert_ok!(report(session, allocations(session, 0, &[10; 4])));
        });
    }
}
