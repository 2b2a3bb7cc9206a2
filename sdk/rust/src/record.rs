//! What was promised, on disk: a restart goes on from the highest promise, never below it.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use smartlayer_api_types::Amount;
use smartlayer_primitives::{AccountId, Balance, BlockNumber, Hash, SessionId, TokenTypeId};

use crate::error::Error;

/// One session as its payer knows it. Amounts in planck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// The session.
    pub session: SessionId,
    /// The node that it pays.
    pub node: AccountId,
    /// The token type whose calls it pays; those of every type whose issuer has no share if nothing.
    pub token_type: Option<TokenTypeId>,
    /// From this block on anyone may have it closed.
    pub expires_at: BlockNumber,
    /// All that was ever put in.
    pub deposit: Balance,
    /// What receipts or the node's own account of it confirm as owed.
    pub settled: Balance,
    /// The highest amount ever promised. May be more than `settled`: calls that failed are not charged.
    pub promised: Balance,
    /// Whether it is not known yet what became of the last promise.
    pub in_doubt: bool,
}

impl Book {
    /// What is left to promise, when nothing is in doubt.
    pub fn left(&self) -> Balance {
        self.deposit.saturating_sub(self.settled)
    }
}

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    /// The chain, so that a record is not used on another.
    genesis: Hash,
    sessions: BTreeMap<SessionId, Line>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    node: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_type: Option<TokenTypeId>,
    expires_at: BlockNumber,
    deposit: Amount,
    settled: Amount,
    promised: Amount,
    #[serde(default)]
    in_doubt: bool,
}

/// The books of all sessions, kept in a file if there is one.
#[derive(Debug)]
pub(crate) struct Record {
    file: Option<Backing>,
    genesis: Hash,
    books: BTreeMap<SessionId, Book>,
}

#[derive(Debug)]
struct Backing {
    path: PathBuf,
    /// Held for as long as the record is open: two processes must not promise from the same sessions at once.
    _lock: File,
}

impl Record {
    /// A record that is forgotten with the process.
    pub fn in_memory(genesis: Hash) -> Self {
        Self { file: None, genesis, books: BTreeMap::new() }
    }

    /// Opens the record in `path`, or starts one there. Fails if another process has it open, or it is of another chain.
    pub fn open(path: &Path, genesis: Hash) -> Result<Self, Error> {
        let failed = |reason: String| Error::Record { path: path.display().to_string(), reason };
        let lock_path = with_suffix(path, ".lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|e| failed(e.to_string()))?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => failed("another process is paying from it".into()),
            TryLockError::Error(e) => failed(e.to_string()),
        })?;
        let content = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Content { genesis, ..Default::default() },
            Err(e) => return Err(failed(e.to_string())),
        };
        if content.genesis != genesis {
            return Err(failed(format!("it is of the chain {:?}, not of {genesis:?}", content.genesis)));
        }
        let book = |(session, line): (SessionId, Line)| {
            let Line { node, token_type, expires_at, deposit, settled, promised, in_doubt } = line;
            let (deposit, settled, promised) = (deposit.0, settled.0, promised.0);
            (session, Book { session, node, token_type, expires_at, deposit, settled, promised, in_doubt })
        };
        let books = content.sessions.into_iter().map(book).collect();
        Ok(Self { file: Some(Backing { path: path.to_owned(), _lock: lock }), genesis, books })
    }

    pub fn get(&self, session: &SessionId) -> Option<&Book> {
        self.books.get(session)
    }

    pub fn all(&self) -> impl Iterator<Item = &Book> {
        self.books.values()
    }

    /// Notes a session's book. What was promised never falls. On disk when it returns, as far as this process's death goes; what a
    /// power failure takes, the node's state of the session gives back, with our own signature on it.
    pub fn put(&mut self, mut book: Book) -> Result<(), Error> {
        if let Some(known) = self.books.get(&book.session) {
            book.promised = book.promised.max(known.promised);
        }
        self.books.insert(book.session, book);
        self.save()
    }

    /// Forgets a session that is over.
    pub fn remove(&mut self, session: &SessionId) -> Result<(), Error> {
        self.books.remove(session);
        self.save()
    }

    fn save(&self) -> Result<(), Error> {
        let Some(Backing { path, .. }) = &self.file else { return Ok(()) };
        let line = |b: &Book| Line {
            node: b.node.clone(),
            token_type: b.token_type,
            expires_at: b.expires_at,
            deposit: Amount(b.deposit),
            settled: Amount(b.settled),
            promised: Amount(b.promised),
            in_doubt: b.in_doubt,
        };
        let sessions = self.books.iter().map(|(id, b)| (*id, line(b))).collect();
        let bytes = serde_json::to_vec_pretty(&Content { genesis: self.genesis, sessions })
            .expect("hashes and accounts are string keys; qed");
        let temporary = with_suffix(path, ".new");
        let write = || {
            File::create(&temporary)?.write_all(&bytes)?;
            fs::rename(&temporary, path)
        };
        write().map_err(|e| Error::Record { path: path.display().to_string(), reason: e.to_string() })
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(settled: Balance, promised: Balance) -> Book {
        let session = SessionId::repeat_byte(1);
        let node = AccountId::new([2; 32]);
        Book { session, node, token_type: Some(7), expires_at: 900, deposit: 100, settled, promised, in_doubt: false }
    }

    #[test]
    fn what_was_promised_survives_and_never_falls() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("payments.json");
        let genesis = Hash::repeat_byte(7);
        let mut record = Record::open(&path, genesis).unwrap();
        record.put(book(10, 20)).unwrap();
        record.put(book(10, 15)).unwrap();
        drop(record);
        let record = Record::open(&path, genesis).unwrap();
        assert_eq!(record.get(&SessionId::repeat_byte(1)), Some(&book(10, 20)));
        assert_eq!(record.all().count(), 1);
    }

    #[test]
    fn one_process_and_one_chain() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("payments.json");
        let record = Record::open(&path, Hash::repeat_byte(7)).unwrap();
        assert!(matches!(Record::open(&path, Hash::repeat_byte(7)), Err(Error::Record { .. })));
        drop(record);
        let mut record = Record::open(&path, Hash::repeat_byte(7)).unwrap();
        record.put(book(0, 0)).unwrap();
        drop(record);
        assert!(matches!(Record::open(&path, Hash::repeat_byte(8)), Err(Error::Record { .. })));
        fs::write(&path, "{}").unwrap();
        assert!(matches!(Record::open(&path, Hash::repeat_byte(7)), Err(Error::Record { .. })));
    }
}
