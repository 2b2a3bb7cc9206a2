//! Referenda: what token holders decide, under which rules, and what a decision may do. docs/adr/0007-governance.md says why.

use alloc::borrow::Cow;

use frame_support::{
    parameter_types,
    traits::{
        fungible::{Balanced, Credit, HoldConsideration},
        tokens::{currency::ActiveIssuanceOf, pay::PayFromAccount, UnityAssetBalanceConversion},
        AsEnsureOriginWithArg, ChangeMembers, ConstU32, EitherOf, EqualPrivilegeOnly, Get, InitializeMembers,
        LinearStoragePrice, OnUnbalanced, TypedGet,
    },
    weights::Weight,
    PalletId,
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess, EnsureSigned, RawOrigin};
use pallet_collective::{EnsureProportionMoreThan, PrimeDefaultVote};
use pallet_referenda::{Curve, Track, TrackInfo, TracksInfo};
use pallet_treasury::TreasuryAccountId;
use sp_runtime::{str_array, traits::AccountIdLookup, FixedI64, Perbill, Permill};

use super::system::RuntimeBlockWeights;
use crate::{
    parameters::bounded::governance, AccountId, AnchorCouncil, Anchors, Balance, Balances, BlockNumber, OriginCaller,
    Preimage, Referenda, Runtime, RuntimeCall, RuntimeEvent, RuntimeHoldReason, RuntimeOrigin, Scheduler, System, DAYS,
    SLT,
};

/// Root, or a decision on the admin track.
pub type RootOrAdmin = EitherOf<EnsureRoot<AccountId>, origins::EnsureAdmin>;

impl origins::Config for Runtime {
    type RecallOrigin = EitherOf<EnsureRoot<AccountId>, origins::EnsureRecaller>;
}

/// What a referendum may act as, and what only such an origin can do.
///
/// ## Overview
///
/// A referendum names the origin that its call shall have. Each origin has a track, with rules as strict as the origin is powerful.
/// The system's root origin can do everything; the origins of this pallet can do one thing each.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod origins {
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use pallet_elections_phragmen::WeightInfo;
    use sp_runtime::traits::StaticLookup;

    use super::{governance, Balance, Get, RawOrigin};

    /// See the [module](self).
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// Who may use the calls.
    #[pallet::config]
    pub trait Config: frame_system::Config + pallet_elections_phragmen::Config {
        /// Who may recall an anchor.
        type RecallOrigin: EnsureOrigin<Self::RuntimeOrigin>;
    }

    /// What a referendum may act as, beside root.
    #[pallet::origin]
    #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
    pub enum Origin {
        /// Dispatches, as root, a call that the elected anchors have whitelisted.
        WhitelistedCaller,
        /// Sets governed numbers, and names registrars of identities.
        Admin,
        /// Spends from the treasury, up to a governed limit.
        Treasurer,
        /// Removes an elected anchor.
        Recaller,
        /// Cancels slashes that wait.
        SlashCanceller,
    }

    /// Writes down who passes as one of the origins.
    macro_rules! ensure {
        ($($(#[$doc:meta])* $name:ident: $origin:ident -> $success:ty = $value:expr;)*) => {
            $(
                $(#[$doc])*
                pub struct $name;

                impl<O: Into<Result<Origin, O>> + From<Origin>> EnsureOrigin<O> for $name {
                    type Success = $success;

                    fn try_origin(origin: O) -> Result<$success, O> {
                        match origin.into()? {
                            Origin::$origin => Ok($value),
                            other => Err(other.into()),
                        }
                    }

                    #[cfg(feature = "runtime-benchmarks")]
                    fn try_successful_origin() -> Result<O, ()> {
                        Ok(Origin::$origin.into())
                    }
                }
            )*
        };
    }

    ensure! {
        /// Passes [`Origin::WhitelistedCaller`].
        EnsureWhitelistedCaller: WhitelistedCaller -> () = ();
        /// Passes [`Origin::Admin`].
        EnsureAdmin: Admin -> () = ();
        /// Passes [`Origin::Treasurer`], with the most that it may spend in planck.
        EnsureTreasurer: Treasurer -> Balance = governance::TreasurySpendLimit::get();
        /// Passes [`Origin::Recaller`].
        EnsureRecaller: Recaller -> () = ();
        /// Passes [`Origin::SlashCanceller`].
        EnsureSlashCanceller: SlashCanceller -> () = ();
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Removes an anchor before its term is over.
        ///
        /// # Dispatch Origin
        ///
        /// [`Config::RecallOrigin`]: root, or a referendum on the recall track.
        ///
        /// # Details
        ///
        /// The best runner-up takes the seat; without one it stays empty until the next election. With `slash_bond` the member's
        /// candidacy bond goes to the treasury, otherwise it is returned. What the anchor bonded as an organisation is not touched.
        ///
        /// # Errors
        ///
        /// `Elections::NotMember` where `who` is not elected: look the members up in `Elections::Members`.
        ///
        /// # Events
        ///
        /// `Elections::MemberKicked`.
        #[pallet::call_index(0)]
        #[pallet::weight(<T as pallet_elections_phragmen::Config>::WeightInfo::remove_member_with_replacement())]
        pub fn recall_anchor(
            origin: OriginFor<T>,
            who: <T::Lookup as StaticLookup>::Source,
            slash_bond: bool,
        ) -> DispatchResult {
            T::RecallOrigin::ensure_origin(origin)?;
            pallet_elections_phragmen::Pallet::<T>::remove_member(RawOrigin::Root.into(), who, slash_bond, false)
        }
    }
}

/// The rules of each kind of referendum.
pub struct Tracks;

/// The number of each track, which referenda are submitted and shown under.
pub mod track {
    /// Everything, the code included.
    pub const ROOT: u16 = 0;
    /// Everything, where the elected anchors have said that it is urgent.
    pub const WHITELISTED_CALLER: u16 = 1;
    /// Governed numbers and registrars.
    pub const ADMIN: u16 = 10;
    /// Spending from the treasury.
    pub const TREASURER: u16 = 11;
    /// Removing anchors.
    pub const RECALLER: u16 = 12;
    /// Cancelling slashes.
    pub const SLASH_CANCELLER: u16 = 13;
}

const fn percent(part: u128) -> FixedI64 {
    FixedI64::from_rational(part, 100)
}

/// How much of the votes must be in favour: all at first, four fifths after a seventh of the period, half at its end.
const APPROVAL: Curve = Curve::make_reciprocal(4, 28, percent(80), percent(50), percent(100));
/// How much of all there is must be in favour for what root does: half at first, a twentieth at the end.
const ROOT_SUPPORT: Curve = Curve::make_linear(28, 28, percent(5), percent(50));
/// The same for everything else: a quarter at first, a hundredth at the end.
const SUPPORT: Curve = Curve::make_linear(28, 28, percent(1), percent(25));

/// How long things take on a track.
enum Pace {
    /// The governed periods.
    Normal,
    /// The short period, and a twelfth of it for each of the others.
    Short,
}

fn track(id: u16, name: &str, pace: Pace, support: Curve) -> Track<u16, Balance, BlockNumber> {
    let (longest, decision_period) = match pace {
        Pace::Normal => (BlockNumber::MAX, governance::DecisionPeriod::get()),
        Pace::Short => {
            let period = governance::ShortPeriod::get();
            ((period / 12).max(1), period)
        }
    };
    let deposit = governance::DecisionDeposit::get();
    let info = TrackInfo {
        name: str_array(name),
        max_deciding: if id == track::ROOT { 3 } else { 10 },
        decision_deposit: if id == track::ROOT { deposit.saturating_mul(10) } else { deposit },
        prepare_period: governance::PreparePeriod::get().min(longest),
        decision_period,
        confirm_period: governance::ConfirmPeriod::get().min(longest),
        min_enactment_period: governance::EnactmentPeriod::get().min(longest),
        min_approval: APPROVAL,
        min_support: support,
    };
    Track { id, info }
}

impl TracksInfo<Balance, BlockNumber> for Tracks {
    type Id = u16;
    type RuntimeOrigin = OriginCaller;

    fn tracks() -> impl Iterator<Item = Cow<'static, Track<u16, Balance, BlockNumber>>> {
        [
            track(track::ROOT, "root", Pace::Normal, ROOT_SUPPORT),
            track(track::WHITELISTED_CALLER, "whitelisted_caller", Pace::Short, SUPPORT),
            track(track::ADMIN, "admin", Pace::Normal, SUPPORT),
            track(track::TREASURER, "treasurer", Pace::Normal, SUPPORT),
            track(track::RECALLER, "recaller", Pace::Normal, SUPPORT),
            // Must be through before the slash is.
            track(track::SLASH_CANCELLER, "slash_canceller", Pace::Short, SUPPORT),
        ]
        .into_iter()
        .map(Cow::Owned)
    }

    fn track_for(origin: &OriginCaller) -> Result<u16, ()> {
        match origin {
            OriginCaller::system(RawOrigin::Root) => Ok(track::ROOT),
            OriginCaller::Origins(origin) => Ok(match origin {
                origins::Origin::WhitelistedCaller => track::WHITELISTED_CALLER,
                origins::Origin::Admin => track::ADMIN,
                origins::Origin::Treasurer => track::TREASURER,
                origins::Origin::Recaller => track::RECALLER,
                origins::Origin::SlashCanceller => track::SLASH_CANCELLER,
            }),
            _ => Err(()),
        }
    }
}

impl pallet_referenda::Config for Runtime {
    type AlarmInterval = ConstU32<1>;
    type BlockNumberProvider = System;
    type CancelOrigin = EnsureRoot<AccountId>;
    type Currency = Balances;
    type KillOrigin = EnsureRoot<AccountId>;
    type MaxQueued = ConstU32<100>;
    type Preimages = Preimage;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type Scheduler = Scheduler;
    type Slash = crate::Treasury;
    type SubmissionDeposit = governance::SubmissionDeposit;
    type SubmitOrigin = AsEnsureOriginWithArg<EnsureSigned<AccountId>>;
    type Tally = pallet_conviction_voting::TallyOf<Runtime>;
    type Tracks = Tracks;
    type UndecidingTimeout = ConstU32<{ 28 * DAYS }>;
    type Votes = Balance;
    type WeightInfo = pallet_referenda::weights::SubstrateWeight<Runtime>;
}

/// How long a vote is locked: until what it approved has been executed at least.
pub struct VoteLockingPeriod;

impl Get<BlockNumber> for VoteLockingPeriod {
    fn get() -> BlockNumber {
        governance::VoteLockingPeriod::get().max(governance::EnactmentPeriod::get())
    }
}

impl pallet_conviction_voting::Config for Runtime {
    type BlockNumberProvider = System;
    type Currency = Balances;
    type MaxTurnout = ActiveIssuanceOf<Balances, AccountId>;
    type MaxVotes = ConstU32<128>;
    type Polls = Referenda;
    type RuntimeEvent = RuntimeEvent;
    type VoteLockingPeriod = VoteLockingPeriod;
    type VotingHooks = ();
    type WeightInfo = pallet_conviction_voting::weights::SubstrateWeight<Runtime>;
}

/// More than two thirds of the elected anchors say that something is urgent; the token holders still decide, sooner.
pub type AnchorMajority = EnsureProportionMoreThan<AccountId, (), 2, 3>;

impl pallet_whitelist::Config for Runtime {
    type BlockNumberProvider = System;
    type DeferredDispatchExpiration = ConstU32<{ 30 * DAYS }>;
    type DispatchWhitelistedOrigin = EitherOf<EnsureRoot<AccountId>, origins::EnsureWhitelistedCaller>;
    type Preimages = Preimage;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_whitelist::weights::SubstrateWeight<Runtime>;
    type WhitelistOrigin = EitherOf<EnsureRoot<AccountId>, AnchorMajority>;
}

/// A part of the heaviest block.
// A part is never more than the whole.
#[allow(clippy::arithmetic_side_effects)]
fn of_a_block(part: Perbill) -> Weight {
    part * RuntimeBlockWeights::get().max_block
}

parameter_types! {
    pub MaxProposalWeight: Weight = of_a_block(Perbill::from_percent(50));
}

// A motion's origin passes nowhere but in `WhitelistOrigin`.
impl pallet_collective::Config for Runtime {
    type Consideration = ();
    // There is no prime here: who does not vote is against.
    type DefaultVote = PrimeDefaultVote;
    type DisapproveOrigin = EnsureRoot<AccountId>;
    type KillOrigin = EnsureRoot<AccountId>;
    type MaxMembers = ConstU32<64>;
    type MaxProposalWeight = MaxProposalWeight;
    type MaxProposals = ConstU32<16>;
    type MotionDuration = ConstU32<{ 3 * DAYS }>;
    type Proposal = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type RuntimeOrigin = RuntimeOrigin;
    type SetMembersOrigin = EnsureRoot<AccountId>;
    type WeightInfo = pallet_collective::weights::SubstrateWeight<Runtime>;
}

/// The anchors that are elected: those that may become active in `Anchors`, and that sit in the council.
pub struct ElectedAnchors;

impl ChangeMembers<AccountId> for ElectedAnchors {
    fn change_members_sorted(incoming: &[AccountId], outgoing: &[AccountId], sorted_new: &[AccountId]) {
        AnchorCouncil::change_members_sorted(incoming, outgoing, sorted_new);
        Anchors::change_members_sorted(incoming, outgoing, sorted_new);
    }
}

impl InitializeMembers<AccountId> for ElectedAnchors {
    fn initialize_members(members: &[AccountId]) {
        AnchorCouncil::initialize_members(members);
        Anchors::initialize_members(members);
    }
}

parameter_types! {
    pub MaximumSchedulerWeight: Weight = of_a_block(Perbill::from_percent(80));
    pub const PreimageBaseDeposit: Balance = SLT;
    /// A runtime of 2 MB takes 200 SLT while it lies there.
    pub const PreimageByteDeposit: Balance = SLT / 10_000;
    pub const PreimageHoldReason: RuntimeHoldReason =
        RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
}

impl pallet_scheduler::Config for Runtime {
    type BlockNumberProvider = System;
    type MaxScheduledPerBlock = ConstU32<50>;
    type MaximumWeight = MaximumSchedulerWeight;
    type OriginPrivilegeCmp = EqualPrivilegeOnly;
    type PalletsOrigin = OriginCaller;
    type Preimages = Preimage;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type RuntimeOrigin = RuntimeOrigin;
    type ScheduleOrigin = EnsureRoot<AccountId>;
    type WeightInfo = pallet_scheduler::weights::SubstrateWeight<Runtime>;
}

impl pallet_preimage::Config for Runtime {
    type Consideration = HoldConsideration<
        AccountId,
        Balances,
        PreimageHoldReason,
        LinearStoragePrice<PreimageBaseDeposit, PreimageByteDeposit, Balance>,
    >;
    type Currency = Balances;
    type ManagerOrigin = EnsureRoot<AccountId>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_preimage::weights::SubstrateWeight<Runtime>;
}

parameter_types! {
    /// The treasury's account.
    pub const TreasuryId: PalletId = PalletId(*b"slt/trsy");
    /// Nothing in the treasury decays.
    pub const TreasuryBurn: Permill = Permill::zero();
    pub const Unlimited: Balance = Balance::MAX;
}

/// Gives what was taken from wrongdoers, and the DAO's part of the rent, to the treasury.
pub struct ToTreasury;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToTreasury {
    fn on_nonzero_unbalanced(amount: Credit<AccountId, Balances>) {
        // Fails only where the amount is below the existential deposit and the treasury is empty: then it is burned.
        let _burned = Balances::resolve(&<TreasuryAccountId<Runtime> as TypedGet>::get(), amount);
    }
}

// Its income: slashes, a part of the rent, the bonds of losing candidates, and the deposits of killed referenda.
impl pallet_treasury::Config for Runtime {
    type AssetKind = ();
    type BalanceConverter = UnityAssetBalanceConversion;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = crate::benchmarks::TreasuryArguments;
    type Beneficiary = AccountId;
    type BeneficiaryLookup = AccountIdLookup<AccountId, ()>;
    type BlockNumberProvider = System;
    type Burn = TreasuryBurn;
    type BurnDestination = ();
    type Currency = Balances;
    type MaxApprovals = ConstU32<16>;
    type PalletId = TreasuryId;
    type Paymaster = PayFromAccount<Balances, TreasuryAccountId<Runtime>>;
    type PayoutPeriod = ConstU32<{ 30 * DAYS }>;
    type RejectOrigin = EnsureRoot<AccountId>;
    type RuntimeEvent = RuntimeEvent;
    type SpendFunds = ();
    type SpendOrigin = EitherOf<EnsureRootWithSuccess<AccountId, Unlimited>, origins::EnsureTreasurer>;
    type SpendPeriod = ConstU32<DAYS>;
    type WeightInfo = pallet_treasury::weights::SubstrateWeight<Runtime>;
}
