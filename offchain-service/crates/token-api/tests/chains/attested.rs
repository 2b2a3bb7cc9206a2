//! Tokens that are attestations: signed by a wallet, checked against their chain, and shown in place of an entry on a contract.

use std::time::SystemTime;

use crate::common::*;
use crate::contract::{number, word};
use crate::ethereum::Anvil;
use alloy_primitives::{hex, keccak256, Address, U256};
use base64::{prelude::BASE64_STANDARD, Engine};
use serde_json::{json, Value};
use smartlayer_api_types::{rpc::Outcome, rpc::Response, ErrorCode};
use smartlayer_ethereum::ChainId;
use smartlayer_grants::{
    request_hash, Audience, Authorisation, Grant, Principal, Revocation, Revoked, SignedRevocation, Statement, Use,
};
use smartlayer_primitives::{Hash, InstanceId, SLT};
use smartlayer_token_api::EvmConfig;

const EAS: Address = Address::repeat_byte(0xea);
const REGISTRY: Address = Address::repeat_byte(0xeb);
const CHAIN: u64 = 1;
/// The issuer's key is that of anvil's first account.
const ISSUER_KEY: &str = "038318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75";
const SCHEMA: &str = "string eventId,string ticketId,uint8 ticketClass,bytes commitment";
const INSTANCE: InstanceId = InstanceId { token_type: 0, index: 1 };

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn schema_uid() -> String {
    let packed = [SCHEMA.as_bytes(), &[0; 20], &[1]].concat();
    keccak256(packed).to_string()
}

fn script() -> String {
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:sl="https://smartlayer.network/tokenscript/2026/11" name="Ticket">
        <ts:attestation name="Devcon" type="eas"><ts:key>{ISSUER_KEY}</ts:key>
          <ts:collectionFields><ts:collectionField name="eventId">devcon</ts:collectionField></ts:collectionFields>
          <ts:idFields>ticketId</ts:idFields><ts:eas schemaUID="{}"/></ts:attestation>
        <ts:origins><ts:attestation name="Devcon"/></ts:origins>
        <ts:selection name="vip" filter="(class=1)"/>
        <ts:cards><ts:card type="action" name="lounge" exclude="ordinary"><ts:label><ts:string xml:lang="en">Lounge</ts:string></ts:label></ts:card></ts:cards>
        <ts:selection name="ordinary" filter="(!(class=1))"/>
        <ts:attribute name="class"><ts:origins><ts:attestation ref="data.ticketClass" as="uint"/></ts:origins></ts:attribute>
        <ts:attribute name="holder"><ts:origins><ts:data ref="ownerAddress" as="address"/></ts:origins></ts:attribute>
        <ts:attribute name="dinner" sl:access="owner"><ts:origins><ts:data ref="dinner" as="utf8"/></ts:origins></ts:attribute>
        </ts:token>"#,
        schema_uid()
    )
}

/// The ABI encoding of a tuple whose members are all dynamic or words: `Err` holds a dynamic member's bytes.
fn encode(members: &[Result<[u8; 32], Vec<u8>>]) -> Vec<u8> {
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for member in members {
        match member {
            Ok(word) => head.extend(word),
            Err(bytes) => {
                head.extend(number((32 * members.len() + tail.len()) as u64));
                tail.extend(number(bytes.len() as u64));
                tail.extend(bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
        }
    }
    [head, tail].concat()
}

fn record() -> Vec<u8> {
    let uid = hex::decode(schema_uid()).unwrap().try_into().unwrap();
    let record = encode(&[Ok(uid), Ok([0; 32]), Ok(U256::from(1).to_be_bytes()), Err(SCHEMA.into())]);
    [number(32), record].concat()
}

/// An attestation of a ticket, signed by one of anvil's accounts for the recipient, as the text of a magic link.
async fn ticket(anvil: &Anvil, by: usize, event: &str, class: u8, recipient: Address, expires: u64) -> String {
    let data = encode(&[Err(event.into()), Err("42".into()), Ok(U256::from(class).to_be_bytes()), Err(vec![4, 0xab])]);
    let data = hex::encode_prefixed(data);
    let zero = Hash::zero();
    let message = json!({
        "version": 1, "schema": schema_uid(), "recipient": recipient, "time": (now() - 60).to_string(),
        "expirationTime": expires.to_string(), "revocable": true, "refUID": zero, "data": data,
    });
    let attest = [
        ("version", "uint16"),
        ("schema", "bytes32"),
        ("recipient", "address"),
        ("time", "uint64"),
        ("expirationTime", "uint64"),
        ("revocable", "bool"),
        ("refUID", "bytes32"),
        ("data", "bytes"),
    ];
    let fields = |fields: &[(&str, &str)]| {
        fields.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect::<Value>()
    };
    let domain = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")];
    let typed = json!({
        "types": { "EIP712Domain": fields(&domain), "Attest": fields(&attest) },
        "primaryType": "Attest",
        "domain": { "name": "EAS Attestation", "version": "1.2.0", "chainId": CHAIN, "verifyingContract": EAS },
        "message": message,
    });
    let signer = account_of(anvil, by).await;
    let signature = anvil.rpc("eth_signTypedData_v4", json!([signer, typed])).await;
    let signature = hex::decode(signature.as_str().unwrap()).unwrap();
    let part = |range: std::ops::Range<usize>| hex::encode_prefixed(&signature[range]);
    let package = json!([
        "1.2.0",
        CHAIN,
        EAS,
        part(0..32),
        part(32..64),
        signature[64],
        signer,
        Value::Null,
        schema_uid(),
        recipient,
        now() - 60,
        expires,
        zero,
        true,
        data,
        0,
        1,
        Value::Null,
    ]);
    BASE64_STANDARD.encode(miniz_oxide::deflate::compress_to_vec_zlib(package.to_string().as_bytes(), 6))
}

async fn account_of(anvil: &Anvil, number: usize) -> Address {
    anvil.rpc("eth_accounts", json!([])).await[number].as_str().unwrap().parse().unwrap()
}

async fn world(anvil: &Anvil) -> World {
    let evm = EvmConfig::new(ChainId(CHAIN), vec![anvil.url.clone()]);
    let world =
        World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| config.evm = vec![evm]).await;
    put(anvil, 0).await;
    anvil.put(REGISTRY, &[("getSchema(bytes32)", record())]).await;
    let script = script();
    world.register_script(&script);
    world.place_token(&script, INSTANCE, 1, keccak256("42").0, &[("dinner", "7 pm")]).await;
    world
}

async fn put(anvil: &Anvil, revoked: u64) {
    let functions = [("getSchemaRegistry()", word(REGISTRY)), ("getRevokeOffchain(address,bytes32)", number(revoked))];
    anvil.put(EAS, &functions).await;
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
}

fn read(ticket: Option<&str>) -> Vec<u8> {
    body(
        "token_attributes",
        json!({ "instance": { "tokenType": 0, "index": 1 }, "names": ["class", "holder"], "reading": { "attestation": ticket } }),
    )
}

async fn refusal(answer: Answer) -> String {
    let response: Response = serde_json::from_slice(&answer.body).unwrap();
    let Outcome::Error(error) = response.outcome else { panic!("{response:?}") };
    assert_eq!(error.code, ErrorCode::AttestationRefused.code(), "{error:?}");
    error.data.unwrap()["refusal"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_is_read_like_a_token_and_makes_its_recipient_the_owner() {
    let anvil = Anvil::start().await;
    let world = world(&anvil).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let holder = account_of(&anvil, 1).await;
    let shown = ticket(&anvil, 0, "devcon", 1, holder, now() + 3600).await;

    let answer = world.paid(&read(Some(&shown)), session, PRICE).await.result();
    assert_eq!(answer["attributes"], json!({ "class": "1", "holder": holder.to_checksum(None) }), "{answer}");
    assert!(answer["blocks"]["eip155:1"]["number"].is_number());
    let answer = world.paid(&read(None), session, 2 * PRICE).await.result();
    assert_eq!(answer["unavailable"]["class"]["reason"], "no-attestation");

    // It opens what is for its class.
    let call =
        json!({ "instance": { "tokenType": 0, "index": 1 }, "action": "lounge", "reading": { "attestation": shown } });
    let answer = world.paid(&body("token_call", call), session, 2 * PRICE + SLT / 500).await;
    assert_eq!(answer.result()["action"], "lounge");

    // What is private is for whom its recipient grants it.
    let grant = Grant {
        genesis: GENESIS,
        instance: INSTANCE,
        owner: Principal::Ethereum(holder.into_array()),
        grantee: Principal::Substrate(account(WEBSITE)),
        audience: Audience::Node(account(NODE)),
        attributes: vec!["dinner".into()],
        actions: Vec::new(),
        not_before: now() - 60,
        expires_at: now() + 3600,
        uses: None,
        nonce: Hash::repeat_byte(1),
    };
    let signature = anvil.rpc("eth_signTypedData_v4", json!([holder, grant.typed_data()])).await;
    let signature: [u8; 65] = hex::decode(signature.as_str().unwrap()).unwrap().try_into().unwrap();
    let asked = |ticket: Option<&str>, sequence| {
        let mut params = json!({ "instance": { "tokenType": 0, "index": 1 }, "names": ["dinner"], "reading": { "attestation": ticket } });
        let request = request_hash("token_attributes", params.as_object().unwrap()).unwrap();
        let usage = Use { grant: grant.id(), node: account(NODE), sequence, issued_at: now(), request };
        let authorisation = Authorisation {
            signature: smartlayer_grants::StatementSignature::Eip712(signature),
            use_signature: sign_statement(WEBSITE, &usage.on(&GENESIS)),
            grant: grant.clone(),
            usage,
        };
        params["authorisation"] = serde_json::to_value(authorisation).unwrap();
        body("token_attributes", params)
    };
    let answer = world.paid(&asked(Some(&shown), 1), session, 3 * PRICE + SLT / 500).await.result();
    assert_eq!(answer["attributes"], json!({ "dinner": "7 pm" }));
    assert_eq!(world.post(&asked(None, 2), None).await.code(), ErrorCode::NotAuthorised);

    // And who grants, takes back.
    let revocation = Revocation {
        genesis: GENESIS,
        instance: INSTANCE,
        owner: Principal::Ethereum(holder.into_array()),
        revoke: Revoked::Grant(grant.id()),
    };
    let signature = anvil.rpc("eth_signTypedData_v4", json!([holder, revocation.typed_data()])).await;
    let signature: [u8; 65] = hex::decode(signature.as_str().unwrap()).unwrap().try_into().unwrap();
    let signature = smartlayer_grants::StatementSignature::Eip712(signature);
    let mut params = serde_json::to_value(SignedRevocation { revocation, signature }).unwrap();
    assert_eq!(world.free("grant_revoke", params.clone()).await.code(), ErrorCode::NotAuthorised);
    params["reading"] = json!({ "attestation": shown });
    assert_eq!(world.free("grant_revoke", params).await.result(), json!({ "changed": true }));
    assert_eq!(world.post(&asked(Some(&shown), 2), None).await.code(), ErrorCode::NotAuthorised);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_issuers_or_of_another_instance_or_revoked_is_refused() {
    let anvil = Anvil::start().await;
    let world = world(&anvil).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let holder = account_of(&anvil, 1).await;
    let later = now() + 3600;

    // Before anybody pays: what its text alone shows.
    let forged = ticket(&anvil, 2, "devcon", 1, holder, later).await;
    let old = ticket(&anvil, 0, "devcon", 1, holder, now() - 1).await;
    for (shown, why) in [("nothing", "not-deflated"), (&forged, "other-issuer"), (&old, "expired")] {
        assert_eq!(refusal(world.post(&read(Some(shown)), None).await).await, why);
    }

    // What only its chain shows, is charged nothing.
    let mut paid = async |shown: &str| {
        let answer = world.paid(&read(Some(shown)), session, PRICE).await;
        let charged = answer.settled.clone().and_then(|settled| settled.extra).map(|settled| settled.charged_amount.0);
        assert_eq!(charged.unwrap_or_default(), 0, "{answer:?}");
        refusal(answer).await
    };
    let elsewhere = ticket(&anvil, 0, "ethcc", 1, holder, later).await;
    assert_eq!(paid(&elsewhere).await, "other-collection");
    let good = ticket(&anvil, 0, "devcon", 1, holder, later).await;
    let script = script();
    world.place_token(&script, INSTANCE, 2, keccak256("43").0, &[]).await;
    assert_eq!(paid(&good).await, "other-instance");
    world.place_token(&script, INSTANCE, 3, keccak256("42").0, &[]).await;
    put(&anvil, 1_700_000_000).await;
    eventually_refused(&mut paid, &good, "revoked").await;
    // A registry that says the schema is another.
    put(&anvil, 0).await;
    let mut lie = record();
    let at = lie.len() - 40;
    lie[at] ^= 1;
    anvil.put(REGISTRY, &[("getSchema(bytes32)", lie)]).await;
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
    eventually_refused(&mut paid, &good, "forged-schema").await;
}

/// The node sees a new block soon.
async fn eventually_refused(paid: &mut impl AsyncFnMut(&str) -> String, shown: &str, why: &str) {
    let mut found = String::new();
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        found = paid(shown).await;
        if found == why {
            return;
        }
    }
    panic!("{found} instead of {why}");
}
