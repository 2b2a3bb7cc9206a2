//! Sealed values: this node's keys to the instances that it serves, and how it gets them and hands them on.
//!
//! The issuer hands a key to the nodes that serve the instance (`issuer_unlock`); one that comes to serve it later asks the others. Keys
//! go to nobody else, and lie on disk wrapped in one that is derived from the service key.

use std::collections::{BTreeMap, BTreeSet};

use smartlayer_api_types::{ApiError, ErrorCode};
use smartlayer_chain_client::Keypair;
use smartlayer_network::{
    messages::{RefusalCode, Request, Response, SealedKeys},
    PeerId,
};
use smartlayer_primitives::{AccountId, Hash, InstanceId};
use smartlayer_sealed_values::{
    key_of, open_values, InstanceKey, KeyId, KeyOffer, Opened, Receiver, SignedKeyOffer, WrappingKey,
};

use crate::{
    instances::{node_peer, Held},
    node::Node,
    paid::Settled,
};

/// What this node's keys are made with.
pub(crate) struct Seals {
    receiver: Receiver,
    wrapping: WrappingKey,
    offer: SignedKeyOffer,
}

impl Seals {
    /// Everything is derived from the service key.
    pub fn new(service_key: &Keypair, account: &AccountId, genesis: &Hash) -> Self {
        let receiver = Receiver::derive(&service_key.derive_secret("smartlayer/key-receiver/1"));
        let offer = KeyOffer { node: account.clone(), public_key: receiver.public_key() };
        let signature = service_key.sign_payload(&offer, genesis);
        let wrapping = WrappingKey::new(service_key.derive_secret("smartlayer/key-wrapping/1"));
        Self { receiver, wrapping, offer: SignedKeyOffer { offer, signature } }
    }

    /// Where to seal keys to.
    pub fn offer(&self) -> &SignedKeyOffer {
        &self.offer
    }

    fn key(&self, node: &Node, instance: InstanceId, id: KeyId) -> Option<InstanceKey> {
        let wrapped = node.data.instance_key(instance, id).ok().flatten()?;
        self.wrapping.unwrap(instance, &wrapped)
    }

    /// An answer as it lies on the disk: what it says may be for its caller only.
    pub fn conceal(&self, answer: &Settled) -> Settled {
        let body = self.wrapping.wrap_answer(&answer.receipt.receipt.request_hash, &answer.body);
        Settled { body, ..answer.clone() }
    }

    /// The answer that was kept so. Fails if the service key was another then.
    pub fn reveal(&self, kept: Settled) -> Result<Settled, ApiError> {
        let body = self.wrapping.unwrap_answer(&kept.receipt.receipt.request_hash, &kept.body);
        let lost =
            "the call was answered, and this node's service key was replaced since: its answer can't be given again";
        let body = body.ok_or_else(|| ApiError::new(ErrorCode::Internal, lost))?;
        Ok(Settled { body, ..kept })
    }

    /// Opens what of an instance's values is sealed, as far as the keys are here. Returns the names of all that was.
    pub fn open(&self, node: &Node, instance: InstanceId, values: &mut BTreeMap<String, String>) -> Opened {
        open_values(values, instance, |id| self.key(node, instance, id))
    }

    /// The keys that open an instance's values, and whether they are here.
    async fn needed(&self, node: &Node, held: &Held) -> Result<BTreeMap<KeyId, bool>, ApiError> {
        let instance = held.state.instance;
        let values = node.feeds.values(node, instance, &held.state.values).await?;
        let ids: BTreeSet<_> = values.values().filter_map(|value| key_of(value)).collect();
        Ok(ids.into_iter().map(|id| (id, self.key(node, instance, id).is_some())).collect())
    }

    /// Fails with `locked` if a key to the instance's values is not here.
    pub async fn check_open(&self, node: &Node, held: &Held) -> Result<(), ApiError> {
        if self.needed(node, held).await?.into_values().all(|here| here) {
            return Ok(());
        }
        let serving = node.instances.serving(node, &held.assignment.assignment).await;
        Err(ApiError::from(ErrorCode::Locked).with(serde_json::json!({ "serving": serving })))
    }

    /// Keeps a key that was sealed to this node, if it opens something of an instance that is served here. Returns whether it is new.
    pub async fn take(&self, node: &Node, instance: InstanceId, handed: &[u8]) -> Result<bool, ApiError> {
        let refused = |why: &str| ApiError::new(ErrorCode::KeyRefused, why);
        let held = node.instances.held(node, instance).await?;
        if !held.assignment.assignment.serving.contains(&node.account) {
            let serving = node.instances.serving(node, &held.assignment.assignment).await;
            return Err(ApiError::from(ErrorCode::NotServing).with(serde_json::json!({ "serving": serving })));
        }
        let key = self.receiver.open(&node.chain.genesis(), instance, handed);
        let key = key.map_err(|e| refused(&e.to_string()))?;
        let values = node.feeds.values(node, instance, &held.state.values).await?;
        if !values.iter().any(|(name, value)| key.open(instance, name, value).is_some()) {
            return Err(refused("the key opens no value of the instance"));
        }
        if self.key(node, instance, key.id()).is_some() {
            return Ok(false);
        }
        let needed: BTreeSet<_> = values.values().filter_map(|value| key_of(value)).collect();
        let wrapped = self.wrapping.wrap(instance, &key);
        node.data.keep_instance_key(instance, key.id(), wrapped, &needed).await?;
        tracing::info!(?instance, key = %key.id(), "took in the key to an instance's sealed values");
        Ok(true)
    }

    /// Gives another node that serves an instance the keys to it.
    pub async fn hand_over(
        &self,
        node: &Node,
        peer: PeerId,
        instance: InstanceId,
        offer: &SignedKeyOffer,
    ) -> Result<Response, ApiError> {
        let Some(kept) = node.data.assignment(instance).await? else {
            return Ok(Response::refused(RefusalCode::NotFound, "not here"));
        };
        let account = &offer.offer.node;
        let not_allowed = || Response::refused(RefusalCode::NotAllowed, "for nodes that serve the instance only");
        if !kept.assignment.serving.contains(account) || node_peer(node, account).await != Some(peer) {
            return Ok(not_allowed());
        }
        let Some(registered) = node.chain.node(account).await.map_err(crate::chain::api_error)? else {
            return Ok(not_allowed());
        };
        let genesis = node.chain.genesis();
        let mut sealed = SealedKeys::default();
        let held = node.instances.held(node, instance).await?;
        for id in self.needed(node, &held).await?.into_keys() {
            let Some(key) = self.key(node, instance, id) else { continue };
            let Ok(handed) = offer.hand_over(&key, &genesis, instance, &registered.service_key) else {
                return Ok(not_allowed());
            };
            let Ok(handed) = handed.try_into() else { continue };
            if sealed.try_push(handed).is_err() {
                break;
            }
        }
        match sealed.is_empty() {
            true => Ok(Response::refused(RefusalCode::NotFound, "not here")),
            false => Ok(Response::InstanceKeys(sealed)),
        }
    }

    /// Asks the other nodes that serve an instance for the keys that are missing here. Returns whether none is missing any more, or this
    /// node needs none.
    pub async fn fetch(&self, node: &Node, instance: InstanceId) -> Result<bool, ApiError> {
        let Some(kept) = node.data.assignment(instance).await? else { return Ok(true) };
        let serving = &kept.assignment.serving;
        if !serving.contains(&node.account) {
            return Ok(true);
        }
        if self.is_open(node, instance).await? {
            return Ok(true);
        }
        for account in serving.iter().filter(|account| **account != node.account) {
            let Some(peer) = node_peer(node, account).await else { continue };
            let request = Request::InstanceKeys { instance, offer: Box::new(self.offer.clone()) };
            let Ok(Response::InstanceKeys(sealed)) = node.network.request(peer, request).await else { continue };
            for handed in sealed {
                if let Err(e) = self.take(node, instance, &handed).await {
                    tracing::warn!(%peer, ?instance, error = %e, "a node that serves the instance sent a wrong key");
                }
            }
            if self.is_open(node, instance).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether this node has the keys to all values of an instance, or needs none because it doesn't serve it.
    pub async fn is_open(&self, node: &Node, instance: InstanceId) -> Result<bool, ApiError> {
        if !node.data.serves(instance) {
            return Ok(true);
        }
        let held = node.instances.held(node, instance).await?;
        Ok(self.needed(node, &held).await?.into_values().all(|here| here))
    }
}
