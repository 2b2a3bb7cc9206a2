use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use smartlayer_primitives::Hash;

/// What can go wrong. Cloneable, because one failed flush is the answer to everybody who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process uses the directory.
    #[error("{} is in use by another process; stop that one, or choose another directory", .0.display())]
    InUse(PathBuf),
    /// The directory was written by another version.
    #[error("{} has format {found}, and this version reads format {expected}; use the version that wrote it", dir.display())]
    Format {
        /// The store's directory.
        dir: PathBuf,
        /// What it says it is.
        found: u32,
        /// What this version reads.
        expected: u32,
    },
    /// The operating system refused; a full disk shows here.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The database failed; a full disk shows here as well.
    #[error("the database failed: {0}")]
    Database(Arc<redb::Error>),
    /// What was read is not what was written.
    #[error("{0} is corrupt; restore it from a copy, or remove it and let the service fetch anew what it can")]
    Corrupt(String),
    /// The bytes don't have the hash under which they should be kept.
    #[error("these bytes have the hash {found:?}, not {expected:?}")]
    Hash {
        /// The hash that was named.
        expected: Hash,
        /// The bytes' own.
        found: Hash,
    },
    /// Larger than the store takes.
    #[error("{what} has {size} bytes, and the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Arc::new(error.into()))
    }
}
