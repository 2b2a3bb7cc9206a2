//! Being an organisation on the chain: registered, reachable under what is registered, in funds, and paid.
//!
//! Each step looks at the chain first and does only what is missing, so that it can be interrupted anywhere and run again.

use std::{collections::BTreeSet, time::Duration};

use smartlayer_chain_client::{
    calls::{anchors, balances, service_staking},
    Call, Keypair,
};
use smartlayer_primitives::{
    node::{Endpoint, KeyOwnership},
    payload::Payload,
    Period,
};
use tracing::{info, warn};

use crate::{
    error::{Error, Result},
    shared::Shared,
};

/// How often the chain is looked at.
const INTERVAL: Duration = Duration::from_secs(3);
/// How long to wait after a step that failed.
const BACKOFF: Duration = Duration::from_secs(15);
/// How many periods back rewards are looked for.
const REWARD_PERIODS: Period = 64;

/// Works on the organisation's standing until the service stops.
pub(crate) async fn run(shared: &Shared) {
    let mut settled = BTreeSet::new();
    loop {
        let pause = match step(shared, &mut settled).await {
            Ok(()) => INTERVAL,
            Err(error) => {
                warn!(%error, "could not go on with being an organisation; trying again");
                BACKOFF
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn step(shared: &Shared, settled: &mut BTreeSet<Period>) -> Result<()> {
    if shared.config.onboarding.enabled {
        register(shared).await?;
    }
    if shared.config.onboarding.claim_rewards {
        claim(shared, settled).await?;
    }
    Ok(())
}

async fn submit(shared: &Shared, signer: &Keypair, call: Call) -> Result<()> {
    let name = call.name();
    let included = shared.chain.submit(signer, call).await?;
    info!(call = %name, block = included.block.number, "done on the chain");
    // The finalised state shows it a little later; looking before that would do it twice.
    while shared.chain.status().finalized.number < included.block.number {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Registers the organisation, keeps what is registered true, and keeps the signing key in funds.
async fn register(shared: &Shared) -> Result<()> {
    let config = &shared.config.onboarding;
    let too_long = |what: &str| Error::Other(format!("the {what} is too long to be registered"));
    let url = shared.endpoint.get().cloned().unwrap_or_default();
    let endpoint = Endpoint::try_from(url.into_bytes()).map_err(|_| too_long("endpoint"))?;
    let peer_id = shared.network.local_peer_id().to_bytes().try_into().map_err(|_| too_long("peer id"))?;
    let registered = shared.chain.organisation(&shared.account).await?;
    let signing = shared.key.account();
    if let Some(account_key) = &shared.account_key {
        let funds = shared.chain.free_balance(&signing).await?;
        // Half of it is left to be spent before the next transfer, or every fee would cause one.
        if signing != shared.account && funds < config.fee_float.0 / 2 {
            let amount = config.fee_float.0.saturating_sub(funds);
            submit(shared, account_key, balances::transfer_keep_alive(&signing, amount)).await?;
        }
        let proof = || {
            let ownership = KeyOwnership { account: shared.account.clone() };
            shared.key.sign(&ownership.signing_payload(&shared.genesis))
        };
        match &registered {
            None => {
                let (name, key, bond) = (config.name.clone(), shared.key.public(), config.bond.0);
                return submit(shared, account_key, anchors::register(name, endpoint, peer_id, key, proof(), bond))
                    .await;
            }
            Some(known) if known.key != shared.key.public() => {
                submit(shared, account_key, anchors::rotate_key(shared.key.public(), proof())).await?;
            }
            Some(_) => {}
        }
    }
    let Some(known) = registered else {
        let message = format!("{} is not registered, and its key is not on this machine", shared.account);
        return Err(Error::Other(message));
    };
    if known.endpoint != endpoint || known.peer_id != peer_id {
        submit(shared, &shared.key, anchors::update(endpoint, peer_id)).await?;
    }
    // Nobody tells the chain's anchors of a judged identity, or of a minimum that was lowered.
    if shared.chain.needs_refresh(&shared.account).await? {
        submit(shared, &shared.key, anchors::refresh(shared.account.clone())).await?;
    }
    Ok(())
}

/// Claims what this anchor earned by signing commitments. `settled` are the periods that need no more looking at.
async fn claim(shared: &Shared, settled: &mut BTreeSet<Period>) -> Result<()> {
    let next = shared.chain.progress().await?.next_to_commit;
    let from = next.saturating_sub(REWARD_PERIODS);
    settled.retain(|period| *period >= from);
    for period in from..next {
        if settled.contains(&period) {
            continue;
        }
        let signed = shared.chain.reward_signers(period).await?.is_some_and(|s| s.contains(&shared.account));
        if signed && !shared.chain.reward_claimed(period, &shared.account).await? {
            submit(shared, &shared.key, service_staking::claim_anchor_reward(period)).await?;
        }
        settled.insert(period);
    }
    Ok(())
}
