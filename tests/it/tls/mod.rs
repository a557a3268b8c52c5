//! TLS on the port, from outside: who is served, who is not, and what happens when the files are
//! replaced. The clients are rustls, and raw bytes where no client would send them.

mod hostile;
mod mutual;
mod process;
mod renewal;
mod served;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::rt::TokioIo;
use milvus_rbac::config::{Compat, Settings, TlsSettings};
use milvus_rbac::tls::{ClientTls, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tonic::transport::Endpoint;
use tower::service_fn;

use crate::support::{Certificates, Grpc, Pair, ROOT, TestServer, basic, settings};
use crate::transport::toy::within;

/// Settings with TLS; clients need a certificate if it is mutual.
fn with_tls(found: &Certificates, mutual: bool) -> Settings {
    let mut settings = settings(Compat::Documented);
    settings.tls = Some(TlsSettings {
        certificate: found.server.clone(),
        key: found.server_key.clone(),
        client_ca: mutual.then(|| found.ca.clone()),
    });
    settings
}

async fn serving(found: &Certificates, mutual: bool) -> TestServer {
    TestServer::with(with_tls(found, mutual)).await
}

/// A client that trusts this authority, and shows this certificate.
fn client(found: &Certificates, identity: Option<&Pair>) -> Arc<ClientConfig> {
    let identity = identity.cloned().map(|(certificate, key)| Identity { certificate, key });
    let tls = ClientTls { ca: Some(found.ca.clone()), identity, only_tls13: false };
    tls.load().unwrap()
}

/// The good certificate for clients.
fn good(found: &Certificates) -> Pair {
    (found.client.clone(), found.client_key.clone())
}

/// The same client, which offers these protocols.
fn offering(config: &Arc<ClientConfig>, protocols: &[&str]) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    within(TlsConnector::from(Arc::clone(config)).connect(name, tcp)).await
}

/// The certificate that a server shows now.
async fn shown(address: SocketAddr, config: &Arc<ClientConfig>) -> CertificateDer<'static> {
    let mut config = ClientConfig::clone(config);
    // A session that is taken up again shows the certificate that it began with.
    config.resumption = Resumption::disabled();
    let stream = connect(address, &Arc::new(config)).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// The certificate in a file.
fn read(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&pair.0).unwrap()
}

/// Sends text and reads to the end of the connection; also what was amiss with us may be told only
/// then. An end without a farewell is an end like another.
async fn ask(mut stream: TlsStream<TcpStream>, text: &str) -> io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    match within(stream.read_to_end(&mut answer)).await {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// A request that lists the roles over HTTP/1.1, on a connection that ends after it.
fn listing() -> String {
    format!(
        "POST /v2/vectordb/roles/list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         authorization: Bearer {}:{}\r\ncontent-type: application/json\r\n\
         content-length: 2\r\n\r\n{{}}",
        ROOT.0, ROOT.1
    )
}

/// Lists the roles over HTTP/1.1, on a connection of its own.
async fn list(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<String> {
    let stream = connect(address, &offering(config, &["http/1.1"])).await?;
    ask(stream, &listing()).await
}

/// A gRPC client of root on one connection. Once that has broken, its calls fail.
async fn grpc(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> Result<Grpc, tonic::transport::Error> {
    let config = Arc::clone(config);
    let again = Arc::new(AtomicBool::new(false));
    let connector = service_fn(move |_| {
        let (config, again) = (Arc::clone(&config), again.swap(true, Ordering::Relaxed));
        async move {
            if again {
                return Err(io::Error::other("the one connection has been lost"));
            }
            connect(address, &config).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    let endpoint = endpoint.origin(format!("https://{address}").parse().unwrap());
    let channel = endpoint.connect_with_connector(connector).await?;
    Ok(Grpc { channel, authorization: Some(basic(ROOT.0, ROOT.1)) })
}
