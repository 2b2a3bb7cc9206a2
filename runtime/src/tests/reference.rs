//! docs/reference/chain.md lists every call, event, error, storage item and view function of our pallets: it is written from the
//! runtime's metadata, and this test fails when it is not what the runtime says.
//!
//! `SMARTLAYER_BLESS=1 cargo test -p smartlayer-runtime reference` rewrites it.

use std::fmt::Write;

use scale_info::{form::MetaForm, MetaType, TypeDef, Variant};

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/chain.md");
const OURS: [&str; 6] =
    ["Anchors", "ServiceStaking", "SlaRegistry", "PromiseSettlement", "CommitmentSnapshots", "SmartTokens"];

/// The first paragraph of some documentation, on one line.
fn summary(docs: &[&str]) -> String {
    let lines =
        docs.iter().map(|line| line.trim()).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn variants(ty: MetaType) -> Vec<Variant<MetaForm>> {
    match ty.type_info().type_def {
        TypeDef::Variant(variants) => variants.variants,
        _ => Vec::new(),
    }
}

fn fields(variant: &Variant<MetaForm>) -> String {
    let field = |f: &scale_info::Field<MetaForm>| {
        let kind = f.type_name.unwrap_or_default().replace("T::", "");
        f.name.map_or(kind.clone(), |name| format!("{name}: {kind}"))
    };
    variant.fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

fn reference() -> String {
    let mut out = String::from(
        "# Chain: calls, events, errors, storage, view functions\n\n\
         Of our own pallets, as the runtime's metadata has them, which is where wallets read them. Types are those of `primitives`.\n\
         Every call's full text (who may send it, what it does, what can fail) is in the pallet's documentation and the metadata.\n\
         This file is written from the metadata by a test.\n",
    );
    let metadata = genesis("development").execute_with(Runtime::metadata_ir);
    for name in OURS {
        let pallet = metadata.pallets.iter().find(|p| p.name == name).expect("one of ours");
        writeln!(out, "\n## {name}").unwrap();
        if let Some(calls) = &pallet.calls {
            writeln!(out, "\n| call | what it does |\n| --- | --- |").unwrap();
            for call in variants(calls.ty) {
                writeln!(out, "| `{}({})` | {} |", call.name, fields(&call), summary(&call.docs)).unwrap();
            }
        }
        if let Some(events) = &pallet.event {
            writeln!(out, "\n| event | meaning |\n| --- | --- |").unwrap();
            for event in variants(events.ty) {
                writeln!(out, "| `{} {{ {} }}` | {} |", event.name, fields(&event), summary(&event.docs)).unwrap();
            }
        }
        if let Some(errors) = &pallet.error {
            writeln!(out, "\n| error | why, and what to do |\n| --- | --- |").unwrap();
            for error in variants(errors.ty) {
                writeln!(out, "| `{}` | {} |", error.name, summary(&error.docs)).unwrap();
            }
        }
        if let Some(storage) = &pallet.storage {
            writeln!(out, "\n| storage | what it holds |\n| --- | --- |").unwrap();
            for entry in &storage.entries {
                writeln!(out, "| `{}` | {} |", entry.name, summary(&entry.docs)).unwrap();
            }
        }
        if !pallet.view_functions.is_empty() {
            writeln!(out, "\n| view function | what it answers |\n| --- | --- |").unwrap();
            for function in &pallet.view_functions {
                let inputs = function.inputs.iter().map(|i| i.name).collect::<Vec<_>>().join(", ");
                writeln!(out, "| `{}({inputs})` | {} |", function.name, summary(&function.docs)).unwrap();
            }
        }
    }
    out
}

#[test]
fn the_reference_is_what_the_runtime_says() {
    let now = reference();
    assert!(OURS.iter().all(|name| now.contains(&format!("## {name}"))) && now.lines().count() > 150, "{now}");
    if std::env::var_os("SMARTLAYER_BLESS").is_some() {
        std::fs::write(FILE, &now).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap();
    assert!(written == now, "docs/reference/chain.md is not what the runtime says; rewrite it with SMARTLAYER_BLESS=1");
}
