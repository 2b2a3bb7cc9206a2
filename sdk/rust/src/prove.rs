//! Proofs: what a commitment on the chain says happened.

use codec::DecodeAll;
use smartlayer_api_types::{
    rpc::{method, AnchorProof, Proof},
    Instance,
};
use smartlayer_chain_client::ChainClient;
use smartlayer_primitives::{
    commitment::StoredCommitment, merkle::MerkleProof, operation::Operation, payload::Payload, receipt::SignedReceipt,
    report::ReportEntry, AccountId, InstanceId, OperationKind, Period,
};

use crate::{error::Error, service::ServiceClient, token::all_failed};

/// A key operation that a commitment on the chain covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedOperation {
    /// The operation.
    pub operation: Operation,
    /// The commitment, as the chain has it.
    pub commitment: StoredCommitment,
    /// The way from the operation to the commitment's root.
    pub proof: MerkleProof,
}

/// A node's entry in a committed service-level report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedReport {
    /// The entry.
    pub entry: ReportEntry,
    /// The commitment, as the chain has it.
    pub commitment: StoredCommitment,
    /// The way from the entry to the commitment's root, which a reward claim brings.
    pub proof: MerkleProof,
}

/// Which operation is to be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedOperation {
    /// What happened to which instance; without a receipt either side of a transfer will do.
    pub instance: InstanceId,
    /// Which of its type's key operations.
    pub kind: OperationKind,
    /// The very call, by its receipt; any operation of this kind if absent.
    pub receipt: Option<SignedReceipt>,
    /// The period to look in; the latest that has one if absent.
    pub period: Option<Period>,
}

/// Proves a key operation from the chain's snapshot. The anchors only carry the proof: it is checked here, against the commitment on
/// the chain, and the next one is asked if it does not hold.
pub async fn prove_operation(
    chain: &ChainClient,
    anchors: &[ServiceClient],
    wanted: &WantedOperation,
) -> Result<ProvedOperation, Error> {
    let WantedOperation { instance, kind, receipt, period } = wanted;
    let hash = receipt.as_ref().map(|receipt| {
        let operation = Operation { instance: *instance, kind: *kind, receipt: receipt.clone() };
        operation.payload_hash(&chain.genesis_hash())
    });
    let question = AnchorProof::Operation { instance: Instance::from(*instance), kind: *kind, period: *period, hash };
    let mut errors = Vec::new();
    for anchor in anchors {
        let checked = async {
            let answer: Proof = anchor.call(method::ANCHOR_PROOF, &question).await?;
            check_operation(chain, &answer, wanted).await
        };
        match checked.await {
            Ok(proved) => return Ok(proved),
            Err(e) => errors.push(e),
        }
    }
    Err(all_failed(errors))
}

/// Checks somebody's proof of a key operation against the commitment on the chain.
pub async fn check_operation(
    chain: &ChainClient,
    answer: &Proof,
    wanted: &WantedOperation,
) -> Result<ProvedOperation, Error> {
    let (operation, proof) = decoded::<Operation>(answer)?;
    let commitment = stored(chain, answer).await?;
    if !operation.did(wanted.instance, wanted.kind) {
        return Err(Error::NotProved("the proof is of another operation".into()));
    }
    if wanted.receipt.as_ref().is_some_and(|receipt| *receipt != operation.receipt) {
        return Err(Error::NotProved("the proof is of another call of this operation".into()));
    }
    if !commitment.commitment.operations.contains(&operation, &proof) {
        return Err(Error::NotProved("the operation is not under the commitment's root".into()));
    }
    Ok(ProvedOperation { operation, commitment, proof })
}

/// Fetches a node's entry in the report of a period, and checks it against the commitment on the chain.
pub async fn prove_report(
    chain: &ChainClient,
    anchors: &[ServiceClient],
    period: Period,
    node: &AccountId,
) -> Result<ProvedReport, Error> {
    let question = AnchorProof::Report { period, node: node.clone() };
    let mut errors = Vec::new();
    for anchor in anchors {
        let checked = async {
            let answer: Proof = anchor.call(method::ANCHOR_PROOF, &question).await?;
            let (entry, proof) = decoded::<ReportEntry>(&answer)?;
            let commitment = stored(chain, &answer).await?;
            if entry.period != period || &entry.node != node {
                return Err(Error::NotProved("the proof is of another node or period".into()));
            }
            if !commitment.commitment.report.contains(&entry, &proof) {
                return Err(Error::NotProved("the entry is not under the commitment's root".into()));
            }
            Ok(ProvedReport { entry, commitment, proof })
        };
        match checked.await {
            Ok(proved) => return Ok(proved),
            Err(e) => errors.push(e),
        }
    }
    Err(all_failed(errors))
}

fn decoded<L: DecodeAll>(answer: &Proof) -> Result<(L, MerkleProof), Error> {
    let bad = |what: &str, e: String| Error::NotProved(format!("the {what} cannot be decoded: {e}"));
    let leaf = L::decode_all(&mut &answer.leaf.0[..]).map_err(|e| bad("leaf", e.to_string()))?;
    let proof = answer.proof.decode().map_err(|e| bad("proof", e.to_string()))?;
    Ok((leaf, proof))
}

/// The commitment that the answer names, from the chain and nobody else.
async fn stored(chain: &ChainClient, answer: &Proof) -> Result<StoredCommitment, Error> {
    let stored = chain.finalized()?.commitment(answer.period).await?;
    let stored = stored.ok_or_else(|| {
        Error::NotProved(format!("the chain has no finalised commitment of period {}", answer.period))
    })?;
    if stored.hash != answer.commitment {
        return Err(Error::NotProved("the proof is against another commitment than the chain's".into()));
    }
    Ok(stored)
}
