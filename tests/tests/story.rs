//! The whole network over real processes: the story, and what must hold when somebody lies or dies.
//!
//! Needs anvil at the path in `ANVIL`, as `scripts/test` sets it; without it this says that it was skipped.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{ensure, Context, Result};
use serde_json::{json, Value};
use smartlayer_api_types::{
    error::{ErrorCode, ErrorObject},
    x402::{self, PaymentPayload},
};
use smartlayer_chain_client::Keypair;
use smartlayer_primitives::{
    operation::Operation,
    payload::Payload,
    promise::{call_hash, Promise, SignedPromise},
    token::Redundancy,
    AccountId, Balance, Hash, InstanceId, SessionId, SLT,
};
use smartlayer_sdk::{http_client, node_service, Options, Payer, ServiceClient, TokenClient};
use smartlayer_tests::{
    dashboard::unknown_metrics,
    developer,
    network::{LocalNetwork, Plan},
    rpc,
    story::{self, Outcome, Teller},
    wait_until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_holds_and_so_does_the_network_when_somebody_lies_or_dies() -> Result<()> {
    let Some(anvil) = std::env::var_os("ANVIL").map(PathBuf::from) else {
        eprintln!("skipped: ANVIL names no EVM node; scripts/test sets it");
        return Ok(());
    };
    ensure!(anvil.exists(), "{} does not exist; remedy: scripts/setup", anvil.display());
    let dir = tempfile::Builder::new().prefix("smartlayer-e2e-").tempdir()?;
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let plan = Plan { dir: dir.path().canonicalize()?, repository, anvil, anchors: 4, nodes: 6 };
    let teller = Teller::default();
    let told = tell(&plan, &teller).await;
    if told.is_err() {
        // What happened stays readable.
        eprintln!("the logs are in {}", dir.keep().join("logs").display());
    }
    told
}

async fn tell(plan: &Plan, teller: &Teller) -> Result<()> {
    let mut network = LocalNetwork::start(plan, teller).await?;
    let outcome = story::tell(&mut network, teller).await?;
    the_chain_agrees(&network, &outcome).await?;
    teller.say("the chain's state agrees with the story");
    developer::tell(&network, teller).await?;
    bad_payments_are_refused(&network, &outcome).await?;
    teller.say("bad payments were refused, each with its own reason, and cost nothing");
    a_stand_in_writes(&mut network).await?;
    teller.say("a stand-in wrote while the anchor on duty was dead");
    an_instance_survives_its_server(&mut network, teller).await?;
    teller.say("an instance whose only server died was restored from shards and served by another node");
    the_chain_goes_away(&mut network, &outcome).await?;
    teller.say("a node without its chain said so, took no more than was held, and went on when the chain was back");
    everything_is_described(&network)?;
    the_dashboard_names_metrics_that_exist(&network, &plan.repository).await?;
    a_watchtower_claims(&mut network, &outcome).await?;
    teller.say("a node that was dead when its payer closed the session was paid by a watchtower's claim");
    the_reference_lists_the_nodes_methods(&network, &plan.repository).await?;
    let longest = network.stop().await?;
    teller.say(format!("every process stopped within {longest:?}"));
    Ok(())
}

/// The story's numbers once more, from the chain alone.
async fn the_chain_agrees(network: &LocalNetwork, outcome: &Outcome) -> Result<()> {
    let view = network.client.finalized()?;
    // The reads, the redemption, and a read at the surviving node; what was refused was not charged.
    ensure!(outcome.calls == story::READS + 2, "{} calls", outcome.calls);
    ensure!(outcome.killed != outcome.survivor, "the dead node answered");
    for closed in &outcome.sessions {
        ensure!(view.session(&closed.session).await?.is_none(), "session {:?} is still open", closed.session);
    }
    let stored = view.commitment(outcome.period).await?.context("the commitment that covers the redemption")?;
    ensure!(stored.commitment.totals.operations >= 1, "the commitment counts no operation");
    ensure!(
        stored.hash == stored.commitment.payload_hash(&network.client.genesis_hash()),
        "the stored hash is not the commitment's"
    );
    let Operation { receipt, .. } = &outcome.redemption;
    let node = view.node(&receipt.receipt.node).await?.context("the executor is registered")?;
    ensure!(
        outcome.redemption.verify(&network.client.genesis_hash(), &node.service_key),
        "the redemption is not signed by its executor"
    );
    ensure!(outcome.rewards.values().all(|reward| *reward > 0), "an empty reward was claimed");
    Ok(())
}

/// What a paying client sends, and may lie about.
struct Attempt<'a> {
    network: &'a LocalNetwork,
    service: ServiceClient,
    node: AccountId,
    signer: Keypair,
    instance: InstanceId,
    http: reqwest::Client,
}

impl Attempt<'_> {
    fn body(&self) -> Vec<u8> {
        let instance = json!({ "tokenType": self.instance.token_type, "index": self.instance.index });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "token_attributes", "params": { "instance": instance } })
            .to_string()
            .into_bytes()
    }

    fn promise(&self, session: SessionId, cumulative: Balance, body: &[u8], genesis: &Hash) -> SignedPromise {
        let promise = Promise { session, cumulative, call_hash: call_hash(body), ticks: None };
        SignedPromise { signature: self.signer.sign_payload(&promise, genesis), promise }
    }

    /// Posts with this payment; returns the status and the error's code, if it failed.
    async fn post(&self, body: Vec<u8>, payment: &PaymentPayload) -> Result<(u16, Option<ErrorCode>)> {
        let answer = self
            .http
            .post(self.service.url())
            .header("content-type", "application/json")
            .header(x402::PAYMENT_SIGNATURE, x402::encode_header(payment))
            .body(body)
            .send()
            .await?;
        let status = answer.status().as_u16();
        let answer: Value = answer.json().await?;
        let error = match answer.get("error") {
            Some(error) => Some(serde_json::from_value::<ErrorObject>(error.clone())?),
            None => None,
        };
        Ok((status, error.and_then(|e| e.known()).map(|e| e.code)))
    }

    async fn refused(&self, promise: &SignedPromise, body: Vec<u8>, because: ErrorCode) -> Result<()> {
        let terms = self.service.session_terms().await?.terms;
        let payment = PaymentPayload::new(&x402::offer(&terms, SLT / 1000, 30), promise);
        let (status, code) = self.post(body, &payment).await?;
        ensure!((status, code) == (402, Some(because)), "expected 402 {because}, got {status} {code:?}");
        self.network.check()
    }
}

async fn bad_payments_are_refused(network: &LocalNetwork, outcome: &Outcome) -> Result<()> {
    let chain = &network.client;
    let genesis = chain.genesis_hash();
    let http = http_client(Duration::from_secs(30));
    let instance = InstanceId { token_type: outcome.token_type, index: 1 };
    let user = network.key("User")?;
    let payer = Payer::new(chain.clone(), user.clone());
    let other = &network.nodes.iter().find(|n| n.account != outcome.survivor).context("another node")?.account;
    let sessions = payer.open_all([(outcome.survivor.clone(), SLT / 2), (other.clone(), SLT / 2)]).await?;
    let [session, others] = [sessions[0].0, sessions[1].0];
    let service = node_service(chain, &http, &outcome.survivor).await?;
    let attempt =
        Attempt { network, service, node: outcome.survivor.clone(), signer: user, instance, http: http.clone() };

    // The session works: one good call, which also lets the node see it.
    let params = json!({ "instance": { "tokenType": instance.token_type, "index": instance.index } });
    let paid = payer.call::<Value>(&attempt.service, session, "token_attributes", params, SLT).await?;
    let (price, owed) = (paid.charged(), paid.charged());
    let body = attempt.body();
    let good = owed + price;

    let cases = [
        (attempt.promise(Hash::repeat_byte(7), good, &body, &genesis), ErrorCode::UnknownSession),
        (attempt.promise(others, price, &body, &genesis), ErrorCode::OtherNode),
        (attempt.promise(session, good, &body, &Hash::repeat_byte(7)), ErrorCode::BadSignature),
        (attempt.promise(session, owed, &body, &genesis), ErrorCode::CumulativeTooLow),
        (attempt.promise(session, good + 1, &body, &genesis), ErrorCode::Overpaid),
        (attempt.promise(session, good, b"another request", &genesis), ErrorCode::OtherRequest),
    ];
    for (promise, because) in cases {
        attempt.refused(&promise, body.clone(), because).await?;
    }
    // For another chain by name.
    let terms = attempt.service.session_terms().await?.terms;
    let mut payment =
        PaymentPayload::new(&x402::offer(&terms, price, 30), &attempt.promise(session, good, &body, &genesis));
    payment.accepted.network = x402::network(&Hash::repeat_byte(7));
    let (status, code) = attempt.post(body.clone(), &payment).await?;
    ensure!((status, code) == (402, Some(ErrorCode::OtherChain)), "another chain: {status} {code:?}");
    // More than the deposit: a session that holds less than one price.
    let poor = payer.open(&attempt.node, SLT / 10).await?;
    let calls = SLT / 10 / price;
    for _ in 0..calls {
        let params =
            json!({ "instance": { "tokenType": instance.token_type, "index": instance.index }, "names": ["class"] });
        payer.call::<Value>(&attempt.service, poor, "token_attributes", params, SLT).await?;
    }
    let over = attempt.promise(poor, (calls + 1) * price, &body, &genesis);
    attempt.refused(&over, body.clone(), ErrorCode::OverDeposit).await?;

    // Nothing was charged for any of it, and the session goes on.
    let state = attempt.service.session_state(session).await?;
    ensure!(state.owed.0 == owed, "{} is owed after refusals, not {owed}", state.owed.0);
    let payment =
        PaymentPayload::new(&x402::offer(&terms, price, 30), &attempt.promise(session, good, &body, &genesis));
    let (status, code) = attempt.post(body, &payment).await?;
    ensure!((status, code) == (200, None), "a good promise after the bad ones: {status} {code:?}");
    Ok(())
}

async fn a_stand_in_writes(network: &mut LocalNetwork) -> Result<()> {
    let chain = network.client.clone();
    let view = chain.finalized()?;
    let period = view.clock().await?.context("the period clock")?.period + 1;
    wait_until("the next period begins", Duration::from_secs(120), || async {
        Ok(chain.finalized()?.clock().await?.is_some_and(|clock| clock.period >= period))
    })
    .await?;
    let on_duty = chain.finalized()?.duty(period).await?.first().cloned().context("somebody is on duty")?;
    let strikes = chain.finalized()?.strikes(&on_duty).await?;
    network.node_mut(&on_duty)?.process.kill()?;
    wait_until("a stand-in writes the commitment", Duration::from_secs(240), || async {
        Ok(chain.finalized()?.commitment(period).await?.is_some())
    })
    .await?;
    let view = chain.finalized()?;
    let written = view.commitment(period).await?.context("the commitment")?;
    ensure!(written.commitment.writer != on_duty, "the dead anchor wrote");
    ensure!(view.strikes(&on_duty).await? > strikes, "the missed duty is no strike");
    network.node_mut(&on_duty)?.process.restart()
}

/// The only node that has the whole state dies, and a holder of a shard with it: what is left is just enough.
async fn an_instance_survives_its_server(network: &mut LocalNetwork, teller: &Teller) -> Result<()> {
    let redundancy = Redundancy { serving: 1, shards: 3, threshold: 2 };
    let (token_type, assignments) = story::publish(network, teller, redundancy, 1).await?;
    let (index, before) = assignments.into_iter().next().context("one ticket")?;
    let instance = InstanceId { token_type, index };
    let payer = Payer::new(network.client.clone(), network.key("User")?);
    let tokens = TokenClient::new(payer.clone(), Options::default());
    payer.open(&before.serving[0], SLT).await?;
    let written = tokens.attributes(instance).await?.paid.result.attributes;

    let dead = [before.serving[0].clone(), before.holdings[0].node.clone()];
    for node in &dead {
        network.node_mut(node)?.process.kill()?;
    }
    let found = RefCell::new(None);
    // The anchors may find them dead one after the other.
    wait_until("other nodes have the parts of both", Duration::from_secs(300), || async {
        network.check()?;
        let assignment = tokens.assignment(instance, true).await?;
        let mut nodes = assignment.serving.iter().chain(assignment.holdings.iter().map(|h| &h.node));
        let moved = !nodes.any(|node| dead.contains(node));
        *found.borrow_mut() = moved.then_some(assignment);
        Ok(moved)
    })
    .await?;
    let after = found.into_inner().context("the new assignment")?;
    ensure!((after.serving.len(), after.holdings.len()) == (1, 3), "{after:?} is not what was asked for");
    ensure!(after.state_hash == before.state_hash, "the state changed on the way");
    payer.open(&after.serving[0], SLT).await?;
    let answered = tokens.attributes(instance).await?;
    ensure!(answered.node == after.serving[0], "{} answered", answered.node);
    ensure!(answered.paid.result.attributes == written, "{:?} is not {written:?}", answered.paid.result.attributes);
    for node in &dead {
        network.node_mut(node)?.process.restart()?;
    }
    Ok(())
}

/// A node that serves an instance, and what it charged for reading it.
struct Server {
    account: AccountId,
    service: ServiceClient,
    session: SessionId,
    charged: Balance,
}

/// The node that serves the instance first, as soon as it answers: who was dead a moment ago may just hear that others took over.
async fn serving_now(payer: &Payer, instance: InstanceId) -> Result<Server> {
    let (chain, http) = (payer.chain(), http_client(Duration::from_secs(30)));
    let tokens = TokenClient::new(payer.clone(), Options::default());
    let params = json!({ "instance": { "tokenType": instance.token_type, "index": instance.index } });
    let found = RefCell::new(None);
    wait_until("a node that serves the ticket now answers", Duration::from_secs(120), || async {
        let assignment = tokens.assignment(instance, true).await?;
        let account = assignment.serving.first().context("a serving node")?.clone();
        let service = node_service(chain, &http, &account).await?;
        let session = payer.open(&account, SLT / 10).await?;
        let read = payer.call::<Value>(&service, session, "token_attributes", params.clone(), SLT).await;
        *found.borrow_mut() = read.ok().map(|read| Server { account, service, session, charged: read.charged() });
        Ok(found.borrow().is_some())
    })
    .await?;
    found.into_inner().context("an answer")
}

/// The chain node that the services are connected to dies and comes back.
async fn the_chain_goes_away(network: &mut LocalNetwork, outcome: &Outcome) -> Result<()> {
    let chain = network.client.clone();
    let genesis = chain.genesis_hash();
    let http = http_client(Duration::from_secs(30));
    let user = network.key("User")?;
    let payer = Payer::new(chain.clone(), user.clone());
    let instance = InstanceId { token_type: outcome.token_type, index: 1 };
    let Server { account: server, service, session, charged: price } = serving_now(&payer, instance).await?;
    let node = network.nodes.iter().find(|n| n.account == server).context("the serving node")?;
    let metrics = node.endpoints.metrics.clone();
    let health = metrics.replace("/metrics", "/health");

    network.chain[0].process.kill()?;
    let connected = || async { Ok::<_, anyhow::Error>(service.node_info().await?.chain.connected) };
    wait_until("node_info says that the chain is away", Duration::from_secs(60), || async { Ok(!connected().await?) })
        .await?;
    ensure!(http.get(&health).send().await?.status() == 503, "the node calls itself healthy");
    wait_until("the metrics say so too", Duration::from_secs(10), || async {
        Ok(http.get(&metrics).send().await?.text().await?.contains("service_chain_connected 0"))
    })
    .await?;

    // What was held is still good for a while; not a planck more, and nothing that was never seen.
    let attempt = Attempt { network, service, node: server, signer: user, instance, http };
    let body = attempt.body();
    let terms = attempt.service.session_terms().await?.terms;
    let good = attempt.promise(session, 2 * price, &body, &genesis);
    let (status, code) =
        attempt.post(body.clone(), &PaymentPayload::new(&x402::offer(&terms, price, 30), &good)).await?;
    ensure!((status, code) == (200, None), "a promise within what is held: {status} {code:?}");
    let calls = SLT / 10 / price;
    for n in 3..=calls {
        let promise = attempt.promise(session, n * price, &body, &genesis);
        let payment = PaymentPayload::new(&x402::offer(&terms, price, 30), &promise);
        let (status, code) = attempt.post(body.clone(), &payment).await?;
        ensure!((status, code) == (200, None), "promise {n} within what is held: {status} {code:?}");
    }
    attempt
        .refused(&attempt.promise(session, (calls + 1) * price, &body, &genesis), body.clone(), ErrorCode::OverDeposit)
        .await?;
    let unseen = attempt.promise(Hash::repeat_byte(9), price, &body, &genesis);
    let (status, code) = attempt.post(body, &PaymentPayload::new(&x402::offer(&terms, price, 30), &unseen)).await?;
    ensure!(code == Some(ErrorCode::ChainUnavailable), "a session that was never seen: {status} {code:?}");
    let service = attempt.service;

    network.chain[0].process.restart()?;
    wait_until("node_info says that the chain is back", Duration::from_secs(120), || async {
        Ok(service.node_info().await?.chain.connected)
    })
    .await?;
    payer.close(&service, session).await?;
    wait_until("the session is settled", Duration::from_secs(120), || async {
        Ok(chain.finalized()?.session(&session).await?.is_none())
    })
    .await
}

/// A payer closes its session while the node that served it is dead.
async fn a_watchtower_claims(network: &mut LocalNetwork, outcome: &Outcome) -> Result<()> {
    let chain = network.client.clone();
    let payer = Payer::new(chain.clone(), network.key("User")?);
    let instance = InstanceId { token_type: outcome.token_type, index: 1 };
    let Server { account: node, session, charged: owed, .. } = serving_now(&payer, instance).await?;
    let node = &node;
    let tower = network.chain[1].http.clone();
    wait_until("the watchtower has the promise", Duration::from_secs(60), || async {
        Ok(!rpc::call(&tower, "watchtower_kept", json!([session])).await?.is_null())
    })
    .await?;

    network.node_mut(node)?.process.kill()?;
    let before = chain.best().await?.balance(node).await?.free;
    payer.request_close(session).await?;
    wait_until("the watchtower claims", Duration::from_secs(120), || async {
        let closing = chain.best().await?.session(&session).await?.context("the closing session")?;
        Ok(closing.claimed() == owed)
    })
    .await?;
    let view = chain.best().await?;
    let burned = view.session(&session).await?.context("the closing session")?.burn_rate * owed;
    let paid = view.balance(node).await?.free - before;
    ensure!(paid == owed - burned, "{paid} arrived of {owed}, of which {burned} are burned");
    Ok(())
}

/// docs/reference/node.md lists what a node really answers.
async fn the_reference_lists_the_nodes_methods(network: &LocalNetwork, repository: &Path) -> Result<()> {
    let answer = rpc::call(&network.chain[0].http, "rpc_methods", json!([])).await?;
    let methods: BTreeSet<String> = serde_json::from_value(answer["methods"].clone())?;
    let text = std::fs::read_to_string(repository.join("docs/reference/node.md"))?;
    let listed: BTreeSet<String> =
        text.lines().filter_map(|line| Some(line.strip_prefix("- `")?.strip_suffix('`')?.to_owned())).collect();
    let missing: Vec<_> = methods.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&methods).collect();
    ensure!(missing.is_empty() && gone.is_empty(), "docs/reference/node.md lacks {missing:?} and lists {gone:?}");
    Ok(())
}

/// No panel of the dashboard stays empty after all that happened here.
async fn the_dashboard_names_metrics_that_exist(network: &LocalNetwork, repository: &Path) -> Result<()> {
    let file = std::fs::read(repository.join("deploy/grafana/smart-layer.json"))?;
    let http = http_client(Duration::from_secs(30));
    let services = network.anchors.iter().chain(&network.nodes).map(|service| &service.endpoints.metrics);
    let mut scrapes = Vec::new();
    for url in network.chain.iter().map(|node| &node.metrics).chain(services) {
        // Some were killed, and stay dead.
        if let Ok(answer) = http.get(url).send().await {
            scrapes.push(answer.error_for_status()?.text().await?);
        }
    }
    let unknown = unknown_metrics(&serde_json::from_slice(&file)?, &scrapes);
    ensure!(unknown.is_empty(), "the dashboard names metrics that nobody exposes: {unknown:?}");
    Ok(())
}

/// Other programs can attach by `network.json`.
fn everything_is_described(network: &LocalNetwork) -> Result<()> {
    network.write_description()?;
    let description: Value = serde_json::from_slice(&std::fs::read(network.dir.join("network.json"))?)?;
    ensure!(description["chain"]["ws"].as_str().is_some_and(|ws| ws.starts_with("ws://")), "{description}");
    let services = description["services"].as_array().context("services")?;
    ensure!(services.len() == network.anchors.len() + network.nodes.len(), "{description}");
    for service in services {
        for key in ["role", "http", "ws", "account", "pid"] {
            ensure!(!service[key].is_null(), "{key} is missing of {service}");
        }
    }
    for (name, account) in description["accounts"].as_object().context("accounts")? {
        let key = account["key"].as_str().context("a key file")?;
        ensure!(Keypair::load(key)?.account().to_string() == account["account"], "the key of {name}");
    }
    Ok(())
}
