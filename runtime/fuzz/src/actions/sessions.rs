//! Sessions: opened, claimed from in every way, and closed.

use pallet_promise_settlement::{Call, Channels, LastNonce, Sessions};
use smartlayer_primitives::{
    notary::{channel_id, Allocation, Notary, Round, SignedAllocation, MAX_SESSION_NODES},
    payload::Payload,
    promise::{tick_hash, Claim, Promise, TickCommitment, Ticks},
    session::{Beneficiary, Payee, Session},
    traits::ServiceNodes,
    AccountId, Balance, Hash, SessionId, SLT,
};
use smartlayer_runtime::{parameters::bounded, Runtime, ServiceStaking, System};

use super::{signed, Action, Must};
use crate::{
    cast::cast,
    choice::Choice,
    world::{active, bad_signature, Memory},
};

pub fn open(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    use bounded::promise_settlement::{MaxLifetime, MinDeposit};
    use frame_support::traits::Get;

    let cast = cast();
    let payer = choice.pick(&cast.payers)?;
    let signer = choice.pick(&cast.signers)?;
    let last = LastNonce::<Runtime>::get(&payer);
    let mut nonce = last.map_or(0, |last| last + 1 + choice.below(2));
    let mut deposit = choice.between(MinDeposit::get(), MinDeposit::get() + 20 * SLT);
    let mut lifetime = 1 + choice.below(80) as u32;
    let tokens = u64::from(pallet_smart_tokens::NextTokenType::<Runtime>::get());
    let mut token_type = (tokens > 0 && choice.once_in(2)).then(|| choice.below(tokens) as u32);
    let mut beneficiary = if choice.once_in(2) {
        let available: Vec<_> = cast.nodes.iter().filter(|n| ServiceStaking::is_available(n)).cloned().collect();
        Beneficiary::Node(choice.pick(&available)?)
    } else {
        let notary = choice.pick(&active().members)?.account;
        Beneficiary::Network { notary, max_nodes: 1 + choice.below(5) as u16 }
    };
    let twist = choice.twist(9);
    let mut wrong = twist > 0;
    match twist {
        1 => match last {
            Some(last) => nonce = last,
            None => wrong = false,
        },
        2 => deposit = MinDeposit::get() - 1,
        3 => deposit = Balance::MAX / 2,
        4 => beneficiary = Beneficiary::Node(choice.pick(&cast.others)?),
        5 => lifetime = 0,
        6 => lifetime = MaxLifetime::get().saturating_add(1),
        7 => token_type = Some(tokens as u32),
        8 => {
            let notary = choice.pick(&active().members)?.account;
            let max_nodes = if choice.once_in(2) { 0 } else { MAX_SESSION_NODES + 1 };
            beneficiary = Beneficiary::Network { notary, max_nodes };
        }
        9 => beneficiary = Beneficiary::Network { notary: choice.pick(&cast.others)?, max_nodes: 2 },
        _ => {}
    }
    let call = Call::open { beneficiary, signer, token_type, deposit, nonce, lifetime };
    signed(&payer, call, Must::fail_if(wrong))
}

pub fn top_up(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (id, session) = any(choice)?;
    let mut who = session.payer.clone();
    let mut amount = choice.between(1, 5 * SLT);
    let mut wrong = session.closing_at.is_some();
    match choice.twist(3) {
        1 => (amount, wrong) = (0, true),
        2 => (who, wrong) = (choice.pick(&cast().others)?, true),
        3 => (amount, wrong) = (Balance::MAX - session.deposit + 1, true),
        _ => {}
    }
    signed(&who, Call::top_up { session: id, amount }, Must::fail_if(wrong))
}

pub fn claim(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let (id, session) = any(choice)?;
    let (claim, must) = build(choice, memory, id, &session)?;
    let who = choice.pick(&cast().endowed())?;
    signed(&who, Call::claim { claim: Box::new(claim) }, must)
}

pub fn claim_batch(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let mut claims = Vec::new();
    for _ in 0..1 + choice.below(8) {
        let (id, session) = any(choice)?;
        claims.extend(build(choice, memory, id, &session).map(|(claim, _)| claim));
    }
    // The same claim twice pays once.
    if choice.once_in(3) {
        claims.extend(claims.first().cloned());
    }
    let who = choice.pick(&cast().endowed())?;
    signed(&who, Call::claim_batch { claims: claims.try_into().ok()? }, Must::Succeed)
}

pub fn free_claim(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let (id, session) = any_that(choice, |session| session.ends_at(None, System::block_number()).is_some())?;
    let (claim, _) = build(choice, memory, id, &session)?;
    Some(Action::FreeClaim(Box::new(claim)))
}

pub fn close(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let (id, session) = any(choice)?;
    let (last, must) = if choice.once_in(2) {
        (None, Must::Comply)
    } else {
        let (claim, must) = build(choice, memory, id, &session)?;
        // A claim that is not needed any more is not looked at.
        let needed = claim.owed().is_none_or(|owed| owed.min(session.deposit) > session.claimed());
        (Some(Box::new(claim)), if needed { must } else { Must::Comply })
    };
    let Some(node) = session.node() else {
        let who = choice.pick(&cast().nodes)?;
        return signed(&who, Call::close { session: id, last }, Must::Fail);
    };
    match choice.twist(2) {
        0 => {
            let key = pallet_service_staking::Nodes::<Runtime>::get(node).map(|known| known.service_key);
            let who = if choice.once_in(2) { key.unwrap_or(node.clone()) } else { node.clone() };
            signed(&who, Call::close { session: id, last }, must)
        }
        1 => signed(&session.payer, Call::close { session: id, last }, Must::Fail),
        _ => signed(&choice.pick(&cast().others)?, Call::close { session: id, last }, Must::Fail),
    }
}

pub fn request_close(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (id, session) = any(choice)?;
    let other = choice.pick(&cast().others)?;
    let who = if choice.twist(1) == 0 { session.payer.clone() } else { other };
    let early = who != session.payer && System::block_number() < session.expires_at;
    signed(&who, Call::request_close { session: id }, Must::fail_if(early || session.closing_at.is_some()))
}

pub fn finish(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (id, session) = any_that(choice, |session| session.closing_at.is_some()).or_else(|| any(choice))?;
    let due = session.closing_at.is_some_and(|at| System::block_number() >= at);
    let who = choice.pick(&cast().everybody())?;
    signed(&who, Call::finish { session: id }, if due { Must::Succeed } else { Must::Fail })
}

pub fn change_notary(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (id, session) = any_that(choice, |session| matches!(session.payee, Payee::Network(_)))?;
    let Payee::Network(notary) = &session.payee else { return None };
    let pending = System::block_number() < notary.current.starts_at || session.closing_at.is_some();
    let next = choice.pick(&active().members)?.account;
    match choice.twist(2) {
        0 => {
            let must = if pending { Must::Fail } else { Must::Succeed };
            signed(&session.payer, Call::change_notary { session: id, notary: next }, must)
        }
        1 => signed(&choice.pick(&cast().others)?, Call::change_notary { session: id, notary: next }, Must::Fail),
        _ => {
            let notary = choice.pick(&cast().nodes)?;
            signed(&session.payer, Call::change_notary { session: id, notary }, Must::Fail)
        }
    }
}

pub fn report_over_allocation(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let (id, session) = any_that(choice, |session| matches!(session.payee, Payee::Network(_)))?;
    let Payee::Network(notary) = &session.payee else { return None };
    let rounds: Vec<&Round> = notary.former.iter().chain([&notary.current]).collect();
    let round: &Round = choice.pick(&rounds)?;
    let mut allocations: Vec<_> = memory.allocations.get(&(id, round.number))?.values().cloned().collect();
    allocations.truncate(pallet_promise_settlement::MAX_EVIDENCE as usize);
    let nodes = allocations.iter().filter(|signed| signed.allocation.cap > 0).count();
    let mut wrong =
        memory.allocated(id, round.number) <= budget(&session, round) && nodes <= room(notary, round).into();
    match choice.twist(4) {
        1 => {
            allocations.push(allocations[0].clone());
            wrong = true;
        }
        2 => {
            allocations.last_mut()?.allocation.cap = Balance::MAX;
            wrong = true;
        }
        3 => {
            allocations.first_mut()?.allocation.round = round.number.wrapping_add(1);
            wrong = true;
        }
        4 if allocations.len() > 1 => {
            allocations.reverse();
            wrong = true;
        }
        _ => {}
    }
    let who = choice.pick(&cast().everybody())?;
    let call = Call::report_over_allocation { session: id, allocations: allocations.try_into().ok()? };
    signed(&who, call, Must::fail_if(wrong))
}

/// What the notary of a round may allocate, as the pallet's documentation says it.
fn budget(session: &Session, round: &Round) -> Balance {
    session.deposit.saturating_sub(round.before.map_or(session.claimed(), |before| before.claimed))
}

/// To how many nodes it may allocate.
fn room(notary: &Notary, round: &Round) -> u16 {
    notary.max_nodes - round.before.map_or(notary.nodes, |before| before.nodes)
}

fn any(choice: &mut Choice) -> Option<(SessionId, Session)> {
    any_that(choice, |_| true)
}

fn any_that(choice: &mut Choice, is_wanted: impl Fn(&Session) -> bool) -> Option<(SessionId, Session)> {
    let open: Vec<_> = Sessions::<Runtime>::iter().filter(|(_, session)| is_wanted(session)).collect();
    choice.pick(&open)
}

/// A claim from a session, good in half of the cases, and what must come of it.
pub fn build(choice: &mut Choice, memory: &mut Memory, id: SessionId, session: &Session) -> Option<(Claim, Must)> {
    match &session.payee {
        Payee::Node(_) => Some(for_node(choice, memory, id, session)),
        Payee::Network(notary) => {
            let started = System::block_number() >= notary.current.starts_at;
            let round = if started { &notary.current } else { notary.former.as_ref()? };
            for_network(choice, memory, id, session, (notary, round))
        }
    }
}

fn for_node(choice: &mut Choice, memory: &mut Memory, id: SessionId, session: &Session) -> (Claim, Must) {
    let settled = session.claimed();
    // Now and then more than there is.
    let cumulative = settled + choice.between(1, session.held().saturating_mul(5) / 4);
    let (mut promise, mut ticks) = promise(choice, id, cumulative);
    let twist = choice.twist(8);
    match twist {
        1 => {
            promise.cumulative = settled.min(choice.between(0, settled));
            (promise.ticks, ticks) = (None, None);
        }
        2 => promise.session = choice.hash(),
        _ => {}
    }
    let mut signed = memory.promise(promise.clone(), &session.signer);
    match twist {
        3 => signed.signature = bad_signature(),
        4 => signed.signature = elsewhere(&promise, &session.signer),
        5 => signed.signature = cast().sign(&session.payer, &promise.signing_payload(&crate::world::genesis_hash())),
        6 => signed.promise.cumulative += 1,
        7 => spoil(&signed.promise, &mut ticks),
        _ => {}
    }
    let mut claim = Claim { promise: signed, ticks, allocation: None };
    if twist == 8 {
        let allocation = Allocation { session: id, round: 0, node: session.payer.clone(), cap: Balance::MAX };
        claim.allocation = Some(memory.allocate(allocation, &cast().anchor_keys[0]));
    }
    if twist == 0 {
        memory.stand_by(&claim);
    }
    (claim, Must::fail_if(twist > 0))
}

fn for_network(
    choice: &mut Choice,
    memory: &mut Memory,
    id: SessionId,
    session: &Session,
    (notary, round): (&Notary, &Round),
) -> Option<(Claim, Must)> {
    let cast = cast();
    let node = choice.pick(&cast.nodes)?;
    let channel = channel_id(&id, round.number, &node);
    let (budget, allocated) = (budget(session, round), memory.allocated(id, round.number));
    let caps = |signed: &SignedAllocation| signed.allocation.cap;
    let of_round = memory.allocations.get(&(id, round.number));
    let before = of_round.and_then(|of_round| of_round.get(&node)).map_or(0, caps);
    let nodes = of_round.into_iter().flatten().filter(|(_, signed)| caps(signed) > 0).count();
    let is_full = before == 0 && nodes >= room(notary, round).into();
    let left = budget.saturating_sub(allocated);
    // Most notaries are honest.
    let cap = before
        + match choice.once_in(12) {
            true => choice.between(left, session.deposit.saturating_mul(2)),
            false if is_full => 0,
            false => choice.between(0, left),
        };
    if allocated - before + cap > budget || (is_full && cap > 0) {
        memory.dishonest.insert((id, round.number));
    }
    let settled = Channels::<Runtime>::get(id, channel).map_or(0, |channel| channel.claimed);
    let cumulative = settled + choice.between(1, cap.saturating_sub(settled).saturating_mul(5) / 4);
    let (mut promise, mut ticks) = promise(choice, channel, cumulative);
    let twist = choice.twist(9);
    match twist {
        1 => promise.session = id,
        2 => {
            promise.cumulative = settled;
            (promise.ticks, ticks) = (None, None);
        }
        _ => {}
    }
    let mut signed = memory.promise(promise.clone(), &session.signer);
    let mut allocation = memory.allocate(Allocation { session: id, round: round.number, node, cap }, &round.key);
    match twist {
        3 => signed.signature = bad_signature(),
        4 => signed.signature = elsewhere(&promise, &session.signer),
        5 => spoil(&signed.promise, &mut ticks),
        6 => allocation.allocation.node = choice.pick(&cast.others)?,
        7 => allocation.allocation.cap = allocation.allocation.cap.saturating_add(1),
        8 => allocation.allocation.round = allocation.allocation.round.wrapping_add(1),
        9 => {
            let claim = Claim { promise: signed, ticks, allocation: None };
            return Some((claim, Must::Fail));
        }
        _ => {}
    }
    let claim = Claim { promise: signed, ticks, allocation: Some(allocation) };
    if twist == 0 {
        memory.stand_by(&claim);
    }
    Some((claim, Must::fail_if(twist > 0)))
}

/// A promise, in a third of the cases with a tick chain of which some ticks were revealed.
fn promise(choice: &mut Choice, session: SessionId, cumulative: Balance) -> (Promise, Option<Ticks>) {
    let mut promise = Promise { session, cumulative, call_hash: choice.hash(), ticks: None };
    if !choice.once_in(3) {
        return (promise, None);
    }
    let length = 1 + choice.below(40) as u32;
    let count = choice.below(u64::from(length) + 1) as u32;
    let preimage = (count..length).fold(choice.hash(), |hash, _| tick_hash(&hash));
    let root = (0..count).fold(preimage, |hash, _| tick_hash(&hash));
    promise.ticks = Some(TickCommitment { root, unit: choice.between(1, SLT / 50), length });
    (promise, Some(Ticks { count, preimage }))
}

/// Makes ticks that are worth something, and not good.
fn spoil(promise: &Promise, ticks: &mut Option<Ticks>) {
    *ticks = match (&promise.ticks, *ticks) {
        (Some(commitment), Some(ticks)) => Some(Ticks { count: commitment.length + 1, ..ticks }),
        _ => Some(Ticks { count: 1, preimage: Hash::zero() }),
    };
}

/// The signature of the same promise on another chain.
fn elsewhere(promise: &Promise, signer: &AccountId) -> smartlayer_primitives::Signature {
    cast().sign(signer, &promise.signing_payload(&Hash::repeat_byte(1)))
}
