//! Forgotten passwords: who may set one without knowing the old one.

use milvus_rbac::config::Compat;
use tonic::Code;

use super::{GOOD, created, update};
use crate::support::{Grpc, ROOT, TestServer, encoded, failure, input_error, settings, success};

const NEW: &str = "N3wP@ssword";

async fn reset(client: &Grpc, name: &str, old: &str) -> milvus_rbac::proto::common::Status {
    update(client, name, (old, &encoded(NEW)), None).await.unwrap()
}

fn wrong(name: &str) -> milvus_rbac::proto::common::Status {
    input_error(1400, 1, &format!("old password not correct for {name}: not authenticated"))
}

async fn with_boss(server: &TestServer) -> (Grpc, Grpc) {
    let root = server.grpc(ROOT).await;
    for name in ["ann", "boss"] {
        created(&root, name).await;
    }
    assert_eq!(root.operate_user_role("boss", "admin", 0).await.unwrap(), success());
    (root, server.grpc(("boss", GOOD)).await)
}

#[tokio::test]
async fn root_and_admins_may_leave_out_the_old_password_of_another_user() {
    let server = TestServer::start().await;
    let (root, boss) = with_boss(&server).await;
    for client in [&root, &boss] {
        // A wrong one still fails: who gives one means it.
        assert_eq!(reset(client, "ann", &encoded("wr0ngP@ss")).await, wrong("ann"));
        assert_eq!(reset(client, " ann ", "").await, success());
        assert!(server.grpc(("ann", NEW)).await.logs_in().await);
        assert!(!server.grpc(("ann", GOOD)).await.logs_in().await);
        let back = (&*encoded(NEW), &*encoded(GOOD));
        assert_eq!(update(client, "ann", back, None).await.unwrap(), success());
    }
    let unknown = "failed to check if update credential: user not found";
    assert_eq!(reset(&root, "nobody", "").await, failure(65535, 30, unknown));
    let blank = "failed to check if update credential: username is empty: invalid parameter";
    assert_eq!(reset(&root, " ", "").await, input_error(1100, 30, blank));
}

#[tokio::test]
async fn nobody_leaves_out_the_password_of_root_or_their_own() {
    let server = TestServer::start().await;
    let (root, boss) = with_boss(&server).await;
    for name in ["root", " root ", "root\t"] {
        assert_eq!(reset(&root, name, "").await, wrong("root"));
        assert_eq!(reset(&boss, name, "").await, wrong("root"));
    }
    for name in ["boss", " boss "] {
        assert_eq!(reset(&boss, name, "").await, wrong("boss"));
    }
    let ann = server.grpc(("ann", GOOD)).await;
    assert_eq!(reset(&ann, "ann", "").await, wrong("ann"));
    assert!(root.logs_in().await && boss.logs_in().await && ann.logs_in().await);
}

#[tokio::test]
async fn the_right_ends_with_the_role() {
    let server = TestServer::start().await;
    let (root, boss) = with_boss(&server).await;
    assert_eq!(root.operate_user_role("boss", "admin", 1).await.unwrap(), success());
    let denied = update(&boss, "ann", ("", &encoded(NEW)), None).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn in_milvus_neither_root_nor_admins_may() {
    let server = TestServer::milvus().await;
    let (root, boss) = with_boss(&server).await;
    for client in [&root, &boss] {
        for name in ["ann", "root", "boss"] {
            assert_eq!(reset(client, name, "").await, wrong(name));
        }
    }
}

#[tokio::test]
async fn super_users_need_no_old_password_and_have_no_other_right() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let mut settings = settings(compat);
        settings.security.super_users = vec!["ops".to_owned(), "boss".to_owned()];
        let server = TestServer::with(settings).await;
        let (root, boss) = with_boss(&server).await;
        created(&root, "ops").await;
        let ops = server.grpc(("ops", GOOD)).await;
        assert_eq!(ops.list_users().await.unwrap_err().code(), Code::PermissionDenied);
        let denied = update(&ops, "ann", ("", &encoded(NEW)), None).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        assert_eq!(reset(&ops, "ops", "").await, success());
        assert!(!ops.logs_in().await);

        // It must still be base64, which nothing is.
        let undecodable =
            input_error(1100, 5, "decode old password failed: illegal base64 data at input byte 0");
        assert_eq!(reset(&boss, "ann", "*").await, undecodable);
        assert_eq!(reset(&boss, "ann", &encoded("wr0ngP@ss")).await, success());
        assert_eq!(reset(&boss, "root", "").await, success());
        assert!(!root.logs_in().await);
        let blank = "failed to check if update credential: username is empty: invalid parameter";
        assert_eq!(reset(&boss, "", "").await, input_error(1100, 30, blank));
        let unknown = "failed to check if update credential: user not found";
        assert_eq!(reset(&boss, "nobody", "").await, failure(65535, 30, unknown));
        assert_eq!(reset(&boss, "boss", "").await, success());
    }
}
