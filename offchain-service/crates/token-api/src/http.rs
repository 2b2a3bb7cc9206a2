//! One port for HTTP and WebSocket: jsonrpsee serves JSON-RPC, and a layer in front of it takes payments.
//!
//! `GET /health` says that the node runs, `GET /ready` whether it can do its work.
//!
//! The layer looks at POST bodies only. A request of a paid method, or a batch with one, never reaches jsonrpsee: it is priced, its
//! payment taken, and the answer's bytes are built here, because the receipt signs exactly those bytes. Everything else passes through.
//! Behind jsonrpsee's parser [`crate::inband`] answers paid methods whose payments are in their parameters, as over WebSocket; jsonrpsee
//! itself knows no paid method, so that no way around the two serves them unpaid.
//!
//! In front of all of it, [`Front`] answers what costs nothing and was answered a moment ago: see [`crate::answers`].

use std::{
    borrow::Cow,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{header, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use jsonrpsee::{
    core::BoxError,
    server::{
        middleware::rpc::RpcServiceBuilder, stop_channel, BatchRequestConfig, HttpBody, HttpRequest, HttpResponse,
        Methods, RpcModule, Server, ServerConfig, ServerHandle,
    },
    types::ErrorObjectOwned,
};
use serde::Deserialize;
use serde_json::{value::RawValue, Value};
use smartlayer_api_types::{
    inband,
    rpc::{self, Outcome, Version},
    x402, ApiError, ErrorCode,
};
use smartlayer_primitives::promise::call_hash;
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    accept,
    answers::Key,
    config::{Class, RpcConfig},
    inband::InBandLayer,
    methods,
    node::Node,
    paid::Asked,
    ready,
    tls::Certificate,
};

/// Starts to listen; stops when the handle is stopped or dropped. Returns the address that it listens on.
pub(crate) async fn listen(node: Arc<Node>) -> std::io::Result<(std::net::SocketAddr, ServerHandle)> {
    let config = node.config.rpc.clone();
    let server_config = ServerConfig::builder()
        .max_request_body_size(config.max_request_bytes)
        .max_response_body_size(config.max_response_bytes)
        .max_connections(config.max_connections)
        .set_batch_request_config(BatchRequestConfig::Limit(config.max_batch))
        .build();
    let layers = tower::ServiceBuilder::new().layer(cors(&config)).layer(PaymentLayer { node: node.clone() });
    let in_band = RpcServiceBuilder::new().layer(InBandLayer { node: node.clone() });
    let services = Server::builder()
        .set_config(server_config)
        .set_http_middleware(layers)
        .set_rpc_middleware(in_band)
        .to_service_builder();
    let certificate = match config.tls {
        Some(files) => Some(Certificate::load(files).await?),
        None => None,
    };
    let listener = TcpListener::bind(config.listen).await?;
    let address = listener.local_addr()?;
    let (stop, handle) = stop_channel();
    let (front, methods, stopping) = (node.clone(), Methods::from(module(node)), stop.clone());
    let service = move || {
        let rest = services.clone().build(methods.clone(), stopping.clone());
        Front { node: front.clone(), rest: Arc::new(rest) }
    };
    tokio::spawn(accept::run(listener, certificate, config.max_connections, stop, service));
    Ok((address, handle))
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
    let registered = module.register_subscription(
        rpc::method::TOKEN_SUBSCRIBE,
        rpc::method::TOKEN_CHANGE,
        rpc::method::TOKEN_UNSUBSCRIBE,
        |params, pending, node, _| async move {
            let params = params.parse::<Option<Value>>();
            let params = params.map_err(|e| ApiError::new(ErrorCode::InvalidParams, e.message().to_owned()));
            methods::subscribe::serve((*node).clone(), pending, params, error_object).await
        },
    );
    registered.expect("the names differ; qed");
    module
}

fn error_object(error: ApiError) -> ErrorObjectOwned {
    let object = error.to_object();
    ErrorObjectOwned::owned(object.code, object.message, object.data)
}

/// Answers small requests of clients that are no browsers, if they cost nothing and were answered a moment ago; hands everything else on.
/// Most of what a request costs otherwise is what `rest` makes anew for each.
struct Front<S> {
    node: Arc<Node>,
    rest: Arc<S>,
}

impl<S> Clone for Front<S> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), rest: self.rest.clone() }
    }
}

/// The longest request that is looked at before the rest, in bytes.
const MAX_QUICK_BYTES: u64 = 4096;

impl<S> Front<S> {
    /// Whether the request may be one of a free query.
    fn may_be_quick(&self, request: &http::Request<Incoming>) -> bool {
        let headers = request.headers();
        let others = [header::ORIGIN.as_str(), header::UPGRADE.as_str(), x402::PAYMENT_SIGNATURE];
        self.node.config.prices.of(Class::Query) == 0
            && request.method() == Method::POST
            && request.body().size_hint().exact().is_some_and(|bytes| bytes <= MAX_QUICK_BYTES)
            && !others.iter().any(|name| headers.contains_key(*name))
    }
}

impl<S> Service<http::Request<Incoming>> for Front<S>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // jsonrpsee's service always is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        if !self.may_be_quick(&request) {
            let rest = S::clone(&self.rest);
            return Box::pin(rest.oneshot(request.map(HttpBody::new)));
        }
        let Self { node, rest } = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            if let Some(answer) = Call::parse(&body).ok().and_then(|call| kept(&node, &call)) {
                return Ok(answer.into_response());
            }
            let body = HttpBody::new(http_body_util::Full::new(body));
            S::clone(&rest).oneshot(HttpRequest::from_parts(parts, body)).await
        })
    }
}

/// The answer to a call that costs nothing and was answered a moment ago.
fn kept(node: &Node, call: &Call) -> Option<Answer> {
    if node.config.prices.of(Class::Query) > 0 || node.paid_calls.is_closed() {
        return None;
    }
    check_id(&call.id).ok()?;
    let kept = node.answers.get(node, &Key::new(call.method, call.params.as_ref())?)?;
    let body = success(&call.id, &kept.result);
    if body.len() > node.config.rpc.max_response_bytes as usize {
        return None;
    }
    node.metrics.call(call.method, None);
    Some(Answer { status: 200, body, headers: Vec::new() })
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
        if request.method() == Method::GET {
            let answer = match request.uri().path() {
                "/health" => Some((200, serde_json::json!({ "running": true }))),
                "/ready" => Some(ready::Readiness::of(&self.node).answer()),
                _ => None,
            };
            if let Some((status, value)) = answer {
                let answer = Answer { status, body: value.to_string().into(), headers: Vec::new() };
                return Box::pin(std::future::ready(Ok(answer.into_response())));
            }
        }
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
            let payment = parts.headers.get(x402::PAYMENT_SIGNATURE).cloned();
            let asked = payable(&node, &body, payment.is_some());
            if let (Ok(Some(Asking::One(call))), None) = (&asked, &payment) {
                if let Some(answer) = kept(&node, call) {
                    return Ok(answer.into_response());
                }
            }
            match asked {
                Ok(None) => {
                    let body = HttpBody::new(http_body_util::Full::new(body));
                    inner.call(HttpRequest::from_parts(parts, body)).await
                }
                Ok(Some(asked)) => {
                    let payment = payment.map(|header| Bytes::copy_from_slice(header.as_bytes()));
                    Ok(serve(node, asked.bound_to(&body), payment).await.into_response())
                }
                Err(error) => Ok(Answer::error(Value::Null, &error).into_response()),
            }
        })
    }
}

/// A request by itself, or a batch.
enum Asking {
    One(Call),
    Many(Vec<Result<Call, ApiError>>),
}

impl Asking {
    /// With what a promise for it binds.
    fn bound_to(self, body: &[u8]) -> Asked {
        let hash = call_hash(body);
        match self {
            Self::One(call) => Asked { hash, requests: vec![Ok(call)], batch: false },
            Self::Many(requests) => Asked { hash, requests, batch: true },
        }
    }
}

/// A request, its parameters as they came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// A number, a string or null.
    pub id: Value,
    /// As this program has it; `unknown` if there is no such method.
    pub method: &'static str,
    /// JSON; nothing if there are none.
    pub params: Option<Bytes>,
}

impl Call {
    /// Reads a request. Parameters are only looked at as far as their end has to be found.
    fn parse(bytes: &Bytes) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Request<'a> {
            #[serde(rename = "jsonrpc")]
            _version: Version,
            id: Value,
            #[serde(borrow)]
            method: Cow<'a, str>,
            #[serde(borrow, default)]
            params: Option<&'a RawValue>,
        }
        let request = serde_json::from_slice::<Request<'_>>(bytes);
        let request = request.map_err(|e| ApiError::new(ErrorCode::InvalidRequest, e.to_string()))?;
        let params = request.params.map(|params| bytes.slice_ref(params.get().as_bytes()));
        Ok(Self { id: request.id, method: methods::name(&request.method), params })
    }

    fn pays_in_band(&self) -> bool {
        let payment = |params: &Bytes| {
            // Most have no such name anywhere in them.
            params.windows(inband::PAYMENT.len()).any(|at| at == inband::PAYMENT.as_bytes())
                && serde_json::from_slice::<Value>(params).is_ok_and(|params| params.get(inband::PAYMENT).is_some())
        };
        self.params.as_ref().is_some_and(payment)
    }
}

/// What a body asks for, if that can cost something. Requests with payments in their parameters are another's, see [`crate::inband`].
fn payable(node: &Node, body: &Bytes, has_header: bool) -> Result<Option<Asking>, ApiError> {
    let pays_in_band = |call: &Call| !has_header && call.pays_in_band();
    if body.trim_ascii_start().first() == Some(&b'[') {
        // What does not parse here is none of ours.
        let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(body) else { return Ok(None) };
        let parse = |element: &RawValue| {
            let call = Call::parse(&body.slice_ref(element.get().as_bytes()))?;
            check_id(&call.id)?;
            Ok(call)
        };
        let requests: Vec<_> = elements.into_iter().map(parse).collect();
        let payable: Vec<_> = requests.iter().flatten().filter(|call| methods::is_payable(call.method)).collect();
        if payable.is_empty() || payable.iter().any(|call| pays_in_band(call)) {
            return Ok(None);
        }
        let max = node.config.rpc.max_batch as usize;
        if requests.len() > max {
            return Err(ApiError::new(ErrorCode::BatchTooLarge, format!("a batch has at most {max} requests")));
        }
        return Ok(Some(Asking::Many(requests)));
    }
    match Call::parse(body) {
        Ok(call) if methods::is_payable(call.method) && !pays_in_band(&call) => {
            check_id(&call.id)?;
            Ok(Some(Asking::One(call)))
        }
        _ => Ok(None),
    }
}

fn check_id(id: &Value) -> Result<(), ApiError> {
    match id {
        Value::Number(_) | Value::String(_) | Value::Null => Ok(()),
        _ => Err(ApiError::new(ErrorCode::InvalidRequest, "id is a number, a string or null")),
    }
}

/// How long a request waits for others to end when as many are worked on as this node takes on.
const PATIENCE: Duration = Duration::from_secs(1);

/// Works in a task of its own: a client that hangs up does not interrupt what it paid for.
pub(crate) async fn serve(node: Arc<Node>, asked: Asked, payment: Option<Bytes>) -> Answer {
    let id = asked.id();
    let most = u32::try_from(node.config.rpc.max_paid_calls).unwrap_or(u32::MAX);
    let calls = u32::try_from(asked.payable()).unwrap_or(u32::MAX).min(most);
    // A few batches are all that is worked on at once: who comes then waits, in a line as long as there are connections.
    let permits = match tokio::time::timeout(PATIENCE, node.paid_calls.clone().acquire_many_owned(calls)).await {
        Ok(Ok(permits)) => permits,
        Ok(Err(_)) => return Answer::error(id, &ErrorCode::ShuttingDown.into()),
        Err(_) => return Answer::error(id, &ErrorCode::Overloaded.into()),
    };
    let tasks = node.tasks.clone();
    let work = tasks.spawn(async move {
        let _permits = permits;
        crate::paid::answer(&node, asked, payment.as_deref()).await
    });
    work.await.unwrap_or_else(|_| Answer::error(id, &ErrorCode::Internal.into()))
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
        let body = failure(id, error);
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

/// The bytes of a JSON-RPC answer with this result, which is JSON.
pub(crate) fn success(id: &Value, result: &[u8]) -> Bytes {
    let id = id.to_string();
    let mut body = Vec::with_capacity(result.len() + id.len() + 40);
    for part in [br#"{"jsonrpc":"2.0","id":"#, id.as_bytes(), br#","result":"#, result, b"}"] {
        body.extend_from_slice(part);
    }
    body.into()
}

/// The bytes of a JSON-RPC answer with this error.
pub(crate) fn failure(id: Value, error: &ApiError) -> Bytes {
    let outcome = Outcome::Error(error.to_object());
    let response = rpc::Response::<Value> { jsonrpc: Version::V2, id, outcome };
    serde_json::to_vec(&response).expect("values with string keys serialise; qed").into()
}
