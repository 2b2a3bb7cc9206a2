//! Transfers: the owner signs the order, somebody pays for it.

use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use serde_json::json;
use smartlayer_primitives::InstanceId;
use smartlayer_sdk::{
    api::rpc::{method, Transferred},
    grant::Principal,
    transfer::{as_ordered, order, sign, SignedTransfer, TransferOrder},
    Error,
};

use super::{
    call,
    grant::{genesis, read, to_sign, write},
};
use crate::{
    args::{CallArgs, InstanceArgs, TransferArgs},
    context::Context,
    output::Report,
};

pub async fn run(context: &Context, args: TransferArgs) -> Result<Report> {
    let signed = match &args.order {
        Some(file) => read::<SignedTransfer>(file)?,
        None => {
            let token = args.token.context("give --token")?;
            let source = InstanceId { token_type: token, index: args.index.context("give --index")? };
            let index = args.issued_index.context("give --issued-index")?;
            let issued = InstanceId { token_type: args.issued_token.unwrap_or(token), index };
            let to = args.to.clone().context("give --to")?;
            let seconds = args.minutes.saturating_mul(60);
            if let Some(owner) = args.owner {
                let order = order(owner, genesis(context, args.chain).await?, source, issued, to, seconds)?;
                return Ok(unsigned(&order));
            }
            // Before anything is asked for: without a key there is nothing to do.
            let key = context.key()?;
            sign(&key, genesis(context, args.chain).await?, source, issued, to, seconds)?
        }
    };
    signed.signed().context("the order is not good")?;
    if let Some(file) = &args.out {
        write(file, &signed)?;
        let mut fields = fields(&signed.order);
        fields.push(("file", file.display().to_string()));
        return Ok(Report::object(json!({ "order": signed.order, "file": file }), &fields));
    }
    let InstanceId { token_type, index } = signed.order.source;
    let call = CallArgs {
        instance: InstanceArgs { token: token_type, index },
        method: method::TOKEN_TRANSFER.into(),
        params: serde_json::to_string(&signed)?,
        session: None,
        open: args.open,
        max_price: args.max_price,
        repeat: 1,
        receipt: args.receipt,
        save: args.save,
        signer: args.signer,
    };
    let (answered, report) = call::answered(context, call).await?;
    let result = Transferred::deserialize(&answered.paid.result).context("the node did not say what it did")?;
    let receipt = answered.paid.receipt;
    match as_ordered(&signed.order, &result, receipt.as_ref().map(|signed| &signed.receipt)) {
        Ok(()) => Ok(report),
        Err(problem) => {
            Err(Error::NotAsOrdered { node: answered.node, problem, receipt: receipt.map(Box::new) }.into())
        }
    }
}

/// What whoever holds the key elsewhere has to sign.
fn unsigned(order: &TransferOrder) -> Report {
    let mut fields = fields(order);
    let (form, what) = to_sign(&order.owner, order);
    fields.push(("to sign", what.to_string()));
    Report::object(json!({ "order": order, form: what }), &fields)
}

fn fields(order: &TransferOrder) -> Vec<(&'static str, String)> {
    let instance = |id: InstanceId| format!("instance {} of token type {}", id.index, id.token_type);
    let name = |principal: &Principal| principal.to_string();
    vec![
        ("destroyed", instance(order.source)),
        ("issued", instance(order.issued)),
        ("owner", name(&order.owner)),
        ("to", name(&order.to)),
        ("until", format!("{} (seconds since 1970)", order.valid_until)),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    const TO: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    const GENESIS: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";

    async fn transfer(more: &[&str]) -> Result<Report> {
        let all = [&["smartlayer", "--dev-key", "//Alice", "--chain", "ws://127.0.0.1:1", "transfer"], more].concat();
        let cli = Cli::try_parse_from(all)?;
        let Command::Transfer(args) = cli.command else { anyhow::bail!("another command") };
        run(&Context::new(cli.global), args).await
    }

    #[tokio::test]
    async fn an_order_is_signed_offline_and_what_is_none_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("order.json").display().to_string();
        let of = ["--token", "0", "--index", "7", "--issued-index", "8", "--to", TO, "--genesis", GENESIS];
        let out = [&of[..], &["--out", &file]].concat();
        transfer(&out).await.unwrap();
        assert!(transfer(&out).await.is_err(), "an existing file is not overwritten");
        let mut signed: SignedTransfer = read(Path::new(&file)).unwrap();
        assert_eq!(signed.signed(), Ok(()));
        assert_eq!(signed.order.issued, InstanceId { token_type: 0, index: 8 });

        // Somebody changed it: it is not even sent.
        signed.order.issued.index = 9;
        let forged = dir.path().join("forged.json");
        write(&forged, &signed).unwrap();
        let error = transfer(&["--order", &forged.display().to_string()]).await.err().unwrap();
        assert!(error.to_string().contains("not good"), "{error:#}");

        let wallet = ["--owner", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"];
        assert!(!transfer(&[&of[..], &wallet].concat()).await.unwrap().failed());
        for more in [&["--order", "x", "--to", TO][..], &["--token", "0"], &["--order", "/nonexistent/x"]] {
            assert!(transfer(more).await.is_err(), "{more:?}");
        }
        let same = ["--token", "0", "--index", "7", "--issued-index", "7", "--to", TO, "--genesis", GENESIS];
        assert!(transfer(&[&same[..], &["--out", "/nonexistent/x"]].concat()).await.is_err());
    }
}
