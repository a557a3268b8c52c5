//! Paths in disguise: each is the canonical path by the same rule, or nothing at all.

use std::fmt::Write as _;

use super::{both, plain_user, raw, raw_body};
use crate::support::{ROOT, TestServer};

const DISGUISES: [&str; 24] = [
    "//v2/vectordb/users/list",
    "/v2//vectordb/users/list",
    "/v2/vectordb//users/list",
    "/v2/vectordb/users//list",
    "/v2/vectordb/./users/list",
    "/v2/vectordb/users/../users/list",
    "/../v2/vectordb/users/list",
    "/v2/vectordb/%2e/users/list",
    "/v2/vectordb/users/%2e%2e/users/list",
    "/v2/vectordb/users/%2E%2E/users/list",
    "/v2/vectordb/users%2flist",
    "/v2/vectordb/users%2Flist",
    "/v2/vectordb/users/%6cist",
    "/v2/vectordb/users/list%00",
    "/v2/vectordb/users/list%20",
    "/v2/vectordb/users/list%2f",
    "/v2/vectordb/users/list;a=b",
    "/v2/vectordb/users;a=b/list",
    "/V2/vectordb/users/list",
    "/v2/VectorDB/users/list",
    "/v2/vectordb/users/LIST",
    "/v2/vectordb/users/list/x",
    "/v2/vectordb/users/list.json",
    "/v2/vectordb/users/list%3f",
];

#[tokio::test]
async fn a_path_in_disguise_is_not_found_and_tells_nothing_without_a_login() {
    let server = TestServer::start().await;
    plain_user(&server.rest(ROOT), "ann").await;
    for login in [ROOT, ("ann", "P@ssw0rd")] {
        for rest in both(&server, login) {
            for path in DISGUISES {
                assert_eq!(rest.send("POST", path, &[], "{}").await.status, 404, "{path}");
                let nobody = rest.with_authorization(None);
                assert_eq!(nobody.send("POST", path, &[], "{}").await.status, 401, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_query_string_changes_nothing() {
    let server = TestServer::start().await;
    plain_user(&server.rest(ROOT), "ann").await;
    for query in ["?", "?a=b", "?userName=ann&dbName=x", "?/v2/vectordb/users/drop", "??#"] {
        let path = format!("/v2/vectordb/users/list{}", query.trim_end_matches('#'));
        for rest in both(&server, ROOT) {
            let answer = rest.send("POST", &path, &[], "{}").await;
            assert_eq!(answer.json()["data"], serde_json::json!(["ann", "root"]), "{path}");
            let nobody = rest.with_authorization(None);
            assert_eq!(nobody.send("POST", &path, &[], "{}").await.status, 401, "{path}");
        }
        for ann in both(&server, ("ann", "P@ssw0rd")) {
            assert_eq!(ann.send("POST", &path, &[], "{}").await.status, 403, "{path}");
        }
    }
}

/// A request line of any shape, with or without root's login.
fn request(method: &str, target: &str, login: bool) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    if login {
        text.push_str("authorization: Bearer root:Milvus\r\n");
    }
    write!(text, "content-length: 2\r\n\r\n{{}}").unwrap();
    text
}

#[tokio::test]
async fn a_target_in_absolute_form_is_its_path() {
    let server = TestServer::start().await;
    let target = "http://elsewhere.example/v2/vectordb/users/list";
    let answer = raw(server.address, request("POST", target, true)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(raw_body(&answer), r#"{"code":0,"data":["root"]}"#);
    for target in [target, "http://root:Milvus@x/v2/vectordb/users/list"] {
        let answer = raw(server.address, request("POST", target, false)).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    let target = "http://elsewhere.example/v2/vectordb//users/list";
    let answer = raw(server.address, request("POST", target, true)).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[tokio::test]
async fn a_target_that_is_no_path_is_never_an_endpoint() {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    for (method, target, login, expected) in [
        ("OPTIONS", "*", false, "204"),
        ("POST", "*", true, "404"),
        ("POST", "*", false, "401"),
        ("POST", "v2/vectordb/users/list", true, "400"),
        ("POST", "users.example:80", true, "404"),
        ("CONNECT", "users.example:80", true, "405"),
        ("POST", "/v2/vectordb/users/list\\", true, "404"),
    ] {
        let answer = raw(server.address, request(method, target, login)).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status != expected || answer.contains("\"root\"") {
            wrong.push(format!("{method} {target} {login}: {answer}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn a_fragment_is_no_part_of_the_path() {
    let server = TestServer::start().await;
    let target = "/v2/vectordb/users/list#x";
    let answer = raw(server.address, request("POST", target, true)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = raw(server.address, request("POST", target, false)).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}
