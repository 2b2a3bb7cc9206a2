//! Claims from sessions with one node.

use frame_support::{dispatch::GetDispatchInfo, traits::fungible::Mutate};
use smartlayer_primitives::{
    payload::Payload,
    promise::{Promise, SignedPromise, Ticks, MAX_TICKS},
    Hash,
};
use sp_core::{ecdsa, ed25519, Pair};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{traits::IdentifyAccount, DispatchError, MultiSigner, Permill};

use super::*;

#[test]
fn pays_what_is_new_whoever_sends_it() {
    run(|| {
        let issuance = Balances::total_issuance();
        let session = opened(1_000, 0);
        assert_ok!(bring(claim(session, 101)));
        // The burn is rounded up.
        assert_eq!(last_event(), claimed(session, 90, 11, 101));
        assert_ok!(PromiseSettlement::claim(origin(payer()), Box::new(claim(session, 1_000))));
        assert_eq!(last_event(), claimed(session, 809, 90, 1_000));
        assert_eq!(Balances::balance(&node()), FUNDS + 899);
        assert_eq!(Balances::total_issuance(), issuance - 101);
        assert_eq!(held(&payer()), 0);
        assert_eq!(Balances::balance(&anyone()), 0);
    });
}

#[test]
fn refuses_what_it_must() {
    run(|| {
        let session = opened(1_000, 0);
        let unsigned = PromiseSettlement::claim(RuntimeOrigin::none(), Box::new(claim(session, 1)));
        assert_noop!(unsigned, DispatchError::BadOrigin);
        assert_noop!(bring(claim(Hash::zero(), 1)), Error::<Test>::NoSuchSession);
        assert_noop!(bring(claim(session, 0)), Error::<Test>::NothingNew);
        assert_ok!(bring(claim(session, 500)));
        assert_noop!(bring(claim(session, 500)), Error::<Test>::NothingNew);
        assert_noop!(bring(claim(session, 499)), Error::<Test>::NothingNew);
        // An allocation is for network sessions.
        let mut allocated = claim(session, 600);
        allocated.allocation = Some(allocation(session, 0, &node(), 600));
        assert_noop!(bring(allocated), Error::<Test>::AllocationMismatch);
    });
}

#[test]
fn a_promise_above_the_deposit_is_paid_as_far_as_it_goes() {
    run(|| {
        let session = opened(1_000, 0);
        assert_ok!(bring(claim(session, Balance::MAX)));
        assert_eq!(last_event(), claimed(session, 900, 100, 1_000));
        assert_noop!(bring(claim(session, Balance::MAX)), Error::<Test>::OverDeposit);
        // What is added later is the node's by the same promise.
        assert_ok!(PromiseSettlement::top_up(origin(payer()), session, 500));
        assert_ok!(bring(claim(session, 1_200)));
        assert_eq!(last_event(), claimed(session, 180, 20, 1_200));
        assert_ok!(bring(claim(session, Balance::MAX)));
        assert_eq!(last_event(), claimed(session, 270, 30, 1_500));
    });
}

#[test]
fn any_scheme_signs() {
    run(|| {
        let ed = ed25519::Pair::from_seed(&[5; 32]);
        let ec = ecdsa::Pair::from_seed(&[6; 32]);
        let signers = [MultiSigner::from(ed.public()), MultiSigner::from(ec.public())];
        for (nonce, signer) in (0..).zip(signers) {
            let (beneficiary, signer) = (Beneficiary::Node(node()), signer.into_account());
            assert_ok!(PromiseSettlement::open(origin(payer()), beneficiary, signer, None, 1_000, nonce, 10));
            let promise = promise(id(payer(), node(), nonce), 100);
            let bytes = promise.signing_payload(&genesis());
            let signature = if nonce == 0 { ed.sign(&bytes).into() } else { ec.sign(&bytes).into() };
            assert_ok!(bring(SignedPromise { promise, signature }.into()));
        }
    });
}

#[test]
fn a_node_account_that_is_gone_is_told_so() {
    run(|| {
        let poor = account(50);
        Available::mutate(|nodes| nodes.push(poor.clone()));
        let session = open(Beneficiary::Node(poor.clone()), None, 1_000, 0).unwrap();
        // 9 of 10 would be paid, less than the existential deposit.
        assert_noop!(bring(claim(session, 10)), Error::<Test>::NodeCannotReceive);
        assert_ok!(bring(claim(session, 20)));
        assert_eq!(Balances::balance(&poor), 18);
        assert_ok!(bring(claim(session, 21)));
    });
}

#[test]
fn all_may_burn_and_nothing_may() {
    run(|| {
        BurnRate::set(Permill::one());
        let all = opened(1_000, 0);
        BurnRate::set(Permill::zero());
        let none = opened(1_000, 1);
        assert_ok!(bring(claim(all, 500)));
        assert_eq!(last_event(), claimed(all, 0, 500, 500));
        assert_ok!(bring(claim(none, 500)));
        assert_eq!(last_event(), claimed(none, 500, 0, 500));
    });
}

#[test]
fn a_frozen_or_drained_payer_still_pays() {
    use frame_support::traits::tokens::{Fortitude, Preservation};
    run(|| {
        let session = opened(1_000, 0);
        // The payer spends all it can of what is free.
        let free = Balances::reducible_balance(&payer(), Preservation::Expendable, Fortitude::Polite);
        assert_ok!(<Balances as Mutate<_>>::transfer(&payer(), &anyone(), free, Preservation::Expendable));
        assert_ok!(bring(claim(session, 999)));
        assert_ok!(close(node(), session, None));
        assert_eq!(Balances::balance(&payer()), FUNDS - 1_000 - free + 1);
    });
}

mod issuer_share {
    use super::*;

    #[test]
    fn comes_out_of_what_the_burn_leaves() {
        run(|| {
            let session = open(Beneficiary::Node(node()), Some(0), 1_000, 0).unwrap();
            assert_ok!(bring(claim(session, 102)));
            // Burned: 10.2 rounded up. Of the 91 left, a quarter rounded down.
            let event = Event::Claimed { session, node: node(), paid: 69, burned: 11, issuer: 22, cumulative: 102 };
            assert_eq!(last_event(), event);
            assert_eq!(Balances::balance(&issuer()), FUNDS + 22);
            assert_ok!(close(node(), session, None));
            let closed = Event::Closed {
                session,
                payer: payer(),
                deposit: 1_000,
                paid: 69,
                burned: 11,
                issuer: 22,
                refunded: 898,
            };
            assert_eq!(last_event(), closed);
        });
    }

    #[test]
    fn is_burned_when_it_cannot_reach_an_issuer_that_is_gone() {
        run(|| {
            let issuance = Balances::total_issuance();
            let session = open(Beneficiary::Node(node()), Some(1), 1_000, 0).unwrap();
            // Half of 18 is less than the existential deposit.
            assert_ok!(bring(claim(session, 20)));
            assert_eq!(last_event(), claimed(session, 9, 11, 20));
            assert_eq!(Balances::total_issuance(), issuance - 11);
            // Enough brings the account back.
            assert_ok!(bring(claim(session, 120)));
            let event = Event::Claimed { session, node: node(), paid: 45, burned: 10, issuer: 45, cumulative: 120 };
            assert_eq!(last_event(), event);
            assert_eq!(Balances::balance(&account(GONE_ISSUER)), 45);
        });
    }

    #[test]
    fn an_issuer_may_be_the_node() {
        run(|| {
            Issuers::mutate(|issuers| issuers.push((node(), Permill::from_percent(50))));
            let session = open(Beneficiary::Node(node()), Some(2), 1_000, 0).unwrap();
            assert_ok!(bring(claim(session, 1_000)));
            assert_eq!(Balances::balance(&node()), FUNDS + 900);
        });
    }
}

mod ticks {
    use super::*;

    fn ticked(session: SessionId, cumulative: Balance, unit: Balance, length: u32, count: u32) -> Claim {
        let (commitment, ticks) = tick_chain(unit, length);
        let promise = Promise { ticks: Some(commitment), ..promise(session, cumulative) };
        let mut claim = Claim::from(signed_by(SIGNER, promise));
        claim.ticks = Some(ticks[count as usize]);
        claim
    }

    #[test]
    fn each_pays_a_unit() {
        run(|| {
            let session = opened(1_000, 0);
            assert_ok!(bring(ticked(session, 100, 5, 20, 0)));
            assert_eq!(last_event(), claimed(session, 90, 10, 100));
            assert_ok!(bring(ticked(session, 100, 5, 20, 10)));
            assert_eq!(last_event(), claimed(session, 45, 5, 150));
            assert_ok!(bring(ticked(session, 100, 5, 20, 20)));
            assert_eq!(last_event(), claimed(session, 45, 5, 200));
            // Without its ticks the promise is only what it says.
            let mut bare = ticked(session, 300, 5, 20, 20);
            bare.ticks = None;
            assert_ok!(bring(bare));
            assert_eq!(last_event(), claimed(session, 90, 10, 300));
        });
    }

    #[test]
    fn the_longest_chain_is_good_and_a_longer_one_is_not() {
        run(|| {
            let session = opened(10_000, 0);
            assert_ok!(bring(ticked(session, 0, 1, MAX_TICKS, MAX_TICKS)));
            assert_eq!(last_event(), claimed(session, 3_686, 410, 4_096));
            let longer = ticked(session, 5_000, 1, MAX_TICKS + 1, MAX_TICKS + 1);
            assert_noop!(bring(longer), Error::<Test>::BadTicks);
        });
    }

    #[test]
    fn refuses_what_was_not_revealed() {
        run(|| {
            let session = opened(1_000, 0);
            let good = ticked(session, 100, 5, 20, 10);
            let with = |ticks| Claim { ticks: Some(ticks), ..good.clone() };
            let Ticks { count, preimage } = good.ticks.unwrap();
            for ticks in [
                Ticks { count: count + 1, preimage },
                Ticks { count: count - 1, preimage },
                Ticks { count: u32::MAX, preimage },
                Ticks { count, preimage: Hash::zero() },
            ] {
                assert_noop!(bring(with(ticks)), Error::<Test>::BadTicks);
            }
            // Ticks without a chain, and ticks worth more than a balance can be.
            let mut none = claim(session, 100);
            none.ticks = good.ticks;
            assert_noop!(bring(none), Error::<Test>::BadTicks);
            assert_noop!(bring(ticked(session, 100, Balance::MAX, 20, 1)), Error::<Test>::BadTicks);
            // The chain is what is signed.
            let mut dearer = good;
            dearer.promise.promise.ticks.as_mut().unwrap().unit = 6;
            assert_noop!(bring(dearer), Error::<Test>::BadSignature);
        });
    }

    #[test]
    fn weigh_by_their_count() {
        run(|| {
            let session = opened(1_000, 0);
            let weight = |count| {
                let claim = Box::new(ticked(session, 0, 1, MAX_TICKS, count));
                crate::Call::<Test>::claim { claim }.get_dispatch_info().call_weight.ref_time()
            };
            assert!(weight(4_096) - weight(0) >= 4_000 * (weight(1) - weight(0)));
            // Nobody pays for hashing that the bound prevents.
            let mut absurd = ticked(session, 0, 1, 1, 1);
            absurd.ticks.as_mut().unwrap().count = u32::MAX;
            let absurd = crate::Call::<Test>::claim { claim: Box::new(absurd) }.get_dispatch_info();
            assert_eq!(absurd.call_weight.ref_time(), weight(4_096));
        });
    }
}

#[test]
fn forged_promises_are_refused() {
    run(|| {
        let session = opened(1_000, 0);
        // Not the session's signer, the payer included.
        let forged = signed_by(Sr25519Keyring::Bob, promise(session, 500));
        assert_noop!(bring(forged.into()), Error::<Test>::BadSignature);
        // Signed for less, and for another request.
        let mut more = claim(session, 500);
        more.promise.promise.cumulative = 501;
        assert_noop!(bring(more), Error::<Test>::BadSignature);
        let mut recalled = claim(session, 500);
        recalled.promise.promise.call_hash = Hash::zero();
        assert_noop!(bring(recalled), Error::<Test>::BadSignature);
    });
}
