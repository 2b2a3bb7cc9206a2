//! Gives changed inputs to `token-script` and checks what must hold of every answer.
//!
//! There is a target each for whole scripts ([`Target::Xml`]), for filters ([`Target::Filters`]), for what contracts and
//! callers send ([`Target::Abi`]), and for tokens that are attestations ([`Target::Attestations`]). An input is made by changing one of a few small ones, as a seed decides: the same seed makes
//! the same input and the same verdict. Beside never panicking, answers must keep to the bounds, agree with each other, and end.

mod abi;
mod attestations;
mod change;
mod choice;
mod corpus;
mod filters;
mod xml;

use std::{fmt, panic::catch_unwind};

pub use choice::Choice;

/// What is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Whole scripts: parsed, described, evaluated, shown.
    Xml,
    /// Filters: read, written, evaluated, explained.
    Filters,
    /// What contracts return and log, and what callers enter.
    Abi,
    /// Attestations as callers show them, their schemas, and what their contracts return.
    Attestations,
}

impl Target {
    /// Every target.
    pub const ALL: [Target; 4] = [Target::Xml, Target::Filters, Target::Abi, Target::Attestations];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Target::Xml => "xml",
            Target::Filters => "filters",
            Target::Abi => "abi",
            Target::Attestations => "attestations",
        }
    }

    /// The input that the seed makes.
    pub fn input(self, seed: u64) -> Vec<u8> {
        let mut choice = Choice::of(seed);
        match self {
            Target::Xml => xml::input(&mut choice),
            Target::Filters => filters::input(&mut choice),
            Target::Abi => abi::input(&mut choice),
            Target::Attestations => attestations::input(&mut choice),
        }
    }

    /// Whether the input was taken and came through, or refused with a typed reason.
    ///
    /// # Errors
    ///
    /// What did not hold of the answers, also if that was a panic.
    pub fn run(self, input: &[u8]) -> Result<Outcome, String> {
        let run = match self {
            Target::Xml => xml::run,
            Target::Filters => filters::run,
            Target::Abi => abi::run,
            Target::Attestations => attestations::run,
        };
        catch_unwind(|| run(input)).unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<String>().cloned();
            let message = message.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(format!("a panic: {}", message.unwrap_or_default()))
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken, and what followed held.
    Taken,
    /// It was refused with a typed reason.
    Refused,
}

/// How many inputs there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were taken.
    pub taken: u64,
    /// Those that were refused with a typed reason.
    pub refused: u64,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Taken => self.taken += 1,
            Outcome::Refused => self.refused += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} inputs: {} taken, {} refused", self.taken + self.refused, self.taken, self.refused)
    }
}

/// Makes an input smaller as long as it still fails: by cutting out ever shorter pieces.
pub fn shrink(target: Target, input: &[u8]) -> Vec<u8> {
    let mut smallest = input.to_vec();
    let mut length = smallest.len() / 2;
    while length > 0 {
        let mut at = 0;
        while at + length <= smallest.len() {
            let mut shorter = smallest.clone();
            shorter.drain(at..at + length);
            match target.run(&shorter) {
                Err(_) => smallest = shorter,
                Ok(_) => at += length,
            }
        }
        length /= 2;
    }
    smallest
}

/// Fails with what did not hold.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(what()),
    }
}
