//! Grants over restarts, and under load.

use std::collections::BTreeSet;

use milvus_rbac::config::{Compat, StoreSetting};
use milvus_rbac::proto::milvus as pb;

use super::client::*;
use crate::support::{ROOT, TestServer, settings};

#[tokio::test]
async fn grants_and_groups_survive_a_restart_also_beside_a_star_and_after_a_misspelling() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(Compat::Documented);
    settings.store = StoreSetting::Sled(directory.path().join("data"));
    let server = TestServer::with(settings.clone()).await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    root.create_role("s").await.unwrap();
    assert_eq!(operate_v2(&root, "r", "Serach", ("db", "c"), 0).await.code, 1100);
    succeeded(&operate_v2(&root, "r", "Search", ("db", "c"), 0).await);
    succeeded(&operate_v2(&root, "r", "*", ("*", "*"), 0).await);
    succeeded(&create_group(&root, "g").await);
    succeeded(&operate_group(&root, "g", &["Query", "Insert"], 0).await);
    succeeded(&operate_v2(&root, "s", "g", ("db", "c"), 0).await);
    succeeded(&operate_v2(&root, "s", "Delete", ("db", "c"), 0).await);
    succeeded(&operate_v2(&root, "s", "Delete", ("db", "c"), 1).await);
    let before = (grants_of(&root, "r").await, grants_of(&root, "s").await);
    let groups = list_groups(&root).await;
    server.stop().await;

    let server = TestServer::with(settings).await;
    let root = server.grpc(ROOT).await;
    assert_eq!(before.0, ["Collection db.c Search", "Global *.* *"]);
    assert_eq!(before.1, ["Global db.c g"]);
    assert_eq!((grants_of(&root, "r").await, grants_of(&root, "s").await), before);
    assert_eq!(list_groups(&root).await, groups);
    // The row of what was revoked is still there, and gives nothing back.
    succeeded(&operate_v2(&root, "s", "Upsert", ("db", "c"), 0).await);
    assert_eq!(grants_of(&root, "s").await, ["Collection db.c Upsert", "Global db.c g"]);
}

#[tokio::test]
async fn concurrent_grants_and_revokes_leave_neither_ghosts_nor_duplicates() {
    const TASKS: usize = 8;
    const ROUNDS: usize = 40;
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    root.create_user("u", "P@ssw0rd").await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let root = root.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                let r#type = i32::try_from((task + round) % 2).unwrap();
                succeeded(&operate_v2(&root, "r", "Load", ("db", "c"), r#type).await);
                succeeded(&root.operate_user_role("u", "r", r#type).await.unwrap());
                let user = root.select_user("u").await.unwrap().unwrap();
                assert!(user.roles.len() <= 1);
                let grants = grants_of(&root, "r").await;
                // A privilege and what goes with it come and go in one piece.
                assert!(matches!(grants.len(), 0 | 3), "{grants:?}");
                assert_eq!(grants.iter().collect::<BTreeSet<_>>().len(), grants.len());
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    succeeded(&operate_v2(&root, "r", "Load", ("db", "c"), 1).await);
    succeeded(&root.operate_user_role("u", "r", 1).await.unwrap());
    assert!(grants_of(&root, "r").await.is_empty());
    let request = pb::DropRoleRequest { base: None, role_name: "r".into(), force_drop: false };
    succeeded(root.rpc().drop_role(request).await.unwrap().get_ref());
}
