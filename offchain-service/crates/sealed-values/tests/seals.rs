//! Sealed values, as an issuer, nodes and strangers meet them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use smartlayer_primitives::{payload::Payload, Hash, InstanceId, Signature};
use smartlayer_sealed_values::*;
use sp_core::{sr25519, Pair};
use zeroize::Zeroizing;

const GENESIS: Hash = Hash::repeat_byte(1);
const SEAT: InstanceId = InstanceId { token_type: 0, index: 7 };
const OTHER: InstanceId = InstanceId { token_type: 0, index: 8 };

fn key(secret: u8, instance: InstanceId) -> InstanceKey {
    InstanceKey::derive(&[secret; 32], &GENESIS, instance)
}

#[test]
fn every_instance_issuer_and_chain_has_a_key_of_its_own() {
    let all = [key(1, SEAT), key(1, OTHER), key(2, SEAT), InstanceKey::derive(&[1; 32], &Hash::repeat_byte(2), SEAT)];
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(a.id() == b.id(), i == j);
        }
    }
    assert_eq!(key(1, SEAT).id(), all[0].id());
    assert_eq!(format!("{:?}", all[0]), format!("InstanceKey({})", all[0].id()));
}

#[test]
fn a_sealed_value_opens_under_its_name_in_its_instance_with_its_key() {
    let sealed = key(1, SEAT).seal(SEAT, "holder", "Ada").unwrap();
    assert!(is_sealed(&sealed) && key_of(&sealed) == Some(key(1, SEAT).id()));
    assert_eq!(key(1, SEAT).open(SEAT, "holder", &sealed).as_deref(), Some("Ada"));
    assert_eq!(key(1, SEAT).open(SEAT, "gate", &sealed), None);
    assert_eq!(key(1, SEAT).open(OTHER, "holder", &sealed), None);
    assert_eq!(key(2, SEAT).open(SEAT, "holder", &sealed), None);
    // The same value twice can't be told to be the same.
    assert_ne!(key(1, SEAT).seal(SEAT, "holder", "Ada").unwrap(), sealed);
}

/// The value in docs/integrate/private-values.md: clients in other languages go by it.
#[test]
fn what_is_published_opens() {
    let sealed =
        "sealed:1:b78e7770c84361fb:BdYDJ9G0j5eZFA2Y7xsxFfz0QqOQk0vFNwKH4kCI3MFX_pykV0o0IMxis9eGl0zG68jC43p92brTKujEKHnYkBz6Hyipq2sX";
    assert_eq!(key(1, SEAT).open(SEAT, "holder", sealed).as_deref(), Some("Ada Lovelace"));
}

#[test]
fn lengths_tell_little() {
    let length = |value: &str| key(1, SEAT).seal(SEAT, "holder", value).unwrap().len();
    assert_eq!(length(""), length(&"x".repeat(31)));
    assert_eq!(length(&"x".repeat(32)), length(&"x".repeat(63)));
    assert!(length(&"x".repeat(31)) < length(&"x".repeat(32)));
}

#[test]
fn what_nodes_have_to_read_is_not_sealed() {
    for name in ["token.owner", "access.owner", "issue.from", "operations.redeem"] {
        let sealed = key(1, SEAT).seal(SEAT, name, "x");
        assert_eq!(sealed, Err(CannotSeal::Reserved(name.into())));
    }
    for name in ["", "a,b"] {
        assert_eq!(key(1, SEAT).seal(SEAT, name, "x"), Err(CannotSeal::Name(name.into())));
    }
    assert!(key(1, SEAT).seal(SEAT, "tokens", "x").is_ok());
}

#[test]
fn values_are_opened_as_far_as_there_are_keys() {
    let (ours, theirs) = (key(1, SEAT), key(2, SEAT));
    let mut values: BTreeMap<String, String> = [
        ("gate".into(), "C3".into()),
        ("holder".into(), ours.seal(SEAT, "holder", "Ada").unwrap()),
        ("diet".into(), theirs.seal(SEAT, "diet", "none").unwrap()),
        ("broken".into(), format!("{PREFIX}{}:AAAA", ours.id())),
        ("odd".into(), PREFIX.into()),
        // Nobody can make a node read a reserved name differently from the others.
        ("token.owner".into(), ours.seal(SEAT, "owner", "5F").unwrap()),
    ]
    .into();
    let opened = open_values(&mut values, SEAT, |id| (id == ours.id()).then(|| ours.clone()));
    let names = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&opened.sealed), "broken diet holder odd token.owner");
    assert_eq!(names(&opened.locked), "broken diet odd token.owner");
    let left: BTreeMap<String, String> = [("gate".into(), "C3".into()), ("holder".into(), "Ada".into())].into();
    assert_eq!(values, left);
}

#[test]
fn a_key_reaches_the_node_that_it_was_sealed_to_and_nobody_else() {
    let (node, stranger) = (Receiver::derive(&[3; 32]), Receiver::derive(&[4; 32]));
    let handed = hand_over(&key(1, SEAT), &GENESIS, SEAT, &node.public_key()).unwrap();
    assert_eq!(handed.len(), HANDED_BYTES);
    assert_eq!(node.open(&GENESIS, SEAT, &handed).unwrap().id(), key(1, SEAT).id());
    assert_eq!(stranger.open(&GENESIS, SEAT, &handed).unwrap_err(), NotForThisNode);
    assert_eq!(node.open(&GENESIS, OTHER, &handed).unwrap_err(), NotForThisNode);
    assert_eq!(node.open(&Hash::zero(), SEAT, &handed).unwrap_err(), NotForThisNode);
    for at in 0..handed.len() {
        let mut bent = handed.clone();
        bent[at] ^= 1;
        assert!(node.open(&GENESIS, SEAT, &bent).is_err(), "{at}");
        assert!(node.open(&GENESIS, SEAT, &handed[..at]).is_err(), "{at}");
    }
    assert_eq!(hand_over(&key(1, SEAT), &GENESIS, SEAT, &[0; 32]), Err(BadOffer));
}

#[test]
fn an_offer_is_the_nodes_or_nothing_is_handed_over() {
    let service = sr25519::Pair::from_seed(&[5; 32]);
    let account = |pair: &sr25519::Pair| pair.public().into();
    let offer = KeyOffer { node: account(&service), public_key: Receiver::derive(&[3; 32]).public_key() };
    let signature = Signature::Sr25519(service.sign(&offer.signing_payload(&GENESIS)));
    let signed = SignedKeyOffer { offer, signature };
    assert!(signed.hand_over(&key(1, SEAT), &GENESIS, SEAT, &account(&service)).is_ok());
    let stranger = account(&sr25519::Pair::from_seed(&[6; 32]));
    assert_eq!(signed.hand_over(&key(1, SEAT), &GENESIS, SEAT, &stranger), Err(BadOffer));
    assert!(!signed.verify(&Hash::zero(), &account(&service)));
    let mut bent = signed.clone();
    bent.offer.public_key = Receiver::derive(&[4; 32]).public_key();
    assert!(!bent.verify(&GENESIS, &account(&service)));
}

#[test]
fn a_wrapped_key_needs_its_secret_and_its_instance() {
    let wrapping = WrappingKey::new(Zeroizing::new([9; 32]));
    let wrapped = wrapping.wrap(SEAT, &key(1, SEAT));
    assert_eq!(wrapping.unwrap(SEAT, &wrapped).unwrap().id(), key(1, SEAT).id());
    assert!(wrapping.unwrap(OTHER, &wrapped).is_none());
    assert!(WrappingKey::new(Zeroizing::new([8; 32])).unwrap(SEAT, &wrapped).is_none());
    assert!(wrapping.unwrap(SEAT, &wrapped[1..]).is_none());
}

proptest! {
    /// Any text comes back as it was, and no change of the seal goes unnoticed.
    #[test]
    fn texts_come_back_as_they_were(value in ".{0,200}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_:-]") {
        let sealed = key(1, SEAT).seal(SEAT, "holder", &value).unwrap();
        prop_assert_eq!(key(1, SEAT).open(SEAT, "holder", &sealed), Some(value));
        let at = at.index(sealed.len());
        let bent = format!("{}{to}{}", &sealed[..at], &sealed[at + 1..]);
        if bent != sealed {
            prop_assert_eq!(key(1, SEAT).open(SEAT, "holder", &bent), None);
        }
    }

    /// Nothing that a stranger writes opens, or panics.
    #[test]
    fn any_text_is_refused(text in "(sealed:1:)?([0-9a-f]{16}:)?.{0,80}") {
        prop_assert_eq!(key(1, SEAT).open(SEAT, "holder", &text), None);
    }
}
