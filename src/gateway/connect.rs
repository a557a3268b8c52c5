//! One connection to the upstream, with or without TLS.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::future::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::error::UpstreamError;
use crate::config::UpstreamAddress;
use crate::gather::Gather;
use crate::log::with_causes;
use crate::tls::ClientTls;

/// Anything that bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Sends requests over one connection. Cloning shares it.
pub(super) type Sender = SendRequest<Body>;

/// Runs what hyper does for a connection beside its driver, such as sending what is left of a body
/// that nobody reads; it would go on with the connection for ever.
#[derive(Debug, Clone)]
struct Tasks(CancellationToken);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        // Not in an async block: it would hold the task twice more, and each call has one.
        tokio::spawn(task.with_cancellation_token_owned(self.0.clone()));
    }
}

/// What has to be polled for as long as the connection is used.
pub(super) type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// How the upstream is reached.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) address: UpstreamAddress,
    pub(super) tls: ClientTls,
    /// How long it may take until HTTP/2 is spoken.
    pub(super) timeout: Duration,
}

/// What the upstream may send of one answer before we have passed it on.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same of all answers of a connection together: as much as there can be, so that callers who
/// do not take theirs never stop those of others. How long they may is bounded elsewhere.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Calls that were given up and of which parts may still come. They are remembered for a while and
/// counted for ever, by default few enough that callers in a hurry could end the connection.
const MOST_FORGOTTEN: usize = 10_000;
/// Bytes of a request that wait for the upstream to take them.
const SEND_BUFFER: usize = 256 << 10;
/// Largest metadata that the upstream may answer with.
const MOST_HEADERS: u32 = 64 << 10;

/// The system asks an upstream that has been silent whether it is still there, and gives up what
/// it does not take. HTTP/2's own pings are not used: servers of gRPC end connections that ping
/// them more often than they like, which is every five minutes for some.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
/// How long bytes may stay unacknowledged, in milliseconds.
const MOST_UNACKNOWLEDGED: u32 = 60_000;

impl Connector {
    /// Connects. Everything about the connection ends with `ending`, whatever goes on over it.
    ///
    /// # Errors
    /// The upstream cannot be reached.
    pub(super) async fn connect(
        &self,
        ending: CancellationToken,
    ) -> Result<(Sender, Driver), UpstreamError> {
        match tokio::time::timeout(self.timeout, self.open(ending)).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(detail)) => Err(UpstreamError::Unreachable(detail)),
            Err(_) => {
                let detail = format!("no connection after {:?}", self.timeout);
                Err(UpstreamError::Unreachable(detail))
            }
        }
    }

    async fn open(&self, ending: CancellationToken) -> Result<(Sender, Driver), String> {
        let UpstreamAddress { tls, host, port } = &self.address;
        let tcp = TcpStream::connect((host.as_str(), *port)).await.map_err(text)?;
        keep_alive(&tcp).map_err(text)?;
        let stream: Box<dyn Stream> = if *tls {
            // Read for each connection: certificates are renewed while we run.
            let files = self.tls.clone();
            let loaded = tokio::task::spawn_blocking(move || files.load()).await.map_err(text)?;
            let config = loaded.map_err(text)?;
            let name = ServerName::try_from(host.clone()).map_err(text)?;
            Box::new(TlsConnector::from(config).connect(name, tcp).await.map_err(text)?)
        } else {
            Box::new(tcp)
        };
        let handshake = Builder::new(Tasks(ending))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(MOST_HEADERS)
            .max_concurrent_reset_streams(MOST_FORGOTTEN)
            .max_local_error_reset_streams(None)
            .handshake(TokioIo::new(Gather::new(stream)));
        let (sender, connection) = handshake.await.map_err(|error| with_causes(&error))?;
        Ok((sender, Box::pin(connection)))
    }
}

fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(tcp, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(tcp, KEEPALIVE_PROBES)?;
    sockopt::set_tcp_user_timeout(tcp, MOST_UNACKNOWLEDGED)?;
    Ok(())
}

fn text(error: impl std::error::Error) -> String {
    with_causes(&error)
}
