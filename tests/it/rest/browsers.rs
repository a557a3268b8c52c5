//! Requests that carry an origin: refused by default, allowed by name, open in milvus mode.

use serde_json::json;

use super::{both, header, refused};
use crate::support::{ROOT, RestAnswer, TestServer, settings};
use milvus_rbac::config::{Browsers, Compat};

const LIST: &str = "/v2/vectordb/users/list";
const PAGE: &str = "https://page.example";
const CORS: [(&str, &str); 3] = [
    ("access-control-allow-credentials", "true"),
    (
        "access-control-allow-headers",
        "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, accept, \
         origin, Cache-Control, X-Requested-With",
    ),
    ("access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"),
];

fn assert_cors(answer: &RestAnswer, origin: &str, what: &str) {
    assert_eq!(header(answer, "access-control-allow-origin"), Some(origin), "{what}");
    for (name, value) in CORS {
        assert_eq!(header(answer, name), Some(value), "{what}");
    }
    assert_eq!(header(answer, "x-content-type-options"), Some("nosniff"), "{what}");
}

fn assert_no_cors(answer: &RestAnswer) {
    let cors = |name: &&http::HeaderName| name.as_str().starts_with("access-control");
    assert_eq!(answer.headers.keys().find(cors), None);
}

#[tokio::test]
async fn in_documented_mode_a_request_with_an_origin_is_403_and_no_answer_has_cors_headers() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        let message =
            "requests of web pages of this origin are not allowed; see rbac.allowedOrigins";
        for origin in [PAGE, "null", "", &format!("http://{}", server.address)] {
            // Before OPTIONS, before the login, before the path.
            for (method, path) in [("POST", LIST), ("OPTIONS", LIST), ("GET", "/nowhere")] {
                for client in [&rest, &rest.with_authorization(None)] {
                    let answer = client.send(method, path, &[("origin", origin)], "{}").await;
                    assert_eq!(answer.status, 403, "{method} {path} {origin:?}");
                    assert_eq!(answer.json(), refused(65535, message));
                    assert_no_cors(&answer);
                }
            }
        }
        for (method, path) in [("POST", LIST), ("OPTIONS", LIST), ("GET", "/nowhere")] {
            assert_no_cors(&rest.send(method, path, &[], "{}").await);
        }
    }
}

#[tokio::test]
async fn an_origin_that_is_named_may_ask_and_only_that_one() {
    let mut settings = settings(Compat::Documented);
    settings.browsers = Browsers::Only(vec![PAGE.to_owned()]);
    let server = TestServer::with(settings).await;
    for rest in both(&server, ROOT) {
        let answer = rest.send("POST", LIST, &[("origin", PAGE)], "{}").await;
        assert_eq!(answer.json(), json!({"code": 0, "data": ["root"]}));
        assert_cors(&answer, PAGE, "POST");
        assert_eq!(header(&answer, "vary"), Some("Origin"));
        let preflight = rest.with_authorization(None);
        let answer = preflight.send("OPTIONS", LIST, &[("origin", PAGE)], "").await;
        assert_eq!(answer.status, 204);
        assert_cors(&answer, PAGE, "OPTIONS");
        let answer = preflight.send("POST", LIST, &[("origin", PAGE)], "{}").await;
        assert_eq!(answer.status, 401);
        assert_cors(&answer, PAGE, "401");
        let foreign = [
            vec![("origin", "https://page.example.evil")],
            vec![("origin", "http://page.example")],
            vec![("origin", "https://page.example:444")],
            vec![("origin", "HTTPS://PAGE.EXAMPLE")],
            vec![("origin", PAGE), ("origin", "https://evil.example")],
            vec![("origin", "https://evil.example"), ("origin", PAGE)],
        ];
        for headers in foreign {
            let answer = rest.send("POST", LIST, &headers, "{}").await;
            assert_eq!(answer.status, 403, "{headers:?}");
            assert_no_cors(&answer);
        }
        assert_no_cors(&rest.send("POST", LIST, &[], "{}").await);
    }
}

#[tokio::test]
async fn in_milvus_mode_every_answer_but_the_redirect_has_cors_headers() {
    let server = TestServer::milvus().await;
    for rest in both(&server, ROOT) {
        let nobody = rest.with_authorization(None);
        let late = [("request-timeout", "0")];
        let page = [("origin", PAGE)];
        for (answer, status) in [
            (rest.send("POST", LIST, &[], "{}").await, 200),
            (rest.send("POST", LIST, &page, "{}").await, 200),
            (rest.send("POST", LIST, &[], "").await, 200),
            (nobody.send("POST", LIST, &page, "{}").await, 401),
            (nobody.send("OPTIONS", "/nowhere", &page, "").await, 204),
            (rest.send("GET", LIST, &[], "").await, 404),
            (rest.send("POST", LIST, &late, "{}").await, 408),
        ] {
            assert_eq!(answer.status, status);
            assert_cors(&answer, "*", &status.to_string());
        }
        let redirect = nobody.send("POST", "/v2/vectordb/users/list/", &page, "{}").await;
        assert_eq!(redirect.status, 307);
        assert_no_cors(&redirect);
    }
}
