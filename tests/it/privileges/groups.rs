//! Custom privilege groups, refusal by refusal.

use super::client::*;
use crate::support::{ROOT, TestServer};

#[tokio::test]
async fn custom_groups_are_listed_before_the_nine_with_sorted_members() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for name in ["pg2", "pg1"] {
        succeeded(&create_group(&root, name).await);
    }
    succeeded(&operate_group(&root, "pg1", &["Search", "Query", "Search"], 0).await);
    succeeded(&operate_group(&root, "pg1", &["Insert", "Query"], 0).await);
    let groups = list_groups(&root).await;
    let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["pg1", "pg2", "ClusterReadOnly"]);
    assert_eq!(names.len(), 11);
    assert_eq!(groups[0].1, ["Insert", "Query", "Search"]);
    assert!(groups[1].1.is_empty());
    assert_eq!(groups[5].1, ["ShowCollections", "DescribeDatabase"]);
    succeeded(&operate_group(&root, "pg1", &["Insert", "Query", "Delete", "Search"], 1).await);
    assert!(list_groups(&root).await[0].1.is_empty());
}

#[tokio::test]
async fn names_of_groups_follow_their_rule() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    let long = "a".repeat(256);
    for (name, code, legacy, reason) in [
        (
            "",
            1402,
            1,
            "invalid privilege group name[privilegeGroup=privilege group name should not be \
             empty]"
                .to_owned(),
        ),
        (
            &long,
            1402,
            1,
            format!(
                "{long}->255: invalid privilege group name[privilegeGroup=the length of a \
                 privilege group name %s must be less than %s characters]"
            ),
        ),
        (
            "1a",
            1402,
            1,
            "1a: invalid privilege group name[privilegeGroup=the first character of a privilege \
             group name %s must be an underscore or letter]"
                .to_owned(),
        ),
        (
            "a$",
            1100,
            5,
            "privilege group name a$ can only contain numbers, letters and underscores: invalid \
             parameter"
                .to_owned(),
        ),
    ] {
        refused(&create_group(&root, name).await, code, legacy, &reason);
        refused(&drop_group(&root, name).await, code, legacy, &reason);
        refused(&operate_group(&root, name, &[], 0).await, code, legacy, &reason);
    }
}

#[tokio::test]
async fn names_that_mean_something_cannot_be_taken() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    succeeded(&create_group(&root, "mine").await);
    let check = "failed to check if privilege group creatable: privilege group name";
    let reason = format!("{check} [mine] is defined by users: invalid parameter");
    refused(&create_group(&root, "mine").await, 1100, 58, &reason);
    for name in ["Search", "ClusterAdmin", "ReadOnly", "All", "GroupClusterAdmin"] {
        let reason = format!(
            "{check} [{name}] is defined by built in privileges or privilege groups in system: \
             invalid parameter"
        );
        refused(&create_group(&root, name).await, 1100, 58, &reason);
        // Dropping one is a success without effect.
        succeeded(&drop_group(&root, name).await);
    }
    succeeded(&drop_group(&root, "nowhere").await);
    assert_eq!(list_groups(&root).await.len(), 10);
}

#[tokio::test]
async fn changes_of_members_are_refused_in_milvus_order() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    succeeded(&create_group(&root, "g").await);
    succeeded(&create_group(&root, "other").await);
    let check = "failed to check if privilege group alterable: ";
    for (name, members, r#type, core) in [
        (
            "nowhere",
            &[][..],
            0,
            "there is no privilege group name [nowhere] defined in system to operate",
        ),
        (
            "DatabaseAdmin",
            &["Nope"],
            1,
            "there is no privilege group name [DatabaseAdmin] defined in system to operate",
        ),
        ("g", &[], 0, "privileges is empty when alter the privilege group"),
        (
            "g",
            &["Search", "Nope"],
            1,
            "there is no privilege name or privilege group name [Nope] defined in system to operate",
        ),
        (
            "g",
            &["*"],
            0,
            "there is no privilege name or privilege group name [*] defined in system to operate",
        ),
        ("g", &["Search", "CreateDatabase"], 0, "privileges are not the same privilege level"),
        ("g", &["Search", "other"], 0, "privileges are not the same privilege level"),
    ] {
        let reason = format!("{check}{core}: invalid parameter");
        refused(&operate_group(&root, name, members, r#type).await, 1100, 61, &reason);
    }
    let reason = "invalid operate privilege group type: invalid parameter";
    refused(&operate_group(&root, "g", &["Search"], 2).await, 1100, 61, reason);
    let reason = "Privilege should be not empty: invalid parameter[expected=not empty][actual=]";
    refused(&operate_group(&root, "g", &[""], 0).await, 1100, 5, reason);
    succeeded(&operate_group(&root, "g", &["Search"], 0).await);
    let status = operate_group(&root, "g", &["AlterDatabase"], 0).await;
    assert!(status.reason.contains("not the same privilege level"), "{}", status.reason);
    succeeded(&operate_group(&root, "other", &["g", "CollectionAdmin"], 0).await);
}

#[tokio::test]
async fn a_group_in_use_is_not_dropped_and_one_made_again_is_granted_to_nobody() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    for role in ["r2", "r1"] {
        root.create_role(role).await.unwrap();
        succeeded(&create_group(&root, &format!("of_{role}")).await);
    }
    succeeded(&operate_v2(&root, "r1", "of_r1", ("db", "c"), 0).await);
    let reason = "failed to check if privilege group dropable: privilege group [of_r1] is used by \
                  role [r1], Use REVOKE API to revoke it first: invalid parameter";
    refused(&drop_group(&root, "of_r1").await, 1100, 59, reason);
    succeeded(&operate_v2(&root, "r1", "of_r1", ("db", "c"), 1).await);
    succeeded(&drop_group(&root, "of_r1").await);
    succeeded(&create_group(&root, "of_r1").await);
    assert!(grants_of(&root, "r1").await.is_empty());
}
