//! Backup and restore: the identity on what a backup holds, all or nothing, never more.

use milvus_rbac::proto::milvus as pb;

use super::client::*;
use crate::support::{Grpc, ROOT, TestServer};

const HASH: &str = "$2a$04$abcdefghijklmnopqrstuu5Lr3Vwm3f2wFx7UoG9WfYwY8VmNfPAu";

/// A server with a bit of everything.
async fn filled() -> (TestServer, Grpc) {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for user in ["alice", "bob"] {
        root.create_user(user, "P@ssw0rd").await.unwrap();
    }
    for role in ["reader", "writer"] {
        root.create_role(role).await.unwrap();
    }
    let request = pb::AlterRoleRequest {
        base: None,
        role_name: "reader".to_owned(),
        description: "reads".to_owned(),
    };
    succeeded(root.rpc().alter_role(request).await.unwrap().get_ref());
    for (user, role) in [("alice", "reader"), ("alice", "admin"), ("bob", "writer")] {
        succeeded(&root.operate_user_role(user, role, 0).await.unwrap());
    }
    succeeded(&create_group(&root, "pg").await);
    succeeded(&operate_group(&root, "pg", &["Search", "Query"], 0).await);
    succeeded(&operate_v2(&root, "reader", "pg", ("default", "c1"), 0).await);
    succeeded(&operate_v2(&root, "reader", "*", ("*", "*"), 0).await);
    succeeded(&operate_v2(&root, "writer", "ClusterAdmin", ("*", "*"), 0).await);
    succeeded(&operate(&root, entity("writer", ("Collection", "c2"), "Flush"), 0).await);
    // Not part of a backup.
    succeeded(&operate(&root, entity("admin", ("Collection", "c3"), "Flush"), 0).await);
    (server, root)
}

#[tokio::test]
async fn a_backup_restored_into_an_empty_server_gives_the_same_backup() {
    let (_server, root) = filled().await;
    let meta = backup(&root).await;
    assert_eq!(meta, backup(&root).await);
    let names: Vec<&str> = meta.users.iter().map(|user| user.user.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
    let roles: Vec<&str> = meta.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ["reader", "writer"]);
    assert_eq!(meta.roles[0].description, "reads");
    assert!(meta.grants.iter().all(|grant| grant.role.as_ref().unwrap().name != "admin"));

    let empty = TestServer::start().await;
    let other = empty.grpc(ROOT).await;
    let before = empty.deployment.admin().snapshots().get().revision().0;
    succeeded(&restore(&other, Some(meta.clone())).await);
    assert_eq!(empty.deployment.admin().snapshots().get().revision().0, before + 1, "one batch");
    assert_eq!(backup(&other).await, meta);
    assert_eq!(grants_of(&other, "reader").await, grants_of(&root, "reader").await);
    assert!(empty.grpc(("alice", "P@ssw0rd")).await.logs_in().await);
    // A second time everything is there already.
    let reason = "failed to check if rbac restorable: role [reader] already exists: invalid \
                  parameter";
    refused(&restore(&other, Some(meta)).await, 1100, 41, reason);
}

#[tokio::test]
async fn nothing_to_restore_is_a_success() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let before = server.deployment.admin().snapshots().get().revision();
    succeeded(&restore(&root, None).await);
    succeeded(&restore(&root, Some(pb::RbacMeta::default())).await);
    assert_eq!(server.deployment.admin().snapshots().get().revision(), before);
    assert_eq!(backup(&root).await, pb::RbacMeta::default());
}

fn user(name: &str, roles: &[&str]) -> pb::UserInfo {
    let roles = roles.iter().map(|role| role_entity(role)).collect();
    pb::UserInfo { user: name.to_owned(), password: HASH.to_owned(), roles }
}

fn group(name: &str) -> pb::PrivilegeGroupInfo {
    pb::PrivilegeGroupInfo { group_name: name.to_owned(), privileges: Vec::new() }
}

type Spoil = fn(&mut pb::RbacMeta);

/// A good backup, which the cases below spoil.
fn good() -> pb::RbacMeta {
    pb::RbacMeta {
        users: vec![user("new_user", &["new_role"])],
        roles: vec![role_entity("new_role")],
        grants: vec![entity("new_role", ("Collection", "c1"), "Search")],
        privilege_groups: vec![group("new_group")],
    }
}

#[tokio::test]
async fn a_refused_backup_leaves_no_trace() {
    let (server, root) = filled().await;
    let before = backup(&root).await;
    let revision = server.deployment.admin().snapshots().get().revision();
    let check = "failed to check if rbac restorable: ";
    let cases: [(&str, Spoil); 19] = [
        ("role [admin] already exists", |meta| meta.roles.push(role_entity("admin"))),
        ("role [public] already exists", |meta| meta.roles.push(role_entity("public"))),
        ("role [reader] already exists", |meta| meta.roles.push(role_entity("reader"))),
        ("role [new_role] already exists", |meta| meta.roles.push(role_entity("new_role"))),
        ("privilege group [pg] already exists", |meta| meta.privilege_groups.push(group("pg"))),
        ("privilege group [ReadOnly] already exists", |meta| {
            meta.privilege_groups.push(group("ReadOnly"));
        }),
        ("privilege [Nope] does not exist", |meta| {
            meta.grants.push(entity("new_role", ("Global", "*"), "Nope"));
        }),
        ("privilege [GroupClusterAdmin] does not exist", |meta| {
            meta.grants.push(entity("new_role", ("Global", "*"), "GroupClusterAdmin"));
        }),
        ("user [root] already exists", |meta| meta.users.push(user(" root ", &[]))),
        ("user [alice] already exists", |meta| meta.users.push(user("alice", &[]))),
        ("user [new_user] already exists", |meta| meta.users.push(user("new_user", &[]))),
        ("role [nowhere] does not exist", |meta| meta.users.push(user("u2", &["nowhere"]))),
        ("role [public] does not exist", |meta| meta.users.push(user("u2", &["public"]))),
        ("the backup grants something to role [reader] and does not hold that role", |meta| {
            meta.grants.push(entity("reader", ("Collection", "c1"), "Insert"));
        }),
        ("the password of user [u2] is not a bcrypt hash of cost 4 to 14", |meta| {
            meta.users.push(pb::UserInfo { password: "P@ssw0rd".to_owned(), ..user("u2", &[]) });
        }),
        ("role [a/b] is empty or has a character that cannot be stored", |meta| {
            meta.roles.push(role_entity("a/b"));
        }),
        ("user [] is empty or has a character that cannot be stored", |meta| {
            meta.users.push(user(" ", &[]));
        }),
        ("object [c/1] is empty or has a character that cannot be stored", |meta| {
            meta.grants.push(entity("new_role", ("Collection", "c/1"), "Search"));
        }),
        ("database [a.b] is empty or has a character that cannot be stored", |meta| {
            let mut grant = entity("new_role", ("Collection", "c1"), "Search");
            grant.db_name = "a.b".to_owned();
            meta.grants.push(grant);
        }),
    ];
    for (core, spoil) in cases {
        let mut meta = good();
        spoil(&mut meta);
        let status = restore(&root, Some(meta)).await;
        refused(&status, 1100, 41, &format!("{check}{core}: invalid parameter"));
    }
    let mut meta = good();
    meta.roles[0].description = "d".repeat(1025);
    assert_eq!(restore(&root, Some(meta)).await.error_code, 5);
    assert_eq!(server.deployment.admin().snapshots().get().revision(), revision);
    assert_eq!(backup(&root).await, before);
    // What they spoilt was good.
    succeeded(&restore(&root, Some(good())).await);
    assert_eq!(grants_of(&root, "new_role").await, ["Collection default.c1 Search"]);
}

#[tokio::test]
async fn only_restore_takes_large_messages() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let role = |number: usize| pb::RoleEntity {
        name: format!("role_{number}"),
        description: "d".repeat(1000),
    };
    let roles: Vec<_> = (0..4500).map(role).collect();
    let meta = pb::RbacMeta { roles, ..Default::default() };
    succeeded(&restore(&root, Some(meta)).await);
    assert_eq!(server.deployment.admin().snapshots().get().roles().len(), 4501);
    let entity = pb::RoleEntity { name: "r".to_owned(), description: "d".repeat(5 << 20) };
    let request = pb::CreateRoleRequest { base: None, entity: Some(entity) };
    let status = root.rpc().create_role(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_among_many_writes_are_each_of_one_moment_and_can_be_restored() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    succeeded(&root.create_user("alice", "P@ssw0rd").await.unwrap());
    // Each role is made, described, granted and bound before the next one is made.
    let writer = tokio::spawn({
        let root = root.clone();
        async move {
            for number in 0..60 {
                let role = format!("role{number:02}");
                succeeded(&root.create_role(&role).await.unwrap());
                let object = format!("c{number}");
                succeeded(&operate_v2(&root, &role, "Search", ("default", &object), 0).await);
                succeeded(&root.operate_user_role("alice", &role, 0).await.unwrap());
            }
        }
    });
    // And others come and go, so that commits are shared.
    let others = (0..3).map(|who| {
        let root = root.clone();
        tokio::spawn(async move {
            let name = format!("guest{who}");
            loop {
                succeeded(&root.create_user(&name, "P@ssw0rd").await.unwrap());
                succeeded(&root.operate_user_role(&name, "admin", 0).await.unwrap());
                succeeded(&root.delete_user(&name).await.unwrap());
            }
        })
    });
    let others: Vec<_> = others.collect();
    let mut backups = Vec::new();
    while !writer.is_finished() {
        backups.push(backup(&root).await);
    }
    writer.await.unwrap();
    others.iter().for_each(tokio::task::JoinHandle::abort);
    let partial = backups.iter().filter(|meta| (1..60).contains(&meta.roles.len())).count();
    assert!(partial > 3, "{partial} of {} backups came in the midst", backups.len());
    for meta in &backups {
        let roles: Vec<&str> = meta.roles.iter().map(|role| role.name.as_str()).collect();
        let alice = meta.users.iter().find(|user| user.user == "alice").unwrap();
        let held = alice.roles.iter().filter(|role| role.name != "admin").count();
        let granted = meta.grants.len();
        // What was made first is there first; the last role may have nothing of it yet.
        assert!(held <= granted && granted <= roles.len() && roles.len() <= held + 1, "{meta:?}");
        let expected: Vec<String> = (0..roles.len()).map(|n| format!("role{n:02}")).collect();
        assert_eq!(roles, expected);
    }
    let middle = backups.iter().find(|meta| meta.roles.len() >= 30).unwrap();
    let empty = TestServer::start().await;
    let other = empty.grpc(ROOT).await;
    succeeded(&restore(&other, Some(middle.clone())).await);
    assert_eq!(backup(&other).await, *middle);
}
