//! Every published token script is served, or refused because it uses what is outside of it.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use common::{assert_policy_is_exact, published};
use smartlayer_token_script::{parse, Context, Evaluation, Limits, Log, Reason, Requests, Step, TokenScript};

/// Whether the script uses an entity that it declares to be elsewhere, told without the parser.
fn uses_external_entities(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut external = text.split("<!ENTITY").skip(1).filter_map(|declaration| {
        let mut words = declaration.split_whitespace();
        let name = words.next()?;
        words.next().filter(|word| matches!(*word, "SYSTEM" | "PUBLIC")).map(|_| format!("&{name};"))
    });
    external.any(|reference| text.contains(&reference))
}

fn row(file: &str, script: &TokenScript) -> String {
    let described = script.describe();
    let available = described.attributes.iter().filter(|attribute| attribute.unavailable.is_none()).count();
    let count = |n: usize, what: &str| format!("{n} {what}");
    let views = script.cards.iter().map(|card| card.views.len()).sum();
    let mut rows = vec![format!(
        "{file:<60} served: {}",
        [
            format!("{} {:?}", script.namespace, script.name),
            count(script.contracts.len(), "contracts"),
            format!("{available} of {} attributes", described.attributes.len()),
            count(script.selections.len(), "selections"),
            count(described.actions.len(), "actions"),
            count(described.cards.len(), "other cards"),
            count(views, "views"),
            count(script.problems.len(), "problems"),
        ]
        .join(", ")
    )];
    let indent = |text: String| format!("{:<60}   {text}", "");
    for attribute in described.attributes {
        if let Some(why) = attribute.unavailable {
            rows.push(indent(format!("attribute {} is unavailable: {why}", attribute.name)));
        }
    }
    for action in described.actions {
        let parameters: Vec<_> = action.parameters["properties"].as_object().unwrap().keys().cloned().collect();
        let why = action.unavailable.map(|why| format!(", unavailable: {why}")).unwrap_or_default();
        rows.push(indent(format!("action {}({}){why}", action.name, parameters.join(", "))));
    }
    rows.extend(script.problems.iter().map(|problem| indent(format!("line {}: {}", problem.line, problem.detail))));
    rows.join("\n")
}

#[test]
fn every_published_script_is_served_or_refused_with_a_reason() {
    let Some(files) = published() else { return };
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    println!("{:<60} outcome", "file");
    for (file, bytes) in &files {
        let outcome = match parse(bytes, &Limits::default()) {
            Ok(script) => {
                println!("{}", row(file, &script));
                "served"
            }
            Err(error) => {
                println!("{file:<60} refused: {} ({error})", error.reason.code());
                assert!(error.line.is_some(), "{file}");
                // Nothing else is wrong with any of them.
                assert_eq!(error.reason, Reason::ExternalEntity, "{file}: {error}");
                error.reason.code()
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        assert_eq!(outcome != "served", uses_external_entities(bytes), "{file}");
    }
    println!("{outcomes:?}");
    assert!(outcomes["served"] > 0);
}

/// Answers everything with the same bytes; gives back how much was asked.
fn answer_all(evaluation: &mut Evaluation<'_>, requests: Requests, answer: &[u8]) -> usize {
    let asked = requests.len();
    for call in requests.calls {
        evaluation.supply(call, Ok(answer.to_vec()));
    }
    for query in requests.logs {
        let topics = query.topics.iter().map(|topic| topic.unwrap_or_default()).collect();
        evaluation.supply_logs(query, Ok(vec![Log { topics, data: answer.to_vec(), ..Log::default() }]));
    }
    for read in requests.storage {
        evaluation.supply_storage(read, Ok(answer.get(..32).map_or(B256::ZERO, B256::from_slice)));
    }
    asked
}

/// What the scripts offer can be described, planned and evaluated without a chain: nothing panics, and every attribute ends
/// with a value or a typed error.
#[test]
fn every_published_script_can_be_described_and_evaluated() {
    let Some(files) = published() else { return };
    let context = Context {
        token_id: 7u64.try_into().unwrap(),
        owner: Some([1; 20].into()),
        caller: Some([1; 20].into()),
        ..Context::default()
    };
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
                            Step::Need(requests) => asked += answer_all(&mut evaluation, requests, &answer),
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

/// The model holds no view's content, yet every view can be had from the bytes, with a policy that lets its programs run.
#[test]
fn every_view_of_every_published_script_can_be_read() {
    let Some(files) = published() else { return };
    let (mut views, mut bytes_of_views, mut missing) = (0, 0, 0);
    for (file, bytes) in &files {
        let Ok(script) = parse(bytes, &Limits::default()) else { continue };
        for card in &script.cards {
            for view in &card.views {
                let content = script.view(&card.name, view.kind, &view.language, bytes, &|_| None);
                let content = content.unwrap_or_else(|error| panic!("{file}, {}: {error}", card.name));
                assert_policy_is_exact(&content, &format!("{file}, {}", card.name));
                views += 1;
                bytes_of_views += content.html.len();
                missing += content.missing.len();
            }
        }
    }
    println!("{views} views, {bytes_of_views} bytes of HTML, {missing} included files that are in no script");
    assert!(views > 0 && bytes_of_views > 0);
}
