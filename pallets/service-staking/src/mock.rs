//! A runtime to test in.

use std::{cell::RefCell, collections::BTreeMap, sync::LazyLock};

use frame_support::{derive_impl, parameter_types, traits::tokens::imbalance::ResolveTo, weights::Weight, PalletId};
use frame_system::EnsureRoot;
use smartlayer_primitives::{
    commitment::{Commitment, Totals},
    merkle::{prove, MerkleProof, MerkleRoot},
    node::KeyOwnership,
    payload::Payload,
    quorum::{AnchorSet, QuorumCertificate, QuorumError},
    report::ReportEntry,
    sla::Terms,
    traits::{Agreements, Anchors, OnCommitment, Snapshots},
    AccountId, Balance, BlockNumber, Hash, Period, Signature,
};
use sp_core::{sr25519, ConstU128, ConstU32, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchResult, Permill};

use crate as pallet_service_staking;

pub const GENESIS: Hash = sp_core::H256([7; 32]);
pub const RICH: Balance = 1_000_000;
pub const MIN_BOND: Balance = 1_000;
/// Blocks in a period: period n is the blocks from n times it.
pub const PERIOD: BlockNumber = 5;
pub const WINDOW: BlockNumber = 8;
pub const DEFERRAL: BlockNumber = 7;
/// Exactly window, deferral and a period.
pub const DELAY: BlockNumber = 20;
/// For so many periods back breaches can be reported.
pub const HISTORY: Period = 3;
/// The treasury's number.
pub const TREASURY: u8 = 99;
pub const REWARD: Balance = 10_000;
pub const EXISTENTIAL_DEPOSIT: Balance = 10;

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
    pub type ServiceStaking = pallet_service_staking;
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
    type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
    type AccountStore = System;
}

parameter_types! {
    pub const PotId: PalletId = PalletId(*b"sl/stake");
    /// Governed: tests change them.
    pub static RewardPerPeriod: Balance = REWARD;
    pub static AnchorShare: Permill = Permill::from_percent(20);
    pub static RewardHistory: Period = 3;
    pub static PoolRelease: Permill = Permill::zero();
    pub static WriterBonus: Permill = Permill::zero();
    pub static RentTreasuryShare: Permill = Permill::zero();
    pub static UnbondingDelay: BlockNumber = DELAY;
    pub static ReportWindow: BlockNumber = WINDOW;
    pub static SlashDeferral: BlockNumber = DEFERRAL;
    pub static BountyShare: Permill = Permill::from_percent(10);
    pub static PoolShare: Permill = Permill::from_percent(30);
    /// What a breach costs.
    pub static Penalty: Permill = Permill::from_percent(10);
    /// The breaches that the agreements were told of.
    pub static Told: Vec<(AccountId, Period)> = Vec::new();
}

pub struct Treasury;

impl frame_support::traits::TypedGet for Treasury {
    type Type = AccountId;
    fn get() -> AccountId {
        account(TREASURY)
    }
}

impl pallet_service_staking::Config for Test {
    type Currency = Balances;
    type Anchors = KeysOfAnchors;
    type Snapshots = Reports;
    type Agreements = Breached;
    type PotId = PotId;
    type MinBond = ConstU128<MIN_BOND>;
    type UnbondingDelay = UnbondingDelay;
    type PeriodLength = ConstU32<PERIOD>;
    type ReportWindow = ReportWindow;
    type ReportHistory = ConstU32<HISTORY>;
    type SlashDeferral = SlashDeferral;
    type BountyShare = BountyShare;
    type PoolShare = PoolShare;
    type OnSlash = ResolveTo<Treasury, Balances>;
    type CancelOrigin = EnsureRoot<AccountId>;
    type PoolRelease = PoolRelease;
    type WriterBonus = WriterBonus;
    type RentTreasuryShare = RentTreasuryShare;
    type OnRent = ResolveTo<Treasury, Balances>;
    type RewardPerPeriod = RewardPerPeriod;
    type AnchorShare = AnchorShare;
    type RewardHistory = RewardHistory;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkHelper = Reports;
}

/// Every account from 1 to 9 is an active anchor; its key is its hot key.
pub struct KeysOfAnchors;

impl Anchors for KeysOfAnchors {
    fn active() -> AnchorSet {
        Default::default()
    }

    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        (1..10).find(|n| account(*n) == *origin || service_key(*n) == *origin).map(account)
    }

    fn verify_quorum(_: Hash, _: &QuorumCertificate) -> Result<(), QuorumError> {
        Err(QuorumError::TooFew)
    }
}

/// A line with breaches is a persistent one and costs [`Penalty`].
pub struct Breached;

impl Agreements for Breached {
    fn active_terms(_: &AccountId) -> Option<Terms> {
        None
    }

    fn penalty(entry: &ReportEntry) -> Option<Permill> {
        (entry.breaches > 0).then(Penalty::get)
    }

    fn on_breach(node: &AccountId, period: Period) {
        Told::mutate(|told| told.push((node.clone(), period)));
    }

    fn weight() -> Weight {
        Weight::zero()
    }
}

thread_local! {
    static COMMITMENTS: RefCell<BTreeMap<Period, (Commitment, BlockNumber)>> = const { RefCell::new(BTreeMap::new()) };
}

/// Keeps every commitment.
pub struct Reports;

impl Snapshots for Reports {
    fn current_period() -> Period {
        System::block_number() / PERIOD
    }

    fn commitment(period: Period) -> Option<Commitment> {
        COMMITMENTS.with_borrow(|commitments| commitments.get(&period).map(|(commitment, _)| commitment.clone()))
    }

    fn committed_at(period: Period) -> Option<BlockNumber> {
        COMMITMENTS.with_borrow(|commitments| commitments.get(&period).map(|(_, at)| *at))
    }

    fn seed(_: Period) -> Option<Hash> {
        None
    }
}

fn keep(commitment: Commitment) {
    let at = System::block_number();
    COMMITMENTS.with_borrow_mut(|commitments| commitments.insert(commitment.period, (commitment, at)));
}

#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper for Reports {
    fn store(commitment: Commitment) {
        keep(commitment);
    }

    fn breach(entry: &mut ReportEntry) {
        entry.breaches = 1;
    }
}

/// Forgets a commitment, as snapshots do in time.
pub fn forget(period: Period) {
    COMMITMENTS.with_borrow_mut(|commitments| commitments.remove(&period));
}

/// The line of node `n` in a report.
pub fn entry(period: Period, n: u8, reward_weight: u128) -> ReportEntry {
    ReportEntry {
        period,
        node: account(n),
        availability: Permill::one(),
        p95_latency_ms: 1,
        served_value: 0,
        score: Permill::one(),
        breaches: 0,
        reward_weight,
    }
}

/// Commits to a report with these nodes' weights, signed by these anchors; returns its lines with their proofs.
pub fn commit(period: Period, weights: &[(u8, u128)], signers: &[u8]) -> Vec<(ReportEntry, MerkleProof)> {
    let total = weights.iter().map(|(_, weight)| weight).sum();
    commit_with_total(period, weights, total, signers)
}

/// The same with a total of the anchors' choice.
pub fn commit_with_total(
    period: Period,
    weights: &[(u8, u128)],
    total: u128,
    signers: &[u8],
) -> Vec<(ReportEntry, MerkleProof)> {
    let entries: Vec<_> = weights.iter().map(|(n, weight)| entry(period, *n, *weight)).collect();
    commit_entries(period, entries, total, signers)
}

/// Commits to a report that says of these nodes that they breached their agreement.
pub fn commit_breaches(period: Period, nodes: &[u8]) -> Vec<(ReportEntry, MerkleProof)> {
    let breached = |n: &u8| ReportEntry { breaches: 1, ..entry(period, *n, 0) };
    commit_entries(period, nodes.iter().map(breached).collect(), 0, &[])
}

/// Commits to a report with these lines; account 1 writes it.
pub fn commit_entries(
    period: Period,
    entries: Vec<ReportEntry>,
    total: u128,
    signers: &[u8],
) -> Vec<(ReportEntry, MerkleProof)> {
    let commitment = Commitment {
        period,
        previous: Default::default(),
        operations: Default::default(),
        bitmaps: Default::default(),
        report: MerkleRoot::of(&entries),
        assignments: Default::default(),
        totals: Totals { reward_weight: total, ..Default::default() },
        writer: account(1),
    };
    keep(commitment.clone());
    let signers: Vec<_> = signers.iter().map(|n| account(*n)).collect();
    ServiceStaking::on_commitment(&commitment, &signers);
    let proofs: Vec<_> = (0..entries.len()).map(|i| prove(&entries, i as u32).unwrap()).collect();
    entries.into_iter().zip(proofs).collect()
}

/// The key pair number `n`; its account is the account number `n`.
pub fn pair(n: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[n; 32])
}

/// The account number `n`. Accounts 1 to 99 are rich.
pub fn account(n: u8) -> AccountId {
    static ACCOUNTS: LazyLock<Vec<AccountId>> =
        LazyLock::new(|| (0..=u8::MAX).map(|n| pair(n).public().into()).collect());
    ACCOUNTS[usize::from(n)].clone()
}

/// The hot key of account `n`.
pub fn hot(n: u8) -> sr25519::Pair {
    pair(100 + n)
}

pub fn service_key(n: u8) -> AccountId {
    account(100 + n)
}

/// The proof by `pair` that it acts for `account`.
pub fn proof(pair: &sr25519::Pair, account: &AccountId) -> Signature {
    pair.sign(&KeyOwnership { account: account.clone() }.signing_payload(&GENESIS)).into()
}

pub fn origin(n: u8) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(n))
}

/// Registers node `n` with its hot key and this bond.
pub fn register(n: u8, bond: Balance) -> DispatchResult {
    register_with(n, &hot(n), bond)
}

pub fn register_with(n: u8, pair: &sr25519::Pair, bond: Balance) -> DispatchResult {
    let (endpoint, peer_id) = address("http://node", "peer");
    ServiceStaking::register(origin(n), endpoint, peer_id, pair.public().into(), proof(pair, &account(n)), bond)
}

pub fn address(
    endpoint: impl AsRef<[u8]>,
    peer: &str,
) -> (smartlayer_primitives::node::Endpoint, smartlayer_primitives::node::PeerId) {
    (endpoint.as_ref().to_vec().try_into().unwrap(), peer.as_bytes().to_vec().try_into().unwrap())
}

pub fn run_to(block: BlockNumber) {
    System::set_block_number(block);
}

/// The last event, which must be this pallet's.
pub fn last_event() -> pallet_service_staking::Event<Test> {
    match System::events().pop().expect("an event").event {
        RuntimeEvent::ServiceStaking(event) => event,
        other => panic!("another pallet's event: {other:?}"),
    }
}

pub struct ExtBuilder;

impl ExtBuilder {
    pub fn build() -> sp_io::TestExternalities {
        COMMITMENTS.with_borrow_mut(BTreeMap::clear);
        RewardPerPeriod::set(REWARD);
        AnchorShare::set(Permill::from_percent(20));
        RewardHistory::set(3);
        PoolRelease::set(Permill::zero());
        WriterBonus::set(Permill::zero());
        RentTreasuryShare::set(Permill::zero());
        UnbondingDelay::set(DELAY);
        ReportWindow::set(WINDOW);
        SlashDeferral::set(DEFERRAL);
        BountyShare::set(Permill::from_percent(10));
        PoolShare::set(Permill::from_percent(30));
        Penalty::set(Permill::from_percent(10));
        Told::set(Vec::new());
        let balances = (1..100).map(|n| (account(n), RICH)).collect();
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
            ServiceStaking::do_try_state().unwrap();
        });
    }
}
