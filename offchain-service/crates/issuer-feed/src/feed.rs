//! The updates of one instance, put in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use codec::Encode;
use smartlayer_primitives::InstanceId;

use crate::update::{Malformed, SignedUpdate, StateUpdate};

/// How much one feed keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Updates since the last reset, which counts as one itself. Default: 1,000.
    pub kept: usize,
    /// Their encoded size in bytes. Default: 1 MiB, as much as a placed state may have.
    pub kept_bytes: usize,
    /// Updates that wait for others. Default: 64.
    pub waiting: usize,
    /// Their encoded size in bytes. Default: 1 MiB.
    pub waiting_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { kept: 1000, kept_bytes: 1 << 20, waiting: 64, waiting_bytes: 1 << 20 }
    }
}

/// What came of offering an update, and what storage has to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// What came of it. The update itself is to be kept if it was applied or waits.
    pub outcome: Outcome,
    /// The numbers of other updates that are not needed any more.
    pub dropped: Vec<u64>,
}

/// What came of offering an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied, and then those that had waited for it; in order.
    Applied(Vec<Applied>),
    /// It waits for these numbers; its own may be followed by more gaps.
    Waiting {
        /// The first numbers missing.
        missing: RangeInclusive<u64>,
    },
    /// It was applied, or overtaken by a reset, or waits already.
    Known,
    /// It is not taken.
    Refused(Refusal),
}

/// An update that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub sequence: u64,
    /// Whether it replaced everything.
    pub reset: bool,
    /// The names whose values it changed, as far as the feed knows: of a reset all that the feed had or has. Values of the placed state
    /// that a reset removes are not among them.
    pub changed: BTreeSet<String>,
}

/// Why an update is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is of another instance.
    #[error("it is of another instance")]
    OtherInstance,
    /// It is not within its bounds.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// As many updates as a feed keeps came since the last reset.
    #[error("the feed is full: the next update has to be a reset that states all values")]
    NeedsReset,
    /// It is too far ahead of what was applied to wait for the rest.
    #[error("it is too far ahead: too many that come before it are missing")]
    TooFarAhead,
    /// The issuer signed two different updates with one number; the first is kept. Together they prove it.
    #[error("number {} was given to another update before", .0.update.sequence)]
    Conflict(Box<SignedUpdate>),
}

/// The updates of one instance, as far as they are known.
///
/// The same updates, offered in any order and number, lead to the same feed, as long as the issuer gives each number once and what is
/// refused for being too far ahead is offered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    instance: InstanceId,
    limits: Limits,
    /// Applied since the last reset, that included: numbers without gaps.
    kept: Kept,
    /// Neither applied nor next; none of them a reset.
    waiting: Kept,
    /// The number applied last.
    applied: u64,
    /// Whether there was a reset: the placed state counts no longer.
    is_reset: bool,
    /// What the kept updates say together.
    values: BTreeMap<String, Option<String>>,
}

/// Updates by number, and their size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    updates: BTreeMap<u64, SignedUpdate>,
    bytes: usize,
}

impl Kept {
    fn insert(&mut self, update: SignedUpdate, size: usize) {
        self.bytes = self.bytes.saturating_add(size);
        self.updates.insert(update.update.sequence, update);
    }

    fn remove(&mut self, sequence: u64) -> Option<SignedUpdate> {
        let removed = self.updates.remove(&sequence)?;
        self.bytes = self.bytes.saturating_sub(removed.encoded_size());
        Some(removed)
    }

    fn fits(&self, size: usize, count: usize, bytes: usize) -> bool {
        self.updates.len() < count && self.bytes.saturating_add(size) <= bytes
    }
}

impl Feed {
    /// A feed of which nothing is known yet.
    pub fn new(instance: InstanceId) -> Self {
        Self::with_limits(instance, Limits::default())
    }

    /// A feed that keeps this much.
    pub fn with_limits(instance: InstanceId, limits: Limits) -> Self {
        let (kept, waiting) = Default::default();
        Self { instance, limits, kept, waiting, applied: 0, is_reset: false, values: BTreeMap::new() }
    }

    /// The feed of updates that were kept, as [`Feed::offer`] said; ascending by number.
    pub fn restore(instance: InstanceId, kept: impl IntoIterator<Item = SignedUpdate>) -> Self {
        let mut feed = Self::new(instance);
        for update in kept {
            feed.offer(update);
        }
        feed
    }

    /// Takes in an update whose signature was checked.
    pub fn offer(&mut self, update: SignedUpdate) -> Offered {
        let mut dropped = Vec::new();
        let outcome = self.take(update, &mut dropped).unwrap_or_else(Outcome::Refused);
        Offered { outcome, dropped }
    }

    fn take(&mut self, signed: SignedUpdate, dropped: &mut Vec<u64>) -> Result<Outcome, Refusal> {
        let update = &signed.update;
        if update.instance != self.instance {
            return Err(Refusal::OtherInstance);
        }
        update.check()?;
        let sequence = update.sequence;
        if self.knows(update) {
            return Ok(Outcome::Known);
        }
        let first = self.kept.updates.get(&sequence).or_else(|| self.waiting.updates.get(&sequence));
        // What waits was not accepted yet: a reset, which needs none before it, goes first.
        if let Some(first) = first.filter(|_| sequence <= self.applied || !update.reset) {
            return Err(Refusal::Conflict(Box::new(first.clone())));
        }
        let size = signed.encoded_size();
        if update.reset {
            let overtaken: Vec<_> = self.waiting.updates.range(..=sequence).map(|(n, _)| *n).collect();
            dropped.extend(self.kept.updates.keys());
            // Storage has the reset itself under its number now.
            dropped.extend(overtaken.iter().filter(|n| **n != sequence));
            overtaken.into_iter().for_each(|n| drop(self.waiting.remove(n)));
            self.kept = Kept::default();
            return Ok(Outcome::Applied(self.apply_and_drain(signed, size, dropped)));
        }
        if sequence == self.next() {
            if !self.has_room(size) {
                return Err(Refusal::NeedsReset);
            }
            return Ok(Outcome::Applied(self.apply_and_drain(signed, size, dropped)));
        }
        // Those that are nearest to being applied wait; others come again.
        while !self.waiting.fits(size, self.limits.waiting, self.limits.waiting_bytes) {
            match self.waiting.updates.last_key_value().map(|(last, _)| *last) {
                Some(last) if last > sequence => {
                    self.waiting.remove(last);
                    dropped.push(last);
                }
                _ => return Err(Refusal::TooFarAhead),
            }
        }
        self.waiting.insert(signed, size);
        let until = self.waiting.updates.keys().next().map_or(sequence, |first| first.saturating_sub(1));
        Ok(Outcome::Waiting { missing: self.next()..=until })
    }

    fn has_room(&self, size: usize) -> bool {
        self.kept.fits(size, self.limits.kept, self.limits.kept_bytes)
    }

    /// Applies an update that is next, or a reset, and then what waited for it.
    fn apply_and_drain(&mut self, signed: SignedUpdate, size: usize, dropped: &mut Vec<u64>) -> Vec<Applied> {
        let mut applied = vec![self.apply(signed, size)];
        while let Some(next) = self.waiting.remove(self.next()) {
            let size = next.encoded_size();
            if !self.has_room(size) {
                // Its number is the reset's that has to come now.
                dropped.push(next.update.sequence);
                break;
            }
            applied.push(self.apply(next, size));
        }
        applied
    }

    fn apply(&mut self, signed: SignedUpdate, size: usize) -> Applied {
        let update = &signed.update;
        let (sequence, reset) = (update.sequence, update.reset);
        let mut changed = BTreeSet::new();
        if reset {
            changed.extend(std::mem::take(&mut self.values).into_keys());
            self.is_reset = true;
        }
        for (name, value) in &update.values {
            let before = self.values.get(name);
            let known = before.or_else(|| self.is_reset.then_some(&None));
            if known != Some(value) {
                changed.insert(name.clone());
            }
            match value {
                // With no placed state below there is nothing to hide.
                None if self.is_reset => drop(self.values.remove(name)),
                _ => drop(self.values.insert(name.clone(), value.clone())),
            }
        }
        self.applied = sequence;
        self.kept.insert(signed, size);
        Applied { sequence, reset, changed }
    }

    /// The instance's values: those of the placed state, and what the issuer said since.
    pub fn values(&self, placed: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut values = if self.is_reset { BTreeMap::new() } else { placed.clone() };
        for (name, value) in &self.values {
            match value {
                Some(value) => drop(values.insert(name.clone(), value.clone())),
                None => drop(values.remove(name)),
            }
        }
        values
    }

    /// Whether offering the update would change nothing: it was applied, overtaken, or waits. Cheap, for before its signature is checked.
    pub fn knows(&self, update: &StateUpdate) -> bool {
        let kept = self.kept.updates.get(&update.sequence).or_else(|| self.waiting.updates.get(&update.sequence));
        kept.map_or(update.sequence <= self.applied, |kept| kept.update == *update)
    }

    /// The number of the update applied last; 0 before the first.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The number that the issuer's next update has.
    pub fn next(&self) -> u64 {
        self.applied.saturating_add(1)
    }

    /// How many updates are kept since the last reset, that included.
    pub fn kept(&self) -> usize {
        self.kept.updates.len()
    }

    /// How many updates wait for others.
    pub fn waiting(&self) -> usize {
        self.waiting.updates.len()
    }

    /// The size of all that is kept and waits, encoded, in bytes.
    pub fn bytes(&self) -> usize {
        self.kept.bytes.saturating_add(self.waiting.bytes)
    }

    /// The first numbers that are missing before an update that waits.
    pub fn gap(&self) -> Option<RangeInclusive<u64>> {
        let first = self.waiting.updates.keys().next()?;
        Some(self.next()..=first.saturating_sub(1))
    }

    /// The applied updates from this number on, ascending. If the last reset is later they begin with it, which is all that whoever asks
    /// needs.
    pub fn since(&self, from: u64) -> impl Iterator<Item = &SignedUpdate> {
        self.kept.updates.range(from..).map(|(_, update)| update)
    }
}
