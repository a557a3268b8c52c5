//! `OperateUserRole`: what is checked in which order, and that it counts at once.

use tonic::Code;

use super::{BIND, EMPTY_ROLE, EMPTY_USER, GOOD, UNBIND, UNKNOWN_ROLE, bind, roles, shown};
use crate::support::{ROOT, TestServer, input_error, success};

#[tokio::test]
async fn user_then_role_name_then_role_then_user_then_type_are_checked() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        let refused = |legacy, reason: &str| input_error(1100, legacy, reason);
        let no_user = "failed to check if operate user role: user \"bob\" not found: invalid \
                       parameter";
        let no_type = "invalid operate user role type: invalid parameter";
        for number in [BIND, UNBIND, 2, -1, i32::MAX] {
            let known = number == UNBIND;
            for (user, role, expected) in [
                ("", "", refused(5, EMPTY_USER)),
                (" ", "1", refused(5, EMPTY_USER)),
                ("ann", "", refused(5, EMPTY_ROLE)),
                ("bob", " ", refused(5, EMPTY_ROLE)),
                ("bob", "nothing", refused(37, UNKNOWN_ROLE)),
                ("ann", "nothing", refused(37, UNKNOWN_ROLE)),
                ("ann", " r ", refused(37, UNKNOWN_ROLE)),
                ("bob", "r", if known { success() } else { refused(37, no_user) }),
            ] {
                let answer = root.operate_user_role(user, role, number).await.unwrap();
                assert_eq!(answer, expected, "{user:?} {role:?} {number}");
            }
            if ![BIND, UNBIND].contains(&number) {
                let answer = root.operate_user_role("ann", "r", number).await.unwrap();
                assert_eq!(answer, refused(37, no_type));
            }
        }
        assert_eq!(roles(&root, Some("ann")).await, [shown("ann", &[])]);
    }
}

#[tokio::test]
async fn binding_and_unbinding_twice_succeeds_and_is_one_change() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        assert_eq!(root.create_role("r").await.unwrap(), success());
        let revision = || server.deployment.admin().snapshots().get().revision().0;
        for (number, held) in [(BIND, &["r"][..]), (UNBIND, &[]), (BIND, &["r"])] {
            let before = revision();
            for user in ["ann", " ann ", "ann"] {
                let answer = root.operate_user_role(user, "r", number).await.unwrap();
                assert_eq!(answer, success());
            }
            assert_eq!(revision(), before + 1);
            assert_eq!(roles(&root, Some("ann")).await, [shown("ann", held)]);
        }
    }
}

#[tokio::test]
async fn a_member_of_admin_may_do_everything_at_once_and_nothing_at_once_after() {
    for server in [TestServer::start().await, TestServer::milvus().await] {
        let root = server.grpc(ROOT).await;
        assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
        let ann = server.grpc(("ann", GOOD)).await;
        for _ in 0..3 {
            assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
            assert_eq!(ann.create_role("r").await.unwrap_err().code(), Code::PermissionDenied);
            bind(&root, "ann", "admin").await;
            assert_eq!(ann.list_users().await.unwrap(), ["ann", "root"]);
            assert_eq!(ann.create_role("r").await.unwrap(), success());
            assert_eq!(ann.drop_role("r").await.unwrap(), success());
            assert_eq!(ann.create_user("bob", GOOD).await.unwrap(), success());
            assert_eq!(ann.delete_user("bob").await.unwrap(), success());
            // Also giving it away themselves.
            assert_eq!(ann.operate_user_role("ann", "admin", UNBIND).await.unwrap(), success());
        }
    }
}
