//! The thread that makes batches durable, as many at once as wait.

use std::{sync::Arc, thread};

use redb::{Database, Durability, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use crate::{batch::Change, guard::Guarded, Batch, StoreError};

/// How many batches may wait for the thread; more callers wait for room.
const QUEUE: usize = 4096;
/// About how many bytes are written in one transaction, so that nobody waits for a huge one.
const GROUP_BYTES: usize = 8 << 20;

type Answer = oneshot::Sender<Result<(), StoreError>>;

pub(crate) struct Writer {
    queue: Option<mpsc::Sender<(Batch, Answer)>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub fn start(database: Arc<Guarded>) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || run(&database, waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send((batch, answer)).await.map_err(|_| StoreError::Closed)?;
        // The thread drops an answer only by dying.
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    /// Waits until everything that was handed in is durable.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            if thread.join().is_err() {
                tracing::error!("the store's writer thread panicked");
            }
        }
    }
}

fn run(database: &Guarded, mut waiting: mpsc::Receiver<(Batch, Answer)>) {
    let mut failed: Option<StoreError> = None;
    while let Some((batch, answer)) = waiting.blocking_recv() {
        let mut size = batch.size();
        let mut changes = batch.changes;
        let mut answers = vec![answer];
        while size < GROUP_BYTES {
            let Ok((batch, answer)) = waiting.try_recv() else { break };
            size += batch.size();
            changes.extend(batch.changes);
            answers.push(answer);
        }
        // The database refuses to write after a failure; keep giving the reason instead of "a previous failure".
        let result = match &failed {
            Some(error) => Err(error.clone()),
            None => database.run(|database| write(database, changes).map_err(StoreError::database)),
        };
        if let (Err(error), None) = (&result, &failed) {
            tracing::error!(%error, "the store can't write any more; it has to be opened again");
            failed = Some(error.clone());
        }
        for answer in answers {
            // Whoever stopped waiting doesn't want to know.
            let _ = answer.send(result.clone());
        }
    }
}

fn write(database: &Database, mut changes: Vec<Change>) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // Stable: the changes of one table keep their order, and each table is opened once.
    changes.sort_by_key(|change| change.table);
    for of_table in changes.chunk_by(|a, b| a.table == b.table) {
        let mut table = transaction.open_table(TableDefinition::<&[u8], &[u8]>::new(of_table[0].table))?;
        for change in of_table {
            match &change.value {
                Some(value) => drop(table.insert(&change.key[..], &value[..])?),
                None => drop(table.remove(&change.key[..])?),
            }
        }
    }
    Ok(transaction.commit()?)
}
