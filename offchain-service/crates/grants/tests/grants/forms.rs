//! Both forms of signing, JSON, SCALE and the schema.

use alloy_dyn_abi::TypedData;
use alloy_primitives::{keccak256, B256};
use codec::{Decode, Encode};
use smartlayer_grants::{typed_data::*, *};
use smartlayer_primitives::{payload::blake2_256, Hash, InstanceId};

use crate::common::*;

fn revocations(grant: &Grant) -> [Revocation; 2] {
    let of = |revoke| Revocation { genesis: GENESIS, instance: INSTANCE, owner: grant.owner.clone(), revoke };
    [of(Revoked::Grant(grant.id())), of(Revoked::Before(NOW))]
}

#[test]
fn keys_of_every_kind_grant_to_keys_of_every_kind() {
    for owner in Key::all(1) {
        for grantee in Key::all(2) {
            let authorisation = Case::of(owner.clone(), grantee).signed();
            let permit = checked(&authorisation, |_| ()).unwrap();
            assert_eq!(permit.grant, authorisation.grant.id());
            assert_eq!(permit.grantee, authorisation.grant.grantee);
            assert_eq!(permit.known, Known { sequence: Some(10), uses: 1, revoked: false });
            assert_eq!(permit.until, authorisation.grant.expires_at);
        }
    }
}

/// Browser extensions sign raw bytes between tags.
#[test]
fn wrapped_bytes_are_good_and_wrapped_twice_or_by_half_are_not() {
    for (owner, grantee) in Key::all(1).into_iter().zip(Key::all(2)).take(3) {
        let case = Case::of(owner, grantee);
        let wrap = |bytes: &[u8], before: &str, after: &str| [before.as_bytes(), bytes, after.as_bytes()].concat();
        let sign = |key: &Key, payload: Vec<u8>, before: &str, after: &str| {
            key.sign_bytes(&wrap(&payload, before, after), &[0; 32])
        };
        let mut authorisation = case.signed();
        authorisation.signature = sign(&case.owner, case.grant.signing_payload(), "<Bytes>", "</Bytes>");
        let payload = case.usage.on(&case.grant.genesis).signing_payload();
        authorisation.use_signature = sign(&case.grantee, payload.clone(), "<Bytes>", "</Bytes>");
        checked(&authorisation, |_| ()).unwrap();
        for (before, after) in [("<Bytes>", ""), ("", "</Bytes>"), ("<Bytes><Bytes>", "</Bytes></Bytes>")] {
            authorisation.use_signature = sign(&case.grantee, payload.clone(), before, after);
            assert_eq!(checked(&authorisation, |_| ()).unwrap_err().code(), "bad-use-signature");
        }
    }
}

#[test]
fn the_signing_payload_is_the_domain_and_the_scale_form() {
    let case = Case::new();
    let expected = [b"smartlayer/grant/1", &case.grant.encode()[..]].concat();
    assert_eq!(case.grant.signing_payload(), expected);
    assert_eq!(case.grant.id(), blake2_256(&expected));

    let expected = [&b"smartlayer/grant-use/1"[..], GENESIS.as_bytes(), &case.usage.encode()].concat();
    assert_eq!(case.usage.on(&GENESIS).signing_payload(), expected);
    for revocation in revocations(&case.grant) {
        let expected = [&b"smartlayer/grant-revocation/1"[..], &revocation.encode()].concat();
        assert_eq!(revocation.signing_payload(), expected);
    }
}

/// EIP-712's encoding, word by word from the published type strings.
pub mod by_hand {
    use super::*;

    pub fn word(number: u64) -> B256 {
        let mut word = B256::ZERO;
        word[24..].copy_from_slice(&number.to_be_bytes());
        word
    }

    pub fn hash(words: &[B256]) -> B256 {
        keccak256(words.iter().flat_map(|word| word.0).collect::<Vec<u8>>())
    }

    pub fn text(text: impl ToString) -> B256 {
        keccak256(text.to_string())
    }

    pub fn texts(items: &[String]) -> B256 {
        hash(&items.iter().map(text).collect::<Vec<_>>())
    }

    pub fn bytes32(hash: Hash) -> B256 {
        hash.to_fixed_bytes().into()
    }

    pub fn instance() -> B256 {
        instance_of(INSTANCE)
    }

    pub fn instance_of(id: InstanceId) -> B256 {
        let (kind, index) = (id.token_type.into(), id.index.into());
        hash(&[text("Instance(uint32 tokenType,uint32 index)"), word(kind), word(index)])
    }

    pub fn digest(message: &[B256]) -> [u8; 32] {
        let domain = hash(&[text(DOMAIN_TYPE), text("Smart Layer"), text("1"), bytes32(GENESIS)]);
        keccak256([&[0x19, 0x01], &domain[..], &hash(message)[..]].concat()).0
    }
}

#[test]
fn the_digests_are_those_that_eip_712_describes() {
    use by_hand::*;

    let node = "5CGYyLcrWUfBDKExbvRjDQinEoCZWQmD6SjaXBLhny6A2wjE";
    let of = |grant: &Grant, audience: &str, uses: u64| {
        digest(&[
            text(GRANT_TYPE),
            instance(),
            text(&grant.owner),
            text(&grant.grantee),
            text(audience),
            texts(&grant.attributes),
            texts(&grant.actions),
            word(grant.not_before),
            word(grant.expires_at),
            word(uses),
            bytes32(grant.nonce),
        ])
    };
    let case = Case::of(Key::ethereum(1), Key::sr25519(2));
    assert_eq!(Principal::Substrate(NODE).to_string(), node);
    assert_eq!(case.grant.typed_hash(), of(&case.grant, node, 5));
    let any =
        Case::new().grant(|grant| (grant.audience, grant.uses, grant.actions) = (Audience::Any, None, vec![])).grant;
    assert_eq!(any.typed_hash(), of(&any, "any", 0));

    let usage = &case.usage;
    let words = [text(USE_TYPE), bytes32(usage.grant), text(node), word(10), word(NOW), bytes32(usage.request)];
    assert_eq!(usage.on(&GENESIS).typed_hash(), digest(&words));

    let [one, before] = revocations(&case.grant);
    let owner = text(&case.grant.owner);
    assert_eq!(one.typed_hash(), digest(&[text(REVOKE_GRANT_TYPE), instance(), owner, bytes32(case.grant.id())]));
    assert_eq!(before.typed_hash(), digest(&[text(REVOKE_BEFORE_TYPE), instance(), owner, word(NOW)]));
}

/// A wallet knows nothing but the JSON that it is given.
#[test]
fn a_wallet_that_is_given_the_typed_data_signs_what_a_node_checks() {
    fn agrees(statement: &impl Statement) {
        let typed: TypedData = serde_json::from_value(statement.typed_data()).unwrap();
        assert_eq!(typed.eip712_signing_hash().unwrap().0, statement.typed_hash(), "{}", statement.typed_data());
    }
    for owner in Key::all(1) {
        let case = Case::of(owner, Key::ethereum(2));
        agrees(&case.grant);
        agrees(&case.usage.on(&GENESIS));
        revocations(&case.grant).iter().for_each(agrees);
    }
    agrees(&Case::new().grant(|grant| (grant.audience, grant.uses) = (Audience::Any, None)).grant);
}

#[test]
fn grants_of_different_content_have_different_ids_and_digests() {
    type Change = fn(&mut Grant);
    let changes: [Change; 12] = [
        |_| (),
        |grant| grant.genesis = Hash::zero(),
        |grant| grant.instance.index = 8,
        |grant| grant.instance.token_type = 8,
        |grant| grant.owner = Key::sr25519(5).principal(),
        |grant| grant.grantee = Key::sr25519(5).principal(),
        |grant| grant.audience = Audience::Any,
        |grant| grant.attributes = vec!["row".into()],
        // The same names, granted in the other role.
        |grant| std::mem::swap(&mut grant.attributes, &mut grant.actions),
        |grant| grant.not_before += 1,
        |grant| grant.uses = Some(6),
        |grant| grant.nonce = Hash::zero(),
    ];
    let grants: Vec<Grant> = changes.into_iter().map(|change| Case::new().grant(change).grant).collect();
    let count = grants.len();
    let ids: std::collections::BTreeSet<_> = grants.iter().map(|grant| grant.id().0).collect();
    let digests: std::collections::BTreeSet<_> = grants.iter().map(Statement::typed_hash).collect();
    assert_eq!((ids.len(), digests.len()), (count, count));
}

#[test]
fn an_authorisation_is_the_same_after_json_and_after_scale() {
    for (owner, grantee) in Key::all(1).into_iter().zip(Key::all(2)) {
        let authorisation = Case::of(owner, grantee).signed();
        let json = serde_json::to_value(&authorisation).unwrap();
        assert_eq!(Authorisation::from_param(Some(&json)), Ok(authorisation.clone()));
        assert_eq!(Authorisation::decode(&mut &authorisation.encode()[..]), Ok(authorisation));
    }
    let authorisation = Case::new().grant(|grant| (grant.audience, grant.uses) = (Audience::Any, None)).signed();
    let json = serde_json::to_value(&authorisation).unwrap();
    assert_eq!(json["grant"]["audience"], "any");
    assert_eq!(Authorisation::from_param(Some(&json)), Ok(authorisation));
    for revocation in revocations(&Case::new().grant) {
        let signed = SignedRevocation { signature: Key::sr25519(1).sign(&revocation), revocation };
        let json = serde_json::to_value(&signed).unwrap();
        assert_eq!(serde_json::from_value::<SignedRevocation>(json).unwrap(), signed);
        assert_eq!(SignedRevocation::decode(&mut &signed.encode()[..]), Ok(signed));
    }
}

/// The schema names exactly the members that are read.
#[test]
fn the_schemas_have_the_members_of_the_json() {
    fn compare(schema: &serde_json::Value, json: &serde_json::Value) {
        let Some(members) = json.as_object() else { return };
        if let Some(ways) = schema["oneOf"].as_array() {
            let way = ways.iter().find(|way| members.keys().all(|name| way["properties"].get(name).is_some()));
            return compare(way.unwrap(), json);
        }
        assert_eq!(schema["additionalProperties"], false);
        let known = schema["properties"].as_object().unwrap();
        assert_eq!(known.keys().collect::<Vec<_>>(), members.keys().collect::<Vec<_>>());
        members.iter().for_each(|(name, json)| compare(&known[name], json));
    }
    compare(&authorisation_schema(), &serde_json::to_value(Case::new().signed()).unwrap());
    for revocation in revocations(&Case::new().grant) {
        let signed = SignedRevocation { signature: Key::sr25519(1).sign(&revocation), revocation };
        compare(&revocation_schema(), &serde_json::to_value(&signed).unwrap());
    }
}
