//! How long a request may take: the header, the default, and a body that does not come.

use std::time::Duration;

use milvus_rbac::config::Compat;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{PATIENCE, both, headers_over_http2, plain_user, post_head, raw, raw_body, refused};
use crate::support::{ROOT, TestServer, settings};

const LIST: &str = "/v2/vectordb/users/list";
const EXPIRED: &str = r#"{"code":10001,"message":"request timeout"}"#;

#[tokio::test]
async fn the_header_is_whole_seconds() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for value in ["1", "10", "120", "007", "86400", "9223372036854775807"] {
            let answer = rest.send("POST", LIST, &[("request-timeout", value)], "{}").await;
            assert_eq!(answer.json(), json!({"code": 0, "data": ["root"]}), "{value}");
        }
        for value in ["0", "-1", "-0", "-9223372036854775808"] {
            let answer = rest.send("POST", LIST, &[("Request-Timeout", value)], "{}").await;
            assert_eq!(answer.status, 408, "{value}");
            assert_eq!(answer.body, EXPIRED, "{value}");
        }
        for value in ["abc", "1.5", "10s", "1 0", "0x10", "1e3", "ten", "9223372036854775808"] {
            let answer = rest.send("POST", LIST, &[("request-timeout", value)], "{}").await;
            assert_eq!(answer.status, 200, "{value}");
            let message = format!(
                "Request-Timeout parse failed, err: strconv.ParseInt: parsing \"{value}\": \
                 invalid syntax: invalid parameter"
            );
            assert_eq!(answer.json(), refused(1100, &message));
        }
    }
}

#[tokio::test]
async fn the_header_is_read_after_login_and_path_and_before_the_body() {
    let server = TestServer::start().await;
    plain_user(&server.rest(ROOT), "ann").await;
    for ann in both(&server, ("ann", "P@ssw0rd")) {
        for value in ["0", "abc"] {
            let headers = [("request-timeout", value)];
            let nobody = ann.with_authorization(None);
            assert_eq!(nobody.send("POST", LIST, &headers, "{}").await.status, 401);
            assert_eq!(ann.send("POST", "/nowhere", &headers, "{}").await.status, 404);
            assert_eq!(ann.send("GET", LIST, &headers, "").await.status, 404);
            let code = if value == "0" { 10001 } else { 1100 };
            assert_eq!(ann.send("POST", LIST, &headers, "").await.code(), code);
            assert_eq!(ann.send("POST", LIST, &headers, "{}").await.code(), code);
        }
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_within_the_time_asked_for_is_408() {
    let server = TestServer::start().await;
    for framing in ["content-length: 10\r\n", "transfer-encoding: chunked\r\n"] {
        let head = post_head("users/list", &format!("request-timeout: 1\r\n{framing}"));
        let answer = raw(server.address, head).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(raw_body(&answer), EXPIRED);
    }
    let one = [("request-timeout", "1")];
    assert_eq!(headers_over_http2(server.address, "users/list", &one).await, 408);
}

#[tokio::test]
async fn without_the_header_the_configured_time_counts() {
    let mut settings = settings(Compat::Documented);
    settings.transport.request_timeout = Duration::from_millis(200);
    let server = TestServer::with(settings).await;
    let answer = raw(server.address, post_head("users/list", "content-length: 10\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(raw_body(&answer), EXPIRED);
}

#[tokio::test]
async fn the_header_may_ask_for_more_than_the_configured_time() {
    let mut settings = settings(Compat::Documented);
    settings.transport.request_timeout = Duration::from_millis(50);
    let server = TestServer::with(settings).await;
    let mut late = TcpStream::connect(server.address).await.unwrap();
    let head = post_head("users/list", "request-timeout: 20\r\ncontent-length: 2\r\n");
    late.write_all(head.as_bytes()).await.unwrap();
    // Another request that only has the configured time shows that it is over.
    let other = raw(server.address, post_head("users/list", "content-length: 10\r\n")).await;
    assert!(other.starts_with("HTTP/1.1 408 "), "{other}");
    late.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, late.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_eq!(raw_body(&answer), r#"{"code":0,"data":["root"]}"#);
}

#[tokio::test]
async fn a_body_that_trickles_beyond_the_time_of_bodies_is_408() {
    let mut settings = settings(Compat::Documented);
    settings.transport.body_timeout = Duration::from_millis(200);
    let server = TestServer::with(settings).await;
    let head = post_head("users/list", "request-timeout: 20\r\ncontent-length: 10\r\n");
    let answer = raw(server.address, format!("{head}{{")).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(raw_body(&answer), EXPIRED);
}
