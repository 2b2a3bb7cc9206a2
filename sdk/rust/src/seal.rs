//! Sealed values: what of an instance only the nodes that serve it can read.
//!
//! The issuer seals values with the instance's key before he stores or publishes them, and hands the key to the nodes that serve it. Whoever
//! serves it later gets the key from them. See `smartlayer-sealed-values` for what is sealed how.
//!
//! ```
//! use smartlayer_chain_client::Keypair;
//! use smartlayer_primitives::{Hash, InstanceId};
//! use smartlayer_sdk::seal;
//!
//! let instance = InstanceId { token_type: 0, index: 7 };
//! let key = seal::instance_key(&Keypair::development("//Alice")?, &Hash::repeat_byte(1), instance);
//! let mut values = [("seat".to_owned(), "12A".to_owned())].into();
//! seal::add(&mut values, &key, instance, [("holder".to_owned(), "Ada Lovelace".to_owned())].into())?;
//! // `place_instance` stores them; then `seal::unlock` hands over the key, to the nodes of an `Attested` assignment.
//! assert!(values["holder"].starts_with("sealed:1:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use smartlayer_api_types::{
    rpc::{method, IssuerUnlock, NodeInfo, Unlocked},
    HexBytes,
};
use smartlayer_chain_client::{ChainClient, Keypair};
use smartlayer_primitives::{AccountId, Hash, InstanceId, Signature};

pub use smartlayer_sealed_values::{CannotSeal, InstanceKey, KeyId, PREFIX};
use smartlayer_sealed_values::{KeyOffer, SignedKeyOffer};

use crate::{attested::Attested, error::Error, token::node_service};

/// The key to an instance's sealed values, derived from the key of the account that registered the token type: the same again every
/// time. `genesis` is the chain's genesis hash.
pub fn instance_key(issuer: &Keypair, genesis: &Hash, instance: InstanceId) -> InstanceKey {
    InstanceKey::derive(&issuer.derive_secret("smartlayer/issuer-seals/1"), genesis, instance)
}

/// Seals values, and adds them to others.
pub fn add(
    values: &mut BTreeMap<String, String>,
    key: &InstanceKey,
    instance: InstanceId,
    private: BTreeMap<String, String>,
) -> Result<(), CannotSeal> {
    for (name, value) in private {
        let sealed = key.seal(instance, &name, &value)?;
        values.insert(name, sealed);
    }
    Ok(())
}

/// Hands an instance's key to a node that serves it as the anchors attested, sealed to the key that its service key signed. What the key opens
/// has to be stored or published before. Fails with [`Error::Impossible`], and sends nothing, if the node doesn't serve it.
pub async fn unlock(
    chain: &ChainClient,
    http: &reqwest::Client,
    node: &AccountId,
    attested: &Attested,
    key: &InstanceKey,
) -> Result<Unlocked, Error> {
    attested.serves(node)?;
    let instance = attested.assignment().instance;
    let stored = chain.finalized()?.node(node).await?;
    let stored = stored.ok_or_else(|| Error::NotANode { node: node.clone() })?;
    let service = node_service(chain, http, node).await?;
    let info: NodeInfo = service.call(method::NODE_INFO, ()).await?;
    let nonsense = |why: &str| service.nonsense(format!("the key to seal to: {why}"));
    let public_key = info.key_offer.public_key.0[..].try_into().map_err(|_| nonsense("it has not 32 bytes"))?;
    let signature = Signature::try_from(&info.key_offer.signature).map_err(|e| nonsense(&e.to_string()))?;
    let offer = SignedKeyOffer { offer: KeyOffer { node: node.clone(), public_key }, signature };
    let handed = offer.hand_over(key, &chain.genesis_hash(), instance, &stored.service_key);
    let key = HexBytes(handed.map_err(|e| nonsense(&e.to_string()))?);
    service.call(method::ISSUER_UNLOCK, IssuerUnlock { instance: instance.into(), key }).await
}
