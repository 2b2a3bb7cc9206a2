//! Types that only this pallet uses.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use smartlayer_primitives::{AccountId, Balance, Period};

/// How far the sweep of the claim marks is: all marks of periods before `period` are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SweepState {
    /// The period that is being swept, or will be once it is not kept any more.
    pub period: Period,
    /// The node whose mark was removed last, in the order of the storage; nothing at a period's start.
    pub after: Option<AccountId>,
}

/// What a node had at stake from the end of a period on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct StakeChange {
    /// The period in which the stake changed.
    pub period: Period,
    /// Bond and unbonding chunks together after the period's last change, in planck.
    pub stake: Balance,
}
