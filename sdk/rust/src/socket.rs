//! A service over WebSocket: one request after the other, payments in the parameters.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt};
use rustls::{crypto::aws_lc_rs, ClientConfig};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use smartlayer_api_types::{
    inband::{self, Carrier, PAYMENT, PAYMENT_REQUIRED},
    x402::{self, PaymentPayload},
};
use tokio::{net::TcpStream, sync::Mutex};
use tokio_tungstenite::{
    tungstenite::{protocol::WebSocketConfig, Message},
    Connector, MaybeTlsStream, WebSocketStream,
};

use crate::{
    error::Error,
    service::{in_full, Answer, MAX_ANSWER},
};

/// How long connecting, or an answer, may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that is made when it is needed, and anew when it broke.
#[derive(Debug)]
pub(crate) struct Socket {
    url: String,
    connection: Mutex<Option<WebSocketStream<MaybeTlsStream<TcpStream>>>>,
}

impl Socket {
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), connection: Mutex::new(None) }
    }

    /// Sends one request, with a payment if there is one. `body` ends in its parameters, as [`crate::service::request`] makes it, and so
    /// is what a payment binds.
    pub async fn post(&self, body: &[u8], payment: Option<&PaymentPayload>) -> Result<Answer, Error> {
        let request = self.with_payment(body, payment)?;
        let mut slot = self.connection.lock().await;
        let started = Instant::now();
        // What fails half-way leaves no connection behind, on which the next answer would be another's.
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.within(self.connect()).await?,
        };
        let text = self.within(self.exchange(&mut connection, request)).await?;
        *slot = Some(connection);
        let latency = started.elapsed();
        self.answer(text, latency)
    }

    async fn connect(&self) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
        let config = WebSocketConfig::default().max_message_size(Some(MAX_ANSWER)).max_frame_size(Some(MAX_ANSWER));
        let secure = self.url.starts_with("wss:");
        let connector = if secure { self.encryption()? } else { Connector::Plain };
        let connected =
            tokio_tungstenite::connect_async_tls_with_config(&self.url, Some(config), true, Some(connector)).await;
        Ok(connected.map_err(|e| self.unreachable(in_full(&e)))?.0)
    }

    /// Named here, since there is no default where a program has several implementations of TLS built in.
    fn encryption(&self) -> Result<Connector, Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|e| self.unreachable(in_full(&e)))?;
        Ok(Connector::Rustls(Arc::new(config.with_no_client_auth())))
    }

    async fn exchange(
        &self,
        connection: &mut WebSocketStream<MaybeTlsStream<TcpStream>>,
        request: String,
    ) -> Result<String, Error> {
        connection.send(Message::text(request)).await.map_err(|e| self.unreachable(in_full(&e)))?;
        loop {
            match connection.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_))) | None => return Err(self.unreachable("the connection was closed".into())),
                // Pings are answered by themselves.
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(self.unreachable(in_full(&e))),
            }
        }
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let late = |_| self.unreachable(format!("no answer within {} s", TIMEOUT.as_secs()));
        tokio::time::timeout(TIMEOUT, work).await.map_err(late)?
    }

    fn with_payment(&self, body: &[u8], payment: Option<&PaymentPayload>) -> Result<String, Error> {
        let odd = || Error::Impossible("the parameters of a paid call are an object".into());
        let body = std::str::from_utf8(body).map_err(|_| odd())?;
        let Some(payment) = payment else { return Ok(body.to_owned()) };
        let (front, params) = body.split_once("\"params\":").ok_or_else(odd)?;
        let params = params.strip_suffix('}').ok_or_else(odd)?;
        let params = inband::attach(params, PAYMENT, &x402::encode_header(payment)).ok_or_else(odd)?;
        Ok(format!("{front}\"params\":{params}}}"))
    }

    /// Takes what is about payments out of the answer: what is left is what its receipt is of.
    fn answer(&self, text: String, latency: Duration) -> Result<Answer, Error> {
        let nonsense = |reason: String| Error::Nonsense { url: self.url.clone(), reason };
        let carrier: Carrier<'_> =
            serde_json::from_str(&text).map_err(|e| nonsense(format!("no JSON-RPC answer: {e}")))?;
        let object = carrier.result.or_else(|| carrier.error.as_ref().and_then(|e| e.data)).map(RawValue::get);
        let (mut body, mut required, mut settlement) = (text.clone(), None, None);
        if let Some(object) = object {
            let mut bare = object.to_owned();
            if let Some((rest, payment)) = inband::detach(&bare, PAYMENT) {
                (bare, settlement) = (rest, Some(self.decode(&payment)?));
            }
            if let Some((rest, asked)) = inband::detach(&bare, PAYMENT_REQUIRED) {
                (bare, required) = (rest, Some(self.decode(&asked)?));
            }
            // The object stands once in the answer, because payments are never the same.
            body = text.replacen(object, &bare, 1);
        }
        Ok(Answer { status: 200, body: body.into_bytes(), required, settlement, latency })
    }

    fn decode<T: DeserializeOwned>(&self, value: &str) -> Result<T, Error> {
        let failed = |e| Error::Nonsense { url: self.url.clone(), reason: format!("a payment: {e}") };
        x402::decode_header(value.as_bytes()).map_err(failed)
    }

    fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable { url: self.url.clone(), reason }
    }
}
