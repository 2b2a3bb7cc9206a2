//! Every refusal by its name.

use serde_json::json;
use smartlayer_grants::*;
use smartlayer_primitives::{AccountId, Hash, Signature};

use crate::common::*;

#[track_caller]
fn refused(result: Result<Permit, Refusal>, code: &str) {
    let refusal = result.expect_err(code);
    assert_eq!(refusal.code(), code, "{refusal}");
    assert!(!refusal.to_string().is_empty() && refusal.remedy().ends_with('.'));
}

#[test]
fn an_authorisation_that_is_not_there_is_missing() {
    assert_eq!(Authorisation::from_param(None), Err(Refusal::Missing));
    assert_eq!(Authorisation::from_param(Some(&json!(null))), Err(Refusal::Missing));
}

#[test]
fn json_of_another_form_is_malformed_and_the_reason_is_short() {
    let good = serde_json::to_value(Case::new().signed()).unwrap();
    let mut bad = vec![json!({}), json!([]), json!("x"), json!({ "x".repeat(100_000): 1 })];
    for (pointer, value) in [
        ("/grant/genesis", json!("0x00")),
        ("/grant/instance/index", json!(-1)),
        ("/grant/owner", json!("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")),
        ("/grant/audience", json!("*")),
        ("/grant/notBefore", json!("1790000000")),
        ("/grant/uses", json!(4_294_967_296u64)),
        ("/signature/scheme", json!("bls")),
        ("/signature/hex", json!("0x00")),
        ("/use/node", json!("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")),
        ("/use/sequence", json!(1.5)),
    ] {
        let mut json = good.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        bad.push(json);
    }
    for pointer in ["", "/grant", "/grant/instance", "/signature", "/use", "/useSignature"] {
        let mut json = good.clone();
        json.pointer_mut(pointer).unwrap()["extra"] = json!(1);
        bad.push(json);
    }
    for json in bad {
        let refusal = Authorisation::from_param(Some(&json)).unwrap_err();
        assert_eq!(refusal.code(), "malformed");
        assert!(refusal.to_string().len() < 400);
    }
}

#[test]
fn a_grant_out_of_its_bounds_is_malformed_however_well_it_is_signed() {
    type Change = fn(&mut Grant);
    let cases: [(Change, Malformed); 14] = [
        (|grant| (grant.attributes, grant.actions) = (vec![], vec![]), Malformed::NoNames),
        (|grant| grant.attributes = (0..64).map(|i| format!("{i:02}")).collect(), Malformed::TooManyNames(65)),
        (|grant| grant.attributes = vec!["*".into()], Malformed::BadName),
        (|grant| grant.actions = vec!["".into()], Malformed::BadName),
        (|grant| grant.actions = vec!["x".repeat(129)], Malformed::BadName),
        (|grant| grant.actions = vec!["a\nb".into()], Malformed::BadName),
        (|grant| grant.attributes.reverse(), Malformed::NotSorted),
        (|grant| grant.actions = vec!["a".into(), "a".into()], Malformed::NotSorted),
        (|grant| grant.expires_at = grant.not_before, Malformed::BadLife),
        (|grant| grant.expires_at = grant.not_before - 1, Malformed::BadLife),
        (|grant| grant.expires_at = grant.not_before + MAX_LIFE + 1, Malformed::BadLife),
        (|grant| grant.expires_at = u64::MAX, Malformed::TooLarge),
        (|grant| grant.uses = Some(0), Malformed::NoUses),
        (|grant| grant.audience = Audience::Any, Malformed::UsesWithoutNode),
    ];
    for (change, expected) in cases {
        let authorisation = Case::new().grant(change).signed();
        assert_eq!(checked(&authorisation, |_| ()), Err(Refusal::Malformed(expected.clone())));
        let json = serde_json::to_value(&authorisation).unwrap();
        assert_eq!(Authorisation::from_param(Some(&json)), Err(Refusal::Malformed(expected)));
    }
    for change in [|usage: &mut Use| usage.sequence = 1 << 53, |usage: &mut Use| usage.issued_at = 1 << 53] {
        let authorisation = Case::new().usage(change).signed();
        assert_eq!(checked(&authorisation, |_| ()), Err(Refusal::Malformed(Malformed::TooLarge)));
    }
    // At the bounds all is well.
    let longest = Case::new().grant(|grant| {
        grant.attributes = (0..63).map(|i| format!("{i:0128}")).chain(["seat".into()]).collect();
        grant.actions = vec![];
        grant.expires_at = grant.not_before + MAX_LIFE;
    });
    checked(&longest.signed(), |ask| ask.action = None).unwrap();
}

#[test]
fn a_grant_is_good_for_its_chain_its_instance_and_its_node() {
    let authorisation = Case::new().signed();
    let (chain, node) = (Hash::zero(), AccountId::new([8; 32]));
    refused(checked(&authorisation, |ask| ask.genesis = &chain), "other-chain");
    refused(checked(&authorisation, |ask| ask.instance.index = 8), "other-instance");
    refused(checked(&authorisation, |ask| ask.node = &node), "other-node");
    // The use names its node too: what was sent to one node is worth nothing at another.
    let any = Case::new().grant(|grant| (grant.audience, grant.uses) = (Audience::Any, None)).signed();
    checked(&any, |_| ()).unwrap();
    refused(checked(&any, |ask| ask.node = &node), "other-node");
    refused(checked(&Case::new().usage(|usage| usage.node = node.clone()).signed(), |_| ()), "other-node");
}

#[test]
fn a_grant_and_a_use_have_their_time() {
    let authorisation = |issued_at| Case::new().usage(|usage| usage.issued_at = issued_at).signed();
    let at = |issued_at, now| checked_after(&authorisation(issued_at), &Known::default(), now, |_| ());
    refused(at(NOW - 61, NOW - 61), "not-yet-valid");
    at(NOW - 60, NOW - 60).unwrap();
    at(NOW + 3599, NOW + 3599).unwrap();
    refused(at(NOW + 3600, NOW + 3600), "expired");
    refused(at(0, u64::MAX), "expired");
    for near in [NOW - MAX_AGE, NOW + MAX_AGE] {
        at(near, NOW).unwrap();
    }
    for far in [0, NOW - MAX_AGE - 1, NOW + MAX_AGE + 1] {
        refused(at(far, NOW), "stale-use");
    }
}

#[test]
fn only_the_present_owner_grants() {
    let authorisation = Case::new().signed();
    refused(checked(&authorisation, |ask| ask.owner = None), "owner-unknown");
    let buyer = Key::ethereum(7).principal();
    refused(checked(&authorisation, |ask| ask.owner = Some(&buyer)), "not-owner");
}

#[test]
fn what_is_not_named_is_not_granted_and_the_names_are_told() {
    let authorisation = Case::new().signed();
    let refusal = checked(&authorisation, |ask| {
        ask.attributes = &["age", "seat", "name"];
        ask.action = Some("leave");
    })
    .unwrap_err();
    assert_eq!(refusal.code(), "not-granted");
    assert_eq!(refusal.to_string(), "the grant does not name the attributes age, name and the action leave");
    // An action is not granted because an attribute of that name is, nor the other way round.
    refused(checked(&authorisation, |ask| ask.action = Some("seat")), "not-granted");
    refused(checked(&authorisation, |ask| ask.attributes = &["enter"]), "not-granted");
    checked(&authorisation, |ask| (ask.attributes, ask.action) = (&["row", "seat"], None)).unwrap();
}

#[test]
fn a_grant_that_is_revoked_or_used_up_is_over_and_a_sequence_number_counts_once() {
    let authorisation = Case::new().signed();
    let after = |known| checked_after(&authorisation, &known, NOW, |_| ());
    let known = Known { sequence: Some(9), uses: 4, revoked: false };
    assert_eq!(after(known).unwrap().known, Known { sequence: Some(10), uses: 5, revoked: false });
    refused(after(Known { revoked: true, ..known }), "revoked");
    refused(after(Known { uses: 5, ..known }), "used-up");
    for last in [10, 11, u64::MAX] {
        refused(after(Known { sequence: Some(last), ..known }), "replayed");
    }
}

#[test]
fn a_use_is_of_one_grant_and_for_one_request() {
    let other = Case::new().grant(|grant| grant.nonce = Hash::zero()).usage;
    refused(checked(&Case::new().usage(|usage| *usage = other).signed(), |_| ()), "other-grant");
    refused(checked(&Case::new().signed(), |ask| ask.request = Hash::zero()), "other-request");
}

#[test]
fn both_signatures_must_be_by_their_keys_over_this_content() {
    for (owner, grantee) in Key::all(1).into_iter().zip(Key::all(2)) {
        let case = Case::of(owner, grantee);
        let good = case.signed();
        let usage = case.usage.on(&case.grant.genesis);

        // By the other key, over the other content, on another chain, of the other kind, without meaning.
        let raw = Signature::Sr25519(sp_core::sr25519::Signature::from_raw([0; 64]));
        let another = Hash::zero();
        for signature in [
            case.grantee.sign(&case.grant),
            case.owner.sign(&usage),
            case.owner.sign(&Grant { genesis: another, ..case.grant.clone() }),
            StatementSignature::Eip712([0; 65]),
            StatementSignature::Substrate(raw.clone()),
        ] {
            refused(checked(&Authorisation { signature, ..good.clone() }, |_| ()), "bad-owner-signature");
        }
        for use_signature in [
            case.owner.sign(&usage),
            case.grantee.sign(&case.grant),
            case.grantee.sign(&case.usage.on(&another)),
            StatementSignature::Eip712([0xff; 65]),
            StatementSignature::Substrate(raw.clone()),
        ] {
            refused(checked(&Authorisation { use_signature, ..good.clone() }, |_| ()), "bad-use-signature");
        }
        // What was signed cannot be changed.
        let mut wider = good.clone();
        wider.grant.uses = Some(u32::MAX);
        wider.usage.grant = wider.grant.id();
        refused(checked(&wider, |_| ()), "bad-owner-signature");
        let mut later = good.clone();
        later.usage.sequence += 1;
        refused(checked(&later, |_| ()), "bad-use-signature");
    }
}

#[test]
fn only_the_present_owner_revokes_and_only_on_this_chain() {
    let (owner, genesis) = (Key::ethereum(1), GENESIS);
    let revocation = Revocation { genesis, instance: INSTANCE, owner: owner.principal(), revoke: Revoked::Before(NOW) };
    let signed = SignedRevocation { signature: owner.sign(&revocation), revocation };
    let code = |signed: &SignedRevocation, genesis: Hash, owner: Option<Principal>| {
        signed.check(&genesis, owner.as_ref()).map_err(|refusal| refusal.code())
    };
    assert_eq!(code(&signed, genesis, Some(owner.principal())), Ok(()));
    assert_eq!(code(&signed, Hash::zero(), Some(owner.principal())), Err("other-chain"));
    assert_eq!(code(&signed, genesis, None), Err("owner-unknown"));
    assert_eq!(code(&signed, genesis, Some(Key::ethereum(2).principal())), Err("not-owner"));
    let mut changed = signed.clone();
    changed.revocation.revoke = Revoked::Before(NOW + 1);
    assert_eq!(code(&changed, genesis, Some(owner.principal())), Err("bad-owner-signature"));
    changed.revocation.revoke = Revoked::Before(u64::MAX);
    assert_eq!(code(&changed, genesis, Some(owner.principal())), Err("malformed"));
    changed.revocation.revoke = Revoked::Grant(Hash::zero());
    assert_eq!(code(&changed, genesis, Some(owner.principal())), Err("bad-owner-signature"));
}

#[test]
fn a_node_remembers_a_bounded_number_of_revocations() {
    let mut all = Revocations::default();
    let grant = Case::new().grant;
    let id = grant.id();
    for i in 0..MAX_REVOKED as u64 {
        assert_eq!(all.add(Revoked::Grant(Hash::from_low_u64_be(i))), Ok(true));
    }
    assert_eq!(all.add(Revoked::Grant(Hash::zero())), Ok(false));
    let refusal = all.add(Revoked::Grant(id)).unwrap_err();
    assert_eq!(refusal.code(), "too-many-revocations");
    assert!(!all.covers(&grant, &id));
    // The way out always works: it takes no room.
    assert_eq!(all.add(Revoked::Before(grant.not_before)), Ok(true));
    assert!(!all.covers(&grant, &id));
    assert_eq!(all.add(Revoked::Before(grant.not_before + 1)), Ok(true));
    assert!(all.covers(&grant, &id));
    // What is revoked stays so.
    assert_eq!(all.add(Revoked::Before(0)), Ok(false));
    assert!(all.covers(&grant, &id));
}
