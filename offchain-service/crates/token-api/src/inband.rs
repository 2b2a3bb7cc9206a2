//! Payments in the parameters, as over WebSocket: see [`smartlayer_api_types::inband`].

use std::{borrow::Cow, future::Future, sync::Arc};

use jsonrpsee::{
    core::server::BatchResponseBuilder,
    server::middleware::rpc::{Batch, BatchEntry, Notification, Request, RpcServiceT},
    types::{ErrorObject, Id},
    MethodResponse, ResponsePayload,
};
use serde_json::{value::RawValue, Value};
use smartlayer_api_types::{
    inband::{self, Carrier, RawError, PAYMENT, PAYMENT_REQUIRED},
    x402, ApiError, ErrorCode,
};
use smartlayer_primitives::promise::call_hash;
use tower::Layer;

use crate::{
    http::{self, Answer, Call},
    methods,
    node::Node,
    paid::Asked,
};

/// See [`InBand`].
#[derive(Clone)]
pub(crate) struct InBandLayer {
    pub node: Arc<Node>,
}

impl<S> Layer<S> for InBandLayer {
    type Service = InBand<S>;

    fn layer(&self, inner: S) -> InBand<S> {
        InBand { inner, node: self.node.clone() }
    }
}

/// Answers paid methods with payments in their parameters; hands everything else on.
#[derive(Clone)]
pub(crate) struct InBand<S> {
    inner: S,
    node: Arc<Node>,
}

impl<S> RpcServiceT for InBand<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Self { inner, node } = self.clone();
        async move {
            match methods::is_payable(request.method_name()) {
                true => call(node, request).await,
                false => inner.call(request).await,
            }
        }
    }

    /// Each request by itself and in order, so that several may be paid from one session.
    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let mut answers = BatchResponseBuilder::new_with_limit(this.node.config.rpc.max_response_bytes as usize);
            let mut notified = false;
            for entry in batch {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => this.call(request).await,
                    Ok(BatchEntry::Notification(notification)) => {
                        notified = true;
                        let _ = this.notification(notification).await;
                        continue;
                    }
                    Err(e) => {
                        let (error, id) = e.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
            match answers.is_empty() && notified {
                true => MethodResponse::notification(),
                false => MethodResponse::from_batch(answers.finish()),
            }
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

async fn call(node: Arc<Node>, request: Request<'_>) -> MethodResponse {
    let id = request.id.clone();
    // The answer is within this already; what is added is a header's value or two.
    let limit = (node.config.rpc.max_response_bytes as usize).saturating_add(2 * x402::MAX_HEADER_BYTES);
    let answer = match asked(&request) {
        Ok((asked, payment)) => http::serve(node, asked, payment.map(|p| p.into_bytes().into())).await,
        Err(e) => Answer::error(Value::Null, &e),
    };
    respond(id.clone(), &answer, limit).unwrap_or_else(|| {
        let object = ApiError::from(ErrorCode::Internal).to_object();
        MethodResponse::error(id, ErrorObject::owned(object.code, object.message, object.data))
    })
}

/// What the request asks for, and the payment in it.
fn asked(request: &Request<'_>) -> Result<(Asked, Option<String>), ApiError> {
    let params = request.params.as_ref().map_or("{}", |params| params.get());
    let (params, payment) = match inband::detach(params, PAYMENT) {
        Some((params, payment)) => (Cow::Owned(params), Some(payment)),
        None => (Cow::Borrowed(params), None),
    };
    let invalid = |e: serde_json::Error| ApiError::new(ErrorCode::InvalidParams, e.to_string());
    let id = serde_json::to_value(&request.id).map_err(invalid)?;
    let bytes = inband::request_bytes(&id, request.method_name(), &params);
    let params = Some(params.into_owned().into());
    let call = Call { id, method: methods::name(request.method_name()), params };
    Ok((Asked { hash: call_hash(bytes.as_bytes()), requests: vec![Ok(call)], batch: false }, payment))
}

/// The answer with the headers' values as members.
fn respond(id: Id<'_>, answer: &Answer, limit: usize) -> Option<MethodResponse> {
    let header = |name: &str| answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
    let members = [
        (PAYMENT_REQUIRED, header(x402::PAYMENT_REQUIRED)),
        // The last.
        (PAYMENT, header(x402::PAYMENT_RESPONSE)),
    ];
    let add = |object: &RawValue| {
        let mut text = object.get().to_owned();
        for (member, value) in members {
            if let Some(value) = value {
                text = inband::attach(&text, member, value)?;
            }
        }
        RawValue::from_string(text).ok()
    };
    let carrier: Carrier<'_> = serde_json::from_slice(&answer.body).ok()?;
    match carrier {
        Carrier { result: Some(result), .. } => {
            Some(MethodResponse::response(id, ResponsePayload::success(add(result)?), limit))
        }
        Carrier { error: Some(RawError { code, message, data }), .. } => {
            let data = data.map(add)?;
            Some(MethodResponse::error(id, ErrorObject::owned(code, message, data)))
        }
        _ => None,
    }
}
