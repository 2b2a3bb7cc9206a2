use frame_support::{
    __private::metadata_ir::StorageEntryTypeIR,
    traits::{PalletsInfoAccess, VariantCount},
};
use scale_info::{form::PortableForm, Field, MetaType, PortableRegistry, Registry, TypeDef};

use super::{
    reference::{variants, OURS},
    *,
};

/// The crates whose types are our own.
const OWN_CRATES: [&str; 8] = [
    "pallet_anchors::",
    "pallet_commitment_snapshots::",
    "pallet_promise_settlement::",
    "pallet_service_staking::",
    "pallet_sla_registry::",
    "pallet_smart_tokens::",
    "smartlayer_primitives::",
    "smartlayer_runtime::",
];

#[test]
fn metadata_encodes_in_every_version() {
    genesis("development").execute_with(|| {
        let versions = Runtime::metadata_versions();
        assert!(versions.contains(&14) && versions.contains(&15) && versions.contains(&16));
        for version in versions {
            assert!(!Runtime::metadata_at_version(version).expect("it is offered").is_empty());
        }
    });
}

#[test]
fn there_is_no_sudo() {
    let pallets = <AllPalletsWithSystem as PalletsInfoAccess>::infos();
    assert!(pallets.iter().all(|pallet| !pallet.name.eq_ignore_ascii_case("sudo")));
}

#[test]
fn hold_reasons_differ() {
    use codec::{DecodeAll, Encode};

    let reasons: Vec<RuntimeHoldReason> = vec![
        pallet_anchors::HoldReason::Bond.into(),
        RuntimeHoldReason::AnchorCouncil(pallet_collective::HoldReason::ProposalSubmission),
        pallet_preimage::HoldReason::Preimage.into(),
        pallet_promise_settlement::HoldReason::Session.into(),
        pallet_promise_settlement::HoldReason::SessionStorage.into(),
        pallet_service_staking::HoldReason::Bond.into(),
        pallet_session::HoldReason::Keys.into(),
        pallet_staking::HoldReason::Staking.into(),
        pallet_smart_tokens::HoldReason::Registration.into(),
    ];
    // All there are, but for a variant that the council has for its instance and nobody can make; each with an encoding of its own.
    assert_eq!(reasons.len() + 1, RuntimeHoldReason::VARIANT_COUNT as usize);
    let encoded: std::collections::BTreeSet<Vec<u8>> = reasons.iter().map(Encode::encode).collect();
    assert_eq!(encoded.len(), reasons.len());
    for bytes in encoded {
        assert!(reasons.contains(&RuntimeHoldReason::decode_all(&mut &bytes[..]).expect("it was encoded")));
    }
}

/// Remembers `name` if there is no text in `docs`.
fn note<S: AsRef<str>>(silent: &mut Vec<String>, name: impl FnOnce() -> String, docs: &[S]) {
    if docs.iter().all(|line| line.as_ref().trim().is_empty()) {
        silent.push(name());
    }
}

/// The same for fields. One without a name is what its variant or type says.
fn note_fields(silent: &mut Vec<String>, of: &str, fields: &[Field<PortableForm>]) {
    for field in fields {
        if let Some(name) = &field.name {
            note(silent, || format!("{of}.{name}"), &field.docs);
        }
    }
}

/// Arguments of calls have no documentation of their own in the metadata: the call's text explains them.
#[test]
fn everything_of_ours_says_what_it_means() {
    let metadata = sp_io::TestExternalities::default().execute_with(Runtime::metadata_ir);
    let (mut silent, mut seen) = (Vec::new(), 0);
    let mut of_variants = |of: String, ty: MetaType, has_fields: bool, silent: &mut Vec<String>| {
        for variant in variants(ty) {
            seen += 1;
            note(silent, || format!("{of}.{}", variant.name), &variant.docs);
            for field in variant.fields.iter().filter(|_| has_fields) {
                note(silent, || format!("{of}.{}.{:?}", variant.name, field.name), &field.docs);
            }
        }
    };
    for name in OURS {
        let pallet = metadata.pallets.iter().find(|pallet| pallet.name == name).expect("one of ours");
        let [calls, events, errors] = [
            pallet.calls.as_ref().map(|calls| calls.ty),
            pallet.event.as_ref().map(|events| events.ty),
            pallet.error.as_ref().map(|errors| errors.ty),
        ];
        for (kind, ty, has_fields) in [("calls", calls, false), ("events", events, true), ("errors", errors, true)] {
            if let Some(ty) = ty {
                of_variants(format!("{name} {kind}"), ty, has_fields, &mut silent);
            }
        }
        for entry in pallet.storage.iter().flat_map(|storage| &storage.entries) {
            note(&mut silent, || format!("{name} storage {}", entry.name), &entry.docs);
        }
        for constant in &pallet.constants {
            note(&mut silent, || format!("{name} constant {}", constant.name), &constant.docs);
        }
        for function in &pallet.view_functions {
            note(&mut silent, || format!("{name} view function {}", function.name), &function.docs);
        }
    }
    // What the DAO governs; each number is a variant that names itself and its value.
    for group in variants(MetaType::new::<RuntimeParameters>()) {
        note(&mut silent, || group.name.into(), &group.docs);
        of_variants(group.name.into(), group.fields[0].ty, false, &mut silent);
    }
    assert!(seen > 200, "only {seen} were looked at");
    assert!(silent.is_empty(), "no documentation: {silent:#?}");
}

/// The types behind them as well. Without the feature `docs` of scale-info they would all be silent.
#[test]
fn every_type_of_ours_says_what_it_means() {
    let metadata = sp_io::TestExternalities::default().execute_with(Runtime::metadata_ir);
    let mut registry = Registry::new();
    registry.register_type(&MetaType::new::<RuntimeEvent>());
    registry.register_type(&MetaType::new::<UncheckedExtrinsic>());
    for pallet in &metadata.pallets {
        for entry in pallet.storage.iter().flat_map(|storage| &storage.entries) {
            match &entry.ty {
                StorageEntryTypeIR::Plain(value) | StorageEntryTypeIR::Map { value, .. } => {
                    registry.register_type(value)
                }
            };
        }
        for function in &pallet.view_functions {
            registry.register_type(&function.output);
        }
    }

    let (mut silent, mut seen) = (Vec::new(), 0);
    for ty in PortableRegistry::from(registry).types.into_iter().map(|it| it.ty) {
        let name = ty.path.segments.join("::");
        // What FRAME's macros put together has no text of its own: the outer enums, and the names of governed numbers.
        let is_generated =
            ty.path.segments.len() == 2 && (name.contains("::Runtime") || name.ends_with("::OriginCaller"));
        let is_ours = OWN_CRATES.iter().any(|own| name.starts_with(own));
        if is_generated || !is_ours {
            continue;
        }
        seen += 1;
        match &ty.type_def {
            TypeDef::Composite(composite) => {
                note_fields(&mut silent, &name, &composite.fields);
                if !composite.fields.is_empty() {
                    note(&mut silent, || name.clone(), &ty.docs);
                }
            }
            TypeDef::Variant(variant) => {
                for it in &variant.variants {
                    let of = format!("{name}::{}", it.name);
                    if ty.path.ident().is_none_or(|ident| ident != "Call") {
                        note_fields(&mut silent, &of, &it.fields);
                    }
                    note(&mut silent, || of, &it.docs);
                }
            }
            _ => {}
        }
    }
    assert!(seen > 60, "only {seen} were looked at");
    assert!(silent.is_empty(), "no documentation: {silent:#?}");
}
