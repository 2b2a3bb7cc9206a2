//! A runtime to test in.

use frame_support::{
    derive_impl, parameter_types,
    traits::{
        fungible::{Balanced, Credit},
        OnUnbalanced,
    },
};
use smartlayer_primitives::{
    node::KeyOwnership,
    payload::Payload,
    quorum::{AnchorKey, AnchorSignature},
    traits::JudgedIdentity,
    AccountId, Balance, BlockNumber, Hash,
};
use sp_core::{sr25519, ConstU128, ConstU32, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchResult, Permill};

use crate as pallet_anchors;

pub const GENESIS: Hash = sp_core::H256([7; 32]);
pub const RICH: Balance = 1_000_000;
pub const BOND: Balance = 1_000;
pub const DELAY: BlockNumber = 20;
pub const ROTATION: BlockNumber = 5;

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
    pub type Anchors = pallet_anchors;
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
    /// Governed: tests raise it.
    pub static MinBond: Balance = BOND;
    /// Who is not known by name.
    pub static Unknown: Vec<AccountId> = vec![];
    pub const Bounty: Permill = Permill::from_percent(10);
    pub const TwoThirds: Permill = Permill::from_parts(666_666);
}

/// Everyone is known but the unknown.
pub struct Known;

impl JudgedIdentity for Known {
    fn is_judged(account: &AccountId) -> bool {
        !Unknown::get().contains(account)
    }
}

/// Slashes go to account 9.
pub struct ToTreasury;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToTreasury {
    fn on_nonzero_unbalanced(credit: Credit<AccountId, Balances>) {
        Balances::resolve(&treasury(), credit).expect("the treasury is rich");
    }
}

pub fn treasury() -> AccountId {
    account(9)
}

impl pallet_anchors::Config for Test {
    type Currency = Balances;
    type MinBond = MinBond;
    type BondDelay = ConstU32<DELAY>;
    type RotationInterval = ConstU32<ROTATION>;
    type Identity = Known;
    type BountyShare = Bounty;
    type OnSlash = ToTreasury;
    type MinActive = TwoThirds;
    type WeightInfo = ();
}

/// The key pair number `n`; its account is the organisation number `n`.
pub fn pair(n: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[n; 32])
}

/// The account number `n`. Accounts 1 to 9 and 100 to 108 are rich.
pub fn account(n: u8) -> AccountId {
    pair(n).public().into()
}

/// The hot key of the organisation number `n`.
pub fn hot(n: u8) -> sr25519::Pair {
    pair(100 + n)
}

pub fn key(n: u8) -> AnchorKey {
    hot(n).public()
}

/// The proof by `pair` that it acts for `account`.
pub fn proof(pair: &sr25519::Pair, account: &AccountId) -> AnchorSignature {
    pair.sign(&KeyOwnership { account: account.clone() }.signing_payload(&GENESIS))
}

/// Registers organisation `n` with its hot key and this bond.
pub fn register(n: u8, bond: Balance) -> DispatchResult {
    register_with(n, &hot(n), bond)
}

pub fn register_with(n: u8, pair: &sr25519::Pair, bond: Balance) -> DispatchResult {
    Anchors::register(
        RuntimeOrigin::signed(account(n)),
        bytes("org").try_into().unwrap(),
        bytes("http://anchor").try_into().unwrap(),
        bytes("peer").try_into().unwrap(),
        pair.public(),
        proof(pair, &account(n)),
        bond,
    )
}

pub fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The result of an election.
pub fn elect(members: &[u8]) {
    use frame_support::traits::ChangeMembers;
    replace(members);
    Anchors::set_prime(members.first().map(|n| account(*n)));
}

/// The members after one of them was removed or gave up its seat: no election.
pub fn replace(members: &[u8]) {
    use frame_support::traits::ChangeMembers;
    Anchors::change_members(&[], &[], members.iter().map(|n| account(*n)).collect());
}

pub fn run_to(block: BlockNumber) {
    System::set_block_number(block);
}

/// The last event, which must be this pallet's.
pub fn last_event() -> pallet_anchors::Event<Test> {
    match System::events().pop().expect("an event").event {
        RuntimeEvent::Anchors(event) => event,
        other => panic!("another pallet's event: {other:?}"),
    }
}

pub struct ExtBuilder;

impl ExtBuilder {
    /// The state in block 1.
    pub fn build() -> sp_io::TestExternalities {
        MinBond::set(BOND);
        Unknown::set(vec![]);
        let balances = (1..10).chain(101..110).map(|n| (account(n), RICH)).collect();
        let storage = RuntimeGenesisConfig {
            balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
            ..Default::default()
        }
        .build_storage()
        .unwrap();
        let mut ext = sp_io::TestExternalities::new(storage);
        #[cfg(feature = "runtime-benchmarks")]
        ext.register_extension(sp_keystore::KeystoreExt::new(sp_keystore::testing::MemoryKeystore::new()));
        ext.execute_with(|| {
            frame_system::BlockHash::<Test>::insert(0, GENESIS);
            run_to(1);
        });
        ext
    }

    /// Runs the test in block 1, and checks afterwards what must always hold.
    pub fn build_and_execute(test: impl FnOnce()) {
        Self::build().execute_with(|| {
            test();
            Anchors::do_try_state().unwrap();
        });
    }
}
