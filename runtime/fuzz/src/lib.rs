//! The fuzzer.
