//! Whose a token is, on which chain, and which instances a selection holds: read from contracts on a real EVM.

use crate::common::*;
use crate::contract::{number, word};
use crate::ethereum::Anvil;
use alloy_primitives::Address;
use serde_json::{json, Value};
use smartlayer_api_types::{Amount, ErrorCode};
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::SLT;
use smartlayer_token_api::EvmConfig;

const TOKEN: Address = Address::repeat_byte(0x70);
const HOLDER: Address = Address::repeat_byte(0xaa);
const STRANGER: Address = Address::repeat_byte(0xbb);

/// A token whose attributes are its holder, and what the holder holds.
fn script(interface: &str, chains: &[u64]) -> String {
    let addresses: String =
        chains.iter().map(|chain| format!(r#"<ts:address network="{chain}">{TOKEN}</ts:address>"#)).collect();
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="Pass">
        <ts:contract interface="{interface}" name="Pass">{addresses}</ts:contract>
        <ts:origins><ts:ethereum contract="Pass"/></ts:origins>
        <ts:selection name="mine" filter="ownerAddress=${{walletAddress}}"><ts:label><ts:string xml:lang="en">Mine</ts:string></ts:label></ts:selection>
        <ts:selection name="good" filter="(level>=3)"><ts:label><ts:string xml:lang="en">Good</ts:string></ts:label></ts:selection>
        <ts:selection name="bad" filter="(nothing=1)"><ts:label><ts:string xml:lang="en">Bad</ts:string></ts:label></ts:selection>
        <ts:attribute name="level"><ts:origins><ts:data ref="level" as="uint"/></ts:origins></ts:attribute>
        <ts:attribute name="holding"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.36</ts:syntax></ts:type><ts:origins>
          <ethereum:call function="balanceOf" contract="Pass" as="uint"><ts:data><ts:address ref="ownerAddress"/></ts:data></ethereum:call>
        </ts:origins></ts:attribute></ts:token>"#
    )
}

fn ask(method: &str, mut params: Value, caller: Option<Address>, chain: Option<&str>) -> Vec<u8> {
    params["reading"] = json!({ "caller": caller, "chain": chain });
    let reading = params["reading"].as_object_mut().unwrap();
    reading.retain(|_, value| !value.is_null());
    body(method, params)
}

fn of(index: u32) -> Value {
    json!({ "instance": { "tokenType": 0, "index": index }, "names": ["holding", "ownerAddress"] })
}

async fn world(anvil: &Anvil, chain: u64) -> World {
    let evm = EvmConfig::new(ChainId(chain), vec![anvil.url.clone()]);
    World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| config.evm = vec![evm]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_is_whom_the_contract_names() {
    let anvil = Anvil::start().await;
    let world = world(&anvil, 1).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let mut owed = 0;
    // By standard: what the contract says, who asks, and who holds the token then.
    let balance = |n| ("balanceOf(address)", number(n));
    let list = [number(32), number(2), number(4), number(5)].concat();
    type Functions = Vec<(&'static str, Vec<u8>)>;
    let cases: Vec<(&str, Functions, Option<Address>, Option<Address>)> = vec![
        ("erc721", vec![("ownerOf(uint256)", word(HOLDER)), balance(7)], None, Some(HOLDER)),
        ("erc721", vec![("ownerOf(uint256)", word(HOLDER)), balance(7)], Some(STRANGER), Some(HOLDER)),
        ("", vec![("ownerOf(uint256)", word(HOLDER)), balance(7)], None, Some(HOLDER)),
        // Burnt, or never made.
        ("erc721", vec![balance(7)], Some(STRANGER), None),
        ("erc721", vec![("ownerOf(uint256)", word(Address::ZERO)), balance(7)], None, None),
        ("erc20", vec![balance(7)], Some(STRANGER), Some(STRANGER)),
        ("erc20", vec![balance(7)], None, None),
        ("erc1155", vec![balance(7), ("balanceOf(address,uint256)", number(1))], Some(HOLDER), Some(HOLDER)),
        ("erc1155", vec![balance(7), ("balanceOf(address,uint256)", number(0))], Some(HOLDER), None),
        ("erc875", vec![("balanceOf(address)", list.clone())], Some(HOLDER), Some(HOLDER)),
    ];
    for (index, (interface, functions, caller, holder)) in (0..).zip(cases) {
        let script = script(interface, &[1]);
        anvil.put(TOKEN, &functions).await;
        anvil.rpc("anvil_mine", json!(["0x1"])).await;
        // The node looks for a new block once a second.
        tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
        world.register_script(&script);
        world.place_instance(&script, index, 5, &[]).await;
        owed += PRICE;
        let answer = world.paid(&ask("token_attributes", of(index), caller, None), session, owed).await.result();
        let found = answer["attributes"]["ownerAddress"].as_str().map(|text| text.parse::<Address>().unwrap());
        assert_eq!(found, holder, "{index} {interface}: {answer}");
        match holder {
            Some(_) if interface != "erc875" => assert_eq!(answer["attributes"]["holding"], "7", "{answer}"),
            Some(_) => {}
            None => assert_eq!(answer["unavailable"]["holding"]["reason"], "owner-unknown", "{answer}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_on_several_chains_is_read_where_the_issuer_or_the_caller_says() {
    let anvil = Anvil::start().await;
    let world = world(&anvil, 1).await;
    anvil.put(TOKEN, &[("ownerOf(uint256)", word(HOLDER)), ("balanceOf(address)", number(7))]).await;
    let script = script("erc721", &[1, 137]);
    world.register_script(&script);
    world.place_instance(&script, 1, 5, &[]).await;
    world.place_instance(&script, 2, 5, &[("token.chain", "eip155:1")]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);

    let answer = world.paid(&ask("token_attributes", of(1), None, None), session, PRICE).await.result();
    assert_eq!(answer["unavailable"]["holding"]["reason"], "ambiguous-chain", "{answer}");
    let answer = world.paid(&ask("token_attributes", of(1), None, Some("eip155:1")), session, 2 * PRICE).await.result();
    assert_eq!(answer["attributes"]["holding"], "7", "{answer}");
    assert_eq!(answer["blocks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["eip155:1"]);
    let answer = world.paid(&ask("token_attributes", of(2), None, None), session, 3 * PRICE).await.result();
    assert_eq!(answer["attributes"]["holding"], "7", "{answer}");

    // Nobody pays for what can't be right.
    for (index, reading) in [
        (1, json!({ "chain": "eip155:5" })),
        (1, json!({ "chain": "1" })),
        (2, json!({ "chain": "eip155:137" })),
        (1, json!({ "caller": "0x12" })),
        (1, json!({ "caller": "vitalik.eth" })),
        (1, json!({ "language": "x".repeat(36) })),
        (1, json!({ "colour": "red" })),
    ] {
        let params = json!({ "instance": { "tokenType": 0, "index": index }, "reading": reading });
        let refused = world.post(&body("token_attributes", params), None).await;
        assert_eq!((refused.code(), refused.required.clone()), (ErrorCode::InvalidParams, None), "{reading}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn selections_are_judged_for_many_instances_at_once() {
    let anvil = Anvil::start().await;
    let world = world(&anvil, 1).await;
    anvil.put(TOKEN, &[("ownerOf(uint256)", word(HOLDER))]).await;
    let script = script("erc721", &[1]);
    world.register_script(&script);
    for (index, level) in [(1, "1"), (2, "3"), (3, "30"), (4, "high")] {
        world.place_instance(&script, index, 5, &[("level", level)]).await;
    }
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let of = |selection: &str, caller| {
        let params = json!({ "tokenType": 0, "indices": [1, 2, 3, 4, 9], "selection": selection });
        ask("token_select", params, caller, None)
    };
    let good = world.paid(&of("good", None), session, PRICE).await.result();
    assert_eq!(good["selected"], json!([2, 3]), "{good}");
    assert_eq!(good["undecided"]["9"]["reason"], "unknown_instance");
    assert_eq!(good["undecided"]["4"]["reason"], "attribute-unavailable", "{good}");
    let mine = world.paid(&of("mine", Some(HOLDER)), session, 2 * PRICE).await.result();
    assert_eq!(mine["selected"], json!([1, 2, 3, 4]), "{mine}");
    assert!(mine["blocks"]["eip155:1"]["hash"].is_string());
    let others = world.paid(&of("mine", Some(STRANGER)), session, 3 * PRICE).await.result();
    assert_eq!(others["selected"], json!([]));

    let refused = world.post(&of("nobody", None), None).await;
    assert_eq!((refused.code(), refused.required), (ErrorCode::UnknownSelection, None));
    for indices in [json!([]), json!(vec![1; 101]), json!(["1"]), json!([-1])] {
        let params = json!({ "tokenType": 0, "indices": indices, "selection": "good" });
        let refused = world.post(&body("token_select", params), None).await;
        assert_eq!((refused.code(), refused.required), (ErrorCode::InvalidParams, None));
    }
    let terms = world.free("session_terms", json!({})).await.result();
    assert_eq!(terms["prices"]["token_select"], json!({ "query": Amount(PRICE).to_string() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_trusted_and_why_is_told() {
    let anvil = Anvil::start().await;
    let world = world(&anvil, 1).await;
    let uri = |text: &str| {
        [number(32), number(1), number(32), number(text.len() as u64), format!("{text:\0<32}").into_bytes()].concat()
    };
    anvil.put(TOKEN, &[("scriptURI()", uri("ipfs://script"))]).await;
    let script = script("erc721", &[1, 137]);
    world.register_script(&script);
    world.chain.change(|s| {
        let uris = vec![b"ipfs://script".to_vec().try_into().unwrap()];
        s.tokens.get_mut(&0).unwrap().spec.script_uris = uris.try_into().unwrap();
    });
    world.place_instance(&script, 1, 5, &[]).await;
    world.chain.advance(&[]);
    let described = world.free("token_describe", json!({ "tokenType": 0 })).await.result();
    let trust = &described["trust"];
    assert_eq!(trust["registeredBy"], account(ISSUER).to_string());
    assert_eq!(trust["scriptUris"], json!(["ipfs://script"]));
    assert_eq!(trust["signature"]["status"], "none", "{trust}");
    assert_eq!(trust["contracts"][0]["verdict"], "names-registration");
    assert_eq!(trust["contracts"][0]["contract"], format!("eip155:1:{}", TOKEN.to_checksum(None)));
    assert_eq!(
        trust["contracts"][1],
        json!({ "contract": format!("eip155:137:{}", TOKEN.to_checksum(None)), "verdict": "unavailable" })
    );
    assert_eq!(
        described["selections"][0],
        json!({ "name": "mine", "label": "Mine", "filter": "ownerAddress=${walletAddress}", "access": "public" })
    );
}
