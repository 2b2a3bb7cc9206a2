//! `smartlayer`, the command line of Smart Layer: for issuers, dApp developers, operators and whoever wants to look.
//!
//! Secrets come from files, never from arguments. Results go to standard output, as tables or with `--json` as one JSON value, or where there
//! are several of a kind one a line; progress and errors go to standard error. The exit code is 0 if it was done, 1 if not or if what was
//! checked is not good, 2 if the command was not understood, 130 after Ctrl-C.

mod args;
mod commands;
mod context;
mod output;
mod script;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into()))
        .with_writer(std::io::stderr)
        .init();
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("error: cannot start: {e}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = commands::run(cli) => Some(outcome),
            // What was promised is on disk before it is sent, so there is nothing to tidy up.
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    runtime.shutdown_background();
    match outcome {
        Some(Ok(report)) => match report.print(json) {
            Ok(()) if report.failed() => ExitCode::FAILURE,
            Ok(()) => ExitCode::SUCCESS,
            // Whoever read our output has seen enough.
            Err(_) => ExitCode::FAILURE,
        },
        Some(Err(error)) => {
            output::print_error(&error, json);
            ExitCode::FAILURE
        }
        None => {
            eprintln!("interrupted");
            ExitCode::from(130)
        }
    }
}
