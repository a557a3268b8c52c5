//! `root` and `public`: shown, bound and unbound otherwise in each mode.

use super::{BIND, GOOD, UNBIND, bind, members, roles, shown};
use crate::support::{ROOT, TestServer, input_error, success};

#[tokio::test]
async fn as_documented_root_shows_admin_and_no_binding_is_stored() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("zoe", GOOD).await.unwrap(), success());
    bind(&root, "zoe", "admin").await;
    let before = server.deployment.admin().snapshots().get();
    for _ in 0..2 {
        assert_eq!(members(&root, None).await, [shown("admin", &["root", "zoe"])]);
        assert_eq!(members(&root, Some("admin")).await, [shown("admin", &["root", "zoe"])]);
        assert_eq!(roles(&root, Some("root")).await, [shown("root", &["admin"])]);
        let all = [shown("root", &["admin"]), shown("zoe", &["admin"])];
        assert_eq!(roles(&root, None).await, all);
        bind(&root, "root", "admin").await;
    }
    let refused = "the role[admin] is a default role, which can't be unbound: privilege not \
                   permitted";
    for user in ["root", " root "] {
        let answer = root.operate_user_role(user, "admin", UNBIND).await.unwrap();
        assert_eq!(answer, input_error(1401, 1, refused));
    }
    let after = server.deployment.admin().snapshots().get();
    assert_eq!(after.revision(), before.revision());
    assert!(after.roles_of("root").is_empty());

    // Any other role root holds like anybody else.
    assert_eq!(root.create_role("z").await.unwrap(), success());
    bind(&root, "root", "z").await;
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &["admin", "z"])]);
}

#[tokio::test]
async fn in_milvus_root_shows_what_is_bound_and_nothing_else() {
    let server = TestServer::milvus().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &[])]);
    assert_eq!(members(&root, Some("admin")).await, [shown("admin", &[])]);
    bind(&root, "root", "admin").await;
    bind(&root, "root", "public").await;
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &["admin", "public"])]);
    assert_eq!(members(&root, Some("public")).await, [shown("public", &["root"])]);
    for role in ["admin", "public"] {
        assert_eq!(root.operate_user_role("root", role, UNBIND).await.unwrap(), success());
    }
    assert_eq!(roles(&root, Some("root")).await, [shown("root", &[])]);
    assert_eq!(root.list_users().await.unwrap(), ["root"]);
}

#[tokio::test]
async fn as_documented_public_is_a_reserved_name() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", GOOD).await.unwrap(), success());
    assert_eq!(members(&root, Some("public")).await, []);
    for (number, verb) in [(BIND, "bound"), (UNBIND, "unbound"), (2, "bound")] {
        for user in ["ann", "nobody"] {
            let answer = root.operate_user_role(user, "public", number).await.unwrap();
            let text = format!("the role[public] is a default role, which can't be {verb}");
            let text = format!("{text}: privilege not permitted");
            assert_eq!(answer, input_error(1401, 1, &text));
        }
    }
    assert_eq!(members(&root, None).await, [shown("admin", &["root"])]);
}
