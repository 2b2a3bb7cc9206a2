//! A runtime to test in.

use frame_support::{
    derive_impl, parameter_types,
    traits::{fungible::Mutate, tokens::Preservation},
};
use smartlayer_primitives::{
    commitment::Commitment,
    sla::Objectives,
    token::{Redundancy, ScriptUri, TokenSpec},
    traits::{RentPool, Snapshots},
    AccountId, Balance, BlockNumber, Hash, Period,
};
use sp_core::{ConstU128, ConstU32};
use sp_runtime::{traits::IdentityLookup, BoundedVec, BuildStorage, DispatchResult, Permill};

use crate as pallet_smart_tokens;

pub const RICH: Balance = 1_000_000;
pub const RENT: Balance = 100;
pub const BASE: Balance = 1_000;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeTask,
        RuntimeHoldReason,
        RuntimeFreezeReason,
        RuntimeViewFunction
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(2)]
    pub type SmartTokens = pallet_smart_tokens;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = ConstU128<10>;
    type AccountStore = System;
}

parameter_types! {
    pub static CurrentPeriod: Period = 5;
    /// Governed: tests change it.
    pub static DepositPerByte: Balance = 2;
    /// Governed: tests change it.
    pub static MaxRevenueShare: Permill = Permill::from_percent(50);
}

impl pallet_smart_tokens::Config for Test {
    type Currency = Balances;
    type RentPool = Pool;
    type Snapshots = Clock;
    type RentPerPeriod = ConstU128<RENT>;
    type DepositBase = ConstU128<BASE>;
    type DepositPerByte = DepositPerByte;
    type MaxRevenueShare = MaxRevenueShare;
    type WeightInfo = ();
}

/// A pool that is an account.
pub struct Pool;

impl RentPool for Pool {
    fn pay_rent(from: &AccountId, amount: Balance) -> DispatchResult {
        Balances::transfer(from, &pool(), amount, Preservation::Preserve).map(drop)
    }
}

pub struct Clock;

impl Snapshots for Clock {
    fn current_period() -> Period {
        CurrentPeriod::get()
    }

    fn commitment(_: Period) -> Option<Commitment> {
        None
    }

    fn committed_at(_: Period) -> Option<BlockNumber> {
        None
    }

    fn seed(_: Period) -> Option<Hash> {
        None
    }
}

pub fn account(n: u8) -> AccountId {
    AccountId::new([n; 32])
}

pub fn pool() -> AccountId {
    account(200)
}

pub fn origin(n: u8) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(n))
}

pub fn uris(uris: &[&[u8]]) -> BoundedVec<ScriptUri, ConstU32<4>> {
    uris.iter().map(|uri| uri.to_vec().try_into().unwrap()).collect::<Vec<_>>().try_into().unwrap()
}

/// Three copies' worth: two that serve, and four shards of which any four restore.
pub fn spec() -> TokenSpec {
    TokenSpec {
        script_hash: Hash::repeat_byte(1),
        script_uris: uris(&[b"https://issuer/script.xml"]),
        requirement: Objectives::default(),
        redundancy: Redundancy { serving: 2, shards: 4, threshold: 4 },
        key_operations: operations(&[b"redeem", b"transfer"]),
        revenue_share: Permill::from_percent(5),
    }
}

pub fn operations<const N: u32>(
    names: &[&[u8]],
) -> BoundedVec<smartlayer_primitives::token::OperationName, ConstU32<N>> {
    names.iter().map(|name| name.to_vec().try_into().unwrap()).collect::<Vec<_>>().try_into().unwrap()
}

/// The last event, which must be this pallet's.
pub fn last_event() -> pallet_smart_tokens::Event<Test> {
    match System::events().pop().expect("an event").event {
        RuntimeEvent::SmartTokens(event) => event,
        other => panic!("another pallet's event: {other:?}"),
    }
}

pub struct ExtBuilder;

impl ExtBuilder {
    /// The state in block 1 and period 5.
    pub fn build() -> sp_io::TestExternalities {
        let balances = (1..10).map(|n| (account(n), RICH)).chain([(pool(), 10)]).collect();
        let storage = RuntimeGenesisConfig {
            balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
            ..Default::default()
        }
        .build_storage()
        .unwrap();
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| System::set_block_number(1));
        ext
    }

    /// Runs the test, and checks afterwards what must always hold.
    pub fn build_and_execute(test: impl FnOnce()) {
        Self::build().execute_with(|| {
            test();
            SmartTokens::do_try_state().unwrap();
        });
    }
}
