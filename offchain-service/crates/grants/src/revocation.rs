//! Taking grants back.

use std::collections::BTreeSet;

use codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use smartlayer_api_types::Instance;
use smartlayer_primitives::{payload::Payload, Hash, InstanceId};

use crate::{
    grant::{Malformed, MAX_NUMBER},
    signature::Statement,
    typed_data::{self, structs, REVOKE_BEFORE_TYPE, REVOKE_GRANT_TYPE},
    Grant, Principal, Refusal, StatementSignature,
};

/// How many single grants of one owner and instance a node remembers as revoked.
pub const MAX_REVOKED: usize = 1024;

/// The owner's word that grants count no more. It cannot be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    /// The genesis hash of the chain.
    pub genesis: Hash,
    /// The token instance.
    #[serde(with = "crate::instance")]
    pub instance: InstanceId,
    /// Who signed the grants, and signs this.
    pub owner: Principal,
    /// Which grants.
    pub revoke: Revoked,
}

/// Which grants of an owner to an instance are revoked. In JSON `{"grant": "0x…"}` or `{"before": 1790000000}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Revoked {
    /// The grant with this id ([`Grant::id`]).
    Grant(Hash),
    /// All whose `not_before` is earlier than this, in seconds since 1970 (UTC); at most [`MAX_NUMBER`]. A grant does not say when it
    /// was signed, so whoever signed grants that begin in the future chooses a time after their beginning.
    Before(u64),
}

/// A revocation and the owner's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedRevocation {
    /// What is revoked.
    pub revocation: Revocation,
    /// By the owner.
    pub signature: StatementSignature,
}

impl SignedRevocation {
    /// Whether a node has to heed this revocation: by the one who owns the instance now, on this chain. (What an earlier owner granted
    /// is worth nothing anyway, so nodes need not store what he says.)
    pub fn check(&self, genesis: &Hash, owner: Option<&Principal>) -> Result<(), Refusal> {
        let revocation = &self.revocation;
        if revocation.genesis != *genesis {
            return Err(Refusal::OtherChain { expected: *genesis, found: revocation.genesis });
        }
        revocation.validate()?;
        match owner {
            None => Err(Refusal::OwnerUnknown),
            Some(owner) if *owner != revocation.owner => {
                Err(Refusal::NotOwner { signed: revocation.owner.clone(), owner: owner.clone() })
            }
            Some(owner) if !self.signature.verify(revocation, owner) => {
                Err(Refusal::BadOwnerSignature { owner: owner.clone() })
            }
            Some(_) => Ok(()),
        }
    }
}

impl Revocation {
    /// Checks what does not depend on where and when it is shown.
    pub fn validate(&self) -> Result<(), Malformed> {
        match self.revoke {
            Revoked::Before(time) if time > MAX_NUMBER => Err(Malformed::TooLarge),
            _ => Ok(()),
        }
    }
}

/// What [`Payload`] puts the genesis hash before.
#[derive(Encode)]
struct Content<'a> {
    instance: InstanceId,
    owner: &'a Principal,
    revoke: Revoked,
}

impl Payload for Content<'_> {
    const DOMAIN: &'static str = "smartlayer/grant-revocation/1";
}

impl Statement for Revocation {
    fn signing_payload(&self) -> Vec<u8> {
        let content = Content { instance: self.instance, owner: &self.owner, revoke: self.revoke };
        content.signing_payload(&self.genesis)
    }

    fn typed_hash(&self) -> [u8; 32] {
        let (instance, owner) = (crate::instance::typed(self.instance), self.owner.to_string());
        match self.revoke {
            Revoked::Grant(grant) => {
                let grant = grant.to_fixed_bytes().into();
                typed_data::digest(&self.genesis, &structs::RevokeGrant { instance, owner, grant })
            }
            Revoked::Before(before) => {
                typed_data::digest(&self.genesis, &structs::RevokeBefore { instance, owner, before })
            }
        }
    }

    fn typed_data(&self) -> Value {
        let (instance, owner) = (Instance::from(self.instance), &self.owner);
        match self.revoke {
            Revoked::Grant(grant) => typed_data::request(
                &self.genesis,
                REVOKE_GRANT_TYPE,
                json!({ "instance": instance, "owner": owner, "grant": grant }),
            ),
            Revoked::Before(before) => typed_data::request(
                &self.genesis,
                REVOKE_BEFORE_TYPE,
                json!({ "instance": instance, "owner": owner, "before": before }),
            ),
        }
    }
}

/// What a node remembers of the revocations of one owner for one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Revocations {
    /// Grants that begin earlier than this are revoked; in seconds since 1970 (UTC).
    before: u64,
    /// And these, at most [`MAX_REVOKED`].
    grants: BTreeSet<Hash>,
}

impl Revocations {
    /// Adds a revocation that was checked. Answers whether it changes anything, and has to be stored.
    pub fn add(&mut self, revoked: Revoked) -> Result<bool, Refusal> {
        match revoked {
            Revoked::Before(time) => {
                let later = time > self.before;
                self.before = self.before.max(time);
                Ok(later)
            }
            Revoked::Grant(id) if self.grants.contains(&id) => Ok(false),
            Revoked::Grant(_) if self.grants.len() >= MAX_REVOKED => Err(Refusal::TooManyRevocations),
            Revoked::Grant(id) => Ok(self.grants.insert(id)),
        }
    }

    /// Whether `grant`, whose id is `id`, is revoked.
    pub fn covers(&self, grant: &Grant, id: &Hash) -> bool {
        grant.not_before < self.before || self.grants.contains(id)
    }
}
