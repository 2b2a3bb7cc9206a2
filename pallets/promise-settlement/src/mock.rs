//! A runtime with balances and this pallet, and everybody around it.

use codec::{DecodeAll, Encode};
use frame_support::{
    derive_impl,
    dispatch::GetDispatchInfo,
    parameter_types,
    traits::{
        fungible::{Inspect, Mutate},
        tokens::{Fortitude, Preservation},
        ConstU128,
    },
};
use frame_system::offchain::{CreateAuthorizedTransaction, CreateTransaction, CreateTransactionBase};
use smartlayer_primitives::{
    notary::{channel_id, Allocation, SignedAllocation},
    payload::Payload,
    promise::{tick_hash, Claim, Promise, SignedPromise, TickCommitment, Ticks},
    quorum::{AnchorKey, AnchorSet, Member, QuorumCertificate, QuorumError},
    session::Beneficiary,
    traits::{AnchorBonds, Anchors, ServiceNodes, TokenTypes},
    AccountId, Balance, BlockNumber, Hash, SessionId, TokenTypeId,
};
use sp_core::{
    offchain::{
        testing::{TestOffchainExt, TestTransactionPoolExt},
        OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
    },
    Pair,
};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    generic,
    traits::{Applyable, BlakeTwo256, Checkable, IdentityLookup},
    transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
    BuildStorage, DispatchError, MultiSignature, Permill,
};

use crate as pallet_promise_settlement;

pub type Extension = frame_system::AuthorizeCall<Test>;
pub type Extrinsic = generic::UncheckedExtrinsic<AccountId, RuntimeCall, MultiSignature, Extension>;
type Block = generic::Block<generic::Header<BlockNumber, BlakeTwo256>, Extrinsic>;

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

impl CreateTransactionBase<crate::Call<Test>> for Test {
    type Extrinsic = Extrinsic;
    type RuntimeCall = RuntimeCall;
}

impl CreateTransaction<crate::Call<Test>> for Test {
    type Extension = Extension;
    fn create_transaction(call: RuntimeCall, extension: Extension) -> Extrinsic {
        Extrinsic::new_transaction(call, extension)
    }
}

impl CreateAuthorizedTransaction<crate::Call<Test>> for Test {
    fn create_extension() -> Extension {
        Extension::new()
    }
}

parameter_types! {
    pub static BurnRate: Permill = Permill::from_percent(10);
    pub static ChallengeWindow: BlockNumber = 10;
    pub static MinDeposit: Balance = 100;
    pub static StorageDeposit: Balance = STORAGE;
    pub static ChannelDeposit: Balance = CHANNEL;
    pub const MaxLifetime: BlockNumber = LIFETIME;
    pub const OverAllocationSlash: Permill = Permill::from_percent(10);
    /// Which accounts are nodes that take new work.
    pub static Available: Vec<AccountId> = vec![];
    /// Which accounts are active anchors.
    pub static Active: Vec<AccountId> = vec![];
    /// The tokens' issuers and shares, by number.
    pub static Issuers: Vec<(AccountId, Permill)> = vec![];
    /// What was slashed: notary, amount, reporter.
    pub static Slashed: Vec<(AccountId, Balance, AccountId)> = vec![];
}

/// What is held for a session's record.
pub const STORAGE: Balance = 50;
/// What is held for each node of a network session.
pub const CHANNEL: Balance = 5;
/// The longest lifetime.
pub const LIFETIME: BlockNumber = 1_000;

/// Nodes that take new work; the service key of node `[n; 32]` is `[n + 100; 32]`.
pub struct Nodes;

impl ServiceNodes for Nodes {
    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        Available::get().into_iter().find(|node| node == origin || service_key(node) == *origin)
    }
    fn is_bonded(node: &AccountId) -> bool {
        Available::get().contains(node)
    }
    fn is_available(node: &AccountId) -> bool {
        Available::get().contains(node)
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId) {
        Available::mutate(|nodes| nodes.push(node.clone()));
    }
}

/// Anchors whose key is made of their account, and whose bond is what they own beyond the existential deposit.
pub struct Organisations;

impl Anchors for Organisations {
    fn active() -> AnchorSet {
        #[cfg(feature = "runtime-benchmarks")]
        if let Some(members) = Activated::get() {
            return members;
        }
        let mut members: Vec<_> = Active::get()
            .into_iter()
            .map(|account| Member { key: notary_pair(&account, Rotated::get()).public(), account })
            .collect();
        members.sort_by(|a, b| a.account.cmp(&b.account));
        AnchorSet { id: 0, members: members.try_into().unwrap() }
    }
    fn acting_for(_: &AccountId) -> Option<AccountId> {
        None
    }
    fn verify_quorum(_: Hash, _: &QuorumCertificate) -> Result<(), QuorumError> {
        Err(QuorumError::TooFew)
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn activate_for_benchmark(members: Vec<Member>) {
        Activated::set(Some(AnchorSet { id: 1, members: members.try_into().unwrap() }));
    }
}

parameter_types! {
    /// How often the anchors rotated their keys.
    pub static Rotated: u8 = 0;
}
#[cfg(feature = "runtime-benchmarks")]
parameter_types! {
    pub static Activated: Option<AnchorSet> = None;
}

impl AnchorBonds for Organisations {
    fn owner_of_key(_: &AnchorKey) -> Option<AccountId> {
        None
    }
    fn seize(anchor: &AccountId, amount: Balance, to: &AccountId) -> Balance {
        let amount = amount.min(bond(anchor));
        <Balances as Mutate<_>>::transfer(anchor, to, amount, Preservation::Preserve).unwrap_or(0)
    }
    fn slash(anchor: &AccountId, fraction: Permill, reporter: &AccountId) -> Result<Balance, DispatchError> {
        let amount = fraction.mul_ceil(bond(anchor));
        <Balances as Mutate<_>>::transfer(anchor, reporter, amount, Preservation::Preserve)?;
        Slashed::mutate(|slashed| slashed.push((anchor.clone(), amount, reporter.clone())));
        Ok(amount)
    }
    fn suspend(_: &AccountId) -> bool {
        false
    }
}

pub fn bond(anchor: &AccountId) -> Balance {
    Balances::reducible_balance(anchor, Preservation::Preserve, Fortitude::Polite)
}

pub struct Tokens;

impl TokenTypes for Tokens {
    fn revenue(token_type: TokenTypeId) -> Option<(AccountId, Permill)> {
        Issuers::get().get(token_type as usize).cloned()
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(issuer: &AccountId, share: Permill) -> TokenTypeId {
        Issuers::mutate(|issuers| issuers.push((issuer.clone(), share)));
        Issuers::get().len() as TokenTypeId - 1
    }
}

impl pallet_promise_settlement::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type ServiceNodes = Nodes;
    type Anchors = Organisations;
    type AnchorBonds = Organisations;
    type TokenTypes = Tokens;
    type BurnRate = BurnRate;
    type ChallengeWindow = ChallengeWindow;
    type MaxLifetime = MaxLifetime;
    type MinDeposit = MinDeposit;
    type StorageDeposit = StorageDeposit;
    type ChannelDeposit = ChannelDeposit;
    type OverAllocationSlash = OverAllocationSlash;
    type WeightInfo = ();
}

pub fn account(n: u8) -> AccountId {
    AccountId::new([n; 32])
}

pub const PAYERS: [u8; 3] = [1, 2, 3];
pub const NODES: [u8; 2] = [11, 12];
pub const ANCHORS: [u8; 2] = [21, 22];
/// The issuer of token type 0, which takes a quarter. That of token type 1 takes half and has no account.
pub const ISSUER: u8 = 31;
pub const GONE_ISSUER: u8 = 32;
/// What payers, nodes, anchors and the issuer start with.
pub const FUNDS: Balance = 100_000;

pub fn payer() -> AccountId {
    account(PAYERS[0])
}

pub fn node() -> AccountId {
    account(NODES[0])
}

pub fn other_node() -> AccountId {
    account(NODES[1])
}

pub fn notary() -> AccountId {
    account(ANCHORS[0])
}

pub fn issuer() -> AccountId {
    account(ISSUER)
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

pub fn signed_by(signer: Sr25519Keyring, promise: Promise) -> SignedPromise {
    let signature = signer.pair().sign(&promise.signing_payload(&genesis())).into();
    SignedPromise { promise, signature }
}

/// The claim of a session with one node.
pub fn claim(session: SessionId, cumulative: Balance) -> Claim {
    signed_by(SIGNER, promise(session, cumulative)).into()
}

/// A tick chain: the commitment to it, and what is revealed after so many ticks.
pub fn tick_chain(unit: Balance, length: u32) -> (TickCommitment, Vec<Ticks>) {
    let mut hashes = vec![Hash::repeat_byte(7)];
    for _ in 0..length {
        hashes.push(tick_hash(hashes.last().unwrap()));
    }
    hashes.reverse();
    let commitment = TickCommitment { root: hashes[0], unit, length };
    (commitment, (0..).zip(hashes).map(|(count, preimage)| Ticks { count, preimage }).collect())
}

/// A notary's signing key, after so many rotations.
pub fn notary_pair(notary: &AccountId, rotated: u8) -> sp_core::sr25519::Pair {
    let mut seed: [u8; 32] = *notary.as_ref();
    seed[0] = rotated;
    sp_core::sr25519::Pair::from_seed(&seed)
}

pub fn allocation_by(notary: &AccountId, allocation: Allocation) -> SignedAllocation {
    let signature = notary_pair(notary, 0).sign(&allocation.signing_payload(&genesis()));
    SignedAllocation { allocation, signature }
}

pub fn allocation(session: SessionId, round: u16, node: &AccountId, cap: Balance) -> SignedAllocation {
    let notary = account(ANCHORS[usize::from(round) % 2]);
    allocation_by(&notary, Allocation { session, round, node: node.clone(), cap })
}

/// The claim of a network session. Round r is notarised by anchor r modulo 2.
pub fn network_claim(session: SessionId, round: u16, node: &AccountId, cumulative: Balance, cap: Balance) -> Claim {
    let promise = signed_by(SIGNER, promise(channel_id(&session, round, node), cumulative));
    Claim { promise, ticks: None, allocation: Some(allocation(session, round, node, cap)) }
}

/// A network of the first notary with room for so many nodes.
pub fn network(max_nodes: u16) -> Beneficiary {
    Beneficiary::Network { notary: notary(), max_nodes }
}

pub fn new_test_ext() -> sp_io::TestExternalities {
    BurnRate::set(Permill::from_percent(10));
    ChallengeWindow::set(10);
    MinDeposit::set(100);
    StorageDeposit::set(STORAGE);
    ChannelDeposit::set(CHANNEL);
    Available::set(NODES.map(account).to_vec());
    Active::set(ANCHORS.map(account).to_vec());
    Rotated::set(0);
    Slashed::set(vec![]);
    Issuers::set(vec![(issuer(), Permill::from_percent(25)), (account(GONE_ISSUER), Permill::from_percent(50))]);
    let rich = PAYERS.into_iter().chain(NODES).chain(ANCHORS).chain([ISSUER]);
    let balances = rich.map(|n| (account(n), FUNDS)).collect();
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
        PromiseSettlement::do_try_state().unwrap();
    });
}

/// Runs a test on a node with off-chain storage and a transaction pool. What the test is given takes the claims out of
/// the pool.
pub fn run_off_chain(test: impl FnOnce(&dyn Fn() -> Vec<Claim>)) {
    let mut ext = new_test_ext();
    let (off_chain, _) = TestOffchainExt::new();
    let (pool, state) = TestTransactionPoolExt::new();
    ext.register_extension(OffchainDbExt::new(off_chain.clone()));
    ext.register_extension(OffchainWorkerExt::new(off_chain));
    ext.register_extension(TransactionPoolExt::new(pool));
    let submitted = || {
        let transactions = core::mem::take(&mut state.write().transactions);
        transactions.iter().map(|bytes| claimed_by(&Extrinsic::decode_all(&mut &bytes[..]).unwrap())).collect()
    };
    ext.execute_with(|| {
        test(&submitted);
        PromiseSettlement::do_try_state().unwrap();
    });
}

/// The claim in a transaction of the watchtower.
fn claimed_by(extrinsic: &Extrinsic) -> Claim {
    match &extrinsic.function {
        RuntimeCall::PromiseSettlement(crate::Call::claim_authorized { claim }) => (**claim).clone(),
        other => panic!("not the watchtower's: {other:?}"),
    }
}

/// Makes the claim a transaction without a signature, and brings it to the chain as a block's author does.
pub fn apply_free(claim: Claim) -> Result<ValidTransaction, TransactionValidityError> {
    let call = crate::Call::<Test>::claim_authorized { claim: Box::new(claim) };
    let transaction = Test::create_authorized_transaction(call.into());
    let (info, len) = (transaction.get_dispatch_info(), transaction.encoded_size());
    let checked = transaction.check(&frame_system::ChainContext::<Test>::default())?;
    let valid = checked.validate::<Test>(TransactionSource::External, &info, len)?;
    let result = checked.apply::<Test>(&info, len)?;
    result.expect("what is valid can be settled");
    Ok(valid)
}
