//! The fuzzer.
fn main() {}
