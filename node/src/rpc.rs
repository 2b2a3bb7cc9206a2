//! What the node answers beyond sc-service's own methods (`author`, `chain`, `state`, `system`, `chainHead_v1`, `chainSpec_v1`,
//! `transaction_v1`, `archive_v1`): account nonces, fees, what consensus is doing, and the watchtower.

use std::sync::Arc;

use node_jsonrpsee::RpcModule;
use sc_consensus_babe::BabeWorkerHandle;
use sc_consensus_babe_rpc::{Babe, BabeApiServer};
use sc_consensus_grandpa::{FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState};
use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
use sc_rpc::SubscriptionTaskExecutor;
use smartlayer_runtime::{opaque::Block, BlockNumber, Hash};
use sp_keystore::KeystorePtr;
use substrate_frame_rpc_system::{System, SystemApiServer};

use crate::{
    service::{FullBackend, FullClient, FullPool, FullSelectChain, FullShelf},
    watchtower::{Watchtower, WatchtowerRpcServer},
};

/// What the methods need.
pub struct Dependencies {
    /// The chain.
    pub client: Arc<FullClient>,
    /// Transactions that wait.
    pub pool: Arc<FullPool>,
    /// Which chain is best.
    pub select_chain: FullSelectChain,
    /// The node's keys.
    pub keystore: KeystorePtr,
    /// BABE's epochs.
    pub babe: BabeWorkerHandle<Block>,
    /// GRANDPA's voters.
    pub authority_set: SharedAuthoritySet<Hash, BlockNumber>,
    /// How the vote stands.
    pub voter_state: SharedVoterState,
    /// Each new proof of finality.
    pub justifications: GrandpaJustificationStream<Block>,
    /// Proofs of finality of the past.
    pub finality_proofs: Arc<FinalityProofProvider<FullBackend, Block>>,
    /// The claims that are kept for service nodes; none where no off-chain worker would make them.
    pub shelf: Option<FullShelf>,
}

/// All methods.
pub fn create(
    dependencies: Dependencies,
    executor: SubscriptionTaskExecutor,
) -> Result<RpcModule<()>, node_jsonrpsee::core::RegisterMethodError> {
    use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};

    let Dependencies {
        client,
        pool,
        select_chain,
        keystore,
        babe,
        authority_set,
        voter_state,
        justifications,
        finality_proofs,
        shelf,
    } = dependencies;
    let mut module = RpcModule::new(());
    module.merge(System::new(client.clone(), pool).into_rpc())?;
    module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
    module.merge(Watchtower::new(client.clone(), shelf).into_rpc())?;
    module.merge(Babe::new(client, babe, keystore, select_chain).into_rpc())?;
    module.merge(Grandpa::new(executor, authority_set, voter_state, justifications, finality_proofs).into_rpc())?;
    Ok(module)
}
