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

use crate::{books::Books, choice::Choice, world::Memory};

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
pub fn choose(choice: &mut Choice, memory: &mut Memory, books: &Books) -> Option<Action> {
    enum Do {
        This(fn(&mut Choice, &mut Memory) -> Option<Action>),
        ByTheBooks(fn(&mut Choice, &mut Memory, &Books) -> Option<Action>),
    }
    const ACTIONS: &[(u64, Do)] = &[
        (140, Do::This(|choice, _| Some(Action::Blocks(blocks(choice))))),
        (260, Do::This(commitments::submit)),
        (15, Do::This(commitments::report_equivocation)),
        (60, Do::This(sessions::open)),
        (20, Do::This(sessions::top_up)),
        (90, Do::This(sessions::claim)),
        (40, Do::This(sessions::claim_batch)),
        (25, Do::This(sessions::close)),
        (25, Do::This(sessions::request_close)),
        (25, Do::This(sessions::finish)),
        (20, Do::This(sessions::change_notary)),
        (25, Do::This(sessions::report_over_allocation)),
        (30, Do::This(sessions::free_claim)),
        (25, Do::This(nodes::register)),
        (15, Do::This(nodes::update)),
        (15, Do::This(nodes::rotate_key)),
        (15, Do::This(nodes::bond_more)),
        (40, Do::This(nodes::unbond)),
        (45, Do::This(nodes::withdraw)),
        (15, Do::This(nodes::chill_or_reenter)),
        (70, Do::ByTheBooks(nodes::report_breach)),
        (25, Do::This(nodes::apply_slash)),
        (10, Do::This(nodes::cancel_slash)),
        (45, Do::This(nodes::claim_reward)),
        (25, Do::This(nodes::claim_anchor_reward)),
        (320, Do::This(agreements::negotiate)),
        (20, Do::This(agreements::out_of_turn)),
        (20, Do::This(agreements::end)),
        (20, Do::This(agreements::expire)),
        (15, Do::This(agreements::declare_maintenance)),
        (8, Do::This(agreements::set_template)),
        (25, Do::This(anchors::register)),
        (8, Do::This(anchors::update)),
        (15, Do::This(anchors::rotate_key)),
        (20, Do::This(anchors::deregister)),
        (12, Do::This(anchors::withdraw_bond)),
        (12, Do::This(anchors::bond_more)),
        (12, Do::This(anchors::refresh)),
        (12, Do::This(anchors::judge)),
        (12, Do::This(anchors::elect)),
        (12, Do::This(tokens::register)),
        (8, Do::This(tokens::update_script)),
        (10, Do::This(tokens::fund_rent)),
        (8, Do::This(tokens::set_revenue_share)),
        (25, Do::This(governance::transfer)),
        (14, Do::This(governance::set_parameter)),
    ];
    let whole = ACTIONS.iter().map(|(weight, _)| weight).sum();
    let mut drawn = choice.below(whole);
    let (_, chosen) = ACTIONS.iter().find(|(weight, _)| {
        let found = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        found
    })?;
    match chosen {
        Do::This(choose) => choose(choice, memory),
        Do::ByTheBooks(choose) => choose(choice, memory, books),
    }
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
