//! The grammar of `smartlayer issuer`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use smartlayer_primitives::TokenTypeId;

use super::InstanceArgs;

#[derive(Debug, Subcommand)]
pub enum IssuerCommand {
    /// Sign an update of an instance's values and publish it; all nodes that keep the instance take it in
    #[command(after_help = "\
Examples:
  smartlayer --key issuer.key issuer publish --node $NODE --token 0 --index 7 \\
    --set gate=C3 --set delay=20
  smartlayer --key issuer.key issuer publish --node $NODE --token 0 --index 7 \\
    --unset delay
  smartlayer --key issuer.key issuer publish --node $NODE --token 0 --index 7 \\
    --reset --set gate=C4
  smartlayer --key issuer.key issuer publish --node $NODE --token 0 --file updates.json

$NODE is a node's URL. The key is that of the account that registered the token type. The updates of an instance are numbered; without
--sequence the node is asked for the next number. An update that comes before the ones it follows waits for them. --reset replaces all
values, those that were stored with the instance included; at the latest every 1000th update has to be one. Anyone can read what is
published, but for private values: those are sealed, as with `smartlayer instance store --private`.

The file is a JSON list, published in order:
  [{\"index\": 7, \"values\": {\"gate\": \"C3\", \"delay\": null}}, {\"index\": 8, \"reset\": true, \"values\": {\"gate\": \"A1\"}}]
null removes a value; an update without an index is for --index. What is under \"private\" instead of \"values\" is sealed.

A node answers only for instances that it keeps; `smartlayer instance show` names such nodes. Any anchor passes an update on, but keeps no
count: give --sequence there.")]
    Publish(PublishArgs),
    /// Hand the key to an instance's sealed values to the nodes that serve it, again
    #[command(after_help = "\
Example:
  smartlayer --key issuer.key issuer unlock --token 0 --index 7

Storing an instance with --private does it. It is needed again if all nodes that served the instance were lost at the same time, or a node says
that it is locked, and after the first value was sealed by an update. The exit code is 1 if no node took the key.")]
    Unlock {
        #[command(flatten)]
        instance: InstanceArgs,
    },
    /// Show where the updates of an instance stand at a node that keeps it
    #[command(after_help = "\
Example:
  smartlayer issuer feed --node $NODE --token 0 --index 7")]
    Feed {
        /// The node's URL
        #[arg(long, value_name = "URL")]
        node: String,
        #[command(flatten)]
        instance: InstanceArgs,
    },
}

#[derive(Args, Debug)]
pub struct PublishArgs {
    /// The URL of a node that keeps the instance, or of an anchor
    #[arg(long, value_name = "URL")]
    pub node: String,
    /// The token type
    #[arg(long, alias = "token-type", value_name = "N")]
    pub token: TokenTypeId,
    /// The instance's index within its type
    #[arg(long, value_name = "N", required_unless_present = "file")]
    pub index: Option<u32>,
    /// The update's number; further ones of the same instance go on from it [default: the node is asked]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sequence: Option<u64>,
    /// Set a value; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Set a value that only the nodes that serve the instance can read, and the owner lets others see; may be repeated. Other users of this
    /// machine can see a command's arguments: a file's are safe from that
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set_private: Vec<(String, String)>,
    /// Remove a value; may be repeated
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    /// Forget all values before
    #[arg(long)]
    pub reset: bool,
    /// A JSON list of updates; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["set", "set_private", "unset", "reset"])]
    pub file: Option<PathBuf>,
}

/// `name=value`; the value may be empty and hold further equals signs.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("a value is set as NAME=VALUE".into()),
    }
}
