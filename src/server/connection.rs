//! One connection from its first byte to its last: told apart, given to its protocol, asked to
//! finish when shutdown begins, dropped when the grace is over.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Limits;
use super::http2::Spawner;
use super::request::{Answering, HttpService};
use super::sniff::{Protocol, sniff};
use super::stall::StallGuard;
use super::{http1, http2};

/// Serves `stream` until it ends by itself, or until `spawner.end`.
pub(crate) async fn serve<S: HttpService>(
    stream: TcpStream,
    answering: Answering<S>,
    spawner: Spawner,
) {
    let peer = answering.peer;
    let end = spawner.end.clone();
    let whole = serve_protocol(stream, answering, spawner);
    if end.run_until_cancelled(whole).await.is_none() {
        tracing::debug!(%peer, "a connection was cut: shutdown waits no longer");
    }
}

async fn serve_protocol<S: HttpService>(
    stream: TcpStream,
    answering: Answering<S>,
    spawner: Spawner,
) {
    let peer = answering.peer;
    let limits: Arc<Limits> = Arc::clone(&answering.limits);
    let deadline = Instant::now() + limits.header_timeout;
    let mut stream = StallGuard::new(stream, limits.write_timeout);

    let sniffed = tokio::time::timeout_at(deadline, sniff(&mut stream));
    let protocol = match answering.closing.run_until_cancelled(sniffed).await {
        Some(Ok(Ok(protocol))) => protocol,
        Some(Ok(Err(error))) => return tracing::debug!(%peer, %error, "a connection failed"),
        Some(Err(_)) => return tracing::debug!(%peer, "nothing to tell the protocol by in time"),
        None => return,
    };
    let outcome = match protocol {
        Protocol::Http1(prefix) => http1::serve(stream, prefix, deadline, &limits, answering).await,
        Protocol::Http2(prefix) => {
            http2::serve(stream, prefix, deadline, &limits, spawner, answering).await
        }
        Protocol::Tls => {
            return tracing::debug!(%peer, "the peer speaks TLS, which is not enabled here");
        }
        Protocol::Closed => return,
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended with an error");
    }
}
