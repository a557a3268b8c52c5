//! Passwords over REST: which may be set, what a change needs, and who may forget.

use milvus_rbac::config::Compat;
use serde_json::{Value, json};

use super::{Case, check, done, member_of_admin, plain_user, refused, run};
use crate::support::{ROOT, TestServer, settings};

const UPDATE: &str = "users/update_password";

fn change(name: &str, old: &str, new: &str) -> Value {
    json!({"userName": name, "password": old, "newPassword": new})
}

fn wrong(name: &str) -> Value {
    refused(1400, &format!("old password not correct for {name}: not authenticated"))
}

fn new(name: &str, password: &str) -> Value {
    json!({"userName": name, "password": password})
}

fn user(name: &str) -> Value {
    json!({"userName": name})
}

fn bad(message: &str) -> Value {
    refused(1100, &format!("{message}: invalid parameter"))
}

fn length(actual: usize, min: usize, max: usize) -> Value {
    let range = format!("[{actual} out of range {min} <= value <= {max}]");
    refused(1100, &format!("invalid password length: invalid parameter{range}"))
}

async fn logs_in(server: &TestServer, user: &str, password: &str) -> bool {
    let own = json!({"userName": user});
    server.rest((user, password)).post("users/describe", &own).await.status == 200
}

#[tokio::test]
async fn an_update_is_refused_in_this_order_with_these_texts() {
    let server = TestServer::start().await;
    plain_user(&server.rest(ROOT), "ann").await;
    let nothing = refused(1100, "must update either password or description: invalid parameter");
    let unknown = refused(65535, "failed to check if update credential: user not found");
    let cases: Vec<Case<'_>> = vec![
        (UPDATE, json!({"userName": "ann"}), nothing.clone()),
        (UPDATE, json!({"userName": "ann", "password": "P@ssw0rd"}), nothing.clone()),
        (UPDATE, change("ann", "P@ssw0rd", ""), nothing.clone()),
        (UPDATE, json!({"userName": "nobody"}), nothing),
        (UPDATE, change("ann", "wrong", "x"), length(1, 8, 64)),
        (UPDATE, change("ann", "wrong", "N3w-pass"), wrong("ann")),
        (UPDATE, change("nobody", "P@ssw0rd", "N3w-pass"), wrong("nobody")),
        (UPDATE, change("root", "wrong", "N3w-pass"), wrong("root")),
        (UPDATE, json!({"userName": "nobody", "description": "d"}), unknown),
        (UPDATE, change(" ann ", "P@ssw0rd", "P@ssw0rd"), done()),
        (UPDATE, change("ann", "P@ssw0rd", "N3w-pass"), done()),
        (UPDATE, change("ann", "P@ssw0rd", "P@ssw0rd"), wrong("ann")),
    ];
    for rest in [server.rest(ROOT), server.rest(ROOT).http2()] {
        check(&rest, 200, &cases).await;
        run(&rest, &[(UPDATE, change("ann", "N3w-pass", "P@ssw0rd"))]).await;
    }
    // A wrong old password changes nothing, the description neither.
    let both = json!({"userName": "ann", "password": "wrong", "newPassword": "N3w-pass",
        "description": "d"});
    check(&server.rest(ROOT), 200, &[(UPDATE, both, wrong("ann"))]).await;
    let ann = server.rest(ROOT).post("users/describe", &json!({"userName": "ann"})).await;
    assert_eq!(ann.json()["description"], "");
}

#[tokio::test]
async fn users_change_their_own_password_and_nobody_elses() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    plain_user(&root, "bob").await;
    let ann = server.rest(("ann", "P@ssw0rd"));
    let denied = refused(
        65535,
        "rpc error: code = PermissionDenied desc = PrivilegeUpdateUser: permission deny to ann \
         in the `*` database",
    );
    check(
        &ann,
        403,
        &[
            (UPDATE, change("bob", "P@ssw0rd", "N3w-pass"), denied.clone()),
            (UPDATE, json!({"userName": "bob"}), denied.clone()),
            (UPDATE, change("root", "Milvus", "N3w-pass"), denied.clone()),
            (UPDATE, change("nobody", "x", "x"), denied),
        ],
    )
    .await;
    // Not even their own without the old one.
    check(&ann, 200, &[(UPDATE, change("ann", "", "N3w-pass"), wrong("ann"))]).await;
    run(&ann, &[(UPDATE, change("ann", "P@ssw0rd", "N3w-pass"))]).await;
    assert!(logs_in(&server, "ann", "N3w-pass").await);
    assert!(logs_in(&server, "bob", "P@ssw0rd").await);
}

#[tokio::test]
async fn root_changes_its_password_with_the_old_one_only() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    member_of_admin(&root, "boss").await;
    let boss = server.rest(("boss", "P@ssw0rd"));
    for client in [&root, &boss] {
        let without = json!({"userName": "root", "newPassword": "N3w-pass"});
        check(
            client,
            200,
            &[
                (UPDATE, change("root", "", "N3w-pass"), wrong("root")),
                (UPDATE, without, wrong("root")),
                (UPDATE, change(" root ", "", "N3w-pass"), wrong("root")),
            ],
        )
        .await;
    }
    run(&root, &[(UPDATE, change("root", "Milvus", "N3w-pass"))]).await;
    assert!(!logs_in(&server, "root", "Milvus").await);
    assert!(logs_in(&server, "root", "N3w-pass").await);
}

#[tokio::test]
async fn root_and_admins_reset_the_forgotten_password_of_others() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    member_of_admin(&root, "boss").await;
    plain_user(&root, "ann").await;
    let boss = server.rest(("boss", "P@ssw0rd"));
    for (client, new) in [(&root, "Fr0m-root"), (&boss, "Fr0m-boss")] {
        run(client, &[(UPDATE, json!({"userName": "ann", "newPassword": new}))]).await;
        assert!(logs_in(&server, "ann", new).await);
        run(client, &[(UPDATE, change(" ann", "", "P@ssw0rd"))]).await;
        assert!(logs_in(&server, "ann", "P@ssw0rd").await);
        let null = json!({"userName": "ann", "password": null, "newPassword": "P@ssw0rd"});
        run(client, &[(UPDATE, null)]).await;
        let unknown = refused(65535, "failed to check if update credential: user not found");
        check(
            client,
            200,
            &[
                // Whoever gives an old password must know it.
                (UPDATE, change("ann", "guess", "N3w-pass"), wrong("ann")),
                (UPDATE, change("ann", " ", "N3w-pass"), wrong("ann")),
                (UPDATE, change("ann", "", "short"), length(5, 8, 64)),
                (UPDATE, change("nobody", "", "N3w-pass"), unknown),
            ],
        )
        .await;
    }
    // Not their own.
    check(&boss, 200, &[(UPDATE, change("boss", "", "N3w-pass"), wrong("boss"))]).await;
    run(&root, &[("users/revoke_role", json!({"userName": "boss", "roleName": "admin"}))]).await;
    assert_eq!(boss.post(UPDATE, &change("ann", "", "N3w-pass")).await.status, 403);
}

#[tokio::test]
async fn root_that_needs_roles_resets_nothing_without_them() {
    let mut settings = settings(Compat::Documented);
    settings.security.root_should_bind_role = true;
    let server = TestServer::with(settings).await;
    let answer = server.rest(ROOT).post(UPDATE, &change("ann", "", "N3w-pass")).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (403, 65535));
}

#[tokio::test]
async fn in_milvus_mode_only_super_users_need_no_old_password() {
    let server = TestServer::milvus().await;
    let root = server.rest(ROOT);
    plain_user(&root, "ann").await;
    check(&root, 200, &[(UPDATE, change("ann", "", "N3w-pass"), wrong("ann"))]).await;
    for compat in [Compat::Milvus, Compat::Documented] {
        let mut settings = settings(compat);
        settings.security.super_users = vec!["root".to_owned()];
        let server = TestServer::with(settings).await;
        let root = server.rest(ROOT);
        plain_user(&root, "ann").await;
        run(&root, &[(UPDATE, change("ann", "guess", "N3w-pass"))]).await;
        run(&root, &[(UPDATE, change("root", "", "N3w-pass"))]).await;
        assert!(logs_in(&server, "ann", "N3w-pass").await);
        assert!(logs_in(&server, "root", "N3w-pass").await);
    }
}

#[tokio::test]
async fn passwords_follow_the_page_by_default() {
    let server = TestServer::start().await;
    let root = server.rest(ROOT);
    let classes = bad(
        "invalid password: three of upper-case letters, lower-case letters, digits and special \
         characters are required",
    );
    let cases: Vec<(String, Value)> = vec![
        ("Abcdef1".into(), length(7, 8, 64)),
        (format!("Ab1{}", "x".repeat(62)), length(65, 8, 64)),
        (format!("Ab1{}", "é".repeat(35)), length(73, 8, 72)),
        ("abcdefgh".into(), classes.clone()),
        ("Abcdefgh".into(), classes.clone()),
        ("abcdefg1".into(), classes.clone()),
        ("12345678".into(), classes.clone()),
        ("********".into(), classes),
        ("Abcdef1\0".into(), bad("invalid password: NUL is not allowed")),
    ];
    plain_user(&root, "bob").await;
    for (password, expected) in &cases {
        let update = json!({"userName": "bob", "password": "P@ssw0rd", "newPassword": password});
        check(
            &root,
            200,
            &[
                ("users/create", new("ann", password), expected.clone()),
                ("users/update_password", update, expected.clone()),
            ],
        )
        .await;
    }
    for password in ["Abcdefg1", "abcdef1*", "ABCDEF1*", "Abcdefg*", "Äbcdefg1"] {
        run(&root, &[("users/create", new("ann", password)), ("users/drop", user("ann"))]).await;
    }
    run(&root, &[("users/create", new("ann", &format!("Ab1{}", "x".repeat(61))))]).await;
}

#[tokio::test]
async fn passwords_in_milvus_mode_are_six_to_72_bytes() {
    let server = TestServer::milvus().await;
    let root = server.rest(ROOT);
    check(
        &root,
        200,
        &[
            ("users/create", new("ann", "12345"), length(5, 6, 72)),
            ("users/create", new("ann", &"x".repeat(73)), length(73, 6, 72)),
            ("users/create", new("ann", "123456"), done()),
            ("users/create", new("bob", &"x".repeat(72)), done()),
            ("users/create", new("cid", "ééé"), done()),
        ],
    )
    .await;
}
