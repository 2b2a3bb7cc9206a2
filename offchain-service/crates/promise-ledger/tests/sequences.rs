//! The invariant over whole lives of a session: top-ups, claims, restarts, and promises right, wrong, replayed and forged.

use proptest::prelude::*;
use smartlayer_primitives::{
    payload::Payload,
    promise::{Promise, SignedPromise},
    session::{Payee, Session},
    Balance, Hash, SessionId, Signature,
};
use smartlayer_promise_ledger::{accept, Check};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Eve};

const GENESIS: Hash = Hash::repeat_byte(1);
const SESSION: SessionId = SessionId::repeat_byte(2);

#[derive(Clone, Debug)]
enum Event {
    /// The payer calls, off from the right amount by this much.
    Call { price: Balance, off: i64, forged: bool },
    /// Somebody sends the n-th last accepted promise again.
    Replay(usize),
    /// The chain shows more deposit.
    TopUp(Balance),
    /// The node claims all it has.
    Claim,
    /// The node lost its records of the session.
    Forget,
    /// The chain is out of sight, or back.
    Sight(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let off = prop_oneof![4 => Just(0i64), 1 => -100i64..100];
    prop_oneof![
        8 => (0u128..200, off, prop::bool::weighted(0.1)).prop_map(|(price, off, forged)| Event::Call { price, off, forged }),
        2 => (0usize..4).prop_map(Event::Replay),
        1 => (0u128..500).prop_map(Event::TopUp),
        1 => Just(Event::Claim),
        1 => Just(Event::Forget),
        1 => any::<bool>().prop_map(Event::Sight),
    ]
}

fn signed(cumulative: Balance, call_hash: Hash, forged: bool) -> SignedPromise {
    let promise = Promise { session: SESSION, cumulative, call_hash, ticks: None };
    let key = if forged { Eve } else { Alice };
    SignedPromise { signature: Signature::Sr25519(key.sign(&promise.signing_payload(&GENESIS))), promise }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn accepted_never_exceeds_the_deposit_and_never_falls(events in prop::collection::vec(event(), 1..60)) {
        let node = Bob.to_account_id();
        let mut session = Session {
            payer: Alice.to_account_id(), payee: Payee::Node(node.clone()), signer: Alice.to_account_id(), issuer: None,
            deposit: 1000, paid: 0, burned: 0, issuer_paid: 0, storage_deposit: 5, burn_rate: Default::default(),
            challenge_window: 10, expires_at: 100, closing_at: None,
        };
        let (mut accepted, mut fresh, mut charged_in_all) = (0, true, 0);
        let mut taken: Vec<SignedPromise> = Vec::new();
        for (number, event) in events.into_iter().enumerate() {
            let (promise, price, right) = match event {
                Event::TopUp(amount) => { session.deposit += amount; continue }
                Event::Claim if accepted > session.claimed() => {
                    session.paid = accepted - 2 * (accepted / 10);
                    (session.burned, session.issuer_paid) = (accepted / 10, accepted / 10);
                    continue;
                }
                Event::Claim => continue,
                Event::Forget => {
                    // What was not claimed is lost with the records; the promises for it are worth nothing to this node any more.
                    charged_in_all = session.claimed();
                    accepted = 0;
                    continue;
                }
                Event::Sight(seen) => { fresh = seen; continue }
                Event::Replay(back) => match taken.iter().rev().nth(back) {
                    // A free call owes what was owed before it, so its promise can be sent again, for nothing.
                    Some(promise) => (promise.clone(), 1, false),
                    None => continue,
                },
                Event::Call { price, off, forged } => {
                    let owed = accepted.max(session.claimed());
                    let amount = (owed + price).saturating_add_signed(off.into());
                    let hash = Hash::from_low_u64_be(number as u64);
                    (signed(amount, hash, forged), price, off == 0 && !forged && fresh && owed + price <= session.deposit)
                }
            };
            let before = accepted.max(session.claimed());
            let check = Check {
                genesis: &GENESIS, node: &node, session_id: &SESSION, session: Some(&session), fresh, block: 1, called: &[(7, false)],
                accepted, price,
                call_hash: &promise.promise.call_hash,
            };
            match accept(&check, &promise) {
                Ok(now) => {
                    prop_assert!(now.cumulative >= before && now.cumulative <= session.deposit);
                    prop_assert_eq!(now.cumulative, before + price);
                    prop_assert_eq!((now.charged, now.cumulative), (price, promise.promise.cumulative));
                    accepted = now.cumulative;
                    charged_in_all += now.charged;
                    prop_assert_eq!(charged_in_all, accepted);
                    taken.push(promise);
                }
                Err(_) => prop_assert!(!right),
            }
        }
    }
}
