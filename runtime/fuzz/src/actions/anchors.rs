//! Anchors: registered, judged, elected, and gone again.

use frame_support::traits::Get;
use pallet_anchors::{Call, Elected, Keys, Organisations};
use pallet_identity::{IdentityOf, Judgement};
use smartlayer_primitives::{quorum::AnchorKey, AccountId, SLT};
use smartlayer_runtime::{parameters::bounded, Runtime, System};
use sp_runtime::traits::{BlakeTwo256, Hash as _};

use super::{signed, Action, Must};
use crate::{
    cast::cast,
    choice::Choice,
    world::{bytes, ownership, Memory, ANCHOR_BOND},
};

pub fn register(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let cast = cast();
    let out: Vec<_> =
        cast.organisations.iter().filter(|o| !Organisations::<Runtime>::contains_key(o)).cloned().collect();
    let twist = choice.twist(4);
    let who = if twist == 1 { choice.pick(&registered())? } else { choice.pick(&out)? };
    let key = if twist == 2 { Organisations::<Runtime>::iter_values().next()?.key } else { free_key(choice)? };
    let mut bond = bounded::anchors::MinBond::get() + choice.between(0, ANCHOR_BOND);
    let mut proof = cast.sign_as_anchor(&key, &ownership(&who));
    match twist {
        3 => bond = bounded::anchors::MinBond::get() - 1,
        4 => proof = Default::default(),
        _ => {}
    }
    let call =
        Call::register { name: bytes("Name"), endpoint: bytes("https://a"), peer_id: bytes("p"), key, proof, bond };
    signed(&who, call, Must::fail_if(twist > 0))
}

pub fn update(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let wrong = choice.twist(1) > 0;
    let who = if wrong { choice.pick(&cast().payers)? } else { choice.pick(&registered())? };
    let call = Call::update { endpoint: bytes("https://b"), peer_id: bytes("q") };
    signed(&who, call, if wrong { Must::Fail } else { Must::Succeed })
}

pub fn rotate_key(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let who = choice.pick(&registered())?;
    let twist = choice.twist(2);
    let key = if twist == 1 { Organisations::<Runtime>::get(&who)?.key } else { free_key(choice)? };
    let proof = if twist == 2 { Default::default() } else { cast().sign_as_anchor(&key, &ownership(&who)) };
    signed(&who, Call::rotate_key { key, proof }, Must::fail_if(twist > 0))
}

pub fn deregister(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let out: Vec<_> = registered().into_iter().filter(|account| !Elected::<Runtime>::get().contains(account)).collect();
    let who = if choice.once_in(2) { choice.pick(&out) } else { choice.pick(&cast().organisations) }?;
    let known = Organisations::<Runtime>::contains_key(&who);
    let elected = Elected::<Runtime>::get().contains(&who);
    signed(&who, Call::deregister {}, if known && !elected { Must::Succeed } else { Must::Fail })
}

pub fn withdraw_bond(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let departing: Vec<_> = pallet_anchors::Departing::<Runtime>::iter_keys().collect();
    let who = choice.pick(&departing).or_else(|| choice.pick(&cast().organisations))?;
    // A bond waits for more blocks than a sequence has: for half of them the wait is over by a miracle.
    if choice.once_in(2) {
        pallet_anchors::Departing::<Runtime>::mutate(&who, |departing| {
            if let Some((_, release_at)) = departing {
                *release_at = System::block_number();
            }
        });
    }
    signed(&who, Call::withdraw_bond {}, Must::Comply)
}

pub fn bond_more(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let wrong = choice.twist(1) > 0;
    let who = if wrong { choice.pick(&cast().payers)? } else { choice.pick(&registered())? };
    signed(&who, Call::bond_more { amount: choice.between(0, 6_000 * SLT) }, Must::fail_if(wrong))
}

pub fn refresh(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let account = choice.pick(&cast().organisations)?;
    let elected = Elected::<Runtime>::get().contains(&account);
    let who = choice.pick(&cast().everybody())?;
    signed(&who, Call::refresh { account }, if elected { Must::Succeed } else { Must::Fail })
}

/// A registrar judges an organisation: mostly good, now and then not.
pub fn judge(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let known: Vec<_> = IdentityOf::<Runtime>::iter_keys().collect();
    let target = choice.pick(&known)?;
    let judgement = match choice.below(8) {
        0 => Judgement::Erroneous,
        1 => Judgement::OutOfDate,
        2 => Judgement::Reasonable,
        _ => Judgement::KnownGood,
    };
    let identity = BlakeTwo256::hash_of(&IdentityOf::<Runtime>::get(&target)?.info);
    let wrong = choice.twist(1) > 0;
    let who = if wrong { target.clone() } else { cast().registrar.clone() };
    let call = pallet_identity::Call::<Runtime>::provide_judgement {
        reg_index: 0,
        target: target.into(),
        judgement,
        identity,
    };
    signed(&who, call, if wrong { Must::Fail } else { Must::Succeed })
}

/// Other members are elected: mostly one is replaced, now and then there is a new term.
pub fn elect(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let cast = cast();
    let mut members = Elected::<Runtime>::get().into_inner();
    // Mostly the registered, so that there is mostly a quorum.
    let candidates = if choice.once_in(4) { cast.organisations.clone() } else { registered() };
    let term = choice.once_in(2);
    if term && choice.once_in(6) {
        members = choice.some_of(&candidates);
    } else {
        if let Some(leaves) = choice.pick(&members).filter(|_| members.len() > 5 || choice.once_in(4)) {
            members.retain(|member| *member != leaves);
        }
        members.push(choice.pick(&candidates)?);
    }
    members.sort();
    members.dedup();
    Some(Action::Elect { members, term })
}

fn registered() -> Vec<AccountId> {
    Organisations::<Runtime>::iter_keys().collect()
}

fn free_key(choice: &mut Choice) -> Option<AnchorKey> {
    let free: Vec<_> = cast()
        .anchor_keys
        .iter()
        .filter(|key| !Keys::<Runtime>::contains_key(AccountId::from(**key)))
        .cloned()
        .collect();
    choice.pick(&free)
}
