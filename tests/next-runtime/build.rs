//! Compiles the runtime to WebAssembly under the next version. Without the metadata's hash, which would take a second compilation and
//! which no test of an upgrade looks at.

fn main() {
    #[cfg(feature = "std")]
    substrate_wasm_builder::WasmBuilder::init_with_defaults().enable_feature("next-version").build();
}
