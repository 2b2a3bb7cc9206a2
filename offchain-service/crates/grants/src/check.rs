//! Whether a call is authorised.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smartlayer_primitives::{AccountId, Hash, InstanceId};

use crate::{grant::Malformed, usage::MAX_AGE, Audience, Grant, Principal, Refusal, StatementSignature, Use};

/// What a call brings in its parameter `authorisation`: a grant, and one use of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorisation {
    /// What is granted.
    pub grant: Grant,
    /// By the grant's owner.
    pub signature: StatementSignature,
    /// What it is used for now.
    #[serde(rename = "use")]
    pub usage: Use,
    /// By the grantee.
    #[serde(rename = "useSignature")]
    pub use_signature: StatementSignature,
}

impl Authorisation {
    /// Reads the parameter `authorisation` of a call that needs one.
    pub fn from_param(param: Option<&Value>) -> Result<Self, Refusal> {
        let param = param.filter(|value| !value.is_null()).ok_or(Refusal::Missing)?;
        let read = Self::deserialize(param).map_err(Malformed::json)?;
        read.grant.validate()?;
        read.usage.validate()?;
        Ok(read)
    }
}

/// What is asked, of whom, and what the chain says.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The chain's genesis hash.
    pub genesis: &'a Hash,
    /// This node's account.
    pub node: &'a AccountId,
    /// The instance that is called.
    pub instance: InstanceId,
    /// Who owns it now; nothing if that can't be told.
    pub owner: Option<&'a Principal>,
    /// The attributes that need a grant.
    pub attributes: &'a [&'a str],
    /// The action, if it needs a grant.
    pub action: Option<&'a str>,
    /// [`crate::request_hash`] of the call.
    pub request: Hash,
}

/// What a node remembers of a grant, by its id; nothing yet is the default. It can be forgotten when the grant is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Known {
    /// The last sequence number that was accepted.
    pub sequence: Option<u64>,
    /// How many uses were accepted.
    pub uses: u64,
    /// Whether the owner took it back; see [`crate::Revocations::covers`].
    pub revoked: bool,
}

/// That a call is authorised, and what to remember of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The grant's id.
    pub grant: Hash,
    /// Who calls.
    pub grantee: Principal,
    /// What the node has to make durable *before* it answers.
    pub known: Known,
    /// When it can be forgotten again: the grant's end, in seconds since 1970 (UTC).
    pub until: u64,
}

/// Whether the call is authorised, at `now` in seconds since 1970 (UTC).
///
/// The comparisons come first and the signatures last. One grant is checked by one call at a time: the next one starts from the
/// [`Known`] of the last permit.
pub fn check(authorisation: &Authorisation, ask: &Ask<'_>, known: &Known, now: u64) -> Result<Permit, Refusal> {
    let Authorisation { grant, signature, usage, use_signature } = authorisation;
    addressed(grant, usage, ask)?;
    grant.validate()?;
    usage.validate()?;
    timely(grant, usage, now)?;
    owned(grant, ask.owner)?;
    named(grant, ask)?;
    let known = counted(grant, usage, known)?;
    let id = grant.id();
    if usage.grant != id {
        return Err(Refusal::OtherGrant { expected: id, found: usage.grant });
    }
    if usage.request != ask.request {
        return Err(Refusal::OtherRequest { expected: ask.request, found: usage.request });
    }
    if !signature.verify(grant, &grant.owner) {
        return Err(Refusal::BadOwnerSignature { owner: grant.owner.clone() });
    }
    if !use_signature.verify(&usage.on(&grant.genesis), &grant.grantee) {
        return Err(Refusal::BadUseSignature { grantee: grant.grantee.clone() });
    }
    Ok(Permit { grant: id, grantee: grant.grantee.clone(), known, until: grant.expires_at })
}

fn addressed(grant: &Grant, usage: &Use, ask: &Ask<'_>) -> Result<(), Refusal> {
    if grant.genesis != *ask.genesis {
        return Err(Refusal::OtherChain { expected: *ask.genesis, found: grant.genesis });
    }
    if grant.instance != ask.instance {
        return Err(Refusal::OtherInstance { expected: ask.instance, found: grant.instance });
    }
    let meant = match &grant.audience {
        Audience::Node(node) if node != ask.node => node,
        _ => &usage.node,
    };
    if meant != ask.node {
        return Err(Refusal::OtherNode { expected: ask.node.clone(), found: meant.clone() });
    }
    Ok(())
}

fn timely(grant: &Grant, usage: &Use, now: u64) -> Result<(), Refusal> {
    if now < grant.not_before {
        return Err(Refusal::NotYetValid { not_before: grant.not_before, now });
    }
    if now >= grant.expires_at {
        return Err(Refusal::Expired { expires_at: grant.expires_at, now });
    }
    if usage.issued_at.abs_diff(now) > MAX_AGE {
        return Err(Refusal::StaleUse { issued_at: usage.issued_at, now });
    }
    Ok(())
}

fn owned(grant: &Grant, owner: Option<&Principal>) -> Result<(), Refusal> {
    let owner = owner.ok_or(Refusal::OwnerUnknown)?;
    if grant.owner != *owner {
        return Err(Refusal::NotOwner { signed: grant.owner.clone(), owner: owner.clone() });
    }
    Ok(())
}

fn named(grant: &Grant, ask: &Ask<'_>) -> Result<(), Refusal> {
    // Names are sorted by their bytes.
    let has = |names: &[String], name: &str| names.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
    let attributes: Vec<String> =
        ask.attributes.iter().filter(|name| !has(&grant.attributes, name)).map(|&name| name.to_owned()).collect();
    let action = ask.action.filter(|name| !has(&grant.actions, name)).map(str::to_owned);
    if attributes.is_empty() && action.is_none() {
        return Ok(());
    }
    Err(Refusal::NotGranted { attributes, action })
}

/// What is known after this use, if it is still to be had.
fn counted(grant: &Grant, usage: &Use, known: &Known) -> Result<Known, Refusal> {
    if known.revoked {
        return Err(Refusal::Revoked);
    }
    if let Some(uses) = grant.uses.filter(|&uses| known.uses >= u64::from(uses)) {
        return Err(Refusal::UsedUp { uses });
    }
    if let Some(last) = known.sequence.filter(|&last| usage.sequence <= last) {
        return Err(Refusal::Replayed { last, found: usage.sequence });
    }
    Ok(Known { sequence: Some(usage.sequence), uses: known.uses.saturating_add(1), ..*known })
}
