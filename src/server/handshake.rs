//! From an accepted socket to an encrypted one. What does not speak TLS is told so, and never
//! served; what fails is logged so that an operator finds out why his clients cannot connect.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::Error;
use tokio_rustls::server::TlsStream;

use super::sniff::{Protocol, sniff};
use super::stall::StallGuard;
use crate::log::LogPace;
use crate::tls::ServerTls;

/// The type of the record that every handshake begins with.
const HANDSHAKE: u8 = 0x16;
/// What HTTP/1 is told that has not been encrypted.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain\r\n\
    content-length: 35\r\n\
    connection: close\r\n\
    \r\n\
    this port speaks TLS: use https://\n";
/// How much of a plain request is thrown away, and for how long at most: closing a socket with
/// unread bytes would eat the answer.
const LINGER_BYTES: u64 = 64 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// An encrypted connection.
pub(crate) type Encrypted = TlsStream<StallGuard<TcpStream>>;

/// What the client wants to speak, if it has said so (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreed {
    Nothing,
    Http1,
    Http2,
}

impl Agreed {
    pub(crate) fn of(stream: &Encrypted) -> Self {
        // Only what we offered can have been agreed on.
        match stream.get_ref().1.alpn_protocol() {
            None => Self::Nothing,
            Some(b"h2") => Self::Http2,
            Some(_) => Self::Http1,
        }
    }

    /// Whether the first bytes are what was agreed on.
    pub(crate) fn is_kept(self, protocol: &Protocol) -> bool {
        match (self, protocol) {
            (Self::Http1, Protocol::Http2(_)) | (Self::Http2, Protocol::Http1(_)) => false,
            (_, Protocol::Http1(_) | Protocol::Http2(_) | Protocol::Tls | Protocol::Closed) => true,
        }
    }
}

/// Does the handshakes of all connections.
#[derive(Debug, Clone)]
pub(crate) struct Handshakes {
    tls: Arc<ServerTls>,
    pace: Arc<LogPace>,
}

impl Handshakes {
    pub(crate) fn new(tls: Arc<ServerTls>) -> Self {
        Self { tls, pace: Arc::default() }
    }

    /// The encrypted connection, or nothing after it has been said why. The caller bounds the time.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        write_timeout: Duration,
    ) -> Option<Encrypted> {
        let mut first = [0];
        let peeked = stream.peek(&mut first).await;
        let stream = StallGuard::new(stream, write_timeout);
        let outcome = match peeked {
            Ok(0) => return None,
            Ok(_) if first == [HANDSHAKE] => {
                TlsAcceptor::from(self.tls.current()).accept(stream).await
            }
            Ok(_) => {
                tracing::debug!(%peer, "the peer does not speak TLS, which this port asks for");
                refuse_plain(stream).await;
                return None;
            }
            Err(error) => Err(error),
        };
        outcome.inspect_err(|error| self.tell(peer, error)).ok()
    }

    /// Says why a handshake failed: whoever runs the server has to hear of a client without a
    /// certificate, and nobody wants to hear of each peer that is gone.
    fn tell(&self, peer: SocketAddr, error: &io::Error) {
        let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        let Some(reason) = reason else {
            return tracing::debug!(%peer, %error, "a connection ended within its TLS handshake");
        };
        let Some(suppressed) = self.pace.admit() else {
            return tracing::debug!(%peer, %reason, "a TLS handshake failed");
        };
        let hint = match reason {
            Error::NoCertificatesPresented => {
                "the client has no certificate, which common.security.tlsMode 2 asks for"
            }
            Error::InvalidCertificate(_) => {
                "the client's certificate is not good, or of no authority in tls.caPemPath"
            }
            Error::AlertReceived(_) => "the client says that it does not take ours",
            Error::PeerIncompatible(_) => "the client offers nothing that is safe enough",
            _ => "the client does not follow TLS",
        };
        tracing::info!(%peer, %reason, suppressed, "a TLS handshake failed: {hint}");
    }
}

/// Tells HTTP/1 what is wrong; there are no words for it in HTTP/2 before its settings.
async fn refuse_plain(mut stream: StallGuard<TcpStream>) {
    if !matches!(sniff(&mut stream).await, Ok(Protocol::Http1(_))) {
        return;
    }
    // Whoever is gone needs no answer.
    if stream.write_all(NOT_TLS).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = stream.take(LINGER_BYTES);
        let mut nowhere = tokio::io::sink();
        let reading = tokio::io::copy(&mut rest, &mut nowhere);
        let _ = tokio::time::timeout(LINGER, reading).await;
    }
}
