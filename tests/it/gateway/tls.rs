//! An upstream behind TLS.

use std::net::SocketAddr;

use milvus_rbac::gateway::Exposure;
use milvus_rbac::tls::{ServerFiles, ServerTls};
use tokio_rustls::TlsAcceptor;
use tonic::Code;

use super::client::Client;
use super::exposure::exposure;
use super::upstream::Upstream;
use super::world::upstream_settings;
use crate::support::{Certificates, ROOT, TestServer, framed, settings};
use milvus_rbac::config::{Compat, UpstreamSettings};

/// An upstream that shows the certificate for servers, and asks for one perhaps.
async fn upstream(found: &Certificates, mutual: bool) -> Upstream {
    let files = ServerFiles {
        certificate: found.server.clone(),
        key: found.server_key.clone(),
        client_ca: mutual.then(|| found.ca.clone()),
    };
    let acceptor = TlsAcceptor::from(ServerTls::open(files).unwrap().current());
    Upstream::at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(acceptor)).await
}

/// What trusts an authority, and shows the certificate for clients perhaps.
fn trusting(upstream: &Upstream, found: &Certificates, shown: bool) -> UpstreamSettings {
    let mut settings = upstream_settings(&format!("https://{}", upstream.address));
    settings.ca_pem = Some(found.ca.clone());
    settings.client = shown.then(|| (found.client.clone(), found.client_key.clone()));
    settings
}

async fn insert(upstream: UpstreamSettings) -> (Code, String) {
    let mut settings = settings(Compat::Documented);
    settings.upstream = Some(upstream);
    let server = TestServer::with(settings).await;
    let client = Client::connect(server.address).await;
    let answer = client.call("Insert", ROOT, b"\x1a\x01c").await;
    (answer.code, answer.text)
}

#[tokio::test]
async fn an_upstream_whose_authority_is_trusted_is_reached() {
    let found = Certificates::make();
    for (mutual, shown) in [(false, false), (false, true), (true, true)] {
        let upstream = upstream(&found, mutual).await;
        let outcome = insert(trusting(&upstream, &found, shown)).await;
        assert_eq!(outcome, (Code::Ok, String::new()), "{mutual} {shown}");
        let calls = upstream.settled().await;
        assert!(calls.iter().any(|call| call.body == framed(b"\x1a\x01c")));
    }
}

#[tokio::test]
async fn no_other_upstream_is_told_anything() {
    let (found, foreign) = (Certificates::make(), Certificates::make());
    let upstream = upstream(&found, false).await;
    let (code, text) = insert(trusting(&upstream, &foreign, false)).await;
    assert_eq!(code, Code::Unavailable);
    assert_eq!(text, "the server behind this gateway cannot be reached; try again later");
    assert!(upstream.all().is_empty());
    // Nor one that does not speak TLS.
    let plain = Upstream::start().await;
    assert_eq!(insert(trusting(&plain, &found, false)).await.0, Code::Unavailable);
    assert!(plain.all().is_empty());
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_certificate_is_not_reached_without() {
    let (found, foreign) = (Certificates::make(), Certificates::make());
    let upstream = upstream(&found, true).await;
    let none = trusting(&upstream, &found, false);
    let mut wrong = trusting(&upstream, &found, true);
    wrong.client = Some((foreign.client.clone(), foreign.client_key.clone()));
    for settings in [none, wrong] {
        assert_eq!(insert(settings).await.0, Code::Unavailable);
    }
    assert!(upstream.all().is_empty());
}

#[tokio::test]
async fn a_name_that_the_certificate_does_not_have_is_refused() {
    let found = Certificates::make();
    let upstream = upstream(&found, false).await;
    let mut settings = trusting(&upstream, &found, false);
    let other = format!("https://127.0.0.2:{}", upstream.address.port());
    settings.address = other.parse().unwrap();
    assert_eq!(insert(settings).await.0, Code::Unavailable);
    assert!(upstream.all().is_empty());
}

#[tokio::test]
async fn an_upstream_behind_our_certificate_is_private() {
    let found = Certificates::make();
    let upstream = upstream(&found, true).await;
    let settings = trusting(&upstream, &found, true);
    assert_eq!(exposure(&settings).await.unwrap(), Exposure::Private);
}
