//! `GET /metrics`, `GET /health` and `GET /ready`.

use std::{net::SocketAddr, sync::Arc};

use axum::{extract::State, http::StatusCode, response::IntoResponse, routing::get, Json, Router};
use prometheus_client::{encoding::text::encode, registry::Registry};
use smartlayer_chain_client::ChainClient;
use smartlayer_token_api::Readiness;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Monitored {
    registry: Arc<Registry>,
    chain: ChainClient,
    /// Of a service node.
    readiness: Option<Readiness>,
}

/// Answers until `stop` is cancelled.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    chain: ChainClient,
    readiness: Option<Readiness>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let state = Monitored { registry: Arc::new(registry), chain, readiness };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(state);
    axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await
}

/// Binds, so that the port is known before anything runs.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn metrics(State(state): State<Monitored>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &state.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [("content-type", kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// 200 while the service runs and sees the chain; 503 while it does not see the chain.
async fn health(State(state): State<Monitored>) -> impl IntoResponse {
    let status = *state.chain.status().borrow();
    let code = if status.connected { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({
        "chainConnected": status.connected,
        "finalizedBlock": status.finalized.number,
        "secondsSinceSeen": status.last_seen.elapsed().as_secs(),
    });
    (code, Json(body))
}

/// 200 while the service can do its work, else 503 and what is missing. An anchor needs the chain.
async fn ready(State(state): State<Monitored>) -> impl IntoResponse {
    let (status, body) = match &state.readiness {
        Some(readiness) => readiness.answer(),
        None => {
            let status = *state.chain.status().borrow();
            let seconds = status.last_seen.elapsed().as_secs();
            let gone = (!status.connected).then(|| ("chain", format!("not connected, last seen {seconds} s ago")));
            Readiness::answer_of(gone.as_slice())
        }
    };
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body))
}
