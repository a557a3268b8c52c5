//! The examples that Milvus's public pages give, in `compat: milvus`, word by word and in order.

use serde_json::{Value, json};

use super::both;
use crate::support::{ROOT, Rest, TestServer};

/// Path, body, and the answer's status and body.
const EXAMPLES: [(&str, &str, u16, &str); 13] = [
    (
        "users/create",
        r#"{"userName": "user_1", "password": "P@ssw0rd"}"#,
        200,
        r#"{"code":0,"data":{}}"#,
    ),
    (
        "users/update_password",
        r#"{"newPassword": "P@ssw0rd!", "userName": "user_1", "password": "P@ssw0rd"}"#,
        200,
        r#"{"code":0,"data":{}}"#,
    ),
    ("users/list", "{}", 200, r#"{"code":0,"data":["root","user_1"]}"#),
    ("roles/create", r#"{"roleName": "role_a"}"#, 200, r#"{"code":0,"data":{}}"#),
    ("roles/list", "{}", 200, r#"{"code":0,"data":["admin","public","role_a"]}"#),
    (
        "users/create",
        r#"{"userName": "user_1", "password": "P@ssw0rd"}"#,
        200,
        r#"{"code":1100,"message":"user already exists: user_1: invalid parameter"}"#,
    ),
    (
        "users/create",
        r#"{"userName": "user_2", "password": "1234"}"#,
        200,
        r#"{"code":1100,"message":"invalid password length: invalid parameter[4 out of range 6 <= value <= 72]"}"#,
    ),
    ("users/drop", r#"{"userName": "nobody"}"#, 200, r#"{"code":0,"data":{}}"#),
    (
        "users/describe",
        r#"{"userName": "nobody"}"#,
        200,
        r#"{"code":0,"data":[],"description":""}"#,
    ),
    ("users/describe", r#"{"userName": "root"}"#, 200, r#"{"code":0,"data":[],"description":""}"#),
    (
        "roles/describe",
        r#"{"roleName": "nobody"}"#,
        200,
        r#"{"code":1100,"message":"the role \"nobody\" does not exist: invalid parameter"}"#,
    ),
    ("roles/drop", r#"{"roleName": "role_a"}"#, 200, r#"{"code":0,"data":{}}"#),
    ("users/drop", r#"{"userName": "user_1"}"#, 200, r#"{"code":0,"data":{}}"#),
];

const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/json"), ("request-timeout", "10")];

async fn ask(rest: &Rest, path: &str, body: &str) -> (u16, String) {
    let path = format!("/v2/vectordb/{path}");
    let answer = rest.send("POST", &path, &HEADERS, body.to_owned()).await;
    (answer.status.as_u16(), String::from_utf8(answer.body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_public_examples_are_answered_to_the_letter() {
    let server = TestServer::milvus().await;
    for rest in both(&server, ROOT) {
        for (path, body, status, expected) in EXAMPLES {
            assert_eq!(
                ask(&rest, path, body).await,
                (status, expected.to_owned()),
                "{path} {body}"
            );
        }
    }
}

#[tokio::test]
async fn the_user_of_the_examples_lists_nobody() {
    let server = TestServer::milvus().await;
    let root = server.rest(ROOT);
    super::plain_user(&root, "user_1").await;
    for rest in both(&server, ("user_1", "P@ssw0rd")) {
        let (status, body) = ask(&rest, "users/list", "{}").await;
        let message = "rpc error: code = PermissionDenied desc = PrivilegeSelectOwnership: \
                       permission deny to user_1 in the `*` database";
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body), (403, json!({"code": 65535, "message": message})));
    }
}
