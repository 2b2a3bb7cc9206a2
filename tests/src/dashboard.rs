//! Which metrics a Grafana dashboard asks for, and which of them nobody exposes: a panel that names a metric wrongly stays empty and
//! looks like peace.

use std::collections::BTreeSet;

use serde_json::Value;

/// The metrics that the dashboard's expressions name and no scrape has.
///
/// `scrapes` are answers of `GET /metrics`, in Prometheus' text format or OpenMetrics. A counter or gauge by labels appears there only
/// once it was counted.
pub fn unknown_metrics<S: AsRef<str>>(dashboard: &Value, scrapes: &[S]) -> BTreeSet<String> {
    let exposed: BTreeSet<&str> = scrapes.iter().flat_map(|text| exposed_metrics(text.as_ref())).collect();
    metrics_named(dashboard).into_iter().filter(|name| !exposed.contains(name.as_str())).collect()
}

/// Every metric that some expression of the dashboard names.
pub fn metrics_named(dashboard: &Value) -> BTreeSet<String> {
    match dashboard {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(expression) if key == "expr" => metrics_in(expression),
                _ => metrics_named(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(metrics_named).collect(),
        _ => BTreeSet::new(),
    }
}

/// The names of the samples in a scrape.
fn exposed_metrics(scrape: &str) -> impl Iterator<Item = &str> {
    scrape
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next().filter(|name| !name.is_empty()))
}

/// The words of PromQL that are not followed by a parenthesis, as functions are.
const OPERATORS: [&str; 7] = ["and", "or", "unless", "bool", "offset", "inf", "nan"];
/// The words that are followed by a list of labels.
const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The metrics in a PromQL expression: its words, but for functions, operators, labels, durations and Grafana's variables.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let mut metrics = BTreeSet::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        rest = match first {
            '"' | '\'' => after_string(rest, first),
            '{' => after_labels(rest),
            '[' => after(rest, ']'),
            // `$variable`; `${variable}` is a brace to be skipped.
            '$' => rest[1..].trim_start_matches(is_word),
            _ if word.is_empty() => &rest[first.len_utf8()..],
            _ => {
                let next = rest[word.len()..].trim_start();
                if GROUPINGS.contains(&word) && next.starts_with('(') {
                    after(next, ')')
                } else {
                    // What begins with a digit is a number or a duration.
                    if !first.is_ascii_digit() && !next.starts_with('(') && !is_keyword(word) {
                        metrics.insert(word.to_owned());
                    }
                    &rest[word.len()..]
                }
            }
        };
    }
    metrics
}

/// Whether the word has a meaning of its own. `sum by (…) (…)` puts a grouping between the function and its parenthesis.
fn is_keyword(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    const AGGREGATIONS: [&str; 8] = ["sum", "avg", "min", "max", "count", "topk", "bottomk", "quantile"];
    OPERATORS.contains(&lower.as_str()) || GROUPINGS.contains(&lower.as_str()) || AGGREGATIONS.contains(&lower.as_str())
}

/// What follows the next `end`.
fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// What follows a string that begins here; a backslash hides a quote.
fn after_string(text: &str, quote: char) -> &str {
    let mut hidden = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            c if c == quote => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// What follows label matchers that begin here; braces in their strings don't count.
fn after_labels(text: &str) -> &str {
    let mut rest = &text[1..];
    while let Some(at) = rest.find(['"', '\'', '}']) {
        match rest.as_bytes()[at] {
            b'}' => return &rest[at + 1..],
            quote => rest = after_string(&rest[at..], char::from(quote)),
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(expression: &str) -> Vec<String> {
        metrics_in(expression).into_iter().collect()
    }

    #[test]
    fn only_metrics_are_taken_from_an_expression() {
        assert_eq!(named("up"), ["up"]);
        assert_eq!(named(r#"60 * rate(a_total{job="b}c\"d", x=~'y'}[$__rate_interval]) offset 5m"#), ["a_total"]);
        assert_eq!(
            named("sum by (le, instance) (rate(a_bucket[5m])) / on(instance) group_left(version) info"),
            ["a_bucket", "info"]
        );
        assert_eq!(named("histogram_quantile(0.95, sum(rate(a:b_bucket[1h])) without (pod))"), ["a:b_bucket"]);
        assert_eq!(named("a - ignoring(status) b > bool 1e3 or $threshold and ${other}"), ["a", "b"]);
        assert_eq!(named("max(a) unless min (b)"), ["a", "b"]);
        assert!(named("").is_empty() && named("1 + 2").is_empty());
    }

    #[test]
    fn broken_expressions_do_no_harm() {
        for broken in ["a{", "a{x=\"", "a[", "sum by (", "'", "\\", "ä + {ö", "\"\\"] {
            assert!(named(broken).iter().all(|name| name == "a"), "{broken}: {:?}", named(broken));
        }
    }

    #[test]
    fn what_nobody_exposes_is_found() {
        let dashboard = json!({ "panels": [
            { "title": "not a metric", "targets": [{ "expr": "rate(a_total[5m])" }, { "expr": "b" }] },
            { "panels": [{ "targets": [{ "expr": "sum(c_bucket)", "legendFormat": "nor_this" }] }] },
        ] });
        let scrapes = ["# HELP b is gone\n# TYPE a counter\na_total{x=\"1\"} 3\n# EOF\n", "c_bucket{le=\"+Inf\"} 1\n"];
        assert_eq!(unknown_metrics(&dashboard, &scrapes), BTreeSet::from(["b".to_owned()]));
        assert!(unknown_metrics(&dashboard, &[scrapes[0], scrapes[1], "b 1 1700000000\n"]).is_empty());
    }

    #[test]
    fn the_dashboard_watches_the_chain_the_nodes_and_the_anchors() {
        let dashboard: Value = serde_json::from_str(include_str!("../../deploy/grafana/smart-layer.json")).unwrap();
        let metrics = metrics_named(&dashboard);
        for prefix in ["substrate_", "service_", "anchor_", "network_"] {
            assert!(metrics.iter().any(|name| name.starts_with(prefix)), "nothing of {prefix}");
        }
        let targets = dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array());
        for target in targets.flatten() {
            let expression = target["expr"].as_str().unwrap();
            assert!(!metrics_in(expression).is_empty(), "{expression} names no metric");
        }
    }
}
