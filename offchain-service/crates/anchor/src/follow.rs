//! Following the chain: after each finalised block, what is known of it is read anew.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use smartlayer_primitives::{AccountId, BlockNumber, Hash, Period};
use tracing::{info, warn};

use crate::{
    chain::Nodes,
    error::{Error, Result},
    shared::{Contact, Facts, Shared},
};

/// After this many blocks nodes and agreements are read again in any case.
const REFRESH: BlockNumber = 100;

/// Follows the chain until the service stops.
pub(crate) async fn run(shared: &Shared) {
    let mut reader = Reader::default();
    let mut last = shared.chain.status().finalized.number;
    while let Err(error) = reader.read(shared, true).await {
        warn!(%error, "the chain cannot be read yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    loop {
        let block = tokio::select! {
            block = shared.chain.next_block(last) => block,
            never = watch(shared) => never,
        };
        last = block.number;
        // A block that cannot be looked into may have changed everything.
        let changed = match shared.chain.changes_members(block).await {
            Ok(changed) => changed || block.number % REFRESH == 0,
            Err(_) => true,
        };
        reader.stale |= changed;
        // While catching up, only the newest state is of interest.
        if shared.chain.status().finalized.number > block.number {
            continue;
        }
        let stale = reader.stale;
        if let Err(error) = reader.read(shared, stale).await {
            warn!(block = block.number, %error, "could not take in a block");
            reader.stale = true;
        }
    }
}

/// Keeps the connection's metric up to date; never ends.
async fn watch<T>(shared: &Shared) -> T {
    loop {
        shared.metrics.chain_connected.set(i64::from(shared.chain.status().connected));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[derive(Default)]
struct Reader {
    /// Whether nodes and organisations have to be read again.
    stale: bool,
    nodes: Nodes,
    anchors: BTreeMap<AccountId, Contact>,
    set_id: Option<u32>,
    seed: Option<(Period, Hash)>,
}

impl Reader {
    async fn read(&mut self, shared: &Shared, stale: bool) -> Result<()> {
        let progress = shared.chain.progress().await?;
        let strikes = shared.chain.strikes(&shared.account).await?;
        let clock = progress.clock.ok_or_else(|| Error::Other("the chain has not begun".into()))?;
        if stale {
            self.nodes = shared.chain.nodes().await?;
        }
        if stale || self.set_id != Some(progress.set.id) {
            self.anchors.clear();
            for member in &progress.set.members {
                let organisation = shared.chain.organisation(&member.account).await?;
                let peer = organisation.and_then(|o| smartlayer_network::peer_id(&o.peer_id));
                self.anchors.insert(member.account.clone(), Contact { key: member.key, peer });
            }
            self.set_id = Some(progress.set.id);
        }
        if self.seed.is_none_or(|(period, _)| period != clock.period) {
            let record = shared.chain.period(clock.period).await?;
            let record = record.ok_or_else(|| Error::Other("the running period has no seed".into()))?;
            self.seed = Some((clock.period, record.seed));
            info!(period = clock.period, "a period began");
        }
        self.stale = false;
        let facts = Facts {
            block: progress.block,
            anchors: self.anchors.clone(),
            nodes: self.nodes.nodes.iter().cloned().collect(),
            agreements: self.nodes.agreements.iter().cloned().collect(),
            clock,
            seed: self.seed.map(|(_, seed)| seed).unwrap_or_default(),
            next_to_commit: progress.next_to_commit,
            last_hash: progress.last_hash,
            set: progress.set,
        };
        let metrics = &shared.metrics;
        metrics.finalized_block.set(i64::from(facts.block.number));
        metrics.active.set(i64::from(shared.is_active(&facts)));
        metrics.strikes.set(i64::from(strikes));
        metrics.nodes.set(facts.active().count() as i64);
        metrics.next_to_commit.set(i64::from(facts.next_to_commit));
        shared.anchors.send_if_modified(|known| {
            let changed = *known != facts.set;
            known.clone_from(&facts.set);
            changed
        });
        shared.facts.send_replace(Some(Arc::new(facts)));
        Ok(())
    }
}
