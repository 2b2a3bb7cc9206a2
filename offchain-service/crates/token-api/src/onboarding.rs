//! Joining the network and staying in it: register, bond, keep the service key in funds, agree on service levels, claim rewards.
//!
//! Each step looks at the chain first and does only what is missing, so that it can be interrupted anywhere and run again.

use std::{collections::BTreeSet, time::Duration};

use smartlayer_api_types::{rpc::AnchorProof, ApiError, ErrorCode};
use smartlayer_chain_client::{
    calls::{balances, service_staking, sla_registry},
    Call, Keypair,
};
use smartlayer_primitives::{
    agreement::{Agreement, Standing, Step},
    node::{Endpoint, KeyOwnership},
    sla::Objectives,
    BlockNumber, Period,
};

use crate::{chain::api_error, node::Node};

/// How long to wait at least after a step that failed.
const BACKOFF: Duration = Duration::from_secs(5);
/// How many periods back rewards are looked for.
const REWARD_PERIODS: Period = 64;

/// Works on the node's standing, at every finalised block, until the service stops.
pub(crate) async fn run(node: &Node) {
    let mut blocks = node.blocks.subscribe();
    let mut settled: BTreeSet<Period> = BTreeSet::new();
    loop {
        if let Err(e) = step(node, &mut settled).await {
            tracing::warn!(error = %e, "could not go on with joining the network; trying again");
            tokio::time::sleep(BACKOFF).await;
        }
        // The sender is in `node`.
        if blocks.changed().await.is_err() {
            return;
        }
    }
}

async fn step(node: &Node, settled: &mut BTreeSet<Period>) -> Result<(), ApiError> {
    if node.config.onboarding.enabled {
        register(node).await?;
        agree(node).await?;
    }
    if node.config.onboarding.claim_rewards {
        claim_rewards(node, settled).await?;
    }
    Ok(())
}

async fn submit(node: &Node, signer: &Keypair, call: Call) -> Result<(), ApiError> {
    let name = call.name();
    let included = node.chain.submit(signer, call).await.map_err(api_error)?;
    tracing::info!(call = %name, block = included.block.number, "done on the chain");
    // The finalised state shows it a little later; looking before that would do it twice.
    while node.chain.status().finalized < included.block.number {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Registers and bonds, keeps what is registered true, and keeps the service key in funds.
async fn register(node: &Node) -> Result<(), ApiError> {
    let config = &node.config.onboarding;
    let too_long = |what: &str| ApiError::new(ErrorCode::Internal, format!("the {what} is too long to be registered"));
    let endpoint = Endpoint::try_from(node.url().into_bytes()).map_err(|_| too_long("endpoint"))?;
    let peer_id = node.network.local_peer_id().to_bytes().try_into().map_err(|_| too_long("peer id"))?;
    let registered = node.chain.node(&node.account).await.map_err(api_error)?;
    if let Some(account_key) = &node.account_key {
        let service_account = node.service_key.account();
        let funds = node.chain.free_balance(&service_account).await.map_err(api_error)?;
        // Half of it is left to be spent before the next transfer, or every fee would cause one.
        if service_account != node.account && funds < config.fee_float.0 / 2 {
            let amount = config.fee_float.0.saturating_sub(funds);
            submit(node, account_key, balances::transfer_keep_alive(&service_account, amount)).await?;
        }
        let ownership = KeyOwnership { account: node.account.clone() };
        let proof = || node.service_key.sign_payload(&ownership, &node.chain.genesis());
        match &registered {
            None => {
                let call = service_staking::register(endpoint, peer_id, service_account, proof(), config.bond.0);
                return submit(node, account_key, call).await;
            }
            Some(known) if known.service_key != service_account => {
                submit(node, account_key, service_staking::rotate_key(service_account, proof())).await?;
            }
            Some(_) => {}
        }
    }
    let Some(known) = registered else {
        let message = format!("{} is not registered, and its account key is not on this machine", node.account);
        return Err(ApiError::new(ErrorCode::Internal, message));
    };
    if known.endpoint != endpoint || known.peer_id != peer_id {
        submit(node, &node.service_key, service_staking::update(endpoint, peer_id)).await?;
    }
    Ok(())
}

/// Brings the agreement one stage further, if it is this node's turn.
async fn agree(node: &Node) -> Result<(), ApiError> {
    let config = &node.config.onboarding;
    let agreement = node.chain.agreement(&node.account).await.map_err(api_error)?;
    let template =
        node.chain.template(config.template).await.map_err(api_error)?.ok_or_else(|| {
            ApiError::new(ErrorCode::Internal, format!("the chain has no template {}", config.template))
        })?;
    let wanted = config.objectives.unwrap_or(template.floor);
    match next_move(&agreement.unwrap_or_default(), &wanted, node.chain.status().finalized) {
        Move::None => Ok(()),
        Move::Propose => submit(node, &node.service_key, sla_registry::propose(config.template, wanted)).await,
        Move::Accept => {
            tracing::info!("accepting the anchor's terms");
            submit(node, &node.service_key, sla_registry::accept_counter()).await
        }
        Move::Activate => submit(node, &node.service_key, sla_registry::activate()).await,
    }
}

/// What a node does next about its agreement.
#[derive(Debug, PartialEq, Eq)]
enum Move {
    /// Nothing: it is the anchors' turn, or terms are in force.
    None,
    /// Propose what it wants.
    Propose,
    /// Accept the anchor's counter.
    Accept,
    /// Put what was tested into force.
    Activate,
}

/// The next move towards an agreement on `wanted`, as of block `now`.
fn next_move(agreement: &Agreement, wanted: &Objectives, now: BlockNumber) -> Move {
    match agreement.negotiation.as_ref().filter(|negotiation| now < negotiation.until) {
        Some(negotiation) => match &negotiation.step {
            Step::Proposed | Step::Accepted => Move::None,
            // A counter is taken if it asks for nothing beyond what this node offers; else the node proposes again.
            Step::Countered { .. } if wanted.meet(&negotiation.terms.objectives) => Move::Accept,
            Step::Countered { .. } => Move::Propose,
            Step::Tested => Move::Activate,
        },
        // Nothing on the table, or it has lapsed. Only who is suspended needs new terms while some are in force.
        None => match agreement.in_force.as_ref().map(|in_force| in_force.standing) {
            None | Some(Standing::Suspended { .. }) => Move::Propose,
            Some(Standing::Good | Standing::Breached { .. }) => Move::None,
        },
    }
}

/// Claims this node's rewards of committed periods. `settled` are the periods that need no more looking at.
async fn claim_rewards(node: &Node, settled: &mut BTreeSet<Period>) -> Result<(), ApiError> {
    let next = node.chain.next_to_commit().await.map_err(api_error)?;
    let from = next.saturating_sub(REWARD_PERIODS);
    settled.retain(|period| *period >= from);
    for period in from..next {
        if settled.contains(&period) {
            continue;
        }
        if !node.chain.reward_claimed(period, &node.account).await.map_err(api_error)? {
            let query = AnchorProof::Report { period, node: node.account.clone() };
            match node.anchors.report(&*node.chain, query).await {
                Ok(proven) if proven.leaf.reward_weight > 0 => {
                    let call = service_staking::claim_reward(proven.leaf, proven.proof);
                    submit(node, &node.service_key, call).await?;
                    node.metrics.claim("reward");
                }
                // Nothing earned: not in the report, or with no weight.
                Ok(_) => {}
                Err(e) if e.code == ErrorCode::NotCommitted => {}
                Err(e) => return Err(e),
            }
        }
        settled.insert(period);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use smartlayer_primitives::{
        agreement::{InForce, Negotiation},
        sla::{PenaltySchedule, Terms},
        AccountId, Hash,
    };

    #[test]
    fn a_node_moves_when_it_is_its_turn() {
        let wanted = Objectives { p95_latency_ms: 200, ..Default::default() };
        let terms = |p95_latency_ms| Terms {
            template: 0,
            objectives: Objectives { p95_latency_ms, ..Default::default() },
            reward_weight: 1,
            penalty: PenaltySchedule { persistent_after: 1, slash: Default::default() },
        };
        let in_force = |standing| Some(InForce { terms: terms(200), since: 0, standing });
        let negotiation =
            |step, p95| Some(Negotiation { terms: terms(p95), step, since: 1, until: 10, seed: Hash::zero() });
        let countered = || Step::Countered { by: AccountId::new([1; 32]) };
        let (breached, suspended) = (Standing::Breached { period: 1 }, Standing::Suspended { period: 1 });
        let cases = [
            (None, None, Move::Propose),
            (None, negotiation(Step::Proposed, 200), Move::None),
            (None, negotiation(countered(), 200), Move::Accept),
            (None, negotiation(countered(), 100), Move::Propose),
            (None, negotiation(Step::Accepted, 200), Move::None),
            (None, negotiation(Step::Tested, 200), Move::Activate),
            (in_force(Standing::Good), None, Move::None),
            (in_force(breached), None, Move::None),
            (in_force(suspended), None, Move::Propose),
            (in_force(suspended), negotiation(Step::Tested, 200), Move::Activate),
        ];
        for (in_force, negotiation, expected) in cases {
            let agreement = Agreement { in_force, negotiation, ..Default::default() };
            assert_eq!(next_move(&agreement, &wanted, 9), expected, "{agreement:?}");
        }
        // What has lapsed is as if it were not there.
        let lapsed = Agreement { negotiation: negotiation(Step::Tested, 200), ..Default::default() };
        assert_eq!(next_move(&lapsed, &wanted, 10), Move::Propose);
    }
}
