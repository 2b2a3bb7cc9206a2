//! How values of the chain are shown.

use serde_json::{json, Value};
use smartlayer_primitives::{
    agreement::{Agreement, Stage},
    commitment::StoredCommitment,
    sla::Objectives,
    Balance,
};
use smartlayer_sdk::amount;
use sp_runtime::Permill;

/// Bytes that should be UTF-8, without control characters: what others wrote on the chain must not steer a terminal.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// An amount for machines: planck as a decimal string.
pub fn planck(amount: Balance) -> Value {
    Value::String(amount.to_string())
}

/// An amount for people.
pub fn slt(amount: Balance) -> String {
    amount::format(amount)
}

/// A share in percent.
pub fn percent(share: Permill) -> String {
    let parts = share.deconstruct();
    let text = format!("{}.{:04}", parts / 10_000, parts % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Objectives in a line; what is not promised is left out.
pub fn objectives(o: &Objectives) -> String {
    let mut parts = Vec::new();
    if o.availability > Permill::zero() {
        parts.push(format!("availability {}", percent(o.availability)));
    }
    if o.p95_latency_ms < u32::MAX {
        parts.push(format!("p95 {} ms", o.p95_latency_ms));
    }
    if o.throughput > 0 {
        parts.push(format!("{} calls/s", o.throughput));
    }
    if o.bandwidth_kbit > 0 {
        parts.push(format!("{} kbit/s", o.bandwidth_kbit));
    }
    if o.storage_mib > 0 {
        parts.push(format!("{} MiB", o.storage_mib));
    }
    if parts.is_empty() {
        parts.push("nothing".into());
    }
    parts.join(", ")
}

/// How far an agreement is, in a word or two.
pub fn stage(stage: &Stage) -> String {
    match stage {
        Stage::Proposed => "proposed".into(),
        Stage::Countered { by } => format!("countered by {by}"),
        Stage::Accepted => "accepted, not tested".into(),
        Stage::Tested => "tested, not activated".into(),
        Stage::Active { since } => format!("active since block {since}"),
    }
}

/// An agreement for machines.
pub fn agreement(agreement: &Agreement) -> Value {
    let stage = match &agreement.stage {
        Stage::Proposed => json!({ "name": "proposed" }),
        Stage::Countered { by } => json!({ "name": "countered", "by": by }),
        Stage::Accepted => json!({ "name": "accepted" }),
        Stage::Tested => json!({ "name": "tested" }),
        Stage::Active { since } => json!({ "name": "active", "since": since }),
    };
    let terms = &agreement.terms;
    json!({
        "stage": stage,
        "template": terms.template,
        "objectives": terms.objectives,
        "rewardWeight": terms.reward_weight,
        "penalty": terms.penalty,
    })
}

/// A commitment for machines.
pub fn commitment(stored: &StoredCommitment) -> Value {
    let c = &stored.commitment;
    let root = |r: &smartlayer_primitives::merkle::MerkleRoot| json!({ "hash": r.hash, "leaves": r.leaves });
    json!({
        "period": c.period,
        "hash": stored.hash,
        "block": stored.block,
        "previous": c.previous,
        "writer": c.writer,
        "operations": root(&c.operations),
        "bitmaps": root(&c.bitmaps),
        "report": root(&c.report),
        "assignments": root(&c.assignments),
        "totals": {
            "operations": c.totals.operations,
            "servedValue": planck(c.totals.served_value),
            "rewardWeight": c.totals.reward_weight.to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_objectives_are_short() {
        assert_eq!(percent(Permill::from_parts(995_000)), "99.5 %");
        assert_eq!(percent(Permill::one()), "100 %");
        assert_eq!(percent(Permill::from_parts(1)), "0.0001 %");
        assert_eq!(objectives(&Objectives::default()), "nothing");
        let o = Objectives { availability: Permill::from_percent(99), p95_latency_ms: 200, ..Default::default() };
        assert_eq!(objectives(&o), "availability 99 %, p95 200 ms");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(text(b"a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
