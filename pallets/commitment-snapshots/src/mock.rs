//! A runtime with this pallet and four anchors.

use frame_support::{derive_impl, parameter_types, traits::Hooks};
use smartlayer_primitives::{
    commitment::{Commitment, Equivocation},
    merkle::MerkleRoot,
    payload::Payload,
    quorum::{attestation, AnchorKey, AnchorSet, Member, QuorumCertificate, QuorumError},
    traits::{AnchorBonds, Anchors, OnCommitment, PeriodRandomness},
    AccountId, Balance, BlockNumber, Hash, Period,
};
use sp_core::{sr25519, ConstU32, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, Permill};

use crate as pallet_commitment_snapshots;

type Block = frame_system::mocking::MockBlockU32<Test>;

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system,
        CommitmentSnapshots: pallet_commitment_snapshots,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
}

parameter_types! {
    pub static ActiveSet: AnchorSet = Default::default();
    pub static PeriodLength: BlockNumber = 10;
    pub static Grace: BlockNumber = 3;
    /// What the randomness answers.
    pub static Seed: (Hash, BlockNumber) = (Hash::repeat_byte(1), 0);
    /// What was told on each accepted commitment.
    pub static Told: Vec<(Period, Vec<AccountId>)> = vec![];
    pub static MaxStrikes: u32 = 100;
    pub static EquivocationSlash: Permill = Permill::from_percent(50);
    /// How many were elected.
    pub static Elected: usize = 0;
    /// Keys that an organisation gave up, and is still asked about.
    pub static FormerKeys: Vec<(AnchorKey, AccountId)> = vec![];
    /// Who was slashed, and who reported it.
    pub static Slashed: Vec<(AccountId, AccountId)> = vec![];
    /// Who was suspended.
    pub static Suspended: Vec<AccountId> = vec![];
}

pub const HISTORY: Period = 5;
/// What each organisation has bonded.
pub const BOND: Balance = 1_000;

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
        Elected::set(members.len());
        ActiveSet::set(AnchorSet { id: 1, members: members.try_into().unwrap() });
    }
}

/// Everyone from account 1 to account 250 has a bond; suspension leaves two thirds of the elected.
pub struct Bonds;

impl AnchorBonds for Bonds {
    fn owner_of_key(key: &AnchorKey) -> Option<AccountId> {
        let former = FormerKeys::get().into_iter().find(|(former, _)| former == key).map(|(_, owner)| owner);
        let members = ActiveSet::get().members;
        let active = members.into_iter().find(|member| member.key == *key).map(|member| member.account);
        former.or(active).or_else(|| (1..=250).map(account).find(|account| anchor_pair(account).public() == *key))
    }
    fn seize(_: &AccountId, _: Balance, _: &AccountId) -> Balance {
        0
    }
    fn slash(anchor: &AccountId, fraction: Permill, reporter: &AccountId) -> Result<Balance, DispatchError> {
        Slashed::mutate(|slashed| slashed.push((anchor.clone(), reporter.clone())));
        Ok(fraction.mul_ceil(BOND))
    }
    fn suspend(anchor: &AccountId) -> bool {
        let mut set = ActiveSet::get();
        set.members.retain(|member| member.account != *anchor);
        if set.members == ActiveSet::get().members || set.members.len() * 3 < Elected::get() * 2 {
            return false;
        }
        set.id += 1;
        ActiveSet::set(set);
        Suspended::mutate(|suspended| suspended.push(anchor.clone()));
        true
    }
}

pub struct Randomness;

impl PeriodRandomness for Randomness {
    fn seed() -> (Hash, BlockNumber) {
        Seed::get()
    }
}

pub struct Recorder;

impl OnCommitment for Recorder {
    fn on_commitment(commitment: &Commitment, signers: &[AccountId]) {
        Told::mutate(|told| told.push((commitment.period, signers.to_vec())));
    }

    fn weight() -> frame_support::weights::Weight {
        frame_support::weights::Weight::from_parts(7, 0)
    }
}

impl pallet_commitment_snapshots::Config for Test {
    type Anchors = Active;
    type AnchorBonds = Bonds;
    type EquivocationSlash = EquivocationSlash;
    type MaxStrikes = MaxStrikes;
    type Randomness = Randomness;
    type OnCommitment = Recorder;
    type PeriodLength = PeriodLength;
    type Grace = Grace;
    type History = ConstU32<HISTORY>;
    type WeightInfo = ();
}

pub fn account(n: u8) -> AccountId {
    AccountId::new([n; 32])
}

pub fn anyone() -> AccountId {
    account(99)
}

pub fn anchor_pair(account: &AccountId) -> sr25519::Pair {
    sr25519::Pair::from_seed(AsRef::<[u8; 32]>::as_ref(account))
}

/// Makes the accounts of these numbers, which ascend, the active anchors.
pub fn elect(numbers: impl IntoIterator<Item = u8>) {
    let members: Vec<Member> = numbers
        .into_iter()
        .map(account)
        .map(|account| Member { key: anchor_pair(&account).public(), account })
        .collect();
    Elected::set(members.len());
    ActiveSet::mutate(|set| *set = AnchorSet { id: set.id + 1, members: members.try_into().unwrap() });
}

pub fn genesis() -> Hash {
    System::block_hash(0)
}

/// The anchor of this rank for `period`.
pub fn ranked(period: Period, rank: usize) -> AccountId {
    CommitmentSnapshots::duty(period)[rank].clone()
}

/// A commitment of `period` by `writer` on top of the last one.
pub fn commitment(period: Period, writer: &AccountId) -> Commitment {
    let root = |n| MerkleRoot { hash: Hash::repeat_byte(n), leaves: 1 };
    Commitment {
        period,
        previous: crate::LastHash::<Test>::get(),
        operations: root(1),
        bitmaps: root(2),
        report: root(3),
        assignments: root(4),
        totals: Default::default(),
        writer: writer.clone(),
    }
}

/// The certificate of the members at these positions over `commitment`.
pub fn certified(commitment: &Commitment, positions: impl IntoIterator<Item = usize>) -> QuorumCertificate {
    let message = attestation(&genesis(), commitment.payload_hash(&genesis()));
    let set = ActiveSet::get();
    set.certificate(positions.into_iter().map(|i| (i, anchor_pair(&set.members[i].account).sign(&message))))
}

/// The evidence that the key of `pair` signed `first` and `second`.
pub fn signed_both(pair: &sr25519::Pair, first: &Commitment, second: &Commitment) -> Equivocation {
    let sign = |commitment: &Commitment| pair.sign(&attestation(&genesis(), commitment.payload_hash(&genesis())));
    Equivocation {
        key: pair.public(),
        first: first.clone(),
        first_signature: sign(first),
        second: second.clone(),
        second_signature: sign(second),
    }
}

/// Runs the hook of every block up to `block`, and checks what must be true after each.
pub fn run_to(block: BlockNumber) {
    while System::block_number() < block {
        let next = System::block_number() + 1;
        System::set_block_number(next);
        CommitmentSnapshots::on_initialize(next);
        CommitmentSnapshots::do_try_state().unwrap();
    }
}

pub fn new_test_ext() -> sp_io::TestExternalities {
    PeriodLength::set(10);
    Grace::set(3);
    Seed::set((Hash::repeat_byte(1), 0));
    Told::set(vec![]);
    MaxStrikes::set(100);
    FormerKeys::set(vec![]);
    Slashed::set(vec![]);
    Suspended::set(vec![]);
    elect(1..=4);
    let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
    pallet_commitment_snapshots::GenesisConfig::<Test>::default().assimilate_storage(&mut storage).unwrap();
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.register_extension(sp_keystore::KeystoreExt::new(sp_keystore::testing::MemoryKeystore::new()));
    ext.execute_with(|| run_to(1));
    ext
}

/// Runs a test and checks what must be true after it.
pub fn run(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        CommitmentSnapshots::do_try_state().unwrap();
    });
}
