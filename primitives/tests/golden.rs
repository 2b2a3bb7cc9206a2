//! The bytes of everything that gets signed or hashed, for clients in other languages. A change here breaks every one of them.
//!
//! `SMARTLAYER_BLESS=1 cargo test -p smartlayer-primitives --test golden` rewrites the file.

use codec::Encode;
use serde_json::{json, Value};
use smartlayer_primitives::{
    agreement::{Agreement, FormerTerms, InForce, Maintenance, Negotiation, Standing, Step},
    assignment::{Assignment, Coding, Holding},
    commitment::{Commitment, Equivocation, StoredCommitment, Totals},
    duty,
    history::{self, MountainRange},
    instance::{InstanceState, StoreInstance},
    merkle::{self, Leaf, MerkleProof, MerkleRoot},
    node::{Breach, BreachState, KeyOwnership, PeriodReward, ServiceNode, UnbondingChunk},
    notary::{channel_id, Allocation, Notary, Round, SignedAllocation, Used},
    operation::{Operation, OperationBitmap},
    organisation::Organisation,
    payload::{blake2_256, Payload},
    promise::{call_hash, session_id, tick_hash, Claim, Promise, SignedPromise, TickCommitment, Ticks},
    quorum::{attestation, AnchorKey, AnchorSet, AnchorSignature, Member},
    receipt::{Executed, Issued, Owner, Receipt, SignedReceipt},
    report::ReportEntry,
    session::{Beneficiary, Channel, CloseSession, IssuerShare, Payee, Session},
    sla::{Measurement, Objectives, PenaltySchedule, Terms, TestResult},
    token::{Redundancy, TokenSpec, TokenType},
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

/// A value that is read or sent and not hashed.
fn bytes(name: &str, value: &impl Encode) -> Value {
    json!({ "name": name, "scale": hex(value.encode()) })
}

/// What clients read from the chain's storage.
fn stored(commitment: &Commitment, terms: Terms) -> Value {
    let [payer, node, anchor, signer] = [1, 2, 3, 4].map(|b| AccountId::new([b; 32]));
    let key = |b| AnchorKey::from_raw([b; 32]);
    let session = Session {
        payer: payer.clone(),
        payee: Payee::Node(node.clone()),
        signer: signer.clone(),
        issuer: None,
        deposit: 10 * SLT,
        paid: 3 * SLT,
        burned: SLT / 2,
        issuer_paid: 0,
        storage_deposit: SLT / 10,
        burn_rate: Permill::from_percent(5),
        challenge_window: 600,
        expires_at: 90_000,
        closing_at: None,
    };
    let round = |number, byte| Round {
        number,
        notary: anchor.clone(),
        key: key(byte),
        starts_at: 1_000,
        before: (number > 0).then_some(Used { claimed: SLT, nodes: 1 }),
    };
    let notary = Notary { current: round(1, 6), former: Some(round(0, 5)), max_nodes: 16, nodes: 2 };
    let network = Session {
        payee: Payee::Network(notary),
        issuer: Some(IssuerShare { token_type: 3, account: signer.clone(), share: Permill::from_percent(20) }),
        issuer_paid: SLT / 4,
        closing_at: Some(12_345),
        ..session.clone()
    };
    let channel = Channel { node: node.clone(), round: 1, claimed: 2 * SLT };
    let service = ServiceNode {
        endpoint: b"https://node.example".to_vec().try_into().unwrap(),
        peer_id: vec![0, 0x24, 8, 1].try_into().unwrap(),
        service_key: signer.clone(),
        bond: 2_000 * SLT,
        unbonding: vec![UnbondingChunk { amount: 100 * SLT, release_at: 432_000, asked_in: 40 }].try_into().unwrap(),
        chilled: true,
    };
    let breach =
        Breach { period: 40, amount: 20 * SLT, reporter: payer.clone(), due_at: 200_000, state: BreachState::Deferred };
    let reward = PeriodReward {
        nodes: 80 * SLT,
        total_weight: 9_800_000,
        each_anchor: 5 * SLT,
        writer: Some(anchor.clone()),
        writer_bonus: 2 * SLT,
    };
    let agreement = Agreement {
        in_force: Some(InForce { terms, since: 12, standing: Standing::Breached { period: 39 } }),
        negotiation: Some(Negotiation {
            terms,
            step: Step::Countered { by: anchor.clone() },
            since: 40_000,
            until: 68_800,
            seed: Hash::repeat_byte(0x11),
        }),
        former: Some(FormerTerms { terms, since: 3, until: 12 }),
        maintenance: vec![Maintenance { from: 50, periods: 2 }].try_into().unwrap(),
    };
    let organisation = Organisation {
        name: b"Anchor & Sons".to_vec().try_into().unwrap(),
        endpoint: b"https://anchor.example".to_vec().try_into().unwrap(),
        peer_id: vec![0, 0x24, 8, 1].try_into().unwrap(),
        key: key(6),
        bond: 10_000 * SLT,
    };
    let members = vec![Member { account: node.clone(), key: key(5) }, Member { account: anchor.clone(), key: key(6) }];
    let record = StoredCommitment {
        commitment: commitment.clone(),
        hash: commitment.payload_hash(&Hash::repeat_byte(0x11)),
        block: 48_765,
    };
    json!([
        bytes("session with a node", &session),
        bytes("session of a network", &network),
        bytes("channel", &channel),
        bytes("service node", &service),
        bytes("breach", &breach),
        bytes("period reward", &reward),
        bytes("agreement", &agreement),
        bytes("agreement of a node that proposed nothing yet", &Agreement::default()),
        bytes("stored commitment", &record),
        bytes("organisation", &organisation),
        bytes("anchor set", &AnchorSet { id: 7, members: members.try_into().unwrap() }),
        bytes("token type", &TokenType { issuer: signer, spec: token_spec(), paid_until: 400 }),
    ])
}

fn token_spec() -> TokenSpec {
    TokenSpec {
        script_hash: Hash::repeat_byte(0x0a),
        script_uris: vec![b"https://issuer.example/token.xml".to_vec().try_into().unwrap()].try_into().unwrap(),
        requirement: Objectives { availability: Permill::from_percent(95), p95_latency_ms: 2000, ..Default::default() },
        redundancy: Redundancy { serving: 2, shards: 6, threshold: 3 },
        key_operations: vec![b"enter".to_vec().try_into().unwrap(), b"leave".to_vec().try_into().unwrap()]
            .try_into()
            .unwrap(),
        revenue_share: Permill::from_percent(20),
    }
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
    let executed = Receipt { operation: Some(Executed::new(instance, 0)), ..receipt.clone() };
    let receipt_signature: Signature = key.sign(&executed.signing_payload(&genesis)).into();
    let operation =
        Operation { instance, kind: 0, receipt: SignedReceipt { receipt: executed, signature: receipt_signature } };
    assert!(operation.verify(&genesis, &signer));
    assert!(!Operation { kind: 1, ..operation.clone() }.verify(&genesis, &signer));
    let transfer = |issued: InstanceId, owner: Owner| {
        let issued = Some(Issued { instance: issued, kind: 1, owner });
        let receipt = Receipt { operation: Some(Executed { instance, kind: 0, issued }), ..receipt.clone() };
        let signature = key.sign(&receipt.signing_payload(&genesis)).into();
        Operation { instance, kind: 0, receipt: SignedReceipt { receipt, signature } }
    };
    let other = InstanceId { token_type: 4, index: 8 };
    let transferred = transfer(other, Owner::Account(payer.clone()));
    assert!(transferred.verify(&genesis, &signer));
    // Nothing is issued in exchange for itself.
    assert!(!transfer(instance, Owner::Account(payer.clone())).verify(&genesis, &signer));
    let transferred_to_ethereum = transfer(other, Owner::Ethereum([0x11; 20]));
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

    let proofs = [0, 1, 2, 3, 4].map(|index| merkle::prove(&reports, index).unwrap());
    assert!(reports.iter().zip(&proofs).all(|(report, proof)| MerkleRoot::of(&reports).contains(report, proof)));
    let proof = |proof: &MerkleProof| json!({ "leaf": proof.leaf_index, "siblings": proof.siblings.iter().map(hex).collect::<Vec<_>>() });

    let anchors = AnchorSet {
        id: 7,
        members: (1..=4)
            .map(|b| Member { account: AccountId::new([b; 32]), key: AnchorKey::from_raw([b; 32]) })
            .collect::<Vec<_>>()
            .try_into()
            .unwrap(),
    };
    let raw = |byte| AnchorSignature::from_raw([byte; 64]);
    let certificate = anchors.certificate([0, 2, 3].map(|position| (position, raw(0x40 + position as u8))));
    let equivocation = Equivocation {
        key: AnchorKey::from_raw([6; 32]),
        first: commitment.clone(),
        first_signature: raw(0x44),
        second: Commitment { previous: Hash::repeat_byte(0x78), ..commitment.clone() },
        second_signature: raw(0x45),
    };
    let state = InstanceState {
        instance,
        token_id: [0x0c; 32],
        values: [("level", "3"), ("name", "Ticket 7")].map(|(name, value)| (name.into(), value.into())).into(),
    };
    let store = StoreInstance {
        instance,
        state_hash: blake2_256(&state.encode()),
        script_hash: Hash::repeat_byte(0x0a),
        valid_until: 50_000,
    };
    let answering = |elapsed| {
        let answering = duty::answering(&genesis, &node, [&payer, &node, &anchor].map(Clone::clone), elapsed, 200);
        json!({ "elapsed": elapsed, "anchor": hex(answering.unwrap()) })
    };
    let turns = [0, 199, 200, 400, 600].map(answering).to_vec();

    let leaves: Vec<Hash> = (1..=7).map(Hash::repeat_byte).collect();
    let history: MountainRange = leaves.iter().copied().collect();
    let history_proof = history::prove(&leaves, 2).unwrap();
    assert!(history.contains(&leaves[2], &history_proof));

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
            payload("transfer", &genesis, &transferred),
            payload("transfer to an ethereum address", &genesis, &transferred_to_ethereum),
            payload("assignment", &genesis, &assignment),
            payload("commitment", &genesis, &commitment),
            payload("test result", &genesis, &test),
            payload("measurement", &genesis, &measurement),
            payload("key ownership", &genesis, &KeyOwnership { account: node.clone() }),
            payload("close session", &genesis, &CloseSession { session }),
            payload("store instance", &genesis, &store),
        ],
        "instanceState": { "scale": hex(state.encode()), "hash": hex(store.state_hash) },
        "arguments": [
            bytes("quorum certificate", &certificate),
            bytes("equivocation", &equivocation),
            bytes("beneficiary: a node", &Beneficiary::Node(node.clone())),
            bytes("beneficiary: a network", &Beneficiary::Network { notary: anchor.clone(), max_nodes: 16 }),
            bytes("merkle proof", &proofs[2]),
            bytes("token spec", &token_spec()),
        ],
        "stored": stored(&commitment, terms),
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
            leaf("transfer", &transferred),
            leaf("bitmap", &bitmap),
            leaf("report", &report),
            leaf("assignment", &assignment),
        ],
        "rootOfFiveReports": hex(MerkleRoot::of(&reports).hash),
        "fiveReports": {
            "leaves": reports.iter().map(|report| leaf("report", report)).collect::<Vec<_>>(),
            "root": hex(MerkleRoot::of(&reports).encode()),
            "proofs": proofs.iter().map(proof).collect::<Vec<_>>(),
        },
        "history": {
            "leaves": leaves.iter().map(hex).collect::<Vec<_>>(),
            "range": hex(history.encode()),
            "peaks": history.peaks.iter().map(hex).collect::<Vec<_>>(),
            "proof": { "leaf": hex(leaves[2]), "scale": hex(history_proof.encode()) },
        },
        "duty": {
            "seed": hex(genesis),
            "period": 40,
            "answering": { "node": hex(&node), "interval": 200, "turns": turns },
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
