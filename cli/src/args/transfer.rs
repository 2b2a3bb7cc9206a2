//! The grammar of `smartlayer transfer`.

use std::path::PathBuf;

use clap::Args;
use smartlayer_primitives::Balance;
use smartlayer_sdk::{amount, grant::Principal};

use super::GenesisArgs;

#[derive(Args, Debug)]
pub struct TransferArgs {
    /// The token type of the instance that you give
    #[arg(long, alias = "token-type", required_unless_present = "order")]
    pub token: Option<u32>,
    /// The index of the instance that you give; it is destroyed
    #[arg(long, required_unless_present = "order")]
    pub index: Option<u32>,
    /// The token type of the instance that is issued for it [default: the same]
    #[arg(long, value_name = "TOKEN")]
    pub issued_token: Option<u32>,
    /// The index of the instance that is issued for it
    #[arg(long, value_name = "INDEX", required_unless_present = "order")]
    pub issued_index: Option<u32>,
    /// Who owns the issued instance from then on: an account (SS58) or an Ethereum address (0x…)
    #[arg(long, value_name = "ADDRESS", required_unless_present = "order")]
    pub to: Option<Principal>,
    /// For so many minutes the order can be carried out, at most 30 days
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=43_200))]
    pub minutes: u64,
    #[command(flatten)]
    pub chain: GenesisArgs,
    /// Do not sign: show what this Ethereum address or account, the owner, has to sign
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["out", "order"])]
    pub owner: Option<Principal>,
    /// Do not send: write the signed order to this new file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Send the signed order in this file; your key pays only
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token", "index", "issued_token", "issued_index", "to", "out", "genesis"])]
    pub order: Option<PathBuf>,
    /// Open a session with this deposit if there is none to the node that executes it, for example 1SLT
    #[arg(long, value_name = "DEPOSIT", value_parser = amount::parse)]
    pub open: Option<Balance>,
    /// Refuse to pay more than this
    #[arg(long, default_value = "0.1SLT", value_parser = amount::parse)]
    pub max_price: Balance,
    /// Write the receipt to this file, to prove it later
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Write the whole call to this file: request, answer and receipt, for `smartlayer verify`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// The key file that signs promises [default: --key]
    #[arg(long, value_name = "FILE")]
    pub signer: Option<PathBuf>,
}
