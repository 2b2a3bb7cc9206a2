//! How values of the chain are shown.

use serde_json::{json, Value};
use smartlayer_primitives::{
    agreement::{Agreement, Standing, Step},
    commitment::StoredCommitment,
    node::{Breach, BreachState},
    sla::{Objectives, Terms},
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

/// How a node stands with its agreement, in a few words.
pub fn standing(agreement: Option<&Agreement>, chilled: bool) -> String {
    let mut parts = Vec::new();
    let in_force = agreement.and_then(|a| a.in_force.as_ref());
    parts.extend(in_force.map(|f| format!("in force since period {}, {}", f.since, standing_word(f.standing))));
    parts.extend(agreement.and_then(Agreement::step).map(step));
    if parts.is_empty() {
        parts.push("no agreement".into());
    }
    if chilled {
        parts.push("takes no new work".into());
    }
    parts.join("; ")
}

/// How a node stands with terms in force.
pub fn standing_word(standing: Standing) -> String {
    match standing {
        Standing::Good => "kept".into(),
        Standing::Breached { period } => format!("breached in period {period}"),
        Standing::Suspended { period } => format!("suspended for the breach in period {period}"),
    }
}

/// How far a negotiation is.
pub fn step(step: &Step) -> String {
    match step {
        Step::Proposed => "proposed".into(),
        Step::Countered { by } => format!("countered by {by}"),
        Step::Accepted => "accepted, not tested".into(),
        Step::Tested => "tested, not activated".into(),
    }
}

/// An agreement for machines.
pub fn agreement(agreement: &Agreement) -> Value {
    let in_force = agreement.in_force.as_ref().map(|f| {
        let standing = match f.standing {
            Standing::Good => json!({ "name": "good" }),
            Standing::Breached { period } => json!({ "name": "breached", "period": period }),
            Standing::Suspended { period } => json!({ "name": "suspended", "period": period }),
        };
        json!({ "terms": terms(&f.terms), "since": f.since, "standing": standing })
    });
    let negotiation = agreement.negotiation.as_ref().map(|n| {
        let step = match &n.step {
            Step::Proposed => json!({ "name": "proposed" }),
            Step::Countered { by } => json!({ "name": "countered", "by": by }),
            Step::Accepted => json!({ "name": "accepted" }),
            Step::Tested => json!({ "name": "tested" }),
        };
        json!({ "terms": terms(&n.terms), "step": step, "since": n.since, "until": n.until })
    });
    let former = agreement.former.as_ref();
    let spans = agreement.maintenance.iter().map(|m| json!({ "from": m.from, "periods": m.periods }));
    json!({
        "inForce": in_force,
        "negotiation": negotiation,
        "former": former.map(|f| json!({ "terms": terms(&f.terms), "since": f.since, "until": f.until })),
        "maintenance": spans.collect::<Vec<_>>(),
    })
}

fn terms(terms: &Terms) -> Value {
    json!({
        "template": terms.template,
        "objectives": terms.objectives,
        "rewardWeight": terms.reward_weight,
        "penalty": terms.penalty,
    })
}

/// A reported breach in a line.
pub fn breach(breach: &Breach) -> String {
    let state = match breach.state {
        BreachState::Deferred => format!("slashed from block {} on", breach.due_at),
        BreachState::Applied => "slashed".into(),
        BreachState::Cancelled => "cancelled".into(),
    };
    format!("period {}, {}: {state}", breach.period, slt(breach.amount))
}

/// A reported breach for machines.
pub fn breach_value(breach: &Breach) -> Value {
    let state = match breach.state {
        BreachState::Deferred => "deferred",
        BreachState::Applied => "applied",
        BreachState::Cancelled => "cancelled",
    };
    json!({
        "period": breach.period,
        "amount": planck(breach.amount),
        "reporter": breach.reporter,
        "dueAt": breach.due_at,
        "state": state,
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
