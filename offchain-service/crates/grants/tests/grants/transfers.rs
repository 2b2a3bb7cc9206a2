//! Orders to exchange an instance: who may give them, until when, and in which forms.

use alloy_dyn_abi::TypedData;
use codec::{Decode, Encode};
use serde_json::Value;
use smartlayer_grants::{typed_data::TRANSFER_TYPE, *};
use smartlayer_primitives::{receipt::Owner, Hash, InstanceId};

use crate::{common::*, forms::by_hand};

const ISSUED: InstanceId = InstanceId { token_type: 4, index: 8 };

fn order(owner: &Key) -> TransferOrder {
    TransferOrder {
        genesis: GENESIS,
        source: INSTANCE,
        issued: ISSUED,
        owner: owner.principal(),
        to: Key::ethereum(2).principal(),
        valid_until: NOW + 60,
        nonce: Hash::repeat_byte(3),
    }
}

fn signed(owner: &Key, change: impl FnOnce(&mut TransferOrder)) -> SignedTransfer {
    let mut order = order(owner);
    change(&mut order);
    SignedTransfer { signature: owner.sign(&order), order }
}

fn checked(signed: &SignedTransfer) -> Result<(), Refusal> {
    signed.check(&GENESIS, INSTANCE, Some(&signed.order.owner), NOW)
}

#[test]
fn an_owner_with_a_key_of_any_kind_gives_orders() {
    for owner in Key::all(1) {
        let signed = signed(&owner, |_| ());
        assert_eq!((checked(&signed), signed.signed()), (Ok(()), Ok(())));
        let json = serde_json::to_value(&signed).unwrap();
        assert_eq!(SignedTransfer::from_params(&json["order"], &json["signature"]), Ok(signed.clone()));
        assert_eq!(SignedTransfer::decode(&mut &signed.encode()[..]), Ok(signed.clone()));
        let known = |schema: &Value, json: &Value| {
            let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(members(&schema["properties"]), members(json));
        };
        let schema = transfer_schema();
        known(&schema, &json);
        known(&schema["properties"]["order"], &json["order"]);
    }
}

#[test]
fn an_order_is_for_one_chain_one_instance_its_owner_and_a_time() {
    let owner = Key::sr25519(1);
    let refusal = |change: fn(&mut TransferOrder)| checked(&signed(&owner, change)).unwrap_err().code();
    assert_eq!(refusal(|order| order.genesis = Hash::zero()), "other-chain");
    assert_eq!(refusal(|order| order.source.index = 9), "other-instance");
    assert_eq!(refusal(|order| order.issued = order.source), "malformed");
    assert_eq!(refusal(|order| order.valid_until = NOW), "expired");
    assert_eq!(refusal(|order| order.valid_until = 0), "expired");
    assert_eq!(refusal(|order| order.valid_until = NOW + MAX_ORDER_LIFE + 1), "malformed");
    assert_eq!(refusal(|order| order.valid_until = u64::MAX), "malformed");

    let good = signed(&owner, |order| order.valid_until = NOW + MAX_ORDER_LIFE);
    assert_eq!(checked(&good), Ok(()));
    let stranger = Key::sr25519(5);
    let of = |owner: Option<&Principal>| good.check(&GENESIS, INSTANCE, owner, NOW).unwrap_err().code();
    assert_eq!(of(None), "owner-unknown");
    assert_eq!(of(Some(&stranger.principal())), "not-owner");
    let forged = SignedTransfer { signature: stranger.sign(&good.order), ..good.clone() };
    assert_eq!(checked(&forged).unwrap_err().code(), "bad-owner-signature");
}

/// Whoever sees a signed order can change nothing in it.
#[test]
fn every_field_is_signed_in_both_forms() {
    type Change = fn(&mut TransferOrder);
    let changes: [Change; 9] = [
        |order| order.genesis = Hash::zero(),
        |order| order.source.index = 9,
        |order| order.source.token_type = 9,
        |order| order.issued.index = 9,
        |order| order.issued.token_type = 9,
        |order| std::mem::swap(&mut order.source, &mut order.issued),
        |order| order.to = Key::sr25519(9).principal(),
        |order| order.valid_until += 1,
        |order| order.nonce = Hash::zero(),
    ];
    for owner in Key::all(1) {
        for change in changes {
            let mut changed = signed(&owner, |_| ());
            change(&mut changed.order);
            assert_eq!(changed.signed().unwrap_err().code(), "bad-owner-signature");
        }
    }
    let other = TransferOrder { owner: Key::ethereum(7).principal(), ..order(&Key::ethereum(1)) };
    assert_ne!(other.typed_hash(), order(&Key::ethereum(1)).typed_hash());
}

#[test]
fn the_forms_are_the_published_ones() {
    use by_hand::{bytes32, digest, instance, instance_of, text, word};
    let order = order(&Key::ethereum(1));
    assert_eq!(order.signing_payload(), [b"smartlayer/transfer/1", &order.encode()[..]].concat());
    let words = [
        text(TRANSFER_TYPE),
        instance(),
        instance_of(ISSUED),
        text(&order.owner),
        text(&order.to),
        word(order.valid_until),
        bytes32(order.nonce),
    ];
    assert_eq!(order.typed_hash(), digest(&words));
    let typed: TypedData = serde_json::from_value(order.typed_data()).unwrap();
    assert_eq!(typed.eip712_signing_hash().unwrap().0, order.typed_hash());
}

#[test]
fn nonsense_is_no_order() {
    let good = serde_json::to_value(signed(&Key::sr25519(1), |_| ())).unwrap();
    let mut extra = good["order"].clone();
    extra["more"] = 1.into();
    for order in [&Value::Null, &extra, &good] {
        let refusal = SignedTransfer::from_params(order, &good["signature"]).unwrap_err();
        assert_eq!(refusal.code(), "malformed");
    }
    assert_eq!(SignedTransfer::from_params(&good["order"], &Value::Null).unwrap_err().code(), "malformed");
}

#[test]
fn owners_are_the_same_in_orders_and_in_records() {
    for key in Key::all(1) {
        assert_eq!(Principal::from(Owner::from(key.principal())), key.principal());
    }
}
