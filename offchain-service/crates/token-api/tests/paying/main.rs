//! Paying a service node: what is charged, and over which connections it is asked. One program, because linking is what takes time.

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod secure;
mod undelivered;
mod websocket;
