//! Cards: views and their content, cards that stand alone, and what cards say.

use serde_json::json;
use smartlayer_token_script::{parse, CardType, Context, Limits, TokenScript, Transaction, ViewError, ViewKind};

const CARDS: &str = r##"<?xml version="1.0"?>
<!DOCTYPE ts:token [<!ENTITY hello "<p>Hello &amp; welcome</p>">]>
<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="T">
<ts:style>.ts-card-button { color: red }</ts:style>
<ts:cards>
  <ts:viewContent xmlns="http://www.w3.org/1999/xhtml" name="common"><script>//<![CDATA[
if (1 < 2 && "</script>") {}
//]]></script><ts:viewContent name="common"/></ts:viewContent>
  <ts:card type="token" name="Info" buttonClass="primary">
    <style xmlns="http://www.w3.org/1999/xhtml">p > b { color: "&lt;" }</style>
    <ts:view xmlns="http://www.w3.org/1999/xhtml" xml:lang="zh">你好</ts:view>
    <ts:view xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" urlFragment="info" uiButton="false" fullScreen="true">
      <ts:viewContent name="common"/><ts:viewContent name="lost"/><ts:include type="css" src="./a.css"/><ts:include type="html" src="./b.html"/>
      &hello;<br/><img src="x&quot;y"/><div title="&lt;a&gt;"/><!-- gone --><svg><use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#a"/></svg></ts:view>
    <ts:item-view xml:lang="en"><p>Item</p></ts:item-view>
  </ts:card>
  <ts:card type="action" name="go" exclude="a, b c" origins="X Y"><ts:exclude selection="d"/>
    <ts:selection name="a" filter="tokenId=1"><ts:denial><ts:string xml:lang="en">Not the first.</ts:string></ts:denial></ts:selection></ts:card>
</ts:cards></ts:token>"##;

fn script() -> TokenScript {
    parse(CARDS.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn views_are_read_from_the_bytes() {
    let script = script();
    let bundle = |include: &smartlayer_token_script::Include| match include.src.as_str() {
        "./a.css" => Some("b { content: '</style>' }".into()),
        _ => None,
    };
    let view = |kind, language: &str| script.view("Info", kind, language, CARDS.as_bytes(), &bundle);
    let english = view(ViewKind::View, "en-GB").unwrap();
    let start = r#"<html lang="en"><head><meta charset="utf-8"><style>p > b { color: "<" }</style></head><body>"#;
    assert!(english.html.contains(start), "the card's styles: {}", english.html);
    for part in [
        "<script>//\nif (1 < 2 && \"<\\/script>\") {}\n//</script>",
        "<style>b { content: '<\\/style>' }</style>",
        "<p>Hello &amp; welcome</p><br><img src=\"x&quot;y\"><div title=\"&lt;a&gt;\"></div>",
        "<svg><use xlink:href=\"#a\"></use></svg>",
    ] {
        assert!(english.html.contains(part), "{part}: {}", english.html);
    }
    assert!(!english.html.contains("gone") && !english.html.contains("ts:"));
    assert_eq!(serde_json::to_value(&english.missing).unwrap(), json!([{ "type": "html", "src": "./b.html" }]));
    assert_eq!(
        serde_json::to_value(&english.view).unwrap(),
        json!({
            "kind": "view", "language": "en", "urlFragment": "info", "uiButton": false, "fullScreen": true,
            "contents": ["common", "lost"],
            "includes": [{ "type": "css", "src": "./a.css" }, { "type": "html", "src": "./b.html" }],
        })
    );
    assert!(view(ViewKind::View, "zh").unwrap().html.contains("你好"));
    assert!(view(ViewKind::View, "fr").unwrap().html.contains("welcome"), "English, if there is nothing nearer");
    assert!(view(ViewKind::ItemView, "en").unwrap().html.contains("<p>Item</p>"));
    assert_eq!(view(ViewKind::GuideView, "en"), Err(ViewError::NoView("Info".into())));
    assert_eq!(script.style(CARDS.as_bytes()).unwrap().as_deref(), Some(".ts-card-button { color: red }"));
    let none = |card: &str, bytes: &[u8]| script.view(card, ViewKind::View, "en", bytes, &|_| None).unwrap_err().code();
    assert_eq!(none("Nothing", CARDS.as_bytes()), "unknown-card");
    assert_eq!(none("Info", b"other"), "other-bytes");
    assert_eq!(
        none("Info", CARDS.replace("xhtml", "xxxxx").replace("<ts:view ", "<ts:vieu ").as_bytes()),
        "other-bytes"
    );
    let limits = Limits { view: 100, ..Limits::default() };
    let small = parse(CARDS.as_bytes(), &limits).unwrap();
    assert_eq!(small.view("Info", ViewKind::View, "en", CARDS.as_bytes(), &|_| None), Err(ViewError::TooLarge(100)));
}

/// A wallet's program can be a megabyte; what is kept of it is where it is.
#[test]
fn the_model_holds_no_content() {
    let program = "x".repeat(1 << 20);
    let large = CARDS.replace("Hello", &program);
    let script = parse(large.as_bytes(), &Limits::default()).unwrap();
    assert!(format!("{script:?}").len() < 20_000);
    assert!(script.view("Info", ViewKind::View, "en", large.as_bytes(), &|_| None).unwrap().html.contains(&program));
}

#[test]
fn cards_say_what_they_are_for() {
    let script = script();
    let described = script.describe();
    assert_eq!(script.cards[0].button_class.as_deref(), Some("primary"));
    assert_eq!(described.cards[0].views.len(), 3);
    let go = &described.actions[0];
    assert_eq!(
        (go.exclude.clone(), go.origins.clone()),
        (vec!["a".into(), "b".into(), "c".into(), "d".into()], vec!["X".into(), "Y".into()])
    );
    assert_eq!(go.selections[0].filter, "tokenId=1");
    // The card's own selection is the one that is meant.
    let context = Context { token_id: "1".parse().unwrap(), ..Context::default() };
    let denied = script.check_action("go", &context, &Default::default()).unwrap_err();
    assert_eq!(denied.to_string(), "not for instances in the selection a: Not the first.");
}

#[test]
fn an_action_can_stand_alone() {
    let xml = r#"<ts:action xmlns:ts="http://tokenscript.org/2019/10/tokenscript">
  <ts:name><ts:string xml:lang="en">Convert to DAI</ts:string></ts:name>
  <ts:input><ts:token name="xdai"><ts:ethereum network="100"/></ts:token></ts:input>
  <ts:output><ts:token name="dai"><ts:contract><ts:address network="1">0x89d24A6b4CcB1B6fAA2625fE562bDD9a23260359</ts:address></ts:contract></ts:token></ts:output>
  <ts:attribute-type id="amount" syntax="1.3.6.1.4.1.1466.115.121.1.36"><ts:origins><ts:user-entry as="e18"/></ts:origins></ts:attribute-type>
  <ts:transaction><ts:ethereum><ts:to>0x7301CFA0e1756B71869E93d4e4Dca5c7d0eb0AA6</ts:to><ts:value ref="amount"/></ts:ethereum></ts:transaction>
</ts:action>"#;
    let script = parse(xml.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((script.name.as_str(), script.problems.len(), script.attributes.len()), ("Convert to DAI", 0, 0));
    let card = script.action("convert-to-dai").unwrap();
    assert_eq!((card.inputs[0].chain_id, card.outputs[0].contracts[0].0), (Some(100), 1));
    assert!(matches!(card.transaction, Some(Transaction::Ethereum { chain_id: Some(100), .. })));
    let context = Context::default();
    let arguments = json!({ "amount": "1.5" }).as_object().unwrap().clone();
    let mut evaluation = script.evaluate_action("convert-to-dai", &arguments, &context).unwrap();
    let smartlayer_token_script::Step::Done(values) = evaluation.step() else { panic!("nothing is read") };
    let transaction = script.transaction("convert-to-dai", &context, &values).unwrap().unwrap();
    assert_eq!((transaction.chain_id, transaction.value.to_string()), (100, "1500000000000000000".into()));
    // A card of any type can.
    let card = xml.replace("ts:action", "ts:card").replace("<ts:card ", "<ts:card type=\"onboarding\" ");
    assert_eq!(parse(card.as_bytes(), &Limits::default()).unwrap().cards[0].card_type, CardType::Onboarding);
}
