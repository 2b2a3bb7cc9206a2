//! Four anchors, some service nodes, and what they sign: shared by the tests of the pure modules.

use std::collections::BTreeMap;

use smartlayer_primitives::{
    assignment::{Assignment, Coding},
    operation::Operation,
    payload::Payload,
    quorum::{AnchorSet, Member},
    receipt::{Executed, Issued, Owner, Receipt, SignedReceipt},
    report::ReportEntry,
    sla::{Measurement, Objectives, PenaltySchedule, SignedMeasurement, Terms},
    AccountId, Balance, Hash, InstanceId, Period, Signature,
};
use sp_core::{sr25519, Pair};
use sp_runtime::Permill;

use crate::report::Held;

pub const GENESIS: Hash = Hash::repeat_byte(7);
pub const PERIOD: Period = 40;

/// A service node's account.
pub fn account(i: u8) -> AccountId {
    AccountId::new([i; 32])
}

/// An anchor's account.
pub fn anchor_account(i: usize) -> AccountId {
    AccountId::new([200 + i as u8; 32])
}

/// Four anchors: their keys and their set.
pub fn anchors() -> (Vec<sr25519::Pair>, AnchorSet) {
    let pairs: Vec<_> = (0..4).map(|i| sr25519::Pair::from_seed(&[i; 32])).collect();
    let member = |(i, pair): (usize, &sr25519::Pair)| Member { account: anchor_account(i), key: pair.public() };
    let members: Vec<_> = pairs.iter().enumerate().map(member).collect();
    (pairs, AnchorSet { id: 3, members: members.try_into().unwrap() })
}

/// A service node: its account and service key.
pub fn service_node(i: u8) -> (AccountId, sr25519::Pair) {
    (account(i), sr25519::Pair::from_seed(&[100 + i; 32]))
}

/// 99 % availability and 200 ms, weight 10, for each of these nodes, none of which is in maintenance.
pub fn agreements(nodes: impl IntoIterator<Item = u8>) -> BTreeMap<AccountId, Held> {
    let objectives = Objectives { availability: Permill::from_percent(99), p95_latency_ms: 200, ..Default::default() };
    let penalty = PenaltySchedule { persistent_after: 3, slash: Permill::from_percent(1) };
    let terms = Terms { template: 0, objectives, reward_weight: 10, penalty };
    nodes.into_iter().map(|i| (account(i), Held { terms, in_maintenance: false })).collect()
}

pub fn sign_measurement(pair: &sr25519::Pair, measurement: Measurement) -> SignedMeasurement {
    SignedMeasurement { signature: pair.sign(&measurement.signing_payload(&GENESIS)), measurement }
}

/// A key operation of token type 1, whose receipt is numbered by `cumulative`.
pub fn operation(key: &sr25519::Pair, node: &AccountId, index: u32, kind: u8, cumulative: Balance) -> Operation {
    signed_operation(key, node, Executed::new(InstanceId { token_type: 1, index }, kind), cumulative)
}

/// A transfer that destroys an instance of token type 1 and issues another by its type's key operation.
pub fn transfer(
    key: &sr25519::Pair,
    node: &AccountId,
    index: u32,
    kind: u8,
    (instance, issue): (InstanceId, u8),
    cumulative: Balance,
) -> Operation {
    let issued = Some(Issued { instance, kind: issue, owner: Owner::Account(account(77)) });
    let executed = Executed { instance: InstanceId { token_type: 1, index }, kind, issued };
    signed_operation(key, node, executed, cumulative)
}

fn signed_operation(key: &sr25519::Pair, node: &AccountId, executed: Executed, cumulative: Balance) -> Operation {
    let Executed { instance, kind, .. } = executed;
    let receipt = Receipt {
        node: node.clone(),
        session: Hash::repeat_byte(1),
        charged: 5,
        cumulative,
        request_hash: Hash::zero(),
        result_hash: Hash::zero(),
        operation: Some(executed),
    };
    let signature = Signature::Sr25519(key.sign(&receipt.signing_payload(&GENESIS)));
    Operation { instance, kind, receipt: SignedReceipt { receipt, signature } }
}

pub fn entry(i: u8) -> ReportEntry {
    ReportEntry {
        period: PERIOD,
        node: account(i),
        availability: Permill::one(),
        p95_latency_ms: 10,
        served_value: 0,
        score: Permill::one(),
        breaches: 0,
        reward_weight: 1,
    }
}

pub fn assignment(index: u32, version: u32, period: Period) -> Assignment {
    Assignment {
        instance: InstanceId { token_type: 1, index },
        version,
        period,
        state_hash: Hash::zero(),
        coding: Coding { length: 1, symbol_size: 1, symbols_per_shard: 3, threshold: 1 },
        serving: vec![account(1)].try_into().unwrap(),
        holdings: Default::default(),
    }
}
