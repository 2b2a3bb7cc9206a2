//! What can happen in a step: who calls what, right or wrong on purpose.

mod agreements;
mod anchors;
mod commitments;
mod governance;
mod nodes;
mod sessions;
mod tokens;

use smartlayer_primitives::{promise::Claim, AccountId};
use smartlayer_runtime::{RuntimeCall, RuntimeOrigin};

use crate::{choice::Choice, world::Memory};

/// What a step does.
pub enum Action {
    /// So many blocks pass.
    Blocks(u32),
    /// Somebody calls something.
    Call(Box<Move>),
    /// A chain node's watchtower offers a claim.
    FreeClaim(Box<Claim>),
    /// The elections changed who is elected; with a new term, or else a member was only replaced.
    Elect { members: Vec<AccountId>, term: bool },
}

/// Something is remembered of a call that succeeded.
pub type Then = Box<dyn FnOnce(&mut Memory)>;

/// A call.
pub struct Move {
    /// Whose.
    pub origin: RuntimeOrigin,
    /// Which.
    pub call: RuntimeCall,
    /// What must come of it.
    pub must: Must,
    /// What is remembered if it succeeds.
    pub then: Option<Then>,
}

/// What must come of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    /// Whatever the rules say.
    Comply,
    /// It is wrong, and must be refused.
    Fail,
    /// It is right for sure.
    Succeed,
}

impl Must {
    /// Must fail if it is wrong on purpose.
    fn fail_if(wrong: bool) -> Self {
        if wrong {
            Self::Fail
        } else {
            Self::Comply
        }
    }
}

fn signed(who: &AccountId, call: impl Into<RuntimeCall>, must: Must) -> Option<Action> {
    moved(RuntimeOrigin::signed(who.clone()), call, must)
}

fn moved(origin: RuntimeOrigin, call: impl Into<RuntimeCall>, must: Must) -> Option<Action> {
    Some(Action::Call(Box::new(Move { origin, call: call.into(), must, then: None })))
}

/// The step's action; nothing if there is nobody to do it.
pub fn choose(choice: &mut Choice, memory: &mut Memory) -> Option<Action> {
    type Choose = fn(&mut Choice, &mut Memory) -> Option<Action>;
    const ACTIONS: &[(u64, Choose)] = &[
        (140, |choice, _| Some(Action::Blocks(blocks(choice)))),
        (260, commitments::submit),
        (15, commitments::report_equivocation),
        (60, sessions::open),
        (20, sessions::top_up),
        (90, sessions::claim),
        (40, sessions::claim_batch),
        (25, sessions::close),
        (25, sessions::request_close),
        (25, sessions::finish),
        (20, sessions::change_notary),
        (25, sessions::report_over_allocation),
        (30, sessions::free_claim),
        (25, nodes::register),
        (15, nodes::update),
        (15, nodes::rotate_key),
        (15, nodes::bond_more),
        (30, nodes::unbond),
        (30, nodes::withdraw),
        (15, nodes::chill_or_reenter),
        (70, nodes::report_breach),
        (35, nodes::apply_slash),
        (10, nodes::cancel_slash),
        (45, nodes::claim_reward),
        (25, nodes::claim_anchor_reward),
        (260, agreements::negotiate),
        (20, agreements::out_of_turn),
        (12, agreements::end),
        (20, agreements::expire),
        (15, agreements::declare_maintenance),
        (8, agreements::set_template),
        (25, anchors::register),
        (8, anchors::update),
        (15, anchors::rotate_key),
        (12, anchors::deregister),
        (12, anchors::withdraw_bond),
        (12, anchors::bond_more),
        (12, anchors::refresh),
        (12, anchors::judge),
        (12, anchors::elect),
        (12, tokens::register),
        (8, tokens::update_script),
        (10, tokens::fund_rent),
        (8, tokens::set_revenue_share),
        (25, governance::transfer),
        (14, governance::set_parameter),
    ];
    let whole = ACTIONS.iter().map(|(weight, _)| weight).sum();
    let mut drawn = choice.below(whole);
    let (_, chosen) = ACTIONS.iter().find(|(weight, _)| {
        let found = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        found
    })?;
    chosen(choice, memory)
}

/// Mostly one or few blocks; sometimes so many that windows close, and rarely so many that periods fall out of the history.
fn blocks(choice: &mut Choice) -> u32 {
    match choice.below(100) {
        0..80 => 1 + choice.below(3) as u32,
        80..97 => 4 + choice.below(12) as u32,
        97..99 => 16 + choice.below(60) as u32,
        _ if choice.once_in(4) => 1_400,
        _ => 100,
    }
}
