//! Binds the addresses and accepts connections; an error of `accept` never ends the loop, since
//! that would end the service for everybody because of one peer or a full descriptor table.
//! What is done with a connection is left to `connection.rs`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::StartError;
use crate::config::ListenAddress;

/// Pause after an error that the next `accept` would most likely meet again: long enough not
/// to burn a core, short enough that nobody notices once descriptors are free.
const PAUSE: Duration = Duration::from_millis(100);
/// At most one log line about failing accepts in this time.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Where connections come from: a [`TcpListener`], or a stand-in that fails on purpose.
pub trait Accept: Send + 'static {
    /// The next connection and its peer. An error concerns this attempt only: the caller asks
    /// again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }
}

/// Binds every address, all or none; one that is optional may be missing on this machine. If the
/// second half of `localhost` has port 0, it takes the port that the first half was given.
///
/// # Errors
/// The first address that cannot be bound, with the system's reason.
pub async fn bind_all(addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    for listen in addresses {
        let mut address = listen.address;
        if listen.optional && address.port() == 0 {
            let first = listeners.last().and_then(|listener| listener.local_addr().ok());
            address.set_port(first.map_or(0, |first| first.port()));
        }
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(source) if listen.optional && is_absent(&source) && !listeners.is_empty() => {
                tracing::debug!(%address, error = %source, "this machine has no such address");
            }
            Err(source) => return Err(StartError::Bind { address, source }),
        }
    }
    Ok(listeners)
}

/// The machine has no such address, or not this version of IP.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

/// Accepts for ever and hands each connection to `serve`, which must not block.
pub(crate) async fn accept_loop<L: Accept>(
    mut listener: L,
    mut serve: impl FnMut(TcpStream, SocketAddr) + Send,
) {
    let mut warner = Warner::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small; waiting for more to send would only delay them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
                }
                serve(stream, peer);
                // Those who have to give way do so before there are even more.
                tokio::task::yield_now().await;
            }
            Err(error) if is_the_peers_fault(&error) => {
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                warner.warn(&error);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Errors of a connection that died in the queue: the next one is not affected.
fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Logs at most every [`WARN_EVERY`], with the number of errors since the last line.
#[derive(Default)]
struct Warner {
    last: Option<Instant>,
    count: u64,
}

impl Warner {
    fn warn(&mut self, error: &io::Error) {
        self.count += 1;
        let now = Instant::now();
        if self.last.is_none_or(|last| now.duration_since(last) >= WARN_EVERY) {
            tracing::warn!(
                %error,
                count = self.count,
                "cannot accept connections; trying again every 100 ms (if descriptors ran out, \
                 raise the limit of open files)"
            );
            self.last = Some(now);
            self.count = 0;
        }
    }
}
