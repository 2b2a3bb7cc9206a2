//! The DAO: token holders elect the anchors, which must be registered organisations to become active.

use frame_support::{
    parameter_types,
    traits::{ConstU32, LockIdentifier},
};
use sp_runtime::Permill;
use sp_staking::currency_to_vote::U128CurrencyToVote;

use super::{
    governance::{ElectedAnchors, ToTreasury},
    organisations::Judged,
};
use crate::{
    parameters::bounded::{anchors, elections},
    Balance, Balances, Runtime, RuntimeEvent, Treasury, SLT,
};

parameter_types! {
    pub const ElectionsPalletId: LockIdentifier = *b"elctions";
    /// Reserved once a voter.
    pub const VotingBondBase: Balance = SLT / 10;
    /// Reserved for each name on a ballot.
    pub const VotingBondFactor: Balance = SLT / 100;
}

impl pallet_elections_phragmen::Config for Runtime {
    type CandidacyBond = elections::CandidacyBond;
    type ChangeMembers = ElectedAnchors;
    type Currency = Balances;
    type CurrencyToVote = U128CurrencyToVote;
    type DesiredMembers = elections::DesiredMembers;
    type DesiredRunnersUp = elections::DesiredRunnersUp;
    type InitializeMembers = ElectedAnchors;
    // What a member or loser loses, the treasury gains.
    type KickedMember = Treasury;
    type LoserCandidate = Treasury;
    // The election runs within one block: these bound its weight, which the pallet checks against the block's.
    type MaxCandidates = ConstU32<64>;
    type MaxVoters = ConstU32<512>;
    type MaxVotesPerVoter = ConstU32<16>;
    type PalletId = ElectionsPalletId;
    type RuntimeEvent = RuntimeEvent;
    type TermDuration = elections::TermDuration;
    type VotingBondBase = VotingBondBase;
    type VotingBondFactor = VotingBondFactor;
    type WeightInfo = pallet_elections_phragmen::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
    /// Suspension leaves two thirds of the elected; a millionth more would be one anchor too many of three.
    pub const MinActive: Permill = Permill::from_parts(666_666);
}

impl pallet_anchors::Config for Runtime {
    type BondDelay = anchors::BondDelay;
    type BountyShare = anchors::BountyShare;
    type Currency = Balances;
    type Identity = Judged;
    type MinActive = MinActive;
    type MinBond = anchors::MinBond;
    type OnSlash = ToTreasury;
    type RotationInterval = anchors::RotationInterval;
    type WeightInfo = crate::weights::pallet_anchors::WeightInfo<Self>;
}
