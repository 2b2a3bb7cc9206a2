//! # The Smart Layer runtime
//!
//! The chain's state transition, put together from polkadot-sdk's pallets and the project's six own ones. There is nothing else
//! on the chain: no contracts, no assets but SLT, no sudo.
//!
//! - this file says which pallets there are, and what blocks and transactions are made of;
//! - [`configs`] says how each pallet is set up, one file a subject;
//! - [`parameters`] holds every number that the DAO governs, with its default and its bounds;
//! - [`genesis_presets`] holds the genesis states that can be asked for by name;
//! - [`weights`] holds what the calls of the own pallets were measured to cost;
//! - [`migrations`] holds what an upgrade does to the state;
//! - `apis` is what nodes and clients can ask the runtime.

#![cfg_attr(not(feature = "std"), no_std)]
// What runs on the chain never panics and never wraps.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
// `#[frame_support::runtime]` recurses over the pallets.
#![recursion_limit = "512"]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

extern crate alloc;

// A check that does not hold has to end try-runtime.
#[cfg_attr(feature = "try-runtime", allow(clippy::expect_used))]
mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod genesis_presets;
pub mod migrations;
pub mod parameters;
#[cfg(test)]
mod tests;
pub mod weights;

use alloc::vec::Vec;

#[cfg(feature = "std")]
pub use sp_runtime::BuildStorage;
use sp_runtime::{generic, impl_opaque_keys, traits::BlakeTwo256, MultiAddress};
use sp_version::RuntimeVersion;

pub use apis::{api, RuntimeApi, RUNTIME_API_VERSIONS};
pub use parameters::RuntimeParameters;
pub use smartlayer_primitives::{AccountId, Balance, BlockNumber, Hash, Signature, SLT};

/// How many transactions an account has sent.
pub type Nonce = u32;
/// How transactions name accounts.
pub type Address = MultiAddress<AccountId, ()>;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;

/// Blocks as the node sees them: transactions are bytes, which is also how JSON-RPC shows them (as hex). Only the runtime, which
/// can be upgraded under the node, knows what is in them.
pub mod opaque {
    use super::*;

    /// A block with opaque transactions.
    pub type Block = generic::Block<Header, sp_runtime::OpaqueExtrinsic>;
}
/// A transaction as it travels.
pub type UncheckedExtrinsic = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What is signed of a transaction.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// Takes blocks and transactions to the pallets.
pub type Executive =
    frame_executive::Executive<Runtime, Block, frame_system::ChainContext<Runtime>, Runtime, AllPalletsWithSystem>;

/// What a transaction carries beside its call, and what is checked before the call runs.
///
/// [`frame_system::AuthorizeCall`] comes first, so that a call that authorises itself has its origin before the others look.
pub type TxExtension = (
    frame_system::AuthorizeCall<Runtime>,
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckEra<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
    frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    frame_system::WeightReclaim<Runtime>,
);

/// A block is due every 3 s. Changing it on a running chain breaks BABE.
pub const SLOT_MILLISECONDS: u64 = 3_000;
/// Blocks in a minute.
pub const MINUTES: BlockNumber = 60_000 / SLOT_MILLISECONDS as BlockNumber;
/// Blocks in an hour.
pub const HOURS: BlockNumber = MINUTES * 60;
/// Blocks in a day.
pub const DAYS: BlockNumber = HOURS * 24;

impl_opaque_keys! {
    /// The keys a validator works with.
    pub struct SessionKeys {
        /// Authors blocks.
        pub babe: Babe,
        /// Finalizes them.
        pub grandpa: Grandpa,
    }
}

/// Writes down the version: the macro of sp-version reads literals only.
macro_rules! version {
    ($spec_version:tt) => {
        /// What this runtime is. `spec_version` rises with every change of behaviour, `transaction_version` with every change of how
        /// an existing call or [`TxExtension`] is encoded.
        #[sp_version::runtime_version]
        pub const VERSION: RuntimeVersion = RuntimeVersion {
            spec_name: alloc::borrow::Cow::Borrowed("smartlayer"),
            impl_name: alloc::borrow::Cow::Borrowed("smartlayer-node"),
            authoring_version: 1,
            spec_version: $spec_version,
            impl_version: 1,
            apis: RUNTIME_API_VERSIONS,
            transaction_version: 2,
            system_version: 1,
        };
    };
}

#[cfg(not(feature = "next-version"))]
version!(2);
#[cfg(feature = "next-version")]
version!(3);

// The indices are part of every encoded call and event: never reuse one. Genesis is built and hooks run in their order:
// parameters first, because the others read them, stake before the sessions that it fills, identities and anchors before the
// elections that make use of them.
#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Parameters = pallet_parameters;
    #[runtime::pallet_index(2)]
    pub type ParametersGenesis = parameters::genesis;
    #[runtime::pallet_index(3)]
    pub type Utility = pallet_utility;
    #[runtime::pallet_index(4)]
    pub type Babe = pallet_babe;
    #[runtime::pallet_index(5)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(6)]
    pub type Authorship = pallet_authorship;
    #[runtime::pallet_index(7)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(8)]
    pub type TransactionPayment = pallet_transaction_payment;
    #[runtime::pallet_index(9)]
    pub type VoterList = pallet_bags_list;
    #[runtime::pallet_index(10)]
    pub type Staking = pallet_staking;
    #[runtime::pallet_index(11)]
    pub type Offences = pallet_offences;
    #[runtime::pallet_index(12)]
    pub type Historical = pallet_session::historical;
    #[runtime::pallet_index(13)]
    pub type Session = pallet_session;
    #[runtime::pallet_index(14)]
    pub type Grandpa = pallet_grandpa;

    #[runtime::pallet_index(15)]
    pub type Treasury = pallet_treasury;
    #[runtime::pallet_index(16)]
    pub type Preimage = pallet_preimage;
    #[runtime::pallet_index(17)]
    pub type Scheduler = pallet_scheduler;
    #[runtime::pallet_index(18)]
    pub type Identity = pallet_identity;
    #[runtime::pallet_index(19)]
    pub type Identities = configs::organisations::identities;

    #[runtime::pallet_index(20)]
    pub type Anchors = pallet_anchors;
    #[runtime::pallet_index(21)]
    pub type Elections = pallet_elections_phragmen;
    #[runtime::pallet_index(22)]
    pub type ServiceStaking = pallet_service_staking;
    #[runtime::pallet_index(23)]
    pub type SlaRegistry = pallet_sla_registry;
    #[runtime::pallet_index(24)]
    pub type PromiseSettlement = pallet_promise_settlement;
    #[runtime::pallet_index(25)]
    pub type CommitmentSnapshots = pallet_commitment_snapshots;
    #[runtime::pallet_index(26)]
    pub type SmartTokens = pallet_smart_tokens;

    #[runtime::pallet_index(30)]
    pub type Origins = configs::governance::origins;
    #[runtime::pallet_index(31)]
    pub type ConvictionVoting = pallet_conviction_voting;
    #[runtime::pallet_index(32)]
    pub type Referenda = pallet_referenda;
    #[runtime::pallet_index(33)]
    pub type Whitelist = pallet_whitelist;
    #[runtime::pallet_index(34)]
    pub type AnchorCouncil = pallet_collective;
    #[runtime::pallet_index(35)]
    pub type Multisig = pallet_multisig;
    #[runtime::pallet_index(36)]
    pub type Proxy = pallet_proxy;
}
