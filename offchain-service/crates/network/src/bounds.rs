//! How much one peer may ask: a token bucket for the rate, a counter for what is in work.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// How many seconds of its rate a peer may use at once.
const BURST_SECONDS: f64 = 10.0;

/// Why something was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Too fast.
    Rate,
    /// Too much of this peer's in work.
    InWork,
    /// Too much in work altogether.
    Total,
}

struct Peer {
    in_work: u32,
    tokens: f64,
    at: Instant,
}

/// The bounds over all peers. Every admitted thing is to be released.
pub(crate) struct Bounds<K> {
    per_second: f64,
    per_peer: u32,
    total: u32,
    in_work: u32,
    peers: HashMap<K, Peer>,
}

impl<K: Hash + Eq> Bounds<K> {
    pub(crate) fn new(per_second: u32, per_peer: u32, total: u32) -> Self {
        Self { per_second: f64::from(per_second), per_peer, total, in_work: 0, peers: HashMap::new() }
    }

    /// Takes one thing of `peer` into work, or says what is exceeded.
    pub(crate) fn admit(&mut self, peer: K, now: Instant) -> Result<(), Excess> {
        let full = self.per_second * BURST_SECONDS;
        let entry = self.peers.entry(peer).or_insert(Peer { in_work: 0, tokens: full, at: now });
        let passed = now.saturating_duration_since(entry.at).as_secs_f64();
        entry.tokens = (entry.tokens + passed * self.per_second).min(full);
        entry.at = now;
        if entry.tokens < 1.0 {
            return Err(Excess::Rate);
        }
        entry.tokens -= 1.0;
        if entry.in_work >= self.per_peer {
            return Err(Excess::InWork);
        }
        if self.in_work >= self.total {
            return Err(Excess::Total);
        }
        entry.in_work += 1;
        self.in_work += 1;
        Ok(())
    }

    /// One admitted thing of `peer` is done.
    pub(crate) fn release(&mut self, peer: &K) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.in_work = entry.in_work.saturating_sub(1);
            self.in_work = self.in_work.saturating_sub(1);
        }
    }

    /// Forgets peers of whom nothing is in work and whose bucket is full again.
    pub(crate) fn prune(&mut self, now: Instant) {
        let refilled = Duration::from_secs_f64(BURST_SECONDS);
        self.peers.retain(|_, peer| peer.in_work > 0 || now.saturating_duration_since(peer.at) < refilled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_holds_and_is_released() {
        let mut bounds = Bounds::new(10, 2, 3);
        let now = Instant::now();
        assert_eq!(bounds.admit(1, now), Ok(()));
        assert_eq!(bounds.admit(1, now), Ok(()));
        assert_eq!(bounds.admit(1, now), Err(Excess::InWork));
        assert_eq!(bounds.admit(2, now), Ok(()));
        assert_eq!(bounds.admit(2, now), Err(Excess::Total));
        bounds.release(&1);
        assert_eq!(bounds.admit(2, now), Ok(()));
    }

    #[test]
    fn the_rate_holds_and_refills() {
        let mut bounds = Bounds::new(1, 100, 100);
        let now = Instant::now();
        for _ in 0..10 {
            assert_eq!(bounds.admit(1, now), Ok(()));
            bounds.release(&1);
        }
        assert_eq!(bounds.admit(1, now), Err(Excess::Rate));
        assert_eq!(bounds.admit(1, now + Duration::from_millis(1500)), Ok(()));
        bounds.release(&1);
        bounds.prune(now + Duration::from_secs(60));
        assert!(bounds.peers.is_empty());
    }
}
