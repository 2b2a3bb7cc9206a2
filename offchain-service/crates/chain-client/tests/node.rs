//! Against a real node: the binary that the environment variable SMARTLAYER_NODE names. Skipped, and says so, where it is not set.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use smartlayer_chain_client::{calls, Call, ChainClient, Error, Event, Keypair};
use smartlayer_primitives::{
    node::KeyOwnership,
    promise::{session_id, Promise, SignedPromise},
    session::Beneficiary,
    sla::Objectives,
    token::{Redundancy, TokenSpec},
    Hash, SessionId, SLT,
};

/// A development chain; killed when dropped.
struct Node {
    binary: PathBuf,
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Node {
    fn start() -> Option<Self> {
        let Some(binary) = std::env::var_os("SMARTLAYER_NODE").map(PathBuf::from) else {
            eprintln!("skipped: SMARTLAYER_NODE does not name a node binary");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn(&binary, dir.path(), port);
        Some(Self { binary, dir, port, child })
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.child = spawn(&self.binary, self.dir.path(), self.port);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(binary: &Path, dir: &Path, port: u16) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
    Command::new(binary)
        .args(["--dev", "--base-path"])
        .arg(dir)
        .args(["--rpc-port", &port.to_string(), "--port", "0", "--no-prometheus"])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn key(name: &str) -> Keypair {
    Keypair::development(name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_reads_events_errors_and_a_dead_node() {
    let Some(mut node) = Node::start() else { return };
    let chain = tokio::time::timeout(Duration::from_secs(60), ChainClient::connect_patiently(&node.url()))
        .await
        .expect("the node answers within a minute")
        .unwrap();
    assert_ne!(chain.genesis_hash(), Hash::zero());

    transfers(&chain).await;
    refusals(&chain).await;
    a_session(&chain).await;
    a_token(&chain).await;
    every_storage(&chain).await;
    follows_every_block(&chain).await;
    a_dead_node(&chain, &mut node).await;
}

async fn transfers(chain: &ChainClient) {
    // Alice authors the blocks and so is paid the fees; Charlie only pays them.
    let (sender, bob) = (key("//Charlie"), key("//Bob"));
    let before = chain.best().await.unwrap();
    let (a, b) = (before.balance(&sender.account()).await.unwrap(), before.balance(&bob.account()).await.unwrap());
    let issuance = before.total_issuance().await.unwrap();

    let sent = chain.submit(&sender, calls::balances::transfer_keep_alive(&bob.account(), SLT)).await.unwrap();
    assert!(sent.fee > 0);
    let after = chain.at(sent.block).unwrap();
    assert_eq!(after.balance(&bob.account()).await.unwrap().free, b.free + SLT);
    assert_eq!(after.balance(&sender.account()).await.unwrap().free, a.free - SLT - sent.fee);
    assert!(after.total_issuance().await.unwrap() <= issuance);

    // Many at once from one account: each finds its own nonce.
    let many: Vec<_> = (0..8)
        .map(|_| {
            let (chain, sender, to) = (chain.clone(), sender.clone(), bob.account());
            tokio::spawn(async move { chain.submit(&sender, calls::balances::transfer_keep_alive(&to, SLT)).await })
        })
        .collect();
    for one in many {
        one.await.unwrap().unwrap();
    }
    let batch = Call::batch_all([1, 2].map(|n| calls::balances::transfer_keep_alive(&bob.account(), n * SLT)));
    let sent = chain.submit_finalized(&sender, batch).await.unwrap();
    let view = chain.at(sent.block).unwrap();
    assert_eq!(view.balance(&bob.account()).await.unwrap().free, b.free + 12 * SLT);
    assert!(chain.status().borrow().finalized.number + 1 >= sent.block.number);
}

async fn refusals(chain: &ChainClient) {
    let alice = key("//Alice");
    // The call fails: the chain's error, with its words.
    let error = chain.submit(&alice, calls::promise_settlement::finish(SessionId::repeat_byte(1))).await.unwrap_err();
    let failure = error.failure().unwrap_or_else(|| panic!("{error}"));
    assert!(failure.is("PromiseSettlement", "NoSuchSession"), "{error}");
    assert!(!failure.docs.is_empty());
    // All or nothing.
    let batch = Call::batch_all([
        calls::balances::transfer_keep_alive(&key("//Bob").account(), SLT),
        calls::promise_settlement::finish(SessionId::repeat_byte(1)),
    ]);
    let error = chain.submit(&alice, batch).await.unwrap_err();
    assert!(error.failure().is_some_and(|f| f.is("PromiseSettlement", "NoSuchSession")), "{error}");
    // Arguments that do not fit are never signed.
    for args in [vec![], vec![0; 31], vec![0; 33]] {
        let error = chain.submit(&alice, Call::raw("PromiseSettlement", "finish", args)).await.unwrap_err();
        assert!(matches!(error, Error::BadCall { .. }), "{error}");
    }
    let error = chain.submit(&alice, Call::raw("Nothing", "none", vec![])).await.unwrap_err();
    assert!(matches!(error, Error::BadCall { .. }), "{error}");
    // Who cannot pay the fee is refused by the pool.
    let nobody = Keypair::from_seed(&[77; 32]);
    let error = chain.submit(&nobody, calls::service_staking::withdraw()).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error}");
}

async fn a_session(chain: &ChainClient) {
    let (payer, node, service_key) = (key("//Alice"), key("//Bob"), Keypair::from_seed(&[5; 32]));
    let genesis = chain.genesis_hash();
    let ownership = KeyOwnership { account: node.account() };
    let register = calls::service_staking::register(
        b"http://127.0.0.1:1".to_vec().try_into().unwrap(),
        vec![0, 1, 2].try_into().unwrap(),
        service_key.account(),
        service_key.sign_payload(&ownership, &genesis),
        10_000 * SLT,
    );
    chain.submit(&node, register).await.unwrap();
    let view = chain.best().await.unwrap();
    let stored = view.node(&node.account()).await.unwrap().unwrap();
    assert_eq!((stored.service_key, stored.bond), (service_key.account(), 10_000 * SLT));
    assert_eq!(view.node_of_service_key(&service_key.account()).await.unwrap(), Some(node.account()));
    assert_eq!(view.nodes().await.unwrap().len(), 1);
    assert!(view.balance(&node.account()).await.unwrap().held >= 10_000 * SLT);

    let nonce = view.next_session_nonce(&payer.account()).await.unwrap().unwrap();
    let open = calls::promise_settlement::open(
        Beneficiary::Node(node.account()),
        payer.account(),
        None,
        10 * SLT,
        nonce,
        1_000,
    );
    let opened = chain.submit_finalized(&payer, open).await.unwrap();
    let session = session_id(&genesis, &payer.account(), &node.account(), nonce);
    let beneficiary = Beneficiary::Node(node.account());
    let event = Event::SessionOpened { session, payer: payer.account(), beneficiary, deposit: 10 * SLT };
    assert!(opened.events.contains(&event), "{:?}", opened.events);
    assert_eq!(event.session(), Some(session));

    let view = chain.at(opened.block).unwrap();
    let stored = view.session(&session).await.unwrap().unwrap();
    assert_eq!((stored.deposit, stored.held()), (10 * SLT, 10 * SLT));
    assert_eq!((stored.node(), stored.expires_at), (Some(&node.account()), opened.block.number + 1_000));
    assert_eq!(view.channels(&session).await.unwrap(), []);
    assert_eq!(view.sessions_of_notary(&node.account()).await.unwrap(), []);
    assert_eq!(view.sessions_of_node(&node.account()).await.unwrap(), [(session, stored.clone())]);
    assert_eq!(view.sessions_of_payer(&payer.account()).await.unwrap(), [(session, stored)]);
    assert_eq!(view.next_session_nonce(&payer.account()).await.unwrap(), Some(nonce + 1));
    let in_block = chain.events_at(opened.block).await.unwrap();
    assert!(in_block.iter().any(|r| r.event == event && r.extrinsic.is_some()));

    let more = chain.submit(&payer, calls::promise_settlement::top_up(session, SLT)).await.unwrap();
    assert!(more.events.iter().any(|e| e.session() == Some(session)), "{:?}", more.events);
    assert_eq!(chain.at(more.block).unwrap().session(&session).await.unwrap().unwrap().deposit, 11 * SLT);

    let promise = Promise { session, cumulative: SLT, call_hash: Hash::zero(), ticks: None };
    let signature = payer.sign_payload(&promise, &genesis);
    let promise = SignedPromise { promise, signature };
    // The node's hot key may settle in its name; it needs something to pay the fee with.
    let fund = calls::balances::transfer_keep_alive(&service_key.account(), SLT);
    chain.submit(&payer, fund).await.unwrap();
    let closed =
        chain.submit(&service_key, calls::promise_settlement::close(session, Some(promise.into()))).await.unwrap();
    let books = closed.events.iter().find_map(|e| match e {
        Event::SessionClosed { deposit, paid, burned, issuer, refunded, .. } => {
            Some((*deposit, *paid + *burned, *issuer, *refunded))
        }
        _ => None,
    });
    assert_eq!(books.expect("a closing event"), (11 * SLT, SLT, 0, 10 * SLT));
    assert_eq!(chain.at(closed.block).unwrap().session(&session).await.unwrap(), None);
}

async fn a_token(chain: &ChainClient) {
    let issuer = key("//Alice");
    let redundancy = Redundancy { serving: 2, shards: 4, threshold: 2 };
    let rent = chain.finalized().unwrap().rent_quote(redundancy, 10).await.unwrap();
    assert!(rent.is_some_and(|rent| rent > 0));
    let spec = TokenSpec {
        script_hash: Hash::repeat_byte(3),
        script_uris: vec![b"file:///ticket.xml".to_vec().try_into().unwrap()].try_into().unwrap(),
        requirement: Objectives::default(),
        redundancy,
        key_operations: vec![b"redeem".to_vec().try_into().unwrap()].try_into().unwrap(),
        revenue_share: Default::default(),
    };
    let registered = chain.submit(&issuer, calls::smart_tokens::register(spec.clone(), 10)).await.unwrap();
    let token_type = registered.events.iter().find_map(|e| match e {
        Event::TokenRegistered { token_type, .. } => Some(*token_type),
        _ => None,
    });
    let view = chain.at(registered.block).unwrap();
    let token = view.token(token_type.unwrap()).await.unwrap().unwrap();
    assert_eq!((token.issuer, token.spec), (issuer.account(), spec));
    assert_eq!(view.tokens().await.unwrap().len(), 1);
    assert_eq!(view.next_token_type().await.unwrap(), token_type.unwrap() + 1);
}

/// Whether everything that is read decodes as its type in the primitives.
async fn every_storage(chain: &ChainClient) {
    let (view, alice) = (chain.finalized().unwrap(), key("//Alice").account());
    assert!(view.timestamp().await.unwrap() > 1_600_000_000_000);
    let set = view.active_set().await.unwrap();
    for member in &set.members {
        assert!(view.organisation(&member.account).await.unwrap().is_some());
    }
    view.organisations().await.unwrap();
    view.organisation_of_key(&alice).await.unwrap();
    view.elected().await.unwrap();
    assert!(!view.needs_refresh(&alice).await.unwrap());
    view.departing(&alice).await.unwrap();
    assert!(!view.templates().await.unwrap().is_empty());
    view.template(0).await.unwrap();
    view.agreements().await.unwrap();
    view.agreement(&alice).await.unwrap();
    assert_eq!(view.answering(&alice).await.unwrap(), None);
    assert_eq!(view.active_terms(&alice).await.unwrap(), None);
    view.breaches(&alice).await.unwrap();
    view.all_breaches().await.unwrap();
    assert_eq!(view.channel(&Hash::zero(), 0, &alice).await.unwrap(), None);
    let clock = view.clock().await.unwrap().expect("the clock runs from genesis on");
    assert!(view.period(clock.period).await.unwrap().is_some());
    assert_eq!(view.duty(clock.period).await.unwrap().len(), set.members.len());
    assert!(view.next_to_commit().await.unwrap() <= clock.period);
    view.last_hash().await.unwrap();
    view.commitment(0).await.unwrap();
    view.commitments().await.unwrap();
    view.strikes(&alice).await.unwrap();
    view.period_reward(0).await.unwrap();
    view.reward_signers(0).await.unwrap();
    assert!(!view.reward_claimed(0, &alice).await.unwrap());
}

async fn follows_every_block(chain: &ChainClient) {
    let mut blocks = chain.follow(0);
    for number in 1..=3 {
        let block = blocks.next().await;
        assert_eq!(block.number, number);
        assert_eq!(chain.block(number).await.unwrap(), block);
    }
    assert!(matches!(chain.block(u32::MAX).await, Err(Error::UnknownBlock(_))));
}

async fn a_dead_node(chain: &ChainClient, node: &mut Node) {
    let mut status = chain.status();
    node.kill();
    let wait = Duration::from_secs(60);
    tokio::time::timeout(wait, status.wait_for(|s| !s.connected)).await.expect("notices").unwrap();
    let last = status.borrow().finalized;
    assert!(matches!(chain.finalized(), Err(Error::Disconnected { .. })));
    let error = chain.submit(&key("//Alice"), calls::service_staking::withdraw()).await.unwrap_err();
    assert!(error.is_transient(), "{error}");

    node.restart();
    tokio::time::timeout(wait, status.wait_for(|s| s.connected)).await.expect("comes back").unwrap();
    tokio::time::timeout(wait, status.wait_for(|s| s.finalized.number > last.number)).await.expect("goes on").unwrap();
    assert!(chain.finalized().unwrap().total_issuance().await.unwrap() > 0);
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = ChainClient::connect(&format!("ws://127.0.0.1:{port}")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error = ChainClient::connect("no url").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}
