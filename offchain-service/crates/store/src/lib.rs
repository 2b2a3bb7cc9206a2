//! # Store: what a service keeps on disk
//!
//! Small records live in typed [`Table`]s of one embedded database (redb); scripts, states and shards live as files named by their
//! hash ([`Store::put_blob`]). A directory belongs to one process at a time.
//!
//! **What is durable when.** When [`Store::commit`] returns, its batch is on disk, all of it, and survives the loss of the process
//! and of power; until then, none or all of it may be. When [`Store::put_blob`] returns, so is the file and its name. Whatever was
//! committed is what [`Store::get`] reads from then on.
//!
//! **Group commit.** Making something durable costs a disk one or two flushes, however much it is. One thread takes every batch
//! that waits, writes them in one transaction, and answers all. So the throughput grows with the number of callers while each
//! waits for one or two flushes.
//!
//! A full disk, a vanished one or a corrupt file is an error, never a panic. After a failed commit the database takes no more
//! writes until it is opened again: a service should then stop, and say why.
//!
//! ```
//! use smartlayer_store::{Batch, Store, Table};
//!
//! /// What was accepted, by session.
//! struct Accepted;
//! impl Table for Accepted {
//!     const NAME: &'static str = "accepted";
//!     type Key = u64;
//!     type Value = u128;
//! }
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let store = Store::open(dir.path()).unwrap();
//! let mut batch = Batch::new();
//! batch.put::<Accepted>(&7, &1_000);
//! store.commit(batch).await.unwrap();
//! assert_eq!(store.get::<Accepted>(&7).unwrap(), Some(1_000));
//! # });
//! ```

mod batch;
mod blobs;
mod error;
mod guard;
mod key;
mod store;
mod table;
mod writer;

pub use batch::{Batch, MAX_VALUE_BYTES};
pub use blobs::MAX_BLOB_BYTES;
pub use error::StoreError;
pub use key::TableKey;
pub use store::{Record, Store};
pub use table::Table;
