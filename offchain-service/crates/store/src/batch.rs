use codec::Encode;

use crate::{Table, TableKey};

/// The largest encoded value in a table, in bytes. What is larger is a blob.
pub const MAX_VALUE_BYTES: usize = 4 << 20;

/// Changes that become durable together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) changes: Vec<Change>,
}

/// One change: a new value, or none.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub table: &'static str,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Batch {
    /// No changes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key. Later changes of a key win over earlier ones.
    pub fn put<T: Table>(&mut self, key: &T::Key, value: &T::Value) -> &mut Self {
        self.changes.push(Change { table: T::NAME, key: key.to_bytes(), value: Some(value.encode()) });
        self
    }

    /// Removes a key, whether it is there or not.
    pub fn delete<T: Table>(&mut self, key: &T::Key) -> &mut Self {
        self.changes.push(Change { table: T::NAME, key: key.to_bytes(), value: None });
        self
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn size(&self) -> usize {
        self.changes.iter().map(|change| change.key.len() + change.value.as_ref().map_or(0, Vec::len)).sum()
    }
}
