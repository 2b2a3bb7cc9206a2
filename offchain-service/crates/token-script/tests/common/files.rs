//! The published token scripts.

use std::path::PathBuf;

/// The scripts, if they are there: they are not part of the tree. Others can be tried with `SMARTLAYER_TOKEN_SCRIPTS=FOLDER`.
pub fn published() -> Option<Vec<(String, Vec<u8>)>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/tokenscripts");
    let folder = std::env::var_os("SMARTLAYER_TOKEN_SCRIPTS").map_or(own, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no published token scripts in {}", folder.display());
        return None;
    };
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_none_or(|e| e == "xml" || e == "tsml"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .filter(|(_, bytes)| bytes.windows(16).any(|w| w == b"tokenscript.org/"))
        .collect();
    files.sort();
    Some(files)
}
