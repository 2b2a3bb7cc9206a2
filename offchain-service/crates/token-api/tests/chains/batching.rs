//! Token scripts evaluated by a service node against a real EVM.

use std::{fmt::Write, sync::Arc};

use crate::common::*;
use crate::ethereum::{requests, Anvil};
use alloy_primitives::Address;
use futures::future::join_all;
use serde_json::{json, Value};
use smartlayer_api_types::ErrorCode;
use smartlayer_ethereum::ChainId;
use smartlayer_network::messages::{Content, Placement, Response};
use smartlayer_primitives::{payload::blake2_256, SLT};
use smartlayer_token_api::EvmConfig;

/// A script with these attributes, each the seat of a ticket by its number; `on` are the contracts with their chains.
fn script(on: &[(&str, u64, Address)], attributes: &[(String, &str, u64)]) -> String {
    let mut text = String::from(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="Seats">"#,
    );
    for (name, chain, address) in on {
        write!(text, r#"<ts:contract interface="erc721" name="{name}"><ts:address network="{chain}">{address}</ts:address></ts:contract>"#).unwrap();
    }
    write!(text, r#"<ts:origins><ts:ethereum contract="{}"/></ts:origins>"#, on[0].0).unwrap();
    for (name, contract, ticket) in attributes {
        write!(
            text,
            r#"<ts:attribute name="{name}"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.15</ts:syntax></ts:type><ts:origins>
               <ethereum:call function="seat" contract="{contract}" as="utf8"><ts:data><ts:uint256>{ticket}</ts:uint256></ts:data></ethereum:call>
               </ts:origins></ts:attribute>"#
        )
        .unwrap();
    }
    text + "</ts:token>"
}

/// A service node that serves an instance with this script.
async fn serving(script: &str, evm: Vec<EvmConfig>) -> World {
    let chain = FakeChain::new();
    chain.change(|s| s.tokens.get_mut(&0).unwrap().spec.script_hash = blake2_256(script.as_bytes()));
    let world = World::start_with(chain, tempfile::tempdir().unwrap(), |config| config.evm = evm).await;
    let (assignment, state, shards) = assignment(1, &[account(NODE)]);
    let mut content = vec![Content::State(state)];
    content.extend((0..).zip(shards).map(|(number, bytes)| Content::Shard { number, bytes }));
    let placement = Placement { assignment: sign(assignment), content, script: script.into() };
    assert_eq!(world.place(placement).await, Response::Done);
    world
}

fn calls(bodies: &[Value]) -> (usize, usize) {
    let of = |body: &Value| requests(body).iter().filter(|r| r["method"] == "eth_call").count();
    (bodies.iter().filter(|body| of(body) > 0).count(), bodies.iter().map(of).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_attributes_take_one_round_trip_and_a_hundred_requests_no_more_calls() {
    let anvil = Anvil::start().await;
    let contract = anvil.deploy(Address::repeat_byte(1), 100).await;
    let (url, seen) = anvil.behind_proxy().await;
    let attributes_of = |from: u64| (from..from + 20).map(|n| (format!("seat{n}"), "Ticket", n)).collect::<Vec<_>>();
    let both = [attributes_of(1), attributes_of(21)].concat();
    let world = serving(&script(&[("Ticket", 1, contract)], &both), vec![EvmConfig::new(ChainId(1), vec![url])]).await;
    let names = |from: u64| (from..from + 20).map(|n| format!("seat{n}")).collect::<Vec<_>>();
    let ask = |from| attributes_named(&names(from).iter().map(String::as_str).collect::<Vec<_>>());

    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let answer = world.paid(&ask(1), session, PRICE).await.result();
    assert_eq!(answer["attributes"].as_object().unwrap().len(), 20, "{answer}");
    assert_eq!(answer["attributes"]["seat7"], "12A");
    assert_eq!(calls(&seen.lock().unwrap()), (1, 20));
    let block = anvil.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(answer["blocks"], json!({ "eip155:1": { "number": 1, "hash": block["hash"] } }));

    // A hundred at once, from a hundred payers, for what nobody asked for yet.
    seen.lock().unwrap().clear();
    let world = Arc::new(world);
    let asked = (1..=100).map(|nonce| {
        let (world, request) = (world.clone(), ask(21));
        let session = world.chain.open_session(&account(NODE), nonce, SLT);
        tokio::spawn(async move { world.paid(&request, session, PRICE).await.result() })
    });
    let asked: Vec<_> = asked.collect();
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap()["attributes"].as_object().unwrap().len(), 20);
    }
    assert_eq!(calls(&seen.lock().unwrap()), (1, 20), "one call for each calldata");

    // Another block: everything is read again, once.
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
    seen.lock().unwrap().clear();
    let mut owed = PRICE;
    let answer = loop {
        owed += PRICE;
        let answer = world.paid(&ask(1), session, owed).await.result();
        if answer["blocks"]["eip155:1"]["number"] == 2 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert_eq!(answer["attributes"]["seat7"], "12A");
    assert_eq!(calls(&seen.lock().unwrap()), (1, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_chain_that_is_down_is_unavailable_and_the_rest_is_answered() {
    let anvil = Anvil::start().await;
    let contract = anvil.deploy(Address::repeat_byte(1), 10).await;
    let attribute = |name: &str, contract, ticket| (name.to_owned(), contract, ticket);
    let attributes = [
        attribute("seat", "Ticket", 1),
        attribute("missing", "Ticket", 11),
        attribute("down", "Down", 1),
        attribute("unset", "Unset", 1),
    ];
    let script = script(&[("Ticket", 1, contract), ("Down", 5, contract), ("Unset", 6, contract)], &attributes);
    let endpoints = |chain, url: &str| EvmConfig::new(ChainId(chain), vec![url.parse().unwrap()]);
    let evm = vec![endpoints(1, anvil.url.as_str()), endpoints(5, "http://127.0.0.1:9/secret-key")];
    let world = serving(&script, evm).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);

    let answer = world.paid(&attributes_named(&["seat", "missing", "down", "unset"]), session, PRICE).await.result();
    assert_eq!(answer["attributes"], json!({ "seat": "12A" }));
    let reason = |name: &str| answer["unavailable"][name]["reason"].clone();
    assert_eq!((reason("missing"), reason("down")), (json!("reverted"), json!("chain-unavailable")));
    assert_eq!(reason("unset"), "chain-unavailable");
    assert!(answer["unavailable"]["unset"]["message"].as_str().unwrap().contains("configured for chain eip155:6"));
    assert!(!answer.to_string().contains("secret"));
    assert_eq!(answer["blocks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["eip155:1"]);

    // Nothing at all is not charged, and may be asked for again with the same promise.
    let failed = world.paid(&attributes_named(&["down"]), session, 2 * PRICE).await;
    assert_eq!(failed.code(), ErrorCode::EvmFailure);
    assert_eq!(failed.receipt(&attributes_named(&["down"])).receipt.charged, 0);
    let text = String::from_utf8(failed.body).unwrap();
    assert!(text.contains("chain-unanswered") && !text.contains("secret"), "{text}");
    // Neither is it charged for a chain that this node has no endpoint of.
    let other = world.chain.open_session(&account(NODE), 1, SLT);
    let unset = world.paid(&attributes_named(&["unset"]), other, PRICE).await;
    assert_eq!(unset.code(), ErrorCode::EvmFailure);
    assert_eq!(unset.settled.unwrap().extra.unwrap().receipt.charged, smartlayer_api_types::Amount(0));
}
