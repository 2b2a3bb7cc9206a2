//! Placing instances: choosing who serves and holds them, having the other anchors attest it, and handing everyone their part.
//!
//! Who is chosen follows from the chain alone: the nodes whose agreement meets the token's requirement, ordered by the period's
//! randomness. Only nodes that do not answer probes are passed over, and every anchor that attests goes by its own probes there.
//!
//! **Invariant.** A new state is attested only with the issuer's signature on its hash; without it only holders change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use codec::{DecodeAll, Encode};
use futures::{stream::FuturesUnordered, StreamExt};
use smartlayer_api_types::{
    rpc::{Holder, Holders, PlaceInstance, Placed, ShardHolder},
    ApiError, ErrorCode, HexBytes, Instance,
};
use smartlayer_network::{
    messages::{AttestRequest, Content, Gossip, Order, Placement, RefusalCode, Request, Response, MAX_SCRIPT_BYTES},
    PeerId,
};
use smartlayer_primitives::{
    assignment::{Assignment, Coding, Holding, SignedAssignment, MAX_STATE_BYTES},
    instance::{InstanceState, StoreInstance},
    payload::{blake2_256, Payload},
    quorum::QuorumCertificate,
    token::TokenType,
    AccountId, BlockNumber, Hash, InstanceId, Period, Signature,
};
use smartlayer_shards as shards;
use sp_runtime::traits::Verify;
use tracing::{debug, info, warn};

use crate::{
    attest,
    error::{Error, Result},
    gather,
    shared::{Facts, Shared},
};

/// How far ahead an order's last block may lie.
const MAX_VALIDITY: BlockNumber = 1200;
/// For how many seconds a token type may be unknown that an issuer places an instance of.
const REGISTRATION_PATIENCE: u32 = 15;
/// How often a quorum is asked for: anchors may see different blocks for a moment.
const ATTEMPTS: u32 = 4;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(2);
/// How long the other anchors may take to attest.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often a node is handed its part.
const HAND_OUT_ATTEMPTS: u32 = 3;
/// A node with so many failed probes in a row is passed over.
const FAILING: u32 = 2;
/// A node is replaced after so many failed probes in a row, over so long.
const DEAD: (u32, Duration) = (3, Duration::from_secs(30));
/// Assignments looked at in one step of the repair.
const PAGE: usize = 256;
/// How often assignments are looked at.
const REPAIR_INTERVAL: Duration = Duration::from_secs(15);

type Refused = (RefusalCode, String);

/// `anchor_placeInstance`.
pub(crate) async fn place_instance(shared: &Arc<Shared>, params: PlaceInstance) -> Result<Placed, ApiError> {
    let fail = ApiError::new;
    let _permit = shared.placements.clone().try_acquire_owned().map_err(|_| ApiError::from(ErrorCode::Overloaded))?;
    let facts = shared.facts()?;
    let PlaceInstance { state, script, valid_until, signature } = params;
    let (state, script) = (state.0, script.0);
    if state.len() > MAX_STATE_BYTES as usize {
        return Err(fail(ErrorCode::StateInvalid, format!("{} bytes", state.len())));
    }
    let decoded = InstanceState::decode_all(&mut &state[..]);
    let instance = decoded.map_err(|e| fail(ErrorCode::StateInvalid, e.to_string()))?.instance;
    let token = registered(shared, &facts, instance).await?;
    if script.len() > MAX_SCRIPT_BYTES || blake2_256(&script) != token.spec.script_hash {
        return Err(ErrorCode::ScriptMismatch.into());
    }
    let signature = Signature::try_from(&signature).map_err(|e| fail(ErrorCode::NotTheIssuer, e.to_string()))?;
    let order = Order { valid_until, signature };
    let state_hash = blake2_256(&state);
    check_order(shared, &facts, &token, instance, state_hash, &order)?;
    shared.data.put_blob(script.clone()).await?;

    let (coding, pieces) = encode(state.clone(), &token).await?;
    let (signed, facts) = agree(shared, &token, instance, state_hash, coding, &pieces, order).await?;
    let pieces: BTreeMap<u32, Vec<u8>> = pieces.into_iter().map(|piece| (piece.number, piece.bytes)).collect();
    let outcome = hand_out(shared, &facts, &signed, Some(&state), &pieces, &script).await;
    outcome.check(&signed.assignment)?;
    publish(shared, signed.clone()).await?;
    shared.metrics.placement("placed");
    info!(?instance, version = signed.assignment.version, nodes = outcome.took.len(), "placed an instance");
    Ok(Placed { holders: holders(&facts, &signed) })
}

/// The instance's token type. One that was registered a moment ago is waited for: its block has to become final.
async fn registered(shared: &Shared, facts: &Facts, instance: InstanceId) -> Result<TokenType, ApiError> {
    for _ in 0..REGISTRATION_PATIENCE {
        if let Some(token) = shared.token(facts, instance.token_type).await? {
            return Ok(token);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(ApiError::new(ErrorCode::UnknownToken, format!("no token type {}", instance.token_type)))
}

async fn encode(state: Vec<u8>, token: &TokenType) -> Result<(Coding, Vec<shards::Shard>), ApiError> {
    let redundancy = token.spec.redundancy;
    // Some milliseconds of computing for a large state.
    let encoded = tokio::task::spawn_blocking(move || shards::encode(&state, &redundancy)).await;
    let failed = |e: &dyn std::fmt::Display| ApiError::new(ErrorCode::StateInvalid, e.to_string());
    encoded.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
}

/// Whether the issuer ordered this state, now.
fn check_order(
    shared: &Shared,
    facts: &Facts,
    token: &TokenType,
    instance: InstanceId,
    state_hash: Hash,
    order: &Order,
) -> Result<(), ApiError> {
    let now = facts.block.number;
    if order.valid_until < now || order.valid_until > now.saturating_add(MAX_VALIDITY) {
        let message = format!("valid until block {}, and now is {now}", order.valid_until);
        return Err(ApiError::new(ErrorCode::RequestExpired, message));
    }
    let (script_hash, valid_until) = (token.spec.script_hash, order.valid_until);
    let payload = StoreInstance { instance, state_hash, script_hash, valid_until }.signing_payload(&shared.genesis);
    if !order.signature.verify(&payload[..], &token.issuer) {
        return Err(ErrorCode::NotTheIssuer.into());
    }
    Ok(())
}

/// Finds out who is to hold the new state, and gets the other anchors' agreement.
async fn agree(
    shared: &Arc<Shared>,
    token: &TokenType,
    instance: InstanceId,
    state_hash: Hash,
    coding: Coding,
    pieces: &[shards::Shard],
    order: Order,
) -> Result<(SignedAssignment, Arc<Facts>), ApiError> {
    let mut reason = String::new();
    let mut least_version = 0;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
        let facts = shared.facts()?;
        if shared.data.assignment(&instance)?.is_none() {
            gather::look_up(shared, &facts, instance).await?;
        }
        let previous = shared.data.assignment(&instance)?.map(|signed| signed.assignment);
        let passed_over = |node: &AccountId| shared.probes.failing(node).0 >= FAILING;
        let candidates = candidates(&facts, token, previous.as_ref(), &passed_over);
        let Some((serving, holders)) = plan(&facts.seed, instance, &candidates, token, previous.as_ref()) else {
            let message = format!("{} nodes meet the requirement", candidates.len());
            return Err(ApiError::new(ErrorCode::TooFewNodes, message));
        };
        let version = next_version(shared, &instance)?.max(least_version);
        least_version = version.saturating_add(1);
        let holding =
            |(node, piece): (AccountId, &shards::Shard)| Holding { node, shard: piece.number, root: piece.root };
        let holdings: Vec<_> = holders.into_iter().zip(pieces).map(holding).collect();
        let too_many = |_| ApiError::new(ErrorCode::Internal, "more holders than an assignment can name");
        let assignment = Assignment {
            instance,
            version,
            period: facts.clock.period,
            state_hash,
            coding,
            serving: serving.try_into().map_err(|_| too_many(()))?,
            holdings: holdings.try_into().map_err(|_| too_many(()))?,
        };
        match certify(shared, &facts, &assignment, Some(order.clone())).await? {
            Ok(certificate) => return Ok((SignedAssignment { assignment, certificate }, facts)),
            Err(why) => {
                debug!(?instance, version, %why, "no quorum for a placement");
                reason = why;
            }
        }
    }
    shared.metrics.placement("no_quorum");
    Err(ApiError::new(ErrorCode::NoQuorum, reason))
}

/// Attests an assignment and asks the others to; says in words why there is no quorum.
async fn certify(
    shared: &Arc<Shared>,
    facts: &Facts,
    assignment: &Assignment,
    order: Option<Order>,
) -> Result<Result<QuorumCertificate, String>> {
    let hash = match check(shared, facts, assignment, order.as_ref()).await? {
        Ok(hash) => hash,
        Err((_, reason)) => return Ok(Err(reason)),
    };
    let request = AttestRequest::Assignment { assignment: assignment.clone(), order };
    let collected = attest::collect(shared, facts, request, hash, PATIENCE).await;
    Ok(collected.certificate.ok_or_else(|| {
        let first = collected.refusals.first().map(ToString::to_string);
        format!("only {} anchors agree: {}", collected.signed, first.unwrap_or_else(|| "no answer".into()))
    }))
}

/// The version after every one that is known or was attested here.
fn next_version(shared: &Shared, instance: &InstanceId) -> Result<u32> {
    let known = shared.data.assignment(instance)?.map(|signed| signed.assignment.version);
    let attested = shared.data.attested_version(instance)?.map(|(version, _)| version);
    Ok(known.max(attested).map_or(1, |version| version.saturating_add(1)))
}

/// The nodes whose agreement meets the token's requirement, but for those that are passed over. A node that takes no new work keeps what
/// the assignment before gave it.
fn candidates(
    facts: &Facts,
    token: &TokenType,
    previous: Option<&Assignment>,
    passed_over: &dyn Fn(&AccountId) -> bool,
) -> Vec<shards::Candidate> {
    let has_a_part = |node: &AccountId| {
        previous.is_some_and(|p| p.serving.contains(node) || p.holdings.iter().any(|holding| holding.node == *node))
    };
    let meets = facts.active().filter(|(_, _, terms)| terms.objectives.meet(&token.spec.requirement));
    meets
        .filter(|(account, node, _)| !node.chilled || has_a_part(account))
        .filter(|(node, _, _)| !passed_over(node))
        .map(|(node, _, terms)| shards::Candidate { node: node.clone(), weight: terms.reward_weight.max(1).into() })
        .collect()
}

/// Who serves an instance and who holds its shards, in the order of their numbers. Who has a part of it already keeps one.
fn plan(
    seed: &Hash,
    instance: InstanceId,
    candidates: &[shards::Candidate],
    token: &TokenType,
    previous: Option<&Assignment>,
) -> Option<(Vec<AccountId>, Vec<AccountId>)> {
    let redundancy = &token.spec.redundancy;
    let repaired = previous.and_then(|previous| repair(seed, candidates, token, previous).ok());
    let Some(repaired) = repaired else {
        let placed = shards::place(seed, instance, candidates, redundancy)?;
        return Some((placed.serving, placed.holders));
    };
    let mut serving = repaired.serving;
    serving.truncate(redundancy.serving.into());
    let kept = repaired.kept.into_iter().map(|holding| holding.node);
    let holders: Vec<_> = kept.chain(repaired.fresh.into_iter().map(|(_, node)| node)).collect();
    let enough = serving.len() == usize::from(redundancy.serving) && holders.len() >= usize::from(redundancy.shards);
    enough.then(|| (serving, holders.into_iter().take(redundancy.shards.into()).collect()))
}

/// What has to change for an assignment to be held by candidates only.
fn repair(
    seed: &Hash,
    candidates: &[shards::Candidate],
    token: &TokenType,
    previous: &Assignment,
) -> Result<shards::RepairPlan, shards::RepairError> {
    let there: BTreeSet<&AccountId> = candidates.iter().map(|candidate| &candidate.node).collect();
    let nodes = previous.serving.iter().chain(previous.holdings.iter().map(|holding| &holding.node));
    let gone = nodes.filter(|node| !there.contains(node)).cloned().collect();
    let redundancy = &token.spec.redundancy;
    let wanted = 2 * (usize::from(redundancy.serving) + usize::from(redundancy.shards));
    let ranked = shards::rank(seed, previous.instance, candidates, wanted);
    shards::repair(previous, &gone, &ranked, redundancy)
}

/// Whether this anchor agrees with an assignment; remembers it if so. Of one version of an instance's assignment only one content is
/// ever attested.
pub(crate) async fn check(
    shared: &Shared,
    facts: &Facts,
    assignment: &Assignment,
    order: Option<&Order>,
) -> Result<Result<Hash, Refused>> {
    let refused = |code, reason: &str| Ok(Err((code, reason.to_owned())));
    let instance = assignment.instance;
    let Some(token) = shared.token(facts, instance.token_type).await? else {
        return refused(RefusalCode::NotYet, "this anchor does not know the token type");
    };
    let now = facts.clock.period;
    if assignment.period > now {
        return refused(RefusalCode::NotYet, "this anchor has not seen the period begin");
    }
    if assignment.period.saturating_add(1) < now {
        return refused(RefusalCode::Invalid, "the period is long over");
    }
    let Some(seed) = shared.chain.period(assignment.period).await?.map(|record| record.seed) else {
        return refused(RefusalCode::NotYet, "the period's seed is not known");
    };
    if let Err(error) = shards::check_coding(&assignment.coding) {
        return refused(RefusalCode::Invalid, &error.to_string());
    }
    if shared.data.assignment(&instance)?.is_none() && assignment.version > 1 {
        gather::look_up(shared, facts, instance).await?;
    }
    let previous = shared.data.assignment(&instance)?.map(|signed| signed.assignment);
    let hash = assignment.payload_hash(&shared.genesis);
    let attested = shared.data.attested_version(&instance)?;
    if previous.as_ref().is_some_and(|previous| previous.version >= assignment.version) {
        return refused(RefusalCode::Disagrees, "a newer version is known");
    }
    if attested.is_some_and(|(version, other)| {
        version > assignment.version || (version == assignment.version && other != hash)
    }) {
        return refused(RefusalCode::Disagrees, "another assignment of this version was attested");
    }

    // A node that was passed over must be failing for this anchor as well; one that was chosen may be.
    let chosen: BTreeSet<&AccountId> =
        assignment.serving.iter().chain(assignment.holdings.iter().map(|holding| &holding.node)).collect();
    let passed_over = |node: &AccountId| !chosen.contains(node) && shared.probes.failing(node).0 >= FAILING;
    let candidates = candidates(facts, &token, previous.as_ref(), &passed_over);
    let agreed = match order {
        Some(order) => {
            if let Err(error) = check_order(shared, facts, &token, instance, assignment.state_hash, order) {
                return refused(RefusalCode::NotAllowed, &error.to_string());
            }
            let wanted = plan(&seed, instance, &candidates, &token, previous.as_ref());
            wanted.is_some_and(|(serving, holders)| {
                serving == assignment.serving.to_vec()
                    && holders.iter().eq(assignment.holdings.iter().map(|holding| &holding.node))
                    && assignment.holdings.iter().enumerate().all(|(number, holding)| holding.shard as usize == number)
            })
        }
        None => {
            let Some(previous) = &previous else {
                return refused(RefusalCode::NotYet, "this anchor knows no assignment to change");
            };
            if (previous.state_hash, previous.coding) != (assignment.state_hash, assignment.coding) {
                return refused(RefusalCode::NotAllowed, "another state needs the issuer's order");
            }
            match repair(&seed, &candidates, &token, previous) {
                Ok(plan) => {
                    let (kept, fresh) = assignment.holdings.split_at(plan.kept.len().min(assignment.holdings.len()));
                    plan.serving == assignment.serving.to_vec()
                        && plan.kept == kept
                        && plan.fresh.iter().map(|(n, node)| (*n, node)).eq(fresh.iter().map(|h| (h.shard, &h.node)))
                }
                Err(error) => return refused(RefusalCode::Disagrees, &error.to_string()),
            }
        }
    };
    if !agreed {
        return refused(RefusalCode::Disagrees, "this anchor would choose other nodes");
    }
    shared.data.attest_version(&instance, assignment.version, hash).await?;
    Ok(Ok(hash))
}

/// Who took their part of an instance, and why others did not.
struct Outcome {
    took: BTreeSet<AccountId>,
    failed: BTreeMap<AccountId, String>,
}

impl Outcome {
    /// Enough to serve the instance, to execute its operations and to restore it.
    fn check(&self, assignment: &Assignment) -> Result<(), ApiError> {
        let executor = assignment.serving.first().is_some_and(|node| self.took.contains(node));
        let held = assignment.holdings.iter().filter(|holding| self.took.contains(&holding.node)).count();
        if executor && held >= usize::from(assignment.coding.threshold) {
            return Ok(());
        }
        let failed: BTreeMap<String, &String> = self.failed.iter().map(|(n, why)| (n.to_string(), why)).collect();
        let message = format!("{} of {} nodes took it", self.took.len(), self.took.len() + self.failed.len());
        let details = serde_json::json!({ "failed": failed });
        Err(ApiError::new(ErrorCode::PlacementFailed, message).with(details))
    }
}

/// Hands every node of an assignment its part: the state to those who serve, shards to their holders, the script to all. What is not
/// given here, the nodes have from the version before.
async fn hand_out(
    shared: &Shared,
    facts: &Facts,
    signed: &SignedAssignment,
    state: Option<&[u8]>,
    pieces: &BTreeMap<u32, Vec<u8>>,
    script: &[u8],
) -> Outcome {
    let assignment = &signed.assignment;
    let mut parts: BTreeMap<&AccountId, Vec<Content>> = BTreeMap::new();
    for node in &assignment.serving {
        parts.entry(node).or_default().extend(state.map(|state| Content::State(state.to_vec())));
    }
    for Holding { node, shard, .. } in &assignment.holdings {
        let bytes = pieces.get(shard).cloned();
        parts.entry(node).or_default().extend(bytes.map(|bytes| Content::Shard { number: *shard, bytes }));
    }
    let mut under_way: FuturesUnordered<_> = parts
        .into_iter()
        .map(|(node, content)| async move {
            let placement = Placement { assignment: signed.clone(), content, script: script.to_vec() };
            (node.clone(), hand_over(shared, facts.peer_of(node), placement).await)
        })
        .collect();
    let mut outcome = Outcome { took: BTreeSet::new(), failed: BTreeMap::new() };
    while let Some((node, handed)) = under_way.next().await {
        match handed {
            Ok(()) => {
                outcome.took.insert(node);
            }
            Err(why) => {
                warn!(%node, instance = ?assignment.instance, %why, "a node did not take its part");
                outcome.failed.insert(node, why);
            }
        }
    }
    outcome
}

async fn hand_over(shared: &Shared, peer: Option<PeerId>, placement: Placement) -> Result<(), String> {
    let peer = peer.ok_or("the node has no peer id")?;
    let mut why = String::new();
    for attempt in 0..HAND_OUT_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        match shared.network.request(peer, Request::Place(Box::new(placement.clone()))).await {
            Ok(Response::Done) => return Ok(()),
            Ok(Response::Refused(refusal)) => {
                let again = matches!(refusal.code, RefusalCode::Busy | RefusalCode::NotYet | RefusalCode::NotAllowed);
                why = refusal.to_string();
                if !again {
                    break;
                }
            }
            Ok(_) => return Err("an answer that makes no sense".into()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// Keeps an assignment and tells everyone.
async fn publish(shared: &Shared, signed: SignedAssignment) -> Result<()> {
    shared.data.add_assignment(&signed).await?;
    if let Err(error) = shared.network.publish(Gossip::Assignment(signed.clone())).await {
        debug!(%error, "an assignment was not told; it is in the DHT");
    }
    match shared.network.publish_assignment(signed).await {
        Ok(taken) => debug!(taken, "an assignment is in the DHT"),
        Err(error) => warn!(%error, "an assignment is not in the DHT"),
    }
    Ok(())
}

fn holders(facts: &Facts, signed: &SignedAssignment) -> Holders {
    let assignment = &signed.assignment;
    Holders {
        instance: Instance::from(assignment.instance),
        version: assignment.version,
        assignment: HexBytes::of(signed),
        serving: assignment
            .serving
            .iter()
            .map(|node| Holder { account: node.clone(), endpoint: facts.endpoint_of(node) })
            .collect(),
        shards: assignment
            .holdings
            .iter()
            .map(|holding| ShardHolder { account: holding.node.clone(), shard: holding.shard })
            .collect(),
    }
}

/// Looks after what is placed until the service stops: offers assignments to the DHT again after a restart, and replaces nodes that
/// left or are dead.
pub(crate) async fn look_after(shared: &Arc<Shared>) {
    let mut offered = false;
    let mut after = None;
    loop {
        tokio::time::sleep(REPAIR_INTERVAL).await;
        let Ok(facts) = shared.facts() else { continue };
        let page = match shared.data.assignments_after(after, PAGE) {
            Ok(page) => page,
            Err(error) => {
                warn!(%error, "could not read the assignments");
                continue;
            }
        };
        after = page.last().filter(|_| page.len() == PAGE).map(|signed| signed.assignment.instance);
        for signed in page {
            let instance = signed.assignment.instance;
            if !offered && gather::check_assignment(shared, &facts, &signed).is_ok() {
                let _ = shared.network.publish_assignment(signed.clone()).await;
            }
            if !shared.is_active(&facts) || !is_in_charge(&facts, &shared.account, instance) {
                continue;
            }
            if let Err(error) = mend(shared, &facts, &signed).await {
                warn!(?instance, %error, "could not replace the nodes of an instance yet");
            }
        }
        offered |= after.is_none();
    }
}

/// Each period another anchor looks after an instance.
fn is_in_charge(facts: &Facts, own: &AccountId, instance: InstanceId) -> bool {
    let draw = |anchor: &AccountId, period: Period| {
        blake2_256(&("smartlayer/repair/1".as_bytes(), facts.seed, period, instance, anchor).encode())
    };
    facts.anchors.keys().min_by_key(|anchor| draw(anchor, facts.clock.period)) == Some(own)
}

/// Replaces the nodes of an instance that left or are dead.
async fn mend(shared: &Arc<Shared>, facts: &Facts, signed: &SignedAssignment) -> Result<()> {
    let previous = &signed.assignment;
    let Some(token) = shared.token(facts, previous.instance.token_type).await? else { return Ok(()) };
    let is_dead = |node: &AccountId| {
        let (count, since) = shared.probes.failing(node);
        count >= DEAD.0 && since >= DEAD.1
    };
    let in_force: BTreeSet<&AccountId> = facts.active().map(|(node, _, _)| node).collect();
    let nodes = previous.serving.iter().chain(previous.holdings.iter().map(|holding| &holding.node));
    let lost: BTreeSet<&AccountId> = nodes.filter(|node| !in_force.contains(node) || is_dead(node)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let passed_over = |node: &AccountId| shared.probes.failing(node).0 >= FAILING;
    let candidates = candidates(facts, &token, Some(previous), &passed_over);
    let plan = repair(&facts.seed, &candidates, &token, previous).map_err(|e| Error::Other(e.to_string()))?;
    if plan.is_empty(previous) {
        return Ok(());
    }
    info!(instance = ?previous.instance, lost = lost.len(), "replacing nodes");
    let state = fetch_state(shared, facts, previous).await?;
    let script = fetch_script(shared, facts, previous, token.spec.script_hash).await?;
    let mut pieces = BTreeMap::new();
    let mut holdings = plan.kept.clone();
    for (number, node) in &plan.fresh {
        let piece = shards::shard(&state, &previous.coding, *number).map_err(|e| Error::Other(e.to_string()))?;
        holdings.push(Holding { node: node.clone(), shard: *number, root: piece.root });
        pieces.insert(*number, piece.bytes);
    }
    let too_many = || Error::Other("more nodes than an assignment can name".into());
    let assignment = Assignment {
        version: next_version(shared, &previous.instance)?,
        period: facts.clock.period,
        serving: plan.serving.try_into().map_err(|_| too_many())?,
        holdings: holdings.try_into().map_err(|_| too_many())?,
        ..previous.clone()
    };
    let certificate = certify(shared, facts, &assignment, None).await?.map_err(Error::Other)?;
    let signed = SignedAssignment { assignment, certificate };
    let outcome = hand_out(shared, facts, &signed, Some(&state), &pieces, &script).await;
    outcome.check(&signed.assignment).map_err(|e| Error::Other(e.to_string()))?;
    publish(shared, signed).await?;
    shared.metrics.placement("repaired");
    Ok(())
}

/// The state of an instance, from a node that serves it or put together from shards.
async fn fetch_state(shared: &Shared, facts: &Facts, assignment: &Assignment) -> Result<Vec<u8>> {
    let Assignment { instance, version, .. } = *assignment;
    for peer in assignment.serving.iter().filter_map(|node| facts.peer_of(node)) {
        if let Ok(Response::State(bytes)) = shared.network.request(peer, Request::State { instance, version }).await {
            if blake2_256(&bytes) == assignment.state_hash {
                return Ok(bytes);
            }
        }
    }
    let mut verified = Vec::new();
    for holding in &assignment.holdings {
        let Some(peer) = facts.peer_of(&holding.node) else { continue };
        let request = Request::Shard { instance, version, shard: holding.shard };
        if let Ok(Response::Shard(bytes)) = shared.network.request(peer, request).await {
            verified.extend(shards::verify(bytes, &assignment.coding, holding).ok());
        }
        if verified.len() >= usize::from(assignment.coding.threshold) {
            if let Ok(state) = shards::restore(&assignment.coding, &assignment.state_hash, verified.clone()) {
                return Ok(state);
            }
        }
    }
    Err(Error::Other(format!("only {} shards are left", verified.len())))
}

/// A token script, from here or from a node of the assignment.
async fn fetch_script(shared: &Shared, facts: &Facts, assignment: &Assignment, hash: Hash) -> Result<Vec<u8>> {
    if let Some(script) = shared.data.blob(&hash).await? {
        return Ok(script);
    }
    let nodes = assignment.serving.iter().chain(assignment.holdings.iter().map(|holding| &holding.node));
    for peer in nodes.filter_map(|node| facts.peer_of(node)) {
        if let Ok(Response::Blob(bytes)) = shared.network.request(peer, Request::Blob { hash }).await {
            if blake2_256(&bytes) == hash {
                shared.data.put_blob(bytes.clone()).await?;
                return Ok(bytes);
            }
        }
    }
    Err(Error::Other("nobody sends the token script".into()))
}
