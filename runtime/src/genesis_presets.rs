//! The genesis states that can be asked for by name: `development`, `local_testnet`, `local_four` and `testnet`.
//!
//! The first three share one cast, whose keys everybody knows: never run them where others can reach. `testnet` names nobody and
//! keeps every default of a real network; chain-spec/README.md says how to add one's own keys.

use alloc::{string::String, vec, vec::Vec};

use frame_support::{build_struct_json_patch, traits::Get};
use pallet_staking::StakerStatus;
use serde_json::Value;
use smartlayer_primitives::sla::{Objectives, PenaltySchedule, Template};
use sp_core::{crypto::get_public_from_string_or_panic, sr25519};
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::Permill;

use crate::{
    configs::{
        consensus::{MaxAuthorities, BABE_GENESIS_EPOCH_CONFIG},
        validators::MAX_CANDIDATES,
    },
    parameters::genesis::{
        AgreementNumbers, AnchorNumbers, CommitmentNumbers, ConsensusNumbers, GovernanceNumbers, SettlementNumbers,
        StakingNumbers,
    },
    AccountId, BabeConfig, Balance, BalancesConfig, ElectionsConfig, IdentitiesConfig, ParametersGenesisConfig,
    RuntimeGenesisConfig, SessionConfig, SessionKeys, SlaRegistryConfig, StakingConfig, SLT,
};

/// The preset of four validators on one machine: the fewest that can lose one and go on.
pub const LOCAL_FOUR_RUNTIME_PRESET: &str = "local_four";

/// The preset of a network in the open, to which its founders add their keys.
pub const TESTNET_RUNTIME_PRESET: &str = "testnet";

/// What each development account starts with.
const DEVELOPMENT_BALANCE: Balance = 1_000_000 * SLT;
/// What each development anchor is elected with.
const ANCHOR_STAKE: Balance = 10_000 * SLT;
/// What each development validator has bonded.
const VALIDATOR_STAKE: Balance = 100_000 * SLT;
/// The least a validator bonds. Root can change it with `staking.setStakingConfigs`.
const MIN_VALIDATOR_BOND: Balance = 10_000 * SLT;
/// The least a nominator bonds.
const MIN_NOMINATOR_BOND: Balance = 10 * SLT;

/// The patch of the default genesis with this name, as JSON.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
    let patch = match id.as_str() {
        DEV_RUNTIME_PRESET => development(&[Validator::ALICE]),
        LOCAL_TESTNET_RUNTIME_PRESET => development(&[Validator::ALICE, Validator::BOB]),
        LOCAL_FOUR_RUNTIME_PRESET => {
            development(&[Validator::ALICE, Validator::BOB, Validator::CHARLIE, Validator::DAVE])
        }
        TESTNET_RUNTIME_PRESET => testnet(),
        _ => return None,
    };
    // What was built as JSON can be written as JSON.
    serde_json::to_vec(&patch).ok()
}

/// All presets.
pub fn preset_names() -> Vec<PresetId> {
    [DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET, LOCAL_FOUR_RUNTIME_PRESET, TESTNET_RUNTIME_PRESET]
        .map(PresetId::from)
        .to_vec()
}

/// The master templates of service level agreements, by number.
fn templates() -> Vec<Template> {
    let basic = Template {
        floor: Objectives { availability: Permill::from_percent(95), p95_latency_ms: 2_000, ..Default::default() },
        reward_weight: 1,
        penalty: PenaltySchedule { persistent_after: 6, slash: Permill::from_percent(1) },
    };
    let premium = Template {
        floor: Objectives {
            availability: Permill::from_rational(995u32, 1_000),
            p95_latency_ms: 500,
            throughput: 50,
            bandwidth_kbit: 10_000,
            storage_mib: 1_024,
        },
        reward_weight: 4,
        penalty: PenaltySchedule { persistent_after: 3, slash: Permill::from_percent(3) },
    };
    vec![basic, premium]
}

/// A validator whose keys everybody knows.
struct Validator {
    account: Sr25519Keyring,
    grandpa: Ed25519Keyring,
}

impl Validator {
    const ALICE: Self = Self { account: Sr25519Keyring::Alice, grandpa: Ed25519Keyring::Alice };
    const BOB: Self = Self { account: Sr25519Keyring::Bob, grandpa: Ed25519Keyring::Bob };
    const CHARLIE: Self = Self { account: Sr25519Keyring::Charlie, grandpa: Ed25519Keyring::Charlie };
    const DAVE: Self = Self { account: Sr25519Keyring::Dave, grandpa: Ed25519Keyring::Dave };

    fn session(&self) -> (AccountId, AccountId, SessionKeys) {
        let account = self.account.to_account_id();
        let keys = SessionKeys { babe: self.account.public().into(), grandpa: self.grandpa.public().into() };
        (account.clone(), account, keys)
    }

    fn staker(&self) -> (AccountId, AccountId, Balance, StakerStatus<AccountId>) {
        let account = self.account.to_account_id();
        (account.clone(), account, VALIDATOR_STAKE, StakerStatus::Validator)
    }
}

/// The account of `//name`.
fn account(name: &str) -> AccountId {
    get_public_from_string_or_panic::<sr25519::Public>(name).into()
}

/// The development anchors, by the names of their keys, which are also those that they are known by.
const ANCHORS: [&str; 4] = ["Anchor1", "Anchor2", "Anchor3", "Anchor4"];

/// A network on one machine: short epochs, eras, periods and referenda, four anchors whose identities Alice has judged, eight
/// nodes, an issuer, a website and its user.
fn development(validators: &[Validator]) -> Value {
    let anchors = ANCHORS.map(account);
    let others =
        ["Node1", "Node2", "Node3", "Node4", "Node5", "Node6", "Node7", "Node8", "Issuer", "Dapp", "User"].map(account);
    let endowed = Sr25519Keyring::well_known().map(|key| key.to_account_id()).chain(anchors.clone()).chain(others);

    build_struct_json_patch!(RuntimeGenesisConfig {
        parameters_genesis: ParametersGenesisConfig {
            consensus: ConsensusNumbers {
                epoch_duration: Some(20),
                sessions_per_era: Some(2),
                bonding_duration: Some(4),
                slash_defer_duration: Some(1),
            },
            anchors: AnchorNumbers { rotation_interval: Some(20), ..Default::default() },
            service_staking: StakingNumbers {
                unbonding_delay: Some(20),
                report_window: Some(60),
                slash_deferral: Some(20),
                ..Default::default()
            },
            promise_settlement: SettlementNumbers { challenge_window: Some(10), ..Default::default() },
            commitment_snapshots: CommitmentNumbers { period_length: Some(10), grace: Some(6), ..Default::default() },
            sla_registry: AgreementNumbers {
                answer_interval: Some(10),
                proposal_lifetime: Some(100),
                step_timeout: Some(60),
                probation: Some(20),
                max_maintenance: Some(5),
                maintenance_span: Some(50),
            },
            governance: GovernanceNumbers {
                prepare_period: Some(2),
                decision_period: Some(20),
                confirm_period: Some(3),
                enactment_period: Some(2),
                short_period: Some(10),
                vote_locking_period: Some(10),
                ..Default::default()
            },
        },
        babe: BabeConfig { epoch_config: BABE_GENESIS_EPOCH_CONFIG },
        balances: BalancesConfig {
            balances: endowed.map(|account| (account, DEVELOPMENT_BALANCE)).collect::<Vec<_>>(),
        },
        staking: StakingConfig {
            validator_count: validators.len() as u32,
            minimum_validator_count: 1,
            min_validator_bond: MIN_VALIDATOR_BOND,
            min_nominator_bond: MIN_NOMINATOR_BOND,
            max_validator_count: Some(MAX_CANDIDATES),
            stakers: validators.iter().map(Validator::staker).collect::<Vec<_>>(),
        },
        session: SessionConfig { keys: validators.iter().map(Validator::session).collect::<Vec<_>>() },
        identities: IdentitiesConfig {
            registrar: Some(Sr25519Keyring::Alice.to_account_id()),
            known: anchors.clone().into_iter().zip(ANCHORS.map(String::from)).collect::<Vec<_>>(),
        },
        elections: ElectionsConfig { members: anchors.map(|account| (account, ANCHOR_STAKE)).to_vec() },
        sla_registry: SlaRegistryConfig { templates: templates() },
    })
}

/// A real network before it has founders: every governed number at its default, no account, no key.
fn testnet() -> Value {
    build_struct_json_patch!(RuntimeGenesisConfig {
        babe: BabeConfig { epoch_config: BABE_GENESIS_EPOCH_CONFIG },
        staking: StakingConfig {
            validator_count: MaxAuthorities::get(),
            minimum_validator_count: 1,
            min_validator_bond: MIN_VALIDATOR_BOND,
            min_nominator_bond: MIN_NOMINATOR_BOND,
            max_validator_count: Some(MAX_CANDIDATES),
        },
        sla_registry: SlaRegistryConfig { templates: templates() },
    })
}
