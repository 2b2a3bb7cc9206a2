//! Who makes blocks and who finalizes them: BABE, GRANDPA, sessions, and the randomness they leave behind.

use frame_support::{
    parameter_types,
    traits::{ConstU32, ConstU64, Randomness},
};
use pallet_babe::RandomnessFromOneEpochAgo;
use smartlayer_primitives::{traits::PeriodRandomness, Hash};
use sp_consensus_babe::BabeEpochConfiguration;
use sp_runtime::{
    traits::{ConvertInto, OpaqueKeys},
    SaturatedConversion,
};

use crate::{
    parameters::dynamic_params, AccountId, Babe, Balance, Balances, BlockNumber, Runtime, RuntimeEvent, SessionKeys,
    SLOT_MILLISECONDS, SLT,
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

// Validators are fixed at genesis and hold no stake, so that an equivocation has nothing to take: nobody reports it, and there
// are no ownership proofs. With nominated stake, offences get here.
impl pallet_babe::Config for Runtime {
    type DisabledValidators = crate::Session;
    type EpochChangeTrigger = pallet_babe::ExternalTrigger;
    type EpochDuration = dynamic_params::consensus::EpochDuration;
    type EquivocationReportSystem = ();
    type ExpectedBlockTime = ConstU64<SLOT_MILLISECONDS>;
    type KeyOwnerProof = sp_core::Void;
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = ConstU32<0>;
    type WeightInfo = ();
}

impl pallet_grandpa::Config for Runtime {
    type EquivocationReportSystem = ();
    type KeyOwnerProof = sp_core::Void;
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = ConstU32<0>;
    type MaxSetIdSessionEntries = ConstU64<0>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

impl pallet_authorship::Config for Runtime {
    type EventHandler = ();
    type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
}

impl pallet_session::Config for Runtime {
    type Currency = Balances;
    type DisablingStrategy = ();
    type KeyDeposit = KeyDeposit;
    type Keys = SessionKeys;
    type NextSessionRotation = Babe;
    type RuntimeEvent = RuntimeEvent;
    type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
    // Never names new validators: those of genesis stay. They can change their keys.
    type SessionManager = ();
    type ShouldEndSession = Babe;
    type ValidatorId = AccountId;
    type ValidatorIdOf = ConvertInto;
    type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
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
