//! One golden case a rejection: its code and its words are what clients see.

use smartlayer_api_types::ErrorCode;
use smartlayer_primitives::{
    notary::{Notary, Round},
    payload::{blake2_256, Payload},
    promise::{Promise, SignedPromise, TickCommitment},
    session::{IssuerShare, Payee, Session},
    AccountId, Balance, Hash, SessionId, Signature,
};
use smartlayer_promise_ledger::{accept, Accepted, Check, Rejection, EXPIRY_MARGIN};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie};

const GENESIS: Hash = Hash::repeat_byte(1);
const SESSION: SessionId = SessionId::repeat_byte(2);
const CALL: Hash = Hash::repeat_byte(3);
const OTHER_CALL: Hash = Hash::repeat_byte(9);

fn session() -> Session {
    Session {
        payer: Alice.to_account_id(),
        payee: Payee::Node(Bob.to_account_id()),
        signer: Alice.to_account_id(),
        issuer: None,
        deposit: 1000,
        paid: 80,
        burned: 10,
        issuer_paid: 10,
        storage_deposit: 5,
        burn_rate: Default::default(),
        challenge_window: 10,
        expires_at: 100,
        closing_at: None,
    }
}

fn promise(cumulative: Balance) -> Promise {
    Promise { session: SESSION, cumulative, call_hash: CALL, ticks: None }
}

fn signed_for(genesis: Hash, by: Sr25519Keyring, promise: Promise) -> SignedPromise {
    let signature = Signature::Sr25519(by.sign(&promise.signing_payload(&genesis)));
    SignedPromise { promise, signature }
}

fn signed(promise: Promise) -> SignedPromise {
    signed_for(GENESIS, Alice, promise)
}

/// The session, opened for a token type.
fn for_type(token_type: u32) -> Session {
    let issuer = IssuerShare { token_type, account: Charlie.to_account_id(), share: Default::default() };
    Session { issuer: Some(issuer), ..session() }
}

fn notary() -> Notary {
    let current = Round {
        number: 0,
        notary: Charlie.to_account_id(),
        key: Charlie.public(),
        starts_at: 0,
        before: Some(Default::default()),
    };
    Notary { current, former: None, max_nodes: 4, nodes: 0 }
}

/// A check that accepts `promise(550)`, changed by `change`.
fn outcome(
    change: impl FnOnce(&mut Check<'_>),
    session: Option<&Session>,
    promise: &SignedPromise,
) -> Result<Accepted, Rejection> {
    let node = Bob.to_account_id();
    let mut check = Check {
        genesis: &GENESIS,
        node: &node,
        session_id: &SESSION,
        session,
        fresh: true,
        block: 100 - EXPIRY_MARGIN - 1,
        called: &[(7, false)],
        accepted: 500,
        price: 50,
        call_hash: &CALL,
    };
    change(&mut check);
    accept(&check, promise)
}

#[test]
fn the_right_promise_is_accepted() {
    let good = Ok(Accepted { cumulative: 550, charged: 50 });
    assert_eq!(outcome(|_| (), Some(&session()), &signed(promise(550))), good);
    // To the last planck.
    let last = |check: &mut Check<'_>| check.accepted = 950;
    assert_eq!(outcome(last, Some(&session()), &signed(promise(1000))), Ok(Accepted { cumulative: 1000, charged: 50 }));
    // From a session for the type, with or without a share.
    assert_eq!(outcome(|_| (), Some(&for_type(7)), &signed(promise(550))), good);
    assert_eq!(outcome(|check| check.called = &[(7, true)], Some(&for_type(7)), &signed(promise(550))), good);
    // A node that lost its records goes on from what the chain paid out.
    let lost = |check: &mut Check<'_>| check.accepted = 0;
    assert_eq!(outcome(lost, Some(&session()), &signed(promise(150))), Ok(Accepted { cumulative: 150, charged: 50 }));
}

#[test]
fn every_rejection_has_its_code_and_its_words() {
    let plain = session();
    let good = signed(promise(550));
    let closing = Session { closing_at: Some(77), ..session() };
    let elsewhere = Session { payee: Payee::Node(Charlie.to_account_id()), ..session() };
    let network = Session { payee: Payee::Network(notary()), ..session() };
    let other_type = for_type(8);
    let mut reused = good.clone();
    reused.promise.call_hash = OTHER_CALL;
    let other_request = signed(Promise { call_hash: OTHER_CALL, ..promise(550) });
    let ticks = TickCommitment { root: Hash::zero(), unit: 1, length: 10 };
    let with_ticks = signed(Promise { ticks: Some(ticks), ..promise(550) });
    let other = SessionId::repeat_byte(8);
    let other_session = signed(Promise { session: other, ..promise(550) });

    type Change = fn(&mut Check<'_>);
    let same: Change = |_| ();
    let stale: Change = |check| check.fresh = false;
    let shared: Change = |check| check.called = &[(7, true)];
    let late: Change = |check| check.block += 1;
    let at_the_end: Change = |check| check.block = u32::MAX;
    let exhausted: Change = |check| check.accepted = 951;
    let overflowing: Change = |check| check.price = Balance::MAX;
    let [alice, charlie] = [Alice, Charlie].map(|key| key.to_account_id());
    let low = |found| Rejection::CumulativeTooLow { expected: 550, found };
    let over = |needed| Rejection::OverDeposit { deposit: 1000, needed };
    let forged = Rejection::BadSignature { signer: alice };

    let cases: Vec<(Change, Option<&Session>, SignedPromise, Rejection, &str)> = vec![
        (stale, Some(&plain), good.clone(), Rejection::StaleChainView, "stale_chain_view"),
        (
            same,
            Some(&plain),
            other_session,
            Rejection::OtherSession { presented: SESSION, promised: other },
            "other_session",
        ),
        (same, None, good.clone(), Rejection::UnknownSession { session: SESSION }, "unknown_session"),
        (same, Some(&elsewhere), good.clone(), Rejection::OtherNode { expected: charlie }, "other_node"),
        (same, Some(&network), good.clone(), Rejection::NetworkSession, "network_session"),
        (shared, Some(&plain), good.clone(), Rejection::OtherToken { called: 7, session: None }, "other_token"),
        (shared, Some(&other_type), good.clone(), Rejection::OtherToken { called: 7, session: Some(8) }, "other_token"),
        (same, Some(&other_type), good.clone(), Rejection::OtherToken { called: 7, session: Some(8) }, "other_token"),
        (same, Some(&closing), good.clone(), Rejection::SessionClosing { at: 77 }, "session_closing"),
        (late, Some(&plain), good.clone(), Rejection::SessionExpiring { at: 100 }, "session_expiring"),
        (at_the_end, Some(&plain), good.clone(), Rejection::SessionExpiring { at: 100 }, "session_expiring"),
        (same, Some(&plain), with_ticks, Rejection::TicksUnsupported, "ticks_unsupported"),
        (
            same,
            Some(&plain),
            other_request,
            Rejection::OtherRequest { expected: CALL, promised: OTHER_CALL },
            "other_request",
        ),
        (same, Some(&plain), signed(promise(500)), low(500), "cumulative_too_low"),
        (same, Some(&plain), signed(promise(549)), low(549), "cumulative_too_low"),
        (same, Some(&plain), signed(promise(0)), low(0), "cumulative_too_low"),
        (same, Some(&plain), signed(promise(551)), Rejection::Overpaid { expected: 550, found: 551 }, "overpaid"),
        (same, Some(&plain), signed(promise(1001)), over(1001), "over_deposit"),
        (same, Some(&plain), signed(promise(Balance::MAX)), over(Balance::MAX), "over_deposit"),
        (exhausted, Some(&plain), signed(promise(1001)), over(1001), "over_deposit"),
        (overflowing, Some(&plain), signed(promise(Balance::MAX)), over(Balance::MAX), "over_deposit"),
        (same, Some(&plain), signed_for(GENESIS, Bob, promise(550)), forged.clone(), "bad_signature"),
        (same, Some(&plain), signed_for(Hash::zero(), Alice, promise(550)), forged.clone(), "bad_signature"),
        (
            same,
            Some(&plain),
            SignedPromise { promise: promise(550), signature: signed(promise(551)).signature },
            forged,
            "bad_signature",
        ),
    ];
    for (change, session, promise, expected, code) in cases {
        let found = outcome(change, session, &promise).unwrap_err();
        assert_eq!(found, expected);
        assert_eq!(found.code(), code);
        // The API speaks of it under the same name.
        let known = ErrorCode::ALL.iter().find(|known| known.name() == code);
        assert!(known.is_some_and(|known| known.is_payment()), "{code}");
        // What is wrong; what to do.
        assert!(found.to_string().contains("; "), "{found}");
    }
    // A promise that was changed on the way fails on its signature.
    let changed = outcome(|check| check.call_hash = &OTHER_CALL, Some(&plain), &reused);
    assert_eq!(changed.unwrap_err().code(), "bad_signature");
}

#[test]
fn every_kind_of_key_signs() {
    use sp_core::{ecdsa, ed25519, Pair};
    let payload = promise(550).signing_payload(&GENESIS);
    let ed = ed25519::Pair::from_seed(&[1; 32]);
    let ec = ecdsa::Pair::from_seed(&[1; 32]);
    let ec_account = AccountId::new(blake2_256(ec.public().as_ref()).0);
    let keys = [
        (AccountId::new(ed.public().0), Signature::Ed25519(ed.sign(&payload))),
        (ec_account, Signature::Ecdsa(ec.sign(&payload))),
    ];
    for (signer, signature) in keys {
        let session = Session { signer, ..session() };
        let promise = SignedPromise { promise: promise(550), signature };
        assert!(outcome(|_| (), Some(&session), &promise).is_ok());
    }
}
