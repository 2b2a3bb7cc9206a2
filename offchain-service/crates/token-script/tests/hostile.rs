//! Whatever the bytes, the answer is a script or a typed refusal: no panic, and no more work than the bounds allow.

use alloy_primitives::B256;
use proptest::prelude::*;
use smartlayer_token_script::{parse, Context, Evaluation, Filter, Limits, Log, Reason, Requests, Step, ViewKind};

const REAL: &str = include_str!("../../../../examples/flight-ticket/flight-ticket.tsml");
const STRUCTS: &str = r#"<!DOCTYPE t [<!ENTITY c "0x63cCEF733a093E5Bd773b41C96D3eCE361464942"><!ENTITY d '<ts:data ref="a[0].y[0][1]"/>'>]>
<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="T">
<asnx:module xmlns:asnx="urn:ietf:params:xml:ns:asnx" name="M"><namedType name="Sold"><type><sequence>
<element name="to" ethereum:type="address" ethereum:indexed="true"/><element name="note" ethereum:type="string"/>
<element name="at" ethereum:type="uint" ethereum:indexed="true"/></sequence></type></namedType></asnx:module>
<ts:contract name="C"><ts:address network="1">&c;</ts:address>
<ts:abi>[{"type":"function","name":"f","stateMutability":"view","inputs":[],"outputs":[{"name":"a","type":"tuple[]","components":[{"name":"x","type":"string"},{"name":"y","type":"uint8[2][]"}]}]},
{"type":"function","name":"g","stateMutability":"view","inputs":[{"name":"a","type":"tuple[]","components":[{"name":"x","type":"string"},{"name":"y","type":"uint8[2][]"}]}],"outputs":[{"name":"","type":"uint256"}]}]</ts:abi></ts:contract>
<ts:selection name="s" filter="(&amp;(b=*)(!(c&lt;2023)(d=x*))(e=${k}))"/>
<ts:attribute name="a"><ts:origins><ethereum:call contract="C" function="f" as="abi"/></ts:origins></ts:attribute>
<ts:attribute name="b"><ts:origins>&d;</ts:origins></ts:attribute>
<ts:attribute name="c"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.24</ts:syntax></ts:type><ts:origins><ethereum:event contract="C" type="Sold" filter="to=${ownerAddress}&amp;note=x${b}" select="at"/><ts:token-id as="uint"/></ts:origins></ts:attribute>
<ts:attribute name="d"><ts:origins><ethereum:storage contract="C" variable="v" index="3" as="utf8"/></ts:origins></ts:attribute>
<ts:attribute name="e"><ts:origins><ethereum:call contract="C" function="g"><ts:data><ts:struct ref="a"/></ts:data><ts:mapping><ts:option key="1"><ts:value xml:lang="en">One</ts:value></ts:option></ts:mapping></ethereum:call></ts:origins></ts:attribute>
<ts:attribute name="k"><ts:origins><ts:data><ts:uint8>1</ts:uint8><ts:string ref="d"/></ts:data></ts:origins></ts:attribute>
<ts:cards><ts:viewContent name="v"><p>x</p></ts:viewContent><ts:card type="action" name="go" exclude="s"><ts:transaction><ethereum:transaction contract="C" function="g"><ts:data><ts:abi local-ref="list"/></ts:data></ethereum:transaction></ts:transaction>
<ts:view xml:lang="en"><ts:viewContent name="v"/><ts:include type="css" src="a.css"/><b c="d">e</b></ts:view></ts:card></ts:cards></ts:token>"#;

/// Answers everything with the same bytes.
fn supply(evaluation: &mut Evaluation<'_>, needed: Requests, answer: &[u8]) {
    for call in needed.calls {
        evaluation.supply(call, Ok(answer.to_vec()));
    }
    for query in needed.logs {
        // As asked for, so that what is behind the topics is reached.
        let words = answer.chunks_exact(32).map(B256::from_slice);
        let asked = query.topics.iter().map(|topic| topic.unwrap_or_default());
        let logs = (0..3).map(|extra| Log {
            topics: asked.clone().chain(words.clone().take(extra)).collect(),
            data: answer.to_vec(),
            block: answer.len() as u64,
            index: extra as u64,
        });
        evaluation.supply_logs(query.clone(), Ok(logs.collect()));
    }
    for read in needed.storage {
        let word = answer.get(..32).map_or(B256::repeat_byte(0x21), B256::from_slice);
        evaluation.supply_storage(read, Ok(word));
    }
}

/// Everything that can be done with a script, with a chain that answers `answer`.
fn use_it(bytes: &[u8], answer: &[u8]) {
    let limits = Limits { depth: 64, ..Limits::default() };
    let Ok(script) = parse(bytes, &limits) else { return };
    let _ = serde_json::to_string(&script.describe());
    let context = Context { token_id: 3u64.try_into().unwrap(), owner: Some([1; 20].into()), ..Context::default() };
    let mut evaluations = vec![script.evaluate(script.attributes.iter().map(|a| a.name.as_str()), &context)];
    for action in script.actions() {
        evaluations.extend(script.evaluate_action(&action.name, &Default::default(), &context));
    }
    let entries = serde_json::json!({ "list": [{ "x": "a", "y": [[1, 2]] }], "code": "7" });
    for action in script.actions() {
        evaluations.extend(script.evaluate_action(&action.name, entries.as_object().unwrap(), &context));
    }
    for card in &script.cards {
        for kind in [ViewKind::View, ViewKind::ItemView, ViewKind::GuideView] {
            let _ = script.view(&card.name, kind, "en", bytes, &|_| Some("</style>".into()));
        }
    }
    for mut evaluation in evaluations {
        let mut calls = 0;
        let values = loop {
            match evaluation.step() {
                Step::Done(values) => break values,
                Step::Need(needed) => {
                    calls += needed.len();
                    assert!(calls <= limits.calls);
                    supply(&mut evaluation, needed, answer);
                }
            }
        };
        let _ = serde_json::to_string(&values.values().filter_map(|v| v.as_ref().ok()).collect::<Vec<_>>());
        for action in script.actions() {
            let _ = script.transaction(&action.name, &context, &values);
        }
        for selection in &script.selections {
            let _ = script.is_selected(&selection.name, &context, &values);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        use_it(&bytes, &[]);
    }

    #[test]
    fn arbitrary_markup(text in "[<>/=\"'&;!\\[\\]?a-z :\n-]{0,400}") {
        use_it(text.as_bytes(), &[]);
    }

    #[test]
    fn real_scripts_with_bytes_changed(
        structs in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        answer in proptest::collection::vec(prop_oneof![Just(0u8), Just(32), Just(64), any::<u8>()], 0..512),
    ) {
        let mut bytes = if structs { STRUCTS } else { REAL }.as_bytes().to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        use_it(&bytes, &answer);
    }

    #[test]
    fn real_scripts_with_parts_moved(
        structs in any::<bool>(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), any::<proptest::sample::Index>()), 1..4),
    ) {
        // Whole elements, so that many of the results are well-formed and reach what is behind the XML.
        let mut parts: Vec<&str> = if structs { STRUCTS } else { REAL }.split_inclusive('>').collect();
        for (from, to, length) in cuts {
            let from = from.index(parts.len());
            let length = length.index((parts.len() - from).min(20) + 1);
            let moved: Vec<&str> = parts[from..from + length].to_vec();
            let to = to.index(parts.len());
            parts.splice(to..to, moved);
        }
        use_it(parts.concat().as_bytes(), &[0; 64]);
    }

    #[test]
    fn arbitrary_answers(answer in proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => Just(32), 1 => Just(1), 1 => any::<u8>()], 0..2048)) {
        use_it(STRUCTS.as_bytes(), &answer);
    }

    #[test]
    fn arbitrary_filters(text in ".{0,200}", grammar in "[()&|!=<>a-c1\\\\*${} ]{0,200}") {
        let _ = Filter::parse(&text, &Limits::default());
        let _ = Filter::parse(&grammar, &Limits::default());
    }
}

/// Otherwise nothing behind the parser would be reached.
#[test]
fn what_is_changed_is_served() {
    for text in [REAL, STRUCTS] {
        let script = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(script.problems, []);
        assert!(script.attributes.iter().all(|attribute| attribute.unsupported().is_none()));
        use_it(text.as_bytes(), &[0; 64]);
    }
}

#[test]
fn billion_laughs() {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE ts:token [\n<!ENTITY a0 \"ha\">\n");
    for i in 1..10 {
        let inner = format!("&a{};", i - 1).repeat(10);
        xml += &format!("<!ENTITY a{i} \"{inner}\">\n");
    }
    xml += "]>\n<ts:token xmlns:ts=\"http://tokenscript.org/2024/01/tokenscript\" name=\"&a9;\"/>";
    let started = std::time::Instant::now();
    let error = parse(xml.as_bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(error.reason, Reason::TooLarge { .. } | Reason::TooManyNodes { .. }), "{error}");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn external_entities() {
    let xml = "<?xml version=\"1.0\"?>\n\n<!DOCTYPE token [ <!ENTITY x SYSTEM \"file:///etc/passwd\"> ]>\n<a>&x;</a>";
    let error = parse(xml.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!((error.reason, error.line), (Reason::ExternalEntity, Some(4)));
    // Nothing of it is used: nothing is fetched, and the script is served.
    let unused = format!(
        "<!DOCTYPE t SYSTEM 'http://example.org/t.dtd' [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{}",
        &STRUCTS[STRUCTS.find("]>").unwrap() + 2..].replace("&c;", "").replace("&d;", "")
    );
    assert!(parse(unused.as_bytes(), &Limits::default()).is_ok());
}

#[test]
fn the_largest_that_is_allowed_takes_a_moment() {
    // 4 MiB of what costs most per byte in each way, in a debug build too.
    let head = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="T">"#;
    let fill = |unit: &str| format!("{head}{}</ts:token>", unit.repeat(((4 << 20) - head.len() - 11) / unit.len()));
    let started = std::time::Instant::now();
    for unit in ["<a/>", "<a>", "<!---->", "&#97;", "<![CDATA[]]>", "<a b='", "<a b=\"&lt;\"/>", "x", "<", "=", "\n"] {
        let _ = parse(fill(unit).as_bytes(), &Limits::default());
    }
    let declarations = |from: usize| (from..from + 120).map(|i| format!(" xmlns:n{i}='u'")).collect::<String>();
    let nested: String = (0..4).map(|i| format!("<a{}>", declarations(i * 120))).collect();
    let children: String = (0..500).map(|i| format!("<b xmlns:m{i}='u'/>")).collect();
    let _ = parse(format!("{nested}{children}</a></a></a></a>").as_bytes(), &Limits::default());
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
