//! Accepting connections, encrypted or not, all of it bounded.

use std::{
    sync::{
        atomic::{AtomicU64, AtomicUsize, Ordering},
        Arc,
    },
    time::Duration,
};

use jsonrpsee::server::{serve_with_graceful_shutdown, HttpResponse, StopHandle};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tower::Service;

use crate::tls::Certificate;

type Request = http::Request<hyper::body::Incoming>;

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
    S: Service<Request, Response = HttpResponse, Error: Into<jsonrpsee::core::BoxError>, Future: Send>
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
    S: Service<Request, Response = HttpResponse, Error: Into<jsonrpsee::core::BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let activity = Arc::new(Activity::new());
    let requests = activity.clone();
    let service = tower::service_fn(move |request: Request| {
        let (answered, at_work) = (service.clone().call(request), AtWork::new(&activity));
        async move {
            let _at_work = at_work;
            answered.await
        }
    });
    tokio::select! {
        served = serve_with_graceful_shutdown(io, service, stop.shutdown()) => {
            if let Err(e) = served {
                tracing::debug!(error = %e, "a connection ended badly");
            }
        }
        () = idle(&requests, IDLE) => {}
    }
}

/// Whether requests of a connection are worked on, and when the last one was. Nobody is woken when that changes: that would cost as much as
/// a small request.
struct Activity {
    requests: AtomicUsize,
    since: Instant,
    /// When the last request ended, in milliseconds since `since`.
    ended: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { requests: AtomicUsize::new(0), since: Instant::now(), ended: AtomicU64::new(0) }
    }

    /// How long nothing was worked on; nothing while something is.
    fn quiet(&self) -> Option<Duration> {
        let ended = Duration::from_millis(self.ended.load(Ordering::SeqCst));
        (self.requests.load(Ordering::SeqCst) == 0).then(|| self.since.elapsed().saturating_sub(ended))
    }
}

/// A request that is worked on, until it is dropped.
struct AtWork(Arc<Activity>);

impl AtWork {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.requests.fetch_add(1, Ordering::SeqCst);
        Self(activity.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.ended.store(now, Ordering::SeqCst);
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until no request was worked on for so long.
async fn idle(activity: &Activity, time: Duration) {
    loop {
        let quiet = activity.quiet().unwrap_or_default();
        if quiet >= time {
            return;
        }
        tokio::time::sleep(time - quiet).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_idle_only_while_nothing_is_worked_on() {
        let count = Arc::new(Activity::new());
        let request = AtWork::new(&count);
        let mut waiting = Box::pin(idle(&count, Duration::from_millis(1)));
        assert!(futures::poll!(&mut waiting).is_pending());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(request);
        waiting.await;
    }
}
