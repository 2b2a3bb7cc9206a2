//! `smartlayer-service`: the off-chain service, as a service node or as an anchor.

mod config;
mod keys;
mod monitor;
mod run;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config::Config;

/// The off-chain service of Smart Layer.
#[derive(Parser)]
#[command(name = "smartlayer-service", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service until it gets SIGTERM or Ctrl-C.
    Run {
        /// The configuration, TOML. Environment variables like SMARTLAYER__CHAIN__URL override it.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Reads the configuration and the keys, and says what is wrong with them.
    CheckConfig {
        /// The configuration, TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Works with key files.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Makes a new key, writes its secret to a new file of mode 0600, and prints the public side.
    Generate {
        /// The file, which must not exist.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// What the key is for.
        #[arg(long, value_enum, default_value = "account")]
        kind: keys::Kind,
    },
    /// Prints the public side of a key file.
    Show {
        /// The file.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// What the key is for.
        #[arg(long, value_enum, default_value = "account")]
        kind: keys::Kind,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("smartlayer-service: {e:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Run { config } => {
                let config = Config::load(&config)?;
                run::init_tracing(&config.log)?;
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                let outcome = runtime.block_on(run::run(config));
                // Blocking work that is left, such as a file being read, is not waited for.
                runtime.shutdown_background();
                outcome
            }
            Self::CheckConfig { config } => {
                let config = Config::load(&config)?;
                let keys = keys::Keys::load(&config)?;
                println!("ok: {}, service key {}", config.role, keys.service.account());
                Ok(())
            }
            Self::Key { command: KeyCommand::Generate { file, kind } } => {
                println!("{}", keys::generate(&file, kind)?);
                Ok(())
            }
            Self::Key { command: KeyCommand::Show { file, kind } } => {
                println!("{}", keys::show(&file, kind)?);
                Ok(())
            }
        }
    }
}
