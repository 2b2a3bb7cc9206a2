//! Service level agreements: negotiated step by step, ended, expired.

use pallet_sla_registry::{Agreements, Call, LastTest, Pallet, Templates};
use smartlayer_primitives::{
    agreement::Step,
    payload::Payload,
    sla::{Objectives, PenaltySchedule, Template, TestResult},
    traits::{ServiceNodes, Snapshots},
    AccountId, Period,
};
use smartlayer_runtime::{CommitmentSnapshots, Runtime, RuntimeOrigin, ServiceStaking, System};
use sp_runtime::Permill;

use super::{moved, signed, Action, Must};
use crate::{
    cast::cast,
    choice::Choice,
    world::{active, certify, genesis_hash, quorum, Memory},
};

/// Takes the next step of some node's negotiation, in half of the cases as it should be.
pub fn negotiate(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    // Mostly one that came far already: it takes five right steps to get to the end.
    let begun: Vec<_> = Agreements::<Runtime>::iter()
        .filter(|(_, agreement)| agreement.step().is_some_and(|step| *step != Step::Proposed))
        .map(|(node, _)| node)
        .collect();
    let node = if choice.once_in(2) { choice.pick(&begun) } else { None }.or_else(|| node(choice))?;
    let negotiation = Agreements::<Runtime>::get(&node).and_then(|agreement| agreement.negotiation);
    let Some(negotiation) = negotiation.filter(|n| System::block_number() < n.until) else {
        return propose(choice, node);
    };
    match negotiation.step {
        Step::Proposed => answer(choice, node),
        Step::Countered { .. } => {
            let wrong = choice.twist(1) > 0;
            let who = if wrong { choice.pick(&cast().payers)? } else { node };
            signed(&who, Call::accept_counter {}, Must::fail_if(wrong))
        }
        Step::Accepted => record_test(choice, node),
        Step::Tested => {
            let wrong = choice.twist(1) > 0;
            let who = if wrong { choice.pick(&cast().payers)? } else { node };
            signed(&who, Call::activate {}, Must::fail_if(wrong))
        }
    }
}

fn propose(choice: &mut Choice, node: AccountId) -> Option<Action> {
    let (mut template, mut objectives) = good_terms(choice)?;
    let mut who = node;
    let twist = choice.twist(3);
    match twist {
        1 => objectives.p95_latency_ms = u32::MAX,
        2 => template = u16::MAX,
        3 => who = choice.pick(&cast().payers)?,
        _ => {}
    }
    signed(&who, Call::propose { template, objectives }, Must::fail_if(twist > 0))
}

fn answer(choice: &mut Choice, node: AccountId) -> Option<Action> {
    let turn = Pallet::<Runtime>::answering(node.clone());
    let (who, wrong) = match (choice.twist(1), turn.clone()) {
        (0, Some(turn)) => (turn, false),
        _ => (choice.pick(&cast().organisations)?, true),
    };
    let wrong = wrong && Some(&who) != turn.as_ref();
    if choice.once_in(3) {
        let objectives = strict();
        signed(&who, Call::counter { node, objectives }, Must::fail_if(wrong))
    } else {
        signed(&who, Call::accept_proposal { node }, Must::fail_if(wrong))
    }
}

fn record_test(choice: &mut Choice, node: AccountId) -> Option<Action> {
    let cast = cast();
    let terms = Agreements::<Runtime>::get(&node)?.negotiation?.terms;
    let now = CommitmentSnapshots::current_period();
    let last = LastTest::<Runtime>::get(&node);
    let mut result = TestResult { node, terms, period: now, passed: !choice.once_in(6) };
    if last.is_none_or(|last| now > last + 1) && now > 0 && choice.once_in(3) {
        result.period -= 1;
    }
    let twist = choice.twist(5);
    match twist {
        1 => result.period = now + 1,
        2 => result.terms.reward_weight += 1,
        _ => {}
    }
    let hash = result.payload_hash(&genesis_hash());
    let members = active().members.len();
    let needed = quorum();
    let first = choice.below(members as u64) as usize;
    let count = if twist == 3 {
        needed - 1
    } else {
        needed + choice.below((members - needed.min(members)) as u64 + 1) as usize
    };
    let mut certificate = certify(cast, hash, (0..count).map(|i| (first + i) % members.max(1)));
    match twist {
        4 => result.passed = !result.passed,
        5 => certificate.set_id = certificate.set_id.wrapping_sub(1),
        _ => {}
    }
    let who = choice.pick(&cast.everybody())?;
    signed(&who, Call::record_test { result, certificate }, Must::fail_if(twist > 0 || members == 0))
}

/// A call of the negotiation at any time.
pub fn out_of_turn(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (node, other) = (choice.pick(&cast().nodes)?, choice.pick(&cast().organisations)?);
    match choice.below(4) {
        0 => signed(&other, Call::accept_proposal { node }, Must::Comply),
        1 => signed(&node, Call::accept_counter {}, Must::Comply),
        2 => signed(&node, Call::activate {}, Must::Comply),
        _ => propose(choice, node),
    }
}

pub fn end(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let with: Vec<_> = Agreements::<Runtime>::iter_keys().collect();
    match choice.twist(1) {
        0 => signed(&choice.pick(&with)?, Call::end {}, Must::Comply),
        _ => signed(&choice.pick(&cast().payers)?, Call::end {}, Must::Fail),
    }
}

pub fn expire(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let node = choice.pick(&cast().nodes)?;
    signed(&choice.pick(&cast().everybody())?, Call::expire { node }, Must::Comply)
}

pub fn declare_maintenance(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let node = node(choice)?;
    let now = CommitmentSnapshots::current_period();
    let (from, periods, wrong): (Period, Period, bool) = match choice.twist(4) {
        0 => (now + 1 + choice.below(6) as Period, 1 + choice.below(2) as Period, false),
        1 => (now.saturating_sub(choice.below(2) as Period), 1, true),
        2 => (now + 1, 0, true),
        3 => (Period::MAX, 1, true),
        _ => (now + 1, Period::MAX, true),
    };
    signed(&node, Call::declare_maintenance { from, periods }, Must::fail_if(wrong))
}

pub fn set_template(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let mut penalty = PenaltySchedule {
        persistent_after: 1 + choice.below(4) as u16,
        slash: Permill::from_parts(choice.below(1_000_001) as u32),
    };
    let twist = choice.twist(2);
    if twist == 1 {
        penalty.persistent_after = 0;
    }
    let floor = Objectives { p95_latency_ms: 2_000, ..Objectives::default() };
    let template = Template { floor, reward_weight: choice.below(5) as u32, penalty };
    let call = Call::set_template { number: choice.below(4) as u16, template };
    match twist {
        2 => signed(&choice.pick(&cast().everybody())?, call, Must::Fail),
        _ => moved(RuntimeOrigin::root(), call, if twist == 0 { Must::Succeed } else { Must::Fail }),
    }
}

/// A node, mostly one with a bond.
fn node(choice: &mut Choice) -> Option<AccountId> {
    let bonded: Vec<_> = cast().nodes.iter().filter(|node| ServiceStaking::is_bonded(node)).cloned().collect();
    if choice.once_in(20) {
        return choice.pick(&cast().nodes);
    }
    choice.pick(&bonded)
}

fn good_terms(choice: &mut Choice) -> Option<(u16, Objectives)> {
    let templates: Vec<_> = Templates::<Runtime>::iter_keys().collect();
    Some((choice.pick(&templates)?, strict()))
}

/// What is within every template.
fn strict() -> Objectives {
    Objectives {
        availability: Permill::one(),
        p95_latency_ms: 100,
        throughput: 1_000,
        bandwidth_kbit: 100_000,
        storage_mib: 10_000,
    }
}
