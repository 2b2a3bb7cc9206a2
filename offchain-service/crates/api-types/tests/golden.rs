//! The JSON that travels, to the byte: a change here changes what other programs must send.

use serde_json::{json, Value};
use smartlayer_api_types::{
    error::ErrorCode,
    rpc::{self, AnchorProof, Outcome, Request, Response},
    x402::{self, PaymentPayload, PaymentRequired, Resource, SessionTerms, SettlementResponse},
    Amount, HexBytes, Instance, SignatureJson,
};
use smartlayer_primitives::{
    payload::Payload,
    promise::{Promise, SignedPromise, TickCommitment},
    receipt::{Receipt, SignedReceipt},
    AccountId, Hash, Signature,
};
use sp_core::{sr25519, Pair};

const NODE: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

fn pair() -> sr25519::Pair {
    sr25519::Pair::from_seed(&[7; 32])
}

fn genesis() -> Hash {
    Hash::repeat_byte(0xab)
}

fn signed_promise() -> SignedPromise {
    let promise = Promise {
        session: Hash::repeat_byte(1),
        cumulative: 3_000_000_000,
        call_hash: Hash::repeat_byte(2),
        ticks: Some(TickCommitment { root: Hash::repeat_byte(3), unit: 5, length: 10 }),
    };
    let signature = Signature::Sr25519(pair().sign(&promise.signing_payload(&genesis())));
    SignedPromise { promise, signature }
}

fn terms() -> SessionTerms {
    SessionTerms {
        genesis: genesis(),
        node: NODE.parse().unwrap(),
        service_key: AccountId::new(pair().public().0),
        promise_domain: Promise::DOMAIN.into(),
        min_deposit: Amount(1_000),
        session_state: None,
    }
}

#[test]
fn payment_required_is_this_json() {
    let required = PaymentRequired {
        x402_version: 2,
        error: Some(ErrorCode::PaymentRequired.name().into()),
        resource: Resource {
            url: "http://node.example/#token_attributes".into(),
            description: None,
            mime_type: Some("application/json".into()),
        },
        accepts: vec![x402::offer(&terms(), 1_000_000_000, 30)],
        extensions: None,
    };
    let expected = json!({
        "x402Version": 2,
        "error": "payment_required",
        "resource": {"url": "http://node.example/#token_attributes", "mimeType": "application/json"},
        "accepts": [{
            "scheme": "batch-settlement",
            "network": "polkadot:abababababababababababababababab",
            "amount": "1000000000",
            "asset": "SLT",
            "payTo": NODE,
            "maxTimeoutSeconds": 30,
            "extra": {
                "genesis": format!("{:?}", genesis()),
                "node": NODE,
                "serviceKey": AccountId::new(pair().public().0).to_string(),
                "promiseDomain": "smartlayer/promise/1",
                "minDeposit": "1000",
            },
        }],
    });
    assert_eq!(serde_json::to_value(&required).unwrap(), expected);
    let back: PaymentRequired = x402::decode_header(x402::encode_header(&required).as_bytes()).unwrap();
    assert_eq!(back, required);
    let offer = back.offer(&genesis()).unwrap();
    assert_eq!(offer.terms().unwrap(), terms());
    assert!(back.offer(&Hash::zero()).is_none());
}

#[test]
fn a_payment_round_trips_and_still_verifies() {
    let promise = signed_promise();
    let payment = PaymentPayload::new(&x402::offer(&terms(), 5, 30), &promise);
    let value = serde_json::to_value(&payment).unwrap();
    assert_eq!(value["payload"]["cumulative"], "3000000000");
    assert_eq!(value["payload"]["callHash"], format!("0x{}", "02".repeat(32)));
    assert_eq!(value["payload"]["signature"]["scheme"], "sr25519");
    assert_eq!(value["payload"]["ticks"], json!({"root": format!("0x{}", "03".repeat(32)), "unit": "5", "length": 10}));
    assert_eq!(value["accepted"]["payTo"], NODE);
    let back: PaymentPayload = x402::decode_header(x402::encode_header(&payment).as_bytes()).unwrap();
    let again = SignedPromise::try_from(&back.payload).unwrap();
    assert_eq!(again, promise);
    assert!(again.verify(&genesis(), &AccountId::new(pair().public().0)));
}

#[test]
fn a_receipt_round_trips_and_still_verifies() {
    let receipt = Receipt {
        node: NODE.parse().unwrap(),
        session: Hash::repeat_byte(1),
        charged: 5,
        cumulative: 10,
        request_hash: Hash::repeat_byte(2),
        result_hash: Hash::repeat_byte(4),
        operation: None,
    };
    let signature = Signature::Sr25519(pair().sign(&receipt.signing_payload(&genesis())));
    let signed = SignedReceipt { receipt, signature };
    let response = SettlementResponse::settled(&genesis(), NODE.parse().unwrap(), &signed);
    let back: SettlementResponse = x402::decode_header(x402::encode_header(&response).as_bytes()).unwrap();
    assert_eq!(back, response);
    let extra = back.extra.unwrap();
    assert_eq!(extra.charged_amount, Amount(5));
    let again = SignedReceipt::try_from(&extra.receipt).unwrap();
    assert!(again.verify(&genesis(), &AccountId::new(pair().public().0)));
    let rejected = serde_json::to_value(SettlementResponse::rejected(&genesis(), ErrorCode::OverDeposit)).unwrap();
    assert_eq!(rejected["errorReason"], "over_deposit");
    assert_eq!(rejected["success"], false);
}

#[test]
fn hostile_headers_are_refused() {
    let payment = PaymentPayload::new(&x402::offer(&terms(), 5, 30), &signed_promise());
    let refused = |value: Value| x402::decode_header::<PaymentPayload>(x402::encode_header(&value).as_bytes()).is_err();
    let good = serde_json::to_value(&payment).unwrap();
    assert!(!refused(good.clone()));
    for (path, value) in [
        ("/payload/cumulative", json!(5)),
        ("/payload/cumulative", json!("-5")),
        ("/payload/session", json!("0x01")),
        ("/payload/signature/scheme", json!("rsa")),
        ("/payload/signature/hex", json!("zz")),
        ("/payload", json!(null)),
        ("/x402Version", json!("2")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        assert!(refused(bad), "{path}");
    }
    let mut unknown = good;
    unknown["payload"]["tip"] = json!("5");
    assert!(refused(unknown));
    assert!(x402::decode_header::<PaymentPayload>(b"!!").is_err());
    assert!(x402::decode_header::<PaymentPayload>(&vec![b'A'; x402::MAX_HEADER_BYTES + 1]).is_err());
}

#[test]
fn requests_and_answers_are_this_json() {
    let instance = Instance { token_type: 1, index: 7 };
    let call = rpc::TokenCall {
        instance,
        action: "redeem".into(),
        inputs: Default::default(),
        reading: Default::default(),
        authorisation: None,
    };
    let request = Request::new(1, rpc::method::TOKEN_CALL, call);
    let expected = json!({"jsonrpc": "2.0", "id": 1, "method": "token_call",
        "params": {"instance": {"tokenType": 1, "index": 7}, "action": "redeem"}});
    assert_eq!(serde_json::to_value(&request).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Request<rpc::TokenCall>>(expected).unwrap(), request);

    let proof: AnchorProof =
        serde_json::from_value(json!({"of": "operation", "instance": {"tokenType": 1, "index": 7}, "kind": 0}))
            .unwrap();
    assert_eq!(proof, AnchorProof::Operation { instance, kind: 0, period: None, hash: None });
    assert_eq!(
        serde_json::to_value(AnchorProof::Report { period: 3, node: NODE.parse().unwrap() }).unwrap(),
        json!({"of": "report", "period": 3, "node": NODE})
    );

    let answer: Response<u32> = serde_json::from_value(json!({"jsonrpc": "2.0", "id": 1, "result": 5})).unwrap();
    assert_eq!(answer.outcome, Outcome::Result(5));
    let failed: Response<u32> = serde_json::from_value(
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": 4047, "message": "no", "data": {"selection": "used"}}}),
    )
    .unwrap();
    let Outcome::Error(error) = failed.outcome else { panic!("an error") };
    assert_eq!(error.known().unwrap().code, ErrorCode::SelectionDenies);

    assert!(serde_json::from_value::<rpc::TokenAttributes>(
        json!({"instance": {"tokenType": 1, "index": 7}, "name": "typo"})
    )
    .is_err());
    let place = rpc::PlaceInstance {
        state: HexBytes(vec![1]),
        script: HexBytes(vec![2]),
        valid_until: 9,
        signature: SignatureJson::from(&signed_promise().signature),
    };
    let value = serde_json::to_value(&place).unwrap();
    assert_eq!((value["state"].clone(), value["validUntil"].clone()), (json!("0x01"), json!(9)));
}
