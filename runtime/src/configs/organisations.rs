//! What organisations need: a name that somebody vouches for, accounts with several keys, and accounts that act for others.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    parameter_types,
    traits::{ConstU32, InstanceFilter},
};
use pallet_identity::{legacy::IdentityInfo, IdentityOf, Judgement};
use scale_info::TypeInfo;
use smartlayer_primitives::traits::JudgedIdentity;
use sp_runtime::traits::{BlakeTwo256, Verify};

use super::governance::RootOrAdmin;
use crate::{AccountId, Balance, Balances, Runtime, RuntimeCall, RuntimeEvent, Signature, System, Treasury, DAYS, SLT};

/// What storing an entry costs as a deposit.
const PER_ENTRY: Balance = SLT / 10;
/// What storing a byte costs as a deposit.
const PER_BYTE: Balance = SLT / 1_000;

parameter_types! {
    pub const BasicDeposit: Balance = SLT;
    pub const PerByte: Balance = PER_BYTE;
    pub const SubAccountDeposit: Balance = PER_ENTRY + 53 * PER_BYTE;
    pub const UsernameDeposit: Balance = PER_ENTRY + 64 * PER_BYTE;
    /// An open multisig: its place, and 88 bytes.
    pub const MultisigDepositBase: Balance = PER_ENTRY + 88 * PER_BYTE;
    /// 32 bytes for each approval.
    pub const MultisigDepositFactor: Balance = 32 * PER_BYTE;
    /// An account's list of proxies: its place, and 8 bytes.
    pub const ProxyDepositBase: Balance = PER_ENTRY + 8 * PER_BYTE;
    /// 33 bytes for each proxy.
    pub const ProxyDepositFactor: Balance = 33 * PER_BYTE;
    /// An account's list of announcements: its place, and 8 bytes.
    pub const AnnouncementDepositBase: Balance = PER_ENTRY + 8 * PER_BYTE;
    /// 66 bytes for each announcement.
    pub const AnnouncementDepositFactor: Balance = 66 * PER_BYTE;
}

impl pallet_identity::Config for Runtime {
    type BasicDeposit = BasicDeposit;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = ();
    type ByteDeposit = PerByte;
    type Currency = Balances;
    type ForceOrigin = RootOrAdmin;
    type IdentityInformation = IdentityInfo<ConstU32<10>>;
    type MaxRegistrars = ConstU32<20>;
    type MaxSubAccounts = ConstU32<32>;
    type MaxSuffixLength = ConstU32<7>;
    type MaxUsernameLength = ConstU32<32>;
    type OffchainSignature = Signature;
    type PendingUsernameExpiration = ConstU32<{ 7 * DAYS }>;
    // The DAO names those who judge.
    type RegistrarOrigin = RootOrAdmin;
    type RuntimeEvent = RuntimeEvent;
    type SigningPublicKey = <Signature as Verify>::Signer;
    type Slashed = Treasury;
    type SubAccountDeposit = SubAccountDeposit;
    type UsernameAuthorityOrigin = RootOrAdmin;
    type UsernameDeposit = UsernameDeposit;
    type UsernameGracePeriod = ConstU32<{ 30 * DAYS }>;
    type WeightInfo = pallet_identity::weights::SubstrateWeight<Runtime>;
}

/// Knows whose identity a registrar has judged good.
pub struct Judged;

impl JudgedIdentity for Judged {
    /// Whether a registrar found this account's identity `Reasonable` or `KnownGood`, and none found it `Erroneous`. Changing the
    /// identity drops the good judgements.
    fn is_judged(account: &AccountId) -> bool {
        IdentityOf::<Runtime>::get(account).is_some_and(|identity| {
            let good =
                |judgement: &Judgement<Balance>| matches!(judgement, Judgement::Reasonable | Judgement::KnownGood);
            identity.judgements.iter().any(|(_, judgement)| good(judgement))
                && !identity.judgements.iter().any(|(_, judgement)| matches!(judgement, Judgement::Erroneous))
        })
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn judge_for_benchmark(account: &AccountId) {
        identities::know(account, "benchmark");
    }
}

impl pallet_multisig::Config for Runtime {
    type BlockNumberProvider = System;
    type Currency = Balances;
    type DepositBase = MultisigDepositBase;
    type DepositFactor = MultisigDepositFactor;
    type MaxSignatories = ConstU32<100>;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_multisig::weights::SubstrateWeight<Runtime>;
}

/// What a proxy may do for the account it acts for. Batches are among each, and are filtered call by call.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub enum ProxyType {
    /// Everything.
    #[default]
    Any,
    /// Vote, for anchors and in referenda.
    Governance,
    /// Validate and nominate, and rotate session keys.
    Staking,
    /// Run a service node or an anchor: bonds, agreements, claims, commitments. Nothing that pays whoever steals the proxy's
    /// key: it opens no sessions, and names no anchor's key, because the anchor's bond pays for what that signs.
    Operations,
    /// Only reject what other proxies announced.
    RejectAnnouncements,
}

/// Whether this leaves the anchor's key as it is: with a key of one's own one could have the bond pay one's own nodes.
fn names_no_key(call: &pallet_anchors::Call<Runtime>) -> bool {
    use pallet_anchors::Call;
    matches!(
        call,
        Call::update { .. }
            | Call::deregister {}
            | Call::withdraw_bond {}
            | Call::bond_more { .. }
            | Call::refresh { .. }
    )
}

/// Whether this does what those do who are paid by sessions, and not what those do who pay.
fn only_settles(call: &pallet_promise_settlement::Call<Runtime>) -> bool {
    use pallet_promise_settlement::Call;
    matches!(
        call,
        Call::claim { .. }
            | Call::claim_batch { .. }
            | Call::close { .. }
            | Call::finish { .. }
            | Call::report_over_allocation { .. }
    )
}

impl InstanceFilter<RuntimeCall> for ProxyType {
    fn filter(&self, call: &RuntimeCall) -> bool {
        let batch = matches!(call, RuntimeCall::Utility(_));
        match self {
            ProxyType::Any => true,
            ProxyType::Governance => {
                batch
                    || matches!(
                        call,
                        RuntimeCall::Elections(_)
                            | RuntimeCall::ConvictionVoting(_)
                            | RuntimeCall::Referenda(_)
                            | RuntimeCall::Preimage(_)
                            | RuntimeCall::Whitelist(_)
                            | RuntimeCall::AnchorCouncil(_)
                    )
            }
            ProxyType::Staking => {
                batch || matches!(call, RuntimeCall::Staking(_) | RuntimeCall::Session(_) | RuntimeCall::VoterList(_))
            }
            ProxyType::Operations => {
                batch
                    || matches!(
                        call,
                        RuntimeCall::ServiceStaking(_)
                            | RuntimeCall::SlaRegistry(_)
                            | RuntimeCall::CommitmentSnapshots(_)
                    )
                    || matches!(call, RuntimeCall::Anchors(call) if names_no_key(call))
                    || matches!(call, RuntimeCall::PromiseSettlement(call) if only_settles(call))
            }
            ProxyType::RejectAnnouncements => {
                matches!(call, RuntimeCall::Proxy(pallet_proxy::Call::reject_announcement { .. }))
            }
        }
    }

    fn is_superset(&self, other: &Self) -> bool {
        self == other || *self == ProxyType::Any
    }
}

impl pallet_proxy::Config for Runtime {
    type AnnouncementDepositBase = AnnouncementDepositBase;
    type AnnouncementDepositFactor = AnnouncementDepositFactor;
    type BlockNumberProvider = System;
    type CallHasher = BlakeTwo256;
    type Currency = Balances;
    type MaxPending = ConstU32<32>;
    type MaxProxies = ConstU32<32>;
    type ProxyDepositBase = ProxyDepositBase;
    type ProxyDepositFactor = ProxyDepositFactor;
    type ProxyType = ProxyType;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = pallet_proxy::weights::SubstrateWeight<Runtime>;
}

impl identities::Config for Runtime {}

/// Names organisations at genesis, which `pallet-identity` cannot: a pallet with a genesis configuration and nothing else. Without it
/// no first anchor could be active before a referendum had named a registrar.
// FRAME's macros write `expect` where the metadata and the genesis state are made.
#[allow(clippy::expect_used)]
#[frame_support::pallet]
pub mod identities {
    use alloc::{string::String, vec::Vec};

    use frame_support::{pallet_prelude::*, DefaultNoBound};
    use pallet_identity::{Data, IdentityOf, Judgement, RegistrarInfo, Registrars, Registration};
    use sp_runtime::traits::Zero;

    use super::{AccountId, IdentityInfo, Runtime};

    /// See the [module](self).
    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// Nothing to configure.
    #[pallet::config]
    pub trait Config: frame_system::Config {}

    /// Who is known from the beginning.
    #[pallet::genesis_config]
    #[derive(DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// The first registrar, who asks no fee. Needed where `known` names anybody.
        pub registrar: Option<AccountId>,
        /// Organisations and their display names of 1 to 32 bytes, which the registrar finds `KnownGood`.
        pub known: Vec<(AccountId, String)>,
        #[serde(skip)]
        #[allow(missing_docs)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            assert!(self.known.is_empty() || self.registrar.is_some(), "known organisations need a registrar");
            if let Some(account) = self.registrar.clone() {
                let registrar = RegistrarInfo { account, fee: Zero::zero(), fields: Default::default() };
                Registrars::<Runtime>::put(BoundedVec::truncate_from([Some(registrar)].into()));
            }
            for (account, name) in &self.known {
                assert!((1..=32).contains(&name.len()), "a display name must have 1 to 32 bytes: {name}");
                know(account, name);
            }
        }
    }

    /// Gives the account this display name, which the first registrar finds `KnownGood`.
    pub(super) fn know(account: &AccountId, name: &str) {
        let info = IdentityInfo {
            display: Data::Raw(BoundedVec::truncate_from(name.as_bytes().to_vec())),
            additional: Default::default(),
            legal: Data::None,
            web: Data::None,
            riot: Data::None,
            email: Data::None,
            pgp_fingerprint: None,
            image: Data::None,
            twitter: Data::None,
        };
        let judgements = BoundedVec::truncate_from([(0, Judgement::KnownGood)].into());

        IdentityOf::<Runtime>::insert(account, Registration { judgements, deposit: 0, info });
    }
}
