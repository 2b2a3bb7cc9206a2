//! Four anchors and six nodes over loopback TCP, and a chain that is played: from the nodes' proposals to commitments on the chain,
//! with a writer that falls silent, a node that leaves and one that dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use codec::{DecodeAll, Encode};
use smartlayer_anchor::{record_validator, Anchor, Chain, Config, Nodes, Parts, Prober, Progress};
use smartlayer_api_types::{
    rpc::{method, AnchorProof, Holders, IssuerPublish, PlaceInstance, Placed, Proof, PublishStatus, Published},
    HexBytes, Instance,
};
use smartlayer_chain_client::{BlockRef, Call, ChainStatus, Error, Included, Keypair};
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_network::{
    keypair,
    messages::{AttestRequest, Content, Gossip, Placement, RefusalCode, Request, Response},
    Config as NetworkConfig, Multiaddr, Network,
};
use smartlayer_primitives::{
    agreement::{Agreement, InForce, Negotiation, Standing, Step},
    assignment::SignedAssignment,
    commitment::{Commitment, PeriodClock, PeriodRecord, StoredCommitment},
    duty,
    instance::{InstanceState, StoreInstance},
    merkle::MerkleProof,
    node::{Breach, BreachState, ServiceNode},
    operation::Operation,
    organisation::Organisation,
    payload::{blake2_256, Payload},
    quorum::{AnchorSet, Member, QuorumCertificate},
    receipt::{Executed, Issued, Owner, Receipt, SignedReceipt},
    report::ReportEntry,
    sla::{Objectives, PenaltySchedule, Terms, TestResult},
    token::{Redundancy, TokenSpec, TokenType},
    AccountId, Balance, BlockNumber, Hash, InstanceId, Period, TokenTypeId,
};
use smartlayer_sdk::ServiceClient;
use smartlayer_store::Store;
use sp_runtime::Permill;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const GENESIS: Hash = Hash::repeat_byte(5);
const PERIOD: BlockNumber = 40;
const GRACE: BlockNumber = 15;
/// How long an anchor has to answer a proposal.
const ANSWER: BlockNumber = 10;
/// How long a slash waits.
const DEFERRAL: BlockNumber = 20;
const BLOCK: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(60);
const TOKEN: TokenTypeId = 3;
/// The key operations of the token type, by kind.
const KEY_OPERATIONS: [&[u8]; 3] = [b"redeem", b"transfer", b"issue"];
/// What a transfer issues.
const ISSUED: InstanceId = InstanceId { token_type: TOKEN, index: 8 };

fn account(n: u8) -> AccountId {
    AccountId::new([n; 32])
}

fn key(n: u8) -> Keypair {
    Keypair::from_seed(&[n; 32])
}

fn hash_of(block: BlockNumber) -> Hash {
    blake2_256(&block.encode())
}

fn terms() -> Terms {
    Terms {
        template: 0,
        objectives: Objectives { availability: Permill::from_percent(90), p95_latency_ms: 500, ..Default::default() },
        reward_weight: 10,
        penalty: PenaltySchedule { persistent_after: 2, slash: Permill::from_percent(1) },
    }
}

/// A chain that is played: what its pallets would do, as far as anchors notice.
struct Played {
    blocks: watch::Sender<BlockNumber>,
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    clock: PeriodClock,
    periods: BTreeMap<Period, PeriodRecord>,
    next_to_commit: Period,
    last_hash: Hash,
    commitments: BTreeMap<Period, (StoredCommitment, usize)>,
    set: AnchorSet,
    organisations: BTreeMap<AccountId, Organisation>,
    nodes: Nodes,
    at: BTreeMap<BlockNumber, Nodes>,
    token: TokenType,
    breaches: BTreeMap<AccountId, Vec<Breach>>,
    /// Calls about breaches that were refused.
    in_vain: u32,
}

impl Played {
    fn now(&self) -> BlockNumber {
        *self.blocks.borrow()
    }

    fn state<R>(&self, with: impl FnOnce(&mut State) -> R) -> R {
        with(&mut self.state.lock().unwrap())
    }

    /// The next block.
    fn advance(&self) {
        let now = self.now() + 1;
        self.state(|state| {
            if now >= state.clock.started_at + state.clock.length {
                let over = state.clock.period;
                state.periods.get_mut(&over).unwrap().ended_at = Some(now);
                state.clock = PeriodClock { period: over + 1, started_at: now, length: PERIOD };
                state.periods.insert(over + 1, PeriodRecord { seed: hash_of(now), ended_at: None });
            }
            let nodes = state.nodes.clone();
            state.at.insert(now, nodes);
        });
        self.blocks.send_replace(now);
    }

    fn agreement(&self, node: &AccountId) -> Option<Agreement> {
        self.state(|s| s.nodes.agreements.iter().find(|(n, _)| n == node).map(|(_, a)| a.clone()))
    }

    fn step(&self, node: &AccountId) -> Option<Step> {
        self.agreement(node)?.step().cloned()
    }

    fn set_agreement(&self, node: &AccountId, agreement: Agreement) {
        self.state(|s| {
            if let Some((_, known)) = s.nodes.agreements.iter_mut().find(|(n, _)| n == node) {
                *known = agreement;
            }
        });
    }

    fn set_step(&self, node: &AccountId, step: Step) {
        let negotiation = Some(Negotiation { terms: terms(), step, since: self.now(), until: u32::MAX, seed: GENESIS });
        self.set_agreement(node, Agreement { negotiation, ..Default::default() });
    }

    /// A call about a breach: done, or refused and counted.
    fn about_breach(&self, call: impl FnOnce(&mut State) -> Option<()>) -> Result<Included, Error> {
        let done = self.state(|s| {
            let done = call(s);
            s.in_vain += u32::from(done.is_none());
            done
        });
        done.map(|()| self.included()).ok_or_else(|| Self::refused("not a breach that is due"))
    }

    fn included(&self) -> Included {
        let number = self.now() + 1;
        let block = BlockRef { number, hash: hash_of(number) };
        Included { block, extrinsic: Hash::zero(), fee: 0, events: Vec::new() }
    }

    fn refused(reason: &str) -> Error {
        Error::Rejected { call: "a played call".into(), reason: reason.into() }
    }

    fn ranking(&self, period: Period) -> Vec<AccountId> {
        self.state(|s| duty::ranking(&s.periods[&period].seed, period, s.set.members.iter().map(|m| m.account.clone())))
    }
}

#[async_trait]
impl Chain for Played {
    fn genesis(&self) -> Hash {
        GENESIS
    }

    fn status(&self) -> ChainStatus {
        let number = self.now();
        let finalized = BlockRef { number, hash: hash_of(number) };
        ChainStatus { connected: true, finalized, last_seen: Instant::now() }
    }

    async fn next_block(&self, last: BlockNumber) -> BlockRef {
        let mut blocks = self.blocks.subscribe();
        let _ = blocks.wait_for(|now| *now > last).await;
        BlockRef { number: last + 1, hash: hash_of(last + 1) }
    }

    async fn progress(&self) -> Result<Progress, Error> {
        let number = self.now();
        let block = BlockRef { number, hash: hash_of(number) };
        Ok(self.state(|s| Progress {
            block,
            clock: Some(s.clock),
            next_to_commit: s.next_to_commit,
            last_hash: s.last_hash,
            set: s.set.clone(),
        }))
    }

    async fn changes_members(&self, _: BlockRef) -> Result<bool, Error> {
        Ok(true)
    }

    async fn nodes(&self) -> Result<Nodes, Error> {
        Ok(self.state(|s| s.nodes.clone()))
    }

    async fn nodes_at(&self, block: BlockNumber) -> Result<Nodes, Error> {
        Ok(self.state(|s| s.at[&block].clone()))
    }

    async fn organisation(&self, account: &AccountId) -> Result<Option<Organisation>, Error> {
        Ok(self.state(|s| s.organisations.get(account).cloned()))
    }

    async fn needs_refresh(&self, _: &AccountId) -> Result<bool, Error> {
        Ok(false)
    }

    async fn strikes(&self, _: &AccountId) -> Result<u32, Error> {
        Ok(0)
    }

    async fn token(&self, id: TokenTypeId) -> Result<Option<TokenType>, Error> {
        Ok((id == TOKEN).then(|| self.state(|s| s.token.clone())))
    }

    async fn period(&self, period: Period) -> Result<Option<PeriodRecord>, Error> {
        Ok(self.state(|s| s.periods.get(&period).copied()))
    }

    async fn commitment(&self, period: Period) -> Result<Option<StoredCommitment>, Error> {
        Ok(self.state(|s| s.commitments.get(&period).map(|(stored, _)| stored.clone())))
    }

    async fn writable_from(&self, period: Period, anchor: &AccountId) -> Result<Option<BlockNumber>, Error> {
        let Some(end) = self.state(|s| s.periods.get(&period).and_then(|r| r.ended_at)) else { return Ok(None) };
        let rank = self.ranking(period).iter().position(|a| a == anchor);
        Ok(rank.map(|rank| duty::may_write_from(rank as u32, end, GRACE)))
    }

    async fn best_next_to_commit(&self) -> Result<Period, Error> {
        Ok(self.state(|s| s.next_to_commit))
    }

    async fn reward_signers(&self, _: Period) -> Result<Option<Vec<AccountId>>, Error> {
        Ok(None)
    }

    async fn reward_claimed(&self, _: Period, _: &AccountId) -> Result<bool, Error> {
        Ok(true)
    }

    async fn free_balance(&self, _: &AccountId) -> Result<Balance, Error> {
        Ok(Balance::MAX)
    }

    async fn answering(&self, node: &AccountId) -> Result<Option<AccountId>, Error> {
        let now = self.now();
        let negotiation = self.agreement(node).and_then(|a| a.negotiation).filter(|n| n.step == Step::Proposed);
        let members = self.state(|s| s.set.members.clone());
        Ok(negotiation.and_then(|negotiation| {
            let anchors = members.into_iter().map(|member| member.account);
            duty::answering(&negotiation.seed, node, anchors, now - negotiation.since, ANSWER)
        }))
    }

    async fn active_terms(&self, node: &AccountId) -> Result<Option<Terms>, Error> {
        Ok(self.agreement(node).and_then(|agreement| agreement.active_terms().copied()))
    }

    async fn breaches(&self, node: &AccountId) -> Result<Vec<Breach>, Error> {
        Ok(self.state(|s| s.breaches.get(node).cloned().unwrap_or_default()))
    }

    async fn all_breaches(&self) -> Result<Vec<(AccountId, Vec<Breach>)>, Error> {
        Ok(self.state(|s| s.breaches.clone().into_iter().collect()))
    }

    async fn report_breach(&self, signer: &Keypair, entry: ReportEntry, proof: MerkleProof) -> Result<Included, Error> {
        let due_at = self.now() + DEFERRAL;
        self.about_breach(|s| {
            let (stored, _) = s.commitments.get(&entry.period)?;
            let breaches = s.breaches.entry(entry.node.clone()).or_default();
            let good = stored.commitment.report.contains(&entry, &proof)
                && terms().penalty.is_persistent(entry.breaches)
                && breaches.iter().all(|breach| breach.period != entry.period);
            let (period, reporter, state) = (entry.period, signer.account(), BreachState::Deferred);
            good.then(|| breaches.push(Breach { period, amount: 1, reporter, due_at, state }))
        })
    }

    async fn apply_slash(&self, _: &Keypair, node: AccountId, period: Period) -> Result<Included, Error> {
        let now = self.now();
        self.about_breach(|s| {
            let breach = s.breaches.get_mut(&node)?.iter_mut().find(|breach| breach.period == period)?;
            let due = breach.state == BreachState::Deferred && now >= breach.due_at;
            due.then(|| breach.state = BreachState::Applied)
        })
    }

    async fn accept_proposal(&self, signer: &Keypair, node: AccountId) -> Result<Included, Error> {
        let turn = self.answering(&node).await?;
        let signed = self.state(|s| s.set.members.iter().find(|m| m.key == signer.public()).map(|m| m.account.clone()));
        if turn.is_none() || turn != signed {
            return Err(Self::refused("not this anchor's turn"));
        }
        self.set_step(&node, Step::Accepted);
        Ok(self.included())
    }

    async fn record_test(&self, _: &Keypair, result: TestResult, quorum: QuorumCertificate) -> Result<Included, Error> {
        let verified = self.state(|s| s.set.verify(&GENESIS, result.payload_hash(&GENESIS), &quorum));
        if self.step(&result.node) != Some(Step::Accepted) || verified.is_err() {
            return Err(Self::refused("not accepted, or no quorum"));
        }
        self.set_step(&result.node, if result.passed { Step::Tested } else { Step::Proposed });
        Ok(self.included())
    }

    async fn commit(
        &self,
        signer: &Keypair,
        commitment: Commitment,
        quorum: QuorumCertificate,
    ) -> Result<Included, Error> {
        let period = commitment.period;
        let turn = self.writable_from(period, &commitment.writer).await?;
        let block = self.now() + 1;
        self.state(|s| {
            let hash = commitment.payload_hash(&GENESIS);
            let writer = s.set.members.iter().find(|m| m.key == signer.public()).map(|m| &m.account);
            let good = writer == Some(&commitment.writer)
                && period == s.next_to_commit
                && commitment.previous == s.last_hash
                && turn.is_some_and(|turn| turn <= block)
                && s.set.verify(&GENESIS, hash, &quorum).is_ok();
            if !good {
                return Err(Self::refused("not a commitment that is due"));
            }
            s.next_to_commit = period + 1;
            s.last_hash = hash;
            s.commitments.insert(period, (StoredCommitment { commitment, hash, block }, quorum.signatures.len()));
            Ok(())
        })?;
        Ok(self.included())
    }

    async fn submit(&self, _: &Keypair, call: Call) -> Result<Included, Error> {
        Err(Self::refused(&call.name()))
    }
}

/// Every node answers at once but those that are dead.
#[derive(Default)]
struct Answers {
    dead: Mutex<BTreeSet<AccountId>>,
}

#[async_trait]
impl Prober for Answers {
    async fn probe(&self, node: &AccountId, _: &str) -> Option<Duration> {
        (!self.dead.lock().unwrap().contains(node)).then_some(Duration::from_millis(3))
    }
}

async fn start_network(
    seed: u8,
    set: watch::Receiver<AnchorSet>,
    bootstrap: &[Multiaddr],
) -> (Network, tokio::sync::mpsc::Receiver<smartlayer_network::InboundRequest>, CancellationToken, Multiaddr) {
    let mut config = NetworkConfig::new(keypair([seed; 32]), GENESIS, record_validator(set, GENESIS));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.bootstrap = bootstrap.to_vec();
    config.redial_interval = Duration::from_millis(300);
    let (network, runner, inbound) = smartlayer_network::new(config, &mut Default::default()).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(runner.run(stop.clone()));
    let address = network.wait_for_addresses().await.remove(0);
    (network, inbound, stop, address)
}

struct RunningAnchor {
    account: AccountId,
    client: ServiceClient,
    stop: CancellationToken,
    network_stop: CancellationToken,
    task: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

/// A node that takes what anchors place with it, as far as it makes sense.
struct Node {
    account: AccountId,
    network: Network,
    placed: Arc<Mutex<Vec<Placement>>>,
    set: watch::Sender<AnchorSet>,
    _stop: CancellationToken,
}

struct Story {
    chain: Arc<Played>,
    prober: Arc<Answers>,
    anchors: Vec<RunningAnchor>,
    nodes: Vec<Node>,
    /// Where the anchors are found.
    bootstrap: Vec<Multiaddr>,
}

/// An anchor that the test plays.
struct Puppet {
    network: Network,
    /// What others wanted it to attest.
    asked: Arc<Mutex<Vec<AttestRequest>>>,
    _stop: CancellationToken,
}

impl Puppet {
    async fn ask(&self, anchor: u8, request: AttestRequest) -> Response {
        let peer = keypair([anchor; 32]).public().to_peer_id();
        self.network.request(peer, Request::Attest(Box::new(request))).await.unwrap()
    }
}

const SCRIPT: &[u8] = b"<ts:token/>";

impl Story {
    async fn begin() -> Self {
        Self::begin_with(&[1, 2, 3, 4]).await
    }

    /// Of the four active anchors only these run.
    async fn begin_with(running: &[u8]) -> Self {
        let anchors: Vec<u8> = (1..=4).collect();
        let nodes: Vec<u8> = (11..=16).collect();
        let member = |n: u8| Member { account: account(n), key: key(n).public() };
        let set =
            AnchorSet { id: 1, members: anchors.iter().map(|n| member(*n)).collect::<Vec<_>>().try_into().unwrap() };
        let peer = |n: u8| keypair([n; 32]).public().to_peer_id().to_bytes().try_into().unwrap();
        let organisation = |n: u8| Organisation {
            name: Default::default(),
            endpoint: Default::default(),
            peer_id: peer(n),
            key: key(n).public(),
            bond: 0,
        };
        let node = |n: u8| ServiceNode {
            endpoint: format!("http://node-{n}").into_bytes().try_into().unwrap(),
            peer_id: peer(n),
            service_key: key(n).account(),
            bond: 0,
            unbonding: Default::default(),
            chilled: false,
        };
        let spec = TokenSpec {
            script_hash: blake2_256(SCRIPT),
            script_uris: Default::default(),
            requirement: Objectives { p95_latency_ms: 1000, ..Default::default() },
            redundancy: Redundancy { serving: 2, shards: 4, threshold: 2 },
            key_operations: KEY_OPERATIONS.map(|name| name.to_vec().try_into().unwrap()).to_vec().try_into().unwrap(),
            revenue_share: Default::default(),
        };
        let proposal = Negotiation { terms: terms(), step: Step::Proposed, since: 0, until: u32::MAX, seed: GENESIS };
        let proposed = || Agreement { negotiation: Some(proposal.clone()), ..Default::default() };
        let state = State {
            clock: PeriodClock { period: 0, started_at: 0, length: PERIOD },
            periods: [(0, PeriodRecord { seed: hash_of(0), ended_at: None })].into(),
            next_to_commit: 0,
            last_hash: Hash::zero(),
            commitments: Default::default(),
            set: set.clone(),
            organisations: anchors.iter().map(|n| (account(*n), organisation(*n))).collect(),
            nodes: Nodes {
                nodes: nodes.iter().map(|n| (account(*n), node(*n))).collect(),
                agreements: nodes.iter().map(|n| (account(*n), proposed())).collect(),
            },
            at: Default::default(),
            token: TokenType { issuer: key(99).account(), spec, paid_until: 1000 },
            breaches: Default::default(),
            in_vain: 0,
        };
        let chain = Arc::new(Played { blocks: watch::Sender::new(0), state: Mutex::new(state) });
        chain.advance();
        let prober = Arc::new(Answers::default());
        let mut story =
            Self { chain: chain.clone(), prober, anchors: Vec::new(), nodes: Vec::new(), bootstrap: Vec::new() };
        let mut bootstrap = Vec::new();
        for n in running {
            let address = story.start_anchor(*n, &bootstrap).await;
            bootstrap.push(address);
        }
        story.bootstrap.clone_from(&bootstrap);
        for n in nodes {
            story.start_node(n, &bootstrap, set.clone()).await;
        }
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(BLOCK).await;
                chain.advance();
            }
        });
        story
    }

    async fn start_anchor(&mut self, n: u8, bootstrap: &[Multiaddr]) -> Multiaddr {
        let anchors = watch::Sender::new(AnchorSet::default());
        let (network, inbound, network_stop, address) = start_network(n, anchors.subscribe(), bootstrap).await;
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.rpc.listen.set_port(0);
        config.probes.interval_ms = 200;
        config.probes.test_probes = 5;
        config.duty.settle_ms = 300;
        config.onboarding.enabled = false;
        let parts = Parts {
            config,
            account: account(n),
            key: key(n),
            account_key: None,
            chain: self.chain.clone(),
            network,
            inbound,
            store: Store::open(dir.path()).unwrap(),
            anchors,
            prober: Some(self.prober.clone()),
        };
        let anchor = Anchor::start(parts, &mut Default::default()).await.unwrap();
        let client = ServiceClient::new(format!("http://{}", anchor.address()));
        let stop = CancellationToken::new();
        let run = anchor.run(stop.clone());
        let task = tokio::spawn(async move { run.await.unwrap() });
        self.anchors.push(RunningAnchor { account: account(n), client, stop, network_stop, task, _dir: dir });
        address
    }

    /// Plays an anchor: keeps what it is asked and answers like this.
    async fn puppet(&self, n: u8, answer: fn(&AttestRequest) -> Response) -> Puppet {
        let set = watch::Sender::new(self.chain.state(|s| s.set.clone()));
        let (network, mut inbound, stop, _) = start_network(n, set.subscribe(), &self.bootstrap).await;
        let asked: Arc<Mutex<Vec<AttestRequest>>> = Default::default();
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Some(request) = inbound.recv().await {
                let response = match request.request {
                    Request::Attest(wanted) => {
                        let response = answer(&wanted);
                        kept.lock().unwrap().push(*wanted);
                        response
                    }
                    _ => Response::refused(RefusalCode::NotFound, "not here"),
                };
                let _ = request.respond.send(response);
            }
        });
        Puppet { network, asked, _stop: stop }
    }

    async fn start_node(&mut self, n: u8, bootstrap: &[Multiaddr], set: AnchorSet) {
        let set = watch::Sender::new(set);
        let (network, mut inbound, stop, _) = start_network(n, set.subscribe(), bootstrap).await;
        let placed: Arc<Mutex<Vec<Placement>>> = Default::default();
        let (kept, state) = (placed.clone(), Arc::new(Mutex::new(Vec::new())));
        tokio::spawn(async move {
            while let Some(asked) = inbound.recv().await {
                let answer = match asked.request {
                    Request::Place(placement) => {
                        for part in &placement.content {
                            if let Content::State(bytes) = part {
                                state.lock().unwrap().clone_from(bytes);
                            }
                        }
                        kept.lock().unwrap().push(*placement);
                        Response::Done
                    }
                    Request::State { .. } => Response::State(state.lock().unwrap().clone()),
                    _ => Response::refused(RefusalCode::NotFound, "not here"),
                };
                let _ = asked.respond.send(answer);
            }
        });
        self.nodes.push(Node { account: account(n), network, placed, set, _stop: stop });
    }

    /// The nodes do their part: they activate what was tested.
    async fn all_active(&self) {
        self.eventually("every node is admitted", async || {
            for node in &self.nodes {
                if self.chain.step(&node.account) == Some(Step::Tested) {
                    let in_force = Some(InForce { terms: terms(), since: self.period(), standing: Standing::Good });
                    self.chain.set_agreement(&node.account, Agreement { in_force, ..Default::default() });
                }
            }
            let in_force = |node: &Node| self.chain.agreement(&node.account).is_some_and(|a| a.in_force.is_some());
            self.nodes.iter().all(in_force).then_some(())
        })
        .await;
    }

    async fn eventually<T>(&self, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(value) = attempt().await {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"))
    }

    async fn committed(&self, period: Period) -> (StoredCommitment, usize) {
        self.eventually("a commitment", async || self.chain.state(|s| s.commitments.get(&period).cloned())).await
    }

    fn period(&self) -> Period {
        self.chain.state(|s| s.clock.period)
    }

    async fn place(&self, anchor: usize, issuer: &Keypair, value: &str) -> Result<Placed, smartlayer_sdk::Error> {
        let state = InstanceState {
            instance: InstanceId { token_type: TOKEN, index: 7 },
            token_id: [1; 32],
            values: [("seat".to_owned(), value.to_owned())].into(),
        };
        let (encoded, valid_until) = (state.encode(), self.chain.now() + 100);
        let (instance, state_hash, script_hash) = (state.instance, blake2_256(&encoded), blake2_256(SCRIPT));
        let order = StoreInstance { instance, state_hash, script_hash, valid_until };
        let signature = issuer.sign_payload(&order, &GENESIS);
        let params = PlaceInstance {
            state: HexBytes(encoded),
            script: HexBytes(SCRIPT.to_vec()),
            valid_until,
            signature: (&signature).into(),
        };
        self.anchors[anchor].client.call(method::ANCHOR_PLACE_INSTANCE, params).await
    }

    /// Whether every node of the assignment has its part, and each part is what the assignment says.
    fn check_parts(&self, holders: &Holders) {
        let signed: SignedAssignment = holders.assignment.decode().unwrap();
        let assignment = &signed.assignment;
        let set = self.chain.state(|s| s.set.clone());
        set.verify(&GENESIS, assignment.payload_hash(&GENESIS), &signed.certificate).unwrap();
        let mut pieces = Vec::new();
        for node in &self.nodes {
            let placed = node.placed.lock().unwrap();
            let Some(last) = placed.iter().rfind(|p| p.assignment == signed) else {
                assert!(!assignment.serving.contains(&node.account));
                continue;
            };
            assert_eq!(last.script, SCRIPT);
            for part in &last.content {
                match part {
                    Content::State(state) => {
                        assert!(assignment.serving.contains(&node.account));
                        assert_eq!(blake2_256(state), assignment.state_hash);
                    }
                    Content::Shard { number, bytes } => {
                        let holding = assignment.holdings.iter().find(|h| h.shard == *number).unwrap();
                        assert_eq!(holding.node, node.account);
                        pieces.push(smartlayer_shards::verify(bytes.clone(), &assignment.coding, holding).unwrap());
                    }
                }
            }
        }
        assert_eq!(pieces.len(), 4);
        pieces.truncate(2);
        smartlayer_shards::restore(&assignment.coding, &assignment.state_hash, pieces).unwrap();
    }

    fn node(&self, account: &AccountId) -> &Node {
        self.nodes.iter().find(|node| node.account == *account).unwrap()
    }

    fn redeem(&self, executor: &AccountId, cumulative: Balance) -> Operation {
        self.operation(executor, cumulative, 0, None)
    }

    /// A transfer of the instance to another one of its type, called by the key operation of this kind.
    fn transfer(&self, executor: &AccountId, cumulative: Balance, kind: u8) -> Operation {
        let owner = Owner::Account(executor.clone());
        self.operation(executor, cumulative, kind, Some(Issued { instance: ISSUED, kind: 2, owner }))
    }

    fn operation(&self, executor: &AccountId, cumulative: Balance, kind: u8, issued: Option<Issued>) -> Operation {
        let instance = InstanceId { token_type: TOKEN, index: 7 };
        let receipt = Receipt {
            node: executor.clone(),
            session: Hash::repeat_byte(1),
            charged: 5,
            cumulative,
            request_hash: Hash::repeat_byte(2),
            result_hash: Hash::repeat_byte(3),
            operation: Some(Executed { instance, kind, issued }),
        };
        let n: &[u8] = executor.as_ref();
        let signature = key(n[0]).sign_payload(&receipt, &GENESIS);
        Operation { instance, kind, receipt: SignedReceipt { receipt, signature } }
    }

    async fn end(self) {
        for anchor in self.anchors {
            anchor.stop.cancel();
            tokio::time::timeout(Duration::from_secs(5), anchor.task).await.expect("stops within 5 s").unwrap();
            anchor.network_stop.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_proposals_to_commitments() {
    let _ = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).try_init();
    let story = Story::begin().await;
    story.all_active().await;

    // Placing: the issuer only.
    let issuer = key(99);
    let refused = story.place(0, &key(98), "12A").await.unwrap_err().to_string();
    assert!(refused.contains("not_the_issuer"), "{refused}");
    let placed = story.eventually("a placement", async || story.place(0, &issuer, "12A").await.ok()).await.holders;
    story.check_parts(&placed);
    let instance = InstanceId { token_type: TOKEN, index: 7 };
    let found = story.nodes[5].network.find_assignments(instance).await;
    assert_eq!(found.first().map(HexBytes::of), Some(placed.assignment.clone()));

    // An anchor passes on what the issuer says, and nobody else.
    let update = StateUpdate {
        instance,
        sequence: 1,
        reset: false,
        values: [("seat".to_owned(), Some("14C".to_owned()))].into(),
        issued_at: 1_790_000_000,
    };
    let signed = |by: &Keypair| SignedUpdate { signature: by.sign_payload(&update, &GENESIS), update: update.clone() };
    let publish = async |by: &Keypair| {
        let publication = IssuerPublish::from(&signed(by));
        story.anchors[0].client.call::<Published>(method::ISSUER_PUBLISH, publication).await
    };
    let refused = publish(&key(98)).await.unwrap_err().to_string();
    assert!(refused.contains("not_the_issuer"), "{refused}");
    let mut heard = story.nodes[5].network.gossip();
    let passed_on = story.eventually("passed on", async || publish(&issuer).await.ok()).await;
    assert_eq!((passed_on.sequence, passed_on.status), (1, PublishStatus::PassedOn));
    let told = tokio::time::timeout(SOON, async {
        loop {
            if let Ok((_, Gossip::Update(told))) = heard.recv().await {
                return told;
            }
        }
    });
    let told = told.await.expect("it goes round");
    // A signature has randomness in it.
    assert_eq!(told.update, update);
    assert!(told.verify(&GENESIS, &issuer.account()));

    // A key operation; beside it one of a node that doesn't serve the instance, and one of a node that does but doesn't execute.
    let executor = &placed.serving[0].account;
    let operation = story.redeem(executor, 5);
    let outsider = story.nodes.iter().find(|n| !placed.serving.iter().any(|s| s.account == n.account)).unwrap();
    let forged = story.redeem(&outsider.account, 9);
    let tell = async |operation: &Operation| {
        story.node(executor).network.publish(Gossip::Operation(operation.clone())).await.ok()
    };
    story.eventually("told", async || tell(&operation).await).await;
    story.eventually("told", async || tell(&forged).await).await;
    let copied = story.redeem(&placed.serving[1].account, 11);
    story.eventually("told", async || tell(&copied).await).await;
    let during = story.period();

    // The period's commitment covers it, and any anchor proves it.
    let wanted = AnchorProof::Operation {
        instance: Instance::from(instance),
        kind: 0,
        period: None,
        hash: Some(operation.payload_hash(&GENESIS)),
    };
    for anchor in &story.anchors {
        let proof: Proof =
            story.eventually("a proof", async || anchor.client.call(method::ANCHOR_PROOF, &wanted).await.ok()).await;
        assert!((during..=during + 1).contains(&proof.period), "in period {}, told in {during}", proof.period);
        let (stored, signers) = story.committed(proof.period).await;
        assert_eq!(stored.hash, proof.commitment);
        assert!(signers >= 3);
        let way: MerkleProof = proof.proof.decode().unwrap();
        let leaf = Operation::decode_all(&mut &proof.leaf.0[..]).unwrap();
        assert_eq!(leaf, operation);
        assert!(stored.commitment.operations.contains(&leaf, &way));
        assert_eq!((stored.commitment.totals.operations, stored.commitment.totals.served_value), (1, 5));
    }
    let not_committed = async |operation: &Operation| {
        let (instance, hash) = (Instance::from(operation.instance), Some(operation.payload_hash(&GENESIS)));
        let unknown = AnchorProof::Operation { instance, kind: operation.kind, period: None, hash };
        let none = story.anchors[1].client.call::<Proof>(method::ANCHOR_PROOF, &unknown).await.unwrap_err().to_string();
        assert!(none.contains("not_committed"), "{none}");
    };
    not_committed(&forged).await;
    not_committed(&copied).await;

    // A transfer is proved from both of its sides. One that is called by another key operation is none.
    let transfer = story.transfer(executor, 10, 1);
    let miscalled = story.transfer(executor, 15, 0);
    story.eventually("told", async || tell(&miscalled).await).await;
    story.eventually("told", async || tell(&transfer).await).await;
    for (instance, kind) in [(ISSUED, 2), (instance, 1)] {
        let wanted = AnchorProof::Operation { instance: instance.into(), kind, period: None, hash: None };
        let client = &story.anchors[0].client;
        let proof: Proof =
            story.eventually("a proof", async || client.call(method::ANCHOR_PROOF, &wanted).await.ok()).await;
        let (stored, _) = story.committed(proof.period).await;
        let way: MerkleProof = proof.proof.decode().unwrap();
        let leaf = Operation::decode_all(&mut &proof.leaf.0[..]).unwrap();
        assert_eq!(leaf, transfer);
        assert!(stored.commitment.operations.contains(&leaf, &way));
        // One bitmap for each side.
        assert_eq!((stored.commitment.totals.operations, stored.commitment.bitmaps.leaves), (1, 2));
    }

    // What it destroyed is not destroyed again.
    let again = story.transfer(executor, 20, 1);
    story.eventually("told", async || tell(&again).await).await;

    // Every node was measured and can show its entry of a whole period.
    let whole = story.period().max(1) + 1;
    let (stored, _) = story.committed(whole).await;
    assert!(stored.commitment.totals.reward_weight > 0);
    for node in &story.nodes {
        let wanted = AnchorProof::Report { period: whole, node: node.account.clone() };
        let client = &story.anchors[2].client;
        let proof: Proof =
            story.eventually("an entry", async || client.call(method::ANCHOR_PROOF, &wanted).await.ok()).await;
        let entry = ReportEntry::decode_all(&mut &proof.leaf.0[..]).unwrap();
        assert!(stored.commitment.report.contains(&entry, &proof.proof.decode().unwrap()));
        assert_eq!(entry.reward_weight, 10_000_000);
    }
    not_committed(&again).await;
    // The assignment is committed as well, once.
    let committed = |s: &mut State| s.commitments.values().map(|(c, _)| c.commitment.assignments.leaves).sum::<u32>();
    assert_eq!(story.chain.state(committed), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_writes_and_lost_nodes_are_replaced() {
    let mut story = Story::begin().await;
    story.all_active().await;
    let issuer = key(99);
    let placed = story.eventually("a placement", async || story.place(1, &issuer, "1A").await.ok()).await.holders;

    // Whoever is on duty for the running period goes away.
    let period = story.period();
    let writer = story.chain.ranking(period)[0].clone();
    let position = story.anchors.iter().position(|anchor| anchor.account == writer).unwrap();
    let gone = story.anchors.remove(position);
    gone.stop.cancel();
    gone.network_stop.cancel();
    gone.task.await.unwrap();
    let (stored, signers) = story.committed(period).await;
    assert_ne!(stored.commitment.writer, writer);
    assert_eq!(signers, 3);
    assert!(stored.block >= story.chain.state(|s| s.periods[&period].ended_at).unwrap() + GRACE);

    // A node that serves ends its agreement: another takes its place, with the state that the anchors can't make up.
    let lost = placed.serving[1].account.clone();
    story.chain.state(|s| s.nodes.agreements.retain(|(node, _)| *node != lost));
    let instance = InstanceId { token_type: TOKEN, index: 7 };
    let state = blake2_256(&placed.assignment.0);
    let replaced = story
        .eventually("a replacement", async || {
            let network = &story.nodes[0].network;
            network.find_assignments(instance).await.into_iter().find(|found| found.assignment.version > placed.version)
        })
        .await;
    assert_ne!(blake2_256(&replaced.encode()), state);
    let assignment = &replaced.assignment;
    assert_eq!(assignment.serving.len(), 2);
    assert_eq!(assignment.serving[0], placed.serving[0].account);
    assert!(!assignment.serving.contains(&lost) && assignment.holdings.iter().all(|h| h.node != lost));
    let new = story.node(&assignment.serving[1]).placed.lock().unwrap().last().cloned().unwrap();
    assert_eq!(new.assignment, replaced);
    assert!(new.content.iter().any(|part| matches!(part, Content::State(s) if blake2_256(s) == assignment.state_hash)));
    assert!(story.nodes.iter().all(|node| node.set.borrow().id == 1));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breach_that_lasts_is_reported_and_slashed_once() {
    let story = Story::begin().await;
    story.all_active().await;
    let dead = story.nodes[2].account.clone();
    story.prober.dead.lock().unwrap().insert(dead.clone());

    let applied = story
        .eventually("a slash", async || {
            let breaches = story.chain.state(|s| s.breaches.get(&dead).cloned().unwrap_or_default());
            breaches.into_iter().find(|breach| breach.state == BreachState::Applied)
        })
        .await;
    // It was in breach for two periods in a row, all anchors say so, and say nothing of the kind of the others.
    for anchor in &story.anchors {
        for (node, breaches) in [(&dead, 2), (&story.nodes[3].account, 0)] {
            let wanted = AnchorProof::Report { period: applied.period, node: node.clone() };
            let client = &anchor.client;
            let proof: Proof =
                story.eventually("an entry", async || client.call(method::ANCHOR_PROOF, &wanted).await.ok()).await;
            assert_eq!(ReportEntry::decode_all(&mut &proof.leaf.0[..]).unwrap().breaches, breaches);
        }
    }
    // One anchor reported it, and one took the slash: the others saw that it was done.
    let (nodes, in_vain) = story.chain.state(|s| (s.breaches.keys().cloned().collect::<Vec<_>>(), s.in_vain));
    assert_eq!((nodes, in_vain), (vec![dead.clone()], 0));
    let reporters: Vec<_> = (1..=4).map(|n| key(n).account()).collect();
    assert!(reporters.contains(&applied.reporter));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_period_and_writer_one_commitment_is_signed() {
    // Two anchors work and two are played: nothing is ever committed, and the first period stays due.
    let story = Story::begin_with(&[1, 2]).await;
    let refused = |_: &AttestRequest| Response::refused(RefusalCode::Failed, "no");
    let liar = story
        .puppet(3, |request| match request {
            AttestRequest::Proposal(_) => Response::Agreed,
            _ => Response::refused(RefusalCode::Failed, "no"),
        })
        .await;
    let writer = story.puppet(4, refused).await;

    // Whoever was told that enough agree stays with what it asked signatures for, however often it asks.
    let wanted_by = |n: u8| {
        let asked = liar.asked.lock().unwrap();
        let wanted = asked.iter().filter_map(|request| match request {
            AttestRequest::Commitment(commitment) if commitment.writer == account(n) => Some(commitment.clone()),
            _ => None,
        });
        wanted.collect::<Vec<_>>()
    };
    story.eventually("they ask again", async || [1, 2].iter().all(|n| wanted_by(*n).len() > 2).then_some(())).await;
    for n in [1, 2] {
        let wanted = wanted_by(n);
        assert!(wanted.iter().all(|commitment| *commitment == wanted[0]), "{wanted:?}");
    }

    // A writer that wants two signatures gets one.
    let mut proposal = liar
        .asked
        .lock()
        .unwrap()
        .iter()
        .find_map(|request| match request {
            AttestRequest::Proposal(proposal) => Some(proposal.clone()),
            _ => None,
        })
        .unwrap();
    proposal.commitment.writer = account(4);
    // A transfer under another name is none, also when an anchor hears of it first in a proposal.
    let mut miscalled = proposal.clone();
    miscalled.operations.push(story.transfer(&story.nodes[0].account, 5, 0));
    match writer.ask(1, AttestRequest::Proposal(miscalled)).await {
        Response::Refused(refusal) => {
            assert_eq!(refusal.code, RefusalCode::Disagrees, "{refusal}");
            assert!(refusal.reason.contains("none of its token type's"), "{refusal}");
        }
        other => panic!("{other:?}"),
    }
    let (commitment, mut other) = (proposal.commitment.clone(), proposal.clone());
    other.commitment.previous = Hash::repeat_byte(1);
    let is_refused = |response: Response, with: RefusalCode| match response {
        Response::Refused(refusal) => assert_eq!(refusal.code, with, "{refusal}"),
        other => panic!("{other:?}"),
    };
    let sign = |commitment: &Commitment| AttestRequest::Commitment(commitment.clone());
    is_refused(writer.ask(1, sign(&commitment)).await, RefusalCode::NotFound);
    story
        .eventually("its turn comes", async || {
            let response = writer.ask(1, AttestRequest::Proposal(proposal.clone())).await;
            (response == Response::Agreed).then_some(())
        })
        .await;
    for _ in 0..2 {
        assert!(matches!(writer.ask(1, sign(&commitment)).await, Response::Attested(_)));
    }
    is_refused(writer.ask(1, AttestRequest::Proposal(other.clone())).await, RefusalCode::NotAllowed);
    is_refused(writer.ask(1, sign(&other.commitment)).await, RefusalCode::NotFound);
    // Nor does anybody else sign in another's name.
    is_refused(liar.ask(1, sign(&commitment)).await, RefusalCode::NotAllowed);
    story.end().await;
}
