//! The grammar of `smartlayer grant`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use smartlayer_primitives::{AccountId, Hash};
use smartlayer_sdk::grant::Principal;

use super::{account, hash, InstanceArgs};

#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// Sign a grant with your key, the owner's, and write it to a new file
    #[command(after_help = "\
Examples:
  Let a website read two attributes for a week, at any node:
    smartlayer --key me.key grant create --token 0 --index 7 --to 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty \\
        --attribute seat --attribute row --days 7 --out seat.grant.json

  Let it enter once, at one node, within the next day:
    smartlayer --key me.key grant create --token 0 --index 7 --to 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty \\
        --action enter --node 5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y --uses 1 --out enter.grant.json

  See what an Ethereum wallet has to sign (eth_signTypedData_v4):
    smartlayer --json grant create --owner 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --token 0 --index 7 \\
        --to 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --attribute seat

Hand the file to the website. It is worth nothing without the website's key, which signs every use of it.
Your token's private attributes stay yours: the grant ends on its day, when you revoke it, or when you sell the token.")]
    Create(CreateArgs),
    /// Show what a grant allows, and whether its signature is good
    #[command(after_help = "\
Example:
  smartlayer grant show seat.grant.json

The exit code is 1 if the signature is not the owner's, or the grant is over. Whether it was revoked, and who owns the token now, only a
node can tell.")]
    Show {
        /// The file with the grant
        file: PathBuf,
    },
    /// Sign with your key, the owner's, that grants count no more, and write it to a new file
    #[command(
        group = ArgGroup::new("which").required(true).args(["grant", "id", "before"]),
        after_help = "\
Examples:
  smartlayer --key me.key grant revoke --grant seat.grant.json --out revoked.json
  smartlayer --key me.key grant revoke --token 0 --index 7 --before now --out revoked.json

A grant counts as before a time if it begins earlier. Grants begin a minute before you sign them, so wait a minute after --before now
before you sign new ones. A revocation cannot be taken back, and has to reach every node that the grants are good at."
    )]
    Revoke(RevokeArgs),
}

#[derive(Args, Debug)]
pub struct CreateArgs {
    #[command(flatten)]
    pub instance: InstanceArgs,
    /// Who is granted something: the website's account (SS58) or Ethereum address (0x…)
    #[arg(long, value_name = "ADDRESS")]
    pub to: Principal,
    /// An attribute that it may read; may be repeated
    #[arg(long = "attribute", value_name = "NAME", required_unless_present = "actions")]
    pub attributes: Vec<String>,
    /// An action that it may take; may be repeated
    #[arg(long = "action", value_name = "NAME")]
    pub actions: Vec<String>,
    /// Only at this service node [default: at every node that serves the instance]
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    pub node: Option<AccountId>,
    /// Only so many times; one node has to count, so give --node
    #[arg(long, value_name = "N", requires = "node", value_parser = clap::value_parser!(u32).range(1..))]
    pub uses: Option<u32>,
    /// For so many days from now
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..365))]
    pub days: u64,
    /// Do not sign: show what this Ethereum address or account has to sign
    #[arg(long, value_name = "ADDRESS", conflicts_with = "out", required_unless_present = "out")]
    pub owner: Option<Principal>,
    #[command(flatten)]
    pub chain: GenesisArgs,
    /// The file to write; must not exist yet
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct RevokeArgs {
    /// The grant in this file
    #[arg(long, value_name = "FILE")]
    pub grant: Option<PathBuf>,
    /// The grant with this id; with --token and --index
    #[arg(long, value_parser = hash, requires_all = ["token", "index"])]
    pub id: Option<Hash>,
    /// All your grants that begin before this time: now, or seconds since 1970; with --token and --index
    #[arg(long, value_name = "TIME", value_parser = time, requires_all = ["token", "index"])]
    pub before: Option<u64>,
    /// The token type's number
    #[arg(long, conflicts_with = "grant")]
    pub token: Option<u32>,
    /// The instance's index within its type
    #[arg(long, conflicts_with = "grant")]
    pub index: Option<u32>,
    #[command(flatten)]
    pub chain: GenesisArgs,
    /// The file to write; must not exist yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// For which chain is signed.
#[derive(Args, Clone, Copy, Debug)]
pub struct GenesisArgs {
    /// The genesis hash of the chain, to sign offline [default: that of --chain]
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub genesis: Option<Hash>,
}

/// Seconds since 1970, or `now`.
fn time(text: &str) -> Result<u64, String> {
    match text {
        "now" => Ok(smartlayer_sdk::grant::unix_time()),
        _ => text.parse().map_err(|_| "a time is now, or a number of seconds since 1970".into()),
    }
}
