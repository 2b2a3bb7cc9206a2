//! Every published token script that can be served, served: described, its signature judged, and its attributes read from contracts on a
//! real EVM that answer as the script's ABI says. Skipped without the scripts.

use std::collections::{BTreeMap, BTreeSet};

use crate::ethereum::Anvil;
use crate::{common::*, contract, files};
use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, U256};
use serde_json::json;
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::SLT;
use smartlayer_token_api::EvmConfig;
use smartlayer_token_script::{parse, AbiType, As, Call, Limits, Origin, OriginKind, TokenScript};

const HOLDER: Address = Address::repeat_byte(0xaa);

/// Functions' signatures, and what they return.
type Functions = Vec<(String, Vec<u8>)>;

/// Some value of a type.
fn sample(ty: &DynSolType) -> DynSolValue {
    match ty {
        DynSolType::Bool => DynSolValue::Bool(true),
        DynSolType::Int(bits) => DynSolValue::Int(alloy_primitives::I256::ONE, *bits),
        DynSolType::Uint(bits) => DynSolValue::Uint(U256::from(1), *bits),
        DynSolType::FixedBytes(size) => DynSolValue::FixedBytes(alloy_primitives::B256::repeat_byte(0x41), *size),
        DynSolType::Address => DynSolValue::Address(HOLDER),
        DynSolType::Bytes => DynSolValue::Bytes(b"bytes".to_vec()),
        DynSolType::String => DynSolValue::String("text".into()),
        DynSolType::Array(of) => DynSolValue::Array(vec![sample(of), sample(of)]),
        DynSolType::FixedArray(of, length) => DynSolValue::FixedArray(vec![sample(of); *length]),
        DynSolType::Tuple(of) => DynSolValue::Tuple(of.iter().map(sample).collect()),
        other => panic!("{other:?}"),
    }
}

/// What a contract returns to a call whose result is of these types, or is read so.
fn returned(call: &Call, as_: Option<As>) -> Vec<u8> {
    let text = match (&call.outputs, as_) {
        (Some(outputs), _) if !outputs.is_empty() => {
            outputs.iter().map(|(_, ty)| ty.name()).collect::<Vec<_>>().join(",")
        }
        (_, Some(As::Utf8)) => "string".into(),
        (_, Some(As::Bytes)) => "bytes".into(),
        (_, Some(As::Address)) => "address".into(),
        (_, Some(As::Bool)) => "bool".into(),
        _ => "uint256".into(),
    };
    sample(&DynSolType::parse(&format!("({text})")).unwrap()).abi_encode_params()
}

/// What each contract of the script is asked: by its name, signatures and what they return.
fn functions(script: &TokenScript) -> BTreeMap<&str, BTreeMap<String, Vec<u8>>> {
    let mut functions: BTreeMap<&str, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    let attributes = script.attributes.iter().chain(script.cards.iter().flat_map(|card| &card.attributes));
    for origin in attributes.flat_map(|attribute| &attribute.origins) {
        if let OriginKind::Call(call) = &origin.kind {
            let types: Vec<_> = call.arguments.iter().map(|argument| AbiType::name(&argument.ty)).collect();
            let signature = format!("{}({})", call.function, types.join(","));
            functions.entry(&call.contract).or_default().insert(signature, returned(call, origin.as_));
        }
    }
    if let Some(contract) = script.holding_contract() {
        let owner = || contract::word(HOLDER);
        functions.entry(&contract.name).or_default().entry("ownerOf(uint256)".into()).or_insert_with(owner);
    }
    functions
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_script_is_served() {
    let Some(files) = files::published() else { return };
    println!("{:<44} {:<9} {:>10} {:>8} {:>7}  unavailable", "file", "signature", "attributes", "actions", "views");
    let (mut served, mut wrong) = (0, Vec::new());
    for (file, bytes) in &files {
        let Ok(script) = parse(bytes, &Limits::default()) else {
            println!("{file:<44} refused");
            continue;
        };
        served += 1;
        let home = script.holding_contract().and_then(|contract| contract.addresses.first()).map(|(chain, _)| *chain);
        // Where each contract is read: on the token's chain, else where it is at all.
        let mut chains: BTreeMap<u64, Vec<(Address, Functions)>> = BTreeMap::new();
        for (name, functions) in functions(&script) {
            let Some(contract) = script.contract(name) else { continue };
            let at = contract.addresses.iter().find(|(chain, _)| Some(*chain) == home).or(contract.addresses.first());
            if let Some((chain, address)) = at {
                chains.entry(*chain).or_default().push((*address, functions.into_iter().collect()));
            }
        }
        let (mut anvils, mut evm) = (Vec::new(), Vec::new());
        for (chain, contracts) in chains {
            let anvil = Anvil::of_chain(chain).await;
            for (address, functions) in contracts {
                let functions: Vec<_> = functions.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
                anvil.put(address, &functions).await;
            }
            evm.push(EvmConfig::new(ChainId(chain), vec![anvil.url.clone()]));
            anvils.push(anvil);
        }
        let larger = |config: &mut smartlayer_token_api::Config| {
            config.evm = evm;
            config.rpc.max_response_bytes = 8 << 20;
        };
        let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), larger).await;
        let text = std::str::from_utf8(bytes).unwrap();
        world.register_script(text);
        let chain = home.map(|chain| ChainId(chain).to_string());
        let values: Vec<_> = chain.iter().map(|chain| ("token.chain", chain.as_str())).collect();
        world.place_instance(text, 1, 5, &values).await;
        let session = world.chain.open_session(&account(NODE), 0, 10 * SLT);

        let reading = json!({ "caller": HOLDER });
        let params = json!({ "instance": { "tokenType": 0, "index": 1 }, "reading": reading });
        let mut owed = PRICE;
        let answer = world.paid(&body("token_attributes", params), session, owed).await.result();
        let attributes = answer["attributes"].as_object().unwrap();
        let unavailable: BTreeMap<String, String> = answer["unavailable"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, why)| (name.clone(), why["reason"].as_str().unwrap().to_owned()))
            .collect();
        let described = world.free("token_describe", json!({ "tokenType": 0, "language": "es" })).await.result();
        let signature = described["trust"]["signature"]["status"].as_str().unwrap();
        let methods = described["methods"].as_array().unwrap();
        let actions = methods.iter().filter(|method| !method["action"].is_null()).count();
        let mut views = 0;
        for card in described["cards"].as_array().unwrap() {
            for kind in card["views"].as_array().unwrap() {
                let params = json!({ "tokenType": 0, "card": card["name"], "kind": kind });
                owed += PRICE;
                let page = world.paid(&body("token_view", params), session, owed).await.result();
                assert!(page["contentSecurityPolicy"].as_str().unwrap().contains("connect-src 'none'"), "{file}");
                views += 1;
            }
        }
        println!(
            "{:<44} {signature:<9} {:>10} {actions:>8} {views:>7}  {}",
            file.chars().take(44).collect::<String>(),
            format!("{} of {}", attributes.len(), attributes.len() + unavailable.len()),
            unavailable.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join(", "),
        );

        assert_eq!(signature, if script.signed { "valid" } else { "none" }, "{file}");
        let described_actions: BTreeSet<_> = methods.iter().filter_map(|method| method["action"].as_str()).collect();
        assert_eq!(described_actions, script.actions().map(|card| card.name.as_str()).collect(), "{file}");
        assert!(methods.iter().all(|method| method["params"]["type"] == "object"), "{file}");
        // Nothing fails for want of a chain, and whatever does has a reason that lies in the script, the caller, or the made-up token.
        let known = [
            "no-address",
            "not-entered",
            "no-value",
            "unresolved-reference",
            "unsupported",
            "no-attestation",
            "no-event",
            "unmapped",
        ];
        for (name, why) in unavailable {
            let from_id = |origin: &Origin| matches!(origin.kind, OriginKind::TokenId { .. });
            let made_up = || script.attribute(&name).is_some_and(|found| found.origins.iter().any(from_id));
            let expected = known.contains(&why.as_str()) || why == "not-convertible" && made_up();
            if !expected {
                wrong.push(format!("{file}: {name}: {}", answer["unavailable"][&name]));
            }
        }
        world.stop().await;
    }
    assert!(served > 0);
    assert_eq!(wrong, [""; 0]);
}
