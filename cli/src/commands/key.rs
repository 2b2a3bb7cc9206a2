//! Keys and accounts.

use anyhow::Result;
use serde_json::json;
use smartlayer_chain_client::Keypair;

use super::show::{planck, slt};
use crate::{
    args::{AccountCommand, KeyCommand},
    context::Context,
    output::Report,
};

pub fn run(context: &Context, command: KeyCommand) -> Result<Report> {
    let (key, file) = match command {
        KeyCommand::Generate { file } => (Keypair::create(&file)?, Some(file)),
        KeyCommand::Inspect { file: Some(file) } => (Keypair::load(&file)?, Some(file)),
        KeyCommand::Inspect { file: None } => (context.key()?, context.global.key.clone()),
    };
    let public = format!("0x{}", hex::encode(key.public().0));
    let mut fields = vec![("account", key.account().to_string()), ("public key", public.clone())];
    if let Some(file) = &file {
        fields.push(("file", file.display().to_string()));
    }
    Ok(Report::object(
        json!({ "account": key.account(), "publicKey": public, "scheme": "sr25519", "file": file }),
        &fields,
    ))
}

pub async fn account(context: &Context, command: AccountCommand) -> Result<Report> {
    let AccountCommand::Show { account } = command;
    let account = context.account_or_own(account)?;
    let view = context.chain().await?.best().await?;
    let balance = view.balance(&account).await?;
    let value = json!({
        "account": account,
        "free": planck(balance.free),
        "held": planck(balance.held),
        "frozen": planck(balance.frozen),
        "nonce": balance.nonce,
    });
    let fields = [
        ("account", account.to_string()),
        ("free", slt(balance.free)),
        ("held", format!("{}  (bonds and deposits)", slt(balance.held))),
        ("frozen", slt(balance.frozen)),
        ("transactions", balance.nonce.to_string()),
    ];
    Ok(Report::object(value, &fields))
}
