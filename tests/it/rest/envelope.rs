//! What every answer looks like: exact bytes, statuses, content types and headers.

use http::Method;
use serde_json::json;

use super::{both, done, header, plain_user, refused};
use crate::support::{ROOT, Rest, RestAnswer, TestServer, basic};

const JSON: &str = "application/json; charset=utf-8";
const LIST: &str = "/v2/vectordb/users/list";

fn names(answer: &RestAnswer) -> Vec<&str> {
    let mut names: Vec<&str> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn successes_and_failures_have_these_very_bytes() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    let cases: [(&str, &str, &str); 7] = [
        ("roles/create", r#"{"roleName":"r"}"#, r#"{"code":0,"data":{}}"#),
        ("roles/list", "{}", r#"{"code":0,"data":["admin","r"]}"#),
        (
            "users/describe",
            r#"{"userName":"root"}"#,
            r#"{"code":0,"data":["admin"],"description":""}"#,
        ),
        ("users/describe", r#"{"userName":"x"}"#, r#"{"code":0,"data":[],"description":""}"#),
        ("roles/describe", r#"{"roleName":"r"}"#, r#"{"code":0,"data":[],"description":""}"#),
        (
            "roles/create",
            r#"{"roleName":"r"}"#,
            r#"{"code":1100,"message":"role [name:\"r\"] already exists: invalid parameter"}"#,
        ),
        ("users/drop", r#"{"userName":"x"}"#, r#"{"code":0,"data":{}}"#),
    ];
    for (path, body, expected) in cases {
        let answer = root.send("POST", &format!("/v2/vectordb/{path}"), &[], body).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.body, expected, "{path}");
    }
}

#[tokio::test]
async fn an_answer_has_these_headers_and_no_others() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        let refused = rest.with_authorization(None);
        for (client, status) in [(&rest, 200), (&refused, 401)] {
            let answer = client.post("users/list", &json!({})).await;
            assert_eq!(answer.status, status);
            let expected = ["content-length", "content-type", "date", "x-content-type-options"];
            assert_eq!(names(&answer), expected, "{status}");
            assert_eq!(header(&answer, "content-type"), Some(JSON));
            assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_in_plain_text_for_those_who_log_in() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for path in ["/", "/v2/vectordb", "/v2/vectordb/users", "/v2/vectordb/users/alter", "/v1"] {
            for method in ["POST", "GET"] {
                assert_not_found(&rest.send(method, path, &[], "{}").await, method);
            }
        }
        for path in ["/health", "/healthz", "/metrics", "/expr", "/webui", "/livez"] {
            assert_not_found(&rest.send("GET", path, &[], "").await, path);
        }
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            assert_not_found(&rest.send(method, LIST, &[], "{}").await, method);
        }
    }
}

fn assert_not_found(answer: &RestAnswer, what: &str) {
    assert_eq!(answer.status, 404, "{what}");
    assert_eq!(header(answer, "content-type"), Some("text/plain"), "{what}");
    assert_eq!(header(answer, "x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(header(answer, "allow"), None, "{what}");
    let expected = if what == "HEAD" { "" } else { "404 page not found" };
    assert_eq!(answer.body, expected, "{what}");
}

#[tokio::test]
async fn without_credentials_nobody_learns_which_paths_there_are() {
    let server = TestServer::start().await;
    let cases = [("POST", "/nowhere"), ("GET", LIST), ("GET", "/metrics"), ("DELETE", "/")];
    for rest in both(&server, ROOT) {
        let nobody = rest.with_authorization(None);
        let wrong = rest.with_authorization(Some("Bearer root:wrong"));
        for client in [&nobody, &wrong] {
            for (method, path) in cases {
                let answer = client.send(method, path, &[], "{}").await;
                assert_eq!(answer.status, 401, "{method} {path}");
                assert_eq!(header(&answer, "content-type"), Some(JSON));
                let expected = r#"{"code":1800,"message":"user hasn't authenticated"}"#;
                assert_eq!(answer.body, expected, "{method} {path}");
            }
            let answer = client.send("HEAD", LIST, &[], "").await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0));
        }
    }
}

#[tokio::test]
async fn a_slash_too_many_is_redirected_without_credentials() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for client in [&rest, &rest.with_authorization(None)] {
            for path in milvus_rbac::api::rest_paths() {
                let answer = client.send("POST", &format!("{}/", path.path), &[], "{}").await;
                assert_eq!(answer.status, 307, "{}", path.path);
                assert_eq!(header(&answer, "location"), Some(path.path));
                assert_eq!(answer.body, "");
                let mut names = names(&answer);
                // HTTP/2 needs no length to say that nothing comes.
                names.retain(|name| *name != "content-length");
                assert_eq!(names, ["date", "location"]);
            }
        }
        assert_eq!(rest.send("POST", "/nowhere/", &[], "{}").await.status, 404);
        assert_eq!(rest.send("GET", &format!("{LIST}/"), &[], "").await.status, 404);
        assert_eq!(rest.send("POST", &format!("{LIST}//"), &[], "{}").await.status, 404);
    }
}

#[tokio::test]
async fn options_are_answered_on_any_path_to_anybody() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        for path in [LIST, "/", "/nowhere", "/v2/vectordb/users/list/"] {
            let answer =
                rest.with_authorization(None).send(Method::OPTIONS.as_str(), path, &[], "").await;
            assert_eq!(answer.status, 204, "{path}");
            assert_eq!(answer.body, "");
            assert_eq!(header(&answer, "content-type"), None);
            assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        }
    }
}

#[tokio::test]
async fn a_basic_header_is_answered_with_a_challenge_whether_it_is_right_or_not() {
    const CHALLENGE: &str = r#"Basic realm="restricted", charset="UTF-8""#;
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    let challenge = async |client: Rest, path: &str| {
        let answer = client.post(path, &json!({})).await;
        let challenge = header(&answer, "www-authenticate").map(ToOwned::to_owned);
        (answer.status.as_u16(), challenge)
    };
    let right = format!("Basic {}", basic("root", "Milvus"));
    let plain = format!("Basic {}", basic("ann", "P@ssw0rd"));
    let wrong = format!("Basic {}", basic("root", "wrong"));
    let given = Some(CHALLENGE.to_owned());
    for (value, path, status, expected) in [
        (right.as_str(), "users/list", 200, &given),
        (right.as_str(), "nowhere", 404, &given),
        (plain.as_str(), "users/list", 403, &given),
        (wrong.as_str(), "users/list", 401, &given),
        ("Basic not/base64!", "users/list", 401, &None),
        ("Bearer root:Milvus", "users/list", 200, &None),
        ("Bearer root:wrong", "users/list", 401, &None),
    ] {
        let found = challenge(root.with_authorization(Some(value)), path).await;
        assert_eq!(found, (status, expected.clone()), "{value} {path}");
    }
}

#[tokio::test]
async fn a_missing_privilege_is_403_with_the_text_of_grpc() {
    let server = TestServer::start().await;
    plain_user(&server.rest(ROOT), "ann").await;
    for ann in both(&server, ("ann", "P@ssw0rd")) {
        let answer = ann.post("users/list", &json!({})).await;
        assert_eq!(answer.status, 403);
        assert_eq!(header(&answer, "content-type"), Some(JSON));
        let message = "rpc error: code = PermissionDenied desc = PrivilegeSelectOwnership: \
                       permission deny to ann in the `*` database";
        assert_eq!(answer.json(), refused(65535, message));
        // Their own affairs are theirs.
        let own = ann.post("users/describe", &json!({"userName": "ann"})).await;
        assert_eq!(own.json(), json!({"code": 0, "data": [], "description": ""}));
        let own = json!({"userName": "ann", "description": "me"});
        assert_eq!(ann.post("users/update_password", &own).await.json(), done());
        let own = json!({"userName": "ann", "description": ""});
        assert_eq!(ann.post("users/update_password", &own).await.json(), done());
    }
}
