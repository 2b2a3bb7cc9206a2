//! `smartlayer verify`, as its users run it: offline, with a snapshot of the chain.

use std::{path::Path, process::Command};

use serde_json::{json, Value};
use smartlayer_answer_proof::{SavedAnswer, Snapshot, TakenAt};
use smartlayer_api_types::x402::SettlementResponse;
use smartlayer_chain_client::Keypair;
use smartlayer_primitives::{
    payload::blake2_256,
    promise::call_hash,
    receipt::{Receipt, SignedReceipt},
    AccountId, Hash,
};

const GENESIS: Hash = Hash::repeat_byte(1);
const REQUEST: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"token_attributes","params":{"instance":{"tokenType":0,"index":7}}}"#;
const ANSWER: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"instance":{"tokenType":0,"index":7},"attributes":{"seat":"12A"}}}"#;

/// A call and the chain's snapshot, as files.
fn folder() -> tempfile::TempDir {
    let key = Keypair::from_seed(&[3; 32]);
    let node = AccountId::from([7; 32]);
    let receipt = Receipt {
        node: node.clone(),
        session: Hash::repeat_byte(3),
        charged: 500,
        cumulative: 1500,
        request_hash: call_hash(REQUEST.as_bytes()),
        result_hash: blake2_256(ANSWER.as_bytes()),
        operation: None,
    };
    let signed = SignedReceipt { signature: key.sign_payload(&receipt, &GENESIS), receipt };
    let response = SettlementResponse::settled(&GENESIS, AccountId::from([9; 32]), &signed);
    let saved = SavedAnswer::new(REQUEST.into(), ANSWER.into(), response);
    let block = TakenAt { number: 50, hash: Hash::repeat_byte(4) };
    let snapshot = Snapshot::new(GENESIS, block, &[], [(node, key.account())]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("answer.json"), serde_json::to_vec_pretty(&saved).unwrap()).unwrap();
    std::fs::write(folder.path().join("chain.json"), serde_json::to_vec_pretty(&snapshot).unwrap()).unwrap();
    folder
}

fn smartlayer(folder: &Path, arguments: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smartlayer"));
    // An address where nobody answers: what is offline stays so.
    let output =
        command.current_dir(folder).args(["--chain", "ws://127.0.0.1:1"]).args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

const VERIFY: [&str; 4] = ["verify", "answer.json", "--snapshot", "chain.json"];

#[test]
fn an_answer_that_holds_is_said_to_hold_offline() {
    let folder = folder();
    let (text, errors, code) = smartlayer(folder.path(), &VERIFY);
    assert_eq!(code, 0, "{text}{errors}");
    for line in
        ["signature  holds  signed by node", "charged    holds  500 planck", "Everything that is claimed holds."]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (json, _, code) = smartlayer(folder.path(), &[&VERIFY[..], &["--json"]].concat());
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &value["holds"]), (0, &json!(true)));
    let claims: Vec<_> = value["findings"].as_array().unwrap().iter().map(|f| f["claim"].as_str().unwrap()).collect();
    assert_eq!(claims, ["snapshot", "chain", "charged", "request", "answer", "signature", "operation", "blocks"]);
}

#[test]
fn a_changed_byte_is_said_and_fails() {
    for (file, from, to, code) in [
        ("answer.json", "12A", "12B", "other-answer"),
        ("answer.json", "token_attributes", "token_describe__", "other-request"),
        ("answer.json", "\"cumulative\": \"1500\"", "\"cumulative\": \"1400\"", "bad-signature"),
        ("chain.json", "0x0101010101", "0x0101010102", "other-chain"),
    ] {
        let folder = folder();
        let path = folder.path().join(file);
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(content.contains(from), "{from}: {content}");
        std::fs::write(&path, content.replacen(from, to, 1)).unwrap();
        let (text, _, exit) = smartlayer(folder.path(), &[&VERIFY[..], &["--json"]].concat());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((exit, &value["holds"]), (1, &json!(false)), "{code}");
        assert!(value["findings"].as_array().unwrap().iter().any(|f| f["code"] == code), "{code}: {text}");
        let (text, _, exit) = smartlayer(folder.path(), &VERIFY);
        assert!(exit == 1 && text.contains("FAILS") && text.contains("does not hold"), "{text}");
    }
}

#[test]
fn what_is_no_such_file_is_said() {
    let folder = folder();
    for (arguments, words) in [
        (["verify", "nothing.json", "--snapshot", "chain.json"], "cannot read nothing.json"),
        (["verify", "chain.json", "--snapshot", "chain.json"], "chain.json is not a saved answer"),
        (["verify", "answer.json", "--snapshot", "answer.json"], "answer.json is not a snapshot"),
    ] {
        let (_, errors, code) = smartlayer(folder.path(), &arguments);
        assert!(code == 1 && errors.contains(words), "{words}: {errors}");
    }
    // Without a snapshot the chain is asked, and there is none.
    let (_, errors, code) = smartlayer(folder.path(), &["verify", "answer.json"]);
    assert!(code == 1 && errors.contains("error"), "{errors}");
}
