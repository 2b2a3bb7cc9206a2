//! Who may ask: what the script or the issuer keeps for the token's owner needs the owner's grant, on every call.
//!
//! The rules are in `smartlayer-grants`; here is what they are held against: the owner as the contract names it now, and what this node
//! remembers of each grant, which is on disk before a call is answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};
use smartlayer_api_types::{
    rpc::{self, Unavailable},
    ApiError, ErrorCode,
};
use smartlayer_grants::{
    check, request_hash, Ask, Authorisation, Known, Principal, Refusal, SignedRevocation, SignedTransfer,
};
use smartlayer_primitives::Hash;
use smartlayer_token_script::TokenScript;

use crate::{evaluate::Chains, instances::Held, node::Node, reading::Reading, turns::Turns};

/// The issuer's value that names, separated by commas, the attributes, selections and actions that are for the token's owner, beside those
/// that the script marks.
const POLICY: &str = "access.owner";
/// The value that says who owns an instance whose token is on no contract: an Ethereum address or an account of this chain. The issuer sets it,
/// or the transfer that issued the instance.
pub(crate) const OWNER: &str = "token.owner";
/// The member of a call's parameters that shows a grant.
const AUTHORISATION: &str = "authorisation";
/// How often grants that are over are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// The grants in use, each used by one call at a time.
#[derive(Default)]
pub(crate) struct Grants(Turns<Hash>);

/// Those of `names` that are for the owner of this instance: attributes, selections and actions.
pub(crate) fn private_among<'n>(
    held: &Held,
    values: &BTreeMap<String, String>,
    names: impl IntoIterator<Item = &'n str>,
) -> BTreeSet<String> {
    let policy: BTreeSet<String> = values
        .get(POLICY)
        .map(|names| names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect())
        .unwrap_or_default();
    if policy.is_empty() && !held.script.has_private {
        return BTreeSet::new();
    }
    held.script.private_among(names, &policy)
}

/// Adds these names to what the issuer keeps for the owner.
pub(crate) fn keep_for_owner(values: &mut BTreeMap<String, String>, names: BTreeSet<String>) {
    if !names.is_empty() {
        let policy = values.remove(POLICY);
        let names = policy.into_iter().chain(names).collect::<Vec<_>>();
        values.insert(POLICY.into(), names.join(","));
    }
}

/// Whether the script itself keeps anything for the owner.
pub(crate) fn has_private(script: &TokenScript) -> bool {
    let cards =
        script.cards.iter().flat_map(|card| [&card.name].into_iter().chain(card.attributes.iter().map(|a| &a.name)));
    let of_cards = script.cards.iter().flat_map(|card| card.selections.iter().map(|s| &s.name));
    let names = script.attributes.iter().map(|a| &a.name).chain(script.selections.iter().map(|s| &s.name));
    let names = names.chain(cards).chain(of_cards).map(String::as_str);
    !script.private_among(names, &BTreeSet::new()).is_empty()
}

/// The grant that a call shows, and the request that it is for.
pub(crate) struct Shown {
    authorisation: Authorisation,
    request: Hash,
}

impl Shown {
    /// What the parameters of a call show; nothing if they show no grant. Fails with `not_authorised` if it can't be read.
    pub fn read(method: &str, params: Option<&Value>) -> Result<Option<Self>, ApiError> {
        let params = params.and_then(Value::as_object);
        let Some((params, shown)) = params.and_then(|params| Some((params, params.get(AUTHORISATION)?))) else {
            return Ok(None);
        };
        if shown.is_null() {
            return Ok(None);
        }
        Self::of(method, params, shown).map(Some).map_err(refused)
    }

    fn of(method: &str, params: &Map<String, Value>, shown: &Value) -> Result<Self, Refusal> {
        let authorisation = Authorisation::from_param(Some(shown))?;
        Ok(Self { authorisation, request: request_hash(method, params)? })
    }

    /// Whether the grant, which may be forged, names this.
    pub fn grants(&self, name: &str) -> bool {
        let grant = &self.authorisation.grant;
        grant.attributes.iter().chain(&grant.actions).any(|granted| granted == name)
    }
}

/// What of a call needs a grant.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    pub attributes: BTreeSet<String>,
    pub action: Option<String>,
}

impl Needed {
    fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.action.is_none()
    }
}

/// What becomes of the use that a call shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is looked at, before anybody pays.
    Look,
    /// It is counted, durably, and can't be shown again: when the work is done, so that nobody loses a use to a failure.
    Take,
}

/// Whether the call may be answered; fails with `not_authorised` if not.
pub(crate) async fn authorise(
    node: &Node,
    held: &Held,
    reading: &Reading,
    shown: Option<&Shown>,
    needed: &Needed,
    usage: Use,
) -> Result<(), ApiError> {
    if needed.is_empty() {
        return Ok(());
    }
    let Shown { authorisation, request } = shown.ok_or_else(|| refused(Refusal::Missing))?;
    let grant = &authorisation.grant;
    let owner = owner(node, held, reading, &Chains::new(node), Some(&grant.owner)).await?;
    let attributes: Vec<&str> = needed.attributes.iter().map(String::as_str).collect();
    let ask = Ask {
        genesis: &node.chain.genesis(),
        node: &node.account,
        instance: held.state.instance,
        owner: owner.as_ref(),
        attributes: &attributes,
        action: needed.action.as_deref(),
        request: *request,
    };
    let id = grant.id();
    let turn = node.grants.0.of(id);
    let _turn = turn.lock().await;
    let known = node.data.grant(id).await?;
    let revoked = node.data.revocations(grant.instance, &grant.owner).await?.covers(grant, &id);
    let permit = check(authorisation, &ask, &Known { revoked, ..known }, now()).map_err(refused)?;
    node.seals.check_open(node, held).await?;
    if usage == Use::Take {
        node.data.use_grant(id, Known { revoked: false, ..permit.known }, permit.until).await?;
    }
    Ok(())
}

/// Takes back what an owner granted, and keeps that.
pub(crate) async fn revoke(node: &Node, signed: &SignedRevocation, reading: &rpc::Reading) -> Result<bool, ApiError> {
    let revocation = &signed.revocation;
    let held = node.instances.held(node, revocation.instance).await?;
    let reading = Reading::new(&held, reading)?;
    let owner = owner(node, &held, &reading, &Chains::new(node), Some(&revocation.owner)).await?;
    signed.check(&node.chain.genesis(), owner.as_ref()).map_err(refused)?;
    let turn = node.grants.0.of(Hash::zero());
    let _turn = turn.lock().await;
    let mut known = node.data.revocations(revocation.instance, &revocation.owner).await?;
    let changes = known.add(revocation.revoke).map_err(refused)?;
    if changes {
        node.data.keep_revocations(revocation.instance, &revocation.owner, known).await?;
    }
    Ok(changes)
}

/// What a transfer's parameters order.
pub(crate) fn read_order(params: &rpc::TokenTransfer) -> Result<SignedTransfer, ApiError> {
    SignedTransfer::from_params(&params.order, &params.signature).map_err(refused)
}

/// Whether the owner ordered the instance to be exchanged; fails with `not_authorised` if not. Tokens that are amounts have no owner who
/// could: everybody may hold some. Returns the blocks at which that was so.
pub(crate) async fn authorise_transfer(
    node: &Node,
    held: &Held,
    reading: &Reading,
    signed: &SignedTransfer,
) -> Result<BTreeMap<String, rpc::ChainBlock>, ApiError> {
    let chains = Chains::new(node);
    let owner = owner(node, held, reading, &chains, None).await?;
    signed.check(&node.chain.genesis(), held.state.instance, owner.as_ref(), now()).map_err(refused)?;
    Ok(chains.blocks().await)
}

/// Forgets grants that are over, until the service stops.
pub(crate) async fn forget(node: &Node) {
    let mut interval = tokio::time::interval(FORGET_EVERY);
    loop {
        interval.tick().await;
        if let Err(e) = node.data.forget_grants(now()).await {
            tracing::error!(error = %e, "could not forget the grants that are over");
        }
    }
}

/// Who owns the instance: where there is no contract, whom the attestation names that was shown as its token; whom its contract names; of tokens that are amounts the one who claims it, if they hold any; where there is no
/// contract, whom the issuer names, or the transfer that issued it.
async fn owner(
    node: &Node,
    held: &Held,
    reading: &Reading,
    chains: &Chains<'_>,
    claimed: Option<&Principal>,
) -> Result<Option<Principal>, ApiError> {
    if let Some(verified) = reading.attested(held, chains).await? {
        if reading.is_owned_by_attestation(node, held).await? {
            return Ok(verified.recipient.map(|address| Principal::Ethereum(address.into())));
        }
    }
    if !reading.has_contract(held) {
        let values = node.operations.values(node, held).await?;
        return Ok(values.get(OWNER).and_then(|text| text.parse().ok()));
    }
    let claimed = match claimed {
        Some(Principal::Ethereum(address)) => Some(address.into()),
        Some(Principal::Substrate(_)) | None => None,
    };
    let holder = reading.holder(held, chains, claimed).await;
    match (holder, chains.failed()) {
        (None, Some(failure)) => Err(failure),
        (holder, _) => Ok(holder.map(|address| Principal::Ethereum(address.into()))),
    }
}

/// Why something that is for the owner is not in an answer that nobody was to see it in.
pub(crate) fn hidden() -> Unavailable {
    Unavailable {
        reason: "private".into(),
        message: "this is for the token's owner; a grant that names it shows it".into(),
    }
}

/// What the caller is told.
fn refused(refusal: Refusal) -> ApiError {
    let details = serde_json::json!({ "refusal": refusal.code(), "remedy": refusal.remedy() });
    ApiError::new(ErrorCode::NotAuthorised, refusal.to_string()).with(details)
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
