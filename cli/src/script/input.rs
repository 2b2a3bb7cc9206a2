//! Reading what the user named, never more than is allowed.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Why there is nothing to look at.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has more bytes than allowed.
    TooLarge,
    /// It can't be read; why, and what to do.
    Unreadable(String),
}

/// The bytes of a file, or with `-` of standard input. What is larger than `limit` is not read whole.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Unread> {
    if path == Path::new("-") {
        return bounded(io::stdin().lock(), limit);
    }
    let failed = |error: io::Error| {
        Unread::Unreadable(match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".into(),
            io::ErrorKind::PermissionDenied => "you may not read this file".into(),
            _ => format!("it can't be read: {error}"),
        })
    };
    let metadata = path.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Unread::Unreadable("this is a folder, not a file".into()));
    }
    if metadata.len() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(Unread::TooLarge);
    }
    bounded(File::open(path).map_err(failed)?, limit)
}

/// The size of a pipe or a device is known only by reading it.
fn bounded(source: impl Read, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Unread::Unreadable(format!("it can't be read: {error}")))?;
    match bytes.len() > limit {
        true => Err(Unread::TooLarge),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5), Ok(b"12345".to_vec()));
        assert_eq!(read(&path, 4), Err(Unread::TooLarge));
        assert_eq!(bounded(io::repeat(0), 4), Err(Unread::TooLarge), "a source without an end");
    }

    #[test]
    fn what_is_no_file_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for (path, words) in [(folder.path().to_owned(), "folder"), (folder.path().join("missing"), "no such file")] {
            let Err(Unread::Unreadable(message)) = read(&path, 9) else { panic!("{}", path.display()) };
            assert!(message.contains(words), "{message}");
        }
    }
}
