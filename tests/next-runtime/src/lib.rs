//! The runtime under the next version: `WASM_BINARY`, or nothing where SKIP_WASM_BUILD was set.

include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
