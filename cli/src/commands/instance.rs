//! Token instances.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{bail, Context as _, Result};
use serde::Deserialize;
use serde_json::json;
use smartlayer_chain_client::ChainClient;
use smartlayer_primitives::{assignment::Assignment, instance::InstanceState, payload::blake2_256, InstanceId};
use smartlayer_sdk::{anchor_services, place_instance, seal, Attested, Options, Payer, ServiceClient, TokenClient};
use std::sync::Arc;

use super::{issuer::hand_over, show::text};
use crate::{
    args::{InstanceArgs, InstanceCommand},
    context::{Context, TIMEOUT},
    output::{fields_text, table, Report},
};

impl From<InstanceArgs> for InstanceId {
    fn from(args: InstanceArgs) -> Self {
        Self { token_type: args.token, index: args.index }
    }
}

pub async fn run(context: &Context, command: InstanceCommand) -> Result<Report> {
    match command {
        InstanceCommand::Store { instance, token_id, values, private, script, anchor } => {
            let index = instance.index;
            let values = values.map(|file| read_values(&file, index)).transpose()?.unwrap_or_default();
            let private = private.map(|file| read_values(&file, index)).transpose()?.unwrap_or_default();
            if let Some(name) = private.keys().find(|name| values.contains_key(*name)) {
                bail!("{name} is both among the values and among the private ones");
            }
            let state = InstanceState { instance: instance.into(), token_id, values };
            store(context, state, private, &script, anchor).await
        }
        InstanceCommand::Show { instance } => show(context, instance.into()).await,
    }
}

/// A values file: one instance's values, or many instances' under `instances`.
#[derive(Deserialize)]
#[serde(untagged)]
enum ValuesFile {
    Many { instances: Vec<Entry> },
    One(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct Entry {
    index: u32,
    values: BTreeMap<String, String>,
}

fn read_values(file: &Path, index: u32) -> Result<BTreeMap<String, String>> {
    let name = file.display();
    let bytes = fs::read(file).with_context(|| format!("cannot read the values file {name}"))?;
    let parsed: ValuesFile = serde_json::from_slice(&bytes).map_err(|e| {
        anyhow::anyhow!("{name} is not a JSON object of strings, nor a list of instances with such: {e}")
    })?;
    match parsed {
        ValuesFile::One(values) => Ok(values),
        ValuesFile::Many { instances } => {
            let entry = instances.into_iter().find(|e| e.index == index);
            Ok(entry.with_context(|| format!("{name} has no instance with index {index}"))?.values)
        }
    }
}

async fn store(
    context: &Context,
    mut state: InstanceState,
    private: BTreeMap<String, String>,
    script: &Path,
    anchor: Option<String>,
) -> Result<Report> {
    let key = context.key()?;
    let script_bytes =
        fs::read(script).with_context(|| format!("cannot read the token script {}", script.display()))?;
    let chain = context.chain().await?;
    let view = chain.finalized()?;
    let InstanceId { token_type, index } = state.instance;
    let token = view.token(token_type).await?;
    let token = token.with_context(|| format!("there is no finalised token type {token_type}"))?;
    if token.issuer != key.account() {
        bail!("only {} can store instances of token type {token_type}; the key is of {}", token.issuer, key.account());
    }
    if token.spec.script_hash != blake2_256(&script_bytes) {
        bail!("{} is not the registered script; its hash has to be {:?}", script.display(), token.spec.script_hash);
    }
    let instance = state.instance;
    let has_private = !private.is_empty();
    seal::add(&mut state.values, &seal::instance_key(&key, &chain.genesis_hash(), instance), instance, private)?;
    let anchors = match anchor {
        Some(url) => vec![ServiceClient::with_http(context.http.clone(), url)],
        None => anchor_services(&view, &context.http).await?,
    };
    let mut failures = Vec::new();
    for anchor in &anchors {
        context.say(&format!("asking the anchor at {}", anchor.url()));
        match place_instance(&chain, anchor, &key, &state, script_bytes.clone()).await {
            Ok(placed) => {
                let holders = &placed.holders;
                let rows: Vec<_> = holders
                    .serving
                    .iter()
                    .map(|h| vec!["serves".into(), h.account.to_string(), h.endpoint.clone().unwrap_or_default()])
                    .chain(
                        holders
                            .shards
                            .iter()
                            .map(|s| vec![format!("shard {}", s.shard), s.account.to_string(), String::new()]),
                    )
                    .collect();
                let text = format!(
                    "instance {index} of token type {token_type} is stored (version {})\n\n{}",
                    holders.version,
                    table(&["role", "node", "endpoint"], &rows)
                );
                let report = Report::new(serde_json::to_value(holders)?, text);
                if !has_private {
                    return Ok(report);
                }
                // One anchor's word is not enough to give a key away.
                let attested = Attested::placed(&chain, &placed, &state).await.with_context(|| {
                    format!(
                        "the anchor at {} says that it stored instance {index} of token type {token_type}, but does not show it; no node \
                         was given the key to its private values; store it again, with another --anchor",
                        anchor.url()
                    )
                })?;
                let handed = hand_over(context, &chain, &key, &attested).await;
                // One is enough: the others ask it.
                let some_took_it = handed.iter().any(|(_, outcome)| outcome.is_ok());
                return match handed.into_iter().find_map(|(_, outcome)| outcome.err()) {
                    Some(e) if !some_took_it => Err(anyhow::Error::from(e).context(format!(
                        "instance {index} of token type {token_type} is stored, but no node that serves it took the key to its private values; \
                         hand it over again with smartlayer issuer unlock"
                    ))),
                    _ => Ok(report),
                };
            }
            Err(e) => failures.push(e),
        }
    }
    match failures.pop() {
        Some(last) => Err(last.into()),
        None => bail!("there is no active anchor; give one with --anchor URL"),
    }
}

/// Who serves and holds an instance, attested by the anchors, if also by such as are active no more.
async fn assignment(chain: &ChainClient, instance: InstanceId) -> Result<Arc<Assignment>> {
    // Looking costs nothing, so any key does; this one signs nothing.
    let nobody = smartlayer_chain_client::Keypair::from_seed(&[0; 32]);
    let options = Options { timeout: TIMEOUT, ..Options::default() };
    Ok(TokenClient::new(Payer::new(chain.clone(), nobody), options).assignment(instance, true).await?)
}

async fn show(context: &Context, instance: InstanceId) -> Result<Report> {
    let chain = context.chain().await?;
    let assignment = assignment(&chain, instance).await?;
    let view = chain.finalized()?;
    let mut endpoints = BTreeMap::new();
    for node in assignment.serving.iter().chain(assignment.holdings.iter().map(|h| &h.node)) {
        if let Some(stored) = view.node(node).await? {
            endpoints.insert(node.clone(), text(&stored.endpoint));
        }
    }
    let Assignment { version, period, state_hash, coding, serving, holdings, .. } = &*assignment;
    let endpoint = |node| endpoints.get(node).cloned().unwrap_or_default();
    let rows: Vec<_> = serving
        .iter()
        .enumerate()
        .map(|(i, n)| (if i == 0 { "serves, executes".into() } else { "serves".to_owned() }, n))
        .chain(holdings.iter().map(|h| (format!("shard {}", h.shard), &h.node)))
        .map(|(role, node)| vec![role, node.to_string(), endpoint(node)])
        .collect();
    let fields = [
        ("token type", instance.token_type.to_string()),
        ("index", instance.index.to_string()),
        ("version", version.to_string()),
        ("placed in period", period.to_string()),
        ("state hash", format!("{state_hash:?}")),
        ("state", format!("{} bytes, any {} shards restore it", coding.length, coding.threshold)),
    ];
    let value = json!({
        "tokenType": instance.token_type,
        "index": instance.index,
        "version": version,
        "period": period,
        "stateHash": state_hash,
        "stateBytes": coding.length,
        "threshold": coding.threshold,
        "serving": serving.iter().map(|n| json!({ "account": n, "endpoint": endpoint(n) })).collect::<Vec<_>>(),
        "shards": holdings.iter().map(|h| json!({ "account": h.node, "shard": h.shard, "root": h.root })).collect::<Vec<_>>(),
    });
    Ok(Report::new(value, format!("{}\n{}", fields_text(&fields), table(&["role", "node", "endpoint"], &rows))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_values_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("values.json");
        let read = |text: &str, index| {
            fs::write(&file, text).unwrap();
            read_values(&file, index)
        };
        let seat = BTreeMap::from([("seat".to_owned(), "12A".to_owned())]);
        assert_eq!(read(r#"{"seat": "12A"}"#, 5).unwrap(), seat);
        let many =
            r#"{"instances": [{"index": 1, "tokenId": "9", "values": {}}, {"index": 2, "values": {"seat": "12A"}}]}"#;
        assert_eq!(read(many, 2).unwrap(), seat);
        assert!(read(many, 3).unwrap_err().to_string().contains("no instance with index 3"));
        assert!(read(r#"{"seat": 12}"#, 1).is_err());
        assert!(read("no json", 1).is_err());
    }
}
