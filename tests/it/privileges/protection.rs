//! Who may make administrators, and that there is always one.

use milvus_rbac::admin::Membership;
use milvus_rbac::admin::{BackupUser, RbacBackup};
use milvus_rbac::config::Compat;
use milvus_rbac::credential::{Caller, Login, Peer};
use milvus_rbac::model::PasswordHash;

use super::client::*;
use crate::support::{ROOT, TestServer, settings};

const HASH: &str = "$2a$04$abcdefghijklmnopqrstuu5Lr3Vwm3f2wFx7UoG9WfYwY8VmNfPAu";
const REASON: &str = "only root and members of the role[admin] can bind users to it, unbind them \
                      from it or restore users who hold it: privilege not permitted";

async fn caller(server: &TestServer, name: &str) -> Caller {
    let login = Login::new(name, b"P@ssw0rd");
    server.deployment.authorizer().log_in(login, Peer::LOCAL).await.unwrap()
}

fn new_admin(name: &str) -> RbacBackup {
    let user = BackupUser {
        name: name.to_owned(),
        hash: PasswordHash::new(HASH),
        roles: vec!["admin".to_owned()],
    };
    RbacBackup { users: vec![user], ..RbacBackup::default() }
}

/// Asked below the decision: somebody to whom the calls were allowed.
#[tokio::test]
async fn only_administrators_make_and_unmake_administrators() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for user in ["manager", "boss", "other"] {
        root.create_user(user, "P@ssw0rd").await.unwrap();
    }
    succeeded(&root.operate_user_role("boss", "admin", 0).await.unwrap());
    let admin = server.deployment.admin();
    let manager = caller(&server, "manager").await;
    for (user, membership) in [
        ("manager", Membership::Bind),
        ("other", Membership::Bind),
        ("root", Membership::Bind),
        ("boss", Membership::Unbind),
    ] {
        let outcome = admin.operate_user_role(&manager, user, "admin", Some(membership)).await;
        assert_eq!(outcome.unwrap_err().to_string(), REASON, "{user}");
    }
    let outcome = admin.restore(&manager, new_admin("sneaked")).await;
    assert_eq!(outcome.unwrap_err().to_string(), REASON);
    assert!(admin.snapshots().read().user("sneaked").is_none());

    let boss = caller(&server, "boss").await;
    let bind = admin.operate_user_role(&boss, "other", "admin", Some(Membership::Bind));
    bind.await.unwrap();
    admin.restore(&boss, new_admin("restored")).await.unwrap();
    // An embedder's own code is nobody's request.
    let local = Caller::unauthenticated(Peer::LOCAL);
    admin.restore(&local, new_admin("embedded")).await.unwrap();
}

#[tokio::test]
async fn in_milvus_to_manage_roles_is_enough() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    root.create_user("manager", "P@ssw0rd").await.unwrap();
    let manager = caller(&server, "manager").await;
    let admin = server.deployment.admin();
    let bind = admin.operate_user_role(&manager, "manager", "admin", Some(Membership::Bind));
    bind.await.unwrap();
    assert!(admin.snapshots().read().is_bound("manager", "admin"));
}

#[tokio::test]
async fn the_last_administrator_stays_where_root_needs_roles() {
    let mut settings = settings(Compat::Documented);
    settings.security.root_should_bind_role = true;
    let server = TestServer::with(settings).await;
    let admin = server.deployment.admin();
    let local = Caller::unauthenticated(Peer::LOCAL);
    let operate = async |user: &str, membership| {
        admin.operate_user_role(&local, user, "admin", Some(membership)).await
    };
    operate("root", Membership::Bind).await.unwrap();
    let root = server.grpc(ROOT).await;
    root.create_user("second", "P@ssw0rd").await.unwrap();
    let reason = "user \"root\" is the last member of the role[admin] and root needs roles like \
                  anybody else, so nobody could administer the service; bind another user to it \
                  first: privilege not permitted";
    refused(&root.operate_user_role("root", "admin", 1).await.unwrap(), 1401, 1, reason);
    succeeded(&root.operate_user_role("second", "admin", 0).await.unwrap());
    succeeded(&root.operate_user_role("root", "admin", 1).await.unwrap());
    let second = server.grpc(("second", "P@ssw0rd")).await;
    let status = second.delete_user("second").await.unwrap();
    assert_eq!((status.code, status.error_code), (1401, 1), "{}", status.reason);
    assert_eq!(second.list_users().await.unwrap(), ["root", "second"]);
}
