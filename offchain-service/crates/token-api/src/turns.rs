//! One after the other, by key.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use tokio::sync::Mutex as AsyncMutex;

/// Whose turn it is, for each key that somebody waits for.
pub(crate) struct Turns<K>(Mutex<HashMap<K, Arc<AsyncMutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<K: Hash + Eq> Turns<K> {
    /// The turn of this key, to be locked.
    pub fn of(&self, key: K) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Turns that nobody waits for are forgotten before the map grows.
        if turns.len() >= 1024 {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        turns.entry(key).or_default().clone()
    }
}
