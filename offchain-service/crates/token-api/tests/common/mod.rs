//! A service node with everything around it faked but its disk and its network.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex,
    },
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use codec::Encode;
use prometheus_client::registry::Registry;
use serde_json::{json, Value};
use smartlayer_api_types::{
    rpc::{Outcome, Request, Response},
    x402::{self, PaymentPayload, PaymentRequired, SettlementResponse},
    ErrorCode,
};
use smartlayer_chain_client::{BlockRef, Call, Error, Included, Keypair};
use smartlayer_ethereum::ChainId;
use smartlayer_grants::{request_hash, Authorisation, Grant, Statement, StatementSignature, Use};
use smartlayer_network::{
    messages::{Content, Placement, Request as PeerRequest, Response as PeerResponse},
    Network,
};
use smartlayer_primitives::{
    agreement::Agreement,
    assignment::{Assignment, Holding, SignedAssignment},
    commitment::{Commitment, PeriodClock, StoredCommitment},
    instance::InstanceState,
    merkle::MerkleRoot,
    node::ServiceNode as Registered,
    operation::Operation,
    organisation::Organisation,
    payload::{blake2_256, Payload},
    promise::{call_hash, session_id, Promise, SignedPromise},
    quorum::{attestation, AnchorSet, Member, QuorumCertificate},
    receipt::SignedReceipt,
    report::ReportEntry,
    session::{Payee, Session},
    sla::Template,
    token::{Redundancy, TokenSpec, TokenType},
    AccountId, Balance, Hash, InstanceId, Period, SessionId, Signature, TemplateId, TokenTypeId, SLT,
};
use smartlayer_store::Store;
use smartlayer_token_api::{record_validator, Chain, Changes, Config, EvmConfig, Parts, ServiceNode, Status};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub const GENESIS: Hash = Hash::repeat_byte(0x42);
pub const PRICE: Balance = SLT / 1000;
pub const CALL_PRICE: Balance = SLT / 100;
pub const INSTANCE: InstanceId = InstanceId { token_type: 0, index: 7 };

pub const SCRIPT: &str = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript"
  xmlns:ethereum="urn:ethereum:constantinople" name="Ticket">
  <ts:contract interface="erc721" name="Ticket">
    <ts:address network="31337">0x5FbDB2315678afecb367f032d93F642f64180aa3</ts:address>
  </ts:contract>
  <ts:origins><ts:ethereum contract="Ticket"/></ts:origins>
  <ts:selection name="used" filter="(redeemed=TRUE)"><ts:label><ts:string xml:lang="en">Used</ts:string></ts:label></ts:selection>
  <ts:cards>
    <ts:card type="action" name="redeem" exclude="used"><ts:label><ts:string xml:lang="en">Redeem</ts:string></ts:label></ts:card>
  </ts:cards>
  <ts:attribute name="seat"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.27</ts:syntax></ts:type><ts:origins>
    <ethereum:call function="seat" contract="Ticket" as="uint"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ethereum:call>
  </ts:origins></ts:attribute>
  <ts:attribute name="gate"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.15</ts:syntax></ts:type><ts:origins>
    <ts:data ref="gate"/>
  </ts:origins></ts:attribute>
  <ts:attribute name="redeemed"><ts:type><ts:syntax>1.3.6.1.4.1.1466.115.121.1.7</ts:syntax></ts:type><ts:origins>
    <ts:data ref="operations.redeem"/>
  </ts:origins></ts:attribute>
</ts:token>"#;

/// A key by its number.
pub fn key(number: u8) -> Keypair {
    Keypair::from_seed(&[number; 32])
}

pub fn account(number: u8) -> AccountId {
    key(number).account()
}

/// Numbers of the keys.
pub const NODE: u8 = 10;
pub const SERVICE: u8 = 11;
pub const OTHER_NODE: u8 = 12;
pub const PAYER: u8 = 20;
pub const SIGNER: u8 = 21;
pub const ISSUER: u8 = 30;
pub const OWNER: u8 = 40;
pub const WEBSITE: u8 = 41;
const ANCHORS: [u8; 4] = [1, 2, 3, 4];

/// A chain that does what the test says.
pub struct FakeChain {
    pub state: Mutex<ChainState>,
    blocks: watch::Sender<u32>,
    connected: AtomicBool,
    last_seen: Mutex<Instant>,
    /// What was submitted, in order.
    pub submitted: Mutex<Vec<(AccountId, Call)>>,
}

#[derive(Default)]
pub struct ChainState {
    pub sessions: HashMap<SessionId, Session>,
    pub touched: Vec<SessionId>,
    pub tokens: HashMap<TokenTypeId, TokenType>,
    pub nodes: HashMap<AccountId, Registered>,
    pub anchors: AnchorSet,
    pub organisations: HashMap<AccountId, Organisation>,
    pub commitments: HashMap<Period, StoredCommitment>,
    pub next_to_commit: Period,
    pub agreements: HashMap<AccountId, Agreement>,
    pub templates: HashMap<TemplateId, Template>,
    pub balances: HashMap<AccountId, Balance>,
    pub rewards_claimed: Vec<Period>,
}

impl FakeChain {
    pub fn new() -> Arc<Self> {
        let mut members: Vec<_> =
            ANCHORS.iter().map(|n| Member { account: account(*n), key: key(*n).public() }).collect();
        members.sort_by(|a, b| a.account.cmp(&b.account));
        let anchors = AnchorSet { id: 3, members: members.try_into().unwrap() };
        let spec = TokenSpec {
            script_hash: blake2_256(SCRIPT.as_bytes()),
            script_uris: Default::default(),
            requirement: Default::default(),
            redundancy: Redundancy { serving: 1, shards: 2, threshold: 2 },
            key_operations: vec![b"redeem".to_vec().try_into().unwrap()].try_into().unwrap(),
            revenue_share: Default::default(),
        };
        let token = TokenType { issuer: account(ISSUER), spec, paid_until: 100 };
        let state = ChainState { anchors, tokens: [(0, token)].into(), ..Default::default() };
        Arc::new(Self {
            state: Mutex::new(state),
            blocks: watch::Sender::new(1),
            connected: AtomicBool::new(true),
            last_seen: Mutex::new(Instant::now()),
            submitted: Default::default(),
        })
    }

    pub fn change<R>(&self, change: impl FnOnce(&mut ChainState) -> R) -> R {
        change(&mut self.state.lock().unwrap())
    }

    /// Finalises a block in which something happened to these sessions.
    pub fn advance(&self, touched: &[SessionId]) {
        self.change(|s| s.touched = touched.to_vec());
        *self.last_seen.lock().unwrap() = Instant::now();
        self.blocks.send_modify(|b| *b += 1);
    }

    /// Loses the connection, so long ago.
    pub fn disconnect(&self, ago: Duration) {
        self.connected.store(false, Ordering::SeqCst);
        *self.last_seen.lock().unwrap() = Instant::now().checked_sub(ago).unwrap();
    }

    pub fn connect(&self) {
        self.connected.store(true, Ordering::SeqCst);
    }

    pub fn open_session(&self, node: &AccountId, nonce: u64, deposit: Balance) -> SessionId {
        let id = session_id(&GENESIS, &account(PAYER), node, nonce);
        let session = Session {
            payer: account(PAYER),
            payee: Payee::Node(node.clone()),
            signer: account(SIGNER),
            issuer: None,
            deposit,
            paid: 0,
            burned: 0,
            issuer_paid: 0,
            storage_deposit: 0,
            burn_rate: Default::default(),
            challenge_window: 100,
            expires_at: 10_000,
            closing_at: None,
        };
        self.change(|s| s.sessions.insert(id, session));
        id
    }

    pub fn register(&self, account: AccountId, service_key: AccountId, network: &Network) {
        let registered = Registered {
            endpoint: b"http://node.example/".to_vec().try_into().unwrap(),
            peer_id: network.local_peer_id().to_bytes().try_into().unwrap(),
            service_key,
            bond: 1,
            unbonding: Default::default(),
            chilled: false,
        };
        self.change(|s| s.nodes.insert(account, registered));
    }

    pub fn calls(&self) -> Vec<String> {
        self.submitted.lock().unwrap().iter().map(|(_, call)| call.name()).collect()
    }

    fn answer<T>(&self, read: impl FnOnce(&ChainState) -> T) -> Result<T, Error> {
        if !self.connected.load(Ordering::SeqCst) {
            return Err(Error::Disconnected { url: "ws://chain".into(), reason: "test".into() });
        }
        Ok(read(&self.state.lock().unwrap()))
    }
}

#[async_trait]
impl Chain for FakeChain {
    fn genesis(&self) -> Hash {
        GENESIS
    }
    fn status(&self) -> Status {
        Status {
            connected: self.connected.load(Ordering::SeqCst),
            finalized: *self.blocks.borrow(),
            last_seen: *self.last_seen.lock().unwrap(),
        }
    }
    async fn next_block(&self, last: u32) -> BlockRef {
        let mut blocks = self.blocks.subscribe();
        let number = *blocks.wait_for(|b| *b > last).await.unwrap();
        BlockRef { number: number.min(last + 1), hash: Hash::zero() }
    }
    async fn sessions_touched(&self, _: BlockRef) -> Result<Vec<SessionId>, Error> {
        self.answer(|s| s.touched.clone())
    }
    async fn session(&self, id: SessionId) -> Result<Option<Session>, Error> {
        self.answer(|s| s.sessions.get(&id).cloned())
    }
    async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error> {
        self.answer(|s| s.tokens.get(&id).cloned())
    }
    async fn node(&self, account: &AccountId) -> Result<Option<Registered>, Error> {
        self.answer(|s| s.nodes.get(account).cloned())
    }
    async fn active_set(&self) -> Result<AnchorSet, Error> {
        self.answer(|s| s.anchors.clone())
    }
    async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error> {
        self.answer(|s| s.organisations.get(account).cloned())
    }
    async fn agreement(&self, node: &AccountId) -> Result<Option<Agreement>, Error> {
        self.answer(|s| s.agreements.get(node).cloned())
    }
    async fn template(&self, id: TemplateId) -> Result<Option<Template>, Error> {
        self.answer(|s| s.templates.get(&id).cloned())
    }
    async fn clock(&self) -> Result<Option<PeriodClock>, Error> {
        self.answer(|_| None)
    }
    async fn next_to_commit(&self) -> Result<Period, Error> {
        self.answer(|s| s.next_to_commit)
    }
    async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error> {
        self.answer(|s| s.commitments.get(&period).cloned())
    }
    async fn reward_claimed(&self, period: Period, _: &AccountId) -> Result<bool, Error> {
        self.answer(|s| s.rewards_claimed.contains(&period))
    }
    async fn free_balance(&self, account: &AccountId) -> Result<Balance, Error> {
        self.answer(|s| s.balances.get(account).copied().unwrap_or(1000 * SLT))
    }
    async fn submit(&self, signer: &Keypair, call: Call) -> Result<Included, Error> {
        self.answer(|_| ())?;
        self.submitted.lock().unwrap().push((signer.account(), call));
        let block = BlockRef { number: *self.blocks.borrow(), hash: Hash::repeat_byte(9) };
        Ok(Included { block, extrinsic: Hash::repeat_byte(8), fee: 0, events: Vec::new() })
    }
}

/// An Ethereum node at which every call returns 12, until it is told to fail.
pub async fn ethereum(fails: Arc<AtomicBool>) -> url::Url {
    use axum::{extract::State, http::StatusCode, routing::post, Json, Router};
    async fn answer(State(fails): State<Arc<AtomicBool>>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
        if fails.load(Ordering::SeqCst) {
            return (StatusCode::BAD_GATEWAY, Json(Value::Null));
        }
        let block = json!({
            "number": "0x64",
            "hash": Hash::repeat_byte(0x64),
            "timestamp": format!("0x{:x}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()),
        });
        let answer = |request: &Value| {
            let result = match request["method"].as_str() {
                Some("eth_chainId") => "0x7a69".into(),
                Some("eth_getBlockByNumber") => block.clone(),
                _ => format!("0x{:064x}", 12).into(),
            };
            json!({ "id": request["id"], "result": result })
        };
        (
            StatusCode::OK,
            Json(body.as_array().map_or_else(|| answer(&body), |batch| batch.iter().map(answer).collect())),
        )
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().route("/", post(answer)).with_state(fails);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The RPC of an anchor that answers every question with `answer`, and is known to the chain.
pub async fn anchor_rpc(chain: &FakeChain, number: u8, answer: Value) {
    use axum::{extract::State, routing::post, Json, Router};
    async fn respond(State(answer): State<Value>) -> Json<Value> {
        Json(answer)
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(respond)).with_state(answer);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let organisation = Organisation {
        name: Default::default(),
        endpoint: endpoint.into_bytes().try_into().unwrap(),
        peer_id: Default::default(),
        key: key(number).public(),
        bond: 1,
    };
    chain.change(|s| s.organisations.insert(account(number), organisation));
}

/// The answer of an anchor that proves `leaf`, the second of two, in a period's commitment.
pub fn proven<L: smartlayer_primitives::merkle::Leaf>(period: Period, leaves: &[L]) -> Value {
    let proof = smartlayer_primitives::merkle::prove(leaves, 1).unwrap();
    let proof = smartlayer_api_types::rpc::Proof {
        period,
        commitment: Hash::repeat_byte(0xee),
        leaf: smartlayer_api_types::HexBytes::of(&leaves[1]),
        proof: smartlayer_api_types::HexBytes::of(&proof),
    };
    json!({ "jsonrpc": "2.0", "id": 1, "result": proof })
}

/// The answer of an anchor that has nothing like it in a commitment.
pub fn not_committed() -> Value {
    let error = smartlayer_api_types::ApiError::from(ErrorCode::NotCommitted).to_object();
    json!({ "jsonrpc": "2.0", "id": 1, "error": error })
}

/// Commits a period.
pub fn commit(chain: &FakeChain, period: Period, operations: &[Operation], report: &[ReportEntry]) {
    let commitment = Commitment {
        period,
        previous: Hash::zero(),
        operations: MerkleRoot::of(operations),
        bitmaps: MerkleRoot::default(),
        report: MerkleRoot::of(report),
        assignments: MerkleRoot::default(),
        totals: Default::default(),
        writer: account(1),
    };
    let hash = commitment.payload_hash(&GENESIS);
    let stored = StoredCommitment { commitment, hash, block: 1 };
    chain.change(|s| {
        s.commitments.insert(period, stored);
        s.next_to_commit = period + 1;
    });
    chain.advance(&[]);
}

/// A libp2p peer: an anchor, or another node. Answers requests for the shards that it holds.
pub async fn peer(seed: u8, shards: HashMap<u32, Vec<u8>>) -> Network {
    let mut config = smartlayer_network::Config::new(
        smartlayer_network::keypair([seed; 32]),
        GENESIS,
        Arc::new(|_: &SignedAssignment| true),
    );
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let (network, runner, mut inbound) = smartlayer_network::new(config, &mut Registry::default()).unwrap();
    tokio::spawn(runner.run(CancellationToken::new()));
    tokio::spawn(async move {
        while let Some(request) = inbound.recv().await {
            let response = match &request.request {
                PeerRequest::Shard { shard, .. } => shards.get(shard).cloned().map(PeerResponse::Shard),
                _ => None,
            };
            let refused = PeerResponse::refused(smartlayer_network::messages::RefusalCode::NotFound, "not here");
            let _ = request.respond.send(response.unwrap_or(refused));
        }
    });
    network
}

/// A running service node.
pub struct World {
    pub chain: Arc<FakeChain>,
    pub network: Network,
    pub anchor: Network,
    pub url: String,
    pub dir: tempfile::TempDir,
    pub ethereum_fails: Arc<AtomicBool>,
    pub changes: Changes,
    pub registry: Registry,
    pub http: reqwest::Client,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), smartlayer_token_api::RunError>>,
    network_stopped: tokio::task::JoinHandle<()>,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(FakeChain::new(), tempfile::tempdir().unwrap(), |_| ()).await
    }

    pub async fn start_with(
        chain: Arc<FakeChain>,
        dir: tempfile::TempDir,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let ethereum_fails = Arc::new(AtomicBool::new(false));
        let anchor = peer(1, HashMap::new()).await;
        let mut config = Config::default();
        config.rpc.listen = "127.0.0.1:0".parse().unwrap();
        config.onboarding.enabled = false;
        config.onboarding.claim_rewards = false;
        config.evm = vec![EvmConfig::new(ChainId(31337), vec![ethereum(ethereum_fails.clone()).await])];
        configure(&mut config);

        let (anchors, set) = watch::channel(chain.change(|s| s.anchors.clone()));
        let mut network_config = smartlayer_network::Config::new(
            smartlayer_network::keypair([100; 32]),
            GENESIS,
            record_validator(set, GENESIS),
        );
        network_config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        network_config.bootstrap = anchor.wait_for_addresses().await;
        let mut registry = Registry::default();
        let (network, runner, inbound) = smartlayer_network::new(network_config, &mut registry).unwrap();
        let stop = CancellationToken::new();
        let network_stopped = tokio::spawn(runner.run(stop.clone()));
        if !config.onboarding.enabled {
            chain.register(account(NODE), account(SERVICE), &network);
        }
        let parts = Parts {
            config,
            account: account(NODE),
            service_key: key(SERVICE),
            account_key: Some(key(NODE)),
            chain: chain.clone(),
            network: network.clone(),
            inbound,
            store: Store::open(dir.path()).unwrap(),
            anchors,
        };
        let node = ServiceNode::start(parts, &mut registry).await.unwrap();
        let url = format!("http://{}", node.address());
        let changes = node.changes();
        let running = tokio::spawn(node.run(stop.clone()));
        network.wait_for_peers(1, Duration::from_secs(10)).await.unwrap();
        let http = reqwest::Client::new();
        Self {
            chain,
            network,
            anchor,
            url,
            dir,
            ethereum_fails,
            changes,
            registry,
            http,
            stop,
            running,
            network_stopped,
        }
    }

    /// Stops it and starts it again from its data.
    pub async fn restart(self) -> Self {
        let (chain, dir) = self.stop().await;
        Self::start_with(chain, dir, |_| ()).await
    }

    pub async fn stop(self) -> (Arc<FakeChain>, tempfile::TempDir) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(Duration::from_secs(5), self.running).await;
        stopped.expect("stops in time").unwrap().unwrap();
        self.network_stopped.await.unwrap();
        (self.chain, self.dir)
    }

    /// Has the anchor place a content.
    pub async fn place(&self, placement: Placement) -> PeerResponse {
        self.anchor.request(self.network.local_peer_id(), PeerRequest::Place(Box::new(placement))).await.unwrap()
    }

    /// Places [`INSTANCE`] so that this node serves it.
    pub async fn serve_instance(&self) {
        let (assignment, state, shards) = assignment(1, &[account(NODE)]);
        let content = vec![
            Content::State(state),
            Content::Shard { number: 0, bytes: shards[0].clone() },
            Content::Shard { number: 1, bytes: shards[1].clone() },
        ];
        let placement = Placement { assignment: sign(assignment), content, script: SCRIPT.into() };
        assert_eq!(self.place(placement).await, PeerResponse::Done);
    }

    /// Posts a body; returns the HTTP status, the JSON-RPC answer and the x402 headers.
    pub async fn post(&self, body: &[u8], payment: Option<&str>) -> Answer {
        let mut request = self.http.post(&self.url).header("content-type", "application/json").body(body.to_vec());
        if let Some(payment) = payment {
            request = request.header(x402::PAYMENT_SIGNATURE, payment);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|v| v.as_bytes().to_vec());
        let required = header(x402::PAYMENT_REQUIRED).map(|h| x402::decode_header(&h).unwrap());
        let settled = header(x402::PAYMENT_RESPONSE).map(|h| x402::decode_header(&h).unwrap());
        let status = response.status().as_u16();
        Answer { status, required, settled, body: response.bytes().await.unwrap().to_vec() }
    }

    /// What a counter of the node says.
    pub fn counted(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Calls a free method.
    pub async fn free(&self, method: &str, params: Value) -> Answer {
        self.post(&body(method, params), None).await
    }

    /// Signs a promise for this body and sends both.
    pub async fn paid(&self, body: &[u8], session: SessionId, cumulative: Balance) -> Answer {
        let promise = promise(session, cumulative, body);
        self.post(body, Some(&payment(&promise))).await
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub required: Option<PaymentRequired>,
    pub settled: Option<SettlementResponse>,
}

impl Answer {
    pub fn result(&self) -> Value {
        let response: Response = serde_json::from_slice(&self.body).unwrap();
        match response.outcome {
            Outcome::Result(result) => result,
            Outcome::Error(e) => panic!("{e:?}"),
        }
    }

    pub fn code(&self) -> ErrorCode {
        let response: Response = serde_json::from_slice(&self.body).unwrap();
        match response.outcome {
            Outcome::Result(result) => panic!("{result}"),
            Outcome::Error(e) => e.known().unwrap_or_else(|| panic!("{e:?}")).code,
        }
    }

    /// The receipt, checked against the request and the answer.
    pub fn receipt(&self, request: &[u8]) -> SignedReceipt {
        let settled = self.settled.as_ref().and_then(|s| s.extra.clone()).expect("a receipt");
        let signed = SignedReceipt::try_from(&settled.receipt).unwrap();
        assert!(signed.verify(&GENESIS, &account(SERVICE)));
        assert_eq!(signed.receipt.node, account(NODE));
        assert_eq!(signed.receipt.request_hash, call_hash(request));
        assert_eq!(signed.receipt.result_hash, blake2_256(&self.body));
        signed
    }
}

pub fn body(method: &str, params: Value) -> Vec<u8> {
    serde_json::to_vec(&Request::new(1, method, params)).unwrap()
}

pub fn attributes() -> Vec<u8> {
    body("token_attributes", json!({ "instance": { "tokenType": 0, "index": 7 } }))
}

pub fn attributes_named(names: &[&str]) -> Vec<u8> {
    body("token_attributes", json!({ "instance": { "tokenType": 0, "index": 7 }, "names": names }))
}

pub fn redeem(id: u64) -> Vec<u8> {
    let params = json!({ "instance": { "tokenType": 0, "index": 7 }, "action": "redeem" });
    serde_json::to_vec(&Request::new(id, "token_call", params)).unwrap()
}

pub fn promise(session: SessionId, cumulative: Balance, body: &[u8]) -> SignedPromise {
    let promise = Promise { session, cumulative, call_hash: call_hash(body), ticks: None };
    let signature = key(SIGNER).sign_payload(&promise, &GENESIS);
    SignedPromise { promise, signature }
}

/// The header for a promise.
pub fn payment(promise: &SignedPromise) -> String {
    x402::encode_header(&payload(promise))
}

pub fn payload(promise: &SignedPromise) -> PaymentPayload {
    let terms = x402::SessionTerms {
        genesis: GENESIS,
        node: account(NODE),
        service_key: account(SERVICE),
        promise_domain: String::new(),
        min_deposit: Default::default(),
        session_state: None,
    };
    PaymentPayload::new(&x402::offer(&terms, PRICE, 30), promise)
}

/// An assignment of [`INSTANCE`] to these nodes, the state and its two shards; the first node holds the first shard and, alone, both.
pub fn assignment(version: u32, serving: &[AccountId]) -> (Assignment, Vec<u8>, Vec<Vec<u8>>) {
    let state =
        InstanceState { instance: INSTANCE, token_id: [0; 32], values: [("gate".to_owned(), "B12".to_owned())].into() }
            .encode();
    let (coding, shards) =
        smartlayer_shards::encode(&state, &Redundancy { serving: 1, shards: 2, threshold: 2 }).unwrap();
    let holdings: Vec<_> = shards
        .iter()
        .enumerate()
        .map(|(i, s)| Holding { node: serving[i.min(serving.len() - 1)].clone(), shard: s.number, root: s.root })
        .collect();
    let assignment = Assignment {
        instance: INSTANCE,
        version,
        period: 0,
        state_hash: blake2_256(&state),
        coding,
        serving: vec![serving[0].clone()].try_into().unwrap(),
        holdings: holdings.try_into().unwrap(),
    };
    (assignment, state, shards.into_iter().map(|s| s.bytes).collect())
}

/// Three of the four anchors sign.
pub fn sign(assignment: Assignment) -> SignedAssignment {
    let set = FakeChain::new().change(|s| s.anchors.clone());
    SignedAssignment { certificate: certificate(&set, assignment.payload_hash(&GENESIS), 3), assignment }
}

pub fn certificate(set: &AnchorSet, hash: Hash, signers: usize) -> QuorumCertificate {
    let message = attestation(&GENESIS, hash);
    let keys = ANCHORS.iter().map(|n| key(*n)).take(signers);
    set.certificate(keys.map(|k| (set.position(&k.account()).unwrap(), k.sign(&message))))
}

/// A request that shows the owner's grant to the website, and this use of it, whatever request it names.
pub fn showing_use(method: &str, params: Value, grant: &Grant, usage: Use) -> Vec<u8> {
    let request = request_hash(method, params.as_object().unwrap()).unwrap();
    signed_use(method, params, grant, Use { request, ..usage })
}

/// The same with the request that the use names.
pub fn signed_use(method: &str, mut params: Value, grant: &Grant, usage: Use) -> Vec<u8> {
    let authorisation = Authorisation {
        signature: sign_statement(OWNER, grant),
        use_signature: sign_statement(WEBSITE, &usage.on(&GENESIS)),
        grant: grant.clone(),
        usage,
    };
    params["authorisation"] = serde_json::to_value(authorisation).unwrap();
    body(method, params)
}

pub fn sign_statement(by: u8, statement: &impl Statement) -> StatementSignature {
    StatementSignature::Substrate(Signature::Sr25519(key(by).sign(&statement.signing_payload())))
}

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}");
}

/// A WebSocket that subscribes.
pub struct Subscriber {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    id: Value,
}

impl Subscriber {
    /// Subscribes to [`INSTANCE`]; returns the answer.
    pub async fn subscribe(world: &World, after: Option<u64>) -> (Self, Value) {
        let (socket, _) = tokio_tungstenite::connect_async(world.url.replace("http", "ws")).await.unwrap();
        let mut subscriber = Self { socket, id: Value::Null };
        let mut params = json!({ "instance": { "tokenType": 0, "index": 7 } });
        if let Some(after) = after {
            params["after"] = after.into();
        }
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "token_subscribe", "params": params });
        futures::SinkExt::send(&mut subscriber.socket, request.to_string().into()).await.unwrap();
        let answer = subscriber.next().await;
        subscriber.id = answer["result"].clone();
        (subscriber, answer)
    }

    pub async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), futures::StreamExt::next(&mut self.socket));
            if let tokio_tungstenite::tungstenite::Message::Text(text) = message.await.unwrap().unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// The next change.
    pub async fn change(&mut self) -> Value {
        let notification = self.next().await;
        assert_eq!(notification["method"], "token_change");
        notification["params"]["result"].clone()
    }

    /// Unsubscribes; the socket stays.
    pub async fn end(&mut self) {
        let request = json!({ "jsonrpc": "2.0", "id": 2, "method": "token_unsubscribe", "params": [self.id] });
        futures::SinkExt::send(&mut self.socket, request.to_string().into()).await.unwrap();
        assert_eq!(self.next().await["result"], true);
    }
}
