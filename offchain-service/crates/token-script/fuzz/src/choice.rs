//! The decisions that make an input.

use fastrand::Rng;

/// Draws all decisions from a seed, so that the same seed makes the same input.
#[derive(Clone, Debug)]
pub struct Choice(Rng);

impl Choice {
    /// The decisions of this seed.
    pub fn of(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `end`, which counts as at least one.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end.max(1))
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these. There must be one.
    pub fn pick<'a, Item>(&mut self, of: &'a [Item]) -> &'a Item {
        &of[self.below(of.len())]
    }
}
