//! The example's token script: what it says, and that a real EVM answers what it asks.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, U256};
use serde_json::{json, Value as Json};
use smartlayer_token_script::{
    parse, ActionError, AttributeError, CallError, Context, Evaluation, Limits, Step, TokenScript, Value, Values,
};

const CONTRACT: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const DEPARTS: u64 = 1_798_800_000;

fn example(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../examples/flight-ticket").join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn script() -> TokenScript {
    parse(&example("flight-ticket.tsml"), &Limits::default()).unwrap()
}

fn context(token_id: u64, redeemed: &str) -> Context {
    let values: Json = serde_json::from_slice(&example("values.json")).unwrap();
    let instances = values["instances"].as_array().unwrap();
    let instance = instances.iter().find(|i| i["tokenId"].as_str() == Some(&token_id.to_string()));
    let mut values: BTreeMap<String, String> =
        instance.map(|i| serde_json::from_value(i["values"].clone()).unwrap()).unwrap_or_default();
    values.insert("operations.redeem".into(), redeemed.into());
    Context { token_id: U256::from(token_id), values, ..Context::default() }
}

fn run(mut evaluation: Evaluation<'_>, mut call: impl FnMut(&[u8]) -> Result<Vec<u8>, CallError>) -> Values {
    loop {
        match evaluation.step() {
            Step::Done(values) => return values,
            Step::Need(requests) => requests.calls.into_iter().for_each(|request| {
                assert_eq!((request.chain_id, request.to.to_checksum(None)), (31337, CONTRACT.into()));
                let result = call(&request.data);
                evaluation.supply(request, result);
            }),
        }
    }
}

#[test]
fn the_script_is_served_whole() {
    let script = script();
    assert_eq!(script.problems, []);
    assert_eq!(script.labels.text("de-CH"), Some("Flugschein"));
    let names: Vec<_> = script.attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["holder", "flight", "seat", "departure", "class", "gate", "redeemed"]);
    let parameters = script.parameters_schema("handOver").unwrap();
    assert_eq!(parameters["required"], json!(["to"]));
    assert_eq!(parameters["properties"]["to"]["pattern"], "^0x[0-9a-fA-F]{40}$");
    assert_eq!(script.parameters_schema("redeem").unwrap()["properties"], json!({}));
    // All that the contract knows is asked for at once.
    assert_eq!(script.plan(names, &context(1, "0")).len(), 4);
}

#[test]
fn redeem_is_for_boardable_tickets_only() {
    let script = script();
    let departs = |when: u64| move |_: &[u8]| Ok(U256::from(when).to_be_bytes::<32>().to_vec());
    let check = |when, redeemed| {
        let context = context(1, redeemed);
        let values = run(script.evaluate_action("redeem", &Default::default(), &context).unwrap(), departs(when));
        script.check_action("redeem", &context, &values)
    };
    assert_eq!(check(DEPARTS, "0"), Ok(()));
    for (when, redeemed) in [(DEPARTS, "1"), (DEPARTS, "2"), (0, "0"), (0, "1")] {
        match check(when, redeemed).unwrap_err() {
            ActionError::Denied { selection, reason } => {
                assert_eq!(selection, "notBoardable");
                assert!(reason.text("de").unwrap().contains("eingelöst"));
            }
            other => panic!("{other}"),
        }
    }
    // Without an answer from the chain nobody is let through.
    let context = context(1, "0");
    let evaluation = script.evaluate_action("redeem", &Default::default(), &context).unwrap();
    let values = run(evaluation, |_| Err(CallError::Unavailable("no endpoint".into())));
    assert_eq!(script.check_action("redeem", &context, &values).unwrap_err().code(), "attribute-unavailable");
}

/// Whoever changes the contract also compiles it.
#[test]
fn the_committed_artefact_is_of_the_committed_source() {
    let artefact: Json = serde_json::from_slice(&example("FlightTicket.json")).unwrap();
    let hash = alloy_primitives::keccak256(example("FlightTicket.sol")).to_string();
    assert_eq!(
        artefact["sourceKeccak256"].as_str(),
        Some(hash.as_str()),
        "run examples/flight-ticket/scripts/compile-contracts"
    );
}

/// The script against the contract on a real EVM. `ANVIL` is the path of anvil's binary.
#[test]
fn a_real_evm_answers_what_the_script_asks() {
    let Ok(binary) = std::env::var("ANVIL") else {
        eprintln!("skipped: set ANVIL to the path of anvil to run the script against a real EVM");
        return;
    };
    let anvil = Anvil::start(&binary);
    let accounts = anvil.rpc("eth_accounts", json!([]));
    let holder = accounts[1].as_str().unwrap();
    anvil.deploy(accounts[0].as_str().unwrap(), holder, 12);

    let script = script();
    let context = context(8, "0");
    let call = |data: &[u8]| anvil.call(data);
    let values = run(script.evaluate(script.attributes.iter().map(|a| a.name.as_str()), &context), call);
    let text = |name: &str| values[name].as_ref().unwrap().text().unwrap();
    assert_eq!(text("holder").to_lowercase(), holder.to_lowercase());
    assert_eq!(text("flight"), "SL101");
    assert_eq!(text("seat"), "12B");
    assert_eq!(values["departure"], Ok(Value::Uint(U256::from(DEPARTS + 3600))));
    assert_eq!(text("class"), "economy");
    assert_eq!(values["redeemed"], Ok(Value::Bool(false)));
    assert_eq!(script.is_selected("boardable", &context, &values), Ok(true));
    assert_eq!(script.is_selected("notBoardable", &context, &values), Ok(false));

    // A ticket that doesn't exist: the contract reverts, and the attribute says so.
    let missing = Context { token_id: U256::from(13), ..context.clone() };
    let values = run(script.evaluate(["seat"], &missing), call);
    assert!(matches!(&values["seat"], Err(AttributeError::Call(CallError::Reverted(_)))), "{values:?}");

    // The transaction that the script writes does what it says.
    let to = accounts[2].as_str().unwrap();
    let arguments = json!({ "to": to }).as_object().unwrap().clone();
    let values = run(script.evaluate_action("handOver", &arguments, &context).unwrap(), call);
    let transaction = script.transaction("handOver", &context, &values).unwrap().unwrap();
    let mut request = serde_json::to_value(&transaction).unwrap();
    assert_eq!(request["chainId"], "0x7a69");
    request["from"] = holder.into();
    let receipt = anvil.receipt(anvil.rpc("eth_sendTransaction", json!([request])));
    assert_eq!(receipt["status"], "0x1");
    let values = run(script.evaluate(["holder"], &context), call);
    assert_eq!(values["holder"].as_ref().unwrap().text().unwrap().to_lowercase(), to.to_lowercase());
}

struct Anvil {
    process: Child,
    port: u16,
}

impl Anvil {
    fn start(binary: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = ["--host", "127.0.0.1", "--silent", "--port", &port.to_string()];
        let process = Command::new(binary).args(arguments).stdout(Stdio::null()).spawn().expect("ANVIL runs");
        let anvil = Anvil { process, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return anvil;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("anvil does not listen");
    }

    fn post(&self, method: &str, params: Json) -> Json {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head =
            "POST / HTTP/1.1\r\nHost: anvil\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length:";
        write!(stream, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn rpc(&self, method: &str, params: Json) -> Json {
        let answer = self.post(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    fn deploy(&self, from: &str, holder: &str, count: u64) {
        let artefact: Json = serde_json::from_slice(&example("FlightTicket.json")).unwrap();
        let arguments = DynSolValue::Tuple(vec![
            DynSolValue::Address(holder.parse::<Address>().unwrap()),
            DynSolValue::Uint(U256::from(count), 256),
            DynSolValue::Uint(U256::from(DEPARTS), 256),
        ]);
        let data = format!("{}{}", artefact["bytecode"].as_str().unwrap(), hex::encode(arguments.abi_encode_params()));
        let hash = self.rpc("eth_sendTransaction", json!([{ "from": from, "data": data, "gas": "0x989680" }]));
        let receipt = self.receipt(hash);
        assert_eq!(receipt["status"], "0x1");
        assert_eq!(receipt["contractAddress"].as_str().unwrap().to_lowercase(), CONTRACT.to_lowercase());
    }

    fn receipt(&self, hash: Json) -> Json {
        for _ in 0..200 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                return receipt;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not mined");
    }

    fn call(&self, data: &[u8]) -> Result<Vec<u8>, CallError> {
        let request = json!([{ "to": CONTRACT, "data": format!("0x{}", hex::encode(data)) }, "latest"]);
        let answer = self.post("eth_call", request);
        match answer["result"].as_str() {
            Some(result) => Ok(hex::decode(result.trim_start_matches("0x")).unwrap()),
            None => Err(CallError::Reverted(answer["error"]["message"].to_string())),
        }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
