//! Who makes blocks and who finalizes them: BABE, GRANDPA, sessions, and the randomness they leave behind. Who the validators are
//! is in [`validators`](super::validators).

use frame_support::{
    parameter_types,
    traits::{ConstU32, ConstU64, Get, Randomness},
};
use pallet_babe::RandomnessFromOneEpochAgo;
use pallet_session::{disabling::UpToLimitWithReEnablingDisablingStrategy, historical::NoteHistoricalRoot};
use smartlayer_primitives::{traits::PeriodRandomness, Hash};
use sp_consensus_babe::BabeEpochConfiguration;
use sp_runtime::{
    traits::{ConvertInto, OpaqueKeys},
    SaturatedConversion,
};

use super::validators::MaxBackers;
use crate::{
    parameters::bounded::consensus, AccountId, Babe, Balance, Balances, BlockNumber, Historical, Offences, Runtime,
    RuntimeEvent, Session, SessionKeys, Staking, SLOT_MILLISECONDS, SLT,
};

/// One slot in four has a primary author, drawn by VRF, on average; a secondary author, drawn by VRF as well, fills the others,
/// so that there is a block in every slot.
pub const BABE_GENESIS_EPOCH_CONFIG: BabeEpochConfiguration =
    BabeEpochConfiguration { c: (1, 4), allowed_slots: sp_consensus_babe::AllowedSlots::PrimaryAndSecondaryVRFSlots };

/// The most validators.
pub type MaxAuthorities = ConstU32<100>;

parameter_types! {
    /// Held while a validator's session keys are registered.
    pub const KeyDeposit: Balance = SLT;
}

/// For how many sessions an equivocation can be reported: as long as the stake behind it can be slashed.
pub struct ReportSessions;

impl Get<u64> for ReportSessions {
    fn get() -> u64 {
        u64::from(consensus::BondingDuration::get()).saturating_mul(consensus::SessionsPerEra::get().into())
    }
}

/// How many blocks a report of an equivocation stays in the pool: as long as [`ReportSessions`] are, with a block in every slot.
pub struct ReportLongevity;

impl Get<u64> for ReportLongevity {
    fn get() -> u64 {
        ReportSessions::get().saturating_mul(consensus::EpochDuration::get())
    }
}

impl pallet_babe::Config for Runtime {
    type DisabledValidators = Session;
    type EpochChangeTrigger = pallet_babe::ExternalTrigger;
    type EpochDuration = consensus::EpochDuration;
    type EquivocationReportSystem = pallet_babe::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
    type ExpectedBlockTime = ConstU64<SLOT_MILLISECONDS>;
    type KeyOwnerProof = sp_session::MembershipProof;
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = MaxBackers;
    type WeightInfo = ();
}

impl pallet_grandpa::Config for Runtime {
    type EquivocationReportSystem =
        pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
    type KeyOwnerProof = sp_session::MembershipProof;
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = MaxBackers;
    type MaxSetIdSessionEntries = ReportSessions;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

impl pallet_authorship::Config for Runtime {
    // Counts the era's points; fees are given to authors in `fees`.
    type EventHandler = Staking;
    type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
}

impl pallet_session::Config for Runtime {
    type Currency = Balances;
    // Whoever equivocates stops authoring for the rest of the era, the worst offenders first; never more than a third of the
    // validators, so that the others can still finalize.
    type DisablingStrategy = UpToLimitWithReEnablingDisablingStrategy;
    type KeyDeposit = KeyDeposit;
    type Keys = SessionKeys;
    type NextSessionRotation = Babe;
    type RuntimeEvent = RuntimeEvent;
    type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
    // Keeps a root of each session's keys, against which an equivocator's key is proved later.
    type SessionManager = NoteHistoricalRoot<Self, Staking>;
    type ShouldEndSession = Babe;
    type ValidatorId = AccountId;
    type ValidatorIdOf = ConvertInto;
    type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
}

impl pallet_session::historical::Config for Runtime {
    type FullIdentification = ();
    type FullIdentificationOf = pallet_staking::UnitIdentificationOf<Self>;
    type RuntimeEvent = RuntimeEvent;
}

/// The randomness that ranks a period's writers: what BABE collected up to the end of the epoch before the running one.
///
/// It was fixed before any block of the running epoch existed, so no author of this epoch can pick it by building or
/// withholding a block, and it does not wait for finality, which `RandomnessFromTwoEpochsAgo` does at the price of an epoch more in
/// which everybody knows whose turn it will be. The last authors of an epoch could still drop their own blocks for another
/// draw, losing the blocks; what they win is the order in which anchors write, nothing else. See docs/adr/0001-babe.md.
pub struct EpochRandomness;

impl PeriodRandomness for EpochRandomness {
    fn seed() -> (Hash, BlockNumber) {
        let (seed, known_since) = RandomnessFromOneEpochAgo::<Runtime>::random(b"smartlayer/period");
        (seed, known_since.saturated_into())
    }
}
