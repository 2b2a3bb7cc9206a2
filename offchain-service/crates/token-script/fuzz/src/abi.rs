//! What contracts return and log and what callers enter, for types that the input chooses.

use alloy_primitives::U256;
use serde_json::Value as Json;
use smartlayer_token_script::{parse, Context, Limits, Step};

use crate::{change::change, ensure, Choice, Outcome};

const TYPES: &[&str] = &[
    "uint256",
    "uint8",
    "int16",
    "address",
    "bool",
    "bytes",
    "bytes4",
    "string",
    "uint8[]",
    "string[2]",
    "bytes[][]",
    "bool[2][]",
];
const ENTRIES: &[&str] = &[
    "1",
    "\"0x01020304\"",
    "[1,2]",
    "{\"a\":1,\"b\":[\"x\",\"y\"]}",
    "true",
    "[[\"x\"],[]]",
    "\"-1\"",
    "[\"0x\",null]",
];

/// The types, the argument in JSON, and the words that come back, a line each.
pub(crate) fn input(choice: &mut Choice) -> Vec<u8> {
    let types: Vec<String> = (0..1 + choice.below(3))
        .map(|i| match choice.once_in(3) {
            true => format!(
                r#"{{"name":"t{i}","type":"tuple{}","components":[{{"name":"a","type":"{}"}},{{"name":"b","type":"{}"}}]}}"#,
                choice.pick(&["", "[]", "[2]"]),
                choice.pick(TYPES),
                choice.pick(TYPES)
            ),
            false => format!(r#"{{"name":"t{i}","type":"{}"}}"#, choice.pick(TYPES)),
        })
        .collect();
    let mut entry = choice.pick(ENTRIES).as_bytes().to_vec();
    if choice.once_in(2) {
        change(&mut entry, &["[", "]", "{", "}", ",", ":", "\"a\"", "1", "-1", "1.5", "null", "\"0x\""], choice);
        entry.retain(|byte| *byte != b'\n');
    }
    let word = |choice: &mut Choice| match choice.below(3) {
        0 => U256::from(choice.below(6)) * U256::from(32),
        1 => U256::from(choice.below(300)),
        _ => *choice.pick(&[U256::MAX, U256::ONE << 160, U256::from_be_slice(b"text"), U256::MAX >> 1]),
    };
    let words: Vec<String> = (0..choice.below(24)).map(|_| format!("{:x}", word(choice))).collect();
    let mut input = format!("{}\n", types.join(",")).into_bytes();
    input.extend(entry);
    input.extend(format!("\n{}", words.join(" ")).bytes());
    input
}

pub(crate) fn run(input: &[u8]) -> Result<Outcome, String> {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let (types, entry, words) =
        (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let abi = format!(
        r#"[{{"type":"function","name":"out","stateMutability":"view","inputs":[],"outputs":[{types}]}},
        {{"type":"function","name":"back","stateMutability":"view","inputs":[{types}],"outputs":[]}}]"#
    );
    let arguments: String =
        (0..types.matches("\"name\":\"t").count()).map(|i| format!(r#"<ts:abi local-ref="t{i}"/>"#)).collect();
    let escaped = abi.replace('&', "&amp;").replace('<', "&lt;");
    let script = format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="T">
        <ts:contract name="C"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address><ts:abi>{escaped}</ts:abi></ts:contract>
        <ts:attribute name="out"><ts:origins><ethereum:call contract="C" function="out" as="abi"/></ts:origins></ts:attribute>
        <ts:cards><ts:card type="action" name="back"><ts:transaction><ethereum:transaction contract="C" function="back"><ts:data>{arguments}</ts:data></ethereum:transaction></ts:transaction></ts:card></ts:cards></ts:token>"#
    );
    let limits = Limits { decoded: 16 << 10, ..Limits::default() };
    let Ok(script) = parse(script.as_bytes(), &limits) else { return Ok(Outcome::Refused) };
    let context = Context::default();
    let mut outcome = Outcome::Refused;

    let data: Vec<u8> = words
        .split(' ')
        .filter_map(|word| U256::from_str_radix(word, 16).ok())
        .flat_map(|word| word.to_be_bytes::<32>())
        .collect();
    let mut evaluation = script.evaluate(["out"], &context);
    if let Step::Need(requests) = evaluation.step() {
        for call in requests.calls {
            evaluation.supply(call, Ok(data.clone()));
        }
    }
    let Step::Done(values) = evaluation.step() else { return Err("it asks again".into()) };
    if let Some(Ok(value)) = values.get("out") {
        outcome = Outcome::Taken;
        let json = serde_json::to_value(value).map_err(|error| error.to_string())?;
        ensure(json.to_string().len() < 1 << 20, || "decoded to more than a MiB".into())?;
        let functions = script.contracts.first().map(|contract| contract.functions.as_slice()).unwrap_or_default();
        let count =
            functions.iter().find(|function| function.name == "out").map_or(0, |function| function.outputs.len());
        let back: Vec<&Json> = match &json {
            Json::Object(fields) if count > 1 => (0..count).filter_map(|i| fields.get(&format!("t{i}"))).collect(),
            json => vec![json],
        };
        round_trip(&script, &context, &back, &data)?;
    }
    if let Ok(entry) = serde_json::from_str::<Json>(entry) {
        let arguments = [("t0".to_string(), entry)].into_iter().collect();
        if let Ok(mut evaluation) = script.evaluate_action("back", &arguments, &context) {
            if let Step::Done(values) = evaluation.step() {
                let _ = script.transaction("back", &context, &values);
            }
        }
    }
    Ok(outcome)
}

/// What was decoded can be entered, and is then encoded to something that decodes to the same.
fn round_trip(
    script: &smartlayer_token_script::TokenScript,
    context: &Context,
    decoded: &[&Json],
    data: &[u8],
) -> Result<(), String> {
    let arguments = decoded.iter().enumerate().map(|(i, json)| (format!("t{i}"), (*json).clone())).collect();
    let Ok(mut evaluation) = script.evaluate_action("back", &arguments, context) else {
        // Arguments are bounded more narrowly than results.
        return ensure(decoded.iter().any(|json| json.to_string().len() > 8 << 10) || data.is_empty(), || {
            format!("what was decoded can't be entered: {decoded:?}")
        });
    };
    let Step::Done(values) = evaluation.step() else { return Err("entries need no chain".into()) };
    let transaction = match script.transaction("back", context, &values) {
        Ok(Some(transaction)) => transaction,
        Ok(None) => return Err("no transaction".into()),
        // A type that isn't served makes no transaction.
        Err(error) => {
            return ensure(error.code() == "unsupported", || format!("what was decoded can't be sent: {error}"))
        }
    };
    let mut evaluation = script.evaluate(["out"], context);
    if let Step::Need(requests) = evaluation.step() {
        for call in requests.calls {
            evaluation.supply(call, Ok(transaction.data[4..].to_vec()));
        }
    }
    let Step::Done(again) = evaluation.step() else { return Err("it asks again".into()) };
    let again =
        again.get("out").and_then(|value| value.as_ref().ok()).and_then(|value| serde_json::to_value(value).ok());
    let count = decoded.len();
    let same = match &again {
        Some(Json::Object(fields)) if count > 1 => {
            decoded.iter().enumerate().all(|(i, json)| fields.get(&format!("t{i}")) == Some(*json))
        }
        Some(json) => decoded == [json],
        // Nothing at all is encoded to nothing, and nothing is no answer.
        None => transaction.data.len() == 4,
    };
    ensure(same, || format!("{decoded:?} came back as {again:?}"))
}
