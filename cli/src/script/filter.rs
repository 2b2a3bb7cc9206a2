//! A filter's result for given values, and how it comes about.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use smartlayer_token_script::{AttributeError, Explanation, Filter, FilterError, Limits, Value, Values};

use super::{
    input::{read, Unread},
    remedy,
};

/// The most that a file of values may have, in bytes.
const VALUES_BYTES: usize = 1 << 20;

/// What came of it. With `--json` a line holds exactly this.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Evaluated {
    /// The filter holds or doesn't.
    Result {
        /// Whether it holds.
        result: bool,
        /// How that comes about, part by part.
        explanation: Explanation,
    },
    /// It can't be said.
    Error {
        /// Why not.
        error: Failure,
        /// How far it can be said, part by part.
        #[serde(skip)]
        explanation: Option<Explanation>,
        /// The filter, as it was written.
        #[serde(skip)]
        expression: String,
    },
}

/// Why there is no result.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// A stable name for machines.
    pub code: &'static str,
    /// What is wrong, in words.
    pub message: String,
    /// The byte of the filter that it is about, counted from 0; none if it is about no single place.
    pub position: Option<usize>,
    /// What to do about it.
    pub remedy: Option<&'static str>,
}

impl Failure {
    fn new(code: &'static str, message: impl Into<String>, position: Option<usize>) -> Self {
        Failure { code, message: message.into(), position, remedy: remedy::of(code) }
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        let position = match &error {
            FilterError::Syntax(error) => error.at(),
            _ => None,
        };
        Failure::new(error.code(), error.to_string(), position)
    }
}

/// An attribute's value in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(rename = "as")]
    as_: String,
    value: Json,
}

/// Evaluates `expression` for the values in `path`, or with `-` on standard input; without `path` there are none.
pub fn evaluate(expression: &str, path: Option<&Path>, limits: &Limits) -> Evaluated {
    let failed = |error, explanation| Evaluated::Error { error, explanation, expression: expression.into() };
    let filter = match Filter::parse(expression, limits) {
        Ok(filter) => filter,
        Err(error) => return failed(FilterError::Syntax(error).into(), None),
    };
    let values = match path.map_or(Ok(Values::new()), values_in) {
        Ok(values) => values,
        Err(failure) => return failed(failure, None),
    };
    let explanation = filter.explain_values(&values);
    match filter.evaluate_values(&values) {
        Ok(result) => Evaluated::Result { result, explanation },
        Err(error) => failed(error.into(), Some(explanation)),
    }
}

fn values_in(path: &Path) -> Result<Values, Failure> {
    let bytes = read(path, VALUES_BYTES).map_err(|error| match error {
        Unread::TooLarge => {
            Failure::new("invalid-values", format!("{} has more than {VALUES_BYTES} bytes", path.display()), None)
        }
        Unread::Unreadable(why) => Failure::new("unreadable", format!("{}: {why}", path.display()), None),
    })?;
    values_of(&bytes).map_err(|why| Failure::new("invalid-values", format!("{}: {why}", path.display()), None))
}

/// `null` stands for an attribute that exists and has no value.
fn values_of(bytes: &[u8]) -> Result<Values, String> {
    let typed: BTreeMap<String, Json> =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON object: {error}"))?;
    let value = |(name, json): (String, Json)| {
        let Typed { as_, value } = Typed::deserialize(json)
            .map_err(|error| format!("the value of {name} is not {{\"as\", \"value\"}}: {error}"))?;
        let value = match value {
            Json::Null => Err(AttributeError::NoValue(name.clone())),
            value => Ok(Value::typed(&as_, &value).map_err(|error| format!("the value of {name}: {error}"))?),
        };
        Ok((name, value))
    };
    typed.into_iter().map(value).collect()
}

impl Evaluated {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Evaluated::Result { result, explanation } => format!("{result}\n\n{}", tree(explanation)),
            Evaluated::Error { error, explanation, expression } => {
                let mut text = format!("no result: {}\n", error.code);
                if let Some(before) = error.position.and_then(|at| expression.get(..at)) {
                    // A caret under the place; the filter may have several lines.
                    let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap_or_default());
                    let written = expression.split('\n').nth(line).unwrap_or_default();
                    text += &format!("  {written}\n  {}^\n", " ".repeat(column.chars().count()));
                }
                text += &format!("  why        {}\n", error.message);
                if let Some(remedy) = error.remedy {
                    text += &format!("  what to do {remedy}\n");
                }
                match explanation {
                    Some(explanation) => format!("{text}\n{}", tree(explanation)),
                    None => text,
                }
            }
        }
    }
}

/// Each part in a line, indented as it is nested, with its result and the value that made it.
fn tree(explanation: &Explanation) -> String {
    let mut rows = Vec::new();
    collect(explanation, 1, &mut rows);
    let width = rows.iter().map(|(part, _)| part.chars().count()).max().unwrap_or_default().min(72);
    rows.iter().map(|(part, result)| format!("{part:<width$}  {result}\n")).collect()
}

// Recursion is bounded by the depth that reading the filter allowed.
fn collect(explanation: &Explanation, depth: usize, rows: &mut Vec<(String, String)>) {
    let result = match (explanation.result, &explanation.error) {
        (Some(result), _) => format!("{result:<5}"),
        (None, Some(error)) if explanation.parts.is_empty() => format!("error  {error}"),
        _ => "error".into(),
    };
    let shown = |value: &Value| match value {
        Value::Text(text) => format!("{text:?}"),
        value => value.text().unwrap_or_else(|| serde_json::to_string(value).unwrap_or_default()),
    };
    let value = explanation.value.as_ref().map(|value| format!("  the value is {}", shown(value))).unwrap_or_default();
    // What is written in the filter can be seen in it.
    let compared = explanation.compared.as_ref().filter(|_| explanation.expression.contains("${"));
    let compared = compared.map(|value| format!(", compared to {}", shown(value))).unwrap_or_default();
    rows.push((
        format!("{:indent$}{}", "", explanation.expression, indent = 2 * depth),
        format!("{result}{value}{compared}"),
    ));
    for part in &explanation.parts {
        collect(part, depth + 1, rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(expression: &str, values: &str) -> Evaluated {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.json");
        std::fs::write(&path, values).unwrap();
        evaluate(expression, Some(&path), &Limits::default())
    }

    #[test]
    fn explained_part_by_part() {
        let values = r#"{"level":{"as":"uint","value":"7"},"city":{"as":"utf8","value":"Sydney"}}"#;
        let text = with("(&(level>=5)(!(city=${city})))", values).text();
        assert!(text.starts_with("false\n\n  (&(level>=5)(!(city=${city})))  false"), "{text}");
        assert!(text.contains("\n    (level>=5)  "), "{text}");
        assert!(text.contains("true   the value is 7\n"), "{text}");
        assert!(text.contains("true   the value is \"Sydney\", compared to \"Sydney\"\n"), "{text}");
    }

    #[test]
    fn the_place_of_an_error_is_pointed_at() {
        let text = with("(&(č=1)\n  (a=\\zz))", "{}").text();
        assert!(text.contains("  (a=\\zz))\n       ^\n"), "{text}");
    }

    #[test]
    fn null_is_an_attribute_without_a_value() {
        let values = r#"{"city":{"as":"utf8","value":null}}"#;
        assert!(matches!(with("(city=*)", values), Evaluated::Result { result: false, .. }));
        assert!(
            matches!(with("(city=x)", values), Evaluated::Error { error, .. } if error.code == "attribute-unavailable")
        );
        assert!(
            matches!(with("(town=*)", values), Evaluated::Error { error, .. } if error.code == "unknown-attribute")
        );
    }

    #[test]
    fn an_error_shows_the_parts_that_have_a_result() {
        let text = with("(&(a=1)(b=2))", r#"{"a":{"as":"uint","value":"1"}}"#).text();
        assert!(text.contains("(a=1)") && text.contains("true") && text.contains("there is no attribute b"), "{text}");
    }

    #[test]
    fn values_are_bounded() {
        let large = format!("{{}}{}", " ".repeat(VALUES_BYTES));
        assert!(matches!(with("(a=1)", &large), Evaluated::Error { error, .. } if error.code == "invalid-values"));
    }
}
