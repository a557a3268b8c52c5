//! `DeleteCredential`: who cannot be deleted, and what goes with a user.

use milvus_rbac::proto::milvus as pb;
use tonic::Code;

use super::{GOOD, created};
use crate::support::{ROOT, TestServer, input_error, success};

#[tokio::test]
async fn root_is_never_deleted_whatever_blanks_are_around_its_name() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let refused = input_error(1401, 1, "root user cannot be deleted: privilege not permitted");
        for name in ["root", " root ", "root\t", "\nroot", "\u{a0}root"] {
            assert_eq!(root.delete_user(name).await.unwrap(), refused, "{name:?}");
        }
        assert_eq!(root.list_users().await.unwrap(), ["root"]);
        assert!(root.logs_in().await);
    }
}

#[tokio::test]
async fn a_deletion_needs_a_name() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let text = "failed to check if delete credential: username is empty: invalid parameter";
        for name in ["", "  ", "\t\n"] {
            let answer = root.delete_user(name).await.unwrap();
            assert_eq!(answer, input_error(1100, 31, text), "{name:?}");
        }
    }
}

#[tokio::test]
async fn deleting_who_is_not_there_succeeds_and_changes_nothing() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        let before = server.deployment.admin().snapshots().get().revision();
        for name in ["nobody", "1$", "a/b", &"x".repeat(300), "Root", "ROOT"] {
            assert_eq!(root.delete_user(name).await.unwrap(), success(), "{name:?}");
        }
        assert_eq!(root.list_users().await.unwrap(), ["root"]);
        assert_eq!(server.deployment.admin().snapshots().get().revision(), before);
    }
}

#[tokio::test]
async fn a_deleted_user_fails_on_the_next_call_of_an_open_connection() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    created(&root, "ann").await;
    let ann = server.grpc(("ann", GOOD)).await;
    assert!(ann.logs_in().await);
    assert_eq!(root.delete_user(" ann ").await.unwrap(), success());
    assert!(!ann.logs_in().await);
}

#[tokio::test]
async fn nobody_deletes_themselves_without_the_privilege_and_admins_may() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    created(&root, "ann").await;
    let ann = server.grpc(("ann", GOOD)).await;
    let denied = ann.delete_user("ann").await.unwrap_err();
    let text = "PrivilegeDropOwnership: permission deny to ann in the `*` database";
    assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));

    assert_eq!(root.operate_user_role("ann", "admin", 0).await.unwrap(), success());
    assert_eq!(ann.delete_user("ann").await.unwrap(), success());
    assert!(!ann.logs_in().await);
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

#[tokio::test]
async fn a_user_made_again_has_no_roles_and_the_old_login_is_gone() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        created(&root, "ann").await;
        assert_eq!(root.operate_user_role("ann", "admin", 0).await.unwrap(), success());
        let old = server.grpc(("ann", GOOD)).await;
        // Twice, so that the login is remembered.
        assert!(old.logs_in().await && old.logs_in().await);
        assert_eq!(root.delete_user("ann").await.unwrap(), success());
        assert_eq!(root.create_user("ann", "0therP@ss").await.unwrap(), success());
        assert!(!old.logs_in().await);

        let new = server.grpc(("ann", "0therP@ss")).await;
        assert!(new.logs_in().await);
        assert!(root.select_user("ann").await.unwrap().unwrap().roles.is_empty());
        assert_eq!(new.list_users().await.unwrap_err().code(), Code::PermissionDenied);

        // The same password again is a new password: the role does not come back with it.
        assert_eq!(root.delete_user("ann").await.unwrap(), success());
        created(&root, "ann").await;
        assert!(old.logs_in().await);
        assert_eq!(old.list_users().await.unwrap_err().code(), Code::PermissionDenied);
    }
}

#[tokio::test]
async fn a_deleted_user_is_no_longer_listed_with_any_role() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        created(&root, "ann").await;
        assert_eq!(root.create_role("r").await.unwrap(), success());
        let members = async || {
            let request = pb::SelectRoleRequest { include_user_info: true, ..Default::default() };
            let answer = root.rpc().select_role(request).await.unwrap().into_inner();
            let users = answer.results.into_iter().flat_map(|result| result.users);
            users.map(|user| user.name).filter(|name| name == "ann").count()
        };
        for role in ["r", "admin"] {
            assert_eq!(root.operate_user_role("ann", role, 0).await.unwrap(), success());
        }
        assert_eq!(members().await, 2);
        assert_eq!(root.delete_user("ann").await.unwrap(), success());
        assert_eq!(members().await, 0);
    }
}
