//! A process that is killed loses nothing that it said was durable.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use smartlayer_store::{Batch, Store, Table};

const DIR: &str = "SMARTLAYER_STORE_KILL_TEST_DIR";
const SESSIONS: u32 = 8;
const ROUNDS: u32 = 5;

struct Accepted;
impl Table for Accepted {
    const NAME: &'static str = "accepted";
    type Key = u32;
    type Value = u64;
}

/// Not a test of its own: the process that [`killed_processes_lose_nothing_durable`] starts and kills.
#[test]
fn victim() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = Store::open(dir).unwrap();
        let sessions = (0..SESSIONS).map(|session| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut cumulative = store.get::<Accepted>(&session).unwrap().unwrap_or(0);
                loop {
                    cumulative += 1;
                    let mut batch = Batch::new();
                    batch.put::<Accepted>(&session, &cumulative);
                    store.commit(batch).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "durable {session} {cumulative}").unwrap();
                    out.flush().unwrap();
                }
            })
        });
        for session in sessions.collect::<Vec<_>>() {
            session.await.unwrap();
        }
    });
}

#[test]
fn killed_processes_lose_nothing_durable() {
    let dir = tempfile::tempdir().unwrap();
    let mut printed = BTreeMap::new();
    for round in 0..ROUNDS {
        let before: u64 = printed.values().sum();
        run_and_kill(dir.path(), Duration::from_millis(150 + 130 * u64::from(round)), &mut printed);
        assert!(printed.values().sum::<u64>() > before, "nothing was committed");
        let store = Store::open(dir.path()).unwrap();
        for (session, cumulative) in &printed {
            let kept = store.get::<Accepted>(session).unwrap().unwrap_or(0);
            // What was durable but not yet printed when the process died may be there, one commit a session.
            assert!(kept >= *cumulative && kept <= cumulative + 1, "session {session}: {kept}, printed {cumulative}");
        }
    }
    assert_eq!(printed.len(), SESSIONS as usize);
}

fn run_and_kill(dir: &Path, after: Duration, printed: &mut BTreeMap<u32, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut first = None;
    for line in out.lines() {
        let line = line.unwrap();
        // The test harness's own words may stand before the first of ours.
        let Some(at) = line.find("durable ") else { continue };
        let numbers: Vec<u64> = line[at + 8..].split(' ').filter_map(|number| number.parse().ok()).collect();
        // The last line may be cut off; then it was not said.
        if let [session, cumulative] = numbers[..] {
            printed.insert(session as u32, cumulative);
        }
        let first = *first.get_or_insert_with(Instant::now);
        if first.elapsed() > after {
            // SIGKILL. What the process had said by then is still in the pipe, and is read to its end.
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
}
