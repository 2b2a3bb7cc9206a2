//! Those who mean ill, by name.

use codec::{Decode, Encode};
use frame_support::{
    traits::{
        fungible::{Mutate, MutateHold},
        tokens::{Fortitude, Precision, Preservation},
    },
    BoundedVec,
};
use smartlayer_primitives::{notary::Allocation, payload::Payload, promise::SignedPromise, Hash};
use sp_core::Pair;
use sp_runtime::Permill;

use super::*;

/// All that an account can send away, sent to nobody of interest.
fn drain(who: &AccountId) {
    let free = Balances::reducible_balance(who, Preservation::Expendable, Fortitude::Polite);
    assert_ok!(<Balances as Mutate<_>>::transfer(who, &anyone(), free, Preservation::Expendable));
}

#[test]
fn double_promise() {
    run(|| {
        // A signer promises the same money twice: to one node in two promises, and to two nodes of a network.
        let session = opened(1_000, 0);
        assert_ok!(bring(claim(session, 1_000)));
        let mut again = promise(session, 1_000);
        again.call_hash = Hash::repeat_byte(2);
        assert_noop!(bring(signed_by(SIGNER, again).into()), Error::<Test>::NothingNew);
        assert_noop!(bring(claim(session, 2_000)), Error::<Test>::OverDeposit);
        assert_eq!(Balances::balance(&node()), FUNDS + 900);

        // In a network, promises beyond what the notary allocated are worth nothing, so nobody counts on them.
        let network = opened_network(1_000, 2);
        assert_ok!(bring(network_claim(network, 0, &node(), 1_000, 600)));
        assert_ok!(bring(network_claim(network, 0, &other_node(), 1_000, 400)));
        assert_eq!(PromiseSettlement::session(network).unwrap().held(), 0);
        assert_eq!(Balances::balance(&other_node()), FUNDS + 360);
    });
}

#[test]
fn an_over_allocating_notary() {
    run(|| {
        let bonded = bond(&notary());
        let session = opened_network(1_000, 2);
        let evidence = [node(), other_node()].map(|node| allocation(session, 0, &node, 1_000));
        // Both nodes are paid in full, the one out of the bond, and whoever shows it gets the notary slashed besides.
        assert_ok!(bring(network_claim(session, 0, &node(), 1_000, 1_000)));
        assert_ok!(bring(network_claim(session, 0, &other_node(), 1_000, 1_000)));
        assert_eq!(Balances::balance(&node()), FUNDS + 900);
        assert_eq!(Balances::balance(&other_node()), FUNDS + 1_000);
        assert_eq!(bond(&notary()), bonded - 1_000);
        let evidence = BoundedVec::try_from(evidence.to_vec()).unwrap();
        assert_ok!(PromiseSettlement::report_over_allocation(origin(other_node()), session, evidence));
        assert_eq!(Slashed::get(), [(notary(), (bonded - 1_000).div_ceil(10), other_node())]);
    });
}

#[test]
fn an_honest_notary_never_pays() {
    run(|| {
        // Whatever payer and nodes do together with its allocations.
        let bonded = bond(&notary());
        let session = opened_network(1_000, 3);
        assert_ok!(bring(network_claim(session, 0, &node(), Balance::MAX, 400)));
        assert_ok!(bring(network_claim(session, 0, &other_node(), Balance::MAX, 600)));
        for node in [node(), other_node(), account(50)] {
            // An allocation by whoever is no notary.
            let forged = Allocation { session, round: 0, node: node.clone(), cap: 5_000 };
            let mut claim = network_claim(session, 0, &node, 5_000, 5_000);
            claim.allocation = Some(allocation_by(&account(ANCHORS[1]), forged));
            assert_noop!(bring(claim), Error::<Test>::BadAllocation);
        }
        assert_eq!(bond(&notary()), bonded);
    });
}

#[test]
fn replay_across_sessions_and_chains() {
    run(|| {
        let (session, other) = (opened(1_000, 0), opened(1_000, 1));
        // Signed for another session.
        let mut moved = claim(session, 500);
        moved.promise.promise.session = other;
        assert_noop!(bring(moved), Error::<Test>::BadSignature);
        // Signed for another chain.
        let promise = promise(session, 500);
        let signature = SIGNER.pair().sign(&promise.signing_payload(&Hash::repeat_byte(9))).into();
        assert_noop!(bring(SignedPromise { promise, signature }.into()), Error::<Test>::BadSignature);
        // A session that ended never comes back, and its promises don't either.
        let old = claim(session, 500);
        assert_ok!(close(node(), session, None));
        assert_noop!(open(Beneficiary::Node(node()), None, 1_000, 0), Error::<Test>::NonceNotHigher);
        assert_noop!(bring(old), Error::<Test>::NoSuchSession);

        // A promise to one node of a network is worth nothing to another, in another round, or in another session.
        let (network, second) = (opened_network(1_000, 4), opened_network(1_000, 4));
        let good = network_claim(network, 0, &node(), 100, 100);
        let with = |allocation| Claim { allocation: Some(allocation), ..good.clone() };
        assert_noop!(bring(with(allocation(network, 0, &other_node(), 100))), Error::<Test>::OtherSession);
        assert_noop!(bring(with(allocation(second, 0, &node(), 100))), Error::<Test>::OtherSession);
        assert_ok!(PromiseSettlement::change_notary(origin(payer()), network, account(ANCHORS[1])));
        wait(10);
        assert_noop!(bring(with(allocation(network, 1, &node(), 100))), Error::<Test>::OtherSession);
        // An allocation for another chain.
        let foreign = Allocation { session: second, round: 0, node: node(), cap: 100 };
        let signature = notary_pair(&notary(), 0).sign(&foreign.signing_payload(&Hash::repeat_byte(9)));
        let mut claim = network_claim(second, 0, &node(), 100, 100);
        claim.allocation.as_mut().unwrap().signature = signature;
        assert_noop!(bring(claim), Error::<Test>::BadAllocation);
    });
}

#[test]
fn stale_close() {
    run(|| {
        // The payer closes and brings an old promise, so that the node seems to have been paid.
        let session = opened(1_000, 0);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        assert_ok!(PromiseSettlement::claim(origin(payer()), Box::new(claim(session, 10))));
        apply_free(claim(session, 11)).unwrap();
        // It keeps the node from nothing: the watchtower's better claim is good, and so is the node's own.
        apply_free(claim(session, 500)).unwrap();
        assert_ok!(bring(claim(session, 600)));
        // And it can't be quicker than the window.
        assert_noop!(PromiseSettlement::finish(origin(payer()), session), Error::<Test>::WindowOpen);
        assert_ok!(close(node(), session, Some(claim(session, 700))));
        assert_eq!(Balances::balance(&node()), FUNDS + 9 + 440 + 90 + 90);
    });
}

#[test]
fn payer_insolvent() {
    run(|| {
        // What a payer promises beyond what it set aside is nobody's loss but that of who believed it.
        let session = opened(1_000, 0);
        drain(&payer());
        assert_ok!(bring(claim(session, 50_000)));
        assert_eq!(last_event(), claimed(session, 900, 100, 1_000));
        assert_noop!(PromiseSettlement::top_up(origin(payer()), session, 1), sp_runtime::TokenError::FundsUnavailable);
        // In a network, the notary is whom nodes believe, and its bond is what they count on.
        let poor = account(PAYERS[1]);
        let signer = SIGNER.to_account_id();
        assert_ok!(PromiseSettlement::open(origin(poor.clone()), network(2), signer, None, 1_000, 0, 10));
        drain(&poor);
        let network = id(poor, notary(), 0);
        assert_ok!(bring(network_claim(network, 0, &node(), 5_000, 5_000)));
        assert_eq!(last_event(), Event::ShortfallPaid { session: network, node: node(), amount: 4_000 });
    });
}

#[test]
fn dust_and_existential_deposit() {
    run(|| {
        let poor = account(50);
        Available::mutate(|nodes| nodes.push(poor.clone()));
        BurnRate::set(Permill::zero());
        // Below the existential deposit nothing reaches an account that is not there; at it, everything does.
        let session = open(Beneficiary::Node(poor.clone()), None, 1_000, 0).unwrap();
        assert_noop!(bring(claim(session, EXISTENTIAL_DEPOSIT - 1)), Error::<Test>::NodeCannotReceive);
        assert_ok!(bring(claim(session, EXISTENTIAL_DEPOSIT)));
        // One planck at a time, to the last.
        for cumulative in EXISTENTIAL_DEPOSIT + 1..EXISTENTIAL_DEPOSIT + 50 {
            assert_ok!(bring(claim(session, cumulative)));
        }
        // With a burn each planck is burned whole: steps never pay more than one claim.
        BurnRate::set(Permill::from_percent(10));
        let burning = opened(1_000, 1);
        for cumulative in 1..50 {
            assert_ok!(bring(claim(burning, cumulative)));
        }
        let stored = PromiseSettlement::session(burning).unwrap();
        assert_eq!((stored.burned, stored.paid), (49, 0));

        // A payer can't set aside what keeps its account alive.
        let small = account(60);
        assert_ok!(<Balances as Mutate<_>>::mint_into(&small, 100 + STORAGE + EXISTENTIAL_DEPOSIT - 1));
        let open_small = || {
            let (beneficiary, signer) = (Beneficiary::Node(node()), SIGNER.to_account_id());
            PromiseSettlement::open(origin(small.clone()), beneficiary, signer, None, 100, 0, 10)
        };
        assert_noop!(open_small(), sp_runtime::TokenError::FundsUnavailable);
        assert_ok!(<Balances as Mutate<_>>::mint_into(&small, 1));
        assert_ok!(open_small());
        assert_eq!(Balances::balance(&small), EXISTENTIAL_DEPOSIT);
    });
}

#[test]
fn account_reaped_with_holds() {
    run(|| {
        let session = opened(1_000, 0);
        // What is held keeps the account alive, whatever its owner sends away.
        drain(&payer());
        assert!(Balances::balance(&payer()) > 0);
        let rest = Balances::balance(&payer());
        assert!(<Balances as Mutate<_>>::transfer(&payer(), &anyone(), rest, Preservation::Expendable).is_err());
        assert_ok!(bring(claim(session, 999)));
        assert_ok!(close(node(), session, None));
        // Only then can it go, and the nonce is remembered after it.
        drain(&payer());
        assert!(!System::account_exists(&payer()));
        assert_ok!(<Balances as Mutate<_>>::mint_into(&payer(), FUNDS));
        assert_noop!(open(Beneficiary::Node(node()), None, 1_000, 0), Error::<Test>::NonceNotHigher);

        // A node whose account was reaped is paid as soon as the payment brings it back.
        let session = opened(1_000, 1);
        drain(&node());
        assert!(!System::account_exists(&node()));
        assert_noop!(bring(claim(session, 5)), Error::<Test>::NodeCannotReceive);
        assert_ok!(close(node(), session, Some(claim(session, 500))));
        assert_eq!(Balances::balance(&node()), 450);
    });
    // If a hold were ever taken behind this pallet's back, claims would stop instead of paying out of other sessions.
    new_test_ext().execute_with(|| {
        let session = opened(1_000, 0);
        let reason = HoldReason::Session.into();
        assert_ok!(<Balances as MutateHold<_>>::burn_held(&reason, &payer(), 600, Precision::Exact, Fortitude::Force));
        assert_noop!(bring(claim(session, 500)), Error::<Test>::HoldMissing);
        assert!(PromiseSettlement::do_try_state().is_err());
    });
}

#[test]
fn a_hostile_batch() {
    run(|| {
        let (session, network) = (opened(1_000, 0), opened_network(1_000, 1));
        let forged: Claim = signed_by(sp_keyring::Sr25519Keyring::Bob, promise(session, 900)).into();
        let mut ticked = claim(session, 900);
        ticked.ticks = Some(smartlayer_primitives::promise::Ticks { count: u32::MAX, preimage: Hash::zero() });
        let mut mismatched = claim(session, 900);
        mismatched.allocation = Some(allocation(session, 0, &node(), 900));
        let hostile = [
            forged,
            ticked,
            mismatched,
            claim(SessionId::zero(), Balance::MAX),
            network_claim(network, 0, &other_node(), Balance::MAX, 0),
            network_claim(network, u16::MAX, &other_node(), 10, 10),
        ];
        // The same good claim over and over, between all that can't be good.
        let claims: Vec<_> = hostile.into_iter().cycle().take(24).chain((0..8).map(|_| claim(session, 500))).collect();
        assert_ok!(PromiseSettlement::claim_batch(origin(anyone()), BoundedVec::try_from(claims).unwrap()));
        let paid = events().into_iter().filter(|event| matches!(event, Event::Claimed { .. })).count();
        let failed = events().into_iter().filter(|event| matches!(event, Event::ClaimFailed { .. })).count();
        assert_eq!((paid, failed), (1, 31));
        assert_eq!(Balances::balance(&node()), FUNDS + 450);
        assert_eq!(held(&payer()), 1_500);
    });
}

#[test]
fn unbounded_input() {
    run(|| {
        let decodes = |call: crate::Call<Test>| crate::Call::<Test>::decode(&mut &call.encode()[..]).is_ok();
        let session = opened_network(1_000, 1);
        // One more than the bound does not even decode.
        let bytes = |count: u32| {
            let mut bytes = vec![3u8];
            codec::Compact(count).encode_to(&mut bytes);
            (0..count).for_each(|_| claim(session, 1).encode_to(&mut bytes));
            bytes
        };
        assert!(crate::Call::<Test>::decode(&mut &bytes(32)[..]).is_ok());
        assert!(crate::Call::<Test>::decode(&mut &bytes(33)[..]).is_err());
        // Nor does a length that promises more than follows.
        assert!(crate::Call::<Test>::decode(&mut &[3u8, 0xff, 0xff, 0xff, 0xff][..]).is_err());
        assert!(decodes(crate::Call::claim { claim: Box::new(claim(session, Balance::MAX)) }));
        // The largest numbers there are change nothing.
        let mut absurd = network_claim(session, 0, &node(), Balance::MAX, Balance::MAX);
        let (commitment, ticks) = tick_chain(Balance::MAX, 1);
        absurd.promise.promise.ticks = Some(commitment);
        absurd.ticks = Some(ticks[1]);
        assert_noop!(bring(absurd), Error::<Test>::BadTicks);
    });
}

#[test]
fn a_payers_many_sessions() {
    run(|| {
        let count = 200u64;
        let sessions: Vec<_> = (0..count).map(|nonce| opened(100, nonce)).collect();
        assert_eq!(held(&payer()), 100 * Balance::from(count));
        assert_eq!(held_for_storage(&payer()), STORAGE * Balance::from(count));
        // Each is by itself: claimed, closed and finished in any order, each returns its own.
        for (n, session) in sessions.iter().enumerate() {
            match n % 3 {
                0 => close(node(), *session, Some(claim(*session, 10))).unwrap(),
                1 => PromiseSettlement::request_close(origin(payer()), *session).unwrap(),
                _ => drop(bring(claim(*session, 200)).unwrap()),
            }
        }
        wait(10);
        for session in sessions.iter().skip(1).step_by(3) {
            assert_ok!(PromiseSettlement::finish(origin(anyone()), *session));
        }
        assert_eq!(Sessions::<Test>::iter().count(), 66);
        assert_eq!((held(&payer()), held_for_storage(&payer())), (0, 66 * STORAGE));
        assert_eq!(Balances::total_balance(&payer()), FUNDS - 67 * 10 - 66 * 100);
    });
}
