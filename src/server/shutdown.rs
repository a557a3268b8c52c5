//! Runs the listeners until told to stop, and then stops in order: no new connections, GOAWAY
//! and "connection: close" to those there are, streams without end cut at once, requests in
//! flight given their grace, the rest dropped.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::handshake::Handshakes;
use super::http2::Spawner;
use super::listener::{Accept, accept_loop};
use super::request::{Answering, Connection, HttpService};
use super::seats::Seats;
use super::unread::Unread;
use super::{BoxError, Limits, RequestBody, connection, panic};

/// Serves every connection of `listeners` with clones of `service` until `shutdown` is ready;
/// returns when every connection and every request is over, at the latest
/// [`Limits::shutdown_grace`] later. Dropping the future drops all of them.
///
/// Requests carry [`PeerAddr`](super::PeerAddr) and [`BodyDeadline`](super::BodyDeadline) in
/// their extensions; a response marked [`Endless`](super::Endless) is cut when shutdown begins.
/// Panics inside a request are logged by place only: this sets the process's panic hook, which
/// passes all others on to the one before.
pub async fn run<L, S, B>(
    listeners: Vec<L>,
    service: S,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) where
    L: Accept,
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    run_with(listeners, None, service, limits, shutdown).await;
}

/// As [`run`], over TLS if there are handshakes to do.
pub(crate) async fn run_with<L, S>(
    listeners: Vec<L>,
    handshakes: Option<Handshakes>,
    service: S,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) where
    L: Accept,
    S: HttpService,
{
    panic::install_hook();
    let grace = limits.shutdown_grace;
    let seats = Seats::new(limits.max_connections);
    let limits = Arc::new(limits);
    let closing = CancellationToken::new();
    let spawner = Spawner { tracker: TaskTracker::new(), end: CancellationToken::new() };
    // Whoever drops this future leaves no task behind.
    let _closing_guard = closing.clone().drop_guard();
    let _end_guard = spawner.end.clone().drop_guard();

    for listener in listeners {
        let (service, limits) = (service.clone(), Arc::clone(&limits));
        let handshakes = handshakes.clone();
        let (token, streams, seats) = (closing.clone(), spawner.clone(), seats.clone());
        let accepting = accept_loop(listener, move |stream, peer| {
            let Some(seat) = seats.take(peer.ip()) else { return };
            let of = Connection {
                peer,
                seat,
                limits: Arc::clone(&limits),
                closing: token.clone(),
                unread: Unread::default(),
            };
            let answering = Answering { service: service.clone(), of: Arc::new(of) };
            let serving = connection::serve(stream, handshakes.clone(), answering, streams.clone());
            streams.tracker.spawn(serving);
        });
        let token = closing.clone();
        spawner.tracker.spawn(async move { token.run_until_cancelled(accepting).await });
    }

    shutdown.await;
    closing.cancel();
    spawner.tracker.close();
    if tokio::time::timeout(grace, spawner.tracker.wait()).await.is_err() {
        let open = spawner.tracker.len();
        tracing::warn!(open, "shutdown waits no longer for requests in flight; they are cut");
        spawner.end.cancel();
        spawner.tracker.wait().await;
    }
}
