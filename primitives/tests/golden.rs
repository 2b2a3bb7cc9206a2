//! The bytes of everything that gets signed or hashed, for clients in other languages. A change here breaks every one of them.
//!
//! `SMARTLAYER_BLESS=1 cargo test -p smartlayer-primitives --test golden` rewrites the file.

use codec::Encode;
use serde_json::{json, Value};
use smartlayer_primitives::{
    assignment::{Assignment, Coding, Holding},
    commitment::{Commitment, Totals},
    duty,
    merkle::{Leaf, MerkleRoot},
    node::KeyOwnership,
    notary::{channel_id, Allocation, SignedAllocation},
    operation::{Operation, OperationBitmap},
    payload::Payload,
    promise::{call_hash, session_id, tick_hash, Claim, Promise, SignedPromise, TickCommitment, Ticks},
    quorum::{attestation, AnchorSignature},
    receipt::{Executed, Receipt, SignedReceipt},
    report::ReportEntry,
    sla::{Measurement, Objectives, PenaltySchedule, Terms, TestResult},
    AccountId, Hash, InstanceId, Signature, SLT,
};
use sp_core::{ed25519, Pair};
use sp_runtime::Permill;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/vectors.json");

fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn payload<P: Payload>(name: &str, genesis: &Hash, value: &P) -> Value {
    json!({
        "name": name,
        "domain": P::DOMAIN,
        "scale": hex(value.encode()),
        "signingPayload": hex(value.signing_payload(genesis)),
        "payloadHash": hex(value.payload_hash(genesis)),
    })
}

fn leaf<L: Leaf>(name: &str, value: &L) -> Value {
    json!({ "name": name, "scale": hex(value.encode()), "leafHash": hex(value.leaf_hash()) })
}

fn vectors() -> Value {
    let genesis = Hash::repeat_byte(0x11);
    let [payer, node, anchor] = [1, 2, 3].map(|b| AccountId::new([b; 32]));
    let key = ed25519::Pair::from_seed(&[0x42; 32]);
    let signer: AccountId = key.public().into();
    let session = session_id(&genesis, &payer, &node, 7);
    let request = br#"{"jsonrpc":"2.0","id":1,"method":"token_attributes","params":{"token":0,"instance":7}}"#;

    let promise = Promise { session, cumulative: 3 * SLT / 2, call_hash: call_hash(request), ticks: None };
    let signature: Signature = key.sign(&promise.signing_payload(&genesis)).into();
    let signed = SignedPromise { promise: promise.clone(), signature };
    assert!(signed.verify(&genesis, &signer));
    let ticking = Promise {
        ticks: Some(TickCommitment { root: Hash::repeat_byte(5), unit: 1000, length: 4096 }),
        ..promise.clone()
    };
    let receipt = Receipt {
        node: node.clone(),
        session,
        charged: SLT / 1000,
        cumulative: promise.cumulative,
        request_hash: promise.call_hash,
        result_hash: Hash::repeat_byte(6),
        operation: None,
    };
    let instance = InstanceId { token_type: 3, index: 7 };
    let executed = Receipt { operation: Some(Executed { instance, kind: 0 }), ..receipt.clone() };
    let receipt_signature: Signature = key.sign(&executed.signing_payload(&genesis)).into();
    let operation =
        Operation { instance, kind: 0, receipt: SignedReceipt { receipt: executed, signature: receipt_signature } };
    assert!(operation.verify(&genesis, &signer));
    assert!(!Operation { kind: 1, ..operation.clone() }.verify(&genesis, &signer));
    let bitmap = OperationBitmap { token_type: 3, kind: 0, bitmap: vec![0x3a, 0x30, 0, 0, 0, 0, 0, 0] };
    let report = ReportEntry {
        period: 40,
        node: node.clone(),
        availability: Permill::from_percent(99),
        p95_latency_ms: 120,
        served_value: SLT,
        score: Permill::from_percent(98),
        breaches: 2,
        reward_weight: 9_800_000,
    };
    let assignment = Assignment {
        instance,
        version: 1,
        period: 39,
        state_hash: Hash::repeat_byte(8),
        coding: Coding { length: 5000, symbol_size: 1024, symbols_per_shard: 2, threshold: 3 },
        serving: vec![node.clone(), payer.clone()].try_into().unwrap(),
        holdings: vec![Holding { node: anchor.clone(), shard: 4, root: Hash::repeat_byte(9) }].try_into().unwrap(),
    };
    let commitment = Commitment {
        period: 40,
        previous: Hash::repeat_byte(0x77),
        operations: MerkleRoot::of([&operation]),
        bitmaps: MerkleRoot::of([&bitmap]),
        report: MerkleRoot::of([&report]),
        assignments: MerkleRoot::of([&assignment]),
        totals: Totals { operations: 1, served_value: SLT / 1000, reward_weight: 9_800_000 },
        writer: anchor.clone(),
    };
    let terms = Terms {
        template: 1,
        objectives: Objectives {
            availability: Permill::from_percent(95),
            p95_latency_ms: 2000,
            throughput: 10,
            bandwidth_kbit: 1000,
            storage_mib: 100,
        },
        reward_weight: 10,
        penalty: PenaltySchedule { persistent_after: 3, slash: Permill::from_percent(1) },
    };
    let measurement = Measurement {
        anchor: anchor.clone(),
        sequence: 12,
        node: node.clone(),
        period: 40,
        probes: 20,
        failed: 1,
        p95_latency_ms: 130,
    };
    let test = TestResult { node: node.clone(), terms, period: 40, passed: true };
    let reports: Vec<ReportEntry> = (0..5).map(|i| ReportEntry { period: i, ..report.clone() }).collect();

    let allocation = Allocation { session, round: 1, node: node.clone(), cap: 2 * SLT };
    let claim = Claim {
        promise: signed.clone(),
        ticks: Some(Ticks { count: 12, preimage: genesis }),
        allocation: Some(SignedAllocation {
            allocation: allocation.clone(),
            signature: AnchorSignature::from_raw([0x33; 64]),
        }),
    };

    json!({
        "genesis": hex(genesis),
        "accounts": { "payer": hex(&payer), "node": hex(&node), "anchor": hex(&anchor), "ed25519Signer": hex(&signer) },
        "sessionId": { "nonce": 7, "id": hex(session) },
        "callHash": { "request": String::from_utf8_lossy(request), "hash": hex(call_hash(request)) },
        "payloads": [
            payload("promise", &genesis, &promise),
            payload("promise with ticks", &genesis, &ticking),
            payload("allocation", &genesis, &allocation),
            payload("receipt", &genesis, &receipt),
            payload("operation", &genesis, &operation),
            payload("assignment", &genesis, &assignment),
            payload("commitment", &genesis, &commitment),
            payload("test result", &genesis, &test),
            payload("measurement", &genesis, &measurement),
            payload("key ownership", &genesis, &KeyOwnership { account: node.clone() }),
        ],
        "signedPromise": hex(signed.encode()),
        "channelId": { "session": hex(session), "round": 1, "node": hex(&node), "id": hex(channel_id(&session, 1, &node)) },
        "tick": { "preimage": hex(genesis), "hash": hex(tick_hash(&genesis)) },
        "claim": {
            "promise": hex(Claim::from(signed).encode()),
            "promise, ticks and allocation": hex(claim.encode()),
        },
        "attestation": { "hash": hex(commitment.payload_hash(&genesis)), "signed": hex(attestation(&genesis, commitment.payload_hash(&genesis))) },
        "leaves": [
            leaf("operation", &operation),
            leaf("bitmap", &bitmap),
            leaf("report", &report),
            leaf("assignment", &assignment),
        ],
        "rootOfFiveReports": hex(MerkleRoot::of(&reports).hash),
        "duty": {
            "seed": hex(genesis),
            "period": 40,
            "ranking": duty::ranking(&genesis, 40, [payer, node, anchor]).iter().map(hex).collect::<Vec<_>>(),
        },
    })
}

#[test]
fn bytes_are_as_published() {
    let now = vectors();
    if std::env::var_os("SMARTLAYER_BLESS").is_some() {
        std::fs::write(FILE, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let published: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    for (key, value) in published.as_object().unwrap() {
        assert_eq!(&now[key], value, "{key} changed: clients in other languages break");
    }
    assert_eq!(now, published);
}
