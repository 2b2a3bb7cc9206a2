//! The watchtower's methods: a service node brings its claims, and this node makes them if the payer closes the session while the
//! service node is away.
//!
//! - [`shelf`] is what is kept, in the off-chain storage that the runtime's off-chain worker reads;
//! - [`smartlayer_primitives::watchtower`] fixes the layout of that storage.
//!
//! # Who may call what
//!
//! Bringing a claim ([`WatchtowerRpcServer::keep`]) is open to everybody, also where a node allows only safe methods:
//!
//! - Nothing is written for less than a promise that the chain would settle: an open session with its deposit, and its signer's
//!   signature. A refused call costs this node one runtime call, as `state_call` does, which is open as well.
//! - At most [`MAX_KEPT`](smartlayer_primitives::watchtower::MAX_KEPT) claims are kept, one for each session or channel, and a claim
//!   leaves the storage with its session. Who wants to fill it up has to keep that many deposits on the chain; a claim that is kept
//!   stays, and can always be replaced by a better one of the same session. What remains is that a newcomer may be told "full": give
//!   claims early, and to more than one chain node.
//!
//! Reading a claim ([`WatchtowerRpcServer::kept`]) is for the operator: what a service node has earned in an open session is its own
//! and its payer's affair. A service node needs it for nothing, since bringing the same claim again says what is kept.

mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use codec::{DecodeAll, Encode, MaxEncodedLen};
use node_jsonrpsee::{proc_macros::rpc, types::ErrorObjectOwned, Extensions};
use sc_client_api::HeaderBackend;
use sc_rpc_api::{check_if_safe, UnsafeRpcError};
use serde::{Serialize, Serializer};
use smartlayer_primitives::{
    promise::Claim,
    watchtower::{WatchtowerApi, WatchtowerError},
    Balance, SessionId,
};
use smartlayer_runtime::{opaque::Block, BlockNumber, Hash};
use sp_api::ProvideRuntimeApi;
use sp_core::{offchain::OffchainStorage, Bytes};

pub use shelf::Shelf;

/// What the watchtower answers to.
#[rpc(server)]
pub trait WatchtowerRpc {
    /// Keeps a claim until its session ends, and makes it, without a fee, when the session is closing and less than it was settled.
    ///
    /// `claim` is the hex of the SCALE encoding of a [`Claim`]. It is checked at the best block. The better of two claims of one
    /// session (in a network session: of one channel) stays, so bring a new one whenever more is owed; bringing one again is harmless.
    ///
    /// Answers with what is kept from now on, which is a better claim than this if one came before.
    ///
    /// Safe to expose; the module says why. Errors: all of [`Error`] but `Unsafe`.
    #[method(name = "watchtower_keep", blocking)]
    fn keep(&self, claim: Bytes) -> Result<Keeping, Error>;

    /// The claim that is kept under this id: the session, or in a network session the node's channel. `null` if there is none.
    ///
    /// For the operator alone (an unsafe method): it shows what a service node earned in an open session.
    ///
    /// Errors: [`Error::Off`], [`Error::Unreadable`], [`Error::Runtime`], [`Error::Unsafe`].
    #[method(name = "watchtower_kept", blocking, with_extensions)]
    fn kept(&self, id: SessionId) -> Result<Option<Kept>, Error>;
}

/// What a service node is told when its claim is in good hands.
#[derive(Clone, Debug, Serialize)]
pub struct Keeping {
    /// The session that is watched.
    pub session: SessionId,
    /// What the kept claim is worth in total, in planck, as a decimal string.
    #[serde(serialize_with = "decimal")]
    pub worth: Balance,
}

/// A kept claim, as the operator sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The session that is watched.
    pub session: SessionId,
    /// The hex of the SCALE encoding of the [`Claim`].
    pub claim: Bytes,
    /// What it is worth in total at the best block, in planck, as a decimal string. `null` if the chain would refuse it by now, as a
    /// rule because as much was settled.
    #[serde(serialize_with = "decimal_if_any")]
    pub worth: Option<Balance>,
    /// The block since which the session is missing on the chain; the claim is soon forgotten.
    pub missing_since: Option<BlockNumber>,
}

/// Numbers of JSON are too small for a balance.
fn decimal<S: Serializer>(amount: &Balance, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

fn decimal_if_any<S: Serializer>(amount: &Option<Balance>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.map(|amount| amount.to_string()).serialize(serializer)
}

/// Why the watchtower did not do what it was asked to. As JSON-RPC: a code, a message, and in `data` the `reason`, a name that never
/// changes, and the `remedy`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chain would not settle the claim, or there is no room for it.
    #[error("{}", refusal(.0))]
    Refused(WatchtowerError),
    /// The bytes are no claim, or more than a claim can have.
    #[error("this is not the SCALE encoding of a claim: {0}")]
    NotAClaim(String),
    /// This node runs no off-chain workers, so nobody would make the claim.
    #[error("this node watches no sessions: it runs without off-chain workers")]
    Off,
    /// The chain's state cannot be asked.
    #[error("the chain's runtime could not check the claim: {0}")]
    Runtime(String),
    /// What this node keeps is damaged.
    #[error("the index of the kept claims cannot be read")]
    Unreadable,
    /// The method is for the operator.
    #[error(transparent)]
    Unsafe(#[from] UnsafeRpcError),
}

fn refusal(error: &WatchtowerError) -> &'static str {
    match error {
        WatchtowerError::NoSuchSession => {
            "at this node's best block there is no such session: it never opened, or it is closed"
        }
        WatchtowerError::NothingNew => "the claim is worth no more than what was settled",
        WatchtowerError::TooEarly => "the notary's round that the allocation is of has not begun",
        WatchtowerError::BadClaim => {
            "the chain would refuse the claim: a signature, the ticks or the allocation is not good"
        }
        WatchtowerError::Full => "this node keeps as many claims as it can",
    }
}

impl Error {
    /// The code, the name and what to do.
    fn parts(&self) -> (i32, &'static str, &'static str) {
        match self {
            Self::Refused(WatchtowerError::NoSuchSession) => (
                9001,
                "no_such_session",
                "If the session has just opened, wait for its block here (chain_getHeader) and try again; else there is nothing to watch.",
            ),
            Self::Refused(WatchtowerError::NothingNew) => {
                (9002, "nothing_new", "Bring a later promise; all that this one is worth is paid.")
            }
            Self::Refused(WatchtowerError::TooEarly) => (9003, "too_early", "Bring it again when the round has begun."),
            Self::Refused(WatchtowerError::BadClaim) => (
                9004,
                "bad_claim",
                "Check that the promise is signed for this chain by the session's signer, and names the session or the channel that the allocation is of.",
            ),
            Self::Refused(WatchtowerError::Full) => (9005, "full", "Ask another chain node."),
            Self::NotAClaim(_) => (9006, "not_a_claim", "Send the hex of the SCALE encoding of one claim, and nothing after it."),
            Self::Off => (
                9007,
                "off",
                "Ask another chain node; the operator of this one can start it with --offchain-worker always.",
            ),
            Self::Runtime(_) => (9008, "runtime", "Try again, or ask another chain node; the operator finds more in the log."),
            Self::Unreadable => (
                9009,
                "unreadable",
                "Ask another chain node; the operator of this one can remove the index with offchain_localStorageClear, and \
                 service nodes then bring their claims again.",
            ),
            // This is what the SDK says about all its unsafe methods; see the conversion.
            Self::Unsafe(_) => (-32601, "unsafe", ""),
        }
    }
}

/// What is in an error's `data`.
#[derive(Serialize)]
struct Advice {
    reason: &'static str,
    remedy: &'static str,
}

impl From<Error> for ErrorObjectOwned {
    fn from(error: Error) -> Self {
        let (code, reason, remedy) = error.parts();
        match error {
            Error::Unsafe(error) => error.into(),
            error => Self::owned(code, error.to_string(), Some(Advice { reason, remedy })),
        }
    }
}

/// Answers the watchtower's methods.
pub struct Watchtower<C, S> {
    client: Arc<C>,
    shelf: Option<Shelf<S>>,
}

impl<C, S> Watchtower<C, S>
where
    C: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
    C::Api: WatchtowerApi<Block>,
    S: OffchainStorage,
{
    /// A watchtower that checks claims with `client`. Without a shelf, for a node whose off-chain workers are off, it refuses all.
    pub fn new(client: Arc<C>, shelf: Option<Shelf<S>>) -> Self {
        Self { client, shelf }
    }

    fn shelf(&self) -> Result<&Shelf<S>, Error> {
        self.shelf.as_ref().ok_or(Error::Off)
    }

    /// What the chain says to a claim, at the best block: the worker makes it at a best block as well.
    fn check(&self, at: Hash, claim: &Claim) -> Result<Result<Balance, WatchtowerError>, Error> {
        let api = self.client.runtime_api();
        api.check_claim(at, claim.clone()).map_err(|error| Error::Runtime(error.to_string()))
    }
}

impl<C, S> WatchtowerRpcServer for Watchtower<C, S>
where
    C: ProvideRuntimeApi<Block> + HeaderBackend<Block> + 'static,
    C::Api: WatchtowerApi<Block>,
    S: OffchainStorage + 'static,
{
    fn keep(&self, claim: Bytes) -> Result<Keeping, Error> {
        let shelf = self.shelf()?;
        if claim.len() > Claim::max_encoded_len() {
            let (length, most) = (claim.len(), Claim::max_encoded_len());
            return Err(Error::NotAClaim(format!("{length} bytes, where {most} are the most")));
        }
        let claim = Claim::decode_all(&mut &claim[..]).map_err(|error| Error::NotAClaim(error.to_string()))?;
        let best = self.client.info().best_hash;
        let worth = self.check(best, &claim)?.map_err(Error::Refused)?;
        let worth = shelf.put(&claim, worth, |kept| Ok(self.check(best, kept)?.ok()))?;
        Ok(Keeping { session: claim.session(), worth })
    }

    fn kept(&self, extensions: &Extensions, id: SessionId) -> Result<Option<Kept>, Error> {
        check_if_safe(extensions)?;
        let Some((entry, claim)) = self.shelf()?.get(&id)? else { return Ok(None) };
        let worth = self.check(self.client.info().best_hash, &claim)?.ok();
        let claim = claim.encode().into();
        Ok(Some(Kept { session: entry.session, claim, worth, missing_since: entry.missing_since }))
    }
}
