//! The chain that everything happens on: its genesis, its blocks, and what its actors remember of what they signed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use frame_support::traits::Hooks;
use smartlayer_primitives::{
    commitment::Commitment,
    merkle::MerkleRoot,
    node::KeyOwnership,
    notary::{Allocation, SignedAllocation},
    payload::Payload,
    promise::{Claim, Promise, SignedPromise},
    quorum::{attestation, AnchorKey, AnchorSet, AnchorSignature, QuorumCertificate},
    report::ReportEntry,
    AccountId, Balance, Hash, Period, SessionId, Signature, SLT,
};
use smartlayer_runtime::{
    genesis_presets::get_preset, Anchors, BuildStorage, CommitmentSnapshots, PromiseSettlement, Runtime,
    RuntimeGenesisConfig, RuntimeOrigin, ServiceStaking, SlaRegistry, SmartTokens, System,
};
use sp_io::TestExternalities;
use sp_runtime::{Permill, Storage};

use crate::cast::{cast, Cast};

/// What an actor that pays starts with.
const ENDOWMENT: Balance = 1_000_000 * SLT;
/// What an anchor's and a node's first bonds are.
pub const ANCHOR_BOND: Balance = 20_000 * SLT;
/// See [`ANCHOR_BOND`].
pub const NODE_BOND: Balance = 3_000 * SLT;

/// A chain after its genesis, with short periods and windows.
pub fn genesis() -> TestExternalities {
    static STORAGE: OnceLock<Storage> = OnceLock::new();
    STORAGE.get_or_init(build_genesis).clone().into()
}

fn build_genesis() -> Storage {
    let cast = cast();
    let preset = get_preset(&"development".into()).expect("the preset exists; qed");
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("the default is JSON; qed");
    merge(&mut config, serde_json::from_slice(&preset).expect("the preset is JSON; qed"));
    let mut config: RuntimeGenesisConfig = serde_json::from_value(config).expect("the preset fits; qed");

    let numbers = &mut config.parameters_genesis;
    numbers.commitment_snapshots.period_length = Some(6);
    numbers.commitment_snapshots.grace = Some(2);
    numbers.commitment_snapshots.max_strikes = Some(2);
    numbers.service_staking.unbonding_delay = Some(10);
    numbers.service_staking.report_window = Some(30);
    numbers.service_staking.slash_deferral = Some(8);
    numbers.service_staking.reward_history = Some(6);
    numbers.service_staking.pool_release = Some(Permill::from_percent(10));
    numbers.promise_settlement.challenge_window = Some(6);
    numbers.anchors.rotation_interval = Some(5);
    numbers.sla_registry.answer_interval = Some(3);
    numbers.sla_registry.proposal_lifetime = Some(20);
    numbers.sla_registry.step_timeout = Some(16);
    numbers.sla_registry.probation = Some(6);
    numbers.sla_registry.max_maintenance = Some(3);
    numbers.sla_registry.maintenance_span = Some(10);

    let mut endowed: Vec<_> = cast.endowed();
    endowed.push(pallet_treasury::Pallet::<Runtime>::account_id());
    for account in endowed {
        if !config.balances.balances.iter().any(|(known, _)| *known == account) {
            config.balances.balances.push((account, ENDOWMENT));
        }
    }
    for (account, name) in cast.organisations.iter().zip(["1", "2", "3", "4", "5", "6", "7", "8"]) {
        if !config.identities.known.iter().any(|(known, _)| known == account) {
            config.identities.known.push((account.clone(), name.into()));
        }
    }
    // The first seven are elected.
    config.elections.members = cast.organisations[..7].iter().map(|account| (account.clone(), 1_000 * SLT)).collect();
    config.build_storage().expect("the genesis builds; qed")
}

/// RFC 7386, as the node merges a preset into the default.
fn merge(target: &mut serde_json::Value, patch: serde_json::Value) {
    match (target, patch) {
        (serde_json::Value::Object(target), serde_json::Value::Object(patch)) => {
            for (key, value) in patch {
                merge(target.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}

/// Ends the running block and begins the next, with the hooks of the project's own pallets in the runtime's order.
pub fn next_block() {
    let last = System::block_number();
    if last > 0 {
        SmartTokens::on_finalize(last);
        CommitmentSnapshots::on_finalize(last);
        PromiseSettlement::on_finalize(last);
        SlaRegistry::on_finalize(last);
        ServiceStaking::on_finalize(last);
        Anchors::on_finalize(last);
    }
    let number = last + 1;
    System::reset_events();
    System::initialize(&number, &Hash::from_low_u64_be(last.into()), &Default::default());
    Anchors::on_initialize(number);
    ServiceStaking::on_initialize(number);
    SlaRegistry::on_initialize(number);
    PromiseSettlement::on_initialize(number);
    CommitmentSnapshots::on_initialize(number);
    SmartTokens::on_initialize(number);
}

/// Begins so many blocks.
pub fn next_blocks(count: u32) {
    (0..count).for_each(|_| next_block());
}

/// Begins the first block, and registers the elected anchors and most nodes: what there is before anybody does anything random.
pub fn set_up() {
    let cast = cast();
    next_block();
    for (account, key) in cast.organisations[..7].iter().zip(&cast.anchor_keys) {
        let name = b"An organisation".to_vec().try_into().expect("it is short; qed");
        let proof = cast.sign_as_anchor(key, &ownership(account));
        let (endpoint, peer_id) = (bytes("https://anchor"), bytes("peer"));
        let origin = RuntimeOrigin::signed(account.clone());
        Anchors::register(origin, name, endpoint, peer_id, *key, proof, ANCHOR_BOND).expect("it can register; qed");
    }
    for (account, key) in cast.nodes[..6].iter().zip(&cast.service_keys) {
        register_node(account, key, NODE_BOND);
    }
}

/// Registers a service node.
pub fn register_node(account: &AccountId, key: &AccountId, bond: Balance) {
    let proof = cast().sign(key, &ownership(account));
    let (endpoint, peer_id) = (bytes("https://node"), bytes("peer"));
    let origin = RuntimeOrigin::signed(account.clone());
    ServiceStaking::register(origin, endpoint, peer_id, key.clone(), proof, bond).expect("it can register; qed");
}

/// A short text as bounded bytes.
pub fn bytes<Bound: frame_support::traits::Get<u32>>(text: &str) -> frame_support::BoundedVec<u8, Bound> {
    frame_support::BoundedVec::truncate_from(text.as_bytes().to_vec())
}

/// What binds signatures to this chain.
pub fn genesis_hash() -> Hash {
    System::block_hash(0)
}

/// What a key signs to prove that it may be this account's.
pub fn ownership(account: &AccountId) -> Vec<u8> {
    KeyOwnership { account: account.clone() }.signing_payload(&genesis_hash())
}

/// Checks what every own pallet says must always hold.
pub fn try_state() -> Result<(), String> {
    fn named(pallet: &str, result: Result<(), sp_runtime::TryRuntimeError>) -> Result<(), String> {
        result.map_err(|error| format!("try_state of {pallet}: {error:?}"))
    }
    named("anchors", Anchors::do_try_state())?;
    named("service-staking", ServiceStaking::do_try_state())?;
    named("sla-registry", SlaRegistry::do_try_state())?;
    named("promise-settlement", PromiseSettlement::do_try_state())?;
    named("commitment-snapshots", CommitmentSnapshots::do_try_state())?;
    named("smart-tokens", SmartTokens::do_try_state())
}

/// What the actors remember.
#[derive(Default)]
pub struct Memory {
    /// The lines of the reports of accepted commitments.
    pub reports: BTreeMap<Period, Vec<ReportEntry>>,
    /// The most that each count's signer promised: by session, or channel in a network session.
    pub promised: BTreeMap<SessionId, Balance>,
    /// The highest allocation of each node, by session and round.
    pub allocations: BTreeMap<(SessionId, u16), BTreeMap<AccountId, SignedAllocation>>,
    /// The rounds in which a notary allocated more than it had.
    pub dishonest: BTreeSet<(SessionId, u16)>,
    /// Whether governance changed how long something can be reported: then what was forgotten in time can seem dodged.
    pub windows_changed: bool,
}

impl Memory {
    /// A promise by the session's signer.
    pub fn promise(&mut self, promise: Promise, signer: &AccountId) -> SignedPromise {
        let signature = cast().sign(signer, &promise.signing_payload(&genesis_hash()));
        SignedPromise { promise, signature }
    }

    /// Remembers that the signer of a good claim stands by all that it owes.
    pub fn stand_by(&mut self, claim: &Claim) {
        let most = self.promised.entry(claim.promise.promise.session).or_default();
        *most = (*most).max(claim.owed().unwrap_or(0));
    }

    /// A notary's allocation, which it will not take back.
    pub fn allocate(&mut self, allocation: Allocation, key: &AnchorKey) -> SignedAllocation {
        let signature = cast().sign_as_anchor(key, &allocation.signing_payload(&genesis_hash()));
        let signed = SignedAllocation { allocation, signature };
        let of_round = self.allocations.entry((signed.allocation.session, signed.allocation.round)).or_default();
        match of_round.get(&signed.allocation.node) {
            Some(before) if before.allocation.cap >= signed.allocation.cap => {}
            _ => {
                of_round.insert(signed.allocation.node.clone(), signed.clone());
            }
        }
        signed
    }

    /// What the notary of a round promised to nodes together.
    pub fn allocated(&self, session: SessionId, round: u16) -> Balance {
        let of_round = self.allocations.get(&(session, round));
        let caps = of_round.into_iter().flatten().map(|(_, signed)| signed.allocation.cap);
        caps.fold(0, Balance::saturating_add)
    }
}

/// The next period's commitment with this report, by this writer.
pub fn commitment(period: Period, report: &[ReportEntry], writer: AccountId) -> Commitment {
    let reward_weight = report.iter().map(|entry| entry.reward_weight).sum();
    Commitment {
        period,
        previous: pallet_commitment_snapshots::LastHash::<Runtime>::get(),
        operations: MerkleRoot::default(),
        bitmaps: MerkleRoot::default(),
        report: MerkleRoot::of(report),
        assignments: MerkleRoot::default(),
        totals: smartlayer_primitives::commitment::Totals { operations: 0, served_value: 0, reward_weight },
        writer,
    }
}

/// The active anchors.
pub fn active() -> AnchorSet {
    pallet_anchors::ActiveSet::<Runtime>::get()
}

/// How many signatures make a quorum: more than two thirds. Worked out here, so that the chain's own arithmetic is checked by it.
pub fn quorum() -> usize {
    let members = active().members.len();
    (0..=members).find(|signers| 3 * signers > 2 * members).unwrap_or(1)
}

/// A certificate by these members of the active set, with keys of the cast.
pub fn certify(cast: &Cast, hash: Hash, signers: impl IntoIterator<Item = usize>) -> QuorumCertificate {
    let members = active().members;
    certify_with(hash, signers, |position, message| cast.sign_as_anchor(&members[position].key, message))
}

/// A certificate by these members of the active set.
pub fn certify_with(
    hash: Hash,
    signers: impl IntoIterator<Item = usize>,
    sign: impl Fn(usize, &[u8]) -> AnchorSignature,
) -> QuorumCertificate {
    let set = active();
    let message = attestation(&genesis_hash(), hash);
    let there = signers.into_iter().filter(|position| *position < set.members.len());
    set.certificate(there.map(|position| (position, sign(position, &message))))
}

/// A signature that is good for nothing.
pub fn bad_signature() -> Signature {
    sp_core::sr25519::Signature::default().into()
}
