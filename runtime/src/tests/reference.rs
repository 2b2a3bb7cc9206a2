//! docs/reference/chain.md lists every call, event, error, storage item, constant and view function of our pallets, what a referendum
//! may act as, and every governed number: it is written from the runtime's metadata, and this test fails when it is not what the
//! runtime says.
//!
//! `SMARTLAYER_BLESS=1 cargo test -p smartlayer-runtime reference` rewrites it.

use std::fmt::Write;

use scale_info::{form::MetaForm, MetaType, TypeDef, Variant};
use sp_runtime::{PerThing, Permill};

use super::*;
use crate::{configs::governance::origins, parameters::bounded};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/chain.md");
/// The own pallets that can be called or asked.
pub(super) const OURS: [&str; 7] =
    ["Anchors", "ServiceStaking", "SlaRegistry", "PromiseSettlement", "CommitmentSnapshots", "SmartTokens", "Origins"];

/// The first paragraph of some documentation, on one line.
fn summary(docs: &[&str]) -> String {
    let lines =
        docs.iter().map(|line| line.trim()).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

pub(super) fn variants(ty: MetaType) -> Vec<Variant<MetaForm>> {
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

/// A whole number with commas between the thousands.
fn thousands(value: u128) -> String {
    let digits = value.to_string();
    let place = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits.char_indices().flat_map(|(at, digit)| place(at).then_some(',').into_iter().chain([digit])).collect()
}

/// A number of units, each of which has so many, a power of ten, of what is counted.
fn decimal(value: u128, unit: u128) -> String {
    let fraction = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
    let text = format!("{}.{fraction}", thousands(value / unit));
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// A number in SCALE, of a type by this name, for people.
fn number(kind: &str, bytes: &[u8]) -> String {
    let value = bytes.iter().rev().fold(0u128, |value, byte| value << 8 | u128::from(*byte));
    let plain = thousands(value);
    let times: [(u128, &str); 4] = [(DAYS.into(), "d"), (HOURS.into(), "h"), (MINUTES.into(), "min"), (1, "blocks")];
    match (kind, value) {
        (_, 0) => plain,
        ("Balance", _) => format!("{} SLT", decimal(value, SLT)),
        ("Permill", _) => format!("{}%", decimal(value, u128::from(Permill::ACCURACY) / 100)),
        ("BlockNumber", 1) => "1 block".into(),
        // In the largest of the units that it is a whole number of.
        ("BlockNumber", _) => {
            let (size, unit) =
                times.into_iter().find(|(size, _)| value.is_multiple_of(*size)).expect("it is a number of blocks");
            format!("{} {unit}", thousands(value / size))
        }
        ("Period", 1) => "1 period".into(),
        ("Period", _) => format!("{plain} periods"),
        _ => plain,
    }
}

/// A constant for people.
fn constant(ty: MetaType, bytes: &[u8]) -> String {
    match (ty.type_info().path.ident(), std::str::from_utf8(bytes)) {
        (Some("PalletId"), Ok(text)) => text.into(),
        (kind, _) => number(kind.unwrap_or_default(), bytes),
    }
}

/// The governed numbers, with defaults and bounds.
fn governed(out: &mut String) {
    let mut bounds = sp_io::TestExternalities::default().execute_with(bounded::all).into_iter();
    for group in variants(MetaType::new::<RuntimeParameters>()) {
        let numbers = variants(group.fields[0].ty);
        writeln!(out, "\n### {}\n\n{}", group.name, summary(&group.docs)).unwrap();
        writeln!(out, "\n| number | meaning | default | least | most |\n| --- | --- | --- | --- | --- |").unwrap();
        for parameter in numbers {
            let (_, _, values) = bounds
                .clone()
                .find(|(of, name, _)| (*of, *name) == (group.name, parameter.name))
                .expect("every governed number has bounds");
            let kind = parameter.fields[1].type_name.expect("it is optional");
            let kind = kind.trim_start_matches("Option<").trim_end_matches('>');
            let [default, least, most] = values.map(|bytes| number(kind, &bytes));
            writeln!(out, "| `{}` | {} | {default} | {least} | {most} |", parameter.name, summary(&parameter.docs))
                .unwrap();
        }
    }
    assert!(
        bounds.all(|(group, name, _)| out.contains(&format!("### {group}\n")) && out.contains(&format!("`{name}`")))
    );
}

fn reference() -> String {
    let mut out = String::from(
        "# Chain: calls, events, errors, storage, constants, view functions, governed numbers\n\n\
         Of our own pallets, as the runtime's metadata has them, which is where wallets read them. Types are those of `primitives`.\n\
         Every call's full text (who may send it, what it does, what can fail) is in the pallet's documentation and the metadata.\n\
         This file is written from the metadata by a test.\n",
    );
    // Without a genesis everything has its default.
    let metadata = sp_io::TestExternalities::default().execute_with(Runtime::metadata_ir);
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
        if !pallet.constants.is_empty() {
            writeln!(out, "\n| constant | value | meaning |\n| --- | --- | --- |").unwrap();
            for entry in &pallet.constants {
                let value = constant(entry.ty, &entry.value);
                writeln!(out, "| `{}` | {value} | {} |", entry.name, summary(&entry.docs)).unwrap();
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
    writeln!(out, "\n| origin of a referendum | what it may do |\n| --- | --- |").unwrap();
    for origin in variants(MetaType::new::<origins::Origin>()) {
        writeln!(out, "| `{}` | {} |", origin.name, summary(&origin.docs)).unwrap();
    }
    out.push_str(
        "\n## Governed numbers\n\n\
         What token holders set with `Parameters.set_parameter`, in groups; docs/adr/0007-governance.md says who may set which. Each is\n\
         read within its bounds, whatever was set. The defaults are those of a real network. Times are in blocks on the chain, one in\n\
         3 s: a minute (min) has 20, an hour (h) 1,200, a day (d) 28,800. An SLT has 10^12 planck.\n",
    );
    governed(&mut out);
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
