//! `smartlayer-fuzz-scripts`: gives changed inputs to every target in turn until the time is over or one fails.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use smartlayer_fuzz_scripts::{shrink, Counts, Target};

/// Gives changed scripts, filters and ABI values to the parser and evaluator of token scripts.
#[derive(Debug, Parser)]
#[command(name = "smartlayer-fuzz-scripts")]
struct Arguments {
    /// For how long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The first input's seed; the others' follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target.
    #[arg(long, value_parser = ["xml", "filters", "abi", "attestations"])]
    target: Option<String>,
    /// Gives the input in this file to the target instead.
    #[arg(long, requires = "target")]
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    match fuzz(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(e) => {
            eprintln!("fuzz: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz(arguments: &Arguments) -> Result<bool> {
    let wanted = |target: &Target| arguments.target.as_ref().is_none_or(|name| name == target.name());
    let targets: Vec<Target> = Target::ALL.into_iter().filter(wanted).collect();
    // A panic is a failure like others, and is reported with its input.
    std::panic::set_hook(Box::new(|_| ()));
    if let Some(path) = &arguments.replay {
        let input = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        let results = targets.iter().map(|target| target.run(&input));
        return Ok(results.inspect(|result| println!("{result:?}")).all(|result| result.is_ok()));
    }

    let (begin, mut told) = (Instant::now(), Instant::now());
    let mut counts: BTreeMap<Target, Counts> = targets.iter().map(|target| (*target, Counts::default())).collect();
    let mut seed = arguments.seed;
    while begin.elapsed() < Duration::from_secs(arguments.seconds) {
        for target in &targets {
            let input = target.input(seed);
            match target.run(&input) {
                Ok(outcome) => counts.entry(*target).or_default().add(outcome),
                Err(failure) => {
                    tell(&counts);
                    println!("{target}, seed {seed}: {failure}\nmaking it smaller ...");
                    let smallest = shrink(*target, &input);
                    let failure = target.run(&smallest).err().unwrap_or(failure);
                    println!("{failure}\nthe input, for a file in tests/regressions/{target}:");
                    println!("{}", String::from_utf8_lossy(&smallest));
                    return Ok(false);
                }
            }
        }
        seed = seed.wrapping_add(1);
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            println!("{} s, next seed {seed}", begin.elapsed().as_secs());
            tell(&counts);
        }
    }
    tell(&counts);
    Ok(true)
}

fn tell(counts: &BTreeMap<Target, Counts>) {
    counts.iter().for_each(|(target, counts)| println!("{target}: {counts}"));
}
