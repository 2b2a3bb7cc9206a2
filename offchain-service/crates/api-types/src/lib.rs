//! # What crosses HTTP
//!
//! The JSON of Smart Layer's services, as types: the binding of the open x402 standard to this chain ([`x402`]), the parameters
//! and answers of the JSON-RPC methods ([`rpc`]), and every error that a method can answer with ([`error`]). Clients and servers
//! share this crate, so there is one definition of each object.
//!
//! Nothing here does I/O, and everything parsed from outside is bounded in size. Amounts are decimal strings in planck, because
//! JSON numbers lose digits; bytes and hashes are hex with `0x`; accounts are SS58.

pub mod error;
pub mod inband;
pub mod json;
pub mod rpc;
pub mod x402;

pub use error::{ApiError, ErrorCode};
pub use json::{Amount, HexBytes, Instance, SignatureJson};
