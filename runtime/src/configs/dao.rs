//! The DAO: token holders elect the anchors, which must be registered organisations to become active.

use frame_support::{
    parameter_types,
    traits::{ConstU32, Get, LockIdentifier},
};
use sp_runtime::Permill;
use sp_staking::currency_to_vote::U128CurrencyToVote;

use super::{
    governance::{ElectedAnchors, ToTreasury},
    organisations::Judged,
    snapshots::History,
};
use crate::{
    parameters::bounded::{anchors, commitment_snapshots, elections, promise_settlement},
    Balance, Balances, BlockNumber, Runtime, RuntimeEvent, Treasury, SLT,
};

parameter_types! {
    pub const ElectionsPalletId: LockIdentifier = *b"elctions";
    /// Reserved once a voter, and what an election that is too large costs whoever makes it so: see docs/adr/0007-governance.md.
    pub const VotingBondBase: Balance = 20 * SLT;
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
    // The election runs within one block, and these bound what it takes: less than half of the block's time. Where more vote, it does
    // not take place: the bonds of so many are about what thirteen anchors put up at least.
    type MaxCandidates = ConstU32<64>;
    type MaxVoters = ConstU32<7_000>;
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

/// For how long a bond and a key that are given up answer for what was signed with them: never less than evidence of an equivocation is
/// taken, which is until the running period and those that are kept after it are over, nor than a session's nodes have for their claims.
pub struct BondDelay;

impl Get<BlockNumber> for BondDelay {
    fn get() -> BlockNumber {
        let evidence = History::get().saturating_add(1).saturating_mul(commitment_snapshots::PeriodLength::get());
        anchors::BondDelay::get().max(evidence).max(promise_settlement::ChallengeWindow::get())
    }
}

impl pallet_anchors::Config for Runtime {
    type BondDelay = BondDelay;
    type BountyShare = anchors::BountyShare;
    type Currency = Balances;
    type Identity = Judged;
    type MinActive = MinActive;
    type MinBond = anchors::MinBond;
    type OnSlash = ToTreasury;
    type RotationInterval = anchors::RotationInterval;
    type WeightInfo = crate::weights::pallet_anchors::WeightInfo<Self>;
}
