//! What issuers say about their token instances after these were stored.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{bail, Context as _, Result};
use serde::Deserialize;
use serde_json::json;
use smartlayer_chain_client::{ChainClient, Keypair};
use smartlayer_primitives::{AccountId, InstanceId};
use smartlayer_sdk::{
    api::rpc::{FeedState, PublishStatus, Unlocked},
    issuer_feed, publish_update, seal, Attested, ServiceClient, StateUpdate,
};

use crate::{
    args::{IssuerCommand, PublishArgs},
    context::Context,
    output::{fields_text, table, Report},
};

/// The largest file of updates that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

pub async fn run(context: &Context, command: IssuerCommand) -> Result<Report> {
    match command {
        IssuerCommand::Publish(args) => publish(context, args).await,
        IssuerCommand::Unlock { instance } => unlock(context, instance.into()).await,
        IssuerCommand::Feed { node, instance } => {
            let service = ServiceClient::with_http(context.http.clone(), node);
            let state = issuer_feed(&service, instance.into()).await?;
            Ok(Report::object(serde_json::to_value(&state)?, &fields(&state)))
        }
    }
}

async fn unlock(context: &Context, instance: InstanceId) -> Result<Report> {
    let key = context.key()?;
    let chain = context.chain().await?;
    let attested = Attested::find(&chain, &context.http, instance).await?;
    let handed = hand_over(context, &chain, &key, &attested).await;
    let rows: Vec<_> = handed
        .iter()
        .map(|(node, outcome)| {
            vec![node.to_string(), outcome.as_ref().map_or_else(ToString::to_string, |o| outcome_text(*o).into())]
        })
        .collect();
    let nodes: Vec<_> = handed
        .iter()
        .map(|(node, outcome)| match outcome {
            Ok(Unlocked { changed }) => json!({ "account": node, "changed": changed }),
            Err(e) => json!({ "account": node, "error": e.to_string() }),
        })
        .collect();
    let all_failed = handed.iter().all(|(_, outcome)| outcome.is_err());
    let report = Report::new(json!({ "nodes": nodes }), table(&["node", "key"], &rows));
    Ok(report.failing(all_failed))
}

fn outcome_text(Unlocked { changed }: Unlocked) -> &'static str {
    match changed {
        true => "took it",
        false => "had it already",
    }
}

/// Hands the key to an instance's sealed values to the nodes that serve it as the anchors attested; says of each how that went.
pub(super) async fn hand_over(
    context: &Context,
    chain: &ChainClient,
    issuer: &Keypair,
    attested: &Attested,
) -> Vec<(AccountId, Result<Unlocked, smartlayer_sdk::Error>)> {
    let assignment = attested.assignment();
    let key = seal::instance_key(issuer, &chain.genesis_hash(), assignment.instance);
    let mut handed = Vec::new();
    for node in &assignment.serving {
        context.say(&format!("handing the key to {node}"));
        handed.push((node.clone(), seal::unlock(chain, &context.http, node, attested, &key).await));
    }
    handed
}

fn fields(state: &FeedState) -> Vec<(&'static str, String)> {
    let missing = state.missing.map_or_else(|| "none".into(), |m| format!("{} to {}", m.first, m.last));
    vec![
        ("last update", state.sequence.to_string()),
        ("next number", state.sequence.saturating_add(1).to_string()),
        ("missing", missing),
        ("waiting", state.waiting.to_string()),
        ("since the last reset", format!("{} (after 1000 the next has to be a reset)", state.since_reset)),
        ("changes", state.last_change.to_string()),
    ]
}

/// One update of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The instance's index; that of the command line if absent.
    index: Option<u32>,
    /// New values by name; null removes one.
    #[serde(default)]
    values: BTreeMap<String, Option<String>>,
    /// New values by name, to be sealed.
    #[serde(default)]
    private: BTreeMap<String, String>,
    #[serde(default)]
    reset: bool,
}

async fn publish(context: &Context, args: PublishArgs) -> Result<Report> {
    let entries = entries(&args)?;
    let key = context.key()?;
    let genesis = context.chain().await?.genesis_hash();
    let service = ServiceClient::with_http(context.http.clone(), args.node.clone());
    let mut next = BTreeMap::new();
    let (mut values, mut text) = (Vec::new(), String::new());
    for Entry { index, values: mut set, private, reset } in entries {
        let index = index.or(args.index).context("an update names no instance; give --index N")?;
        let instance = InstanceId { token_type: args.token, index };
        let sealing = seal::instance_key(&key, &genesis, instance);
        for (name, value) in private {
            let sealed = sealing.seal(instance, &name, &value)?;
            if set.insert(name.clone(), Some(sealed)).is_some() {
                bail!("{name} is named twice");
            }
        }
        let sequence = match (next.get(&index), args.sequence) {
            (Some(sequence), _) => *sequence,
            (None, Some(sequence)) => sequence,
            (None, None) => {
                let state = issuer_feed(&service, instance).await;
                let state = state.context("cannot ask for the next number; an anchor keeps none, give --sequence N")?;
                state.sequence.saturating_add(1)
            }
        };
        next.insert(index, sequence.saturating_add(1));
        let issued_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let update = StateUpdate { instance, sequence, reset, values: set, issued_at };
        let published = publish_update(&service, &genesis, &key, update)
            .await
            .with_context(|| format!("update {sequence} of instance {index} was not published"))?;
        let status = match (published.status, published.missing) {
            (PublishStatus::Waiting, Some(missing)) => {
                format!("waits for updates {} to {}", missing.first, missing.last)
            }
            (PublishStatus::Waiting, None) => "waits for those before it".into(),
            (PublishStatus::Applied, _) => "is in force".into(),
            (PublishStatus::Known, _) => "was there already".into(),
            (PublishStatus::PassedOn, _) => "was passed on".into(),
        };
        text += &fields_text(&[(
            "update",
            format!("{sequence} of instance {index} of token type {} {status}", args.token),
        )]);
        values.push(serde_json::to_value(&published)?);
    }
    Ok(match values.len() {
        1 => Report::new(values.pop().unwrap_or(json!(null)), text),
        _ => Report::lines(values, text),
    })
}

/// What is to be published: of the file, or else of the command line.
fn entries(args: &PublishArgs) -> Result<Vec<Entry>> {
    if let Some(file) = &args.file {
        let entries = read(file)?;
        if entries.is_empty() {
            bail!("{} holds no update", file.display());
        }
        return Ok(entries);
    }
    let mut values = BTreeMap::new();
    let set = args.set.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
    for (name, value) in set.chain(args.unset.iter().map(|name| (name.clone(), None))) {
        if values.insert(name.clone(), value).is_some() {
            bail!("{name} is named twice");
        }
    }
    let mut private = BTreeMap::new();
    for (name, value) in &args.set_private {
        if values.contains_key(name) || private.insert(name.clone(), value.clone()).is_some() {
            bail!("{name} is named twice");
        }
    }
    if values.is_empty() && private.is_empty() && !args.reset {
        bail!("nothing to publish: give --set NAME=VALUE, --unset NAME, --file FILE, or --reset to remove all values");
    }
    Ok(vec![Entry { index: args.index, values, private, reset: args.reset }])
}

fn read(file: &Path) -> Result<Vec<Entry>> {
    let name = file.display();
    let input: Box<dyn io::Read> = match file == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(fs::File::open(file).with_context(|| format!("cannot read the updates in {name}"))?),
    };
    let mut text = String::new();
    input.take(MAX_FILE).read_to_string(&mut text).with_context(|| format!("cannot read the updates in {name}"))?;
    let example = r#"[{"index": 7, "values": {"gate": "C3", "delay": null}}]"#;
    serde_json::from_str(&text).with_context(|| format!("{name} is not a JSON list of updates such as {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn parsed(words: &[&str]) -> Result<Vec<Entry>> {
        let all = ["smartlayer", "issuer", "publish", "--node", "http://n", "--token-type", "0", "--index", "7"];
        match Cli::try_parse_from(all.iter().chain(words))?.command {
            Command::Issuer(IssuerCommand::Publish(args)) => entries(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_come_from_the_command_line() {
        let entry = parsed(&["--set", "gate=C3", "--set", "note=a=b", "--unset", "delay"]).unwrap().remove(0);
        let expected: BTreeMap<_, _> = [
            ("gate".to_owned(), Some("C3".to_owned())),
            ("note".to_owned(), Some("a=b".to_owned())),
            ("delay".to_owned(), None),
        ]
        .into();
        assert_eq!((entry.index, entry.values, entry.reset), (Some(7), expected, false));
        assert!(parsed(&["--reset"]).unwrap()[0].reset);
        assert!(parsed(&[]).is_err());
        assert!(parsed(&["--set", "gate"]).is_err());
        assert!(parsed(&["--set", "=x"]).is_err());
        assert!(parsed(&["--set", "gate=1", "--unset", "gate"]).is_err());
        assert!(parsed(&["--file", "x.json", "--set", "gate=1"]).is_err());
    }

    #[test]
    fn values_come_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("updates.json");
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            parsed(&["--file", file.to_str().unwrap()])
        };
        let entries = read(r#"[{"values": {"gate": "C3", "delay": null}}, {"index": 8, "reset": true}]"#).unwrap();
        assert_eq!((entries[0].index, entries[0].values["gate"].as_deref()), (None, Some("C3")));
        assert_eq!((entries[0].values["delay"].as_deref(), entries[0].reset), (None, false));
        assert_eq!((entries[1].index, entries[1].reset), (Some(8), true));
        for bad in ["[]", "{}", r#"[{"values": {"gate": 3}}]"#, r#"[{"vlaues": {}}]"#, "no json"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
