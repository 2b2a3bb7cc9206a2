//! A saved answer that is what it says holds; each way of changing it is noticed, with a reason of its own.

use proptest::prelude::*;
use smartlayer_answer_proof::{verify, Claim, Flaw, SavedAnswer, Snapshot, TakenAt};
use smartlayer_api_types::{
    rpc::Proof,
    x402::{ReceiptJson, SettlementResponse},
    Amount, HexBytes,
};
use smartlayer_grants::{Principal, SignedTransfer, Statement, StatementSignature, TransferOrder};
use smartlayer_primitives::{
    commitment::{Commitment, StoredCommitment, Totals},
    merkle::{prove, MerkleRoot},
    operation::Operation,
    payload::{blake2_256, Payload},
    promise::call_hash,
    receipt::{Executed, Issued, Owner, Receipt, SignedReceipt},
    AccountId, Hash, InstanceId, Signature,
};
use sp_core::{sr25519, Pair};

const GENESIS: Hash = Hash::repeat_byte(1);
const INSTANCE: InstanceId = InstanceId { token_type: 0, index: 7 };
const REQUEST: &str = r#"{"jsonrpc":"2.0","id":9,"method":"token_call","params":{"instance":{"tokenType":0,"index":7},"action":"redeem"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":9,"result":{"instance":{"tokenType":0,"index":7},"action":"redeem","operation":2,"attributes":{"seat":"12A"},"blocks":{"eip155:1":{"number":100,"hash":"0x0202020202020202020202020202020202020202020202020202020202020202"}}}}"#;

fn node() -> AccountId {
    AccountId::from([7; 32])
}

fn key(seed: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[seed; 32])
}

fn account(seed: u8) -> AccountId {
    key(seed).public().into()
}

fn receipt(request: &str, answer: &str, operation: Option<Executed>, signer: u8) -> SignedReceipt {
    let receipt = Receipt {
        node: node(),
        session: Hash::repeat_byte(3),
        charged: 500,
        cumulative: 1500,
        request_hash: call_hash(request.as_bytes()),
        result_hash: blake2_256(answer.as_bytes()),
        operation,
    };
    let signature = Signature::Sr25519(key(signer).sign(&receipt.signing_payload(&GENESIS)));
    SignedReceipt { receipt, signature }
}

fn saved_with(request: &str, answer: &str, receipt: &SignedReceipt) -> SavedAnswer {
    let response = SettlementResponse::settled(&GENESIS, AccountId::from([9; 32]), receipt);
    SavedAnswer::new(request.into(), answer.into(), response)
}

fn commitment(period: u32, previous: Hash, operations: MerkleRoot) -> StoredCommitment {
    let commitment = Commitment {
        period,
        previous,
        operations,
        bitmaps: MerkleRoot::default(),
        report: MerkleRoot::default(),
        assignments: MerkleRoot::default(),
        totals: Totals::default(),
        writer: AccountId::from([5; 32]),
    };
    StoredCommitment { hash: commitment.payload_hash(&GENESIS), commitment, block: 10 * period }
}

/// An operation that is proved in period 4, and the chain that says so.
fn proved() -> (SavedAnswer, Snapshot) {
    let executed = Executed::new(INSTANCE, 2);
    let receipt = receipt(REQUEST, ANSWER, Some(executed), 1);
    let operations: Vec<Operation> = (0..5)
        .map(|index| {
            let instance = InstanceId { token_type: 0, index: if index == 3 { 7 } else { 100 + index } };
            Operation { instance, kind: 2, receipt: receipt.clone() }
        })
        .collect();
    let first = commitment(3, Hash::zero(), MerkleRoot::default());
    let second = commitment(4, first.hash, MerkleRoot::of(&operations));
    let mut saved = saved_with(REQUEST, ANSWER, &receipt);
    saved.proof = Some(Proof {
        period: 4,
        commitment: second.hash,
        leaf: HexBytes::of(&operations[3]),
        proof: HexBytes::of(&prove(&operations, 3).unwrap()),
    });
    let block = TakenAt { number: 50, hash: Hash::repeat_byte(4) };
    (saved, Snapshot::new(GENESIS, block, &[second, first], [(node(), account(1))]))
}

/// The codes of what doesn't hold.
fn flaws(saved: &SavedAnswer, snapshot: &Snapshot) -> Vec<&'static str> {
    verify(saved, snapshot).into_iter().filter_map(|finding| finding.outcome.err()).map(|flaw| flaw.code()).collect()
}

fn settled(saved: &mut SavedAnswer) -> &mut ReceiptJson {
    &mut saved.payment_response.extra.as_mut().unwrap().receipt
}

#[test]
fn what_was_saved_holds_line_by_line() {
    let (saved, snapshot) = proved();
    let findings = verify(&saved, &snapshot);
    let claims: Vec<_> = findings.iter().map(|finding| finding.claim).collect();
    assert_eq!(
        claims,
        [
            Claim::Snapshot,
            Claim::Chain,
            Claim::Charged,
            Claim::Request,
            Claim::Answer,
            Claim::Signature,
            Claim::Operation,
            Claim::Blocks,
            Claim::Inclusion
        ]
    );
    let said: Vec<_> = findings.into_iter().map(|finding| finding.outcome.unwrap()).collect();
    for (line, words) in [
        (0, "2 commitments"),
        (2, "500 planck"),
        (5, "its service key"),
        (6, "token_call, key operation 2 on instance 7"),
        (7, "eip155:1 block 100"),
        (8, "one of the 5 operations of period 4, committed in block 40"),
    ] {
        assert!(said[line].contains(words), "{words}: {}", said[line]);
    }
}

#[test]
fn files_are_read_as_they_were_written() {
    let (saved, snapshot) = proved();
    let bytes = serde_json::to_vec_pretty(&saved).unwrap();
    assert_eq!(SavedAnswer::read(&bytes).unwrap(), saved);
    assert_eq!(Snapshot::read(&serde_json::to_vec(&snapshot).unwrap()).unwrap(), snapshot);
    let newer = String::from_utf8(bytes).unwrap().replacen("\"version\": 1", "\"version\": 2", 1);
    assert!(SavedAnswer::read(newer.as_bytes()).unwrap_err().to_string().contains("version 2"));
    assert!(SavedAnswer::read(b"{}").is_err() && Snapshot::read(b"[").is_err());
    assert!(SavedAnswer::read(&vec![b' '; 17 << 20]).unwrap_err().to_string().contains("more than"));
}

#[test]
fn each_way_of_tampering_has_its_own_reason() {
    type Change = fn(&mut SavedAnswer, &mut Snapshot);
    let changes: &[(&str, Change)] = &[
        ("other-request", |saved, _| saved.request = saved.request.replace("\"index\":7", "\"index\": 7")),
        ("other-answer", |saved, _| saved.answer = saved.answer.replace("12A", "12B")),
        ("other-charge", |saved, _| saved.payment_response.extra.as_mut().unwrap().charged_amount = Amount(499)),
        ("other-chain", |saved, _| saved.payment_response.network = "polkadot:00".into()),
        ("no-receipt", |saved, _| saved.payment_response.extra = None),
        ("no-receipt", |saved, _| saved.payment_response.success = false),
        ("signature-form", |saved, _| settled(saved).signature.hex.0.truncate(63)),
        ("bad-signature", |saved, _| settled(saved).signature.hex.0[5] ^= 1),
        ("bad-signature", |saved, _| settled(saved).cumulative = Amount(1499)),
        ("bad-signature", |saved, _| settled(saved).session = Hash::repeat_byte(8)),
        ("unknown-node", |saved, _| settled(saved).node = AccountId::from([8; 32])),
        ("unknown-node", |_, snapshot| snapshot.service_keys.clear()),
        ("bad-signature", |_, snapshot| *snapshot.service_keys.get_mut(&node()).unwrap() = vec![account(2)]),
        ("other-operation", |saved, _| settled(saved).operation = None),
        ("other-operation", |saved, _| settled(saved).operation.as_mut().unwrap().kind = 3),
        ("proof-of-nothing", |saved, _| settled(saved).operation = None),
        ("other-leaf", |saved, _| settled(saved).charged = Amount(501)),
        ("leaf-form", |saved, _| _ = saved.proof.as_mut().unwrap().leaf.0.pop()),
        ("other-leaf", |saved, _| saved.proof.as_mut().unwrap().leaf.0[4] ^= 1),
        ("proof-form", |saved, _| saved.proof.as_mut().unwrap().proof.0.push(0)),
        ("not-included", |saved, _| saved.proof.as_mut().unwrap().proof.0[0] ^= 1),
        ("not-included", |saved, _| *saved.proof.as_mut().unwrap().proof.0.last_mut().unwrap() ^= 1),
        ("no-commitment", |saved, _| saved.proof.as_mut().unwrap().period = 5),
        ("other-commitment", |saved, _| saved.proof.as_mut().unwrap().commitment = Hash::repeat_byte(6)),
        ("other-commitment", |saved, _| saved.proof.as_mut().unwrap().period = 3),
        ("no-commitment", |_, snapshot| snapshot.commitments.truncate(1)),
        ("commitment-forged", |_, snapshot| snapshot.commitments[1].commitment.0[40] ^= 1),
        ("commitment-forged", |_, snapshot| snapshot.commitments[1].hash = Hash::repeat_byte(6)),
        ("commitment-forged", |_, snapshot| snapshot.commitments[0].period = 2),
        ("other-chain", |_, snapshot| snapshot.genesis = Hash::repeat_byte(2)),
        ("bad-signature", |_, snapshot| snapshot.genesis = Hash::repeat_byte(2)),
        ("commitment-forged", |_, snapshot| snapshot.genesis = Hash::repeat_byte(2)),
    ];
    for (i, (code, change)) in changes.iter().enumerate() {
        let (mut saved, mut snapshot) = proved();
        change(&mut saved, &mut snapshot);
        let found = flaws(&saved, &snapshot);
        assert!(found.contains(code), "{i}: {code} is not among {found:?}");
    }
}

#[test]
fn commitments_follow_each_other() {
    let (saved, _) = proved();
    let first = commitment(3, Hash::zero(), MerkleRoot::default());
    let other = commitment(4, Hash::repeat_byte(9), MerkleRoot::default());
    let block = TakenAt { number: 50, hash: Hash::zero() };
    let snapshot = Snapshot::new(GENESIS, block, &[first, other], [(node(), account(1))]);
    assert_eq!(verify(&saved, &snapshot)[0].outcome, Err(Flaw::CommitmentOrder(4)));
}

/// Whoever swaps request and answer together with a receipt of another call is noticed as well.
#[test]
fn an_answer_belongs_to_its_request() {
    let (_, snapshot) = proved();
    let flaws_of = |request: &str, answer: &str, operation| {
        flaws(&saved_with(request, answer, &receipt(request, answer, operation, 1)), &snapshot)
    };
    let executed = Some(Executed::new(INSTANCE, 2));
    assert_eq!(flaws_of(REQUEST, ANSWER, executed.clone()), [""; 0], "not yet committed, and nothing claimed of it");
    assert_eq!(flaws_of(&REQUEST.replace("\"id\":9", "\"id\":8"), ANSWER, executed.clone()), ["not-an-answer"]);
    assert_eq!(flaws_of("hello", ANSWER, executed.clone()), ["not-an-answer"]);
    assert_eq!(flaws_of(&REQUEST.replace("\"index\":7", "\"index\":8"), ANSWER, executed), ["other-operation"]);
    assert_eq!(flaws_of(REQUEST, ANSWER, None), ["other-operation"]);
    let read = REQUEST.replace("token_call", "token_attributes");
    let answer = ANSWER.replace("\"operation\":2,", "");
    assert_eq!(flaws_of(&read, &answer, None), [""; 0]);
    let error = r#"{"jsonrpc":"2.0","id":9,"error":{"code":-32000,"message":"no"}}"#;
    assert_eq!(flaws_of(REQUEST, error, None), [""; 0], "an error that was charged is an answer");
}

/// An order to destroy an instance and to issue 1/8 for it to an Ethereum address, by the account with this key; changed before it is signed.
fn ordered(change: impl FnOnce(&mut TransferOrder)) -> SignedTransfer {
    let mut order = TransferOrder {
        genesis: GENESIS,
        source: INSTANCE,
        issued: InstanceId { token_type: 1, index: 8 },
        owner: Principal::Substrate(account(6)),
        to: Principal::Ethereum([1; 20]),
        valid_until: 1_790_000_000,
        nonce: Hash::repeat_byte(9),
    };
    change(&mut order);
    let signature = Signature::Sr25519(key(6).sign(&order.signing_payload()));
    SignedTransfer { order, signature: StatementSignature::Substrate(signature) }
}

/// The call with this order.
fn transfer_request(signed: &SignedTransfer) -> String {
    let mut params = serde_json::to_value(signed).unwrap();
    params["instance"] = serde_json::json!({ "tokenType": 0, "index": 7 });
    serde_json::json!({ "jsonrpc": "2.0", "id": 9, "method": "token_transfer", "params": params }).to_string()
}

/// The answer that 1/8 was issued to that address.
const TRANSFERRED: &str = r#"{"jsonrpc":"2.0","id":9,"result":{"instance":{"tokenType":0,"index":7},"operation":2,"issued":{"instance":{"tokenType":1,"index":8},"kind":0,"owner":{"ethereum":"0x0101010101010101010101010101010101010101"}}}}"#;

fn issued() -> Issued {
    Issued { instance: InstanceId { token_type: 1, index: 8 }, kind: 0, owner: Owner::Ethereum([1; 20]) }
}

/// What doesn't hold of a call whose receipt says this.
fn flaws_of(request: &str, answer: &str, issued: Option<Issued>) -> Vec<&'static str> {
    let operation = Some(Executed { instance: INSTANCE, kind: 2, issued });
    flaws(&saved_with(request, answer, &receipt(request, answer, operation, 1)), &proved().1)
}

/// Request, answer and receipt say that the same was issued, to the same.
#[test]
fn a_transfer_issued_what_was_answered() {
    let request = transfer_request(&ordered(|_| ()));
    assert_eq!(flaws_of(&request, TRANSFERRED, Some(issued())), [""; 0]);
    assert_eq!(flaws_of(&request, TRANSFERRED, None), ["other-operation"]);
    let unsigned = saved_with(&request, TRANSFERRED, &receipt(&request, TRANSFERRED, None, 1));
    assert_eq!(flaws(&unsigned, &proved().1), ["other-operation"]);
    let other = Issued { owner: Owner::Ethereum([2; 20]), ..issued() };
    assert_eq!(flaws_of(&request, TRANSFERRED, Some(other)), ["other-operation", "other-order"]);
    let answered = TRANSFERRED.replace("\"kind\":0", "\"kind\":1");
    assert_eq!(flaws_of(&request, &answered, Some(issued())), ["other-operation"]);
}

/// A transfer is what its owner ordered and signed, whatever node and answer agree on.
#[test]
fn a_transfer_was_ordered() {
    let signed = ordered(|_| ());
    let request = transfer_request(&signed);
    let saved = {
        let operation = Some(Executed { instance: INSTANCE, kind: 2, issued: Some(issued()) });
        saved_with(&request, TRANSFERRED, &receipt(&request, TRANSFERRED, operation, 1))
    };
    let finding = verify(&saved, &proved().1).into_iter().find(|finding| finding.claim == Claim::Order).unwrap();
    let says = finding.outcome.unwrap();
    assert!(says.contains(&format!("the owner {} ordered it", signed.order.owner)), "{says}");
    assert!(says.contains("not shown"), "{says}");

    let with = |signed: &SignedTransfer| flaws_of(&transfer_request(signed), TRANSFERRED, Some(issued()));
    // To another recipient, of another source, for another instance, for another chain: all well signed.
    let to = Principal::Ethereum([2; 20]);
    assert_eq!(with(&ordered(|order| order.to = to)), ["other-order"]);
    assert_eq!(with(&ordered(|order| order.source.index = 6)), ["other-order"]);
    assert_eq!(with(&ordered(|order| order.issued.index = 9)), ["other-order"]);
    assert_eq!(with(&ordered(|order| order.genesis = Hash::repeat_byte(2))), ["other-order"]);
    // Of no chain's time and long ago, which nobody can tell from here.
    assert_eq!(with(&ordered(|order| order.valid_until = 1)), [""; 0]);
    // Signed by somebody else, and with a forged signature.
    let owner = Principal::Substrate(account(5));
    assert_eq!(with(&ordered(|order| order.owner = owner)), ["order-signature"]);
    let ethereum = Principal::Ethereum([5; 20]);
    assert_eq!(with(&ordered(|order| order.owner = ethereum)), ["order-signature"]);
    let signature = StatementSignature::Substrate(Signature::Sr25519(sr25519::Signature::from_raw([7; 64])));
    assert_eq!(with(&SignedTransfer { signature, ..signed.clone() }), ["order-signature"]);
    // Changed after it was signed.
    let order = TransferOrder { nonce: Hash::zero(), ..signed.order.clone() };
    assert_eq!(with(&SignedTransfer { order, ..signed }), ["order-signature"]);
    // No order, half of one, and a call that is none at all.
    let without = |what: &str| {
        let mut changed: serde_json::Value = serde_json::from_str(&request).unwrap();
        changed["params"].as_object_mut().unwrap().remove(what).unwrap();
        flaws_of(&changed.to_string(), TRANSFERRED, Some(issued()))
    };
    assert_eq!([without("order"), without("signature")], [["no-order"], ["no-order"]]);
    let described = request.replace("token_transfer", "token_describe").replace("\"order\"", "\"disorder\"");
    assert_eq!(flaws_of(&described, TRANSFERRED, Some(issued())), ["no-order"]);
}

#[test]
fn former_keys_and_commitments_are_remembered() {
    let (saved, earlier) = proved();
    let block = TakenAt { number: 90, hash: Hash::zero() };
    let newer = commitment(5, earlier.commitments[1].hash, MerkleRoot::default());
    let mut snapshot = Snapshot::new(GENESIS, block, std::slice::from_ref(&newer), [(node(), account(2))]);
    assert_eq!(flaws(&saved, &snapshot), ["bad-signature", "no-commitment"]);
    assert!(snapshot.remember(earlier.clone()));
    assert_eq!(flaws(&saved, &snapshot), [""; 0]);
    assert_eq!(snapshot.service_keys[&node()], [account(2), account(1)]);
    assert_eq!(snapshot.commitments.iter().map(|c| c.period).collect::<Vec<_>>(), [3, 4, 5]);
    let former = verify(&saved, &snapshot).into_iter().find(|finding| finding.claim == Claim::Signature).unwrap();
    assert!(former.outcome.unwrap().contains("former"));
    let mut other = Snapshot::new(Hash::zero(), block, &[newer], []);
    assert!(!other.remember(earlier) && other.service_keys.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// No byte of request, answer, leaf, path, signature or commitment can be changed.
    #[test]
    fn any_changed_byte_is_noticed(place in 0..6usize, at in any::<prop::sample::Index>(), bit in 0..7u8) {
        let (mut saved, mut snapshot) = proved();
        let text = |text: &mut String| {
            let mut bytes = std::mem::take(text).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            *text = String::from_utf8(bytes).unwrap();
        };
        let bytes = |bytes: &mut Vec<u8>| {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        };
        match place {
            0 => text(&mut saved.request),
            1 => text(&mut saved.answer),
            2 => bytes(&mut saved.proof.as_mut().unwrap().leaf.0),
            3 => bytes(&mut saved.proof.as_mut().unwrap().proof.0),
            4 => bytes(&mut settled(&mut saved).signature.hex.0),
            _ => bytes(&mut snapshot.commitments[1].commitment.0),
        }
        prop_assert!(!flaws(&saved, &snapshot).is_empty());
    }

    /// Whatever a file holds, it is read or refused, and looked at without a panic.
    #[test]
    fn nothing_in_a_file_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (saved, snapshot) = proved();
        let change = |mut bytes: Vec<u8>| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        };
        if let Ok(saved) = SavedAnswer::read(&change(serde_json::to_vec(&saved).unwrap())) {
            let _ = verify(&saved, &snapshot);
        }
        if let Ok(snapshot) = Snapshot::read(&change(serde_json::to_vec(&snapshot).unwrap())) {
            let _ = verify(&saved, &snapshot);
        }
    }
}
