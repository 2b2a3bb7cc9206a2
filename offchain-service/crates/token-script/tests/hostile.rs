//! Whatever the bytes, the answer is a script or a typed refusal: no panic, and no more work than the bounds allow.

use proptest::prelude::*;
use smartlayer_token_script::{parse, Context, Filter, Limits, Reason, Step};

const REAL: &str = include_str!("../../../../examples/flight-ticket/flight-ticket.tsml");
const STRUCTS: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="T">
<ts:contract name="C"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address>
<ts:abi>[{"type":"function","name":"f","stateMutability":"view","inputs":[],"outputs":[{"name":"a","type":"tuple[]","components":[{"name":"x","type":"string"},{"name":"y","type":"uint8[2][]"}]}]}]</ts:abi></ts:contract>
<ts:attribute name="a"><ts:origins><ethereum:call contract="C" function="f" as="abi"/></ts:origins></ts:attribute>
<ts:attribute name="b"><ts:origins><ts:data ref="a[0].y[0][1]"/></ts:origins></ts:attribute></ts:token>"#;

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
    for mut evaluation in evaluations {
        let mut calls = 0;
        let values = loop {
            match evaluation.step() {
                Step::Done(values) => break values,
                Step::NeedCalls(needed) => needed.into_iter().for_each(|call| {
                    calls += 1;
                    assert!(calls <= limits.calls);
                    evaluation.supply(call, Ok(answer.to_vec()));
                }),
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

#[test]
fn billion_laughs() {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE ts:token [\n<!ENTITY a0 \"ha\">\n");
    for i in 1..10 {
        let inner = format!("&a{};", i - 1).repeat(10);
        xml += &format!("<!ENTITY a{i} \"{inner}\">\n");
    }
    xml += "]>\n<ts:token xmlns:ts=\"http://tokenscript.org/2024/01/tokenscript\" name=\"&a9;\"/>";
    let error = parse(xml.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!((error.reason, error.line), (Reason::Doctype, Some(2)));
}

#[test]
fn external_entities() {
    let xml = "<?xml version=\"1.0\"?>\n\n<!DOCTYPE token [ <!ENTITY x SYSTEM \"file:///etc/passwd\"> ]>\n<a>&x;</a>";
    let error = parse(xml.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!((error.reason, error.line), (Reason::ExternalEntity, Some(3)));
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
