//! Private marks: what is computed from something private is private, unless the script says otherwise.

use std::collections::BTreeSet;

use serde_json::json;
use smartlayer_token_script::{parse, Access, Context, FilterError, Limits, Reason, Step, TokenScript};

const SCRIPT: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople"
  xmlns:sl="https://smartlayer.network/tokenscript/2026/11" name="T">
<asnx:module xmlns:asnx="urn:ietf:params:xml:ns:asnx" name="M"><namedType name="Sold"><type><sequence>
<element name="to" ethereum:type="address" ethereum:indexed="true"/><element name="at" ethereum:type="uint"/></sequence></type></namedType></asnx:module>
<ts:contract name="C"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address></ts:contract>
<ts:attribute name="born" sl:access="owner"><ts:origins><ts:data ref="born"/></ts:origins></ts:attribute>
<ts:attribute name="year"><ts:origins><ts:data ref="born.year"/></ts:origins></ts:attribute>
<ts:attribute name="sign"><ts:origins><ts:data ref="year"><ts:mapping><ts:option key="1"><ts:value>Ox</ts:value></ts:option></ts:mapping></ts:data></ts:origins></ts:attribute>
<ts:attribute name="found"><ts:origins><ethereum:call contract="C" function="f" as="uint"><ts:data><ts:uint256 ref="year"/></ts:data></ethereum:call></ts:origins></ts:attribute>
<ts:attribute name="sold"><ts:origins><ethereum:event contract="C" type="Sold" filter="to=${born}" select="at"/></ts:origins></ts:attribute>
<ts:attribute name="adult" sl:access="public"><ts:origins><ts:data ref="year"/></ts:origins></ts:attribute>
<ts:attribute name="free"><ts:origins><ts:data ref="adult"/></ts:origins></ts:attribute>
<ts:attribute name="level"><ts:origins><ts:data ref="level"/></ts:origins></ts:attribute>
<ts:attribute name="both"><ts:origins><ts:data><ts:uint256 ref="level"/><ts:uint256 ref="adult"/></ts:data></ts:origins></ts:attribute>
<ts:attribute name="fallback"><ts:origins><ts:token-id/><ts:data ref="found"/></ts:origins></ts:attribute>
<ts:attribute name="diploma"><ts:origins><ts:attestation ref="grade"/></ts:origins></ts:attribute>
<ts:attribute name="used"><ts:origins><ts:data ref="operations.redeem"/></ts:origins></ts:attribute>
<ts:selection name="old" filter="year&lt;2000"/>
<ts:selection name="grown" filter="adult=1"/>
<ts:selection name="compared" filter="level=${year}"/>
<ts:selection name="said" filter="year&lt;2000" sl:access="public"/>
<ts:selection name="high" filter="mine=7"/>
<ts:cards>
  <ts:card type="action" name="enter" exclude="old"/>
  <ts:card type="action" name="visit" exclude="grown said"/>
  <ts:card type="action" name="redeem" sl:access="owner"><ts:attribute name="note"><ts:origins><ts:user-entry as="utf8"/></ts:origins></ts:attribute></ts:card>
  <ts:card type="action" name="send"><ts:transaction><ethereum:transaction contract="C" function="f"><ts:data><ts:uint256 ref="found"/></ts:data></ethereum:transaction></ts:transaction></ts:card>
  <ts:card type="action" name="open"><ts:attribute name="note"><ts:origins><ts:user-entry as="utf8"/></ts:origins></ts:attribute></ts:card>
  <ts:card type="action" name="shadow" exclude="high"><ts:attribute name="mine" sl:access="owner"><ts:origins><ts:data ref="level"/></ts:origins></ts:attribute></ts:card>
</ts:cards></ts:token>"#;

fn script() -> TokenScript {
    parse(SCRIPT.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn what_is_computed_from_something_private_is_private() {
    let script = script();
    let private = |access| (access == Access::Owner).then_some(());
    let attributes: Vec<_> =
        script.attributes.iter().filter_map(|a| private(a.access).map(|()| a.name.as_str())).collect();
    assert_eq!(attributes, ["born", "year", "sign", "found", "sold", "fallback", "used"]);
    let selections: Vec<_> =
        script.selections.iter().filter_map(|s| private(s.access).map(|()| s.name.as_str())).collect();
    // `mine` is a card's, which the token's selection may mean.
    assert_eq!(selections, ["old", "compared", "high"]);
    let cards: Vec<_> = script.cards.iter().filter_map(|c| private(c.access).map(|()| c.name.as_str())).collect();
    assert_eq!(cards, ["enter", "redeem", "send", "shadow"]);
    // What a private action has of its own is the action's; another's of the same name is not.
    let note = |card: &str| script.card(card).unwrap().attribute("note").unwrap().access;
    assert_eq!((note("redeem"), note("open")), (Access::Owner, Access::Public));
}

#[test]
fn descriptions_say_what_is_private() {
    let described = serde_json::to_value(script().describe()).unwrap();
    assert_eq!(
        (&described["attributes"][0]["access"], &described["attributes"][5]["access"]),
        (&json!("owner"), &json!("public"))
    );
    assert_eq!(
        (&described["selections"][0]["access"], &described["actions"][0]["access"]),
        (&json!("owner"), &json!("owner"))
    );
}

/// What the issuer's policy names is private as if the script said so, marks to the contrary notwithstanding.
#[test]
fn a_policy_adds_to_the_marks() {
    let script = script();
    let among = |names: &[&str], extra: &[&str]| -> Vec<String> {
        let extra: BTreeSet<String> = extra.iter().map(|name| name.to_string()).collect();
        script.private_among(names.iter().copied(), &extra).into_iter().collect()
    };
    let names = ["level", "both", "adult", "free", "year", "visit", "open", "grown", "diploma", "compared", "nothing"];
    assert_eq!(among(&names, &[]), ["compared", "year"]);
    assert_eq!(among(&names, &["level"]), ["both", "compared", "level", "year"]);
    // The mark ends what follows from others, not what the policy says of it.
    assert_eq!(among(&names, &["adult"]), ["adult", "both", "compared", "free", "grown", "visit", "year"]);
    assert_eq!(among(&names, &["attestation"]), ["compared", "diploma", "year"]);
    assert_eq!(
        among(&["attestation", "attestation.grade"], &["attestation.grade"]),
        ["attestation", "attestation.grade"]
    );
    assert_eq!(among(&names, &["open", "nothing"]), ["compared", "nothing", "open", "year"]);
    assert_eq!(among(&names, &["grown"]), ["compared", "grown", "visit", "year"]);
    // Parts of what is private, the whole of which a part is private, and how often a private action was executed.
    assert_eq!(among(&["year.x", "year[0]", "level.x"], &[]), ["year.x", "year[0]"]);
    assert_eq!(among(&["level", "level.y"], &["level.x"]), ["level", "level.y"]);
    assert_eq!(among(&["operations.redeem", "operations.open"], &[]), ["operations.redeem"]);
    assert_eq!(among(&["tokenId"], &[]), Vec::<String>::new());
}

#[test]
fn a_mark_that_would_not_be_heeded_refuses_the_script() {
    let refusal = |from: &str, to: &str| {
        let changed = SCRIPT.replacen(from, to, 1);
        assert_ne!(changed, SCRIPT);
        let error = parse(changed.as_bytes(), &Limits::default()).unwrap_err();
        (error.reason.code(), error.line)
    };
    let born = "name=\"born\" sl:access=\"owner\"";
    assert_eq!(refusal(born, "name=\"born\" sl:access=\"onwer\""), ("unknown-access", Some(6)));
    assert_eq!(refusal(born, "name=\"born\" sl:access=\"\""), ("unknown-access", Some(6)));
    assert_eq!(refusal(born, "name=\"born\" sl:acess=\"owner\""), ("unknown-mark", Some(6)));
    assert_eq!(refusal("tokenscript/2026/11", "tokenscript/2027/01"), ("unknown-mark", Some(6)));
    assert_eq!(refusal("<ts:origins>", "<ts:origins sl:access=\"owner\">"), ("unknown-mark", Some(6)));
    assert_eq!(refusal("<ts:contract ", "<ts:contract sl:access=\"owner\" "), ("unknown-mark", Some(5)));
    // Another vocabulary's are nobody's business here.
    assert!(parse(SCRIPT.replace("smartlayer.network", "example.com").as_bytes(), &Limits::default())
        .is_ok_and(|script| script.attributes.iter().all(|attribute| attribute.access == Access::Public)));
    let long = Reason::UnknownAccess(String::new());
    assert!(long.to_string().contains("owner or public"));
}

#[test]
fn a_circle_through_something_private_is_private() {
    let circle = SCRIPT.replace(
        "<ts:data ref=\"level\"/></ts:origins></ts:attribute>\n<ts:attribute name=\"both\">",
        "<ts:data ref=\"both\"/><ts:data ref=\"born\"/></ts:origins></ts:attribute>\n<ts:attribute name=\"both\">",
    );
    assert_ne!(circle, SCRIPT);
    let script = parse(circle.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        (script.attribute("level").unwrap().access, script.attribute("both").unwrap().access),
        (Access::Owner, Access::Owner)
    );
}

#[test]
fn a_selection_is_decided_and_explained() {
    let script = script();
    let mut context = Context::default();
    let select = |name: &str, context: &Context| {
        let mut evaluation = script.evaluate_selection(name, context)?;
        let Step::Done(values) = evaluation.step() else { panic!("nothing is read") };
        let explained = script.explain_selection(name, context, &values)?;
        // What explains is what decides.
        match script.is_selected(name, context, &values) {
            Ok(selected) => assert_eq!(explained.result, Some(selected)),
            Err(error) => assert_eq!((explained.result, explained.error.as_ref()), (None, Some(&error))),
        }
        Ok::<_, FilterError>(explained)
    };
    let undecided = select("grown", &context).unwrap();
    assert_eq!((undecided.result, undecided.error.map(|error| error.code())), (None, Some("attribute-unavailable")));
    context.values.insert("level".into(), "7".into());
    context.values.insert("born".into(), "1".into());
    assert_eq!(select("nothing", &context), Err(FilterError::UnknownSelection("nothing".into())));
    let token = SCRIPT.replace("filter=\"adult=1\"", "filter=\"(&amp;(level=7)(tokenId=0))\"");
    let script = parse(token.as_bytes(), &Limits::default()).unwrap();
    let mut evaluation = script.evaluate_selection("grown", &context).unwrap();
    let Step::Done(values) = evaluation.step() else { panic!("nothing is read") };
    let explained = script.explain_selection("grown", &context, &values).unwrap();
    assert_eq!((explained.result, explained.parts.len()), (Some(true), 2));
    assert_eq!(explained.parts[0].value.as_ref().and_then(|value| value.text()).as_deref(), Some("7"));
}
