//! What grants promise, tested from outside: refusals, both forms of signing, the wallet's digest, and runs of many calls.

mod common;
mod forms;
mod refusals;
mod runs;
mod transfers;
