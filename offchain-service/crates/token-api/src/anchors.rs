//! Asking anchors: for the leaf and the proof of something that a commitment covers. What they answer is checked here against the
//! commitment on the chain, so it does not matter which anchor answers.

use std::time::Duration;

use serde::de::DeserializeOwned;
use smartlayer_api_types::{
    rpc::{method, AnchorProof, Outcome, Proof, Request, Response},
    ApiError, ErrorCode,
};
use smartlayer_primitives::{
    merkle::{Leaf, MerkleProof, MerkleRoot},
    operation::Operation,
    report::ReportEntry,
    Hash,
};
use url::Url;

use crate::chain::{api_error, Chain};

const TIMEOUT: Duration = Duration::from_secs(5);
/// An operation or report entry and its proof are some kilobytes of hex.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// How many anchors are asked before giving up.
const MAX_ASKED: usize = 5;

/// A client for the RPC of anchors.
#[derive(Clone)]
pub(crate) struct Anchors {
    http: reqwest::Client,
}

/// A leaf that was checked against the chain's commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven<L> {
    pub leaf: L,
    pub proof: MerkleProof,
    pub answer: Proof,
}

impl Anchors {
    pub fn new(http: reqwest::Client) -> Self {
        Self { http }
    }

    /// A committed operation that `query` asks for.
    pub async fn operation(
        &self,
        chain: &dyn Chain,
        query: AnchorProof,
        fits: impl Fn(&Operation) -> bool,
    ) -> Result<Proven<Operation>, ApiError> {
        self.ask(chain, query, |commitment| commitment.operations, |_, leaf| fits(leaf)).await
    }

    /// A node's entry in a period's report.
    pub async fn report(&self, chain: &dyn Chain, query: AnchorProof) -> Result<Proven<ReportEntry>, ApiError> {
        let AnchorProof::Report { period, node } = query.clone() else {
            return Err(ErrorCode::Internal.into());
        };
        let fits = |_, leaf: &ReportEntry| leaf.period == period && leaf.node == node;
        self.ask(chain, query, |commitment| commitment.report, fits).await
    }

    /// Asks one anchor after the other until one answers with a proof that holds.
    async fn ask<L: Leaf + codec::Decode>(
        &self,
        chain: &dyn Chain,
        query: AnchorProof,
        root: impl Fn(&smartlayer_primitives::commitment::Commitment) -> MerkleRoot,
        fits: impl Fn(Hash, &L) -> bool,
    ) -> Result<Proven<L>, ApiError> {
        let mut worst = ApiError::from(ErrorCode::NoAnchor);
        for member in chain.active_set().await.map_err(api_error)?.members.into_iter().take(MAX_ASKED) {
            let Some(organisation) = chain.organisation(&member.account).await.map_err(api_error)? else { continue };
            let Some(endpoint) = endpoint(&organisation.endpoint) else { continue };
            let answer = match self.call::<_, Proof>(&endpoint, method::ANCHOR_PROOF, &query).await {
                Ok(answer) => answer,
                // That nothing is committed is worth more to the caller than that another anchor is not reached.
                Err(e) if e.code == ErrorCode::NotCommitted => {
                    worst = e;
                    continue;
                }
                Err(e) => {
                    tracing::debug!(anchor = %member.account, error = %e, "no proof from an anchor");
                    if worst.code != ErrorCode::NotCommitted {
                        worst.message = e.message;
                    }
                    continue;
                }
            };
            // What the chain has forgotten nobody can prove any more.
            let Some(stored) = chain.commitment(answer.period).await.map_err(api_error)? else {
                worst = ErrorCode::NotCommitted.into();
                continue;
            };
            let decoded = answer.leaf.decode::<L>().ok().zip(answer.proof.decode::<MerkleProof>().ok());
            match decoded {
                Some((leaf, proof)) if fits(stored.hash, &leaf) && root(&stored.commitment).contains(&leaf, &proof) => {
                    let answer = Proof { commitment: stored.hash, ..answer };
                    return Ok(Proven { leaf, proof, answer });
                }
                _ if worst.code == ErrorCode::NotCommitted => {}
                _ => worst = ErrorCode::ProofInvalid.into(),
            }
        }
        Err(worst)
    }

    /// One JSON-RPC call, bounded in time and size.
    async fn call<P: serde::Serialize, R: DeserializeOwned>(
        &self,
        endpoint: &Url,
        method: &str,
        params: &P,
    ) -> Result<R, ApiError> {
        let failed = |why: String| ApiError::new(ErrorCode::NoAnchor, why);
        let plain = |e: reqwest::Error| failed(e.without_url().to_string());
        let request = Request::new(1, method, params);
        let mut response =
            self.http.post(endpoint.clone()).timeout(TIMEOUT).json(&request).send().await.map_err(plain)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(plain)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(failed("the answer is too large".into()));
            }
            body.extend_from_slice(&chunk);
        }
        let response: Response<R> = serde_json::from_slice(&body).map_err(|e| failed(format!("no answer: {e}")))?;
        match response.outcome {
            Outcome::Result(result) => Ok(result),
            Outcome::Error(error) => Err(error.known().unwrap_or_else(|| failed(error.message))),
        }
    }
}

/// The URL in an endpoint's bytes, if it is one for HTTP.
pub(crate) fn endpoint(bytes: &[u8]) -> Option<Url> {
    let url: Url = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}
