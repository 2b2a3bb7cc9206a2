//! Filters: read, written, evaluated, explained.

use std::collections::BTreeMap;

use alloy_primitives::{Address, I256, U256};
use smartlayer_token_script::{Filter, Limits, Value};

use crate::{change::change, ensure, Choice, Outcome};

const FILTERS: &[&str] = &[
    "(&(a=1)(b>=${c})(!(d=x*y)(e=*))(|(f<2023)(g)))",
    "expiry<=20230115103000Z",
    "!(level=0)(level=10)",
    "&(!(level=0)(level=10))(wallet=${ownerAddress})",
    "(a=\\28\\c4\\8d\\29)",
    "h.level[0]>-1.5",
];
const WORDS: &[&str] = &[
    "(",
    ")",
    "&",
    "|",
    "!",
    "=",
    "<",
    ">",
    "<=",
    ">=",
    "*",
    "\\2a",
    "\\",
    "${a}",
    "${",
    "}",
    " ",
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "h.x",
    "i",
    "j",
    "0",
    "1",
    "-1",
    "1.5",
    "0x01",
    "TRUE",
    "false",
    "2023",
    "20230231",
    "20230115103000Z",
    "2023-01-15T10:30:00+01:00",
    "é",
    "~=",
    "==",
];

pub(crate) fn input(choice: &mut Choice) -> Vec<u8> {
    let mut input = choice.pick(FILTERS).as_bytes().to_vec();
    change(&mut input, WORDS, choice);
    input
}

fn values() -> BTreeMap<String, Value> {
    let time = smartlayer_token_script::Time::parse("20230115103000Z").map(Value::Time);
    [
        ("a", Value::Text("1".into())),
        ("b", Value::Uint(U256::MAX)),
        ("c", Value::Int(I256::MIN)),
        ("d", Value::Text("xéy".into())),
        ("e", Value::List(vec![Value::Uint(U256::ZERO), Value::Text("x".into())])),
        ("f", time.unwrap_or(Value::Bool(false))),
        ("g", Value::Bool(false)),
        ("h", Value::Record(vec![("x".into(), Value::List(Vec::new())), ("level".into(), Value::Uint(U256::ONE))])),
        ("i", Value::Address(Address::ZERO)),
        ("j", Value::Bytes(vec![0xde, 0xad])),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into()
}

pub(crate) fn run(input: &[u8]) -> Result<Outcome, String> {
    let text = String::from_utf8_lossy(input);
    let limits = Limits { filter_depth: 8, filter_nodes: 64, ..Limits::default() };
    let filter = match Filter::parse(&text, &limits) {
        Ok(filter) => filter,
        Err(error) => {
            ensure(error.at().is_none_or(|at| at <= text.len()), || format!("it is wrong behind its end: {error}"))?;
            return Ok(Outcome::Refused);
        }
    };
    let written = filter.root().to_string();
    // Parentheses that were left out count once they are written.
    let wider = Limits { filter_depth: 16, ..limits };
    ensure(Filter::parse(&written, &wider).as_ref() == Ok(&filter), || {
        format!("it is another when written: {written}")
    })?;
    let values = values();
    let result = filter.evaluate(&values);
    let explained = filter.explain(&values);
    ensure(explained.result == result.clone().ok() && explained.error == result.clone().err(), || {
        "explained otherwise".into()
    })?;
    // Not twice is once.
    let twice = Filter::parse(&format!("(!(!{written}))"), &wider).map_err(|error| error.to_string())?;
    ensure(twice.evaluate(&values) == result, || "not not is another".into())?;
    let missing =
        filter.attributes().into_iter().all(|name| values.contains_key(name.split(['.', '[']).next().unwrap_or("")));
    if let Err(error) = &result {
        ensure(
            !error.to_string().is_empty()
                && (error.code() != "unknown-attribute" || !missing || text.contains(['.', '['])),
            || format!("an error: {error}"),
        )?;
    }
    Ok(Outcome::Taken)
}
