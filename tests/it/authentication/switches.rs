//! The settings that change who may: authorization switched off, and root that needs roles.

use milvus_rbac::admin::Membership;
use milvus_rbac::config::Compat;
use milvus_rbac::credential::{Caller, Peer};
use tonic::Code;

use super::{MISSING, WRONG};
use crate::support::{Grpc, ROOT, TestServer, Wire, basic, input_error, settings, success};

async fn unprotected(compat: Compat) -> TestServer {
    let mut settings = settings(compat);
    settings.security.authorization = false;
    TestServer::with(settings).await
}

#[tokio::test]
async fn without_authorization_everything_passes_with_any_header_or_none() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let server = unprotected(compat).await;
        let nobody = Grpc::anonymous(server.address).await;
        assert!(nobody.logs_in().await);
        assert_eq!(nobody.create_user("ann", "P@ssw0rd").await.unwrap(), success());
        assert_eq!(nobody.create_role("r").await.unwrap(), success());
        assert_eq!(nobody.operate_user_role("ann", "r", 0).await.unwrap(), success());
        // Old Java clients send this when nothing is configured.
        for value in [&*basic("root", "milvus"), "junk", ""] {
            let client = nobody.with_authorization(value);
            assert_eq!(client.list_users().await.unwrap(), ["ann", "root"]);
        }
        let wire = Wire::connect(server.address).await;
        let answer = wire.call("ListDatabases", &[], &[]).await;
        assert!(String::from_utf8_lossy(answer.message()).contains("default"));
        assert_eq!(wire.call("Insert", &[], &[]).await.code, Code::Unimplemented);
        let answer = wire.call("Nope", &[], &[]).await;
        let text = "unknown method Nope for service milvus.proto.milvus.MilvusService";
        assert_eq!(answer.outcome(), (Code::Unimplemented, text));
        assert_eq!(wire.call("CreateRole", &[], b"\x12\x05").await.code, Code::Internal);
        // What nobody may, nobody may.
        assert_eq!(wire.call("Dummy", &[], &[]).await.code, Code::PermissionDenied);
    }
}

#[tokio::test]
async fn without_authorization_a_password_still_needs_the_old_one() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let mut settings = settings(compat);
        settings.security.authorization = false;
        settings.security.super_users = vec!["root".to_owned(), String::new()];
        let server = TestServer::with(settings).await;
        let nobody = Grpc::anonymous(server.address).await;
        assert_eq!(nobody.create_user("ann", "P@ssw0rd").await.unwrap(), success());
        // A header proves nothing where none is checked.
        for client in [nobody.clone(), nobody.with_authorization(&basic(ROOT.0, ROOT.1))] {
            for name in ["ann", "root"] {
                for old in ["", "wr0ngP@ss"] {
                    let answer = client.update_password(name, old, "N3wP@ssword").await.unwrap();
                    let text = format!("old password not correct for {name}: not authenticated");
                    assert_eq!(answer, input_error(1400, 1, &text));
                }
            }
        }
        let answer = nobody.update_password("ann", "P@ssw0rd", "N3wP@ssword").await.unwrap();
        assert_eq!(answer, success());
        let root = "root user cannot be deleted: privilege not permitted";
        assert_eq!(nobody.delete_user("root").await.unwrap(), input_error(1401, 1, root));
    }
}

#[tokio::test]
async fn root_that_must_bind_a_role_is_like_anybody_else_until_it_has_one() {
    for compat in [Compat::Documented, Compat::Milvus] {
        let mut settings = settings(compat);
        settings.security.root_should_bind_role = true;
        let server = TestServer::with(settings).await;
        let root = server.grpc(ROOT).await;
        let denied = root.create_role("r").await.unwrap_err();
        let text = "PrivilegeCreateOwnership: permission deny to root in the `*` database";
        assert_eq!((denied.code(), denied.message()), (Code::PermissionDenied, text));
        // Nor does it look like an administrator.
        assert!(root.select_user("root").await.unwrap().unwrap().roles.is_empty());

        let admin = server.deployment.admin();
        let caller = Caller::unauthenticated(Peer::LOCAL);
        let bind = Some(Membership::Bind);
        admin.operate_user_role(&caller, "root", "admin", bind).await.unwrap();
        assert_eq!(root.create_role("r").await.unwrap(), success());
        assert_eq!(root.select_user("root").await.unwrap().unwrap().roles[0].name, "admin");
        // The last administrator stays one; as soon as there is another, root is like anybody.
        let last = root.operate_user_role("root", "admin", 1).await.unwrap();
        assert_eq!(last.code, 1401, "{last:?}");
        assert_eq!(root.create_user("boss", "P@ssw0rd").await.unwrap(), success());
        assert_eq!(root.operate_user_role("boss", "admin", 0).await.unwrap(), success());
        assert_eq!(root.operate_user_role("root", "admin", 1).await.unwrap(), success());
        assert_eq!(root.create_role("s").await.unwrap_err().code(), Code::PermissionDenied);
    }
}

#[tokio::test]
async fn authorization_is_on_unless_it_is_switched_off() {
    for compat in [Compat::Documented, Compat::Milvus] {
        assert!(settings(compat).security.authorization);
        let server = TestServer::with(settings(compat)).await;
        let nobody = Grpc::anonymous(server.address).await;
        let refused = nobody.list_users().await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, MISSING));
        let refused = nobody.with_authorization(&basic("root", "milvus")).list_users().await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, WRONG));
    }
}
