//! Paying a service node: what is charged, and over what it is asked. One program, because linking is what takes time.

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod undelivered;
mod websocket;
