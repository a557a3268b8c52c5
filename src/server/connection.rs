//! One connection from its first byte to its last: decrypted if the port speaks TLS, told apart,
//! given to its protocol, asked to finish when shutdown begins, dropped when the grace is over.
//!
//! Each step is boxed: a connection that waits in one of them, as thousands may, holds no room for
//! the others, and none is moved with all its state.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Limits;
use super::handshake::{Agreed, Handshakes};
use super::http2::Spawner;
use super::request::{Answering, HttpService};
use super::sniff::{Protocol, sniff};
use super::stall::StallGuard;
use super::{http1, http2};

/// Serves `stream` until it ends by itself, has to give way to another one, or until
/// `spawner.end`.
pub(crate) async fn serve<S: HttpService>(
    stream: TcpStream,
    handshakes: Option<Handshakes>,
    answering: Answering<S>,
    spawner: Spawner,
) {
    let peer = answering.of.peer;
    let (end, seat) = (spawner.end.clone(), Arc::clone(&answering.of.seat));
    let whole = Box::pin(serve_socket(stream, handshakes, answering, spawner));
    let whole = seat.closed().run_until_cancelled(whole);
    match end.run_until_cancelled(whole).await {
        Some(Some(())) => {}
        Some(None) => tracing::debug!(%peer, "a connection had to give way to another one"),
        None => tracing::debug!(%peer, "a connection was cut: shutdown waits no longer"),
    }
}

async fn serve_socket<S: HttpService>(
    stream: TcpStream,
    handshakes: Option<Handshakes>,
    answering: Answering<S>,
    spawner: Spawner,
) {
    let peer = answering.of.peer;
    let limits = &answering.of.limits;
    // For all that comes before the first request, so that TLS makes nobody's time longer.
    let deadline = Instant::now() + limits.header_timeout;
    let Some(handshakes) = handshakes else {
        let stream = StallGuard::new(stream, limits.write_timeout);
        return Box::pin(serve_protocol(stream, Agreed::Nothing, deadline, answering, spawner))
            .await;
    };
    let accepting = Box::pin(handshakes.accept(stream, peer, limits.write_timeout));
    let accepting = tokio::time::timeout_at(deadline, accepting);
    match answering.of.closing.run_until_cancelled(accepting).await {
        Some(Ok(Some(stream))) => {
            let agreed = Agreed::of(&stream);
            Box::pin(serve_protocol(stream, agreed, deadline, answering, spawner)).await;
        }
        Some(Err(_)) => tracing::debug!(%peer, "no TLS handshake in time"),
        // It has been said why, or shutdown has begun.
        Some(Ok(None)) | None => {}
    }
}

async fn serve_protocol<T, S>(
    mut stream: T,
    agreed: Agreed,
    deadline: Instant,
    answering: Answering<S>,
    spawner: Spawner,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: HttpService,
{
    let peer = answering.of.peer;
    let limits: Arc<Limits> = Arc::clone(&answering.of.limits);

    let sniffed = tokio::time::timeout_at(deadline, sniff(&mut stream));
    let protocol = match answering.of.closing.run_until_cancelled(sniffed).await {
        Some(Ok(Ok(protocol))) => protocol,
        Some(Ok(Err(error))) => return tracing::debug!(%peer, %error, "a connection failed"),
        Some(Err(_)) => return tracing::debug!(%peer, "nothing to tell the protocol by in time"),
        None => return,
    };
    if !agreed.is_kept(&protocol) {
        return tracing::debug!(%peer, ?agreed, "the peer speaks another protocol than it agreed on");
    }
    let outcome = match protocol {
        Protocol::Http1(prefix) => {
            Box::pin(http1::serve(stream, prefix, deadline, &limits, answering)).await
        }
        Protocol::Http2(prefix) => {
            Box::pin(http2::serve(stream, prefix, deadline, &limits, spawner, answering)).await
        }
        Protocol::Tls => {
            return tracing::debug!(%peer, "the peer speaks TLS where plain text is expected");
        }
        Protocol::Closed => return,
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended with an error");
    }
}
