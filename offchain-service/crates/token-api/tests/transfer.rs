//! Transfers: one instance is destroyed and another issued, once, at the owner's order, and everybody who keeps one of them knows.

mod common;

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime},
};

use codec::Encode;
use common::*;
use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{Outcome, Request, Response},
    ErrorCode, Instance,
};
use smartlayer_grants::{Principal, SignedTransfer, Statement, StatementSignature, TransferOrder};
use smartlayer_network::{
    messages::{Content, Gossip, Placement, RefusalCode, Response as PeerResponse},
    Network,
};
use smartlayer_primitives::{
    assignment::{Assignment, Holding},
    instance::InstanceState,
    operation::Operation,
    payload::blake2_256,
    receipt::{Executed, Issued, Owner, Receipt, SignedReceipt},
    token::Redundancy,
    AccountId, Hash, InstanceId, Signature, SLT,
};

const BUYER: u8 = 41;
/// What is given, what is issued for it, and what is issued for that.
const TICKET: InstanceId = InstanceId { token_type: 0, index: 7 };
const SEAT: InstanceId = InstanceId { token_type: 1, index: 8 };
const REFUND: InstanceId = InstanceId { token_type: 0, index: 9 };
/// The positions of `transfer` and `issue`, in type 0 and in type 1.
const KINDS: [[u8; 2]; 2] = [[1, 2], [1, 0]];

const SCRIPT: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="Ticket">
  <ts:cards><ts:card type="action" name="redeem"><ts:label><ts:string xml:lang="en">Redeem</ts:string></ts:label></ts:card>
  <ts:card type="action" name="transfer" exclude="used"><ts:label><ts:string xml:lang="en">Transfer</ts:string></ts:label></ts:card></ts:cards>
  <ts:selection name="used" filter="(uses&gt;0)"><ts:label><ts:string xml:lang="en">Used</ts:string></ts:label></ts:selection>
  <ts:attribute name="uses"><ts:origins><ts:data ref="operations.redeem" as="uint"/><ts:data><ts:uint8>0</ts:uint8></ts:data></ts:origins></ts:attribute>
  <ts:attribute name="gone"><ts:origins><ts:data ref="operations.transfer" as="utf8"/></ts:origins></ts:attribute>
  <ts:attribute name="come"><ts:origins><ts:data ref="operations.issue" as="utf8"/></ts:origins></ts:attribute>
  <ts:attribute name="holder"><ts:origins><ts:data ref="token.owner" as="utf8"/></ts:origins></ts:attribute>
</ts:token>"#;

/// The same on a contract.
const CONTRACT_SCRIPT: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="Ticket">
  <ts:contract interface="erc721" name="T"><ts:address network="31337">0x5FbDB2315678afecb367f032d93F642f64180aa3</ts:address></ts:contract>
  <ts:origins xmlns:ethereum="urn:ethereum:constantinople"><ts:ethereum contract="T"/></ts:origins></ts:token>"#;

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn principal(number: u8) -> Principal {
    Principal::Substrate(account(number))
}

/// The owner's order to give the ticket for the seat, to the buyer.
fn order() -> TransferOrder {
    TransferOrder {
        genesis: GENESIS,
        source: TICKET,
        issued: SEAT,
        owner: principal(OWNER),
        to: principal(BUYER),
        valid_until: now() + 600,
        nonce: Hash::repeat_byte(1),
    }
}

fn signed(order: TransferOrder, by: u8) -> SignedTransfer {
    let signature = StatementSignature::Substrate(Signature::Sr25519(key(by).sign(&order.signing_payload())));
    SignedTransfer { order, signature }
}

/// The call that carries out an order.
fn call(id: u64, signed: &SignedTransfer) -> Vec<u8> {
    let mut params = serde_json::to_value(signed).unwrap();
    params["instance"] = serde_json::to_value(Instance::from(signed.order.source)).unwrap();
    serde_json::to_vec(&Request::new(id, "token_transfer", params)).unwrap()
}

fn ordered(change: impl FnOnce(&mut TransferOrder)) -> Vec<u8> {
    let mut order = order();
    change(&mut order);
    call(1, &signed(order, OWNER))
}

/// An instance as its issuer stored it: its assignment to these nodes, of which the first holds all shards; its state; and the shards.
fn stored(
    instance: InstanceId,
    version: u32,
    serving: &[u8],
    values: &[(&str, &str)],
) -> (Assignment, Vec<u8>, Vec<Vec<u8>>) {
    let values: BTreeMap<_, _> = values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let state = InstanceState { instance, token_id: [0; 32], values }.encode();
    let redundancy = Redundancy { serving: 1, shards: 2, threshold: 2 };
    let (coding, shards) = smartlayer_shards::encode(&state, &redundancy).unwrap();
    let serving: Vec<AccountId> = serving.iter().map(|number| account(*number)).collect();
    let holding = |s: &smartlayer_shards::Shard| Holding { node: serving[0].clone(), shard: s.number, root: s.root };
    let assignment = Assignment {
        instance,
        version,
        period: 0,
        state_hash: blake2_256(&state),
        coding,
        holdings: shards.iter().map(holding).collect::<Vec<_>>().try_into().unwrap(),
        serving: serving.try_into().unwrap(),
    };
    (assignment, state, shards.into_iter().map(|shard| shard.bytes).collect())
}

async fn place_anew(world: &World, instance: InstanceId, version: u32, serving: &[u8], values: &[(&str, &str)]) {
    let (assignment, state, shards) = stored(instance, version, serving, values);
    let mut content = vec![Content::State(state)];
    if serving[0] == NODE {
        content.extend((0..).zip(shards).map(|(number, bytes)| Content::Shard { number, bytes }));
    }
    let placement = Placement { assignment: sign(assignment), content, script: SCRIPT.into() };
    assert_eq!(world.place(placement).await, PeerResponse::Done);
}

async fn place(world: &World, instance: InstanceId, serving: &[u8], values: &[(&str, &str)]) {
    place_anew(world, instance, 1, serving, values).await;
}

/// A node, two token types, and nothing stored yet.
async fn world() -> World {
    let chain = FakeChain::new();
    chain.change(|s| {
        let operations = |names: &[&[u8]]| {
            names.iter().map(|name| name.to_vec().try_into().unwrap()).collect::<Vec<_>>().try_into().unwrap()
        };
        let mut token = s.tokens[&0].clone();
        token.spec.script_hash = blake2_256(SCRIPT.as_bytes());
        token.spec.key_operations = operations(&[b"redeem", b"transfer", b"issue"]);
        s.tokens.insert(0, token.clone());
        token.spec.key_operations = operations(&[b"issue", b"transfer"]);
        s.tokens.insert(1, token);
    });
    World::start_with(chain, tempfile::tempdir().unwrap(), |_| ()).await
}

/// The owner's ticket, the seat that is reserved for it, and the refund that is reserved for the seat.
async fn place_all(world: &World, serving: &[u8]) {
    let owner = principal(OWNER).to_string();
    place(world, TICKET, serving, &[("token.owner", &owner)]).await;
    place(world, SEAT, serving, &[("issue.from", "0/7")]).await;
    place(world, REFUND, serving, &[("issue.from", "1/8")]).await;
}

fn read(instance: InstanceId) -> Vec<u8> {
    body("token_attributes", json!({ "instance": Instance::from(instance), "names": ["gone", "come", "holder"] }))
}

/// The data of the error that a call fails with before anybody pays.
async fn refused(world: &World, request: &[u8], code: ErrorCode) -> Value {
    let answer = world.post(request, None).await;
    let response: Response = serde_json::from_slice(&answer.body).unwrap();
    let Outcome::Error(error) = response.outcome else { panic!("{response:?}") };
    assert_eq!(error.known().map(|known| known.code), Some(code), "{error:?}");
    assert!(answer.required.is_none());
    error.data.unwrap()
}

#[tokio::test]
async fn a_transfer_happens_once_and_the_new_owner_goes_on_from_there() {
    let world = world().await;
    place_all(&world, &[NODE]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let mut told = world.anchor.gossip();

    // Four at once with the same promise: one executes, all get its answer.
    let request = call(1, &signed(order(), OWNER));
    let header = payment(&promise(session, CALL_PRICE, &request));
    let answers = futures::future::join_all((0..4).map(|_| world.post(&request, Some(&header)))).await;
    assert_eq!(answers[0].status, 200, "{:?}", String::from_utf8_lossy(&answers[0].body));
    assert!(answers.iter().all(|a| *a == answers[0]));
    let owner = json!({ "account": account(BUYER).to_string() });
    let issued = json!({ "instance": Instance::from(SEAT), "kind": KINDS[1][1], "owner": owner });
    let expected =
        json!({ "instance": Instance::from(TICKET), "operation": KINDS[0][0], "issued": issued, "blocks": {} });
    assert_eq!(answers[0].result(), expected);
    let receipt = answers[0].receipt(&request);
    let operation = Operation { instance: TICKET, kind: KINDS[0][0], receipt };
    assert!(operation.verify(&GENESIS, &account(SERVICE)));
    let stated = Issued { instance: SEAT, kind: KINDS[1][1], owner: Owner::Account(account(BUYER)) };
    assert_eq!(operation.issued(), Some(&stated));
    let (_, gossip) = tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
    assert_eq!(gossip, Gossip::Operation(operation));

    // What scripts see of both.
    let mut owed = CALL_PRICE;
    let mut attributes = async |world: &World, instance| {
        owed += PRICE;
        world.paid(&read(instance), session, owed).await.result()["attributes"].clone()
    };
    let owner = principal(OWNER).to_string();
    assert_eq!(attributes(&world, TICKET).await, json!({ "gone": "1", "come": "0", "holder": owner }));
    let buyer = principal(BUYER).to_string();
    assert_eq!(attributes(&world, SEAT).await, json!({ "gone": "0", "come": "1", "holder": buyer }));

    // What is destroyed takes no key operation any more, whoever asks.
    for request in [
        call(2, &signed(order(), OWNER)),
        ordered(|order| order.issued = REFUND),
        body("token_call", json!({ "instance": Instance::from(TICKET), "action": "redeem" })),
    ] {
        let data = refused(&world, &request, ErrorCode::Destroyed).await;
        assert_eq!((&data["operation"], &data["issued"]), (&json!("transfer"), &json!(Instance::from(SEAT))));
    }

    // All of it survives a restart, the answer to the byte.
    let world = world.restart().await;
    assert_eq!(world.post(&request, Some(&header)).await, answers[0]);
    refused(&world, &call(3, &signed(order(), OWNER)), ErrorCode::Destroyed).await;
    assert_eq!(attributes(&world, SEAT).await["holder"], buyer);

    // The seat is the buyer's, and not the former owner's.
    let on = |owner: u8| TransferOrder { source: SEAT, issued: REFUND, owner: principal(owner), ..order() };
    let data = refused(&world, &call(4, &signed(on(OWNER), OWNER)), ErrorCode::NotAuthorised).await;
    assert_eq!(data["refusal"], "not-owner");
    let next = call(5, &signed(on(BUYER), BUYER));
    let answer = world.paid(&next, session, CALL_PRICE + 3 * PRICE + CALL_PRICE).await;
    assert_eq!(answer.result()["issued"]["instance"], json!(Instance::from(REFUND)));
    refused(&world, &call(6, &signed(on(BUYER), BUYER)), ErrorCode::Destroyed).await;
}

#[tokio::test]
async fn what_is_not_ordered_by_the_owner_or_prepared_by_the_issuer_does_not_happen() {
    let world = world().await;
    place_all(&world, &[NODE]).await;
    let refusal = async |request: Vec<u8>, code| refused(&world, &request, code).await["refusal"].clone();
    for (request, why) in [
        (ordered(|order| order.genesis = Hash::zero()), "other-chain"),
        (ordered(|order| order.valid_until = now() - 1), "expired"),
        (ordered(|order| order.valid_until = u64::MAX), "malformed"),
        (ordered(|order| order.issued = TICKET), "malformed"),
        (ordered(|order| order.owner = principal(BUYER)), "not-owner"),
        (call(1, &signed(order(), BUYER)), "bad-owner-signature"),
        (call(1, &signed(TransferOrder { owner: principal(BUYER), ..order() }, BUYER)), "not-owner"),
    ] {
        assert_eq!(refusal(request, ErrorCode::NotAuthorised).await, why);
    }
    // An order for one instance is none for another.
    let mut params = serde_json::to_value(signed(order(), OWNER)).unwrap();
    params["instance"] = json!(Instance::from(REFUND));
    let redirected = body("token_transfer", params.clone());
    assert_eq!(refusal(redirected, ErrorCode::NotAuthorised).await, "other-instance");
    params["order"] = json!(7);
    assert_eq!(refusal(body("token_transfer", params), ErrorCode::NotAuthorised).await, "malformed");

    // The refund is reserved for the seat, and a ticket for nothing.
    assert_eq!(refusal(ordered(|order| order.issued = REFUND), ErrorCode::NotTransferable).await, "not-reserved");
    place(&world, InstanceId { index: 20, ..SEAT }, &[NODE], &[]).await;
    assert_eq!(refusal(ordered(|order| order.issued.index = 20), ErrorCode::NotTransferable).await, "not-reserved");
    refused(&world, &ordered(|order| order.issued.index = 77), ErrorCode::UnknownInstance).await;

    // What is to be issued is nobody's to give away before.
    let still = InstanceId { index: 22, ..SEAT };
    let buyer = principal(BUYER).to_string();
    place(&world, still, &[NODE], &[("issue.from", "0/7"), ("token.owner", &buyer)]).await;
    let seat = TransferOrder { source: still, issued: REFUND, owner: principal(BUYER), ..order() };
    assert_eq!(refusal(call(1, &signed(seat, BUYER)), ErrorCode::NotTransferable).await, "not-issued");

    // Key operations that a script would execute without an order.
    let transfer = body("token_call", json!({ "instance": Instance::from(TICKET), "action": "transfer" }));
    refused(&world, &transfer, ErrorCode::InvalidParams).await;

    // Not in batches, and for money only.
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let one: Value = serde_json::from_slice(&ordered(|_| ())).unwrap();
    let batch = serde_json::to_vec(&json!([one])).unwrap();
    let answers: Vec<Response> = serde_json::from_slice(&world.paid(&batch, session, CALL_PRICE).await.body).unwrap();
    let Outcome::Error(error) = &answers[0].outcome else { panic!("{answers:?}") };
    assert_eq!(error.code, ErrorCode::OperationInBatch.code());
    assert_eq!(world.post(&ordered(|_| ()), None).await.code(), ErrorCode::PaymentRequired);

    // Token types without the key operations, or whose owners a contract names.
    let change = |token: u32, change: &dyn Fn(&mut smartlayer_primitives::token::TokenSpec)| {
        world.chain.change(|s| change(&mut s.tokens.get_mut(&token).unwrap().spec));
        world.chain.advance(&[]);
    };
    let before = world.chain.change(|s| s.tokens.clone());
    change(1, &|spec| spec.key_operations = Default::default());
    assert_eq!(refusal(ordered(|_| ()), ErrorCode::NotTransferable).await, "no-issue-operation");
    change(0, &|spec| spec.key_operations = Default::default());
    assert_eq!(refusal(ordered(|_| ()), ErrorCode::NotTransferable).await, "no-transfer-operation");
    world.chain.change(|s| s.tokens = before);
    let script = CONTRACT_SCRIPT.as_bytes().to_vec();
    let holder = peer_with_script(&world, script.clone()).await;
    change(1, &|spec| spec.script_hash = blake2_256(&script));
    assert_eq!(refusal(ordered(|_| ()), ErrorCode::NotTransferable).await, "owned-on-chain");
    drop(holder);

    // None of it did anything.
    let read = world.paid(&read(TICKET), session, PRICE).await.result();
    assert_eq!((&read["attributes"]["gone"], &read["attributes"]["come"]), (&json!("0"), &json!("0")));
}

/// An anchor that knows a script.
async fn peer_with_script(world: &World, script: Vec<u8>) -> Network {
    let mut config = smartlayer_network::Config::new(
        smartlayer_network::keypair([60; 32]),
        GENESIS,
        std::sync::Arc::new(|_: &smartlayer_primitives::assignment::SignedAssignment| true),
    );
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let mut registry = prometheus_client::registry::Registry::default();
    let (network, runner, mut inbound) = smartlayer_network::new(config, &mut registry).unwrap();
    tokio::spawn(runner.run(tokio_util::sync::CancellationToken::new()));
    tokio::spawn(async move {
        while let Some(request) = inbound.recv().await {
            let _ = request.respond.send(PeerResponse::Blob(script.clone()));
        }
    });
    for address in network.wait_for_addresses().await {
        world.network.dial(address).await;
    }
    world.network.wait_for_peers(2, Duration::from_secs(10)).await.unwrap();
    let organisation = smartlayer_primitives::organisation::Organisation {
        name: Default::default(),
        endpoint: Default::default(),
        peer_id: network.local_peer_id().to_bytes().try_into().unwrap(),
        key: key(1).public(),
        bond: 1,
    };
    world.chain.change(|s| s.organisations.insert(account(1), organisation));
    network
}

#[tokio::test]
async fn what_was_issued_is_not_issued_again_even_if_it_is_reserved_anew() {
    let world = world().await;
    place_all(&world, &[NODE]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    world.paid(&ordered(|_| ()), session, CALL_PRICE).await.result();

    let other = InstanceId { index: 10, ..TICKET };
    let owner = principal(OWNER).to_string();
    place(&world, other, &[NODE], &[("token.owner", &owner)]).await;
    let anew = |values| {
        let (assignment, state, shards) = stored(SEAT, 2, &[NODE], values);
        let shards = (0..).zip(shards).map(|(number, bytes)| Content::Shard { number, bytes });
        let content = std::iter::once(Content::State(state)).chain(shards).collect();
        world.place(Placement { assignment: sign(assignment), content, script: SCRIPT.into() })
    };
    let his = [("token.owner", owner.as_str())];
    for values in [&[("issue.from", "0/10")][..], &his] {
        let PeerResponse::Refused(refusal) = anew(values).await else { panic!() };
        assert_eq!(refusal.code, RefusalCode::Invalid);
    }
    let data = refused(&world, &ordered(|order| order.source = other), ErrorCode::NotTransferable).await;
    assert_eq!(data["refusal"], "not-reserved");
    // Other values the issuer may store.
    assert_eq!(anew(&[("issue.from", "0/7"), ("row", "12")]).await, PeerResponse::Done);
}

/// The script's action of that name says which instances may be transferred.
#[tokio::test]
async fn what_was_redeemed_is_not_exchanged_for_something_fresh() {
    let world = world().await;
    place_all(&world, &[NODE]).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let redeem = body("token_call", json!({ "instance": Instance::from(TICKET), "action": "redeem" }));
    world.paid(&redeem, session, CALL_PRICE).await.result();
    let described = world.free("token_describe", json!({ "tokenType": 0 })).await.result();
    let methods = described["methods"].as_array().unwrap();
    let transfers: Vec<_> = methods.iter().filter(|method| method["method"] == "token_transfer").collect();
    assert_eq!(transfers.len(), 1);
    assert_eq!((&transfers[0]["excludedBy"], &transfers[0]["access"]), (&json!(["used"]), &json!("owner")));
    assert!(methods.iter().all(|method| method["action"] != "transfer"));
    let data = refused(&world, &ordered(|_| ()), ErrorCode::SelectionDenies).await;
    assert_eq!(data["selection"], "used");
    let read = world.paid(&read(TICKET), session, CALL_PRICE + PRICE).await.result();
    assert_eq!(read["attributes"]["gone"], "0");
}

/// Two orders of one owner for one instance, at the same time from two sessions.
#[tokio::test]
async fn of_two_orders_for_one_instance_one_is_carried_out() {
    let world = world().await;
    place_all(&world, &[NODE]).await;
    let other = InstanceId { index: 21, ..SEAT };
    place(&world, other, &[NODE], &[("issue.from", " 0 / 7 ")]).await;
    let calls = [SEAT, other].map(|issued| ordered(|order| order.issued = issued));
    let paid = calls.iter().enumerate().map(|(nonce, request)| {
        let session = world.chain.open_session(&account(NODE), nonce as u64, SLT);
        world.paid(request, session, CALL_PRICE)
    });
    let answers = futures::future::join_all(paid).await;
    let charged: Vec<bool> = answers
        .iter()
        .map(|answer| {
            let response: Response = serde_json::from_slice(&answer.body).unwrap();
            match response.outcome {
                Outcome::Result(_) => true,
                Outcome::Error(error) => {
                    assert_eq!(error.code, ErrorCode::Destroyed.code());
                    let receipt = answer.settled.clone().and_then(|settled| settled.extra);
                    assert!(receipt.is_none_or(|settled| settled.charged_amount.0 == 0));
                    false
                }
            }
        })
        .collect();
    assert_eq!(charged.iter().filter(|charged| **charged).count(), 1);
}

/// A peer that is the other node, and its connection to the world.
async fn other_node(world: &World, shards: HashMap<u32, Vec<u8>>) -> Network {
    let other = peer(50, shards).await;
    for address in other.wait_for_addresses().await {
        world.network.dial(address).await;
    }
    world.network.wait_for_peers(2, Duration::from_secs(10)).await.unwrap();
    world.chain.register(account(OTHER_NODE), account(OTHER_NODE), &other);
    other
}

/// Publishes who keeps an instance, until the world finds it.
async fn publish(world: &World, by: &Network, assignment: Assignment) {
    let params = json!({ "instance": Instance::from(assignment.instance) });
    let signed = sign(assignment);
    for _ in 0..100 {
        let _ = by.publish_assignment(signed.clone()).await;
        if world.free("token_holders", params.clone()).await.body.windows(9).any(|bytes| bytes == b"\"result\":") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the assignment is not found");
}

/// Tells the world something.
async fn tell(world: &World, gossip: &Gossip) {
    for _ in 0..100 {
        if world.anchor.publish(gossip.clone()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody listens");
}

/// A transfer of the ticket to the seat, or to something else, that the other node says it executed.
fn told(issued: Issued, kind: u8, by: u8) -> Gossip {
    let receipt = Receipt {
        node: account(OTHER_NODE),
        session: Hash::zero(),
        charged: CALL_PRICE,
        cumulative: CALL_PRICE,
        request_hash: Hash::zero(),
        result_hash: Hash::zero(),
        operation: Some(Executed { instance: TICKET, kind, issued: Some(issued) }),
    };
    let receipt = SignedReceipt { signature: key(by).sign_payload(&receipt, &GENESIS), receipt };
    Gossip::Operation(Operation { instance: TICKET, kind, receipt })
}

/// The attributes of an instance as soon as it is issued, or as they stay.
async fn issued_attributes(world: &World, instance: InstanceId) -> Value {
    let mut found = Value::Null;
    for _ in 0..200 {
        found = world.post(&read(instance), None).await.result()["attributes"].clone();
        if found["come"] == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    found
}

/// A world where reading is free, so that tests can look as often as they like.
async fn free_world() -> World {
    let (chain, dir) = world().await.stop().await;
    World::start_with(chain, dir, |config| config.prices.query.0 = 0).await
}

#[tokio::test]
async fn other_holders_apply_a_transfer_to_both_instances() {
    let world = free_world().await;
    let _other = other_node(&world, HashMap::new()).await;
    place_all(&world, &[OTHER_NODE, NODE]).await;
    let issued = |instance, kind| Issued { instance, kind, owner: Owner::Ethereum([0xaa; 20]) };
    let good = issued(SEAT, KINDS[1][1]);
    // Not signed by the executor; under another name; of what is not reserved for it; for itself.
    let forged = [
        told(good.clone(), KINDS[0][0], ISSUER),
        told(good.clone(), 0, OTHER_NODE),
        told(issued(SEAT, 1), KINDS[0][0], OTHER_NODE),
        told(issued(REFUND, KINDS[0][1]), KINDS[0][0], OTHER_NODE),
        told(issued(TICKET, KINDS[0][1]), KINDS[0][0], OTHER_NODE),
    ];
    for forged in &forged {
        tell(&world, forged).await;
    }
    // Gossip of one peer is taken in one after the other: what was told before has been judged when this is seen.
    tell(&world, &told(good, KINDS[0][0], OTHER_NODE)).await;
    let seat = issued_attributes(&world, SEAT).await;
    let owner = Principal::Ethereum([0xaa; 20]).to_string();
    assert_eq!(seat, json!({ "gone": "0", "come": "1", "holder": owner }));
    let ticket = world.post(&read(TICKET), None).await.result()["attributes"].clone();
    assert_eq!((&ticket["gone"], &ticket["come"]), (&json!("1"), &json!("0")));
    let refund = world.post(&read(REFUND), None).await.result()["attributes"].clone();
    assert_eq!((&refund["gone"], &refund["come"]), (&json!("0"), &json!("0")));
    // It leaves operations to the executor.
    refused(&world, &ordered(|_| ()), ErrorCode::NotTheExecutor).await;
}

#[tokio::test]
async fn whoever_keeps_only_what_was_issued_hears_of_it_as_well() {
    let world = free_world().await;
    let other = other_node(&world, HashMap::new()).await;
    place(&world, SEAT, &[NODE], &[("issue.from", "0/7")]).await;
    let (assignment, ..) = stored(TICKET, 1, &[OTHER_NODE], &[]);
    publish(&world, &other, assignment).await;
    let good = Issued { instance: SEAT, kind: KINDS[1][1], owner: Owner::Account(account(BUYER)) };
    tell(&world, &told(good, KINDS[0][0], OTHER_NODE)).await;
    let seat = issued_attributes(&world, SEAT).await;
    assert_eq!(seat, json!({ "gone": "0", "come": "1", "holder": principal(BUYER).to_string() }));
}

#[tokio::test]
async fn what_is_issued_may_be_kept_by_others() {
    let world = world().await;
    let owner = principal(OWNER).to_string();
    place(&world, TICKET, &[NODE], &[("token.owner", &owner)]).await;
    let (assignment, _, shards) = stored(SEAT, 1, &[OTHER_NODE], &[("issue.from", "0/7")]);
    let other = other_node(&world, (0..).zip(shards).collect()).await;
    publish(&world, &other, assignment).await;
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let answer = world.paid(&ordered(|_| ()), session, CALL_PRICE).await;
    assert_eq!(answer.result()["issued"]["instance"], json!(Instance::from(SEAT)));
    refused(&world, &ordered(|order| order.nonce = Hash::zero()), ErrorCode::Destroyed).await;
}
