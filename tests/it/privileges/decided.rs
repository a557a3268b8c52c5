//! What grants come to: the least privilege that opens each call, and what must not open any.

use milvus_rbac::api::rest_paths;
use milvus_rbac::policy::{Condition, Need, ObjectSource, Requirement, all};
use milvus_rbac::proto::milvus as pb;
use serde_json::json;
use tonic::Code;

use super::client::operate_v2;
use crate::support::{Grpc, ROOT, TestServer, Wire, basic, framed, success};

const PASSWORD: &str = "P@ssw0rd";
const LIST_USERS: &str = "SelectOwnership";

/// A user `ann` who holds the role `r`.
async fn with_role(server: &TestServer) -> (Grpc, Grpc) {
    let root = server.grpc(ROOT).await;
    assert_eq!(root.create_user("ann", PASSWORD).await.unwrap(), success());
    assert_eq!(root.create_role("r").await.unwrap(), success());
    assert_eq!(root.operate_user_role("ann", "r", 0).await.unwrap(), success());
    (root, server.grpc(("ann", PASSWORD)).await)
}

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(value.len() as u64, &mut bytes);
    bytes.extend_from_slice(value);
    bytes
}

/// A request about this object in this database.
fn message(row: &Requirement, database: &str, object: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(number) = row.database {
        bytes.extend(field(number, database.as_bytes()));
    }
    match row.object {
        ObjectSource::Any => {}
        ObjectSource::Field(number) | ObjectSource::Repeated(number) => {
            bytes.extend(field(number, object.as_bytes()));
        }
        ObjectSource::Nested(number) => bytes.extend(field(number, &field(1, object.as_bytes()))),
        ObjectSource::Role(number) => {
            bytes.extend(field(number, &field(1, &field(1, object.as_bytes()))));
        }
    }
    bytes
}

#[tokio::test]
async fn the_least_privilege_opens_its_calls_and_no_other_opens_them() {
    let server = TestServer::start().await;
    let (root, _) = with_role(&server).await;
    let login = basic("ann", PASSWORD);
    let wire = Wire::connect(server.address).await;
    let mut seen = 0;
    for row in all() {
        let Need::Privilege { privilege, .. } = row.documented else { continue };
        seen += 1;
        let other = if privilege.name() == "Search" { "Query" } else { "Search" };
        for (granted, may) in [(other, false), (privilege.name(), true)] {
            let grant = ("*", "*");
            assert_eq!(operate_v2(&root, "r", granted, grant, 0).await, success(), "{granted}");
            let request = framed(&message(row, "default", "thing"));
            let answer = wire.send(row.path, &[("authorization", &login)], request).await;
            let let_in = matches!(answer.code, Code::Ok | Code::Unimplemented);
            assert_eq!(let_in, may, "{} with {granted}: {}", row.path, answer.text);
            if !may {
                assert_eq!(answer.code, Code::PermissionDenied, "{}", row.path);
            }
            assert_eq!(operate_v2(&root, "r", granted, grant, 1).await, success(), "{granted}");
        }
        if row.conditions.contains(&Condition::IfNamed) {
            let answer = wire.send(row.path, &[("authorization", &login)], framed(&[])).await;
            assert_eq!(answer.code, Code::Unimplemented, "{} without a name", row.path);
        }
    }
    assert!(seen > 120, "{seen}");
}

#[tokio::test]
async fn over_rest_the_same_privilege_opens_the_same_operation() {
    let server = TestServer::start().await;
    let (root, _) = with_role(&server).await;
    let ann = server.rest(("ann", PASSWORD));
    let body = json!({
        "userName": "nobody", "roleName": "nothing", "password": "x", "objectType": "Global",
        "objectName": "*", "privilege": "nothing", "privilegeGroupName": "nothing",
        "privileges": []
    });
    for path in rest_paths() {
        let Need::Privilege { privilege, .. } = path.requirement().unwrap().documented else {
            panic!("{}: open", path.path);
        };
        for (granted, may) in [("Search", false), (privilege.name(), true)] {
            assert_eq!(operate_v2(&root, "r", granted, ("*", "*"), 0).await, success());
            let answer = ann.send("POST", path.path, &[], body.to_string()).await;
            assert_eq!(answer.status.as_u16(), if may { 200 } else { 403 }, "{}", path.path);
            assert_eq!(operate_v2(&root, "r", granted, ("*", "*"), 1).await, success());
        }
    }
}

#[tokio::test]
async fn of_two_groups_that_share_a_privilege_one_is_enough() {
    let server = TestServer::start().await;
    let (root, ann) = with_role(&server).await;
    for group in ["one", "two"] {
        make_group(&root, group, LIST_USERS).await;
        assert_eq!(operate_v2(&root, "r", group, ("*", "*"), 0).await, success());
    }
    assert!(ann.list_users().await.is_ok());
    assert_eq!(operate_v2(&root, "r", "one", ("*", "*"), 1).await, success());
    assert!(ann.list_users().await.is_ok(), "the other group still holds it");
    assert_eq!(operate_v2(&root, "r", "two", ("*", "*"), 1).await, success());
    assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_privilege_taken_from_a_group_is_gone_for_everybody_on_the_next_call() {
    let server = TestServer::start().await;
    let (root, ann) = with_role(&server).await;
    make_group(&root, "one", LIST_USERS).await;
    assert_eq!(operate_v2(&root, "r", "one", ("*", "*"), 0).await, success());
    for _ in 0..20 {
        assert!(ann.list_users().await.is_ok());
        operate_group(&root, "one", LIST_USERS, 1).await;
        assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
        operate_group(&root, "one", LIST_USERS, 0).await;
    }
}

#[tokio::test]
async fn names_cover_nothing_but_themselves() {
    let server = TestServer::start().await;
    let (root, _) = with_role(&server).await;
    assert_eq!(operate_v2(&root, "r", "Insert", ("db1", "*"), 0).await, success());
    assert_eq!(operate_v2(&root, "r", "Insert", ("db2", "c"), 0).await, success());
    let login = basic("ann", PASSWORD);
    let wire = Wire::connect(server.address).await;
    let row = milvus_rbac::policy::find("/milvus.proto.milvus.MilvusService/Insert").unwrap();
    for (database, object, may) in [
        ("db1", "anything", true),
        ("db1", "a/b", false),
        ("db10", "c", false),
        ("db1x", "c", false),
        ("DB1", "c", false),
        ("db2", "c", true),
        // A star in a request is a name like any other.
        ("db2", "*", false),
        ("*", "c", false),
        ("db2", "cc", false),
        ("db2", "c.d", false),
        ("db2.c", "", false),
        ("db2", "c\0", false),
        ("db2-c", "c", false),
    ] {
        let request = framed(&message(row, database, object));
        let answer = wire.send(row.path, &[("authorization", &login)], request).await;
        let expected = if may { Code::Unimplemented } else { Code::PermissionDenied };
        assert_eq!(answer.code, expected, "{database:?} {object:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_role_dropped_by_force_takes_its_rights_along_at_once() {
    let server = TestServer::start().await;
    let (root, ann) = with_role(&server).await;
    assert_eq!(operate_v2(&root, "r", LIST_USERS, ("*", "*"), 0).await, success());
    assert!(ann.list_users().await.is_ok());
    assert_ne!(root.drop_role("r").await.unwrap(), success(), "it has grants");
    assert!(ann.list_users().await.is_ok());
    let request = pb::DropRoleRequest { base: None, role_name: "r".into(), force_drop: true };
    assert_eq!(root.rpc().drop_role(request).await.unwrap().into_inner(), success());
    assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
    // Nor does it bring them back when it is made and bound again.
    assert_eq!(root.create_role("r").await.unwrap(), success());
    assert_eq!(root.operate_user_role("ann", "r", 0).await.unwrap(), success());
    assert_eq!(ann.list_users().await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn databases_are_listed_for_those_who_have_a_grant_in_them() {
    let server = TestServer::milvus().await;
    let (root, ann) = with_role(&server).await;
    let listed = async |user: &Grpc| {
        let request = pb::ListDatabasesRequest::default();
        user.rpc().list_databases(request).await.unwrap().into_inner().db_names
    };
    assert!(listed(&ann).await.is_empty());
    assert_eq!(root.operate_user_role("ann", "public", 0).await.unwrap(), success());
    assert!(listed(&ann).await.is_empty(), "what everybody holds shows nothing");
    assert_eq!(operate_v2(&root, "r", "Search", ("db1", "c"), 0).await, success());
    assert!(listed(&ann).await.is_empty(), "a grant in another database");
    make_group(&root, "group", "Search").await;
    assert_eq!(operate_v2(&root, "r", "group", ("default", "c"), 0).await, success());
    assert_eq!(listed(&ann).await, ["default"], "by a group");
    assert_eq!(operate_v2(&root, "r", "group", ("default", "c"), 1).await, success());
    assert!(listed(&ann).await.is_empty(), "an empty row is no grant");
    assert_eq!(operate_v2(&root, "r", "Search", ("*", "*"), 0).await, success());
    assert_eq!(listed(&ann).await, ["default"], "everywhere");
}

async fn make_group(root: &Grpc, name: &str, member: &str) {
    let request = pb::CreatePrivilegeGroupRequest { base: None, group_name: name.to_owned() };
    let made = root.rpc().create_privilege_group(request).await.unwrap().into_inner();
    assert_eq!(made, success());
    operate_group(root, name, member, 0).await;
}

async fn operate_group(root: &Grpc, name: &str, member: &str, r#type: i32) {
    let request = pb::OperatePrivilegeGroupRequest {
        base: None,
        group_name: name.to_owned(),
        privileges: vec![pb::PrivilegeEntity { name: member.to_owned() }],
        r#type,
    };
    let done = root.rpc().operate_privilege_group(request).await.unwrap().into_inner();
    assert_eq!(done, success());
}
