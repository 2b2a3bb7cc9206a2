//! Every number that the DAO governs: what it means, and its default on a real network. Who uses a number bounds it, so that a
//! mistaken vote stays harmless.
//!
//! The defaults hold until a genesis preset or a vote says otherwise. `Consensus` is the exception: its numbers are set at
//! genesis and never again, because nodes read them once.

pub mod genesis;

use core::marker::PhantomData;

use frame_support::{
    dynamic_params::{dynamic_pallet_params, dynamic_params},
    traits::{EnsureOriginWithArg, Get},
};
use frame_system::ensure_root;
use smartlayer_primitives::Period;
use sp_runtime::Permill;

use crate::{Balance, BlockNumber, Runtime, RuntimeOrigin, DAYS, HOURS, MINUTES, SLT};

#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
pub mod dynamic_params {
    use super::*;

    /// What every node reads at genesis. Nobody can change it afterwards.
    #[dynamic_pallet_params]
    #[codec(index = 0)]
    pub mod consensus {
        /// How many slots an epoch has: how long a set of session keys and a piece of randomness last.
        #[codec(index = 0)]
        pub static EpochDuration: u64 = HOURS as u64;
    }

    /// The election of anchors.
    #[dynamic_pallet_params]
    #[codec(index = 1)]
    pub mod elections {
        /// How many anchors are elected; at most 64.
        #[codec(index = 0)]
        pub static DesiredMembers: u32 = 13;
        /// How many runners-up stand by; at most 32.
        #[codec(index = 1)]
        pub static DesiredRunnersUp: u32 = 7;
        /// Blocks between elections; 0 holds none.
        #[codec(index = 2)]
        pub static TermDuration: BlockNumber = 7 * DAYS;
        /// What a candidate puts up, and loses with the election, in planck.
        #[codec(index = 3)]
        pub static CandidacyBond: Balance = 1_000 * SLT;
    }

    /// Anchor organisations.
    #[dynamic_pallet_params]
    #[codec(index = 2)]
    pub mod anchors {
        /// The least bond of an active anchor, in planck.
        #[codec(index = 0)]
        pub static MinBond: Balance = 10_000 * SLT;
        /// Blocks that a deregistered organisation waits for its bond.
        #[codec(index = 1)]
        pub static BondDelay: BlockNumber = 14 * DAYS;
        /// Blocks between two key rotations of one organisation.
        #[codec(index = 2)]
        pub static RotationInterval: BlockNumber = HOURS;
    }

    /// Service nodes: stake and rewards.
    #[dynamic_pallet_params]
    #[codec(index = 3)]
    pub mod service_staking {
        /// The least bond of a node that is given work, in planck.
        #[codec(index = 0)]
        pub static MinBond: Balance = 1_000 * SLT;
        /// Blocks that an unbonding chunk waits: longer than a report can still lead to a slash.
        #[codec(index = 1)]
        pub static UnbondingDelay: BlockNumber = 14 * DAYS;
        /// What nodes and anchors earn together for a period, in planck: minted when its commitment is accepted.
        #[codec(index = 2)]
        pub static RewardPerPeriod: Balance = 100 * SLT;
        /// The anchors' part of it.
        #[codec(index = 3)]
        pub static AnchorShare: Permill = Permill::from_percent(20);
        /// For how many periods back rewards can be claimed; at most as many as commitments are kept.
        #[codec(index = 4)]
        pub static RewardHistory: Period = 168;
    }

    /// Sessions.
    #[dynamic_pallet_params]
    #[codec(index = 4)]
    pub mod promise_settlement {
        /// The share of every claim that is burned. Pinned by each session when it opens.
        #[codec(index = 0)]
        pub static BurnRate: Permill = Permill::from_percent(5);
        /// Blocks that a node has to bring its last promise once the payer asks to close. Pinned by each session when it opens.
        #[codec(index = 1)]
        pub static ChallengeWindow: BlockNumber = DAYS;
        /// The least deposit that opens a session, in planck.
        #[codec(index = 2)]
        pub static MinDeposit: Balance = SLT / 10;
    }

    /// Periods and their commitments.
    #[dynamic_pallet_params]
    #[codec(index = 5)]
    pub mod commitment_snapshots {
        /// Blocks in a period; read when it begins.
        #[codec(index = 0)]
        pub static PeriodLength: BlockNumber = HOURS;
        /// Blocks that each anchor has for itself before the next in the ranking may write as well.
        #[codec(index = 1)]
        pub static Grace: BlockNumber = MINUTES;
    }

    /// Token types: rent and deposits.
    #[dynamic_pallet_params]
    #[codec(index = 6)]
    pub mod smart_tokens {
        /// The rent of one copy's worth of data for one period, in planck.
        #[codec(index = 0)]
        pub static RentPerPeriod: Balance = SLT / 100;
        /// The part of a registration's deposit that does not depend on its size, in planck.
        #[codec(index = 1)]
        pub static DepositBase: Balance = SLT;
        /// The deposit for each byte of a registration, in planck.
        #[codec(index = 2)]
        pub static DepositPerByte: Balance = SLT / 1_000;
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
    fn default() -> Self {
        use dynamic_params::elections;
        RuntimeParameters::Elections(elections::Parameters::CandidacyBond(elections::CandidacyBond, Some(1)))
    }
}

/// Root may set any parameter but those of genesis, which nobody may.
pub struct GovernanceOnly;

impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for GovernanceOnly {
    type Success = ();

    fn try_origin(origin: RuntimeOrigin, key: &RuntimeParametersKey) -> Result<(), RuntimeOrigin> {
        match key {
            RuntimeParametersKey::Consensus(_) => Err(origin),
            _ => ensure_root(origin.clone()).map_err(|_| origin),
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn try_successful_origin(key: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
        match key {
            RuntimeParametersKey::Consensus(_) => Err(()),
            _ => Ok(RuntimeOrigin::root()),
        }
    }
}

/// A governed number, but at most `MAX`.
pub struct AtMost<P, const MAX: u32>(PhantomData<P>);

impl<P: Get<u32>, const MAX: u32> Get<u32> for AtMost<P, MAX> {
    fn get() -> u32 {
        P::get().min(MAX)
    }
}
