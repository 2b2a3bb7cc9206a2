//! The chain over four real validators: governance, elections, an upgrade, offences, the watchtower, and slashes, each seen from outside.
//!
//! There are no services here: the test holds the keys of the anchors and nodes, and does on the chain what they would do.

use std::{path::Path, time::Duration};

use anyhow::{bail, ensure, Context, Result};
use codec::{Decode, Encode};
use frame_support::{
    dispatch::RawOrigin,
    storage::storage_prefix,
    traits::{schedule::DispatchTime, Bounded, GetCallMetadata},
    StorageHasher, Twox64Concat,
};
use pallet_conviction_voting::{AccountVote, Conviction, Vote};
use pallet_referenda::{ReferendumCount, ReferendumInfo, ReferendumInfoFor};
use serde_json::json;
use smartlayer_chain_client::{
    calls::{anchors, commitment_snapshots, promise_settlement, service_staking, sla_registry, Call},
    ChainClient, Keypair,
};
use smartlayer_primitives::{
    commitment::{Commitment, Totals},
    merkle::{self, MerkleProof, MerkleRoot},
    node::{BreachState, KeyOwnership},
    payload::Payload,
    promise::{session_id, Claim, Promise, SignedPromise},
    quorum::{attestation, QuorumCertificate},
    report::ReportEntry,
    session::Beneficiary,
    sla::TestResult,
    AccountId, Balance, Hash, Period, SessionId, SLT,
};
use smartlayer_runtime::{
    configs::governance::origins::Origin,
    parameters::dynamic_params::{elections, promise_settlement as settlement},
    OriginCaller, Runtime, RuntimeCall, RuntimeParameters,
};
use smartlayer_tests::{
    chain::{export_spec, ChainNode},
    rpc,
    story::Teller,
    wait_until,
};
use sp_core::sr25519;
use sp_runtime::{
    traits::{BlakeTwo256, Hash as _},
    Permill,
};

/// How long anything that depends on blocks may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long anything that depends on eras may take.
const ERAS: Duration = Duration::from_secs(600);
/// The anchors of genesis.
const ANCHORS: [&str; 4] = ["//Anchor1", "//Anchor2", "//Anchor3", "//Anchor4"];
/// Who votes: together they have well over a quarter of all there is.
const VOTERS: [&str; 8] =
    ["//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie", "//Alice//stash", "//Bob//stash"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_validators_keep_the_rules() -> Result<()> {
    let dir = tempfile::Builder::new().prefix("smartlayer-validators-").tempdir()?;
    let teller = Teller::default();
    teller.say(format!("all data is in {}", dir.path().display()));
    let told = tell(dir.path(), &teller).await;
    if told.is_err() {
        // What happened stays readable.
        eprintln!("the logs are in {}", dir.keep().join("logs").display());
    }
    told
}

async fn tell(dir: &Path, teller: &Teller) -> Result<()> {
    let logs = dir.join("logs");
    std::fs::create_dir_all(&logs)?;
    let spec = export_spec(dir, "local-four")?;
    let alice = ChainNode::start(dir, &logs, &spec, "alice", None).await?;
    let mut others = Vec::new();
    for key in ["bob", "charlie", "dave"] {
        others.push(ChainNode::start(dir, &logs, &spec, key, Some(&alice.multiaddr)).await?);
    }
    let [bob, charlie, mut dave]: [ChainNode; 3] = others.try_into().ok().context("three more validators")?;
    let client = ChainClient::connect_patiently(&alice.ws).await?;
    let chain = Chain { client, http: alice.http.clone() };
    wait_until("four validators finalise", PATIENCE, || async { Ok(alice.finalized().await? >= 3) }).await?;
    teller.say("four validators produce and finalise blocks");

    dave.process.kill()?;
    let before = alice.finalized().await?;
    wait_until("three of four go on", PATIENCE, || async { Ok(alice.finalized().await? > before + 5) }).await?;
    dave.process.restart()?;
    wait_until("the fourth catches up", PATIENCE, || async {
        Ok(dave.finalized().await.is_ok_and(|height| height > before + 5))
    })
    .await?;
    teller.say("a validator was killed: finality went on, and it caught up when it was back");

    // A second node with Charlie's keys: both build a block in Charlie's slots.
    let bonded = chain.staked("//Charlie").await?;
    let twin = ChainNode::start_as(dir, &logs, &spec, "charlies-twin", "charlie", Some(&alice.multiaddr)).await?;

    let node = chain.node("//Node1").await?;
    let forgiven = chain.node("//Node2").await?;
    chain.active_anchors().await?;
    for key in ["//Node1", "//Node2"] {
        chain.agree(key).await?;
    }
    teller.say("four anchors are active, and two service nodes have agreements in force");

    let early = chain.open(&node, 1).await?;
    chain.decide(Origin::Admin, numbers()?).await?;
    let late = chain.open(&node, 2).await?;
    for (session, percent) in [(early, 5), (late, 10)] {
        let pinned = chain.client.best().await?.session(&session).await?.context("an open session")?.burn_rate;
        ensure!(pinned == Permill::from_percent(percent), "session {session:?} burns {pinned:?}, not {percent}%");
    }
    teller.say("a referendum raised the burn rate; the session that was open keeps its own");

    chain.elect("//Eve").await?;
    teller.say("an election made a registered organisation with a judged identity the fifth anchor");

    wait_until("two blocks of one slot are reported", ERAS, || chain.reported(*b"babe:equivocatio")).await?;
    drop(twin);
    teller.say("the equivocating validator was reported by the others");

    chain.slash(&node, &forgiven, teller).await?;
    chain.upgrade(early, teller).await?;
    chain.watch(&bob, late, &node).await?;
    teller.say("the watchtower claimed for a node that was away, when its payer closed the session");

    wait_until("the equivocator is slashed", ERAS, || async { Ok(chain.staked("//Charlie").await? < bonded) }).await?;
    let height = alice.finalized().await?;
    wait_until("finality goes on", PATIENCE, || async { Ok(alice.finalized().await? > height + 3) }).await?;
    teller.say("the equivocator was slashed, and finality went on");
    for node in [&alice, &bob, &charlie, &dave] {
        node.process.check()?;
    }
    Ok(())
}

/// The chain as the actors of this test see it.
struct Chain {
    client: ChainClient,
    http: String,
}

impl Chain {
    fn genesis(&self) -> Hash {
        self.client.genesis_hash()
    }

    async fn send(&self, uri: &str, call: Call) -> Result<()> {
        let name = call.name();
        self.client.submit(&key(uri)?, call).await.with_context(|| format!("{name} by {uri}"))?;
        Ok(())
    }

    async fn dispatch(&self, uri: &str, call: impl Into<RuntimeCall>) -> Result<()> {
        self.send(uri, raw(call)).await
    }

    /// A value of the best block's state.
    async fn read<T: Decode>(&self, key: Vec<u8>) -> Result<Option<T>> {
        let found = rpc::call(&self.http, "state_getStorage", json!([format!("0x{}", hex::encode(key))])).await?;
        let Some(text) = found.as_str() else { return Ok(None) };
        Ok(Some(T::decode(&mut &hex::decode(text.trim_start_matches("0x"))?[..])?))
    }

    /// Whether an offence of this kind was reported.
    async fn reported(&self, kind: [u8; 16]) -> Result<bool> {
        let mut prefix = storage_prefix(b"Offences", b"ConcurrentReportsIndex").to_vec();
        prefix.extend(Twox64Concat::hash(&kind));
        let prefix = format!("0x{}", hex::encode(prefix));
        let found = rpc::call(&self.http, "state_getKeysPaged", json!([prefix, 1])).await?;
        Ok(found.as_array().is_some_and(|keys| !keys.is_empty()))
    }

    /// What a validator has at stake, in planck.
    async fn staked(&self, uri: &str) -> Result<Balance> {
        let key = pallet_staking::Ledger::<Runtime>::hashed_key_for(account(uri)?);
        let ledger: pallet_staking::StakingLedger<Runtime> = self.read(key).await?.context("a ledger")?;
        Ok(ledger.total)
    }

    /// Registers a service node.
    async fn node(&self, uri: &str) -> Result<AccountId> {
        let key = key(uri)?;
        let proof = key.sign_payload(&KeyOwnership { account: key.account() }, &self.genesis());
        let call = service_staking::register(
            b"http://127.0.0.1:1".to_vec().try_into().ok().context("an endpoint")?,
            vec![1].try_into().ok().context("a peer id")?,
            key.account(),
            proof,
            2_000 * SLT,
        );
        self.send(uri, call).await?;
        Ok(key.account())
    }

    async fn organisation(&self, uri: &str) -> Result<()> {
        let key = key(uri)?;
        let ownership = KeyOwnership { account: key.account() };
        let proof = key.sign(&ownership.signing_payload(&self.genesis()));
        let call = anchors::register(
            uri.trim_start_matches('/').into(),
            b"http://127.0.0.1:1".to_vec().try_into().ok().context("an endpoint")?,
            vec![1].try_into().ok().context("a peer id")?,
            key.public(),
            proof,
            10_000 * SLT,
        );
        self.send(uri, call).await
    }

    async fn active_anchors(&self) -> Result<()> {
        for uri in ANCHORS {
            self.organisation(uri).await?;
        }
        let active = self.client.best().await?.active_set().await?.members.len();
        ensure!(active == ANCHORS.len(), "{active} anchors are active");
        Ok(())
    }

    /// The signatures of all anchors whose keys this test has.
    async fn certificate(&self, hash: Hash) -> Result<QuorumCertificate> {
        let set = self.client.best().await?.active_set().await?;
        let message = attestation(&self.genesis(), hash);
        let mut signatures: Vec<(usize, sr25519::Signature)> = Vec::new();
        for uri in ANCHORS {
            let key = key(uri)?;
            let position = set.position(&key.account()).with_context(|| format!("{uri} is not active"))?;
            signatures.push((position, key.sign(&message)));
        }
        Ok(set.certificate(signatures))
    }

    /// Takes a node from its proposal to an agreement in force.
    async fn agree(&self, uri: &str) -> Result<()> {
        let node = account(uri)?;
        let floor = self.client.best().await?.template(0).await?.context("a template")?.floor;
        self.send(uri, sla_registry::propose(0, floor)).await?;
        let answering = self.client.best().await?.answering(&node).await?.context("an anchor answers")?;
        let mut anchor = None;
        for uri in ANCHORS {
            if account(uri)? == answering {
                anchor = Some(uri);
            }
        }
        self.send(anchor.context("one of the anchors")?, sla_registry::accept_proposal(node.clone())).await?;
        let view = self.client.best().await?;
        let terms = view.agreement(&node).await?.and_then(|a| a.negotiation).context("a negotiation")?.terms;
        let period = view.clock().await?.context("the clock")?.period;
        let result = TestResult { node, terms, period, passed: true };
        let certificate = self.certificate(result.payload_hash(&self.genesis())).await?;
        self.send(uri, sla_registry::record_test(result, certificate)).await?;
        self.send(uri, sla_registry::activate()).await
    }

    async fn open(&self, node: &AccountId, nonce: u64) -> Result<SessionId> {
        let payer = account("//Dapp")?;
        let call = promise_settlement::open(Beneficiary::Node(node.clone()), payer.clone(), None, SLT, nonce, 10_000);
        self.send("//Dapp", call).await?;
        Ok(session_id(&self.genesis(), &payer, node, nonce))
    }

    fn claim(&self, session: SessionId, cumulative: Balance) -> Result<Claim> {
        let promise = Promise { session, cumulative, call_hash: Hash::zero(), ticks: None };
        let signature = key("//Dapp")?.sign_payload(&promise, &self.genesis());
        Ok(SignedPromise { promise, signature }.into())
    }

    /// Has a call decided by a referendum, and waits until it is approved.
    async fn decide(&self, origin: impl Into<OriginCaller>, call: RuntimeCall) -> Result<()> {
        let index = self.read::<u32>(ReferendumCount::<Runtime>::hashed_key().to_vec()).await?.unwrap_or_default();
        let call: Bounded<RuntimeCall, _> = Bounded::Inline(call.encode().try_into().ok().context("a short call")?);
        let submit = pallet_referenda::Call::submit {
            proposal_origin: Box::new(origin.into()),
            proposal: call,
            enactment_moment: DispatchTime::After(0),
        };
        self.dispatch("//Alice", submit).await?;
        self.dispatch("//Alice", pallet_referenda::Call::place_decision_deposit { index }).await?;
        let votes = VOTERS.map(|uri| async move {
            let vote = Vote { aye: true, conviction: Conviction::Locked1x };
            let vote = AccountVote::Standard { vote, balance: 800_000 * SLT };
            self.dispatch(uri, pallet_conviction_voting::Call::vote { poll_index: index, vote }).await
        });
        futures::future::try_join_all(votes).await?;
        let key = ReferendumInfoFor::<Runtime>::hashed_key_for(index);
        wait_until("the referendum is approved", PATIENCE, || async {
            match self.read::<Referendum>(key.clone()).await?.context("the referendum")? {
                ReferendumInfo::Approved(..) => Ok(true),
                ReferendumInfo::Ongoing(_) => Ok(false),
                ended => bail!("the referendum ended otherwise: {ended:?}"),
            }
        })
        .await?;
        // Enacted two blocks later, by the local preset.
        let approved = self.client.best().await?.block().number;
        wait_until("the decision is enacted", PATIENCE, || async {
            Ok(self.client.best().await?.block().number > approved + 4)
        })
        .await
    }

    /// A candidate becomes an anchor at the next election.
    async fn elect(&self, uri: &str) -> Result<()> {
        let candidate = account(uri)?;
        self.organisation(uri).await?;
        let info = pallet_identity::legacy::IdentityInfo {
            additional: Default::default(),
            display: pallet_identity::Data::Raw(uri.as_bytes().to_vec().try_into().ok().context("a name")?),
            legal: pallet_identity::Data::None,
            web: pallet_identity::Data::None,
            riot: pallet_identity::Data::None,
            email: pallet_identity::Data::None,
            pgp_fingerprint: None,
            image: pallet_identity::Data::None,
            twitter: pallet_identity::Data::None,
        };
        let hash = BlakeTwo256::hash_of(&info);
        self.dispatch(uri, pallet_identity::Call::set_identity { info: Box::new(info) }).await?;
        self.dispatch(uri, pallet_identity::Call::request_judgement { reg_index: 0, max_fee: 0 }).await?;
        let judgement = pallet_identity::Call::provide_judgement {
            reg_index: 0,
            target: candidate.clone().into(),
            judgement: pallet_identity::Judgement::Reasonable,
            identity: hash,
        };
        self.dispatch("//Alice", judgement).await?;
        let vote = pallet_elections_phragmen::Call::vote { votes: vec![candidate.clone()], value: 50_000 * SLT };
        // Before the candidacy: an election between the two would find nobody behind the candidate, and take its deposit.
        self.dispatch("//Ferdie", vote).await?;
        self.dispatch(uri, pallet_elections_phragmen::Call::submit_candidacy { candidate_count: 10 }).await?;
        wait_until("the election changes the anchor set", PATIENCE, || async {
            Ok(self.client.best().await?.active_set().await?.position(&candidate).is_some())
        })
        .await
    }

    /// Commits to every period that is over, up to the one whose report holds these entries.
    async fn commit(&self, target: Period, entries: &[ReportEntry]) -> Result<()> {
        loop {
            let view = self.client.best().await?;
            let period = view.next_to_commit().await?;
            if period > target {
                return Ok(());
            }
            if view.clock().await?.context("the clock")?.period <= period {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            let entries = if period == target { entries } else { &[] };
            let writer = view.duty(period).await?;
            let mut on_duty = None;
            // The fifth anchor's turn is the next one's after the grace.
            for account_on_duty in &writer {
                for uri in ANCHORS {
                    if account(uri)? == *account_on_duty {
                        on_duty = on_duty.or(Some(uri));
                    }
                }
            }
            let uri = on_duty.context("somebody is on duty")?;
            let from = view.writable_from(period, &account(uri)?).await?.context("a turn")?;
            if view.block().number < from {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            let commitment = Commitment {
                period,
                previous: view.last_hash().await?,
                operations: MerkleRoot::default(),
                bitmaps: MerkleRoot::default(),
                report: MerkleRoot::of(entries),
                assignments: MerkleRoot::default(),
                totals: Totals {
                    reward_weight: entries.iter().map(|entry| entry.reward_weight).sum(),
                    ..Totals::default()
                },
                writer: account(uri)?,
            };
            let certificate = self.certificate(commitment.payload_hash(&self.genesis())).await?;
            self.send(uri, commitment_snapshots::submit(commitment, certificate)).await?;
        }
    }

    /// Two nodes are reported for a persistent breach; one is slashed after the deferral, the other's slash is cancelled.
    async fn slash(&self, node: &AccountId, forgiven: &AccountId, teller: &Teller) -> Result<()> {
        let view = self.client.best().await?;
        let agreement = view.agreement(node).await?.and_then(|a| a.in_force).context("an agreement in force")?;
        let period = view.clock().await?.context("the clock")?.period.max(agreement.since);
        let entry = |node: &AccountId| ReportEntry {
            period,
            node: node.clone(),
            availability: Permill::from_percent(50),
            p95_latency_ms: u32::MAX,
            served_value: 0,
            score: Permill::zero(),
            breaches: agreement.terms.penalty.persistent_after,
            reward_weight: 0,
        };
        let entries = [entry(node), entry(forgiven)];
        self.commit(period, &entries).await?;
        for (index, entry) in entries.iter().enumerate() {
            let proof: MerkleProof = merkle::prove(&entries, index as u32).context("a proof")?;
            self.send("//User", service_staking::report_breach(entry.clone(), proof)).await?;
        }
        teller.say("two nodes were reported for a persistent breach");
        let bond = |node: AccountId| async move {
            let found = self.client.best().await?.node(&node).await?;
            Ok::<_, anyhow::Error>(found.context("a node")?.bond)
        };
        let before = bond(node.clone()).await?;
        let early = self.client.submit(&key("//User")?, service_staking::apply_slash(node.clone(), period)).await;
        ensure!(early.is_err(), "a slash was applied before its deferral was over");
        let cancel = pallet_service_staking::Call::cancel_slash { node: forgiven.clone(), period };
        self.decide(Origin::SlashCanceller, cancel.into()).await?;

        let due = self.client.best().await?.breaches(node).await?.first().context("a breach")?.clone();
        wait_until("the deferral is over", PATIENCE, || async {
            Ok(self.client.best().await?.block().number >= due.due_at)
        })
        .await?;
        self.send("//User", service_staking::apply_slash(node.clone(), period)).await?;
        ensure!(bond(node.clone()).await? == before - due.amount, "the slash was not {}", due.amount);
        let cancelled =
            self.client.submit(&key("//User")?, service_staking::apply_slash(forgiven.clone(), period)).await;
        ensure!(cancelled.is_err(), "a cancelled slash was executed");
        let state = self.client.best().await?.breaches(forgiven).await?.first().context("a breach")?.state;
        ensure!(state == BreachState::Cancelled && bond(forgiven.clone()).await? == before, "{state:?}");
        teller.say(
            "one was slashed after the deferral; the other's slash was cancelled by a referendum and not executed",
        );
        Ok(())
    }

    /// The code is replaced by referendum while a session is open, which closes on the terms that it opened with.
    async fn upgrade(&self, session: SessionId, teller: &Teller) -> Result<()> {
        let code = smartlayer_next_runtime::WASM_BINARY.context("the next runtime was not built")?;
        // As it is, a debug build does not fit a block.
        let code = sp_maybe_compressed_blob::compress_weakly(code, sp_maybe_compressed_blob::CODE_BLOB_BOMB_LIMIT)
            .context("the next runtime is too large")?;
        let before = self.spec_version().await?;
        let code_hash = BlakeTwo256::hash(&code);
        self.decide(RawOrigin::Root, frame_system::Call::authorize_upgrade { code_hash }.into()).await?;
        self.dispatch("//Alice", frame_system::Call::apply_authorized_upgrade { code }).await?;
        wait_until("the new code runs", PATIENCE, || async { Ok(self.spec_version().await? == before + 1) }).await?;
        teller.say("a referendum replaced the runtime's code");

        let free = self.client.best().await?.balance(&account("//Dapp")?).await?.free;
        let held = self.client.best().await?.session(&session).await?.context("the session outlived the upgrade")?;
        let issuance = self.client.best().await?.total_issuance().await?;
        self.send("//Node1", promise_settlement::close(session, Some(self.claim(session, SLT / 2)?))).await?;
        let view = self.client.best().await?;
        ensure!(view.session(&session).await?.is_none(), "the session is still open");
        let refunded = view.balance(&account("//Dapp")?).await?.free - free;
        ensure!(refunded == SLT / 2 + held.storage_deposit, "{refunded} was refunded");
        // No period is committed to meanwhile, so that nothing is minted; era rewards are minted when they are asked for.
        ensure!(issuance - view.total_issuance().await? == SLT / 2 / 20, "not a twentieth was burned");
        teller.say("the session that was open closed on its pinned burn rate");
        Ok(())
    }

    async fn spec_version(&self) -> Result<u64> {
        let version = rpc::call(&self.http, "state_getRuntimeVersion", json!([])).await?;
        version["specVersion"].as_u64().context("a version")
    }

    /// A claim that was given to a chain node is paid although its node is away.
    async fn watch(&self, tower: &ChainNode, session: SessionId, node: &AccountId) -> Result<()> {
        let claim = self.claim(session, SLT / 4)?;
        rpc::call(&tower.http, "watchtower_keep", json!([format!("0x{}", hex::encode(claim.encode()))])).await?;
        let before = self.client.best().await?.balance(node).await?.free;
        self.send("//Dapp", promise_settlement::request_close(session)).await?;
        wait_until("the watchtower claims", PATIENCE, || async {
            let session = self.client.best().await?.session(&session).await?.context("the closing session")?;
            Ok(session.claimed() == SLT / 4)
        })
        .await?;
        let paid = self.client.best().await?.balance(node).await?.free - before;
        ensure!(paid == SLT / 4 - SLT / 40, "{paid} arrived");
        Ok(())
    }
}

type Referendum = pallet_referenda::ReferendumInfoOf<Runtime, ()>;

/// The burn rate becomes a tenth, and anchors are elected every ten blocks.
fn numbers() -> Result<RuntimeCall> {
    let rate = settlement::Parameters::BurnRate(settlement::BurnRate, Some(Permill::from_percent(10)));
    let term = elections::Parameters::TermDuration(elections::TermDuration, Some(10));
    let set = |parameter| RuntimeCall::from(pallet_parameters::Call::set_parameter { key_value: parameter });
    let calls = vec![set(RuntimeParameters::PromiseSettlement(rate)), set(RuntimeParameters::Elections(term))];
    Ok(pallet_utility::Call::batch_all { calls }.into())
}

fn raw(call: impl Into<RuntimeCall>) -> Call {
    let call: RuntimeCall = call.into();
    let names = call.get_call_metadata();
    // The first two bytes are the indices of pallet and call.
    Call::raw(names.pallet_name, names.function_name, call.encode()[2..].to_vec())
}

fn key(uri: &str) -> Result<Keypair> {
    Ok(Keypair::development(uri)?)
}

fn account(uri: &str) -> Result<AccountId> {
    Ok(key(uri)?.account())
}
