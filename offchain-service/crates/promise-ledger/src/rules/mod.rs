//! One rule, one file.

pub mod chain_view;
pub mod closing;
pub mod cumulative;
pub mod expiry;
pub mod node;
pub mod request;
pub mod session;
pub mod signature;
pub mod ticks;
pub mod token;
