//! Clients that need a certificate.

use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::version::TLS12;

use super::{ask, client, connect, good, grpc, list, listing, offering, serving};
use crate::support::{Certificates, Log, Pair};

#[tokio::test]
async fn a_client_with_a_good_certificate_still_has_to_log_in() {
    let found = Certificates::make();
    let server = serving(&found, true).await;
    let config = client(&found, Some(&good(&found)));
    let root = grpc(server.address, &config).await.unwrap();
    assert_eq!(root.list_roles().await.unwrap(), ["admin"]);
    assert!(!root.with_authorization("bm9ib2R5Om5vYm9keQ==").logs_in().await);
    assert!(list(server.address, &config).await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn any_other_client_is_refused_and_the_log_says_why() {
    let log = Log::begin();
    let (found, foreign) = (Certificates::make(), Certificates::make());
    let server = serving(&found, true).await;
    let missing = "the client has no certificate, which common.security.tlsMode 2 asks for";
    let bad = "the client's certificate is not good, or of no authority in tls.caPemPath";
    let cases: [(&str, Option<Pair>, &str); 4] = [
        ("missing", None, missing),
        ("foreign", Some(good(&foreign)), bad),
        ("expired", Some(found.expired_client()), bad),
        ("of a server", Some(found.no_client()), bad),
    ];
    for (name, identity, hint) in cases {
        let config = offering(&client(&found, identity.as_ref()), &["http/1.1"]);
        // In TLS 1.3 the client is done before the server has seen its certificate.
        let stream = connect(server.address, &config).await.unwrap();
        let port = stream.get_ref().0.local_addr().unwrap().port();
        let outcome = ask(stream, &listing()).await;
        assert!(outcome.as_ref().map_or(true, String::is_empty), "{name}: {outcome:?}");
        let line = log.line(&format!("\"peer\":\"127.0.0.1:{port}\"")).await;
        assert_eq!(line["level"], "INFO");
        let text = line["fields"]["message"].as_str().unwrap().to_owned();
        assert!(text.ends_with(hint), "{name}: {line}");
        assert!(grpc(server.address, &config).await.unwrap().list_roles().await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn tls_1_2_is_too_old_for_it() {
    let found = Certificates::make();
    let server = serving(&found, true).await;
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&found.ca).unwrap()).unwrap();
    let old = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let error = connect(server.address, &Arc::new(old.clone())).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    let server = serving(&found, false).await;
    let stream = connect(server.address, &Arc::new(old)).await.unwrap();
    assert!(ask(stream, &listing()).await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_certificate_is_asked_for_each_time() {
    let found = Certificates::make();
    let server = serving(&found, true).await;
    let config = offering(&client(&found, Some(&good(&found))), &["http/1.1"]);
    for _ in 0..3 {
        let stream = connect(server.address, &config).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        assert!(ask(stream, &listing()).await.unwrap().starts_with("HTTP/1.1 200"));
    }
}
