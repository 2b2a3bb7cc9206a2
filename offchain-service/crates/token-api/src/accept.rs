//! Accepting connections, encrypted or not, all of it bounded.

use std::{sync::Arc, time::Duration};

use jsonrpsee::server::{serve_with_graceful_shutdown, HttpBody, HttpRequest, HttpResponse, StopHandle};
use tokio::{
    net::TcpListener,
    sync::{watch, OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

use crate::tls::Certificate;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many TLS handshakes are under way at once; who comes then is turned away, before it costs a signature.
const HANDSHAKES: usize = 128;
/// After this time without a request a connection is closed, so that its place is free for others. Upgraded ones have jsonrpsee's limits.
const IDLE: Duration = Duration::from_secs(120);
/// The pause after the system could not give a connection, as when it is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts at most so many connections at a time until it is stopped, and serves each with a service that `service` makes.
pub(crate) async fn run<S>(
    listener: TcpListener,
    mut certificate: Option<Certificate>,
    max_connections: u32,
    stop: StopHandle,
    service: impl Fn() -> S,
) where
    S: Service<HttpRequest, Response = HttpResponse, Error: Into<jsonrpsee::core::BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let connections = Arc::new(Semaphore::new(max_connections as usize));
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let stopped = stop.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => return,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(e) => {
                tracing::debug!(error = %e, "could not accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Who is turned away sees a closed connection.
        let Ok(permit) = connections.clone().try_acquire_owned() else { continue };
        if socket.set_nodelay(true).is_err() {
            continue;
        }
        let (service, stop) = (service(), stop.clone());
        match &mut certificate {
            None => drop(tokio::spawn(serve(socket, service, stop, permit))),
            Some(certificate) => {
                let Ok(handshake) = handshakes.clone().try_acquire_owned() else { continue };
                let acceptor = certificate.acceptor().await;
                tokio::spawn(async move {
                    let encrypted = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await;
                    drop(handshake);
                    if let Ok(Ok(encrypted)) = encrypted {
                        serve(encrypted, service, stop, permit).await;
                    }
                });
            }
        }
    }
}

async fn serve<I, S>(io: I, service: S, stop: StopHandle, _permit: OwnedSemaphorePermit)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    S: Service<HttpRequest, Response = HttpResponse, Error: Into<jsonrpsee::core::BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let at_work = watch::Sender::new(0);
    let requests = at_work.subscribe();
    let service = tower::service_fn(move |request: http::Request<_>| {
        let (mut service, request_at_work) = (service.clone(), AtWork::new(&at_work));
        async move {
            let _at_work = request_at_work;
            service.call(request.map(HttpBody::new)).await
        }
    });
    tokio::select! {
        served = serve_with_graceful_shutdown(io, service, stop.shutdown()) => {
            if let Err(e) = served {
                tracing::debug!(error = %e, "a connection ended badly");
            }
        }
        () = idle(requests, IDLE) => {}
    }
}

/// A request that is worked on, counted until it is dropped.
struct AtWork(watch::Sender<usize>);

impl AtWork {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count = count.saturating_add(1));
        Self(count.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Waits until no request was worked on for so long; for ever if there can be no more requests.
async fn idle(mut requests: watch::Receiver<usize>, time: Duration) {
    while requests.wait_for(|count| *count == 0).await.is_ok() {
        match tokio::time::timeout(time, requests.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => break,
            Err(_) => return,
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_idle_only_while_nothing_is_worked_on() {
        let count = watch::Sender::new(0);
        let request = AtWork::new(&count);
        let mut waiting = Box::pin(idle(count.subscribe(), Duration::from_millis(1)));
        assert!(futures::poll!(&mut waiting).is_pending());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(request);
        waiting.await;
    }
}
