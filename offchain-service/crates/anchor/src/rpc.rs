//! The anchor's JSON-RPC: placing instances, proofs, and how it is. HTTP and WebSocket on one port, `GET /health` beside them.

use std::{net::SocketAddr, sync::Arc};

use jsonrpsee::{
    server::{middleware::http::ProxyGetRequestLayer, RpcModule, Server, ServerConfig, ServerHandle},
    types::{ErrorObjectOwned, Params},
};
use serde::{de::DeserializeOwned, Serialize};
use smartlayer_api_types::{
    rpc::{method, AnchorInfo, AnchorProof, ChainInfo, Proof},
    ApiError, ErrorCode, HexBytes,
};
use smartlayer_primitives::{merkle::MerkleProof, payload::Payload, Hash, Period};

use crate::{place, publish, shared::Shared};

/// How many periods are searched for an operation whose period is not given.
const MAX_SEARCHED: usize = 32;

/// Starts to listen; stops when the handle is stopped or dropped.
pub(crate) async fn serve(shared: Arc<Shared>) -> std::io::Result<(SocketAddr, ServerHandle)> {
    let config = &shared.config.rpc;
    let server_config = ServerConfig::builder()
        .max_request_body_size(config.max_request_bytes)
        .max_response_body_size(4 << 20)
        .max_connections(config.max_connections)
        .build();
    let health = ProxyGetRequestLayer::new([("/health", "health")]).expect("the path starts with a slash; qed");
    let server = Server::builder()
        .set_config(server_config)
        .set_http_middleware(tower::ServiceBuilder::new().layer(health))
        .build(config.listen)
        .await?;
    let address = server.local_addr()?;
    Ok((address, server.start(module(shared))))
}

fn module(shared: Arc<Shared>) -> RpcModule<Arc<Shared>> {
    let mut module = RpcModule::new(shared);
    macro_rules! method {
        ($name:expr, |$shared:ident, $params:ident| $body:expr) => {
            let registered = module.register_async_method($name, |params, shared, _| async move {
                let $shared: &Arc<Shared> = &shared;
                let outcome = match parse(params) {
                    Ok($params) => $body,
                    Err(error) => Err(error),
                };
                outcome.map_err(error_object)
            });
            registered.expect("the names differ; qed");
        };
    }
    method!(method::ANCHOR_PLACE_INSTANCE, |shared, params| {
        // In a task of its own: an issuer that hangs up doesn't leave a placement half done.
        let shared = shared.clone();
        let placed = tokio::spawn(async move { place::place_instance(&shared, params).await }).await;
        placed.unwrap_or_else(|e| Err(ApiError::new(ErrorCode::Internal, e.to_string())))
    });
    method!(method::ISSUER_PUBLISH, |shared, params| publish::publish(shared, params).await);
    method!(method::ANCHOR_PROOF, |shared, params| proof(shared, params).await);
    module
        .register_async_method(method::ANCHOR_INFO, |_, shared, _| async move { info(&shared).map_err(error_object) })
        .expect("the names differ; qed");
    module
        .register_method("health", |_, shared, _| Ok::<_, ErrorObjectOwned>(health(shared)))
        .expect("the names differ; qed");
    module
}

fn parse<P: DeserializeOwned>(params: Params<'_>) -> Result<P, ApiError> {
    params.parse().map_err(|e: ErrorObjectOwned| {
        let detail = e.data().map(|data| format!(": {data}")).unwrap_or_default();
        ApiError::new(ErrorCode::InvalidParams, format!("{}{detail}", e.message()))
    })
}

fn error_object(error: ApiError) -> ErrorObjectOwned {
    let object = error.to_object();
    ErrorObjectOwned::owned(object.code, object.message, object.data)
}

/// The answer of `GET /health`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    chain_connected: bool,
    peers: usize,
}

fn health(shared: &Arc<Shared>) -> Health {
    Health { chain_connected: shared.chain.status().connected, peers: shared.network.peers().len() }
}

/// `anchor_info`.
fn info(shared: &Shared) -> Result<AnchorInfo, ApiError> {
    let status = shared.chain.status();
    let seconds = status.last_seen.elapsed().as_secs();
    let facts = shared.facts()?;
    Ok(AnchorInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        account: shared.account.clone(),
        key: shared.key.account(),
        peer_id: shared.network.local_peer_id().to_string(),
        addresses: shared.network.listen_addresses().iter().map(ToString::to_string).collect(),
        active: shared.is_active(&facts),
        period: facts.clock.period,
        next_to_commit: facts.next_to_commit,
        chain: ChainInfo {
            connected: status.connected,
            genesis: shared.genesis,
            finalized_block: status.finalized.number,
            seconds_since_seen: seconds,
            seconds_disconnected: (!status.connected).then_some(seconds),
        },
        uptime_seconds: shared.started.elapsed().as_secs(),
    })
}

/// `anchor_proof`.
async fn proof(shared: &Shared, wanted: AnchorProof) -> Result<Proof, ApiError> {
    match wanted {
        AnchorProof::Operation { instance, kind, period, hash } => {
            let periods = match period {
                Some(period) => vec![period],
                None => shared.data.periods_with(instance.into(), kind, MAX_SEARCHED).map_err(ApiError::from)?,
            };
            for period in periods {
                let Some((commitment, leaves)) = shared.committed(period).await? else { continue };
                let found = match &hash {
                    Some(hash) => leaves.prove_operation(&shared.genesis, hash),
                    None => leaves.prove_any(instance.into(), kind),
                };
                let found = found.filter(|(leaf, _)| leaf.did(instance.into(), kind));
                if let Some((leaf, proof)) = found {
                    return Ok(answer(period, commitment, leaf, &proof));
                }
            }
            let waits = match &hash {
                Some(hash) => shared.data.pending()?.iter().any(|p| p.operation.payload_hash(&shared.genesis) == *hash),
                None => false,
            };
            let message =
                if waits { "it waits for its period's commitment" } else { "no commitment kept here covers it" };
            Err(ApiError::new(ErrorCode::NotCommitted, message))
        }
        AnchorProof::Report { period, node } => {
            let committed = shared.committed(period).await?;
            let found = committed.as_ref().and_then(|(commitment, leaves)| {
                let (leaf, proof) = leaves.prove_report(&node)?;
                Some(answer(period, *commitment, leaf, &proof))
            });
            found.ok_or_else(|| {
                let message = match committed {
                    Some(_) => format!("the report of period {period} has no entry of {node}"),
                    None => format!("the commitment of period {period} is not kept here"),
                };
                ApiError::new(ErrorCode::NotCommitted, message)
            })
        }
    }
}

fn answer(period: Period, commitment: Hash, leaf: &impl codec::Encode, proof: &MerkleProof) -> Proof {
    Proof { period, commitment, leaf: HexBytes::of(leaf), proof: HexBytes::of(proof) }
}
