//! Every published token script is read, or refused with a typed reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use smartlayer_token_script::{parse, Context, Limits, Reason, Step};

/// The scripts, if they are there: they are not part of the tree.
fn published() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/tokenscripts");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no published token scripts in {}", folder.display());
        return None;
    };
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "xml" || e == "tsml"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    Some(files)
}

#[test]
fn every_published_script_is_read_or_refused_with_a_reason() {
    let Some(files) = published() else { return };
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    println!("{:<60} outcome", "file");
    for (file, bytes) in &files {
        let outcome = match parse(bytes, &Limits::default()) {
            Ok(script) => {
                assert_eq!(file[..7].replace('-', "/"), script.namespace.as_str(), "{file}");
                let count = |n: usize, what: &str| format!("{n} {what}");
                println!(
                    "{file:<60} {}",
                    [
                        format!("{} {:?}", script.namespace, script.name),
                        count(script.contracts.len(), "contracts"),
                        count(script.attributes.len(), "attributes"),
                        count(script.selections.len(), "selections"),
                        count(script.actions().count(), "actions"),
                        count(script.problems.len(), "problems"),
                    ]
                    .join(", ")
                );
                for problem in &script.problems {
                    println!("{:<60}   line {}: {}", "", problem.line, problem.detail);
                }
                "served"
            }
            Err(error) => {
                println!("{file:<60} refused: {error}");
                assert!(error.line.is_some(), "{file}");
                // Nothing else is wrong with any of them: whoever has no document type declaration is served.
                assert!(matches!(error.reason, Reason::Doctype | Reason::ExternalEntity), "{file}: {error}");
                error.reason.code()
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        assert_eq!(outcome != "served", bytes.windows(9).any(|w| w == b"<!DOCTYPE"), "{file}");
    }
    println!("{outcomes:?}");
    assert!(outcomes["served"] > 0);
}

/// What the scripts offer can be described, planned and evaluated without a chain: nothing panics, and every attribute ends
/// with a value or a typed error.
#[test]
fn every_published_script_can_be_described_and_evaluated() {
    let Some(files) = published() else { return };
    let context = Context { token_id: 7u64.try_into().unwrap(), owner: Some([1; 20].into()), ..Context::default() };
    let mut asked = 0;
    for (file, bytes) in &files {
        let Ok(script) = parse(bytes, &Limits::default()) else { continue };
        serde_json::to_string(&script.describe()).unwrap();
        for answer in [vec![], vec![0; 32], vec![0xff; 32], vec![0x20; 4096], vec![0; 1 << 20]] {
            for chain_id in
                script.contracts.iter().flat_map(|c| c.addresses.iter().map(|(id, _)| *id)).collect::<BTreeSet<_>>()
            {
                let context = Context { chain_id: Some(chain_id), ..context.clone() };
                let names = script.attributes.iter().map(|a| a.name.clone());
                let mut evaluations = vec![script.evaluate(names, &context)];
                for action in script.actions() {
                    evaluations.extend(script.evaluate_action(&action.name, &Default::default(), &context));
                }
                for mut evaluation in evaluations {
                    let values = loop {
                        match evaluation.step() {
                            Step::NeedCalls(calls) => calls.into_iter().for_each(|call| {
                                asked += 1;
                                evaluation.supply(call, Ok(answer.clone()));
                            }),
                            Step::Done(values) => break values,
                        }
                    };
                    for action in script.actions() {
                        let _ = script.transaction(&action.name, &context, &values);
                    }
                    for (name, value) in &values {
                        let _ =
                            value.as_ref().map_err(|error| assert!(!error.to_string().is_empty(), "{file}: {name}"));
                    }
                }
            }
        }
    }
    assert!(asked > 0);
}
