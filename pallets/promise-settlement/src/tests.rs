//! Every call, its failures, and random sequences of all of them.

use frame_support::{
    assert_noop, assert_ok,
    traits::fungible::{Inspect, InspectHold, Mutate},
    BoundedVec,
};
use proptest::prelude::*;
use smartlayer_primitives::{
    payload::Payload,
    promise::{session_id, SignedPromise},
    AccountId, Balance, Hash, SessionId,
};
use sp_core::{ecdsa, ed25519, Pair};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{traits::IdentifyAccount, DispatchError, MultiSigner, Permill, TokenError};

use crate::{mock::*, Error, Event, HoldReason, LastNonce, Sessions};

fn origin(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

fn id(payer: AccountId, node: AccountId, nonce: u64) -> SessionId {
    session_id(&genesis(), &payer, &node, nonce)
}

fn held(who: &AccountId) -> Balance {
    Balances::balance_on_hold(&HoldReason::Session.into(), who)
}

/// Opens a session of `payer` to `node` with the usual signer.
fn opened(deposit: Balance, nonce: u64) -> SessionId {
    assert_ok!(PromiseSettlement::open(origin(payer()), node(), SIGNER.to_account_id(), deposit, nonce));
    id(payer(), node(), nonce)
}

fn last_event() -> Event<Test> {
    events().pop().expect("an event of this pallet")
}

fn events() -> Vec<Event<Test>> {
    System::events()
        .into_iter()
        .filter_map(|record| match record.event {
            RuntimeEvent::PromiseSettlement(event) => Some(event),
            _ => None,
        })
        .collect()
}

#[test]
#[docify::export]
fn a_session_from_opening_to_closing() {
    run(|| {
        let issuance = Balances::total_issuance();

        // The payer sets 1000 aside for the node and lets a signer spend it.
        let nonce = PromiseSettlement::next_nonce(payer()).unwrap();
        assert_ok!(PromiseSettlement::open(origin(payer()), node(), SIGNER.to_account_id(), 1_000, nonce));
        let session = session_id(&genesis(), &payer(), &node(), nonce);

        // Off the chain, the signer promises 100, then 300 in total. The node brings the last promise and closes.
        let last = signed(session, 300);
        assert_ok!(PromiseSettlement::close(origin(node()), session, Some(last)));

        // A tenth of the 300 is destroyed, the node has the rest of them, and the payer the rest of the deposit.
        assert_eq!(Balances::total_issuance(), issuance - 30);
        assert_eq!(Balances::balance(&node()), FUNDS + 270);
        assert_eq!(Balances::balance(&payer()), FUNDS - 300);
        assert_eq!(PromiseSettlement::session(session), None);
    });
}

mod open {
    use super::*;

    #[test]
    fn holds_the_deposit_and_pins_the_terms() {
        run(|| {
            let session = opened(1_000, 7);
            assert_eq!(held(&payer()), 1_000);
            let stored = PromiseSettlement::session(session).unwrap();
            assert_eq!((stored.deposit, stored.paid, stored.burned), (1_000, 0, 0));
            assert_eq!((stored.burn_rate, stored.challenge_window), (Permill::from_percent(10), 10));
            assert_eq!((stored.payer, stored.node, stored.signer), (payer(), node(), SIGNER.to_account_id()));
            assert_eq!(last_event(), Event::Opened { session, payer: payer(), node: node(), deposit: 1_000 });

            // What governance changes later is not this session's business.
            BurnRate::set(Permill::from_percent(90));
            ChallengeWindow::set(0);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 100)));
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_noop!(PromiseSettlement::finish(origin(anyone()), session), Error::<Test>::WindowOpen);
            assert_eq!(PromiseSettlement::session(session).unwrap().burned, 10);
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let open = |node, deposit, nonce| {
                PromiseSettlement::open(origin(payer()), node, SIGNER.to_account_id(), deposit, nonce)
            };
            assert_noop!(
                PromiseSettlement::open(RuntimeOrigin::none(), node(), SIGNER.to_account_id(), 1_000, 0),
                DispatchError::BadOrigin
            );
            assert_noop!(open(anyone(), 1_000, 0), Error::<Test>::NodeNotBonded);
            assert_noop!(open(node(), 99, 0), Error::<Test>::DepositTooLow);
            assert_noop!(open(node(), FUNDS, 0), TokenError::FundsUnavailable);
            assert_ok!(open(node(), 100, 5));
            assert_noop!(open(node(), 100, 5), Error::<Test>::NonceNotHigher);
            assert_noop!(open(account(NODES[1]), 100, 4), Error::<Test>::NonceNotHigher);
        });
    }

    #[test]
    fn nonces_count_for_each_payer() {
        run(|| {
            assert_eq!(PromiseSettlement::next_nonce(payer()), Some(0));
            opened(100, u64::MAX - 1);
            assert_eq!(PromiseSettlement::next_nonce(payer()), Some(u64::MAX));
            opened(100, u64::MAX);
            assert_eq!(PromiseSettlement::next_nonce(payer()), None);
            assert_eq!(PromiseSettlement::next_nonce(account(PAYERS[1])), Some(0));
        });
    }

    #[test]
    fn an_old_promise_is_never_good_again() {
        run(|| {
            let session = opened(1_000, 3);
            let old = signed(session, 500);
            assert_ok!(PromiseSettlement::close(origin(node()), session, None));
            assert_noop!(
                PromiseSettlement::open(origin(payer()), node(), SIGNER.to_account_id(), 1_000, 3),
                Error::<Test>::NonceNotHigher
            );
            opened(1_000, 4);
            assert_noop!(PromiseSettlement::claim(origin(anyone()), old), Error::<Test>::NoSuchSession);
        });
    }
}

mod top_up {
    use super::*;

    #[test]
    fn raises_the_deposit() {
        run(|| {
            let session = opened(1_000, 0);
            assert_noop!(
                PromiseSettlement::claim(origin(anyone()), signed(session, 1_500)),
                Error::<Test>::OverDeposit
            );
            assert_ok!(PromiseSettlement::top_up(origin(payer()), session, 500));
            assert_eq!(last_event(), Event::ToppedUp { session, amount: 500, deposit: 1_500 });
            assert_eq!(held(&payer()), 1_500);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 1_500)));
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let session = opened(1_000, 0);
            let top_up = |who, session, amount| PromiseSettlement::top_up(origin(who), session, amount);
            assert_noop!(top_up(payer(), session, 0), Error::<Test>::NothingToAdd);
            assert_noop!(top_up(payer(), Hash::zero(), 1), Error::<Test>::NoSuchSession);
            assert_noop!(top_up(anyone(), session, 1), Error::<Test>::NotThePayer);
            assert_noop!(top_up(node(), session, 1), Error::<Test>::NotThePayer);
            assert_noop!(top_up(payer(), session, Balance::MAX), Error::<Test>::DepositOverflow);
            assert_noop!(top_up(payer(), session, FUNDS), TokenError::FundsUnavailable);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_noop!(top_up(payer(), session, 1), Error::<Test>::Closing);
        });
    }
}

mod claim {
    use super::*;

    #[test]
    fn pays_what_is_new_whoever_sends_it() {
        run(|| {
            let issuance = Balances::total_issuance();
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 101)));
            // The burn is rounded up.
            assert_eq!(last_event(), Event::Claimed { session, node: node(), paid: 90, burned: 11, cumulative: 101 });
            assert_ok!(PromiseSettlement::claim(origin(payer()), signed(session, 1_000)));
            assert_eq!(
                last_event(),
                Event::Claimed { session, node: node(), paid: 809, burned: 90, cumulative: 1_000 }
            );
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
            let claim = |promise| PromiseSettlement::claim(origin(anyone()), promise);
            assert_noop!(PromiseSettlement::claim(RuntimeOrigin::none(), signed(session, 1)), DispatchError::BadOrigin);
            assert_noop!(claim(signed(Hash::zero(), 1)), Error::<Test>::NoSuchSession);
            assert_noop!(claim(signed(session, 0)), Error::<Test>::NothingNew);
            assert_noop!(claim(signed(session, 1_001)), Error::<Test>::OverDeposit);
            assert_noop!(claim(signed(session, Balance::MAX)), Error::<Test>::OverDeposit);
            assert_ok!(claim(signed(session, 500)));
            assert_noop!(claim(signed(session, 500)), Error::<Test>::NothingNew);
            assert_noop!(claim(signed(session, 499)), Error::<Test>::NothingNew);
        });
    }

    #[test]
    fn forged_promises_are_refused() {
        run(|| {
            let session = opened(1_000, 0);
            let other = opened(1_000, 1);
            let claim = |promise| PromiseSettlement::claim(origin(anyone()), promise);
            // Not the session's signer, the payer included.
            assert_noop!(claim(signed_by(Sr25519Keyring::Bob, promise(session, 500))), Error::<Test>::BadSignature);
            // Signed for less, for another session, for another request.
            let mut more = signed(session, 500);
            more.promise.cumulative = 501;
            assert_noop!(claim(more), Error::<Test>::BadSignature);
            let mut moved = signed(session, 500);
            moved.promise.session = other;
            assert_noop!(claim(moved), Error::<Test>::BadSignature);
            let mut recalled = signed(session, 500);
            recalled.promise.call_hash = Hash::zero();
            assert_noop!(claim(recalled), Error::<Test>::BadSignature);
            // Signed for another chain.
            let promise = promise(session, 500);
            let signature = SIGNER.pair().sign(&promise.signing_payload(&Hash::repeat_byte(9))).into();
            assert_noop!(claim(SignedPromise { promise, signature }), Error::<Test>::BadSignature);
        });
    }

    #[test]
    fn any_scheme_signs() {
        run(|| {
            let ed = ed25519::Pair::from_seed(&[5; 32]);
            let ec = ecdsa::Pair::from_seed(&[6; 32]);
            let signers = [MultiSigner::from(ed.public()), MultiSigner::from(ec.public())];
            for (nonce, signer) in (0..).zip(signers) {
                assert_ok!(PromiseSettlement::open(origin(payer()), node(), signer.into_account(), 1_000, nonce));
                let promise = promise(id(payer(), node(), nonce), 100);
                let bytes = promise.signing_payload(&genesis());
                let signature = if nonce == 0 { ed.sign(&bytes).into() } else { ec.sign(&bytes).into() };
                assert_ok!(PromiseSettlement::claim(origin(anyone()), SignedPromise { promise, signature }));
            }
        });
    }

    #[test]
    fn a_node_account_that_is_gone_is_told_so() {
        run(|| {
            let poor = account(50);
            Bonded::mutate(|bonded| bonded.push(poor.clone()));
            assert_ok!(PromiseSettlement::open(origin(payer()), poor.clone(), SIGNER.to_account_id(), 1_000, 0));
            let session = id(payer(), poor.clone(), 0);
            // 9 of 10 would be paid, less than the existential deposit.
            assert_noop!(
                PromiseSettlement::claim(origin(anyone()), signed(session, 10)),
                Error::<Test>::NodeCannotReceive
            );
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 20)));
            assert_eq!(Balances::balance(&poor), 18);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 21)));
        });
    }

    #[test]
    fn all_may_burn_and_nothing_may() {
        run(|| {
            BurnRate::set(Permill::one());
            let all = opened(1_000, 0);
            BurnRate::set(Permill::zero());
            let none = opened(1_000, 1);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(all, 500)));
            assert_eq!(
                last_event(),
                Event::Claimed { session: all, node: node(), paid: 0, burned: 500, cumulative: 500 }
            );
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(none, 500)));
            assert_eq!(
                last_event(),
                Event::Claimed { session: none, node: node(), paid: 500, burned: 0, cumulative: 500 }
            );
        });
    }

    #[test]
    fn a_frozen_or_drained_payer_still_pays() {
        run(|| {
            let session = opened(1_000, 0);
            // The payer spends all it can of what is free.
            let free = Balances::reducible_balance(
                &payer(),
                frame_support::traits::tokens::Preservation::Expendable,
                frame_support::traits::tokens::Fortitude::Polite,
            );
            assert_ok!(<Balances as Mutate<_>>::transfer(
                &payer(),
                &anyone(),
                free,
                frame_support::traits::tokens::Preservation::Expendable
            ));
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 999)));
            assert_ok!(PromiseSettlement::close(origin(node()), session, None));
            assert_eq!(Balances::balance(&payer()), FUNDS - 1_000 - free + 1);
        });
    }
}

mod claim_batch {
    use super::*;

    #[test]
    fn pays_what_can_be_paid_and_reports_the_rest() {
        run(|| {
            let (first, second) = (opened(1_000, 0), opened(1_000, 1));
            let batch = vec![
                signed(first, 100),
                signed(Hash::zero(), 1),
                signed_by(Sr25519Keyring::Bob, promise(second, 100)),
                signed(first, 100),
                signed(first, 2_000),
                signed(second, 200),
            ];
            assert_ok!(PromiseSettlement::claim_batch(origin(anyone()), BoundedVec::truncate_from(batch)));
            let failed = |session, error: Error<Test>| Event::ClaimFailed { session, error: error.into() };
            assert_eq!(
                events()[2..],
                [
                    Event::Claimed { session: first, node: node(), paid: 90, burned: 10, cumulative: 100 },
                    failed(Hash::zero(), Error::NoSuchSession),
                    failed(second, Error::BadSignature),
                    failed(first, Error::NothingNew),
                    failed(first, Error::OverDeposit),
                    Event::Claimed { session: second, node: node(), paid: 180, burned: 20, cumulative: 200 },
                ]
            );
            assert_eq!(held(&payer()), 1_700);
        });
    }

    #[test]
    fn an_empty_batch_does_nothing() {
        run(|| {
            assert_ok!(PromiseSettlement::claim_batch(origin(anyone()), Default::default()));
            assert_noop!(
                PromiseSettlement::claim_batch(RuntimeOrigin::none(), Default::default()),
                DispatchError::BadOrigin
            );
            assert!(events().is_empty());
        });
    }
}

mod close {
    use super::*;

    #[test]
    fn settles_and_refunds_at_once() {
        run(|| {
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 100)));
            assert_ok!(PromiseSettlement::close(origin(service_key(&node())), session, Some(signed(session, 300))));
            let closed = Event::Closed {
                session,
                node: node(),
                payer: payer(),
                deposit: 1_000,
                paid: 270,
                burned: 30,
                refunded: 700,
            };
            assert_eq!(last_event(), closed);
            assert_eq!(held(&payer()), 0);
            assert_noop!(PromiseSettlement::close(origin(node()), session, None), Error::<Test>::NoSuchSession);
        });
    }

    #[test]
    fn a_watchtower_that_was_faster_is_no_obstacle() {
        run(|| {
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 300)));
            assert_ok!(PromiseSettlement::close(origin(node()), session, Some(signed(session, 300))));
            assert_eq!(Balances::balance(&node()), FUNDS + 270);
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let session = opened(1_000, 0);
            let other = opened(1_000, 1);
            let close = |who, last| PromiseSettlement::close(origin(who), session, last);
            for stranger in [payer(), anyone(), account(NODES[1]), service_key(&account(NODES[1]))] {
                assert_noop!(close(stranger, None), Error::<Test>::NotTheNode);
            }
            assert_noop!(close(node(), Some(signed(other, 100))), Error::<Test>::OtherSession);
            assert_noop!(close(node(), Some(signed(session, 1_001))), Error::<Test>::OverDeposit);
            assert_noop!(
                close(node(), Some(signed_by(Sr25519Keyring::Bob, promise(session, 1)))),
                Error::<Test>::BadSignature
            );
        });
    }
}

mod request_close_and_finish {
    use super::*;

    #[test]
    fn the_node_has_the_window_to_claim() {
        run(|| {
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_eq!(last_event(), Event::CloseRequested { session, at: 11 });
            System::set_block_number(10);
            assert_noop!(PromiseSettlement::finish(origin(payer()), session), Error::<Test>::WindowOpen);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 500)));
            // Claiming goes on until somebody finishes, also after the window.
            System::set_block_number(11);
            assert_ok!(PromiseSettlement::claim(origin(anyone()), signed(session, 600)));
            assert_ok!(PromiseSettlement::finish(origin(anyone()), session));
            let closed = Event::Closed {
                session,
                node: node(),
                payer: payer(),
                deposit: 1_000,
                paid: 540,
                burned: 60,
                refunded: 400,
            };
            assert_eq!(last_event(), closed);
            assert_noop!(
                PromiseSettlement::claim(origin(anyone()), signed(session, 700)),
                Error::<Test>::NoSuchSession
            );
        });
    }

    #[test]
    fn the_node_may_close_during_the_window() {
        run(|| {
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_ok!(PromiseSettlement::close(origin(node()), session, Some(signed(session, 1_000))));
            assert_eq!(held(&payer()), 0);
        });
    }

    #[test]
    fn refuse_what_they_must() {
        run(|| {
            let session = opened(1_000, 0);
            for stranger in [node(), anyone(), account(PAYERS[1])] {
                assert_noop!(PromiseSettlement::request_close(origin(stranger), session), Error::<Test>::NotThePayer);
            }
            assert_noop!(PromiseSettlement::request_close(origin(payer()), Hash::zero()), Error::<Test>::NoSuchSession);
            assert_noop!(PromiseSettlement::finish(origin(payer()), session), Error::<Test>::NotClosing);
            assert_noop!(PromiseSettlement::finish(origin(payer()), Hash::zero()), Error::<Test>::NoSuchSession);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            // Asking again does not move the window.
            assert_noop!(PromiseSettlement::request_close(origin(payer()), session), Error::<Test>::Closing);
        });
    }
}

#[test]
fn try_state_sees_what_is_wrong() {
    let broken = |breaks: fn(SessionId)| {
        new_test_ext().execute_with(|| {
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::do_try_state());
            breaks(session);
            assert!(PromiseSettlement::do_try_state().is_err());
        });
    };
    broken(|session| Sessions::<Test>::mutate(session, |s| s.as_mut().unwrap().paid = 1_001));
    broken(|session| Sessions::<Test>::mutate(session, |s| s.as_mut().unwrap().deposit = 1_001));
    broken(Sessions::<Test>::remove);
    broken(|_| LastNonce::<Test>::remove(payer()));
}

/// One step of a random sequence. Sessions are picked out of all that were ever opened, so closed ones come up too.
#[derive(Clone, Debug)]
enum Step {
    Open { payer: usize, node: usize, deposit: Balance, skip: u64 },
    TopUp { session: usize, payer: Option<usize>, amount: Balance },
    Claim { session: usize, cumulative: Balance, forged: bool },
    ClaimBatch(Vec<(usize, Balance, bool)>),
    Close { session: usize, stranger: bool, last: Option<Balance> },
    RequestClose { session: usize, stranger: bool },
    Finish { session: usize },
    Wait { blocks: u32 },
    Govern { burn_rate: u32, window: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0..12usize;
    let cumulative = || 0..2_500u128;
    prop_oneof![
        4 => (0..3usize, 0..3usize, 0..2_000u128, 0..3u64)
            .prop_map(|(payer, node, deposit, skip)| Step::Open { payer, node, deposit, skip }),
        2 => (session(), prop::option::weighted(0.2, 0..3usize), 0..1_000u128)
            .prop_map(|(session, payer, amount)| Step::TopUp { session, payer, amount }),
        6 => (session(), cumulative(), prop::bool::weighted(0.1))
            .prop_map(|(session, cumulative, forged)| Step::Claim { session, cumulative, forged }),
        2 => prop::collection::vec((session(), cumulative(), prop::bool::weighted(0.1)), 0..6).prop_map(Step::ClaimBatch),
        2 => (session(), prop::bool::weighted(0.2), prop::option::of(cumulative()))
            .prop_map(|(session, stranger, last)| Step::Close { session, stranger, last }),
        2 => (session(), prop::bool::weighted(0.2)).prop_map(|(session, stranger)| Step::RequestClose { session, stranger }),
        2 => session().prop_map(|session| Step::Finish { session }),
        2 => (0..15u32).prop_map(|blocks| Step::Wait { blocks }),
        1 => (0..=1_000_000u32, 0..12u32).prop_map(|(burn_rate, window)| Step::Govern { burn_rate, window }),
    ]
}

/// What the world outside knows of a session.
struct Known {
    id: SessionId,
    payer: AccountId,
    node: AccountId,
}

fn take(step: Step, known: &mut Vec<Known>) {
    // Node 2 has stake but no account of its own: payments below the existential deposit can't reach it.
    let nodes = [account(NODES[0]), account(NODES[1]), account(50)];
    let promised = |known: &[Known], session: usize, cumulative, forged| {
        let signer = if forged { Sr25519Keyring::Bob } else { SIGNER };
        let session = known.get(session).map(|k| k.id).unwrap_or_default();
        signed_by(signer, promise(session, cumulative))
    };
    let session_of = |known: &[Known], session: usize| {
        known.get(session).map(|k| (k.id, k.payer.clone(), k.node.clone())).unwrap_or((Hash::zero(), payer(), node()))
    };
    // Whatever the call answers: what must be true is checked afterwards.
    let _ = match step {
        Step::Open { payer, node, deposit, skip } => {
            let (payer, node) = (account(PAYERS[payer]), nodes[node].clone());
            let nonce = PromiseSettlement::next_nonce(payer.clone()).unwrap() + skip;
            let result = PromiseSettlement::open(
                origin(payer.clone()),
                node.clone(),
                SIGNER.to_account_id(),
                deposit,
                nonce.saturating_sub(1),
            );
            if result.is_ok() {
                known.push(Known { id: id(payer.clone(), node.clone(), nonce.saturating_sub(1)), payer, node });
            }
            result
        }
        Step::TopUp { session, payer, amount } => {
            let (id, owner, _) = session_of(known, session);
            let payer = payer.map_or(owner, |p| account(PAYERS[p]));
            PromiseSettlement::top_up(origin(payer), id, amount)
        }
        Step::Claim { session, cumulative, forged } => {
            PromiseSettlement::claim(origin(anyone()), promised(known, session, cumulative, forged))
        }
        Step::ClaimBatch(claims) => {
            let batch = claims.into_iter().map(|(s, c, f)| promised(known, s, c, f)).collect::<Vec<_>>();
            PromiseSettlement::claim_batch(origin(anyone()), BoundedVec::truncate_from(batch))
        }
        Step::Close { session, stranger, last } => {
            let (id, payer, node) = session_of(known, session);
            let last = last.map(|cumulative| promised(known, session, cumulative, false));
            PromiseSettlement::close(origin(if stranger { payer } else { node }), id, last)
        }
        Step::RequestClose { session, stranger } => {
            let (id, payer, node) = session_of(known, session);
            PromiseSettlement::request_close(origin(if stranger { node } else { payer }), id)
        }
        Step::Finish { session } => PromiseSettlement::finish(origin(anyone()), session_of(known, session).0),
        Step::Wait { blocks } => {
            System::set_block_number(System::block_number() + blocks);
            Ok(())
        }
        Step::Govern { burn_rate, window } => {
            BurnRate::set(Permill::from_parts(burn_rate));
            ChallengeWindow::set(window);
            Ok(())
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..Default::default() })]

    #[test]
    fn no_sequence_of_calls_makes_or_loses_money(steps in prop::collection::vec(step(), 1..60)) {
        new_test_ext().execute_with(|| {
            Bonded::mutate(|bonded| bonded.push(account(50)));
            let everyone: Vec<_> = PAYERS.into_iter().chain(NODES).chain([50]).map(account).collect();
            let issuance = Balances::total_issuance();
            let mut known = vec![];
            for step in steps {
                take(step, &mut known);
                PromiseSettlement::do_try_state().unwrap();

                let (mut burned, mut paid, mut refunded) = (0, 0, 0);
                let mut deposits = 0;
                let mut closed = std::collections::BTreeMap::<SessionId, (Balance, Balance)>::new();
                for event in events() {
                    match event {
                        Event::Claimed { session, paid: p, burned: b, cumulative, .. } => {
                            burned += b;
                            paid += p;
                            let so_far = closed.entry(session).or_default();
                            *so_far = (so_far.0 + p, so_far.1 + b);
                            assert_eq!(so_far.0 + so_far.1, cumulative, "a claim pays exactly what is new");
                        },
                        Event::Closed { session, deposit, paid, burned, refunded: r, .. } => {
                            refunded += r;
                            assert_eq!(deposit, paid + burned + r, "nothing is lost when a session closes");
                            assert_eq!(closed.get(&session).copied().unwrap_or_default(), (paid, burned));
                        },
                        Event::Opened { deposit, .. } => deposits += deposit,
                        Event::ToppedUp { amount, .. } => deposits += amount,
                        Event::ClaimFailed { .. } | Event::CloseRequested { .. } => {},
                    }
                }
                assert_eq!(Balances::total_issuance(), issuance - burned, "issuance falls by exactly what is burned");
                let balances: Balance = everyone.iter().map(Balances::total_balance).sum();
                assert_eq!(balances, issuance - burned, "nobody else has any of it");
                let still_held: Balance = everyone.iter().map(held).sum();
                assert_eq!(deposits, paid + burned + refunded + still_held);
                let open: Balance = Sessions::<Test>::iter_values().map(|s| s.held()).sum();
                assert_eq!(still_held, open);
            }
        });
    }
}
