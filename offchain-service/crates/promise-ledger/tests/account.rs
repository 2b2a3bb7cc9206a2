//! What is claimable never exceeds what receipts charged, whatever fails, stops or starts again.

use proptest::prelude::*;
use smartlayer_primitives::{
    payload::Payload,
    promise::{Promise, SignedPromise},
    session::{Payee, Session},
    Balance, Hash, SessionId, Signature,
};
use smartlayer_promise_ledger::{accept, Account, Check};
use sp_keyring::Sr25519Keyring::{Alice, Bob};

const GENESIS: Hash = Hash::repeat_byte(1);
const SESSION: SessionId = SessionId::repeat_byte(2);
const DEPOSIT: Balance = 100_000;
const BOUND: u32 = 3;

fn session() -> Session {
    Session {
        payer: Alice.to_account_id(),
        payee: Payee::Node(Bob.to_account_id()),
        signer: Alice.to_account_id(),
        issuer: None,
        deposit: DEPOSIT,
        paid: 0,
        burned: 0,
        issuer_paid: 0,
        storage_deposit: 5,
        burn_rate: Default::default(),
        challenge_window: 10,
        expires_at: 100,
        closing_at: None,
    }
}

fn signed(cumulative: Balance, call: u64) -> SignedPromise {
    let promise = Promise { session: SESSION, cumulative, call_hash: Hash::from_low_u64_be(call), ticks: None };
    SignedPromise { signature: Signature::Sr25519(Alice.sign(&promise.signing_payload(&GENESIS))), promise }
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Answered,
    /// Answered, and what this node had not written down of it is lost.
    AnsweredAndForgotten,
    Failed,
    NodeFailed,
    Crashed,
}

#[derive(Clone, Debug)]
enum Event {
    Call {
        price: Balance,
        end: End,
    },
    /// The payer sends its last request again, whatever became of it.
    Again {
        end: End,
    },
    Claim,
}

fn event() -> impl Strategy<Value = Event> {
    use End::*;
    let end = || {
        prop_oneof![
            3 => Just(Answered), 1 => Just(AnsweredAndForgotten), 3 => Just(Failed), 1 => Just(NodeFailed), 1 => Just(Crashed)
        ]
    };
    prop_oneof![
        6 => (1u128..200, end()).prop_map(|(price, end)| Event::Call { price, end }),
        1 => end().prop_map(|end| Event::Again { end }),
        1 => Just(Event::Claim),
    ]
}

/// What the payer has: the sum of what receipts charged, which is also the last cumulative amount that they confirm.
#[derive(Default)]
struct Payer {
    charged: Balance,
    last: Option<(SignedPromise, Balance)>,
    calls: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_is_claimable_that_no_receipt_charged(events in prop::collection::vec(event(), 1..80)) {
        let node = Bob.to_account_id();
        let mut session = session();
        let mut payer = Payer::default();
        // As in memory, and as on disk.
        let (mut account, mut disk) = (Account::default(), Account::default());
        let (mut free_failures, mut answered) = (0u32, 0u32);
        for event in events {
            let (promise, price, end) = match event {
                Event::Claim => {
                    session.paid = account.owed().max(session.paid);
                    continue;
                }
                Event::Call { price, end } => {
                    payer.calls += 1;
                    (signed(payer.charged + price, payer.calls), price, end)
                }
                Event::Again { end } => match payer.last.clone() {
                    // Who has the answer does not ask for it, though this node may not remember that it gave it.
                    Some((promise, price)) if promise.promise.cumulative > payer.charged => (promise, price, end),
                    _ => continue,
                },
            };
            payer.last = Some((promise.clone(), price));
            if !account.is_pending(&promise.promise) {
                let before = account.before(&promise.promise, price, session.claimed());
                let check = Check {
                    genesis: &GENESIS, node: &node, session_id: &SESSION, session: Some(&session), fresh: true, block: 1,
                    called: &[(7, false)], accepted: before, price, call_hash: &promise.promise.call_hash,
                };
                prop_assert!(accept(&check, &promise).is_ok());
                account.accept(promise.clone(), before);
                disk = account.clone();
            }
            // While it is in work, what is claimable is what was charged before.
            prop_assert_eq!(account.owed().max(session.paid), payer.charged);
            match end {
                End::Answered | End::AnsweredAndForgotten => {
                    account.earn(1);
                    answered += 1;
                    payer.charged = promise.promise.cumulative;
                }
                End::Failed => {
                    let free = account.fail(1, BOUND);
                    match free {
                        true => free_failures += 1,
                        false => payer.charged = promise.promise.cumulative,
                    }
                    disk = account.clone();
                }
                End::NodeFailed => {
                    account.let_go();
                    disk = account.clone();
                }
                End::Crashed => account = disk.clone(),
            }
            if matches!(end, End::AnsweredAndForgotten) {
                account = disk.clone();
            }
            prop_assert!(account.owed() <= payer.charged);
            prop_assert!(account.failures <= BOUND);
            prop_assert!(free_failures <= BOUND + answered);
        }
    }
}

#[test]
fn a_failure_is_free_until_the_credit_is_used_up() {
    let mut account = Account::default();
    for call in 0..3 {
        account.accept(signed(10, call), 0);
        assert!(account.fail(1, BOUND));
        assert_eq!((account.owed(), account.pending.is_none()), (0, true));
    }
    account.accept(signed(10, 3), 0);
    assert!(!account.fail(1, BOUND));
    assert_eq!(account.owed(), 10);
    // One charged answer buys one more.
    account.accept(signed(20, 4), 10);
    account.earn(1);
    account.accept(signed(30, 5), 20);
    assert!(account.fail(1, BOUND));
    account.accept(signed(30, 6), 20);
    assert!(!account.fail(1, BOUND));
    assert_eq!(account.owed(), 30);
    // A batch needs some credit, and may use up all.
    let mut account = Account::default();
    account.accept(signed(100, 0), 0);
    assert!(account.fail(100, BOUND));
    assert_eq!(account.failures, BOUND);
}

#[test]
fn who_pays_on_top_of_a_pending_promise_confirms_it() {
    let mut account = Account::default();
    account.accept(signed(10, 0), 0);
    // In place of it: the first was never answered.
    let other = signed(10, 1);
    let before = account.before(&other.promise, 10, 0);
    account.accept(other.clone(), before);
    assert_eq!((before, account.owed(), account.pending.as_ref()), (0, 0, Some(&other)));
    let next = signed(25, 2);
    let before = account.before(&next.promise, 15, 0);
    account.accept(next.clone(), before);
    assert_eq!((before, account.earned, account.pending), (10, Some(other), Some(next)));
}
