//! Users over REST, endpoint by endpoint, with every refusal.

use milvus_rbac::config::Compat;
use serde_json::{Value, json};

use super::{both, check, done, plain_user, refused, run};
use crate::support::{ROOT, Rest, TestServer, settings};

fn user(name: &str) -> Value {
    json!({"userName": name})
}

fn new(name: &str, password: &str) -> Value {
    json!({"userName": name, "password": password})
}

fn bad(message: &str) -> Value {
    refused(1100, &format!("{message}: invalid parameter"))
}

fn length(actual: usize, min: usize, max: usize) -> Value {
    let range = format!("[{actual} out of range {min} <= value <= {max}]");
    refused(1100, &format!("invalid password length: invalid parameter{range}"))
}

async fn describe(rest: &Rest, name: &str) -> Value {
    rest.post("users/describe", &user(name)).await.json()
}

async fn users(rest: &Rest) -> Value {
    rest.post("users/list", &json!({})).await.json()["data"].clone()
}

fn described(roles: &[&str], description: &str) -> Value {
    json!({"code": 0, "data": roles, "description": description})
}

#[tokio::test]
async fn users_are_listed_bytewise_with_root_among_them() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    for name in ["zoe", "Zoe", "a_b", "a1"] {
        plain_user(&root, name).await;
    }
    for rest in both(&server, ROOT) {
        assert_eq!(users(&rest).await, json!(["Zoe", "a1", "a_b", "root", "zoe"]));
    }
}

#[tokio::test]
async fn a_user_is_made_trimmed_and_only_once() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        let exists = bad("user already exists: ann");
        let root = bad("user already exists: root");
        check(
            &rest,
            200,
            &[
                ("users/create", new(" ann\t", "P@ssw0rd"), done()),
                ("users/create", new("ann", "P@ssw0rd"), exists.clone()),
                ("users/create", new("ann ", "0ther-pass"), exists),
                ("users/create", new("root", "P@ssw0rd"), root.clone()),
                ("users/create", new(" root ", "P@ssw0rd"), root),
                ("users/create", new("Root", "P@ssw0rd"), done()),
                ("users/create", new(&"a".repeat(32), "P@ssw0rd"), done()),
                ("users/drop", user(&"a".repeat(32)), done()),
                ("users/drop", user("Root"), done()),
            ],
        )
        .await;
        assert_eq!(users(&rest).await, json!(["ann", "root"]));
        check(&rest, 200, &[("users/drop", user(" ann "), done())]).await;
        assert_eq!(users(&rest).await, json!(["root"]));
    }
}

/// What is said of bad user names; `allowed` differs with the mode.
fn bad_names(allowed: &str) -> Vec<(String, Value)> {
    let first = |name: &str, got: &str| {
        bad(&format!(
            "invalid user name {name}, the first character must be a letter, but got {got}"
        ))
    };
    let other = |name: &str, byte: u8| {
        bad(&format!(
            "invalid user name {name}, username must contain only {allowed}, but got \
             %!s(uint8={byte})"
        ))
    };
    let long = "a".repeat(33);
    let too_long = bad(&format!(
        "invalid username {long} with length 33, the length of username must be less than 32"
    ));
    vec![
        (" \t".into(), bad("username must be not empty")),
        (long, too_long),
        ("1a".into(), first("1a", "1")),
        ("_a".into(), first("_a", "_")),
        (" -a ".into(), first("-a", "-")),
        ("a b".into(), other("a b", b' ')),
        ("a/b".into(), other("a/b", b'/')),
        ("a:b".into(), other("a:b", b':')),
        ("aé".into(), other("aé", 0xc3)),
        ("a\0".into(), other("a\0", 0)),
        ("a'; --".into(), other("a'; --", b'\'')),
    ]
}

#[tokio::test]
async fn a_bad_name_is_refused_by_every_endpoint_that_checks_it() {
    let narrow = "numbers, letters and underscores";
    let wide = "numbers, letters, underscores, dots, and hyphens";
    for (server, created) in
        [(TestServer::start().await, narrow), (TestServer::milvus().await, wide)]
    {
        let root = server.rest(ROOT);
        for (name, expected) in bad_names(created) {
            check(&root, 200, &[("users/create", new(&name, "P@ssw0rd"), expected)]).await;
        }
        for (name, expected) in bad_names(wide) {
            let with_role = json!({"userName": name, "roleName": "no role"});
            check(
                &root,
                200,
                &[
                    ("users/describe", user(&name), expected.clone()),
                    ("users/grant_role", with_role.clone(), expected.clone()),
                    ("users/revoke_role", with_role, expected),
                ],
            )
            .await;
        }
        assert_eq!(users(&root).await, json!(["root"]));
    }
}

#[tokio::test]
async fn dots_and_hyphens_are_for_milvus_mode() {
    let server = TestServer::start().await;
    for (name, byte) in [("a.b", b'.'), ("a-b", b'-')] {
        let message = format!(
            "invalid user name {name}, username must contain only numbers, letters and \
             underscores, but got %!s(uint8={byte})"
        );
        let cases = [("users/create", new(name, "P@ssw0rd"), bad(&message))];
        check(&server.rest(ROOT), 200, &cases).await;
    }
    let milvus = TestServer::milvus().await;
    for name in ["a.b", "a-b", "a.-_1"] {
        check(&milvus.rest(ROOT), 200, &[("users/create", new(name, "123456"), done())]).await;
    }
}

#[tokio::test]
async fn the_name_is_checked_before_the_description_and_that_before_the_password() {
    let server = TestServer::start().await;
    let long = "d".repeat(1025);
    let description = bad(
        "invalid user description with length 1025, the length of user description must be less \
         than or equal to 1024",
    );
    let create = |name: &str, description: &str, password: &str| json!({"userName": name, "description": description, "password": password});
    check(
        &server.rest(ROOT),
        200,
        &[
            (
                "users/create",
                create("1", &long, "x"),
                bad("invalid user name 1, the first character must be a letter, but got 1"),
            ),
            ("users/create", create("ann", &long, "x"), description.clone()),
            ("users/create", create("root", "", "x"), length(1, 8, 64)),
            ("users/create", create("ann", &"d".repeat(1024), "P@ssw0rd"), done()),
            ("users/update_password", json!({"userName": "ann", "description": long}), description),
        ],
    )
    .await;
    let ann = describe(&server.rest(ROOT), "ann").await;
    assert_eq!(ann, described(&[], &"d".repeat(1024)));
}

#[tokio::test]
async fn a_description_is_left_alone_set_and_cleared() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    let update = "users/update_password";
    plain_user(&root, "ann").await;
    assert_eq!(describe(&root, "ann").await, described(&[], ""));
    run(&root, &[(update, json!({"userName": " ann ", "description": "Ann \u{1f600}"}))]).await;
    assert_eq!(describe(&root, "ann").await, described(&[], "Ann \u{1f600}"));
    let both = json!({"userName": "ann", "password": "P@ssw0rd", "newPassword": "N3w-pass"});
    run(&root, &[(update, both)]).await;
    assert_eq!(describe(&root, " ann").await, described(&[], "Ann \u{1f600}"));
    let both = json!({"userName": "ann", "password": "N3w-pass", "newPassword": "P@ssw0rd",
        "description": ""});
    run(&root, &[(update, both)]).await;
    assert_eq!(describe(&root, "ann").await, described(&[], ""));
    assert_eq!(
        server.rest(("ann", "P@ssw0rd")).post("users/describe", &user("ann")).await.status,
        200
    );
}

#[tokio::test]
async fn dropping_a_user_takes_the_bindings_and_a_missing_one_is_no_error() {
    let server = TestServer::start().await;
    for rest in both(&server, ROOT) {
        super::member_of_admin(&rest, "ann").await;
        assert_eq!(describe(&rest, "ann").await, described(&["admin"], ""));
        run(&rest, &[("users/drop", user("ann")), ("users/drop", user("ann"))]).await;
        assert_eq!(describe(&rest, "ann").await, described(&[], ""));
        // Names are not checked here, but root is root however it is written.
        run(&rest, &[("users/drop", user("no such user")), ("users/drop", user("ROOT"))]).await;
        let root = refused(1401, "root user cannot be deleted: privilege not permitted");
        let empty = bad("failed to check if delete credential: username is empty");
        check(
            &rest,
            200,
            &[
                ("users/drop", user("root"), root.clone()),
                ("users/drop", user(" root\n"), root),
                ("users/drop", user("  "), empty),
            ],
        )
        .await;
        assert_eq!(users(&rest).await, json!(["root"]));
    }
}

#[tokio::test]
async fn milvus_mode_has_a_limit_of_users_and_documented_mode_has_none() {
    let mut small = settings(Compat::Milvus);
    assert_eq!((small.limits.max_users, small.limits.max_roles), (100, 10));
    small.limits.max_users = 3;
    let server = TestServer::with(small).await;
    let full = refused(
        9,
        "failed to check if add credential: quota exceeded[reason=unable to add user because the \
         number of users has reached the limit]",
    );
    check(
        &server.rest(ROOT),
        200,
        &[
            ("users/create", new("u1", "123456"), done()),
            ("users/create", new("u2", "123456"), done()),
            ("users/create", new("u3", "123456"), full),
            // That it exists comes before that there is no room.
            ("users/create", new("u2", "123456"), bad("user already exists: u2")),
            ("users/drop", user("u1"), done()),
            ("users/create", new("u3", "123456"), done()),
        ],
    )
    .await;
    let documented = settings(Compat::Documented);
    assert_eq!((documented.limits.max_users, documented.limits.max_roles), (0, 0));
}
