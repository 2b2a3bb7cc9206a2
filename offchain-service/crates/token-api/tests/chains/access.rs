//! What is for the token's owner: who may ask, and who may not.

use std::time::SystemTime;

use crate::ethereum::Anvil;
use crate::{common::*, contract};
use alloy_primitives::Address;
use serde_json::{json, Value};
use smartlayer_api_types::{rpc::Outcome, rpc::Response, ErrorCode};
use smartlayer_ethereum::ChainId;
use smartlayer_grants::{
    request_hash, Audience, Grant, Principal, Revocation, Revoked, SignedRevocation, Use as UseOfGrant,
};
use smartlayer_primitives::{Hash, InstanceId, SLT};
use smartlayer_token_api::EvmConfig;

const TOKEN: Address = Address::repeat_byte(0x70);

/// A pass with a name on it that is for its owner, and a level that is not.
fn script(contract: &str) -> String {
    format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:sl="https://smartlayer.network/tokenscript/2026/11" name="Pass">
        {contract}
        <ts:selection name="known" filter="(holder=Ada)"/>
        <ts:selection name="stranger" filter="(holder=Bob)" sl:access="public"/>
        <ts:cards><ts:card type="action" name="nod" exclude="stranger"><ts:label><ts:string xml:lang="en">Nod</ts:string></ts:label></ts:card>
        <ts:card type="action" name="greet" sl:access="owner"><ts:label><ts:string xml:lang="en">Greet</ts:string></ts:label></ts:card>
        <ts:card type="action" name="wave"><ts:label><ts:string xml:lang="en">Wave</ts:string></ts:label></ts:card></ts:cards>
        <ts:attribute name="holder" sl:access="owner"><ts:origins><ts:data ref="name" as="utf8"/></ts:origins></ts:attribute>
        <ts:attribute name="initial"><ts:origins><ts:data ref="holder" as="utf8"/></ts:origins></ts:attribute>
        <ts:attribute name="level"><ts:origins><ts:data ref="level" as="uint"/></ts:origins></ts:attribute>
        </ts:token>"#
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn principal(number: u8) -> Principal {
    Principal::Substrate(account(number))
}

fn grant() -> Grant {
    Grant {
        genesis: GENESIS,
        instance: InstanceId { token_type: 0, index: 1 },
        owner: principal(OWNER),
        grantee: principal(WEBSITE),
        audience: Audience::Node(account(NODE)),
        attributes: vec!["holder".into(), "known".into()],
        actions: vec!["greet".into()],
        not_before: now() - 60,
        expires_at: now() + 3600,
        uses: None,
        nonce: Hash::repeat_byte(1),
    }
}

/// A request that shows a grant.
fn showing(method: &str, params: Value, grant: &Grant, sequence: u64) -> Vec<u8> {
    signed(method, params, grant, sequence, |_| ())
}

fn signed(method: &str, params: Value, grant: &Grant, sequence: u64, change: impl Fn(&mut UseOfGrant)) -> Vec<u8> {
    let request = request_hash(method, params.as_object().unwrap()).unwrap();
    let mut usage = UseOfGrant { grant: grant.id(), node: account(NODE), sequence, issued_at: now(), request };
    change(&mut usage);
    signed_use(method, params, grant, usage)
}

fn instance() -> Value {
    json!({ "tokenType": 0, "index": 1 })
}

fn named(names: &[&str]) -> Value {
    json!({ "instance": instance(), "names": names })
}

/// Why a request that nobody has paid for is not authorised.
async fn refusal(world: &World, request: &[u8]) -> String {
    let answer = world.post(request, None).await;
    assert_eq!((answer.code(), &answer.required), (ErrorCode::NotAuthorised, &None), "{answer:?}");
    let response: Response = serde_json::from_slice(&answer.body).unwrap();
    let Outcome::Error(error) = response.outcome else { panic!() };
    let data = error.data.unwrap();
    assert!(data["remedy"].is_string(), "{data}");
    data["refusal"].as_str().or(data["details"]["refusal"].as_str()).unwrap_or_else(|| panic!("{data}")).to_owned()
}

async fn world(values: &[(&str, &str)]) -> (World, String) {
    let world = World::start().await;
    let script = script("");
    world.register_script(&script);
    let owner = principal(OWNER).to_string();
    let all = [&[("name", "Ada"), ("level", "3"), ("token.owner", owner.as_str())], values].concat();
    world.place_instance(&script, 1, 5, &all).await;
    (world, script)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_answered_to_whom_the_owner_grants_it() {
    let (world, _) = world(&[]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let (grant, mut owed) = (grant(), PRICE);

    // Without a grant: what is public, and the rest is named. What is computed from the private is private.
    let all = json!({ "instance": instance() });
    let answer = world.paid(&body("token_attributes", all.clone()), session, owed).await.result();
    assert_eq!(answer["attributes"], json!({ "level": "3" }));
    assert_eq!(
        (&answer["unavailable"]["holder"]["reason"], &answer["unavailable"]["initial"]["reason"]),
        (&json!("private"), &json!("private"))
    );
    assert_eq!(refusal(&world, &body("token_attributes", named(&["holder"]))).await, "missing");
    let call = |action: &str| json!({ "instance": instance(), "action": action });
    assert_eq!(refusal(&world, &body("token_call", call("greet"))).await, "missing");

    // With it.
    owed += PRICE;
    let answer = world.paid(&showing("token_attributes", named(&["holder"]), &grant, 1), session, owed).await.result();
    assert_eq!(answer["attributes"], json!({ "holder": "Ada" }));
    owed += PRICE;
    let answer = world.paid(&showing("token_attributes", all, &grant, 2), session, owed).await.result();
    assert_eq!(answer["attributes"], json!({ "holder": "Ada", "level": "3" }));
    assert_eq!(refusal(&world, &showing("token_attributes", named(&["initial"]), &grant, 3)).await, "not-granted");
    owed += PRICE;
    let select = json!({ "tokenType": 0, "indices": [1], "selection": "known" });
    let answer = world.paid(&showing("token_select", select.clone(), &grant, 3), session, owed).await.result();
    assert_eq!(answer["selected"], json!([1]), "{answer}");
    owed += PRICE;
    let answer = world.paid(&body("token_select", select), session, owed).await.result();
    assert_eq!(answer["undecided"]["1"]["reason"], "not_authorised");
    owed += SLT / 500;
    let answer = world.paid(&showing("token_call", call("greet"), &grant, 4), session, owed).await;
    assert_eq!(answer.result()["action"], "greet");

    // What an action is judged on stays private where the action is not, and a grant that anybody could have written changes nothing.
    owed += SLT / 500;
    let forged = Grant { owner: principal(WEBSITE), ..grant.clone() };
    let answer = world.paid(&showing("token_call", call("nod"), &forged, 9), session, owed).await.result();
    assert_eq!((&answer["action"], &answer["attributes"]), (&json!("nod"), &json!({})));

    // It is described.
    let described = world.free("token_describe", json!({ "tokenType": 0 })).await.result();
    let access = |name: &str| {
        let attributes = described["attributes"].as_array().unwrap();
        attributes.iter().find(|a| a["name"] == name).unwrap()["access"].clone()
    };
    assert_eq!(
        (access("holder"), access("initial"), access("level")),
        (json!("owner"), json!("owner"), json!("public"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_does_not_hold_is_refused_with_its_reason_before_anybody_pays() {
    let (world, _) = world(&[]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let ask = |grant: &Grant, sequence| showing("token_attributes", named(&["holder"]), grant, sequence);
    let with = |change: &dyn Fn(&mut Grant)| {
        let mut changed = grant();
        change(&mut changed);
        changed
    };
    let cases: Vec<(&str, Grant)> = vec![
        ("expired", with(&|g| (g.not_before, g.expires_at) = (now() - 3600, now() - 1))),
        ("not-yet-valid", with(&|g| g.not_before = now() + 600)),
        ("other-chain", with(&|g| g.genesis = Hash::zero())),
        ("other-instance", with(&|g| g.instance.index = 2)),
        ("other-node", with(&|g| g.audience = Audience::Node(account(OTHER_NODE)))),
        ("not-owner", with(&|g| g.owner = principal(WEBSITE))),
        ("not-granted", with(&|g| g.attributes = vec!["level".into()])),
        ("bad-use-signature", with(&|g| g.grantee = principal(PAYER))),
    ];
    for (code, grant) in cases {
        assert_eq!(refusal(&world, &ask(&grant, 1)).await, code);
    }
    let usage = |change: &dyn Fn(&mut UseOfGrant)| signed("token_attributes", named(&["holder"]), &grant(), 1, change);
    assert_eq!(refusal(&world, &usage(&|u| u.issued_at -= 600)).await, "stale-use");
    assert_eq!(refusal(&world, &usage(&|u| u.request = Hash::zero())).await, "other-request");
    let mut garbage = named(&["holder"]);
    garbage["authorisation"] = json!({ "grant": 1 });
    assert_eq!(refusal(&world, &body("token_attributes", garbage)).await, "malformed");

    // One that may be used once: what was asked with it is answered, and nothing else; also after a restart.
    let once = with(&|g| (g.uses, g.nonce) = (Some(1), Hash::repeat_byte(2)));
    let answer = world.paid(&ask(&once, 1), session, PRICE).await.result();
    assert_eq!(answer["attributes"]["holder"], "Ada");
    let world = world.restart().await;
    assert_eq!(refusal(&world, &ask(&once, 2)).await, "used-up");

    // A use that was overheard is worth nothing.
    let many = grant();
    let request = ask(&many, 5);
    let answer = world.paid(&request, session, 2 * PRICE).await;
    assert_eq!(answer.result()["attributes"]["holder"], "Ada");
    // But whoever did not hear the answer asks again with the same promise.
    assert_eq!(world.paid(&request, session, 2 * PRICE).await, answer);
    assert_eq!(refusal(&world, &ask(&many, 5)).await, "replayed");
    assert_eq!(refusal(&world, &ask(&many, 4)).await, "replayed");

    // The owner takes it back.
    let revocation = Revocation {
        genesis: GENESIS,
        instance: InstanceId { token_type: 0, index: 1 },
        owner: principal(OWNER),
        revoke: Revoked::Grant(many.id()),
    };
    let by = |number: u8| {
        let signed =
            SignedRevocation { signature: sign_statement(number, &revocation), revocation: revocation.clone() };
        serde_json::to_value(signed).unwrap()
    };
    assert_eq!(world.free("grant_revoke", by(WEBSITE)).await.code(), ErrorCode::NotAuthorised);
    assert_eq!(world.free("grant_revoke", by(OWNER)).await.result(), json!({ "changed": true }));
    assert_eq!(world.free("grant_revoke", by(OWNER)).await.result(), json!({ "changed": false }));
    let world = world.restart().await;
    assert_eq!(refusal(&world, &ask(&many, 6)).await, "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_keeps_more_for_the_owner_and_the_contract_says_who_that_is() {
    let (issued, _) = world(&[("access.owner", "level, wave")]).await;
    assert_eq!(refusal(&issued, &body("token_attributes", named(&["level"]))).await, "missing");
    assert_eq!(
        refusal(&issued, &body("token_call", json!({ "instance": instance(), "action": "wave" }))).await,
        "missing"
    );

    let anvil = Anvil::start().await;
    let evm = vec![EvmConfig::new(ChainId(1), vec![anvil.url.clone()])];
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| config.evm = evm).await;
    let contract = format!(
        r#"<ts:contract interface="erc721" name="Pass"><ts:address network="1">{TOKEN}</ts:address></ts:contract>
           <ts:origins xmlns:ethereum="urn:ethereum:constantinople"><ts:ethereum contract="Pass"/></ts:origins>"#
    );
    let script = script(&contract);
    world.register_script(&script);
    let owner = principal(OWNER).to_string();
    // Where there is a contract, what the issuer says of the owner is not asked.
    world.place_instance(&script, 1, 5, &[("name", "Ada"), ("token.owner", owner.as_str())]).await;
    let ask = showing("token_attributes", named(&["holder"]), &grant(), 1);
    assert_eq!(refusal(&world, &ask).await, "owner-unknown");
    anvil.put(TOKEN, &[("ownerOf(uint256)", contract::word(Address::repeat_byte(0xaa)))]).await;
    anvil.rpc("anvil_mine", json!(["0x1"])).await;
    tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
    assert_eq!(refusal(&world, &ask).await, "not-owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_grant_shows_is_not_remembered_for_others() {
    let world = World::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |config| {
        config.prices.query = smartlayer_api_types::Amount(0);
    })
    .await;
    let script = script("");
    world.register_script(&script);
    let owner = principal(OWNER).to_string();
    world.place_instance(&script, 1, 5, &[("name", "Ada"), ("level", "3"), ("token.owner", owner.as_str())]).await;
    let (grant, all) = (grant(), json!({ "instance": instance() }));
    let select = json!({ "tokenType": 0, "indices": [1], "selection": "known" });
    for round in 0..3 {
        let granted = showing("token_attributes", all.clone(), &grant, 2 * round + 1);
        let answer = world.post(&granted, None).await.result();
        assert_eq!(answer["attributes"], json!({ "holder": "Ada", "level": "3" }));
        let selected = showing("token_select", select.clone(), &grant, 2 * round + 2);
        assert_eq!(world.post(&selected, None).await.result()["selected"], json!([1]));
        // The same request is one use, and not another.
        assert_eq!(refusal(&world, &granted).await, "replayed");

        assert_eq!(world.free("token_attributes", all.clone()).await.result()["attributes"], json!({ "level": "3" }));
        let undecided = world.free("token_select", select.clone()).await.result();
        assert_eq!(undecided["undecided"]["1"]["reason"], "not_authorised");
        assert_eq!(refusal(&world, &body("token_attributes", named(&["holder"]))).await, "missing");
    }
    // Those without a grant came from memory after the first round.
    assert_eq!(world.counted("service_answers_from_memory_total"), 4);
}
