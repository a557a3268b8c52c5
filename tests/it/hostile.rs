//! The real server under bytes that no client sends: the refusals that `transport/` shows with a
//! toy behind them, here with users and roles that must stay as they are.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use milvus_rbac::config::Compat;
use serde_json::json;
use tokio::net::TcpStream;
use tonic::Code;

use crate::support::{Grpc, ROOT, TestServer, basic, settings};
use crate::transport::http2::{PREFACE, SETTINGS, frame, request, whole};
use crate::transport::toy::{Raw, within};

const CREATE: &str = "/v2/vectordb/roles/create";

/// A whole request of root that makes a role, for what must not be read any more.
fn creation(role: &str) -> String {
    let body = json!({"roleName": role}).to_string();
    format!(
        "POST {CREATE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}:{}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        ROOT.0,
        ROOT.1,
        body.len()
    )
}

/// Nothing but what a new store has.
async fn nothing_has_changed(root: &Grpc) {
    assert_eq!(root.list_roles().await.unwrap(), ["admin"]);
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

#[tokio::test]
async fn a_token_of_1_mib_costs_its_call_and_not_the_connection() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for size in [33 * 1024, 1024 * 1024] {
        // The proper client would not send it, so it goes by hand.
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let path = "/milvus.proto.milvus.MilvusService/ListCredUsers";
        let mut huge = request(path, "application/grpc");
        let token = HeaderValue::try_from("a".repeat(size)).unwrap();
        huge.headers_mut().insert("authorization", token);
        let mut client = within(client.ready()).await.unwrap();
        let (answer, _) = client.send_request(huge, true).unwrap();
        let answer = whole(within(answer).await.unwrap()).await.unwrap();
        let headers = answer.head.headers();
        assert_eq!(headers["grpc-status"], "8");
        assert_eq!(headers["grpc-message"], "request headers are larger than 32768 bytes");

        let mut client = within(client.ready()).await.unwrap();
        let mut call = request(path, "application/grpc");
        let login = basic(ROOT.0, ROOT.1).parse().unwrap();
        call.headers_mut().insert("authorization", login);
        let (answer, mut body) = client.send_request(call, false).unwrap();
        body.send_data(Bytes::from_static(b"\0\0\0\0\0"), true).unwrap();
        let answer = whole(within(answer).await.unwrap()).await.unwrap();
        assert_eq!(answer.trailers["grpc-status"], "0", "the connection lives");
        assert!(answer.body.contains("root"));
    }
    let status = root.with_authorization(&"a".repeat(40 * 1024)).list_users().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    nothing_has_changed(&root).await;
}

#[tokio::test]
async fn over_http_1_it_is_431_and_the_server_goes_on() {
    let server = TestServer::start().await;
    for size in [33 * 1024, 1024 * 1024] {
        let mut raw = Raw::connect(server.address).await;
        let token = "a".repeat(size);
        let head = format!("POST {CREATE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}");
        raw.send(format!("{head}\r\ncontent-length: 0\r\n\r\n{}", creation("smuggled"))).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{size}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    nothing_has_changed(&server.grpc(ROOT).await).await;
}

#[tokio::test]
async fn what_could_be_read_two_ways_is_refused_and_nothing_of_it_is_done() {
    let server = TestServer::start().await;
    let inner = creation("smuggled");
    let length = inner.len();
    let chunked = "0\r\n\r\n";
    let authorization = format!("authorization: Bearer {}:{}", ROOT.0, ROOT.1);
    for bad in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n{chunked}"),
        format!("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n{chunked}"),
        format!("transfer-encoding: xchunked\r\n\r\n{chunked}"),
        format!("transfer-encoding : chunked\r\n\r\n{chunked}"),
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n"),
        "content-length: 0, 0\r\n\r\n".to_owned(),
        "content-length: +0\r\n\r\n".to_owned(),
        format!("x-a: b\r\n content-length: {length}\r\n\r\n"),
        format!("x-a: b\ncontent-length: {length}\r\n\r\n"),
        format!("x-a: b\rcontent-length: {length}\r\n\r\n"),
        "x-a: b\n\n".to_owned(),
        "host: y\r\n\r\n".to_owned(),
    ] {
        let mut raw = Raw::connect(server.address).await;
        let head = format!("POST {CREATE} HTTP/1.1\r\nhost: x\r\n{authorization}\r\n");
        raw.send(format!("{head}{bad}{inner}")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bad:?}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{bad:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bad:?}: {answer}");
    }
    let root = server.grpc(ROOT).await;
    nothing_has_changed(&root).await;
    // The request that was never read would have worked.
    let mut raw = Raw::connect(server.address).await;
    raw.send(&inner).await;
    raw.until(r#"{"code":0,"data":{}}"#).await;
    assert_eq!(root.list_roles().await.unwrap(), ["admin", "smuggled"]);
}

#[tokio::test]
async fn what_does_not_come_to_an_end_is_not_waited_for() {
    let mut settings = settings(Compat::Documented);
    settings.transport.header_timeout = Duration::from_millis(300);
    let server = TestServer::with(settings).await;
    let root = server.grpc(ROOT).await;
    let whole = creation("late");
    let mut half_frame = PREFACE.as_bytes().to_vec();
    half_frame.extend(frame(SETTINGS, 0, 0, &[]));
    half_frame.extend([0, 0, 9, 1]);
    let begun = Instant::now();
    let mut halves = Vec::new();
    for start in [
        &b""[..],
        b"PRI",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        &half_frame,
        b"POST /v2/",
        &whole.as_bytes()[..whole.find("content-length").unwrap()],
    ] {
        for _ in 0..20 {
            let mut raw = Raw::connect(server.address).await;
            raw.send(start).await;
            halves.push(raw);
        }
    }
    nothing_has_changed(&root).await;
    for mut half in halves {
        // What we say first on HTTP/2 may come before the end.
        half.rest_bytes().await;
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    nothing_has_changed(&root).await;
}

#[tokio::test]
async fn tls_and_garbage_are_hung_up_on() {
    let server = TestServer::start().await;
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\0\0\0\0\0"] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(garbage).await;
        raw.close_write().await;
        let answer = raw.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    nothing_has_changed(&server.grpc(ROOT).await).await;
}
