//! # How services talk to each other
//!
//! libp2p between service nodes and anchors.

pub mod messages;
