//! Transactions for callers' wallets: simulated and priced before they are handed out.

use alloy_primitives::Address;
use serde_json::{json, Value};
use smartlayer_api_types::{rpc::Outcome, rpc::Response, ErrorCode};
use smartlayer_ethereum::ChainId;
use smartlayer_primitives::{Balance, SLT};
use smartlayer_token_api::EvmConfig;

use crate::{common::*, contract::number, ethereum::Anvil};

const TOKEN: Address = Address::repeat_byte(0x70);
/// What an action costs that is not recorded.
const ACTION: Balance = SLT / 500;

fn script() -> String {
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople" name="Pass">
        <ts:contract interface="erc721" name="Pass"><ts:address network="1">{TOKEN}</ts:address></ts:contract>
        <ts:origins><ts:ethereum contract="Pass"/></ts:origins>
        <ts:cards>
          <ts:card type="action" name="enter"><ts:transaction><ethereum:transaction contract="Pass" function="enter">
            <ts:data><ts:uint256 ref="tokenId"/><ts:address ref="walletAddress"/></ts:data><ethereum:value ref="fee"/>
          </ethereum:transaction></ts:transaction>
          <ts:attribute name="fee"><ts:origins><ts:user-entry as="uint"/></ts:origins></ts:attribute></ts:card>
          <ts:card type="action" name="look"/>
        </ts:cards></ts:token>"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_made_simulated_and_sent_as_it_was_handed_out() {
    let anvil = Anvil::start().await;
    anvil.put(TOKEN, &[("enter(uint256,address)", number(1))]).await;
    let evm = vec![EvmConfig::new(ChainId(1), vec![anvil.url.clone()])];
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| config.evm = evm).await;
    let script = script();
    world.register_script(&script);
    world.place_instance(&script, 1, 5, &[]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let sender = anvil.rpc("eth_accounts", json!([])).await[3].as_str().unwrap().parse::<Address>().unwrap();
    let ask = |action: &str, inputs: Value, sender: &str| {
        let instance = json!({ "tokenType": 0, "index": 1 });
        body("token_transaction", json!({ "instance": instance, "action": action, "inputs": inputs, "sender": sender }))
    };
    let sender_text = sender.to_checksum(None);

    let enter = ask("enter", json!({ "fee": "1000" }), &sender_text);
    let answer = world.paid(&enter, session, ACTION).await.result();
    let transaction = &answer["transaction"];
    assert_eq!(
        (&transaction["type"], &transaction["chainId"], &transaction["value"]),
        (&json!("0x2"), &json!("0x1"), &json!("0x3e8"))
    );
    assert_eq!((&transaction["from"], &transaction["nonce"]), (&json!(sender_text), &json!("0x0")));
    assert!(transaction["data"].as_str().unwrap().ends_with(&format!("{sender:x}")), "{transaction}");
    assert_eq!(answer["exceedsBlock"], false);
    assert!(answer["blocks"]["eip155:1"]["hash"].is_string());
    // It passes as it is.
    let receipt = anvil.send(transaction.clone()).await;
    assert_eq!(receipt["to"].as_str().unwrap().parse::<Address>().unwrap(), TOKEN);

    // What would fail is not handed out, and not charged.
    anvil.rpc("anvil_setCode", json!([TOKEN, "0x60006000fd"])).await;
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
    tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
    let failed = world.paid(&ask("enter", json!({ "fee": "1001" }), &sender_text), session, 2 * ACTION).await;
    assert_eq!(failed.code(), ErrorCode::TransactionFails);
    let receipt = failed.settled.clone().expect("a receipt");
    assert_eq!(receipt.extra.unwrap().receipt.charged.to_string(), "0");

    // Before anybody pays.
    for (action, inputs, sender, code) in [
        ("look", json!({}), sender_text.as_str(), ErrorCode::InvalidParams),
        ("fly", json!({}), &sender_text, ErrorCode::UnknownAction),
        ("enter", json!({ "fee": "much" }), &sender_text, ErrorCode::InvalidParams),
        ("enter", json!({ "fee": "1" }), "0x12", ErrorCode::InvalidParams),
    ] {
        let refused = world.post(&ask(action, inputs, sender), None).await;
        assert_eq!((refused.code(), refused.required), (code, None));
    }
    let response: Response = serde_json::from_slice(&failed.body).unwrap();
    assert!(matches!(response.outcome, Outcome::Error(_)));
}
