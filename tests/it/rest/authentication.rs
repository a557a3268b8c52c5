//! Who is let in over REST: every form of the header, and credentials that have changed.

use milvus_rbac::config::Compat;
use serde_json::json;

use super::{both, plain_user, refused, run};
use crate::support::{ROOT, Rest, TestServer, basic, settings};

const LIST: &str = "/v2/vectordb/users/list";

/// Status of a list with these values of the header.
async fn status(rest: &Rest, values: &[&str]) -> u16 {
    let headers: Vec<(&str, &str)> = values.iter().map(|value| ("authorization", *value)).collect();
    let answer = rest.with_authorization(None).send("POST", LIST, &headers, "{}").await;
    if answer.status == 401 {
        assert_eq!(answer.json(), refused(1800, "user hasn't authenticated"), "{values:?}");
    }
    answer.status.as_u16()
}

async fn logs_in(server: &TestServer, user: &str, password: &str) -> bool {
    let own = json!({"userName": user});
    let answer = server.rest((user, password)).post("users/describe", &own).await;
    match answer.status.as_u16() {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_form_of_the_header_is_read_as_promised() {
    let server = TestServer::start().await;
    let right = basic("root", "Milvus");
    let with = |scheme: &str| format!("{scheme}{right}");
    let cases: Vec<(String, u16)> = vec![
        ("Bearer root:Milvus".into(), 200),
        ("root:Milvus".into(), 200),
        (with("Basic "), 200),
        (with("basic "), 200),
        (with("BASIC "), 200),
        ("bearer root:Milvus".into(), 401),
        ("BEARER root:Milvus".into(), 401),
        ("Bearer  root:Milvus".into(), 401),
        ("Bearer\troot:Milvus".into(), 401),
        ("Bearerroot:Milvus".into(), 401),
        ("Bearer Bearer root:Milvus".into(), 401),
        ("Token root:Milvus".into(), 401),
        ("Digest root:Milvus".into(), 401),
        (with("Bearer "), 401),
        (with(""), 401),
        (with("Basic"), 401),
        ("Basic root:Milvus".into(), 401),
        (format!("Basic {}", right.trim_end_matches('=')), 401),
        ("Bearer".into(), 401),
        ("Basic".into(), 401),
        (String::new(), 401),
        ("Bearer some-api-key".into(), 401),
        ("Bearer root:___".into(), 401),
        ("Bearer ___:root".into(), 401),
        ("Bearer QEBtaWx2dXMtbWVtYmVyQEA=".into(), 401),
        ("Bearer root:".into(), 401),
        ("Bearer :Milvus".into(), 401),
        ("Bearer :".into(), 401),
        (":".into(), 401),
        (format!("Basic {}", basic("root", "")), 401),
        (format!("Basic {}", basic("", "Milvus")), 401),
        ("Bearer root:milvus".into(), 401),
        ("Bearer root:Milvus:".into(), 401),
        ("Bearer root:Milvu".into(), 401),
    ];
    for rest in both(&server, ROOT) {
        for (value, expected) in &cases {
            assert_eq!(status(&rest, &[value]).await, *expected, "{value:?}");
        }
        assert_eq!(status(&rest, &[]).await, 401);
        let metadata = [("sourceid", "QEBtaWx2dXMtbWVtYmVyQEA="), ("x-user", "root")];
        let nobody = rest.with_authorization(None);
        assert_eq!(nobody.send("POST", LIST, &metadata, "{}").await.status, 401);
    }
}

#[tokio::test]
async fn look_alikes_of_root_are_not_root() {
    let server = TestServer::start().await;
    let rest = server.rest(ROOT);
    for name in ["ROOT", "Root", "rооt", "ｒoot", "root\u{200b}", "\u{202e}toor", "root\0", "roοt"]
    {
        let value = format!("Basic {}", basic(name, "Milvus"));
        assert_eq!(status(&rest, &[&value]).await, 401, "{name:?}");
    }
}

#[tokio::test]
async fn of_two_headers_the_first_one_counts() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        let (good, bad) = ("Bearer root:Milvus", "Bearer root:wrong");
        assert_eq!(status(&rest, &[good, bad]).await, 200);
        assert_eq!(status(&rest, &[bad, good]).await, 401);
        assert_eq!(status(&rest, &["", good]).await, 401);
        assert_eq!(status(&rest, &[&format!("{bad}, {good}")]).await, 401);
    }
}

#[tokio::test]
async fn a_password_may_have_colons_blanks_and_letters_of_any_script() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    for (at, password) in ["a:b:C:1:", ":Abcdef1", "Pass word 1", "pä:sswörD1", "P1=\\\"a,;%00"]
        .into_iter()
        .enumerate()
    {
        let user = format!("u{at}");
        run(&root, &[("users/create", json!({"userName": user, "password": password}))]).await;
        let own = json!({"userName": user});
        let basic = format!("Basic {}", basic(&user, password));
        let answer = root.with_authorization(Some(&basic)).post("users/describe", &own).await;
        assert_eq!(answer.status, 200, "{password:?}");
        if password.is_ascii() {
            assert!(logs_in(&server, &user, password).await, "{password:?}");
            assert!(!logs_in(&server, &user, &password[..3]).await, "{password:?}");
        }
    }
}

#[tokio::test]
async fn old_credentials_end_with_the_change() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    assert!(logs_in(&server, "ann", "P@ssw0rd").await);
    let update = json!({"userName": "ann", "password": "P@ssw0rd", "newPassword": "N3w-pass"});
    run(&root, &[("users/update_password", update)]).await;
    assert!(!logs_in(&server, "ann", "P@ssw0rd").await);
    assert!(logs_in(&server, "ann", "N3w-pass").await);
    run(&root, &[("users/drop", json!({"userName": "ann"}))]).await;
    assert!(!logs_in(&server, "ann", "N3w-pass").await);
    plain_user(&root, "ann").await;
    assert!(!logs_in(&server, "ann", "N3w-pass").await);
    assert!(logs_in(&server, "ann", "P@ssw0rd").await);
}

#[tokio::test]
async fn a_user_made_again_starts_without_roles() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    super::member_of_admin(&root, "ann").await;
    let ann = server.rest(("ann", "P@ssw0rd"));
    assert_eq!(ann.post("users/list", &json!({})).await.status, 200);
    run(&root, &[("users/drop", json!({"userName": "ann"}))]).await;
    plain_user(&root, "ann").await;
    assert_eq!(ann.post("users/list", &json!({})).await.status, 403);
    let roles = root.post("users/describe", &json!({"userName": "ann"})).await;
    assert_eq!(roles.json()["data"], json!([]));
}

#[tokio::test]
async fn a_login_above_72_bytes_is_refused_and_in_milvus_mode_cut() {
    let password = "x".repeat(72);
    let longer = format!("{password}y");
    let server = TestServer::milvus().await;
    let user = json!({"userName": "ann", "password": password});
    run(&server.rest(ROOT), &[("users/create", user)]).await;
    assert!(logs_in(&server, "ann", &password).await);
    assert!(logs_in(&server, "ann", &longer).await);
    assert!(!logs_in(&server, "ann", &password[..71]).await);

    let password = format!("{}P1", "é".repeat(35));
    assert_eq!(password.len(), 72);
    let server = TestServer::start().await;
    let user = json!({"userName": "ann", "password": password});
    run(&server.rest(ROOT), &[("users/create", user)]).await;
    for (tried, expected) in [(password.clone(), 200), (format!("{password}y"), 401)] {
        let basic = format!("Basic {}", basic("ann", &tried));
        let client = server.rest(ROOT).with_authorization(Some(&basic));
        let answer = client.post("users/describe", &json!({"userName": "ann"})).await;
        assert_eq!(answer.status, expected, "{tried}");
    }
}

#[tokio::test]
async fn with_authorization_off_nobody_needs_a_header() {
    let mut settings = settings(Compat::Documented);
    settings.security.authorization = false;
    let server = TestServer::with(settings).await;
    for rest in both(&server, ROOT) {
        assert_eq!(status(&rest, &[]).await, 200);
        assert_eq!(status(&rest, &["Bearer root:wrong"]).await, 200);
        let nobody = rest.with_authorization(None);
        assert_eq!(nobody.send("POST", "/nowhere", &[], "{}").await.status, 404);
    }
}
