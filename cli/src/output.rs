//! What a command prints.

use std::io::{self, Write};

use serde_json::{json, Value};
use smartlayer_sdk::Error;

/// A command's result: values for machines, text for people.
pub struct Report {
    json: Machine,
    text: String,
    failed: bool,
}

/// What machines read.
enum Machine {
    /// One value, over several lines.
    Value(Value),
    /// A value a line.
    Lines(Vec<Value>),
}

impl Report {
    /// A result.
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json: Machine::Value(json), text: text.into(), failed: false }
    }

    /// Results of the same kind: machines read one a line.
    pub fn lines(json: Vec<Value>, text: impl Into<String>) -> Self {
        Self { json: Machine::Lines(json), text: text.into(), failed: false }
    }

    /// With `failed`, the report is what was asked for, and says that something is wrong: the exit code is 1.
    pub fn failing(self, failed: bool) -> Self {
        Self { failed, ..self }
    }

    /// Whether the exit code is to be 1.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// A single object, shown as aligned names and values.
    pub fn object(json: Value, fields: &[(&str, String)]) -> Self {
        Self::new(json, fields_text(fields))
    }

    /// Prints it to standard output.
    pub fn print(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match &self.json {
            _ if !as_json => writeln!(out, "{}", self.text.trim_end())?,
            Machine::Value(value) => {
                serde_json::to_writer_pretty(&mut out, value)?;
                writeln!(out)?;
            }
            Machine::Lines(values) => {
                for value in values {
                    serde_json::to_writer(&mut out, value)?;
                    writeln!(out)?;
                }
            }
        }
        out.flush()
    }
}

/// Names and values, aligned.
pub fn fields_text(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    fields.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

/// Rows under headings, each column as wide as it needs.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none\n".into();
    }
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let mut text = line(headings.to_vec());
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// Prints an error as one line: what failed, why, and what helps.
pub fn print_error(error: &anyhow::Error, as_json: bool) {
    let text = in_one_line(error);
    if as_json {
        let code = error.chain().find_map(|e| e.downcast_ref::<Error>()).and_then(Error::code);
        eprintln!("{}", json!({ "error": text, "code": code.map(|c| c.code()), "reason": code.map(|c| c.name()) }));
    } else {
        eprintln!("error: {text}");
    }
}

/// The error and its causes; many errors say their cause themselves, and it is not said twice.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_line_and_say_nothing_twice() {
        let inner = anyhow::anyhow!("no such file");
        assert_eq!(in_one_line(&inner.context("cannot read x: no such file")), "cannot read x: no such file");
        assert_eq!(in_one_line(&anyhow::anyhow!("b\nc").context("a")), "a: b c");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["long".into(), "22".into()]];
        assert_eq!(table(&["name", "n"], &rows), "name  n\na     1\nlong  22\n");
        assert_eq!(table(&["name"], &[]), "none\n");
        assert_eq!(fields_text(&[("a", "1".into()), ("bcd", "2".into())]), "a    1\nbcd  2\n");
    }
}
