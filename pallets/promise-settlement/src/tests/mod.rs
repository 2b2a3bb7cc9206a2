//! Every call, its failures, those who mean ill, and random sequences of everything.

mod adversarial;
mod batch;
mod claim;
mod close;
mod network;
mod open;
mod sequences;
mod watchtower;

use frame_support::{
    assert_noop, assert_ok,
    dispatch::DispatchResultWithPostInfo,
    traits::fungible::{Inspect, InspectHold},
};
use smartlayer_primitives::{
    notary::channel_id, promise::session_id, promise::Claim, session::Beneficiary, AccountId, Balance, SessionId,
    TokenTypeId,
};
use sp_runtime::DispatchResult;

use crate::{mock::*, Channels, Error, Event, FreeClaims, HoldReason, LastNonce, Reported, Sessions};

fn origin(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

fn id(payer: AccountId, node: AccountId, nonce: u64) -> SessionId {
    session_id(&genesis(), &payer, &node, nonce)
}

fn held(who: &AccountId) -> Balance {
    Balances::balance_on_hold(&HoldReason::Session.into(), who)
}

fn held_for_storage(who: &AccountId) -> Balance {
    Balances::balance_on_hold(&HoldReason::SessionStorage.into(), who)
}

/// Opens a session of the first payer with the usual signer and the longest lifetime.
fn open(
    beneficiary: Beneficiary,
    token_type: Option<TokenTypeId>,
    deposit: Balance,
    nonce: u64,
) -> Result<SessionId, sp_runtime::DispatchError> {
    let session = id(payer(), beneficiary.account().clone(), nonce);
    let signer = SIGNER.to_account_id();
    PromiseSettlement::open(origin(payer()), beneficiary, signer, token_type, deposit, nonce, LIFETIME)?;
    Ok(session)
}

/// Opens a session of the first payer to the first node.
fn opened(deposit: Balance, nonce: u64) -> SessionId {
    open(Beneficiary::Node(node()), None, deposit, nonce).unwrap()
}

/// Opens a network session of the first payer with the first notary.
fn opened_network(deposit: Balance, max_nodes: u16) -> SessionId {
    open(network(max_nodes), None, deposit, PromiseSettlement::next_nonce(payer()).unwrap()).unwrap()
}

fn bring(claim: Claim) -> DispatchResultWithPostInfo {
    PromiseSettlement::claim(origin(anyone()), Box::new(claim))
}

fn close(who: AccountId, session: SessionId, last: Option<Claim>) -> DispatchResult {
    PromiseSettlement::close(origin(who), session, last.map(Box::new))
}

fn wait(blocks: u32) {
    System::set_block_number(System::block_number() + blocks);
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

/// A claim of the first node without an issuer.
fn claimed(session: SessionId, paid: Balance, burned: Balance, cumulative: Balance) -> Event<Test> {
    Event::Claimed { session, node: node(), paid, burned, issuer: 0, cumulative }
}

#[test]
#[docify::export]
fn a_session_from_opening_to_closing() {
    run(|| {
        let issuance = Balances::total_issuance();

        // The payer sets 1000 aside for the node for 100 blocks, and lets a signer spend it.
        let nonce = PromiseSettlement::next_nonce(payer()).unwrap();
        let (beneficiary, signer) = (Beneficiary::Node(node()), SIGNER.to_account_id());
        assert_ok!(PromiseSettlement::open(origin(payer()), beneficiary, signer, None, 1_000, nonce, 100));
        let session = session_id(&genesis(), &payer(), &node(), nonce);

        // Off the chain, the signer promises 100, then 300 in total. The node brings the last promise and closes.
        let last = claim(session, 300);
        assert_ok!(PromiseSettlement::close(origin(node()), session, Some(Box::new(last))));

        // A tenth of the 300 is destroyed, the node has the rest of them, and the payer the rest of the deposit.
        assert_eq!(Balances::total_issuance(), issuance - 30);
        assert_eq!(Balances::balance(&node()), FUNDS + 270);
        assert_eq!(Balances::balance(&payer()), FUNDS - 300);
        assert_eq!(PromiseSettlement::session(session), None);
    });
}

#[test]
#[docify::export]
fn a_network_session() {
    run(|| {
        // The payer sets 1000 aside for up to ten nodes, and has a notary share it out.
        let nonce = PromiseSettlement::next_nonce(payer()).unwrap();
        let (network, signer) = (Beneficiary::Network { notary: notary(), max_nodes: 10 }, SIGNER.to_account_id());
        assert_ok!(PromiseSettlement::open(origin(payer()), network, signer, None, 1_000, nonce, 100));
        let session = session_id(&genesis(), &payer(), &notary(), nonce);
        assert_eq!(PromiseSettlement::budget(session), Some(1_000));

        // Off the chain, it allocates 300 to one node and 200 to another, and each has promises of its own.
        let (round, first, second) = (0, node(), other_node());
        let of_first = network_claim(session, round, &first, 300, 300);
        let of_second = network_claim(session, round, &second, 150, 200);
        assert_ok!(PromiseSettlement::claim_batch(origin(anyone()), vec![of_first, of_second].try_into().unwrap()));
        assert_eq!(Balances::balance(&first), FUNDS + 270);
        assert_eq!(Balances::balance(&second), FUNDS + 135);

        // When the window is over, the payer gets back what nobody claimed.
        assert_ok!(PromiseSettlement::request_close(origin(payer()), session));
        wait(10);
        assert_ok!(PromiseSettlement::finish(origin(anyone()), session));
        assert_eq!(Balances::balance(&payer()), FUNDS - 450);
    });
}

#[test]
fn try_state_sees_what_is_wrong() {
    let broken = |breaks: fn(SessionId)| {
        new_test_ext().execute_with(|| {
            let session = opened_network(1_000, 2);
            assert_ok!(bring(network_claim(session, 0, &node(), 100, 100)));
            assert_ok!(PromiseSettlement::do_try_state());
            breaks(session);
            assert!(PromiseSettlement::do_try_state().is_err());
        });
    };
    broken(|session| Sessions::<Test>::mutate(session, |s| s.as_mut().unwrap().paid = 1_001));
    broken(|session| Sessions::<Test>::mutate(session, |s| s.as_mut().unwrap().issuer_paid += 1));
    broken(|session| Sessions::<Test>::mutate(session, |s| s.as_mut().unwrap().deposit = 1_001));
    broken(|session| Sessions::<Test>::mutate(session, |s| s.as_mut().unwrap().storage_deposit += 1));
    broken(Sessions::<Test>::remove);
    broken(|_| LastNonce::<Test>::remove(payer()));
    broken(|session| Channels::<Test>::remove(session, channel_id(&session, 0, &node())));
    broken(|session| FreeClaims::<Test>::insert(session, ()));
    broken(|_| Reported::<Test>::insert(SessionId::zero(), frame_support::BoundedVec::truncate_from(vec![1])));
}
