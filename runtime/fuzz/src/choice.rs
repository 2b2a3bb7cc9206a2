//! The decisions of one step.

use smartlayer_primitives::{Balance, Hash};

/// Draws all decisions of a step from the step's seed (splitmix64), so that a step decides the same whatever was before it, as far as
/// there is the same to choose from. That is what makes sequences shrink well.
#[derive(Clone, Debug)]
pub struct Choice(u64);

impl Choice {
    /// The decisions of the step with this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which counts as at least one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// A number from `least` to `most`, or `least` if that is more.
    pub fn between(&mut self, least: Balance, most: Balance) -> Balance {
        let wide = u128::from(self.number()) << 64 | u128::from(self.number());
        least.saturating_add(wide % most.saturating_sub(least).saturating_add(1).max(1))
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// In half of the cases 0, which stands for doing it right; otherwise one of so many ways of doing it wrong, counted from 1.
    pub fn twist(&mut self, ways: u64) -> u64 {
        if self.once_in(2) {
            0
        } else {
            1 + self.below(ways)
        }
    }

    /// One of these, if there are any.
    pub fn pick<Item: Clone>(&mut self, of: &[Item]) -> Option<Item> {
        of.get(self.below(of.len() as u64) as usize).cloned()
    }

    /// Some of these, each with the same chance of being among them.
    pub fn some_of<Item: Clone>(&mut self, of: &[Item]) -> Vec<Item> {
        of.iter().filter(|_| self.once_in(2)).cloned().collect()
    }

    /// Any hash.
    pub fn hash(&mut self) -> Hash {
        Hash::from_low_u64_be(self.number())
    }
}
