//! Sealed values between service nodes: who gets the key to them, who does not, and what is on the disks.

use std::{fs, path::Path, time::SystemTime};

use codec::Encode;
use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{IssuerPublish, IssuerUnlock, NodeInfo, Outcome, Response},
    ErrorCode, HexBytes,
};
use smartlayer_grants::{Audience, Grant, Principal, Use};
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_network::messages::{Content, Placement, RefusalCode, Request as PeerRequest, Response as PeerResponse};
use smartlayer_primitives::{
    assignment::{Assignment, Holding},
    instance::InstanceState,
    payload::blake2_256,
    token::Redundancy,
    AccountId, Hash, SLT,
};
use smartlayer_sealed_values::{hand_over, InstanceKey, KeyOffer, Receiver, SignedKeyOffer};

use crate::{common::*, Second, OTHER_SERVICE, SOON};

const SECRET: &str = "Ada Lovelace";
const LATER: &str = "Grace Hopper";

/// A pass with its holder's name, which the script itself keeps for nobody.
const PASS: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="Pass">
  <ts:attribute name="who"><ts:origins><ts:data ref="holder" as="utf8"/></ts:origins></ts:attribute>
  <ts:attribute name="level"><ts:origins><ts:data ref="level" as="utf8"/></ts:origins></ts:attribute>
</ts:token>"#;

fn key_of_instance() -> InstanceKey {
    InstanceKey::derive(&key(ISSUER).derive_secret("test"), &GENESIS, INSTANCE)
}

/// The pass as its issuer stored it: to be served by these, and its two shards, of which the first node has the first.
fn pass(serving: &[u8], holders: [u8; 2], version: u32) -> (Assignment, Vec<u8>, Vec<Vec<u8>>) {
    let values = [
        ("level".to_owned(), "3".to_owned()),
        ("holder".to_owned(), key_of_instance().seal(INSTANCE, "holder", SECRET).unwrap()),
        ("token.owner".to_owned(), Principal::Substrate(account(OWNER)).to_string()),
    ];
    // Sealed anew, a value is another text; so each version is another state.
    let state = InstanceState { instance: INSTANCE, token_id: [0; 32], values: values.into() }.encode();
    let redundancy = Redundancy { serving: 1, shards: 2, threshold: 2 };
    let (coding, shards) = smartlayer_shards::encode(&state, &redundancy).unwrap();
    let holding = |(shard, node): (&smartlayer_shards::Shard, u8)| Holding {
        node: account(node),
        shard: shard.number,
        root: shard.root,
    };
    let assignment = Assignment {
        instance: INSTANCE,
        version,
        period: 0,
        state_hash: blake2_256(&state),
        coding,
        serving: serving.iter().map(|n| account(*n)).collect::<Vec<AccountId>>().try_into().unwrap(),
        holdings: shards.iter().zip(holders).map(holding).collect::<Vec<_>>().try_into().unwrap(),
    };
    (assignment, state, shards.into_iter().map(|shard| shard.bytes).collect())
}

/// What this node gets of it.
fn part(of: &(Assignment, Vec<u8>, Vec<Vec<u8>>), node: u8) -> Placement {
    let (assignment, state, shards) = of;
    let mut content = Vec::new();
    if assignment.serving.contains(&account(node)) {
        content.push(Content::State(state.clone()));
    }
    for holding in assignment.holdings.iter().filter(|h| h.node == account(node)) {
        content.push(Content::Shard { number: holding.shard, bytes: shards[holding.shard as usize].clone() });
    }
    Placement { assignment: sign(assignment.clone()), content, script: PASS.into() }
}

async fn world() -> World {
    let world = World::start().await;
    world.chain.change(|s| s.tokens.get_mut(&0).unwrap().spec.script_hash = blake2_256(PASS.as_bytes()));
    world
}

async fn place_there(world: &World, second: &Second, placement: Placement) {
    world.anchor.wait_for_peers(2, SOON).await.unwrap();
    let request = PeerRequest::Place(Box::new(placement));
    assert_eq!(world.anchor.request(second.network.local_peer_id(), request).await.unwrap(), PeerResponse::Done);
}

/// The instance's key, sealed to this node as it says in `node_info`.
async fn unlock(world: &World, key: &InstanceKey) -> Answer {
    let info: NodeInfo = serde_json::from_value(world.free("node_info", json!({})).await.result()).unwrap();
    let public_key = info.key_offer.public_key.0[..].try_into().unwrap();
    let signature = (&info.key_offer.signature).try_into().unwrap();
    let offer = SignedKeyOffer { offer: KeyOffer { node: account(NODE), public_key }, signature };
    let key = HexBytes(offer.hand_over(key, &GENESIS, INSTANCE, &account(SERVICE)).unwrap());
    world.free("issuer_unlock", serde_json::to_value(IssuerUnlock { instance: INSTANCE.into(), key }).unwrap()).await
}

/// Asks for the holder's name, with the owner's grant.
fn ask(node: u8, sequence: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let grant = Grant {
        genesis: GENESIS,
        instance: INSTANCE,
        owner: Principal::Substrate(account(OWNER)),
        grantee: Principal::Substrate(account(WEBSITE)),
        audience: Audience::Any,
        attributes: vec!["who".into()],
        actions: vec![],
        not_before: now - 60,
        expires_at: now + 3600,
        uses: None,
        nonce: Hash::repeat_byte(1),
    };
    let usage = Use { grant: grant.id(), node: account(node), sequence, issued_at: now, request: Hash::zero() };
    showing_use("token_attributes", json!({ "instance": instance(), "names": ["who"] }), &grant, usage)
}

fn instance() -> Value {
    json!({ "tokenType": 0, "index": 7 })
}

/// What of a data folder's files is this text.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => holds(&path, text),
            false => fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()),
        }
    })
}

fn outcome(response: Response) -> Value {
    match response.outcome {
        Outcome::Result(result) => result,
        Outcome::Error(e) => panic!("{e:?}"),
    }
}

#[tokio::test]
async fn a_sealed_value_is_for_whom_the_owner_grants_it_at_nodes_with_the_key_and_on_no_disk() {
    let world = world().await;
    let stored = pass(&[NODE], [NODE, NODE], 1);
    assert_eq!(world.place(part(&stored, NODE)).await, PeerResponse::Done);
    let session = world.chain.open_session(&account(NODE), 0, SLT);
    let all = body("token_attributes", json!({ "instance": instance() }));

    // What is not sealed is for everyone. What is sealed is for the owner, though the script does not say so.
    let answer = world.paid(&all, session, PRICE).await.result();
    assert_eq!(
        (&answer["attributes"], &answer["unavailable"]["who"]["reason"]),
        (&json!({ "level": "3" }), &json!("private"))
    );
    let unasked = world.free("token_attributes", json!({ "instance": instance(), "names": ["who"] })).await;
    assert_eq!(unasked.code(), ErrorCode::NotAuthorised);

    // With a grant it is locked, before anybody pays, until the issuer hands over the key.
    let locked = world.post(&ask(NODE, 1), None).await;
    assert_eq!((locked.code(), locked.required.is_none()), (ErrorCode::Locked, true));
    assert_eq!(unlock(&world, &key_of_instance()).await.result(), json!({ "changed": true }));
    assert_eq!(unlock(&world, &key_of_instance()).await.result(), json!({ "changed": false }));
    let answer = world.paid(&ask(NODE, 1), session, 2 * PRICE).await.result();
    assert_eq!(answer["attributes"], json!({ "who": SECRET }));
    // And still not for others.
    let answer = world.paid(&all, session, 3 * PRICE).await.result();
    assert_eq!(answer["attributes"], json!({ "level": "3" }));

    // The issuer's update seals another. Here it is in force; on the disk it is as closed as the first.
    let sealed = key_of_instance().seal(INSTANCE, "holder", LATER).unwrap();
    let update = StateUpdate {
        instance: INSTANCE,
        sequence: 1,
        reset: false,
        values: [("holder".to_owned(), Some(sealed))].into(),
        issued_at: 1_790_000_000,
    };
    let signed = SignedUpdate { signature: key(ISSUER).sign_payload(&update, &GENESIS), update };
    let published = world.free("issuer_publish", serde_json::to_value(IssuerPublish::from(&signed)).unwrap()).await;
    assert_eq!(published.result()["status"], "applied");
    let answer = world.paid(&ask(NODE, 2), session, 4 * PRICE).await.result();
    assert_eq!(answer["attributes"], json!({ "who": LATER }));

    // A restart loses no key.
    let world = world.restart().await;
    let answer = world.paid(&ask(NODE, 3), session, 5 * PRICE).await.result();
    assert_eq!(answer["attributes"], json!({ "who": LATER }));
    let (_, dir) = world.stop().await;
    assert!(holds(dir.path(), "sealed:1:"), "what is kept is kept sealed");
    for secret in [SECRET, LATER, "Lovelace", "Hopper"] {
        assert!(!holds(dir.path(), secret), "{secret} is on the disk");
    }
}

#[tokio::test]
async fn a_key_that_is_not_for_this_node_or_opens_nothing_is_refused() {
    let world = world().await;
    let handed = |to: &Receiver| HexBytes(hand_over(&key_of_instance(), &GENESIS, INSTANCE, &to.public_key()).unwrap());
    let unlock_with = async |key: HexBytes| {
        world
            .free("issuer_unlock", serde_json::to_value(IssuerUnlock { instance: INSTANCE.into(), key }).unwrap())
            .await
    };
    let unknown = unlock_with(handed(&Receiver::derive(&[9; 32]))).await;
    assert_eq!(unknown.code(), ErrorCode::UnknownInstance);
    assert_eq!(world.place(part(&pass(&[NODE], [NODE, NODE], 1), NODE)).await, PeerResponse::Done);
    assert_eq!(unlock_with(handed(&Receiver::derive(&[9; 32]))).await.code(), ErrorCode::KeyRefused);
    assert_eq!(unlock_with(HexBytes(vec![1; 80])).await.code(), ErrorCode::KeyRefused);
    assert_eq!(unlock_with(HexBytes(vec![])).await.code(), ErrorCode::KeyRefused);
    let another = InstanceKey::derive(&[3; 32], &GENESIS, INSTANCE);
    assert_eq!(unlock(&world, &another).await.code(), ErrorCode::KeyRefused);
    assert_eq!(world.post(&ask(NODE, 1), None).await.code(), ErrorCode::Locked);
}

#[tokio::test]
async fn who_comes_to_serve_gets_the_key_from_who_serves_and_who_holds_a_shard_does_not() {
    let world = world().await;
    assert_eq!(world.place(part(&pass(&[NODE], [NODE, NODE], 1), NODE)).await, PeerResponse::Done);
    assert_eq!(unlock(&world, &key_of_instance()).await.result(), json!({ "changed": true }));
    let dir = tempfile::tempdir().unwrap();
    let second = Second::start(&world, dir.path()).await;
    let session = world.chain.open_session(&account(OTHER_NODE), 0, SLT);

    // It holds a shard: it can restore the state, and serve what is not sealed.
    let stored = pass(&[NODE], [NODE, OTHER_NODE], 2);
    assert_eq!(world.place(part(&stored, NODE)).await, PeerResponse::Done);
    place_there(&world, &second, part(&stored, OTHER_NODE)).await;
    let all = body("token_attributes", json!({ "instance": instance() }));
    assert_eq!(outcome(second.paid(&world, all, session, PRICE).await)["attributes"], json!({ "level": "3" }));
    let offer = |node: u8, service: u8| {
        let offer = KeyOffer { node: account(node), public_key: Receiver::derive(&[9; 32]).public_key() };
        let signature = key(service).sign_payload(&offer, &GENESIS);
        PeerRequest::InstanceKeys { instance: INSTANCE, offer: Box::new(SignedKeyOffer { offer, signature }) }
    };
    let refused = second.network.request(world.network.local_peer_id(), offer(OTHER_NODE, OTHER_SERVICE)).await;
    let Ok(PeerResponse::Refused(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code, RefusalCode::NotAllowed);

    // It comes to serve: now it asks, and has the key.
    let stored = pass(&[NODE, OTHER_NODE], [NODE, OTHER_NODE], 3);
    assert_eq!(world.place(part(&stored, NODE)).await, PeerResponse::Done);
    place_there(&world, &second, part(&stored, OTHER_NODE)).await;
    let mut answer = second.paid(&world, ask(OTHER_NODE, 1), session, 2 * PRICE).await;
    for _ in 0..100 {
        if matches!(&answer.outcome, Outcome::Result(_)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = second.paid(&world, ask(OTHER_NODE, 1), session, 2 * PRICE).await;
    }
    assert_eq!(outcome(answer)["attributes"], json!({ "who": SECRET }));

    // Nobody else gets it in its name: not another peer, and not to another key.
    let refused = world.anchor.request(world.network.local_peer_id(), offer(OTHER_NODE, OTHER_SERVICE)).await;
    assert!(matches!(refused, Ok(PeerResponse::Refused(r)) if r.code == RefusalCode::NotAllowed));
    let refused = second.network.request(world.network.local_peer_id(), offer(OTHER_NODE, SERVICE)).await;
    assert!(matches!(refused, Ok(PeerResponse::Refused(r)) if r.code == RefusalCode::NotAllowed));

    // It serves no more: the key is gone.
    let stored = pass(&[NODE], [NODE, OTHER_NODE], 4);
    assert_eq!(world.place(part(&stored, NODE)).await, PeerResponse::Done);
    place_there(&world, &second, part(&stored, OTHER_NODE)).await;
    let answer = second.paid(&world, ask(OTHER_NODE, 2), session, 3 * PRICE).await;
    assert!(matches!(answer.outcome, Outcome::Error(e) if e.code == ErrorCode::Locked.code()));
    second.stop().await;
    assert!(!holds(dir.path(), SECRET));
}
