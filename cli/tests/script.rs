//! `smartlayer script`, as its users run it.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{json, Value};

const TICKET: &str = r#"<?xml version="1.0"?>
<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="Ticket">
  <ts:contract name="Ticket" interface="erc721">
    <ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address>
  </ts:contract>
  <ts:contract name="Nowhere"><ts:address network="1">0xYOUR_ADDRESS</ts:address></ts:contract>
  <ts:origins><ts:ethereum contract="Ticket"/></ts:origins>
  <ts:selection name="used" filter="(used=TRUE)"/>
  <ts:selection name="typo" filter="(usd=TRUE)"/>
  <ts:selection name="broken" filter="(used=TRUE"/>
  <ts:cards>
    <ts:card type="action" name="handOver" exclude="used">
      <ts:label><ts:string xml:lang="en">Hand over</ts:string><ts:string xml:lang="de">Weitergeben</ts:string></ts:label>
      <ts:attribute name="to"><ts:origins><ts:user-entry as="address"/></ts:origins></ts:attribute>
      <ts:transaction>
        <ethereum:transaction contract="Ticket" function="transferFrom"><ts:data>
          <ts:address ref="ownerAddress"/><ts:address local-ref="to"/><ts:uint256 ref="tokenId"/>
        </ts:data></ethereum:transaction>
      </ts:transaction>
    </ts:card>
    <ts:card type="token" name="info" exclude="gone"><ts:label><ts:string xml:lang="en">Info</ts:string></ts:label></ts:card>
  </ts:cards>
  <ts:attribute name="used">
    <ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.7</ts:syntax></ts:type>
    <ts:label><ts:string xml:lang="en">Used</ts:string></ts:label>
    <ts:origins><ethereum:call contract="Ticket" function="used" as="bool"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ethereum:call></ts:origins>
  </ts:attribute>
  <ts:attribute name="placeless"><ts:origins><ethereum:call contract="Nowhere" function="used" as="bool"/></ts:origins></ts:attribute>
  <ts:attribute name="circle"><ts:origins><ts:data ref="round"/></ts:origins></ts:attribute>
  <ts:attribute name="round"><ts:origins><ts:data ref="circle"/></ts:origins></ts:attribute>
</ts:token>
"#;

fn smartlayer(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smartlayer"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Whoever refuses what is too large doesn't read all of it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The lines of JSON that a command prints, and its exit code.
fn lines(folder: &Path, arguments: &[&str], input: &[u8]) -> (Vec<Value>, i32) {
    let output = smartlayer(folder, arguments, input);
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    let values =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{stderr}")));
    (values.collect(), output.status.code().unwrap())
}

fn text(folder: &Path, arguments: &[&str]) -> (String, i32) {
    let output = smartlayer(folder, arguments, b"");
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn what_a_script_offers() {
    let folder = folder(&[("ticket.xml", TICKET.as_bytes())]);
    let (lines, code) = lines(folder.path(), &["script", "check", "ticket.xml", "--json"], b"");
    assert_eq!((lines.len(), code), (1, 0));
    let ticket = &lines[0];
    assert_eq!(ticket["file"], "ticket.xml");
    assert_eq!(ticket["outcome"], "served");
    assert_eq!(ticket["namespace"], "2024/01");
    assert_eq!(ticket["signature"], "none");
    for none in ["reason", "line", "message", "signer"] {
        assert_eq!(ticket[none], Value::Null, "{none}");
        assert!(ticket.as_object().unwrap().contains_key(none), "{none}");
    }
    assert_eq!(names(&ticket["attributes"]), ["used", "placeless", "circle", "round"]);
    let used = &ticket["attributes"][0];
    assert_eq!((&used["label"], &used["schema"]["type"]), (&json!("Used"), &json!("boolean")));
    assert_eq!((&used["available"], &used["unavailable"]), (&json!(true), &Value::Null));
    for (i, why) in [(1, "no address"), (2, "itself"), (3, "itself")] {
        let attribute = &ticket["attributes"][i];
        assert_eq!(attribute["available"], false, "{attribute}");
        assert!(attribute["unavailable"].as_str().unwrap().contains(why), "{attribute}");
    }

    assert_eq!(names(&ticket["selections"]), ["used", "typo", "broken"]);
    assert_eq!(ticket["selections"][0]["expression"], "(used=TRUE)");
    assert_eq!(ticket["selections"][0]["error"], Value::Null);
    assert_eq!(ticket["selections"][1]["error"], "there is no attribute usd");
    assert!(ticket["selections"][2]["error"].is_string());

    assert_eq!(names(&ticket["cards"]), ["handOver", "info"]);
    let card = &ticket["cards"][0];
    assert_eq!((&card["type"], &card["label"]), (&json!("action"), &json!("Hand over")));
    assert_eq!(card["labels"]["de"], "Weitergeben");
    assert_eq!(card["excludedBy"], json!(["used"]));
    assert!(card["views"].is_array());

    assert_eq!(names(&ticket["methods"]), ["handOver"]);
    let method = &ticket["methods"][0];
    assert_eq!((&method["transaction"], &method["unavailable"]), (&json!(true), &Value::Null));
    assert_eq!(method["parameters"]["required"], json!(["to"]));
    assert!(method["parameters"]["properties"]["to"]["pattern"].is_string());
    let problems = ticket["problems"].to_string();
    assert_eq!(problems.matches("gone").count(), 1, "{problems}");
}

#[test]
fn what_people_read() {
    let folder = folder(&[("ticket.xml", TICKET.as_bytes()), ("not.xml", b"no XML")]);
    let (text, code) = text(folder.path(), &["script", "check", "ticket.xml", "not.xml"]);
    assert_eq!(code, 1);
    for words in [
        "ticket.xml: served",
        "handOver(to: address)",
        "makes a transaction",
        "not for: used",
        "not available: ",
        "error: there is no attribute usd",
        "not.xml: refused, malformed in line 1",
        "what to do",
        "2 files: 1 served, 1 refused",
    ] {
        assert!(text.contains(words), "{words} in:\n{text}");
    }
}

#[test]
fn every_reason_for_a_refusal() {
    let own = |content: &str| {
        format!(r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="T">{content}</ts:token>"#)
    };
    let entity = r#"<!DOCTYPE a [<!ENTITY e SYSTEM "e.xml">]>
<ts:token xmlns:ts="http://tokenscript.org/2020/06/tokenscript" name="T">&e;</ts:token>"#;
    let cases: Vec<(&str, String, Option<u64>, Option<&str>)> = vec![
        ("malformed", "plain text".into(), Some(1), None),
        ("malformed", String::new(), Some(1), None),
        ("malformed", own("\n<a>"), Some(2), Some("2024/01")),
        ("external-entity", entity.into(), Some(1), Some("2020/06")),
        ("unknown-namespace", own("").replace("2024/01", "2031/07"), Some(1), Some("2031/07")),
        ("not-a-token-script", "<html/>".into(), Some(1), None),
        ("missing-name", own("\n<ts:attribute/>"), Some(2), Some("2024/01")),
        ("duplicate", own(r#"<ts:attribute name="a"/><ts:attribute name="a"/>"#), Some(1), Some("2024/01")),
        ("too-deep", own(&format!("{}{}", "<a>".repeat(200), "</a>".repeat(200))), Some(1), Some("2024/01")),
        ("too-many-nodes", own(&"<a/>".repeat(200_001)), Some(1), Some("2024/01")),
        (
            "too-many-xml-attributes",
            own(&format!("<a {}/>", (0..200).map(|i| format!("a{i}='' ")).collect::<String>())),
            Some(1),
            Some("2024/01"),
        ),
        (
            "too-many-namespaces",
            own(&(0..1100).map(|i| format!("<a xmlns:a{i}='a'/>")).collect::<String>()),
            Some(1),
            Some("2024/01"),
        ),
        (
            "unsupported-encoding",
            format!("<?xml version='1.0' encoding='UTF-7'?>{}", own("")),
            Some(1),
            Some("2024/01"),
        ),
        (
            "too-many",
            own(&(0..600).map(|i| format!("<ts:attribute name='a{i}'/>")).collect::<String>()),
            None,
            Some("2024/01"),
        ),
    ];
    let files: Vec<(String, &[u8])> = cases
        .iter()
        .enumerate()
        .map(|(i, (code, content, ..))| (format!("{code}-{i}.xml"), content.as_bytes()))
        .collect();
    let mut files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    files.push(("not-utf8.xml", b"<a>\xff</a>"));
    let folder = folder(&files);
    let mut arguments = vec!["script", "check", "--json"];
    arguments.extend(files.iter().map(|(name, _)| *name));
    let (lines, code) = lines(folder.path(), &arguments, b"");
    assert_eq!((lines.len(), code), (files.len(), 1));
    for ((reason, _, line, namespace), object) in cases.iter().zip(&lines) {
        assert_eq!(object["outcome"], "refused", "{object}");
        assert_eq!(object["reason"], *reason, "{object}");
        match *reason {
            // Where it is declared or where it is used.
            "external-entity" => assert!(matches!(object["line"].as_u64(), Some(1 | 2)), "{object}"),
            _ => assert_eq!(object["line"].as_u64(), *line, "{object}"),
        }
        assert_eq!(object["namespace"].as_str(), *namespace, "{object}");
        assert!(object["signature"].is_string(), "{object}");
        assert!(object["message"].is_string() && object["remedy"].is_string(), "{object}");
        for list in ["attributes", "selections", "cards", "methods", "problems"] {
            assert_eq!(object[list], json!([]), "{object}");
        }
    }
    assert_eq!(lines.last().unwrap()["reason"], "not-utf8");
}

#[test]
fn files_that_are_none_do_not_stop_the_others() {
    let folder = folder(&[("ticket.xml", TICKET.as_bytes())]);
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let large = std::fs::File::create(folder.path().join("large.xml")).unwrap();
    // Takes up no space, and would take long to read.
    large.set_len(1 << 33).unwrap();
    let files = ["missing.xml", "scripts", "large.xml", "ticket.xml"];
    let arguments: Vec<&str> = ["script", "check", "--json"].into_iter().chain(files).collect();
    let (lines, code) = lines(folder.path(), &arguments, b"");
    assert_eq!(code, 1);
    let said: Vec<_> =
        lines.iter().map(|l| (l["file"].as_str().unwrap(), l["reason"].as_str().unwrap_or("served"))).collect();
    let reasons = ["unreadable", "unreadable", "too-large", "served"];
    assert_eq!(said, files.into_iter().zip(reasons).collect::<Vec<_>>());
    for line in &lines[..3] {
        assert_eq!((&line["signature"], &line["namespace"]), (&Value::Null, &Value::Null));
    }
    assert!(lines[0]["message"].as_str().unwrap().contains("no such file"));
    assert!(lines[1]["message"].as_str().unwrap().contains("folder"));
}

#[test]
fn standard_input_is_bounded_too() {
    let folder = folder(&[]);
    let arguments = ["script", "check", "-", "--json"];
    let (served, code) = lines(folder.path(), &arguments, TICKET.as_bytes());
    assert_eq!((&served[0]["file"], &served[0]["outcome"], code), (&json!("-"), &json!("served"), 0));
    let (refused, code) = lines(folder.path(), &arguments, &vec![b' '; 20 << 20]);
    assert_eq!((&refused[0]["reason"], code), (&json!("too-large"), 1));
}

#[test]
fn what_is_not_understood_is_exit_code_2() {
    let folder = folder(&[]);
    for arguments in [
        vec!["script"],
        vec!["script", "check"],
        vec!["script", "check", "--wrong", "a.xml"],
        vec!["script", "filter"],
        vec!["script", "filter", "a=1", "b=2"],
        vec!["script", "sign", "a.xml"],
    ] {
        let output = smartlayer(folder.path(), &arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    for arguments in [vec!["script", "--help"], vec!["script", "check", "--help"], vec!["script", "filter", "--help"]] {
        assert_eq!(text(folder.path(), &arguments).1, 0, "{arguments:?}");
    }
}

/// A filter's answer against values.
fn filter(expression: &str, values: &Value) -> (Value, i32) {
    let folder = folder(&[]);
    let arguments = ["script", "filter", expression, "--values", "-", "--json"];
    let (mut lines, code) = lines(folder.path(), &arguments, values.to_string().as_bytes());
    assert_eq!(lines.len(), 1);
    (lines.remove(0), code)
}

#[test]
fn filters_that_have_a_result() {
    let values = json!({
        "expiry": { "as": "uint", "value": "123" },
        "level": { "as": "uint", "value": 7 },
        "city": { "as": "utf8", "value": "Sydney" },
        "used": { "as": "bool", "value": false },
        "holder": { "as": "address", "value": "0x63cCEF733a093E5Bd773b41C96D3eCE361464942" },
        "huge": { "as": "uint", "value": "115792089237316195423570985008687907853269984665640564039457584007913129639935" },
        "zero": { "as": "uint", "value": "0" },
    });
    for (expression, expected) in [
        ("(expiry>122)", true),
        ("expiry=123", true),
        ("(&(expiry>122)(!(city=Sydney)))", false),
        ("(|(level<7)(level>=7))", true),
        ("(huge>115792089237316195423570985008687907853269984665640564039457584007913129639934)", true),
        ("zero=0", true),
        ("used=FALSE", true),
        ("holder=0x63ccef733a093e5bd773b41c96d3ece361464942", true),
        ("city=\\53ydney", true),
        ("level=${level}", true),
    ] {
        let (answer, code) = filter(expression, &values);
        assert_eq!((&answer["result"], code), (&json!(expected), 0), "{expression}: {answer}");
        assert!(!answer["explanation"].is_null(), "{answer}");
        assert!(answer.get("error").is_none());
    }
}

#[test]
fn filters_that_have_none() {
    let values = json!({
        "a": { "as": "uint", "value": "1" },
        "flag": { "as": "bool", "value": true },
    });
    for (expression, code, position) in [
        ("", "invalid-filter", Some(0)),
        ("(a=1", "invalid-filter", Some(4)),
        ("(a=1))", "invalid-filter", Some(5)),
        ("(a=\\zz)", "invalid-escape", Some(3)),
        ("(b=1)", "unknown-attribute", None),
        ("(a=${b})", "unknown-attribute", None),
        ("(a=one)", "not-comparable", None),
        ("(flag>TRUE)", "not-ordered", None),
    ] {
        let (answer, exit) = filter(expression, &values);
        assert_eq!(exit, 1, "{expression}");
        let error = &answer["error"];
        assert_eq!((&error["code"], &error["position"]), (&json!(code), &json!(position)), "{expression}: {answer}");
        assert!(error["message"].is_string());
        assert!(answer.get("result").is_none());
    }
}

#[test]
fn values_that_can_not_be_used() {
    for values in [
        json!([]),
        json!({ "a": "1" }),
        json!({ "a": { "as": "uint" } }),
        json!({ "a": { "as": "uint", "value": "one" } }),
        json!({ "a": { "as": "float", "value": "1" } }),
        json!({ "a": { "as": "uint", "value": 1.5 } }),
        json!({ "a": { "as": "uint", "value": "1", "unit": "EUR" } }),
    ] {
        let (answer, exit) = filter("(a=1)", &values);
        assert_eq!((&answer["error"]["code"], exit), (&json!("invalid-values"), 1), "{values}: {answer}");
    }
    let folder = folder(&[("values.json", br#"{"a":{"as":"uint","value":"1"}}"#), ("broken.json", b"{")]);
    let error = |file: &str| {
        let (mut lines, code) = lines(folder.path(), &["script", "filter", "(a=1)", "--values", file, "--json"], b"");
        assert_eq!(code, 1);
        lines.remove(0)["error"]["code"].take()
    };
    assert_eq!(error("missing.json"), "unreadable");
    assert_eq!(error("."), "unreadable");
    assert_eq!(error("broken.json"), "invalid-values");
    let (lines, code) = lines(folder.path(), &["script", "filter", "(a=1)", "--values", "values.json", "--json"], b"");
    assert_eq!((&lines[0]["result"], code), (&json!(true), 0));
    let (lines, code) = self::lines(folder.path(), &["--json", "script", "filter", "(a=1)"], b"");
    assert_eq!((&lines[0]["error"]["code"], code), (&json!("unknown-attribute"), 1), "no values");
}

#[test]
fn filters_are_explained_part_by_part() {
    let folder =
        folder(&[("values.json", br#"{"level":{"as":"uint","value":"7"},"city":{"as":"utf8","value":"Sydney"}}"#)]);
    let arguments = ["script", "filter", "(&(level>=5)(!(city=Sydney)))", "--values", "values.json"];
    let (explained, code) = text(folder.path(), &arguments);
    assert_eq!(code, 0);
    for words in ["false", "level>=5", "city=Sydney", "7", "Sydney"] {
        assert!(explained.contains(words), "{words} in:\n{explained}");
    }
    let (explained, code) = text(folder.path(), &["script", "filter", "(level>=5"]);
    assert_eq!(code, 1);
    assert!(explained.contains("invalid-filter") && explained.contains('^'), "{explained}");
}

/// The codes that `code()` of a source file gives.
fn codes(source: &str) -> Vec<&str> {
    let quoted = source.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    quoted
        .filter(|code| {
            !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        .collect()
}

/// Every code that a script or a filter can be refused with is explained to script authors, and has a remedy.
#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let document = read("docs/integrate/token-scripts.md");
    let remedies = read("cli/src/script/remedy.rs");
    let sources =
        ["error.rs", "filter/error.rs"].map(|file| read(&format!("offchain-service/crates/token-script/src/{file}")));
    let all: Vec<&str> = sources.iter().flat_map(|s| codes(s)).chain(["unreadable", "invalid-values"]).collect();
    assert!(all.len() >= 20 && all.contains(&"external-entity") && all.contains(&"not-ordered"), "{all:?}");
    for code in all {
        assert!(document.lines().any(|line| line.starts_with(&format!("| `{code}` |"))), "{code} is not documented");
        assert!(remedies.contains(&format!("\"{code}\"")), "{code} has no remedy");
    }
}

/// What the document shows is what the commands print.
#[test]
fn the_documents_examples_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = std::fs::read_to_string(root.join("docs/integrate/token-scripts.md")).unwrap();
    let indented = |text: &str| -> String {
        text.lines().map(|line| format!("    {line}")).map(|line| format!("{}\n", line.trim_end())).collect()
    };
    // The values stand between the command and its output.
    let values = document.split("with `values.json`\n\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let folder = folder(&[("values.json", values.as_bytes())]);
    let ticket = "examples/flight-ticket/flight-ticket.tsml";
    let expression = "(&(expiry>2026)(!(locality=Sydney)))";
    for (folder, arguments) in [
        (root.as_path(), vec!["script", "check", ticket]),
        (folder.path(), vec!["script", "filter", expression, "--values", "values.json"]),
    ] {
        let (printed, code) = text(folder, &arguments);
        assert_eq!(code, 0);
        assert!(
            document.contains(&indented(&printed)),
            "write into the document, below the command:\n{}",
            indented(&printed)
        );
    }
}

/// Published scripts are not part of the tree.
fn published() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/tokenscripts");
    if !folder.is_dir() {
        eprintln!("skipped: no published token scripts in {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn published_scripts() {
    let Some(folder) = published() else { return };
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".xml") || name.ends_with(".tsml"))
        .collect();
    files.sort();
    let mut arguments = vec!["script", "check", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let (lines, code) = lines(&folder, &arguments, b"");
    assert_eq!(lines.len(), files.len());
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for (file, line) in files.iter().zip(&lines) {
        let reason = line["reason"].as_str().unwrap_or("served");
        let count = |list: &str| line[list].as_array().unwrap().len();
        println!(
            "{file:<60} {reason:<16} {:<12} {} attributes, {} selections, {} cards, {} methods, {} problems",
            line["signature"].as_str().unwrap_or("-"),
            count("attributes"),
            count("selections"),
            count("cards"),
            count("methods"),
            count("problems"),
        );
        assert_eq!(line["file"], **file);
        assert_eq!(line["namespace"].as_str(), Some(file[..7].replace('-', "/").as_str()), "{file}");
        assert!(["none", "valid", "invalid", "unsupported"].contains(&line["signature"].as_str().unwrap()), "{file}");
        // Nothing else is wrong with any of them.
        let text = String::from_utf8_lossy(&std::fs::read(folder.join(file)).unwrap()).into_owned();
        let expected = if text.contains("<!DOCTYPE") { "external-entity" } else { "served" };
        assert_eq!(reason, expected, "{file}");
        *outcomes.entry(reason.into()).or_default() += 1;
    }
    println!("{outcomes:?}");
    assert!(outcomes["served"] > 0);
    assert_eq!(code, if outcomes.contains_key("external-entity") { 1 } else { 0 });
}

/// What is private is said of attributes, selections, cards and methods, and a mark that is not known refuses the script.
#[test]
fn what_is_private_is_shown() {
    let marked = TICKET
        .replacen("name=\"Ticket\">", "name=\"Ticket\" xmlns:sl=\"https://smartlayer.network/tokenscript/2026/11\">", 1)
        .replacen("<ts:attribute name=\"used\">", "<ts:attribute name=\"used\" sl:access=\"owner\">", 1);
    assert!(marked.contains("sl:access") && marked.contains("xmlns:sl"));
    let wrong = marked.replace("\"owner\"", "\"me\"");
    let folder = folder(&[("ticket.xml", marked.as_bytes()), ("wrong.xml", wrong.as_bytes())]);
    let (checked, code) = lines(folder.path(), &["script", "check", "ticket.xml", "wrong.xml", "--json"], b"");
    assert_eq!(code, 1);
    let ticket = &checked[0];
    for (kind, at, access) in [
        ("attributes", 0, "owner"),
        ("attributes", 1, "public"),
        ("selections", 0, "owner"),
        ("cards", 0, "owner"),
        ("methods", 0, "owner"),
    ] {
        assert_eq!(ticket[kind][at]["access"], access, "{kind} {at}");
    }
    assert_eq!((&checked[1]["outcome"], &checked[1]["reason"]), (&json!("refused"), &json!("unknown-access")));
    assert!(checked[1]["remedy"].is_string() && checked[1]["line"].is_number());
    let (text, _) = text(folder.path(), &["script", "check", "ticket.xml"]);
    assert!(text.contains("private: for the owner"), "{text}");
}
