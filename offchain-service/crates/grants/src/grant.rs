//! What the owner of a token signs: who may ask for what, where, when and how often.

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use smartlayer_api_types::Instance;
use smartlayer_primitives::{payload::Payload, Hash, InstanceId};

use crate::{
    signature::Statement,
    typed_data::{self, structs, GRANT_TYPE},
    Audience, Principal, Refusal, StatementSignature, MAX_ORDER_LIFE,
};

/// The most names that a grant holds, attributes and actions together.
pub const MAX_NAMES: usize = 64;
/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest that a grant lives, in seconds: 365 days.
pub const MAX_LIFE: u64 = 365 * 24 * 60 * 60;
/// The largest time and the largest sequence number: what JSON's readers hold exactly, 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The longest part of a JSON error's text that is repeated to the caller, in characters.
const MAX_JSON_ERROR: usize = 200;

/// The owner's permission to a website's key: named attributes and actions of one token instance.
///
/// In SCALE it starts with the genesis hash, so that its signing payload is `"smartlayer/grant/1" ‖ SCALE(grant)`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// The genesis hash of the chain.
    pub genesis: Hash,
    /// The token instance.
    #[serde(with = "crate::instance")]
    pub instance: InstanceId,
    /// Who grants. It counts only while this is the owner of the instance.
    pub owner: Principal,
    /// Who is granted something: the key that signs each [`crate::Use`].
    pub grantee: Principal,
    /// At which nodes.
    pub audience: Audience,
    /// The attributes, sorted, none twice.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// The actions, sorted, none twice.
    #[serde(default)]
    pub actions: Vec<String>,
    /// From when on, in seconds since 1970 (UTC).
    pub not_before: u64,
    /// The first second at which it is over, since 1970 (UTC); at most [`MAX_LIFE`] after `not_before`.
    pub expires_at: u64,
    /// How many times it can be used, at least once; without a bound if absent. Only one node can count, so it must be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Random bytes, so that two grants of the same are not the same grant.
    pub nonce: Hash,
}

/// A grant and the owner's signature: what the owner hands to the website.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedGrant {
    /// What is granted.
    pub grant: Grant,
    /// By the grant's owner.
    pub signature: StatementSignature,
}

impl SignedGrant {
    /// Whether the grant is well formed and signed by the owner that it names. Whether that is the owner of the token, and whether the
    /// grant was revoked, only a node can tell.
    pub fn check(&self) -> Result<(), Refusal> {
        self.grant.validate()?;
        if !self.signature.verify(&self.grant, &self.grant.owner) {
            return Err(Refusal::BadOwnerSignature { owner: self.grant.owner.clone() });
        }
        Ok(())
    }
}

/// What a grant, a use or a revocation may not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The JSON has not the form that its schema says.
    #[error("{0}")]
    Json(String),
    /// The grant names nothing.
    #[error("the grant names no attribute and no action")]
    NoNames,
    /// The grant names too much.
    #[error("the grant names {0} attributes and actions, more than {MAX_NAMES}")]
    TooManyNames(usize),
    /// A name that can't be granted.
    #[error("names have 1 to {MAX_NAME_BYTES} bytes without control characters, and * is none: list what you grant")]
    BadName,
    /// The names are not in order.
    #[error("names must be sorted by their bytes, and none may be there twice")]
    NotSorted,
    /// The grant ends before it begins, or lives too long.
    #[error("expiresAt must be after notBefore, by at most {MAX_LIFE} seconds")]
    BadLife,
    /// A time or a sequence number that JSON can't carry.
    #[error("times and sequence numbers are at most 2^53 - 1")]
    TooLarge,
    /// A bound of zero uses.
    #[error("a grant that counts its uses allows at least one")]
    NoUses,
    /// Many nodes would have to count together.
    #[error("a grant that counts its uses must name one node as its audience")]
    UsesWithoutNode,
    /// An order to exchange an instance for itself.
    #[error("source and issued are one instance")]
    SameInstance,
    /// An order that could be carried out too late.
    #[error("validUntil is at most {MAX_ORDER_LIFE} seconds ahead")]
    BadOrderLife,
    /// The parameters of the request have no canonical form.
    #[error("numbers in parameters must be whole and at most 2^53 - 1; send larger or broken ones as text")]
    BadNumber,
}

impl Malformed {
    /// What serde says, as much of it as is repeated to the caller.
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string().chars().take(MAX_JSON_ERROR).collect())
    }
}

impl Grant {
    /// Checks everything about the grant that does not depend on where and when it is shown.
    pub fn validate(&self) -> Result<(), Malformed> {
        match self.attributes.len().saturating_add(self.actions.len()) {
            0 => return Err(Malformed::NoNames),
            1..=MAX_NAMES => {}
            many => return Err(Malformed::TooManyNames(many)),
        }
        for names in [&self.attributes, &self.actions] {
            if !names.iter().all(|name| is_name(name)) {
                return Err(Malformed::BadName);
            }
            if !names.is_sorted_by(|a, b| a < b) {
                return Err(Malformed::NotSorted);
            }
        }
        if self.expires_at > MAX_NUMBER {
            return Err(Malformed::TooLarge);
        }
        match self.expires_at.checked_sub(self.not_before) {
            Some(1..=MAX_LIFE) => {}
            _ => return Err(Malformed::BadLife),
        }
        match (self.uses, &self.audience) {
            (Some(0), _) => Err(Malformed::NoUses),
            (Some(_), Audience::Any) => Err(Malformed::UsesWithoutNode),
            _ => Ok(()),
        }
    }

    /// The grant's name: blake2-256 of its signing payload. Uses and revocations refer to it.
    pub fn id(&self) -> Hash {
        self.content().payload_hash(&self.genesis)
    }

    fn content(&self) -> Content<'_> {
        Content {
            instance: self.instance,
            owner: &self.owner,
            grantee: &self.grantee,
            audience: &self.audience,
            attributes: &self.attributes,
            actions: &self.actions,
            not_before: self.not_before,
            expires_at: self.expires_at,
            uses: self.uses,
            nonce: self.nonce,
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name != "*" && !name.chars().any(char::is_control)
}

/// A grant without the genesis hash, which [`Payload`] puts before it.
#[derive(Encode)]
struct Content<'a> {
    instance: InstanceId,
    owner: &'a Principal,
    grantee: &'a Principal,
    audience: &'a Audience,
    attributes: &'a [String],
    actions: &'a [String],
    not_before: u64,
    expires_at: u64,
    uses: Option<u32>,
    nonce: Hash,
}

impl Payload for Content<'_> {
    const DOMAIN: &'static str = "smartlayer/grant/1";
}

impl Statement for Grant {
    fn signing_payload(&self) -> Vec<u8> {
        self.content().signing_payload(&self.genesis)
    }

    fn typed_hash(&self) -> [u8; 32] {
        let message = structs::Grant {
            instance: crate::instance::typed(self.instance),
            owner: self.owner.to_string(),
            grantee: self.grantee.to_string(),
            audience: self.audience.to_string(),
            attributes: self.attributes.clone(),
            actions: self.actions.clone(),
            notBefore: self.not_before,
            expiresAt: self.expires_at,
            uses: self.uses.unwrap_or_default(),
            nonce: self.nonce.to_fixed_bytes().into(),
        };
        typed_data::digest(&self.genesis, &message)
    }

    fn typed_data(&self) -> Value {
        let message = json!({
            "instance": Instance::from(self.instance),
            "owner": self.owner,
            "grantee": self.grantee,
            "audience": self.audience,
            "attributes": self.attributes,
            "actions": self.actions,
            "notBefore": self.not_before,
            "expiresAt": self.expires_at,
            "uses": self.uses.unwrap_or_default(),
            "nonce": self.nonce,
        });
        typed_data::request(&self.genesis, GRANT_TYPE, message)
    }
}
