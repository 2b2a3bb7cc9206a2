//! Token types.

use std::fs;

use anyhow::{bail, Context as _, Result};
use serde_json::{json, Value};
use smartlayer_chain_client::{calls, Event};
use smartlayer_primitives::{
    operation::{ISSUE, TRANSFER},
    payload::blake2_256,
    sla::Objectives,
    token::{Redundancy, TokenSpec, TokenType},
    TokenTypeId,
};
use smartlayer_token_script::Limits;

use super::show::{objectives, percent, planck, slt, text};
use crate::{
    args::{RegisterArgs, TokenCommand},
    context::Context,
    output::{table, Report},
};

pub async fn run(context: &Context, command: TokenCommand) -> Result<Report> {
    match command {
        TokenCommand::Register(args) => register(context, args).await,
        TokenCommand::Show { token } => show(context, token).await,
        TokenCommand::List => list(context).await,
    }
}

async fn register(context: &Context, args: RegisterArgs) -> Result<Report> {
    let key = context.key()?;
    let spec = spec(&args)?;
    let chain = context.chain().await?;
    let view = chain.best().await?;
    let rent = view.rent_quote(spec.redundancy, args.periods).await?;
    let rent =
        rent.context("the chain has no rent for this redundancy; 1 ≤ threshold ≤ shards, and at most 16 serve")?;
    let free = view.balance(&key.account()).await?.free;
    if free <= rent {
        bail!("{} costs {} of rent, but {} has only {}", periods(args.periods), slt(rent), key.account(), slt(free));
    }
    context.say(&format!("registering; {} of rent cost {}", periods(args.periods), slt(rent)));
    let included = chain.submit_finalized(&key, calls::smart_tokens::register(spec.clone(), args.periods)).await?;
    let registered = included.events.iter().find_map(|event| match event {
        Event::TokenRegistered { token_type, .. } => Some(*token_type),
        _ => None,
    });
    let token_type = registered.context("the chain did not say which number the token type got")?;
    let value = json!({
        "tokenType": token_type,
        "issuer": key.account(),
        "scriptHash": spec.script_hash,
        "rent": planck(rent),
        "fee": planck(included.fee),
        "block": included.block.hash,
    });
    let fields = [
        ("token type", token_type.to_string()),
        ("issuer", key.account().to_string()),
        ("script hash", format!("{:?}", spec.script_hash)),
        ("rent paid", format!("{} for {}", slt(rent), periods(args.periods))),
        ("fee", slt(included.fee)),
        ("block", included.block.number.to_string()),
    ];
    Ok(Report::object(value, &fields))
}

fn periods(count: u32) -> String {
    match count {
        1 => "1 period".into(),
        n => format!("{n} periods"),
    }
}

/// What is registered, checked as far as it can be before it costs anything.
fn spec(args: &RegisterArgs) -> Result<TokenSpec> {
    let name = args.script.display();
    let script = fs::read(&args.script).with_context(|| format!("cannot read the token script {name}"))?;
    let parsed = smartlayer_token_script::parse(&script, &Limits::default())
        .with_context(|| format!("service nodes would refuse the token script {name}"))?;
    for operation in &args.key_operations {
        // These two are the sides of a transfer: nobody calls an action for them.
        let of_transfers = [TRANSFER, ISSUE].contains(&operation.as_str());
        if !of_transfers && parsed.action(operation).is_none() {
            let actions: Vec<_> = parsed.actions().map(|a| a.name.as_str()).collect();
            bail!("the token script has no action {operation:?}; its actions are: {}", actions.join(", "));
        }
    }
    let redundancy = Redundancy { serving: args.serving, shards: args.shards, threshold: args.threshold };
    let any = Objectives::default();
    let requirement = Objectives {
        availability: args.availability.unwrap_or(any.availability),
        p95_latency_ms: args.p95_ms.unwrap_or(any.p95_latency_ms),
        throughput: args.throughput.unwrap_or(any.throughput),
        bandwidth_kbit: args.bandwidth_kbit.unwrap_or(any.bandwidth_kbit),
        storage_mib: args.storage_mib.unwrap_or(any.storage_mib),
    };
    let uris: Vec<_> = args
        .uris
        .iter()
        .map(|uri| {
            uri.clone().into_bytes().try_into().map_err(|_| anyhow::anyhow!("the URI {uri} is longer than 256 bytes"))
        })
        .collect::<Result<_>>()?;
    let operations: Vec<_> = args
        .key_operations
        .iter()
        .map(|o| {
            o.clone()
                .into_bytes()
                .try_into()
                .map_err(|_| anyhow::anyhow!("the action's name {o} is longer than 64 bytes"))
        })
        .collect::<Result<_>>()?;
    Ok(TokenSpec {
        script_hash: blake2_256(&script),
        script_uris: uris.try_into().map_err(|_| anyhow::anyhow!("a token type has at most 4 URIs"))?,
        requirement,
        redundancy,
        key_operations: operations
            .try_into()
            .map_err(|_| anyhow::anyhow!("a token type has at most 32 key operations"))?,
        revenue_share: args.revenue_share,
    })
}

fn value(id: TokenTypeId, token: &TokenType) -> Value {
    let spec = &token.spec;
    json!({
        "tokenType": id,
        "issuer": token.issuer,
        "scriptHash": spec.script_hash,
        "scriptUris": spec.script_uris.iter().map(|u| text(u)).collect::<Vec<_>>(),
        "keyOperations": spec.key_operations.iter().map(|o| text(o)).collect::<Vec<_>>(),
        "serving": spec.redundancy.serving,
        "shards": spec.redundancy.shards,
        "threshold": spec.redundancy.threshold,
        "requirement": spec.requirement,
        "revenueShare": spec.revenue_share.deconstruct(),
        "paidUntil": token.paid_until,
    })
}

async fn show(context: &Context, id: TokenTypeId) -> Result<Report> {
    let view = context.chain().await?.best().await?;
    let token = view.token(id).await?;
    let token = token.with_context(|| format!("there is no token type {id}; list them with: smartlayer token list"))?;
    let running = view.clock().await?.map(|c| c.period);
    let spec = &token.spec;
    let joined = |names: Vec<String>| if names.is_empty() { "none".into() } else { names.join(", ") };
    let fields = [
        ("token type", id.to_string()),
        ("issuer", token.issuer.to_string()),
        ("script hash", format!("{:?}", spec.script_hash)),
        ("script", joined(spec.script_uris.iter().map(|u| text(u)).collect())),
        ("key operations", joined(spec.key_operations.iter().map(|o| text(o)).collect())),
        (
            "redundancy",
            format!(
                "{} serve, any {} of {} shards restore",
                spec.redundancy.serving, spec.redundancy.threshold, spec.redundancy.shards
            ),
        ),
        ("nodes must promise", objectives(&spec.requirement)),
        ("the issuer's share", percent(spec.revenue_share)),
        (
            "rent paid until",
            match running {
                Some(now) if now >= token.paid_until => {
                    format!("period {}: over, it is period {now}", token.paid_until)
                }
                Some(now) => format!("period {} (it is period {now})", token.paid_until),
                None => format!("period {}", token.paid_until),
            },
        ),
    ];
    Ok(Report::object(value(id, &token), &fields))
}

async fn list(context: &Context) -> Result<Report> {
    let mut tokens = context.chain().await?.best().await?.tokens().await?;
    tokens.sort_by_key(|(id, _)| *id);
    let rows: Vec<_> = tokens
        .iter()
        .map(|(id, t)| {
            let operations: Vec<_> = t.spec.key_operations.iter().map(|o| text(o)).collect();
            vec![id.to_string(), t.issuer.to_string(), t.paid_until.to_string(), operations.join(",")]
        })
        .collect();
    let values: Vec<_> = tokens.iter().map(|(id, t)| value(*id, t)).collect();
    Ok(Report::new(values.into(), table(&["type", "issuer", "paid until", "key operations"], &rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn registered(operations: &[&str]) -> Result<TokenSpec> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/flight-ticket/flight-ticket.tsml");
        let mut all = vec!["smartlayer", "token", "register", "--script", script, "--uri", "https://example.org/x"];
        all.extend(operations.iter().flat_map(|operation| ["--key-operation", operation]));
        match Cli::try_parse_from(all)?.command {
            Command::Token(TokenCommand::Register(args)) => spec(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn key_operations_are_actions_or_the_sides_of_a_transfer() {
        let script = include_bytes!("../../../examples/flight-ticket/flight-ticket.tsml");
        let parsed = smartlayer_token_script::parse(script, &Limits::default()).unwrap();
        let action = parsed.actions().next().unwrap().name.to_string();
        assert!(parsed.action(TRANSFER).is_none() && parsed.action(ISSUE).is_none());
        let spec = registered(&[&action, TRANSFER, ISSUE]).unwrap();
        assert_eq!((spec.kind_of(TRANSFER), spec.kind_of(ISSUE)), (Some(1), Some(2)));
        let refused = registered(&[TRANSFER, "no-such-action"]).unwrap_err().to_string();
        assert!(refused.contains("no-such-action") && refused.contains(&action), "{refused}");
    }
}
