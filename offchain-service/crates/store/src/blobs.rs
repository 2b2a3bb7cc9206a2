//! Files named by the hash of what is in them.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use smartlayer_primitives::{payload::blake2_256, Hash};

use crate::StoreError;

/// The largest blob, in bytes.
pub const MAX_BLOB_BYTES: u64 = 16 << 20;

/// Files on their way in; whatever is left there by a crash was never promised to anybody.
const INCOMING: &str = "incoming";

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Makes the directories and clears away what a crash left.
pub fn prepare(blobs: &Path) -> Result<(), StoreError> {
    let incoming = blobs.join(INCOMING);
    match fs::remove_dir_all(&incoming) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(&incoming)(error)),
        _ => (),
    }
    fs::create_dir_all(&incoming).map_err(StoreError::io(&incoming))?;
    sync_dir(blobs)
}

pub fn put(blobs: &Path, hash: &Hash, bytes: &[u8]) -> Result<(), StoreError> {
    too_large(bytes.len() as u64)?;
    let found = blake2_256(bytes);
    if found != *hash {
        return Err(StoreError::Hash { expected: *hash, found });
    }
    let path = path(blobs, hash);
    // A blob that is there is whole (it was renamed into place), unless the disk has spoilt it since: then it is replaced.
    if matches!(get(blobs, hash), Ok(Some(_))) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(blobs);
    if !dir.is_dir() {
        fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        sync_dir(blobs)?;
    }
    let incoming = blobs.join(INCOMING).join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    let written = File::create(&incoming).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let moved = written.map_err(StoreError::io(&incoming)).and_then(|()| {
        fs::rename(&incoming, &path).map_err(StoreError::io(&path))?;
        sync_dir(dir)
    });
    if moved.is_err() {
        // The disk may be full; what can't be cleared away now is at the next start.
        let _ = fs::remove_file(&incoming);
    }
    moved
}

pub fn get(blobs: &Path, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
    let path = path(blobs, hash);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(&path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BLOB_BYTES + 1).read_to_end(&mut bytes).map_err(StoreError::io(&path))?;
    if blake2_256(&bytes) != *hash {
        return Err(StoreError::Corrupt(path.display().to_string()));
    }
    Ok(Some(bytes))
}

pub fn remove(blobs: &Path, hash: &Hash) -> Result<(), StoreError> {
    let path = path(blobs, hash);
    match fs::remove_file(&path) {
        Ok(()) => sync_dir(path.parent().unwrap_or(blobs)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io(&path)(error)),
    }
}

/// Makes what a directory lists durable: a file's own flush doesn't cover its name.
pub fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(StoreError::io(dir))
}

/// `blobs/4f/4f…`: no directory gets more than a 256th of all files.
fn path(blobs: &Path, hash: &Hash) -> PathBuf {
    let name = hex::encode(hash);
    blobs.join(&name[..2]).join(name)
}

fn too_large(size: u64) -> Result<(), StoreError> {
    if size > MAX_BLOB_BYTES {
        return Err(StoreError::TooLarge { what: "a blob", size, limit: MAX_BLOB_BYTES });
    }
    Ok(())
}
