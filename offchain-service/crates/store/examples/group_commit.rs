//! How many records a second become durable, by how many callers wait at once.
//!
//! `cargo run -p smartlayer-store --example group_commit [DIR]`: DIR decides which disk is measured.

use std::time::{Duration, Instant};

use smartlayer_store::{Batch, Store, Table};

struct Records;
impl Table for Records {
    const NAME: &'static str = "records";
    type Key = u64;
    type Value = [u8; 200];
}

#[tokio::main]
async fn main() {
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let dir = tempfile::tempdir_in(parent).expect("a writable directory");
    let store = Store::open(dir.path()).expect("an empty directory");
    println!("{:>8} {:>12} {:>14}", "callers", "commits/s", "mean wait (ms)");
    for callers in [1u64, 4, 16, 64, 256, 1024] {
        let started = Instant::now();
        let tasks: Vec<_> =
            (0..callers).map(|caller| tokio::spawn(commit_for_a_while(store.clone(), caller))).collect();
        let mut commits = 0u64;
        for task in tasks {
            commits += task.await.expect("no panic");
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{callers:>8} {:>12.0} {:>14.2}",
            commits as f64 / seconds,
            seconds * 1000.0 * callers as f64 / commits as f64
        );
    }
}

async fn commit_for_a_while(store: Store, caller: u64) -> u64 {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < Duration::from_secs(2) {
        let mut batch = Batch::new();
        batch.put::<Records>(&caller, &[count as u8; 200]);
        store.commit(batch).await.expect("a working disk");
        count += 1;
    }
    count
}
