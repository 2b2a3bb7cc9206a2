use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::{Bound, RangeBounds},
    path::{Path, PathBuf},
    sync::Arc,
};

use codec::DecodeAll;
use fs4::{FileExt, TryLockError};
use redb::{
    DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError,
    TableDefinition, TableError,
};
use smartlayer_primitives::Hash;

use crate::{
    batch::MAX_VALUE_BYTES,
    blobs,
    guard::{catching, Guarded},
    writer::Writer,
    Batch, StoreError, Table, TableKey,
};

/// How the directory is laid out and encoded. Written at creation, checked at opening.
const FORMAT: u32 = 1;
/// What redb may keep in memory. Records are small and few; blobs are not read through it.
const CACHE_BYTES: usize = 64 << 20;

/// A key and its value.
pub type Record<T> = (<T as Table>::Key, <T as Table>::Value);

/// A store, open. Cheap to clone; the directory is free again when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Dropped in this order: the writer flushes, then the database closes, then the lock goes.
    writer: Writer,
    database: Arc<Guarded>,
    blobs: PathBuf,
    dir: PathBuf,
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

struct Format;

impl Table for Format {
    const NAME: &'static str = "format";
    type Key = ();
    type Value = u32;
}

impl Store {
    /// Opens the store in `dir`, which is made if it doesn't exist, for this process alone.
    ///
    /// After a crash the database repairs itself here: what was committed is there, what wasn't is not.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process has it, [`StoreError::Format`] if another version wrote it, otherwise what the
    /// disk or the database says.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        let lock = lock(dir)?;
        let blobs = dir.join("blobs");
        blobs::prepare(&blobs)?;

        let path = dir.join("records.redb");
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let database = catching(|| builder.create(&path).map_err(|error| cannot_open(dir, &path, error)))?;
        // The database's own name in the directory has to survive as well.
        blobs::sync_dir(dir)?;
        let database = Arc::new(Guarded::new(database));
        let writer = Writer::start(database.clone()).map_err(StoreError::io(dir))?;
        let store = Self { inner: Arc::new(Inner { writer, database, blobs, dir: dir.to_owned(), _lock: lock }) };
        store.check_format()?;
        Ok(store)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        match self.get::<Format>(&())? {
            Some(FORMAT) => Ok(()),
            Some(found) => Err(StoreError::Format { dir: self.inner.dir.clone(), found, expected: FORMAT }),
            None => self.inner.database.run(|database| {
                let transaction = database.begin_write().map_err(StoreError::database)?;
                let value = codec::Encode::encode(&FORMAT);
                transaction
                    .open_table(definition::<Format>())
                    .map_err(StoreError::database)?
                    .insert(&[][..], &value[..])
                    .map_err(StoreError::database)?;
                transaction.commit().map_err(StoreError::database)
            }),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Makes a batch durable. When this returns, it is on disk and is what reads see.
    ///
    /// Waits together with all other callers for one flush. If the future is dropped before it is done, the batch may become
    /// durable or not.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] for a value above [`MAX_VALUE_BYTES`], before anything is written. Otherwise the database failed:
    /// nothing of the batch is seen by reads, and the store takes no more writes until it is opened again.
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        for value in batch.changes.iter().filter_map(|change| change.value.as_ref()) {
            if value.len() > MAX_VALUE_BYTES {
                let (size, limit) = (value.len() as u64, MAX_VALUE_BYTES as u64);
                return Err(StoreError::TooLarge { what: "a value", size, limit });
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.inner.writer.commit(batch).await
    }

    /// The value of a key. Reads one or two pages, from memory as a rule.
    pub fn get<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StoreError> {
        self.read::<T, _>(|table| {
            let value = table.get(&key.to_bytes()[..]).map_err(StoreError::database)?;
            value.map(|value| decode::<T>(value.value())).transpose()
        })
    }

    /// The records whose keys lie in `range`, ascending, at most `limit` of them. For the next ones, start behind the last.
    pub fn range<T: Table>(&self, range: impl RangeBounds<T::Key>, limit: usize) -> Result<Vec<Record<T>>, StoreError> {
        let bounds = (bytes(range.start_bound()), bytes(range.end_bound()));
        if is_empty(&bounds) {
            return Ok(Vec::new());
        }
        let bounds = (bounds.0.as_ref().map(|b| &b[..]), bounds.1.as_ref().map(|b| &b[..]));
        self.read::<T, _>(|table| {
            let records = table.range::<&[u8]>(bounds).map_err(StoreError::database)?.take(limit);
            records
                .map(|r| r.map_err(StoreError::database).and_then(|(k, v)| pair::<T>(k.value(), v.value())))
                .collect()
        })
    }

    /// The record with the largest key.
    pub fn last<T: Table>(&self) -> Result<Option<Record<T>>, StoreError> {
        self.read::<T, _>(|table| {
            let last = table.last().map_err(StoreError::database)?;
            last.map(|(key, value)| pair::<T>(key.value(), value.value())).transpose()
        })
    }

    /// How many records a table has.
    pub fn count<T: Table>(&self) -> Result<u64, StoreError> {
        self.read::<T, _>(|table| table.len().map_err(StoreError::database))
    }

    /// Keeps bytes under their blake2-256. When this returns, the file is durable. Keeping them again does nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Hash`] if that is not their hash, [`StoreError::TooLarge`] above [`crate::MAX_BLOB_BYTES`], otherwise what the
    /// disk says.
    pub async fn put_blob(&self, hash: &Hash, bytes: Vec<u8>) -> Result<(), StoreError> {
        let hash = *hash;
        self.blocking(move |blobs| blobs::put(blobs, &hash, &bytes)).await
    }

    /// The bytes with this blake2-256, checked; nothing if they are not kept here.
    pub async fn get_blob(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let hash = *hash;
        self.blocking(move |blobs| blobs::get(blobs, &hash)).await
    }

    /// Removes the bytes with this blake2-256, if they are kept here. Whether somebody still needs them is the caller's to know.
    pub async fn remove_blob(&self, hash: &Hash) -> Result<(), StoreError> {
        let hash = *hash;
        self.blocking(move |blobs| blobs::remove(blobs, &hash)).await
    }

    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let inner = self.inner.clone();
        // The runtime drops blocking work only when it shuts down.
        tokio::task::spawn_blocking(move || work(&inner.blobs)).await.map_err(|_| StoreError::Closed)?
    }

    /// What `work` finds in the table as of now; the default if nothing was ever put into it.
    fn read<T: Table, R: Default>(
        &self,
        work: impl FnOnce(ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.inner.database.run(|database| {
            let transaction = database.begin_read().map_err(StoreError::database)?;
            match transaction.open_table(definition::<T>()) {
                Ok(table) => work(table),
                Err(TableError::TableDoesNotExist(_)) => Ok(R::default()),
                Err(error) => Err(StoreError::database(error)),
            }
        })
    }
}

fn cannot_open(dir: &Path, path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(dir.to_owned()),
        DatabaseError::Storage(StorageError::Corrupted(_)) => StoreError::Corrupt(path.display().to_string()),
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            StoreError::Corrupt(path.display().to_string())
        }
        other => StoreError::database(other),
    }
}

fn definition<T: Table>() -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(T::NAME)
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&path).map_err(StoreError::io(&path))?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
    }
}

fn pair<T: Table>(key: &[u8], value: &[u8]) -> Result<Record<T>, StoreError> {
    let key = T::Key::read(key).ok_or_else(|| StoreError::Corrupt(format!("a key of table {}", T::NAME)))?;
    Ok((key, decode::<T>(value)?))
}

fn decode<T: Table>(mut value: &[u8]) -> Result<T::Value, StoreError> {
    T::Value::decode_all(&mut value).map_err(|_| StoreError::Corrupt(format!("a record of table {}", T::NAME)))
}

fn bytes<K: TableKey>(bound: Bound<&K>) -> Bound<Vec<u8>> {
    bound.map(TableKey::to_bytes)
}

/// redb takes a range that ends before it starts for a mistake.
fn is_empty(bounds: &(Bound<Vec<u8>>, Bound<Vec<u8>>)) -> bool {
    use Bound::{Excluded, Included};
    match bounds {
        (Included(start), Included(end)) => start > end,
        (Included(start) | Excluded(start), Included(end) | Excluded(end)) => start >= end,
        _ => false,
    }
}
