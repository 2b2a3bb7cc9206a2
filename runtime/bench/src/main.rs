//! `smartlayer-bench-chain`: what the chain's transactions cost, measured and by their weights. `scripts/bench chain` builds and runs it.

mod bare;
mod claims;
mod commitments;
mod figures;
mod rewards;
mod transfers;

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use figures::Figures;
use frame_support::storage::{with_transaction, TransactionOutcome};
use sp_runtime::DispatchError;

/// Measures transactions of the runtime beside those of a bare chain.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench chain")]
struct Arguments {
    /// One JSON object per figure instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let mut figures = Figures::new(Arguments::parse().json);
    transfers::measure(&mut figures);
    claims::measure(&mut figures);
    commitments::measure(&mut figures);
    rewards::measure(&mut figures);
    if figures.all_hold {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

/// How many microseconds something took, which is undone afterwards.
fn micros_of<R>(something: impl FnOnce() -> R) -> f64 {
    let mut something = Some(something);
    let time = with_transaction(|| {
        let begin = Instant::now();
        let result = something.take().map(|something| something());
        let time = begin.elapsed();
        drop(result);
        TransactionOutcome::Rollback(Ok::<_, DispatchError>(time))
    });
    time.expect("layers are not nested deeply; qed").as_secs_f64() * 1e6
}

/// The middle of what was measured: a busy machine does not move it much.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
