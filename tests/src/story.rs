//! The story: a ticket is registered, served, paid for, redeemed and proved while a node dies. Every sentence is checked against
//! the chain's state and the services' answers; the first that does not hold ends it.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{bail, ensure, Context, Result};
use codec::DecodeAll;
use smartlayer_chain_client::{BlockRef, ChainClient, Event};
use smartlayer_primitives::{
    agreement::Agreement, assignment::Assignment, operation::Operation, session::Beneficiary, token::Redundancy,
    AccountId, Balance, InstanceId, Period, SessionId, SLT,
};
use smartlayer_sdk::{amount, api::ErrorCode, node_service, prove, Error, Options, Payer, TokenClient};

use crate::{network::LocalNetwork, wait_until};

/// How many paid reads the story makes.
pub const READS: usize = 100;
/// What each session holds.
const DEPOSIT: Balance = 5 * SLT;
/// How many of the example's tickets are placed.
pub const TICKETS: usize = 3;
/// How each of them is kept.
pub const REDUNDANCY: Redundancy = Redundancy { serving: 2, shards: 4, threshold: 2 };
/// The ticket that is read and redeemed.
const TICKET: u32 = 1;
/// How long anything that depends on blocks may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What happened, in numbers.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The registered token type.
    pub token_type: u32,
    /// How many paid calls were answered.
    pub calls: usize,
    /// The node that was killed.
    pub killed: AccountId,
    /// The node that answered next.
    pub survivor: AccountId,
    /// The sessions, as they closed.
    pub sessions: Vec<ClosedSession>,
    /// The redemption.
    pub redemption: Operation,
    /// The period whose commitment covers it.
    pub period: Period,
    /// Rewards paid for that period, by account.
    pub rewards: BTreeMap<AccountId, Balance>,
    /// Total issuance before and after, and what was minted and burned between.
    pub issuance: Issuance,
}

/// A session's books at its end, in planck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedSession {
    /// The session.
    pub session: SessionId,
    /// The node.
    pub node: AccountId,
    /// All that was put in.
    pub deposit: Balance,
    /// What the node received.
    pub paid: Balance,
    /// What was destroyed.
    pub burned: Balance,
    /// What came back.
    pub refunded: Balance,
}

/// How total issuance moved between two blocks, in planck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// At the first block.
    pub before: Balance,
    /// At the last block.
    pub after: Balance,
    /// The sum of what was minted.
    pub minted: Balance,
    /// The sum of what was burned.
    pub burned: Balance,
}

/// Says what happens, as it happens.
pub struct Teller {
    begin: std::time::Instant,
    /// To standard error, where standard output is for figures.
    aside: bool,
}

impl Default for Teller {
    fn default() -> Self {
        Self { begin: std::time::Instant::now(), aside: false }
    }
}

impl Teller {
    /// One that leaves standard output alone.
    pub fn quiet() -> Self {
        Self { aside: true, ..Self::default() }
    }

    /// A line with the seconds since the beginning.
    pub fn say(&self, text: impl AsRef<str>) {
        let line = format!("[{:6.1} s] {}", self.begin.elapsed().as_secs_f64(), text.as_ref());
        match self.aside {
            true => eprintln!("{line}"),
            false => println!("{line}"),
        }
    }
}

/// Waits until every service node's agreement is in force and every anchor is active.
pub async fn nodes_are_active(network: &LocalNetwork, teller: &Teller) -> Result<()> {
    let chain = &network.client;
    let wanted = network.anchors.len();
    wait_until("all anchors are in the active set", PATIENCE, || async {
        network.check()?;
        Ok(chain.finalized()?.active_set().await?.members.len() == wanted)
    })
    .await?;
    teller.say(format!("{wanted} anchors are elected, registered and active"));
    let wanted = network.nodes.len();
    let seen = std::cell::Cell::new(0);
    wait_until("all service nodes passed their test and are active", 2 * PATIENCE, || async {
        network.check()?;
        let view = chain.finalized()?;
        let period = view.clock().await?.context("the period clock")?.period;
        // Terms hold from the period after their activation: only from then on are they measured by, and paid for.
        let holds = |a: &Agreement| a.in_force.as_ref().is_some_and(|terms| terms.since <= period);
        let active = view.agreements().await?.iter().filter(|(_, a)| holds(a)).count();
        if active > seen.replace(active) {
            teller.say(format!("{active} of {wanted} service nodes are bonded, tested and active"));
        }
        Ok(active == wanted)
    })
    .await
}

/// Tells the whole story.
pub async fn tell(network: &mut LocalNetwork, teller: &Teller) -> Result<Outcome> {
    nodes_are_active(network, teller).await?;
    let chain = network.client.clone();
    let first = chain.finalized()?.block();

    let (token_type, assignments) = publish(network, teller, REDUNDANCY, TICKETS).await?;
    let instance = InstanceId { token_type, index: TICKET };

    // The dApp opens one session to each node that serves the ticket.
    let dapp = network.key("Dapp")?;
    let payer = Payer::with_record(chain.clone(), dapp.clone(), dapp, network.dir.join("dapp-payments.json"))?;
    let serving = assignments[&TICKET].serving.to_vec();
    let opened = payer.open_all(serving.iter().map(|node| (node.clone(), DEPOSIT))).await?;
    teller.say(format!(
        "the dApp opened {} sessions with {} SLT each",
        opened.len(),
        amount::format(DEPOSIT).trim_end_matches(" SLT")
    ));
    let tokens = TokenClient::new(payer.clone(), Options::default());

    let mut charged: BTreeMap<AccountId, Balance> = BTreeMap::new();
    let mut calls = 0;
    for _ in 0..READS {
        let answered = tokens.attributes(instance).await?;
        let attributes = &answered.paid.result.attributes;
        ensure!(attributes.contains_key("flight"), "the ticket's attributes lack the flight: {attributes:?}");
        *charged.entry(answered.node.clone()).or_default() += answered.paid.charged();
        calls += 1;
    }
    teller.say(format!("{READS} reads of ticket {TICKET}'s attributes, each paid by a promise"));

    let redeemed = tokens.action(instance, "redeem", &[]).await?;
    let executor = redeemed.node.clone();
    ensure!(executor == serving[0], "{executor} redeemed, but {} was elected to", serving[0]);
    *charged.entry(executor.clone()).or_default() += redeemed.paid.charged();
    calls += 1;
    let kind = redeemed.paid.result.operation.context("a redemption is a key operation")?;
    let receipt = redeemed.paid.receipt.clone().context("a redemption is paid")?;
    let redemption = Operation { instance, kind, receipt };
    teller.say(format!("ticket {TICKET} was redeemed by {}", network.name_of(&executor)));
    match tokens.action(instance, "redeem", &[]).await {
        Ok(_) => bail!("the ticket was redeemed twice"),
        // Nothing was delivered, so nothing is charged.
        Err(Error::NotCharged { error, .. }) => {
            ensure!(error.code == ErrorCode::SelectionDenies, "a second redemption failed otherwise: {error}");
            teller.say(format!("a second redemption was refused: {error}"));
        }
        Err(e) => return Err(e).context("a second redemption failed otherwise"),
    }

    // A node dies without a word.
    ensure!(
        assignments.values().any(|a| a.holdings.iter().any(|h| h.node == executor)),
        "{executor} serves but holds no shard of any ticket"
    );
    network.node_mut(&executor)?.process.kill()?;
    teller.say(format!("{} was killed with SIGKILL", network.name_of(&executor)));
    let answered = tokens.attributes(instance).await?;
    ensure!(answered.node != executor, "a dead node answered");
    let survivor = answered.node.clone();
    *charged.entry(survivor.clone()).or_default() += answered.paid.charged();
    calls += 1;
    let redeemed = &answered.paid.result.attributes["redeemed"];
    teller.say(format!(
        "the next call was answered by {}, which knows of the redemption: redeemed = {redeemed}",
        network.name_of(&survivor)
    ));
    ensure!(is_true(redeemed), "the survivor does not know of the redemption: {redeemed}");

    // The survivor closes its session at once; the dead node's must be asked for, and is claimed when it is back.
    let sessions: BTreeMap<AccountId, SessionId> =
        payer.sessions().into_iter().map(|book| (book.node, book.session)).collect();
    let service = node_service(&chain, &smartlayer_sdk::http_client(Duration::from_secs(30)), &survivor).await?;
    payer.close(&service, sessions[&survivor]).await?;
    payer.request_close(sessions[&executor]).await?;
    teller.say("the surviving node closed its session; the dead node's was asked to close");
    network.node_mut(&executor)?.process.restart()?;
    teller.say(format!("{} was started again from its data", network.name_of(&executor)));
    let owed = charged[&executor];
    wait_until("the restarted node claims what it is owed", PATIENCE, || async {
        let view = chain.finalized()?;
        Ok(match view.session(&sessions[&executor]).await? {
            Some(session) => session.claimed() == owed,
            None => true,
        })
    })
    .await?;
    if let Some(session) = chain.finalized()?.session(&sessions[&executor]).await? {
        let at = session.closing_at.context("the session is closing")?;
        wait_until("the challenge window is over", PATIENCE, || async { Ok(chain.best().await?.block().number >= at) })
            .await?;
        payer.finish(sessions[&executor]).await?;
    }
    teller.say(format!("{} lost nothing: it claimed {}", network.name_of(&executor), amount::format(owed)));

    // The commitment that covers the redemption.
    let period = covered(network, &redemption, teller).await?;
    let proof = network
        .user("User")?
        .run(&[
            "prove",
            "--token",
            &token_type.to_string(),
            "--index",
            &TICKET.to_string(),
            "--operation",
            "redeem",
            "--period",
            &period.to_string(),
        ])
        .await?;
    teller.say(format!(
        "the command line proved it from the snapshot: commitment {}",
        proof["commitment"].as_str().unwrap_or_default()
    ));

    let rewards = claimed_rewards(network, period).await?;
    for (account, reward) in &rewards {
        teller.say(format!("{} claimed {} for period {period}", network.name_of(account), amount::format(*reward)));
    }

    wait_until("both sessions' ends are final", PATIENCE, || async {
        let view = chain.finalized()?;
        for session in sessions.values() {
            if view.session(session).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await?;
    let last = chain.finalized()?.block();
    let sessions = closed_sessions(&chain, first, last, sessions.values()).await?;
    ensure!(sessions.len() == 2, "only {} of 2 sessions closed", sessions.len());
    for s in &sessions {
        ensure!(
            s.paid + s.burned + s.refunded == s.deposit,
            "the books of session {:?} do not balance: {s:?}",
            s.session
        );
        ensure!(s.paid + s.burned == charged[&s.node], "{} was settled {s:?}, not {}", s.node, charged[&s.node]);
        ensure!(s.burned > 0, "nothing was burned of session {:?}", s.session);
    }
    for node in [&survivor, &executor] {
        let income = income(&chain, node, first, last).await?;
        let closed = sessions.iter().find(|s| s.node == *node).context("the node's session closed")?;
        ensure!(income.claimed == closed.paid, "{} was paid {income:?}, not {}", network.name_of(node), closed.paid);
        ensure!(
            income.after + income.fees == income.before + income.claimed + income.rewards,
            "the payout did not arrive in {}'s balance: {income:?}",
            network.name_of(node)
        );
        teller.say(format!("{}: {} arrived in its balance", network.name_of(node), amount::format(closed.paid)));
    }
    let issuance = issuance(&chain, first, last).await?;
    ensure!(
        issuance.after + issuance.burned == issuance.before + issuance.minted,
        "issuance does not balance: {issuance:?}"
    );
    teller.say("the books balance");
    Ok(Outcome { token_type, calls, killed: executor, survivor, sessions, redemption, period, rewards, issuance })
}

/// The issuer registers the flight ticket and stores its first instances; returns the token type and who serves what, by index.
pub async fn publish(
    network: &LocalNetwork,
    teller: &Teller,
    redundancy: Redundancy,
    tickets: usize,
) -> Result<(u32, BTreeMap<u32, Assignment>)> {
    let token_type = register(network, teller, redundancy).await?;
    Ok((token_type, place(network, teller, token_type, tickets).await?))
}

/// The issuer registers the ticket with the command line.
async fn register(network: &LocalNetwork, teller: &Teller, redundancy: Redundancy) -> Result<u32> {
    let script = network.script.to_str().context("a path in UTF-8")?;
    let uri = format!("file://{script}");
    let registered = network
        .user("Issuer")?
        .run(&[
            "token",
            "register",
            "--script",
            script,
            "--uri",
            &uri,
            "--key-operation",
            "redeem",
            "--serving",
            &redundancy.serving.to_string(),
            "--shards",
            &redundancy.shards.to_string(),
            "--threshold",
            &redundancy.threshold.to_string(),
            "--periods",
            "1000",
        ])
        .await?;
    let token_type = registered["tokenType"].as_u64().context("the token type's number")?;
    teller.say(format!("the issuer registered a smart flight ticket: token type {token_type}"));
    Ok(u32::try_from(token_type)?)
}

/// The issuer stores the instances; the anchors choose who serves and who holds shards.
async fn place(
    network: &LocalNetwork,
    teller: &Teller,
    token_type: u32,
    tickets: usize,
) -> Result<BTreeMap<u32, Assignment>> {
    let issuer = network.user("Issuer")?;
    let anchor = &network.anchors[0].endpoints.http;
    let mut assignments = BTreeMap::new();
    let dapp = network.key("Dapp")?;
    let tokens = TokenClient::new(Payer::new(network.client.clone(), dapp), Options::default());
    for described in network.tickets()?.into_iter().take(tickets) {
        let ticket = described.index;
        let values = network.values_file(&described)?;
        issuer
            .run(&[
                "instance",
                "store",
                "--token",
                &token_type.to_string(),
                "--index",
                &ticket.to_string(),
                "--token-id",
                &described.token_id,
                "--values",
                values.to_str().context("a path in UTF-8")?,
                "--script",
                network.script.to_str().context("a path in UTF-8")?,
                "--anchor",
                anchor,
            ])
            .await
            .with_context(|| format!("ticket {ticket}"))?;
        let assignment = tokens.assignment(InstanceId { token_type, index: ticket }, true).await?;
        let names =
            |accounts: Vec<&AccountId>| accounts.into_iter().map(|a| network.name_of(a)).collect::<Vec<_>>().join(", ");
        teller.say(format!(
            "ticket {ticket} is served by {}; shards at {}",
            names(assignment.serving.iter().collect()),
            names(assignment.holdings.iter().map(|h| &h.node).collect())
        ));
        assignments.insert(ticket, Assignment::clone(&assignment));
    }
    Ok(assignments)
}

/// Waits for the commitment that covers the operation; returns its period.
async fn covered(network: &LocalNetwork, operation: &Operation, teller: &Teller) -> Result<Period> {
    let chain = &network.client;
    let http = smartlayer_sdk::http_client(Duration::from_secs(10));
    let wanted = prove::WantedOperation {
        instance: operation.instance,
        kind: operation.kind,
        receipt: Some(operation.receipt.clone()),
        period: None,
    };
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let anchors = smartlayer_sdk::anchor_services(&chain.finalized()?, &http).await?;
        match prove::prove_operation(chain, &anchors, &wanted).await {
            Ok(proved) => {
                let commitment = &proved.commitment.commitment;
                teller.say(format!(
                    "the commitment of period {} covers it, written by {}",
                    commitment.period,
                    network.name_of(&commitment.writer)
                ));
                return Ok(commitment.period);
            }
            Err(e) if tokio::time::Instant::now() > end => {
                return Err(e).context("no commitment covers the redemption");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
        network.check()?;
    }
}

/// Waits until at least one service node and one anchor were paid for the period; claims are the services' own doing.
async fn claimed_rewards(network: &LocalNetwork, period: Period) -> Result<BTreeMap<AccountId, Balance>> {
    let chain = &network.client;
    let committed = chain.finalized()?.commitment(period).await?.context("a commitment")?.block;
    let mut rewards = BTreeMap::new();
    let mut next = committed;
    let (mut nodes, mut anchors) = (0, 0);
    let end = tokio::time::Instant::now() + PATIENCE;
    while nodes == 0 || anchors == 0 {
        ensure!(tokio::time::Instant::now() < end, "rewards of period {period} were not claimed within {PATIENCE:?}");
        if chain.finalized()?.block().number < next {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        }
        for record in chain.events_at(chain.block(next).await?).await? {
            match record.event {
                Event::RewardPaid { period: p, node, amount } if p == period => {
                    nodes += 1;
                    rewards.insert(node, amount);
                }
                Event::AnchorRewardPaid { period: p, anchor, amount } if p == period => {
                    anchors += 1;
                    rewards.insert(anchor, amount);
                }
                _ => {}
            }
        }
        next += 1;
    }
    Ok(rewards)
}

/// The books of these sessions as their closing events state them.
async fn closed_sessions(
    chain: &ChainClient,
    first: BlockRef,
    last: BlockRef,
    wanted: impl IntoIterator<Item = &SessionId>,
) -> Result<Vec<ClosedSession>> {
    let wanted: Vec<_> = wanted.into_iter().collect();
    let (mut nodes, mut closed) = (BTreeMap::new(), Vec::new());
    for number in first.number + 1..=last.number {
        for record in chain.events_at(chain.block(number).await?).await? {
            match record.event {
                Event::SessionOpened { session, beneficiary: Beneficiary::Node(node), .. } => {
                    nodes.insert(session, node);
                }
                Event::SessionClosed { session, deposit, paid, burned, refunded, .. } if wanted.contains(&&session) => {
                    let node = nodes.get(&session).cloned().context("a session was closed that was not opened")?;
                    closed.push(ClosedSession { session, node, deposit, paid, burned, refunded });
                }
                _ => {}
            }
        }
    }
    Ok(closed)
}

/// How a node's free balance moved between two blocks, in planck.
#[derive(Debug, Default)]
struct Income {
    before: Balance,
    after: Balance,
    /// What claims paid it.
    claimed: Balance,
    /// What it earned for periods.
    rewards: Balance,
    /// What it paid for transactions.
    fees: Balance,
}

/// How `node`'s balance moved after `first` up to `last`: the ends from storage, the parts from the events of every block between.
async fn income(chain: &ChainClient, node: &AccountId, first: BlockRef, last: BlockRef) -> Result<Income> {
    let mut income = Income {
        before: chain.at(first)?.balance(node).await?.free,
        after: chain.at(last)?.balance(node).await?.free,
        ..Income::default()
    };
    for number in first.number + 1..=last.number {
        for record in chain.events_at(chain.block(number).await?).await? {
            match record.event {
                Event::SessionClaimed { node: of, paid, .. } if of == *node => income.claimed += paid,
                Event::RewardPaid { node: of, amount, .. } if of == *node => income.rewards += amount,
                Event::FeePaid { who, actual_fee, .. } if who == *node => income.fees += actual_fee,
                _ => {}
            }
        }
    }
    Ok(income)
}

/// How issuance moved after `first` up to `last`: the totals from storage, the parts from the events of every block between.
pub async fn issuance(chain: &ChainClient, first: BlockRef, last: BlockRef) -> Result<Issuance> {
    let (mut minted, mut burned) = (0, 0);
    for number in first.number + 1..=last.number {
        for record in chain.events_at(chain.block(number).await?).await? {
            match record.event {
                Event::SessionClaimed { burned: amount, .. } => burned += amount,
                Event::Other { pallet, name, fields } if pallet == "Balances" && name == "Minted" => {
                    let (_, amount) = <(AccountId, Balance)>::decode_all(&mut &fields[..])?;
                    minted += amount;
                }
                _ => {}
            }
        }
    }
    Ok(Issuance {
        before: chain.at(first)?.total_issuance().await?,
        after: chain.at(last)?.total_issuance().await?,
        minted,
        burned,
    })
}

fn is_true(value: &serde_json::Value) -> bool {
    *value == true || *value == 1 || *value == "true" || *value == "1"
}

impl Outcome {
    /// The summary for people.
    pub fn summary(&self, network: &LocalNetwork) -> String {
        let mut lines = vec![format!("{} paid calls, 1 redemption, 1 node killed and back", self.calls)];
        for s in &self.sessions {
            lines.push(format!(
                "session with {:<8} deposit {} = paid {} + burned {} + refunded {}",
                network.name_of(&s.node),
                amount::format(s.deposit),
                amount::format(s.paid),
                amount::format(s.burned),
                amount::format(s.refunded)
            ));
        }
        let Issuance { before, after, minted, burned } = self.issuance;
        lines.push(format!(
            "total issuance {} + minted {} - burned {} = {}",
            amount::format(before),
            amount::format(minted),
            amount::format(burned),
            amount::format(after)
        ));
        lines.push(format!("proved: ticket {TICKET} was redeemed in period {}", self.period));
        lines.join("\n")
    }
}
