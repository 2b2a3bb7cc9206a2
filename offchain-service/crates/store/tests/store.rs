//! What the store promises, short of being killed.

use std::{fs, future::Future, path::Path};

use proptest::prelude::*;
use smartlayer_primitives::{payload::blake2_256, Hash};
use smartlayer_store::{Batch, Store, StoreError, Table, MAX_BLOB_BYTES, MAX_VALUE_BYTES};

struct Numbers;
impl Table for Numbers {
    const NAME: &'static str = "numbers";
    type Key = u32;
    type Value = u64;
}

struct Texts;
impl Table for Texts {
    const NAME: &'static str = "texts";
    type Key = (Hash, u32);
    type Value = Vec<u8>;
}

/// The same table, read as something else.
struct NumbersAsTexts;
impl Table for NumbersAsTexts {
    const NAME: &'static str = Numbers::NAME;
    type Key = u32;
    type Value = String;
}

fn put(key: u32, value: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put::<Numbers>(&key, &value);
    batch
}

#[tokio::test]
async fn what_was_committed_is_read_now_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let hash = Hash::repeat_byte(1);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.get::<Numbers>(&1).unwrap(), None);
    assert_eq!((store.count::<Numbers>().unwrap(), store.last::<Numbers>().unwrap()), (0, None));
    let mut batch = put(1, 10);
    batch
        .put::<Numbers>(&2, &20)
        .put::<Texts>(&(hash, 7), &b"seven".to_vec())
        .put::<Numbers>(&1, &11)
        .delete::<Numbers>(&2);
    store.commit(batch).await.unwrap();
    store.commit(Batch::new()).await.unwrap();
    let check = |store: &Store| {
        assert_eq!(store.get::<Numbers>(&1).unwrap(), Some(11));
        assert_eq!(store.get::<Numbers>(&2).unwrap(), None);
        assert_eq!(store.get::<Texts>(&(hash, 7)).unwrap(), Some(b"seven".to_vec()));
    };
    check(&store);
    drop(store);
    check(&Store::open(dir.path()).unwrap());
}

#[tokio::test]
async fn ranges_are_ordered_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for key in [300, 1, 256, 2, 255] {
        store.commit(put(key, key.into())).await.unwrap();
    }
    let keys = |records: Vec<(u32, u64)>| records.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(store.range::<Numbers>(.., 100).unwrap()), [1, 2, 255, 256, 300]);
    assert_eq!(keys(store.range::<Numbers>(2..256, 100).unwrap()), [2, 255]);
    assert_eq!(keys(store.range::<Numbers>(2..=256, 2).unwrap()), [2, 255]);
    assert_eq!(keys(store.range::<Numbers>(301.., 2).unwrap()), Vec::<u32>::new());
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = store.range::<Numbers>(9..3, 2).unwrap();
    assert_eq!(backwards, []);
    assert_eq!(keys(store.range::<Numbers>(2..2, 2).unwrap()), Vec::<u32>::new());
    assert_eq!(store.last::<Numbers>().unwrap(), Some((300, 300)));
    assert_eq!(store.count::<Numbers>().unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let tasks: Vec<_> = (0..500)
        .map(|key| {
            let store = store.clone();
            tokio::spawn(async move {
                store.commit(put(key, 1)).await.unwrap();
                assert_eq!(store.get::<Numbers>(&key).unwrap(), Some(1));
                store.commit(put(key, 2)).await.unwrap();
                assert_eq!(store.get::<Numbers>(&key).unwrap(), Some(2));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.count::<Numbers>().unwrap(), 500);
}

#[tokio::test]
async fn dropping_the_store_flushes_what_was_handed_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut waiting: Vec<_> = (0..50).map(|key| Box::pin(store.commit(put(key, 1)))).collect();
    for commit in &mut waiting {
        // Polled once: handed in, not waited for.
        assert!(futures_poll(commit.as_mut()));
    }
    drop(waiting);
    drop(store);
    assert_eq!(Store::open(dir.path()).unwrap().count::<Numbers>().unwrap(), 50);
}

/// Polls once; whether that went without an error.
fn futures_poll(future: std::pin::Pin<&mut impl Future<Output = Result<(), StoreError>>>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    !matches!(future.poll(&mut context), std::task::Poll::Ready(Err(_)))
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(&error, StoreError::InUse(path) if path == dir.path()));
    assert!(error.to_string().contains(&dir.path().display().to_string()));
    drop(store);
    Store::open(dir.path()).unwrap();
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut batch = put(1, 1);
    batch.put::<Texts>(&(Hash::zero(), 0), &vec![0; MAX_VALUE_BYTES]);
    assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { .. })));
    assert_eq!(store.get::<Numbers>(&1).unwrap(), None);
    store.commit(put(1, 1)).await.unwrap();
    let large = vec![0; MAX_BLOB_BYTES as usize + 1];
    assert!(matches!(store.put_blob(&blake2_256(&large), large).await, Err(StoreError::TooLarge { .. })));
}

#[tokio::test]
async fn what_cannot_be_decoded_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.commit(put(1, u64::MAX)).await.unwrap();
    let error = store.get::<NumbersAsTexts>(&1).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(what) if what.contains("numbers")));
    assert!(store.range::<NumbersAsTexts>(.., 1).is_err());
    assert!(store.last::<NumbersAsTexts>().is_err());
}

#[tokio::test]
async fn blobs_are_kept_checked_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let bytes = b"a shard".to_vec();
    let hash = blake2_256(&bytes);
    assert_eq!(store.get_blob(&hash).await.unwrap(), None);
    assert!(matches!(store.put_blob(&Hash::zero(), bytes.clone()).await, Err(StoreError::Hash { .. })));
    store.put_blob(&hash, bytes.clone()).await.unwrap();
    store.put_blob(&hash, bytes.clone()).await.unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.get_blob(&hash).await.unwrap(), Some(bytes.clone()));

    let name = hex::encode(hash);
    let file = dir.path().join("blobs").join(&name[..2]).join(&name);
    fs::write(&file, b"a shart").unwrap();
    assert!(matches!(store.get_blob(&hash).await, Err(StoreError::Corrupt(_))));
    store.put_blob(&hash, bytes.clone()).await.unwrap();
    assert_eq!(store.get_blob(&hash).await.unwrap(), Some(bytes));

    store.remove_blob(&hash).await.unwrap();
    store.remove_blob(&hash).await.unwrap();
    assert_eq!(store.get_blob(&hash).await.unwrap(), None);
    assert!(!file.exists());
}

#[tokio::test]
async fn half_written_blobs_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let left = dir.path().join("blobs/incoming/0");
    fs::write(&left, b"half").unwrap();
    let _store = Store::open(dir.path()).unwrap();
    assert!(!left.exists());
}

#[tokio::test]
async fn another_format_is_refused() {
    struct Format;
    impl Table for Format {
        const NAME: &'static str = "format";
        type Key = ();
        type Value = u32;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut batch = Batch::new();
    batch.put::<Format>(&(), &9);
    store.commit(batch).await.unwrap();
    drop(store);
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Format { found: 9, .. })));
}

fn records(dir: &Path) -> std::path::PathBuf {
    dir.join("records.redb")
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(records(dir.path()), vec![7; 100_000]).unwrap();
    assert!(Store::open(dir.path()).is_err());
    fs::write(records(dir.path()), b"short").unwrap();
    assert!(Store::open(dir.path()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever bits rot, opening and reading end in an answer or an error.
    #[test]
    fn rotten_bytes_never_panic(spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40), cut in prop::option::of(any::<prop::sample::Index>())) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for key in 0..20 {
            let mut batch = put(key, 1);
            batch.put::<Texts>(&(Hash::repeat_byte(key as u8), key), &vec![key as u8; 300]);
            runtime.block_on(store.commit(batch)).unwrap();
        }
        drop(store);
        let mut bytes = fs::read(records(dir.path())).unwrap();
        // Where something is written; most of the file is room.
        let written: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i] != 0).collect();
        for (spot, value) in spots {
            bytes[written[spot.index(written.len())]] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs::write(records(dir.path()), bytes).unwrap();
        if let Ok(store) = Store::open(dir.path()) {
            let _ = store.range::<Numbers>(.., 100);
            let _ = store.range::<Texts>(.., 100);
            let _ = runtime.block_on(store.commit(put(1, 2)));
            let _ = store.get::<Numbers>(&1);
        }
    }
}
