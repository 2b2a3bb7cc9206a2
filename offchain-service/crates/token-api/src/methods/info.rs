//! `node_info`: this node and how it stands.

use smartlayer_api_types::{
    rpc::{KeyOfferJson, NodeInfo},
    ApiError, HexBytes, Instance,
};

use crate::node::Node;

/// The most instances that are listed.
const MAX_LISTED: usize = 1000;

pub(super) async fn info(node: &Node) -> Result<NodeInfo, ApiError> {
    let (serving, shards) = node.data.kept();
    // While the chain is away it is not known, and the answer says that the chain is away.
    let agreement = node.chain.agreement(&node.account).await.ok().flatten();
    Ok(NodeInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        account: node.account.clone(),
        service_key: node.service_key.account(),
        peer_id: node.network.local_peer_id().to_string(),
        addresses: node.network.listen_addresses().iter().map(ToString::to_string).collect(),
        chain: node.chain.status().info(node.chain.genesis()),
        serving: serving.into_iter().take(MAX_LISTED).map(Instance::from).collect(),
        shards,
        agreement_active: agreement.is_some_and(|a| a.active_terms().is_some()),
        uptime_seconds: node.started.elapsed().as_secs(),
        key_offer: KeyOfferJson {
            public_key: HexBytes(node.seals.offer().offer.public_key.to_vec()),
            signature: (&node.seals.offer().signature).into(),
        },
    })
}
