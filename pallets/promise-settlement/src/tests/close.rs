//! Closing: by the node at once, by the payer after the window, by anyone after expiry.

use super::*;

#[test]
fn settles_and_refunds_at_once() {
    run(|| {
        let session = opened(1_000, 0);
        assert_ok!(bring(claim(session, 100)));
        assert_ok!(close(service_key(&node()), session, Some(claim(session, 300))));
        let closed =
            Event::Closed { session, payer: payer(), deposit: 1_000, paid: 270, burned: 30, issuer: 0, refunded: 700 };
        assert_eq!(last_event(), closed);
        assert_eq!((held(&payer()), held_for_storage(&payer())), (0, 0));
        assert_noop!(close(node(), session, None), Error::<Test>::NoSuchSession);
    });
}

#[test]
fn a_watchtower_that_was_faster_is_no_obstacle() {
    run(|| {
        let session = opened(1_000, 0);
        assert_ok!(bring(claim(session, 300)));
        assert_ok!(close(node(), session, Some(claim(session, 300))));
        assert_eq!(Balances::balance(&node()), FUNDS + 270);
        // Nor if it got all that there was.
        let session = opened(1_000, 1);
        assert_ok!(bring(claim(session, 2_000)));
        assert_ok!(close(node(), session, Some(claim(session, 2_000))));
    });
}

#[test]
fn refuses_what_it_must() {
    run(|| {
        let session = opened(1_000, 0);
        let other = opened(1_000, 1);
        for stranger in [payer(), anyone(), other_node(), service_key(&other_node())] {
            assert_noop!(close(stranger, session, None), Error::<Test>::NotTheNode);
        }
        assert_noop!(close(node(), session, Some(claim(other, 100))), Error::<Test>::OtherSession);
        let forged = signed_by(sp_keyring::Sr25519Keyring::Bob, promise(session, 1)).into();
        assert_noop!(close(node(), session, Some(forged)), Error::<Test>::BadSignature);
        let mut allocated = claim(session, 600);
        allocated.allocation = Some(allocation(session, 0, &node(), 600));
        assert_noop!(close(node(), session, Some(allocated)), Error::<Test>::AllocationMismatch);
        let mut ticked = claim(session, 600);
        ticked.ticks = Some(tick_chain(1, 1).1[1]);
        assert_noop!(close(node(), session, Some(ticked)), Error::<Test>::BadTicks);
        // Nobody closes a network session at once: no node speaks for the others.
        let network = opened_network(1_000, 1);
        for who in [node(), payer(), notary(), anyone()] {
            assert_noop!(close(who, network, None), Error::<Test>::NotTheNode);
        }
    });
}

#[test]
fn the_node_has_the_window_to_claim() {
    run(|| {
        let session = opened(1_000, 0);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        assert_eq!(last_event(), Event::CloseRequested { session, at: 11 });
        System::set_block_number(10);
        assert_noop!(PromiseSettlement::finish(origin(payer()), session), Error::<Test>::WindowOpen);
        assert_ok!(bring(claim(session, 500)));
        // Claiming goes on until somebody finishes, also after the window.
        System::set_block_number(11);
        assert_ok!(bring(claim(session, 600)));
        assert_ok!(PromiseSettlement::finish(origin(anyone()), session));
        let closed =
            Event::Closed { session, payer: payer(), deposit: 1_000, paid: 540, burned: 60, issuer: 0, refunded: 400 };
        assert_eq!(last_event(), closed);
        assert_noop!(bring(claim(session, 700)), Error::<Test>::NoSuchSession);
        assert_eq!(held_for_storage(&payer()), 0);
    });
}

#[test]
fn the_node_may_close_during_the_window() {
    run(|| {
        let session = opened(1_000, 0);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        assert_ok!(close(node(), session, Some(claim(session, 1_000))));
        assert_eq!(held(&payer()), 0);
    });
}

#[test]
fn requests_and_finishing_refuse_what_they_must() {
    run(|| {
        let session = opened(1_000, 0);
        for stranger in [node(), anyone(), account(PAYERS[1])] {
            assert_noop!(PromiseSettlement::request_close(origin(stranger), session), Error::<Test>::NotThePayer);
        }
        let none = SessionId::zero();
        assert_noop!(PromiseSettlement::request_close(origin(payer()), none), Error::<Test>::NoSuchSession);
        assert_noop!(PromiseSettlement::finish(origin(payer()), session), Error::<Test>::NotClosing);
        assert_noop!(PromiseSettlement::finish(origin(payer()), none), Error::<Test>::NoSuchSession);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        // Asking again does not move the window.
        assert_noop!(PromiseSettlement::request_close(origin(payer()), session), Error::<Test>::Closing);
    });
}

#[test]
fn anyone_may_ask_once_it_expired() {
    run(|| {
        let session = opened(1_000, 0);
        System::set_block_number(LIFETIME);
        assert_noop!(PromiseSettlement::request_close(origin(anyone()), session), Error::<Test>::NotThePayer);
        System::set_block_number(LIFETIME + 1);
        // Expiry alone takes nothing from the node.
        assert_ok!(bring(claim(session, 500)));
        assert_ok!(PromiseSettlement::request_close(origin(anyone()), session));
        assert_ok!(bring(claim(session, 600)));
        wait(10);
        assert_ok!(PromiseSettlement::finish(origin(anyone()), session));
        assert_eq!(Balances::balance(&payer()), FUNDS - 600);
    });
}

#[test]
fn finishing_a_network_weighs_by_its_channels() {
    run(|| {
        let session = opened_network(10_000, 256);
        for n in 0..20 {
            assert_ok!(bring(network_claim(session, 0, &account(100 + n), 100, 100)));
        }
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        wait(10);
        let weight = PromiseSettlement::finish(origin(anyone()), session).unwrap().actual_weight;
        assert_eq!(weight, Some(<() as crate::WeightInfo>::finish(20)));
        assert_eq!(Channels::<Test>::iter().count(), 0);
        assert_eq!((held(&payer()), held_for_storage(&payer())), (0, 0));
    });
}
