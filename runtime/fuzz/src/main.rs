//! `smartlayer-fuzz-runtime`: runs random sequences until the time is over or one fails.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use smartlayer_runtime_fuzz::sequence::{parse, print, run, run_with, shrink, steps, Counts};

/// Drives all own pallets together with random calls and checks every invariant after each.
#[derive(Debug, Parser)]
#[command(name = "smartlayer-fuzz-runtime")]
struct Arguments {
    /// For how long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first sequence's seed; the others' follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many steps a sequence has.
    #[arg(long, default_value_t = 1_000)]
    steps: usize,
    /// Runs the sequence in this file instead, and shows each step.
    #[arg(long)]
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    match fuzz(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(e) => {
            eprintln!("fuzz: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz(arguments: Arguments) -> Result<bool> {
    if let Some(path) = arguments.replay {
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
        let result = run_with(&parse(&text)?, |step, action| println!("{step}: {action}"));
        match &result {
            Ok(counts) => println!("{counts}"),
            Err(failure) => println!("{failure}"),
        }
        return Ok(result.is_ok());
    }

    // A panic is a failure like others, and is reported with its sequence.
    std::panic::set_hook(Box::new(|_| ()));
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            asked.store(true, Ordering::Relaxed);
        }
    });

    let (begin, mut told) = (Instant::now(), Instant::now());
    let mut counts = Counts::default();
    let mut seed = arguments.seed;
    while begin.elapsed() < Duration::from_secs(arguments.seconds) && !stop.load(Ordering::Relaxed) {
        let sequence = steps(seed, arguments.steps);
        match run(&sequence) {
            Ok(more) => counts.add(&more),
            Err(failure) => {
                println!("{counts}\nsequence {seed} failed at {failure}\nmaking it smaller ...");
                let smallest = shrink(&sequence);
                if let Err(failure) = run(&smallest) {
                    println!("{failure}");
                }
                println!("the steps, for a file in tests/regressions:\n{}", print(&smallest));
                return Ok(false);
            }
        }
        seed = seed.wrapping_add(1);
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            println!(
                "{} s, next seed {seed}: {} sequences, {} steps, {} blocks, {} checks",
                begin.elapsed().as_secs(),
                counts.sequences,
                counts.steps,
                counts.blocks,
                counts.checks
            );
        }
    }
    println!("{counts}");
    Ok(true)
}
