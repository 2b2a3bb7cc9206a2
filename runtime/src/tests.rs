//! What only the whole runtime can show.

use frame_support::traits::Get;
use sp_runtime::BuildStorage;

use crate::*;

/// The state that the named preset builds.
fn genesis(preset: &str) -> sp_io::TestExternalities {
    genesis_with(preset, Default::default())
}

/// The same with these governed numbers.
fn genesis_with(preset: &str, numbers: serde_json::Value) -> sp_io::TestExternalities {
    let patch = genesis_presets::get_preset(&preset.into()).expect("the preset exists");
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("the default is JSON");
    merge(&mut config, serde_json::from_slice(&patch).expect("the preset is JSON"));
    if !numbers.is_null() {
        merge(&mut config, serde_json::json!({ "parametersGenesis": numbers }));
    }
    let config: RuntimeGenesisConfig =
        serde_json::from_value(config).expect("the preset fits the genesis configuration");
    config.build_storage().expect("the preset builds").into()
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

/// The account of `//name`.
fn account(name: &str) -> AccountId {
    sp_core::crypto::get_public_from_string_or_panic::<sp_core::sr25519::Public>(name).into()
}

fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

/// Begins the next block, in the next slot, by a validator whose turn it could be.
fn begin_block() {
    use codec::Encode;
    use sp_consensus_babe::digests::{PreDigest, SecondaryPlainPreDigest};
    use sp_runtime::{Digest, DigestItem};

    let number = System::block_number() + 1;
    let slot = Babe::current_slot().max(1_000.into()) + 1;
    let disabled = Session::disabled_validators();
    let authors: Vec<u32> = (0..Babe::authorities().len() as u32).filter(|author| !disabled.contains(author)).collect();
    let authority_index = authors[*slot as usize % authors.len()];
    let pre_digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest { authority_index, slot });
    let logs = vec![DigestItem::PreRuntime(sp_consensus_babe::BABE_ENGINE_ID, pre_digest.encode())];
    let parent = Hash::from_low_u64_be(u64::from(number));
    let header = Header {
        number,
        parent_hash: parent,
        state_root: Default::default(),
        extrinsics_root: Default::default(),
        digest: Digest { logs },
    };

    Executive::initialize_block(&header);
    let now = *slot * SLOT_MILLISECONDS;
    let time = UncheckedExtrinsic::new_bare(pallet_timestamp::Call::set { now }.into());
    assert_eq!(Executive::apply_extrinsic(time), Ok(Ok(())));
}

/// Makes the next block with these transactions; gives their results.
fn next_block_with(transactions: Vec<UncheckedExtrinsic>) -> Vec<sp_runtime::ApplyExtrinsicResult> {
    begin_block();
    let results = transactions.into_iter().map(Executive::apply_extrinsic).collect();
    Executive::finalize_block();
    results
}

fn next_block() {
    next_block_with(Vec::new());
}

fn next_blocks(count: u32) {
    (0..count).for_each(|_| next_block());
}

mod bounds;
mod elections;
mod governance;
mod metadata;
mod migrations;
mod organisations;
mod presets;
mod reference;
mod referenda;
mod transactions;
mod validators;
