//! Compiles the runtime once more, under the next version. Without the metadata's hash, which would take a second compilation and which
//! no test of an upgrade looks at.

fn main() {
    substrate_wasm_builder::WasmBuilder::new()
        .with_project("../../runtime/Cargo.toml")
        .expect("the runtime lies beside the tests")
        .enable_feature("next-version")
        .import_memory()
        .export_heap_base()
        .build();
}
