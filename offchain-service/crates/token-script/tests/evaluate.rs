//! What scripts of every version say, what they ask for, and what their attributes and actions come to.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use serde_json::{json, Value as Json};
use smartlayer_token_script::{
    parse, ActionError, AttributeError, CallError, CardType, Context, EthereumCall, Evaluation, FilterError, Limits,
    Namespace, Reason, Requests, Step, TokenScript, Transaction, Value, Values,
};

const OWNER: Address = Address::new([0x11; 20]);

fn wrap(body: &str) -> String {
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="T">
<ts:contract name="C"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address></ts:contract>
{body}
</ts:token>"#
    )
}

fn script(body: &str) -> TokenScript {
    parse(wrap(body).as_bytes(), &Limits::default()).unwrap()
}

fn context() -> Context {
    let values: BTreeMap<String, String> =
        [("class", "economy"), ("stops", "2"), ("open", "1")].map(|(k, v)| (k.into(), v.into())).into();
    Context { token_id: U256::from(7), owner: Some(OWNER), values, ..Context::default() }
}

fn attribute(name: &str, origin: &str) -> String {
    format!(r#"<ts:attribute name="{name}"><ts:origins>{origin}</ts:origins></ts:attribute>"#)
}

fn call(function: &str, as_: &str, data: &str) -> String {
    format!(r#"<ethereum:call contract="C" function="{function}" as="{as_}"><ts:data>{data}</ts:data></ethereum:call>"#)
}

fn word(n: u64) -> Vec<u8> {
    U256::from(n).to_be_bytes::<32>().to_vec()
}

/// Runs to the end. Returns the values, and the calls of each round.
fn run(
    mut evaluation: Evaluation<'_>,
    mut answer: impl FnMut(&EthereumCall) -> Result<Vec<u8>, CallError>,
) -> (Values, Vec<Vec<EthereumCall>>) {
    let mut rounds = Vec::new();
    loop {
        match evaluation.step() {
            Step::Done(values) => {
                assert_eq!(evaluation.step(), Step::Done(values.clone()), "done stays done");
                return (values, rounds);
            }
            Step::Need(Requests { calls, logs, storage }) => {
                assert!(!calls.is_empty() && rounds.len() < 100);
                assert!(logs.is_empty() && storage.is_empty());
                for call in &calls {
                    evaluation.supply(call.clone(), answer(call));
                }
                rounds.push(calls);
            }
        }
    }
}

fn one(body: &str, name: &str, answer: Result<Vec<u8>, CallError>) -> Result<Value, AttributeError> {
    let (script, context) = (script(body), context());
    let result = run(script.evaluate([name], &context), |_| answer.clone()).0.remove(name).unwrap();
    result
}

fn text(value: Result<Value, AttributeError>) -> String {
    value.unwrap().text().unwrap()
}

#[test]
fn what_contracts_return_is_read_as_the_script_says() {
    let read = |as_: &str, data: Vec<u8>| one(&attribute("a", &call("f", as_, "")), "a", Ok(data));
    let padded = |text: &str| [text.as_bytes(), &vec![0; 32 - text.len()]].concat();
    let dynamic = |text: &str| [word(32), word(text.len() as u64), padded(text)].concat();
    assert_eq!(text(read("uint", vec![0xff; 32])), U256::MAX.to_string());
    assert_eq!(text(read("int", vec![0xff; 32])), "-1");
    assert_eq!(
        text(read("address", [vec![0; 12], vec![0x22; 20]].concat())),
        Address::new([0x22; 20]).to_checksum(None)
    );
    assert_eq!(read("bool", word(2)), Ok(Value::Bool(true)));
    assert_eq!(text(read("utf8", dynamic("grüezi"))), "grüezi");
    assert_eq!(text(read("utf8", padded("MKR"))), "MKR", "texts of before the string type");
    assert_eq!(read("bytes", dynamic("ab")), Ok(Value::Bytes(b"ab".to_vec())));
    assert_eq!(text(read("e18", word(1_500_000_000_000_000_000))), "1.5");
    assert_eq!(text(read("e2", word(5))), "0.05");
    for (as_, data) in [
        ("uint", vec![]),
        ("uint", vec![0; 31]),
        ("address", vec![0xff; 32]),
        ("utf8", vec![0xff; 32]),
        ("utf8", [word(32), word(u64::MAX)].concat()),
        ("utf8", vec![0; 1 << 17]),
        ("abi", word(1)),
    ] {
        let error = read(as_, data).unwrap_err();
        assert!(matches!(error.code(), "undecodable" | "not-convertible"), "{as_}: {error}");
    }
    assert_eq!(
        one(&attribute("a", &call("f", "uint", "")), "a", Err(CallError::Reverted("no".into()))).unwrap_err().code(),
        "reverted"
    );
    assert_eq!(
        one(&attribute("a", &call("f", "uint", "")), "a", Err(CallError::Unavailable("no".into()))).unwrap_err().code(),
        "chain-unavailable"
    );
}

#[test]
fn arguments_come_from_everywhere() {
    let body = attribute(
        "a",
        &call(
            "f",
            "uint",
            r#"<ts:uint256 ref="tokenId"/><ts:address ref="ownerAddress"/>
        <ts:address ref="contractAddress"/><ts:bool>true</ts:bool><ts:string ref="class"/><ts:bytes4>0x01020304</ts:bytes4>"#,
        ),
    ) + &attribute("class", r#"<ts:data ref="class"/>"#);
    let (script, context) = (script(&body), context());
    let plan = script.plan(["a"], &context);
    let [request] = plan.calls.as_slice() else { panic!("{plan:?}") };
    assert_eq!((request.chain_id, request.to), (1, script.contracts[0].addresses[0].1));
    let words: Vec<String> = request.data[4..].chunks(32).map(hex::encode).collect();
    assert_eq!(words[0], format!("{:064x}", 7));
    assert_eq!(words[1], format!("{}{}", "0".repeat(24), "11".repeat(20)));
    assert!(words[2].ends_with("63ccef733a093e5bd773b41c96d3ece361464942"));
    assert_eq!(words[3], format!("{:064x}", 1));
    assert!(words[5].starts_with("01020304"));
    assert_eq!(hex::decode(&words[7]).unwrap()[..7], *b"economy");
}

#[test]
fn calls_that_depend_on_each_other_take_rounds_and_equal_ones_are_made_once() {
    let body = attribute("a", &call("f", "uint", ""))
        + &attribute("same", &call("f", "uint", ""))
        + &attribute("b", &call("g", "uint", r#"<ts:uint256 ref="a"/><ts:uint256 ref="same"/>"#))
        + &attribute("c", &call("h", "uint", r#"<ts:uint256 ref="b"/>"#))
        + &attribute("d", &call("i", "uint", ""));
    let (script, context) = (script(&body), context());
    let (values, rounds) =
        run(script.evaluate(["a", "b", "c", "d", "same"], &context), |call| Ok(word(call.data.len() as u64)));
    assert_eq!(rounds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(text(values["c"].clone()), "36");
}

#[test]
fn structs_of_the_abi_have_parts() {
    let body = r#"
<ts:contract name="S"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address>
<ts:abi>[{"type":"function","name":"info","stateMutability":"view","inputs":[{"name":"id","type":"uint256"}],"outputs":[
  {"name":"","type":"tuple","components":[{"name":"level","type":"uint8"},{"name":"ready","type":"bool"}]}]},
  {"type":"function","name":"two","stateMutability":"view","inputs":[],"outputs":[{"name":"","type":"uint256"},{"name":"x","type":"int8"}]}]</ts:abi>
</ts:contract>
<ts:attribute name="info"><ts:origins><ethereum:call as="abi" contract="S" function="info"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ethereum:call></ts:origins></ts:attribute>
<ts:attribute name="two"><ts:origins><ethereum:call contract="S" function="two"/></ts:origins></ts:attribute>
<ts:attribute name="level"><ts:origins><ts:data ref="info.level"/></ts:origins></ts:attribute>
<ts:attribute name="gone"><ts:origins><ts:data ref="info.gone"/></ts:origins></ts:attribute>
<ts:selection name="ready" filter="(&amp;(info.ready=TRUE)(level>2))"/>"#;
    let (script, context) = (script(body), context());
    let names = ["info", "two", "level", "gone", "info.ready"];
    let (values, _) = run(script.evaluate(names, &context), |_| Ok([word(3), word(1)].concat()));
    assert_eq!(serde_json::to_value(values["info"].as_ref().unwrap()).unwrap(), json!({ "level": "3", "ready": true }));
    assert_eq!(serde_json::to_value(values["two"].as_ref().unwrap()).unwrap(), json!({ "0": "3", "x": "1" }));
    assert_eq!(text(values["level"].clone()), "3");
    assert_eq!(values["gone"], Err(AttributeError::Unresolved("info.gone".into())));
    assert_eq!(script.is_selected("ready", &context, &values), Ok(true));
    let schema = &script.describe().attributes[0].schema;
    assert_eq!(schema["properties"]["ready"], json!({ "type": "boolean" }));
}

#[test]
fn token_ids_hold_values() {
    let origin = |mask: &str, as_: &str| format!(r#"<ts:token-id bitmask="{mask}" as="{as_}"/>"#);
    let id = U256::from_str_radix("0503464c5800000000000000000000000000000000000000000000000000ff07", 16).unwrap();
    let body = attribute("city", &origin(&format!("FF{}", "0".repeat(62)), "uint"))
        + &attribute("code", &origin(&format!("0000FFFFFF{}", "0".repeat(54)), "utf8"))
        + &attribute("last", &origin("FF", "uint"))
        + &attribute("flag", &origin("0100", "bool"))
        + &attribute("none", &origin("00", "uint"))
        + &attribute("all", r#"<ts:token-id as="uint"/>"#)
        + &attribute("bad", &origin("xyz", "uint"))
        + &attribute("long", &origin(&"F".repeat(65), "uint"));
    let (script, context) = (script(&body), Context { token_id: id, ..context() });
    let (values, _) = run(script.evaluate(script.attributes.iter().map(|a| &*a.name), &context), |_| unreachable!());
    let text = |name: &str| text(values[name].clone());
    assert_eq!(
        (text("city"), text("code"), text("last"), text("flag")),
        ("5".into(), "FLX".into(), "7".into(), "TRUE".into())
    );
    assert_eq!((text("none"), text("all")), ("0".into(), id.to_string()));
    for name in ["bad", "long"] {
        assert!(matches!(values[name], Err(AttributeError::Unsupported { .. })), "{name}");
    }
}

#[test]
fn issuers_values_have_the_syntax_that_the_script_states() {
    let typed = |name: &str, oid: &str, reference: &str| {
        format!(
            r#"<ts:attribute name="{name}"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.{oid}</ts:syntax></ts:type>
            <ts:origins><ts:data ref="{reference}"/></ts:origins></ts:attribute>"#
        )
    };
    let body = typed("cabin", "15", "class")
        + &typed("number", "27", "stops")
        + &typed("truth", "7", "open")
        + &typed("wrong", "27", "class")
        + &typed("missing", "15", "nothing")
        + &attribute("literal", "<ts:data><ts:uint8>5</ts:uint8></ts:data>")
        + &attribute("again", r#"<ts:data ref="number"/>"#);
    let (script, context) = (script(&body), context());
    let (values, _) = run(script.evaluate(script.attributes.iter().map(|a| &*a.name), &context), |_| unreachable!());
    assert_eq!(values["cabin"], Ok(Value::Text("economy".into())));
    assert_eq!(values["number"], Ok(Value::Uint(U256::from(2))));
    assert_eq!(values["again"], values["number"]);
    assert_eq!(values["truth"], Ok(Value::Bool(true)));
    assert_eq!(values["wrong"].as_ref().unwrap_err().code(), "not-convertible");
    assert_eq!(values["missing"], Err(AttributeError::NoValue("nothing".into())));
    assert_eq!(values["literal"], Ok(Value::Uint(U256::from(5))));
}

/// A sealed value without its key is there: neither absent, nor to be replaced by what the next origin says.
#[test]
fn what_is_locked_is_not_absent() {
    let body = r#"<ts:attribute name="reason"><ts:origins><ts:data ref="why" as="utf8"/><ts:data><ts:string>none</ts:string></ts:data></ts:origins></ts:attribute>
<ts:attribute name="other"><ts:origins><ts:data ref="reason" as="utf8"/></ts:origins></ts:attribute>
<ts:selection name="revoked" filter="(reason=*)"/>"#;
    let (script, open) = (script(body), context());
    let locked = Context { locked: ["why".into()].into(), ..context() };
    let values = |context: &Context| run(script.evaluate(["reason", "other"], context), |_| unreachable!()).0;
    assert_eq!(values(&open)["reason"], Ok(Value::Text("none".into())));
    assert_eq!(values(&locked)["reason"], Err(AttributeError::Locked("why".into())));
    assert!(values(&locked)["other"].as_ref().unwrap_err().is_locked());
    let judged = script.is_selected("revoked", &locked, &values(&locked));
    assert_eq!(judged.unwrap_err().code(), "attribute-unavailable");
}

/// Where values are not for everybody, no error quotes one.
#[test]
fn discreet_errors_quote_no_values() {
    let body = r#"<ts:attribute name="tier"><ts:origins><ts:data ref="salary" as="utf8"><ts:mapping><ts:option key="1"><ts:value xml:lang="en">low</ts:value></ts:option></ts:mapping></ts:data></ts:origins></ts:attribute>
<ts:attribute name="number"><ts:origins><ts:data ref="note" as="uint"/></ts:origins></ts:attribute>
<ts:attribute name="text"><ts:origins><ts:data ref="note" as="utf8"/></ts:origins></ts:attribute>
<ts:attribute name="count"><ts:origins><ts:data ref="three" as="uint"/></ts:origins></ts:attribute>
<ts:selection name="odd" filter="(count=${text})"/>"#;
    let values = [("salary", "84000"), ("note", "84000 a year"), ("three", "3")];
    let values: std::collections::BTreeMap<_, _> =
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let script = script(body);
    for discreet in [false, true] {
        let context = Context { values: values.clone(), discreet, ..context() };
        let found = run(script.evaluate(["tier", "number", "text", "count"], &context), |_| unreachable!()).0;
        let errors = [
            found["tier"].as_ref().unwrap_err().to_string(),
            found["number"].as_ref().unwrap_err().to_string(),
            script.is_selected("odd", &context, &found).unwrap_err().to_string(),
        ];
        for error in errors {
            assert_eq!(error.contains("84000"), !discreet, "{error}");
        }
    }
}

#[test]
fn what_is_not_served_is_described_and_unavailable() {
    let event = r#"<ethereum:event contract="C" type="Sold" filter="id=${tokenId}" select="price"/>"#;
    let body = attribute("event", event)
        + &attribute("magic", "<ts:magic/>")
        + &attribute("odd", &call("f", "hexadecimal", ""))
        + &attribute("struct", &call("f", "uint", r#"<ts:struct ref="x"/>"#))
        + &attribute("elsewhere", r#"<ethereum:call contract="Nobody" function="f" as="uint"/>"#)
        + &attribute("injected", r#"<ethereum:call contract="C" function="f(uint256)" as="uint"/>"#)
        + &attribute("both", &format!("{event}{}", call("f", "uint", "")))
        + &attribute("none", "");
    let (script, context) = (script(&body), context());
    let (values, rounds) = run(script.evaluate(script.attributes.iter().map(|a| &*a.name), &context), |_| Ok(word(1)));
    for name in ["event", "magic", "odd", "struct", "elsewhere", "injected", "none"] {
        let error = values[name].as_ref().unwrap_err();
        assert!(matches!(error, AttributeError::Unsupported { line, .. } if *line > 1), "{name}: {error}");
        let description = script.describe();
        assert!(description.attributes.iter().find(|a| a.name == name).unwrap().unavailable.is_some(), "{name}");
    }
    let kind = "event Sold, whose fields the script does not define".into();
    assert_eq!(values["event"], Err(AttributeError::Unsupported { kind, line: 3 }));
    assert_eq!(text(values["both"].clone()), "1", "the next origin serves");
    assert_eq!(rounds.len(), 1);
    assert_eq!(script.problems.len(), 8);
}

#[test]
fn an_origin_that_fails_is_not_replaced_by_the_next() {
    let body = attribute("a", &format!("{}<ts:token-id as=\"uint\"/>", call("f", "uint", "")));
    assert_eq!(one(&body, "a", Err(CallError::Unavailable("down".into()))).unwrap_err().code(), "chain-unavailable");
    let body = attribute("a", r#"<ts:data ref="nothing"/><ts:token-id as="uint"/>"#);
    assert_eq!(text(one(&body, "a", Ok(vec![]))), "7");
}

#[test]
fn cycles_depth_steps_and_calls_are_bounded() {
    let cycle = attribute("a", &call("f", "uint", r#"<ts:uint256 ref="b"/>"#))
        + &attribute("b", r#"<ts:data ref="c"/>"#)
        + &attribute("c", r#"<ts:data ref="a"/>"#);
    for name in ["a", "b", "c"] {
        assert_eq!(one(&cycle, name, Ok(word(1))).unwrap_err().code(), "cycle", "{name}");
    }
    let chain = |n: usize| {
        (1..n).fold(attribute("a0", r#"<ts:token-id as="uint"/>"#), |body, i| {
            body + &attribute(&format!("a{i}"), &format!(r#"<ts:data ref="a{}"/>"#, i - 1))
        })
    };
    assert_eq!(text(one(&chain(32), "a31", Ok(vec![]))), "7");
    assert_eq!(
        one(&chain(40), "a39", Ok(vec![])).unwrap_err(),
        AttributeError::Reference { name: "a7".into(), error: Box::new(AttributeError::TooDeep(32)) }
    );
    // What was out of reach from one attribute is in reach from another.
    let (deep, context) = (script(&chain(40)), context());
    let (values, _) = run(deep.evaluate(["a39", "a8"], &context), |_| unreachable!());
    assert!(values["a39"].is_err() && values["a8"].is_ok());

    // Two references to the level below, at each level: 2^30 paths, each attribute walked once.
    let diamond = (1..30).fold(attribute("a0", &call("f", "uint", "")), |body, i| {
        let below = format!(r#"<ts:uint256 ref="a{}"/>"#, i - 1);
        body + &attribute(&format!("a{i}"), &call("g", "uint", &format!("{below}{below}")))
    });
    assert_eq!(text(one(&diamond, "a29", Ok(word(1)))), "1");

    let many: String = (0..100).map(|i| attribute(&format!("a{i}"), &call(&format!("f{i}"), "uint", ""))).collect();
    let many = script(&many);
    let (values, rounds) = run(many.evaluate(many.attributes.iter().map(|a| &*a.name), &context), |_| Ok(word(1)));
    assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), 64);
    assert_eq!(values.values().filter(|v| v.as_ref().is_err_and(|e| e.code() == "too-many-calls")).count(), 36);

    let limits = Limits { steps: 10, ..Limits::default() };
    let wide: String = (0..20).map(|i| attribute(&format!("a{i}"), r#"<ts:token-id as="uint"/>"#)).collect();
    let wide = parse(wrap(&wide).as_bytes(), &limits).unwrap();
    let (values, _) = run(wide.evaluate(wide.attributes.iter().map(|a| &*a.name), &context), |_| unreachable!());
    assert_eq!(values.values().filter(|v| v.is_ok()).count(), 10);
}

#[test]
fn contracts_on_several_chains_need_a_chain() {
    let body = r#"<ts:contract name="M"><ts:address network="1">0x0000000000000000000000000000000000000001</ts:address>
        <ts:address network="137">0x0000000000000000000000000000000000000137</ts:address></ts:contract>
        <ts:attribute name="a"><ts:origins><ethereum:call contract="M" function="f" as="uint"/></ts:origins></ts:attribute>"#;
    let script = script(body);
    let on = |chain_id| {
        let context = Context { chain_id, ..context() };
        run(script.evaluate(["a"], &context), |call| Ok(word(call.chain_id))).0["a"].clone()
    };
    assert_eq!((text(on(Some(1))), text(on(Some(137)))), ("1".into(), "137".into()));
    assert_eq!(on(None), Err(AttributeError::AmbiguousChain("M".into())));
    assert_eq!(on(Some(5)), Err(AttributeError::NoAddress { contract: "M".into(), chain_id: Some(5) }));
}

const ACTIONS: &str = r#"
<ts:selection name="closed" filter="open=FALSE"><ts:denial><ts:string xml:lang="en">Closed today.</ts:string></ts:denial></ts:selection>
<ts:selection name="broken" filter="open=\zz"/>
<ts:cards>
  <ts:card type="token" name="info"/>
  <ts:card type="action" name="buy" exclude="closed">
    <ts:attribute name="amount"><ts:label><ts:string xml:lang="en">How much</ts:string></ts:label>
      <ts:origins><ts:user-entry as="e18"/></ts:origins></ts:attribute>
    <ts:attribute name="note"><ts:origins><ts:user-entry as="utf8"/></ts:origins></ts:attribute>
    <ts:transaction><ethereum:transaction contract="C" function="buy">
      <ts:data><ts:uint256 ref="tokenId"/><ts:uint128 local-ref="amount"/><ts:address ref="ownerAddress"/></ts:data>
      <ethereum:value ref="amount"/>
    </ethereum:transaction></ts:transaction>
  </ts:card>
  <ts:card type="action" name="tip"><ts:transaction><ethereum:transaction>
    <ethereum:to>0x0000000000000000000000000000000000000009</ethereum:to><ethereum:value>5</ethereum:value>
  </ethereum:transaction></ts:transaction></ts:card>
  <ts:card type="action" name="lost" exclude="nowhere"/>
  <ts:card type="action" name="stuck" exclude="broken"/>
  <ts:card type="action" name="strange"><ts:transaction><ethereum:transaction contract="C" function="f"><ts:data><ts:struct ref="x"/></ts:data></ethereum:transaction></ts:transaction></ts:card>
</ts:cards>
<ts:attribute name="open"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.7</ts:syntax></ts:type><ts:origins><ts:data ref="open"/></ts:origins></ts:attribute>"#;

#[test]
fn actions_are_gated_and_make_transactions() {
    let script = script(ACTIONS);
    let act = |action: &str, arguments: Json, context: &Context| {
        let evaluation = script.evaluate_action(action, arguments.as_object().unwrap(), context)?;
        let values = run(evaluation, |_| unreachable!()).0;
        script.transaction(action, context, &values)
    };
    let open = context();
    let transaction = act("buy", json!({ "amount": "1.5", "note": "hi" }), &open).unwrap().unwrap();
    let json = serde_json::to_value(&transaction).unwrap();
    assert_eq!(json["value"], "0x14d1120d7b160000");
    assert_eq!(json["chainId"], "0x1");
    assert_eq!(json["to"], "0x63cCEF733a093E5Bd773b41C96D3eCE361464942");
    assert_eq!(transaction.data.len(), 4 + 96);
    assert_eq!(transaction.data[4..36], word(7));

    let mut closed = context();
    closed.values.insert("open".into(), "0".into());
    let denied = act("buy", json!({ "amount": "1" }), &closed).unwrap_err();
    assert_eq!(
        (denied.code(), denied.to_string()),
        ("denied", "not for instances in the selection closed: Closed today.".into())
    );
    let mut unknown = context();
    unknown.values.remove("open");
    assert_eq!(act("buy", json!({ "amount": "1" }), &unknown).unwrap_err().code(), "attribute-unavailable");

    assert_eq!(act("buy", json!({}), &open), Err(ActionError::MissingArgument("amount".into())));
    assert_eq!(act("buy", json!({ "amount": "1", "x": 1 }), &open), Err(ActionError::UnknownArgument("x".into())));
    for bad in [json!("-1"), json!("1.0000000000000000001"), json!(1.5), json!(null), json!("x")] {
        assert_eq!(act("buy", json!({ "amount": bad }), &open).unwrap_err().code(), "invalid-argument", "{bad}");
    }
    assert_eq!(
        act("buy", json!({ "amount": "400000000000000000000" }), &open).unwrap_err().code(),
        "not-convertible",
        "128 bits"
    );
    assert_eq!(act("buy", json!({ "note": "x".repeat(20_000) }), &open).unwrap_err().code(), "invalid-argument");
    assert_eq!(act("info", json!({}), &open), Err(ActionError::Unknown("info".into())));

    let tip = act("tip", json!({}), &open).unwrap().unwrap();
    assert_eq!((tip.to, tip.value, tip.data.len()), (Address::with_last_byte(9), U256::from(5), 0));
    assert!(matches!(
        act("lost", json!({}), &open),
        Err(ActionError::Undecided { error: FilterError::UnknownSelection(_), .. })
    ));
    assert_eq!(act("stuck", json!({}), &open).unwrap_err().code(), "invalid-escape");
    assert!(matches!(act("strange", json!({}), &open), Err(ActionError::Unsupported { line: 22.., .. })));
}

#[test]
fn actions_are_described_with_schemas() {
    let description = serde_json::to_value(script(ACTIONS).describe()).unwrap();
    let buy = &description["actions"][0];
    assert_eq!(buy["name"], "buy");
    assert_eq!(buy["exclude"], json!(["closed"]));
    assert_eq!(
        buy["parameters"],
        json!({
            "type": "object",
            "properties": {
                "amount": { "type": "string", "title": "How much", "pattern": "^[0-9]{1,78}(\\.[0-9]{1,18})?$" },
                "note": { "type": "string", "maxLength": 16384 },
            },
            "required": ["amount"],
            "additionalProperties": false,
        })
    );
    assert_eq!(description["cards"][0]["type"], "token");
    assert_eq!(description["attributes"][0]["schema"], json!({ "type": "boolean" }));
    assert!(description["selections"][1]["error"].as_str().unwrap().contains("escape"));
    assert_eq!(description["contracts"][0]["addresses"][0], "eip155:1:0x63cCEF733a093E5Bd773b41C96D3eCE361464942");
}

/// The forms of 2019 and 2020/03: `ts:name`, `attribute-types`, `ts:ethereum`, `ts:action`, `ts:exclude`, filters as elements.
#[test]
fn old_namespaces_say_the_same_in_their_own_way() {
    for namespace in ["2019/05", "2019/10", "2020/03"] {
        let xml = format!(
            r#"<ts:token xmlns:ts="http://tokenscript.org/{namespace}/tokenscript" xmlns="http://www.w3.org/1999/xhtml" custodian="true">
  <ts:name><ts:plurals xml:lang="en"><ts:string quantity="other">Tickets</ts:string><ts:string quantity="one">Ticket</ts:string></ts:plurals>
    <ts:string xml:lang="zh">票</ts:string></ts:name>
  <ts:contract interface="erc875" name="E"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address></ts:contract>
  <ts:origins><ts:ethereum contract="E"/></ts:origins>
  <ts:selections><ts:selection id="expired"><ts:filter>expired</ts:filter></ts:selection></ts:selections>
  <ts:cards>
    <ts:token-card><style>p &gt; b</style></ts:token-card>
    <ts:action><ts:name><ts:string xml:lang="en">Open the door!</ts:string></ts:name><ts:exclude selection="expired"/>
      <ts:attribute-types><ts:attribute-type id="code" syntax="1.3.6.1.4.1.1466.115.121.1.27"><ts:origins><ts:user-entry as="uint"/></ts:origins></ts:attribute-type></ts:attribute-types>
      <ts:transaction><ts:ethereum contract="E" function="open"><ts:data><ts:uint256 ref="code"/></ts:data><ts:value>3</ts:value></ts:ethereum></ts:transaction>
    </ts:action>
    <ts:action><ts:name><ts:string xml:lang="en">Open the door</ts:string></ts:name></ts:action>
    <ts:action/>
  </ts:cards>
  <ts:attribute-types>
    <ts:attribute-type id="expired" syntax="1.3.6.1.4.1.1466.115.121.1.7"><ts:origins>
      <ts:ethereum as="bool" function="isExpired"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ts:ethereum></ts:origins></ts:attribute-type>
  </ts:attribute-types>
</ts:token>"#
        );
        let script = parse(xml.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(script.namespace.as_str(), namespace);
        assert_eq!((script.name.as_str(), script.custodian, script.signed), ("Ticket", true, false));
        assert_eq!(script.labels.text("zh-TW"), Some("票"));
        assert_eq!(script.problems, []);
        let names: Vec<_> = script.actions().map(|card| card.name.as_str()).collect();
        assert_eq!(names, ["open-the-door", "open-the-door-2", "action"]);
        assert_eq!(script.cards[0].card_type, CardType::Token);
        let context = context();
        let act = |answer: u64| {
            let arguments = json!({ "code": 99 }).as_object().unwrap().clone();
            let values =
                run(script.evaluate_action("open-the-door", &arguments, &context).unwrap(), |_| Ok(word(answer))).0;
            script.transaction("open-the-door", &context, &values)
        };
        let transaction = act(0).unwrap().unwrap();
        assert_eq!((transaction.value, &transaction.data[4..]), (U256::from(3), word(99).as_slice()));
        assert_eq!(act(1).unwrap_err().code(), "denied");
    }
}

#[test]
fn refusals_have_a_reason_and_a_line() {
    let refusal = |xml: &str| {
        let error = parse(xml.as_bytes(), &Limits::default()).unwrap_err();
        (error.reason, error.line)
    };
    assert_eq!(refusal("\n<html/>"), (Reason::NotATokenScript, Some(2)));
    assert_eq!(refusal(r#"<token name="x"/>"#).0, Reason::NotATokenScript);
    let future = "http://tokenscript.org/2031/01/tokenscript";
    assert_eq!(
        refusal(&format!(r#"<t:token xmlns:t="{future}" name="x"/>"#)).0,
        Reason::UnknownNamespace(future.into())
    );
    assert_eq!(
        refusal(r#"<t:token xmlns:t="http://tokenscript.org/2024/01/tokenscript"/>"#),
        (Reason::MissingName { element: "token" }, Some(1))
    );
    assert_eq!(refusal(&wrap("<ts:attribute/>")), (Reason::MissingName { element: "attribute" }, Some(3)));
    assert_eq!(refusal(&wrap("\n<ts:selection filter='a'/>")), (Reason::MissingName { element: "selection" }, Some(4)));
    let twice = attribute("a", "") + "\n" + &attribute("a", "");
    assert_eq!(refusal(&wrap(&twice)), (Reason::Duplicate { kind: "attributes", name: "a".into() }, Some(4)));
    let many: String = (0..600).map(|i| attribute(&format!("a{i}"), "")).collect();
    assert_eq!(refusal(&wrap(&many)).0, Reason::TooMany { kind: "attributes", limit: 512 });
    assert_eq!(refusal(&wrap("<ts:cards>\n</ts:card>")).1, Some(4));
}

#[test]
fn signed_scripts_are_read_through() {
    let signature = r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature>"#;
    assert!(script(signature).signed);
    let enveloping = format!(
        r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:Object>
{}</ds:Object></ds:Signature>"#,
        wrap(&attribute("a", r#"<ts:token-id as="uint"/>"#))
    );
    let script = parse(enveloping.as_bytes(), &Limits::default()).unwrap();
    assert!(script.signed && script.attributes.len() == 1 && script.namespace == Namespace::V2024_01);
}

#[test]
fn data_objects_and_descriptions_are_kept() {
    let script = script(
        r#"<ts:meta><ts:description xml:lang="en">A   thing.</ts:description></ts:meta>
<asnx:module xmlns:asnx="urn:ietf:params:xml:ns:asnx" name="M"><namedType name="Sold"><type><sequence>
  <element name="price" ethereum:type="uint256" ethereum:indexed="true"/></sequence></type></namedType></asnx:module>"#,
    );
    assert_eq!(script.descriptions.text("fr"), Some("A thing."));
    assert_eq!(
        serde_json::to_value(&script.data_objects).unwrap(),
        json!([{ "name": "Sold", "fields": [{ "name": "price", "type": "uint256", "indexed": true }] }])
    );
}

#[test]
fn placeholders_are_problems_and_not_refusals() {
    let script = script(
        r#"<ts:contract name="P"><ts:address network="$CHAIN">$ADDRESS</ts:address></ts:contract>
<ts:contract name="Q"><ts:address network="1">0x431</ts:address><ts:abi>nonsense</ts:abi></ts:contract>
<ts:attribute name="a"><ts:origins><ethereum:call contract="P" function="f" as="uint"/></ts:origins></ts:attribute>"#,
    );
    assert_eq!(script.problems.iter().map(|p| p.line).collect::<Vec<_>>(), [3, 4, 4]);
    let context = context();
    let (values, _) = run(script.evaluate(["a"], &context), |_| unreachable!());
    assert_eq!(values["a"].as_ref().unwrap_err().code(), "no-address");
}

#[test]
fn a_transaction_that_is_not_served_says_so() {
    let script = script(
        r#"<ts:cards><ts:card type="action" name="x"><ts:transaction><ts:magic/></ts:transaction></ts:card>
        <ts:card type="unknown" name="y"/></ts:cards>"#,
    );
    assert!(matches!(script.action("x").unwrap().transaction, Some(Transaction::Unsupported { line: 3, .. })));
    assert_eq!(script.cards.len(), 1);
    assert_eq!(script.problems.len(), 2);
}
