//! What of a saved answer holds, claim by claim.

use serde::Deserialize;
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{method, ChainBlock, Outcome, Proof, Request, Response},
    x402::{self, ExecutedJson, IssuedJson, OwnerJson, Settled},
    Instance,
};
use smartlayer_grants::{Principal, SignedTransfer, TransferOrder};
use smartlayer_primitives::{
    commitment,
    merkle::MerkleProof,
    operation::Operation,
    payload::{blake2_256, Payload},
    promise::call_hash,
    receipt::{Executed, Issued, SignedReceipt},
    AccountId, Hash, InstanceId,
};

use crate::{SavedAnswer, Snapshot};

/// What a saved answer, or the snapshot, claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// The snapshot's commitments are what their hashes say.
    Snapshot,
    /// The answer was paid on the snapshot's chain.
    Chain,
    /// The node charged what it says.
    Charged,
    /// The receipt is for this request.
    Request,
    /// The receipt is for this answer.
    Answer,
    /// The node signed the receipt.
    Signature,
    /// The receipt and the answer name the same operation, or none.
    Operation,
    /// Somebody ordered this very transfer, and signed it; whether it was his to give is not in the file.
    Order,
    /// The answer was computed at these blocks.
    Blocks,
    /// A commitment covers the operation.
    Inclusion,
}

impl Claim {
    /// A stable name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Claim::Snapshot => "snapshot",
            Claim::Chain => "chain",
            Claim::Charged => "charged",
            Claim::Request => "request",
            Claim::Answer => "answer",
            Claim::Signature => "signature",
            Claim::Operation => "operation",
            Claim::Order => "order",
            Claim::Blocks => "blocks",
            Claim::Inclusion => "inclusion",
        }
    }
}

/// What was found of a claim: what holds, or why it doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is claimed.
    pub claim: Claim,
    /// In words what holds, or what is wrong.
    pub outcome: Result<String, Flaw>,
}

/// Why a claim doesn't hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A commitment in the snapshot is not what its hash says.
    #[error("the snapshot's commitment of period {0} is not the one that its hash names on this chain")]
    Commitment(u32),
    /// A commitment in the snapshot does not follow the one before it.
    #[error("the snapshot's commitment of period {0} does not follow the one before it")]
    CommitmentOrder(u32),
    /// The answer is of another chain.
    #[error("the answer was paid on {answer}, the snapshot is of {snapshot}")]
    OtherChain {
        /// As the answer names it.
        answer: String,
        /// As the snapshot's genesis hash says.
        snapshot: String,
    },
    /// There is no receipt.
    #[error("there is no receipt: the payment was not taken, so that the node is bound to nothing")]
    NoReceipt,
    /// The amount beside the receipt is another than the receipt's.
    #[error("the node says that it charged {said} planck, and its receipt says {signed}")]
    OtherCharge {
        /// Beside the receipt.
        said: String,
        /// In it.
        signed: String,
    },
    /// The receipt is for another request.
    #[error("the receipt is for another request than the one saved")]
    OtherRequest,
    /// The receipt is for another answer.
    #[error("the receipt is for another answer than the one saved")]
    OtherAnswer,
    /// The snapshot has no key of the node.
    #[error("the snapshot has no key of node {0}; take one while the node is registered")]
    UnknownNode(AccountId),
    /// No known key of the node signed the receipt.
    #[error("the receipt's signature is by none of the {keys} keys that the snapshot has of node {node}")]
    Signature {
        /// The node that the receipt names.
        node: AccountId,
        /// How many keys were tried.
        keys: usize,
    },
    /// The signature has not the form of its scheme.
    #[error("the receipt's signature has not the form of its scheme")]
    SignatureForm,
    /// The answer is not an answer to the request.
    #[error("the saved texts are no JSON-RPC request and the answer to it: {0}")]
    NotAnAnswer(String),
    /// The answer tells of another operation than the receipt.
    #[error("the receipt is of {receipt}, and the answer of {answer}")]
    OtherOperation {
        /// What the receipt says.
        receipt: String,
        /// What the answer, and the request that it answers, say.
        answer: String,
    },
    /// A transfer whose call has no order.
    #[error("the receipt is of a transfer, and the call has no order that can be read: {0}")]
    NoOrder(String),
    /// A transfer whose call has an order for something else.
    #[error("the order is {ordered}, and the transfer {done}")]
    OtherOrder {
        /// What was ordered.
        ordered: String,
        /// What the receipt says, or the snapshot.
        done: String,
    },
    /// The order is not signed by whom it names.
    #[error("the order's signature is not by {0}, who it says ordered it")]
    OrderSignature(Principal),
    /// A proof for a call that was no key operation.
    #[error("there is a proof, but the receipt is of no key operation")]
    ProofOfNothing,
    /// The snapshot has no commitment of the period.
    #[error("the snapshot has no commitment of period {0}; take a newer one")]
    NoCommitment(u32),
    /// The proof is against another commitment.
    #[error("the proof is against another commitment of period {0} than the snapshot's")]
    OtherCommitment(u32),
    /// The leaf can't be read.
    #[error("the proof's leaf can't be read")]
    LeafForm,
    /// The leaf is of another operation, or of another call.
    #[error("the proof is of another operation than the receipt's")]
    OtherLeaf,
    /// The way to the root can't be read.
    #[error("the proof can't be read")]
    ProofForm,
    /// The leaf is not under the root.
    #[error("the operation is not under the root of period {0}'s commitment")]
    NotIncluded(u32),
}

impl Flaw {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Flaw::Commitment(_) => "commitment-forged",
            Flaw::CommitmentOrder(_) => "commitment-order",
            Flaw::OtherChain { .. } => "other-chain",
            Flaw::NoReceipt => "no-receipt",
            Flaw::OtherCharge { .. } => "other-charge",
            Flaw::OtherRequest => "other-request",
            Flaw::OtherAnswer => "other-answer",
            Flaw::UnknownNode(_) => "unknown-node",
            Flaw::Signature { .. } => "bad-signature",
            Flaw::SignatureForm => "signature-form",
            Flaw::NotAnAnswer(_) => "not-an-answer",
            Flaw::OtherOperation { .. } => "other-operation",
            Flaw::NoOrder(_) => "no-order",
            Flaw::OtherOrder { .. } => "other-order",
            Flaw::OrderSignature(_) => "order-signature",
            Flaw::ProofOfNothing => "proof-of-nothing",
            Flaw::NoCommitment(_) => "no-commitment",
            Flaw::OtherCommitment(_) => "other-commitment",
            Flaw::LeafForm => "leaf-form",
            Flaw::OtherLeaf => "other-leaf",
            Flaw::ProofForm => "proof-form",
            Flaw::NotIncluded(_) => "not-included",
        }
    }
}

/// Looks at every claim of a saved answer, in the order of [`Claim`]. The answer holds if all of them do.
pub fn verify(saved: &SavedAnswer, snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |claim, outcome| findings.push(Finding { claim, outcome });
    found(Claim::Snapshot, commitments(snapshot));
    found(Claim::Chain, chain(saved, snapshot));
    let settled = saved.payment_response.extra.as_ref().filter(|_| saved.payment_response.success);
    let Some(settled) = settled else {
        found(Claim::Charged, Err(Flaw::NoReceipt));
        return findings;
    };
    let receipt = match SignedReceipt::try_from(&settled.receipt) {
        Ok(receipt) => receipt,
        Err(_) => {
            found(Claim::Signature, Err(Flaw::SignatureForm));
            return findings;
        }
    };
    found(Claim::Charged, charged(settled));
    found(Claim::Request, request(saved, &receipt));
    found(Claim::Answer, answer(saved, &receipt));
    found(Claim::Signature, signature(&receipt, snapshot));
    match Call::of(saved) {
        Ok(call) => {
            found(Claim::Operation, operation(&call, &receipt));
            if let Some(Executed { instance, issued: Some(issued), .. }) = &receipt.receipt.operation {
                found(Claim::Order, order(&call, *instance, issued, snapshot));
            }
            found(Claim::Blocks, Ok(blocks(&call)));
        }
        Err(flaw) => found(Claim::Operation, Err(flaw)),
    }
    match (&saved.proof, &receipt.receipt.operation) {
        (Some(proof), Some(executed)) => found(Claim::Inclusion, inclusion(proof, &receipt, executed, snapshot)),
        (Some(_), None) => found(Claim::Inclusion, Err(Flaw::ProofOfNothing)),
        // Nothing is claimed.
        (None, _) => {}
    }
    findings
}

fn commitments(snapshot: &Snapshot) -> Result<String, Flaw> {
    let mut before: Option<Hash> = None;
    for stored in &snapshot.commitments {
        let forged = || Flaw::Commitment(stored.period);
        let commitment: commitment::Commitment = stored.commitment.decode().map_err(|_| forged())?;
        if commitment.period != stored.period || commitment.payload_hash(&snapshot.genesis) != stored.hash {
            return Err(forged());
        }
        if before.is_some_and(|before| before != commitment.previous) {
            return Err(Flaw::CommitmentOrder(stored.period));
        }
        before = Some(stored.hash);
    }
    let block = snapshot.block;
    Ok(format!(
        "taken at block {} ({:?}): {} commitments, each following the one before, and the keys of {} nodes",
        block.number,
        block.hash,
        snapshot.commitments.len(),
        snapshot.service_keys.len()
    ))
}

fn chain(saved: &SavedAnswer, snapshot: &Snapshot) -> Result<String, Flaw> {
    let network = x402::network(&snapshot.genesis);
    let answer = &saved.payment_response.network;
    match *answer == network {
        true => Ok(format!("paid on {network}")),
        false => Err(Flaw::OtherChain { answer: answer.chars().take(64).collect(), snapshot: network }),
    }
}

fn charged(settled: &Settled) -> Result<String, Flaw> {
    let receipt = &settled.receipt;
    match settled.charged_amount == receipt.charged {
        true => Ok(format!(
            "{} planck; session {:?} owes {} planck in all since",
            receipt.charged, receipt.session, receipt.cumulative
        )),
        false => {
            Err(Flaw::OtherCharge { said: settled.charged_amount.to_string(), signed: receipt.charged.to_string() })
        }
    }
}

fn request(saved: &SavedAnswer, receipt: &SignedReceipt) -> Result<String, Flaw> {
    match call_hash(saved.request.as_bytes()) == receipt.receipt.request_hash {
        true => Ok(format!("the receipt is for this request of {} bytes", saved.request.len())),
        false => Err(Flaw::OtherRequest),
    }
}

fn answer(saved: &SavedAnswer, receipt: &SignedReceipt) -> Result<String, Flaw> {
    match blake2_256(saved.answer.as_bytes()) == receipt.receipt.result_hash {
        true => Ok(format!("the receipt is for this answer of {} bytes", saved.answer.len())),
        false => Err(Flaw::OtherAnswer),
    }
}

fn signature(receipt: &SignedReceipt, snapshot: &Snapshot) -> Result<String, Flaw> {
    let node = &receipt.receipt.node;
    let keys = snapshot.service_keys.get(node).filter(|keys| !keys.is_empty());
    let keys = keys.ok_or_else(|| Flaw::UnknownNode(node.clone()))?;
    match keys.iter().position(|key| receipt.verify(&snapshot.genesis, key)) {
        Some(0) => Ok(format!("signed by node {node} with its service key")),
        Some(_) => Ok(format!("signed by node {node} with a former service key")),
        None => Err(Flaw::Signature { node: node.clone(), keys: keys.len() }),
    }
}

/// The request and the answer to it, as far as they are looked at.
struct Call {
    method: String,
    params: Value,
    outcome: Outcome,
}

impl Call {
    fn of(saved: &SavedAnswer) -> Result<Self, Flaw> {
        let no = |e: serde_json::Error| Flaw::NotAnAnswer(e.to_string());
        let request: Request = serde_json::from_str(&saved.request).map_err(no)?;
        let response: Response = serde_json::from_str(&saved.answer).map_err(no)?;
        match request.id == response.id {
            true => {
                let params = request.params.unwrap_or_default();
                Ok(Call { method: request.method, params, outcome: response.outcome })
            }
            false => Err(Flaw::NotAnAnswer("they have different ids".into())),
        }
    }

    fn result(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Result(result) => Some(result),
            Outcome::Error(_) => None,
        }
    }
}

/// A key operation as it is said to be.
#[derive(Clone, PartialEq)]
struct Said {
    kind: u64,
    instance: Option<Instance>,
    issued: Option<IssuedJson>,
}

/// The answer of `token_call` says in its `operation` which kind was recorded; the request says of which instance. That of `token_transfer` says
/// beside it what was issued. Of other methods there is only what the receipt says.
fn operation(call: &Call, receipt: &SignedReceipt) -> Result<String, Flaw> {
    let kind = call.result().and_then(|result| result.get("operation")).and_then(Value::as_u64);
    let instance =
        call.params.get("instance").and_then(|instance| serde_json::from_value::<Instance>(instance.clone()).ok());
    let words = |Said { kind, instance, issued }: &Said| {
        let of = |instance: &Instance| instance_words((*instance).into());
        let on = instance.as_ref().map_or("no instance".into(), of);
        match issued {
            None => format!("key operation {kind} on {on}"),
            Some(IssuedJson { instance, owner, .. }) => {
                let owner = match owner {
                    OwnerJson::Ethereum(address) => format!("{address:?}"),
                    OwnerJson::Account(account) => account.to_string(),
                };
                format!("key operation {kind} on {on}, which destroyed it and issued {} to {owner}", of(instance))
            }
        }
    };
    let name: String = call.method.chars().take(64).collect();
    let signed = receipt.receipt.operation.clone().map(ExecutedJson::from);
    let signed = signed.map(|ExecutedJson { instance, kind, issued }| Said {
        kind: kind.into(),
        instance: Some(instance),
        issued,
    });
    let said = match call.method.as_str() {
        method::TOKEN_CALL => kind.map(|kind| Said { kind, instance, issued: None }),
        method::TOKEN_TRANSFER => {
            let issued = call.result().and_then(|result| IssuedJson::deserialize(result.get("issued")?).ok());
            kind.map(|kind| Said { kind, instance, issued })
        }
        _ => signed.clone(),
    };
    let none = || "no key operation".to_owned();
    match signed == said {
        true => Ok(match signed {
            Some(signed) => format!("{name}, {}", words(&signed)),
            None => format!("{name}, no key operation"),
        }),
        false => Err(Flaw::OtherOperation {
            receipt: signed.as_ref().map_or_else(none, words),
            answer: said.as_ref().map_or_else(none, words),
        }),
    }
}

fn instance_words(InstanceId { token_type, index }: InstanceId) -> String {
    format!("instance {index} of token type {token_type}")
}

/// Whether the call has an order of this very transfer, signed by whom it names, for the snapshot's chain. One that has expired is as good
/// as any: it may have been good then, and a receipt has no time.
fn order(call: &Call, source: InstanceId, issued: &Issued, snapshot: &Snapshot) -> Result<String, Flaw> {
    let of = |name| call.params.get(name).unwrap_or(&Value::Null);
    let signed = SignedTransfer::from_params(of("order"), of("signature"));
    let signed = signed.map_err(|refusal| Flaw::NoOrder(refusal.to_string()))?;
    let TransferOrder { genesis, source: given, issued: wanted, owner, to, .. } = &signed.order;
    let other = |ordered, done| Err(Flaw::OtherOrder { ordered, done });
    if *genesis != snapshot.genesis {
        return other(format!("for the chain {genesis:?}"), format!("was on {:?}", snapshot.genesis));
    }
    if *given != source {
        return other(
            format!("to destroy {}", instance_words(*given)),
            format!("destroyed {}", instance_words(source)),
        );
    }
    if *wanted != issued.instance {
        let issued = instance_words(issued.instance);
        return other(format!("to issue {}", instance_words(*wanted)), format!("issued {issued}"));
    }
    let receiver = Principal::from(issued.owner.clone());
    if *to != receiver {
        return other(format!("to issue it to {to}"), format!("issued it to {receiver}"));
    }
    match signed.signed() {
        Ok(()) => Ok(format!(
            "the owner {owner} ordered it for {to}; whether {owner} owned the instance then is not shown by this file"
        )),
        Err(_) => Err(Flaw::OrderSignature(owner.clone())),
    }
}

/// Which blocks the node signed that it read; nobody here can say whether those chains have them.
fn blocks(call: &Call) -> String {
    let result = match &call.outcome {
        Outcome::Result(result) => result,
        Outcome::Error(error) => return format!("none: the answer is error {}", error.code),
    };
    let blocks = result.get("blocks").and_then(Value::as_object);
    let named = blocks.into_iter().flatten().filter_map(|(chain, block)| {
        let ChainBlock { number, hash } = serde_json::from_value(block.clone()).ok()?;
        let chain: String = chain.chars().take(64).collect();
        Some(format!("{chain} block {number} ({hash:?})"))
    });
    let named: Vec<String> = named.collect();
    match named.is_empty() {
        true => "none: nothing was read from other chains".into(),
        false => format!("computed, as the node signed, at {}", named.join(", ")),
    }
}

fn inclusion(proof: &Proof, receipt: &SignedReceipt, executed: &Executed, snapshot: &Snapshot) -> Result<String, Flaw> {
    let period = proof.period;
    let stored = snapshot.commitment(period).ok_or(Flaw::NoCommitment(period))?;
    if stored.hash != proof.commitment {
        return Err(Flaw::OtherCommitment(period));
    }
    let commitment: commitment::Commitment = stored.commitment.decode().map_err(|_| Flaw::Commitment(period))?;
    let leaf: Operation = proof.leaf.decode().map_err(|_| Flaw::LeafForm)?;
    if leaf.instance != executed.instance || leaf.kind != executed.kind || leaf.receipt != *receipt {
        return Err(Flaw::OtherLeaf);
    }
    let path: MerkleProof = proof.proof.decode().map_err(|_| Flaw::ProofForm)?;
    match commitment.operations.contains(&leaf, &path) {
        true => Ok(format!(
            "one of the {} operations of period {period}, committed in block {} by {}",
            commitment.operations.leaves, stored.block, commitment.writer
        )),
        false => Err(Flaw::NotIncluded(period)),
    }
}
