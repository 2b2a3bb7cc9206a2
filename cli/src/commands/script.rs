//! Token scripts, offline: what service nodes would do with them, and what their filters say.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use smartlayer_token_script::{Access, Limits, Problem};

use crate::{
    args::ScriptCommand,
    output::{table, Report},
    script::{
        check::{check, Attribute, CardReport, Checked, Method, Outcome, SelectionReport},
        filter::{evaluate, Evaluated},
    },
};

pub async fn run(command: ScriptCommand) -> Result<Report> {
    // Reading standard input may take for ever, which must not keep Ctrl-C from being heard.
    let report = tokio::task::spawn_blocking(move || match command {
        ScriptCommand::Check { files } => {
            let limits = Limits::default();
            let checked: Vec<_> = files.iter().map(|file| check(file, &limits)).collect();
            checked_report(&checked)
        }
        ScriptCommand::Filter { expression, values } => {
            filter_report(&evaluate(&expression, values.as_deref(), &Limits::default()))
        }
    });
    report.await.context("the script could not be looked at")?
}

fn checked_report(checked: &[Checked]) -> Result<Report> {
    let refused = checked.iter().filter(|c| c.outcome == Outcome::Refused).count();
    let mut text: String = checked.iter().map(|c| format!("{}\n", checked_text(c))).collect();
    if checked.len() > 1 {
        text += &format!("{} files: {} served, {refused} refused\n", checked.len(), checked.len() - refused);
    }
    let json = checked.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    Ok(Report::lines(json, printable(&text)).failing(refused > 0))
}

fn filter_report(evaluated: &Evaluated) -> Result<Report> {
    let failed = matches!(evaluated, Evaluated::Error { .. });
    Ok(Report::lines(vec![serde_json::to_value(evaluated)?], printable(&evaluated.text())).failing(failed))
}

/// Scripts are written by others: nothing in them may steer the terminal.
fn printable(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

fn checked_text(checked: &Checked) -> String {
    let mut text = match (checked.outcome, checked.reason) {
        (Outcome::Refused, reason) => {
            let line = checked.line.map(|line| format!(" in line {line}")).unwrap_or_default();
            format!("{}: refused, {}{line}\n", checked.file, reason.unwrap_or_default())
        }
        (Outcome::Served, _) => format!("{}: served\n", checked.file),
    };
    if let Some(message) = &checked.message {
        text += &format!("  why        {message}\n");
    }
    if let Some(remedy) = checked.remedy {
        text += &format!("  what to do {remedy}\n");
    }
    if let Some(name) = &checked.name {
        text += &format!("  name       {name}\n");
    }
    if let Some(namespace) = &checked.namespace {
        text += &format!("  namespace  {namespace}\n");
    }
    if let Some(signature) = checked.signature {
        let words = checked.signer.as_ref().and_then(|signer| signer["message"].as_str());
        text += &format!("  signature  {}\n", words.unwrap_or(signature));
    }
    text += &section("attributes", checked.attributes.iter().map(attribute));
    text += &section("selections", checked.selections.iter().map(selection));
    text += &section("cards", checked.cards.iter().map(card));
    let own = checked.cards.iter().flat_map(|c| c.attributes.iter().map(move |a| (c, a)));
    text += &section(
        "attributes of cards",
        own.map(|(card, a)| std::iter::once(card.name.clone()).chain(attribute(a)).collect()),
    );
    text += &section("methods (token_call)", checked.methods.iter().map(method));
    text += &section("not served", checked.problems.iter().map(problem));
    text
}

/// A heading and aligned rows; nothing if there is no row.
fn section(heading: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let in_one_line = |cell: &String| cell.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<Vec<_>> = rows.map(|row| row.iter().map(in_one_line).collect()).collect();
    let Some(columns) = rows.iter().map(Vec::len).max().filter(|columns| *columns > 0) else { return String::new() };
    // The table without its line of headings.
    let aligned = table(&vec![""; columns], &rows);
    let lines = aligned.lines().skip(1).map(|line| format!("    {line}\n"));
    format!("  {heading}\n{}", lines.collect::<String>())
}

fn attribute(attribute: &Attribute) -> Vec<String> {
    let kind = match &attribute.unavailable {
        Some(why) => format!("not available: {why}"),
        None => kind(&attribute.schema),
    };
    vec![attribute.name.clone(), shown(&attribute.label), format!("{kind}{}", private(attribute.access))]
}

fn selection(selection: &SelectionReport) -> Vec<String> {
    let card = selection.card.as_ref().map(|card| format!(" of card {card}")).unwrap_or_default();
    let error = selection.error.as_ref().map(|error| format!("  error: {error}")).unwrap_or_default();
    vec![format!("{}{card}", selection.name), format!("{}{}{error}", selection.expression, private(selection.access))]
}

fn card(card: &CardReport) -> Vec<String> {
    let name = |kind: serde_json::Result<Value>| kind.ok()?.as_str().map(String::from);
    let kind = name(serde_json::to_value(card.card_type));
    let views: Vec<_> = card.views.iter().filter_map(|view| name(serde_json::to_value(view))).collect();
    let listed = |what: &str, names: &[String]| match names {
        [] => None,
        names => Some(format!("{what}: {}", names.join(", "))),
    };
    let more = [listed("views", &views), listed("not for", &card.excluded_by)];
    let more: Vec<_> = more.into_iter().flatten().collect();
    vec![card.name.clone(), kind.unwrap_or_default(), shown(&card.label), more.join("; ")]
}

fn method(method: &Method) -> Vec<String> {
    let empty = Map::new();
    let properties = method.parameters["properties"].as_object().unwrap_or(&empty);
    let required = method.parameters["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let parameters = properties.iter().map(|(name, schema)| {
        let optional = if required.iter().any(|r| r == name) { "" } else { "?" };
        format!("{name}{optional}: {}", kind(schema))
    });
    let parameters: Vec<_> = parameters.collect();
    let result = match (&method.unavailable, method.transaction) {
        (Some(why), _) => format!("not available: {why}"),
        (None, true) => "makes a transaction".into(),
        (None, false) => String::new(),
    };
    vec![format!("{}({})", method.name, parameters.join(", ")), format!("{result}{}", private(method.access))]
}

/// Said of what is not for everyone.
fn private(access: Access) -> &'static str {
    match access {
        Access::Public => "",
        Access::Owner => "  private: for the owner, and whom the owner grants it",
    }
}

fn problem(problem: &Problem) -> Vec<String> {
    vec![format!("line {}", problem.line), problem.detail.clone()]
}

fn shown(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "-".into())
}

/// A JSON Schema in a few words.
fn kind(schema: &Value) -> String {
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some("object") => match schema["properties"].as_object() {
            Some(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, field)| format!("{name}: {}", kind(field))).collect();
                format!("record of {}", fields.join(", "))
            }
            None => "record".into(),
        },
        Some("string") => match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some(format), _) => format.into(),
            (None, Some(pattern)) if pattern.contains("{40}") => "address".into(),
            (None, Some(pattern)) if pattern.starts_with("^0x") => "bytes".into(),
            (None, Some(pattern)) if pattern.contains('.') => "decimal".into(),
            (None, Some(_)) => "integer".into(),
            (None, None) => "text".into(),
        },
        Some(other) => other.into(),
        None => "any".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_in_a_few_words() {
        for (schema, words) in [
            (json!({}), "any"),
            (json!({ "type": "boolean" }), "boolean"),
            (json!({ "type": "string", "maxLength": 9 }), "text"),
            (json!({ "type": "string", "pattern": "^-?[0-9]{1,78}$" }), "integer"),
            (json!({ "type": "string", "pattern": "^[0-9]{1,78}(\\.[0-9]{1,18})?$" }), "decimal"),
            (json!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{40}$" }), "address"),
            (json!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$" }), "bytes"),
            (json!({ "type": "array", "items": { "type": "boolean" } }), "list of boolean"),
            (json!({ "type": "object", "properties": { "a": { "type": "string" } } }), "record of a: text"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\u{9b}1m\u{202e}\tč\n"), "a\u{fffd}[2J\u{fffd}1m\u{fffd}\u{fffd}č\n");
    }

    #[test]
    fn sections_are_aligned() {
        let rows = [vec!["a".into(), "1".into()], vec!["long".to_string(), "2\n3".into()]];
        assert_eq!(section("h", rows.into_iter()), "  h\n    a     1\n    long  2 3\n");
        assert_eq!(section("h", std::iter::empty()), "");
    }
}
