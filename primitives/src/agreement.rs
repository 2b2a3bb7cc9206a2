//! Agreements as the chain keeps them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{sla::Terms, AccountId, BlockNumber};

/// A service node's agreement.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Agreement {
    /// The terms on the table, or agreed.
    pub terms: Terms,
    /// How far it is.
    pub stage: Stage,
}

/// How far an agreement is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Stage {
    /// The node proposed the terms; an anchor accepts or counters.
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
    /// In force.
    Active {
        /// From this block.
        since: BlockNumber,
    },
}
