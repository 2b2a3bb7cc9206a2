//! Agreements as the chain keeps them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

use crate::{sla::Terms, AccountId, BlockNumber, Hash, Period};

/// A service node's agreement: what is in force, what is being negotiated, and what was in force before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Agreement {
    /// The terms that the node is held to.
    pub in_force: Option<InForce>,
    /// Terms on their way to being in force; the first ones, or new ones (renegotiation).
    pub negotiation: Option<Negotiation>,
    /// The terms before those in force, as long as a report can still lead to a slash by them.
    pub former: Option<FormerTerms>,
    /// Periods for which the node announced that it will not serve.
    pub maintenance: BoundedVec<Maintenance, ConstU32<4>>,
}

/// Terms in force.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct InForce {
    /// The terms.
    pub terms: Terms,
    /// The first period that they hold for.
    pub since: Period,
    /// How the node stands.
    pub standing: Standing,
}

/// How a node stands with its agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Standing {
    /// It holds to it, for all the chain knows.
    Good,
    /// A persistent breach was reported. It goes on serving.
    Breached {
        /// The last period of the breach.
        period: Period,
    },
    /// Another persistent breach was reported while it stood breached. It is given no work until it negotiated and was tested anew.
    Suspended {
        /// The last period of the breach.
        period: Period,
    },
}

/// Terms that are not in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Negotiation {
    /// The terms on the table, or agreed.
    pub terms: Terms,
    /// Whose move it is.
    pub step: Step,
    /// When this step began.
    pub since: BlockNumber,
    /// The first block at which the negotiation has lapsed.
    pub until: BlockNumber,
    /// What decides the order in which the anchors are asked for an answer: the randomness of the period of the proposal.
    pub seed: Hash,
}

/// How far a negotiation is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Step {
    /// The node proposed the terms; the anchor whose turn it is accepts or counters.
    Proposed,
    /// This anchor countered with the terms; the node accepts or proposes anew.
    Countered {
        /// Who countered.
        by: AccountId,
    },
    /// Both agree; the serviceability test is due.
    Accepted,
    /// The test was passed; the node activates.
    Tested,
}

/// Terms that were in force.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct FormerTerms {
    /// The terms.
    pub terms: Terms,
    /// The first period that they held for.
    pub since: Period,
    /// The first period that they did not hold for any more.
    pub until: Period,
}

/// A span of periods in which a node does not have to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Maintenance {
    /// The first period.
    pub from: Period,
    /// How many, at least one.
    pub periods: Period,
}

impl Maintenance {
    /// Whether `period` is in it.
    pub fn covers(&self, period: Period) -> bool {
        period.checked_sub(self.from).is_some_and(|after| after < self.periods)
    }
}

impl Agreement {
    /// The terms that held for `period`, in force or former.
    pub fn terms_at(&self, period: Period) -> Option<&Terms> {
        let current = self.in_force.as_ref().filter(|f| f.since <= period).map(|f| &f.terms);
        current.or_else(|| self.former.as_ref().filter(|f| f.since <= period && period < f.until).map(|f| &f.terms))
    }

    /// The terms under which the node is given work: in force, and not suspended.
    pub fn active_terms(&self) -> Option<&Terms> {
        self.in_force.as_ref().filter(|f| !matches!(f.standing, Standing::Suspended { .. })).map(|f| &f.terms)
    }

    /// Whether the node announced maintenance for `period`.
    pub fn in_maintenance(&self, period: Period) -> bool {
        self.maintenance.iter().any(|m| m.covers(period))
    }

    /// How far the negotiation is, if there is one.
    pub fn step(&self) -> Option<&Step> {
        self.negotiation.as_ref().map(|n| &n.step)
    }
}
