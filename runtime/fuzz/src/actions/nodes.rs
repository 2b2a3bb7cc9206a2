//! Service nodes: their registration and stake, what breaks it, and what they and the anchors earn.

use frame_support::traits::Get;
use pallet_service_staking::{Breaches, Call, Claimed, Nodes, Rewards, ServiceKeys};
use smartlayer_primitives::{
    merkle::{prove, MerkleProof},
    node::{BreachState, ServiceNode},
    report::ReportEntry,
    AccountId, Period, SLT,
};
use smartlayer_runtime::{parameters::bounded, Runtime, RuntimeOrigin, ServiceStaking, System};

use super::{moved, signed, Action, Must};
use crate::{
    books::Books,
    cast::cast,
    choice::Choice,
    world::{bad_signature, bytes, ownership, Memory, NODE_BOND},
};

pub fn register(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let cast = cast();
    let out: Vec<_> = cast.nodes.iter().filter(|node| !Nodes::<Runtime>::contains_key(node)).cloned().collect();
    let twist = choice.twist(5);
    let (who, mut wrong) = match twist {
        1 => (choice.pick(&registered())?, true),
        _ => (choice.pick(&out)?, twist > 0),
    };
    let key = match twist {
        2 => Nodes::<Runtime>::iter_values().next()?.service_key,
        // A node may be its own service key.
        _ if choice.once_in(6) => who.clone(),
        _ => free_key(choice)?,
    };
    let mut proof = cast.sign(&key, &ownership(&who));
    let mut bond = bounded::service_staking::MinBond::get() + choice.between(0, NODE_BOND);
    let mut endpoint = bytes("https://node");
    match twist {
        3 => bond = bounded::service_staking::MinBond::get() - 1,
        4 => proof = if choice.once_in(2) { bad_signature() } else { cast.sign(&key, &ownership(&key.clone())) },
        5 => endpoint = bytes(""),
        _ => {}
    }
    if twist == 4 && key == who {
        wrong = matches!(&proof, p if *p == bad_signature());
    }
    let call = Call::register { endpoint, peer_id: bytes("peer"), service_key: key, proof, bond };
    signed(&who, call, Must::fail_if(wrong))
}

pub fn update(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (who, wrong) = somebody(choice)?;
    let call = Call::update { endpoint: bytes("wss://elsewhere"), peer_id: bytes("other") };
    signed(&who, call, Must::fail_if(wrong))
}

pub fn rotate_key(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let who = choice.pick(&registered())?;
    let twist = choice.twist(2);
    let key = match twist {
        1 => Nodes::<Runtime>::get(&who)?.service_key,
        _ => free_key(choice)?,
    };
    let proof = if twist == 2 { bad_signature() } else { cast().sign(&key, &ownership(&who)) };
    signed(&who, Call::rotate_key { service_key: key, proof }, Must::fail_if(twist > 0))
}

pub fn bond_more(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let who = choice.pick(&registered())?;
    let (amount, wrong) = match choice.twist(2) {
        0 => (choice.between(1, 500 * SLT), false),
        1 => (0, true),
        _ => (u128::MAX / 4, true),
    };
    signed(&who, Call::bond_more { amount }, Must::fail_if(wrong))
}

pub fn unbond(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let who = choice.pick(&registered())?;
    let bond = Nodes::<Runtime>::get(&who)?.bond;
    let least = bounded::service_staking::MinBond::get();
    let (amount, wrong) = match choice.twist(2) {
        0 if choice.once_in(4) => (bond, bond == 0),
        0 => (choice.between(1, bond.saturating_sub(least)), false),
        1 => (bond + 1, true),
        _ => (0, true),
    };
    signed(&who, Call::unbond { amount }, Must::fail_if(wrong))
}

pub fn withdraw(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let now = System::block_number();
    let is_due = |node: &ServiceNode| node.unbonding.iter().any(|chunk| chunk.release_at <= now);
    let due: Vec<_> = Nodes::<Runtime>::iter().filter(|(_, node)| is_due(node)).map(|(account, _)| account).collect();
    let who = choice.pick(&due).or_else(|| choice.pick(&cast().nodes))?;
    signed(&who, Call::withdraw {}, Must::Comply)
}

pub fn chill_or_reenter(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let (who, wrong) = somebody(choice)?;
    if choice.once_in(3) {
        signed(&who, Call::chill {}, Must::fail_if(wrong))
    } else {
        signed(&who, Call::reenter {}, Must::fail_if(wrong))
    }
}

pub fn report_breach(choice: &mut Choice, memory: &mut Memory, books: &Books) -> Option<Action> {
    let who = choice.pick(&cast().everybody())?;
    let twist = choice.twist(3);
    // Mostly what the books know to be a breach, whatever the pallets have made of the terms since.
    let known = !choice.once_in(4);
    let (mut entry, mut proof) = line(choice, memory, |entry| {
        let open = || {
            let breaches = Breaches::<Runtime>::get(&entry.node);
            ServiceStaking::reportable(entry.period) && breaches.iter().all(|breach| breach.period != entry.period)
        };
        twist > 0 || entry.breaches > 0 && (!known || books.is_breach(entry) && open())
    })?;
    match twist {
        1 => entry.breaches = entry.breaches.wrapping_add(1),
        2 => proof.leaf_index = proof.leaf_index.wrapping_add(1),
        3 => entry.period = entry.period.wrapping_add(1),
        _ => {}
    }
    signed(&who, Call::report_breach { entry, proof }, Must::fail_if(twist > 0))
}

pub fn apply_slash(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let who = choice.pick(&cast().everybody())?;
    let now = System::block_number();
    let breaches: Vec<_> = Breaches::<Runtime>::iter()
        .flat_map(|(node, breaches)| breaches.into_iter().map(move |breach| (node.clone(), breach)))
        .collect();
    match choice.twist(2) {
        0 | 1 => {
            let (node, breach) = choice.pick(&breaches)?;
            let due = breach.state == BreachState::Deferred && breach.due_at <= now;
            let must = if due { Must::Succeed } else { Must::Fail };
            signed(&who, Call::apply_slash { node, period: breach.period }, must)
        }
        _ => signed(&who, Call::apply_slash { node: choice.pick(&cast().nodes)?, period: Period::MAX }, Must::Fail),
    }
}

pub fn cancel_slash(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let breaches: Vec<_> = Breaches::<Runtime>::iter()
        .flat_map(|(node, breaches)| breaches.into_iter().map(move |breach| (node.clone(), breach)))
        .collect();
    let (node, breach) = choice.pick(&breaches)?;
    let call = Call::cancel_slash { node: node.clone(), period: breach.period };
    match choice.twist(1) {
        0 => {
            let must = if breach.state == BreachState::Deferred { Must::Succeed } else { Must::Fail };
            moved(RuntimeOrigin::root(), call, must)
        }
        _ => signed(&node, call, Must::Fail),
    }
}

pub fn claim_reward(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    let who = choice.pick(&cast().everybody())?;
    let twist = choice.twist(3);
    let is_open = |entry: &ReportEntry| {
        Rewards::<Runtime>::contains_key(entry.period) && !Claimed::<Runtime>::contains_key(entry.period, &entry.node)
    };
    let (mut entry, mut proof) = line(choice, memory, |entry| match twist {
        0 => is_open(entry),
        1 => Claimed::<Runtime>::contains_key(entry.period, &entry.node),
        _ => true,
    })?;
    match twist {
        2 => entry.reward_weight = entry.reward_weight.saturating_mul(2).saturating_add(1),
        3 => proof.siblings.iter_mut().for_each(|sibling| *sibling = Default::default()),
        _ => {}
    }
    // A tree with one leaf has no siblings to spoil.
    let wrong = twist > 0 && !(twist == 3 && proof.siblings.is_empty());
    signed(&who, Call::claim_reward { entry, proof }, Must::fail_if(wrong))
}

pub fn claim_anchor_reward(choice: &mut Choice, _: &mut Memory) -> Option<Action> {
    let periods: Vec<Period> = Rewards::<Runtime>::iter_keys().collect();
    let (who, period, wrong) = match choice.twist(2) {
        0 => (choice.pick(&cast().organisations)?, choice.pick(&periods)?, false),
        1 => (choice.pick(&cast().payers)?, choice.pick(&periods)?, true),
        _ => (choice.pick(&cast().organisations)?, Period::MAX, true),
    };
    signed(&who, Call::claim_anchor_reward { period }, Must::fail_if(wrong))
}

fn registered() -> Vec<AccountId> {
    Nodes::<Runtime>::iter_keys().collect()
}

fn free_key(choice: &mut Choice) -> Option<AccountId> {
    let free: Vec<_> =
        cast().service_keys.iter().filter(|key| !ServiceKeys::<Runtime>::contains_key(key)).cloned().collect();
    choice.pick(&free)
}

/// A node's account or service key; or somebody who is neither.
fn somebody(choice: &mut Choice) -> Option<(AccountId, bool)> {
    match choice.twist(1) {
        0 => {
            let node = choice.pick(&registered())?;
            let key = Nodes::<Runtime>::get(&node)?.service_key;
            Some((if choice.once_in(2) { key } else { node }, false))
        }
        _ => Some((choice.pick(&cast().payers)?, true)),
    }
}

/// A line that is wanted, of the report of an accepted commitment, with its proof.
fn line(
    choice: &mut Choice,
    memory: &Memory,
    is_wanted: impl Fn(&ReportEntry) -> bool,
) -> Option<(ReportEntry, MerkleProof)> {
    // Not older than a few periods, or most were out of the windows.
    let recent: Vec<_> = memory
        .reports
        .values()
        .rev()
        .take(10)
        .flat_map(|report| (0..report.len()).map(move |index| (report, index)))
        .filter(|(report, index)| is_wanted(&report[*index]))
        .collect();
    let (report, index) = choice.pick(&recent)?;
    Some((report[index].clone(), prove(report, index as u32)?))
}
