//! # The runtime's fuzzer
//!
//! Drives the project's six pallets together, on the real runtime, with random calls by random actors over many blocks, and checks every
//! invariant of the design after each: what each pallet's `try_state` says, and what only books over all of them can show (see
//! [`books`]): that nobody gains or loses a planck but what the events say, that the total issuance changes by exactly what was minted and
//! burned, that what is held is what the pallets believe, that no slash exceeds the stake at the offence or what was agreed, that no
//! honest notary pays, that nothing is settled that nobody promised, and that no breach is dodged.
//!
//! A **sequence** is a list of numbers. Each is a step, and decides by itself what happens in it (see [`choice`]), as far as the
//! state allows; about half of the calls are right in their context, the others wrong on purpose and then have to fail. A sequence
//! that fails is made smaller by leaving out steps, and printed; `tests/regressions` keeps those that found something.
//!
//! - [`world`]: the chain, and what the actors remember of what they signed;
//! - [`actions`]: what can happen, one file a subject;
//! - [`books`]: what must hold;
//! - [`sequence`]: running, shrinking, counting.
//!
//! `smartlayer-fuzz-runtime --seconds N --seed S` runs as long as one likes.

pub mod actions;
pub mod books;
pub mod cast;
pub mod choice;
pub mod sequence;
pub mod world;
