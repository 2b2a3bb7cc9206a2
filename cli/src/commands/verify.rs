//! Whether a saved answer holds.

use std::{fs::File, io::Read, path::Path};

use anyhow::{bail, Context as _, Result};
use serde_json::{json, Value};
use smartlayer_answer_proof::{verify, Finding};

use super::{
    prove::read_saved,
    snapshot::{read_snapshot, take},
};
use crate::{
    args::VerifyArgs,
    context::Context,
    output::{fields_text, Report},
};

pub async fn run(context: &Context, args: VerifyArgs) -> Result<Report> {
    let saved = read_saved(&args.file)?;
    let snapshot = match &args.snapshot {
        Some(file) => read_snapshot(file)?,
        None => {
            let node = saved.receipt().map(|receipt| receipt.node.clone());
            take(context, node.as_slice()).await?
        }
    };
    Ok(report(&verify(&saved, &snapshot)))
}

fn report(findings: &[Finding]) -> Report {
    let holds = findings.iter().all(|finding| finding.outcome.is_ok());
    let value = |finding: &Finding| -> Value {
        let claim = finding.claim.name();
        match &finding.outcome {
            Ok(says) => json!({ "claim": claim, "holds": true, "says": says }),
            Err(flaw) => json!({ "claim": claim, "holds": false, "says": flaw.to_string(), "code": flaw.code() }),
        }
    };
    let lines: Vec<_> = findings
        .iter()
        .map(|finding| match &finding.outcome {
            Ok(says) => (finding.claim.name(), format!("holds  {}", printable(says))),
            Err(flaw) => (finding.claim.name(), format!("FAILS  {}", printable(&flaw.to_string()))),
        })
        .collect();
    let verdict = if holds { "Everything that is claimed holds." } else { "This answer does not hold." };
    let value = json!({ "holds": holds, "findings": findings.iter().map(value).collect::<Vec<_>>() });
    Report::new(value, format!("{}\n{verdict}", fields_text(&lines))).failing(!holds)
}

/// Files come from others: nothing in them may steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A file's bytes, if they are not too many.
pub fn read_bounded(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let name = path.display();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    if bytes.len() > limit {
        bail!("{name} has more than {limit} bytes");
    }
    Ok(bytes)
}
