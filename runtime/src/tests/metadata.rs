use frame_support::traits::{PalletsInfoAccess, VariantCount};

use super::*;

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
