//! What the `script` commands find out, apart from how it is printed: offline, bounded, nothing fetched and nothing run.

pub mod check;
pub mod filter;
mod input;
mod namespace;
mod remedy;
mod signature;
