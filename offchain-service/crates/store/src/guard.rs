//! Keeps the database's panics in.
//!
//! redb checks its pages' checksums when it repairs a file after a crash, and otherwise trusts them: on a file whose bytes have rotted some
//! of its assertions fail. For a service that is an error like any other, so panics are caught here, at the one place where
//! redb is entered.

use std::panic::{catch_unwind, AssertUnwindSafe};

use redb::Database;

use crate::StoreError;

/// A database that answers with an error where redb panics.
pub(crate) struct Guarded(Option<Database>);

impl Guarded {
    pub fn new(database: Database) -> Self {
        Self(Some(database))
    }

    /// Does `work` with the database.
    pub fn run<R>(&self, work: impl FnOnce(&Database) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let database = self.0.as_ref().ok_or(StoreError::Closed)?;
        catching(|| work(database))
    }
}

impl Drop for Guarded {
    /// Closing writes as well.
    fn drop(&mut self) {
        let database = self.0.take();
        let closed = catching(|| {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::error!(%error, "the store could not be closed in order; it will repair itself when it is opened");
        }
    }
}

/// Turns a panic into an error. What `work` leaves behind half done is redb's, which marks its locks as poisoned and refuses from
/// then on.
pub(crate) fn catching<R>(work: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Corrupt("the database of records (records.redb)".into())))
}
