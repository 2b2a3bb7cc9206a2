//! The runtime under the next version: `WASM_BINARY`, or nothing where SKIP_WASM_BUILD was set.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

// What the Wasm exports.
#[cfg(not(feature = "std"))]
pub use smartlayer_runtime::*;
