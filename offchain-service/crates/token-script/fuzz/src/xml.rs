//! Whole scripts: parsed, described, evaluated with a chain that answers anything, and shown.

use alloy_primitives::{Address, B256, U256};
use smartlayer_token_script::{
    parse, Attested, Context, Evaluation, Limits, Log, Requests, Step, TokenScript, Value, Values, ViewKind,
};

use crate::{
    change::{change, rearrange},
    corpus::{ACTION, MODERN, OLD, WORDS},
    ensure, Choice, Outcome,
};

pub(crate) fn input(choice: &mut Choice) -> Vec<u8> {
    let mut input = choice.pick(&[MODERN, MODERN, OLD, ACTION]).as_bytes().to_vec();
    if choice.once_in(2) {
        rearrange(&mut input, b'>', choice);
    }
    if !choice.once_in(4) {
        change(&mut input, WORDS, choice);
    }
    input
}

pub(crate) fn run(input: &[u8]) -> Result<Outcome, String> {
    // Smaller than a service's, so that they are reached.
    let limits = Limits { depth: 24, calls: 16, steps: 1000, items: 64, view: 64 << 10, ..Limits::default() };
    let script = match parse(input, &limits) {
        Ok(script) => script,
        Err(error) => {
            ensure(!error.reason.code().is_empty() && error.to_string().len() < 1000, || {
                format!("a refusal: {error}")
            })?;
            return Ok(Outcome::Refused);
        }
    };
    for language in ["en", "zh-TW", ""] {
        serde_json::to_string(&script.describe_in(language)).map_err(|error| format!("described: {error}"))?;
    }
    let context = Context {
        token_id: U256::from(7),
        owner: Some(Address::repeat_byte(1)),
        chain_id: Some(1),
        attestation: Some(Attested {
            message: Value::Bytes(vec![7; 32]),
            parts: Value::Record(vec![("x".into(), Value::Bool(false))]),
            signature: vec![7; 65],
        }),
        ..Context::default()
    };
    // What the chain says is decided by the input as well, so that a failure is one of the input alone.
    let mut answers =
        Choice::of(input.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add((*byte).into())));
    let entries = serde_json::json!({ "list": [{ "x": "a", "y": [[1, 2]] }], "n": "1.5", "code": "7", "amount": "2" });
    let names = script.attributes.iter().map(|attribute| attribute.name.as_str());
    let values = evaluate(script.evaluate(names, &context), &mut answers, &limits)?;
    for selection in &script.selections {
        let _ = script.is_selected(&selection.name, &context, &values);
    }
    for action in script.actions() {
        let empty = Default::default();
        for arguments in [entries.as_object().unwrap_or(&empty), &empty] {
            let Ok(evaluation) = script.evaluate_action(&action.name, arguments, &context) else { continue };
            let values = evaluate(evaluation, &mut answers, &limits)?;
            if let Ok(Some(transaction)) = script.transaction(&action.name, &context, &values) {
                ensure(transaction.data.len() < 1 << 20, || "a transaction of more than a MiB".into())?;
            }
        }
    }
    views(&script, input, &limits)?;
    Ok(Outcome::Taken)
}

/// Runs to the end, within the bounds.
fn evaluate(mut evaluation: Evaluation<'_>, answers: &mut Choice, limits: &Limits) -> Result<Values, String> {
    let mut asked = 0;
    loop {
        match evaluation.step() {
            Step::Done(values) => {
                for value in values.values() {
                    match value {
                        Ok(value) => drop(serde_json::to_string(value).map_err(|error| error.to_string())?),
                        Err(error) => {
                            ensure(!error.code().is_empty() && !error.to_string().is_empty(), || "an error".into())?
                        }
                    }
                }
                return Ok(values);
            }
            Step::Need(requests) => {
                asked += requests.len();
                ensure(!requests.is_empty(), || "it waits for nothing".into())?;
                ensure(asked <= limits.calls, || format!("{asked} reads of chains"))?;
                answer(&mut evaluation, requests, answers);
            }
        }
    }
}

fn answer(evaluation: &mut Evaluation<'_>, requests: Requests, answers: &mut Choice) {
    let mut words = |most: usize| -> Vec<u8> {
        let word =
            |answers: &mut Choice| U256::from(*answers.pick(&[0u64, 1, 2, 32, 64, 96, u64::MAX])).to_be_bytes::<32>();
        (0..answers.below(most)).flat_map(|_| word(answers)).collect()
    };
    for call in requests.calls {
        evaluation.supply(call, Ok(words(24)));
    }
    for query in requests.logs {
        let log = |index: u64, data: Vec<u8>, extra: Vec<u8>| Log {
            topics: query
                .topics
                .iter()
                .map(|topic| topic.unwrap_or_default())
                .chain(extra.chunks(32).map(B256::from_slice))
                .collect(),
            data,
            block: index,
            index,
        };
        let logs = (0..4).map(|index| log(index, words(8), words(3))).collect();
        evaluation.supply_logs(query.clone(), Ok(logs));
    }
    for read in requests.storage {
        let word = words(2);
        evaluation.supply_storage(read, Ok(word.get(..32).map_or(B256::repeat_byte(7), B256::from_slice)));
    }
}

/// Every view that the model tells of can be had from the bytes, within the bounds.
fn views(script: &TokenScript, input: &[u8], limits: &Limits) -> Result<(), String> {
    for card in &script.cards {
        for kind in [ViewKind::View, ViewKind::ItemView, ViewKind::GuideView] {
            let has = card.views.iter().any(|view| view.kind == kind);
            match script.view(&card.name, kind, "en", input, &|include| Some(include.src.clone())) {
                Ok(content) => {
                    ensure(has && content.html.len() <= limits.view, || format!("a view of card {}", card.name))?
                }
                Err(error) => {
                    let expected = if has { "view-too-large" } else { "no-view" };
                    ensure(error.code() == expected, || format!("a view of card {}: {error}", card.name))?;
                }
            }
        }
    }
    Ok(())
}
