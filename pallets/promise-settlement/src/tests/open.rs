//! Opening sessions, and raising their deposits.

use smartlayer_primitives::session::{IssuerShare, Payee};
use sp_runtime::{DispatchError, Permill, TokenError};

use super::*;

#[test]
fn holds_the_deposits_and_pins_the_terms() {
    run(|| {
        let session = open(Beneficiary::Node(node()), Some(0), 1_000, 7).unwrap();
        assert_eq!((held(&payer()), held_for_storage(&payer())), (1_000, STORAGE));
        let stored = PromiseSettlement::session(session).unwrap();
        assert_eq!((stored.deposit, stored.paid, stored.burned, stored.issuer_paid), (1_000, 0, 0, 0));
        assert_eq!((stored.burn_rate, stored.challenge_window), (Permill::from_percent(10), 10));
        assert_eq!((stored.storage_deposit, stored.expires_at), (STORAGE, 1 + LIFETIME));
        assert_eq!((stored.payer, stored.payee, stored.signer), (payer(), Payee::Node(node()), SIGNER.to_account_id()));
        let share = IssuerShare { token_type: 0, account: issuer(), share: Permill::from_percent(25) };
        assert_eq!(stored.issuer, Some(share));
        let beneficiary = Beneficiary::Node(node());
        assert_eq!(last_event(), Event::Opened { session, payer: payer(), beneficiary, deposit: 1_000 });

        // What governance and the issuer change later is not this session's business.
        BurnRate::set(Permill::from_percent(90));
        ChallengeWindow::set(0);
        StorageDeposit::set(0);
        Issuers::mutate(|issuers| issuers[0] = (account(GONE_ISSUER), Permill::one()));
        assert_ok!(bring(claim(session, 100)));
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        assert_noop!(PromiseSettlement::finish(origin(anyone()), session), Error::<Test>::WindowOpen);
        let stored = PromiseSettlement::session(session).unwrap();
        assert_eq!((stored.paid, stored.burned, stored.issuer_paid), (68, 10, 22));
        assert_eq!(Balances::balance(&issuer()), FUNDS + 22);
    });
}

#[test]
fn a_network_pays_for_its_room_and_pins_the_notary() {
    run(|| {
        let session = opened_network(1_000, 256);
        assert_eq!(held_for_storage(&payer()), STORAGE + 256 * CHANNEL);
        let Payee::Network(stored) = PromiseSettlement::session(session).unwrap().payee else {
            panic!("not a network")
        };
        assert_eq!((stored.max_nodes, stored.nodes, &stored.former), (256, 0, &None));
        assert_eq!((stored.current.number, stored.current.notary, stored.current.starts_at), (0, notary(), 1));
        // A rotated key changes nothing: claims still need the pinned one's signature.
        Rotated::set(1);
        assert_ok!(bring(network_claim(session, 0, &node(), 10, 10)));
        Active::set(vec![]);
        assert_ok!(bring(network_claim(session, 0, &node(), 20, 20)));
    });
}

#[test]
fn refuses_what_it_must() {
    run(|| {
        let to_node = || Beneficiary::Node(node());
        let signer = SIGNER.to_account_id();
        let unsigned = PromiseSettlement::open(RuntimeOrigin::none(), to_node(), signer, None, 1_000, 0, 1);
        assert_eq!(unsigned, Err(DispatchError::BadOrigin));
        assert_noop!(open(Beneficiary::Node(anyone()), None, 1_000, 0), Error::<Test>::NodeNotAvailable);
        let to_anyone = Beneficiary::Network { notary: anyone(), max_nodes: 1 };
        assert_noop!(open(to_anyone, None, 1_000, 0), Error::<Test>::NotaryNotActive);
        for max_nodes in [0, 257, u16::MAX] {
            assert_noop!(open(network(max_nodes), None, 1_000, 0), Error::<Test>::BadRoom);
        }
        assert_noop!(open(to_node(), Some(2), 1_000, 0), Error::<Test>::NoSuchTokenType);
        for lifetime in [0, LIFETIME + 1, u32::MAX] {
            let signer = SIGNER.to_account_id();
            assert_noop!(
                PromiseSettlement::open(origin(payer()), to_node(), signer, None, 1_000, 0, lifetime),
                Error::<Test>::BadLifetime
            );
        }
        assert_noop!(open(to_node(), None, 99, 0), Error::<Test>::DepositTooLow);
        assert_noop!(open(to_node(), None, FUNDS, 0), TokenError::FundsUnavailable);
        // The deposit could be paid, but not the storage deposit beside it.
        assert_noop!(open(to_node(), None, FUNDS - EXISTENTIAL_DEPOSIT, 0), TokenError::FundsUnavailable);
        ChannelDeposit::set(Balance::MAX);
        assert_noop!(open(network(2), None, 1_000, 0), TokenError::FundsUnavailable);
        assert_ok!(open(to_node(), None, 100, 5));
        assert_noop!(open(to_node(), None, 100, 5), Error::<Test>::NonceNotHigher);
        assert_noop!(open(Beneficiary::Node(other_node()), None, 100, 4), Error::<Test>::NonceNotHigher);
        // Only a lost nonce could bring an identifier back.
        LastNonce::<Test>::insert(payer(), 4);
        assert_noop!(open(to_node(), None, 100, 5), Error::<Test>::SessionExists);
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

mod top_up {
    use super::*;

    #[test]
    fn raises_the_deposit() {
        run(|| {
            let session = opened(1_000, 0);
            assert_ok!(PromiseSettlement::top_up(origin(payer()), session, 500));
            assert_eq!(last_event(), Event::ToppedUp { session, amount: 500, deposit: 1_500 });
            assert_eq!(held(&payer()), 1_500);
            assert_ok!(bring(claim(session, 1_500)));
            assert_eq!(last_event(), claimed(session, 1_350, 150, 1_500));
        });
    }

    #[test]
    fn refuses_what_it_must() {
        run(|| {
            let session = opened(1_000, 0);
            let top_up = |who, session, amount| PromiseSettlement::top_up(origin(who), session, amount);
            assert_noop!(top_up(payer(), session, 0), Error::<Test>::NothingToAdd);
            assert_noop!(top_up(payer(), SessionId::zero(), 1), Error::<Test>::NoSuchSession);
            assert_noop!(top_up(anyone(), session, 1), Error::<Test>::NotThePayer);
            assert_noop!(top_up(node(), session, 1), Error::<Test>::NotThePayer);
            assert_noop!(top_up(payer(), session, Balance::MAX), Error::<Test>::DepositOverflow);
            assert_noop!(top_up(payer(), session, FUNDS), TokenError::FundsUnavailable);
            assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
            assert_noop!(top_up(payer(), session, 1), Error::<Test>::Closing);
        });
    }
}
