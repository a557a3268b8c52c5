//! What a body may be: any JSON object, however it is announced, within four megabytes.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{both, done, header, headers_over_http2, post_head, raw, raw_body, refused, run};
use crate::support::{ROOT, Rest, RestAnswer, TestServer};

const NOTHING: &str = "can only accept json format request, the request body should be nil, \
                       however {} is valid";
const LIMIT: usize = 4 << 20;

async fn post(rest: &Rest, path: &str, body: impl Into<bytes::Bytes>) -> RestAnswer {
    rest.send("POST", &format!("/v2/vectordb/{path}"), &[], body).await
}

async fn roles(rest: &Rest) -> Value {
    rest.post("roles/list", &json!({})).await.json()["data"].clone()
}

/// The body was refused as no JSON, with a text that begins as promised.
fn assert_not_json(answer: &RestAnswer, detail: &str, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (200, 1801), "{what}");
    let expected = format!("can only accept json format request, error: {detail}");
    assert!(answer.message().starts_with(&expected), "{what}: {}", answer.message());
    assert_eq!(answer.json().get("data"), None);
}

#[tokio::test]
async fn no_body_is_refused_even_where_nothing_is_required() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for path in ["users/list", "roles/list", "users/create", "roles/drop"] {
            for body in ["", " ", "\r\n\t "] {
                let answer = post(&rest, path, body).await;
                assert_eq!(answer.status, 200);
                assert_eq!(answer.json(), refused(1801, NOTHING), "{path} {body:?}");
            }
        }
        for body in ["{}", "null", " {} ", r#"{"dbName":""}"#, r#"{"dbName":"nowhere"}"#] {
            let answer = post(&rest, "users/list", body).await;
            assert_eq!(answer.json(), json!({"code": 0, "data": ["root"]}), "{body}");
        }
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_1801() {
    let server = TestServer::start().await;
    let cases: [(&[u8], &str); 17] = [
        (b"x", "invalid JSON"),
        (b"{", "unexpected end of JSON input"),
        (br#"{"roleName":"r""#, "unexpected end of JSON input"),
        (br#"{"roleName":"r"#, "unexpected end of JSON input"),
        (br#"{"roleName":"#, "unexpected end of JSON input"),
        (br#"{"roleName" "r"}"#, "invalid JSON"),
        (br#"{"roleName":"r",}"#, "invalid JSON"),
        (b"{'roleName':'r'}", "invalid JSON"),
        (br#"{"roleName":NaN}"#, "invalid JSON"),
        (br#"{"x":NaN,"roleName":"r"}"#, "invalid JSON"),
        (br#"{"x":Infinity,"roleName":"r"}"#, "invalid JSON"),
        (b"{\"roleName\":\"a\nb\"}", "invalid JSON"),
        (b"{\"roleName\":\"\xff\"}", "invalid JSON"),
        (br#"{"roleName":"\ud800"}"#, "invalid JSON"),
        (b"\xef\xbb\xbf{}", "invalid JSON"),
        (b"roleName=r", "invalid JSON"),
        (b"\0{}", "invalid JSON"),
    ];
    for rest in both(&server, ROOT) {
        for (body, detail) in cases {
            let what = String::from_utf8_lossy(body);
            assert_not_json(&post(&rest, "roles/create", body).await, detail, &what);
        }
        assert_eq!(roles(&rest).await, json!(["admin"]));
    }
}

#[tokio::test]
async fn another_type_than_asked_for_is_1801() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for body in [
            "[]",
            r#"[{"roleName":"r"}]"#,
            "5",
            "true",
            "\"roleName\"",
            r#"{"roleName":5}"#,
            r#"{"roleName":1.5}"#,
            r#"{"roleName":true}"#,
            r#"{"roleName":["r"]}"#,
            r#"{"roleName":{}}"#,
            r#"{"roleName":"r","description":5}"#,
            r#"{"roleName":"r","dbName":[]}"#,
            r#"{"ROLENAME":5,"roleName":"r"}"#,
        ] {
            assert_not_json(&post(&rest, "roles/create", body).await, "a value has", body);
        }
        let secret = r#"{"userName":"u","password":["S3cret-value"]}"#;
        let answer = post(&rest, "users/create", secret).await;
        assert!(!answer.message().contains("S3cret"), "{}", answer.message());
        assert_eq!(roles(&rest).await, json!(["admin"]));
    }
}

#[tokio::test]
async fn fields_match_without_case_and_what_is_not_asked_for_is_ignored() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    for (body, made) in [
        (r#"{"rolename":"a"}"#, "a"),
        (r#"{"ROLENAME":"b"}"#, "b"),
        (r#"{"roleName":"x","roleName":"c"}"#, "c"),
        (r#"{"roleName":"x","RoleName":"d"}"#, "d"),
        (r#"{"roleName":"e","roleName":null}"#, "e"),
        (r#"{"roleName":"f","description":null,"dbName":null}"#, "f"),
        (r#"{"roleName":"g","x":1,"userName":7,"password":[],"":{"a":[1,2,{"b":null}]}}"#, "g"),
        (r#"{"roleName":"h"} and what follows"#, "h"),
        (r#"{"roleName":"i"}{"roleName":"x"}"#, "i"),
        (r#"{"rol\u0065Name":"\u006a"}"#, "j"),
        (r#"{"x":-1.5e300,"y":123456789012345678901234567890,"roleName":"k"}"#, "k"),
    ] {
        assert_eq!(post(&root, "roles/create", body).await.json(), done(), "{body}");
        let found = roles(&root).await;
        assert!(found.as_array().unwrap().contains(&json!(made)), "{body}: {found}");
    }
    assert!(!roles(&root).await.as_array().unwrap().contains(&json!("x")));
    // A name that only looks alike is another field.
    let answer = post(&root, "roles/create", r#"{"role_name":"l","roleName ":"l"}"#).await;
    assert_eq!(answer.code(), 1802);
}

#[tokio::test]
async fn the_content_type_is_not_looked_at() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for value in ["", "text/plain", "application/x-www-form-urlencoded", "a/b; charset=utf-16"]
        {
            let headers = [("content-type", value), ("content-encoding", "identity")];
            let answer = rest.send("POST", "/v2/vectordb/roles/list", &headers, "{}").await;
            assert_eq!(answer.json()["code"], 0, "{value:?}");
        }
    }
    // Over HTTP/1.1 there is no gRPC to be taken for.
    let grpc = [("content-type", "application/grpc")];
    let answer = server.rest(ROOT).send("POST", "/v2/vectordb/roles/list", &grpc, "{}").await;
    assert_eq!(answer.json()["code"], 0);
}

fn missing(shape: &str, fields: &[&str]) -> Value {
    let mut message = "missing required parameters, error: ".to_owned();
    for (at, field) in fields.iter().enumerate() {
        let line = if at == 0 { "" } else { "\n" };
        write!(
            message,
            "{line}Key: '{shape}.{field}' Error:Field validation for '{field}' failed on the \
             'required' tag"
        )
        .unwrap();
    }
    refused(1802, &message)
}

#[tokio::test]
async fn each_required_field_that_is_missing_null_or_empty_is_named() {
    let server = TestServer::start().await;
    let table: [(&str, &str, &[&str]); 10] = [
        ("users/describe", "UserReq", &["UserName"]),
        ("users/drop", "UserReq", &["UserName"]),
        ("users/create", "PasswordReq", &["UserName", "Password"]),
        ("users/update_password", "NewPasswordReq", &["UserName"]),
        ("users/grant_role", "UserRoleReq", &["UserName", "RoleName"]),
        ("users/revoke_role", "UserRoleReq", &["UserName", "RoleName"]),
        ("roles/describe", "RoleReq", &["RoleName"]),
        ("roles/create", "RoleReq", &["RoleName"]),
        ("roles/alter", "RoleReq", &["RoleName"]),
        ("roles/drop", "RoleReq", &["RoleName"]),
    ];
    for rest in both(&server, ROOT) {
        for (path, shape, fields) in table {
            let expected = missing(shape, fields);
            let nulls = json!({"userName": null, "roleName": null, "password": null});
            let empty = json!({"userName": "", "roleName": "", "password": ""});
            for body in [json!({}), json!(null), nulls, empty] {
                let answer = rest.post(path, &body).await;
                assert_eq!((answer.status.as_u16(), answer.json()), (200, expected.clone()));
            }
            if let [_, second] = fields {
                let answer = rest.post(path, &json!({"userName": "u"})).await;
                assert_eq!(answer.json(), missing(shape, &[second]), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn more_than_four_megabytes_are_413_and_exactly_as_many_are_read() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        let padded = |length: usize| {
            let json = r#"{"dbName":""#;
            format!("{json}{}\"}}", "x".repeat(length - json.len() - 2))
        };
        let answer = post(&rest, "users/list", padded(LIMIT)).await;
        assert_eq!(answer.json()["code"], 0);
        for length in [LIMIT + 1, LIMIT + LIMIT / 2] {
            let answer = post(&rest, "users/list", padded(length)).await;
            assert_eq!(answer.status, 413, "{length}");
            let message = "can only accept json format request, the request body is larger than \
                           4194304 bytes";
            assert_eq!(answer.json(), refused(1801, message));
            assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        }
        // Refused before the path is known to be allowed, but not before the login.
        let nobody = rest.with_authorization(None);
        assert_eq!(post(&nobody, "users/list", padded(LIMIT + 1)).await.status, 401);
    }
}

#[tokio::test]
async fn what_announces_128_megabytes_is_answered_before_it_comes() {
    let server = TestServer::start().await;
    let head = post_head("users/list", "content-length: 134217728\r\n");
    let answer = raw(server.address, format!("{head}{{\"dbName\":\"")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(raw_body(&answer).starts_with(r#"{"code":1801,"#), "{answer}");
    let announced = [("content-length", "134217728")];
    assert_eq!(headers_over_http2(server.address, "users/list", &announced).await, 413);
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let server = TestServer::start().await;
    let head = post_head("roles/create", "transfer-encoding: chunked\r\n");
    let chunks = "5\r\n{\"rol\r\n8;x=y\r\neName\":\"\r\n3\r\nr\"}\r\n0\r\n\r\n";
    let answer = raw(server.address, format!("{head}{chunks}")).await;
    assert_eq!(raw_body(&answer), r#"{"code":0,"data":{}}"#);
    let answer = raw(server.address, format!("{head}0\r\n\r\n")).await;
    assert_eq!(raw_body(&answer), refused(1801, NOTHING).to_string());
    let too_much = format!("{head}{:x}\r\n{}\r\n", LIMIT + 1, "x".repeat(LIMIT + 1));
    let answer = raw(server.address, too_much).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{:?}", answer.get(..200));
}

#[tokio::test]
async fn ten_thousand_levels_are_refused_and_the_server_lives() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            for body in [format!(r#"{{"x":{deep},"roleName":"r"}}"#), deep.clone()] {
                let answer = post(&rest, "roles/create", body).await;
                assert_eq!((answer.status.as_u16(), answer.code()), (200, 1801));
            }
        }
        assert_eq!(roles(&rest).await, json!(["admin"]));
    }
}

#[tokio::test]
async fn a_missing_field_comes_before_the_privilege_and_the_privilege_before_the_value() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    super::plain_user(&root, "ann").await;
    for ann in both(&server, ("ann", "P@ssw0rd")) {
        for (body, status, code) in [
            ("", 200, 1801),
            ("[]", 200, 1801),
            ("{}", 200, 1802),
            (r#"{"userName":"1 2"}"#, 200, 1802),
            (r#"{"userName":"1 2","password":"x"}"#, 403, 65535),
        ] {
            let answer = post(&ann, "users/create", body).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}");
        }
    }
    let answer = post(&root, "users/create", r#"{"userName":"1 2","password":"x"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (200, 1100));
    run(&root, &[("users/drop", json!({"userName": "1 2"}))]).await;
}
