//! Proofs from the snapshot.

use std::{fs, path::Path};

use anyhow::{bail, Context as _, Result};
use serde_json::json;
use smartlayer_answer_proof::{SavedAnswer, MAX_SAVED_BYTES};
use smartlayer_api_types::{rpc::Proof, x402::ReceiptJson, HexBytes};
use smartlayer_chain_client::ChainClient;
use smartlayer_primitives::{
    receipt::{Issued, SignedReceipt},
    InstanceId,
};
use smartlayer_sdk::{
    anchor_services,
    grant::Principal,
    prove::{prove_operation, WantedOperation},
    ServiceClient,
};

use super::{
    call::ReceiptFile,
    show::{planck, slt, text},
    verify::read_bounded,
};
use crate::{args::ProveArgs, context::Context, output::Report};

pub async fn run(context: &Context, args: ProveArgs) -> Result<Report> {
    let chain = context.chain().await?;
    let wanted = wanted(&chain, &args).await?;
    let anchors = match args.anchor {
        Some(url) => vec![ServiceClient::with_http(context.http.clone(), url)],
        None => anchor_services(&chain.finalized()?, &context.http).await?,
    };
    if anchors.is_empty() {
        bail!("there is no active anchor to ask for the proof; give one with --anchor URL");
    }
    let proved = prove_operation(&chain, &anchors, &wanted).await?;
    if let Some(path) = &args.save {
        let proof = Proof {
            period: proved.commitment.commitment.period,
            commitment: proved.commitment.hash,
            leaf: HexBytes::of(&proved.operation),
            proof: HexBytes::of(&proved.proof),
        };
        let mut saved = read_saved(path)?;
        saved.proof = Some(proof);
        fs::write(path, serde_json::to_vec_pretty(&saved)?)
            .with_context(|| format!("cannot write the proof to {}", path.display()))?;
    }
    let (operation, commitment) = (&proved.operation, &proved.commitment);
    let token = chain.finalized()?.token(operation.instance.token_type).await?;
    let name = token.and_then(|t| t.spec.key_operations.get(operation.kind as usize).map(|o| text(o)));
    let name = name.unwrap_or_else(|| format!("kind {}", operation.kind));
    let receipt = &operation.receipt.receipt;
    let value = json!({
        "proved": true,
        "tokenType": operation.instance.token_type,
        "index": operation.instance.index,
        "operation": name,
        "kind": operation.kind,
        "period": commitment.commitment.period,
        "commitment": commitment.hash,
        "block": commitment.block,
        "node": receipt.node,
        "charged": planck(receipt.charged),
        "receipt": ReceiptJson::from(&operation.receipt),
        "leaf": HexBytes::of(operation),
        "proof": HexBytes::of(&proved.proof),
    });
    let mut fields = vec![
        (
            "proved",
            format!("{name} on instance {} of token type {}", operation.instance.index, operation.instance.token_type),
        ),
        ("in period", commitment.commitment.period.to_string()),
        ("by the commitment", format!("{:?}", commitment.hash)),
        ("in block", format!("{}, finalised", commitment.block)),
        ("executed by", receipt.node.to_string()),
        ("charged", slt(receipt.charged)),
    ];
    if let Some(Issued { instance, owner, .. }) = operation.issued() {
        let (index, token_type, owner) = (instance.index, instance.token_type, Principal::from(owner.clone()));
        fields.insert(1, ("issued", format!("instance {index} of token type {token_type}, to {owner}")));
    }
    Ok(Report::object(value, &fields))
}

/// An answer that `call --save` wrote.
pub fn read_saved(path: &Path) -> Result<SavedAnswer> {
    let bytes = read_bounded(path, MAX_SAVED_BYTES)?;
    SavedAnswer::read(&bytes).with_context(|| format!("{} is not a saved answer", path.display()))
}

async fn wanted(chain: &ChainClient, args: &ProveArgs) -> Result<WantedOperation> {
    if let Some(path) = &args.save {
        let saved = read_saved(path)?;
        let name = path.display();
        let receipt = saved.receipt().with_context(|| format!("there is no receipt in {name}"))?;
        let receipt = SignedReceipt::try_from(receipt).with_context(|| format!("the signature in {name}"))?;
        let executed = receipt.receipt.operation.as_ref();
        let executed =
            executed.with_context(|| format!("the call in {name} was no key operation, so it was not recorded"))?;
        let (instance, kind) = (executed.instance, executed.kind);
        return Ok(WantedOperation { instance, kind, receipt: Some(receipt), period: args.period });
    }
    if let Some(path) = &args.receipt {
        let name = path.display();
        let bytes = fs::read(path).with_context(|| format!("cannot read the receipt {name}"))?;
        let file: ReceiptFile =
            serde_json::from_slice(&bytes).with_context(|| format!("{name} is not a receipt file"))?;
        let kind = file
            .operation
            .with_context(|| format!("the call of {name} was no key operation, so it was not recorded"))?;
        let receipt = SignedReceipt::try_from(&file.receipt).with_context(|| format!("the signature in {name}"))?;
        return Ok(WantedOperation {
            instance: file.instance.into(),
            kind,
            receipt: Some(receipt),
            period: args.period,
        });
    }
    let (Some(token_type), Some(index), Some(operation)) = (args.token, args.index, &args.operation) else {
        bail!("give --receipt, --save, or --token, --index and --operation");
    };
    let token = chain.finalized()?.token(token_type).await?;
    let token = token.with_context(|| format!("there is no token type {token_type}"))?;
    let names: Vec<_> = token.spec.key_operations.iter().map(|o| text(o)).collect();
    let kind = names.iter().position(|n| n == operation);
    let kind = kind.with_context(|| {
        format!("token type {token_type} has no key operation {operation:?}; it has: {}", names.join(", "))
    })?;
    let kind = u8::try_from(kind).context("more key operations than there can be")?;
    Ok(WantedOperation { instance: InstanceId { token_type, index }, kind, receipt: None, period: args.period })
}
