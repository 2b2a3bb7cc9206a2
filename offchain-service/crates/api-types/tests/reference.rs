//! docs/reference/services.md lists every method and every error code: it is written from the source, and this test fails when it is
//! not what the source says.
//!
//! `SMARTLAYER_BLESS=1 cargo test -p smartlayer-api-types --test reference` rewrites it.

use std::fmt::Write;

use smartlayer_api_types::error::ErrorCode;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/reference/services.md");
const SOURCE: &str = include_str!("../src/rpc.rs");

/// The constants of `rpc::method` with their documentation, in order.
fn methods() -> Vec<(String, String)> {
    let module = SOURCE.split("pub mod method {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let mut methods = Vec::new();
    let mut text = String::new();
    for line in module.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            text.push_str(doc);
        } else if line.starts_with("pub const") {
            let name = line.split('"').nth(1).unwrap().to_owned();
            methods.push((name, text.trim().replace("super::", "").replace(['[', ']'], "")));
            text.clear();
        }
    }
    methods
}

/// The objects of `rpc` with their fields as JSON names, in order.
fn objects() -> String {
    let mut out = String::new();
    let mut doc = String::new();
    let mut renamed = None;
    let mut inside = false;
    for line in SOURCE.lines() {
        let trimmed = line.trim();
        if let Some(rest) = trimmed.strip_prefix("#[serde(rename = \"") {
            renamed = rest.split('"').next();
        }
        if let Some(text) = trimmed.strip_prefix("/// ") {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(text);
        } else if let Some(rest) = line.strip_prefix("pub struct ") {
            let name = rest.split([' ', '<']).next().unwrap();
            (inside, renamed) = (!["Request", "Response"].contains(&name), None);
            if inside {
                writeln!(out, "\n### {name}\n\n{doc}\n\n| field | meaning |\n| --- | --- |").unwrap();
            }
            doc.clear();
        } else if line == "}" {
            inside = false;
            doc.clear();
        } else if let Some(field) = line.strip_prefix("    pub ").filter(|_| inside) {
            let (name, kind) = field.trim_end_matches(',').split_once(": ").unwrap();
            let optional = if kind.starts_with("Option<") { " (optional)" } else { "" };
            let name = renamed.take().map_or_else(|| camel(name), str::to_owned);
            writeln!(out, "| `{name}`{optional} | {doc} |").unwrap();
            doc.clear();
        } else if !trimmed.starts_with("#[") {
            doc.clear();
        }
    }
    out
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str(&part[..1].to_uppercase());
        out.push_str(&part[1..]);
    }
    out
}

fn reference() -> String {
    let mut out = String::from(
        "# Services: methods and error codes\n\n\
         JSON-RPC 2.0 over HTTP POST and WebSocket at `/`; parameters by name. Payments travel in the headers of\n\
         [x402](../integrate/token-api.md#pay), or in the parameters. Amounts are decimal strings in planck (1 SLT = 10^12), hashes and bytes hex with `0x`,\n\
         accounts SS58. This file is written from the source by a test.\n\n\
         ## Methods\n\n| method | what it does: parameters → answer |\n| --- | --- |\n",
    );
    for (name, text) in methods() {
        writeln!(out, "| `{name}` | {text} |").unwrap();
    }
    out.push_str("\n## Objects\n");
    out.push_str(&objects());
    out.push_str(
        "\n## Error codes\n\nThe JSON-RPC error's `code`; `data.reason` is the name. Numbers and names never change their meaning.\n\n\
         | code | name | HTTP | meaning | what to do |\n| --- | --- | --- | --- | --- |\n",
    );
    for code in ErrorCode::ALL {
        writeln!(
            out,
            "| {} | `{}` | {} | {} | {} |",
            *code as i32,
            code.name(),
            code.http_status(),
            code.meaning(),
            code.remedy()
        )
        .unwrap();
    }
    out
}

#[test]
fn the_reference_is_what_the_source_says() {
    let now = reference();
    assert!(methods().len() >= 10 && ErrorCode::ALL.len() >= 20, "the source was not read");
    if std::env::var_os("SMARTLAYER_BLESS").is_some() {
        std::fs::write(FILE, &now).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap();
    assert!(
        written == now,
        "docs/reference/services.md is not what the source says; rewrite it with SMARTLAYER_BLESS=1"
    );
}
