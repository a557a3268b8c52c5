//! One connection to one member, with or without TLS.
//!
//! Which member, when another, and what is said over it is left to `client.rs`.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::{EtcdIdentity, EtcdTls, StoreError};
use crate::log::with_causes;
use crate::tls::{ClientTls, Identity, TlsError};

/// Anything that bytes go through.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why nothing more could be read from a connection. HTTP says only that it was closed, also
/// where the other side had named its reason: that our certificate is missing, or not good.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<OnceLock<String>>);

impl Trouble {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// A stream that notes its trouble.
struct Noting(Box<dyn Stream>, Trouble);

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.1.0.get_or_init(|| error.to_string());
        }
        read
    }
}

impl AsyncWrite for Noting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// The times of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long it may take to connect.
    pub(super) connect: Duration,
    /// After how long without a sign the other side is asked for one, and how long it has for it.
    pub(super) keep_alive: Duration,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// Our own files are no good; another member would not help.
    Files(StoreError),
    /// The member cannot be reached.
    Network(String),
}

/// Connects to `host:port`.
pub(super) async fn connect(
    address: &str,
    tls: Option<&EtcdTls>,
    pace: Pace,
) -> Result<(Channel, Trouble), ConnectError> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    // Read for each connection: certificates are renewed while we run.
    let tls = match tls.cloned() {
        None => None,
        Some(tls) => Some(load(tls).await.map_err(ConnectError::Files)?),
    };
    let uri = format!("{scheme}://{address}")
        .parse::<Uri>()
        .map_err(|error| ConnectError::Network(format!("`{address}` is no address: {error}")))?;
    let endpoint = Endpoint::from(uri.clone())
        .origin(uri)
        .connect_timeout(pace.connect)
        .http2_keep_alive_interval(pace.keep_alive)
        .keep_alive_timeout(pace.keep_alive)
        .keep_alive_while_idle(true);
    let address = Arc::new(address.to_owned());
    let trouble = Trouble::default();
    let noted = trouble.clone();
    let connector = service_fn(move |_: Uri| {
        let (address, tls, noted) = (Arc::clone(&address), tls.clone(), noted.clone());
        async move { Ok::<_, io::Error>(TokioIo::new(Noting(open(&address, tls).await?, noted))) }
    });
    let connected = tokio::time::timeout(pace.connect, endpoint.connect_with_connector(connector));
    match connected.await {
        Ok(Ok(channel)) => Ok((channel, trouble)),
        Ok(Err(error)) => Err(ConnectError::Network(with_causes(&error))),
        Err(_) => Err(ConnectError::Network("it does not answer".to_owned())),
    }
}

async fn open(address: &str, tls: Option<Arc<ClientConfig>>) -> io::Result<Box<dyn Stream>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let Some(config) = tls else { return Ok(Box::new(tcp)) };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(config).connect(name, tcp).await?))
}

/// Reads the files where it may take its time.
async fn load(tls: EtcdTls) -> Result<Arc<ClientConfig>, StoreError> {
    let path = tls.ca.clone();
    let reading = tokio::task::spawn_blocking(move || client_config(&tls));
    reading.await.unwrap_or_else(|_| Err(unusable(&path, "reading it failed")))
}

fn client_config(tls: &EtcdTls) -> Result<Arc<ClientConfig>, StoreError> {
    let wanted = ClientTls {
        ca: Some(tls.ca.clone()),
        identity: tls.identity.as_ref().map(|EtcdIdentity { certificate, key }| Identity {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        only_tls13: tls.only_tls13,
    };
    wanted.load().map_err(|error| match error {
        TlsError::File { path, detail } => StoreError::Tls { path, detail },
        other @ (TlsError::NoSystemRoots { .. } | TlsError::Unsupported { .. }) => {
            unusable(&tls.ca, &other.to_string())
        }
    })
}

fn unusable(path: &Path, detail: &str) -> StoreError {
    StoreError::Tls { path: path.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio_rustls::rustls::version::TLS12;

    use super::*;

    /// A server that speaks TLS 1.2 and nothing newer: its address, and the file with the authority
    /// of its certificate.
    async fn old_server() -> (String, tempfile::TempDir, EtcdTls) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let home = tempfile::tempdir().unwrap();
        let ca = home.path().join("ca.pem");
        std::fs::write(&ca, cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let _ = acceptor.accept(tcp).await;
            }
        });
        (address, home, EtcdTls { ca, identity: None, only_tls13: false })
    }

    #[tokio::test]
    async fn tls_1_2_is_spoken_unless_it_is_refused() {
        let (address, _home, tls) = old_server().await;
        let trusted = client_config(&tls).unwrap();
        open(&address, Some(trusted)).await.unwrap();
        let newer = client_config(&EtcdTls { only_tls13: true, ..tls }).unwrap();
        let error = open(&address, Some(newer)).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    }

    #[test]
    fn files_that_are_no_certificates_are_named() {
        let home = tempfile::tempdir().unwrap();
        let ca = home.path().join("ca.pem");
        for (content, text) in [(None, "ca.pem"), (Some("nothing"), "no certificate")] {
            if let Some(content) = content {
                std::fs::write(&ca, content).unwrap();
            }
            let tls = EtcdTls { ca: ca.clone(), ..EtcdTls::default() };
            let error = client_config(&tls).map(drop).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("ca.pem"), "{error}");
        }
    }
}
