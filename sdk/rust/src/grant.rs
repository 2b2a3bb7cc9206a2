//! Grants: the owner of a token lets a website read private attributes and take private actions.
//!
//! The owner's side is a [`Terms`] that becomes a [`SignedGrant`]; the website's side is a [`Grantee`], which signs a use of the grant
//! for each call.
//!
//! ```
//! use smartlayer_chain_client::Keypair;
//! use smartlayer_primitives::{Hash, InstanceId};
//! use smartlayer_sdk::grant::{Grantee, Principal, Terms};
//!
//! let (owner, website) = (Keypair::development("//Alice")?, Keypair::development("//Bob")?);
//! let node = Keypair::development("//Charlie")?.account();
//!
//! // The owner lets the website read the seat of one ticket, ten times within an hour.
//! let grant = Terms::new(Hash::repeat_byte(1), InstanceId { token_type: 0, index: 7 }, Principal::Substrate(website.account()))
//!     .attributes(["seat"])
//!     .at(node.clone())
//!     .uses(10)
//!     .lasting(3600)
//!     .sign(&owner)?;
//!
//! // The website adds the parameter `authorisation` to a call's parameters.
//! let params = serde_json::json!({ "instance": { "tokenType": 0, "index": 7 }, "names": ["seat"] });
//! let params = Grantee::new(grant, website)?.authorise(&node, "token_attributes", params)?;
//! assert_eq!(params["authorisation"]["grant"]["attributes"], serde_json::json!(["seat"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use smartlayer_chain_client::Keypair;
use smartlayer_primitives::{AccountId, Hash, InstanceId, Signature};

pub use smartlayer_grants::{
    request_hash, Audience, Authorisation, Grant, Malformed, Principal, Refusal, Revocation, Revoked, SignedGrant,
    SignedRevocation, Statement, StatementSignature, Use,
};

use crate::error::Error;

/// How long before now a grant begins, in seconds, so that nodes whose clocks are behind take it at once.
const EARLIER: u64 = 60;
/// How long a grant lives if its terms don't say, in seconds: a day.
const LIFE: u64 = 24 * 60 * 60;

/// What an owner is about to grant. Names may come in any order.
#[derive(Clone, Debug)]
pub struct Terms {
    genesis: Hash,
    instance: InstanceId,
    grantee: Principal,
    audience: Audience,
    attributes: Vec<String>,
    actions: Vec<String>,
    not_before: u64,
    life: u64,
    uses: Option<u32>,
}

impl Terms {
    /// Nothing yet, to the website whose key signs as `grantee`, on the chain with this genesis hash; at every node that serves the
    /// instance, from now on for a day, as often as the website likes.
    pub fn new(genesis: Hash, instance: InstanceId, grantee: Principal) -> Self {
        Self {
            genesis,
            instance,
            grantee,
            audience: Audience::Any,
            attributes: Vec::new(),
            actions: Vec::new(),
            not_before: unix_time().saturating_sub(EARLIER),
            life: LIFE.saturating_add(EARLIER),
            uses: None,
        }
    }

    /// These attributes too.
    pub fn attributes(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.attributes.extend(names.into_iter().map(Into::into));
        self
    }

    /// These actions too.
    pub fn actions(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.actions.extend(names.into_iter().map(Into::into));
        self
    }

    /// Only at this node.
    pub fn at(mut self, node: AccountId) -> Self {
        self.audience = Audience::Node(node);
        self
    }

    /// So many times; takes one node, which counts.
    pub fn uses(mut self, uses: u32) -> Self {
        self.uses = Some(uses);
        self
    }

    /// For so many seconds from now on.
    pub fn lasting(mut self, seconds: u64) -> Self {
        self.life = seconds.saturating_add(EARLIER);
        self
    }

    /// The grant of this owner, not signed yet: [`Statement::typed_data`] of it is what an Ethereum wallet signs,
    /// [`Statement::signing_payload`] what an account's key does.
    pub fn by(mut self, owner: Principal) -> Result<Grant, Malformed> {
        for names in [&mut self.attributes, &mut self.actions] {
            names.sort_unstable();
            names.dedup();
        }
        let grant = Grant {
            genesis: self.genesis,
            instance: self.instance,
            owner,
            grantee: self.grantee,
            audience: self.audience,
            attributes: self.attributes,
            actions: self.actions,
            not_before: self.not_before,
            expires_at: self.not_before.saturating_add(self.life),
            uses: self.uses,
            nonce: nonce(),
        };
        grant.validate()?;
        Ok(grant)
    }

    /// Signs the grant with the owner's key.
    pub fn sign(self, owner: &Keypair) -> Result<SignedGrant, Malformed> {
        let grant = self.by(Principal::Substrate(owner.account()))?;
        let signature = sign(owner, &grant);
        Ok(SignedGrant { grant, signature })
    }
}

/// Takes grants of an instance back. It goes to every node that the grants are good at.
///
/// [`Terms`] begin a minute before they are signed: whoever revokes everything before now waits a minute before he grants anew.
pub fn revoke(
    owner: &Keypair,
    genesis: Hash,
    instance: InstanceId,
    revoke: Revoked,
) -> Result<SignedRevocation, Malformed> {
    let revocation = Revocation { genesis, instance, owner: Principal::Substrate(owner.account()), revoke };
    revocation.validate()?;
    let signature = sign(owner, &revocation);
    Ok(SignedRevocation { revocation, signature })
}

/// A website with a grant: signs a use of it for every call. Cheap to clone; clones count together.
///
/// Sequence numbers are the time in milliseconds, or the last one plus one if that is more: after a restart they go on rising. Two
/// processes that use one grant at one node get into each other's way; they ask for a grant each.
#[derive(Clone, Debug)]
pub struct Grantee {
    grant: Arc<SignedGrant>,
    id: Hash,
    key: Keypair,
    last: Arc<Mutex<u64>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Grantee {
    /// With the grant that the owner handed over, and the key that it names as grantee.
    pub fn new(grant: SignedGrant, key: Keypair) -> Result<Self, Refusal> {
        grant.check()?;
        if grant.grant.grantee != Principal::Substrate(key.account()) {
            return Err(Refusal::BadUseSignature { grantee: grant.grant.grantee });
        }
        let id = grant.grant.id();
        Ok(Self { grant: Arc::new(grant), id, key, last: Default::default(), turn: Default::default() })
    }

    /// What was granted.
    pub fn grant(&self) -> &Grant {
        &self.grant.grant
    }

    /// Adds the parameter `authorisation` to the parameters of one call to one node. They must not be changed after it.
    pub fn authorise(&self, node: &AccountId, method: &str, params: Value) -> Result<Value, Error> {
        let Value::Object(mut params) = params else {
            return Err(Error::Impossible("the parameters are not a JSON object".into()));
        };
        let impossible = |error: Malformed| Error::Impossible(error.to_string());
        let request = request_hash(method, &params).map_err(impossible)?;
        let time = now();
        let usage = Use {
            grant: self.id,
            node: node.clone(),
            sequence: self.sequence(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            issued_at: time.as_secs(),
            request,
        };
        usage.validate().map_err(impossible)?;
        let SignedGrant { grant, signature } = SignedGrant::clone(&self.grant);
        let use_signature = sign(&self.key, &usage.on(&grant.genesis));
        let authorisation = Authorisation { grant, signature, usage, use_signature };
        let authorisation = serde_json::to_value(authorisation).expect("an object with string keys; qed");
        params.insert("authorisation".into(), authorisation);
        Ok(Value::Object(params))
    }

    /// A node takes uses in their order, so a client sends one after the other.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    fn sequence(&self, millis: u64) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = millis.max(last.saturating_add(1));
        *last
    }
}

/// Tells statements of the same content apart; nobody has to be unable to guess it.
pub(crate) fn nonce() -> Hash {
    let mut bytes = [0; 32];
    fastrand::Rng::new().fill(&mut bytes);
    bytes.into()
}

pub(crate) fn sign(key: &Keypair, statement: &impl Statement) -> StatementSignature {
    StatementSignature::Substrate(Signature::Sr25519(key.sign(&statement.signing_payload())))
}

/// The clock of this machine, in seconds since 1970 (UTC), as grants have it.
pub fn unix_time() -> u64 {
    now().as_secs()
}

/// Since 1970 (UTC).
fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use smartlayer_grants::{check, Ask, Known};

    use super::*;

    fn key(seed: u8) -> Keypair {
        Keypair::from_seed(&[seed; 32])
    }

    fn terms() -> Terms {
        let instance = InstanceId { token_type: 0, index: 7 };
        Terms::new(Hash::repeat_byte(1), instance, Principal::Substrate(key(2).account()))
            .attributes(["seat", "row", "seat"])
    }

    #[test]
    fn a_node_takes_what_the_client_makes_call_after_call() {
        let (owner, node) = (Principal::Substrate(key(1).account()), key(3).account());
        let signed = terms().at(node.clone()).uses(3).actions(["enter"]).sign(&key(1)).unwrap();
        assert_eq!(signed.grant.attributes, ["row", "seat"]);
        let grantee = Grantee::new(signed, key(2)).unwrap();
        let mut known = Known::default();
        for call in 0..4 {
            let params = json!({ "instance": { "tokenType": 0, "index": 7 }, "names": ["seat"] });
            let sent = grantee.authorise(&node, "token_attributes", params).unwrap();
            let sent = sent.as_object().unwrap();
            let authorisation = Authorisation::from_param(sent.get("authorisation")).unwrap();
            let ask = Ask {
                genesis: &Hash::repeat_byte(1),
                node: &node,
                instance: grantee.grant().instance,
                owner: Some(&owner),
                attributes: &["seat"],
                action: None,
                request: request_hash("token_attributes", sent).unwrap(),
            };
            match check(&authorisation, &ask, &known, authorisation.usage.issued_at) {
                Ok(permit) if call < 3 => known = permit.known,
                refused => assert_eq!((call, refused), (3, Err(Refusal::UsedUp { uses: 3 }))),
            }
        }
    }

    #[test]
    fn what_no_node_would_take_is_not_made() {
        assert_eq!(terms().uses(3).sign(&key(1)), Err(Malformed::UsesWithoutNode));
        assert_eq!(terms().lasting(smartlayer_grants::MAX_LIFE).sign(&key(1)), Err(Malformed::BadLife));
        let signed = terms().sign(&key(1)).unwrap();
        assert!(matches!(Grantee::new(signed.clone(), key(1)), Err(Refusal::BadUseSignature { .. })));
        let changed =
            SignedGrant { grant: Grant { actions: vec!["enter".into()], ..signed.grant.clone() }, ..signed.clone() };
        assert!(matches!(Grantee::new(changed, key(2)), Err(Refusal::BadOwnerSignature { .. })));
        let grantee = Grantee::new(signed, key(2)).unwrap();
        assert!(grantee.authorise(&key(3).account(), "token_call", json!({ "n": 1.5 })).is_err());
        assert!(grantee.authorise(&key(3).account(), "token_call", json!([])).is_err());
    }

    #[test]
    fn sequence_numbers_rise_even_when_the_clock_does_not() {
        let grantee = Grantee::new(terms().sign(&key(1)).unwrap(), key(2)).unwrap();
        let clone = grantee.clone();
        let numbers = [grantee.sequence(5), clone.sequence(5), grantee.sequence(3), clone.sequence(9)];
        assert_eq!(numbers, [5, 6, 7, 9]);
    }

    #[test]
    fn a_revocation_is_good_for_the_owner() {
        let instance = InstanceId { token_type: 0, index: 7 };
        let signed = revoke(&key(1), Hash::zero(), instance, Revoked::Before(5)).unwrap();
        assert_eq!(signed.check(&Hash::zero(), Some(&Principal::Substrate(key(1).account()))), Ok(()));
        assert_eq!(revoke(&key(1), Hash::zero(), instance, Revoked::Before(u64::MAX)), Err(Malformed::TooLarge));
    }
}
