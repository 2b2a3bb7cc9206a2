//! Saying something about token instances after they were stored, which is the issuer's to do.

use smartlayer_api_types::rpc::{method, FeedState, IssuerFeed, IssuerPublish, Published};
use smartlayer_chain_client::Keypair;
use smartlayer_issuer_feed::{SignedUpdate, StateUpdate};
use smartlayer_primitives::{Hash, InstanceId};

use crate::{error::Error, service::ServiceClient};

/// Signs an update and publishes it at a node that keeps the instance, or at an anchor. `issuer` is the key of the account that
/// registered the token type, `genesis` the chain's genesis hash. Publishing the same update again changes nothing.
pub async fn publish_update(
    service: &ServiceClient,
    genesis: &Hash,
    issuer: &Keypair,
    update: StateUpdate,
) -> Result<Published, Error> {
    update.check().map_err(|e| Error::Impossible(format!("the update cannot be published: {e}")))?;
    let signature = issuer.sign_payload(&update, genesis);
    service.call(method::ISSUER_PUBLISH, IssuerPublish::from(&SignedUpdate { update, signature })).await
}

/// Where the updates of an instance stand at a node that keeps it: the next one has the number after `sequence`.
pub async fn issuer_feed(service: &ServiceClient, instance: InstanceId) -> Result<FeedState, Error> {
    service.call(method::ISSUER_FEED, IssuerFeed { instance: instance.into() }).await
}
