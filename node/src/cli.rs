//! What can be typed.

use clap::{CommandFactory, FromArgMatches};
use sc_cli::{KeySubcommand, RunCmd, SubstrateCli};

const EXAMPLES: &str = "\
Examples:
  smartlayer-node --dev --tmp
      One validator on this machine, blocks every 3 s, nothing kept.
  smartlayer-node --chain local --alice --base-path /tmp/alice
  smartlayer-node --chain local --bob --base-path /tmp/bob --port 30334 --rpc-port 9945 --prometheus-port 9616
      Two validators that find each other on this machine.
  smartlayer-node --chain testnet.json --base-path /var/lib/smartlayer
      A full node of the chain in testnet.json; --validator makes it a validator, --state-pruning archive an archive.
  smartlayer-node --chain testnet.json --base-path /var/lib/smartlayer --offchain-worker always
      A full node that is a watchtower too: it keeps service nodes' claims, and makes them while those are away.
  smartlayer-node export-chain-spec --chain local --raw --output local.json
      A chain's specification as a file.

A node answers JSON-RPC over HTTP and WebSocket on 127.0.0.1:9944 and Prometheus on 127.0.0.1:9615/metrics.
Ctrl-C or SIGTERM stops it in order.";

/// The command line.
#[derive(Debug, clap::Parser)]
pub struct Cli {
    /// What to do instead of running a node.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    /// How to run a node.
    #[clap(flatten)]
    pub run: RunCmd,
}

/// What there is to do beside running a node.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Generate, inspect and insert keys.
    #[command(subcommand)]
    Key(KeySubcommand),

    /// Write a chain's specification to a file.
    ExportChainSpec(sc_cli::ExportChainSpecCmd),

    /// Execute a block again and check it.
    CheckBlock(sc_cli::CheckBlockCmd),

    /// Export blocks to a file.
    ExportBlocks(sc_cli::ExportBlocksCmd),

    /// Export the state of a block as a chain specification.
    ExportState(sc_cli::ExportStateCmd),

    /// Import blocks from a file.
    ImportBlocks(sc_cli::ImportBlocksCmd),

    /// Remove a chain's data.
    PurgeChain(sc_cli::PurgeChainCmd),

    /// Take the chain back by some blocks, not beyond finality.
    Revert(sc_cli::RevertCmd),

    /// Show what the database knows of the chain.
    ChainInfo(sc_cli::ChainInfoCmd),
}

impl Cli {
    /// What was typed; says what is wrong with it, or shows help, and ends the process otherwise.
    pub fn from_command_line() -> Self {
        let matches = Self::setup_command(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

impl SubstrateCli for Cli {
    fn impl_name() -> String {
        "Smart Layer node".into()
    }

    fn impl_version() -> String {
        env!("SUBSTRATE_CLI_IMPL_VERSION").into()
    }

    fn executable_name() -> String {
        "smartlayer-node".into()
    }

    fn description() -> String {
        "The Smart Layer chain node: validator, full node or archive".into()
    }

    fn author() -> String {
        "the Smart Layer developers".into()
    }

    fn support_url() -> String {
        concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
    }

    fn copyright_start_year() -> i32 {
        2026
    }

    fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
        Ok(Box::new(crate::chain_spec::load(id)?))
    }

    fn setup_command(command: clap::Command) -> clap::Command {
        command
            .name(Self::executable_name())
            .version(Self::impl_version())
            .author(Self::author())
            .about(Self::description())
            .after_help(EXAMPLES)
            .propagate_version(true)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::setup_command(Cli::command()).debug_assert();
    }

    #[test]
    fn an_unknown_chain_says_which_are_known() {
        let error = crate::chain_spec::load("no-such-chain").map(drop).expect_err("there is none");
        assert!(error.contains("testnet"), "{error}");
    }
}
