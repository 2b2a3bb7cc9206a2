//! A runtime with balances and this pallet.

use frame_support::{derive_impl, parameter_types, traits::ConstU128};
use smartlayer_primitives::{
    promise::{Promise, SignedPromise},
    traits::ServiceNodes,
    AccountId, Balance, BlockNumber, Hash, SessionId,
};
use sp_core::Pair;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, Permill};

use crate as pallet_promise_settlement;

type Block = frame_system::mocking::MockBlockU32<Test>;

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        PromiseSettlement: pallet_promise_settlement,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

pub const EXISTENTIAL_DEPOSIT: Balance = 10;

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type Balance = Balance;
    type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
    type AccountStore = System;
}

parameter_types! {
    pub static BurnRate: Permill = Permill::from_percent(10);
    pub static ChallengeWindow: BlockNumber = 10;
    pub static MinDeposit: Balance = 100;
    /// Which accounts are bonded nodes.
    pub static Bonded: Vec<AccountId> = vec![];
}

/// Nodes with the minimum stake; the service key of node `[n; 32]` is `[n + 100; 32]`.
pub struct Nodes;

impl ServiceNodes for Nodes {
    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        Bonded::get().into_iter().find(|node| node == origin || service_key(node) == *origin)
    }
    fn is_bonded(node: &AccountId) -> bool {
        Bonded::get().contains(node)
    }
    fn slashable(_: &AccountId) -> Balance {
        0
    }
    fn slash(_: &AccountId, _: Permill) -> Result<Balance, DispatchError> {
        Ok(0)
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId) {
        Bonded::mutate(|bonded| bonded.push(node.clone()));
    }
}

impl pallet_promise_settlement::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type ServiceNodes = Nodes;
    type BurnRate = BurnRate;
    type ChallengeWindow = ChallengeWindow;
    type MinDeposit = MinDeposit;
    type WeightInfo = ();
}

pub fn account(n: u8) -> AccountId {
    AccountId::new([n; 32])
}

pub const PAYERS: [u8; 3] = [1, 2, 3];
pub const NODES: [u8; 2] = [11, 12];
/// What payers and nodes start with.
pub const FUNDS: Balance = 100_000;

pub fn payer() -> AccountId {
    account(PAYERS[0])
}

pub fn node() -> AccountId {
    account(NODES[0])
}

pub fn service_key(node: &AccountId) -> AccountId {
    account(AsRef::<[u8; 32]>::as_ref(node)[0] + 100)
}

pub fn anyone() -> AccountId {
    account(99)
}

/// The key that most sessions of the tests name as their signer.
pub const SIGNER: Sr25519Keyring = Sr25519Keyring::Alice;

pub fn genesis() -> Hash {
    System::block_hash(0)
}

pub fn promise(session: SessionId, cumulative: Balance) -> Promise {
    Promise { session, cumulative, call_hash: Hash::repeat_byte(1), ticks: None }
}

pub fn signed(session: SessionId, cumulative: Balance) -> SignedPromise {
    signed_by(SIGNER, promise(session, cumulative))
}

pub fn signed_by(signer: Sr25519Keyring, promise: Promise) -> SignedPromise {
    use smartlayer_primitives::payload::Payload;
    let signature = signer.pair().sign(&promise.signing_payload(&genesis())).into();
    SignedPromise { promise, signature }
}

pub fn new_test_ext() -> sp_io::TestExternalities {
    BurnRate::set(Permill::from_percent(10));
    ChallengeWindow::set(10);
    MinDeposit::set(100);
    Bonded::set(NODES.map(account).to_vec());
    let balances = PAYERS.into_iter().chain(NODES).map(|n| (account(n), FUNDS)).collect();
    let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
    pallet_balances::GenesisConfig::<Test> { balances, ..Default::default() }.assimilate_storage(&mut storage).unwrap();
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.register_extension(sp_keystore::KeystoreExt::new(sp_keystore::testing::MemoryKeystore::new()));
    ext.execute_with(|| System::set_block_number(1));
    ext
}

/// Runs a test and checks what must be true after it.
pub fn run(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        crate::Pallet::<Test>::do_try_state().unwrap();
    });
}
