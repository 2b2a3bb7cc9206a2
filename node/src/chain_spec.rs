//! The chains that are built in, each from a genesis preset of the runtime. chain-spec/README.md says how to make others.

use sc_chain_spec::{ChainType, GenericChainSpec, Properties};
use smartlayer_runtime::{
    configs::system::SS58Prefix,
    genesis_presets::{LOCAL_FOUR_RUNTIME_PRESET, TESTNET_RUNTIME_PRESET},
    WASM_BINARY,
};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};

/// A chain's specification.
pub type ChainSpec = GenericChainSpec;

/// The chain with this name, or the one in this file.
pub fn load(id: &str) -> Result<ChainSpec, String> {
    match id {
        "dev" => built_in("Smart Layer development", "smartlayer_dev", ChainType::Development, DEV_RUNTIME_PRESET),
        "" | "local" => {
            built_in("Smart Layer local", "smartlayer_local", ChainType::Local, LOCAL_TESTNET_RUNTIME_PRESET)
        }
        "local-four" => {
            built_in("Smart Layer local, four validators", "smartlayer_local_four", ChainType::Local, LOCAL_FOUR_RUNTIME_PRESET)
        }
        "testnet" => built_in("Smart Layer testnet", "smartlayer_testnet", ChainType::Live, TESTNET_RUNTIME_PRESET),
        path => ChainSpec::from_json_file(path.into()).map_err(|error| {
            format!("no chain is named {path:?} (dev, local, local-four and testnet are), and it is no readable chain spec file: {error}")
        }),
    }
}

fn built_in(name: &str, id: &str, chain_type: ChainType, preset: &str) -> Result<ChainSpec, String> {
    let code = WASM_BINARY.ok_or("this binary was built without the runtime: build it without SKIP_WASM_BUILD")?;
    Ok(ChainSpec::builder(code, None)
        .with_name(name)
        .with_id(id)
        .with_protocol_id(id)
        .with_chain_type(chain_type)
        .with_properties(properties())
        .with_genesis_config_preset_name(preset)
        .build())
}

/// How wallets show amounts and addresses.
fn properties() -> Properties {
    let mut properties = Properties::new();
    properties.insert("tokenSymbol".into(), "SLT".into());
    properties.insert("tokenDecimals".into(), 12.into());
    properties.insert("ss58Format".into(), SS58Prefix::get().into());
    properties
}
