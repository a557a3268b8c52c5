//! What is served over TLS, by which protocol, and what is not.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_rustls::rustls::{HandshakeKind, ProtocolVersion};

use super::{ask, client, connect, grpc, list, listing, offering, serving};
use crate::support::{Certificates, ROOT};
use crate::transport::toy::{Raw, within};

#[tokio::test]
async fn grpc_and_rest_share_the_port_over_tls() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let config = client(&found, None);
    let root = grpc(server.address, &config).await.unwrap();
    assert_eq!(root.create_role("role_a").await.unwrap().code, 0);
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "role_a"]);
    assert!(!root.with_authorization("bm9ib2R5Om5vYm9keQ==").logs_in().await);

    let answer = list(server.address, &config).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"code":0,"data":["admin","role_a"]}"#), "{answer}");

    // REST over HTTP/2, beside gRPC.
    let stream = connect(server.address, &config).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("https://{}/v2/vectordb/roles/list", server.address))
        .header("authorization", format!("Bearer {}:{}", ROOT.0, ROOT.1))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap();
    let answer = within(sender.send_request(request)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"code":0,"data":["admin","role_a"]}"#);
}

#[tokio::test]
async fn who_offers_no_protocol_is_told_by_his_first_bytes() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let silent = offering(&client(&found, None), &[]);
    let stream = connect(server.address, &silent).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    assert!(ask(stream, &listing()).await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    let root = grpc(server.address, &silent).await.unwrap();
    assert_eq!(root.list_roles().await.unwrap(), ["admin"]);
}

#[tokio::test]
async fn another_protocol_than_the_one_agreed_on_is_hung_up_on() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let config = client(&found, None);
    let both = connect(server.address, &offering(&config, &["http/1.1", "h2"])).await.unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "ours is the order");
    assert_eq!(ask(both, &listing()).await.unwrap(), "");
    let old = connect(server.address, &offering(&config, &["http/1.1"])).await.unwrap();
    assert_eq!(old.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(ask(old, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap(), "");
    // TLS within TLS is nothing either.
    let twice = connect(server.address, &config).await.unwrap();
    assert_eq!(ask(twice, "\x16\x03\x01\x00\x05hello").await.unwrap(), "");
    let error = connect(server.address, &offering(&config, &["spdy/3"])).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn plain_text_is_never_served_on_the_port_of_tls() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send(listing()).await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthis port speaks TLS: use https://\n"), "{answer}");
    for plain in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..], b"\x80\x2e\x01\x03"]
    {
        let mut raw = Raw::connect(server.address).await;
        raw.send(plain).await;
        let answer = raw.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_knows_another_authority_does_not_connect() {
    let (found, foreign) = (Certificates::make(), Certificates::make());
    let server = serving(&found, false).await;
    let error = connect(server.address, &client(&foreign, None)).await.unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn the_newest_version_is_spoken_and_a_session_is_taken_up_again() {
    let found = Certificates::make();
    let server = serving(&found, false).await;
    let config = offering(&client(&found, None), &["http/1.1"]);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let stream = connect(server.address, &config).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(session.handshake_kind(), Some(kind));
        assert!(ask(stream, &listing()).await.unwrap().starts_with("HTTP/1.1 200"));
    }
}
