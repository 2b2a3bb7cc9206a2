//! Compiles the runtime to WebAssembly, with the metadata's hash in it so that hardware wallets can check what they sign.

fn main() {
    #[cfg(feature = "std")]
    substrate_wasm_builder::WasmBuilder::init_with_defaults().enable_metadata_hash("SLT", 12).build();
}
