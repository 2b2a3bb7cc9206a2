//! The commands, one file a subject.

mod anchors;
mod call;
mod grant;
mod instance;
mod issuer;
mod key;
mod node;
mod prove;
mod reward;
mod script;
mod session;
mod show;
mod snapshot;
mod token;
mod transfer;
mod verify;

use anyhow::Result;

use crate::{
    args::{Cli, Command},
    context::Context,
    output::Report,
};

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<Report> {
    let context = Context::new(cli.global);
    match cli.command {
        Command::Key(command) => key::run(&context, command),
        Command::Account(command) => key::account(&context, command).await,
        Command::Token(command) => token::run(&context, command).await,
        Command::Instance(command) => instance::run(&context, command).await,
        Command::Issuer(command) => issuer::run(&context, command).await,
        Command::Session(command) => session::run(&context, command).await,
        Command::Call(args) => call::run(&context, args).await,
        Command::Transfer(args) => transfer::run(&context, args).await,
        Command::Grant(command) => grant::run(&context, command).await,
        Command::Node(command) => node::run(&context, command).await,
        Command::Sla(command) => node::sla(&context, command).await,
        Command::Anchors(command) => anchors::run(&context, command).await,
        Command::Snapshot(args) => snapshot::run(&context, args).await,
        Command::Verify(args) => verify::run(&context, args).await,
        Command::Prove(args) => prove::run(&context, args).await,
        Command::Reward(command) => reward::run(&context, command).await,
        Command::Script(command) => script::run(command).await,
    }
}
