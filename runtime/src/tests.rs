//! What only the whole runtime can show.

use frame_support::traits::Get;
use sp_runtime::BuildStorage;

use crate::*;

/// The state that the named preset builds.
fn genesis(preset: &str) -> sp_io::TestExternalities {
    let patch = genesis_presets::get_preset(&preset.into()).expect("the preset exists");
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("the default is JSON");
    merge(&mut config, serde_json::from_slice(&patch).expect("the preset is JSON"));
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

mod governance;
mod metadata;
mod presets;
mod reference;
