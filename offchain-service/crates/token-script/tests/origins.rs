//! Origins of every kind: what they ask for, and what is made of what comes back.

use alloy_primitives::{keccak256, Address, B256, U256};
use serde_json::{json, Value as Json};
use smartlayer_token_script::{
    parse, ActionError, Attested, AttributeError, CallError, Context, Evaluation, Limits, Log, LogQuery, Requests,
    Step, TokenScript, Value, Values,
};

const OWNER: Address = Address::new([0x11; 20]);

fn script(body: &str) -> TokenScript {
    let xml = format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople"
            xmlns:asnx="urn:ietf:params:xml:ns:asnx" name="T">
<asnx:module name="Events"><namedType name="Sold"><type><sequence>
  <element name="label" ethereum:type="bytes32" ethereum:indexed="true"/><element name="note" ethereum:type="string" ethereum:indexed="true"/>
  <element name="buyer" ethereum:type="address"/><element name="price" ethereum:type="uint"/></sequence></type></namedType></asnx:module>
<ts:contract name="C"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address>
  <ts:address network="137">0x0000000000000000000000000000000000000137</ts:address>
  <ts:abi>[{{"type":"event","name":"Moved","anonymous":false,"inputs":[{{"name":"to","type":"address","indexed":true}}]}},
   {{"type":"error","name":"Broke","inputs":[{{"name":"why","type":"string"}}]}},
   {{"type":"function","name":"score","stateMutability":"view","inputs":[{{"name":"order","type":"tuple","components":[
      {{"name":"id","type":"uint256"}},{{"name":"tags","type":"string[]"}},{{"name":"pair","type":"uint8[2]"}}]}}],
      "outputs":[{{"name":"","type":"uint256"}}]}},
   {{"type":"function","name":"over","stateMutability":"view","inputs":[{{"name":"a","type":"uint256"}}],"outputs":[{{"name":"x","type":"uint256"}}]}},
   {{"type":"function","name":"over","stateMutability":"view","inputs":[{{"name":"a","type":"address"}}],"outputs":[{{"name":"y","type":"address"}},{{"name":"z","type":"bool"}}]}}]</ts:abi></ts:contract>
<ts:origins><ts:ethereum contract="C"/></ts:origins>
{body}</ts:token>"#
    );
    parse(xml.as_bytes(), &Limits::default()).unwrap()
}

fn attribute(name: &str, syntax: &str, origins: &str) -> String {
    let syntax = match syntax {
        "" => String::new(),
        oid => format!("<ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.{oid}</ts:syntax></ts:type>"),
    };
    format!(r#"<ts:attribute name="{name}">{syntax}<ts:origins>{origins}</ts:origins></ts:attribute>"#)
}

fn context() -> Context {
    Context { token_id: U256::from(7), owner: Some(OWNER), chain_id: Some(1), ..Context::default() }
}

fn word(n: u64) -> [u8; 32] {
    U256::from(n).to_be_bytes()
}

/// Runs to the end, without logs, with a storage of which slot n holds n, and calls that return 1.
fn run(mut evaluation: Evaluation<'_>, mut answer: impl FnMut(&mut Evaluation<'_>, &Requests)) -> Values {
    for _ in 0..50 {
        match evaluation.step() {
            Step::Done(values) => return values,
            Step::Need(requests) => answer(&mut evaluation, &requests),
        }
    }
    panic!("it asks forever");
}

fn unasked(_: &mut Evaluation<'_>, requests: &Requests) {
    panic!("nothing should be asked for: {requests:?}")
}

fn one(script: &TokenScript, name: &str, context: &Context) -> Result<Value, AttributeError> {
    run(script.evaluate([name], context), unasked).remove(name).unwrap()
}

fn text(value: &Result<Value, AttributeError>) -> String {
    value.as_ref().unwrap().text().unwrap()
}

const MAPPING: &str = r#"<ts:mapping><ts:option key="1"><ts:value xml:lang="zh">都柏林</ts:value><ts:value xml:lang="en">Dublin</ts:value></ts:option>
    <ts:option key="07"><ts:value xml:lang="en">Lima</ts:value></ts:option></ts:mapping>"#;
const DATES: &str = r#"<ts:mapping><ts:option key="false"><ts:value>20250131</ts:value></ts:option><ts:option key="1"><ts:value>20260131</ts:value></ts:option></ts:mapping>"#;

#[test]
fn mappings_show_values() {
    let id = |mask: &str| format!(r#"<ts:token-id bitmask="{mask}" as="uint">{MAPPING}</ts:token-id>"#);
    let body = attribute("all", "15", &id("FF"))
        + &attribute("one", "15", &id("01"))
        + &attribute("none", "15", &id("F0"))
        + &attribute("next", "15", &format!(r#"{}<ts:data>anywhere</ts:data>"#, id("F0")))
        + &attribute("when", "24", &format!(r#"<ts:token-id bitmask="01" as="bool">{DATES}</ts:token-id>"#))
        + &attribute("again", "15", &format!(r#"<ts:attribute ref="raw">{MAPPING}</ts:attribute>"#))
        + &attribute(
            "raw",
            "",
            r#"<ts:token-id bitmask="FF
            FF" as="uint"/>"#,
        )
        + &attribute("issuer", "15", &format!(r#"<ts:data ref="city">{MAPPING}</ts:data>"#))
        + r#"<ts:selection name="lima" filter="all=Lima"/>"#;
    let script = script(&body);
    assert_eq!(script.problems, []);
    let mut context = context();
    context.values.insert("city".into(), "1".into());
    assert_eq!(text(&one(&script, "all", &context)), "Lima", "keys are numbers: 07 is 7");
    assert_eq!(text(&one(&script, "one", &context)), "Dublin", "English, though it is written second");
    assert_eq!(one(&script, "none", &context), Err(AttributeError::Unmapped("0".into())));
    assert_eq!(text(&one(&script, "next", &context)), "anywhere", "what has no option has no value");
    assert_eq!(text(&one(&script, "when", &context)), "20260131000000Z", "the syntax is that of what is shown");
    assert_eq!(text(&one(&script, "again", &context)), "Lima", "of an attribute");
    assert_eq!(text(&one(&script, "issuer", &context)), "Dublin", "of an issuer's value");
    let chinese = Context { language: "zh-TW".into(), ..context.clone() };
    assert_eq!(text(&one(&script, "one", &chinese)), "都柏林");
    let values = run(script.evaluate(["all"], &context), unasked);
    assert_eq!(script.is_selected("lima", &context, &values), Ok(true));
    assert_eq!(script.describe().attributes[0].schema, json!({ "type": "string" }));
}

#[test]
fn times_are_made_of_numbers_and_texts() {
    let body = attribute("number", "24", r#"<ts:data ref="seconds"/>"#)
        + &attribute("seconds", "", r#"<ts:data><ts:uint256>1769860800</ts:uint256></ts:data>"#)
        + &attribute("text", "24", "<ts:data>20260131200000+0800</ts:data>")
        + &attribute("minutes", "24", "<ts:data>202601311200</ts:data>")
        + &attribute("as", "", r#"<ts:token-id as="time"/>"#)
        + &attribute("called", "24", r#"<ethereum:call contract="C" function="expiry" as="uint"/>"#)
        + &attribute("never", "24", "<ts:data>soon</ts:data>")
        + r#"<ts:selection name="this-year" filter="(&amp;(number=2026)(called=20260131)(text=${number}))"/>"#;
    let (script, context) = (script(&body), context());
    for name in ["number", "text", "minutes"] {
        assert_eq!(
            serde_json::to_value(one(&script, name, &context).unwrap()).unwrap(),
            json!("2026-01-31T12:00:00Z"),
            "{name}"
        );
    }
    assert_eq!(text(&one(&script, "as", &context)), "19700101000007Z");
    assert_eq!(one(&script, "never", &context).unwrap_err().code(), "not-convertible");
    let values = run(script.evaluate(["number", "called", "text"], &context), |evaluation, requests| {
        for call in &requests.calls {
            evaluation.supply(call.clone(), Ok(word(1_769_860_800).to_vec()));
        }
    });
    assert_eq!(script.is_selected("this-year", &context, &values), Ok(true));
    assert_eq!(script.describe().attributes[0].schema, json!({ "type": "string", "format": "date-time" }));
}

fn sold(label: u64, note: &str, buyer: u8, price: u64, block: u64, index: u64) -> Log {
    let topics = vec![keccak256("Sold(bytes32,string,address,uint256)"), B256::from(word(label)), keccak256(note)];
    let data = [[[0; 12].as_slice(), &[buyer; 20]].concat(), word(price).to_vec()].concat();
    Log { topics, data, block, index }
}

#[test]
fn events_give_the_newest_log_that_fits() {
    let event = |attributes: &str| format!(r#"<ethereum:event contract="C" type="Sold" {attributes}/>"#);
    let body = attribute("price", "27", &event(r#"filter="label=${tokenId}" select="price""#))
        + &attribute(
            "noted",
            "",
            &event(r#"filter="note=x${tokenId}&amp;buyer=${ownerAddress}" select="price" as="e2""#),
        )
        + &attribute(
            "whole",
            "",
            &event(r#"filter="(&amp;(label=0x0000000000000000000000000000000000000000000000000000000000000009))""#),
        )
        + &attribute(
            "none",
            "",
            &event(
                r#"filter="label=0x0000000000000000000000000000000000000000000000000000000000000008" select="price""#,
            ),
        )
        + &attribute("moved", "", r#"<ethereum:event type="Moved" filter="to=${ownerAddress}" select="to"/>"#)
        + &attribute("old", "", r#"<ts:ethereum event="Sold" filter="label=${tokenId}" select="buyer"/>"#)
        + r#"<ts:contract name="Old"><ts:address network="1">0x0000000000000000000000000000000000000009</ts:address>
            <asnx:module name="Named"><sequence><element name="who" ethereum:type="address"/></sequence></asnx:module></ts:contract>"#
        + &attribute("module", "", r#"<ethereum:event contract="Old" type="Named" select="who"/>"#)
        + &attribute("field", "", &event(r#"filter="colour=1""#))
        + &attribute("order", "", &event(r#"filter="price>1""#))
        + &attribute("strange", "", r#"<ethereum:event contract="C" type="Burnt"/>"#);
    let script = script(&body);
    assert_eq!(script.problems.len(), 3, "{:?}", script.problems);
    let context = Context { from_block: 5, ..context() };
    let mut asked: Vec<LogQuery> = Vec::new();
    let names = script.attributes.iter().map(|a| a.name.as_str());
    let values = run(script.evaluate(names, &context), |evaluation, requests| {
        assert!(requests.calls.is_empty() && requests.storage.is_empty());
        asked.extend(requests.logs.clone());
        let all = vec![
            sold(7, "x7", 0x22, 100, 10, 3),
            sold(7, "x7", 0x22, 300, 11, 1),
            sold(7, "x7", 0x11, 200, 11, 0),
            sold(9, "", 0x33, 1, 1, 0),
            // Not what was asked for: another event, and one of the same name with other topics.
            Log { topics: vec![B256::ZERO], ..sold(7, "", 0, 9, 99, 0) },
            Log { topics: sold(7, "", 0, 9, 99, 0).topics[..2].to_vec(), ..Log::default() },
        ];
        for query in &requests.logs {
            evaluation.supply_logs(query.clone(), Ok(all.clone()));
        }
    });
    assert_eq!(text(&values["price"]), "300", "the newest: the last in the last block");
    assert_eq!(text(&values["old"]), Address::new([0x22; 20]).to_checksum(None), "as 2019 writes it");
    assert_eq!(text(&values["noted"]), "2", "a field that is no topic is compared in the log");
    assert_eq!(values["whole"].as_ref().unwrap().at("price"), Some(&Value::Uint(U256::ONE)));
    assert_eq!(values["whole"].as_ref().unwrap().at("note"), Some(&Value::Bytes(keccak256("").to_vec())), "its hash");
    assert_eq!(values["none"], Err(AttributeError::NoEvent("Sold".into())));
    assert_eq!(values["module"], Err(AttributeError::NoEvent("Named".into())), "a module that is a type by itself");
    assert_eq!(values["moved"], Err(AttributeError::NoEvent("Moved".into())));
    for name in ["field", "order", "strange"] {
        assert_eq!(values[name].as_ref().unwrap_err().code(), "unsupported", "{name}");
    }
    // `price` and `old` ask the same; `uint` is uint256 in the signature; topics are by position.
    assert_eq!(asked.len(), 6);
    let topic = keccak256("Sold(bytes32,string,address,uint256)");
    let query = |topics| LogQuery { chain_id: 1, address: script.contracts[0].addresses[0].1, topics, from_block: 5 };
    assert!(asked.contains(&query(vec![Some(topic), Some(B256::from(word(7)))])));
    assert!(asked.contains(&query(vec![Some(topic), None, Some(keccak256("x7"))])));
    let down = run(script.evaluate(["price"], &context), |evaluation, requests| {
        evaluation.supply_logs(requests.logs[0].clone(), Err(CallError::Unavailable("down".into())));
    });
    assert_eq!(down["price"].as_ref().unwrap_err().code(), "chain-unavailable");
    let schemas: Vec<Json> = script.describe().attributes.into_iter().map(|a| a.schema).collect();
    assert_eq!(schemas[0], json!({ "type": "string", "pattern": "^[0-9]{1,78}$" }));
    assert_eq!(schemas[2]["properties"]["note"], json!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$" }));
}

#[test]
fn storage_is_read_as_solidity_lays_it_out() {
    let slot = |name: &str, rest: &str| {
        attribute(name, "", &format!(r#"<ethereum:storage contract="C" variable="v" {rest}/>"#))
    };
    let body = slot("number", r#"index="1" as="uint""#)
        + &slot("small", r#"index="2" type="uint8""#)
        + &slot("minus", r#"index="2" type="int16""#)
        + &slot("flag", r#"index="2" as="bool""#)
        + &slot("holder", r#"index="3" as="address""#)
        + &slot("short", r#"index="4" as="utf8""#)
        + &slot("long", r#"index="5" type="string""#)
        + &slot("bytes4", r#"index="2" type="bytes4""#)
        + &slot("untyped", r#"index="1""#)
        + &slot("huge", r#"index="6" as="bytes""#)
        + &slot("nowhere", r#"index="x" as="uint""#)
        + &slot("part", r#"index="1" select="a" as="uint""#);
    let (script, context) = (script(&body), context());
    let long = "A text that is longer than thirty-one bytes, and than sixty-three of them.";
    let first = U256::from_be_bytes(keccak256(word(5)).0);
    let mut rounds = 0;
    let names = script.attributes.iter().map(|a| a.name.as_str());
    let values = run(script.evaluate(names, &context), |evaluation, requests| {
        rounds += 1;
        for read in &requests.storage {
            let mut bytes = [0; 32];
            match u64::try_from(read.slot) {
                Ok(1) => bytes = word(12),
                Ok(2) => bytes = [0xff; 32],
                Ok(3) => bytes = [0x22; 32],
                Ok(4) => {
                    bytes[..5].copy_from_slice(b"short");
                    bytes[31] = 10;
                }
                Ok(5) => bytes = word(long.len() as u64 * 2 + 1),
                Ok(6) => bytes = [0xff; 32],
                _ => {
                    let at = usize::try_from(read.slot - first).unwrap() * 32;
                    let part = &long.as_bytes()[at..long.len().min(at + 32)];
                    bytes[..part.len()].copy_from_slice(part);
                }
            }
            evaluation.supply_storage(read.clone(), Ok(B256::from(bytes)));
        }
    });
    assert_eq!(rounds, 2, "a long text is read at once when its length is known");
    let shown = |name: &str| text(&values[name]);
    assert_eq!((shown("number"), shown("small"), shown("minus")), ("12".into(), "255".into(), "-1".into()));
    assert_eq!((shown("flag"), shown("holder")), ("TRUE".into(), Address::new([0x22; 20]).to_checksum(None)));
    assert_eq!((shown("short"), shown("long"), shown("bytes4")), ("short".into(), long.into(), "0xffffffff".into()));
    for (name, code) in
        [("untyped", "undecodable"), ("huge", "undecodable"), ("nowhere", "unsupported"), ("part", "unsupported")]
    {
        assert_eq!(values[name].as_ref().unwrap_err().code(), code, "{name}");
    }
}

#[test]
fn attestations_are_records() {
    let body = r#"<ts:attestation name="Pass" type="eas"><ts:meta><ts:name>Pass</ts:name>
            <ts:attributeField name="data.ticketId">Ticket</ts:attributeField></ts:meta><ts:key>0x04</ts:key>
            <ts:collectionFields><ts:collectionField name="schema"/>
            <ts:collectionField name="eventId"> devcon 6 </ts:collectionField></ts:collectionFields>
            <ts:idFields>eventId, ticketId</ts:idFields><ts:eas schemaUID="0x7f"/></ts:attestation>"#
        .to_string()
        + &attribute("ticket", "27", r#"<ts:data ref="attestation.data.ticketId"/>"#)
        + &attribute("event", "", r#"<ts:attestation name="Pass" ref="data.eventId" as="utf8"/>"#)
        + &attribute("lost", "", r#"<ts:attestation ref="data.nothing"/>"#)
        + &attribute("either", "", r#"<ts:attestation ref="data.eventId"/><ts:data>none</ts:data>"#)
        + &attribute("whole", "", r#"<ts:data ref="attestation"/>"#)
        + &attribute("sig", "", r#"<ts:data ref="attestationSig"/>"#)
        + r#"<ts:selection name="attested" filter="attestation=*"/>"#;
    let script = script(&body);
    let definition = serde_json::to_value(&script.attestations).unwrap();
    assert_eq!(definition[0]["schemaUid"], "0x7f");
    assert_eq!(definition[0]["idFields"], json!(["eventId", "ticketId"]));
    assert_eq!(definition[0]["collectionFields"], json!([["schema", ""], ["eventId", "devcon 6"]]));
    assert_eq!(definition[0]["fields"], json!([["data.ticketId", "Ticket"]]));
    let attestation = Value::typed("abi", &json!({ "data": { "ticketId": 9, "eventId": "devcon" } })).unwrap();
    let attested = Attested { message: Value::Bool(true), parts: attestation, signature: vec![7; 65] };
    let with = Context { attestation: Some(attested), ..context() };
    assert_eq!(
        (text(&one(&script, "ticket", &with)), text(&one(&script, "event", &with))),
        ("9".into(), "devcon".into())
    );
    assert_eq!(one(&script, "whole", &with), Ok(Value::Bool(true)));
    assert_eq!(one(&script, "sig", &with), Ok(Value::Bytes(vec![7; 65])));
    assert_eq!(one(&script, "lost", &with).unwrap_err().code(), "no-value");
    assert_eq!(one(&script, "ticket", &context()), Err(AttributeError::NoAttestation));
    assert_eq!(text(&one(&script, "either", &context())), "none");
    assert_eq!(script.is_selected("attested", &with, &Values::new()), Ok(true));
    assert_eq!(script.is_selected("attested", &context(), &Values::new()), Ok(false));
}

#[test]
fn the_deprecated_event_of_an_attestation_is_a_collection_field() {
    let collection = |inner: &str| {
        let body = format!(
            r#"<ts:attestation name="Pass" type="eas"><ts:eventId>devcon6</ts:eventId>{inner}</ts:attestation>"#
        );
        script(&body).attestations.remove(0).collection_fields
    };
    let field = |name: &str, text: &str| vec![(name.to_string(), text.to_string())];
    assert_eq!(collection(""), field("eventId", "devcon6"));
    assert_eq!(collection("<ts:collectionFields/>"), field("eventId", "devcon6"));
    let newer = r#"<ts:collectionFields><ts:collectionField name="day">2</ts:collectionField></ts:collectionFields>"#;
    assert_eq!(collection(newer), field("day", "2"));
}

#[test]
fn several_values_and_typed_arguments() {
    let body = attribute("pair", "", r#"<ts:data><ts:uint8 name="id">5</ts:uint8><ts:string ref="name"/></ts:data>"#)
        + &attribute("name", "", "<ts:data>Ada</ts:data>")
        + &attribute(
            "score",
            "",
            r#"<ethereum:call contract="C" function="score"><ts:data><ts:struct ref="order"/></ts:data></ethereum:call>"#,
        )
        + &attribute(
            "order",
            "",
            r#"<ts:data><ts:uint256 name="id" ref="tokenId"/><ts:string name="x">1</ts:string><ts:bool name="y">1</ts:bool></ts:data>"#,
        )
        + &attribute(
            "written",
            "",
            r#"<ethereum:call contract="C" function="score"><ts:data><ts:abi>{"id": 1, "tags": ["a"], "pair": [2, 3]}</ts:abi></ts:data></ethereum:call>"#,
        )
        + &attribute(
            "first",
            "",
            r#"<ethereum:call contract="C" function="over"><ts:data><ts:uint256>1</ts:uint256></ts:data></ethereum:call>"#,
        )
        + &attribute(
            "second",
            "",
            r#"<ethereum:call contract="C" function="over" select="z"><ts:data><ts:address ref="ownerAddress"/></ts:data></ethereum:call>"#,
        )
        + &attribute(
            "which",
            "",
            r#"<ethereum:call contract="C" function="over"><ts:data><ts:abi ref="a"/></ts:data></ethereum:call>"#,
        );
    let (script, context) = (script(&body), context());
    assert_eq!(script.problems.len(), 1, "which of the overloads? {:?}", script.problems);
    assert_eq!(
        serde_json::to_value(one(&script, "pair", &context).unwrap()).unwrap(),
        json!({ "id": "5", "1": "Ada" })
    );
    let mut selectors = Vec::new();
    let values = run(script.evaluate(["written", "first", "second", "score"], &context), |evaluation, requests| {
        for call in &requests.calls {
            selectors.push(call.data[..4].to_vec());
            evaluation.supply(call.clone(), Ok([word(1), word(1)].concat()));
        }
    });
    let selector = |signature: &str| keccak256(signature)[..4].to_vec();
    for signature in ["score((uint256,string[],uint8[2]))", "over(uint256)", "over(address)"] {
        assert!(selectors.contains(&selector(signature)), "{signature}");
    }
    assert_eq!((text(&values["written"]), text(&values["first"])), ("1".into(), "1".into()));
    assert_eq!(values["second"], Ok(Value::Bool(true)), "the overload's own results, of which one is selected");
    assert_eq!(values["score"].as_ref().unwrap_err().code(), "not-convertible", "the record has other fields");
    let contract = &script.contracts[0];
    assert_eq!((contract.events[0].name.as_str(), contract.errors[0].name.as_str()), ("Moved", "Broke"));
}

#[test]
fn names_that_no_script_defines() {
    let names = [
        ("tokenId", "7"),
        ("chainId", "1"),
        ("contractAddress", "0x63cCEF733a093E5Bd773b41C96D3eCE361464942"),
        ("contractAddress_C", "0x63cCEF733a093E5Bd773b41C96D3eCE361464942"),
        ("contractAddress_C_137", "0x0000000000000000000000000000000000000137"),
    ];
    let script = script("");
    for (name, expected) in names {
        assert_eq!(text(&one(&script, name, &context())), expected, "{name}");
    }
    let caller = Context { caller: Some(OWNER), ..context() };
    assert_eq!(text(&one(&script, "walletAddress", &caller)), OWNER.to_checksum(None));
    assert_eq!(one(&script, "walletAddress", &context()).unwrap_err().code(), "caller-unknown");
    assert_eq!(one(&script, "contractAddress_C_5", &context()).unwrap_err().code(), "no-address");
    assert_eq!(one(&script, "contractAddress_D_1", &context()).unwrap_err().code(), "unresolved-reference");
    assert_eq!(one(&script, "nothing", &context()).unwrap_err().code(), "unknown-attribute");
}

#[test]
fn what_no_attribute_is_must_be_entered() {
    let body = r#"<ts:cards>
<ts:card type="action" name="renew"><ts:label><ts:string xml:lang="en">Renew</ts:string><ts:string xml:lang="de">Verlängern</ts:string></ts:label>
  <ts:attribute name="price"><ts:label><ts:string xml:lang="en">Price</ts:string><ts:string xml:lang="de">Preis</ts:string></ts:label>
    <ts:origins><ethereum:call contract="C" function="price" as="uint"><ts:data><ts:bytes32 local-ref="nodeHash"/></ts:data></ethereum:call></ts:origins></ts:attribute>
  <ts:attribute name="shown"><ts:origins><ethereum:call contract="C" function="name" as="utf8"><ts:data><ts:string local-ref="locale"/></ts:data></ethereum:call></ts:origins></ts:attribute>
  <ts:transaction><ethereum:transaction contract="C" function="score"><ts:data><ts:struct local-ref="order"/></ts:data>
    <ethereum:value local-ref="price"/></ethereum:transaction></ts:transaction></ts:card>
<ts:card type="action" name="plain"><ts:transaction><ethereum:transaction contract="C" function="f"><ts:data><ts:uint256 ref="total"/><ts:uint8 ref="user"/></ts:data></ethereum:transaction></ts:transaction></ts:card></ts:cards>"#
        .to_string()
        + &attribute("total", "", r#"<ethereum:call contract="C" function="total" as="uint"><ts:data><ts:uint256 ref="amount"/></ts:data></ethereum:call>"#)
        + &attribute("amount", "", r#"<ts:user-entry as="e2"/>"#)
        + &attribute("user", "", &format!(r#"<ts:user-entry as="uint">{MAPPING}</ts:user-entry>"#));
    let (script, context) = (script(&body), context());
    let renew = script.parameters_schema("renew").unwrap();
    assert_eq!(renew["required"], json!(["nodeHash", "order"]), "what is only shown may be left out");
    assert_eq!(renew["properties"]["nodeHash"]["type"], "string");
    assert_eq!(renew["properties"]["order"]["properties"]["tags"]["type"], "array");
    assert!(renew["properties"].get("locale").is_some());
    let plain = script.parameters_schema("plain").unwrap();
    assert_eq!(plain["required"], json!(["amount", "user"]), "also what an attribute of the token needs");
    assert_eq!(plain["properties"]["user"]["enum"], json!(["1", "07"]));
    let german = script.describe_in("de-CH");
    assert_eq!(german.actions[0].label.as_deref(), Some("Verlängern"));
    assert_eq!(german.actions[0].attributes[0].label.as_deref(), Some("Preis"));

    let hash = format!("0x{}", "ab".repeat(32));
    let order = json!({ "id": 1, "tags": ["a", "b"], "pair": [2, "3"] });
    let act = |arguments: Json| {
        let evaluation = script.evaluate_action("renew", arguments.as_object().unwrap(), &context)?;
        let values = run(evaluation, |evaluation, requests| {
            for call in &requests.calls {
                evaluation.supply(call.clone(), Ok(word(call.data.len() as u64).to_vec()));
            }
        });
        script.transaction("renew", &context, &values)
    };
    let transaction = act(json!({ "nodeHash": hash, "order": order })).unwrap().unwrap();
    assert_eq!(transaction.value, U256::from(36), "the price of the entered hash");
    assert_eq!(transaction.data[..4], keccak256("score((uint256,string[],uint8[2]))")[..4]);
    assert_eq!(act(json!({ "order": order })), Err(ActionError::MissingArgument("nodeHash".into())));
    assert_eq!(act(json!({ "nodeHash": hash })), Err(ActionError::MissingArgument("order".into())));
    assert_eq!(act(json!({ "other": 1 })), Err(ActionError::UnknownArgument("other".into())));
    for bad in [json!("0xab"), json!(7), json!(null), json!(["0xab"])] {
        assert_eq!(act(json!({ "nodeHash": bad, "order": order })).unwrap_err().code(), "invalid-argument", "{bad}");
    }
    for bad in [
        json!({ "id": 1, "tags": ["a"], "pair": [2] }),
        json!({ "id": 1, "tags": ["a"], "pair": [2, 256] }),
        json!({ "id": 1, "tags": "a", "pair": [2, 3] }),
        json!({ "id": 1, "tags": [] }),
        json!({ "id": -1, "tags": [], "pair": [2, 3] }),
        json!([1, [], [2, 3], 4]),
        json!({ "id": 1, "tags": ["x".repeat(20_000)], "pair": [2, 3] }),
    ] {
        assert_eq!(act(json!({ "nodeHash": hash, "order": bad })).unwrap_err().code(), "invalid-argument", "{bad}");
    }
    assert!(act(json!({ "nodeHash": hash, "order": [1, [], [2, 3]] })).is_ok(), "by position");
}

#[test]
fn what_is_needed_of_chains_is_listed() {
    let body = attribute(
        "a",
        "",
        r#"<ethereum:call contract="C" function="f" as="uint"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ethereum:call>"#,
    ) + &attribute(
        "b",
        "",
        r#"<ethereum:event contract="C" type="Moved" select="to"/><ethereum:storage contract="C" variable="x" index="3" as="uint"/>"#,
    ) + r#"<ts:contract name="Unused"><ts:address network="5">0x0000000000000000000000000000000000000005</ts:address></ts:contract>
        <ts:cards><ts:card type="action" name="go"><ts:transaction><ethereum:transaction contract="C" function="go"/></ts:transaction></ts:card>
        <ts:card type="activity" name="sold"><ts:origins><ethereum:event contract="C" type="Sold" filter="buyer=${ownerAddress}"/><ts:magic/></ts:origins></ts:card></ts:cards>"#;
    let script = script(&body);
    let requirements = serde_json::to_value(script.requirements()).unwrap();
    assert_eq!(requirements.as_array().unwrap().len(), 2);
    assert_eq!(
        requirements[0],
        json!({
            "chain": "eip155:1",
            "contract": "C",
            "address": "0x63cCEF733a093E5Bd773b41C96D3eCE361464942",
            "reads": ["call f(uint256)", "event Moved(address)", "event Sold(bytes32,string,address,uint256)", "storage 3"],
            "transactions": ["go()"],
        })
    );
    assert_eq!(requirements[1]["chain"], "eip155:137");
    let activity = &script.describe().cards[0];
    assert_eq!(activity.events["Sold"]["properties"]["buyer"]["type"], "string");
    assert_eq!(script.problems.len(), 1);
}
