//! Commitments with real quorums, and evidence against who signed two.

use pallet_commitment_snapshots::{Call, NextToCommit, Pallet, Periods};
use smartlayer_primitives::{
    agreement::Agreement, commitment::Equivocation, payload::Payload, quorum::attestation, report::ReportEntry,
    AccountId, Hash, Period,
};
use smartlayer_runtime::{Anchors, Runtime, System};
use sp_runtime::Permill;

use super::{signed, Action, Must};
use crate::{
    cast::cast,
    choice::Choice,
    world::{active, certify, commitment, genesis_hash, quorum, Memory},
};

pub fn submit(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let cast = cast();
    let mut period = NextToCommit::<Runtime>::get();
    let ended = Periods::<Runtime>::get(period)?.ended_at.is_some();
    let members = active().members;
    let now = System::block_number();
    let turn = |account: &AccountId| Pallet::<Runtime>::writable_from(period, account.clone());
    let in_turn: Vec<_> =
        members.iter().map(|m| m.account.clone()).filter(|a| turn(a).is_some_and(|from| from <= now)).collect();
    let waiting: Vec<_> =
        members.iter().map(|m| m.account.clone()).filter(|a| turn(a).is_none_or(|from| from > now)).collect();

    // What comes after them needs commitments: they are right more often than other calls.
    let twist = if choice.once_in(2) { 0 } else { choice.twist(9) };
    let writer = match twist {
        1 => choice.pick(&waiting)?,
        _ => choice.pick(&in_turn).or_else(|| choice.pick(&cast.organisations))?,
    };
    if twist == 2 {
        period = if choice.once_in(2) { period + 1 } else { period.checked_sub(1)? };
    }
    let report = report(choice, period);
    let mut commitment = commitment(period, &report, writer.clone());
    match twist {
        3 => commitment.previous = choice.hash(),
        // A wrong total is the quorum's own affair: it must only never cost more than the period's reward.
        0 if choice.once_in(8) => commitment.totals.reward_weight = choice.between(0, 100),
        _ => {}
    }
    let hash = commitment.payload_hash(&genesis_hash());
    let needed = quorum();
    let count = match twist {
        4 => needed - 1,
        _ => needed + choice.below(members.len().saturating_sub(needed) as u64 + 1) as usize,
    };
    let first = choice.below(members.len() as u64) as usize;
    let mut certificate = certify(cast, hash, (0..count).map(|i| (first + i) % members.len().max(1)));
    match twist {
        // One signs twice, under two names.
        5 => {
            let from = certificate.signatures.first().cloned()?;
            *certificate.signatures.last_mut()? = from;
        }
        6 => certificate.set_id = certificate.set_id.wrapping_add(1),
        7 => commitment.totals.operations += 1,
        8 => *certificate.signers.last_mut()? |= 0x80,
        _ => {}
    }
    let who = if twist == 9 { choice.pick(&cast.payers)? } else { writer };
    // A certificate of one signature can't have it twice.
    let wrong = !ended || (twist > 0 && !(twist == 5 && certificate.signatures.len() < 2));
    let call = Call::<Runtime>::submit { commitment: Box::new(commitment), certificate };
    let action = signed(&who, call, Must::fail_if(wrong))?;
    let Action::Call(mut call) = action else { return None };
    call.then = Some(Box::new(move |memory| {
        memory.reports.insert(period, report);
    }));
    Some(Action::Call(call))
}

/// A report with some of the nodes, and some breaches.
fn report(choice: &mut Choice, period: Period) -> Vec<ReportEntry> {
    let nodes = choice.some_of(&cast().nodes);
    let entry = |node: AccountId| {
        // Mostly as many breaches as the terms call persistent, so that there is something to be slashed for.
        let agreement: Option<Agreement> = pallet_sla_registry::Agreements::<Runtime>::get(&node);
        let persistent = agreement.and_then(|a| a.terms_at(period).map(|terms| terms.penalty.persistent_after));
        let breaches = match choice.below(4) {
            0 => 0,
            1 => choice.below(9) as u16,
            _ => persistent.unwrap_or(1).saturating_mul(1 + choice.below(2) as u16),
        };
        ReportEntry {
            period,
            node,
            availability: Permill::from_percent(90),
            p95_latency_ms: 100,
            served_value: 0,
            score: Permill::one(),
            breaches,
            reward_weight: choice.below(1_000).into(),
        }
    };
    nodes.into_iter().map(entry).collect()
}

pub fn report_equivocation(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let cast = cast();
    // Mostly a key that somebody has, or had not long ago.
    let known: Vec<_> = cast.anchor_keys.iter().filter(|key| Anchors::key_owner(**key).is_some()).cloned().collect();
    let key = if choice.once_in(5) { choice.pick(&cast.anchor_keys) } else { choice.pick(&known) }?;
    let now = pallet_commitment_snapshots::Clock::<Runtime>::get()?.period;
    let mut period = now.saturating_sub(choice.below(5) as Period);
    let twist = choice.twist(6);
    if twist == 1 {
        period = now + 1;
    }
    let writer = choice.pick(&cast.organisations)?;
    let first = commitment(period, &report(choice, period), writer);
    let mut second = first.clone();
    second.totals.operations = 1 + choice.below(1_000);
    match twist {
        2 => second = first.clone(),
        3 => second.period = period.wrapping_add(1),
        4 => second.writer = cast.payers[0].clone(),
        _ => {}
    }
    let sign = |hash: Hash| cast.sign_as_anchor(&key, &attestation(&genesis_hash(), hash));
    let mut evidence = Equivocation {
        key,
        first_signature: sign(first.payload_hash(&genesis_hash())),
        second_signature: sign(second.payload_hash(&genesis_hash())),
        first,
        second,
    };
    match twist {
        5 => evidence.second_signature = evidence.first_signature,
        6 => {
            let other = choice.pick(&cast.anchor_keys).filter(|other| *other != key)?;
            evidence.key = other;
        }
        _ => {}
    }
    let who = choice.pick(&cast.everybody())?;
    let call = Call::<Runtime>::report_equivocation { evidence: Box::new(evidence) };
    signed(&who, call, Must::fail_if(twist > 0))
}
