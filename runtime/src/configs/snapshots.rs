//! The period clock and the chain of commitments.

use frame_support::parameter_types;
use smartlayer_primitives::Period;

use super::consensus::EpochRandomness;
use crate::{parameters::bounded::commitment_snapshots, Anchors, Runtime, ServiceStaking};

parameter_types! {
    /// How many periods stay known: two weeks of hours. It changes only together with a migration.
    pub const History: Period = 336;
}

impl pallet_commitment_snapshots::Config for Runtime {
    type AnchorBonds = Anchors;
    type Anchors = Anchors;
    type EquivocationSlash = commitment_snapshots::EquivocationSlash;
    type Grace = commitment_snapshots::Grace;
    type History = History;
    type MaxStrikes = commitment_snapshots::MaxStrikes;
    type OnCommitment = ServiceStaking;
    type PeriodLength = commitment_snapshots::PeriodLength;
    type Randomness = EpochRandomness;
    type WeightInfo = crate::weights::pallet_commitment_snapshots::WeightInfo<Self>;
}
