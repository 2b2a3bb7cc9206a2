//! One port for HTTP and WebSocket: jsonrpsee serves JSON-RPC, and a layer in front of it takes payments.
//!
//! The layer looks at POST bodies only. A single request of a paid method never reaches jsonrpsee: it is priced, its payment
//! taken, and the answer's bytes are built here, because the receipt signs exactly those bytes. Everything else passes through,
//! and jsonrpsee knows the paid methods only as ones that refuse, so that no way around the layer serves them unpaid.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{header, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, HttpRequest, HttpResponse, RpcModule, Server, ServerConfig, ServerHandle},
    types::ErrorObjectOwned,
};
use serde_json::Value;
use smartlayer_api_types::{
    rpc::{self, Outcome, Version},
    x402, ApiError, ErrorCode,
};
use tokio::sync::TryAcquireError;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{config::RpcConfig, methods, node::Node};

/// Starts to listen; stops when the handle is stopped or dropped. Returns the address that it listens on.
pub(crate) async fn serve(node: Arc<Node>) -> std::io::Result<(std::net::SocketAddr, ServerHandle)> {
    let config = node.config.rpc.clone();
    let server_config = ServerConfig::builder()
        .max_request_body_size(config.max_request_bytes)
        .max_response_body_size(config.max_response_bytes)
        .max_connections(config.max_connections)
        .build();
    let layers = tower::ServiceBuilder::new().layer(cors(&config)).layer(PaymentLayer { node: node.clone() });
    let server = Server::builder().set_config(server_config).set_http_middleware(layers).build(config.listen).await?;
    let address = server.local_addr()?;
    Ok((address, server.start(module(node))))
}

/// Lets browsers call from the configured origins, send payments, and read what they are answered.
fn cors(config: &RpcConfig) -> CorsLayer {
    let any = config.cors_origins.iter().any(|o| o == "*");
    let listed = config.cors_origins.iter().filter_map(|o| HeaderValue::from_str(o).ok());
    let origins = if any { AllowOrigin::any() } else { AllowOrigin::list(listed) };
    let name = |name: &str| header::HeaderName::from_bytes(name.as_bytes()).expect("a valid header name; qed");
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE, name(x402::PAYMENT_SIGNATURE)])
        .expose_headers([name(x402::PAYMENT_REQUIRED), name(x402::PAYMENT_RESPONSE)])
}

/// The methods as jsonrpsee serves them, over HTTP and WebSocket.
fn module(node: Arc<Node>) -> RpcModule<Arc<Node>> {
    let mut module = RpcModule::new(node);
    for name in methods::FREE {
        let registered = module.register_async_method(name, move |params, node, _| async move {
            let outcome = match params.parse::<Option<Value>>() {
                Ok(params) => methods::free(&node, name, params).await,
                Err(e) => Err(ApiError::new(ErrorCode::InvalidParams, e.message().to_owned())),
            };
            node.metrics.call(name, outcome.as_ref().err().map(|e| e.code));
            outcome.map_err(error_object)
        });
        registered.expect("the names differ; qed");
    }
    for name in methods::PAID {
        let registered = module.register_method(name, |_, _, _| -> Result<Value, ErrorObjectOwned> {
            Err(error_object(ErrorCode::PaymentNeedsHttp.into()))
        });
        registered.expect("the names differ; qed");
    }
    module
}

fn error_object(error: ApiError) -> ErrorObjectOwned {
    let object = error.to_object();
    ErrorObjectOwned::owned(object.code, object.message, object.data)
}

/// See [`PaymentService`].
#[derive(Clone)]
struct PaymentLayer {
    node: Arc<Node>,
}

impl<S> Layer<S> for PaymentLayer {
    type Service = PaymentService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PaymentService { inner, node: self.node.clone() }
    }
}

/// Answers paid requests; hands everything else on.
#[derive(Clone)]
struct PaymentService<S> {
    inner: S,
    node: Arc<Node>,
}

impl<S> Service<HttpRequest> for PaymentService<S>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        if request.method() != Method::POST {
            return Box::pin(self.inner.call(request));
        }
        // The clone that was polled ready goes into the future.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let node = self.node.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let limit = node.config.rpc.max_request_bytes as usize;
            let body = match Limited::new(body, limit).collect().await {
                Ok(body) => body.to_bytes(),
                Err(e) if e.is::<http_body_util::LengthLimitError>() => {
                    let error = ApiError::new(ErrorCode::BodyTooLarge, format!("a request has at most {limit} bytes"));
                    return Ok(Answer::error(Value::Null, &error).into_response());
                }
                Err(e) => return Err(e),
            };
            match paid_request(&body) {
                Paid::No => {
                    let body = HttpBody::new(http_body_util::Full::new(body));
                    inner.call(HttpRequest::from_parts(parts, body)).await
                }
                Paid::InBatch => Ok(Answer::error(Value::Null, &ErrorCode::PaymentInBatch.into()).into_response()),
                Paid::Yes(request) => {
                    let payment = parts.headers.get(x402::PAYMENT_SIGNATURE).cloned();
                    Ok(serve_paid(node, body, request, payment).await)
                }
            }
        })
    }
}

/// Whether a body asks for something that is paid.
enum Paid {
    No,
    Yes(rpc::Request),
    InBatch,
}

fn paid_request(body: &[u8]) -> Paid {
    let is_paid = |request: &rpc::Request| methods::PAID.contains(&request.method.as_str());
    if body.trim_ascii_start().first() == Some(&b'[') {
        // What does not parse here is none of ours; in a batch jsonrpsee refuses paid methods by itself too.
        let batch: Vec<rpc::Request> = serde_json::from_slice(body).unwrap_or_default();
        return if batch.iter().any(is_paid) { Paid::InBatch } else { Paid::No };
    }
    match serde_json::from_slice::<rpc::Request>(body) {
        Ok(request) if is_paid(&request) => Paid::Yes(request),
        _ => Paid::No,
    }
}

/// Works in a task of its own: a client that hangs up does not interrupt what it paid for.
async fn serve_paid(node: Arc<Node>, body: Bytes, request: rpc::Request, payment: Option<HeaderValue>) -> HttpResponse {
    let id = request.id.clone();
    if !matches!(id, Value::Number(_) | Value::String(_) | Value::Null) {
        let error = ApiError::new(ErrorCode::InvalidRequest, "id is a number, a string or null");
        return Answer::error(Value::Null, &error).into_response();
    }
    let permit = match node.paid_calls.clone().try_acquire_owned() {
        Ok(permit) => permit,
        Err(e) => {
            let code = match e {
                TryAcquireError::Closed => ErrorCode::ShuttingDown,
                TryAcquireError::NoPermits => ErrorCode::Overloaded,
            };
            return Answer::error(id, &code.into()).into_response();
        }
    };
    let tasks = node.tasks.clone();
    let work = tasks.spawn(async move {
        let _permit = permit;
        crate::paid::answer(&node, &body, request, payment.as_ref().map(HeaderValue::as_bytes)).await
    });
    match work.await {
        Ok(answer) => answer.into_response(),
        Err(_) => Answer::error(id, &ErrorCode::Internal.into()).into_response(),
    }
}

/// An HTTP answer to a paid request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Bytes,
    /// Names and values of the x402 headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// A JSON-RPC error.
    pub fn error(id: Value, error: &ApiError) -> Self {
        let body = body(id, Outcome::Error(error.to_object()));
        Self { status: error.code.http_status(), body, headers: Vec::new() }
    }

    fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::new(HttpBody::new(http_body_util::Full::new(self.body)));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("base64 is a valid header value; qed");
            headers.insert(header::HeaderName::from_bytes(name.as_bytes()).expect("a valid name; qed"), value);
        }
        response
    }
}

/// The bytes of a JSON-RPC answer.
pub(crate) fn body(id: Value, outcome: Outcome) -> Bytes {
    let response = rpc::Response { jsonrpc: Version::V2, id, outcome };
    serde_json::to_vec(&response).expect("values with string keys serialise; qed").into()
}
