//! A runtime with this pallet, four anchors and two nodes.

use frame_support::{derive_impl, parameter_types};
use smartlayer_primitives::{
    agreement::{Agreement, Negotiation, Step},
    commitment::Commitment,
    payload::Payload,
    quorum::{attestation, AnchorSet, Member, QuorumCertificate, QuorumError},
    report::ReportEntry,
    sla::{Objectives, PenaltySchedule, Template, Terms, TestResult},
    traits::{Anchors, ServiceNodes, Snapshots},
    AccountId, BlockNumber, Hash, Period,
};
use sp_core::{sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage, Permill};
use std::collections::BTreeMap;

use crate as pallet_sla_registry;

type Block = frame_system::mocking::MockBlockU32<Test>;

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system,
        SlaRegistry: pallet_sla_registry,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
}

parameter_types! {
    /// The nodes that are registered.
    pub static Registered: Vec<AccountId> = vec![];
    /// Those of them that hold the minimum stake.
    pub static Bonded: Vec<AccountId> = vec![];
    pub static ActiveSet: AnchorSet = Default::default();
    pub static CurrentPeriod: Period = 5;
    /// The blocks at which periods were committed.
    pub static Committed: BTreeMap<Period, BlockNumber> = BTreeMap::new();
    pub const AnswerInterval: BlockNumber = 10;
    pub const ProposalLifetime: BlockNumber = 100;
    pub const StepTimeout: BlockNumber = 50;
    pub const ReportWindow: BlockNumber = 20;
    pub const History: Period = 6;
    pub const Probation: Period = 8;
    pub const MaxMaintenance: Period = 3;
    pub static MaintenanceSpan: Period = 12;
}

/// The service key of node `[n; 32]` is `[n + 100; 32]`.
pub struct Nodes;

impl ServiceNodes for Nodes {
    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        Registered::get().into_iter().find(|node| node == origin || service_key(node) == *origin)
    }
    fn is_bonded(node: &AccountId) -> bool {
        Bonded::get().contains(node)
    }
    fn is_available(node: &AccountId) -> bool {
        Self::is_bonded(node)
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn register_for_benchmark(node: &AccountId) {
        Registered::mutate(|registered| registered.push(node.clone()));
        Bonded::mutate(|bonded| bonded.push(node.clone()));
    }
}

/// The active set; an anchor's signing key is an account too.
pub struct Active;

impl Anchors for Active {
    fn active() -> AnchorSet {
        ActiveSet::get()
    }
    fn acting_for(origin: &AccountId) -> Option<AccountId> {
        let is = |m: &Member| m.account == *origin || AccountId::from(m.key.0) == *origin;
        ActiveSet::get().members.into_iter().find(is).map(|m| m.account)
    }
    fn verify_quorum(hash: Hash, certificate: &QuorumCertificate) -> Result<(), QuorumError> {
        ActiveSet::get().verify(&genesis(), hash, certificate)
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn activate_for_benchmark(members: Vec<Member>) {
        ActiveSet::set(AnchorSet { id: 1, members: members.try_into().unwrap() });
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
    fn committed_at(period: Period) -> Option<BlockNumber> {
        Committed::get().get(&period).copied()
    }
    fn seed(period: Period) -> Option<Hash> {
        Some(Hash::from_low_u64_be(period.into()))
    }
}

impl pallet_sla_registry::Config for Test {
    type AdminOrigin = frame_system::EnsureRoot<AccountId>;
    type ServiceNodes = Nodes;
    type Anchors = Active;
    type Snapshots = Clock;
    type AnswerInterval = AnswerInterval;
    type ProposalLifetime = ProposalLifetime;
    type StepTimeout = StepTimeout;
    type ReportWindow = ReportWindow;
    type History = History;
    type Probation = Probation;
    type MaxMaintenance = MaxMaintenance;
    type MaintenanceSpan = MaintenanceSpan;
    type WeightInfo = ();
}

pub fn account(n: u8) -> AccountId {
    AccountId::new([n; 32])
}

pub fn node() -> AccountId {
    account(11)
}

pub fn other_node() -> AccountId {
    account(12)
}

pub fn anyone() -> AccountId {
    account(99)
}

pub fn service_key(node: &AccountId) -> AccountId {
    account(AsRef::<[u8; 32]>::as_ref(node)[0] + 100)
}

pub const ANCHORS: u8 = 4;

/// The anchor whose turn it is to answer the node.
pub fn anchor() -> AccountId {
    SlaRegistry::answering(node()).expect("there is a proposal to answer")
}

/// The anchors whose turn it is not.
pub fn others() -> Vec<AccountId> {
    (1..=ANCHORS).map(account).filter(|a| Some(a) != SlaRegistry::answering(node()).as_ref()).collect()
}

pub fn anchor_pair(n: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[n; 32])
}

pub fn genesis() -> Hash {
    System::block_hash(0)
}

/// The floor of template 0.
pub fn floor() -> Objectives {
    Objectives { availability: Permill::from_percent(90), p95_latency_ms: 500, ..Default::default() }
}

pub fn better() -> Objectives {
    Objectives { availability: Permill::from_percent(99), ..floor() }
}

pub fn too_low() -> Objectives {
    Objectives { availability: Permill::from_percent(89), ..floor() }
}

pub fn templates() -> Vec<Template> {
    let penalty = PenaltySchedule { persistent_after: 3, slash: Permill::from_percent(1) };
    vec![
        Template { floor: floor(), reward_weight: 10, penalty },
        Template { floor: better(), reward_weight: 20, penalty },
    ]
}

pub fn terms(objectives: Objectives) -> Terms {
    templates()[0].terms(0, objectives).unwrap()
}

pub fn agreement() -> Option<Agreement> {
    SlaRegistry::agreement(node())
}

pub fn negotiation() -> Option<Negotiation> {
    agreement()?.negotiation
}

pub fn step() -> Option<Step> {
    Some(negotiation()?.step)
}

/// A line of the report on `period` that says the node missed an objective for so many periods in a row.
pub fn line(period: Period, breaches: u16) -> ReportEntry {
    ReportEntry {
        period,
        node: node(),
        availability: Permill::zero(),
        p95_latency_ms: u32::MAX,
        served_value: 0,
        score: Permill::zero(),
        breaches,
        reward_weight: 0,
    }
}

/// The next period begins, ten blocks later, and the one that ended is committed.
pub fn next_period() {
    System::set_block_number(System::block_number() + 10);
    let ended = CurrentPeriod::get();
    CurrentPeriod::set(ended + 1);
    commit(ended);
}

/// The next period begins, ten blocks later, and no commitment is made.
pub fn next_period_uncommitted() {
    System::set_block_number(System::block_number() + 10);
    CurrentPeriod::mutate(|period| *period += 1);
}

/// The period is committed, and what is too old is forgotten, as `commitment-snapshots` does it.
pub fn commit(period: Period) {
    let oldest = CurrentPeriod::get().saturating_sub(History::get());
    Committed::mutate(|committed| {
        committed.insert(period, System::block_number());
        committed.retain(|period, _| *period >= oldest);
    });
}

pub fn result(objectives: Objectives, passed: bool) -> TestResult {
    TestResult { node: node(), terms: terms(objectives), period: CurrentPeriod::get(), passed }
}

/// The certificate of the anchors at these positions over `result`.
pub fn certified(result: &TestResult, positions: &[u8]) -> QuorumCertificate {
    let message = attestation(&genesis(), result.payload_hash(&genesis()));
    let set = ActiveSet::get();
    set.certificate(positions.iter().map(|i| (*i as usize, anchor_pair(i + 1).sign(&message))))
}

pub fn new_test_ext() -> sp_io::TestExternalities {
    Registered::set(vec![node(), other_node()]);
    Bonded::set(vec![node(), other_node()]);
    CurrentPeriod::set(5);
    Committed::set(BTreeMap::new());
    MaintenanceSpan::set(12);
    let members =
        (1..=ANCHORS).map(|n| Member { account: account(n), key: anchor_pair(n).public() }).collect::<Vec<_>>();
    ActiveSet::set(AnchorSet { id: 7, members: members.try_into().unwrap() });

    let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
    pallet_sla_registry::GenesisConfig::<Test> { templates: templates(), ..Default::default() }
        .assimilate_storage(&mut storage)
        .unwrap();
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.register_extension(sp_keystore::KeystoreExt::new(sp_keystore::testing::MemoryKeystore::new()));
    ext.execute_with(|| System::set_block_number(1));
    ext
}

/// Runs a test and checks what must be true after it.
pub fn run(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        SlaRegistry::do_try_state().unwrap();
    });
}
