//! Writing a period's commitment when it is this anchor's turn, and attesting what others write.
//!
//! The anchor on duty gives the period's measurements a moment to arrive, and proposes. Who knows more answers with what is missing; that is
//! checked, added, and proposed again. Once enough agree, they sign: each anchor one commitment of a period and writer, for who signs two
//! pays with its bond. When the anchors before it in the ranking are silent, a stand-in does the same as soon as the chain lets it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use smartlayer_network::messages::{AttestRequest, Contents, Missing, Proposal, RefusalCode, Request, Response};
use smartlayer_primitives::{
    commitment::{Commitment, StoredCommitment},
    operation::Operation,
    payload::Payload,
    token::TokenSpec,
    AccountId, BlockNumber, Period, TokenTypeId,
};
use tracing::{debug, info, warn};

use crate::{
    attest,
    error::{Error, Result},
    gather::{self, Known},
    proofs::Leaves,
    proposal::{self, View},
    report,
    shared::{Facts, PeriodEnd, Shared},
};

/// How often a proposal is made again with what others found missing, before waiting for the next block.
const ROUNDS: u32 = 4;
/// How long the others may take to check a proposal.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most instances that are looked up to check one proposal.
const MAX_LOOKUPS: usize = 64;
/// The most token types that are looked up to check one proposal.
const MAX_TOKEN_LOOKUPS: usize = 1024;
/// How many periods back a commitment's contents are asked for from other anchors.
const CATCH_UP: Period = 64;
/// How many blocks pass between two attempts to get them.
const CATCH_UP_PAUSE: BlockNumber = 5;

/// For how many blocks after a period's end measurements that an anchor hears of have to be in the commitment. Later ones may be: or somebody
/// could tell one anchor something new whenever the others agree.
const MEASURING: BlockNumber = 4;
/// Why a second commitment of a period and writer is refused.
const SIGNED_ANOTHER: &str = "this anchor has signed another commitment of this writer for the period";

/// Does this anchor's duty until the service stops.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut facts = shared.facts.subscribe();
    let mut duty = Duty::default();
    while facts.changed().await.is_ok() {
        let Some(now) = facts.borrow_and_update().clone() else { continue };
        if let Err(error) = duty.settle(shared, &now).await {
            warn!(%error, "could not take in the commitments on the chain");
        }
        if let Err(error) = duty.write(shared, &now).await {
            warn!(period = now.next_to_commit, %error, "could not write the commitment yet");
            shared.metrics.commitment("failed");
        }
    }
}

#[derive(Default)]
struct Duty {
    /// The period that is due, and when it was first seen to be over.
    over: Option<(Period, Instant)>,
    /// The period for which a commitment was sent, and the block that took it in.
    sent: Option<(Period, BlockNumber)>,
    /// Committed periods whose contents are missing here, and the block at which they were asked for last.
    unsettled: BTreeSet<Period>,
    looked_from: Option<Period>,
    asked_at: BlockNumber,
}

impl Duty {
    /// Takes in the commitments that the chain has by now.
    async fn settle(&mut self, shared: &Shared, facts: &Facts) -> Result<()> {
        let from = match self.looked_from {
            Some(from) => from,
            None => shared.data.last_settled()?.map_or(0, |last| last.saturating_add(1)),
        };
        let from = from.max(facts.next_to_commit.saturating_sub(CATCH_UP));
        let mut wanted: Vec<Period> = (from..facts.next_to_commit).collect();
        self.looked_from = Some(facts.next_to_commit);
        if facts.block.number >= self.asked_at.saturating_add(CATCH_UP_PAUSE) {
            self.unsettled.retain(|period| period.saturating_add(CATCH_UP) >= facts.next_to_commit);
            wanted.extend(&self.unsettled);
            self.asked_at = facts.block.number;
        }
        for period in wanted {
            match settle(shared, facts, period).await {
                Ok(true) => {
                    self.unsettled.remove(&period);
                }
                Ok(false) => {
                    debug!(period, "the contents of a commitment could not be had yet");
                    self.unsettled.insert(period);
                }
                Err(error) => {
                    self.unsettled.insert(period);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Writes the commitment that is due, if it is this anchor's turn.
    async fn write(&mut self, shared: &Arc<Shared>, facts: &Facts) -> Result<()> {
        let period = facts.next_to_commit;
        if !shared.is_active(facts) || period >= facts.clock.period {
            return Ok(());
        }
        // A commitment that was sent may still be on its way to finality.
        if self.sent.is_some_and(|(sent, block)| sent == period && facts.block.number <= block.saturating_add(2)) {
            return Ok(());
        }
        let since = match self.over {
            Some((over, since)) if over == period => since,
            _ => {
                self.over = Some((period, Instant::now()));
                Instant::now()
            }
        };
        match shared.chain.writable_from(period, &shared.account).await? {
            Some(turn) if turn <= facts.block.number => {}
            _ => return Ok(()),
        }
        if shared.chain.best_next_to_commit().await? > period {
            return Ok(());
        }
        let settled = since + Duration::from_millis(shared.config.duty.settle_ms);
        tokio::time::sleep_until(settled.into()).await;
        let end = shared.period_end(period).await?.ok_or_else(|| Error::Other("the period is not over".into()))?;
        info!(period, "on duty");
        if let Some(block) = propose(shared, facts, &end, period).await? {
            self.sent = Some((period, block));
        }
        Ok(())
    }
}

/// Proposes until more than two thirds agree, and writes the commitment. Returns the block that took it in.
async fn propose(shared: &Arc<Shared>, facts: &Facts, end: &PeriodEnd, period: Period) -> Result<Option<BlockNumber>> {
    if shared.data.signed_commitment(period, &shared.account)?.is_some() {
        // Signatures were asked for already. Only this can have them; who did not hear of it then is told once more.
        let proposal = shared.data.own_proposal(period).await?;
        let proposal = proposal.ok_or_else(|| Error::Other("what was proposed for this period is not here".into()))?;
        let commitment = proposal.commitment.clone();
        attest::agree(shared, facts, proposal, PATIENCE).await;
        return write(shared, facts, commitment).await;
    }
    let before = breaches_before(shared, facts, period).await?;
    if before.is_none() {
        warn!(period, "nobody has the report of the period before; breaches are counted anew");
    }
    for round in 1..=ROUNDS {
        let (proposal, leaves) = build(shared, facts, end, period, before.as_ref())?;
        let commitment = proposal.commitment.clone();
        let hash = commitment.payload_hash(&shared.genesis);
        shared.data.keep_leaves(period, hash, &leaves).await?;
        debug!(
            period,
            round,
            operations = proposal.operations.len(),
            measurements = proposal.measurements.len(),
            assignments = proposal.assignments.len(),
            "proposing"
        );
        let agreement = attest::agree(shared, facts, proposal.clone(), PATIENCE).await;
        let reason = agreement.refusals.first().map(ToString::to_string);
        debug!(period, round, agreed = agreement.agreed, enough = agreement.enough, reason, "asked the others");
        // Who misses something has not agreed, even if enough others say that they have.
        let added = take_in(shared, facts, agreement.missing).await?;
        if agreement.enough && (added == 0 || round == ROUNDS) {
            shared.data.keep_own_proposal(&proposal).await?;
            if !shared.data.may_sign(period, &shared.account, hash).await? {
                return Err(Error::Other("this anchor has signed another commitment for the period".into()));
            }
            return write(shared, facts, commitment).await;
        }
        if added == 0 {
            let reason = reason.unwrap_or_else(|| "no answer".into());
            return Err(Error::Other(format!("only {} anchors agree: {reason}", agreement.agreed)));
        }
    }
    Err(Error::Other(format!("no agreement in {ROUNDS} rounds")))
}

/// Has what was agreed to signed, and writes it. Returns the block that took it in.
async fn write(shared: &Arc<Shared>, facts: &Facts, commitment: Commitment) -> Result<Option<BlockNumber>> {
    let (period, hash) = (commitment.period, commitment.payload_hash(&shared.genesis));
    let collected = attest::collect(shared, facts, AttestRequest::Commitment(commitment.clone()), hash, PATIENCE).await;
    let Some(certificate) = collected.certificate else {
        let reason = collected.refusals.first().map_or_else(|| "no answer".into(), ToString::to_string);
        return Err(Error::Other(format!("only {} anchors sign: {reason}", collected.signed)));
    };
    if shared.chain.best_next_to_commit().await? > period {
        info!(period, "another anchor was quicker");
        return Ok(None);
    }
    let operations = commitment.totals.operations;
    let included = shared.chain.commit(&shared.key, commitment, certificate).await?;
    let block = included.block.number;
    info!(period, block, signed = collected.signed, operations, "wrote the commitment");
    shared.metrics.commitment("written");
    Ok(Some(block))
}

/// Everything that may belong to the period's commitment.
fn known(shared: &Shared, period: Period) -> Result<Missing> {
    let mut pending = shared.data.pending()?;
    pending.sort_by_key(|pending| pending.first_seen);
    Ok(Missing {
        operations: pending.into_iter().map(|pending| pending.operation).collect(),
        measurements: shared.data.measured_in(period)?,
        assignments: shared.data.pending_assignments(period)?,
    })
}

/// Calls `with` with what the chain and this anchor say about the period; `pending` are the operations that wait here.
fn with_view<R>(
    shared: &Shared,
    facts: &Facts,
    end: &PeriodEnd,
    period: Period,
    before: Option<&BTreeMap<AccountId, u16>>,
    pending: &[Operation],
    with: impl FnOnce(&View<'_>) -> R,
) -> R {
    let keys = |node: &AccountId| end.keys.get(node).cloned();
    let executed = pending.iter().map(|o| (o.instance, o.receipt.receipt.node.clone())).collect();
    let known = Known { data: &shared.data, keys: &keys, executed };
    with(&View {
        genesis: shared.genesis,
        anchors: &facts.set,
        period,
        previous: facts.last_hash,
        agreements: &end.held,
        before,
        facts: &known,
    })
}

fn build(
    shared: &Shared,
    facts: &Facts,
    end: &PeriodEnd,
    period: Period,
    before: Option<&BTreeMap<AccountId, u16>>,
) -> Result<(Proposal, Leaves)> {
    let known = known(shared, period)?;
    let build = |view: &View<'_>| proposal::build(view, shared.account.clone(), &known);
    Ok(with_view(shared, facts, end, period, before, &known.operations, build))
}

/// How many periods in a row nodes were in breach when `period` began, by the committed report of the period before: the same for every
/// anchor that has that, or gets it from another. Nothing if it can't be had.
async fn breaches_before(shared: &Shared, facts: &Facts, period: Period) -> Result<Option<BTreeMap<AccountId, u16>>> {
    // The first period, and one after a period that was never committed to: no row leads up to it.
    let Some(before) = period.checked_sub(1) else { return Ok(Some(BTreeMap::new())) };
    let Some(stored) = shared.chain.commitment(before).await? else { return Ok(Some(BTreeMap::new())) };
    let contents = contents(shared, facts, before, &stored).await?;
    Ok(contents.map(|leaves| report::breaches(&leaves.report)))
}

/// What the commitment on the chain sums up, from here or from another anchor.
async fn contents(shared: &Shared, facts: &Facts, period: Period, stored: &StoredCommitment) -> Result<Option<Leaves>> {
    if let Some(leaves) = shared.data.leaves(period, stored.hash).await? {
        return Ok(Some(leaves));
    }
    let fetched = fetch(shared, facts, period, &stored.commitment).await;
    if let Some(leaves) = &fetched {
        shared.data.keep_leaves(period, stored.hash, leaves).await?;
    }
    Ok(fetched)
}

/// Takes in what others found missing, as far as it is true. Returns how much of it is new.
async fn take_in(shared: &Shared, facts: &Facts, missing: Missing) -> Result<usize> {
    let mut new = 0;
    for signed in &missing.assignments {
        if gather::check_assignment(shared, facts, signed).is_ok() {
            new += usize::from(shared.data.add_assignment(signed).await?);
        }
    }
    let mut operations = Vec::new();
    for operation in missing.operations {
        if shared.data.knows_operation(&operation)? {
            continue;
        }
        match gather::check_operation(shared, facts, &operation).await? {
            Ok(()) => operations.push(operation),
            Err(untrue) => debug!(%untrue, "another anchor knows an operation that is none"),
        }
    }
    new += shared.data.add_operations(operations, facts.block.number).await?;
    let mut measurements = missing.measurements;
    measurements.retain(|signed| gather::check_measurement(shared, facts, signed).is_ok());
    new += shared.data.add_measurements(measurements, facts.block.number).await?.len();
    Ok(new)
}

/// Whether this anchor comes to the same commitment: asked by its writer.
pub(crate) async fn check(shared: &Shared, facts: &Facts, from: &AccountId, proposal: &Proposal) -> Result<Response> {
    let period = proposal.commitment.period;
    let writer = &proposal.commitment.writer;
    if writer != from {
        return Ok(Response::refused(RefusalCode::NotAllowed, "only its writer may propose a commitment"));
    }
    let not_yet = || Response::refused(RefusalCode::NotYet, "this anchor has not seen the period end");
    if period != facts.next_to_commit {
        // In any case the check would say so, but what follows would be of no use.
        let reason = format!("period {} is to be committed next", facts.next_to_commit);
        return Ok(Response::refused(RefusalCode::NotYet, reason));
    }
    let hash = proposal.commitment.payload_hash(&shared.genesis);
    if shared.data.signed_commitment(period, writer)?.is_some_and(|signed| signed != hash) {
        return Ok(Response::refused(RefusalCode::NotAllowed, SIGNED_ANOTHER));
    }
    let Some(end) = shared.period_end(period).await? else { return Ok(not_yet()) };
    let turn = shared.chain.writable_from(period, writer).await?;
    // The writer may have seen a block that this anchor has not.
    let writers = match turn {
        Some(turn) if turn <= facts.block.number.saturating_add(1) => vec![writer.clone()],
        _ => Vec::new(),
    };

    // What is in it and not known here is looked up first: gossip may have passed this anchor by.
    let mut unknown = Vec::new();
    for operation in &proposal.operations {
        if !shared.data.knows_operation(operation)? {
            unknown.push(operation);
        }
    }
    // The token types as well: what gossip brings is checked against them when it comes.
    let specs = match specs(shared, facts, &unknown).await? {
        Some(specs) => specs,
        None => return Ok(Response::refused(RefusalCode::NotYet, "too much in it is not known here yet")),
    };
    if let Some(operation) = unknown.iter().find(|operation| !gather::fits(operation, &specs)) {
        let receipt = shared.data.name(operation);
        let reason = format!("the operation with receipt {receipt:?} is none of its token type's key operations");
        info!(period, %writer, reason, "did not agree to a commitment");
        return Ok(Response::refused(RefusalCode::Disagrees, reason));
    }
    let mut lookups = BTreeSet::new();
    for operation in unknown {
        let executes = |signed| gather::executes(&signed, &operation.receipt.receipt.node);
        if !shared.data.assignment(&operation.instance)?.is_some_and(executes) {
            lookups.insert(operation.instance);
        }
    }
    for assignment in &proposal.assignments {
        if !shared.data.has_assignment(assignment)? {
            lookups.insert(assignment.instance);
        }
    }
    for instance in lookups.into_iter().take(MAX_LOOKUPS) {
        gather::look_up(shared, facts, instance).await?;
    }

    let before = breaches_before(shared, facts, period).await?;
    let pending = shared.data.pending()?;
    let due = Missing {
        // What came before the period was over, the writer had time enough to hear of as well.
        operations: pending.iter().filter(|p| p.first_seen < end.ended_at).map(|p| p.operation.clone()).collect(),
        measurements: shared.data.measured_before(period, end.ended_at.saturating_add(MEASURING))?,
        assignments: shared.data.pending_assignments(period)?,
    };
    let pending: Vec<Operation> = pending.into_iter().map(|p| p.operation).collect();
    let check = |view: &View<'_>| proposal::check(view, &writers, proposal, &due);
    let checked = with_view(shared, facts, &end, period, before.as_ref(), &pending, check);
    match checked {
        Ok(leaves) => {
            shared.data.keep_leaves(period, hash, &leaves).await?;
            info!(period, %writer, operations = leaves.operations.len(), "agreed to a commitment");
            Ok(Response::Agreed)
        }
        Err(disagreement) => {
            info!(period, %writer, reason = %disagreement, "did not agree to a commitment");
            Ok(disagreement.into_response())
        }
    }
}

/// The specs of the token types that these operations name, those that are registered; nothing if there are too many to look up at once.
async fn specs(
    shared: &Shared,
    facts: &Facts,
    operations: &[&Operation],
) -> Result<Option<BTreeMap<TokenTypeId, TokenSpec>>> {
    let wanted: BTreeSet<TokenTypeId> =
        operations.iter().flat_map(|operation| operation.sides()).map(|(instance, _)| instance.token_type).collect();
    if wanted.len() > MAX_TOKEN_LOOKUPS {
        return Ok(None);
    }
    let mut specs = BTreeMap::new();
    for id in wanted {
        specs.extend(shared.token(facts, id).await?.map(|token| (id, token.spec)));
    }
    Ok(Some(specs))
}

/// Signs a commitment that this anchor agreed to, if it has not signed another of the same period and writer.
pub(crate) async fn sign(
    shared: &Shared,
    facts: &Facts,
    from: &AccountId,
    commitment: &Commitment,
) -> Result<Response> {
    let Commitment { period, writer, .. } = commitment;
    if writer != from {
        return Ok(Response::refused(RefusalCode::NotAllowed, "only its writer may have a commitment signed"));
    }
    if *period != facts.next_to_commit {
        let reason = format!("period {} is to be committed next", facts.next_to_commit);
        return Ok(Response::refused(RefusalCode::NotYet, reason));
    }
    let hash = commitment.payload_hash(&shared.genesis);
    if shared.data.leaves(*period, hash).await?.is_none() {
        return Ok(Response::refused(RefusalCode::NotFound, "this anchor has not agreed to it"));
    }
    if !shared.data.may_sign(*period, writer, hash).await? {
        return Ok(Response::refused(RefusalCode::NotAllowed, SIGNED_ANOTHER));
    }
    Ok(Response::Attested(shared.attest(hash)))
}

/// Takes in that the chain has the period's commitment. Returns whether its contents are here.
async fn settle(shared: &Shared, facts: &Facts, period: Period) -> Result<bool> {
    if shared.data.settled(period)?.is_some() {
        return Ok(true);
    }
    // Skipped, or too old to be kept: nothing to take in.
    let Some(stored) = shared.chain.commitment(period).await? else { return Ok(true) };
    let Some(leaves) = contents(shared, facts, period, &stored).await? else { return Ok(false) };
    let oldest = facts.next_to_commit.saturating_sub(shared.config.duty.keep_periods);
    shared.data.settle(period, stored.hash, &leaves, oldest).await?;
    shared.metrics.uncommitted.set(shared.data.pending_count()? as i64);
    info!(period, commitment = ?stored.hash, operations = leaves.operations.len(), "a commitment is final");
    Ok(true)
}

/// Asks the other anchors for what a commitment sums up, and believes what has its roots.
async fn fetch(shared: &Shared, facts: &Facts, period: Period, commitment: &Commitment) -> Option<Leaves> {
    for (account, contact) in facts.anchors.iter().filter(|(account, _)| **account != shared.account) {
        let Some(peer) = contact.peer else { continue };
        if let Ok(Response::Committed(contents)) = shared.network.request(peer, Request::Committed { period }).await {
            let Contents { operations, report, assignments } = *contents;
            let leaves = Leaves::new(operations, report, assignments);
            if leaves.commitment(period, commitment.previous, commitment.writer.clone()) == *commitment {
                return Some(leaves);
            }
            debug!(anchor = %account, period, "an anchor sent other contents than the chain's commitment has");
        }
    }
    None
}

/// What the period's commitment sums up, for another anchor.
pub(crate) async fn committed_for(shared: &Shared, period: Period) -> Result<Response> {
    Ok(match shared.committed(period).await? {
        Some((_, leaves)) => Response::Committed(Box::new(Contents {
            operations: leaves.operations.clone(),
            report: leaves.report.clone(),
            assignments: leaves.assignments.clone(),
        })),
        None => Response::refused(RefusalCode::NotFound, "not kept here"),
    })
}
