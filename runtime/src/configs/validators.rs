//! Who the validators are: stake, nominations, their election, rewards and slashes.
//!
//! A validator bonds a stake and others nominate it with theirs. Once an era, in the session before it begins, the election
//! picks the validators with the most behind them and spreads the nominators' stake evenly over them.

use frame_election_provider_support::{
    bounds::{CountBound, ElectionBounds, ElectionBoundsBuilder},
    onchain, SequentialPhragmen, VoteWeight,
};
use frame_support::{
    parameter_types,
    traits::{tokens::imbalance::ResolveTo, ConstBool, ConstU32, EitherOf, Get},
    weights::Weight,
};
use frame_system::EnsureRoot;
use pallet_session::historical::IdentificationTuple;
use pallet_staking::{ActiveEra, BondedEras, UnappliedSlashes};
use pallet_treasury::TreasuryAccountId;
use sp_runtime::Perbill;
use sp_staking::{
    currency_to_vote::U128CurrencyToVote,
    offence::{OffenceDetails, OnOffenceHandler},
    SessionIndex,
};

use super::{consensus::MaxAuthorities, governance::origins};
use crate::{
    parameters::bounded::{consensus, validators},
    AccountId, Balance, Balances, Runtime, RuntimeEvent, RuntimeHoldReason, Session, Staking, Timestamp, VoterList,
    SLT,
};

/// The most nominators, by stake, that an election hears.
pub const MAX_NOMINATORS: u32 = 2_000;
/// The most nominators, by stake, that are behind one validator: the others earn nothing with it in that era, and lose nothing. A
/// report of an equivocation weighs 0.4 ms for each, and must fit a block.
pub type MaxBackers = ConstU32<256>;
/// The most candidates: an election with more fails, so that genesis sets `max_validator_count` to this.
pub const MAX_CANDIDATES: u32 = 200;
/// How many eras the chain remembers who stood behind a validator: for so long rewards can be claimed, and an offence finds what it
/// costs.
pub const HISTORY_DEPTH: u32 = 84;
/// The most validators that one nominator can name.
pub const MAX_NOMINATIONS: u32 = 8;

/// How many bags the voter list has.
const BAGS: usize = 64;
/// The upper ends of the bags: from a tenth of an SLT up, each 1.5 times the one before; the last ends beyond all there is.
// Computed when this is compiled: an index beyond the end would not compile.
#[allow(clippy::indexing_slicing)]
static BAG_THRESHOLDS: [VoteWeight; BAGS] = {
    let mut thresholds = [SLT as VoteWeight / 10; BAGS];
    let mut bag = 1;
    while bag < BAGS {
        let wider = thresholds[bag - 1] as u128 * 3 / 2;
        thresholds[bag] =
            if wider < VoteWeight::MAX as u128 { wider as VoteWeight } else { VoteWeight::MAX - (BAGS - bag) as u64 };
        bag += 1;
    }
    thresholds
};

parameter_types! {
    /// The sorted voters are heard from the top: the validators' own votes are among them.
    pub Bounds: ElectionBounds = ElectionBoundsBuilder::default()
        .voters_count(CountBound(MAX_NOMINATORS + MAX_CANDIDATES))
        .targets_count(CountBound(MAX_CANDIDATES))
        .build();
    pub const BagThresholds: &'static [VoteWeight] = &BAG_THRESHOLDS;
}

/// The election runs on the chain, within one block, because it is small: by the SDK's measurements 2,200 voters and 200
/// candidates take 0.1 s of the block's second, once an era. What larger chains need, miners that bring solutions from off the chain
/// and the phases, deposits and fallbacks for them, is more that can fail.
pub struct OnChainElection;

impl onchain::Config for OnChainElection {
    type Bounds = Bounds;
    type DataProvider = Staking;
    type MaxBackersPerWinner = MaxBackers;
    type MaxWinnersPerPage = MaxAuthorities;
    type Solver = SequentialPhragmen<AccountId, Perbill>;
    // What would be over a bound is cut from the end, instead of failing the election.
    type Sort = ConstBool<true>;
    type System = Runtime;
    type WeightInfo = frame_election_provider_support::weights::SubstrateWeight<Runtime>;
}

/// The governed reward of an era, all of it for the validators and their nominators.
///
/// It does not depend on how long the era took. Nothing is minted when the era ends: each validator's part is minted by
/// `staking.payoutStakers`, which anybody may call within [`HistoryDepth`](pallet_staking::Config::HistoryDepth) eras.
pub struct EraPayout;

impl sp_staking::EraPayout<Balance> for EraPayout {
    fn era_payout(_total_staked: Balance, _total_issuance: Balance, _milliseconds: u64) -> (Balance, Balance) {
        (validators::EraReward::get(), 0)
    }
}

/// How many eras a slash waits: always fewer than the stake stays bonded, so that it still finds it.
pub struct SlashDeferDuration;

impl Get<u32> for SlashDeferDuration {
    fn get() -> u32 {
        consensus::SlashDeferDuration::get().min(consensus::BondingDuration::get().saturating_sub(1))
    }
}

impl pallet_staking::Config for Runtime {
    // Cancels slashes while they wait, and sets the least commission.
    type AdminOrigin = EitherOf<EnsureRoot<AccountId>, origins::EnsureSlashCanceller>;
    #[cfg(feature = "std")]
    type BenchmarkingConfig = pallet_staking::TestBenchmarkingConfig;
    #[cfg(not(feature = "std"))]
    type BenchmarkingConfig = NativeOnly;
    type BondingDuration = consensus::BondingDuration;
    type Currency = Balances;
    type CurrencyBalance = Balance;
    type CurrencyToVote = U128CurrencyToVote;
    type ElectionProvider = onchain::OnChainExecution<OnChainElection>;
    type EraPayout = EraPayout;
    type EventListeners = ();
    type Filter = frame_support::traits::Nothing;
    type GenesisElectionProvider = Self::ElectionProvider;
    type HistoryDepth = ConstU32<HISTORY_DEPTH>;
    // No stake predates holds.
    type MaxControllersInDeprecationBatch = ConstU32<1>;
    // A payout is for one page of nominators.
    type MaxExposurePageSize = ConstU32<128>;
    type MaxUnlockingChunks = ConstU32<32>;
    type MaxValidatorSet = MaxAuthorities;
    type NextNewSession = Session;
    type NominationsQuota = pallet_staking::FixedNominationsQuota<MAX_NOMINATIONS>;
    type OldCurrency = Balances;
    type Reward = ();
    type RewardRemainder = ();
    type RuntimeEvent = RuntimeEvent;
    type RuntimeHoldReason = RuntimeHoldReason;
    type SessionInterface = Self;
    type SessionsPerEra = consensus::SessionsPerEra;
    type Slash = ResolveTo<TreasuryAccountId<Runtime>, Balances>;
    type SlashDeferDuration = SlashDeferDuration;
    type TargetList = pallet_staking::UseValidatorsMap<Self>;
    type UnixTime = Timestamp;
    type VoterList = VoterList;
    type WeightInfo = pallet_staking::weights::SubstrateWeight<Runtime>;
}

/// The sizes of pallet-staking's benchmarks, which the trait asks for in Wasm as well.
#[cfg(not(feature = "std"))]
pub struct NativeOnly;

#[cfg(not(feature = "std"))]
impl pallet_staking::BenchmarkingConfig for NativeOnly {
    type MaxNominators = ConstU32<100>;
    type MaxValidators = ConstU32<100>;
}

// A sorted list rather than the plain map with a limit on nominators: seats in a limited map go to whoever comes first, so that
// someone could fill them with the least stake and keep larger ones out. Here the largest are heard, however many there are.
impl pallet_bags_list::Config for Runtime {
    type BagThresholds = BagThresholds;
    type MaxAutoRebagPerBlock = ConstU32<10>;
    type RuntimeEvent = RuntimeEvent;
    type Score = VoteWeight;
    type ScoreProvider = Staking;
    type WeightInfo = pallet_bags_list::weights::SubstrateWeight<Runtime>;
}

/// Gives offences to pallet-staking, and sees to the slashes of those that are reported late.
///
/// The pallet books a slash for the era in which one that was reported at once would be applied. When that era has begun already it
/// would never look there again, and whoever hides an equivocation for long enough would lose nothing. So such a slash is booked anew: it
/// waits as long as any, but no longer than the stake stays bonded for certain, and until the next era at least.
pub struct LateSlashes;

type Offender = IdentificationTuple<Runtime>;

impl OnOffenceHandler<AccountId, Offender, Weight> for LateSlashes {
    fn on_offence(
        offenders: &[OffenceDetails<AccountId, Offender>],
        fractions: &[Perbill],
        session: SessionIndex,
    ) -> Weight {
        let weight =
            <Staking as OnOffenceHandler<AccountId, Offender, Weight>>::on_offence(offenders, fractions, session);
        let bonded = BondedEras::<Runtime>::get();
        let offence = bonded.iter().rev().find(|(_, first_session)| *first_session <= session);
        let (Some((era, _)), Some(active)) = (offence, ActiveEra::<Runtime>::get()) else { return weight };

        let (next, defer) = (active.index.saturating_add(1), SlashDeferDuration::get());
        let missed = era.saturating_add(defer).saturating_add(1);
        if missed > active.index {
            return weight;
        }
        let bonded_until = era.saturating_add(consensus::BondingDuration::get()).saturating_sub(1);
        let later = next.saturating_add(defer).min(bonded_until).max(next);
        let slashes = UnappliedSlashes::<Runtime>::take(missed);
        UnappliedSlashes::<Runtime>::mutate(later, |booked| booked.extend(slashes));
        weight.saturating_add(<Runtime as frame_system::Config>::DbWeight::get().reads_writes(4, 2))
    }
}

impl pallet_offences::Config for Runtime {
    type IdentificationTuple = Offender;
    type OnOffenceHandler = LateSlashes;
    type RuntimeEvent = RuntimeEvent;
}
