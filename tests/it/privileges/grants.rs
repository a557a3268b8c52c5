//! Granting, revoking and asking, refusal by refusal.

use milvus_rbac::proto::common::Status;
use milvus_rbac::proto::milvus as pb;

use super::client::*;
use crate::support::{ROOT, TestServer};

const COLLECTION: (&str, &str) = ("Collection", "c1");

#[tokio::test]
async fn a_grant_is_shown_with_what_goes_with_it_and_is_gone_after_its_revoke() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    for _ in 0..2 {
        succeeded(&operate(&root, entity("r", COLLECTION, "Load"), 0).await);
        assert_eq!(
            grants_of(&root, "r").await,
            [
                "Collection default.c1 GetLoadState",
                "Collection default.c1 GetLoadingProgress",
                "Collection default.c1 Load",
            ]
        );
    }
    for _ in 0..2 {
        succeeded(&operate(&root, entity("r", COLLECTION, "Load"), 1).await);
        assert!(grants_of(&root, "r").await.is_empty());
    }
}

#[tokio::test]
async fn grants_are_listed_in_milvus_order() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    for (object, privilege) in [
        (("User", "*"), "SelectUser"),
        (("Global", "zzz"), "CreateCollection"),
        (("Global", "*"), "All"),
        (("Global", "*"), "*"),
        (COLLECTION, "Load"),
        (COLLECTION, "*"),
        (COLLECTION, "Flush"),
    ] {
        succeeded(&operate(&root, entity("r", object, privilege), 0).await);
    }
    let mut everywhere = entity("r", ("Collection", "*"), "Insert");
    everywhere.db_name = "*".to_owned();
    succeeded(&operate(&root, everywhere, 0).await);
    succeeded(&operate_v2(&root, "r", "CollectionAdmin", ("db1", "c9"), 0).await);
    assert_eq!(
        grants_of(&root, "r").await,
        [
            "Collection *.* Insert",
            "Collection default.c1 *",
            "Collection default.c1 Flush",
            "Collection default.c1 GetFlushState",
            "Collection default.c1 GetLoadState",
            "Collection default.c1 GetLoadingProgress",
            "Collection default.c1 Load",
            "Global db1.c9 CollectionAdmin",
            "Global default.* *",
            "Global default.* All",
            "Global default.* CreateCollection",
            "User default.* SelectUser",
        ]
    );
}

#[tokio::test]
async fn a_query_selects_by_database_and_object() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    for database in ["", "db1", "*"] {
        succeeded(&operate_v2(&root, "r", "Search", (database, "c1"), 0).await);
    }
    succeeded(&operate_v2(&root, "r", "Query", ("db1", "c2"), 0).await);
    let ask = |database: &str, object: Option<&str>| pb::GrantEntity {
        role: Some(role_entity("r")),
        object: object.map(|_| pb::ObjectEntity { name: "Collection".to_owned() }),
        object_name: object.unwrap_or("ignored").to_owned(),
        grantor: None,
        db_name: database.to_owned(),
    };
    for (database, object, shown) in [
        ("", None, vec!["Collection *.c1 Search", "Collection default.c1 Search"]),
        (
            "db1",
            None,
            vec!["Collection *.c1 Search", "Collection db1.c1 Search", "Collection db1.c2 Query"],
        ),
        ("db1", Some("c2"), vec!["Collection db1.c2 Query"]),
        ("nowhere", Some("c1"), vec!["Collection *.c1 Search"]),
        ("nowhere", Some("c2"), vec![]),
    ] {
        let answer = select_grants(&root, Some(ask(database, object))).await;
        assert_eq!(answer.status, Some(Status::default()));
        let lines: Vec<String> = answer.entities.iter().map(line).collect();
        assert_eq!(lines, shown, "{database} {object:?}");
    }
    // The database of the connection counts where the request names none.
    let mut request =
        tonic::Request::new(pb::SelectGrantRequest { base: None, entity: Some(ask("", None)) });
    request.metadata_mut().insert("dbname", "db1".parse().unwrap());
    assert_eq!(root.rpc().select_grant(request).await.unwrap().into_inner().entities.len(), 3);
    let mut request = tonic::Request::new(pb::OperatePrivilegeV2Request {
        role: Some(role_entity("r")),
        grantor: Some(grantor("Insert")),
        collection_name: "c3".to_owned(),
        ..Default::default()
    });
    request.metadata_mut().insert("dbname", "db2".parse().unwrap());
    succeeded(&root.rpc().operate_privilege_v2(request).await.unwrap().into_inner());
    assert!(grants_of(&root, "r").await.contains(&"Collection db2.c3 Insert".to_owned()));
}

#[tokio::test]
async fn a_query_is_refused_part_by_part() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    let refusal = async |entity: Option<pb::GrantEntity>| {
        let answer = select_grants(&root, entity).await;
        assert!(answer.entities.is_empty());
        answer.status.unwrap()
    };
    let nil = "the grant entity in the request is nil: invalid parameter";
    refused(&refusal(None).await, 1100, 5, nil);
    let nil = "the role entity in the grant entity is nil: invalid parameter";
    refused(&refusal(Some(pb::GrantEntity::default())).await, 1100, 5, nil);
    let unknown = "the role \"nobody\" does not exist: invalid parameter";
    refused(&refusal(Some(entity("nobody", COLLECTION, "x"))).await, 1100, 42, unknown);
    let nope = "not found the object type[name: Nope], supported the object types: [Collection \
                Global User]: invalid parameter";
    refused(&refusal(Some(entity("r", ("Nope", "c"), "x"))).await, 1100, 42, nope);
    let empty = "object name should be not empty: invalid parameter[expected=not empty][actual=]";
    refused(&refusal(Some(entity("r", ("Collection", ""), "x"))).await, 1100, 5, empty);
}

#[tokio::test]
async fn a_grant_by_object_is_refused_part_by_part() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    succeeded(&create_group(&root, "mine").await);
    let full = entity("r", COLLECTION, "Search");
    let request = pb::OperatePrivilegeRequest::default();
    let status = root.rpc().operate_privilege(request).await.unwrap().into_inner();
    refused(&status, 1100, 5, "the entity in the request is nil: invalid parameter");
    let no_privilege = pb::GrantorEntity { user: None, privilege: None };
    for (entity, reason) in [
        (
            pb::GrantEntity { grantor: None, ..full.clone() },
            "the grantor entity in the grant entity is nil: invalid parameter",
        ),
        (
            pb::GrantEntity { grantor: Some(no_privilege), ..full.clone() },
            "the privilege entity in the grantor entity is nil: invalid parameter",
        ),
        (
            entity("r", COLLECTION, ""),
            "Privilege should be not empty: invalid parameter[expected=not empty][actual=]",
        ),
        (
            pb::GrantEntity { object: None, ..full.clone() },
            "the resource entity in the grant entity is nil: invalid parameter",
        ),
        (
            entity("r", ("1", "c"), "Search"),
            "the first character of ObjectType must be an underscore or letter: invalid \
             parameter[expected=95][actual=49]",
        ),
        (
            entity("r", ("Collection", "c-1"), "Search"),
            "object name can only contain numbers, letters, underscores, and allowed characters \
             ($), found - at 1: invalid parameter",
        ),
        (
            pb::GrantEntity { role: None, ..full.clone() },
            "the object entity in the grant entity is nil: invalid parameter",
        ),
        (
            entity("", COLLECTION, "Search"),
            "role name should be not empty: invalid parameter[expected=not empty][actual=]",
        ),
    ] {
        refused(&operate(&root, entity, 0).await, 1100, 5, reason);
    }
    let common = "failed to operate privilege common check: ";
    for (entity, r#type, reason) in [
        (
            full.clone(),
            2,
            format!(
                "{common}invalid operate privilege type, current type: 2, valid value: [Grant, \
                 Revoke]: invalid parameter"
            ),
        ),
        (
            entity("r", ("Nope", "c1"), "Search"),
            0,
            format!(
                "{common}the object entity in the request is nil or invalid: invalid parameter"
            ),
        ),
        (
            entity("nobody", COLLECTION, "Nope"),
            0,
            format!("{common}the role \"nobody\" does not exist: invalid parameter"),
        ),
        (
            entity("r", COLLECTION, "mine"),
            1,
            "can not operate the custom privilege group [mine]: invalid parameter".to_owned(),
        ),
        (
            entity("r", ("Global", "*"), "ClusterAdmin"),
            0,
            "can not operate the built-in privilege group [ClusterAdmin]: invalid parameter"
                .to_owned(),
        ),
        (
            entity("r", ("User", "*"), "GroupX"),
            0,
            "not found the privilege name[GroupX] in object[User]: invalid parameter".to_owned(),
        ),
    ] {
        refused(&operate(&root, entity, r#type).await, 1100, 41, &reason);
    }
    assert!(grants_of(&root, "r").await.is_empty());
}

#[tokio::test]
async fn a_grant_by_level_is_refused_part_by_part() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    let full = pb::OperatePrivilegeV2Request {
        base: None,
        role: Some(role_entity("r")),
        grantor: Some(grantor("Search")),
        r#type: 0,
        db_name: String::new(),
        collection_name: "c1".to_owned(),
    };
    let empty = pb::GrantorEntity::default();
    for (request, reason) in [
        (
            pb::OperatePrivilegeV2Request { role: None, ..full.clone() },
            "the role in the request is nil: invalid parameter",
        ),
        (
            pb::OperatePrivilegeV2Request { grantor: None, ..full.clone() },
            "the grantor entity in the request is nil: invalid parameter",
        ),
        (
            pb::OperatePrivilegeV2Request { grantor: Some(empty), ..full.clone() },
            "the privilege entity in the grantor entity is nil: invalid parameter",
        ),
        (
            pb::OperatePrivilegeV2Request { r#type: 7, ..full.clone() },
            "the type in the request not grant or revoke: invalid parameter",
        ),
        (
            pb::OperatePrivilegeV2Request { collection_name: String::new(), ..full.clone() },
            "collection name should be not empty: invalid parameter[expected=not empty][actual=]",
        ),
    ] {
        let status = root.rpc().operate_privilege_v2(request).await.unwrap().into_inner();
        refused(&status, 1100, 5, reason);
    }
    for (database, reason) in [
        ("%$", "the first character of a database name must be an underscore or letter"),
        ("a.b", "database name can only contain numbers, letters and underscores"),
        ("a/b", "database name can only contain numbers, letters and underscores"),
        ("db*", "database name can only contain numbers, letters and underscores"),
    ] {
        let reason = format!("{reason}: invalid database name[database={database}]");
        let status = operate_v2(&root, "r", "Search", (database, "c1"), 0).await;
        refused(&status, 802, 1, &reason);
        // By object it is the same: a dot would move the grant into another database.
        let mut entity = entity("r", COLLECTION, "Search");
        entity.db_name = database.to_owned();
        refused(&operate(&root, entity, 0).await, 802, 1, &reason);
    }
    let status = operate_v2(&root, "r", "GroupClusterAdmin", ("*", "*"), 0).await;
    let reason = "not found the privilege name[GroupClusterAdmin]: invalid parameter";
    refused(&status, 1100, 41, reason);
    assert!(grants_of(&root, "r").await.is_empty());
}

#[tokio::test]
async fn grants_are_compared_without_their_grantor_and_the_first_one_stays() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    root.create_user("second", "P@ssw0rd").await.unwrap();
    succeeded(&root.operate_user_role("second", "admin", 0).await.unwrap());
    let second = server.grpc(("second", "P@ssw0rd")).await;
    let who = async || {
        let answer = select_grants(&root, Some(entity("r", COLLECTION, ""))).await;
        let grantor = answer.entities[0].grantor.clone().unwrap();
        grantor.user.unwrap().name
    };
    // What the request says about the grantor does not count.
    let mut claimed = entity("r", COLLECTION, "Search");
    claimed.grantor.as_mut().unwrap().user = Some(pb::UserEntity { name: "root".to_owned() });
    succeeded(&operate(&second, claimed.clone(), 0).await);
    assert_eq!(who().await, "second");
    succeeded(&operate(&root, claimed.clone(), 0).await);
    assert_eq!(who().await, "second");
    succeeded(&operate(&root, claimed.clone(), 1).await);
    succeeded(&operate(&root, claimed, 0).await);
    assert_eq!(who().await, "root");
}

#[tokio::test]
async fn a_grant_by_object_in_version_2_is_checked_by_level() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    let request = |privilege: &str| pb::OperatePrivilegeRequest {
        base: None,
        entity: Some(entity("r", ("Global", "c1"), privilege)),
        r#type: 0,
        version: "v2".to_owned(),
    };
    let answer = root.rpc().operate_privilege(request("CollectionReadOnly")).await.unwrap();
    succeeded(answer.get_ref());
    let answer = root.rpc().operate_privilege(request("ClusterAdmin")).await.unwrap();
    assert_eq!(answer.get_ref().code, 1100);
    assert_eq!(grants_of(&root, "r").await, ["Global default.c1 CollectionReadOnly"]);
    // Either form revokes what the other has granted, as long as it is stored alike.
    succeeded(&operate(&root, entity("r", COLLECTION, "Search"), 0).await);
    succeeded(&operate_v2(&root, "r", "Search", ("", "c1"), 1).await);
    assert_eq!(grants_of(&root, "r").await.len(), 1);
}

#[tokio::test]
async fn a_role_with_grants_is_dropped_by_force_only_and_comes_back_empty() {
    let server = TestServer::start().await;
    let root = server.grpc(ROOT).await;
    root.create_role("r").await.unwrap();
    root.create_user("u", "P@ssw0rd").await.unwrap();
    root.operate_user_role("u", "r", 0).await.unwrap();
    succeeded(&operate_v2(&root, "r", "Search", ("elsewhere", "c1"), 0).await);
    let reason = "failed to check if drop role: fail to drop the role that it has privileges. Use \
                  REVOKE API to revoke privileges: invalid parameter";
    refused(&root.drop_role("r").await.unwrap(), 1100, 36, reason);
    let before = server.deployment.admin().snapshots().get().revision();
    let request = pb::DropRoleRequest { base: None, role_name: "r".to_owned(), force_drop: true };
    succeeded(root.rpc().drop_role(request).await.unwrap().get_ref());
    let after = server.deployment.admin().snapshots().get();
    assert_eq!(after.revision().0, before.0 + 1, "one batch");
    assert_eq!(after.grants().rows_with("PrivilegeSearch").count(), 0);
    assert!(root.select_user("u").await.unwrap().unwrap().roles.is_empty());
    root.create_role("r").await.unwrap();
    assert!(grants_of(&root, "r").await.is_empty());
}
