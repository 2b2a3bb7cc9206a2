//! The watchtower: what is kept, what is submitted, what is valid without a fee, and what is forgotten.

use codec::Decode;
use frame_support::traits::{Authorize, Hooks};
use smartlayer_primitives::watchtower::{claim_key, keep, Index, WatchtowerError, INDEX_KEY};
use sp_runtime::{
    offchain::storage::StorageValueRef,
    transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction},
};

use super::*;
use crate::FORGET_AFTER;

/// Keeps a claim as the node's RPC does.
fn kept(claim: &Claim) {
    StorageValueRef::persistent(&claim_key(&claim.promise.promise.session)).set(claim);
    let storage = StorageValueRef::persistent(INDEX_KEY);
    storage
        .mutate::<Index, WatchtowerError, _>(|index| {
            let mut index = index.unwrap().unwrap_or_default();
            keep(&mut index, claim)?;
            Ok(index)
        })
        .unwrap();
}

fn index() -> Index {
    StorageValueRef::persistent(INDEX_KEY).get().unwrap().unwrap_or_default()
}

fn work() {
    PromiseSettlement::offchain_worker(System::block_number());
}

fn validity(claim: Claim) -> Result<ValidTransaction, InvalidTransaction> {
    let call = crate::Call::<Test>::claim_authorized { claim: Box::new(claim) };
    match call.authorize(TransactionSource::External).unwrap() {
        Ok((valid, _)) => Ok(valid),
        Err(sp_runtime::transaction_validity::TransactionValidityError::Invalid(invalid)) => Err(invalid),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn claims_for_a_node_that_is_gone_when_the_payer_closes() {
    run_off_chain(|submitted| {
        let session = opened(1_000, 0);
        let last = claim(session, 600);
        assert_eq!(PromiseSettlement::check_claim(last.clone()), Ok(600));
        kept(&last);
        // As long as the session is open there is nothing to do.
        work();
        assert_eq!(submitted(), []);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        work();
        let sent = submitted();
        assert_eq!(sent, [last]);
        // Nobody signs or pays for it.
        let valid = apply_free(sent[0].clone()).unwrap();
        assert!(valid.propagate);
        assert_eq!(valid.longevity, 10);
        assert_eq!(Balances::balance(&node()), FUNDS + 540);
        // What is settled is not claimed again.
        work();
        assert_eq!(submitted(), []);
        wait(10);
        assert_ok!(PromiseSettlement::finish(origin(anyone()), session));
    });
}

#[test]
fn claims_for_each_node_of_a_network() {
    run_off_chain(|submitted| {
        let session = opened_network(1_000, 3);
        let claims = [network_claim(session, 0, &node(), 300, 200), network_claim(session, 0, &other_node(), 50, 60)];
        assert_eq!(PromiseSettlement::check_claim(claims[0].clone()), Ok(200));
        assert_eq!(PromiseSettlement::check_claim(claims[1].clone()), Ok(50));
        claims.iter().for_each(kept);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        work();
        let sent = submitted();
        assert_eq!(sent.len(), 2);
        let tags: Vec<_> = sent.into_iter().map(|claim| apply_free(claim).unwrap().provides).collect();
        assert_ne!(tags[0], tags[1]);
        assert_eq!(Balances::balance(&node()), FUNDS + 180);
        assert_eq!(Balances::balance(&other_node()), FUNDS + 45);
        assert_eq!(FreeClaims::<Test>::iter().count(), 2);
        wait(10);
        assert_ok!(PromiseSettlement::finish(origin(anyone()), session));
        assert_eq!(FreeClaims::<Test>::iter().count(), 0);
    });
}

#[test]
fn claims_for_a_node_that_is_gone_when_the_payer_changes_the_notary() {
    run_off_chain(|submitted| {
        let session = opened_network(1_000, 3);
        let (last, next) =
            (network_claim(session, 0, &node(), 300, 200), network_claim(session, 1, &other_node(), 50, 60));
        kept(&last);
        work();
        assert_eq!(submitted(), []);
        assert_ok!(PromiseSettlement::change_notary(origin(payer()), session, account(ANCHORS[1])));
        kept(&next);
        wait(4);
        work();
        assert_eq!(submitted(), std::slice::from_ref(&last));
        // It may wait for as long as the round goes on.
        assert_eq!(apply_free(last.clone()).unwrap().longevity, 6);
        assert_eq!(Balances::balance(&node()), FUNDS + 180);
        assert_eq!(validity(last), Err(InvalidTransaction::Stale));
        // The new round does not end.
        wait(6);
        work();
        assert_eq!(submitted(), []);
        assert_eq!(validity(next), Err(InvalidTransaction::Future));
        assert_eq!(FreeClaims::<Test>::iter().count(), 1);
        // What was counted of the old one goes with its channels.
        assert_ok!(PromiseSettlement::change_notary(origin(payer()), session, notary()));
        assert_eq!(FreeClaims::<Test>::iter().count(), 0);
    });
}

#[test]
fn only_a_better_claim_of_a_closing_session_is_valid() {
    run(|| {
        let session = opened(1_000, 0);
        assert_eq!(validity(claim(SessionId::zero(), 1)), Err(InvalidTransaction::Stale));
        assert_eq!(validity(claim(session, 100)), Err(InvalidTransaction::Future));
        assert_ok!(bring(claim(session, 100)));
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        assert_eq!(validity(claim(session, 100)), Err(InvalidTransaction::Stale));
        let forged = signed_by(sp_keyring::Sr25519Keyring::Bob, promise(session, 500)).into();
        assert_eq!(validity(forged), Err(InvalidTransaction::BadProof));
        // The better one takes the other's place in a pool, by tag and priority.
        let (good, better) = (validity(claim(session, 200)).unwrap(), validity(claim(session, 201)).unwrap());
        assert_eq!(good.provides, better.provides);
        assert!(good.priority < better.priority);
        // Nobody comes in by another way.
        let call = || Box::new(claim(session, 200));
        for who in [RuntimeOrigin::none(), RuntimeOrigin::root(), origin(node())] {
            assert_noop!(PromiseSettlement::claim_authorized(who, call()), sp_runtime::DispatchError::BadOrigin);
        }
        let authorized = || RuntimeOrigin::from(frame_system::RawOrigin::Authorized);
        let open = Box::new(claim(opened(1_000, 1), 10));
        assert_noop!(PromiseSettlement::claim_authorized(authorized(), open), Error::<Test>::NotClosing);
        let none = Box::new(claim(SessionId::zero(), 10));
        assert_noop!(PromiseSettlement::claim_authorized(authorized(), none), Error::<Test>::NoSuchSession);
    });
}

#[test]
fn free_claims_that_rise_by_little_are_refused() {
    run(|| {
        let session = opened(6_400, 0);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        // A payer that uses up the first free claim with an old promise keeps less than a 64th from the node.
        apply_free(claim(session, 1)).unwrap();
        assert_eq!(validity(claim(session, 100)), Err(InvalidTransaction::ExhaustsResources));
        let authorized = RuntimeOrigin::from(frame_system::RawOrigin::Authorized);
        let little = Box::new(claim(session, 100));
        assert_noop!(PromiseSettlement::claim_authorized(authorized, little), Error::<Test>::TooLittleForFree);
        apply_free(claim(session, 101)).unwrap();
        assert_eq!(validity(claim(session, 102)), Err(InvalidTransaction::ExhaustsResources));
        // With a fee everything goes.
        assert_ok!(bring(claim(session, 102)));
        apply_free(claim(session, 6_400)).unwrap();
        assert_ok!(close(node(), session, None));
        assert_eq!(FreeClaims::<Test>::iter().count(), 0);
    });
}

#[test]
fn what_could_not_be_settled_is_not_valid() {
    run(|| {
        // Otherwise it would be brought again in every block, for nothing.
        let poor = account(50);
        Available::mutate(|nodes| nodes.push(poor.clone()));
        let session = open(Beneficiary::Node(poor.clone()), None, 1_000, 0).unwrap();
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        let before = (events(), Balances::total_issuance());
        assert_eq!(validity(claim(session, 5)), Err(InvalidTransaction::Call));
        // Nor does asking leave anything behind.
        assert!(validity(claim(session, 500)).is_ok());
        assert_eq!((events(), Balances::total_issuance()), before);
        assert_eq!((Balances::balance(&poor), held(&payer())), (0, 1_000));

        let network = opened_network(1_000, 2);
        assert_ok!(PromiseSettlement::request_close(origin(payer()), network));
        let all = 1_000 + bond(&notary());
        apply_free(network_claim(network, 0, &node(), all, all)).unwrap();
        assert_eq!(validity(network_claim(network, 0, &node(), all + 100, all + 100)), Err(InvalidTransaction::Call));
    });
}

#[test]
fn says_why_a_claim_is_not_worth_keeping() {
    run(|| {
        let check = PromiseSettlement::check_claim;
        let session = opened(1_000, 0);
        assert_eq!(check(claim(SessionId::zero(), 1)), Err(WatchtowerError::NoSuchSession));
        assert_eq!(check(claim(session, 0)), Err(WatchtowerError::NothingNew));
        let forged: Claim = signed_by(sp_keyring::Sr25519Keyring::Bob, promise(session, 500)).into();
        assert_eq!(check(forged), Err(WatchtowerError::BadClaim));
        // Worth what it says, since the payer may top up.
        assert_eq!(check(claim(session, 5_000)), Ok(5_000));
        assert_ok!(bring(claim(session, 1_000)));
        assert_eq!(check(claim(session, 5_000)), Err(WatchtowerError::NothingNew));

        let network = opened_network(1_000, 2);
        assert_ok!(PromiseSettlement::change_notary(origin(payer()), network, account(ANCHORS[1])));
        assert_eq!(check(network_claim(network, 1, &node(), 10, 10)), Err(WatchtowerError::TooEarly));
        assert_eq!(check(network_claim(network, 0, &node(), 10, 10)), Ok(10));
        assert_eq!(check(network_claim(network, 2, &node(), 10, 10)), Err(WatchtowerError::BadClaim));
    });
}

#[test]
fn forgets_sessions_that_stay_gone_and_not_those_that_come_back() {
    run_off_chain(|submitted| {
        let (first, second) = (opened(1_000, 0), opened(1_000, 1));
        kept(&claim(first, 100));
        kept(&claim(second, 100));
        let hidden = Sessions::<Test>::take(second).unwrap();
        assert_ok!(close(node(), first, None));
        work();
        assert!(index().iter().all(|kept| kept.missing_since == Some(1)));
        // The second session was only hidden by a reorganisation.
        Sessions::<Test>::insert(second, hidden);
        wait(FORGET_AFTER - 1);
        work();
        assert_eq!(index().iter().filter(|kept| kept.missing_since.is_none()).count(), 1);
        wait(1);
        work();
        let left = index();
        assert_eq!(left.iter().map(|kept| kept.id).collect::<Vec<_>>(), [second]);
        let stored = |id| StorageValueRef::persistent(&claim_key(id)).get::<Claim>().unwrap();
        assert_eq!(stored(&first), None);
        assert!(stored(&second).is_some());
        assert_eq!(submitted(), []);
    });
}

#[test]
fn what_others_left_in_the_storage_does_no_harm() {
    run_off_chain(|submitted| {
        // Nothing, no index, an index of claims that are not there or can't be read.
        work();
        StorageValueRef::persistent(INDEX_KEY).set(&[0xffu8; 40]);
        work();
        let session = opened(1_000, 0);
        StorageValueRef::persistent(INDEX_KEY).set(&Index::default());
        kept(&claim(session, 100));
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        let key = claim_key(&session);
        StorageValueRef::persistent(&key).set(&[1u8; 3]);
        work();
        StorageValueRef::persistent(&key).clear();
        work();
        assert_eq!(submitted(), []);
        assert!(Claim::decode(&mut &[1u8; 3][..]).is_err());
    });
}
