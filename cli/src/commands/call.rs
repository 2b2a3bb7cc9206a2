//! Paid calls.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{bail, Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use smartlayer_answer_proof::SavedAnswer;
use smartlayer_api_types::{x402::ReceiptJson, Instance};
use smartlayer_primitives::{receipt::SignedReceipt, AccountId, Balance, InstanceId};
use smartlayer_sdk::{node_service, Answered, Options, Paid, Payer, TokenClient};

use super::show::{planck, slt};
use crate::{
    args::CallArgs,
    context::{Context, TIMEOUT},
    output::{fields_text, Report},
};

/// What `--receipt` writes, and `prove --receipt` reads.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceiptFile {
    /// On which instance.
    pub instance: Instance,
    /// Which key operation the call was; absent if it was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u8>,
    /// The node's receipt.
    pub receipt: ReceiptJson,
}

pub async fn run(context: &Context, args: CallArgs) -> Result<Report> {
    Ok(answered(context, args).await?.1)
}

/// The last answer, and the report of all of them.
pub(super) async fn answered(context: &Context, args: CallArgs) -> Result<(Answered<Value>, Report)> {
    let instance = InstanceId::from(args.instance);
    let params: Value = serde_json::from_str(&args.params).context("--params is not JSON")?;
    if !params.is_object() {
        bail!("--params is not a JSON object; write for example '{{\"action\":\"redeem\"}}'");
    }
    let chain = context.chain().await?;
    let signer = context.signer(args.signer.as_deref())?;
    let payer = context.payer(chain.clone(), context.key_or(&signer)?, signer)?;
    match args.session {
        Some(session) => {
            payer.adopt(session).await?;
        }
        None => adopt_all(&payer).await?,
    }
    let options = Options { limit: args.max_price, open_with: args.open, timeout: TIMEOUT };
    let tokens = TokenClient::new(payer.clone(), options);

    let mut tally = Tally::default();
    let mut last = None;
    for _ in 0..args.repeat {
        let answered = match args.session {
            None => tokens.call::<Value>(instance, &args.method, params.clone()).await?,
            Some(session) => {
                let node = payer.adopt(session).await?.node;
                let service = node_service(&chain, &context.http, &node).await?;
                let mut params = params.clone();
                params["instance"] = serde_json::to_value(Instance::from(instance))?;
                let paid = payer.call::<Value>(&service, session, &args.method, params, args.max_price).await?;
                Answered { paid, node, session, failed: Vec::new() }
            }
        };
        for (node, reason) in &answered.failed {
            context.say(&format!("{node} did not answer: {reason}"));
        }
        tally.add(&answered);
        last = Some(answered);
    }
    let answered = last.context("--repeat is at least 1")?;
    if let Some(file) = &args.receipt {
        let receipt = answered.paid.receipt.as_ref().context("the call was free, so there is no receipt")?;
        write_receipt(file, instance, &answered.paid.result, receipt)?;
    }
    if let Some(file) = &args.save {
        let saved = saved(answered.paid.clone())?;
        fs::write(file, serde_json::to_vec_pretty(&saved)?)
            .with_context(|| format!("cannot write the answer to {}", file.display()))?;
    }
    let left = payer.sessions().into_iter().find(|b| b.session == answered.session).map(|b| b.left());
    let report = report(&answered, &tally, left);
    Ok((answered, report))
}

/// Takes up the sessions that are open on the chain but unknown here. Without them there is nothing to pay from.
async fn adopt_all(payer: &Payer) -> Result<()> {
    if !payer.sessions().is_empty() {
        return Ok(());
    }
    for (session, _) in payer.chain().finalized()?.sessions_of_payer(&payer.account()).await? {
        // One with another signer is not ours to promise from.
        let _ = payer.adopt(session).await;
    }
    Ok(())
}

fn write_receipt(file: &Path, instance: InstanceId, result: &Value, receipt: &SignedReceipt) -> Result<()> {
    let operation = result.get("operation").and_then(Value::as_u64).and_then(|kind| u8::try_from(kind).ok());
    let content = ReceiptFile { instance: instance.into(), operation, receipt: receipt.into() };
    fs::write(file, serde_json::to_vec_pretty(&content)?)
        .with_context(|| format!("cannot write the receipt to {}", file.display()))
}

/// What `--save` writes, and `verify` reads.
fn saved(paid: Paid<Value>) -> Result<SavedAnswer> {
    let text = |bytes| String::from_utf8(bytes).context("the answer is not UTF-8, so it can't be saved");
    let settlement =
        paid.settlement.context("the call was free, so nobody is bound to the answer and there is nothing to save")?;
    Ok(SavedAnswer::new(text(paid.request)?, text(paid.body)?, settlement))
}

/// What many calls came to.
#[derive(Default)]
struct Tally {
    calls: u32,
    charged: Balance,
    latencies: Vec<Duration>,
    by_node: BTreeMap<AccountId, u32>,
}

impl Tally {
    fn add(&mut self, answered: &Answered<Value>) {
        self.calls += 1;
        self.charged = self.charged.saturating_add(answered.paid.charged());
        self.latencies.push(answered.paid.latency);
        *self.by_node.entry(answered.node.clone()).or_default() += 1;
    }

    /// The latency that this share of the calls did not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

fn report(answered: &Answered<Value>, tally: &Tally, left: Option<Balance>) -> Report {
    let Answered { paid, node, session, failed } = answered;
    let milliseconds = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e3;
    let receipt = paid.receipt.as_ref().map(ReceiptJson::from);
    let mut value = json!({
        "result": paid.result,
        "node": node,
        "session": session,
        "charged": planck(paid.charged()),
        "latencyMs": milliseconds(paid.latency),
        "left": left.map(planck),
        "receipt": receipt,
        "failed": failed.iter().map(|(node, reason)| json!({ "node": node, "reason": reason })).collect::<Vec<_>>(),
    });
    let pretty = serde_json::to_string_pretty(&paid.result).unwrap_or_default();
    let mut fields = vec![("node", node.to_string()), ("session", format!("{session:?}"))];
    match &paid.receipt {
        Some(receipt) => fields.push(("charged", format!("{} (receipt checked)", slt(receipt.receipt.charged)))),
        None => fields.push(("charged", "nothing".into())),
    }
    fields.push(("answered in", format!("{} ms", milliseconds(paid.latency))));
    if let Some(left) = left {
        fields.push(("left in session", slt(left)));
    }
    if tally.calls > 1 {
        let by_node: BTreeMap<String, u32> = tally.by_node.iter().map(|(n, c)| (n.to_string(), *c)).collect();
        value["calls"] = json!({
            "count": tally.calls,
            "charged": planck(tally.charged),
            "p50Ms": milliseconds(tally.percentile(50)),
            "p95Ms": milliseconds(tally.percentile(95)),
            "byNode": by_node,
        });
        fields.push(("calls", format!("{}, {} in all", tally.calls, slt(tally.charged))));
        let (p50, p95) = (milliseconds(tally.percentile(50)), milliseconds(tally.percentile(95)));
        fields.push(("latency", format!("{p50} ms median, {p95} ms 95th percentile")));
        fields.extend(by_node.into_iter().map(|(node, count)| ("answered by", format!("{node}: {count}"))));
    }
    Report::new(value, format!("{pretty}\n\n{}", fields_text(&fields)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_calls_made() {
        let tally = Tally { latencies: (1..=100).rev().map(Duration::from_millis).collect(), ..Default::default() };
        assert_eq!(tally.percentile(50), Duration::from_millis(50));
        assert_eq!(tally.percentile(95), Duration::from_millis(95));
        let one = Tally { latencies: vec![Duration::from_millis(3)], ..Default::default() };
        assert_eq!(one.percentile(50), Duration::from_millis(3));
        assert_eq!(Tally::default().percentile(95), Duration::ZERO);
    }
}
